use super::super::audit::Act;
use super::super::switches::{Absent, PageAcrossCap, Strictness};
use super::*;

#[tokio::test]
async fn the_search_ends_at_1000_records_section_2_4() {
    let desk = sized(1_130, Switches { plan: Plan::Unlimited, ..Switches::default() });
    let last = desk.get("/users?per_page=100&page=9&include_totals=true").await.json();
    assert_eq!(
        (&last["start"], &last["limit"], &last["length"], &last["total"]),
        (&json!(900), &json!(100), &json!(100), &json!(1_130))
    );
    let refused = desk.get("/users?per_page=100&page=10").await;
    assert_eq!(
        refused.json(),
        json!({"statusCode": 400, "error": "Bad Request",
            "message": "You can only page through the first 1000 records. See \
                https://auth0.com/docs/users/search/v3/view-search-results-by-page#limitation",
            "errorCode": "invalid_paging"})
    );
    // A slice of the query reaches the rest.
    let sliced = desk.get("/users?q=identities.connection:%22corp%22&include_totals=true").await;
    assert_eq!(sliced.json()["total"], 56);
}

#[tokio::test]
async fn a_page_across_the_cap_is_refused_or_cut_section_8_8() {
    for (page_across_cap, expected) in
        [(PageAcrossCap::Refused, None), (PageAcrossCap::Cut, Some(10))]
    {
        let plan = Plan::Unlimited;
        let desk = sized(1_130, Switches { plan, page_across_cap, ..Switches::default() });
        let heard = desk.get("/users?per_page=30&page=33").await;
        assert_eq!(heard.json().as_array().map(Vec::len), expected);
        let behind = desk.get("/users?per_page=30&page=34").await;
        assert_eq!(said(&behind), "400 invalid_paging");
    }
}

#[tokio::test]
async fn parameters_are_checked_section_2_4() {
    let desk = desk();
    for (query, expected) in [
        (
            "per_page=1000",
            "'Value 1000 is greater than maximum 100' on property per_page (Number of results \
             per page. Defaults to 50)",
        ),
        (
            "page=-1",
            "'Value -1 is less than minimum 0' on property page (Page index of the results to \
             return. First page is 0)",
        ),
        (
            "page=x",
            "'Expected type integer but found type string' on property page (Page index of the \
             results to return. First page is 0)",
        ),
        ("role=x&color=y", "'Additional properties not allowed: role,color'"),
        (
            "sort=email",
            "'String does not match pattern ^.+:(1|-1)$: email' on property sort (Field to sort \
             by)",
        ),
    ] {
        let refused = desk.get(&format!("/users?{query}")).await;
        assert_eq!(said(&refused), "400 invalid_query_string", "{query}");
        assert_eq!(message(&refused), format!("Query validation error: {expected}."));
    }
    assert_eq!(said(&desk.get("/users?q=email:%22").await), "400 invalid_query_string");
    let none = desk.get("/users?per_page=0&include_totals=true").await.json();
    assert_eq!((&none["length"], &none["total"]), (&json!(0), &json!(60)));
    let lenient = switched(Switches { unknown_query: Strictness::Accepted, ..Switches::default() });
    assert_eq!(said(&lenient.get("/users?color=y").await), "200");
}

#[tokio::test]
async fn users_are_sorted_and_shown_in_part_section_2_4() {
    let desk = desk();
    let path = "/users?sort=email:-1&per_page=3&fields=email,user_id&include_fields=true";
    let found = desk.get(path).await.json();
    let mut emails: Vec<String> =
        desk.tenant().people().into_iter().filter_map(|person| person.email).collect();
    emails.sort();
    emails.reverse();
    let shown: Vec<&str> =
        found.as_array().unwrap().iter().map(|user| user["email"].as_str().unwrap()).collect();
    assert_eq!(shown, emails[..3]);
    assert_eq!(found[0].as_object().unwrap().len(), 2);
    let rest =
        desk.get(&user_path(&desk.usual().id, "?fields=email&include_fields=false")).await.json();
    assert!(rest.get("email").is_none() && rest.get("user_id").is_some());
}

