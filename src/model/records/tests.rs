//! The reader against the `csv` crate, byte by byte.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;

type Read = Vec<(u64, Vec<Vec<u8>>)>;

/// Gives a few bytes at a time, so that every record is cut somewhere.
struct Drip<'a> {
    text: &'a [u8],
    piece: usize,
}

impl io::Read for Drip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.piece.min(buffer.len()).min(self.text.len());
        buffer[..count].copy_from_slice(&self.text[..count]);
        self.text = &self.text[count..];
        Ok(count)
    }
}

fn ours(text: &[u8], piece: usize, block: usize) -> Read {
    let mut records = Records::with_capacity(Drip { text, piece }, block);
    let mut read = Vec::new();
    while records.advance().unwrap() {
        read.push((records.offset(), records.cells().map(<[u8]>::to_vec).collect()));
    }
    read
}

fn theirs(text: &[u8]) -> Vec<Vec<Vec<u8>>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    reader
        .byte_records()
        .map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect())
        .collect()
}

fn check(text: &[u8], piece: usize, block: usize) {
    let read = ours(text, piece, block);
    let cells: Vec<_> = read.iter().map(|(_, cells)| cells.clone()).collect();
    let shown = String::from_utf8_lossy(text);
    assert_eq!(cells, theirs(text), "{shown:?} by {piece}");
    // What stands at the place of a record is that record.
    for (offset, cells) in read {
        let mut again = Records::with_capacity(Cursor::new(text), block);
        again.seek(offset).unwrap();
        if offset > 0 {
            assert!(again.advance().unwrap(), "{shown:?} at {offset}");
            assert!(again.cells().eq(cells.iter().map(Vec::as_slice)), "{shown:?} at {offset}");
        }
    }
}

#[test]
fn records_are_read_as_the_csv_crate_reads_them() {
    for text in [
        "",
        "\n",
        "a",
        "a,b\nc,d\n",
        "a,b\r\nc,d",
        "a\rb\n\n\r\n\rc",
        ",\n,,\n",
        "\"\"\n\"\",\"\"\n",
        "\"a,\nb\",c\n",
        "\"a\"\"b\",\"\"\"\"\n\"\"\"",
        "a\"b,c\"\n",
        "\"a\"b,\"c\" \"d\"\n",
        "\"a\"b\"c,\"\"d\n",
        "\"open\n,",
        "\"open\"",
        "\"half\"\"",
        "\u{feff}a,b\n",
        "\u{feff}",
        "\u{feff}\"a\",b\n",
        "a\u{feff},b\n",
        "01234567,01234567890123456789\n0,\"01234567890123456789\"\n",
    ] {
        for (piece, block) in [(1, 1), (3, 16), (1 << 20, 1 << 20)] {
            check(text.as_bytes(), piece, block);
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_read_as_the_csv_crate_reads_it(
        text in "[a,\"\r\n é0123]{0,80}",
        piece in 1_usize..20,
        block in 1_usize..40,
    ) {
        check(text.as_bytes(), piece, block);
    }

    /// What stands can be put behind other cells.
    #[test]
    fn what_stands_is_what_the_cells_say(
        rows in prop::collection::vec(prop::collection::vec("[a,\"\r\n é]{0,6}", 3), 1..8),
        from in 0_usize..4,
    ) {
        let mut text = Vec::new();
        for row in &rows {
            crate::model::cells::push_line(&mut text, row.iter().map(String::as_bytes));
        }
        let mut records = Records::new(&text[..]).of_one_width();
        for row in &rows {
            prop_assert!(records.advance().unwrap());
            let wanted: Vec<Vec<u8>> =
                row.iter().skip(from).map(|cell| cell.as_bytes().to_vec()).collect();
            if let Some(stands) = records.as_it_stands(from) {
                let line = [b"x,", stands, b"\n"].concat();
                prop_assert_eq!(&theirs(&line)[0][1..], &wanted[..]);
            } else {
                let undone = row.iter().skip(from).any(|cell| cell.contains('"'));
                prop_assert!(undone || wanted.is_empty());
            }
        }
        prop_assert!(!records.advance().unwrap());
    }
}

#[test]
fn a_record_of_another_width_is_told() {
    let mut records = Records::new(&b"a,b\nc,d\ne\n"[..]).of_one_width();
    assert!(records.advance().unwrap() && records.advance().unwrap());
    let error = records.advance().unwrap_err();
    assert_eq!(error.to_string(), "a record has 1 cells, and the first one 2");
}

#[test]
fn going_back_and_forth_finds_the_same_records() {
    let text: Vec<u8> = (0..500).flat_map(|row| format!("{row},x\n").into_bytes()).collect();
    let mut places = Vec::new();
    let mut records = Records::with_capacity(Cursor::new(&text[..]), 64);
    while records.advance().unwrap() {
        places.push(records.offset());
    }
    for row in [0, 499, 250, 251, 249, 3, 498, 0] {
        records.seek(places[row]).unwrap();
        assert!(records.advance().unwrap());
        assert_eq!(records.cell(0), Some(row.to_string().as_bytes()));
        assert_eq!(records.offset(), places[row]);
    }
}
