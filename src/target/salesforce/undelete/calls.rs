//! The calls of one job: a look at the records, then one call, then the results, one after the
//! other; and again a look where an answer was lost.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::super::soap::xml::Element;
use super::super::{Salesforce, either, errors, query, soap};
use super::Job;
use super::journal::{Found, Journal, State, Verdict};
use super::rows::{Batches, Row};
use crate::model::ids::RecordId;
use crate::model::limits::ROWS_OF_A_CALL;
use crate::model::names::ObjectName;
use crate::target::own_jobs::disk;
use crate::target::{Fault, FaultClass, Outcome};

/// How long nothing may succeed before the job gives up in this process.
const PATIENCE: Duration = Duration::from_mins(15);

/// Between two tries of one call.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// What the org says of a record that is not in the recycle bin, in its own words; rows that are
/// live before the call are told so without one. Source: statusCode of `undelete()`.
const NOT_BINNED: &str = "UNDELETE_FAILED:entity is not in the recycle bin:--";

/// The code of that refusal.
const NOT_BINNED_CODE: &str = "UNDELETE_FAILED:";

/// Carries out what the journal does not hold yet.
///
/// `Err` leaves the job where it is, to be gone on with by another process.
pub(super) async fn carry_out(org: &Salesforce, job: &Job, body: &Path) -> Result<(), Fault> {
    let broken = |error: io::Error| disk(body, &error);
    let path = body.to_owned();
    let opened = blocking(move || {
        let mut batches = Batches::open(&path)?;
        let (journal, found) = Journal::open(&path)?;
        for _ in 0..found.calls {
            batches.next()?;
        }
        Ok((batches, journal, found))
    });
    let (mut batches, mut journal, found) = opened.await.map_err(broken)?;
    let Found { rows, failed, mut look, .. } = found;
    job.count(rows, failed);
    loop {
        let (read, batch) = blocking(move || {
            let batch = batches.next()?;
            Ok((batches, batch))
        })
        .await
        .map_err(broken)?;
        batches = read;
        if batch.is_empty() {
            return Ok(());
        }
        // An earlier process may have made the call that its look was for.
        let doubtful = look.is_some();
        let before = if let Some(before) = look.take() {
            if before.len() != batch.len() {
                return Err(broken(io::Error::other("its journal is of other rows")));
            }
            before
        } else {
            let before = seen(org, &job.work, &batch).await?;
            let kept = before.clone();
            let looked = blocking(move || journal.look(&kept).map(|()| journal));
            journal = looked.await.map_err(broken)?;
            before
        };
        let verdicts = restore(org, &job.work, &batch, &before, doubtful).await?;
        let failed = verdicts.iter().filter(|verdict| matches!(verdict, Verdict::Refused(_)));
        let (rows, failed) = (verdicts.len() as u64, failed.count() as u64);
        journal =
            blocking(move || journal.done(&verdicts).map(|()| journal)).await.map_err(broken)?;
        job.count(rows, failed);
    }
}

/// One call, with as many looks and repeats as it takes.
///
/// `doubtful`: a call for these rows may have been made already.
async fn restore(
    org: &Salesforce,
    object: &ObjectName,
    batch: &[Row],
    before: &[State],
    mut doubtful: bool,
) -> Result<Vec<Verdict>, Fault> {
    let mut verdicts: Vec<Option<Verdict>> =
        batch.iter().zip(before).map(|(row, before)| told_before(row, before)).collect();
    let mut waits = Waits::new();
    loop {
        let open = open_of(&verdicts);
        if doubtful && !open.is_empty() {
            let rows: Vec<Row> = open.iter().map(|at| batch[*at].clone()).collect();
            let now = seen(org, object, &rows).await?;
            for (at, now) in open.iter().zip(now) {
                verdicts[*at] = settled(&before[*at], &now);
            }
        }
        let open = open_of(&verdicts);
        if open.is_empty() {
            return Ok(verdicts.into_iter().flatten().collect());
        }
        let ids: Vec<RecordId> = open.iter().filter_map(|at| batch[*at].id).collect();
        match call(org, &ids).await {
            Outcome::Done(answers) => {
                let mut late = Vec::new();
                for (at, answer) in open.into_iter().zip(answers) {
                    late.extend((doubtful && is_not_binned(&answer)).then_some(at));
                    verdicts[at] = Some(answer);
                }
                // The call whose answer was lost may have arrived only after the look.
                let rows: Vec<Row> = late.iter().map(|at| batch[*at].clone()).collect();
                let now = seen(org, object, &rows).await?;
                for (at, now) in late.into_iter().zip(now) {
                    if let Some(Verdict::Found) = settled(&before[at], &now) {
                        verdicts[at] = Some(Verdict::Found);
                    }
                }
                doubtful = false;
            }
            Outcome::NotDone(fault) | Outcome::Unknown(fault) => {
                waits.after(org, fault).await?;
                doubtful = true;
            }
        }
    }
}

