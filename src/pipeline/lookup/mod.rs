//! Lookups: from the keys of the input to tables of their answers, before anything is sent.
//!
//! ```text
//! input ─ collect ─▶ keys ─ ask ─▶ what was found ─ join ─▶ tables, and a list of the unresolved
//! ```
//!
//! A first pass over the input maps its rows and collects the keys, each once. Then the far side is
//! asked for all of them in bulk, or a file is read. Keys and finds are sorted on disk and joined,
//! so memory does not grow with either. The tables are durable and their digests stand in the
//! manifest before it is written: whoever goes on with the run maps with the very same answers, and
//! asks nothing. Nothing is sent here that changes anything.

mod ask;
mod join;
mod keys;
pub mod near;
pub mod sort;
mod tables;
mod tell;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::ask::{Finds, Sieve};
use self::keys::{Key, Keys};
use self::near::Near;
use self::sort::{Sorted, Sorter};
use super::answers::{Answers, Found};
use super::map::{LookupSlot, Mapping};
use super::stop::Stop;
use super::threads::on_thread;
use crate::config::mapping::{LookupFrom, MappingSpec};
use crate::config::plan::{LoadPlan, Source};
use crate::faults;
use crate::ledger::{LookupTable, RunFolder, sync_folder};
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::model::schema::FieldSchema;
use crate::target::Target;

pub use self::tell::list_file;

/// Where the results of lookups go; both folders must be there.
#[derive(Debug, Clone)]
pub struct Places {
    /// For the tables; [`Resolution::move_into`] brings them into the folder of a run.
    pub tables: PathBuf,
    /// For the list of keys without an answer; written only if there are such.
    pub list: PathBuf,
}

/// What the lookups of a load came to.
#[derive(Debug, Clone, Default)]
pub struct Resolution {
    /// One for each lookup, in the order of the fields.
    pub lookups: Vec<Resolved>,
    /// The tables, for the manifest; in the same order.
    pub tables: Vec<LookupTable>,
    /// The list of keys without an answer, if there are such.
    pub list: Option<PathBuf>,
}

/// What one lookup came to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Resolved {
    /// The field that it fills.
    pub field: String,
    /// The object that was asked, or the file that was read.
    pub object: String,
    /// What the keys are compared with, such as `User.Username`.
    pub by: String,
    /// Different keys of the input; those that are ids already are not among them.
    pub distinct: u64,
    pub found: u64,
    pub missing: u64,
    pub many: u64,
    /// Rows that have such keys, and what becomes of them, such as `rejected`.
    pub missing_rows: u64,
    pub many_rows: u64,
    pub on_missing: String,
    pub on_many: String,
    /// Digest of the keys and their answers; near keys are no part of it.
    pub digest: Digest,
    /// Calls that it took.
    pub calls: u64,
    /// The first keys without an answer, by row.
    pub examples: Vec<Unresolved>,
    /// Whether such keys refuse the load.
    pub refuses: bool,
}

/// A key without an answer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Unresolved {
    pub key: String,
    pub rows: u64,
    pub first_row: u64,
    /// Whether it finds more than one, and not none.
    pub ambiguous: bool,
    /// What is wrong with it, for people; with the nearest keys or what it finds.
    pub message: String,
}

/// Looks up all keys of the rows that the plan takes, and gives the mapping its answers.
///
/// Keys without an answer are part of what comes back, whatever is to become of them;
/// [`Resolution::refusal`] says whether they refuse the load. `Err` is a question that could not be
/// asked, or the wish to stop. Nothing is sent that changes anything, so a plan may call this too.
pub async fn resolve_lookups<T: Target>(
    plan: &LoadPlan,
    target: &T,
    mapping: &mut Mapping,
    places: &Places,
    stop: &Stop,
) -> Result<Resolution, Failure> {
    let lookups: Vec<LookupSlot> = mapping.lookups().cloned().collect();
    if lookups.is_empty() {
        return Ok(Resolution::default());
    }
    twice_readable(plan)?;
    let work = sort::Work::make(places.tables.join("work"))?;
    let asking = Asking { target, lookups, work: &work.0, stop };
    let fields = asking.fields().await?;
    let (keys, finds, distinct) = asking.collect(plan, mapping).await?;
    let (found, mut calls) = asking.find(&keys, &fields, finds, &distinct).await?;
    let (keys, found) = (Arc::new(keys), Arc::new(found));
    let near = asking.near(&keys, &found, &fields, &mut calls).await?;

    let (lookups, places) = (asking.lookups, places.clone());
    let (scratch, counts) = (work.0.clone(), calls);
    let tables = move || {
        let write = tables::Write { lookups: &lookups, keys: &keys, found: &found, near: &near };
        write.all(&places, &scratch, &counts)
    };
    let (resolution, answers) = off_the_loop(tables).await?;
    mapping.attach(answers);
    Ok(resolution)
}

