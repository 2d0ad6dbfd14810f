//! Calls that brought no useful answer, and foreign text in messages; alike for every far side.

use crate::http::client::{Client, Trouble};
use crate::http::transport::Broken;
use crate::target::{Fault, FaultClass};

/// Characters of a foreign text that a message shows at most.
pub(in crate::target) const SHOWN_CHARS_MAX: usize = 600;

/// The fault of an answer that did not come or is of no use.
pub(in crate::target) fn failed(
    client: &Client,
    doing: &str,
    host: &str,
    trouble: &Trouble,
) -> Fault {
    let (class, code) = match trouble {
        Trouble::Wire(Broken::NotSent(_)) => (FaultClass::Unavailable, "NOT_CONNECTED"),
        Trouble::Wire(Broken::Untrusted(_)) => (FaultClass::Access, "UNTRUSTED_CERTIFICATE"),
        Trouble::Wire(Broken::Lost(_)) => (FaultClass::Unavailable, "ANSWER_LOST"),
        Trouble::Wire(Broken::Local(_)) | Trouble::Disk(_) => (FaultClass::Disk, "LOCAL_FILE"),
        Trouble::Unreadable { .. } => (FaultClass::Protocol, "UNREADABLE_ANSWER"),
        Trouble::TooLong(_) => (FaultClass::Protocol, TOO_LONG),
    };
    let text = trouble.to_string();
    let message = format!("cannot {doing} at `{host}`: {}", shown(&text));
    let hint = match trouble {
        Trouble::Wire(Broken::Untrusted(reason)) => Some(untrusted(reason)),
        Trouble::Wire(Broken::NotSent(_)) => {
            Some("check the host name, the network, and `HTTPS_PROXY` if there is a proxy")
        }
        Trouble::Unreadable { .. } => {
            Some("this may be a maintenance page or a proxy's; try the URL in a browser")
        }
        _ => None,
    };
    Fault {
        class,
        status: None,
        code: code.to_owned(),
        message: client.redactor().clean(&message).into_owned(),
        hints: hint.into_iter().map(str::to_owned).collect(),
    }
}

/// The way out, by what rustls says about a certificate. Nothing was sent in any of the cases.
fn untrusted(reason: &str) -> &'static str {
    let reason = reason.to_ascii_lowercase();
    if reason.contains("expired") || reason.contains("not valid yet") {
        "nothing was sent; check this machine's clock, else the host must renew its certificate"
    } else if reason.contains("name") {
        "nothing was sent; the certificate is for another host: check the host name in the URL"
    } else if reason.contains("revoked") {
        "nothing was sent; the host's certificate was called back: ask those who run it"
    } else {
        "nothing was sent; if the host is right (a company proxy, a practice org with `--tls`), \
         name the file with the certificate in `LONGSHORE_CA_FILE`"
    }
}

/// Code of the fault of an answer that is too long to be held.
pub(in crate::target) const TOO_LONG: &str = "ANSWER_TOO_LONG";

/// A fault of our own making, such as an answer that makes no sense.
pub(in crate::target) fn nonsense(client: &Client, message: &str) -> Fault {
    Fault {
        class: FaultClass::Protocol,
        status: None,
        code: "UNREADABLE_ANSWER".to_owned(),
        message: client.redactor().clean(&shown(message)).into_owned(),
        hints: Vec::new(),
    }
}

/// Foreign text as it may stand in a message: one line, no control characters, not endless.
pub(in crate::target) fn shown(text: &str) -> String {
    let words: Vec<_> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    let line = words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if line.chars().count() <= SHOWN_CHARS_MAX {
        return line;
    }
    line.chars().take(SHOWN_CHARS_MAX).chain(['…']).collect()
}
