//! A mapping as the text of a mapping file that is read as the same rules.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{
    BooleanWords, Dialect, Fallback, LetterCase, Lookup, LookupFrom, MappingSpec, Missing,
    NumberForm, Otherwise, Rule, RuleSource, Transform, Unmapped,
};
use crate::model::wording::shown;

/// A field that gets its value from two rules; a table of TOML has each key once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` gets its value from two columns", shown(field.as_bytes()))]
pub struct GivenTwice {
    pub field: String,
}

/// Writes a mapping file; the oracle of its tests is that it is read as the same rules.
///
/// The files of lookups are named as the mapping has them, so a path that is not absolute is taken
/// from the folder that the text will lie in.
///
/// # Errors
///
/// A field that is filled twice, as only a `.sdl` file can say.
pub fn write(spec: &MappingSpec) -> Result<String, GivenTwice> {
    let mut seen = BTreeSet::new();
    let mut text = String::from("[fields]\n");
    for rule in &spec.rules {
        if !seen.insert(&rule.target) {
            return Err(GivenTwice { field: rule.target.clone() });
        }
        let line = format!("{} = {}\n", key(&rule.target), source(rule));
        text.push_str(&line);
    }
    let options = [
        (spec.unmapped == Unmapped::Refuse, "unmapped = \"refuse\"\n"),
        (spec.missing == Missing::Ignore, "missing = \"ignore\"\n"),
        (spec.dialect == Dialect::DataLoader, "dialect = \"data-loader\"\n"),
    ];
    let options: String = options.iter().filter(|(is, _)| *is).map(|(_, line)| *line).collect();
    if !options.is_empty() {
        text = format!("{text}\n[options]\n{options}");
    }
    Ok(text)
}

fn source(rule: &Rule) -> String {
    let mut told = match &rule.source {
        RuleSource::Constant(text) => vec![format!("constant = {}", quoted(text))],
        RuleSource::Column(column) => vec![format!("column = {}", quoted(column))],
        RuleSource::Columns { columns, separator, keep_empty } => vec![
            format!("columns = {}", list(columns)),
            format!("separator = {}", quoted(separator)),
            format!("keep_empty = {keep_empty}"),
        ],
    };
    // The same text in each row is written as it is.
    let changes = !matches!(rule.source, RuleSource::Constant(_)) && !rule.transforms.is_empty();
    if changes {
        let transforms: Vec<String> = rule.transforms.iter().map(transform).collect();
        told.push(format!("transforms = [{}]", transforms.join(", ")));
    }
    if let Some(it) = &rule.lookup {
        told.push(format!("lookup = {{ {} }}", lookup(it)));
    }
    match (&rule.source, &told[..]) {
        (RuleSource::Column(column), [_]) => quoted(column),
        _ => format!("{{ {} }}", told.join(", ")),
    }
}

fn transform(transform: &Transform) -> String {
    match transform {
        Transform::Trim => "\"trim\"".to_owned(),
        Transform::CollapseSpaces => "\"collapse_spaces\"".to_owned(),
        Transform::Upper => "\"upper\"".to_owned(),
        Transform::Lower => "\"lower\"".to_owned(),
        Transform::Digits => "\"digits\"".to_owned(),
        Transform::Id18 => "\"id18\"".to_owned(),
        Transform::NullIf(texts) => format!("{{ null_if = {} }}", list(texts)),
        Transform::Default(text) => format!("{{ default = {} }}", quoted(text)),
        Transform::Prefix(text) => format!("{{ prefix = {} }}", quoted(text)),
        Transform::Suffix(text) => format!("{{ suffix = {} }}", quoted(text)),
        Transform::Replace { from, to } => {
            format!("{{ replace = {{ from = {}, to = {} }} }}", quoted(from), quoted(to))
        }
        Transform::Truncate(count) => format!("{{ truncate = {count} }}"),
        Transform::Values { list, otherwise } => {
            let pairs: Vec<String> =
                list.iter().map(|(from, to)| format!("{} = {}", key(from), quoted(to))).collect();
            let otherwise = match otherwise {
                Otherwise::Error => String::new(),
                Otherwise::Keep => ", otherwise = \"keep\"".to_owned(),
                Otherwise::Value(text) => format!(", otherwise = {{ value = {} }}", quoted(text)),
            };
            format!("{{ values = {{ {} }}{otherwise} }}", pairs.join(", "))
        }
        Transform::Date(format) => format!("{{ date = {} }}", quoted(format.as_str())),
        Transform::DateTime(told) => {
            let zone = told.zone_name().map(|zone| format!(", zone = {}", quoted(zone)));
            let format = quoted(told.as_str());
            format!("{{ datetime = {{ format = {format}{} }} }}", zone.unwrap_or_default())
        }
        Transform::Number(NumberForm { decimal, group }) => {
            let sign = |sign: char| quoted(&sign.to_string());
            let group = group.map(|group| format!(", group = {}", sign(group)));
            let decimal = sign(*decimal);
            format!("{{ number = {{ decimal = {decimal}{} }} }}", group.unwrap_or_default())
        }
        Transform::Boolean(words) if *words == BooleanWords::default() => "\"boolean\"".to_owned(),
        Transform::Boolean(BooleanWords { yes, no }) => {
            format!("{{ boolean = {{ true = {}, false = {} }} }}", list(yes), list(no))
        }
    }
}

fn lookup(lookup: &Lookup) -> String {
    let mut told = match &lookup.from {
        LookupFrom::Object { object, fields, filter } => {
            let mut told =
                vec![format!("object = {}", quoted(object)), format!("match = {}", list(fields))];
            told.extend(filter.as_ref().map(|filter| format!("where = {}", quoted(filter))));
            told
        }
        LookupFrom::File { path, key, value } => vec![
            format!("file = {}", quoted(&path.to_string_lossy())),
            format!("key = {}", quoted(key)),
            format!("value = {}", quoted(value)),
        ],
        LookupFrom::Step { step, key } => {
            vec![format!("step = {}", quoted(step)), format!("key = {}", quoted(key))]
        }
    };
    if lookup.case == LetterCase::Exact {
        told.push("case = \"exact\"".to_owned());
    }
    for (name, fallback) in [("on_missing", &lookup.on_missing), ("on_many", &lookup.on_many)] {
        let word = match fallback {
            Fallback::Reject => continue,
            Fallback::Error => "\"error\"".to_owned(),
            Fallback::Skip => "\"skip\"".to_owned(),
            Fallback::Default(text) => format!("{{ default = {} }}", quoted(text)),
        };
        told.push(format!("{name} = {word}"));
    }
    told.join(", ")
}

fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) }
}

fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", texts.join(", "))
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
