use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::super::switches::{Scopes, TokenBucket};
use super::super::token::{CLIENT_ID, CLIENT_SECRET, READER_ID, STRANGER_ID};
use super::*;

const AUDIENCE: &str = "http://localhost/api/v2/";

fn form(members: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(members).finish()
}

fn asked<'a>(client: &'a str, secret: &'a str, audience: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("grant_type", "client_credentials"),
        ("client_id", client),
        ("client_secret", secret),
        ("audience", audience),
    ]
}

async fn sign_in(desk: &Desk, kind: &str, body: &str) -> Heard {
    desk.rig.send("POST", "/oauth/token", &[("content-type", kind)], body).await
}

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn a_token_is_given_for_a_form_and_for_json_section_1_1() {
    let desk = desk();
    let members = asked(CLIENT_ID, CLIENT_SECRET, AUDIENCE);
    let json: serde_json::Map<String, Value> =
        members.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    for (kind, body) in [(FORM, form(&members)), ("application/json", json!(json).to_string())] {
        let heard = sign_in(&desk, kind, &body).await;
        let grant = heard.json();
        assert_eq!(
            (&grant["expires_in"], &grant["token_type"]),
            (&json!(86_400), &json!("Bearer"))
        );
        assert_eq!(grant["scope"], SCOPES.join(" "));
        let token = grant["access_token"].as_str().unwrap();
        let claims = token.split('.').nth(1).unwrap();
        let claims: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert_eq!(claims["scope"], grant["scope"]);
        assert_eq!(claims["exp"], NOW / 1_000 + 86_400);
        let bearer = format!("Bearer {token}");
        let call = desk.rig.send("GET", "/api/v2/roles", &[("authorization", &bearer)], "").await;
        assert_eq!(call.status, 200);
    }
}

#[tokio::test]
async fn errors_have_the_shape_of_oauth_section_1_3() {
    let desk = desk();
    for (client, secret, audience, status, text) in [
        ("nobody", CLIENT_SECRET, AUDIENCE, 401, "Unauthorized"),
        (CLIENT_ID, "wrong", AUDIENCE, 401, "Unauthorized"),
        (STRANGER_ID, CLIENT_SECRET, AUDIENCE, 403, "Client is not authorized to access"),
        (
            CLIENT_ID,
            CLIENT_SECRET,
            "http://localhost/api/v2",
            403,
            "Service not found: http://localhost/api/v2",
        ),
        (CLIENT_ID, CLIENT_SECRET, "https://other.example/api/v2/", 403, "Service not found"),
    ] {
        let heard = sign_in(&desk, FORM, &form(&asked(client, secret, audience))).await;
        let body = heard.json();
        assert_eq!((heard.status.as_u16(), &body["error"]), (status, &json!("access_denied")));
        assert!(body["error_description"].as_str().unwrap().starts_with(text), "{body}");
        assert!(body.get("statusCode").is_none());
    }
    let missing = sign_in(&desk, FORM, "grant_type=client_credentials").await;
    assert_eq!(
        (missing.status.as_u16(), &missing.json()["error"]),
        (400, &json!("invalid_request"))
    );
    let other =
        sign_in(&desk, FORM, &form(&[("grant_type", "password"), ("client_id", CLIENT_ID)])).await;
    assert_eq!(
        (other.status.as_u16(), &other.json()["error"]),
        (403, &json!("unsupported_grant_type"))
    );
}

#[tokio::test]
async fn refusals_on_credentials_section_1_4() {
    let desk = desk();
    let short = switched(Switches { token_lifetime_s: 60, ..Switches::default() });
    short.pass(60_000);
    let mut forged = desk.rig.token.clone();
    forged.pop();
    for (desk, header, status, text) in [
        (&desk, None, 401, "Missing authentication"),
        (&desk, Some("Basic eDp5".to_owned()), 400, "Bad HTTP authentication header format"),
        (&desk, Some("Bearer x".to_owned()), 401, "Invalid token"),
        (
            &desk,
            Some(format!("Bearer {forged}")),
            401,
            "Invalid signature received for JSON Web Token validation",
        ),
        (
            &short,
            Some(format!("Bearer {}", short.rig.token)),
            401,
            "Expired token received for JSON Web Token validation",
        ),
    ] {
        let headers: Vec<(&str, &str)> =
            header.iter().map(|value| ("authorization", value.as_str())).collect();
        let heard = desk.rig.send("GET", "/api/v2/users", &headers, "").await;
        assert_eq!((heard.status.as_u16(), message(&heard).as_str()), (status, text));
        assert_eq!(heard.json()["statusCode"], status);
    }
}

