//! Some accounts with contacts, opportunities, cases, leads and shipments.

use super::{Bed, FIRST_NAMES, LAST_NAMES, MADE_AT};
use crate::practice::store::{Rid, Slot};

const ACCOUNTS: usize = 200;
const CONTACTS: usize = 400;
const OPPORTUNITIES: usize = 150;
const CASES: usize = 150;
const LEADS: usize = 50;
const SHIPMENTS: usize = 300;

const TRADES: &[&str] = &[
    "Shipping",
    "Logistics",
    "Foods",
    "Timber",
    "Steel",
    "Textiles",
    "Coffee",
    "Chemicals",
    "Machines",
    "Ceramics",
    "Paper",
    "Wines",
];
const FORMS: &[&str] = &["Ltd", "BV", "GmbH", "AB", "SA", "Inc", "Oy", "SpA"];
const PLACES: &[(&str, &str)] = &[
    ("Rotterdam", "Netherlands"),
    ("Hamburg", "Germany"),
    ("Gothenburg", "Sweden"),
    ("Genoa", "Italy"),
    ("Lisbon", "Portugal"),
    ("Boston", "United States"),
    ("Yokohama", "Japan"),
];

pub(super) fn plant(bed: &mut Bed) {
    let owner = Rid::new(bed.store.named("User").object, 0);
    let accounts: Vec<Rid> = (1..=ACCOUNTS).map(|nth| account(bed, nth, owner)).collect();
    let contacts: Vec<Rid> =
        (1..=CONTACTS).map(|nth| contact(bed, nth, owner, accounts[nth / 2 % ACCOUNTS])).collect();
    for nth in 1..=OPPORTUNITIES {
        opportunity(bed, nth, owner, accounts[nth * 3 % ACCOUNTS]);
    }
    for nth in 1..=CASES {
        let contact = contacts[nth * 7 % CONTACTS];
        case(bed, nth, owner, contact);
    }
    for nth in 1..=LEADS {
        lead(bed, nth, owner);
    }
    for nth in 1..=SHIPMENTS {
        shipment(bed, nth, owner, accounts[nth * 11 % ACCOUNTS]);
    }
}

fn account(bed: &mut Bed, nth: usize, owner: Rid) -> Rid {
    let name =
        format!("{} {} {}", bed.dice.pick(LAST_NAMES), bed.dice.pick(TRADES), bed.dice.pick(FORMS));
    let (city, country) = PLACES[bed.dice.roll(PLACES.len())];
    let kind = choice(bed, "Account", "Type");
    let industry = choice(bed, "Account", "Industry");
    let staff = i64::try_from(bed.dice.roll(5_000) + 5).unwrap_or(5);
    let revenue = money(bed, 9_000) * 100_000.0;
    bed.put(
        "Account",
        &[
            ("Name", name.into()),
            ("Type", kind),
            ("Industry", industry),
            ("BillingCity", city.into()),
            ("BillingCountry", country.into()),
            ("Phone", format!("+31 10 555 {nth:04}").into()),
            ("NumberOfEmployees", Slot::Int(staff)),
            ("AnnualRevenue", Slot::Double(revenue)),
            ("OwnerId", Slot::Ref(owner)),
            ("Legacy_Id__c", format!("A-{nth:05}").into()),
        ],
    )
}

fn contact(bed: &mut Bed, nth: usize, owner: Rid, account: Rid) -> Rid {
    let (first, last) = (bed.dice.pick(FIRST_NAMES), bed.dice.pick(LAST_NAMES));
    let email = format!("{}.{}.{nth}@mail.example", first.to_lowercase(), last.to_lowercase());
    bed.put(
        "Contact",
        &[
            ("AccountId", Slot::Ref(account)),
            ("FirstName", first.into()),
            ("LastName", last.into()),
            ("Name", format!("{first} {last}").into()),
            ("Email", email.into()),
            ("OwnerId", Slot::Ref(owner)),
            ("Legacy_Id__c", format!("C-{nth:05}").into()),
        ],
    )
}

