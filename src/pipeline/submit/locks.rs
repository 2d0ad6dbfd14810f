//! Locks: how many rows of a job failed because a record could not be locked.

use std::io::{self, Read};
use std::path::Path;

use super::results::Received;
use crate::target::ResultFile;

/// What the org says of such a row. Source: the error code of Salesforce.
const NOT_LOCKED: &[u8] = b"UNABLE_TO_LOCK_ROW";

/// Bytes that are looked at in one piece.
const PIECE: usize = 64 << 10;

/// Rows that the results of a job tell it of; a file that cannot be read tells of none.
pub async fn told_in(files: &[Received]) -> u64 {
    let failed = files.iter().find(|file| file.which == ResultFile::Failed && file.rows != Some(0));
    let Some(path) = failed.map(|file| file.path.clone()) else { return 0 };
    let counting = tokio::task::spawn_blocking(move || count(&path));
    counting.await.ok().and_then(Result::ok).unwrap_or(0)
}

/// Times that a file names the code: once in each row that has it.
fn count(path: &Path) -> io::Result<u64> {
    let mut file = std::fs::File::open(path)?;
    let mut piece = vec![0; PIECE];
    let (mut kept, mut found) = (0, 0);
    loop {
        let read = file.read(&mut piece[kept..])?;
        if read == 0 {
            return Ok(found);
        }
        let filled = kept + read;
        found += memchr::memmem::find_iter(&piece[..filled], NOT_LOCKED).count() as u64;
        // One that goes on in the next piece; too short to hold a whole one.
        let from = filled.saturating_sub(NOT_LOCKED.len() - 1);
        piece.copy_within(from..filled, 0);
        kept = filled - from;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn rows_are_counted_wherever_the_pieces_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("failed.csv");
        let row = "\"\",\"UNABLE_TO_LOCK_ROW:unable to obtain exclusive access\",\"x\"\n";
        for (rows, before) in [(0, 0), (1, 0), (5_000, 0), (5_000, 7), (5_000, 65_530)] {
            let text = format!("{}{}", "x".repeat(before), row.repeat(rows));
            std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
            assert_eq!(count(&path).unwrap(), rows as u64, "{before}");
        }
        assert!(count(folder.path()).is_err());
    }
}
