//! The rows of a source, as a load reads them.

use std::collections::BTreeMap;

use super::{Source, Surroundings};
use crate::config::runbook::{CheckSource, Rows};
use crate::model::failure::{Blame, Failure};
use crate::model::rows::{RawSlab, Rejected, RowMark};
use crate::model::wording::{counted, nearest};
use crate::pipeline::read::{self, SlabReader};
use crate::pipeline::stop::Stop;
use crate::pipeline::threads::on_thread;

/// Rows on their way through a check.
pub(super) struct Walk {
    reader: SlabReader,
    name: String,
    /// Columns that must hold a text.
    only: Vec<(usize, String)>,
    stop: Stop,
    pub passed: Passed,
}

/// What a walk has seen so far.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// Rows that count.
    pub rows: u64,
    /// Rows that cannot be read, and so may count or not.
    pub unreadable: u64,
    /// What is wrong with the first of them.
    first: String,
}

impl Passed {
    /// What a person should know of rows that cannot be read.
    pub fn told(&self, name: &str) -> Option<String> {
        let rows = counted(self.unreadable, "row");
        let told = format!("{rows} of `{name}` cannot be read; the first: {}", self.first);
        (self.unreadable > 0).then_some(told)
    }
}

/// A cell of one row.
pub(super) struct Cell<'a> {
    pub value: &'a [u8],
    pub mark: RowMark,
}

impl Walk {
    pub fn open(
        source: &Source,
        only: &BTreeMap<String, String>,
        stop: &Stop,
    ) -> Result<Self, Failure> {
        let reader = read::open(&source.input)?;
        let name = source.name.clone();
        let (only_of, passed) = (Vec::new(), Passed::default());
        let mut walk = Self { reader, name, only: only_of, stop: stop.clone(), passed };
        for (column, text) in only {
            let column = walk.column(column)?;
            walk.only.push((column, text.clone()));
        }
        Ok(walk)
    }

    /// The place of a column: by its name, or by that without its case where that is certain.
    pub fn column(&self, wanted: &str) -> Result<usize, Failure> {
        let header = self.reader.header();
        if let Some(exact) = header.iter().position(|name| name == wanted) {
            return Ok(exact);
        }
        let mut alike = (0..header.len()).filter(|at| header[*at].eq_ignore_ascii_case(wanted));
        if let (Some(one), None) = (alike.next(), alike.next()) {
            return Ok(one);
        }
        let message = format!("`{}` has no column `{}`", self.name, wanted.escape_debug());
        let failure = Failure::new(Blame::Request, message);
        Err(match nearest(wanted, header.iter().map(String::as_str)) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure.hint(format!("its columns are {}", header.join(", "))),
        })
    }

    pub fn header(&self) -> &[String] {
        self.reader.header()
    }

    /// The next rows, good ones and bad ones; `None` after the last.
    pub fn next_slab(&mut self) -> Result<Option<RawSlab>, Failure> {
        if self.stop.is_asked() {
            return Err(stopped());
        }
        let slab = self.reader.next_slab()?;
        for rejected in slab.iter().flat_map(|slab| &slab.rejected) {
            self.note(rejected);
        }
        Ok(slab)
    }

    /// Whether the row is one of those that count.
    pub fn counts(&self, slab: &RawSlab, row: usize) -> bool {
        self.only.iter().all(|(column, text)| slab.table.field(row, *column) == text.as_bytes())
    }

    /// Goes through the rows that count, with the cell of one column, or without a cell.
    pub fn each(
        &mut self,
        column: Option<&str>,
        mut take: impl FnMut(Cell<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let column = column.map(|column| self.column(column)).transpose()?;
        while let Some(slab) = self.next_slab()? {
            for (row, mark) in slab.marks.iter().enumerate() {
                if self.counts(&slab, row) {
                    self.passed.rows += 1;
                    let value = column.map(|at| slab.table.field(row, at)).unwrap_or_default();
                    take(Cell { value, mark: *mark })?;
                }
            }
        }
        Ok(())
    }

    fn note(&mut self, rejected: &Rejected) {
        if self.passed.unreadable == 0 {
            self.passed.first = rejected.message.replace(self.reader.name(), &self.name);
        }
        self.passed.unreadable += 1;
    }
}

/// Whether a cell says that there is no value.
pub(super) fn is_blank(value: &[u8]) -> bool {
    value == b"#N/A" || value.iter().all(u8::is_ascii_whitespace)
}

/// Works on the rows of a source, on a thread.
pub(super) async fn walk<A: Send + 'static>(
    source: &CheckSource,
    around: &Surroundings<'_>,
    work: impl FnOnce(Walk) -> Result<A, Failure> + Send + 'static,
) -> Result<(A, String), Failure> {
    let found = (around.sources)(&source.rows).ok_or_else(|| no_rows(&source.rows))?;
    let (only, stop, name) = (source.only.clone(), around.stop.clone(), found.name.clone());
    let made = on_thread("a check", move || work(Walk::open(&found, &only, &stop)?)).await?;
    Ok((made, name))
}

pub(super) fn stopped() -> Failure {
    Failure::new(Blame::Interrupted, "stopped while the numbers of both sides were compared")
}

fn no_rows(rows: &Rows) -> Failure {
    let message = match rows {
        Rows::File(path) => format!("`{}` cannot be read", path.display()),
        Rows::Step(step) => format!("the step `{step}` has left no rows"),
    };
    Failure::new(Blame::Request, message)
}
