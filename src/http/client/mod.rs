//! Sends calls: at the right pace, again where the judge allows it, and read to the end.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use tokio::time::Instant;

use super::backoff::{Backoff, retry_after};
use super::body::{self, Reader, Stopped};
use super::call::{Accept, Call};
use super::judge::{CameBack, Certainty, Limit, Verdict, judge, limit_of, soap_fault};
use super::pace::Pace;
use super::redact::{Redactor, path_template};
use super::transport::{Broken, Transport};
use crate::model::limits;

/// An answer that was read to its end.
#[derive(Debug, Clone)]
pub struct Got {
    pub status: u16,
    pub headers: HeaderMap,
    /// The whole body; of a download only the first bytes, of an error at most
    /// [`limits::ERROR_BODY_BYTES_MAX`].
    pub body: Bytes,
    /// Length of the body.
    pub bytes: u64,
}

impl Got {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// What a call came to after all its repeats.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A success, and what was asked for.
    Done(Got),
    /// 401: the token is not good (any more). Certain: not done.
    Stale(Got),
    /// An answer that is no success.
    Refused(Got, Certainty),
    /// No answer, or one that is of no use.
    Failed(Trouble, Certainty),
}

/// Why there is no useful answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    #[error(transparent)]
    Wire(#[from] Broken),
    #[error("the answer (status {status}) is not {wanted}, it begins `{first_line}`")]
    Unreadable { status: u16, wanted: &'static str, first_line: String },
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    #[error("{0}")]
    Disk(String),
}

/// Tells the time of day.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Is told why and how long a call is going to wait.
pub type Waiting = Arc<dyn Fn(&str, Duration) + Send + Sync>;

/// What a client must be given.
#[derive(Clone)]
pub struct Settings {
    /// Decides the jitter.
    pub seed: u64,
    pub clock: Clock,
    /// Called for waits of a second or more.
    pub waiting: Waiting,
    pub calls_per_second: NonZeroU32,
    /// Without a byte of an answer's body for this long, the answer counts as lost.
    pub idle: Duration,
}

impl Settings {
    /// The usual pace, and nobody who is told of waits.
    pub fn new(seed: u64, clock: Clock) -> Self {
        Self {
            seed,
            clock,
            waiting: Arc::new(|_, _| ()),
            calls_per_second: const {
                match NonZeroU32::new(limits::CALLS_PER_SECOND) {
                    Some(rate) => rate,
                    None => NonZeroU32::MIN,
                }
            },
            idle: Duration::from_secs(limits::IDLE_S),
        }
    }
}

/// The way to one org. Clones share pace, retry budget and counters.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    transport: Arc<dyn Transport>,
    settings: Settings,
    pace: Pace,
    backoff: Mutex<Backoff>,
    redactor: Redactor,
    calls: AtomicU64,
    retries: AtomicU64,
    spared: AtomicU64,
}

/// Where the body of a success goes.
#[derive(Clone, Copy)]
enum Into<'a> {
    Memory,
    File(&'a Path),
}

