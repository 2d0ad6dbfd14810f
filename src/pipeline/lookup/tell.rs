//! What people are told of lookups.

use std::path::{Path, PathBuf};

use super::{Resolution, Resolved};
use crate::model::failure::{Blame, Failure};

/// Where the list of a refused load stays: it has no run whose folder could hold it.
pub fn list_file(runs_dir: &Path, run: &str) -> PathBuf {
    runs_dir.join(format!("{run}.lookups.csv"))
}

impl Resolution {
    /// Whether keys without an answer refuse the load, and how that is told.
    pub fn refusal(&self) -> Option<Failure> {
        let refusing: Vec<&Resolved> = self.lookups.iter().filter(|it| it.refuses).collect();
        let first = refusing.first()?;
        let message = format!("`{}` cannot be filled: {}", first.field, first.counts());
        let mut failure = Failure::new(Blame::Request, message);
        for resolved in &refusing {
            for example in &resolved.examples {
                failure = failure.cause(format!("row {}: {}", example.first_row, example.message));
            }
        }
        Some(failure.hint(
            "nothing was sent; correct the rows, or say with `on_missing` and `on_many` what is to \
             become of them",
        ))
    }

    /// One fragment for each lookup, and one for its first keys without an answer.
    pub fn notices(&self) -> Vec<String> {
        let mut notices = Vec::new();
        for resolved in &self.lookups {
            notices.push(format!("`{}`: {}", resolved.field, resolved.counts()));
            for example in resolved.examples.iter().take(3) {
                notices.push(format!(
                    "`{}`, row {}: {}",
                    resolved.field, example.first_row, example.message
                ));
            }
        }
        if let Some(list) = &self.list {
            notices.push(format!("all keys without an answer are in {}", list.display()));
        }
        notices
    }
}

impl Resolved {
    /// How many keys came to what.
    pub fn counts(&self) -> String {
        let keys = number(self.distinct, "key");
        let mut text = format!("{keys} looked up in `{}`: {} found", self.object, self.found);
        for (keys, word, rows, becomes) in [
            (self.missing, "missing", self.missing_rows, &self.on_missing),
            (self.many, "ambiguous", self.many_rows, &self.on_many),
        ] {
            if keys > 0 {
                text = format!("{text}, {keys} {word} ({} {becomes})", number(rows, "row"));
            }
        }
        text
    }
}

fn number(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
