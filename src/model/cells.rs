//! How a cell is written in the CSV that we produce: comma, LF, quotes only where needed.

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

/// The same with cells that are known to need no quotes.
pub fn push_clean_line<'a>(out: &mut Vec<u8>, cells: impl Iterator<Item = &'a [u8]>) {
    let start = out.len();
    for cell in cells {
        out.extend_from_slice(cell);
        out.push(b',');
    }
    match out.len() - start {
        1 => out.splice(start.., *b"\"\"\n").for_each(drop),
        0 => out.push(b'\n'),
        _ => *out.last_mut().unwrap_or(&mut 0) = b'\n',
    }
}

/// Appends a number in decimal.
pub fn push_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let (mut at, mut rest) = (digits.len(), number);
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn needs_quotes(cell: &[u8]) -> bool {
    memchr::memchr3(b',', b'"', b'\n', cell).is_some() || memchr::memchr(b'\r', cell).is_some()
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

    #[test]
    fn numbers_are_written_whole() {
        for number in [0, 7, 10, 1_234_567_890, u64::MAX] {
            let mut out = b"x".to_vec();
            push_number(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), format!("x{number}"));
        }
    }

    proptest! {
        #[test]
        fn a_clean_line_is_the_line(cells in prop::collection::vec("[a-c ]{0,3}", 0..4)) {
            let (mut line, mut clean) = (b"before\n".to_vec(), b"before\n".to_vec());
            push_line(&mut line, cells.iter().map(String::as_bytes));
            push_clean_line(&mut clean, cells.iter().map(String::as_bytes));
            prop_assert_eq!(line, clean);
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
