//! What a tenant has that rows may name: APIs, their permissions, and roles.

use super::super::columns::{API, Columns, PERMISSION, ROLE};
use crate::model::failure::{Blame, Failure};
use crate::model::names::ObjectName;
use crate::model::schema::{FieldSchema, PicklistValue};
use crate::model::wording::{nearest, shown};
use crate::target::{Fault, Target};

/// The objects that users hold.
pub(super) const PERMISSIONS: &str = "UserPermission";
pub(super) const ROLES: &str = "UserRole";

/// What a tenant has that rows may name.
#[derive(Debug, Default)]
pub(in crate::perms) struct Names {
    /// Identifiers, with names as labels.
    apis: Vec<PicklistValue>,
    permissions: Vec<PicklistValue>,
    /// Ids and names, with names as labels.
    roles: Vec<PicklistValue>,
    /// The tenant has listed all there are.
    whole: bool,
}

/// What users can be given: a permission of an API, or a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::perms) struct Item {
    /// `IDENTIFIER PERMISSION`, or the id of a role. Identifiers and names have no blanks in them.
    pub id: String,
    /// The identifier of the API; blank for a role.
    pub api: String,
    /// The permission, or the name of the role.
    pub name: String,
}

/// Why a row names nothing for certain: a code, the column, and a sentence for people.
pub(in crate::perms) type NoSuch = (&'static str, &'static str, String);

impl Item {
    pub fn permission(api: &str, name: &str) -> Self {
        Self { id: format!("{api} {name}"), api: api.to_owned(), name: name.to_owned() }
    }

    pub fn role(id: &str, name: &str) -> Self {
        Self { id: id.to_owned(), api: String::new(), name: name.to_owned() }
    }

    pub fn is_role(&self) -> bool {
        self.api.is_empty()
    }
}

impl Names {
    /// The names of all that the columns of a file may name; a file must name something.
    pub async fn of_columns<T: Target>(
        target: &T,
        columns: &Columns,
        header: &[String],
    ) -> Result<Self, Failure> {
        let by_api = columns.names_permissions();
        if !by_api && columns.role.is_none() {
            let names: Vec<String> = header.iter().map(|name| format!("`{name}`")).collect();
            let message =
                format!("no column says which permission: the file has {}", names.join(", "));
            return Err(Failure::new(Blame::Request, message)
                .hint(format!("name the columns `{API}` and `{PERMISSION}`, or `{ROLE}`")));
        }
        Self::read(target, by_api, columns.role.is_some()).await
    }

    pub async fn read<T: Target>(
        target: &T,
        permissions: bool,
        roles: bool,
    ) -> Result<Self, Failure> {
        let mut names = Self { whole: true, ..Self::default() };
        if permissions {
            let [apis, permissions] =
                fields(target, PERMISSIONS, ["resource_server_identifier", "permission_name"])
                    .await?;
            names.whole &= apis.restricted_picklist;
            (names.apis, names.permissions) = (apis.picklist, permissions.picklist);
        }
        if roles {
            let [roles] = fields(target, ROLES, ["role"]).await?;
            names.whole &= roles.restricted_picklist;
            names.roles = roles.picklist;
        }
        Ok(names)
    }

    /// What a row names by its cells `API`, `Permission` and `Role`.
    pub fn item(&self, [api, permission, role]: [&str; 3]) -> Result<Item, NoSuch> {
        match (api.is_empty(), permission.is_empty(), role.is_empty()) {
            (false, false, true) => {
                let api = self.api(api)?;
                Ok(Item::permission(&api, &self.permission(permission)?))
            }
            (true, true, false) => self.role(role).map(|(id, name)| Item::role(&id, &name)),
            (true, true, true) => {
                Err(("blank_permission", "", "the row does not say which permission".to_owned()))
            }
            (false, true, _) => Err(("blank_permission", PERMISSION, half(API, PERMISSION))),
            (true, false, _) => Err(("blank_permission", API, half(PERMISSION, API))),
            (false, false, false) => {
                let message = "the row names a permission and a role: put them in two rows";
                Err(("two_permissions", ROLE, message.to_owned()))
            }
        }
    }

    /// What a file may call a role: its name, or the id where several have the name.
    pub fn called(&self, id: &str, name: &str) -> String {
        match self.role(name) {
            Ok((found, _)) if found == id => name.to_owned(),
            _ => id.to_owned(),
        }
    }

    /// The identifier of an API that is named by it or by its name.
    fn api(&self, name: &str) -> Result<String, NoSuch> {
        if self.apis.iter().any(|api| api.value == name) {
            return Ok(name.to_owned());
        }
        let mut named = self.apis.iter().filter(|api| is_called(api, name));
        match (named.next(), named.next()) {
            (Some(api), None) => Ok(api.value.clone()),
            (Some(_), Some(_)) => {
                let said = format!("several APIs are called `{}`", shown(name.as_bytes()));
                Err(("api_ambiguous", API, format!("{said}; give the identifier")))
            }
            (None, _) if !self.whole => Ok(name.to_owned()),
            (None, _) => {
                let known = self.apis.iter().flat_map(|api| [&*api.label, &*api.value]);
                Err(("api_not_found", API, nothing("API", name, known)))
            }
        }
    }

