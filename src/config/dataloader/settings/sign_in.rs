//! Signing in as a configuration folder says: its token, its encrypted values, its key file.

use std::path::{Path, PathBuf};

use url::Url;

use super::SignInKeys;
use crate::config::dataloader::cipher::{BadCipher, Key};
use crate::config::environment::read_origin;
use crate::model::failure::{Blame, Explain};
use crate::model::sign_in::{Grant, SignIn};

/// The default key file, below the home folder.
const KEY_FILE: &str = ".dataloader/dataLoader.key";

/// Hosts that sign people in and hold no records.
const LOGIN_HOSTS: [&str; 2] = ["login.salesforce.com", "test.salesforce.com"];

/// Why a folder signs nobody in.
#[derive(Debug, thiserror::Error)]
pub enum NoSignIn {
    #[error("cannot decrypt `{key}`: {error}")]
    Sealed { key: &'static str, error: BadCipher },
    #[error("`sfdc.endpoint` {what}")]
    Endpoint { what: String, hint: String },
    #[error("`sfdc.oauth.accesstoken` is set, and `sfdc.endpoint` does not name its org")]
    NoInstance,
    #[error(
        "there is no home folder with a key file in it, and `process.encryptionKeyFile` is not set"
    )]
    NoHome,
    #[error("the process says nothing that signs in without a person")]
    Nothing,
}

impl Explain for NoSignIn {
    fn blame(&self) -> Blame {
        Blame::Access
    }

    fn hints(&self) -> Vec<String> {
        let first = match self {
            Self::Sealed { error, .. } => return error.hints(),
            Self::Endpoint { hint, .. } => return vec![hint.clone()],
            Self::NoInstance => Some(
                "set `sfdc.endpoint` to the org's own address, such as \
                 `https://acme.my.salesforce.com`"
                    .to_owned(),
            ),
            Self::NoHome | Self::Nothing => None,
        };
        first.into_iter().chain(WAYS.map(str::to_owned)).collect()
    }
}

/// What takes the place of a password; the folder stays as it is.
const WAYS: [&str; 3] = [
    "`-o ALIAS` or `LONGSHORE_TARGET_ORG=ALIAS` takes an org of `longshore org login ALIAS …`",
    "so does `longshore.targetOrg=ALIAS` in the bean or in `config.properties`, which Data Loader \
     passes over",
    "or set `LONGSHORE_INSTANCE_URL`, `LONGSHORE_CLIENT_ID` and `LONGSHORE_JWT_KEY_FILE` or what \
     else `docs/guide/sign-in.md` tells",
];

impl SignInKeys {
    /// The sign-in that the folder itself describes; `home` is where the default key file is.
    pub fn sign_in(
        &self,
        api_version: Option<&str>,
        home: Option<&Path>,
    ) -> Result<SignIn, NoSignIn> {
        if let Some(token) = &self.token {
            return Ok(SignIn {
                instance_url: self.instance()?,
                login_url: None,
                grant: Grant::Token(self.open("sfdc.oauth.accesstoken", token, home)?),
                api_version: api_version.map(version),
            });
        }
        let (Some(username), Some(password)) = (&self.username, &self.password) else {
            return Err(NoSignIn::Nothing);
        };
        Ok(SignIn {
            // The answer of the login names the org.
            instance_url: origin(&self.endpoint)?,
            login_url: None,
            grant: Grant::Password {
                username: username.clone(),
                password: self.open("sfdc.password", password, home)?,
            },
            api_version: api_version.map(version),
        })
    }

    /// The org of a token.
    fn instance(&self) -> Result<Url, NoSignIn> {
        let text = self.instance.as_deref().ok_or(NoSignIn::NoInstance)?;
        let url = origin(text)?;
        if url.host_str().is_some_and(|host| LOGIN_HOSTS.contains(&host)) {
            return Err(NoSignIn::NoInstance);
        }
        Ok(url)
    }

    fn open(
        &self,
        key: &'static str,
        value: &str,
        home: Option<&Path>,
    ) -> Result<crate::model::secret::Secret, NoSignIn> {
        let path = self.key_file(home).ok_or(NoSignIn::NoHome)?;
        let opened = Key::read(&path).and_then(|with| with.decrypt(value));
        opened.map_err(|error| NoSignIn::Sealed { key, error })
    }

    fn key_file(&self, home: Option<&Path>) -> Option<PathBuf> {
        self.key_file.clone().or_else(|| default_key_file(home))
    }
}

fn origin(text: &str) -> Result<Url, NoSignIn> {
    read_origin(text).map_err(|(what, hint)| NoSignIn::Endpoint { what, hint })
}

/// The key file where none is named.
pub fn default_key_file(home: Option<&Path>) -> Option<PathBuf> {
    home.map(|home| home.join(KEY_FILE))
}

/// `64` is `64.0`.
fn version(text: &str) -> String {
    if text.contains('.') { text.to_owned() } else { format!("{text}.0") }
}
