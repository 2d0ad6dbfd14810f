//! Two runs held against each other, as rehearsals are: what should have come out the same.
//!
//! Names, Ids, jobs and times differ always and are not compared; nor is the org, since the same
//! runbook is rehearsed in several. How long each step took is told and is no difference.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;

use super::{Account, Kind, Step};
use crate::model::chunk::Digest;
use crate::model::verdict::Counts;
use crate::model::wording::shape;
use crate::pipeline::event::{ErrorGroup, SummaryCheck};

/// What stands where one of the two has nothing.
const NOTHING: &str = "-";

/// What two runs differ in.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Difference {
    /// The names of the two.
    pub runs: [String; 2],
    /// The aliases of their orgs.
    pub orgs: [String; 2],
    /// Rows of both inputs together; what was compared, so that nothing is not taken for much.
    pub rows: [u64; 2],
    /// Steps that both have; 0 for loads by themselves.
    pub steps: u64,
    /// Comparisons of source and org that both have.
    pub checks: u64,
    pub changes: Vec<Change>,
    pub took: Vec<Took>,
}

/// One thing that is not the same.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// The step that it was found in; empty for the run as a whole.
    pub step: String,
    pub what: String,
    pub one: String,
    pub other: String,
}

/// How long something took in both, in seconds; `None` where that is not known.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Took {
    pub step: String,
    pub one: Option<f64>,
    pub other: Option<f64>,
}

impl Difference {
    /// Whether the two came out the same.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// Holds two runs against each other.
pub fn difference(one: &Account, other: &Account) -> Difference {
    let mut differ = Differ::default();
    differ.run("", one, other);
    // Those of a runbook have row numbers and messages of several files, and are told by step.
    if one.kind != Kind::Runbook {
        differ.errors("", slice::from_ref(one), slice::from_ref(other));
    }
    differ.took.push(took("", one.times.seconds, other.times.seconds));
    differ.steps(one, other);
    Difference {
        runs: [one.run.clone(), other.run.clone()],
        orgs: [one.org.alias.clone(), other.org.alias.clone()],
        rows: [one.rows.input, other.rows.input],
        steps: differ.steps,
        checks: differ.checks,
        changes: differ.changes,
        took: differ.took,
    }
}

#[derive(Default)]
struct Differ {
    changes: Vec<Change>,
    took: Vec<Took>,
    steps: u64,
    checks: u64,
}

impl Differ {
    fn compare(&mut self, step: &str, what: &str, one: &str, other: &str) {
        if one == other {
            return;
        }
        let text = |value: &str| {
            if value.is_empty() { NOTHING.to_owned() } else { value.to_owned() }
        };
        let (step, what) = (step.to_owned(), what.to_owned());
        self.changes.push(Change { step, what, one: text(one), other: text(other) });
    }

    /// What a run was asked, and what became of its rows.
    fn run(&mut self, step: &str, one: &Account, other: &Account) {
        self.compare(step, "operation", &one.operation, &other.operation);
        self.compare(step, "object", &one.object, &other.object);
        if one.kind == Kind::Runbook && other.kind == Kind::Runbook {
            self.frozen(one, other);
        } else {
            self.compare(step, "input", &input(one), &input(other));
            self.compare(step, "mapping", &mapping(one), &mapping(other));
        }
        self.compare(step, "status", one.end.word(), other.end.word());
        self.counts(step, one.rows, other.rows);
    }

    /// The files of a runbook. What steps are given by earlier ones holds Ids of their org, so the
    /// inputs of the runs below are not compared.
    fn frozen(&mut self, one: &Account, other: &Account) {
        let of = |account: &Account| -> BTreeMap<(String, String), String> {
            let mut found: BTreeMap<_, String> = BTreeMap::new();
            for file in &account.frozen {
                let digests = found.entry((file.step.clone(), file.what.clone())).or_default();
                let space = if digests.is_empty() { "" } else { " " };
                digests.push_str(space);
                digests.push_str(&short(file.digest));
            }
            found
        };
        let (ours, theirs) = (of(one), of(other));
        let keys: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
        for key in keys {
            let text = |files: &BTreeMap<_, String>| files.get(key).cloned().unwrap_or_default();
            self.compare(&key.0, &key.1, &text(&ours), &text(&theirs));
        }
    }

    fn counts(&mut self, step: &str, one: Counts, other: Counts) {
        for (what, of) in VERDICTS {
            self.compare(step, what, &of(&one).to_string(), &of(&other).to_string());
        }
    }

