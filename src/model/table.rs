//! Tables: the rows of a slab in one buffer.

use std::ops::Range;
use std::sync::Arc;

use super::cells;

/// Rows of equal width: one buffer of text, and where in it each field lies.
///
/// No allocation per row or field. Fields are unescaped (quotes removed, doubled quotes single); a
/// table that was read has the text of its rows beside them ([`Self::line`]). Tables whose fields
/// are those of another share its buffer ([`Self::derive`]), and a copy shares everything.
#[derive(Debug, Clone, Default)]
#[expect(clippy::rc_buffer, reason = "each grows in place until it is shared")]
pub struct Table {
    width: usize,
    text: Arc<Vec<u8>>,
    fields: Arc<Vec<Span>>,
    /// The lines of the first rows; an empty one says that the row has none.
    lines: Arc<Vec<Span>>,
}

/// A part of the buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// With [`DOUBLED`] added until [`Building::take_rows`] has made one quote of two.
    start: u32,
    /// With [`PLAIN`] added where the text is known to need no quotes.
    end: u32,
}

/// What is known of the text of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// It has no comma, quote or line end.
    Plain,
    /// It may have any.
    Text,
    /// It has quotes, each of them written twice.
    Doubled,
}

/// The bit of a span's end that says: no comma, quote or line end in it.
const PLAIN: u32 = 1 << 31;

/// The bit of a span's start that says: its quotes are written twice.
const DOUBLED: u32 = 1 << 31;

impl Span {
    pub const NONE: Self = Self { start: 0, end: 0 };

    /// The place of a field; both numbers are far below 2 GiB.
    #[inline]
    pub fn new(start: u32, end: u32, form: Form) -> Self {
        match form {
            Form::Plain => Self { start, end: end | PLAIN },
            Form::Text => Self { start, end },
            Form::Doubled => Self { start: start | DOUBLED, end },
        }
    }

    #[inline]
    fn end(self) -> usize {
        (self.end & !PLAIN) as usize
    }

    #[inline]
    fn is_plain(self) -> bool {
        self.end & PLAIN != 0
    }

    #[inline]
    fn of(self, text: &[u8]) -> &[u8] {
        &text[self.start as usize..self.end()]
    }

    fn moved(self, by: u32) -> Self {
        Self { start: self.start + by, end: self.end + by }
    }
}

/// A field without text.
const EMPTY: Span = Span { start: 0, end: PLAIN };

#[inline]
fn offset(bytes: usize) -> u32 {
    let offset = u32::try_from(bytes).unwrap_or(u32::MAX);
    assert!(offset < PLAIN, "a slab stays far below 2 GiB");
    offset
}

impl Table {
    /// An empty table whose rows have `width` fields.
    pub fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    /// An empty table with room for that many rows and bytes of text.
    pub fn with_capacity(width: usize, rows: usize, bytes: usize) -> Self {
        Self {
            width,
            text: Arc::new(Vec::with_capacity(bytes)),
            fields: Arc::new(Vec::with_capacity(rows * width)),
            lines: Arc::new(Vec::with_capacity(rows)),
        }
    }

    /// Fields per row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows in the table; a row that is not complete yet does not count.
    #[inline]
    pub fn len(&self) -> usize {
        self.fields.len().checked_div(self.width).unwrap_or(0)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the rows weigh: bytes of text, and some for each field.
    pub fn weight(&self) -> usize {
        Self::weight_of(self.text.len(), self.fields.len())
    }

    /// Four bytes for each field, one of which is the delimiter in the text: a row may have
    /// thousands of empty fields.
    #[inline]
    pub fn weight_of(text: usize, fields: usize) -> usize {
        text + 3 * fields
    }

    /// All text: every field is a part of it, and there may be more.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Appends one field; `width` of these make a row.
    pub fn push_field(&mut self, field: &[u8]) {
        self.build().push_field(field);
    }

    /// Takes the table up for many fields to be appended.
    pub fn build(&mut self) -> Building<'_> {
        let rows = self.len();
        let text = Arc::make_mut(&mut self.text);
        Building {
            width: self.width,
            rows,
            begun: text.len(),
            text,
            fields: Arc::make_mut(&mut self.fields),
            lines: Arc::make_mut(&mut self.lines),
        }
    }

