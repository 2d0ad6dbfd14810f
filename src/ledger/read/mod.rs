//! Reading a ledger back, line by line, in memory that does not grow with it.
//!
//! What a crash leaves is told from what damage leaves. Lines are appended, so a crash can only
//! spoil the end: an unfinished or wrong last line with nothing valid behind it is a *torn tail*,
//! and the facts before it hold. Anything else that is wrong is damage, and the ledger is refused.
//!
//! A last line that rotted on disk looks like a torn tail too, and might have been a synced fact.
//! Whoever goes on after a tear must therefore ask the far side before giving up a job.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::Fact;
use super::file::{FIRST, FORMAT, link};
use super::state::RunState;
use crate::model::failure::{Blame, Explain};

/// Bytes of a line at most; a fact takes some hundreds.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// The facts of a ledger, in order; each is checked as it is read.
pub struct Facts {
    path: PathBuf,
    run: String,
    reader: BufReader<Box<dyn Read + Send>>,
    buffer: Vec<u8>,
    tail: Tail,
    torn: Option<Torn>,
}

/// Where the next line goes, and what it must name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tail {
    pub sequence: u64,
    pub previous: String,
    pub offset: u64,
}

/// The end of a ledger that a crash left unfinished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn {
    /// Counted from 1.
    pub line: u64,
    /// Where it begins, in bytes.
    pub offset: u64,
    pub bytes: u64,
}

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadLedger {
    #[error("cannot {doing} `{}`: {error}", path.display())]
    Disk { doing: &'static str, path: PathBuf, error: io::Error },
    #[error("{}:{line}: the line is damaged, and valid lines follow", path.display())]
    Damaged { path: PathBuf, line: u64 },
    #[error("{}:{line}: the line does not follow the one before it", path.display())]
    BrokenChain { path: PathBuf, line: u64 },
    #[error("{}:1: this is the ledger of run `{found}`, not of `{wanted}`", path.display())]
    Foreign { path: PathBuf, wanted: String, found: String },
    #[error("{}:1: format {found} is newer than {FORMAT}, which this version knows", path.display())]
    Newer { path: PathBuf, found: u32 },
    #[error("{}:{line}: not a fact that this version knows: {why}", path.display())]
    UnknownFact { path: PathBuf, line: u64, why: String },
    #[error("{}:{line}: {why}", path.display())]
    Impossible { path: PathBuf, line: u64, why: String },
}

impl Explain for BadLedger {
    fn blame(&self) -> Blame {
        match self {
            Self::Disk { .. } => Blame::Disk,
            _ => Blame::Ledger,
        }
    }

    fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Disk { .. } => return Vec::new(),
            Self::Newer { .. } | Self::UnknownFact { .. } => {
                "use the version of longshore that made the run, or a newer one"
            }
            Self::Foreign { .. } => "put back the ledger that belongs into this run folder",
            Self::Damaged { .. } | Self::BrokenChain { .. } => {
                "restore the run folder from a copy; what the ledger says cannot be trusted"
            }
            Self::Impossible { .. } => {
                "keep the run folder; this is a fault of longshore, report it with ledger.jsonl"
            }
        };
        vec![hint.to_owned()]
    }
}

#[derive(serde::Deserialize)]
struct Link {
    seq: u64,
    prev: String,
}

#[derive(serde::Deserialize)]
struct Opening {
    format: u32,
    run: String,
}

impl Facts {
    /// Opens the ledger of `run`.
    pub fn open(path: &Path, run: &str) -> Result<Self, BadLedger> {
        let disk = |error| BadLedger::Disk { doing: "open", path: path.to_owned(), error };
        Ok(Self::over(path, run, Box::new(File::open(path).map_err(disk)?)))
    }

    /// Reads from `source`; `path` stands in messages.
    fn over(path: &Path, run: &str, source: Box<dyn Read + Send>) -> Self {
        Self {
            path: path.to_owned(),
            run: run.to_owned(),
            reader: BufReader::with_capacity(16 << 10, source),
            buffer: Vec::new(),
            tail: Tail { sequence: 0, previous: FIRST.to_owned(), offset: 0 },
            torn: None,
        }
    }

    /// The next fact; `None` at the end, torn or not.
    pub fn next_fact(&mut self) -> Result<Option<Fact>, BadLedger> {
        if self.torn.is_some() || !self.read_line()? {
            return Ok(None);
        }
        let Some(json) = json_of(&self.buffer) else {
            self.torn = Some(self.tear()?);
            return Ok(None);
        };
        let fact = self.checked(json)?;
        self.tail.previous = link(&self.buffer);
        self.tail.sequence += 1;
        self.tail.offset += self.buffer.len() as u64;
        Ok(Some(fact))
    }

