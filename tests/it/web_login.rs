//! Signing in with a browser on the real binary, with a small HTTP client for a browser; and the
//! refresh token that comes of it: renewed, replaced, revoked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use longshore::practice::mischief::{Fault, Rule};
use longshore::practice::{Application, Org, SeedSize, TokenRefusal};

use crate::world::{Ran, World};

const QUERY: [&str; 4] = ["export", "SELECT Name FROM Organization", "-o", "acme"];

fn world() -> World {
    World::of(Org::new(&SeedSize { users: 5, permission_sets: 4 }))
}

fn set_up(world: &World, change: impl FnOnce(&mut Application)) {
    let mut application = world.practice().application();
    change(&mut application);
    world.practice().set_application(application);
}

/// A command whose environment says nothing of an org.
fn command(world: &World, args: &[&str]) -> Command {
    let mut command = world.command(args);
    command
        .env_remove("LONGSHORE_INSTANCE_URL")
        .env_remove("LONGSHORE_CLIENT_ID")
        .env_remove("LONGSHORE_CLIENT_SECRET")
        .env("LONGSHORE_CONFIG_DIR", world.path("config"));
    command
}

fn run(world: &World, args: &[&str]) -> Ran {
    Ran::of(&command(world, args).output().unwrap())
}

/// A sign-in that waits for its browser.
struct Waiting {
    child: Child,
    said: String,
    address: String,
}

impl Waiting {
    fn start(world: &World, change: impl FnOnce(&mut Command)) -> Self {
        let origin = world.origin();
        let args = ["org", "login", "acme", "--web", "--no-browser", "--callback-port", "0"];
        let mut command = command(world, &args);
        command.args(["--login-url", origin, "--client-id", "practice-client"]);
        change(&mut command);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut said, mut address) = (String::new(), None);
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        while !said.contains("waiting for the browser") {
            let mut line = String::new();
            assert_ne!(lines.read_line(&mut line).unwrap(), 0, "{said}");
            if let Some(found) = line.strip_prefix("  http") {
                address = Some(format!("http{}", found.trim_end()));
            }
            said.push_str(&line);
        }
        child.stderr = Some(lines.into_inner());
        Self { child, said, address: address.unwrap() }
    }

    fn end(mut self) -> Ran {
        let mut rest = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut rest).unwrap();
        let output = self.child.wait_with_output().unwrap();
        Ran { stderr: self.said + &rest, ..Ran::of(&output) }
    }
}

