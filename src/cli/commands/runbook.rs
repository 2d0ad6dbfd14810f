//! `plan RUNBOOK`: what a runbook would do, step by step.

use std::fmt::Write;

use serde_json::{Value, json};

use super::run::{choices, connect, request};
use super::{print, tell};
use crate::cli::args::{Confirm, PlanRunbook};
use crate::cli::failure;
use crate::cli::session::{Asking, Session};
use crate::cli::shell::Shell;
use crate::cli::table::{Column, table};
use crate::model::failure::Failure;
use crate::pipeline::guards::is_production;
use crate::report::figures::{count, escape};
use crate::report::paint::Paint;
use crate::runbook::{Checked, StepPlan, check};

/// Works a runbook out and shows it; the exit code says whether it would be refused (that of the
/// refusal), or some rows would be (3).
pub async fn plan(args: &PlanRunbook, shell: &Shell) -> Result<u8, Failure> {
    let session = Session::begin(shell, &args.manners, &args.progress);
    let result = checked(args, shell, &session).await;
    session.close();
    let mut checked = result?;
    let faults: Vec<String> = checked.faults.iter().map(|fault| fault.message.clone()).collect();
    let refusal = checked.hold().err();
    let rejects = checked.plans.iter().any(|plan| plan.rejected.is_some_and(|rows| rows > 0));
    let code = match &refusal {
        Some(refusal) => refusal.blame.exit_code(),
        None if rejects => 3,
        None => 0,
    };
    if args.manners.json {
        print(&shell.out, &format!("{}\n", document(&checked, &faults, code)))?;
        return Ok(code);
    }
    print(&shell.out, &screen(&checked, shell.out_paint(args.manners.color)))?;
    if let Some(refusal) = refusal {
        tell(shell, &failure::text(&refusal, shell.err_paint(args.manners.color)));
    }
    Ok(code)
}

async fn checked(
    args: &PlanRunbook,
    shell: &Shell,
    session: &Session<'_>,
) -> Result<Checked, Failure> {
    let request = request(&args.runbook, &args.chosen, (args.place.runs_dir.clone(), None), shell)?;
    let choices = choices(&request, shell)?;
    session.listen()?;
    let nothing = Confirm::default();
    let work = async {
        let orgs = connect(&choices, session).await?;
        let tools = session.tools(Asking { confirm: &nothing, input_is_stdin: false })?;
        Box::pin(check(&request, &orgs, &tools)).await
    };
    session.within(work).await
}

fn screen(checked: &Checked, paint: Paint) -> String {
    let frozen = &checked.frozen;
    let mut text = format!(
        "plan of the runbook {} for the target {}: nothing was sent\n",
        escape(&frozen.runbook.name),
        escape(&frozen.target)
    );
    for (word, org) in &frozen.orgs {
        let production = checked.facts.get(word).is_some_and(is_production);
        let kind = if production { paint.red(", production") } else { String::new() };
        let (word, alias) = (escape(word), escape(&org.alias));
        let (name, user) = (escape(&org.name), escape(&org.username));
        writeln!(text, "`{word}` is `{alias}` ({name}{kind}) as `{user}`").unwrap_or_default();
    }
    let columns = [
        Column::Left("step"),
        Column::Left("what"),
        Column::Left("org"),
        Column::Right("rows"),
        Column::Right("rejected"),
        Column::Right("jobs"),
        Column::Right("calls"),
        Column::Left("after"),
    ];
    let number = |number: Option<u64>| number.map(count).unwrap_or_default();
    let row = |plan: &StepPlan| {
        vec![
            plan.id.clone(),
            plan.what.trim_end_matches(',').to_owned(),
            plan.alias.clone(),
            number(plan.rows),
            number(plan.rejected),
            number(plan.jobs),
            number(plan.calls),
            plan.after.join(", "),
        ]
    };
    let rows: Vec<Vec<String>> = checked.plans.iter().map(row).collect();
    writeln!(text, "\n{}", table(&columns, &rows, paint)).unwrap_or_default();
    let unknown = |plan: &StepPlan| plan.unknown.clone();
    listed(&mut text, "not known yet", checked, unknown, paint);
    let no_undo = |plan: &StepPlan| plan.no_undo.iter().cloned().collect();
    listed(&mut text, "an undo cannot take all of it back", checked, no_undo, paint);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// A list of what is to be said of steps, where there is something.
fn listed(
    text: &mut String,
    title: &str,
    checked: &Checked,
    of: impl Fn(&StepPlan) -> Vec<String>,
    paint: Paint,
) {
    let said = checked.plans.iter().flat_map(|plan| {
        of(plan).into_iter().map(|what| format!("  {}: {}\n", escape(&plan.id), escape(&what)))
    });
    let said: String = said.collect();
    if !said.is_empty() {
        writeln!(text, "{}\n{said}", paint.bold(title)).unwrap_or_default();
    }
}

fn document(checked: &Checked, faults: &[String], code: u8) -> Value {
    let frozen = &checked.frozen;
    json!({
        "status": if faults.is_empty() { "planned" } else { "refused" },
        "exit_code": code, "operation": "plan", "object": frozen.runbook.name,
        "target": frozen.target, "orgs": frozen.orgs, "steps": checked.plans,
        "refused_now": faults,
    })
}
