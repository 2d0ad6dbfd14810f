//! Writing what keys came to: a table for each lookup, and the list of those without an answer.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use super::join::{Join, Joined};
use super::near::listed;
use super::sort::{Sorted, Sorter, once};
use super::{Places, Resolution, Resolved, Unresolved};
use crate::config::mapping::{Fallback, LookupFrom};
use crate::faults;
use crate::ledger::LookupTable;
use crate::model::cells::push_line;
use crate::model::chunk::Digest;
use crate::model::failure::Failure;
use crate::model::limits::ROWS_LISTED;
use crate::model::wording::shown;
use crate::pipeline::answers::{Answers, AnswersFile, Found, KeyPrint};
use crate::pipeline::map::LookupSlot;

/// The near keys of each lookup.
pub(super) type Told = Vec<HashMap<KeyPrint, Vec<String>>>;

/// All that there is to write.
pub(super) struct Write<'a> {
    pub(super) lookups: &'a [LookupSlot],
    pub(super) keys: &'a Sorted,
    pub(super) found: &'a Sorted,
    pub(super) near: &'a Told,
}

/// The resolution, and the tables opened again.
pub(super) type Written = (Resolution, Vec<Arc<Answers>>);

impl Write<'_> {
    pub(super) fn all(
        &self,
        places: &Places,
        work: &Path,
        calls: &[u64],
    ) -> Result<Written, Failure> {
        let disk = |error| Failure::disk("write in", &places.tables, &error);
        let mut resolved: Vec<Resolved> =
            self.lookups.iter().zip(calls).map(|(slot, calls)| begun(slot, *calls)).collect();
        let mut list = Sorter::new(work, "list", once);
        let (tables, answers) =
            self.tables(&places.tables, &mut resolved, &mut list).map_err(disk)?;
        let unresolved = resolved.iter().any(|it| it.missing + it.many > 0);
        if unresolved {
            let list = list.finish().map_err(disk)?;
            write_list(self.lookups, &list, &places.list, &mut resolved)
                .map_err(|error| Failure::disk("write", &places.list, &error))?;
        }
        let list = unresolved.then(|| places.list.clone());
        Ok((Resolution { lookups: resolved, tables, list }, answers))
    }

    fn tables(
        &self,
        folder: &Path,
        resolved: &mut [Resolved],
        list: &mut Sorter,
    ) -> io::Result<(Vec<LookupTable>, Vec<Arc<Answers>>)> {
        let mut files = Vec::new();
        for number in 1..=self.lookups.len() {
            let path = folder.join(format!("{number}.table"));
            files.push(AnswersFile::begin(&path)?);
        }
        let mut hashers = vec![blake3::Hasher::new(); files.len()];
        let mut join = Join::of(self.lookups, self.keys, self.found)?;
        while let Some(joined) = join.next()? {
            let number = joined.key.lookup;
            let candidates = self.candidates(joined);
            let text = match joined.found {
                Found::One => joined.values.first().cloned().unwrap_or_default(),
                Found::Missing | Found::Many => told(joined, &candidates).into_bytes(),
            };
            files[number].push(&joined.key.print, joined.found, &text)?;
            let value = joined.values.first().filter(|_| joined.found == Found::One);
            let value = value.map_or(&b""[..], Vec::as_slice);
            let answer = [joined.key.print.as_slice(), &[joined.found as u8], value].concat();
            hashers[number].update(&(answer.len() as u64).to_le_bytes()).update(&answer);
            resolved[number].count(joined);
            if joined.found != Found::One {
                list.push(&[
                    &joined.key.first_row.to_be_bytes(),
                    &u16::try_from(number).map_err(io::Error::other)?.to_be_bytes(),
                    &line(&self.lookups[number], joined, &candidates, &text)?,
                ])?;
            }
        }
        let mut tables = Vec::new();
        let mut answers = Vec::new();
        for (((number, file), resolved), hasher) in (1..).zip(files).zip(resolved).zip(&hashers) {
            resolved.digest = Digest::finish(hasher);
            let (opened, digest) = file.finish()?;
            answers.push(Arc::new(opened));
            tables.push(LookupTable {
                field: resolved.field.clone(),
                source: resolved.object.clone(),
                file: Path::new("lookups").join(format!("{number}.table")),
                digest,
                distinct: resolved.distinct,
                found: resolved.found,
                missing: resolved.missing,
                many: resolved.many,
            });
        }
        Ok((tables, answers))
    }

    /// The keys near to a missing one, or the values of an ambiguous one.
    fn candidates(&self, joined: &Joined) -> Vec<String> {
        match joined.found {
            Found::One => Vec::new(),
            Found::Missing => {
                let near = self.near.get(joined.key.lookup);
                near.and_then(|near| near.get(&joined.key.print)).cloned().unwrap_or_default()
            }
            Found::Many => {
                let values = joined.values.iter();
                values.map(|value| String::from_utf8_lossy(value).into_owned()).collect()
            }
        }
    }
}

