//! Lanes: whether rows are grouped by the record that they lock, and by which.
//!
//! The far side locks the parents of the rows of a transaction, and transactions that run at the
//! same time and want the same parent wait, and then fail. Rows of one parent therefore go out one
//! job after the other. Which parent counts is chosen from the columns that are sent; whether it is
//! worth it, from the first rows of the input. What is decided stands in the plan of the run, so
//! that a later process cuts the same. Source: `docs/decisions/0026-lanes.md`.

use std::collections::HashMap;

use super::event::{Event, Watch};
use super::map::{self, Mapping};
use super::read;
use super::run::Tools;
use super::threads::on_thread;
use crate::config::plan::{GROUP_BY_NONE, LanePlan, LoadPlan, OnDuplicate, Source};
use crate::model::failure::{Blame, Failure};
use crate::model::limits::{BATCH_ROWS, LANE_LOOK_ROWS, LANES_MAX};
use crate::model::operation::Operation;
use crate::model::schema::{FieldKind, SentField};

/// Fields that are known to lock their parents where nothing in a describe tells it.
const KNOWN: [&str; 6] =
    ["AccountId", "OpportunityId", "CampaignId", "GroupId", "AssigneeId", "ParentId"];

/// Decides about the lanes of a run; `kind` is that of the far side.
///
/// `Err` means that the load is refused: it names a field that no column is sent to.
pub(super) async fn decide(
    plan: &mut LoadPlan,
    kind: &str,
    mapping: &Mapping,
    tools: &Tools,
) -> Result<(), Failure> {
    plan.lanes = None;
    let asked = plan.group_by.as_deref();
    if asked.is_some_and(|field| field.eq_ignore_ascii_case(GROUP_BY_NONE)) {
        return Ok(());
    }
    if kind != "salesforce" {
        return match asked {
            Some(_) => Err(not_here()),
            None => Ok(()),
        };
    }
    let column = match asked {
        Some(field) => {
            Some(column_of(field, &mapping.sent).ok_or_else(|| no_column(field, mapping))?)
        }
        None => parent_of(plan.operation, &mapping.sent),
    };
    let Some(column) = column else { return Ok(()) };
    // Where the order of jobs counts they go one after the other, and rows stay in their order.
    let ordered = plan.on_duplicate == Some(OnDuplicate::Separate) && plan.parallel == 1;
    let mut worth = LANES_MAX;
    if asked.is_none() {
        match repeats(plan, mapping, column).await? {
            Some(lanes) if !ordered => worth = lanes,
            _ => return Ok(()),
        }
    }
    let lanes = if ordered { 1 } else { plan.parallel.clamp(1, worth) };
    let lanes = u32::try_from(lanes).unwrap_or(1);
    let rows = plan.chunk_rows.min(BATCH_ROWS);
    let column = mapping.sent[column].header.clone();
    tell(&*tools.watch, &column, lanes, rows);
    plan.lanes = Some(LanePlan { column, lanes, rows });
    Ok(())
}

fn tell(watch: &dyn Watch, column: &str, lanes: u32, rows: u32) {
    let lanes = match lanes {
        1 => "one after the other".to_owned(),
        lanes => format!("in {lanes} lanes"),
    };
    let message = format!(
        "rows are grouped by `{column}`, whose records the org locks: jobs of up to {rows} rows, \
         {lanes}; `--group-by none` leaves it"
    );
    watch.see(&Event::Notice { message });
}

/// The column that is sent to a field, named by itself, by its column or by its relationship.
fn column_of(name: &str, sent: &[SentField]) -> Option<usize> {
    let same = |other: &str| other.eq_ignore_ascii_case(name);
    let by_header = sent.iter().position(|field| same(&field.header));
    by_header.or_else(|| sent.iter().position(|field| same(&field.field.name)))
}

/// The column whose records the org locks for the rows, if there is one among those that are sent:
/// a parent that a row cannot be without (as in master-detail) before one that is known to be
/// locked. A delete names only records.
pub(super) fn parent_of(operation: Operation, sent: &[SentField]) -> Option<usize> {
    if matches!(operation, Operation::Delete | Operation::HardDelete | Operation::Undelete) {
        return None;
    }
    let is_parent = |field: &SentField| {
        field.field.kind == FieldKind::Reference
            && !field.field.name.eq_ignore_ascii_case("OwnerId")
    };
    let known = |field: &SentField| {
        let name = field.field.name.as_str();
        KNOWN.iter().position(|known| known.eq_ignore_ascii_case(name))
    };
    let ranked = sent.iter().enumerate().filter(|(_, field)| is_parent(field));
    let rank = |field: &SentField| match known(field) {
        Some(place) => Some(1 + place),
        // A custom reference that must be filled is how a describe shows master-detail.
        None if !field.field.nillable && field.field.name.ends_with("__c") => Some(0),
        None => None,
    };
    ranked.filter_map(|(at, field)| Some((rank(field)?, at))).min().map(|(_, at)| at)
}

/// How many lanes are worth it, if any: there are more rows than the far side takes in one batch,
/// and most of those at the beginning have a parent that others of them have too. A lane for each
/// batch of few rows is enough; more of them would only make jobs that are not full.
async fn repeats(
    plan: &LoadPlan,
    mapping: &Mapping,
    column: usize,
) -> Result<Option<usize>, Failure> {
    if plan.input.source == Source::Stdin {
        return Ok(None);
    }
    let (plan, mapping) = (plan.clone(), mapping.narrow(&[column]));
    on_thread("looking for parents", move || {
        let mut reader = read::open(&plan.input)?;
        let (mut rows, mut with_parent) = (0_u64, 0_u64);
        let mut parents: HashMap<u64, u32> = HashMap::new();
        let limit = plan.limit.unwrap_or(u64::MAX).min(LANE_LOOK_ROWS);
        while let Some(slab) = reader.next_slab()? {
            let mapped = map::map(slab, &mapping);
            for (index, mark) in mapped.raw.marks.iter().enumerate() {
                if mark.row <= plan.skip {
                    continue;
                }
                rows += 1;
                let cell = mapped.fields.row(index).next().unwrap_or_default();
                if !cell.is_empty() && cell != b"#N/A" {
                    with_parent += 1;
                    *parents.entry(xxhash_rust::xxh3::xxh3_64(cell)).or_default() += 1;
                }
            }
            if rows >= limit {
                break;
            }
        }
        let shared: u64 = parents.values().filter(|rows| **rows > 1).map(|r| u64::from(*r)).sum();
        let is_worth = rows > u64::from(BATCH_ROWS) && with_parent > 0 && shared * 2 > rows;
        let lanes = match usize::try_from(rows.div_ceil(u64::from(BATCH_ROWS))) {
            Ok(lanes) if rows < limit => lanes.min(LANES_MAX),
            _ => LANES_MAX,
        };
        Ok(is_worth.then_some(lanes))
    })
    .await
}

fn no_column(field: &str, mapping: &Mapping) -> Failure {
    let sent: Vec<&str> = mapping.sent.iter().map(|field| field.header.as_str()).collect();
    let message = format!("`--group-by {field}`: no column is sent to that field");
    Failure::new(Blame::Request, message)
        .hint(format!("columns that are sent: {}", sent.join(", ")))
        .hint("`--group-by none` groups by nothing")
}

fn not_here() -> Failure {
    let message = "`--group-by` is for Salesforce, whose transactions lock records";
    Failure::new(Blame::Request, message).hint("leave it out")
}
