//! The keys of the input: a pass over it that maps and sends nothing.

use std::io;
use std::path::Path;

use super::sort::{Records, Sorted, Sorter};
use crate::config::mapping::LookupFrom;
use crate::config::plan::LoadPlan;
use crate::model::failure::{Blame, Failure};
use crate::model::rows::RawSlab;
use crate::pipeline::answers::KeyPrint;
use crate::pipeline::map::Mapping;
use crate::pipeline::read;
use crate::pipeline::stop::Stop;
use crate::target::KeySource;

/// Bytes of a record before its text: lookup, fingerprint, first row, rows.
const HEAD_BYTES: usize = PREFIX_BYTES + 16;

/// Bytes of lookup and fingerprint, by which keys and what is found for them are joined.
pub(super) const PREFIX_BYTES: usize = 18;

/// Characters of a key that are kept; the fingerprint is of the whole.
const TEXT_CHARS: usize = 2_000;

/// A key of the input.
#[derive(Debug, Default)]
pub(super) struct Key {
    pub(super) lookup: usize,
    pub(super) print: KeyPrint,
    pub(super) first_row: u64,
    pub(super) rows: u64,
    /// In the spelling of the first row.
    pub(super) text: String,
}

/// The first bytes of a record of a key, and of what is found for it.
pub(super) fn prefix(lookup: usize, print: &KeyPrint) -> io::Result<[u8; PREFIX_BYTES]> {
    let mut prefix = [0; PREFIX_BYTES];
    prefix[..2].copy_from_slice(&u16::try_from(lookup).map_err(io::Error::other)?.to_be_bytes());
    prefix[2..].copy_from_slice(print);
    Ok(prefix)
}

/// Reads the rows that the plan takes, and gives their keys, each once, in ascending order.
pub(super) fn collect(
    plan: &LoadPlan,
    mapping: &Mapping,
    work: &Path,
    stop: &Stop,
) -> Result<Sorted, Failure> {
    let disk = |error: io::Error| Failure::disk("write in", work, &error);
    let mut reader = read::open(&plan.input)?;
    let mut keys = Sorter::new(work, "keys", add_up);
    let last = plan.limit.map_or(u64::MAX, |limit| plan.skip.saturating_add(limit));
    let mut folded = String::new();
    while let Some(slab) = reader.next_slab()? {
        if stop.is_asked() {
            return Err(stopped());
        }
        for (index, mark) in slab.marks.iter().enumerate() {
            if mark.row > plan.skip && mark.row <= last {
                take(&slab, index, mark.row, mapping, &mut folded, &mut keys).map_err(disk)?;
            }
        }
        if slab.marks.last().is_some_and(|mark| mark.row >= last) {
            break;
        }
    }
    keys.finish().map_err(disk)
}

pub(super) fn stopped() -> Failure {
    Failure::new(Blame::Interrupted, "stopped while keys were looked up; nothing was sent")
}

fn take(
    slab: &RawSlab,
    index: usize,
    row: u64,
    mapping: &Mapping,
    folded: &mut String,
    keys: &mut Sorter,
) -> io::Result<()> {
    mapping.each_key(&slab.table, index, |number, lookup, key| {
        let prefix = prefix(number, &lookup.print(key, folded))?;
        let end = key.char_indices().nth(TEXT_CHARS).map_or(key.len(), |(at, _)| at);
        let text = &key.as_bytes()[..end];
        keys.push(&[&prefix, &row.to_be_bytes(), &1_u64.to_be_bytes(), text])
    })
}

/// Of the records of one key the first stays, which is of the first row, with the number of rows.
fn add_up(before: &mut [u8], record: &[u8]) -> bool {
    let same = before[..PREFIX_BYTES] == record[..PREFIX_BYTES];
    if same {
        let rows = number(before, PREFIX_BYTES + 8) + number(record, PREFIX_BYTES + 8);
        before[PREFIX_BYTES + 8..HEAD_BYTES].copy_from_slice(&rows.to_be_bytes());
    }
    same
}

fn number(record: &[u8], at: usize) -> u64 {
    record[at..].first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Reads the keys of one lookup, or of all.
pub(super) struct Keys {
    records: Records,
    record: Vec<u8>,
    /// The lookup whose keys are wanted.
    only: Option<usize>,
}

impl Keys {
    pub(super) fn of(sorted: &Sorted, only: Option<usize>) -> io::Result<Self> {
        Ok(Self { records: sorted.records()?, record: Vec::new(), only })
    }

    pub(super) fn next_key(&mut self, key: &mut Key) -> io::Result<bool> {
        while self.records.next(&mut self.record)? {
            let (head, text) = self.record.split_at(HEAD_BYTES);
            key.lookup = usize::from(u16::from_be_bytes([head[0], head[1]]));
            if self.only.is_some_and(|only| key.lookup > only) {
                return Ok(false);
            }
            if self.only.is_none_or(|only| key.lookup == only) {
                key.print.copy_from_slice(&head[2..PREFIX_BYTES]);
                key.first_row = number(head, PREFIX_BYTES);
                key.rows = number(head, PREFIX_BYTES + 8);
                key.text.clear();
                key.text.push_str(&String::from_utf8_lossy(text));
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The texts of keys, for a question to the far side.
pub(super) struct Texts {
    pub(super) keys: Keys,
    pub(super) key: Key,
}

impl KeySource for Texts {
    fn rewind(&mut self) -> io::Result<()> {
        self.keys.records.rewind()
    }

    fn next(&mut self, text: &mut String) -> io::Result<bool> {
        let more = self.keys.next_key(&mut self.key)?;
        text.clone_from(&self.key.text);
        Ok(more)
    }
}

/// Whether a lookup must ask the far side.
pub(super) fn asks(from: &LookupFrom) -> bool {
    matches!(from, LookupFrom::Object { .. })
}
