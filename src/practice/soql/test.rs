//! Conditions on a record.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::bind::Bound;
use super::lex::{Kind as TokenKind, plain};
use super::parse::{Literal, Op};
use super::pointed;
use crate::practice::ids;
use crate::practice::objects::Kind;
use crate::practice::org::SoqlError;
use crate::practice::store::{Rid, Slot, Store, read_date, read_datetime};

const DAY_MS: i64 = 86_400_000;

/// A compiled condition.
#[derive(Debug)]
pub(super) enum Test {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Compare(Bound, Op, Slot<'static>),
    Like(Bound, Vec<Piece>),
    OneOf { field: Bound, negated: bool, values: HashSet<String> },
}

impl Test {
    pub(super) fn passes(&self, store: &Store, record: Rid) -> bool {
        match self {
            Self::All(tests) => tests.iter().all(|test| test.passes(store, record)),
            Self::Any(tests) => tests.iter().any(|test| test.passes(store, record)),
            Self::Not(test) => !test.passes(store, record),
            Self::Compare(field, op, value) => holds(*op, &field.get(store, record), value),
            Self::Like(field, pattern) => match field.get(store, record) {
                Slot::Text(text) => like(pattern, &text.to_lowercase().chars().collect::<Vec<_>>()),
                _ => false,
            },
            Self::OneOf { field, negated, values } => {
                let key = key(&field.get(store, record));
                values.contains(&key) != *negated
            }
        }
    }
}

fn holds(op: Op, left: &Slot<'_>, right: &Slot<'_>) -> bool {
    if left.is_null() || right.is_null() {
        let same = left.is_null() && right.is_null();
        return match op {
            Op::Equal => same,
            Op::NotEqual => !same,
            _ => false,
        };
    }
    let Some(ordering) = compare(left, right) else { return op == Op::NotEqual };
    match op {
        Op::Equal => ordering == Ordering::Equal,
        Op::NotEqual => ordering != Ordering::Equal,
        Op::Less => ordering == Ordering::Less,
        Op::LessEqual => ordering != Ordering::Greater,
        Op::Greater => ordering == Ordering::Greater,
        Op::GreaterEqual => ordering != Ordering::Less,
        Op::Like => false,
    }
}

/// Texts without case; ids as they are; `None` for what can not be compared.
pub(super) fn compare(left: &Slot<'_>, right: &Slot<'_>) -> Option<Ordering> {
    match (left, right) {
        (Slot::Bool(left), Slot::Bool(right)) => Some(left.cmp(right)),
        (Slot::Double(left), Slot::Double(right)) => left.partial_cmp(right),
        (Slot::Date(left), Slot::Date(right)) => Some(left.cmp(right)),
        (Slot::Int(left), Slot::Int(right)) | (Slot::DateTime(left), Slot::DateTime(right)) => {
            Some(left.cmp(right))
        }
        (Slot::Ref(left), Slot::Ref(right)) => Some(left.cmp(right)),
        (Slot::Text(left), Slot::Text(right)) if left.is_ascii() && right.is_ascii() => {
            let lower =
                |text: &str| text.bytes().map(|b| b.to_ascii_lowercase()).collect::<Vec<_>>();
            if left.len() == right.len() && left.eq_ignore_ascii_case(right) {
                return Some(Ordering::Equal);
            }
            Some(lower(left).cmp(&lower(right)))
        }
        (Slot::Text(left), Slot::Text(right)) => {
            Some(left.to_lowercase().cmp(&right.to_lowercase()))
        }
        _ => None,
    }
}

/// Equal for values that are equal.
pub(super) fn key(slot: &Slot<'_>) -> String {
    match slot {
        Slot::Null => String::new(),
        Slot::Bool(value) => value.to_string(),
        Slot::Int(value) => value.to_string(),
        Slot::Double(value) => value.to_string(),
        // Told from a null by its first character.
        Slot::Text(text) => format!("t{}", text.to_lowercase()),
        Slot::Date(days) => days.to_string(),
        Slot::DateTime(ms) => ms.to_string(),
        Slot::Ref(rid) => rid.to_bits().to_string(),
    }
}

pub(super) fn one_of(
    field: Bound,
    negated: bool,
    values: impl Iterator<Item = Slot<'static>>,
) -> Test {
    let values = values.filter(|slot| !slot.is_null()).map(|slot| key(&slot)).collect();
    Test::OneOf { field, negated, values }
}

pub(super) fn membership(
    field: Bound,
    negated: bool,
    literals: &[Literal],
    soql: &str,
) -> Result<Test, SoqlError> {
    let mut values = HashSet::new();
    for literal in literals {
        match value(&field, literal, soql)? {
            Read::Value(slot) => _ = values.insert(key(&slot)),
            Read::NoRecord => {}
        }
    }
    Ok(Test::OneOf { field, negated, values })
}

pub(super) fn comparison(
    field: Bound,
    op: Op,
    literal: &Literal,
    soql: &str,
    now: i64,
) -> Result<Test, SoqlError> {
    if let Some((from, to)) = days_of(literal, now) {
        return span(&field, op, (from, to), literal, soql);
    }
    if op == Op::Like {
        let text = kind_of(&field).is_text() && literal.token.kind == TokenKind::Text;
        if !text {
            return Err(wrong_type(&field, literal, soql));
        }
        return Ok(Test::Like(field, pieces(&literal.token.text)));
    }
    Ok(match value(&field, literal, soql)? {
        Read::Value(slot) => Test::Compare(field, op, slot),
        // A record that this org can not have: equal to none, different from all.
        Read::NoRecord if op == Op::NotEqual => Test::All(Vec::new()),
        Read::NoRecord => Test::Any(Vec::new()),
    })
}

fn kind_of(field: &Bound) -> Kind {
    field.object.fields[field.place].kind
}

enum Read {
    Value(Slot<'static>),
    NoRecord,
}

fn value(field: &Bound, literal: &Literal, soql: &str) -> Result<Read, SoqlError> {
    let token = &literal.token;
    if token.word("null") {
        return Ok(Read::Value(Slot::Null));
    }
    let text = &*token.text;
    let slot = match (token.kind, kind_of(field)) {
        (TokenKind::Text, Kind::Id | Kind::Reference) => {
            return id(field, &plain(text), literal, soql);
        }
        (TokenKind::Text, kind) if kind.is_text() => Some(Slot::from(plain(text))),
        (TokenKind::Word, Kind::Boolean) if token.word("true") => Some(Slot::Bool(true)),
        (TokenKind::Word, Kind::Boolean) if token.word("false") => Some(Slot::Bool(false)),
        (TokenKind::Literal, Kind::Int) => text.parse().ok().map(Slot::Int),
        (TokenKind::Literal, kind) if kind.is_decimal() => text.parse().ok().map(Slot::Double),
        (TokenKind::Literal, Kind::Date) => read_date(text).map(Slot::Date),
        (TokenKind::Literal, Kind::DateTime) => read_datetime(text).map(Slot::DateTime),
        _ => None,
    };
    slot.map(Read::Value).ok_or_else(|| wrong_type(field, literal, soql))
}

fn id(field: &Bound, text: &str, literal: &Literal, soql: &str) -> Result<Read, SoqlError> {
    if text.is_empty() {
        return Ok(Read::Value(Slot::Null));
    }
    if ids::parse(text) == ids::Parsed::Malformed {
        let message = format!("invalid ID field: {text}");
        let at = literal.token.at;
        return Err(pointed("INVALID_QUERY_FILTER_OPERATOR", soql, at, &message));
    }
    Ok(Rid::parse(field.object.catalog(), text)
        .map_or(Read::NoRecord, |rid| Read::Value(Slot::Ref(rid))))
}

fn wrong_type(field: &Bound, literal: &Literal, soql: &str) -> SoqlError {
    let kind = kind_of(field);
    let (name, of) = (&field.name, kind.type_name());
    let quotes = match (literal.token.kind, kind.is_text() || kind == Kind::Reference) {
        (TokenKind::Text, false) => " and should not be enclosed in quotes",
        (TokenKind::Text, true) | (_, false) => "",
        (_, true) => " and should be enclosed in quotes",
    };
    let message =
        format!("value of filter criterion for field '{name}' must be of type {of}{quotes}");
    pointed("INVALID_FIELD", soql, literal.token.at, &message)
}

/// First day, and the first day after, of a word such as `TODAY`.
fn days_of(literal: &Literal, now: i64) -> Option<(i32, i32)> {
    let token = &literal.token;
    if token.kind != TokenKind::Word {
        return None;
    }
    let today = i32::try_from(now.div_euclid(DAY_MS)).ok()?;
    let word = token.text.to_ascii_uppercase();
    match (&*word, literal.count) {
        ("TODAY", None) => Some((today, today + 1)),
        ("YESTERDAY", None) => Some((today - 1, today)),
        ("TOMORROW", None) => Some((today + 1, today + 2)),
        ("LAST_N_DAYS", Some(count)) => Some((today.checked_sub(count)?, today + 1)),
        ("NEXT_N_DAYS", Some(count)) => {
            Some((today + 1, today.checked_add(count)?.checked_add(1)?))
        }
        _ => None,
    }
}

fn span(
    field: &Bound,
    op: Op,
    (from, to): (i32, i32),
    literal: &Literal,
    soql: &str,
) -> Result<Test, SoqlError> {
    let slot = |days: i32| match kind_of(field) {
        Kind::Date => Some(Slot::Date(days)),
        Kind::DateTime => Some(Slot::DateTime(i64::from(days) * DAY_MS)),
        _ => None,
    };
    let (Some(from), Some(to)) = (slot(from), slot(to)) else {
        return Err(wrong_type(field, literal, soql));
    };
    let at_least = |slot| Test::Compare(field.clone(), Op::GreaterEqual, slot);
    let below = |slot| Test::Compare(field.clone(), Op::Less, slot);
    Ok(match op {
        Op::Equal => Test::All(vec![at_least(from), below(to)]),
        Op::NotEqual => Test::Not(Box::new(Test::All(vec![at_least(from), below(to)]))),
        Op::Less => below(from),
        Op::LessEqual => below(to),
        Op::Greater => at_least(to),
        Op::GreaterEqual => at_least(from),
        Op::Like => return Err(wrong_type(field, literal, soql)),
    })
}

/// A part of a `LIKE` pattern.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Char(char),
    /// `_`.
    One,
    /// `%`.
    Many,
}

pub(super) fn pieces(pattern: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => pieces.push(Piece::Many),
            '_' => pieces.push(Piece::One),
            '\\' => pieces.extend(chars.next().map(Piece::Char)),
            other => pieces.extend(other.to_lowercase().map(Piece::Char)),
        }
    }
    pieces
}

/// Goes back to the last `%` only, so its cost is the product of the lengths at worst.
pub(super) fn like(pattern: &[Piece], text: &[char]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while seen < text.len() {
        match pattern.get(at) {
            Some(Piece::Many) => {
                back = Some((at + 1, seen));
                at += 1;
            }
            Some(Piece::One) => (at, seen) = (at + 1, seen + 1),
            Some(Piece::Char(c)) if *c == text[seen] => (at, seen) = (at + 1, seen + 1),
            _ => match &mut back {
                Some((after, from)) => {
                    *from += 1;
                    (at, seen) = (*after, *from);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|piece| *piece == Piece::Many)
}
