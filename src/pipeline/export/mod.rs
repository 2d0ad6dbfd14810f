//! Exports rows into a file that appears only when it is whole, or to a given writer.

mod kept;
mod shape;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use csv::ByteRecord;
use tokio::time::Instant;

use self::kept::{Found, Kept};
use self::shape::Shape;
use super::event::{Event, Watch};
use crate::config::styles::ExportStyle;
use crate::model::failure::{Blame, Failure};
use crate::target::{ExportQuery, ExportRequest, Holders, Pace, RowSink, Target};

/// Bytes that are gathered before they are written.
const WRITE_BYTES: usize = 256 << 10;

/// Rows between two looks at the clock, and how often the watcher is told.
const LOOK_ROWS: u64 = 256;
const TELL: Duration = Duration::from_millis(250);

/// Where the rows go.
pub enum Destination<'a> {
    /// A file, replaced at the end in one step; until then nothing has its name. Readable by its
    /// owner only. A device or pipe of that name is written to as it is.
    File(&'a Path),
    /// Usually stdout. A reader that goes away (`| head`) ends the export without a failure.
    Writer(&'a mut (dyn Write + Send)),
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exported {
    pub rows: u64,
    /// Bytes of CSV, header included.
    pub bytes: u64,
}

/// Runs an export: UTF-8 CSV, comma, line feed, quotes only where needed, header first.
///
/// Memory does not grow with the rows. Whatever ends it early, a failure or a dropped future, the
/// output's old content stays. The temporary directory beside the output is removed, unless the
/// target [can go on](Target::resumes): the same export to the same file then does.
pub async fn export<T: Target>(
    target: &T,
    request: &ExportRequest,
    to: Destination<'_>,
    watch: &dyn Watch,
) -> Result<Exported, Failure> {
    export_as(target, request, &ExportStyle::default(), to, watch).await
}

/// The same in a style of one's own; only an export in the usual style goes on where it stopped.
pub async fn export_as<T: Target>(
    target: &T,
    request: &ExportRequest,
    style: &ExportStyle,
    to: Destination<'_>,
    watch: &dyn Watch,
) -> Result<Exported, Failure> {
    let usual = *style == ExportStyle::default();
    let shape = if usual { None } else { Some(Shape::new(style, &request.query)?) };
    match to {
        Destination::Writer(writer) => {
            let work = Work::beside(&std::env::temp_dir().join("longshore-export"))?;
            let sink = CsvSink::new(writer, watch, shape);
            rows(target, request, &work.dir, sink, Path::new("-")).await
        }
        Destination::File(path) => to_file(target, request, shape, path, watch).await,
    }
}

/// Hands the rows of a query to `sink`; its pages lie in the system's temporary folder meanwhile.
pub async fn into_sink<T: Target>(
    target: &T,
    request: &ExportRequest,
    sink: &mut dyn RowSink,
) -> Result<(), Failure> {
    let work = Work::beside(&std::env::temp_dir().join("longshore-export"))?;
    target.export(request, &work.dir, sink).await.map(drop).map_err(Failure::from)
}

async fn to_file<T: Target>(
    target: &T,
    request: &ExportRequest,
    shape: Option<Shape>,
    path: &Path,
    watch: &dyn Watch,
) -> Result<Exported, Failure> {
    // A link is followed, so that the file it means is replaced and not the link.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match std::fs::metadata(&path) {
        Ok(about) if about.is_dir() => {
            let message = format!("the output `{}` is a directory", path.display());
            return Err(Failure::new(Blame::Request, message).hint("name a file in it"));
        }
        Ok(about) if !about.is_file() => {
            let opened = std::fs::OpenOptions::new().write(true).open(&path);
            let mut device = opened.map_err(|error| Failure::disk("open", &path, &error))?;
            let work = Work::beside(&std::env::temp_dir().join("longshore-export"))?;
            let sink = CsvSink::new(&mut device, watch, shape);
            return rows(target, request, &work.dir, sink, &path).await;
        }
        Ok(_) | Err(_) => (),
    }
    if shape.is_none() && target.resumes(request) {
        return to_kept(target, request, &path, watch).await;
    }
    let work = Work::beside(&path)?;
    let part = work.dir.join("rows.csv");
    let mut file = create(&part).map_err(|error| Failure::disk("create", &part, &error))?;
    let sink = CsvSink::new(&mut file, watch, shape);
    let exported = rows(target, request, &work.dir, sink, &path).await?;
    let kept = file.sync_all().and_then(|()| std::fs::rename(&part, &path));
    kept.map_err(|error| Failure::disk("write", &path, &error))?;
    Ok(exported)
}

/// To a file, with what an interrupted export of the same question has left beside it.
async fn to_kept<T: Target>(
    target: &T,
    request: &ExportRequest,
    path: &Path,
    watch: &dyn Watch,
) -> Result<Exported, Failure> {
    let org = target.facts().await?.id;
    let (mut kept, found) = Kept::open(path, &question(&org, request))?;
    let notice = |message: String| watch.see(&Event::Notice { message });
    match found {
        Found::Nothing => {}
        Found::Other => notice(
            "the unfinished export beside the output asked something else; begun anew".to_owned(),
        ),
        Found::Same { stopped } => {
            let rows = kept.place.as_ref().map_or(0, |place| place.rows);
            let when = stopped.map(|time| format!(" of {time:.0}")).unwrap_or_default();
            notice(format!(
                "going on behind the {rows} rows of an unfinished export{when}; what has changed in \
                 them since is not seen"
            ));
        }
    }
    let mut file = kept.rows().map_err(|error| Failure::disk("open", path, &error))?;
    let dir = kept.dir.clone();
    let mut sink = CsvSink::new(&mut file, watch, None);
    sink.go_on_in(&mut kept);
    match rows(target, request, &dir, sink, path).await {
        Ok(exported) => {
            kept.finish(path).map_err(|error| Failure::disk("write", path, &error))?;
            Ok(exported)
        }
        Err(failure) if kept.place.is_some() => Err(failure.hint(GOES_ON)),
        Err(failure) => Err(failure),
    }
}

/// What a person may do with an unfinished export.
const GOES_ON: &str = "the same command goes on where this one stopped";

/// The hint for somebody who interrupted an export to this file, if it can be gone on with.
pub fn goes_on(output: &Path) -> Option<&'static str> {
    let output = std::fs::canonicalize(output).unwrap_or_else(|_| output.to_owned());
    kept::rows_beside(&output).map(|_| GOES_ON)
}

