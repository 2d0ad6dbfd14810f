//! Rows that succeeded, each with what its record held before, read in the order of the input.

use std::collections::btree_map::IntoIter;
use std::io;
use std::iter::Peekable;
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::Held;
use crate::ledger::{ChunkState, Output};
use crate::model::chunk::{ChunkNumber, Digest};
use crate::model::failure::{Blame, Failure};
use crate::model::limits::{IMAGE_BATCH_BYTES, RECORDS_READ_MAX};
use crate::model::operation::Operation;
use crate::model::verdict::MatchKind;
use crate::pipeline::images::{self, ImageRow, ImageRows};

/// A row of success.csv.
#[derive(Debug)]
pub(super) struct Done {
    /// Empty where the run could not tell which record it was.
    pub(super) id: String,
    pub(super) created: bool,
    /// The row was not sent, as it changes nothing.
    pub(super) unchanged: bool,
    /// What was kept of the record; `None` where nothing was.
    pub(super) image: Option<ImageRow>,
}

/// The rows of success.csv, joined by row number with the images of their chunks.
pub(super) struct DoneRows {
    path: PathBuf,
    success: Reader<std::fs::File>,
    record: ByteRecord,
    id: usize,
    created: usize,
    how: usize,
    row: usize,
    /// Those of the chunks of the input, and of each round.
    images: Vec<Images>,
}

impl DoneRows {
    /// Opens them, if success.csv is as the run wrote it; `fields` is how many the images keep, 0
    /// for a run without images.
    pub(super) fn open(held: &Held) -> Result<Self, Failure> {
        let path = held.folder.out().join("success.csv");
        as_written(&path, &held.success)?;
        let reader = ReaderBuilder::new().flexible(true).from_path(&path);
        let mut success = reader.map_err(|error| Failure::disk("read", &path, &error.into()))?;
        let header =
            success.byte_headers().map_err(|error| Failure::disk("read", &path, &error.into()))?;
        let place = |name: &str| {
            let found = header.iter().rposition(|column| column == name.as_bytes());
            found.ok_or_else(|| {
                Failure::new(Blame::Run, format!("`{}` has no column `{name}`", path.display()))
            })
        };
        let (id, created, row) =
            (place("sf__Id")?, place("sf__Created")?, place("longshore__row")?);
        let how = place("longshore__match")?;
        let passes = 0..=u32::try_from(held.state.rounds.len()).unwrap_or(u32::MAX);
        let images = passes.map(|round| Images::of(held, round)).collect();
        Ok(Self { path, success, record: ByteRecord::new(), id, created, how, row, images })
    }

    /// The next rows, as many as one call asks about; none at the end.
    pub(super) fn batch(&mut self, with_images: bool) -> Result<Vec<Done>, Failure> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < RECORDS_READ_MAX && bytes < IMAGE_BATCH_BYTES {
            let more = self.success.read_byte_record(&mut self.record);
            if !more.map_err(|error| Failure::disk("read", &self.path, &error.into()))? {
                break;
            }
            let cell = |at: usize| self.record.get(at).unwrap_or_default();
            let text = |at: usize| String::from_utf8_lossy(cell(at)).into_owned();
            let (id, created) = (text(self.id), cell(self.created).eq_ignore_ascii_case(b"true"));
            let row = text(self.row).parse::<u64>().unwrap_or(u64::MAX);
            let unchanged = cell(self.how) == MatchKind::Look.word().as_bytes();
            let wanted = with_images && !created && !unchanged;
            let image = if wanted { self.image(row)? } else { None };
            bytes += image.as_ref().map_or(0, ImageRow::bytes) + id.len();
            batch.push(Done { id, created, unchanged, image });
        }
        Ok(batch)
    }
}

impl DoneRows {
    /// The image of a row: that of the last job that had it, as it failed in those before.
    fn image(&mut self, row: u64) -> Result<Option<ImageRow>, Failure> {
        for images in self.images.iter_mut().rev() {
            if let Some(image) = images.find(row)? {
                return Ok(Some(image));
            }
        }
        Ok(None)
    }
}

/// The images of all chunks of the input, or of a round, read on and on.
struct Images {
    raw: PathBuf,
    run: String,
    fields: usize,
    cleaned: bool,
    object: String,
    /// What the run deleted went into a recycle bin, where there is one.
    binned: bool,
    root: PathBuf,
    chunks: Peekable<IntoIter<ChunkNumber, ChunkState>>,
    /// One chunk, or all of a window.
    open: Vec<Open>,
    /// The last row of those that are open.
    last_row: u64,
}

