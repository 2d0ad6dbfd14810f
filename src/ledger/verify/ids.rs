//! Ids by their digests: which are missing, and which are there twice.

use std::io;
use std::path::Path;

use super::tables::each_id;

/// How many of `ids` are not in `others`, each of which counts once.
pub fn stand_in(ids: &[u128], mut others: Vec<u128>) -> u64 {
    let mut ids = ids.to_vec();
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

/// Bits of the map of Ids seen; 4 MiB. Enough that of [`super::IDS_AT_ONCE`] different Ids about
/// one in sixteen meets a bit that another has set.
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
            if let Ok(at) = suspects.binary_search(&id) {
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
        if id % parts != part {
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

/// The rows whose Id has this digest.
pub fn rows_of(path: &Path, wanted: u128) -> io::Result<Vec<u64>> {
    let mut rows = Vec::new();
    each_id(path, |row, id| {
        if id == wanted {
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
            assert_eq!(stand_in(&ids, others.clone()), strangers, "{ids:?} in {others:?}");
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
            assert_eq!(rows_of(&path, double).unwrap(), [9, 44], "{at_once} at once");
        }
    }
}
