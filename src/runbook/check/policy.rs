//! The limits of a runbook, beside those of the project: both hold.

use super::{Checked, files};
use crate::config::runbook::{ApiBudget, RunbookPolicy, StepKind};
use crate::model::failure::{Blame, Failure};
use crate::model::schema::OrgFacts;
use crate::pipeline::event::Event;
use crate::pipeline::guards::is_production;
use crate::pipeline::run::Tools;
use crate::runbook::ask::Orgs;
use crate::runbook::step;
use crate::target::{ApiUsage, Target};

/// What an org had made and left of calls when the run began.
#[derive(Debug, Clone, Copy, Default)]
pub struct Left {
    pub calls: u64,
    /// Of the org's day, where it says so.
    pub left: Option<u64>,
}

impl Left {
    pub fn of(usage: ApiUsage) -> Self {
        let left = usage.org_used.zip(usage.org_allowed);
        let left = left.map(|(used, allowed)| allowed.saturating_sub(used));
        Self { calls: usage.calls, left }
    }
}

/// Holds the runbook as a whole against its own policy; adds to its faults.
pub fn hold<T: Target>(checked: &mut Checked, orgs: &Orgs<T>, tools: &Tools) {
    let frozen = &checked.frozen;
    let policy = &frozen.runbook.policy;
    let mut faults = Vec::new();
    for step in frozen.selected() {
        let Some(facts) = checked.facts.get(&step.org) else { continue };
        if let Err(failure) = in_window(policy, facts, tools.seed.started) {
            faults.push(files::of(&frozen.runbook, step, failure));
            break;
        }
    }
    let deleted: u64 = checked
        .plans
        .iter()
        .filter(|plan| frozen.step(&plan.id).is_some_and(step::deletes))
        .filter_map(|plan| plan.rows)
        .sum();
    if let Some(most) = policy.max_rows_deleted.filter(|most| deleted > *most) {
        let message = format!(
            "the steps delete {deleted} rows, and `max_rows_deleted` of the runbook is {most}"
        );
        faults.push(Failure::new(Blame::Guard, message));
    }
    for (alias, target) in orgs {
        let of_org = checked.plans.iter().filter(|plan| plan.alias == *alias);
        let calls: u64 = of_org.filter_map(|plan| plan.calls).sum();
        let left = Left::of(target.usage());
        if let Some(failure) = passed(policy.api_budget, calls, left.left, alias) {
            faults.push(failure);
        }
        if matches!(policy.api_budget, Some(ApiBudget::Share(_))) && left.left.is_none() {
            let message = format!(
                "`api_budget` does not hold in `{alias}`: the org does not say how many calls are \
                 left"
            );
            tools.watch.see(&Event::Notice { message });
        }
    }
    for step in frozen.selected() {
        if let StepKind::Load(load) = &step.kind
            && let Err(failure) = in_limits(load)
        {
            faults.push(files::of(&frozen.runbook, step, failure));
        }
    }
    checked.faults.extend(faults);
}

/// Numbers that a command line would have refused.
fn in_limits(load: &crate::config::runbook::LoadStep) -> Result<(), Failure> {
    use crate::model::limits::{CHUNK_BYTES_MAX, CHUNK_ROWS_MAX, JOBS_PARALLEL_MAX};
    let rows = load.chunk_rows.map(u64::from);
    let parallel = load.parallel.map(|jobs| jobs as u64);
    for (name, given, most) in [
        ("chunk_rows", rows, u64::from(CHUNK_ROWS_MAX)),
        ("chunk_bytes", load.chunk_bytes, CHUNK_BYTES_MAX),
        ("parallel", parallel, JOBS_PARALLEL_MAX as u64),
    ] {
        if let Some(number) = given.filter(|number| !(1..=most).contains(number)) {
            let message = format!("`{name}` takes 1 to {most}, not {number}");
            return Err(Failure::new(Blame::Request, message));
        }
    }
    Ok(())
}

/// The hours that the runbook allows for a production org.
pub fn in_window(
    policy: &RunbookPolicy,
    org: &OrgFacts,
    now: jiff::Timestamp,
) -> Result<(), Failure> {
    let windows = &policy.change_window;
    if !is_production(org) || windows.is_empty() || windows.iter().any(|it| it.is_open(now)) {
        return Ok(());
    }
    let told: Vec<String> = windows.iter().map(|window| format!("`{window}`")).collect();
    let there = windows.first().map(|window| window.there(now).strftime("%a %H:%M").to_string());
    let message = format!(
        "it is {} there, and `change_window` of the runbook is {}",
        there.unwrap_or_default(),
        told.join(" and ")
    );
    let failure = Failure::new(Blame::Guard, message);
    let opening = windows.iter().filter_map(|window| window.next_opening(now)).min();
    Err(match opening {
        Some(at) => failure.hint(format!("it opens on {}", at.strftime("%a %Y-%m-%d at %H:%M %Q"))),
        None => failure,
    })
}

/// No step begins in an org where the calls of the run are used up.
pub fn within_budget(
    policy: &RunbookPolicy,
    before: Left,
    now: ApiUsage,
    alias: &str,
) -> Result<(), Failure> {
    let made = now.calls.saturating_sub(before.calls);
    passed(policy.api_budget, made + 1, before.left, alias).map_or(Ok(()), Err)
}

/// Whether so many calls are more than a budget.
fn passed(
    budget: Option<ApiBudget>,
    calls: u64,
    left: Option<u64>,
    alias: &str,
) -> Option<Failure> {
    let (is_passed, what) = match budget? {
        ApiBudget::Calls(most) => (calls > most, most.to_string()),
        ApiBudget::Share(share) => {
            let left = left?;
            (share.is_passed_by(calls, left), format!("{share} of the {left} that were left"))
        }
    };
    let message = format!(
        "the steps take about {calls} calls in `{alias}`, and `api_budget` of the runbook is {what}"
    );
    let failure = Failure::new(Blame::Guard, message);
    is_passed.then(|| failure.hint("raise `api_budget`, or go on when the org has more calls left"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets() {
        let share = |text: &str| Some(ApiBudget::Share(text.parse().unwrap()));
        for (budget, calls, left, refused) in [
            (None, 1_000_000, Some(1), false),
            (Some(ApiBudget::Calls(50)), 50, None, false),
            (Some(ApiBudget::Calls(50)), 51, None, true),
            (share("40%"), 40, Some(100), false),
            (share("40%"), 41, Some(100), true),
            (share("40%"), 41, None, false),
        ] {
            let found = passed(budget, calls, left, "prod");
            assert_eq!(found.is_some(), refused, "{budget:?} {calls} {left:?}");
        }
        let told = passed(share("40%"), 41, Some(100), "prod").unwrap();
        insta::assert_snapshot!(told.message, @"the steps take about 41 calls in `prod`, and `api_budget` of the runbook is 40% of the 100 that were left");
    }
}
