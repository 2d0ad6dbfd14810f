//! `practice seed`: objects and some records of another org, for the kept practice org.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::{print, tell};
use crate::cli::args::Seed;
use crate::cli::org::{self, Choice};
use crate::cli::shell::Shell;
use crate::cli::signals;
use crate::cli::table::{Column, table};
use crate::ledger::History;
use crate::model::failure::{Blame, Failure};
use crate::model::limits::{RECORDS_READ_MAX, SEED_OBJECTS_MAX, SEED_ROUNDS, SEED_ROWS_MAX};
use crate::model::names::ObjectName;
use crate::pipeline::stop::Stop;
use crate::practice::sample::{Key, Question, Refused, Report, Sampling, Taken, Wanted};
use crate::report::figures::{count, counted, path};
use crate::report::paint::Paint;
use crate::target::any::AnyTarget;
use crate::target::salesforce::Salesforce;
use crate::target::{ExportQuery, ExportRequest, Fault, Record, RecordsWanted, RowSink, Target};

/// Calls for each object at most: its describe, the ids of the sample, their records, and those of
/// records that others refer to, then and in each of the closing rounds.
const CALLS_OF_AN_OBJECT: u64 = 4 + SEED_ROUNDS;

/// What no describe tells, so that no rehearsal meets it.
const NOT_TOLD: &str = "a describe does not tell of validation rules, triggers, flows, duplicate \
                        rules, lookup filters, dependent picklists and sharing: a rehearsal does \
                        not meet them";

/// What was asked for, checked as far as it can be without an org.
struct Asked {
    objects: Vec<ObjectName>,
    /// What stands after `WHERE`, for the object at the same place.
    conditions: Vec<Option<String>>,
    added: Vec<Value>,
    rows: usize,
}

/// Seeds the kept practice org.
pub async fn seed(args: &Seed, shell: &Shell) -> Result<u8, Failure> {
    let asked = asked(args, shell)?;
    let dir = org::practice_dir(shell, args.kept.dir.as_deref());
    let stop = Stop::new();
    signals::listen(stop.clone(), || ())
        .map_err(|error| Failure::new(Blame::Run, format!("cannot listen to signals: {error}")))?;
    let seeded = tokio::select! {
        biased;
        seeded = seeded(args, &asked, &dir, shell) => seeded?,
        () = stop.asked() => {
            return Err(signals::interrupted("interrupted: the practice org is as it was"));
        }
    };
    // What was loaded into the org as it was has nothing to do with the org as it is.
    History::forget(&dir).map_err(|error| Failure::disk("forget the loads in", &dir, &error))?;
    let text = if args.manners.json {
        format!("{}\n", document(args, &dir, &seeded))
    } else {
        let paint = shell.out_paint(args.manners.color);
        screen(args, &path(&dir, &shell.dir), &seeded, paint)
    };
    print(&shell.out, &text)?;
    Ok(0)
}

/// What came of it.
struct Seeded {
    report: Report,
    calls: u64,
}

fn refuse(message: impl Into<String>) -> Failure {
    Failure::new(Blame::Request, message)
}

fn asked(args: &Seed, shell: &Shell) -> Result<Asked, Failure> {
    let mut objects: Vec<ObjectName> = Vec::new();
    for name in args.objects.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
        let name = ObjectName::parse(name).map_err(|error| refuse(format!("object {error}")))?;
        if !objects.contains(&name) {
            objects.push(name);
        }
    }
    match (&args.from, objects.is_empty()) {
        (Some(_), true) => {
            return Err(refuse("`--from` copies objects, and none is named")
                .hint("name them with `--objects Account,Contact`"));
        }
        (None, false) => {
            return Err(refuse("`--objects` are copied from an org, and none is named")
                .hint("name it with `--from ALIAS`"));
        }
        (None, true) if args.describe.is_empty() => {
            return Err(refuse("nothing is named that the practice org could be seeded with")
                .hint("`--from ALIAS --objects Account,Contact` copies from an org")
                .hint("`--describe FILE` adds the objects and fields of a file"));
        }
        _ => {}
    }
    if objects.len() > SEED_OBJECTS_MAX {
        let message = format!(
            "{} objects are too many, at most {SEED_OBJECTS_MAX} are copied",
            objects.len()
        );
        return Err(refuse(message));
    }
    if !(1..=SEED_ROWS_MAX).contains(&args.rows) {
        let most = count(u64::from(SEED_ROWS_MAX));
        return Err(refuse(format!("`--rows {}` is not between 1 and {most}", args.rows)).hint(
            "the practice org holds all it has in memory, and a sample is enough to meet the rules",
        ));
    }
    let conditions = conditions(&args.conditions, &objects)?;
    let added = args.describe.iter().map(|file| describes(file, &shell.dir));
    let added = added.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
    Ok(Asked { objects, conditions, added, rows: args.rows as usize })
}

