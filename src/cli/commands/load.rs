//! `insert`, `update`, `upsert`, `delete`, `hard-delete`.

use std::sync::Arc;

use super::print;
use crate::cli::args::{Delete, Insert, Load, Update, Upsert};
use crate::cli::org::{self, Choice};
use crate::cli::resolve::{self, Extra, Faults};
use crate::cli::shell::Shell;
use crate::cli::{failure, signals};
use crate::config::project::Defaults;
use crate::model::failure::{Blame, Failure};
use crate::model::operation::Operation;
use crate::pipeline::event::{Event, Status, Summary, Watch};
use crate::pipeline::run::{self, Seed};
use crate::pipeline::stop::Stop;
use crate::report::{Show, summary};

const BEFORE_SENDING: &str = "interrupted before anything was sent";

/// What the five commands have in common once they are told apart.
pub struct Asked<'a> {
    pub operation: Operation,
    pub load: &'a Load,
    pub extra: Extra<'a>,
}

impl<'a> From<&'a Insert> for Asked<'a> {
    fn from(insert: &'a Insert) -> Self {
        Self { operation: Operation::Insert, load: &insert.load, extra: Extra::default() }
    }
}

impl<'a> From<&'a Update> for Asked<'a> {
    fn from(update: &'a Update) -> Self {
        let extra = Extra { nulls: update.nulls, ..Extra::default() };
        Self { operation: Operation::Update, load: &update.load, extra }
    }
}

impl<'a> From<&'a Upsert> for Asked<'a> {
    fn from(upsert: &'a Upsert) -> Self {
        let Upsert { update, external_id } = upsert;
        let extra = Extra { nulls: update.nulls, external_id: Some(external_id) };
        Self { operation: Operation::Upsert, load: &update.load, extra }
    }
}

impl<'a> Asked<'a> {
    /// A delete, into the recycle bin or past it.
    pub fn delete(delete: &'a Delete, operation: Operation) -> Self {
        Self { operation, load: &delete.load, extra: Extra::default() }
    }
}

/// Carries out a load and returns the exit code of its summary.
///
/// With `--json` a refusal has a document too, so that a script always gets one.
pub async fn load(asked: &Asked<'_>, shell: &Shell) -> Result<u8, Failure> {
    let manners = &asked.load.manners;
    let show = shell.show(manners, &asked.load.progress);
    let result = summarized(asked, shell, &show).await;
    show.close();
    match result {
        Ok(summary) => {
            end(&summary, asked.load, shell)?;
            Ok(summary.exit_code)
        }
        Err(failure) => {
            if manners.json {
                let document = refusal(asked, &failure, shell);
                print(&shell.out, &summary::document(&document))?;
            }
            Err(failure)
        }
    }
}

async fn summarized(
    asked: &Asked<'_>,
    shell: &Shell,
    show: &Arc<dyn Show>,
) -> Result<Summary, Failure> {
    let defaults = Defaults::read(&shell.dir)?;
    let alias = resolve::target_org(asked.load.connect.target_org.as_deref(), &defaults);
    let plan = resolve::load_plan(asked.operation, asked.load, asked.extra, &defaults);
    let choice = Choice::of(alias, &shell.environment);
    let (plan, choice) = both(plan, choice)?;
    let stop = Stop::new();
    listen(&stop, show)?;
    let watch: Arc<dyn Watch> = Arc::clone(show) as Arc<dyn Watch>;
    let work = async {
        let target = tokio::select! {
            target = org::connect(choice, shell, Arc::clone(&watch)) => target?,
            () = stop.asked() => return Err(signals::interrupted(BEFORE_SENDING)),
        };
        let seed = Seed { started: (shell.now)(), random: low_half(org::random()) };
        let alias = choice.alias().to_owned();
        run::load(plan, target, alias, watch, stop.clone(), seed).await
    };
    signals::within(&stop, work).await
}

/// Both, or all that is wrong with either.
fn both<A, B>(plan: Result<A, Faults>, choice: Result<B, Failure>) -> Result<(A, B), Faults> {
    match (plan, choice) {
        (Ok(plan), Ok(choice)) => Ok((plan, choice)),
        (Ok(_), Err(fault)) => Err(Faults(vec![fault])),
        (Err(faults), Ok(_)) => Err(faults),
        (Err(Faults(mut faults)), Err(fault)) => {
            faults.push(fault);
            Err(Faults(faults))
        }
    }
}

/// Lets the first Ctrl-C ask `stop`, and says so where the run is shown.
pub fn listen(stop: &Stop, show: &Arc<dyn Show>) -> Result<(), Failure> {
    let told = Arc::clone(show);
    let tell = move || {
        let message = "interrupted: nothing new is started, and what runs is noted; once more \
                       ends at once";
        told.see(&Event::Notice { message: message.to_owned() });
    };
    signals::listen(stop.clone(), tell)
        .map_err(|error| Failure::new(Blame::Run, format!("cannot listen to signals: {error}")))
}

/// The last screen, or the document.
fn end(summary: &Summary, load: &Load, shell: &Shell) -> Result<(), Failure> {
    let manners = &load.manners;
    if manners.json {
        return print(&shell.out, &summary::document(summary));
    }
    if load.progress.quiet && summary.status == Status::Succeeded {
        return Ok(());
    }
    let screen = summary::screen(summary, &shell.dir, shell.out_paint(manners.color));
    print(&shell.out, &screen)
}

fn refusal(asked: &Asked<'_>, failure: &Failure, shell: &Shell) -> Summary {
    let load = asked.load;
    let words = load.words();
    let object = load.sobject.as_deref().or(words.first().copied()).unwrap_or_default();
    let alias = load.connect.target_org.as_deref().unwrap_or_default();
    failure::summary(failure, asked.operation.word(), object, alias, shell)
}

fn low_half(number: u64) -> u32 {
    u32::try_from(number & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}
