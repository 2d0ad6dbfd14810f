//! The folder of the run is not as the process before left it.

use super::Scene;
use crate::faults::{ROWS, each};

fn half() -> Scene {
    let scene = Scene::new();
    assert!(scene.killed("ledger.reconciled.after:1", &Scene::usual()));
    scene
}

#[test]
fn a_ledger_that_cannot_be_used_is_refused_with_its_line() {
    type Damage = fn(&Scene) -> String;
    let flip: Damage = |scene| scene.file("ledger.jsonl").replacen("\"rows\":20", "\"rows\":21", 1);
    let cut_out: Damage = |scene| {
        let text = scene.file("ledger.jsonl");
        let kept = text.split_inclusive('\n').enumerate().filter(|(index, _)| *index != 3);
        kept.map(|(_, line)| line).collect()
    };
    let foreign: Damage = |_| {
        let other = Scene::new();
        let args = ["insert", "Account", "accounts.csv", "--run-name", "other"];
        assert!(other.killed("ledger.prepared.after:1", &args));
        other.stage.world.read("longshore-runs/other/ledger.jsonl")
    };
    let newer: Damage = |scene| {
        let text = scene.file("ledger.jsonl");
        let first = text.lines().next().unwrap();
        let json = first.split_once(' ').unwrap().1.replace("\"format\":1", "\"format\":9");
        let sum = crc(json.as_bytes());
        text.replacen(first, &format!("{sum:08x} {json}"), 1)
    };
    for (name, damage, says) in [
        ("flipped", flip, "ledger.jsonl:"),
        ("a line cut out", cut_out, "ledger.jsonl:"),
        ("foreign", foreign, "other"),
        ("newer", newer, "version"),
    ] {
        let scene = half();
        let text = damage(&scene);
        scene.write("ledger.jsonl", &text);
        let changes = scene.stage.world.changes();
        let ran = scene.stage.world.run(&["resume", "r"]);
        assert_eq!(ran.code, 8, "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{name}: {}", ran.stderr);
        assert_eq!(scene.file("ledger.jsonl"), text, "{name}: left as it is");
        assert_eq!(scene.stage.world.changes(), changes, "{name}");
        // It is not taken for the newest unfinished run either.
        scene.stage.world.run(&["resume"]).expect(2);
    }
}

/// CRC-32 as in gzip, the slow way.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            if sum & 1 == 1 { (sum >> 1) ^ 0xEDB8_8320 } else { sum >> 1 }
        })
    })
}

#[test]
fn a_torn_tail_is_cut_told_and_gone_on_with() {
    for keep in [0, 1, 9, 60] {
        let scene = half();
        let text = scene.file("ledger.jsonl");
        let last = text.trim_end().rfind('\n').unwrap() + 1;
        scene.write("ledger.jsonl", &text[..last + keep]);
        let ran = scene.stage.world.run(&["resume", "r"]).expect(0);
        let told = ran.stderr.contains("was torn off when the run was cut short");
        assert_eq!(told, keep > 0, "{keep}: {}", ran.stderr);
        assert_eq!(scene.effects(), ROWS);
        scene.stage.check_once();
        scene.stage.world.run(&["verify", "r"]).expect(0);
    }
}

fn altered(text: &str) -> String {
    text.replacen("Mill 3", "Mall 3", 1)
}

/// What was received is fetched again where it is not as it was.
#[test]
fn results_that_were_changed_or_removed_are_fetched_again() {
    for point in ["raw.after:1", "reconciled.after:1"] {
        for remove in [false, true] {
            let scene = Scene::new();
            assert!(scene.killed(&format!("ledger.{point}"), &Scene::usual()));
            let name = "raw/000001.successful.csv";
            if remove {
                let path = format!("longshore-runs/r/{name}");
                std::fs::remove_file(scene.stage.world.path(&path)).unwrap();
            } else {
                scene.write(name, altered(&scene.file(name)));
            }
            let fetched = scene.requests("GET", "/successfulResults");
            scene.finish();
            let again = scene.requests("GET", "/successfulResults") - fetched;
            assert_eq!(again, 2, "{point} {remove}");
        }
    }
}

