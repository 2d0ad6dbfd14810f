//! What became of the rows of a job, on disk: two result files in the shape of a job's results,
//! and what users held before they were touched.
//!
//! The files are appended to and synced in batches. Nothing in them has to be there for the calls
//! to be right, because all calls are repeatable; it has to be there so that no user is called
//! twice without need, and that what was taken away is known.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::fs::OpenOptions;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, ReaderBuilder};
use tokio::sync::{mpsc, oneshot};

use super::users::{Held, Item};
use crate::faults;
use crate::model::cells::push_line;
use crate::target::Fault;
use crate::target::own_jobs::disk;

/// The last column of a result file: the position of the row in the body, from 0.
pub(super) const POSITION: &str = "longshore__position";

/// Entries that wait to be written; more wait with their senders.
const WAITING: usize = 128;

/// The files of a chunk.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    pub(super) successful: PathBuf,
    pub(super) failed: PathBuf,
    pub(super) before: PathBuf,
}

impl Paths {
    /// Result files stand beside the body; the images with the raw results of the run.
    pub(super) fn of(body: &Path) -> Self {
        let raw = body.parent().and_then(Path::parent).map(|root| root.join("raw"));
        let folder = raw.filter(|raw| raw.is_dir());
        let folder = folder.or_else(|| body.parent().map(Path::to_owned)).unwrap_or_default();
        let stem = body.file_stem().unwrap_or_default().to_string_lossy();
        Self {
            successful: body.with_extension("calls.successful"),
            failed: body.with_extension("calls.failed"),
            before: folder.join(format!("{stem}.before.jsonl")),
        }
    }
}

/// What a user held of that which a job asked for, before the job touched it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Image {
    pub(super) user_id: String,
    pub(super) asked: Vec<Item>,
    pub(super) held: Vec<Held>,
}

impl Image {
    /// As it stands in the file.
    pub(super) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    /// Takes over what another image of the same user tells of items that this one does not know:
    /// of each item the first look counts.
    pub(super) fn learn(&mut self, other: Self) {
        for item in other.asked {
            if self.asked.contains(&item) {
                continue;
            }
            self.held.extend(other.held.iter().find(|held| held.item == item).cloned());
            self.asked.push(item);
        }
    }
}

/// What earlier processes have written.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// For each row of the body whether it has its result.
    pub(super) done: Vec<bool>,
    pub(super) failed: u64,
    /// What each user held of all that was asked for.
    pub(super) images: HashMap<String, Image>,
}

/// Something to be written.
pub(super) enum Entry {
    /// Must be durable before the user is touched.
    Image { line: Vec<u8>, durable: oneshot::Sender<()> },
    /// Lines of the two result files, and how many rows they are.
    Rows { successful: Vec<u8>, failed: Vec<u8>, count: u64, failed_count: u64 },
}

/// Rows that are on disk with their results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) rows: u64,
    pub(super) failed: u64,
}

/// The open files.
pub(super) struct Journal {
    paths: Paths,
    successful: faults::File,
    failed: faults::File,
    before: faults::File,
}

/// Where entries go.
pub(super) type Entries = mpsc::Sender<Entry>;

impl Journal {
    /// Opens the files of a chunk of so many rows, and reads back what they hold. A last line that
    /// was cut is dropped.
    pub(super) fn open(
        paths: Paths,
        header: &ByteRecord,
        rows: usize,
    ) -> io::Result<(Self, Found)> {
        let mut found = Found { done: vec![false; rows], ..Found::default() };
        let width = header.len() + 3;
        let mut results = |path: &Path, second: &str| -> io::Result<(faults::File, u64)> {
            let positions = read_back(path, width)?;
            let (end, positions) = positions.unwrap_or_default();
            let mut count = 0;
            for at in positions {
                if let Some(done) = found.done.get_mut(at) {
                    count += u64::from(!*done);
                    *done = true;
                }
            }
            let mut file = append(path, end)?;
            if end == 0 {
                let own: [&[u8]; 2] = [b"sf__Id", second.as_bytes()];
                let cells = own.into_iter().chain(header.iter()).chain([POSITION.as_bytes()]);
                let mut line = Vec::new();
                push_line(&mut line, cells);
                file.write_all(&line)?;
            }
            Ok((file, count))
        };
        let (successful, _) = results(&paths.successful, "sf__Created")?;
        let (failed, failed_count) = results(&paths.failed, "sf__Error")?;
        found.failed = failed_count;
        let (end, images) = read_images(&paths.before)?;
        found.images = images;
        let before = append(&paths.before, end)?;
        for folder in [paths.successful.parent(), paths.before.parent()].into_iter().flatten() {
            faults::sync_folder(folder)?;
        }
        Ok((Self { paths, successful, failed, before }, found))
    }

