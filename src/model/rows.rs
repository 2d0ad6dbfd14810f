//! Slabs: the rows between two stages, some thousands at a time in one buffer.

/// The place of a row in the file.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct RowMark {
    /// Counted from 1, header not counted; damaged rows count too.
    pub row: u64,
    /// The physical line on which the row starts, counted from 1.
    pub line: u64,
}

/// Rows of equal width in one contiguous buffer: field bytes back to back, plus where each ends.
///
/// No allocation per row or field. Fields are unescaped (quotes removed, doubled quotes single).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    width: usize,
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Table {
    /// An empty table whose rows have `width` fields.
    pub fn new(width: usize) -> Self {
        Self { width, bytes: Vec::new(), ends: Vec::new() }
    }

    /// An empty table with room for that many rows and bytes of field text.
    pub fn with_capacity(width: usize, rows: usize, bytes: usize) -> Self {
        let ends = Vec::with_capacity(rows * width);
        Self { width, bytes: Vec::with_capacity(bytes), ends }
    }

    /// Fields per row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows in the table; a row that is not complete yet does not count.
    pub fn len(&self) -> usize {
        self.ends.len().checked_div(self.width).unwrap_or(0)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of field text held.
    pub fn bytes_held(&self) -> usize {
        self.bytes.len()
    }

    /// All field text, back to back.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends one field; `width` of these make a row.
    pub fn push_field(&mut self, field: &[u8]) {
        self.bytes.extend_from_slice(field);
        self.end_field();
    }

    /// Appends bytes to the field that is being built; [`Self::end_field`] closes it.
    pub fn extend_field(&mut self, part: &[u8]) {
        self.bytes.extend_from_slice(part);
    }

    /// Closes the field that is being built.
    pub fn end_field(&mut self) {
        let end = u32::try_from(self.bytes.len()).expect("a slab stays far below 4 GiB");
        self.ends.push(end);
    }

    /// Takes back everything after the last complete `rows` rows.
    pub fn truncate(&mut self, rows: usize) {
        let fields = rows * self.width;
        let end = if fields == 0 { 0 } else { self.ends[fields - 1] as usize };
        self.ends.truncate(fields);
        self.bytes.truncate(end);
    }

    /// Field `column` of row `row`; both counted from 0.
    pub fn field(&self, row: usize, column: usize) -> &[u8] {
        let index = row * self.width + column;
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        &self.bytes[start..self.ends[index] as usize]
    }

    /// The fields of row `row`, in order.
    pub fn row(&self, row: usize) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.width).map(move |column| self.field(row, column))
    }

    /// Appends all rows of `other`, which has the same width.
    pub fn append(&mut self, other: &Self) {
        debug_assert_eq!(self.width, other.width);
        let base = u32::try_from(self.bytes.len()).expect("a slab stays far below 4 GiB");
        self.bytes.extend_from_slice(&other.bytes);
        self.ends.extend(other.ends.iter().map(|end| end + base));
    }
}

/// The code of a row that is left out, as another one with the same key is sent.
pub const DUPLICATE_ROW: &str = "duplicate_row";

/// A row that failed a local check and is never sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    pub mark: RowMark,
    /// The source column (or field) at fault, where there is one.
    pub column: Option<String>,
    /// A stable code such as `unclosed_quote` or `bad_id`; listed in `docs/reference/codes.md`.
    pub code: &'static str,
    pub message: String,
    /// The source fields, as far as the row could be taken apart.
    pub source: Vec<Box<[u8]>>,
}

/// What `read` hands on: source columns, in file order.
#[derive(Debug, Clone, Default)]
pub struct RawSlab {
    pub table: Table,
    /// One for each row of `table`, in order.
    pub marks: Vec<RowMark>,
    /// Rows that could not be read; their marks lie between those of the good rows.
    pub rejected: Vec<Rejected>,
}

/// What `map` hands on: the source rows and, row for row, the fields to send.
#[derive(Debug, Clone, Default)]
pub struct MappedSlab {
    pub raw: RawSlab,
    /// As many rows as `raw.table`; the width is that of the mapping. A row listed in `failed` has
    /// fields too, but nobody looks at them.
    pub fields: Table,
    /// Rows whose values could not be mapped, by index into `raw.table`, ascending.
    pub failed: Vec<(usize, ValueFault)>,
}

/// What is wrong with one value of one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueFault {
    pub column: Option<String>,
    pub code: &'static str,
    pub message: String,
}

/// What `validate` hands on: which rows may be sent, and which may not and why.
#[derive(Debug, Clone, Default)]
pub struct CheckedSlab {
    pub raw: RawSlab,
    pub fields: Table,
    /// Indexes of the rows to send, ascending.
    pub accepted: Vec<u32>,
    /// All rejected rows of the slab, those of `read` included, in row order.
    pub rejected: Vec<Rejected>,
}

impl RawSlab {
    /// Copies the source fields of row `index` for a rejection.
    pub fn source_of(&self, index: usize) -> Vec<Box<[u8]>> {
        self.table.row(index).map(Box::from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
