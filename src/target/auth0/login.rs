//! Getting an access token for the Management API.

use base64::Engine as _;
use bytes::Bytes;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::errors::{self, Said};
use super::wire::{Claims, Issued};
use crate::http::call::{Accept, Call, Repeat};
use crate::http::client::{Client, Reply};
use crate::http::transport::Body;
use crate::model::secret::Secret;
use crate::model::sign_in::{Grant, SignIn};
use crate::target::trouble::{failed, nonsense};
use crate::target::{Fault, FaultClass};

/// How much earlier than its end a token is renewed. Source: the official clients' leeway.
pub(super) const LEEWAY: SignedDuration = SignedDuration::from_secs(10);

/// A token and what is known of it.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) secret: Secret,
    pub(super) ends: Option<Timestamp>,
    /// `None` when neither the token nor its issuer says.
    pub(super) scopes: Option<Vec<String>>,
    /// The application, or whoever the token is for.
    pub(super) bearer: Option<String>,
}

/// Gets a token by the given right: client credentials with the audience of the Management API,
/// or a ready token.
///
/// Source: `POST {tenant}/oauth/token`, form-encoded; the audience is the tenant's own address with
/// `/api/v2/` at its end, the last slash included (reference page on Auth0, 1.1).
pub(super) async fn token(client: &Client, sign_in: &SignIn) -> Result<Token, Fault> {
    let (client_id, client_secret) = match &sign_in.grant {
        Grant::Token(secret) => {
            let secret = Secret::new(secret.reveal().trim().to_owned());
            return Ok(read_token(secret, None, None));
        }
        Grant::ClientCredentials { client_id, client_secret } => (client_id, client_secret),
        other => return Err(no_such_grant(other)),
    };
    let login = sign_in.login_origin();
    let host = login.host_str().unwrap_or_default();
    let doing = "sign in (client credentials)";
    let url = address(client, login, "/oauth/token")?;
    let audience = address(client, &sign_in.instance_url, "/api/v2/")?;
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "client_credentials")
        .append_pair("client_id", client_id)
        .append_pair("client_secret", client_secret.reveal())
        .append_pair("audience", audience.as_str())
        .finish();
    // A lost answer costs a token that nobody uses, so this may be repeated.
    let call =
        Call::new(Method::POST, url, Body::Bytes(Bytes::from(form)), Repeat::Freely, Accept::Json)
            .content_type("application/x-www-form-urlencoded");
    let got = match client.call(&call).await {
        Reply::Done(got) => got,
        Reply::Stale(got) | Reply::Refused(got, _) => {
            let mut fault = errors::refused(client, doing, host, &got);
            explain(&mut fault, &Said::read(got.status, &got.body));
            return Err(fault);
        }
        Reply::Failed(trouble, _) => return Err(failed(client, doing, host, &trouble)),
    };
    let issued: Issued = serde_json::from_slice(&got.body).map_err(|_| {
        // What serde says could quote the token.
        nonsense(client, &format!("cannot {doing}: the answer of `{host}` holds no token"))
    })?;
    let secret = Secret::new(issued.access_token);
    client.redactor().learn(&secret);
    let ends = issued
        .expires_in
        .and_then(|seconds| client.now().checked_add(SignedDuration::from_secs(seconds)).ok());
    let mut token = read_token(secret, ends, issued.scope.as_deref());
    token.bearer = Some(client_id.clone());
    Ok(token)
}

/// Whether a new token can be had.
pub(super) fn can_renew(sign_in: &SignIn) -> bool {
    matches!(sign_in.grant, Grant::ClientCredentials { .. })
}

/// What the issuer said of a token counts before what it says of itself.
fn read_token(secret: Secret, ends: Option<Timestamp>, scope: Option<&str>) -> Token {
    let claims = claims(secret.reveal());
    let own = claims.as_ref().and_then(|claims| claims.scope.as_deref());
    let scopes = scope.or(own).map(|scope| scope.split_whitespace().map(str::to_owned).collect());
    let end = claims.as_ref().and_then(|claims| Timestamp::from_second(claims.exp?).ok());
    let bearer = claims.and_then(|claims| claims.azp.or(claims.sub));
    Token { secret, ends: ends.or(end), scopes, bearer }
}

/// The middle of a JWT; `None` for any other token.
fn claims(token: &str) -> Option<Claims> {
    let middle = token.split('.').nth(1)?;
    let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(middle).ok()?;
    serde_json::from_slice(&json).ok()
}

fn address(client: &Client, origin: &Url, path: &str) -> Result<Url, Fault> {
    origin.join(path).map_err(|error| {
        nonsense(client, &format!("`{origin}` is no address of a tenant: {error}"))
    })
}

fn no_such_grant(grant: &Grant) -> Fault {
    Fault {
        class: FaultClass::Access,
        status: None,
        code: "NO_SUCH_SIGN_IN".to_owned(),
        message: format!("an Auth0 tenant cannot be signed in to with a {}", grant.word()),
        hints: vec![
            "set `LONGSHORE_CLIENT_ID` and `LONGSHORE_CLIENT_SECRET` of a machine-to-machine \
             application"
                .to_owned(),
            "or `LONGSHORE_ACCESS_TOKEN` to a token of the Management API".to_owned(),
        ],
    }
}

/// What a person can do about a refused sign-in. Source: reference page on Auth0, 1.3.
fn explain(fault: &mut Fault, said: &Said) {
    let hint = match (fault.status.unwrap_or_default(), said.code.as_str()) {
        (429, _) => {
            fault.class = FaultClass::Limit;
            "the application has used up its quota of tokens; go on later"
        }
        (500.., _) => return,
        (401, _) => "check `LONGSHORE_CLIENT_ID` and the secret",
        (403, _) if said.message.contains("Service not found") => {
            "`LONGSHORE_INSTANCE_URL` must be the tenant's own address, such as \
             `https://acme.eu.auth0.com`, and not a custom domain"
        }
        (403, "access_denied") => {
            "authorize the application for the Auth0 Management API (Applications > APIs)"
        }
        (403, _) => "allow the application the grant type `client_credentials`",
        _ => "see the tenant's log for the reason",
    };
    if fault.class != FaultClass::Limit {
        fault.class = FaultClass::Access;
    }
    fault.hints = vec![hint.to_owned()];
}
