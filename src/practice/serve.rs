//! The practice org as something that answers HTTP, in this process or on a loopback port.

use std::collections::hash_map::RandomState;
use std::error::Error;
use std::hash::BuildHasher;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::application::Application;
use super::clock::Clock;
use super::jobs::{self, Jobs};
use super::mischief::Mischief;
use super::org::Org;
use super::tenant::{self, Tenant};
use super::tls::Tls;
use super::wire;
use super::wire::limits::Meter;
use super::wire::oauth::Tokens;
use super::wire::query::Cursors;

/// What goes wrong in a body.
pub type BoxedError = Box<dyn Error + Send + Sync>;

/// The body of a request or an answer, streamed.
pub type Body = UnsyncBoxBody<Bytes, BoxedError>;

/// Marks an answer that must not arrive: whoever carries it breaks the connection instead.
///
/// It is an extension of the response that [`Practice::call`] gives; [`serve`] closes the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped;

/// Marks requests that came over TLS, so that the org can spell its own address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Secure;

/// Jobs that are worked off at the same time.
const SLOTS: usize = 2;

/// How slowly jobs are worked off, so that a person sees progress.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// How long a job waits in the queue.
    pub queued: Duration,
    /// How long each transaction of 200 rows (or 1,000 rows of a query) takes beyond its work.
    pub transaction: Duration,
}

/// A practice org that answers requests. Cheap to clone; clones are one org.
///
/// When the last clone goes, the background stops between two transactions; the unfinished jobs of
/// a kept org go on when it is opened again.
#[derive(Clone)]
pub struct Practice {
    handle: Arc<Handle>,
}

