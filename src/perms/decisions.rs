//! What was decided about each row, on disk: `decisions.csv` in the run folder.
//!
//! It is written whole, and its digest stands in the manifest, before anything is sent. All that a
//! later process needs is in it: the source columns too, so the input is never read again.

use std::path::{Path, PathBuf};

use csv::ByteRecord;

use crate::ledger::Output;
use crate::model::chunk::Digest;
use crate::model::failure::{Blame, Failure};
use crate::model::rows::RowMark;
use crate::pipeline::settle::ResultWriter;

const FILE: &str = "decisions.csv";

/// Columns before those of the source.
const OWN: [&str; 14] = [
    "longshore__row",
    "longshore__line",
    "longshore__what",
    "longshore__code",
    "longshore__column",
    "longshore__message",
    "longshore__user",
    "longshore__user_id",
    "longshore__permission",
    "longshore__permission_id",
    "longshore__assignment",
    "longshore__before",
    "longshore__expires",
    "longshore__why",
];

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum What {
    /// It is not carried out, for a reason that is known before.
    Rejected,
    /// It is so already.
    Unchanged,
    Revoke,
    Grant,
    /// The end of a grant that is there is moved.
    Extend,
}

impl What {
    const ALL: [Self; 5] =
        [Self::Rejected, Self::Unchanged, Self::Revoke, Self::Grant, Self::Extend];

    fn word(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Unchanged => "unchanged",
            Self::Revoke => "revoke",
            Self::Grant => "grant",
            Self::Extend => "extend",
        }
    }
}

/// One row's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decision {
    pub mark: RowMark,
    pub what: What,
    /// Why a row is rejected: code, column at fault, and a sentence for people.
    pub code: String,
    pub column: String,
    pub message: String,
    /// What the user and the permission are called, and their Ids, as far as they are known.
    pub user: String,
    pub user_id: String,
    pub permission: String,
    pub permission_id: String,
    /// The Id of the grant that is there.
    pub assignment: String,
    /// Whether the user has the permission now: `yes`, `no`, or until when.
    pub before: String,
    /// When the grant is to end, as the org takes it; blank for never.
    pub expires: String,
    pub why: String,
}

impl Decision {
    /// A row of which nothing is known yet.
    pub fn of(mark: RowMark) -> Self {
        let blank = String::new;
        Self {
            mark,
            what: What::Unchanged,
            code: blank(),
            column: blank(),
            message: blank(),
            user: blank(),
            user_id: blank(),
            permission: blank(),
            permission_id: blank(),
            assignment: blank(),
            before: blank(),
            expires: blank(),
            why: blank(),
        }
    }

    /// The row is not carried out.
    #[must_use]
    pub fn rejected(mut self, code: &str, column: &str, message: impl Into<String>) -> Self {
        self.what = What::Rejected;
        code.clone_into(&mut self.code);
        column.clone_into(&mut self.column);
        self.message = message.into();
        self
    }

    /// What the user has when the row was carried out.
    pub fn after(&self) -> String {
        match self.what {
            What::Rejected | What::Unchanged => self.before.clone(),
            What::Revoke => "no".to_owned(),
            What::Grant | What::Extend => has(&self.expires),
        }
    }
}

/// `yes`, or until when.
pub(super) fn has(expires: &str) -> String {
    if expires.is_empty() { "yes".to_owned() } else { format!("yes, until {expires}") }
}

/// Writes decisions down, in the order of their rows.
pub(super) struct DecisionsFile {
    file: ResultWriter,
}

impl DecisionsFile {
    pub fn begin(folder: &Path, source: &[String]) -> Result<Self, Failure> {
        let names = OWN.iter().map(|own| (*own).to_owned()).chain(source.iter().cloned());
        let names: Vec<String> = names.collect();
        Ok(Self { file: ResultWriter::begin(folder, FILE, &names, &[])? })
    }

    pub fn push<'a>(
        &mut self,
        decision: &Decision,
        source: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), Failure> {
        let (row, line) = (decision.mark.row.to_string(), decision.mark.line.to_string());
        let own = [
            row.as_str(),
            &line,
            decision.what.word(),
            &decision.code,
            &decision.column,
            &decision.message,
            &decision.user,
            &decision.user_id,
            &decision.permission,
            &decision.permission_id,
            &decision.assignment,
            &decision.before,
            &decision.expires,
            &decision.why,
        ];
        let mut cells: Vec<&[u8]> = own.iter().map(|cell| cell.as_bytes()).collect();
        // One by one: these outlive the call, and ours do not.
        for cell in source {
            cells.push(cell);
        }
        self.file.push(cells.into_iter())
    }

    /// Makes the decisions durable.
    pub fn finish(self) -> Result<Output, Failure> {
        self.file.finish()
    }
}

/// Reads the decisions of a run back.
pub(super) struct Decisions {
    path: PathBuf,
    reader: csv::Reader<std::fs::File>,
    record: ByteRecord,
}

impl Decisions {
    /// Opens the decisions of the run in `root`, if they are what was decided.
    pub fn open(root: &Path, digest: Digest) -> Result<Self, Failure> {
        let path = root.join(FILE);
        let broken = |error| Failure::disk("read", &path, &error);
        let mut hasher = blake3::Hasher::new();
        let mut file = std::fs::File::open(&path).map_err(broken)?;
        std::io::copy(&mut file, &mut hasher).map_err(broken)?;
        if Digest::finish(&hasher) != digest {
            let message = format!("`{}` is not what was decided", path.display());
            return Err(Failure::new(Blame::Ledger, message)
                .hint("restore the run folder from a copy, or begin a new run"));
        }
        let reader = csv::Reader::from_path(&path).map_err(|e| broken(e.into()))?;
        Ok(Self { path, reader, record: ByteRecord::new() })
    }

    /// The source columns.
    pub fn header(&mut self) -> Result<Vec<String>, Failure> {
        let headers = self.reader.headers();
        let headers = headers.map_err(|error| Failure::disk("read", &self.path, &error.into()))?;
        Ok(headers.iter().skip(OWN.len()).map(str::to_owned).collect())
    }

    /// The next decision; nothing at the end.
    pub fn next(&mut self) -> Result<Option<Decision>, Failure> {
        let read = self.reader.read_byte_record(&mut self.record);
        if !read.map_err(|error| Failure::disk("read", &self.path, &error.into()))? {
            return Ok(None);
        }
        let text =
            |at| String::from_utf8_lossy(self.record.get(at).unwrap_or_default()).into_owned();
        let number = |at| text(at).parse().unwrap_or(0);
        let word = text(2);
        let what = What::ALL.into_iter().find(|what| what.word() == word);
        Ok(Some(Decision {
            mark: RowMark { row: number(0), line: number(1) },
            what: what.unwrap_or(What::Rejected),
            code: text(3),
            column: text(4),
            message: text(5),
            user: text(6),
            user_id: text(7),
            permission: text(8),
            permission_id: text(9),
            assignment: text(10),
            before: text(11),
            expires: text(12),
            why: text(13),
        }))
    }

    /// The source cells of the row that was read last.
    pub fn source(&self) -> impl Iterator<Item = &[u8]> {
        self.record.iter().skip(OWN.len())
    }
}
