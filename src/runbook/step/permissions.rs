//! A change of permissions: a run of `perms` below `steps/`.

use std::path::PathBuf;
use std::sync::Arc;

use super::{ChildEnd, Ended, closed, paused, plan};
use crate::config::plan::{Input, Source};
use crate::config::runbook::{PermissionsAction, PermissionsStep, Rows, Step};
use crate::model::failure::{Blame, Failure};
use crate::perms::{self, Action, Request, Scope, WhoField};
use crate::pipeline::parent;
use crate::runbook::carry::Run;
use crate::runbook::places::Places;
use crate::target::Target;

/// Begins the change or goes on with it.
pub(super) async fn carry<T: Target>(
    run: &Run<T>,
    step: &Step,
    change: &PermissionsStep,
) -> Result<Ended, Failure> {
    let end = match child(run, step, change).await? {
        ChildEnd::Paused(summary) => return Ok(paused(run, &summary)),
        ChildEnd::Closed(summary) => summary,
    };
    run.judge(step, &end, end.rows)
}

async fn child<T: Target>(
    run: &Run<T>,
    step: &Step,
    change: &PermissionsStep,
) -> Result<ChildEnd, Failure> {
    let at = run.org(step)?;
    let root = run.places.folder(&step.id);
    let (target, tools) = (Arc::clone(&at.target), run.tools_of(step, at));
    let summary = if parent::is_begun(&root) {
        if parent::is_closed(&root)? {
            return closed(&root);
        }
        Box::pin(perms::resume(&root, target, tools)).await?
    } else {
        run.unchanged_inputs(step).await?;
        parent::make_folder(run.places.steps())?;
        parent::remove_unborn(&root)?;
        let mut request = request(change, &run.places)?;
        request.run_name = Some(run.places.name(&step.id));
        request.passing_org = run.frozen.passing_org;
        match Box::pin(perms::carry_out(request, target, at.alias.clone(), tools)).await? {
            perms::Ended::Carried(summary) => *summary,
            perms::Ended::Previewed(_) => {
                return Err(Failure::new(Blame::Run, "the change was only previewed"));
            }
        }
    };
    let ended = Box::new(summary);
    Ok(if parent::is_closed(&root)? { ChildEnd::Closed(ended) } else { ChildEnd::Paused(ended) })
}

/// The change as `perms` is asked for it.
pub fn request(change: &PermissionsStep, places: &Places) -> Result<Request, Failure> {
    let matching = change.matching.iter().map(|column| {
        let found = WhoField::ALL.into_iter();
        // The file has the words of `--match`: `employee-number`.
        let wanted = column.replace('-', " ");
        let mut found = found.filter(|field| field.header().eq_ignore_ascii_case(&wanted));
        found.next().ok_or_else(|| {
            let known: Vec<String> =
                WhoField::ALL.iter().map(|field| format!("`{}`", field.header())).collect();
            let column = column.escape_debug();
            Failure::new(Blame::Request, format!("`match`: no user is found by `{column}`"))
                .hint(format!("users are found by {}", known.join(", ")))
        })
    });
    let matching: Vec<WhoField> = matching.collect::<Result<_, _>>()?;
    let source = Source::File(places.file(&change.rows));
    let input = match change.rows {
        Rows::File(_) => Input { source, delimiter: None, line_ending: None, encoding: None },
        Rows::Step(_) => plan::own(source),
    };
    Ok(Request {
        action: match change.action {
            PermissionsAction::Grant => Action::Grant,
            PermissionsAction::Revoke => Action::Revoke,
            PermissionsAction::Sync => Action::Sync,
        },
        scope: if change.listed_users { Scope::ListedUsers } else { Scope::ListedPermissions },
        input: Some(input),
        condition: None,
        everything: change.everything,
        sets: change.permission_sets.clone(),
        groups: change.permission_set_groups.clone(),
        copy_from: None,
        expires: change.expires.clone(),
        matching: if matching.is_empty() { WhoField::ALL.to_vec() } else { matching },
        runs_dir: PathBuf::from(places.steps()),
        run_name: None,
        review: None,
        dry_run: false,
        passing_org: false,
    })
}
