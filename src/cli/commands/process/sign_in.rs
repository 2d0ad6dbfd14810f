//! Which org a process runs in, and by which right.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder::Folder;
use crate::cli::args::Process;
use crate::cli::org::{self, Choice};
use crate::cli::session::Session;
use crate::cli::shell::Shell;
use crate::model::failure::Failure;
use crate::model::sign_in::SignIn;
use crate::target::any::AnyTarget;

/// What a run is told to have signed in with where it is the folder itself.
pub const OF_FOLDER: &str = "data-loader";

/// The way in.
pub enum Way {
    /// Ours: an alias, or the environment.
    Own(Choice),
    /// What the folder says.
    Folder(Box<SignIn>),
}

impl Way {
    /// What outranks what: flag and environment, the folder's `longshore.targetOrg`, its
    /// `longshore.toml`, a sign-in of the environment, and last the folder's own.
    pub fn of(folder: &Folder, args: &Process, shell: &Shell) -> Result<Self, Failure> {
        let job = &folder.job;
        let given = args.connect.target_org.as_deref().or(job.sign_in.alias.as_deref());
        let alias = given.or(folder.defaults.target_org.as_deref());
        if alias.is_some() || shell.environment.has_sign_in() {
            return Choice::of(alias, &shell.environment).map(Self::Own);
        }
        let home = home(shell);
        let sign_in = job.sign_in.sign_in(job.api_version.as_deref(), home.as_deref())?;
        Ok(Self::Folder(Box::new(sign_in)))
    }

    /// The alias as it is told.
    pub fn alias(&self) -> &str {
        match self {
            Self::Own(choice) => choice.alias(),
            Self::Folder(_) => OF_FOLDER,
        }
    }

    /// Whether the org ends with the command.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Own(choice) if choice.is_passing())
    }

    /// Where loads into the org are remembered.
    pub fn state_dir(&self, shell: &Shell) -> Option<PathBuf> {
        match self {
            Self::Own(choice) => org::state_dir(*choice, shell),
            Self::Folder(_) => shell.environment.state_dir(),
        }
    }

    pub async fn connect(&self, session: &Session<'_>) -> Result<Arc<AnyTarget>, Failure> {
        match self {
            Self::Own(choice) => session.connect(*choice).await,
            Self::Folder(sign_in) => session.connect_by((**sign_in).clone()).await,
        }
    }
}

/// The user's home, where the default key file is.
pub fn home(shell: &Shell) -> Option<PathBuf> {
    let named = |name: &str| shell.environment.get(name).map(Path::new);
    named("HOME").or_else(|| named("USERPROFILE")).map(Path::to_owned)
}
