//! The world of one seed: an org, a wire, clocks, and what has happened so far.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use longshore::model::limits::DOWNLOADS_MAX;
use longshore::practice::switches::{
    ClearEcho, Echo, EmptyEcho, HeaderEcho, LineEndEcho, NumberEcho, ResultStyle, RunningResults,
    SecondPut, Switches,
};
use longshore::practice::{Org, Practice, SeedSize};

use super::dice::Dice;
use super::load::Load;
use super::tricks::{Kind, Weather};

/// When every scene begins: 2026-11-20T09:00:00Z.
const BEGAN: i64 = 1_795_165_200_000;

/// What orgs say of their objects, by path.
static DESCRIBED: Mutex<BTreeMap<String, http::Response<Bytes>>> = Mutex::new(BTreeMap::new());

/// Everything that outlives a process of the engine.
pub struct Scene {
    pub seed: u64,
    pub folder: tempfile::TempDir,
    pub practice: Practice,
    pub load: Load,
    pub weather: Weather,
    /// Effects in the audit log before the load.
    pub before: u64,
    pub mutant: Option<Mutant>,
    state: Mutex<State>,
}

#[derive(Default)]
pub struct State {
    /// Milliseconds since the scene began.
    pub now: u64,
    /// Milliseconds by which the wall clock here is off.
    pub wall_off: i64,
    /// When the org next does something of its own accord.
    next_step: u64,
    calls: BTreeMap<Kind, u64>,
    calls_to: BTreeMap<String, u64>,
    pub calls_in_all: u64,
    /// When the weather clears.
    pub clears: u64,
    pub late: Vec<Parcel>,
    pub created: BTreeSet<String>,
    /// Downloads of each job's results that ended early without a sign.
    shortened: BTreeMap<String, u32>,
    /// What the org holds of each job, and which were told to start.
    pub bodies: BTreeMap<String, Vec<u8>>,
    pub started: BTreeSet<String>,
    /// Jobs of which nobody can tell any more what became of their rows.
    pub proof_gone: BTreeSet<String>,
    /// Whatever fired, by name.
    pub fired: BTreeMap<String, u64>,
    pub wrong: Vec<String>,
    /// What happened on the wire, for people.
    pub story: Vec<String>,
    /// What happens when this time of the scene is reached.
    turns: Vec<(u64, Turn)>,
    /// Jobs of which the wire lies, for the test of the test.
    lied: BTreeSet<String>,
}

/// What happens around the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Somebody asks the engine to stop in good order.
    Interrupted,
    DayForward,
    HourBack,
    /// A week passes at the far side, and with it what it keeps of jobs.
    Expired,
}

/// What is made wrong on purpose, so that the oracle must see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutant {
    /// A job that was started is said to be open and spoiled, so that it is replaced.
    StartedJobsSpoiled,
    /// Two rows of a result file have their Ids exchanged.
    IdsExchanged,
    /// A result file comes without its rows, however often it is asked for.
    ResultsWithheld,
    /// The engine makes another job when the answer to a commit was lost.
    LostCommitsReplaced,
}

impl Mutant {
    pub const ALL: [Self; 4] = [
        Self::StartedJobsSpoiled,
        Self::IdsExchanged,
        Self::ResultsWithheld,
        Self::LostCommitsReplaced,
    ];
}

/// A request that arrives at a time of its own.
#[derive(Clone)]
pub struct Parcel {
    pub due: u64,
    pub name: &'static str,
    pub method: Method,
    pub uri: http::Uri,
    pub headers: http::HeaderMap,
    pub body: Bytes,
}

