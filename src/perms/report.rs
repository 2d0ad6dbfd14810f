//! Report: who has what, by the names that people use, in a file that the other commands take.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use super::carry::on_thread;
use super::columns::{Columns, EXPIRES, GROUP, SET};
use super::expiry;
use super::held::GRANTED;
use super::query::{IN_LIST, is_in, rows};
use super::sets::{Sets, id};
use super::tenant;
use super::users::Users;
use super::who::WhoField;
use crate::config::plan::Input;
use crate::model::failure::{Blame, Failure};
use crate::pipeline::event::Watch;
use crate::pipeline::read;
use crate::target::Target;

/// Columns of a report: a user, a permission by API name, and what else a person asks for.
const COLUMNS: [&str; 9] =
    ["Username", "Email", "User Id", "Active", SET, GROUP, "Label", EXPIRES, "Assignment Id"];

/// Users or permissions up to which the org is asked for these alone.
const FEW: usize = 1_000;

/// Names that mean nothing and are told one by one.
const TOLD: usize = 20;

/// What was reported.
#[derive(Debug, Default)]
pub struct Reported {
    pub rows: u64,
    /// Names in the file that mean nobody or nothing for certain; the first of them.
    pub unclear: Vec<String>,
    pub unclear_in_all: u64,
}

/// What a file asks about; without a file, all there is.
#[derive(Debug, Default)]
struct About {
    columns: Columns,
    who: BTreeMap<WhoField, HashSet<String>>,
    sets: BTreeSet<String>,
    groups: BTreeSet<String>,
}

/// The columns of a report in a kind of org.
pub fn report_columns(org_kind: &str) -> &'static [&'static str] {
    if org_kind == "auth0" { &tenant::REPORT_COLUMNS } else { &COLUMNS }
}

/// Hands each grant to `each`, cells in the order of [`report_columns`]; what a user has by its
/// profile is no grant. `output` is the file that they are written to, if any.
///
/// A file with a column of users is about these, one with a column of permissions about those, and
/// one with both about these of those.
pub async fn report<T: Target>(
    target: &T,
    input: Option<&Input>,
    (output, watch): (Option<&Path>, &dyn Watch),
    mut each: impl FnMut(&[&str]) -> Result<(), Failure> + Send,
) -> Result<Reported, Failure> {
    if target.kind() == "auth0" {
        return tenant::report(target, input, (output, watch), each).await;
    }
    let about = match input {
        Some(input) => {
            let input = input.clone();
            Some(on_thread(move || About::read(&input)).await?)
        }
        None => None,
    };
    let sets = Sets::read(target).await?;
    let mut reported = Reported::default();
    let mut filter = Filter::default();
    if let Some(about) = &about {
        filter = about.look_up(target, &sets, &mut reported).await?;
    }
    for condition in filter.conditions(&sets) {
        let soql = format!(
            "SELECT Id, AssigneeId, Assignee.Username, Assignee.Email, Assignee.IsActive, \
             PermissionSetId, PermissionSetGroupId, ExpirationDate FROM PermissionSetAssignment \
             WHERE {GRANTED}{condition}"
        );
        rows(target, soql, |cells| {
            let what = if cells[6].is_empty() { cells[5] } else { cells[6] };
            let (Some(user), Some(place)) = (id(cells[1]), sets.of_id(what)) else { return Ok(()) };
            if !filter.takes(&user, place) {
                return Ok(());
            }
            let permission = sets.get(place);
            let name = permission.name.as_str();
            let (set, group) = if permission.is_group { ("", name) } else { (name, "") };
            let expires = expiry::of_org(cells[7]).map(expiry::written).unwrap_or_default();
            reported.rows += 1;
            each(&[
                cells[2],
                cells[3],
                user.as_str(),
                cells[4],
                set,
                group,
                &permission.label,
                &expires,
                cells[0],
            ])
        })
        .await?;
    }
    Ok(reported)
}

