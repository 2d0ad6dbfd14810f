//! The first rows of an update or upsert, compared with what the records hold now.
//!
//! As many as [`DIFFERENCE_ROWS`]: by Id that is one call, by another key as many as it takes to
//! name them. A load that leaves unchanged rows out has compared all its rows before.

use crate::model::limits::{DIFFERENCE_BYTES, DIFFERENCE_ROWS};
use crate::model::rows::CheckedSlab;
use crate::pipeline::unchanged::{Comparison, Differences, Row};
use crate::target::{Fault, Target};

/// The first rows, until they are compared.
#[derive(Debug)]
pub struct FirstRows {
    comparison: Comparison,
    rows: Vec<Row>,
    /// Bytes of the values in them.
    bytes: usize,
}

impl FirstRows {
    pub fn of(comparison: Comparison) -> Self {
        Self { comparison, rows: Vec::new(), bytes: 0 }
    }

    /// Keeps the rows of a slab, as long as there is room.
    pub fn look(&mut self, slab: &CheckedSlab) {
        let room = DIFFERENCE_ROWS.saturating_sub(self.rows.len());
        for &index in slab.accepted.iter().take(room) {
            if self.bytes > DIFFERENCE_BYTES {
                return;
            }
            let row = self.comparison.row(slab, index as usize);
            self.bytes += row.bytes();
            self.rows.push(row);
        }
    }

    /// Asks the org what the records hold, and compares.
    pub async fn with<T: Target>(&self, target: &T) -> Result<Differences, Fault> {
        let held = self.comparison.held(target, &self.rows).await?;
        let mut found = Differences::default();
        for (row, record) in self.rows.iter().zip(&held) {
            found.add(&self.comparison, row, record.as_ref());
        }
        Ok(found)
    }
}
