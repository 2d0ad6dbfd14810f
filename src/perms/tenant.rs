//! Decisions for an Auth0 tenant: rows of a user and a permission of an API, or a role.
//!
//! A tenant tells what a user holds one user at a time, so that is left to the loads: they look at
//! each user just before they change it, paced, and leave alone what is so already. Decided here is
//! which API, permission and role a row means.

use std::collections::HashMap;
use std::path::Path;

use super::ask::{Action, Request};
use super::carry::on_thread;
use super::columns::{API, Columns, PERMISSION, ROLE};
use super::decided::Decided;
use super::decisions::{Decision, DecisionsFile, What};
use super::preview::Preview;
use super::spool::{Given, Spooled, SpooledRow, read_file};
use super::who::WhoField;
use crate::faults;
use crate::model::failure::{Blame, Failure};
use crate::model::names::ObjectName;
use crate::model::schema::{FieldSchema, PicklistValue};
use crate::model::wording::{nearest, shown};
use crate::target::{Fault, Target};

/// What a tenant has that rows may name.
#[derive(Debug, Default)]
struct Names {
    /// Identifiers, with names as labels.
    apis: Vec<PicklistValue>,
    permissions: Vec<PicklistValue>,
    /// Ids and names, with names as labels.
    roles: Vec<PicklistValue>,
    /// The tenant has listed all there are.
    whole: bool,
}

/// Why a cell names nothing for certain: a code, the column, and a sentence for people.
type NoSuch = (&'static str, &'static str, String);

/// Reads the rows, and writes down what becomes of each.
pub(super) async fn decide<T: Target>(
    request: &Request,
    target: &T,
    root: &Path,
) -> Result<Decided, Failure> {
    can(request)?;
    let (folder, order) = (root.to_owned(), order(request)?);
    let Some(input) = request.input.clone() else {
        return Err(Failure::new(Blame::Request, "no file says who"));
    };
    let read = move || read_file(&folder, &input, &order, Given::new(), false);
    let spooled = on_thread(read).await?;
    let names = Names::read(target, &spooled.columns, &spooled.header).await?;
    let (root, action) = (root.to_owned(), request.action);
    on_thread(move || write(&root, spooled, &names, action)).await
}

/// What is for Salesforce alone is refused, and not passed over.
fn can(request: &Request) -> Result<(), Failure> {
    let flag = match request {
        _ if request.action == Action::Sync => "perms sync",
        Request { condition: Some(_), .. } => "--where",
        Request { copy_from: Some(_), .. } => "--copy-from",
        Request { expires: Some(_), .. } => "--expires",
        Request { sets, groups, .. } if !sets.is_empty() || !groups.is_empty() => {
            "--permission-set"
        }
        _ => return Ok(()),
    };
    let message = format!("`{flag}` is for Salesforce orgs, and this is an Auth0 tenant");
    Err(Failure::new(Blame::Request, message)
        .hint("`perms grant` and `perms revoke` take a file of users with permissions or roles"))
}

/// A tenant knows users by id and by e-mail.
fn order(request: &Request) -> Result<Vec<WhoField>, Failure> {
    let known = |field: &&WhoField| matches!(field, WhoField::UserId | WhoField::Email);
    let order: Vec<WhoField> = request.matching.iter().filter(known).copied().collect();
    if order.is_empty() {
        let message = "`--match` names no column by which an Auth0 tenant knows a user";
        return Err(Failure::new(Blame::Request, message).hint("it knows `email` and `user-id`"));
    }
    Ok(order)
}

