//! The harness: a folder, a served practice org on a free port, and the real binary.
//!
//! The practice org lives in the test's process, so a test can look at its audit log and its
//! requests and make mischief; the binary reaches it over loopback like any other client.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use longshore::practice::audit::Entry;
use longshore::practice::org::Value;
use longshore::practice::{CLIENT_ID, CLIENT_SECRET, Org, Practice, SeedSize, Tenant, serve};

use crate::door::Door;
use crate::secrets;

type Serving = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Calls that change nothing by themselves: signing in, asking for an export, reading records.
const HARMLESS: [&str; 4] =
    ["/services/oauth2/", "/jobs/query", "/practice/", "/composite/sobjects/"];

pub struct World {
    folder: tempfile::TempDir,
    practice: Practice,
    origin: String,
    /// Serves until the world ends.
    _serving: tokio::runtime::Runtime,
}

/// What a command came to.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl World {
    /// A world with the default seed: 3,000 users and 40 permission sets.
    pub fn new() -> Self {
        Self::of(Org::new(&SeedSize::default()))
    }

    /// A world with an org of one's own.
    pub fn of(org: Org) -> Self {
        Self::served(org, |practice, listener| {
            Box::pin(async move {
                let ended = serve(practice, listener, None, std::future::pending()).await;
                ended.unwrap();
            })
        })
    }

    /// A world whose org stands behind a door.
    pub fn behind(org: Org, door: &Arc<Door>) -> Self {
        let door = Arc::clone(door);
        Self::served(org, |practice, listener| Box::pin(door.serve(practice, listener)))
    }

    /// A world whose practice tenant of Auth0 is what counts.
    pub fn with_tenant(tenant: Tenant) -> Self {
        let org = Org::new(&SeedSize { users: 1, permission_sets: 1 });
        let practice = Practice::with_tenant(org, tenant).unwrap();
        Self::practiced(practice, |practice, listener| {
            Box::pin(async move {
                let ended = serve(practice, listener, None, std::future::pending()).await;
                ended.unwrap();
            })
        })
    }

    fn served(org: Org, serve: impl FnOnce(Practice, tokio::net::TcpListener) -> Serving) -> Self {
        Self::practiced(Practice::new(org).unwrap(), serve)
    }

    fn practiced(
        practice: Practice,
        serve: impl FnOnce(Practice, tokio::net::TcpListener) -> Serving,
    ) -> Self {
        let serving = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = serving.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        serving.spawn(serve(practice.clone(), listener));
        Self { folder: tempfile::tempdir().unwrap(), practice, origin, _serving: serving }
    }

    pub fn practice(&self) -> &Practice {
        &self.practice
    }

    /// Scheme, host and port of the practice org.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The folder in which commands run.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder.
    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::io::Write::write_all(&mut std::fs::File::create(&path).unwrap(), bytes.as_ref())
            .unwrap();
        path
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The binary, in the folder, signed in to this world's org by client credentials.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_longshore"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("LONGSHORE_INSTANCE_URL", &self.origin)
            .env("LONGSHORE_CLIENT_ID", CLIENT_ID)
            .env("LONGSHORE_CLIENT_SECRET", CLIENT_SECRET)
            .env("TMPDIR", self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(&self.command(args).output().unwrap())
    }

    /// Runs a command with something on its standard input.
    pub fn run_with_input(&self, args: &[&str], input: &[u8]) -> Ran {
        self.run_changed(args, input, |_| {})
    }

    /// Runs a command with another environment, or whatever else `change` does to it.
    pub fn run_changed(
        &self,
        args: &[&str],
        input: &[u8],
        change: impl FnOnce(&mut Command),
    ) -> Ran {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        change(&mut command);
        let mut child = command.spawn().unwrap();
        // A command that refuses before it reads closes the pipe; that is no fault of the test.
        let _written = std::io::Write::write_all(&mut child.stdin.take().unwrap(), input).is_ok();
        Ran::of(&child.wait_with_output().unwrap())
    }

    /// Runs a load and holds its accounting against the audit log; returns the summary besides.
    pub fn load(&self, args: &[&str]) -> (Ran, serde_json::Value) {
        let before = self.practice.org().audit().len();
        let mut all = args.to_vec();
        all.push("--json");
        let ran = self.run(&all);
        let summary: serde_json::Value = serde_json::from_str(&ran.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", ran.stdout, ran.stderr));
        assert_eq!(summary["exit_code"], ran.code, "{summary:#}");
        if summary["status"] != "refused" {
            self.check_accounting(&summary, before);
        }
        (ran, summary)
    }

    /// Requests that changed something, as `METHOD path`.
    pub fn changes(&self) -> Vec<String> {
        let requests = self.practice.org().audit().requests();
        requests
            .iter()
            .filter(|request| request.method != "GET")
            .filter(|request| !HARMLESS.iter().any(|part| request.path.contains(part)))
            .map(|request| format!("{} {}", request.method, request.path))
            .collect()
    }

    /// Promise 1 and promise 3: the equation holds, each row stands in one file, and success.csv is
    /// what the audit log says, row by row.
    pub fn check_accounting(&self, summary: &serde_json::Value, since: u64) {
        let rows = |verdict: &str| summary["rows"][verdict].as_u64().unwrap();
        let verdicts = ["rejected", "success", "error", "unprocessed", "unknown"];
        let ended: u64 = verdicts.iter().map(|verdict| rows(verdict)).sum();
        assert_eq!(rows("input"), ended, "{summary:#}");

        let mut seen = BTreeSet::new();
        for verdict in verdicts {
            let table = self.results(summary, verdict);
            assert_eq!(table.len() as u64, rows(verdict), "{verdict}.csv: {summary:#}");
            let numbers: Vec<u64> =
                table.iter().map(|row| row["longshore__row"].parse().unwrap()).collect();
            assert!(numbers.is_sorted(), "{verdict}.csv is not in input order");
            for number in numbers {
                assert!(seen.insert(number), "row {number} stands in two files");
            }
        }
        self.check_success_against_audit(summary, since);
    }

    fn check_success_against_audit(&self, summary: &serde_json::Value, since: u64) {
        let jobs: BTreeSet<&str> = summary["jobs"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|job| job["id"].as_str())
            .collect();
        let mut effects: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
        for entry in self.practice.org().audit().entries_since(since) {
            // A license that an assignment uses up is an effect too, but not one of a row.
            let of_row = summary["object"].as_str().unwrap().eq_ignore_ascii_case(entry.object);
            if of_row && entry.job.as_deref().is_some_and(|job| jobs.contains(job)) {
                effects.entry(entry.id.clone()).or_default().push(entry);
            }
        }
        let unknown = summary["rows"]["unknown"].as_u64().unwrap();
        let success = self.results(summary, "success");
        for row in &success {
            // A row that was left out is held against the job that it was not in, below.
            if ["count", "look"].contains(&row["longshore__match"].as_str()) {
                continue;
            }
            let entries = effects
                .get_mut(&row["sf__Id"])
                .unwrap_or_else(|| panic!("no effect on {}: {row:?}", row["sf__Id"]));
            assert!(!entries.is_empty(), "more rows than effects: {row:?}");
            // Rows of one record are applied in the order of the file.
            let entry = entries.remove(0);
            for (field, value) in &entry.fields {
                if let Some(cell) = row.get(*field)
                    && matches!(value, Value::Text(_))
                {
                    assert!(is_echoed(cell, value), "{field} of {row:?} is {value:?} in the org");
                }
            }
        }
        let left: usize = effects.values().map(Vec::len).sum();
        let by_count = success.iter().filter(|row| row["longshore__match"] == "count").count();
        assert!(
            left <= by_count + usize::try_from(unknown).unwrap(),
            "{left} effects that no success row tells of"
        );
    }

    /// The rows of one result file, by column.
    pub fn results(
        &self,
        summary: &serde_json::Value,
        verdict: &str,
    ) -> Vec<BTreeMap<String, String>> {
        let path = summary["files"][verdict].as_str().unwrap();
        read_csv(&self.folder.path().join(path))
    }
}

