//! The permission sets and groups of a Salesforce org, and how a row may name one: by label, API
//! name or Id.

use std::collections::HashMap;

use super::columns::{GROUP, SET};
use super::query::{is_in, rows};
use crate::model::failure::Failure;
use crate::model::ids::RecordId;
use crate::model::wording::{nearest, shown};
use crate::target::Target;

/// Candidates that a message names.
const CANDIDATES: usize = 5;

/// A permission set, or a group of them.
#[derive(Debug, Clone)]
pub(super) struct Permission {
    pub id: RecordId,
    pub is_group: bool,
    /// API name, with its namespace.
    pub name: String,
    pub label: String,
    pub license: License,
    pub owned_by_profile: bool,
    /// Of a group: `Updated`, `Outdated`, `Updating` or `Failed`.
    pub status: String,
}

/// What a user must have to be given a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum License {
    None,
    /// The user license of its profile must be this one.
    User(RecordId),
    /// A seat of this permission set license, by its place in [`Sets::seats`].
    Seat(usize),
}

/// A permission set license.
#[derive(Debug, Clone)]
pub(super) struct Seats {
    pub id: RecordId,
    pub label: String,
    pub total: i64,
    pub used: i64,
}

/// Sets and groups by place, and the places by name.
#[derive(Debug, Default)]
pub(super) struct Sets {
    pub all: Vec<Permission>,
    pub seats: Vec<Seats>,
    /// Names of user licenses.
    pub licenses: HashMap<RecordId, String>,
    by_id: HashMap<RecordId, u32>,
    /// By label and by API name, without case; sets and groups apart.
    names: [HashMap<String, Vec<u32>>; 2],
}

/// Why a name means nothing for certain: a code, and a sentence for people.
pub(super) type NoSuch = (&'static str, String);

impl Sets {
    pub async fn read<T: Target>(target: &T) -> Result<Self, Failure> {
        let mut sets = Self::default();
        let soql = "SELECT Id, MasterLabel, TotalLicenses, UsedLicenses FROM PermissionSetLicense";
        rows(target, soql.to_owned(), |cells| {
            let number = |at: usize| cells[at].parse().unwrap_or(0);
            let (label, total, used) = (cells[1].to_owned(), number(2), number(3));
            sets.seats.extend(id(cells[0]).map(|id| Seats { id, label, total, used }));
            Ok(())
        })
        .await?;
        rows(target, "SELECT Id, Name FROM UserLicense".to_owned(), |cells| {
            sets.licenses.extend(id(cells[0]).map(|id| (id, cells[1].to_owned())));
            Ok(())
        })
        .await?;
        let soql = "SELECT Id, NamespacePrefix, DeveloperName, MasterLabel, Status FROM \
                    PermissionSetGroup";
        rows(target, soql.to_owned(), |cells| {
            sets.add(cells[0], |id| Permission {
                id,
                is_group: true,
                name: spelled(cells[1], cells[2]),
                label: cells[3].to_owned(),
                license: License::None,
                owned_by_profile: false,
                status: cells[4].to_owned(),
            });
            Ok(())
        })
        .await?;
        let soql = "SELECT Id, NamespacePrefix, Name, Label, LicenseId, IsOwnedByProfile FROM \
                    PermissionSet WHERE PermissionSetGroupId = null";
        rows(target, soql.to_owned(), |cells| {
            let license = sets.license(cells[4]);
            sets.add(cells[0], |id| Permission {
                id,
                is_group: false,
                name: spelled(cells[1], cells[2]),
                label: cells[3].to_owned(),
                license,
                owned_by_profile: cells[5] == "true",
                status: String::new(),
            });
            Ok(())
        })
        .await?;
        Ok(sets)
    }

    fn license(&self, cell: &str) -> License {
        let Some(id) = id(cell) else { return License::None };
        match self.seats.iter().position(|seats| seats.id == id) {
            Some(place) => License::Seat(place),
            None => License::User(id),
        }
    }

    fn add(&mut self, cell: &str, make: impl FnOnce(RecordId) -> Permission) {
        let Some(id) = id(cell) else { return };
        let place = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let made = make(id);
        self.by_id.insert(id, place);
        let names = &mut self.names[usize::from(made.is_group)];
        for name in [made.name.to_lowercase(), made.label.to_lowercase()] {
            let places = names.entry(name).or_default();
            if !places.contains(&place) {
                places.push(place);
            }
        }
        self.all.push(made);
    }

    pub fn get(&self, place: u32) -> &Permission {
        &self.all[place as usize]
    }

    /// The place of what has this Id.
    pub fn of_id(&self, id: &str) -> Option<u32> {
        self.by_id.get(&RecordId::parse(id.as_bytes()).ok()?).copied()
    }

    /// What a cell of `Permission Set` or `Permission Set Group` means.
    ///
    /// An Id is taken at its word. A label may be that of several: then nothing is guessed.
    pub fn find(&self, name: &str, group: bool) -> Result<u32, NoSuch> {
        if let Some(place) = self.of_id(name) {
            return if self.get(place).is_group == group {
                Ok(place)
            } else {
                Err(("permission_not_found", other_kind(name, group)))
            };
        }
        let wanted = name.to_lowercase();
        match self.names[usize::from(group)].get(&wanted).map(Vec::as_slice) {
            Some([place]) => Ok(*place),
            Some(places) => Err(("permission_ambiguous", self.several(name, places))),
            None if self.names[usize::from(!group)].contains_key(&wanted) => {
                Err(("permission_not_found", other_kind(name, group)))
            }
            None => Err(("permission_not_found", self.nothing(name, group))),
        }
    }

    fn several(&self, name: &str, places: &[u32]) -> String {
        let mut names: Vec<&str> =
            places.iter().map(|place| self.get(*place).name.as_str()).collect();
        names.sort_unstable();
        let mut names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let count = names.len();
        if count > CANDIDATES {
            names.truncate(CANDIDATES);
            names.push("…".to_owned());
        }
        let name = shown(name.as_bytes());
        let kind = kind(places.first().is_some_and(|place| self.get(*place).is_group));
        format!("{count} {kind}s are called `{name}`; give the API name: {}", names.join(", "))
    }

    fn nothing(&self, name: &str, group: bool) -> String {
        let said = format!("there is no {} `{}`", kind(group), shown(name.as_bytes()));
        let of_kind = || self.all.iter().filter(|one| one.is_group == group);
        let labels = of_kind().flat_map(|one| [one.label.as_str(), one.name.as_str()]);
        match nearest(name, labels) {
            Some(near) => format!("{said}, did you mean `{near}`?"),
            None => said,
        }
    }
}

/// Who holds a seat of these licenses already, as pairs of user and place in [`Sets::seats`].
pub(super) async fn seated<T: Target>(
    target: &T,
    sets: &Sets,
    places: &[usize],
    mut each: impl FnMut(RecordId, usize) + Send,
) -> Result<(), Failure> {
    if places.is_empty() {
        return Ok(());
    }
    let ids = places.iter().map(|place| sets.seats[*place].id.as_str());
    let soql = format!(
        "SELECT AssigneeId, PermissionSetLicenseId FROM PermissionSetLicenseAssign WHERE {}",
        is_in("PermissionSetLicenseId", ids)
    );
    rows(target, soql, |cells| {
        let license = id(cells[1]);
        let place = sets.seats.iter().position(|seats| Some(seats.id) == license);
        if let (Some(user), Some(place)) = (id(cells[0]), place) {
            each(user, place);
        }
        Ok(())
    })
    .await
}

pub(super) fn id(cell: &str) -> Option<RecordId> {
    RecordId::parse(cell.as_bytes()).ok()
}

/// What people call it.
pub(super) fn kind(group: bool) -> &'static str {
    if group { "permission set group" } else { "permission set" }
}

