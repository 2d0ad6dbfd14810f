//! What the calls of a job were about to change, and what came of it, on disk beside the body.
//!
//! For each call two lines: what the org said of the records before, and the result of each row.
//! Both are durable before anything follows from them. A last line that was cut is dropped.

use std::fs::OpenOptions;
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::rows::Batches;
use crate::faults;
use crate::model::cells::push_line;
use crate::target::ResultFile;

/// Where a record is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    /// In the recycle bin, last changed at this time, as the org spells it.
    Binned(String),
    /// Not deleted.
    Live,
    /// The org does not know it, or not any more.
    Absent,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    /// By the org's own answer.
    Restored,
    /// It was in the recycle bin before a call whose answer was lost, and is not now.
    Found,
    /// In the form of a job's results: `CODE:message:fields --`.
    Refused(String),
}

#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Look(Vec<State>),
    Done(Vec<Verdict>),
}

/// What earlier processes have written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Calls whose results are known.
    pub(super) calls: usize,
    pub(super) rows: u64,
    pub(super) failed: u64,
    /// What was said before the call after those, which may have been made.
    pub(super) look: Option<Vec<State>>,
}

/// The open file.
pub(super) struct Journal {
    file: faults::File,
}

impl Journal {
    /// Opens the journal of a body, and reads back what it holds.
    pub(super) fn open(body: &Path) -> io::Result<(Self, Found)> {
        let path = path_of(body);
        let (end, found) = read_back(&path)?;
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = faults::open(&options, &path)?;
        if std::fs::metadata(&path)?.len() != end {
            file.set_len(end)?;
        }
        if let Some(folder) = path.parent() {
            faults::sync_folder(folder)?;
        }
        Ok((Self { file }, found))
    }

    /// Makes durable what the org said before a call.
    pub(super) fn look(&mut self, states: &[State]) -> io::Result<()> {
        self.add(&Line::Look(states.to_vec()))
    }

    /// Makes durable what became of the rows of a call.
    pub(super) fn done(&mut self, verdicts: &[Verdict]) -> io::Result<()> {
        self.add(&Line::Done(verdicts.to_vec()))
    }

    fn add(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.file.write_all(&text)?;
        self.file.sync_data()
    }
}

/// The lines of a journal up to the last whole one, each with where it ends.
struct Lines {
    reader: BufReader<std::fs::File>,
    end: u64,
    text: Vec<u8>,
}

impl Lines {
    fn open(path: &Path) -> io::Result<Option<Self>> {
        match std::fs::File::open(path) {
            Ok(file) => Ok(Some(Self { reader: BufReader::new(file), end: 0, text: Vec::new() })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn next(&mut self) -> io::Result<Option<Line>> {
        self.text.clear();
        let bytes = self.reader.read_until(b'\n', &mut self.text)?;
        if self.text.last() != Some(&b'\n') {
            return Ok(None);
        }
        let Ok(line) = serde_json::from_slice(&self.text) else { return Ok(None) };
        self.end += bytes as u64;
        Ok(Some(line))
    }
}

/// Where the last whole line ends, and what the lines say.
fn read_back(path: &Path) -> io::Result<(u64, Found)> {
    let mut found = Found::default();
    let Some(mut lines) = Lines::open(path)? else { return Ok((0, found)) };
    while let Some(line) = lines.next()? {
        match line {
            Line::Look(states) => found.look = Some(states),
            Line::Done(verdicts) => {
                found.calls += 1;
                found.rows += verdicts.len() as u64;
                let refused = verdicts.iter().filter(|v| matches!(v, Verdict::Refused(_)));
                found.failed += refused.count() as u64;
                found.look = None;
            }
        }
    }
    Ok((lines.end, found))
}

/// The journal beside a body.
fn path_of(body: &Path) -> PathBuf {
    body.with_extension("calls.jsonl")
}

/// Writes a result file of the shape that jobs have, and gives it its name when it is durable;
/// returns its bytes.
pub(super) fn write_results(body: &Path, which: ResultFile, to: &Path) -> io::Result<u64> {
    let mut name = to.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = BufWriter::new(faults::open(&options, &part)?);
    let mut line = Vec::new();
    let mut batches = Batches::open(body)?;
    let second: &[u8] = match which {
        ResultFile::Successful => b"sf__Created",
        ResultFile::Failed | ResultFile::Unprocessed => b"sf__Error",
    };
    push_line(&mut line, [b"sf__Id", second, batches.header()].into_iter());
    let mut lines = Lines::open(&path_of(body))?.filter(|_| which != ResultFile::Unprocessed);
    while let Some(found) = lines.as_mut().map(Lines::next).transpose()?.flatten() {
        let Line::Done(verdicts) = found else { continue };
        for (row, verdict) in batches.next()?.iter().zip(verdicts) {
            let (file, second) = match &verdict {
                Verdict::Restored => (ResultFile::Successful, "restored"),
                Verdict::Found => (ResultFile::Successful, "found"),
                Verdict::Refused(error) => (ResultFile::Failed, error.as_str()),
            };
            if file == which {
                let id = row.id.as_ref().map_or(&row.cell[..], |id| id.as_bytes());
                push_line(&mut line, [id, second.as_bytes(), &row.cell].into_iter());
            }
        }
        out.write_all(&line)?;
        line.clear();
    }
    out.write_all(&line)?;
    out.flush()?;
    out.get_ref().sync_all()?;
    drop(out);
    faults::rename(&part, to)?;
    if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        faults::sync_folder(folder)?;
    }
    Ok(std::fs::metadata(to)?.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever a power cut leaves of the last line, what is whole is read back.
    #[test]
    fn every_cut_is_read_back_to_its_last_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let body = folder.path().join("000001.csv");
        let looks = [vec![State::Binned("2026".to_owned()), State::Live], vec![State::Absent]];
        let done = [Verdict::Restored, Verdict::Refused("A:\"b\"\nc:--".to_owned())];
        let (mut journal, found) = Journal::open(&body).unwrap();
        assert_eq!(found, Found::default());
        journal.look(&looks[0]).unwrap();
        journal.done(&done).unwrap();
        journal.look(&looks[1]).unwrap();
        drop(journal);
        let whole = std::fs::read(path_of(&body)).unwrap();
        let ends: Vec<usize> = memchr::memchr_iter(b'\n', &whole).map(|at| at + 1).collect();
        for length in 0..=whole.len() {
            let file = OpenOptions::new().write(true).truncate(true).open(path_of(&body));
            file.unwrap().write_all(&whole[..length]).unwrap();
            let (journal, found) = Journal::open(&body).unwrap();
            drop(journal);
            let lines = ends.iter().filter(|end| **end <= length).count();
            let (calls, rows, failed) = if lines < 2 { (0, 0, 0) } else { (1, 2, 1) };
            let look = match lines {
                1 => Some(looks[0].clone()),
                3 => Some(looks[1].clone()),
                _ => None,
            };
            assert_eq!(found, Found { calls, rows, failed, look }, "{length}");
            let kept = std::fs::read(path_of(&body)).unwrap();
            assert_eq!(kept.len(), if lines == 0 { 0 } else { ends[lines - 1] });
        }
    }
}
