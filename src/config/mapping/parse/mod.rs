//! TOML to a mapping: a walk over the parsed document, so that each refusal knows its place.

mod lookup;

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::transform::{
    BooleanWords, DateFormat, DateTimeFormat, NumberForm, Otherwise, TRANSFORM_NAMES, Transform,
};
use super::{
    Dialect, Lookup, MappingError, MappingSpec, Missing, Place, Rule, RuleSource, Unmapped,
};
use crate::config::document::{self, Entry, Value, Wrong, in_file_order, kind_of};
use crate::model::chunk::Digest;
use crate::model::wording::nearest;

const SECTIONS: [&str; 2] = ["fields", "options"];
const OPTIONS: [&str; 3] = ["unmapped", "missing", "dialect"];
const RULE_KEYS: [&str; 7] =
    ["column", "columns", "constant", "separator", "keep_empty", "transforms", "lookup"];

/// Reads the text of a mapping file.
pub fn parse(text: &str, name: &str) -> Result<MappingSpec, MappingError> {
    let digest = Digest::of(text.as_bytes());
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Walk { text, name, digest }.spec()
}

/// The document under the walk. Its methods turn a part of it into a part of the mapping.
struct Walk<'a> {
    text: &'a str,
    name: &'a str,
    digest: Digest,
}

type Refused<T> = Result<T, MappingError>;

