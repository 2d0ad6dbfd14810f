//! A sample: rows of a load that are drawn by chance, and their records, field by field.
//!
//! What was sent is worked out again from success.csv by the mapping of the load, with the answers
//! of its lookups from its run folder; the comparison is that of `--skip-unchanged`.

use std::collections::{BTreeMap, VecDeque};
use std::iter::Peekable;
use std::path::Path;
use std::vec::IntoIter;

use super::super::decimal::Decimal;
use super::source::Walk;
use super::{Source, Surroundings, TOLD, Verdict};
use crate::config::plan::{Delimiter, Input, LineEnding, LoadPlan, Source as From};
use crate::config::runbook::Tolerance;
use crate::ledger::Manifest;
use crate::model::failure::{Blame, Failure};
use crate::model::limits::{IMAGE_BATCH_BYTES, RECORDS_READ_MAX};
use crate::model::operation::Operation;
use crate::model::rows::{RawSlab, Table};
use crate::model::wording::{nearest, shown};
use crate::pipeline::map::{self, Mapping};
use crate::pipeline::threads::on_thread;
use crate::pipeline::unchanged::{Comparison, Row};
use crate::pipeline::{lookup, manifest, run};
use crate::target::Target;

/// The column of the records that a load made or changed.
const ID: &str = "sf__Id";

/// Draws `rows` rows of each run of a load, and counts those whose record holds what was sent.
pub(super) async fn sample<T: Target>(
    step: &str,
    rows: u32,
    fields: &[String],
    tolerance: &Tolerance,
    around: &Surroundings<'_>,
    target: &T,
) -> Result<Verdict, Failure> {
    let runs = (around.loads)(step).filter(|runs| !runs.is_empty()).ok_or_else(|| {
        let message = format!("the step `{step}` has not loaded anything that could be drawn from");
        Failure::new(Blame::Request, message)
    })?;
    let mut tally = Tally::default();
    let mut known = Vec::new();
    for root in &runs {
        let load = Load::open(root, target, fields, around).await?;
        known.extend(load.fields.iter().cloned());
        tally.notes.extend(load.notes.iter().cloned());
        if load.compares() {
            load.compare(rows, target, around, &mut tally).await?;
        }
    }
    for field in fields {
        if !known.iter().any(|name| name.eq_ignore_ascii_case(field)) {
            let message = format!("the step `{step}` does not send the field `{field}`");
            let near = nearest(field, known.iter().map(String::as_str));
            let hint = near.map(|near| format!("did you mean `{near}`?"));
            return Err(Failure {
                hints: hint.into_iter().collect(),
                ..Failure::new(Blame::Request, message)
            });
        }
    }
    Ok(tally.verdict(tolerance))
}

/// What was found so far.
#[derive(Default)]
struct Tally {
    drawn: u64,
    same: u64,
    /// Fields that differ in all, and the first of them.
    differ: u64,
    told: Vec<String>,
    notes: Vec<String>,
}

impl Tally {
    fn verdict(self, tolerance: &Tolerance) -> Verdict {
        let Self { drawn, same, differ, mut told, notes } = self;
        if differ > told.len() as u64 {
            told.push(format!("{differ} differences in all"));
        }
        told.extend(notes);
        Verdict {
            passed: tolerance.allows(Decimal::of_count(drawn), Decimal::of_count(same)),
            source: drawn.to_string(),
            org: same.to_string(),
            tolerance: tolerance.told(),
            differences: told,
        }
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        self.differ += 1;
        if self.told.len() < TOLD {
            self.told.push(what());
        }
    }
}

/// A load that is over, ready to be drawn from.
struct Load {
    success: Source,
    mapping: Mapping,
    comparison: Comparison,
    /// The column of the body that a person knows a row by; the Id where there is none.
    label: Option<usize>,
    /// All that the load sends.
    fields: Vec<String>,
    /// What is not compared, and why.
    notes: Vec<String>,
}

