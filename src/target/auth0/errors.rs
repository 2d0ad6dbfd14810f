//! What a tenant says when it refuses, and what that means for us.

use serde::Deserialize;
use serde_json::Value;

use crate::http::client::{Client, Got, first_line};
use crate::target::trouble::shown;
use crate::target::{Fault, FaultClass};

/// An error body of the Management API or of the token endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// Such as `inexistent_user`; where the body names none, a word for the status.
    pub(super) code: String,
    pub(super) message: String,
}

#[derive(Deserialize)]
struct Wire {
    error: Option<Value>,
    message: Option<Value>,
    #[serde(rename = "errorCode")]
    error_code: Option<Value>,
    error_description: Option<Value>,
}

impl Said {
    /// Reads `{statusCode, error, message, errorCode?}` or `{error, error_description}`; a page of
    /// a gateway is told by its first line. Source: reference page on Auth0, 1.3 and 3.
    pub(super) fn read(status: u16, body: &[u8]) -> Self {
        let wire: Option<Wire> = serde_json::from_slice(body).ok();
        let text = |value: Option<Value>| match value {
            Some(Value::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        };
        let (mut code, mut message) = (None, None);
        if let Some(wire) = wire {
            message = text(wire.message).or_else(|| text(wire.error_description));
            // `error` is a code beside a description, and otherwise the words of the status.
            let word = text(wire.error).filter(|word| !word.contains(' '));
            let snake =
                word.filter(|word| word.bytes().all(|b| b == b'_' || b.is_ascii_lowercase()));
            code = text(wire.error_code).or(snake);
        }
        let plain = || {
            let line = first_line(body);
            if line.is_empty() { "it says no more".to_owned() } else { format!("it says `{line}`") }
        };
        Self {
            code: code.unwrap_or_else(|| format!("http_{status}")),
            message: message.unwrap_or_else(plain),
        }
    }
}

/// The fault of an answer that is no success. `doing` completes "cannot …".
pub(super) fn refused(client: &Client, doing: &str, host: &str, got: &Got) -> Fault {
    let said = Said::read(got.status, &got.body);
    let clean = |text: &str| client.redactor().clean(&shown(text)).into_owned();
    let message =
        format!("cannot {doing} at `{host}`: {} (status {})", shown(&said.message), got.status);
    let class = class_of(got.status);
    Fault {
        class,
        status: Some(got.status),
        code: clean(&said.code),
        message: clean(&message),
        hints: hint(class, &said).into_iter().collect(),
    }
}

fn class_of(status: u16) -> FaultClass {
    match status {
        401 | 403 => FaultClass::Access,
        404 => FaultClass::Gone,
        409 => FaultClass::State,
        408 | 429 | 500.. => FaultClass::Unavailable,
        300..=399 => FaultClass::Protocol,
        _ => FaultClass::Refused,
    }
}

fn hint(class: FaultClass, said: &Said) -> Option<String> {
    let hint = match said.code.as_str() {
        "insufficient_scope" => {
            "grant the application these scopes of the Management API (Applications > APIs)"
        }
        "too_many_requests" => {
            "other programs use up the tenant's limit; go on later with `longshore resume`"
        }
        _ if class == FaultClass::Access => {
            "check the application's grant for the Auth0 Management API"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_an_error_body() {
        for (status, body, code, message) in [
            (
                404,
                r#"{"statusCode":404,"error":"Not Found","message":"no user","errorCode":"inexistent_user"}"#,
                "inexistent_user",
                "no user",
            ),
            (
                404,
                r#"{"statusCode":"404","error":"Not Found","message":"The role does not exist."}"#,
                "http_404",
                "The role does not exist.",
            ),
            (
                401,
                r#"{"error":"access_denied","error_description":"Unauthorized"}"#,
                "access_denied",
                "Unauthorized",
            ),
            (
                401,
                r#"{"statusCode":401,"error":"Unauthorized","message":"Invalid token"}"#,
                "http_401",
                "Invalid token",
            ),
            (502, "<html>\n<b>down</b>", "http_502", "it says `<html>`"),
            (504, "", "http_504", "it says no more"),
            (400, r#"{"message":7}"#, "http_400", "it says `{\"message\":7}`"),
        ] {
            let said = Said::read(status, body.as_bytes());
            assert_eq!((said.code.as_str(), said.message.as_str()), (code, message), "{body}");
        }
    }

    #[test]
    fn classes() {
        use FaultClass::{Access, Gone, Protocol, Refused, State, Unavailable};
        for (status, class) in [
            (302, Protocol),
            (400, Refused),
            (401, Access),
            (403, Access),
            (404, Gone),
            (408, Unavailable),
            (409, State),
            (413, Refused),
            (429, Unavailable),
            (500, Unavailable),
            (524, Unavailable),
        ] {
            assert_eq!(class_of(status), class, "{status}");
        }
    }
}