fn opportunity(bed: &mut Bed, nth: usize, owner: Rid, account: Rid) {
    let stage = choice(bed, "Opportunity", "StageName");
    let closed = matches!(&stage, Slot::Text(text) if text.starts_with("Closed"));
    let won = matches!(&stage, Slot::Text(text) if text == "Closed Won");
    let amount = money(bed, 90_000);
    let day = day(bed);
    bed.put(
        "Opportunity",
        &[
            ("AccountId", Slot::Ref(account)),
            ("Name", format!("Charter {nth:04}").into()),
            ("StageName", stage),
            ("Amount", Slot::Double(amount)),
            ("Probability", Slot::Double(if won { 100.0 } else { 25.0 })),
            ("CloseDate", day),
            ("IsClosed", Slot::Bool(closed)),
            ("IsWon", Slot::Bool(won)),
            ("OwnerId", Slot::Ref(owner)),
        ],
    );
}

fn case(bed: &mut Bed, nth: usize, owner: Rid, contact: Rid) {
    let status = choice(bed, "Case", "Status");
    let closed = matches!(&status, Slot::Text(text) if text == "Closed");
    let account = bed.store.reference(contact, "AccountId").map_or(Slot::Null, Slot::Ref);
    let origin = choice(bed, "Case", "Origin");
    let priority = choice(bed, "Case", "Priority");
    bed.put(
        "Case",
        &[
            ("CaseNumber", format!("{:08}", nth + 1_000).into()),
            ("ContactId", Slot::Ref(contact)),
            ("AccountId", account),
            ("Status", status),
            ("Origin", origin),
            ("Priority", priority),
            ("Subject", format!("Question about delivery {nth}").into()),
            ("IsClosed", Slot::Bool(closed)),
            ("ClosedDate", if closed { Slot::DateTime(MADE_AT) } else { Slot::Null }),
            ("OwnerId", Slot::Ref(owner)),
        ],
    );
}

fn lead(bed: &mut Bed, nth: usize, owner: Rid) {
    let (first, last) = (bed.dice.pick(FIRST_NAMES), bed.dice.pick(LAST_NAMES));
    let company = format!("{} {}", bed.dice.pick(LAST_NAMES), bed.dice.pick(TRADES));
    bed.put(
        "Lead",
        &[
            ("FirstName", first.into()),
            ("LastName", last.into()),
            ("Name", format!("{first} {last}").into()),
            ("Company", company.into()),
            ("Email", format!("lead.{nth}@mail.example").into()),
            ("Status", "Open".into()),
            ("OwnerId", Slot::Ref(owner)),
        ],
    );
}

fn shipment(bed: &mut Bed, nth: usize, owner: Rid, account: Rid) {
    let status = choice(bed, "Shipment__c", "Status__c");
    let weight = money(bed, 20_000);
    let value = money(bed, 500_000);
    let day = day(bed);
    let fragile = bed.dice.roll(5) == 0;
    bed.put(
        "Shipment__c",
        &[
            ("Name", format!("Shipment {nth:05}").into()),
            ("Shipment_Number__c", format!("S-{nth:05}").into()),
            ("Weight_Kg__c", Slot::Double(weight)),
            ("Declared_Value__c", Slot::Double(value)),
            ("Ship_Date__c", day),
            ("Is_Fragile__c", Slot::Bool(fragile)),
            ("Status__c", status),
            ("Account__c", Slot::Ref(account)),
            ("OwnerId", Slot::Ref(owner)),
        ],
    );
}

/// One of the values of a picklist.
fn choice(bed: &mut Bed, object: &str, field: &str) -> Slot<'static> {
    let object = bed.store.catalog().find(object);
    let values = object.and_then(|object| Some(object.fields[object.position(field)?].picklist));
    values.map_or(Slot::Null, |values| bed.dice.pick(values).into())
}

/// Whole and quarter units, which a double holds exactly.
fn money(bed: &mut Bed, most: usize) -> f64 {
    let quarters = u32::try_from(bed.dice.roll(most * 4)).unwrap_or_default();
    f64::from(quarters) / 4.0
}

/// A day of 2026.
fn day(bed: &mut Bed) -> Slot<'static> {
    Slot::Date(20_454 + i32::try_from(bed.dice.roll(365)).unwrap_or_default())
}
