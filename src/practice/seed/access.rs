//! Licenses, profiles, users, permission sets and who has them.

use super::{ADMIN, Bed, FIRST_NAMES, LAST_NAMES};
use crate::practice::org::SeedSize;
use crate::practice::rules::{STANDARD_PROFILES, aggregate_of};
use crate::practice::store::{Rid, Slot, read_date};

/// Key, label and seats; seats grow with the number of users.
const USER_LICENSES: [(&str, &str); 3] = [
    ("SFDC", "Salesforce"),
    ("AUL", "Salesforce Platform"),
    ("SFDC_Integration", "Salesforce Integration"),
];

/// Name, its user license by place, and how many of 100 users have it.
const PROFILES: [(&str, usize, usize); 10] = [
    ("System Administrator", 0, 1),
    ("Standard User", 0, 24),
    ("Read Only", 0, 6),
    ("Minimum Access - Salesforce", 0, 8),
    ("Standard Platform User", 1, 10),
    ("Sales Operations", 0, 20),
    ("Port Clerk", 1, 12),
    ("Customer Care", 0, 14),
    ("Finance Desk", 0, 4),
    ("Integration Services", 2, 1),
];

/// Developer name, label and seats.
const SET_LICENSES: [(&str, &str, i64); 4] = [
    ("SalesAnalyticsPsl", "Sales Analytics", 25),
    ("FieldServicePsl", "Field Service Mobile", 400),
    ("CustomsFilingPsl", "Customs Filing", 5),
    ("CallCenterPsl", "Call Center Voice", 1_000),
];

/// What a set is for, and the license that it needs: `P` one of the above, `U` a user license.
const SETS: [(&str, Option<(char, usize)>); 40] = [
    ("Cargo Booking", None),
    ("Cargo Booking Approval", None),
    ("Customs Filing", Some(('P', 2))),
    ("Customs Review", None),
    ("Berth Planning", None),
    ("Crane Scheduling", None),
    ("Container Tracking", None),
    ("Container Release", None),
    ("Dangerous Goods Review", None),
    ("Cold Chain Monitoring", None),
    ("Tariff Maintenance", None),
    ("Rate Quotes", None),
    ("Contract Negotiation", None),
    ("Invoice Export", None),
    ("Invoice Corrections", None),
    ("Credit Checks", None),
    ("Claims Handling", None),
    ("Claims Payout", None),
    ("Sales Forecast", None),
    ("Sales Analytics", Some(('P', 0))),
    ("Lead Conversion", None),
    ("Campaign Manager", None),
    ("Partner Onboarding", None),
    ("Case Escalation", None),
    ("Call Center Voice", Some(('P', 3))),
    ("Knowledge Editor", None),
    ("Knowledge Reader", None),
    ("Field Inspection", Some(('P', 1))),
    ("Gate Access", None),
    ("Yard Supervisor", None),
    ("Fleet Maintenance", None),
    ("Fuel Ordering", None),
    ("Crew Rostering", None),
    ("Payroll Viewer", None),
    ("Safety Audit", None),
    ("Data Export", None),
    ("Report Builder", None),
    ("Api Access", None),
    ("Contract Billing", Some(('U', 0))),
    ("Release Manager", None),
];

const GROUPS: [&str; 4] = ["Port Operations", "Commercial Team", "Customer Service", "Compliance"];

const ZONES: [(&str, &str, &str); 6] = [
    ("Europe/Berlin", "de_DE", "de"),
    ("Europe/London", "en_GB", "en_US"),
    ("America/New_York", "en_US", "en_US"),
    ("America/Los_Angeles", "en_US", "en_US"),
    ("Asia/Tokyo", "ja_JP", "ja"),
    ("Europe/Stockholm", "sv_SE", "sv"),
];

const DEPARTMENTS: &[&str] =
    &["Operations", "Sales", "Customs", "Finance", "Customer Care", "IT", "Fleet", "Legal"];

