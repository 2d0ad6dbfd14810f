//! Reading a run folder, and those of its steps.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Account, End, Frozen, Input, Job, Kind, Org, Seal, Step, Times, Undo};
use crate::ledger::{Fact, Facts, Manifest, Output, Phase, RunState};
use crate::model::chunk::{ChunkNumber, Digest};
use crate::model::failure::{Blame, Failure};
use crate::model::verdict::Counts;
use crate::pipeline::event::{Status, StepState, Summary, SummaryApi, SummaryStep};

/// Folders of runs in one another: a runbook, a change of permissions in it, a load of that.
const DEPTH_MAX: usize = 3;

/// Characters of an option's value that are told.
const OPTION_CHARS: usize = 200;

/// Members of a plan that are told elsewhere, or say nothing to whoever reads of the run later.
const UNTOLD: [&str; 20] = [
    "runbook",
    "orgs",
    "inputs",
    "operation",
    "object",
    "input",
    "runs_dir",
    "run_name",
    "passing_org",
    "retry_of",
    "undo_of",
    "success_copy",
    "error_copy",
    "copy_style",
    "review",
    "dry_run",
    "decisions",
    "rows",
    "mapping",
    "action",
];

impl Account {
    /// Reads the run in the folder `root`; it need not be finished.
    ///
    /// A damaged ledger, manifest or summary is an error: whoever signs must not be told half.
    pub fn read(root: &Path) -> Result<Self, Failure> {
        Self::within(root, DEPTH_MAX)
    }

    fn within(root: &Path, depth: usize) -> Result<Self, Failure> {
        let manifest = Manifest::read(root)?;
        let told = Told::read(root, &manifest)?;
        let kind = kind(&manifest);
        let summary = summary(root, &told.state)?;
        let steps = match depth.checked_sub(1) {
            Some(depth) if kind != Kind::Load => {
                steps(root, kind, summary.as_ref(), &told.state, depth)?
            }
            _ => Vec::new(),
        };
        let undo = Undo::of(root, &manifest, &told.state, kind, &steps)?;
        let book = Book::of(&manifest, kind)?;
        let frozen = frozen(root, kind, &book)?;
        let orgs: Vec<Org> = book.orgs.into_values().map(BookOrg::into_org).collect();
        let rows = rows(summary.as_ref(), &told.state);
        let (errors, api) = match &summary {
            Some(summary) => (summary.errors.clone(), summary.api),
            None => (Vec::new(), SummaryApi::default()),
        };
        Ok(Self {
            run: manifest.run.clone(),
            kind,
            version: manifest.version.clone(),
            operation: manifest.operation.clone(),
            object: manifest.object.clone(),
            username: manifest.username.clone(),
            user_id: manifest.user_id.clone(),
            org: orgs.first().cloned().unwrap_or_else(|| org(&manifest)),
            orgs,
            input: input(&manifest, &told.state),
            mapping: manifest
                .mapping
                .as_ref()
                .map(|file| (file.path.display().to_string(), file.digest)),
            options: options(&manifest),
            times: times(&manifest, &told, summary.as_ref()),
            end: End {
                status: summary.as_ref().map(|summary| summary.status),
                exit_code: summary.as_ref().map(|summary| summary.exit_code),
                is_over: told.state.closed.is_some(),
                failure: summary.as_ref().and_then(|summary| summary.failure.clone()),
            },
            rows,
            errors,
            jobs: jobs(&told),
            api,
            files: told.state.outputs.clone().unwrap_or_default(),
            frozen,
            seal: told.seal,
            retry_of: manifest.retry_of,
            undo_of: manifest.undo_of,
            confirmed: manifest.confirmed,
            applied: manifest.applied,
            undo,
            steps,
        })
    }
}

/// What the ledger says.
struct Told {
    state: RunState,
    /// The far side's last word on each chunk's job.
    states: BTreeMap<ChunkNumber, String>,
    resumed: Vec<String>,
    seal: Seal,
}

