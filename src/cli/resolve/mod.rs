//! From what was typed to a checked plan: flag before environment before project file before
//! default.
//!
//! All faults are collected, so that nobody corrects a command line one flag at a time.

pub mod explain;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::args::{self, Load};
use crate::config::mapping::MappingSpec;
use crate::config::plan::{
    CopyStyle, Delimiter, Input, LineEnding, LoadPlan, MappingManner, Nulls, OnBadRow, OnDuplicate,
    RUNS_DIR, Source,
};
use crate::config::project::{Defaults, FILE_NAME};
use crate::model::failure::{Blame, Failure};
use crate::model::limits;
use crate::model::names::ObjectName;
use crate::model::operation::Operation;

/// Characters of a run's name at most; it becomes the name of a folder.
const RUN_NAME_MAX: usize = 100;

/// What the operation has beside the flags of every load.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extra<'a> {
    pub external_id: Option<&'a str>,
    pub nulls: Option<args::Nulls>,
    pub before_images: Option<args::BeforeImages>,
    pub skip_unchanged: bool,
}

impl<'a> Extra<'a> {
    /// What an update has, and an upsert.
    pub fn of_update(changing: args::Changing, external_id: Option<&'a str>) -> Self {
        let args::Changing { nulls, before_images, skip_unchanged } = changing;
        Self { external_id, nulls, before_images, skip_unchanged }
    }
}

/// Checks a load and fills in what was left out. Reads the mapping file, and nothing else.
///
/// Relative paths are taken as they are, from the working directory.
pub fn load_plan(
    operation: Operation,
    load: &Load,
    extra: Extra<'_>,
    defaults: &Defaults,
) -> Result<LoadPlan, Faults> {
    let mut check = Check { load, faults: Vec::new() };
    let (object, file) = check.object_and_file();
    let object = object.and_then(|name| check.object(&name));
    let external_id = extra.external_id.map(|field| check.external_id(field));
    let chunk_rows = check.number(
        "chunk-rows",
        (load.chunk_rows, defaults.chunk_rows),
        1..=u64::from(limits::CHUNK_ROWS_MAX),
        u64::from(limits::CHUNK_ROWS_DEFAULT),
    );
    let chunk_bytes = check.number(
        "chunk-bytes",
        (load.chunk_bytes, defaults.chunk_bytes),
        1..=limits::CHUNK_BYTES_MAX,
        limits::CHUNK_BYTES_MAX,
    );
    let parallel = check.number(
        "parallel",
        (load.parallel, defaults.parallel),
        1..=as_u64(limits::JOBS_PARALLEL_MAX),
        as_u64(limits::JOBS_PARALLEL_DEFAULT),
    );
    check.word("api", load.api, defaults.api.as_deref());
    if operation == Operation::Undelete && load.api == Some(args::Api::Bulk2) {
        check.fault("`--api bulk2` cannot undelete: only SOAP can, and `auto` takes it");
    }
    let input = Input {
        source: match file.as_deref() {
            Some("-") => Source::Stdin,
            file => Source::File(file.unwrap_or_default().into()),
        },
        delimiter: check
            .word("column-delimiter", load.column_delimiter, defaults.column_delimiter.as_deref())
            .map(delimiter),
        line_ending: check
            .word("line-ending", load.line_ending, defaults.line_ending.as_deref())
            .map(line_ending),
        encoding: check.encoding(load.encoding.as_deref(), defaults.encoding.as_deref()),
    };
    let on_bad_row = match check.word("on-bad-row", load.on_bad_row, defaults.on_bad_row.as_deref())
    {
        Some(args::OnBadRow::Stop) => OnBadRow::Stop,
        Some(args::OnBadRow::Reject) | None => OnBadRow::Reject,
    };
    let on_duplicate = check
        .word("on-duplicate", load.on_duplicate, defaults.on_duplicate.as_deref())
        .map(on_duplicate);
    let nulls = match check.word("nulls", extra.nulls, defaults.nulls.as_deref()) {
        Some(args::Nulls::Clear) if takes_nulls(operation) => Nulls::Clear,
        _ => Nulls::Ignore,
    };
    let before_images = check.before_images(operation, extra.before_images, defaults);
    check.limit();
    check.run_name();
    check.copies(&input.source);
    let mapping = load.map.as_deref().and_then(|path| check.mapping(path));
    let runs_dir = runs_dir(load.runs_dir.clone(), defaults);
    let object = check.end(object)?;
    Ok(LoadPlan {
        operation,
        object,
        external_id,
        input,
        mapping,
        assignment_rule: None,
        mapping_manner: MappingManner::Own,
        chunk_rows: u32::try_from(chunk_rows).unwrap_or(limits::CHUNK_ROWS_MAX),
        chunk_bytes,
        parallel: usize::try_from(parallel).unwrap_or(limits::JOBS_PARALLEL_MAX),
        on_bad_row,
        on_duplicate,
        nulls,
        conversions: None,
        skip: load.skip.unwrap_or(0),
        limit: load.limit,
        runs_dir,
        run_name: load.run_name.clone(),
        success_copy: load.success.clone(),
        error_copy: load.error.clone(),
        copy_style: CopyStyle::Own,
        state_dir: None,
        retry_of: None,
        undo_of: None,
        before_images,
        skip_unchanged: extra.skip_unchanged,
        verify_after: load.verify_after,
        group_by: load.group_by.clone().or_else(|| defaults.group_by.clone()),
        lanes: None,
        rounds: 0,
        max_failed: None,
        passing_org: false,
    })
}