struct Handle {
    inner: Arc<Inner>,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

/// What all requests and the background share.
pub(super) struct Inner {
    pub(super) org: Org,
    pub(super) tenant: Option<Tenant>,
    pub(super) jobs: Jobs,
    pub(super) tokens: Tokens,
    pub(super) mischief: Mischief,
    pub(super) clock: Clock,
    pub(super) meter: Meter,
    pub(super) cursors: Cursors,
    application: Mutex<Application>,
    pace: Mutex<Pace>,
}

impl Inner {
    pub(super) fn pace(&self) -> Pace {
        *self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How the application is set up now.
    pub(super) fn application(&self) -> Application {
        self.application.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_application(&self, application: Application) {
        *self.application.lock().unwrap_or_else(PoisonError::into_inner) = application;
    }

    /// The description of an object; null when there is none.
    pub(super) fn describe(&self, object: &str) -> Arc<Value> {
        self.org.describe(object).unwrap_or_default()
    }
}

impl Practice {
    /// Opens the wire of an org. Jobs are kept with a kept org, and unfinished ones go on at once.
    pub fn new(org: Org) -> io::Result<Self> {
        Self::of(org, None, Clock::default())
    }

    /// An org and an Auth0 tenant behind one port; the tenant has `/api/v2/` and `/oauth/token`.
    pub fn with_tenant(org: Org, tenant: Tenant) -> io::Result<Self> {
        Self::of(org, Some(tenant), Clock::default())
    }

    /// The same with a clock of the caller's.
    pub fn of(org: Org, tenant: Option<Tenant>, clock: Clock) -> io::Result<Self> {
        let this = Self::idle(org, tenant, clock)?;
        let mut workers = Vec::new();
        for slot in 0..this.slots() {
            let inner = Arc::clone(&this.handle.inner);
            let name = format!("practice-{slot}");
            workers.push(Builder::new().name(name).spawn(move || jobs::work(&inner))?);
        }
        *this.handle.workers.lock().unwrap_or_else(PoisonError::into_inner) = workers;
        Ok(this)
    }

    /// The same without threads of its own: jobs go on only when [`Practice::step`] is called, so
    /// that whoever calls it owns the time.
    pub fn stepped(org: Org) -> io::Result<Self> {
        Self::idle(org, None, Clock::default())
    }

    /// How many jobs are worked off at the same time.
    fn slots(&self) -> usize {
        let locks = &self.org().switches().row_locks;
        if locks.on { locks.workers.max(1) } else { SLOTS }
    }

    fn idle(org: Org, tenant: Option<Tenant>, clock: Clock) -> io::Result<Self> {
        let jobs = Jobs::open(org.dir())?;
        let meter = Meter::of(org.switches());
        let inner = Arc::new(Inner {
            org,
            tenant,
            jobs,
            tokens: Tokens::default(),
            mischief: Mischief::default(),
            clock,
            meter,
            cursors: Cursors::default(),
            application: Mutex::default(),
            pace: Mutex::default(),
        });
        Ok(Self { handle: Arc::new(Handle { inner, workers: Mutex::default() }) })
    }

    /// Takes the oldest waiting job up, or works it off if it was taken up before; `false` when
    /// none waits. For an org that was made by [`Practice::stepped`].
    pub fn step(&self) -> bool {
        jobs::step(&self.handle.inner)
    }

    /// Answers one request in this process, without a socket.
    ///
    /// The answer to a request that mischief has lost carries [`Dropped`].
    pub async fn call(&self, request: Request<Body>) -> Response<Body> {
        let inner = &self.handle.inner;
        match &inner.tenant {
            Some(tenant) if tenant::is_ours(request.uri().path()) => {
                tenant::answer(inner, tenant, request).await
            }
            _ => wire::answer(inner, request).await,
        }
    }

    pub fn org(&self) -> &Org {
        &self.handle.inner.org
    }

    pub fn tenant(&self) -> Option<&Tenant> {
        self.handle.inner.tenant.as_ref()
    }

    pub fn mischief(&self) -> &Mischief {
        &self.handle.inner.mischief
    }

    pub fn clock(&self) -> &Clock {
        &self.handle.inner.clock
    }

    /// The folder with a job's files.
    pub fn job_folder(&self, id: &str) -> PathBuf {
        self.handle.inner.jobs.file(id, "")
    }

    /// What row locks have come to so far.
    pub fn locks_told(&self) -> jobs::LocksTold {
        self.handle.inner.jobs.locks.told()
    }

    /// Takes parents as somebody else would, until what it gives goes; keys in small letters.
    ///
    /// Panics if a job has one of them.
    pub fn hold_locks(&self, parents: &[&str]) -> jobs::LocksHeld<'_> {
        let parents = parents.iter().map(|&parent| parent.to_owned()).collect();
        let taken = self.handle.inner.jobs.locks.take("somebody", parents, Duration::ZERO);
        taken.unwrap_or_else(|busy| panic!("taken already: {}", busy.join(", ")))
    }

    /// Makes jobs slower from now on.
    pub fn set_pace(&self, pace: Pace) {
        *self.handle.inner.pace.lock().unwrap_or_else(PoisonError::into_inner) = pace;
    }

    /// Sets the application up from now on.
    pub fn set_application(&self, application: Application) {
        self.handle.inner.set_application(application);
    }

    /// How the application is set up.
    pub fn application(&self) -> Application {
        self.handle.inner.application()
    }

    /// Every access token, refresh token and code that was ever given out.
    pub fn issued(&self) -> Vec<String> {
        self.handle.inner.tokens.issued()
    }

    /// A refresh token of the administrator.
    pub fn issue_refresh_token(&self) -> String {
        self.handle.inner.tokens.issue_refresh()
    }

    /// Whether a refresh token can be used.
    pub fn is_good(&self, refresh_token: &str) -> bool {
        self.handle.inner.tokens.is_good(refresh_token)
    }

    /// An access token of the administrator, for callers in this process that need no sign-in.
    pub fn issue_token(&self) -> String {
        let inner = &self.handle.inner;
        inner.tokens.issue(&inner.org.org_id(), inner.clock.now_ms())
    }

    /// An access token of the tenant with these scopes; none when there is no tenant.
    pub fn issue_tenant_token(&self, scopes: &[&str]) -> Option<String> {
        let inner = &self.handle.inner;
        inner.tenant.as_ref().map(|tenant| tenant.issue_token(scopes, inner.clock.now_ms()))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.inner.jobs.queue.stop();
        let workers = self.workers.get_mut().unwrap_or_else(PoisonError::into_inner);
        for worker in workers.drain(..) {
            if worker.join().is_err() {
                tracing::error!("a thread of the practice org panicked");
            }
        }
    }
}

/// Serves the org on a loopback port until `stop`; other addresses are refused.
///
/// HTTP/1.1 with keep-alive. A request whose `Host` or `Origin` is not loopback is refused, so that
/// no
/// web page reaches the org, be it by a name of its own. What is under way at `stop` is finished.
pub async fn serve(
    practice: Practice,
    listener: TcpListener,
    tls: Option<Tls>,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        let text = format!("the practice org listens on loopback only, not on `{address}`");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    let (stopper, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                let stream = match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        tracing::warn!(%error, "a connection was not accepted");
                        continue;
                    }
                };
                let (practice, tls, stopped) = (practice.clone(), tls.clone(), stopped.clone());
                connections.spawn(async move {
                    match tls {
                        None => converse(practice, stream, false, stopped).await,
                        Some(tls) => match tls.acceptor().accept(stream).await {
                            Ok(stream) => converse(practice, stream, true, stopped).await,
                            Err(error) => tracing::debug!(%error, "no TLS"),
                        },
                    }
                });
            }
        }
    }
    stopper.send_replace(true);
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// One connection, for as long as it lives.
async fn converse<S>(
    practice: Practice,
    stream: S,
    secure: bool,
    mut stopped: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |mut request: Request<hyper::body::Incoming>| {
        let practice = practice.clone();
        async move {
            if !is_local(&request) {
                return Ok(wire::forbidden_host());
            }
            if secure {
                request.extensions_mut().insert(Secure);
            }
            let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
            let answer = practice.call(request).await;
            if answer.extensions().get::<Dropped>().is_some() {
                return Err(io::Error::from(io::ErrorKind::ConnectionReset));
            }
            Ok(answer)
        }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).max_buf_size(1 << 18).half_close(false);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = async { drop(stopped.wait_for(|stopped| *stopped).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection broke");
    }
}

fn is_local<B>(request: &Request<B>) -> bool {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let host = request.uri().host().or_else(|| header(http::header::HOST));
    let origin = header(http::header::ORIGIN);
    host.is_none_or(is_loopback)
        && origin.is_none_or(|origin| {
            origin.split_once("://").is_some_and(|(_, authority)| is_loopback(authority))
        })
}

/// Whether `name:port` is this machine, by name or number.
fn is_loopback(authority: &str) -> bool {
    let Ok(authority) = authority.parse::<http::uri::Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    // With a dot at its end the name is the same, written in full.
    name.strip_suffix('.').unwrap_or(name).eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Letters and digits that nobody can guess.
pub(super) fn random_text(length: usize) -> String {
    let mut text = String::new();
    while text.len() < length {
        // The hasher is seeded by the system's random numbers; BLAKE3 spreads them.
        let seed = (RandomState::new().hash_one(text.len()), RandomState::new().hash_one(0_u8));
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&seed.0.to_le_bytes());
        bytes[8..].copy_from_slice(&seed.1.to_le_bytes());
        text.push_str(blake3::hash(&bytes).to_hex().as_str());
    }
    text.truncate(length);
    text
}

/// An answer with a status and nothing else.
pub(super) fn bare(status: StatusCode) -> Response<Body> {
    let body = http_body_util::Empty::new().map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
