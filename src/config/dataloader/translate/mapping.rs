//! The rules of a `.sdl` file as a mapping file of ours.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::config::mapping::{Dialect, MappingSpec, Rule, RuleSource, Transform};
use crate::model::wording::shown;

/// A field that gets its value from two columns: Data Loader takes the one that the file has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` gets its value from two columns", shown(field.as_bytes()))]
pub struct GivenTwice {
    pub field: String,
}

/// The text of a mapping file that says what a `.sdl` file says; the oracle of its tests is that
/// both are read as the same rules.
///
/// # Errors
///
/// A field that is filled twice: a table of TOML has each key once.
pub fn toml(spec: &MappingSpec) -> Result<String, GivenTwice> {
    let mut seen = BTreeSet::new();
    let mut text = String::from("[fields]\n");
    for rule in &spec.rules {
        if !seen.insert(rule.target.to_lowercase()) {
            return Err(GivenTwice { field: rule.target.clone() });
        }
        let line = format!("{} = {}", key(&rule.target), source(rule));
        text.push_str(&line);
        text.push('\n');
    }
    let depends = spec.rules.iter().any(depends_on_dialect);
    let options = [
        (names_columns(spec), "missing = \"ignore\"\n"),
        (spec.dialect == Dialect::DataLoader && depends, "dialect = \"data-loader\"\n"),
    ];
    let options: String = options.iter().filter(|(is, _)| *is).map(|(_, line)| *line).collect();
    if !options.is_empty() {
        text = format!("{text}\n[options]\n{options}");
    }
    Ok(text)
}

/// Whether a column can be missing at all.
pub(super) fn names_columns(spec: &MappingSpec) -> bool {
    spec.rules.iter().any(|rule| !matches!(rule.source, RuleSource::Constant(_)))
}

/// Whether a rule means something else where our own mappings are read.
pub(super) fn depends_on_dialect(rule: &Rule) -> bool {
    let joins = matches!(&rule.source, RuleSource::Columns { .. });
    joins || rule.target.contains(['.', ':'])
}

fn source(rule: &Rule) -> String {
    let trims = rule.transforms.contains(&Transform::Trim);
    let transforms = if trims { ", transforms = [\"trim\"]" } else { "" };
    match &rule.source {
        RuleSource::Constant(text) => format!("{{ constant = {} }}", quoted(text)),
        RuleSource::Column(column) if !trims => quoted(column),
        RuleSource::Column(column) => format!("{{ column = {}{transforms} }}", quoted(column)),
        RuleSource::Columns { columns, separator, keep_empty } => {
            let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
            format!(
                "{{ columns = [{}], separator = {}, keep_empty = {keep_empty}{transforms} }}",
                columns.join(", "),
                quoted(separator)
            )
        }
    }
}

fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            _ if character.is_control() => {
                let _written = write!(out, "\\u{:04X}", u32::from(character)).is_ok();
            }
            _ => out.push(character),
        }
    }
    out.push('"');
    out
}
