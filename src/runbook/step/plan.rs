//! From a load step to the plan of its run, with the mapping that its run reads.

use std::path::Path;

use crate::config::mapping::{self, LookupFrom, MappingSpec};
use crate::config::plan::{
    CopyStyle, Delimiter, Input, LineEnding, LoadPlan, MappingManner, Source,
};
use crate::config::runbook::{LoadStep, Rows, Step};
use crate::ledger::write_whole;
use crate::model::failure::{Blame, Failure};
use crate::model::limits::{CHUNK_BYTES_MAX, CHUNK_ROWS_DEFAULT, JOBS_PARALLEL_DEFAULT};
use crate::model::names::ObjectName;
use crate::model::operation::Operation;
use crate::pipeline::read;
use crate::runbook::places::Places;

/// The column of success.csv with the new Id.
pub const NEW_ID: &str = "sf__Id";

/// The plan of a load, with its mapping in memory only.
pub fn load_plan(
    step: &Step,
    load: &LoadStep,
    places: &Places,
    org_kind: &str,
) -> Result<LoadPlan, Failure> {
    let object = ObjectName::parse(&load.object)
        .map_err(|error| Failure::new(Blame::Request, format!("object {error}")))?;
    let mapping = load.mapping.as_deref().map(MappingSpec::read).transpose()?;
    Ok(LoadPlan {
        operation: load.operation,
        object,
        external_id: load.external_id.clone(),
        input: input(load, places),
        mapping: mapping.map(|spec| resolved(spec, load, places)),
        assignment_rule: None,
        mapping_manner: MappingManner::Own,
        chunk_rows: load.chunk_rows.unwrap_or(CHUNK_ROWS_DEFAULT),
        chunk_bytes: load.chunk_bytes.unwrap_or(CHUNK_BYTES_MAX),
        parallel: load.parallel.unwrap_or(JOBS_PARALLEL_DEFAULT),
        on_bad_row: load.on_bad_row,
        on_duplicate: load.on_duplicate,
        nulls: load.nulls,
        skip: 0,
        limit: None,
        runs_dir: places.steps().to_owned(),
        run_name: Some(places.name(&step.id)),
        success_copy: None,
        error_copy: None,
        copy_style: CopyStyle::Own,
        conversions: None,
        // The runbook's run is what is begun once; a step belongs to it.
        state_dir: None,
        retry_of: None,
        undo_of: None,
        before_images: load.before_images.unwrap_or_else(|| keeps_images(load.operation, org_kind)),
        skip_unchanged: load.skip_unchanged,
        verify_after: load.verify_after,
        group_by: None,
        lanes: None,
        rounds: 0,
        max_failed: None,
        passing_org: false,
    })
}

/// A runbook can be taken back unless it says otherwise; a tenant has no images of what it changes.
fn keeps_images(operation: Operation, org_kind: &str) -> bool {
    match operation {
        Operation::Insert | Operation::Undelete => false,
        Operation::Update | Operation::Upsert => org_kind != "auth0",
        Operation::Delete | Operation::HardDelete => true,
    }
}

/// Where the rows are. What this program wrote it reads as it wrote it.
fn input(load: &LoadStep, places: &Places) -> Input {
    let source = Source::File(places.file(&load.rows));
    match load.rows {
        Rows::File(_) => Input {
            source,
            delimiter: load.delimiter,
            line_ending: load.line_ending,
            encoding: load.encoding.clone(),
        },
        Rows::Step(_) => own(source),
    }
}

/// A file as this program writes it.
pub fn own(source: Source) -> Input {
    let (delimiter, line_ending) = (Some(Delimiter::Comma), Some(LineEnding::Lf));
    Input { source, delimiter, line_ending, encoding: None }
}

/// Whether a load needs what an earlier step leaves behind: its rows, or its new Ids.
pub fn uses_steps(load: &LoadStep, spec: Option<&MappingSpec>) -> bool {
    let of_step = |rule: &mapping::Rule| {
        let lookup = rule.lookup.as_ref();
        lookup.is_some_and(|lookup| matches!(lookup.from, LookupFrom::Step { .. }))
            && !load.second_pass.contains(&rule.target)
    };
    matches!(load.rows, Rows::Step(_)) || spec.is_some_and(|spec| spec.rules.iter().any(of_step))
}

/// The mapping of the first pass: the fields of the second one are left out, and the new Ids of
/// earlier steps are looked up in the files that those left.
pub fn resolved(mut spec: MappingSpec, load: &LoadStep, places: &Places) -> MappingSpec {
    spec.rules.retain(|rule| !load.second_pass.contains(&rule.target));
    in_files(&mut spec, places);
    spec
}

/// The new Id of a row of a step stands in that step's success.csv; its path is told from the
/// folder of all steps on, in which the mapping is written down.
pub fn in_files(spec: &mut MappingSpec, places: &Places) {
    for lookup in spec.rules.iter_mut().filter_map(|rule| rule.lookup.as_mut()) {
        if let LookupFrom::Step { step, key } = &lookup.from {
            let path = places.rows_of(step);
            let path = path.strip_prefix(places.steps()).unwrap_or(&path).to_owned();
            let key = key.clone();
            lookup.from = LookupFrom::File { path, key, value: NEW_ID.to_owned() };
        }
    }
}

/// Writes the mapping down where it is not that of its file, so that a later process of the run
/// reads the same one by path and digest.
pub fn written(
    step: &Step,
    load: &LoadStep,
    places: &Places,
    spec: Option<MappingSpec>,
) -> Result<Option<MappingSpec>, Failure> {
    let (Some(spec), Some(given)) = (spec, &load.mapping) else { return Ok(None) };
    if spec == MappingSpec::read(given)? {
        return Ok(Some(spec));
    }
    write(&places.mapping(&step.id), &spec).map(Some)
}

/// Writes a mapping, and reads it as a run does.
pub fn write(path: &Path, spec: &MappingSpec) -> Result<MappingSpec, Failure> {
    let text = mapping::write(spec)
        .map_err(|error| Failure::new(Blame::Request, format!("the mapping: {error}")))?;
    write_whole(path, text.as_bytes()).map_err(|error| Failure::disk("write", path, &error))?;
    Ok(MappingSpec::read(path)?)
}

/// The rows of a file, header not counted; those that cannot be read count too.
pub fn count_rows(input: &Input) -> Result<u64, Failure> {
    let mut reader = read::open(input)?;
    let mut rows = 0;
    while let Some(slab) = reader.next_slab()? {
        rows += (slab.marks.len() + slab.rejected.len()) as u64;
    }
    Ok(rows)
}
