//! Matching: which result line belongs to which row of the job. Never by order, never by guess.
//!
//! The rungs of the ladder, each on what the one before left over:
//!
//! 1. the primary key (Id, external id, or all text columns), where one row and one line have it;
//! 2. all columns, typed values in canonical form; equal rows are interchangeable, so a class of
//!    them is paired in order when there are as many lines;
//! 3. the same, relaxed: line ends, blanks at the ends, `#N/A`, Unicode composition;
//! 4. the primary key relaxed, one row and one line;
//! 5. when all lines left over say the same and are as many as the rows left over, the verdict is
//!    certain and the Id is not.
//!
//! What remains is unknown. Memory: about 24 bytes a row for the table and 24 for the outcome, of
//! one job at a time.

mod keys;
mod lines;
mod table;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder};

pub use self::keys::Keys;
use self::keys::{Columns, Form};
pub use self::lines::{LineAt, Lines};
use self::table::{Found, KeyTable};
use crate::model::verdict::MatchKind;
use crate::target::ResultFile;

/// What a row's result is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// No line could be matched.
    Unmatched,
    Success {
        id: [u8; 18],
        created: bool,
        how: MatchKind,
    },
    /// Succeeded, and which Id is its own is not known.
    SuccessWithoutId {
        created: bool,
        how: MatchKind,
    },
    /// The line stands at this place of its file.
    Error {
        at: LineAt,
        how: MatchKind,
    },
    Unprocessed,
    /// Two lines claim the same row.
    Contradiction,
}

/// The outcome of every row, and the lines that belong to none.
pub struct Matched {
    pub outcomes: Vec<Outcome>,
    pub left_over: Vec<LineAt>,
}

/// What the matcher works on.
pub struct Job<'a> {
    pub body: &'a Path,
    pub rows: u32,
    pub files: &'a [(ResultFile, PathBuf)],
    /// Header cells of the body.
    pub sent: &'a [String],
    /// What a match by the primary key is called.
    pub primary: MatchKind,
}

/// Matches the results of one job.
pub fn match_results(job: &Job<'_>, keys: &mut Keys) -> io::Result<(Matched, Lines)> {
    let lines = Lines::open(job.files, job.sent)?;
    let mut ladder = Ladder {
        job,
        keys,
        matched: Matched {
            outcomes: vec![Outcome::Unmatched; job.rows as usize],
            left_over: Vec::new(),
        },
        lines,
    };
    ladder.by_unique_primary_key()?;
    ladder.by_class(Columns::All, Form::Canonical, MatchKind::Typed)?;
    ladder.by_class(Columns::All, Form::Relaxed, MatchKind::Typed)?;
    ladder.by_class(Columns::Primary, Form::Relaxed, job.primary)?;
    ladder.by_count()?;
    Ok((ladder.matched, ladder.lines))
}

struct Ladder<'a> {
    job: &'a Job<'a>,
    keys: &'a mut Keys,
    matched: Matched,
    lines: Lines,
}

/// Rows and lines that have one key.
#[derive(Default)]
struct Class {
    rows: Vec<u32>,
    /// The exact key of the first row, and whether all rows have it.
    exact: Option<u128>,
    differ: bool,
    lines: Vec<LineAt>,
}

