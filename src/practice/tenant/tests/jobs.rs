use std::io::Read;

use super::super::super::mischief::{Fault, Rule};
use super::*;

const DATABASE: &str = "con_Pr4ct1c3Datab4se";

async fn export(desk: &Desk, body: Value) -> String {
    let made = desk.call("POST", "/jobs/users-exports", body).await;
    assert_eq!(said(&made), "200", "{}", made.text());
    assert_eq!(
        (&made.json()["type"], &made.json()["status"]),
        (&json!("users_export"), &json!("pending"))
    );
    made.json()["id"].as_str().unwrap().to_owned()
}

/// The link of a job that is over, without the host.
async fn link(desk: &Desk, id: &str) -> String {
    let location = desk.get(&format!("/jobs/{id}")).await.json()["location"].clone();
    let location = location.as_str().unwrap().to_owned();
    // Not the host that the client speaks with.
    location.strip_prefix("http://127.0.0.1").unwrap().to_owned()
}

async fn download(desk: &Desk, path: &str) -> String {
    let heard = desk.rig.send("GET", path, &[], "").await;
    assert_eq!(heard.status, 200, "{}", heard.text());
    let mut text = String::new();
    flate2::read::GzDecoder::new(&heard.body[..]).read_to_string(&mut text).unwrap();
    text
}

#[tokio::test]
async fn an_export_has_all_users_section_2_6() {
    let desk = sized(1_130, Switches { plan: Plan::Unlimited, ..Switches::default() });
    let fields =
        json!([{"name": "user_id"}, {"name": "identities[0].connection", "export_as": "provider"}]);
    let id = export(&desk, json!({"format": "json", "fields": fields})).await;
    let states = |desk: Desk| async {
        let info = desk.get(&format!("/jobs/{id}")).await.json();
        (desk, info["status"].clone())
    };
    let (desk, pending) = states(desk).await;
    desk.pass(200);
    let (desk, processing) = states(desk).await;
    desk.pass(300);
    let (desk, completed) = states(desk).await;
    assert_eq!([pending, processing, completed], ["pending", "processing", "completed"]);
    let text = download(&desk, &link(&desk, &id).await).await;
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let expected: Vec<Value> = desk
        .tenant()
        .people()
        .into_iter()
        .map(|person| json!({"user_id": person.id, "provider": person.connection}))
        .collect();
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn an_export_says_of_a_user_what_a_read_says_section_2_6() {
    let desk = desk();
    let paths = [
        ("user_id", "/user_id"),
        ("email", "/email"),
        ("email_verified", "/email_verified"),
        ("name", "/name"),
        ("nickname", "/nickname"),
        ("blocked", "/blocked"),
        ("created_at", "/created_at"),
        ("app_metadata", "/app_metadata"),
        ("identities[0].connection", "/identities/0/connection"),
        ("identities[0].provider", "/identities/0/provider"),
        ("identities[0].user_id", "/identities/0/user_id"),
    ];
    let fields: Vec<Value> = paths.iter().map(|(name, _)| json!({"name": name})).collect();
    let id = export(&desk, json!({"format": "json", "fields": fields})).await;
    desk.pass(500);
    let text = download(&desk, &link(&desk, &id).await).await;
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let read = desk.get(&user_path(line["user_id"].as_str().unwrap(), "")).await.json();
        for (name, pointer) in paths {
            assert_eq!(line.get(name), read.pointer(pointer), "{name}");
        }
    }
    assert_eq!(text.lines().count(), 60);
}

