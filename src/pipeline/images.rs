//! Before-images: what the records of a chunk hold before it is sent, as a file beside its results.
//!
//! `raw/NNNNNN.before.csv` has a line for each row of the body, in its order: `longshore__row`, the
//! `Id` (empty where there is no such record), the kept fields under their API names, and for an
//! update or upsert what is about to be sent, as `longshore__sent__` and the column of the body. It
//! is written before a job is made for the chunk, and its digest stands in the ledger before the
//! fact that the job is prepared. So what a job may have touched always has its image; where it is
//! missing or another, it was taken away or changed by somebody.
//!
//! Memory: one batch of at most 2,000 rows and their records.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Reader, ReaderBuilder};

use super::manifest::bare;
use super::source_rows::SourceRows;
use super::threads::joined;
use crate::config::plan::LoadPlan;
use crate::faults;
use crate::ledger::{Image, Manifest, sync_folder};
use crate::model::cells::push_line;
use crate::model::chunk::{Chunk, ChunkNumber, Digest};
use crate::model::limits::{BIN_DAYS, IMAGE_BATCH_BYTES, RECORDS_READ_MAX};
use crate::model::names::ObjectName;
use crate::model::operation::Operation;
use crate::model::schema::{FieldKind, FieldSchema, ObjectSchema, SentField};
use crate::target::{Fault, FaultClass, Record, RecordsWanted, Target};

/// The column of the row number.
const ROW: &str = "longshore__row";

/// What the columns of sent values begin with.
const SENT: &str = "longshore__sent__";

/// The field that tells when a record was changed last, where the object has it.
const STAMP: &str = "SystemModstamp";

/// What a load keeps, and what a person must know before it starts.
#[derive(Debug, Default)]
pub struct Before {
    /// Empty when nothing is kept.
    pub fields: Vec<FieldSchema>,
    pub notices: Vec<String>,
}

impl Before {
    /// Of an update the fields that are sent, of a delete all that a new record can be given; the
    /// stamp of the last change besides.
    pub fn of(plan: &LoadPlan, object: &ObjectSchema, sent: &[SentField]) -> Self {
        let notices = notices(plan, object).into_iter().collect();
        if !plan.before_images {
            return Self { fields: Vec::new(), notices };
        }
        let key = |field: &&FieldSchema| {
            let by = plan.external_id.as_deref();
            field.kind == FieldKind::Id
                || by.is_some_and(|key| key.eq_ignore_ascii_case(&field.name))
        };
        let mut fields: Vec<FieldSchema> = match plan.operation {
            Operation::Update | Operation::Upsert => {
                sent.iter().map(|sent| &sent.field).filter(|field| !key(field)).map(bare).collect()
            }
            Operation::Delete | Operation::HardDelete => {
                let kept = |field: &&FieldSchema| {
                    field.createable && !matches!(field.kind, FieldKind::Id | FieldKind::Base64)
                };
                object.fields.iter().filter(kept).map(bare).collect()
            }
            Operation::Insert | Operation::Undelete => return Self { fields: Vec::new(), notices },
        };
        let stamp = object.field(STAMP).filter(|stamp| fields.iter().all(|f| f.name != stamp.name));
        fields.extend(stamp.map(bare));
        Self { fields, notices }
    }
}

/// What of this load cannot be taken back, said before it starts.
fn notices(plan: &LoadPlan, object: &ObjectSchema) -> Option<String> {
    let kept = plan.before_images;
    let name = &object.name;
    match plan.operation {
        Operation::Insert | Operation::Undelete => None,
        Operation::Update | Operation::Upsert if kept => None,
        Operation::Update => Some(
            "this update cannot be undone: what the records hold now is kept only with \
             `--before-images on`"
                .to_owned(),
        ),
        Operation::Upsert => Some(
            "an undo could take back what this upsert creates, and not what it changes: that is \
             kept only with `--before-images on`"
                .to_owned(),
        ),
        Operation::Delete | Operation::HardDelete => {
            let undo = if !kept {
                "this delete cannot be undone, as nothing of the records is kept (`--before-images \
                 off`)"
                    .to_owned()
            } else if !object.createable {
                format!("this delete cannot be undone, as this user may not create `{name}`")
            } else {
                "an undo creates the records anew, with new Ids: what refers to them or goes with \
                 them is lost"
                    .to_owned()
            };
            Some(match plan.operation {
                Operation::Delete if object.undeletable => format!(
                    "within {BIN_DAYS} days an undo takes the records out of the recycle bin, with \
                     their Ids; later {undo}"
                ),
                _ => format!("{undo}; no recycle bin holds them"),
            })
        }
    }
}

