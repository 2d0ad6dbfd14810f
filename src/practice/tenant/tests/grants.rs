use super::super::audit::Change;
use super::super::switches::{Absent, Repeated, Strictness, UnknownRole};
use super::*;

#[tokio::test]
async fn permissions_show_where_they_come_from_section_2_1() {
    let desk = desk();
    let user = desk.usual();
    let role = desk.tenant().roles_of(&user.id)[0].clone();
    let list = desk.get(&user_path(&user.id, "/permissions?include_totals=true")).await.json();
    let all = list["permissions"].as_array().unwrap();
    let direct: Vec<(String, String)> = all
        .iter()
        .filter(|one| one["sources"][0]["source_type"] == "DIRECT")
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap().to_owned();
            (text("resource_server_identifier"), text("permission_name"))
        })
        .collect();
    assert_eq!(direct, desk.tenant().permissions_of(&user.id));
    let by_role = all.iter().flat_map(|one| one["sources"].as_array().unwrap()).find(|source| {
        **source == json!({"source_id": role.0, "source_name": role.1, "source_type": "ROLE"})
    });
    assert!(by_role.is_some(), "{list}");
    assert_eq!((&list["start"], &list["limit"]), (&json!(0), &json!(50)));
    assert_eq!(list["total"], all.len());
    let bare = desk.get(&user_path(&user.id, "/permissions?per_page=2&page=1")).await.json();
    assert_eq!(bare.as_array().unwrap()[..], all[2..4]);
    let mut first = all[0].clone();
    first["sources"] = json!([{"source_id": "", "source_name": "", "source_type": "DIRECT"}]);
    insta::assert_snapshot!(first.to_string(), @r#"{"permission_name":"read:manifests","description":"Read manifests","resource_server_name":"Shipping API","resource_server_identifier":"https://shipping.example/api","sources":[{"source_id":"","source_name":"","source_type":"DIRECT"}]}"#);
}

