//! Accounts and what hangs on them, and one custom object.

use super::field::{
    Field, Kind, area, date, datetime, decimal, email, flag, int, lookup, phone, pick, text, url,
};
use super::{Definition, Stamps, Verbs};

const OWNER: Field = lookup("OwnerId", "Owner ID", &["User"], "Owner").filled();
/// Where a queue may own records, too.
const OWNER_OR_QUEUE: Field = lookup("OwnerId", "Owner ID", &["Group", "User"], "Owner").filled();
const LEGACY_ID: Field = text("Legacy_Id__c", "Legacy Id", 40).external_id();

const SALUTATIONS: &[&str] = &["Mr.", "Ms.", "Mrs.", "Dr.", "Prof."];
const LEAD_SOURCES: &[&str] =
    &["Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"];
const INDUSTRIES: &[&str] = &[
    "Agriculture",
    "Banking",
    "Construction",
    "Education",
    "Energy",
    "Food & Beverage",
    "Healthcare",
    "Manufacturing",
    "Retail",
    "Shipping",
    "Technology",
    "Transportation",
    "Other",
];

const ACCOUNT: &[Field] = &[
    text("Name", "Account Name", 255).required().named(),
    pick("Type", "Account Type", &["Prospect", "Customer", "Partner", "Reseller", "Other"]),
    lookup("ParentId", "Parent Account ID", &["Account"], "Parent"),
    area("BillingStreet", "Billing Street", 255).part_of("BillingAddress"),
    text("BillingCity", "Billing City", 40).part_of("BillingAddress"),
    text("BillingState", "Billing State/Province", 80).part_of("BillingAddress"),
    text("BillingPostalCode", "Billing Zip/Postal Code", 20).part_of("BillingAddress"),
    text("BillingCountry", "Billing Country", 80).part_of("BillingAddress"),
    phone("Phone", "Account Phone"),
    phone("Fax", "Account Fax"),
    text("AccountNumber", "Account Number", 40),
    url("Website", "Website"),
    pick("Industry", "Industry", INDUSTRIES),
    decimal("AnnualRevenue", "Annual Revenue", Kind::Currency, (18, 0)),
    int("NumberOfEmployees", "Employees", 8),
    pick("Rating", "Account Rating", &["Hot", "Warm", "Cold"]),
    area("Description", "Account Description", 32_000),
    text("Site", "Account Site", 80),
    OWNER,
    LEGACY_ID,
];

const CONTACT: &[Field] = &[
    lookup("AccountId", "Account ID", &["Account"], "Account"),
    text("LastName", "Last Name", 80).required().part_of("Name"),
    text("FirstName", "First Name", 40).part_of("Name"),
    pick("Salutation", "Salutation", SALUTATIONS).part_of("Name"),
    text("Name", "Full Name", 121).required().read_only().named(),
    area("MailingStreet", "Mailing Street", 255).part_of("MailingAddress"),
    text("MailingCity", "Mailing City", 40).part_of("MailingAddress"),
    text("MailingState", "Mailing State/Province", 80).part_of("MailingAddress"),
    text("MailingPostalCode", "Mailing Zip/Postal Code", 20).part_of("MailingAddress"),
    text("MailingCountry", "Mailing Country", 80).part_of("MailingAddress"),
    phone("Phone", "Business Phone"),
    phone("Fax", "Business Fax"),
    phone("MobilePhone", "Mobile Phone"),
    lookup("ReportsToId", "Reports To ID", &["Contact"], "ReportsTo"),
    email("Email", "Email").id_lookup(),
    text("Title", "Title", 128),
    text("Department", "Department", 80),
    pick("LeadSource", "Lead Source", LEAD_SOURCES),
    date("Birthdate", "Birthdate"),
    area("Description", "Contact Description", 32_000),
    OWNER,
    flag("HasOptedOutOfEmail", "Email Opt Out"),
    flag("DoNotCall", "Do Not Call"),
    LEGACY_ID,
];

