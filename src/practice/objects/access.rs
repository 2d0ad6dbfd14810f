//! Users and what they may do.

use super::field::{Field, area, date, datetime, email, flag, int, lookup, phone, pick, text};
use super::{Definition, Stamps, Verbs};

const LANGUAGES: &[&str] = &["en_US", "de", "es", "fr", "it", "ja", "nl_NL", "pt_BR", "sv"];
const LOCALES: &[&str] =
    &["en_US", "en_GB", "en_IE", "de_DE", "es_ES", "fr_FR", "it_IT", "ja_JP", "nl_NL", "sv_SE"];
const ENCODINGS: &[&str] = &["UTF-8", "ISO-8859-1", "Shift_JIS", "ISO-2022-JP", "EUC-JP"];
const TIME_ZONES: &[&str] = &[
    "America/Los_Angeles",
    "America/Denver",
    "America/Chicago",
    "America/New_York",
    "America/Sao_Paulo",
    "Europe/London",
    "Europe/Dublin",
    "Europe/Paris",
    "Europe/Berlin",
    "Europe/Stockholm",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Australia/Sydney",
    "GMT",
];
const USER_TYPES: &[&str] =
    &["Standard", "PowerPartner", "CSPLitePortal", "CustomerSuccess", "AutomatedProcess"];

const ORGANIZATION: &[Field] = &[
    text("Name", "Name", 80).required().read_only().named(),
    text("Division", "Division", 80).read_only(),
    area("Street", "Street", 255).read_only(),
    text("City", "City", 40).read_only(),
    text("PostalCode", "Zip/Postal Code", 20).read_only(),
    text("Country", "Country", 80).read_only(),
    phone("Phone", "Phone").read_only(),
    text("PrimaryContact", "Primary Contact", 80).read_only(),
    pick("DefaultLocaleSidKey", "Locale", LOCALES).restricted().read_only(),
    pick("LanguageLocaleKey", "Language", LANGUAGES).restricted().read_only(),
    pick("TimeZoneSidKey", "Time Zone", TIME_ZONES).restricted().read_only(),
    text("OrganizationType", "Edition", 40).read_only(),
    text("InstanceName", "Instance Name", 5).read_only(),
    flag("IsSandbox", "Is Sandbox").read_only(),
    flag("IsReadOnly", "Is Read Only").read_only(),
    text("NamespacePrefix", "Namespace Prefix", 15).read_only(),
    datetime("TrialExpirationDate", "Trial Expiration Date").read_only(),
    int("FiscalYearStartMonth", "Fiscal Year Starts In", 9).read_only(),
];

const USER: &[Field] = &[
    text("Username", "Username", 80).required().unique(),
    text("LastName", "Last Name", 80).required().part_of("Name"),
    text("FirstName", "First Name", 40).part_of("Name"),
    text("Name", "Full Name", 121).required().read_only().named(),
    text("CompanyName", "Company Name", 80),
    text("Division", "Division", 80),
    text("Department", "Department", 80),
    text("Title", "Title", 80),
    area("Street", "Street", 255).part_of("Address"),
    text("City", "City", 40).part_of("Address"),
    text("State", "State/Province", 80).part_of("Address"),
    text("PostalCode", "Zip/Postal Code", 20).part_of("Address"),
    text("Country", "Country", 80).part_of("Address"),
    Field { length: 128, ..email("Email", "Email").required().id_lookup() },
    phone("Phone", "Phone"),
    phone("MobilePhone", "Mobile"),
    text("Alias", "Alias", 8).required(),
    text("CommunityNickname", "Nickname", 40).filled(),
    flag("IsActive", "Active").or("true"),
    pick("TimeZoneSidKey", "Time Zone", TIME_ZONES).restricted().required(),
    pick("LocaleSidKey", "Locale", LOCALES).restricted().required(),
    flag("ReceivesInfoEmails", "Info Emails"),
    flag("ReceivesAdminInfoEmails", "Admin Info Emails"),
    pick("EmailEncodingKey", "Email Encoding", ENCODINGS).restricted().required(),
    lookup("ProfileId", "Profile ID", &["Profile"], "Profile").required(),
    pick("UserType", "User Type", USER_TYPES).restricted().read_only(),
    pick("LanguageLocaleKey", "Language", LANGUAGES).restricted().required(),
    text("EmployeeNumber", "Employee Number", 20),
    lookup("ManagerId", "Manager ID", &["User"], "Manager"),
    datetime("LastLoginDate", "Last Login").read_only(),
    Field { id_lookup: true, ..text("FederationIdentifier", "SAML Federation ID", 512) },
    flag("UserPermissionsMarketingUser", "Marketing User"),
    flag("UserPermissionsOfflineUser", "Offline User"),
    area("AboutMe", "About Me", 1_000),
];

