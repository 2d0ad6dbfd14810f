//! Standard input can be read but once, so a run from it needs it once more.

use super::{Scene, json};
use crate::faults::{ROWS, accounts};

const ARGS: [&str; 9] =
    ["insert", "Account", "-", "--chunk-rows", "20", "--parallel", "1", "--run-name", "r"];

fn begun(point: &str) -> Scene {
    let scene = Scene::new();
    let ran = scene.stage.world.run_changed(&ARGS, accounts(ROWS).as_bytes(), |command| {
        command.env("LONGSHORE_FAULTS", format!("ledger.{point}:kill"));
    });
    assert_eq!(ran.code, -1, "{point}: {}", ran.stderr);
    scene
}

#[test]
fn the_same_bytes_once_more_finish_the_run() {
    for point in ["planned.after:1", "prepared.after:1", "input_read.before:1"] {
        let scene = begun(point);
        let args = ["resume", "r", "--json"];
        let ran = scene.stage.world.run_with_input(&args, accounts(ROWS).as_bytes()).expect(0);
        let summary = json(&ran);
        assert_eq!(summary["rows"]["success"], ROWS, "{point}: {summary:#}");
        assert_eq!(scene.effects(), ROWS);
        scene.stage.check_once();
        scene.stage.world.run(&["verify", "r"]).expect(0);
    }
}

#[test]
fn other_bytes_are_refused() {
    let before = accounts(ROWS);
    for other in [
        before.replace("Mill 7,", "Mall 7,"),
        before.replace("Mill 33,", "Mall 33,"),
        before[..before.len() / 3].to_owned(),
        before.replacen("Remark", "Site", 1),
    ] {
        let scene = begun("prepared.after:1");
        let ran = scene.stage.world.run_with_input(&["resume", "r", "--json"], other.as_bytes());
        let summary = json(&ran);
        assert_eq!(ran.code, 6, "{summary:#}");
        let hints = summary["failure"]["hints"].to_string();
        assert!(hints.contains("longshore resume r"), "{hints}");
        scene.stage.check_once();
        let same = before.as_bytes();
        scene.stage.world.run_with_input(&["resume", "r"], same).expect(0);
        assert_eq!(scene.effects(), ROWS);
        scene.stage.world.run(&["verify", "r"]).expect(0);
    }
}

#[test]
fn without_it_the_way_is_told_and_what_was_sent_is_finished() {
    let scene = begun("prepared.after:1");
    let (ran, summary) = scene.resume();
    assert_eq!(ran.code, 6, "{summary:#}");
    assert_eq!(summary["rows"]["success"], 20, "{summary:#}");
    let failure = &summary["failure"];
    assert!(failure["message"].as_str().unwrap().contains("standard input"), "{failure:#}");
    assert!(failure["hints"].to_string().contains("`longshore resume r < FILE`"), "{failure:#}");
}

/// Once all of it is in jobs, it is not asked for again.
#[test]
fn where_every_row_is_in_a_job_it_is_not_needed() {
    let scene = begun("terminal.before:2");
    scene.finish();
}