    /// The steps of both, by their ids, in the order of the first.
    fn steps(&mut self, one: &Account, other: &Account) {
        let find =
            |account: &Account, id: &str| account.steps.iter().position(|step| step.step.id == id);
        for step in &one.steps {
            let id = &step.step.id;
            let Some(place) = find(other, id) else {
                self.compare(id, "step", "there", "");
                continue;
            };
            self.step(step, &other.steps[place]);
            if one.kind == Kind::Runbook {
                self.errors(id, &step.runs, &other.steps[place].runs);
            }
        }
        for step in &other.steps {
            if find(one, &step.step.id).is_none() {
                self.compare(&step.step.id, "step", "", "there");
            }
        }
    }

    fn step(&mut self, one: &Step, other: &Step) {
        self.steps += 1;
        let (id, of_one, of_other) = (&one.step.id, &one.step, &other.step);
        self.compare(id, "kind", &of_one.kind, &of_other.kind);
        self.compare(id, "state", of_one.state.word(), of_other.state.word());
        self.counts(id, of_one.rows, of_other.rows);
        self.checks(id, &of_one.checks, &of_other.checks);
        self.compare(id, "runs", &one.runs.len().to_string(), &other.runs.len().to_string());
        for (a, b) in one.runs.iter().zip(&other.runs) {
            self.compare(id, "operation", &a.operation, &b.operation);
            self.compare(id, "object", &a.object, &b.object);
        }
        self.files(id, one, other);
        self.took.push(took(id, Some(of_one.seconds), Some(of_other.seconds)));
    }

    /// Groups of rows that ended alike, by verdict, code and the shape of the message.
    fn errors(&mut self, step: &str, one: &[Account], other: &[Account]) {
        let (ours, theirs) = (groups(one), groups(other));
        let keys: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
        for key in keys {
            let (a, b) = (ours.get(key), theirs.get(key));
            let number = |group: Option<&(u64, &str)>| group.map_or(0, |group| group.0).to_string();
            let message = a.or(b).map_or("", |group| group.1);
            let what = format!("{} {}: {message}", key.0, key.1);
            self.compare(step, &what, &number(a), &number(b));
        }
    }

    fn checks(&mut self, step: &str, one: &[SummaryCheck], other: &[SummaryCheck]) {
        let of = |checks: &[SummaryCheck]| -> BTreeMap<(String, String), String> {
            let key = |check: &SummaryCheck| (check.name.clone(), check.kind.clone());
            checks.iter().map(|check| (key(check), told(check))).collect()
        };
        let (ours, theirs) = (of(one), of(other));
        let keys: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
        for key in keys {
            let (a, b) = (ours.get(key), theirs.get(key));
            self.checks += u64::from(a.is_some() && b.is_some());
            let text = |value: Option<&String>| value.cloned().unwrap_or_default();
            self.compare(step, &format!("check `{}`, {}", key.0, key.1), &text(a), &text(b));
        }
    }

    /// Files of an export; its rows have Ids of their org, so that their digests say nothing.
    fn files(&mut self, step: &str, one: &Step, other: &Step) {
        let names = |step: &Step| {
            let names: Vec<&str> = step.files.iter().map(|file| file.name.as_str()).collect();
            names.join(", ")
        };
        self.compare(step, "files", &names(one), &names(other));
    }
}

type Verdict = (&'static str, fn(&Counts) -> u64);

const VERDICTS: [Verdict; 7] = [
    ("rows", |rows| rows.input),
    ("success", |rows| rows.success),
    ("error", |rows| rows.error),
    ("rejected", |rows| rows.rejected),
    ("unprocessed", |rows| rows.unprocessed),
    ("unknown", |rows| rows.unknown),
    ("unchanged", |rows| rows.unchanged),
];

/// Rows and the first message of each group.
fn groups(runs: &[Account]) -> BTreeMap<(String, String, String), (u64, &str)> {
    let mut found: BTreeMap<_, (u64, &str)> = BTreeMap::new();
    for ErrorGroup { code, count, message, verdict, .. } in runs.iter().flat_map(|run| &run.errors)
    {
        let key = (verdict.clone(), code.clone(), shape(message));
        found.entry(key).or_insert((0, message)).0 += count;
    }
    found
}

fn told(check: &SummaryCheck) -> String {
    let word = if check.passed { "passed" } else { "failed" };
    format!("{word}, {} and {}", check.source, check.org)
}

fn took(step: &str, one: Option<f64>, other: Option<f64>) -> Took {
    Took { step: step.to_owned(), one, other }
}

/// The input by its digest; by its name where it was read but once.
fn input(account: &Account) -> String {
    let Some(input) = &account.input else { return String::new() };
    input.digest.map_or_else(|| input.name.clone(), short)
}

fn mapping(account: &Account) -> String {
    account.mapping.as_ref().map(|mapping| short(mapping.1)).unwrap_or_default()
}

/// Enough of a digest to tell two apart.
fn short(digest: Digest) -> String {
    digest.to_string().chars().take(16).collect()
}
