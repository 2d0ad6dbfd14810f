//! Guards on the real binary, against a practice org that says it is a production org: what is
//! refused changes nothing there, as its audit log and its requests show.

use longshore::practice::{Org, SeedSize};

use crate::world::{Ran, World, read_csv};

const NAME: &str = "Practice Org";

fn org() -> Org {
    Org::new(&SeedSize { users: 12, permission_sets: 4 })
}

fn production() -> World {
    World::of(org().as_production())
}

/// So many accounts to insert.
fn accounts(world: &World, rows: usize) {
    let lines: Vec<String> = (1..=rows).map(|row| format!("Row {row},note\n")).collect();
    world.file("accounts.csv", format!("Name,Remark\n{}", lines.concat()));
}

/// Loads so many accounts, and writes a file with their ids.
fn stocked(world: &World, rows: usize) {
    accounts(world, rows);
    let args = ["insert", "Account", "accounts.csv", "--confirm-org", NAME, "--run-name", "stock"];
    world.run(&args).expect(0);
    let made = read_csv(&world.path("longshore-runs/stock/out/success.csv"));
    let ids: Vec<&str> = made.iter().map(|row| row["sf__Id"].as_str()).collect();
    world.file("ids.csv", format!("Id\n{}\n", ids.join("\n")));
}

/// Runs a load that a guard refuses: exit code 6, and nothing was changed or left behind.
fn refused(world: &World, args: &[&str]) -> Ran {
    let (before, changes) = (world.practice().org().audit().len(), world.changes().len());
    let runs = || std::fs::read_dir(world.path("longshore-runs")).map_or(0, Iterator::count);
    let runs_before = runs();
    let ran = world.run(args).expect(6);
    assert_eq!(world.practice().org().audit().len(), before, "{args:?}");
    assert_eq!(world.changes().len(), changes, "{args:?}: {:?}", world.changes());
    assert_eq!(runs(), runs_before, "{args:?}");
    ran
}

fn said(ran: &Ran, world: &World) -> String {
    let is_told = |line: &&str| line.starts_with("error") || line.starts_with("hint");
    let told: Vec<&str> = ran.stdout.lines().chain(ran.stderr.lines()).filter(is_told).collect();
    told.join("\n").replace(&world.practice().org().org_id(), "00D…")
}