#[tokio::test]
async fn a_permission_held_both_ways_has_two_sources_and_stays_effective_section_0_3() {
    let desk = desk();
    let user = desk.usual();
    let held = ("https://staff.example/v1/portal?tier=internal", "read:rosters");
    let path = user_path(&user.id, "/permissions");
    let body = pairs(&[held]);
    assert_eq!(said(&desk.call("POST", &path, body.clone()).await), "201");
    let kinds = || async {
        let list = desk.get(&path).await.json();
        let found = list.as_array().unwrap().iter().find(|one| {
            one["permission_name"] == held.1 && one["resource_server_identifier"] == held.0
        });
        let sources = found.unwrap()["sources"].as_array().unwrap().clone();
        sources.iter().map(|source| source["source_type"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(kinds().await, ["DIRECT", "ROLE"]);
    assert_eq!(said(&desk.call("DELETE", &path, body).await), "204");
    assert_eq!(kinds().await, ["ROLE"]);
}

#[tokio::test]
async fn one_delete_takes_all_and_is_repeatable_section_2_1() {
    let desk = desk();
    let user = desk.usual();
    let held = desk.tenant().permissions_of(&user.id);
    let path = user_path(&user.id, "/permissions");
    for _ in 0..2 {
        let heard = desk.call("DELETE", &path, pairs(&as_pairs(&held))).await;
        assert_eq!((heard.status.as_u16(), heard.body.len()), (204, 0));
        assert_eq!(heard.header("content-type"), "application/json; charset=utf-8");
    }
    assert!(desk.tenant().permissions_of(&user.id).is_empty());
    let expected: Vec<Effect> = held
        .into_iter()
        .map(|(api, permission)| Effect::UserPermission {
            verb: Change::Remove,
            user: user.id.clone(),
            api,
            permission,
        })
        .collect();
    assert_eq!(desk.effects(), expected);
}

#[tokio::test]
async fn a_typo_is_a_204_to_delete_and_a_404_to_post_sections_0_2_and_0_4() {
    let desk = desk();
    let path = user_path(&desk.usual().id, "/permissions");
    let typo = pairs(&[(SHIPPING, "raed:shipments")]);
    assert_eq!(said(&desk.call("DELETE", &path, typo.clone()).await), "204");
    let refused = desk.call("POST", &path, typo).await;
    assert_eq!(
        refused.json(),
        json!({"statusCode": 404, "error": "Not Found",
            "message": format!("This permission does not exist: '{SHIPPING} - raed:shipments'"),
            "errorCode": "inexistent_resource_server_permission"})
    );
    let nowhere = pairs(&[("https://shipping.example/api/", "read:shipments")]);
    let refused = desk.call("POST", &path, nowhere.clone()).await;
    assert_eq!(
        message(&refused),
        "The resource server does not exist: \"https://shipping.example/api/\""
    );
    assert_eq!(said(&desk.call("DELETE", &path, nowhere).await), "204");
    assert!(desk.effects().is_empty());
}

#[tokio::test]
async fn open_questions_of_permissions_are_switches_section_8() {
    let held = |desk: &Desk| desk.tenant().permissions_of(&desk.usual().id)[0].clone();
    let strict = switched(Switches {
        delete_unknown_api: Absent::NotFound,
        repeated_assignment: Repeated::Conflict,
        permissions_max: Some(2),
        duplicate_items: Strictness::Refused,
        ..Switches::default()
    });
    let lenient = desk();
    for (body, method, by_default, by_switch) in [
        (pairs(&[("urn:nowhere", "x")]), "DELETE", "204", "404 inexistent_resource_server"),
        (pairs(&as_pairs(&[held(&lenient)])), "POST", "201", "409"),
        (pairs(&[(BILLING, "x"); 3]), "DELETE", "204", "400 invalid_body"),
        (pairs(&[(BILLING, "x"); 2]), "DELETE", "204", "400 invalid_body"),
    ] {
        for (desk, expected) in [(&lenient, by_default), (&strict, by_switch)] {
            let path = user_path(&desk.usual().id, "/permissions");
            assert_eq!(said(&desk.call(method, &path, body.clone()).await), expected, "{body}");
        }
    }
    assert!(lenient.effects().is_empty());
}

#[tokio::test]
async fn an_error_undoes_the_whole_call_or_not_section_8_5() {
    for (partial, expected) in [(false, 0), (true, 1)] {
        let desk = switched(Switches { partial_writes: partial, ..Switches::default() });
        let user = desk.person(|person| person.id.starts_with("sms|") || person.email.is_some());
        let (api, new) = desk
            .tenant()
            .permissions()
            .into_iter()
            .rfind(|one| !desk.tenant().permissions_of(&user.id).contains(one))
            .unwrap();
        let body = pairs(&[(&api, &new), (&api, "typo"), (&api, "other")]);
        let refused = desk.call("POST", &user_path(&user.id, "/permissions"), body).await;
        assert_eq!(said(&refused), "404 inexistent_resource_server_permission");
        assert_eq!(desk.effects().len(), expected);
    }
}

#[tokio::test]
async fn bodies_are_checked_as_section_3_words_it() {
    let desk = desk();
    let path = user_path(&desk.usual().id, "/permissions");
    let api = "resource_server_identifier";
    for (body, expected) in [
        (Value::Null, "'Expected type object but found type null'"),
        (json!([]), "'Expected type object but found type array'"),
        (json!({}), "'Missing required property: permissions'"),
        (
            json!({"permissions": {}}),
            "'Expected type array but found type object' on property permissions",
        ),
        (json!({"permissions": []}), "'Array is too short (0), minimum 1' on property permissions"),
        (
            json!({"permissions": ["x"]}),
            "'Expected type object but found type string' on property permissions[0]",
        ),
        (
            json!({"permissions": [{api: "x"}]}),
            "'Missing required property: permission_name' on property permissions[0]",
        ),
        (
            json!({"permissions": [{api: "", "permission_name": "x"}]}),
            "'String is too short (0 chars), minimum 1' on property \
             permissions[0].resource_server_identifier",
        ),
        (
            json!({"permissions": [{api: "x", "permission_name": 5}]}),
            "'Expected type string but found type integer' on property \
             permissions[0].permission_name",
        ),
        (
            json!({"permissions": [{api: "x", "permission_name": "y", "z": 1}]}),
            "'Additional properties not allowed: z' on property permissions[0]",
        ),
        (json!({"permissions": [{}], "a": 1, "b": 2}), "'Additional properties not allowed: a,b'"),
    ] {
        for method in ["DELETE", "POST"] {
            let refused = desk.call(method, &path, body.clone()).await;
            assert_eq!(said(&refused), "400 invalid_body", "{body}");
            assert_eq!(message(&refused), format!("Payload validation error: {expected}."));
        }
    }
    let broken = desk.rig.call("POST", &format!("/api/v2{path}"), "{").await;
    assert_eq!(
        (said(&broken), message(&broken)),
        ("400".to_owned(), "Invalid request payload JSON format".to_owned())
    );
}

#[tokio::test]
async fn ids_are_one_segment_however_odd_sections_0_9_and_2() {
    let desk = desk();
    for mark in ['/', '+', ':', '%'] {
        let user = desk.person(|person| person.id.contains(mark));
        let held = desk.tenant().permissions_of(&user.id);
        let body = pairs(&as_pairs(&held[..1]));
        let path = user_path(&user.id, "/permissions");
        assert_eq!(said(&desk.call("DELETE", &path, body.clone()).await), "204", "{path}");
        assert_eq!(desk.tenant().permissions_of(&user.id), held[1..], "{path}");
        let twice = format!("/users/{}/permissions", encode(&encode(&user.id)));
        let refused = desk.call("DELETE", &twice, body).await;
        assert_eq!(said(&refused), "400 invalid_uri", "{twice}");
        assert!(message(&refused).contains("validation for format user-id: "), "{twice}");
    }
    let slashed = desk.person(|person| person.id.contains('/'));
    let raw = format!("/users/{}/permissions", slashed.id.replace('|', "%7C"));
    assert_eq!(said(&desk.get(&raw).await), "404");
    for id in ["", "..", ".", "auth0", "auth0|", "|x"] {
        let refused =
            desk.call("DELETE", &user_path(id, "/permissions"), pairs(&[("a", "b")])).await;
        assert_eq!(said(&refused), "400 invalid_uri", "{id}");
    }
    let unknown = desk.get(&user_path("auth0|nobody", "/permissions")).await;
    assert_eq!(said(&unknown), "404 inexistent_user");
}

#[tokio::test]
async fn a_raw_pipe_is_taken_or_not_section_2() {
    for (raw_pipe, expected) in
        [(Strictness::Accepted, "200"), (Strictness::Refused, "400 invalid_uri")]
    {
        let desk = switched(Switches { raw_pipe, ..Switches::default() });
        let path = format!("/users/{}/permissions", desk.usual().id);
        assert_eq!(said(&desk.get(&path).await), expected);
        assert_eq!(said(&desk.get(&user_path(&desk.usual().id, "/permissions")).await), "200");
    }
}

#[tokio::test]
async fn roles_of_a_user_section_2_2() {
    let desk = desk();
    let user = desk.usual();
    let vacant = desk.tenant().roles().into_iter().find(|(_, name)| name == "Vacant").unwrap().0;
    let path = user_path(&user.id, "/roles");
    let held = desk.tenant().roles_of(&user.id).len();
    let body = json!({"roles": [vacant]});
    for method in ["POST", "POST", "DELETE", "DELETE"] {
        let heard = desk.call(method, &path, body.clone()).await;
        assert_eq!((said(&heard).as_str(), heard.body.len()), ("204", 0), "{method}");
        let list = desk.get(&format!("{path}?include_totals=true")).await.json();
        let now = held + usize::from(method == "POST");
        assert_eq!((&list["total"], &list["limit"]), (&json!(now), &json!(50)));
        assert_eq!(list["roles"].as_array().unwrap().len(), now);
    }
    let role = |verb| Effect::UserRole { verb, user: user.id.clone(), role: vacant.clone() };
    assert_eq!(desk.effects(), [role(Change::Add), role(Change::Remove)]);
    let none = desk.call("POST", &path, json!({"roles": []})).await;
    assert_eq!(said(&none), "400 invalid_body");
}

#[tokio::test]
async fn an_unknown_role_is_refused_in_one_of_two_ways_section_8_3() {
    for (unknown_role, expected) in
        [(UnknownRole::NotFound, "404"), (UnknownRole::InvalidBody, "400 invalid_body")]
    {
        let desk = switched(Switches { unknown_role, ..Switches::default() });
        let path = user_path(&desk.usual().id, "/roles");
        for method in ["POST", "DELETE"] {
            let body = json!({"roles": ["Shipping Clerk"]});
            assert_eq!(said(&desk.call(method, &path, body).await), expected);
        }
        assert!(desk.effects().is_empty());
    }
}

#[tokio::test]
async fn a_user_has_50_roles_at_most_section_2_2() {
    let desk = desk();
    let user = desk.usual();
    let mut roles = Vec::new();
    for number in 0..50 {
        let made = desk.call("POST", "/roles", json!({"name": format!("Extra {number}")})).await;
        roles.push(made.json()["id"].clone());
    }
    let refused = desk.call("POST", &user_path(&user.id, "/roles"), json!({"roles": roles})).await;
    assert_eq!(said(&refused), "400");
    let held = desk.tenant().roles_of(&user.id).len();
    let some = json!({"roles": roles[..50 - held]});
    assert_eq!(said(&desk.call("POST", &user_path(&user.id, "/roles"), some).await), "204");
}

#[tokio::test]
async fn effective_permissions_come_by_cursor_section_2_1() {
    let desk = desk();
    let user = desk.person(|person| desk.tenant().roles_of(&person.id).len() > 2);
    let base = user_path(&user.id, "/effective-permissions");
    let base = format!("{base}?resource_server_identifier={}&take=2", encode(SHIPPING));
    let (mut seen, mut from) = (Vec::new(), String::new());
    loop {
        let page = desk.get(&format!("{base}{from}")).await.json();
        seen.extend(page["permissions"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        from = format!("&from={next}");
    }
    assert!(seen.len() > 2);
    assert!(seen.iter().any(|one| one["sources"] == json!(["roles"])));
    assert!(seen.iter().all(|one| one["resource_server_identifier"] == SHIPPING));
}
