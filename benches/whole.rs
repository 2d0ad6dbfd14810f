//! The whole run, measured from outside: processor time, memory and start of the client process,
//! with the practice org in a process of its own; and the settling of one large job, in this
//! process. `benches/README.md` says how to read it.
//!
//! ```sh
//! cargo bench --bench whole                             # everything
//! cargo bench --bench whole -- matching run upload start size
//! cargo bench --bench whole -- instructions             # under valgrind: a quarter of an hour
//! ```
//!
//! `LONGSHORE_BENCH_BINARY` names another client (that of `--profile dist`, say),
//! `LONGSHORE_BENCH_ROWS` other numbers of rows, `LONGSHORE_BENCH_TIMES` how often each is run, and
//! `LONGSHORE_BENCH_ARGS` more arguments for the client, such as `--chunk-rows=1000000`.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stdout, reason = "prints a table")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]
#![expect(clippy::unwrap_used, reason = "a bench that cannot go on says where")]
#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore::ledger::Ledger;
use longshore::model::chunk::{Chunk, ChunkNumber, Digest};
use longshore::model::ids::{JobId, RecordId};
use longshore::model::operation::Operation;
use longshore::model::schema::{FieldKind, FieldSchema, SentField};
use longshore::pipeline::event::{Event, Watch};
use longshore::pipeline::handover::{EndedChunk, Ending};
use longshore::pipeline::settle::{KeptColumns, Settle, SettlePlan};
use longshore::practice::{CLIENT_ID, CLIENT_SECRET};
use longshore::target::{JobState, JobStatus, ResultFile};

/// Users and sets of the practice org: more than 11 million pairs of active ones.
const USERS: &str = "110000";
const SETS: &str = "120";

/// Clock ticks of a second in `/proc/PID/stat`. Source: `USER_HZ` is 100 on every platform of ours.
const TICKS: f64 = 100.0;

const BODY: &str = "AssigneeId,PermissionSetId";

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| word == name);
    println!("client: {}", binary().display());
    if is_wanted("matching") {
        settling();
    }
    if is_wanted("run") {
        for tls in [false, true] {
            whole_runs(tls);
        }
    }
    if is_wanted("upload") {
        upload_side();
    }
    if is_wanted("start") {
        for scheme in ["http", "https"] {
            start(scheme);
        }
    }
    if wanted.iter().any(|word| word == "instructions") {
        instructions();
    }
    if is_wanted("size") {
        let bytes = std::fs::metadata(binary()).unwrap().len();
        println!("binary: {:.2} MB", bytes as f64 / 1e6);
    }
}

fn binary() -> PathBuf {
    let own = env!("CARGO_BIN_EXE_longshore");
    std::env::var_os("LONGSHORE_BENCH_BINARY").map_or_else(|| PathBuf::from(own), PathBuf::from)
}

