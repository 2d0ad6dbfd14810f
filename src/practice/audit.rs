//! What has happened to the org, written independently of what it answers.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::org::Value;
use super::store::{Act, Effect, Rid, Slot};

/// Requests that are remembered; the oldest go first.
const REQUESTS_KEPT: usize = 100_000;
/// Every so many entries the place of one is noted, so that a reader need not start at the first.
const STRIDE: u64 = 256;

/// The log of every effect and every request. The oracle of the tests.
///
/// Entries are packed, about 30 bytes for an assignment; an org on disk writes the same entries to
/// `audit.jsonl` (see [`super::journal`]).
#[derive(Default)]
pub struct Audit {
    log: Mutex<Log>,
    requests: Mutex<VecDeque<Request>>,
}

/// One effect on one record.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Runs from 1 without gaps.
    pub number: u64,
    pub object: &'static str,
    /// `insert`, `update`, `delete`, `hardDelete` or `undelete`.
    pub verb: &'static str,
    pub id: String,
    pub job: Option<String>,
    /// The values that were applied, by field.
    pub fields: Vec<(&'static str, Value)>,
}

/// A request that was served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub path: String,
}

impl Audit {
    /// Effects so far; the seed has none.
    pub fn len(&self) -> u64 {
        self.log().count
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The effects after number `n`, oldest first.
    pub fn entries_since(&self, n: u64) -> Vec<Entry> {
        let mut entries = Vec::new();
        self.each_since(n, |entry| entries.push(entry));
        entries
    }

    /// Calls `seen` with each effect after number `n`, oldest first.
    pub fn each_since(&self, n: u64, mut seen: impl FnMut(Entry)) {
        self.log().each_since(n, &mut seen);
    }

    /// Notes a request.
    pub fn request(&self, method: &str, path: &str) {
        let request = Request { method: method.to_owned(), path: path.to_owned() };
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if requests.len() == REQUESTS_KEPT {
            requests.pop_front();
        }
        requests.push_back(request);
    }

    /// The last 100,000 requests, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().cloned().collect()
    }

    pub(super) fn record(&self, effects: &[Effect], job: Option<&str>) {
        let mut log = self.log();
        for effect in effects {
            log.push(effect, job);
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Default)]
struct Log {
    count: u64,
    packed: Vec<u8>,
    /// Where entries 1, 257, 513… start.
    marks: Vec<usize>,
    jobs: Vec<String>,
}

impl Log {
    fn push(&mut self, effect: &Effect, job: Option<&str>) {
        if self.count.is_multiple_of(STRIDE) {
            self.marks.push(self.packed.len());
        }
        self.count += 1;
        let job = job.map_or(0, |job| self.job_number(job));
        let out = &mut self.packed;
        put_number(out, effect.target.to_bits());
        put_number(out, effect.act as u64);
        put_number(out, job);
        put_number(out, effect.values.len() as u64);
        for (place, slot) in &effect.values {
            put_number(out, u64::from(*place));
            put_slot(out, slot);
        }
    }

    /// 1 for the first job; the newest is looked for first.
    fn job_number(&mut self, job: &str) -> u64 {
        if let Some(at) = self.jobs.iter().rposition(|known| known == job) {
            return at as u64 + 1;
        }
        self.jobs.push(job.to_owned());
        self.jobs.len() as u64
    }

    fn each_since(&self, n: u64, seen: &mut dyn FnMut(Entry)) {
        let block = usize::try_from(n / STRIDE).unwrap_or(usize::MAX);
        let Some(start) = self.marks.get(block) else { return };
        let mut rest = &self.packed[*start..];
        let mut number = n / STRIDE * STRIDE;
        while let Some(mut entry) = self.read(&mut rest) {
            number += 1;
            entry.number = number;
            if number > n {
                seen(entry);
            }
        }
    }

