//! `perms revoke --everything`: rows say who, and their users keep nothing but what comes with a
//! profile.

use std::collections::{BTreeMap, BTreeSet};

use super::{codes, find, held, messages, out, roster, small, some_users};

#[test]
fn leavers_lose_all_that_they_hold_in_salesforce() {
    let world = small();
    let users = some_users(&world, 25);
    let group = find(&world, "PermissionSetGroup", "MasterLabel = 'Compliance'");
    let ids: Vec<String> = [0, 1, 2, 24]
        .map(|at| find(&world, "User", &format!("Username = '{}'", users[at])))
        .to_vec();
    let (object, fields) = ("PermissionSetAssignment", ["AssigneeId", "PermissionSetGroupId"]);
    let given = [ids[0].as_str(), group.as_str()];
    super::change(&world, object, super::Verb::Insert, &fields, &given);
    let before = held(&world);
    let of = |held: &BTreeSet<(String, String)>, user: &str| {
        held.iter().filter(|(holder, _)| holder == user).count()
    };
    let rows = [
        format!("{},E-1", users[0]),
        format!("{},E-2", users[1]),
        "nobody@x.example,E-3".to_owned(),
        format!("{},E-4", users[1]),
        format!("{},E-5", users[24]),
        "ragged".to_owned(),
    ];
    world.file("leavers.csv", format!("Username,Ticket\n{}\n", rows.join("\n")));
    let leavers = ["perms", "revoke", "leavers.csv", "--everything"];
    let asked = world.run(&leavers).expect(6);
    assert!(
        asked.stderr.contains("this takes away everything that the users hold"),
        "{}",
        asked.stderr
    );
    assert_eq!(held(&world), before);

    let more = ["--yes", "--run-name", "l"];
    world.run(&[&leavers[..], &more].concat()).expect(3);
    let after = held(&world);
    let lost: BTreeSet<_> = before.difference(&after).cloned().collect();
    assert!(after.is_subset(&before));
    assert!(lost.iter().any(|(_, what)| *what == group), "{lost:?}");
    assert!(lost.iter().all(|(user, _)| ids.contains(user)), "{lost:?}");
    assert!(of(&before, &ids[0]) >= 3 && of(&before, &ids[1]) >= 2 && of(&before, &ids[2]) >= 2);
    assert_eq!([&ids[0], &ids[1], &ids[3]].map(|id| of(&after, id)), [0, 0, 0]);
    assert_eq!(of(&after, &ids[2]), of(&before, &ids[2]));
    let wanted = BTreeMap::from([("duplicate_row", 1), ("ragged_row", 1), ("user_not_found", 1)]);
    assert_eq!(codes(&out(&world, "l", "rejected")), wanted);
    let done = out(&world, "l", "success");
    let named = |row: &BTreeMap<String, String>| {
        !row["Permission Set"].is_empty() || !row["Permission Set Group"].is_empty()
    };
    let alone = of(&before, &ids[3]);
    assert_eq!(done.iter().filter(|row| named(row)).count(), lost.len());
    assert_eq!(done.len(), lost.len() + usize::from(alone == 0));
    let review = out(&world, "l", "access-review");
    let whys: BTreeSet<&str> = review.iter().map(|row| row["why"].as_str()).collect();
    assert!(whys.contains("everything that the user holds"), "{whys:?}");
    world.run(&["verify", "l"]).expect(0);
    // It is so already, and nothing is left to be agreed to.
    let again = ["--run-name", "again"];
    let ran = world.run(&[&leavers[..], &again].concat()).expect(3);
    assert!(ran.stderr.contains("notice: remove 0 · not there 3 · blocked 3 ("), "{}", ran.stderr);
    assert_eq!(held(&world), after);
    // The files of the run give it all back.
    let file = "longshore-runs/l/out/success.csv";
    let given: Vec<_> = done.iter().filter(|row| named(row)).collect();
    assert_eq!(given.len(), lost.len());
    world.run(&["perms", "grant", file, "--run-name", "back"]).expect(if alone == 0 {
        3
    } else {
        0
    });
    assert_eq!(held(&world), before);
}

#[test]
fn leavers_lose_all_that_they_hold_in_a_tenant() {
    let world = roster::world(60);
    let before = roster::held(&world);
    let people = roster::people(&world);
    let holder = |user: &str| before.iter().filter(|(id, ..)| id == user).count();
    let with_mail = people.iter().filter(|it| {
        let alone = people.iter().filter(|other| other.email.eq_ignore_ascii_case(&it.email));
        !it.email.is_empty() && alone.count() == 1
    });
    let mut leavers: Vec<_> = with_mail.filter(|it| holder(&it.id) > 1).take(3).collect();
    let idle = people.iter().find(|it| holder(&it.id) == 0);
    leavers.extend(idle);
    let rows: Vec<String> = leavers.iter().map(|it| format!("{},{}", it.id, it.email)).collect();
    let text = format!("User Id,Email\n{}\n,nobody@x.example\n", rows.join("\n"));
    world.file("leavers.csv", text);
    let command = ["revoke", "leavers.csv", "--everything", "--yes", "--run-name", "l"];
    roster::run(&world, &command[..3], 6);
    roster::run(&world, &command, 3);
    let after = roster::held(&world);
    let ids: BTreeSet<&str> = leavers.iter().map(|it| it.id.as_str()).collect();
    let wanted: BTreeSet<_> =
        before.iter().filter(|(id, ..)| !ids.contains(id.as_str())).cloned().collect();
    assert_eq!(after, wanted);
    let lost = before.len() - after.len();
    assert!(lost >= 6, "{lost}");
    let done = out(&world, "l", "success");
    assert_eq!(done.len(), lost + usize::from(idle.is_some()));
    let named = done.iter().filter(|row| !row["Permission"].is_empty() || !row["Role"].is_empty());
    assert_eq!(named.count(), lost);
    insta::assert_snapshot!(messages(&out(&world, "l", "rejected")), @"user_not_found: no user has the e-mail `nobody@x.example`");
    world.run(&["verify", "l"]).expect(0);
}

#[test]
fn what_contradicts_everything_is_refused() {
    let world = small();
    world.file("sets.csv", "Username,Permission Set\na@x.example,Gate Access\n");
    world.file("who.csv", "Username\na@x.example\n");
    let told = [
        &["sets.csv", "--everything"][..],
        &["who.csv", "--everything", "--permission-set", "Gate Access"],
        &["who.csv", "--where", "IsActive = true", "--everything"],
        &["who.csv"],
    ]
    .map(|args| {
        let ran = world.run(&[&["perms", "revoke"], args].concat()).expect(2);
        ran.stderr.lines().find(|line| line.starts_with("error")).unwrap().to_owned()
    });
    insta::assert_snapshot!(told.join("\n"), @"
    error: both the column `Permission Set` and a flag say which permission
    error: `--everything` and `--permission-set` both say which permission
    error: a file and `--where` both say who
    error: no column says which permission: the file has `Username`
    ");
    let before = held(&world);
    let all = ["perms", "revoke", "--where", "IsActive = true", "--everything", "--yes"];
    world.run(&all).expect(0);
    assert!(!before.is_empty());
    let left = held(&world);
    assert!(left.len() < before.len() && left.is_subset(&before), "{left:?}");
}