    /// What a crash left of the last line, once [`Self::next_fact`] has given `None`.
    pub fn torn(&self) -> Option<Torn> {
        self.torn
    }

    /// Facts that were given so far.
    pub fn lines(&self) -> u64 {
        self.tail.sequence
    }

    /// What the line behind the fact that was given last would name: the first 16 bytes of the
    /// digest of its line, in hexadecimal.
    pub fn link(&self) -> &str {
        &self.tail.previous
    }

    pub(super) fn into_tail(self) -> Tail {
        self.tail
    }

    /// The line of the fact that was given last, counted from 1.
    fn line(&self) -> u64 {
        self.tail.sequence
    }

    fn read_line(&mut self) -> Result<bool, BadLedger> {
        self.buffer.clear();
        let mut bounded = self.reader.by_ref().take(LINE_BYTES_MAX);
        match bounded.read_until(b'\n', &mut self.buffer) {
            Ok(bytes) => Ok(bytes > 0),
            Err(error) => Err(BadLedger::Disk { doing: "read", path: self.path.clone(), error }),
        }
    }

    /// The line in the buffer is wrong: torn off when nothing valid follows, and damaged otherwise.
    fn tear(&mut self) -> Result<Torn, BadLedger> {
        let line = self.line() + 1;
        let mut torn = Torn { line, offset: self.tail.offset, bytes: 0 };
        loop {
            torn.bytes += self.buffer.len() as u64;
            if holds_a_line(&self.buffer) {
                return Err(BadLedger::Damaged { path: self.path.clone(), line });
            }
            if !self.read_line()? {
                return Ok(torn);
            }
        }
    }

    fn checked(&self, json: &[u8]) -> Result<Fact, BadLedger> {
        let (path, line) = (self.path.clone(), self.line() + 1);
        let unknown = |error: serde_json::Error| BadLedger::UnknownFact {
            path: self.path.clone(),
            line,
            why: error.to_string(),
        };
        let named: Link = serde_json::from_slice(json).map_err(unknown)?;
        if named.seq != self.tail.sequence || named.prev != self.tail.previous {
            return Err(BadLedger::BrokenChain { path, line });
        }
        if line == 1 {
            let opening: Opening = serde_json::from_slice(json).map_err(unknown)?;
            if opening.format > FORMAT {
                return Err(BadLedger::Newer { path, found: opening.format });
            }
            if opening.run != self.run {
                let wanted = self.run.clone();
                return Err(BadLedger::Foreign { path, wanted, found: opening.run });
            }
        }
        serde_json::from_slice(json).map_err(unknown)
    }
}

impl RunState {
    /// Reads the ledger of `run` at `path` and folds its facts.
    pub fn read(path: &Path, run: &str) -> Result<(Self, Option<Torn>), BadLedger> {
        let mut facts = match Facts::open(path, run) {
            // The process ended before the first fact; whoever goes on looks whether that is so.
            Err(BadLedger::Disk { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((Self { run: run.to_owned(), ..Self::default() }, None));
            }
            other => other?,
        };
        let state = Self::fold(&mut facts)?;
        Ok((state, facts.torn()))
    }

    pub(super) fn fold(facts: &mut Facts) -> Result<Self, BadLedger> {
        let mut state = Self::default();
        while let Some(fact) = facts.next_fact()? {
            state.apply(&fact).map_err(|impossible| BadLedger::Impossible {
                path: facts.path.clone(),
                line: facts.line(),
                why: impossible.0,
            })?;
        }
        Ok(state)
    }
}

/// The JSON of a whole line whose checksum is right, to the letter.
fn json_of(line: &[u8]) -> Option<&[u8]> {
    let line = line.strip_suffix(b"\n")?;
    let json = line.get(9..)?;
    let wanted = format!("{:08x} ", crc32fast::hash(json));
    (line[..9] == *wanted.as_bytes()).then_some(json)
}

/// Whether a valid line ends here, even one whose line end before it was lost.
fn holds_a_line(bytes: &[u8]) -> bool {
    let begins = |at: &usize| bytes.get(at + 8..at + 10) == Some(b" {");
    (0..bytes.len()).filter(begins).any(|at| json_of(&bytes[at..]).is_some())
}

#[cfg(test)]
mod tests;
