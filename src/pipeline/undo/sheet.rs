//! Sheets: the files of one undo, made when their first row comes.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::record::Part;
use crate::faults;
use crate::ledger::sync_folder;
use crate::model::cells::push_line;
use crate::model::failure::Failure;
use crate::model::operation::Operation;

/// The column with the Id that a record had before it was deleted; never sent.
pub(super) const OLD_ID: &str = "longshore__old_id";

/// The columns of the file of conflicts.
const CONFLICT: [&str; 6] = ["Id", "field", "before", "ours", "now", "why"];

/// The files of one undo: `undo/NNN.delete.csv` and its like, `undo/NNN.conflicts.csv`.
pub(super) struct Sheets {
    folder: PathBuf,
    stem: String,
    /// In the order in which their loads run.
    loads: Vec<(Operation, Sheet)>,
    conflicts: Sheet,
}

/// What was written.
pub(super) struct Finished {
    pub(super) parts: Vec<Part>,
    pub(super) conflicts: Option<PathBuf>,
    /// Where the record of the undo goes.
    pub(super) record: PathBuf,
}

/// One file.
pub(super) struct Sheet {
    path: PathBuf,
    file: Option<BufWriter<faults::File>>,
    header: Vec<String>,
    rows: u64,
    line: Vec<u8>,
}

impl Sheets {
    /// Those of the next undo in `folder`; the files of earlier ones stay as they are.
    pub(super) fn next(folder: &Path, run: &str) -> Result<Self, Failure> {
        let disk = |error: io::Error| Failure::disk("write in", folder, &error);
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        faults::create_folder(&builder, folder).map_err(disk)?;
        sync_folder(folder).map_err(disk)?;
        let mut taken = 0;
        for entry in std::fs::read_dir(folder).map_err(disk)? {
            let name = entry.map_err(disk)?.file_name();
            let number = name.to_string_lossy().split('.').next().and_then(|n| n.parse().ok());
            taken = taken.max(number.unwrap_or(0_u32));
        }
        let stem = format!("{:03}", taken + 1);
        tracing::debug!(run, stem, "An undo is drawn up.");
        let conflicts = Sheet::new(folder, &format!("{stem}.conflicts.csv"), &CONFLICT);
        Ok(Self { folder: folder.to_owned(), stem, loads: Vec::new(), conflicts })
    }

    /// Adds the input of a load; loads run in the order in which they were added.
    pub(super) fn load<S: AsRef<str>>(&mut self, operation: Operation, header: &[S]) -> usize {
        let name = format!("{}.{operation}.csv", self.stem);
        self.loads.push((operation, Sheet::new(&self.folder, &name, header)));
        self.loads.len() - 1
    }

    /// The input of a load by its place.
    pub(super) fn row<'a>(
        &mut self,
        load: usize,
        cells: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), Failure> {
        self.loads[load].1.row(cells)
    }

    /// A field, or a whole record where `field` is empty, that is left as it is.
    pub(super) fn conflict(&mut self, cells: [&[u8]; 6]) -> Result<(), Failure> {
        self.conflicts.row(cells.into_iter())
    }

    /// Makes all of it durable.
    pub(super) fn finish(mut self, run: &str) -> Result<Finished, Failure> {
        let mut parts = Vec::new();
        for (operation, sheet) in &mut self.loads {
            if sheet.finish()? {
                let input = sheet.name();
                let run = format!("{run}-undo-{}-{operation}", self.stem);
                parts.push(Part { operation: *operation, rows: sheet.rows, input, run });
            }
        }
        let conflicts = self.conflicts.finish()?.then(|| self.conflicts.path.clone());
        let record = self.folder.join(format!("{}.json", self.stem));
        sync_folder(&record).map_err(|error| Failure::disk("sync", &self.folder, &error))?;
        Ok(Finished { parts, conflicts, record })
    }
}

impl Sheet {
    pub(super) fn new<S: AsRef<str>>(folder: &Path, name: &str, header: &[S]) -> Self {
        let header = header.iter().map(|column| column.as_ref().to_owned()).collect();
        Self { path: folder.join(name), file: None, header, rows: 0, line: Vec::new() }
    }

    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    pub(super) fn row<'a>(&mut self, cells: impl Iterator<Item = &'a [u8]>) -> Result<(), Failure> {
        self.line.clear();
        if self.file.is_none() {
            push_line(&mut self.line, self.header.iter().map(String::as_bytes));
        }
        push_line(&mut self.line, cells);
        self.rows += 1;
        let written = self.write();
        written.map_err(|error| Failure::disk("write", &self.path, &error))
    }

    fn write(&mut self) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            return file.write_all(&self.line);
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = BufWriter::new(faults::open(&options, &self.path)?);
        file.write_all(&self.line)?;
        self.file = Some(file);
        Ok(())
    }

    /// Makes the file durable; `false` when there is none.
    pub(super) fn finish(&mut self) -> Result<bool, Failure> {
        let Some(mut file) = self.file.take() else { return Ok(false) };
        let synced = file.flush().and_then(|()| file.get_ref().sync_all());
        synced.map_err(|error| Failure::disk("write", &self.path, &error))?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_there_only_when_they_have_rows_and_earlier_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let undo = folder.path().join("undo");
        let read = |name: &str| std::fs::read_to_string(undo.join(name)).unwrap();
        for (stem, id) in [("001", "a"), ("002", "b")] {
            let mut sheets = Sheets::next(&undo, "r").unwrap();
            let delete = sheets.load(Operation::Delete, &["Id"]);
            let _update = sheets.load(Operation::Update, &["Id", "Name"]);
            sheets.row(delete, [id.as_bytes()].into_iter()).unwrap();
            let finished = sheets.finish("r").unwrap();
            assert_eq!(finished.conflicts, None);
            let part = Part {
                operation: Operation::Delete,
                rows: 1,
                input: format!("{stem}.delete.csv"),
                run: format!("r-undo-{stem}-delete"),
            };
            assert_eq!(finished.parts, [part]);
            assert_eq!(read(&format!("{stem}.delete.csv")), format!("Id\n{id}\n"));
        }
        let mut sheets = Sheets::next(&undo, "r").unwrap();
        sheets.conflict([b"i", b"f", b"b", b"o,", b"n", b"w"]).unwrap();
        let finished = sheets.finish("r").unwrap();
        assert_eq!(finished.parts, []);
        assert!(finished.conflicts.unwrap().ends_with("003.conflicts.csv"));
        let conflicts = read("003.conflicts.csv");
        assert_eq!(conflicts, "Id,field,before,ours,now,why\ni,f,b,\"o,\",n,w\n");
    }
}
