//! Ids: which are missing, and which are there twice.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_128;

use super::tables::each_id;

/// What Ids come to, in whatever order: how many, and the sum of their digests. Two files with the
/// same sum have the same Ids; that others come to the same is less likely than 10⁻³⁰.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    ids: u64,
    digests: u128,
}

impl Sum {
    #[inline]
    pub fn add(&mut self, id: &[u8]) {
        if !id.is_empty() {
            self.ids += 1;
            self.digests = self.digests.wrapping_add(xxh3_128(id));
        }
    }
}

/// How many of `ids` are not in `others`, each of which counts once; both by their digests.
pub fn stand_in(mut ids: Vec<u128>, mut others: Vec<u128>) -> u64 {
    ids.sort_unstable();
    others.sort_unstable();
    let mut others = others.into_iter().peekable();
    let mut strangers = 0;
    for id in ids {
        while others.next_if(|other| *other < id).is_some() {}
        if others.next_if_eq(&id).is_none() {
            strangers += 1;
        }
    }
    strangers
}

/// Ids that lie together on one page of the map: those that differ in the last two characters only.
const PAGE_BITS: usize = 1 << 12;

/// Pages at most, 512 bytes each; ids are counted up, so that a page holds some thousand of them.
const PAGES_MAX: usize = 24 << 10;

/// Which Ids have been seen: one bit an Id, exactly.
///
/// It is not sure once there was an Id of another form, or once Ids were so far apart that the map
/// would take too much memory.
#[derive(Debug, Default)]
pub struct Seen {
    pages: Vec<[u64; PAGE_BITS / 64]>,
    places: HashMap<u128, usize>,
    /// The page that was looked at last.
    last: Option<(u128, usize)>,
    gave_up: bool,
    double: Option<u128>,
}

impl Seen {
    #[inline]
    pub fn add(&mut self, id: &[u8]) {
        if self.gave_up || self.double.is_some() {
            return;
        }
        let Some((number, place)) = number_of(id).and_then(|id| Some((id, self.page(id)?))) else {
            *self = Self { gave_up: true, ..Self::default() };
            return;
        };
        let bit = number as usize % PAGE_BITS;
        let word = &mut self.pages[place][bit / 64];
        if *word >> (bit % 64) & 1 == 1 {
            self.double = Some(number);
        }
        *word |= 1 << (bit % 64);
    }

    /// An Id that was added twice, if there is one; an error where it is not sure.
    pub fn double(&self) -> Result<Option<u128>, NotSure> {
        if self.gave_up { Err(NotSure) } else { Ok(self.double) }
    }

    /// Where the page of an Id lies, which is made if there is room.
    #[inline]
    fn page(&mut self, number: u128) -> Option<usize> {
        let page = number / PAGE_BITS as u128;
        if let Some((_, place)) = self.last.filter(|(last, _)| *last == page) {
            return Some(place);
        }
        let new = self.pages.len();
        let place = match self.places.get(&page) {
            Some(place) => *place,
            None if new == PAGES_MAX => return None,
            None => {
                self.pages.push([0; PAGE_BITS / 64]);
                self.places.insert(page, new);
                new
            }
        };
        self.last = Some((page, place));
        Some(place)
    }
}

/// The map of Ids seen cannot tell.
#[derive(Debug, PartialEq, Eq)]
pub struct NotSure;

/// The first fifteen characters of an Id as a number, six bits each: ids that follow one another
/// are numbers close to each other. Nothing for what is no Id of a record.
pub fn number_of(id: &[u8]) -> Option<u128> {
    if id.len() != 15 && id.len() != 18 {
        return None;
    }
    let (fives, _) = id.as_chunks();
    let [first, second, third, ..] = fives else { return None };
    let mut all = 0;
    let (high, middle) = (digits(*first, &mut all), digits(*second, &mut all));
    let number = u128::from(high << 30 | middle) << 30 | u128::from(digits(*third, &mut all));
    (all & NO_DIGIT == 0).then_some(number)
}

/// Five characters as a number; the bits of their digits are added to `all`. One after the other:
/// where small code is asked for, a loop stays one.
#[inline]
fn digits(five: [u8; 5], all: &mut u64) -> u64 {
    let mut digit = |at: usize| {
        let digit = u64::from(DIGITS[usize::from(five[at])]);
        *all |= digit;
        digit
    };
    digit(0) << 24 | digit(1) << 18 | digit(2) << 12 | digit(3) << 6 | digit(4)
}

/// Set in [`DIGITS`] for what is no letter and no digit.
const NO_DIGIT: u64 = 0x80;

/// What a character counts, digits first and small letters last.
const DIGITS: [u8; 256] = {
    let mut digits = [0x80; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        digits[byte as usize] = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            b'a'..=b'z' => byte - b'a' + 36,
            _ => 0x80,
        };
        byte += 1;
    }
    digits
};

/// Bits of the map of Ids seen; 4 MiB. Enough that of [`super::IDS_AT_ONCE`] different Ids about
/// one in thirty meets a bit that another has set.
const SEEN_BITS: usize = 1 << 25;

