//! Keys that stand more than once: counted by sorting fingerprints, at both sides alike.
//!
//! The org is asked for its values and not for groups of them: an answer in groups ends after 2,000
//! of them. Source: SOQL, `GROUP BY` does not page.

use std::io;
use std::path::{Path, PathBuf};

use super::super::decimal::Decimal;
use super::fields::Records;
use super::source::walk;
use super::{Surroundings, TOLD, Verdict};
use crate::config::runbook::{CheckSource, Tolerance};
use crate::model::failure::Failure;
use crate::model::rows::Table;
use crate::model::schema::FieldSchema;
use crate::model::wording::{count as number, shown};
use crate::pipeline::duplicates::RowKey;
use crate::pipeline::lookup::sort::{Records as SortedRecords, Sorted, Sorter, Work};
use crate::pipeline::threads::on_thread;
use crate::target::Target;

const PRINT_BYTES: usize = size_of::<u128>();
const HEAD_BYTES: usize = PRINT_BYTES + size_of::<u64>();

/// Bytes of a key that are kept to be told.
const TEXT_BYTES: usize = 120;

/// How many keys stand more than once in a column, and in a field.
pub(super) async fn duplicates<T: Target>(
    (source, column): (&CheckSource, &str),
    (object, field, filter): (&str, &str, Option<&str>),
    tolerance: &Tolerance,
    around: &Surroundings<'_>,
    target: &T,
) -> Result<Verdict, Failure> {
    let records = Records::of(target, object, filter)?;
    let field = records.field(field).await?;
    let work = Work::make(around.scratch.join("keys"))?;
    let (mut keys, wanted) = (Keys::new(&work.0, "source", &field), column.to_owned());
    let ((of_source, passed), name) = walk(source, around, move |mut walk| {
        walk.each(Some(&wanted), |cell| keys.push(cell.value))?;
        Ok((keys.finish()?, walk.passed))
    })
    .await?;
    let mut keys = Keys::new(&work.0, "org", &field);
    let stop = around.stop;
    records
        .values(&field, |value| {
            if stop.is_asked() {
                return Err(super::source::stopped());
            }
            keys.push(value)
        })
        .await?;
    let found = on_thread("a check", move || {
        let of_org = keys.finish()?;
        compare(&of_source, &of_org)
    })
    .await?;
    drop(work);
    let [source, org] = found.repeated;
    let mut differences = found.told;
    if found.differ > differences.len() as u64 {
        differences.push(format!("{} keys in all stand so", number(found.differ)));
    }
    differences.extend(passed.told(&name));
    let near = tolerance.allows(Decimal::of_count(source), Decimal::of_count(org));
    Ok(Verdict {
        passed: near && passed.unreadable == 0,
        source: source.to_string(),
        org: org.to_string(),
        tolerance: tolerance.told(),
        differences,
    })
}

/// The keys of one side, counted.
pub(super) struct Keys {
    key: RowKey,
    sorter: Sorter,
    folder: PathBuf,
    /// Room that is used again.
    cell: Table,
    scratch: Vec<u8>,
}

impl Keys {
    pub fn new(folder: &Path, name: &'static str, field: &FieldSchema) -> Self {
        Self {
            key: RowKey::of_field(field),
            sorter: Sorter::new(folder, name, add_up),
            folder: folder.to_owned(),
            cell: Table::new(1),
            scratch: Vec::new(),
        }
    }

    /// Takes one value; a blank one is no key.
    pub fn push(&mut self, value: &[u8]) -> Result<(), Failure> {
        self.cell.clear();
        self.cell.push_field(value);
        let Some(print) = self.key.print(&self.cell, 0, &mut self.scratch) else { return Ok(()) };
        let text = &value[..value.len().min(TEXT_BYTES)];
        let record = [&print.to_be_bytes()[..], &1_u64.to_be_bytes(), text];
        self.sorter.push(&record).map_err(|error| Failure::disk("write in", &self.folder, &error))
    }

    pub fn finish(self) -> Result<Sorted, Failure> {
        let Self { sorter, folder, .. } = self;
        sorter.finish().map_err(|error| Failure::disk("sort in", &folder, &error))
    }
}

/// Records of one key become one, with the number of all.
fn add_up(before: &mut [u8], record: &[u8]) -> bool {
    let same = before[..PRINT_BYTES] == record[..PRINT_BYTES];
    if same {
        let sum = times(before) + times(record);
        before[PRINT_BYTES..HEAD_BYTES].copy_from_slice(&sum.to_be_bytes());
    }
    same
}

fn times(record: &[u8]) -> u64 {
    record[PRINT_BYTES..].first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// What two sorted sides came to.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Keys that stand more than once, at either side.
    pub repeated: [u64; 2],
    /// Keys that do, and do not stand as often at the other side.
    pub differ: u64,
    /// The first of those.
    pub told: Vec<String>,
}

pub(super) fn compare(source: &Sorted, org: &Sorted) -> Result<Found, Failure> {
    let compared = || -> io::Result<Found> {
        let mut found = Found::default();
        let mut sides = [Side::of(source)?, Side::of(org)?];
        loop {
            let least =
                sides.iter().filter(|side| side.more).map(|side| &side.record[..PRINT_BYTES]);
            let Some(print) = least.min().map(<[u8]>::to_vec) else { return Ok(found) };
            let mut text = Vec::new();
            let mut counts = [0; 2];
            for (side, count) in sides.iter_mut().zip(&mut counts) {
                if side.more && side.record[..PRINT_BYTES] == print {
                    *count = times(&side.record);
                    if text.is_empty() {
                        text.extend_from_slice(&side.record[HEAD_BYTES..]);
                    }
                    side.advance()?;
                }
            }
            found.note(&text, counts);
        }
    };
    compared()
        .map_err(|error| Failure::disk("read keys in", Path::new("the scratch folder"), &error))
}

impl Found {
    fn note(&mut self, text: &[u8], [source, org]: [u64; 2]) {
        self.repeated[0] += u64::from(source > 1);
        self.repeated[1] += u64::from(org > 1);
        if source.max(org) < 2 || source == org {
            return;
        }
        self.differ += 1;
        if self.told.len() < TOLD {
            let often = |times: u64| match times {
                0 => "not".to_owned(),
                1 => "once".to_owned(),
                times => format!("{} times", number(times)),
            };
            let (source, org) = (often(source), often(org));
            self.told.push(format!(
                "`{}` stands {source} in the source and {org} in the org",
                shown(text)
            ));
        }
    }
}

/// One side on its way through its keys.
struct Side {
    records: SortedRecords,
    record: Vec<u8>,
    more: bool,
}

impl Side {
    fn of(sorted: &Sorted) -> io::Result<Self> {
        let mut side = Self { records: sorted.records()?, record: Vec::new(), more: true };
        side.advance()?;
        Ok(side)
    }

    fn advance(&mut self) -> io::Result<()> {
        self.more = self.records.next(&mut self.record)?;
        Ok(())
    }
}
