//! `retry`: a new run from the rows of another that did not succeed.

use super::load;
use super::resume::org_of;
use super::runs::{self, root_of};
use crate::cli::args::{Retry, RetryErrors};
use crate::cli::failure;
use crate::cli::resolve;
use crate::cli::session::Session;
use crate::cli::shell::Shell;
use crate::config::plan::OnDuplicate;
use crate::ledger::Manifest;
use crate::model::failure::{Blame, Failure};
use crate::perms;
use crate::pipeline::event::{Event, Summary};
use crate::pipeline::retry::{self, ErrorRows, Take};
use crate::report::figures::counted;
use crate::runbook;

/// Loads again what did not succeed, and returns the exit code of the new run's summary.
pub async fn retry(args: &Retry, shell: &Shell) -> Result<u8, Failure> {
    let session = Session::begin(shell, &args.manners, &args.progress);
    let result = summarized(args, shell, &session).await;
    let manifest = root_of(&args.run, &args.place, shell).and_then(|root| Manifest::read(&root));
    session.end(result, |failure| {
        let manifest = manifest.as_ref().ok();
        let text = |of: fn(&Manifest) -> &str| manifest.map(of).unwrap_or_default();
        let (operation, object) = (text(|m| &m.operation), text(|m| &m.object));
        failure::summary(failure, operation, object, text(|m| &m.alias), shell)
    })
}

async fn summarized(
    args: &Retry,
    shell: &Shell,
    session: &Session<'_>,
) -> Result<Summary, Failure> {
    let root = root_of(&args.run, &args.place, shell)?;
    let manifest = Manifest::read(&root)?;
    if perms::is_run(&manifest) {
        return Err(of_names(&manifest));
    }
    if runbook::is_run(&manifest) {
        return Err(of_runbook(&root, &manifest));
    }
    let choice = org_of(&manifest, shell)?;
    let take = Take {
        errors: match args.errors {
            RetryErrors::Retryable => ErrorRows::Retryable,
            RetryErrors::All => ErrorRows::All,
            RetryErrors::None => ErrorRows::None,
        },
        rejected: !args.no_rejected,
    };
    let runs_dir = runs::runs_dir(&args.place, shell)?;
    let again = retry::gather(&root, &manifest, take, &runs_dir, &(shell.now)().to_string())?;
    let message = format!(
        "{} of run `{}` {} tried again: {} in error, {} unprocessed, {} rejected",
        counted(again.rows(), "row"),
        manifest.run,
        if again.rows() == 1 { "is" } else { "are" },
        again.error,
        again.unprocessed,
        again.rejected
    );
    session.see(&Event::Notice { message });
    if again.left_out > 0 {
        let message = format!(
            "{} in error {} left out, as the same would fail again; correct error.csv and load \
             it, or take them too with `--errors all`",
            counted(again.left_out, "row"),
            if again.left_out == 1 { "is" } else { "are" }
        );
        session.see(&Event::Notice { message });
    }
    let mut plan = again.plan;
    if plan.on_duplicate == Some(OnDuplicate::Separate) {
        let message = "the first run sent several rows of a record one after the other; what is \
                       tried again now comes after all of them";
        session.see(&Event::Notice { message: message.to_owned() });
    }
    plan.run_name.clone_from(&args.run_name);
    plan.on_duplicate = args.on_duplicate.map(resolve::on_duplicate).or(plan.on_duplicate);
    load::carry_out(plan, choice, &args.confirm, shell, session).await
}

/// What a person wanted of permissions is in the file, and what is so already is left alone.
fn of_names(manifest: &Manifest) -> Failure {
    let Manifest { run, operation, .. } = manifest;
    let message = format!("the run `{run}` is a `{operation}`, and `retry` is for loads");
    Failure::new(Blame::Request, message)
        .hint(format!("`longshore {operation} FILE` once more changes only what is not so yet"))
}

/// Rows are tried again in the run that they belong to.
fn of_runbook(root: &std::path::Path, manifest: &Manifest) -> Failure {
    let message =
        format!("the run `{}` is that of a runbook, and has no rows itself", manifest.run);
    let failure = Failure::new(Blame::Request, message);
    let steps = runbook::begun(root, manifest).unwrap_or_default();
    let runs = steps.into_iter().flat_map(|step| step.runs);
    runs.fold(failure, |failure, run| failure.hint(format!("`longshore retry {}`", run.display())))
}
