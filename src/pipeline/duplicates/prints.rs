//! Prints: which fingerprints may be there more than once, without sorting all of them.
//!
//! Most files have no duplicates. So the fingerprints go to disk as they come, and a filter in
//! memory tells which of them may have been there before; only the rows with one of these are
//! sorted. What the filter says in vain costs time and nothing else.

use std::hint::black_box;

use super::sort::{Record, Room, Sorted, Sorter, Writing};
use crate::model::failure::Failure;
use crate::model::limits::SUSPECTS_MAX;

/// Bits of the filter at most; 16 MiB.
const FILTER_BITS_MAX: u64 = 1 << 27;
const FILTER_BITS_MIN: u64 = 1 << 17;

/// Bits of one fingerprint, all within one line of the processor's cache.
const BITS: u32 = 4;

/// Fingerprints that are put into the filter together: their places lie far apart in memory, and
/// the processor fetches what does not depend on each other at the same time.
const GROUP: usize = 64;

/// Takes the fingerprints of all rows.
pub struct Prints<'a> {
    room: &'a Room,
    /// Not in the filter yet.
    waiting: Vec<[u64; 2]>,
    filter: Filter,
    /// Fingerprints that may have been there before they came.
    suspects: Vec<[u64; 2]>,
    all: Writing<'a>,
}

impl<'a> Prints<'a> {
    /// `input_bytes` says how large the filter should be: half as many bits are some dozen a row.
    pub fn new(room: &'a Room, input_bytes: Option<u64>) -> Self {
        let filter = Filter::of(input_bytes.map_or(FILTER_BITS_MAX, |bytes| bytes / 2));
        let waiting = Vec::with_capacity(GROUP);
        Self { room, waiting, filter, suspects: Vec::new(), all: Writing::new(room) }
    }

    /// Takes the fingerprint of a row, as two halves and the row.
    pub fn push(&mut self, record: Record) -> Result<(), Failure> {
        let [high, low, _] = record;
        self.waiting.push([high, low]);
        if self.waiting.len() == GROUP {
            self.filter_all();
        }
        self.all.push(record)
    }

    fn filter_all(&mut self) {
        black_box(self.waiting.iter().fold(0, |sum, print| sum ^ self.filter.touch(*print)));
        for print in self.waiting.drain(..) {
            if self.filter.add(print) && self.suspects.len() <= SUSPECTS_MAX {
                self.suspects.push(print);
            }
        }
    }

    /// The rows whose fingerprint may be there more than once, by fingerprint: of those that are,
    /// all.
    pub fn repeated(mut self) -> Result<Sorted, Failure> {
        self.filter_all();
        let mut sorter = Sorter::new(self.room);
        if self.suspects.is_empty() {
            return Ok(sorter.sorted());
        }
        // The memory is needed for what follows.
        self.filter = Filter::of(0);
        self.suspects.sort_unstable();
        self.suspects.dedup();
        let mut all = self.all.read()?;
        if self.suspects.len() >= SUSPECTS_MAX {
            while let Some(record) = all.next()? {
                sorter.push(record)?;
            }
            return Ok(sorter.sorted());
        }
        // A filter of the few says no to nearly all of the many.
        let mut few = Filter::of(self.suspects.len() as u64 * 64);
        for suspect in &self.suspects {
            few.add(*suspect);
        }
        while let Some(record) = all.next()? {
            let print = [record[0], record[1]];
            if few.may_have(print) && self.suspects.binary_search(&print).is_ok() {
                sorter.push(record)?;
            }
        }
        Ok(sorter.sorted())
    }
}

/// A set of fingerprints that says yes to all that are in it, and to some that are not.
struct Filter {
    lines: Vec<[u64; 8]>,
}

impl Filter {
    /// With about so many bits.
    fn of(bits: u64) -> Self {
        let bits = bits.clamp(FILTER_BITS_MIN, FILTER_BITS_MAX).next_power_of_two();
        let lines = usize::try_from(bits / 512).unwrap_or(1);
        Self { lines: vec![[0; 8]; lines] }
    }

    /// Adds a fingerprint; whether it may have been there.
    fn add(&mut self, print: [u64; 2]) -> bool {
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
    fn touch(&self, print: [u64; 2]) -> u64 {
        self.lines[self.place(print)][0]
    }

    fn may_have(&self, print: [u64; 2]) -> bool {
        let line = &self.lines[self.place(print)];
        bits(print).all(|(word, bit)| line[word] & bit != 0)
    }

    #[expect(clippy::cast_possible_truncation, reason = "some bits of it")]
    fn place(&self, [high, _]: [u64; 2]) -> usize {
        high as usize & (self.lines.len() - 1)
    }
}

/// The bits of a fingerprint within its line.
fn bits([_, low]: [u64; 2]) -> impl Iterator<Item = (usize, u64)> {
    (0..BITS).map(move |at| {
        let nine = low >> (9 * at) & 511;
        ((nine / 64) as usize, 1 << (nine % 64))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

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
            prints in prop::collection::vec([0..9_u64, 0..9_u64], 0..300),
            held in 1..40_usize,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let room = Room::holding(folder.path().to_owned(), "r", held);
            let mut taken = Prints::new(&room, Some(1));
            let mut rows: HashMap<[u64; 2], Vec<u64>> = HashMap::new();
            for (row, [high, low]) in (1..).zip(&prints) {
                taken.push([*high, *low, row]).unwrap();
                rows.entry([*high, *low]).or_default().push(row);
            }
            let found = all(taken.repeated().unwrap());
            prop_assert!(found.is_sorted());
            let mut repeated: Vec<Record> = rows
                .into_iter()
                .filter(|(_, rows)| rows.len() > 1)
                .flat_map(|([high, low], rows)| rows.into_iter().map(move |row| [high, low, row]))
                .collect();
            repeated.sort_unstable();
            prop_assert!(repeated.iter().all(|record| found.binary_search(record).is_ok()));
            // Nothing comes twice, and all that comes was there.
            let mut once = found.clone();
            once.dedup();
            prop_assert_eq!(&once, &found);
            let rows: HashMap<u64, &[u64; 2]> = (1..).zip(&prints).collect();
            let was = |record: &Record| rows[&record[2]][..] == record[..2];
            prop_assert!(found.iter().all(was));
            prop_assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[test]
    fn different_prints_are_hardly_ever_suspected() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room::new(folder.path().to_owned(), "r");
        let mut prints = Prints::new(&room, Some(8 << 20));
        for row in 0..100_000_u64 {
            let print = xxhash_rust::xxh3::xxh3_128(&row.to_le_bytes());
            let (high, low) = (print >> 64, print & u128::from(u64::MAX));
            let half = |half: u128| u64::try_from(half).unwrap();
            prints.push([half(high), half(low), row]).unwrap();
        }
        prints.filter_all();
        assert!(prints.suspects.len() < 20, "{} suspects", prints.suspects.len());
    }
}
