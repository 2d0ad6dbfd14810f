//! Objects of a tenant, as a loader sees them: `User`, `UserPermission` and `UserRole`.

use std::collections::BTreeMap;

use super::jobs::kind_of;
use super::names::{Apis, Roles};
use super::session::Session;
use super::users::Kind;
use super::{Names, Tenant};
use crate::model::names::ObjectName;
use crate::model::schema::{
    FieldKind, FieldSchema, LoadSchema, ObjectSchema, OrgFacts, PicklistValue,
};
use crate::model::wording::nearest;
use crate::target::{Fault, FaultClass};

/// A field of a user.
pub(super) struct UserField {
    pub(super) name: &'static str,
    label: &'static str,
    kind: FieldKind,
    /// Where it stands in the user, as an export job names it.
    pub(super) path: &'static str,
}

const fn of_user(
    name: &'static str,
    label: &'static str,
    kind: FieldKind,
    path: &'static str,
) -> UserField {
    UserField { name, label, kind, path }
}

/// What an export of users has. Source: the user object (reference page on Auth0, 2.4).
pub(super) const USER_FIELDS: [UserField; 19] = [
    of_user("user_id", "User ID", FieldKind::String, "user_id"),
    of_user("email", "E-mail", FieldKind::Email, "email"),
    of_user("email_verified", "E-mail verified", FieldKind::Boolean, "email_verified"),
    of_user("username", "Username", FieldKind::String, "username"),
    of_user("phone_number", "Phone", FieldKind::Phone, "phone_number"),
    of_user("name", "Name", FieldKind::String, "name"),
    of_user("given_name", "Given name", FieldKind::String, "given_name"),
    of_user("family_name", "Family name", FieldKind::String, "family_name"),
    of_user("nickname", "Nickname", FieldKind::String, "nickname"),
    of_user("picture", "Picture", FieldKind::Url, "picture"),
    of_user("blocked", "Blocked", FieldKind::Boolean, "blocked"),
    of_user("connection", "Connection", FieldKind::String, "identities[0].connection"),
    of_user("provider", "Provider", FieldKind::String, "identities[0].provider"),
    of_user("created_at", "Created", FieldKind::DateTime, "created_at"),
    of_user("updated_at", "Updated", FieldKind::DateTime, "updated_at"),
    of_user("last_login", "Last log-in", FieldKind::DateTime, "last_login"),
    of_user("logins_count", "Log-ins", FieldKind::Int, "logins_count"),
    of_user("app_metadata", "Application's metadata", FieldKind::Textarea, "app_metadata"),
    of_user("user_metadata", "User's metadata", FieldKind::Textarea, "user_metadata"),
];

/// Whether an object is the users themselves.
pub(super) fn is_user(name: &ObjectName) -> bool {
    name.as_str().eq_ignore_ascii_case("User")
}

/// Which tenant this is; its host is its id.
pub(super) fn facts(session: &Session) -> OrgFacts {
    let host = session.host().to_owned();
    let bearer = session.token().bearer.clone().unwrap_or_else(|| "token".to_owned());
    OrgFacts {
        id: host.clone(),
        name: host,
        user_id: bearer.clone(),
        username: bearer,
        sandbox: None,
        origin: session.origin().origin().ascii_serialization(),
    }
}

/// The objects without their fields.
pub(super) fn objects() -> Vec<ObjectSchema> {
    let held = [Kind::Permission, Kind::Role].map(|kind| plain(kind, Vec::new()));
    [user(Vec::new())].into_iter().chain(held).collect()
}

/// One object with its fields; its APIs, permissions or roles are the values that they may have.
pub(super) async fn object(tenant: &Tenant, name: &ObjectName) -> Result<ObjectSchema, Fault> {
    if is_user(name) {
        let field = |known: &UserField| FieldSchema {
            createable: false,
            ..field(known.name, known.label, known.kind, true)
        };
        return Ok(user(USER_FIELDS.iter().map(field).collect()));
    }
    let kind = kind_of(name.as_str()).ok_or_else(|| no_object(name))?;
    let names = match kind {
        Kind::Permission => tenant.apis().await?,
        Kind::Role => tenant.roles().await?,
    };
    Ok(plain(kind, fields(names)))
}

/// What is needed to check a load offline. The scopes that it needs are looked at before any call.
///
/// Either `user_id` or `email` must be given. When the header has only one of them, no row may
/// leave it blank.
pub(super) async fn load_schema(
    tenant: &Tenant,
    name: &ObjectName,
    header: &[String],
) -> Result<LoadSchema, Fault> {
    if is_user(name) {
        // It can be exported only, which its schema says.
        let object = object(tenant, name).await?;
        return Ok(LoadSchema { object, related: BTreeMap::new(), key_prefixes: BTreeMap::new() });
    }
    let kind = kind_of(name.as_str()).ok_or_else(|| no_object(name))?;
    tenant.session.needs(scopes(kind))?;
    let mut object = object(tenant, name).await?;
    let has = |name: &str| header.iter().any(|column| column.eq_ignore_ascii_case(name));
    let needed = match (has("user_id"), has("email")) {
        (true, true) => None,
        (false, true) => Some("email"),
        (_, false) => Some("user_id"),
    };
    for field in &mut object.fields {
        field.nillable &= needed != Some(field.name.as_str());
    }
    Ok(LoadSchema { object, related: BTreeMap::new(), key_prefixes: BTreeMap::new() })
}

