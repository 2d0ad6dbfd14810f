//! The folder of a run and the facts that never change.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::faults::{self, Op};
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::model::schema::{FieldSchema, SentField};

const MANIFEST: &str = "manifest.json";

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
    /// What the org was called on the command line.
    pub alias: String,
    /// `salesforce` or `auth0`; empty in runs of before there was more than one.
    #[serde(default)]
    pub org_kind: String,
    pub org_id: String,
    pub org_origin: String,
    pub user_id: String,
    pub username: String,
    pub input: String,
    /// Rows passed over, and rows taken at most after them.
    pub skip: u64,
    pub limit: Option<u64>,
    pub chunk_rows: u32,
    pub chunk_bytes: u64,
    /// Header cells of every body.
    pub sent: Vec<String>,
    /// The same columns as the org described them then, without values of picklists.
    #[serde(default)]
    pub fields: Vec<SentField>,
    /// Header cells of the input.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Digest of the input as it lies on disk; `None` for standard input, which is read but once.
    #[serde(default)]
    pub input_digest: Option<Digest>,
    /// The mapping file, from the root of the file system on, and its digest.
    #[serde(default)]
    pub mapping: Option<MappingFile>,
    /// The rows that are not sent with all the others, as their keys repeat.
    #[serde(default)]
    pub duplicates: Option<DuplicateRows>,
    /// The rows that are not sent, as they change nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchanged: Option<UnchangedRows>,
    /// The answers of the mapping's lookups, in the order of the fields that they fill.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lookups: Vec<LookupTable>,
    /// The run whose rows are tried again by this one.
    #[serde(default)]
    pub retry_of: Option<String>,
    /// The run that is taken back by this one.
    #[serde(default)]
    pub undo_of: Option<String>,
    /// The fields whose values are kept before a chunk is sent, without values of picklists; empty
    /// when none are.
    #[serde(default)]
    pub images: Vec<FieldSchema>,
    /// What a person has confirmed, where that was needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Confirmed>,
    /// The digest of the plan that the run carries out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// All that was asked for, as `config::plan` writes it, with paths from the root on; a run
    /// without it cannot be gone on with.
    #[serde(default)]
    pub plan: Option<serde_json::Value>,
}

/// What a person has confirmed before a run was begun in a production org.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Confirmed {
    /// The id of the org.
    pub org: String,
    /// Rows of the input, where something is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

/// A mapping file as it was when the run began.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MappingFile {
    pub path: PathBuf,
    pub digest: Digest,
}

/// The list of rows with the same key that lies in the run folder.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DuplicateRows {
    pub rows: u64,
    pub digest: Digest,
    /// The first column of the key, and all of them as a message names them.
    pub key: String,
    pub names: String,
}

/// The list of rows that change nothing, with the Ids of their records, in the run folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct UnchangedRows {
    pub rows: u64,
    pub digest: Digest,
}

impl UnchangedRows {
    /// The name of the list in the folder of the run: a line `ROW,ID` for each row, ascending.
    pub const FILE: &str = "unchanged.rows";
}

/// What the keys of one lookup came to, in a file of the run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LookupTable {
    /// The header cell of the field that it fills.
    pub field: String,
    /// The object, or the file, that the keys were looked up in.
    pub source: String,
    /// The file, from the run's folder on.
    pub file: PathBuf,
    pub digest: Digest,
    /// Different keys, and what became of them.
    pub distinct: u64,
    pub found: u64,
    pub missing: u64,
    pub many: u64,
}

/// The folders of one run, held by a lock for the life of the process.
#[derive(Debug)]
pub struct RunFolder {
    root: PathBuf,
    _lock: File,
}

