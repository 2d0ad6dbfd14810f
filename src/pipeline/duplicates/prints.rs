//! Prints: which fingerprints may be there more than once, without sorting all of them.
//!
//! Most files have no duplicates. So the fingerprints go to disk as they come, and a filter in
//! memory tells which of them may have been there before; only the rows with one of these are
//! sorted. What the filter says in vain costs time and nothing else.
//!
//! One half of a fingerprint is enough for this, and takes a third of the room on disk: rows that
//! have it in common are compared by the whole when they are read once more.

use std::hint::black_box;

use super::sort::{ASKED_BYTES, Room, Sorted, Sorter, Writing, add};
use crate::model::failure::Failure;
use crate::model::limits::SUSPECTS_MAX;

/// Bits of the filter at most; 8 MiB, so that a load of many rows takes no more memory for this
/// than for what follows. Of ten million rows about one in a hundred is suspected in vain then.
const FILTER_BITS_MAX: u64 = 1 << 26;
const FILTER_BITS_MIN: u64 = 1 << 17;

/// Bits of one fingerprint, all within one line of the processor's cache.
const BITS: u32 = 4;

/// Fingerprints that are put into the filter together: their places lie far apart in memory, and
/// the processor fetches what does not depend on each other at the same time.
const GROUP: usize = 64;

/// What stands for a row without a fingerprint.
const NONE: u64 = 0;

/// Takes a half of the fingerprints of all rows, in the order of the rows.
pub struct Prints<'a> {
    room: &'a Room,
    /// Not in the filter yet.
    waiting: Vec<u64>,
    filter: Filter,
    /// Halves that may have been there before they came.
    suspects: Vec<u64>,
    /// Those of all rows, from the first that has one on.
    all: Writing<'a>,
    first_row: u64,
    next_row: u64,
}

impl<'a> Prints<'a> {
    /// `input_bytes` says how large the filter should be: half as many bits are some dozen a row.
    pub fn new(room: &'a Room, input_bytes: Option<u64>) -> Self {
        Self {
            room,
            waiting: Vec::with_capacity(GROUP),
            filter: Filter::of(input_bytes.map_or(FILTER_BITS_MAX, |bytes| bytes / 2)),
            suspects: Vec::new(),
            all: Writing::new(room),
            first_row: 0,
            next_row: 0,
        }
    }

    /// Takes a half of the fingerprint of a row; rows ascend.
    #[inline]
    pub fn push(&mut self, half: u64, row: u64) -> Result<(), Failure> {
        if row != self.next_row {
            self.pass_to(row)?;
        }
        self.next_row = row + 1;
        let half = if half == NONE { !NONE } else { half };
        self.waiting.push(half);
        if self.waiting.len() == GROUP {
            self.filter_all();
        }
        self.all.push(half)
    }

    /// Passes over rows that have no fingerprint.
    #[cold]
    fn pass_to(&mut self, row: u64) -> Result<(), Failure> {
        if self.next_row == 0 {
            (self.first_row, self.next_row) = (row, row);
        }
        (self.next_row..row).try_for_each(|_| self.all.push(NONE))
    }

    fn filter_all(&mut self) {
        black_box(self.waiting.iter().fold(0, |sum, half| sum ^ self.filter.touch(*half)));
        for half in self.waiting.drain(..) {
            if self.filter.add(half) && self.suspects.len() <= SUSPECTS_MAX {
                add(&mut self.suspects, half);
            }
        }
    }

    /// The rows whose half may be there more than once, by it: half, nought, row. Of those that
    /// are, all.
    pub fn repeated(mut self) -> Result<Sorted, Failure> {
        self.filter_all();
        let mut sorter = Sorter::new(self.room);
        if self.suspects.is_empty() {
            return Ok(sorter.sorted());
        }
        // The memory is needed for what follows.
        drop(self.filter);
        self.suspects.sort_unstable();
        self.suspects.dedup();
        let are_few = self.suspects.len() < SUSPECTS_MAX;
        // A filter of the few says no to nearly all of the many.
        let mut few = Filter::of(if are_few { self.suspects.len() as u64 * 64 } else { 0 });
        for suspect in &self.suspects {
            few.add(*suspect);
        }
        let mut all = self.all.read()?;
        for row in self.first_row.. {
            let Some(half) = all.next()? else { break };
            let wanted =
                !are_few || (few.may_have(half) && self.suspects.binary_search(&half).is_ok());
            if wanted && half != NONE {
                sorter.push([half, 0, row])?;
            }
        }
        Ok(sorter.sorted())
    }
}

/// A set of fingerprints that says yes to all that are in it, and to some that are not.
struct Filter {
    lines: Vec<[u64; 8]>,
    /// What tells a line; there may be more lines than are used.
    mask: usize,
}

