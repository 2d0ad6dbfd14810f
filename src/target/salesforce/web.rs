//! Signing in with a browser: authorization code with PKCE, and an address of this machine that the
//! browser is sent back to.
//!
//! The state ties what comes back to this very sign-in, the verifier ties the code to this very
//! process; neither is used twice. Source: reference page on Salesforce, 1.2; RFC 7636 and RFC
//! 8252.

use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use url::Url;

use super::errors::Said;
use super::{errors, login, refusals};
use crate::http::call::Repeat;
use crate::http::client::Client;
use crate::model::secret::Secret;
use crate::model::sign_in::{Grant, Held, SignIn};
use crate::target::{Fault, FaultClass};

/// Path of the address that the browser comes back to. Source: Data Loader's.
pub const CALLBACK_PATH: &str = "/OauthRedirect";

/// What the app is asked for; never `full` or `web`.
const SCOPES: &str = "api refresh_token";

/// Random bytes of a verifier and of a state. Source: RFC 7636, 4.1.
const RANDOM_BYTES: usize = 32;

/// A sign-in that waits for its browser.
#[derive(Debug)]
pub struct WebLogin {
    client_id: String,
    client_secret: Option<Secret>,
    /// Where the browser signs in.
    login: Url,
    /// Where it comes back to.
    callback: Url,
    verifier: Secret,
    state: Secret,
}

/// What came back from the browser.
#[derive(Debug)]
pub enum Answered {
    /// It belongs to another sign-in, or to none.
    Foreign,
    /// To be traded for tokens.
    Code(Secret),
    Refused(Fault),
}

/// What the code was traded for.
#[derive(Debug)]
pub struct Traded {
    pub access_token: Secret,
    /// There is none unless the app has the scope.
    pub refresh_token: Option<Secret>,
    /// The org's own address.
    pub instance_url: Url,
}

impl WebLogin {
    /// Begins a sign-in at `login` whose browser comes back to `port` of this machine.
    pub fn begin(
        login: Url,
        client_id: String,
        client_secret: Option<Secret>,
        port: u16,
    ) -> Result<Self, Fault> {
        let callback = format!("http://localhost:{port}{CALLBACK_PATH}");
        let callback =
            Url::parse(&callback).map_err(|error| broken(&format!("`{callback}`: {error}")))?;
        let (verifier, state) = (random()?, random()?);
        Ok(Self { client_id, client_secret, login, callback, verifier, state })
    }

    /// Where the browser comes back to; the app must know it, letter by letter.
    pub fn callback(&self) -> &Url {
        &self.callback
    }

    /// Where the browser begins. It holds no secret but the state, which is good for this sign-in.
    pub fn address(&self) -> Url {
        let mut address = self.login.clone();
        address.set_path("/services/oauth2/authorize");
        let digest = digest::digest(&digest::SHA256, self.verifier.reveal().as_bytes());
        address
            .query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", self.callback.as_str())
            .append_pair("scope", SCOPES)
            .append_pair("state", self.state.reveal())
            .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(digest.as_ref()))
            .append_pair("code_challenge_method", "S256");
        address
    }

    /// Reads the query that the browser came back with.
    pub fn read(&self, query: &str) -> Answered {
        let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).collect();
        let get = |name: &str| {
            let mut all = pairs.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
            // Given twice, nobody knows which one is meant.
            all.next().filter(|_| all.next().is_none()).map(AsRef::<str>::as_ref)
        };
        let same = get("state").is_some_and(|state| is_same(state, self.state.reveal()));
        if !same {
            return Answered::Foreign;
        }
        if let Some(error) = get("error") {
            let description = get("error_description").unwrap_or("it says no more");
            return Answered::Refused(self.refused(error, description));
        }
        match get("code").filter(|code| !code.is_empty()) {
            Some(code) => Answered::Code(Secret::new(code.to_owned())),
            None => Answered::Foreign,
        }
    }

    fn refused(&self, code: &str, description: &str) -> Fault {
        let said = Said { code: errors::shown(code), message: errors::shown(description) };
        let host = self.login.host_str().unwrap_or_default();
        let mut fault = Fault {
            class: FaultClass::Access,
            status: None,
            message: format!(
                "cannot sign in (browser): `{host}` says: {} (`{}`)",
                said.message, said.code
            ),
            code: said.code.clone(),
            hints: Vec::new(),
        };
        refusals::explain(&mut fault, &said, &self.grant());
        fault
    }

    /// Trades the code for tokens. It is good once, so this is never repeated unless it is certain
    /// that it was not done.
    pub async fn trade(&self, client: &Client, code: &Secret) -> Result<Traded, Fault> {
        for secret in [code, &self.verifier].into_iter().chain(&self.client_secret) {
            client.redactor().learn(secret);
        }
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code.reveal())
            .append_pair("client_id", &self.client_id)
            .append_pair("redirect_uri", self.callback.as_str())
            .append_pair("code_verifier", self.verifier.reveal());
        if let Some(secret) = &self.client_secret {
            form.append_pair("client_secret", secret.reveal());
        }
        let sign_in = SignIn {
            instance_url: self.login.clone(),
            login_url: None,
            grant: self.grant(),
            api_version: None,
        };
        let form = Bytes::from(form.finish());
        let issued =
            login::ask(client, &sign_in, "sign in (browser)", form, Repeat::IfNotDone).await?;
        let instance_url = issued.origin(client, &sign_in)?;
        Ok(Traded {
            access_token: issued.access_token,
            refresh_token: issued.refresh_token,
            instance_url,
        })
    }

    /// The right that comes of it.
    fn grant(&self) -> Grant {
        Grant::Refresh {
            client_id: self.client_id.clone(),
            client_secret: self.client_secret.clone(),
            refresh_token: std::sync::Arc::new(Held::new(Secret::new(String::new()))),
        }
    }
}

/// As long for one wrong text as for another.
fn is_same(one: &str, other: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

/// A text that nobody can guess.
fn random() -> Result<Secret, Fault> {
    let mut bytes = [0; RANDOM_BYTES];
    rand::fill(&mut bytes).map_err(|_| broken("this machine gives no random numbers"))?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

fn broken(what: &str) -> Fault {
    Fault {
        class: FaultClass::Protocol,
        status: None,
        code: "NO_WEB_LOGIN".to_owned(),
        message: format!("cannot begin a sign-in with the browser: {what}"),
        hints: Vec::new(),
    }
}
