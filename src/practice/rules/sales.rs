//! Values that the service works out itself: owners, full names, numbers, closed or not.

use super::draft::Draft;
use crate::practice::store::{Rid, Slot, Store};

/// Fills what the row can not give.
pub(super) fn complete(store: &Store, now: i64, draft: &mut Draft<'_>) {
    own(store, draft);
    match draft.object.name() {
        "User" | "Contact" | "Lead" => name_person(store, draft),
        "Case" => complete_case(store, now, draft),
        "Opportunity" => stage_opportunity(store, draft),
        "Shipment__c" => name_shipment(store, draft),
        _ => {}
    }
}

/// New records belong to the administrator, who is user 0.
fn own(store: &Store, draft: &mut Draft<'_>) {
    let owned = draft.object.position("OwnerId").is_some() && !draft.is_given("OwnerId");
    if owned
        && draft.record.is_none()
        && let Some(user) = store.catalog().find("User")
    {
        draft.put("OwnerId", Slot::Ref(Rid::new(user, 0)));
    }
}

fn name_person(store: &Store, draft: &mut Draft<'_>) {
    if !draft.is_given("LastName") && !draft.is_given("FirstName") {
        return;
    }
    let parts = [draft.text(store, "FirstName"), draft.text(store, "LastName")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    draft.put("Name", Slot::from(parts.join(" ")));
}

fn complete_case(store: &Store, now: i64, draft: &mut Draft<'_>) {
    if draft.record.is_none() {
        let number = store.table(draft.object).len();
        draft.put("CaseNumber", Slot::from(format!("{:08}", u64::from(number) + 1_001)));
    }
    if draft.is_given("Status") {
        let closed = draft.text(store, "Status").as_deref() == Some("Closed");
        draft.put("IsClosed", Slot::Bool(closed));
        draft.put("ClosedDate", if closed { Slot::DateTime(now) } else { Slot::Null });
    }
}

fn stage_opportunity(store: &Store, draft: &mut Draft<'_>) {
    if !draft.is_given("StageName") {
        return;
    }
    let stage = draft.text(store, "StageName").unwrap_or_default();
    draft.put("IsClosed", Slot::Bool(stage.starts_with("Closed")));
    draft.put("IsWon", Slot::Bool(stage == "Closed Won"));
    if !draft.is_given("Probability") {
        let chance = match &*stage {
            "Prospecting" => 10.0,
            "Qualification" => 25.0,
            "Proposal" => 50.0,
            "Negotiation" => 75.0,
            "Closed Won" => 100.0,
            _ => 0.0,
        };
        draft.put("Probability", Slot::Double(chance));
    }
}

/// A custom object's name stands in for itself with the id when none is given.
fn name_shipment(store: &Store, draft: &mut Draft<'_>) {
    if draft.record.is_none() && !draft.is_given("Name") {
        draft.put("Name", Slot::from(store.next(draft.object).spell()));
    }
}
