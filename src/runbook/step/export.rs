//! An export: a file in the step's folder that appears when it is whole.

use crate::config::runbook::{ExportSpec, ExportStep, Step};
use crate::ledger::{Output, StepOutcome};
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::model::names::ObjectName;
use crate::pipeline::export::{Destination, export};
use crate::pipeline::parent::make_folder;
use crate::pipeline::threads::on_thread;
use crate::runbook::carry::Run;
use crate::target::{ExportQuery, ExportRequest, Target};

use super::Ended;

/// Writes the file anew, as long as the step has not ended: asking changes nothing.
pub(super) async fn carry<T: Target>(
    run: &Run<T>,
    step: &Step,
    asked: &ExportStep,
) -> Result<Ended, Failure> {
    let at = run.org(step)?;
    let path = run.places.rows_of(&step.id);
    make_folder(path.parent().unwrap_or(&path))?;
    let request = request(asked)?;
    let watch = run.tools_of(step, at).watch;
    let exporting = export(&*at.target, &request, Destination::File(&path), &*watch);
    let exported = tokio::select! {
        biased;
        done = exporting => done?,
        () = run.tools.stop.asked() => {
            return Err(Failure::new(Blame::Interrupted, "interrupted"));
        }
    };
    let name = asked.output.clone();
    let digest = on_thread("reading the export", move || {
        let mut hasher = blake3::Hasher::new();
        let hashed = std::fs::File::open(&path)
            .and_then(|mut file| std::io::copy(&mut file, &mut hasher).map(drop));
        hashed.map_err(|error| Failure::disk("read", &path, &error))?;
        Ok(Digest::finish(&hasher))
    });
    let file = Output { name, rows: exported.rows, bytes: exported.bytes, digest: digest.await? };
    Ok(Ended { files: vec![file], ..Ended::as_is(StepOutcome::Succeeded) })
}

/// What is asked of the org.
fn request(asked: &ExportStep) -> Result<ExportRequest, Failure> {
    let query = match &asked.query {
        ExportSpec::Soql(text) => ExportQuery::Soql(text.clone()),
        ExportSpec::Object { object, fields, filter } => ExportQuery::Object {
            object: ObjectName::parse(object)
                .map_err(|error| Failure::new(Blame::Request, format!("object {error}")))?,
            fields: fields.clone(),
            filter: filter.clone(),
        },
    };
    Ok(ExportRequest { query, all: asked.all })
}
