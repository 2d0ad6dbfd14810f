//! The simulation: the real engine against the practice org, by seed, in time of its own.

mod dice;
mod engine;
mod load;
mod oracle;
mod scene;
mod still;
mod tricks;
mod wire;

use engine::{Came, Task, process};
use scene::Scene;

#[test]
fn first() {
    let mut spent = [0_u128; 4];
    #[expect(clippy::disallowed_methods)]
    let now = std::time::Instant::now;
    let seeds: std::ops::Range<u64> = 0..200;
    let mut calls = 0;
    let mut fired = std::collections::BTreeMap::new();
    for seed in seeds {
        let t0 = now();
        let scene = Scene::new(seed);
        let t1 = now();
        let came = process(&scene, Task::Load, None);
        let t2 = now();
        let root = scene.folder.path().join("runs").join("r");
        let faults = match &came {
            Came::Home(Ok(summary)) => {
                let whole = summary.failure.is_none();
                oracle::check(&scene, &root, whole)
            }
            Came::Home(Err(failure)) => vec![format!("refused: {failure}")],
            Came::Killed => vec!["killed".to_owned()],
            Came::Hung => vec!["HUNG".to_owned()],
        };
        let t3 = now();
        calls += scene.state().calls_in_all;
        for (k, v) in &scene.state().fired { *fired.entry(k.clone()).or_insert(0) += v; }
        if !faults.is_empty() || seed == 7 {
            println!("== {seed}\n{}\n{}", faults.join("\n"), scene.state().story.join("\n"));
            if let Came::Home(Ok(summary)) = &came {
                println!("{summary:?}");
            }
        }
        drop(scene);
        let t4 = now();
        for (i, d) in [t1 - t0, t2 - t1, t3 - t2, t4 - t3].iter().enumerate() { spent[i] += d.as_micros(); }
    }
    println!("{spent:?} {calls} {fired:#?}");
}
