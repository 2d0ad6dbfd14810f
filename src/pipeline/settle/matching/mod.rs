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
//! What remains is unknown. So is what only looks proved: a text row that two lines claim goes down
//! the ladder with them, and where lines are missing, rows that the far side may spell alike keep a
//! verdict only if none of theirs is.
//!
//! Memory: about 24 bytes a row for the table and 12 for the outcome, of one job at a time.

mod keys;
mod lines;
mod outcomes;
mod table;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use self::keys::{Columns, Form};
pub use self::keys::{Keys, is_same, would_keep};
use self::lines::LineView;
pub use self::lines::{LineAt, Lines};
use self::outcomes::Packed;
pub use self::outcomes::{Outcome, Outcomes};
use self::table::{Found, GROUP, KeyTable};
use crate::model::records::Records;
use crate::model::verdict::MatchKind;
use crate::target::ResultFile;

/// The outcome of every row, and the lines that belong to none.
pub struct Matched {
    pub outcomes: Outcomes,
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

/// Matches the results of job after job; holds its tables between them.
pub struct Matcher {
    keys: Keys,
    table: KeyTable,
    matched: Matched,
}

impl Matcher {
    pub fn new(keys: Keys) -> Self {
        let matched = Matched { outcomes: Outcomes::default(), left_over: Vec::new() };
        Self { keys, table: KeyTable::default(), matched }
    }

    /// Matches the results of one job.
    pub fn match_results(&mut self, job: &Job<'_>) -> io::Result<(&mut Matched, Lines)> {
        let lines = Lines::open(job.files, job.sent)?;
        self.matched.left_over.clear();
        self.matched.outcomes.clear_for(job.rows as usize);
        self.table.clear_for(job.rows as usize);
        let Self { keys, table, matched } = self;
        let mut ladder = Ladder { job, keys, table, matched, lines };
        ladder.climb()?;
        let lines = ladder.lines;
        Ok((&mut self.matched, lines))
    }

    /// Takes outcomes that were taken away back, for the room that they have.
    pub fn give_back(&mut self, outcomes: Outcomes) {
        if outcomes.room() > self.matched.outcomes.room() {
            self.matched.outcomes = outcomes;
        }
    }
}

/// Lines whose rows are looked up together.
#[derive(Default)]
struct Claims {
    keys: Vec<u128>,
    lines: Vec<(LineAt, Packed)>,
    found: Vec<Found>,
}

impl Claims {
    #[inline]
    fn push(&mut self, key: u128, at: LineAt, outcome: Packed) {
        self.keys.push(key);
        self.lines.push((at, outcome));
    }

    /// Gives the rows that are found the outcomes of their lines.
    fn settle(
        &mut self,
        table: &KeyTable,
        matched: &mut Matched,
        contested: &mut HashMap<u128, u32>,
    ) {
        table.find_all(&self.keys, &mut self.found);
        for ((key, (at, outcome)), found) in self.keys.iter().zip(&self.lines).zip(&self.found) {
            match found {
                Found::One(row) if matched.outcomes.is_unmatched(*row as usize) => {
                    matched.outcomes.put(*row as usize, *outcome);
                }
                Found::One(row) => {
                    contested.insert(*key, *row);
                }
                Found::Several | Found::Nothing => matched.left_over.push(*at),
            }
        }
        self.keys.clear();
        self.lines.clear();
    }
}

struct Ladder<'a> {
    job: &'a Job<'a>,
    keys: &'a mut Keys,
    table: &'a mut KeyTable,
    matched: &'a mut Matched,
    lines: Lines,
}

/// Rows and lines that have one key.
#[derive(Default)]
struct Class {
    rows: Vec<u32>,
    /// The canonical key of the first row, and whether another row has another.
    first: Option<u128>,
    differ: bool,
    lines: Vec<LineAt>,
}

/// Rows whose primary keys are one when relaxed.
struct Near {
    /// The canonical key of the first row, and whether another row has another.
    first: u128,
    differ: bool,
    rows: usize,
    lines: usize,
}

