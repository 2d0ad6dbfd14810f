//! The same load a second time.

use std::path::Path;

use super::{Scene, json};
use crate::faults::{LOAD, ROWS, accounts};
use crate::world::Ran;

impl Scene {
    /// Runs a command by a user who remembers what was loaded.
    fn remembering(&self, args: &[&str]) -> Ran {
        self.remembering_in(&self.stage.world.path("state"), args)
    }

    fn remembering_in(&self, state: &Path, args: &[&str]) -> Ran {
        let mut command = self.stage.world.command(args);
        Ran::of(&command.env("LONGSHORE_STATE_DIR", state).output().unwrap())
    }
}

#[test]
fn the_same_load_is_asked_about_and_yes_sends_it() {
    let scene = Scene::new();
    scene.remembering(&[&LOAD[..], &["--run-name", "a"]].concat()).expect(0);
    let ran = scene.remembering(&LOAD).expect(6);
    let says = "error: this very load was started before: insert `Account` from `accounts.csv`, \
                run `a` at 2";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    let says = "which ended with 40 of 40 rows in success.csv";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: `--yes` sends all the rows once more"), "{}", ran.stderr);
    assert_eq!(scene.effects(), ROWS);
    let runs = std::fs::read_dir(scene.stage.world.path("longshore-runs")).unwrap().count();
    assert_eq!(runs, 1, "a refused load leaves no folder");
    let ran = scene.remembering(&[&LOAD[..], &["--yes", "--run-name", "b"]].concat());
    ran.expect(0);
    assert_eq!(scene.effects(), 2 * ROWS);
    // The last one is told.
    let ran = scene.remembering(&LOAD).expect(6);
    assert!(ran.stderr.contains("run `b` at 2"), "{}", ran.stderr);
    let document = json(&scene.remembering(&[&LOAD[..], &["--json"]].concat()).expect(6));
    assert_eq!(document["status"], "refused");
}

