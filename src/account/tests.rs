//! Run folders written by hand, and what is said of them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::*;
use crate::ledger::{Fact, Ledger, StepOutcome, write_whole};
use crate::model::chunk::ChunkNumber;
use crate::model::failure::Blame;
use crate::model::ids::JobId;

const INPUT: &[u8] = b"Name\nHarbor Tools\n";

/// One load of a test; `rows` are success, error and rejected.
#[derive(Clone)]
pub(crate) struct Load {
    pub run: &'static str,
    pub operation: &'static str,
    pub object: &'static str,
    pub kind: &'static str,
    pub rows: [u64; 3],
    pub message: &'static str,
    pub job: &'static str,
    pub started: &'static str,
    pub seconds: f64,
    /// Members of the manifest that are other than usual.
    pub manifest: Value,
}

impl Load {
    pub(crate) fn new(run: &'static str, operation: &'static str, object: &'static str) -> Self {
        Self {
            run,
            operation,
            object,
            kind: "salesforce",
            rows: [98, 2, 0],
            message: "Legacy `U-1` is there already: 0018c00000Zw4R1",
            job: "750Pr0A00000001ICA",
            started: "2026-11-20T18:00:00.5Z",
            seconds: 12.5,
            manifest: json!({}),
        }
    }

    fn counts(&self) -> Counts {
        let [success, error, rejected] = self.rows;
        Counts { input: success + error + rejected, success, error, rejected, ..Counts::default() }
    }

    fn manifest(&self) -> Value {
        let mut manifest = json!({
            "format": 2, "version": "0.1.0", "run": self.run, "started": self.started,
            "operation": self.operation, "object": self.object, "external_id": null,
            "alias": "uat", "org_kind": self.kind, "org_id": "00D8c00000ZgV6fEAF",
            "org_origin": "https://uat.example", "user_id": "0058c00000ZgV6fAAF",
            "username": "ada@example.com", "input": "accounts.csv", "skip": 0, "limit": null,
            "chunk_rows": 200, "chunk_bytes": 1_000_000, "sent": ["Name"],
            "input_digest": Digest::of(INPUT).to_string(),
            "plan": { "operation": self.operation, "parallel": 2, "on_duplicate": null,
                "passing_org": false },
        });
        merge(&mut manifest, &self.manifest);
        manifest
    }

    fn summary(&self) -> Value {
        let [_, error, rejected] = self.rows;
        let groups = [("error", "DUPLICATE_VALUE", error), ("rejected", "required", rejected)];
        let groups = groups.iter().filter(|(_, _, count)| *count > 0);
        let groups: Vec<Value> = groups
            .map(|(verdict, code, count)| {
                json!({ "code": code, "count": count, "message": self.message, "rows": [7, 9],
                    "verdict": verdict })
            })
            .collect();
        let whole = error + rejected == 0;
        json!({
            "run": self.run, "run_dir": "r", "status": if whole { "succeeded" } else { "partial" },
            "exit_code": if whole { 0 } else { 3 }, "operation": self.operation,
            "object": self.object,
            "org": { "id": "00D8c00000ZgV6fEAF", "kind": self.kind, "alias": "uat" },
            "rows": self.counts(), "jobs": [], "errors": groups,
            "api": { "calls": 31, "retries": 1 }, "seconds": self.seconds,
            "files": { "success": "", "error": "", "rejected": "", "unprocessed": "",
                "unknown": "" },
        })
    }

    /// Writes the run into `root`; its ledger goes as far as `until` lets it.
    pub(crate) fn write(&self, root: &Path, until: Until) {
        self.write_with(root, until, &[]);
    }

