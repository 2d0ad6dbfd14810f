//! Loads from end to end: every run is held against the audit log of the practice org.

use crate::world::{World, fixture};

#[test]
fn the_quickstart_file_loads_whole() {
    let world = World::new();
    let file = fixture("quickstart/assignments.csv");
    let (ran, summary) = world.load(&["insert", "PermissionSetAssignment", &file]);
    ran.expect(0);
    assert_eq!(summary["rows"]["success"], 5_000);
    assert_eq!(world.practice().org().audit().len(), 5_000);
}

#[test]
fn rows_that_fail_for_honest_reasons_stand_in_their_files_with_all_columns() {
    let world = World::new();
    let file = fixture("quickstart/friday.csv");
    let (ran, summary) = world.load(&["insert", "PermissionSetAssignment", &file]);
    ran.expect(3);
    assert_eq!(summary["rows"]["success"], 402);
    assert_eq!(summary["rows"]["error"], 24);
    assert_eq!(summary["rows"]["rejected"], 3);
    for row in world.results(&summary, "error") {
        assert!(row["Ticket"].starts_with("CHG-"), "{row:?}");
        assert!(!row["longshore__code"].is_empty() && !row["sf__Error"].is_empty(), "{row:?}");
    }
}

#[test]
fn an_error_file_can_be_loaded_again_as_it_is() {
    let world = World::new();
    let file = fixture("quickstart/friday.csv");
    let (_, first) = world.load(&["insert", "PermissionSetAssignment", &file]);
    let again = first["files"]["error"].as_str().unwrap().to_owned();
    let (ran, second) = world.load(&["insert", "PermissionSetAssignment", &again]);
    ran.expect(3);
    assert_eq!(second["rows"]["input"], 24);
    assert_eq!(second["rows"]["error"], 24);
    let header = world.read(second["files"]["error"].as_str().unwrap());
    assert_eq!(header.lines().next().unwrap().matches("sf__Error").count(), 1);
}

#[test]
fn many_small_jobs_in_parallel_give_the_same_files_as_one() {
    let world = World::new();
    let file = fixture("quickstart/assignments.csv");
    let args = ["insert", "PermissionSetAssignment", file.as_str()];
    let (ran, many) =
        world.load(&[&args[..], &["--chunk-rows", "300", "--parallel", "5"][..]].concat());
    ran.expect(0);
    assert_eq!(many["jobs"].as_array().unwrap().len(), 17);
    let other = World::new();
    let (_, one) = other.load(&args);
    let pairs = |world: &World, summary| -> Vec<(String, String)> {
        let rows = world.results(summary, "success");
        rows.into_iter()
            .map(|row| (row["AssigneeId"].clone(), row["longshore__row"].clone()))
            .collect()
    };
    assert_eq!(pairs(&world, &many), pairs(&other, &one));
}
