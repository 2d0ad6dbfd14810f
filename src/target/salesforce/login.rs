//! Getting an access token, and checking where it may be used.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use tokio::time::Instant;
use url::{Host, Url};

use super::errors::{self, Said};
use super::refusals;
use super::session::Token;
use super::soap;
use crate::http::call::{Accept, Call, Repeat};
use crate::http::client::{Client, Reply};
use crate::http::transport::Body;
use crate::model::limits;
use crate::model::secret::Secret;
use crate::model::sign_in::{Grant, NotKept, RefreshKeeper, RefreshTurn, SignIn};
use crate::target::{Fault, FaultClass};

/// Seconds that a JWT assertion is good for.
const ASSERTION_S: i64 = 180;

/// Hosts that an `instance_url` may name without having been configured: Salesforce's own.
const HOSTS_ALLOWED: [&str; 4] =
    [".salesforce.com", ".salesforce.mil", ".force.com", ".sfcrmproducts.cn"];

/// Gets a token by the given right.
///
/// The request goes to the login origin and nowhere else; the answer's `instance_url` must be one
/// of Salesforce's own hosts, the configured one, or below it. A refresh token that comes along is
/// kept before anything else is made of the answer. Source: OAuth 2.0 token endpoint,
/// `POST {login}/services/oauth2/token`, form-encoded.
pub(super) async fn token(client: &Client, sign_in: &SignIn) -> Result<Token, Fault> {
    if let Grant::Token(secret) = &sign_in.grant {
        let secret = Secret::new(secret.reveal().trim().to_owned());
        return Ok(Token { secret, origin: sign_in.instance_url.clone(), identity: None });
    }
    if let Grant::Password { username, password } = &sign_in.grant {
        return soap::login::token(client, sign_in, (username, password)).await;
    }
    let mut turn = match &sign_in.grant {
        Grant::Refresh { refresh_token, .. } => Some(turn(client, refresh_token.as_ref()).await?),
        _ => None,
    };
    let refresh_token = turn.as_ref().map(|turn| turn.token());
    let doing = format!("sign in ({})", sign_in.grant.word());
    let form = form(client, sign_in, refresh_token.as_ref())?;
    // A lost answer costs a session that nobody uses, so this may be repeated.
    let issued = ask(client, sign_in, &doing, form, Repeat::Freely).await?;
    if let (Some(new), Some(turn)) = (&issued.refresh_token, &mut turn)
        && refresh_token.is_none_or(|old| old != *new)
    {
        turn.replace(new).map_err(|error| not_kept(client, &error))?;
    }
    drop(turn);
    let origin = issued.origin(client, sign_in)?;
    Ok(Token { secret: issued.access_token, origin, identity: issued.identity })
}

/// The right to use the refresh token; others may have it for as long as a sign-in takes.
async fn turn(client: &Client, keeper: &dyn RefreshKeeper) -> Result<Box<dyn RefreshTurn>, Fault> {
    let end = Instant::now() + Duration::from_secs(limits::REFRESH_TURN_S);
    loop {
        if let Some(turn) = keeper.take().map_err(|error| not_kept(client, &error))? {
            client.redactor().learn(&turn.token());
            return Ok(turn);
        }
        if Instant::now() >= end {
            let message = format!(
                "cannot sign in (refresh token): another process has been using the refresh token \
                 of this org for {} s",
                limits::REFRESH_TURN_S
            );
            return Err(Fault {
                class: FaultClass::Unavailable,
                status: None,
                code: "TOKEN_IN_USE".to_owned(),
                message,
                hints: vec!["go on when that process has ended".to_owned()],
            });
        }
        tokio::time::sleep(Duration::from_millis(limits::REFRESH_TURN_POLL_MS)).await;
    }
}

fn not_kept(client: &Client, error: &NotKept) -> Fault {
    let message = format!("cannot keep the refresh token: {error}");
    Fault {
        class: FaultClass::Disk,
        status: None,
        code: "TOKEN_NOT_KEPT".to_owned(),
        message: client.redactor().clean(&message).into_owned(),
        hints: vec![
            "mend that; if the org then says that the token has expired, sign in again with \
             `longshore org login`"
                .to_owned(),
        ],
    }
}

/// What the token endpoint gives. No part of it is shown.
pub(super) struct Issued {
    pub(super) access_token: Secret,
    pub(super) refresh_token: Option<Secret>,
    instance_url: Option<String>,
    identity: Option<(String, String)>,
}

impl Issued {
    /// Where the token may be used.
    pub(super) fn origin(&self, client: &Client, sign_in: &SignIn) -> Result<Url, Fault> {
        match &self.instance_url {
            Some(text) => {
                instance(text, sign_in).map_err(|reason| untrusted(client, text, &reason))
            }
            None => Ok(sign_in.instance_url.clone()),
        }
    }
}