/// What the first rung found besides matches.
struct FirstRung {
    lines: usize,
    /// Rows that several lines claim, by their key.
    contested: HashMap<u128, u32>,
}

impl Ladder<'_> {
    fn climb(&mut self) -> io::Result<()> {
        let FirstRung { lines, contested } = self.by_unique_primary_key()?;
        self.take_back(Form::Canonical, &contested.keys().copied().collect())?;
        if self.job.primary != MatchKind::Text {
            // An Id or a key names its row; whatever the other columns say, one of the lines lies.
            self.contradict(&contested);
        }
        let short = lines < self.matched.outcomes.len();
        if !short {
            // The line of a row with nearly the same values could pass for one that is missing.
            self.by_class(Columns::All, Form::Canonical, MatchKind::Typed)?;
        }
        self.by_class(Columns::All, Form::Relaxed, MatchKind::Typed)?;
        self.by_class(Columns::Primary, Form::Relaxed, self.job.primary)?;
        if short {
            self.doubt()?;
        }
        self.contradict(&contested);
        self.by_count()
    }

    fn by_unique_primary_key(&mut self) -> io::Result<FirstRung> {
        let (keys, table) = (&mut *self.keys, &mut *self.table);
        each_row(self.job.body, |_, record| {
            table.push(keys.of(Columns::Primary, Form::Canonical, |column| record.cell(column)));
        })?;
        table.settle();
        let how = self.job.primary;
        let mut first = FirstRung { lines: 0, contested: HashMap::new() };
        let mut claims = Claims::default();
        let matched = &mut *self.matched;
        self.lines.each(|at, line| {
            first.lines += 1;
            let key = keys.of(Columns::Primary, Form::Canonical, |column| line.cell(column));
            claims.push(key, at, packed_of(at, line, how));
            if claims.keys.len() == GROUP {
                claims.settle(table, matched, &mut first.contested);
            }
            Ok(())
        })?;
        claims.settle(table, matched, &mut first.contested);
        Ok(first)
    }

    /// Puts rows and lines with these primary keys back among what is left over.
    fn take_back(&mut self, form: Form, taken: &HashSet<u128>) -> io::Result<()> {
        if taken.is_empty() {
            return Ok(());
        }
        let (keys, matched) = (&mut *self.keys, &mut *self.matched);
        each_row(self.job.body, |row, record| {
            if taken.contains(&keys.of(Columns::Primary, form, |column| record.cell(column))) {
                matched.outcomes.put(row as usize, Packed::UNMATCHED);
            }
        })?;
        self.lines.each(|at, line| {
            if taken.contains(&keys.of(Columns::Primary, form, |column| line.cell(column))) {
                matched.left_over.push(at);
            }
            Ok(())
        })?;
        matched.left_over.sort_unstable();
        matched.left_over.dedup();
        Ok(())
    }

    /// Notes the contested rows that have found no line of their own.
    fn contradict(&mut self, contested: &HashMap<u128, u32>) {
        for row in contested.values() {
            if self.matched.outcomes.is_unmatched(*row as usize) {
                self.matched.outcomes.set(*row as usize, Outcome::Contradiction);
            }
        }
    }

    /// Where the line of a row is missing, that of a row nearly like it could pass for it: ` a`
    /// comes back as `a`, and the line of `a` is lost. Such rows stay matched only when there are
    /// as many lines as rows.
    fn doubt(&mut self) -> io::Result<()> {
        let (keys, table) = (&mut *self.keys, &mut *self.table);
        table.clear_for(self.job.rows as usize);
        each_row(self.job.body, |_, record| {
            table.push(keys.of(Columns::Primary, Form::Relaxed, |column| record.cell(column)));
        })?;
        table.settle();
        let mut nears: HashMap<u128, Near> = HashMap::new();
        each_row(self.job.body, |row, record| {
            if !table.is_shared(row) {
                return;
            }
            let relaxed = keys.of(Columns::Primary, Form::Relaxed, |column| record.cell(column));
            let first = keys.of(Columns::Primary, Form::Canonical, |column| record.cell(column));
            let near = nears.entry(relaxed);
            let near = near.or_insert(Near { first, differ: false, rows: 0, lines: 0 });
            near.differ |= near.first != first;
            near.rows += 1;
        })?;
        nears.retain(|_, near| near.differ);
        if nears.is_empty() {
            return Ok(());
        }
        self.lines.each(|_, line| {
            let key = keys.of(Columns::Primary, Form::Relaxed, |column| line.cell(column));
            if let Some(near) = nears.get_mut(&key) {
                near.lines += 1;
            }
            Ok(())
        })?;
        nears.retain(|_, near| near.rows != near.lines);
        self.take_back(Form::Relaxed, &nears.into_keys().collect())
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
            if !one && (which == Columns::Primary || class.differ) {
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
            if !outcomes.is_unmatched(row as usize) {
                return;
            }
            let first = keys.of(Columns::All, Form::Canonical, |column| record.cell(column));
            let class = classes.entry(keys.of(which, form, |column| record.cell(column)));
            let class = class.or_default();
            class.differ |= *class.first.get_or_insert(first) != first;
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
                outcomes.put(*row as usize, packed_of(at, line, *how));
            }
            Ok(())
        })?;
        self.matched.left_over.retain(|line| places.binary_search(line).is_err());
        Ok(())
    }

    /// The last rung: all that is left over says the same.
    ///
    /// With a contradiction nobody knows how many lines the other rows should have.
    fn by_count(&mut self) -> io::Result<()> {
        if self.matched.outcomes.contradict() {
            return Ok(());
        }
        let rows: Vec<usize> = (0..self.matched.outcomes.len())
            .filter(|row| self.matched.outcomes.is_unmatched(*row))
            .collect();
        let left = &self.matched.left_over;
        let Some(first) = left.first() else { return Ok(()) };
        let which = self.lines.which(*first);
        let alike = left.iter().all(|line| self.lines.which(*line) == which);
        if rows.len() != left.len() || !alike {
            return Ok(());
        }
        let left = std::mem::take(&mut self.matched.left_over);
        for (row, at) in rows.into_iter().zip(left) {
            let outcome = match which {
                ResultFile::Successful => {
                    let created = self.lines.read(at)?.created() == b"true";
                    Outcome::SuccessWithoutId { created, how: MatchKind::Count }
                }
                ResultFile::Failed => Outcome::Error { at, how: MatchKind::Count },
                ResultFile::Unprocessed => Outcome::Unprocessed,
            };
            self.matched.outcomes.set(row, outcome);
        }
        Ok(())
    }
}

