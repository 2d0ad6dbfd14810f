//! `import data-loader`: a configuration folder of Data Loader, made into mapping files, commands
//! and a report of what became of each key.
//!
//! No org is asked, and the folder is only read. No secret is in any file: passwords and tokens are
//! named, and neither decrypted nor copied.

mod report;
mod scripts;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::print;
use crate::cli::args::{Import, ImportDataLoader};
use crate::cli::shell::Shell;
use crate::config::dataloader::beans::Beans;
use crate::config::dataloader::properties::Properties;
use crate::config::dataloader::translate::{Job, Mapped, Setting, Source, translate};
use crate::config::mapping::MappingSpec;
use crate::ledger::write_whole;
use crate::model::failure::{Blame, Explain, Failure};

/// The report beside the commands.
const REPORT: &str = "import.md";

/// What the process is called that has no bean.
const ALONE: &str = "config";

/// Some process could not be carried over; the others were.
const NOT_ALL: u8 = 3;

/// A process and what became of it.
struct Made {
    id: String,
    description: Option<String>,
    job: Job,
    /// What its files are called, without their endings.
    stem: String,
    /// The mapping file that was read, and is not where the process says.
    mapping_found: Option<PathBuf>,
}

/// What there is to say about the whole folder.
struct Whole<'a> {
    folder: &'a Path,
    to: &'a Path,
    alias: Option<&'a str>,
    made: &'a [Made],
    /// Names of the files that were written, in `to`.
    files: &'a [String],
}

/// Carries out an import.
pub fn import(args: &Import, shell: &Shell) -> Result<u8, Failure> {
    let Import::DataLoader(args) = args;
    let folder = shell.dir.join(&args.dir);
    let sources = sources(&folder, args, shell)?;
    let alias = args.target_org.as_deref();
    let mut stems = BTreeSet::new();
    let made: Vec<Made> =
        sources.into_iter().map(|read| made(read, &folder, alias, &mut stems, shell)).collect();
    let to = args.to.clone().unwrap_or_else(|| args.dir.join("longshore"));
    let mut files: Vec<(String, String)> = made.iter().flat_map(scripts::files).collect();
    let mut names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    names.push(REPORT.to_owned());
    let whole = Whole { folder: &args.dir, to: &to, alias, made: &made, files: &names };
    files.push((REPORT.to_owned(), report::page(&whole)));
    write(&shell.dir.join(&to), &to, &files, args.overwrite)?;
    let code = if made.iter().all(|one| one.job.refused.is_empty()) { 0 } else { NOT_ALL };
    let text = if args.manners.json {
        report::document(&whole, code)
    } else {
        report::screen(&whole, shell.out_paint(args.manners.color))
    };
    print(&shell.out, &text)?;
    Ok(code)
}

/// A process that was read, or the reason why it cannot be.
struct Read {
    source: Source,
    description: Option<String>,
    bad: Option<String>,
}

/// The processes of a folder: each bean, or else `config.properties` alone.
fn sources(folder: &Path, args: &ImportDataLoader, shell: &Shell) -> Result<Vec<Read>, Failure> {
    let beans = folder.join("process-conf.xml");
    let properties = properties(&folder.join("config.properties"))?;
    let has_beans = beans.is_file();
    if !has_beans && properties.is_none() {
        let message = format!(
            "`{}` has neither `process-conf.xml` nor `config.properties`",
            args.dir.display()
        );
        return Err(Failure::new(Blame::Request, message)
            .hint("name the configuration folder, the first word behind `process.bat`"));
    }
    let properties = properties.unwrap_or_default();
    if !has_beans {
        return Ok(vec![alone(&properties)]);
    }
    let beans = Beans::read(&beans, &|name| shell.environment.get(name).map(str::to_owned))?;
    let ids: Vec<&str> = match args.process.as_slice() {
        [] => beans.ids().collect(),
        some => some.iter().map(String::as_str).collect(),
    };
    let mut read = Vec::new();
    for id in ids {
        match beans.process(id) {
            Ok(process) => read.push(Read {
                source: source(id, &properties, &process.settings),
                description: process.description,
                bad: None,
            }),
            // A process that was asked for by name must be there.
            Err(error) if !args.process.is_empty() => return Err(error.into()),
            Err(error) => read.push(Read {
                source: source(id, &properties, &[]),
                description: None,
                bad: Some(from_here(&error.to_string(), shell)),
            }),
        }
    }
    Ok(read)
}

/// A message in which files are called as seen from the working directory.
fn from_here(message: &str, shell: &Shell) -> String {
    let dir = format!("{}{}", shell.dir.display(), std::path::MAIN_SEPARATOR);
    message.replace(&dir, "")
}

fn properties(path: &Path) -> Result<Option<Properties>, Failure> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::disk("read", path, &error)),
    };
    let read = Properties::parse(&bytes)
        .map_err(|error| Failure::new(Blame::Request, format!("`{}`: {error}", path.display())))?;
    Ok(Some(read))
}

