//! What the run began with is not what is there when it is gone on with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::Scene;
use crate::door::{Asked, Door, Told};
use crate::faults::{LOAD, ROWS, accounts, each};

/// A run whose first job is prepared and whose second chunk is not; its input is as given later.
fn half() -> Scene {
    let scene = Scene::new();
    assert!(scene.killed("ledger.prepared.after:1", &Scene::usual()));
    scene
}

#[test]
fn a_changed_input_refuses_what_was_not_sent_and_finishes_what_was() {
    let before = accounts(ROWS);
    let cases: Vec<(String, Option<String>)> = vec![
        ("changed".to_owned(), Some(before.replace("note 33", "note 34"))),
        ("appended".to_owned(), Some(format!("{before}Mill 41,1,1,x\n"))),
        ("truncated".to_owned(), Some(before[..before.len() - 30].to_owned())),
        ("emptied".to_owned(), Some(String::new())),
        ("a column more".to_owned(), Some(before.replacen("Remark", "Remark,Site", 1))),
        ("removed".to_owned(), None),
    ];
    each(&cases, |change| {
        let scene = half();
        let path = scene.stage.world.path("accounts.csv");
        match change {
            Some(text) => drop(scene.stage.world.file("accounts.csv", text)),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let (ran, summary) = scene.resume();
        assert_eq!(ran.code, 6, "{summary:#}");
        let message = summary["failure"]["message"].as_str().unwrap();
        assert!(message.contains("accounts.csv"), "{message}");
        if change.is_some() {
            assert!(
                message.contains("digest then ") && message.contains("digest now "),
                "{message}"
            );
        }
        let hints = summary["failure"]["hints"].to_string();
        assert!(hints.contains("put the input back") && hints.contains("resume"), "{hints}");
        assert_eq!(summary["rows"]["success"], 20, "the first job is finished: {summary:#}");
        assert_eq!(scene.commits(), 1, "and no other is begun");
        scene.stage.world.file("accounts.csv", accounts(ROWS));
        scene.finish();
    });
}

/// Where every row is in a job, the input is not needed any more.
#[test]
fn a_run_whose_rows_are_all_in_jobs_does_without_its_input() {
    let scene = Scene::new();
    assert!(scene.killed("ledger.terminal.before:1", &[&LOAD[..], &["--run-name", "r"]].concat()));
    until_prepared(&scene);
    std::fs::remove_file(scene.stage.world.path("accounts.csv")).unwrap();
    scene.finish();
}

/// Both jobs are made at once, so the second is prepared at about the time when the first ends.
fn until_prepared(scene: &Scene) {
    let ledger = scene.file("ledger.jsonl");
    let prepared = ledger.matches(r#""what":"prepared""#).count();
    assert!(prepared == 2 && scene.ledger_has("input_read"), "{ledger}");
}

#[test]
fn a_changed_mapping_refuses_what_was_not_sent() {
    let map = "[fields]\nName = \"Name\"\nNumberOfEmployees = \"NumberOfEmployees\"\n";
    for change in [Some(map.replace("NumberOfEmployees =", "AnnualRevenue =")), None] {
        let scene = Scene::new();
        scene.stage.world.file("map.toml", map);
        let args = [&Scene::usual()[..], &["-m", "map.toml"]].concat();
        assert!(scene.killed("ledger.prepared.after:1", &args));
        let path = scene.stage.world.path("map.toml");
        match &change {
            Some(text) => drop(scene.stage.world.file("map.toml", text)),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let (ran, summary) = scene.resume();
        assert_eq!(ran.code, 6, "{summary:#}");
        let message = summary["failure"]["message"].as_str().unwrap();
        assert!(message.contains("map.toml"), "{message}");
        assert_eq!(message.contains("digest now "), change.is_some(), "{message}");
        assert_eq!(summary["rows"]["success"], 20, "{summary:#}");
        scene.stage.world.file("map.toml", map);
        scene.finish();
    }
}

/// A door that tells something else from a moment on.
fn turning(turn: &Arc<AtomicBool>, change: fn(&Asked, &mut Told) -> bool) -> Door {
    let turned = Arc::clone(turn);
    Door::telling(move |asked, told| turned.load(Ordering::SeqCst) && change(asked, told))
}

fn describes(asked: &Asked) -> bool {
    asked.is("GET", "/sobjects/Account/describe")
}

#[test]
fn an_org_that_describes_its_fields_otherwise_refuses_what_was_not_sent() {
    type Change = fn(&Asked, &mut Told) -> bool;
    let more: Change = |asked, told| {
        describes(asked) && {
            told.json(|it| {
                let fields = it["fields"].as_array_mut().unwrap();
                let mut remark = fields.iter().find(|f| f["name"] == "Site").unwrap().clone();
                remark["name"] = json!("Remark");
                fields.push(remark);
            });
            true
        }
    };
    let less: Change = |asked, told| {
        describes(asked) && {
            told.json(|it| {
                let fields = it["fields"].as_array_mut().unwrap();
                fields.retain(|field| field["name"] != "AnnualRevenue");
            });
            true
        }
    };
    let shorter: Change = |asked, told| {
        describes(asked) && {
            told.json(|it| {
                let fields = it["fields"].as_array_mut().unwrap();
                let name = fields.iter_mut().find(|f| f["name"] == "Name").unwrap();
                name["length"] = json!(6);
            });
            true
        }
    };
    let gone: Change = |asked, told| {
        describes(asked) && {
            told.json(|it| it["createable"] = json!(false));
            true
        }
    };
    let cases: Vec<(String, Change)> = vec![
        ("a field that matches a column".to_owned(), more),
        ("a field less".to_owned(), less),
        ("a field that is shorter".to_owned(), shorter),
        ("an object that takes no rows any more".to_owned(), gone),
    ];
    each(&cases, |change| {
        let turn = Arc::new(AtomicBool::new(false));
        let scene = Scene::behind(turning(&turn, *change));
        assert!(scene.killed("ledger.prepared.after:1", &Scene::usual()));
        turn.store(true, Ordering::SeqCst);
        let (ran, summary) = scene.resume();
        assert_eq!(ran.code, 6, "{summary:#}");
        assert_eq!(scene.commits(), 1, "{summary:#}");
        assert_eq!(summary["rows"]["success"], 20, "{summary:#}");
        turn.store(false, Ordering::SeqCst);
        scene.finish();
    });
}

#[test]
fn another_org_or_user_is_refused_and_nothing_is_changed() {
    type Change = fn(&Asked, &mut Told) -> bool;
    let org: Change = |asked, told| {
        let asks = asked.path.contains("Organization");
        if asks {
            told.json(|it| it["records"][0]["Id"] = json!("00D8c00000ZZZZZEAO"));
        }
        asks
    };
    let user: Change = |asked, told| {
        let asks = asked.path.ends_with("/userinfo");
        if asks {
            told.json(|it| {
                it["user_id"] = json!("0058c00000ZZZZZAAC");
                it["preferred_username"] = json!("other@practice.example");
            });
        }
        asks
    };
    for (change, says) in [(org, "this is org `00D8c00000ZZZZZEAO`"), (user, "you are `other@")] {
        let turn = Arc::new(AtomicBool::new(false));
        let scene = Scene::behind(turning(&turn, change));
        assert!(scene.killed("ledger.prepared.after:1", &Scene::usual()));
        let (ledger, changes) = (scene.file("ledger.jsonl"), scene.stage.world.changes());
        turn.store(true, Ordering::SeqCst);
        let ran = scene.stage.world.run(&["resume", "r"]).expect(6);
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
        assert!(ran.stderr.contains("the run was begun "), "{}", ran.stderr);
        assert_eq!(scene.file("ledger.jsonl"), ledger);
        assert_eq!(scene.stage.world.changes(), changes);
        turn.store(false, Ordering::SeqCst);
        scene.finish();
    }
}

/// A run folder may be moved, and a run may be gone on with from another folder.
#[test]
fn a_run_is_gone_on_with_from_elsewhere() {
    let scene = half();
    let place = scene.stage.world.path("elsewhere");
    std::fs::create_dir_all(place.join("below")).unwrap();
    std::fs::rename(scene.stage.world.path("longshore-runs/r"), place.join("moved")).unwrap();
    let args = ["resume", "../moved", "--json"];
    let ran = scene.stage.world.run_changed(&args, b"", |command| {
        command.current_dir(place.join("below"));
    });
    let summary = super::json(&ran.expect(0));
    assert_eq!(summary["rows"]["success"], ROWS);
    assert_eq!(scene.effects(), ROWS);
    let ran = scene.stage.world.run(&["verify", "elsewhere/moved"]);
    ran.expect(0);
}
