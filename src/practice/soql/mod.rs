//! A useful part of SOQL: enough for what loaders, and people who check a load, ask.
//!
//! `SELECT` of fields up to five relationships away, `COUNT()` and aggregate functions; `WHERE`
//! with everything but geolocation and multi-select operators, semi-joins included; `ORDER BY`,
//! `LIMIT`, `OFFSET`. No `GROUP BY`, `TYPEOF`, `FIELDS()` or subqueries in the `SELECT` list.

mod aggregate;
mod bind;
mod lex;
mod parse;
mod test;

use std::cmp::Ordering;

pub use bind::Bound;

use super::objects::Object;
use super::org::{QueryFeatures, QueryScope, SoqlError, Value};
use super::store::{Rid, Slot, Store};
use lex::Token;
use parse::{Function, Item, Order, Select};
use test::Test;

/// A query with its records found.
#[derive(Debug, Clone)]
pub struct Found {
    pub object: &'static Object,
    pub columns: Vec<Bound>,
    pub numbers: Vec<u32>,
    pub answer: Shape,
}

/// What comes out of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    Rows,
    /// `COUNT()`: a number, no rows.
    Count,
    /// Aggregate functions: one row, with each value under its alias, or as `expr0` and so on.
    Aggregate(Vec<(String, Value)>),
}

/// Finds the records of a query. `now` in milliseconds, for words such as `TODAY`.
pub fn find(store: &Store, soql: &str, scope: QueryScope, now: i64) -> Result<Found, SoqlError> {
    let select = parse::parse(soql)?;
    Finder { store, soql, scope, now }.find(&select)
}

/// The values of one record.
pub fn read(store: &Store, found: &Found, number: u32) -> Vec<Value> {
    let record = Rid::new(found.object, number);
    found.columns.iter().map(|column| column.get(store, record).to_value()).collect()
}

struct Finder<'a> {
    store: &'a Store,
    soql: &'a str,
    scope: QueryScope,
    now: i64,
}

impl Finder<'_> {
    fn find(&self, select: &Select) -> Result<Found, SoqlError> {
        let object = self.object(&select.from)?;
        let names = bind::Names { object, alias: select.alias.as_deref(), soql: self.soql };
        let mut columns = Vec::new();
        let mut functions = Vec::new();
        let mut shape = Shape::Rows;
        for item in &select.items {
            match item {
                Item::Field(token) => columns.push(names.bind(token)?),
                Item::CountAll => shape = Shape::Count,
                Item::Aggregate(function, token, alias) => {
                    let field = names.bind(token)?;
                    self.allow(*function, token, &field)?;
                    functions.push((*function, field, alias.clone()));
                }
            }
        }
        let grouped = shape == Shape::Count || !functions.is_empty();
        let of_one_kind = if shape == Shape::Count { 1 } else { functions.len() };
        if grouped && of_one_kind != select.items.len() {
            let message = "Field must be grouped or aggregated";
            return Err(malformed(self.soql, select.items[0].at(), message));
        }
        let numbers = self.numbers(select, object, &names)?;
        if !functions.is_empty() {
            shape = Shape::Aggregate(self.aggregate(&functions, object, &numbers));
        }
        Ok(Found { object, columns, numbers, answer: shape })
    }

    fn allow(&self, function: Function, token: &Token, field: &Bound) -> Result<(), SoqlError> {
        if function.takes(field.object.fields[field.place].kind) {
            return Ok(());
        }
        let (name, function) = (&field.name, function.name());
        let message = format!("field {name} does not support aggregate operator {function}");
        Err(malformed(self.soql, token.at, &message))
    }

    fn aggregate(
        &self,
        functions: &[(Function, Bound, Option<String>)],
        object: &'static Object,
        numbers: &[u32],
    ) -> Vec<(String, Value)> {
        let mut unnamed = 0..;
        let values = functions.iter().map(|(function, field, alias)| {
            let name = alias
                .clone()
                .unwrap_or_else(|| format!("expr{}", unnamed.next().unwrap_or_default()));
            let records = numbers.iter().map(|number| Rid::new(object, *number));
            (name, function.of(self.store, field, records))
        });
        values.collect()
    }

    fn object(&self, from: &Token) -> Result<&'static Object, SoqlError> {
        self.store.catalog().find(&from.text).ok_or_else(|| {
            let message = format!(
                "sObject type '{}' is not supported. If you are attempting to use a custom object, \
                 be sure to append the '__c' after the entity name. Please reference your WSDL or \
                 the describe call for the appropriate names.",
                from.text
            );
            pointed("INVALID_TYPE", self.soql, from.at, &message)
        })
    }

    fn numbers(
        &self,
        select: &Select,
        object: &'static Object,
        names: &bind::Names<'_>,
    ) -> Result<Vec<u32>, SoqlError> {
        let filter = match &select.filter {
            Some(filter) => Some(self.compile(filter, names)?),
            None => None,
        };
        let order = keys(&select.order, names)?;
        let passes = |number: &u32| {
            let record = Rid::new(object, *number);
            filter.as_ref().is_none_or(|test| test.passes(self.store, record))
        };
        let all = self.store.table(object).numbers(self.scope == QueryScope::All).filter(passes);
        let skip = select.offset.unwrap_or(0);
        let take = select.limit.unwrap_or(usize::MAX);
        if order.is_empty() {
            return Ok(all.skip(skip).take(take).collect());
        }
        let mut numbers: Vec<u32> = all.collect();
        sort(self.store, object, &mut numbers, &order);
        Ok(numbers.into_iter().skip(skip).take(take).collect())
    }

    fn compile(&self, expr: &parse::Expr, names: &bind::Names<'_>) -> Result<Test, SoqlError> {
        let all = |parts: &[parse::Expr]| {
            parts.iter().map(|part| self.compile(part, names)).collect::<Result<Vec<_>, _>>()
        };
        Ok(match expr {
            parse::Expr::And(parts) => Test::All(all(parts)?),
            parse::Expr::Or(parts) => Test::Any(all(parts)?),
            parse::Expr::Not(inner) => Test::Not(Box::new(self.compile(inner, names)?)),
            parse::Expr::Compare { field, op, literal } => {
                let bound = names.bind(field)?;
                test::comparison(bound, *op, literal, self.soql, self.now)?
            }
            parse::Expr::In { field, negated, literals } => {
                test::membership(names.bind(field)?, *negated, literals, self.soql)?
            }
            parse::Expr::Semi { field, negated, select } => {
                let bound = names.bind(field)?;
                let inner = self.find(select)?;
                let values = inner.numbers.iter().filter_map(|number| {
                    let record = Rid::new(inner.object, *number);
                    inner.columns.first().map(|c| c.get(self.store, record).into_owned())
                });
                test::one_of(bound, *negated, values)
            }
        })
    }
}

