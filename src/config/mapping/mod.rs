//! The mapping file as it is written: which field gets its value from where.
//!
//! Read strictly: an unknown key, a wrong type or a format that cannot work is refused with
//! `file:line:column`, before anybody signs in. Whether columns and fields exist is not known here;
//! `pipeline::map` checks that against the header and the org. `docs/reference/mapping.md` shows
//! the shape of the file.

mod error;
mod lookup;
mod parse;
mod transform;
mod write;

use std::path::Path;

use crate::config::dataloader::sdl;
use crate::config::plan::MappingManner;
use crate::model::chunk::Digest;

pub use super::document::Place;
pub use error::MappingError;
pub use lookup::{Fallback, LOOKUP_KEYS, LetterCase, Lookup, LookupFrom};
pub use transform::{
    BooleanWords, DateFormat, DateTimeFormat, NoMoment, NumberForm, Otherwise, TRANSFORM_NAMES,
    Transform,
};
pub use write::{GivenTwice, write};

/// A mapping file has at most so many bytes; one for 800 fields has some 50,000.
const MAPPING_BYTES_MAX: u64 = 4 << 20;

/// A mapping, well-formed but not yet checked against a file and an org.
///
/// It can say what a Data Loader `.sdl` says too: one column to several fields (several rules that
/// name it), constants, and joined columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingSpec {
    /// The file's name as the user gave it, for messages.
    pub name: String,
    /// Digest of the file's bytes.
    pub digest: Digest,
    /// One for each field, in the order of the file.
    pub rules: Vec<Rule>,
    pub unmapped: Unmapped,
    pub dialect: Dialect,
    pub missing: Missing,
}

/// Where one field's value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `Field`, `Relationship.Field` or `Type:Relationship.Field`, as written.
    pub target: String,
    pub source: RuleSource,
    /// Applied from left to right.
    pub transforms: Vec<Transform>,
    /// What the transformed value is a key of; without it, the value itself is sent.
    pub lookup: Option<Lookup>,
    pub place: Place,
}

/// What a value is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleSource {
    /// The same text in each row.
    Constant(String),
    /// A column of the file.
    Column(String),
    /// Several columns with a separator between them.
    Columns {
        columns: Vec<String>,
        separator: String,
        /// Whether an empty cell still gets its separator; otherwise it is left out.
        keep_empty: bool,
    },
}

/// Whose words a mapping speaks, where they mean a little more or less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dialect {
    #[default]
    Ours,
    /// Data Loader's: a relationship may name its object or not, whatever it refers to, and several
    /// columns are joined for texts only; for another field the first counts.
    DataLoader,
}

/// What happens to a rule whose column the file does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Missing {
    /// The load refuses.
    #[default]
    Refuse,
    /// It is passed over, and a notice says so; Data Loader does so without a word.
    Ignore,
}

/// What happens to a column that no rule names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unmapped {
    /// It is not sent, and a notice says so.
    #[default]
    Ignore,
    /// The load refuses.
    Refuse,
}

impl MappingSpec {
    /// Reads a TOML mapping file, or one of Data Loader if its name ends with `.sdl`.
    pub fn read(path: &Path) -> Result<Self, MappingError> {
        Self::read_as(path, MappingManner::Own)
    }

    /// Reads a mapping file in this manner.
    pub fn read_as(path: &Path, manner: MappingManner) -> Result<Self, MappingError> {
        Self::read_named(path, &path.display().to_string(), manner)
    }

    /// Reads a mapping file that has this name in messages; the files that lookups name are taken
    /// from the folder of that name.
    pub fn read_named(
        path: &Path,
        name: &str,
        manner: MappingManner,
    ) -> Result<Self, MappingError> {
        let bytes = read_bytes(path, name)?;
        let is_sdl = || path.extension().is_some_and(|end| end.eq_ignore_ascii_case("sdl"));
        if manner == MappingManner::DataLoader || is_sdl() {
            return sdl::parse(&bytes, name);
        }
        let text = String::from_utf8(bytes);
        let text = text.map_err(|_| MappingError::NotText { name: name.to_owned() })?;
        Self::parse(&text, name)
    }

    /// Reads the text of a TOML mapping file; `name` stands in messages.
    pub fn parse(text: &str, name: &str) -> Result<Self, MappingError> {
        parse::parse(text, name)
    }

    /// Whether any field gets its value by a lookup.
    pub fn looks_up(&self) -> bool {
        self.rules.iter().any(|rule| rule.lookup.is_some())
    }

    /// The target fields as written: what the org must be asked to describe besides the object
    /// itself, when they are relationship columns.
    pub fn targets(&self) -> Vec<String> {
        self.rules.iter().map(|rule| rule.target.clone()).collect()
    }
}

/// The name and the bytes of a file that may be a mapping.
pub fn read_file(path: &Path) -> Result<(String, Vec<u8>), MappingError> {
    let name = path.display().to_string();
    let bytes = read_bytes(path, &name)?;
    Ok((name, bytes))
}

fn read_bytes(path: &Path, name: &str) -> Result<Vec<u8>, MappingError> {
    let name = || name.to_owned();
    let unreadable = |error| MappingError::Unreadable { name: name(), error };
    // Asked before it is opened: opening a pipe would wait, and a device may have no end.
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() {
        return Err(MappingError::NotAFile { name: name() });
    }
    if about.len() > MAPPING_BYTES_MAX {
        return Err(MappingError::TooLarge { name: name(), bytes: about.len() });
    }
    std::fs::read(path).map_err(unreadable)
}

#[cfg(test)]
mod tests;
