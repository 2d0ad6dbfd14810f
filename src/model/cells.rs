//! How a cell is written in the CSV that we produce: comma, LF, quotes only where needed.

use super::sixteen::Sixteen;

/// Appends one cell; the caller puts the commas and line ends.
pub fn push_cell(out: &mut Vec<u8>, cell: &[u8]) {
    if needs_quotes(cell) {
        push_quoted(out, cell);
    } else {
        out.extend_from_slice(cell);
    }
}

/// Appends cells as one line with its line end.
///
/// A row of one empty cell is written as `""`: an empty line would not be a row.
pub fn push_line<'a>(out: &mut Vec<u8>, cells: impl Iterator<Item = &'a [u8]>) {
    let start = out.len();
    let mut count = 0;
    for cell in cells {
        if count > 0 {
            out.push(b',');
        }
        push_cell(out, cell);
        count += 1;
    }
    if count == 1 && out.len() == start {
        out.extend_from_slice(b"\"\"");
    }
    out.push(b'\n');
}

/// Whether a cell is written in quotes.
pub fn needs_quotes(cell: &[u8]) -> bool {
    memchr::memchr3(b',', b'"', b'\n', cell).is_some() || memchr::memchr(b'\r', cell).is_some()
}

/// Whether a cell has letters and digits of ASCII only.
#[inline]
pub fn is_alphanumeric(cell: &[u8]) -> bool {
    let (sixteens, rest) = cell.as_chunks();
    sixteens.iter().all(|sixteen| {
        let sixteen = Sixteen::of(sixteen);
        let letters = sixteen.with(0x20).lie(b'a', b'z');
        letters.or(sixteen.lie(b'0', b'9')).bits() == u16::MAX
    }) && rest.iter().all(u8::is_ascii_alphanumeric)
}

fn push_quoted(out: &mut Vec<u8>, cell: &[u8]) {
    out.push(b'"');
    let mut rest = cell;
    while let Some(at) = memchr::memchr(b'"', rest) {
        out.extend_from_slice(&rest[..=at]);
        out.push(b'"');
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_stand_only_where_they_are_needed() {
        for (cells, line) in [
            (vec!["a", "b"], "a,b\n"),
            (vec!["a,b", "say \"hi\""], "\"a,b\",\"say \"\"hi\"\"\"\n"),
            (vec!["two\nlines", " x "], "\"two\nlines\", x \n"),
            (vec![""], "\"\"\n"),
            (vec!["", ""], ",\n"),
        ] {
            let mut out = Vec::new();
            push_line(&mut out, cells.iter().map(|cell| cell.as_bytes()));
            assert_eq!(String::from_utf8(out).unwrap(), line);
        }
    }

    proptest! {
        #[test]
        fn letters_and_digits_are_told_from_all_else(
            cell in "[0-9A-Za-z]{0,40}",
            other in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        ) {
            let mut cell = cell.into_bytes();
            if let Some((place, byte)) = other.filter(|_| !cell.is_empty()) {
                let place = place.index(cell.len());
                cell[place] = byte;
            }
            prop_assert_eq!(is_alphanumeric(&cell), cell.iter().all(u8::is_ascii_alphanumeric));
        }

        #[test]
        fn the_csv_crate_reads_back_what_is_written(
            rows in prop::collection::vec(prop::collection::vec("[a-c,\"\r\n ]{0,6}", 3), 1..20)
        ) {
            let mut out = Vec::new();
            for row in &rows {
                push_line(&mut out, row.iter().map(String::as_bytes));
            }
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&out[..]);
            let read: Vec<Vec<String>> = reader
                .records()
                .map(|record| record.unwrap().iter().map(str::to_owned).collect())
                .collect();
            prop_assert_eq!(read, rows);
        }
    }
}
