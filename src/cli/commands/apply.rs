//! `apply`: carries a reviewed plan out, if nothing it rests on has changed.

use std::sync::Arc;

use crate::cli::args::Apply;
use crate::cli::failure;
use crate::cli::org::{self, Choice};
use crate::cli::resolve;
use crate::cli::session::{Asking, Session};
use crate::cli::shell::Shell;
use crate::config::project::Defaults;
use crate::model::failure::Failure;
use crate::pipeline::event::{Event, Summary};
use crate::pipeline::guards::Reviewed;
use crate::pipeline::run::{self, Tools};
use crate::pipeline::survey::frozen::{Frozen, FrozenOrg, check_org, check_rest};
use crate::pipeline::survey::survey;
use crate::report::Silent;
use crate::target::Target;

/// Carries a plan out and returns the exit code of its summary.
pub async fn apply(args: &Apply, shell: &Shell) -> Result<u8, Failure> {
    let session = Session::begin(shell, &args.manners, &args.progress);
    let found = read(args, shell);
    let load = found.as_ref().map(|frozen| {
        let word = |name: &str| frozen.load.get(name).and_then(|value| value.as_str());
        let words = (word("operation"), word("object"));
        (words.0.unwrap_or_default().to_owned(), words.1.unwrap_or_default().to_owned())
    });
    let (operation, object) = load.unwrap_or_default();
    let result = match found {
        Ok(frozen) => carry_out(args, &frozen, shell, &session).await,
        Err(failure) => Err(failure),
    };
    session.end(result, |failure| {
        let alias = args.connect.target_org.as_deref().unwrap_or_default();
        failure::summary(failure, &operation, &object, alias, shell)
    })
}

fn read(args: &Apply, shell: &Shell) -> Result<Frozen, Failure> {
    let text = std::fs::read_to_string(shell.dir.join(&args.plan))
        .map_err(|error| Failure::disk("read the plan", &args.plan, &error))?;
    Frozen::parse(&text, &args.plan)
}

async fn carry_out(
    args: &Apply,
    frozen: &Frozen,
    shell: &Shell,
    session: &Session<'_>,
) -> Result<Summary, Failure> {
    let name = args.plan.display().to_string();
    // A default of the project is not an answer to the question where a plan belongs.
    let alias = args.connect.target_org.as_deref().unwrap_or(&frozen.org.alias);
    let choice = Choice::of(Some(alias), &shell.environment)?;
    let mut plan = frozen.plan()?;
    if args.runs_dir.is_some() {
        plan.runs_dir = resolve::runs_dir(args.runs_dir.clone(), &Defaults::read(&shell.dir)?);
    }
    if let Some(name) = &args.run_name {
        plan.run_name = Some(resolve::run_name(name)?.to_owned());
    }
    plan.passing_org = choice.is_passing();
    plan.state_dir = org::state_dir(choice, shell);
    session.listen()?;
    let work = async {
        let target = session.connect(choice).await?;
        let mut tools = session.tools(Asking { confirm: &args.confirm, input_is_stdin: false })?;
        tools.guards.max_failed = tools.guards.max_failed.or(plan.max_failed);
        let org = target.facts().await?;
        check_org(&name, frozen, &FrozenOrg::of(&org, target.kind(), choice.alias()))?;
        let message = format!("the file and the org are held against the plan `{name}` first");
        session.see(&Event::Notice { message });
        // The load tells all that there is to be told.
        let quietly = Tools { watch: Arc::new(Silent), ..tools.clone() };
        let found = Box::pin(survey(&plan, &*target, &quietly, None)).await?;
        let now = Frozen::of(&plan, &found, choice.alias(), &tools.guards.policy)?;
        check_rest(&name, frozen, &now)?;
        tools.guards.reviewed =
            Some(Reviewed { input: now.input.digest, plan: frozen.digest.clone() });
        Box::pin(run::load(plan, target, choice.alias().to_owned(), tools)).await
    };
    session.within(work).await
}
