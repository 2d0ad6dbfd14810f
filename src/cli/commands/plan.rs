//! `plan`: a load worked out and written down for review.

use serde_json::Value;

use super::check::{not_an_input, plan_member, planned, survey_of};
use super::load::Asked;
use super::{print, runbook};
use crate::cli::args::{Plan, PlanDelete, PlanLoad, PlanOut, PlanUpdate, PlanUpsert};
use crate::cli::resolve::{Extra, explain};
use crate::cli::session::Session;
use crate::cli::shell::Shell;
use crate::cli::survey::{self, Told};
use crate::config::project::Project;
use crate::ledger::write_whole;
use crate::model::failure::Failure;
use crate::model::operation::Operation;
use crate::pipeline::survey::Survey;
use crate::pipeline::survey::frozen::Frozen;

/// Writes a plan, or explains where its values come from.
pub async fn plan(args: &Plan, shell: &Shell) -> Result<u8, Failure> {
    let (asked, out) = match args {
        Plan::Insert(plan) => (plain(Operation::Insert, plan), &plan.out),
        Plan::Delete(plan) => (removal(Operation::Delete, plan), &plan.out),
        Plan::HardDelete(plan) => (removal(Operation::HardDelete, plan), &plan.out),
        Plan::Update(update) => (changing(Operation::Update, update, None), &update.out),
        Plan::Undelete(plan) => (plain(Operation::Undelete, plan), &plan.out),
        Plan::Upsert(PlanUpsert { update, external_id }) => {
            (changing(Operation::Upsert, update, Some(external_id)), &update.out)
        }
        Plan::Runbook(args) => return runbook::plan(args, shell).await,
    };
    if out.explain {
        return explained(&asked, shell);
    }
    let session = Session::begin(shell, &asked.load.manners, &asked.load.progress);
    let result = made(out, &asked, shell, &session).await;
    session.close();
    let (survey, text) = result?;
    print(&shell.out, &text)?;
    Ok(survey::exit_code(&survey))
}

/// The survey, and what standard output gets.
async fn made(
    out: &PlanOut,
    asked: &Asked<'_>,
    shell: &Shell,
    session: &Session<'_>,
) -> Result<(Survey, String), Failure> {
    let (plan, choice) = planned(asked, shell)?;
    let output = out.output.as_deref();
    if let Some(path) = output {
        not_an_input(path, "output", &plan)?;
    }
    let (survey, tools) = survey_of(&plan, choice, asked, session, None).await?;
    let frozen = Frozen::of(&plan, &survey, choice.alias(), &tools.guards.policy)?;
    let text = frozen.text(&survey)?;
    let Some(path) = output else { return Ok((survey, text)) };
    write_whole(&shell.dir.join(path), text.as_bytes())
        .map_err(|error| Failure::disk("write", path, &error))?;
    let told = Told { word: "plan", plan: &plan, survey: &survey, alias: choice.alias() };
    let manners = &asked.load.manners;
    let text = if manners.json {
        format!("{}\n", told.document(plan_member(path, &frozen.digest)))
    } else {
        let screen = told.screen(&shell.dir, shell.out_paint(manners.color));
        let path = path.display();
        format!("{screen}\nplan {path}, digest {}\n", frozen.digest)
            + &format!("hint: review it, then `longshore apply {path}` carries it out\n")
    };
    Ok((survey, text))
}

fn changing<'a>(
    operation: Operation,
    update: &'a PlanUpdate,
    external_id: Option<&'a str>,
) -> Asked<'a> {
    let extra = Extra::of_update(update.changing, external_id);
    Asked { operation, load: &update.load, extra }
}

fn removal(operation: Operation, plan: &PlanDelete) -> Asked<'_> {
    let extra = Extra { before_images: plan.before_images, ..Extra::default() };
    Asked { operation, load: &plan.load, extra }
}

fn plain(operation: Operation, plan: &PlanLoad) -> Asked<'_> {
    Asked { operation, load: &plan.load, extra: Extra::default() }
}

fn explained(asked: &Asked<'_>, shell: &Shell) -> Result<u8, Failure> {
    let project = Project::read(&shell.dir)?;
    let settings = explain::settings(asked.operation, asked.load, asked.extra, &project);
    let manners = &asked.load.manners;
    let text = if manners.json {
        let members = settings.iter().map(|setting| (setting.name.to_owned(), setting.json()));
        format!("{}\n", Value::Object(members.collect()))
    } else {
        explain::screen(&settings, shell.out_paint(manners.color))
    };
    print(&shell.out, &text)?;
    Ok(0)
}
