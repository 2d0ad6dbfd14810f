mod properties;

use std::io::Write;

use super::*;
use crate::ledger::state::tests::whole_run;
use crate::ledger::{Ledger, Reopened};
use crate::model::chunk::{ChunkNumber, Digest};
use crate::model::failure::Failure;
use crate::model::verdict::Counts;

struct Place {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Place {
    fn of(bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        File::create(&path).unwrap().write_all(bytes).unwrap();
        Self { _folder: folder, path }
    }

    fn read(&self) -> Result<(Vec<Fact>, Option<Torn>), BadLedger> {
        all_of(Facts::open(&self.path, "friday")?)
    }

    /// What is wrong, without the folder.
    fn fault(&self) -> (Blame, String) {
        let failure = Failure::from(self.read().unwrap_err());
        let folder = format!("{}/", self.path.parent().unwrap().display());
        (failure.blame, failure.message.replace(&folder, ""))
    }
}

fn all_of(mut facts: Facts) -> Result<(Vec<Fact>, Option<Torn>), BadLedger> {
    let mut all = Vec::new();
    while let Some(fact) = facts.next_fact()? {
        all.push(fact);
    }
    Ok((all, facts.torn()))
}

/// What a ledger of these bytes reads as.
fn read(bytes: &[u8]) -> Result<(Vec<Fact>, Option<Torn>), BadLedger> {
    let source = Box::new(io::Cursor::new(bytes.to_vec()));
    all_of(Facts::over(Path::new("ledger.jsonl"), "friday", source))
}

/// The bytes of a ledger that holds these facts behind the first.
fn ledger_of(facts: &[Fact]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("l");
    let ledger = Ledger::create(&path, "friday").unwrap();
    for fact in facts {
        ledger.record(fact).unwrap();
    }
    std::fs::read(&path).unwrap()
}

fn sample() -> Vec<u8> {
    ledger_of(&whole_run()[1..])
}

/// A line that stands first, whatever it says.
fn first_line(json: &str) -> Vec<u8> {
    format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())).into_bytes()
}

#[test]
fn what_was_written_is_read() {
    let (facts, torn) = Place::of(&sample()).read().unwrap();
    assert_eq!((facts, torn), (whole_run(), None));
}

#[test]
fn the_ledger_of_format_1_is_read_by_every_later_version() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/ledgers/format-1.jsonl");
    if std::env::var_os("LEDGER_FIXTURE").is_some() {
        File::create(&path).unwrap().write_all(&sample()).unwrap();
    }
    let (state, torn) = RunState::read(&path, "friday").unwrap();
    assert_eq!(torn, None);
    assert_eq!(state.closed.unwrap().exit_code, 5);
    let (facts, _) = Place::of(&std::fs::read(&path).unwrap()).read().unwrap();
    assert_eq!(facts, whole_run());
}

#[test]
fn every_byte_prefix_reads_as_a_prefix_of_the_facts() {
    let (bytes, facts) = (sample(), whole_run());
    for length in 0..=bytes.len() {
        let (read, torn) = read(&bytes[..length]).unwrap();
        let lines = bytes[..length].split(|byte| *byte == b'\n').count() - 1;
        assert_eq!(read, facts[..lines], "the first {length} bytes");
        let whole = length == 0 || bytes[length - 1] == b'\n';
        assert_eq!(torn.is_none(), whole, "the first {length} bytes");
        if let Some(torn) = torn {
            assert_eq!(torn.offset + torn.bytes, length as u64);
            assert_eq!(torn.line, lines as u64 + 1);
        }
    }
}

#[test]
fn every_flipped_bit_before_the_last_line_is_refused_and_in_it_is_torn_off() {
    let bytes = sample();
    let last = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            match read(&flipped) {
                Ok((facts, torn)) => {
                    assert!(at >= last, "bit {bit} of byte {at} is not seen");
                    assert_eq!(facts, whole_run()[..facts.len()]);
                    assert_eq!(torn.unwrap().offset, last as u64);
                }
                Err(error) => {
                    assert!(at < last, "{error}");
                    assert_eq!(error.blame(), Blame::Ledger);
                }
            }
        }
    }
}

#[test]
fn lines_that_are_lost_swapped_or_doubled_break_the_chain() {
    let bytes = sample();
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let mut lost = lines.clone();
    lost.remove(3);
    let mut swapped = lines.clone();
    swapped.swap(5, 6);
    let mut doubled = lines.clone();
    doubled.insert(8, lines[7]);
    let headless = lines[1..].to_vec();
    for (lines, line) in [(lost, 4), (swapped, 6), (doubled, 9), (headless, 1)] {
        let (blame, message) = Place::of(&lines.concat()).fault();
        assert_eq!(blame, Blame::Ledger);
        let wanted = format!("ledger.jsonl:{line}: the line does not follow the one before it");
        assert_eq!(message, wanted);
    }
}

