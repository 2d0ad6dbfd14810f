//! Results: brings them to disk and sees that they are whole.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ledger::RawKind;
use crate::model::chunk::{Chunk, Digest};
use crate::model::ids::JobId;
use crate::model::limits::DOWNLOADS_MAX;
use crate::model::records::Records;
use crate::pipeline::earlier::Earlier;
use crate::pipeline::handover::Ending;
use crate::target::{Fault, FaultClass, JobState, JobStatus, Outcome, ResultFile, Target};

/// Results on disk.
#[derive(Debug)]
pub struct Fetched {
    pub files: Vec<Received>,
    /// Why they are known not to be all there.
    pub incomplete: Option<String>,
}

/// A result file as it was received.
#[derive(Debug)]
pub struct Received {
    pub which: ResultFile,
    pub path: PathBuf,
    /// Missing when the file is damaged.
    pub rows: Option<u64>,
    pub bytes: u64,
    pub digest: Digest,
}

impl Fetched {
    /// The end of a job with these results.
    pub fn of(self, job: JobId, status: JobStatus) -> Ending {
        let files = self.files.into_iter().map(|file| (file.which, file.path)).collect();
        Ending::Results { job, status, files, incomplete: self.incomplete }
    }
}

/// The results that an earlier process of the run brought to disk, if they are still as they were
/// received.
///
/// They must be all there are: the counts add up, or the chunk was settled with them.
pub async fn on_disk(earlier: &Earlier, chunk: &Chunk, folder: &Path) -> Option<Fetched> {
    let known = earlier.received(chunk.number)?;
    let (mut files, mut rows, mut cut) = (Vec::new(), 0, None);
    for raw in &known.raw {
        let which = match raw.which {
            RawKind::Successful => ResultFile::Successful,
            RawKind::Failed => ResultFile::Failed,
            RawKind::Unprocessed => ResultFile::Unprocessed,
        };
        let path = folder.join(format!("{}.{}.csv", chunk.number, word(which)));
        let looked_at = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || digest(&path)).await
        };
        if !matches!(looked_at, Ok(Ok(found)) if found == (raw.bytes, raw.digest)) {
            return None;
        }
        match raw.rows {
            Some(records) => rows += records,
            None => cut = Some(format!("the {} results are damaged", word(which))),
        }
        let (rows, bytes, digest) = (raw.rows, raw.bytes, raw.digest);
        files.push(Received { which, path, rows, bytes, digest });
    }
    let incomplete = cut.or_else(|| shortage(rows, chunk.rows));
    (known.settled || incomplete.is_none()).then_some(Fetched { files, incomplete })
}

