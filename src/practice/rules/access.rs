//! Users, profiles, permission sets and their assignments.

use super::draft::Draft;
use super::fault::{self, fault};
use crate::practice::objects::Object;
use crate::practice::org::RowError;
use crate::practice::store::{Rid, Slot, Store};
use crate::practice::switches::Switches;

/// A record that has to be made first, because of the row.
type Follow = (&'static Object, Vec<(usize, Slot<'static>)>);

/// Profiles that come with the service; their permissions can not be changed.
pub(in crate::practice) const STANDARD_PROFILES: [&str; 5] = [
    "System Administrator",
    "Standard User",
    "Read Only",
    "Minimum Access - Salesforce",
    "Standard Platform User",
];

pub(super) fn before_insert(
    store: &Store,
    switches: &Switches,
    draft: &mut Draft<'_>,
) -> Result<Vec<Follow>, RowError> {
    match draft.object.name() {
        "User" => before_user(store, draft)?,
        "PermissionSet" => {
            draft.put("IsCustom", Slot::Bool(true));
            draft.put("Type", Slot::from("Regular"));
        }
        "PermissionSetLicenseAssign" => before_license_assign(store, switches, draft)?,
        "PermissionSetAssignment" => return before_assignment(store, switches, draft),
        _ => {}
    }
    Ok(Vec::new())
}

pub(super) fn before_update(store: &Store, draft: &mut Draft<'_>) -> Result<(), RowError> {
    match (draft.object.name(), draft.record) {
        ("User", _) => before_user(store, draft),
        ("Profile", Some(record)) if is_standard(store, record) => Err(fault::no_right()),
        ("PermissionSet", Some(record)) if is_built_in(store, record) => Err(fault::no_right()),
        _ => Ok(()),
    }
}

pub(super) fn before_delete(store: &Store, record: Rid) -> Result<(), RowError> {
    match record.object().name() {
        "PermissionSetAssignment" => {
            let owned = |set| store.by_name(set, "IsOwnedByProfile") == Slot::Bool(true);
            let set = store.reference(record, "PermissionSetId");
            if set.is_some_and(owned) { Err(fault::no_right()) } else { Ok(()) }
        }
        "PermissionSet" if is_built_in(store, record) => Err(fault::no_right()),
        "PermissionSet" => not_in_use(store, record, "PermissionSetId"),
        "PermissionSetGroup" => not_in_use(store, record, "PermissionSetGroupId"),
        _ => Ok(()),
    }
}

fn is_standard(store: &Store, profile: Rid) -> bool {
    matches!(store.by_name(profile, "Name"), Slot::Text(name)
        if STANDARD_PROFILES.contains(&name.as_ref()))
}

/// Owned by a profile, or made by a group: not one that people edit.
fn is_built_in(store: &Store, set: Rid) -> bool {
    matches!(store.by_name(set, "Type"), Slot::Text(kind) if kind == "Profile" || kind == "Group")
}

fn not_in_use(store: &Store, record: Rid, field: &str) -> Result<(), RowError> {
    let assignments = store.named("PermissionSetAssignment");
    let Some(place) = assignments.object.position(field) else { return Ok(()) };
    let used = |number: &u32| assignments.get(*number, place) == Slot::Ref(record);
    match assignments.numbers(false).find(used) {
        None => Ok(()),
        Some(number) => {
            let id = Rid::new(assignments.object, number).spell();
            let message = format!(
                "Your attempt to delete the record could not be completed because it is assigned: \
                 {id}"
            );
            Err(fault("DELETE_FAILED", message, &[]))
        }
    }
}

fn before_user(store: &Store, draft: &mut Draft<'_>) -> Result<(), RowError> {
    let own = draft.record.map(Rid::number);
    let username = draft.text(store, "Username").unwrap_or_default();
    let table = store.table(draft.object);
    let taken = draft.object.position("Username").is_some_and(|place| {
        table.having(place, &username).iter().any(|number| Some(*number) != own)
    });
    if taken {
        return Err(fault("DUPLICATE_USERNAME", "Duplicate Username.", &["Username"]));
    }
    if !is_username(&username) {
        let message = "The username must be in the form of an email address (for example \
                       john@acme.com)";
        return Err(fault("INVALID_EMAIL_ADDRESS", message, &["Username"]));
    }
    if draft.record.is_none() {
        draft.put("UserType", Slot::from("Standard"));
        if !draft.is_given("CommunityNickname") {
            let name = username.split('@').next().unwrap_or_default();
            draft.put("CommunityNickname", Slot::from(name.chars().take(40).collect::<String>()));
        }
    }
    seat_for_user(store, draft)
}

fn is_username(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.'))
}

fn seat_for_user(store: &Store, draft: &Draft<'_>) -> Result<(), RowError> {
    let active = draft.get(store, "IsActive") == Slot::Bool(true);
    let profile = draft.reference(store, "ProfileId").filter(|_| active);
    let license = profile.and_then(|profile| store.reference(profile, "UserLicenseId"));
    let held = draft.record.and_then(|user| store.license_of_user(user));
    match license {
        Some(license) if held != Some(license) && seats_left(store, license) <= 0 => {
            Err(fault("LICENSE_LIMIT_EXCEEDED", "License Limit Exceeded", &[]))
        }
        _ => Ok(()),
    }
}

fn seats_left(store: &Store, license: Rid) -> i64 {
    let number = |field| match store.by_name(license, field) {
        Slot::Int(number) => number,
        _ => 0,
    };
    number("TotalLicenses") - number("UsedLicenses")
}

