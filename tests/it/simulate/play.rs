//! One seed from its first process to the last word of the oracle.

use std::collections::BTreeMap;
use std::sync::Arc;

use longshore::model::failure::Failure;
use longshore::pipeline::event::Summary;

use super::dice::Dice;
use super::engine::{Came, Fate, Task, process};
use super::oracle;
use super::scene::{Mutant, Scene};
use super::tricks::When;
use super::wire::Death;

/// Processes of a seed at most, and how many of them may be hit by anything.
const PROCESSES: u32 = 16;
const ROUGH: u32 = 10;

/// What playing seeds came to; the figures of many can be added.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Played {
    pub seeds: u64,
    pub rows: u64,
    pub calls: u64,
    pub processes: u64,
    pub kills: u64,
    /// Of them, those with a loss of power.
    pub power: u64,
    /// Seeds that ended with at least one unknown row.
    pub unknown: u64,
    pub fired: BTreeMap<String, u64>,
    /// By seed: a digest of the story.
    pub courses: BTreeMap<u64, String>,
    /// By seed: what is wrong, and the story.
    pub failed: BTreeMap<u64, String>,
}

impl Played {
    pub fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.rows += other.rows;
        self.calls += other.calls;
        self.processes += other.processes;
        self.kills += other.kills;
        self.power += other.power;
        self.unknown += other.unknown;
        for (name, times) in other.fired {
            *self.fired.entry(name).or_default() += times;
        }
        self.courses.extend(other.courses);
        self.failed.extend(other.failed);
    }
}

/// Plays a seed.
pub fn play(seed: u64, mutant: Option<Mutant>) -> (Played, Vec<String>) {
    let scene = Scene::new(seed, mutant);
    let mut played = Played { seeds: 1, rows: scene.load.rows.len() as u64, ..Played::default() };
    let mut faults = course(&scene, &mut played);
    let state = scene.state();
    faults.extend(state.wrong.iter().cloned());
    played.calls = state.calls_in_all;
    played.fired.clone_from(&state.fired);
    if !faults.is_empty() {
        let mut text = format!("{}\n{}\n", faults.join("\n"), state.story.join("\n"));
        for number in 1..=PROCESSES {
            let ledger = std::fs::read_to_string(scene.root(number).join("ledger.jsonl"));
            text.push_str(&ledger.unwrap_or_default());
        }
        played.failed.insert(seed, text);
    }
    // The folder has another name each time.
    let folder = scene.folder.path().display().to_string();
    let story: Vec<String> = state.story.iter().map(|line| line.replace(&folder, "")).collect();
    drop(state);
    // Within an instant threads may tell in any order.
    let mut sorted = story.clone();
    sorted.sort();
    let digest = blake3::hash(sorted.join("\n").as_bytes()).to_hex();
    played.courses.insert(seed, digest[..16].to_owned());
    (played, story)
}

/// Process after process, until the run has come to its end; then the oracle.
fn course(scene: &Arc<Scene>, played: &mut Played) -> Vec<String> {
    let mut dice = Dice::of(scene.seed, "processes");
    let mut hits = dice.pick(&[0, 0, 0, 1, 1, 3]);
    let mut number = 1;
    let mut task = Task::Load(number);
    for nth in 1..=PROCESSES {
        if nth > ROUGH {
            hits = 0;
            scene.calm();
        }
        let fate = fate(&mut dice, hits, scene.mutant);
        hits = hits.saturating_sub(1);
        scene.tell(format!("process {nth}: {task:?}, {fate:?}"));
        played.processes += 1;
        let came = process(scene, task, &fate);
        let came = match came {
            Came::Home(came) => *came,
            Came::Killed => {
                played.kills += 1;
                played.power += u64::from(fate.power.is_some() || fate.files.contains("power="));
                task = Task::Resume(number);
                continue;
            }
            Came::Hung => return vec!["HUNG".to_owned()],
            Came::Rested => unreachable!("nobody asked for it"),
        };
        match came {
            Ok(summary) => {
                told(scene, &summary);
                if summary.failure.is_none() {
                    played.unknown = u64::from(summary.rows.unknown > 0);
                    return end(scene, number);
                }
                task = Task::Resume(number);
            }
            Err(failure) => {
                scene.tell(format!("refused: {failure}"));
                if failure.message.ends_with("is finished") {
                    // The last fact was written, and syncing it failed.
                    return end(scene, number);
                }
                if let Some(next) = after_refusal(scene, task, &failure) {
                    number = next;
                    task = Task::Load(number);
                }
            }
        }
    }
    let mut faults = vec![format!("STUCK, no end after {PROCESSES} processes")];
    let found = oracle::check(scene, &scene.root(number));
    faults.extend(found.into_iter().filter(|fault| fault.contains("DOUBLED")));
    faults
}