fn other_kind(name: &str, group: bool) -> String {
    let (is, column) = (kind(!group), if group { SET } else { GROUP });
    format!("`{}` is a {is}: it belongs in the column `{column}`", shown(name.as_bytes()))
}

fn spelled(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}__{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn sets() -> Sets {
        let mut sets = Sets::default();
        for (number, (group, name, label)) in [
            (false, "Cargo_Booking", "Cargo Booking"),
            (false, "Rates", "Rate Quotes"),
            (false, "Rates_2", "Rate Quotes"),
            (false, "ns__Rates", "Old Rates"),
            (true, "Port_Operations", "Port Operations"),
        ]
        .into_iter()
        .enumerate()
        {
            let prefix = if group { "0PG" } else { "0PS" };
            let id = format!("{prefix}8c0000000{number:03}");
            sets.add(&id, |id| Permission {
                id,
                is_group: group,
                name: name.to_owned(),
                label: label.to_owned(),
                license: License::None,
                owned_by_profile: false,
                status: String::new(),
            });
        }
        sets
    }

    #[test]
    fn a_permission_is_named_by_label_api_name_or_id() {
        let sets = sets();
        for (name, group, place) in [
            ("cargo booking", false, 0),
            ("CARGO_BOOKING", false, 0),
            ("Rates", false, 1),
            ("ns__rates", false, 3),
            ("0PS8c0000000000", false, 0),
            ("Port Operations", true, 4),
        ] {
            assert_eq!(sets.find(name, group), Ok(place), "{name}");
        }
    }

    #[test]
    fn what_a_name_does_not_mean_is_told_with_what_was_meant() {
        let sets = sets();
        let told = [
            ("Rate Quotes", false),
            ("Cargo Bookign", false),
            ("Something", false),
            ("Port Operations", false),
            ("Cargo Booking", true),
            ("0PG8c0000000004", false),
        ]
        .map(|(name, group)| {
            let (code, message) = sets.find(name, group).unwrap_err();
            format!("{code}: {message}")
        });
        insta::assert_snapshot!(told.join("\n"), @"
        permission_ambiguous: 2 permission sets are called `Rate Quotes`; give the API name: `Rates`, `Rates_2`
        permission_not_found: there is no permission set `Cargo Bookign`, did you mean `Cargo Booking`?
        permission_not_found: there is no permission set `Something`
        permission_not_found: `Port Operations` is a permission set group: it belongs in the column `Permission Set Group`
        permission_not_found: `Cargo Booking` is a permission set: it belongs in the column `Permission Set`
        permission_not_found: `0PG8c0000000004` is a permission set group: it belongs in the column `Permission Set Group`
        ");
    }
}
