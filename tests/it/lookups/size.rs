//! Many rows against many users: few calls, and memory that does not grow.
//!
//! CI runs a short form. The long one, whose figures stand in `docs/decisions/0012-lookups.md`:
//! `cargo test --release --test it a_million_rows -- --ignored --nocapture`
#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::memory::{PEAK_KIB_MAX, Served, peak_mib, watched};

const MAP: &str = r#"[fields]
AssigneeId = { column = "Login", lookup = { object = "User", match = ["Username", "Email"] } }
PermissionSetId = { column = "Set", lookup = { object = "PermissionSet", match = "Label" } }
"#;

#[test]
fn many_rows_by_username_take_few_calls() {
    println!("{}", measure(20_000, "5000", 60));
}

#[test]
#[ignore = "some minutes, and a practice org of 100,000 users"]
fn a_million_rows_of_a_hundred_thousand_users() {
    println!("{}", measure(1_000_000, "100000", 300));
}

fn measure(rows: usize, users: &str, calls_max: u64) -> String {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(folder.path(), users, "40");
    write_rows(&served, folder.path(), rows);
    File::create(folder.path().join("map.toml")).unwrap().write_all(MAP.as_bytes()).unwrap();
    let args = ["insert", "PermissionSetAssignment", "rows.csv", "-m", "map.toml", "--json"];
    let (peak, summary) = watched(&mut served.client(folder.path(), &args));
    let of = |verdict: &str| summary["rows"][verdict].as_u64().unwrap();
    let (calls, seconds) = (summary["api"]["calls"].as_u64().unwrap(), &summary["seconds"]);
    let peak_mib = peak_mib(peak);
    assert_eq!(of("input"), rows as u64);
    assert_eq!(of("rejected"), 0, "{summary:#}");
    assert!(of("success") * 100 >= 90 * rows as u64, "{summary:#}");
    assert!(calls <= calls_max, "{calls} calls");
    assert!(peak <= PEAK_KIB_MAX, "peak {peak_mib:.1} MiB");
    format!("{rows} rows, {users} users: {calls} calls, peak {peak_mib:.1} MiB, {seconds} s")
}

/// Each user with each of some sets, neighboring rows of different users.
fn write_rows(served: &Served, folder: &Path, rows: usize) {
    let sets = served
        .ids(folder, "SELECT Label FROM PermissionSet WHERE Type = 'Regular' AND LicenseId = null");
    let users = served.ids(folder, "SELECT Username FROM User WHERE IsActive = true");
    let mut file = BufWriter::new(File::create(folder.join("rows.csv")).unwrap());
    writeln!(file, "Login,Set").unwrap();
    let mut line = String::new();
    let pairs = sets.iter().flat_map(|set| users.iter().map(move |user| (user, set)));
    let mut written = 0;
    for (user, set) in pairs.take(rows) {
        line.clear();
        writeln!(line, "{},{set}", user.to_uppercase()).unwrap();
        file.write_all(line.as_bytes()).unwrap();
        written += 1;
    }
    assert_eq!(written, rows, "too few users and sets for so many rows");
}
