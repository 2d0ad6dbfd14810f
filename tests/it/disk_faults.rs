//! T4: every change on disk fails once, by number. The process ends in time and says where and why,
//! nothing is doubled, and `resume` finishes the run.
//!
//! `cargo test` fails each point at least once and samples the errors.
//! `LONGSHORE_DISK_FAULTS=all cargo test --test it disk_faults -- --nocapture` tries every error at
//! every passing of every point.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::door::Door;
use crate::faults::each;
use crate::yard::{Attempt, Audited, Kind, Load};

/// What can be made to fail, by the words of `src/faults`.
const POINTS: [&str; 7] =
    ["create", "write", "sync", "rename", "create_dir", "sync_folder", "remove"];

/// Errors, and what the operating system says of them. A `+` is a disk that stays like that.
const ERRORS: [(&str, &str); 7] = [
    ("enospc", "No space left on device"),
    ("+enospc", "No space left on device"),
    ("eio", "Input/output error"),
    ("short", "No space left on device"),
    ("edquot", "uota exceeded"),
    ("efbig", "File too large"),
    ("erofs", "Read-only file system"),
];

/// A disk that fails must not hold up the end.
const END_WITHIN: Duration = Duration::from_secs(5);

/// The passings of a point are dealt out to so many lanes.
const LANES: usize = 4;

/// Processes that it may take to finish a load on a sound disk.
const TRIES: usize = 2;

/// One error at one point, from one passing on in steps of [`LANES`], until a load is untouched.
struct Lane {
    point: &'static str,
    error: usize,
    first: usize,
}

impl Lane {
    fn order(&self, nth: usize) -> String {
        let word = ERRORS[self.error].0;
        match word.strip_prefix('+') {
            Some(word) => format!("{}:{nth}+:{word}", self.point),
            None => format!("{}:{nth}:{word}", self.point),
        }
    }

    /// Whether this passing is left out of the short form.
    fn is_skipped(&self, nth: usize) -> bool {
        // Each lane of a sampled error starts at another turn.
        let (turn, word) = ((nth - 1) / LANES, ERRORS[self.error].0);
        match word {
            "enospc" => self.point == "sync" || self.point == "sync_folder",
            "eio" => self.point != "sync" && self.point != "sync_folder",
            "short" => turn % 4 != self.first % 4,
            _ => turn % 4 != self.error % 4 || self.first != self.error % LANES + 1,
        }
    }
}

fn lanes() -> Vec<(String, Lane)> {
    let mut lanes = Vec::new();
    for point in POINTS {
        for (error, (word, _)) in ERRORS.iter().enumerate() {
            if *word == "short" && point != "write" {
                continue;
            }
            for first in 1..=LANES {
                let lane = Lane { point, error, first };
                lanes.push((lane.order(first), lane));
            }
        }
    }
    lanes
}

#[test]
fn a_disk_that_fails_at_any_point_costs_no_row() {
    let all = std::env::vars_os().any(|(name, _)| name == "LONGSHORE_DISK_FAULTS");
    let start = Instant::now();
    let tally = Mutex::new((0, Audited::default()));
    each(&lanes(), |lane| {
        for nth in (lane.first..).step_by(LANES) {
            if !all && lane.is_skipped(nth) && nth < 100 {
                continue;
            }
            let mut load = Load::new(Kind::Insert, Door::plain());
            let attempt = load.attempt(&lane.order(nth), None);
            if attempt.struck.is_empty() {
                assert!(attempt.is_finished(), "{}", attempt.ran.stderr);
                return;
            }
            check(&attempt, ERRORS[lane.error].1, &load);
            if !attempt.is_finished() {
                load.finish(TRIES);
            }
            let mut tally = tally.lock().unwrap();
            tally.0 += 1;
            tally.1.add(load.audit());
        }
    });
    let (struck, audited) = tally.into_inner().unwrap();
    let Audited { rows, doubled, lost, wrong, .. } = &audited;
    println!(
        "{struck} disk faults, {rows} rows: {doubled} doubled, {lost} lost, {wrong} wrong; {} s",
        start.elapsed().as_secs()
    );
    assert!(struck > POINTS.len() * 10, "only {struck} faults struck");
    audited.expect_clean();
}

/// The end came in time, with the code of a disk error, and said what failed where.
fn check(attempt: &Attempt, cause: &str, load: &Load) {
    let (order, path) = &attempt.struck[0];
    let said = format!("{}\n{}", attempt.ran.stdout, attempt.ran.stderr);
    let told = format!("{order} {path}: {:?} {said}", attempt.took);
    assert!(attempt.took < END_WITHIN, "{told}");
    assert!(!said.contains("panicked"), "{told}");
    // What a finished run needs no more is removed at last, or stays and does no harm.
    if order.starts_with("remove:") && attempt.is_finished() {
        return;
    }
    match attempt.ran.code {
        9 => {}
        2 => assert_eq!(load.effects(), 0, "{told}"),
        _ => panic!("the code is not that of a disk error: {told}"),
    }
    assert!(said.contains(cause), "no cause: {told}");
    let name = Path::new(path).file_name().map_or("longshore-runs", |name| name.to_str().unwrap());
    // On a disk that stays full, a later failure may be the one that is told of.
    let name = if order.contains('+') { "longshore-runs" } else { name };
    let name = name.strip_suffix(".part").unwrap_or(name);
    assert!(said.contains(name), "no place: {told}");
}
