//! Tables: the rows of a slab in one buffer.

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
struct Span {
    start: u32,
    /// With [`PLAIN`] added where the text is known to need no quotes.
    end: u32,
}

/// The bit of a span's end that says: no comma, quote or line end in it.
const PLAIN: u32 = 1 << 31;

impl Span {
    const NONE: Self = Self { start: 0, end: 0 };

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

/// Four bytes for each field, one of which is the delimiter in the text: a row may have thousands
/// of empty fields.
#[inline]
fn weight(text: &[u8], fields: &[Span]) -> usize {
    text.len() + 3 * fields.len()
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
            lines: Arc::default(),
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
        weight(&self.text, &self.fields)
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
            rows,
            begun: text.len(),
            text,
            fields: Arc::make_mut(&mut self.fields),
            lines: Arc::make_mut(&mut self.lines),
        }
    }

    /// Takes back everything after the first `rows` rows, which were appended in their order.
    pub fn truncate(&mut self, rows: usize) {
        let fields = Arc::make_mut(&mut self.fields);
        fields.truncate(rows * self.width);
        Arc::make_mut(&mut self.lines).truncate(rows);
        let last = &fields[rows.saturating_sub(1) * self.width..];
        let line = if rows > 0 { self.lines.get(rows - 1) } else { None };
        let end = last.iter().chain(line).map(|span| span.end()).max().unwrap_or(0);
        Arc::make_mut(&mut self.text).truncate(end);
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
            None => self.push_cells(row, out),
        }
    }

    fn push_cells(&self, row: usize, out: &mut Vec<u8>) {
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
            1 => out.splice(start.., *b"\"\"\n").for_each(drop),
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

/// A table to which fields are appended.
pub struct Building<'a> {
    /// Whole rows, for [`Self::push_row`].
    rows: usize,
    text: &'a mut Vec<u8>,
    fields: &'a mut Vec<Span>,
    lines: &'a mut Vec<Span>,
    /// Where the field that is being built begins.
    begun: usize,
}

impl Building<'_> {
    /// What the rows weigh, as [`Table::weight`] counts it.
    #[inline]
    pub fn weight(&self) -> usize {
        weight(self.text, self.fields)
    }

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

    /// Appends a whole row by its text, in which `places` are those of its fields.
    ///
    /// A line end is added. `is_line` says that the row is then as [`cells::push_line`] would write
    /// it. All rows are appended so, or field by field, until the table is taken up anew.
    #[inline]
    pub fn push_row(&mut self, row: &[u8], places: &[Place], is_line: bool) {
        let mut has_doubled = false;
        let base = self.text.len();
        let end = offset(base + row.len() + 1);
        self.text.reserve(row.len() + 1);
        self.text.extend_from_slice(row);
        self.text.push(b'\n');
        // All offsets in the row are below its end, which was looked at.
        let shift = end - 1 - offset(row.len());
        if is_line {
            if self.lines.len() < self.rows {
                self.lines.resize(self.rows, Span::NONE);
            }
            self.lines.push(Span { start: shift, end });
        }
        self.rows += 1;
        let first = self.fields.len();
        for place in places {
            let plain = if place.form == Form::Plain { PLAIN } else { 0 };
            has_doubled |= place.form == Form::Doubled;
            self.fields.push(Span { start: place.start + shift, end: (place.end + shift) | plain });
        }
        if has_doubled {
            for (number, place) in (first..).zip(places) {
                if place.form == Form::Doubled {
                    let doubled = &row[place.start as usize..place.end as usize];
                    self.fields[number] = self.push_single(doubled);
                }
            }
        }
        self.begun = self.text.len();
    }

    /// Appends text with one quote for each two.
    fn push_single(&mut self, doubled: &[u8]) -> Span {
        let start = offset(self.text.len());
        let mut rest = doubled;
        while let Some(at) = memchr::memchr(b'"', rest) {
            self.text.extend_from_slice(&rest[..=at]);
            rest = rest.get(at + 2..).unwrap_or_default();
        }
        self.text.extend_from_slice(rest);
        Span { start, end: offset(self.text.len()) }
    }
}

/// Where a field lies in the text of its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub start: u32,
    pub end: u32,
    pub form: Form,
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(table: &Table) -> Vec<Vec<String>> {
        let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
        (0..table.len()).map(|row| table.row(row).map(text).collect()).collect()
    }

    fn place(start: u32, end: u32) -> Place {
        Place { start, end, form: Form::Plain }
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
        table.push_field(b"half a row");
        table.truncate(3);
        assert_eq!(table.field(2, 0), b"e");
        assert_eq!(table.len(), 3);
        assert_eq!(table.text(), b"acccdef");
    }

    #[test]
    fn rows_with_a_line_and_rows_without_one_mix() {
        let mut table = Table::new(2);
        table.push_field(b"a");
        table.push_field(b"b");
        let doubled = Place { form: Form::Doubled, ..place(3, 11) };
        table.build().push_row(br#"c,"d""e"",f""#, &[place(0, 1), doubled], true);
        table.build().push_row(br#""x",y"#, &[place(1, 2), place(4, 5)], false);
        assert_eq!(rows(&table), [["a", "b"], ["c", r#"d"e",f"#], ["x", "y"]]);
        let lines: Vec<_> = (0..4).map(|row| table.line(row)).collect();
        assert_eq!(lines, [None, Some(&b"c,\"d\"\"e\"\",f\"\n"[..]), None, None]);

        let mut written = Vec::new();
        (0..3).for_each(|row| table.push_line(row, &mut written));
        assert_eq!(written.as_slice(), b"a,b\nc,\"d\"\"e\"\",f\"\nx,y\n");

        let before = table.clone();
        table.build().push_row(b"z,", &[place(0, 1), place(2, 2)], true);
        assert_eq!((before.len(), table.len()), (3, 4));
        table.truncate(3);
        assert_eq!(table, before);
        assert_eq!(table.line(1), before.line(1));
        table.truncate(0);
        assert_eq!((table.weight(), before.len()), (0, 3));
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
            prop_assert_eq!(line, expected);
        }
    }

    #[test]
    fn a_derived_table_shares_text_until_it_is_set() {
        let mut table = Table::new(2);
        table.build().push_row(b"a,b", &[place(0, 1), place(2, 3)], true);
        table.build().push_row(b"c,d", &[place(0, 1), place(2, 3)], true);
        let same = table.derive(&[Some(0), Some(1)]).finish();
        assert_eq!(same, table);
        assert_eq!(same.line(1), Some(&b"c,d\n"[..]));

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
