//! Faults that the org would find, found here: each one costs no call and no row of a limit.
//!
//! [`prepare`] looks at the load as a whole and turns the describe into checks; [`validate`] runs
//! them over each slab. A good value costs no allocation.

mod checks;
mod codes;
mod prepare;
mod values;

pub use checks::Checks;
pub use codes::CODES;
pub use prepare::{CheckError, allowed, prepare};

use crate::model::rows::{CheckedSlab, MappedSlab, RawSlab, Rejected, ValueFault};

/// Sorts the rows of a slab into those that may be sent and those that may not.
///
/// A row has one reason: what `map` said of it, or else its first fault in column order.
/// Rows that `read` rejected keep their place among the rejected.
pub fn validate(slab: MappedSlab, checks: &Checks) -> CheckedSlab {
    let MappedSlab { mut raw, fields, failed } = slab;
    // On one thread: the checks cost less than handing them over would, and the stages before and
    // after this one have threads of their own.
    let rows = raw.table.len();
    let faults = merged(failed, checks.faults(&fields));
    let rows = u32::try_from(rows).expect("a slab has some thousands of rows");
    let mut accepted: Vec<u32> = (0..rows).collect();
    if !faults.is_empty() {
        let mut faulty = faults.iter().map(|(row, _)| *row).peekable();
        accepted.retain(|row| faulty.next_if_eq(&(*row as usize)).is_none());
    }
    let mut rejected = std::mem::take(&mut raw.rejected);
    rejected.extend(faults.into_iter().map(|(row, fault)| rejection(&raw, row, fault)));
    rejected.sort_by_key(|row| row.mark.row);
    CheckedSlab { raw, fields, accepted, rejected }
}

/// The faults of `map` and those found here, by row; where both have one, `map` was first.
fn merged(
    failed: Vec<(usize, ValueFault)>,
    found: Vec<(usize, ValueFault)>,
) -> Vec<(usize, ValueFault)> {
    if failed.is_empty() {
        return found;
    }
    let mut all = failed;
    all.extend(found);
    all.sort_by_key(|(row, _)| *row);
    all.dedup_by_key(|(row, _)| *row);
    all
}

fn rejection(raw: &RawSlab, row: usize, fault: ValueFault) -> Rejected {
    Rejected {
        mark: raw.marks[row],
        column: fault.column,
        code: fault.code,
        message: fault.message,
        source: raw.source_of(row),
    }
}

#[cfg(test)]
mod tests;