/// Downloads what the job has to say; again when the counts do not add up, since counters may lag
/// and a download may be cut without a sign.
pub async fn fetch<T: Target>(
    target: &T,
    chunk: &Chunk,
    job: &JobId,
    status: &JobStatus,
    folder: &Path,
) -> Result<Fetched, Fault> {
    let mut wait = Duration::from_secs(1);
    for attempt in 1.. {
        let mut have = Vec::new();
        let mut rows = 0;
        let mut cut = None;
        for which in wanted(status, attempt) {
            download(target, job, which, chunk, folder, &mut have, &mut rows, &mut cut).await?;
        }
        if cut.is_none() && rows < u64::from(chunk.rows) && !has(&have, ResultFile::Unprocessed) {
            let which = ResultFile::Unprocessed;
            download(target, job, which, chunk, folder, &mut have, &mut rows, &mut cut).await?;
        }
        let incomplete = cut.or_else(|| shortage(rows, chunk.rows));
        if incomplete.is_none() || attempt >= DOWNLOADS_MAX {
            return Ok(Fetched { files: have, incomplete });
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
    unreachable!("the loop ends by the number of attempts")
}

/// The files that can have rows, by what the job says of itself; each costs a call.
///
/// Its counters may lag behind. When they led to too few rows, every file is asked for.
pub(super) fn wanted(status: &JobStatus, attempt: u32) -> Vec<ResultFile> {
    if status.state != JobState::JobComplete || attempt > 1 {
        return vec![ResultFile::Successful, ResultFile::Failed, ResultFile::Unprocessed];
    }
    match (status.processed, status.failed) {
        (_, Some(0)) => vec![ResultFile::Successful],
        (Some(processed), Some(failed)) if processed == failed => vec![ResultFile::Failed],
        _ => vec![ResultFile::Successful, ResultFile::Failed],
    }
}

fn has(files: &[Received], which: ResultFile) -> bool {
    files.iter().any(|file| file.which == which)
}

fn shortage(found: u64, sent: u32) -> Option<String> {
    (found != u64::from(sent))
        .then(|| format!("the job was sent {sent} rows and its results hold {found}"))
}

#[expect(clippy::too_many_arguments, reason = "the tail of one loop, split off to be readable")]
async fn download<T: Target>(
    target: &T,
    job: &JobId,
    which: ResultFile,
    chunk: &Chunk,
    folder: &Path,
    have: &mut Vec<Received>,
    rows: &mut u64,
    cut: &mut Option<String>,
) -> Result<(), Fault> {
    let path = folder.join(format!("{}.{}.csv", chunk.number, word(which)));
    match target.download(job, which, &path).await {
        Outcome::Done(_) => {}
        Outcome::NotDone(fault) | Outcome::Unknown(fault) => return Err(fault),
    }
    let looked_at = {
        let path = path.clone();
        tokio::task::spawn_blocking(move || look_at(&path, which)).await
    };
    let (counted, (bytes, digest)) = match looked_at {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => return Err(unreadable(&path, &error.to_string())),
        Err(_) => return Err(unreadable(&path, "counting broke down")),
    };
    match &counted {
        Ok(records) => *rows += records,
        // Nothing in it can be relied on, so no row is matched with it.
        Err(Damage::NoId) => {
            *cut = Some(format!("the {} results have no column `sf__Id`", word(which)));
            return Ok(());
        }
        Err(Damage::Cut(why)) => {
            *cut = Some(format!("the {} results are damaged: {why}", word(which)));
        }
    }
    have.push(Received { which, path, rows: counted.ok(), bytes, digest });
    Ok(())
}

fn unreadable(path: &Path, why: &str) -> Fault {
    Fault {
        class: FaultClass::Disk,
        status: None,
        code: "LOCAL_FILE".to_owned(),
        message: format!("cannot read `{}`: {why}", path.display()),
        hints: Vec::new(),
    }
}

/// Bytes of a file and their digest.
fn digest(path: &Path) -> std::io::Result<(u64, Digest)> {
    let mut hasher = blake3::Hasher::new();
    let mut file = std::fs::File::open(path)?;
    let bytes = std::io::copy(&mut file, &mut hasher)?;
    Ok((bytes, Digest::finish(&hasher)))
}

pub(super) fn word(which: ResultFile) -> &'static str {
    match which {
        ResultFile::Successful => "successful",
        ResultFile::Failed => "failed",
        ResultFile::Unprocessed => "unprocessed",
    }
}

/// Why a result file is not whole.
#[derive(Debug, PartialEq, Eq)]
enum Damage {
    Cut(String),
    /// Its header is not that of results.
    NoId,
}

/// A file that is hashed as it is read.
struct Hashed {
    file: std::fs::File,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        self.bytes += read as u64;
        Ok(read)
    }
}

/// Rows of a result file, with its bytes and their digest; one reading gives both.
fn look_at(
    path: &Path,
    which: ResultFile,
) -> std::io::Result<(Result<u64, Damage>, (u64, Digest))> {
    let mut file = std::fs::File::open(path)?;
    let ends_well = ends_with_line_end(&mut file)?;
    let mut hashed = Hashed { file, hasher: blake3::Hasher::new(), bytes: 0 };
    let counted = count(&mut hashed, ends_well, which);
    // What was not counted is hashed all the same.
    std::io::copy(&mut hashed, &mut std::io::sink())?;
    Ok((counted, (hashed.bytes, Digest::finish(&hashed.hasher))))
}

/// Rows of a result file, header not counted; an entirely empty file has none.
///
/// A file that does not end with a line end was cut. So was one that ends with a line end inside
/// quotes: a line of our own behind it is a record of its own only if no quote is open.
fn count(file: &mut impl Read, ends_well: Option<bool>, which: ResultFile) -> Result<u64, Damage> {
    const OWN: &[u8] = b"end";

    let cut = |error: &dyn std::fmt::Display| Damage::Cut(error.to_string());
    match ends_well {
        None => return Ok(0),
        Some(false) => return Err(cut(&"it does not end with a line end")),
        Some(true) => {}
    }
    let mut records = Records::new(file.chain(OWN));
    records.advance().map_err(|error| cut(&error))?;
    let has_id = records.cells().any(|name| name.eq_ignore_ascii_case(b"sf__Id"));
    if which != ResultFile::Unprocessed && !records.is_empty() && !has_id {
        return Err(Damage::NoId);
    }
    let (mut rows, mut whole) = (0_u64, false);
    while records.advance().map_err(|error| cut(&error))? {
        whole = records.len() == 1 && records.cell(0) == Some(OWN);
        rows += 1;
    }
    if whole { Ok(rows - 1) } else { Err(cut(&"it ends within a quoted cell")) }
}