#[test]
fn a_load_into_production_needs_the_name_of_the_org() {
    let world = production();
    accounts(&world, 3);
    let load = ["insert", "Account", "accounts.csv"];
    let ran = refused(&world, &load);
    insta::assert_snapshot!(said(&ran, &world), @"
    error: insert of 3 rows of `Account` in the production org `Practice Org` (`00D…`) as `admin@practice.example` needs the name of the org to be confirmed
    hint: `--confirm-org 'Practice Org'` confirms it; `--yes` does not
    ");
    for more in [&["--yes"][..], &["--confirm-org", "practice"], &["--confirm-rows", "3"]] {
        refused(&world, &[&load[..], more].concat());
    }
    let wrong = refused(&world, &[&load[..], &["--confirm-org", "Umbrella", "--json"]].concat());
    assert!(wrong.stderr.contains("because `--confirm-org` says `Umbrella`"), "{}", wrong.stderr);
    let document: serde_json::Value = serde_json::from_str(&wrong.stdout).unwrap();
    assert_eq!((&document["status"], &document["exit_code"]), (&"refused".into(), &6.into()));

    world.run(&[&load[..], &["--confirm-org", NAME]].concat()).expect(0);
    assert_eq!(world.practice().org().audit().len(), 3);
    let by_id = world.practice().org().org_id();
    world.run_changed(&[&load[..], &["--yes"]].concat(), b"", |command| {
        command.env("LONGSHORE_CONFIRM_ORG", by_id);
    });
    assert_eq!(world.practice().org().audit().len(), 6);
}

#[test]
fn a_practice_org_is_a_production_org_when_asked_to_be() {
    let world = World::of(org());
    accounts(&world, 1);
    let args = ["insert", "Account", "accounts.csv", "-o", "demo"];
    for (production, code) in [("true", 6), ("0", 0)] {
        let asked = world.run_changed(&args, b"", |command| {
            command.env("LONGSHORE_PRODUCTION", production);
        });
        asked.expect(code);
    }
}

#[test]
fn a_removal_from_production_needs_its_rows_too() {
    let world = production();
    stocked(&world, 5);
    for operation in ["delete", "hard-delete"] {
        let load = [operation, "Account", "ids.csv", "--confirm-org", NAME];
        let ran = refused(&world, &load);
        assert!(
            ran.stderr.contains("needs the number of its rows to be confirmed"),
            "{}",
            ran.stderr
        );
        refused(&world, &[&load[..], &["--confirm-rows", "4"]].concat());
        refused(&world, &[&load[..], &["--confirm-rows", "5", "--limit", "4"]].concat());
        let stdin = [operation, "Account", "-", "--confirm-org", NAME, "--confirm-rows", "5"];
        let ran = world.run_with_input(&stdin, world.read("ids.csv").as_bytes()).expect(6);
        assert!(ran.stderr.contains("those of `stdin` cannot be counted"), "{}", ran.stderr);
    }
    let load = ["delete", "Account", "ids.csv", "--confirm-org", NAME, "--skip", "3"];
    let ran = refused(&world, &load);
    insta::assert_snapshot!(said(&ran, &world), @"
    error: delete of 2 rows of `Account` in the production org `Practice Org` (`00D…`) as `admin@practice.example` needs the number of its rows to be confirmed
    hint: `--confirm-org 'Practice Org' --confirm-rows 2` confirms it; `--yes` does not
    ");
    world.run(&[&load[..], &["--confirm-rows", "2", "--run-name", "two"]].concat()).expect(0);
    let manifest: serde_json::Value =
        serde_json::from_str(&world.read("longshore-runs/two/manifest.json")).unwrap();
    assert_eq!(manifest["confirmed"]["rows"], 2);
    assert_eq!(manifest["confirmed"]["org"], world.practice().org().org_id());
}

#[test]
fn the_policy_of_the_project_is_kept() {
    let world = production();
    stocked(&world, 8);
    let id = world.practice().org().org_id();
    let confirmed = ["--confirm-org", NAME, "--confirm-rows", "8", "--yes"];
    for (policy, said) in [
        ("max_rows = 7", "is too much: `max_rows` of `longshore.toml` is 7"),
        ("max_delete_share = '1%'", "`max_delete_share` of `longshore.toml` is 1%"),
        ("allowed_orgs = ['00D8c00000Hn2PqEAJ']", "the org is not in `allowed_orgs`"),
        ("change_window = 'Mon 00:00-00:01 UTC'", "and `change_window` of `longshore.toml` is"),
    ] {
        world.file("longshore.toml", format!("[policy]\n{policy}\n"));
        let ran = refused(&world, &[&["delete", "Account", "ids.csv"][..], &confirmed].concat());
        assert!(ran.stderr.contains(said), "{policy}: {}", ran.stderr);
    }
    world.file("longshore.toml", "[policy]\nmax_rows = 7\n");
    let stdin = ["insert", "Account", "-", "--confirm-org", NAME];
    let ran = world.run_with_input(&stdin, b"Name\nA\n").expect(6);
    assert!(ran.stderr.contains("those of `stdin` cannot be counted"), "{}", ran.stderr);
    world.file("longshore.toml", "[policy]\nmax_row = 7\n");
    let ran = world.run(&["delete", "Account", "ids.csv"]).expect(2);
    assert!(ran.stderr.contains("longshore.toml:2:1: unknown field `max_row`"), "{}", ran.stderr);

    let policy = format!(
        "[policy]\nmax_rows = 8\nmax_delete_share = '100%'\nallowed_orgs = ['{id}']\n\
         change_window = 'daily 00:00-24:00 UTC'\n"
    );
    world.file("longshore.toml", policy);
    world.run(&[&["delete", "Account", "ids.csv"][..], &confirmed].concat()).expect(0);
}

/// Each key of the policy, with all that it says; what it says nothing about passes.
#[test]
fn each_policy_refuses_with_its_own_words() {
    let world = World::of(org());
    accounts(&world, 20);
    world.run(&["insert", "Account", "accounts.csv", "--run-name", "stock"]).expect(0);
    let made = read_csv(&world.path("longshore-runs/stock/out/success.csv"));
    let ids: Vec<&str> = made.iter().take(4).map(|row| row["sf__Id"].as_str()).collect();
    world.file("ids.csv", format!("Id\n{}\n", ids.join("\n")));
    let insert = ["insert", "Account", "accounts.csv", "--yes"];
    let delete = ["delete", "Account", "ids.csv", "--yes"];
    let org = "of `Account` in the org `Practice Org` (`00D…`) as `admin@practice.example`";
    for (policy, load, says) in [
        (
            "max_rows = 19",
            &insert,
            format!(
                "error: insert of 20 rows {org} is too much: `max_rows` of `longshore.toml` is 19\n\
                 hint: if so many rows are meant, raise `max_rows` in `longshore.toml`\n\
                 hint: `--skip` and `--limit` load a part of them"
            ),
        ),
        (
            "max_delete_share = '0.5%'",
            &delete,
            format!(
                "error: delete of 4 rows {org}: the object has N records, and `max_delete_share` \
                 of `longshore.toml` is 0.5%\n\
                 hint: if so many shall go, raise `max_delete_share` in `longshore.toml`"
            ),
        ),
        (
            "allowed_orgs = ['00D8c00000Hn2PqEAJ']",
            &insert,
            format!(
                "error: insert of rows {org}: the org is not in `allowed_orgs` of \
                 `longshore.toml`\nhint: sign in to another org, or add the id of this one"
            ),
        ),
    ] {
        world.file("longshore.toml", format!("[policy]\n{policy}\n"));
        let ran = refused(&world, load);
        let mut told = said(&ran, &world);
        if let Some((head, tail)) = told.clone().split_once("the object has ") {
            let (records, tail) = tail.split_once(' ').unwrap();
            assert!(records.parse::<u64>().unwrap() >= 20, "{told}");
            told = format!("{head}the object has N {tail}");
        }
        assert_eq!(told, says, "{policy}");
    }
    // A window is for production only, and closed for all but a minute of the week.
    let window = "[policy]\nchange_window = 'Mon 00:00-00:01 UTC'\n";
    world.file("longshore.toml", window);
    world.run(&delete).expect(0);
    let world = production();
    accounts(&world, 1);
    world.file("longshore.toml", window);
    let ran = refused(&world, &["insert", "Account", "accounts.csv", "--confirm-org", NAME]);
    let told = said(&ran, &world).replace("the org", "the production org");
    let (head, tail) = told.split_once(": it is ").unwrap();
    let org = org.replace("the org", "the production org");
    assert_eq!(head, format!("error: insert of rows {org}"));
    let (now, tail) = tail.split_once(" there, and ").unwrap();
    assert_eq!(now.len(), "Mon 00:00".len(), "{now}");
    let (window, opens) = tail.split_once("\nhint: it opens on Mon ").unwrap();
    assert_eq!(window, "`change_window` of `longshore.toml` is `Mon 00:00-00:01 UTC`");
    assert!(opens.ends_with(" at 00:00 UTC"), "{opens}");
}

/// An org that does not count its records is no reason to stop, and it is said.
#[test]
fn a_share_that_cannot_be_told_is_a_notice() {
    use crate::world::World as Tenants;
    use longshore::practice::{Tenant, TenantSize};
    let size = TenantSize { users: 5, permissions_each: Some(2) };
    let world = Tenants::with_tenant(Tenant::new(&size));
    let tenant = world.practice().tenant().unwrap();
    let person = tenant.people()[0].id.clone();
    let (api, permission) = tenant.permissions_of(&person)[0].clone();
    let header = "user_id,resource_server_identifier,permission_name";
    world.file("rows.csv", format!("{header}\n{person},{api},{permission}\n"));
    world.file("longshore.toml", "[policy]\nmax_delete_share = '1%'\n");
    let ran = world.run_changed(&["delete", "UserPermission", "rows.csv"], b"", |command| {
        command.env("LONGSHORE_TARGET_KIND", "auth0");
    });
    let ran = ran.expect(0);
    let says = "notice: `max_delete_share` of `longshore.toml` does not hold here: this org does \
                not count `UserPermission`\n";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
}

/// 60 rows in six jobs; those of the third job are in error.
fn failing(world: &World) {
    let line = |row| match row {
        21..=30 => format!("Row {row},0018c00000zzzzz\n"),
        row => format!("Row {row},\n"),
    };
    let lines: Vec<String> = (1..=60).map(line).collect();
    world.file("rows.csv", format!("Name,ParentId\n{}", lines.concat()));
}

#[test]
fn too_many_rows_in_error_stop_the_run_until_somebody_goes_on() {
    let world = World::of(org());
    failing(&world);
    let load = ["insert", "Account", "rows.csv", "--chunk-rows", "10", "--parallel", "1"];
    let more = ["--max-failed", "9", "--run-name", "r"];
    let ran = world.run(&[&load[..], &more].concat()).expect(6);
    insta::assert_snapshot!(said(&ran, &world), @"
    error: insert of rows of `Account` in the org `Practice Org` (`00D…`) as `admin@practice.example`: 10 of the 30 rows so far are in error, and `max_failed` is 9
    hint: `out/error.csv` of the run tells what is wrong with them; no further job is started
    hint: `longshore resume r --yes` sends the rest all the same, `--max-failed N` up to another limit
    ");
    let unprocessed = world.read("longshore-runs/r/out/unprocessed.csv");
    assert!(unprocessed.contains("are in error"), "{unprocessed}");
    let sent = world.practice().org().audit().len();
    assert!((20..50).contains(&sent), "{sent}");

    world.run(&["resume", "r"]).expect(6);
    world.run(&["resume", "r", "--max-failed", "16%"]).expect(6);
    assert_eq!(world.practice().org().audit().len(), sent);
    let ran = world.run(&["resume", "r", "--yes"]).expect(3);
    let says = "notice: `max_failed` does not stop this run any more, as somebody has agreed to\n";
    assert!(ran.stderr.contains(says), "{}", ran.stderr);
    assert_eq!(world.practice().org().audit().len(), 50);
    world.run(&["verify", "r"]).expect(0);
}

#[test]
fn another_limit_goes_on_with_the_run_and_the_last_job_is_not_stopped() {
    let world = World::of(org());
    failing(&world);
    world.file("longshore.toml", "[policy]\nmax_failed = 9\n");
    let load = ["insert", "Account", "rows.csv", "--chunk-rows", "10", "--parallel", "1"];
    world.run(&[&load[..], &["--run-name", "r"]].concat()).expect(6);
    world.run(&["resume", "r", "--max-failed", "10"]).expect(3);
    assert_eq!(world.practice().org().audit().len(), 50);
    // With nothing left to be stopped, the run is over as any other.
    let last = ["insert", "Account", "rows.csv", "--limit", "30", "--chunk-rows", "10", "--yes"];
    world.run(&last).expect(3);
}

#[test]
fn a_confirmed_run_is_not_asked_about_again_and_the_window_is() {
    let world = production();
    failing(&world);
    let load = ["insert", "Account", "rows.csv", "--chunk-rows", "10", "--parallel", "1"];
    let more = ["--max-failed", "9", "--run-name", "r", "--confirm-org", NAME];
    world.run(&[&load[..], &more].concat()).expect(6);
    let sent = world.practice().org().audit().len();
    world.file("longshore.toml", "[policy]\nchange_window = 'Mon 00:00-00:01 UTC'\n");
    let ran = world.run(&["resume", "r", "--yes"]).expect(6);
    assert!(said(&ran, &world).contains("`change_window` of"), "{}", ran.stdout);
    assert_eq!(world.practice().org().audit().len(), sent);
    world.file("longshore.toml", "");
    world.run(&["resume", "r", "--yes"]).expect(3);
    assert_eq!(world.practice().org().audit().len(), 50);

    let ran = world.run(&["retry", "r", "--errors", "all"]).expect(6);
    assert!(ran.stderr.contains("insert of 10 rows of `Account`"), "{}", ran.stderr);
    world.run(&["retry", "r", "--errors", "all", "--confirm-org", NAME]).expect(3);
}

/// Ids of another object never leave the machine, whatever the operation.
#[test]
fn ids_of_another_object_are_never_sent() {
    let world = World::of(org());
    let user = world.practice().org().org_id().replace("00D", "005")[..15].to_owned();
    for (operation, header) in [
        (&["update"][..], "Id,Name"),
        (&["upsert", "-i", "Id"], "Id,Name"),
        (&["delete"], "Id,Remark"),
        (&["hard-delete"], "Id,Remark"),
        (&["insert"], "ParentId,Name"),
    ] {
        world.file("rows.csv", format!("{header}\n{user},x\n{user},y\n"));
        let args = [operation, &["Account", "rows.csv", "--run-name", operation[0]]].concat();
        world.run(&args).expect(3);
        let file = format!("longshore-runs/{}/out/rejected.csv", operation[0]);
        let rejected = read_csv(&world.path(&file));
        assert_eq!(rejected.len(), 2, "{operation:?}");
        assert!(
            rejected.iter().all(|row| row["longshore__code"] == "wrong_object"),
            "{rejected:?}"
        );
    }
    assert_eq!(world.changes(), Vec::<String>::new());
}
