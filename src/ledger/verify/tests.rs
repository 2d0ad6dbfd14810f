use super::*;
use crate::ledger::{Fact, Ledger, Shelved, UnchangedRows, write_whole};
use crate::model::chunk::ChunkNumber;
use crate::model::ids::JobId;

/// A small run on disk, built by hand: 5 rows from row 11 on, one rejected, one chunk.
struct Run {
    folder: tempfile::TempDir,
    operation: &'static str,
    files: [(&'static str, String); 5],
    raw: String,
    settled: Counts,
    summary: Counts,
    /// A process has gone on with it and was told to stop.
    paused: bool,
    /// The list of rows that change nothing.
    unchanged: Option<&'static str>,
    /// What happens to the folder after the run.
    change: fn(&Path),
}

const COUNTS: Counts = Counts {
    input: 5,
    rejected: 1,
    success: 2,
    error: 1,
    unprocessed: 1,
    unknown: 0,
    unchanged: 0,
};

impl Run {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            operation: "insert",
            files: [
                ("success.csv", "sf__Id,longshore__row\n001A,11\n001B,13\n".to_owned()),
                ("error.csv", "sf__Id,longshore__row\n,14\n".to_owned()),
                ("rejected.csv", "Name,longshore__row\n\"a\nb\",12\n".to_owned()),
                ("unprocessed.csv", "longshore__row\n15\n".to_owned()),
                ("unknown.csv", "longshore__row\n".to_owned()),
            ],
            raw: "\"sf__Id\",\"Name\"\n\"001B\",\"x\"\n\"001A\",\"y\"\n".to_owned(),
            settled: Counts { input: 4, rejected: 0, ..COUNTS },
            summary: COUNTS,
            paused: false,
            unchanged: None,
            change: |_| (),
        }
    }

    fn file(mut self, name: &str, text: &str) -> Self {
        let file = self.files.iter_mut().find(|(known, _)| *known == name).unwrap();
        text.clone_into(&mut file.1);
        self
    }

    fn write(&self) {
        let root = self.folder.path();
        for part in ["out", "raw"] {
            std::fs::create_dir(root.join(part)).unwrap();
        }
        let put = |name: &str, text: &str| write_whole(&root.join(name), text.as_bytes()).unwrap();
        self.files.iter().for_each(|(name, text)| put(&format!("out/{name}"), text));
        put("raw/000001.successful.csv", &self.raw);
        put("raw/000001.failed.csv", "sf__Id,sf__Error\n,bad\n");
        let summary = serde_json::json!({ "rows": self.summary });
        put("out/summary.json", &summary.to_string());
        let manifest = serde_json::json!({
            "format": 1, "version": "0", "run": "r", "started": "", "operation": self.operation,
            "object": "Account", "external_id": null, "alias": "demo", "org_id": "",
            "org_origin": "", "user_id": "", "username": "", "input": "a.csv", "skip": 10,
            "limit": 6, "chunk_rows": 10, "chunk_bytes": 1000, "sent": ["Name"],
        });
        let mut manifest = manifest;
        if let Some(list) = self.unchanged {
            put(UnchangedRows::FILE, list);
            let digest = Digest::of(list.as_bytes());
            manifest["unchanged"] = serde_json::json!({ "rows": 1, "digest": digest });
        }
        put("manifest.json", &manifest.to_string());
        self.write_ledger();
        (self.change)(root);
    }

