//! Slabs: the rows between two stages, some thousands at a time in one buffer.

pub use super::table::{Building, Derived, Extent, Form, Found, Span, Table};

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