#[tokio::test]
async fn csv_has_an_apostrophe_before_each_text_section_2_6() {
    let desk = desk();
    let plan = json!({"name": "app_metadata.plan", "export_as": "plan"});
    let fields = json!([{"name": "user_id"}, {"name": "email_verified"}, plan]);
    let id = export(&desk, json!({"fields": fields, "limit": 2, "connection_id": DATABASE})).await;
    desk.pass(500);
    let text = download(&desk, &link(&desk, &id).await).await;
    insta::assert_snapshot!(text, @r#"
    "user_id","email_verified","plan"
    "'auth0|7c96524190fec1b235299f3c",true,
    "'auth0|71fcdfc0ca1dd849fd304ccf",true,"'pro"
    "#);
    let many: Vec<Value> = (0..31).map(|_| json!({"name": "email"})).collect();
    let refused = desk.call("POST", "/jobs/users-exports", json!({"fields": many})).await;
    assert_eq!(said(&refused), "400 invalid_body");
    let refused = desk.call("POST", "/jobs/users-exports", json!({"format": "xml"})).await;
    assert!(message(&refused).contains("'No enum match for: xml'"));
}

#[tokio::test]
async fn a_link_expires_and_takes_no_token_section_2_6() {
    let desk = desk();
    let id = export(&desk, json!({"format": "json"})).await;
    desk.pass(500);
    let path = link(&desk, &id).await;
    let with_token = desk.rig.call("GET", &path, "").await;
    assert_eq!(with_token.status, 400);
    assert!(with_token.text().contains("Only one auth mechanism allowed"));
    let forged = format!("{}0", &path[..path.len() - 1]).replace("Signature=", "Signature=x");
    assert_eq!(desk.rig.send("GET", &forged, &[], "").await.status, 403);
    desk.pass(60_000);
    let late = desk.rig.send("GET", &path, &[], "").await;
    assert_eq!((late.status.as_u16(), late.text().contains("Request has expired")), (403, true));
    assert_eq!(download(&desk, &link(&desk, &id).await).await.lines().count(), 60);
    desk.pass(86_400_000);
    let token = desk.rig.practice.issue_tenant_token(SCOPES).unwrap();
    let desk = Desk { rig: Rig { token, practice: desk.rig.practice.clone() } };
    let expired = desk.get(&format!("/jobs/{id}")).await.json();
    assert_eq!((&expired["status"], expired.get("location")), (&json!("expired"), None));
}

/// A multipart body; its boundary is `B`.
async fn import(desk: &Desk, parts: &[(&str, &str)]) -> Heard {
    use std::fmt::Write;
    let mut body = String::new();
    for (name, text) in parts {
        let file = if *name == "users" { "; filename=\"users.json\"" } else { "" };
        write!(
            body,
            "--B\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{text}\r\n"
        )
        .unwrap();
    }
    body.push_str("--B--\r\n");
    let bearer = format!("Bearer {}", desk.rig.token);
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "multipart/form-data; boundary=B")];
    desk.rig.send("POST", "/api/v2/jobs/users-imports", &headers, &body).await
}

