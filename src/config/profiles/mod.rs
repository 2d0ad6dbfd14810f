//! Orgs that a user has signed in to before, each under an alias.
//!
//! One file an org, `orgs/ALIAS.toml` in the user's configuration folder, mode 0600 in a folder of
//! mode 0700. It holds what signs in, so a file that others may open is refused, with the `chmod`
//! that mends it. A file is written beside its name and renamed, so that it is always whole. Beside
//! it lies `orgs/ALIAS.lock`, empty: whoever changes the file, or uses a refresh token that may be
//! replaced by its use, holds that.

mod error;
mod file;
mod keeper;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use url::Url;

pub use error::BadProfile;

use super::environment::{Environment, read_key, read_origin};
use crate::model::secret::Secret;
use crate::model::sign_in::{Grant, Held, RefreshKeeper, SignIn};

/// Characters of an alias.
pub const ALIAS_CHARS_MAX: usize = 64;

/// Aliases that have a meaning of their own.
pub const RESERVED: [&str; 5] = ["demo", "practice", "demo-auth0", "practice-auth0", "env"];

/// What a user calls an org: 1 to 64 letters, digits, `-`, `_`, `.` and `@`, a letter or digit
/// first, and none of [`RESERVED`]; so it can be the name of a file on every system.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Alias {
    bytes: [u8; ALIAS_CHARS_MAX],
    length: usize,
}

impl Alias {
    pub fn parse(text: &str) -> Result<Self, BadProfile> {
        if RESERVED.contains(&text) {
            return Err(BadProfile::Reserved { alias: text.to_owned() });
        }
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'@');
        let mut bytes = [0; ALIAS_CHARS_MAX];
        let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        match bytes.get_mut(..text.len()) {
            Some(place) if begins && text.bytes().all(good) => {
                place.copy_from_slice(text.as_bytes());
                Ok(Self { bytes, length: text.len() })
            }
            _ => Err(BadProfile::BadAlias { alias: text.to_owned() }),
        }
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

impl std::fmt::Debug for Alias {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_str().fmt(f)
    }
}

/// The folder of a user's orgs.
#[derive(Debug, Clone)]
pub struct Profiles {
    folder: PathBuf,
}

/// An org and how to sign in to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    pub kind: Kind,
    pub instance_url: Url,
    /// Where tokens are asked for, where it is not the instance.
    pub login_url: Option<Url>,
    pub api_version: Option<String>,
    pub way: Way,
}

/// What kind of org it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Salesforce,
    Auth0,
}

/// By which right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// A token that somebody else obtained; it cannot be renewed.
    AccessToken {
        token: Secret,
    },
    ClientCredentials {
        client_id: String,
        client_secret: Secret,
    },
    /// The key stays where it is, and must not be readable by others either.
    Jwt {
        client_id: String,
        username: String,
        key_file: PathBuf,
    },
    Refresh {
        client_id: String,
        client_secret: Option<Secret>,
        refresh_token: Secret,
    },
    /// SOAP `login()`, which ends with Summer '27.
    Password {
        username: String,
        password: Secret,
    },
    /// The Salesforce CLI has signed in to it, under this alias or user name; it is asked for a
    /// token each time, and nothing secret is kept here.
    SalesforceCli {
        alias: String,
    },
}

impl Way {
    /// What people call it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::AccessToken { .. } => "access token",
            Self::ClientCredentials { .. } => "client credentials",
            Self::Jwt { .. } => "JWT bearer",
            Self::Refresh { .. } => "refresh token",
            Self::Password { .. } => "SOAP login",
            Self::SalesforceCli { .. } => "Salesforce CLI",
        }
    }

    /// What the app is known by at the org.
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Self::ClientCredentials { client_id, .. }
            | Self::Jwt { client_id, .. }
            | Self::Refresh { client_id, .. } => Some(client_id),
            Self::AccessToken { .. } | Self::Password { .. } | Self::SalesforceCli { .. } => None,
        }
    }

    /// The user it signs in as, where that is fixed beforehand.
    pub fn username(&self) -> Option<&str> {
        match self {
            Self::Jwt { username, .. } | Self::Password { username, .. } => Some(username),
            _ => None,
        }
    }
}

