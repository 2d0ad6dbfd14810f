//! Result files as received: their reader, and the matcher.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use longshore::model::ids::RecordId;
use longshore::model::schema::{FieldKind, FieldSchema, SentField};
use longshore::model::verdict::MatchKind;
use longshore::pipeline::settle::matching::{Job, Keys, LineAt, Lines, Matcher, Outcome};
use longshore::target::ResultFile;

const COLUMNS: [(&str, FieldKind); 3] =
    [("Name", FieldKind::String), ("Amount", FieldKind::Double), ("Active", FieldKind::Boolean)];
const KINDS: [ResultFile; 3] =
    [ResultFile::Successful, ResultFile::Failed, ResultFile::Unprocessed];

/// Three files, divided by NUL. Each line is seen once, in order, and read by its place it is the
/// line that was seen.
pub fn results_read(data: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let files = result_files(folder.path(), data);
    let sent: Vec<String> = COLUMNS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut lines = Lines::open(&files, &sent).expect("every file opens");
    let mut seen: Vec<(LineAt, Seen)> = Vec::new();
    let all = lines.each(|at, line| {
        let cells = (0..sent.len()).map(|column| line.cell(column).map(<[u8]>::to_vec)).collect();
        seen.push((at, Seen { id: line.id().to_vec(), created: line.created().to_vec(), cells }));
        Ok(())
    });
    all.expect("every line is read");
    assert!(seen.is_sorted_by(|one, other| one.0 < other.0), "no place comes twice");
    for (at, line) in &seen {
        let read = lines.read(*at).expect("a line is read by its place");
        assert_eq!(read.id(), line.id);
        assert_eq!(read.created(), line.created);
        let known = |cell: &Option<Vec<u8>>| {
            cell.as_ref().is_none_or(|cell| read.cells().any(|other| other == cell))
        };
        assert!(line.cells.iter().all(known), "the cells are those of the record");
    }
    let wanted: Vec<LineAt> = seen.iter().map(|(at, _)| *at).step_by(2).collect();
    let mut found = Vec::new();
    let some = lines.some(&wanted, |at, _| {
        found.push(at);
        Ok(())
    });
    some.expect("some lines are read");
    assert_eq!(found, wanted);
}

struct Seen {
    id: Vec<u8>,
    created: Vec<u8>,
    cells: Vec<Option<Vec<u8>>>,
}

/// The first byte chooses whether the answer is told (what became of each row is known, and how it
/// is spelled) or any bytes at all.
pub fn results_match(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    if choice % 2 == 0 { match_any(rest) } else { match_told(rest) }
}

/// Rows, then three files, divided by NUL: every line is used once or left over.
fn match_any(data: &[u8]) {
    let (rows, answer) = match data.iter().position(|byte| *byte == 0) {
        Some(end) => (&data[..end], &data[end + 1..]),
        None => (data, &[][..]),
    };
    let rows: Vec<Vec<Vec<u8>>> = rows
        .split(|byte| *byte == b'\n')
        .map(|row| {
            let mut cells: Vec<Vec<u8>> = row.split(|b| *b == b'|').map(<[u8]>::to_vec).collect();
            cells.resize(COLUMNS.len(), Vec::new());
            cells
        })
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let files = result_files(folder.path(), answer);
    matched(folder.path(), &rows, &files);
}

/// What a row is told to be.
struct Told {
    cells: Vec<Vec<u8>>,
    fate: usize,
    dropped: bool,
}

