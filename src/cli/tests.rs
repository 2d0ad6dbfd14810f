use std::path::Path;

use super::shell::tests::{Told, shell};
use super::*;
use crate::report::tests::text_of;

/// Parses and runs in `dir`; returns the exit code, standard output and standard error.
fn run_in(dir: &Path, words: &[&str]) -> (u8, String, String) {
    let (world, Told { out, err }) = shell(dir, &[]);
    let words = ["longshore"].iter().chain(words);
    let code = match parse(words, &world) {
        Ok(args) => run(&args, &world),
        Err(code) => code,
    };
    (code, text_of(&out), text_of(&err))
}

fn ran(words: &[&str]) -> (u8, String, String) {
    let dir = tempfile::tempdir().unwrap();
    run_in(dir.path(), words)
}

#[test]
fn the_help_is_no_error_and_goes_to_standard_output() {
    let (code, out, err) = ran(&["--help"]);
    assert_eq!((code, err.as_str()), (0, ""));
    insta::assert_snapshot!(out, @"
    longshore loads and unloads an org, and accounts for every row

    Usage: longshore <COMMAND>

    Commands:
      insert       Create a record for each row of a CSV file
      update       Change the records whose Id is in each row of a CSV file
      upsert       Create or change records, found by an external id
      delete       Delete the records whose Id is in each row of a CSV file
      hard-delete  Delete records past the recycle bin; the org must allow it
      undelete     Take the records whose Id is in each row of a CSV file out of the recycle bin
      perms        Permissions by names: users and what they are to have, as people write them
      check        Work a load out, from the file to the last job, and send nothing
      plan         Write a load down as a plan that can be reviewed, or show what a runbook would do
      apply        Carry a reviewed plan out, if nothing that it rests on has changed
      run          Carry out a runbook: a data migration as one file of steps
      export       Write the rows of a query, or of an object, to a CSV file
      process      Run a process of Data Loader from its configuration folder as it is
      import       Turn what another loader was told into mapping files and commands
      objects      List the objects of the org and what can be done to them
      describe     Show the fields of an object as a loader sees them
      resume       Go on with a run that was interrupted, where it stopped
      retry        Load the rows of a run again that failed, were not processed or were rejected
      undo         Take a finished run back: delete what it created, write back what it changed
      verify       Recompute the row accounting of a run from its ledger, raw results and result files
      report       Write the hand-over of a run, to be read and signed: report.md and report.html
      diff         Tell what two runs differ in, as two rehearsals: rows, errors, checks
      runs         The runs that were made here: list them, show one, remove what they need no more
      org          The orgs that you sign in to: add one, list them, show one, forget one
      practice     The practice org: a small Salesforce on this machine
      completions  Print a completion script for a shell
      man          Print the manual page
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help
      -V, --version  Print version

    exit codes: 0 every row succeeded, 3 some rows did not, 2 refused and nothing sent;
    all of them are in docs/reference/exit-codes.md
    ");
}

#[test]
fn the_help_of_a_load_names_every_flag() {
    let (code, out, _) = ran(&["upsert", "--help"]);
    assert_eq!(code, 0);
    for flag in ["--external-id", "--nulls", "--chunk-bytes", "--target-org", "LONGSHORE_PARALLEL"]
    {
        assert!(out.contains(flag), "{flag}\n{out}");
    }
    let (_, insert, _) = ran(&["insert", "--help"]);
    assert!(!insert.contains("--nulls") && !insert.contains("--external-id"), "{insert}");
}

#[test]
fn wrong_usage_is_exit_code_2_and_nothing_on_standard_output() {
    for (words, message) in [
        (vec!["insret"], "error: unrecognized subcommand 'insret'"),
        (vec!["insert", "A", "b.csv", "--paralel", "3"], "error: unexpected argument '--paralel'"),
        (vec!["insert", "A", "b.csv", "--parallel", "x"], "error: invalid value 'x' for '--para"),
        (vec!["insert", "A", "b.csv", "--api", "bulk1"], "error: invalid value 'bulk1' for '--api"),
        (vec!["insert", "A", "b.csv", "--nulls", "clear"], "error: unexpected argument '--nulls'"),
        (vec!["upsert", "A", "b.csv"], "error: the following required arguments were not provided"),
        (vec!["undelete", "A", "b.csv", "-i", "Id"], "error: unexpected argument '-i'"),
        (
            vec!["undelete", "A", "b.csv", "--api", "bulk2", "-o", "demo"],
            "error: `--api bulk2` cannot undelete",
        ),
        (vec!["delete", "A", "b.csv", "-i", "Id"], "error: unexpected argument '-i'"),
        (vec!["insert", "A", "b.csv", "c.csv"], "error: unexpected argument 'c.csv'"),
    ] {
        let (code, out, err) = ran(&words);
        assert_eq!((code, out.as_str()), (2, ""), "{words:?}");
        assert!(err.starts_with(message), "{words:?}: {err}");
    }
}

#[test]
fn all_that_is_wrong_with_a_load_is_told_at_once() {
    let (code, out, err) = ran(&["insert", "Account", "a.csv", "--parallel", "99"]);
    assert_eq!((code, out.as_str()), (2, ""));
    insta::assert_snapshot!(err, @"
    error: 2 things are wrong with what was asked
      `--parallel` takes 1 to 25, not 99
      no org is given

    hint: `-o demo` is a practice org made new for this one command
    hint: `-o practice` is a practice org kept under `./.longshore/practice`
    hint: `-o demo-auth0` and `-o practice-auth0` are practice tenants of Auth0
    hint: a real org comes from `longshore org login ALIAS …`, or from `LONGSHORE_INSTANCE_URL` and what `docs/guide/sign-in.md` tells
    hint: `target-org` in `longshore.toml` and `LONGSHORE_TARGET_ORG` name the usual one
    ");
}

#[test]
fn faults_of_command_line_and_org_are_counted_together() {
    let (code, _, err) = ran(&["insert"]);
    assert_eq!(code, 2);
    assert!(err.starts_with("error: 3 things are wrong with what was asked\n  no object"), "{err}");
}

#[test]
fn a_refused_load_has_a_document_too() {
    let (code, out, err) = ran(&["insert", "Account", "a.csv", "-o", "nowhere", "--json"]);
    assert_eq!(code, 2);
    assert!(err.starts_with("error: there is no org `nowhere`"), "{err}");
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(out.lines().count(), 1);
    assert_eq!(document["status"], "refused");
    assert_eq!(document["exit_code"], 2);
    assert_eq!(document["operation"], "insert");
    assert_eq!(document["object"], "Account");
    assert_eq!(document["rows"]["input"], 0);
    assert_eq!(document["failure"]["message"], "there is no org `nowhere`");
    assert!(document["failure"]["hints"].as_array().unwrap().len() >= 3);
}

#[test]
fn other_refusals_have_a_document_with_status_code_and_failure() {
    for words in [
        vec!["objects", "--json"],
        vec!["describe", "Acc ount", "-o", "demo", "--json"],
        vec!["export", "Account", "--json"],
        vec!["insert", "--json", "--no-such-flag"],
    ] {
        let (code, out, err) = ran(&words);
        let document: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, &document["exit_code"]), (2, &2.into()), "{words:?}");
        assert_eq!(document["status"], "refused");
        let message = document["failure"]["message"].as_str().unwrap();
        assert!(err.contains(message), "{words:?}: {err}");
    }
}

#[test]
fn a_project_file_that_is_wrong_stops_everything() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("longshore.toml");
    std::io::Write::write_all(
        &mut std::fs::File::create(file).unwrap(),
        b"[defaults]\ntarget_org = \"demo\"\n",
    )
    .unwrap();
    for words in [vec!["objects"], vec!["insert", "Account", "a.csv"], vec!["export", "Account"]] {
        let (code, _, err) = run_in(dir.path(), &words);
        assert_eq!(code, 2, "{words:?}");
        assert!(err.contains("longshore.toml:2:1: unknown field `target_org`"), "{err}");
    }
}