    /// The same, with facts that stand before all others; a run that has some has no jobs.
    fn write_with(&self, root: &Path, until: Until, before: &[Fact]) {
        std::fs::create_dir_all(root.join("out")).unwrap();
        put(root, "manifest.json", &self.manifest().to_string());
        put(root, "out/summary.json", &self.summary().to_string());
        let ledger = Ledger::create(&root.join("ledger.jsonl"), self.run).unwrap();
        let counts = self.counts();
        let (chunk, job) = (ChunkNumber(1), JobId::parse(self.job).unwrap());
        let (bytes, digest) = (900, Digest::of(b"body"));
        let rows = u32::try_from(counts.input - counts.rejected).unwrap();
        let mut facts = before.to_vec();
        let rows = if before.is_empty() { rows } else { 0 };
        if rows > 0 {
            let (first_row, last_row) = (1, counts.input);
            facts.push(Fact::Planned {
                chunk,
                first_row,
                last_row,
                rows,
                bytes,
                digest,
                source: None,
                window: None,
            });
        }
        if before.is_empty() {
            facts.push(Fact::InputRead {
                first_row: 1,
                rows: counts.input,
                accepted: rows.into(),
                rejected: counts.rejected,
                bytes: INPUT.len() as u64,
                digest: Digest::of(INPUT),
                whole: true,
                unchanged: None,
            });
        }
        if rows > 0 {
            let state = "JobComplete".to_owned();
            let (processed, failed, message) = (None, None, None);
            let settled = Counts { input: rows.into(), rejected: 0, ..counts };
            facts.extend([
                Fact::Created { chunk, job: job.clone() },
                Fact::Prepared { chunk, job: job.clone(), bytes, digest },
                Fact::Started { chunk, job: job.clone() },
                Fact::Terminal { chunk, job, state, processed, failed, message },
                Fact::Reconciled { chunk, counts: settled, deferred: 0 },
            ]);
        }
        let name = "success.csv".to_owned();
        let output = Output { name, rows: self.rows[0], bytes: 9, digest: Digest::of(b"out") };
        let closing = Fact::Closed { counts, exit_code: 0 };
        facts.extend(match until {
            Until::Killed => vec![],
            Until::Resumed => {
                let paused =
                    Fact::Paused { counts, exit_code: 130, first_row: 1, files: vec![], rounds: 0 };
                let when = "2026-11-21T08:00:00Z".to_owned();
                let resumed = Fact::Resumed { when, version: "0.1.0".to_owned() };
                vec![paused, resumed, Fact::Outputs { files: vec![output] }, closing]
            }
            Until::Closed => vec![Fact::Outputs { files: vec![output] }, closing],
            Until::Cleaned => {
                let when = "2026-12-24T00:00:00Z".to_owned();
                vec![Fact::Outputs { files: vec![output] }, closing, Fact::Cleaned { when }]
            }
        });
        for fact in &facts {
            ledger.record(fact).unwrap();
        }
    }
}

/// How far the ledger of a test goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    Killed,
    /// Stopped, gone on with the next day, and over.
    Resumed,
    Closed,
    Cleaned,
}

fn put(root: &Path, name: &str, text: &str) {
    write_whole(&root.join(name), text.as_bytes()).unwrap();
}

fn merge(into: &mut Value, from: &Value) {
    for (name, value) in from.as_object().into_iter().flatten() {
        into[name] = value.clone();
    }
}

/// The facts of the steps of a [`Book`].
fn steps_of() -> Vec<Fact> {
    let steps = [
        ("accounts", 0, 14),
        ("look", 0, 2),
        ("go", 14, 74),
        ("access", 75, 77),
        ("proof", 77, 80),
    ];
    let when = |seconds: i32| format!("2026-11-20T18:{:02}:{:02}Z", seconds / 60, seconds % 60);
    let mut facts = Vec::new();
    for (id, begin, end) in steps {
        let step = id.to_owned();
        facts.push(Fact::StepBegan { step: step.clone(), when: when(begin) });
        if id == "go" {
            let by = "grace@example.com".to_owned();
            facts.push(Fact::StepApproved { step: step.clone(), by, when: when(end) });
        }
        let file = Output {
            name: "accounts.csv".to_owned(),
            rows: 1,
            bytes: 5,
            digest: Digest::of(b"Id\n1\n"),
        };
        let files = if id == "look" { vec![file] } else { vec![] };
        let (outcome, message) = (StepOutcome::Succeeded, None);
        facts.push(Fact::StepEnded { step, outcome, when: when(end), message, files });
    }
    facts
}

