//! The configuration folder: its files read, and the process that comes of them.

use std::io;
use std::path::{Path, PathBuf};

use super::USAGE;
use super::ending::Stopped;
use crate::cli::args::Process;
use crate::cli::shell::Shell;
use crate::config::dataloader::arguments::{Arguments, BEAN_KEY, FOLDER_KEY};
use crate::config::dataloader::beans::Beans;
use crate::config::dataloader::properties::Properties;
use crate::config::dataloader::settings::{Job, Settings};
use crate::config::policy::Policy;
use crate::config::project::{Defaults, Project};
use crate::model::failure::{Blame, Failure};
use crate::model::wording::shown;

/// The folder that counts where none is named, as beside Data Loader's own program.
const USUAL_FOLDER: &str = "configs";

/// Bytes of `config.properties` at most.
const PROPERTIES_BYTES_MAX: u64 = 4 << 20;

/// A configuration folder with one of its processes.
pub struct Folder {
    /// The folder from the root on.
    pub path: PathBuf,
    pub job: Job,
    /// What is to be told before anything is done.
    pub notices: Vec<String>,
    /// Defaults of `longshore.toml` in the folder.
    pub defaults: Defaults,
    /// The policy that holds: of the folder, or of the working directory.
    pub policy: Policy,
}

impl Folder {
    /// Reads what the words name.
    pub fn open(args: &Process, shell: &Shell) -> Result<Self, Stopped> {
        let mut words = Arguments::read(args.words.iter().map(String::as_str));
        let path = folder(&words, shell)?;
        let mut bean = Vec::new();
        if let Some(id) = words.get(BEAN_KEY).map(str::to_owned).filter(|id| !id.is_empty()) {
            let get = |name: &str| shell.environment.get(name).map(str::to_owned);
            let beans = Beans::read(&path.join("process-conf.xml"), &get).map_err(Failure::from)?;
            let process = beans.process(&id).map_err(Failure::from)?;
            // It is found by its id, and its files are called by its name.
            words.settings.retain(|(key, _)| key != BEAN_KEY);
            words.settings.push((BEAN_KEY.to_owned(), process.name));
            bean = process.settings;
        }
        let properties = properties(&path.join("config.properties"))?;
        let settings = Settings::of(&words.settings, &bean, &properties);
        let mut notices = settings.look_through().map_err(Failure::from)?;
        let foreign = args.ignored.iter().chain(&words.ignored);
        let foreign: Vec<String> =
            foreign.map(|word| format!("`{}`", shown(word.as_bytes()))).collect();
        if !foreign.is_empty() {
            notices.push(format!("not looked at, as by Data Loader: {}", foreign.join(", ")));
        }
        let job = Job::of(&settings).map_err(Failure::from)?;
        let project = Project::read(&path).map_err(Failure::from)?;
        let policy = policy(project.policy, &path, shell)?;
        Ok(Self { path, job, notices, defaults: project.defaults, policy })
    }

    /// A folder beside this one.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.path.parent().unwrap_or(&self.path).join(name)
    }
}

fn folder(words: &Arguments, shell: &Shell) -> Result<PathBuf, Failure> {
    let named = words.get(FOLDER_KEY).filter(|folder| !folder.is_empty());
    let path = shell.dir.join(named.unwrap_or(USUAL_FOLDER));
    // `conf/..` is where it leads to, and not what is written before it.
    let path = path.canonicalize().unwrap_or(path);
    if path.is_dir() {
        return Ok(path);
    }
    Err(match named {
        Some(folder) => {
            let message =
                format!("there is no configuration folder `{}`", shown(folder.as_bytes()));
            elsewhere(Failure::new(Blame::Request, message), folder)
        }
        None => Failure::new(Blame::Request, format!("no configuration folder is named: {USAGE}"))
            .hint("`longshore process --help` tells more"),
    })
}

/// Adds a hint where a path is one of another system.
pub fn elsewhere(failure: Failure, path: &str) -> Failure {
    if cfg!(windows) || !path.contains('\\') {
        return failure;
    }
    failure
        .hint("a path of Windows leads nowhere here; name the one of this machine as `key=value`")
}

fn properties(path: &Path) -> Result<Properties, Failure> {
    let unreadable = |error: &io::Error| {
        Failure::new(Blame::Request, format!("cannot read `{}`: {error}", path.display()))
    };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Properties::default()),
        Err(error) => return Err(unreadable(&error)),
        Ok(about) if !about.is_file() || about.len() > PROPERTIES_BYTES_MAX => {
            return Err(unreadable(&io::Error::other("it is no small file")));
        }
        Ok(_) => {}
    }
    let bytes = std::fs::read(path).map_err(|error| unreadable(&error))?;
    Properties::parse(&bytes)
        .map_err(|error| Failure::new(Blame::Request, format!("`{}`: {error}", path.display())))
}

/// The policy of the folder or of the working directory; two that differ are no policy.
fn policy(of_folder: Policy, path: &Path, shell: &Shell) -> Result<Policy, Failure> {
    let here = Policy::read(&shell.dir)?;
    if here == of_folder || here == Policy::default() {
        return Ok(of_folder);
    }
    if of_folder == Policy::default() {
        return Ok(here);
    }
    let message = format!(
        "`longshore.toml` in `{}` and in the working directory have different policies",
        path.display()
    );
    Err(Failure::new(Blame::Request, message).hint("keep the one that is to hold"))
}
