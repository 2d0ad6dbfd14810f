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

/// Processes that it may take to finish a load on a sound disk.
const TRIES: usize = 2;

/// One error at one passing of a point; the last case of a point goes on until nothing is struck.
struct Case {
    point: &'static str,
    error: usize,
    nth: usize,
    is_last: bool,
}

impl Case {
    fn order(&self, nth: usize) -> String {
        let word = ERRORS[self.error].0;
        match word.strip_prefix('+') {
            Some(word) => format!("{}:{nth}+:{word}", self.point),
            None => format!("{}:{nth}:{word}", self.point),
        }
    }

    /// Whether the short form has this case: each passing once, and a sample of the other errors.
    fn is_in_short_form(&self) -> bool {
        let syncs = ["sync", "sync_folder"].contains(&self.point);
        match ERRORS[self.error].0 {
            "enospc" => !syncs,
            "eio" => syncs,
            "short" => self.nth.is_multiple_of(4),
            _ => self.nth % 16 == self.error,
        }
    }
}

/// Every error at every passing that a sound load makes, and one case more for each point.
fn cases(all: bool) -> Vec<(String, Case)> {
    let (whole, passed) = Load::new(Kind::Insert, Door::plain()).trace();
    assert!(whole.is_finished(), "{}", whole.ran.stderr);
    let mut cases = Vec::new();
    for point in POINTS {
        let passings = passed.iter().filter(|name| *name == point).count();
        assert!(passings > 0, "{point} is not passed");
        for (error, (word, _)) in ERRORS.iter().enumerate() {
            if *word == "short" && point != "write" {
                continue;
            }
            for nth in 1..=passings + 1 {
                let is_last = nth == passings + 1;
                let case = Case { point, error, nth, is_last };
                if all || is_last && error == 0 || !is_last && case.is_in_short_form() {
                    cases.push((case.order(nth), case));
                }
            }
        }
    }
    cases
}

#[test]
fn a_disk_that_fails_at_any_point_costs_no_row() {
    let all = std::env::vars_os().any(|(name, _)| name == "LONGSHORE_DISK_FAULTS");
    let start = Instant::now();
    let tally = Mutex::new((0, Audited::default()));
    each(&cases(all), |case| {
        for nth in case.nth.. {
            let mut load = Load::new(Kind::Insert, Door::plain());
            let attempt = load.attempt(&case.order(nth), None);
            if attempt.struck.is_empty() {
                assert!(attempt.is_finished(), "{}", attempt.ran.stderr);
                return;
            }
            check(&attempt, ERRORS[case.error].1, &load);
            if !attempt.is_finished() {
                load.finish(TRIES);
            }
            let mut tally = tally.lock().unwrap();
            tally.0 += 1;
            tally.1.add(load.audit());
            if !case.is_last {
                return;
            }
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
        code => panic!("{code} is not the code of a disk error: {told}"),
    }
    assert!(said.contains(cause), "no cause: {told}");
    let name = Path::new(path).file_name().map_or("longshore-runs", |name| name.to_str().unwrap());
    // On a disk that stays full, a later failure may be the one that is told of.
    let name = if order.contains('+') { "longshore-runs" } else { name };
    let name = name.strip_suffix(".part").unwrap_or(name);
    assert!(said.contains(name), "no place: {told}");
}
