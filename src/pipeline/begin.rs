//! The beginning of a run: answers of lookups, rows with the same key, rows that change nothing,
//! folder, ledger, manifest; nothing is sent yet.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::duplicates::{Ahead, Repeats};
use super::event::{Event, Watch};
use super::lookup::{Places, Resolution, list_file, resolve_lookups};
use super::map::Mapping;
use super::run::Tools;
use super::unchanged::Unchanged;
use super::validate::Checks;
use super::{duplicates, lanes, manifest, rounds, unchanged};
use crate::config::plan::{LoadPlan, Source};
use crate::faults::{self, Op};
use crate::ledger::{Ledger, Manifest, RunFolder, sync_folder};
use crate::model::failure::Failure;
use crate::model::limits::LOOKUP_TOLD_BYTES;
use crate::target::Target;

/// A run that is there, with nothing sent.
pub(super) struct Begun {
    pub(super) folder: RunFolder,
    pub(super) ledger: Ledger,
    pub(super) looked_up: Resolution,
    pub(super) repeats: Repeats,
    pub(super) unchanged: Unchanged,
}

/// Looks keys up, looks for rows with the same key and for those that change nothing, makes the
/// folder with what came of it and the ledger in it, and last the manifest, which makes it a run.
///
/// A load that is refused, or a process that ends before the manifest is there, leaves no run.
pub(super) async fn run<T: Target>(
    plan: &mut LoadPlan,
    target: &T,
    (mapping, checks): (&mut Mapping, &Checks),
    ahead: Option<Ahead>,
    manifest: &mut Manifest,
    tools: &Tools,
) -> Result<Begun, Failure> {
    let (desk, mut looked_up) = look_up(plan, target, mapping, &manifest.run, tools).await?;
    // Among the values as they will be sent: two names may be those of one record.
    let opened = (&*mapping, checks);
    let mut rows = duplicates::look(plan, opened, ahead, &manifest.run, tools).await?;
    manifest::same_reading(plan, manifest.input_digest, rows.digest)?;
    rows.set_lanes(plan);
    lanes::decide(plan, target.kind(), mapping, tools).await?;
    plan.rounds = rounds::of(plan, target.kind());
    let look = unchanged::look(plan, target, opened, &mut rows, &manifest.run, tools);
    let mut idle = Box::pin(look).await?;
    manifest::same_reading(plan, manifest.input_digest, idle.digest)?;
    let folder = RunFolder::make(&plan.runs_dir, &manifest.run, &manifest.started)?;
    if let Some(desk) = desk {
        looked_up.move_into(&folder, &desk.places())?;
    }
    rows.write(&folder)?;
    idle.write(&folder)?;
    manifest.lookups.clone_from(&looked_up.tables);
    manifest.duplicates = rows.about();
    manifest.unchanged = idle.about();
    manifest.plan = manifest::asked(plan);
    let ledger = ledger(&folder, manifest)?;
    let repeats = Repeats::open(&folder, manifest.duplicates.as_ref(), plan.on_duplicate)?;
    let unchanged = Unchanged::open(&folder, manifest.unchanged.as_ref())?;
    Ok(Begun { folder, ledger, looked_up, repeats, unchanged })
}

/// Looks keys up, if there are any to be looked up, and refuses the load where its mapping says so.
pub(super) async fn look_up<T: Target>(
    plan: &LoadPlan,
    target: &T,
    mapping: &mut Mapping,
    run: &str,
    tools: &Tools,
) -> Result<(Option<Desk>, Resolution), Failure> {
    if mapping.lookups().next().is_none() {
        return Ok((None, Resolution::default()));
    }
    tell_wait(plan, mapping, &*tools.watch);
    let desk = Desk::make(&plan.runs_dir, run)?;
    let looked_up = resolve_lookups(plan, target, mapping, &desk.places(), &tools.stop).await?;
    let Some(mut refusal) = looked_up.refusal() else { return Ok((Some(desk), looked_up)) };
    let list = list_file(&plan.runs_dir, run);
    match faults::rename(&desk.places().list, &list) {
        Ok(()) => {
            let list = list.display();
            refusal = refusal.hint(format!("all keys without an answer are in {list}"));
        }
        Err(error) => tracing::debug!(%error, "the list of keys cannot be kept"),
    }
    Err(refusal)
}

/// Says what the wait is for, where there will be one.
fn tell_wait(plan: &LoadPlan, mapping: &Mapping, watch: &dyn Watch) {
    let Source::File(path) = &plan.input.source else { return };
    if std::fs::metadata(path).is_ok_and(|about| about.len() >= LOOKUP_TOLD_BYTES) {
        let fields: Vec<String> =
            mapping.lookups().map(|lookup| format!("`{}`", lookup.field)).collect();
        let fields = fields.join(", ");
        let message = format!("the keys of {fields} are looked up before anything is sent");
        watch.see(&Event::Notice { message });
    }
}

/// Where there is a manifest, there is a ledger, also after a loss of power: one that is missing
/// was taken away, and a run without it cannot be gone on with.
fn ledger(folder: &RunFolder, manifest: &Manifest) -> Result<Ledger, Failure> {
    let path = folder.ledger();
    let ledger = Ledger::create(&path, &manifest.run)
        .map_err(|error| Failure::disk("create", &path, &error))?;
    sync_folder(&path).map_err(|error| Failure::disk("sync the folder of", &path, &error))?;
    folder.write_manifest(manifest)?;
    Ok(ledger)
}

/// Where lookups are made before there is a run: beside the runs, gone in the end.
///
/// In the folder of the run it would hold the name of a run that may never be.
pub(super) struct Desk {
    path: PathBuf,
    /// Held as long as the process lives, so that what a killed one has left is told from this.
    lock: Option<File>,
}

impl Desk {
    fn make(runs_dir: &Path, run: &str) -> Result<Self, Failure> {
        let first = !runs_dir.exists();
        let path = runs_dir.join(format!(".lookups-{run}-{}", std::process::id()));
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        faults::create_folder(&builder, &path).map_err(|error| {
            Failure::disk("create", &path, &error)
                .hint("nothing was sent; name a folder that can be written with `--runs-dir`")
        })?;
        // From here on it is gone in the end, also where what follows fails.
        let mut desk = Self { path, lock: None };
        if first {
            // The run's folder is made in it later, and finds it there.
            sync_folder(runs_dir).map_err(|error| Failure::disk("sync", runs_dir, &error))?;
        }
        let held = lock(&desk.path).map_err(|error| Failure::disk("lock", &desk.path, &error))?;
        desk.lock = Some(held);
        Ok(desk)
    }

    fn places(&self) -> Places {
        Places { tables: self.path.clone(), list: self.path.join("lookups.csv") }
    }
}

fn lock(folder: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let path = folder.join("lock");
    faults::point(Op::Create, &path)?;
    let file = options.open(&path)?;
    file.lock()?;
    Ok(file)
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.lock = None;
        if let Err(error) = faults::remove_dir_all(&self.path) {
            tracing::debug!(%error, "files of lookups stay");
        }
    }
}
