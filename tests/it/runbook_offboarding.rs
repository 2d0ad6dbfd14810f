//! The runbook of leavers: one HR file, two kinds of org, a gate, and a review of who has what now.

use std::collections::BTreeSet;

use longshore::practice::{Org, SeedSize};

use crate::world::{World, fixture, read_csv};

/// Who holds what of the CRM beside what profiles own, by the numbers of employees.
fn crm(world: &World, filter: &str) -> u64 {
    let soql = format!(
        "SELECT COUNT() FROM PermissionSetAssignment WHERE PermissionSet.IsOwnedByProfile = false \
         AND Assignee.EmployeeNumber {filter}"
    );
    let ran = world.run(&["export", &soql, "-o", "practice", "-q"]).expect(0);
    ran.stdout.lines().last().unwrap().parse().unwrap()
}

/// User, API, permission or role of the apps that the users of a file hold by themselves.
fn apps(world: &World) -> BTreeSet<[String; 4]> {
    let report =
        ["perms", "report", "who.csv", "-o", "practice-auth0", "--output", "apps.csv", "-q"];
    world.run(&report).expect(0);
    let rows = read_csv(&world.path("apps.csv"));
    let direct = rows.iter().filter(|row| row["Direct"] == "yes");
    direct.map(|row| ["Email", "API", "Permission", "Role"].map(|name| row[name].clone())).collect()
}

#[test]
fn leavers_lose_all_that_they_may_do_once_somebody_has_approved_it() {
    let world = World::of(Org::new(&SeedSize { users: 1, permission_sets: 1 }));
    let runbook = fixture("runbooks/offboarding/runbook.toml");
    let mails = ["frida.abara.00013", "carla.abara.00006", "hugo.abara.00016"]
        .map(|name| format!("{name}@practice.example"));
    // One who stays, besides.
    let stay = "clara.abara.00008@practice.example\n";
    world.file("who.csv", format!("Email\n{}\n{stay}", mails.join("\n")));
    let leavers = "IN ('E00002', 'E00003', 'E00004')";
    let others = "NOT IN ('E00002', 'E00003', 'E00004')";
    let (held, stays, before) = (crm(&world, leavers), crm(&world, others), apps(&world));
    assert!(held > 0 && before.iter().any(|row| mails.contains(&row[0])), "{held} {before:?}");

    let ran = world.run(&["run", &runbook, "--run-name", "leavers", "--yes"]);
    assert_ne!(ran.code, 0, "{}", ran.stderr);
    assert_eq!((crm(&world, leavers), apps(&world)), (held, before.clone()), "{}", ran.stderr);

    world.run(&["resume", "leavers", "--approve", "approval", "--yes"]).expect(0);
    assert_eq!((crm(&world, leavers), crm(&world, others)), (0, stays));
    let kept: BTreeSet<_> = before.iter().filter(|row| !mails.contains(&row[0])).cloned().collect();
    assert_eq!(apps(&world), kept);
    assert!(!kept.is_empty(), "{before:?}");
    for (step, lost) in [
        ("03-crm-access", usize::try_from(held).unwrap()),
        ("04-app-access", before.len() - kept.len()),
    ] {
        let review = format!("longshore-runs/leavers/steps/{step}/out/access-review.csv");
        let review = read_csv(&world.path(&review));
        let gone = review.iter().filter(|row| row["before"] != "no" && row["after"] == "no");
        assert_eq!(gone.count(), lost, "{step}: {review:?}");
    }
    world.run(&["verify", "leavers"]).expect(0);
}