    /// How far the table goes now, for [`Self::cut_back`].
    pub fn extent(&self) -> Extent {
        Extent { text: self.text.len(), fields: self.fields.len(), lines: self.lines.len() }
    }

    /// Takes back everything that came after.
    pub fn cut_back(&mut self, to: Extent) {
        Arc::make_mut(&mut self.text).truncate(to.text);
        Arc::make_mut(&mut self.fields).truncate(to.fields);
        Arc::make_mut(&mut self.lines).truncate(to.lines);
    }

    /// Takes back everything.
    pub fn clear(&mut self) {
        self.cut_back(Extent::default());
    }

    /// Field `column` of row `row`; both counted from 0.
    #[inline]
    pub fn field(&self, row: usize, column: usize) -> &[u8] {
        self.fields[row * self.width + column].of(&self.text)
    }

    /// The fields of row `row`, in order.
    #[inline]
    pub fn row(&self, row: usize) -> impl ExactSizeIterator<Item = &[u8]> {
        let first = row * self.width;
        self.fields[first..first + self.width].iter().map(|span| span.of(&self.text))
    }

    /// Whether row `row` has the same fields in another table.
    #[inline]
    pub fn has_row_of(&self, other: &Self, row: usize) -> bool {
        self.width == other.width
            && (self.has_all_rows_of(other) || self.row(row).eq(other.row(row)))
    }

    /// Whether it is certain at once that all rows have the same fields in another table.
    #[inline]
    pub fn has_all_rows_of(&self, other: &Self) -> bool {
        self.width == other.width
            && Arc::ptr_eq(&self.fields, &other.fields)
            && Arc::ptr_eq(&self.text, &other.text)
    }

    /// The fields of a column in these rows, in order.
    #[inline]
    pub fn column(&self, column: usize, rows: Range<usize>) -> impl Iterator<Item = &[u8]> {
        let fields = &self.fields[rows.start * self.width..rows.end * self.width];
        let text = &self.text[..];
        fields.chunks_exact(self.width.max(1)).map(move |row| row[column].of(text))
    }

    /// The lines of as many of these rows as have one, lie side by side and have no more bytes
    /// together, and how many they are.
    pub fn lines(&self, rows: Range<usize>, most: usize) -> (usize, &[u8]) {
        let known = self.lines.len();
        let lines = &self.lines[rows.start.min(known)..rows.end.min(known)];
        let start = lines.first().map_or(0, |line| line.start);
        let (mut count, mut end) = (0, start);
        for line in lines {
            let next = line.end;
            if line.start != end || next <= end || (next - start) as usize > most {
                break;
            }
            (count, end) = (count + 1, next);
        }
        (count, &self.text[start as usize..end as usize])
    }

    /// The row as [`cells::push_line`] would write it, line end included; `None` where nobody has
    /// that text at hand.
    #[inline]
    pub fn line(&self, row: usize) -> Option<&[u8]> {
        let line = self.lines.get(row)?.of(&self.text);
        (!line.is_empty()).then_some(line)
    }

    /// Writes the row as [`cells::push_line`] would.
    #[inline]
    pub fn push_line(&self, row: usize, out: &mut Vec<u8>) {
        match self.line(row) {
            Some(line) => out.extend_from_slice(line),
            None => self.push_cells(row, out, b"\"\""),
        }
    }

    /// Writes the row as the end of a line that has begun with other cells.
    #[inline]
    pub fn push_rest(&self, row: usize, out: &mut Vec<u8>) {
        match self.line(row) {
            Some(line) => out.extend_from_slice(line),
            None => self.push_cells(row, out, b""),
        }
    }

    /// `alone` is what an empty cell without neighbors is written as.
    fn push_cells(&self, row: usize, out: &mut Vec<u8>, alone: &[u8]) {
        let start = out.len();
        let first = row * self.width;
        for span in &self.fields[first..first + self.width] {
            let field = span.of(&self.text);
            if span.is_plain() {
                out.extend_from_slice(field);
            } else {
                cells::push_cell(out, field);
            }
            out.push(b',');
        }
        match out.len() - start {
            0 => out.push(b'\n'),
            1 => {
                out.truncate(start);
                out.extend_from_slice(alone);
                out.push(b'\n');
            }
            _ => *out.last_mut().unwrap_or(&mut 0) = b'\n',
        }
    }

