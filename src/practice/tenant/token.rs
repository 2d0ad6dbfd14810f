//! `POST /oauth/token` and the tokens that it gives.
//!
//! Tokens look like RS256 JWTs. They are signed with a key that lives as long as the tenant, by a
//! keyed hash, as nobody but the tenant checks them.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Method;
use serde_json::{Value, json};

use super::super::serve::random_text;
use super::limiter::{Group, Taken};
use super::reply::{Outcome, Refusal, Reply};
use super::seed::OWN_API;
use super::wire::Call;

/// The application that may do everything; its secret is no secret.
pub const CLIENT_ID: &str = "practice-client";
/// An application that may only read.
pub const READER_ID: &str = "practice-reader";
/// An application without a grant for the Management API.
pub const STRANGER_ID: &str = "practice-stranger";
pub const CLIENT_SECRET: &str = "practice-secret";

/// All scopes that any call asks for. Source: section 1.5.
pub const SCOPES: &[&str] = &[
    "read:users",
    "update:users",
    "create:users",
    "delete:users",
    "read:roles",
    "update:roles",
    "create:roles",
    "delete:roles",
    "read:role_members",
    "create:role_members",
    "delete:role_members",
    "read:resource_servers",
    "update:resource_servers",
    "read:user_effective_permissions",
];

const HOUR_MS: i64 = 3_600_000;

/// The key of a tenant's tokens, and who got how many.
pub(super) struct Tokens {
    key: [u8; 32],
    /// Tokens up to this number are expired, whatever they say.
    expired: u64,
    /// Tokens issued so far.
    serial: u64,
    /// Client to the start of its hour and the tokens that it got in it.
    quota: HashMap<String, (i64, u32)>,
}

/// What a good token says.
pub(super) struct Claims {
    pub(super) scopes: Vec<String>,
}

impl Default for Tokens {
    fn default() -> Self {
        let key = *blake3::hash(random_text(64).as_bytes()).as_bytes();
        Self { key, expired: 0, serial: 0, quota: HashMap::new() }
    }
}

