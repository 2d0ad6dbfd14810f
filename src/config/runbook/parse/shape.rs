//! The shape of a file as a table, and the check of a document against it.
//!
//! The parser, the JSON Schema and the reference page are made of the same tables (`keys.rs`).

use std::ops::Range;

use super::Desk;
use super::tree::{Content, Node, Table};
use crate::config::document::meant;
use crate::model::wording::nearest;

/// The end of a number that has no end of its own.
pub const MANY: u64 = u64::MAX >> 1;

/// A table of the file: what it may say.
#[derive(Debug)]
pub struct Shape {
    /// In messages: `a step`.
    pub noun: &'static str,
    /// The heading of the reference page.
    pub title: &'static str,
    pub keys: &'static [Key],
    /// Of each group exactly one key is there.
    pub one_of: &'static [&'static [&'static str]],
    /// The first has a use, or is whole, only where the second stands too.
    pub needs: &'static [(&'static str, &'static str)],
}

/// A key of a table.
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub needed: bool,
    pub takes: Takes,
    pub about: &'static str,
}

/// What a key takes.
#[derive(Debug)]
pub enum Takes {
    /// Any text that is not blank.
    Text,
    /// Any text, an empty one too.
    AnyText,
    /// One of these words.
    Word(&'static [&'static str]),
    Form(&'static Form),
    /// The number of the file's format.
    Version,
    Whole {
        from: u64,
        to: u64,
    },
    Number,
    YesNo,
    /// A text, a number, or true or false.
    Scalar,
    /// Two numbers.
    Pair,
    /// At least one.
    List(&'static Self),
    /// One, or a list of at least one.
    OneOrMore(&'static Self),
    Table(&'static Shape),
    /// At least one.
    Tables(&'static Shape),
    /// Names of one's own, each with a value.
    Names {
        named: Option<&'static Form>,
        takes: &'static Self,
        at_least: usize,
    },
    /// The first whose type fits.
    Either(&'static [Self]),
}

/// A text with a form of its own.
#[derive(Debug)]
pub struct Form {
    /// `a percentage such as "5%"`
    pub expected: &'static str,
    /// For editors: a pattern of ECMAScript that is no stricter than the check.
    pub pattern: Option<&'static str>,
    /// What is wrong with it.
    pub check: fn(&str) -> Result<(), String>,
}

impl Takes {
    /// For messages: `a text in quotes`.
    fn expected(&self) -> String {
        match self {
            Self::Text | Self::AnyText | Self::Word(_) => "a text in quotes".to_owned(),
            Self::Form(form) => form.expected.to_owned(),
            Self::Version | Self::Whole { .. } => "a whole number".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::YesNo => "true or false".to_owned(),
            Self::Scalar => "a text, a number, or true or false".to_owned(),
            Self::Pair => "two numbers in brackets".to_owned(),
            Self::List(Self::Text | Self::Form(_) | Self::Word(_)) => "a list of texts".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::OneOrMore(one) => format!("{}, or a list of them", one.expected()),
            Self::Table(_) | Self::Names { .. } => "a table such as `{ … }`".to_owned(),
            Self::Tables(_) => "a list of tables".to_owned(),
            Self::Either(ways) => {
                let ways: Vec<String> = ways.iter().map(Self::expected).collect();
                ways.join(" or ")
            }
        }
    }

    /// Whether the value's type is the right one, whatever it says.
    fn fits(&self, node: &Node) -> bool {
        match (self, &node.content) {
            (_, Content::Unfilled)
            | (Self::Text | Self::AnyText | Self::Word(_) | Self::Form(_), Content::Text(_))
            | (Self::Version | Self::Whole { .. } | Self::Number, Content::Whole(_))
            | (Self::Number, Content::Number(_))
            | (Self::YesNo, Content::YesNo(_))
            | (
                Self::Scalar,
                Content::Text(_) | Content::Whole(_) | Content::Number(_) | Content::YesNo(_),
            )
            | (Self::Pair | Self::List(_) | Self::Tables(_), Content::List(_))
            | (Self::Table(_) | Self::Names { .. }, Content::Table(_)) => true,
            (Self::OneOrMore(one), _) => one.fits(node) || matches!(node.content, Content::List(_)),
            (Self::Either(ways), _) => ways.iter().any(|way| way.fits(node)),
            _ => false,
        }
    }
}

/// Tells everything in a table that the shape does not allow; `span` is where the table begins.
pub(super) fn check(desk: &Desk, shape: &Shape, table: &Table, span: &Range<usize>) {
    for member in &table.entries {
        if let Some(key) = shape.keys.iter().find(|key| key.name == member.key) {
            check_value(desk, key.name, &key.takes, &member.node);
        } else {
            let what = format!("unknown key `{}` in {}", member.key.escape_debug(), shape.noun);
            let hint = meant(&member.key, shape.keys.iter().map(|key| key.name));
            desk.hinted(&member.key_span, what, hint);
        }
    }
    let missing = |key: &&Key| table.get(key.name).is_none() && !misspelt(table, shape, key.name);
    for key in shape.keys.iter().filter(|key| key.needed).filter(missing) {
        let what = format!("{} needs `{}`", shape.noun, key.name);
        desk.hinted(span, what, key.about);
    }
    for group in shape.one_of {
        check_group(desk, shape, group, table, span);
    }
    for (key, other) in shape.needs {
        if let Some(member) = table.member(key)
            && table.get(other).is_none()
        {
            desk.fault(&member.key_span, format!("`{key}` needs `{other}` beside it"));
        }
    }
}

/// Whether an unknown key is nearly this one: that is told already.
pub(super) fn misspelt(table: &Table, shape: &Shape, wanted: &str) -> bool {
    let known = |key: &str| shape.keys.iter().any(|known| known.name == key);
    table.entries.iter().any(|it| !known(&it.key) && nearest(&it.key, [wanted]).is_some())
}

fn check_group(desk: &Desk, shape: &Shape, group: &[&str], table: &Table, span: &Range<usize>) {
    let there: Vec<_> =
        table.entries.iter().filter(|member| group.contains(&member.key.as_str())).collect();
    let one_of = format!("{} has one of `{}`", shape.noun, group.join("`, `"));
    match there[..] {
        [_] => {}
        [] => {
            if !group.iter().any(|key| misspelt(table, shape, key)) {
                desk.fault(span, format!("{one_of}; this one has none"));
            }
        }
        [first, second, ..] => {
            let what = format!("{one_of}; this one has `{}` and `{}`", first.key, second.key);
            desk.fault(&second.key_span, what);
        }
    }
}

fn check_value(desk: &Desk, key: &str, takes: &Takes, node: &Node) {
    if !takes.fits(node) {
        let what = format!("`{key}` takes {}, not {}", takes.expected(), node.kind());
        return desk.fault(&node.span, what);
    }
    match (takes, &node.content) {
        (_, Content::Unfilled) => {}
        (Takes::Either(ways), _) => {
            if let Some(way) = ways.iter().find(|way| way.fits(node)) {
                check_value(desk, key, way, node);
            }
        }
        (Takes::Text, Content::Text(text)) if text.trim().is_empty() => {
            desk.fault(&node.span, format!("`{key}` is empty"));
        }
        (Takes::Word(words), Content::Text(text)) if !words.contains(&text.as_str()) => {
            let what = format!("`{}` is no value of `{key}`", text.escape_debug());
            desk.hinted(&node.span, what, meant(text, words.iter().copied()));
        }
        (Takes::Form(form), Content::Text(text)) => {
            if let Err(what) = (form.check)(text) {
                desk.fault(&node.span, format!("`{key}`: {what}"));
            }
        }
        (Takes::Version, Content::Whole(version)) if *version != Some(1) => {
            let what = match version {
                Some(2..) | None => {
                    "the file is written for a newer longshore: this one reads \
                                     version 1"
                }
                _ => "`version` is 1",
            };
            desk.fault(&node.span, what);
        }
        (Takes::Whole { from, to }, _)
            if !node.whole().is_some_and(|whole| (*from..=*to).contains(&whole)) =>
        {
            let what = if *to >= MANY {
                format!("`{key}` is at least {from}")
            } else {
                format!("`{key}` is from {from} to {to}")
            };
            desk.fault(&node.span, what);
        }
        (Takes::Number | Takes::Scalar, Content::Number(_) | Content::Whole(_))
            if node.number().is_none() =>
        {
            desk.fault(&node.span, format!("`{key}` is no number that can be compared"));
        }
        (Takes::Table(shape), Content::Table(table)) => check(desk, shape, table, &node.span),
        (Takes::Names { named, takes, at_least }, Content::Table(table)) => {
            check_names(desk, key, (*named, takes, *at_least), table, &node.span);
        }
        (takes, Content::List(items)) => check_items(desk, key, takes, items, node),
        (Takes::OneOrMore(one), _) => check_value(desk, key, one, node),
        _ => {}
    }
}

fn check_names(
    desk: &Desk,
    key: &str,
    (named, takes, at_least): (Option<&Form>, &Takes, usize),
    table: &Table,
    span: &Range<usize>,
) {
    if table.entries.len() < at_least {
        desk.fault(span, format!("`{key}` names nothing"));
    }
    for member in &table.entries {
        let wrong = named.map(|form| (form.check)(&member.key));
        if let Some(Err(what)) = wrong {
            desk.fault(&member.key_span, what);
        }
        check_value(desk, &member.key, takes, &member.node);
    }
}

fn check_items(desk: &Desk, key: &str, takes: &Takes, items: &[Node], list: &Node) {
    if items.is_empty() {
        return desk.fault(&list.span, format!("`{key}` is an empty list"));
    }
    match takes {
        Takes::Pair => {
            let numbers: Vec<f64> = items.iter().filter_map(Node::number).collect();
            match numbers[..] {
                [low, high] if items.len() == 2 && low <= high => {}
                [low, high] if items.len() == 2 => {
                    let what = format!("nothing is between {low} and {high}: the smaller is first");
                    desk.fault(&list.span, what);
                }
                _ => desk.fault(&list.span, format!("`{key}` takes two numbers in brackets")),
            }
        }
        Takes::List(one) | Takes::OneOrMore(one) => {
            for item in items {
                check_item(desk, key, one, item);
            }
        }
        Takes::Tables(shape) => {
            for item in items {
                if let Some(table) = item.table() {
                    check(desk, shape, table, &item.span);
                } else {
                    let what = format!("`{key}` is a list of tables, and this is {}", item.kind());
                    desk.fault(&item.span, what);
                }
            }
        }
        _ => {}
    }
}

fn check_item(desk: &Desk, key: &str, one: &Takes, item: &Node) {
    if one.fits(item) {
        return check_value(desk, key, one, item);
    }
    let what = format!("an item of `{key}` is {}, not {}", one.expected(), item.kind());
    desk.fault(&item.span, what);
}