impl RunFolder {
    /// Makes `runs_dir/name` and what belongs in it; the name must be new. `since` is the time that
    /// others are told who find the run held.
    pub fn make(runs_dir: &Path, name: &str, since: &str) -> Result<Self, Failure> {
        let root = runs_dir.join(name);
        let first = !runs_dir.exists();
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
        let lock = Lock { path: root.join("lock") };
        let lock = lock.take(OpenOptions::new().create_new(true), since)?;
        // A run whose folder a loss of power takes away would be begun again.
        for (made, path) in [(true, &*root), (first, runs_dir)] {
            if made {
                sync_folder(path).map_err(|error| Failure::disk("sync", path, &error))?;
            }
        }
        Ok(Self { root, _lock: lock })
    }

    /// Whether the run has left anything but its manifest and its ledger.
    pub fn has_traces(&self) -> bool {
        let holds_files = |folder: PathBuf| {
            fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
        };
        [self.sent(), self.raw(), self.out()].into_iter().any(holds_files)
    }

    /// Takes the lock of a run that is there; `root` is its folder.
    ///
    /// The lock is the operating system's and ends with the process, however that ends. A run that
    /// another process holds is blamed as [`Blame::Held`].
    pub fn open(root: &Path, since: &str) -> Result<Self, Failure> {
        if !root.join(MANIFEST).is_file() {
            return Err(no_run(root));
        }
        let lock = Lock { path: root.join("lock") };
        let lock = lock.take(OpenOptions::new().create(true), since)?;
        Ok(Self { root: root.to_owned(), _lock: lock })
    }

    /// Whether a process holds the run whose folder is `root`; for showing only, since it may
    /// change at once.
    pub fn is_held(root: &Path) -> bool {
        let held = |file: File| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
        File::open(root.join("lock")).is_ok_and(held)
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

    /// Answers of lookups; there only if the run has some.
    pub fn lookups(&self) -> PathBuf {
        self.root.join("lookups")
    }

    /// Makes the folder for answers of lookups.
    pub fn make_lookups(&self) -> Result<PathBuf, Failure> {
        let path = self.lookups();
        private_folder(&path).map_err(|error| Failure::disk("create", &path, &error))?;
        Ok(path)
    }

    /// Result files.
    pub fn out(&self) -> PathBuf {
        self.root.join("out")
    }

    /// Writes the manifest and makes it durable.
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<(), Failure> {
        let path = self.root.join(MANIFEST);
        let json = serde_json::to_vec_pretty(manifest)
            .map_err(|error| Failure::disk("write", &path, &error.into()))?;
        write_whole(&path, &json).map_err(|error| Failure::disk("write", &path, &error))
    }
}

impl Manifest {
    /// Reads the manifest in the run folder `root`.
    pub fn read(root: &Path) -> Result<Self, Failure> {
        let path = root.join(MANIFEST);
        let text = fs::read(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => no_run(root),
            _ => Failure::disk("read", &path, &error),
        })?;
        serde_json::from_slice(&text).map_err(|error| {
            Failure::new(Blame::Ledger, format!("`{}` is damaged", path.display())).cause(error)
        })
    }
}

/// The lock file: the lock itself is the operating system's, the text in it is for people.
struct Lock {
    path: PathBuf,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Holder {
    pid: u32,
    since: String,
}

impl Lock {
    fn take(&self, options: &mut OpenOptions, since: &str) -> Result<File, Failure> {
        let disk = |doing, error| Failure::disk(doing, &self.path, &error);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
        faults::point(Op::Create, &self.path).map_err(|error| disk("open", error))?;
        let mut file =
            options.read(true).write(true).open(&self.path).map_err(|e| disk("open", e))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(self.held(&mut file)),
            Err(TryLockError::Error(error)) => return Err(disk("lock", error)),
        }
        let holder = Holder { pid: std::process::id(), since: since.to_owned() };
        let text = serde_json::to_vec(&holder).unwrap_or_default();
        let written = faults::point(Op::Write, &self.path)
            .and_then(|()| file.set_len(0))
            .and_then(|()| file.write_all(&text));
        written.map_err(|error| disk("write", error))?;
        Ok(file)
    }

