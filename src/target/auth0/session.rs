//! The signed-in session: every call to the tenant goes through here, and only here gets its token.

use std::fmt::Write as _;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use http::{HeaderValue, Method};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::errors;
use super::login::{self, LEEWAY, Token};
use crate::http::call::{Accept, Call, Repeat};
use crate::http::client::{Client, Got, Reply};
use crate::http::transport::Body;
use crate::model::sign_in::SignIn;
use crate::target::trouble::{failed, nonsense};
use crate::target::{ApiUsage, Fault, FaultClass};

/// Records of a page. Source: the most that the service gives.
const PAGE: usize = 100;

/// Records after which pages by number end. Source: reference page on Auth0, fact 8.
pub(super) const PAGES_END: usize = 1_000;

/// Code of the fault of an id that cannot stand in an address.
pub(super) const BAD_SEGMENT: &str = "BAD_ID";

pub(super) struct Session {
    client: Client,
    sign_in: SignIn,
    token: RwLock<Arc<Token>>,
    renewal: tokio::sync::Mutex<()>,
}

/// A path below `/api/v2` whose every part is encoded, so that no id can shorten or change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiPath(String);

impl ApiPath {
    /// Refuses a part that is blank, `.` or `..`: `DELETE users/` + nothing is a collection.
    pub(super) fn of(parts: &[&str]) -> Result<Self, Fault> {
        let mut path = "/api/v2".to_owned();
        for part in parts {
            if part.trim().is_empty() || matches!(*part, "." | "..") {
                return Err(bad_segment(part));
            }
            path.push('/');
            push_encoded(&mut path, part);
        }
        Ok(Self(path))
    }

    #[cfg(test)]
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Adds a question.
    #[must_use]
    pub(super) fn with(mut self, pairs: &[(&str, &str)]) -> Self {
        for (at, (name, value)) in pairs.iter().enumerate() {
            self.0.push(if at == 0 && !self.0.contains('?') { '?' } else { '&' });
            self.0.push_str(name);
            self.0.push('=');
            push_encoded(&mut self.0, value);
        }
        self
    }
}

/// RFC 3986, 2.3: all but the unreserved characters.
fn push_encoded(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
}

fn bad_segment(part: &str) -> Fault {
    let shown = crate::model::wording::shown(part.as_bytes());
    Fault {
        class: FaultClass::Refused,
        status: None,
        code: BAD_SEGMENT.to_owned(),
        message: format!("`{shown}` is no id"),
        hints: Vec::new(),
    }
}

/// All records of a list, as far as the service would give them.
pub(super) struct Listed<T> {
    pub(super) records: Vec<T>,
    /// `false` when there are more behind the last page that may be asked for.
    pub(super) whole: bool,
}

impl Session {
    pub(super) async fn open(client: Client, sign_in: SignIn) -> Result<Self, Fault> {
        for secret in sign_in.grant.secrets() {
            client.redactor().learn(secret);
        }
        let token = login::token(&client, &sign_in).await?;
        client.redactor().learn(&token.secret);
        let token = RwLock::new(Arc::new(token));
        Ok(Self { client, sign_in, token, renewal: tokio::sync::Mutex::default() })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn token(&self) -> Arc<Token> {
        Arc::clone(&self.token.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn origin(&self) -> &Url {
        &self.sign_in.instance_url
    }

    /// The host that messages name.
    pub(super) fn host(&self) -> &str {
        self.origin().host_str().unwrap_or_default()
    }

    pub(super) fn usage(&self) -> ApiUsage {
        let (calls, retries) = self.client.counted();
        let spared = self.client.spared();
        ApiUsage { calls, retries, spared, org_used: None, org_allowed: None }
    }

    /// Refuses, with their names, when the token lacks scopes; a token that does not tell its
    /// scopes passes.
    pub(super) fn needs(&self, scopes: &[&str]) -> Result<(), Fault> {
        let token = self.token();
        let Some(has) = &token.scopes else { return Ok(()) };
        let missing: Vec<String> = scopes
            .iter()
            .filter(|scope| !has.iter().any(|held| held == *scope))
            .map(|scope| format!("`{scope}`"))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let plural = if missing.len() == 1 { "scope" } else { "scopes" };
        Err(Fault {
            class: FaultClass::Access,
            status: None,
            code: "MISSING_SCOPES".to_owned(),
            message: format!(
                "the application lacks the {plural} {} of the Management API of `{}`",
                missing.join(", "),
                self.host()
            ),
            hints: vec![
                "grant them under Applications > APIs > Auth0 Management API > Machine to Machine \
                 Applications; a new sign-in has them"
                    .to_owned(),
            ],
        })
    }

    /// A read of JSON.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        doing: &str,
        path: &ApiPath,
    ) -> Result<T, Fault> {
        let got = self.send(doing, &Method::GET, path, None, Accept::Json).await?;
        serde_json::from_slice(&got.body).map_err(|error| self.not_as_agreed(doing, &error))
    }

    /// Asks for something to be made that does no harm when it is made twice.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        doing: &str,
        path: &ApiPath,
        body: &Value,
    ) -> Result<T, Fault> {
        let got = self.send(doing, &Method::POST, path, Some(body), Accept::Json).await?;
        serde_json::from_slice(&got.body).map_err(|error| self.not_as_agreed(doing, &error))
    }

    /// A write that a second time changes nothing: the far side holds sets.
    pub(super) async fn put_set(
        &self,
        doing: &str,
        method: &Method,
        path: &ApiPath,
        body: &Value,
    ) -> Result<(), Fault> {
        self.send(doing, method, path, Some(body), Accept::Anything).await.map(drop)
    }

    /// All pages of a list; `member` is its name in the answer with totals.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        doing: &str,
        path: &ApiPath,
        member: &str,
    ) -> Result<Listed<T>, Fault> {
        let mut records = Vec::new();
        loop {
            let (page, size) = ((records.len() / PAGE).to_string(), PAGE.to_string());
            let question =
                [("page", page.as_str()), ("per_page", &size), ("include_totals", "true")];
            let mut answer: Value = self.get(doing, &path.clone().with(&question)).await?;
            let total = answer.get("total").and_then(Value::as_u64);
            let list = match &mut answer {
                Value::Object(object) => object.remove(member).unwrap_or_default(),
                other => other.take(),
            };
            let page: Vec<T> =
                serde_json::from_value(list).map_err(|error| self.not_as_agreed(doing, &error))?;
            let got = page.len();
            records.extend(page);
            let all = total.is_some_and(|total| records.len() as u64 >= total);
            if all || got < PAGE {
                return Ok(Listed { records, whole: true });
            }
            if records.len() >= PAGES_END {
                let whole = total.is_some_and(|total| total <= records.len() as u64);
                return Ok(Listed { records, whole });
            }
        }
    }