impl Names {
    async fn read<T: Target>(
        target: &T,
        columns: &Columns,
        header: &[String],
    ) -> Result<Self, Failure> {
        let by_api = columns.api.is_some() && columns.permission.is_some();
        if !by_api && columns.role.is_none() {
            let names: Vec<String> = header.iter().map(|name| format!("`{name}`")).collect();
            let message =
                format!("no column says which permission: the file has {}", names.join(", "));
            return Err(Failure::new(Blame::Request, message)
                .hint(format!("name the columns `{API}` and `{PERMISSION}`, or `{ROLE}`")));
        }
        let mut names = Self { whole: true, ..Self::default() };
        if by_api {
            let [apis, permissions] =
                fields(target, "UserPermission", ["resource_server_identifier", "permission_name"])
                    .await?;
            names.whole &= apis.restricted_picklist;
            (names.apis, names.permissions) = (apis.picklist, permissions.picklist);
        }
        if columns.role.is_some() {
            let [roles] = fields(target, "UserRole", ["role"]).await?;
            names.whole &= roles.restricted_picklist;
            names.roles = roles.picklist;
        }
        Ok(names)
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

fn write(root: &Path, spooled: Spooled, names: &Names, action: Action) -> Result<Decided, Failure> {
    let mut file = DecisionsFile::begin(root, &spooled.header)?;
    let mut preview = Preview::default();
    preview.unlooked = true;
    let mut seen = HashMap::new();
    spooled.each(|row| {
        let mut decision = one(row, &spooled, names, action);
        if decision.what != What::Rejected {
            let pair = (decision.user.to_lowercase(), decision.permission_id.clone());
            let above = *seen.entry(pair).or_insert(row.mark.row);
            if above != row.mark.row {
                let message = format!("row {above} asks for the same");
                decision = decision.rejected("duplicate_row", "", message);
            }
        }
        preview.add(&decision);
        file.push(&decision, row.source())
    })?;
    let decisions = file.finish()?;
    let Spooled { path, header, bytes, digest, notices, .. } = spooled;
    faults::remove_file(&path).map_err(|error| Failure::disk("remove", &path, &error))?;
    Ok(Decided { decisions, preview, header, source: (bytes, digest), notices })
}

/// What becomes of a row, as far as the row and the tenant's names tell.
fn one(row: &SpooledRow<'_>, spooled: &Spooled, names: &Names, action: Action) -> Decision {
    let (columns, header) = (&spooled.columns, &spooled.header);
    let mut decision = Decision::of(row.mark);
    if let Some([code, column, message]) = row.fault() {
        return decision.rejected(code, column, message);
    }
    let Some((field, value)) = columns.who(|place| row.cell(Some(place))) else {
        let column = columns.who.first().map_or("", |(_, place)| header[*place].as_str());
        return decision.rejected("blank_user", column, "the row does not say who");
    };
    value.clone_into(&mut decision.user);
    if field == WhoField::UserId {
        value.clone_into(&mut decision.user_id);
    }
    let (api, permission) = (row.cell(columns.api), row.cell(columns.permission));
    let role = row.cell(columns.role);
    let named = if role.is_empty() { permission } else { role };
    named.clone_into(&mut decision.permission);
    let what = match (api.is_empty(), permission.is_empty(), role.is_empty()) {
        (false, false, true) => names.api(api).and_then(|api| {
            let name = names.permission(permission)?;
            // An identifier and a name have no blanks in them.
            Ok((format!("{api} {name}"), name, api))
        }),
        (true, true, false) => names.role(role).map(|(id, name)| (id, name, String::new())),
        (true, true, true) => {
            Err(("blank_permission", "", "the row does not say which permission".to_owned()))
        }
        (false, true, _) => Err(("blank_permission", PERMISSION, half(API, PERMISSION))),
        (true, false, _) => Err(("blank_permission", API, half(PERMISSION, API))),
        (false, false, false) => {
            let message = "the row names a permission and a role: put them in two rows";
            Err(("two_permissions", ROLE, message.to_owned()))
        }
    };
    match what {
        Err((code, column, message)) => decision.rejected(code, column, message),
        Ok((id, name, api)) => {
            (decision.permission_id, decision.permission, decision.assignment) = (id, name, api);
            decision.what = if action == Action::Revoke { What::Revoke } else { What::Grant };
            "asked for".clone_into(&mut decision.why);
            decision
        }
    }
}

fn half(there: &str, missing: &str) -> String {
    format!("the row has a value in `{there}` and none in `{missing}`")
}
