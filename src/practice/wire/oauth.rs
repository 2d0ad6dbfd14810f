//! OAuth: tokens, who am I, revoke and introspect.
//!
//! One application (`practice-client`, `practice-secret`) and one user are known. A JWT bearer
//! assertion is accepted from that application for that user without a look at its signature, as
//! there is nowhere to register a certificate; everything else about it is checked.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::serve::{Body, random_text};
use super::authorize::{self, Code};
use super::reply::{Refusal, Reply};
use super::{Call, Outcome, read_small};
use crate::practice::clock::spell_ms;

/// The application that may ask for tokens.
pub const CLIENT_ID: &str = "practice-client";
pub const CLIENT_SECRET: &str = "practice-secret";

/// The administrator's password.
pub const PASSWORD: &str = "practice";

/// Milliseconds a session lives after its last use. Source: the default session policy, 2 hours.
const SESSION_MS: i64 = 7_200_000;

const TEXT: &str = "text/plain;charset=UTF-8";

/// The tokens that are out. They do not survive the process.
#[derive(Default)]
pub(in crate::practice) struct Tokens {
    all: Mutex<All>,
}

#[derive(Default)]
struct All {
    /// Access token to the moment it expires.
    sessions: HashMap<String, Session>,
    refresh: Vec<String>,
    codes: HashMap<String, Code>,
    /// Whatever was ever given out.
    issued: Vec<String>,
}

struct Session {
    expires_ms: i64,
    issued_ms: i64,
    parent: Option<String>,
}

impl Tokens {
    /// A new access token.
    pub(in crate::practice) fn issue(&self, org_id: &str, now: i64) -> String {
        self.issue_under(org_id, now, None)
    }

    fn issue_under(&self, org_id: &str, now: i64, parent: Option<String>) -> String {
        let short = org_id.get(..15).unwrap_or("00D000000000000");
        let token = format!("{short}!AQ.{}", random_text(64));
        let session = Session { expires_ms: now + SESSION_MS, issued_ms: now, parent };
        let mut all = self.lock();
        all.sessions.insert(token.clone(), session);
        all.issued.push(token.clone());
        token
    }

    /// A new refresh token.
    pub(in crate::practice) fn issue_refresh(&self) -> String {
        let token = format!("5Aep861{}", random_text(48));
        let mut all = self.lock();
        all.refresh.push(token.clone());
        all.issued.push(token.clone());
        token
    }

    /// Puts a new refresh token in the place of one; its sessions go on under the new one.
    fn rotate(&self, old: &str) -> String {
        let new = self.issue_refresh();
        let mut all = self.lock();
        all.refresh.retain(|known| known != old);
        for session in all.sessions.values_mut() {
            if session.parent.as_deref() == Some(old) {
                session.parent = Some(new.clone());
            }
        }
        new
    }

    pub(super) fn keep_code(&self, text: &str, code: Code) {
        let mut all = self.lock();
        all.codes.insert(text.to_owned(), code);
        all.issued.push(text.to_owned());
    }

    pub(super) fn with_code<T>(&self, text: &str, look: impl FnOnce(Option<&mut Code>) -> T) -> T {
        look(self.lock().codes.get_mut(text))
    }

    /// Every access token, refresh token and code that was ever given out.
    pub(in crate::practice) fn issued(&self) -> Vec<String> {
        self.lock().issued.clone()
    }

    /// Whether a refresh token is good.
    pub(in crate::practice) fn is_good(&self, refresh: &str) -> bool {
        self.lock().refresh.iter().any(|known| known == refresh)
    }

    /// Whether the token is good; its use prolongs it.
    pub(super) fn is_live(&self, token: &str, now: i64) -> bool {
        let mut all = self.lock();
        let Some(session) = all.sessions.get_mut(token) else { return false };
        let live = session.expires_ms > now;
        if live {
            session.expires_ms = now + SESSION_MS;
        }
        live
    }

    /// Ends one session.
    pub(super) fn end(&self, token: &str) {
        self.lock().sessions.remove(token);
    }

    /// Ends all sessions; refresh tokens stay good.
    pub(super) fn expire_all(&self) {
        self.lock().sessions.clear();
    }

    /// Revokes a token of either kind; a refresh token takes its sessions with it.
    fn revoke(&self, token: &str) -> bool {
        let mut all = self.lock();
        let before = (all.refresh.len(), all.sessions.len());
        all.refresh.retain(|known| known != token);
        all.sessions
            .retain(|known, session| known != token && session.parent.as_deref() != Some(token));
        before != (all.refresh.len(), all.sessions.len())
    }

