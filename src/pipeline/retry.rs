//! Retry: the rows of a finished run that did not succeed, as the input of a new one.
//!
//! Rows in unknown.csv are never taken: nobody knows whether they ran.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use csv::ByteRecord;

use super::manifest;
use crate::config::mapping::MappingSpec;
use crate::config::plan::{CopyStyle, Delimiter, Input, LineEnding, LoadPlan, Source};
use crate::faults;
use crate::ledger::{Manifest, RunFolder, RunState};
use crate::model::cells::push_line;
use crate::model::failure::{Blame, Failure};
use crate::model::rows::DUPLICATE_ROW;

/// Which rows are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Take {
    pub errors: ErrorRows,
    pub rejected: bool,
}

/// Which rows of error.csv are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorRows {
    /// Those of class `retryable`: locks, limits, time-outs of the far side.
    Retryable,
    All,
    None,
}

/// What was gathered.
#[derive(Debug)]
pub struct Again {
    pub plan: LoadPlan,
    pub error: u64,
    pub unprocessed: u64,
    pub rejected: u64,
    /// Rows in error that were not wanted.
    pub left_out: u64,
}

impl Again {
    pub fn rows(&self) -> u64 {
        self.error + self.unprocessed + self.rejected
    }
}

/// Writes the wanted rows of the run in `root` into a file of that run, in the order of its input,
/// and returns the plan that loads it.
///
/// The mapping file is read as it is now: correcting it is one reason to try again.
pub fn gather(
    root: &Path,
    manifest: &Manifest,
    take: Take,
    runs_dir: &Path,
    now: &str,
) -> Result<Again, Failure> {
    let _held = RunFolder::open(root, now)?;
    let (state, _) = RunState::read(&root.join("ledger.jsonl"), &manifest.run)?;
    let Some(closed) = state.closed else { return Err(unfinished(&manifest.run)) };
    let plan = manifest::plan(manifest, runs_dir)?;
    let folder = root.join("retry");
    let (path, mut file) =
        next_file(&folder).map_err(|e| Failure::disk("write in", &folder, &e))?;
    let gathered = merge(&root.join("out"), &mut file, take)
        .and_then(|counts| file.flush().map(|()| counts))
        .and_then(|counts| file.get_ref().sync_all().map(|()| counts))
        .map_err(|error| Failure::disk("write", &path, &error))?;
    let [error, unprocessed, rejected] = gathered.taken;
    if error + unprocessed + rejected == 0 {
        let _removed = faults::remove_file(&path).is_ok();
        return Err(nothing(&manifest.run, gathered.left_out, closed.counts.unknown));
    }
    let mapping = match &manifest.mapping {
        Some(file) => Some(MappingSpec::read_as(&file.path, plan.mapping_manner)?),
        None => None,
    };
    let plan = LoadPlan {
        input: Input {
            source: Source::File(path),
            delimiter: Some(Delimiter::Comma),
            line_ending: Some(LineEnding::Lf),
            encoding: None,
        },
        mapping,
        skip: 0,
        limit: None,
        run_name: None,
        success_copy: None,
        error_copy: None,
        copy_style: CopyStyle::Own,
        lanes: None,
        retry_of: Some(manifest.run.clone()),
        ..plan
    };
    Ok(Again { plan, error, unprocessed, rejected, left_out: gathered.left_out })
}

struct Gathered {
    /// Rows of error.csv, unprocessed.csv and rejected.csv.
    taken: [u64; 3],
    left_out: u64,
}

/// One of the files that rows are taken from, with its row at hand.
struct Rows {
    reader: csv::Reader<std::fs::File>,
    record: ByteRecord,
    /// Columns of the source; those after them are ours.
    width: usize,
    class: Option<usize>,
    code: Option<usize>,
    row: usize,
    more: bool,
}

impl Rows {
    fn open(path: &Path) -> io::Result<Self> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_path(path)?;
        let header = reader.byte_headers()?;
        let own = |name: &[u8]| name.starts_with(b"sf__") || name.starts_with(b"longshore__");
        let place = |wanted: &[u8]| header.iter().position(|name| name == wanted);
        let width = header.iter().position(own).unwrap_or(header.len());
        let class = place(b"longshore__class");
        let code = place(b"longshore__code");
        let row = place(b"longshore__row").ok_or_else(|| {
            io::Error::other(format!("`{}` has no column `longshore__row`", path.display()))
        })?;
        let record = ByteRecord::new();
        let mut rows = Self { reader, record, width, class, code, row, more: true };
        rows.advance()?;
        Ok(rows)
    }

    fn advance(&mut self) -> io::Result<()> {
        self.more = self.reader.read_byte_record(&mut self.record)?;
        Ok(())
    }

    fn number(&self) -> Option<u64> {
        let cell = self.record.get(self.row).filter(|_| self.more)?;
        Some(std::str::from_utf8(cell).ok()?.parse().unwrap_or(u64::MAX))
    }

    /// The row was left out for another one of the same key, which it must not overwrite now.
    fn is_duplicate(&self) -> bool {
        let code = self.code.and_then(|code| self.record.get(code));
        code == Some(DUPLICATE_ROW.as_bytes())
    }

    fn is_retryable(&self) -> bool {
        self.class.and_then(|class| self.record.get(class)) == Some(b"retryable")
    }
}