/// A runbook's run as it lies on disk.
pub(crate) struct Book {
    pub run: &'static str,
    pub load: Load,
    /// Digest of the file that the first step reads.
    pub input: String,
    /// The order is that of the file.
    pub steps: Vec<Value>,
    /// Members of the summary that are other than usual.
    pub summary: Value,
}

impl Book {
    /// Loads with a second pass, permissions, an export, a checkpoint and a reconciliation.
    pub(crate) fn new(run: &'static str) -> Self {
        let counts = |all: u64, bad: u64| {
            json!({ "input": all, "rejected": 0, "success": all - bad, "error": bad,
                "unprocessed": 0, "unknown": 0 })
        };
        let check = |name: &str, kind: &str, source: &str, org: &str| json!({ "name": name, "kind": kind, "passed": true, "source": source, "org": org });
        let mut sum = check("amounts", "sum", "1,204,500.25", "1,204,500.00");
        sum["tolerance"] = json!("1");
        let steps = vec![
            json!({ "id": "accounts", "kind": "load", "state": "partial", "alias": "uat",
                "rows": counts(100, 2), "seconds": 14.0,
                "runs": ["steps/01-accounts", "steps/01-accounts.second"] }),
            json!({ "id": "look", "kind": "export", "state": "succeeded", "alias": "uat",
                "rows": counts(0, 0), "seconds": 1.5 }),
            json!({ "id": "go", "kind": "checkpoint", "state": "succeeded", "alias": "uat",
                "rows": counts(0, 0), "seconds": 60.0 }),
            json!({ "id": "access", "kind": "permissions", "state": "succeeded", "alias": "uat",
                "rows": counts(3, 0), "seconds": 2.0, "runs": ["steps/04-access"] }),
            json!({ "id": "proof", "kind": "reconcile", "state": "succeeded", "alias": "uat",
                "rows": counts(0, 0), "seconds": 3.0,
                "checks": [check("accounts", "count", "98", "98"), sum] }),
        ];
        let load = Load::new("01-accounts", "upsert", "Account");
        let input = Digest::of(INPUT).to_string();
        Self { run, load, input, steps, summary: json!({}) }
    }

    pub(crate) fn write(&self, root: &Path) {
        let perms = Load { rows: [3, 0, 0], ..Load::new("04-access", "perms grant", "x") };
        let second =
            Load { rows: [98, 0, 0], ..Load::new("01-accounts.second", "update", "Account") };
        let grant = Load { rows: [3, 0, 0], ..Load::new("02-grant", "insert", "Grant") };
        let undo = Load {
            manifest: json!({ "undo_of": "02-grant" }),
            ..Load::new("02-grant-undo-001-delete", "delete", "Grant")
        };
        let steps = root.join("steps");
        self.load.write(&steps.join("01-accounts"), Until::Closed);
        second.write(&steps.join("01-accounts.second"), Until::Closed);
        std::fs::create_dir_all(steps.join("02-look/out")).unwrap();
        put(&steps, "02-look/out/accounts.csv", "Id\n1\n");
        let access = steps.join("04-access");
        perms.write(&access, Until::Closed);
        grant.write(&access.join("steps/02-grant"), Until::Closed);
        undo.write(&access.join("steps/02-grant-undo-001-delete"), Until::Closed);
        let manifest = json!({ "input": "", "input_digest": null, "object": "crm-cutover",
            "plan": {
                "runbook": { "name": "crm-cutover", "parameters": { "wave": "1" } },
                "target": "uat", "steps": ["accounts", "look"], "passing_org": false,
                "orgs": { "crm": { "alias": "uat", "kind": "salesforce", "name": "Harbor UAT",
                    "id": "00D8c00000ZgV6fEAF", "origin": "https://uat.example",
                    "user_id": "0058c00000ZgV6fAAF", "username": "ada@example.com" } },
                "inputs": [{ "step": "accounts", "what": "input", "path": "/data/accounts.csv",
                    "digest": self.input }],
            } });
        let parent = Load { rows: [201, 2, 0], manifest, ..Load::new(self.run, "run", "") };
        parent.write_with(root, Until::Closed, &steps_of());
        let mut summary = parent.summary();
        merge(&mut summary, &json!({ "steps": self.steps, "seconds": 80.5, "errors": [] }));
        merge(&mut summary, &self.summary);
        put(root, "out/summary.json", &summary.to_string());
        put(root, "runbook.toml", "name = \"crm-cutover\"\n");
    }
}