/// Six bytes a row: its cells out of short lists, its fate, and its place in the answer. The first
/// byte says how the far side spells.
fn match_told(data: &[u8]) {
    const NAMES: [&str; 12] =
        ["a", " a", "a ", "b", "#N/A", "", "x\r\ny", "x\ny", "é", "e\u{301}", "a,\"b\"", "A"];
    const AMOUNTS: [&str; 9] = ["1", "1.0", "0.10", "0.1", "", "#N/A", "912260031", "-0", "0"];
    const TRUTHS: [&str; 5] = ["true", "1", "false", "", "#N/A"];
    let Some((manner, data)) = data.split_first() else { return };
    let cell = |list: &[&str], byte: u8| list[usize::from(byte) % list.len()].as_bytes().to_vec();
    let mut told: Vec<(u8, Told)> = Vec::new();
    for six in data.chunks_exact(6).take(200) {
        let cells = vec![cell(&NAMES, six[0]), cell(&AMOUNTS, six[1]), cell(&TRUTHS, six[2])];
        let (fate, dropped) = (usize::from(six[3] % 3), six[5] % 16 == 15);
        told.push((six[4], Told { cells, fate, dropped }));
    }
    let mut order: Vec<usize> = (0..told.len()).collect();
    order.sort_by_key(|row| told[*row].0);
    let told: Vec<Told> = told.into_iter().map(|(_, told)| told).collect();

    let folder = tempfile::tempdir().expect("a folder");
    let mut files = Vec::new();
    for (fate, which) in KINDS.iter().enumerate() {
        let mut lines = vec![header_of(*which)];
        for row in order.iter().filter(|row| told[**row].fate == fate && !told[**row].dropped) {
            let mut line = match which {
                ResultFile::Successful => vec![id_of(*row), b"true".to_vec()],
                ResultFile::Failed => vec![Vec::new(), format!("E:{row}:--").into_bytes()],
                ResultFile::Unprocessed => Vec::new(),
            };
            let cells = &told[*row].cells;
            line.extend(cells.iter().enumerate().map(|(column, c)| spelled(c, column, *manner)));
            lines.push(line);
        }
        let path = folder.path().join(format!("{which:?}.csv"));
        write_csv(&path, &lines, csv::QuoteStyle::Always);
        files.push((*which, path));
    }
    let rows: Vec<Vec<Vec<u8>>> = told.iter().map(|told| told.cells.clone()).collect();
    let outcomes = matched(folder.path(), &rows, &files);
    for (row, outcome) in outcomes.iter().enumerate() {
        let (fate, from) = match outcome {
            Verdict::Unknown => continue,
            Verdict::Known { fate, from } => (*fate, *from),
        };
        let same = |other: usize| other == row || is_same(&told[other].cells, &told[row].cells);
        if let Some(from) = from {
            assert!(same(from), "row {row} has the line of row {from}");
        } else {
            let fits = (0..told.len()).any(|other| told[other].fate == fate && same(other));
            assert!(fits, "row {row} has a verdict that no row like it has");
        }
    }
}

/// What became of a row, and which row's line said so, where it has a number.
enum Verdict {
    Unknown,
    Known { fate: usize, from: Option<usize> },
}

/// Matches, and holds the accounting: a verdict each, every line used once or left over.
fn matched(folder: &Path, rows: &[Vec<Vec<u8>>], files: &[(ResultFile, PathBuf)]) -> Vec<Verdict> {
    let body = folder.join("body.csv");
    let names = COLUMNS.iter().map(|(name, _)| name.as_bytes().to_vec()).collect();
    let mut lines = vec![names];
    lines.extend(rows.iter().cloned());
    write_csv(&body, &lines, csv::QuoteStyle::Necessary);
    let fields: Vec<SentField> = COLUMNS.iter().map(|(name, kind)| field(name, *kind)).collect();
    let sent: Vec<String> = fields.iter().map(|field| field.header.clone()).collect();
    let job = Job {
        body: &body,
        rows: u32::try_from(rows.len()).expect("a small job"),
        files,
        sent: &sent,
        primary: MatchKind::Text,
    };
    let mut matcher = Matcher::new(Keys::new(&fields, None, 7));
    let (matched, mut lines) = matcher.match_results(&job).expect("the files are there");
    assert_eq!(matched.outcomes.len(), rows.len());
    let mut told = 0;
    lines
        .each(|_, _| {
            told += 1;
            Ok(())
        })
        .expect("every line is read");
    let is_known = |o: &Outcome| !matches!(o, Outcome::Unmatched | Outcome::Contradiction);
    let known = matched.outcomes.iter().filter(is_known).count();
    assert_eq!(known + matched.left_over.len(), told, "each line is used once or left over");
    let mut used = BTreeSet::new();
    let verdicts = matched.outcomes.iter().map(|outcome| match outcome {
        Outcome::Unmatched | Outcome::Contradiction => Verdict::Unknown,
        Outcome::Success { id, .. } => {
            let number = id.get(9..15).and_then(|digits| std::str::from_utf8(digits).ok());
            Verdict::Known { fate: 0, from: number.and_then(|number| number.parse().ok()) }
        }
        Outcome::SuccessAt { at, .. } => {
            assert!(used.insert(at), "a line is used twice");
            let line = lines.read(at).expect("the line is there");
            let id = std::str::from_utf8(line.id()).unwrap_or_default();
            let number = id.get(9..15).and_then(|digits| digits.parse().ok());
            Verdict::Known { fate: 0, from: number }
        }
        Outcome::SuccessWithoutId { .. } => Verdict::Known { fate: 0, from: None },
        Outcome::Error { at, how } => {
            assert!(used.insert(at), "a line is used twice");
            let line = lines.read(at).expect("the line is there");
            let text = String::from_utf8_lossy(line.error()).into_owned();
            let row = text.split(':').nth(1).and_then(|row| row.parse().ok());
            Verdict::Known { fate: 1, from: row.filter(|_| how != MatchKind::Count) }
        }
        Outcome::Unprocessed => Verdict::Known { fate: 2, from: None },
    });
    verdicts.collect()
}