    async fn send(
        &self,
        doing: &str,
        method: &Method,
        path: &ApiPath,
        body: Option<&Value>,
        accept: Accept,
    ) -> Result<Got, Fault> {
        let token = self.fresh().await?;
        let stale = match self.once(&token, method, path, body, accept).await? {
            Reply::Stale(got) => got,
            reply => return self.got(doing, reply),
        };
        if !login::can_renew(&self.sign_in) {
            let mut fault = errors::refused(&self.client, doing, self.host(), &stale);
            fault.hints = vec![
                "the access token has ended or is for another audience; set a new one".to_owned(),
                "client id and secret renew themselves".to_owned(),
            ];
            return Err(fault);
        }
        self.renew(&token).await?;
        let reply = self.once(&self.token(), method, path, body, accept).await?;
        self.got(doing, reply)
    }

    async fn once(
        &self,
        token: &Token,
        method: &Method,
        path: &ApiPath,
        body: Option<&Value>,
        accept: Accept,
    ) -> Result<Reply, Fault> {
        let url = self.origin().join(&path.0).map_err(|error| {
            nonsense(&self.client, &format!("`{}` is no address: {error}", path.0))
        })?;
        let bytes = body.map_or(Body::Empty, |body| Body::Bytes(Bytes::from(body.to_string())));
        let mut call = Call::new(method.clone(), url, bytes, Repeat::Freely, accept);
        if body.is_some() {
            call = call.content_type("application/json");
        }
        self.attach(&mut call, token)?;
        Ok(self.client.call(&call).await)
    }

    /// Adds the token to a call: the only place that does, and only for the tenant's origin.
    fn attach(&self, call: &mut Call, token: &Token) -> Result<(), Fault> {
        let wrong = |text: &str| nonsense(&self.client, text);
        if call.url.origin() != self.origin().origin() {
            return Err(wrong("refused to send the token to another host than the tenant's"));
        }
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.secret.reveal()))
            .map_err(|_| wrong("the access token holds characters that no token has"))?;
        value.set_sensitive(true);
        call.headers.insert(http::header::AUTHORIZATION, value);
        Ok(())
    }

    fn got(&self, doing: &str, reply: Reply) -> Result<Got, Fault> {
        match reply {
            Reply::Done(got) => Ok(got),
            Reply::Stale(got) | Reply::Refused(got, _) => {
                Err(errors::refused(&self.client, doing, self.host(), &got))
            }
            Reply::Failed(trouble, _) => Err(failed(&self.client, doing, self.host(), &trouble)),
        }
    }

    /// A token that lasts some time yet.
    async fn fresh(&self) -> Result<Arc<Token>, Fault> {
        let token = self.token();
        let ends = token.ends.filter(|_| login::can_renew(&self.sign_in));
        if ends.is_some_and(|ends| ends.duration_since(self.client.now()) <= LEEWAY) {
            self.renew(&token).await?;
        }
        Ok(self.token())
    }

    /// Gets a new token, unless another call has got one since `used` was taken.
    async fn renew(&self, used: &Arc<Token>) -> Result<(), Fault> {
        let _turn = self.renewal.lock().await;
        if !Arc::ptr_eq(used, &self.token()) {
            return Ok(());
        }
        let token = login::token(&self.client, &self.sign_in).await?;
        self.client.redactor().learn(&token.secret);
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(token);
        Ok(())
    }

    fn not_as_agreed(&self, doing: &str, error: &serde_json::Error) -> Fault {
        let host = self.host();
        nonsense(
            &self.client,
            &format!("cannot {doing}: the answer of `{host}` is not as agreed: {error}"),
        )
    }
}
