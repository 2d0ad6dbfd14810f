//! The document as a tree of our own, in the order of the file, with parameters filled in.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::Desk;
use crate::config::document::{Value, in_file_order, meant};

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) span: Range<usize>,
    pub(super) content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    Text(String),
    /// `None` does not fit.
    Whole(Option<i64>),
    Number(f64),
    YesNo(bool),
    Date,
    List(Vec<Node>),
    Table(Table),
    /// A text whose parameters have no value, which is a fault that is told already.
    Unfilled,
}

#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) entries: Vec<Member>,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) node: Node,
}

impl Node {
    pub(super) fn kind(&self) -> &'static str {
        match self.content {
            Content::Text(_) | Content::Unfilled => "a text",
            Content::Whole(_) => "a whole number",
            Content::Number(_) => "a number",
            Content::YesNo(_) => "true or false",
            Content::Date => "a date",
            Content::List(_) => "a list",
            Content::Table(_) => "a table",
        }
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Content::Text(text) = &self.content { Some(text) } else { None }
    }

    pub(super) fn table(&self) -> Option<&Table> {
        if let Content::Table(table) = &self.content { Some(table) } else { None }
    }

    /// The items of a list, or the value itself.
    pub(super) fn items(&self) -> &[Self] {
        if let Content::List(items) = &self.content { items } else { std::slice::from_ref(self) }
    }

    pub(super) fn whole(&self) -> Option<u64> {
        let Content::Whole(Some(whole)) = self.content else { return None };
        u64::try_from(whole).ok()
    }

    #[expect(clippy::cast_precision_loss, reason = "bounds are compared as numbers")]
    pub(super) fn number(&self) -> Option<f64> {
        match self.content {
            Content::Number(number) => Some(number).filter(|number| number.is_finite()),
            Content::Whole(whole) => whole.map(|whole| whole as f64),
            _ => None,
        }
    }

    pub(super) fn yes(&self) -> Option<bool> {
        if let Content::YesNo(yes) = self.content { Some(yes) } else { None }
    }
}

impl Table {
    pub(super) fn member(&self, key: &str) -> Option<&Member> {
        self.entries.iter().find(|member| member.key == key)
    }

    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.member(key).map(|member| &member.node)
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }

    pub(super) fn owned(&self, key: &str) -> Option<String> {
        self.text(key).map(str::to_owned)
    }

    pub(super) fn yes(&self, key: &str) -> bool {
        self.get(key).and_then(Node::yes).unwrap_or_default()
    }

    /// The texts of a list, or the one text.
    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        let items = self.get(key).map(Node::items).unwrap_or_default();
        items.iter().filter_map(|item| item.text().map(str::to_owned)).collect()
    }
}

/// How texts get the values of parameters.
pub(super) struct Filling<'a> {
    pub(super) desk: &'a Desk<'a>,
    /// `None` is declared and has no value.
    pub(super) values: &'a BTreeMap<String, Option<String>>,
}

impl Filling<'_> {
    pub(super) fn table(&self, table: &DeTable) -> Table {
        let entries = in_file_order(table).into_iter().map(|(key, value)| Member {
            key: key.get_ref().to_string(),
            key_span: key.span(),
            node: self.node(value),
        });
        Table { entries: entries.collect() }
    }

    fn node(&self, value: &Value) -> Node {
        let content = match value.get_ref() {
            DeValue::String(text) => self.text(text, &value.span()),
            DeValue::Integer(whole) => {
                Content::Whole(i64::from_str_radix(whole.as_str(), whole.radix()).ok())
            }
            DeValue::Float(number) => Content::Number(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(yes) => Content::YesNo(*yes),
            DeValue::Datetime(_) => Content::Date,
            DeValue::Array(items) => {
                Content::List(items.iter().map(|item| self.node(item)).collect())
            }
            DeValue::Table(table) => Content::Table(self.table(table)),
        };
        Node { span: value.span(), content }
    }

    /// `${name}` is the parameter's value, `$${` is `${`.
    fn text(&self, text: &str, span: &Range<usize>) -> Content {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        let mut whole = true;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                filled.push_str(&rest[..at]);
                filled.push('{');
                rest = &rest[at + 2..];
                continue;
            }
            filled.push_str(&rest[..at]);
            let Some((name, behind)) = rest[at + 2..].split_once('}') else {
                let hint = "write `${name}` for a parameter, or `$${` for the two signs";
                self.desk.hinted(span, "`${` is not closed", hint);
                return Content::Unfilled;
            };
            match self.values.get(name) {
                Some(Some(value)) => filled.push_str(value),
                Some(None) => whole = false,
                None => {
                    whole = false;
                    self.unknown(name, span);
                }
            }
            rest = behind;
        }
        filled.push_str(rest);
        if whole { Content::Text(filled) } else { Content::Unfilled }
    }

    fn unknown(&self, name: &str, span: &Range<usize>) {
        let name = name.escape_debug();
        let hint = if self.values.is_empty() {
            "declare it in the section `[parameters]`, or write `$${` for the two signs".to_owned()
        } else {
            meant(&name.to_string(), self.values.keys().map(String::as_str))
        };
        self.desk.hinted(span, format!("unknown parameter `{name}`"), hint);
    }
}