impl Resolution {
    /// Moves tables and list into the folder of a run, durably.
    pub fn move_into(&mut self, folder: &RunFolder, from: &Places) -> Result<(), Failure> {
        let into = folder.make_lookups()?;
        let moved = |from: PathBuf, to: PathBuf| {
            faults::rename(&from, &to).map_err(|error| Failure::disk("write", &to, &error))
        };
        for table in &self.tables {
            let name = table.file.file_name().unwrap_or_default();
            moved(from.tables.join(name), into.join(name))?;
        }
        if let Some(list) = &mut self.list {
            let to = folder.out().join("lookups.csv");
            moved(std::mem::replace(list, to.clone()), to)?;
        }
        for made in [into.join("1.table"), into] {
            sync_folder(&made).map_err(|error| Failure::disk("sync", &made, &error))?;
        }
        Ok(())
    }
}

/// Gives a mapping the answers that an earlier process has found; `root` is the run's folder.
///
/// A table that is missing or not as it was is a refusal: its rows would be decided otherwise.
pub fn reopen(root: &Path, tables: &[LookupTable], mapping: &mut Mapping) -> Result<(), Failure> {
    let lookups = mapping.lookups().count();
    let mut answers = Vec::new();
    for table in tables {
        let path = root.join(&table.file);
        let opened = Answers::open(&path).map_err(|error| {
            let text = format!("the answers of a lookup cannot be read: `{}`", path.display());
            Failure::new(Blame::Ledger, text).cause(error)
        });
        let (table_found, digest) = opened?;
        if digest != table.digest {
            let text = format!(
                "the answers of a lookup are not what they were when the run began: `{}`",
                path.display()
            );
            return Err(Failure::new(Blame::Ledger, text)
                .cause(format!("digest then {}", table.digest))
                .cause(format!("digest now {digest}"))
                .hint("restore the run folder from a copy"));
        }
        answers.push(Arc::new(table_found));
    }
    if answers.len() != lookups {
        let text = format!("the run has answers of {} lookups, and needs {lookups}", answers.len());
        return Err(Failure::new(Blame::Ledger, text));
    }
    mapping.attach(answers);
    Ok(())
}

/// Standard input can be read but once, and keys must be known before the first row is sent.
pub fn twice_readable(plan: &LoadPlan) -> Result<(), Failure> {
    let looks_up = plan.mapping.as_ref().is_some_and(MappingSpec::looks_up);
    if !looks_up || plan.input.source != Source::Stdin {
        return Ok(());
    }
    let message = "lookups read the rows before they are sent, and standard input passes but once";
    Err(Failure::new(Blame::Request, message)
        .hint("save the rows to a file, and name that instead of `-`"))
}

/// The questions of a load.
struct Asking<'a, T> {
    target: &'a T,
    lookups: Vec<LookupSlot>,
    work: &'a Path,
    stop: &'a Stop,
}

