//! The nearest keys to those that were not found; a courtesy, with bounded work.

use std::collections::HashMap;

use crate::model::limits::LOOKUP_NEAREST_KEYS;
use crate::model::wording::{how_far, shown};
use crate::pipeline::answers::KeyPrint;

/// Characters that a near key has in common with the one that was wanted, from the first on.
pub const COMMON_CHARS: usize = 3;

/// Near keys that are told.
const TOLD: usize = 3;

/// The first keys of one lookup that were not found, and what is near to them.
#[derive(Debug, Default)]
pub struct Near {
    wanted: Vec<Wanted>,
}

#[derive(Debug)]
struct Wanted {
    first_row: u64,
    print: KeyPrint,
    text: String,
    near: Vec<(usize, String)>,
}

impl Near {
    /// Notes a key that was not found; the first in the file stay.
    pub fn want(&mut self, first_row: u64, print: KeyPrint, text: &str) {
        let at = self.wanted.partition_point(|wanted| wanted.first_row < first_row);
        if at < LOOKUP_NEAREST_KEYS {
            let wanted = Wanted { first_row, print, text: text.to_owned(), near: Vec::new() };
            self.wanted.insert(at, wanted);
            self.wanted.truncate(LOOKUP_NEAREST_KEYS);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }

    /// How near keys begin, in small letters, each once.
    pub fn beginnings(&self) -> Vec<String> {
        let mut beginnings: Vec<String> = Vec::new();
        for wanted in &self.wanted {
            let beginning = wanted.text.to_lowercase().chars().take(COMMON_CHARS).collect();
            if !beginnings.contains(&beginning) {
                beginnings.push(beginning);
            }
        }
        beginnings
    }

    /// Holds a key that there is against those that were not found.
    pub fn look_at(&mut self, key: &str) {
        for wanted in &mut self.wanted {
            let Some(far) = how_far(&wanted.text, key) else { continue };
            let candidate = (far, key.to_owned());
            if let Err(at) = wanted.near.binary_search(&candidate)
                && at < TOLD
            {
                wanted.near.insert(at, candidate);
                wanted.near.truncate(TOLD);
            }
        }
    }

    /// The near keys by the fingerprint of the one that was wanted.
    pub fn told(self) -> HashMap<KeyPrint, Vec<String>> {
        let told = self.wanted.into_iter().map(|wanted| {
            // Beside a slip of one letter, what shares no more than an ending is noise.
            let nearest = wanted.near.first().map_or(0, |(far, _)| *far);
            let near = wanted.near.into_iter().filter(|(far, _)| *far <= 2 * nearest + 1);
            (wanted.print, near.map(|(_, key)| key).collect())
        });
        told.collect()
    }
}

/// Keys as a message shows them.
pub fn listed<T: AsRef<[u8]>>(keys: &[T]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| format!("`{}`", shown(key.as_ref()))).collect();
    keys.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_of_the_first_keys_are_told() {
        let mut near = Near::default();
        for row in (1..100).rev() {
            near.want(row, [u8::try_from(row).unwrap(); 16], &format!("Anna.{row:03}@x.example"));
        }
        assert_eq!(near.beginnings(), ["ann"]);
        for key in ["anna.002@x.example", "anna.0022@x.example", "bert", "anna.002@x.example"] {
            near.look_at(key);
        }
        let told = near.told();
        assert_eq!(told.len(), LOOKUP_NEAREST_KEYS);
        assert_eq!(told[&[2; 16]], ["anna.002@x.example", "anna.0022@x.example"]);
        assert!(!told.contains_key(&[90; 16]));
    }
}