    fn lock(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) async fn route(call: &Call<'_>, word: &str, body: Body) -> Outcome {
    match word {
        "token" if call.method == Method::POST => Ok(token(call, &Form::read(call, body).await?)),
        "revoke" => Ok(revoke(call, &Form::read(call, body).await?)),
        "introspect" if call.method == Method::POST => {
            Ok(introspect(call, &Form::read(call, body).await?))
        }
        "userinfo" => Ok(user_info(call)),
        "authorize" if call.method == Method::GET => Ok(authorize::authorize(call)),
        "token" | "introspect" | "authorize" => Err(Refusal::method(&call.method)),
        _ => Err(Refusal::not_found()),
    }
}

/// The token endpoint's errors are an object, not an array.
pub(super) fn refuse(error: &str, description: &str) -> Reply {
    let body = json!({"error": error, "error_description": description});
    Reply::json(StatusCode::BAD_REQUEST, body)
}

fn token(call: &Call<'_>, form: &Form) -> Reply {
    let Some(grant) = form.get("grant_type") else {
        return refuse("invalid_request", "missing required parameter: grant_type");
    };
    let application = call.inner.application();
    if let Some(refusal) = application.refuses {
        let sent: Vec<&str> = form.0.iter().map(|(_, value)| value.as_str()).collect();
        let description = refusal.description.replace("{sent}", &sent.join(" "));
        let mut reply = refuse(&refusal.error, &description);
        reply.status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
        return reply;
    }
    let mut refreshes = grant == "password";
    let refused = match grant {
        "client_credentials" => check_client(call, form, true),
        "password" => check_client(call, form, true).or_else(|| check_password(call, form)),
        "refresh_token" => check_client(call, form, application.requires_secret)
            .or_else(|| check_refresh(call, form)),
        "authorization_code" => {
            check_client(call, form, application.requires_secret).or_else(|| {
                let code = authorize::check_code(call, form);
                code.map(|code| refreshes = code.refreshes).err()
            })
        }
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => check_assertion(call, form),
        _ => Some(refuse("unsupported_grant_type", "grant type not supported")),
    };
    if let Some(refused) = refused {
        return refused;
    }
    let old = form.get("refresh_token").filter(|_| grant == "refresh_token");
    let new_refresh = match old {
        Some(old) => application.rotates_refresh_tokens.then(|| call.inner.tokens.rotate(old)),
        None => refreshes.then(|| call.inner.tokens.issue_refresh()),
    };
    let parent = new_refresh.clone().or(old.map(str::to_owned));
    Reply::ok(grant_token(call, parent, new_refresh))
}

fn grant_token(call: &Call<'_>, parent: Option<String>, new_refresh: Option<String>) -> Value {
    let inner = call.inner;
    let now = inner.clock.now_ms();
    let (org, user) = (inner.org.org_id(), inner.org.user_id());
    let id = format!("{}/id/{org}/{user}", call.origin);
    let issued = now.to_string();
    let key = blake3::hash(CLIENT_SECRET.as_bytes());
    let signature = blake3::keyed_hash(key.as_bytes(), format!("{id}{issued}").as_bytes());
    let mut answer = json!({
        "access_token": inner.tokens.issue_under(&org, now, parent),
        "signature": STANDARD.encode(signature.as_bytes()),
        "scope": "refresh_token api",
        "instance_url": call.origin,
        "id": id,
        "token_type": "Bearer",
        "issued_at": issued,
    });
    if let Some(refresh) = new_refresh {
        answer["refresh_token"] = json!(refresh);
    }
    answer
}

/// `None` when the application may go on.
fn check_client(call: &Call<'_>, form: &Form, needs_secret: bool) -> Option<Reply> {
    let (id, secret) = match basic(call) {
        Some((id, secret)) => (Some(id), Some(secret)),
        None => {
            (form.get("client_id").map(str::to_owned), form.get("client_secret").map(str::to_owned))
        }
    };
    let right = call.inner.application().client_secret;
    match (id.as_deref(), secret.as_deref()) {
        (None, _) => Some(refuse("invalid_request", "missing required parameter: client_id")),
        (Some(CLIENT_ID), Some(secret)) if secret == right => None,
        (Some(CLIENT_ID), None) if !needs_secret => None,
        (Some(CLIENT_ID), _) => Some(refuse("invalid_client", "invalid client credentials")),
        (Some(_), _) => Some(refuse("invalid_client_id", "client identifier invalid")),
    }
}

fn basic(call: &Call<'_>) -> Option<(String, String)> {
    let (scheme, text) = call.header("authorization")?.split_once(' ')?;
    let decoded = STANDARD.decode(text.trim()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| (id.to_owned(), secret.to_owned()))
}

fn check_password(call: &Call<'_>, form: &Form) -> Option<Reply> {
    let name = form.get("username").unwrap_or_default();
    let known = name.eq_ignore_ascii_case(&call.inner.org.username());
    let fits = known && form.get("password") == Some(PASSWORD);
    (!fits).then(|| refuse("invalid_grant", "authentication failure"))
}

fn check_refresh(call: &Call<'_>, form: &Form) -> Option<Reply> {
    let token = form.get("refresh_token").unwrap_or_default();
    (!call.inner.tokens.is_good(token))
        .then(|| refuse("invalid_grant", "expired access/refresh token"))
}

fn check_assertion(call: &Call<'_>, form: &Form) -> Option<Reply> {
    let assertion = form.get("assertion").unwrap_or_default();
    let mut parts = assertion.split('.').map(decode_part);
    let (Some(Some(header)), Some(Some(claims)), Some(_), None) =
        (parts.next(), parts.next(), assertion.split('.').nth(2), assertion.split('.').nth(3))
    else {
        return Some(refuse("invalid_grant", "invalid assertion"));
    };
    let now_s = call.inner.clock.now_ms() / 1000;
    let audience = claims["aud"].as_str().unwrap_or_default();
    let subject = claims["sub"].as_str().or(claims["prn"].as_str()).unwrap_or_default();
    if header["alg"] != "RS256" {
        Some(refuse("invalid_grant", "invalid assertion"))
    } else if claims["iss"] != CLIENT_ID {
        Some(refuse("invalid_client_id", "client identifier invalid"))
    } else if !audience_fits(call, audience) {
        Some(refuse("invalid_grant", "Audience validation failed"))
    } else if !subject.eq_ignore_ascii_case(&call.inner.org.username()) {
        Some(refuse("invalid_grant", "user hasn't approved this consumer"))
    } else if seconds(&claims["exp"]).is_none_or(|expires| expires <= now_s) {
        Some(refuse("invalid_grant", "expired authorization code"))
    } else {
        None
    }
}

fn decode_part(part: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok()
}

fn audience_fits(call: &Call<'_>, audience: &str) -> bool {
    let audience = audience.trim_end_matches('/');
    ["https://login.salesforce.com", "https://test.salesforce.com"].contains(&audience)
        || audience == call.origin
        || audience.strip_suffix("/services/oauth2/token") == Some(call.origin.as_str())
}

/// A number, or a text of one, as some clients send it.
fn seconds(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

fn revoke(call: &Call<'_>, form: &Form) -> Reply {
    let token = form.get("token").or(call.param("token")).unwrap_or_default();
    if !call.inner.application().revokes {
        return refuse("unsupported_token_type", "this token type is not supported");
    }
    if call.inner.tokens.revoke(token) {
        return Reply::empty(StatusCode::OK);
    }
    refuse("invalid_token", "invalid token")
}

fn introspect(call: &Call<'_>, form: &Form) -> Reply {
    if let Some(refused) = check_client(call, form, true) {
        return refused;
    }
    let token = form.get("token").unwrap_or_default();
    let all = call.inner.tokens.lock();
    let Some(session) = all.sessions.get(token) else {
        return Reply::ok(json!({"active": false}));
    };
    Reply::ok(json!({
        "active": session.expires_ms > call.inner.clock.now_ms(),
        "scope": "api refresh_token",
        "client_id": CLIENT_ID,
        "username": call.inner.org.username(),
        "sub": format!("{}/id/{}/{}", call.origin, call.inner.org.org_id(),
            call.inner.org.user_id()),
        "token_type": "access_token",
        "exp": session.expires_ms / 1000,
        "iat": session.issued_ms / 1000,
        "nbf": session.issued_ms / 1000,
    }))
}

fn user_info(call: &Call<'_>) -> Reply {
    let Some(token) = call.token() else {
        return Reply::text(StatusCode::FORBIDDEN, TEXT, "Missing_OAuth_Token");
    };
    if !call.inner.tokens.is_live(token, call.inner.clock.now_ms()) {
        return Reply::text(StatusCode::FORBIDDEN, TEXT, "Bad_OAuth_Token");
    }
    let org = &call.inner.org;
    let origin = &call.origin;
    let data = format!("{origin}/services/data/v{{version}}");
    Reply::ok(json!({
        "sub": format!("{origin}/id/{}/{}", org.org_id(), org.user_id()),
        "user_id": org.user_id(),
        "organization_id": org.org_id(),
        "preferred_username": org.username(),
        "nickname": "admin",
        "name": "Practice Admin",
        "email": org.username(),
        "email_verified": true,
        "given_name": "Practice",
        "family_name": "Admin",
        "zoneinfo": "Etc/UTC",
        "is_salesforce_integration_user": false,
        "urls": {
            "rest": format!("{data}/"),
            "sobjects": format!("{data}/sobjects/"),
            "query": format!("{data}/query/"),
            "custom_domain": origin,
        },
        "active": true,
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_US",
        "utcOffset": 0,
        "updated_at": spell_ms(call.inner.clock.now_ms()),
    }))
}

/// The identity URL.
pub(super) fn identity(call: &Call<'_>, org_id: &str, user_id: &str) -> Outcome {
    let org = &call.inner.org;
    let known = same_id(org_id, &org.org_id()) && same_id(user_id, &org.user_id());
    if !known {
        return Err(Refusal::not_found());
    }
    let mut reply = user_info(call);
    if let super::reply::Content::Json(value) = &mut reply.content {
        value["id"] = value["sub"].clone();
        value["username"] = json!(org.username());
        value["display_name"] = json!("Practice Admin");
        value["asserted_user"] = json!(true);
    }
    Ok(reply)
}

fn same_id(left: &str, right: &str) -> bool {
    left.get(..15).is_some() && left.get(..15) == right.get(..15)
}

/// The fields of a form, url-encoded or multipart.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    async fn read(call: &Call<'_>, body: Body) -> Result<Self, Refusal> {
        let bytes = read_small(body).await?;
        let kind = call.header("content-type").unwrap_or_default();
        let fields = match multipart_boundary(kind) {
            Some(boundary) => parts(&bytes, &boundary)
                .into_iter()
                .map(|part| (part.name, String::from_utf8_lossy(&part.body).into_owned()))
                .collect(),
            None => url::form_urlencoded::parse(&bytes).into_owned().collect(),
        };
        Ok(Self(fields))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// One part of a multipart body.
pub(in crate::practice) struct Part {
    pub(in crate::practice) name: String,
    pub(in crate::practice) body: Vec<u8>,
}

/// The boundary of a `multipart/form-data` content type.
pub(in crate::practice) fn multipart_boundary(content_type: &str) -> Option<String> {
    let (kind, rest) = content_type.split_once(';')?;
    let boundary = rest.split(';').find_map(|item| item.trim().strip_prefix("boundary="))?;
    let multipart = kind.trim().eq_ignore_ascii_case("multipart/form-data");
    multipart.then(|| boundary.trim_matches('"').to_owned())
}

/// Cuts a multipart body; parts without a name are left out.
pub(in crate::practice) fn parts(body: &[u8], boundary: &str) -> Vec<Part> {
    let marker = format!("--{boundary}");
    let starts: Vec<usize> = memchr::memmem::find_iter(body, marker.as_bytes()).collect();
    let between = starts.windows(2).map(|pair| &body[pair[0] + marker.len()..pair[1]]);
    between.filter_map(part).collect()
}

fn part(text: &[u8]) -> Option<Part> {
    let (gap, skip) = match memchr::memmem::find(text, b"\r\n\r\n") {
        Some(gap) => (gap, 4),
        None => (memchr::memmem::find(text, b"\n\n")?, 2),
    };
    let head = String::from_utf8_lossy(&text[..gap]).into_owned();
    let (_, rest) = head.split_once("name=\"")?;
    let name = rest.split('"').next()?.to_owned();
    let body = &text[gap + skip..];
    let body = body.strip_suffix(b"\n").unwrap_or(body);
    let body = body.strip_suffix(b"\r").unwrap_or(body);
    Some(Part { name, body: body.to_vec() })
}
