//! Loads: what is sent, which files are there, and the exit codes.

use super::{Desk, org};
use crate::door::{Break, Door};
use crate::world::World;

const ROWS: &str = "Company,Phone,Remark\nAcme,1,a\n,2,b\nBeta,3,c\n";
const MAP: &str = "# accounts\nCompany=Name\nPhone=Phone\nFax\\ number=Fax\n";

#[test]
fn an_insert_runs_from_its_folder() {
    let desk = Desk::new();
    desk.process(ROWS, MAP, &[("sfdc.unheardOf", "x"), ("sfdc.noCompression", "true")]);
    let ran = desk.nightly(&[]).expect(0);
    assert_eq!(desk.names(), ["Acme", "Beta"]);
    assert!(ran.stderr.contains("passed over: the mapping names `Fax number`"), "{}", ran.stderr);
    assert!(ran.stderr.contains("`sfdc.unheardOf` is not known"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("noCompression"), "{}", ran.stderr);
    let good = desk.world.read("good.csv");
    assert!(good.contains("Acme") && good.contains("Beta") && good.contains("Remark"), "{good}");
    let bad = desk.world.read("bad.csv");
    assert!(!bad.contains("Acme"), "{bad}");
    let last = desk.world.read("conf/nightlyAccounts_lastRun.properties");
    assert!(last.contains("process.lastLoadBatchRow=3\n"), "{last}");
    assert!(last.contains("process.lastRunDate=20"), "{last}");
    let runs: Vec<_> = std::fs::read_dir(desk.world.path("longshore-runs")).unwrap().collect();
    let name = runs[0].as_ref().unwrap().file_name();
    assert!(name.to_string_lossy().starts_with("nightlyAccounts-2"), "{name:?}");
}

#[test]
fn exit_codes_are_data_loaders() {
    type Case = (&'static [&'static str], i32, &'static str);
    let desk = Desk::new();
    desk.process(ROWS, MAP, &[]);
    desk.world.file("none.sdl", "Nothing=Name\n");
    desk.world.file("wrong.sdl", "Company=NoField__c\n");
    desk.world.file("empty.csv", "");
    let cases: [Case; 17] = [
        (&[], 1, "no configuration folder is named"),
        (&["nowhere", "nightly"], 1, "there is no configuration folder `nowhere`"),
        (&["conf", "nightlly"], 1, "did you mean `nightly`?"),
        (&["conf", "nightly", "--targt-org", "x"], 1, "--targt-org"),
        (&["conf", "nightly", "run.mode=ui"], 1, "there are no windows here"),
        (&["conf", "nightly", "process.operation=inert"], 1, "is no operation: `inert`"),
        (&["conf", "nightly", "dataAccess.type=databaseRead"], 1, "databases are not read"),
        (&["conf", "nightly", "dataAccess.name=none.csv"], 1, "there is no file `none.csv`"),
        (&["conf", "nightly", "process.keepAccountTeam=true"], 1, "account teams"),
        (&["conf", "nightly", "-o", "nowhere"], 1, "there is no org `nowhere`"),
        (&["conf", "nightly", "process.mappingFile=none"], 3, "there is no mapping file `none`"),
        (&["conf", "nightly", "process.mappingFile="], 2, "no column would be sent"),
        (&["conf", "nightly", "process.mappingFile=none.sdl"], 2, "no column of the file"),
        (&["conf", "nightly", "process.mappingFile=wrong.sdl"], 2, "`NoField__c`"),
        (&["conf", "nightly", "sfdc.entity=Acount"], 2, "Acount"),
        (&["conf", "nightly", "dataAccess.name=empty.csv"], 2, "empty"),
        (&["conf", "process.name=nightly", "sfdc.entity="], 1, "`sfdc.entity` is not set"),
    ];
    for (words, code, message) in cases {
        let ran = desk.run(words);
        assert_eq!(ran.code, code, "{words:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(message), "{words:?}: {}", ran.stderr);
    }
    assert!(desk.effects().is_empty(), "{:?}", desk.effects());
    // Data Loader would send none of its rows.
    desk.world.file("broken.csv", "Company,Phone\nGood,1\n\"Acme,1\n");
    desk.nightly(&["dataAccess.name=broken.csv"]).expect(2);
    assert_eq!(desk.names(), ["Good"]);
    let strict = "process.batchMode.exitWithErrorOnFailedRows=true";
    desk.nightly(&[strict, "-x"]).expect(4);
    assert_eq!(desk.names(), ["Good", "Acme", "Beta"]);
}

/// So many accounts.
fn many(rows: usize) -> String {
    let rows: Vec<String> = (1..=rows).map(|row| format!("Row {row}")).collect();
    format!("Company\n{}\n", rows.join("\n"))
}

/// Inserts accounts by the process itself and returns their ids.
fn stocked(desk: &Desk) -> Vec<String> {
    desk.process("Company\nAcme\nBeta\nCress\n", "Company=Name\n", &[]);
    desk.nightly(&[]).expect(0);
    desk.effects().into_iter().map(|effect| effect.id).collect()
}

#[test]
fn every_operation_of_a_load() {
    let desk = Desk::new();
    let ids = stocked(&desk);
    let done = |word: &str, rows: &str, map: &str, more: &[super::Setting<'_>]| {
        let before = desk.effects().len();
        desk.process(rows, map, &[&[("process.operation", word)], more].concat());
        desk.nightly(&[]).expect(0);
        let effects = desk.effects().split_off(before);
        effects.into_iter().map(|effect| (effect.verb, effect.id)).collect::<Vec<_>>()
    };
    let update = format!("ID,What,Other\n{},Acme 2,x\n{},,y\n", ids[0], ids[1]);
    let updated = done("Update", &update, "ID=Id\nWhat=Name\n", &[("sfdc.useBulkApi", "true")]);
    assert_eq!(updated, [("update", ids[0].clone()), ("update", ids[1].clone())]);
    assert_eq!(desk.names().last().unwrap(), "Acme 2");

    let upsert = "Key,Company\nk1,Dill\nk2,Elm\nk1,Dill 2\n";
    let key = [("sfdc.externalIdField", "Legacy_Id__c"), ("sfdc.useBulkV2Api", "true")];
    let upserted = done("upsert", upsert, "Key=Legacy_Id__c\nCompany=Name\n", &key);
    let verbs: Vec<&str> = upserted.iter().map(|(verb, _)| *verb).collect();
    assert_eq!(verbs, ["insert", "insert", "update"], "rows of one key keep their order");
    assert_eq!(desk.names().last().unwrap(), "Dill 2");

    let one = |id: &str| format!("ID\n{id}\n");
    let deleted = done("delete", &one(&ids[0]), "ID=Id\n", &[]);
    assert_eq!(deleted, [("delete", ids[0].clone())]);
    let back = done("undelete", &one(&ids[0]), "ID=Id\n", &[]);
    assert_eq!(back, [("undelete", ids[0].clone())]);
    let bulk = [("sfdc.useBulkApi", "true")];
    let gone = done("hard_delete", &one(&ids[1]), "ID=Id\n", &bulk);
    assert_eq!(gone, [("hardDelete", ids[1].clone())]);
}

#[test]
fn rows_are_skipped_and_an_assignment_rule_is_handed_on() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let told = std::sync::Arc::clone(&seen);
    let door = Door::telling(move |asked, answer| {
        if asked.is_poll() {
            told.lock().unwrap().push_str(&String::from_utf8_lossy(&answer.body));
        }
        false
    });
    let desk = Desk::in_world(World::behind(org(), &std::sync::Arc::new(door)));
    let rule = [("sfdc.assignmentRule", "01Q8c000000AbCd"), ("process.loadRowToStartAt", "2")];
    desk.process("Company\nAcme\nBeta\nCress\n", "Company=Name\n", &rule);
    desk.nightly(&[]).expect(0);
    assert_eq!(desk.names(), ["Cress"]);
    assert!(seen.lock().unwrap().contains(r#""assignmentRuleId":"01Q8c000000AbCd""#));
    let last = desk.world.read("conf/nightlyAccounts_lastRun.properties");
    assert!(last.contains("process.lastLoadBatchRow=3\n"), "{last}");
}

/// Data Loader sends the batch once more; here the job is asked for.
#[test]
fn a_lost_connection_doubles_no_row() {
    let seen = std::sync::Mutex::new(std::collections::BTreeSet::new());
    let door = Door::breaking(move |asked| {
        let changes = asked.path.contains("/jobs/ingest") && asked.method != "GET";
        // The first job is made, filled and started, and each time the answer is lost.
        let is_first = changes && seen.lock().unwrap().insert(asked.method.clone());
        if is_first { Break::After } else { Break::None }
    });
    let door = std::sync::Arc::new(door);
    let desk = Desk::in_world(World::behind(org(), &door));
    desk.process(&many(20), "Company=Name\n", &[]);
    desk.world.file("conf/longshore.toml", "[defaults]\nchunk-rows = 5\nparallel = 1\n");
    let mut ran = desk.nightly(&[]);
    for _ in 0..5 {
        if ran.code == 0 {
            break;
        }
        ran = desk.nightly(&["--resume"]);
    }
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(door.struck() > 0);
    let mut names = desk.names();
    names.sort();
    names.dedup();
    assert_eq!((names.len(), desk.names().len()), (20, 20));
}

#[test]
fn a_killed_run_is_gone_on_with_and_never_run_over() {
    let desk = Desk::new();
    desk.process(&many(12), "Company=Name\n", &[]);
    desk.world.file("conf/longshore.toml", "[defaults]\nchunk-rows = 4\nparallel = 1\n");
    let killed = desk.world.run_changed(&["process", "conf", "nightly"], &[], |command| {
        command.env("LONGSHORE_FAULTS", "ledger.started.after:2:kill");
    });
    assert_eq!(killed.code, -1, "{}", killed.stderr);
    assert!(!desk.world.path("conf/nightlyAccounts_lastRun.properties").exists());
    let next = desk.nightly(&[]).expect(1);
    assert!(next.stderr.contains("is not finished"), "{}", next.stderr);
    assert!(next.stderr.contains("`--resume`"), "{}", next.stderr);
    desk.nightly(&["--resume"]).expect(0);
    assert_eq!(desk.names().len(), 12);
    let good = desk.world.read("good.csv");
    assert_eq!(good.lines().count(), 13, "{good}");
    assert!(desk.world.path("conf/nightlyAccounts_lastRun.properties").exists());
    let none = desk.nightly(&["--resume"]).expect(1);
    assert!(none.stderr.contains("nothing to go on with"), "{}", none.stderr);
}

#[test]
fn the_same_rows_again_are_refused_for_an_insert_only() {
    let desk = Desk::new();
    desk.process("Company\nAcme\n", "Company=Name\n", &[]);
    let nightly = |words: &[&str]| {
        desk.world.run_changed(&[&["process", "conf", "nightly"], words].concat(), &[], |command| {
            command.env("LONGSHORE_STATE_DIR", "state");
        })
    };
    nightly(&[]).expect(0);
    let again = nightly(&[]).expect(1);
    assert!(again.stderr.contains("was started before"), "{}", again.stderr);
    nightly(&["--yes"]).expect(0);
    assert_eq!(desk.names(), ["Acme", "Acme"]);
    let id = desk.effects()[0].id.clone();
    let update = [("process.operation", "update")];
    desk.process(&format!("ID,Company\n{id},New\n"), "ID=Id\nCompany=Name\n", &update);
    nightly(&[]).expect(0);
    let again = nightly(&[]).expect(0);
    assert!(again.stderr.contains("notice: this very load was started before"), "{}", again.stderr);
    assert_eq!(desk.names(), ["Acme", "Acme", "New", "New"]);
}

#[test]
fn the_folder_confirms_production_and_the_policy_holds() {
    let desk = Desk::in_world(World::of(org().as_production()));
    let ids = stocked(&desk);
    let delete = [("process.operation", "delete")];
    desk.process(&format!("ID\n{}\n", ids[0]), "ID=Id\n", &delete);
    for place in ["conf/longshore.toml", "longshore.toml"] {
        let policy = desk.world.file(place, "[policy]\nmax_rows = 0\n");
        let ran = desk.nightly(&[]).expect(1);
        assert!(ran.stderr.contains("`max_rows`"), "{}", ran.stderr);
        std::fs::remove_file(policy).unwrap();
    }
    desk.world.file("conf/longshore.toml", "[policy]\nmax_rows = 5\n");
    desk.world.file("longshore.toml", "[policy]\nmax_rows = 6\n");
    let ran = desk.nightly(&[]).expect(1);
    assert!(ran.stderr.contains("different policies"), "{}", ran.stderr);
    desk.world.file("longshore.toml", "[policy]\nmax_rows = 5\n");
    desk.nightly(&[]).expect(0);
    assert_eq!(desk.effects().last().unwrap().verb, "delete");
}

#[test]
fn result_files_go_where_the_folder_says() {
    let desk = Desk::new();
    let none = [("process.outputSuccess", ""), ("process.outputError", "")];
    desk.process(ROWS, MAP, &none);
    let names = |folder: &str| {
        let entries = std::fs::read_dir(desk.world.path(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    desk.nightly(&[]).expect(0);
    let status = names("status");
    for (name, word) in status.iter().zip(["error", "success", "unsent"]) {
        let stamp = name.strip_prefix(word).and_then(|rest| rest.strip_suffix(".csv"));
        assert!(stamp.is_some_and(|stamp| stamp.len() == 15), "{status:?}");
    }
    desk.nightly(&["process.statusOutputDirectory=out/deep", "longshore.clock=24"]).expect(0);
    assert!(names("out/deep").len() >= 2);
    // What an earlier run has left there is not taken for the results of this one.
    desk.world.file("good.csv", "of yesterday");
    let words = ["process.outputSuccess=good.csv", "sfdc.entity=Nothing__c"];
    desk.nightly(&words).expect(2);
    assert_eq!(desk.world.read("good.csv"), "");
    desk.nightly(&["process.enableLastRunOutput=false", "process.name=nightly"]).expect(0);
}
