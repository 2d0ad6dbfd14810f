//! Without fault points: the standard library, and functions that do nothing.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::Path;

use super::{Op, Side};

pub use std::fs::{File, copy, remove_dir_all, rename};

#[inline]
pub fn open(options: &OpenOptions, path: &Path) -> io::Result<File> {
    options.open(path)
}

#[inline]
pub fn remove_file(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path)
}

#[inline]
pub fn create_folder(builder: &DirBuilder, path: &Path) -> io::Result<()> {
    builder.create(path)
}

#[inline]
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[inline]
pub fn point(_: Op, _: &Path) -> io::Result<()> {
    Ok(())
}

#[inline]
pub fn done(_: Op, _: &Path) -> io::Result<()> {
    Ok(())
}

#[inline]
pub fn fact(_: Side, _: &File, _: &[u8]) -> io::Result<()> {
    Ok(())
}

#[inline]
pub fn mutant(_: &str, _: &Path) -> bool {
    false
}

#[inline]
pub fn order(_: Option<&str>) -> io::Result<()> {
    Ok(())
}
