//! Duplicates: rows with the same key, found before anything is sent.
//!
//! Two rows that name one record fail together when the far side takes them in one transaction,
//! and otherwise the one that is taken last wins, which need not be the later one of the file.
//! Source: `docs/decisions/0015-duplicates.md`.
//!
//! [`look`] reads the input once more, ahead of the conveyor, and what it decides lies in the run
//! folder ([`Repeats`]) before a job is made: a later process of the run decides nothing anew.

mod key;
mod list;
mod prints;
mod sort;
mod survey;
mod tell;

use std::time::SystemTime;

pub use self::key::{RowKey, Unasked, unasked};
pub use self::list::{Repeats, Tied};

use self::sort::{Room, Sorted};
use self::survey::Survey;
use super::event::{Event, Watch};
use super::map::Mapping;
use super::run::Tools;
use super::threads::on_thread;
use super::validate::Checks;
use crate::config::plan::{LoadPlan, OnDuplicate, Source};
use crate::faults;
use crate::ledger::{DuplicateRows, RunFolder, make_runs_dir};
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::model::limits::SEPARATE_CUTS_MAX;

/// What becomes of rows with the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    Asked(OnDuplicate),
    /// Nobody asked for anything, and the far side takes such rows without harm.
    Send,
}

/// What a look at the input came to.
#[derive(Debug, Default)]
pub struct Looked {
    /// The digest of the input, when it was read to its end for this.
    pub digest: Option<Digest>,
    decided: Option<Decided>,
}

/// The rows that are not sent with all the others.
#[derive(Debug)]
struct Decided {
    pairs: Sorted,
    about: DuplicateRows,
    separate: bool,
}

impl Looked {
    /// Gives the plan the lanes that the rows allow: jobs whose order counts go one at a time.
    pub fn set_lanes(&self, plan: &mut LoadPlan) {
        if let Some(Decided { separate: true, .. }) = &self.decided {
            plan.parallel = 1;
        }
    }

    /// What the manifest tells of the list.
    pub fn about(&self) -> Option<DuplicateRows> {
        self.decided.as_ref().map(|decided| decided.about.clone())
    }

    /// Makes the list durable in the folder of the run.
    pub fn write(&mut self, folder: &RunFolder) -> Result<(), Failure> {
        match &mut self.decided {
            Some(decided) => list::write(&list::place(folder), &mut decided.pairs),
            None => Ok(()),
        }
    }

    /// The rows that are sent one after the other, as they have the same key.
    pub fn tied(&mut self) -> Result<Tied, Failure> {
        let mut tied = Tied::default();
        if let Some(Decided { separate: true, pairs, .. }) = &mut self.decided {
            let mut walk = pairs.walk()?;
            while let Some([row, other, _]) = walk.next()? {
                tied.add(row);
                tied.add(other);
            }
        }
        Ok(tied)
    }

    /// The list for somebody who only looks: it loses its name as soon as it is open.
    pub fn passing(&mut self, plan: &LoadPlan, name: &str) -> Result<Repeats, Failure> {
        let Some(decided) = &mut self.decided else { return Ok(Repeats::default()) };
        make_runs_dir(&plan.runs_dir)?;
        let path = plan.runs_dir.join(format!(".{name}-duplicates"));
        list::write(&path, &mut decided.pairs)?;
        let opened = Repeats::open_at(path.clone(), &decided.about, plan.on_duplicate);
        faults::remove_file(&path).map_err(|error| Failure::disk("remove", &path, &error))?;
        opened
    }
}

/// Refuses a policy for an input that cannot be read twice.
pub fn can_look(plan: &LoadPlan) -> Result<(), Failure> {
    let (Source::Stdin, Some(policy)) = (&plan.input.source, plan.on_duplicate) else {
        return Ok(());
    };
    let message = format!(
        "`--on-duplicate {}` reads the rows twice, and standard input is read but once",
        policy.word()
    );
    Err(Failure::new(Blame::Request, message)
        .hint("write the rows to a file first, and name the file")
        .hint("or leave the option out: duplicates are not looked for then"))
}

/// The first way through the input for [`look`], gone before anybody has said yes: it decides
/// nothing, and gives the digest of the input besides, which is needed so early.
#[derive(Debug)]
pub struct Ahead {
    /// Missing where the input was not read to its end.
    pub digest: Option<Digest>,
    repeated: Sorted,
    state: Option<State>,
}

/// What is told of a file without reading it: its length, and when it was written last.
type State = (u64, SystemTime);

fn state(plan: &LoadPlan) -> Option<State> {
    let Source::File(path) = &plan.input.source else { return None };
    let about = std::fs::metadata(path).ok()?;
    Some((about.len(), about.modified().ok()?))
}