/// How the images of a run are made.
#[derive(Debug, Clone)]
pub struct ImagePlan {
    wanted: RecordsWanted,
    operation: Operation,
    /// The column of the body that finds the record.
    key: usize,
    header: Vec<String>,
    /// Whether what is sent is kept too.
    sent: bool,
}

impl ImagePlan {
    /// By the manifest of a run; `None` when nothing is kept.
    pub fn of(object: &ObjectName, operation: Operation, manifest: &Manifest) -> Option<Self> {
        if manifest.images.is_empty() {
            return None;
        }
        let by = manifest.external_id.as_deref();
        let is_key = |sent: &SentField| match by {
            Some(key) => sent.related.is_none() && sent.field.name.eq_ignore_ascii_case(key),
            None => sent.related.is_none() && sent.field.kind == FieldKind::Id,
        };
        let key = manifest.fields.iter().position(is_key)?;
        let names: Vec<String> = manifest.images.iter().map(|field| field.name.clone()).collect();
        let sent = matches!(operation, Operation::Update | Operation::Upsert);
        let own = [ROW.to_owned(), "Id".to_owned()];
        let mut header: Vec<String> = own.into_iter().chain(names.iter().cloned()).collect();
        if sent {
            header.extend(manifest.sent.iter().map(|column| format!("{SENT}{column}")));
        }
        let found_by = by.map(|_| manifest.fields[key].field.clone());
        let wanted = RecordsWanted { object: object.clone(), key: found_by, fields: names };
        Some(Self { wanted, operation, key, header, sent })
    }
}

/// Where the images of a chunk are.
pub fn path(raw: &Path, chunk: ChunkNumber) -> PathBuf {
    raw.join(format!("{chunk}.before.csv"))
}

/// Reads what the records of a chunk hold and makes it durable in `raw`.
pub async fn keep<T: Target>(
    target: &T,
    plan: &ImagePlan,
    chunk: &Chunk,
    raw: &Path,
) -> Result<Image, Fault> {
    let to = path(raw, chunk.number);
    let begin = {
        let (to, plan, chunk) = (to.clone(), plan.clone(), chunk.clone());
        move || Draft::begin(&to, &plan, &chunk)
    };
    let mut draft = on_disk(&to, begin).await?;
    loop {
        let (read, batch) = on_disk(&to, move || draft.read()).await?;
        draft = read;
        if batch.is_empty() {
            break;
        }
        let asked: Vec<String> =
            batch.iter().map(|row| &row.key).filter(|key| !key.is_empty()).cloned().collect();
        let found =
            target.records(&plan.wanted, &asked).await.map_err(|fault| not_kept(plan, fault))?;
        draft = on_disk(&to, move || draft.write(&batch, found)).await?;
    }
    on_disk(&to, move || draft.finish()).await
}

/// The fault of images that could not be had: nothing is sent without them.
fn not_kept(plan: &ImagePlan, fault: Fault) -> Fault {
    let message = format!(
        "what the records hold before the {} could not be kept: {}",
        plan.operation, fault.message
    );
    let mut hints = fault.hints;
    hints.push(format!(
        "a new {} with `--before-images off` keeps nothing, and could not be undone",
        plan.operation
    ));
    Fault { message, hints, ..fault }
}

async fn on_disk<D: Send + 'static>(
    to: &Path,
    work: impl FnOnce() -> io::Result<D> + Send + 'static,
) -> Result<D, Fault> {
    let done = joined(work).await.map_err(io::Error::other).flatten();
    done.map_err(|error| Fault {
        class: FaultClass::Disk,
        status: None,
        code: "LOCAL_FILE".to_owned(),
        message: format!("cannot write `{}`: {error}", to.display()),
        hints: Vec::new(),
    })
}

/// A row that waits for its record.
struct Waiting {
    row: Vec<u8>,
    key: String,
    sent: ByteRecord,
}

/// A file of images while it is written, under another name.
struct Draft {
    body: Reader<std::fs::File>,
    source: SourceRows,
    out: BufWriter<faults::File>,
    part: PathBuf,
    to: PathBuf,
    hasher: blake3::Hasher,
    plan: ImagePlan,
    rows: u64,
    bytes: u64,
}

