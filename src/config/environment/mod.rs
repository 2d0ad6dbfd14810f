//! The process environment, read here and nowhere else, and the sign-in that it may hold.

mod locked_key;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use url::{Host, Url};

use crate::model::sign_in::Held;
pub use crate::model::sign_in::{Grant, SignIn};

use crate::model::failure::{Blame, Explain};
use crate::model::secret::Secret;

const INSTANCE_URL: &str = "LONGSHORE_INSTANCE_URL";
const LOGIN_URL: &str = "LONGSHORE_LOGIN_URL";
const ACCESS_TOKEN: &str = "LONGSHORE_ACCESS_TOKEN";
const CLIENT_ID: &str = "LONGSHORE_CLIENT_ID";
const CLIENT_SECRET: &str = "LONGSHORE_CLIENT_SECRET";
const USERNAME: &str = "LONGSHORE_USERNAME";
const JWT_KEY_FILE: &str = "LONGSHORE_JWT_KEY_FILE";
const JWT_KEY_PASSPHRASE: &str = "LONGSHORE_JWT_KEY_PASSPHRASE";
const REFRESH_TOKEN: &str = "LONGSHORE_REFRESH_TOKEN";
const PASSWORD: &str = "LONGSHORE_PASSWORD";
const API_VERSION: &str = "LONGSHORE_API_VERSION";
const TARGET_KIND: &str = "LONGSHORE_TARGET_KIND";
const STATE_DIR: &str = "LONGSHORE_STATE_DIR";
const CONFIG_DIR: &str = "LONGSHORE_CONFIG_DIR";
const CA_FILE: &str = "LONGSHORE_CA_FILE";

/// The kinds of org that there are.
const KINDS: [&str; 2] = ["salesforce", "auth0"];

/// Bytes of a key file that are read at most; an RSA key of 16,384 bits has about 13,000.
const KEY_BYTES_MAX: u64 = 64 << 10;

/// The variables of a process; tests make their own.
///
/// Values that are not UTF-8 are left out. An empty value counts as unset, as in a CI job whose
/// secret is missing.
#[derive(Clone, Default)]
pub struct Environment {
    variables: BTreeMap<String, Secret>,
}

