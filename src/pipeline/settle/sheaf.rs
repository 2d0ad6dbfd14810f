//! The four result files of rows that were to be sent, as one pass over the rows fills them.
//!
//! Each round is a pass of its own over rows that an earlier pass has left out. In the end the
//! passes are merged by row number, so that each file is in the order of the input; without rounds,
//! or where they have no row for a file, it is the one of the first pass.

use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use super::files::{Part, ResultWriter};
use crate::faults;
use crate::ledger::Output;
use crate::model::failure::Failure;

/// The files and their own columns.
const FILES: [(&str, &[&str]); 4] = [
    ("success.csv", &["sf__Id", "sf__Created", ROW, "longshore__match"]),
    (
        "error.csv",
        &["sf__Id", "sf__Error", "longshore__code", "longshore__message", "longshore__class", ROW],
    ),
    ("unprocessed.csv", &["longshore__reason", ROW]),
    ("unknown.csv", &["longshore__reason", ROW]),
];

const ROW: &str = "longshore__row";

/// The files of one pass.
pub struct Sheaf {
    pub success: ResultWriter,
    pub error: ResultWriter,
    pub unprocessed: ResultWriter,
    pub unknown: ResultWriter,
}

impl Sheaf {
    /// Begins the files of a pass in the folder `out`; `source` are the source columns.
    pub fn begin(out: &Path, source: &[String], pass: usize) -> Result<Self, Failure> {
        let begin = |(name, own): (&str, &[&str])| match pass {
            0 => ResultWriter::begin(out, name, source, own),
            pass => {
                ResultWriter::begin_beside(out, name, &format!("round{pass}.part"), source, own)
            }
        };
        let [success, error, unprocessed, unknown] = FILES;
        Ok(Self {
            success: begin(success)?,
            error: begin(error)?,
            unprocessed: begin(unprocessed)?,
            unknown: begin(unknown)?,
        })
    }

    /// Makes the four files of all passes and gives them their names.
    pub fn finish(
        passes: Vec<Self>,
        out: &Path,
        source: &[String],
    ) -> Result<Vec<Output>, Failure> {
        let mut files: [Vec<ResultWriter>; 4] = Default::default();
        for pass in passes {
            let of_pass = [pass.success, pass.error, pass.unprocessed, pass.unknown];
            files.iter_mut().zip(of_pass).for_each(|(file, writer)| file.push(writer));
        }
        let finished = FILES.into_iter().zip(files);
        finished.map(|((name, own), writers)| whole(writers, out, name, source, own)).collect()
    }
}

/// One file of all passes.
fn whole(
    mut writers: Vec<ResultWriter>,
    out: &Path,
    name: &str,
    source: &[String],
    own: &[&str],
) -> Result<Output, Failure> {
    let is_alone = writers.iter().skip(1).all(|later| later.rows == 0);
    let first = if is_alone && !writers.is_empty() { Some(writers.remove(0)) } else { None };
    let parts = writers.into_iter().map(ResultWriter::part).collect::<Result<Vec<_>, _>>()?;
    let output = if let Some(first) = first {
        first.finish()?
    } else {
        let column = own.iter().position(|own| *own == ROW).unwrap_or_default();
        let mut file = ResultWriter::begin_beside(out, name, "merged.part", source, own)?;
        merge(&parts, source.len() + column, &mut file)?;
        file.finish()?
    };
    for Part(path) in &parts {
        faults::remove_file(path).map_err(|error| Failure::disk("remove", path, &error))?;
    }
    Ok(output)
}

/// One of the parts with its row at hand.
struct Head<'a> {
    path: &'a Path,
    reader: csv::Reader<std::fs::File>,
    record: ByteRecord,
    row: Option<u64>,
}

impl Head<'_> {
    fn advance(&mut self, column: usize) -> Result<(), Failure> {
        let more = self.reader.read_byte_record(&mut self.record);
        let more = more.map_err(|error| Failure::disk("read", self.path, &error.into()))?;
        let number = || std::str::from_utf8(self.record.get(column)?).ok()?.parse().ok();
        self.row = more.then(|| number().unwrap_or(u64::MAX));
        Ok(())
    }
}

/// Puts the rows of all parts into one file, by row number.
fn merge(parts: &[Part], column: usize, file: &mut ResultWriter) -> Result<(), Failure> {
    let mut heads = Vec::with_capacity(parts.len());
    for Part(path) in parts {
        let reader = ReaderBuilder::new().buffer_capacity(64 << 10).from_path(path);
        let reader = reader.map_err(|error| Failure::disk("read", path, &error.into()))?;
        let mut head = Head { path, reader, record: ByteRecord::new(), row: None };
        head.advance(column)?;
        heads.push(head);
    }
    loop {
        let rows = heads.iter().enumerate().filter_map(|(at, head)| Some((head.row?, at)));
        let Some((_, at)) = rows.min() else { return Ok(()) };
        let head = &mut heads[at];
        file.push(head.record.iter())?;
        head.advance(column)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_passes_are_one_file_in_the_order_of_the_rows() {
        let folder = tempfile::tempdir().unwrap();
        let (out, source) = (folder.path(), ["Name".to_owned()]);
        let mut passes: Vec<Sheaf> =
            (0..3).map(|pass| Sheaf::begin(out, &source, pass).unwrap()).collect();
        let success = |pass: &mut Sheaf, row: u64| {
            let (name, row) = (format!("\"{row}\",\n"), row.to_string());
            let cells = [name.as_bytes(), b"001", b"true", row.as_bytes(), b"text"];
            pass.success.push(cells.into_iter()).unwrap();
        };
        for (row, pass) in [(2, 0), (9, 0), (10, 0), (1, 1), (8, 1), (3, 2), (11, 2)] {
            success(&mut passes[pass], row);
        }
        for row in ["4", "5"] {
            let cells = [b"x".as_slice(), b"why", row.as_bytes()];
            passes[0].unprocessed.push(cells.into_iter()).unwrap();
        }
        let outputs = Sheaf::finish(passes, out, &source).unwrap();
        let rows: Vec<(&str, u64)> =
            outputs.iter().map(|output| (output.name.as_str(), output.rows)).collect();
        let names = ["success.csv", "error.csv", "unprocessed.csv", "unknown.csv"];
        assert_eq!(rows, names.into_iter().zip([7, 0, 2, 0]).collect::<Vec<_>>());
        let mut reader = csv::Reader::from_path(out.join("success.csv")).unwrap();
        let read: Vec<(String, u64)> = reader
            .records()
            .map(|record| record.unwrap())
            .map(|record| (record[0].to_owned(), record[3].parse().unwrap()))
            .collect();
        let expected = [1, 2, 3, 8, 9, 10, 11].map(|row| (format!("\"{row}\",\n"), row));
        assert_eq!(read, expected);
        for output in &outputs {
            let text = std::fs::read(out.join(&output.name)).unwrap();
            assert_eq!(output.bytes, text.len() as u64);
            assert_eq!(output.digest, crate::model::chunk::Digest::of(&text));
        }
        assert_eq!(std::fs::read_dir(out).unwrap().count(), 4, "no part is left");
    }
}
