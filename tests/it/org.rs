//! Orgs kept under an alias, on the real binary: signed in to before they are kept, used with `-o`,
//! shown without a secret, forgotten.

use std::process::Command;

use longshore::practice::{Org, SeedSize};

use crate::world::{Ran, World};

const SECRET: &str = "practice-secret";
const CANARY: &str = "c4n4ry-never-to-be-seen";

fn world() -> World {
    World::of(Org::new(&SeedSize { users: 5, permission_sets: 4 }))
}

/// Runs a command whose environment says nothing of an org; secrets come on standard input.
fn run(world: &World, args: &[&str], input: &str) -> Ran {
    run_with(world, args, input, |_| {})
}

fn run_with(world: &World, args: &[&str], input: &str, change: impl FnOnce(&mut Command)) -> Ran {
    world.run_changed(args, input.as_bytes(), |command| {
        command
            .env_remove("LONGSHORE_INSTANCE_URL")
            .env_remove("LONGSHORE_CLIENT_ID")
            .env_remove("LONGSHORE_CLIENT_SECRET")
            .env("LONGSHORE_CONFIG_DIR", world.path("config"));
        change(command);
    })
}

fn login(world: &World, alias: &str, input: &str) -> Ran {
    let origin = world.origin().to_owned();
    let args = [
        "org",
        "login",
        alias,
        "--way",
        "client-credentials",
        "--instance-url",
        &origin,
        "--client-id",
        "practice-client",
    ];
    run(world, &args, input)
}

fn told(ran: &Ran, world: &World) -> String {
    let org = world.practice().org().org_id();
    let text = format!("{}{}", ran.stdout, ran.stderr);
    text.replace(world.origin(), "http://ORG").replace(&org, "00D…").trim_end().to_owned()
}

#[test]
fn an_org_is_kept_used_shown_and_forgotten() {
    let world = world();
    let ran = login(&world, "acme", &format!("{SECRET}\n")).expect(0);
    insta::assert_snapshot!(told(&ran, &world), @"
    signed in to `Practice Org` (00D…) as `admin@practice.example`
    kept as `acme`: use it with `-o acme`
    ");
    let ran = run(&world, &["org", "list"], "").expect(0);
    let words: Vec<&str> = ran.stdout.lines().nth(1).unwrap().split("  ").collect();
    let words: Vec<&str> = words.into_iter().map(str::trim).filter(|w| !w.is_empty()).collect();
    let origin = world.origin();
    assert_eq!(words, ["acme", "Salesforce", origin, "client credentials", "practice-client"]);
    let ran = run(&world, &["org", "show", "acme"], "").expect(0);
    insta::assert_snapshot!(told(&ran, &world), @"
    alias    acme
    kind     Salesforce
    address  http://ORG
    way      client credentials
    app      practice-client
    org      `Practice Org` (00D…) as `admin@practice.example`
    today    99,998 calls left of 100,000
    ");
    let document = run(&world, &["org", "show", "acme", "--json"], "").expect(0);
    let shown: serde_json::Value = serde_json::from_str(&document.stdout).unwrap();
    assert_eq!(shown["org"]["production"], false, "{shown}");

    let query = ["export", "SELECT Name FROM Organization", "-o", "acme"];
    assert!(run(&world, &query, "").expect(0).stdout.contains("Practice Org"));
    for ran in [ran, document] {
        assert!(!told(&ran, &world).contains(SECRET));
    }

    let ran = run(&world, &["org", "logout", "acme"], "").expect(0);
    insta::assert_snapshot!(told(&ran, &world), @"`acme` is forgotten here; what the app may do is taken back in the org itself");
    let ran = run(&world, &query, "").expect(2);
    assert!(ran.stderr.starts_with("error: there is no org `acme`\n"), "{}", ran.stderr);
    assert!(!world.path("config/orgs/acme.toml").exists());
}

#[test]
fn what_does_not_sign_in_is_not_kept() {
    let world = world();
    let ran = login(&world, "acme", &format!("{CANARY}\n")).expect(4);
    assert!(ran.stderr.contains("invalid client credentials"), "{}", ran.stderr);
    assert!(!told(&ran, &world).contains(CANARY), "{}", told(&ran, &world));
    let ran = login(&world, "acme", "").expect(2);
    insta::assert_snapshot!(told(&ran, &world), @"
    error: no client secret is given

    hint: set `LONGSHORE_CLIENT_SECRET`, or give it on the first line of standard input; it is never a flag
    ");
    for alias in ["practice", "a/b", "../a"] {
        login(&world, alias, &format!("{SECRET}\n")).expect(2);
    }
    assert!(!world.path("config").exists());
}

#[test]
fn a_load_into_a_kept_org_can_be_resumed_by_its_alias() {
    let world = world();
    login(&world, "acme", &format!("{SECRET}\n")).expect(0);
    world.file("accounts.csv", "Name\nAnna\nBert\n");
    let load = ["insert", "Account", "accounts.csv", "-o", "acme", "--run-name", "first"];
    run(&world, &load, "").expect(0);
    let manifest: serde_json::Value =
        serde_json::from_str(&world.read("longshore-runs/first/manifest.json")).unwrap();
    assert_eq!(manifest["alias"], "acme");
    assert!(!manifest.to_string().contains(SECRET));
    // Both rows again, by way of the alias that the run remembers.
    run(&world, &["retry", "first", "--errors", "all"], "").expect(2);
    let ran = run(&world, &["resume", "first"], "").expect(2);
    assert!(ran.stderr.starts_with("error: the run `first` is finished"), "{}", ran.stderr);
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_open_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = world();
    login(&world, "acme", &format!("{SECRET}\n")).expect(0);
    let path = world.path("config/orgs/acme.toml");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ran = run(&world, &["objects", "-o", "acme"], "").expect(2);
    assert!(ran.stderr.contains("others may open it (mode 0644)"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(&format!("hint: chmod 600 '{}'", path.display())),
        "{}",
        ran.stderr
    );
}

/// A program that answers as the Salesforce CLI does, in a folder of its own.
#[cfg(unix)]
fn fake_sf(world: &World, token: &str, shown: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in\n\
         'org auth show-access-token --target-org acme --json') {token} ;;\n\
         'org display --target-org acme --json') echo '{{\"status\":0,\"result\":{{\
         \"id\":\"00D\",\"accessToken\":\"{shown}\",\"instanceUrl\":\"{}\",\
         \"username\":\"jo@acme.example\",\"clientId\":\"PlatformCLI\"}},\"warnings\":[]}}' ;;\n\
         *) echo '{{\"status\":1,\"name\":\"NamedOrgNotFoundError\",\"message\":\"No \
         authorization information found for nobody.\",\"exitCode\":1}}'; exit 1 ;;\nesac\n",
        world.origin()
    );
    let path = world.file("bin/sf", text);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(unix)]
