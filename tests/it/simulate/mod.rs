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
    for seed in 0..50 {
        let scene = Scene::new(seed);
        let came = process(&scene, Task::Load, None);
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
        if !faults.is_empty() {
            println!("== {seed}\n{}\n{}", faults.join("\n"), scene.state().story.join("\n"));
            if let Came::Home(Ok(summary)) = &came {
                println!("{summary:?}");
            }
        }
    }
}