/// The account of a runbook's run of a test.
pub(crate) fn account_of(book: &Book) -> Account {
    let folder = tempfile::tempdir().unwrap();
    book.write(folder.path());
    Account::read(folder.path()).unwrap()
}

fn load_account(load: &Load, until: Until) -> Account {
    let folder = tempfile::tempdir().unwrap();
    load.write(folder.path(), until);
    Account::read(folder.path()).unwrap()
}

#[test]
fn a_runbooks_run_is_told_with_the_runs_of_its_steps() {
    let account = account_of(&Book::new("rehearsal-1"));
    assert_eq!((account.kind, account.object.as_str()), (Kind::Runbook, "crm-cutover"));
    let loads: Vec<String> = account.loads().into_iter().map(|(step, _)| step).collect();
    assert_eq!(
        loads,
        ["accounts", "accounts, second pass", "access / 02-grant"],
        "an undo is no step"
    );
    let groups = account.error_groups();
    assert_eq!((groups.len(), groups[0].0, groups[0].1.count), (1, "accounts", 2));
    let file = &account.steps[1].files[0];
    assert_eq!((file.name.as_str(), file.digest), ("accounts.csv", Digest::of(b"Id\n1\n")));
    let approval = account.steps[2].approved.as_ref().unwrap();
    assert_eq!(approval.by, "grace@example.com");
    assert_eq!(account.steps[4].began.as_deref(), Some("2026-11-20T18:01:17Z"));
    let frozen = &account.frozen;
    assert_eq!(frozen[0].digest, Digest::of(b"name = \"crm-cutover\"\n"));
    assert_eq!((frozen[1].step.as_str(), frozen[1].digest), ("accounts", Digest::of(INPUT)));
    assert_eq!((account.org.name.as_str(), account.orgs.len()), ("Harbor UAT", 1));
    let options = [("wave", "1"), ("target", "uat"), ("steps", "accounts, look")];
    assert_eq!(account.options, options.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert!(account.undo.cannot[0].starts_with("`accounts`: what was changed"), "{account:?}");
    assert_eq!(account.times.ended.as_deref(), Some("2026-11-20T18:01:21Z"));
}

#[test]
fn a_run_that_was_cut_off_is_told_by_its_ledger() {
    let account = load_account(&Load::new("r", "insert", "Account"), Until::Killed);
    assert_eq!((account.end.word(), account.end.is_over), ("unfinished", false));
    assert_eq!((account.times.ended.as_deref(), account.times.seconds), (None, None));
    assert_eq!(account.rows.success, 98, "of the chunks that are settled");
    assert_eq!((account.jobs.len(), account.jobs[0].state.as_str()), (1, "JobComplete"));
    assert!(!account.undo.can_be_asked && account.errors.is_empty());
}

#[test]
fn a_run_that_was_gone_on_with_took_from_the_first_begin_to_the_last_end() {
    let account = load_account(&Load::new("r", "insert", "Account"), Until::Resumed);
    assert_eq!(account.times.resumed, ["2026-11-21T08:00:00Z"]);
    assert_eq!(account.times.ended.as_deref(), Some("2026-11-21T08:00:12.5Z"));
    assert_eq!(account.times.seconds, Some(14.0 * 3_600.0 + 12.0));
}

#[test]
fn the_seal_is_what_the_next_line_would_name() {
    let folder = tempfile::tempdir().unwrap();
    Load::new("r", "insert", "Account").write(folder.path(), Until::Closed);
    let seal = Account::read(folder.path()).unwrap().seal;
    let path = folder.path().join("ledger.jsonl");
    let ledger = Ledger::reopen(&path, "r").unwrap().ledger;
    ledger.record(&Fact::Cleaned { when: "now".to_owned() }).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count() as u64, seal.lines + 1);
    let last: Value = serde_json::from_str(&text.lines().last().unwrap()[9..]).unwrap();
    assert_eq!(last["prev"], seal.digest);
}

