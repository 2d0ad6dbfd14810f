//! `retry`: the rows that did not succeed, as a run of their own.

use longshore::practice::mischief::Fault;

use super::{Scene, json};
use crate::faults::{ROWS, Stage, accounts, always, rule};
use crate::world::Ran;

const CREATE: &str = "*/jobs/ingest";

/// Run `r`: 40 rows of which 2 are rejected, every tenth sent row takes too long, and two fail for
/// good.
fn mixed() -> Scene {
    let tired = always("POST", CREATE, Fault::TireRows { every: 10 });
    let scene = Scene { stage: Stage::new().mischief(&[tired]) };
    let text = accounts(ROWS).replace(",3,note", ",three,note").replace(",4,note", ",four,note");
    scene.stage.world.file("accounts.csv", text);
    let (ran, summary) = scene.stage.world.load(&Scene::usual());
    ran.expect(3);
    assert_eq!(summary["rows"]["rejected"], 2, "{summary:#}");
    assert_eq!(summary["rows"]["error"], 3, "{summary:#}");
    scene.stage.world.practice().mischief().clear();
    scene
}

impl Scene {
    fn retry(&self, args: &[&str]) -> (Ran, serde_json::Value) {
        self.stage.world.load(&[&["retry", "r", "--run-name", "again"][..], args].concat())
    }

    /// Rows of a file of run `r`.
    fn rows_in(&self, name: &str) -> Vec<std::collections::BTreeMap<String, String>> {
        crate::world::read_csv(&self.stage.world.path(&format!("longshore-runs/r/out/{name}.csv")))
    }
}

