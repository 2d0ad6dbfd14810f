//! The corpora of the fuzz targets, replayed: what was found once stays found.
//!
//! `tests/fuzz/README.md` says how the targets are run and how a corpus grows.

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

#[path = "../fuzz/bodies/mod.rs"]
mod bodies;

type Body = fn(&[u8]);

/// Every target, and what it does with some bytes.
const TARGETS: [(&str, Body); 7] = [
    ("csv_read", bodies::csv_read),
    ("ledger_read", bodies::ledger_read),
    ("mapping_read", bodies::mapping_read),
    ("project_file", bodies::project_file),
    ("results_match", bodies::results_match),
    ("results_read", bodies::results_read),
    ("retry_after", bodies::retry_after),
];

/// What one corpus and all of them may hold; past that they are to be minimized.
const FILES_MAX: usize = 100;
const BYTES_MAX: u64 = 300_000;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn corpus(target: &str) -> Vec<PathBuf> {
    let folder = root().join("fixtures/corpus").join(target);
    let entries = std::fs::read_dir(&folder).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Replays one corpus and names every file that breaks a promise.
fn replay(target: &str) {
    let (_, body) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let files = corpus(target);
    assert!(files.len() >= 5, "the corpus of {target} has {} files", files.len());
    let breaks = |file: &&PathBuf| {
        let data = std::fs::read(file).unwrap();
        catch_unwind(|| body(&data)).is_err()
    };
    let broken: Vec<&PathBuf> = files.iter().filter(breaks).collect();
    assert!(broken.is_empty(), "{target} breaks on {broken:?}");
}

#[test]
fn the_strict_reader_agrees_with_the_csv_crate() {
    replay("csv_read");
}

#[test]
fn a_ledger_reads_as_a_prefix_or_is_refused() {
    replay("ledger_read");
}

#[test]
fn a_mapping_is_read_or_refused_at_a_place_in_it() {
    replay("mapping_read");
}

#[test]
fn a_project_file_is_read_or_refused_at_a_place_in_it() {
    replay("project_file");
}

#[test]
fn no_answer_gives_a_row_the_verdict_of_another() {
    replay("results_match");
}

#[test]
fn a_line_of_results_is_read_by_its_place_as_it_was_seen() {
    replay("results_read");
}

#[test]
fn no_header_makes_longshore_wait_for_ever() {
    replay("retry_after");
}

#[test]
fn the_targets_and_their_corpora_are_complete_and_small() {
    let manifest = std::fs::read_to_string(root().join("tests/fuzz/Cargo.toml")).unwrap();
    let bins: Vec<&str> = manifest
        .split("[[bin]]\nname = \"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    let mut names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
    let mut sorted = bins.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, names, "the manifest of the targets and this list");
    names.retain(|name| !root().join(format!("tests/fuzz/targets/{name}.rs")).exists());
    assert!(names.is_empty(), "no file for {names:?}");

    let mut sizes: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for (target, _) in TARGETS {
        let files = corpus(target);
        let bytes = files.iter().map(|file| file.metadata().unwrap().len()).sum();
        sizes.insert(target, (files.len(), bytes));
    }
    assert!(sizes.values().all(|(files, _)| *files <= FILES_MAX), "{sizes:?}");
    assert!(sizes.values().map(|(_, bytes)| bytes).sum::<u64>() <= BYTES_MAX, "{sizes:?}");
}
