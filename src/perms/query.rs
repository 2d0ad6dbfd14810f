//! Questions to a Salesforce org: SOQL in, rows out, in constant memory.

use std::io;
use std::time::Duration;

use csv::ByteRecord;
use tokio::time::Instant;

use crate::model::failure::Failure;
use crate::pipeline::event::{Event, Watch};
use crate::pipeline::export;
use crate::target::{ExportQuery, ExportRequest, Pace, RowSink, Target};

/// Values of one `IN` list. Source: a query by REST has to fit the length of a URL; 200 ids do.
pub(super) const IN_LIST: usize = 200;

/// How often it is told how long a question takes yet.
const TELL: Duration = Duration::from_millis(250);

/// Hands each row of the query to `each`, cells in the order of the SELECT.
pub(super) async fn rows<T: Target>(
    target: &T,
    soql: String,
    each: impl FnMut(&[&str]) -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    let request = ExportRequest { query: ExportQuery::Soql(soql), all: false };
    answers(target, &request, None, each).await
}

/// Hands each row of an export to `each`; `watch` is told how it goes.
pub(super) async fn answers<T: Target>(
    target: &T,
    request: &ExportRequest,
    watch: Option<&dyn Watch>,
    each: impl FnMut(&[&str]) -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    let mut sink = Each { hand: each, watch, told: Instant::now(), failure: None };
    let ended = export::into_sink(target, request, &mut sink).await;
    match sink.failure {
        Some(failure) => Err(failure),
        None => ended,
    }
}

/// Tells how a question goes, and not that it is an export.
pub(super) struct Passing<'a> {
    pub watch: &'a dyn Watch,
    /// Whether what a person should know of it is told.
    pub notices: bool,
}

impl Watch for Passing<'_> {
    fn see(&self, event: &Event) {
        match event {
            Event::Exported { .. } => {}
            Event::Notice { .. } if !self.notices => {}
            other => self.watch.see(other),
        }
    }
}

struct Each<'a, F> {
    hand: F,
    watch: Option<&'a dyn Watch>,
    told: Instant,
    failure: Option<Failure>,
}

impl<F: FnMut(&[&str]) -> Result<(), Failure> + Send> RowSink for Each<'_, F> {
    fn header(&mut self, _header: &ByteRecord) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: &ByteRecord) -> io::Result<()> {
        let cells: Result<Vec<&str>, _> = row.iter().map(std::str::from_utf8).collect();
        let cells = cells.map_err(io::Error::other)?;
        (self.hand)(&cells).map_err(|failure| {
            let told = io::Error::other(failure.message.clone());
            self.failure = Some(failure);
            told
        })
    }

    fn pace(&mut self, pace: Pace) {
        if let Some(watch) = self.watch.filter(|_| self.told.elapsed() >= TELL) {
            self.told = Instant::now();
            watch.see(&Event::from(pace));
        }
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

/// `FIELD LIKE 'abc%'`.
pub(super) fn begins_with(field: &str, start: &str) -> String {
    let mut start = literal(start).replace('%', "\\%").replace('_', "\\_");
    start.pop();
    format!("{field} LIKE {start}%'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_leave_its_literal() {
        assert_eq!(literal("o'Neil\\"), "'o\\'Neil\\\\'");
        assert_eq!(is_in("Email", ["a", "b'"].into_iter()), "Email IN ('a','b\\'')");
        assert_eq!(begins_with("Email", "a_%'"), "Email LIKE 'a\\_\\%\\'%'");
    }
}
