//! What is written from the table of keys, and whether the schema and the parser say the same.

use std::fmt::Write;

use serde_json::Value;

use super::bad::{fixtures, read, runbooks};
use super::*;
use crate::config::runbook::parse::keys::RUNBOOK;
use crate::config::runbook::parse::shape::{Shape, Takes};
use crate::config::runbook::schema::schema;

/// Compares a page with what it should be; writes it and fails when they differ.
fn keep(name: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference").join(name);
    if fs::read_to_string(&path).unwrap_or_default() != wanted {
        let mut file = fs::File::create(&path).unwrap();
        std::io::Write::write_all(&mut file, wanted.as_bytes()).unwrap();
        panic!("docs/reference/{name} was out of date; it has been written anew, run again");
    }
}

#[test]
fn the_schema_is_up_to_date() {
    keep("runbook.schema.json", &format!("{:#}\n", schema()));
}

const BEGIN: &str = "<!-- written from src/config/runbook/parse/keys.rs by a test -->\n";

#[test]
fn the_keys_of_the_page_are_up_to_date() {
    let page = include_str!("../../../../docs/reference/runbook.md");
    let (before, _) = page.split_once(BEGIN).unwrap();
    let mut tables = String::new();
    describe(&RUNBOOK, &mut tables);
    keep("runbook.md", &format!("{before}{BEGIN}{tables}"));
}

/// The tables of a shape and of all that are in it, each once.
fn describe(shape: &Shape, page: &mut String) {
    let heading = format!("\n### {}\n", shape.title);
    if page.contains(&heading) {
        return;
    }
    write!(page, "{heading}\n| key | takes | meaning |\n|---|---|---|\n").unwrap();
    for key in shape.keys {
        let needed = if key.needed { ", needed" } else { "" };
        let takes = shown(&key.takes).replace('|', "\\|");
        writeln!(page, "| `{}` | {takes}{needed} | {} |", key.name, key.about).unwrap();
    }
    for group in shape.one_of {
        writeln!(page, "\nExactly one of `{}`.", group.join("`, `")).unwrap();
    }
    shape.keys.iter().for_each(|key| inner(&key.takes, page));
}

fn inner(takes: &Takes, page: &mut String) {
    match takes {
        Takes::Table(shape) | Takes::Tables(shape) => describe(shape, page),
        Takes::List(one) | Takes::OneOrMore(one) | Takes::Names { takes: one, .. } => {
            inner(one, page);
        }
        Takes::Either(ways) => ways.iter().for_each(|way| inner(way, page)),
        _ => {}
    }
}

fn shown(takes: &Takes) -> String {
    match takes {
        Takes::Text | Takes::AnyText => "a text".to_owned(),
        Takes::Word(words) => format!("`\"{}\"`", words.join("\"`, `\"")),
        Takes::Form(form) => form.expected.replace("a text in quotes", "a text"),
        Takes::Version => "`1`".to_owned(),
        Takes::Whole { .. } => "a whole number".to_owned(),
        Takes::Number => "a number".to_owned(),
        Takes::YesNo => "`true` or `false`".to_owned(),
        Takes::Scalar => "a text, a number, or `true` or `false`".to_owned(),
        Takes::Pair => "`[a, b]`".to_owned(),
        Takes::List(one) => format!("a list: {}", shown(one)),
        Takes::OneOrMore(one) => format!("{}, or a list of them", shown(one)),
        Takes::Table(shape) => format!("a table: *{}*", shape.title),
        Takes::Tables(shape) => format!("a list of tables: *{}*", shape.title),
        Takes::Names { takes, .. } => format!("names, and for each {}", shown(takes)),
        Takes::Either(ways) => ways.iter().map(shown).collect::<Vec<_>>().join(", or "),
    }
}

/// The runbook of the page is one that can be read.
#[test]
fn the_runbook_of_the_page_is_a_good_one() {
    let page = include_str!("../../../../docs/reference/runbook.md");
    let text = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let dir = folder();
    let runbook = parse(text, dir.path(), &[("cutover", "2027-01-16")]);
    let runbook = runbook.unwrap_or_else(|faults| panic!("{faults}"));
    let kinds: std::collections::BTreeSet<_> = runbook
        .steps
        .iter()
        .map(|step| std::mem::discriminant(&step.kind))
        .map(|kind| format!("{kind:?}"))
        .collect();
    assert_eq!(kinds.len(), 6, "the page shows each kind of step");
    assert_eq!(complaint(&schema(), &document(text)), None);
}