    /// Finds out whether no field needs quotes, where the text is that of the fields alone.
    pub fn note_plain(&mut self) {
        if !cells::needs_quotes(&self.text) {
            for span in Arc::make_mut(&mut self.fields) {
                span.end |= PLAIN;
            }
        }
    }

    /// Appends all rows of `other`, which has the same width.
    pub fn append(&mut self, other: &Self) {
        debug_assert_eq!(self.width, other.width);
        let base = offset(self.text.len());
        Arc::make_mut(&mut self.text).extend_from_slice(&other.text);
        Arc::make_mut(&mut self.fields).extend(other.fields.iter().map(|span| span.moved(base)));
    }

    /// Begins a table of the same rows, whose fields are the given columns of this one.
    ///
    /// `None` is an empty field. Nothing is copied; the text of both grows by what is set.
    pub fn derive(&mut self, columns: &[Option<usize>]) -> Derived<'_> {
        let same = columns.len() == self.width
            && columns.iter().enumerate().all(|(place, column)| *column == Some(place));
        let (fields, lines) = if same {
            (Arc::clone(&self.fields), Arc::clone(&self.lines))
        } else {
            let mut fields = Vec::with_capacity(self.len() * columns.len());
            for row in self.fields.chunks_exact(self.width.max(1)) {
                fields.extend(columns.iter().map(|column| column.map_or(EMPTY, |it| row[it])));
            }
            (Arc::new(fields), Arc::default())
        };
        Derived { width: columns.len(), base: self, fields, lines }
    }
}

/// How far a table goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    text: usize,
    fields: usize,
    lines: usize,
}

/// A row that was found in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub start: usize,
    /// Where its line end is, which is LF or CRLF.
    pub end: usize,
    /// Where the next row begins.
    pub next: usize,
    /// Its text is as [`cells::push_line`] would write it.
    pub is_line: bool,
    /// One of its fields is of [`Form::Doubled`].
    pub has_doubled: bool,
}

/// Bytes of text that are copied at once: they are near the processor still.
const COPY_BYTES: usize = 3 << 10;

/// Places of fields that are made at once, so that none is made for each field.
const PLACES_AT_ONCE: usize = 4_096;

/// A table to which fields are appended.
pub struct Building<'a> {
    width: usize,
    /// Whole rows before it was taken up.
    rows: usize,
    text: &'a mut Vec<u8>,
    fields: &'a mut Vec<Span>,
    lines: &'a mut Vec<Span>,
    /// Where the field that is being built begins.
    begun: usize,
}

