//! A loss of power: what was not synced is gone in part, by a seed.
//!
//! Only what POSIX promises is kept. A file has the bytes of its last sync; of what was written
//! since, any part may be there, and may be zeros. A name is durable when its folder was synced
//! after it was given: a new file may be gone though its bytes were synced, and a renamed one may
//! stand under its old name, with the file that it replaced in its place.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// What is on its way to the disk.
#[derive(Default)]
pub(super) struct Power {
    /// Nothing is noted otherwise.
    on: bool,
    /// Bytes of each file that were synced.
    synced: BTreeMap<PathBuf, u64>,
    names: Vec<Name>,
}

/// A name that was given and whose folder was not synced since.
enum Name {
    File(PathBuf),
    Folder(PathBuf),
    /// The file was called `from`; `replaced` holds what stood under `to`.
    Renamed {
        from: PathBuf,
        to: PathBuf,
        replaced: Option<PathBuf>,
    },
}

impl Name {
    fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Folder(path) | Self::Renamed { to: path, .. } => path,
        }
    }
}

impl Power {
    pub(super) fn new(on: bool) -> Self {
        Self { on, ..Self::default() }
    }

    pub(super) fn opened(&mut self, path: &Path, fresh: bool) {
        if !self.on {
            return;
        }
        // Bytes of an earlier process count as synced; a file that is emptied may lose them.
        let bytes = fs::metadata(path).map_or(0, |about| about.len());
        self.synced.entry(path.to_owned()).or_insert(bytes);
        if fresh {
            self.synced.insert(path.to_owned(), 0);
            self.names.push(Name::File(path.to_owned()));
        }
    }

    pub(super) fn synced(&mut self, path: &Path) -> io::Result<()> {
        if self.on {
            self.synced.insert(path.to_owned(), fs::metadata(path)?.len());
        }
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "one of several of a kind")]
    pub(super) fn synced_folder(&mut self, folder: &Path) -> io::Result<()> {
        let kept = |name: &Name| {
            let synced = parent(name.path()) == folder;
            if let (true, Name::Renamed { replaced: Some(path), .. }) = (synced, name) {
                let _gone = fs::remove_file(path).is_ok();
            }
            !synced
        };
        self.names.retain(kept);
        Ok(())
    }

    pub(super) fn made_folder(&mut self, folder: &Path) {
        if self.on {
            self.names.push(Name::Folder(folder.to_owned()));
        }
    }

    /// What was removed is taken for gone; that it may come back harms nobody who can be killed.
    #[expect(clippy::unnecessary_wraps, reason = "one of several of a kind")]
    pub(super) fn removed(&mut self, path: &Path) -> io::Result<()> {
        self.synced.retain(|file, _| !file.starts_with(path));
        self.names.retain(|name| !name.path().starts_with(path));
        Ok(())
    }

    /// Keeps what stands under a name that is about to be given to another file.
    pub(super) fn will_rename(&self, to: &Path) {
        if self.on && to.is_file() {
            let _kept = fs::hard_link(to, replaced(to)).is_ok();
        }
    }

    pub(super) fn renamed(&mut self, from: &Path, to: &Path) {
        if !self.on {
            return;
        }
        if let Some(bytes) = self.synced.remove(from) {
            self.synced.insert(to.to_owned(), bytes);
        }
        // A new file under a new name: gone is gone, so the rename says it all.
        let (from, to) = (from.to_owned(), to.to_owned());
        let replaced = Some(replaced(&to)).filter(|path| path.exists());
        self.names.push(Name::Renamed { from, to, replaced });
    }

    /// Takes the power away.
    pub(super) fn cut(&mut self, seed: u64) -> io::Result<()> {
        let mut chance = Chance(seed);
        for (path, synced) in std::mem::take(&mut self.synced) {
            lose_bytes(&path, synced, &mut chance)?;
        }
        for name in std::mem::take(&mut self.names).into_iter().rev() {
            if chance.below(2) == 0 {
                lose_name(name);
            }
        }
        Ok(())
    }
}

/// The folder that a name is in; `.` for a bare one.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Where the file that a rename replaces is kept.
fn replaced(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".replaced");
    name.into()
}

fn lose_bytes(path: &Path, synced: u64, chance: &mut Chance) -> io::Result<()> {
    let Ok(about) = fs::metadata(path) else { return Ok(()) };
    let unsynced = about.len().saturating_sub(synced);
    if unsynced == 0 {
        return Ok(());
    }
    let file = OpenOptions::new().write(true).open(path)?;
    let kept = synced + chance.below(unsynced + 1);
    file.set_len(kept)?;
    if chance.below(4) == 0 {
        // Some file systems have the length on disk before the bytes.
        file.set_len(kept + chance.below(about.len() - kept + 1))?;
    }
    Ok(())
}

/// What cannot be undone is left; the disk may have got that far.
fn lose_name(name: Name) {
    let _lost = match name {
        Name::File(path) => fs::remove_file(path).is_ok(),
        Name::Folder(path) => fs::remove_dir_all(path).is_ok(),
        Name::Renamed { from, to, replaced } => {
            fs::rename(&to, from).is_ok() && replaced.is_none_or(|old| fs::rename(old, &to).is_ok())
        }
    };
}

/// Numbers by a seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end.max(1)
    }
}
