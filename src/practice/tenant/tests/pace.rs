use super::super::switches::{AssignmentsGroup, Refill, RetryAfter};
use super::*;

fn told(heard: &Heard) -> [i64; 3] {
    ["limit", "remaining", "reset"]
        .map(|name| heard.header(&format!("x-ratelimit-{name}")).parse().unwrap_or(-1))
}

#[tokio::test]
async fn headers_come_with_2xx_and_429_only_section_0_7() {
    let desk = sized(60, Switches::default());
    let first = desk.get("/roles").await;
    assert_eq!(told(&first), [50, 49, NOW / 1_000 + 1]);
    let user = user_path(&desk.usual().id, "/permissions");
    let none = [-1; 3];
    for (method, path, body, status, expected) in [
        ("DELETE", user.as_str(), pairs(&[(BILLING, "x")]), 204, [50, 48, NOW / 1_000 + 1]),
        ("DELETE", user.as_str(), json!({}), 400, none),
        ("GET", "/users/auth0%7Cnobody", Value::Null, 404, none),
        ("GET", "/nothing", Value::Null, 404, none),
        ("GET", "/roles", Value::Null, 200, [50, 45, NOW / 1_000 + 1]),
    ] {
        let heard = desk.call(method, path, body).await;
        assert_eq!((heard.status.as_u16(), told(&heard)), (status, expected), "{method} {path}");
    }
}

#[tokio::test]
async fn a_429_says_what_section_4_3_says() {
    let desk = sized(60, Switches { plan: Plan::Free, ..Switches::default() });
    for _ in 0..2 {
        assert_eq!(desk.get("/roles").await.status, 200);
    }
    let refused = desk.get("/roles").await;
    assert_eq!(
        refused.json(),
        json!({"statusCode": 429, "error": "Too Many Requests",
            "message": "Global limit has been reached", "errorCode": "too_many_requests"})
    );
    assert_eq!((told(&refused), refused.header("retry-after")), ([2, 0, NOW / 1_000 + 1], ""));
    desk.pass(500);
    assert_eq!(desk.get("/roles").await.status, 200);
    assert_eq!(desk.get("/roles").await.status, 429);
}

#[tokio::test]
async fn when_to_come_back_is_a_switch_section_8_7() {
    for (retry_after, expected) in [
        (RetryAfter::Never, ""),
        (RetryAfter::Seconds, "1"),
        (RetryAfter::Date, "Fri, 20 Nov 2026 09:00:01 GMT"),
    ] {
        let refill = Refill::FixedWindow;
        let desk =
            sized(9, Switches { plan: Plan::Free, refill, retry_after, ..Switches::default() });
        desk.get("/roles").await;
        desk.get("/roles").await;
        assert_eq!(desk.get("/roles").await.header("retry-after"), expected);
    }
}

#[tokio::test]
async fn groups_refuse_by_their_own_names_section_4_3() {
    let essentials = Switches { plan: Plan::Essentials, ..Switches::default() };
    let as_users = Switches { assignments_group: AssignmentsGroup::Users, ..essentials.clone() };
    for (switches, calls, expected) in [
        (essentials, 10, "Global per second default group limit has been reached"),
        (as_users, 20, "Global per second users_write group limit has been reached"),
    ] {
        let desk = sized(9, switches);
        let path = user_path(&desk.usual().id, "/permissions");
        let body = pairs(&[(BILLING, "x")]);
        for _ in 0..calls {
            assert_eq!(desk.call("DELETE", &path, body.clone()).await.status, 204);
        }
        let refused = desk.call("DELETE", &path, body).await;
        assert_eq!(
            (said(&refused).as_str(), message(&refused).as_str()),
            ("429 too_many_requests", expected)
        );
        assert_eq!(desk.get("/users").await.status, 200);
    }
}

#[tokio::test]
async fn a_refused_call_has_no_effect_and_is_in_the_log() {
    let desk =
        sized(9, Switches { plan: Plan::Own { burst: 1, per_minute: 60 }, ..Switches::default() });
    let user = desk.usual();
    let held = desk.tenant().permissions_of(&user.id);
    let path = user_path(&user.id, "/permissions");
    assert_eq!(desk.get(&path).await.status, 200);
    let refused = desk.call("DELETE", &path, pairs(&as_pairs(&held))).await;
    assert_eq!(refused.status, 429);
    assert!(desk.effects().is_empty());
    let requests = desk.tenant().audit().requests();
    let shown: Vec<(&str, u16)> =
        requests.iter().map(|one| (one.method.as_str(), one.status)).collect();
    assert_eq!(shown, [("GET", 200), ("DELETE", 429)]);
    assert_eq!(requests[1].path, format!("/api/v2{path}"));
}

#[tokio::test(start_paused = true)]
async fn the_clock_may_be_virtual() {
    let start = tokio::time::Instant::now();
    let now = move || NOW + i64::try_from(start.elapsed().as_millis()).unwrap();
    let tenant = Tenant::new(&TenantSize { users: 9, ..TenantSize::default() });
    let org = Org::new(&SeedSize { users: 1, permission_sets: 1 });
    let practice = Practice::of(org, Some(tenant), Clock::of(now)).unwrap();
    let token = practice.issue_tenant_token(SCOPES).unwrap();
    let desk = Desk { rig: Rig { practice, token } };
    let mut allowed = 0;
    while start.elapsed().as_secs() < 30 {
        allowed += i32::from(desk.get("/roles").await.status == 200);
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    assert!((50 + 16 * 30 - 2..=50 + 16 * 30).contains(&allowed), "{allowed}");
}
