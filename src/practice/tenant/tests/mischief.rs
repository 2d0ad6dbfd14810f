use super::super::super::mischief::{BodyKind, Fault, Length, Rule};
use super::*;

fn rule(method: &str, path: &str, fault: Fault) -> Rule {
    Rule { method: method.to_owned(), path: path.to_owned(), nth: 1, times: 1, fault }
}

fn answer(status: u16, body: BodyKind, effect: bool) -> Fault {
    let (code, message) = ("too_many_requests".to_owned(), "slow down".to_owned());
    Fault::Answer { status, code, message, body, retry_after: Some(3), effect }
}

#[tokio::test]
async fn an_answer_is_lost_before_or_after_its_effect_section_7() {
    for (effect, expected) in [(false, 0), (true, 1)] {
        let desk = desk();
        desk.rig.practice.mischief().add(rule(
            "DELETE",
            "/api/v2/users/*/permissions",
            Fault::LoseAnswer { effect },
        ));
        let user = desk.usual();
        let held = desk.tenant().permissions_of(&user.id);
        let path = user_path(&user.id, "/permissions");
        let body = pairs(&as_pairs(&held[..1]));
        assert!(desk.call("DELETE", &path, body.clone()).await.dropped);
        assert_eq!(desk.effects().len(), expected);
        assert_eq!(desk.tenant().audit().requests()[0].status, 0);
        assert_eq!(said(&desk.call("DELETE", &path, body).await), "204");
        assert_eq!(desk.effects().len(), 1);
    }
}

#[tokio::test]
async fn the_edge_answers_with_html_or_nothing_section_3() {
    for (status, body, effect) in
        [(502, BodyKind::Html, false), (524, BodyKind::Html, true), (503, BodyKind::Empty, false)]
    {
        let desk = desk();
        desk.rig.practice.mischief().add(rule("POST", "*/roles", answer(status, body, effect)));
        let heard = desk.call("POST", "/roles", json!({"name": "Diver"})).await;
        assert_eq!(heard.status.as_u16(), status);
        assert_eq!(heard.text().contains("<html>"), body == BodyKind::Html);
        assert_eq!(heard.header("retry-after"), "3");
        assert_eq!(desk.effects().len(), usize::from(effect));
    }
}

#[tokio::test]
async fn tokens_expire_in_the_middle_and_new_ones_are_good_section_7() {
    let mut desk = desk();
    desk.rig
        .practice
        .mischief()
        .add(Rule { nth: 2, ..rule("*", "*/users/*", Fault::ExpireSessions) });
    let path = user_path(&desk.usual().id, "/permissions");
    let statuses = [desk.get(&path).await, desk.get(&path).await, desk.get(&path).await]
        .map(|heard| heard.status.as_u16());
    assert_eq!(statuses, [200, 401, 401]);
    desk.rig.token = desk.rig.practice.issue_tenant_token(SCOPES).unwrap();
    assert_eq!(said(&desk.get(&path).await), "200");
}

#[tokio::test]
async fn bodies_break_and_allowances_are_used_up_by_others() {
    let desk = sized(60, Switches::default());
    let mischief = desk.rig.practice.mischief();
    mischief.add(rule("GET", "*/roles", Fault::Truncate { bytes: 5, length: Length::Lying }));
    let cut = desk.get("/roles").await;
    assert_eq!((cut.body.len(), cut.broken), (5, true));
    mischief.clear();
    mischief.add(rule("GET", "*/roles", Fault::SpendAllowance { remaining: 1 }));
    assert_eq!(desk.get("/roles").await.header("x-ratelimit-remaining"), "0");
    assert_eq!(said(&desk.get("/roles").await), "429 too_many_requests");
    mischief.add(rule("POST", "*/users/*", Fault::BreakUpload { bytes: 10 }));
    let path = user_path(&desk.usual().id, "/permissions");
    assert!(desk.call("POST", &path, pairs(&[(BILLING, "read:invoices")])).await.dropped);
    assert!(desk.effects().is_empty());
}

#[tokio::test]
async fn status_codes_may_be_texts_section_3() {
    let desk = switched(Switches { status_code_text: true, ..Switches::default() });
    assert_eq!(desk.get("/users/auth0%7Cnobody").await.json()["statusCode"], "404");
}

#[tokio::test]
async fn a_served_tenant_is_steered_by_paths_of_its_own() {
    let desk = desk();
    let ask = |method: &'static str, path: &'static str, body: &'static str| {
        desk.rig.send(method, path, &[], body)
    };
    let set = ask("PUT", "/practice/tenant/switches", r#"{"plan":"free"}"#).await;
    assert_eq!(set.status, 204);
    assert_eq!(ask("GET", "/practice/tenant/switches", "").await.json()["plan"], "free");
    assert_eq!(desk.get("/roles").await.header("x-ratelimit-limit"), "2");
    assert_eq!(ask("PUT", "/practice/tenant/switches", r#"{"x":1}"#).await.status, 400);
    let user = desk.usual().id;
    let path = user_path(&user, "/permissions");
    let held = desk.tenant().permissions_of(&user);
    desk.call("DELETE", &path, pairs(&as_pairs(&held))).await;
    let audit = ask("GET", "/practice/tenant/audit?since=1", "").await.json();
    assert_eq!(audit["length"], held.len());
    assert_eq!(audit["entries"].as_array().unwrap().len(), held.len() - 1);
    assert_eq!(
        audit["entries"][0],
        json!({"number": 2, "at_ms": NOW, "object": "UserPermission", "verb": "remove",
            "user": user, "api": held[1].0, "permission": held[1].1})
    );
    let requests = ask("GET", "/practice/tenant/requests?since=0", "").await.json();
    assert_eq!(requests["requests"][1]["status"], 204);
}

#[tokio::test]
async fn answers_are_compressed_for_who_asks_section_2() {
    let desk = desk();
    let bearer = format!("Bearer {}", desk.rig.token);
    let headers = [("authorization", bearer.as_str()), ("accept-encoding", "gzip")];
    let heard = desk.rig.send("GET", "/api/v2/roles", &headers, "").await;
    assert_eq!(heard.header("content-encoding"), "gzip");
    let mut plain = String::new();
    let mut reader = flate2::read::GzDecoder::new(&heard.body[..]);
    std::io::Read::read_to_string(&mut reader, &mut plain).unwrap();
    assert!(plain.starts_with("[{\"id\":\"rol_"), "{plain}");
}
