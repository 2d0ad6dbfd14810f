//! The project file `longshore.toml`: defaults for the flags, beside the data they belong to.
//!
//! ```toml
//! [defaults]
//! target-org = "practice"
//! parallel = 4
//!
//! [policy]
//! max_rows = 500000
//! ```
//!
//! It is looked for in the working directory and nowhere else, so that one never wonders which one
//! was read. It ranks below flags and environment variables.

use std::io;
use std::path::{Path, PathBuf};

use super::policy::Policy;
use crate::model::failure::{Blame, Explain};

/// The name of the project file.
pub const FILE_NAME: &str = "longshore.toml";

/// What a project file says; every member has the name and the meaning of its flag.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Defaults {
    pub target_org: Option<String>,
    pub column_delimiter: Option<String>,
    pub line_ending: Option<String>,
    pub encoding: Option<String>,
    pub chunk_rows: Option<u64>,
    pub chunk_bytes: Option<u64>,
    pub parallel: Option<u64>,
    pub api: Option<String>,
    pub group_by: Option<String>,
    pub runs_dir: Option<PathBuf>,
    pub on_bad_row: Option<String>,
    pub on_duplicate: Option<String>,
    pub nulls: Option<String>,
    pub before_images: Option<String>,
}

/// All that a project file says.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    #[serde(default)]
    pub defaults: Defaults,
    /// Limits of what may be loaded.
    #[serde(default)]
    pub policy: Policy,
}

/// Why a project file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadProject {
    #[error("cannot read `{}`: {error}", path.display())]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{}{place}: {message}", path.display())]
    Wrong { path: PathBuf, place: String, message: String },
}

impl Explain for BadProject {
    fn blame(&self) -> Blame {
        Blame::Request
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::Unreadable { .. } => Vec::new(),
            Self::Wrong { .. } => {
                vec![format!("`docs/reference/cli.md` lists what `{FILE_NAME}` may say")]
            }
        }
    }
}

impl Defaults {
    /// Reads the defaults of the project file in `dir`; nothing when there is none.
    pub fn read(dir: &Path) -> Result<Self, BadProject> {
        Project::read(dir).map(|project| project.defaults)
    }

    /// Reads the defaults from the text of a project file; `path` stands in messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self, BadProject> {
        Project::parse(text, path).map(|project| project.defaults)
    }
}

impl Project {
    /// Reads the project file in `dir`; nothing when there is none.
    pub fn read(dir: &Path) -> Result<Self, BadProject> {
        let path = dir.join(FILE_NAME);
        // A pipe would be waited for, and a device may have no end.
        if path.metadata().is_ok_and(|about| !about.is_file()) {
            let error = io::Error::other("it is not a file");
            return Err(BadProject::Unreadable { path, error });
        }
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text, Path::new(FILE_NAME)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(BadProject::Unreadable { path, error }),
        }
    }

    /// Reads the text of a project file; `path` stands in messages.
    pub fn parse(text: &str, path: &Path) -> Result<Self, BadProject> {
        toml::from_str(text).map_err(|error| BadProject::Wrong {
            path: path.to_owned(),
            place: error.span().map(|span| place(text, span.start)).unwrap_or_default(),
            message: error.message().trim_end().replace('\n', ", "),
        })
    }
}

/// `:line:column` of a byte, both counted from 1, the column in characters.
pub fn place(text: &str, byte: usize) -> String {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!(":{line}:{column}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let error = Defaults::parse(text, Path::new(FILE_NAME)).unwrap_err().to_string();
        error.replace("one of ", "one of\n    ").replace("`chunk-rows`, ", "`chunk-rows`,\n    ")
    }

    #[test]
    fn every_key_is_read() {
        let text = r#"
            [defaults]
            target-org = "practice"
            column-delimiter = "TAB"
            line-ending = "LF"
            encoding = "windows-1252"
            chunk-rows = 10000
            chunk-bytes = 50000000
            parallel = 4
            api = "auto"
            group-by = "AccountId"
            runs-dir = "runs"
            on-bad-row = "stop"
            on-duplicate = "keep-last"
            nulls = "clear"
            before-images = "on"
        "#;
        let defaults = Defaults::parse(text, Path::new(FILE_NAME)).unwrap();
        assert_eq!(defaults.target_org.as_deref(), Some("practice"));
        assert_eq!(defaults.parallel, Some(4));
        assert_eq!(defaults.runs_dir.as_deref(), Some(Path::new("runs")));
        assert_eq!(Defaults::parse("", Path::new(FILE_NAME)).unwrap(), Defaults::default());
    }

    #[test]
    fn faults_are_told_with_their_place() {
        let texts = [
            "[defaults]\nparalel = 4\n",
            "[defaults]\nparallel = \"4\"\n",
            "[default]\n",
            "[defaults]\nä = \n",
            "[defaults]\nparallel = -1\n",
        ];
        insta::assert_snapshot!(texts.map(refused).join("\n"), @r#"
        longshore.toml:2:1: unknown field `paralel`, expected one of
            `target-org`, `column-delimiter`, `line-ending`, `encoding`, `chunk-rows`,
            `chunk-bytes`, `parallel`, `api`, `group-by`, `runs-dir`, `on-bad-row`, `on-duplicate`, `nulls`, `before-images`
        longshore.toml:2:12: invalid type: string "4", expected u64
        longshore.toml:1:2: unknown field `default`, expected `defaults` or `policy`
        longshore.toml:2:1: invalid unquoted key, expected letters, numbers, `-`, `_`
        longshore.toml:2:12: invalid value: integer `-1`, expected u64
        "#);
    }

    #[test]
    fn no_file_means_no_defaults_and_a_folder_is_a_fault() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Defaults::read(dir.path()).unwrap(), Defaults::default());
        std::fs::create_dir(dir.path().join(FILE_NAME)).unwrap();
        let message = Defaults::read(dir.path()).unwrap_err().to_string();
        assert!(message.starts_with("cannot read `"), "{message}");
    }
}
