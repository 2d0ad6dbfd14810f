use std::io::Write;

use super::*;

const NOON: &str = "2026-11-23T12:00:00Z";

fn budget(asked: &str) -> Arc<Budget> {
    let asked = (!asked.is_empty()).then(|| asked.parse().unwrap());
    Budget::new(asked, NOON.parse().unwrap())
}

/// An org of 1,000 calls a day, of which so many are used, after so many calls of ours.
fn usage(calls: u64, org_used: u64) -> ApiUsage {
    ApiUsage { calls, org_used: Some(org_used), org_allowed: Some(1_000), ..ApiUsage::default() }
}

const JOB: Cost = Cost { to_begin: 3, to_end: 4, batches: 1 };

/// What begins at this usage: how many jobs until one does not fit, and why not.
fn begun(budget: &Arc<Budget>, at: ApiUsage) -> (Vec<Part>, Short) {
    let mut parts = Vec::new();
    loop {
        match budget.begin(at, JOB) {
            Ok(part) => parts.push(part),
            Err(short) => return (parts, short),
        }
    }
}

#[test]
fn what_jobs_cost() {
    let (insert, undelete) = (Operation::Insert, Operation::Undelete);
    for (kind, operation, imaged, rows, to_begin, to_end, batches) in [
        ("salesforce", insert, false, 1, 3, 4, 1),
        ("salesforce", insert, false, 10_000, 3, 4, 1),
        ("salesforce", insert, false, 10_001, 3, 4, 2),
        ("salesforce", insert, true, 10_000, 8, 4, 1),
        ("salesforce", undelete, false, 401, 0, 3, 0),
        ("auth0", insert, false, 50, 0, 150, 0),
    ] {
        let expected = Cost { to_begin, to_end, batches };
        assert_eq!(Cost::of(kind, operation, imaged, rows), expected, "{kind} {operation} {rows}");
    }
}

#[test]
fn jobs_begin_until_the_budget_is_set_aside() {
    for (asked, at, jobs) in [
        ("", usage(5, 0), 114),     // 800 / 7
        ("", usage(5, 700), 14),    // 100 / 7
        ("", usage(5, 794), 0),     // 6 of the 800 are left
        ("", usage(5, 1_000), 0),   // nothing at all is left
        ("20", usage(5, 0), 2),     // 15 / 7
        ("20", usage(14, 900), 0),  // a number asks for nothing of the org's
        ("50%", usage(5, 900), 7),  // half of 100, from here on
        ("100%", usage(5, 986), 2), // 14 / 7
        ("0%", usage(5, 0), 0),
    ] {
        let budget = budget(asked);
        budget.go_by(Limits::default(), at).unwrap();
        let (parts, short) = begun(&budget, at);
        assert_eq!(parts.len(), jobs, "{asked:?} {at:?}");
        assert_eq!(matches!(short, Short::ForGood(_)), jobs == 0, "{asked:?} {short:?}");
    }
    // Where neither side says anything, nothing is limited.
    let silent = ApiUsage { calls: 9, ..ApiUsage::default() };
    let open = budget("");
    open.go_by(Limits::default(), silent).unwrap();
    assert!((0..1_000).all(|_| open.begin(silent, JOB).map(std::mem::forget).is_ok()));
    assert!(budget("50%").go_by(Limits::default(), silent).is_err());
}

#[test]
fn what_was_set_aside_is_free_again() {
    let budget = budget("14");
    budget.go_by(Limits::default(), usage(0, 0)).unwrap();
    let mut freed = budget.freed();
    let mut first = budget.begin(usage(0, 0), JOB).unwrap();
    first.job_runs();
    first.job_runs();
    // Its three calls are among those that were made by now.
    let second = budget.begin(usage(3, 3), JOB).unwrap();
    assert!(matches!(budget.begin(usage(3, 3), JOB), Err(Short::ForNow)));
    assert!(!freed.has_changed().unwrap());
    drop(second);
    assert!(freed.has_changed().unwrap());
    freed.mark_unchanged();
    let followed = budget.follow(JOB);
    assert!(matches!(budget.begin(usage(3, 3), JOB), Err(Short::ForNow)));
    drop((first, followed));
    assert_eq!(budget.locked().set_aside, 0);
    assert!(matches!(budget.begin(usage(8, 8), JOB), Err(Short::ForGood(_))));
}