    /// Who holds it, as far as the file can be read (it cannot on Windows, while it is locked).
    fn held(&self, file: &mut File) -> Failure {
        let run = self.path.parent().unwrap_or(&self.path).display();
        let mut text = Vec::new();
        let read = file.rewind().and_then(|()| file.take(1_000).read_to_end(&mut text));
        let holder = read.ok().and_then(|_| serde_json::from_slice::<Holder>(&text).ok());
        let message = match holder {
            Some(Holder { pid, since }) => {
                let since = since.escape_debug();
                format!("the run `{run}` is held by process {pid}, since {since}")
            }
            None => format!("the run `{run}` is held by another process"),
        };
        Failure::new(Blame::Held, message).hint("wait until that process ends, or stop it")
    }
}

fn no_run(root: &Path) -> Failure {
    Failure::new(Blame::Request, format!("there is no run in `{}`", root.display()))
        .hint("`longshore runs` lists the runs; `--runs-dir DIR` looks elsewhere")
}

/// Makes the folder of all runs, for those who need it before there is a run.
pub fn make_runs_dir(runs_dir: &Path) -> Result<(), Failure> {
    if runs_dir.is_dir() {
        return Ok(());
    }
    private_folders(runs_dir).and_then(|()| sync_folder(runs_dir)).map_err(|error| {
        Failure::disk("create", runs_dir, &error)
            .hint("nothing was sent; name a folder that can be written with `--runs-dir`")
    })
}

/// Writes a file so that it is there whole or not at all: beside, sync, rename, sync the folder.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("part");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = faults::open(&options, &beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    faults::rename(&beside, path)?;
    sync_folder(path)
}

/// Makes the renames and creations beside `path` durable.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() && cfg!(unix) => {
            faults::sync_folder(Path::new("."))
        }
        Some(folder) if cfg!(unix) => faults::sync_folder(folder),
        _ => Ok(()),
    }
}

fn private_folder(path: &Path) -> io::Result<()> {
    faults::create_folder(&folder_builder(), path)
}

fn private_folders(path: &Path) -> io::Result<()> {
    faults::create_folder(folder_builder().recursive(true), path)
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
        let first = RunFolder::make(folder.path(), "friday", "now").unwrap();
        assert!(first.sent().is_dir() && first.raw().is_dir() && first.out().is_dir());
        let failure = RunFolder::make(folder.path(), "friday", "now").unwrap_err();
        assert_eq!(failure.blame, Blame::Request);
    }

    #[test]
    fn a_held_run_is_refused_and_says_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("r");
        assert_eq!(RunFolder::open(&root, "x").unwrap_err().blame, Blame::Request);
        let first = RunFolder::make(folder.path(), "r", "2026-11-22T18:00:00Z").unwrap();
        assert_eq!(RunFolder::open(&root, "x").unwrap_err().blame, Blame::Request, "no manifest");
        write_whole(&root.join(MANIFEST), b"{}").unwrap();
        assert!(RunFolder::is_held(&root));
        let failure = RunFolder::open(&root, "later").unwrap_err();
        assert_eq!(failure.blame, Blame::Held);
        let pid = std::process::id();
        let wanted = format!("is held by process {pid}, since 2026-11-22T18:00:00Z");
        assert!(failure.message.ends_with(&wanted), "{}", failure.message);
        drop(first);
        assert!(!RunFolder::is_held(&root));
        let _again = RunFolder::open(&root, "later").unwrap();
        assert!(fs::read_to_string(root.join("lock")).unwrap().contains("later"));
        assert_eq!(Manifest::read(&root).unwrap_err().blame, Blame::Ledger);
    }

    #[cfg(unix)]
    #[test]
    fn a_run_folder_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let run = RunFolder::make(folder.path(), "r", "now").unwrap();
        let mode = fs::metadata(run.root()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
