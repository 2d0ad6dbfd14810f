//! The way of a request through the tenant: mischief, sign-in, allowance, scopes, checks, answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, SERVER};
use http::{HeaderMap, HeaderValue, Method, Request, Response};
use http_body_util::BodyExt;
use serde_json::Value;

use super::super::mischief::{BodyKind, Fault, Length};
use super::super::serve::{Body, Dropped, Inner};
use super::super::wire::reply::cut;
use super::super::wire::{decode, dropped, origin};
use super::audit;
use super::limiter::{Group, Taken};
use super::reply::{Answer, Outcome, Refusal, Reply};
use super::routes::{self, Route};
use super::switches::{RetryAfter, Scopes, Strictness, Switches};
use super::{Tenant, control, jobs, token};

/// Bytes of a JSON body at most. Source: section 2.1, from memory.
const BODY_MAX: usize = 1 << 20;

/// Bytes of an import at most. Source: section 2.6.
const IMPORT_MAX: usize = 512_000;

/// Bytes of a request's path and query at most; beyond it the answer is 414.
const URI_MAX: usize = 16_384;

const HTML: &str = "text/html; charset=UTF-8";

const EDGE_PAGE: &str = "<html><head><title>Bad gateway</title></head><body>\
    <h1>The tenant's edge could not reach it</h1></body></html>";

/// One request, its body read.
pub(super) struct Call<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) switches: Arc<Switches>,
    pub(super) method: Method,
    /// A `|` stands in the path as it is.
    pub(super) raw_pipe: bool,
    /// Percent-decoded segments of the path.
    pub(super) segments: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// How the client reached us: `https://localhost:8790`.
    pub(super) origin: String,
    /// Milliseconds since 1970 in UTC.
    pub(super) now: i64,
}

impl Call<'_> {
    pub(super) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The id in the path: `/api/v2/users/{id}`.
    pub(super) fn id(&self) -> &str {
        self.segments.get(3).map_or("", String::as_str)
    }
}

