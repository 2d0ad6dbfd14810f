//! SOAP, where there is nothing else: `login()` for orgs that still have it, and `undelete()`.
//!
//! An answer is an envelope with status 200, or a fault with status 500. Source: SOAP API, partner
//! WSDL.

pub(super) mod login;
pub(super) mod xml;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};

use self::xml::{Element, escaped};
use super::session::Request;
use super::{Salesforce, errors};
use crate::http::call::{Accept, Repeat};
use crate::model::secret::Secret;
use crate::target::Outcome;

/// Path of the partner API, to be followed by the version.
const PARTNER: &str = "/services/Soap/u/";

/// Makes a call of the partner API; `body` is its element. The answer is what its response holds.
///
/// A fault may come after an effect, so all but the certain ones are unknown.
pub(super) async fn call(
    org: &Salesforce,
    doing: &str,
    name: &'static str,
    body: &str,
) -> Outcome<Element> {
    let request = Request {
        method: Method::POST,
        content_type: Some("text/xml; charset=UTF-8"),
        repeat: Repeat::IfNotDone,
        accept: Accept::Xml,
        header: Some((HeaderName::from_static("soapaction"), HeaderValue::from_static(name))),
        soap: Some(body.to_owned()),
        ..Request::get(doing, format!("{PARTNER}{}", org.api_version()))
    };
    let got = match org.session.send(&request).await {
        Outcome::Done(got) => got,
        Outcome::NotDone(mut fault) | Outcome::Unknown(mut fault)
            if fault.code == "INVALID_SESSION_ID" =>
        {
            fault.hints.push(
                "SOAP takes no access token that is a JSON web token: let the app issue opaque ones"
                    .to_owned(),
            );
            return Outcome::NotDone(fault);
        }
        Outcome::NotDone(fault) => return Outcome::NotDone(fault),
        Outcome::Unknown(fault) => return Outcome::Unknown(fault),
    };
    let answer = Element::read(&got.body).and_then(|mut root| {
        let at = root.children.iter().position(|child| child.name == "Body")?;
        let mut body = root.children.swap_remove(at);
        (!body.children.is_empty()).then(|| body.children.swap_remove(0))
    });
    match answer {
        Some(answer) if answer.name.strip_suffix("Response") == Some(name) => Outcome::Done(answer),
        _ => {
            let text =
                format!("cannot {doing}: `{}` has answered in no known way", org.session.host());
            Outcome::Unknown(errors::nonsense(org.session.client(), &text))
        }
    }
}

/// A call of a session; `None` where the token cannot stand in XML.
pub(super) fn with_session(token: &Secret, body: &str) -> Option<Bytes> {
    let token = escaped(token.reveal())?;
    let header = format!("<SessionHeader><sessionId>{token}</sessionId></SessionHeader>");
    Some(Bytes::from(envelope(&header, body)))
}

/// An envelope around a body of the partner API; both parts are XML already.
fn envelope(header: &str, body: &str) -> String {
    let header = match header {
        "" => String::new(),
        header => format!("<env:Header>{header}</env:Header>"),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <env:Envelope xmlns:env=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns=\"urn:partner.soap.sforce.com\">\
         {header}<env:Body>{body}</env:Body></env:Envelope>"
    )
}

/// The code and the message of a SOAP fault, such as `INVALID_LOGIN`; `None` for other bodies.
pub(super) fn fault(body: &[u8]) -> Option<(String, String)> {
    if !body.trim_ascii_start().starts_with(b"<") {
        return None;
    }
    let root = Element::read(body)?;
    let fault = root.at(&["Body", "Fault"])?;
    let detail = |name: &str| Some(fault.child("detail")?.anywhere(name)?.text.clone());
    let plain = fault.text_of("faultcode").unwrap_or_default();
    let plain = plain.rsplit(':').next().unwrap_or_default().to_owned();
    let code = detail("exceptionCode").filter(|code| !code.is_empty()).unwrap_or(plain);
    let text = fault.text_of("faultstring").unwrap_or_default();
    let text = text.strip_prefix(&format!("{code}: ")).unwrap_or(text);
    let message = detail("exceptionMessage").filter(|text| !text.is_empty());
    Some((code, message.unwrap_or_else(|| text.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(fault: &str) -> String {
        format!(
            "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\">\
             <soapenv:Body><soapenv:Fault>{fault}</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
        )
    }

    #[test]
    fn faults_with_and_without_detail() {
        let plain = "<faultcode>sf:INVALID_SESSION_ID</faultcode><faultstring>INVALID_SESSION_ID: \
                     Illegal Session</faultstring>";
        let detail = "<faultcode>sf:X</faultcode><faultstring>X: short</faultstring><detail>\
                      <sf:LoginFault><sf:exceptionCode>PASSWORD_LOCKOUT</sf:exceptionCode>\
                      <sf:exceptionMessage>locked &amp; out</sf:exceptionMessage></sf:LoginFault>\
                      </detail>";
        for (text, code, message) in [
            (body(plain), "INVALID_SESSION_ID", "Illegal Session"),
            (body(detail), "PASSWORD_LOCKOUT", "locked & out"),
            (body("<faultcode>soapenv:Client</faultcode>"), "Client", ""),
        ] {
            assert_eq!(fault(text.as_bytes()), Some((code.to_owned(), message.to_owned())));
        }
        for text in ["<html>down</html>", "{}", "", "<a><Body><Fault/></Body>"] {
            assert_eq!(fault(text.as_bytes()), None, "{text}");
        }
    }
}
