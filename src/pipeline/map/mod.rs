//! From source columns to the fields that are sent.
//!
//! [`compile`] decides once, against the header and the org's describe; [`map`] then fills slots.
//! Where no slot transforms its values, fields are places in the text of the source rows, and only
//! values that change are written anew; otherwise slots are filled row by row.

mod apply;
mod compile;
mod convert;
mod error;
mod lookup;
mod resolve;

use std::borrow::Cow;
use std::ops::Range;

use rayon::prelude::*;

pub use compile::{Wanted, compile};
pub use convert::CONVERSION_FAILED;
pub use error::MapError;
pub use lookup::{LookedUp, LookupSlot};
pub use resolve::Unfit;

use self::convert::Convert;
use crate::config::mapping::Transform;
use crate::model::rows::{Building, MappedSlab, RawSlab, Table, ValueFault};
use crate::model::schema::SentField;

/// The codes that `map` gives rows, as `docs/reference/codes.md` lists them.
pub const CODES: [&str; 5] =
    [TRANSFORM_FAILED, VALUE_NOT_LISTED, LOOKUP_MISSING, LOOKUP_AMBIGUOUS, CONVERSION_FAILED];

pub const TRANSFORM_FAILED: &str = "transform_failed";
pub const VALUE_NOT_LISTED: &str = "value_not_listed";
pub const LOOKUP_MISSING: &str = "lookup_missing";
pub const LOOKUP_AMBIGUOUS: &str = "lookup_ambiguous";

/// What the far side reads as "clear this field". Source: Bulk API CSV rules.
const CLEAR: &[u8] = b"#N/A";

/// Rows that one thread takes at a time.
const PART_ROWS: usize = 512;

/// Columns worked out to slots; made by [`compile`].
#[derive(Debug, Clone)]
pub struct Mapping {
    /// The columns of the body, in order.
    pub sent: Vec<SentField>,
    /// Source columns that are not sent, in file order; result columns of an earlier run left out.
    pub not_sent: Vec<String>,
    /// Why they are not: one fragment for each reason, for people.
    pub notices: Vec<String>,
    slots: Vec<Slot>,
}

/// How one field of the body is filled.
#[derive(Debug, Clone)]
struct Slot {
    /// The source column or columns, or the field for a constant: what a message names.
    column: String,
    filling: Filling,
    transforms: Vec<Transform>,
    /// What the transformed value is a key of.
    lookup: Option<LookupSlot>,
    /// What Data Loader makes of the value, where its conversions are asked for.
    convert: Option<Convert>,
    /// An empty value is sent as `#N/A`.
    clear: bool,
    /// `TRUE` becomes `true`: spreadsheets write it so, and the far side's schema knows it small.
    boolean: bool,
}

#[derive(Debug, Clone)]
enum Filling {
    Constant(Vec<u8>),
    Column(usize),
    Joined { columns: Vec<usize>, separator: Vec<u8>, keep_empty: bool },
}

/// Fills the slots for each row of a slab, in order.
///
/// CRLF and lone CR inside values become LF, because the body's line ending is LF and the far side
/// may re-spell the others. Rows whose values a transform refuses are listed in `failed`.
pub fn map(mut slab: RawSlab, mapping: &Mapping) -> MappedSlab {
    let rows = slab.table.len();
    // One look at the whole slab is cheaper than one at each value.
    let clean = memchr::memchr(b'\r', slab.table.text()).is_none();
    if mapping.slots.iter().all(Slot::is_plain) {
        let fields = mapping.pick(&mut slab.table, clean);
        return MappedSlab { raw: slab, fields, failed: Vec::new() };
    }
    if rows <= PART_ROWS {
        let part = mapping.fill(&slab.table, clean, 0..rows);
        return MappedSlab { raw: slab, fields: part.fields, failed: part.failed };
    }
    let parts: Vec<Part> = (0..rows.div_ceil(PART_ROWS))
        .into_par_iter()
        .map(|part| part * PART_ROWS..((part + 1) * PART_ROWS).min(rows))
        .map(|range| mapping.fill(&slab.table, clean, range))
        .collect();
    let mut fields = Table::new(mapping.slots.len());
    let mut failed = Vec::new();
    for part in parts {
        fields.append(&part.fields);
        failed.extend(part.failed);
    }
    MappedSlab { raw: slab, fields, failed }
}

