//! Loads into the practice tenant of Auth0: what the files say against its audit log.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Stdio};
use std::time::Duration;

use longshore::practice::tenant::audit::{Change, Effect};
use longshore::practice::tenant::switches::{Plan, Refill, Switches};
use longshore::practice::{Tenant, TenantSize};
use serde_json::Value;

use crate::world::{Ran, World};

const SHIPPING: &str = "https://shipping.example/api";

fn world(users: u32, plan: Plan) -> World {
    let size = TenantSize { users, permissions_each: Some(5) };
    let switches = Switches { plan, ..Switches::default() };
    World::with_tenant(Tenant::new(&size).with_switches(switches))
}

fn tenant(world: &World) -> &Tenant {
    world.practice().tenant().unwrap()
}

fn to_auth0(command: &mut Command) {
    command.env("LONGSHORE_TARGET_KIND", "auth0");
}

fn run(world: &World, args: &[&str]) -> Ran {
    world.run_changed(args, b"", to_auth0)
}

/// Runs a load that must end with this code.
fn load(world: &World, args: &[&str], code: i32) -> Value {
    let mut all = args.to_vec();
    all.push("--json");
    let ran = run(world, &all).expect(code);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// All direct permissions of all users but those in one of some accounts, as a file.
fn everything(world: &World) -> (String, BTreeSet<[String; 3]>) {
    let mut text = "user_id,Note,resource_server_identifier,permission_name\n".to_owned();
    let mut all = BTreeSet::new();
    for person in tenant(world).people() {
        for (api, permission) in tenant(world).permissions_of(&person.id) {
            text.push_str(&format!("{},\"kept, {}\",{api},{permission}\n", person.id, all.len()));
            all.insert([person.id.clone(), api, permission]);
        }
    }
    (text, all)
}

/// Removed and added assignments of permissions by the audit log, each as often as it is there.
fn effects(world: &World, wanted: Change) -> Vec<[String; 3]> {
    let entries = tenant(world).audit().entries_since(0);
    let of_ours = entries.into_iter().filter_map(|entry| match entry.effect {
        Effect::UserPermission { verb, user, api, permission } if verb == wanted => {
            Some([user, api, permission])
        }
        _ => None,
    });
    of_ours.collect()
}

/// Calls of a method, by user path.
fn calls(world: &World, method: &str) -> BTreeMap<String, usize> {
    let mut calls = BTreeMap::new();
    for request in tenant(world).audit().requests() {
        if request.method == method && request.path.starts_with("/api/v2/users/") {
            *calls.entry(request.path).or_default() += 1;
        }
    }
    calls
}

fn column(rows: &[BTreeMap<String, String>], name: &str) -> Vec<String> {
    rows.iter().map(|row| row[name].clone()).collect()
}

#[test]
fn a_removal_tells_what_was_removed_was_absent_and_stays_by_a_role() {
    let world = world(60, Plan::Unlimited);
    let people = tenant(&world).people();
    let direct = |user: &str| tenant(&world).permissions_of(user);
    let roles = |user: &str| tenant(&world).roles_of(user);
    let someone = &people[1].id;
    let (api, permission) = direct(someone)[0].clone();
    // Everybody is an employee, and employees may read rosters.
    let portal = "https://staff.example/v1/portal?tier=internal";
    assert!(roles(someone).iter().any(|(_, name)| name == "Employee"));
    let has = direct(someone).contains(&(portal.to_owned(), "read:rosters".to_owned()));
    let rosters = if has { "removed" } else { "absent" };
    let absent = tenant(&world)
        .permissions()
        .into_iter()
        .find(|(of, name)| {
            of.contains("billing") && !direct(someone).contains(&(of.clone(), name.clone()))
        })
        .unwrap();
    let twins: BTreeMap<String, Vec<&str>> =
        people.iter().fold(BTreeMap::new(), |mut by_mail, person| {
            let mail = person.email.clone().unwrap_or_default();
            by_mail.entry(mail).or_insert_with(Vec::new).push(&person.id);
            by_mail
        });
    let (several, ids) =
        twins.iter().find(|(mail, ids)| !mail.is_empty() && ids.len() > 1).unwrap();
    let (single, id) = twins
        .iter()
        .find(|(mail, ids)| {
            !mail.is_empty()
                && ids.len() == 1
                && ids[0].starts_with("auth0|")
                && ids[0] != someone
                && !direct(ids[0]).is_empty()
        })
        .unwrap();
    let (mail_api, mail_permission) = direct(id[0])[0].clone();
    let file = format!(
        "user_id,email,resource_server_identifier,permission_name\n\
         {someone},,{api},{permission}\n\
         {someone},,{},{}\n\
         {someone},,{portal},read:rosters\n\
         ,{},{mail_api},{mail_permission}\n\
         ,{several},{api},{permission}\n\
         ,nobody@nowhere.example,{api},{permission}\n\
         auth0|nobody,,{api},{permission}\n\
         ..,,{api},{permission}\n\
         {someone},,{SHIPPING},read:shipmnts\n\
         {someone},,{SHIPPING},read:invoices\n\
         ,,{api},{permission}\n",
        absent.0,
        absent.1,
        single.to_uppercase()
    );
    world.file("removals.csv", file);
    let summary = load(&world, &["delete", "UserPermission", "removals.csv"], 3);
    assert_eq!(summary["org"]["kind"], "auth0");
    assert_eq!(summary["rows"]["input"], 11);
    let success = world.results(&summary, "success");
    let rosters = format!("{rosters}; still effective through role Employee");
    let told = column(&success, "sf__Created");
    assert_eq!(told[0].split(';').next(), Some("removed"));
    assert_eq!(told[1].split(';').next(), Some("absent"));
    assert_eq!(told[2], rosters);
    assert_eq!(told[3].split(';').next(), Some("removed"));
    assert_eq!(column(&success, "sf__Id")[3], id[0]);
    assert_eq!(column(&success, "longshore__match"), ["text"; 4]);
    let errors = world.results(&summary, "error");
    assert_eq!(
        column(&errors, "longshore__code"),
        [
            "user_ambiguous",
            "user_not_found",
            "user_not_found",
            "user_id_invalid",
            "permission_not_found",
            "user_missing"
        ]
    );
    let messages = column(&errors, "longshore__message");
    assert!(ids.iter().all(|id| messages[0].contains(*id)), "{}", messages[0]);
    let rejected = world.results(&summary, "rejected");
    let message = &rejected[0]["longshore__message"];
    assert!(message.contains("read:shipments"), "{message}");
    let removed: BTreeSet<_> = effects(&world, Change::Remove).into_iter().collect();
    let mut expected = BTreeSet::from([
        [someone.clone(), api, permission],
        [id[0].to_owned(), mail_api, mail_permission],
    ]);
    if has {
        expected.insert([someone.clone(), portal.to_owned(), "read:rosters".to_owned()]);
    }
    assert_eq!(removed, expected);
    // What was taken away is known.
    let images =
        world.read(&format!("{}/raw/000001.before.jsonl", summary["run_dir"].as_str().unwrap()));
    assert!(images.lines().any(|line| line.contains(&expected.first().unwrap()[2])), "{images}");
}

/// Kills at any moment, and a resumption after each: all is removed, nothing else is, the files
/// say `removed` for every row, and nobody is called twice without need.
#[test]
fn a_killed_removal_goes_on_where_it_was() {
    const USERS: u32 = 300;
    let world = world(USERS, Plan::Own { burst: 400, per_minute: 60_000 });
    let (text, all) = everything(&world);
    world.file("all.csv", text);
    let mut kills = 0;
    for attempt in 0..40 {
        let args: &[&str] = if attempt == 0 {
            &["delete", "UserPermission", "all.csv", "--run-name", "R", "--json"]
        } else {
            &["resume", "R", "--json"]
        };
        let mut command = world.command(args);
        to_auth0(&mut command);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(250 + 60 * attempt));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            continue;
        }
        let ran = Ran::of(&child.wait_with_output().unwrap()).expect(0);
        let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
        let rows = all.len();
        assert_eq!(summary["rows"]["success"], rows);
        let success = world.results(&summary, "success");
        let told: BTreeSet<_> =
            column(&success, "sf__Created").into_iter().map(|told| told[..7].to_owned()).collect();
        assert_eq!(told, BTreeSet::from(["removed".to_owned()]));
        let removed = effects(&world, Change::Remove);
        assert_eq!(removed.len(), rows, "something was removed twice");
        assert_eq!(removed.into_iter().collect::<BTreeSet<_>>(), all);
        // In flight at a kill are at most so many users; each of them is looked at once more.
        let deletes: usize = calls(&world, "DELETE").values().sum();
        let limit = USERS as usize + 64 * kills;
        assert!(deletes <= limit, "{deletes} calls for {USERS} users and {kills} kills");
        assert!(kills > 0, "nothing was killed");
        run(&world, &["verify", "R"]).expect(0);
        return;
    }
    panic!("it never came to its end");
}

