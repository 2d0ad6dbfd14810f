mod lanes;
mod properties;
mod source;

use super::*;
use crate::model::rows::{RawSlab, RowMark, Table};

fn slab(rows: &[(u64, &str, &str)]) -> CheckedSlab {
    let mut raw = RawSlab { table: Table::new(2), ..RawSlab::default() };
    let mut fields = Table::new(1);
    let mut accepted = Vec::new();
    for (index, (row, sent, kept)) in rows.iter().enumerate() {
        raw.marks.push(RowMark { row: *row, line: row + 1 });
        raw.table.push_field(sent.as_bytes());
        raw.table.push_field(kept.as_bytes());
        fields.push_field(sent.as_bytes());
        accepted.push(u32::try_from(index).unwrap());
    }
    CheckedSlab { raw, fields, accepted, rejected: Vec::new() }
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_chunk_ends_at_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let limits = ChunkLimits { rows: 2, bytes: 1_000 };
    let mut spool = Spool::new(folder.path(), &["Name".to_owned()], limits);
    let full = spool.take(&slab(&[(1, "a", "k1"), (3, "b,c", "k2"), (4, "d", "k\"3")])).unwrap();
    let last = spool.close().unwrap().pop().unwrap();
    assert_eq!(full.len(), 1);
    assert_eq!((full[0].rows, full[0].first_row, full[0].last_row), (2, 1, 3));
    assert_eq!(text(&full[0].body), "Name\na\n\"b,c\"\n");
    assert_eq!(text(&full[0].source), "1,2,a,k1\n3,4,\"b,c\",k2\n");
    assert_eq!((last.rows, last.number), (1, ChunkNumber(2)));
    assert_eq!(text(&last.source), "4,5,d,\"k\"\"3\"\n");
    for chunk in [&full[0], &last] {
        let body = std::fs::read(&chunk.body).unwrap();
        assert_eq!(chunk.body_bytes, body.len() as u64);
        assert_eq!(chunk.digest, Digest::of(&body));
    }
    assert!(spool.close().unwrap().is_empty());
}

/// As builds have written it from the first on.
#[test]
fn an_empty_source_column_needs_no_quotes_behind_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let limits = ChunkLimits { rows: 2, bytes: 1_000 };
    let mut spool = Spool::new(folder.path(), &["Name".to_owned()], limits);
    let mut slab = slab(&[(1, "constant", "")]);
    slab.raw.table = Table::new(1);
    slab.raw.table.push_field(b"");
    assert!(spool.take(&slab).unwrap().is_empty());
    let chunk = spool.close().unwrap().pop().unwrap();
    assert_eq!(
        (text(&chunk.body), text(&chunk.source)),
        ("Name\nconstant\n".into(), "1,2,\n".into())
    );
}

#[test]
fn the_first_chunks_are_small_whatever_else_is_allowed() {
    for (rows_max, rows, sizes) in [
        (250_000, 40_000, &[40_000][..]),
        (250_000, 50_001, &[50_000, 1]),
        (250_000, 650_000, &[50_000, 100_000, 250_000, 250_000]),
        (60_000, 200_000, &[50_000, 60_000, 60_000, 30_000]),
        (20, 50, &[20, 20, 10]),
    ] {
        let limits = ChunkLimits { rows: rows_max, bytes: 1 << 30 };
        assert_eq!(limits.chunks_of(rows), sizes.len() as u64, "{rows_max} {rows}");
        let mut spool = Spool::dry(&["N".to_owned()], limits);
        let mut cut = Vec::new();
        for first in (1..=rows).step_by(10_000) {
            let last = (first + 9_999).min(rows);
            let slab_of: Vec<_> = (first..=last).map(|row| (row, "a", "")).collect();
            cut.extend(spool.take(&slab(&slab_of)).unwrap());
        }
        cut.extend(spool.close().unwrap());
        assert_eq!(cut.iter().map(|chunk| chunk.rows).collect::<Vec<_>>(), sizes);
    }
}

/// Rows of one user are not split for the number of rows alone, however they come in slabs.
#[test]
fn neighbors_about_the_same_stay_together() {
    let rows = [(1, "a", ""), (2, "b", ""), (3, "b", ""), (4, "b", ""), (5, "c", ""), (6, "b", "")];
    let cut = |about: &[&str], limits: ChunkLimits, slabs: &[&[(u64, &str, &str)]]| {
        let folder = tempfile::tempdir().unwrap();
        let header = ["N".to_owned()];
        let mut spool = Spool::new(folder.path(), &header, limits).together(&header, about);
        let mut chunks = Vec::new();
        for rows in slabs {
            chunks.extend(spool.take(&slab(rows)).unwrap());
        }
        chunks.extend(spool.close().unwrap());
        chunks.iter().map(|chunk| chunk.rows).collect::<Vec<_>>()
    };
    let limits = ChunkLimits { rows: 2, bytes: 1_000 };
    assert_eq!(cut(&[], limits, &[&rows]), [2, 2, 2]);
    assert_eq!(cut(&["n"], limits, &[&rows]), [4, 2]);
    assert_eq!(cut(&["n"], limits, &[&rows[..2], &rows[2..3], &rows[3..]]), [4, 2]);
    // Two bytes a row and the header: bytes count all the same.
    assert_eq!(cut(&["n"], ChunkLimits { rows: 2, bytes: 8 }, &[&rows]), [3, 2, 1]);
}

#[test]
fn a_chunk_ends_at_its_bytes_with_the_header() {
    let folder = tempfile::tempdir().unwrap();
    let limits = ChunkLimits { rows: 100, bytes: 12 };
    let mut spool = Spool::new(folder.path(), &["Name".to_owned()], limits);
    let rows: Vec<_> = (1..=5).map(|row| (row, "abc", "")).collect();
    let mut chunks = spool.take(&slab(&rows)).unwrap();
    chunks.extend(spool.close().unwrap());
    assert_eq!(chunks.len(), 5, "5 header bytes and two rows of 4 are 13");
    assert!(chunks.iter().all(|chunk| chunk.body_bytes <= 12));
}

#[test]
fn a_row_larger_than_a_chunk_is_rejected_and_the_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let limits = ChunkLimits { rows: 100, bytes: 12 };
    let mut spool = Spool::new(folder.path(), &["Name".to_owned()], limits);
    let mut slab = slab(&[(6, "a", ""), (7, "abcdefgh", "k"), (8, "b", "")]);
    spool.set_apart(&mut slab);
    assert_eq!(slab.accepted, [0, 2]);
    let [rejected] = &slab.rejected[..] else { panic!("{:?}", slab.rejected) };
    assert_eq!((rejected.mark.row, rejected.code, rejected.source.len()), (7, "row_too_large", 2));
    insta::assert_snapshot!(
        rejected.message,
        @"the row takes 14 bytes with the header, more than the 12 of a job; raise `--chunk-bytes`"
    );
    assert_eq!(spool.take(&slab).unwrap().len(), 0);
    assert_eq!(spool.close().unwrap().pop().unwrap().rows, 2);
}