/// Nothing for a file without a byte.
fn ends_with_line_end(file: &mut std::fs::File) -> std::io::Result<Option<bool>> {
    use std::io::{Seek, SeekFrom};
    if file.seek(SeekFrom::End(0))? == 0 {
        return Ok(None);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(Some(last[0] == b'\n'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The rows of a file; whatever they are, the digest is that of the whole file.
    fn counted(path: &Path, which: ResultFile) -> Result<u64, Damage> {
        let (counted, found) = look_at(path, which).unwrap();
        assert_eq!(found, digest(path).unwrap());
        counted
    }

    #[test]
    fn a_cut_file_is_not_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.csv");
        for (text, rows) in [
            ("", Some(0)),
            ("\"sf__Id\",Name\n", Some(0)),
            ("\"sf__Id\",Name\n\"1\",\"a\nb\"\n\"2\",\"c\"\n", Some(2)),
            ("\"sf__Id\",Name\n\"1\",\"a\"\n\"2\",\"", None),
            ("\"sf__Id\",Name\n\"1\",\"a\"", None),
            // Cut behind a line end that stands inside quotes.
            ("\"sf__Id\",Name\n\"1\",\"a\n", None),
            ("\"sf__Id\",\"Na\n", None),
            ("\"sf__Id\"\n\"end\"\n", Some(1)),
        ] {
            crate::ledger::write_whole(&path, text.as_bytes()).unwrap();
            assert_eq!(counted(&path, ResultFile::Failed).ok(), rows, "{text:?}");
        }
    }

    #[test]
    fn results_without_ids_are_no_results() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.csv");
        crate::ledger::write_whole(&path, b"Name\nA\n").unwrap();
        assert_eq!(counted(&path, ResultFile::Successful), Err(Damage::NoId));
        assert_eq!(counted(&path, ResultFile::Unprocessed), Ok(1));
    }

    #[test]
    fn only_files_that_can_have_rows_are_asked_for() {
        use ResultFile::{Failed, Successful, Unprocessed};

        let status =
            |state, processed, failed| JobStatus { state, processed, failed, message: None };
        for (status, files) in [
            (status(JobState::JobComplete, Some(10), Some(0)), vec![Successful]),
            (status(JobState::JobComplete, Some(10), Some(10)), vec![Failed]),
            (status(JobState::JobComplete, Some(10), Some(3)), vec![Successful, Failed]),
            (status(JobState::JobComplete, None, None), vec![Successful, Failed]),
            (status(JobState::Failed, Some(0), Some(0)), vec![Successful, Failed, Unprocessed]),
            (status(JobState::Aborted, None, None), vec![Successful, Failed, Unprocessed]),
        ] {
            assert_eq!(wanted(&status, 1), files, "{status:?}");
        }
    }

    /// A job whose counters said that nothing failed, a moment too early, had its failed rows in a
    /// file that was never asked for, however often the download was tried again.
    #[test]
    fn counters_that_lag_hide_no_file_for_long() {
        let (processed, failed) = (Some(0), Some(0));
        let lagging = JobStatus { state: JobState::JobComplete, processed, failed, message: None };
        assert!(!wanted(&lagging, 1).contains(&ResultFile::Failed));
        for attempt in 2..=DOWNLOADS_MAX {
            assert!(wanted(&lagging, attempt).contains(&ResultFile::Failed), "{attempt}");
        }
    }

    proptest! {
        /// Each record that counts is there to its last byte, wherever the file was cut.
        #[test]
        fn a_file_that_was_cut_anywhere_counts_only_whole_records(
            rows in prop::collection::vec(prop::collection::vec("[a,\"\r\n é]{0,6}", 2), 0..12),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = Vec::new();
            let mut ends = vec![0];
            let header = vec!["sf__Id".to_owned(), "sf__Error".to_owned()];
            for row in std::iter::once(&header).chain(&rows) {
                let mut writer = csv::WriterBuilder::new();
                let writer = writer.quote_style(csv::QuoteStyle::Always);
                let mut writer = writer.from_writer(Vec::new());
                writer.write_record(row).unwrap();
                bytes.extend(writer.into_inner().unwrap());
                ends.push(bytes.len());
            }
            let cut = cut.index(bytes.len() + 1);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("r.csv");
            // Not `write_whole`, which waits for the disk.
            std::io::copy(&mut &bytes[..cut], &mut std::fs::File::create(&path).unwrap()).unwrap();
            let counted = counted(&path, ResultFile::Failed).ok();
            // Before the first end is nothing, before the second the header.
            let whole = ends.iter().position(|end| *end == cut);
            prop_assert_eq!(counted, whole.map(|ends| ends.saturating_sub(1) as u64));
        }
    }
}