/// An Id that stands twice in success.csv, if there is one.
///
/// The digests cut the Ids into parts of about `at_once`. Of each part a first reading finds
/// suspects, Ids that meet a bit already set, and a second counts those. Memory: the bits, and 16
/// bytes a suspect.
pub fn first_double(path: &Path, rows: u64, at_once: u64) -> io::Result<Option<u128>> {
    let parts = u128::from(rows.div_ceil(at_once).max(1));
    for part in 0..parts {
        let mut suspects = suspects(path, parts, part)?;
        if suspects.is_empty() {
            continue;
        }
        suspects.sort_unstable();
        suspects.dedup();
        let mut times = vec![0_u8; suspects.len()];
        each_id(path, |_, id| {
            if let Ok(at) = suspects.binary_search(&xxh3_128(id)) {
                times[at] = times[at].saturating_add(1);
            }
        })?;
        if let Some(at) = times.iter().position(|times| *times > 1) {
            return Ok(Some(suspects[at]));
        }
    }
    Ok(None)
}

/// The Ids of a part that meet a bit already set; every Id that stands twice is among them.
fn suspects(path: &Path, parts: u128, part: u128) -> io::Result<Vec<u128>> {
    let mut seen = vec![0_u64; SEEN_BITS / 64];
    let mut suspects = Vec::new();
    each_id(path, |_, id| {
        let id = xxh3_128(id);
        if parts > 1 && id % parts != part {
            return;
        }
        // The part is told by the low bits, the place by the high ones.
        #[expect(clippy::cast_possible_truncation, reason = "some bits of a digest")]
        let place = (id >> 64) as usize % SEEN_BITS;
        let bit = 1 << (place % 64);
        if seen[place / 64] & bit != 0 {
            suspects.push(id);
        }
        seen[place / 64] |= bit;
    })?;
    Ok(suspects)
}

/// The rows with such an Id.
pub fn rows_of(path: &Path, is_wanted: impl Fn(&[u8]) -> bool) -> io::Result<Vec<u64>> {
    let mut rows = Vec::new();
    each_id(path, |row, id| {
        if is_wanted(id) {
            rows.push(row);
        }
    })?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_the_others_counts_once() {
        for (ids, others, strangers) in [
            (vec![], vec![1], 0),
            (vec![3, 1, 2], vec![2, 3, 1, 4], 0),
            (vec![1, 1], vec![1], 1),
            (vec![1, 5], vec![], 2),
            (vec![2, 9, 4], vec![4, 2, 8, 10], 1),
        ] {
            assert_eq!(stand_in(ids.clone(), others.clone()), strangers, "{ids:?} in {others:?}");
            let sum = |ids: &[u128]| {
                let mut sum = Sum::default();
                ids.iter().rev().for_each(|id| sum.add(&id.to_be_bytes()));
                sum
            };
            let same = strangers == 0 && ids.len() == others.len();
            assert_eq!(sum(&ids) == sum(&others), same, "{ids:?} and {others:?}");
        }
    }

    #[test]
    fn a_double_is_found_however_small_the_parts_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("success.csv");
        let lines = |double: u32| {
            let ids = (1..=50).map(|row| (row, if row == 44 { double } else { row }));
            ids.fold("sf__Id,longshore__row\n".to_owned(), |text, (row, id)| {
                format!("{text}001{id:012},{row}\n")
            })
        };
        for at_once in [1, 7, 50, 1_000] {
            crate::ledger::write_whole(&path, lines(44).as_bytes()).unwrap();
            assert_eq!(first_double(&path, 50, at_once).unwrap(), None);
            crate::ledger::write_whole(&path, lines(9).as_bytes()).unwrap();
            let double = first_double(&path, 50, at_once).unwrap().unwrap();
            let is_double = |id: &[u8]| xxh3_128(id) == double;
            assert_eq!(rows_of(&path, is_double).unwrap(), [9, 44], "{at_once} at once");
        }
    }

    #[test]
    fn an_id_that_was_seen_is_told_from_all_others() {
        let id = |number: u64| format!("0015500{number:08}").into_bytes();
        let mut seen = Seen::default();
        // Far apart, close together, backwards.
        for number in (0..9_000).chain((20_000..30_000).step_by(700)).chain((9_001..9_100).rev()) {
            seen.add(&id(number));
            assert_eq!(seen.double(), Ok(None), "{number}");
        }
        let other_case = [b"0015500abcdefgh", b"0015500abcdefgH", b"001550Aabcdefgh"];
        for id in other_case {
            seen.add(id);
        }
        assert_eq!(seen.double(), Ok(None));
        // The same Id in its longer form.
        seen.add(&[id(8_999), b"AAA".to_vec()].concat());
        assert_eq!(seen.double(), Ok(number_of(&id(8_999))));
        assert!(number_of(&id(8_999)).is_some());
    }

    #[test]
    fn where_the_map_cannot_tell_it_says_so() {
        for odd in [&b"00155000000000"[..], b"00155000000000-", b"auth0|5f7c8ec7c33c6c004bbafe82"] {
            let mut seen = Seen::default();
            seen.add(odd);
            assert_eq!(seen.double(), Err(NotSure));
        }
        let mut seen = Seen::default();
        for page in 0..=PAGES_MAX {
            assert_eq!(seen.double(), Ok(None));
            seen.add(format!("001{page:012}").chars().rev().collect::<String>().as_bytes());
        }
        assert_eq!(seen.double(), Err(NotSure));
    }
}