#[test]
fn what_may_pass_now_is_tried_again_by_a_run_that_names_the_first() {
    let scene = mixed();
    let (ran, summary) = scene.retry(&[]);
    ran.expect(3);
    assert_eq!(summary["rows"]["input"], 5, "{summary:#}");
    assert_eq!(summary["rows"]["success"], 3, "{summary:#}");
    assert_eq!(summary["rows"]["rejected"], 2, "the file is as wrong as before: {summary:#}");
    let manifest = scene.stage.world.read("longshore-runs/again/manifest.json");
    assert!(manifest.contains(r#""retry_of": "r""#), "{manifest}");
    scene.stage.world.run(&["verify", "again"]).expect(0);
    scene.stage.check_once();
    // The first run is as it was.
    scene.stage.world.run(&["verify", "r"]).expect(0);
    let input = scene.stage.world.read("longshore-runs/r/retry/001.csv");
    let expected: Vec<String> = accounts(ROWS)
        .lines()
        .enumerate()
        .filter(|(line, _)| {
            let failed = scene
                .rows_in("error")
                .iter()
                .any(|row| row["longshore__row"].parse::<usize>().unwrap() == *line);
            *line == 0 || *line == 3 || *line == 4 || failed
        })
        .map(|(_, line)| format!("{line}\n"))
        .collect();
    let expected =
        expected.concat().replace(",3,note", ",three,note").replace(",4,note", ",four,note");
    assert_eq!(input, expected, "all source columns, in the order of the input");
}

#[test]
fn flags_say_which_rows_are_taken() {
    for (args, input) in [
        (&["--no-rejected"][..], 3),
        (&["--errors", "none"], 2),
        (&["--errors", "all"], 5),
        (&["--errors", "all", "--no-rejected"], 3),
    ] {
        let (_, summary) = mixed().retry(args);
        assert_eq!(summary["rows"]["input"], input, "{args:?}: {summary:#}");
    }
    let scene = mixed();
    let ran = scene.stage.world.run(&["retry", "r", "--errors", "none", "--no-rejected"]).expect(2);
    assert!(ran.stderr.contains("the run `r` has no rows to be tried again"), "{}", ran.stderr);
    assert!(ran.stderr.contains("`--errors all` takes"), "{}", ran.stderr);
    let changes = scene.stage.world.changes();
    let whole = Scene::new();
    whole.stage.world.run(&Scene::usual()).expect(0);
    let ran = whole.stage.world.run(&["retry", "r"]).expect(2);
    insta::assert_snapshot!(
        ran.stderr.trim_end(),
        @"error: the run `r` has no rows to be tried again"
    );
    assert_eq!(scene.stage.world.changes(), changes);
}

/// Rows that would fail again are left out, and that is told.
#[test]
fn rows_that_failed_for_good_are_left_out_unless_they_are_asked_for() {
    let scene = Scene::new();
    let rows: Vec<String> = (1..=6).map(|row| format!("Mill {row},K{}\n", row % 3)).collect();
    scene.stage.world.file("keys.csv", format!("Name,Legacy_Id__c\n{}", rows.concat()));
    let args = ["insert", "Account", "keys.csv", "--run-name", "r", "--chunk-rows", "3"];
    let (ran, summary) = scene.stage.world.load(&args);
    ran.expect(3);
    assert_eq!(summary["rows"]["error"], 3, "{summary:#}");
    let ran = scene.stage.world.run(&["retry", "r"]).expect(2);
    assert!(ran.stderr.contains("`--errors all` takes the 3 rows in error too"), "{}", ran.stderr);
    let (ran, summary) = scene.retry(&["--errors", "all"]);
    ran.expect(3);
    assert_eq!(summary["rows"]["error"], 3, "{summary:#}");
}

#[test]
fn unprocessed_rows_are_taken_and_unknown_ones_never() {
    let fail = Fault::FailJob { after_rows: 5, message: "InternalServerError : no".to_owned() };
    let scene = Scene { stage: Stage::new().mischief(&[rule("POST", CREATE, fail)]) };
    scene.stage.world.run(&Scene::usual()).expect(3);
    let (ran, summary) = scene.retry(&[]);
    ran.expect(0);
    assert_eq!(summary["rows"]["success"], 15, "{summary:#}");
    assert_eq!(scene.effects(), ROWS);
    scene.stage.check_once();

    let drop = Fault::DropResults { every: 5 };
    let scene = Scene { stage: Stage::new().mischief(&[rule("POST", CREATE, drop)]) };
    scene.stage.world.run(&Scene::usual()).expect(5);
    assert_eq!(scene.rows_in("unknown").len(), 4);
    let ran = scene.stage.world.run(&["retry", "r", "--errors", "all"]).expect(2);
    assert!(ran.stderr.contains("no rows to be tried again"), "{}", ran.stderr);
    assert!(ran.stderr.contains("unknown.csv"), "the rest is told of: {}", ran.stderr);
    assert_eq!(scene.effects(), ROWS);
}

#[test]
fn an_unfinished_run_is_finished_first() {
    let scene = Scene::new();
    assert!(scene.killed("ledger.prepared.after:1", &Scene::usual()));
    let ran = scene.stage.world.run(&["retry", "r"]).expect(2);
    insta::assert_snapshot!(ran.stderr.trim_end(), @"
    error: the run `r` is not finished

    hint: `longshore resume r` goes on with it
    ");
    assert_eq!(scene.commits(), 0);
}

#[test]
fn the_same_rows_a_second_time_are_asked_about() {
    let scene = mixed();
    let state = scene.stage.world.path("state");
    let retry = |name: &str| {
        let mut command = scene.stage.world.command(&["retry", "r", "--run-name", name]);
        Ran::of(&command.env("LONGSHORE_STATE_DIR", &state).output().unwrap())
    };
    retry("again").expect(3);
    let effects = scene.effects();
    let ran = retry("twice").expect(6);
    assert!(ran.stderr.contains("this very load was started before"), "{}", ran.stderr);
    assert!(ran.stderr.contains("run `again`"), "{}", ran.stderr);
    assert_eq!(scene.effects(), effects);
}

/// A retry is a run like any other: it is cut off and gone on with.
#[test]
fn a_retry_is_gone_on_with_too() {
    let scene = mixed();
    let args = ["retry", "r", "--run-name", "again"];
    assert!(scene.killed("ledger.prepared.before:1", &args));
    let ran = scene.stage.world.run(&["resume", "again", "--json"]).expect(3);
    assert_eq!(json(&ran)["rows"]["success"], 3);
    scene.stage.check_once();
    // What the retry did not bring in is retried by its own name.
    let (_, summary) = scene.stage.world.load(&["retry", "again"]);
    assert_eq!(summary["rows"]["rejected"], 2, "{summary:#}");
}

/// Mapping, delimiter, encoding, and cells with quotes and line ends come through.
#[test]
fn the_rows_come_through_whatever_the_file_was_like() {
    let tired = always("POST", CREATE, Fault::TireRows { every: 1 });
    for (delimiter, word, encoding, remark) in [
        (";", "SEMICOLON", "utf-8", "Grüße; \"two\"\nlines"),
        ("\t", "TAB", "windows-1252", "Grüße, a|b"),
        ("|", "PIPE", "utf-16le", "naïve | café"),
        (",", "COMMA", "utf-8", "a, b"),
    ] {
        let scene = Scene { stage: Stage::new().mischief(std::slice::from_ref(&tired)) };
        let quoted = remark.replace('"', "\"\"");
        let text = format!(
            "Customer{delimiter}Remark{delimiter}Town\nMüller{delimiter}\"{quoted}\"{delimiter}Köln\n"
        );
        scene.stage.world.file("odd.csv", encoded(&text, encoding));
        let map =
            "[fields]\nName = \"Customer\"\nDescription = \"Remark\"\nBillingCity = \"Town\"\n";
        scene.stage.world.file("map.toml", map);
        let mut args = vec!["insert", "Account", "odd.csv", "-m", "map.toml", "--run-name", "r"];
        args.extend(["--column-delimiter", word, "--encoding", encoding]);
        let (ran, _) = scene.stage.world.load(&args);
        ran.expect(3);
        scene.stage.world.practice().mischief().clear();
        let (ran, summary) = scene.retry(&[]);
        ran.expect(0);
        let done = scene.stage.world.results(&summary, "success");
        assert_eq!(
            (&*done[0]["Customer"], &*done[0]["Remark"], &*done[0]["Town"]),
            ("Müller", remark, "Köln")
        );
    }
}

fn encoded(text: &str, encoding: &str) -> Vec<u8> {
    match encoding {
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "windows-1252" => text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect(),
        _ => text.as_bytes().to_vec(),
    }
}