fn keys(order: &[Order], names: &bind::Names<'_>) -> Result<Vec<Key>, SoqlError> {
    let key = |order: &Order| {
        let field = names.bind(&order.field)?;
        Ok(Key { field, descending: order.descending, nulls_last: order.nulls_last })
    };
    order.iter().map(key).collect()
}

struct Key {
    field: Bound,
    descending: bool,
    nulls_last: bool,
}

fn sort(store: &Store, object: &'static Object, numbers: &mut [u32], order: &[Key]) {
    let compare = |left: &u32, right: &u32| {
        let mut ordering = Ordering::Equal;
        for key in order {
            let value = |number: u32| key.field.get(store, Rid::new(object, number));
            ordering = compare_for(key, &value(*left), &value(*right));
            if ordering != Ordering::Equal {
                break;
            }
        }
        ordering
    };
    numbers.sort_by(compare);
}

fn compare_for(key: &Key, left: &Slot<'_>, right: &Slot<'_>) -> Ordering {
    match (left.is_null(), right.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) if key.nulls_last => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, true) if key.nulls_last => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) => {
            let ordering = test::compare(left, right).unwrap_or(Ordering::Equal);
            if key.descending { ordering.reverse() } else { ordering }
        }
    }
}

/// What a query asks for, found by its words, also when it is not one we can run.
pub fn features(soql: &str) -> QueryFeatures {
    let tokens = lex::lex(soql).unwrap_or_default();
    let mut features = QueryFeatures::default();
    let mut depth = 0_u32;
    for (nth, token) in tokens.iter().enumerate() {
        let next = tokens.get(nth + 1);
        let opens = next.is_some_and(|next| next.is("("));
        match token.kind {
            lex::Kind::Symbol if token.is("(") => {
                let in_list =
                    nth > 0 && (tokens[nth - 1].is(",") || tokens[nth - 1].word("SELECT"));
                features.subquery |=
                    depth == 0 && in_list && next.is_some_and(|n| n.word("SELECT"));
                depth += 1;
            }
            lex::Kind::Symbol if token.is(")") => depth = depth.saturating_sub(1),
            lex::Kind::Word if depth == 0 => {
                let word = |text| token.word(text);
                let by = next.is_some_and(|next| next.word("BY"));
                let aggregates = ["COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX"];
                features.aggregate |= opens && aggregates.iter().any(|name| token.word(name));
                features.offset |= word("OFFSET");
                features.limit |= word("LIMIT");
                features.group_by |= word("GROUP") && by;
                features.order_by |= word("ORDER") && by;
                features.type_of |= word("TYPEOF");
            }
            _ => {}
        }
    }
    features
}

fn malformed(soql: &str, at: usize, message: &str) -> SoqlError {
    pointed("MALFORMED_QUERY", soql, at, message)
}

/// The message with the piece of the query that it is about and a caret under the place.
fn pointed(code: &'static str, soql: &str, at: usize, message: &str) -> SoqlError {
    let at = at.min(soql.len());
    let before = &soql[..at];
    let row = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    // Two words before the place, and some after it.
    let line = &soql[line_start..at];
    let mut starts = line.char_indices().filter(|(nth, c)| {
        !c.is_whitespace() && (*nth == 0 || line[..*nth].ends_with(char::is_whitespace))
    });
    let start = line_start + starts.by_ref().rev().nth(1).map_or(0, |(nth, _)| nth);
    let rest = soql[at..].lines().next().unwrap_or_default();
    let shown: String = rest.chars().take(40).collect();
    let indent = " ".repeat(soql[start..at].chars().count());
    let lead = &soql[start..at];
    let message =
        format!("\n{lead}{shown}\n{indent}^\nERROR at Row:{row}:Column:{column}\n{message}");
    SoqlError { code, message }
}

#[cfg(test)]
mod tests;