    fn write_ledger(&self) {
        let ledger = Ledger::create(&self.folder.path().join("ledger.jsonl"), "r").unwrap();
        let (chunk, digest) = (ChunkNumber(1), Digest::of(b"x"));
        let job = JobId::parse("7508c00000Qk3TbAAJ").unwrap();
        let raw = |which, text: &str, rows| Fact::Raw {
            chunk,
            which,
            rows: Some(rows),
            bytes: text.len() as u64,
            digest: Digest::of(text.as_bytes()),
        };
        let output = |(name, text): &(&str, String)| Output {
            name: (*name).to_owned(),
            rows: csv::Reader::from_reader(text.as_bytes()).into_records().count() as u64,
            bytes: text.len() as u64,
            digest: Digest::of(text.as_bytes()),
        };
        let facts = [
            Fact::Planned {
                chunk,
                first_row: 11,
                last_row: 15,
                rows: 4,
                bytes: 1,
                digest,
                source: None,
                window: None,
            },
            Fact::InputRead {
                first_row: 11,
                rows: 5 + u64::from(self.unchanged.is_some()),
                accepted: 4,
                rejected: 1,
                bytes: 1,
                digest,
                whole: false,
                unchanged: self.unchanged.map(|_| Shelved { rows: 1, bytes: 1, digest }),
            },
            Fact::Created { chunk, job: job.clone() },
            Fact::Prepared { chunk, job: job.clone(), bytes: 1, digest },
            Fact::Started { chunk, job: job.clone() },
            Fact::Terminal {
                chunk,
                job,
                state: "Failed".to_owned(),
                processed: None,
                failed: None,
                message: None,
            },
            raw(RawKind::Successful, &self.raw, 2),
            raw(RawKind::Failed, "sf__Id,sf__Error\n,bad\n", 1),
            Fact::Reconciled { chunk, counts: self.settled, deferred: 0 },
            Fact::Outputs { files: self.files.iter().map(output).collect() },
            Fact::Closed { counts: self.summary, exit_code: 3 },
        ];
        let facts = facts.into_iter().take_while(|fact| !(self.paused && ends(fact)));
        facts.for_each(|fact| ledger.record(&fact).unwrap());
        if self.paused {
            let (counts, files) = (self.summary, self.files.iter().map(output).collect());
            let paused = Fact::Paused { counts, exit_code: 130, first_row: 11, files, rounds: 0 };
            ledger.record(&paused).unwrap();
        }
    }

    fn verified(&self) -> Verified {
        self.write();
        verify(self.folder.path()).unwrap()
    }
}

/// Whether the fact is one of the end of a run.
fn ends(fact: &Fact) -> bool {
    matches!(fact, Fact::Outputs { .. } | Fact::Closed { .. })
}

/// A process that went on with a run and was stopped before it read a row left empty files; its
/// chunks, settled by the process before, passed for lost.
#[test]
fn a_process_that_came_to_no_row_has_nothing_wrong() {
    let mut run = Run::new();
    (run.paused, run.summary) = (true, Counts::default());
    for (_, text) in &mut run.files {
        let header = text.split_inclusive('\n').next().unwrap_or_default();
        *text = header.to_owned();
    }
    assert_eq!(run.verified().faults, Vec::<String>::new());
    let mut run = Run::new();
    run.paused = true;
    assert_eq!(run.verified().faults, Vec::<String>::new(), "one that came to the end");
}

#[test]
fn a_run_whose_files_agree_passes() {
    let verified = Run::new().verified();
    assert_eq!(verified.faults, Vec::<String>::new());
    assert_eq!((verified.counts, verified.chunks), (COUNTS, 1));
    assert!(verified.failure().is_none());
}

#[test]
fn every_way_to_be_wrong_is_told() {
    let success = "sf__Id,longshore__row\n";
    let wrong = [
        // A row that is lost, doubled, out of order, foreign, without a number.
        Run::new().file("unprocessed.csv", "longshore__row\n"),
        Run::new().file("unknown.csv", "longshore__row\n13\n"),
        Run::new().file("success.csv", &format!("{success}001B,13\n001A,11\n")),
        Run::new().file("unprocessed.csv", "longshore__row\n16\n"),
        Run::new().file("unprocessed.csv", "longshore__row\n15\nx\n"),
        // An Id that was not received, and one for two rows.
        Run::new().file("success.csv", &format!("{success}001A,11\n001C,13\n")),
        Run::new().file("success.csv", &format!("{success}001A,11\n001A,13\n")),
        // Counts that differ.
        Run {
            settled: Counts { input: 4, success: 3, error: 1, ..Counts::default() },
            ..Run::new()
        },
        Run { summary: Counts { success: 3, ..COUNTS }, ..Run::new() },
        // Files that changed after the run.
        Run { change: |root| cut(&root.join("out/error.csv")), ..Run::new() },
        Run { change: |root| cut(&root.join("raw/000001.successful.csv")), ..Run::new() },
        Run { change: |root| cut(&root.join("ledger.jsonl")), ..Run::new() },
        Run { change: |root| gone(&root.join("out/unknown.csv")), ..Run::new() },
        Run { change: |root| gone(&root.join("raw/000001.failed.csv")), ..Run::new() },
        Run { change: |root| gone(&root.join("out/summary.json")), ..Run::new() },
    ];
    for run in wrong {
        let verified = run.verified();
        assert!(!verified.faults.is_empty(), "{:?}", run.files);
        let failure = verified.failure().unwrap();
        assert_eq!(failure.blame, Blame::Accounting);
    }
}

