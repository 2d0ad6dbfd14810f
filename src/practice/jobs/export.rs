//! Runs one query job: the rows go to one CSV file, with an index by which pages are found.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use super::super::clock::spell_ms;
use super::super::org::{QueryScope, Value};
use super::super::serve::Inner;
use super::csv::quote;
use super::{EXPORT, Job, State};

/// Every so many rows the index has the place of a row.
const INDEX_ROWS: u64 = 1_000;

/// Rows that are read from the org at once: as many, so that each read begins with an index entry.
const READ_ROWS: usize = 1_000;

const INDEX: &str = "export.index";

/// Evaluates the query and writes its rows.
pub(super) fn export(inner: &Inner, job: &Job) -> io::Result<()> {
    let now = inner.clock.now_ms();
    let begun = inner.jobs.change(&job.id, |job| {
        let runs = matches!(job.state, State::UploadComplete | State::InProgress);
        if runs {
            job.state = State::InProgress;
            job.modified_ms = now;
        }
        runs
    })?;
    if begun != Some(true) {
        return Ok(());
    }
    let end = write_rows(inner, job)?;
    let Some((state, error)) = end else { return Ok(()) };
    let now = inner.clock.now_ms();
    inner.jobs.change(&job.id, |job| {
        job.state = state;
        job.error = error;
        job.aborting = false;
        job.total_ms = now - job.modified_ms;
        job.modified_ms = now;
    })?;
    Ok(())
}

/// `None` when the process goes away before the end.
fn write_rows(inner: &Inner, job: &Job) -> io::Result<Option<(State, Option<String>)>> {
    let all = job.operation == "queryAll";
    let scope = if all { QueryScope::All } else { QueryScope::Live };
    let query = job.query.as_deref().unwrap_or_default();
    let cursor = match inner.org.cursor(query, scope) {
        Ok(cursor) => cursor,
        Err(error) => return Ok(Some((State::Failed, Some(error.message)))),
    };
    let mut out = Counted::create(&inner.jobs.file(&job.id, EXPORT))?;
    let mut index = BufWriter::new(File::create(inner.jobs.file(&job.id, INDEX))?);
    let mut line = Vec::new();
    spell_line(job, cursor.columns().iter().map(String::as_str), &mut line);
    out.put(&line)?;
    let mut row = 0;
    while row < cursor.len() {
        match inner.jobs.get(&job.id) {
            None => return Ok(None),
            Some(_) if inner.jobs.queue.stopped() => return Ok(None),
            Some(job) if job.aborting => return Ok(Some((State::Aborted, None))),
            Some(_) => {}
        }
        let rows = cursor.read(row, READ_ROWS);
        if rows.is_empty() {
            break;
        }
        index.write_all(&out.bytes.to_le_bytes())?;
        row += rows.len();
        for (_, values) in rows {
            line.clear();
            let texts: Vec<String> = values.iter().map(spell).collect();
            spell_line(job, texts.iter().map(String::as_str), &mut line);
            out.put(&line)?;
        }
        inner.jobs.count(&job.id, |job| job.processed = row as u64);
        inner.jobs.queue.pause(inner.pace().transaction);
    }
    out.file.flush()?;
    index.flush()?;
    Ok(Some((State::JobComplete, None)))
}

fn spell_line<'a>(job: &Job, cells: impl Iterator<Item = &'a str>, line: &mut Vec<u8>) {
    for (position, cell) in cells.enumerate() {
        if position > 0 {
            line.push(job.delimiter.byte());
        }
        quote(cell, line);
    }
    line.extend_from_slice(if job.crlf { b"\r\n" } else { b"\n" });
}

/// A value as Bulk API results have it.
fn spell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Text(text) | Value::Date(text) => text.clone(),
        Value::Int(number) => number.to_string(),
        Value::Double(number) => java_double(*number),
        Value::Bool(truth) => truth.to_string(),
        Value::DateTime(ms) => spell_ms(*ms).replace("+0000", "Z"),
    }
}

