//! The first pass over an upload: is it well-formed, are its columns known, where do blocks begin.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::super::org::Org;
use super::super::switches::LineEndingCheck;
use super::Job;
use super::csv::{Ending, Fault, Reader, Record};

/// Rows of one block: the service makes an internal batch for each 10,000 rows.
pub(super) const BLOCK_ROWS: u64 = 10_000;

/// Characters of the header row at most. Source: Bulk API 2.0, 32,000.
const HEADER_CHARS_MAX: usize = 32_000;

/// What the first pass found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The header line as uploaded, without its line end.
    pub(super) header: String,
    pub(super) columns: Vec<String>,
    pub(super) blocks: Vec<Block>,
    /// Why the job fails as a whole: `Code : text`.
    pub(super) fault: Option<String>,
    /// The upload cannot be cut into records.
    pub(super) unreadable: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub(super) offset: u64,
    /// Number of the first row, from 1.
    pub(super) first_row: u64,
    pub(super) rows: u64,
}

/// Reads the upload once; a job without an upload is an empty one.
pub(super) fn survey(org: &Org, job: &Job, upload: &Path) -> io::Result<Survey> {
    let mut survey = Survey::default();
    if !upload.exists() {
        return Ok(survey);
    }
    match scan(org, job, upload, &mut survey) {
        Ok(()) => {}
        Err(Fault::Io(error)) => return Err(error),
        Err(Fault::Quote) => {
            survey.unreadable = true;
            survey.fault = Some(
                "InvalidBatch : Failed to parse CSV. Found unescaped quote. A value with quote \
                 should be within a quote"
                    .to_owned(),
            );
        }
    }
    if survey.header.is_empty() && survey.unreadable {
        survey.header = first_line(upload)?;
    }
    if survey.fault.is_none() && !survey.header.is_empty() {
        survey.fault = columns_fault(org, job, &survey);
    }
    Ok(survey)
}

/// A reader of the upload that begins at `offset`.
pub(super) fn open_at(
    upload: &Path,
    job: &Job,
    offset: u64,
) -> io::Result<Reader<BufReader<File>>> {
    let mut file = File::open(upload)?;
    file.seek(SeekFrom::Start(offset))?;
    Ok(Reader::new(BufReader::with_capacity(1 << 16, file), job.delimiter.byte(), offset))
}

fn scan(org: &Org, job: &Job, upload: &Path, survey: &mut Survey) -> Result<(), Fault> {
    let mut reader = open_at(upload, job, 0)?;
    let mut record = Record::default();
    let record = &mut record;
    let strict = org.switches().line_ending_check;
    if !reader.read(record)? {
        return Ok(());
    }
    survey.columns =
        record.cells().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
    survey.header = header_text(upload, reader.offset())?;
    let mut rows = 0;
    let mut wrong_ending = ending_is_wrong(job, record, strict);
    loop {
        let offset = reader.offset();
        if !reader.read(record)? {
            break;
        }
        wrong_ending |= ending_is_wrong(job, record, strict);
        if rows % BLOCK_ROWS == 0 {
            survey.blocks.push(Block { offset, first_row: rows + 1, rows: 0 });
        }
        rows += 1;
        if let Some(block) = survey.blocks.last_mut() {
            block.rows += 1;
        }
    }
    if wrong_ending {
        let setting = if job.crlf { "CRLF" } else { "LF" };
        survey.fault = Some(format!(
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is \
             {setting}"
        ));
    }
    Ok(())
}

fn ending_is_wrong(job: &Job, record: &Record, check: LineEndingCheck) -> bool {
    let outside = match record.ending {
        Ending::Lf => job.crlf,
        Ending::CrLf => !job.crlf,
        Ending::Cr => true,
        Ending::EndOfFile => false,
    };
    let inside = if job.crlf { record.inner_lf } else { record.inner_crlf };
    match check {
        LineEndingCheck::Off => false,
        LineEndingCheck::OutsideQuotes => outside,
        LineEndingCheck::RawBytes => outside || inside,
    }
}

fn columns_fault(org: &Org, job: &Job, survey: &Survey) -> Option<String> {
    if survey.header.chars().count() > HEADER_CHARS_MAX {
        return Some(format!("InvalidBatch : CSV header exceeds {HEADER_CHARS_MAX} characters"));
    }
    let deletes = matches!(job.operation.as_str(), "delete" | "hardDelete");
    if deletes && !matches!(&survey.columns[..], [only] if only.eq_ignore_ascii_case("Id")) {
        return Some(format!("InvalidBatch : The '{}' batch must contain only ids", job.operation));
    }
    let mut seen = HashSet::new();
    for column in &survey.columns {
        if let Err(unknown) = org.check_column(&job.object, column) {
            return Some(format!("InvalidBatch : Field name not found : {unknown}"));
        }
        if !seen.insert(column.to_ascii_lowercase()) {
            return Some(format!("InvalidBatch : Field name given twice : {column}"));
        }
    }
    let writable = Writable::of(org, job);
    if let Some(column) = survey.columns.iter().find(|column| !writable.has(column)) {
        return Some(format!("InvalidBatch : Field name not found : {column}"));
    }
    survey.blocks.is_empty().then(|| "InvalidBatch : Records not found".to_owned())
}

/// The plain fields that the job's operation may write, in lower case.
struct Writable {
    names: HashSet<String>,
}

impl Writable {
    fn of(org: &Org, job: &Job) -> Self {
        let mut names = HashSet::from(["id".to_owned()]);
        names.extend(job.external_id.as_ref().map(|key| key.to_ascii_lowercase()));
        let describe = org.describe(&job.object).unwrap_or_default();
        for field in describe["fields"].as_array().into_iter().flatten() {
            let may = |flag: &str| field[flag].as_bool().unwrap_or(false);
            let fits = match job.operation.as_str() {
                "insert" => may("createable"),
                "update" => may("updateable"),
                _ => may("createable") || may("updateable"),
            };
            if fits && let Some(name) = field["name"].as_str() {
                names.insert(name.to_ascii_lowercase());
            }
        }
        Self { names }
    }

    /// Relationship columns are the org's to judge.
    fn has(&self, column: &str) -> bool {
        column.contains('.') || self.names.contains(&column.to_ascii_lowercase())
    }
}

/// The bytes up to `end`, blank lines before and the line end after it left out.
fn header_text(upload: &Path, end: u64) -> io::Result<String> {
    let mut text = Vec::new();
    File::open(upload)?.take(end).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).trim_matches(['\r', '\n']).to_owned())
}

fn first_line(upload: &Path) -> io::Result<String> {
    let mut start = Vec::new();
    File::open(upload)?.take(4 * HEADER_CHARS_MAX as u64).read_to_end(&mut start)?;
    let line = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(String::from_utf8_lossy(line).trim_end_matches('\r').to_owned())
}