fn asked(name: &str, otherwise: &str) -> Vec<String> {
    let text = std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    text.split([',', ' ']).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn times() -> usize {
    asked("LONGSHORE_BENCH_TIMES", "3")[0].parse().unwrap()
}

/// What a process used.
#[derive(Debug, Clone, Copy, Default)]
struct Used {
    user: f64,
    system: f64,
    /// The high-water mark of resident memory.
    peak_kib: u64,
    wall: f64,
}

impl Used {
    fn cpu(&self) -> f64 {
        self.user + self.system
    }
}

/// Whole runs with results, each in an org of its own.
fn whole_runs(tls: bool) {
    let scheme = if tls { "https" } else { "http" };
    println!("\nwhole run over {scheme}, medians of {}", times());
    println!("| rows | CPU s | of it system | CPU s per 1 M rows | peak MiB | wall s |");
    println!("|---|---|---|---|---|---|");
    for rows in asked("LONGSHORE_BENCH_ROWS", "1000000") {
        let rows: usize = rows.parse().unwrap();
        let mut runs: Vec<Used> = (0..times()).map(|_| whole_run(rows, tls)).collect();
        runs.sort_by(|a, b| a.cpu().total_cmp(&b.cpu()));
        let used = runs[runs.len() / 2];
        println!(
            "| {rows} | {:.2} | {:.2} | {:.3} | {:.1} | {:.1} |",
            used.cpu(),
            used.system,
            used.cpu() * 1e6 / rows as f64,
            used.peak_kib as f64 / 1024.0,
            used.wall
        );
    }
}

fn whole_run(rows: usize, tls: bool) -> Used {
    let folder = tempfile::tempdir().unwrap();
    let org = Served::start(folder.path(), tls);
    org.write_pairs(rows);
    let mut client = org.client(&["insert", "PermissionSetAssignment", "pairs.csv", "--json"]);
    client.args(asked("LONGSHORE_BENCH_ARGS", ""));
    let (used, summary) = measured(&mut client);
    let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    let of = |verdict: &str| summary["rows"][verdict].as_u64().unwrap();
    assert_eq!(of("input"), rows as u64, "{summary:#}");
    assert_eq!(of("success") + of("error"), rows as u64, "{summary:#}");
    assert!(of("success") * 100 >= 95 * rows as u64, "{summary:#}");
    used
}

/// Instructions of user space of whole runs over http, and what those of ten times the rows are.
fn instructions() {
    println!("\nwhole run over http under callgrind");
    println!("| rows | instructions | a row | over the first |");
    println!("|---|---|---|---|");
    let mut first = None;
    for rows in asked("LONGSHORE_BENCH_ROWS", "1000000,10000000") {
        let rows: usize = rows.parse().unwrap();
        let counted = counted_run(rows) as f64;
        let first = *first.get_or_insert(counted);
        let (a_row, over) = (counted / rows as f64, counted / first);
        println!("| {rows} | {counted:.3e} | {a_row:.0} | {over:.3} |");
    }
}

fn counted_run(rows: usize) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let org = Served::start(folder.path(), false);
    org.write_pairs(rows);
    let own = org.client(&["insert", "PermissionSetAssignment", "pairs.csv", "--json"]);
    let mut valgrind = Command::new("valgrind");
    let counts = folder.path().join("counts");
    valgrind
        .current_dir(folder.path())
        // What this person has loaded before is remembered below it.
        .env("HOME", folder.path())
        .env_remove("XDG_STATE_HOME")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(binary())
        .args(own.get_args())
        .envs(own.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
    let output = valgrind.stdin(Stdio::null()).output().unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["rows"]["input"].as_u64(), Some(rows as u64), "{summary:#}");
    let counts = std::fs::read_to_string(counts).unwrap();
    let total = counts.lines().find_map(|line| line.strip_prefix("summary: ")).unwrap();
    total.trim().parse().unwrap()
}

/// What the client does until every job is `UploadComplete`, and `curl -T` of the same bytes.
fn upload_side() {
    let rows = asked("LONGSHORE_BENCH_ROWS", "2000000")[0].parse().unwrap();
    println!("\nupload side over https, {rows} rows, medians of {}", times());
    println!("| client CPU s | of it system | curl -T CPU s | ratio | MB |");
    println!("|---|---|---|---|---|");
    let mut runs: Vec<(Used, Used, u64)> = (0..times()).map(|_| upload(rows)).collect();
    runs.sort_by(|(a, b, _), (c, d, _)| (a.cpu() / b.cpu()).total_cmp(&(c.cpu() / d.cpu())));
    let (client, curl, bytes) = runs[runs.len() / 2];
    println!(
        "| {:.2} | {:.2} | {:.2} | {:.2} | {:.1} |",
        client.cpu(),
        client.system,
        curl.cpu(),
        client.cpu() / curl.cpu(),
        bytes as f64 / 1e6
    );
}

fn upload(rows: usize) -> (Used, Used, u64) {
    let folder = tempfile::tempdir().unwrap();
    let org = Served::start(folder.path(), true);
    org.write_pairs(rows);
    let mut token = org.token();
    // No result comes, so nothing but the upload is done. Jobs are seen to end, as a run begins
    // with two at once.
    let rule = r#"{"method":"GET","path":"*Results*","times":0,
        "fault":{"kind":"delay","ms":3600000}}"#;
    org.curl(&["-d", rule], "/practice/mischief");
    let args = ["insert", "PermissionSetAssignment", "pairs.csv", "--json", "--parallel", "16"];
    let mut client = org.client(&args);
    client.args(asked("LONGSHORE_BENCH_ARGS", ""));
    let mut client = client.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let ledger = loop {
        pause();
        let runs = folder.path().join("longshore-runs");
        let first = std::fs::read_dir(runs).ok().and_then(|mut runs| runs.next());
        if let Some(Ok(run)) = first {
            break run.path().join("ledger.jsonl");
        }
    };
    loop {
        pause();
        let text = std::fs::read_to_string(&ledger).unwrap_or_default();
        let count = |what: &str| text.matches(&format!("\"what\":\"{what}\"")).count();
        if count("input_read") > 0 && count("planned") == count("started") {
            break;
        }
    }
    let (used, _) = of_process(client.id()).unwrap();
    client.kill().unwrap();
    client.wait().unwrap();
    let all = folder.path().join("all.csv");
    let mut whole = File::create(&all).unwrap();
    for entry in std::fs::read_dir(ledger.with_file_name("sent")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "csv") {
            std::io::copy(&mut File::open(path).unwrap(), &mut whole).unwrap();
        }
    }
    let bytes = whole.metadata().unwrap().len();
    assert!(bytes > 37 * rows as u64, "{bytes} bytes in the bodies of {rows} rows");
    token.insert_str(0, "Authorization: Bearer ");
    let job = r#"{"object":"PermissionSetAssignment","operation":"insert","lineEnding":"LF"}"#;
    let json = "Content-Type: application/json";
    let jobs = "/services/data/v62.0/jobs/ingest";
    let made = org.curl(&["-H", &token, "-H", json, "-d", job], jobs);
    let id = made["id"].as_str().unwrap();
    let mut put = org.curl_to(&format!("{jobs}/{id}/batches"));
    put.args(["-f", "-H", &token, "-H", "Content-Type: text/csv", "-T"]).arg(&all);
    let (curl, _) = measured(&mut put);
    (used, curl, bytes)
}