    /// Writes until the last sender is gone, and tells how many rows are on disk.
    pub(super) async fn keep(
        self,
        mut entries: mpsc::Receiver<Entry>,
        told: impl Fn(Written) + Send,
    ) -> Result<(), Fault> {
        let mut journal = Some(self);
        while let Some(first) = entries.recv().await {
            let mut batch = vec![first];
            while let Ok(entry) = entries.try_recv() {
                batch.push(entry);
            }
            let Some(mut open) = journal.take() else { break };
            let paths = open.paths.clone();
            let written = tokio::task::spawn_blocking(move || {
                let written = open.write(batch);
                (open, written)
            });
            let (open, written) = written
                .await
                .map_err(|_| disk(&paths.successful, &io::Error::other("writing broke down")))?;
            told(written.map_err(|error| disk(&paths.successful, &error))?);
            journal = Some(open);
        }
        Ok(())
    }

    fn write(&mut self, batch: Vec<Entry>) -> io::Result<Written> {
        let (mut images, mut good, mut bad) = (Vec::new(), Vec::new(), Vec::new());
        let (mut written, mut waiting) = (Written::default(), Vec::new());
        for entry in batch {
            match entry {
                Entry::Image { line, durable } => {
                    images.extend(line);
                    waiting.push(durable);
                }
                Entry::Rows { successful, failed, count, failed_count } => {
                    good.extend(successful);
                    bad.extend(failed);
                    written.rows += count;
                    written.failed += failed_count;
                }
            }
        }
        let files =
            [(&mut self.before, images), (&mut self.successful, good), (&mut self.failed, bad)];
        for (file, bytes) in files {
            if !bytes.is_empty() {
                file.write_all(&bytes)?;
                file.sync_data()?;
            }
        }
        for durable in waiting {
            // A group that does not wait any more was given up.
            let _told = durable.send(()).is_ok();
        }
        Ok(written)
    }
}

/// The two ends of a journal.
pub(super) fn entries() -> (Entries, mpsc::Receiver<Entry>) {
    mpsc::channel(WAITING)
}

/// Opens a file to append to it, after cutting off what lies behind `end`.
fn append(path: &Path, end: u64) -> io::Result<faults::File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = faults::open(&options, path)?;
    if std::fs::metadata(path)?.len() != end {
        file.set_len(end)?;
    }
    Ok(file)
}

/// The end of the last whole line, and the positions of all whole lines; `None` without a file.
fn read_back(path: &Path, width: usize) -> io::Result<Option<(u64, Vec<usize>)>> {
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let bytes = file.metadata()?.len();
    if bytes == 0 {
        return Ok(None);
    }
    file.seek(io::SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    let ended = last == *b"\n";
    file.rewind()?;
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(io::BufReader::new(file));
    let mut record = ByteRecord::new();
    let (mut end, mut positions, mut first) = (0, Vec::new(), true);
    while reader.read_byte_record(&mut record).map_err(io::Error::other)? {
        let at = reader.position().byte();
        let whole = record.len() == width && (at < bytes || ended);
        let cell = record.get(width - 1).and_then(|cell| std::str::from_utf8(cell).ok());
        let position = cell.and_then(|cell| cell.parse().ok());
        match position {
            _ if !whole => break,
            Some(position) => positions.push(position),
            None if first => {}
            None => break,
        }
        (end, first) = (at, false);
    }
    Ok(Some((end, positions)))
}

/// The end of the last whole image, and all images of each user as one.
fn read_images(path: &Path) -> io::Result<(u64, HashMap<String, Image>)> {
    let mut images = HashMap::new();
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, images)),
        Err(error) => return Err(error),
    };
    let mut end = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let Ok(image) = serde_json::from_slice::<Image>(line) else { break };
        if line.last() != Some(&b'\n') {
            break;
        }
        end += line.len() as u64;
        learn(&mut images, image);
    }
    Ok((end, images))
}