/// Every end-to-end test ends with a search for the secrets that it used, in what its commands have
/// said and left behind.
impl Drop for World {
    fn drop(&mut self) {
        let said = secrets::taken();
        if std::thread::panicking() {
            return;
        }
        let issued = self.practice.issued();
        let needles = secrets::needles(issued.iter().map(String::as_str).chain([CLIENT_SECRET]));
        let mut found = secrets::found_in("what was said", &said, &needles);
        found.extend(secrets::found_below(self.folder.path(), &needles));
        assert!(found.is_empty(), "secrets were left behind: {found:#?}");
    }
}

impl Ran {
    pub fn of(output: &Output) -> Self {
        secrets::said(&output.stdout, &output.stderr);
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Fails the test, with all that was said, unless the exit code is this.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }
}

/// Text compared as the org compares ids and text: line ends alike, 15- and 18-character ids alike.
fn is_echoed(cell: &str, value: &Value) -> bool {
    let Value::Text(text) = value else { return true };
    let plain = |text: &str| text.replace("\r\n", "\n").replace('\r', "\n");
    plain(cell) == plain(text) || (cell.len() == 15 && text.starts_with(cell))
}

/// Reads a CSV file with a header into maps.
pub fn read_csv(path: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader =
        csv::Reader::from_path(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let header = reader.headers().unwrap().clone();
    reader
        .byte_records()
        .map(|record| {
            // A rejected row is kept as it came, whatever its encoding.
            let record = csv::StringRecord::from_byte_record_lossy(record.unwrap());
            header.iter().zip(record.iter()).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
        })
        .collect()
}

/// A fixture of the repository.
pub fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    path.to_str().unwrap().to_owned()
}
