//! What handlers answer with, and how it becomes bytes.

use std::convert::Infallible;
use std::io::{self, Write};
use std::path::Path;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, BodyStream, Full, StreamBody};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncSeekExt, SeekFrom};
use tokio_util::io::ReaderStream;

use super::super::serve::{Body, BoxedError, bare};

pub(super) const JSON: &str = "application/json;charset=UTF-8";
pub(super) const CSV: &str = "text/csv; charset=UTF-8";

/// Bytes that are read from a result file at once.
const CHUNK: usize = 1 << 16;

/// An answer before it is spelled.
pub(in crate::practice) struct Reply {
    pub(in crate::practice) status: StatusCode,
    pub(in crate::practice) headers: Vec<(&'static str, String)>,
    pub(in crate::practice) content: Content,
}

pub(in crate::practice) enum Content {
    Empty,
    Json(Value),
    Text(&'static str, String),
    /// A streamed body and its length, when known.
    Stream(&'static str, Body, Option<u64>),
}

/// Why a request is refused; the body is the vendor's array of one error.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) fields: Option<Vec<String>>,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, code: code.to_owned(), message: message.into(), fields: None }
    }

    pub(super) fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "The requested resource does not exist")
    }

    pub(super) fn method(method: &http::Method) -> Self {
        let message = format!("HTTP Method '{method}' not allowed");
        Self::new(405, "METHOD_NOT_ALLOWED", message)
    }

    pub(super) fn value(&self) -> Value {
        let mut error = json!({"message": self.message, "errorCode": self.code});
        if let Some(fields) = &self.fields {
            error["fields"] = json!(fields);
        }
        json!([error])
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Self::json(refusal.status, refusal.value())
    }
}

/// Our own disk failed: the service would say that something broke on its side.
impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::new(500, "UNKNOWN_EXCEPTION", format!("An unexpected error occurred: {error}"))
    }
}

impl Reply {
    pub(super) fn json(status: StatusCode, value: Value) -> Self {
        Self { status, headers: Vec::new(), content: Content::Json(value) }
    }

    pub(super) fn ok(value: Value) -> Self {
        Self::json(StatusCode::OK, value)
    }

    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), content: Content::Empty }
    }

    pub(super) fn text(status: StatusCode, kind: &'static str, text: &str) -> Self {
        Self { status, headers: Vec::new(), content: Content::Text(kind, text.to_owned()) }
    }

    /// Bytes `start..end` of a file behind `head`, streamed.
    pub(super) async fn file(
        kind: &'static str,
        head: Vec<u8>,
        path: &Path,
        range: Option<(u64, u64)>,
    ) -> io::Result<Self> {
        let mut file = tokio::fs::File::open(path).await?;
        let (start, end) = match range {
            Some(range) => range,
            None => (0, file.metadata().await?.len()),
        };
        file.seek(SeekFrom::Start(start)).await?;
        let length = head.len() as u64 + (end - start);
        let rest = ReaderStream::with_capacity(file.take(end - start), CHUNK);
        let frames = stream::once(async { Ok(Bytes::from(head)) })
            .chain(rest)
            .map_ok(Frame::data)
            .map_err(BoxedError::from);
        let body = StreamBody::new(frames).boxed_unsync();
        let content = Content::Stream(kind, body, Some(length));
        Ok(Self { status: StatusCode::OK, headers: Vec::new(), content })
    }

    /// Spells the answer as the request's headers ask for.
    pub(in crate::practice) fn spell(self, asked: &HeaderMap) -> Response<Body> {
        let mut response = bare(self.status);
        let (kind, body, length) = match self.content {
            Content::Empty => (None, full(Bytes::new()), Some(0)),
            Content::Json(value) => {
                let text = if is_set(asked, "x-prettyprint") {
                    serde_json::to_vec_pretty(&value)
                } else {
                    serde_json::to_vec(&value)
                };
                let text = Bytes::from(text.unwrap_or_default());
                let length = text.len() as u64;
                (Some(JSON), full(text), Some(length))
            }
            Content::Text(kind, text) => {
                let length = text.len() as u64;
                (Some(kind), full(Bytes::from(text)), Some(length))
            }
            Content::Stream(kind, body, length) => (Some(kind), body, length),
        };
        let headers = response.headers_mut();
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        if let Some(kind) = kind {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        let zip = kind.is_some() && accepts_gzip(asked);
        if zip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        } else if self.status != StatusCode::NO_CONTENT
            && let Some(length) = length
        {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        *response.body_mut() = if zip { gzip(body) } else { body };
        response
    }
}

pub(in crate::practice) fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never: Infallible| match never {}).boxed_unsync()
}

fn is_set(headers: &HeaderMap, name: &str) -> bool {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    matches!(value.trim(), "1" | "true" | "TRUE")
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|coding| coding.split(';').map(str::trim).collect::<Vec<_>>())
        .any(|coding| coding[0].eq_ignore_ascii_case("gzip") && !coding.contains(&"q=0"))
}

/// Compresses a body as it passes.
fn gzip(body: Body) -> Body {
    let state = Some((BodyStream::new(body), GzEncoder::new(Vec::new(), Compression::fast())));
    let frames = stream::try_unfold(state, |state| async move {
        let Some((mut body, mut encoder)) = state else { return Ok(None) };
        loop {
            match body.next().await {
                None => {
                    let last = encoder.finish()?;
                    return Ok(Some((Frame::data(Bytes::from(last)), None)));
                }
                Some(frame) => {
                    let Ok(data) = frame?.into_data() else { continue };
                    encoder.write_all(&data)?;
                    let made = std::mem::take(encoder.get_mut());
                    if !made.is_empty() {
                        let frame = Frame::data(Bytes::from(made));
                        return Ok::<_, BoxedError>(Some((frame, Some((body, encoder)))));
                    }
                }
            }
        }
    });
    StreamBody::new(frames).boxed_unsync()
}

/// Lets `bytes` of a body pass; then it breaks, or ends as if that were all.
pub(in crate::practice) fn cut(body: Body, bytes: u64, breaks: bool) -> Body {
    let state = Some((BodyStream::new(body), bytes));
    let frames = stream::try_unfold(state, move |state| async move {
        let Some((mut body, left)) = state else { return Ok(None) };
        if left == 0 {
            let broken = io::Error::from(io::ErrorKind::ConnectionReset);
            return if breaks { Err(BoxedError::from(broken)) } else { Ok(None) };
        }
        loop {
            let Some(frame) = body.next().await else { return Ok(None) };
            let Ok(mut data) = frame?.into_data() else { continue };
            data.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            let rest = left - data.len() as u64;
            return Ok(Some((Frame::data(data), Some((body, rest)))));
        }
    });
    StreamBody::new(frames).boxed_unsync()
}
