//! Objects of a tenant, as a loader sees them: `UserPermission` and `UserRole`.

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
    [Kind::Permission, Kind::Role].map(|kind| plain(kind, Vec::new())).into()
}

/// One object with its fields; its APIs, permissions or roles are the values that they may have.
pub(super) async fn object(tenant: &Tenant, name: &ObjectName) -> Result<ObjectSchema, Fault> {
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
    let known = ["UserPermission", "UserRole"];
    let near = nearest(name.as_str(), known).map(|near| format!("did you mean `{near}`?"));
    Fault {
        class: FaultClass::Gone,
        status: None,
        code: "NO_SUCH_OBJECT".to_owned(),
        message: format!("an Auth0 tenant has no object `{name}`"),
        hints: vec![near.unwrap_or_else(|| "there are `UserPermission` and `UserRole`".to_owned())],
    }
}