/// A double as Java prints it: plain from 0.001 up to 10 million, else with an exponent.
fn java_double(number: f64) -> String {
    let size = number.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{number:?}");
    }
    let text = format!("{number:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let point = if digits.contains('.') { "" } else { ".0" };
    format!("{digits}{point}E{exponent}")
}

struct Counted {
    file: BufWriter<File>,
    bytes: u64,
}

impl Counted {
    fn create(path: &Path) -> io::Result<Self> {
        Ok(Self { file: BufWriter::with_capacity(1 << 16, File::create(path)?), bytes: 0 })
    }

    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        self.bytes += line.len() as u64;
        self.file.write_all(line)
    }
}

/// A stretch of an export: its header, and where its rows lie in the file.
pub(in crate::practice) struct Page {
    pub(in crate::practice) header: Vec<u8>,
    pub(in crate::practice) start: u64,
    pub(in crate::practice) end: u64,
    pub(in crate::practice) rows: u64,
    /// The first row of the next page.
    pub(in crate::practice) next: Option<u64>,
}

/// Finds `count` rows from row `from` (counted from 0); past the end there are none.
pub(in crate::practice) fn page(
    inner: &Inner,
    job: &Job,
    from: u64,
    count: u64,
) -> io::Result<Page> {
    let total = job.processed;
    let from = from.min(total);
    let rows = count.min(total - from);
    let mut file = BufReader::new(File::open(inner.jobs.file(&job.id, EXPORT))?);
    let mut header = Vec::new();
    read_line(&mut file, &mut header)?;
    let mut index = File::open(inner.jobs.file(&job.id, INDEX))?;
    let start = place(&mut file, &mut index, header.len() as u64, from)?;
    let end = place(&mut file, &mut index, header.len() as u64, from + rows)?;
    let next = (from + rows < total).then_some(from + rows);
    Ok(Page { header, start, end, rows, next })
}

/// The place of a row; of the row after the last, the end of the file.
fn place(file: &mut BufReader<File>, index: &mut File, header: u64, row: u64) -> io::Result<u64> {
    let slots = index.metadata()?.len() / 8;
    if slots == 0 {
        return Ok(header);
    }
    let slot = (row / INDEX_ROWS).min(slots - 1);
    let mut bytes = [0; 8];
    index.seek(SeekFrom::Start(slot * 8))?;
    index.read_exact(&mut bytes)?;
    let mut place = u64::from_le_bytes(bytes);
    file.seek(SeekFrom::Start(place))?;
    let mut line = Vec::new();
    for _ in slot * INDEX_ROWS..row {
        line.clear();
        read_line(file, &mut line)?;
        place += line.len() as u64;
    }
    Ok(place)
}

/// One record: all cells are quoted, so it ends at a line feed behind an even number of quotes.
fn read_line(file: &mut BufReader<File>, line: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let before = line.len();
        if file.read_until(b'\n', line)? == 0 {
            return Ok(());
        }
        let quotes = memchr::memchr_iter(b'"', line).count();
        if quotes.is_multiple_of(2) || line.len() == before {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_spelled_as_bulk_results_have_them() {
        for (value, expected) in [
            (Value::Null, ""),
            (Value::Text("a\"b".to_owned()), "a\"b"),
            (Value::Int(2676), "2676"),
            (Value::Double(912_260_031.0), "9.12260031E8"),
            (Value::Double(0.0), "0.0"),
            (Value::Double(12.5), "12.5"),
            (Value::Double(-1e7), "-1.0E7"),
            (Value::Double(0.000_12), "1.2E-4"),
            (Value::Bool(false), "false"),
            (Value::DateTime(1_795_165_201_007), "2026-11-20T09:00:01.007Z"),
        ] {
            assert_eq!(spell(&value), expected);
        }
    }
}
