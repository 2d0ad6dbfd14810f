//! Runs that are cut short and gone on with: whatever happened between, every row ends once.

mod again;
mod changed;
mod damage;
mod duplicates;
mod kills;
mod retry;
mod services;
mod stdin;
mod stops;
mod strays;
mod unchanged;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use longshore::practice::{Org, Pace, SeedSize};
use serde_json::Value;

use crate::door::Door;
use crate::faults::{LOAD, ROWS, Stage};
use crate::world::Ran;

/// The usual load as run `r`, the second job after the first.
const AS_R: [&str; 4] = ["--run-name", "r", "--parallel", "1"];

/// A stage, and runs on it that are begun and gone on with.
struct Scene {
    stage: Stage,
}

impl Scene {
    fn new() -> Self {
        Self { stage: Stage::new() }
    }

    fn behind(door: Door) -> Self {
        let org = Org::new(&SeedSize { users: 20, permission_sets: 8 });
        Self { stage: Stage::of(org, door) }
    }

    fn usual() -> Vec<&'static str> {
        [&LOAD[..], &AS_R[..]].concat()
    }

    /// Jobs stay in the queue for a while, so that a process can end before they do.
    fn jobs_wait(&self) {
        let pace = Pace { queued: Duration::from_millis(1_500), transaction: Duration::ZERO };
        self.stage.world.practice().set_pace(pace);
    }

    fn jobs_run(&self) {
        self.stage.world.practice().set_pace(Pace::default());
    }

    /// Runs a command with a plan of faults in force.
    fn under(&self, plan: &str, args: &[&str]) -> Ran {
        let mut command = self.stage.world.command(args);
        Ran::of(&command.env("LONGSHORE_FAULTS", plan).output().unwrap())
    }

    /// Begins a run that ends by `kill -9` at a point of its way; says whether it came there.
    fn killed(&self, point: &str, args: &[&str]) -> bool {
        let ran = self.under(&format!("{point}:kill"), args);
        assert!(ran.code == -1 || ran.code == 0, "{point}: {}\n{}", ran.code, ran.stderr);
        ran.code == -1
    }

    fn spawn(&self, args: &[&str]) -> Child {
        let mut command = self.stage.world.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Begins a run and sends it a signal when the org has seen such a request.
    fn signaled(&self, args: &[&str], name: &str, method: &str, part: &str) -> Ran {
        let before = self.requests(method, part);
        let child = self.spawn(args);
        self.await_request(method, part, before + 1);
        signal(&child, name);
        Ran::of(&child.wait_with_output().unwrap())
    }

    fn requests(&self, method: &str, part: &str) -> usize {
        let requests = self.stage.world.practice().org().audit().requests();
        let wanted = requests.iter().filter(|r| r.method == method && r.path.contains(part));
        wanted.count()
    }

    fn await_request(&self, method: &str, part: &str, count: usize) {
        until(&format!("{method} {part}"), || self.requests(method, part) >= count);
    }

    /// Goes on with run `r` to a document; the accounting of all its jobs is checked.
    fn resume(&self) -> (Ran, Value) {
        self.resume_with(&["resume", "r"])
    }

    fn resume_with(&self, args: &[&str]) -> (Ran, Value) {
        let ran = self.stage.world.run(&[args, &["--json"][..]].concat());
        let summary = json(&ran);
        assert_eq!(summary["exit_code"], ran.code, "{summary:#}\n{}", ran.stderr);
        if summary["status"] != "refused" {
            self.stage.world.check_accounting(&summary, 0);
            assert_eq!(json_of(&self.file("out/summary.json")), summary);
        }
        self.stage.check_once();
        self.stage.check_secrets(&ran);
        (ran, summary)
    }

    /// Goes on with run `r`, which must come to its end with every row.
    fn finish(&self) -> Value {
        let (ran, summary) = self.resume();
        ran.expect(0);
        self.all_done(&summary, ROWS);
        summary
    }

    /// Every row of run `r` is in the org once, and the run is closed.
    fn all_done(&self, summary: &Value, rows: usize) {
        let effects = self.effects();
        assert_eq!(summary["rows"]["success"], rows, "{summary:#}");
        assert_eq!(effects, rows, "rows in the org");
        self.stage.world.run(&["verify", "r"]).expect(0);
        let again = self.stage.world.run(&["resume", "r"]).expect(2);
        assert!(again.stderr.contains("the run `r` is finished"), "{}", again.stderr);
    }

    /// Rows that jobs have applied.
    fn effects(&self) -> usize {
        let entries = self.stage.world.practice().org().audit().entries_since(0);
        entries.iter().filter(|entry| entry.job.is_some() && entry.object == "Account").count()
    }

    /// Jobs that were told to start.
    fn commits(&self) -> usize {
        self.stage.world.changes().iter().filter(|asked| asked.starts_with("PATCH")).count()
    }

    fn file(&self, name: &str) -> String {
        self.stage.world.read(&format!("longshore-runs/r/{name}"))
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        self.stage.world.file(&format!("longshore-runs/r/{name}"), text);
    }

    fn ledger_has(&self, what: &str) -> bool {
        self.file("ledger.jsonl").contains(&format!(r#""what":"{what}""#))
    }
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", ran.stdout, ran.stderr))
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Sends a signal by name, such as `INT`.
fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
    assert!(status.unwrap().success());
}

fn wait(length: Duration) {
    let (_keep, never) = sync_channel::<()>(0);
    let _waited = never.recv_timeout(length).is_err();
}

/// Waits for something to come true.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..1_500 {
        if holds() {
            return;
        }
        wait(Duration::from_millis(10));
    }
    panic!("this never came: {what}");
}

