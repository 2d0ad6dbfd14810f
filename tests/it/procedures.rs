//! The three procedures that people follow today, from end to end.

use std::collections::BTreeSet;

use longshore::practice::org::QueryScope;

use crate::world::{World, read_csv};

const SETS: &str = "SELECT Id, Label FROM PermissionSet \
    WHERE IsOwnedByProfile = false AND Label IN ('Gate Access', 'Report Builder')";

impl World {
    /// Exports to a file of the world and gives its rows.
    fn exported(&self, soql: &str, file: &str) -> Vec<std::collections::BTreeMap<String, String>> {
        self.run(&["export", soql, "--output", file]).expect(0);
        read_csv(&self.path(file))
    }

    /// What `SELECT COUNT() …` says, asked of the org itself and not through the client.
    fn count(&self, rest: &str) -> u64 {
        let soql = format!("SELECT COUNT() {rest}");
        let org = self.practice().org();
        let cursor = org.cursor(&soql, QueryScope::Live).unwrap_or_else(|_| panic!("{soql}"));
        cursor.count_only().unwrap()
    }
}

/// Ids are looked up by export and put into a list whose headers are no field names; the load goes
/// through a mapping; error.csv is corrected and loaded again.
#[test]
fn permission_sets_are_assigned_from_a_spreadsheet() {
    let world = World::new();
    let sets = world.exported(SETS, "sets.csv");
    let users = world.exported(
        "SELECT Id, Username, IsActive FROM User WHERE Department = 'Legal' ORDER BY Username",
        "users.csv",
    );
    assert_eq!(sets.len(), 2);
    assert!(users.len() > 300 && users.iter().any(|user| user["IsActive"] == "false"));
    let held: BTreeSet<(String, String)> = world
        .exported("SELECT AssigneeId, PermissionSetId FROM PermissionSetAssignment", "held.csv")
        .into_iter()
        .map(|row| (row["AssigneeId"].clone(), row["PermissionSetId"].clone()))
        .collect();

    let mut list = vec!["Ticket,User Id,Person,Set Id".to_owned()];
    let (mut inactive, mut duplicates, mut total) = (0, 0, 0);
    for set in &sets {
        for user in &users {
            let pair = (user["Id"].clone(), set["Id"].clone());
            if user["IsActive"] == "false" {
                inactive += 1;
            } else if held.contains(&pair) {
                duplicates += 1;
            }
            total += 1;
            list.push(format!("CHG-{total},{},{}, {} ", pair.0, user["Username"], pair.1));
        }
    }
    assert!(inactive > 0 && duplicates > 0, "{inactive} {duplicates}");
    world.file("list.csv", list.join("\r\n"));
    world.file(
        "map.toml",
        "[fields]\nAssigneeId = \"User Id\"\n\
         PermissionSetId = { column = \"Set Id\", transforms = [\"trim\"] }\n",
    );
    let insert =
        |file: &str| world.load(&["insert", "PermissionSetAssignment", file, "--map", "map.toml"]);
    let (ran, first) = insert("list.csv");
    ran.expect(3);
    assert_eq!(first["rows"]["success"], total - inactive - duplicates);
    assert_eq!(first["rows"]["error"], inactive + duplicates);
    for row in world.results(&first, "error") {
        let codes = ["INACTIVE_OWNER_OR_USER", "DUPLICATE_VALUE"];
        assert!(codes.contains(&row["longshore__code"].as_str()), "{row:?}");
        assert!(row["Ticket"].starts_with("CHG-"), "{row:?}");
    }

    // Correct: somebody else gets what was meant for the inactive, the duplicates are taken out.
    let errors = world.read(first["files"]["error"].as_str().unwrap());
    let stand_in = world.exported(
        "SELECT Id FROM User WHERE Department = 'IT' AND IsActive = true AND Id NOT IN \
         (SELECT AssigneeId FROM PermissionSetAssignment WHERE PermissionSet.IsOwnedByProfile = \
         false)",
        "others.csv",
    );
    let mut others = stand_in.iter().map(|user| user["Id"].clone());
    let mut corrected = String::new();
    for line in errors.lines().filter(|line| !line.contains("DUPLICATE_VALUE")) {
        let user = line.split(',').nth(1).unwrap();
        let with = if corrected.is_empty() { user.to_owned() } else { others.next().unwrap() };
        corrected += &line.replacen(user, &with, 1);
        corrected += "\r\n";
    }
    world.file("corrected.csv", corrected);
    let (ran, second) = insert("corrected.csv");
    ran.expect(0);
    assert_eq!(second["rows"]["success"], inactive);
    assert_eq!(
        world.count(
            "FROM PermissionSetAssignment WHERE PermissionSet.Label IN ('Gate Access', 'Report \
             Builder') AND Assignee.Department = 'Legal'"
        ),
        total - inactive
    );
}

