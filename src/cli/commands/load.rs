//! `insert`, `update`, `upsert`, `delete`, `hard-delete`, `undelete`.

use crate::cli::args::{Confirm, Delete, Insert, Load, Undelete, Update, Upsert};
use crate::cli::failure;
use crate::cli::org::{self, Choice};
use crate::cli::resolve::{self, Extra, Faults};
use crate::cli::session::{Asking, Session};
use crate::cli::shell::Shell;
use crate::config::plan::{LoadPlan, Source};
use crate::config::project::Defaults;
use crate::model::failure::Failure;
use crate::model::operation::Operation;
use crate::pipeline::event::Summary;
use crate::pipeline::run;

/// What the six commands have in common once they are told apart.
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

impl<'a> From<&'a Undelete> for Asked<'a> {
    fn from(undelete: &'a Undelete) -> Self {
        Self { operation: Operation::Undelete, load: &undelete.load, extra: Extra::default() }
    }
}

impl<'a> From<&'a Update> for Asked<'a> {
    fn from(update: &'a Update) -> Self {
        let extra = Extra::of_update(update.changing, None);
        Self { operation: Operation::Update, load: &update.load, extra }
    }
}

impl<'a> From<&'a Upsert> for Asked<'a> {
    fn from(upsert: &'a Upsert) -> Self {
        let Upsert { update, external_id } = upsert;
        let extra = Extra::of_update(update.changing, Some(external_id));
        Self { operation: Operation::Upsert, load: &update.load, extra }
    }
}

impl<'a> Asked<'a> {
    /// A delete, into the recycle bin or past it.
    pub fn delete(delete: &'a Delete, operation: Operation) -> Self {
        let extra = Extra { before_images: delete.before_images, ..Extra::default() };
        Self { operation, load: &delete.load, extra }
    }
}

/// Carries out a load and returns the exit code of its summary.
pub async fn load(asked: &Asked<'_>, shell: &Shell) -> Result<u8, Failure> {
    let session = Session::begin(shell, &asked.load.manners, &asked.load.progress);
    let result = summarized(asked, shell, &session).await;
    session.end(result, |failure| refusal(asked, failure, shell))
}

async fn summarized(
    asked: &Asked<'_>,
    shell: &Shell,
    session: &Session<'_>,
) -> Result<Summary, Failure> {
    let defaults = Defaults::read(&shell.dir)?;
    let alias = resolve::target_org(asked.load.connect.target_org.as_deref(), &defaults);
    let plan = resolve::load_plan(asked.operation, asked.load, asked.extra, &defaults);
    let choice = Choice::of(alias, &shell.environment);
    let (plan, choice) = both(plan, choice)?;
    carry_out(plan, choice, &asked.load.confirm, shell, session).await
}

/// Carries out a plan in an org.
pub async fn carry_out(
    mut plan: LoadPlan,
    choice: Choice,
    confirm: &Confirm,
    shell: &Shell,
    session: &Session<'_>,
) -> Result<Summary, Failure> {
    plan.passing_org = choice.is_passing();
    plan.state_dir = org::state_dir(choice, shell);
    session.listen()?;
    let work = async {
        let target = session.connect(choice).await?;
        let input_is_stdin = plan.input.source == Source::Stdin;
        let tools = session.tools(Asking { confirm, input_is_stdin })?;
        Box::pin(run::load(plan, target, choice.alias().to_owned(), tools)).await
    };
    session.within(work).await
}

/// Both, or all that is wrong with either.
pub fn both<A, B>(plan: Result<A, Faults>, choice: Result<B, Failure>) -> Result<(A, B), Faults> {
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

fn refusal(asked: &Asked<'_>, failure: &Failure, shell: &Shell) -> Summary {
    let load = asked.load;
    let words = load.words();
    let object = load.sobject.as_deref().or(words.first().copied()).unwrap_or_default();
    let alias = load.connect.target_org.as_deref().unwrap_or_default();
    failure::summary(failure, asked.operation.word(), object, alias, shell)
}