/// What is under way arrives, and must change nothing of what was said.
fn end(scene: &Arc<Scene>, number: u32) -> Vec<String> {
    if matches!(process(scene, Task::Rest, &Fate::default()), Came::Hung) {
        return vec!["HUNG at rest".to_owned()];
    }
    oracle::check(scene, &scene.root(number))
}

fn told(scene: &Scene, summary: &Summary) {
    let failure = summary.failure.as_ref().map(|failure| failure.message.as_str());
    scene.tell(format!(
        "ended with {}, {:?}: {}",
        summary.exit_code,
        summary.rows,
        failure.unwrap_or("all is said")
    ));
    // The engine verifies its own accounting, too.
    if let Some(text) = failure.filter(|text| text.contains("accounting")) {
        scene.wrong(text);
    }
}

/// What a person does about a refusal: the same command again, or a load anew (the number of its
/// run) where there is no run to go on with. That must be so only when nothing was sent.
fn after_refusal(scene: &Scene, task: Task, failure: &Failure) -> Option<u32> {
    let number = match task {
        Task::Load(number) => number,
        Task::Resume(number) if never_began(failure) => number,
        _ => return None,
    };
    let done = scene.practice.org().audit().len() - scene.before;
    if done > 0 || !scene.state().bodies.is_empty() {
        scene.wrong(format!("there is nothing to go on with after {done} effects: {failure}"));
    }
    Some(number + 1)
}

/// A process may be killed before it has made its folder, or its ledger.
fn never_began(failure: &Failure) -> bool {
    let text = &failure.message;
    text.starts_with("there is no run") || text.contains("ledger.jsonl`: No such file or directory")
}

/// Rolls what befalls a process; nothing when there are no hits left.
fn fate(dice: &mut Dice, hits: u64, mutant: Option<Mutant>) -> Fate {
    let mut fate = Fate::default();
    if let Some(Mutant::LostCommitsReplaced) = mutant {
        fate.files = format!("mutant:{}", longshore::faults::REPLACE_LOST_COMMIT);
    }
    if hits == 0 {
        return fate;
    }
    let when = dice.pick(&[When::Before, When::After]);
    let power = dice.chance(50).then(|| dice.next());
    let mut order = |order: String| {
        if !fate.files.is_empty() {
            fate.files.push(',');
        }
        fate.files.push_str(&order);
    };
    match dice.roll(0, 10) {
        0..4 => fate.death = Some(Death::Call(dice.roll(1, 30), when)),
        4 | 5 => fate.death = Some(Death::Time(dice.roll(1, 20_000))),
        6 | 7 => {
            let point = dice.pick(&["any", "any.after", FACTS[0], FACTS[1], FACTS[2], FACTS[3]]);
            let nth = if point.starts_with("any") { dice.roll(1, 90) } else { dice.roll(1, 3) };
            let action = power.map_or("kill".to_owned(), |seed| format!("power={seed}"));
            order(format!("{point}:{nth}:{action}"));
        }
        _ => {
            let point = dice.pick(&["write", "sync", "rename", "create", "sync_folder", "any"]);
            let action = dice.pick(&["eio", "enospc", "short"]);
            let on = dice.pick(&["", "+"]);
            order(format!("{point}:{}{on}:{action}", dice.roll(1, 40)));
        }
    }
    if fate.death.is_some() && power.is_some() {
        // What is synced is noted only where power may be lost.
        order("any:1000000:power=1".to_owned());
        fate.power = power;
    }
    fate
}

/// The facts around which the protocol turns.
const FACTS: [&str; 4] = [
    "ledger.prepared.before",
    "ledger.prepared.after",
    "ledger.started.after",
    "ledger.reconciled.after",
];
