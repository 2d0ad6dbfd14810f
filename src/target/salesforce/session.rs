//! The signed-in session: every call to the org goes through here, and only here gets its token.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use serde::de::DeserializeOwned;
use url::Url;

use super::limits::Allowance;
use super::{errors, login, soap};
use crate::http::call::{Accept, Call, Repeat};
use crate::http::client::{Client, Got, Reply};
use crate::http::judge::Certainty;
use crate::http::transport::Body;
use crate::model::limits;
use crate::model::secret::Secret;
use crate::model::sign_in::SignIn;
use crate::target::{ApiUsage, Fault, FaultClass, Outcome};

/// A token and the only origin that may see it.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) secret: Secret,
    pub(super) origin: Url,
    /// Org id and user id, where the token endpoint said them.
    pub(super) identity: Option<(String, String)>,
}

/// A request of the org, before it has an origin and a token.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// Completes "cannot …" in messages.
    pub(super) doing: String,
    pub(super) method: Method,
    /// Path and query, from `/services/` on.
    pub(super) path: String,
    pub(super) body: Body,
    pub(super) content_type: Option<&'static str>,
    pub(super) repeat: Repeat,
    pub(super) accept: Accept,
    pub(super) header: Option<(HeaderName, HeaderValue)>,
    /// The call of SOAP to make, which carries the token in its body too.
    pub(super) soap: Option<String>,
}

impl Request {
    /// A read of JSON.
    pub(super) fn get(doing: impl Into<String>, path: String) -> Self {
        Self {
            doing: doing.into(),
            method: Method::GET,
            path,
            body: Body::Empty,
            content_type: None,
            repeat: Repeat::Freely,
            accept: Accept::Json,
            header: None,
            soap: None,
        }
    }

    /// Sends JSON, and expects JSON.
    pub(super) fn json(
        doing: impl Into<String>,
        method: Method,
        path: String,
        body: &serde_json::Value,
        repeat: Repeat,
    ) -> Self {
        Self {
            method,
            body: Body::Bytes(Bytes::from(body.to_string())),
            content_type: Some("application/json; charset=UTF-8"),
            repeat,
            ..Self::get(doing, path)
        }
    }
}

pub(super) struct Session {
    client: Client,
    sign_in: SignIn,
    token: RwLock<Arc<Token>>,
    renewal: tokio::sync::Mutex<()>,
    /// The tokens with which uploads were refused since the last one that succeeded.
    refused_uploads: Mutex<Vec<Arc<Token>>>,
    allowance: Allowance,
}