impl Building<'_> {
    /// Appends one field.
    pub fn push_field(&mut self, field: &[u8]) {
        self.extend_field(field);
        self.end_field();
    }

    /// Appends bytes to the field that is being built; [`Self::end_field`] closes it.
    pub fn extend_field(&mut self, part: &[u8]) {
        self.text.extend_from_slice(part);
    }

    /// Closes the field that is being built.
    pub fn end_field(&mut self) {
        let end = self.text.len();
        self.fields.push(Span { start: offset(self.begun), end: offset(end) });
        self.begun = end;
    }

    /// Appends the rows that `find` finds in `text`, one after the other from its start, and
    /// returns how many bytes they are.
    ///
    /// `find` fills in the places of a row's fields, as many as the table is wide, and is over with
    /// the first `None`; it adds to each place the number that it is given, which is where `text`
    /// lies in the table. It is called for `most` rows at most.
    ///
    /// Where line ends are LF, many rows are copied at once.
    #[inline]
    pub fn take_rows(
        mut self,
        text: &[u8],
        most: usize,
        mut find: impl FnMut(&mut [Span], u32) -> Option<Found>,
    ) -> usize {
        if self.width == 0 {
            return 0;
        }
        // Every place below is less than this.
        let mut shift = offset(self.text.len() + text.len() + 1) - offset(text.len() + 1);
        let (mut left, mut copied, mut used) = (most, 0, 0);
        let mut doubled = Vec::new();
        self.lines.resize(self.rows, Span::NONE);
        while left > 0 {
            let rows = left.min((PLACES_AT_ONCE / self.width).max(1));
            let first = self.fields.len();
            self.fields.resize(first + rows * self.width, EMPTY);
            let mut taken = 0;
            for places in self.fields[first..].chunks_exact_mut(self.width) {
                let Some(found) = find(places, shift) else { break };
                if found.has_doubled {
                    let places = (first + taken * self.width..).zip(places);
                    let places = places.filter(|(_, span)| span.start & DOUBLED != 0);
                    doubled.extend(places.map(|(place, _)| place));
                }
                self.lines.push(if found.is_line { line_of(&found, shift) } else { Span::NONE });
                if found.next - found.end > 1 {
                    // The CR is left out, and the LF is the start of what is copied next.
                    self.text.extend_from_slice(&text[copied..found.end]);
                    copied = found.end + 1;
                    shift = shift.wrapping_sub(1);
                } else if found.next - copied >= COPY_BYTES {
                    self.text.extend_from_slice(&text[copied..found.next]);
                    copied = found.next;
                }
                used = found.next;
                taken += 1;
            }
            self.fields.truncate(first + taken * self.width);
            left = if taken < rows { 0 } else { left - taken };
        }
        self.text.extend_from_slice(&text[copied..used]);
        for place in doubled {
            self.fields[place] = self.push_single(self.fields[place]);
        }
        used
    }

    /// Appends the text of a field with one quote for each two.
    fn push_single(&mut self, doubled: Span) -> Span {
        let (mut from, end) = ((doubled.start & !DOUBLED) as usize, doubled.end());
        let start = offset(self.text.len());
        while let Some(quote) = memchr::memchr(b'"', &self.text[from..end]) {
            self.text.extend_from_within(from..=from + quote);
            from = end.min(from + quote + 2);
        }
        self.text.extend_from_within(from..end);
        Span { start, end: offset(self.text.len()) }
    }
}

/// The line of a row, with LF.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "the text was looked at")]
fn line_of(found: &Found, shift: u32) -> Span {
    let place = |at: usize| (at as u32).wrapping_add(shift);
    Span { start: place(found.start), end: place(found.end + 1) }
}

/// A table whose fields are those of another, but for those that are set anew.
#[expect(clippy::rc_buffer, reason = "they are those of a table")]
pub struct Derived<'a> {
    base: &'a mut Table,
    width: usize,
    fields: Arc<Vec<Span>>,
    lines: Arc<Vec<Span>>,
}

impl Derived<'_> {
    /// The table that the fields come from.
    pub fn base(&self) -> &Table {
        self.base
    }

    /// Field `column` of row `row` as it is now.
    pub fn field(&self, row: usize, column: usize) -> &[u8] {
        self.fields[row * self.width + column].of(&self.base.text)
    }

    /// Gives a column the same value in all rows.
    pub fn fill(&mut self, column: usize, value: &[u8]) {
        let span = self.push(value);
        let column = Arc::make_mut(&mut self.fields).iter_mut().skip(column).step_by(self.width);
        column.for_each(|field| *field = span);
        self.lines = Arc::default();
    }

    /// Gives a field another value.
    pub fn set(&mut self, row: usize, column: usize, value: &[u8]) {
        let span = self.push(value);
        Arc::make_mut(&mut self.fields)[row * self.width + column] = span;
        if self.lines.get(row).is_some_and(|line| *line != Span::NONE) {
            Arc::make_mut(&mut self.lines)[row] = Span::NONE;
        }
    }

    fn push(&mut self, value: &[u8]) -> Span {
        let text = Arc::make_mut(&mut self.base.text);
        let start = offset(text.len());
        text.extend_from_slice(value);
        let plain = if cells::needs_quotes(value) { 0 } else { PLAIN };
        Span { start, end: offset(text.len()) | plain }
    }

    /// The table as it has become.
    pub fn finish(self) -> Table {
        let Self { base, width, fields, lines } = self;
        Table { width, text: Arc::clone(&base.text), fields, lines }
    }
}

impl PartialEq for Table {
    fn eq(&self, other: &Self) -> bool {
        self.width == other.width
            && self.fields.len() == other.fields.len()
            && self
                .fields
                .iter()
                .zip(&*other.fields)
                .all(|(one, two)| one.of(&self.text) == two.of(&other.text))
    }
}

