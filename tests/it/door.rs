//! A door before the practice org, for what no org would say of itself: it rewrites requests and
//! answers as they pass, and remembers every token that it sees.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use longshore::practice::{Body, BoxedError, Dropped, Practice};
use tokio::net::{TcpListener, TcpStream};

/// A request as the door sees it.
pub struct Asked {
    pub method: String,
    /// Path and query.
    pub path: String,
}

impl Asked {
    pub fn is(&self, method: &str, end: &str) -> bool {
        let path = self.path.split('?').next().unwrap();
        self.method == method && path.ends_with(end)
    }

    /// A question about one ingest job.
    pub fn is_poll(&self) -> bool {
        let job = self.path.rsplit_once("/jobs/ingest/").map(|(_, rest)| rest);
        self.method == "GET" && job.is_some_and(|job| !job.contains('/') && !job.is_empty())
    }
}

/// An answer on its way out.
pub struct Told {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// The connection breaks after so many bytes of the body.
    pub breaks_after: Option<usize>,
}

impl Told {
    pub fn header(&mut self, name: &'static str, value: &str) {
        self.headers.insert(name, value.parse().unwrap());
    }

    /// Another answer altogether.
    pub fn say(&mut self, status: u16, body: &str) {
        self.status = StatusCode::from_u16(status).unwrap();
        self.headers.clear();
        self.header("content-type", "application/json");
        body.as_bytes().clone_into(&mut self.body);
    }

    /// Changes the JSON of the body.
    pub fn json(&mut self, change: impl FnOnce(&mut serde_json::Value)) {
        let mut value = serde_json::from_slice(&self.body).unwrap();
        change(&mut value);
        self.body = value.to_string().into_bytes();
    }
}

/// How a call is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// Not at all.
    None,
    /// The connection is reset before the org sees the request.
    Before,
    /// The org does what it was asked, and the connection is reset before an answer.
    After,
    /// The answer breaks off in the middle of its body.
    Cut,
    /// The session ends while the body of the request is on its way.
    Midway,
}

type Ask = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;
type Tell = Box<dyn Fn(&Asked, &mut Told) -> bool + Send + Sync>;
type Breaking = Box<dyn Fn(&Asked) -> Break + Send + Sync>;

/// What the door does; a plain one does nothing.
pub struct Door {
    ask: Ask,
    tell: Tell,
    breaking: Breaking,
    gzip: bool,
    tokens: Mutex<BTreeSet<String>>,
    struck: Mutex<u64>,
}

impl Door {
    pub fn plain() -> Self {
        Self {
            ask: Box::new(|_| None),
            tell: Box::new(|_, _| false),
            breaking: Box::new(|_| Break::None),
            gzip: false,
            tokens: Mutex::default(),
            struck: Mutex::default(),
        }
    }

    /// Changes answers; says whether it did.
    pub fn telling(tell: impl Fn(&Asked, &mut Told) -> bool + Send + Sync + 'static) -> Self {
        Self { tell: Box::new(tell), ..Self::plain() }
    }

    /// Breaks calls.
    pub fn breaking(breaking: impl Fn(&Asked) -> Break + Send + Sync + 'static) -> Self {
        Self { breaking: Box::new(breaking), ..Self::plain() }
    }

    /// Changes path and query of requests.
    pub fn asking(mut self, ask: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        self.ask = Box::new(ask);
        self
    }

    /// Lets the org compress its answers.
    pub fn zipping(mut self) -> Self {
        self.gzip = true;
        self
    }

    /// Answers that were changed, and calls that were broken.
    pub fn struck(&self) -> u64 {
        *self.struck.lock().unwrap()
    }

    /// Every access token that came in.
    pub fn tokens(&self) -> BTreeSet<String> {
        self.tokens.lock().unwrap().clone()
    }

