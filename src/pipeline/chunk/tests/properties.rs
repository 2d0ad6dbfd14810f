//! What holds for every cut, with the csv crate as writer and reader for an oracle.

use proptest::prelude::*;

use super::*;

const COLUMNS: usize = 2;

/// A row of the input: what is sent, the source column that is only kept, and whether it passed.
#[derive(Debug, Clone)]
struct Row {
    sent: Vec<String>,
    kept: String,
    accepted: bool,
    /// Its text is at hand as it will be written.
    read: bool,
    /// How many numbers it stands after the row before; the rows between were never readable.
    gap: u64,
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let cell = prop_oneof![
        3 => "[a-z]{0,8}",
        2 => "[a,\"\r\n é€]{0,6}",
        1 => "[\"x]{10,40}",
        1 => Just(String::new()),
    ];
    let sent = prop::collection::vec(cell.clone(), COLUMNS);
    let gap = prop_oneof![4 => Just(1), 1 => 2_u64..5];
    let row = (sent, cell, prop::bool::weighted(0.8), prop::bool::weighted(0.8), gap);
    let row =
        row.prop_map(|(sent, kept, accepted, read, gap)| Row { sent, kept, accepted, read, gap });
    prop::collection::vec(row, 0..60)
}

fn slab_of(rows: &[(u64, Row)], width: usize) -> CheckedSlab {
    let mut raw = RawSlab { table: Table::new(width + 1), ..RawSlab::default() };
    let mut fields = Table::new(width);
    let mut accepted = Vec::new();
    for (index, (number, row)) in rows.iter().enumerate() {
        raw.marks.push(RowMark { row: *number, line: number * 2 });
        let mut cells: Vec<&[u8]> = row.sent[..width].iter().map(String::as_bytes).collect();
        let push = if row.read { Table::push_read } else { push_cells };
        push(&mut fields, &cells);
        cells.push(row.kept.as_bytes());
        push(&mut raw.table, &cells);
        if row.accepted {
            accepted.push(u32::try_from(index).unwrap());
        }
    }
    CheckedSlab { raw, fields, accepted, rejected: Vec::new() }
}

fn push_cells(table: &mut Table, cells: &[&[u8]]) {
    for cell in cells {
        table.push_field(cell);
    }
}

/// A line as the csv crate writes it.
fn written(cells: &[String]) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(cells).unwrap();
    writer.into_inner().unwrap()
}