/// From the start of the process to the first byte that it sends to its org.
fn start(scheme: &str) {
    const TIMES: usize = 40;
    let folder = tempfile::tempdir().unwrap();
    let mut pairs = File::create(folder.path().join("pairs.csv")).unwrap();
    writeln!(pairs, "{BODY}\n0058c00000Zw4R1AAB,0PS8c000000CaUZGA0").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut waits = Vec::new();
    for _ in 0..TIMES {
        let mut client = longshore(folder.path());
        client
            .args(["insert", "PermissionSetAssignment", "pairs.csv", "--json"])
            .env("LONGSHORE_INSTANCE_URL", format!("{scheme}://localhost:{port}"))
            .env("LONGSHORE_CLIENT_ID", CLIENT_ID)
            .env("LONGSHORE_CLIENT_SECRET", CLIENT_SECRET);
        let began = Instant::now();
        let mut client = client.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut wire = listener.accept().unwrap().0;
        wire.read_exact(&mut [0]).unwrap();
        waits.push(began.elapsed());
        client.kill().unwrap();
        client.wait().unwrap();
    }
    waits.sort();
    let ms = |wait: Duration| wait.as_secs_f64() * 1e3;
    println!(
        "start to first byte over {scheme}: median of {TIMES} {:.1} ms, least {:.1} ms",
        ms(waits[TIMES / 2]),
        ms(waits[0])
    );
}

/// Settling a job of a million rows: matching its results and writing the files, with the syncs and
/// digests that belong to that.
fn settling() {
    const ROWS: u32 = 1_000_000;
    println!("\nsettling one job of {ROWS} rows, 5 % in error, medians of {}", times());
    println!("| order of the results | CPU ns a row |");
    println!("|---|---|");
    for (name, stride) in [("as sent", 1_u64), ("shuffled", 618_033)] {
        let folder = tempfile::tempdir().unwrap();
        let ended = || write_job(folder.path(), ROWS, stride);
        let mut costs: Vec<f64> = (0..times()).map(|_| settle(folder.path(), ended())).collect();
        costs.sort_by(f64::total_cmp);
        println!("| {name} | {:.0} |", costs[costs.len() / 2] * 1e9 / f64::from(ROWS));
    }
}

/// Processor seconds of settling a job.
fn settle(folder: &Path, ended: EndedChunk) -> f64 {
    struct Nobody;
    impl Watch for Nobody {
        fn see(&self, _: &Event) {}
    }
    let own = std::process::id();
    let out = folder.join("out");
    std::fs::create_dir_all(&out).unwrap();
    let header: Vec<String> = BODY.split(',').map(str::to_owned).collect();
    let plan = SettlePlan {
        operation: Operation::Insert,
        fields: header.iter().map(|name| reference(name)).collect(),
        external_id: None,
        kept: KeptColumns::of_header(&header),
        shelf: None,
        root: folder.to_owned(),
        sent: folder.to_owned(),
        rounds: 0,
        raw: folder.to_owned(),
        out,
        seed: 7,
    };
    let path = folder.join("ledger.jsonl");
    let _gone = std::fs::remove_file(&path).is_ok();
    let ledger = Arc::new(Ledger::create(&path, "bench").unwrap());
    let rows = u64::from(ended.chunk.rows);
    let before = of_process(own).unwrap().0.cpu();
    let mut settle = Settle::begin(plan, Arc::default(), ledger, Arc::new(Nobody)).unwrap();
    settle.take(ended).unwrap();
    let settled = settle.finish().unwrap();
    let cpu = of_process(own).unwrap().0.cpu() - before;
    assert_eq!(settled.counts.success + settled.counts.error, rows, "{:?}", settled.counts);
    cpu
}

