//! Who may have been meant by keys that nobody has; a courtesy, with bounded work, as lookups have.

use std::collections::{BTreeMap, HashMap};

use super::who::WhoField;
use crate::model::wording::shown;
use crate::pipeline::answers::KeyPrint;
use crate::pipeline::lookup::near::{COMMON_CHARS, Near, listed};

/// The first keys of each column that nobody has.
#[derive(Debug, Default)]
pub(super) struct Missing {
    columns: BTreeMap<WhoField, Near>,
}

/// The nearest keys there are, by column and the key that was wanted.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    columns: BTreeMap<WhoField, HashMap<KeyPrint, Vec<String>>>,
}

impl Missing {
    /// Notes keys that nobody has; an id is not typed by hand, so there is nothing near to it.
    pub fn note<'a>(&mut self, field: WhoField, keys: impl Iterator<Item = &'a String>) {
        if field == WhoField::UserId {
            return;
        }
        let mut keys: Vec<&String> = keys.collect();
        keys.sort_unstable();
        for (at, key) in (0..).zip(keys) {
            self.columns.entry(field).or_default().want(at, print(key), key);
        }
    }

    /// The columns, and how near keys begin.
    pub fn beginnings(&self) -> impl Iterator<Item = (WhoField, Vec<String>)> {
        self.columns.iter().map(|(field, near)| (*field, near.beginnings()))
    }

    /// Holds a key that there is against those that nobody has.
    pub fn look_at(&mut self, field: WhoField, value: &str) {
        if let Some(near) = self.columns.get_mut(&field) {
            near.look_at(&field.key(value));
        }
    }

    pub fn told(self) -> Candidates {
        let told = self.columns.into_iter().map(|(field, near)| (field, near.told()));
        Candidates { columns: told.collect() }
    }
}

impl Candidates {
    /// What a message says besides: `; nearest: …`, or nothing.
    pub fn words(&self, field: WhoField, value: &str) -> String {
        let key = field.key(value);
        let near = self.columns.get(&field).and_then(|told| told.get(&print(&key)));
        // What begins as another key does may be near to this one by its domain alone.
        let start: String = key.chars().take(COMMON_CHARS).collect();
        let near = near.into_iter().flatten().filter(|near| near.starts_with(&start));
        match near.collect::<Vec<_>>().as_slice() {
            [] => String::new(),
            near => format!("; nearest: {}", listed(near)),
        }
    }
}

/// Why a key means nobody for certain: a code, and a sentence for people.
pub(super) type Nobody = (&'static str, String);

/// Users of one key that a message names.
const TOLD: usize = 3;

/// The one user of a key among those that were `found` by it; `say` asks for another name of the
/// user, of the kind that `name` gives.
pub(super) fn the_one(
    (field, value): (WhoField, &str),
    found: Option<&Vec<u32>>,
    near: &Candidates,
    say: &str,
    name: impl Fn(u32) -> String,
) -> Result<u32, Nobody> {
    let (words, said) = (field.words(), shown(value.as_bytes()));
    match found.map(Vec::as_slice).unwrap_or_default() {
        [] => {
            let near = near.words(field, value);
            Err(("user_not_found", format!("no user has the {words} `{said}`{near}")))
        }
        [place] => Ok(*place),
        several => {
            let mut names: Vec<String> = several.iter().map(|place| name(*place)).collect();
            names.sort();
            names.truncate(TOLD);
            let more = if several.len() > TOLD { ", …" } else { "" };
            let (count, names) = (several.len(), names.join(", "));
            let message = format!("{count} users have the {words} `{said}`; {say} {names}{more}");
            Err(("user_ambiguous", message))
        }
    }
}

fn print(key: &str) -> KeyPrint {
    let mut print = KeyPrint::default();
    let size = print.len();
    print.copy_from_slice(&blake3::hash(key.as_bytes()).as_bytes()[..size]);
    print
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_of_a_column_are_told_and_ids_have_none() {
        let mut missing = Missing::default();
        let keys = ["ann.lee@x.example".to_owned(), "zed@x.example".to_owned()];
        missing.note(WhoField::Email, keys.iter());
        missing.note(WhoField::UserId, keys.iter());
        let beginnings: Vec<_> = missing.beginnings().collect();
        let wanted = vec!["ann".to_owned(), "zed".to_owned()];
        assert_eq!(beginnings, [(WhoField::Email, wanted)]);
        for email in ["Anne.Lee@x.example", "ann.leh@x.example", "nobody.near@y.test"] {
            missing.look_at(WhoField::Email, email);
            missing.look_at(WhoField::Username, email);
        }
        let told = missing.told();
        for (field, value, words) in [
            (
                WhoField::Email,
                "Ann.Lee@x.example",
                "; nearest: `ann.leh@x.example`, `anne.lee@x.example`",
            ),
            (WhoField::Email, "zed@x.example", ""),
            (WhoField::Username, "ann.lee@x.example", ""),
        ] {
            assert_eq!(told.words(field, value), words, "{value}");
        }
    }
}
