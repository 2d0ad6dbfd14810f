//! SOAP, where there is nothing else: `login()` for orgs that still have it, and `undelete()`.
//!
//! An answer is an envelope with status 200, or a fault with status 500. Source: SOAP API, partner
//! WSDL.

pub(super) mod login;
pub(super) mod xml;

use self::xml::Element;

/// Path of the partner API, to be followed by the version.
const PARTNER: &str = "/services/Soap/u/";

/// An envelope around a body of the partner API; both parts are XML already.
fn envelope(header: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <env:Envelope xmlns:env=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns=\"urn:partner.soap.sforce.com\">\
         <env:Header>{header}</env:Header><env:Body>{body}</env:Body></env:Envelope>"
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
