//! `run`: carries a runbook out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::args::{Chosen, Run};
use crate::cli::failure;
use crate::cli::org::{self, Choice};
use crate::cli::resolve;
use crate::cli::session::{Asking, Session};
use crate::cli::shell::Shell;
use crate::config::project::Defaults;
use crate::config::runbook::Runbook;
use crate::model::failure::{Blame, Failure};
use crate::pipeline::event::Summary;
use crate::runbook::{self, OPERATION, Orgs, Part, Request, target_of};
use crate::target::any::AnyTarget;

/// Carries a runbook out, and returns the exit code of its summary.
pub async fn run(args: &Run, shell: &Shell) -> Result<u8, Failure> {
    let session = Session::begin(shell, &args.manners, &args.progress);
    let result = summarized(args, shell, &session).await;
    session.end(result, |failure| {
        let name = args.runbook.display().to_string();
        failure::summary(failure, OPERATION, &name, "", shell)
    })
}

async fn summarized(args: &Run, shell: &Shell, session: &Session<'_>) -> Result<Summary, Failure> {
    let place = (args.place.runs_dir.clone(), args.run_name.clone());
    let mut request = request(&args.runbook, &args.chosen, place, shell)?;
    request.approve.clone_from(&args.approve);
    let choices = choices(&request, shell)?;
    request.state_dir = choices.iter().find_map(|choice| org::state_dir(*choice, shell));
    request.passing_org = choices.iter().any(|choice| choice.is_passing());
    session.listen()?;
    let work = async {
        let orgs = connect(&choices, session).await?;
        let tools = session.tools(Asking { confirm: &args.confirm, input_is_stdin: false })?;
        Box::pin(runbook::carry_out(request, orgs, tools)).await
    };
    session.within(work).await
}

/// Reads the runbook and what is asked of it.
pub fn request(
    path: &Path,
    chosen: &Chosen,
    (runs_dir, run_name): (Option<PathBuf>, Option<String>),
    shell: &Shell,
) -> Result<Request, Failure> {
    if let Some(alias) = &chosen.target_org {
        let message = format!("`-o {}` does not go with a runbook", alias.escape_debug());
        return Err(Failure::new(Blame::Request, message)
            .hint("the targets of the runbook name its orgs, and `--target NAME` chooses one"));
    }
    let defaults = Defaults::read(&shell.dir)?;
    let runbook = Runbook::read(path, &parameters(&chosen.parameter)?)?;
    if let Some(name) = &run_name {
        resolve::run_name(name)?;
    }
    let target = chosen.target.clone().unwrap_or_else(|| runbook.default_target.clone());
    target_of(&runbook, &target)?;
    let Chosen { only, from, until, .. } = chosen.clone();
    Ok(Request {
        runbook,
        target,
        part: Part { only, from, until },
        approve: Vec::new(),
        by: user(shell),
        runs_dir: resolve::runs_dir(runs_dir, &defaults),
        run_name,
        state_dir: None,
        passing_org: false,
    })
}

/// Who is in front, as the operating system calls them.
pub fn user(shell: &Shell) -> String {
    let names = ["USER", "LOGNAME", "USERNAME"];
    let name = names.iter().find_map(|name| shell.environment.get(name));
    name.filter(|name| !name.is_empty()).unwrap_or("somebody").to_owned()
}

fn parameters(given: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let one = |text: &String| {
        let pair = text.split_once('=').map(|(name, value)| (name.trim().to_owned(), value));
        pair.map(|(name, value)| (name, value.to_owned())).ok_or_else(|| {
            let message = format!("`--parameter {}` has no `=`", text.escape_debug());
            Failure::new(Blame::Request, message).hint("write it as `--parameter NAME=VALUE`")
        })
    };
    given.iter().map(one).collect()
}

/// The orgs of the target in which some step works, each once.
pub fn choices(request: &Request, shell: &Shell) -> Result<Vec<Choice>, Failure> {
    let target = request.target()?;
    let used: BTreeSet<&str> = request.runbook.steps.iter().map(|step| step.org.as_str()).collect();
    let aliases = target.orgs.iter().filter(|(word, _)| used.contains(word.as_str()));
    choices_of(aliases.map(|(_, org)| org.alias.as_str()), shell)
}

/// The same by their aliases.
pub fn choices_of<'a>(
    aliases: impl Iterator<Item = &'a str>,
    shell: &Shell,
) -> Result<Vec<Choice>, Failure> {
    let aliases: BTreeSet<&str> = aliases.collect();
    aliases.into_iter().map(|alias| Choice::of(Some(alias), &shell.environment)).collect()
}

/// Signs in to each org once, so that each has one pace.
pub async fn connect(
    choices: &[Choice],
    session: &Session<'_>,
) -> Result<Orgs<AnyTarget>, Failure> {
    let mut orgs: BTreeMap<String, Arc<AnyTarget>> = BTreeMap::new();
    for (choice, target) in session.connect_all(choices).await? {
        orgs.insert(choice.alias().to_owned(), target);
    }
    Ok(orgs)
}