impl Profile {
    /// What to sign in with; `token` is the one that the Salesforce CLI gave, where it is asked,
    /// and `keeper` has the refresh token, where there is one.
    pub fn sign_in(
        &self,
        token: Option<Secret>,
        keeper: Option<Arc<dyn RefreshKeeper>>,
        environment: &Environment,
    ) -> Result<SignIn, BadProfile> {
        let grant = match &self.way {
            Way::AccessToken { token } => Grant::Token(token.clone()),
            Way::ClientCredentials { client_id, client_secret } => Grant::ClientCredentials {
                client_id: client_id.clone(),
                client_secret: client_secret.clone(),
            },
            Way::Jwt { client_id, username, key_file } => Grant::JwtBearer {
                client_id: client_id.clone(),
                username: username.clone(),
                key: read_key(key_file, environment).map_err(|flaw| BadProfile::Key { flaw })?,
            },
            Way::Refresh { client_id, client_secret, refresh_token } => Grant::Refresh {
                client_id: client_id.clone(),
                client_secret: client_secret.clone(),
                refresh_token: keeper.unwrap_or_else(|| Arc::new(Held::new(refresh_token.clone()))),
            },
            Way::Password { username, password } => {
                Grant::Password { username: username.clone(), password: password.clone() }
            }
            Way::SalesforceCli { .. } => Grant::Token(token.ok_or(BadProfile::NoToken)?),
        };
        Ok(SignIn {
            instance_url: self.instance_url.clone(),
            login_url: self.login_url.clone(),
            grant,
            api_version: self.api_version.clone(),
        })
    }
}

impl Profiles {
    /// The orgs of the user of this process; nothing where no folder is known.
    pub fn of(environment: &Environment) -> Option<Self> {
        environment.config_dir().map(|dir| Self::in_folder(&dir))
    }

    /// The orgs in a configuration folder.
    pub fn in_folder(config: &Path) -> Self {
        Self { folder: config.join("orgs") }
    }

    /// The aliases, sorted.
    pub fn aliases(&self) -> Result<Vec<Alias>, BadProfile> {
        let unreadable = |error| BadProfile::Unreadable { path: self.folder.clone(), error };
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut aliases = Vec::new();
        for entry in entries {
            let name = entry.map_err(unreadable)?.file_name();
            let alias = name.to_str().and_then(|name| name.strip_suffix(".toml"));
            aliases.extend(alias.and_then(|alias| Alias::parse(alias).ok()));
        }
        aliases.sort_by(|one: &Alias, other| one.as_str().cmp(other.as_str()));
        Ok(aliases)
    }

    /// Whether there is an org of that alias.
    pub fn has(&self, alias: Alias) -> bool {
        self.path(alias).exists()
    }

    pub fn read(&self, alias: Alias) -> Result<Profile, BadProfile> {
        if !self.has(alias) {
            return Err(self.unknown(alias.as_str()));
        }
        file::read(&self.path(alias))
    }

    /// Keeps an org, in the place of one of the same alias; waits for whoever uses that.
    pub fn write(&self, alias: Alias, profile: &Profile) -> Result<(), BadProfile> {
        let _lock = file::lock(&self.folder, &self.path(alias))?;
        file::write(&self.folder, &self.path(alias), profile)
    }

    /// Forgets an org; waits for whoever uses it.
    pub fn remove(&self, alias: Alias) -> Result<(), BadProfile> {
        if !self.has(alias) {
            return Err(self.unknown(alias.as_str()));
        }
        let path = self.path(alias);
        let _lock = file::lock(&self.folder, &path)?;
        file::remove(&self.folder, &path)
    }

    /// Who keeps the refresh token of an org.
    pub fn keeper(&self, alias: Alias) -> Arc<dyn RefreshKeeper> {
        Arc::new(keeper::Keeper::new(self.folder.clone(), self.path(alias)))
    }

    /// The failure that nothing is known under that name.
    pub fn unknown(&self, alias: &str) -> BadProfile {
        let known = self.aliases().unwrap_or_default();
        let known = known.iter().map(|alias| alias.as_str().to_owned()).collect();
        BadProfile::Unknown { alias: alias.to_owned(), known }
    }

    /// The file of an org.
    pub fn path(&self, alias: Alias) -> PathBuf {
        self.folder.join(format!("{}.toml", alias.as_str()))
    }
}

/// Reads an origin as a person writes it: `https://acme.my.salesforce.com`.
pub fn origin(text: &str) -> Result<Url, BadProfile> {
    read_origin(text).map_err(|(what, hint)| BadProfile::BadUrl { what, hint })
}

#[cfg(test)]
mod tests;
