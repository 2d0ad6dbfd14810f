//! SOAP, partner WSDL: `login()`, `logout()`, `getUserInfo()` and `undelete()`; all that loaders
//! have no other way for, or come in by.
//!
//! Elements of answers have no prefixes, because clients look for `<sessionId>` as text.

mod read;
#[cfg(test)]
mod tests;

use http::{Method, StatusCode};
use quick_xml::escape::escape;

use self::read::Asked;
use super::super::serve::Body;
use super::collections::{Row, apply_rows};
use super::reply::{Refusal, Reply};
use super::{Call, Outcome, read_small};
use crate::practice::org::{Cell, RowError, RowResult, Verb};

const XML: &str = "text/xml;charset=UTF-8";

/// Ids of an `undelete()` at most. Source: SOAP API, limit of 200 records a call.
const IDS_MAX: usize = 200;

/// The last version that has `login()`.
const LOGIN_VERSION_MAX: u32 = 64;

/// Whether a path is one of SOAP, whose refusals are faults.
pub(super) fn is_soap(segments: &[String]) -> bool {
    matches!(segments, [services, soap, ..] if services == "services" && soap == "Soap")
}

/// A refusal as a fault. Source: status 500, the code with the prefix `sf`.
pub(super) fn fault(code: &str, message: &str) -> Reply {
    let (code, message) = (escape(code), escape(message));
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:sf=\"urn:fault.partner.soap.sforce.com\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body><soapenv:Fault>\
         <faultcode>sf:{code}</faultcode><faultstring>{code}: {message}</faultstring><detail>\
         <sf:UnexpectedErrorFault xsi:type=\"sf:UnexpectedErrorFault\"><sf:exceptionCode>{code}\
         </sf:exceptionCode><sf:exceptionMessage>{message}</sf:exceptionMessage>\
         </sf:UnexpectedErrorFault></detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    );
    Reply::text(StatusCode::INTERNAL_SERVER_ERROR, XML, &text)
}

/// A post to `/services/Soap/u/{version}`; an org id may follow.
pub(super) async fn route(call: &Call<'_>, version: &str, body: Body) -> Outcome {
    if call.method != Method::POST {
        return Err(Refusal::method(&call.method));
    }
    let Some(version) = version.split('.').next().and_then(|major| major.parse::<u32>().ok())
    else {
        return Ok(fault("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL"));
    };
    if call.header("soapaction").is_none() {
        return Ok(fault("Client", "SOAPAction HTTP header missing"));
    }
    let asked = match Asked::read(&read_small(body).await?) {
        Ok(asked) => asked,
        Err(why) => return Ok(fault("Client", &format!("cannot read the envelope: {why}"))),
    };
    if asked.call == "login" {
        return Ok(login(call, version, &asked));
    }
    let now = call.inner.clock.now_ms();
    let session = asked.session.as_deref().filter(|token| call.inner.tokens.is_live(token, now));
    let Some(session) = session else {
        let message = "Invalid Session ID found in SessionHeader: Illegal Session";
        return Ok(fault("INVALID_SESSION_ID", message));
    };
    if !call.inner.meter.take_call(now) {
        return Ok(fault("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."));
    }
    Ok(match asked.call.as_str() {
        "getUserInfo" => answer("getUserInfo", &format!("<result>{}</result>", user_info(call))),
        "logout" => {
            call.inner.tokens.end(session);
            answer("logout", "")
        }
        "undelete" => undelete(call, &asked),
        other => fault("INVALID_OPERATION", &format!("the practice org has no call {other}")),
    })
}

fn answer(name: &str, content: &str) -> Reply {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns=\"urn:partner.soap.sforce.com\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>\
         <{name}Response>{content}</{name}Response></soapenv:Body></soapenv:Envelope>"
    );
    Reply::text(StatusCode::OK, XML, &text)
}

fn login(call: &Call<'_>, version: u32, asked: &Asked) -> Reply {
    let org = &call.inner.org;
    let switches = org.switches();
    if version > LOGIN_VERSION_MAX {
        let message = format!("login() is not available in API version {version}.0");
        return fault("INVALID_OPERATION", &message);
    }
    if !switches.soap_login {
        let message = "SOAP API login() is disabled by default in this org.";
        return fault("INVALID_OPERATION", message);
    }
    let given = asked.field("password");
    let known = asked.field("username").eq_ignore_ascii_case(&org.username());
    let rest = given.strip_prefix(super::PASSWORD).filter(|_| known);
    match rest {
        Some(token) if token == switches.security_token => {}
        Some("") => {
            return fault(
                "LOGIN_MUST_USE_SECURITY_TOKEN",
                "Invalid username, password, security token; or user locked out. Are you at a new \
                 location?",
            );
        }
        _ => {
            let message = "Invalid username, password, security token; or user locked out.";
            return fault("INVALID_LOGIN", message);
        }
    }
    let id = org.org_id();
    let server = |kind: &str| {
        let short = id.get(..15).unwrap_or(&id);
        escape(format!("{}/services/Soap/{kind}/{version}.0/{short}", call.origin)).into_owned()
    };
    let session = call.inner.tokens.issue(&id, call.inner.clock.now_ms());
    answer(
        "login",
        &format!(
            "<result><metadataServerUrl>{}</metadataServerUrl><passwordExpired>{}\
             </passwordExpired><sandbox>{}</sandbox><serverUrl>{}</serverUrl><sessionId>{session}\
             </sessionId><userId>{}</userId><userInfo>{}</userInfo></result>",
            server("m"),
            switches.password_expired,
            !org.is_production(),
            server("u"),
            org.user_id(),
            user_info(call),
        ),
    )
}