/// What both an insert and a delete need for certain. Those beside it (`create:role_members`,
/// `delete:role_members`) may or may not be needed, so the tenant is left to say. Source: reference
/// page on Auth0, 1.5.
fn scopes(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Permission => &["read:users", "update:users", "read:resource_servers"],
        Kind::Role => &["read:users", "update:users", "read:roles"],
    }
}

/// Users can be exported, and nothing else.
fn user(fields: Vec<FieldSchema>) -> ObjectSchema {
    ObjectSchema {
        name: "User".to_owned(),
        label: "User".to_owned(),
        createable: false,
        deletable: false,
        deleted_by_row: false,
        ..plain(Kind::Permission, fields)
    }
}

fn plain(kind: Kind, fields: Vec<FieldSchema>) -> ObjectSchema {
    let (name, label) = match kind {
        Kind::Permission => ("UserPermission", "Permission of a user"),
        Kind::Role => ("UserRole", "Role of a user"),
    };
    ObjectSchema {
        name: name.to_owned(),
        label: label.to_owned(),
        key_prefix: None,
        createable: true,
        updateable: false,
        deletable: true,
        undeletable: false,
        queryable: true,
        custom: false,
        deleted_by_row: true,
        fields,
    }
}

fn fields(names: &Names) -> Vec<FieldSchema> {
    let mut fields = vec![
        field("user_id", "User ID", FieldKind::String, true),
        field("email", "E-mail", FieldKind::Email, true),
    ];
    match names {
        Names::Permissions(apis) => fields.extend(of_apis(apis)),
        Names::Roles(roles) => fields.push(of_roles(roles)),
    }
    fields
}

fn of_apis(apis: &Apis) -> [FieldSchema; 2] {
    let mut api = field("resource_server_identifier", "API", FieldKind::Picklist, false);
    api.picklist = apis.by_identifier.iter().map(|(id, api)| value(id, &api.name)).collect();
    api.restricted_picklist = apis.whole;
    let mut permission = field("permission_name", "Permission", FieldKind::Picklist, false);
    let all = apis.by_identifier.values().flat_map(|api| &api.permissions);
    let mut all: Vec<&String> = all.collect();
    all.sort();
    all.dedup();
    permission.picklist = all.into_iter().map(|name| value(name, name)).collect();
    permission.restricted_picklist = apis.whole;
    [api, permission]
}

fn of_roles(roles: &Roles) -> FieldSchema {
    let mut role = field("role", "Role", FieldKind::Picklist, false);
    let ids = roles.by_id.iter().map(|(id, name)| value(id, name));
    let mut values: Vec<_> =
        roles.by_id.values().map(|name| value(name, name)).chain(ids).collect();
    values.dedup();
    role.picklist = values;
    role.restricted_picklist = roles.whole;
    role
}

fn value(value: &str, label: &str) -> PicklistValue {
    PicklistValue { value: value.to_owned(), label: label.to_owned(), active: true }
}

fn field(name: &str, label: &str, kind: FieldKind, nillable: bool) -> FieldSchema {
    FieldSchema {
        name: name.to_owned(),
        label: label.to_owned(),
        kind,
        type_name: match kind {
            FieldKind::Picklist => "picklist",
            FieldKind::Email => "email",
            FieldKind::Boolean => "boolean",
            FieldKind::DateTime => "datetime",
            FieldKind::Int => "int",
            FieldKind::Phone => "phone",
            FieldKind::Textarea => "textarea",
            FieldKind::Url => "url",
            _ => "string",
        }
        .to_owned(),
        length: 0,
        digits: 0,
        precision: 0,
        scale: 0,
        createable: true,
        updateable: false,
        nillable,
        defaulted_on_create: false,
        calculated: false,
        html: false,
        auto_number: false,
        external_id: false,
        id_lookup: false,
        unique: false,
        case_sensitive: true,
        restricted_picklist: false,
        picklist: Vec::new(),
        reference_to: Vec::new(),
        relationship_name: None,
        polymorphic: false,
    }
}

pub(super) fn no_object(name: &ObjectName) -> Fault {
    let known = ["User", "UserPermission", "UserRole"];
    let near = nearest(name.as_str(), known).map(|near| format!("did you mean `{near}`?"));
    Fault {
        class: FaultClass::Gone,
        status: None,
        code: "NO_SUCH_OBJECT".to_owned(),
        message: format!("an Auth0 tenant has no object `{name}`"),
        hints: vec![near.unwrap_or_else(|| format!("there are `{}`", known.join("`, `")))],
    }
}