impl Scene {
    pub fn new(seed: u64, mutant: Option<Mutant>) -> Arc<Self> {
        let org = Org::without_records(&SeedSize { users: 1, permission_sets: 1 });
        let org = org.with_switches(switches(&mut Dice::of(seed, "switches")));
        let load = Load::roll(seed, &org);
        let before = org.audit().len();
        let weather = Weather::roll(seed);
        let mut state = State { clears: weather.clears, ..State::default() };
        let mut dice = Dice::of(seed, "turns");
        for (percent, turn) in [
            (10, Turn::Interrupted),
            (20, Turn::DayForward),
            (20, Turn::HourBack),
            (2, Turn::Expired),
        ] {
            if dice.chance(percent) {
                state.turns.push((dice.roll(1, 9_000), turn));
            }
        }
        Arc::new(Self {
            seed,
            folder: folder(),
            practice: Practice::stepped(org).unwrap(),
            load,
            weather,
            before,
            mutant,
            state: Mutex::new(state),
        })
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// What the wall clock here says.
    pub fn now(&self) -> jiff::Timestamp {
        let state = self.state();
        let ms = BEGAN + i64::try_from(state.now).unwrap() + state.wall_off;
        jiff::Timestamp::from_millisecond(ms).unwrap()
    }

    pub fn fired(&self, name: &str) {
        *self.state().fired.entry(name.to_owned()).or_default() += 1;
    }

    /// The folder of a run.
    pub fn root(&self, number: u32) -> PathBuf {
        self.folder.path().join("runs").join(number.to_string())
    }

    /// Something that must not happen, whatever comes of it.
    pub fn wrong(&self, what: impl Display) {
        self.tell(format_args!("WRONG, {what}"));
        self.state().wrong.push(format!("WRONG, {what}"));
    }

    pub fn tell(&self, what: impl Display) {
        let mut state = self.state();
        let line = format!("{:>9} ms  {what}", state.now);
        state.story.push(line);
    }

    /// The number of this call among those of its kind to this path, from 1, and of all.
    pub fn count(&self, kind: Kind, path: &str) -> (u64, u64) {
        let mut state = self.state();
        state.calls_in_all += 1;
        *state.calls.entry(kind).or_default() += 1;
        let nth = state.calls_to.entry(path.to_owned()).or_default();
        *nth += 1;
        (*nth, state.calls_in_all)
    }

    /// What turns at this time; says whether the engine is to stop.
    pub fn turns(&self) -> bool {
        let mut state = self.state();
        let time = state.now;
        let (now, later) = state.turns.drain(..).partition(|(at, _)| *at <= time);
        state.turns = later;
        let mut stop = false;
        for (_, turn) in now {
            let name = match turn {
                Turn::Interrupted => "interrupted",
                Turn::DayForward => "clock a day ahead",
                Turn::HourBack => "clock an hour back",
                Turn::Expired => "jobs expired",
            };
            match turn {
                Turn::Interrupted => stop = true,
                Turn::DayForward => state.wall_off += 86_400_000,
                Turn::HourBack => state.wall_off -= 3_600_000,
                Turn::Expired => {
                    self.practice.clock().advance_ms(8 * 86_400_000);
                    let all: Vec<String> = state.created.iter().cloned().collect();
                    state.proof_gone.extend(all);
                }
            }
            *state.fired.entry(name.to_owned()).or_default() += 1;
            let line = format!("{:>9} ms  {name}", state.now);
            state.story.push(line);
        }
        stop
    }

    /// Lets so much time pass for everybody but the engine, whose time is tokio's.
    ///
    /// Gives the requests that arrive now.
    pub fn pass(&self, ms: u64) -> Vec<Parcel> {
        let mut state = self.state();
        state.now += ms;
        let now = state.now;
        let step = now >= state.next_step;
        if step {
            let mut dice = Dice::of(self.seed, &format!("step {now}"));
            state.next_step = now + dice.pick(&[10, 10, 100, 700]);
        }
        let (due, later) = state.late.drain(..).partition(|parcel| parcel.due <= now);
        state.late = later;
        drop(state);
        if step {
            self.practice.step();
        }
        due
    }

    /// The answer to this request ends early without a sign; after so many downloads in a row the
    /// engine may take the results for incomplete.
    pub fn shortened(&self, asked: &Parcel) {
        let job = asked.uri.path().split('/').nth(6).unwrap_or_default().to_owned();
        let mut state = self.state();
        let times = state.shortened.entry(job.clone()).or_default();
        *times += 1;
        if *times >= DOWNLOADS_MAX {
            state.proof_gone.insert(job);
        }
    }

    /// From now on nothing goes wrong any more.
    pub fn calm(&self) {
        let mut state = self.state();
        state.clears = 0;
        state.turns.clear();
    }

    /// Whether anything is still to come without the engine.
    pub fn is_over(&self) -> bool {
        self.state().late.is_empty() && !self.practice.step()
    }

    /// Hands a request to the org and keeps the books on what it did.
    pub async fn deliver(&self, parcel: &Parcel) -> http::Response<Bytes> {
        let path = parcel.uri.path().to_owned();
        // Descriptions are long, and the same in every org.
        let described = path.ends_with("/describe") || path.ends_with("/sobjects");
        if let Some(told) = DESCRIBED.lock().unwrap().get(&path).filter(|_| described) {
            return told.clone();
        }
        let told = self.ask_org(parcel, &path).await;
        if described && told.status().is_success() {
            DESCRIBED.lock().unwrap().insert(path, told.clone());
        }
        told
    }

    async fn ask_org(&self, parcel: &Parcel, path: &str) -> http::Response<Bytes> {
        let kind = Kind::of(&parcel.method, path, &parcel.body);
        let trouble = (kind == Kind::Create).then(|| self.arm()).flatten();
        let mut request = Request::new(
            Full::new(parcel.body.clone()).map_err(|never| match never {}).boxed_unsync(),
        );
        *request.method_mut() = parcel.method.clone();
        *request.uri_mut() = parcel.uri.clone();
        *request.headers_mut() = parcel.headers.clone();
        let (head, body) = self.practice.call(request).await.into_parts();
        self.practice.mischief().clear();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap();
        if head.status.is_success() {
            self.note(kind, path, parcel, &body, trouble);
        }
        http::Response::from_parts(head, body)
    }

    fn note(&self, kind: Kind, path: &str, asked: &Parcel, told: &[u8], trouble: Option<bool>) {
        let job = || path.split('/').nth(6).unwrap_or_default().to_owned();
        let mut state = self.state();
        match kind {
            Kind::Create => {
                let told: serde_json::Value = serde_json::from_slice(told).unwrap();
                let job = told["id"].as_str().unwrap().to_owned();
                if trouble == Some(true) {
                    state.proof_gone.insert(job.clone());
                }
                state.created.insert(job);
            }
            Kind::Upload => {
                // A second upload is drained, and the job is never started.
                state.bodies.entry(job()).or_insert_with(|| asked.body.to_vec());
            }
            Kind::Commit => {
                let now = state.now;
                let ordinal = state.started.len();
                state.started.insert(job());
                if let Some(act) = self.person(ordinal, now, &job()) {
                    state.late.push(act);
                }
            }
            _ if asked.method == Method::DELETE => {
                state.proof_gone.insert(job());
            }
            _ => {}
        }
        if matches!(asked.name, "aborted by a person" | "deleted by a person") {
            *state.fired.entry(asked.name.to_owned()).or_default() += 1;
        }
    }

    /// What somebody else does to a started job.
    fn person(&self, ordinal: usize, now: u64, job: &str) -> Option<Parcel> {
        let mut dice = Dice::of(self.seed, &format!("person {ordinal}"));
        let (name, method, body) = match dice.roll(0, 40) {
            0 => ("aborted by a person", Method::PATCH, r#"{"state":"Aborted"}"#),
            1 => ("deleted by a person", Method::DELETE, ""),
            _ => return None,
        };
        let mut headers = http::HeaderMap::new();
        let token = format!("Bearer {}", self.practice.issue_token());
        headers.insert(http::header::AUTHORIZATION, token.parse().unwrap());
        let uri = format!("http://localhost/services/data/v62.0/jobs/ingest/{job}");
        let due = now + dice.pick(&[1, 100, 1_000, 4_000]);
        let body = Bytes::from_static(body.as_bytes());
        Some(Parcel { due, name, method, uri: uri.parse().unwrap(), headers, body })
    }

    /// Whether the wire now lies about a job that was started.
    pub fn lies(&self, asked: &Parcel) -> bool {
        let kind = Kind::of(&asked.method, asked.uri.path(), &asked.body);
        let lies = self.mutant == Some(Mutant::StartedJobsSpoiled) && kind == Kind::Commit;
        if lies {
            let job = asked.uri.path().split('/').nth(6).unwrap_or_default().to_owned();
            self.state().lied.insert(job);
        }
        lies
    }

    /// What a mutant makes of an answer.
    pub fn bend(&self, asked: &Parcel, told: http::Response<Bytes>) -> http::Response<Bytes> {
        let path = asked.uri.path();
        let (mut head, body) = told.into_parts();
        let bent = match self.mutant {
            Some(Mutant::StartedJobsSpoiled) => {
                let job = path.split('/').nth(6).unwrap_or_default();
                let asks = asked.method == Method::GET && self.state().lied.contains(job);
                asks.then(|| {
                    let mut told: serde_json::Value = serde_json::from_slice(&body).unwrap();
                    told["state"] = "Open".into();
                    told.to_string()
                })
            }
            Some(Mutant::IdsExchanged) if path.ends_with("successfulResults") => exchange(&body),
            Some(Mutant::ResultsWithheld) if path.ends_with("successfulResults") => {
                Some(String::new())
            }
            _ => None,
        };
        let Some(bent) = bent else { return http::Response::from_parts(head, body) };
        head.headers.remove(http::header::CONTENT_LENGTH);
        http::Response::from_parts(head, Bytes::from(bent))
    }

    /// Trouble for the job that is created next; says whether it takes the proof of rows away.
    fn arm(&self) -> Option<bool> {
        use longshore::practice::mischief::{Fault, Rule};
        let nth = self.state().calls.get(&Kind::Create).copied().unwrap_or_default();
        let mut dice = Dice::of(self.seed, &format!("job {nth}"));
        let after_rows = dice.roll(0, 8);
        let (name, fault) = match dice.roll(0, 24) {
            0 => {
                let message = "InternalServerError : it broke".to_owned();
                ("job failed half-way", Fault::FailJob { after_rows, message })
            }
            1 => ("job aborted half-way", Fault::AbortJob { after_rows }),
            2 => ("results left out", Fault::DropResults { every: dice.roll(1, 6) }),
            3 | 4 => ("rows locked", Fault::LockRows { every: dice.roll(2, 5) }),
            5 | 6 => ("order kept", Fault::KeepOrder),
            _ => return None,
        };
        let gone = matches!(fault, Fault::DropResults { .. });
        let (method, path) = ("POST".to_owned(), "*/jobs/ingest".to_owned());
        self.practice.mischief().add(Rule { method, path, nth: 1, times: 1, fault });
        self.fired(name);
        Some(gone)
    }
}

/// Names of what [`Scene`] itself does wrong.
pub const TROUBLES: [&str; 17] = [
    "killed before a call",
    "killed after a call",
    "killed at an instant",
    "killed at a file",
    "file failed",
    "interrupted",
    "clock a day ahead",
    "clock an hour back",
    "jobs expired",
    "job failed half-way",
    "job aborted half-way",
    "results left out",
    "rows locked",
    "rows sent again",
    "order kept",
    "aborted by a person",
    "deleted by a person",
];

/// A result file whose first two rows have each other's Id.
fn exchange(body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let ids: Vec<&str> =
        text.match_indices("\n\"001").filter_map(|(at, _)| text.get(at + 1..at + 21)).collect();
    let (one, other) = (*ids.first()?, *ids.get(1)?);
    let bent = text.replacen(one, "@", 1).replacen(other, one, 1).replacen('@', other, 1);
    text.starts_with('"').then_some(bent)
}

/// A private folder, in memory where there is such a place: a sync costs nothing there.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

fn switches(dice: &mut Dice) -> Switches {
    Switches {
        echo_numbers: dice.pick(&[NumberEcho::JavaDouble, NumberEcho::Plain, NumberEcho::Verbatim]),
        echo_booleans: dice.pick(&[Echo::Canonical, Echo::Verbatim]),
        echo_dates: dice.pick(&[Echo::Canonical, Echo::Verbatim]),
        echo_clear: dice.pick(&[ClearEcho::Blank, ClearEcho::Verbatim]),
        echo_empty: dice.pick(&[EmptyEcho::Blank, EmptyEcho::ClearMark]),
        echo_line_ends: dice.pick(&[LineEndEcho::Verbatim, LineEndEcho::Lf]),
        echo_trims_text: dice.chance(50),
        result_line_ending: dice.pick(&[ResultStyle::AsTheJob, ResultStyle::Fixed]),
        header_echo: dice.pick(&[HeaderEcho::Verbatim, HeaderEcho::Quoted, HeaderEcho::Canonical]),
        failed_rows_repeat_bad_ids: dice.chance(50),
        second_put: dice.pick(&[SecondPut::AtPut, SecondPut::AtPatch]),
        running_results: dice.pick(&[RunningResults::Refused, RunningResults::Partial]),
        ..Switches::default()
    }
}