    fn permission(&self, name: &str) -> Result<String, NoSuch> {
        if !self.whole || self.permissions.iter().any(|it| it.value == name) {
            return Ok(name.to_owned());
        }
        let known = self.permissions.iter().map(|it| &*it.value);
        Err(("permission_not_found", PERMISSION, nothing("permission", name, known)))
    }

    /// Id and name of a role that is named by either.
    fn role(&self, name: &str) -> Result<(String, String), NoSuch> {
        let is_id = |role: &&PicklistValue| role.value != role.label;
        let ids: Vec<&PicklistValue> = self.roles.iter().filter(is_id).collect();
        if let Some(role) = ids.iter().find(|role| role.value == name) {
            return Ok((role.value.clone(), role.label.clone()));
        }
        let named: Vec<_> = ids.iter().filter(|role| is_called(role, name)).collect();
        match named.as_slice() {
            [role] => Ok((role.value.clone(), role.label.clone())),
            [] if !self.whole => Ok((name.to_owned(), name.to_owned())),
            [] => {
                let known = ids.iter().map(|role| &*role.label);
                Err(("role_not_found", ROLE, nothing("role", name, known)))
            }
            several => {
                let ids: Vec<String> =
                    several.iter().map(|role| format!("`{}`", role.value)).collect();
                let said = format!("several roles are called `{}`", shown(name.as_bytes()));
                Err(("role_ambiguous", ROLE, format!("{said}; give the id: {}", ids.join(", "))))
            }
        }
    }
}

fn is_called(value: &PicklistValue, name: &str) -> bool {
    value.label.to_lowercase() == name.to_lowercase()
}

fn nothing<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let said = format!("there is no {what} `{}`", shown(name.as_bytes()));
    match nearest(name, known) {
        Some(near) => format!("{said}, did you mean `{near}`?"),
        None => said,
    }
}

async fn fields<T: Target, const N: usize>(
    target: &T,
    object: &str,
    names: [&str; N],
) -> Result<[FieldSchema; N], Failure> {
    let no_field =
        |name: &str| Failure::new(Blame::Run, format!("`{object}` has no field `{name}`"));
    let parsed = ObjectName::parse(object).map_err(|_| no_field(object))?;
    let schema = target.describe(&parsed).await.map_err(Fault::of_request)?;
    let mut found = Vec::new();
    for name in names {
        found.push(schema.field(name).cloned().ok_or_else(|| no_field(name))?);
    }
    found.try_into().map_err(|_| no_field(object))
}

fn half(there: &str, missing: &str) -> String {
    format!("the row has a value in `{there}` and none in `{missing}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(value: &str, label: &str) -> PicklistValue {
        PicklistValue { value: value.to_owned(), label: label.to_owned(), active: true }
    }

    #[test]
    fn what_cells_name_is_certain_or_told() {
        let names = Names {
            apis: vec![value("urn:a", "Ledger"), value("urn:b", "Twin"), value("urn:c", "twin")],
            permissions: vec![value("read:x", "read:x")],
            roles: vec![
                value("Clerk", "Clerk"),
                value("rol_1", "Clerk"),
                value("rol_2", "Pilot"),
                value("rol_3", "pilot"),
            ],
            whole: true,
        };
        let told: Vec<String> = [
            ["ledger", "read:x", ""],
            ["urn:b", "read:x", ""],
            ["Twin", "read:x", ""],
            ["Legder", "read:x", ""],
            ["urn:a", "reed:x", ""],
            ["", "", "clerk"],
            ["", "", "rol_3"],
            ["", "", "PILOT"],
            ["", "", "Clark"],
            ["urn:a", "", ""],
            ["", "read:x", "Clerk"],
            ["urn:a", "read:x", "Clerk"],
            ["", "", ""],
        ]
        .into_iter()
        .map(|cells| match names.item(cells) {
            Ok(item) => format!("{} ({})", item.id, item.name),
            Err((code, column, message)) => format!("{code} [{column}]: {message}"),
        })
        .collect();
        insta::assert_snapshot!(told.join("\n"), @"
        urn:a read:x (read:x)
        urn:b read:x (read:x)
        api_ambiguous [API]: several APIs are called `Twin`; give the identifier
        api_not_found [API]: there is no API `Legder`, did you mean `Ledger`?
        permission_not_found [Permission]: there is no permission `reed:x`, did you mean `read:x`?
        rol_1 (Clerk)
        rol_3 (pilot)
        role_ambiguous [Role]: several roles are called `PILOT`; give the id: `rol_2`, `rol_3`
        role_not_found [Role]: there is no role `Clark`, did you mean `Clerk`?
        blank_permission [Permission]: the row has a value in `API` and none in `Permission`
        blank_permission [API]: the row has a value in `Permission` and none in `API`
        two_permissions [Role]: the row names a permission and a role: put them in two rows
        blank_permission []: the row does not say which permission
        ");
        let called =
            [("rol_1", "Clerk"), ("rol_3", "pilot")].map(|(id, name)| names.called(id, name));
        assert_eq!(called, ["Clerk", "rol_3"]);
        let some = Names { whole: false, ..names };
        assert_eq!(some.item(["urn:z", "any:y", ""]).unwrap().id, "urn:z any:y");
    }
}