/// One way of spelling for the whole answer: a bit each.
fn spelled(cell: &[u8], column: usize, manner: u8) -> Vec<u8> {
    let does = |bit: u8| manner >> bit & 1 == 1;
    let mut text = String::from_utf8_lossy(cell).into_owned();
    if does(0) {
        text = String::from(text.trim());
    }
    if does(1) {
        text = text.replace("\r\n", "\n");
    }
    if does(2) && text == "#N/A" {
        text.clear();
    }
    if does(3) && column == 0 {
        text = text.replace("e\u{301}", "é");
    }
    if does(4)
        && column == 1
        && let Ok(number) = text.parse::<f64>()
    {
        text = if does(5) { format!("{number:E}") } else { format!("{number:?}") };
    }
    if does(6) && column == 2 && text == "1" {
        "true".clone_into(&mut text);
    }
    text.into_bytes()
}

/// Rows that nobody can tell apart: the same text, the same number, the same truth.
fn is_same(one: &[Vec<u8>], other: &[Vec<u8>]) -> bool {
    let number = |cell: &[u8]| std::str::from_utf8(cell).ok().and_then(|t| t.parse::<f64>().ok());
    // The far side knows no negative nothing.
    let number = |cell: &[u8]| number(cell).map(|number| number + 0.0);
    let truth = |cell: &[u8]| if cell == b"1" { b"true".to_vec() } else { cell.to_vec() };
    let numbers = match (number(&one[1]), number(&other[1])) {
        (Some(one), Some(other)) => one.total_cmp(&other).is_eq(),
        _ => one[1] == other[1],
    };
    one[0] == other[0] && numbers && truth(&one[2]) == truth(&other[2])
}

fn id_of(row: usize) -> Vec<u8> {
    let fifteen = format!("001550000{row:06}");
    RecordId::parse(fifteen.as_bytes()).expect("an id").as_bytes().to_vec()
}

fn header_of(which: ResultFile) -> Vec<Vec<u8>> {
    let own: &[&str] = match which {
        ResultFile::Successful => &["sf__Id", "sf__Created"],
        ResultFile::Failed => &["sf__Id", "sf__Error"],
        ResultFile::Unprocessed => &[],
    };
    let names = own.iter().copied().chain(COLUMNS.iter().map(|(name, _)| *name));
    names.map(|name| name.as_bytes().to_vec()).collect()
}

fn result_files(folder: &Path, data: &[u8]) -> Vec<(ResultFile, PathBuf)> {
    let mut parts = data.splitn(KINDS.len(), |byte| *byte == 0);
    let files = KINDS.iter().map(|which| {
        let path = folder.join(format!("{which:?}.csv"));
        write(&path, parts.next().unwrap_or_default());
        (*which, path)
    });
    files.collect()
}

fn write_csv(path: &Path, lines: &[Vec<Vec<u8>>], style: csv::QuoteStyle) {
    let mut writer = csv::WriterBuilder::new().quote_style(style).from_writer(Vec::new());
    for line in lines {
        writer.write_record(line).expect("memory takes it");
    }
    write(path, &writer.into_inner().expect("memory takes it"));
}

fn write(path: &Path, bytes: &[u8]) {
    let written = std::fs::File::create(path).and_then(|mut file| file.write_all(bytes));
    written.expect("the folder takes a file");
}

fn field(name: &str, kind: FieldKind) -> SentField {
    let field = FieldSchema {
        name: name.to_owned(),
        label: name.to_owned(),
        kind,
        type_name: String::new(),
        length: 255,
        digits: 0,
        precision: 18,
        scale: 2,
        createable: true,
        updateable: true,
        nillable: true,
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
