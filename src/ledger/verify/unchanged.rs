//! Rows that were left out as they change nothing: those that the files tell of, held against the
//! list that was made before anything was sent.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::Faults;
use super::tables::Table;
use crate::ledger::UnchangedRows;
use crate::model::chunk::Digest;

/// The list, read along with the result files.
#[derive(Debug, Default)]
pub struct Listed {
    lines: Option<io::Lines<BufReader<File>>>,
    head: Option<(u64, String)>,
}

impl Listed {
    /// Opens the list of the run in `root`, if it has one; what is wrong with it is a fault.
    pub fn open(root: &Path, about: Option<&UnchangedRows>, faults: &mut Faults) -> Self {
        let Some(about) = about else { return Self::default() };
        let path = root.join(UnchangedRows::FILE);
        let mut hasher = blake3::Hasher::new();
        let read = File::open(&path).and_then(|mut file| io::copy(&mut file, &mut hasher));
        let again = read.and_then(|_| File::open(&path));
        if again.is_err() || Digest::finish(&hasher) != about.digest {
            faults.add(format!("{} is missing or not as it was written", UnchangedRows::FILE));
        }
        let lines = again.ok().map(|file| BufReader::new(file).lines());
        let mut listed = Self { lines, head: None };
        listed.advance();
        listed
    }

    /// Whether a row was left out; the list and the file must say the same. Rows ascend.
    pub fn has(&mut self, row: u64, table: &Table, faults: &mut Faults) -> bool {
        while self.head.as_ref().is_some_and(|(listed, _)| *listed < row) {
            self.advance();
        }
        let id = self.head.as_ref().filter(|(listed, _)| *listed == row).map(|(_, id)| id);
        let name = table.name;
        match (id, table.is_left_out()) {
            (Some(id), true) if id.as_bytes() == table.id_text() => {}
            (Some(_), true) => {
                faults.add(format!("row {row} was unchanged, and {name} has another Id for it"));
            }
            (Some(_), false) => {
                faults.add(format!("row {row} was unchanged, and {name} does not say so"));
                return false;
            }
            (None, true) => {
                let list = UnchangedRows::FILE;
                faults
                    .add(format!("{name} says that row {row} was unchanged, and {list} does not"));
            }
            (None, false) => return false,
        }
        true
    }

    fn advance(&mut self) {
        let line = self.lines.as_mut().and_then(Iterator::next).and_then(Result::ok);
        self.head = line.and_then(|line| {
            let (row, id) = line.split_once(',')?;
            Some((row.parse().ok()?, id.to_owned()))
        });
    }
}
