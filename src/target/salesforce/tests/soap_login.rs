//! SOAP `login()`: what is sent where, what is believed, and what people are told.

use super::*;

const PASSWORD: &str = "canary<&\"pass>";

fn with_password() -> SignIn {
    with_grant(Grant::Password {
        username: "jo&co@acme.example".to_owned(),
        password: Secret::new(PASSWORD.to_owned()),
    })
}

fn session(token: &str, server: &str, expired: bool) -> Canned {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns=\"urn:partner.soap.sforce.com\"><soapenv:Body><loginResponse><result>\
         <passwordExpired>{expired}</passwordExpired><serverUrl>{server}</serverUrl>\
         <sessionId>{token}</sessionId><userId>0058c00000Zw4ReAAJ</userId><userInfo>\
         <organizationId>00D8c00000Hn2PqEAJ</organizationId></userInfo></result></loginResponse>\
         </soapenv:Body></soapenv:Envelope>"
    );
    Canned::new(200, text).with("content-type", "text/xml;charset=UTF-8")
}

fn home() -> String {
    format!("{ORIGIN}/services/Soap/u/64.0/00D8c00000Hn2Pq")
}

fn refused(code: &str, message: &str) -> Canned {
    let text = format!(
        "<soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:sf=\"urn:fault.partner.soap.sforce.com\"><soapenv:Body><soapenv:Fault><faultcode>\
         sf:{code}</faultcode><faultstring>{code}: {message}</faultstring><detail><sf:LoginFault>\
         <sf:exceptionCode>{code}</sf:exceptionCode><sf:exceptionMessage>{message}\
         </sf:exceptionMessage></sf:LoginFault></detail></soapenv:Fault></soapenv:Body>\
         </soapenv:Envelope>"
    );
    Canned::new(500, text).with("content-type", "text/xml;charset=UTF-8")
}

#[tokio::test(start_paused = true)]
async fn a_password_is_traded_for_a_session_at_the_login_host() {
    let login_url = Some(Url::parse("https://test.salesforce.com").unwrap());
    let wire = Scripted::new([session(TOKEN, &home(), false), Canned::json(200, VERSIONS)]);
    let sign_in = SignIn { login_url, ..with_password() };
    Salesforce::sign_in(wire.client(), sign_in).await.unwrap();
    let asked = wire.asked();
    assert_eq!(asked[0].line(), "POST /services/Soap/u/64.0");
    assert_eq!(asked[0].origin, "https://test.salesforce.com");
    assert_eq!(asked[0].headers["content-type"], "text/xml; charset=UTF-8");
    assert_eq!(asked[0].headers["soapaction"], "login");
    assert!(asked[0].body.ends_with(
        "<env:Body><login><username>jo&amp;co@acme.example</username><password>\
         canary&lt;&amp;&quot;pass&gt;</password></login></env:Body></env:Envelope>"
    ));
    assert_eq!((asked[1].origin.as_str(), asked.len()), (ORIGIN, 2));
    assert_eq!(asked[1].headers["authorization"], format!("Bearer {TOKEN}"));
}

