//! `--skip-unchanged` on the real binary: rows whose records hold already what they say are left
//! out, told, and accounted for; the audit log of the practice org shows that they were never sent.

use std::fmt::Write as _;

use longshore::practice::{Org, SeedSize};
use serde_json::{Value, json};

use crate::world::{Ran, World, read_csv};

/// Accounts `Row 1` to `Row 6`, with a key, a revenue and a site each; and what they are called.
fn world() -> (World, Vec<String>) {
    let world = World::of(Org::new(&SeedSize { users: 2, permission_sets: 2 }));
    let line = |row| format!("Row {row},K-{row},{row}500,\"site, {row}\"\n");
    let lines: Vec<String> = (1..=6).map(line).collect();
    world.file("stock.csv", format!("Name,Legacy_Id__c,AnnualRevenue,Site\n{}", lines.concat()));
    world.run(&["insert", "Account", "stock.csv", "--run-name", "stock"]).expect(0);
    let made = read_csv(&world.path("longshore-runs/stock/out/success.csv"));
    let ids = made.iter().map(|row| row["sf__Id"].clone()).collect();
    (world, ids)
}

/// Rows 2, 4 and 6 of an update change something; row 3 is not valid, and row 7 is of a record that
/// is not there.
fn mixed(ids: &[String]) -> String {
    let mut text = "Id,Name,AnnualRevenue,Remark\n".to_owned();
    for (id, rest) in ids.iter().zip([
        "Row 1,1500.0,as it is",
        "Row two,2500,renamed",
        "Row 3,much,not valid",
        ",4501,dearer",
        ",,\"blank, and \"\"quoted\"\"\"",
        "Row 6,#N/A,cleared",
    ]) {
        writeln!(text, "{id},{rest}").unwrap();
    }
    text + "0018c00000zzzzz,Row 7,1,gone\n"
}

const UPDATE: [&str; 6] = ["update", "Account", "rows.csv", "--skip-unchanged", "--run-name", "r"];

fn document(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout))
}

/// The rows that jobs have applied since then: verb and name or id.
fn applied(world: &World, since: u64) -> Vec<String> {
    let entries = world.practice().org().audit().entries_since(since);
    entries.iter().map(|entry| format!("{} {}", entry.verb, entry.id)).collect()
}

/// The notices of a command.
fn notices(ran: &Ran) -> Vec<&str> {
    ran.stderr.lines().filter_map(|line| line.strip_prefix("notice: ")).collect()
}

