//! Questions to a Salesforce org: SOQL in, rows out, in constant memory.

use std::io;

use csv::ByteRecord;

use crate::model::failure::Failure;
use crate::pipeline::export;
use crate::target::{ExportQuery, ExportRequest, RowSink, Target};

/// Values of one `IN` list. Source: a query by REST has to fit the length of a URL; 200 ids do.
pub(super) const IN_LIST: usize = 200;

/// Hands each row of the query to `each`, cells in the order of the SELECT.
pub(super) async fn rows<T: Target>(
    target: &T,
    soql: String,
    each: impl FnMut(&[&str]) -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    let mut sink = Each { each, failure: None };
    let request = ExportRequest { query: ExportQuery::Soql(soql), all: false };
    let ended = export::into_sink(target, &request, &mut sink).await;
    match sink.failure {
        Some(failure) => Err(failure),
        None => ended,
    }
}

struct Each<F> {
    each: F,
    failure: Option<Failure>,
}

impl<F: FnMut(&[&str]) -> Result<(), Failure> + Send> RowSink for Each<F> {
    fn header(&mut self, _header: &ByteRecord) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: &ByteRecord) -> io::Result<()> {
        let cells: Result<Vec<&str>, _> = row.iter().map(std::str::from_utf8).collect();
        let cells = cells.map_err(io::Error::other)?;
        (self.each)(&cells).map_err(|failure| {
            let told = io::Error::other(failure.message.clone());
            self.failure = Some(failure);
            told
        })
    }
}

/// A text as a literal of SOQL.
pub(super) fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for character in text.chars() {
        match character {
            '\'' | '\\' => literal.extend(['\\', character]),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            other => literal.push(other),
        }
    }
    literal.push('\'');
    literal
}

/// `FIELD IN ('a', 'b')`.
pub(super) fn is_in<'a>(field: &str, values: impl Iterator<Item = &'a str>) -> String {
    let literals: Vec<String> = values.map(literal).collect();
    format!("{field} IN ({})", literals.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_leave_its_literal() {
        assert_eq!(literal("o'Neil\\"), "'o\\'Neil\\\\'");
        assert_eq!(is_in("Email", ["a", "b'"].into_iter()), "Email IN ('a','b\\'')");
    }
}
