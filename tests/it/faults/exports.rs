//! Exports under mischief: pages that are cut, readers that go away, and other hosts.

use std::io::Read;
use std::process::Stdio;

use longshore::practice::mischief::{Fault, Length, Rule};
use longshore::practice::{Org, SeedSize};

use super::{Stage, answer, each, rule};
use crate::door::{Asked, Door, Told};
use crate::world::read_csv;

/// More users than a REST page has.
pub fn many_users() -> Org {
    Org::new(&SeedSize { users: 4_500, permission_sets: 8 })
}

/// A door that makes pages of 1,000 rows.
fn small_pages() -> Door {
    Door::plain().asking(|path| {
        path.contains("maxRecords=").then(|| path.replace("maxRecords=100000", "maxRecords=1000"))
    })
}

const QUERY: &str = "SELECT Id, Username, Profile.Name FROM User";
const EXPORT: [&str; 4] = ["export", QUERY, "--output", "users.csv"];

#[test]
fn a_page_that_goes_wrong_is_read_again() {
    let cut = |length, bytes| Fault::Truncate { bytes, length };
    let page = "*/results";
    let nth = |nth, fault| Rule { nth, ..rule("GET", page, fault) };
    let cases: Vec<(String, Rule)> = [
        ("first page cut, length promised", nth(1, cut(Length::Lying, 5_000))),
        ("first page cut, no length", nth(1, cut(Length::Missing, 5_000))),
        ("third page cut, no length", nth(3, cut(Length::Missing, 5_000))),
        ("last page empty", nth(5, cut(Length::Missing, 0))),
        ("a page lost", nth(2, Fault::LoseAnswer { effect: true })),
        ("a page is HTML", nth(4, Fault::HtmlOk)),
        ("session expired", nth(3, Fault::ExpireSessions)),
        ("503", nth(2, answer(503, "SERVER_UNAVAILABLE", "down"))),
        (
            "the answer to the start is lost",
            rule("POST", "*/jobs/query", Fault::LoseAnswer { effect: true }),
        ),
        ("a poll is lost", rule("GET", "*/jobs/query/*", Fault::LoseAnswer { effect: false })),
        ("the count is lost", rule("GET", "*/query", Fault::LoseAnswer { effect: false })),
    ]
    .map(|(name, rule)| (name.to_owned(), rule))
    .into();
    each(&cases, |rule| {
        let stage = Stage::of(many_users(), small_pages()).mischief(std::slice::from_ref(rule));
        let ran = stage.world.run(&[&EXPORT[..], &["-vv", "--json"][..]].concat()).expect(0);
        let summary: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        let rows = read_csv(&stage.world.path("users.csv"));
        let users =
            stage.world.practice().org().query(QUERY, longshore::practice::org::QueryScope::Live);
        let users = users.unwrap();
        assert_eq!(
            (rows.len(), summary["rows"].as_u64()),
            (users.rows.len(), Some(rows.len() as u64))
        );
        let names: std::collections::BTreeSet<_> =
            rows.iter().map(|row| &row["Username"]).collect();
        assert_eq!(names.len(), rows.len(), "a row came twice");
        assert!(rows.iter().all(|row| !row["Profile.Name"].is_empty()));
        for (rule, fired) in stage.world.practice().mischief().fired() {
            assert!(fired > 0, "{rule:?}");
        }
        stage.check_secrets(&ran);
    });
}

#[test]
fn a_page_that_stays_cut_fails_the_export_and_leaves_nothing() {
    let cut = Fault::Truncate { bytes: 5_000, length: Length::Missing };
    let stage = Stage::of(many_users(), small_pages());
    let stage = stage.mischief(&[Rule { times: 0, nth: 3, ..rule("GET", "*/results", cut) }]);
    let ran = stage.world.run(&EXPORT).expect(1);
    assert!(ran.stderr.contains("was cut 4 times"), "{}", ran.stderr);
    let left: Vec<_> = std::fs::read_dir(stage.world.path("")).unwrap().collect();
    assert_eq!(left.len(), 1, "only the accounts are left: {left:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for args in [
        &["export", QUERY, "--output", "-"][..],
        &["insert", "Account", "accounts.csv", "--json"],
        &["describe", "Account"],
        &["objects", "--json"],
    ] {
        let stage = Stage::of(many_users(), Door::plain());
        let mut command = stage.world.command(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}: {said}");
        assert!(!said.contains("panicked") && !said.contains("error:"), "{said}");
    }
}

/// Somebody else's server: it must never be spoken to.
struct Stranger {
    listener: std::net::TcpListener,
}

impl Stranger {
    fn new() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener }
    }

    fn address(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    fn assert_left_alone(&self) {
        assert!(self.listener.accept().is_err(), "a connection was made to the other host");
    }
}

