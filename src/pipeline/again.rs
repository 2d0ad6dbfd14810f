//! Again: whether this user has started the very same load before.

use std::path::Path;

use super::assent::Assent;
use super::event::{Event, Watch};
use super::manifest;
use crate::config::plan::LoadPlan;
use crate::ledger::{History, Manifest, RunState, StartedLoad};
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::model::verdict::Counts;

/// Notes the start of a load; asks first, when one like it was started within 30 days.
///
/// A history that cannot be written is told and does not hold up the load.
pub fn ask(
    plan: &LoadPlan,
    manifest: &Manifest,
    run_dir: &Path,
    assent: &dyn Assent,
    watch: &dyn Watch,
) -> Result<(), Failure> {
    let (Some(folder), Some(key)) = (&plan.state_dir, key(plan, manifest)) else { return Ok(()) };
    let load = StartedLoad {
        key,
        run: manifest.run.clone(),
        run_dir: std::path::absolute(run_dir).unwrap_or_else(|_| run_dir.to_owned()),
        started: manifest.started.clone(),
    };
    let Manifest { operation, object, input, .. } = manifest;
    let what = format!("this very load was started before: {operation} `{object}` from `{input}`");
    note(folder, &load, &what, assent, watch)
}

/// Notes the start of a load, or of another run; asks first, by `what`, when one like it was
/// started within 30 days.
pub fn note(
    folder: &Path,
    load: &StartedLoad,
    what: &str,
    assent: &dyn Assent,
    watch: &dyn Watch,
) -> Result<(), Failure> {
    let started = History::in_folder(folder).and_then(|history| {
        let earlier = history.start(load, false)?;
        Ok((history, earlier))
    });
    let noted = match started {
        Ok((_, None)) => Ok(()),
        Ok((history, Some(earlier))) => {
            assent.to(doubt(what, &earlier))?;
            history.start(load, true).map(drop)
        }
        Err(error) => Err(error),
    };
    if let Err(error) = noted {
        let folder = folder.display();
        let message = format!(
            "cannot remember this load in `{folder}`: {error}; a second start of it would not be \
             noticed"
        );
        watch.see(&Event::Notice { message });
    }
    Ok(())
}

/// Takes back what [`ask`] noted: the load was refused and sent nothing.
pub fn withdraw(plan: &LoadPlan, run_dir: &Path) {
    let Some(folder) = &plan.state_dir else { return };
    let run_dir = std::path::absolute(run_dir).unwrap_or_else(|_| run_dir.to_owned());
    let withdrawn = History::in_folder(folder).and_then(|history| history.withdraw(&run_dir));
    if let Err(error) = withdrawn {
        tracing::debug!(%error, "A refused load stays in the history.");
    }
}

/// What makes two loads the same; `None` where the input is read but once.
fn key(plan: &LoadPlan, manifest: &Manifest) -> Option<Digest> {
    let input = manifest.input_digest?;
    let mapping = manifest.mapping.as_ref().map(|mapping| mapping.digest.to_string());
    let text = serde_json::json!([
        manifest.org_id,
        manifest.object.to_lowercase(),
        manifest.operation,
        manifest.external_id.as_ref().map(|field| field.to_lowercase()),
        input.to_string(),
        mapping,
        plan.nulls,
        manifest.skip,
        manifest.limit,
    ]);
    Some(Digest::of(text.to_string().as_bytes()))
}

fn doubt(what: &str, earlier: &StartedLoad) -> Failure {
    let run = &earlier.run;
    let when = earlier.started.split('.').next().unwrap_or_default().replace('T', " ");
    let became = became(earlier);
    let end = match &became {
        Became::Gone => "whose folder is gone".to_owned(),
        Became::Unfinished => "which is not finished".to_owned(),
        Became::Ended(rows) => {
            format!("which ended with {} of {} rows in success.csv", rows.success, rows.input)
        }
    };
    let message = format!("{what}, run `{run}` at {when} UTC, {end}");
    let failure = Failure::new(Blame::Guard, message);
    let failure = match became {
        Became::Gone => failure,
        Became::Unfinished => {
            let command = manifest::resume_command(&earlier.run_dir);
            failure.hint(format!("`{command}` goes on with it"))
        }
        Became::Ended(_) => failure.hint(format!(
            "`longshore runs show {}` tells what became of its rows",
            manifest::shown(&earlier.run_dir)
        )),
    };
    failure.hint("`--yes` sends all the rows once more")
}

/// What became of a run.
enum Became {
    Gone,
    Unfinished,
    Ended(Counts),
}

fn became(earlier: &StartedLoad) -> Became {
    let ledger = earlier.run_dir.join("ledger.jsonl");
    let state = Manifest::read(&earlier.run_dir)
        .ok()
        .and_then(|manifest| RunState::read(&ledger, &manifest.run).ok());
    match state {
        None => Became::Gone,
        Some((state, _)) => {
            state.closed.map_or(Became::Unfinished, |closed| Became::Ended(closed.counts))
        }
    }
}