#[test]
fn roles_are_assigned_by_name_and_taken_away_by_id() {
    let world = world(30, Plan::Unlimited);
    let people = tenant(&world).people();
    let (vacant, _) =
        tenant(&world).roles().into_iter().find(|(_, name)| name == "Vacant").unwrap();
    let mut text = "User_ID,Role\n".to_owned();
    people.iter().for_each(|person| text.push_str(&format!("{},Vacant\n", person.id)));
    text.push_str(&format!("{},Employee\n", people[0].id));
    text.push_str(&format!("{},Emploee\n", people[0].id));
    world.file("roles.csv", &text);
    let summary = load(&world, &["insert", "UserRole", "roles.csv"], 3);
    let told = column(&world.results(&summary, "success"), "sf__Created");
    assert_eq!(told.len(), 31);
    assert_eq!(told.iter().filter(|told| *told == "added").count(), 30);
    assert_eq!(told[30], "unchanged");
    let rejected = world.results(&summary, "rejected");
    assert!(rejected[0]["longshore__message"].contains("Employee"), "{rejected:?}");
    for person in &people {
        assert!(tenant(&world).roles_of(&person.id).iter().any(|(id, _)| *id == vacant));
    }
    let ids = text.replace("Vacant", &vacant);
    let ids: String = ids.lines().take(31).map(|line| format!("{line}\n")).collect();
    world.file("roles.csv", ids);
    let summary = load(&world, &["delete", "UserRole", "roles.csv"], 0);
    let told = column(&world.results(&summary, "success"), "sf__Created");
    assert_eq!(told, vec!["removed"; 30]);
    for person in &people {
        assert!(!tenant(&world).roles_of(&person.id).iter().any(|(id, _)| *id == vacant));
    }
}

/// Under the limits of an enterprise tenant, in both ways that its allowance fills.
#[test]
fn the_pace_keeps_within_the_limits() {
    for refill in [Refill::Drip, Refill::FixedWindow] {
        let world = world(100, Plan::Enterprise);
        let switches = Switches { refill, ..Switches::default() };
        tenant(&world).set_switches(switches);
        let (text, all) = everything(&world);
        world.file("all.csv", text);
        let summary = load(&world, &["delete", "UserPermission", "all.csv"], 0);
        assert_eq!(summary["rows"]["success"], all.len());
        let requests = tenant(&world).audit().requests();
        let refused = requests.iter().filter(|request| request.status == 429).count();
        assert!(refused <= 1, "{refused} of {} refused, {refill:?}", requests.len());
        // 200 calls: 40 of the burst at once, the others at 16 a second.
        let seconds = summary["seconds"].as_f64().unwrap();
        assert!((9.0..16.0).contains(&seconds), "{seconds} s, {refill:?}");
    }
}