impl Mapping {
    /// The same mapping with these columns of the body only, in this order.
    #[must_use]
    pub fn narrow(&self, columns: &[usize]) -> Self {
        Self {
            sent: columns.iter().map(|column| self.sent[*column].clone()).collect(),
            not_sent: Vec::new(),
            notices: Vec::new(),
            slots: columns.iter().map(|column| self.slots[*column].clone()).collect(),
        }
    }
}

impl Mapping {
    /// The column of the input that each column of the body has the values of, where every value
    /// without CR is sent as it is, or, empty, as what clears a field.
    pub fn as_they_are(&self) -> Option<Vec<usize>> {
        let plain = |slot: &Slot| (slot.is_plain() && !slot.boolean).then(|| slot.only_column());
        self.slots.iter().map(|slot| plain(slot).flatten()).collect()
    }
}

/// The fields of some rows, and the rows among them that failed.
struct Part {
    fields: Table,
    failed: Vec<(usize, ValueFault)>,
}

impl Mapping {
    /// The fields of slots that are all plain; `clean` says that the source has no CR.
    fn pick(&self, source: &mut Table, clean: bool) -> Table {
        let columns: Vec<Option<usize>> = self.slots.iter().map(Slot::only_column).collect();
        let mut fields = source.derive(&columns);
        let (mut scratch, mut changed) = (Vec::new(), Vec::new());
        for (place, slot) in self.slots.iter().enumerate() {
            if let Filling::Constant(text) = &slot.filling {
                fields.fill(place, &slot.corrected(text, clean));
                continue;
            }
            let is_column = columns[place].is_some();
            if is_column && clean && !slot.clear && !slot.boolean {
                continue;
            }
            for row in 0..fields.base().len() {
                if clean && is_column && slot.leaves(fields.field(row, place)) {
                    continue;
                }
                let value = slot.raw_value(fields.base(), row, &mut scratch);
                // The separator of joined columns may have a CR of its own.
                let corrected = slot.corrected(value, clean && is_column);
                if !is_column || *corrected != *value {
                    changed.clear();
                    changed.extend_from_slice(&corrected);
                    fields.set(row, place, &changed);
                }
            }
        }
        fields.finish()
    }

    /// `clean` says that the source has no CR.
    fn fill(&self, source: &Table, clean: bool, rows: Range<usize>) -> Part {
        let share = source.text().len() * rows.len() / source.len().max(1);
        let fields = Table::with_capacity(self.slots.len(), rows.len(), share);
        let mut part = Part { fields, failed: Vec::new() };
        let mut fields = part.fields.build();
        let mut scratch = Vec::new();
        let mut room = lookup::Room::default();
        for row in rows {
            let mut fault = None;
            for slot in &self.slots {
                let value = slot.raw_value(source, row, &mut scratch);
                if let Err(found) = slot.push(value, clean, &mut room, &mut fields) {
                    fields.push_field(b"");
                    fault = fault.or(Some(found));
                }
            }
            part.failed.extend(fault.map(|fault| (row, fault)));
        }
        part.fields.note_plain();
        part
    }
}

impl Slot {
    /// Whether the value is sent as it is.
    fn is_plain(&self) -> bool {
        self.transforms.is_empty() && self.lookup.is_none() && self.convert.is_none()
    }

    /// The column whose values are sent.
    fn only_column(&self) -> Option<usize> {
        match self.filling {
            Filling::Column(column) => Some(column),
            Filling::Constant(_) | Filling::Joined { .. } => None,
        }
    }

