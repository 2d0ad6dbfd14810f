//! One set of result files for all rows, from the decisions and the result files of the steps; and
//! beside them `access-review.csv`: who has what, before and after, and why.

use std::path::{Path, PathBuf};

use csv::ByteRecord;

use super::decisions::{Decision, Decisions, What};
use super::preview::Preview;
use super::steps::Step;
use crate::ledger::Output;
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::model::verdict::Counts;
use crate::pipeline::settle::{Groups, ResultWriter};

/// Columns that every result file ends with.
const IDS: [&str; 2] = ["longshore__user_id", "longshore__permission_id"];

const SUCCESS: [&str; 4] = ["sf__Id", "sf__Created", "longshore__row", "longshore__match"];
const ERROR: [&str; 6] = [
    "sf__Id",
    "sf__Error",
    "longshore__code",
    "longshore__message",
    "longshore__class",
    "longshore__row",
];
const REJECTED: [&str; 5] = [
    "longshore__column",
    "longshore__code",
    "longshore__message",
    "longshore__line",
    "longshore__row",
];
const OTHER: [&str; 2] = ["longshore__reason", "longshore__row"];

/// The five files in the order of [`Verdict`], and their own columns.
pub(super) const FILES: [(&str, &[&str]); 5] = [
    ("success.csv", &SUCCESS),
    ("error.csv", &ERROR),
    ("rejected.csv", &REJECTED),
    ("unprocessed.csv", &OTHER),
    ("unknown.csv", &OTHER),
];

/// The reviewers' file.
pub const REVIEW: &str = "access-review.csv";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Success,
    Error,
    Rejected,
    Unprocessed,
    Unknown,
}

const VERDICTS: [Verdict; 5] =
    [Verdict::Success, Verdict::Error, Verdict::Rejected, Verdict::Unprocessed, Verdict::Unknown];

/// What all rows came to.
pub(super) struct Merged {
    pub counts: Counts,
    pub groups: Groups,
    /// What was decided.
    pub preview: Preview,
    /// The five result files and the review, as they were finished.
    pub outputs: Vec<Output>,
}

/// Writes the files of the run in `root` anew; `preview` is empty.
pub(super) fn merge(
    root: &Path,
    digest: Digest,
    steps: &[Step],
    mut preview: Preview,
) -> Result<Merged, Failure> {
    let mut decisions = Decisions::open(root, digest)?;
    let header = decisions.header()?;
    let out = root.join("out");
    let mut files = Vec::new();
    for (name, own) in FILES {
        let own: Vec<&str> = own.iter().chain(&IDS).copied().collect();
        files.push(ResultWriter::begin(&out, name, &header, &own)?);
    }
    let mut review = ResultWriter::begin(&out, REVIEW, &review_columns(), &[])?;
    let mut results: Vec<StepRows> =
        steps.iter().map(|step| StepRows::open(step, root)).collect::<Result<_, _>>()?;
    let (mut counts, mut groups) = (Counts::default(), Groups::default());
    while let Some(decision) = decisions.next()? {
        let row = match steps.iter().position(|step| step.takes(&decision)) {
            Some(place) => results[place].next(&decision)?,
            None => of_decision(&decision),
        };
        preview.add(&decision);
        counts.input += 1;
        *of(&mut counts, row.verdict) += 1;
        note(&mut groups, &row, decision.mark.row);
        // A tenant tells the id of a user who was named by e-mail.
        let told = match row.verdict {
            Verdict::Success | Verdict::Error if decision.before.is_empty() => &row.own[0],
            _ => &decision.user_id,
        };
        let user = if decision.user_id.is_empty() { told } else { &decision.user_id };
        let ids = [user.as_bytes(), decision.permission_id.as_bytes()];
        let own = row.own.iter().map(String::as_bytes).chain(ids);
        files[row.verdict as usize].push(decisions.source().chain(own))?;
        let reviewed = reviewed(&decision, &row);
        review.push(reviewed.iter().map(String::as_bytes))?;
    }
    let mut outputs = Vec::new();
    for file in files.into_iter().chain([review]) {
        outputs.push(file.finish()?);
    }
    Ok(Merged { counts, groups, preview, outputs })
}

