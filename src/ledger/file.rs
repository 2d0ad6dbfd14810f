//! The file itself: framing, chaining, syncing.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::Fact;
use super::manifest::sync_folder;
use super::read::{BadLedger, Facts, Torn};
use super::state::RunState;
use crate::faults::{self, File, Side};

/// Version of the line format; a reader refuses a newer one.
pub const FORMAT: u32 = 1;

/// What the first line names as the line before it.
pub(super) const FIRST: &str = "00000000000000000000000000000000";

/// The open ledger of a running run. One writer; share it by reference.
pub struct Ledger {
    inner: Mutex<Inner>,
    path: PathBuf,
}

struct Inner {
    file: File,
    sequence: u64,
    /// The first 16 bytes of the digest of the line before, in hexadecimal.
    previous: String,
    line: Vec<u8>,
    /// Why a write or sync failed: the file on disk can no longer be trusted to hold what comes
    /// next.
    broken: Option<Broken>,
}

/// The failure after which nothing more is written.
#[derive(Clone)]
struct Broken {
    kind: io::ErrorKind,
    why: String,
}

/// A ledger that is gone on with.
pub struct Reopened {
    pub ledger: Ledger,
    /// What its facts come to.
    pub state: RunState,
    /// What a crash left of the last line; it has been cut off.
    pub torn: Option<Torn>,
}

#[derive(serde::Serialize)]
struct Line<'a> {
    seq: u64,
    prev: &'a str,
    #[serde(flatten)]
    fact: &'a Fact,
}

impl Ledger {
    /// Begins the ledger of a new run; the file must not be there yet.
    pub fn create(path: &Path, run: &str) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.append(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let ledger = Self::at(path, faults::open(&options, path)?, 0, FIRST.to_owned());
        ledger.record(&Fact::Opened { format: FORMAT, run: run.to_owned() })?;
        sync_folder(path)?;
        Ok(ledger)
    }

    /// Goes on with the ledger of `run`: reads it back, cuts off a torn tail, and appends behind
    /// the last whole fact.
    ///
    /// A ledger that is damaged, foreign or newer is refused and left as it is.
    pub fn reopen(path: &Path, run: &str) -> Result<Reopened, BadLedger> {
        let disk = |doing, error| BadLedger::Disk { doing, path: path.to_owned(), error };
        let mut facts = Facts::open(path, run)?;
        let mut state = RunState::fold(&mut facts)?;
        let torn = facts.torn();
        let tail = facts.into_tail();
        let file = faults::open(OpenOptions::new().append(true), path);
        let file = file.map_err(|error| disk("open", error))?;
        if let Some(torn) = torn {
            let cut = file.set_len(torn.offset).and_then(|()| file.sync_all());
            cut.map_err(|error| disk("cut the torn end of", error))?;
        }
        let ledger = Self::at(path, file, tail.sequence, tail.previous);
        if tail.sequence == 0 {
            // The crash came before the first fact was whole; nothing else can have happened.
            let opened = Fact::Opened { format: FORMAT, run: run.to_owned() };
            ledger.record(&opened).map_err(|error| disk("write", error))?;
            run.clone_into(&mut state.run);
        }
        Ok(Reopened { ledger, state, torn })
    }

    fn at(path: &Path, file: File, sequence: u64, previous: String) -> Self {
        let inner = Inner { file, sequence, previous, line: Vec::new(), broken: None };
        Self { inner: Mutex::new(inner), path: path.to_owned() }
    }

    /// Writes a fact; when it is one that must be durable, returns when the disk has it.
    ///
    /// After a failed write or sync every further call fails, and says why the first one did: pages
    /// may have been dropped, and trying again would only look like success.
    pub fn record(&self, fact: &Fact) -> io::Result<()> {
        let mut inner = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if inner.broken.is_none() {
            // Stands if appending does not come to its end.
            inner.broken = Some(self.broken(io::ErrorKind::Other, &"a write was cut short"));
            let appended = inner.append(fact);
            inner.broken = appended.err().map(|error| self.broken(error.kind(), &error));
        }
        match inner.broken.clone() {
            Some(Broken { kind, why }) => Err(io::Error::new(kind, why)),
            None => Ok(()),
        }
    }

    fn broken(&self, kind: io::ErrorKind, why: &dyn std::fmt::Display) -> Broken {
        Broken { kind, why: format!("`{}`: {why}", self.path.display()) }
    }
}

impl Inner {
    fn append(&mut self, fact: &Fact) -> io::Result<()> {
        let framed = Line { seq: self.sequence, prev: &self.previous, fact };
        let json = serde_json::to_vec(&framed).map_err(io::Error::other)?;
        faults::fact(Side::Before, &self.file, &json)?;
        self.line.clear();
        write!(self.line, "{:08x} ", crc32fast::hash(&json))?;
        self.line.extend_from_slice(&json);
        self.line.push(b'\n');
        self.file.write_all(&self.line)?;
        if fact.is_synced() {
            self.file.sync_data()?;
        }
        faults::fact(Side::After, &self.file, &json)?;
        self.previous = link(&self.line);
        self.sequence += 1;
        Ok(())
    }
}

/// What the next line names: the first 16 bytes of a line's digest, in hexadecimal.
pub(super) fn link(line: &[u8]) -> String {
    blake3::hash(line).to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::verdict::Counts;

    #[test]
    fn every_line_has_its_checksum_and_names_the_line_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        let ledger = Ledger::create(&path, "r1").unwrap();
        ledger.record(&Fact::Closed { counts: Counts::default(), exit_code: 0 }).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut previous = "0".repeat(32);
        for (sequence, line) in text.lines().enumerate() {
            let (crc, json) = line.split_once(' ').unwrap();
            assert_eq!(crc, format!("{:08x}", crc32fast::hash(json.as_bytes())));
            let value: serde_json::Value = serde_json::from_str(json).unwrap();
            assert_eq!(value["seq"], sequence);
            assert_eq!(value["prev"], previous);
            previous = blake3::hash(format!("{line}\n").as_bytes()).to_hex()[..32].to_owned();
        }
        assert_eq!(text.lines().count(), 2);
        assert!(Ledger::create(&path, "r1").is_err(), "a ledger is never begun twice");
    }

    /// Several chunks meet the failure, and the one whose message is shown need not be the first.
    #[test]
    fn after_a_failure_nothing_is_written_and_the_cause_is_told_each_time() {
        let closed = || Fact::Closed { counts: Counts::default(), exit_code: 0 };
        for order in ["write:2:enospc", "write:2:short", "sync:2:enospc"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("ledger.jsonl");
            let guard = faults::plan(folder.path(), order.parse().unwrap());
            let ledger = Ledger::create(&path, "r1").unwrap();
            for _ in 0..3 {
                let error = ledger.record(&closed()).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::StorageFull);
                let (path, said) = (path.display().to_string(), error.to_string());
                assert!(said.contains(&path) && said.contains("No space"), "{said}");
            }
            let writes = guard.counts()["write"];
            assert_eq!((guard.fired(), writes), (1, 2), "{order}");
        }
    }
}
