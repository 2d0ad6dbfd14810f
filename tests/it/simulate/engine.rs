//! One process of the engine: a runtime whose time goes on only when all is still.

use std::sync::Arc;
use std::time::Duration;

use longshore::faults;
use longshore::http::client::{Client, Settings};
use longshore::model::failure::Failure;
use longshore::model::secret::Secret;
use longshore::model::sign_in::{Grant, SignIn};
use longshore::pipeline::assent::Assent;
use longshore::pipeline::budget::Budget;
use longshore::pipeline::event::{Event, Summary, Watch};
use longshore::pipeline::guards::Guards;
use longshore::pipeline::resume::resume;
use longshore::pipeline::run::{self, Seed, Stop, Tools};
use longshore::practice::{CLIENT_ID, CLIENT_SECRET};
use longshore::target::salesforce::Salesforce;

use super::dice::Dice;
use super::scene::Scene;
use super::still::Threads;
use super::wire::{Death, End, Wire};

/// Milliseconds after which a process that has not ended hangs: a week.
const HANGS: u64 = 7 * 86_400_000;

/// What the engine is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// The load, in a run of this number.
    Load(u32),
    /// To go on with that run.
    Resume(u32),
    /// Nothing: the world goes on without it until all is at rest.
    Rest,
}

/// How a process ended.
pub enum Came {
    /// By itself, in good order or not.
    Home(Box<Result<Summary, Failure>>),
    Killed,
    /// There is nothing left to happen.
    Rested,
    /// Not within the bound of virtual time.
    Hung,
}

/// Runs one process from its start to its end.
pub fn process(scene: &Arc<Scene>, task: Task, fate: &Fate) -> Came {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .max_blocking_threads(6)
        .thread_keep_alive(Duration::from_hours(1))
        .build()
        .unwrap();
    let calls = scene.state().calls_in_all;
    let at = fate.death.map(|at| match at {
        Death::Call(nth, when) => Death::Call(calls + nth, when),
        Death::Time(ms) => Death::Time(ms),
    });
    let files = faults::plan(scene.folder.path(), fate.files.parse().unwrap());
    let end = Arc::new(End::new(at, fate.power, files));
    let came = runtime.block_on(async {
        let clock = tokio::spawn(keep_time(Arc::clone(scene), Arc::clone(&end), task));
        tokio::select! {
            biased;
            came = live(scene, task, &end) => Came::Home(Box::new(came)),
            came = clock => came.unwrap(),
        }
    });
    drop(runtime);
    if end.by_files() {
        scene.fired("killed at a file");
        return Came::Killed;
    }
    if end.file_faults() > 0 {
        scene.fired("file failed");
    }
    came
}

/// Lets time pass in growing steps while all is still; returns when the process is to be ended.
async fn keep_time(scene: Arc<Scene>, end: Arc<End>, task: Task) -> Came {
    let mut threads = Threads::new();
    let (mut step, mut lived, mut seen) = (1, 0, 0);
    loop {
        settle(&mut threads).await;
        if end.begins(|at| matches!(at, Death::Time(ms) if lived >= ms)) {
            scene.tell("the process is killed".to_owned());
            scene.fired("killed at an instant");
        }
        if end.is_dying() {
            return Came::Killed;
        }
        if task == Task::Rest && scene.is_over() {
            return Came::Rested;
        }
        if lived > HANGS {
            return Came::Hung;
        }
        // Where something happened time is looked at closely; where not, in longer strides.
        let told = scene.state().story.len();
        step = if told == seen { (step * 4).min(60_000) } else { 50 };
        seen = told;
        lived += step;
        if task != Task::Rest && scene.turns() {
            end.stop.notify_one();
        }
        for parcel in scene.pass(step) {
            scene.tell(format!("{} {} arrives late", parcel.method, parcel.uri.path()));
            let scene = Arc::clone(&scene);
            tokio::spawn(async move { scene.deliver(&parcel).await });
        }
        tokio::time::advance(Duration::from_millis(step)).await;
    }
}

/// Returns when nothing happens any more unless a timer fires.
async fn settle(threads: &mut Threads) {
    loop {
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        if threads.still() {
            return;
        }
        rest();
    }
}

/// Leaves the processor to whoever is busy.
#[expect(clippy::disallowed_methods, reason = "other threads are waited for, not time")]
fn rest() {
    std::thread::sleep(Duration::from_micros(20));
}

/// The life of a process: sign in, and do what was asked.
async fn live(scene: &Arc<Scene>, task: Task, end: &Arc<End>) -> Result<Summary, Failure> {
    if task == Task::Rest {
        std::future::pending::<()>().await;
    }
    let random = Dice::of(scene.seed, "engine").next();
    let clock = Arc::clone(scene);
    let now = Arc::new(move || clock.now());
    let wire = Wire { scene: Arc::clone(scene), end: Arc::clone(end) };
    let client = Client::new(Arc::new(wire), Settings::new(random, now));
    let stop = Stop::new();
    let (asked, wish) = (stop.clone(), Arc::clone(end));
    tokio::spawn(async move {
        wish.stop.notified().await;
        asked.ask();
    });
    let target = Arc::new(Salesforce::sign_in(client, sign_in()).await?);
    let alias = "practice".to_owned();
    #[expect(clippy::cast_possible_truncation, reason = "any part of chance is chance")]
    let seed = Seed { started: scene.now(), random: random as u32 };
    let teller = Arc::new(Teller(Arc::clone(scene)));
    let guards = Guards::default();
    let budget = Budget::new(None, seed.started);
    let (watch, assent) = (teller.clone(), teller);
    let tools = Tools { watch, stop, assent, seed, guards, budget, jobs: None };
    match task {
        Task::Load(number) => {
            let plan = scene.load.plan(scene.folder.path(), &number.to_string());
            run::load(plan, target, alias, tools).await
        }
        Task::Resume(number) => resume(&scene.root(number), target, tools).await,
        Task::Rest => unreachable!("it never ends by itself"),
    }
}

fn sign_in() -> SignIn {
    SignIn {
        instance_url: "http://localhost".parse().unwrap(),
        login_url: None,
        grant: Grant::ClientCredentials {
            client_id: CLIENT_ID.to_owned(),
            client_secret: Secret::new(CLIENT_SECRET.to_owned()),
        },
        api_version: None,
    }
}

/// What befalls a process.
#[derive(Debug, Default)]
pub struct Fate {
    pub death: Option<Death>,
    /// Whether the power goes with it, and what is lost.
    pub power: Option<u64>,
    /// Orders for the files of the run, as `longshore::faults` reads them.
    pub files: String,
}

/// Writes events into the story.
struct Teller(Arc<Scene>);

impl Assent for Teller {
    /// Nobody but this engine works in the org, so there is nothing to be asked about.
    fn to(&self, doubt: Failure) -> Result<(), Failure> {
        self.0.wrong(format!("it asks for assent: {doubt}"));
        Ok(())
    }
}

impl Watch for Teller {
    fn see(&self, event: &Event) {
        let line = match event {
            Event::Notice { message } => format!("notice: {message}"),
            Event::JobEnded { job, state, .. } => format!("job {job} has ended: {state}"),
            Event::Settled { chunk, counts, .. } => format!("chunk {chunk} is settled: {counts:?}"),
            Event::Waiting { reason, seconds } => format!("waits {seconds} s: {reason}"),
            Event::InputEnded { .. } => "the input has been read".to_owned(),
            _ => return,
        };
        self.0.tell(line);
    }
}