/// All that decides what rows there are, as one text.
fn question(org: &str, request: &ExportRequest) -> String {
    let asked = match &request.query {
        ExportQuery::Soql(text) => serde_json::json!({ "soql": text }),
        ExportQuery::Object { object, fields, filter } => {
            serde_json::json!({ "object": object, "fields": fields, "filter": filter })
        }
        ExportQuery::Holdings { object, of } => {
            let (what, ids) = match of {
                Holders::Users(ids) => ("users", ids),
                Holders::OfRoles(ids) => ("roles", ids),
            };
            let digest = blake3::hash(ids.join("\n").as_bytes()).to_hex();
            serde_json::json!({ "object": object, what: digest.as_str() })
        }
    };
    let version = env!("CARGO_PKG_VERSION");
    let all = request.all;
    serde_json::json!({ "version": version, "org": org, "all": all, "asked": asked }).to_string()
}

async fn rows<T: Target>(
    target: &T,
    request: &ExportRequest,
    work: &Path,
    mut sink: CsvSink<'_>,
    shown: &Path,
) -> Result<Exported, Failure> {
    let ended = target.export(request, work, &mut sink).await;
    let ended = ended.map(drop).map_err(Failure::from);
    if let Some(refused) = sink.refused.take() {
        return Err(refused);
    }
    if let (Ok(()), Some(shape)) = (&ended, &mut sink.shape) {
        shape.finish()?;
    }
    // What the writer said explains more than what the target made of it.
    match sink.end() {
        (Some(error), exported) if error.kind() == io::ErrorKind::BrokenPipe => Ok(exported),
        (Some(error), _) => Err(Failure::disk("write", shown, &error)),
        (None, exported) => ended.map(|()| exported),
    }
}