#[tokio::test]
async fn a_missing_scope_is_named_section_1_4() {
    let mut desk = desk();
    let grant =
        sign_in(&desk, FORM, &form(&asked(READER_ID, CLIENT_SECRET, AUDIENCE))).await.json();
    grant["access_token"].as_str().unwrap().clone_into(&mut desk.rig.token);
    let user = desk.usual();
    assert_eq!(said(&desk.get(&user_path(&user.id, "/permissions")).await), "200");
    let refused =
        desk.call("DELETE", &user_path(&user.id, "/permissions"), pairs(&[("a", "b")])).await;
    assert_eq!(
        refused.json(),
        json!({"statusCode": 403, "error": "Forbidden",
            "message": "Insufficient scope, expected any of: update:users",
            "errorCode": "insufficient_scope"})
    );
    assert!(desk.effects().is_empty());
}

#[tokio::test]
async fn one_scope_of_a_list_is_enough_or_all_are_wanted_section_1_5() {
    for (scopes, expected) in [(Scopes::Any, "204"), (Scopes::All, "403 insufficient_scope")] {
        let mut desk = switched(Switches { scopes, ..Switches::default() });
        desk.rig.token = desk.rig.practice.issue_tenant_token(&["update:users"]).unwrap();
        let role = desk.tenant().roles()[0].0.clone();
        let path = user_path(&desk.usual().id, "/roles");
        let heard = desk.call("POST", &path, json!({"roles": [role]})).await;
        assert_eq!(said(&heard), expected);
        let mut reads = switched(Switches { scopes, ..Switches::default() });
        reads.rig.token = reads.rig.practice.issue_tenant_token(&["update:roles"]).unwrap();
        let refused = reads.get(&user_path(&reads.usual().id, "/roles")).await;
        assert_eq!(
            message(&refused),
            "Insufficient scope, expected all of: read:users,read:roles,read:role_members"
        );
    }
}

#[tokio::test]
async fn tokens_have_a_quota_section_1_3() {
    let desk = switched(Switches { tokens_per_hour: Some(2), ..Switches::default() });
    let body = form(&asked(CLIENT_ID, CLIENT_SECRET, AUDIENCE));
    for left in [1, 0] {
        let heard = sign_in(&desk, FORM, &body).await;
        let expected = format!("b=per_hour;q=2;r={left};t=3600");
        assert_eq!(heard.header("auth0-client-quota-limit"), expected);
    }
    let refused = sign_in(&desk, FORM, &body).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "3600"));
    assert_eq!(
        refused.json(),
        json!({"error": "too_many_requests", "error_description": "Client quota exceeded"})
    );
    desk.pass(3_600_000);
    assert_eq!(sign_in(&desk, FORM, &body).await.status, 200);
}

#[tokio::test]
async fn the_token_endpoint_has_an_allowance_of_its_own_section_1_3() {
    let desk = switched(Switches { token_bucket: TokenBucket::PerDay, ..Switches::default() });
    let body = form(&asked(CLIENT_ID, CLIENT_SECRET, AUDIENCE));
    let first = sign_in(&desk, FORM, &body).await;
    let told = ["limit", "remaining", "reset"]
        .map(|name| first.header(&format!("x-ratelimit-{name}")).parse::<i64>().unwrap());
    assert_eq!(told, [100, 99, NOW / 1_000 + 864]);
    for _ in 0..99 {
        sign_in(&desk, FORM, &body).await;
    }
    let refused = sign_in(&desk, FORM, &body).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "864"));
}

#[tokio::test]
async fn the_tenant_and_the_org_share_a_port_and_nothing_else() {
    let desk = desk();
    let org = desk.rig.call("GET", "/services/data/v62.0/limits", "").await;
    assert_eq!(org.status, 401);
    let bearer = format!("Bearer {}", desk.rig.practice.issue_token());
    let tenant = desk.rig.send("GET", "/api/v2/users", &[("authorization", &bearer)], "").await;
    assert_eq!(tenant.status, 401);
    assert_eq!(desk.rig.send("GET", "/services/data", &[], "").await.status, 200);
}
