//! The source rows of a chunk on their way to their file; `pipeline::source_rows` reads them back.

use super::hashed::Hashed;
use crate::model::chunk::Digest;
use crate::model::failure::Failure;
use crate::model::rows::{RowMark, Table};
use crate::pipeline::source_rows::{Counter, Stretch};

/// Writes the source rows of a chunk.
pub(super) struct SourceWriter {
    file: Hashed,
    stretch: Option<Stretch>,
    counter: Counter,
}

impl SourceWriter {
    pub(super) fn new(file: Hashed) -> Self {
        Self { file, stretch: None, counter: Counter::default() }
    }

    /// Takes rows that are in the body cell by cell.
    pub(super) fn push_as_sent(&mut self, marks: &[RowMark]) -> Result<(), Failure> {
        let (Some(first), Some(last)) = (marks.first(), marks.last()) else { return Ok(()) };
        let more = marks.len() as u64 - 1;
        // Both ascend.
        if (last.row - first.row, last.line - first.line) == (more, more) {
            self.push_stretch(Stretch { first: *first, rows: more + 1 })
        } else {
            marks.iter().try_for_each(|mark| self.push_stretch(Stretch { first: *mark, rows: 1 }))
        }
    }

    #[inline]
    fn push_stretch(&mut self, next: Stretch) -> Result<(), Failure> {
        if let Some(Stretch { first, rows }) = &mut self.stretch
            && (next.first.row, next.first.line) == (first.row + *rows, first.line + *rows)
        {
            *rows += next.rows;
            return Ok(());
        }
        self.end_stretch()?;
        self.stretch = Some(next);
        Ok(())
    }

    /// Takes a row with its cells, which are row `index` of a table.
    pub(super) fn push(
        &mut self,
        mark: RowMark,
        table: &Table,
        index: usize,
    ) -> Result<(), Failure> {
        self.end_stretch()?;
        let line = self.file.line();
        line.extend_from_slice(self.counter.at(mark));
        table.push_rest(index, line);
        self.file.end_line()
    }

    /// Writes what is left; the digest of all of it.
    pub(super) fn finish(mut self) -> Result<Digest, Failure> {
        self.end_stretch()?;
        self.file.finish()
    }

    #[inline]
    fn end_stretch(&mut self) -> Result<(), Failure> {
        match self.stretch.take() {
            Some(stretch) => self.write(stretch),
            None => Ok(()),
        }
    }

    #[cold]
    fn write(&mut self, stretch: Stretch) -> Result<(), Failure> {
        self.file.line().extend_from_slice(stretch.line().as_bytes());
        self.file.end_line()
    }
}
