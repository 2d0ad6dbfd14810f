//! Wall time against what no program could do better, in simulated time.
//!
//! The driver, the poller, the sizes of jobs and the number of jobs at once are those of the
//! program; the links and the org are simulated, and a body is nothing but its length. What it
//! leaves out: our own time to read, check and match rows, which goes on beside it.

mod far;

use std::fmt::Write;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use longshore::ledger::Ledger;
use longshore::model::chunk::{Chunk, ChunkNumber, Digest};
use longshore::model::limits::{CHUNK_BYTES_MAX, CHUNK_ROWS_DEFAULT, CHUNKS_WAITING};
use longshore::model::limits::{JOBS_PARALLEL_DEFAULT, JOBS_PARALLEL_START};
use longshore::model::operation::Operation;
use longshore::pipeline::budget::Budget;
use longshore::pipeline::chunk::ChunkLimits;
use longshore::pipeline::event::{Event, Watch};
use longshore::pipeline::handover::{EndedChunk, Ending};
use longshore::pipeline::stop::{Halt, Stop};
use longshore::pipeline::submit::driver::Submit;
use longshore::pipeline::submit::gate::Gate;
use longshore::target::JobSpec;
use tokio::sync::mpsc;
use tokio::time::Instant;

use self::far::{BATCH, Far, ROWS_OF_A_ROW, Setting};

/// Bytes a second of a link of so many Mbit/s.
const fn mbit(rate: f64) -> f64 {
    rate * 125_000.0
}

/// Rows of two ids; results add the id of the record and whether it was made.
const NARROW: Setting = Setting {
    rows: 10_000_000,
    bytes_up: 38.0,
    bytes_down: 72.0,
    uplink: mbit(100.0),
    downlink: mbit(100.0),
    slots: 10,
    rows_of_slot: 500.0,
    round_trip: 0.1,
};

/// Rows of twenty columns.
const WIDE: Setting = Setting {
    rows: 2_000_000,
    bytes_up: 280.0,
    bytes_down: 320.0,
    uplink: mbit(20.0),
    downlink: mbit(100.0),
    rows_of_slot: 200.0,
    ..NARROW
};

/// Name, setting, and how many times the lower bound it may take.
const SCENARIOS: [(&str, Setting, f64); 5] = [
    ("A  10 M narrow rows, 100 Mbit/s, 10 x 500", NARROW, 1.08),
    ("B  2 M wide rows, 20 Mbit/s, 10 x 200", WIDE, 1.08),
    (
        "C  1 M narrow rows, 100 Mbit/s, 20 x 2000",
        Setting { rows: 1_000_000, slots: 20, rows_of_slot: 2_000.0, ..NARROW },
        1.25,
    ),
    (
        "D  20 k wide rows, 20 Mbit/s, 10 x 500",
        Setting { rows: 20_000, rows_of_slot: 500.0, ..WIDE },
        1.25,
    ),
    (
        "E  2 M wide rows, 5 Mbit/s, 20 x 500",
        Setting { uplink: mbit(5.0), slots: 20, rows_of_slot: 500.0, ..WIDE },
        1.08,
    ),
];

/// Questions about a job, on average, in runs that are long.
const ASKED_MOST: f64 = 15.0;

/// Seconds below which no program could be: the uplink, the org or the downlink is busy all the
/// time, and only the first or the last batch is on the others.
#[expect(clippy::cast_precision_loss, reason = "rows")]
fn bound(of: &Setting) -> f64 {
    let (rows, batch) = (of.rows as f64, of.rows.min(BATCH) as f64);
    let (trip, first) = (of.round_trip, batch * of.bytes_up / of.uplink);
    let (last, works) = (batch * of.bytes_down / of.downlink, batch / of.rows_of_slot);
    let work = rows / (of.slots as f64 * of.rows_of_slot);
    let up = trip + rows * of.bytes_up / of.uplink + trip + works + 2.0 * trip + last;
    let org = 2.0 * trip + first + work.max(works) + 2.0 * trip + last;
    let down = 2.0 * trip + first + works + 2.0 * trip + rows * of.bytes_down / of.downlink;
    up.max(org).max(down)
}

/// What came of a scenario.
struct Came {
    seconds: f64,
    jobs: u64,
    asked: u64,
    at_once: u64,
}

impl Came {
    #[expect(clippy::cast_precision_loss, reason = "few")]
    fn asked_a_job(&self) -> f64 {
        self.asked as f64 / self.jobs as f64
    }
}

struct Nobody;