    fn raw_value<'a>(
        &'a self,
        source: &'a Table,
        row: usize,
        scratch: &'a mut Vec<u8>,
    ) -> &'a [u8] {
        match &self.filling {
            Filling::Constant(text) => text,
            Filling::Column(column) => source.field(row, *column),
            Filling::Joined { columns, separator, keep_empty } => {
                scratch.clear();
                let mut first = true;
                for part in columns.iter().map(|column| source.field(row, *column)) {
                    if part.is_empty() && !keep_empty {
                        continue;
                    }
                    if !first {
                        scratch.extend_from_slice(separator);
                    }
                    first = false;
                    scratch.extend_from_slice(part);
                }
                scratch
            }
        }
    }

    /// Adds one field, or says why not and adds nothing.
    fn push(
        &self,
        value: &[u8],
        clean: bool,
        room: &mut lookup::Room,
        into: &mut Building<'_>,
    ) -> Result<(), ValueFault> {
        if self.is_plain() {
            self.push_final(value, clean, into);
            return Ok(());
        }
        let fault = |(code, what): apply::Complaint| ValueFault {
            column: Some(self.column.clone()),
            code,
            message: format!("`{}`: {what}", self.column),
        };
        let text = self.transformed(value).map_err(fault)?;
        match &self.lookup {
            Some(lookup) if !text.is_empty() && text.as_bytes() != CLEAR => {
                match lookup.answer(&text, room).map_err(fault)? {
                    LookedUp::Value(value) => self.push_final(value, false, into),
                    // Not even with `--nulls clear`: nobody asked for this cell to be empty.
                    LookedUp::Skip => into.push_field(b""),
                }
            }
            // A transform may bring in a CR of its own.
            _ => self.push_final(text.as_bytes(), false, into),
        }
        Ok(())
    }

    fn transformed<'a>(&self, value: &'a [u8]) -> Result<Cow<'a, str>, apply::Complaint> {
        let text = std::str::from_utf8(value)
            .map_err(|_| (TRANSFORM_FAILED, "is not UTF-8 text".to_owned()))?;
        let mut text = Cow::Borrowed(text);
        for transform in &self.transforms {
            text = apply::apply(transform, text)?;
        }
        match &self.convert {
            Some(convert) => convert.apply(text),
            None => Ok(text),
        }
    }

    fn push_final(&self, value: &[u8], clean: bool, into: &mut Building<'_>) {
        let clean = clean && !matches!(self.filling, Filling::Joined { .. });
        into.push_field(&self.corrected(value, clean));
    }

    /// Whether a value without CR is surely sent as it is.
    #[inline]
    fn leaves(&self, value: &[u8]) -> bool {
        match value {
            b"true" | b"false" | b"0" | b"1" => true,
            _ => !self.boolean && !value.is_empty(),
        }
    }

    /// The value as it is sent; `clean` says that it has no CR.
    fn corrected<'a>(&self, value: &'a [u8], clean: bool) -> Cow<'a, [u8]> {
        if value.is_empty() && self.clear {
            Cow::Borrowed(CLEAR)
        } else if self.boolean && value.eq_ignore_ascii_case(b"true") {
            Cow::Borrowed(b"true")
        } else if self.boolean && value.eq_ignore_ascii_case(b"false") {
            Cow::Borrowed(b"false")
        } else if clean || memchr::memchr(b'\r', value).is_none() {
            Cow::Borrowed(value)
        } else {
            Cow::Owned(with_line_feeds(value))
        }
    }
}

/// The value with CRLF and lone CR as LF.
fn with_line_feeds(value: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = memchr::memchr(b'\r', rest) {
        text.extend_from_slice(&rest[..at]);
        text.push(b'\n');
        let after = &rest[at + 1..];
        rest = after.strip_prefix(b"\n").unwrap_or(after);
    }
    text.extend_from_slice(rest);
    text
}

#[cfg(test)]
mod tests;