/// What can be said of a row without a call.
fn told_before(row: &Row, before: &State) -> Option<Verdict> {
    if row.id.is_none() {
        let cell = String::from_utf8_lossy(&row.cell);
        return Some(Verdict::Refused(format!("MALFORMED_ID:malformed id {cell}:--")));
    }
    (*before == State::Live).then(|| Verdict::Refused(NOT_BINNED.to_owned()))
}

/// What a look after a call that is in doubt says of a row; `None`: no call has reached it.
fn settled(before: &State, now: &State) -> Option<Verdict> {
    match (before, now) {
        (State::Binned(_) | State::Absent, State::Live) => Some(Verdict::Found),
        (State::Binned(then), State::Binned(now)) if then != now => {
            Some(Verdict::Refused(DELETED_SINCE.to_owned()))
        }
        _ => None,
    }
}

/// It was changed between two looks and is in the bin: restored and deleted again, whoever did it.
const DELETED_SINCE: &str =
    "DELETED_SINCE:the answer to the undelete was lost, and the record was deleted again since:--";

fn is_not_binned(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Refused(text) if text.starts_with(NOT_BINNED_CODE))
}

fn open_of(verdicts: &[Option<Verdict>]) -> Vec<usize> {
    (0..verdicts.len()).filter(|at| verdicts[*at].is_none()).collect()
}

/// One `undelete()`: a result for each Id, in their order. Source: SOAP API, `UndeleteResult`.
async fn call(org: &Salesforce, ids: &[RecordId]) -> Outcome<Vec<Verdict>> {
    let list: String = ids.iter().flat_map(|id| ["<ids>", id.as_str(), "</ids>"]).collect();
    let body = format!("<undelete>{list}</undelete>");
    let answer =
        match soap::call(org, "take records out of the recycle bin", "undelete", &body).await {
            Outcome::Done(answer) => answer,
            Outcome::NotDone(fault) => return Outcome::NotDone(fault),
            Outcome::Unknown(fault) => return Outcome::Unknown(fault),
        };
    let results = answer.children.iter().filter(|child| child.name == "result");
    let verdicts: Option<Vec<Verdict>> =
        results.zip(ids).map(|(result, id)| verdict(result, *id)).collect();
    if let Some(verdicts) = verdicts.filter(|verdicts| verdicts.len() == ids.len()) {
        return Outcome::Done(verdicts);
    }
    let text = format!("`{}` has answered for other records", org.session.host());
    Outcome::Unknown(errors::nonsense(org.session.client(), &text))
}

/// `None` where the answer is for another record, or does not say.
fn verdict(result: &Element, id: RecordId) -> Option<Verdict> {
    if result.text_of("success")? == "true" {
        let own = RecordId::parse(result.text_of("id")?.as_bytes()).ok()?;
        return (own == id).then_some(Verdict::Restored);
    }
    let error = result.child("errors")?;
    let fields = error.children.iter().filter(|child| child.name == "fields");
    let fields: Vec<&str> = fields.map(|field| field.text.as_str()).collect();
    let code = error.text_of("statusCode").unwrap_or("UNKNOWN_EXCEPTION");
    let message = error.text_of("message").unwrap_or_default();
    Some(Verdict::Refused(format!("{code}:{message}:{} --", fields.join(","))))
}

