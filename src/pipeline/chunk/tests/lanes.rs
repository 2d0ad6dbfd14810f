//! What holds for every cut into lanes.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::config::plan::LanePlan;

/// Cuts rows, each a parent, in slabs of so many.
fn cut(
    folder: &Path,
    parents: &[String],
    slab_rows: usize,
    lanes: u32,
    limits: ChunkLimits,
    cuts: Cuts,
) -> Result<Vec<Chunk>, Failure> {
    let header = ["Parent".to_owned()];
    let plan = LanePlan { column: "parent".to_owned(), lanes, rows: limits.rows };
    let spool = Spool::new(folder, &header, limits).in_lanes(&header, Some(&plan));
    let mut spool = spool.as_before(cuts);
    let rows: Vec<(u64, &str, &str)> =
        (1..).zip(parents).map(|(row, parent)| (row * 2, parent.as_str(), "")).collect();
    let mut chunks = Vec::new();
    for rows in rows.chunks(slab_rows) {
        chunks.extend(spool.take(&slab(rows))?);
    }
    chunks.extend(spool.close()?);
    Ok(chunks)
}

fn rows_of(chunk: &Chunk) -> Vec<(u64, String)> {
    let text = text(&chunk.source);
    let cells = |line: &str| -> (u64, String) {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[0].parse().unwrap(), cells[2].to_owned())
    };
    text.lines().map(cells).collect()
}

fn cut_of(chunk: &Chunk, keep: bool) -> Cut {
    Cut {
        rows: chunk.rows,
        first_row: chunk.first_row,
        last_row: chunk.last_row,
        bytes: chunk.body_bytes,
        digest: chunk.digest,
        source: Some(chunk.source_digest),
        window: chunk.window,
        keep,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_parent_is_in_one_lane_and_windows_follow_one_another(
        parents in prop::collection::vec("[a-cA-C]?[1-4]?", 0..160),
        lanes in 1_u32..5,
        rows in 1_u32..6,
        bytes in prop_oneof![Just(1_000_u64), Just(14)],
        slab_rows in 1_usize..40,
        ended_at in 0_usize..160,
        noted in 0_usize..40,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let limits = ChunkLimits { rows, bytes };
        let chunks = cut(folder.path(), &parents, slab_rows, lanes, limits, Cuts::new()).unwrap();

        let mut lane_of = BTreeMap::new();
        let mut seen = BTreeSet::new();
        let mut window_ended = 0;
        for (number, chunk) in (1..).zip(&chunks) {
            prop_assert_eq!(chunk.number, ChunkNumber(number));
            let window = chunk.window.unwrap();
            prop_assert!(window.first <= chunk.number && chunk.number <= window.last);
            let own = rows_of(chunk);
            prop_assert!(own.is_sorted_by_key(|(row, _)| *row), "input order in a chunk");
            prop_assert_eq!(own.len(), chunk.rows as usize);
            prop_assert!(chunk.rows <= rows && chunk.body_bytes <= bytes);
            for (row, parent) in own {
                prop_assert!(seen.insert(row));
                prop_assert!(row > window_ended && row <= window.last_row, "within the window");
                if !parent.is_empty() {
                    let lane = *lane_of.entry(parent.to_lowercase()).or_insert(window.lane);
                    prop_assert_eq!(lane, window.lane, "{} in two lanes", parent);
                }
            }
            if chunk.number == window.last {
                prop_assert_eq!(seen.len() as u64 * 2, window.last_row, "no row is left behind");
                window_ended = window.last_row;
            }
        }
        prop_assert_eq!(seen.len(), parents.len());

        // In a lane chunks do not interleave.
        for (at, chunk) in chunks.iter().enumerate() {
            let lane = chunk.window.unwrap().lane;
            let next = chunks[at + 1..].iter().find(|next| next.window.unwrap().lane == lane);
            prop_assert!(next.is_none_or(|next| next.first_row > chunk.last_row));
        }

        // A process that was told to stop has ended its last window early; one that was killed has
        // noted the first chunks only. Whoever goes on cuts those the same.
        let read = ended_at.min(parents.len());
        let before = tempfile::tempdir().unwrap();
        let first = cut(before.path(), &parents[..read], 7, lanes, limits, Cuts::new()).unwrap();
        let known = first.iter().take(noted);
        let cuts: Cuts = known.clone().map(|chunk| (chunk.number, cut_of(chunk, false))).collect();
        let again = cut(before.path(), &parents, slab_rows, lanes, limits, cuts).unwrap();
        for chunk in known {
            let same = again.iter().find(|other| other.number == chunk.number).unwrap();
            prop_assert_eq!((same.digest, same.window), (chunk.digest, chunk.window));
        }
        let all: usize = again.iter().map(|chunk| chunk.rows as usize).sum();
        prop_assert_eq!(all, parents.len());
    }
}

#[test]
fn other_rows_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let limits = ChunkLimits { rows: 3, bytes: 1_000 };
    let parents = |last: &str| ["a", "b", "a", "c", last].map(str::to_owned);
    let first = cut(folder.path(), &parents("a"), 9, 3, limits, Cuts::new()).unwrap();
    let cuts: Cuts = first.iter().map(|chunk| (chunk.number, cut_of(chunk, true))).collect();
    assert!(cut(folder.path(), &parents("a"), 9, 3, limits, cuts.clone()).is_ok());
    let refused = cut(folder.path(), &parents("b"), 9, 3, limits, cuts).unwrap_err();
    assert_eq!(refused.blame, Blame::Guard);
}
