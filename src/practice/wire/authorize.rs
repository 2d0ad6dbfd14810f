//! The authorization code flow: the address that a browser is sent to, and the trade of its code.
//!
//! The user is signed in to the org already and answers at once, as the application is set up
//! ([`crate::practice::Application`]). A callback that is not known gets no redirect but a page.
//! Source: reference page on Salesforce, 1.2 and 1.5; texts that it does not have are from memory.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;

use super::super::serve::random_text;
use super::oauth::{CLIENT_ID, Form, refuse};
use super::reply::Reply;
use super::{Call, HTML};

/// Scopes that the application may ask for.
const SCOPES: [&str; 6] = ["api", "refresh_token", "offline_access", "id", "openid", "full"];

/// What a code stands for.
#[derive(Debug, Clone)]
pub(super) struct Code {
    redirect_uri: String,
    challenge: Option<String>,
    expires_ms: i64,
    used: bool,
    /// Whether a refresh token comes with it.
    pub(super) refreshes: bool,
}

/// `GET /services/oauth2/authorize`.
pub(super) fn authorize(call: &Call<'_>) -> Reply {
    let application = call.inner.application();
    let redirect_uri = call.param("redirect_uri").unwrap_or_default();
    if call.param("client_id") != Some(CLIENT_ID) {
        return page("invalid_client_id", "client identifier invalid");
    }
    let known = match application.callback_urls.as_slice() {
        [] => is_of_this_machine(redirect_uri),
        urls => urls.iter().any(|url| url == redirect_uri),
    };
    if !known {
        return page("redirect_uri_mismatch", "redirect_uri must match configuration");
    }
    let scopes: Vec<&str> = call.param("scope").unwrap_or("api").split_whitespace().collect();
    let wants_refresh =
        scopes.iter().any(|scope| ["refresh_token", "offline_access"].contains(scope));
    let challenge = call.param("code_challenge").filter(|text| !text.is_empty());
    let refused = if call.param("response_type") != Some("code") {
        Some(("unsupported_response_type", "response type not supported"))
    } else if scopes.iter().any(|scope| !SCOPES.contains(scope))
        || wants_refresh && !application.may_refresh
    {
        Some(("invalid_scope", "the requested scope is not allowed"))
    } else if challenge.is_none() && application.requires_pkce {
        Some(("invalid_request", "missing required code challenge"))
    } else if call.param("code_challenge_method").is_some_and(|method| method != "S256") {
        Some(("invalid_request", "invalid code challenge method"))
    } else if application.user_denies {
        Some(("access_denied", "end-user denied authorization"))
    } else {
        None
    };
    let answer = if let Some((error, description)) = refused {
        vec![("error", error.to_owned()), ("error_description", description.to_owned())]
    } else {
        let code = format!("aPrx{}", random_text(60));
        let kept = Code {
            redirect_uri: redirect_uri.to_owned(),
            challenge: challenge.map(str::to_owned),
            expires_ms: call.inner.clock.now_ms() + i64::from(application.code_seconds) * 1000,
            used: false,
            refreshes: wants_refresh,
        };
        call.inner.tokens.keep_code(&code, kept);
        vec![("code", code)]
    };
    redirect(redirect_uri, answer, call.param("state"))
}

/// What the code stands for, if it may be traded; it is used up then.
pub(super) fn check_code(call: &Call<'_>, form: &Form) -> Result<Code, Reply> {
    let spent = || refuse("invalid_grant", "expired authorization code");
    let text = form
        .get("code")
        .ok_or_else(|| refuse("invalid_request", "missing required parameter: code"))?;
    let now = call.inner.clock.now_ms();
    call.inner.tokens.with_code(text, |code| {
        let Some(code) = code.filter(|code| !code.used && code.expires_ms > now) else {
            return Err(spent());
        };
        if form.get("redirect_uri") != Some(&code.redirect_uri) {
            let text = "redirect_uri must match configuration";
            return Err(refuse("redirect_uri_mismatch", text));
        }
        if let Some(challenge) = &code.challenge {
            let verifier = form.get("code_verifier").unwrap_or_default();
            if challenge_of(verifier) != challenge.trim_end_matches('=') {
                return Err(refuse("invalid_grant", "invalid code verifier"));
            }
        }
        code.used = true;
        Ok(code.clone())
    })
}

/// Source: RFC 7636, 4.2, method S256.
fn challenge_of(verifier: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    URL_SAFE_NO_PAD.encode(digest.as_ref())
}

fn is_of_this_machine(address: &str) -> bool {
    let Ok(url) = url::Url::parse(address) else { return false };
    let here = match url.host() {
        Some(url::Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    here && url.scheme() == "http"
}

fn redirect(to: &str, answer: Vec<(&str, String)>, state: Option<&str>) -> Reply {
    let Ok(mut url) = url::Url::parse(to) else {
        return page("redirect_uri_mismatch", "redirect_uri must match configuration");
    };
    url.query_pairs_mut().extend_pairs(answer).extend_pairs(state.map(|state| ("state", state)));
    let mut reply = Reply::empty(StatusCode::FOUND);
    reply.headers.push(("location", url.into()));
    reply
}

/// What a browser shows where there is nowhere to go back to.
fn page(error: &str, description: &str) -> Reply {
    let text = format!(
        "<!doctype html><title>Error</title><p>error={error}&amp;error_description={description}</p>"
    );
    Reply::text(StatusCode::BAD_REQUEST, HTML, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_of_the_standard() {
        let challenge = challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
        assert_eq!(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn callbacks_of_this_machine() {
        for (address, here) in [
            ("http://localhost:7171/OauthRedirect", true),
            ("http://127.0.0.1:9/x", true),
            ("http://[::1]:9/x", true),
            ("https://localhost:7171/OauthRedirect", false),
            ("http://evil.example/OauthRedirect", false),
            ("nonsense", false),
        ] {
            assert_eq!(is_of_this_machine(address), here, "{address}");
        }
    }
}
