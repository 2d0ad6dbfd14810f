//! Which source columns the result files keep: all but the result columns of an earlier run.

use crate::model::names::is_result_column;

/// The source columns that are the user's. An error file that is loaded again brings `sf__Error`
/// and the like with it; the new run writes its own.
#[derive(Debug, Clone)]
pub struct KeptColumns {
    names: Vec<String>,
    places: Vec<usize>,
}

impl KeptColumns {
    pub fn of_header(header: &[String]) -> Self {
        let places: Vec<usize> =
            (0..header.len()).filter(|column| !is_result_column(&header[*column])).collect();
        Self { names: places.iter().map(|column| header[*column].clone()).collect(), places }
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
}