#[tokio::test(start_paused = true)]
async fn each_refusal_is_told_with_the_way_out_and_never_tried_again() {
    use FaultClass::{Access, Unavailable};
    for (code, message, class, hint) in [
        ("INVALID_LOGIN", "Invalid username, password", Access, "security token"),
        ("LOGIN_MUST_USE_SECURITY_TOKEN", "Invalid", Access, "Reset My Security Token"),
        ("INVALID_OPERATION", "SOAP API login() is disabled by default", Access, "switched off"),
        ("UNSUPPORTED_API_VERSION", "Invalid Api version", Access, "Summer '27"),
        ("API_DISABLED_FOR_ORG", "API is not enabled", Access, "API Enabled"),
        ("PASSWORD_LOCKOUT", "Password lockout", Access, "unlocks"),
        ("INVALID_OPERATION_WITH_EXPIRED_PASSWORD", "expired", Access, "new password"),
        ("LOGIN_DURING_RESTRICTED_DOMAIN", "ip restricted", Access, "address"),
        ("LOGIN_DURING_RESTRICTED_TIME", "hours", Access, "hour"),
        ("ORG_LOCKED", "locked", Access, "locked"),
        ("TRIAL_EXPIRED", "ended", Access, "ended"),
        ("ORG_NOT_OWNED_BY_INSTANCE", "elsewhere", Access, "LONGSHORE_LOGIN_URL"),
        ("INSUFFICIENT_ACCESS", "Use Any API Auth", Access, "Use Any API Auth"),
        ("SOMETHING_NEW", "canary&lt;&amp;&quot;pass&gt;", Access, "login history"),
        ("SERVER_UNAVAILABLE", "down", Unavailable, "later"),
        ("API_CURRENTLY_DISABLED", "upgrade", Unavailable, "later"),
    ] {
        let wire = Scripted::new([refused(code, message)]);
        let fault = Salesforce::sign_in(wire.client(), with_password()).await.err().unwrap();
        assert_eq!((fault.class, fault.code.as_str()), (class, code));
        assert!(fault.hints.iter().any(|text| text.contains(hint)), "{code}: {:?}", fault.hints);
        assert!(fault.message.starts_with("cannot sign in (SOAP login): `acme."), "{fault}");
        assert!(!format!("{fault:?}").contains("canary"), "{fault:?}");
        assert_eq!(wire.asked().len(), 1, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_or_made_by_a_gateway_is_not_followed_by_a_second_try() {
    for canned in [
        Canned::broken(Broken::Lost("reset".to_owned())),
        Canned::new(500, "<html>oops</html>"),
        Canned::new(503, ""),
        Canned::new(200, "<html>login page</html>").with("content-type", "text/html"),
        Canned::new(200, format!("<soapenv:Envelope><sessionId>{TOKEN}")),
    ] {
        let wire = Scripted::new([canned]);
        let fault = Salesforce::sign_in(wire.client(), with_password()).await.err().unwrap();
        assert_ne!(fault.class, FaultClass::Access, "{fault}");
        assert!(!format!("{fault:?}").contains("canary"), "{fault:?}");
        assert_eq!(wire.asked().len(), 1, "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_none_or_points_away_is_not_used() {
    let elsewhere = "https://evil.example/services/Soap/u/64.0/00D";
    for (canned, code) in [
        (session(TOKEN, &home(), true), "PASSWORD_EXPIRED"),
        (session(TOKEN, elsewhere, false), "FOREIGN_ORIGIN"),
        (session(TOKEN, "http://acme.my.salesforce.com/x", false), "FOREIGN_ORIGIN"),
        (session("", &home(), false), "UNREADABLE_ANSWER"),
    ] {
        let wire = Scripted::new([canned]);
        let fault = Salesforce::sign_in(wire.client(), with_password()).await.err().unwrap();
        assert_eq!(fault.code, code);
        assert!(!format!("{fault:?}").contains("canary"), "{fault:?}");
        assert_eq!(wire.asked().len(), 1);
    }
    let control = Grant::Password {
        username: "jo".to_owned(),
        password: Secret::new("canary\u{1}".to_owned()),
    };
    let wire = Scripted::new([]);
    let fault = Salesforce::sign_in(wire.client(), with_grant(control)).await.err().unwrap();
    assert_eq!(fault.message, "the password holds a character that SOAP cannot carry");
    assert_eq!(wire.asked().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_ended_session_is_renewed_by_signing_in_again() {
    let wire = Scripted::new([
        session(TOKEN, &home(), false),
        Canned::json(200, VERSIONS),
        expired(),
        session("00D8c00000Hn2Pq!second", &home(), false),
        Canned::json(200, r#"{"sobjects":[]}"#),
    ]);
    let org = Salesforce::sign_in(wire.client(), with_password()).await.unwrap();
    assert_eq!(org.objects().await, Ok(Vec::new()));
    assert_eq!(wire.asked()[3].line(), "POST /services/Soap/u/64.0");
    assert_eq!(wire.asked()[4].headers["authorization"], "Bearer 00D8c00000Hn2Pq!second");
}
