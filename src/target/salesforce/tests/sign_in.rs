//! Getting in, staying in, and never telling.

use super::*;

#[tokio::test(start_paused = true)]
async fn client_credentials_are_traded_for_a_token() {
    let wire = Scripted::new([issued(TOKEN, ORIGIN), Canned::json(200, VERSIONS)]);
    let org = Salesforce::sign_in(wire.client(), with_secret()).await.unwrap();
    assert_eq!(org.api_version(), "62.0");
    let asked = wire.asked();
    assert_eq!(asked[0].line(), "POST /services/oauth2/token");
    let form = "grant_type=client_credentials&client_id=3MVG9&client_secret=canary-secret";
    assert_eq!(asked[0].body, form);
    assert_eq!(asked[0].headers["content-type"], "application/x-www-form-urlencoded");
    assert!(!asked[0].headers.contains_key("authorization"));
    assert_eq!(asked[1].headers["authorization"], format!("Bearer {TOKEN}"));
    assert!(asked[1].headers["authorization"].is_sensitive());
}

#[tokio::test(start_paused = true)]
async fn a_jwt_is_signed_for_three_minutes() {
    use base64::Engine as _;
    let login_url = Some(Url::parse("https://test.salesforce.com").unwrap());
    for pem in [
        include_str!("../../../../fixtures/keys/jwt-pkcs1.pem"),
        include_str!("../../../../fixtures/keys/jwt-pkcs8.pem"),
    ] {
        let grant = Grant::JwtBearer {
            client_id: "3MVG9".to_owned(),
            username: "jo@acme.example".to_owned(),
            key: Secret::new(pem.to_owned()),
        };
        let wire = Scripted::new([issued(TOKEN, ORIGIN), Canned::json(200, VERSIONS)]);
        let sign_in = SignIn { login_url: login_url.clone(), ..with_grant(grant) };
        Salesforce::sign_in(wire.client(), sign_in).await.unwrap();
        let asked = wire.asked();
        assert_eq!(asked[0].origin, "https://test.salesforce.com");
        assert_eq!(asked[1].origin, ORIGIN);
        let lead = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
        let assertion = asked[0].body.strip_prefix(lead).unwrap();
        let claims = assertion.split('.').nth(1).unwrap();
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        let now = wire.client().now().as_second();
        let expected = serde_json::json!({
            "iss": "3MVG9",
            "sub": "jo@acme.example",
            "aud": "https://test.salesforce.com",
            "exp": now + 180,
        });
        assert_eq!(claims, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_comes_with_a_secret_only_where_there_is_one() {
    for (secret, form) in [
        (None, "grant_type=refresh_token&client_id=c&refresh_token=5Aep"),
        (Some("s"), "grant_type=refresh_token&client_id=c&refresh_token=5Aep&client_secret=s"),
    ] {
        let grant = Grant::Refresh {
            client_id: "c".to_owned(),
            client_secret: secret.map(|secret| Secret::new(secret.to_owned())),
            refresh_token: Arc::new(Held::new(Secret::new("5Aep".to_owned()))),
        };
        let wire = Scripted::new([issued(TOKEN, ORIGIN), Canned::json(200, VERSIONS)]);
        Salesforce::sign_in(wire.client(), with_grant(grant)).await.unwrap();
        assert_eq!(wire.asked()[0].body, form);
    }
}

#[tokio::test(start_paused = true)]
async fn refused_sign_ins_say_what_to_do() {
    for (status, error, description, class, hint) in [
        (400, "invalid_grant", "no client credentials user enabled", FaultClass::Access, "Run As"),
        (
            400,
            "invalid_grant",
            "request not supported on this domain",
            FaultClass::Access,
            "My Domain",
        ),
        (400, "invalid_grant", "ip restricted", FaultClass::Access, "address"),
        (400, "invalid_client", "invalid client credentials", FaultClass::Access, "CLIENT_ID"),
        (401, "invalid_client", "invalid client credentials", FaultClass::Access, "CLIENT_ID"),
        (400, "rate_limit_exceeded", "login rate exceeded", FaultClass::Limit, "wait"),
        (400, "new_error", "canary-secret", FaultClass::Access, "login history"),
    ] {
        let body = format!(r#"{{"error":"{error}","error_description":"{description}"}}"#);
        let wire = Scripted::new([Canned::json(status, &body)]);
        let fault = Salesforce::sign_in(wire.client(), with_secret()).await.err().unwrap();
        assert_eq!(fault.class, class, "{fault}");
        assert!(fault.hints[0].contains(hint), "{:?}", fault.hints);
        assert!(
            fault.message.starts_with("cannot sign in (client credentials): `acme."),
            "{fault}"
        );
        assert!(!format!("{fault:?}").contains("canary"), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_foreign_instance_gets_no_token() {
    for instance in ["https://evil.example", "http://acme.my.salesforce.com", "https://10.1.2.3"] {
        let wire = Scripted::new([issued(TOKEN, instance)]);
        let fault = Salesforce::sign_in(wire.client(), with_secret()).await.err().unwrap();
        assert_eq!(fault.class, FaultClass::Access);
        assert!(fault.message.contains(instance), "{fault}");
        assert_eq!(wire.asked().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_token_shows_nothing_of_itself() {
    let wire = Scripted::new([Canned::json(200, r#"{"access_tokem":"00D8c00000Hn2Pq!canary"}"#)]);
    let fault = Salesforce::sign_in(wire.client(), with_secret()).await.err().unwrap();
    assert_eq!(
        fault.message,
        "cannot sign in (client credentials): the answer of \
        `acme.my.salesforce.com` holds no token"
    );
}

#[tokio::test(start_paused = true)]
async fn an_ended_session_is_renewed_once() {
    let wire = Scripted::new([
        issued(TOKEN, ORIGIN),
        Canned::json(200, VERSIONS),
        expired(),
        issued("00D8c00000Hn2Pq!second", ORIGIN),
        Canned::json(200, r#"{"sobjects":[]}"#),
        expired(),
        issued("00D8c00000Hn2Pq!third", ORIGIN),
        expired(),
    ]);
    let org = Salesforce::sign_in(wire.client(), with_secret()).await.unwrap();
    assert_eq!(org.objects().await, Ok(Vec::new()));
    assert_eq!(wire.asked()[4].headers["authorization"], "Bearer 00D8c00000Hn2Pq!second");
    let fault = org.objects().await.unwrap_err();
    assert_eq!((fault.class, fault.code.as_str()), (FaultClass::Access, "INVALID_SESSION_ID"));
    assert_eq!((wire.asked().len(), wire.left()), (8, 0));
}

#[tokio::test(start_paused = true)]
async fn what_a_new_token_cannot_heal_ends_at_once() {
    let text = "This session is not valid for use with the REST API";
    let wire = Scripted::new([
        issued(TOKEN, ORIGIN),
        Canned::json(200, VERSIONS),
        refusal(401, "INVALID_SESSION_ID", text),
    ]);
    let org = Salesforce::sign_in(wire.client(), with_secret()).await.unwrap();
    assert_eq!(org.objects().await.unwrap_err().class, FaultClass::Access);
    assert_eq!(wire.asked().len(), 3);

    let (org, wire) = signed_in([expired()]).await;
    let fault = org.objects().await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Access);
    assert!(fault.hints[0].contains("cannot be renewed"), "{:?}", fault.hints);
    assert_eq!(asked(&wire).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_may_not_lead_the_token_away() {
    let wire = Scripted::new([
        issued(TOKEN, ORIGIN),
        Canned::json(200, VERSIONS),
        expired(),
        issued("00D8c00000Hn2Pq!second", "https://evil.example"),
    ]);
    let org = Salesforce::sign_in(wire.client(), with_secret()).await.unwrap();
    assert_eq!(org.objects().await.unwrap_err().code, "FOREIGN_ORIGIN");
    assert!(wire.asked().iter().all(|asked| asked.origin == ORIGIN));
}

#[tokio::test(start_paused = true)]
async fn no_fault_shows_a_secret() {
    let echo = format!("token {TOKEN} and {}", TOKEN.replace('!', "%21"));
    let lost = || Canned::broken(Broken::Lost(format!("cut near {TOKEN}")));
    for canned in [
        vec![refusal(400, "CODE", &echo)],
        vec![Canned::new(403, format!("<html>{echo}"))],
        vec![refusal(401, TOKEN, &echo)],
        vec![Canned::new(302, "").with("location", &format!("https://evil.example/?t={TOKEN}"))],
        vec![lost(), lost(), lost(), lost(), lost()],
        vec![Canned::new(200, format!("<html>{echo}")); 5],
        vec![Canned::json(200, &format!(r#"{{"sobjects":"{echo}"}}"#))],
    ] {
        let (org, wire) = signed_in(canned).await;
        let fault = org.objects().await.unwrap_err();
        assert!(!format!("{fault:?}").contains("canary"), "{fault:?}");
        assert_eq!(wire.left(), 0, "{fault}");
        assert!(wire.asked().iter().all(|asked| asked.origin == ORIGIN));
    }
}

#[tokio::test(start_paused = true)]
async fn facts_survive_missing_permissions() {
    let organization = r#"{"totalSize":1,"done":true,"records":[{"attributes":{},
        "Id":"00D8c00000Hn2PqEAJ","Name":"Acme","IsSandbox":true}]}"#;
    let user = r#"{"user_id":"0058c00000Zw4ReAAJ","organization_id":"00D8c00000Hn2PqEAJ",
        "preferred_username":"jo@acme.example"}"#;
    let (org, _) = signed_in([Canned::json(200, organization), Canned::json(200, user)]).await;
    let facts = org.facts().await.unwrap();
    assert_eq!((facts.name.as_str(), facts.sandbox), ("Acme", Some(true)));
    assert_eq!((facts.username.as_str(), facts.origin.as_str()), ("jo@acme.example", ORIGIN));

    let wire = Scripted::new([
        issued(TOKEN, ORIGIN),
        Canned::json(200, VERSIONS),
        refusal(400, "INVALID_TYPE", "sObject type 'Organization' is not supported."),
        Canned::new(403, "Bad_OAuth_Token"),
    ]);
    let org = Salesforce::sign_in(wire.client(), with_secret()).await.unwrap();
    let facts = org.facts().await.unwrap();
    assert_eq!(facts.id, "00D8c00000Hn2PqEAJ");
    assert_eq!(facts.user_id, "0058c00000Zw4ReAAJ");
    assert_eq!((facts.name.as_str(), facts.sandbox), ("", None));
}