/// Merges the three files by row number.
fn merge(out: &Path, to: &mut impl Write, take: Take) -> io::Result<Gathered> {
    let mut files = [
        Rows::open(&out.join("error.csv"))?,
        Rows::open(&out.join("unprocessed.csv"))?,
        Rows::open(&out.join("rejected.csv"))?,
    ];
    let mut line = Vec::new();
    let width = files[0].width;
    push_line(&mut line, files[0].reader.byte_headers()?.iter().take(width));
    let mut gathered = Gathered { taken: [0; 3], left_out: 0 };
    loop {
        to.write_all(&line)?;
        line.clear();
        let heads = files.iter().enumerate().filter_map(|(at, rows)| Some((rows.number()?, at)));
        let Some((_, at)) = heads.min() else { return Ok(gathered) };
        let rows = &mut files[at];
        let wanted = match (at, take.errors) {
            (0, ErrorRows::Retryable) => rows.is_retryable(),
            (0, ErrorRows::None) => false,
            (0, ErrorRows::All) | (1, _) => true,
            _ => take.rejected && !rows.is_duplicate(),
        };
        if wanted {
            gathered.taken[at] += 1;
            push_line(&mut line, rows.record.iter().take(rows.width));
        } else if at == 0 {
            gathered.left_out += 1;
        }
        rows.advance()?;
    }
}

/// The next free name in `folder`: the inputs of earlier retries stay as they were.
fn next_file(folder: &Path) -> io::Result<(PathBuf, BufWriter<faults::File>)> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    faults::create_folder(&builder, folder)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    for number in 1_u32.. {
        let path = folder.join(format!("{number:03}.csv"));
        match faults::open(&options, &path) {
            Ok(file) => return Ok((path, BufWriter::new(file))),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("there is no free name"))
}

fn unfinished(run: &str) -> Failure {
    Failure::new(Blame::Request, format!("the run `{run}` is not finished"))
        .hint(format!("`longshore resume {run}` goes on with it"))
}

fn nothing(run: &str, left_out: u64, unknown: u64) -> Failure {
    let mut failure =
        Failure::new(Blame::Request, format!("the run `{run}` has no rows to be tried again"));
    if unknown > 0 {
        failure = failure.hint(format!(
            "the {unknown} rows of out/unknown.csv are never taken: look them up in the org, they \
             may be there"
        ));
    }
    if left_out == 0 {
        return failure;
    }
    failure
        .hint(format!("`--errors all` takes the {left_out} rows in error too"))
        .hint("or correct out/error.csv and load it as it is")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out(files: [(&str, &str); 3]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            crate::ledger::write_whole(&folder.path().join(name), text.as_bytes()).unwrap();
        }
        folder
    }

    #[test]
    fn rows_are_merged_in_the_order_of_the_input() {
        let folder = out([
            (
                "error.csv",
                "Name,Note,sf__Id,sf__Error,longshore__code,longshore__message,longshore__class,\
                 longshore__row\nb,,,x,x,x,retryable,2\ne,\"1\n2\",,x,x,x,permanent,5\n",
            ),
            ("unprocessed.csv", "Name,Note,longshore__reason,longshore__row\nd,4,x,4\n"),
            (
                "rejected.csv",
                "Name,Note,longshore__column,longshore__code,longshore__message,longshore__line,\
                 longshore__row\na,,x,x,x,2,1\n",
            ),
        ]);
        for (errors, rejected, wanted, left_out) in [
            (ErrorRows::Retryable, true, "Name,Note\na,\nb,\nd,4\n", 1),
            (ErrorRows::All, true, "Name,Note\na,\nb,\nd,4\ne,\"1\n2\"\n", 0),
            (ErrorRows::All, false, "Name,Note\nb,\nd,4\ne,\"1\n2\"\n", 0),
            (ErrorRows::None, false, "Name,Note\nd,4\n", 2),
        ] {
            let mut text = Vec::new();
            let gathered = merge(folder.path(), &mut text, Take { errors, rejected }).unwrap();
            assert_eq!(String::from_utf8(text).unwrap(), wanted, "{errors:?} {rejected}");
            assert_eq!(gathered.left_out, left_out);
        }
    }

    #[test]
    fn each_retry_has_a_file_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let names = [1, 2].map(|_| next_file(&folder.path().join("retry")).unwrap().0);
        assert!(names[0].ends_with("retry/001.csv") && names[1].ends_with("retry/002.csv"));
    }
}
