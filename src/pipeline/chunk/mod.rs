//! Chunk: accepted rows become files of the size of one job.
//!
//! Cutting is a pure function of the rows and the limits: by bytes (header included) and by rows.
//! Each chunk is two files: `NNNNNN.csv`, the exact body to send, and `NNNNNN.rows`, the source
//! rows (`pipeline::source_rows`), from which the result files are written later. Memory holds
//! one row and two write buffers, never a body.

mod hashed;
mod intact;
mod lanes;
mod source;

use std::collections::{BTreeMap, VecDeque};
use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};

use self::hashed::Hashed;
use self::source::SourceWriter;
use crate::faults::{self, File};
use crate::model::cells::{push_cell, push_line};
use crate::model::chunk::{Chunk, ChunkNumber, Digest, InWindow};
use crate::model::failure::{Blame, Failure};
use crate::model::limits::CHUNK_ROWS_FIRST;
use crate::model::rows::{CheckedSlab, Rejected};

/// How much may go into one chunk.
#[derive(Debug, Clone, Copy)]
pub struct ChunkLimits {
    pub rows: u32,
    pub bytes: u64,
}

impl ChunkLimits {
    /// Rows of the chunk with this number at most: the first chunks are small, so that the org has
    /// something to do while the next is uploaded. Only the number decides, so that a later process
    /// cuts where this one did.
    pub fn rows_of(self, number: ChunkNumber) -> u32 {
        let place = usize::try_from(number.0.saturating_sub(1)).unwrap_or(usize::MAX);
        CHUNK_ROWS_FIRST.get(place).map_or(self.rows, |first| self.rows.min(*first))
    }

    /// So many rows make so many chunks, if they are not more than the bytes allow.
    pub fn chunks_of(self, rows: u64) -> u64 {
        let mut left = rows;
        for place in 1..=CHUNK_ROWS_FIRST.len() {
            if left == 0 {
                return place as u64 - 1;
            }
            let number = ChunkNumber(u32::try_from(place).unwrap_or(u32::MAX));
            left = left.saturating_sub(u64::from(self.rows_of(number)));
        }
        CHUNK_ROWS_FIRST.len() as u64 + left.div_ceil(u64::from(self.rows.max(1)))
    }
}

/// A chunk as an earlier process of the run cut it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    pub rows: u32,
    pub first_row: u64,
    pub last_row: u64,
    pub bytes: u64,
    pub digest: Digest,
    /// Of the source rows; not known of runs that were begun by an early version.
    pub source: Option<Digest>,
    pub window: Option<InWindow>,
    /// A job may have its rows, and its files are whole, so they stay as they are.
    pub keep: bool,
}

/// The cuts of earlier processes, by number.
pub type Cuts = BTreeMap<ChunkNumber, Cut>;

/// Takes slabs and gives chunks.
pub struct Spool {
    folder: PathBuf,
    header: Vec<u8>,
    limits: ChunkLimits,
    cuts: Cuts,
    /// Rows that share no chunk with an earlier row, and that row; ascending.
    apart: VecDeque<(u64, u64)>,
    next: u32,
    open: Option<OpenChunk>,
    /// The other chunks that are open, where rows are in lanes.
    lanes: Option<lanes::Lanes>,
    line: Vec<u8>,
    /// Chunks are cut and nothing is written.
    is_dry: bool,
    /// Columns whose cells name whom a row is about.
    together: Vec<usize>,
    /// Those cells of the last row, and of the row at hand.
    about: [Vec<u8>; 2],
}

/// The code of a row that fits no chunk, as `docs/reference/codes.md` lists it.
const ROW_TOO_LARGE: &str = "row_too_large";

/// From this size on a chunk holds any row that the limits of characters let through: 400,000 of
/// four bytes, each a quote to be doubled, with delimiters and header.
const ANY_ROW_FITS: u64 = 4 << 20;

/// Rows by which a chunk may be longer, so that neighbors stay together.
const TOGETHER_MAX: u32 = 1_000;

/// Bytes and rows of a body that are copied at once: they are near the processor still.
const STRETCH_BYTES: u64 = 4 << 10;
const STRETCH_ROWS: usize = 128;

struct OpenChunk {
    chunk: Chunk,
    /// Body and source rows; without files where they are on disk already.
    body: Hashed,
    source: SourceWriter,
    cut: Option<Cut>,
}