#[test]
fn what_cannot_be_trusted_is_refused() {
    let outside = |name: &str| {
        let mut book = Book::new("r");
        book.steps[0]["runs"] = json!([name]);
        let folder = tempfile::tempdir().unwrap();
        book.write(folder.path());
        Account::read(folder.path()).unwrap_err()
    };
    for name in ["../elsewhere", "/etc", "steps/../../x"] {
        let failure = outside(name);
        assert_eq!(failure.blame, Blame::Ledger, "{name}");
        assert!(failure.message.contains("is not in the run"), "{}", failure.message);
    }
    let damaged = |name: &str| {
        let folder = tempfile::tempdir().unwrap();
        Load::new("r", "insert", "Account").write(folder.path(), Until::Closed);
        put(folder.path(), name, "{");
        Account::read(folder.path()).unwrap_err().blame
    };
    for name in ["out/summary.json", "manifest.json"] {
        assert_eq!(damaged(name), Blame::Ledger, "{name}");
    }
    let nothing = Account::read(&PathBuf::from("/nowhere/at/all")).unwrap_err();
    assert_eq!(nothing.blame, Blame::Request);
}

#[test]
fn what_an_undo_brings_back_depends_on_what_was_kept() {
    use Until::{Cleaned, Closed, Killed};
    let kept = json!({ "images": [{
        "name": "Site", "label": "Site", "kind": "string", "type_name": "string", "length": 80,
        "digits": 0, "precision": 0, "scale": 0, "createable": true, "updateable": true,
        "nillable": true, "defaulted_on_create": false, "calculated": false, "auto_number": false,
        "html": false, "external_id": false, "id_lookup": false, "unique": false,
        "case_sensitive": false, "restricted_picklist": false, "picklist": [],
        "reference_to": [], "relationship_name": null, "polymorphic": false,
    }] });
    let plain = json!({});
    let passing = json!({ "plan": { "passing_org": true } });
    let sf = "salesforce";
    // Whether it can be asked, what it begins to say that it does, and what it cannot do.
    for (operation, kind, until, manifest, asked, does, cannot) in [
        ("insert", sf, Closed, &plain, true, "what 98 rows created is deleted", ""),
        ("insert", sf, Killed, &plain, false, "", ""),
        ("insert", sf, Closed, &passing, false, "", "the org of the command ended"),
        ("update", sf, Closed, &kept, true, "the values that records held", ""),
        ("update", sf, Closed, &plain, true, "", "98 rows: what the records held before was not"),
        ("update", sf, Cleaned, &kept, true, "", "98 rows: what was kept was removed by `runs"),
        ("upsert", sf, Closed, &kept, true, "what was created is deleted", ""),
        ("upsert", sf, Closed, &plain, true, "what was created", "what was changed and not"),
        ("delete", sf, Closed, &kept, true, "98 rows: records that are in", "where records are"),
        ("delete", sf, Closed, &plain, true, "98 rows: records", "records that are not: what"),
        ("hard-delete", sf, Closed, &kept, true, "created anew", "where records are created"),
        ("hard-delete", sf, Closed, &plain, true, "", "what the records held before was not kept"),
        ("undelete", sf, Closed, &plain, true, "what 98 rows brought back is deleted again", ""),
        ("insert", "auth0", Closed, &plain, true, "what was added to users is taken", ""),
        ("delete", "auth0", Closed, &plain, true, "what was taken from users is given", ""),
        ("delete", "auth0", Cleaned, &plain, true, "", "what was changed for whom"),
    ] {
        let manifest = manifest.clone();
        let load = Load { kind, manifest, ..Load::new("r", operation, "Account") };
        let Undo { does: told, cannot: not, can_be_asked, .. } = load_account(&load, until).undo;
        let begins = |lines: &[String], wanted: &str| match wanted {
            "" => lines.is_empty(),
            wanted => lines.first().is_some_and(|line| line.starts_with(wanted)),
        };
        let case = format!("{operation} {kind} {until:?}: {told:?} {not:?}");
        assert!(can_be_asked == asked && begins(&told, does) && begins(&not, cannot), "{case}");
    }
}

