//! What the far side says when it refuses, and what that means for us.

use serde_json::Value;

use super::soap;
use crate::http::client::{Client, Got, first_line};
pub(super) use crate::target::trouble::{TOO_LONG, failed, nonsense, shown};
use crate::target::{Fault, FaultClass};

/// An error body, whatever its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// Such as `INVALIDJOBSTATE`; `HTTP_503` where the body names none.
    pub(super) code: String,
    pub(super) message: String,
}

impl Said {
    /// Reads `[{message, errorCode}]` (REST, Bulk 2.0), `{error, error_description}` (token
    /// endpoint), `{exceptionCode, exceptionMessage}` (Bulk 1.0), a SOAP fault, or shows the first
    /// line.
    pub(super) fn read(status: u16, body: &[u8]) -> Self {
        if let Some((code, message)) = soap::fault(body) {
            return Self { code, message };
        }
        let value: Value = serde_json::from_slice(body).unwrap_or_default();
        let object = value.as_array().and_then(|list| list.first()).unwrap_or(&value);
        let text = |names: [&str; 3]| {
            names.iter().find_map(|name| object.get(name)?.as_str()).map(str::to_owned)
        };
        let code = text(["errorCode", "error", "exceptionCode"]);
        let message = text(["message", "error_description", "exceptionMessage"]);
        let plain = || {
            let line = first_line(body);
            if line.is_empty() { "it says no more".to_owned() } else { format!("it says `{line}`") }
        };
        Self {
            code: code.unwrap_or_else(|| format!("HTTP_{status}")),
            message: message.filter(|text| !text.is_empty()).unwrap_or_else(plain),
        }
    }
}

/// The fault of an answer that is no success. `doing` completes "cannot …".
pub(super) fn refused(client: &Client, doing: &str, host: &str, got: &Got) -> Fault {
    let said = Said::read(got.status, &got.body);
    let class = class_of(got.status, &said);
    let status = got.status;
    let message = if (300..=399).contains(&status) {
        format!(
            "cannot {doing}: `{host}` sends us elsewhere (status {status}), and we do not follow"
        )
    } else {
        let text = shown(&said.message);
        format!("cannot {doing}: `{host}` says: {text} (`{}`, status {status})", shown(&said.code))
    };
    let message = client.redactor().clean(&message).into_owned();
    Fault {
        class,
        status: Some(status),
        hints: hints(class, &said),
        code: client.redactor().clean(&shown(&said.code)).into_owned(),
        message,
    }
}

fn class_of(status: u16, said: &Said) -> FaultClass {
    match said.code.to_ascii_uppercase().replace('_', "").as_str() {
        "REQUESTLIMITEXCEEDED" if is_at_once(said) => return FaultClass::Unavailable,
        "REQUESTLIMITEXCEEDED"
        | "LIMITEXCEEDED"
        | "EXCEEDEDQUOTA"
        | "STORAGELIMITEXCEEDED"
        | "RATELIMITEXCEEDED" => return FaultClass::Limit,
        "SERVERUNAVAILABLE"
        | "APICURRENTLYDISABLED"
        | "QUERYTIMEOUT"
        | "REQUESTRUNNINGTOOLONG"
        | "TOOMANYAPEXREQUESTS"
        | "TXNSECURITYMETERINGERROR"
        | "TXNSECURITYRUNTIMEERROR"
        | "TXNSECURITYAPEXERROR"
        | "INSERTUPDATEDELETENOTALLOWEDDURINGMAINTENANCE" => {
            return FaultClass::Unavailable;
        }
        "INVALIDSESSIONID"
        | "INVALIDAUTHHEADER"
        | "INVALIDLOGIN"
        | "APIDISABLEDFORORG"
        | "APIDISABLED"
        | "FUNCTIONALITYNOTENABLED"
        | "ORGLOCKED"
        | "TRIALEXPIRED"
        | "CLIENTNOTACCESSIBLEFORUSER"
        | "INSUFFICIENTACCESS"
        | "INSUFFICIENTACCESSORREADONLY"
        | "TXNSECURITYNOACCESS"
        | "TRANSACTIONSECURITYBLOCK"
        | "INVALIDUSER"
        | "FEATURENOTENABLED" => return FaultClass::Access,
        "INVALIDJOBSTATE" => return FaultClass::State,
        _ if said.message.contains("multiple contents for job") => return FaultClass::State,
        _ => (),
    }
    match status {
        401 | 403 => FaultClass::Access,
        404 => FaultClass::Gone,
        409 => FaultClass::State,
        406 | 408 | 420 | 429 | 500.. => FaultClass::Unavailable,
        300..=399 => FaultClass::Protocol,
        _ => FaultClass::Refused,
    }
}

/// Too many calls at the same time, which passes by itself; not too many in a day.
fn is_at_once(said: &Said) -> bool {
    said.message.contains("Concurrent")
}

