//! Sign-in, renewal, scopes and addresses.

use base64::Engine as _;

use super::*;
use crate::model::schema::FieldSchema;
use crate::model::sign_in::Held;
use crate::target::auth0::session::ApiPath;

fn jwt(claims: &str) -> String {
    let part = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.sig", part("{}"), part(claims))
}

#[tokio::test(start_paused = true)]
async fn a_token_is_asked_for_with_the_audience_and_only_sent_to_the_tenant() {
    let wire = Scripted::new([issued("t1", "read:users", 86_400), apis()]);
    let tenant = open(&wire, with_secret()).await.unwrap();
    tenant.tenant.apis().await.unwrap();
    let asked = wire.asked();
    assert_eq!(asked[0].line(), "POST /oauth/token");
    assert_eq!(
        asked[0].body,
        "grant_type=client_credentials&client_id=c1&client_secret=canary-secret&\
         audience=https%3A%2F%2Facme.eu.auth0.com%2Fapi%2Fv2%2F"
    );
    assert!(!asked[0].headers.contains_key("authorization"));
    assert_eq!(asked[1].origin, ORIGIN);
    assert_eq!(asked[1].headers["authorization"], "Bearer t1");
    assert_eq!(
        asked[1].line(),
        "GET /api/v2/resource-servers?page=0&per_page=100&include_totals=true"
    );
    let facts = tenant.facts().await.unwrap();
    assert_eq!((facts.id.as_str(), facts.user_id.as_str()), ("acme.eu.auth0.com", "c1"));
}