pub(super) fn plant(bed: &mut Bed, size: &SeedSize) {
    organization(bed);
    let licenses = user_licenses(bed, size);
    let profiles = profiles(bed, &licenses);
    users(bed, size, &profiles);
    let owned = owned_sets(bed, &profiles);
    let set_licenses = set_licenses(bed, size);
    let sets = sets(bed, size, &licenses, &set_licenses);
    let groups = groups(bed);
    hidden_assignments(bed, size, &profiles, &owned);
    assignments(bed, size, &sets, &groups);
}

fn organization(bed: &mut Bed) {
    bed.put(
        "Organization",
        &[
            ("Name", "Practice Org".into()),
            ("PrimaryContact", "Practice Admin".into()),
            ("City", "Rotterdam".into()),
            ("Country", "Netherlands".into()),
            ("DefaultLocaleSidKey", "en_US".into()),
            ("LanguageLocaleKey", "en_US".into()),
            ("TimeZoneSidKey", "Europe/Berlin".into()),
            ("OrganizationType", "Developer Edition".into()),
            ("InstanceName", "PRA1S".into()),
            ("IsSandbox", Slot::Bool(true)),
            ("FiscalYearStartMonth", Slot::Int(1)),
        ],
    );
}

fn user_licenses(bed: &mut Bed, size: &SeedSize) -> Vec<Rid> {
    // Room for ten times as many users, so that loads of users do not run out at once.
    let seats = [10, 10, 1].map(|times| i64::from(size.users) * times + 10_000);
    let all = USER_LICENSES.iter().zip(seats);
    all.map(|((key, label), seats)| {
        bed.put(
            "UserLicense",
            &[
                ("LicenseDefinitionKey", (*key).into()),
                ("Name", (*label).into()),
                ("MasterLabel", (*label).into()),
                ("Status", "Active".into()),
                ("TotalLicenses", Slot::Int(seats)),
                ("UsedLicenses", Slot::Int(0)),
            ],
        )
    })
    .collect()
}

fn profiles(bed: &mut Bed, licenses: &[Rid]) -> Vec<Rid> {
    let mut profiles = Vec::new();
    for (name, license, _) in PROFILES {
        let admin = name == "System Administrator";
        let custom = !STANDARD_PROFILES.contains(&name);
        let may = |yes: bool| Slot::Bool(yes);
        profiles.push(bed.put(
            "Profile",
            &[
                ("Name", name.into()),
                ("UserType", "Standard".into()),
                ("UserLicenseId", Slot::Ref(licenses[license])),
                ("PermissionsApiEnabled", may(admin || custom)),
                // A few start with it on, for the practice of taking it away.
                ("PermissionsApiUserOnly", may(custom && name != "Sales Operations")),
                ("PermissionsModifyAllData", may(admin)),
                ("PermissionsViewAllData", may(admin)),
                ("PermissionsManageUsers", may(admin)),
                ("PermissionsAssignPermissionSets", may(admin)),
                ("PermissionsViewSetup", may(admin)),
                ("PermissionsRunReports", may(name != "Minimum Access - Salesforce")),
                ("PermissionsBulkApiHardDelete", may(admin)),
            ],
        ));
    }
    profiles
}

fn users(bed: &mut Bed, size: &SeedSize, profiles: &[Rid]) {
    user(bed, ("Practice", "Admin"), ADMIN, profiles[0], true);
    for number in 1..size.users {
        let first = bed.dice.pick(FIRST_NAMES);
        let last = bed.dice.pick(LAST_NAMES);
        let name = format!("{}.{}", first.to_lowercase(), last.to_lowercase());
        let username = format!("{name}.{number:04}@practice.example");
        let profile = profiles[profile_of(bed.dice.roll(100))];
        // About three of a hundred have left.
        let active = bed.dice.roll(100) >= 3;
        user(bed, (first, last), &username, profile, active);
    }
}

fn profile_of(hundredth: usize) -> usize {
    let mut upto = 0;
    let place = PROFILES.iter().position(|(_, _, share)| {
        upto += share;
        hundredth < upto
    });
    place.unwrap_or(1)
}

