//! SOAP `login()`: user name and password, as Data Loader's scheduled jobs have them.
//!
//! A fallback for orgs that still have it. Source: SOAP API, `login()`: API 31 to 64, off in new
//! orgs, gone with Summer '27.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};

use super::super::errors::{self, Said};
use super::super::login::{instance, untrusted};
use super::super::session::Token;
use super::xml::{Element, escaped};
use super::{PARTNER, envelope};
use crate::http::call::{Accept, Call, Repeat};
use crate::http::client::{Client, Reply};
use crate::http::transport::Body;
use crate::model::secret::Secret;
use crate::model::sign_in::SignIn;
use crate::target::{Fault, FaultClass};

/// The last version whose path serves `login()`; the session it gives is good for all versions.
const VERSION: &str = "64.0";

/// Hint of a sign-in that this way does not serve any more.
const WAYS_OUT: &str = "sign in with a key (`--way jwt`) or as the app (`--way \
                        client-credentials`) instead: `docs/guide/sign-in.md`";

/// Gets a session by user name and password.
///
/// The request goes to the login origin and nowhere else; the answer's `serverUrl` must be one that
/// an `instance_url` of the token endpoint could be. It is not repeated unless nothing of it was
/// done: what is refused counts towards the lock of the user.
pub(in crate::target::salesforce) async fn token(
    client: &Client,
    sign_in: &SignIn,
    (username, password): (&str, &Secret),
) -> Result<Token, Fault> {
    let login = sign_in.login_origin();
    let host = login.host_str().unwrap_or_default();
    let doing = format!("sign in ({})", sign_in.grant.word());
    let path = format!("{PARTNER}{VERSION}");
    let url = login.join(&path).map_err(|error| {
        errors::nonsense(client, &format!("`{host}` cannot be asked for a session: {error}"))
    })?;
    let body = body(client, username, password)?;
    let call = Call::new(Method::POST, url, Body::Bytes(body), Repeat::IfNotDone, Accept::Xml)
        .content_type("text/xml; charset=UTF-8")
        .header(HeaderName::from_static("soapaction"), HeaderValue::from_static("login"));
    let got = match client.call(&call).await {
        Reply::Done(got) => got,
        Reply::Stale(got) | Reply::Refused(got, _) => {
            let mut fault = errors::refused(client, &doing, host, &got);
            explain(&mut fault, &Said::read(got.status, &got.body));
            return Err(fault);
        }
        Reply::Failed(trouble, _) => return Err(errors::failed(client, &doing, host, &trouble)),
    };
    let root = Element::read(&got.body).unwrap_or_default();
    let result = root.at(&["Body", "loginResponse", "result"]);
    // Nothing of the answer is quoted: it could be the session.
    let (Some(session), Some(server)) = (
        result.and_then(|result| result.text_of("sessionId")),
        result.and_then(|result| result.text_of("serverUrl")),
    ) else {
        let text = format!("cannot {doing}: the answer of `{host}` holds no session");
        return Err(errors::nonsense(client, &text));
    };
    let secret = Secret::new(session.to_owned());
    client.redactor().learn(&secret);
    if result.and_then(|result| result.text_of("passwordExpired")) == Some("true") {
        return Err(expired(&doing, host));
    }
    let origin = instance(server, sign_in).map_err(|reason| untrusted(client, server, &reason))?;
    let org = result.and_then(|result| result.child("userInfo")?.text_of("organizationId"));
    let user = result.and_then(|result| result.text_of("userId"));
    let identity = org.zip(user).map(|(org, user)| (org.to_owned(), user.to_owned()));
    Ok(Token { secret, origin, identity })
}

fn body(client: &Client, username: &str, password: &Secret) -> Result<Bytes, Fault> {
    let unfit = |what: &str| Fault {
        class: FaultClass::Access,
        status: None,
        code: "BAD_CHARACTER".to_owned(),
        message: format!("the {what} holds a character that SOAP cannot carry"),
        hints: vec!["nothing was sent; look for control characters in it".to_owned()],
    };
    let username = escaped(username).ok_or_else(|| unfit("user name"))?;
    let password = escaped(password.reveal()).ok_or_else(|| unfit("password"))?;
    // As it travels: an answer could quote it like that.
    client.redactor().learn(&Secret::new(password.clone().into_owned()));
    let login =
        format!("<login><username>{username}</username><password>{password}</password></login>");
    Ok(Bytes::from(envelope("", &login)))
}