impl Tokens {
    /// A token with these scopes, good for so many seconds.
    pub(super) fn issue(&mut self, client: &str, scopes: &[&str], now: i64, life_s: u32) -> String {
        self.serial += 1;
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": "practice"});
        let claims = json!({
            "iss": "https://practice.auth0.example/",
            "sub": format!("{client}@clients"),
            "aud": OWN_API,
            "iat": now / 1_000,
            "exp": now / 1_000 + i64::from(life_s),
            "scope": scopes.join(" "),
            "gty": "client-credentials",
            "azp": client,
            "practice_number": self.serial,
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.sign(&signed);
        format!("{signed}.{signature}")
    }

    fn sign(&self, text: &str) -> String {
        let mut bytes = [0; 256];
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(text.as_bytes()).finalize_xof().fill(&mut bytes);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Ends all tokens that are out.
    pub(super) fn expire_all(&mut self) {
        self.expired = self.serial;
    }

    /// What the token says, if it is ours and good. Texts: section 1.4.
    pub(super) fn check(&self, token: &str, now: i64) -> Result<Claims, Refusal> {
        let refuse = |text: &str| {
            let mut refusal = Refusal::new(401, "", text);
            refusal.headers.push(("www-authenticate", "Bearer error=\"invalid_token\"".to_owned()));
            refusal
        };
        let read = |signed: &str| {
            let (_, claims) = signed.split_once('.')?;
            let bytes = URL_SAFE_NO_PAD.decode(claims).ok()?;
            serde_json::from_slice::<Value>(&bytes).ok()
        };
        let parts =
            token.rsplit_once('.').and_then(|(signed, sign)| Some((signed, sign, read(signed)?)));
        let Some((signed, signature, claims)) = parts else { return Err(refuse("Invalid token")) };
        if self.sign(signed) != signature {
            return Err(refuse("Invalid signature received for JSON Web Token validation"));
        }
        let expires_ms = claims["exp"].as_i64().unwrap_or_default() * 1_000;
        let number = claims["practice_number"].as_u64().unwrap_or_default();
        if expires_ms <= now || number <= self.expired {
            return Err(refuse("Expired token received for JSON Web Token validation"));
        }
        let scopes = claims["scope"].as_str().unwrap_or_default();
        Ok(Claims { scopes: scopes.split_whitespace().map(str::to_owned).collect() })
    }

    /// Counts a token against the hour of a client; the header, or the seconds to wait.
    fn count(&mut self, client: &str, quota: u32, now: i64) -> Result<String, (String, i64)> {
        let hour = now - now.rem_euclid(HOUR_MS);
        let entry = self.quota.entry(client.to_owned()).or_insert((hour, 0));
        if entry.0 != hour {
            *entry = (hour, 0);
        }
        let left_s = (hour + HOUR_MS - now + 999) / 1_000;
        let allowed = entry.1 < quota;
        entry.1 += u32::from(allowed);
        let header = format!("b=per_hour;q={quota};r={};t={left_s}", quota - entry.1.min(quota));
        if allowed { Ok(header) } else { Err((header, left_s)) }
    }
}

/// The token endpoint. Source: sections 1.1 to 1.3.
pub(super) fn route(call: &Call<'_>) -> Outcome {
    if call.method != Method::POST {
        return Err(Refusal::no_route());
    }
    let form = Form::read(call);
    let client = match admit(call, &form) {
        Ok(client) => client,
        Err(refused) => return Ok(refused),
    };
    let mut state = call.tenant.state();
    let taken = state.limiter.take(Group::Tokens, &call.switches, call.now);
    if taken.is_some_and(|taken| !taken.allowed) {
        let wait_s = taken.map_or(1, |taken| (taken.wait_ms + 999) / 1_000);
        return Ok(too_many(taken, None, wait_s));
    }
    let mut headers = Vec::new();
    if let Some(quota) = call.switches.tokens_per_hour {
        match state.tokens.count(&client, quota, call.now) {
            Ok(header) => headers.push(("auth0-client-quota-limit", header)),
            Err((header, left_s)) => return Ok(too_many(taken, Some(header), left_s)),
        }
    }
    let scopes = scopes_of(&client);
    let life_s = call.switches.token_lifetime_s;
    let token = state.tokens.issue(&client, &scopes, call.now, life_s);
    let body = json!({
        "access_token": token,
        "scope": scopes.join(" "),
        "expires_in": life_s,
        "token_type": "Bearer",
    });
    let mut reply = Reply::ok(body).with_rate(taken);
    reply.headers.append(&mut headers);
    Ok(reply)
}

fn too_many(taken: Option<Taken>, quota: Option<String>, wait_s: i64) -> Reply {
    let mut reply = refuse(429, "too_many_requests", "Client quota exceeded").with_rate(taken);
    reply.headers.push(("retry-after", wait_s.to_string()));
    reply.headers.extend(quota.map(|quota| ("auth0-client-quota-limit", quota)));
    reply
}

/// The errors of OAuth have another shape than those of the Management API.
fn refuse(status: u16, error: &str, description: &str) -> Reply {
    Reply::json(status, json!({"error": error, "error_description": description}))
}

fn scopes_of(client: &str) -> Vec<&'static str> {
    let reads = |scope: &&&str| scope.starts_with("read:");
    match client {
        READER_ID => SCOPES.iter().filter(reads).copied().collect(),
        _ => SCOPES.to_vec(),
    }
}

/// The client that asks, or why it gets nothing.
fn admit(call: &Call<'_>, form: &Form) -> Result<String, Reply> {
    let missing =
        |name: &str| refuse(400, "invalid_request", &format!("Missing required parameter: {name}"));
    let grant = form.get("grant_type").ok_or_else(|| missing("grant_type"))?;
    let (id, secret) = if let Some((id, secret)) = basic(call) {
        (id, Some(secret))
    } else {
        let id = form.get("client_id").ok_or_else(|| missing("client_id"))?;
        (id.to_owned(), form.get("client_secret").map(str::to_owned))
    };
    if grant != "client_credentials" {
        let text = format!("Unsupported grant type: {grant}");
        return Err(refuse(403, "unsupported_grant_type", &text));
    }
    let known = [CLIENT_ID, READER_ID, STRANGER_ID].contains(&id.as_str());
    if !known || secret.as_deref() != Some(CLIENT_SECRET) {
        return Err(refuse(401, "access_denied", "Unauthorized"));
    }
    let audience = form.get("audience").ok_or_else(|| missing("audience"))?;
    if !is_ours(call, audience) {
        let text = format!("Service not found: {audience}");
        return Err(refuse(403, "access_denied", &text));
    }
    if id == STRANGER_ID {
        let text = format!(
            "Client is not authorized to access \"{audience}\". You need to create a \
             \"client-grant\" associated to this API. See: \
             https://auth0.com/docs/api/v2#!/Client_Grants/post_client_grants"
        );
        return Err(refuse(403, "access_denied", &text));
    }
    Ok(id)
}

/// Whether the audience is our Management API, by the name that we were called by or our own. The
/// slash at the end counts.
fn is_ours(call: &Call<'_>, audience: &str) -> bool {
    let host = call.origin.split_once("://").map_or("", |(_, host)| host);
    let path = format!("{host}/api/v2/");
    let schemes = ["https://", "http://"];
    audience == OWN_API || schemes.iter().any(|scheme| audience.strip_prefix(scheme) == Some(&path))
}

fn basic(call: &Call<'_>) -> Option<(String, String)> {
    let (scheme, text) = call.header("authorization")?.split_once(' ')?;
    let decoded = String::from_utf8(STANDARD.decode(text.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    scheme.eq_ignore_ascii_case("basic").then(|| (id.to_owned(), secret.to_owned()))
}

/// The parameters, from a form or from JSON.
struct Form(Vec<(String, String)>);

impl Form {
    fn read(call: &Call<'_>) -> Self {
        let kind = call.header("content-type").unwrap_or_default();
        if !kind.starts_with("application/json") {
            return Self(url::form_urlencoded::parse(&call.body).into_owned().collect());
        }
        let read: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let members = read.as_object().into_iter().flatten();
        let text =
            |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
        Self(members.filter_map(text).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
