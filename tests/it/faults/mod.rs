//! Loads and exports under mischief: whatever breaks, every row ends once and none is sent twice.

mod answers;
mod disk;
mod exports;
mod jobs;
mod odd;
mod signals;
mod spelling;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};

use longshore::practice::mischief::{Fault, Rule};
use longshore::practice::org::Value;
use longshore::practice::{CLIENT_SECRET, Org, SeedSize};

use crate::door::Door;
use crate::world::{Ran, World};

/// Cases that run at the same time; they mostly wait.
const AT_ONCE: usize = 8;

/// Rows of the usual file.
pub const ROWS: usize = 40;

/// Loads that file in two jobs.
pub const LOAD: [&str; 5] = ["insert", "Account", "accounts.csv", "--chunk-rows", "20"];

/// A rule that strikes the first such request.
pub fn rule(method: &str, path: &str, fault: Fault) -> Rule {
    Rule { method: method.to_owned(), path: path.to_owned(), nth: 1, times: 1, fault }
}

pub fn always(method: &str, path: &str, fault: Fault) -> Rule {
    Rule { times: 0, ..rule(method, path, fault) }
}

/// An answer with a status and the code that usually comes with it.
pub fn answer(status: u16, code: &str, message: &str) -> Fault {
    Fault::Answer {
        status,
        code: code.to_owned(),
        message: message.to_owned(),
        body: longshore::practice::mischief::BodyKind::Json,
        retry_after: None,
        effect: false,
    }
}

/// Rows by verdict: success, error, unprocessed, unknown.
pub type Ends = [u64; 4];

/// What a load under mischief came to.
pub struct Outcome {
    pub ran: Ran,
    pub summary: serde_json::Value,
}

impl Outcome {
    pub fn ends(&self) -> Ends {
        ["success", "error", "unprocessed", "unknown"]
            .map(|verdict| self.summary["rows"][verdict].as_u64().unwrap())
    }

    pub fn failure(&self) -> &str {
        self.summary["failure"]["message"].as_str().unwrap_or_default()
    }

    /// Fails unless code and rows are these.
    pub fn expect(self, code: i32, ends: Ends) -> Self {
        let came = (self.ran.code, self.ends());
        let why = (self.failure(), &self.summary["errors"]);
        assert_eq!(came, (code, ends), "{why:?}");
        self
    }
}

/// A world behind a door, with a file of accounts.
pub struct Stage {
    pub world: World,
    pub door: Arc<Door>,
}

impl Stage {
    pub fn new() -> Self {
        Self::with(Door::plain())
    }

    pub fn with(door: Door) -> Self {
        Self::of(Org::new(&SeedSize { users: 20, permission_sets: 8 }), door)
    }

    pub fn of(org: Org, door: Door) -> Self {
        let door = Arc::new(door);
        let world = World::behind(org, &door);
        world.file("accounts.csv", accounts(ROWS));
        Self { world, door }
    }

    pub fn mischief(self, rules: &[Rule]) -> Self {
        for rule in rules {
            self.world.practice().mischief().add(rule.clone());
        }
        self
    }

    /// Runs the usual load; the accounting, the mischief, doubled rows and secrets are checked.
    pub fn load(&self) -> Outcome {
        self.load_with(&LOAD)
    }

    pub fn load_with(&self, args: &[&str]) -> Outcome {
        let (ran, summary) =
            self.world.load(&[args, &["-vv", "--log-format", "json"][..]].concat());
        for (rule, fired) in self.world.practice().mischief().fired() {
            assert!(fired > 0, "never struck: {rule:?}\n{summary:#}");
        }
        self.check_once();
        self.check_secrets(&ran);
        Outcome { ran, summary }
    }

    /// Promise 2: no row is started twice. Names and keys are unique in every file of these tests.
    pub fn check_once(&self) {
        let mut seen: BTreeMap<String, u64> = BTreeMap::new();
        for entry in self.world.practice().org().audit().entries_since(0) {
            let text = |name: &str| match entry.fields.iter().find(|(field, _)| *field == name) {
                Some((_, Value::Text(text))) => text.clone(),
                _ => String::new(),
            };
            let key = match entry.object {
                "Account" => text("Name"),
                "PermissionSetAssignment" => {
                    format!("{} {}", text("AssigneeId"), text("PermissionSetId"))
                }
                _ => continue,
            };
            *seen.entry(format!("{} {key}", entry.verb)).or_default() += 1;
        }
        let doubled: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
        assert!(doubled.is_empty(), "applied more than once: {doubled:?}");
    }

    /// Promise 6: neither the client secret nor a token stands in anything that was written.
    pub fn check_secrets(&self, ran: &Ran) {
        let mut texts = vec![("stdout".to_owned(), ran.stdout.clone())];
        texts.push(("stderr".to_owned(), ran.stderr.clone()));
        read_all(&self.world.path(""), &mut texts);
        let tokens = self.door.tokens();
        for secret in tokens.iter().map(String::as_str).chain([CLIENT_SECRET]) {
            for (place, text) in &texts {
                assert!(!text.contains(secret), "a secret stands in {place}");
            }
        }
    }
}

fn read_all(folder: &Path, texts: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, texts);
        } else if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            texts.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
}

/// Accounts with names of their own and cells that the far side may spell otherwise.
pub fn accounts(rows: usize) -> String {
    let mut text = String::from("Name,AnnualRevenue,NumberOfEmployees,Remark\n");
    for row in 1..=rows {
        text.push_str(&format_args!("Mill {row},{row}500000,{row},note {row}\n").to_string());
    }
    text
}

/// Runs every case, some at a time; all that fail are told at the end.
pub fn each<T: Sync>(cases: &[(String, T)], run: impl Fn(&T) + Sync) {
    let next = Mutex::new(0);
    let (failed, failures) = sync_channel(cases.len().max(1));
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            let (next, failed, run) = (&next, failed.clone(), &run);
            scope.spawn(move || {
                loop {
                    let mine = {
                        let mut next = next.lock().unwrap();
                        *next += 1;
                        *next - 1
                    };
                    let Some((name, case)) = cases.get(mine) else { return };
                    let guarded = std::panic::AssertUnwindSafe(|| run(case));
                    if let Err(panic) = std::panic::catch_unwind(guarded) {
                        let text = panic.downcast_ref::<String>().cloned();
                        let text = text.unwrap_or_else(|| "it panicked".to_owned());
                        failed.send(format!("== {name}\n{text}")).unwrap();
                    }
                }
            });
        }
    });
    drop(failed);
    let failures: Vec<String> = failures.iter().collect();
    let (bad, all) = (failures.len(), cases.len());
    assert!(failures.is_empty(), "{bad} of {all} cases failed\n{}", failures.join("\n"));
}