impl About {
    fn read(input: &Input) -> Result<Self, Failure> {
        let mut reader = read::open(input)?;
        let header = reader.header().to_vec();
        let columns = Columns::of(&header, &WhoField::ALL)?;
        if columns.set.is_none() && columns.group.is_none() {
            columns.need_who(&header, &WhoField::ALL)?;
        }
        let mut about = Self { columns, ..Self::default() };
        while let Some(slab) = reader.next_slab()? {
            if let Some(bad) = slab.rejected.first() {
                let message = format!("row {}: {}", bad.mark.row, bad.message);
                return Err(Failure::new(Blame::Request, message));
            }
            for row in 0..slab.marks.len() {
                let text = |place| {
                    std::str::from_utf8(slab.table.field(row, place)).unwrap_or_default().trim()
                };
                if let Some((field, value)) = about.columns.who(text) {
                    about.who.entry(field).or_default().insert(field.key(value));
                }
                about.sets.extend(about.columns.set.map(text).map(str::to_owned));
                about.groups.extend(about.columns.group.map(text).map(str::to_owned));
            }
        }
        about.sets.remove("");
        about.groups.remove("");
        Ok(about)
    }

    async fn look_up<T: Target>(
        &self,
        target: &T,
        sets: &Sets,
        reported: &mut Reported,
    ) -> Result<Filter, Failure> {
        let mut filter = Filter::default();
        if !self.columns.who.is_empty() {
            let users = Users::read(target, &self.who).await?;
            for (field, keys) in &self.who {
                let mut keys: Vec<&String> = keys.iter().collect();
                keys.sort_unstable();
                for key in keys {
                    if let Err((_, message)) = users.find(*field, key) {
                        reported.unclear(message);
                    }
                }
            }
            filter.users = Some(users);
        }
        if self.columns.set.is_some() || self.columns.group.is_some() {
            let mut places = BTreeSet::new();
            for (names, is_group) in [(&self.sets, false), (&self.groups, true)] {
                for name in names {
                    match sets.find(name, is_group) {
                        Ok(place) => drop(places.insert(place)),
                        Err((_, message)) => reported.unclear(message),
                    }
                }
            }
            filter.permissions = Some(places);
        }
        Ok(filter)
    }
}

impl Reported {
    pub(super) fn unclear(&mut self, message: String) {
        self.unclear_in_all += 1;
        if self.unclear.len() < TOLD {
            self.unclear.push(message);
        }
    }
}

/// Which grants are asked for.
#[derive(Debug, Default)]
struct Filter {
    users: Option<Users>,
    permissions: Option<BTreeSet<u32>>,
}

impl Filter {
    /// Questions that together find all that is asked for.
    fn conditions(&self, sets: &Sets) -> Vec<String> {
        if let Some(users) = self.users.as_ref().filter(|users| users.len() <= FEW) {
            let mut ids: Vec<&str> = users.ids().map(crate::model::ids::RecordId::as_str).collect();
            ids.sort_unstable();
            let lists = ids.chunks(IN_LIST);
            return lists
                .map(|some| format!(" AND {}", is_in("AssigneeId", some.iter().copied())))
                .collect();
        }
        let Some(permissions) = self.permissions.as_ref().filter(|some| some.len() <= FEW) else {
            return vec![String::new()];
        };
        let mut conditions = Vec::new();
        for (is_group, field) in [(false, "PermissionSetId"), (true, "PermissionSetGroupId")] {
            let ids: Vec<&str> = permissions
                .iter()
                .map(|place| sets.get(*place))
                .filter(|permission| permission.is_group == is_group)
                .map(|permission| permission.id.as_str())
                .collect();
            let lists = ids.chunks(IN_LIST);
            conditions
                .extend(lists.map(|some| format!(" AND {}", is_in(field, some.iter().copied()))));
        }
        conditions
    }

    fn takes(&self, user: &crate::model::ids::RecordId, permission: u32) -> bool {
        self.users.as_ref().is_none_or(|users| users.of_id(user).is_some())
            && self.permissions.as_ref().is_none_or(|some| some.contains(&permission))
    }
}