impl Load {
    async fn open<T: Target>(
        root: &Path,
        target: &T,
        fields: &[String],
        around: &Surroundings<'_>,
    ) -> Result<Self, Failure> {
        let kept = Manifest::read(root)?;
        let plan = manifest::plan(&kept, root.parent().unwrap_or(root))?;
        if !matches!(plan.operation, Operation::Insert | Operation::Update | Operation::Upsert) {
            let message = format!("records of a {} hold nothing that was sent", plan.operation);
            return Err(Failure::new(Blame::Request, message));
        }
        let spec = manifest::mapping(&kept, plan.mapping_manner)?;
        let plan = LoadPlan { mapping: spec, ..plan };
        let success = success_of(root);
        let header = Walk::open(&success, &[].into(), around.stop)?.header().to_vec();
        let (mut mapping, _, _) = run::compile(&plan, target, &header).await?;
        let sent = mapping.sent.iter().map(|sent| sent.field.name.clone()).collect();
        let mut notes = Vec::new();
        if let Err(failure) = lookup::reopen(root, &kept.lookups, &mut mapping) {
            notes.extend(leave_lookups_out(&mut mapping, &failure));
        }
        let wanted = |name: &str| {
            fields.is_empty() || fields.iter().any(|field| field.eq_ignore_ascii_case(name))
        };
        let is_key = |name: &str| {
            plan.external_id.as_deref().is_some_and(|key| key.eq_ignore_ascii_case(name))
        };
        let columns: Vec<usize> = (0..mapping.sent.len())
            .filter(|at| {
                let name = &mapping.sent[*at].field.name;
                wanted(name) || is_key(name)
            })
            .collect();
        let mapping = mapping.narrow(&columns);
        let label = mapping.sent.iter().position(|sent| is_key(&sent.field.name));
        let comparison = Comparison::by_id(&plan.object, &mapping.sent);
        let blind: Vec<String> = comparison.blind().map(|name| format!("`{name}`")).collect();
        if !blind.is_empty() {
            notes.push(format!(
                "not compared, as what is sent is not what a record holds: {}",
                blind.join(", ")
            ));
        }
        Ok(Self { success, mapping, comparison, label, fields: sent, notes })
    }

    fn compares(&self) -> bool {
        self.comparison.fields() > 0
    }

    async fn compare<T: Target>(
        self,
        rows: u32,
        target: &T,
        around: &Surroundings<'_>,
        tally: &mut Tally,
    ) -> Result<(), Failure> {
        let (success, stop, seed) = (self.success.clone(), around.stop.clone(), around.seed);
        let drawn = on_thread("a check", move || {
            let walk = Walk::open(&success, &[].into(), &stop)?;
            draw(walk, rows, seed)
        });
        let drawn = drawn.await?;
        let mut picking = Picking::open(&self, drawn, around)?;
        let comparison = self.comparison.clone();
        loop {
            let batch;
            (picking, batch) = on_thread("a check", move || picking.batch()).await?;
            for odd in picking.odd.drain(..) {
                tally.drawn += 1;
                tally.note(|| odd);
            }
            if batch.is_empty() {
                return Ok(());
            }
            let (rows, labels): (Vec<Row>, Vec<String>) = batch.into_iter().unzip();
            let held = comparison.held(target, &rows).await?;
            for ((row, label), record) in rows.iter().zip(&labels).zip(&held) {
                tally.drawn += 1;
                let Some(record) = record else {
                    tally.note(|| format!("{label} is not in the org any more"));
                    continue;
                };
                let before = tally.differ;
                for changed in comparison.changes(row, record).filter(|it| it.held.is_some()) {
                    let (sent, held) = (value(changed.sent), value(changed.held.unwrap_or("")));
                    tally.note(|| {
                        format!(
                            "{label}: `{}` is {sent} in the source and {held} in the org",
                            changed.field
                        )
                    });
                }
                tally.same += u64::from(tally.differ == before);
            }
        }
    }
}

fn value(text: &str) -> String {
    match text {
        "" | "#N/A" => "empty".to_owned(),
        text => format!("`{}`", shown(text.as_bytes())),
    }
}

fn success_of(root: &Path) -> Source {
    let path = root.join("out").join("success.csv");
    Source {
        name: "success.csv".to_owned(),
        input: Input {
            source: From::File(path),
            delimiter: Some(Delimiter::Comma),
            line_ending: Some(LineEnding::Lf),
            encoding: None,
        },
    }
}

/// Without the answers that the load had, nobody knows what their columns sent.
fn leave_lookups_out(mapping: &mut Mapping, failure: &Failure) -> Option<String> {
    let fields: Vec<String> = mapping.lookups().map(|lookup| lookup.field.clone()).collect();
    if fields.is_empty() {
        return None;
    }
    let stays: Vec<usize> =
        (0..mapping.sent.len()).filter(|at| !fields.contains(&mapping.sent[*at].header)).collect();
    *mapping = mapping.narrow(&stays);
    let names: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
    Some(format!("not compared: {}; {}", names.join(", "), failure.message))
}

