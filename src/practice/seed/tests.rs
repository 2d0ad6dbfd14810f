use super::*;
use crate::practice::objects;
use crate::practice::store::Life;

fn count(store: &Store, object: &str) -> usize {
    store.named(object).numbers(false).count()
}

#[test]
fn a_new_org_has_what_the_manual_says() {
    let store = grow(Catalog::built_in(), &SeedSize::default());
    let counts: Vec<(&str, usize)> =
        objects::all().iter().map(|o| (o.name(), count(&store, o.name()))).collect();
    let expected = [
        ("Account", 200),
        ("Case", 150),
        ("Contact", 400),
        ("Lead", 50),
        ("Opportunity", 150),
        ("Organization", 1),
        // 40 of business, one a profile, one a group.
        ("PermissionSet", 54),
        // One hidden a user, and 1,412 that people gave.
        ("PermissionSetAssignment", 4_412),
        ("PermissionSetGroup", 4),
        ("PermissionSetLicense", 4),
        ("PermissionSetLicenseAssign", 3),
        ("Profile", 10),
        ("Shipment__c", 300),
        ("User", 3_000),
        ("UserLicense", 3),
    ];
    assert_eq!(counts, expected);
}

#[test]
fn the_same_size_gives_the_same_ids() {
    let size = SeedSize { users: 200, permission_sets: 40 };
    let (one, two) = (grow(Catalog::built_in(), &size), grow(Catalog::built_in(), &size));
    for object in objects::all() {
        let (one, two) = (one.table(object), two.table(object));
        assert_eq!(one.len(), two.len(), "{}", object.name());
        for number in one.numbers(true) {
            for place in 0..object.fields.len() {
                assert_eq!(one.get(number, place), two.get(number, place));
            }
        }
    }
}

#[test]
fn the_seed_keeps_the_rules_it_will_be_held_to() {
    let store = grow(Catalog::built_in(), &SeedSize::default());
    for object in objects::all() {
        let table = store.table(object);
        for number in table.numbers(true) {
            for (place, field) in object.fields.iter().enumerate() {
                let slot = table.get(number, place);
                let what = format!("{}.{} of {number}: {slot:?}", object.name(), field.name);
                assert!(!(field.must_be_sent() && slot.is_null()), "{what}");
                match slot {
                    Slot::Text(text) => {
                        let known = field.picklist.contains(&&*text);
                        assert!(text.chars().count() <= field.length as usize, "{what}");
                        assert!(known || !field.restricted, "{what}");
                        assert!(!field.unique || table.having(place, &text).len() == 1, "{what}");
                    }
                    Slot::Ref(rid) => {
                        assert_eq!(store.life(rid), Life::Live, "{what}");
                        let fits = place == 0 || field.refers_to.contains(&rid.object().name());
                        assert!(fits, "{what}");
                    }
                    _ => {}
                }
            }
        }
    }
}

#[test]
fn there_are_inactive_users_and_a_license_with_two_seats_left() {
    let store = grow(Catalog::built_in(), &SeedSize::default());
    let users = store.named("User");
    let active = users.object.position("IsActive").unwrap();
    let inactive = users.numbers(false).filter(|n| users.get(*n, active) == Slot::Bool(false));
    assert!((60..=120).contains(&inactive.count()));

    let licenses = store.named("PermissionSetLicense");
    let rid = Rid::new(licenses.object, 2);
    assert_eq!(store.by_name(rid, "MasterLabel"), Slot::from("Customs Filing"));
    assert_eq!(store.by_name(rid, "TotalLicenses"), Slot::Int(5));
    assert_eq!(store.by_name(rid, "UsedLicenses"), Slot::Int(3));
}

#[test]
fn a_small_and_a_large_seed_grow_too() {
    for (users, permission_sets) in [(1, 0), (2, 1), (50, 3), (100, 95)] {
        let store = grow(Catalog::built_in(), &SeedSize { users, permission_sets });
        assert_eq!(count(&store, "User"), users as usize);
        assert_eq!(count(&store, "PermissionSet"), permission_sets as usize + 14);
    }
}

/// Fixtures name these: a change here breaks files that people have.
#[test]
fn ids_that_fixtures_rely_on() {
    let store = grow(Catalog::built_in(), &SeedSize::default());
    let id_of = |object: &str, field: &str, value: &str| {
        let table = store.named(object);
        let place = table.object.position(field).unwrap();
        let found = table.numbers(false).find(|n| table.get(*n, place) == Slot::from(value));
        Rid::new(table.object, found.unwrap()).spell()
    };
    let ids = [
        id_of("User", "Username", ADMIN),
        id_of("User", "EmployeeNumber", "E00001"),
        id_of("PermissionSet", "Name", "Cargo_Booking"),
        id_of("PermissionSet", "Name", "Release_Manager"),
        id_of("PermissionSetGroup", "DeveloperName", "Port_Operations"),
        id_of("Profile", "Name", "Port Clerk"),
        id_of("Account", "Legacy_Id__c", "A-00001"),
    ];
    let expected = [
        "0058c00000ZgV6fAAF",
        "0058c00000ZgV6gAAF",
        "0PS8c00000ZgV6pGAF",
        "0PS8c00000ZgV7SGAV",
        "0PG8c00000ZgV6fGAF",
        "00e8c00000ZgV6lAAF",
        "0018c00000ZgV6fAAF",
    ];
    assert_eq!(ids, expected);
}