#[test]
fn a_redirect_to_another_host_is_not_followed() {
    let phases = [
        ("token", "POST", "/oauth2/token", 4),
        ("describe", "GET", "/describe", 1),
        ("create", "POST", "/jobs/ingest", 1),
        ("upload", "PUT", "/batches", 1),
        ("results", "GET", "/successfulResults", 1),
    ];
    let mut cases = Vec::new();
    for (name, method, end, code) in phases {
        for status in [301, 302, 307, 308] {
            cases.push((format!("{name}: {status}"), (method, end, status, code)));
        }
    }
    each(&cases, |(method, end, status, code)| {
        let stranger = Stranger::new();
        let (method, end, status) = (*method, *end, *status);
        let address = stranger.address();
        let door = Door::telling(move |asked: &Asked, told: &mut Told| {
            let hit = asked.is(method, end);
            if hit {
                told.say(status, "");
                told.header("location", &format!("{address}{}", asked.path));
            }
            hit
        });
        let stage = Stage::with(door);
        let (ran, _) = stage.world.load(&["insert", "Account", "accounts.csv", "-vv"]);
        let ran = ran.expect(*code);
        assert!(ran.stdout.contains("sends us elsewhere"), "{}", ran.stdout);
        assert!(stage.door.struck() > 0);
        stranger.assert_left_alone();
        stage.check_once();
        stage.check_secrets(&ran);
    });
}

#[test]
fn addresses_on_another_host_are_not_gone_to() {
    let stranger = Stranger::new();
    let address = stranger.address();
    let door = Door::telling(move |asked: &Asked, told: &mut Told| {
        let hit = asked.is("POST", "/oauth2/token");
        if hit {
            told.json(|token| token["instance_url"] = address.clone().into());
        }
        hit
    });
    let stage = Stage::with(door);
    assert_ne!(stage.world.origin(), stranger.address());
    let (ran, _) = stage.world.load(&["insert", "Account", "accounts.csv", "-vv"]);
    let ran = ran.expect(4);
    assert!(ran.stderr.contains("the sign-in points us to"), "{}", ran.stderr);
    stage.check_secrets(&ran);
    stranger.assert_left_alone();

    let address = stranger.address();
    let door = Door::telling(move |asked: &Asked, told: &mut Told| {
        let hit = asked.method == "GET" && asked.path.contains("/query?q=SELECT+Id");
        if hit {
            told.json(|page| {
                page["done"] = false.into();
                page["nextRecordsUrl"] = format!("{address}/services/data/v62.0/query/01g").into();
            });
        }
        hit
    });
    let stage = Stage::with(door);
    let ran = stage.world.run(&["export", "SELECT Id FROM User", "--output", "u.csv"]).expect(1);
    assert!(ran.stderr.contains("and we do not go there"), "{}", ran.stderr);
    assert!(stage.door.struck() > 0 && !stage.world.path("u.csv").exists());
    stranger.assert_left_alone();
}

#[test]
fn deleted_rows_come_with_all_and_not_without() {
    let stage = Stage::new();
    let (_, made) = stage.world.load(&["insert", "Account", "accounts.csv"]);
    let success = made["files"]["success"].as_str().unwrap();
    let ids: String = read_csv(&stage.world.path(success))
        .iter()
        .take(15)
        .fold("Id\n".to_owned(), |all, row| all + &row["sf__Id"] + "\n");
    stage.world.file("ids.csv", ids);
    let (ran, _) = stage.world.load(&["delete", "Account", "ids.csv"]);
    ran.expect(0);
    let rows = |extra: &[&str]| {
        let query = "SELECT Id, IsDeleted FROM Account WHERE Name LIKE 'Mill %'";
        let args = [&["export", query, "--output", "mills.csv"], extra].concat();
        stage.world.run(&args).expect(0);
        read_csv(&stage.world.path("mills.csv"))
    };
    assert_eq!(rows(&[]).len(), 25);
    let all = rows(&["--all"]);
    assert_eq!(all.len(), 40);
    assert_eq!(all.iter().filter(|row| row["IsDeleted"] == "true").count(), 15);
}

/// The most memory that a process has had so far, in KiB.
#[cfg(target_os = "linux")]
fn peak_kib(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(target_os = "linux")]
#[test]
fn two_hundred_thousand_rows_take_no_more_memory_than_twenty_thousand() {
    let peak = |users: u32| {
        let org = Org::new(&SeedSize { users, permission_sets: 8 });
        let stage = Stage::of(org, Door::plain().zipping());
        let mut command = stage.world.command(&EXPORT);
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let (_keep, never) = std::sync::mpsc::sync_channel::<()>(0);
        let mut most = 0;
        while child.try_wait().unwrap().is_none() {
            most = peak_kib(child.id()).map_or(most, |kib| kib.max(most));
            let _waited = never.recv_timeout(std::time::Duration::from_millis(5)).is_err();
        }
        assert!(child.wait().unwrap().success());
        let text = stage.world.read("users.csv");
        assert!(text.lines().count() > users as usize);
        most
    };
    let (small, large) = (peak(20_000), peak(200_000));
    println!("peak memory: {small} KiB for 20,000 rows, {large} KiB for 200,000");
    assert!(large < 64 << 10, "{large} KiB");
    assert!(large < small + (6 << 10), "{small} KiB for 20,000 rows and {large} KiB for 200,000");
}