fn user(bed: &mut Bed, (first, last): (&str, &str), username: &str, profile: Rid, active: bool) {
    let (zone, locale, language) = ZONES[bed.dice.roll(ZONES.len())];
    let name = username.split('@').next().unwrap_or_default();
    let alias: String = format!("{}{last}", &first[..1]).to_lowercase().chars().take(8).collect();
    let department = bed.dice.pick(DEPARTMENTS);
    let number = bed.store.named("User").len();
    bed.put(
        "User",
        &[
            ("Username", username.into()),
            ("FirstName", first.into()),
            ("LastName", last.into()),
            ("Name", format!("{first} {last}").into()),
            ("Email", username.into()),
            ("Alias", alias.into()),
            ("CommunityNickname", name.into()),
            ("Department", department.into()),
            ("EmployeeNumber", format!("E{number:05}").into()),
            ("IsActive", Slot::Bool(active)),
            ("ProfileId", Slot::Ref(profile)),
            ("UserType", "Standard".into()),
            ("TimeZoneSidKey", zone.into()),
            ("LocaleSidKey", locale.into()),
            ("LanguageLocaleKey", language.into()),
            ("EmailEncodingKey", "UTF-8".into()),
        ],
    );
}

/// Every profile has a permission set of its own, in which the service keeps its permissions.
fn owned_sets(bed: &mut Bed, profiles: &[Rid]) -> Vec<Rid> {
    let all = profiles.iter().enumerate();
    all.map(|(nth, profile)| {
        let name = format!("X00e{:011}", nth + 1);
        bed.put(
            "PermissionSet",
            &[
                ("Name", name.clone().into()),
                ("Label", name.into()),
                ("ProfileId", Slot::Ref(*profile)),
                ("IsOwnedByProfile", Slot::Bool(true)),
                ("IsCustom", Slot::Bool(nth >= STANDARD_PROFILES.len())),
                ("Type", "Profile".into()),
            ],
        )
    })
    .collect()
}

fn set_licenses(bed: &mut Bed, size: &SeedSize) -> Vec<Rid> {
    let expires = read_date("2029-12-31").map_or(Slot::Null, Slot::Date);
    let all = SET_LICENSES.iter();
    all.map(|(name, label, seats)| {
        // Plenty of the large ones in a large org; the small ones stay scarce.
        let seats = if *seats < 100 { *seats } else { seats * i64::from(size.users) / 1_000 };
        bed.put(
            "PermissionSetLicense",
            &[
                ("DeveloperName", (*name).into()),
                ("Language", "en_US".into()),
                ("MasterLabel", (*label).into()),
                ("PermissionSetLicenseKey", (*name).into()),
                ("TotalLicenses", Slot::Int(seats)),
                ("UsedLicenses", Slot::Int(0)),
                ("Status", "Active".into()),
                ("ExpirationDate", expires.clone()),
            ],
        )
    })
    .collect()
}

fn sets(bed: &mut Bed, size: &SeedSize, licenses: &[Rid], set_licenses: &[Rid]) -> Vec<Rid> {
    let mut sets = Vec::new();
    for number in 0..size.permission_sets as usize {
        let (label, license) = SETS[number % SETS.len()];
        let round = number / SETS.len();
        let label = if round == 0 { label.to_owned() } else { format!("{label} {}", round + 1) };
        let license = license.map_or(Slot::Null, |(kind, place)| {
            Slot::Ref(if kind == 'U' { licenses[place] } else { set_licenses[place] })
        });
        sets.push(bed.put(
            "PermissionSet",
            &[
                ("Name", label.replace(' ', "_").into()),
                ("Label", label.clone().into()),
                ("Description", format!("Lets people work with {}", label.to_lowercase()).into()),
                ("LicenseId", license),
                ("IsCustom", Slot::Bool(true)),
                ("Type", "Regular".into()),
                ("PermissionsApiEnabled", Slot::Bool(label.contains("Api"))),
                ("PermissionsRunReports", Slot::Bool(number % 3 == 0)),
                ("PermissionsExportReport", Slot::Bool(label.contains("Export"))),
            ],
        ));
    }
    sets
}