    /// Serves until the runtime ends.
    pub async fn serve(self: Arc<Self>, practice: Practice, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(Arc::clone(&self).converse(practice.clone(), stream));
        }
    }

    async fn converse(self: Arc<Self>, practice: Practice, stream: TcpStream) {
        let service = service_fn(move |request| {
            let (door, practice) = (Arc::clone(&self), practice.clone());
            async move { door.pass(&practice, request).await }
        });
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.half_close(false);
        // A broken connection is what many tests are about.
        let _ended = builder.serve_connection(TokioIo::new(stream), service).await.is_ok();
    }

    async fn pass(
        &self,
        practice: &Practice,
        mut request: Request<hyper::body::Incoming>,
    ) -> io::Result<Response<Body>> {
        self.note_token(request.headers());
        let path = request.uri().path_and_query().unwrap().to_string();
        if let Some(other) = (self.ask)(&path) {
            *request.uri_mut() = other.parse::<Uri>().unwrap();
        }
        if !self.gzip {
            request.headers_mut().remove("accept-encoding");
        }
        let asked = Asked { method: request.method().to_string(), path };
        let broken_call = (self.breaking)(&asked);
        *self.struck.lock().unwrap() += u64::from(broken_call != Break::None);
        if broken_call == Break::Midway {
            let mut rest = request.into_body();
            let _start = rest.frame().await;
            // A server that closes on unread bytes resets the connection, and the reset may
            // overtake the answer; whoever sends must be able to read what it was told.
            tokio::spawn(async move { while rest.frame().await.is_some() {} });
            let (status, headers) = (StatusCode::UNAUTHORIZED, HeaderMap::new());
            let mut told = Told { status, headers, body: Vec::new(), breaks_after: None };
            told.say(401, r#"[{"errorCode":"INVALID_SESSION_ID","message":"Session expired"}]"#);
            return Ok(told.spell());
        }
        if broken_call == Break::Before {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let request = request.map(|body| body.map_err(Into::into).boxed_unsync());
        let answer = practice.call(request).await;
        if answer.extensions().get::<Dropped>().is_some() || broken_call == Break::After {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let (head, body) = answer.into_parts();
        // What mischief has broken stays broken, with its promised length.
        let mut body = body;
        let (mut bytes, mut broken) = (Vec::new(), None);
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => bytes.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Err(_) => broken = Some(bytes.len()),
            }
            if broken.is_some() {
                break;
            }
        }
        let promised = head.headers.get("content-length").cloned();
        let mut told =
            Told { status: head.status, headers: head.headers, body: bytes, breaks_after: broken };
        if broken_call == Break::Cut {
            told.breaks_after = Some(told.body.len() / 2);
        }
        let struck = (self.tell)(&asked, &mut told);
        *self.struck.lock().unwrap() += u64::from(struck);
        if struck {
            told.headers.remove("content-length");
        } else if let Some(length) = promised {
            told.headers.insert("content-length", length);
        }
        Ok(told.spell())
    }

    fn note_token(&self, headers: &HeaderMap) {
        let text = headers.get("authorization").and_then(|value| value.to_str().ok());
        if let Some((_, token)) = text.and_then(|text| text.split_once(' ')) {
            self.tokens.lock().unwrap().insert(token.to_owned());
        }
    }
}

impl Told {
    fn spell(self) -> Response<Body> {
        let whole = self.body.len();
        let mut response = match self.breaks_after {
            None => Response::new(Full::new(Bytes::from(self.body)).map_err(never).boxed_unsync()),
            Some(length) => {
                let start = Bytes::copy_from_slice(&self.body[..length.min(whole)]);
                let broken: BoxedError = io::Error::from(io::ErrorKind::ConnectionReset).into();
                let frames = futures_util::stream::iter([Ok(Frame::data(start)), Err(broken)]);
                Response::new(BodyExt::boxed_unsync(StreamBody::new(frames)))
            }
        };
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

fn never(never: std::convert::Infallible) -> BoxedError {
    match never {}
}