impl Eq for Table {}

#[cfg(test)]
impl Table {
    /// Appends a row with its line, as a reader does.
    pub fn push_read(&mut self, cells: &[&[u8]]) {
        let mut text = Vec::new();
        cells::push_line(&mut text, cells.iter().copied());
        let mut from = 0;
        let mut field = |cell: &&[u8]| {
            let quotes = u32::from(cells::needs_quotes(cell));
            let form = match quotes {
                _ if cell.contains(&b'"') => Form::Doubled,
                0 => Form::Plain,
                _ => Form::Text,
            };
            let doubled = memchr::memchr_iter(b'"', cell).count();
            let start = from + quotes;
            let end = start + offset(cell.len() + doubled);
            from = end + quotes + 1;
            Span::new(start, end, form)
        };
        let fields: Vec<Span> = cells.iter().map(&mut field).collect();
        let has_doubled = fields.iter().any(|span| span.start & DOUBLED != 0);
        self.build().take_rows(&text, 1, |places, shift| {
            for (place, span) in places.iter_mut().zip(&fields) {
                let (start, end) = (span.start.wrapping_add(shift), span.end.wrapping_add(shift));
                *place = Span { start, end };
            }
            // A reader does not take a row of one empty cell, so it has its quotes.
            let (end, next) = (text.len() - 1, text.len());
            Some(Found { start: 0, end, next, is_line: true, has_doubled })
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(table: &Table) -> Vec<Vec<String>> {
        let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
        (0..table.len()).map(|row| table.row(row).map(text).collect()).collect()
    }

    /// Takes rows, each with its text, the places of its fields and whether it is a line.
    fn take(table: &mut Table, rows: &[(&str, &[Span], bool)], end: &str) {
        let text: String = rows.iter().flat_map(|(row, ..)| [row, end]).collect();
        let (mut start, mut left) = (0, rows.iter());
        let used = table.build().take_rows(text.as_bytes(), 100, |places, shift| {
            let (row, spans, is_line) = *left.next()?;
            let by = shift.wrapping_add(u32::try_from(start).unwrap());
            for (place, span) in places.iter_mut().zip(spans) {
                let (start, end) = (span.start.wrapping_add(by), span.end.wrapping_add(by));
                *place = Span { start, end };
            }
            let end = start + row.len();
            let has_doubled = spans.iter().any(|span| span.start & DOUBLED != 0);
            let found =
                Found { start, end, next: end + text_end(&text[end..]), is_line, has_doubled };
            start = found.next;
            Some(found)
        });
        assert_eq!(used, text.len());
    }

    fn text_end(rest: &str) -> usize {
        if rest.starts_with("\r\n") { 2 } else { 1 }
    }

    fn place(start: u32, end: u32) -> Span {
        Span::new(start, end, Form::Plain)
    }

    #[test]
    fn a_table_gives_back_what_was_pushed() {
        let mut table = Table::new(2);
        for field in ["a", "", "ccc", "d"] {
            table.push_field(field.as_bytes());
        }
        let mut more = Table::new(2);
        more.push_field(b"e");
        more.push_field(b"f");
        table.append(&more);
        assert_eq!(table.len(), 3);
        assert_eq!(table.row(1).collect::<Vec<_>>(), [&b"ccc"[..], b"d"]);
        assert_eq!(table.field(2, 1), b"f");
        let before = table.extent();
        table.push_field(b"half a row");
        table.cut_back(before);
        assert_eq!(table.field(2, 0), b"e");
        assert_eq!(table.len(), 3);
        assert_eq!(table.text(), b"acccdef");
    }

    #[test]
    fn rows_with_a_line_and_rows_without_one_mix() {
        let mut table = Table::new(2);
        table.push_field(b"a");
        table.push_field(b"b");
        let doubled = Span::new(3, 11, Form::Doubled);
        for end in ["\n", "\r\n"] {
            let mut table = table.clone();
            let quoted: (_, &[_], _) = (r#"c,"d""e"",f""#, &[place(0, 1), doubled], true);
            take(&mut table, &[quoted, (r#""x",y"#, &[place(1, 2), place(4, 5)], false)], end);
            assert_eq!(rows(&table), [["a", "b"], ["c", r#"d"e",f"#], ["x", "y"]]);
            let lines: Vec<_> = (0..4).map(|row| table.line(row)).collect();
            assert_eq!(lines, [None, Some(&b"c,\"d\"\"e\"\",f\"\n"[..]), None, None]);
            assert_eq!(table.lines(0..3, 100), (0, &b""[..]));
            assert_eq!(table.lines(1..3, 100), (1, lines[1].unwrap()));
            assert_eq!(table.lines(3..5, 100), (0, &b""[..]));

            let mut written = Vec::new();
            (0..3).for_each(|row| table.push_line(row, &mut written));
            assert_eq!(written.as_slice(), b"a,b\nc,\"d\"\"e\"\",f\"\nx,y\n");

            let (before, extent) = (table.clone(), table.extent());
            table.push_field(b"more");
            table.push_field(b"than that");
            take(&mut table, &[("z,", &[place(0, 1), place(2, 2)], true)], end);
            assert_eq!((before.len(), table.len()), (3, 5));
            assert_eq!(table.line(4), Some(&b"z,\n"[..]));
            table.cut_back(extent);
            assert_eq!(table, before);
            assert_eq!(table.line(1), before.line(1));
            table.clear();
            assert_eq!((table.weight(), before.len()), (0, 3));
        }
    }

    proptest! {
        #[test]
        fn lines_are_written_as_the_cells_are(
            cells in prop::collection::vec("[a-c,\"\r\n ]{0,4}", 1..4),
            note in any::<bool>(),
        ) {
            let mut table = Table::new(cells.len());
            for cell in &cells {
                table.push_field(cell.as_bytes());
            }
            if note {
                table.note_plain();
            }
            let (mut line, mut expected) = (b"before\n".to_vec(), b"before\n".to_vec());
            table.push_line(0, &mut line);
            cells::push_line(&mut expected, cells.iter().map(String::as_bytes));
            prop_assert_eq!(&line, &expected);
            // Behind another cell an empty one needs no quotes.
            let (mut rest, mut expected) = (b"before".to_vec(), b"before".to_vec());
            cells::push_line(&mut expected, [&b""[..]].into_iter().chain(cells.iter().map(String::as_bytes)));
            rest.push(b',');
            table.push_rest(0, &mut rest);
            prop_assert_eq!(&rest, &expected);
        }
    }

    #[test]
    fn a_derived_table_shares_text_until_it_is_set() {
        let mut table = Table::new(2);
        let places = [place(0, 1), place(2, 3)];
        take(&mut table, &[("a,b", &places, true), ("c,d", &places, true)], "\n");
        let same = table.derive(&[Some(0), Some(1)]).finish();
        assert_eq!(same, table);
        assert_eq!(same.line(1), Some(&b"c,d\n"[..]));
        assert_eq!(same.lines(0..2, 8), (2, &b"a,b\nc,d\n"[..]));
        assert_eq!(same.lines(0..2, 7), (1, &b"a,b\n"[..]));
        assert_eq!(same.lines(1..2, 7), (1, &b"c,d\n"[..]));

        let mut derived = table.derive(&[Some(0), Some(1)]);
        derived.set(1, 0, b"new");
        assert_eq!(derived.field(1, 0), b"new");
        assert_eq!(derived.base().field(1, 0), b"c");
        let derived = derived.finish();
        assert_eq!(rows(&derived), [["a", "b"], ["new", "d"]]);
        assert_eq!((derived.line(0), derived.line(1)), (Some(&b"a,b\n"[..]), None));
        assert_eq!(rows(&table), [["a", "b"], ["c", "d"]]);
        assert_eq!(rows(&same), rows(&table));

        let mut other = table.derive(&[Some(1), None, Some(1)]);
        other.fill(2, b"e,");
        let other = other.finish();
        assert_eq!(rows(&other), [["b", "", "e,"], ["d", "", "e,"]]);
        assert_eq!(other.line(0), None);
        let mut written = Vec::new();
        other.push_line(1, &mut written);
        assert_eq!(written.as_slice(), b"d,,\"e,\"\n");
    }
}
