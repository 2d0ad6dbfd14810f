//! `verify`: the accounting of a run, recomputed.

use std::fmt::Write;

use serde_json::json;

use super::runs::root_of;
use super::{print, tell};
use crate::cli::args::OneRun;
use crate::cli::failure;
use crate::cli::shell::Shell;
use crate::ledger::{Manifest, RunFolder, Verified, verify as recompute};
use crate::model::failure::{Blame, Failure};
use crate::perms;
use crate::report::figures::{count, counted, escape};
use crate::runbook;

/// Verifies one run; the exit code is 5 when something is wrong.
pub fn verify(args: &OneRun, shell: &Shell) -> Result<u8, Failure> {
    let root = root_of(&args.run, &args.place, shell)?;
    // A run that is going on has not come to its end, and must not be looked at half-way.
    let _held = RunFolder::open(&root, &(shell.now)().to_string())?;
    let manifest = Manifest::read(&root)?;
    let verified = if perms::is_run(&manifest) {
        perms::verify(&root)?
    } else if runbook::is_run(&manifest) {
        runbook::verify(&root)?
    } else {
        recompute(&root)?
    };
    let wrong = wrong(&verified);
    let code = if wrong.is_some() { Blame::Accounting.exit_code() } else { 0 };
    if args.manners.json {
        let status = if wrong.is_some() { "failed" } else { "succeeded" };
        let document = json!({
            "status": status, "exit_code": code, "run": verified.run, "run_dir": root,
            "rows": verified.counts, "chunks": verified.chunks, "notes": verified.notes,
            "faults": verified.faults, "faults_in_all": verified.faults_in_all,
        });
        print(&shell.out, &format!("{document}\n"))?;
    } else if wrong.is_none() {
        print(&shell.out, &screen(&verified))?;
    }
    if let Some(wrong) = wrong {
        tell(shell, &failure::text(&wrong, shell.err_paint(args.manners.color)));
    }
    Ok(code)
}

fn screen(verified: &Verified) -> String {
    let rows = &verified.counts;
    let mut text = format!(
        "the accounting of `{}` is right: {} in {}\n",
        escape(&verified.run),
        counted(rows.input, "row"),
        counted(verified.chunks, "chunk")
    );
    for (name, number) in [
        ("success", rows.success),
        ("error", rows.error),
        ("rejected", rows.rejected),
        ("unprocessed", rows.unprocessed),
        ("unknown", rows.unknown),
    ] {
        writeln!(text, "  {name:<12} {}", count(number)).unwrap_or_default();
    }
    for note in &verified.notes {
        writeln!(text, "note: {}", escape(note)).unwrap_or_default();
    }
    text
}

/// Every fault, as a failure.
fn wrong(verified: &Verified) -> Option<Failure> {
    if verified.faults.is_empty() {
        return None;
    }
    let all = counted(verified.faults_in_all, "fault");
    let message = format!("the accounting of `{}` is wrong: {all}", verified.run);
    let mut failure = Failure::new(Blame::Accounting, message);
    failure.causes.clone_from(&verified.faults);
    let told = u64::try_from(verified.faults.len()).unwrap_or(u64::MAX);
    if verified.faults_in_all > told {
        failure = failure.cause(format!("and {} more", verified.faults_in_all - told));
    }
    Some(failure.hint("keep the run folder, and look the rows up in the org before loading again"))
}
