//! The rows of a job, in batches of one call each; the same batches whoever reads them.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::Path;

use csv::{ByteRecord, Reader, ReaderBuilder};

use crate::model::ids::RecordId;
use crate::model::limits::ROWS_OF_A_CALL;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// As it stands in the body.
    pub(super) cell: Vec<u8>,
    /// `None` where the cell is no Id; such a row is never sent.
    pub(super) id: Option<RecordId>,
}

/// Reads the body of a job batch by batch.
pub(super) struct Batches {
    reader: Reader<File>,
    record: ByteRecord,
    header: Vec<u8>,
    /// The first row of the next batch.
    next: Option<Row>,
}

impl Batches {
    /// Opens a body, which has the Id and no other column.
    pub(super) fn open(body: &Path) -> io::Result<Self> {
        let mut reader = ReaderBuilder::new().from_path(body).map_err(io::Error::other)?;
        let header = reader.byte_headers().map_err(io::Error::other)?.clone();
        if header.len() != 1 {
            let what = format!("an undelete sends the Id alone, and not {} columns", header.len());
            return Err(io::Error::other(what));
        }
        let header = header.get(0).unwrap_or_default().to_vec();
        let mut batches = Self { reader, record: ByteRecord::new(), header, next: None };
        batches.next = batches.row()?;
        Ok(batches)
    }

    /// The name of the column, as it is sent.
    pub(super) fn header(&self) -> &[u8] {
        &self.header
    }

    /// The rows of the next call; none at the end. No Id is twice in one call.
    pub(super) fn next(&mut self) -> io::Result<Vec<Row>> {
        let (mut batch, mut seen) = (Vec::new(), HashSet::new());
        while batch.len() < ROWS_OF_A_CALL
            && let Some(row) = self.next.take()
        {
            if row.id.is_some_and(|id| !seen.insert(id)) {
                self.next = Some(row);
                break;
            }
            batch.push(row);
            self.next = self.row()?;
        }
        Ok(batch)
    }

    fn row(&mut self) -> io::Result<Option<Row>> {
        if !self.reader.read_byte_record(&mut self.record).map_err(io::Error::other)? {
            return Ok(None);
        }
        let cell = self.record.get(0).unwrap_or_default().to_vec();
        let id = RecordId::parse(&cell).ok();
        Ok(Some(Row { cell, id }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn batches_are_cut_by_number_and_before_a_second_of_the_same() {
        let ids: Vec<String> = (0..450).map(|n| format!("0018c00000{n:05}")).collect();
        let mut lines = ids.clone();
        lines.insert(210, ids[205].clone());
        lines.push("nonsense".to_owned());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("000001.csv");
        write!(File::create(&path).unwrap(), "id\n{}\n", lines.join("\n")).unwrap();
        let mut batches = Batches::open(&path).unwrap();
        assert_eq!(batches.header(), b"id");
        let (mut sizes, mut all) = (Vec::new(), Vec::new());
        loop {
            let batch = batches.next().unwrap();
            if batch.is_empty() {
                break;
            }
            sizes.push(batch.len());
            all.extend(batch.into_iter().map(|row| String::from_utf8(row.cell).unwrap()));
        }
        assert_eq!(sizes, [200, 10, 200, 42]);
        assert_eq!(all, lines);
    }
}
