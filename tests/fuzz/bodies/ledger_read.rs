//! The ledger reader: a prefix of what was written comes back, or a refusal.

use std::io::Write;
use std::path::Path;

use longshore::ledger::{BadLedger, Fact, Facts, Ledger, RunState, Torn};

/// A ledger with every fact once, as format 1 wrote it.
const SAMPLE: &[u8] = include_bytes!("../../../fixtures/ledgers/format-1.jsonl");
const RUN: &str = "friday";
const FIRST: &str = "00000000000000000000000000000000";

/// The first byte chooses what the rest is: a ledger as it lies on disk, edits to a good one, or
/// the facts of one whose frame is right.
pub fn ledger_read(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    match choice % 3 {
        0 => check_any(rest),
        1 => check_edited(rest),
        _ => check_any(&framed(rest)),
    }
}

/// Whatever the bytes are: what reads well reads the same without its torn end, goes on behind it,
/// and is not touched when it is refused.
fn check_any(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.jsonl");
    write(&path, bytes);
    let read_back = read(&path);
    let Ok((facts, torn)) = read_back else {
        assert!(Ledger::reopen(&path, RUN).is_err(), "what cannot be read is not gone on with");
        assert_eq!(std::fs::read(&path).expect("it is there"), bytes);
        return;
    };
    if let Some(Torn { offset, bytes: lost, .. }) = torn {
        assert_eq!(offset + lost, bytes.len() as u64, "all behind the last fact is torn");
        let whole = folder.path().join("whole.jsonl");
        write(&whole, &bytes[..usize::try_from(offset).expect("a small file")]);
        let (again, torn) = read(&whole).expect("the facts before the tear hold");
        assert_eq!((&again, torn), (&facts, None));
    }
    let folded = RunState::read(&path, RUN).map(|(state, _)| state);
    match (Ledger::reopen(&path, RUN), folded) {
        (Ok(reopened), Ok(folded)) => {
            assert_eq!(reopened.torn, torn);
            if !facts.is_empty() {
                assert_eq!(reopened.state, folded);
            }
            let (after, torn) = read(&path).expect("what was gone on with reads well");
            assert!(torn.is_none() && after.len() == facts.len().max(1));
        }
        (Err(_), Err(_)) => assert_eq!(std::fs::read(&path).expect("it is there"), bytes),
        (Ok(_), Err(error)) => panic!("gone on with, and not to be folded: {error}"),
        (Err(error), Ok(_)) => panic!("folded, and not to be gone on with: {error}"),
    }
}

/// Four bytes an edit: what to do, where (two bytes), and with which byte.
fn check_edited(edits: &[u8]) {
    let mut bytes = SAMPLE.to_vec();
    for edit in edits.chunks_exact(4).take(8) {
        if bytes.is_empty() {
            break;
        }
        let at = usize::from(u16::from_le_bytes([edit[1], edit[2]])) % bytes.len();
        match edit[0] % 4 {
            0 => bytes[at] = edit[3],
            1 => bytes.insert(at, edit[3]),
            2 => {
                bytes.remove(at);
            }
            _ => bytes.truncate(at),
        }
    }
    let same = SAMPLE.iter().zip(&bytes).take_while(|(one, other)| one == other).count();
    let whole = SAMPLE[..same].split(|byte| *byte == b'\n').count() - 1;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.jsonl");
    write(&path, SAMPLE);
    let (written, _) = read(&path).expect("the sample reads well");
    write(&path, &bytes);
    if let Ok((facts, _)) = read(&path) {
        assert_eq!(facts[..], written[..facts.len()], "a prefix of what was written");
        assert!(facts.len() >= whole, "{} of {whole} whole facts", facts.len());
    }
    check_any(&bytes);
}

/// Each line of `text` is a fact from behind its chain, with a frame as the writer makes it.
fn framed(text: &[u8]) -> Vec<u8> {
    let mut ledger = Vec::new();
    let mut previous = FIRST.to_owned();
    for (sequence, fact) in text.split(|byte| *byte == b'\n').enumerate() {
        let mut json = format!(r#"{{"seq":{sequence},"prev":"{previous}","#).into_bytes();
        json.extend_from_slice(fact);
        let start = ledger.len();
        write!(ledger, "{:08x} ", crc32(&json)).expect("memory takes it");
        ledger.extend_from_slice(&json);
        ledger.push(b'\n');
        previous.replace_range(.., &blake3::hash(&ledger[start..]).to_hex()[..32]);
    }
    ledger
}

/// CRC-32 as zip has it, bit by bit: not the code that the ledger uses.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

fn read(path: &Path) -> Result<(Vec<Fact>, Option<Torn>), BadLedger> {
    let mut facts = Facts::open(path, RUN)?;
    let mut all = Vec::new();
    while let Some(fact) = facts.next_fact()? {
        all.push(fact);
    }
    Ok((all, facts.torn()))
}

fn write(path: &Path, bytes: &[u8]) {
    let written = std::fs::File::create(path).and_then(|mut file| file.write_all(bytes));
    written.expect("the folder takes a file");
}