#[tokio::test]
async fn an_address_may_have_several_users_and_is_taken_exactly_section_2_4() {
    let desk = desk();
    let people = desk.tenant().people();
    let twin = people[18].email.clone().unwrap();
    let found = desk.get(&format!("/users-by-email?email={}", encode(&twin))).await.json();
    let ids: Vec<&str> =
        found.as_array().unwrap().iter().map(|user| user["user_id"].as_str().unwrap()).collect();
    assert_eq!(ids, [people[18].id.as_str(), &people[19].id]);
    assert_ne!(people[18].connection, people[19].connection);
    let mixed = desk.person(|person| person.connection == "corp").email.unwrap();
    for (email, expected) in
        [(mixed.clone(), 1), (mixed.to_lowercase(), 0), (twin.to_uppercase(), 0)]
    {
        let found = desk.get(&format!("/users-by-email?email={}", encode(&email))).await.json();
        assert_eq!(found.as_array().unwrap().len(), expected, "{email}");
    }
    assert_eq!(said(&desk.get("/users-by-email").await), "400 invalid_query_string");
}

#[tokio::test]
async fn a_user_is_read_made_changed_and_deleted_section_2_4() {
    let desk = desk();
    let body = json!({"connection": "Username-Password-Authentication", "email": "New@X.example",
        "user_id": "me", "password": "p", "app_metadata": {"a": {"b": 1}, "c": 2}});
    let made = desk.call("POST", "/users", body.clone()).await;
    assert_eq!(said(&made), "201");
    assert_eq!(
        (&made.json()["user_id"], &made.json()["email"]),
        (&json!("auth0|me"), &json!("new@x.example"))
    );
    assert!(!made.text().contains("password"));
    assert_eq!(said(&desk.call("POST", "/users", body).await), "409 auth0_idp_error");
    let path = user_path("auth0|me", "");
    let change =
        json!({"blocked": true, "nickname": null, "app_metadata": {"a": {"d": 3}, "c": null}});
    let changed = desk.call("PATCH", &path, change).await.json();
    assert_eq!(changed["app_metadata"], json!({"a": {"d": 3}}));
    assert_eq!((&changed["blocked"], changed.get("nickname")), (&json!(true), None));
    assert_eq!(desk.get(&path).await.json(), changed);
    for _ in 0..2 {
        assert_eq!(said(&desk.call("DELETE", &path, Value::Null).await), "204");
    }
    assert_eq!(said(&desk.get(&path).await), "404 inexistent_user");
    let strict = switched(Switches { delete_absent_user: Absent::NotFound, ..Switches::default() });
    assert_eq!(said(&strict.call("DELETE", &path, Value::Null).await), "404 inexistent_user");
    let verbs: Vec<Act> = desk
        .effects()
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::User { verb, user, .. } if user == "auth0|me" => Some(verb),
            _ => None,
        })
        .collect();
    assert_eq!(verbs, [Act::Create, Act::Update, Act::Delete]);
    let nowhere = desk.call("POST", "/users", json!({"connection": "x", "email": "a@b.c"})).await;
    assert_eq!(said(&nowhere), "400 inexistent_connection");
}

#[tokio::test]
async fn only_the_search_lags_behind_section_2_4() {
    let desk = desk();
    let user = desk.usual();
    let path = user_path(&user.id, "");
    let search = "/users?q=nickname:%22Late%22&include_totals=true";
    desk.call("PATCH", &path, json!({"nickname": "late"})).await;
    assert_eq!(desk.get(&path).await.json()["nickname"], "late");
    assert_eq!(desk.get(search).await.json()["total"], 0);
    desk.pass(1_000);
    assert_eq!(desk.get(search).await.json()["total"], 1);
    desk.call("DELETE", &path, Value::Null).await;
    assert_eq!(desk.get(search).await.json()["total"], 1);
    desk.pass(1_000);
    assert_eq!(desk.get(search).await.json()["total"], 0);
}

#[tokio::test]
async fn the_user_is_shown_as_recorded_section_2_4() {
    let desk = desk();
    let shown = desk.get(&user_path(&desk.tenant().people()[1].id, "")).await.json();
    insta::assert_snapshot!(serde_json::to_string_pretty(&shown).unwrap(), @r#"
    {
      "created_at": "2026-01-05T08:00:00.000Z",
      "email": "amara.abara.00001@practice.example",
      "email_verified": true,
      "identities": [
        {
          "connection": "Username-Password-Authentication",
          "user_id": "71fcdfc0ca1dd849fd304ccf",
          "provider": "auth0",
          "isSocial": false
        }
      ],
      "name": "Amara Abara",
      "nickname": "amara.abara.00001",
      "picture": "https://pictures.example/0a5fd97b7608.png",
      "updated_at": "2026-01-05T08:00:00.000Z",
      "user_id": "auth0|71fcdfc0ca1dd849fd304ccf",
      "given_name": "Amara",
      "family_name": "Abara",
      "app_metadata": {
        "plan": "pro",
        "seat": 1
      },
      "last_login": "2026-01-06T08:00:00.000Z",
      "logins_count": 2
    }
    "#);
}