/// Whether a path is the tenant's and not the org's.
pub(in crate::practice) fn is_ours(path: &str) -> bool {
    let below = |root: &str| {
        path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    ["/api/v2", "/oauth/token", "/practice/tenant", jobs::DOWNLOADS].into_iter().any(below)
}

/// Answers one request.
pub(in crate::practice) async fn answer(
    inner: &Inner,
    tenant: &Tenant,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let long = parts.uri.path_and_query().is_some_and(|text| text.as_str().len() > URI_MAX);
    let query = parts.uri.query().unwrap_or_default().as_bytes();
    let call = Call {
        tenant,
        switches: tenant.switches(),
        origin: origin(&parts),
        raw_pipe: path.contains('|'),
        segments: segments(&path),
        query: url::form_urlencoded::parse(query).into_owned().collect(),
        method: parts.method,
        headers: parts.headers,
        body: Bytes::new(),
        now: inner.clock.now_ms(),
    };
    let mut response = if path.starts_with("/practice/") {
        let outcome = match with_body(call, body).await {
            Ok(call) => control::route(&call),
            Err((_, refusal)) => Err(refusal),
        };
        outcome.unwrap_or_else(|refusal| refusal.reply(false)).spell(&HeaderMap::new())
    } else if long {
        let refusal = Refusal::new(414, "", "URI Too Long");
        refusal.reply(call.switches.status_code_text).spell(&call.headers)
    } else {
        let (at_ms, method) = (call.now, call.method.to_string());
        let response = answer_with_mischief(inner, call, &path, body).await;
        let lost = response.extensions().get::<Dropped>().is_some();
        let status = if lost { 0 } else { response.status().as_u16() };
        tenant.audit().request(audit::Request { at_ms, method, path, status });
        response
    };
    response.headers_mut().insert(SERVER, HeaderValue::from_static("longshore-practice"));
    response
}

/// Split first, decoded then, so that an encoded slash stays in its segment. One slash at the end
/// does not matter.
fn segments(path: &str) -> Vec<String> {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.strip_suffix('/').unwrap_or(path).split('/').map(decode).collect()
}

async fn answer_with_mischief(
    inner: &Inner,
    call: Call<'_>,
    path: &str,
    mut body: Body,
) -> Response<Body> {
    let faults = inner.mischief.strike(call.method.as_str(), path);
    for fault in &faults {
        match fault {
            Fault::Delay { ms } => tokio::time::sleep(Duration::from_millis(*ms)).await,
            Fault::LoseAnswer { effect: false } => return dropped(),
            Fault::Answer { effect: false, .. } => return made_up(fault, &call.headers),
            Fault::HtmlOk => return Reply::bytes(HTML, EDGE_PAGE).spell(&call.headers),
            Fault::BreakUpload { bytes } => body = cut(body, *bytes, true),
            Fault::SpendAllowance { remaining } => {
                call.tenant.state().limiter.leave(*remaining, &call.switches, call.now);
            }
            Fault::ExpireSessions => call.tenant.state().tokens.expire_all(),
            Fault::VanishJob => call.tenant.state().jobs.remove(call.id()),
            _ => {}
        }
    }
    let headers = call.headers.clone();
    let as_text = call.switches.status_code_text;
    let reply = match with_body(call, body).await {
        Ok(call) => with_job_faults(&call, faulty_job(&call), &faults),
        Err((true, _)) => return dropped(),
        Err((false, refusal)) => refusal.reply(as_text),
    };
    let mut response = reply.spell(&headers);
    for fault in &faults {
        match fault {
            Fault::LoseAnswer { effect: true } => return dropped(),
            Fault::Answer { effect: true, .. } => return made_up(fault, &headers),
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

/// The job that the path names.
fn faulty_job(call: &Call<'_>) -> Option<String> {
    let is_job = call.segments.get(2).is_some_and(|segment| segment == "jobs");
    call.segments.get(3).filter(|_| is_job).cloned()
}

/// Answers, and lets the job in the path or the one that was made fail if mischief wants it.
fn with_job_faults(call: &Call<'_>, job: Option<String>, faults: &[Fault]) -> Reply {
    let fail = |job: &str| {
        for fault in faults {
            match fault {
                Fault::FailJob { message, .. } => call.tenant.state().jobs.fail(job, message),
                Fault::AbortJob { .. } => call.tenant.state().jobs.fail(job, "Job was canceled"),
                _ => {}
            }
        }
    };
    if let Some(job) = job {
        fail(&job);
    }
    let reply = respond(call);
    if let Answer::Json(made) = &reply.content
        && call.method == Method::POST
        && let Some(id) = made["id"].as_str()
    {
        fail(id);
    }
    reply
}

fn made_up(fault: &Fault, asked: &HeaderMap) -> Response<Body> {
    let Fault::Answer { status, code, message, body, retry_after, .. } = fault else {
        return dropped();
    };
    let mut reply = Refusal::new(*status, code, message.clone()).reply(false);
    match body {
        BodyKind::Json => {}
        BodyKind::Html => {
            reply.content = Answer::Bytes(HTML, Bytes::from_static(EDGE_PAGE.as_bytes()));
        }
        BodyKind::Empty => reply.content = Answer::Nothing,
    }
    reply.headers.extend(retry_after.map(|seconds| ("retry-after", seconds.to_string())));
    reply.spell(asked)
}

/// Reads the body. The error says whether the connection broke.
async fn with_body(mut call: Call<'_>, mut body: Body) -> Result<Call<'_>, (bool, Refusal)> {
    let import = call.segments.last().is_some_and(|segment| segment == "users-imports");
    let limit = if import { IMPORT_MAX } else { BODY_MAX };
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Err((true, Refusal::new(400, "", "broken body"))) };
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limit {
            let text = format!("Payload content length greater than maximum allowed: {limit}.");
            return Err((false, Refusal::new(413, "", text)));
        }
        bytes.extend_from_slice(&data);
    }
    call.body = bytes.freeze();
    Ok(call)
}

/// The true answer.
fn respond(call: &Call<'_>) -> Reply {
    let outcome = settle_jobs(call).and_then(|()| dispatch(call));
    outcome.unwrap_or_else(|refusal| refusal.reply(call.switches.status_code_text))
}

/// What was due before this request.
fn settle_jobs(call: &Call<'_>) -> Result<(), Refusal> {
    let mut state = call.tenant.state();
    jobs::settle(call.tenant, &mut state, &call.switches, call.now)
}

fn dispatch(call: &Call<'_>) -> Outcome {
    let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["oauth", "token"] => token::route(call),
        ["api", "v2", rest @ ..] => {
            let route = routes::find(&call.method, rest).ok_or_else(Refusal::no_route)?;
            manage(call, rest, &route)
        }
        [_, job, file] => Ok(jobs::download(call, job, file)),
        _ => Err(Refusal::no_route()),
    }
}

/// A call of the Management API. The headers of the allowance come with a 2xx and a 429 only.
fn manage(call: &Call<'_>, path: &[&str], route: &Route) -> Outcome {
    let scopes = authenticate(call)?;
    let group = Group::of(&call.method, path, &call.switches);
    let taken = call.tenant.state().limiter.take(group, &call.switches, call.now);
    if let Some(taken) = taken
        && !taken.allowed
    {
        return Ok(throttled(call, group, taken));
    }
    check_scopes(&scopes, route, call.switches.scopes)?;
    check_path(call, path)?;
    check_query(call, route)?;
    (route.run)(call).map(|reply| reply.with_rate(taken))
}

/// The scopes of the caller. Texts: section 1.4.
fn authenticate(call: &Call<'_>) -> Result<Vec<String>, Refusal> {
    let header = call.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(header) = header else {
        return Err(Refusal::new(401, "", "Missing authentication"));
    };
    let bearer = header.split_once(' ').filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer"));
    let Some((_, token)) = bearer else {
        return Err(Refusal::new(400, "Bearer", "Bad HTTP authentication header format"));
    };
    Ok(call.tenant.state().tokens.check(token.trim(), call.now)?.scopes)
}

fn throttled(call: &Call<'_>, group: Group, taken: Taken) -> Reply {
    let refusal = Refusal::new(429, "too_many_requests", group.refusal());
    let mut reply = refusal.reply(call.switches.status_code_text).with_rate(Some(taken));
    let wait_s = (taken.wait_ms + 999) / 1_000;
    let value = match call.switches.retry_after {
        RetryAfter::Never => return reply,
        RetryAfter::Seconds => wait_s.to_string(),
        RetryAfter::Date => {
            let then = jiff::Timestamp::from_second(call.now / 1_000 + wait_s).unwrap_or_default();
            then.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
        }
    };
    reply.headers.push(("retry-after", value));
    reply
}

fn check_scopes(held: &[String], route: &Route, switch: Scopes) -> Result<(), Refusal> {
    let has = |scope: &&str| held.iter().any(|held| held == scope);
    let fits = match switch {
        Scopes::Any => route.scopes.iter().any(has),
        Scopes::All => route.scopes.iter().all(has),
    };
    if fits {
        return Ok(());
    }
    let word = if route.all_in_text { "all" } else { "any" };
    let text = format!("Insufficient scope, expected {word} of: {}", route.scopes.join(","));
    Err(Refusal::new(403, "insufficient_scope", text))
}

/// The format of a user id: a provider, a pipe, something. Source: sections 2 and 3.
fn check_path(call: &Call<'_>, path: &[&str]) -> Result<(), Refusal> {
    let ["users", id, ..] = path else { return Ok(()) };
    let fits = id.split_once('|').is_some_and(|(provider, own)| {
        !provider.is_empty() && !provider.contains('%') && !own.is_empty()
    });
    let raw = call.switches.raw_pipe == Strictness::Refused && call.raw_pipe;
    if fits && !raw {
        return Ok(());
    }
    let text = format!(
        "Path validation error: 'Object didn't pass validation for format user-id: {id}' on \
         property id (The user_id of the user)."
    );
    Err(Refusal::new(400, "invalid_uri", text))
}

fn check_query(call: &Call<'_>, route: &Route) -> Result<(), Refusal> {
    if call.method != Method::GET || call.switches.unknown_query == Strictness::Accepted {
        return Ok(());
    }
    let unknown: Vec<&str> = call
        .query
        .iter()
        .map(|(name, _)| name.as_str())
        .filter(|name| !route.query.contains(name))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Refusal::query(&format!("'Additional properties not allowed: {}'", unknown.join(","))))
}

/// Members of a user or role that a request wants left out or only.
pub(super) fn project(call: &Call<'_>, mut shown: Value) -> Value {
    let Some(fields) = call.param("fields").filter(|fields| !fields.is_empty()) else {
        return shown;
    };
    let named: Vec<&str> = fields.split(',').map(str::trim).collect();
    let keep = call.param("include_fields") != Some("false");
    if let Some(members) = shown.as_object_mut() {
        members.retain(|name, _| named.contains(&name.as_str()) == keep);
    }
    shown
}
