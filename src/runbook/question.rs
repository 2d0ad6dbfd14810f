//! Questions to the org whose answer is one value, and passes over the values of one field.

use std::io;

use csv::ByteRecord;

use crate::model::failure::{Blame, Failure};
use crate::pipeline::export;
use crate::target::{ExportQuery, ExportRequest, RowSink, Target};

/// What the one row of one value of a query says; blank for null.
///
/// A query that finds another number of rows or values has no such answer, and is refused.
pub(super) async fn one_value<T: Target>(target: &T, soql: &str) -> Result<String, Failure> {
    let query = ExportQuery::Soql(soql.to_owned());
    let mut sink = OneValue::default();
    let ended = ask(target, query, &mut sink).await;
    let refused = |found: &str| {
        let message = format!("the query finds {found}, and one value was asked for: `{soql}`");
        Failure::new(Blame::Request, message)
            .hint("ask for a `COUNT()`, or for one field of one record")
    };
    match sink {
        OneValue { rows: 2.., .. } => Err(refused("several rows")),
        OneValue { rows: 1, cells: 1, value } => ended.map(|()| value),
        OneValue { rows: 1, cells, .. } => Err(refused(&format!("{cells} values in a row"))),
        OneValue { .. } => Err(ended.err().unwrap_or_else(|| refused("no row"))),
    }
}

/// Hands each value of a query of one field to `each`.
pub(super) async fn values<T: Target>(
    target: &T,
    query: ExportQuery,
    each: impl FnMut(&[u8]) -> Result<(), Failure> + Send,
) -> Result<(), Failure> {
    let mut sink = Values { each, failure: None };
    let ended = ask(target, query, &mut sink).await;
    sink.failure.map_or(ended, Err)
}

async fn ask<T: Target>(
    target: &T,
    query: ExportQuery,
    sink: &mut dyn RowSink,
) -> Result<(), Failure> {
    export::into_sink(target, &ExportRequest { query, all: false }, sink).await
}

#[derive(Default)]
struct OneValue {
    rows: u64,
    cells: usize,
    value: String,
}

impl RowSink for OneValue {
    fn header(&mut self, _header: &ByteRecord) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: &ByteRecord) -> io::Result<()> {
        self.rows += 1;
        if self.rows > 1 {
            // Nobody reads on.
            return Err(io::Error::other("a second row"));
        }
        self.cells = row.len();
        self.value = String::from_utf8_lossy(row.get(0).unwrap_or_default()).into_owned();
        Ok(())
    }
}

struct Values<F> {
    each: F,
    failure: Option<Failure>,
}

impl<F: FnMut(&[u8]) -> Result<(), Failure> + Send> RowSink for Values<F> {
    fn header(&mut self, _header: &ByteRecord) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: &ByteRecord) -> io::Result<()> {
        (self.each)(row.get(0).unwrap_or_default()).map_err(|failure| {
            let told = io::Error::other(failure.message.clone());
            self.failure = Some(failure);
            told
        })
    }
}