fn from_sf(world: &World, alias: &str) -> Ran {
    let path = format!("{}:/usr/bin:/bin", world.path("bin").display());
    let args = ["org", "login", "here", "--from-sf", alias];
    run_with(world, &args, "", |command| {
        command.env("PATH", path);
    })
}

#[cfg(unix)]
#[test]
fn the_salesforce_cli_gives_a_token_and_an_old_one_shows_it() {
    let world = world();
    let live = world.practice().issue_token();
    let given = format!("echo '{{\"status\":0,\"result\":{{\"accessToken\":\"{live}\"}}}}'");
    let none = "echo '{\"status\":1,\"message\":\"not a command\"}'; exit 1";
    let redacted = "[REDACTED] Use another command to view";
    for (token, shown) in [(given.as_str(), redacted), (none, &live)] {
        fake_sf(&world, token, shown);
        let ran = from_sf(&world, "acme").expect(0);
        assert!(ran.stdout.contains("kept as `here`"), "{}", ran.stdout);
        assert!(!world.read("config/orgs/here.toml").contains(&live));
        assert!(!told(&ran, &world).contains(&live));
    }
    fake_sf(&world, none, redacted);
    let ran = from_sf(&world, "acme").expect(4);
    insta::assert_snapshot!(told(&ran, &world), @"
    error: the Salesforce CLI shows no token

    hint: bring it up to date: one with `sf org auth show-access-token` is needed
    ");
    let ran = from_sf(&world, "nobody").expect(4);
    insta::assert_snapshot!(told(&ran, &world), @"
    error: the Salesforce CLI cannot `org display`: No authorization information found for nobody.

    hint: `sf org display --target-org nobody` shows whether it is signed in; `sf org login web --alias nobody` signs in
    ");
    std::fs::remove_file(world.path("bin/sf")).unwrap();
    let ran = from_sf(&world, "acme").expect(2);
    assert!(ran.stderr.starts_with("error: cannot start `sf`: "), "{}", ran.stderr);
}