/// The files of a job: what was sent, its source rows, and the results, of which each is so many
/// lines from the one before.
fn write_job(folder: &Path, rows: u32, stride: u64) -> EndedChunk {
    let id = |prefix: &str, number: u64| {
        let fifteen = format!("{prefix}8c0000{number:06}");
        RecordId::parse(fifteen.as_bytes()).unwrap().to_string()
    };
    let cells = |row: u64| (id("005", row % 90_001), id("0PS", row / 90_001));
    let file = |name: &str, header: &str| {
        let mut file = BufWriter::new(File::create(folder.join(name)).unwrap());
        file.write_all(header.as_bytes()).unwrap();
        file
    };
    let mut body = file("000001.csv", &format!("{BODY}\n"));
    let mut source = file("000001.rows", "");
    let quoted = BODY.replace(',', "\",\"");
    let mut good = file("good.csv", &format!("\"sf__Id\",\"sf__Created\",\"{quoted}\"\n"));
    let mut bad = file("bad.csv", &format!("\"sf__Id\",\"sf__Error\",\"{quoted}\"\n"));
    let rows_64 = u64::from(rows);
    for row in 0..rows_64 {
        let (user, set) = cells(row);
        writeln!(body, "{user},{set}").unwrap();
        writeln!(source, "{},{},{user},{set}", row + 1, row + 2).unwrap();
        let row = row * stride % rows_64;
        let (user, set) = cells(row);
        if row % 20 == 7 {
            let error = "DUPLICATE_VALUE:Duplicate PermissionSetAssignment:--";
            writeln!(bad, "\"\",\"{error}\",\"{user}\",\"{set}\"").unwrap();
        } else {
            let own = id("0Pa", row);
            writeln!(good, "\"{own}\",\"true\",\"{user}\",\"{set}\"").unwrap();
        }
    }
    for mut file in [body, source, good, bad] {
        file.flush().unwrap();
    }
    let chunk = Chunk {
        number: ChunkNumber(1),
        rows,
        first_row: 1,
        last_row: rows_64,
        body: folder.join("000001.csv"),
        body_bytes: 0,
        digest: Digest::of(b""),
        source: folder.join("000001.rows"),
        source_digest: Digest::of(b""),
        window: None,
    };
    let (processed, failed) = (Some(rows_64), Some(rows_64 / 20));
    let ending = Ending::Results {
        job: JobId::parse("7508c00000Qk3TbAAJ").unwrap(),
        status: JobStatus { state: JobState::JobComplete, processed, failed, message: None },
        files: vec![
            (ResultFile::Successful, folder.join("good.csv")),
            (ResultFile::Failed, folder.join("bad.csv")),
        ],
        incomplete: None,
    };
    EndedChunk { chunk, ending }
}

fn reference(name: &str) -> SentField {
    let field = FieldSchema {
        name: name.to_owned(),
        label: name.to_owned(),
        kind: FieldKind::Reference,
        type_name: "reference".to_owned(),
        length: 18,
        digits: 0,
        precision: 0,
        scale: 0,
        createable: true,
        updateable: false,
        nillable: false,
        defaulted_on_create: false,
        calculated: false,
        html: false,
        auto_number: false,
        external_id: false,
        id_lookup: false,
        unique: false,
        case_sensitive: false,
        restricted_picklist: false,
        picklist: Vec::new(),
        reference_to: Vec::new(),
        relationship_name: None,
        polymorphic: false,
    };
    SentField { header: name.to_owned(), from: name.to_owned(), field, related: None }
}

fn longshore(folder: &Path) -> Command {
    let mut command = Command::new(binary());
    command.current_dir(folder).env_clear().env("TMPDIR", folder).stdin(Stdio::null());
    command
}

/// A practice org in a process of its own.
struct Served {
    process: Child,
    folder: PathBuf,
    origin: String,
    certificate: Option<PathBuf>,
}

