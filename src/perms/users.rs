//! The users of a Salesforce org that a file names, by whatever it names them.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::candidates::{Candidates, Missing, Nobody, the_one};
use super::query::{IN_LIST, begins_with, is_in, rows};
use super::sets::id;
use super::who::WhoField;
use crate::model::failure::Failure;
use crate::model::ids::RecordId;
use crate::model::limits::REST_QUERY_ROWS_MAX;
use crate::target::Target;

/// Different keys up to which the org is asked for just these; past it all users are read once.
const SHORT: usize = 2_000;

#[derive(Debug, Clone)]
pub(super) struct User {
    pub id: RecordId,
    pub username: Box<str>,
    pub active: bool,
    /// The user license of its profile.
    pub license: Option<RecordId>,
}

/// The users that the keys of a file mean; about 300 bytes for each.
#[derive(Debug, Default)]
pub(super) struct Users {
    all: Vec<User>,
    places: HashMap<RecordId, u32>,
    /// By column and key; several where the key is that of several users.
    keys: BTreeMap<WhoField, HashMap<String, Vec<u32>>>,
    near: Candidates,
}

impl Users {
    /// Looks the keys up, by lists of them or in one pass over all users.
    pub async fn read<T: Target>(
        target: &T,
        wanted: &BTreeMap<WhoField, HashSet<String>>,
    ) -> Result<Self, Failure> {
        let mut users = Self::default();
        for (field, keys) in wanted {
            let keys = keys.iter().map(|key| (key.clone(), Vec::new()));
            users.keys.insert(*field, keys.collect());
        }
        let number: usize = wanted.values().map(HashSet::len).sum();
        if number > SHORT {
            users.take(target, String::new()).await?;
        } else {
            users.by_lists(target, wanted).await?;
        }
        users.look_near(target).await?;
        Ok(users)
    }

    async fn by_lists<T: Target>(
        &mut self,
        target: &T,
        wanted: &BTreeMap<WhoField, HashSet<String>>,
    ) -> Result<(), Failure> {
        for (field, keys) in wanted {
            // An id that is none would make the whole question wrong.
            let is_key = |key: &&String| *field != WhoField::UserId || id(key).is_some();
            let mut keys: Vec<&str> = keys.iter().filter(is_key).map(String::as_str).collect();
            keys.sort_unstable();
            for some in keys.chunks(IN_LIST) {
                let condition = is_in(field.field(), some.iter().copied());
                self.take(target, format!(" WHERE {condition}")).await?;
            }
        }
        Ok(())
    }

    /// Asks for users whose keys begin as the first of those do that nobody has: one question for
    /// each column.
    async fn look_near<T: Target>(&mut self, target: &T) -> Result<(), Failure> {
        let mut missing = Missing::default();
        for (field, keys) in &self.keys {
            let without = keys.iter().filter(|(key, places)| places.is_empty() && !key.is_empty());
            missing.note(*field, without.map(|(key, _)| key));
        }
        let questions: Vec<(WhoField, Vec<String>)> = missing.beginnings().collect();
        for (field, beginnings) in questions {
            let name = field.field();
            let conditions: Vec<String> =
                beginnings.iter().map(|start| begins_with(name, start)).collect();
            let soql = format!(
                "SELECT {name} FROM User WHERE {} LIMIT {REST_QUERY_ROWS_MAX}",
                conditions.join(" OR ")
            );
            let missing = &mut missing;
            rows(target, soql, |cells| {
                missing.look_at(field, cells[0]);
                Ok(())
            })
            .await?;
        }
        self.near = missing.told();
        Ok(())
    }

    /// Takes the users that the question finds and the keys want.
    async fn take<T: Target>(&mut self, target: &T, condition: String) -> Result<(), Failure> {
        let soql = format!(
            "SELECT Id, Username, Email, FederationIdentifier, EmployeeNumber, IsActive, \
             Profile.UserLicenseId FROM User{condition}"
        );
        rows(target, soql, |cells| {
            self.add(cells);
            Ok(())
        })
        .await
    }

    fn add(&mut self, cells: &[&str]) {
        let Some(user) = id(cells[0]) else { return };
        let value = |field| match field {
            WhoField::UserId => cells[0],
            WhoField::Username => cells[1],
            WhoField::Email => cells[2],
            WhoField::FederationIdentifier => cells[3],
            WhoField::EmployeeNumber => cells[4],
        };
        let mut place = self.places.get(&user).copied();
        let new = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        for (field, keys) in &mut self.keys {
            let Some(places) = keys.get_mut(&field.key(value(*field))) else { continue };
            let place = *place.get_or_insert(new);
            if !places.contains(&place) {
                places.push(place);
            }
        }
        if place == Some(new) {
            self.places.insert(user, new);
            self.all.push(User {
                id: user,
                username: cells[1].into(),
                active: cells[5] == "true",
                license: id(cells[6]),
            });
        }
    }

    pub fn get(&self, place: u32) -> &User {
        &self.all[place as usize]
    }

    /// The place of a user that some key has found.
    pub fn of_id(&self, id: &RecordId) -> Option<u32> {
        self.places.get(id).copied()
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn ids(&self) -> impl Iterator<Item = &RecordId> {
        self.all.iter().map(|user| &user.id)
    }

    /// Who is meant.
    pub fn find(&self, field: WhoField, value: &str) -> Result<u32, Nobody> {
        let found = self.keys.get(&field).and_then(|keys| keys.get(&field.key(value)));
        let name = |place| {
            let User { username, active, .. } = self.get(place);
            if *active { format!("`{username}`") } else { format!("`{username}` (inactive)") }
        };
        the_one((field, value), found, &self.near, "name one by its username:", name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_any_of_their_keys() {
        let mut users = Users::default();
        let wanted = [
            (WhoField::Email, "ada@x.example"),
            (WhoField::Email, "two@x.example"),
            (WhoField::Username, "ada@x.example.uat"),
            (WhoField::EmployeeNumber, "e1"),
            (WhoField::UserId, "0058c00000Zw4ReAAJ"),
            (WhoField::Email, "nobody@x.example"),
        ];
        for (field, key) in wanted {
            users.keys.entry(field).or_default().insert(field.key(key), Vec::new());
        }
        for cells in [
            ["0058c00000Zw4Re", "ada@x.example.uat", "Ada@x.example", "", "E1", "true", ""],
            ["0058c00000Zw4Rf", "one@x.example", "two@x.example", "", "", "true", ""],
            ["0058c00000Zw4Rg", "two@x.example", "two@X.example", "", "", "false", ""],
            ["0058c00000Zw4Rh", "not asked for", "other@x.example", "", "", "true", ""],
        ] {
            users.add(&cells);
        }
        assert_eq!(users.len(), 3);
        let told: Vec<String> = wanted
            .iter()
            .map(|(field, key)| match users.find(*field, key) {
                Ok(place) => users.get(place).username.to_string(),
                Err((code, message)) => format!("{code}: {message}"),
            })
            .collect();
        insta::assert_snapshot!(told.join("\n"), @"
        ada@x.example.uat
        user_ambiguous: 2 users have the e-mail `two@x.example`; name one by its username: `one@x.example`, `two@x.example` (inactive)
        ada@x.example.uat
        ada@x.example.uat
        ada@x.example.uat
        user_not_found: no user has the e-mail `nobody@x.example`
        ");
    }
}
