//! One seed from its first process to the last word of the oracle.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::dice::Dice;
use super::engine::{Came, Task, process};
use super::oracle;
use super::scene::{Mutant, Scene};

/// What playing seeds came to; the figures of many can be added.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Played {
    pub seeds: u64,
    pub rows: u64,
    pub calls: u64,
    /// Seeds that ended with at least one unknown row.
    pub unknown: u64,
    /// Loads that were refused before anything was sent.
    pub refused: u64,
    pub fired: BTreeMap<String, u64>,
    /// By seed: what is wrong, and the story.
    pub failed: BTreeMap<u64, String>,
}

impl Played {
    pub fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.rows += other.rows;
        self.calls += other.calls;
        self.unknown += other.unknown;
        self.refused += other.refused;
        for (name, times) in other.fired {
            *self.fired.entry(name).or_default() += times;
        }
        self.failed.extend(other.failed);
    }
}

/// Plays a seed.
pub fn play(seed: u64, mutant: Option<Mutant>) -> (Played, Vec<String>) {
    let scene = Scene::new(seed, mutant);
    let mut played = Played { seeds: 1, rows: scene.load.rows.len() as u64, ..Played::default() };
    let faults = course(&scene, &mut played);
    let state = scene.state();
    played.calls = state.calls_in_all;
    played.fired.clone_from(&state.fired);
    if !faults.is_empty() {
        let text = format!("{}\n{}", faults.join("\n"), state.story.join("\n"));
        played.failed.insert(seed, text);
    }
    let story = state.story.clone();
    drop(state);
    (played, story)
}

fn course(scene: &Arc<Scene>, played: &mut Played) -> Vec<String> {
    let root: PathBuf = scene.folder.path().join("runs").join("r");
    let summary = match process(scene, Task::Load, None) {
        Came::Home(Ok(summary)) => summary,
        Came::Home(Err(failure)) => {
            played.refused = 1;
            return refused(scene, &failure.to_string());
        }
        Came::Hung => return vec!["HUNG".to_owned()],
        Came::Killed | Came::Rested => unreachable!("nobody asked for it"),
    };
    played.unknown = u64::from(summary.rows.unknown > 0);
    if let Some(failure) = &summary.failure {
        scene.tell(format!("ended with {}: {}", summary.exit_code, failure.message));
    }
    // What is under way arrives, and must change nothing that was said.
    if matches!(process(scene, Task::Rest, None), Came::Hung) {
        return vec!["HUNG at rest".to_owned()];
    }
    let whole = summary.failure.is_none();
    let mut faults = oracle::check(scene, &root, summary.rows.input, whole);
    // The engine verifies its own accounting, too.
    let own = summary.failure.filter(|failure| failure.message.contains("accounting"));
    faults.extend(own.map(|failure| format!("WRONG, {}", failure.message)));
    faults
}

/// A load that was refused must have done nothing.
fn refused(scene: &Arc<Scene>, failure: &str) -> Vec<String> {
    scene.tell(format!("refused: {failure}"));
    let state = scene.state();
    let done = scene.practice.org().audit().len() - scene.before;
    let mut faults = Vec::new();
    if done > 0 || !state.bodies.is_empty() {
        faults.push(format!("WRONG, refused after {done} effects: {failure}"));
    }
    if state.tricks == 0 {
        faults.push(format!("WRONG, refused for nothing: {failure}"));
    }
    faults
}

/// Dice for what a seed does with its processes.
pub fn dice(seed: u64) -> Dice {
    Dice::of(seed, "processes")
}
