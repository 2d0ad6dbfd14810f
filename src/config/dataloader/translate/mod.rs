//! A process of Data Loader as a command of ours: what is carried over, what is not, and why.
//!
//! Nothing is asked and nothing is opened here. What the command would do otherwise than Data
//! Loader is a note, key by key; a key that would change what is loaded, and cannot be said here,
//! is never passed over. A value that may be a secret is not in any note.

mod connection;
mod extracts;
mod loads;
mod mapping;
mod others;
mod words;

use std::collections::BTreeSet;

pub use mapping::{GivenTwice, toml};
pub use words::{Word, batch_line, posix_line};

use crate::config::mapping::MappingSpec;

/// Where Data Loader finds a key, apart from its own name.
const PILOT: &str = "pilot.";

/// Parts of names whose values are secrets, in lower case.
const SECRET_NAMES: [&str; 5] = ["password", "secret", "token", "sessionid", "passphrase"];

/// A process with all that is set for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// How it is called: the id of its bean, or a word for `config.properties` alone.
    pub id: String,
    /// What counts of each key, in the order of the files; no key is there twice.
    pub settings: Vec<Setting>,
}

/// A key with the value that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub key: String,
    pub value: String,
    /// It stands in the bean, and not in `config.properties`.
    pub of_bean: bool,
}

/// The mapping that a process names.
#[derive(Debug, Clone)]
pub enum Mapped {
    /// It names none, or it is an extract.
    No,
    /// The rules of the file, and what our file beside the command is called.
    Read { spec: MappingSpec, file: String },
    /// Why it cannot be read.
    Bad(String),
}

/// What becomes of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The words of the command, `longshore` first; none where `refused` says why.
    pub command: Vec<Word>,
    /// Why there is no command.
    pub refused: Vec<String>,
    pub notes: Vec<Note>,
    /// The text of our mapping file, where the command names one.
    pub mapping: Option<String>,
}

/// What became of a key, or of something that Data Loader does without being told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub fate: Fate,
    pub key: String,
    /// Nothing where it is not set, or may be a secret.
    pub value: Option<String>,
    pub is_set: bool,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// The same happens here.
    Carried,
    /// Something like it happens here, and the note says what is different.
    Changed,
    /// It does not happen here.
    Left,
    /// It has no effect on what is loaded, or had none there.
    NoUse,
}

impl Source {
    /// The value that counts; an empty one counts as none, as in Data Loader.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.setting(key).map(|setting| setting.value.trim())
    }

    /// Whether it writes a file, and loads none.
    pub fn is_extract(&self) -> bool {
        self.get("process.operation").is_some_and(|operation| {
            ["extract", "extract_all"].iter().any(|name| operation.eq_ignore_ascii_case(name))
        })
    }

    fn setting(&self, key: &str) -> Option<&Setting> {
        let named = |name: &str| {
            let found = self.settings.iter().find(|setting| setting.key == name);
            found.filter(|setting| !setting.value.trim().is_empty())
        };
        named(key).or_else(|| named(&format!("{PILOT}{key}")))
    }
}

/// Makes the command of a process. `alias` is the org that it is to name, if it is known.
pub fn translate(source: &Source, mapped: &Mapped, alias: Option<&str>) -> Job {
    let mut work = Work::new(source);
    work.operation(mapped);
    work.connection(alias);
    work.others();
    let Work { words, refused, mut notes, mapping, .. } = work;
    notes.sort_by_key(|note| note.fate);
    let command = if refused.is_empty() { words } else { Vec::new() };
    let mapping = mapping.filter(|_| refused.is_empty());
    Job { command, refused, notes, mapping }
}

/// Whether a value must not be shown.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    SECRET_NAMES.iter().any(|name| key.contains(name))
}

/// A translation under way.
struct Work<'a> {
    source: &'a Source,
    /// Keys whose fate is known.
    seen: BTreeSet<&'a str>,
    words: Vec<Word>,
    refused: Vec<String>,
    notes: Vec<Note>,
    mapping: Option<String>,
}

impl<'a> Work<'a> {
    fn new(source: &'a Source) -> Self {
        Self {
            source,
            seen: BTreeSet::new(),
            words: vec![Word::text("longshore")],
            refused: Vec::new(),
            notes: Vec::new(),
            mapping: None,
        }
    }

    /// The value of a key whose fate is told by whoever asks.
    fn take(&mut self, key: &str) -> Option<&'a str> {
        let setting = self.source.setting(key)?;
        self.seen.insert(&setting.key);
        Some(setting.value.trim())
    }

    /// Whether a switch is on: only `true` is.
    fn is_on(&self, key: &str) -> bool {
        self.source.get(key) == Some("true")
    }

    fn note(&mut self, fate: Fate, key: &str, text: impl Into<String>) {
        let setting = self.source.setting(key);
        let value = setting.filter(|_| !is_secret(key)).map(|setting| setting.value.clone());
        if let Some(setting) = setting {
            self.seen.insert(&setting.key);
        }
        let is_set = setting.is_some();
        self.notes.push(Note { fate, key: key.to_owned(), value, is_set, text: text.into() });
    }

    /// Adds a flag with its value, and says so.
    fn flag(&mut self, key: &str, flag: &str, value: &str) {
        self.words.extend([Word::text(flag), Word::text(value)]);
        self.note(Fate::Carried, key, format!("`{flag} {value}`"));
    }

    fn refuse(&mut self, key: &str, why: impl Into<String>) {
        let why = why.into();
        self.note(Fate::Left, key, why.clone());
        self.refused.push(format!("`{key}`: {why}"));
    }

    /// The command word, and all that belongs to it.
    fn operation(&mut self, mapped: &Mapped) {
        const KEY: &str = "process.operation";
        let named = self.take(KEY).unwrap_or("insert").to_ascii_lowercase();
        match named.as_str() {
            "insert" | "update" | "upsert" | "delete" | "undelete" => self.load(&named, mapped),
            "hard_delete" => self.load("hard-delete", mapped),
            "extract" => self.extract(false),
            "extract_all" => self.extract(true),
            _ => self.refuse(KEY, "it is no operation of Data Loader"),
        }
    }

    /// The kind of source or target that the operation wants.
    fn data_access(&mut self, wanted: &str) {
        const KEY: &str = "dataAccess.type";
        let Some(kind) = self.take(KEY) else {
            return self.refuse(KEY, format!("it is not set, and must be `{wanted}`"));
        };
        if kind.eq_ignore_ascii_case(wanted) {
            self.note(Fate::Carried, KEY, "a CSV file");
        } else if kind.to_ascii_lowercase().starts_with("database") {
            self.refuse(
                KEY,
                "databases are not read or written here: write the query's result to a CSV file, \
                 or load the CSV file into the database, with the tool of the database",
            );
        } else {
            self.refuse(KEY, format!("the operation wants `{wanted}`, in Data Loader too"));
        }
    }

    /// A key without which Data Loader does not run either.
    fn demanded(&mut self, key: &str) -> Option<&'a str> {
        let value = self.take(key);
        if value.is_none() {
            self.refuse(key, "it is not set, and nothing can be done without it");
        }
        value
    }
}

#[cfg(test)]
mod tests;