#[tokio::test(start_paused = true)]
async fn what_a_refused_sign_in_is_taken_for() {
    let description =
        |text: &str| format!(r#"{{"error":"access_denied","error_description":"{text}"}}"#);
    for (canned, class, hint) in [
        (
            Canned::json(401, &description("Unauthorized")),
            FaultClass::Access,
            "LONGSHORE_CLIENT_ID",
        ),
        (
            Canned::json(403, &description("Client is not authorized to access x")),
            FaultClass::Access,
            "authorize the application",
        ),
        (
            Canned::json(403, &description("Service not found: https://x")),
            FaultClass::Access,
            "custom domain",
        ),
        (
            Canned::json(403, r#"{"error":"unauthorized_client"}"#),
            FaultClass::Access,
            "client_credentials",
        ),
        (Canned::json(200, r#"{"token_type":"Bearer"}"#), FaultClass::Protocol, ""),
    ] {
        let wire = Scripted::new([canned.clone()]);
        let fault = open(&wire, with_secret()).await.err().unwrap();
        assert_eq!(fault.class, class, "{canned:?}");
        assert!(fault.hints.iter().all(|told| told.contains(hint)), "{:?}", fault.hints);
        assert!(!fault.message.contains("canary"), "{}", fault.message);
    }
    let no_grant = sign_in(Grant::Refresh {
        client_id: "c1".to_owned(),
        client_secret: None,
        refresh_token: Arc::new(Held::new(Secret::new("r".to_owned()))),
    });
    let fault = open(&Scripted::new([]), no_grant).await.err().unwrap();
    assert_eq!(fault.message, "an Auth0 tenant cannot be signed in to with a refresh token");
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_before_its_end_and_once_when_it_is_refused() {
    let expired =
        || Canned::json(401, r#"{"statusCode":401,"error":"Unauthorized","message":"x"}"#);
    // The first is good for less than the leeway, the second is refused, the third is refused too.
    let wire = Scripted::new([
        issued("t1", "read:users", 9),
        issued("t2", "read:users", 86_400),
        expired(),
        issued("t3", "read:users", 86_400),
        apis(),
        expired(),
        issued("t4", "read:users", 86_400),
        expired(),
    ]);
    let tenant = open(&wire, with_secret()).await.unwrap();
    tenant.tenant.apis().await.unwrap();
    let tokens: Vec<_> = wire
        .asked()
        .iter()
        .filter_map(|asked| Some(asked.headers.get("authorization")?.to_str().unwrap().to_owned()))
        .collect();
    assert_eq!(tokens, ["Bearer t2", "Bearer t3"]);
    let fault = tenant.tenant.roles().await.err().unwrap();
    assert_eq!((fault.class, fault.status), (FaultClass::Access, Some(401)));
    assert_eq!(wire.left(), 0, "a second refusal is final");

    let (tenant, wire) = signed_in([expired()]).await;
    let fault = tenant.tenant.apis().await.err().unwrap();
    assert!(fault.hints[0].contains("set a new one"), "{:?}", fault.hints);
    assert_eq!(wire.left(), 0);
}

#[tokio::test(start_paused = true)]
async fn missing_scopes_are_named_before_any_row_is_sent() {
    let object = ObjectName::parse("UserPermission").unwrap();
    let header = ["user_id".to_owned()];
    let scopes = |scope: &str| with_token(&jwt(&format!(r#"{{"scope":"{scope}","azp":"c9"}}"#)));
    for (sign_in, missing) in [
        (scopes("read:users"), "scopes `update:users`, `read:resource_servers`"),
        (scopes("read:users update:users"), "scope `read:resource_servers`"),
        (scopes(""), "scopes `read:users`, `update:users`, `read:resource_servers`"),
    ] {
        let wire = Scripted::new([]);
        let tenant = open(&wire, sign_in).await.unwrap();
        let fault = tenant.load_schema(&object, &header).await.unwrap_err();
        let told = format!(
            "the application lacks the {missing} of the Management API of `acme.eu.auth0.com`"
        );
        assert_eq!((fault.class, fault.message), (FaultClass::Access, told));
        assert!(wire.asked().is_empty());
    }
    let wire = Scripted::new([apis()]);
    let all = scopes("read:users update:users read:resource_servers");
    let tenant = open(&wire, all).await.unwrap();
    assert!(tenant.load_schema(&object, &header).await.is_ok());
    assert_eq!(tenant.facts().await.unwrap().username, "c9");
}

#[test]
fn no_id_shortens_or_changes_an_address() {
    for (id, path) in [
        ("auth0|5f7c", "/api/v2/users/auth0%7C5f7c/permissions"),
        ("samlp|corp|a/b+c@d.e", "/api/v2/users/samlp%7Ccorp%7Ca%2Fb%2Bc%40d.e/permissions"),
        ("a%2Fb?x#y", "/api/v2/users/a%252Fb%3Fx%23y/permissions"),
        ("...", "/api/v2/users/.../permissions"),
        ("é", "/api/v2/users/%C3%A9/permissions"),
    ] {
        let made = ApiPath::of(&["users", id, "permissions"]).unwrap();
        let url = Url::parse(ORIGIN).unwrap().join(made.text()).unwrap();
        assert_eq!(url.path(), path);
    }
    for id in ["", " ", "\t", ".", ".."] {
        assert!(ApiPath::of(&["users", id, "permissions"]).is_err(), "{id:?}");
    }
    let asked = ApiPath::of(&["users-by-email"]).unwrap().with(&[("email", "a&b=c@d"), ("x", "+")]);
    assert_eq!(asked.text(), "/api/v2/users-by-email?email=a%26b%3Dc%40d&x=%2B");
}

#[tokio::test(start_paused = true)]
async fn headers_come_down_to_required_columns() {
    let object = ObjectName::parse("userpermission").unwrap();
    for (header, required) in [
        (vec!["user_id"], Some("user_id")),
        (vec!["Email"], Some("email")),
        (vec!["email", "USER_ID"], None),
        (vec![], Some("user_id")),
    ] {
        let (tenant, _) = signed_in([apis()]).await;
        let header: Vec<String> = header.into_iter().map(str::to_owned).collect();
        let schema = tenant.load_schema(&object, &header).await.unwrap();
        let users = ["user_id", "email"];
        let found: Vec<_> = users
            .into_iter()
            .filter(|name| schema.object.field(name).is_some_and(FieldSchema::is_required))
            .collect();
        assert_eq!(found, required.into_iter().collect::<Vec<_>>(), "{header:?}");
        assert!(schema.object.sends_whole_rows(Operation::Delete));
    }
    let (tenant, _) = signed_in([]).await;
    let fault = tenant.describe(&ObjectName::parse("UserRoles").unwrap()).await.unwrap_err();
    assert_eq!(fault.hints, ["did you mean `UserRole`?"]);
}