#[test]
fn a_load_that_is_not_finished_is_gone_on_with_and_not_begun_again() {
    let scene = Scene::new();
    let args = [&LOAD[..], &["--run-name", "r"]].concat();
    let mut command = scene.stage.world.command(&args);
    command.env("LONGSHORE_STATE_DIR", scene.stage.world.path("state"));
    command.env("LONGSHORE_FAULTS", "ledger.prepared.after:1:kill");
    assert_eq!(Ran::of(&command.output().unwrap()).code, -1);
    let ran = scene.remembering(&LOAD).expect(6);
    assert!(ran.stderr.contains("which is not finished"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: `longshore resume r` goes on with it"), "{}", ran.stderr);
    scene.remembering(&["resume", "longshore-runs/r"]).expect(0);
    let ran = scene.remembering(&LOAD).expect(6);
    assert!(ran.stderr.contains("which ended with 40 of 40"), "{}", ran.stderr);
    assert_eq!(scene.effects(), ROWS);
}

/// Whoever says `--yes` to the question begins a second run, which sends every row. To go on with
/// the first one then would send its rest a second time.
#[test]
fn a_run_is_not_gone_on_with_unasked_when_another_has_sent_its_rows() {
    let scene = Scene::new();
    let args = [&LOAD[..], &["--run-name", "r"]].concat();
    let mut command = scene.stage.world.command(&args);
    command.env("LONGSHORE_FAULTS", "ledger.planned.after:1:kill");
    assert_eq!(Ran::of(&command.output().unwrap()).code, -1);
    scene.stage.world.run(&[&LOAD[..], &["--run-name", "s", "--yes"]].concat()).expect(0);
    assert_eq!(scene.effects(), ROWS);
    let ran = scene.stage.world.run(&["resume", "r"]).expect(6);
    let says = "the same rows were loaded by run `s` since this run began";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    assert_eq!(scene.effects(), ROWS);
    scene.stage.world.run(&["resume", "r", "--yes"]).expect(0);
    assert_eq!(scene.effects(), 2 * ROWS, "a person has said so");
}

#[test]
fn what_was_refused_is_not_remembered() {
    let scene = Scene::new();
    scene.stage.world.file("bad.csv", accounts(ROWS).replace(",7,", ",x,"));
    let args = ["insert", "Account", "bad.csv", "--on-bad-row", "stop"];
    scene.remembering(&args).expect(2);
    scene.remembering(&args).expect(2);
    scene.stage.world.file("taken", "");
    let args = [&LOAD[..], &["--runs-dir", "taken/x"]].concat();
    scene.remembering(&args).expect(9);
    scene.remembering(&[&LOAD[..], &["--run-name", "r"]].concat()).expect(0);
    // A name that is taken is no start either.
    let named = ["insert", "Account", "accounts.csv", "--limit", "3", "--run-name", "r"];
    scene.remembering(&named).expect(2);
    scene.remembering(&named[..5]).expect(0);
}

/// What differs in anything that matters is another load.
#[test]
fn another_file_mapping_window_operation_or_org_is_another_load() {
    let scene = Scene::new();
    let remark = accounts(ROWS).replace("note 1\n", "note one\n");
    scene.stage.world.file("other.csv", remark);
    scene.stage.world.file("copy.csv", accounts(ROWS));
    scene.stage.world.file("map.toml", "[fields]\nName = \"Name\"\n");
    scene.stage.world.file("map2.toml", "[fields]\nName = \"Name\"\n\n");
    let insert = ["insert", "Account"];
    for (args, code) in [
        (&["accounts.csv"][..], 0),
        (&["other.csv"], 0),
        (&["copy.csv"], 6),
        (&["accounts.csv", "--chunk-rows", "7"], 6),
        (&["accounts.csv", "-m", "map.toml"], 0),
        (&["accounts.csv", "-m", "map.toml"], 6),
        (&["accounts.csv", "-m", "map2.toml"], 0),
        (&["accounts.csv", "--skip", "3"], 0),
        (&["accounts.csv", "--limit", "3"], 0),
        (&["accounts.csv", "--limit", "3", "--skip", "3"], 0),
        (&["accounts.csv", "--limit", "3"], 6),
    ] {
        let ran = scene.remembering(&[&insert[..], args].concat());
        assert_eq!(ran.code, code, "{args:?}: {}", ran.stderr);
    }
    let upsert = ["upsert", "Account", "accounts.csv", "-i", "Legacy_Id__c"];
    assert_ne!(scene.remembering(&upsert).code, 6);
    let lower = scene.remembering(&["insert", "account", "accounts.csv"]).expect(6);
    assert!(lower.stderr.contains("this very load"), "{}", lower.stderr);
    // Other users keep other folders; another org has another id, which the keys hold.
    let elsewhere = scene.stage.world.path("else");
    scene.remembering_in(&elsewhere, &["insert", "Account", "accounts.csv"]).expect(0);
    // What comes by standard input is read once and not known before.
    for _ in 0..2 {
        let ran = scene.stage.world.run_changed(&["insert", "Account", "-"], b"Name\nx\n", |it| {
            it.env("LONGSHORE_STATE_DIR", scene.stage.world.path("state"));
        });
        ran.expect(0);
    }
}

#[test]
fn of_two_at_once_one_is_asked() {
    let scene = Scene::new();
    let state = scene.stage.world.path("state");
    let children: Vec<_> = (0..2)
        .map(|_| {
            let mut command = scene.stage.world.command(&LOAD);
            command.env("LONGSHORE_STATE_DIR", &state);
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let mut codes: Vec<i32> = children
        .into_iter()
        .map(|child| Ran::of(&child.wait_with_output().unwrap()).code)
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 6]);
    assert_eq!(scene.effects(), ROWS);
}

#[test]
fn a_state_folder_that_cannot_be_written_is_told_and_holds_nothing_up() {
    let scene = Scene::new();
    scene.stage.world.file("taken", "a file");
    let ran = scene.remembering_in(&scene.stage.world.path("taken/state"), &LOAD).expect(0);
    let says = "notice: cannot remember this load in ";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    assert!(ran.stderr.contains("a second start of it would not be noticed"), "{}", ran.stderr);
}

/// The practice org that is kept remembers by itself, and a new one knows nothing.
#[test]
fn the_practice_org_that_is_kept_remembers_until_it_is_made_new() {
    let scene = Scene::new();
    let args = ["insert", "Account", "accounts.csv", "-o", "practice"];
    scene.stage.world.run(&args).expect(0);
    let ran = scene.stage.world.run(&args).expect(6);
    assert!(ran.stderr.contains("this very load was started before"), "{}", ran.stderr);
    scene.stage.world.run(&["practice", "reset"]).expect(0);
    scene.stage.world.run(&args).expect(0);
    let demo = ["insert", "Account", "accounts.csv", "-o", "demo"];
    scene.stage.world.run(&demo).expect(0);
    scene.stage.world.run(&demo).expect(0);
}
