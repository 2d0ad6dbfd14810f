//! The simulation: the real engine against the practice org, by seed, in time of its own.
//!
//! The pipeline, the Salesforce target, the client and the ledger are those of the product; the
//! org is the practice org. Between them stands a wire that loses, delays, doubles and cuts what
//! passes, as the seed has it. Jobs fail half-way or are taken away, the clock jumps, files fail;
//! processes are killed, with the power or without, and resumed until the run has ended. Then the
//! files of the run are held against the audit log of the org, row by row.
//!
//! A process plays one seed at a time (`still.rs` says why), so the test starts itself again, once
//! for each processor:
//!
//! ```text
//! cargo test --test it simulate                                    5,000 seeds, and the mutants
//! SIMULATE_SEEDS=1000000 cargo test --test it simulate::every      as many as you like
//! SIMULATE_SEED=17 cargo test --test it simulate::part -- --exact --ignored --nocapture
//!                                                                  one seed, and its story
//! ```

mod dice;
mod engine;
mod load;
mod oracle;
mod play;
mod scene;
mod still;
mod tricks;
mod wire;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use play::{Played, play};
use scene::{Mutant, TROUBLES};
use tricks::Trick;

/// Seeds of the short form.
const SEEDS: u64 = 5_000;

/// The first seed of a part, where all end, how far apart its seeds are, its mutant, and the file
/// that it reports to.
const PART: &str = "SIMULATE_PART";
const ONE: &str = "SIMULATE_SEED";
const MANY: &str = "SIMULATE_SEEDS";

#[expect(clippy::disallowed_methods, reason = "the long form is asked for by the environment")]
fn asked(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[test]
fn every_seed_ends_with_each_row_accounted_for() {
    let seeds = asked(MANY).map_or(SEEDS, |text| text.parse().unwrap());
    let played = run(seeds, "");
    println!("{}", figures(&played));
    assert!(played.failed.is_empty(), "{}", complaints(&played));
    assert_eq!(played.seeds, seeds);
    let names = Trick::NAMES.iter().chain(&TROUBLES);
    let never: Vec<_> = names.filter(|name| !played.fired.contains_key(**name)).collect();
    assert!(never.is_empty() || seeds < SEEDS, "these never struck: {never:?}");
}

#[test]
fn what_is_made_wrong_on_purpose_is_seen() {
    for (mutant, word) in [
        (Mutant::StartedJobsSpoiled, "DOUBLED"),
        (Mutant::IdsExchanged, "another Id"),
        (Mutant::ResultsWithheld, "unknown though there is proof"),
        (Mutant::LostCommitsReplaced, "DOUBLED"),
    ] {
        let played = run(150, &format!("{mutant:?}"));
        let seen = played.failed.values().filter(|text| text.contains(word)).count();
        assert!(seen > 0, "{mutant:?} is not seen in {} seeds", played.seeds);
        println!("{mutant:?}: seen in {seen} of {} seeds", played.seeds);
    }
}

/// All that threads may still decide is which of two calls of one instant is the n-th.
#[test]
fn a_seed_takes_the_same_course_each_time() {
    let (once, again) = (run(100, ""), run(100, ""));
    let same = |(seed, course): &(&u64, &String)| again.courses[*seed] == **course;
    let same = once.courses.iter().filter(same).count();
    println!("{same} of 100 seeds took the same course twice");
    assert!(same >= 90, "only {same} of 100 seeds took the same course twice");
}

/// Plays some seeds in other processes, as many at a time as there are processors.
fn run(seeds: u64, mutant: &str) -> Played {
    let folder = tempfile::tempdir().unwrap();
    let parts = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let report = |part: usize| folder.path().join(format!("{part}.json"));
    let children: Vec<Child> = (0..parts)
        .map(|part| {
            let words = [
                part.to_string(),
                seeds.to_string(),
                parts.to_string(),
                mutant.to_owned(),
                report(part).display().to_string(),
            ];
            let mut command = Command::new(std::env::current_exe().unwrap());
            command
                .args(["simulate::part", "--exact", "--ignored", "--nocapture"])
                .env(PART, words.join(" "))
                .env_remove(ONE)
                .env("RAYON_NUM_THREADS", "1")
                .stdin(Stdio::null())
                .stdout(Stdio::null());
            if Path::new("/dev/shm").is_dir() {
                command.env("TMPDIR", "/dev/shm");
            }
            command.spawn().unwrap()
        })
        .collect();
    let mut all = Played::default();
    for (part, mut child) in children.into_iter().enumerate() {
        let status = child.wait().unwrap();
        assert!(status.success(), "part {part} broke down: {status}");
        let text = std::fs::read(report(part)).unwrap();
        all.add(serde_json::from_slice(&text).unwrap());
    }
    all
}

/// The part of one process, or one seed that is asked for.
#[test]
#[ignore = "alone in its process; `every_seed_ends_with_each_row_accounted_for` starts it"]
fn part() {
    let Some(words) = asked(PART) else {
        let seed = asked(ONE).map_or(1, |text| text.parse().unwrap());
        let (played, story) = play(seed, None);
        println!("{}", story.join("\n"));
        assert!(played.failed.is_empty(), "{}", complaints(&played));
        return;
    };
    let words: Vec<&str> = words.splitn(5, ' ').collect();
    on_one_processor(words[0].parse().unwrap());
    let number = |at: usize| words[at].parse::<u64>().unwrap();
    let mutant = Mutant::ALL.into_iter().find(|mutant| format!("{mutant:?}") == words[3]);
    let mut all = Played::default();
    for seed in (number(0)..number(1)).step_by(usize::try_from(number(2)).unwrap()) {
        all.add(play(seed, mutant).0);
    }
    load::write(&words[4].into(), &serde_json::to_vec(&all).unwrap());
}

/// Threads that never run at once race for less: of 100 seeds some 96 take the same course then,
/// and some 92 otherwise. Threads that are made later inherit it.
fn on_one_processor(part: usize) {
    let allowed = sched_getaffinity(None).unwrap();
    let of_us: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu)).collect();
    let mut one = CpuSet::new();
    one.set(of_us[part % of_us.len()]);
    sched_setaffinity(None, &one).unwrap();
}

fn figures(played: &Played) -> String {
    let mut text = format!(
        "{} seeds, {} rows, {} calls, {} processes, {} kills ({} of them with the power), {} seeds \
         with unknown rows\n",
        played.seeds,
        played.rows,
        played.calls,
        played.processes,
        played.kills,
        played.power,
        played.unknown
    );
    for (name, times) in &played.fired {
        let _written = writeln!(text, "{times:>8}  {name}").is_ok();
    }
    text
}

fn complaints(played: &Played) -> String {
    // One of each kind: what is wrong, without numbers and names.
    let mut kinds = BTreeMap::new();
    for (seed, text) in &played.failed {
        let kind: String = text.lines().next().unwrap_or_default().split(':').take(2).collect();
        let kind = kind.replace(|c: char| c.is_ascii_digit(), "");
        kinds.entry(kind).or_insert_with(Vec::new).push((seed, text));
    }
    let some = kinds.values().map(|seeds| {
        let (seed, text) = seeds[0];
        format!(
            "== {} like seed {seed}; again, and alone: {ONE}={seed} cargo test --test it simulate::part -- \
             --exact --ignored --nocapture\n{text}",
            seeds.len()
        )
    });
    let some: Vec<String> = some.collect();
    format!("{} of {} seeds went wrong\n{}", played.failed.len(), played.seeds, some.join("\n"))
}
