use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::audit::{Act, Change};
use super::super::switches::Done;
use super::*;

fn role_named(desk: &Desk, name: &str) -> String {
    desk.tenant().roles().into_iter().find(|(_, known)| known == name).unwrap().0
}

#[tokio::test]
async fn roles_are_listed_and_filtered_section_2_3() {
    let desk = desk();
    let list = desk.get("/roles?include_totals=true").await.json();
    assert_eq!(
        (&list["start"], &list["limit"], &list["total"]),
        (&json!(0), &json!(50), &json!(10))
    );
    let names = |found: &Value| {
        let names =
            found.as_array().unwrap().iter().map(|role| role["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    let pilots = desk.get("/roles?name_filter=PILOT").await.json();
    assert_eq!(names(&pilots), ["Harbor Pilot", "harbor pilot"]);
    let last = desk.get("/roles?per_page=4&page=2").await.json();
    assert_eq!(names(&last), ["harbor pilot", "Vacant"]);
    let one = desk.get(&format!("/roles/{}", role_named(&desk, "Vacant"))).await;
    assert_eq!(one.json()["description"], "Without members");
}

#[tokio::test]
async fn a_role_is_made_with_200_and_deleted_with_200_section_2_3() {
    let desk = desk();
    let made = desk.call("POST", "/roles", json!({"name": "Diver", "description": "x"})).await;
    assert_eq!(said(&made), "200");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!((id.len(), id.starts_with("rol_")), (20, true));
    assert_eq!(said(&desk.call("POST", "/roles", json!({"name": "Diver"})).await), "409");
    let changed = desk.call("PATCH", &format!("/roles/{id}"), json!({"name": "Deep Diver"})).await;
    assert_eq!(changed.json(), json!({"id": id, "name": "Deep Diver", "description": "x"}));
    let gone = desk.call("DELETE", &format!("/roles/{id}"), Value::Null).await;
    assert_eq!((said(&gone), gone.text()), ("200".to_owned(), "{}".to_owned()));
    let again = desk.call("DELETE", &format!("/roles/{id}"), Value::Null).await;
    let expected =
        json!({"statusCode": 404, "error": "Not Found", "message": "The role does not exist."});
    assert_eq!(again.json(), expected);
    let made_again = desk.call("POST", "/roles", json!({"name": "Diver"})).await.json();
    assert_ne!(made_again["id"], id);
}

#[tokio::test]
async fn deleting_a_role_takes_it_from_everybody_section_2_3() {
    let desk = desk();
    let id = role_named(&desk, "Billing Clerk");
    let has =
        |person: &Person| desk.tenant().roles_of(&person.id).iter().any(|(role, _)| *role == id);
    let members: Vec<Person> = desk.tenant().people().into_iter().filter(has).collect();
    assert!(members.len() > 5);
    desk.call("DELETE", &format!("/roles/{id}"), Value::Null).await;
    assert!(!desk.tenant().people().iter().any(has));
    let effects = desk.effects();
    assert_eq!(effects.len(), members.len() + 1);
    let last = effects.last().unwrap();
    assert!(matches!(last, Effect::Role { verb: Act::Delete, role, .. } if *role == id));
}

#[tokio::test]
async fn permissions_of_a_role_have_no_sources_and_their_delete_two_answers_section_2_3() {
    for (role_permissions_delete, expected) in [(Done::NoContent, "204"), (Done::Ok, "200")] {
        let desk = switched(Switches { role_permissions_delete, ..Switches::default() });
        let path = format!("/roles/{}/permissions", role_named(&desk, "Vacant"));
        let body = pairs(&[(SHIPPING, "read:rates"), (BILLING, "void:refunds")]);
        let added = desk.call("POST", &path, body.clone()).await;
        assert_eq!((said(&added), added.text()), ("201".to_owned(), "{}".to_owned()));
        let list = desk.get(&format!("{path}?include_totals=true")).await.json();
        assert_eq!(list["total"], 2);
        assert!(list["permissions"][0].get("sources").is_none());
        for _ in 0..2 {
            assert_eq!(said(&desk.call("DELETE", &path, body.clone()).await), expected);
        }
        assert_eq!(desk.effects().len(), 4);
        let bad = desk.call("POST", &path, pairs(&[("x", "y")])).await;
        assert_eq!(message(&bad), "The resource server does not exist: \"x\"");
    }
}

#[tokio::test]
async fn members_by_cursor_are_all_there_while_they_are_removed_section_2_3() {
    let desk = sized(1_130, Switches { plan: Plan::Unlimited, ..Switches::default() });
    let role = role_named(&desk, "Employee");
    let (mut seen, mut from) = (Vec::new(), String::new());
    loop {
        // What clients send beside it is no error.
        let path = format!("/roles/{role}/users?include_totals=true&per_page=50&take=100{from}");
        let page = desk.get(&path).await.json();
        for user in page["users"].as_array().unwrap() {
            let id = user["user_id"].as_str().unwrap().to_owned();
            let path = user_path(&id, "/roles");
            assert_eq!(said(&desk.call("DELETE", &path, json!({"roles": [role]})).await), "204");
            seen.push(id);
        }
        let Some(next) = page["next"].as_str() else { break };
        let plain = String::from_utf8(STANDARD.decode(next).unwrap()).unwrap();
        let last = seen.last().unwrap();
        assert!(
            plain.ends_with(&format!("UTC,{last}")) && plain.len() == 30 + last.len(),
            "{plain}"
        );
        from = format!("&from={}", encode(next));
    }
    let all: Vec<String> = desk.tenant().people().into_iter().map(|person| person.id).collect();
    assert_eq!(seen, all);
    let refused = desk.get(&format!("/roles/{role}/users?from=x")).await;
    assert_eq!(said(&refused), "400 invalid_query_string");
}

#[tokio::test]
async fn members_by_number_end_at_1000_and_skip_while_they_are_removed_section_2_3() {
    let desk = sized(1_130, Switches { plan: Plan::Unlimited, ..Switches::default() });
    let role = role_named(&desk, "Employee");
    let path = format!("/roles/{role}/users?per_page=100&include_totals=true&page=");
    let ninth = desk.get(&format!("{path}9")).await.json();
    assert_eq!((ninth["users"].as_array().unwrap().len(), &ninth["total"]), (100, &json!(1_130)));
    let refused = desk.get(&format!("{path}10")).await;
    assert_eq!(said(&refused), "400 invalid_paging");
    assert_eq!(
        message(&refused),
        "Requesting page 10 exceeds the allowed maximum of 1000 records. To fetch results beyond \
         1000, use the checkpoint pagination method."
    );
    let first = desk.get(&format!("{path}0")).await.json();
    let before = desk.get(&format!("{path}1")).await.json();
    let gone = first["users"][0]["user_id"].as_str().unwrap();
    desk.call("DELETE", &user_path(gone, "/roles"), json!({"roles": [role]})).await;
    let after = desk.get(&format!("{path}1")).await.json();
    assert_eq!(after["users"][0], before["users"][1]);
}

#[tokio::test]
async fn a_last_page_may_be_empty_section_2_3() {
    let desk = switched(Switches { empty_last_page: true, ..Switches::default() });
    let path = format!("/roles/{}/users?take=100", role_named(&desk, "Employee"));
    let full = desk.get(&path).await.json();
    assert_eq!(full["users"].as_array().unwrap().len(), 60);
    let next = encode(full["next"].as_str().unwrap());
    let empty = desk.get(&format!("{path}&from={next}")).await.json();
    assert_eq!(empty, json!({"users": []}));
}

#[tokio::test]
async fn many_users_get_a_role_in_one_call_or_none_section_2_3() {
    let desk = desk();
    let role = role_named(&desk, "Vacant");
    let path = format!("/roles/{role}/users");
    let mut users: Vec<String> = desk.tenant().people().into_iter().map(|one| one.id).collect();
    let given = desk.call("POST", &path, json!({"users": users})).await;
    assert_eq!((said(&given), given.text()), ("200".to_owned(), "{}".to_owned()));
    assert_eq!(desk.effects().len(), 60);
    assert!(desk.effects().iter().all(|effect| {
        matches!(effect, Effect::UserRole { verb: Change::Add, role: given, .. } if *given == role)
    }));
    users.push("auth0|nobody".to_owned());
    let other = format!("/roles/{}/users", role_named(&desk, "Harbor Pilot"));
    let refused = desk.call("POST", &other, json!({"users": users})).await;
    assert_eq!(
        (said(&refused).as_str(), message(&refused).as_str()),
        ("404", "One or more of the users do not exist.")
    );
    assert_eq!(desk.effects().len(), 60);
    let nowhere = desk.call("POST", "/roles/rol_x/users", json!({"users": users})).await;
    assert_eq!(message(&nowhere), "Role not found");
    let limited = switched(Switches { members_max: Some(10), ..Switches::default() });
    let path = format!("/roles/{}/users", role_named(&limited, "Vacant"));
    assert_eq!(
        said(&limited.call("POST", &path, json!({"users": users})).await),
        "400 invalid_body"
    );
}

#[tokio::test]
async fn apis_are_found_by_id_and_by_identifier_section_2_5() {
    let desk = desk();
    let list = desk.get("/resource-servers?include_totals=true").await.json();
    assert_eq!((&list["total"], &list["limit"]), (&json!(5), &json!(50)));
    for api in list["resource_servers"].as_array().unwrap() {
        for key in ["id", "identifier"] {
            let path = format!("/resource-servers/{}", encode(api[key].as_str().unwrap()));
            assert_eq!(desk.get(&path).await.json(), *api);
        }
    }
    let two = format!("identifiers={}&identifiers={}", encode(SHIPPING), encode(BILLING));
    let some = desk.get(&format!("/resource-servers?{two}")).await.json();
    assert_eq!(some.as_array().unwrap().len(), 2);
    let missing = desk.get("/resource-servers/nothing").await;
    assert_eq!(said(&missing), "404 inexistent_resource_server");
    assert_eq!(message(&missing), "The resource server does not exist");
}

#[tokio::test]
async fn a_dropped_scope_takes_its_assignments_with_it_section_2_5() {
    let desk = desk();
    let lost = (SHIPPING.to_owned(), "read:shipments".to_owned());
    let has = |person: &Person| desk.tenant().permissions_of(&person.id).contains(&lost);
    assert!(desk.tenant().people().iter().any(has));
    let path = format!("/resource-servers/{}", encode(SHIPPING));
    let scopes: Vec<Value> = desk.get(&path).await.json()["scopes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|scope| scope["value"] != "read:shipments")
        .cloned()
        .collect();
    assert_eq!(said(&desk.call("PATCH", &path, json!({"scopes": scopes})).await), "200");
    assert!(!desk.tenant().people().iter().any(has));
    assert!(!desk.tenant().permissions().contains(&lost));
    let user = desk.usual();
    let give = pairs(&[(SHIPPING, "read:shipments")]);
    let refused = desk.call("POST", &user_path(&user.id, "/permissions"), give).await;
    assert_eq!(said(&refused), "404 inexistent_resource_server_permission");
}