/// Writes rows as CSV and tells the watcher.
struct CsvSink<'a> {
    writer: Lines<'a>,
    watch: &'a dyn Watch,
    rows: u64,
    told: Instant,
    failed: Option<io::Error>,
    shape: Option<Shape>,
    line: Vec<u8>,
    /// What ended the export and is no fault of the output.
    refused: Option<Failure>,
    kept: Option<&'a mut Kept>,
    /// Bytes of an earlier export.
    before: u64,
    pace: Option<Pace>,
}

impl<'a> CsvSink<'a> {
    fn new(writer: &'a mut (dyn Write + Send), watch: &'a dyn Watch, shape: Option<Shape>) -> Self {
        let writer = Counted { writer: BufWriter::with_capacity(WRITE_BYTES, writer), bytes: 0 };
        let mut usual = csv::WriterBuilder::new();
        usual.flexible(true);
        let writer = match shape {
            Some(_) => Lines::Shaped(writer),
            None => Lines::Usual(Box::new(usual.from_writer(writer))),
        };
        Self {
            writer,
            shape,
            line: Vec::new(),
            refused: None,
            watch,
            rows: 0,
            told: Instant::now(),
            failed: None,
            kept: None,
            before: 0,
            pace: None,
        }
    }

    /// Rows are appended to those of an earlier export.
    fn go_on_in(&mut self, kept: &'a mut Kept) {
        if let Some(place) = &kept.place {
            self.rows = place.rows;
            self.before = place.bytes;
        }
        self.kept = Some(kept);
    }

    /// Hands all rows to the file and writes the place down.
    fn save(&mut self) -> io::Result<()> {
        if !self.kept.as_ref().is_some_and(|kept| kept.is_pending()) {
            return Ok(());
        }
        let flushed = self.writer.flush();
        flushed.map_err(|error| self.remember(error))?;
        let (rows, bytes) = (self.rows, self.bytes());
        let saved = self.kept.as_mut().map_or(Ok(()), |kept| kept.save(bytes, rows));
        saved.map_err(|error| self.remember(error))
    }

    fn write(&mut self, record: &ByteRecord) -> io::Result<()> {
        let written = match &mut self.writer {
            Lines::Usual(writer) => writer.write_byte_record(record).map_err(plain),
            Lines::Shaped(writer) => writer.write_all(&self.line),
        };
        written.map_err(|error| self.remember(error))
    }

    /// Makes the line of a record, if lines are made here.
    fn shape(
        &mut self,
        make: impl FnOnce(&mut Shape, &mut Vec<u8>) -> Result<(), Failure>,
    ) -> io::Result<()> {
        let Some(shape) = &mut self.shape else { return Ok(()) };
        self.line.clear();
        let made = make(shape, &mut self.line);
        for message in shape.notices() {
            self.watch.see(&Event::Notice { message });
        }
        made.map_err(|failure| {
            let error = io::Error::other(failure.message.clone());
            self.refused.get_or_insert(failure);
            error
        })
    }

    /// Keeps the error and gives back one like it.
    fn remember(&mut self, error: io::Error) -> io::Error {
        let like = io::Error::new(error.kind(), error.to_string());
        self.failed.get_or_insert(error);
        like
    }

    fn bytes(&self) -> u64 {
        self.before + self.writer.counted().bytes
    }

    fn tell(&mut self) {
        let (rows, bytes) = (self.rows, self.bytes());
        self.watch.see(&Event::Exported { rows, bytes });
        if let Some(pace) = self.pace {
            self.watch.see(&Event::from(pace));
        }
        self.told = Instant::now();
    }

