//! Files and folders whose every change passes a point.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::Op;
use super::armed::{self, done, point};

/// A file that is written; it knows its path.
#[derive(Debug)]
pub struct File {
    inner: fs::File,
    path: PathBuf,
}

/// Opens a file to write it.
pub fn open(options: &OpenOptions, path: &Path) -> io::Result<File> {
    point(Op::Create, path)?;
    let fresh = !path.exists();
    let inner = options.open(path)?;
    armed::opened(path, fresh);
    done(Op::Create, path)?;
    Ok(File { inner, path: path.to_owned() })
}

impl File {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub fn sync_all(&self) -> io::Result<()> {
        self.around(Op::Sync, fs::File::sync_all)
    }

    pub fn sync_data(&self) -> io::Result<()> {
        self.around(Op::Sync, fs::File::sync_data)
    }

    pub fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.around(Op::SetLen, |file| file.set_len(bytes))
    }

    fn around(&self, op: Op, act: impl FnOnce(&fs::File) -> io::Result<()>) -> io::Result<()> {
        point(op, &self.path)?;
        act(&self.inner)?;
        done(op, &self.path)
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = armed::room(&self.path, bytes.len())?;
        let written = self.inner.write(&bytes[..room])?;
        done(Op::Write, &self.path)?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    point(Op::Rename, to)?;
    armed::will_rename(to);
    fs::rename(from, to)?;
    armed::renamed(from, to);
    done(Op::Rename, to)
}

pub fn remove_file(path: &Path) -> io::Result<()> {
    point(Op::Remove, path)?;
    fs::remove_file(path)?;
    done(Op::Remove, path)
}

pub fn remove_dir_all(path: &Path) -> io::Result<()> {
    point(Op::Remove, path)?;
    fs::remove_dir_all(path)?;
    done(Op::Remove, path)
}

/// Copies a file; the copy counts as one creation and one write.
pub fn copy(from: &Path, to: &Path) -> io::Result<u64> {
    point(Op::Create, to)?;
    point(Op::Write, to)?;
    let bytes = fs::copy(from, to)?;
    done(Op::Write, to)?;
    Ok(bytes)
}

pub fn create_folder(builder: &DirBuilder, path: &Path) -> io::Result<()> {
    point(Op::CreateDir, path)?;
    let fresh = !path.exists();
    builder.create(path)?;
    if fresh {
        armed::made_folder(path);
    }
    done(Op::CreateDir, path)
}

pub fn sync_folder(folder: &Path) -> io::Result<()> {
    point(Op::SyncFolder, folder)?;
    fs::File::open(folder)?.sync_all()?;
    done(Op::SyncFolder, folder)
}
