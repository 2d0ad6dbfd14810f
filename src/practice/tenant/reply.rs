//! How the Management API answers: its errors, its empty answers, its headers.

use http::{HeaderMap, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::super::serve::Body;
use super::super::wire::reply::{Content, Reply as Spelled};
use super::limiter::Taken;

const JSON: &str = "application/json; charset=utf-8";

/// An answer before it is spelled.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) content: Answer,
}

#[derive(Debug)]
pub(super) enum Answer {
    Nothing,
    Json(Value),
    /// A content type and a body.
    Bytes(&'static str, bytes::Bytes),
}

pub(super) type Outcome = Result<Reply, Refusal>;

impl Reply {
    pub(super) fn json(status: u16, value: Value) -> Self {
        Self { status, headers: Vec::new(), content: Answer::Json(value) }
    }

    pub(super) fn ok(value: Value) -> Self {
        Self::json(200, value)
    }

    /// 201 with an empty object.
    pub(super) fn created() -> Self {
        Self::json(201, json!({}))
    }

    /// 204; the service sends a content type with it. Source: section 2.
    pub(super) fn no_content() -> Self {
        let headers = vec![("content-type", JSON.to_owned())];
        Self { status: 204, headers, content: Answer::Nothing }
    }

    pub(super) fn bytes(kind: &'static str, bytes: impl Into<bytes::Bytes>) -> Self {
        let content = Answer::Bytes(kind, bytes.into());
        Self { status: 200, headers: Vec::new(), content }
    }

    /// Adds the rate headers. Source: section 4.2.
    pub(super) fn with_rate(mut self, taken: Option<Taken>) -> Self {
        if let Some(taken) = taken {
            self.headers.push(("x-ratelimit-limit", taken.limit.to_string()));
            self.headers.push(("x-ratelimit-remaining", taken.remaining.to_string()));
            self.headers.push(("x-ratelimit-reset", taken.reset.to_string()));
        }
        self
    }

    pub(super) fn spell(self, asked: &HeaderMap) -> Response<Body> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let content = match self.content {
            Answer::Nothing => Content::Empty,
            Answer::Json(value) => Content::Text(JSON, value.to_string()),
            Answer::Bytes(kind, bytes) => {
                let length = bytes.len() as u64;
                Content::Stream(kind, super::super::wire::reply::full(bytes), Some(length))
            }
        };
        Spelled { status, headers: self.headers, content }.spell(asked)
    }
}

/// Why a call is refused. Source: section 3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    /// Some answers have none.
    pub(super) code: Option<String>,
    pub(super) message: String,
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Refusal {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        let code = (!code.is_empty()).then(|| code.to_owned());
        Self { status, code, message: message.into(), headers: Vec::new() }
    }

    /// 400 `invalid_body`.
    pub(super) fn payload(text: &str) -> Self {
        Self::new(400, "invalid_body", format!("Payload validation error: {text}."))
    }

    /// 400 `invalid_query_string`.
    pub(super) fn query(text: &str) -> Self {
        Self::new(400, "invalid_query_string", format!("Query validation error: {text}."))
    }

    pub(super) fn no_user() -> Self {
        Self::new(404, "inexistent_user", "The user does not exist.")
    }

    /// Without an error code. Source: section 2.3.
    pub(super) fn no_role() -> Self {
        Self::new(404, "", "The role does not exist.")
    }

    pub(super) fn no_route() -> Self {
        Self::new(404, "", "Not Found")
    }

    pub(super) fn reply(self, status_as_text: bool) -> Reply {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let mut body = Map::new();
        let number =
            if status_as_text { json!(self.status.to_string()) } else { json!(self.status) };
        body.insert("statusCode".to_owned(), number);
        body.insert("error".to_owned(), json!(status.canonical_reason().unwrap_or_default()));
        body.insert("message".to_owned(), json!(self.message));
        if let Some(code) = self.code {
            body.insert("errorCode".to_owned(), json!(code));
        }
        Reply { headers: self.headers, ..Reply::json(self.status, Value::Object(body)) }
    }
}