impl Spool {
    /// Chunks go to `folder`; `header` are the header cells of every body.
    pub fn new(folder: &Path, header: &[String], limits: ChunkLimits) -> Self {
        let mut line = Vec::new();
        push_line(&mut line, header.iter().map(String::as_bytes));
        Self {
            folder: folder.to_owned(),
            header: line,
            limits,
            cuts: Cuts::new(),
            apart: VecDeque::new(),
            next: 1,
            open: None,
            lanes: None,
            line: Vec::new(),
            is_dry: false,
            together: Vec::new(),
            about: [Vec::new(), Vec::new()],
        }
    }

    /// Chunks have numbers from this one on.
    #[must_use]
    pub fn from_number(mut self, number: ChunkNumber) -> Self {
        self.next = number.0;
        self
    }

    /// Cuts the same chunks and writes none of them.
    pub fn dry(header: &[String], limits: ChunkLimits) -> Self {
        Self { is_dry: true, ..Self::new(Path::new(""), header, limits) }
    }

    /// Cuts after its rows not between neighbors that have the same cells in the columns of
    /// `header` that `about` names, unless they are more than [`TOGETHER_MAX`].
    #[must_use]
    pub fn together(mut self, header: &[String], about: &[&str]) -> Self {
        let is_about = |column: &String| about.iter().any(|name| column.eq_ignore_ascii_case(name));
        let columns = (0..).zip(header).filter(|(_, column)| is_about(column));
        self.together = columns.map(|(place, _)| place).collect();
        self
    }

    /// Cuts where earlier processes of the run have cut, and refuses other rows than they had.
    ///
    /// The last cut may be short: the process ended, or was told to.
    #[must_use]
    pub fn as_before(mut self, cuts: Cuts) -> Self {
        self.cuts = cuts;
        self
    }

    /// Lets none of these rows of the next slab share a chunk with the row beside it.
    ///
    /// A chunk ends before such a row if the other is in it.
    pub fn keep_apart(&mut self, rows: Vec<(u64, u64)>) {
        self.apart = rows.into();
    }

    /// Spools the accepted rows of a slab; returns the chunks that became full.
    pub fn take(&mut self, slab: &CheckedSlab) -> Result<Vec<Chunk>, Failure> {
        let mut full = Vec::new();
        let mut cells = std::mem::take(&mut self.line);
        let mut rest = &slab.accepted[..];
        while let Some(&index) = rest.first() {
            let (rows, text) = self.stretch(slab, rest);
            if rows > 0 {
                self.write_stretch(slab, &rest[..rows], text)?;
                rest = &rest[rows..];
                continue;
            }
            rest = &rest[1..];
            let index = index as usize;
            let line = if let Some(line) = slab.fields.line(index) {
                line
            } else {
                cells.clear();
                slab.fields.push_line(index, &mut cells);
                &cells
            };
            let row = slab.raw.marks[index].row;
            full.extend(self.enter_lane(row, slab.fields.row(index))?);
            let same = self.is_about_the_same(slab, index);
            if self.must_part(row) || self.is_full(same, line) {
                let closed = self.close_open()?;
                full.extend(self.hold(closed));
            }
            self.write_body(row, line)?;
            self.write_source(slab, index)?;
        }
        self.line = cells;
        Ok(full)
    }

