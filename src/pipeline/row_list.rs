//! A list of rows in the folder of a run, decided before the first was sent.
//!
//! A line `ROW,WORD` for each, in the order of the input. The manifest has the digest, so that
//! every process of the run makes the same of each row.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek};
use std::path::PathBuf;

use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};

/// A list, read along with the rows of the input.
#[derive(Debug)]
pub(super) struct RowList {
    path: PathBuf,
    /// What its rows are, in words, such as `rows with the same key`.
    what: &'static str,
    lines: BufReader<File>,
    line: String,
    next: Option<(u64, String)>,
}

impl RowList {
    /// Opens a list and holds it against its digest.
    pub(super) fn open(path: PathBuf, digest: Digest, what: &'static str) -> Result<Self, Failure> {
        let mut hasher = blake3::Hasher::new();
        let read = File::open(&path).and_then(|mut file| {
            io::copy(&mut file, &mut hasher)?;
            file.rewind().map(|()| file)
        });
        match read {
            Ok(file) if Digest::finish(&hasher) == digest => Self::read(path, file, what),
            Ok(_) | Err(_) => Err(damaged(&path.display(), what)),
        }
    }

    /// Reads a list that this process has just made.
    pub(super) fn read(path: PathBuf, file: File, what: &'static str) -> Result<Self, Failure> {
        let (lines, line) = (BufReader::new(file), String::new());
        let mut list = Self { path, what, lines, line, next: None };
        list.advance()?;
        Ok(list)
    }

    /// The word of a row, if it is listed; rows are asked about in their order, and each that is
    /// listed has to be.
    pub(super) fn word_of(&mut self, row: u64) -> Result<Option<String>, Failure> {
        match self.next.take() {
            Some((listed, _)) if listed < row => Err(drift(listed)),
            Some((listed, word)) if listed == row => {
                self.advance()?;
                Ok(Some(word))
            }
            next => {
                self.next = next;
                Ok(None)
            }
        }
    }

    /// That the list is not what it was.
    pub(super) fn damaged(&self) -> Failure {
        damaged(&self.path.display(), self.what)
    }

    fn advance(&mut self) -> Result<(), Failure> {
        self.line.clear();
        let read = self.lines.read_line(&mut self.line);
        read.map_err(|error| Failure::disk("read", &self.path, &error))?;
        if self.line.is_empty() {
            self.next = None;
            return Ok(());
        }
        let (row, word) = self.line.trim_end().split_once(',').unwrap_or_default();
        let row = row.parse().map_err(|_| self.damaged())?;
        self.next = Some((row, word.to_owned()));
        Ok(())
    }
}

/// How a list is opened to be written.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn damaged(path: &std::path::Display<'_>, what: &str) -> Failure {
    let message =
        format!("the list of {what}, `{path}`, is missing or not what it was when the run began");
    Failure::new(Blame::Guard, message).hint("put the file back as it was, and resume once more")
}

/// The list is of other rows than these.
fn drift(row: u64) -> Failure {
    let message = format!("row {row} was fit to be sent when the run began, and is not now");
    Failure::new(Blame::Guard, message)
}
