//! Each step, worked out as far as that goes before the steps that it waits for.

use std::sync::Arc;

use super::{Checked, files};
use crate::config::mapping::{LookupFrom, MappingSpec, RuleSource};
use crate::config::plan::{LoadPlan, Source};
use crate::config::runbook::{
    ExportSpec, LoadStep, PermissionsAction, PermissionsStep, Rows, Step, StepKind,
};
use crate::model::failure::{Blame, Failure};
use crate::model::names::ObjectName;
use crate::model::operation::Operation;
use crate::perms;
use crate::pipeline::run::Tools;
use crate::pipeline::survey::{Survey, columns, survey};
use crate::pipeline::{guards, read};
use crate::runbook::ask::{Orgs, Request, kind_of};
use crate::runbook::places::Places;
use crate::runbook::step as steps;
use crate::runbook::watch::{Quietly, Teller};
use crate::target::{Fault, Target};

/// What is known of a step before it begins.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct StepPlan {
    pub id: String,
    pub title: Option<String>,
    pub kind: &'static str,
    pub alias: String,
    /// `upsert of Account by Legacy_Id__c`.
    pub what: String,
    pub after: Vec<String>,
    /// Rows that are taken, and those of them that would fail a local check.
    pub rows: Option<u64>,
    pub rejected: Option<u64>,
    pub jobs: Option<u64>,
    pub calls: Option<u64>,
    /// What cannot be known yet, and why.
    pub unknown: Vec<String>,
    /// What an undo of the run cannot take back.
    pub no_undo: Option<String>,
}

impl StepPlan {
    fn of(step: &Step, alias: &str) -> Self {
        Self {
            id: step.id.clone(),
            title: step.title.clone(),
            kind: kind_of(step),
            alias: alias.to_owned(),
            after: step.depends_on.clone(),
            ..Self::default()
        }
    }

    /// One line for people.
    pub fn line(&self) -> String {
        let place = match self.kind {
            "checkpoint" => String::new(),
            _ => format!(" in `{}`", self.alias),
        };
        let mut parts = vec![format!("{}: {}{place}", self.id, self.what)];
        if let Some(rows) = self.rows {
            let noun = if rows == 1 { "row" } else { "rows" };
            parts.push(format!("{rows} {noun}"));
        }
        if let Some(rejected) = self.rejected.filter(|rows| *rows > 0) {
            parts.push(format!("{rejected} of them would be rejected"));
        }
        if let Some(jobs) = self.jobs {
            let noun = if jobs == 1 { "job" } else { "jobs" };
            parts.push(format!("{jobs} {noun}"));
        }
        if !self.after.is_empty() {
            parts.push(format!("after {}", self.after.join(", ")));
        }
        parts.join(", ")
    }
}

/// Works every selected step out; what is wrong goes to the faults.
pub async fn check<T: Target>(
    checked: &mut Checked,
    request: &Request,
    orgs: &Orgs<T>,
    tools: &Tools,
) -> Result<(), Failure> {
    let frozen = checked.frozen.clone();
    // Nothing is there yet: only the names of files count.
    let places = Places::of(&request.runs_dir.join("run"), &frozen.runbook);
    let selected = frozen.selected();
    for (number, step) in selected.iter().enumerate() {
        if tools.stop.is_asked() {
            return Err(Failure::new(Blame::Interrupted, "interrupted; nothing was sent"));
        }
        let Some(org) = frozen.orgs.get(&step.org) else { continue };
        let Some(target) = orgs.get(&org.alias) else { continue };
        let mut tools = tools.clone();
        let teller = Teller::of(&step.id, Arc::clone(&tools.watch));
        tools.watch = Arc::new(Quietly(teller));
        tools.guards.max_failed = tools.guards.max_failed.or(frozen.max_failed(step));
        let look = Look {
            step,
            before: &selected[..number],
            request,
            places: &places,
            target,
            tools: &tools,
            plan: StepPlan::of(step, &org.alias),
            removed: Some(0),
            faults: Vec::new(),
        };
        let Looked { plan, removed, faults } = look.at().await;
        let all = checked.removed.entry(org.alias.clone()).or_insert(Some(0));
        *all = all.zip(removed).map(|(all, more)| all + more);
        checked.plans.push(plan);
        checked
            .faults
            .extend(faults.into_iter().map(|fault| files::of(&frozen.runbook, step, fault)));
    }
    Ok(())
}