impl Environment {
    /// The environment that this process was started with.
    pub fn from_process() -> Self {
        let text = |value: std::ffi::OsString| value.into_string().ok();
        std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?))).collect()
    }

    /// The value of a variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(Secret::reveal).filter(|value| !value.is_empty())
    }

    /// Whether a switch is on, in the words that flags take.
    pub fn is_on(&self, name: &str) -> bool {
        let on = ["1", "on", "t", "true", "y", "yes"];
        self.get(name).is_some_and(|value| on.contains(&value.to_ascii_lowercase().as_str()))
    }

    /// A file with certificates (PEM) to trust besides the platform's: `LONGSHORE_CA_FILE`.
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.get(CA_FILE).map(PathBuf::from)
    }

    /// Where this program remembers things about its user: `LONGSHORE_STATE_DIR`, or a folder of
    /// its own where the desktop's rules put such things (XDG base directories).
    pub fn state_dir(&self) -> Option<PathBuf> {
        let own = |base: PathBuf| base.join("longshore");
        let home = || Some(Path::new(self.get("HOME")?).join(".local/state"));
        let given = self.get(STATE_DIR).map(PathBuf::from);
        given.or_else(|| self.get("XDG_STATE_HOME").map(PathBuf::from).or_else(home).map(own))
    }

    /// Where this user's orgs are kept: `LONGSHORE_CONFIG_DIR`, or a folder of its own where the
    /// desktop's rules put configuration (XDG base directories), or `APPDATA` on Windows.
    pub fn config_dir(&self) -> Option<PathBuf> {
        let own = |base: PathBuf| base.join("longshore");
        let named = |name: &str| self.get(name).map(PathBuf::from);
        let home = || Some(Path::new(self.get("HOME")?).join(".config"));
        let base = || named("XDG_CONFIG_HOME").or_else(home).or_else(|| named("APPDATA"));
        named(CONFIG_DIR).or_else(|| base().map(own))
    }

    /// The program that opens a browser, as people set it on Unix: `BROWSER`.
    pub fn browser(&self) -> Option<&str> {
        self.get("BROWSER")
    }

    /// Variables that hold secrets; a program that we start needs none of them.
    pub fn secret_names() -> [&'static str; 5] {
        [ACCESS_TOKEN, CLIENT_SECRET, REFRESH_TOKEN, JWT_KEY_PASSPHRASE, PASSWORD]
    }

    /// Whether it says anything about a sign-in, complete or not.
    pub fn has_sign_in(&self) -> bool {
        [INSTANCE_URL, ACCESS_TOKEN, CLIENT_ID, REFRESH_TOKEN, PASSWORD]
            .iter()
            .any(|name| self.get(name).is_some())
    }

    /// The sign-in that it describes, or everything that is wrong with it at once.
    pub fn sign_in(&self) -> Result<SignIn, BadSignIn> {
        let mut faults = Vec::new();
        if let Some(kind) = self.get(TARGET_KIND)
            && !KINDS.iter().any(|known| kind.eq_ignore_ascii_case(known))
        {
            let shown = kind.escape_debug();
            faults.push(
                Flaw::new(TARGET_KIND, format!("`{shown}` is not a kind of org we can load"))
                    .hint("say `auth0` or `salesforce`; unset, it is `salesforce`"),
            );
        }
        let instance_url = self.origin(INSTANCE_URL, &mut faults);
        if self.get(INSTANCE_URL).is_none() {
            let hint = if self.is_auth0() {
                "set it to the tenant's own URL, such as `https://acme.eu.auth0.com`"
            } else {
                "set it to your org's own URL, such as `https://acme.my.salesforce.com`"
            };
            faults.push(Flaw::new(INSTANCE_URL, "is not set".to_owned()).hint(hint));
        }
        let login_url = self.origin(LOGIN_URL, &mut faults);
        let api_version = self.api_version(&mut faults);
        let grant = self.grant(&mut faults);
        if self.is_auth0() {
            self.fit_for_auth0(grant.as_ref(), &mut faults);
        }
        match (instance_url, grant) {
            (Some(instance_url), Some(grant)) if faults.is_empty() => {
                Ok(SignIn { instance_url, login_url, grant, api_version })
            }
            _ => Err(BadSignIn { faults }),
        }
    }

    /// Whether the org is an Auth0 tenant: `LONGSHORE_TARGET_KIND`.
    pub fn is_auth0(&self) -> bool {
        self.get(TARGET_KIND).is_some_and(|kind| kind.eq_ignore_ascii_case("auth0"))
    }

    /// A tenant takes client credentials or a ready token, and its API has no versions.
    fn fit_for_auth0(&self, grant: Option<&Grant>, faults: &mut Vec<Flaw>) {
        let variable = match grant {
            Some(Grant::JwtBearer { .. }) => Some(JWT_KEY_FILE),
            Some(Grant::Refresh { .. }) => Some(REFRESH_TOKEN),
            Some(Grant::Password { .. }) => Some(PASSWORD),
            Some(Grant::Token(_) | Grant::ClientCredentials { .. }) | None => None,
        };
        if let Some(variable) = variable {
            let what = "is set, but no Auth0 tenant is signed in to with it".to_owned();
            faults.push(Flaw::new(variable, what).hint(format!(
                "use `{CLIENT_ID}` and `{CLIENT_SECRET}` of a machine-to-machine application"
            )));
        }
        if self.get(API_VERSION).is_some() {
            let what = "is set, but the Management API of Auth0 has no versions".to_owned();
            faults.push(Flaw::new(API_VERSION, what).hint("unset it"));
        }
    }

    fn origin(&self, name: &'static str, faults: &mut Vec<Flaw>) -> Option<Url> {
        match read_origin(self.get(name)?) {
            Ok(url) => Some(url),
            Err((what, hint)) => {
                faults.push(Flaw::new(name, what).hint(hint));
                None
            }
        }
    }

    fn api_version(&self, faults: &mut Vec<Flaw>) -> Option<String> {
        let text = self.get(API_VERSION)?;
        let version = text.trim_start_matches(['v', 'V']);
        let version =
            if version.contains('.') { version.to_owned() } else { format!("{version}.0") };
        let good = version.split_once('.').is_some_and(|(major, minor)| {
            matches!(major.len(), 2 | 3)
                && major.bytes().all(|b| b.is_ascii_digit())
                && minor == "0"
        });
        if good {
            return Some(version);
        }
        faults.push(
            Flaw::new(API_VERSION, format!("`{}` is not a version", text.escape_debug()))
                .hint("write it as `62.0`, or leave it unset to have it negotiated"),
        );
        None
    }

    /// Exactly one way to sign in must be given, and completely.
    fn grant(&self, faults: &mut Vec<Flaw>) -> Option<Grant> {
        let ways = [ACCESS_TOKEN, CLIENT_SECRET, JWT_KEY_FILE, REFRESH_TOKEN, PASSWORD];
        let given: Vec<_> = ways.into_iter().filter(|name| self.get(name).is_some()).collect();
        match given.as_slice() {
            [ACCESS_TOKEN] => self.secret(ACCESS_TOKEN).map(Grant::Token),
            [CLIENT_SECRET] => Some(Grant::ClientCredentials {
                client_id: self.needed(CLIENT_ID, CLIENT_SECRET, faults)?,
                client_secret: self.secret(CLIENT_SECRET)?,
            }),
            [JWT_KEY_FILE] => self.jwt(faults),
            [REFRESH_TOKEN] | [CLIENT_SECRET, REFRESH_TOKEN] => Some(Grant::Refresh {
                client_id: self.needed(CLIENT_ID, REFRESH_TOKEN, faults)?,
                client_secret: self.secret(CLIENT_SECRET),
                refresh_token: Arc::new(Held::new(self.secret(REFRESH_TOKEN)?)),
            }),
            [PASSWORD] => Some(Grant::Password {
                username: self.needed(USERNAME, PASSWORD, faults)?,
                password: self.secret(PASSWORD)?,
            }),
            [] => {
                faults.push(
                    Flaw::new(
                        ACCESS_TOKEN,
                        "is not set, and nothing else to sign in with".to_owned(),
                    )
                    .hint(format!("set `{ACCESS_TOKEN}`"))
                    .hint(format!("or `{CLIENT_ID}` and `{CLIENT_SECRET}` (client credentials)"))
                    .hint(format!(
                        "or `{CLIENT_ID}`, `{USERNAME}` and `{JWT_KEY_FILE}` (JWT bearer)"
                    ))
                    .hint(format!("or `{CLIENT_ID}` and `{REFRESH_TOKEN}`"))
                    .hint(format!(
                        "or `{USERNAME}` and `{PASSWORD}`, where the org still has SOAP login"
                    )),
                );
                None
            }
            [first, others @ ..] => {
                let others: Vec<_> = others.iter().map(|name| format!("`{name}`")).collect();
                let what =
                    format!("is set, and so is {}: which one is meant?", others.join(" and "));
                faults.push(
                    Flaw::new(first, what).hint("keep one way to sign in and unset the others"),
                );
                None
            }
        }
    }

    fn jwt(&self, faults: &mut Vec<Flaw>) -> Option<Grant> {
        let client_id = self.needed(CLIENT_ID, JWT_KEY_FILE, faults);
        let username = self.needed(USERNAME, JWT_KEY_FILE, faults);
        let key = match read_key(Path::new(self.get(JWT_KEY_FILE)?), self) {
            Ok(key) => Some(key),
            Err(flaw) => {
                faults.push(*flaw);
                None
            }
        };
        Some(Grant::JwtBearer { client_id: client_id?, username: username?, key: key? })
    }

    fn secret(&self, name: &str) -> Option<Secret> {
        self.get(name).map(|value| Secret::new(value.to_owned()))
    }

    fn needed(&self, name: &'static str, by: &str, faults: &mut Vec<Flaw>) -> Option<String> {
        let value = self.get(name).map(str::to_owned);
        if value.is_none() {
            faults.push(Flaw::new(name, format!("is not set, but `{by}` needs it")));
        }
        value
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let secret = |(name, value)| (name, Secret::new(value));
        Self { variables: pairs.into_iter().map(secret).collect() }
    }
}

