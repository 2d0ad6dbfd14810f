//! The second pass of a load: the fields that refer to records of the same load, written once all
//! of those are there.
//!
//! Its input is made from the success.csv of the first pass, so that it holds the rows that are in
//! the org and none else; it is the same however often it is made.

use std::collections::BTreeSet;

use super::plan::{NEW_ID, in_files, load_plan, own, write};
use crate::config::mapping::{MappingSpec, Rule, RuleSource, Unmapped};
use crate::config::plan::{LoadPlan, Nulls, Source};
use crate::config::runbook::{LoadStep, Step};
use crate::model::failure::{Blame, Failure};
use crate::model::operation::Operation;
use crate::pipeline::settle::ResultWriter;
use crate::pipeline::threads::on_thread;
use crate::runbook::carry::Run;
use crate::runbook::places::Places;
use crate::target::Target;

/// The column of a second pass with the record's Id; our own columns of results are never sent.
const OWN_ID: &str = "id_of_first_pass";

/// Writes the input of the second pass; `false` when no row has a value for it.
pub(super) async fn prepare<T: Target>(
    run: &Run<T>,
    step: &Step,
    load: &LoadStep,
) -> Result<bool, Failure> {
    let columns = columns(&rules(&mapping(load)?, load));
    let (places, id) = (run.places.clone(), step.id.clone());
    let rows = on_thread("the second pass", move || write_input(&places, &id, &columns)).await?;
    Ok(rows > 0)
}

/// The plan of the second pass; its mapping is written down before.
pub(super) fn plan<T: Target>(
    run: &Run<T>,
    step: &Step,
    load: &LoadStep,
) -> Result<LoadPlan, Failure> {
    let places = &run.places;
    let kind = run.org(step)?.target.kind();
    let first = load_plan(step, load, places, kind)?;
    let spec = mapping_of(&mapping(load)?, load, places)?;
    let spec = write(&places.second_mapping(&step.id), &spec)?;
    Ok(LoadPlan {
        operation: Operation::Update,
        external_id: None,
        input: own(Source::File(places.steps().join(places.second_input(&step.id)))),
        mapping: Some(spec),
        nulls: Nulls::Ignore,
        on_duplicate: None,
        run_name: Some(places.second_name(&step.id)),
        before_images: load.before_images.unwrap_or(kind != "auth0"),
        passing_org: run.frozen.passing_org,
        ..first
    })
}

/// The mapping of a second pass: the Id that the first one brought, and the fields that it left
/// out.
pub fn mapping_of(
    given: &MappingSpec,
    load: &LoadStep,
    places: &Places,
) -> Result<MappingSpec, Failure> {
    let mut rules = rules(given, load);
    let place = rules.first().map(|rule| rule.place).ok_or_else(without_mapping)?;
    let id = Rule {
        target: "Id".to_owned(),
        source: RuleSource::Column(OWN_ID.to_owned()),
        transforms: Vec::new(),
        lookup: None,
        place,
    };
    rules.insert(0, id);
    let mut spec = MappingSpec { rules, unmapped: Unmapped::Ignore, ..given.clone() };
    in_files(&mut spec, places);
    Ok(spec)
}

fn mapping(load: &LoadStep) -> Result<MappingSpec, Failure> {
    let path = load.mapping.as_deref().ok_or_else(without_mapping)?;
    Ok(MappingSpec::read(path)?)
}

/// A second pass has nothing to go by.
pub fn without_mapping() -> Failure {
    Failure::new(Blame::Request, "a second pass needs a mapping file that names its fields")
}

/// The rules of the fields of the second pass.
fn rules(spec: &MappingSpec, load: &LoadStep) -> Vec<Rule> {
    let of_second = |rule: &&Rule| load.second_pass.contains(&rule.target);
    spec.rules.iter().filter(of_second).cloned().collect()
}

/// The columns that those rules read, each once.
fn columns(rules: &[Rule]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let of_rule = |rule: &Rule| match &rule.source {
        RuleSource::Constant(_) => Vec::new(),
        RuleSource::Column(column) => vec![column.clone()],
        RuleSource::Columns { columns, .. } => columns.clone(),
    };
    let all = rules.iter().flat_map(of_rule);
    all.filter(|column| seen.insert(column.to_lowercase())).collect()
}

/// Rows of success.csv with a value in one of the columns: their new Id, and those columns.
fn write_input(places: &Places, id: &str, columns: &[String]) -> Result<u64, Failure> {
    let from = places.rows_of(id);
    let damaged = |error: csv::Error| Failure::disk("read", &from, &error.into());
    let mut reader = csv::Reader::from_path(&from).map_err(damaged)?;
    let header = reader.headers().map_err(damaged)?.clone();
    let place = |name: &str| {
        let exact = header.iter().position(|cell| cell == name);
        exact.or_else(|| header.iter().position(|cell| cell.eq_ignore_ascii_case(name)))
    };
    let missing = |name: &str| {
        let message = format!("`{}` has no column `{name}`", from.display());
        Failure::new(Blame::Request, message)
    };
    // Our own columns stand behind those of the source.
    let own = header.iter().enumerate().filter(|(_, cell)| *cell == NEW_ID).last();
    let (own, _) = own.ok_or_else(|| missing(NEW_ID))?;
    let places_of: Vec<usize> = columns
        .iter()
        .map(|name| place(name).ok_or_else(|| missing(name)))
        .collect::<Result<_, _>>()?;
    let names: Vec<String> =
        std::iter::once(OWN_ID.to_owned()).chain(columns.iter().cloned()).collect();
    let mut file = ResultWriter::begin(places.steps(), &places.second_input(id), &names, &[])?;
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(damaged)? {
        let cell = |at: usize| record.get(at).unwrap_or_default();
        if places_of.iter().any(|at| !cell(*at).is_empty()) || columns.is_empty() {
            let of_rules = places_of.iter().map(|at| cell(*at));
            file.push(std::iter::once(cell(own)).chain(of_rules))?;
        }
    }
    Ok(file.finish()?.rows)
}
