//! Bad runbooks from the command line: each is refused with its place, and nothing is sent. Those
//! that the file alone shows are refused before anybody signs in.

use std::path::{Path, PathBuf};

use crate::world::{Ran, World, fixture};

/// The runbooks of a folder of fixtures, each with what is told of it.
fn runbooks(folder: &str) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(fixture(folder)).unwrap().map(|entry| entry.unwrap().path());
    let is_runbook = |path: &PathBuf| path.extension().is_some_and(|end| end == "toml");
    let mut all: Vec<_> = entries.filter(is_runbook).collect();
    all.sort();
    let told = |path: &Path| {
        let told = path.with_extension("stderr");
        std::fs::read_to_string(&told).unwrap_or_else(|_| panic!("there is no {}", told.display()))
    };
    all.into_iter().map(|path| (path.clone(), told(&path))).collect()
}

fn run(world: &World, path: &Path, parameters: &[&str]) -> Ran {
    let mut args = vec!["run", path.to_str().unwrap()];
    for parameter in parameters {
        args.extend(["--parameter", parameter]);
    }
    world.run(&args)
}

fn tells(ran: &Ran, told: &str, path: &Path) {
    for line in told.lines() {
        let name = path.display();
        assert!(ran.stderr.contains(line), "{name}: `{line}` is not in\n{}", ran.stderr);
    }
}

#[test]
fn a_bad_runbook_is_refused_before_anybody_signs_in() {
    let world = World::new();
    let all = runbooks("runbooks/bad");
    assert!(all.len() >= 30, "{}", all.len());
    for (path, told) in all {
        let text = std::fs::read_to_string(&path).unwrap();
        let given = text.lines().filter_map(|line| line.strip_prefix("# --parameter "));
        let ran = run(&world, &path, &given.collect::<Vec<_>>()).expect(2);
        tells(&ran, &told, &path);
    }
    let requests = world.practice().org().audit().requests();
    assert!(requests.is_empty(), "{} requests", requests.len());
    assert!(!world.path("longshore-runs").exists(), "there is no run");
}

#[test]
fn what_only_an_org_can_refuse_is_refused_with_nothing_sent() {
    let world = World::new();
    let all = runbooks("runbooks/bad/org");
    assert_eq!(all.len(), 4);
    for (path, told) in all {
        let (code, told) = told.split_once('\n').unwrap();
        let code = code.strip_prefix("exit code ").unwrap().parse().unwrap();
        let ran = run(&world, &path, &["org=env"]).expect(code);
        tells(&ran, told, &path);
        assert_eq!(world.changes(), Vec::<String>::new(), "{}", path.display());
    }
    assert!(world.practice().org().audit().is_empty(), "no row was changed");
}