/// Writes the review of what is decided to `path`, as it is if every change succeeds.
pub(super) fn planned(root: &Path, digest: Digest, path: &Path) -> Result<(), Failure> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = path.file_name().filter(|_| folder.is_dir() && !path.is_dir());
    let Some(name) = name.and_then(|name| name.to_str()) else {
        let message = format!("`--review {}` is not the path of a file", path.display());
        return Err(Failure::new(Blame::Request, message).hint("name a file in a folder there is"));
    };
    let mut review = ResultWriter::begin(folder, name, &review_columns(), &[])?;
    let mut decisions = Decisions::open(root, digest)?;
    while let Some(decision) = decisions.next()? {
        let why = if decision.what == What::Rejected { &decision.message } else { &decision.why };
        let after = decision.after();
        let cells = [&decision.user, &decision.permission, &decision.before, &after, why];
        review.push(cells.into_iter().map(String::as_bytes))?;
    }
    review.finish().map(drop)
}

fn review_columns() -> Vec<String> {
    ["user", "permission", "before", "after", "why"].map(str::to_owned).to_vec()
}

/// A row's verdict, and its cells of our own columns.
pub(super) struct Row {
    pub verdict: Verdict,
    pub own: Vec<String>,
}

/// A row that no step takes.
pub(super) fn of_decision(decision: &Decision) -> Row {
    let row = decision.mark.row.to_string();
    if decision.what == What::Unchanged {
        let own = [decision.assignment.as_str(), "unchanged", &row, "id"];
        return Row { verdict: Verdict::Success, own: own.map(str::to_owned).to_vec() };
    }
    let line = if decision.mark.line == 0 { String::new() } else { decision.mark.line.to_string() };
    let own = [&decision.column, &decision.code, &decision.message, &line, &row];
    Row { verdict: Verdict::Rejected, own: own.map(String::clone).to_vec() }
}

/// The rows of a step's result files, one for each of its decisions, in their order.
pub(super) struct StepRows {
    name: &'static str,
    /// Nothing while the step has not begun.
    tables: Option<Vec<Table>>,
    next: u64,
}

impl StepRows {
    pub fn open(step: &Step, parent: &Path) -> Result<Self, Failure> {
        let mut rows = Self { name: step.name, tables: None, next: 1 };
        if step.is_begun(parent) {
            let out = step.root(parent).join("out");
            let open =
                |(name, own): (&str, &'static [&'static str])| Table::open(out.join(name), own);
            rows.tables = Some(FILES.into_iter().map(open).collect::<Result<_, _>>()?);
        }
        Ok(rows)
    }

    /// What became of the next decision of the step.
    pub fn next(&mut self, decision: &Decision) -> Result<Row, Failure> {
        let number = self.next;
        self.next += 1;
        let row = decision.mark.row.to_string();
        let Some(tables) = &mut self.tables else {
            let why = format!("step `{}` has not begun", self.name);
            return Ok(Row { verdict: Verdict::Unprocessed, own: vec![why, row] });
        };
        let found = tables.iter().position(|table| table.row == Some(number));
        let Some(place) = found else {
            // A step that was interrupted while it read its input has no word on the rest.
            let why = format!("step `{}` has not come to this row", self.name);
            return Ok(Row { verdict: Verdict::Unprocessed, own: vec![why, row] });
        };
        let table = &mut tables[place];
        let verdict = VERDICTS[place];
        let mut own = table.own.clone();
        let numbered = FILES[place].1.iter().position(|name| *name == "longshore__row");
        if let Some(at) = numbered {
            own[at] = row;
        }
        if verdict == Verdict::Rejected {
            // The line is that of the file that the person wrote.
            own[3] = decision.mark.line.to_string();
        }
        table.advance()?;
        Ok(Row { verdict, own })
    }

    /// Whether the step tells of more rows than there are decisions for it.
    pub fn is_over(&self) -> bool {
        self.tables.iter().flatten().all(|table| table.row.is_none())
    }
}

/// A result file of a step with the row at hand.
struct Table {
    path: PathBuf,
    reader: csv::Reader<std::fs::File>,
    record: ByteRecord,
    /// Places of our own columns.
    places: Vec<usize>,
    number: usize,
    row: Option<u64>,
    own: Vec<String>,
}

