//! What runs that are made of other runs have in common: changes of permissions, and runbooks.
//!
//! Such a run has a folder, a manifest and a ledger as any has, and below `steps/` the folders of
//! the runs that carry it out. Each of those is begun once; from the moment that its manifest is
//! there it is only gone on with.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::assent::{Assent, Word};
use super::event::{Event, Summary, Watch};
use crate::faults;
use crate::ledger::{Ledger, Manifest, RunFolder, RunState, sync_folder};
use crate::model::failure::{Blame, Failure};

/// Where the runs below the run in `parent` are.
pub fn steps(parent: &Path) -> PathBuf {
    parent.join("steps")
}

/// Whether a process has begun the run in `root`; from then on it may have sent rows.
pub fn is_begun(root: &Path) -> bool {
    root.join("manifest.json").is_file()
}

/// Whether the run in `root` has come to its end.
pub fn is_closed(root: &Path) -> Result<bool, Failure> {
    let manifest = Manifest::read(root)?;
    let (state, _) = RunState::read(&root.join("ledger.jsonl"), &manifest.run)?;
    Ok(state.closed.is_some())
}

/// The last word of the run in `root`, as it left it.
pub fn last_word(root: &Path) -> Option<Summary> {
    let text = std::fs::read(root.join("out/summary.json")).ok()?;
    serde_json::from_slice(&text).ok()
}

/// Makes a folder and those that it lies in, for their owner only.
pub fn make_folder(path: &Path) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    faults::create_folder(&builder, path).map_err(|error| Failure::disk("create", path, &error))
}

/// Removes what a process has left that ended before it sent anything: a folder without a manifest.
pub fn remove_unborn(root: &Path) -> Result<(), Failure> {
    if !root.exists() || is_begun(root) {
        return Ok(());
    }
    faults::remove_dir_all(root).map_err(|error| Failure::disk("remove", root, &error))
}

/// Makes the ledger and last the manifest, which makes a run of the folder.
pub fn begin(folder: &RunFolder, manifest: &Manifest) -> Result<Ledger, Failure> {
    let path = folder.ledger();
    let ledger = Ledger::create(&path, &manifest.run)
        .map_err(|error| Failure::disk("create", &path, &error))?;
    sync_folder(&path).map_err(|error| Failure::disk("sync the folder of", &path, &error))?;
    folder.write_manifest(manifest)?;
    Ok(ledger)
}

/// The folder of a run that has not come to be: it goes when the command does.
pub struct Unborn(Option<PathBuf>);

impl Unborn {
    pub fn of(folder: &RunFolder) -> Self {
        Self(Some(folder.root().to_owned()))
    }

    /// The run has come to be.
    pub fn is_born(mut self) {
        self.0 = None;
    }
}

impl Drop for Unborn {
    fn drop(&mut self) {
        if let Some(root) = self.0.take()
            && let Err(error) = faults::remove_dir_all(&root)
        {
            tracing::debug!(%error, "The folder of a run that was not begun stays.");
        }
    }
}

/// A ledger that cannot be written ends the run.
pub fn no_ledger(error: &std::io::Error) -> Failure {
    Failure::new(Blame::Disk, format!("cannot write the ledger: {error}"))
}

/// What a run below says went wrong as a whole; its way to go on is not that of the whole.
pub fn failure_of(summary: &Summary) -> Option<Failure> {
    let failure = summary.failure.as_ref()?;
    let mut told = Failure::new(blame_of(summary.exit_code), &failure.message);
    told.hints = failure.hints.iter().filter(|hint| !hint.contains("resume")).cloned().collect();
    Some(told)
}

/// Whose fault an exit code tells of.
pub fn blame_of(exit_code: u8) -> Blame {
    match exit_code {
        4 => Blame::Access,
        5 => Blame::Accounting,
        6 => Blame::Guard,
        8 => Blame::Ledger,
        9 => Blame::Disk,
        75 => Blame::Service,
        130 => Blame::Interrupted,
        _ => Blame::Run,
    }
}

/// What was confirmed for the whole is not asked for again with each run below it.
pub struct Confirmed(pub Arc<dyn Assent>);

impl Assent for Confirmed {
    fn to(&self, doubt: Failure) -> Result<(), Failure> {
        self.0.to(doubt)
    }

    fn typed(&self, _word: &Word<'_>, _danger: Failure) -> Result<(), Failure> {
        Ok(())
    }
}

/// Passes on what a run below does, and not that it begins and ends as a run.
pub struct Within(pub Arc<dyn Watch>);

impl Watch for Within {
    fn see(&self, event: &Event) {
        match event {
            Event::Started { operation, object, .. } => {
                let message = format!("{operation} of `{object}` begins");
                self.0.see(&Event::Notice { message });
            }
            Event::Mapped { .. }
            | Event::Read { .. }
            | Event::InputEnded { .. }
            | Event::Ended { .. } => {}
            other => self.0.see(other),
        }
    }
}