#[test]
fn rows_that_change_nothing_are_left_out_and_accounted_for() {
    let (world, ids) = world();
    world.file("rows.csv", mixed(&ids));
    let since = world.practice().org().audit().len();
    let ran = world.run(&[&UPDATE[..], &["--success", "copy.csv"]].concat()).expect(3);
    let update = |id: &String| format!("update {id}");
    assert_eq!(applied(&world, since), [&ids[1], &ids[3], &ids[5]].map(update));
    assert!(
        notices(&ran).contains(&"2 of 6 rows change nothing and are not sent"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stdout.contains("success      5  done, the org says; 2 of them unchanged, not sent"),
        "{}",
        ran.stdout
    );

    let success = world.read("longshore-runs/r/out/success.csv");
    let told = ids
        .iter()
        .zip(1..)
        .fold(success.clone(), |text, (id, n)| text.replace(id, &format!("id{n}")));
    insta::assert_snapshot!(told, @r#"
    Id,Name,AnnualRevenue,Remark,sf__Id,sf__Created,longshore__row,longshore__match
    id1,Row 1,1500.0,as it is,id1,unchanged,1,look
    id2,Row two,2500,renamed,id2,false,2,id
    id4,,4501,dearer,id4,false,4,id
    id5,,,"blank, and ""quoted""",id5,unchanged,5,look
    id6,Row 6,#N/A,cleared,id6,false,6,id
    "#);
    assert_eq!(world.read("copy.csv"), success);
    let summary: Value =
        serde_json::from_str(&world.read("longshore-runs/r/out/summary.json")).unwrap();
    let rows = json!({"input": 7, "rejected": 1, "success": 5, "error": 1, "unprocessed": 0,
        "unknown": 0, "unchanged": 2});
    assert_eq!(summary["rows"], rows);
    assert_eq!(summary["jobs"][0]["rows"], 4);
    world.check_accounting(&summary, since);
    let list = format!("1,{}\n5,{}\n", ids[0], ids[4]);
    assert_eq!(world.read("longshore-runs/r/unchanged.rows"), list);
    world.run(&["verify", "r"]).expect(0);
    world.run(&["runs", "clean"]).expect(0);
    world.run(&["verify", "r"]).expect(0);

    // A retry looks anew.
    let again = world.run(&["retry", "r", "--errors", "all", "--run-name", "again"]).expect(3);
    assert!(again.stderr.contains("every row changes something"), "{}", again.stderr);

    // What was done is left alone the next time.
    world.file(
        "rows.csv",
        mixed(&ids).replace("much", "3500").split_inclusive('\n').take(7).collect::<String>(),
    );
    let since = world.practice().org().audit().len();
    let args = ["update", "Account", "rows.csv", "--skip-unchanged", "--run-name", "s"];
    let ran = world.run(&args).expect(0);
    assert!(applied(&world, since).is_empty());
    assert!(
        notices(&ran).contains(&"no row changes anything, and none of the 6 is sent"),
        "{}",
        ran.stderr
    );
    let screen = ran.stdout.lines().take(5).collect::<Vec<_>>().join("\n");
    assert!(
        screen.starts_with("update Account in `env`: every row is unchanged, nothing was sent"),
        "{screen}"
    );
    assert!(
        screen.contains("0 jobs") && screen.contains("success      6  unchanged, not sent"),
        "{screen}"
    );
    world.run(&["verify", "s"]).expect(0);
    world.run(&["retry", "s"]).expect(2);
}

#[test]
fn an_upsert_leaves_out_what_is_there_and_creates_the_rest() {
    let (world, ids) = world();
    world.file(
        "rows.csv",
        "Legacy_Id__c,Name,Site,Parent.Legacy_Id__c\nK-1,Row 1,\"site, 1\",\nk-2,Row 2,,\n\
         N-1,Row 1,,\nK-3,Row 3,,K-1\nK-4,Row four,,\nK-5,Row 5,,\n",
    );
    let args = ["upsert", "Account", "rows.csv", "-i", "Legacy_Id__c", "--skip-unchanged"];
    let since = world.practice().org().audit().len();
    let ran = world.run(&[&args[..], &["--run-name", "r", "--json"]].concat()).expect(0);
    let summary = document(&ran);
    world.check_accounting(&summary, since);
    assert_eq!(
        (&summary["rows"]["success"], &summary["rows"]["unchanged"]),
        (&6.into(), &2.into())
    );
    let list = format!("1,{}\n6,{}\n", ids[0], ids[4]);
    assert_eq!(world.read("longshore-runs/r/unchanged.rows"), list);
    let blind =
        "rows with a value for `Parent.Legacy_Id__c` are always sent: it cannot be compared";
    assert!(notices(&ran).contains(&blind), "{}", ran.stderr);
    world.run(&["verify", "r"]).expect(0);
    let done = read_csv(&world.path("longshore-runs/r/out/success.csv"));
    let told: Vec<&str> = done.iter().map(|row| row["sf__Created"].as_str()).collect();
    assert_eq!(told, ["unchanged", "false", "true", "false", "false", "unchanged"]);
}

/// What the first of two rows makes of a record is not known when the look compares the second.
#[test]
fn rows_of_one_record_are_all_sent_or_left_out_by_their_own_rule() {
    let (world, ids) = world();
    let rows = format!("Id,Name\n{0},Other\n{1},Row 2\n{0},Row 1\n", ids[0], &ids[1][..15]);
    world.file("rows.csv", rows);
    let load = |policy, run| {
        let more = ["--on-duplicate", policy, "--run-name", run];
        let since = world.practice().org().audit().len();
        world.run(&[&UPDATE[..4], &more].concat());
        world.run(&["verify", run]).expect(0);
        applied(&world, since).len()
    };
    assert_eq!(load("keep-last", "a"), 0);
    let done = read_csv(&world.path("longshore-runs/a/out/success.csv"));
    assert_eq!(done.len(), 2, "{done:?}");
    assert_eq!(load("separate", "b"), 2);
    let done = read_csv(&world.path("longshore-runs/b/out/success.csv"));
    let told: Vec<&str> = done.iter().map(|row| row["longshore__match"].as_str()).collect();
    assert_eq!(told, ["id", "look", "id"]);
    assert_eq!(load("keep-first", "c"), 1);
}

#[test]
fn an_undo_leaves_alone_what_was_left_out() {
    let (world, ids) = world();
    world.file("rows.csv", mixed(&ids));
    world.run(&[&UPDATE[..], &["--before-images", "on"]].concat()).expect(3);
    let since = world.practice().org().audit().len();
    let ran = world.run(&["undo", "r", "--yes"]).expect(0);
    assert!(ran.stdout.contains("nothing to do for 2"), "{}\n{}", ran.stdout, ran.stderr);
    let update = |id: &String| format!("update {id}");
    assert_eq!(applied(&world, since), [&ids[1], &ids[3], &ids[5]].map(update));
}

/// Two thousand rows a call, and not a call more.
#[test]
fn the_look_is_a_call_for_two_thousand_rows() {
    let (world, _) = world();
    let line = |row: usize| format!("0018c00000{row:05},Row {row}\n");
    let lines: Vec<String> = (0..4_100).map(line).collect();
    world.file("long.csv", format!("Id,Name\n{}", lines.concat()));
    let reads = || {
        let requests = world.practice().org().audit().requests();
        requests.iter().filter(|asked| asked.path.contains("/composite/sobjects/")).count()
    };
    let args = ["check", "Account", "long.csv", "--operation", "update", "--skip-unchanged"];
    let ran = world.run(&[&args[..], &["--json"]].concat()).expect(0);
    let checked = document(&ran);
    assert_eq!((reads(), &checked["calls"]["look"]), (3, &3.into()));
    assert_eq!(checked["differences"]["missing"], 4_100);
    assert!(
        notices(&ran).contains(&"every row changes something, and all 4,100 are sent"),
        "{}",
        ran.stderr
    );
}

#[test]
fn check_plan_and_apply_tell_what_would_be_left_out() {
    let (world, ids) = world();
    world.file("rows.csv", mixed(&ids));
    let args = ["check", "Account", "rows.csv", "--operation", "update", "--skip-unchanged"];
    let screen = world.run(&args).expect(3).stdout;
    let kept = screen.lines().filter(|line| {
        ["rows", "would be sent", "rejected", "unchanged", "of ", "about"]
            .iter()
            .any(|word| line.trim_start().starts_with(word))
    });
    insta::assert_snapshot!(kept.collect::<Vec<_>>().join("\n"), @"
      rows           7
      would be sent  4  in 1 job, 133 B
      rejected       1  would fail a local check
      unchanged      2  would be left out
    of 6 rows 3 would change something, 2 would change nothing, 1 whose record is not there
    about 14 API calls: 7 before the first row (1 to look for unchanged rows), 7 for 1 job; 99,988 of 100,000 are left today, 79,988 may be used
    ");
    let plan = ["plan", "update", "Account", "rows.csv", "--skip-unchanged", "--output", "p.toml"];
    world.run(&plan).expect(3);
    let text = world.read("p.toml");
    let rows = text.split("[rows]\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let rows: Vec<&str> = rows.lines().filter(|line| !line.contains("digest")).collect();
    assert_eq!(rows, ["input = 7", "sent = 4", "rejected = 1", "unchanged = 2"]);
    assert!(text.contains("skip_unchanged = true") && text.contains("look = 1"), "{text}");
    let because = |ran: &Ran| {
        let line = ran.stderr.lines().find(|line| line.starts_with("  because"));
        ids.iter()
            .zip(1..)
            .fold(line.unwrap().to_owned(), |text, (id, n)| text.replace(id, &format!("id{n}")))
    };
    // Row 5 says nothing of the name, and row 1 does.
    let mut all = String::new();
    for (who, name) in [(0, "Ada was here"), (0, "Row 1"), (1, "Row two"), (1, "Row 2")] {
        world.file("other.csv", format!("Id,Name\n{},{name}\n", ids[who]));
        world.run(&["update", "Account", "other.csv"]).expect(0);
        if name.starts_with("Ada") || name == "Row two" {
            all += &because(&world.run(&["apply", "p.toml"]).expect(6));
            all += "\n";
        }
    }
    // As many rows as before, and others.
    let swap = |one: &str, two: &str| {
        world.file("other.csv", format!("Id,Name\n{},{one}\n{},{two}\n", ids[0], ids[1]));
        world.run(&["update", "Account", "other.csv"]).expect(0);
    };
    swap("Ada was here", "Row two");
    all += &because(&world.run(&["apply", "p.toml"]).expect(6));
    swap("Row 1", "Row 2");
    let since = world.practice().org().audit().len();
    insta::assert_snapshot!(all.trim_end(), @"
    because the rows: 4 were to be sent, 2 left out as unchanged and 1 rejected, and now 5, 1 and 1
    because the rows: 4 were to be sent, 2 left out as unchanged and 1 rejected, and now 3, 3 and 1
    because the records: `Name` of `id2` was `Row 2` when the plan was made, and is not now
    ");
    let summary = document(&world.run(&["apply", "p.toml", "--json", "--run-name", "a"]).expect(3));
    world.check_accounting(&summary, since);
    assert_eq!(summary["rows"]["unchanged"], 2);
}

/// The differences of an upsert: old and new values, and rows that make new records.
#[test]
fn a_plan_shows_what_an_upsert_would_change() {
    let (world, ids) = world();
    world.file(
        "rows.csv",
        "Legacy_Id__c,Name,Site\nK-1,Row 1,\nk-2,Row 2,\nN-1,New,\nK-4,Row four,#N/A\n",
    );
    let args = ["check", "Account", "rows.csv", "--operation", "upsert", "-i", "Legacy_Id__c"];
    let ran = world.run(&args).expect(0);
    let screen = &ran.stdout;
    let from = screen.find("of 4 rows").unwrap();
    let to = screen.find("about ").unwrap();
    insta::assert_snapshot!(&screen[from..to], @"
    of 4 rows 2 would change something, 1 would change nothing, 1 would make a new record
      Legacy_Id__c: 1 row
      Name: 1 row
      Site: 1 row
    row  field         is now   would be
    2    Legacy_Id__c  K-2      k-2
    4    Name          Row 4    Row four
    4    Site          site, 4  (empty)
    ");
    let found = &document(&world.run(&[&args[..], &["--json"]].concat()))["differences"];
    let counts = ["rows", "changed", "unchanged", "missing", "new"];
    assert_eq!(counts.map(|name| found[name].as_u64().unwrap()), [4, 2, 1, 0, 1]);
    assert_eq!(found["changes"][0]["id"], *ids[1]);
    // What the plan holds is held against the org again.
    let plan =
        ["plan", "upsert", "Account", "rows.csv", "-i", "Legacy_Id__c", "--output", "p.toml"];
    world.run(&plan).expect(0);
    world.file("other.csv", format!("Id,Name\n{},Ada was here\n", ids[3]));
    world.run(&["update", "Account", "other.csv"]).expect(0);
    let ran = world.run(&["apply", "p.toml"]).expect(6);
    assert!(ran.stderr.contains("`Name` of"), "{}", ran.stderr);
    assert!(ran.stderr.contains("was `Row 4` when the plan was made"), "{}", ran.stderr);
}

#[test]
fn what_cannot_be_looked_at_is_refused() {
    let (world, ids) = world();
    world.file("rows.csv", mixed(&ids));
    let before = world.changes().len();
    let mut all = String::new();
    let mut refused = |ran: Ran, code| {
        let ran = ran.expect(code);
        let said = ran.stderr.lines().filter(|line| !line.starts_with("notice"));
        all += &said.collect::<Vec<_>>().join("\n");
        all += "\n\n";
    };
    refused(world.run(&["check", "Account", "rows.csv", "--skip-unchanged"]), 2);
    let delete = ["check", "Account", "rows.csv", "--operation", "delete", "--skip-unchanged"];
    refused(world.run(&delete), 2);
    let stdin = ["update", "Account", "-", "--skip-unchanged"];
    refused(world.run_with_input(&stdin, mixed(&ids).as_bytes()), 2);
    insta::assert_snapshot!(all.trim_end(), @"
    error: `--skip-unchanged` is for update and upsert, and this is an insert

    hint: leave it out

    error: `--skip-unchanged` is for update and upsert, and this is a delete

    hint: leave it out

    error: `--skip-unchanged` reads the rows twice, and standard input is read but once

    hint: write the rows to a file first, and name the file
    hint: or leave the option out: every row is sent then
    ");
    world.run(&["insert", "Account", "rows.csv", "--skip-unchanged"]).expect(2);
    assert_eq!(world.changes().len(), before);
    assert!(!world.path("longshore-runs/r").exists());
}

/// Without what the records hold nothing can be left out, and nothing is sent.
#[test]
fn records_that_cannot_be_read_refuse_the_load() {
    use crate::faults::{always, answer};
    let (world, ids) = world();
    world.file("rows.csv", mixed(&ids));
    let fault = answer(400, "INVALID_FIELD", "No such column 'Name'");
    world.practice().mischief().add(always("POST", "*/composite/sobjects/Account", fault));
    let changes = world.changes().len();
    let ran = world.run(&UPDATE).expect(1);
    assert!(ran.stderr.contains("what the records hold cannot be read: "), "{}", ran.stderr);
    let hint = "hint: nothing was sent; without `--skip-unchanged` every row is sent";
    assert!(ran.stderr.contains(hint), "{}", ran.stderr);
    assert_eq!(world.changes().len(), changes);
    assert!(!world.path("longshore-runs/r").exists());
    // A survey that only shows differences does without them.
    let ran = world.run(&["check", "Account", "rows.csv", "--operation", "update"]).expect(3);
    let told = notices(&ran).into_iter().find(|told| told.contains("cannot be told"));
    let says = "what the update would change cannot be told: ";
    assert!(told.is_some_and(|told| told.starts_with(says)), "{}", ran.stderr);
}

#[test]
fn a_look_that_takes_its_time_says_so_first() {
    let (world, ids) = world();
    // Only the file's size is looked at: its cells need not be sent.
    let pad = "p".repeat(100_000);
    let lines: Vec<String> = (1..=11).map(|n| format!("Row {n},X-{n},{pad}\n")).collect();
    world.file("wide.csv", format!("Name,Legacy_Id__c,Remark\n{}", lines.concat()));
    let flags = ["--external-id", "Legacy_Id__c", "--skip-unchanged"];
    let told = "what the records hold is read before anything is sent";
    let ran = world.run(&[&["upsert", "Account", "wide.csv"], &flags[..]].concat()).expect(0);
    assert!(notices(&ran).contains(&told), "{}", ran.stderr);
    world.file("rows.csv", mixed(&ids));
    let ran = world.run(&UPDATE).expect(3);
    assert!(!notices(&ran).contains(&told), "{}", ran.stderr);
}
