//! From a plan to the manifest of its run, and back.

use std::path::{Path, PathBuf};

use super::map::Mapping;
use super::run::Seed;
use crate::config::mapping::MappingSpec;
use crate::config::plan::{CopyStyle, LoadPlan, MappingManner, RUNS_DIR, Source};
use crate::ledger::{Manifest, MappingFile};
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::model::schema::{FieldSchema, OrgFacts, SentField};

/// Version of what the manifest holds. 1 had no plan.
const FORMAT: u32 = 2;

/// The manifest of a new run, without what only reading the input tells.
pub fn of(
    plan: &LoadPlan,
    run: &str,
    alias: &str,
    seed: Seed,
    org: &OrgFacts,
    mapping: &Mapping,
) -> Manifest {
    Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        run: run.to_owned(),
        started: seed.started.to_string(),
        operation: plan.operation.to_string(),
        object: plan.object.to_string(),
        external_id: plan.external_id.clone(),
        alias: alias.to_owned(),
        // Told by the run, which knows the target.
        org_kind: String::new(),
        org_id: org.id.clone(),
        org_origin: org.origin.clone(),
        user_id: org.user_id.clone(),
        username: org.username.clone(),
        input: input_name(&plan.input.source),
        skip: plan.skip,
        limit: plan.limit,
        chunk_rows: plan.chunk_rows,
        chunk_bytes: plan.chunk_bytes,
        sent: mapping.sent.iter().map(|field| field.header.clone()).collect(),
        fields: mapping.sent.iter().map(without_values).collect(),
        columns: Vec::new(),
        input_digest: None,
        mapping: plan
            .mapping
            .as_ref()
            .map(|spec| MappingFile { path: whole(Path::new(&spec.name)), digest: spec.digest }),
        duplicates: None,
        unchanged: None,
        // Told by the run, before it is written.
        lookups: Vec::new(),
        retry_of: plan.retry_of.clone(),
        undo_of: plan.undo_of.clone(),
        images: Vec::new(),
        confirmed: None,
        applied: None,
        plan: asked(plan),
    }
}

/// All that was asked for, as it stands in the manifest.
pub(super) fn asked(plan: &LoadPlan) -> Option<serde_json::Value> {
    serde_json::to_value(from_the_root(plan)).ok()
}

/// The plan of a run, with its mapping as the mapping file is now.
///
/// `runs_dir` is where the run lies by now.
pub fn plan(manifest: &Manifest, runs_dir: &Path) -> Result<LoadPlan, Failure> {
    let Some(plan) = manifest.plan.clone() else { return Err(too_old(manifest)) };
    let plan: LoadPlan = serde_json::from_value(plan).map_err(|error| {
        Failure::new(Blame::Ledger, format!("the manifest of `{}` is damaged", manifest.run))
            .cause(error)
    })?;
    let runs_dir = runs_dir.to_owned();
    Ok(LoadPlan { runs_dir, run_name: Some(manifest.run.clone()), ..plan })
}

/// The mapping file as it is now; a change is a refusal.
pub fn mapping(manifest: &Manifest, manner: MappingManner) -> Result<Option<MappingSpec>, Failure> {
    let Some(file) = &manifest.mapping else { return Ok(None) };
    let spec = MappingSpec::read_as(&file.path, manner);
    let spec = spec.map_err(|error| gone("mapping", &file.path, &error.into()))?;
    if spec.digest == file.digest {
        return Ok(Some(spec));
    }
    Err(changed("mapping", &file.path, &file.digest.to_string(), &spec.digest.to_string()))
}

/// The input is not the same at two readings before the run.
pub fn same_reading(
    plan: &LoadPlan,
    first: Option<Digest>,
    again: Option<Digest>,
) -> Result<(), Failure> {
    if first.zip(again).is_none_or(|(first, again)| first == again) {
        return Ok(());
    }
    let message = format!("`{}` changes while it is read", input_name(&plan.input.source));
    Err(Failure::new(Blame::Guard, message).hint("wait until it is written, or copy it"))
}

/// A file is not what it was when the run began.
pub fn changed(what: &str, path: &Path, before: &str, now: &str) -> Failure {
    let message = format!("the {what} `{}` is not what it was when the run began", path.display());
    Failure::new(Blame::Guard, message)
        .cause(format!("digest then {before}"))
        .cause(format!("digest now {now}"))
        .hint(format!("put the {what} back as it was, and resume once more"))
}

/// A file cannot be read any more, or makes no sense any more.
pub fn gone(what: &str, path: &Path, why: &Failure) -> Failure {
    let message = format!("the {what} `{}` cannot be read any more", path.display());
    Failure::new(Blame::Guard, message)
        .cause(&why.message)
        .hint(format!("put the {what} back as it was, and resume once more"))
}

/// The command that goes on with the run in `root`, as it is typed in this folder.
pub fn resume_command(root: &Path) -> String {
    format!("longshore resume {}", shown(root))
}

/// What the run in `root` is called on a command line in this folder.
pub fn shown(root: &Path) -> String {
    let usual = whole(Path::new(RUNS_DIR));
    let name = root.file_name().filter(|_| whole(root).parent() == Some(&usual));
    name.map_or_else(|| root.display().to_string(), |name| name.display().to_string())
}

/// What the input is called in messages.
pub fn input_name(source: &Source) -> String {
    match source {
        Source::File(path) => path.display().to_string(),
        Source::Stdin => "stdin".to_owned(),
    }
}

/// A later process may be started in another folder.
fn from_the_root(plan: &LoadPlan) -> LoadPlan {
    let mut plan = plan.clone();
    if let Source::File(path) = &mut plan.input.source {
        *path = whole(path);
    }
    for copy in [&mut plan.success_copy, &mut plan.error_copy].into_iter().flatten() {
        *copy = whole(copy);
    }
    if let CopyStyle::DataLoader(copies) = &mut plan.copy_style
        && let Some(copy) = &mut copies.unsent_copy
    {
        *copy = whole(copy);
    }
    plan.runs_dir = whole(&plan.runs_dir);
    plan
}

fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn without_values(field: &SentField) -> SentField {
    SentField {
        header: field.header.clone(),
        from: field.from.clone(),
        field: bare(&field.field),
        related: field.related.as_ref().map(bare),
    }
}

/// A field as a manifest keeps it.
pub fn bare(field: &FieldSchema) -> FieldSchema {
    FieldSchema { picklist: Vec::new(), ..field.clone() }
}

fn too_old(manifest: &Manifest) -> Failure {
    let message = format!("the run `{}` was made by version {}", manifest.run, manifest.version);
    Failure::new(Blame::Ledger, message)
        .hint("its plan was not kept then, so it cannot be gone on with")
}