fn parsed(path: &Path, header: bool) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(header).from_path(path).unwrap();
    let records = reader.records().map(|record| record.unwrap());
    records.map(|record| record.iter().map(str::to_owned).collect()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::default())]

    #[test]
    fn chunks_share_out_the_accepted_rows_within_their_limits(
        rows in rows(),
        width in 1..=COLUMNS,
        slab_rows in 1_usize..25,
        rows_max in 1_u32..8,
        bytes_max in prop_oneof![3 => 20_u64..120, 1 => Just(5 << 20)],
    ) {
        let folder = tempfile::tempdir().unwrap();
        let header: Vec<String> = ["Name", "Sub,ject"][..width].iter().map(|n| (*n).to_owned()).collect();
        let limits = ChunkLimits { rows: rows_max, bytes: bytes_max };
        let mut number = 0;
        let numbered: Vec<(u64, Row)> = rows
            .into_iter()
            .map(|row| {
                number += row.gap;
                (number, row)
            })
            .collect();

        let mut spool = Spool::new(folder.path(), &header, limits);
        let mut chunks = Vec::new();
        let mut rejected = Vec::new();
        for part in numbered.chunks(slab_rows) {
            let mut slab = slab_of(part, width);
            spool.set_apart(&mut slab);
            rejected.extend(slab.rejected.iter().map(|rejected| rejected.mark.row));
            chunks.extend(spool.take(&slab).unwrap());
        }
        chunks.extend(spool.close().unwrap());
        prop_assert!(spool.close().unwrap().is_empty());

        // The oracle: which rows fit a chunk at all, and how long each line is.
        let head = written(&header);
        let lines: BTreeMap<u64, Vec<u8>> = numbered
            .iter()
            .filter(|(_, row)| row.accepted)
            .map(|(number, row)| (*number, written(&row.sent[..width])))
            .collect();
        let fits = |line: &[u8]| (head.len() + line.len()) as u64 <= bytes_max;
        let too_large: Vec<u64> =
            lines.iter().filter(|(_, line)| !fits(line)).map(|(number, _)| *number).collect();
        prop_assert_eq!(rejected, too_large);

        let mut left = numbered.iter().filter(|(n, row)| row.accepted && fits(&lines[n])).peekable();
        for (expected, chunk) in (1..).zip(&chunks) {
            prop_assert_eq!(chunk.number, ChunkNumber(expected));
            let body = std::fs::read(&chunk.body).unwrap();
            prop_assert_eq!(chunk.digest.to_string(), blake3::hash(&body).to_string());
            prop_assert_eq!(chunk.body_bytes, body.len() as u64);
            prop_assert!(chunk.rows >= 1 && chunk.rows <= rows_max && chunk.body_bytes <= bytes_max);

            let (cells, source) = (parsed(&chunk.body, true), parsed(&chunk.source, false));
            prop_assert_eq!(cells.len(), chunk.rows as usize);
            prop_assert_eq!(source.len(), chunk.rows as usize);
            let mut bytes = head.clone();
            for (cells, source) in cells.iter().zip(&source) {
                let (number, row) = left.next().expect("a row that is accepted");
                prop_assert_eq!(cells, &row.sent[..width]);
                let mut kept = vec![number.to_string(), (number * 2).to_string()];
                kept.extend(row.sent[..width].iter().cloned());
                kept.push(row.kept.clone());
                prop_assert_eq!(source, &kept);
                bytes.extend(&lines[number]);
            }
            prop_assert_eq!(&body, &bytes, "the body as the csv crate writes it");
            prop_assert_eq!(&chunk.first_row.to_string(), &source[0][0]);
            prop_assert_eq!(&chunk.last_row.to_string(), &source[source.len() - 1][0]);
            // No chunk ends while the next row has room.
            if let Some((next, _)) = left.peek() {
                let longer = (body.len() + lines[next].len()) as u64;
                prop_assert!(chunk.rows == rows_max || longer > bytes_max);
            }
        }
        prop_assert_eq!(left.next().map(|(number, _)| *number), None, "no row is left behind");
    }

    /// The same rows give the same chunks, however the reader had cut its slabs, and whether or not
    /// it has left the text of rows.
    #[test]
    fn slabs_do_not_show_in_the_chunks(
        all in rows(),
        one in 1_usize..9,
        other in 9_usize..70,
        (rows, bytes) in prop_oneof![Just((5, 90)), Just((20, 200)), Just((100, 5_000))],
    ) {
        let numbered: Vec<(u64, Row)> = (1..).zip(all).collect();
        let limits = ChunkLimits { rows, bytes };
        let cut = |slab_rows: usize, read: bool| {
            let mut numbered = numbered.clone();
            for (_, row) in &mut numbered {
                row.read &= read;
            }
            let folder = tempfile::tempdir().unwrap();
            let header = ["Name".to_owned(), "Subject".to_owned()];
            let mut spool = Spool::new(folder.path(), &header, limits);
            let mut chunks = Vec::new();
            for part in numbered.chunks(slab_rows) {
                let mut slab = slab_of(part, COLUMNS);
                spool.set_apart(&mut slab);
                chunks.extend(spool.take(&slab).unwrap());
            }
            chunks.extend(spool.close().unwrap());
            let facts = |chunk: &Chunk| {
                let digests = (chunk.digest, chunk.source_digest);
                (digests, chunk.body_bytes, chunk.rows, chunk.first_row, chunk.last_row)
            };
            chunks.iter().map(facts).collect::<Vec<_>>()
        };
        prop_assert_eq!(cut(one, false), cut(other, true));
    }
}
