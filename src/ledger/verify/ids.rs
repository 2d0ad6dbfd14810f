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

/// An Id that stands twice in success.csv, if there is one; at most `at_once` are held together
/// (on average: the digests decide which part an Id belongs to).
pub fn first_double(path: &Path, rows: u64, at_once: u64) -> io::Result<Option<u128>> {
    let parts = rows.div_ceil(at_once).max(1);
    for part in 0..parts {
        let mut ids = Vec::new();
        each_id(path, |_, id| {
            if id % u128::from(parts) == u128::from(part) {
                ids.push(id);
            }
        })?;
        ids.sort_unstable();
        if let Some(pair) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Ok(Some(pair[0]));
        }
    }
    Ok(None)
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