fn alone(properties: &Properties) -> Read {
    let id = properties.get("process.name").filter(|name| !name.trim().is_empty());
    let id = id.unwrap_or(ALONE).to_owned();
    Read { source: source(&id, properties, &[]), description: None, bad: None }
}

/// What counts: the bean's settings, then those of `config.properties`.
fn source(id: &str, properties: &Properties, of_bean: &[(String, String)]) -> Source {
    let mut settings: Vec<Setting> = Vec::new();
    let bean = of_bean.iter().map(|(key, value)| (key, value, true));
    let file = properties.entries.iter().rev().map(|entry| (&entry.key, &entry.value, false));
    for (key, value, of_bean) in bean.chain(file) {
        let key = key.trim();
        if !settings.iter().any(|setting| setting.key == key) {
            settings.push(Setting { key: key.to_owned(), value: value.clone(), of_bean });
        }
    }
    Source { id: id.to_owned(), settings }
}

fn made(
    read: Read,
    folder: &Path,
    alias: Option<&str>,
    stems: &mut BTreeSet<String>,
    shell: &Shell,
) -> Made {
    let Read { source, description, bad } = read;
    let stem = stem(&source.id, stems);
    let (mapped, mapping_found) = mapped(&source, folder, &stem, shell);
    let mut job = translate(&source, &mapped, alias);
    if let Some(bad) = bad {
        job = Job { command: Vec::new(), refused: vec![bad], notes: Vec::new(), mapping: None };
    }
    Made { id: source.id, description, job, stem, mapping_found }
}

/// The mapping that a load names, with its place where that is another than the load says.
fn mapped(source: &Source, folder: &Path, stem: &str, shell: &Shell) -> (Mapped, Option<PathBuf>) {
    let named = source.get("process.mappingFile").filter(|_| !source.is_extract());
    let Some(named) = named else { return (Mapped::No, None) };
    let Some((path, elsewhere)) = find(named, folder, &shell.dir) else {
        let why = format!(
            "the mapping file `{named}` is not here: put it into the folder, and import again"
        );
        return (Mapped::Bad(why), None);
    };
    let mapped = match read_mapping(&path) {
        Ok(spec) => Mapped::Read { spec, file: format!("{stem}.toml") },
        Err(why) => Mapped::Bad(from_here(&why, shell)),
    };
    (mapped, elsewhere.then_some(path))
}

/// A mapping of Data Loader, whatever its file is called.
fn read_mapping(path: &Path) -> Result<MappingSpec, String> {
    let is_sdl = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("sdl"));
    let read = if is_sdl {
        MappingSpec::read(path)
    } else {
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        crate::config::dataloader::sdl::parse(&bytes, &path.display().to_string())
    };
    read.map_err(|error| {
        let hints = error.hints().join("; ");
        if hints.is_empty() { error.to_string() } else { format!("{error}; {hints}") }
    })
}

/// A file that a configuration names, perhaps on another computer; whether it is elsewhere.
fn find(named: &str, folder: &Path, dir: &Path) -> Option<(PathBuf, bool)> {
    let slashes = named.replace('\\', "/");
    let name = slashes.rsplit('/').next().unwrap_or_default();
    let places = [dir.join(named), dir.join(&slashes), folder.join(&slashes), folder.join(name)];
    let at = places.iter().position(|place| place.is_file())?;
    Some((places[at].clone(), at > 1))
}

/// What the files of a process are called: letters, digits and little else, each name once.
fn stem(id: &str, stems: &mut BTreeSet<String>) -> String {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let plain: String = id.chars().map(|c| if fits(c) { c } else { '_' }).collect();
    let plain = plain.trim_start_matches('.').to_owned();
    let plain = if plain.is_empty() { ALONE.to_owned() } else { plain };
    let numbered = (2..).map(|number| format!("{plain}-{number}"));
    let mut names = std::iter::once(plain.clone()).chain(numbered);
    names.find(|name| stems.insert(name.to_lowercase())).unwrap_or(plain)
}

/// Writes the files, unless one of them is there and may not be written over.
fn write(
    folder: &Path,
    shown: &Path,
    files: &[(String, String)],
    overwrite: bool,
) -> Result<(), Failure> {
    let there = files.iter().find(|(name, _)| folder.join(name).exists());
    if let (Some((name, _)), false) = (there, overwrite) {
        let message = format!("`{}` is already there", shown.join(name).display());
        return Err(Failure::new(Blame::Request, message)
            .hint("name another folder with `--to DIR`")
            .hint("`--overwrite` writes over the files of an earlier import"));
    }
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::disk("make the folder", shown, &error))?;
    for (name, text) in files {
        write_whole(&folder.join(name), text.as_bytes())
            .map_err(|error| Failure::disk("write", &shown.join(name), &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