#[test]
fn the_schema_takes_good_runbooks_and_refuses_bad_shapes() {
    let schema = schema();
    assert_eq!(complaint(&schema, &document(WHOLE)), None);
    let folders = fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path());
    let folders: Vec<_> = folders.filter(|path| path.is_dir() && !path.ends_with("bad")).collect();
    for path in folders.iter().flat_map(|folder| runbooks(folder)) {
        let text = fs::read_to_string(&path).unwrap();
        if !text.contains("runbook = ") {
            continue;
        }
        assert_eq!(complaint(&schema, &document(&text)), None, "{}", path.display());
    }
    let bad = fixtures().join("bad");
    for path in runbooks(&bad).into_iter().chain(runbooks(&bad.join("org"))) {
        let text = fs::read_to_string(&path).unwrap();
        // One that is no TOML is told by the editor itself.
        let Ok(document) = toml::from_str::<Value>(&text) else { continue };
        let seen = text.starts_with("# an editor sees it\n");
        let complaint = complaint(&schema, &document);
        assert_eq!(complaint.is_some(), seen, "{}: {complaint:?}", path.display());
        assert!(!seen || read(&path).is_err(), "{}", path.display());
    }
}

fn document(text: &str) -> Value {
    toml::from_str(text).unwrap()
}

/// What is wrong with a value by the keywords that the schema uses.
fn complaint(schema: &Value, value: &Value) -> Option<String> {
    schema.as_object().unwrap().iter().find_map(|(keyword, told)| {
        let right = holds(schema, keyword, told, value)?;
        right.map_or_else(Some, |good| (!good).then(|| format!("{keyword} {told}: {value}")))
    })
}

/// `None` says nothing of such a value; a text is the complaint of something in it.
fn holds(
    schema: &Value,
    keyword: &str,
    told: &Value,
    value: &Value,
) -> Option<Result<bool, String>> {
    let list = || told.as_array().unwrap().iter();
    let fits = |schema: &Value| complaint(schema, value).is_none();
    let members = value.as_object();
    let each = |schema: &Value, values: Vec<&Value>| {
        values.into_iter().find_map(|value| complaint(schema, value)).map_or(Ok(true), Err)
    };
    Some(match keyword {
        "$schema" | "title" | "description" => return None,
        "type" => Ok(match told {
            Value::Array(types) => types.iter().any(|told| is_a(told, value)),
            told => is_a(told, value),
        }),
        "const" => Ok(value == told),
        "enum" => Ok(list().any(|one| one == value)),
        "pattern" => {
            Ok(regex::Regex::new(told.as_str().unwrap()).unwrap().is_match(value.as_str()?))
        }
        "minimum" => Ok(value.as_f64()? >= told.as_f64().unwrap()),
        "maximum" => Ok(value.as_f64()? <= told.as_f64().unwrap()),
        "minItems" => Ok(value.as_array()?.len() as u64 >= told.as_u64().unwrap()),
        "maxItems" => Ok(value.as_array()?.len() as u64 <= told.as_u64().unwrap()),
        "minProperties" => Ok(members?.len() as u64 >= told.as_u64().unwrap()),
        "items" => each(told, value.as_array()?.iter().collect()),
        "anyOf" => Ok(list().any(fits)),
        "allOf" => list().find_map(|schema| complaint(schema, value)).map_or(Ok(true), Err),
        "oneOf" => Ok(list().filter(|schema| fits(schema)).count() == 1),
        "required" => {
            Ok(list().all(|key| members.is_none_or(|it| it.contains_key(key.as_str().unwrap()))))
        }
        "propertyNames" => {
            let names: Vec<Value> = members?.keys().map(|key| Value::from(key.as_str())).collect();
            each(told, names.iter().collect())
        }
        "properties" => {
            let wrong = members?.iter().find_map(|(key, value)| complaint(told.get(key)?, value));
            wrong.map_or(Ok(true), Err)
        }
        "additionalProperties" => {
            let known =
                |key: &str| schema.get("properties").is_some_and(|it| it.get(key).is_some());
            let others = members?.iter().filter(|(key, _)| !known(key)).map(|(_, value)| value);
            if told == &Value::Bool(false) {
                Ok(others.count() == 0)
            } else {
                each(told, others.collect())
            }
        }
        "dependencies" => {
            let has = |key: &str| members.is_some_and(|it| it.contains_key(key));
            Ok(told.as_object().unwrap().iter().all(|(key, needs)| {
                !has(key)
                    || needs.as_array().unwrap().iter().all(|need| has(need.as_str().unwrap()))
            }))
        }
        other => panic!("`{other}` is not known to this test"),
    })
}

fn is_a(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other}"),
    }
}