impl Walk<'_> {
    fn spec(&self) -> Refused<MappingSpec> {
        let document = document::read(self.text)
            .map_err(|Wrong { span, what, hints }| self.refuse_with(span, what, hints))?;
        let document = document.get_ref();
        self.only_known(document, &SECTIONS, "section")?;
        let end = self.text.len()..self.text.len();
        let (key, fields) = document.get_key_value("fields").ok_or_else(|| {
            self.refuse_with(
                end,
                "a mapping needs a section `[fields]`",
                ["a line in it looks like `LastName = \"Family name\"`".to_owned()],
            )
        })?;
        let rules = in_file_order(self.table(fields)?)
            .into_iter()
            .map(|(key, value)| self.rule(key, value))
            .collect::<Refused<Vec<_>>>()?;
        if rules.is_empty() {
            return Err(self.refuse(key.span(), "the section `[fields]` names no field"));
        }
        let options = document.get("options").map(|options| self.options(options)).transpose()?;
        let (unmapped, missing, dialect) = options.unwrap_or_default();
        Ok(MappingSpec {
            name: self.name.to_owned(),
            digest: self.digest,
            rules,
            unmapped,
            dialect,
            missing,
        })
    }

    fn options(&self, options: &Value) -> Refused<(Unmapped, Missing, Dialect)> {
        let options = self.table(options)?;
        self.only_known(options, &OPTIONS, "option")?;
        let unmapped = options.get("unmapped").map(|told| self.unmapped(told)).transpose()?;
        let dialect = options.get("dialect").map(|told| self.dialect(told)).transpose()?;
        let missing = options.get("missing").map(|told| self.missing(told)).transpose()?;
        Ok((unmapped.unwrap_or_default(), missing.unwrap_or_default(), dialect.unwrap_or_default()))
    }

    fn missing(&self, missing: &Value) -> Refused<Missing> {
        match self.text_of(missing)? {
            "refuse" => Ok(Missing::Refuse),
            "ignore" => Ok(Missing::Ignore),
            other => {
                let what = format!("`missing` is `refuse` or `ignore`, not `{other}`");
                Err(self.refuse(missing.span(), what))
            }
        }
    }

    fn dialect(&self, dialect: &Value) -> Refused<Dialect> {
        match self.text_of(dialect)? {
            "longshore" => Ok(Dialect::Ours),
            "data-loader" => Ok(Dialect::DataLoader),
            other => {
                let what = format!("`dialect` is `longshore` or `data-loader`, not `{other}`");
                Err(self.refuse(dialect.span(), what))
            }
        }
    }

    fn unmapped(&self, unmapped: &Value) -> Refused<Unmapped> {
        match self.text_of(unmapped)? {
            "ignore" => Ok(Unmapped::Ignore),
            "refuse" => Ok(Unmapped::Refuse),
            other => {
                let what = format!("`unmapped` is `ignore` or `refuse`, not `{other}`");
                Err(self.refuse(unmapped.span(), what))
            }
        }
    }

    fn rule(&self, key: &Spanned<DeString>, value: &Value) -> Refused<Rule> {
        let place = self.place(key.span().start);
        let target = key.get_ref().to_string();
        if target.trim().is_empty() {
            return Err(self.refuse(key.span(), "a field has no name"));
        }
        let (source, transforms, lookup) = match value.get_ref() {
            DeValue::String(column) => {
                (RuleSource::Column(self.named(column, value)?), Vec::new(), None)
            }
            DeValue::Table(table) => self.long_rule(&target, value, table)?,
            _ => {
                let what = format!(
                    "the source of `{target}` must be a column name in quotes or a table, \
                     not {}",
                    kind_of(value)
                );
                let hint = format!(
                    "for the same value in each row write `{target} = {{ constant = \"…\" }}`"
                );
                return Err(self.refuse_with(value.span(), what, [hint]));
            }
        };
        Ok(Rule { target, source, transforms, lookup, place })
    }

    fn long_rule(
        &self,
        target: &str,
        value: &Value,
        table: &DeTable,
    ) -> Refused<(RuleSource, Vec<Transform>, Option<Lookup>)> {
        // `Owner.Username = "x"` without quotes is a table in TOML, which nobody means here.
        if let [(inner, _)] = in_file_order(table)[..]
            && !RULE_KEYS.contains(&inner.get_ref().as_ref())
            && nearest(inner.get_ref(), RULE_KEYS).is_none()
        {
            let inner = inner.get_ref();
            let what = format!("`{inner}` is no key of the field `{target}`");
            let hint = format!("a relationship field is written in quotes: `\"{target}.{inner}\"`");
            return Err(self.refuse_with(value.span(), what, [hint]));
        }
        self.only_known(table, &RULE_KEYS, "key")?;
        let sources: Vec<&str> =
            RULE_KEYS[..3].iter().copied().filter(|key| table.contains_key(*key)).collect();
        if sources.len() != 1 {
            let what = format!(
                "`{target}` needs one of `column`, `columns`, `constant`; it has {}",
                if sources.is_empty() {
                    "none".to_owned()
                } else {
                    format!("`{}`", sources.join("` and `"))
                }
            );
            return Err(self.refuse(value.span(), what));
        }
        let key_without_use = match sources[0] {
            "columns" => None,
            "column" => ["separator", "keep_empty"].into_iter().find(|k| table.contains_key(*k)),
            // A constant may be a name whose id is looked up once.
            _ => RULE_KEYS[3..6].iter().copied().find(|key| table.contains_key(*key)),
        };
        if let Some(key) = key_without_use {
            let what = format!("`{key}` has no use beside `{}`", sources[0]);
            return Err(self.refuse(self.key_span(table, key), what));
        }
        let source = match sources[0] {
            "constant" => RuleSource::Constant(self.constant(&table["constant"])?),
            "column" => {
                let column = &table["column"];
                RuleSource::Column(self.named(self.text_of(column)?, column)?)
            }
            _ => self.joined(table)?,
        };
        let transforms = table.get("transforms").map(|list| self.transforms(list)).transpose()?;
        let lookup = table.get("lookup").map(|lookup| self.lookup(lookup)).transpose()?;
        Ok((source, transforms.unwrap_or_default(), lookup))
    }

    fn joined(&self, table: &DeTable) -> Refused<RuleSource> {
        let list = &table["columns"];
        let DeValue::Array(items) = list.get_ref() else {
            return Err(self.wrong_type("columns", "a list of column names", list));
        };
        if items.is_empty() {
            return Err(self.refuse(list.span(), "`columns` names no column"));
        }
        let columns = items
            .iter()
            .map(|item| self.named(self.text_of(item)?, item))
            .collect::<Refused<Vec<_>>>()?;
        let separator = match table.get("separator") {
            Some(separator) => self.text_of(separator)?.to_owned(),
            None => " ".to_owned(),
        };
        let keep_empty = match table.get("keep_empty") {
            None => false,
            Some(keep) => match keep.get_ref() {
                DeValue::Boolean(keep) => *keep,
                _ => return Err(self.wrong_type("keep_empty", "true or false", keep)),
            },
        };
        Ok(RuleSource::Columns { columns, separator, keep_empty })
    }

    /// A constant; numbers must be quoted unless they are whole, as `1.10` is not `1.1` as text.
    fn constant(&self, value: &Value) -> Refused<String> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            DeValue::Boolean(yes) => Ok(yes.to_string()),
            DeValue::Integer(whole) if whole.radix() == 10 => Ok(whole.to_string()),
            _ => Err(self.wrong_type("constant", "a text in quotes", value)),
        }
    }

    fn transforms(&self, list: &Value) -> Refused<Vec<Transform>> {
        match list.get_ref() {
            DeValue::Array(items) => items.iter().map(|item| self.transform(item)).collect(),
            _ => Err(self.wrong_type("transforms", "a list in brackets", list)),
        }
    }

    fn transform(&self, item: &Value) -> Refused<Transform> {
        match item.get_ref() {
            DeValue::String(name) => self.plain_transform(name, item),
            DeValue::Table(table) => self.told_transform(table, item),
            _ => Err(self.wrong_type("transforms", "names or tables", item)),
        }
    }

    fn plain_transform(&self, name: &str, item: &Value) -> Refused<Transform> {
        Ok(match name {
            "trim" => Transform::Trim,
            "collapse_spaces" => Transform::CollapseSpaces,
            "upper" => Transform::Upper,
            "lower" => Transform::Lower,
            "digits" => Transform::Digits,
            "boolean" => Transform::Boolean(BooleanWords::default()),
            "id18" => Transform::Id18,
            known if TRANSFORM_NAMES.contains(&known) => {
                let what = format!("the transform `{known}` must be told something");
                let hint = format!("write it as `{{ {known} = … }}`");
                return Err(self.refuse_with(item.span(), what, [hint]));
            }
            unknown => {
                return Err(self.unknown(item.span(), "transform", unknown, &TRANSFORM_NAMES));
            }
        })
    }

    fn told_transform(&self, table: &DeTable, item: &Value) -> Refused<Transform> {
        let entries = in_file_order(table);
        let name_of = |entry: &Entry| entry.0.get_ref().to_string();
        if let Some(values) = table.get("values") {
            self.only_known(table, &["values", "otherwise"], "key")?;
            return self.values(values, table.get("otherwise"));
        }
        let [entry @ (key, value)] = entries[..] else {
            let what = format!("a transform has one name here, not {}", entries.len());
            return Err(self.refuse(item.span(), what));
        };
        let name = name_of(&entry);
        Ok(match name.as_str() {
            "null_if" => Transform::NullIf(self.texts(value, "null_if")?),
            "default" => Transform::Default(self.text_of(value)?.to_owned()),
            "prefix" => Transform::Prefix(self.text_of(value)?.to_owned()),
            "suffix" => Transform::Suffix(self.text_of(value)?.to_owned()),
            "replace" => self.replace(value)?,
            "truncate" => Transform::Truncate(self.count(value)?),
            "date" => {
                let format = DateFormat::new(self.text_of(value)?);
                Transform::Date(format.map_err(|what| self.refuse(value.span(), what))?)
            }
            "datetime" => self.datetime(value)?,
            "number" => self.number(value)?,
            "boolean" => self.boolean(value)?,
            known if TRANSFORM_NAMES.contains(&known) => {
                let what = format!("the transform `{known}` takes nothing");
                let hint = format!("write it as `\"{known}\"`");
                return Err(self.refuse_with(key.span(), what, [hint]));
            }
            unknown => {
                return Err(self.unknown(key.span(), "transform", unknown, &TRANSFORM_NAMES));
            }
        })
    }

    fn values(&self, values: &Value, otherwise: Option<&Value>) -> Refused<Transform> {
        let list = in_file_order(self.table(values)?)
            .into_iter()
            .map(|(from, to)| Ok((from.get_ref().to_string(), self.text_of(to)?.to_owned())))
            .collect::<Refused<BTreeMap<_, _>>>()?;
        if list.is_empty() {
            return Err(self.refuse(values.span(), "`values` lists no value"));
        }
        let otherwise = match otherwise {
            None => Otherwise::Error,
            Some(told) => self.otherwise(told)?,
        };
        Ok(Transform::Values { list, otherwise })
    }

    fn otherwise(&self, told: &Value) -> Refused<Otherwise> {
        if let DeValue::Table(table) = told.get_ref() {
            self.only_known(table, &["value"], "key")?;
            if let Some(value) = table.get("value") {
                return Ok(Otherwise::Value(self.text_of(value)?.to_owned()));
            }
        }
        match told.get_ref().as_str() {
            Some("error") => Ok(Otherwise::Error),
            Some("keep") => Ok(Otherwise::Keep),
            _ => Err(self.refuse(
                told.span(),
                "`otherwise` is `\"error\"`, `\"keep\"` or `{ value = \"…\" }`",
            )),
        }
    }

    fn replace(&self, value: &Value) -> Refused<Transform> {
        let table = self.table(value)?;
        self.only_known(table, &["from", "to"], "key")?;
        let from = self.needed(table, value, "from")?;
        let to = self.needed(table, value, "to")?;
        if from.is_empty() {
            return Err(self.refuse(value.span(), "`from` of `replace` is empty"));
        }
        Ok(Transform::Replace { from: from.to_owned(), to: to.to_owned() })
    }

    fn datetime(&self, value: &Value) -> Refused<Transform> {
        let table = self.table(value)?;
        self.only_known(table, &["format", "zone"], "key")?;
        let format = self.needed(table, value, "format")?;
        let zone = table.get("zone").map(|zone| self.text_of(zone)).transpose()?;
        let format = DateTimeFormat::new(format, zone);
        Ok(Transform::DateTime(format.map_err(|what| self.refuse(value.span(), what))?))
    }

    fn number(&self, value: &Value) -> Refused<Transform> {
        let table = self.table(value)?;
        self.only_known(table, &["decimal", "group"], "key")?;
        let decimal = table.get("decimal").map(|sign| self.sign(sign)).transpose()?;
        let group = table.get("group").map(|sign| self.sign(sign)).transpose()?;
        let form = NumberForm { decimal: decimal.unwrap_or('.'), group };
        if form.group == Some(form.decimal) {
            return Err(self.refuse(value.span(), "`decimal` and `group` are the same sign"));
        }
        Ok(Transform::Number(form))
    }

    fn sign(&self, value: &Value) -> Refused<char> {
        let mut characters = self.text_of(value)?.chars();
        match (characters.next(), characters.next()) {
            (Some(sign), None) if !sign.is_ascii_alphanumeric() && !"+-".contains(sign) => Ok(sign),
            _ => Err(self.refuse(
                value.span(),
                "a sign of a number is one character, no letter, digit, `+` or `-`",
            )),
        }
    }

    fn boolean(&self, value: &Value) -> Refused<Transform> {
        let table = self.table(value)?;
        self.only_known(table, &["true", "false"], "key")?;
        let words = |name: &str| match table.get(name) {
            Some(list) => self.texts(list, name),
            None => Err(self.refuse(value.span(), format!("`boolean` needs the list `{name}`"))),
        };
        let words = BooleanWords { yes: words("true")?, no: words("false")? };
        let clash = words.yes.iter().find(|word| contains_word(&words.no, word));
        match clash {
            Some(word) => {
                Err(self.refuse(value.span(), format!("`{word}` is both true and false")))
            }
            None => Ok(Transform::Boolean(words)),
        }
    }

    fn count(&self, value: &Value) -> Refused<usize> {
        let count = match value.get_ref() {
            DeValue::Integer(whole) => usize::from_str_radix(whole.as_str(), whole.radix()).ok(),
            _ => None,
        };
        count.filter(|count| *count > 0).ok_or_else(|| {
            self.refuse(value.span(), "`truncate` takes a number of characters, at least 1")
        })
    }

    /// One text, or a list of texts.
    fn texts(&self, value: &Value, key: &str) -> Refused<Vec<String>> {
        match value.get_ref() {
            DeValue::String(text) => Ok(vec![text.to_string()]),
            DeValue::Array(items) if !items.is_empty() => {
                items.iter().map(|item| Ok(self.text_of(item)?.to_owned())).collect()
            }
            _ => Err(self.wrong_type(key, "a text in quotes or a list of them", value)),
        }
    }

    fn needed<'t>(&self, table: &'t DeTable, whole: &Value, key: &str) -> Refused<&'t str> {
        match table.get(key) {
            Some(value) => self.text_of(value),
            None => Err(self.refuse(whole.span(), format!("`{key}` is missing"))),
        }
    }

    fn named(&self, column: &str, value: &Value) -> Refused<String> {
        if column.is_empty() {
            return Err(self.refuse(value.span(), "a column has no name"));
        }
        Ok(column.to_owned())
    }

    fn table<'t, 'i>(&self, value: &'t Value<'i>) -> Refused<&'t DeTable<'i>> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table),
            _ => Err(self.refuse(
                value.span(),
                format!("expected a table such as `{{ … }}`, not {}", kind_of(value)),
            )),
        }
    }

    fn text_of<'t>(&self, value: &'t Value) -> Refused<&'t str> {
        value.get_ref().as_str().ok_or_else(|| {
            let what = format!("expected a text in quotes, not {}", kind_of(value));
            self.refuse(value.span(), what)
        })
    }

    fn only_known(&self, table: &DeTable, known: &[&str], noun: &str) -> Refused<()> {
        for (key, _) in in_file_order(table) {
            if !known.contains(&key.get_ref().as_ref()) {
                return Err(self.unknown(key.span(), noun, key.get_ref(), known));
            }
        }
        Ok(())
    }

    fn key_span(&self, table: &DeTable, key: &str) -> Range<usize> {
        let entry = table.get_key_value(key);
        entry.map_or(self.text.len()..self.text.len(), |(key, _)| key.span())
    }

    fn unknown(&self, span: Range<usize>, noun: &str, name: &str, known: &[&str]) -> MappingError {
        let hint = document::meant(name, known.iter().copied());
        self.refuse_with(span, format!("unknown {noun} `{name}`"), [hint])
    }

    fn wrong_type(&self, key: &str, expected: &str, value: &Value) -> MappingError {
        let what = format!("`{key}` takes {expected}, not {}", kind_of(value));
        self.refuse(value.span(), what)
    }

    fn refuse(&self, span: Range<usize>, what: impl Into<String>) -> MappingError {
        self.refuse_with(span, what, [])
    }

    fn refuse_with(
        &self,
        span: Range<usize>,
        what: impl Into<String>,
        hints: impl Into<Vec<String>>,
    ) -> MappingError {
        MappingError::Refused {
            name: self.name.to_owned(),
            place: self.place(span.start),
            what: what.into(),
            hints: hints.into(),
        }
    }

    fn place(&self, at: usize) -> Place {
        Place::of(self.text, at)
    }
}

fn contains_word(words: &[String], word: &str) -> bool {
    words.iter().any(|other| other.to_lowercase() == word.to_lowercase())
}