/// Where run folders are: what was given, else what the project file says.
pub fn runs_dir(given: Option<PathBuf>, defaults: &Defaults) -> PathBuf {
    given.or_else(|| defaults.runs_dir.clone()).unwrap_or_else(|| RUNS_DIR.into())
}

/// The name of a run, if it can be the name of a folder.
pub fn run_name(name: &str) -> Result<&str, Failure> {
    check_run_name(name, "`--run-name`").map(|()| name)
}

fn check_run_name(name: &str, flag: &str) -> Result<(), Failure> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let starts = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts && name.chars().all(good) && name.len() <= RUN_NAME_MAX {
        return Ok(());
    }
    let message = format!(
        "{flag}: `{}` cannot be the name of a folder: a letter or digit, then letters, digits, \
         `-`, `_` and `.`, at most {RUN_NAME_MAX}",
        name.escape_debug(),
    );
    Err(Failure::new(Blame::Request, message))
}

/// Whether an empty cell can clear a field: only where there is a record to clear it in.
fn takes_nulls(operation: Operation) -> bool {
    matches!(operation, Operation::Update | Operation::Upsert)
}

struct Check<'a> {
    load: &'a Load,
    faults: Vec<Failure>,
}

impl Check<'_> {
    fn fault(&mut self, message: impl Into<String>) {
        self.faults.push(Failure::new(Blame::Request, message));
    }

    fn is_typed(&self, id: &str) -> bool {
        !self.load.from_environment.contains(id)
    }

    /// `--parallel`, and where its value came from when it was not typed.
    fn flag(&self, name: &str, from_file: bool) -> String {
        let id = name.replace('-', "_");
        if from_file {
            format!("`{name}` in `{FILE_NAME}`")
        } else if self.load.from_environment.contains(&id) {
            format!("`LONGSHORE_{}`", id.to_uppercase())
        } else {
            format!("`--{name}`")
        }
    }

    /// The words that stand by themselves fill what no flag gives; they outrank the environment.
    fn object_and_file(&mut self) -> (Option<String>, Option<String>) {
        let load = self.load;
        let mut object = load.sobject.clone().filter(|_| self.is_typed("sobject"));
        let mut file = load.file.clone().filter(|_| self.is_typed("file"));
        let mut words = load.words();
        // One word alone is the file when the environment names the object.
        let one_is_file = words.len() == 1 && file.is_none() && load.sobject.is_some();
        if one_is_file {
            file = words.pop().map(str::to_owned);
        }
        for word in words {
            match (&object, &file) {
                (None, _) => object = Some(word.to_owned()),
                (Some(_), None) => file = Some(word.to_owned()),
                (Some(_), Some(_)) => {
                    let message = format!("`{}` is one word too many", word.escape_debug());
                    let way = "give object and file once each, as words or as flags";
                    self.faults.push(Failure::new(Blame::Request, message).hint(way));
                }
            }
        }
        let object = object.or_else(|| load.sobject.clone());
        let file = file.or_else(|| load.file.clone());
        if object.is_none() {
            self.fault("no object is given: name it first, or with `--sobject`");
        }
        if file.as_ref().is_none_or(String::is_empty) {
            self.fault("no file is given: name it after the object, or with `--file`");
        }
        (object, file)
    }

    fn object(&mut self, name: &str) -> Option<ObjectName> {
        match ObjectName::parse(name) {
            Ok(object) => Some(object),
            Err(error) => {
                let mut fault = Failure::new(Blame::Request, format!("object {error}"));
                if Path::new(name).extension().is_some() {
                    fault = fault.hint("the object comes first, then the file");
                }
                self.faults.push(fault);
                None
            }
        }
    }

    fn external_id(&mut self, field: &str) -> String {
        if let Err(error) = ObjectName::parse(field) {
            let flag = self.flag("external-id", false);
            self.fault(format!("{flag}: {error}"));
        }
        field.to_owned()
    }

    /// A number from flag, environment or project file, within its bounds.
    fn number(
        &mut self,
        name: &str,
        (given, in_file): (Option<u64>, Option<u64>),
        bounds: RangeInclusive<u64>,
        otherwise: u64,
    ) -> u64 {
        let Some(value) = given.or(in_file) else { return otherwise };
        if !bounds.contains(&value) {
            let flag = self.flag(name, given.is_none());
            let (low, high) = (bounds.start(), bounds.end());
            self.fault(format!("{flag} takes {low} to {high}, not {value}"));
        }
        value
    }

    /// A word from flag, environment or project file; the last is checked here, the others were by
    /// the command line.
    fn word<T: ValueEnum>(
        &mut self,
        name: &str,
        given: Option<T>,
        in_file: Option<&str>,
    ) -> Option<T> {
        if given.is_some() {
            return given;
        }
        let text = in_file?;
        let word = T::from_str(text, true);
        if word.is_err() {
            let values = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
            let values = values.map(|value| format!("`{}`", value.get_name())).collect::<Vec<_>>();
            let (flag, values) = (self.flag(name, true), values.join(", "));
            self.fault(format!("{flag} takes {values}, not `{}`", text.escape_debug()));
        }
        word.ok()
    }

    fn encoding(&mut self, given: Option<&str>, in_file: Option<&str>) -> Option<String> {
        let label = given.or(in_file)?;
        if encoding_rs::Encoding::for_label(label.as_bytes()).is_none() {
            let flag = self.flag("encoding", given.is_none());
            self.faults.push(
                Failure::new(
                    Blame::Request,
                    format!("{flag}: `{}` is not an encoding we know", label.escape_debug()),
                )
                .hint("use a WHATWG label such as `utf-8`, `windows-1252` or `shift_jis`"),
            );
        }
        Some(label.to_owned())
    }

    /// A delete keeps them unless it is told not to, and what changes records only when told.
    fn before_images(
        &mut self,
        operation: Operation,
        given: Option<args::BeforeImages>,
        defaults: &Defaults,
    ) -> bool {
        let word = self.word("before-images", given, defaults.before_images.as_deref());
        let deletes = matches!(operation, Operation::Delete | Operation::HardDelete);
        match word {
            _ if matches!(operation, Operation::Insert | Operation::Undelete) => false,
            Some(args::BeforeImages::On) => true,
            Some(args::BeforeImages::Off) => false,
            None => deletes,
        }
    }

    fn limit(&mut self) {
        if self.load.limit == Some(0) {
            let flag = self.flag("limit", false);
            self.fault(format!("{flag} takes 1 or more, not 0"));
        }
    }

    fn run_name(&mut self) {
        let Some(name) = self.load.run_name.as_deref() else { return };
        let flag = self.flag("run-name", false);
        self.faults.extend(check_run_name(name, &flag).err());
    }

    /// Copies of result files must not overwrite each other or what is read.
    fn copies(&mut self, source: &Source) {
        let (success, error) = (self.load.success.as_deref(), self.load.error.as_deref());
        if let (Some(success), Some(error)) = (success, error)
            && same_file(success, error)
        {
            self.fault("`--success` and `--error` name the same file");
        }
        for (name, copy) in [("success", success), ("error", error)] {
            let Some(copy) = copy else { continue };
            let input = matches!(source, Source::File(file) if same_file(file, copy));
            if input || self.load.map.as_deref().is_some_and(|map| same_file(map, copy)) {
                let flag = self.flag(name, false);
                let what = if input { "input" } else { "mapping" };
                self.fault(format!("{flag} would overwrite the {what} file `{}`", copy.display()));
            }
        }
    }

    fn mapping(&mut self, path: &Path) -> Option<MappingSpec> {
        MappingSpec::read(path).map_err(|error| self.faults.push(error.into())).ok()
    }

    fn end<T>(self, value: Option<T>) -> Result<T, Faults> {
        match value {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ => Err(Faults(self.faults)),
        }
    }
}

