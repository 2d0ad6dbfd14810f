//! `resume`: goes on with a run after an interruption.

use std::path::{Path, PathBuf};

use super::process::OF_FOLDER;
use super::{run, runs};
use crate::cli::args::Resume;
use crate::cli::failure;
use crate::cli::org::Choice;
use crate::cli::session::{Asking, Session};
use crate::cli::shell::Shell;
use crate::ledger::Manifest;
use crate::model::failure::{Blame, Failure};
use crate::perms;
use crate::pipeline::event::Summary;
use crate::pipeline::resume;
use crate::report::figures::path;
use crate::runbook;

/// Goes on with a run, and returns the exit code of its summary.
pub async fn resume(args: &Resume, shell: &Shell) -> Result<u8, Failure> {
    let session = Session::begin(shell, &args.manners, &args.progress);
    let found = find(args, shell);
    let result = match &found {
        Ok((root, manifest)) => go_on(root, manifest, args, shell, &session).await,
        Err(failure) => Err(Failure {
            blame: failure.blame,
            message: failure.message.clone(),
            causes: failure.causes.clone(),
            hints: failure.hints.clone(),
        }),
    };
    session.end(result, |failure| {
        let manifest = found.as_ref().ok().map(|(_, manifest)| manifest);
        let text = |of: fn(&Manifest) -> &str| manifest.map(of).unwrap_or_default();
        let (operation, object) = (text(|m| &m.operation), text(|m| &m.object));
        failure::summary(failure, operation, object, text(|m| &m.alias), shell)
    })
}

async fn go_on(
    root: &Path,
    manifest: &Manifest,
    args: &Resume,
    shell: &Shell,
    session: &Session<'_>,
) -> Result<Summary, Failure> {
    if runbook::is_run(manifest) {
        return of_runbook(root, manifest, args, shell, session).await;
    }
    if let Some(step) = args.approve.first() {
        let message =
            format!("`--approve {}`: the run is not that of a runbook", step.escape_debug());
        return Err(Failure::new(Blame::Request, message).hint("leave it out"));
    }
    let choice = org_of(manifest, shell)?;
    session.listen()?;
    let work = async {
        let target = session.connect(choice).await?;
        // The manifest tells the source; standard input may have to be given once more.
        let input_is_stdin = manifest.input_digest.is_none();
        let tools = session.tools(Asking { confirm: &args.confirm, input_is_stdin })?;
        if perms::is_run(manifest) {
            return Box::pin(perms::resume(root, target, tools)).await;
        }
        Box::pin(resume::resume(root, target, tools)).await
    };
    session.within(work).await
}

/// Goes on with a runbook, in all of its orgs.
async fn of_runbook(
    root: &Path,
    manifest: &Manifest,
    args: &Resume,
    shell: &Shell,
    session: &Session<'_>,
) -> Result<Summary, Failure> {
    let frozen = runbook::Frozen::of(manifest)?;
    let choices = run::choices_of(frozen.orgs.values().map(|org| org.alias.as_str()), shell)?;
    if let Some(passing) = choices.iter().find(|choice| choice.is_passing()) {
        return Err(gone(manifest, passing));
    }
    session.listen()?;
    let work = async {
        let orgs = run::connect(&choices, session).await?;
        let tools = session.tools(Asking { confirm: &args.confirm, input_is_stdin: false })?;
        let approved = (args.approve.clone(), run::user(shell));
        Box::pin(runbook::resume(root, orgs, tools, approved)).await
    };
    session.within(work).await
}

/// The org in which a run was begun.
pub fn org_of(manifest: &Manifest, shell: &Shell) -> Result<Choice, Failure> {
    let choice = Choice::of(Some(&manifest.alias), &shell.environment);
    if choice.is_err() && manifest.alias == OF_FOLDER {
        let message = format!(
            "the run `{}` was signed in by a configuration folder of Data Loader",
            manifest.run
        );
        return Err(Failure::new(Blame::Request, message)
            .hint("`longshore process CONFDIR PROCESS --resume` goes on with it"));
    }
    let choice = choice?;
    if choice.is_passing() { Err(gone(manifest, &choice)) } else { Ok(choice) }
}

fn gone(manifest: &Manifest, choice: &Choice) -> Failure {
    let message = format!(
        "the org of the run `{}` is gone: `{}` is made new for each command",
        manifest.run,
        choice.alias()
    );
    Failure::new(Blame::Request, message)
        .hint("load the file again; `-o practice` is a practice org that is kept")
}

/// The run that is meant: the one named, or the newest that is not finished.
fn find(args: &Resume, shell: &Shell) -> Result<(PathBuf, Manifest), Failure> {
    let root = match &args.run {
        Some(run) => runs::root_of(run, &args.place, shell)?,
        None => newest(args, shell)?,
    };
    let manifest = Manifest::read(&root)?;
    Ok((root, manifest))
}

fn newest(args: &Resume, shell: &Shell) -> Result<PathBuf, Failure> {
    let dir = runs::runs_dir(&args.place, shell)?;
    runs::newest_unfinished(&dir)?.ok_or_else(|| {
        let shown = path(&dir, &shell.dir);
        Failure::new(Blame::Request, format!("there is no unfinished run in `{shown}`"))
            .hint("`longshore runs` lists the runs; `--runs-dir DIR` looks elsewhere")
    })
}
