//! Check, plan and apply on the real binary: what is looked at changes nothing, what is planned is
//! what is done, and what has drifted is refused with what it is.

use longshore::practice::{Org, SeedSize};
use serde_json::Value;

use crate::world::{Ran, World, read_csv};

const NAME: &str = "Practice Org";
const ROWS: &str = "Name,Industry,Remark\nOne,Banking,a\nTwo,Energy,b\nThree,Energy,c\nFour,,d\n";

fn org() -> Org {
    Org::new(&SeedSize { users: 12, permission_sets: 4 })
}

fn world() -> World {
    let world = World::of(org());
    world.file("accounts.csv", ROWS);
    world
}

const PLAN: [&str; 6] = ["plan", "insert", "Account", "accounts.csv", "--output", "p.toml"];

/// Makes a plan, and looks that this changes nothing in the org and in the folder.
fn planned(world: &World, args: &[&str]) -> String {
    let before = world.practice().org().audit().len();
    world.run(args).expect(0);
    assert_eq!((world.practice().org().audit().len(), world.changes().len()), (before, 0));
    assert!(!world.path("longshore-runs").exists());
    world.read("p.toml")
}

fn document(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout))
}

/// What an error says, without what differs from run to run.
fn told(ran: &Ran, world: &World) -> String {
    let all = ran.stderr.lines();
    let from = all.skip_while(|line| !line.starts_with("error")).collect::<Vec<_>>().join("\n");
    from.replace(&world.practice().org().org_id(), "00D…")
}