/// Reads the input ahead of [`look`], where no answer of the org changes what its keys are.
///
/// `None` where there are no keys to be seen, or the input cannot be read: [`look`] says why.
pub async fn read_ahead(
    plan: &LoadPlan,
    (mapping, checks): (&Mapping, &Checks),
    run: &str,
    tools: &Tools,
) -> Option<Ahead> {
    if plan.input.source == Source::Stdin || mapping.lookups().next().is_some() {
        return None;
    }
    let key = key_of(plan, mapping)?;
    let work = Work::new(plan, (mapping, checks), run, tools, key);
    on_thread("looking for duplicates", move || work.read_ahead()).await.ok()
}

/// Looks for rows with the same key, and decides about them as the plan says.
///
/// `run` is what the run will be called. `Err` means that the load is refused and nothing was sent.
pub async fn look(
    plan: &LoadPlan,
    opened: (&Mapping, &Checks),
    ahead: Option<Ahead>,
    run: &str,
    tools: &Tools,
) -> Result<Looked, Failure> {
    let Some(key) = key_of(plan, opened.0) else {
        if plan.on_duplicate.is_some_and(|policy| policy != OnDuplicate::Refuse) {
            notice(&*tools.watch, tell::no_key(plan));
        }
        return Ok(Looked::default());
    };
    let work = Work::new(plan, opened, run, tools, key);
    if plan.input.source == Source::Stdin {
        if work.policy != Policy::Send {
            notice(&*tools.watch, tell::not_looked(&work.key));
        }
        return Ok(Looked::default());
    }
    on_thread("looking for duplicates", move || work.done(ahead)).await
}

fn key_of(plan: &LoadPlan, mapping: &Mapping) -> Option<RowKey> {
    RowKey::of(plan.operation, &plan.object, plan.external_id.as_deref(), &mapping.sent)
}

struct Work {
    plan: LoadPlan,
    mapping: Mapping,
    checks: Checks,
    run: String,
    tools: Tools,
    key: RowKey,
    policy: Policy,
}

impl Work {
    fn new(
        plan: &LoadPlan,
        (mapping, checks): (&Mapping, &Checks),
        run: &str,
        tools: &Tools,
        key: RowKey,
    ) -> Self {
        let policy = match plan.on_duplicate {
            Some(policy) => Policy::Asked(policy),
            None if key.harmless => Policy::Send,
            None => Policy::Asked(OnDuplicate::Refuse),
        };
        Self {
            plan: plan.clone(),
            mapping: mapping.clone(),
            checks: checks.clone(),
            run: run.to_owned(),
            tools: tools.clone(),
            key,
            policy,
        }
    }

    fn survey<'a>(&'a self, room: &'a Room) -> Survey<'a> {
        Survey {
            plan: &self.plan,
            mapping: &self.mapping,
            checks: &self.checks,
            key: &self.key,
            policy: self.policy,
            room,
            stop: &self.tools.stop,
            digest: None,
        }
    }

    fn read_ahead(&self) -> Result<Ahead, Failure> {
        let state = state(&self.plan);
        let room = Room::new(self.plan.runs_dir.clone(), &self.run);
        let mut survey = self.survey(&room);
        let repeated = survey.repeated()?;
        Ok(Ahead { digest: survey.digest, repeated, state })
    }

    fn done(self, ahead: Option<Ahead>) -> Result<Looked, Failure> {
        let room = Room::new(self.plan.runs_dir.clone(), &self.run);
        let mut survey = self.survey(&room);
        // People were asked in between, and a file may be written while they think.
        let ahead = ahead.filter(|ahead| ahead.state.is_some() && ahead.state == state(&self.plan));
        let repeated = match ahead {
            Some(Ahead { digest, repeated, .. }) => {
                survey.digest = digest;
                repeated
            }
            None => survey.repeated()?,
        };
        let found = survey.found(repeated)?;
        let Some(mut found) = found else {
            return Ok(Looked { digest: survey.digest, decided: None });
        };
        let watch = &*self.tools.watch;
        let separate = match self.policy {
            Policy::Asked(OnDuplicate::Refuse) => {
                return Err(tell::refuse(&mut survey, &mut found, &self.run));
            }
            Policy::Send => {
                notice(watch, tell::sent_all_the_same(&self.key, &found));
                return Ok(Looked { digest: survey.digest, decided: None });
            }
            Policy::Asked(OnDuplicate::KeepFirst | OnDuplicate::KeepLast) => {
                notice(watch, tell::left_out(&self.key, &found));
                false
            }
            Policy::Asked(OnDuplicate::Separate) if found.cuts > SEPARATE_CUTS_MAX => {
                return Err(tell::too_many_jobs(&self.key, &found));
            }
            Policy::Asked(OnDuplicate::Separate) => {
                notice(watch, tell::separate(&self.key, &found));
                true
            }
        };
        let about = DuplicateRows {
            rows: found.rows,
            digest: found.digest,
            key: self.key.first_name().to_owned(),
            names: self.key.names(),
        };
        let decided = Decided { pairs: found.pairs, about, separate };
        Ok(Looked { digest: survey.digest, decided: Some(decided) })
    }
}

fn notice(watch: &dyn Watch, message: String) {
    watch.see(&Event::Notice { message });
}
