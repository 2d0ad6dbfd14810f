//! Result files: the rows of a job in no order that means anything.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

use super::super::org::{Org, RowError};
use super::super::switches::{HeaderEcho, ResultStyle};
use super::csv::{Record, quote};
use super::survey::{Block, Survey, open_at, survey};
use super::{FAILED, Job, Jobs, SUCCESSFUL, UNPROCESSED, UPLOAD};

/// How the result files of one job are written.
pub(super) struct Style<'a> {
    org: &'a Org,
    job: &'a Job,
    columns: &'a [String],
    header: String,
    delimiter: u8,
    newline: &'static [u8],
}

impl<'a> Style<'a> {
    pub(super) fn new(org: &'a Org, job: &'a Job, survey: &'a Survey) -> Self {
        let switches = org.switches();
        let delimiter = match switches.result_delimiter {
            ResultStyle::AsTheJob => job.delimiter.byte(),
            ResultStyle::Fixed => b',',
        };
        let crlf = job.crlf && switches.result_line_ending == ResultStyle::AsTheJob;
        let newline: &[u8] = if crlf { b"\r\n" } else { b"\n" };
        let header = header(org, job, survey, delimiter);
        Self { org, job, columns: &survey.columns, header, delimiter, newline }
    }

    /// The first line of a result file; nothing at all when nothing was uploaded.
    pub(super) fn head(&self, own: &[&str]) -> Vec<u8> {
        let mut line = Vec::new();
        if self.header.is_empty() {
            return line;
        }
        for name in own {
            quote(name, &mut line);
            line.push(self.delimiter);
        }
        line.extend_from_slice(self.header.as_bytes());
        line.extend_from_slice(self.newline);
        line
    }

    /// One row: our own cells, then the uploaded ones as the service spells them.
    pub(super) fn row(&self, own: &[&str], cells: &[String], out: &mut Vec<u8>) {
        let mut first = true;
        let mut put = |cell: &str, out: &mut Vec<u8>| {
            if !first {
                out.push(self.delimiter);
            }
            first = false;
            quote(cell, out);
        };
        for cell in own {
            put(cell, out);
        }
        let fits = cells.len() == self.columns.len();
        for (index, column) in self.columns.iter().enumerate() {
            let cell = if fits {
                self.org.echo(&self.job.object, column, &cells[index])
            } else {
                String::new()
            };
            put(&cell, out);
        }
        out.extend_from_slice(self.newline);
    }
}

fn header(org: &Org, job: &Job, survey: &Survey, delimiter: u8) -> String {
    let joined = |names: Vec<String>| names.join(&char::from(delimiter).to_string());
    match org.switches().header_echo {
        HeaderEcho::Verbatim => survey.header.clone(),
        HeaderEcho::Quoted => {
            joined(survey.columns.iter().map(|name| format!("\"{name}\"")).collect())
        }
        HeaderEcho::Canonical => {
            let describe = org.describe(&job.object).unwrap_or_default();
            let fields = describe["fields"].as_array().cloned().unwrap_or_default();
            let canonical = |name: &String| {
                let known = fields.iter().filter_map(|field| field["name"].as_str());
                known.into_iter().find(|f| f.eq_ignore_ascii_case(name)).unwrap_or(name).to_owned()
            };
            joined(survey.columns.iter().map(canonical).collect())
        }
    }
}

/// `CODE:message:Field,Field --`, or `CODE:message:--` without a field.
pub(super) fn error_text(error: &RowError, separator: &str) -> String {
    let fields = error.fields.join(separator);
    let space = if fields.is_empty() { "" } else { " " };
    format!("{}:{}:{fields}{space}--", error.code, error.message)
}

/// Lines that wait to be written in another order.
#[derive(Default)]
pub(super) struct Lines {
    pub(super) text: Vec<u8>,
    ends: Vec<usize>,
}

impl Lines {
    pub(super) fn end_line(&mut self) {
        self.ends.push(self.text.len());
    }

    fn line(&self, index: usize) -> &[u8] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }

    /// Writes the lines, shuffled if there is a `shuffle`, and is empty afterwards.
    fn drain(&mut self, shuffle: Option<&mut Shuffle>, out: &mut impl Write) -> io::Result<()> {
        let mut order: Vec<usize> = (0..self.ends.len()).collect();
        if let Some(shuffle) = shuffle {
            shuffle.shuffle(&mut order);
        }
        for index in order {
            out.write_all(self.line(index))?;
        }
        self.text.clear();
        self.ends.clear();
        Ok(())
    }
}

