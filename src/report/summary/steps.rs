//! The steps of a runbook on the last screen, a line each.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use crate::pipeline::event::{StepState, Summary, SummaryStep};
use crate::report::figures::{count, counted, escape, path, shorten, time};
use crate::report::paint::Paint;

/// Characters of a message that the screen shows.
const MESSAGE_WIDTH: usize = 200;

/// Checks of a step that did not pass and are shown.
const CHECKS_SHOWN: usize = 5;

/// All steps in the order of the file, with what is to be said of each.
pub(super) fn steps(summary: &Summary, paint: Paint) -> String {
    let ids = summary.steps.iter().map(|step| escape(&step.id).chars().count());
    let width = ids.max().unwrap_or(0);
    let mut text = format!("{}\n", paint.bold("steps"));
    for step in &summary.steps {
        let word = format!("{:<11}", step.state.word());
        let word = match step.state {
            StepState::Succeeded => paint.green(&word),
            StepState::Failed => paint.red(&word),
            StepState::Skipped | StepState::NotBegun => word,
            StepState::Partial | StepState::Interrupted | StepState::Waiting => paint.yellow(&word),
        };
        let line = format!("  {word}  {:<width$}  {}", escape(&step.id), did(step));
        writeln!(text, "{}", line.trim_end()).unwrap_or_default();
        if let Some(message) = &step.message {
            let message = shorten(&escape(message), MESSAGE_WIDTH);
            writeln!(text, "      {message}").unwrap_or_default();
        }
        for check in step.checks.iter().filter(|check| !check.passed).take(CHECKS_SHOWN) {
            let (name, source, org) =
                (escape(&check.name), escape(&check.source), escape(&check.org));
            writeln!(text, "      {}: {source} against {org} in the org", paint.red(&name))
                .unwrap_or_default();
        }
    }
    text
}

/// `upsert`-like kinds tell rows, the others what they have compared; and how long it took.
fn did(step: &SummaryStep) -> String {
    let mut parts = vec![step.kind.clone()];
    let rows = step.rows;
    if rows.input > 0 && rows.success == rows.input {
        parts.push(counted(rows.input, "row"));
    } else if rows.input > 0 {
        parts.push(format!("{} of {}", count(rows.success), counted(rows.input, "row")));
    }
    if !step.checks.is_empty() {
        let passed = step.checks.iter().filter(|check| check.passed).count();
        parts.push(format!("{passed} of {} checks passed", step.checks.len()));
    }
    if step.seconds > 0.0 {
        parts.push(time(Duration::try_from_secs_f64(step.seconds).unwrap_or_default()));
    }
    if matches!(step.state, StepState::NotBegun | StepState::Skipped) {
        parts.truncate(1);
    }
    parts.join(" · ")
}

/// Where the rows are that did not succeed, of each step that has some.
pub(super) fn hints(summary: &Summary, base: &Path) -> Vec<String> {
    let bad = summary.steps.iter().filter(|step| step.rows.success < step.rows.input);
    let of_step = bad.flat_map(|step| {
        step.runs.iter().map(move |run| (step, summary.run_dir.join(run).join("out")))
    });
    of_step
        .map(|(step, out)| {
            let (id, out) = (escape(&step.id), path(&out, base));
            format!("what became of the rows of step `{id}` stands in `{out}`")
        })
        .collect()
}