#[test]
fn batches_are_taken_by_jobs_that_ran() {
    let limits = Limits { calls: None, batches: Some((40, 100)) };
    for (asked, batches) in [("", 20), ("9000", 20), ("50%", 20), ("100%", 40), ("1%", 0)] {
        let budget = budget(asked);
        budget.go_by(limits, usage(0, 0)).unwrap();
        assert_eq!(budget.locked().batches, Some(batches), "{asked:?}");
    }
    let budget = budget("5%");
    budget.go_by(limits, usage(0, 0)).unwrap();
    let wide = Cost { batches: 2, ..JOB };
    assert!(matches!(
        budget.begin(usage(0, 0), Cost { batches: 3, ..JOB }),
        Err(Short::ForGood(_))
    ));
    // A job that never ran gives them back.
    drop(budget.begin(usage(0, 0), wide).unwrap());
    let mut ran = budget.begin(usage(0, 0), wide).unwrap();
    ran.job_runs();
    drop(ran);
    assert!(matches!(budget.begin(usage(0, 0), JOB), Err(Short::ForGood(_))));
}

/// A failure as it is told.
fn told(short: Short) -> String {
    let Short::ForGood(failure) = short else { panic!("{short:?}") };
    assert_eq!(failure.blame, Blame::Service);
    format!("{failure}\n  {}", failure.hints.join("\n  "))
}

#[test]
fn what_is_said_when_nothing_fits_any_more() {
    let said = |asked, at| {
        let budget = budget(asked);
        budget.go_by(Limits::default(), usage(10, 500)).unwrap();
        told(begun(&budget, at).1)
    };
    let batches = {
        let budget = budget("");
        budget.go_by(Limits { calls: None, batches: Some((21, 100)) }, usage(1, 1)).unwrap();
        told(budget.begin(usage(1, 1), Cost { batches: 25, ..JOB }).unwrap_err())
    };
    let all = [
        said("", usage(200, 795)),
        said("4000", usage(4_000, 795)),
        said("50%", usage(259, 800)),
        batches,
    ];
    insta::assert_snapshot!(all.join("\n"), @"
    the budget is all but 20% of the org's 1,000 API calls a day (205 are left): 5 are left, and the next job takes about 7
      an org counts over 24 hours: what this run has used is free again from 2026-11-24 12:00 UTC on
      `--api-budget 100%` lets it use all that the org has left
    the budget is 4,000 API calls: none is left, and the next job takes about 7
      `--api-budget` with more calls lets it go on for longer
    the budget is 50% of the API calls that the org had left: 1 is left, and the next job takes about 7
      an org counts over 24 hours: what this run has used is free again from 2026-11-24 12:00 UTC on
      `--api-budget 100%` lets it use all that the org has left
    the budget of the org's Bulk API batches of a day: 1 is left, and the next job takes 25
      an org counts over 24 hours: what this run has used is free again from 2026-11-24 12:00 UTC on
      `--api-budget 100%` lets it use all that the org has left
    ");
}

#[test]
fn what_a_load_will_take_is_told_before_it_begins() {
    let work = Work { rows: Some(2_500_000), jobs: 12, calls: 84, batches: 250 };
    let said = |asked, batches, work, at| {
        let budget = budget(asked);
        budget.go_by(Limits { calls: None, batches }, at).unwrap();
        budget.foretold(work, at).unwrap_or_default()
    };
    let all = [
        said("", Some((14_990, 15_000)), work, usage(9, 100)),
        said("", None, work, usage(9, 790)),
        said("90", Some((249, 0)), work, usage(9, 100)),
        said("", None, work, ApiUsage::default()),
        said("", None, Work { rows: Some(1), jobs: 1, calls: 7, batches: 1 }, usage(9, 0)),
        said("", None, Work::default(), usage(9, 0)),
    ];
    insta::assert_snapshot!(all.join("\n"), @"
    about 2,500,000 rows will take about 84 API calls of the 700 in the budget, and 250 batches of the 11,990 there
    about 2,500,000 rows will take about 84 API calls of the 10 in the budget; the run will pause when the budget is used up
    about 2,500,000 rows will take about 84 API calls of the 81 in the budget, and 250 batches of the 249 there; the run will pause when the budget is used up
    about 2,500,000 rows will take about 84 API calls
    about 1 row will take about 7 API calls of the 800 in the budget
    ");
}

#[test]
fn rows_are_guessed_from_the_beginning_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    let write = |bytes: &[u8]| File::create(&path).unwrap().write_all(bytes).unwrap();
    let rows = |text: &str| {
        write(text.as_bytes());
        rows_about(&path).map(|(rows, _)| rows)
    };
    assert_eq!(rows("Id\n1\n2\n3\n"), Some(3));
    assert_eq!(rows("Id\r1\r2\r3\r"), Some(3));
    assert_eq!(rows("Id\r\n1\r\n2\r\n"), Some(2));
    assert_eq!(rows(""), Some(0));
    assert_eq!(rows("\u{1f}\u{8b}"), Some(0));
    let long = format!("Id,Name\n{}", "0018c00000zzzzz,some name\n".repeat(100_000));
    let guess = rows(&long).unwrap();
    assert!(guess.abs_diff(100_000) < 100, "{guess}");
    write(&[0x1f, 0x8b, 8]);
    assert_eq!(rows_about(&path), None);
    assert_eq!(rows_about(folder.path()), None);
}
