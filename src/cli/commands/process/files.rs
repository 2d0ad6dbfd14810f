//! The files beside a run: success, error and what was last done.

use std::fs::{DirBuilder, OpenOptions};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::folder::Folder;
use crate::config::dataloader::properties::{Entry, Properties};
use crate::config::dataloader::settings::Outputs;
use crate::faults;
use crate::ledger::write_whole;
use crate::model::failure::{Blame, Failure};

/// Where the results of a load go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Results {
    pub success: PathBuf,
    pub error: PathBuf,
    /// Rows that were never sent, or whose fate is not known; beside the error file.
    pub unsent: PathBuf,
}

impl Results {
    /// Names the files; `dir` is the working directory.
    pub fn of(folder: &Folder, dir: &Path, now: Timestamp) -> Self {
        let outputs = &folder.job.outputs;
        let status = match &outputs.folder {
            Some(status) => dir.join(status),
            None => folder.beside("status"),
        };
        let stamp = stamp(now, &TimeZone::system(), outputs.whole_day);
        let named = |given: &Option<PathBuf>, word: &str| match given {
            Some(path) => dir.join(path),
            None => status.join(format!("{word}{stamp}.csv")),
        };
        let error = named(&outputs.error, "error");
        let unsent = match &outputs.error {
            Some(_) => beside(&error),
            None => status.join(format!("unsent{stamp}.csv")),
        };
        Self { success: named(&outputs.success, "success"), error, unsent }
    }

    /// Makes the folder of the status files, where one of them goes there or it is named.
    pub fn make_folder(folder: &Folder, dir: &Path) -> Result<(), Failure> {
        let outputs = &folder.job.outputs;
        let status = match &outputs.folder {
            Some(status) => dir.join(status),
            None if outputs.success.is_none() || outputs.error.is_none() => folder.beside("status"),
            None => return Ok(()),
        };
        make(&status)
    }

    /// Empties both files, so that nobody takes those of an earlier run for those of this one.
    pub fn empty(&self) -> Result<(), Failure> {
        for path in [&self.success, &self.error, &self.unsent] {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let opened = faults::open(&options, path);
            opened.map_err(|error| Failure::disk("write", path, &error))?;
        }
        Ok(())
    }
}

/// `errors.csv` and `errors.unsent.csv`.
fn beside(error: &Path) -> PathBuf {
    let end = error.extension().map_or_else(|| "csv".into(), |end| end.to_string_lossy());
    error.with_extension(format!("unsent.{end}"))
}

fn make(folder: &Path) -> Result<(), Failure> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    faults::create_folder(&builder, folder).map_err(|error| Failure::disk("create", folder, &error))
}

/// `MMddyyhhmmssSSS`, with 12 hours as Data Loader has it, or with 24.
fn stamp(now: Timestamp, zone: &TimeZone, whole_day: bool) -> String {
    let hour = if whole_day { "%H" } else { "%I" };
    let now = now.to_zoned(zone.clone());
    let milliseconds = now.millisecond();
    format!("{}{milliseconds:03}", now.strftime(&format!("%m%d%y{hour}%M%S")))
}

/// Notes what was done last; `rows` is how far the input was loaded.
pub fn write_last_run(
    folder: &Folder,
    dir: &Path,
    now: Timestamp,
    rows: Option<u64>,
) -> Result<(), Failure> {
    let Outputs { prefix, last_run, last_run_folder, .. } = &folder.job.outputs;
    if !last_run {
        return Ok(());
    }
    let place = last_run_folder.as_ref().map_or(folder.path.clone(), |place| dir.join(place));
    make(&place)?;
    // A name is whatever its bean says; a file of it lies in this folder all the same.
    let prefix = prefix.replace(['/', '\\'], "_");
    let path = place.join(format!("{prefix}_lastRun.properties"));
    let known = std::fs::read(&path).ok().and_then(|bytes| Properties::parse(&bytes).ok());
    let mut known = known.unwrap_or_default();
    set(&mut known, "process.lastRunDate", date(now, &TimeZone::system()));
    if let Some(rows) = rows {
        set(&mut known, "process.lastLoadBatchRow", rows.to_string());
    }
    let text = format!("#Last Run Config\n{}", known.write());
    write_whole(&path, text.as_bytes()).map_err(|error| {
        Failure::new(Blame::Disk, format!("cannot write `{}`: {error}", path.display()))
    })
}

fn set(properties: &mut Properties, key: &str, value: String) {
    properties.entries.retain(|entry| entry.key != key);
    properties.entries.push(Entry { key: key.to_owned(), value, line: 0 });
}

/// `yyyy-MM-dd'T'HH:mm:ss.SSSZ`.
fn date(now: Timestamp, zone: &TimeZone) -> String {
    let now = now.to_zoned(zone.clone());
    let milliseconds = now.millisecond();
    format!("{}.{milliseconds:03}{}", now.strftime("%Y-%m-%dT%H:%M:%S"), now.strftime("%z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_dates_are_data_loaders() {
        let zone = TimeZone::get("America/New_York").unwrap();
        for (now, half, whole, told) in [
            (
                "2026-03-09T19:05:06.007Z",
                "030926030506007",
                "030926150506007",
                "2026-03-09T15:05:06.007-0400",
            ),
            (
                "2026-12-01T05:00:00Z",
                "120126120000000",
                "120126000000000",
                "2026-12-01T00:00:00.000-0500",
            ),
        ] {
            let now: Timestamp = now.parse().unwrap();
            assert_eq!(stamp(now, &zone, false), half);
            assert_eq!(stamp(now, &zone, true), whole);
            assert_eq!(date(now, &zone), told);
        }
    }
}
