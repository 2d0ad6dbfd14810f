use std::io::{self, ErrorKind, Write};
use std::path::Path;

use super::*;

fn armed(folder: &Path, text: &str) -> Guard {
    plan(folder, text.parse().unwrap())
}

fn new_file(path: &Path) -> io::Result<File> {
    open(std::fs::OpenOptions::new().write(true).create(true).truncate(true), path)
}

/// What a run does, in small: three whole files, each written in two writes.
fn work(folder: &Path) -> io::Result<()> {
    for name in ["a", "b", "c"] {
        let beside = folder.join(format!("{name}.part"));
        let mut file = new_file(&beside)?;
        file.write_all(b"some ")?;
        file.write_all(b"words")?;
        file.sync_all()?;
        rename(&beside, &folder.join(name))?;
        sync_folder(folder)?;
    }
    Ok(())
}

#[test]
fn a_plan_that_makes_no_sense_is_refused() {
    for text in [
        "write",
        "write:1",
        "write:0:eio",
        "write:x:eio",
        "write:1:boom",
        "writes:1:eio",
        "write:1:eio:2",
        "ledger.prepared:1:kill",
        "power:1:power",
        "write:1:power=x",
    ] {
        assert!(text.parse::<Plan>().is_err(), "{text}");
    }
    for text in ["", "write@raw/:2+:short", "ledger.prepared.after:1:kill, any:3:power=9"] {
        assert!(text.parse::<Plan>().is_ok(), "{text}");
    }
}

#[test]
fn the_nth_passing_fails_with_the_error_that_was_ordered() {
    let kinds = [
        ("enospc", ErrorKind::StorageFull),
        ("edquot", ErrorKind::QuotaExceeded),
        ("efbig", ErrorKind::FileTooLarge),
        ("erofs", ErrorKind::ReadOnlyFilesystem),
    ];
    for (point, passings) in [("create", 3), ("write", 6), ("sync", 3), ("rename", 3)] {
        for (word, kind) in kinds {
            for n in 1..=passings {
                let folder = tempfile::tempdir().unwrap();
                let guard = armed(folder.path(), &format!("{point}:{n}:{word}"));
                let error = work(folder.path()).unwrap_err();
                assert_eq!(error.kind(), kind, "{point} {n}");
                assert_eq!((guard.fired(), guard.counts()[point]), (1, n), "{point}");
            }
            let folder = tempfile::tempdir().unwrap();
            let guard = armed(folder.path(), &format!("{point}:{}:{word}", passings + 1));
            work(folder.path()).unwrap();
            assert_eq!(guard.fired(), 0, "{point} is passed {passings} times");
        }
    }
}

#[test]
fn an_order_is_held_to_its_part_and_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let guard = armed(folder.path(), "rename@/b:1:eio");
    work(folder.path()).unwrap_err();
    assert!(folder.path().join("a").exists() && folder.path().join("b.part").exists());
    drop(guard);
    work(folder.path()).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let guard = armed(folder.path(), "sync:2+:eio");
    for _ in 0..3 {
        let failed = work(folder.path()).is_err();
        assert_eq!(failed, guard.fired() > 0);
    }
    assert_eq!(guard.fired(), 3, "the second and each later one");
}