/// Whether two paths lead to one file, however they are spelled and linked.
pub fn same_file(one: &Path, other: &Path) -> bool {
    one == other || matches!((real(one), real(other)), (Some(one), Some(other)) if one == other)
}

/// The true path of a file that may not be there yet; `None` where not even its folder is.
fn real(path: &Path) -> Option<PathBuf> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let beside = || Some(folder.canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(beside)
}

/// Everything that is wrong with a command line; at least one fault.
#[derive(Debug)]
pub struct Faults(pub Vec<Failure>);

impl From<Faults> for Failure {
    /// One failure that says all of them.
    fn from(Faults(mut faults): Faults) -> Self {
        if faults.len() == 1 {
            return faults.swap_remove(0);
        }
        let mut message = format!("{} things are wrong with what was asked", faults.len());
        for fault in &faults {
            message.push('\n');
            message.push_str(&fault.message);
        }
        let mut all = Self::new(Blame::Request, message);
        for fault in faults {
            all.causes.extend(fault.causes);
            all.hints.extend(fault.hints);
        }
        all
    }
}

/// The alias that was asked for, by the same precedence.
pub fn target_org<'a>(given: Option<&'a str>, defaults: &'a Defaults) -> Option<&'a str> {
    given.or(defaults.target_org.as_deref()).filter(|alias| !alias.is_empty())
}

/// The word of the command line as the plan has it.
pub fn on_duplicate(word: args::OnDuplicate) -> OnDuplicate {
    match word {
        args::OnDuplicate::Refuse => OnDuplicate::Refuse,
        args::OnDuplicate::KeepFirst => OnDuplicate::KeepFirst,
        args::OnDuplicate::KeepLast => OnDuplicate::KeepLast,
        args::OnDuplicate::Separate => OnDuplicate::Separate,
    }
}

fn delimiter(word: args::Delimiter) -> Delimiter {
    match word {
        args::Delimiter::Comma => Delimiter::Comma,
        args::Delimiter::Tab => Delimiter::Tab,
        args::Delimiter::Pipe => Delimiter::Pipe,
        args::Delimiter::Semicolon => Delimiter::Semicolon,
        args::Delimiter::Caret => Delimiter::Caret,
        args::Delimiter::Backquote => Delimiter::Backquote,
    }
}

fn line_ending(word: args::LineEnding) -> LineEnding {
    match word {
        args::LineEnding::Lf => LineEnding::Lf,
        args::LineEnding::Crlf => LineEnding::CrLf,
        args::LineEnding::Cr => LineEnding::Cr,
    }
}

fn as_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