const CASE: &[Field] = &[
    Field { id_lookup: true, ..text("CaseNumber", "Case Number", 30).counted().named() },
    lookup("ContactId", "Contact ID", &["Contact"], "Contact"),
    lookup("AccountId", "Account ID", &["Account"], "Account"),
    lookup("ParentId", "Parent Case ID", &["Case"], "Parent"),
    text("SuppliedName", "Name", 80),
    email("SuppliedEmail", "Email Address"),
    pick("Type", "Case Type", &["Question", "Problem", "Feature Request"]),
    pick("Status", "Status", &["New", "Working", "Escalated", "Closed"]).or("New"),
    pick("Reason", "Case Reason", &["Delivery", "Billing", "Damage", "Other"]),
    pick("Origin", "Case Origin", &["Phone", "Email", "Web"]),
    text("Subject", "Subject", 255),
    pick("Priority", "Priority", &["High", "Medium", "Low"]).or("Medium"),
    area("Description", "Description", 32_000),
    flag("IsClosed", "Closed").read_only(),
    datetime("ClosedDate", "Closed Date").read_only(),
    flag("IsEscalated", "Escalated"),
    OWNER_OR_QUEUE,
];

const STAGES: &[&str] =
    &["Prospecting", "Qualification", "Proposal", "Negotiation", "Closed Won", "Closed Lost"];

const OPPORTUNITY: &[Field] = &[
    lookup("AccountId", "Account ID", &["Account"], "Account"),
    text("Name", "Name", 120).required().named(),
    area("Description", "Description", 32_000),
    pick("StageName", "Stage", STAGES).required(),
    decimal("Amount", "Amount", Kind::Currency, (18, 2)),
    decimal("Probability", "Probability (%)", Kind::Percent, (3, 0)),
    date("CloseDate", "Close Date").required(),
    pick("Type", "Opportunity Type", &["New Business", "Existing Business"]),
    text("NextStep", "Next Step", 255),
    pick("LeadSource", "Lead Source", LEAD_SOURCES),
    flag("IsClosed", "Closed").read_only(),
    flag("IsWon", "Won").read_only(),
    OWNER,
];

const LEAD: &[Field] = &[
    text("LastName", "Last Name", 80).required().part_of("Name"),
    text("FirstName", "First Name", 40).part_of("Name"),
    pick("Salutation", "Salutation", SALUTATIONS).part_of("Name"),
    text("Name", "Full Name", 121).required().read_only().named(),
    text("Title", "Title", 128),
    text("Company", "Company", 255).required(),
    text("City", "City", 40).part_of("Address"),
    text("Country", "Country", 80).part_of("Address"),
    phone("Phone", "Phone"),
    email("Email", "Email").id_lookup(),
    pick("LeadSource", "Lead Source", LEAD_SOURCES),
    pick("Status", "Status", &["Open", "Contacted", "Qualified", "Unqualified"]).or("Open"),
    pick("Industry", "Industry", INDUSTRIES),
    int("NumberOfEmployees", "Employees", 8),
    OWNER_OR_QUEUE,
];

const SHIPMENT: &[Field] = &[
    text("Name", "Shipment Name", 80).named(),
    OWNER_OR_QUEUE,
    text("Shipment_Number__c", "Shipment Number", 30).external_id(),
    decimal("Weight_Kg__c", "Weight (kg)", Kind::Double, (10, 3)),
    decimal("Declared_Value__c", "Declared Value", Kind::Currency, (16, 2)),
    decimal("Load_Share__c", "Load Share", Kind::Percent, (5, 2)),
    decimal("Containers__c", "Containers", Kind::Double, (6, 0)),
    date("Ship_Date__c", "Ship Date"),
    datetime("Delivered_At__c", "Delivered At"),
    flag("Is_Fragile__c", "Is Fragile"),
    pick("Status__c", "Status", &["Booked", "Loaded", "At Sea", "Landed", "Delivered", "Lost"])
        .restricted(),
    lookup("Account__c", "Account", &["Account"], "Account__r"),
    email("Notify__c", "Notify"),
    url("Tracking__c", "Tracking"),
    area("Notes__c", "Notes", 32_768),
];

const fn sales(
    name: &'static str,
    (label, plural): (&'static str, &'static str),
    prefix: &'static str,
    fields: &'static [Field],
) -> Definition {
    Definition { name, label, plural, prefix, verbs: Verbs::Soft, stamps: Stamps::Full, fields }
}

pub(super) const OBJECTS: &[Definition] = &[
    sales("Account", ("Account", "Accounts"), "001", ACCOUNT),
    sales("Contact", ("Contact", "Contacts"), "003", CONTACT),
    sales("Opportunity", ("Opportunity", "Opportunities"), "006", OPPORTUNITY),
    sales("Lead", ("Lead", "Leads"), "00Q", LEAD),
    sales("Case", ("Case", "Cases"), "500", CASE),
    sales("Shipment__c", ("Shipment", "Shipments"), "a01", SHIPMENT),
];
