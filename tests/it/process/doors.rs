//! Signing in as a folder says, and what must never be in a file.

use std::process::Command;

use longshore::practice::PASSWORD;

use super::Desk;
use crate::world::Ran;

/// A key file, and the value of a text by it.
fn sealed(desk: &Desk, text: &str) -> String {
    let made = desk.run(&["--encrypt", "-k", "my.key"]);
    assert!(matches!(made.code, 0 | 1), "{}", made.stderr);
    let args = ["process", "--encrypt", "-e", "-", "my.key"];
    let ran = desk.world.run_with_input(&args, format!("{text}\n").as_bytes()).expect(0);
    let value = ran.stdout.trim().to_owned();
    let back = desk.run(&["--encrypt", "-d", &value, "my.key"]).expect(0);
    assert_eq!(back.stdout.trim(), text);
    value
}

/// Runs the process without any sign-in of ours, in front of it.
fn bare(desk: &Desk, words: &[&str], change: impl FnOnce(&mut Command)) -> Ran {
    desk.world.run_changed(&[&["process", "conf", "nightly"], words].concat(), &[], |command| {
        for name in ["INSTANCE_URL", "CLIENT_ID", "CLIENT_SECRET"] {
            command.env_remove(format!("LONGSHORE_{name}"));
        }
        change(command);
    })
}

#[test]
fn a_password_signs_in_and_stands_in_no_file() {
    let desk = Desk::new();
    let value = sealed(&desk, PASSWORD);
    let origin = desk.world.origin().to_owned();
    desk.process(
        "Company\nAcme\n",
        "Company=Name\n",
        &[
            ("sfdc.username", "admin@practice.example"),
            ("sfdc.password", &value),
            ("sfdc.endpoint", &origin),
            ("process.encryptionKeyFile", "my.key"),
        ],
    );
    let ran = bare(&desk, &["-vvv"], |_| ()).expect(0);
    assert_eq!(desk.names(), ["Acme"]);
    assert_eq!(ran.stderr.matches("ends with Summer '27").count(), 1, "{}", ran.stderr);
    // `practice` is part of the org's name, the value with the key is not.
    for secret in [value.as_str(), "my.key"] {
        assert!(!ran.stderr.contains(secret) && !ran.stdout.contains(secret), "{}", ran.stderr);
    }
    let wrong = sealed(&desk, "wr0ng-s3cret");
    let word = format!("sfdc.password={wrong}");
    let ran = bare(&desk, &[&word], |_| ()).expect(1);
    assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
    for entry in files_under(&desk.world.path("longshore-runs")) {
        let text = String::from_utf8_lossy(&std::fs::read(&entry).unwrap()).into_owned();
        assert!(!text.contains(&value) && !text.contains("s3cret"), "{}", entry.display());
    }
    let ran = bare(&desk, &["process.encryptionKeyFile=none.key"], |_| ()).expect(1);
    assert!(ran.stderr.contains("cannot read the key file `none.key`"), "{}", ran.stderr);
}

fn files_under(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_under(&path)) } else { files.push(path) }
    }
    files
}

#[test]
fn our_own_ways_take_the_place_of_a_password() {
    let desk = Desk::new();
    desk.process("Company\nAcme\n", "Company=Name\n", &[("sfdc.username", "ada@acme.example")]);
    let ran = bare(&desk, &[], |_| ()).expect(1);
    for way in ["`-o ALIAS`", "`longshore.targetOrg=ALIAS`", "`LONGSHORE_INSTANCE_URL`"] {
        assert!(ran.stderr.contains(way), "{}", ran.stderr);
    }
    for words in [&["-o", "practice"][..], &["longshore.targetOrg=practice", "-y"]] {
        let ran = bare(&desk, words, |_| ()).expect(0);
        assert!(ran.stderr.contains("org `practice`"), "{words:?}: {}", ran.stderr);
    }
    desk.world.file("conf/config.properties", "longshore.targetOrg=nowhere\n");
    let ran = bare(&desk, &[], |_| ()).expect(1);
    assert!(ran.stderr.contains("there is no org `nowhere`"), "{}", ran.stderr);
    let ran = bare(&desk, &["--yes"], |command| {
        command.env("LONGSHORE_TARGET_ORG", "practice");
    });
    assert!(ran.expect(0).stderr.contains("org `practice`"));
}

#[test]
fn what_cannot_be_encrypted_says_why() {
    let desk = Desk::new();
    for (words, message) in [
        (&["--encrypt"][..], "wants one of `-k`, `-e` and `-d`"),
        (&["--encrypt", "-e", "-", "none.key"], "there is nothing to encrypt"),
        (&["--encrypt", "-e", "x", "none.key"], "cannot read the key file"),
        (&["--encrypt", "-d", "x"], "no home folder"),
    ] {
        let ran = desk.run(words).expect(1);
        assert!(ran.stderr.contains(message), "{words:?}: {}", ran.stderr);
    }
    desk.run(&["--encrypt", "-k", "my.key"]).expect(0);
    let ran = desk.run(&["--encrypt", "-k", "my.key"]).expect(1);
    assert!(ran.stderr.contains("my.key"), "{}", ran.stderr);
}
