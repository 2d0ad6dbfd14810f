//! A wire for tests: canned answers in a queue, and a record of what was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::{BodyExt as _, Full};
use jiff::Timestamp;

use super::client::{Client, Settings};
use super::transport::{Answer, Body, Broken, Pending, Transport};

/// A request as it was sent.
#[derive(Debug, Clone)]
pub struct Asked {
    pub method: Method,
    /// Scheme, host and port.
    pub origin: String,
    /// Path and query.
    pub path: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Asked {
    /// `METHOD path`.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// One step of the script.
#[derive(Debug, Clone)]
pub struct Canned(Result<Page, Broken>);

type Page = (u16, Vec<(&'static str, String)>, Vec<u8>);

impl Canned {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self(Ok((status, Vec::new(), body.into())))
    }

    pub fn json(status: u16, body: &str) -> Self {
        Self::new(status, body).with("content-type", "application/json;charset=UTF-8")
    }

    pub fn csv(body: &str) -> Self {
        Self::new(200, body).with("content-type", "text/csv")
    }

    pub fn broken(broken: Broken) -> Self {
        Self(Err(broken))
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        if let Ok((_, headers, _)) = &mut self.0 {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

/// The wire. Asked for more than the script holds, it breaks the connection.
#[derive(Debug, Default)]
pub struct Scripted {
    script: Mutex<VecDeque<Canned>>,
    asked: Mutex<Vec<Asked>>,
}

impl Scripted {
    pub fn new(script: impl IntoIterator<Item = Canned>) -> Arc<Self> {
        let script = Mutex::new(script.into_iter().collect());
        Arc::new(Self { script, asked: Mutex::default() })
    }

    /// A client over this wire; its clock stands still and it has no pace to speak of.
    pub fn client(self: &Arc<Self>) -> Client {
        let now: Timestamp = "2026-11-20T09:00:00Z".parse().unwrap();
        let mut settings = Settings::new(1, Arc::new(move || now));
        settings.calls_per_second = 10_000.try_into().unwrap();
        Client::new(Arc::<Self>::clone(self), settings)
    }

    pub fn add(&self, canned: Canned) {
        self.script.lock().unwrap().push_back(canned);
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// `METHOD path` of every request.
    pub fn lines(&self) -> Vec<String> {
        self.asked().iter().map(Asked::line).collect()
    }

    pub fn left(&self) -> usize {
        self.script.lock().unwrap().len()
    }
}

impl Transport for Scripted {
    fn send(&self, request: http::Request<Body>) -> Pending<'_, Result<Answer, Broken>> {
        let (parts, body) = request.into_parts();
        let body = match body {
            Body::Empty => String::new(),
            Body::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Body::File { path, .. } => std::fs::read_to_string(path).unwrap(),
        };
        let origin = format!(
            "{}://{}",
            parts.uri.scheme_str().unwrap_or_default(),
            parts.uri.authority().map_or("", |authority| authority.as_str()),
        );
        let path = parts.uri.path_and_query().map_or("", |path| path.as_str()).to_owned();
        let asked = Asked { method: parts.method, origin, path, headers: parts.headers, body };
        self.asked.lock().unwrap().push(asked);
        let canned = self.script.lock().unwrap().pop_front();
        Box::pin(async move {
            let (status, headers, body) = match canned {
                Some(Canned(step)) => step?,
                None => return Err(Broken::Lost("the script is at its end".to_owned())),
            };
            let mut answer = http::Response::builder().status(status);
            for (name, value) in headers {
                answer = answer.header(name, value);
            }
            let body = Full::new(Bytes::from(body)).map_err(|never| match never {});
            Ok(answer.body(body.boxed_unsync()).unwrap())
        })
    }
}