impl Told {
    fn read(root: &Path, manifest: &Manifest) -> Result<Self, Failure> {
        let path = root.join("ledger.jsonl");
        let (state, torn) = RunState::read(&path, &manifest.run)?;
        let mut seal = Seal { lines: 0, digest: String::new(), torn: torn.is_some() };
        let (mut states, mut resumed) = (BTreeMap::new(), Vec::new());
        if path.exists() {
            let mut facts = Facts::open(&path, &manifest.run)?;
            while let Some(fact) = facts.next_fact()? {
                match fact {
                    Fact::Terminal { chunk, state, .. } => {
                        states.insert(chunk, state);
                    }
                    Fact::Resumed { when, .. } => resumed.push(when),
                    _ => {}
                }
            }
            (seal.lines, seal.digest) = (facts.lines(), facts.link().to_owned());
        }
        Ok(Self { state, states, resumed, seal })
    }
}

fn kind(manifest: &Manifest) -> Kind {
    match manifest.operation.as_str() {
        "run" => Kind::Runbook,
        operation if operation.starts_with("perms ") => Kind::Permissions,
        _ => Kind::Load,
    }
}

/// The last word on the run; a later process that came to no end has made it untrue.
fn summary(root: &Path, state: &RunState) -> Result<Option<Summary>, Failure> {
    if state.closed.is_none() && state.paused.is_none() {
        return Ok(None);
    }
    let path = root.join("out/summary.json");
    let text = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| Failure::disk("read", &path, &error))?,
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        Failure::new(Blame::Ledger, format!("`{}` is damaged", path.display())).cause(error)
    })
}

/// Rows by verdict as far as they are known: at the least those that are in the result files.
fn rows(summary: Option<&Summary>, state: &RunState) -> Counts {
    let last = state.closed.map(|closed| closed.counts);
    let last = last.or_else(|| state.paused.as_ref().map(|paused| paused.counts));
    if let Some(counts) = last.or_else(|| summary.map(|summary| summary.rows)) {
        return counts;
    }
    let mut counts = Counts::default();
    for chunk in state.chunks.values() {
        if let Phase::Settled { counts: settled, .. } = chunk.phase {
            counts.add(settled);
        }
    }
    counts
}

fn jobs(told: &Told) -> Vec<Job> {
    let chunks = told.state.chunks.iter();
    let job = chunks.map(|(number, chunk)| Job {
        id: chunk.phase.job().map(ToString::to_string).unwrap_or_default(),
        first_row: chunk.plan.first_row,
        last_row: chunk.plan.last_row,
        rows: chunk.plan.rows.into(),
        state: told.states.get(number).cloned().unwrap_or_default(),
        counts: match chunk.phase {
            Phase::Settled { counts, .. } => Some(counts),
            _ => None,
        },
    });
    job.collect()
}

fn input(manifest: &Manifest, state: &RunState) -> Option<Input> {
    if manifest.input.is_empty() {
        return None;
    }
    let read = state.input;
    let digest = read.filter(|read| read.whole).map(|read| read.digest);
    Some(Input {
        name: manifest.input.clone(),
        digest: manifest.input_digest.or(digest),
        bytes: read.filter(|read| read.whole).map(|read| read.bytes),
        whole: read.is_some_and(|read| read.whole),
    })
}

fn times(manifest: &Manifest, told: &Told, summary: Option<&Summary>) -> Times {
    let parse = |text: &str| text.parse::<Timestamp>().ok();
    let begun = told.resumed.last().unwrap_or(&manifest.started);
    let length =
        summary.and_then(|summary| SignedDuration::try_from_secs_f64(summary.seconds).ok());
    let ended = parse(begun).zip(length).and_then(|(begun, length)| begun.checked_add(length).ok());
    let first = parse(&manifest.started);
    let whole = first.zip(ended).map(|(first, ended)| ended.duration_since(first).as_secs_f64());
    Times {
        started: manifest.started.clone(),
        resumed: told.resumed.clone(),
        ended: ended.map(|ended| ended.to_string()),
        seconds: whole.map(|seconds| (seconds * 1e3).round() / 1e3),
    }
}

