//! The source rows of a chunk: the row number, the line and the cells of each.
//!
//! Most loads send rows as they stand in the input. The cells of such rows are in the body
//! already, so the file of source rows says only where they come from: a line `=N,ROW,LINE` stands
//! for the next N rows of the body, of which each is one row and one line behind the other. All
//! other rows have a line each, `ROW,LINE,CELL…`. Source: `docs/decisions/0032-source-rows.md`.

mod counter;

use std::fs::File;
use std::io;
use std::path::PathBuf;

pub use self::counter::Counter;
use crate::model::chunk::Chunk;
use crate::model::records::Records;
use crate::model::rows::RowMark;

/// What a line begins with that stands for rows of the body.
const AS_SENT: u8 = b'=';

/// Cells of a line before those of the source: row number and line.
const PLACE: usize = 2;

/// Rows side by side whose cells are in the body.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    pub first: RowMark,
    pub rows: u64,
}

impl Stretch {
    /// The line that stands for it, with its end.
    pub fn line(self) -> String {
        let Self { first, rows } = self;
        format!("={rows},{},{}\n", first.row, first.line)
    }
}

/// Reads the source rows of a chunk, one after the other.
pub struct SourceRows {
    list: Records<File>,
    /// What is left of the stretch at hand; without rows the row at hand is a line of its own.
    stretch: Option<Stretch>,
    /// The place of the row at hand, where it is in the body.
    counter: Counter,
    body: Body,
    /// Cells of the source in each row, once one was seen.
    width: Option<usize>,
}

/// The body of the chunk, as far as cells of it are wanted.
struct Body {
    path: PathBuf,
    wanted: bool,
    rows: Option<Records<File>>,
    /// Rows that have lines of their own and are in the body too, before the one that is read next.
    behind: u64,
}

impl SourceRows {
    pub fn open(chunk: &Chunk) -> io::Result<Self> {
        let body = Body { path: chunk.body.clone(), wanted: true, rows: None, behind: 0 };
        let list = Records::new(File::open(&chunk.source)?);
        Ok(Self { list, stretch: None, counter: Counter::default(), body, width: None })
    }

    /// The same for those who want the numbers of the rows only, and no cell.
    pub fn numbers(chunk: &Chunk) -> io::Result<Self> {
        let mut rows = Self::open(chunk)?;
        rows.body.wanted = false;
        Ok(rows)
    }

    /// Goes to the next row; false at the end.
    pub fn advance(&mut self) -> io::Result<bool> {
        if let Some(Stretch { first, rows }) = self.stretch
            && rows > 1
        {
            let next = RowMark { row: first.row + 1, line: first.line + 1 };
            return self.enter(Stretch { first: next, rows: rows - 1 });
        }
        self.stretch = None;
        if !self.list.advance()? {
            return Ok(false);
        }
        if self.list.cell(0).is_some_and(|cell| cell.first() == Some(&AS_SENT)) {
            let stretch = self.stretch_at_hand().ok_or_else(|| damaged("a line is damaged"))?;
            return self.enter(stretch);
        }
        self.body.behind += 1;
        self.check_width(self.list.len().saturating_sub(PLACE)).map(|()| true)
    }

    /// The number of the row at hand in digits.
    #[inline]
    pub fn number(&self) -> &[u8] {
        match self.stretch {
            Some(_) => self.counter.row(),
            None => self.list.cell(0).unwrap_or_default(),
        }
    }

    /// The number of the row at hand.
    pub fn row(&self) -> u64 {
        self.stretch.map_or_else(|| self.in_list(0), |stretch| stretch.first.row)
    }

    /// The line of the row at hand.
    pub fn line(&self) -> u64 {
        self.stretch.map_or_else(|| self.in_list(1), |stretch| stretch.first.line)
    }

    fn in_list(&self, cell: usize) -> u64 {
        number(self.list.cell(cell)).unwrap_or(0)
    }

    /// The cell of a source column of the row at hand.
    #[inline]
    pub fn cell(&self, column: usize) -> Option<&[u8]> {
        match self.stretch {
            Some(_) => self.body.rows.as_ref()?.cell(column),
            None => self.list.cell(column + PLACE),
        }
    }

    /// Cells of the source in the row at hand.
    pub fn width(&self) -> usize {
        self.width.unwrap_or(0)
    }

    /// All cells of the source as they stand in a file, without the line end; nothing where one of
    /// them is not at hand as it stood.
    #[inline]
    pub fn as_they_stand(&self) -> Option<&[u8]> {
        match self.stretch {
            Some(_) => self.body.rows.as_ref()?.as_it_stands(0),
            None => self.list.as_it_stands(PLACE),
        }
    }

    /// All cells of the source of the row at hand.
    pub fn cells(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.width()).map_while(|column| self.cell(column))
    }

    /// The line at hand, if it stands for rows of the body.
    fn stretch_at_hand(&self) -> Option<Stretch> {
        let rows = number(self.list.cell(0)?.get(1..)).filter(|rows| *rows > 0)?;
        let [row, line] = [number(self.list.cell(1))?, number(self.list.cell(2))?];
        row.checked_add(rows)?;
        line.checked_add(rows)?;
        Some(Stretch { first: RowMark { row, line }, rows })
    }

    /// Goes to the first row of a stretch.
    fn enter(&mut self, stretch: Stretch) -> io::Result<bool> {
        self.counter.at(stretch.first);
        self.stretch = Some(stretch);
        if self.body.wanted {
            let width = self.body.advance()?;
            self.check_width(width)?;
        }
        Ok(true)
    }

    fn check_width(&mut self, width: usize) -> io::Result<()> {
        match self.width {
            Some(first) if first != width => {
                let what = format!("a row has {width} cells, and the first one {first}");
                Err(damaged(what))
            }
            _ => {
                self.width = Some(width);
                Ok(())
            }
        }
    }
}

impl Body {
    /// Goes to the row that belongs to the line at hand; how many cells it has.
    fn advance(&mut self) -> io::Result<usize> {
        let rows = match &mut self.rows {
            Some(rows) => rows,
            none => {
                // The header comes first.
                self.behind += 1;
                none.insert(Records::new(File::open(&self.path)?).of_one_width())
            }
        };
        for _ in 0..=std::mem::take(&mut self.behind) {
            if !rows.advance()? {
                return Err(damaged("the body has fewer rows than the source"));
            }
        }
        Ok(rows.len())
    }
}

fn number(digits: Option<&[u8]>) -> Option<u64> {
    std::str::from_utf8(digits?).ok()?.parse().ok()
}

fn damaged(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}
