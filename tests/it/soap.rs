//! Signing in with a password, on the real binary and the practice org's SOAP.

use std::process::Command;

use longshore::practice::switches::Switches;
use longshore::practice::{Org, SeedSize};

use crate::world::{Ran, World};

const NOTICE: &str = "notice: SOAP `login()` ends with Summer '27";

fn world(switches: Switches) -> World {
    World::of(Org::new(&SeedSize { users: 5, permission_sets: 4 }).with_switches(switches))
}

/// Runs a command that knows the org by a password only.
fn run(world: &World, args: &[&str], password: &str, change: impl FnOnce(&mut Command)) -> Ran {
    world.run_changed(args, &[], |command| {
        command
            .env_remove("LONGSHORE_CLIENT_ID")
            .env_remove("LONGSHORE_CLIENT_SECRET")
            .env("LONGSHORE_USERNAME", "admin@practice.example")
            .env("LONGSHORE_PASSWORD", password)
            .env("LONGSHORE_CONFIG_DIR", world.path("config"));
        change(command);
    })
}

#[test]
fn a_password_signs_in_and_each_use_is_answered_with_one_notice() {
    let world = world(Switches { security_token: "t0k3n".to_owned(), ..Switches::default() });
    world.file("accounts.csv", "Name\nAnna\nBert\n");
    for args in [
        &["insert", "Account", "accounts.csv"][..],
        &["export", "SELECT Name FROM Organization"],
        &["objects"],
        &["describe", "Account"],
        &["check", "Account", "accounts.csv", "--operation", "insert"],
    ] {
        let ran = run(&world, args, "practicet0k3n", |_| ()).expect(0);
        assert_eq!(ran.stderr.matches(NOTICE).count(), 1, "{args:?}: {}", ran.stderr);
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("t0k3n"), "{args:?}");
    }
}

#[test]
fn it_is_kept_under_an_alias_and_never_shown() {
    let world = world(Switches::default());
    let origin = world.origin().to_owned();
    let login = [
        "org",
        "login",
        "old",
        "--way",
        "password",
        "--instance-url",
        &origin,
        "--username",
        "admin@practice.example",
    ];
    let ran = run(&world, &login, "practice", |_| ()).expect(0);
    assert!(ran.stdout.contains("kept as `old`"), "{}", ran.stdout);
    assert_eq!(ran.stderr.matches(NOTICE).count(), 1, "{}", ran.stderr);
    let alone = |command: &mut Command| {
        command
            .env_remove("LONGSHORE_USERNAME")
            .env_remove("LONGSHORE_PASSWORD")
            .env_remove("LONGSHORE_INSTANCE_URL");
    };
    let ran = run(&world, &["org", "show", "old"], "", alone).expect(0);
    assert!(ran.stdout.contains("SOAP login"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("practice\n"), "{}", ran.stdout);
    let query = ["export", "SELECT Name FROM Organization", "-o", "old"];
    assert!(run(&world, &query, "", alone).expect(0).stdout.contains("Practice Org"));
}

#[test]
fn what_the_org_refuses_ends_with_exit_code_4_and_is_asked_once() {
    let token = || "t0k3n".to_owned();
    for (switches, password, code, hint) in [
        (Switches::default(), "wrong", "INVALID_LOGIN", "security token"),
        (
            Switches { security_token: token(), ..Switches::default() },
            "practice",
            "LOGIN_MUST_USE_SECURITY_TOKEN",
            "Reset My Security Token",
        ),
        (
            Switches { soap_login: false, ..Switches::default() },
            "practice",
            "INVALID_OPERATION",
            "--way jwt",
        ),
        (
            Switches { password_expired: true, ..Switches::default() },
            "practice",
            "password has expired",
            "new password",
        ),
    ] {
        let world = world(switches);
        let ran = run(&world, &["objects"], password, |_| ()).expect(4);
        assert!(ran.stderr.contains(code), "{}", ran.stderr);
        assert!(ran.stderr.contains(hint), "{}", ran.stderr);
        let requests = world.practice().org().audit().requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
    }
}
