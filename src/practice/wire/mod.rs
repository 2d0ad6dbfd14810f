//! The HTTP surface: a request is read, meets its mischief, is routed and answered.
//!
//! Paths are matched as the service does, leniently: doubled and trailing slashes do not matter.

mod authorize;
mod collections;
mod columns;
mod composite;
mod control;
mod discovery;
mod ingest;
pub(super) mod limits;
pub(super) mod oauth;
pub(super) mod query;
mod query_jobs;
pub(super) mod reply;
mod soap;
mod sobjects;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

pub use oauth::{CLIENT_ID, CLIENT_SECRET, PASSWORD};

use bytes::{Bytes, BytesMut};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, HOST};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;

use super::mischief::{BodyKind, Fault, Length};
use super::serve::{Body, Dropped, Inner, Secure, bare};
use reply::{Content, Refusal, Reply, cut};

type Outcome = Result<Reply, Refusal>;

/// Bytes of a JSON or form body at most.
const SMALL_BODY_MAX: usize = 16 << 20;

/// Bytes of a request's path and query at most. Source: REST, 414 beyond it.
const URI_MAX: usize = 16_384;

const HTML: &str = "text/html; charset=UTF-8";

/// One request, without its body.
pub(super) struct Call<'a> {
    inner: &'a Arc<Inner>,
    method: Method,
    /// Percent-decoded; empty ones left out.
    segments: Vec<String>,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    /// How the client reached us: `http://localhost:8080`.
    origin: String,
}

impl Call<'_> {
    fn param(&self, name: &str) -> Option<&str> {
        let mut all = self.query.iter();
        all.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The token of the `Authorization` header.
    fn token(&self) -> Option<&str> {
        let text = self.headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, token) = text.trim().split_once(' ')?;
        let known = scheme.eq_ignore_ascii_case("bearer") || scheme.eq_ignore_ascii_case("oauth");
        known.then(|| token.trim()).filter(|token| !token.is_empty())
    }

    fn authorize(&self) -> Result<(), Refusal> {
        let Some(token) = self.token() else {
            return Err(Refusal::new(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE"));
        };
        if self.inner.tokens.is_live(token, self.inner.clock.now_ms()) {
            return Ok(());
        }
        Err(Refusal::new(401, "INVALID_SESSION_ID", "Session expired or invalid"))
    }
}

/// Answers one request.
pub(super) async fn answer(inner: &Arc<Inner>, request: Request<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = tidy_path(parts.uri.path());
    let long = parts.uri.path_and_query().is_some_and(|text| text.as_str().len() > URI_MAX);
    let call = Call {
        inner,
        origin: origin(&parts),
        segments: path.split('/').skip(1).map(decode).collect(),
        query: url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect(),
        method: parts.method,
        headers: parts.headers,
    };
    let mut response = if call.segments.first().is_some_and(|first| first == "practice") {
        control::route(&call, body).await.unwrap_or_else(Reply::from).spell(&call.headers)
    } else {
        inner.org.audit().request(call.method.as_str(), &path);
        if long {
            Reply::from(Refusal::new(414, "URI_TOO_LONG", "URI too long")).spell(&call.headers)
        } else {
            answer_with_mischief(&call, &path, body).await
        }
    };
    let server = HeaderValue::from_static("longshore-practice");
    response.headers_mut().insert(http::header::SERVER, server);
    response
}

/// The answer to a request whose `Host` is not this machine.
pub(super) fn forbidden_host() -> Response<Body> {
    let message = "the practice org answers on loopback names only";
    Reply::from(Refusal::new(403, "FORBIDDEN", message)).spell(&HeaderMap::new())
}

async fn answer_with_mischief(call: &Call<'_>, path: &str, body: Body) -> Response<Body> {
    let faults = call.inner.mischief.strike(call.method.as_str(), path);
    let mut body = body;
    for fault in &faults {
        match fault {
            Fault::Delay { ms } => tokio::time::sleep(Duration::from_millis(*ms)).await,
            Fault::LoseAnswer { effect: false } => return dropped(),
            Fault::Answer { effect: false, .. } => return made_up(call, fault),
            Fault::HtmlOk => {
                return Reply::text(StatusCode::OK, HTML, MAINTENANCE).spell(&call.headers);
            }
            Fault::BreakUpload { bytes } => body = cut(body, *bytes, true),
            Fault::SpendAllowance { remaining } => call.inner.meter.leave(*remaining),
            Fault::ExpireSessions => call.inner.tokens.expire_all(),
            Fault::VanishJob => vanish(call),
            _ => trouble(call, call.segments.get(5), fault),
        }
    }
    let broken_upload = faults.iter().any(|fault| matches!(fault, Fault::BreakUpload { .. }));
    let reply = route(call, body).await.unwrap_or_else(Reply::from);
    if broken_upload {
        return dropped();
    }
    if let Content::Json(job) = &reply.content
        && call.method == Method::POST
    {
        let created = job["id"].as_str().map(str::to_owned);
        for fault in &faults {
            trouble(call, created.as_ref(), fault);
        }
    }
    let mut response = reply.spell(&call.headers);
    for fault in &faults {
        match fault {
            Fault::LoseAnswer { effect: true } => return dropped(),
            Fault::Answer { effect: true, .. } => return made_up(call, fault),
            Fault::Truncate { bytes, length } => {
                let breaks = *length == Length::Lying;
                if !breaks {
                    response.headers_mut().remove(CONTENT_LENGTH);
                }
                response = response.map(|body| cut(body, *bytes, breaks));
            }
            _ => {}
        }
    }
    response
}

const MAINTENANCE: &str = "<html><head><title>Down for Maintenance</title></head><body>\
    <h1>Down for Maintenance</h1></body></html>";

/// Faults that stay with a job; others, and jobs that are not there, are passed over.
fn trouble(call: &Call<'_>, job: Option<&String>, fault: &Fault) {
    let Some(id) = job else { return };
    let kept = call.inner.jobs.change(id, |job| job.trouble.take(fault));
    if let Err(error) = kept {
        tracing::error!(%error, "mischief could not be kept");
    }
}

fn vanish(call: &Call<'_>) {
    let Some(id) = call.segments.get(5) else { return };
    if let Err(error) = call.inner.jobs.remove(id) {
        tracing::error!(%error, "a job could not be removed");
    }
}

pub(super) fn dropped() -> Response<Body> {
    let mut response = bare(StatusCode::BAD_GATEWAY);
    response.extensions_mut().insert(Dropped);
    response
}

fn made_up(call: &Call<'_>, fault: &Fault) -> Response<Body> {
    let Fault::Answer { status, code, message, body, retry_after, .. } = fault else {
        return dropped();
    };
    let refusal = Refusal::new(*status, code, message.clone());
    let mut reply = match body {
        // What SOAP refuses is a fault with the one status that faults have.
        BodyKind::Json if soap::is_soap(&call.segments) && *status == 500 => {
            soap::fault(code, message)
        }
        BodyKind::Json => Reply::from(refusal),
        BodyKind::Html => Reply::text(refusal.status, HTML, MAINTENANCE),
        BodyKind::Empty => Reply::empty(refusal.status),
    };
    reply.headers.extend(retry_after.map(|seconds| ("retry-after", seconds.to_string())));
    reply.spell(&call.headers)
}

async fn route(call: &Call<'_>, body: Body) -> Outcome {
    let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["services", "oauth2", word] => oauth::route(call, word, body).await,
        ["services", "Soap", "u", version, ..] => soap::route(call, version, body).await,
        ["id", org, user] => oauth::identity(call, org, user),
        ["services", "data"] => discovery::versions(call),
        ["services", "data", version, rest @ ..] => {
            let version = discovery::version(version)?;
            call.authorize()?;
            if !call.inner.meter.take_call(call.inner.clock.now_ms()) {
                let message = "TotalRequests Limit exceeded.";
                return Err(Refusal::new(403, "REQUEST_LIMIT_EXCEEDED", message));
            }
            let outcome = data(call, version, rest, body).await;
            let mut reply = outcome.unwrap_or_else(Reply::from);
            reply.headers.push(("sforce-limit-info", call.inner.meter.header()));
            Ok(reply)
        }
        _ => Err(Refusal::not_found()),
    }
}