/// What a browser would do with an address: status, where it is sent, page.
pub fn get(address: &str) -> (u16, Option<String>, String) {
    let url = url::Url::parse(address).unwrap();
    let (host, port) = (url.host_str().unwrap(), url.port().unwrap());
    // The callback listens on 127.0.0.1 at least.
    let number = if host == "localhost" { "127.0.0.1" } else { host };
    let mut stream = TcpStream::connect((number, port)).unwrap();
    let query = url.query().unwrap_or_default();
    let head = format!(
        "GET {}?{query} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n",
        url.path()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let status = text.split(' ').nth(1).unwrap().parse().unwrap();
    let location = text.lines().find_map(|line| line.strip_prefix("location: "));
    (status, location.map(str::to_owned), text.clone())
}

/// Signs in to the end.
fn sign_in(world: &World) -> Ran {
    let waiting = Waiting::start(world, |_| ());
    let (status, back, page) = get(&waiting.address);
    assert_eq!(status, 302, "{page}");
    let (status, _, page) = get(&back.unwrap());
    assert!(status == 200 && page.contains("You can close this window"), "{page}");
    waiting.end()
}

fn kept_token(world: &World) -> String {
    let file: toml::Table = world.read("config/orgs/acme.toml").parse().unwrap();
    file["sign_in"]["refresh_token"].as_str().unwrap().to_owned()
}

/// All sessions end with such requests, so many times; 0 is always.
fn expire(world: &World, method: &str, path: &str, times: u64) {
    world.practice().mischief().add(Rule {
        method: method.to_owned(),
        path: path.to_owned(),
        nth: 1,
        times,
        fault: Fault::ExpireSessions,
    });
}

/// No token, code or secret in what was said.
fn check_silence(world: &World, ran: &Ran) {
    let text = format!("{}{}", ran.stdout, ran.stderr);
    for secret in world.practice().issued() {
        assert!(!text.contains(&secret), "{secret} in\n{text}");
    }
}

#[test]
fn a_browser_signs_in_once_and_the_org_is_used_from_then_on() {
    let world = world();
    set_up(&world, |application| application.requires_pkce = true);
    let ran = sign_in(&world).expect(0);
    assert!(ran.stdout.contains("kept as `acme`"), "{}", ran.stdout);
    assert!(ran.stderr.starts_with("sign in to `127.0.0.1` in the browser"), "{}", ran.stderr);
    check_silence(&world, &ran);
    assert!(world.practice().is_good(&kept_token(&world)));
    let ran = run(&world, &QUERY).expect(0);
    assert!(ran.stdout.contains("Practice Org"), "{}", ran.stdout);
    let ran = run(&world, &["org", "show", "acme"]).expect(0);
    assert!(ran.stdout.contains("way      refresh token"), "{}", ran.stdout);
    check_silence(&world, &ran);
}

#[test]
fn an_app_that_wants_its_secret_gets_it_from_the_environment() {
    let world = world();
    set_up(&world, |application| application.requires_secret = true);
    for (secret, code, told) in
        [(None, 4, "`LONGSHORE_CLIENT_SECRET` set"), (Some("practice-secret"), 0, "")]
    {
        let waiting = Waiting::start(&world, |command| {
            command.envs(secret.map(|secret| ("LONGSHORE_CLIENT_SECRET", secret)));
        });
        get(&get(&waiting.address).1.unwrap());
        let ran = waiting.end().expect(code);
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
    run(&world, &QUERY).expect(0);
}

/// What the org says no to, and what is told of it; nothing is kept then.
#[test]
fn what_the_org_refuses_is_told_and_nothing_is_kept() {
    type Change = fn(&mut Application);
    let refused: [(Change, &str, &str); 3] = [
        (
            |app| app.user_denies = true,
            "end-user denied authorization (`access_denied`)",
            "said no",
        ),
        (|app| app.may_refresh = false, "not allowed (`invalid_scope`)", "scopes `api` and"),
        (
            |app| {
                app.refuses = Some(TokenRefusal {
                    status: 400,
                    error: "invalid_grant".to_owned(),
                    description: "ip restricted".to_owned(),
                });
            },
            "ip restricted (`invalid_grant`, status 400)",
            "outside the ranges",
        ),
    ];
    for (change, message, hint) in refused {
        let world = world();
        set_up(&world, change);
        let waiting = Waiting::start(&world, |_| ());
        get(&get(&waiting.address).1.unwrap());
        let ran = waiting.end().expect(4);
        assert!(ran.stderr.contains(message), "{}", ran.stderr);
        assert!(ran.stderr.contains(hint), "{}", ran.stderr);
        check_silence(&world, &ran);
        assert!(!world.path("config/orgs/acme.toml").exists());
    }
}

/// The org shows a page of its own and sends nobody back; the person then gives up.
#[test]
fn a_callback_that_the_app_does_not_know_is_not_gone_to() {
    let world = world();
    set_up(&world, |application| {
        application.callback_urls = vec!["http://localhost:7171/OauthRedirect".to_owned()];
    });
    let mut waiting = Waiting::start(&world, |_| ());
    let (status, back, page) = get(&waiting.address);
    assert_eq!((status, back), (400, None), "{page}");
    assert!(page.contains("redirect_uri_mismatch"), "{page}");
    waiting.child.kill().unwrap();
    waiting.end();
}

/// A code that was spent, stolen or kept too long is good for nothing.
#[test]
fn a_code_is_good_once_for_its_own_sign_in_and_not_for_long() {
    let world = world();
    // Another page puts in its own answer: the state is not that of this sign-in.
    let (one, other) = (Waiting::start(&world, |_| ()), Waiting::start(&world, |_| ()));
    let back = get(&other.address).1.unwrap();
    let port = |address: &str| {
        let url = url::Url::parse(address).unwrap();
        let back = url.query_pairs().find(|(key, _)| key == "redirect_uri").unwrap().1;
        url::Url::parse(&back).unwrap().port().unwrap()
    };
    let stolen = back.replace(&port(&other.address).to_string(), &port(&one.address).to_string());
    let (status, _, page) = get(&stolen);
    assert!(status == 400 && page.contains("does not belong"), "{page}");
    // With the right state it is taken, and refused by the org: the address, and else the verifier.
    let state = |address: &str| {
        let url = url::Url::parse(address).unwrap();
        url.query_pairs().find(|(key, _)| key == "state").unwrap().1.into_owned()
    };
    get(&stolen.replace(&state(&other.address), &state(&one.address)));
    let ran = one.end().expect(4);
    assert!(ran.stderr.contains("redirect_uri must match"), "{}", ran.stderr);

    set_up(&world, |application| application.code_seconds = 60);
    let late = Waiting::start(&world, |_| ());
    let back = get(&late.address).1.unwrap();
    world.practice().clock().advance_ms(61_000);
    get(&back);
    let ran = late.end().expect(4);
    assert!(ran.stderr.contains("expired authorization code"), "{}", ran.stderr);
    assert!(ran.stderr.contains("sign in again"), "{}", ran.stderr);

    // The one that was stolen from is not hurt.
    get(&get(&other.address).1.unwrap());
    other.end().expect(0);
}

#[test]
fn a_refresh_token_that_is_replaced_at_each_use_is_kept_each_time() {
    let world = world();
    set_up(&world, |application| application.rotates_refresh_tokens = true);
    sign_in(&world).expect(0);
    let mut seen = vec![kept_token(&world)];
    for _ in 0..3 {
        run(&world, &QUERY).expect(0);
        let token = kept_token(&world);
        assert!(world.practice().is_good(&token) && !seen.contains(&token), "{token} {seen:?}");
        seen.push(token);
    }
    // A session that ends in the middle of a load is renewed, and the token kept again.
    expire(&world, "POST", "*/jobs/ingest", 1);
    world.file("accounts.csv", "Name\nAnna\nBert\n");
    run(&world, &["insert", "Account", "accounts.csv", "-o", "acme"]).expect(0);
    let token = kept_token(&world);
    assert!(world.practice().is_good(&token) && !seen.contains(&token));
    for token in seen {
        assert!(!world.practice().is_good(&token));
    }
}

#[test]
fn two_at_once_do_not_lose_the_token_between_them() {
    let world = world();
    set_up(&world, |application| application.rotates_refresh_tokens = true);
    sign_in(&world).expect(0);
    let start = |_| {
        let mut command = command(&world, &QUERY);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children: Vec<Child> = (0..6).map(start).collect();
    for child in children {
        Ran::of(&child.wait_with_output().unwrap()).expect(0);
    }
    assert!(world.practice().is_good(&kept_token(&world)));
}

/// Killed at each change on the disk of a sign-in that replaces the token: what is kept then is the
/// old one or the new one, and only in the moments between answer and disk is it the old one.
#[test]
fn a_kill_while_the_token_is_replaced_costs_it_at_most_in_the_moment_of_the_answer() {
    let world = world();
    set_up(&world, |application| application.rotates_refresh_tokens = true);
    sign_in(&world).expect(0);
    let mut kills = 0;
    let mut signed_out = 0;
    for nth in 1..40 {
        let ran = Ran::of(
            &command(&world, &QUERY)
                .env("LONGSHORE_FAULTS", format!("any@orgs:{nth}:kill"))
                .output()
                .unwrap(),
        );
        let token = kept_token(&world);
        if ran.code == 0 {
            break;
        }
        kills += 1;
        if !world.practice().is_good(&token) {
            // The org has replaced it, and the process died before it could be written.
            signed_out += 1;
            let ran = run(&world, &QUERY).expect(4);
            assert!(ran.stderr.contains("org login ALIAS --web"), "{}", ran.stderr);
            sign_in(&world).expect(0);
        }
    }
    assert!(kills >= 8 && signed_out < kills, "{kills} {signed_out}");
    run(&world, &QUERY).expect(0);
}

#[test]
fn a_token_of_the_environment_that_is_replaced_goes_on_for_this_run_and_is_told() {
    let world = world();
    set_up(&world, |application| application.rotates_refresh_tokens = true);
    let token = world.practice().issue_refresh_token();
    expire(&world, "POST", "*/jobs/ingest", 1);
    world.file("accounts.csv", "Name\nAnna\nBert\n");
    let load = |token: &str| {
        let mut command = world.command(&["insert", "Account", "accounts.csv", "--yes"]);
        command.env_remove("LONGSHORE_CLIENT_SECRET").env("LONGSHORE_REFRESH_TOKEN", token);
        Ran::of(&command.output().unwrap())
    };
    let ran = load(&token).expect(0);
    assert!(
        ran.stderr.contains("the one in `LONGSHORE_REFRESH_TOKEN` is used up"),
        "{}",
        ran.stderr
    );
    check_silence(&world, &ran);
    let ran = load(&token).expect(4);
    assert!(ran.stderr.contains("the refresh token has ended"), "{}", ran.stderr);
}

#[test]
fn logout_revokes_and_says_so_or_says_why_not() {
    let world = world();
    sign_in(&world).expect(0);
    let token = kept_token(&world);
    let ran = run(&world, &["org", "logout", "acme"]).expect(0);
    assert_eq!(ran.stdout, "`acme` is forgotten here; its refresh token is revoked\n");
    assert!(!world.practice().is_good(&token));
    run(&world, &QUERY).expect(2);

    sign_in(&world).expect(0);
    set_up(&world, |application| application.revokes = false);
    let ran = run(&world, &["org", "logout", "acme", "--json"]).expect(1);
    let told: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&told["forgotten"], &told["revoked"]), (&true.into(), &false.into()), "{told}");
    assert!(ran.stderr.contains("cannot revoke the refresh token"), "{}", ran.stderr);
    assert!(ran.stderr.contains("Connected Apps OAuth Usage"), "{}", ran.stderr);
    check_silence(&world, &ran);
    assert!(!world.path("config/orgs/acme.toml").exists());
}

/// The program named by `BROWSER` gets the address and none of our secrets.
#[cfg(unix)]
#[test]
fn the_browser_is_started_with_the_address_and_without_secrets() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = world();
    let script = "#!/bin/sh\nenv > env.txt\necho \"$1\" > address.part\nmv address.part address\n";
    let path = world.file("bin/browser", script);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let origin = world.origin();
    let args = ["org", "login", "acme", "--web", "--callback-port", "0", "--login-url", origin];
    let mut command = command(&world, &args);
    command
        .args(["--client-id", "practice-client"])
        .env("BROWSER", &path)
        .env("PATH", "/usr/bin:/bin")
        .env("LONGSHORE_CLIENT_SECRET", "practice-secret")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let (_keep, never) = std::sync::mpsc::sync_channel::<()>(0);
    while !world.path("address").exists() {
        let _waited = never.recv_timeout(std::time::Duration::from_millis(5)).is_err();
    }
    get(&get(world.read("address").trim()).1.unwrap());
    Ran::of(&child.wait_with_output().unwrap()).expect(0);
    let environment = world.read("env.txt");
    assert!(environment.contains("PATH=") && !environment.contains("practice-secret"));
}

/// Nothing heals a session that ends with each call; the load stops and says so.
#[test]
fn a_session_that_never_lasts_stops_the_load_with_the_way_out() {
    for (method, path) in [
        ("POST", "*/jobs/ingest"),
        ("PUT", "*/batches"),
        ("PATCH", "*/jobs/ingest/*"),
        ("GET", "*/jobs/ingest/*"),
    ] {
        let world = world();
        expire(&world, method, path, 0);
        world.file("accounts.csv", "Name\nAnna\nBert\n");
        let ran = world.run(&["insert", "Account", "accounts.csv"]).expect(4);
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(told.contains("a new token was refused, too"), "{method} {told}");
        assert!(told.contains("longshore resume"), "{method} {told}");
        let tokens = world.practice().issued().len();
        assert!(tokens < 10, "{method}: {tokens} sign-ins");
    }
}