#[inline]
fn packed_of(at: LineAt, line: &LineView<'_>, how: MatchKind) -> Packed {
    match line.which() {
        ResultFile::Successful => success_of(at, line.id(), line.created(), how),
        ResultFile::Failed => Packed::of(Outcome::Error { at, how }),
        ResultFile::Unprocessed => Packed::of(Outcome::Unprocessed),
    }
}

/// A record id and a yes or no are kept; anything else is looked up again when it is written.
#[inline]
fn success_of(at: LineAt, id: &[u8], created: &[u8], how: MatchKind) -> Packed {
    let otherwise = || Packed::of(Outcome::SuccessAt { at, how });
    let created = match created {
        b"true" => true,
        b"false" | b"" => false,
        _ => return otherwise(),
    };
    match <&[u8; 18]>::try_from(id) {
        Ok(id) => Packed::success(id, created, how).unwrap_or_else(otherwise),
        Err(_) if id.is_empty() => Packed::of(Outcome::SuccessWithoutId { created, how }),
        Err(_) => otherwise(),
    }
}

/// Calls `each` for every row of a body, numbered from 0.
fn each_row(body: &Path, mut each: impl FnMut(u32, &Records<File>)) -> io::Result<()> {
    let mut records = Records::new(File::open(body)?).of_one_width();
    // The header.
    records.advance()?;
    let mut row = 0;
    while records.advance()? {
        each(row, &records);
        row += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
