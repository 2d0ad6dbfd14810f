use super::*;
use crate::model::verdict::Counts;
use crate::pipeline::event::{SummaryApi, SummaryFailure, SummaryFiles, SummaryJob, SummaryOrg};
use crate::report::tests::folded;

fn group(code: &str, count: u64, verdict: &str, message: &str, rows: &[u64]) -> ErrorGroup {
    ErrorGroup {
        code: code.to_owned(),
        count,
        message: message.to_owned(),
        rows: rows.to_vec(),
        verdict: verdict.to_owned(),
    }
}

/// A run in which all went well.
fn whole() -> Summary {
    let dir = Path::new("/srv/ada/longshore-runs/20261122-170949-k3f9");
    let out = |name: &str| dir.join("out").join(name);
    Summary {
        run: "20261122-170949-k3f9".to_owned(),
        run_dir: dir.to_owned(),
        status: Status::Succeeded,
        exit_code: 0,
        operation: "insert".to_owned(),
        object: "PermissionSetAssignment".to_owned(),
        org: SummaryOrg {
            id: "00D000000000001EAA".to_owned(),
            kind: "salesforce".to_owned(),
            alias: "demo".to_owned(),
        },
        rows: Counts { input: 4000, success: 4000, ..Counts::default() },
        jobs: vec![SummaryJob {
            id: "7508c00000Qk3TbAAJ".to_owned(),
            rows: 4000,
            state: "JobComplete".to_owned(),
        }],
        errors: Vec::new(),
        api: SummaryApi { calls: 9, retries: 0 },
        seconds: 1.6,
        files: SummaryFiles {
            success: out("success.csv"),
            error: out("error.csv"),
            rejected: out("rejected.csv"),
            unprocessed: out("unprocessed.csv"),
            unknown: out("unknown.csv"),
        },
        preview: None,
        steps: Vec::new(),
        resume: None,
        failure: None,
    }
}

/// A run in which some rows failed.
pub(crate) fn partial() -> Summary {
    Summary {
        status: Status::Partial,
        exit_code: 3,
        rows: Counts {
            input: 31_220,
            success: 28_000,
            error: 3_217,
            rejected: 3,
            ..Counts::default()
        },
        errors: vec![
            group(
                "DUPLICATE_VALUE",
                97,
                "error",
                "Duplicate PermissionSetAssignment.  Assignee: 005\u{7}",
                &[1_234, 1_240, 1_255, 1_300, 1_310],
            ),
            group("FIELD_CUSTOM_VALIDATION_EXCEPTION", 3_120, "error", "no", &[17, 44, 51, 60, 61]),
            group("bad_id_checksum", 3, "rejected", "`AssigneeId` is `005…`", &[7, 8, 9]),
        ],
        ..whole()
    }
}

fn shown(summary: &Summary) -> String {
    screen(summary, Path::new("/srv/ada"), Paint::PLAIN)
}

