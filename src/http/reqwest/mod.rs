//! The wire as reqwest speaks it: rustls, HTTP/1.1, no redirects, no repeats of its own.

mod certificates;
mod pieces;

use std::error::Error;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::reqwest::redirect::Policy;
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt as _};
use http_body_util::BodyExt as _;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::transport::{Answer, Body, Broken, Pending, Transport};
use crate::model::limits;

/// What rustls begins with when it refuses a certificate; the reason follows.
const BAD_CERTIFICATE: &str = "invalid peer certificate: ";

/// How long a silence may be.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// To get a connection.
    pub connect: Duration,
    /// While our body goes out: between two pieces that the system takes.
    pub idle: Duration,
    /// From the last piece to the head of the answer.
    pub answer: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(limits::CONNECT_S),
            idle: Duration::from_secs(limits::IDLE_S),
            answer: Duration::from_secs(limits::ANSWER_S),
        }
    }
}

/// Why the transport could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum BadTransport {
    #[error("cannot read the CA file `{}`: {error}", path.display())]
    CaFile { path: PathBuf, error: String },
    #[error("cannot set up TLS: {0}")]
    Tls(String),
}

impl crate::model::failure::Explain for BadTransport {
    fn blame(&self) -> crate::model::failure::Blame {
        crate::model::failure::Blame::Request
    }

    fn hints(&self) -> Vec<String> {
        vec!["a CA file holds one or more certificates in PEM".to_owned()]
    }
}

/// The network.
///
/// Certificates are checked by the platform's verifier; there is no way to turn that off, only to
/// trust one more authority. Loopback hosts are never reached through a proxy. Each way is set up
/// when it is first needed: to read the platform's certificates takes longer than all else that is
/// done before the first byte goes out.
#[derive(Debug, Clone)]
pub struct Reqwest {
    proxied: OnceLock<::reqwest::Client>,
    direct: OnceLock<::reqwest::Client>,
    /// To loopback hosts without TLS.
    plain: OnceLock<::reqwest::Client>,
    certificates: Vec<::reqwest::Certificate>,
    patience: Patience,
}

impl Reqwest {
    /// `ca_file` holds certificates (PEM) to trust besides the platform's.
    pub fn new(patience: Patience, ca_file: Option<&Path>) -> Result<Self, BadTransport> {
        let certificates = ca_file.map(certificates::read).transpose()?.unwrap_or_default();
        let never = OnceLock::new;
        let new =
            Self { proxied: never(), direct: never(), plain: never(), certificates, patience };
        if ca_file.is_some() {
            // What is wrong with a certificate shows only here.
            new.set_up(&new.direct, |builder| new.trusting(builder).no_proxy())
                .map_err(BadTransport::Tls)?;
        }
        Ok(new)
    }

    /// The way to a host.
    fn way_to(&self, url: &::reqwest::Url) -> Result<&::reqwest::Client, String> {
        match (is_loopback(url), url.scheme()) {
            (true, "http") => {
                // No certificate is looked at, so none is read.
                self.set_up(&self.plain, |builder| builder.no_proxy().tls_certs_only([]))
            }
            (true, _) => self.set_up(&self.direct, |builder| self.trusting(builder).no_proxy()),
            (false, _) => self.set_up(&self.proxied, |builder| self.trusting(builder)),
        }
    }

    fn trusting(&self, builder: ::reqwest::ClientBuilder) -> ::reqwest::ClientBuilder {
        builder.tls_certs_merge(self.certificates.iter().cloned())
    }

