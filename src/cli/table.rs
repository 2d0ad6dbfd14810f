//! Tables for people: columns as wide as they must be, numbers to the right.

use crate::report::figures::escape;
use crate::report::paint::Paint;

/// A heading and where its cells stand.
#[derive(Debug, Clone, Copy)]
pub enum Column {
    Left(&'static str),
    Right(&'static str),
}

impl Column {
    fn heading(self) -> &'static str {
        match self {
            Self::Left(heading) | Self::Right(heading) => heading,
        }
    }
}

/// The rows under their headings, each on a line; cells are foreign text and are escaped.
pub fn table(columns: &[Column], rows: &[Vec<String>], paint: Paint) -> String {
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| escape(cell)).collect()).collect();
    let width = |index: usize, column: &Column| {
        let cells = rows.iter().filter_map(|row| row.get(index)).map(|cell| cell.chars().count());
        cells.max().unwrap_or(0).max(column.heading().len())
    };
    let widths: Vec<usize> = columns.iter().enumerate().map(|(i, c)| width(i, c)).collect();
    let line = |cells: &[String]| {
        let padded =
            columns.iter().zip(&widths).zip(cells).map(|((column, width), cell)| match column {
                Column::Left(_) => format!("{cell:<width$}"),
                Column::Right(_) => format!("{cell:>width$}"),
            });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let headings: Vec<String> = columns.iter().map(|c| c.heading().to_owned()).collect();
    let mut text = paint.bold(&line(&headings));
    text.push('\n');
    for row in &rows {
        text.push_str(&line(row));
        text.push('\n');
    }
    text
}

/// `yes` or nothing: a column of these is easier to scan than one of `yes` and `no`.
pub fn tick(yes: bool) -> String {
    if yes { "yes".to_owned() } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let columns = [Column::Left("field"), Column::Right("length"), Column::Left("note")];
        let rows = [["Id", "18", ""], ["Müller__c", "1,024", "a\tb"]];
        let rows = rows.map(|row| row.map(str::to_owned).to_vec());
        insta::assert_snapshot!(table(&columns, &rows, Paint::PLAIN), @r#"
        field      length  note
        Id             18
        Müller__c   1,024  a\tb
        "#);
    }
}