fn begun(slot: &LookupSlot, calls: u64) -> Resolved {
    let (object, by) = match &slot.lookup.from {
        LookupFrom::Object { object, fields, .. } => {
            let by: Vec<String> = fields.iter().map(|field| format!("{object}.{field}")).collect();
            (object.clone(), by.join(", "))
        }
        LookupFrom::File { path, key, .. } => {
            (path.display().to_string(), format!("{}: {key}", path.display()))
        }
        LookupFrom::Step { step, key } => (step.clone(), format!("{step}.{key}")),
    };
    let field = slot.field.clone();
    Resolved {
        field,
        object,
        by,
        digest: Digest::of(b""),
        distinct: 0,
        found: 0,
        missing: 0,
        many: 0,
        missing_rows: 0,
        many_rows: 0,
        on_missing: becomes(&slot.lookup.on_missing),
        on_many: becomes(&slot.lookup.on_many),
        calls,
        examples: Vec::new(),
        refuses: false,
    }
}

/// What becomes of rows without an answer.
fn becomes(fallback: &Fallback) -> String {
    match fallback {
        Fallback::Error => "refused".to_owned(),
        Fallback::Reject => "rejected".to_owned(),
        Fallback::Skip => "sent empty".to_owned(),
        Fallback::Default(value) => format!("sent with `{}`", shown(value.as_bytes())),
    }
}

impl Resolved {
    fn count(&mut self, joined: &Joined) {
        self.distinct += 1;
        let (keys, rows) = match joined.found {
            Found::One => {
                self.found += 1;
                return;
            }
            Found::Missing => (&mut self.missing, &mut self.missing_rows),
            Found::Many => (&mut self.many, &mut self.many_rows),
        };
        *keys += 1;
        *rows += joined.key.rows;
    }
}

/// Candidates as the end of a message.
fn told(joined: &Joined, candidates: &[String]) -> String {
    let more = joined.count.saturating_sub(joined.values.len() as u64);
    match (joined.found, more) {
        (Found::Many, 1..) => format!("{} and {more} more", listed(candidates)),
        _ => listed(candidates),
    }
}

/// What is written of a key without an answer, as the cells of a line with the message behind them.
fn line(
    slot: &LookupSlot,
    joined: &Joined,
    candidates: &[String],
    told: &[u8],
) -> io::Result<Vec<u8>> {
    let key = &joined.key;
    let verdict = if joined.found == Found::Many { "ambiguous" } else { "missing" };
    let message = slot.complaint(&key.text, joined.found, told);
    let cells = (&key.text, key.rows, verdict, candidates.join("; "), message);
    serde_json::to_vec(&cells).map_err(io::Error::other)
}

/// Writes the list, by first row, and takes the first keys of each lookup as examples.
fn write_list(
    lookups: &[LookupSlot],
    list: &Sorted,
    to: &Path,
    resolved: &mut [Resolved],
) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = BufWriter::with_capacity(64 << 10, faults::open(&options, to)?);
    let header = ["field", "key", "rows", "first_row", "verdict", "candidates"];
    let mut text = Vec::new();
    push_line(&mut text, header.iter().map(|cell| cell.as_bytes()));
    let (mut records, mut record) = (list.records()?, Vec::new());
    while records.next(&mut record)? {
        let (head, cells) = record.split_at(10);
        let first_row = head.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        let number = usize::from(u16::from_be_bytes([head[8], head[9]]));
        let cells: (String, u64, String, String, String) = serde_json::from_slice(cells)?;
        let (key, rows, verdict, candidates, message) = cells;
        let field = &lookups[number].field;
        let (row_count, row) = (rows.to_string(), first_row.to_string());
        let line = [field, &key, &row_count, &row, &verdict, &candidates];
        push_line(&mut text, line.iter().map(|cell| cell.as_bytes()));
        file.write_all(&text)?;
        text.clear();
        let ambiguous = verdict == "ambiguous";
        let resolved = &mut resolved[number];
        resolved.refuses |= refuses(&lookups[number], ambiguous);
        if resolved.examples.len() < ROWS_LISTED {
            resolved.examples.push(Unresolved { key, rows, first_row, ambiguous, message });
        }
    }
    file.flush()?;
    file.get_ref().sync_all()
}

fn refuses(slot: &LookupSlot, ambiguous: bool) -> bool {
    let fallback = if ambiguous { &slot.lookup.on_many } else { &slot.lookup.on_missing };
    *fallback == Fallback::Error
}
