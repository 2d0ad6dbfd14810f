//! What a practice org keeps of another org: describes of objects, and a sample of their records.
//!
//! It lies beside the journal and below it: an org is grown from its seed, then from the sample,
//! then from its journal. `sample/objects/` has a describe for each object, `sample/records.jsonl`
//! the records in the form of the journal, `sample/sample.json` where they are from.
//! [`Sampling`] makes it and knows nothing of how an org is asked.

mod gather;
mod mask;
mod write;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::journal::Journal;
use super::objects::Catalog;
use super::store::Store;

pub use gather::{Question, Refused, Sampling, Wanted};
pub use mask::Key;
pub use write::{Report, Taken};

/// Where a sample comes from and what it is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct About {
    /// What the org is called, and its id; none where nothing was asked of an org.
    pub from: Option<String>,
    pub org_id: Option<String>,
    /// Whether texts about people were replaced.
    pub anonymized: bool,
    pub objects: Vec<String>,
    pub records: u64,
    /// Accounts and what hangs on them are those that every practice org has.
    pub made_up: bool,
}

/// What is kept under a folder; nothing is a practice org as it comes.
pub struct Kept {
    pub catalog: &'static Catalog,
    pub about: Option<About>,
    records: PathBuf,
}

fn dir_of(dir: &Path) -> PathBuf {
    dir.join("sample")
}

/// Whether the practice org under `dir` has a sample of another org.
pub fn is_kept(dir: &Path) -> bool {
    dir_of(dir).join("sample.json").is_file()
}

/// What the practice org under `dir` keeps of another org.
pub fn about(dir: &Path) -> io::Result<Option<About>> {
    match fs::read(dir_of(dir).join("sample.json")) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Forgets what the practice org under `dir` keeps of another org, for one that is to be reset.
pub fn forget(dir: &Path) -> io::Result<bool> {
    let (kept, gone) = (dir_of(dir), dir.join("sample.old"));
    let was = is_kept(dir);
    if kept.exists() {
        // All at once, so that a kill leaves no half of it.
        remove(&gone)?;
        fs::rename(&kept, &gone)?;
    }
    remove(&gone)?;
    Ok(was)
}

fn remove(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl Kept {
    /// Reads what is kept under `dir`, the records aside.
    pub(super) fn read(dir: &Path) -> io::Result<Self> {
        let records = dir_of(dir).join("records.jsonl");
        let Some(about) = about(dir)? else {
            return Ok(Self { catalog: Catalog::built_in(), about: None, records });
        };
        let describes = describes_in(&dir_of(dir).join("objects"))?;
        let catalog = Catalog::with(describes, about.made_up)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(Self { catalog, about: Some(about), records })
    }

    /// Puts the records into a store that has been grown from the seed.
    pub(super) fn replay(&self, store: &mut Store) -> io::Result<()> {
        if self.about.is_none() {
            return Ok(());
        }
        let put = |done: super::journal::Transaction| {
            for (effect, _) in &done.effects {
                store.perform(effect);
            }
        };
        Journal::open_file(&self.records, self.catalog, put).map(drop)
    }
}

/// The describes in a folder, in the order of their names.
fn describes_in(dir: &Path) -> io::Result<Vec<Value>> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<_>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let read = |file: &PathBuf| Ok(serde_json::from_reader(io::BufReader::new(File::open(file)?))?);
    files.iter().map(read).collect()
}

#[cfg(test)]
mod tests;
