//! The paths of a runbook: they stay in its folder, and what they name is there.

use std::fs;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use super::Desk;
use super::Fault;
use crate::config::mapping::{LookupFrom, MappingError, MappingSpec, Rule};
use crate::config::plan::MappingManner;
use crate::model::failure::Explain;
use crate::model::wording::nearest;

/// Names of a folder that are looked through for the one that was meant.
const NAMES_MAX: usize = 1_000;

const OUTSIDE: &str = "`allow_paths_outside = true` at the top of the file allows it";

/// The folder of the runbook.
pub(super) struct Folder<'a> {
    pub(super) desk: &'a Desk<'a>,
    /// From the root of the file system on, without symbolic links.
    pub(super) root: &'a Path,
    outside: bool,
}

/// Why a path is refused.
struct BadPath {
    what: String,
    hint: Option<String>,
}

impl<'a> Folder<'a> {
    pub(super) fn new(desk: &'a Desk<'a>, root: &'a Path, outside: bool) -> Self {
        Self { desk, root, outside }
    }

    /// The file that `given` names, from the root on.
    pub(super) fn file(&self, given: &str, span: &Range<usize>) -> Option<PathBuf> {
        match self.find(self.root, given) {
            Ok(path) => Some(path),
            Err(BadPath { what, hint }) => {
                self.desk.add(super::fault_at(self.desk, span, what, hint));
                None
            }
        }
    }

    /// Reads a mapping file, and looks for the files that its lookups name.
    pub(super) fn mapping(
        &self,
        given: &str,
        span: &Range<usize>,
    ) -> Option<(PathBuf, Option<MappingSpec>)> {
        let path = self.file(given, span)?;
        let beside = Path::new(self.desk.file).parent().unwrap_or(Path::new(""));
        let name = beside.join(given).display().to_string();
        match MappingSpec::read_named(&path, &name, MappingManner::Own) {
            Ok(spec) => {
                spec.rules.iter().for_each(|rule| self.lookup_file(rule, &spec.name, &path));
                Some((path, Some(spec)))
            }
            Err(error) => {
                self.refused(&error, span);
                Some((path, None))
            }
        }
    }

    fn refused(&self, error: &MappingError, span: &Range<usize>) {
        let hint = error.hints().into_iter().next();
        let fault = match error {
            MappingError::Refused { name, place, what, .. } => {
                Fault { file: name.clone(), place: Some(*place), what: what.clone(), hint }
            }
            other => super::fault_at(self.desk, span, other.to_string(), None),
        };
        self.desk.add(fault);
    }

    fn lookup_file(&self, rule: &Rule, name: &str, mapping: &Path) {
        let Some(LookupFrom::File { path, .. }) = rule.lookup.as_ref().map(|it| &it.from) else {
            return;
        };
        let beside = Path::new(name).parent().unwrap_or(Path::new(""));
        let given = path.strip_prefix(beside).unwrap_or(path).display().to_string();
        let from = mapping.parent().unwrap_or(self.root);
        if let Err(BadPath { what, hint }) = self.find(from, &given) {
            let place = Some(rule.place);
            self.desk.add(Fault { file: name.to_owned(), place, what, hint });
        }
    }

    fn find(&self, from: &Path, given: &str) -> Result<PathBuf, BadPath> {
        let bad =
            |what: String, hint: Option<&str>| BadPath { what, hint: hint.map(str::to_owned) };
        let shown = given.escape_debug().to_string();
        let path = from.join(given);
        if !self.outside {
            if Path::new(given).has_root() {
                let what = format!(
                    "the path `{shown}` is absolute, and paths are taken from the runbook's folder"
                );
                return Err(bad(what, Some(OUTSIDE)));
            }
            if self.climbs_out(&path) {
                let what = format!("the path `{shown}` leaves the folder of the runbook");
                return Err(bad(what, Some(OUTSIDE)));
            }
        }
        let about = match fs::metadata(&path) {
            Ok(about) => about,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let hint = meant_beside(&path, given);
                return Err(BadPath { what: format!("there is no file `{shown}`"), hint });
            }
            Err(error) => return Err(bad(format!("cannot look at `{shown}`: {error}"), None)),
        };
        if !about.is_file() {
            return Err(bad(format!("`{shown}` is not a file"), None));
        }
        let real = fs::canonicalize(&path);
        let real = real.map_err(|error| bad(format!("cannot look at `{shown}`: {error}"), None))?;
        if !self.outside && !real.starts_with(self.root) {
            let what =
                format!("the path `{shown}` leaves the folder of the runbook by a symbolic link");
            return Err(bad(what, Some(OUTSIDE)));
        }
        Ok(path)
    }

    /// Whether `..` leads out of the folder, as the path is written.
    fn climbs_out(&self, path: &Path) -> bool {
        let Ok(inside) = path.strip_prefix(self.root) else { return true };
        let mut depth = 0_usize;
        for part in inside.components() {
            match part {
                Component::Normal(_) => depth += 1,
                Component::ParentDir => match depth.checked_sub(1) {
                    Some(up) => depth = up,
                    None => return true,
                },
                _ => {}
            }
        }
        false
    }
}

/// The file in the same folder that was most likely meant.
fn meant_beside(path: &Path, given: &str) -> Option<String> {
    let wanted = path.file_name()?.to_str()?;
    let names: Vec<String> = fs::read_dir(path.parent()?)
        .ok()?
        .take(NAMES_MAX)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
    names.sort_unstable();
    let near = nearest(wanted, names)?;
    Some(format!("did you mean `{}`?", Path::new(given).with_file_name(near).display()))
}