/// Draws rows of all that can be read, each as likely as any other; their numbers, ascending.
///
/// Algorithm R: memory for the drawn, one pass.
pub(super) fn draw(mut walk: Walk, rows: u32, seed: u64) -> Result<Vec<u64>, Failure> {
    let room = rows as usize;
    let mut drawn: Vec<u64> = Vec::new();
    let mut chance = Chance(seed);
    let mut seen = 0_u64;
    walk.each(None, |cell| {
        seen += 1;
        if drawn.len() < room {
            drawn.push(cell.mark.row);
        } else if let Some(place) = usize::try_from(chance.below(seen)).ok().filter(|at| *at < room)
        {
            drawn[place] = cell.mark.row;
        }
        Ok(())
    })?;
    drawn.sort_unstable();
    Ok(drawn)
}

/// A generator of the kind `SplitMix64`: the same numbers from the same seed, on every machine.
pub(super) struct Chance(pub u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not 0; a multiplication keeps the bias below 2⁻³².
    fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(end);
        u64::try_from(wide >> 64).unwrap_or(0)
    }
}

/// Takes the drawn rows out of success.csv, batch by batch.
struct Picking {
    walk: Walk,
    mapping: Mapping,
    comparison: Comparison,
    label: Option<usize>,
    id: usize,
    drawn: Peekable<IntoIter<u64>>,
    /// Rows that are taken and not handed on yet.
    ready: VecDeque<(Row, String)>,
    /// Rows whose values cannot be worked out any more, and why.
    odd: Vec<String>,
}

impl Picking {
    fn open(load: &Load, drawn: Vec<u64>, around: &Surroundings<'_>) -> Result<Self, Failure> {
        let walk = Walk::open(&load.success, &[].into(), around.stop)?;
        let id = walk.column(ID)?;
        Ok(Self {
            walk,
            mapping: load.mapping.clone(),
            comparison: load.comparison.clone(),
            label: load.label,
            id,
            drawn: drawn.into_iter().peekable(),
            ready: VecDeque::new(),
            odd: Vec::new(),
        })
    }

    /// The next rows, as many as one question is for; none at the end.
    fn batch(mut self) -> Result<(Self, Vec<(Row, String)>), Failure> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < RECORDS_READ_MAX && bytes < IMAGE_BATCH_BYTES {
            let Some(picked) = self.ready.pop_front() else {
                if self.drawn.peek().is_some() && self.next_slab()? {
                    continue;
                }
                break;
            };
            bytes += picked.0.bytes();
            batch.push(picked);
        }
        Ok((self, batch))
    }

    fn next_slab(&mut self) -> Result<bool, Failure> {
        let Some(slab) = self.walk.next_slab()? else { return Ok(false) };
        let mut picked = RawSlab { table: Table::new(slab.table.width()), ..RawSlab::default() };
        let mut ids = Vec::new();
        for (row, mark) in slab.marks.iter().enumerate() {
            if self.drawn.next_if_eq(&mark.row).is_none() {
                continue;
            }
            slab.table.row(row).for_each(|cell| picked.table.push_field(cell));
            picked.marks.push(*mark);
            ids.push(String::from_utf8_lossy(slab.table.field(row, self.id)).into_owned());
        }
        let mapped = map::map(picked, &self.mapping);
        if let Some(failure) = self.mapping.trouble() {
            return Err(failure);
        }
        let failed = mapped.failed.iter().map(|(index, fault)| (*index, &fault.message));
        let failed: BTreeMap<usize, &String> = failed.collect();
        for (index, id) in ids.iter().enumerate() {
            if let Some(why) = failed.get(&index) {
                self.odd.push(format!("`{id}`: what was sent cannot be worked out: {why}"));
                continue;
            }
            let row = mapped.raw.marks[index].row;
            let label = match self.label.map(|at| mapped.fields.field(index, at)) {
                Some(key) if !key.is_empty() => format!("`{}` (`{id}`)", shown(key)),
                _ => format!("`{id}`"),
            };
            self.ready.push_back((self.comparison.row_of(row, id, &mapped.fields, index), label));
        }
        Ok(true)
    }
}
