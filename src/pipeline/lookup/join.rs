//! Keys and what was found for them, joined.

use std::io;

use super::keys::{Key, Keys, PREFIX_BYTES};
use super::sort::{Records, Sorted};
use crate::pipeline::answers::Found;
use crate::pipeline::map::LookupSlot;

/// Values of an ambiguous key that are kept for messages.
const SHOWN_VALUES: usize = 5;

/// A key with its answer.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) key: Key,
    pub(super) found: Found,
    /// Different values that were found, and the first of them. Without [`Found::Many`] there is at
    /// most one.
    pub(super) count: u64,
    pub(super) values: Vec<Vec<u8>>,
}

/// Goes through the keys and what was found, both in ascending order.
pub(super) struct Join<'a> {
    lookups: &'a [LookupSlot],
    keys: Keys,
    found: Records,
    /// The record of what was found that was read last; there is no more without it.
    held: Option<Vec<u8>>,
    joined: Joined,
}

impl<'a> Join<'a> {
    pub(super) fn of(lookups: &'a [LookupSlot], keys: &Sorted, found: &Sorted) -> io::Result<Self> {
        let mut records = found.records()?;
        let mut first = Vec::new();
        let held = records.next(&mut first)?.then_some(first);
        let key = Key::default();
        let joined = Joined { key, found: Found::Missing, count: 0, values: Vec::new() };
        Ok(Self { lookups, keys: Keys::of(keys, None)?, found: records, held, joined })
    }

    /// The next key with its answer; `None` after the last.
    ///
    /// Of the fields that a lookup compares, the first in which anything was found decides.
    pub(super) fn next(&mut self) -> io::Result<Option<&Joined>> {
        let joined = &mut self.joined;
        if !self.keys.next_key(&mut joined.key)? {
            return Ok(None);
        }
        let wanted = super::keys::prefix(joined.key.lookup, &joined.key.print)?;
        joined.count = 0;
        joined.values.clear();
        let mut rank = None;
        while let Some(mut record) = self.held.take() {
            if record[..PREFIX_BYTES] > wanted[..] {
                self.held = Some(record);
                break;
            }
            if record[..PREFIX_BYTES] == wanted[..] {
                let of = record[PREFIX_BYTES];
                if *rank.get_or_insert(of) == of {
                    joined.count += 1;
                    if joined.values.len() < SHOWN_VALUES {
                        joined.values.push(record[PREFIX_BYTES + 1..].to_vec());
                    }
                }
            }
            if self.found.next(&mut record)? {
                self.held = Some(record);
            }
        }
        joined.found = match joined.count {
            0 => Found::Missing,
            1 => Found::One,
            _ => Found::Many,
        };
        let lookup = &self.lookups[joined.key.lookup];
        if let (Found::Missing, Some(id)) = (joined.found, lookup.is_id(&joined.key.text, 15)) {
            joined.found = Found::One;
            joined.values.push(id.as_bytes().to_vec());
        }
        Ok(Some(joined))
    }
}