/// `Account: Type = 'Customer'` for the object that it names.
fn conditions(given: &[String], objects: &[ObjectName]) -> Result<Vec<Option<String>>, Failure> {
    let mut conditions = vec![None; objects.len()];
    for text in given {
        let shape = || {
            refuse(format!("`--where {}` names no object", text.escape_debug()))
                .hint("write `--where \"Account: Type = 'Customer'\"`")
        };
        let (name, condition) = text.split_once(':').ok_or_else(shape)?;
        let name = ObjectName::parse(name.trim()).map_err(|_| shape())?;
        let at = objects.iter().position(|object| *object == name).ok_or_else(|| {
            refuse(format!("`--where` is about `{name}`, which is not among `--objects`"))
        })?;
        if conditions[at].replace(condition.trim().to_owned()).is_some() {
            return Err(refuse(format!("`--where` is given twice for `{name}`"))
                .hint("join the conditions by `AND`"));
        }
    }
    Ok(conditions)
}

/// The describes of a file: one, or a list of them.
fn describes(file: &Path, dir: &Path) -> Result<Vec<Value>, Failure> {
    let whole = dir.join(file);
    let bytes = std::fs::read(&whole).map_err(|error| Failure::disk("read", &whole, &error))?;
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
        let shown = path(&whole, dir);
        refuse(format!("{shown}:{}:{}: this is no JSON", error.line(), error.column())).cause(error)
    })?;
    Ok(match value {
        Value::Array(all) => all,
        one => vec![one],
    })
}

async fn seeded(args: &Seed, asked: &Asked, dir: &Path, shell: &Shell) -> Result<Seeded, Failure> {
    let mut wanted = Wanted {
        from: None,
        org_id: None,
        describes: Vec::new(),
        added: asked.added.clone(),
        rows: asked.rows,
        mask: args
            .anonymize
            .then(Key::of_chance)
            .transpose()
            .map_err(|_| Failure::new(Blame::Run, "this machine gives no random numbers"))?,
    };
    let Some(alias) = &args.from else {
        let sampling = Sampling::begin(dir, wanted).map_err(|refused| because(refused, dir))?;
        let report = sampling.finish().map_err(|error| unwritten(dir, &error))?;
        return Ok(Seeded { report, calls: 0 });
    };
    let choice = Choice::of(Some(alias), &shell.environment)?;
    if choice == Choice::Practice && org::practice_dir(shell, None) == dir {
        return Err(refuse("the practice org cannot be seeded from itself")
            .hint("`--dir` names another one to be seeded"));
    }
    announce(args, asked, choice.alias(), shell);
    let target = org::connect(choice, shell, org::notices(shell)).await?;
    let AnyTarget::Salesforce(source) = &*target else {
        return Err(refuse(format!("`{alias}` is no Salesforce org")));
    };
    let facts = source.facts().await.map_err(Fault::of_request)?;
    wanted.from = Some(choice.alias().to_owned());
    wanted.org_id = Some(facts.id);
    for object in &asked.objects {
        wanted.describes.push(described(source, object).await?);
    }
    let sampling = Sampling::begin(dir, wanted).map_err(|refused| because(refused, dir))?;
    let report = copied(source, asked, sampling, dir).await?;
    Ok(Seeded { report, calls: source.usage().calls })
}

