//! The effects on disk: `tenant.jsonl`, from which a kept tenant is built again.
//!
//! A line is one call with all its effects and is written by one `write`, so a kill loses at most
//! the call in flight, whole.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::audit::Effect;

/// The name of the file, in the tenant's folder.
pub const FILE: &str = "tenant.jsonl";

#[derive(Serialize)]
struct Written<'a> {
    at: i64,
    effects: &'a [Effect],
}

#[derive(Deserialize)]
struct Read {
    at: i64,
    effects: Vec<Effect>,
}

/// The open file.
pub struct Journal {
    file: File,
    /// A write has failed: what stands last may be half a line, so nothing may follow it.
    broken: bool,
}

impl Journal {
    /// Opens the journal under `dir` and gives every whole call in it to `seen`.
    pub fn open(dir: &Path, mut seen: impl FnMut(i64, Vec<Effect>)) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).read(true).open(dir.join(FILE))?;
        let mut reader = BufReader::new(&file);
        let (mut line, mut whole) = (Vec::new(), 0);
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)?;
            if line.last() != Some(&b'\n') {
                break;
            }
            let read: Read = serde_json::from_slice(&line).map_err(|error| {
                let message = format!("`{FILE}` is damaged at byte {whole}: {error}");
                io::Error::new(io::ErrorKind::InvalidData, message)
            })?;
            seen(read.at, read.effects);
            whole += length as u64;
        }
        if file.metadata()?.len() > whole {
            file.set_len(whole)?;
        }
        Ok(Self { file, broken: false })
    }

    /// Writes one call; once this returns it survives the end of the process.
    pub fn write(&mut self, at: i64, effects: &[Effect]) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("an earlier write failed"));
        }
        let mut line = serde_json::to_vec(&Written { at, effects })?;
        line.push(b'\n');
        self.broken = true;
        self.file.write_all(&line)?;
        self.broken = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::audit::Change;
    use super::*;

    fn call(user: &str) -> Vec<Effect> {
        let (user, role) = (user.to_owned(), "rol_1".to_owned());
        vec![Effect::UserRole { verb: Change::Add, user, role }]
    }

    fn read(dir: &Path) -> Vec<(i64, Vec<Effect>)> {
        let mut all = Vec::new();
        Journal::open(dir, |at, effects| all.push((at, effects))).unwrap();
        all
    }

    #[test]
    fn calls_come_back_and_a_torn_one_is_taken_off_wherever_it_was_cut() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(dir.path(), |_, _| ()).unwrap();
        journal.write(5, &call("auth0|a")).unwrap();
        let path = dir.path().join(FILE);
        let first = usize::try_from(std::fs::metadata(&path).unwrap().len()).unwrap();
        journal.write(6, &call("samlp|x|\"é\n")).unwrap();
        assert_eq!(read(dir.path()), [(5, call("auth0|a")), (6, call("samlp|x|\"é\n"))]);
        let bytes = std::fs::read(&path).unwrap();
        for cut in first..bytes.len() {
            File::create(&path).unwrap().write_all(&bytes[..cut]).unwrap();
            assert_eq!(read(dir.path()), [(5, call("auth0|a"))], "cut at {cut}");
            assert_eq!(std::fs::metadata(&path).unwrap().len(), first as u64, "cut at {cut}");
        }
    }

    #[test]
    fn a_damaged_line_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        File::create(dir.path().join(FILE)).unwrap().write_all(b"{\"at\":1}\n").unwrap();
        let failed = Journal::open(dir.path(), |_, _| ()).err().unwrap();
        assert_eq!(failed.kind(), io::ErrorKind::InvalidData);
    }
}