const PROFILE: &[Field] = &[
    text("Name", "Name", 255).required().named(),
    area("Description", "Description", 255),
    pick("UserType", "User Type", USER_TYPES).restricted().read_only(),
    lookup("UserLicenseId", "User License ID", &["UserLicense"], "UserLicense")
        .required()
        .create_only(),
    flag("PermissionsApiEnabled", "API Enabled"),
    flag("PermissionsApiUserOnly", "Api Only User"),
    flag("PermissionsModifyAllData", "Modify All Data"),
    flag("PermissionsViewAllData", "View All Data"),
    flag("PermissionsManageUsers", "Manage Internal Users"),
    flag("PermissionsAssignPermissionSets", "Assign Permission Sets"),
    flag("PermissionsViewSetup", "View Setup and Configuration"),
    flag("PermissionsRunReports", "Run Reports"),
    flag("PermissionsExportReport", "Export Reports"),
    flag("PermissionsBulkApiHardDelete", "Bulk API Hard Delete"),
];

const USER_LICENSE: &[Field] = &[
    text("LicenseDefinitionKey", "License Definition Key", 40).read_only(),
    text("Name", "Name", 40).required().read_only().named(),
    text("MasterLabel", "Master Label", 80).required().read_only(),
    pick("Status", "Status", &["Active", "Disabled"]).restricted().read_only(),
    int("TotalLicenses", "Total Licenses", 9).read_only(),
    int("UsedLicenses", "Used Licenses", 9).read_only(),
    Field { nillable: true, ..flag("IsPortal", "Is Portal").read_only() },
];

const PERMISSION_SET: &[Field] = &[
    // Unique, and still no key of the API: a lookup by name must be resolved first.
    Field { unique: true, ..text("Name", "Permission Set Name", 80).required().named() },
    text("Label", "Permission Set Label", 80).required(),
    lookup("LicenseId", "License ID", &["PermissionSetLicense", "UserLicense"], "License")
        .create_only(),
    lookup("ProfileId", "Profile ID", &["Profile"], "Profile").read_only(),
    flag("IsOwnedByProfile", "Is Owned By Profile").read_only(),
    flag("IsCustom", "Is Custom").read_only(),
    area("Description", "Description", 255),
    text("NamespacePrefix", "Namespace Prefix", 15).read_only(),
    flag("HasActivationRequired", "Has Activation Required"),
    lookup(
        "PermissionSetGroupId",
        "Permission Set Group ID",
        &["PermissionSetGroup"],
        "PermissionSetGroup",
    )
    .read_only(),
    pick("Type", "Permission Set Type", &["Regular", "Standard", "Session", "Profile", "Group"])
        .restricted()
        .read_only(),
    flag("PermissionsApiEnabled", "API Enabled"),
    flag("PermissionsApiUserOnly", "Api Only User"),
    flag("PermissionsModifyAllData", "Modify All Data"),
    flag("PermissionsViewAllData", "View All Data"),
    flag("PermissionsManageUsers", "Manage Internal Users"),
    flag("PermissionsAssignPermissionSets", "Assign Permission Sets"),
    flag("PermissionsViewSetup", "View Setup and Configuration"),
    flag("PermissionsRunReports", "Run Reports"),
    flag("PermissionsExportReport", "Export Reports"),
    flag("PermissionsBulkApiHardDelete", "Bulk API Hard Delete"),
];

const PERMISSION_SET_GROUP: &[Field] = &[
    text("DeveloperName", "Developer Name", 80).required().named(),
    pick("Language", "Master Language", LANGUAGES).restricted().or("en_US"),
    text("MasterLabel", "Label", 80).required(),
    text("NamespacePrefix", "Namespace Prefix", 15).read_only(),
    area("Description", "Description", 255),
    pick("Status", "Status", &["Updated", "Outdated", "Updating", "Failed"])
        .restricted()
        .or("Updated"),
    flag("HasActivationRequired", "Has Activation Required"),
];