#[test]
fn a_run_that_went_well() {
    insta::assert_snapshot!(shown(&whole()), @"
    insert PermissionSetAssignment in `demo`: every row succeeded
    1.6 s · 2,500 rows/s · 1 job · 9 API calls

      success      4,000  done, the org says
      error            0
      rejected         0
      unprocessed      0
      unknown          0
                   ─────
      rows read    4,000

    files
      longshore-runs/20261122-170949-k3f9/out/success.csv  (4,000 rows)
      longshore-runs/20261122-170949-k3f9  (all of this run)
    ");
}

#[test]
fn a_run_with_errors() {
    insta::assert_snapshot!(folded(&shown(&partial())), @r#"
    insert PermissionSetAssignment in `demo`: 3,220 of 31,220 rows did not succeed
    1.6 s · 19,511 rows/s · 1 job · 9 API calls

      success      28,000  done, the org says
      error         3,217  not done, the org says why
      rejected          3  failed a local check, never sent
      unprocessed       0
      unknown           0
                   ──────
      rows read    31,220

      3,120 × FIELD_CUSTOM_VALIDATION_EXCEPTION, rows 17, 44, 51, 60, 61, …
          no
      97 × DUPLICATE_VALUE, rows 1234, 1240, 1255, 1300, 1310, …
          Duplicate PermissionSetAssignment.  Assignee: 005\u{7}
          the user has it already: nothing to correct, take these rows out
      3 × bad_id_checksum, rows 7, 8, 9 (rejected)
          `AssigneeId` is `005…`

    files
      longshore-runs/20261122-170949-k3f9/out/success.csv  (28,000 rows)
      longshore-runs/20261122-170949-k3f9/out/error.csv  (3,217 rows)
      longshore-runs/20261122-170949-k3f9/out/rejected.csv  (3 rows)
      longshore-runs/20261122-170949-k3f9  (all of this run)

    hint: correct the rows of `error.csv` and `rejected.csv` or drop them, and load
        ~ these files: added columns may stay

    exit code 3: finished, some rows are in error, rejected or unprocessed
    "#);
}

#[test]
fn rows_that_were_only_unlucky_need_no_correction() {
    let group = group("UNABLE_TO_LOCK_ROW", 5, "error", "unable to obtain", &[1]);
    let rows = Counts { input: 9, success: 4, error: 5, ..Counts::default() };
    let text = shown(&Summary { rows, errors: vec![group], ..partial() });
    assert!(text.contains("hint: the rows of `error.csv` need no correction"), "{text}");
}

#[test]
fn rows_that_ask_for_what_is_so_already_need_nothing() {
    let group = group("ENTITY_IS_DELETED", 5, "error", "entity is deleted", &[1]);
    let rows = Counts { input: 9, success: 4, error: 5, ..Counts::default() };
    let operation = "delete".to_owned();
    let text = shown(&Summary { operation, rows, errors: vec![group], ..partial() });
    assert!(text.contains("gone already: nothing to correct"), "{text}");
    assert!(!text.contains("hint:"), "{text}");
}

/// A row that was left out for another one needs no correction, and must not be loaded.
#[test]
fn rows_that_were_left_out_as_duplicates_are_not_to_be_loaded() {
    let left_out = group("duplicate_row", 2, "rejected", "the same key (`Id`) as row 1", &[2, 3]);
    let bad = group("bad_id", 1, "rejected", "`Id`: `x` is no id", &[4]);
    for (errors, rejected, hint) in [
        (vec![left_out.clone()], 2, None),
        (
            vec![left_out, bad],
            3,
            Some(
                "hint: correct the rows of `rejected.csv` or drop them (those with the code \
                 `duplicate_row` are to be dropped), and load the file: added columns may stay",
            ),
        ),
    ] {
        let mut summary = whole();
        summary.errors = errors;
        summary.rows.rejected = rejected;
        let text = shown(&summary);
        assert_eq!(text.lines().find(|line| line.starts_with("hint: correct")), hint, "{text}");
    }
}

#[test]
fn an_interruption_is_told_once() {
    let failure = SummaryFailure { message: "interrupted".to_owned(), hints: Vec::new() };
    let status = Status::Interrupted;
    let text = shown(&Summary { status, failure: Some(failure), ..partial() });
    assert!(
        text.starts_with("insert PermissionSetAssignment in `demo`: interrupted\n1.6 s"),
        "{text}"
    );
}

#[test]
fn a_run_with_unknown_rows_that_failed() {
    let summary = Summary {
        status: Status::Unknown,
        exit_code: 5,
        rows: Counts { input: 12, success: 1, unprocessed: 1, unknown: 10, ..Counts::default() },
        errors: vec![group("answer_lost", 10, "unknown", "", &[1])],
        api: SummaryApi { calls: 14, retries: 3 },
        failure: Some(SummaryFailure {
            message: "the service is not reachable\nerror: fake".to_owned(),
            hints: vec!["run the same command later".to_owned()],
        }),
        ..whole()
    };
    insta::assert_snapshot!(folded(&shown(&summary)), @"
    insert PermissionSetAssignment in `demo`: 11 of 12 rows did not succeed
    error: the service is not reachable
      error: fake
    1.6 s · 7.5 rows/s · 1 job · 14 API calls · 3 repeats

      success       1  done, the org says
      error         0
      rejected      0
      unprocessed   1  not worked on, nothing happened
      unknown      10  sent, and nobody can say what became of it; never sent again by
        ~ itself
                   ──
      rows read    12

      10 × answer_lost, rows 1, … (unknown)

    files
      longshore-runs/20261122-170949-k3f9/out/success.csv  (1 row)
      longshore-runs/20261122-170949-k3f9/out/unprocessed.csv  (1 row)
      longshore-runs/20261122-170949-k3f9/out/unknown.csv  (10 rows)
      longshore-runs/20261122-170949-k3f9  (all of this run)

    hint: nothing happened to the rows of
        ~ `longshore-runs/20261122-170949-k3f9/out/unprocessed.csv`: load it again as
        ~ it is
    hint: look up the rows of `longshore-runs/20261122-170949-k3f9/out/unknown.csv` in
        ~ the org before you load them again: they may be there
    hint: run the same command later

    exit code 5: finished, some rows are unknown; `verify` found a fault, or `diff` a
        ~ difference
    ");
}

/// Until a run has come to its end there is one thing to do, whatever its files hold.
#[test]
fn a_run_that_is_gone_on_with_says_only_how() {
    let summary = Summary {
        status: Status::Interrupted,
        exit_code: 130,
        rows: Counts {
            input: 9,
            success: 1,
            error: 1,
            unprocessed: 4,
            unknown: 3,
            ..Counts::default()
        },
        errors: vec![group("UNABLE_TO_LOCK_ROW", 1, "error", "", &[1])],
        resume: Some("longshore resume friday".to_owned()),
        failure: Some(SummaryFailure {
            message: "interrupted".to_owned(),
            hints: vec!["`longshore resume friday` goes on where it stopped".to_owned()],
        }),
        ..whole()
    };
    let text = shown(&summary);
    let hints: Vec<&str> = text.lines().filter(|line| line.starts_with("hint")).collect();
    assert_eq!(hints, ["hint: `longshore resume friday` goes on where it stopped"]);
    for line in [
        "  unprocessed  4  not sent or not worked on yet\n",
        "  unknown      3  sent, and what became of it is not known yet\n",
        "exit code 130: interrupted; resumable\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    let document = document(&summary);
    assert!(document.contains(r#""resume":"longshore resume friday","failure""#), "{document}");
}

/// Where the org stays, the rows are had again by a command and not by hand.
#[test]
fn a_finished_run_in_an_org_that_stays_names_its_retry() {
    let org = SummaryOrg { alias: "env".to_owned(), ..whole().org };
    let rows = Counts { input: 9, success: 7, error: 1, unprocessed: 1, ..Counts::default() };
    let errors = vec![group("UNABLE_TO_LOCK_ROW", 1, "error", "", &[1])];
    let summary = Summary { org, rows, errors, exit_code: 3, ..partial() };
    let command = "`longshore retry 20261122-170949-k3f9` loads them\n";
    assert_eq!(shown(&summary).matches(command).count(), 2, "{}", shown(&summary));
    let elsewhere = Summary { run_dir: "/var/r/friday".into(), ..summary };
    let command = "`longshore retry /var/r/friday` loads them\n";
    assert_eq!(shown(&elsewhere).matches(command).count(), 2, "{}", shown(&elsewhere));
}

#[test]
fn a_run_before_which_nothing_was_sent_has_no_files() {
    let summary = Summary {
        status: Status::Refused,
        exit_code: 2,
        rows: Counts::default(),
        run_dir: "".into(),
        files: SummaryFiles::default(),
        jobs: Vec::new(),
        failure: Some(SummaryFailure {
            message: "no column matches a field".to_owned(),
            hints: Vec::new(),
        }),
        ..whole()
    };
    insta::assert_snapshot!(folded(&shown(&summary)), @"
    insert PermissionSetAssignment in `demo`: refused, nothing was sent
    error: no column matches a field
    1.6 s · 0 jobs · 9 API calls

      success      0
      error        0
      rejected     0
      unprocessed  0
      unknown      0
                   ─
      rows read    0

    exit code 2: usage, configuration, mapping or input refused; nothing was sent
    ");
}

#[test]
fn numbers_that_do_not_add_up_are_not_hidden() {
    let rows = Counts { input: 12, success: 1, ..Counts::default() };
    let text = shown(&Summary { rows, ..partial() });
    assert!(text.contains("these numbers do not add up: 11 rows apart"), "{text}");
}

#[test]
fn many_kinds_of_errors_do_not_flood_the_screen() {
    let errors = (0..40).map(|n| group(&format!("CODE_{n}"), 1, "error", "m", &[n])).collect();
    let text = shown(&Summary { errors, ..partial() });
    assert!(text.contains("  and 28 more kinds in 28 rows\n"), "{text}");
}

#[test]
fn colors_change_nothing_but_the_colors() {
    let painted = screen(&partial(), Path::new("/srv/ada"), Paint { on: true });
    let mut plain = painted.clone();
    for code in ["1;31", "1;32", "1;33", "1;36", "1", "0"] {
        plain = plain.replace(&format!("\x1b[{code}m"), "");
    }
    assert_ne!(painted, plain);
    assert_eq!(plain, shown(&partial()));
}

#[test]
fn the_document_is_one_line_with_the_members_of_the_contract() {
    let text = document(&partial());
    assert_eq!(text.lines().count(), 1);
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let members: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        members,
        [
            "run",
            "run_dir",
            "status",
            "exit_code",
            "operation",
            "object",
            "org",
            "rows",
            "jobs",
            "errors",
            "api",
            "seconds",
            "files"
        ]
    );
    assert_eq!(value["status"], "partial");
}

/// A runbook in which a check did not pass.
#[test]
fn the_screen_of_a_runbook_has_a_line_for_each_step() {
    use crate::pipeline::event::{StepState, SummaryCheck, SummaryStep};
    let step = |id: &str, kind: &str, state, rows: (u64, u64), message: Option<&str>| SummaryStep {
        id: id.to_owned(),
        kind: kind.to_owned(),
        state,
        alias: "prod".to_owned(),
        rows: Counts {
            input: rows.0,
            success: rows.1,
            error: rows.0 - rows.1,
            ..Counts::default()
        },
        seconds: 1.6,
        runs: if rows.0 > 0 { vec![format!("steps/{id}").into()] } else { Vec::new() },
        checks: Vec::new(),
        message: message.map(str::to_owned),
    };
    let check = SummaryCheck {
        name: "pipeline".to_owned(),
        kind: "sum".to_owned(),
        passed: false,
        source: "1000.5".to_owned(),
        org: "998".to_owned(),
        tolerance: String::new(),
        differences: Vec::new(),
    };
    let failed = "1 of 1 checks did not pass; `pipeline`: 1000.5 against 998";
    let steps = vec![
        step("01-accounts", "load", StepState::Partial, (4_000, 3_990), None),
        step("go", "checkpoint", StepState::Succeeded, (0, 0), Some("approved by `ada`")),
        SummaryStep {
            checks: vec![check],
            ..step("recon", "reconcile", StepState::Failed, (0, 0), Some(failed))
        },
        step("last", "load", StepState::Skipped, (0, 0), Some("step `recon` failed")),
    ];
    let summary = Summary {
        steps,
        status: Status::Failed,
        exit_code: 1,
        operation: "run".to_owned(),
        object: "cutover".to_owned(),
        rows: Counts { input: 4_000, success: 3_990, error: 10, ..Counts::default() },
        resume: Some("longshore resume r".to_owned()),
        failure: Some(SummaryFailure {
            message: format!("step `recon`: {failed}"),
            hints: vec!["`longshore resume r` goes on where it stopped".to_owned()],
        }),
        ..whole()
    };
    insta::assert_snapshot!(screen(&summary, Path::new("/srv/ada"), Paint::PLAIN), @"
    run cutover in `demo`: the run failed
    error: step `recon`: 1 of 1 checks did not pass; `pipeline`: 1000.5 against 998
    1.6 s · 2,500 rows/s · 1 job · 9 API calls

    steps
      partial      01-accounts  load · 3,990 of 4,000 rows · 1.6 s
      succeeded    go           checkpoint · 1.6 s
          approved by `ada`
      failed       recon        reconcile · 0 of 1 checks passed · 1.6 s
          1 of 1 checks did not pass; `pipeline`: 1000.5 against 998
          pipeline: 1000.5 against 998 in the org
      skipped      last         load
          step `recon` failed

      success      3,990  done, the org says
      error           10  not done, the org says why
      rejected         0
      unprocessed      0
      unknown          0
                   ─────
      rows read    4,000

    files
      longshore-runs/20261122-170949-k3f9  (all of this run)

    hint: what became of the rows of step `01-accounts` stands in `longshore-runs/20261122-170949-k3f9/steps/01-accounts/out`
    hint: `longshore resume r` goes on where it stopped

    exit code 1: the run failed; the message says why
    ");
}