#[test]
fn half_of_a_write_is_done_and_the_rest_finds_no_space() {
    let folder = tempfile::tempdir().unwrap();
    let _guard = armed(folder.path(), "write:2:short");
    let error = work(folder.path()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert_eq!(std::fs::read(folder.path().join("a.part")).unwrap(), b"some wo");
}

#[test]
fn after_a_kill_nothing_is_changed_any_more() {
    for (order, there) in [("rename:2:kill", false), ("rename.after:2:kill", true)] {
        let folder = tempfile::tempdir().unwrap();
        let guard = armed(folder.path(), order);
        work(folder.path()).unwrap_err();
        assert!(guard.is_dead());
        assert_eq!(folder.path().join("b").exists(), there, "{order}");
        assert!(new_file(&folder.path().join("d")).is_err());
        assert!(!folder.path().join("d").exists());
        let other = tempfile::tempdir().unwrap();
        work(other.path()).unwrap();
    }
}

/// What is under its name after a cut was synced, for each file and every moment and seed; and
/// what was not synced is in fact lost now and then, or the test would show nothing.
#[test]
fn a_cut_leaves_what_was_synced() {
    let mut lost = [0, 0];
    for moment in 1..=18 {
        for seed in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let guard = armed(folder.path(), &format!("any:{moment}:power={seed}"));
            work(folder.path()).unwrap_err();
            // Six points a file: create, two writes, sync, rename, sync of the folder.
            let whole = (moment - 1) / 6;
            for name in ["a", "b", "c"].iter().take(whole) {
                assert_eq!(std::fs::read(folder.path().join(name)).unwrap(), b"some words");
            }
            let next = ["a", "b", "c"][whole];
            let named = std::fs::read(folder.path().join(next));
            assert!(named.as_ref().is_ok_and(|text| text == b"some words") || named.is_err());
            lost[0] += u64::from(moment % 6 == 0 && named.is_err());
            let part = std::fs::read(folder.path().join(format!("{next}.part")));
            lost[1] += u64::from(moment % 6 == 4 && part.is_ok_and(|text| text != b"some words"));
            assert!(guard.is_dead());
        }
    }
    assert!(lost[0] > 0, "no name was lost");
    assert!(lost[1] > 0, "no bytes were lost");
}

/// The old file comes back where a rename is lost.
#[test]
fn a_lost_rename_gives_back_what_it_replaced() {
    let mut back = 0;
    for seed in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        new_file(&path).unwrap().write_all(b"old").unwrap();
        let _guard = armed(folder.path(), &format!("sync_folder:1:power={seed}"));
        work(folder.path()).unwrap_err();
        let text = std::fs::read(&path).unwrap();
        assert!(text == b"some words" || text == b"old");
        back += u64::from(text == b"old");
    }
    assert!((1..20).contains(&back), "{back} of 20");
}

#[test]
fn a_clean_run_counts_its_points() {
    let folder = tempfile::tempdir().unwrap();
    let guard = armed(folder.path(), "");
    work(folder.path()).unwrap();
    let counts = guard.counts().into_iter().map(|(point, n)| format!("{point} {n}"));
    assert_eq!(
        counts.collect::<Vec<_>>(),
        [
            "create 3",
            "create.after 3",
            "rename 3",
            "rename.after 3",
            "sync 3",
            "sync.after 3",
            "sync_folder 3",
            "sync_folder.after 3",
            "write 6",
            "write.after 6",
        ]
    );
    assert_eq!(guard.fired(), 0);
}

#[test]
fn notes_and_traces_are_lines_in_files() {
    let folder = tempfile::tempdir().unwrap();
    let (run, note, trace) = ["run", "note", "trace"].map(|name| folder.path().join(name)).into();
    std::fs::create_dir(&run).unwrap();
    let text = format!("sync:2:eio,note={},trace={}", note.display(), trace.display());
    let _guard = armed(&run, &text);
    work(&run).unwrap_err();
    let said = std::fs::read_to_string(&note).unwrap();
    assert_eq!(said, format!("sync:2:eio {}\n", run.join("b.part").display()));
    let traced = std::fs::read_to_string(&trace).unwrap();
    assert_eq!(traced.lines().filter(|line| line.starts_with("sync ")).count(), 2, "{traced}");
}

#[test]
fn a_mutant_is_there_for_whom_it_was_ordered() {
    let folder = tempfile::tempdir().unwrap();
    let _guard = armed(folder.path(), "mutant:replace_lost_commit");
    assert!(mutant(REPLACE_LOST_COMMIT, folder.path()));
    assert!(!mutant("another", folder.path()));
    assert!(!mutant(REPLACE_LOST_COMMIT, Path::new("elsewhere")));
}