/// A person, or another program, at the API of the org.
struct Person<'a> {
    scene: &'a Scene,
    token: String,
}

impl<'a> Person<'a> {
    fn of(scene: &'a Scene) -> Self {
        Self { scene, token: scene.stage.world.practice().issue_token() }
    }

    /// One call; the answer's JSON, `null` where it has none.
    fn call(&self, method: &str, path: &str, kind: &str, body: &str) -> Value {
        let origin = self.scene.stage.world.origin().strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(origin).unwrap();
        let length = body.len();
        let head = format!(
            "{method} /services/data/v62.0/jobs/ingest{path} HTTP/1.1\r\nHost: {origin}\r\n\
             Authorization: Bearer {}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}",
            self.token
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap();
        assert!(status.starts_with('2'), "{answer}");
        serde_json::from_str(body).unwrap_or(Value::Null)
    }

    fn create(&self, object: &str, operation: &str) -> String {
        let body = serde_json::json!({ "object": object, "operation": operation });
        let made = self.call("POST", "", "application/json", &body.to_string());
        made["id"].as_str().unwrap().to_owned()
    }

    fn upload(&self, job: &str, text: &str) {
        self.call("PUT", &format!("/{job}/batches"), "text/csv", text);
    }

    fn state(&self, job: &str) -> String {
        let told = self.call("GET", &format!("/{job}"), "application/json", "");
        told["state"].as_str().unwrap().to_owned()
    }

    fn set(&self, job: &str, state: &str) {
        let body = serde_json::json!({ "state": state }).to_string();
        self.call("PATCH", &format!("/{job}"), "application/json", &body);
    }
}

/// The job that stands in the ledger of run `r` behind the first such fact.
fn job_of(scene: &Scene, fact: &str) -> String {
    let ledger = scene.file("ledger.jsonl");
    let line = ledger.lines().find(|line| line.contains(&format!(r#""what":"{fact}""#)));
    let line = line.unwrap_or_else(|| panic!("no {fact} in {ledger}"));
    let rest = line.split(r#""job":""#).nth(1).unwrap();
    rest.split('"').next().unwrap().to_owned()
}