const PERMISSION_SET_LICENSE: &[Field] = &[
    text("DeveloperName", "Permission Set License Developer Name", 80).read_only().named(),
    pick("Language", "Master Language", LANGUAGES).restricted().read_only(),
    text("MasterLabel", "Permission Set License Label", 80).read_only(),
    text("PermissionSetLicenseKey", "Permission Set License Key", 40).read_only(),
    int("TotalLicenses", "Total Licenses", 9).read_only(),
    pick("Status", "Status", &["Active", "Disabled"]).restricted().read_only(),
    date("ExpirationDate", "Expiration Date").read_only(),
    int("UsedLicenses", "Used Licenses", 9).read_only(),
];

const PERMISSION_SET_LICENSE_ASSIGN: &[Field] = &[
    lookup(
        "PermissionSetLicenseId",
        "Permission Set License ID",
        &["PermissionSetLicense"],
        "PermissionSetLicense",
    )
    .required()
    .create_only(),
    lookup("AssigneeId", "Assigned To ID", &["User"], "Assignee").required().create_only(),
];

const PERMISSION_SET_ASSIGNMENT: &[Field] = &[
    lookup("PermissionSetId", "PermissionSet ID", &["PermissionSet"], "PermissionSet")
        .create_only(),
    lookup(
        "PermissionSetGroupId",
        "Permission Set Group ID",
        &["PermissionSetGroup"],
        "PermissionSetGroup",
    )
    .create_only(),
    lookup("AssigneeId", "Assignee ID", &["User"], "Assignee").required().create_only(),
    datetime("ExpirationDate", "Expires On"),
    flag("IsActive", "Is Active").or("true").read_only(),
    flag("IsRevoked", "Is Revoked").update_only(),
];

pub(super) const OBJECTS: &[Definition] = &[
    Definition {
        name: "Organization",
        label: "Organization",
        plural: "Organizations",
        prefix: "00D",
        verbs: Verbs::None,
        stamps: Stamps::Full,
        fields: ORGANIZATION,
    },
    Definition {
        name: "User",
        label: "User",
        plural: "Users",
        prefix: "005",
        verbs: Verbs::InsertUpdate,
        stamps: Stamps::Full,
        fields: USER,
    },
    Definition {
        name: "Profile",
        label: "Profile",
        plural: "Profiles",
        prefix: "00e",
        verbs: Verbs::Update,
        stamps: Stamps::Full,
        fields: PROFILE,
    },
    Definition {
        name: "UserLicense",
        label: "User License",
        plural: "User Licenses",
        prefix: "100",
        verbs: Verbs::None,
        stamps: Stamps::Modstamp,
        fields: USER_LICENSE,
    },
    Definition {
        name: "PermissionSet",
        label: "Permission Set",
        plural: "Permission Sets",
        prefix: "0PS",
        verbs: Verbs::Hard,
        stamps: Stamps::Full,
        fields: PERMISSION_SET,
    },
    Definition {
        name: "PermissionSetGroup",
        label: "Permission Set Group",
        plural: "Permission Set Groups",
        prefix: "0PG",
        verbs: Verbs::Hard,
        stamps: Stamps::Full,
        fields: PERMISSION_SET_GROUP,
    },
    Definition {
        name: "PermissionSetLicense",
        label: "Permission Set License",
        plural: "Permission Set Licenses",
        prefix: "0PL",
        verbs: Verbs::None,
        stamps: Stamps::Full,
        fields: PERMISSION_SET_LICENSE,
    },
    Definition {
        name: "PermissionSetLicenseAssign",
        label: "Permission Set License Assignment",
        plural: "Permission Set License Assignments",
        prefix: "2LA",
        verbs: Verbs::Hard,
        stamps: Stamps::Full,
        fields: PERMISSION_SET_LICENSE_ASSIGN,
    },
    Definition {
        name: "PermissionSetAssignment",
        label: "Permission Set Assignment",
        plural: "Permission Set Assignments",
        prefix: "0Pa",
        verbs: Verbs::Hard,
        stamps: Stamps::Modstamp,
        fields: PERMISSION_SET_ASSIGNMENT,
    },
];