    fn read(&self, rest: &mut &[u8]) -> Option<Entry> {
        let target = Rid::from_bits(take_number(rest)?)?;
        let act = take_number(rest)?;
        let job = usize::try_from(take_number(rest)?).ok()?;
        let object = target.object();
        let fields = (0..take_number(rest)?)
            .map(|_| {
                let place = usize::try_from(take_number(rest)?).ok()?;
                Some((object.fields[place].name, take_slot(rest)?.to_value()))
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Entry {
            number: 0,
            object: object.name(),
            verb: act_of(act).name(),
            id: target.spell(),
            job: job.checked_sub(1).map(|at| self.jobs[at].clone()),
            fields,
        })
    }
}

fn act_of(number: u64) -> Act {
    let all = [Act::Insert, Act::Update, Act::Delete, Act::HardDelete];
    all.into_iter().find(|act| *act as u64 == number).unwrap_or(Act::Undelete)
}

/// Seven bits a byte, the low ones first.
fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7F {
        out.push(u8::try_from(number & 0x7F).unwrap_or_default() | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or_default());
}

fn take_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        number |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(number)
}

fn put_slot(out: &mut Vec<u8>, slot: &Slot<'_>) {
    match slot {
        Slot::Null => out.push(0),
        Slot::Bool(value) => out.push(1 + u8::from(*value)),
        Slot::Int(value) => put_tagged(out, 3, value.cast_unsigned()),
        Slot::Double(value) => put_tagged(out, 4, value.to_bits()),
        Slot::Text(text) => {
            put_tagged(out, 5, text.len() as u64);
            out.extend_from_slice(text.as_bytes());
        }
        Slot::Date(days) => put_tagged(out, 6, i64::from(*days).cast_unsigned()),
        Slot::DateTime(ms) => put_tagged(out, 7, ms.cast_unsigned()),
        Slot::Ref(rid) => put_tagged(out, 8, rid.to_bits()),
    }
}

fn put_tagged(out: &mut Vec<u8>, tag: u8, number: u64) {
    out.push(tag);
    put_number(out, number);
}

fn take_slot(rest: &mut &[u8]) -> Option<Slot<'static>> {
    let (tag, tail) = rest.split_first()?;
    *rest = tail;
    Some(match tag {
        0 => Slot::Null,
        1 | 2 => Slot::Bool(*tag == 2),
        3 => Slot::Int(take_number(rest)?.cast_signed()),
        4 => Slot::Double(f64::from_bits(take_number(rest)?)),
        5 => {
            let length = usize::try_from(take_number(rest)?).ok()?;
            let (text, tail) = rest.split_at_checked(length)?;
            *rest = tail;
            Slot::Text(Cow::Owned(String::from_utf8_lossy(text).into_owned()))
        }
        6 => Slot::Date(i32::try_from(take_number(rest)?.cast_signed()).ok()?),
        7 => Slot::DateTime(take_number(rest)?.cast_signed()),
        _ => Slot::Ref(Rid::from_bits(take_number(rest)?)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::practice::objects::find;

    fn effect(number: u32, values: Vec<(u16, Slot<'static>)>) -> Effect {
        let target = Rid::new(find("Account").unwrap(), number);
        Effect { target, act: Act::Update, at: 0, values }
    }

    #[test]
    fn what_is_recorded_is_read_back() {
        let account = find("Account").unwrap();
        let place = |name: &str| u16::try_from(account.position(name).unwrap()).unwrap();
        let user = Rid::new(find("User").unwrap(), 7);
        let audit = Audit::default();
        let values = vec![
            (place("Name"), Slot::from("Møller & Søn")),
            (place("AnnualRevenue"), Slot::Double(-1.5)),
            (place("NumberOfEmployees"), Slot::Int(-3)),
            (place("OwnerId"), Slot::Ref(user)),
            (place("Site"), Slot::Null),
        ];
        audit.record(&[effect(4, values)], Some("750x"));
        let entry = &audit.entries_since(0)[0];
        assert_eq!((entry.number, entry.object, entry.verb), (1, "Account", "update"));
        assert_eq!(entry.job.as_deref(), Some("750x"));
        assert_eq!(
            entry.fields,
            [
                ("Name", Value::Text("Møller & Søn".to_owned())),
                ("AnnualRevenue", Value::Double(-1.5)),
                ("NumberOfEmployees", Value::Int(-3)),
                ("OwnerId", Value::Text(user.spell())),
                ("Site", Value::Null),
            ]
        );
    }

    #[test]
    fn reading_starts_where_it_is_told() {
        let audit = Audit::default();
        let effects: Vec<Effect> = (0..1_000).map(|number| effect(number, Vec::new())).collect();
        audit.record(&effects, None);
        for n in [0, 1, 255, 256, 257, 511, 998, 999, 1_000, 5_000] {
            let numbers: Vec<u64> = audit.entries_since(n).iter().map(|e| e.number).collect();
            assert_eq!(numbers, (n + 1..=1_000).collect::<Vec<u64>>(), "after {n}");
        }
    }

    #[test]
    fn requests_are_kept_in_order() {
        let audit = Audit::default();
        audit.request("GET", "/services/data");
        audit.request("POST", "/services/data/v66.0/jobs/ingest");
        let methods: Vec<String> = audit.requests().into_iter().map(|r| r.method).collect();
        assert_eq!(methods, ["GET", "POST"]);
    }
}