impl<T: Target> Asking<'_, T> {
    /// The fields that each lookup compares; none for a file.
    async fn fields(&self) -> Result<Vec<Vec<FieldSchema>>, Failure> {
        let described = self.unless_stopped(ask::describe(self.target, &self.lookups)).await?;
        let fields = self.lookups.iter().map(|slot| match &slot.lookup.from {
            LookupFrom::Object { object, .. } => match described.get(&object.to_lowercase()) {
                Some(described) => ask::fields_of(slot, described),
                None => Err(ask::no_object(slot, object)),
            },
            LookupFrom::File { .. } | LookupFrom::Step { .. } => Ok(Vec::new()),
        });
        fields.collect()
    }

    /// The keys of the input, what tells them from others, and how many each lookup has.
    async fn collect(
        &self,
        plan: &LoadPlan,
        mapping: &Mapping,
    ) -> Result<(Sorted, Finds, Vec<u64>), Failure> {
        let (plan, mapping) = (plan.clone(), mapping.clone());
        let (work, stop) = (self.work.to_owned(), self.stop.clone());
        let mut distinct = vec![0; self.lookups.len()];
        off_the_loop(move || {
            let keys = keys::collect(&plan, &mapping, &work, &stop)?;
            let mut sieve = Sieve::new();
            let disk = |error| Failure::disk("read in", &work, &error);
            let mut reader = Keys::of(&keys, None).map_err(disk)?;
            let mut key = Key::default();
            while reader.next_key(&mut key).map_err(disk)? {
                sieve.add(&key.print);
                distinct[key.lookup] += 1;
            }
            let sorter = Sorter::new(&work, "found", sort::once);
            Ok((keys, Finds::new(sorter, sieve), distinct))
        })
        .await
    }

    /// All that is found for the keys, and the calls that each lookup took.
    async fn find(
        &self,
        keys: &Sorted,
        fields: &[Vec<FieldSchema>],
        mut finds: Finds,
        distinct: &[u64],
    ) -> Result<(Sorted, Vec<u64>), Failure> {
        let mut calls = vec![0; self.lookups.len()];
        for (number, slot) in self.lookups.iter().enumerate() {
            if distinct[number] == 0 {
                continue;
            }
            if keys::asks(&slot.lookup.from) {
                let before = self.target.usage().calls;
                let (lookup, fields) = ((number, slot), &fields[number]);
                let asked =
                    ask::in_object(self.target, lookup, fields, keys, self.work, &mut finds);
                self.unless_stopped(asked).await?;
                calls[number] = self.target.usage().calls.saturating_sub(before);
            } else {
                let slot = slot.clone();
                finds =
                    off_the_loop(move || ask::in_file((number, &slot), &mut finds).map(|()| finds))
                        .await?;
            }
        }
        let work = self.work.to_owned();
        let sorted = off_the_loop(move || {
            finds.sorter.finish().map_err(|error| Failure::disk("write in", &work, &error))
        });
        Ok((sorted.await?, calls))
    }

    /// What is near to the first keys that were not found.
    async fn near(
        &self,
        keys: &Arc<Sorted>,
        found: &Arc<Sorted>,
        fields: &[Vec<FieldSchema>],
        calls: &mut [u64],
    ) -> Result<tables::Told, Failure> {
        let (lookups, keys, found) = (self.lookups.clone(), Arc::clone(keys), Arc::clone(found));
        let missing = off_the_loop(move || missing(&lookups, &keys, &found)).await?;
        let mut told = Vec::new();
        for (number, mut near) in missing.into_iter().enumerate() {
            let slot = &self.lookups[number];
            if keys::asks(&slot.lookup.from) && !near.is_empty() {
                let before = self.target.usage().calls;
                let asked =
                    ask::near_in_object(self.target, slot, &fields[number], self.work, &mut near);
                // A courtesy: without it the keys are missing all the same.
                match self.unless_stopped(asked).await {
                    Err(stopped) if stopped.blame == Blame::Interrupted => return Err(stopped),
                    Err(failure) => tracing::debug!(%failure, "no near keys"),
                    Ok(()) => {}
                }
                calls[number] += self.target.usage().calls.saturating_sub(before);
            } else if !near.is_empty() {
                let slot = slot.clone();
                near = off_the_loop(move || ask::near_in_file(&slot, &mut near).map(|()| near))
                    .await?;
            }
            told.push(near.told());
        }
        Ok(told)
    }

    async fn unless_stopped<A>(
        &self,
        asked: impl Future<Output = Result<A, Failure>>,
    ) -> Result<A, Failure> {
        tokio::select! {
            answer = asked => answer,
            () = self.stop.asked() => Err(keys::stopped()),
        }
    }
}

/// The first keys of each lookup that were not found.
fn missing(lookups: &[LookupSlot], keys: &Sorted, found: &Sorted) -> Result<Vec<Near>, Failure> {
    let disk =
        |error| Failure::new(Blame::Disk, format!("cannot read the keys of a lookup: {error}"));
    let mut missing: Vec<Near> = lookups.iter().map(|_| Near::default()).collect();
    let mut join = join::Join::of(lookups, keys, found).map_err(disk)?;
    while let Some(joined) = join.next().map_err(disk)? {
        if joined.found == Found::Missing {
            let key = &joined.key;
            missing[key.lookup].want(key.first_row, key.print, &key.text);
        }
    }
    Ok(missing)
}

/// Work that reads and sorts files does not hold up the loop.
async fn off_the_loop<A: Send + 'static>(
    work: impl FnOnce() -> Result<A, Failure> + Send + 'static,
) -> Result<A, Failure> {
    on_thread("lookups", work).await
}