fn before_license_assign(
    store: &Store,
    switches: &Switches,
    draft: &Draft<'_>,
) -> Result<(), RowError> {
    let who = draft.reference(store, "AssigneeId");
    let what = draft.reference(store, "PermissionSetLicenseId");
    let (Some(who), Some(what)) = (who, what) else { return Ok(()) };
    if store.table(draft.object).pair(who, what).is_some() {
        let message = "Duplicate PermissionSetLicenseAssign. Assignee already has this license";
        return Err(fault("DUPLICATE_VALUE", message, &["AssigneeId", "PermissionSetLicenseId"]));
    }
    active_assignee(store, switches, who)?;
    seat_of_set(store, switches, what)
}

fn active_assignee(store: &Store, switches: &Switches, who: Rid) -> Result<(), RowError> {
    if !switches.inactive_assignee || store.by_name(who, "IsActive") == Slot::Bool(true) {
        return Ok(());
    }
    let message = format!("operation performed with inactive user [{}]", who.spell());
    Err(fault("INACTIVE_OWNER_OR_USER", message, &["AssigneeId"]))
}

fn seat_of_set(store: &Store, switches: &Switches, license: Rid) -> Result<(), RowError> {
    if seats_left(store, license) > 0 {
        return Ok(());
    }
    let label = text_of(store, license, "MasterLabel");
    let message = switches.license_text.replace("{license}", &label);
    Err(fault("LICENSE_LIMIT_EXCEEDED", message, &[]))
}

fn before_assignment(
    store: &Store,
    switches: &Switches,
    draft: &mut Draft<'_>,
) -> Result<Vec<Follow>, RowError> {
    let Some(who) = draft.reference(store, "AssigneeId") else { return Ok(Vec::new()) };
    let set = draft.reference(store, "PermissionSetId");
    let group = draft.reference(store, "PermissionSetGroupId");
    let (what, kind, field) = match (set, group) {
        (Some(set), None) => (set, "Permission Set", "PermissionSetId"),
        (None, Some(group)) => (group, "Permission Set Group", "PermissionSetGroupId"),
        (None, None) => return Err(fault::missing(&["PermissionSetId"])),
        (Some(_), Some(_)) => {
            let fields = ["PermissionSetId", "PermissionSetGroupId"];
            let message = "specify either PermissionSetId or PermissionSetGroupId, not both";
            return Err(fault("FIELD_INTEGRITY_EXCEPTION", message, &fields));
        }
    };
    if store.table(draft.object).pair(who, what).is_some() {
        let (who, what) = (who.spell(), what.spell());
        // Two blanks after the point, and ids of 15 characters: as recorded.
        let message = format!(
            "Duplicate PermissionSetAssignment.  Assignee: {}; {kind}: {}",
            &who[..15],
            &what[..15]
        );
        return Err(fault("DUPLICATE_VALUE", message, &["AssigneeId", field]));
    }
    if set.is_some_and(|set| is_built_in(store, set)) {
        return Err(fault::no_right());
    }
    active_assignee(store, switches, who)?;
    if group.is_some() {
        if let Some(aggregate) = aggregate_of(store, what) {
            draft.put("PermissionSetId", Slot::Ref(aggregate));
        }
        return Ok(Vec::new());
    }
    license_for(store, switches, who, what)
}

/// The set that stands for a group in assignments.
pub(in crate::practice) fn aggregate_of(store: &Store, group: Rid) -> Option<Rid> {
    let sets = store.named("PermissionSet");
    let place = sets.object.position("PermissionSetGroupId")?;
    let stands = |number: &u32| sets.get(*number, place) == Slot::Ref(group);
    sets.numbers(false).find(stands).map(|number| Rid::new(sets.object, number))
}

/// Whether the user may hold the set, and the seat that has to be taken for it.
fn license_for(
    store: &Store,
    switches: &Switches,
    who: Rid,
    set: Rid,
) -> Result<Vec<Follow>, RowError> {
    let Some(license) = store.reference(set, "LicenseId") else { return Ok(Vec::new()) };
    if license.object().name() == "UserLicense" {
        let profile = store.reference(who, "ProfileId");
        let own = profile.and_then(|profile| store.reference(profile, "UserLicenseId"));
        if own == Some(license) {
            return Ok(Vec::new());
        }
        let label = text_of(store, set, "Label");
        let name = text_of(store, who, "Name");
        let message = format!(
            "Can't assign permission set {label} to user {name}. The user license doesn't allow \
             the permission: {}",
            first_permission(store, set)
        );
        return Err(fault("FIELD_INTEGRITY_EXCEPTION", message, &["PermissionSetId"]));
    }
    let Some(assign) = store.catalog().find("PermissionSetLicenseAssign") else {
        return Ok(Vec::new());
    };
    if store.table(assign).pair(who, license).is_some() {
        return Ok(Vec::new());
    }
    seat_of_set(store, switches, license)?;
    let values = [("AssigneeId", who), ("PermissionSetLicenseId", license)];
    let values = values
        .into_iter()
        .filter_map(|(field, rid)| Some((assign.position(field)?, Slot::Ref(rid))));
    Ok(vec![(assign, values.collect())])
}

/// The label of the first permission that the set grants.
fn first_permission(store: &Store, set: Rid) -> &'static str {
    let fields = set.object().fields.iter().enumerate();
    let mut granted = fields.filter(|(place, field)| {
        field.name.starts_with("Permissions") && store.get(set, *place) == Slot::Bool(true)
    });
    granted.next().map_or("Api Enabled", |(_, field)| field.label)
}

fn text_of(store: &Store, record: Rid, field: &str) -> String {
    match store.by_name(record, field) {
        Slot::Text(text) => text.into_owned(),
        _ => String::new(),
    }
}
