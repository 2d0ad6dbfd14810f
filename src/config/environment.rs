//! STAND-IN for the client engineer's file of this name: only the signatures count.

use std::collections::BTreeMap;

use crate::model::failure::{Blame, Failure};
use crate::model::secret::Secret;
use crate::model::sign_in::{Grant, SignIn};

/// The variables of the process; tests build their own.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn from_process() -> Self {
        Self(std::env::vars().collect())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub fn ca_file(&self) -> Option<std::path::PathBuf> {
        self.get("LONGSHORE_CA_FILE").map(Into::into)
    }

    pub fn has_sign_in(&self) -> bool {
        self.get("LONGSHORE_INSTANCE_URL").is_some()
    }

    pub fn sign_in(&self) -> Result<SignIn, Failure> {
        let fault = || Failure::new(Blame::Request, "`LONGSHORE_INSTANCE_URL` is not a URL");
        let text = self.get("LONGSHORE_INSTANCE_URL").ok_or_else(fault)?;
        let token = self.get("LONGSHORE_ACCESS_TOKEN").unwrap_or_default().to_owned();
        Ok(SignIn {
            instance_url: url::Url::parse(text).map_err(|_| fault())?,
            login_url: None,
            grant: Grant::Token(Secret::new(token)),
            api_version: None,
        })
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}