#[tokio::test]
async fn an_import_makes_users_and_tells_errors_section_2_6() {
    let desk = desk();
    let known = desk.usual().email.unwrap();
    let users = json!([
        {"email": "a@new.example", "user_id": "a"},
        {"email": known},
        {"email": "b@new.example", "roles": ["rol_1"]},
        {"nickname": "x"},
        {"email": "nothing"},
    ])
    .to_string();
    let made =
        import(&desk, &[("users", &users), ("connection_id", DATABASE), ("external_id", "e")])
            .await;
    assert_eq!(said(&made), "202");
    let info = made.json();
    assert_eq!(
        (&info["type"], &info["status"], &info["connection"], &info["external_id"]),
        (
            &json!("users_import"),
            &json!("pending"),
            &json!("Username-Password-Authentication"),
            &json!("e")
        )
    );
    let id = info["id"].as_str().unwrap();
    assert!(desk.effects().is_empty());
    desk.pass(500);
    let over = desk.get(&format!("/jobs/{id}")).await.json();
    assert_eq!(over["status"], "completed");
    assert_eq!(over["summary"], json!({"failed": 4, "updated": 0, "inserted": 1, "total": 5}));
    assert_eq!(said(&desk.get(&user_path("auth0|a", "")).await), "200");
    let errors = desk.get(&format!("/jobs/{id}/errors")).await.json();
    let codes: Vec<&str> = errors
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["errors"][0]["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["DUPLICATED_USER", "NOT_PASSED", "OBJECT_REQUIRED", "FORMAT"]);
    assert_eq!(
        errors[0]["errors"][0]["message"],
        "The user already exist and upsert parameter is false"
    );
    let again = json!([{"email": "a@new.example", "nickname": "new"}]).to_string();
    let parts = [("users", again.as_str()), ("connection_id", DATABASE), ("upsert", "true")];
    let id = import(&desk, &parts).await.json()["id"].as_str().unwrap().to_owned();
    desk.pass(500);
    assert_eq!(desk.get(&format!("/jobs/{id}")).await.json()["summary"]["updated"], 1);
    let none = desk.get(&format!("/jobs/{id}/errors")).await;
    assert_eq!((said(&none), none.body.len()), ("204".to_owned(), 0));
    assert_eq!(desk.get(&user_path("auth0|a", "")).await.json()["nickname"], "new");
}

#[tokio::test]
async fn imports_have_limits_section_2_6() {
    let desk = desk();
    let fine = [("users", "[]"), ("connection_id", DATABASE)];
    for (parts, expected) in [
        (&[("connection_id", DATABASE)][..], "Must provide 'users' file as multipart part."),
        (&[("users", ""), ("connection_id", DATABASE)], "Users file must not be empty."),
        (&fine[..1], "Must provide 'connection_id' as multipart part."),
        (&[("users", "[]"), ("connection_id", "con_x")], "The connection does not exist."),
        (
            &[("users", "[]"), ("connection_id", "con_Pr4ct1c3Go0gle00")],
            "Connection must be a database connection.",
        ),
    ] {
        let refused = import(&desk, parts).await;
        assert_eq!((refused.status.as_u16(), message(&refused).as_str()), (400, expected));
    }
    let big = "x".repeat(512_001);
    let refused = import(&desk, &[("users", &big), ("connection_id", DATABASE)]).await;
    assert_eq!(refused.status, 413);
    assert_eq!(message(&refused), "Payload content length greater than maximum allowed: 512000.");
    for _ in 0..2 {
        assert_eq!(import(&desk, &fine).await.status, 202);
    }
    let refused = import(&desk, &fine).await;
    assert_eq!(
        (said(&refused).as_str(), message(&refused).as_str()),
        (
            "429 too_many_requests",
            "There are 2 active import users jobs, please wait until some of them are finished \
             and try again"
        )
    );
    desk.pass(500);
    let broken = import(&desk, &[("users", "{"), ("connection_id", DATABASE)]).await;
    let id = broken.json()["id"].as_str().unwrap().to_owned();
    let failed = desk.get(&format!("/jobs/{id}/errors")).await;
    assert_eq!((failed.status.as_u16(), &failed.json()["status"]), (200, &json!("failed")));
}

#[tokio::test]
async fn a_job_fails_or_vanishes_on_purpose() {
    let desk = desk();
    let rule = |path: &str, fault| Rule {
        method: "*".to_owned(),
        path: path.to_owned(),
        nth: 1,
        times: 1,
        fault,
    };
    let message = "out of luck".to_owned();
    desk.rig
        .practice
        .mischief()
        .add(rule("*/users-exports", Fault::FailJob { after_rows: 0, message }));
    let id = export(&desk, json!({})).await;
    desk.pass(500);
    let info = desk.get(&format!("/jobs/{id}")).await.json();
    assert_eq!(
        (&info["status"], &info["status_details"]),
        (&json!("failed"), &json!("out of luck"))
    );
    desk.rig.practice.mischief().add(rule("*/jobs/job_*", Fault::VanishJob));
    assert_eq!(said(&desk.get(&format!("/jobs/{id}")).await), "404 inexistent_job");
}