/// A step that is looked at.
struct Look<'a, T> {
    step: &'a Step,
    /// Steps that stand before it in the order.
    before: &'a [&'a Step],
    request: &'a Request,
    places: &'a Places,
    target: &'a Arc<T>,
    tools: &'a Tools,
    plan: StepPlan,
    /// Rows that are taken away; `None` where that cannot be known.
    removed: Option<u64>,
    faults: Vec<Failure>,
}

struct Looked {
    plan: StepPlan,
    removed: Option<u64>,
    faults: Vec<Failure>,
}

impl<T: Target> Look<'_, T> {
    async fn at(mut self) -> Looked {
        let step = self.step;
        let looked = match &step.kind {
            StepKind::Load(load) => self.load(load).await,
            StepKind::Permissions(change) => self.permissions(change).await,
            StepKind::Export(export) => {
                self.plan.what = format!("export to `{}`", export.output);
                self.plan.unknown.push("how many rows the org has then".to_owned());
                self.export(&export.query).await
            }
            StepKind::Assert(asserts) => {
                self.plan.what = format!("{} to be asserted", asserts.len());
                Ok(())
            }
            StepKind::Checkpoint(_) => {
                "a checkpoint, which somebody must approve".clone_into(&mut self.plan.what);
                Ok(())
            }
            StepKind::Reconcile(checks) => {
                self.plan.what = format!("{} checks to be reconciled", checks.len());
                self.reconcile(checks.iter().filter_map(|check| rows_of(&check.kind)))
            }
        };
        self.faults.extend(looked.err());
        Looked { plan: self.plan, removed: self.removed, faults: self.faults }
    }

    async fn load(&mut self, load: &LoadStep) -> Result<(), Failure> {
        let by = load.external_id.as_ref().map(|key| format!(" by `{key}`")).unwrap_or_default();
        self.plan.what = format!("{} of `{}`{by}", load.operation, load.object);
        let removes = guards::is_removal(load.operation);
        let kind = self.target.kind();
        let mut plan = steps::load_plan(self.step, load, self.places, kind)?;
        plan.runs_dir.clone_from(&self.request.runs_dir);
        plan.run_name = None;
        let given = load.mapping.as_deref().map(MappingSpec::read).transpose()?;
        self.plan.no_undo = no_undo(load.operation, plan.before_images);
        self.needs(load, given.as_ref())?;
        if let Some(why) = self.why_not(load, given.as_ref()) {
            self.plan.unknown.push(why);
            self.columns(&plan).await?;
            self.plan.rows = count(&plan)?;
            if removes {
                self.removed = self.plan.rows;
            }
            return self.second(load, given.as_ref(), &plan).await;
        }
        let survey = Box::pin(survey(&plan, &**self.target, self.tools, None)).await?;
        self.surveyed(&survey);
        if removes {
            self.removed = Some(survey.rows());
        }
        self.second(load, given.as_ref(), &plan).await
    }

    fn surveyed(&mut self, survey: &Survey) {
        self.plan.rows = Some(survey.rows());
        self.plan.rejected = Some(survey.rejected);
        self.plan.jobs = Some(survey.jobs.count);
        self.plan.calls = Some(survey.calls.for_jobs);
        for refusal in &survey.refusals {
            self.faults.push(Failure::new(Blame::Guard, refusal));
        }
        if let Some(group) = survey.groups.first() {
            let message = format!(
                "{} rows would be rejected, {} of them with `{}`: {}",
                survey.rejected, group.count, group.code, group.message
            );
            let notice = crate::pipeline::event::Event::Notice { message };
            self.tools.watch.see(&notice);
        }
    }

    /// Steps whose rows or Ids are used must be carried out too.
    fn needs(&self, load: &LoadStep, spec: Option<&MappingSpec>) -> Result<(), Failure> {
        let of_rows = match &load.rows {
            Rows::Step(id) => Some(id.clone()),
            Rows::File(_) => None,
        };
        let of_lookups =
            spec.into_iter().flat_map(|spec| &spec.rules).filter_map(|rule| {
                match &rule.lookup.as_ref()?.from {
                    LookupFrom::Step { step, .. } => Some(step.clone()),
                    LookupFrom::Object { .. } | LookupFrom::File { .. } => None,
                }
            });
        of_rows.into_iter().chain(of_lookups).try_for_each(|id| self.is_there(&id))
    }

    fn is_there(&self, id: &str) -> Result<(), Failure> {
        if id == self.step.id || self.before.iter().any(|step| step.id == id) {
            return Ok(());
        }
        let message = format!("it uses what the step `{id}` leaves behind, which is left out");
        Err(Failure::new(Blame::Request, message)
            .hint(format!("take `{id}` in, with `--only`, `--from` or `--until`")))
    }

    /// Why the rows of a load cannot be looked at before the steps that stand before it.
    fn why_not(&self, load: &LoadStep, spec: Option<&MappingSpec>) -> Option<String> {
        if let Rows::Step(id) = &load.rows {
            return Some(format!("its rows come from the step `{id}`"));
        }
        if steps::uses_steps(load, spec) {
            return Some("it looks up Ids that an earlier step is to make".to_owned());
        }
        let rules = spec.into_iter().flat_map(|spec| &spec.rules);
        let mut objects = rules.filter_map(|rule| match &rule.lookup.as_ref()?.from {
            LookupFrom::Object { object, .. } => Some(object),
            LookupFrom::File { .. } | LookupFrom::Step { .. } => None,
        });
        objects.find_map(|object| {
            let step = self.before.iter().find(|step| changes(step, object, &self.step.org))?;
            Some(format!("it looks up `{object}`, which the step `{}` changes", step.id))
        })
    }

    /// The mapping against the describe, for columns as far as they are known.
    async fn columns(&self, plan: &LoadPlan) -> Result<(), Failure> {
        let header = match &plan.input.source {
            Source::File(path) if path.is_file() => {
                Some(read::open(&plan.input)?.header().to_vec())
            }
            _ => plan.mapping.as_ref().map(named),
        };
        columns(plan, &**self.target, header.as_deref()).await
    }

    /// The fields of a second pass can be updated.
    async fn second(
        &mut self,
        load: &LoadStep,
        given: Option<&MappingSpec>,
        first: &LoadPlan,
    ) -> Result<(), Failure> {
        if load.second_pass.is_empty() {
            return Ok(());
        }
        let Some(given) = given else { return Err(steps::without_mapping()) };
        let (what, fields) = (&self.plan.what, load.second_pass.join("`, `"));
        self.plan.what = format!("{what}, then `{fields}` in a second pass,");
        self.plan.unknown.push("how many rows have something for the second pass".to_owned());
        let spec = steps::second_mapping(given, load, self.places)?;
        let header = named(&spec);
        let plan = LoadPlan {
            operation: Operation::Update,
            external_id: None,
            mapping: Some(spec),
            ..first.clone()
        };
        columns(&plan, &**self.target, Some(&header)).await
    }

    async fn permissions(&mut self, change: &PermissionsStep) -> Result<(), Failure> {
        let word = match change.action {
            PermissionsAction::Grant => "grant",
            PermissionsAction::Revoke => "revoke",
            PermissionsAction::Sync => "sync",
        };
        self.plan.what = format!("{word} of permissions");
        let takes = change.action != PermissionsAction::Grant;
        let mut request = steps::permissions_request(change, self.places)?;
        if let Rows::Step(id) = &change.rows {
            self.is_there(id)?;
            self.plan.unknown.push(format!("its rows come from the step `{id}`"));
            if takes {
                self.removed = None;
            }
            return Ok(());
        }
        request.runs_dir.clone_from(&self.request.runs_dir);
        request.dry_run = true;
        let org = &self.step.org;
        let users = self.before.iter().find(|step| {
            ["User", "PermissionSet"].into_iter().any(|object| changes(step, object, org))
        });
        match users {
            Some(step) => {
                let why = format!("the step `{}` changes users before", step.id);
                self.plan.unknown.push(why);
                self.removed = if takes { None } else { Some(0) };
                Ok(())
            }
            None => self.preview(request, takes).await,
        }
    }

    async fn preview(&mut self, request: perms::Request, takes: bool) -> Result<(), Failure> {
        let (alias, tools) = (self.plan.alias.clone(), self.tools.clone());
        let carried = perms::carry_out(request, Arc::clone(self.target), alias, tools);
        let perms::Ended::Previewed(preview) = Box::pin(carried).await? else {
            let message =
                "a change of permissions was to be previewed; this is a fault of longshore";
            return Err(Failure::new(Blame::Run, message));
        };
        let counts = preview.counts();
        self.plan.rows = Some(preview.rows());
        self.plan.rejected = Some(preview.rejected());
        if takes {
            self.removed = Some(counts.remove);
        }
        Ok(())
    }

    async fn export(&self, query: &ExportSpec) -> Result<(), Failure> {
        let ExportSpec::Object { object, fields, .. } = query else { return Ok(()) };
        let name = ObjectName::parse(object)
            .map_err(|error| Failure::new(Blame::Request, format!("object {error}")))?;
        let schema = self.target.describe(&name).await.map_err(Fault::of_request)?;
        let unknown =
            fields.iter().find(|field| !field.contains('.') && schema.field(field).is_none());
        match unknown {
            Some(field) => {
                let message = format!("`{object}` has no field `{field}`");
                Err(Failure::new(Blame::Request, message)
                    .hint(format!("`longshore describe {object}` shows its fields")))
            }
            None => Ok(()),
        }
    }

    fn reconcile<'b>(&self, rows: impl Iterator<Item = &'b str>) -> Result<(), Failure> {
        rows.into_iter().try_for_each(|id| self.is_there(id))
    }
}