/// The answer that is a success and yet none: the session can only change the password.
fn expired(doing: &str, host: &str) -> Fault {
    Fault {
        class: FaultClass::Access,
        status: Some(200),
        code: "PASSWORD_EXPIRED".to_owned(),
        message: format!("cannot {doing}: `{host}` says: the password has expired"),
        hints: vec![NEW_PASSWORD.to_owned(), WAYS_OUT.to_owned()],
    }
}

const NEW_PASSWORD: &str =
    "sign in with a browser and set a new password; it also brings a new security token";

/// What a person can do about a refused sign-in, by the codes of `login()`.
fn explain(fault: &mut Fault, said: &Said) {
    let text = said.message.to_ascii_lowercase();
    fault.class = FaultClass::Access;
    let hints: &[&str] = match said.code.as_str() {
        "API_CURRENTLY_DISABLED" | "SERVER_UNAVAILABLE" | "SSO_SERVICE_DOWN" => {
            fault.class = FaultClass::Unavailable;
            &["the org lets nobody in for now; try again later"]
        }
        "REQUEST_LIMIT_EXCEEDED" | "LOGIN_RATE_EXCEEDED" => {
            fault.class = FaultClass::Limit;
            &["too many sign-ins of this user in an hour; wait, and sign in once for each run"]
        }
        "INVALID_LOGIN" => &[
            "check user name and password; outside of the org's trusted addresses the security \
             token stands right behind the password, without a blank",
            "`LONGSHORE_LOGIN_URL` is `https://test.salesforce.com` for a sandbox, or the org's own \
             address",
            "a wrong password is not tried again, so that the user is not locked out; the login \
             history of the user tells the reason",
        ],
        "LOGIN_MUST_USE_SECURITY_TOKEN" => &[
            "put the user's security token right behind the password, without a blank; \
             `Reset My Security Token` in the user's settings sends a new one by e-mail",
            "or add this machine's address to the org's trusted IP ranges",
        ],
        "INVALID_OPERATION_WITH_EXPIRED_PASSWORD" | "PASSWORD_EXPIRED" => &[NEW_PASSWORD, WAYS_OUT],
        "PASSWORD_LOCKOUT" => {
            &["too many wrong passwords: wait, or an administrator unlocks the user in Setup"]
        }
        "LOGIN_DURING_RESTRICTED_DOMAIN" => {
            &["this machine's address is outside the ranges that the user's profile allows"]
        }
        "LOGIN_DURING_RESTRICTED_TIME" => {
            &["the user's profile does not allow sign-ins at this hour"]
        }
        "API_DISABLED_FOR_ORG" => {
            &["this edition or user has no API access; the permission is `API Enabled`"]
        }
        "INVALID_OPERATION" | "UNSUPPORTED_API_VERSION" => &[
            "the org has SOAP `login()` switched off, or has it no more: an administrator can \
             switch it on in Setup (User Interface) until Summer '27",
            WAYS_OUT,
        ],
        "INSUFFICIENT_ACCESS" if text.contains("api") => {
            &["the user needs the permission `Use Any API Auth` for SOAP `login()`", WAYS_OUT]
        }
        "ORG_LOCKED" | "TRIAL_EXPIRED" => &["the org itself is locked or has ended"],
        "ORG_NOT_OWNED_BY_INSTANCE" => {
            &["set `LONGSHORE_LOGIN_URL` to the org's own address (its My Domain)"]
        }
        _ if fault.status.is_some_and(|status| status >= 500) && said.code.starts_with("HTTP_") => {
            fault.class = FaultClass::Unavailable;
            return;
        }
        _ => &["see the org's login history for the reason", WAYS_OUT],
    };
    fault.hints = hints.iter().map(|hint| (*hint).to_owned()).collect();
}
