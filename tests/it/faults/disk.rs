//! The disk is full, too small a file is allowed, or a folder may not be written.

use std::path::Path;
use std::process::{Command, Stdio};

use longshore::practice::Org;
use longshore::practice::SeedSize;

use super::{Outcome, Stage, accounts};
use crate::door::Door;
use crate::world::Ran;

/// The binary below a shell that sets limits first.
fn limited(stage: &Stage, limit: &str, args: &[&str]) -> Ran {
    let plain = stage.world.command(args);
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{limit} && exec \"$0\" \"$@\""));
    command.arg(plain.get_program()).args(plain.get_args());
    command.current_dir(stage.world.path("")).env_clear().stdin(Stdio::null());
    for (name, value) in plain.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    Ran::of(&command.output().unwrap())
}

fn no_final_file(out: &Path) {
    for name in ["success.csv", "error.csv", "unprocessed.csv", "unknown.csv", "summary.json"] {
        assert!(!out.join(name).exists(), "{name}");
    }
}

fn out(stage: &Stage) -> std::path::PathBuf {
    let runs = std::fs::read_dir(stage.world.path("longshore-runs")).unwrap();
    let runs: Vec<_> = runs.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(runs.len(), 1);
    runs[0].join("out")
}

/// 512-byte blocks of a file; the spool of one chunk fits and the result files of all do not.
const LIMIT: &str = "ulimit -f 256";

#[test]
fn a_file_that_may_not_grow_is_an_error_and_not_a_silent_death() {
    let stage = Stage::new();
    stage.world.file("accounts.csv", accounts(6_000));
    let args = ["insert", "Account", "accounts.csv", "--chunk-rows", "600", "--parallel", "1"];
    let ran = limited(&stage, LIMIT, &[&args[..], &["--json"][..]].concat()).expect(9);
    let summary: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let outcome = Outcome { ran, summary };
    assert!(outcome.failure().contains("out/"), "{:#}", outcome.summary);
    stage.check_once();
    stage.check_secrets(&outcome.ran);
    assert!(!out(&stage).join("success.csv").exists());
    let jobs = stage.world.changes().iter().filter(|asked| asked.starts_with("POST")).count();
    assert!(jobs < 10, "{jobs} jobs were made though nothing could be noted any more");
}

#[test]
fn an_export_that_may_not_grow_leaves_nothing_behind() {
    let stage = Stage::of(super::exports::many_users(), Door::plain());
    let args = ["export", "SELECT Id, Name, Username FROM User", "--output", "users.csv"];
    let ran = limited(&stage, LIMIT, &args).expect(9);
    assert!(ran.stderr.contains("cannot write"), "{}", ran.stderr);
    let left: Vec<_> = std::fs::read_dir(stage.world.path("")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_runs_folder_that_cannot_be_made_is_found_before_anything_is_sent() {
    let stage = Stage::new();
    stage.world.file("taken", "a file");
    let args = ["insert", "Account", "accounts.csv", "--runs-dir", "taken/runs"];
    let ran = stage.world.run(&args).expect(9);
    assert!(ran.stderr.contains("taken/runs"), "{}", ran.stderr);
    assert_eq!(stage.world.changes(), Vec::<String>::new());
    let link = stage.world.path("dangling");
    std::os::unix::fs::symlink("/dev/null/nowhere", &link).unwrap();
    let args = ["insert", "Account", "accounts.csv", "--runs-dir", "dangling/runs"];
    stage.world.run(&args).expect(9);
    assert_eq!(stage.world.changes(), Vec::<String>::new());
}

/// Gives a small file system for the runs; `None` where this machine does not allow it.
fn small_disk(stage: &Stage, size: &str) -> Option<Mounted> {
    let place = stage.world.path("small");
    std::fs::create_dir_all(&place).unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
        .arg(&place)
        .stderr(Stdio::null())
        .status();
    mount.is_ok_and(|status| status.success()).then(|| Mounted(place))
}

struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
        assert!(unmounted.unwrap().success());
    }
}

#[test]
fn a_full_disk_ends_the_run_with_nothing_half_named() {
    let stage = Stage::of(Org::new(&SeedSize { users: 20, permission_sets: 8 }), Door::plain());
    stage.world.file("accounts.csv", accounts(6_000));
    // The limit of a file's size above tests the same where nothing may be mounted.
    let Some(mounted) = small_disk(&stage, "400k") else { return };
    let args = ["insert", "Account", "accounts.csv", "--chunk-rows", "500", "--json"];
    let ran = stage.world.run(&[&args[..], &["--runs-dir", "small"][..]].concat()).expect(9);
    assert!(ran.stderr.is_empty() || !ran.stderr.contains("panicked"), "{}", ran.stderr);
    stage.check_once();
    let run = std::fs::read_dir(&mounted.0).unwrap().next().unwrap().unwrap().path();
    no_final_file(&run.join("out"));
}
