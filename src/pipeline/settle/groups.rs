//! Groups: rows that ended alike, for the last screen and the summary.

use std::collections::HashMap;

use crate::model::limits::{ERROR_GROUPS_MAX, ROWS_LISTED};
use crate::model::wording::shape;
use crate::pipeline::event::ErrorGroup;

/// Counts rows by verdict, code and the shape of the message. Bounded: past so many groups, rows
/// are counted by verdict and code alone.
#[derive(Debug, Default)]
pub struct Groups {
    by_shape: HashMap<(&'static str, String, String), ErrorGroup>,
}

impl Groups {
    /// Counts one row.
    pub fn add(&mut self, verdict: &'static str, code: &str, message: &str, row: u64) {
        let mut key = (verdict, code.to_owned(), shape(message));
        if self.by_shape.len() >= ERROR_GROUPS_MAX && !self.by_shape.contains_key(&key) {
            key.2.clear();
        }
        let group = self.by_shape.entry(key).or_insert_with(|| ErrorGroup {
            code: code.to_owned(),
            count: 0,
            message: message.to_owned(),
            rows: Vec::new(),
            verdict: verdict.to_owned(),
        });
        group.count += 1;
        if group.rows.len() < ROWS_LISTED {
            group.rows.push(row);
        }
    }

    /// Takes over the groups of another stage.
    pub fn merge(&mut self, other: Self) {
        self.by_shape.extend(other.by_shape);
    }

    /// The groups, largest first.
    pub fn sorted(self) -> Vec<ErrorGroup> {
        self.to_sorted()
    }

    /// Copies of the groups, largest first.
    pub fn to_sorted(&self) -> Vec<ErrorGroup> {
        let mut groups: Vec<_> = self.by_shape.values().cloned().collect();
        groups.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.rows.cmp(&b.rows)));
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_that_differ_in_ids_and_numbers_are_one_group() {
        let mut groups = Groups::default();
        for row in 1..=9 {
            let message =
                format!("Duplicate PermissionSetAssignment.  Assignee: 0058c00000Zw4R{row}");
            groups.add("error", "DUPLICATE_VALUE", &message, row);
        }
        groups.add("rejected", "too_long", "`abc` is too long", 3);
        groups.add("rejected", "too_long", "`defg hij` is too long", 4);
        let sorted = groups.sorted();
        assert_eq!(sorted.len(), 2, "{sorted:?}");
        assert_eq!((sorted[0].count, &sorted[0].rows[..]), (9, &[1, 2, 3, 4, 5][..]));
        assert_eq!(sorted[1].count, 2);
    }

    #[test]
    fn the_number_of_groups_is_bounded() {
        let mut groups = Groups::default();
        for row in 0..10_000_u64 {
            let word: String = row.to_string().bytes().map(|b| char::from(b + 49)).collect();
            groups.add("error", "CUSTOM", &word, row);
        }
        let sorted = groups.sorted();
        assert!(sorted.len() <= ERROR_GROUPS_MAX + 1);
        assert_eq!(sorted.iter().map(|group| group.count).sum::<u64>(), 10_000);
    }
}