    /// How many of these rows surely go into the open chunk, and the text that they are in it; no
    /// more than [`STRETCH_BYTES`].
    fn stretch<'a>(&self, slab: &'a CheckedSlab, rows: &[u32]) -> (usize, &'a [u8]) {
        let is_plain = self.lanes.is_none() && self.together.is_empty() && self.apart.is_empty();
        let Some(open) = self.open.as_ref().filter(|_| is_plain) else { return (0, &[]) };
        let (most, bytes) = match open.cut {
            Some(cut) => (cut.rows, u64::MAX),
            None => (self.limits.rows_of(open.chunk.number), self.limits.bytes),
        };
        let most = most.saturating_sub(open.chunk.rows) as usize;
        let bytes = bytes.saturating_sub(open.chunk.body_bytes).min(STRETCH_BYTES);
        let rows = &rows[..rows.len().min(most).min(STRETCH_ROWS)];
        let Some(&first) = rows.first() else { return (0, &[]) };
        let side_by_side = rows.iter().zip(first..).take_while(|(row, next)| *row == next).count();
        let first = first as usize;
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        slab.fields.lines(first..first + side_by_side, bytes)
    }

    /// Writes rows of which the body has this text.
    fn write_stretch(
        &mut self,
        slab: &CheckedSlab,
        rows: &[u32],
        text: &[u8],
    ) -> Result<(), Failure> {
        let Some(open) = &mut self.open else { unreachable!("a stretch has a chunk") };
        open.body.line().extend_from_slice(text);
        open.chunk.body_bytes += text.len() as u64;
        open.chunk.rows += u32::try_from(rows.len()).unwrap_or(u32::MAX);
        if let Some(last) = rows.last() {
            open.chunk.last_row = slab.raw.marks[*last as usize].row;
        }
        open.body.end_line()?;
        match rows {
            [first, .., last] if slab.raw.table.has_all_rows_of(&slab.fields) => {
                // They stand side by side.
                open.source.push_as_sent(&slab.raw.marks[*first as usize..=*last as usize])
            }
            _ => rows.iter().try_for_each(|index| self.write_source(slab, *index as usize)),
        }
    }

    /// Moves the rows that fit no chunk, even alone, to the rejected of their slab.
    ///
    /// They are found before anything of the slab is spooled, so that such a row neither stops a
    /// run of which jobs are already under way, nor is asked about for ever.
    pub fn set_apart(&mut self, slab: &mut CheckedSlab) {
        if self.limits.bytes >= ANY_ROW_FITS {
            return;
        }
        let mut accepted = std::mem::take(&mut slab.accepted);
        accepted.retain(|&index| {
            let index = index as usize;
            self.line.clear();
            slab.fields.push_line(index, &mut self.line);
            let fault = self.too_large();
            if let Some(message) = fault {
                slab.rejected.push(Rejected {
                    mark: slab.raw.marks[index],
                    column: None,
                    code: ROW_TOO_LARGE,
                    message,
                    source: slab.raw.table.row(index).map(Box::from).collect(),
                });
                return false;
            }
            true
        });
        slab.accepted = accepted;
        slab.rejected.sort_by_key(|rejected| rejected.mark.row);
    }

    /// Closes the last chunk, if there is one; with lanes, those of the last window.
    pub fn close(&mut self) -> Result<Vec<Chunk>, Failure> {
        if self.lanes.is_some() {
            return self.close_window();
        }
        Ok(self.close_open()?.into_iter().collect())
    }

    /// Closes the chunk at hand, if there is one.
    fn close_open(&mut self) -> Result<Option<Chunk>, Failure> {
        let Some(open) = self.open.take() else { return Ok(None) };
        let OpenChunk { mut chunk, body, source, cut } = open;
        chunk.digest = body.finish()?;
        chunk.source_digest = source.finish()?;
        if cut.is_some_and(|cut| !cut.is_of(&chunk)) {
            return Err(drift(&chunk));
        }
        Ok(Some(chunk))
    }

    /// Whether the row may not go into the open chunk, as an earlier row is in it.
    fn must_part(&mut self, row: u64) -> bool {
        let Some((_, other)) = self.apart.pop_front_if(|(apart, _)| *apart == row) else {
            return false;
        };
        self.open.as_ref().is_some_and(|open| other >= open.chunk.first_row)
    }

    /// Whether the row is about the same as the last one.
    fn is_about_the_same(&mut self, slab: &CheckedSlab, index: usize) -> bool {
        if self.together.is_empty() {
            return false;
        }
        self.about.swap(0, 1);
        let [last, now] = &mut self.about;
        now.clear();
        for (place, cell) in slab.fields.row(index).enumerate() {
            if self.together.contains(&place) {
                push_cell(now, cell);
                now.push(b',');
            }
        }
        last == now
    }

    fn is_full(&self, same: bool, line: &[u8]) -> bool {
        self.open.as_ref().is_some_and(|open| {
            if let Some(cut) = open.cut {
                return open.chunk.rows >= cut.rows;
            }
            let more = if same { TOGETHER_MAX } else { 0 };
            open.chunk.rows >= self.limits.rows_of(open.chunk.number).saturating_add(more)
                || open.chunk.body_bytes + line.len() as u64 > self.limits.bytes
        })
    }

    /// What is wrong with the line at hand, if it does not fit an empty chunk.
    fn too_large(&self) -> Option<String> {
        let (bytes, limit) = ((self.header.len() + self.line.len()) as u64, self.limits.bytes);
        (bytes > limit).then(|| {
            format!(
                "the row takes {bytes} bytes with the header, more than the {limit} of a job; \
                 raise `--chunk-bytes`"
            )
        })
    }

    #[inline]
    fn write_body(&mut self, row: u64, line: &[u8]) -> Result<(), Failure> {
        if self.open.is_none() {
            self.open = Some(self.begin(row)?);
        }
        let Some(open) = &mut self.open else { unreachable!("a chunk was just begun") };
        open.body.line().extend_from_slice(line);
        open.chunk.body_bytes += line.len() as u64;
        open.chunk.rows += 1;
        open.chunk.last_row = row;
        open.body.end_line()
    }

    fn write_source(&mut self, slab: &CheckedSlab, index: usize) -> Result<(), Failure> {
        let Some(open) = &mut self.open else { unreachable!("the body was written first") };
        let (mark, table) = (slab.raw.marks[index], &slab.raw.table);
        if table.has_row_of(&slab.fields, index) {
            open.source.push_as_sent(&[mark])
        } else {
            open.source.push(mark, table, index)
        }
    }

    fn begin(&mut self, row: u64) -> Result<OpenChunk, Failure> {
        let number = ChunkNumber(self.next);
        self.next += 1;
        let (body, source) = files_of(&self.folder, number);
        let cut = self.cuts.get(&number).copied();
        let (on_disk, dry) = (matches!(cut, Some(Cut { keep: true, .. })), self.is_dry);
        let file = |path: &Path| if on_disk || dry { Ok(None) } else { create(path).map(Some) };
        let mut open = OpenChunk {
            body: Hashed::new(body.clone(), file(&body)?),
            source: SourceWriter::new(Hashed::new(source.clone(), file(&source)?)),
            cut,
            chunk: Chunk {
                number,
                rows: 0,
                first_row: row,
                last_row: row,
                body,
                body_bytes: self.header.len() as u64,
                digest: Digest::of(b""),
                source,
                source_digest: Digest::of(b""),
                window: None,
            },
        };
        open.body.line().extend_from_slice(&self.header);
        Ok(open)
    }
}