/// Sends a form to the token endpoint; what comes back is known to the redactor.
pub(super) async fn ask(
    client: &Client,
    sign_in: &SignIn,
    doing: &str,
    form: Bytes,
    repeat: Repeat,
) -> Result<Issued, Fault> {
    let login = sign_in.login_origin();
    let host = login.host_str().unwrap_or_default();
    let url = login.join("/services/oauth2/token").map_err(|error| {
        errors::nonsense(client, &format!("`{host}` cannot be asked for a token: {error}"))
    })?;
    let call = Call::new(Method::POST, url, Body::Bytes(form), repeat, Accept::Json)
        .content_type("application/x-www-form-urlencoded");
    let got = match client.call(&call).await {
        Reply::Done(got) => got,
        Reply::Stale(got) | Reply::Refused(got, _) => {
            let mut fault = errors::refused(client, doing, host, &got);
            refusals::explain(&mut fault, &Said::read(got.status, &got.body), &sign_in.grant);
            return Err(fault);
        }
        Reply::Failed(trouble, _) => return Err(errors::failed(client, doing, host, &trouble)),
    };
    let answer: Answer = serde_json::from_slice(&got.body).map_err(|_| {
        // What serde says could quote the token.
        errors::nonsense(client, &format!("cannot {doing}: the answer of `{host}` holds no token"))
    })?;
    let access_token = Secret::new(answer.access_token);
    client.redactor().learn(&access_token);
    let refresh_token = answer.refresh_token.filter(|text| !text.is_empty()).map(Secret::new);
    if let Some(token) = &refresh_token {
        client.redactor().learn(token);
    }
    Ok(Issued {
        access_token,
        refresh_token,
        instance_url: answer.instance_url,
        identity: answer.id.as_deref().and_then(identity),
    })
}

/// Whether a new token can be had.
pub(super) fn can_renew(sign_in: &SignIn) -> bool {
    !matches!(sign_in.grant, Grant::Token(_))
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    refresh_token: Option<String>,
    instance_url: Option<String>,
    id: Option<String>,
}

#[derive(serde::Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: String,
    exp: i64,
}

fn form(client: &Client, sign_in: &SignIn, refresh_token: Option<&Secret>) -> Result<Bytes, Fault> {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    match &sign_in.grant {
        // Handled by the caller: there is nothing to ask the token endpoint for.
        Grant::Token(_) | Grant::Password { .. } => {}
        Grant::ClientCredentials { client_id, client_secret } => {
            form.append_pair("grant_type", "client_credentials")
                .append_pair("client_id", client_id)
                .append_pair("client_secret", client_secret.reveal());
        }
        Grant::Refresh { client_id, client_secret, .. } => {
            form.append_pair("grant_type", "refresh_token")
                .append_pair("client_id", client_id)
                .append_pair("refresh_token", refresh_token.map_or("", Secret::reveal));
            if let Some(secret) = client_secret {
                form.append_pair("client_secret", secret.reveal());
            }
        }
        Grant::JwtBearer { client_id, username, key } => {
            let exp = client.now().as_second() + ASSERTION_S;
            let claims = Claims {
                iss: client_id,
                sub: username,
                aud: audience(sign_in.login_origin()),
                exp,
            };
            let assertion = assertion(&claims, key).map_err(|error| Fault {
                class: FaultClass::Access,
                status: None,
                code: "BAD_KEY".to_owned(),
                message: format!("cannot sign the sign-in with the JWT key: {error}"),
                hints: vec!["the key must be an RSA private key in PEM".to_owned()],
            })?;
            client.redactor().learn(&assertion);
            form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")
                .append_pair("assertion", assertion.reveal());
        }
    }
    Ok(Bytes::from(form.finish()))
}

fn assertion(claims: &Claims<'_>, key: &Secret) -> Result<Secret, jsonwebtoken::errors::Error> {
    let key = jsonwebtoken::EncodingKey::from_rsa_pem(key.reveal().as_bytes())?;
    let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
    jsonwebtoken::encode(&header, claims, &key).map(Secret::new)
}

/// Who the assertion is meant for. Source: the documents allow the two login hosts and Experience
/// sites; for a My Domain host the login host of its kind is the documented one.
fn audience(login: &Url) -> String {
    let host = login.host_str().unwrap_or_default();
    let sandbox = [".sandbox.my.salesforce.com", ".scratch.my.salesforce.com"];
    if sandbox.iter().any(|end| host.ends_with(end)) {
        "https://test.salesforce.com".to_owned()
    } else if host.ends_with(".my.salesforce.com") {
        "https://login.salesforce.com".to_owned()
    } else {
        login.origin().ascii_serialization()
    }
}