impl Watch for Nobody {
    fn see(&self, _: &Event) {}
}

/// Carries a scenario out with so many jobs at once at most.
#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn carry(setting: &Setting, jobs: usize) -> Came {
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    std::fs::create_dir(&raw).unwrap();
    let target = Arc::new(Far::new(*setting));
    let ledger = Ledger::create(&folder.path().join("ledger.jsonl"), "r").unwrap();
    let submit = Submit {
        target: Arc::clone(&target),
        ledger: Arc::new(ledger),
        watch: Arc::new(Nobody),
        stop: Stop::new(),
        spec: JobSpec {
            object: "Account".parse().unwrap(),
            operation: Operation::Insert,
            external_id: None,
            assignment_rule: None,
            verify_after: false,
        },
        images: None,
        raw,
        parallel: jobs,
        gate: Gate::new(jobs),
        seed: 1,
        halt: Halt::default(),
        earlier: Arc::default(),
        budget: Budget::new(None, "2026-11-23T12:00:00Z".parse().unwrap()),
    };
    let (chunks_out, chunks_in) = mpsc::channel(CHUNKS_WAITING);
    let (ended_out, mut ended_in) = mpsc::channel::<EndedChunk>(CHUNKS_WAITING);
    let began = Instant::now();
    let chunks = cut(setting, folder.path());
    let settling = tokio::spawn(async move {
        let mut last = Duration::ZERO;
        while let Some(ended) = ended_in.recv().await {
            let whole = matches!(&ended.ending, Ending::Results { incomplete: None, .. });
            assert!(whole, "{ended:?}");
            last = began.elapsed();
        }
        last
    });
    let feeding = tokio::spawn(async move {
        for chunk in chunks {
            chunks_out.send(chunk).await.unwrap();
        }
    });
    submit.run(chunks_in, ended_out).await;
    feeding.await.unwrap();
    let seconds = settling.await.unwrap().as_secs_f64();
    let (asked, at_once) = (&target.asked, &target.most);
    let (asked, at_once) = (asked.load(Ordering::Relaxed), at_once.load(Ordering::Relaxed));
    Came { seconds, jobs: target.jobs(), asked, at_once }
}

/// The jobs of a scenario, of the sizes that the program gives them.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bytes of a job"
)]
fn cut(setting: &Setting, folder: &Path) -> Vec<Chunk> {
    let (body, source) = (folder.join("body.csv"), folder.join("body.rows"));
    File::create(&body).unwrap();
    File::create(&source).unwrap();
    let limits = ChunkLimits { rows: CHUNK_ROWS_DEFAULT, bytes: CHUNK_BYTES_MAX };
    let (mut chunks, mut left) = (Vec::new(), setting.rows);
    while left > 0 {
        let number = ChunkNumber(u32::try_from(chunks.len() + 1).unwrap());
        let rows = u64::from(limits.rows_of(number)).min(left);
        left -= rows;
        let body_bytes = (rows as f64 * setting.bytes_up).round() as u64;
        assert!(body_bytes <= limits.bytes);
        chunks.push(Chunk {
            number,
            rows: u32::try_from(rows / ROWS_OF_A_ROW).unwrap(),
            first_row: 1,
            last_row: 1,
            body: body.clone(),
            body_bytes,
            digest: Digest::of(b""),
            source: source.clone(),
            source_digest: Digest::of(b""),
            window: None,
        });
    }
    chunks
}

/// The bounds of the issue, and the figures of `benches/README.md`:
/// `cargo test --test it wall:: -- --nocapture`.
#[test]
fn wall_time_is_near_its_lower_bound() {
    let mut table = String::new();
    let mut over = Vec::new();
    for (name, setting, most) in SCENARIOS {
        let least = bound(&setting);
        let came = carry(&setting, JOBS_PARALLEL_DEFAULT);
        let fixed = carry(&setting, JOBS_PARALLEL_START);
        let (ratio, asked) = (came.seconds / least, came.asked_a_job());
        writeln!(
            table,
            "| {name} | {least:.0} | {:.3} | {} | {asked:.1} | {} | {:.3} |",
            ratio,
            came.jobs,
            came.at_once,
            fixed.seconds / least
        )
        .unwrap();
        assert!(ratio >= 1.0, "{name}: faster than anything can be");
        if ratio > most || (came.jobs > 1 && asked > ASKED_MOST) {
            over.push(name);
        }
    }
    println!("{table}");
    assert!(over.is_empty(), "{over:?} are over their bounds:\n{table}");
}
