//! The strict reader against csv-core.

use longshore::config::plan::{Delimiter, Input, Source};
use longshore::model::rows::{RawSlab, Rejected};
use longshore::pipeline::read;

/// What the csv crate may be asked about: plain UTF-8, which the strict reader takes as it is.
fn is_plain(file: &[u8]) -> bool {
    std::str::from_utf8(file).is_ok() && !file.contains(&0)
}

/// The first byte chooses a delimiter, the rest is the file.
///
/// Rows are numbered without a gap and every field is text. Where nothing was rejected, the csv
/// crate reads the same fields.
pub fn csv_read(data: &[u8]) {
    let Some((choice, file)) = data.split_first() else { return };
    let delimiter = Delimiter::ALL[usize::from(*choice) % Delimiter::ALL.len()];
    let input = Input {
        source: Source::Stdin,
        delimiter: Some(delimiter),
        line_ending: None,
        encoding: None,
    };
    let Ok(mut reader) = read::from_bytes("fuzz.csv", file.to_vec(), &input) else { return };
    let width = reader.header().len();
    let mut numbers = Vec::new();
    let mut rows: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut rejected: Vec<Rejected> = Vec::new();
    loop {
        match reader.next_slab() {
            Ok(Some(RawSlab { table, marks, rejected: more })) => {
                numbers.extend(marks.iter().chain(more.iter().map(|r| &r.mark)).map(|m| m.row));
                rows.extend(
                    (0..table.len()).map(|row| table.row(row).map(<[u8]>::to_vec).collect()),
                );
                rejected.extend(more);
            }
            Ok(None) => break,
            Err(_) => return,
        }
    }
    numbers.sort_unstable();
    assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "rows are numbered {numbers:?}");
    for row in &rows {
        assert_eq!(row.len(), width, "a row has as many fields as the header");
        for field in row {
            assert!(std::str::from_utf8(field).is_ok() && !field.contains(&0), "a field is text");
        }
    }
    for one in &rejected {
        assert!(one.message.starts_with("fuzz.csv:"), "{} says where", one.message);
    }
    if rejected.is_empty() && is_plain(file) {
        let oracle = csv::ReaderBuilder::new()
            .delimiter(delimiter.byte())
            .flexible(true)
            .from_reader(file)
            .into_byte_records()
            .map(|record| record.expect("memory is read").iter().map(<[u8]>::to_vec).collect())
            .collect::<Vec<Vec<_>>>();
        assert_eq!(rows, oracle, "the csv crate agrees");
    }
}