/// Where the records of the rows are now; asked for as long as there is hope.
async fn seen(org: &Salesforce, object: &ObjectName, rows: &[Row]) -> Result<Vec<State>, Fault> {
    let ids: Vec<RecordId> = rows.iter().filter_map(|row| row.id).collect();
    let mut waits = Waits::new();
    let found = loop {
        match look(org, object, &ids).await {
            Ok(found) => break found,
            Err(fault) => waits.after(org, fault).await?,
        }
    };
    let state = |row: &Row| row.id.and_then(|id| found.get(&id).cloned()).unwrap_or(State::Absent);
    Ok(rows.iter().map(state).collect())
}

/// Which of the records are in the recycle bin.
pub(in super::super) async fn binned(
    org: &Salesforce,
    object: &ObjectName,
    ids: &[String],
) -> Result<Vec<bool>, Fault> {
    let mut all = Vec::with_capacity(ids.len());
    for some in ids.chunks(ROWS_OF_A_CALL) {
        let parsed = some.iter().map(|id| RecordId::parse(id.as_bytes()).ok());
        let parsed: Vec<Option<RecordId>> = parsed.collect();
        let asked: Vec<RecordId> = parsed.iter().flatten().copied().collect();
        let found = look(org, object, &asked).await?;
        let is_binned = |id: &Option<RecordId>| {
            id.is_some_and(|id| matches!(found.get(&id), Some(State::Binned(_))))
        };
        all.extend(parsed.iter().map(is_binned));
    }
    Ok(all)
}

/// What the org says of some records, of one call's number at most. Source: `queryAll` has deleted
/// records too, with `IsDeleted`; each delete and undelete moves `SystemModstamp`.
async fn look(
    org: &Salesforce,
    object: &ObjectName,
    ids: &[RecordId],
) -> Result<HashMap<RecordId, State>, Fault> {
    let mut found = HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let list: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
    let soql = format!(
        "SELECT Id,IsDeleted,SystemModstamp FROM {object} WHERE Id IN ({})",
        list.join(",")
    );
    let mut page = either(query::page(org, &soql, true).await)?;
    loop {
        for row in &page.records {
            let text = |name: &str| row.get(name).and_then(serde_json::Value::as_str);
            let Some(id) = text("Id").and_then(|id| RecordId::parse(id.as_bytes()).ok()) else {
                continue;
            };
            let deleted = row.get("IsDeleted").and_then(serde_json::Value::as_bool);
            let stamp = text("SystemModstamp").unwrap_or_default().to_owned();
            let state = if deleted == Some(true) { State::Binned(stamp) } else { State::Live };
            found.insert(id, state);
        }
        let Some(next) = &page.next_records_url else { return Ok(found) };
        page = query::next_page(org, next).await?;
    }
}

/// The waits of one call.
struct Waits {
    begun: Instant,
    pause: Duration,
}

impl Waits {
    fn new() -> Self {
        Self { begun: Instant::now(), pause: PAUSE_MIN }
    }

    /// Waits, if the trouble may pass by itself and has not lasted for too long.
    async fn after(&mut self, org: &Salesforce, fault: Fault) -> Result<(), Fault> {
        match fault.class {
            FaultClass::Unavailable | FaultClass::Protocol => {}
            FaultClass::Access | FaultClass::Limit | FaultClass::Disk => return Err(fault),
            // Nobody but a person can do something about it, and the job is to stay as it is.
            FaultClass::Refused | FaultClass::Gone | FaultClass::State => {
                return Err(Fault { class: FaultClass::Access, ..fault });
            }
        }
        if self.begun.elapsed() > PATIENCE {
            return Err(worn_out(fault));
        }
        org.session.client().tell(&fault.message, self.pause);
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        Ok(())
    }
}

fn worn_out(fault: Fault) -> Fault {
    let minutes = PATIENCE.as_secs() / 60;
    Fault {
        class: FaultClass::Limit,
        message: format!("nothing has succeeded for {minutes} minutes: {}", fault.message),
        hints: vec!["`longshore resume` goes on, and asks before it calls again".to_owned()],
        ..fault
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
