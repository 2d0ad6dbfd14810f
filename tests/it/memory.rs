//! Memory does not grow with the file: peak resident memory of the client process, with the
//! practice org in a process of its own.
//!
//! CI runs two small sizes. The long form, whose figures stand in `benches/README.md`:
//! `LONGSHORE_MEMORY_ROWS=1000000,3000000 cargo test --release --test it memory -- --nocapture`
#![cfg(target_os = "linux")]

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::world::read_csv;

/// Peak resident memory that the client may have. Source: goal 7 of the design, 64 MiB.
pub const PEAK_KIB_MAX: u64 = 64 * 1024;

/// Rows of the two loads when nothing else is said, in chunks small enough that both have several.
const ROWS_IN_CI: &str = "100000,300000";
const CHUNK_IN_CI: [&str; 2] = ["--chunk-rows", "30000"];

/// Users and sets of the practice org: 3.6 million pairs.
const USERS: &str = "30000";
const SETS: &str = "120";

/// A practice org in a process of its own.
pub struct Served {
    process: Child,
    origin: String,
}

impl Served {
    pub fn start(folder: &Path, users: &str, sets: &str) -> Self {
        let args = [
            "practice",
            "serve",
            "--port",
            "0",
            "--fresh",
            "--users",
            users,
            "--permission-sets",
            sets,
        ];
        let mut process = longshore(folder)
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let origin = BufReader::new(process.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .find_map(|line| {
                let at = line.find("http://localhost:")?;
                Some(line[at..].split_whitespace().next()?.trim_end_matches([',', '/']).to_owned())
            })
            .unwrap();
        Self { process, origin }
    }

    pub fn client(&self, folder: &Path, args: &[&str]) -> Command {
        let mut command = longshore(folder);
        command
            .args(args)
            .env("LONGSHORE_INSTANCE_URL", &self.origin)
            .env("LONGSHORE_CLIENT_ID", longshore::practice::CLIENT_ID)
            .env("LONGSHORE_CLIENT_SECRET", longshore::practice::CLIENT_SECRET);
        command
    }

    /// The values of a query for one column.
    pub fn ids(&self, folder: &Path, soql: &str) -> Vec<String> {
        let out = folder.join("ids.csv");
        let args = ["export", soql, "--output", out.to_str().unwrap()];
        assert!(self.client(folder, &args).output().unwrap().status.success());
        read_csv(&out).into_iter().filter_map(|row| row.into_values().next()).collect()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _stopped = self.process.kill().and_then(|()| self.process.wait()).is_ok();
    }
}

fn longshore(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
    command.current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

#[test]
fn memory_does_not_grow_with_the_file() {
    let asked = sizes();
    let chunk = if asked.is_some() { &[][..] } else { &CHUNK_IN_CI[..] };
    let sizes = asked.unwrap_or_else(|| ROWS_IN_CI.to_owned());
    let mut peaks = Vec::new();
    for rows in sizes.split(',').map(|rows| rows.parse::<usize>().unwrap()) {
        let folder = tempfile::tempdir().unwrap();
        let served = Served::start(folder.path(), USERS, SETS);
        write_pairs(&served, folder.path(), rows);
        let (peak, seconds) = load(&served, folder.path(), rows, chunk);
        println!("{rows} rows: peak {:.1} MiB, {seconds:.1} s", peak_mib(peak));
        assert!(peak <= PEAK_KIB_MAX, "{rows} rows: peak {:.1} MiB", peak_mib(peak));
        peaks.push(peak);
    }
    let (least, most) = (*peaks.iter().min().unwrap(), *peaks.iter().max().unwrap());
    assert!(most * 100 <= least * 110, "peaks differ by more than 10 %: {peaks:?} KiB");
}

#[expect(clippy::disallowed_methods, reason = "the long form is asked for by the environment")]
fn sizes() -> Option<String> {
    std::env::var("LONGSHORE_MEMORY_ROWS").ok()
}

fn write_pairs(served: &Served, folder: &Path, rows: usize) {
    let sets = served
        .ids(folder, "SELECT Id FROM PermissionSet WHERE Type = 'Regular' AND LicenseId = null");
    let users = served.ids(folder, "SELECT Id FROM User WHERE IsActive = true");
    let mut file = BufWriter::new(File::create(folder.join("pairs.csv")).unwrap());
    writeln!(file, "AssigneeId,PermissionSetId").unwrap();
    let mut line = String::new();
    // Sets outside, so that neighboring rows are of different users, as in a real file.
    let pairs = sets.iter().flat_map(|set| users.iter().map(move |user| (user, set)));
    let mut written = 0;
    for (user, set) in pairs.take(rows) {
        line.clear();
        writeln!(line, "{user},{set}").unwrap();
        file.write_all(line.as_bytes()).unwrap();
        written += 1;
    }
    assert_eq!(written, rows, "the practice org has too few users and sets for so many rows");
}

/// Runs the load and watches its peak; some rows are there already and fail as duplicates.
fn load(served: &Served, folder: &Path, rows: usize, chunk: &[&str]) -> (u64, f64) {
    let args = ["insert", "PermissionSetAssignment", "pairs.csv", "--json"];
    let (peak, summary) = watched(served.client(folder, &args).args(chunk));
    let of = |verdict: &str| summary["rows"][verdict].as_u64().unwrap();
    assert_eq!(of("input"), rows as u64);
    assert_eq!(of("success") + of("error"), rows as u64, "{summary:#}");
    assert!(of("success") * 100 >= 95 * rows as u64, "{summary:#}");
    (peak, summary["seconds"].as_f64().unwrap())
}

/// Runs a load to its summary, and watches its peak, in KiB.
pub fn watched(client: &mut Command) -> (u64, serde_json::Value) {
    let mut client = client.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let status = format!("/proc/{}/status", client.id());
    let (ticks, ticked) = std::sync::mpsc::sync_channel::<()>(1);
    let mut peak = 0;
    while client.try_wait().unwrap().is_none() {
        peak = peak.max(peak_kib(&status).unwrap_or(0));
        assert!(ticked.recv_timeout(Duration::from_millis(5)).is_err());
    }
    drop(ticks);
    let output = client.wait_with_output().unwrap();
    (peak, serde_json::from_slice(&output.stdout).unwrap())
}

/// The high-water mark of resident memory, in KiB; `None` once the process has ended.
fn peak_kib(status: &str) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
pub fn peak_mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