/// The images of the chunk at hand.
struct Open {
    path: PathBuf,
    /// Missing where nothing was kept.
    rows: Option<ImageRows>,
    /// The line read last, which may be of a row to come.
    line: ImageRow,
}

impl Images {
    fn of(held: &Held, round: u32) -> Self {
        let mut chunks = held.state.chunks.clone();
        chunks.retain(|_, chunk| chunk.round == round);
        Self {
            raw: held.folder.raw(),
            run: held.manifest.run.clone(),
            fields: held.manifest.images.len(),
            cleaned: held.state.cleaned.is_some(),
            object: held.manifest.object.clone(),
            binned: held.plan.operation == Operation::Delete,
            root: held.folder.root().to_owned(),
            chunks: chunks.into_iter().peekable(),
            open: Vec::new(),
            last_row: 0,
        }
    }

    /// The image of a row; rows are asked for in their order.
    fn find(&mut self, row: u64) -> Result<Option<ImageRow>, Failure> {
        while self.last_row < row {
            let Some((number, chunk)) = self.chunks.next() else { return Ok(None) };
            self.last_row = chunk.plan.end();
            self.open = vec![self.enter(number, &chunk)?];
            let beside = |next: &(ChunkNumber, ChunkState)| {
                let both = chunk.plan.window.zip(next.1.plan.window);
                both.is_some_and(|(own, other)| own.is_with(&other))
            };
            while let Some((number, chunk)) = self.chunks.next_if(beside) {
                let open = self.enter(number, &chunk)?;
                self.open.push(open);
            }
        }
        for open in &mut self.open {
            if open.comes_to(row)? {
                return Ok(Some(open.line.clone()));
            }
        }
        Ok(None)
    }

    fn enter(&self, number: ChunkNumber, chunk: &ChunkState) -> Result<Open, Failure> {
        let path = images::path(&self.raw, number);
        let rows = match &chunk.image {
            None => None,
            Some(_) if self.cleaned => return Err(self.removed()),
            Some(image) => {
                let rows = ImageRows::open(&path, image, self.fields);
                Some(rows.map_err(|error| changed(&path, &error))?)
            }
        };
        Ok(Open { path, rows, line: ImageRow::default() })
    }

    fn removed(&self) -> Failure {
        let message = format!(
            "what the records of `{}` held before was removed by `longshore runs clean`",
            self.run
        );
        let failure =
            Failure::new(Blame::Request, message).hint("without it this run cannot be undone");
        if !self.binned {
            return failure;
        }
        let name = self.root.file_name().unwrap_or_default().to_string_lossy();
        failure.hint(format!(
            "what the recycle bin still has comes back with `longshore undelete {} \
             …/{name}/out/success.csv`",
            self.object
        ))
    }
}

impl Open {
    /// Reads on to the row; says whether it is here.
    fn comes_to(&mut self, row: u64) -> Result<bool, Failure> {
        let Self { path, rows: Some(rows), line } = self else { return Ok(false) };
        while line.row < row {
            let more = rows.next(line);
            if !more.map_err(|error| Failure::disk("read", path, &error))? {
                return Ok(false);
            }
        }
        Ok(line.row == row)
    }
}

fn changed(path: &Path, error: &io::Error) -> Failure {
    let message = format!("the before-images `{}` cannot be used: {error}", path.display());
    Failure::new(Blame::Guard, message)
        .hint("restore the file from a copy; old values are not taken from anything else")
}

/// A file of results that people have sorted or edited would lead to other records.
pub(super) fn as_written(path: &Path, output: &Output) -> Result<(), Failure> {
    let mut hasher = blake3::Hasher::new();
    let bytes = std::fs::File::open(path).and_then(|mut file| io::copy(&mut file, &mut hasher));
    let bytes = bytes.map_err(|error| Failure::disk("read", path, &error))?;
    if (bytes, Digest::finish(&hasher)) == (output.bytes, output.digest) {
        return Ok(());
    }
    let message = format!("`{}` is not as the run wrote it", path.display());
    Err(Failure::new(Blame::Guard, message)
        .hint("restore the file from a copy; an undo takes the records from it"))
}