impl Draft {
    fn begin(to: &Path, plan: &ImagePlan, chunk: &Chunk) -> io::Result<Self> {
        let part = to.with_extension("csv.part");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut draft = Self {
            body: reader(&chunk.body)?,
            source: SourceRows::numbers(chunk)?,
            out: BufWriter::new(faults::open(&options, &part)?),
            part,
            to: to.to_owned(),
            hasher: blake3::Hasher::new(),
            plan: plan.clone(),
            rows: 0,
            bytes: 0,
        };
        let mut line = Vec::new();
        push_line(&mut line, plan.header.iter().map(String::as_bytes));
        draft.put(&line)?;
        Ok(draft)
    }

    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        self.hasher.update(line);
        self.bytes += line.len() as u64;
        self.out.write_all(line)
    }

    /// The next rows; none at the end.
    fn read(mut self) -> io::Result<(Self, Vec<Waiting>)> {
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < RECORDS_READ_MAX && bytes < IMAGE_BATCH_BYTES {
            let mut sent = ByteRecord::new();
            if !self.body.read_byte_record(&mut sent)? {
                break;
            }
            if !self.source.advance()? {
                return Err(io::Error::other("the chunk has fewer source rows than rows"));
            }
            bytes += sent.as_slice().len();
            let key = String::from_utf8_lossy(sent.get(self.plan.key).unwrap_or_default());
            let (key, row) = (key.trim().to_owned(), self.source.number().to_vec());
            batch.push(Waiting { row, key, sent });
        }
        Ok((self, batch))
    }

    /// Writes rows with their records, which come in the order of the rows that have a key.
    fn write(mut self, batch: &[Waiting], found: Vec<Option<Record>>) -> io::Result<Self> {
        let (mut found, mut line) = (found.into_iter(), Vec::new());
        for waiting in batch {
            let record = if waiting.key.is_empty() { None } else { found.next().flatten() };
            let id = record.as_ref().map_or("", |record| &record.id);
            let own = [&waiting.row[..], id.as_bytes()];
            let cells = (0..self.plan.wanted.fields.len()).map(|at| {
                record.as_ref().and_then(|record| record.cells.get(at)).map_or("", String::as_str)
            });
            let sent = waiting.sent.iter().filter(|_| self.plan.sent);
            line.clear();
            push_line(&mut line, own.into_iter().chain(cells.map(str::as_bytes)).chain(sent));
            self.put(&line)?;
            self.rows += 1;
        }
        Ok(self)
    }

    fn finish(mut self) -> io::Result<Image> {
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        faults::rename(&self.part, &self.to)?;
        sync_folder(&self.to)?;
        Ok(Image { rows: self.rows, bytes: self.bytes, digest: Digest::finish(&self.hasher) })
    }
}

fn reader(path: &Path) -> io::Result<Reader<std::fs::File>> {
    Ok(ReaderBuilder::new().flexible(true).from_path(path)?)
}

/// One line of a file of images.
#[derive(Debug, Clone, Default)]
pub struct ImageRow {
    pub row: u64,
    record: ByteRecord,
    fields: usize,
}

impl ImageRow {
    /// The Id that the record had; empty where there was none.
    pub fn id(&self) -> &str {
        self.record.get(1).and_then(|id| std::str::from_utf8(id).ok()).unwrap_or_default()
    }

    /// Bytes of all its cells.
    pub fn bytes(&self) -> usize {
        self.record.as_slice().len()
    }

    /// What a kept field held, by its place among them.
    pub fn before(&self, field: usize) -> &[u8] {
        self.record.get(2 + field).unwrap_or_default()
    }

    /// What a column of the body was about to send.
    pub fn sent(&self, column: usize) -> &[u8] {
        self.record.get(2 + self.fields + column).unwrap_or_default()
    }
}

/// The lines of a file of images.
pub struct ImageRows {
    reader: Reader<std::fs::File>,
    fields: usize,
}

impl ImageRows {
    /// Opens the images of a chunk with so many kept fields, if they are as they were written.
    pub fn open(path: &Path, image: &Image, fields: usize) -> io::Result<Self> {
        let mut hasher = blake3::Hasher::new();
        let bytes = io::copy(&mut std::fs::File::open(path)?, &mut hasher)?;
        if (bytes, Digest::finish(&hasher)) != (image.bytes, image.digest) {
            return Err(io::Error::other("it is not as it was written"));
        }
        Ok(Self { reader: reader(path)?, fields })
    }

    /// The next line, into `row`; `false` at the end.
    pub fn next(&mut self, row: &mut ImageRow) -> io::Result<bool> {
        row.fields = self.fields;
        if !self.reader.read_byte_record(&mut row.record)? {
            return Ok(false);
        }
        let number = row.record.get(0).and_then(|cell| std::str::from_utf8(cell).ok());
        row.row = number
            .and_then(|cell| cell.parse().ok())
            .ok_or_else(|| io::Error::other("a line of it has no row number"))?;
        Ok(true)
    }
}