impl Session {
    pub(super) async fn open(client: Client, sign_in: SignIn) -> Result<Self, Fault> {
        for secret in sign_in.grant.secrets() {
            client.redactor().learn(secret);
        }
        let token = login::token(&client, &sign_in).await?;
        client.redactor().learn(&token.secret);
        Ok(Self {
            client,
            sign_in,
            token: RwLock::new(Arc::new(token)),
            renewal: tokio::sync::Mutex::default(),
            refused_uploads: Mutex::default(),
            allowance: Allowance::default(),
        })
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn sign_in(&self) -> &SignIn {
        &self.sign_in
    }

    pub(super) fn token(&self) -> Arc<Token> {
        Arc::clone(&self.token.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The host that messages name.
    pub(super) fn host(&self) -> String {
        self.token().origin.host_str().unwrap_or_default().to_owned()
    }

    pub(super) fn usage(&self) -> ApiUsage {
        let (calls, retries) = self.client.counted();
        let last = self.allowance.last();
        let (org_used, org_allowed) = (last.map(|usage| usage.0), last.map(|usage| usage.1));
        ApiUsage { calls, retries, spared: self.client.spared(), org_used, org_allowed }
    }

    /// Sends a request; a token that has ended is renewed once.
    pub(super) async fn send(&self, request: &Request) -> Outcome<Got> {
        self.send_to(request, None).await
    }

    /// Sends a request and reads its JSON.
    pub(super) async fn fetch<T: DeserializeOwned>(&self, request: &Request) -> Outcome<T> {
        let got = match self.send(request).await {
            Outcome::Done(got) => got,
            Outcome::NotDone(fault) => return Outcome::NotDone(fault),
            Outcome::Unknown(fault) => return Outcome::Unknown(fault),
        };
        match serde_json::from_slice(&got.body) {
            Ok(value) => Outcome::Done(value),
            Err(error) => {
                let (doing, host) = (&request.doing, self.host());
                let text =
                    format!("cannot {doing}: the answer of `{host}` is not as agreed: {error}");
                Outcome::Unknown(errors::nonsense(&self.client, &text))
            }
        }
    }

    /// Sends a request; with `file` the body of a success goes there.
    pub(super) async fn send_to(&self, request: &Request, file: Option<&Path>) -> Outcome<Got> {
        let token = self.token();
        let stale = match self.once(request, &token, file).await {
            Ok(Reply::Stale(got)) => got,
            Ok(reply) => {
                if request.repeat == Repeat::IfNotSent && matches!(reply, Reply::Done(_)) {
                    self.note_upload(None);
                }
                return self.outcome(request, reply);
            }
            Err(fault) => return Outcome::NotDone(fault),
        };
        if request.repeat == Repeat::IfNotSent && self.note_upload(Some(&token)) {
            return Outcome::NotDone(self.refused_again(request, &stale));
        }
        if let Err(fault) = self.renew(request, &token, &stale).await {
            return Outcome::NotDone(fault);
        }
        if request.repeat == Repeat::IfNotSent {
            let mut fault = errors::refused(&self.client, &request.doing, &self.host(), &stale);
            fault.class = FaultClass::Unavailable;
            fault.hints = vec!["the session is renewed, the next try may succeed".to_owned()];
            return Outcome::NotDone(fault);
        }
        match self.once(request, &self.token(), file).await {
            Ok(Reply::Stale(got)) => Outcome::NotDone(self.refused_again(request, &got)),
            Ok(reply) => self.outcome(request, reply),
            Err(fault) => Outcome::NotDone(fault),
        }
    }

    /// Remembers how an upload fared: that it succeeded, or the token that was refused; whether
    /// more tokens were refused, without a success between them, than chance explains.
    ///
    /// An upload is not repeated with the new token as other calls are, so it is the next ones that
    /// tell whether a new token heals.
    fn note_upload(&self, refused: Option<&Arc<Token>>) -> bool {
        let mut refusals = self.refused_uploads.lock().unwrap_or_else(PoisonError::into_inner);
        match refused {
            None => refusals.clear(),
            Some(now) if refusals.iter().any(|before| Arc::ptr_eq(before, now)) => {}
            Some(now) => refusals.push(Arc::clone(now)),
        }
        refusals.len() > limits::TOKENS_REFUSED_MAX
    }

    /// The fault of a call that a new token did not heal: no further one will.
    fn refused_again(&self, request: &Request, got: &Got) -> Fault {
        let mut fault = errors::refused(&self.client, &request.doing, &self.host(), got);
        fault.class = FaultClass::Access;
        fault.hints.push("a new token was refused, too".to_owned());
        fault
    }

    /// A path to follow from an address that the far side sent, if it stays at home.
    pub(super) fn path_of(&self, address: &str) -> Result<String, Fault> {
        let origin = &self.token().origin;
        let foreign = |host: &str| {
            let text = format!("`{}` points us to `{host}`, and we do not go there", self.host());
            errors::nonsense(&self.client, &text)
        };
        let url = origin.join(address).map_err(|_| foreign(address))?;
        let origin_of = |url: &Url| url.origin().ascii_serialization();
        if url.origin() != origin.origin() {
            return Err(foreign(&origin_of(&url)));
        }
        if !url.path().starts_with("/services/") {
            return Err(foreign(url.path()));
        }
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        Ok(format!("{}{query}", url.path()))
    }

    async fn once(
        &self,
        request: &Request,
        token: &Token,
        file: Option<&Path>,
    ) -> Result<Reply, Fault> {
        let url = token.origin.join(&request.path).map_err(|error| {
            errors::nonsense(&self.client, &format!("`{}` is no address: {error}", request.path))
        })?;
        let method = request.method.clone();
        let mut call = Call::new(method, url, Body::Empty, request.repeat, request.accept);
        if let Some(media_type) = request.content_type {
            call = call.content_type(media_type);
        }
        if let Some((name, value)) = request.header.clone() {
            call = call.header(name, value);
        }
        attach(&mut call, token)?;
        // With the token in it, and so after the check that it may go there.
        call.body = match &request.soap {
            Some(body) => {
                Body::Bytes(soap::with_session(&token.secret, body).ok_or_else(bad_token)?)
            }
            None => request.body.clone(),
        };
        let reply = match file {
            Some(path) => self.client.download(&call, path).await,
            None => self.client.call(&call).await,
        };
        if let Reply::Done(got) | Reply::Refused(got, _) = &reply {
            self.allowance.note(got);
        }
        Ok(reply)
    }

    fn outcome(&self, request: &Request, reply: Reply) -> Outcome<Got> {
        let (doing, host) = (&request.doing, self.host());
        let (fault, certainty) = match reply {
            Reply::Done(got) => return Outcome::Done(got),
            Reply::Stale(got) => {
                (errors::refused(&self.client, doing, &host, &got), Certainty::NotDone)
            }
            Reply::Refused(got, certainty) => {
                (errors::refused(&self.client, doing, &host, &got), certainty)
            }
            Reply::Failed(trouble, certainty) => {
                (errors::failed(&self.client, doing, &host, &trouble), certainty)
            }
        };
        match certainty {
            Certainty::NotDone => Outcome::NotDone(fault),
            Certainty::Unknown => Outcome::Unknown(fault),
        }
    }

    /// Gets a new token, unless another call has got one since `used` was taken.
    async fn renew(&self, request: &Request, used: &Arc<Token>, stale: &Got) -> Result<(), Fault> {
        let mut fault = errors::refused(&self.client, &request.doing, &self.host(), stale);
        fault.class = FaultClass::Access;
        if never_heals(&stale.body) {
            fault.hints = vec![
                "this user or app may not use the API; a new token changes nothing".to_owned(),
            ];
            return Err(fault);
        }
        let _turn = self.renewal.lock().await;
        if !Arc::ptr_eq(used, &self.token()) {
            return Ok(());
        }
        if !login::can_renew(&self.sign_in) {
            fault.hints = vec![
                "the access token has ended and cannot be renewed; set a new one".to_owned(),
                "client credentials, a JWT key or a refresh token renew themselves".to_owned(),
            ];
            return Err(fault);
        }
        let token = login::token(&self.client, &self.sign_in).await?;
        self.client.redactor().learn(&token.secret);
        *self.token.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(token);
        Ok(())
    }
}

/// Adds the token to a call: the only place that does, and only for the origin it was issued for.
fn attach(call: &mut Call, token: &Token) -> Result<(), Fault> {
    let wrong = |what: String| Fault {
        class: FaultClass::Protocol,
        status: None,
        code: "FOREIGN_ORIGIN".to_owned(),
        message: what,
        hints: Vec::new(),
    };
    if call.url.origin() != token.origin.origin() {
        return Err(wrong(format!(
            "refused to send the token of `{}` to `{}`",
            token.origin.origin().ascii_serialization(),
            call.url.origin().ascii_serialization()
        )));
    }
    let mut value = HeaderValue::try_from(format!("Bearer {}", token.secret.reveal()))
        .map_err(|_| bad_token())?;
    value.set_sensitive(true);
    call.headers.insert(http::header::AUTHORIZATION, value);
    Ok(())
}

fn bad_token() -> Fault {
    Fault {
        class: FaultClass::Protocol,
        status: None,
        code: "FOREIGN_ORIGIN".to_owned(),
        message: "the access token holds characters that no token has".to_owned(),
        hints: Vec::new(),
    }
}

/// 401s that a new token does not cure. Source: jsforce does not refresh on these either.
fn never_heals(body: &[u8]) -> bool {
    [
        "This session is not valid for use with the REST API",
        "Connected app is not attached to Agent",
    ]
    .iter()
    .any(|text| memchr::memmem::find(body, text.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_attached_for_its_own_origin_only() {
        let token = Token {
            secret: Secret::new("00Dx!canary".to_owned()),
            origin: Url::parse("https://acme.my.salesforce.com").unwrap(),
            identity: None,
        };
        for (address, allowed) in [
            ("https://acme.my.salesforce.com/services/data", true),
            ("https://ACME.my.salesforce.com:443/services/data", true),
            ("https://acme.my.salesforce.com:8443/services/data", false),
            ("http://acme.my.salesforce.com/services/data", false),
            ("https://evil.my.salesforce.com/services/data", false),
            ("https://acme.my.salesforce.com.evil.example/", false),
            ("https://acme.my.salesforce.com@evil.example/", false),
        ] {
            let mut call = Call::get(Url::parse(address).unwrap(), Accept::Json);
            let attached = attach(&mut call, &token);
            assert_eq!(attached.is_ok(), allowed, "{address}");
            assert_eq!(call.headers.contains_key("authorization"), allowed, "{address}");
            let shown = format!("{attached:?} {call:?} {token:?}");
            assert!(!shown.contains("canary"), "{shown}");
        }
    }
}
