//! The Salesforce CLI (`sf`) as a source of tokens.
//!
//! It has changed what it shows: since 2026 `org display` redacts the token, and
//! `org auth show-access-token` gives it; older ones know only the first. Both are asked, in the
//! order of the Salesforce reference, section 1.9. Nothing that they print is passed on.

use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::process::Command;

use crate::config::environment::Environment;
use crate::http::redact::Redactor;
use crate::model::failure::{Blame, Failure};
use crate::model::secret::Secret;

/// How long it may take; it starts slowly, and may renew its own session first.
const PATIENCE: Duration = Duration::from_mins(1);

/// What stands in the place of a token that is not shown.
const REDACTED: &str = "[REDACTED]";

/// A token, and the org that it is for.
#[derive(Debug)]
pub struct Given {
    pub token: Secret,
    pub instance_url: String,
    pub username: String,
}

#[derive(Deserialize)]
struct Answer<T> {
    result: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shown {
    access_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Display {
    access_token: String,
    instance_url: String,
    username: String,
}

#[derive(Deserialize)]
struct Refusal {
    name: Option<String>,
    message: Option<String>,
}

/// Asks for the token of the org that `sf` knows under `alias`.
pub async fn ask(alias: &str) -> Result<Given, Failure> {
    // A word that begins with a hyphen would be read as a flag.
    if alias.is_empty() || alias.starts_with('-') {
        let message = format!("`{}` is no alias of the Salesforce CLI", alias.escape_debug());
        return Err(Failure::new(Blame::Request, message));
    }
    let shown = run::<Shown>(&["org", "auth", "show-access-token"], alias).await;
    let display = run::<Display>(&["org", "display"], alias).await?;
    let token = match shown {
        Ok(shown) => shown.access_token,
        Err(_) => display.access_token,
    };
    if token.starts_with(REDACTED) || token.trim().is_empty() {
        let message = "the Salesforce CLI shows no token";
        return Err(Failure::new(Blame::Access, message)
            .hint("bring it up to date: one with `sf org auth show-access-token` is needed"));
    }
    Ok(Given {
        token: Secret::new(token),
        instance_url: display.instance_url,
        username: display.username,
    })
}

async fn run<T: DeserializeOwned>(words: &[&str], alias: &str) -> Result<T, Failure> {
    let program = if cfg!(windows) { "sf.cmd" } else { "sf" };
    let mut command = Command::new(program);
    command.args(words).args(["--target-org", alias, "--json"]);
    command.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    for name in Environment::secret_names() {
        command.env_remove(name);
    }
    let asked = tokio::time::timeout(PATIENCE, command.output()).await;
    let said = match asked {
        Ok(Ok(said)) => said,
        Ok(Err(error)) => {
            return Err(Failure::new(Blame::Request, format!("cannot start `{program}`: {error}"))
                .hint("install the Salesforce CLI, or sign in another way"));
        }
        Err(_) => {
            let message =
                format!("`sf {}` gave no answer within {} s", words.join(" "), PATIENCE.as_secs());
            return Err(Failure::new(Blame::Access, message));
        }
    };
    if let Ok(answer) = serde_json::from_slice::<Answer<T>>(&said.stdout) {
        return Ok(answer.result);
    }
    // Only these two members are repeated: what else it says may hold a secret.
    let refusal = serde_json::from_slice::<Refusal>(&said.stdout).ok();
    let (name, message) = refusal.map_or((None, None), |said| (said.name, said.message));
    let what = message.or(name).unwrap_or_else(|| "it gave no answer that can be read".to_owned());
    let message = format!("the Salesforce CLI cannot `{}`: {what}", words.join(" "));
    let message = Redactor::default().clean(&message).into_owned();
    Err(Failure::new(Blame::Access, message).hint(format!(
        "`sf org display --target-org {alias}` shows whether it is signed in; `sf org login web \
         --alias {alias}` signs in"
    )))
}