    fn end(mut self) -> (Option<io::Error>, Exported) {
        if self.failed.is_none() {
            // What failed is remembered.
            let _saved = self.save().is_ok();
        }
        if self.failed.is_none()
            && let Err(error) = self.writer.flush()
        {
            self.failed = Some(error);
        }
        if self.failed.is_none() {
            self.tell();
        }
        let exported = Exported { rows: self.rows, bytes: self.bytes() };
        // A writer that is dropped flushes once more; after a failure there is no point in it.
        let Self { writer, failed, .. } = self;
        match writer {
            Lines::Shaped(counted) => drop(counted.writer.into_parts()),
            Lines::Usual(writer) => match writer.into_inner() {
                Ok(counted) => drop(counted.writer.into_parts()),
                Err(error) => drop(error),
            },
        }
        (failed, exported)
    }
}

impl RowSink for CsvSink<'_> {
    fn header(&mut self, header: &ByteRecord) -> io::Result<()> {
        if self.stopped_at().is_some() {
            return Ok(());
        }
        self.shape(|shape, line| shape.begin(header, line))?;
        self.write(header)
    }

    fn row(&mut self, row: &ByteRecord) -> io::Result<()> {
        self.shape(|shape, line| shape.row(row, line))?;
        self.write(row)?;
        self.rows += 1;
        if self.rows.is_multiple_of(LOOK_ROWS) && self.told.elapsed() >= TELL {
            self.tell();
        }
        Ok(())
    }

    fn stopped_at(&self) -> Option<&str> {
        let kept = self.kept.as_ref()?;
        kept.place.as_ref().map(|place| place.mark.as_str())
    }

    fn mark(&mut self, place: &str) -> io::Result<()> {
        if self.told.elapsed() >= TELL {
            self.tell();
        }
        let due = self.kept.as_mut().is_some_and(|kept| kept.passed(place));
        if due { self.save() } else { Ok(()) }
    }

    fn pace(&mut self, pace: Pace) {
        self.pace = Some(pace);
    }

    fn note(&mut self, what: &str) {
        self.watch.see(&Event::Notice { message: what.to_owned() });
    }
}

/// The error below one of the CSV writer, whose kind would be lost otherwise.
fn plain(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// How records become bytes.
enum Lines<'a> {
    Usual(Box<csv::Writer<Counted<'a>>>),
    /// By a [`Shape`].
    Shaped(Counted<'a>),
}

impl<'a> Lines<'a> {
    fn counted(&self) -> &Counted<'a> {
        match self {
            Self::Usual(writer) => writer.get_ref(),
            Self::Shaped(counted) => counted,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Usual(writer) => writer.flush(),
            Self::Shaped(counted) => counted.flush(),
        }
    }
}

struct Counted<'a> {
    writer: BufWriter<&'a mut (dyn Write + Send)>,
    bytes: u64,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// A private directory, gone when dropped.
struct Work {
    dir: PathBuf,
}

impl Work {
    /// Makes `.NAME.longshore-N` beside a path, so that a rename from it stays in one file system.
    fn beside(path: &Path) -> Result<Self, Failure> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let process = std::process::id();
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt as _;
            builder.mode(0o700);
        }
        for number in 0..100 {
            let dir = path.with_file_name(format!(".{name}.longshore-{process}-{number}"));
            match builder.create(&dir) {
                Ok(()) => return Ok(Self { dir }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (),
                Err(error) => return Err(Failure::disk("create", &dir, &error)),
            }
        }
        let message = format!("too many unfinished exports beside `{}`", path.display());
        Err(Failure::new(Blame::Disk, message)
            .hint(format!("remove the directories `.{name}.longshore-*` there")))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.dir) {
            tracing::warn!(dir = %self.dir.display(), %error, "cannot remove");
        }
    }
}

fn create(path: &Path) -> io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

#[cfg(test)]
mod tests;