/// The steps of a runbook as its summary has them, and where there is none, or the steps are loads
/// of a change of permissions, as their folders lie there.
fn steps(
    root: &Path,
    kind: Kind,
    summary: Option<&Summary>,
    state: &RunState,
    depth: usize,
) -> Result<Vec<Step>, Failure> {
    let told = summary.map(|summary| summary.steps.as_slice()).unwrap_or_default();
    if kind == Kind::Permissions || told.is_empty() {
        return steps_on_disk(root, depth);
    }
    let mut steps = Vec::with_capacity(told.len());
    for (place, step) in told.iter().enumerate() {
        let (mut runs, mut files) = (Vec::new(), Vec::new());
        for folder in &step.runs {
            let folder = inside(root, folder)?;
            if folder.join("manifest.json").is_file() {
                runs.push(Account::within(&folder, depth)?);
            }
        }
        let known = state.steps.get(&step.id);
        let own = root.join("steps").join(format!("{:02}-{}", place + 1, step.id));
        if let Some(ended) = known.and_then(|known| known.ended.as_ref()) {
            files.clone_from(&ended.files);
        } else if runs.is_empty() && is_plain(&step.id) {
            files = files_in(&own.join("out"))?;
        }
        let first = runs.first().map(|run| run.times.started.clone());
        let began = known.and_then(|known| known.began.clone()).or(first);
        let approved = known.and_then(|known| known.approved.clone());
        steps.push(Step { step: step.clone(), began, approved, runs, files });
    }
    Ok(steps)
}

fn steps_on_disk(root: &Path, depth: usize) -> Result<Vec<Step>, Failure> {
    let folder = root.join("steps");
    let mut steps = Vec::new();
    for name in names(&folder)? {
        if !folder.join(&name).join("manifest.json").is_file() {
            continue;
        }
        let run = Account::within(&folder.join(&name), depth)?;
        // The undo of a step lies beside it.
        if run.undo_of.is_some() {
            continue;
        }
        let step = SummaryStep {
            id: name,
            kind: format!("{} {}", run.operation, run.object),
            state: state_of(&run.end),
            alias: run.org.alias.clone(),
            rows: run.rows,
            seconds: run.times.seconds.unwrap_or_default(),
            runs: Vec::new(),
            checks: Vec::new(),
            message: run.end.failure.as_ref().map(|failure| failure.message.clone()),
        };
        let began = Some(run.times.started.clone());
        steps.push(Step { step, began, approved: None, runs: vec![run], files: Vec::new() });
    }
    Ok(steps)
}

fn state_of(end: &End) -> StepState {
    match end.status {
        Some(Status::Succeeded) => StepState::Succeeded,
        Some(Status::Partial | Status::Unknown) => StepState::Partial,
        Some(Status::Failed | Status::Refused) => StepState::Failed,
        Some(Status::Interrupted) | None => StepState::Interrupted,
    }
}

/// A folder below `root`; the summary may have been written by anybody.
fn inside(root: &Path, folder: &Path) -> Result<PathBuf, Failure> {
    if folder.components().all(|part| matches!(part, Component::Normal(_))) {
        return Ok(root.join(folder));
    }
    let shown = folder.display().to_string();
    let message = format!("summary.json names `{}`, which is not in the run", shown.escape_debug());
    Err(Failure::new(Blame::Ledger, message))
}

fn is_plain(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
}

/// Names in a folder, in their order; a folder that is not there has none.
fn names(folder: &Path) -> Result<Vec<String>, Failure> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|error| Failure::disk("read", folder, &error))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| Failure::disk("read", folder, &error))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Files of a folder with their digests; their rows are not counted.
fn files_in(folder: &Path) -> Result<Vec<Output>, Failure> {
    let mut files = Vec::new();
    for name in names(folder)? {
        let path = folder.join(&name);
        if path.is_file() && name != "summary.json" {
            let (bytes, digest) = digest(&path)?;
            files.push(Output { name: format!("out/{name}"), rows: 0, bytes, digest });
        }
    }
    Ok(files)
}

/// What the manifest of a runbook's run keeps and this page tells.
#[derive(Default, serde::Deserialize)]
struct Book {
    #[serde(default)]
    orgs: BTreeMap<String, BookOrg>,
    #[serde(default)]
    inputs: Vec<BookFile>,
    #[serde(default)]
    runbook: BookText,
}

#[derive(Default, serde::Deserialize)]
struct BookText {
    #[serde(default)]
    parameters: BTreeMap<String, String>,
}

#[derive(serde::Deserialize)]
struct BookOrg {
    alias: String,
    kind: String,
    id: String,
    name: String,
    origin: String,
    username: String,
}