/// The origin of an `instance_url`, or why it is not to be trusted.
pub(super) fn instance(text: &str, sign_in: &SignIn) -> Result<Url, String> {
    let mut url = Url::parse(text).map_err(|error| error.to_string())?;
    let configured = &sign_in.instance_url;
    url.set_path("/");
    url.set_query(None);
    url.set_fragment(None);
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user name".to_owned());
    }
    if [configured, sign_in.login_origin()].iter().any(|known| known.origin() == url.origin()) {
        return Ok(url);
    }
    let Some(Host::Domain(host)) = url.host() else {
        return Err("it is not the configured host".to_owned());
    };
    let below = |known: &Url| {
        matches!(known.host(), Some(Host::Domain(known)) if known.contains('.')
            && host.strip_suffix(known).is_some_and(|rest| rest.ends_with('.')))
    };
    let ours = HOSTS_ALLOWED.iter().any(|end| host.ends_with(end))
        || below(configured)
        || below(sign_in.login_origin());
    match (url.scheme(), url.port(), ours) {
        ("https", None, true) => Ok(url),
        ("https", _, true) => Err("its port is not the usual one".to_owned()),
        ("https", ..) => Err("it is neither the configured host nor one of Salesforce".to_owned()),
        _ => Err("it is not `https`".to_owned()),
    }
}

pub(super) fn untrusted(client: &Client, text: &str, reason: &str) -> Fault {
    let message = format!("the sign-in points us to `{}`, but {reason}", errors::shown(text));
    Fault {
        class: FaultClass::Access,
        status: None,
        code: "FOREIGN_ORIGIN".to_owned(),
        message: client.redactor().clean(&message).into_owned(),
        hints: vec![
            "no token was sent there; if the host is right, set `LONGSHORE_INSTANCE_URL` to it"
                .to_owned(),
        ],
    }
}

/// Org id and user id of `{host}/id/{org}/{user}`.
fn identity(address: &str) -> Option<(String, String)> {
    let mut parts = address.rsplit('/');
    let (user, org) = (parts.next()?, parts.next()?);
    let is_id = |id: &str| crate::model::ids::RecordId::parse(id.as_bytes()).is_ok();
    (is_id(user) && is_id(org)).then(|| (org.to_owned(), user.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign_in(instance: &str, login: Option<&str>) -> SignIn {
        SignIn {
            instance_url: Url::parse(instance).unwrap(),
            login_url: login.map(|url| Url::parse(url).unwrap()),
            grant: Grant::Token(Secret::new("t".to_owned())),
            api_version: None,
        }
    }

    #[test]
    fn where_a_token_may_be_used() {
        let acme = sign_in("https://acme.my.salesforce.com", None);
        let local = sign_in("http://127.0.0.1:8080", None);
        let own = sign_in("https://sf.acme.example", Some("https://login.acme.example"));
        for (given, sign_in, allowed) in [
            ("https://acme.my.salesforce.com", &acme, true),
            ("https://acme--new.my.salesforce.com/", &acme, true),
            ("https://na1.salesforce.com", &acme, true),
            ("https://acme.my.salesforce.com:8443", &acme, false),
            ("http://acme.my.salesforce.com", &acme, false),
            ("https://evil.example", &acme, false),
            ("https://salesforce.com.evil.example", &acme, false),
            ("https://evilsalesforce.com", &acme, false),
            ("https://jo@na1.salesforce.com", &acme, false),
            ("https://10.0.0.1", &acme, false),
            ("nonsense", &acme, false),
            ("http://127.0.0.1:8080", &local, true),
            ("http://127.0.0.1:8081", &local, false),
            ("http://localhost:8080", &local, false),
            ("https://eu.sf.acme.example", &own, true),
            ("https://login.acme.example", &own, true),
            ("https://acme.example", &own, false),
            ("https://evil-sf.acme.example", &own, false),
        ] {
            assert_eq!(instance(given, sign_in).is_ok(), allowed, "{given}");
        }
    }

    #[test]
    fn audiences() {
        for (login, aud) in [
            ("https://login.salesforce.com", "https://login.salesforce.com"),
            ("https://test.salesforce.com", "https://test.salesforce.com"),
            ("https://acme.my.salesforce.com", "https://login.salesforce.com"),
            ("https://acme--dev.sandbox.my.salesforce.com", "https://test.salesforce.com"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ] {
            assert_eq!(audience(&Url::parse(login).unwrap()), aud);
        }
    }
}