#[test]
fn check_tells_what_a_load_would_be_and_changes_nothing() {
    let world = world();
    world.file("some.csv", "Name,AnnualRevenue,Remark\nA,10,x\nB,much,y\nC,30,\nD,,z\nE,lots,\n");
    let args = ["check", "Account", "some.csv", "--chunk-rows", "2"];
    let ran = world.run(&args).expect(3);
    let screen = ran.stdout.replace(&world.practice().org().org_id(), "00D…");
    insta::assert_snapshot!(screen, @"
    check of insert Account with some.csv: nothing was sent
    org `env` (Practice Org, 00D…, sandbox) as `admin@practice.example`

      rows           5
      would be sent  3  in 2 jobs, 51 B, 2 rows at most
      rejected       2  would fail a local check

      2 × bad_number, rows 2, 5
          `AnnualRevenue`: `much`, expected a number as `1234.56`

    column         field          type
    Name           Name           string
    AnnualRevenue  AnnualRevenue  currency
    not sent: `Remark`

    row 1
      Name           A
      AnnualRevenue  10
    row 3
      Name           C
      AnnualRevenue  30
    row 4
      Name           D

    about 20 API calls: 6 before the first row, 14 for 2 jobs; 99,997 of 100,000 are left today

    exit code 3: some rows would not be sent
    ");

    let more = ["--rejected", "bad.csv", "--json"];
    let ran = world.run(&[&args[..], &more].concat()).expect(3);
    let document = document(&ran);
    assert_eq!(document["rows"], serde_json::json!({"input": 5, "sent": 3, "rejected": 2}));
    assert_eq!(document["jobs"]["count"], 2);
    assert_eq!(document["calls"]["for_jobs"], 14);
    assert_eq!(document["rejected"][0]["rows"], serde_json::json!([2, 5]));
    assert_eq!(document["sample"][0]["sent"]["AnnualRevenue"], "10");
    let bad = read_csv(&world.path("bad.csv"));
    assert_eq!(bad.len(), 2);
    assert_eq!((&*bad[0]["Remark"], &*bad[0]["longshore__row"]), ("y", "2"));

    assert_eq!(world.changes(), Vec::<String>::new());
    assert!(!world.path("longshore-runs").exists());
    world.run(&["check", "Account", "accounts.csv"]).expect(0);
    world.run(&["check", "Account", "-"]).expect(2);
}

/// What a survey counts is what a run sends, to the byte.
#[test]
fn a_survey_counts_what_a_run_sends() {
    let world = world();
    let line =
        |row| format!("Row {row},{},\"a\"\"{row}\"\n", if row % 9 == 0 { "bad" } else { "1" });
    let lines: Vec<String> = (1..=60).map(line).collect();
    world.file("many.csv", format!("Name,AnnualRevenue,Description\n{}", lines.concat()));
    for more in [
        &["--chunk-rows", "17"][..],
        &["--chunk-bytes", "300"],
        &["--skip", "10", "--limit", "35"],
        &["--chunk-bytes", "50", "--limit", "12"],
    ] {
        let check = [&["check", "Account", "many.csv", "--json"], more].concat();
        let check = document(&world.run(&check));
        let load = [&["insert", "Account", "many.csv", "--yes", "--json"], more].concat();
        let load = document(&world.run(&load));
        assert_eq!(check["rows"]["rejected"], load["rows"]["rejected"], "{more:?}");
        assert_eq!(check["rows"]["input"], load["rows"]["input"], "{more:?}");
        assert_eq!(check["jobs"]["count"], load["jobs"].as_array().unwrap().len(), "{more:?}");
        let rows = load["jobs"].as_array().unwrap().iter().map(|job| job["rows"].as_u64().unwrap());
        assert_eq!(check["jobs"]["largest_rows"], rows.max().unwrap(), "{more:?}");
        let ledger = load["run_dir"].as_str().unwrap();
        let ledger = std::fs::read_to_string(world.path(ledger).join("ledger.jsonl")).unwrap();
        let planned = ledger.lines().filter(|line| line.contains(r#""what":"planned""#));
        let bytes = planned.map(|line| {
            let fact: Value = serde_json::from_str(line.split_once(' ').unwrap().1).unwrap();
            fact["fact"]["bytes"].as_u64().or(fact["bytes"].as_u64()).unwrap()
        });
        assert_eq!(check["jobs"]["bytes"], bytes.sum::<u64>(), "{more:?}");
        assert_eq!(load["errors"][0]["message"], check["rejected"][0]["message"], "{more:?}");
    }
}

#[test]
fn a_plan_is_a_file_that_is_the_same_each_time() {
    let world = world();
    let first = planned(&world, &PLAN);
    let shown: Vec<&str> = first
        .lines()
        .map(|line| match line.split_once(" = ") {
            Some((name @ ("digest" | "describe" | "id" | "origin" | "user_id"), _)) => name,
            _ => line,
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    # A load that was worked out and not sent. Review it, keep it in git, and carry it out with
    # `longshore apply` in the folder in which it was made. That refuses when the file, the mapping,
    # the org, the user, the fields or the rows are not what stands here any more.
    #
    # Comments may be added. A value that is changed by hand is refused, unless `edited` is true.

    format = 1
    version = "0.1.0"
    digest
    edited = false

    # What was asked for.
    [load]
    before_images = false
    chunk_bytes = 100000000
    chunk_rows = 250000
    copy_style = "Own"
    nulls = "Ignore"
    object = "Account"
    on_bad_row = "Reject"
    operation = "insert"
    parallel = 8
    runs_dir = "longshore-runs"
    skip = 0
    verify_after = false

    [load.input.source]
    File = "accounts.csv"

    # Where it goes, as the org said itself; `production` asks for its name to be confirmed.
    [org]
    alias = "env"
    kind = "salesforce"
    id
    name = "Practice Org"
    production = false
    origin
    user_id
    username = "admin@practice.example"

    # The file, as it was.
    [input]
    file = "accounts.csv"
    digest
    not_sent = ["Remark"]

    # Rows of the file, and what would become of them.
    [rows]
    input = 4
    sent = 4
    rejected = 0

    # The jobs, all together; bytes are those of their bodies.
    [jobs]
    count = 1
    rows = 4
    bytes = 56
    largest_rows = 4
    largest_bytes = 56

    # API calls, about: before the first row; then 7 a job (create, upload, start, 2 questions,
    # 2 result files). For Auth0 at most 3 a row.
    # When the plan was made, 99997 of 100000 were left of the day.
    [calls]
    before = 6
    for_jobs = 7

    # From which column to which field. `describe` is the digest of what the org says of it.
    [[columns]]
    from = "Name"
    to = "Name"
    type = "string"
    describe

    [[columns]]
    from = "Industry"
    to = "Industry"
    type = "picklist"
    describe

    # The first rows as they would be sent. These are values of the file.
    [[sample]]
    row = 1
    sent = [["Name", "One"], ["Industry", "Banking"]]

    [[sample]]
    row = 2
    sent = [["Name", "Two"], ["Industry", "Energy"]]

    [[sample]]
    row = 3
    sent = [["Name", "Three"], ["Industry", "Energy"]]
    "#);
    let second = planned(&world, &PLAN);
    let left_out = |text: &str| {
        let kept = text.lines().filter(|line| !line.contains("were left of the day"));
        kept.collect::<Vec<_>>().join("\n")
    };
    assert_eq!(left_out(&first), left_out(&second));
    // Without a file to write to, the plan itself is what is printed.
    let ran = world.run(&PLAN[..4]).expect(0);
    assert_eq!(left_out(&ran.stdout), left_out(&first));
    assert!(!first.contains(longshore::practice::CLIENT_SECRET));
}

#[test]
fn apply_does_what_was_planned_and_notes_which_plan() {
    let world = world();
    let text = planned(&world, &[&PLAN[..], &["--chunk-rows", "3", "--limit", "3"]].concat());
    let digest = text.lines().find_map(|line| line.strip_prefix("digest = ")).unwrap();
    let ran = world.run(&["apply", "p.toml", "--run-name", "a", "--json"]).expect(0);
    let summary = document(&ran);
    world.check_accounting(&summary, 0);
    assert_eq!((&summary["rows"]["success"], &summary["operation"]), (&3.into(), &"insert".into()));
    let manifest: Value =
        serde_json::from_str(&world.read("longshore-runs/a/manifest.json")).unwrap();
    assert_eq!(format!("\"{}\"", manifest["applied"].as_str().unwrap()), digest);
    world.run(&["verify", "a"]).expect(0);
    // The same plan once more is the same load once more.
    let remembering = |args: &[&str]| {
        world.run_changed(args, b"", |command| {
            command.env("LONGSHORE_STATE_DIR", world.path("state"));
        })
    };
    remembering(&["apply", "p.toml"]).expect(0);
    let again = remembering(&["apply", "p.toml"]).expect(6);
    assert!(again.stderr.contains("this very load was started before"), "{}", again.stderr);
}

#[test]
fn apply_refuses_what_has_drifted_and_says_what() {
    let world = world();
    world.file("map.toml", "[fields]\nName = \"Name\"\nIndustry = \"Industry\"\n");
    let text = planned(&world, &[&PLAN[..], &["--map", "map.toml"]].concat());
    let mut all = String::new();
    let mut refuse = |world: &World, args: &[&str]| {
        let ran = world.run(args).expect(6);
        assert_eq!(world.changes(), Vec::<String>::new(), "{args:?}");
        assert!(!world.path("longshore-runs").exists(), "{args:?}");
        all += &told(&ran, world);
        all += "\n\n";
    };
    let apply = ["apply", "p.toml"];
    world.file("accounts.csv", ROWS.replace("Four", "Fore"));
    refuse(&world, &apply);
    world.file("accounts.csv", ROWS.replace("Four", ""));
    refuse(&world, &apply);
    world.file("accounts.csv", ROWS);
    world.file("map.toml", "[fields]\nName = \"Name\"\n");
    refuse(&world, &apply);
    world.file("map.toml", "[fields]\nName = \"Name\"\nIndustry = \"Industry\"\n");

    // Values changed by hand are refused; comments are not.
    world.file("p.toml", text.replace("parallel = 8", "parallel = 3"));
    refuse(&world, &apply);
    let column = text.lines().find(|line| line.starts_with("describe = ")).unwrap();
    let edited = text.replace(column, "describe = \"000000000000\"");
    world.file("p.toml", edited.replace("edited = false", "edited = true"));
    refuse(&world, &apply);
    let user = text.lines().find(|line| line.starts_with("username = ")).unwrap();
    let edited = text.replace(user, "username = \"ada@acme.example\"");
    let user = text.lines().find(|line| line.starts_with("user_id = ")).unwrap();
    let edited = edited.replace(user, "user_id = \"0058c00000Hn2Pq\"");
    world.file("p.toml", edited.replace("edited = false", "edited = true"));
    refuse(&world, &apply);
    world.file("p.toml", &text);
    world.file("longshore.toml", "[policy]\nmax_rows = 3\n");
    refuse(&world, &apply);
    world.file("longshore.toml", "");
    insta::assert_snapshot!(all.trim_end(), @"
    error: the plan `p.toml` does not hold any more
      because the file: `accounts.csv` is not what it was

    hint: make the plan anew and review what is different; nothing was sent

    error: the plan `p.toml` does not hold any more
      because the file: `accounts.csv` is not what it was
      because the rows: 4 were to be sent and 0 rejected, and now 3 and 1

    hint: make the plan anew and review what is different; nothing was sent

    error: the plan `p.toml` does not hold any more
      because the mapping: `map.toml` is not what it was
      because the columns: they go to other fields

    hint: make the plan anew and review what is different; nothing was sent

    error: `p.toml` was changed after it was made
      because its digest is not that of what it says

    hint: take the change back, or make the plan anew
    hint: `edited = true` in it says that the change is meant

    error: the plan `p.toml` does not hold any more
      because the fields: the org describes `Name` otherwise

    hint: make the plan anew and review what is different; nothing was sent

    error: the plan `p.toml` does not hold any more
      because the user: the plan was made as `ada@acme.example`, and this is `admin@practice.example`

    hint: make the plan anew and review what is different; nothing was sent

    error: insert of 4 rows of `Account` in the org `Practice Org` (`00D…`) as `admin@practice.example` is too much: `max_rows` of `longshore.toml` is 3

    hint: if so many rows are meant, raise `max_rows` in `longshore.toml`
    hint: `--skip` and `--limit` load a part of them
    ");

    let commented = text.replace("[input]", "# as discussed with Ada\n[input]");
    world.file("p.toml", commented.replace("parallel = 8", "parallel = 3"));
    world.run(&apply).expect(6);
    world.file("p.toml", commented);
    world.run(&apply).expect(0);
    assert_eq!(world.practice().org().audit().len(), 4);
}

#[test]
fn a_plan_for_another_org_or_for_production_now_is_refused() {
    let world = world();
    let text = planned(&world, &PLAN);
    let id = world.practice().org().org_id();
    let other = text.replace(&id, "00D8c00000Hn2PqEAJ").replace(NAME, "Acme");
    world.file("p.toml", other.replace("edited = false", "edited = true"));
    let ran = world.run(&["apply", "p.toml"]).expect(6);
    insta::assert_snapshot!(told(&ran, &world), @"
    error: the plan `p.toml` does not hold any more
      because the org: the plan is for `Acme` (`00D8c00000Hn2PqEAJ`), and this is `Practice Org` (`00D…`)

    hint: make the plan anew and review what is different; nothing was sent
    ");
    let production = World::of(org().as_production());
    production.file("accounts.csv", ROWS);
    production.file("p.toml", &text);
    let ran = production.run(&["apply", "p.toml", "--confirm-org", NAME]).expect(6);
    assert!(ran.stderr.contains("it was no production org, and is a production org now"));
    // A plan is no confirmation.
    production.run(&PLAN).expect(0);
    let ran = production.run(&["apply", "p.toml", "--yes"]).expect(6);
    assert!(ran.stderr.contains("needs the name of the org"), "{}", ran.stderr);
    production.run(&["apply", "p.toml", "--confirm-org", NAME]).expect(0);
    assert_eq!(production.practice().org().audit().len(), 4);
}

#[test]
fn check_foresees_what_the_guards_will_say() {
    let world = World::of(org().as_production());
    world.file("ids.csv", "Id\n0018c00000zzzzz\n");
    world.file("longshore.toml", "[policy]\nmax_rows = 0\nmax_delete_share = '0%'\n");
    let args = ["check", "Account", "ids.csv", "--operation", "delete", "--json"];
    let document = document(&world.run(&args).expect(0));
    assert_eq!(document["to_confirm"], "--confirm-org 'Practice Org' --confirm-rows 1");
    let refused = document["refused_now"].as_array().unwrap();
    assert!(refused[0].as_str().unwrap().contains("`max_rows` of `longshore.toml` is 0"));
    assert!(refused[1].as_str().unwrap().contains("`max_delete_share` of `longshore.toml` is 0%"));
    let screen = world.run(&args[..5]).expect(0).stdout;
    assert!(screen.contains("to be confirmed with: `--confirm-org 'Practice Org'"), "{screen}");
    let told = screen.lines().filter(|line| line.starts_with("refused now:")).count();
    assert_eq!(told, 2, "{screen}");
}

/// What check, plan and apply refuse of what was asked, word by word.
#[test]
fn what_is_wrong_with_the_question_is_told() {
    let world = world();
    world.file("map.toml", "[fields]\nName = \"Name\"\n");
    let mut all = String::new();
    for args in [
        &["check", "Account", "accounts.csv", "--operation", "upsert"][..],
        &["check", "Account", "accounts.csv", "-i", "Name", "--operation", "hard-delete"],
        &["check", "Account", "accounts.csv", "--rejected", "accounts.csv"],
        &["check", "Account", "accounts.csv", "-m", "map.toml", "--rejected", "map.toml"],
        &["plan", "insert", "Account", "accounts.csv", "-m", "map.toml", "--output", "map.toml"],
    ] {
        all += &told(&world.run(args).expect(2), &world);
        all += "\n\n";
    }
    insta::assert_snapshot!(all.trim_end(), @"
    error: an upsert needs the field by which it finds records

    hint: name it with `--external-id`

    error: `--external-id` is for an upsert, and this is hard-delete

    hint: `--operation upsert` checks an upsert

    error: `--rejected` would overwrite the input file `accounts.csv`

    error: `--rejected` would overwrite the mapping file `map.toml`

    error: `--output` would overwrite the mapping file `map.toml`
    ");
    let ran = world.run_with_input(&["plan", "insert", "Account", "-"], ROWS.as_bytes()).expect(2);
    assert_eq!(
        told(&ran, &world),
        "error: a plan is for a file, and standard input is read but once\n\n\
         hint: put the rows into a file"
    );
    let ran = world.run(&["apply", "gone.toml"]).expect(9);
    let says = "error: cannot read the plan `gone.toml`: ";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
}

/// The screen names so many kinds of bad rows, and how many more there are.
#[test]
fn kinds_of_bad_rows_beyond_the_screen_are_counted() {
    let world = world();
    let fields = ["AnnualRevenue", "NumberOfEmployees", "ParentId", "OwnerId"];
    let line = |n: usize| {
        let bad = ["x", "0x", "12,", "--"][n / 4];
        let cells = (0..4).map(|at| if at == n % 4 { bad } else { "" });
        format!("R{n},\"{}\"\n", cells.collect::<Vec<_>>().join("\",\""))
    };
    let lines: Vec<String> = (0..16).map(line).collect();
    world.file("bad.csv", format!("Name,{}\n{}", fields.join(","), lines.concat()));
    let ran = world.run(&["check", "Account", "bad.csv", "--json"]).expect(3);
    let kinds = document(&ran)["rejected"].as_array().unwrap().len();
    let screen = world.run(&["check", "Account", "bad.csv"]).expect(3).stdout;
    let more = format!("  and {} more kinds\n", kinds.saturating_sub(12));
    assert_eq!(screen.contains(&more), kinds > 12, "{kinds} kinds: {screen}");
}

#[test]
fn what_is_no_plan_is_refused() {
    let world = world();
    let text = planned(&world, &PLAN);
    let mut all = String::new();
    for bad in [
        "hello".to_owned(),
        "format = 1\n".to_owned(),
        text.replace("edited = false", "edited = false\nsurprise = 1"),
        text.replace("format = 1", "format = 2"),
        text.replace("edited = false", "edited = true")
            .replace("\"Insert\"", "\"Explode\"")
            .replace("\"insert\"", "\"explode\""),
    ] {
        world.file("p.toml", bad);
        let ran = world.run(&["apply", "p.toml"]).expect(2);
        all += &told(&ran, &world);
        all += "\n\n";
    }
    insta::assert_snapshot!(all.trim_end(), @"
    error: p.toml:1:6: key with no value, expected `=`

    hint: `longshore plan` makes plan files

    error: p.toml:1:1: missing field `version`

    hint: `longshore plan` makes plan files

    error: p.toml:11:1: unknown field `surprise`, expected one of `format`, `version`, `digest`, `edited`, `load`, `org`, `input`, `mapping`, `rows`, `jobs`, `calls`, `policy`, `columns`, `lookups`, `rejected`, `sample`, `differences`

    hint: `longshore plan` makes plan files

    error: `p.toml` is a plan of format 2

    hint: this version carries out format 1; make the plan anew

    error: the plan does not say what to load: unknown variant `explode`, expected one of `insert`, `update`, `upsert`, `delete`, `hard_delete`, `undelete`

    hint: make the plan anew
    ");
    world.run(&["apply", "gone.toml"]).expect(9);
    for (args, said) in [
        (
            &["plan", "insert", "Account", "accounts.csv", "--output", "accounts.csv"][..],
            "`--output` would overwrite the input file",
        ),
        (
            &["check", "Account", "accounts.csv", "--rejected", "accounts.csv"],
            "`--rejected` would overwrite the input file",
        ),
        (
            &["check", "Account", "accounts.csv", "--operation", "upsert"],
            "an upsert needs the field",
        ),
        (&["check", "Account", "accounts.csv", "-i", "Name"], "`--external-id` is for an upsert"),
    ] {
        let ran = world.run(args).expect(2);
        assert!(ran.stderr.contains(said), "{args:?}: {}", ran.stderr);
    }
    let ran = world.run_with_input(&["plan", "insert", "Account", "-"], ROWS.as_bytes()).expect(2);
    assert!(ran.stderr.contains("a plan is for a file"), "{}", ran.stderr);
}

#[test]
fn explain_tells_where_each_value_came_from() {
    let world = world();
    world.file(
        "longshore.toml",
        "[defaults]\nparallel = 4\nchunk-rows = 9\n[policy]\nmax_failed = '5%'\n",
    );
    let args = ["plan", "upsert", "Account", "accounts.csv", "-i", "Legacy_Id__c", "--explain"];
    let more = ["--chunk-rows", "100"];
    let ran = world.run_changed(&[&args[..], &more].concat(), b"", |command| {
        command.env("LONGSHORE_ENCODING", "latin1").env("LONGSHORE_NULLS", "clear");
    });
    insta::assert_snapshot!(ran.expect(0).stdout, @"
    value of          is                        from
    sobject           Account                   typed
    file              accounts.csv              typed
    target-org        env                       default
    map               headers are field names   default
    skip              0                         default
    limit             all                       default
    on-bad-row        reject                    default
    on-duplicate      refuse                    default
    column-delimiter  found out                 default
    line-ending       found out                 default
    encoding          latin1                    environment, LONGSHORE_ENCODING
    chunk-rows        100                       flag, --chunk-rows
    chunk-bytes       100000000                 default
    parallel          4                         longshore.toml
    api               auto                      default
    group-by          a parent that rows share  default
    runs-dir          longshore-runs            default
    run-name          from the time             default
    success           no copy                   default
    error             no copy                   default
    verify-after      false                     default
    max-failed        5%                        longshore.toml
    api-budget        all but 20% of a day      default
    nulls             clear                     environment, LONGSHORE_NULLS
    skip-unchanged    false                     default
    before-images     off                       default
    external-id       Legacy_Id__c              flag, --external-id
    ");
    assert!(!world.path("p.toml").exists());
    let document = document(&world.run(&[&args[..], &["--json"]].concat()).expect(0));
    assert_eq!(document["parallel"], serde_json::json!({"value": "4", "from": "longshore.toml"}));
    // None of this asks the org.
    assert_eq!(world.practice().org().audit().requests().len(), 0);
}

/// What becomes of rows with the same key follows from the operation and the object.
#[test]
fn explain_tells_the_policy_on_duplicates_that_holds() {
    let world = world();
    let told = |args: &[&str]| {
        let args = [&["plan"], args, &["ids.csv", "--explain"]].concat();
        let screen = world.run(&args).expect(0).stdout;
        let of = |name| {
            let line = screen.lines().find(|line: &&str| line.starts_with(name));
            let words = line.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
            words.unwrap_or_default()
        };
        (of("on-duplicate"), of("before-images"))
    };
    for (args, duplicates, images) in [
        (&["insert", "Account"][..], "on-duplicate none: rows have no key default", ""),
        (
            &["insert", "Account", "--on-duplicate", "keep-last"],
            "on-duplicate keep-last, of no effect: rows have no key flag, --on-duplicate",
            "",
        ),
        (&["insert", "PermissionSetAssignment"], "on-duplicate send default", ""),
        (
            &["insert", "PermissionSetAssignment", "--on-duplicate", "keep-first"],
            "on-duplicate keep-first flag, --on-duplicate",
            "",
        ),
        (&["update", "Account"], "on-duplicate refuse default", "before-images off default"),
        (&["delete", "Account"], "on-duplicate refuse default", "before-images on default"),
        (
            &["hard-delete", "Account", "--before-images", "off"],
            "on-duplicate refuse default",
            "before-images off flag, --before-images",
        ),
        (&["delete", "UserPermission"], "on-duplicate send default", "before-images on default"),
    ] {
        assert_eq!(told(args), (duplicates.to_owned(), images.to_owned()), "{args:?}");
    }
}

/// `check` and `plan` of a delete take `--before-images` as the delete does.
#[test]
fn a_delete_is_looked_at_with_its_before_images() {
    let world = world();
    changing(&world);
    let file = ["Account", "changes.csv"];
    let kept = "an undo creates the records anew";
    let not_kept = "this delete cannot be undone, as nothing of the records is kept";
    for (images, said) in [("on", kept), ("off", not_kept)] {
        let more = ["--before-images", images];
        let check = [&["check"], &file[..], &["--operation", "delete"], &more].concat();
        let plan = [&["plan", "delete"], &file[..], &more, &["--output", "p.toml"]].concat();
        for args in [check, plan] {
            let ran = world.run(&args).expect(3);
            assert!(ran.stderr.contains(said), "{args:?}: {}", ran.stderr);
        }
        let line = format!("before_images = {}", images == "on");
        assert!(world.read("p.toml").contains(&line), "{images}");
    }
    // Apply does as the plan says, whatever would be done otherwise.
    world.run(&["apply", "p.toml", "--run-name", "a"]).expect(3);
    assert!(!world.read("longshore-runs/a/ledger.jsonl").contains(r#""what":"imaged""#));
}

/// Six accounts, and a file that changes some of them; the ids by row.
fn changing(world: &World) -> Vec<String> {
    let line = |row| format!("Row {row},Energy,{row}\n");
    let lines: Vec<String> = (1..=6).map(line).collect();
    world.file("made.csv", format!("Name,Industry,AnnualRevenue\n{}", lines.concat()));
    world.run(&["insert", "Account", "made.csv", "--run-name", "made"]).expect(0);
    let made = read_csv(&world.path("longshore-runs/made/out/success.csv"));
    std::fs::remove_dir_all(world.path("longshore-runs")).unwrap();
    let ids: Vec<String> = made.iter().map(|row| row["sf__Id"].clone()).collect();
    let rows = [
        format!("{},Row 1,Energy,1.0\n", ids[0]),
        format!("{},Row two,Energy,2.00\n", &ids[1][..15]),
        format!("{},Row 3,Banking,99\n", ids[2]),
        format!("{},Row 4,,\n", ids[3]),
        "0018c00000zzzzz,Nobody,Energy,1\n".to_owned(),
        "no id,x,Energy,1\n".to_owned(),
    ];
    world.file("changes.csv", format!("Id,Name,Industry,AnnualRevenue\n{}", rows.concat()));
    ids
}

#[test]
fn a_plan_of_an_update_tells_what_it_would_change() {
    let world = world();
    let ids = changing(&world);
    let args = ["check", "Account", "changes.csv", "--operation", "update", "--nulls", "clear"];
    let screen = world.run(&args).expect(3).stdout;
    let part = screen.split("\n\n").find(|part| part.contains("would change")).unwrap();
    insta::assert_snapshot!(part, @"
    of 5 rows 3 would change something, 1 would change nothing, 1 whose record is not there
      AnnualRevenue: 2 rows
      Industry: 2 rows
      Name: 1 row
    row  field          is now  would be
    2    Name           Row 2   Row two
    3    Industry       Energy  Banking
    3    AnnualRevenue  3.0     99
    4    Industry       Energy  (empty)
    4    AnnualRevenue  4.0     (empty)
    ");
    let document = document(&world.run(&[&args[..], &["--json"]].concat()).expect(3));
    let found = &document["differences"];
    assert_eq!(found["fields"], serde_json::json!({"AnnualRevenue": 2, "Industry": 2, "Name": 1}));
    let counts =
        ["rows", "changed", "unchanged", "missing"].map(|name| found[name].as_u64().unwrap());
    assert_eq!(counts, [5, 3, 1, 1]);
    assert_eq!(found["changes"][0]["id"], *ids[1]);

    // What somebody else changes in between is not written over unseen.
    let plan =
        ["plan", "update", "Account", "changes.csv", "--nulls", "clear", "--output", "p.toml"];
    let apply = ["apply", "p.toml", "--run-name", "a"];
    world.run(&plan).expect(3);
    world.file("other.csv", format!("Id,Name\n{},Ada was here\n", ids[1]));
    world.run(&["update", "Account", "other.csv"]).expect(0);
    let ran = world.run(&apply).expect(6);
    let said = told(&ran, &world).replace(&ids[1], "001…");
    insta::assert_snapshot!(said, @"
    error: the plan `p.toml` does not hold any more
      because the records: `Name` of `001…` was `Row 2` when the plan was made, and is not now

    hint: make the plan anew and review what is different; nothing was sent
    ");
    world.run(&plan).expect(3);
    world.run(&apply).expect(3);
    assert_eq!(read_csv(&world.path("longshore-runs/a/out/success.csv")).len(), 4);
}

/// Two thousand rows are compared, with one call.
#[test]
fn only_the_first_rows_are_compared() {
    let world = world();
    let line = |row: usize| format!("0018c00000{row:05},Row {row}\n");
    let lines: Vec<String> = (0..2_100).map(line).collect();
    world.file("long.csv", format!("Id,Name\n{}", lines.concat()));
    let calls = || world.practice().org().audit().requests().len();
    let args = ["check", "Account", "long.csv", "--operation", "update", "--json"];
    let before = calls();
    let checked = document(&world.run(&args));
    let with = calls() - before;
    assert_eq!(checked["differences"]["rows"], 2_000);
    assert_eq!(checked["differences"]["missing"], 2_000);
    let before = calls();
    world.run(&["check", "Account", "long.csv", "--operation", "delete", "--json"]);
    assert_eq!(with - (calls() - before), 1);
}