/// The two files that grow while a job runs.
pub(super) struct Files {
    success: BufWriter<File>,
    failed: BufWriter<File>,
    pub(super) succeeded: Lines,
    pub(super) refused: Lines,
}

impl Files {
    /// Goes on after what `job` remembers as written.
    pub(super) fn open(jobs: &Jobs, job: &Job, style: &Style<'_>) -> io::Result<Self> {
        let success = reopen(&jobs.file(&job.id, SUCCESSFUL), job.settled.success_bytes)?;
        let failed = reopen(&jobs.file(&job.id, FAILED), job.settled.failed_bytes)?;
        let (succeeded, refused) = (Lines::default(), Lines::default());
        let mut this = Self { success, failed, succeeded, refused };
        if job.settled.blocks == 0 {
            this.success.write_all(&style.head(&["sf__Id", "sf__Created"]))?;
            this.failed.write_all(&style.head(&["sf__Id", "sf__Error"]))?;
            this.flush()?;
        }
        Ok(this)
    }

    /// Writes the waiting lines; the lengths of both files afterwards.
    pub(super) fn settle(&mut self, mut shuffle: Option<Shuffle>) -> io::Result<(u64, u64)> {
        self.succeeded.drain(shuffle.as_mut(), &mut self.success)?;
        self.refused.drain(shuffle.as_mut(), &mut self.failed)?;
        self.flush()?;
        Ok((self.success.stream_position()?, self.failed.stream_position()?))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.success.flush()?;
        self.failed.flush()
    }
}

fn reopen(path: &Path, bytes: u64) -> io::Result<BufWriter<File>> {
    let mut file = OpenOptions::new().create(true).write(true).truncate(false).open(path)?;
    file.set_len(bytes)?;
    file.seek(SeekFrom::Start(bytes))?;
    Ok(BufWriter::with_capacity(1 << 16, file))
}

/// Writes the rows that were not taken up: `skip` rows of the first block less, then whole blocks.
pub(super) fn write_unprocessed(
    jobs: &Jobs,
    style: &Style<'_>,
    blocks: &[Block],
    skip: u64,
) -> io::Result<()> {
    let job = style.job;
    let mut out = BufWriter::new(File::create(jobs.file(&job.id, UNPROCESSED))?);
    out.write_all(&style.head(&[]))?;
    let upload = jobs.file(&job.id, UPLOAD);
    let mut record = Record::default();
    let mut line = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let mut reader = open_at(&upload, job, block.offset)?;
        let skipped = if index == 0 { skip } else { 0 };
        for row in 0..block.rows {
            if !reader.read(&mut record).map_err(|_| io::ErrorKind::InvalidData)? {
                break;
            }
            if row >= skipped {
                line.clear();
                style.row(&[], &cells(&record), &mut line);
                out.write_all(&line)?;
            }
        }
    }
    out.flush()
}

/// Writes the results of a job that was ended before any of its rows was looked at.
pub(in crate::practice) fn write_untouched(org: &Org, jobs: &Jobs, job: &Job) -> io::Result<()> {
    let survey = survey(org, job, &jobs.file(&job.id, UPLOAD))?;
    write_none(org, jobs, job, &survey)
}

/// No row was processed: all are in the third file, and the first two have their header only.
pub(super) fn write_none(org: &Org, jobs: &Jobs, job: &Job, survey: &Survey) -> io::Result<()> {
    let style = Style::new(org, job, survey);
    let _files = Files::open(jobs, job, &style)?;
    if survey.unreadable {
        let mut upload = File::open(jobs.file(&job.id, UPLOAD))?;
        let mut out = File::create(jobs.file(&job.id, UNPROCESSED))?;
        return io::copy(&mut upload, &mut out).map(|_| ());
    }
    write_unprocessed(jobs, &style, &survey.blocks, 0)
}

/// The cells of a record as text.
pub(super) fn cells(record: &Record) -> Vec<String> {
    record.cells().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect()
}

/// A shuffle that is the same each time it is made from the same text.
pub(super) struct Shuffle(u64);

impl Shuffle {
    pub(super) fn new(seed: &str) -> Self {
        Self(xxhash_rust::xxh3::xxh3_64(seed.as_bytes()))
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = usize::try_from(self.next() % (last as u64 + 1)).unwrap_or(0);
            items.swap(last, other);
        }
    }

    /// The generator "splitmix64" of Steele, Lea and Flood.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
