//! What a refused sign-in means, and what a person can do about it.
//!
//! Source: reference page on Salesforce, 1.2, 1.3 and 1.5. The endpoint says little, and the same
//! word for many things; so the text counts as well as the code.

use super::errors::Said;
use crate::model::sign_in::Grant;
use crate::target::{Fault, FaultClass};

/// Puts the way out in the place of the general hints, and says whose the refusal is.
pub(super) fn explain(fault: &mut Fault, said: &Said, grant: &Grant) {
    let code = said.code.as_str();
    if code == "rate_limit_exceeded" {
        fault.class = FaultClass::Limit;
    } else if code == "server_error" {
        fault.class = FaultClass::Unavailable;
    } else if fault.status.is_some_and(|status| status >= 500 || status == 429) {
        return;
    } else {
        fault.class = FaultClass::Access;
    }
    if fault.status.is_some_and(|status| (300..=399).contains(&status)) {
        fault.hints = vec![ELSEWHERE.to_owned()];
        return;
    }
    let text = said.message.to_ascii_lowercase();
    fault.hints = ways(code, &text, grant).into_iter().map(str::to_owned).collect();
}

/// The ways out, the likeliest first.
fn ways(code: &str, text: &str, grant: &Grant) -> Vec<&'static str> {
    let has = |part: &str| text.contains(part);
    match code {
        "rate_limit_exceeded" => {
            vec!["too many sign-ins of this user in an hour; wait, and sign in once for each run"]
        }
        "invalid_grant" => of_grant(&has, grant),
        "invalid_client" | "invalid_client_id" => of_client(grant),
        "invalid_app_access" | "app_not_found" => vec![PRE_AUTHORIZE, INSTALL],
        "inactive_user" => vec![USER_INACTIVE],
        "inactive_org" => {
            vec!["the org is locked, suspended or deleted; ask its administrator or Salesforce"]
        }
        "access_denied" => vec![
            "the person in the browser said no, or may not allow this app; sign in again",
            PRE_AUTHORIZE,
        ],
        "redirect_uri_mismatch" => vec![CALLBACK],
        "invalid_scope" => {
            vec!["give the app the scopes `api` and, for a sign-in that lasts, `refresh_token`"]
        }
        "unsupported_response_type" => {
            vec!["switch the app's authorization code flow on"]
        }
        "unsupported_grant_type" => vec![flow_of(grant)],
        "invalid_request" if has("https") => {
            vec!["the org wants `https`: write the URL with it"]
        }
        "invalid_request" => vec![
            "the login URL may be wrong: it must be the org's own address, `login` or `test`",
            "else this is a fault of longshore: report it with the message above",
        ],
        "server_error" => vec!["the service failed; go on later"],
        _ => vec![HISTORY],
    }
}

const PRE_AUTHORIZE: &str =
    "an administrator must pre-authorize the app for this user (profile or permission set)";
const INSTALL: &str =
    "an app of another org must be installed in this one first; make one of your own if you can";
const USER_INACTIVE: &str =
    "the user is not active in this org, or frozen; an administrator can tell";
const CALLBACK: &str = "enter the callback URL that the sign-in named in the app, letter by letter; \
    `--callback-port` changes its port";
const ELSEWHERE: &str = "no secret was sent there; write the URL that answers by itself, such as the \
    org's My Domain URL";
const HISTORY: &str = "see the org's login history for the reason";
const SIGN_IN_AGAIN: &str = "sign in again: `longshore org login ALIAS --web`";

/// `invalid_grant`: the right itself is refused, for one of many reasons.
fn of_grant(has: &dyn Fn(&str) -> bool, grant: &Grant) -> Vec<&'static str> {
    let jwt = matches!(grant, Grant::JwtBearer { .. });
    if has("client credentials user") {
        vec!["the app needs a `Run As` user in its client credentials flow"]
    } else if has("not supported on this domain") {
        vec!["client credentials need the org's My Domain URL, not `login` or `test`"]
    } else if has("expired access/refresh token") {
        vec![
            "the refresh token has ended, was replaced or was revoked",
            SIGN_IN_AGAIN,
            "an app allows about five sign-ins of a user at once and ends the oldest: give each \
             installation an app or a user of its own",
        ]
    } else if has("expired authorization code") && jwt {
        vec![CLOCK, "the assertion is good for three minutes only"]
    } else if has("expired authorization code") {
        vec!["the code of the browser is good once and for some minutes; sign in again"]
    } else if has("code verifier") {
        vec![
            "the code belongs to another sign-in; close the other browser windows and sign in again",
        ]
    } else if has("hasn't approved") || has("not admin approved") {
        vec![PRE_AUTHORIZE]
    } else if has("audience") {
        vec![
            "set `LONGSHORE_LOGIN_URL` to `https://login.salesforce.com`, or \
             `https://test.salesforce.com` for a sandbox",
        ]
    } else if has("ip restricted") || has("ip not allowed") {
        vec!["this machine's address is outside the ranges that the profile or the app allows"]
    } else if has("inactive user") || has("inactive") {
        vec![USER_INACTIVE]
    } else if has("invalid assertion") {
        vec![
            "the app's certificate must belong to the key, and the user name be the one of this org",
        ]
    } else if has("authentication failure") || has("invalid password") {
        authentication(grant)
    } else if jwt {
        vec!["check user name, the app's certificate against the key, and this machine's clock"]
    } else {
        vec![HISTORY]
    }
}

const CLOCK: &str = "set this machine's clock right: the org takes the assertion for outdated";

/// `authentication failure` says nothing but no.
fn authentication(grant: &Grant) -> Vec<&'static str> {
    match grant {
        Grant::JwtBearer { .. } => {
            vec!["check user name, the app's certificate against the key, and this machine's clock"]
        }
        Grant::Refresh { .. } => vec![SIGN_IN_AGAIN, HISTORY],
        _ => vec![
            "check the secrets and the login URL: a sandbox has `https://test.salesforce.com`",
            HISTORY,
        ],
    }
}

/// The app is not known, or its secret is wrong.
fn of_client(grant: &Grant) -> Vec<&'static str> {
    let first = match grant {
        Grant::JwtBearer { .. } => {
            "check `LONGSHORE_CLIENT_ID` and that the login URL is that of the app's org; a new app \
             takes some minutes to work"
        }
        Grant::Refresh { client_secret: None, .. } => {
            "check `LONGSHORE_CLIENT_ID`; if the app wants its secret for this, sign in again with \
             `LONGSHORE_CLIENT_SECRET` set"
        }
        _ => "check `LONGSHORE_CLIENT_ID` and the secret; a new app takes some minutes to work",
    };
    vec![first]
}

/// The setting of an app that does not allow a way to sign in.
fn flow_of(grant: &Grant) -> &'static str {
    match grant {
        Grant::ClientCredentials { .. } => "switch the app's client credentials flow on",
        Grant::JwtBearer { .. } => "switch the app's JWT bearer flow on",
        Grant::Refresh { .. } => "give the app the scope `refresh_token`",
        Grant::Token(_) | Grant::Password { .. } => "this app does not allow that kind of sign-in",
    }
}