/// Everything behind `/services/data/vXX.0`.
async fn data(call: &Call<'_>, version: u32, rest: &[&str], body: Body) -> Outcome {
    match rest {
        [] => discovery::resources(call, version),
        ["sobjects", rest @ ..] => sobjects::route(call, version, rest, body).await,
        ["composite", "sobjects", rest @ ..] => collections::route(call, rest, body).await,
        ["composite", "tree", object] => composite::tree(call, object, body).await,
        ["composite"] => composite::batch(call, version, body).await,
        ["query", rest @ ..] => query::route(call, version, false, rest),
        ["queryAll", rest @ ..] => query::route(call, version, true, rest),
        ["limits"] => limits::limits(call),
        ["limits", "recordCount"] => limits::record_count(call),
        ["jobs", "ingest", rest @ ..] => ingest::route(call, version, rest, body).await,
        ["jobs", "query", rest @ ..] => query_jobs::route(call, version, rest, body).await,
        _ => Err(Refusal::not_found()),
    }
}

async fn read_small(mut body: Body) -> Result<Bytes, Refusal> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let broken =
            |error| Refusal::bad("INVALID_REQUEST", format!("cannot read the body: {error}"));
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        if bytes.len() + data.len() > SMALL_BODY_MAX {
            return Err(Refusal::new(413, "REQUEST_TOO_LARGE", "Request body is too large"));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

async fn read_json(body: Body) -> Result<Value, Refusal> {
    let bytes = read_small(body).await?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Refusal::bad("JSON_PARSER_ERROR", error.to_string()))
}

/// Collapses slashes and drops the last one; the result starts with one.
fn tidy_path(path: &str) -> String {
    path.split('/').filter(|part| !part.is_empty()).fold(String::new(), |mut tidy, part| {
        tidy.push('/');
        tidy.push_str(part);
        tidy
    })
}

/// Undoes percent-encoding; `+` is a plus in a path.
pub(super) fn decode(segment: &str) -> String {
    let bytes = segment.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], byte) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

pub(super) fn origin(parts: &http::request::Parts) -> String {
    let secure = parts.extensions.get::<Secure>().is_some()
        || parts.uri.scheme() == Some(&http::uri::Scheme::HTTPS);
    let scheme = if secure { "https" } else { "http" };
    let header = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = header.or(parts.uri.authority().map(http::uri::Authority::as_str));
    format!("{scheme}://{}", host.unwrap_or("localhost"))
}