impl Filter {
    /// With about so many bits.
    fn of(bits: u64) -> Self {
        let bits = bits.clamp(FILTER_BITS_MIN, FILTER_BITS_MAX).next_power_of_two();
        let lines = usize::try_from(bits / 512).unwrap_or(1);
        Self { lines: vec![[0; 8]; lines.max(ASKED_BYTES / 64)], mask: lines - 1 }
    }

    /// Adds a fingerprint; whether it may have been there.
    #[inline]
    fn add(&mut self, print: u64) -> bool {
        let place = self.place(print);
        let line = &mut self.lines[place];
        let mut all = true;
        for (word, bit) in bits(print) {
            all &= line[word] & bit != 0;
            line[word] |= bit;
        }
        all
    }

    /// Reads where a fingerprint belongs; what it reads means nothing.
    fn touch(&self, print: u64) -> u64 {
        self.lines[self.place(print)][0]
    }

    fn may_have(&self, print: u64) -> bool {
        let line = &self.lines[self.place(print)];
        bits(print).into_iter().all(|(word, bit)| line[word] & bit != 0)
    }

    #[expect(clippy::cast_possible_truncation, reason = "some bits of it")]
    fn place(&self, print: u64) -> usize {
        print as usize & self.mask
    }
}

/// The bits of a fingerprint within its line; of others than those that tell the line.
#[inline]
fn bits(print: u64) -> [(usize, u64); BITS as usize] {
    const { assert!(FILTER_BITS_MAX.trailing_zeros() - 9 <= 64 - 9 * BITS, "they do not overlap") };
    let bit = |at: u32| {
        let nine = print >> (64 - 9 * at) & 511;
        ((nine / 64) as usize, 1 << (nine % 64))
    };
    [bit(1), bit(2), bit(3), bit(4)]
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::super::sort::Record;
    use super::*;

    fn all(mut sorted: Sorted) -> Vec<Record> {
        let mut walk = sorted.walk().unwrap();
        std::iter::from_fn(|| walk.next().unwrap()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Few different halves: the filter says yes in vain, and nothing is told that is not so.
        #[test]
        fn every_row_of_a_repeated_print_is_found(
            prints in prop::collection::vec(prop::option::weighted(0.9, 1..9_u64), 0..300),
            held in 1..40_usize,
            first in 1..50_u64,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let room = Room::holding(folder.path().to_owned(), "r", held);
            let mut taken = Prints::new(&room, Some(1));
            let mut rows: HashMap<u64, Vec<u64>> = HashMap::new();
            let all_rows =
                || (first..).zip(&prints).filter_map(|(row, half)| Some((row, (*half)?)));
            for (row, half) in all_rows() {
                taken.push(half, row).unwrap();
                rows.entry(half).or_default().push(row);
            }
            let found = all(taken.repeated().unwrap());
            prop_assert!(found.is_sorted());
            let mut repeated: Vec<Record> = rows
                .into_iter()
                .filter(|(_, rows)| rows.len() > 1)
                .flat_map(|(half, rows)| rows.into_iter().map(move |row| [half, 0, row]))
                .collect();
            repeated.sort_unstable();
            prop_assert!(repeated.iter().all(|record| found.binary_search(record).is_ok()));
            // Nothing comes twice, and all that comes was there.
            let mut once = found.clone();
            once.dedup();
            prop_assert_eq!(&once, &found);
            let rows: HashMap<u64, u64> = all_rows().collect();
            prop_assert!(found.iter().all(|[half, _, row]| rows.get(row) == Some(half)));
            prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    /// No half is taken for that of a row without a fingerprint.
    #[test]
    fn every_half_counts() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::new(folder.path().to_owned(), "r");
        let mut prints = Prints::new(&room, Some(1));
        for (row, half) in [(3, NONE), (4, 7), (9, NONE), (12, 7), (13, 8)] {
            prints.push(half, row).unwrap();
        }
        let found = all(prints.repeated().unwrap());
        assert_eq!(found, [[7, 0, 4], [7, 0, 12], [!NONE, 0, 3], [!NONE, 0, 9]]);
    }

    #[test]
    fn different_prints_are_hardly_ever_suspected() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::new(folder.path().to_owned(), "r");
        let mut prints = Prints::new(&room, Some(8 << 20));
        for row in 0..100_000_u64 {
            let print = xxhash_rust::xxh3::xxh3_128(&row.to_le_bytes());
            prints.push(u64::try_from(print >> 64).unwrap(), row).unwrap();
        }
        prints.filter_all();
        assert!(prints.suspects.len() < 20, "{} suspects", prints.suspects.len());
    }
}
