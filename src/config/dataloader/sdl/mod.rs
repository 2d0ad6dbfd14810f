//! `.sdl`: Data Loader's mapping file of a load, to a mapping of ours and back.
//!
//! A line is `column = field`. Several columns on the left are joined with `, `, several fields on
//! the right each get the value, a text in quotes on the left is a constant. Of a key that is there
//! twice the last line counts; a constant beats a column, and a later constant an earlier one.
//! Source: the Data Loader reference, sections 3.1 to 3.3.
//!
//! What Data Loader passes over in silence, and nobody can have meant, is refused with its line: a
//! column that is cut off at a blank, UTF-8 where it reads Latin-1.

mod extract;

use std::collections::BTreeMap;

use super::properties::{BadProperties, Entry, Properties};
use crate::config::mapping::{
    Dialect, MappingError, MappingSpec, Missing, Place, Rule, RuleSource, Transform, Unmapped,
};
use crate::model::chunk::Digest;
use crate::model::wording::shown;

/// Between the values of joined columns.
const SEPARATOR: &str = ", ";

/// Why a mapping cannot be said in a `.sdl` file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` cannot stand in a mapping of Data Loader: {why}", shown(target.as_bytes()))]
pub struct NotInSdl {
    /// The field whose rule it is.
    pub target: String,
    pub why: &'static str,
}

/// Reads the bytes of a `.sdl` file; `name` stands in messages.
pub fn parse(bytes: &[u8], name: &str) -> Result<MappingSpec, MappingError> {
    let read = Reading { name };
    let mut rules = Vec::new();
    for entry in read.entries(bytes)? {
        rules.extend(read.rules(&entry)?);
    }
    let rules = constants_first(rules);
    if rules.is_empty() {
        let hint = "a line in it looks like `Family\\ name=LastName`".to_owned();
        return Err(read.refuse(1, "no line gives a column to a field".to_owned(), vec![hint]));
    }
    Ok(MappingSpec {
        name: name.to_owned(),
        digest: Digest::of(bytes),
        rules,
        unmapped: Unmapped::Ignore,
        dialect: Dialect::DataLoader,
        missing: Missing::Refuse,
    })
}

/// The text of a `.sdl` file that [`parse`] reads as these rules: ASCII, a line for each source.
pub fn write(spec: &MappingSpec) -> Result<String, NotInSdl> {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for rule in &spec.rules {
        let refuse = |why| NotInSdl { target: rule.target.clone(), why };
        let key = written_source(&rule.source).map_err(refuse)?;
        let target = written_target(rule).map_err(refuse)?;
        match lines.iter_mut().find(|(known, _)| *known == key) {
            Some((_, targets)) => targets.push(target),
            None => lines.push((key, vec![target])),
        }
    }
    let entry = |(line, (key, targets)): (usize, (String, Vec<String>))| Entry {
        key,
        value: targets.join(SEPARATOR),
        line: line + 1,
    };
    let entries = lines.into_iter().enumerate().map(entry).collect();
    Ok(Properties { entries }.write())
}

/// The file that is read.
struct Reading<'a> {
    name: &'a str,
}

impl Reading<'_> {
    fn refuse(&self, line: usize, what: String, hints: Vec<String>) -> MappingError {
        let place = Place { line, column: 1 };
        MappingError::Refused { name: self.name.to_owned(), place, what, hints }
    }

    /// The lines of the file; of a key that is there twice the last.
    fn entries(&self, bytes: &[u8]) -> Result<Vec<Entry>, MappingError> {
        let properties = Properties::parse(bytes).map_err(|error| {
            let line = match error {
                BadProperties::BadEscape { line } => line,
                BadProperties::TooMany => 1,
            };
            let what = error.to_string();
            let what = what.strip_prefix(&format!("line {line}: ")).unwrap_or(&what);
            self.refuse(line, what.to_owned(), Vec::new())
        })?;
        let entries = properties.entries;
        self.is_latin_1(&entries)?;
        let last: BTreeMap<String, usize> =
            entries.iter().enumerate().map(|(at, entry)| (entry.key.clone(), at)).collect();
        let counts =
            |(at, entry): (usize, Entry)| (last.get(&entry.key) == Some(&at)).then_some(entry);
        Ok(entries.into_iter().enumerate().filter_map(counts).collect())
    }

    /// Two bytes of UTF-8 are two letters of Latin-1, such as `Ã¼`, which no column is called.
    /// Comments may be written in anything.
    fn is_latin_1(&self, entries: &[Entry]) -> Result<(), MappingError> {
        for Entry { key, value, line } in entries {
            let Some(character) = utf_8_in(key).or_else(|| utf_8_in(value)) else { continue };
            let what = "the file is UTF-8, and Data Loader reads it as Latin-1".to_owned();
            let unit = u32::from(character);
            let hint = if unit > 0xFFFF {
                "save it as ISO-8859-1 with other characters as `\\uXXXX`".to_owned()
            } else {
                format!("write `{character}` as `\\u{unit:04X}`")
            };
            return Err(self.refuse(*line, what, vec![hint]));
        }
        Ok(())
    }

    /// The rules of a line; none where it maps nothing.
    fn rules(&self, entry: &Entry) -> Result<Vec<Rule>, MappingError> {
        let place = Place { line: entry.line, column: 1 };
        let Some(source) = source(&entry.key) else { return Ok(Vec::new()) };
        let targets = parts(&entry.value).map(|target| {
            let (target, related) = self.target(target, entry)?;
            let trims = related && !matches!(source, RuleSource::Constant(_));
            let transforms = if trims { vec![Transform::Trim] } else { Vec::new() };
            Ok(Rule { target, source: source.clone(), transforms, lookup: None, place })
        });
        targets.collect()
    }

    /// A field as we write it, and whether it goes over a relationship.
    fn target(&self, target: &str, entry: &Entry) -> Result<(String, bool), MappingError> {
        let refuse = |why: &str, hint: String| {
            let what = format!("`{}` {why}", shown(target.as_bytes()));
            self.refuse(entry.line, what, vec![hint])
        };
        if target.contains(['=', '"']) {
            let hint = format!(
                "the column ends at the first blank, colon or equals sign: `{}`; write `\\ `, `\\:` \
                 or `\\=` where they belong to its name",
                shown(entry.key.as_bytes())
            );
            return Err(refuse("is no field", hint));
        }
        let names: Vec<&str> = target.split(':').collect();
        let form = "write `Relationship:Object-Field` or `Relationship:Field`".to_owned();
        match names[..] {
            [_] if target.contains('.') => {
                Err(refuse("is no relationship as Data Loader writes it", form))
            }
            [field] => Ok((field.to_owned(), false)),
            [relationship, field] => {
                let (object, field) = match field.split_once('-') {
                    Some((object, field)) => (Some(object), field),
                    None => (None, field),
                };
                let all = [relationship, object.unwrap_or("-"), field];
                if all.iter().any(|name| name.is_empty() || name.contains('.')) {
                    return Err(refuse("is no relationship as Data Loader writes it", form));
                }
                let object = object.map(|object| format!("{object}:")).unwrap_or_default();
                Ok((format!("{object}{relationship}.{field}"), true))
            }
            _ => Err(refuse("is no relationship as Data Loader writes it", form)),
        }
    }
}

