//! Reconciliation: what the source files say, held against what the org says after the load.
//!
//! Each [`Check`] asks both sides for one number, or draws records and compares them field by
//! field. Nothing is changed at either side, so whoever goes on with a run checks once more; the
//! seed makes it draw the same records.
//!
//! Files are read by the strict reader of loads, as streams. Numbers are added as decimals and
//! never as doubles. Memory: a slab of a file, a sort of bounded size for duplicates, a batch of
//! records for a sample.

mod fields;
mod repeats;
mod sampled;
mod source;
#[cfg(test)]
mod tests;
mod tolerance;
mod totals;

use std::path::{Path, PathBuf};

use crate::config::mapping::Place;
use crate::config::plan::Input;
use crate::config::runbook::{Check, CheckKind, Rows};
use crate::model::failure::Failure;
use crate::pipeline::event::SummaryCheck;
use crate::pipeline::stop::Stop;
use crate::target::Target;

/// Differences that a check tells at most.
const TOLD: usize = 20;

/// Where the rows of a check lie.
#[derive(Debug, Clone)]
pub struct Source {
    /// What messages call it, as the runbook does.
    pub name: String,
    pub input: Input,
}

/// What the checks of a step need to know of the runbook's run.
pub struct Surroundings<'a> {
    /// The runbook's name, for messages.
    pub file: &'a str,
    /// The file of rows; `None` where no step of that name has any.
    pub sources: &'a (dyn Fn(&Rows) -> Option<Source> + Sync),
    /// The run folders of a load step, that of a second pass last; `None` where there is no such
    /// load that has come to its end.
    pub loads: &'a (dyn Fn(&str) -> Option<Vec<PathBuf>> + Sync),
    /// A folder that is there, for files on their way; nothing stays in it.
    pub scratch: &'a Path,
    /// What decides which rows are drawn.
    pub seed: u64,
    pub stop: &'a Stop,
}

/// Carries out checks, in their order.
///
/// `Err` where a check cannot be made: a column or field is not there, or the org refuses a
/// question. A check that finds a difference is an answer and no failure.
pub async fn reconcile<T: Target>(
    checks: &[Check],
    around: &Surroundings<'_>,
    target: &T,
) -> Result<Vec<SummaryCheck>, Failure> {
    let mut answers = Vec::new();
    for check in checks {
        let made = Box::pin(make(check, around, target)).await;
        let name = Some(check.name.as_str());
        let verdict = made.map_err(|failure| located(failure, around.file, check.place, name))?;
        answers.push(SummaryCheck {
            name: check.name.clone(),
            kind: check.kind.word().to_owned(),
            passed: verdict.passed,
            source: verdict.source,
            org: verdict.org,
            tolerance: verdict.tolerance,
            differences: verdict.differences,
        });
    }
    Ok(answers)
}

/// What a check came to, in texts for people.
#[derive(Debug, Default, PartialEq, Eq)]
struct Verdict {
    passed: bool,
    source: String,
    org: String,
    tolerance: String,
    differences: Vec<String>,
}

async fn make<T: Target>(
    check: &Check,
    around: &Surroundings<'_>,
    target: &T,
) -> Result<Verdict, Failure> {
    let tolerance = &check.tolerance;
    match &check.kind {
        CheckKind::Count { source, object, filter } => {
            let of = (object.as_str(), filter.as_deref());
            totals::count(source, of, tolerance, around, target).await
        }
        CheckKind::Sum { source, column, object, field, filter } => {
            let of = (object.as_str(), field.as_str(), filter.as_deref());
            totals::sum((source, column), of, tolerance, around, target).await
        }
        CheckKind::Nulls { source, column, object, field, filter } => {
            let of = (object.as_str(), field.as_str(), filter.as_deref());
            totals::nulls((source, column), of, tolerance, around, target).await
        }
        CheckKind::Orphans { object, field, filter, expected } => {
            let of = (object.as_str(), field.as_str(), filter.as_deref());
            totals::orphans(of, *expected, tolerance, target).await
        }
        CheckKind::Duplicates { source, column, object, field, filter } => {
            let of = (object.as_str(), field.as_str(), filter.as_deref());
            repeats::duplicates((source, column), of, tolerance, around, target).await
        }
        CheckKind::Sample { step, rows, fields } => {
            sampled::sample(step, *rows, fields, tolerance, around, target).await
        }
    }
}

impl CheckKind {
    /// The word of the file and of summaries.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Count { .. } => "count",
            Self::Sum { .. } => "sum",
            Self::Nulls { .. } => "nulls",
            Self::Orphans { .. } => "orphans",
            Self::Duplicates { .. } => "duplicates",
            Self::Sample { .. } => "sample",
        }
    }
}

/// A failure with the place and name of the check that it befell.
pub(super) fn located(
    mut failure: Failure,
    file: &str,
    place: Place,
    name: Option<&str>,
) -> Failure {
    let check = name.map(|name| format!("the check `{name}` cannot be made: ")).unwrap_or_default();
    failure.message = format!("{file}:{place}: {check}{}", failure.message);
    failure
}