impl Table {
    fn open(path: PathBuf, own: &[&str]) -> Result<Self, Failure> {
        let broken = |error: csv::Error| Failure::disk("read", &path, &error.into());
        let mut reader = csv::Reader::from_path(&path).map_err(broken)?;
        let header = reader.headers().map_err(broken)?;
        let find = |wanted: &str| header.iter().position(|name| name == wanted);
        let places: Option<Vec<usize>> = own.iter().map(|name| find(name)).collect();
        let (Some(places), Some(number)) = (places, find("longshore__row")) else {
            let message = format!("`{}` lacks a column of ours", path.display());
            return Err(Failure::new(Blame::Accounting, message));
        };
        let (record, own) = (ByteRecord::new(), Vec::new());
        let mut table = Self { path, reader, record, places, number, row: None, own };
        table.advance()?;
        Ok(table)
    }

    fn advance(&mut self) -> Result<(), Failure> {
        let read = self.reader.read_byte_record(&mut self.record);
        let more = read.map_err(|error| Failure::disk("read", &self.path, &error.into()))?;
        let text =
            |at| String::from_utf8_lossy(self.record.get(at).unwrap_or_default()).into_owned();
        self.row = if more { text(self.number).parse().ok() } else { None };
        self.own = self.places.iter().map(|place| text(*place)).collect();
        Ok(())
    }
}

pub(super) fn of(counts: &mut Counts, verdict: Verdict) -> &mut u64 {
    match verdict {
        Verdict::Success => &mut counts.success,
        Verdict::Error => &mut counts.error,
        Verdict::Rejected => &mut counts.rejected,
        Verdict::Unprocessed => &mut counts.unprocessed,
        Verdict::Unknown => &mut counts.unknown,
    }
}

fn note(groups: &mut Groups, row: &Row, number: u64) {
    match row.verdict {
        Verdict::Success => {}
        Verdict::Error => groups.add("error", &row.own[2], &row.own[3], number),
        Verdict::Rejected => groups.add("rejected", &row.own[1], &row.own[2], number),
        Verdict::Unprocessed => groups.add("unprocessed", "unprocessed", &row.own[0], number),
        Verdict::Unknown => groups.add("unknown", "unknown", &row.own[0], number),
    }
}

/// A line of the review.
fn reviewed(decision: &Decision, row: &Row) -> [String; 5] {
    if row.verdict == Verdict::Success && tells(decision, &row.own[1]) {
        return found(decision, &row.own[1]);
    }
    let before = decision.before.clone();
    let (after, why) = match row.verdict {
        Verdict::Success => (decision.after(), decision.why.clone()),
        Verdict::Error => (before.clone(), format!("not done: {}", row.own[3])),
        Verdict::Rejected => (before.clone(), row.own[2].clone()),
        Verdict::Unprocessed => (before.clone(), row.own[0].clone()),
        Verdict::Unknown => ("unknown".to_owned(), row.own[0].clone()),
    };
    [decision.user.clone(), decision.permission.clone(), before, after, why]
}

/// Whether the load has looked at what the user held just before, as those of a tenant do.
fn tells(decision: &Decision, created: &str) -> bool {
    let word = created.split(';').next().unwrap_or_default();
    let is_change = matches!(decision.what, What::Grant | What::Revoke);
    decision.before.is_empty()
        || (is_change && ["added", "removed", "absent", "unchanged"].contains(&word))
}

/// A line of the review where the load has looked at what the user held: `added`, `unchanged`,
/// `removed` or `absent`, and perhaps the roles through which a permission stays effective.
fn found(decision: &Decision, created: &str) -> [String; 5] {
    let (word, rest) = created.split_once(';').map_or((created, ""), |(word, rest)| (word, rest));
    let (before, after, why) = match word {
        "added" => ("no", "yes", decision.why.as_str()),
        "removed" => ("yes", "no", decision.why.as_str()),
        "absent" => ("no", "no", "does not have it"),
        _ => ("yes", "yes", "has it already"),
    };
    let after = if rest.is_empty() { after.to_owned() } else { format!("{after};{rest}") };
    let (user, permission) = (decision.user.clone(), decision.permission.clone());
    [user, permission, before.to_owned(), after, why.to_owned()]
}