#[test]
fn what_is_refused_says_where_and_why() {
    let prev = FIRST;
    let foreign = Place::of(&first_line(&format!(
        r#"{{"seq":0,"prev":"{prev}","what":"opened","format":1,"run":"monday"}}"#
    )));
    let newer = Place::of(&first_line(&format!(
        r#"{{"seq":0,"prev":"{prev}","what":"begun","format":2,"run":"friday"}}"#
    )));
    let mut unknown = ledger_of(&[]);
    let prev = link(&unknown);
    unknown.extend(first_line(&format!(r#"{{"seq":1,"prev":"{prev}","what":"danced"}}"#)));
    let mut damaged = sample();
    damaged[200] ^= 1;
    let mut bare = ledger_of(&[]);
    bare.truncate(0);
    bare.extend(first_line("{}"));
    let faults =
        [foreign, newer, Place::of(&unknown), Place::of(&damaged), Place::of(&bare)].map(|place| {
            let (blame, message) = place.fault();
            assert_eq!(blame.exit_code(), 8, "{message}");
            // What serde expected instead is a long list.
            message.split(", expected").next().unwrap().to_owned()
        });
    insta::assert_snapshot!(faults.join("\n"), @"
    ledger.jsonl:1: this is the ledger of run `monday`, not of `friday`
    ledger.jsonl:1: format 2 is newer than 1, which this version knows
    ledger.jsonl:2: not a fact that this version knows: unknown variant `danced`
    ledger.jsonl:2: the line is damaged, and valid lines follow
    ledger.jsonl:1: not a fact that this version knows: missing field `seq` at line 1 column 2
    ");
    let missing = Facts::open(Path::new("no/such/ledger"), "friday").err().unwrap();
    assert_eq!(missing.blame(), Blame::Disk);
}

#[test]
fn facts_that_make_no_sense_are_refused_with_their_line() {
    let place = Place::of(&ledger_of(&whole_run()[4..6]));
    let error = RunState::read(&place.path, "friday").unwrap_err();
    assert_eq!(error.blame(), Blame::Ledger);
    assert!(error.to_string().ends_with("ledger.jsonl:2: chunk 000001 was never planned"));
}

/// Found by the fuzz target `ledger_read`.
#[test]
fn numbers_too_large_to_add_up_are_refused() {
    let digest = Digest::of(b"body");
    let most = u64::MAX;
    let (first_row, rows, accepted, rejected, bytes) = (1, 0, most, 1, 0);
    let input = Fact::InputRead {
        first_row,
        rows,
        accepted,
        rejected,
        bytes,
        digest,
        whole: true,
        unchanged: None,
    };
    let (chunk, rows) = (ChunkNumber(1), 1);
    let planned = Fact::Planned {
        chunk,
        first_row: 0,
        last_row: most,
        rows,
        bytes,
        digest,
        source: None,
        window: None,
    };
    for fact in [input, planned] {
        let place = Place::of(&ledger_of(&[fact]));
        let error = RunState::read(&place.path, "friday").unwrap_err();
        assert_eq!(error.blame(), Blame::Ledger);
    }
}

/// A kill between `Unknown` and `Reconciled`, and results that are whole when they are asked for
/// again: the run settles all rows, and its ledger is refused ever after.
#[test]
fn rows_that_were_unknown_before_a_kill_may_be_known_after_it() {
    let counts = Counts { input: 3, success: 2, error: 1, ..Counts::default() };
    let mut facts = whole_run()[1..12].to_vec();
    assert!(matches!(facts.last(), Some(Fact::Unknown { rows: 1, .. })));
    facts.push(Fact::Reconciled { chunk: ChunkNumber(1), counts, deferred: 0 });
    let place = Place::of(&ledger_of(&facts));
    let (state, _) = RunState::read(&place.path, "friday").unwrap();
    assert_eq!(state.counts().success, 2);
}

#[test]
fn a_torn_ledger_is_cut_and_gone_on_with() {
    let (bytes, facts) = (sample(), whole_run());
    // Cuts between and around line ends, and one within each line; each goes on to the end.
    let ends = (0..bytes.len()).filter(|at| bytes[*at] == b'\n');
    for length in ends.flat_map(|end| [end - 40, end, end + 1]).chain([0]) {
        let place = Place::of(&bytes[..length]);
        let Reopened { ledger, state, torn } = Ledger::reopen(&place.path, "friday").unwrap();
        let lines = bytes[..length].split(|byte| *byte == b'\n').count() - 1;
        assert_eq!(torn.is_some(), length > 0 && bytes[length - 1] != b'\n');
        assert_eq!(state.run, "friday");
        for fact in &facts[lines.max(1)..] {
            ledger.record(fact).unwrap();
        }
        drop(ledger);
        assert_eq!(place.read().unwrap(), (facts.clone(), None), "cut at byte {length}");
        assert_eq!(std::fs::read(&place.path).unwrap(), bytes);
    }
}

#[test]
fn a_damaged_ledger_is_not_touched() {
    let mut bytes = sample();
    bytes[200] ^= 1;
    let place = Place::of(&bytes);
    assert!(Ledger::reopen(&place.path, "friday").is_err());
    assert_eq!(std::fs::read(&place.path).unwrap(), bytes);
}

#[test]
fn a_line_without_end_does_not_fill_the_memory() {
    let mut bytes = sample();
    bytes.extend(std::iter::repeat_n(0, 3 << 20));
    let (facts, torn) = Place::of(&bytes).read().unwrap();
    assert_eq!(facts, whole_run());
    assert_eq!(torn.unwrap().bytes, 3 << 20);
}