impl Client {
    pub fn new(transport: Arc<dyn Transport>, settings: Settings) -> Self {
        let inner = Inner {
            transport,
            pace: Pace::new(settings.calls_per_second),
            backoff: Mutex::new(Backoff::new(settings.seed)),
            redactor: Redactor::default(),
            calls: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            spared: AtomicU64::new(0),
            settings,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Sends a call; a success has at most [`limits::JSON_BYTES_MAX`] bytes.
    pub async fn call(&self, call: &Call) -> Reply {
        self.repeat(call, Into::Memory).await
    }

    /// Sends a call and writes the body of a success to `path`, anew with each try.
    ///
    /// The file is neither synced nor renamed; that is the caller's.
    pub async fn download(&self, call: &Call, path: &Path) -> Reply {
        self.repeat(call, Into::File(path)).await
    }

    /// Knows the secrets of this run.
    pub fn redactor(&self) -> &Redactor {
        &self.inner.redactor
    }

    /// What decides by chance.
    pub fn seed(&self) -> u64 {
        self.inner.settings.seed
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        (self.inner.settings.clock)()
    }

    /// Requests sent, repeats included, and repeats.
    pub fn counted(&self) -> (u64, u64) {
        let inner = &self.inner;
        (inner.calls.load(Ordering::Relaxed), inner.retries.load(Ordering::Relaxed))
    }

    /// Answers that asked to be spared: 429 and 503, and that there are too many calls at once.
    pub fn spared(&self) -> u64 {
        self.inner.spared.load(Ordering::Relaxed)
    }

    async fn repeat(&self, call: &Call, into: Into<'_>) -> Reply {
        let mut tries = 1;
        loop {
            let host = call.url.host_str().unwrap_or_default();
            let paused = |pause| {
                self.tell(
                    &format!("`{host}` failed {} times", limits::FAILURES_BEFORE_PAUSE),
                    pause,
                );
            };
            self.inner.pace.turn(paused).await;
            self.inner.calls.fetch_add(1, Ordering::Relaxed);
            let tried = self.attempt(call, into).await;
            self.note_health(&tried);
            let back = came_back(&tried, call.accept);
            if matches!(back, CameBack::Status(429 | 503, _) | CameBack::Status(403, Limit::AtOnce))
            {
                self.inner.spared.fetch_add(1, Ordering::Relaxed);
            }
            let (cost, certainty) = match judge(back, call.repeat) {
                Verdict::RepeatAfter(cost, certainty) => (cost, certainty),
                Verdict::Done => {
                    self.backoff(Backoff::earn);
                    return reply(tried, Reply::Done);
                }
                Verdict::RenewAndRepeat => return reply(tried, Reply::Stale),
                Verdict::GiveUp(certainty) => return given_up(tried, certainty),
            };
            if tries == limits::ATTEMPTS_MAX || !self.backoff(|backoff| backoff.spend(cost)) {
                return given_up(tried, certainty);
            }
            let wait = self.wait_for(&tried, tries);
            self.tell(&format!("`{host}`: {}", reason(&tried)), wait);
            tokio::time::sleep(wait).await;
            self.inner.retries.fetch_add(1, Ordering::Relaxed);
            tries += 1;
        }
    }

    /// One try, logged: method, path without ids and query, status, time. Never bodies or headers.
    async fn attempt(&self, call: &Call, into: Into<'_>) -> Result<Got, Trouble> {
        let start = Instant::now();
        let tried = self.exchange(call, into).await;
        let ms = start.elapsed().as_millis();
        let path = path_template(call.url.path());
        match &tried {
            Ok(got) => {
                let request_id = got.header("x-request-id").unwrap_or_default();
                tracing::debug!(method = %call.method, path, status = got.status, ms, request_id);
            }
            Err(trouble) => {
                let trouble = trouble.to_string();
                let trouble = self.redactor().clean(&trouble);
                tracing::debug!(method = %call.method, path, %trouble, ms);
            }
        }
        tried
    }

    async fn exchange(&self, call: &Call, into: Into<'_>) -> Result<Got, Trouble> {
        let mut request = http::Request::new(call.body.clone());
        *request.method_mut() = call.method.clone();
        *request.headers_mut() = call.headers.clone();
        *request.uri_mut() = call
            .url
            .as_str()
            .parse()
            .map_err(|_| Broken::NotSent(format!("`{}` is no URI", call.url.path())))?;
        let (head, body) = self.inner.transport.send(request).await?.into_parts();
        let status = head.status.as_u16();
        let body = Reader::new(body, &head.headers, self.inner.settings.idle);
        let (body, bytes) = if !head.status.is_success() {
            let body = body::read_start(body, limits::ERROR_BODY_BYTES_MAX).await;
            let bytes = body.len() as u64;
            (body, bytes)
        } else if let Into::File(path) = into {
            let (bytes, head) = body::save(body, path).await?;
            (head, bytes)
        } else {
            let body = body::read(body, limits::JSON_BYTES_MAX).await?;
            let bytes = body.len() as u64;
            (body, bytes)
        };
        let got = Got { status, headers: head.headers, body, bytes };
        if head.status.is_success() { recognize(got, call.accept) } else { Ok(got) }
    }

    fn wait_for(&self, tried: &Result<Got, Trouble>, tries: u32) -> Duration {
        let asked = tried.as_ref().ok().and_then(|got| retry_after(&got.headers, self.now()));
        let own = self.backoff(|backoff| backoff.delay(tries));
        asked.map_or(own, |asked| asked.max(own.min(Duration::from_secs(1))))
    }

    fn note_health(&self, tried: &Result<Got, Trouble>) {
        match tried {
            Ok(got) if got.status < 500 && got.status != 429 => self.inner.pace.succeeded(),
            Err(Trouble::Disk(_) | Trouble::Wire(Broken::Local(_)) | Trouble::TooLong(_)) => (),
            Ok(_) | Err(_) => self.inner.pace.failed(),
        }
    }

    /// Tells of a wait of a second or more.
    pub fn tell(&self, reason: &str, wait: Duration) {
        if wait >= Duration::from_secs(1) {
            (self.inner.settings.waiting)(&self.redactor().clean(reason), wait);
        }
    }

    fn backoff<T>(&self, act: impl FnOnce(&mut Backoff) -> T) -> T {
        act(&mut self.inner.backoff.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl From<Stopped> for Trouble {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Wire(broken) => Self::Wire(broken),
            Stopped::TooLong(bytes) => Self::TooLong(bytes),
            Stopped::Disk(text) => Self::Disk(text),
        }
    }
}

fn came_back(tried: &Result<Got, Trouble>, accept: Accept) -> CameBack<'_> {
    const DISK: &Broken = &Broken::Local(String::new());
    match tried {
        Ok(got) if got.status == 500 && accept == Accept::Xml => {
            soap_fault(&got.body).unwrap_or(CameBack::Status(got.status, Limit::None))
        }
        Ok(got) if got.status >= 400 => CameBack::Status(got.status, limit_of(&got.body)),
        Ok(got) => CameBack::Status(got.status, Limit::None),
        Err(Trouble::Wire(broken)) => CameBack::Broken(broken),
        Err(Trouble::Unreadable { .. }) => CameBack::Unreadable,
        Err(Trouble::TooLong(_)) => CameBack::TooLong,
        Err(Trouble::Disk(_)) => CameBack::Broken(DISK),
    }
}

fn given_up(tried: Result<Got, Trouble>, certainty: Certainty) -> Reply {
    match tried {
        Ok(got) => Reply::Refused(got, certainty),
        Err(trouble) => Reply::Failed(trouble, certainty),
    }
}

/// A reply to a verdict that only an answer gets.
fn reply(tried: Result<Got, Trouble>, make: fn(Got) -> Reply) -> Reply {
    match tried {
        Ok(got) => make(got),
        Err(trouble) => Reply::Failed(trouble, Certainty::Unknown),
    }
}

fn reason(tried: &Result<Got, Trouble>) -> String {
    match tried {
        Ok(got) if got.status == 429 || got.status == 403 => {
            format!("asked to slow down (status {})", got.status)
        }
        Ok(got) => format!("in trouble (status {})", got.status),
        Err(trouble) => trouble.to_string(),
    }
}

/// A maintenance page with status 200 is no success.
fn recognize(got: Got, accept: Accept) -> Result<Got, Trouble> {
    let media_type = got.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let page = media_type.contains("html") || starts_like_a_page(&got.body);
    let (wanted, good) = match accept {
        Accept::Anything => ("an acknowledgement", !page),
        Accept::Csv => ("CSV", !page),
        Accept::Xml => ("an XML document", !page && ends_like_xml(&got.body)),
        Accept::Json => {
            ("JSON", serde_json::from_slice::<serde::de::IgnoredAny>(&got.body).is_ok())
        }
    };
    if good {
        return Ok(got);
    }
    Err(Trouble::Unreadable { status: got.status, wanted, first_line: first_line(&got.body) })
}

/// Whether a document may be all there: it closes its root, whose name both ends have.
fn ends_like_xml(body: &[u8]) -> bool {
    let body = body.trim_ascii();
    body.starts_with(b"<") && body.ends_with(b"Envelope>")
}

fn starts_like_a_page(body: &[u8]) -> bool {
    let body = body.trim_ascii_start();
    [&b"<!doctype"[..], b"<html"]
        .iter()
        .any(|lead| body.get(..lead.len()).is_some_and(|start| start.eq_ignore_ascii_case(lead)))
}

/// The first line of a body, fit to be shown: at most 80 characters, none of them control.
pub fn first_line(body: &[u8]) -> String {
    let start = &body[..body.len().min(1_024)];
    let text = String::from_utf8_lossy(start);
    let line = text.trim_start().lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests;
