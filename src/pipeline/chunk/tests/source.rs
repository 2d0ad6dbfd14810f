//! Source rows come back as they were, whether they have lines of their own or are in the body.

use std::io::Write as _;

use proptest::prelude::*;

use super::*;
use crate::pipeline::source_rows::SourceRows;

/// Number, line and cells of the source, and what is sent of them.
type Row = (u64, u64, [String; 2], [String; 2]);

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let cell = || prop_oneof![3 => "[a-z]{0,6}", 2 => "[=a,\"\n é]{0,4}", 1 => Just(String::new())];
    let steps =
        (prop_oneof![6 => Just(1_u64), 1 => 2..4_u64], prop_oneof![6 => Just(0), 1 => 1..3_u64]);
    let row = ((cell(), cell()), prop::option::weighted(0.2, (cell(), cell())), steps);
    prop::collection::vec(row, 1..60).prop_map(|rows| {
        let (mut number, mut line) = (0, 1);
        let row =
            |((one, two), sent, (row, more)): ((String, String), Option<(String, String)>, _)| {
                (number, line) = (number + row, line + row + more);
                let sent = sent.unwrap_or_else(|| (one.clone(), two.clone()));
                (number, line, [one, two], [sent.0, sent.1])
            };
        rows.into_iter().map(row).collect()
    })
}

fn slab(rows: &[Row], shared: bool) -> CheckedSlab {
    let mut raw = RawSlab { table: Table::new(2), ..RawSlab::default() };
    let mut fields = Table::new(2);
    for (row, line, source, sent) in rows {
        raw.marks.push(RowMark { row: *row, line: *line });
        for cell in source {
            raw.table.push_field(cell.as_bytes());
        }
        for cell in sent {
            fields.push_field(cell.as_bytes());
        }
    }
    if shared {
        let mut derived = raw.table.derive(&[Some(0), Some(1)]);
        for (index, (_, _, source, sent)) in rows.iter().enumerate() {
            for column in 0..2 {
                if source[column] != sent[column] {
                    derived.set(index, column, sent[column].as_bytes());
                }
            }
        }
        fields = derived.finish();
    }
    let accepted = (0..u32::try_from(rows.len()).unwrap()).collect();
    CheckedSlab { raw, fields, accepted, rejected: Vec::new() }
}

fn spooled(folder: &Path, rows: &[Row], slab_rows: usize, shared: bool) -> Vec<Chunk> {
    let limits = ChunkLimits { rows: 17, bytes: 1_000 };
    let mut spool = Spool::new(folder, &["Name".to_owned(), "Subject".to_owned()], limits);
    let mut chunks = Vec::new();
    for part in rows.chunks(slab_rows) {
        chunks.extend(spool.take(&slab(part, shared)).unwrap());
    }
    chunks.extend(spool.close().unwrap());
    chunks
}

fn texts(record: &csv::ByteRecord) -> Vec<String> {
    record.iter().map(|cell| String::from_utf8(cell.to_vec()).unwrap()).collect()
}

proptest! {
    #[test]
    fn source_rows_come_back(all in rows(), slab_rows in 1_usize..30, shared in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let chunks = spooled(folder.path(), &all, slab_rows, shared);
        let mut left = all.iter();
        for chunk in &chunks {
            let mut rows = SourceRows::open(chunk).unwrap();
            let mut numbers = SourceRows::numbers(chunk).unwrap();
            while rows.advance().unwrap() {
                let (row, line, source, _) = left.next().expect("a row that was spooled");
                let cells = [row.to_string(), line.to_string(), source[0].clone(), source[1].clone()];
                prop_assert_eq!(texts(&rows.cells().collect()), &cells[2..]);
                prop_assert_eq!((rows.row(), rows.line()), (*row, *line));
                prop_assert_eq!(rows.number(), cells[0].as_bytes());
                prop_assert_eq!(rows.width(), 2);
                prop_assert_eq!(rows.cell(1), Some(source[1].as_bytes()));
                prop_assert_eq!(rows.cell(2), None);
                if let Some(text) = rows.as_they_stand() {
                    let mut reader =
                        csv::ReaderBuilder::new().has_headers(false).from_reader(text);
                    let read = reader.byte_records().next().map(|record| texts(&record.unwrap()));
                    prop_assert_eq!(read.unwrap_or_default(), &cells[2..]);
                }
                prop_assert!(numbers.advance().unwrap());
                prop_assert_eq!(numbers.number(), cells[0].as_bytes());
            }
            prop_assert!(!numbers.advance().unwrap());
        }
        prop_assert_eq!(left.next(), None);
        // Slabs and what they share do not show.
        let again = spooled(folder.path(), &all, 31, !shared);
        let digests = |chunks: &[Chunk]| {
            chunks.iter().map(|chunk| (chunk.digest, chunk.source_digest)).collect::<Vec<_>>()
        };
        prop_assert_eq!(digests(&again), digests(&chunks));
    }
}

/// Rows as they were sent take no more room than one line, until something is otherwise.
#[test]
fn rows_that_are_in_the_body_are_not_written_twice() {
    let row = |row: u64, line: u64, source: &str, sent: &str| -> Row {
        (row, line, [source.to_owned(), "s".to_owned()], [sent.to_owned(), "s".to_owned()])
    };
    let rows = [
        row(1, 2, "a", "a"),
        row(2, 3, "b,c", "b,c"),
        row(3, 5, "d", "d"),
        row(5, 7, "e", "e"),
        row(6, 8, "f", "F"),
        row(7, 9, "g", "g"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let chunks = spooled(folder.path(), &rows, 30, true);
    assert_eq!(text(&chunks[0].source), "=2,1,2\n=1,3,5\n=1,5,7\n6,8,f,s\n=1,7,9\n");
}

/// What was changed on disk is no row.
#[test]
fn damaged_source_rows_are_refused() {
    let row =
        |at: u64| (at, at + 1, ["a".to_owned(), "b".to_owned()], ["a".to_owned(), "b".to_owned()]);
    let rows: Vec<Row> = (1..=3).map(row).collect();
    for (source, rows_before, what) in [
        ("=4,1,2\n", 3, "the body has fewer rows than the source"),
        ("=0,1,2\n", 0, "a line is damaged"),
        ("=x,1,2\n", 0, "a line is damaged"),
        ("=3,1\n", 0, "a line is damaged"),
        ("=18446744073709551615,1,2\n", 0, "a line is damaged"),
        ("1,2,a,b\n2,3,a\n", 1, "a row has 1 cells, and the first one 2"),
        ("1,2,a\n=1,2,3\n", 1, "a row has 2 cells, and the first one 1"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let chunk = spooled(folder.path(), &rows, 30, true).pop().unwrap();
        create(&chunk.source).unwrap().write_all(source.as_bytes()).unwrap();
        let mut read = SourceRows::open(&chunk).unwrap();
        for _ in 0..rows_before {
            assert!(read.advance().unwrap(), "{source}");
        }
        assert_eq!(read.advance().unwrap_err().to_string(), what, "{source}");
    }
}