/// Says before the first call what it will take, and what it means.
fn announce(args: &Seed, asked: &Asked, alias: &str, shell: &Shell) {
    let objects = u64::try_from(asked.objects.len()).unwrap_or(u64::MAX);
    let calls = objects * CALLS_OF_AN_OBJECT;
    let text = format!(
        "copies {} of `{alias}`, with up to {} of each, in at most {} and those of the sign-in; \
         `{alias}` is only read\n",
        counted(objects, "object"),
        counted(u64::from(args.rows), "record"),
        counted(calls, "call"),
    );
    tell(shell, &text);
    if !args.anonymize {
        tell(
            shell,
            "notice: personal data in these records is copied to this machine as it is; \
             `--anonymize` replaces names, e-mails, phones, addresses and free texts\n",
        );
    }
}

async fn described(source: &Salesforce, object: &ObjectName) -> Result<Value, Failure> {
    let describe = source.describe_as_sent(object).await.map_err(Fault::of_request)?;
    if describe["queryable"] == false {
        let message = format!("the records of `{object}` cannot be read by a query");
        return Err(refuse(message).hint("leave it out of `--objects`"));
    }
    Ok(describe)
}

fn because(refused: Refused, dir: &Path) -> Failure {
    match refused {
        Refused::Used(effects) => Failure::new(
            Blame::Guard,
            format!("the practice org has been used: {} would be lost", counted(effects, "effect")),
        )
        .hint("`longshore practice reset` takes it back to its seed, and then it can be seeded")
        .hint("`--dir` names another practice org"),
        Refused::OurOwn(object) => refuse(format!(
            "`{object}` cannot be copied: the practice org has rules of its own for it"
        ))
        .hint(
            "users, profiles and permission sets of the practice org are made up; \
                       `--describe FILE` adds fields to them",
        ),
        Refused::Unreadable(error) => refuse(format!("a describe cannot be used: {error}")),
        Refused::Disk(error) => unwritten(dir, &error),
    }
}

fn unwritten(dir: &Path, error: &std::io::Error) -> Failure {
    Failure::disk("seed the practice org in", dir, error)
}

/// Asks for the records, object by object, until the sample is whole.
async fn copied(
    source: &Salesforce,
    asked: &Asked,
    mut sampling: Sampling,
    dir: &Path,
) -> Result<Report, Failure> {
    let questions = sampling.questions();
    for question in &questions {
        add_missing(source, &mut sampling, question, dir).await?;
        let room = sampling.room(question.table);
        if room == 0 {
            continue;
        }
        let at = asked.objects.iter().position(|name| name.as_str() == question.object);
        let condition = at.and_then(|at| asked.conditions[at].as_deref());
        let mut ids = ids_of(source, question, condition, asked.rows, dir).await?;
        ids.retain(|id| !sampling.has(question.table, id));
        ids.truncate(room);
        add(source, &mut sampling, question, &ids, dir).await?;
    }
    for _ in 0..SEED_ROUNDS {
        let mut found = 0;
        for question in &questions {
            found += add_missing(source, &mut sampling, question, dir).await?;
        }
        if found == 0 {
            break;
        }
    }
    sampling.finish().map_err(|error| unwritten(dir, &error))
}

/// Takes the records that others refer to; returns how many were asked for.
async fn add_missing(
    source: &Salesforce,
    sampling: &mut Sampling,
    question: &Question,
    dir: &Path,
) -> Result<usize, Failure> {
    let missing = sampling.missing(question.table);
    add(source, sampling, question, &missing, dir).await?;
    Ok(missing.len())
}

async fn add(
    source: &Salesforce,
    sampling: &mut Sampling,
    question: &Question,
    ids: &[String],
    dir: &Path,
) -> Result<(), Failure> {
    let object = object_of(question)?;
    let wanted = RecordsWanted { object, key: None, fields: question.fields.clone() };
    for some in ids.chunks(RECORDS_READ_MAX) {
        let records = source.records(&wanted, some).await.map_err(Fault::of_request)?;
        for Record { id, cells } in records.into_iter().flatten() {
            sampling.take(question.table, &id, &cells).map_err(|error| unwritten(dir, &error))?;
        }
    }
    Ok(())
}

fn object_of(question: &Question) -> Result<ObjectName, Failure> {
    ObjectName::parse(&question.object).map_err(|error| refuse(format!("object {error}")))
}