/// What is to go is found by an export; what was exported is deleted; none are left, and what
/// profiles own is untouched.
#[test]
fn assignments_of_a_set_and_of_a_user_are_removed() {
    let world = World::new();
    let hidden = "FROM PermissionSetAssignment WHERE PermissionSet.IsOwnedByProfile = true";
    let hidden_before = world.count(hidden);
    let of_set = "FROM PermissionSetAssignment WHERE PermissionSet.Name = 'Gate_Access'";
    let of_user = "FROM PermissionSetAssignment WHERE Assignee.Username = \
        'emil.ferrari.0243@practice.example' AND PermissionSet.IsOwnedByProfile = false";
    let all_before = world.count("FROM PermissionSetAssignment");
    let mut gone = 0;
    for condition in [of_user, of_set] {
        let expected = world.count(condition);
        assert!(expected > 0, "{condition}");
        let soql = format!("SELECT Id, Assignee.Username, PermissionSet.Name {condition}");
        let rows = world.exported(&soql, "gone.csv");
        assert_eq!(rows.len() as u64, expected);
        let (ran, summary) = world.load(&["delete", "PermissionSetAssignment", "gone.csv"]);
        ran.expect(0);
        assert_eq!(summary["rows"]["success"], expected);
        assert_eq!(world.count(condition), 0);
        gone += expected;
    }
    assert_eq!(world.count("FROM PermissionSetAssignment"), all_before - gone);
    assert_eq!(world.count(hidden), hidden_before);
}

/// The export keeps only some rows (a spreadsheet's filter), and only those are deleted.
#[test]
fn only_the_rows_that_are_left_in_the_file_are_deleted() {
    let world = World::new();
    let of_set = "FROM PermissionSetAssignment WHERE PermissionSet.Name = 'Yard_Supervisor'";
    let rows = world.exported(&format!("SELECT Assignee.Username, Id {of_set}"), "all.csv");
    let text = world.read("all.csv");
    let kept: Vec<&str> = text.lines().take(1 + 7).collect();
    world.file("kept.csv", kept.join("\r\n"));
    let (ran, summary) = world.load(&["delete", "PermissionSetAssignment", "kept.csv"]);
    ran.expect(0);
    assert_eq!(summary["rows"]["success"], 7);
    assert_eq!(world.count(of_set), rows.len() as u64 - 7);

    // The second time there is nothing left to delete, and each row says so.
    let (ran, summary) = world.load(&["delete", "PermissionSetAssignment", "kept.csv"]);
    ran.expect(3);
    assert_eq!(summary["errors"][0]["code"], "ENTITY_IS_DELETED");
}

/// What a profile owns cannot be deleted: this is why the export leaves it out.
#[test]
fn what_a_profile_owns_stays_and_is_told_as_an_error() {
    let world = World::new();
    let hidden = "FROM PermissionSetAssignment WHERE PermissionSet.IsOwnedByProfile = true";
    let before = world.count(hidden);
    world.exported(&format!("SELECT Id {hidden} LIMIT 20"), "hidden.csv");
    let (ran, summary) = world.load(&["delete", "PermissionSetAssignment", "hidden.csv"]);
    ran.expect(3);
    assert_eq!(summary["rows"]["error"], 20);
    assert_eq!(world.count(hidden), before);
}

/// The permission is switched off by a constant, and the export is the way back.
#[test]
fn a_permission_of_profiles_is_switched_off_and_on_again() {
    let world = World::new();
    let on = "FROM Profile WHERE PermissionsApiUserOnly = true";
    let soql = format!("SELECT Id, Name, PermissionsApiUserOnly {on}");
    let rows = world.exported(&soql, "profiles.csv");
    assert_eq!(rows.len(), 4);
    world
        .file("off.toml", "[fields]\nId = \"Id\"\nPermissionsApiUserOnly = { constant = false }\n");
    let (ran, summary) = world.load(&["update", "Profile", "profiles.csv", "--map", "off.toml"]);
    ran.expect(0);
    assert_eq!(summary["rows"]["success"], 4);
    let verbs: Vec<String> =
        world.changes().iter().map(|it| it.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(verbs, ["POST", "PUT", "PATCH"], "one job: made, filled, started");
    assert_eq!(world.count(on), 0);
    for row in world.results(&summary, "success") {
        assert_eq!(row["PermissionsApiUserOnly"], "true", "the source column stays as it was");
    }

    let (ran, _) = world.load(&["update", "Profile", "profiles.csv"]);
    ran.expect(0);
    assert_eq!(world.count(on), 4);
    // The name came along in the file and is a field that an update may set: it is unchanged.
    let names: BTreeSet<String> = rows.into_iter().map(|row| row["Name"].clone()).collect();
    let after = world.exported(&soql, "after.csv").into_iter().map(|row| row["Name"].clone());
    assert_eq!(after.collect::<BTreeSet<_>>(), names);
}

/// Words of people become truth values by a transform instead of by hand.
#[test]
fn a_permission_of_profiles_follows_a_column_of_words() {
    let world = World::new();
    world.exported("SELECT Id, Name FROM Profile WHERE Name = 'Port Clerk'", "clerk.csv");
    let text = world.read("clerk.csv");
    let line = text.lines().nth(1).unwrap();
    let list = format!("Id,Name,API only?\n{line},No\n");
    world.file(
        "words.toml",
        "[fields]\nId = \"Id\"\n\
         PermissionsApiUserOnly = { column = \"API only?\", transforms = [\"boolean\"] }\n",
    );
    let args = ["update", "Profile", "-", "--map", "words.toml"];
    world.run_with_input(&args, list.as_bytes()).expect(0);
    let still = "FROM Profile WHERE Name = 'Port Clerk' AND PermissionsApiUserOnly = true";
    assert_eq!(world.count(still), 0);
}