fn cut(path: &Path) {
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - 1).unwrap();
}

fn gone(path: &Path) {
    std::fs::remove_file(path).unwrap();
}

#[test]
fn faults_say_which_row_and_which_file() {
    let first = |run: Run| run.verified().faults.join("\n");
    let lost = first(Run::new().file("unprocessed.csv", "longshore__row\n"));
    insta::assert_snapshot!(lost, @"
    row 15 stands in no file
    of chunk 000001 the files have 3 rows (2 success, 1 error, 0 rejected, 0 unprocessed, 0 unknown), and the ledger 4 rows (2 success, 1 error, 0 rejected, 1 unprocessed, 0 unknown)
    the files have 4 rows (2 success, 1 error, 1 rejected, 0 unprocessed, 0 unknown), and the ledger says 5 rows (2 success, 1 error, 1 rejected, 1 unprocessed, 0 unknown)
    the files have 4 rows (2 success, 1 error, 1 rejected, 0 unprocessed, 0 unknown), and summary.json says 5 rows (2 success, 1 error, 1 rejected, 1 unprocessed, 0 unknown)
    the files have 4 rows (2 success, 1 error, 1 rejected, 0 unprocessed, 0 unknown), and the last fact says 5 rows (2 success, 1 error, 1 rejected, 1 unprocessed, 0 unknown)
    ");
    let success = "sf__Id,longshore__row\n001A,11\n001A,13\n";
    let doubled = first(Run::new().file("success.csv", success));
    insta::assert_snapshot!(doubled, @"
    1 Ids of chunk 000001 in success.csv are not in its results as received
    rows 11, 13 share one Id in success.csv
    ");
}

impl Run {
    /// The same with row 16, which was left out.
    fn with_unchanged() -> Self {
        let success = "sf__Id,longshore__row,longshore__match\n001A,11,id\n001B,13,id\n";
        let mut run = Self::new().file("success.csv", &format!("{success}001C,16,look\n"));
        run.unchanged = Some("16,001C\n");
        run.summary = Counts { input: 6, success: 3, unchanged: 1, ..COUNTS };
        run
    }
}

#[test]
fn rows_that_were_left_out_are_held_against_their_list() {
    let run = Run::with_unchanged();
    let counts = run.summary;
    let verified = run.verified();
    assert_eq!((verified.faults, verified.counts), (Vec::new(), counts));
    let paused = Run { paused: true, ..Run::with_unchanged() };
    assert_eq!(paused.verified().faults, Vec::<String>::new());

    let head = "sf__Id,longshore__row,longshore__match\n001A,11,id\n001B,13,id\n";
    let success = |line: &str| Run::with_unchanged().file("success.csv", &format!("{head}{line}"));
    let list = |list| Run { unchanged: Some(list), ..Run::with_unchanged() };
    for (run, says) in [
        (success("001D,16,look\n"), "row 16 was unchanged, and success.csv has another Id for it"),
        (success("001C,16,id\n"), "row 16 was unchanged, and success.csv does not say so"),
        (success("001C,16,id\n"), "row 16 in success.csv was in no chunk"),
        (success(""), "row 16 stands in no file"),
        (list("15,001C\n"), "row 15 was unchanged, and unprocessed.csv does not say so"),
        (
            list("17,001C\n"),
            "success.csv says that row 16 was unchanged, and unchanged.rows does not",
        ),
        (
            Run { change: |root| cut(&root.join(UnchangedRows::FILE)), ..Run::with_unchanged() },
            "unchanged.rows is missing or not as it was written",
        ),
        (
            Run { change: |root| gone(&root.join(UnchangedRows::FILE)), ..Run::with_unchanged() },
            "unchanged.rows is missing or not as it was written",
        ),
        (
            Run { summary: Counts { input: 6, success: 3, ..COUNTS }, ..Run::with_unchanged() },
            "6 rows (3 success, 1 of them unchanged, 1 error, 1 rejected, 1 unprocessed, 0 unknown)",
        ),
    ] {
        let faults = run.verified().faults;
        assert!(faults.iter().any(|fault| fault.contains(says)), "{says}: {faults:#?}");
    }
}

#[test]
fn only_an_insert_makes_one_record_for_each_row() {
    let mut run = Run::new().file("success.csv", "sf__Id,longshore__row\n001A,11\n001A,13\n");
    "\"sf__Id\",\"Name\"\n\"001A\",\"x\"\n\"001A\",\"y\"\n".clone_into(&mut run.raw);
    run.operation = "upsert";
    assert_eq!(run.verified().faults, Vec::<String>::new());
}

#[test]
fn a_run_that_is_not_finished_cannot_be_verified() {
    let run = Run::new();
    run.write();
    let path = run.folder.path().join("ledger.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    write_whole(&path, lines[..5].concat().as_bytes()).unwrap();
    let failure = verify(run.folder.path()).unwrap_err();
    assert_eq!(failure.blame, Blame::Request);
    write_whole(&path, lines[1..].concat().as_bytes()).unwrap();
    assert_eq!(verify(run.folder.path()).unwrap_err().blame, Blame::Ledger);
}

/// Rows 14 and 15 met a lock, and were sent again in a round.
struct Sent {
    list: &'static str,
    /// Rows of the input's chunk that ended, and of the round's.
    settled: [Counts; 2],
    success: &'static str,
    error: &'static str,
    unprocessed: &'static str,
    /// How many rounds the process came to that stopped.
    paused: Option<u32>,
}

impl Sent {
    fn new() -> Self {
        let settled =
            |success, error| Counts { input: success + error, success, error, ..Counts::default() };
        Self {
            list: "14\n15\n",
            settled: [settled(2, 0), settled(1, 1)],
            success: "001A,11\n001B,13\n001C,15\n",
            error: ",14\n",
            unprocessed: "",
            paused: None,
        }
    }

    fn faults(&self) -> String {
        let counts = Counts { success: 3, unprocessed: 0, ..COUNTS };
        let of_files = Counts {
            success: self.success.lines().count() as u64,
            error: self.error.lines().count() as u64,
            unprocessed: self.unprocessed.lines().count() as u64,
            ..counts
        };
        let mut run = Run::new()
            .file("success.csv", &format!("sf__Id,longshore__row\n{}", self.success))
            .file("error.csv", &format!("sf__Id,longshore__row\n{}", self.error))
            .file("unprocessed.csv", &format!("longshore__row\n{}", self.unprocessed));
        run.summary = of_files;
        run.write();
        let root = run.folder.path();
        write_whole(&root.join("raw/000002.successful.csv"), b"sf__Id\n001C\n").unwrap();
        write_whole(&root.join("round1.rows"), self.list.as_bytes()).unwrap();
        gone(&root.join("ledger.jsonl"));
        self.write_ledger(&run, of_files);
        match verify(root) {
            Ok(verified) => verified.faults.join("\n"),
            Err(failure) => failure.message,
        }
    }

    fn write_ledger(&self, run: &Run, counts: Counts) {
        let ledger = Ledger::create(&run.folder.path().join("ledger.jsonl"), "r").unwrap();
        let digest = Digest::of(b"x");
        let planned = |chunk, first_row, rows| Fact::Planned {
            chunk,
            first_row,
            last_row: 15,
            rows,
            bytes: 1,
            digest,
            source: None,
            window: None,
        };
        let ran = |chunk, job: &str, text: &str, rows| {
            let job = JobId::parse(job).unwrap();
            let state = "JobComplete".to_owned();
            let (processed, failed, message) = (None, None, None);
            let (bytes, of_text) = (text.len() as u64, Digest::of(text.as_bytes()));
            let which = RawKind::Successful;
            vec![
                Fact::Created { chunk, job: job.clone() },
                Fact::Prepared { chunk, job: job.clone(), bytes: 1, digest },
                Fact::Started { chunk, job: job.clone() },
                Fact::Terminal { chunk, job, state, processed, failed, message },
                Fact::Raw { chunk, which, rows: Some(rows), bytes, digest: of_text },
            ]
        };
        let output = |(name, text): &(&str, String)| Output {
            name: (*name).to_owned(),
            rows: csv::Reader::from_reader(text.as_bytes()).into_records().count() as u64,
            bytes: text.len() as u64,
            digest: Digest::of(text.as_bytes()),
        };
        let files: Vec<Output> = run.files.iter().map(output).collect();
        let (one, two) = (ChunkNumber(1), ChunkNumber(2));
        let [first, second] = self.settled;
        let mut facts = vec![
            planned(one, 11, 4),
            Fact::InputRead {
                first_row: 11,
                rows: 5,
                accepted: 4,
                rejected: 1,
                bytes: 1,
                digest,
                whole: true,
                unchanged: None,
            },
        ];
        facts.extend(ran(one, "7508c00000Qk3TbAAJ", &run.raw, 2));
        facts.push(Fact::Reconciled { chunk: one, counts: first, deferred: 4 - first.input });
        if self.paused != Some(0) {
            let digest = Digest::of(b"14\n15\n");
            facts.push(Fact::RoundBegan { round: 1, rows: 2, digest });
            facts.push(planned(two, 14, 2));
        }
        let exit_code = 3;
        if let Some(rounds) = self.paused {
            facts.push(Fact::Paused { counts, exit_code, first_row: 11, files, rounds });
        } else {
            facts.extend(ran(two, "7508c00000Qk3TcAAJ", "sf__Id\n001C\n", 1));
            facts.push(Fact::Reconciled { chunk: two, counts: second, deferred: 2 - second.input });
            facts.push(Fact::Outputs { files });
            facts.push(Fact::Closed { counts, exit_code });
        }
        for fact in &facts {
            ledger.record(fact).unwrap();
        }
    }
}

#[test]
fn a_row_that_was_sent_again_ends_in_its_round() {
    assert_eq!(Sent::new().faults(), "");
    let stopped =
        Sent { success: "001A,11\n001B,13\n", error: "", unprocessed: "14\n15\n", ..Sent::new() };
    // Before the round began, and when nothing of it had ended.
    for paused in [Some(0), Some(1)] {
        assert_eq!(Sent { paused, ..stopped }.faults(), "", "{paused:?}");
    }
}

#[test]
fn every_way_for_a_round_to_be_wrong_is_told() {
    let settled =
        |success, error| Counts { input: success + error, success, error, ..Counts::default() };
    let [first, second] = Sent::new().settled;
    let of_list = "round1.rows is missing or not as it was written";
    let wrong = [
        // A row that the list has too much, too little, or another in its place.
        (Sent { list: "13\n14\n15\n", ..Sent::new() }, of_list),
        (Sent { list: "13\n14\n15\n", ..Sent::new() }, "chunk 000001 round 1 has 3 rows, and 2"),
        (Sent { list: "14\n", ..Sent::new() }, "chunk 000001 round 1 has 1 rows, and 2 were put"),
        (Sent { list: "12\n15\n", ..Sent::new() }, "row 12 of round 1 was not there to be sent"),
        // A row that is in no file, and one that is in two.
        (Sent { error: "", ..Sent::new() }, "row 14 stands in no file"),
        (Sent { error: ",14\n,15\n", ..Sent::new() }, "row 15 stands twice"),
        // Rows that a chunk counts and has put off all the same, and that no chunk counts.
        (
            Sent { settled: [settled(2, 1), second], ..Sent::new() },
            "round 1 has 2 rows, and 1 were put off",
        ),
        (
            Sent { settled: [first, settled(1, 0)], ..Sent::new() },
            "of chunk 000002 round 2 has 0 rows, and 1 were put off",
        ),
        (Sent { settled: [first, settled(2, 0)], ..Sent::new() }, "of chunk 000002 the files have"),
        // An Id that came from the other job.
        (
            Sent { success: "001A,11\n001C,13\n001B,15\n", ..Sent::new() },
            "1 Ids of chunk 000002 in success.csv are not in its results as received",
        ),
    ];
    for (sent, says) in wrong {
        let told = sent.faults();
        assert!(told.contains(says), "{says}: {told}");
    }
}