impl Cut {
    /// Whether the chunk is, to the byte, the one that was cut before.
    fn is_of(&self, chunk: &Chunk) -> bool {
        let place = (self.first_row, self.last_row) == (chunk.first_row, chunk.last_row);
        let content = (self.bytes, self.digest) == (chunk.body_bytes, chunk.digest);
        let source = self.source.is_none_or(|source| source == chunk.source_digest);
        place && content && source && self.rows == chunk.rows
    }

    /// The chunk that was cut, with its files in `folder`.
    pub fn chunk(&self, folder: &Path, number: ChunkNumber) -> Chunk {
        let (body, source) = files_of(folder, number);
        let Self { rows, first_row, last_row, bytes, digest, window, .. } = *self;
        Chunk {
            number,
            rows,
            first_row,
            last_row,
            body,
            body_bytes: bytes,
            digest,
            source,
            source_digest: self.source.unwrap_or_else(|| Digest::of(b"")),
            window,
        }
    }
}

/// Where the body and the source rows of a chunk lie.
fn files_of(folder: &Path, number: ChunkNumber) -> (PathBuf, PathBuf) {
    (folder.join(format!("{number}.csv")), folder.join(format!("{number}.rows")))
}

/// The rows of a chunk are not those that the run began with.
fn drift(chunk: &Chunk) -> Failure {
    let (number, first, last) = (chunk.number, chunk.first_row, chunk.last_row);
    let message = format!(
        "chunk {number}, rows {first} to {last}, does not come out as it did when the run began"
    );
    Failure::new(Blame::Guard, message)
        .hint("nothing more is sent; jobs that have begun are followed to their end")
        .hint("go on with the input, the mapping and the longshore that the run began with")
}

fn create(path: &Path) -> Result<File, Failure> {
    private(path).map_err(|error| Failure::disk("create", path, &error))
}

/// A new file that only its owner can read: chunks hold the user's data.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    faults::open(&options, path)
}

#[cfg(test)]
mod tests;
