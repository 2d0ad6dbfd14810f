//! `check`: a load without sending.

use std::path::Path;

use serde_json::{Value, json};

use super::load::Asked;
use super::print;
use crate::cli::args::{Check, Confirm};
use crate::cli::org::Choice;
use crate::cli::resolve::{self, Extra};
use crate::cli::session::{Asking, Session};
use crate::cli::shell::Shell;
use crate::cli::survey::{self, Told};
use crate::config::plan::{LoadPlan, Source};
use crate::config::project::Defaults;
use crate::model::failure::{Blame, Failure};
use crate::model::operation::Operation;
use crate::pipeline::run::Tools;
use crate::pipeline::survey::{Survey, survey};

/// Works a load out and tells what it would be; the exit code says whether every row would be sent.
pub async fn check(args: &Check, shell: &Shell) -> Result<u8, Failure> {
    let session = Session::begin(shell, &args.load.manners, &args.load.progress);
    let result = checked(args, shell, &session).await;
    session.close();
    let (plan, choice, survey) = result?;
    let told = Told { word: "check", plan: &plan, survey: &survey, alias: choice.alias() };
    let text = if args.load.manners.json {
        format!("{}\n", told.document(Value::Null))
    } else {
        told.screen(&shell.dir, shell.out_paint(args.load.manners.color))
    };
    print(&shell.out, &text)?;
    Ok(survey::exit_code(&survey))
}

async fn checked(
    args: &Check,
    shell: &Shell,
    session: &Session<'_>,
) -> Result<(LoadPlan, Choice, Survey), Failure> {
    let operation = Operation::from(args.operation);
    let external_id = external_id(args, operation)?;
    let (nulls, before_images) = (args.nulls, args.before_images);
    let skip_unchanged = args.skip_unchanged;
    let extra = Extra { external_id, nulls, before_images, skip_unchanged };
    let asked = Asked { operation, load: &args.load, extra };
    let (plan, choice) = planned(&asked, shell)?;
    if let Some(path) = &args.rejected {
        not_an_input(path, "rejected", &plan)?;
    }
    let (survey, _) = survey_of(&plan, choice, &asked, session, args.rejected.as_deref()).await?;
    Ok((plan, choice, survey))
}

/// The plan and the org that were asked for.
pub fn planned(asked: &Asked<'_>, shell: &Shell) -> Result<(LoadPlan, Choice), Failure> {
    let defaults = Defaults::read(&shell.dir)?;
    let alias = resolve::target_org(asked.load.connect.target_org.as_deref(), &defaults);
    let plan = resolve::load_plan(asked.operation, asked.load, asked.extra, &defaults);
    let choice = Choice::of(alias, &shell.environment);
    let (mut plan, choice) = super::load::both(plan, choice)?;
    plan.max_failed = asked.load.confirm.max_failed;
    Ok((plan, choice))
}

/// Signs in and works a load out. Nothing is confirmed by it; the budget is that of the run.
pub async fn survey_of(
    plan: &LoadPlan,
    choice: Choice,
    asked: &Asked<'_>,
    session: &Session<'_>,
    rejected_to: Option<&Path>,
) -> Result<(Survey, Tools), Failure> {
    session.listen()?;
    let api_budget = asked.load.confirm.api_budget;
    let nothing = Confirm { api_budget, ..Confirm::default() };
    let work = async {
        let target = session.connect(choice).await?;
        let input_is_stdin = plan.input.source == Source::Stdin;
        let tools = session.tools(Asking { confirm: &nothing, input_is_stdin })?;
        let survey = Box::pin(survey(plan, &*target, &tools, rejected_to)).await?;
        Ok((survey, tools))
    };
    session.within(work).await
}

fn external_id(args: &Check, operation: Operation) -> Result<Option<&str>, Failure> {
    match (operation, args.external_id.as_deref()) {
        (Operation::Upsert, None) => {
            let message = "an upsert needs the field by which it finds records";
            Err(Failure::new(Blame::Request, message).hint("name it with `--external-id`"))
        }
        (Operation::Upsert, field) => Ok(field),
        (_, None) => Ok(None),
        (_, Some(_)) => {
            let message = format!("`--external-id` is for an upsert, and this is {operation}");
            Err(Failure::new(Blame::Request, message).hint("`--operation upsert` checks an upsert"))
        }
    }
}

/// Refuses to write over what is read.
pub fn not_an_input(path: &Path, flag: &str, plan: &LoadPlan) -> Result<(), Failure> {
    let input = matches!(&plan.input.source, Source::File(file) if resolve::same_file(file, path));
    let mapping = plan.mapping.as_ref().map(|spec| Path::new(&spec.name));
    let what = match (input, mapping.is_some_and(|file| resolve::same_file(file, path))) {
        (true, _) => "input",
        (_, true) => "mapping",
        _ => return Ok(()),
    };
    let path = path.display();
    let message = format!("`--{flag}` would overwrite the {what} file `{path}`");
    Err(Failure::new(Blame::Request, message))
}

/// What `--json` says of a plan file.
pub fn plan_member(file: &Path, digest: &str) -> Value {
    json!({"file": file, "digest": digest})
}
