//! Signing in with a browser: what it is sent to, what is made of its return.

use super::*;
use crate::target::salesforce::web::{Answered, WebLogin};

fn login(secret: Option<&str>) -> WebLogin {
    let url = Url::parse("https://test.salesforce.com").unwrap();
    let secret = secret.map(|secret| Secret::new(secret.to_owned()));
    WebLogin::begin(url, "3MVG9.x".to_owned(), secret, 7171).unwrap()
}

fn param(address: &Url, name: &str) -> String {
    let found = address.query_pairs().find(|(key, _)| key == name);
    found.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

#[test]
fn the_address_names_everything_and_no_two_are_alike() {
    let login = login(Some("canary-secret"));
    let address = login.address();
    assert!(!address.as_str().contains("canary"), "{address}");
    assert_eq!(address.path(), "/services/oauth2/authorize");
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "3MVG9.x"),
        ("redirect_uri", "http://localhost:7171/OauthRedirect"),
        ("scope", "api refresh_token"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(param(&address, name), value);
    }
    let other = self::login(None).address();
    for name in ["state", "code_challenge"] {
        assert_eq!(param(&address, name).len(), 43, "{name}");
        assert_ne!(param(&address, name), param(&other, name));
    }
    assert_ne!(param(&address, "state"), param(&address, "code_challenge"));
}

#[test]
fn what_comes_back_counts_only_with_the_state() {
    let login = login(None);
    let state = param(&login.address(), "state");
    for (query, expected) in [
        (format!("code=c%2Bd&state={state}"), "code c+d"),
        (format!("state={state}&code=c"), "code c"),
        ("code=c".to_owned(), "foreign"),
        (format!("code=c&state={state}x"), "foreign"),
        (format!("code=c&state={}", &state[1..]), "foreign"),
        (format!("code=c&state=x&state={state}"), "foreign"),
        (format!("code=c&code=d&state={state}"), "foreign"),
        (format!("code=&state={state}"), "foreign"),
        (format!("state={state}"), "foreign"),
        (String::new(), "foreign"),
        ("error=access_denied".to_owned(), "foreign"),
        (format!("error=access_denied&state={state}"), "access_denied"),
        (format!("error=invalid_scope&error_description=no&code=c&state={state}"), "invalid_scope"),
    ] {
        let found = match login.read(&query) {
            Answered::Code(code) => format!("code {}", code.reveal()),
            Answered::Foreign => "foreign".to_owned(),
            Answered::Refused(fault) => fault.code,
        };
        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_code_is_traded_with_the_verifier_of_its_challenge() {
    use base64::Engine as _;
    for secret in [None, Some("canary-secret")] {
        let login = login(secret);
        let body = format!(
            r#"{{"access_token":"{TOKEN}","refresh_token":"5Aep861","instance_url":"{ORIGIN}"}}"#
        );
        let wire = Scripted::new([Canned::json(200, &body)]);
        let code = Secret::new("aPrx+code".to_owned());
        let traded = login.trade(&wire.client(), &code).await.unwrap();
        assert_eq!(traded.refresh_token.unwrap().reveal(), "5Aep861");
        assert_eq!(traded.instance_url.as_str(), format!("{ORIGIN}/"));
        let asked = wire.asked().remove(0);
        assert_eq!(asked.origin, "https://test.salesforce.com");
        let form: Vec<(String, String)> =
            url::form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect();
        let get = |name: &str| {
            form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
        };
        assert_eq!(get("grant_type"), "authorization_code");
        assert_eq!(get("code"), "aPrx+code");
        assert_eq!(get("redirect_uri"), "http://localhost:7171/OauthRedirect");
        assert_eq!(get("client_secret"), secret.unwrap_or_default());
        let digest =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, get("code_verifier").as_bytes());
        let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest.as_ref());
        assert_eq!(challenge, param(&login.address(), "code_challenge"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_is_not_traded_twice_and_never_led_away() {
    let code = Secret::new("canary-code".to_owned());
    let lost = Canned::broken(Broken::Lost("reset near canary-code".to_owned()));
    let away = format!(r#"{{"access_token":"{TOKEN}","instance_url":"https://evil.example"}}"#);
    for (canned, class) in [
        (lost, FaultClass::Unavailable),
        (Canned::json(200, &away), FaultClass::Access),
        (Canned::json(200, r#"{"access_tokem":"canary"}"#), FaultClass::Protocol),
        (Canned::new(302, "").with("location", "https://evil.example"), FaultClass::Access),
    ] {
        let wire = Scripted::new([canned]);
        let fault = login(None).trade(&wire.client(), &code).await.err().unwrap();
        assert_eq!((fault.class, wire.asked().len()), (class, 1), "{fault}");
        assert!(!format!("{fault:?}").contains("canary"), "{fault:?}");
    }
}
