//! What all TOML files that people write have in common when they are read: where something stands,
//! in which order, and how it is named in a refusal.

use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::model::wording::nearest;

/// A place in a file, both counted from 1; columns count characters.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

impl Place {
    /// Where this byte of the text stands.
    pub fn of(text: &str, at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

pub type Entry<'t, 'i> = (&'t Spanned<DeString<'i>>, &'t Spanned<DeValue<'i>>);
pub type Value<'i> = Spanned<DeValue<'i>>;

/// A refusal without the file's name: where, what, and the ways out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    pub span: Range<usize>,
    pub what: String,
    pub hints: Vec<String>,
}

/// Reads the text as TOML.
pub fn read(text: &str) -> Result<Spanned<DeTable<'_>>, Wrong> {
    DeTable::parse(text).map_err(|error| {
        let span = error.span().unwrap_or(text.len()..text.len());
        match (error.message(), text.get(span.clone())) {
            ("duplicate key", Some(key)) => Wrong {
                span,
                what: format!("`{}` is there a second time", key.trim()),
                hints: vec!["keep one of them".to_owned()],
            },
            (message, _) => Wrong { span, what: one_line(message), hints: Vec::new() },
        }
    })
}

/// The document keeps its tables sorted by key; messages follow the file.
pub fn in_file_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<Entry<'t, 'i>> {
    let mut entries: Vec<Entry> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

/// What a value is, for messages.
pub fn kind_of(value: &Value) -> &'static str {
    match value.get_ref() {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The way out of a name that is not known: the one that was meant, or all of them.
pub fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known here: `{}`", known.join("`, `")),
    }
}

/// The TOML reader's own words, on one line.
fn one_line(message: &str) -> String {
    message.lines().map(str::trim).collect::<Vec<_>>().join(", ")
}