    fn set_up<'a>(
        &self,
        way: &'a OnceLock<::reqwest::Client>,
        kind: impl FnOnce(::reqwest::ClientBuilder) -> ::reqwest::ClientBuilder,
    ) -> Result<&'a ::reqwest::Client, String> {
        if let Some(client) = way.get() {
            return Ok(client);
        }
        let builder = ::reqwest::Client::builder()
            .user_agent(concat!("longshore/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .referer(false)
            .retry(::reqwest::retry::never())
            .connect_timeout(self.patience.connect)
            .gzip(true)
            .tls_version_min(::reqwest::tls::Version::TLS_1_2);
        let client = kind(builder).build().map_err(|error| chain(&error))?;
        Ok(way.get_or_init(|| client))
    }

    async fn exchange(&self, request: http::Request<Body>) -> Result<Answer, Broken> {
        let (parts, body) = request.into_parts();
        let url = ::reqwest::Url::parse(&parts.uri.to_string())
            .map_err(|error| Broken::NotSent(error.to_string()))?;
        // A platform without certificates trusts nobody, until a person does something.
        let client = self.way_to(&url).map_err(Broken::Untrusted)?;
        let upload = Arc::new(Upload::default());
        let builder = client.request(parts.method, url).headers(parts.headers);
        let builder = match body {
            Body::Empty => builder,
            Body::Bytes(bytes) => builder.body(bytes),
            Body::File { path, bytes } => builder
                .header(http::header::CONTENT_LENGTH, bytes)
                .body(::reqwest::Body::wrap_stream(open(&path, bytes, &upload).await?)),
        };
        let answer = tokio::select! {
            answer = builder.send() => answer.map_err(|error| upload.classify(error))?,
            silence = upload.silence(self.patience) => return Err(silence),
        };
        let answer: http::Response<::reqwest::Body> = answer.into();
        Ok(answer.map(|body| {
            body.map_err(|error| Broken::Lost(chain(&error.without_url()))).boxed_unsync()
        }))
    }
}

impl Transport for Reqwest {
    fn send(&self, request: http::Request<Body>) -> Pending<'_, Result<Answer, Broken>> {
        Box::pin(self.exchange(request))
    }
}

fn is_loopback(url: &::reqwest::Url) -> bool {
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

/// Opens a body file and streams it in pieces of [`limits::BODY_PIECE_BYTES`].
async fn open(
    path: &Path,
    bytes: u64,
    upload: &Arc<Upload>,
) -> Result<impl Stream<Item = std::io::Result<Bytes>> + Send + use<>, Broken> {
    let broken =
        |what: &dyn std::fmt::Display| Broken::Local(format!("`{}`: {what}", path.display()));
    let own = path.to_owned();
    let opening = move || {
        let file = File::open(own)?;
        let length = file.metadata()?.len();
        Ok((file, length))
    };
    let opened = spawn_blocking(opening).await.map_err(std::io::Error::other).flatten();
    let (file, length) = opened.map_err(|error| broken(&error))?;
    if length != bytes {
        return Err(broken(&format!("it has {length} bytes, not {bytes}")));
    }
    let (good, bad) = (Arc::clone(upload), Arc::clone(upload));
    let pieces = pieces::of(file, bytes)
        .inspect_ok(move |piece| good.moved(piece.len()))
        .inspect_err(move |_| bad.failed_here.store(true, Ordering::Relaxed));
    upload.left.store(bytes, Ordering::Relaxed);
    Ok(pieces)
}

/// What is known of a body on its way out.
#[derive(Debug)]
struct Upload {
    start: Instant,
    /// Milliseconds after `start` at which the last piece was taken.
    last_ms: AtomicU64,
    /// Bytes of a file that the system has not taken yet.
    left: AtomicU64,
    failed_here: AtomicBool,
}

impl Default for Upload {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        let failed_here = AtomicBool::new(false);
        Self { start: Instant::now(), last_ms: zero(), left: zero(), failed_here }
    }
}

impl Upload {
    fn moved(&self, bytes: usize) {
        self.left.fetch_sub(bytes as u64, Ordering::Relaxed);
        let passed = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(passed, Ordering::Relaxed);
    }

    /// Ends when nothing has moved for too long.
    async fn silence(&self, patience: Patience) -> Broken {
        loop {
            let sending = self.left.load(Ordering::Relaxed) > 0;
            let patient = if sending { patience.idle } else { patience.answer };
            let bound = patience.connect.max(patient);
            let last = self.start + Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
            tokio::time::sleep_until(last + bound).await;
            let now = self.start + Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
            if now == last {
                return Broken::Lost(format!("no answer for {} s", bound.as_secs()));
            }
        }
    }

    fn classify(&self, error: ::reqwest::Error) -> Broken {
        let error = error.without_url();
        let text = chain(&error);
        if error.is_connect()
            && let Some((_, reason)) = text.split_once(BAD_CERTIFICATE)
        {
            Broken::Untrusted(reason.to_owned())
        } else if error.is_connect() || error.is_builder() {
            Broken::NotSent(text)
        } else if self.failed_here.load(Ordering::Relaxed) {
            Broken::Local(text)
        } else {
            Broken::Lost(text)
        }
    }
}

/// An error and its causes in one line; each cause once.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests;