/// What was sent is made again from the input; without that it is refused, and nothing is guessed.
#[test]
fn files_of_a_chunk_that_were_changed_are_made_again_from_the_input() {
    let mut cases = Vec::new();
    for (point, remove) in [
        ("prepared.after:1", false),
        ("terminal.after:1", true),
        ("reconciled.after:1", false),
        ("outputs.before:1", true),
    ] {
        for name in ["sent/000001.csv", "sent/000001.rows"] {
            let what = if remove { "removed" } else { "altered" };
            cases.push((format!("{point}: {name} {what}"), (point, name, remove)));
        }
    }
    each(&cases, |(point, name, remove)| {
        let scene = Scene::new();
        assert!(scene.killed(&format!("ledger.{point}"), &Scene::usual()));
        if *remove {
            let path = format!("longshore-runs/r/{name}");
            std::fs::remove_file(scene.stage.world.path(&path)).unwrap();
        } else {
            scene.write(name, altered(&scene.file(name)));
        }
        let input = scene.stage.world.path("accounts.csv");
        std::fs::rename(&input, scene.stage.world.path("hidden.csv")).unwrap();
        let commits = scene.commits();
        let ran = scene.stage.world.run(&["resume", "r", "--json"]).expect(6);
        let summary = super::json(&ran);
        let message = summary["failure"]["message"].as_str().unwrap();
        assert!(message.contains("accounts.csv"), "{message}");
        assert!(summary["failure"]["hints"].to_string().contains("000001"), "{summary:#}");
        assert!(scene.commits() - commits <= 1, "{summary:#}");
        std::fs::rename(scene.stage.world.path("hidden.csv"), &input).unwrap();
        scene.finish();
    });
}

/// A manifest that is not one, and a run of a version that kept no plan.
#[test]
fn a_manifest_that_cannot_be_used_is_refused() {
    let scene = half();
    let manifest = scene.file("manifest.json");
    scene.write("manifest.json", "{ no json");
    let ran = scene.stage.world.run(&["resume", "r"]).expect(8);
    assert!(ran.stderr.contains("manifest.json` is damaged"), "{}", ran.stderr);
    let mut old: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    old.as_object_mut().unwrap().remove("plan");
    scene.write("manifest.json", old.to_string());
    let ran = scene.stage.world.run(&["resume", "r"]).expect(8);
    assert!(ran.stderr.contains("its plan was not kept"), "{}", ran.stderr);
    scene.write("manifest.json", manifest);
    scene.finish();
}

#[test]
fn result_files_that_were_left_behind_are_written_anew() {
    let scene = half();
    scene.write("out/success.csv", "nonsense\n");
    scene.write("out/unknown.csv.part", "nonsense\n");
    scene.write("out/summary.json", "nonsense\n");
    scene.finish();
}

/// A panic in a task is a fault of ours; it ends the run with a message, and the run goes on later.
#[test]
fn a_panic_in_any_part_ends_the_run_and_it_goes_on_later() {
    let cases = [
        "create@sent/:1",
        "write@sent/:1",
        "sync@sent/:1",
        "create@raw/:1",
        "write@out/success:1",
        "rename@out/success:1",
        "ledger.created.after:1",
        "ledger.prepared.before:1",
        "ledger.terminal.after:1",
        "ledger.reconciled.before:1",
    ];
    let cases: Vec<_> = cases.map(|point| (point.to_owned(), point)).into();
    each(&cases, |point| {
        let scene = Scene::new();
        let ran = scene.under(&format!("{point}:panic"), &Scene::usual());
        // A ledger in the middle of which something broke is one that cannot be written.
        let codes: &[i32] = if point.starts_with("ledger") { &[1, 9] } else { &[1] };
        assert!(codes.contains(&ran.code), "{point}: {}\n{}{}", ran.code, ran.stdout, ran.stderr);
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(
            told.contains("broke down") || told.contains("a write was cut short"),
            "{point}: {told}"
        );
        scene.finish();
    });
}