fn hints(class: FaultClass, said: &Said) -> Vec<String> {
    let code = said.code.to_ascii_uppercase();
    let hint = match code.as_str() {
        "REQUEST_LIMIT_EXCEEDED" if is_at_once(said) => {
            "other programs keep the org busy; go on with a lower `--parallel` or later"
        }
        "REQUEST_LIMIT_EXCEEDED" => {
            "the org's API allowance is used up; go on when the last 24 hours have room again"
        }
        "EXCEEDEDQUOTA" | "LIMIT_EXCEEDED" => {
            "a limit of the last 24 hours is used up; go on when they have room again"
        }
        "STORAGE_LIMIT_EXCEEDED" => "the org's data storage is full; free some, then go on",
        "API_DISABLED_FOR_ORG" | "API_DISABLED" => {
            "this edition or user has no API access; the permission is `API Enabled`"
        }
        "FEATURENOTENABLED" => "hard delete needs the user permission `Bulk API Hard Delete`",
        "INVALIDENTITY" => "the Bulk API does not serve this object",
        "INVALID_SESSION_ID" => "sign in again: the session has ended",
        _ if class == FaultClass::Access => {
            "ask an administrator which permission this user or app lacks"
        }
        _ => return Vec::new(),
    };
    vec![hint.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::client::Trouble;
    use crate::http::transport::Broken;
    use crate::target::trouble::SHOWN_CHARS_MAX;

    #[test]
    fn every_form_of_an_error_body() {
        let said =
            |code: &str, message: &str| Said { code: code.to_owned(), message: message.to_owned() };
        for (status, body, expected) in [
            (400, r#"[{"message":"no","errorCode":"INVALIDJOB"}]"#, said("INVALIDJOB", "no")),
            (
                400,
                r#"{"error":"invalid_grant","error_description":"ip restricted"}"#,
                said("invalid_grant", "ip restricted"),
            ),
            (
                400,
                r#"{"exceptionCode":"InvalidBatch","exceptionMessage":"Records not processed"}"#,
                said("InvalidBatch", "Records not processed"),
            ),
            (503, "<html>\n<b>down</b>", said("HTTP_503", "it says `<html>`")),
            (502, "", said("HTTP_502", "it says no more")),
            (400, "[]", said("HTTP_400", "it says `[]`")),
            (
                400,
                r#"[{"errorCode":7,"message":null}]"#,
                Said {
                    code: "HTTP_400".to_owned(),
                    message: "it says `[{\"errorCode\":7,\"message\":null}]`".to_owned(),
                },
            ),
        ] {
            assert_eq!(Said::read(status, body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn a_refused_certificate_is_for_a_person_to_act_on() {
        let wire = crate::http::scripted::Scripted::new([]);
        for (reason, hint) in [
            ("UnknownIssuer", "`LONGSHORE_CA_FILE`"),
            ("certificate expired: verification time 9 (UNIX)", "clock"),
            ("certificate not valid yet: verification time 9 (UNIX)", "clock"),
            ("certificate not valid for name \"a.example\"", "check the host name"),
            ("Revoked", "called back"),
        ] {
            let trouble = Trouble::Wire(Broken::Untrusted(reason.to_owned()));
            let fault = failed(&wire.client(), "sign in", "a.example", &trouble);
            assert_eq!(fault.class, FaultClass::Access);
            assert_eq!(
                fault.message,
                format!("cannot sign in at `a.example`: its certificate is not trusted ({reason})")
            );
            assert!(fault.hints[0].starts_with("nothing was sent; "), "{:?}", fault.hints);
            assert!(fault.hints[0].contains(hint), "{reason}: {:?}", fault.hints);
        }
    }

    #[test]
    fn classes() {
        use FaultClass::{Access, Gone, Limit, Protocol, Refused, State, Unavailable};
        for (status, code, message, class) in [
            (400, "INVALIDJOBSTATE", "", State),
            (400, "CLIENTINPUTERROR", "Found multiple contents for job: <750>, please", State),
            (400, "ExceededQuota", "", Limit),
            (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", Limit),
            (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests Limit exceeded.", Unavailable),
            (403, "HTTP_403", "", Access),
            (400, "API_CURRENTLY_DISABLED", "", Unavailable),
            (400, "FEATURENOTENABLED", "", Access),
            (404, "NOT_FOUND", "", Gone),
            (409, "CONFLICT", "", State),
            (420, "HTTP_420", "", Unavailable),
            (503, "HTTP_503", "", Unavailable),
            (302, "HTTP_302", "", Protocol),
            (400, "MALFORMED_QUERY", "", Refused),
            (413, "HTTP_413", "", Refused),
        ] {
            let said = Said { code: code.to_owned(), message: message.to_owned() };
            assert_eq!(class_of(status, &said), class, "{status} {code}");
        }
    }

    #[test]
    fn foreign_text_is_made_fit_to_show() {
        assert_eq!(shown("\nSELECT  x\u{1b}[31m\n   ^\r\n"), "SELECT x [31m ^");
        assert_eq!(shown(&"é".repeat(1 << 20)).chars().count(), SHOWN_CHARS_MAX + 1);
    }
}