/// The members of a `GetUserInfoResult`, in the order of the WSDL.
fn user_info(call: &Call<'_>) -> String {
    let org = &call.inner.org;
    let (id, user, name) = (org.org_id(), org.user_id(), org.username());
    format!(
        "<accessibilityMode>false</accessibilityMode><currencySymbol>$</currencySymbol>\
         <orgAttachmentFileSizeLimit>26214400</orgAttachmentFileSizeLimit>\
         <orgDefaultCurrencyIsoCode>USD</orgDefaultCurrencyIsoCode>\
         <orgDisallowHtmlAttachments>false</orgDisallowHtmlAttachments>\
         <orgHasPersonAccounts>false</orgHasPersonAccounts><organizationId>{id}</organizationId>\
         <organizationMultiCurrency>false</organizationMultiCurrency>\
         <organizationName>Practice Org</organizationName><profileId xsi:nil=\"true\"/>\
         <roleId xsi:nil=\"true\"/><sessionSecondsValid>7200</sessionSecondsValid>\
         <userDefaultCurrencyIsoCode xsi:nil=\"true\"/><userEmail>{name}</userEmail>\
         <userFullName>Practice Admin</userFullName><userId>{user}</userId>\
         <userLanguage>en_US</userLanguage><userLocale>en_US</userLocale>\
         <userName>{name}</userName><userTimeZone>Etc/UTC</userTimeZone>\
         <userType>Standard</userType><userUiSkin>Theme3</userUiSkin>",
        name = escape(&name),
    )
}

/// Takes records out of the recycle bin, each on its own, with their ids.
fn undelete(call: &Call<'_>, asked: &Asked) -> Reply {
    let ids: Vec<&str> =
        asked.fields.iter().filter(|(name, _)| name == "ids").map(|(_, id)| id.trim()).collect();
    if ids.len() > IDS_MAX {
        let message = format!(
            "record limit reached. cannot submit more than {IDS_MAX} records into this call"
        );
        return fault("EXCEEDED_ID_LIMIT", &message);
    }
    // Rows of an object go through the org together; ids of no object are refused one by one.
    let mut results = Vec::with_capacity(ids.len());
    let objects: Vec<Option<&'static str>> =
        ids.iter().map(|id| call.inner.org.object_of(id)).collect();
    let mut at = 0;
    for run in objects.chunk_by(|one, other| one == other) {
        let (ids, object) = (&ids[at..at + run.len()], run[0]);
        at += run.len();
        match object {
            Some(object) => {
                let row = |id: &&str| -> Row {
                    (object, vec![("Id".to_owned(), Cell::Text((*id).to_owned()))])
                };
                let rows: Vec<Row> = ids.iter().map(row).collect();
                results.extend(apply_rows(call, &Verb::Undelete, &rows, false));
            }
            None => results.extend(ids.iter().map(|id| malformed(id))),
        }
    }
    let results: String = results.iter().map(spell_result).collect();
    answer("undelete", &results)
}

fn malformed(id: &str) -> RowResult {
    let (code, message) = ("MALFORMED_ID".to_owned(), format!("malformed id {id}"));
    let error = RowError { code, message, fields: Vec::new() };
    RowResult { id: String::new(), created: false, error: Some(error) }
}

fn spell_result(result: &RowResult) -> String {
    let mut text = "<result>".to_owned();
    if let Some(error) = &result.error {
        text.push_str("<errors>");
        for name in &error.fields {
            push(&mut text, "fields", name);
        }
        push(&mut text, "message", &error.message);
        push(&mut text, "statusCode", &error.code);
        text.push_str("</errors>");
    }
    match result.id.as_str() {
        "" => text.push_str("<id xsi:nil=\"true\"/>"),
        id => push(&mut text, "id", id),
    }
    push(&mut text, "success", if result.error.is_none() { "true" } else { "false" });
    text + "</result>"
}

/// An element with a text.
fn push(to: &mut String, name: &str, text: &str) {
    for part in ["<", name, ">", &escape(text), "</", name, ">"] {
        to.push_str(part);
    }
}