impl Ladder<'_> {
    fn by_unique_primary_key(&mut self) -> io::Result<()> {
        let mut table = KeyTable::with_room(self.job.rows as usize);
        let keys = &mut *self.keys;
        each_row(self.job.body, |_, record| {
            table.push(keys.of(Columns::Primary, Form::Canonical, |column| record.get(column)));
        })?;
        let (matched, how) = (&mut self.matched, self.job.primary);
        self.lines.each(|at, line| {
            let key = keys.of(Columns::Primary, Form::Canonical, |column| line.cell(column));
            match table.find(key) {
                Found::One(row) => {
                    let outcome = outcome_of(at, line.which(), line.id(), line.created(), how);
                    let slot = &mut matched.outcomes[row as usize];
                    let taken = *slot != Outcome::Unmatched;
                    *slot = if taken { Outcome::Contradiction } else { outcome };
                }
                Found::Several | Found::Nothing => matched.left_over.push(at),
            }
            Ok(())
        })
    }

    /// One rung on what is left over: classes of equal key with as many rows as lines.
    fn by_class(&mut self, which: Columns, form: Form, how: MatchKind) -> io::Result<()> {
        if self.matched.left_over.is_empty() {
            return Ok(());
        }
        let mut classes = self.classes(which, form)?;
        let mut settled = Vec::new();
        for class in classes.values_mut() {
            if class.rows.len() != class.lines.len() {
                continue;
            }
            let one = class.rows.len() == 1;
            if !one && (which == Columns::Primary || class.differ && form == Form::Relaxed) {
                continue;
            }
            let how = if one { how } else { MatchKind::Group };
            settled.extend(
                class
                    .rows
                    .iter()
                    .copied()
                    .zip(class.lines.iter().copied())
                    .map(|(row, line)| (line, row, how)),
            );
        }
        settled.sort_unstable_by_key(|(line, ..)| *line);
        self.settle(&settled)
    }

    fn classes(&mut self, which: Columns, form: Form) -> io::Result<HashMap<u128, Class>> {
        let mut classes: HashMap<u128, Class> = HashMap::new();
        let (keys, outcomes) = (&mut *self.keys, &self.matched.outcomes);
        each_row(self.job.body, |row, record| {
            if outcomes[row as usize] != Outcome::Unmatched {
                return;
            }
            let exact = keys.of(Columns::All, Form::Exact, |column| record.get(column));
            let class = classes.entry(keys.of(which, form, |column| record.get(column)));
            let class = class.or_default();
            class.differ |= class.exact.is_some_and(|first| first != exact);
            class.exact.get_or_insert(exact);
            class.rows.push(row);
        })?;
        self.lines.some(&self.matched.left_over, |at, line| {
            let key = keys.of(which, form, |column| line.cell(column));
            if let Some(class) = classes.get_mut(&key) {
                class.lines.push(at);
            }
            Ok(())
        })?;
        Ok(classes)
    }

    /// Gives rows the verdict of their lines; `settled` is in the order of lines.
    fn settle(&mut self, settled: &[(LineAt, u32, MatchKind)]) -> io::Result<()> {
        let places: Vec<LineAt> = settled.iter().map(|(line, ..)| *line).collect();
        let mut next = settled.iter();
        let outcomes = &mut self.matched.outcomes;
        self.lines.some(&places, |at, line| {
            if let Some((_, row, how)) = next.next() {
                outcomes[*row as usize] =
                    outcome_of(at, line.which(), line.id(), line.created(), *how);
            }
            Ok(())
        })?;
        self.matched.left_over.retain(|line| places.binary_search(line).is_err());
        Ok(())
    }

    /// The last rung: all that is left over says the same.
    fn by_count(&mut self) -> io::Result<()> {
        let rows: Vec<usize> = (0..self.matched.outcomes.len())
            .filter(|row| self.matched.outcomes[*row] == Outcome::Unmatched)
            .collect();
        let left = &self.matched.left_over;
        let Some(first) = left.first() else { return Ok(()) };
        let which = self.lines.which(*first);
        let alike = left.iter().all(|line| self.lines.which(*line) == which);
        if rows.len() != left.len() || !alike {
            return Ok(());
        }
        let left = std::mem::take(&mut self.matched.left_over);
        let mut record = ByteRecord::new();
        for (row, at) in rows.into_iter().zip(left) {
            self.lines.read(at, &mut record)?;
            self.matched.outcomes[row] = match which {
                ResultFile::Successful => {
                    let created = self.lines.created(at, &record);
                    Outcome::SuccessWithoutId { created, how: MatchKind::Count }
                }
                ResultFile::Failed => Outcome::Error { at, how: MatchKind::Count },
                ResultFile::Unprocessed => Outcome::Unprocessed,
            };
        }
        Ok(())
    }
}

fn outcome_of(at: LineAt, which: ResultFile, id: &[u8], created: bool, how: MatchKind) -> Outcome {
    match which {
        ResultFile::Successful => match <[u8; 18]>::try_from(id) {
            Ok(id) => Outcome::Success { id, created, how },
            Err(_) => Outcome::SuccessWithoutId { created, how },
        },
        ResultFile::Failed => Outcome::Error { at, how },
        ResultFile::Unprocessed => Outcome::Unprocessed,
    }
}

/// Calls `each` for every row of a body, numbered from 0.
fn each_row(body: &Path, mut each: impl FnMut(u32, &ByteRecord)) -> io::Result<()> {
    let mut reader = ReaderBuilder::new().buffer_capacity(64 << 10).from_reader(File::open(body)?);
    let mut record = ByteRecord::new();
    let mut row = 0;
    while reader.read_byte_record(&mut record).map_err(io::Error::other)? {
        each(row, &record);
        row += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
