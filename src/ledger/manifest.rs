//! The folder of a run and the facts that never change.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::model::failure::{Blame, Failure};

/// What a run was asked to do, written once before the first call that changes anything. No
/// secrets.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// Version of this program.
    pub version: String,
    pub run: String,
    pub started: String,
    pub operation: String,
    pub object: String,
    pub external_id: Option<String>,
    pub org_id: String,
    pub org_origin: String,
    pub user_id: String,
    pub username: String,
    pub input: String,
    pub chunk_rows: u32,
    pub chunk_bytes: u64,
    /// Header cells of every body.
    pub sent: Vec<String>,
}

/// The folders of one run, held by a lock for the life of the process.
#[derive(Debug)]
pub struct RunFolder {
    root: PathBuf,
    _lock: File,
}

impl RunFolder {
    /// Makes `runs_dir/name` and what belongs in it; the name must be new.
    pub fn make(runs_dir: &Path, name: &str) -> Result<Self, Failure> {
        let root = runs_dir.join(name);
        private_folders(runs_dir).map_err(|error| {
            Failure::disk("create", runs_dir, &error)
                .hint("nothing was sent; name a folder that can be written with `--runs-dir`")
        })?;
        if let Err(error) = private_folder(&root) {
            return Err(match error.kind() {
                io::ErrorKind::AlreadyExists => Failure::new(
                    Blame::Request,
                    format!("a run named `{name}` is already there: `{}`", root.display()),
                )
                .hint("give another `--run-name`"),
                _ => Failure::disk("create", &root, &error),
            });
        }
        for part in ["sent", "raw", "out"] {
            let path = root.join(part);
            private_folder(&path).map_err(|error| Failure::disk("create", &path, &error))?;
        }
        let path = root.join("lock");
        let lock = File::create(&path).map_err(|error| Failure::disk("create", &path, &error))?;
        lock.try_lock().map_err(|error| {
            Failure::new(Blame::Held, format!("cannot lock `{}`: {error}", path.display()))
        })?;
        Ok(Self { root, _lock: lock })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn ledger(&self) -> PathBuf {
        self.root.join("ledger.jsonl")
    }

    /// Bodies and source rows of chunks until they are settled.
    pub fn sent(&self) -> PathBuf {
        self.root.join("sent")
    }

    /// Results as received.
    pub fn raw(&self) -> PathBuf {
        self.root.join("raw")
    }

    /// Result files.
    pub fn out(&self) -> PathBuf {
        self.root.join("out")
    }

    /// Writes the manifest and makes it durable.
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<(), Failure> {
        let path = self.root.join("manifest.json");
        let json = serde_json::to_vec_pretty(manifest).unwrap_or_default();
        write_whole(&path, &json).map_err(|error| Failure::disk("write", &path, &error))
    }
}

/// Writes a file so that it is there whole or not at all: beside, sync, rename, sync the folder.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("part");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    sync_folder(path)
}

/// Makes the renames and creations beside `path` durable.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

fn private_folder(path: &Path) -> io::Result<()> {
    folder_builder().create(path)
}

fn private_folders(path: &Path) -> io::Result<()> {
    folder_builder().recursive(true).create(path)
}

fn folder_builder() -> fs::DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "the mode is set on unix only"))]
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_name_is_used_once() {
        let folder = tempfile::tempdir().unwrap();
        let first = RunFolder::make(folder.path(), "friday").unwrap();
        assert!(first.sent().is_dir() && first.raw().is_dir() && first.out().is_dir());
        let failure = RunFolder::make(folder.path(), "friday").unwrap_err();
        assert_eq!(failure.blame, Blame::Request);
    }

    #[cfg(unix)]
    #[test]
    fn a_run_folder_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::make(folder.path(), "r").unwrap();
        let mode = fs::metadata(run.root()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
