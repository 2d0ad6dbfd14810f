//! Roles for many users in one call, and whoever is left to single calls.

use super::*;

fn roles() -> Canned {
    Canned::json(200, r#"{"roles":[{"id":"rol_1","name":"R1"}],"total":1}"#)
}

fn total(total: u64) -> Canned {
    Canned::json(200, &serde_json::json!({"users": [], "total": total}).to_string())
}

fn members(ids: &[&str]) -> Canned {
    let users: Vec<_> = ids.iter().map(|id| serde_json::json!({"user_id": id})).collect();
    Canned::json(200, &serde_json::json!({ "users": users }).to_string())
}

fn of_user(ids: &[&str]) -> Canned {
    let roles: Vec<_> = ids.iter().map(|id| serde_json::json!({"id": id, "name": id})).collect();
    Canned::json(200, &serde_json::json!({"roles": roles, "total": roles.len()}).to_string())
}

/// A row for each user from `u0` on.
fn file(users: std::ops::Range<u32>) -> String {
    users.fold("user_id,role\n".to_owned(), |text, user| text + &format!("u{user},R1\n"))
}

async fn load(text: &str, script: impl IntoIterator<Item = Canned>) -> Load {
    Load::of("UserRole", Operation::Insert, text, script).await
}

/// For each row by its position what it was told.
fn told(files: &[String; 2]) -> Vec<String> {
    let lines = files.iter().flat_map(|file| file.lines());
    let mut told: Vec<(u32, String)> = lines
        .map(|line| {
            let (_, position) = line.rsplit_once(',').unwrap();
            let said = line.split(',').nth(1).unwrap().trim_start_matches('"');
            (position.parse().unwrap(), said.split(':').next().unwrap().to_owned())
        })
        .collect();
    told.sort();
    told.into_iter().map(|(_, said)| said).collect()
}

const COUNT: &str = "GET …/roles/rol_1/users?page=0&per_page=1&include_totals=true";
const LIST: &str = "GET …/roles/rol_1/users?take=100";
const ADD: &str = "POST …/roles/rol_1/users";

#[tokio::test(start_paused = true)]
async fn one_call_gives_a_role_to_a_hundred_users() {
    let script = [
        roles(),
        total(2),
        members(&["u7", "stranger"]),
        Canned::broken(Broken::Lost("reset".to_owned())),
        Canned::json(200, "{}"),
    ];
    let load = load(&(file(0..99) + "u3,rol_1\n"), script).await;
    let said = told(&load.run().await.unwrap());
    for (row, said) in said.iter().enumerate() {
        assert_eq!(said, if row == 7 { "unchanged" } else { "added" }, "{row}");
    }
    assert_eq!(said.len(), 100);
    assert_eq!(load.lines()[1..], [COUNT, LIST, ADD, ADD]);
    let sent: serde_json::Value = serde_json::from_str(&load.wire.asked()[4].body).unwrap();
    let wanted: Vec<String> = (0..99).filter(|u| *u != 7).map(|u| format!("u{u}")).collect();
    assert_eq!(sent, serde_json::json!({ "users": wanted }));
    let images = std::fs::read_to_string(load.body.with_file_name("000001.before.jsonl")).unwrap();
    assert_eq!(images.lines().count(), 99);
    let had = r#"{"user_id":"u7","asked":[{"role_id":"rol_1"}],"held":[{"role_id":"rol_1","direct":true,"roles":[]}]}"#;
    assert!(images.lines().any(|line| line == had), "{images}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_is_halved_and_who_is_left_is_called_alone() {
    let missing = || refusal(404, "", "One or more of the users do not exist.");
    let gone = || refusal(404, "inexistent_user", "The user does not exist.");
    let fine = || Canned::json(200, "{}");
    // u0 to u7: 0-7, 0-3, 0-1, 0, 1, 2-3, 4-7; nobody is u0.
    let script = [roles(), total(0), members(&[])].into_iter().chain([
        missing(),
        missing(),
        missing(),
        missing(),
        fine(),
        fine(),
        fine(),
        gone(),
    ]);
    let load = load(&file(0..8), script).await;
    let said = told(&load.run().await.unwrap());
    assert_eq!(said, [&["user_not_found"][..], &["added"; 7]].concat());
    let last = "GET …/users/u0/roles?page=0&per_page=100&include_totals=true";
    assert_eq!(load.lines().last().map(String::as_str), Some(last));
    assert_eq!(load.wire.left(), 0);
}

/// Whoever may not use the call for many users, or for whom it would be dearer, uses the one for
/// single users.
#[tokio::test(start_paused = true)]
async fn single_calls_do_where_those_for_many_do_not() {
    let no = || refusal(403, "insufficient_scope", "x");
    let cases: [(u32, Vec<Canned>, usize); 4] = [
        (4, vec![], 8),
        (6, vec![no()], 13),
        (6, vec![total(1_100)], 13),
        (6, vec![total(0), members(&[]), no()], 15),
    ];
    for (users, first, calls) in cases {
        let script = [roles()].into_iter().chain(first);
        // A look and a change each, in whatever order; any success is one to a change.
        let calls_of_users = (0..2 * users).map(|_| of_user(&[]));
        let load = load(&file(0..users), script.chain(calls_of_users)).await;
        let said = told(&load.run().await.unwrap());
        assert_eq!(said, vec!["added"; users as usize]);
        assert_eq!(load.lines().len(), calls + 1, "{:?}", load.lines());
    }
}

/// A process that was killed had assigned the role and written nothing of it.
#[tokio::test(start_paused = true)]
async fn what_an_earlier_process_has_assigned_is_added_by_us() {
    let script =
        [roles(), total(5), members(&["u0", "u1", "u2", "u3", "u4"]), Canned::json(200, "{}")];
    let load = load(&file(0..6), script).await;
    let files = journal::Paths::of(&load.body);
    let image = |user: u32| {
        format!("{{\"user_id\":\"u{user}\",\"asked\":[{{\"role_id\":\"rol_1\"}}],\"held\":[]}}\n")
    };
    let images: String = (0..4).map(image).collect();
    std::fs::File::create(&files.before).unwrap().write_all(images.as_bytes()).unwrap();
    let said = told(&load.run().await.unwrap());
    assert_eq!(said, ["added", "added", "added", "added", "unchanged", "added"]);
    assert_eq!(load.wire.asked()[3].body, r#"{"users":["u5"]}"#);
}