#[test]
fn an_undo_that_was_begun_is_named() {
    let folder = tempfile::tempdir().unwrap();
    Load::new("r", "insert", "Account").write(folder.path(), Until::Closed);
    std::fs::create_dir(folder.path().join("undo")).unwrap();
    let record = json!({ "run": "r", "tally": {}, "parts": [{ "run": "r-undo-001-delete" }] });
    put(folder.path(), "undo/001.json", &record.to_string());
    put(folder.path(), "undo/001.delete.csv", "Id\n");
    assert_eq!(Account::read(folder.path()).unwrap().undo.undone_by, ["r-undo-001-delete"]);
}

/// What differs, as `step: what: one, other`.
fn told(one: &Account, other: &Account) -> Vec<String> {
    let changes = difference(one, other).changes;
    let told = changes.iter().map(|change| {
        let Change { step, what, one, other } = change;
        format!("{step}: {what}: {one}, {other}")
    });
    told.collect()
}

#[test]
fn rehearsals_that_came_out_the_same_differ_in_nothing() {
    let one = account_of(&Book::new("rehearsal-1"));
    let mut again = Book::new("rehearsal-2");
    again.load.job = "750Pr0A00000099ICA";
    again.load.manifest = json!({ "input_digest": "0".repeat(64) });
    again.load.started = "2027-01-01T00:00:00Z";
    again.load.seconds = 99.0;
    again.load.message = "Legacy `U-2` is there already: 0018c00000Zz9Z9";
    again.steps[0]["seconds"] = json!(500.0);
    again.steps[0]["alias"] = json!("sandbox");
    again.steps[2]["message"] = json!("approved by another");
    let found = difference(&one, &account_of(&again));
    assert!(found.is_empty(), "{:?}", found.changes);
    assert_eq!((found.steps, found.checks, found.rows), (5, 2, [203, 203]));
    let took: Vec<_> = found.took.iter().map(|took| (took.step.as_str(), took.other)).collect();
    assert_eq!(took[1], ("accounts", Some(500.0)));
}

/// What makes a rehearsal come out otherwise.
type Otherwise = fn(&mut Book);

#[test]
fn each_thing_that_came_out_otherwise_is_told_once() {
    let one = account_of(&Book::new("a"));
    let cases: [(Otherwise, &[&str]); 9] = [
        (|book| book.steps[0]["rows"]["unknown"] = json!(1), &["accounts: unknown: 0, 1"]),
        (|book| book.steps[0]["state"] = json!("failed"), &["accounts: state: partial, failed"]),
        (
            |book| book.load.rows = [97, 3, 0],
            &[
                "accounts: error DUPLICATE_VALUE: Legacy `U-1` is there already: 0018c00000Zw4R1: 2, 3",
            ],
        ),
        (
            |book| book.load.message = "no such field",
            &[
                "accounts: error DUPLICATE_VALUE: Legacy `U-1` is there already: 0018c00000Zw4R1: 2, 0",
                "accounts: error DUPLICATE_VALUE: no such field: 0, 2",
            ],
        ),
        (
            |book| book.steps[4]["checks"][0]["org"] = json!("97"),
            &["proof: check `accounts`, count: passed, 98 and 98, passed, 98 and 97"],
        ),
        (
            |book| book.input = "0".repeat(64),
            &["accounts: input: 4a68265905eb9fb4, 0000000000000000"],
        ),
        (|book| drop(book.steps.pop()), &["proof: step: there, -"]),
        (
            |book| book.steps[4]["id"] = json!("proofs"),
            &["proof: step: there, -", "proofs: step: -, there"],
        ),
        (|book| book.summary = json!({ "status": "failed" }), &[": status: partial, failed"]),
    ];
    for (otherwise, wanted) in cases {
        let mut book = Book::new("b");
        otherwise(&mut book);
        assert_eq!(told(&one, &account_of(&book)), wanted);
    }
}