#[derive(serde::Deserialize)]
struct BookFile {
    step: String,
    what: String,
    path: PathBuf,
    digest: Digest,
}

impl Book {
    fn of(manifest: &Manifest, kind: Kind) -> Result<Self, Failure> {
        let plan = manifest.plan.clone().filter(|_| kind == Kind::Runbook);
        let Some(plan) = plan else { return Ok(Self::default()) };
        serde_json::from_value(plan).map_err(|error| {
            let message = format!("the manifest of `{}` is damaged", manifest.run);
            Failure::new(Blame::Ledger, message).cause(error)
        })
    }
}

impl BookOrg {
    fn into_org(self) -> Org {
        let Self { alias, kind, id, name, origin, username } = self;
        Org { alias, name, username, kind, id, origin }
    }
}

fn org(manifest: &Manifest) -> Org {
    Org {
        alias: manifest.alias.clone(),
        name: String::new(),
        username: manifest.username.clone(),
        kind: manifest.org_kind.clone(),
        id: manifest.org_id.clone(),
        origin: manifest.org_origin.clone(),
    }
}

/// What the run was frozen with, beside its own input and mapping.
fn frozen(root: &Path, kind: Kind, book: &Book) -> Result<Vec<Frozen>, Failure> {
    let (what, name) = match kind {
        Kind::Load => return Ok(Vec::new()),
        Kind::Permissions => ("decisions", "decisions.csv"),
        Kind::Runbook => ("runbook", "runbook.toml"),
    };
    let mut frozen = Vec::new();
    let path = root.join(name);
    if path.is_file() {
        let digest = digest(&path)?.1;
        let (what, name) = (what.to_owned(), name.to_owned());
        frozen.push(Frozen { step: String::new(), what, name, digest });
    }
    frozen.extend(book.inputs.iter().map(|file| Frozen {
        step: file.step.clone(),
        what: file.what.clone(),
        name: file.path.display().to_string(),
        digest: file.digest,
    }));
    Ok(frozen)
}

fn digest(path: &Path) -> Result<(u64, Digest), Failure> {
    let disk = |error| Failure::disk("read", path, &error);
    let mut file = File::open(path).map_err(disk)?;
    let (mut hasher, mut piece) = (blake3::Hasher::new(), vec![0; 64 << 10]);
    let mut bytes = 0;
    loop {
        let read = file.read(&mut piece).map_err(disk)?;
        if read == 0 {
            return Ok((bytes, Digest::finish(&hasher)));
        }
        hasher.update(&piece[..read]);
        bytes += read as u64;
    }
}

/// What was asked for beside the file and the object, where it is not as it is by itself.
fn options(manifest: &Manifest) -> Vec<(String, String)> {
    let mut told = Vec::new();
    if let Ok(book) = Book::of(manifest, kind(manifest)) {
        told.extend(book.runbook.parameters);
    }
    if let Some(plan) = manifest.plan.as_ref().and_then(Value::as_object) {
        let request = plan.get("request").and_then(Value::as_object);
        let members = request.into_iter().flatten().chain(plan);
        for (name, value) in members {
            if name == "request" || UNTOLD.contains(&name.as_str()) {
                continue;
            }
            if let Some(text) = option(value) {
                told.push((name.replace('_', " "), text));
            }
        }
    }
    told
}

/// A value in words; nothing where it says nothing.
fn option(value: &Value) -> Option<String> {
    let text = match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Null | Value::Bool(false) => return None,
        Value::Number(number) if number.as_f64() == Some(0.0) => return None,
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.is_empty() => return None,
        Value::String(text) => text.clone(),
        Value::Array(values) => joined(values.iter().map(option))?,
        Value::Object(members) => {
            let pair = |(name, value): (&String, &Value)| {
                value.is_string().then(|| format!("{name} = {}", option(value).unwrap_or_default()))
            };
            joined(members.iter().map(pair))?
        }
    };
    let mut short: String = text.chars().take(OPTION_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    Some(short)
}

/// All of them; nothing where one of them cannot be told in words, or there are none.
fn joined(parts: impl Iterator<Item = Option<String>>) -> Option<String> {
    let parts: Option<Vec<String>> = parts.collect();
    parts.filter(|parts| !parts.is_empty()).map(|parts| parts.join(", "))
}