/// Names only: any value may be a secret.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.variables.keys()).finish()
    }
}

/// Everything that is wrong with the sign-in of an environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot sign in with what the environment says: {}", list(faults))]
pub struct BadSignIn {
    pub faults: Vec<Flaw>,
}

impl Explain for BadSignIn {
    fn blame(&self) -> Blame {
        Blame::Request
    }

    fn hints(&self) -> Vec<String> {
        self.faults.iter().flat_map(|fault| fault.hints.clone()).collect()
    }
}

fn list(faults: &[Flaw]) -> String {
    let lines: Vec<_> =
        faults.iter().map(|fault| format!("`{}` {}", fault.variable, fault.what)).collect();
    lines.join("; ")
}

/// What is wrong with one variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    pub variable: &'static str,
    pub what: String,
    pub hints: Vec<String>,
}

impl Flaw {
    fn new(variable: &'static str, what: String) -> Self {
        Self { variable, what, hints: Vec::new() }
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

/// Reads `https://host[:port]`; the fault and the way out otherwise.
pub(super) fn read_origin(text: &str) -> Result<Url, (String, String)> {
    let example = "write it as `https://acme.my.salesforce.com`".to_owned();
    // What is after the scheme may be a secret that stands in the wrong variable: not shown.
    let mut url =
        Url::parse(text.trim()).map_err(|error| (format!("is not a URL: {error}"), example))?;
    let host = url.host().map(|host| host.to_owned());
    let Some(host) = host.filter(|_| matches!(url.scheme(), "http" | "https")) else {
        return Err((
            format!("has the scheme `{}`", url.scheme()),
            "only `https` will do, and `http` on this machine".to_owned(),
        ));
    };
    if url.scheme() == "http" && !is_loopback(&host) {
        return Err((
            format!("is plain `http` to `{host}`, a token would travel in the clear"),
            "write `https`; `http` is for `localhost`, `127.0.0.1` and `[::1]` only".to_owned(),
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err((
            "holds a user name or password".to_owned(),
            "a URL is no place for secrets, write the host only".to_owned(),
        ));
    }
    if host.to_string().ends_with(".lightning.force.com") {
        return Err((
            format!("names `{host}`, which serves pages and no API"),
            "use the My Domain host that ends in `.my.salesforce.com`".to_owned(),
        ));
    }
    url.set_path("/");
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
    }
}

/// Reads a private key that nobody else can read, in PKCS#1 or PKCS#8 PEM.
pub(super) fn read_key(path: &Path, environment: &Environment) -> Result<Secret, Box<Flaw>> {
    use std::io::Read as _;
    let shown = path.display();
    let flaw = |what: String| Box::new(Flaw::new(JWT_KEY_FILE, what));
    let cannot =
        |error: std::io::Error| flaw(format!("names `{shown}`, which cannot be read: {error}"));
    // Asked before it is opened, because opening a pipe would wait for ever.
    if !std::fs::metadata(path).map_err(cannot)?.is_file() {
        return Err(flaw(format!("names `{shown}`, which is not a file")));
    }
    let file = std::fs::File::open(path).map_err(cannot)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = file.metadata().map_err(cannot)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let what = format!("names `{shown}`, which others may open (mode {mode:04o})");
            return Err(Box::new(
                Flaw::new(JWT_KEY_FILE, what).hint(format!("chmod 600 '{shown}'")),
            ));
        }
    }
    let mut pem = String::new();
    let read = file.take(KEY_BYTES_MAX).read_to_string(&mut pem);
    let key = Secret::new(pem);
    read.map_err(cannot)?;
    let key =
        if locked_key::is_locked(key.reveal()) { opened(&key, &shown, environment)? } else { key };
    let form = |label: &str| key.reveal().contains(&format!("-----BEGIN {label}-----"));
    let whole = jsonwebtoken::EncodingKey::from_rsa_pem(key.reveal().as_bytes()).is_ok();
    if whole && (form("PRIVATE KEY") || form("RSA PRIVATE KEY")) {
        return Ok(key);
    }
    let flaw = Flaw::new(JWT_KEY_FILE, format!("names `{shown}`, which holds no RSA private key"));
    Err(Box::new(flaw.hint(
        "a key begins with `-----BEGIN PRIVATE KEY-----` (PKCS#8) or \
        `-----BEGIN RSA PRIVATE KEY-----` (PKCS#1)",
    )))
}

/// The key in clear of one under a passphrase.
fn opened(
    key: &Secret,
    shown: &std::path::Display<'_>,
    environment: &Environment,
) -> Result<Secret, Box<Flaw>> {
    let Some(passphrase) = environment.get(JWT_KEY_PASSPHRASE) else {
        let what = format!("is not set, but the key `{shown}` is under a passphrase");
        let flaw = Flaw::new(JWT_KEY_PASSPHRASE, what);
        return Err(Box::new(
            flaw.hint("set it, or make a copy without one: `openssl pkey -in KEY -out COPY`"),
        ));
    };
    locked_key::open(key.reveal(), passphrase).map_err(|shut| {
        let flaw = Flaw::new(JWT_KEY_FILE, format!("names `{shown}`, which stays shut: {shut}"));
        Box::new(flaw.hint(format!("the passphrase is taken from `{JWT_KEY_PASSPHRASE}`")))
    })
}

#[cfg(test)]
mod tests;
