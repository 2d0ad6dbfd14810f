//! Which source columns the result files keep: all but the result columns of an earlier run.

use crate::model::names::is_result_column;
use crate::pipeline::source_rows::SourceRows;

/// The source columns that are the user's. An error file that is loaded again brings `sf__Error`
/// and the like with it; the new run writes its own.
#[derive(Debug, Clone)]
pub struct KeptColumns {
    names: Vec<String>,
    places: Vec<usize>,
    /// Columns of the source.
    columns: usize,
}

impl KeptColumns {
    pub fn of_header(header: &[String]) -> Self {
        let places: Vec<usize> =
            (0..header.len()).filter(|column| !is_result_column(&header[*column])).collect();
        let names = places.iter().map(|column| header[*column].clone()).collect();
        Self { names, places, columns: header.len() }
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The kept cells of a row; a cell that the row does not have is empty.
    pub fn of<'a>(
        &self,
        cell: impl Fn(usize) -> Option<&'a [u8]>,
    ) -> impl Iterator<Item = &'a [u8]> {
        self.places.iter().map(move |column| cell(*column).unwrap_or_default())
    }

    /// The kept cells of a row of a chunk as they stand there, where these are all of them and none
    /// is missing.
    pub fn as_they_stand<'a>(&self, row: &'a SourceRows) -> Option<&'a [u8]> {
        let all = self.places.len() == self.columns && row.width() == self.columns;
        if all { row.as_they_stand() } else { None }
    }
}