impl Served {
    fn start(folder: &Path, tls: bool) -> Self {
        let size = ["--users", USERS, "--permission-sets", SETS];
        let mut process = longshore(folder)
            .args(["practice", "serve", "--port", "0", "--fresh"])
            .args(size)
            .args(tls.then_some("--tls"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (mut origin, mut certificate) = (None, None);
        for line in BufReader::new(process.stdout.as_mut().unwrap()).lines() {
            let line = line.unwrap();
            let line = line.trim();
            if let Some(url) = line.strip_prefix("export LONGSHORE_INSTANCE_URL=") {
                origin = Some(url.to_owned());
            }
            if let Some(file) = line.strip_prefix("export LONGSHORE_CA_FILE=") {
                certificate = Some(folder.join(file));
            }
            if origin.is_some() && (certificate.is_some() || !tls) {
                break;
            }
        }
        Self { process, folder: folder.to_owned(), origin: origin.unwrap(), certificate }
    }

    fn client(&self, args: &[&str]) -> Command {
        let mut command = longshore(&self.folder);
        command
            .args(args)
            .env("LONGSHORE_INSTANCE_URL", &self.origin)
            .env("LONGSHORE_CLIENT_ID", CLIENT_ID)
            .env("LONGSHORE_CLIENT_SECRET", CLIENT_SECRET);
        if let Some(file) = &self.certificate {
            command.env("LONGSHORE_CA_FILE", file);
        }
        command
    }

    fn curl_to(&self, path: &str) -> Command {
        let mut command = Command::new("curl");
        command.arg("-s").arg(format!("{}{path}", self.origin));
        if let Some(file) = &self.certificate {
            command.arg("--cacert").arg(file);
        }
        command
    }

    fn curl(&self, args: &[&str], path: &str) -> serde_json::Value {
        let output = self.curl_to(path).args(args).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_default()
    }

    fn token(&self) -> String {
        let (id, secret) =
            (format!("client_id={CLIENT_ID}"), format!("client_secret={CLIENT_SECRET}"));
        let grant = "grant_type=client_credentials";
        let said = self.curl(&["-d", grant, "-d", &id, "-d", &secret], "/services/oauth2/token");
        said["access_token"].as_str().unwrap().to_owned()
    }

    /// The values of a query for one column.
    fn ids(&self, soql: &str) -> Vec<String> {
        let out = self.folder.join("ids.csv");
        let args = ["export", soql, "--output", out.to_str().unwrap()];
        assert!(self.client(&args).output().unwrap().status.success());
        let text = std::fs::read_to_string(out).unwrap();
        text.lines().skip(1).map(|line| line.trim_matches('"').to_owned()).collect()
    }

    /// Sets outside, so that neighboring rows are of different users, as in a real file.
    fn write_pairs(&self, rows: usize) {
        let sets =
            self.ids("SELECT Id FROM PermissionSet WHERE Type = 'Regular' AND LicenseId = null");
        let users = self.ids("SELECT Id FROM User WHERE IsActive = true");
        let mut file = BufWriter::new(File::create(self.folder.join("pairs.csv")).unwrap());
        writeln!(file, "{BODY}").unwrap();
        let mut line = String::new();
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
}

impl Drop for Served {
    fn drop(&mut self) {
        let _stopped = self.process.kill().and_then(|()| self.process.wait()).is_ok();
    }
}

/// Runs a command to its end; what it used, and what it said.
fn measured(command: &mut Command) -> (Used, Vec<u8>) {
    let began = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let id = child.id();
    let mut out = child.stdout.take().unwrap();
    let saying = std::thread::spawn(move || {
        let mut said = Vec::new();
        out.read_to_end(&mut said).unwrap();
        said
    });
    let mut peak_kib = 0;
    // What a process used is told until it is waited for.
    let mut used = loop {
        let (used, has_ended) = of_process(id).unwrap();
        peak_kib = peak_kib.max(used.peak_kib);
        if has_ended {
            break used;
        }
        pause();
    };
    used.wall = began.elapsed().as_secs_f64();
    used.peak_kib = peak_kib;
    let status = child.wait().unwrap();
    // 3: some rows are there already.
    assert!(matches!(status.code(), Some(0 | 3)), "{command:?}: {status}");
    (used, saying.join().unwrap())
}

/// What a process used up to now, and whether it has ended.
fn of_process(id: u32) -> Option<(Used, bool)> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields[field].parse::<f64>().map(|ticks| ticks / TICKS).ok();
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak_kib = peak.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0);
    let used = Used { user: ticks(11)?, system: ticks(12)?, peak_kib, wall: 0.0 };
    Some((used, fields[0] == "Z"))
}

fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}