/// Adds an image to those that are known.
pub(super) fn learn(images: &mut HashMap<String, Image>, image: Image) -> &Image {
    match images.entry(image.user_id.clone()) {
        Slot::Occupied(known) => {
            let known = known.into_mut();
            known.learn(image);
            known
        }
        Slot::Vacant(slot) => slot.insert(image),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(folder: &Path) -> Paths {
        Paths::of(&folder.join("000001.csv"))
    }

    fn image(user: &str) -> Image {
        let item = Item::Role { role_id: "rol_1".to_owned() };
        let held = vec![Held { item: item.clone(), direct: true, roles: Vec::new() }];
        Image { user_id: user.to_owned(), asked: vec![item], held }
    }

    #[test]
    fn of_each_item_the_first_look_counts() {
        let role = |id: &str| Item::Role { role_id: id.to_owned() };
        let held = |id: &str| Held { item: role(id), direct: true, roles: Vec::new() };
        let image = |asked: &[&str], held_ids: &[&str]| Image {
            user_id: "u".to_owned(),
            asked: asked.iter().map(|id| role(id)).collect(),
            held: held_ids.iter().map(|id| held(id)).collect(),
        };
        let mut images = HashMap::new();
        learn(&mut images, image(&["a", "b"], &["a"]));
        let all = learn(&mut images, image(&["a", "b", "c", "d"], &["b", "c"]));
        assert_eq!(*all, image(&["a", "b", "c", "d"], &["a", "c"]));
    }

    /// Whatever a power cut leaves of the last lines, what is whole is read back and what is not is
    /// done again.
    #[test]
    fn every_cut_of_the_files_is_read_back_to_its_last_whole_line() {
        let folder = tempfile::tempdir().unwrap();
        let header = ByteRecord::from(vec!["user_id", "role"]);
        let (mut journal, found) = Journal::open(paths(folder.path()), &header, 3).unwrap();
        assert_eq!((found.done, found.failed, found.images.len()), (vec![false; 3], 0, 0));
        let rows = |good: &str, bad: &str, count, failed_count| Entry::Rows {
            successful: good.into(),
            failed: bad.into(),
            count,
            failed_count,
        };
        let line = |user| {
            let line = serde_json::to_vec(&image(user)).unwrap();
            Entry::Image { line: [line, b"\n".to_vec()].concat(), durable: oneshot::channel().0 }
        };
        let good = "auth0|a,removed,auth0|a,\"two\nlines\",2\nauth0|b,absent,auth0|b,x,0\n";
        let bad = ",\"user_not_found:no, such\",auth0|c,x,1\n";
        journal.write(vec![line("auth0|a"), rows(good, bad, 3, 1), line("auth0|b")]).unwrap();
        drop(journal);
        let paths = paths(folder.path());
        let whole = std::fs::read(&paths.successful).unwrap();
        let starts = whole.len() - good.len();
        for length in 0..=whole.len() {
            let file = OpenOptions::new().write(true).truncate(true).open(&paths.successful);
            file.unwrap().write_all(&whole[..length]).unwrap();
            let (journal, found) = Journal::open(paths.clone(), &header, 3).unwrap();
            drop(journal);
            let first = good.find("2\n").unwrap() + 2;
            let done = [length == whole.len(), true, length >= starts + first];
            assert_eq!(found.done, done, "{length} of {} bytes", whole.len());
            assert_eq!(found.failed, 1);
            assert_eq!(found.images.len(), 2);
            let kept = std::fs::read(&paths.successful).unwrap();
            assert!(kept.starts_with(&whole[..starts]) && whole.starts_with(&kept), "{length}");
        }
        let images = std::fs::read(&paths.before).unwrap();
        let file = OpenOptions::new().write(true).open(&paths.before).unwrap();
        file.set_len(images.len() as u64 - 1).unwrap();
        let (_, found) = Journal::open(paths, &header, 3).unwrap();
        assert_eq!(found.images.into_values().collect::<Vec<_>>(), [image("auth0|a")]);
    }
}