/// The first character of UTF-8 in a text that was read as Latin-1.
fn utf_8_in(text: &str) -> Option<char> {
    let bytes = text.chars().map(|character| u8::try_from(u32::from(character)).ok());
    let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    text.chars().find(|character| !character.is_ascii())
}

/// What the left side of a line gives; nothing where it names no column.
fn source(key: &str) -> Option<RuleSource> {
    if let Some(text) = constant(key) {
        return Some(RuleSource::Constant(text.to_owned()));
    }
    let mut columns: Vec<String> = parts(key).map(str::to_owned).collect();
    match columns.len() {
        0 => None,
        1 => columns.pop().map(RuleSource::Column),
        _ => {
            Some(RuleSource::Columns { columns, separator: SEPARATOR.to_owned(), keep_empty: true })
        }
    }
}

fn constant(key: &str) -> Option<&str> {
    key.strip_prefix('"')?.strip_suffix('"')
}

/// The names of a list with commas between them.
fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// Leaves out the rules whose field a constant fills, and the constants that a later one overrules.
fn constants_first(rules: Vec<Rule>) -> Vec<Rule> {
    let is_constant = |rule: &Rule| matches!(rule.source, RuleSource::Constant(_));
    let constants = rules.iter().enumerate().filter(|(_, rule)| is_constant(rule));
    let last: BTreeMap<String, usize> =
        constants.map(|(at, rule)| (rule.target.to_lowercase(), at)).collect();
    let counts = |(at, rule): (usize, Rule)| {
        let overruled = last.get(&rule.target.to_lowercase()).is_some_and(|last| *last != at);
        (!overruled).then_some(rule)
    };
    rules.into_iter().enumerate().filter_map(counts).collect()
}

fn written_source(source: &RuleSource) -> Result<String, &'static str> {
    match source {
        RuleSource::Constant(text) => Ok(format!("\"{text}\"")),
        RuleSource::Column(column) => written_columns(std::slice::from_ref(column)),
        RuleSource::Columns { columns, separator, keep_empty: true }
            if separator == SEPARATOR && columns.len() > 1 =>
        {
            written_columns(columns)
        }
        RuleSource::Columns { .. } => Err("it joins columns with `, ` and keeps the empty ones"),
    }
}

fn written_columns(columns: &[String]) -> Result<String, &'static str> {
    let bad = |name: &String| name.is_empty() || name.trim() != name || name.contains(',');
    if columns.iter().any(bad) {
        return Err("a column with a comma, or with blanks around it, cannot be named there");
    }
    let key = columns.join(SEPARATOR);
    if constant(&key).is_some() {
        return Err("a column in quotes would be a constant there");
    }
    Ok(key)
}

fn written_target(rule: &Rule) -> Result<String, &'static str> {
    let names = |name: &str| {
        let good = !name.is_empty()
            && name.trim() == name
            && !name.contains(['=', '"', ',', '-', '.', ':']);
        if good { Ok(name.to_owned()) } else { Err("the name of the field is none there") }
    };
    let (object, path) = match rule.target.split_once(':') {
        Some((object, path)) => (Some(object), path),
        None => (None, rule.target.as_str()),
    };
    let is_constant = matches!(rule.source, RuleSource::Constant(_));
    let Some((relationship, field)) = path.split_once('.') else {
        if !rule.transforms.is_empty() {
            return Err("there are no transforms there");
        }
        return if object.is_some() {
            Err("the name of the field is none there")
        } else {
            names(path)
        };
    };
    let expected: &[Transform] = if is_constant { &[] } else { &[Transform::Trim] };
    if rule.transforms != expected {
        return Err("a key of another record is trimmed there, and nothing else is done to it");
    }
    let (relationship, field) = (names(relationship)?, names(field)?);
    Ok(match object {
        Some(object) => format!("{relationship}:{}-{field}", names(object)?),
        None => format!("{relationship}:{field}"),
    })
}

#[cfg(test)]
mod tests;