/// The rows of a load whose file is there.
fn count(plan: &LoadPlan) -> Result<Option<u64>, Failure> {
    match &plan.input.source {
        Source::File(path) if path.is_file() => steps::count_rows(&plan.input).map(Some),
        _ => Ok(None),
    }
}

/// Whether a step changes records of an object in an org.
fn changes(step: &Step, object: &str, org: &str) -> bool {
    let StepKind::Load(load) = &step.kind else { return false };
    step.org == org && load.object.eq_ignore_ascii_case(object)
}

/// The columns that a mapping names, as a header.
fn named(spec: &MappingSpec) -> Vec<String> {
    let mut header: Vec<String> = Vec::new();
    for rule in &spec.rules {
        let columns = match &rule.source {
            RuleSource::Constant(_) => Vec::new(),
            RuleSource::Column(column) => vec![column.clone()],
            RuleSource::Columns { columns, .. } => columns.clone(),
        };
        for column in columns {
            if !header.iter().any(|known| known.eq_ignore_ascii_case(&column)) {
                header.push(column);
            }
        }
    }
    header
}

/// The steps whose rows a check uses.
fn rows_of(kind: &crate::config::runbook::CheckKind) -> Option<&str> {
    use crate::config::runbook::CheckKind;
    match kind {
        CheckKind::Count { source, .. }
        | CheckKind::Sum { source, .. }
        | CheckKind::Nulls { source, .. }
        | CheckKind::Duplicates { source, .. } => match &source.rows {
            Rows::Step(id) => Some(id),
            Rows::File(_) => None,
        },
        CheckKind::Orphans { .. } => None,
        CheckKind::Sample { step, .. } => Some(step),
    }
}

/// What an undo cannot take back of a load.
fn no_undo(operation: Operation, images: bool) -> Option<String> {
    match operation {
        Operation::HardDelete => Some("records past the recycle bin come back as new ones".into()),
        Operation::Insert | Operation::Undelete => None,
        Operation::Update | Operation::Upsert | Operation::Delete => {
            (!images).then(|| "without before-images what records held is not known".into())
        }
    }
}