fn groups(bed: &mut Bed) -> Vec<Rid> {
    let mut groups = Vec::new();
    for label in GROUPS {
        let name = label.replace(' ', "_");
        let group = bed.put(
            "PermissionSetGroup",
            &[
                ("DeveloperName", name.clone().into()),
                ("MasterLabel", label.into()),
                ("Language", "en_US".into()),
                ("Status", "Updated".into()),
            ],
        );
        bed.put(
            "PermissionSet",
            &[
                ("Name", format!("{name}_Group").into()),
                ("Label", label.into()),
                ("PermissionSetGroupId", Slot::Ref(group)),
                ("IsCustom", Slot::Bool(true)),
                ("Type", "Group".into()),
            ],
        );
        groups.push(group);
    }
    groups
}

fn hidden_assignments(bed: &mut Bed, size: &SeedSize, profiles: &[Rid], owned: &[Rid]) {
    for number in 0..size.users.max(1) {
        let user = nth_user(bed, number);
        let profile = bed.store.reference(user, "ProfileId");
        let place = profiles.iter().position(|other| Some(*other) == profile);
        if let Some(place) = place {
            assign(bed, user, &[("PermissionSetId", owned[place])]);
        }
    }
}

/// Half as many as there are users, without a license but for the few that show what a used-up one
/// looks like.
fn assignments(bed: &mut Bed, size: &SeedSize, sets: &[Rid], groups: &[Rid]) {
    for _ in 0..size.users / 2 {
        let roll = bed.dice.roll(size.users as usize);
        let user = nth_user(bed, u32::try_from(roll).unwrap_or_default());
        let set = sets.get(bed.dice.roll(sets.len())).copied();
        let free = set.filter(|set| bed.store.reference(*set, "LicenseId").is_none());
        if let Some(set) = free.filter(|set| may_have(bed, user, *set)) {
            assign(bed, user, &[("PermissionSetId", set)]);
        }
    }
    for number in 0..size.users / 20 {
        let user = nth_user(bed, number * 17 % size.users);
        let group = groups[bed.dice.roll(groups.len())];
        if let Some(aggregate) =
            aggregate_of(&bed.store, group).filter(|_| may_have(bed, user, group))
        {
            assign(bed, user, &[("PermissionSetGroupId", group), ("PermissionSetId", aggregate)]);
        }
    }
    scarce_seats(bed, size, sets);
}

/// Takes all seats of `Customs Filing` but two.
fn scarce_seats(bed: &mut Bed, size: &SeedSize, sets: &[Rid]) {
    let Some(set) = sets.get(2).copied() else { return };
    let Some(license) = bed.store.reference(set, "LicenseId") else { return };
    let mut left = 3;
    for number in 1..size.users {
        let user = nth_user(bed, number);
        if left == 0 {
            return;
        }
        if may_have(bed, user, set) {
            let values =
                [("AssigneeId", Slot::Ref(user)), ("PermissionSetLicenseId", Slot::Ref(license))];
            bed.put("PermissionSetLicenseAssign", &values);
            assign(bed, user, &[("PermissionSetId", set)]);
            left -= 1;
        }
    }
}

fn may_have(bed: &Bed, user: Rid, what: Rid) -> bool {
    let active = bed.store.by_name(user, "IsActive") == Slot::Bool(true);
    active && bed.store.named("PermissionSetAssignment").pair(user, what).is_none()
}

fn nth_user(bed: &Bed, number: u32) -> Rid {
    Rid::new(bed.store.named("User").object, number)
}

fn assign(bed: &mut Bed, user: Rid, what: &[(&'static str, Rid)]) {
    let mut values = vec![("AssigneeId", Slot::Ref(user)), ("IsActive", Slot::Bool(true))];
    values.extend(what.iter().map(|(field, rid)| (*field, Slot::Ref(*rid))));
    bed.put("PermissionSetAssignment", &values);
}