/// The ids of a first choice of records.
async fn ids_of(
    source: &Salesforce,
    question: &Question,
    condition: Option<&str>,
    rows: usize,
    dir: &Path,
) -> Result<Vec<String>, Failure> {
    let filter = condition.map(|text| format!(" WHERE {text}")).unwrap_or_default();
    let soql = format!("SELECT Id FROM {}{filter} LIMIT {rows}", question.object);
    let request = ExportRequest { query: ExportQuery::Soql(soql), all: false };
    let mut ids = Ids(Vec::new());
    source.export(&request, dir, &mut ids).await.map_err(|fault| {
        let failure = fault.of_request();
        match condition {
            Some(_) => {
                failure.hint(format!("it was asked with the `--where` of `{}`", question.object))
            }
            None => failure,
        }
    })?;
    Ok(ids.0)
}

/// Keeps the ids of an export.
struct Ids(Vec<String>);

impl RowSink for Ids {
    fn header(&mut self, _: &csv::ByteRecord) -> std::io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: &csv::ByteRecord) -> std::io::Result<()> {
        let id = row.get(0).unwrap_or_default();
        self.0.push(String::from_utf8_lossy(id).into_owned());
        Ok(())
    }
}

fn document(args: &Seed, dir: &Path, seeded: &Seeded) -> Value {
    json!({
        "status": "succeeded", "exit_code": 0, "operation": "seed", "dir": dir,
        "from": args.from, "anonymized": args.anonymize, "calls": seeded.calls,
        "objects": seeded.report.objects,
    })
}

fn screen(args: &Seed, dir: &str, seeded: &Seeded, paint: Paint) -> String {
    let mut text = match &args.from {
        Some(from) => format!("the practice org in {dir} is seeded from `{from}`\n\n"),
        None => format!("the practice org in {dir} has the objects and fields of the files\n"),
    };
    let taken = &seeded.report.objects;
    if taken.is_empty() {
        return text;
    }
    let columns = [
        Column::Left("object"),
        Column::Right("fields"),
        Column::Right("records"),
        Column::Right("left out"),
        Column::Right("cleared"),
        Column::Right("replaced"),
    ];
    let fields = |taken: &Taken| count(u64::try_from(taken.fields).unwrap_or(u64::MAX));
    let row = |taken: &Taken| {
        let numbers = [taken.records, taken.left_out, taken.cleared, taken.masked];
        [taken.object.clone(), fields(taken)].into_iter().chain(numbers.map(count)).collect()
    };
    text.push_str(&table(&columns, &taken.iter().map(row).collect::<Vec<_>>(), paint));
    text.push('\n');
    for line in remarks(args, seeded) {
        writeln!(text, "{line}").unwrap_or_default();
    }
    text
}

/// What the numbers mean, where they are not zero.
fn remarks(args: &Seed, seeded: &Seeded) -> Vec<String> {
    let taken = &seeded.report.objects;
    let sum = |of: &dyn Fn(&Taken) -> u64| taken.iter().map(of).sum::<u64>();
    let mut lines = Vec::new();
    let (left_out, cleared) = (sum(&|taken| taken.left_out), sum(&|taken| taken.cleared));
    if left_out > 0 {
        let what = counted(left_out, "record");
        lines.push(format!(
            "{what} left out: a record that they must refer to is not in the sample"
        ));
    }
    if cleared > 0 {
        let what = counted(cleared, "reference");
        lines.push(format!("{what} cleared: the record is not in the sample"));
    }
    let admin = sum(&|taken| taken.to_admin);
    if admin > 0 {
        let what = counted(admin, "reference");
        lines.push(format!("{what} to users lead to the administrator of the practice org"));
    }
    let keys = taken.iter().flat_map(|taken| {
        taken.keys_as_they_are.iter().map(|field| format!("`{}.{field}`", taken.object))
    });
    let keys: Vec<String> = keys.collect();
    if !keys.is_empty() {
        lines.push(format!("kept as they are, for rows are found by them: {}", keys.join(", ")));
    }
    lines.push(
        "ids are those of the practice org: none of them names a record of the org".to_owned(),
    );
    if args.from.is_some() {
        lines.push(NOT_TOLD.to_owned());
        lines.push(format!("{} made", counted(seeded.calls, "call")));
    }
    lines
}
