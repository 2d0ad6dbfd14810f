//! What must be true at the end of a scene, by the org's audit log.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use longshore::practice::org::Value;

use super::scene::Scene;

/// The verdict files and their columns of our own.
const FILES: [&str; 5] = ["success", "error", "rejected", "unprocessed", "unknown"];

/// What became of the rows with one mark.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Fate {
    rows: u64,
    success: u64,
    unknown: u64,
    applied: u64,
    /// Rows in bodies of jobs that were told to start.
    sent: u64,
    /// Rows of which a job said that they met a lock: these may be sent again in a round.
    locked: u64,
    /// Rows in bodies of jobs of which nobody can tell any more.
    untold: u64,
    /// Ids that success.csv gives, and those that the org gave.
    ids: BTreeMap<String, i64>,
}

/// Holds the files of the run in `root` against the org; gives what is wrong.
///
/// The run has come to its end: every row stands in one file, and is unknown only where the proof
/// was taken away.
pub fn check(scene: &Scene, root: &Path) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fates: BTreeMap<String, Fate> = BTreeMap::new();
    for row in &scene.load.rows {
        fates.entry(row.mark.clone()).or_default().rows += 1;
    }
    files(scene, root, &mut fates, &mut faults);
    effects(scene, &mut fates, &mut faults);
    bodies(scene, &mut fates, &mut faults);
    if scene.load.in_rounds {
        locked(scene, root, &mut fates);
    }
    for (mark, fate) in &fates {
        judge(mark, fate, &mut faults);
    }
    faults
}

fn judge(mark: &str, fate: &Fate, faults: &mut Vec<String>) {
    let mut fault = |what: &str| faults.push(format!("{mark}: {what}: {fate:?}"));
    if fate.applied > fate.rows {
        fault("DOUBLED, applied more often than it stands in the file");
    }
    if fate.sent > fate.rows + fate.locked {
        fault("DOUBLED, started more often than it stands in the file");
    }
    if fate.applied < fate.success {
        fault("WRONG, said to be a success and not applied");
    }
    if fate.applied > fate.success + fate.unknown {
        fault("WRONG, applied and said not to be");
    }
    if fate.unknown > fate.untold {
        fault("WRONG, unknown though there is proof");
    }
    if fate.unknown == 0 && fate.ids.values().any(|balance| *balance != 0) {
        fault("WRONG, another Id than the org gave");
    }
}

/// Each row in one file, with all that it had.
fn files(scene: &Scene, root: &Path, fates: &mut BTreeMap<String, Fate>, faults: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for name in FILES {
        let path = root.join("out").join(format!("{name}.csv"));
        let Ok(mut reader) = csv::Reader::from_path(&path) else {
            faults.push(format!("LOST, there is no {name}.csv"));
            continue;
        };
        let header = reader.headers().unwrap().clone();
        let column = |name: &str| header.iter().position(|found| found == name);
        let (mark_at, row_at) =
            (column(scene.load.mark).unwrap(), column("longshore__row").unwrap());
        let ticket_at = column("Ticket").unwrap();
        let (id_at, match_at) = (column("sf__Id"), column("longshore__match"));
        for record in reader.records() {
            let record = record.unwrap();
            let number: u64 = record[row_at].parse().unwrap();
            if !seen.insert(number) {
                faults.push(format!("DOUBLED, row {number} stands in two files"));
            }
            if record[ticket_at] != format!("T-{number}") {
                faults.push(format!("WRONG, row {number} has the ticket {}", &record[ticket_at]));
            }
            let fate = fates.entry(scene.load.mark_of(&record[mark_at])).or_default();
            match name {
                "success" => {
                    fate.success += 1;
                    let by_count = match_at.is_some_and(|at| &record[at] == "count");
                    let id = if by_count { "" } else { &record[id_at.unwrap()] };
                    *fate.ids.entry(id.to_owned()).or_default() += 1;
                }
                "unknown" => fate.unknown += 1,
                _ => {}
            }
        }
    }
    let missing: Vec<u64> =
        (1..=scene.load.rows.len() as u64).filter(|number| !seen.remove(number)).collect();
    if !missing.is_empty() {
        faults.push(format!("LOST, rows {missing:?} stand in no file"));
    }
    if !seen.is_empty() {
        faults.push(format!("WRONG, there are no rows {seen:?}"));
    }
}

/// What the org did, by its audit log.
fn effects(scene: &Scene, fates: &mut BTreeMap<String, Fate>, faults: &mut Vec<String>) {
    for effect in scene.practice.org().audit().entries_since(scene.before) {
        if effect.object != scene.load.object {
            faults.push(format!("WRONG, an effect on a {}", effect.object));
            continue;
        }
        let field = effect.fields.iter().find(|(name, _)| *name == scene.load.mark);
        let cell = match field {
            Some((_, Value::Text(text))) => text.as_str(),
            _ => effect.id.as_str(),
        };
        let Some(fate) = fates.get_mut(&scene.load.mark_of(cell)) else {
            faults.push(format!("WRONG, an effect of no row: {effect:?}"));
            continue;
        };
        fate.applied += 1;
        // Rows that were matched by count have no Id.
        let id = if fate.ids.get(&effect.id).is_some_and(|balance| *balance > 0) {
            effect.id.as_str()
        } else {
            ""
        };
        *fate.ids.entry(id.to_owned()).or_default() -= 1;
    }
}

/// What the org said of locks.
fn locked(scene: &Scene, root: &Path, fates: &mut BTreeMap<String, Fate>) {
    for file in std::fs::read_dir(root.join("raw")).unwrap() {
        let path = file.unwrap().path();
        if !path.to_str().unwrap().ends_with(".failed.csv") {
            continue;
        }
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(&path).unwrap();
        let header = reader.headers().unwrap().clone();
        let column = |name: &str| header.iter().position(|found| found.eq_ignore_ascii_case(name));
        let (Some(mark), Some(error)) = (column(scene.load.mark), column("sf__Error")) else {
            continue;
        };
        for record in reader.records().map_while(Result::ok) {
            if record.get(error).is_some_and(|error| error.starts_with("UNABLE_TO_LOCK_ROW")) {
                let mark = scene.load.mark_of(record.get(mark).unwrap_or_default());
                fates.entry(mark).or_default().locked += 1;
            }
        }
    }
}

/// What was told to start.
fn bodies(scene: &Scene, fates: &mut BTreeMap<String, Fate>, faults: &mut Vec<String>) {
    let state = scene.state();
    let empty = state.started.iter().filter(|job| !state.bodies.contains_key(*job));
    faults.extend(empty.map(|job| format!("WRONG, job {job} was started empty")));
    for (job, body) in &state.bodies {
        let mut reader = csv::Reader::from_reader(body.as_slice());
        let header = reader.headers().unwrap().clone();
        let at = header.iter().position(|found| found.eq_ignore_ascii_case(scene.load.mark));
        for record in reader.records() {
            let mark = scene.load.mark_of(&record.unwrap()[at.unwrap()]);
            let Some(fate) = fates.get_mut(&mark) else {
                faults.push(format!("WRONG, job {job} holds `{mark}`, which is no row"));
                continue;
            };
            fate.sent += u64::from(state.started.contains(job));
            fate.untold += u64::from(state.proof_gone.contains(job));
        }
    }
}
