//! The users of a tenant that a file names, by the list of all its users: one job of the tenant,
//! however many they are.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;

use super::super::candidates::{Candidates, Missing, Nobody, the_one};
use super::super::carry::on_thread;
use super::super::query::Passing;
use super::super::who::WhoField;
use crate::faults;
use crate::model::failure::{Blame, Failure};
use crate::model::names::ObjectName;
use crate::pipeline::event::{Event, Watch};
use crate::pipeline::export::{Destination, export};
use crate::target::{ExportQuery, ExportRequest, Target};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    pub id: Box<str>,
    /// Blank where the user has none.
    pub email: Box<str>,
}

impl Person {
    /// What a review calls the user.
    pub fn name(&self) -> &str {
        if self.email.is_empty() { &self.id } else { &self.email }
    }
}

/// The users that the keys of a file mean, and others who hold something; about 200 bytes for each.
#[derive(Debug, Default)]
pub(super) struct People {
    all: Vec<Person>,
    places: HashMap<Box<str>, u32>,
    /// By column and key; several where the key is that of several users.
    keys: BTreeMap<WhoField, HashMap<String, Vec<u32>>>,
    near: Candidates,
}

impl People {
    /// Looks the keys up in the list of all users, which lies in the file `list` meanwhile.
    pub async fn read<T: Target>(
        target: &T,
        wanted: &BTreeMap<WhoField, HashSet<String>>,
        list: &Path,
        watch: &dyn Watch,
    ) -> Result<Self, Failure> {
        let message = "users are looked up in the tenant's list of all its users, which is one job";
        watch.see(&Event::Notice { message: message.to_owned() });
        let object = ObjectName::parse("User")
            .map_err(|error| Failure::new(Blame::Run, error.to_string()))?;
        let fields = vec!["user_id".to_owned(), "email".to_owned()];
        let query = ExportQuery::Object { object, fields, filter: None };
        let request = ExportRequest { query, all: false };
        export(target, &request, Destination::File(list), &Passing { watch, notices: false })
            .await?;
        let (path, keys) = (list.to_owned(), Self::of(wanted));
        on_thread(move || {
            let people = keys.found(&path);
            faults::remove_file(&path).map_err(|error| Failure::disk("remove", &path, &error))?;
            people
        })
        .await
    }

    fn of(wanted: &BTreeMap<WhoField, HashSet<String>>) -> Self {
        let mut people = Self::default();
        for (field, keys) in wanted {
            let keys = keys.iter().map(|key| (key.clone(), Vec::new()));
            people.keys.insert(*field, keys.collect());
        }
        people
    }

    fn found(mut self, list: &Path) -> Result<Self, Failure> {
        each(list, |id, email| self.add(id, email))?;
        let mut missing = Missing::default();
        for (field, keys) in &self.keys {
            let without = keys.iter().filter(|(key, places)| places.is_empty() && !key.is_empty());
            missing.note(*field, without.map(|(key, _)| key));
        }
        let starts: Vec<String> = missing.beginnings().flat_map(|(_, starts)| starts).collect();
        if !starts.is_empty() {
            each(list, |_, email| {
                let lower = email.to_lowercase();
                if starts.iter().any(|start| lower.starts_with(start)) {
                    missing.look_at(WhoField::Email, email);
                }
            })?;
        }
        self.near = missing.told();
        Ok(self)
    }

    /// Keeps a user whom some key wants.
    fn add(&mut self, id: &str, email: &str) {
        let new = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let mut is_wanted = false;
        for (field, keys) in &mut self.keys {
            let value = if *field == WhoField::UserId { id } else { email };
            if value.is_empty() {
                continue;
            }
            if let Some(places) = keys.get_mut(&field.key(value)) {
                places.push(new);
                is_wanted = true;
            }
        }
        if is_wanted {
            self.push(id, email);
        }
    }

    fn push(&mut self, id: &str, email: &str) -> u32 {
        let place = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.places.insert(id.into(), place);
        self.all.push(Person { id: id.into(), email: email.into() });
        place
    }

    /// The place of a user, who is taken in if it is a new one.
    pub fn place(&mut self, id: &str, email: &str) -> u32 {
        match self.places.get(id) {
            Some(place) => *place,
            None => self.push(id, email),
        }
    }

    /// The place of a user who is known.
    pub fn of_id(&self, id: &str) -> Option<u32> {
        self.places.get(id).copied()
    }

    pub fn get(&self, place: u32) -> &Person {
        &self.all[place as usize]
    }

    /// The ids of those whom some key means for certain, sorted.
    pub fn certain(&self) -> Vec<String> {
        let places = self.keys.values().flat_map(HashMap::values);
        let one = places.filter_map(|places| match places.as_slice() {
            [place] => Some(self.get(*place).id.to_string()),
            _ => None,
        });
        let ids: BTreeSet<String> = one.collect();
        ids.into_iter().collect()
    }

    /// Who is meant.
    pub fn find(&self, field: WhoField, value: &str) -> Result<u32, Nobody> {
        let found = self.keys.get(&field).and_then(|keys| keys.get(&field.key(value)));
        let name = |place| format!("`{}`", self.get(place).id);
        the_one((field, value), found, &self.near, "give one of the ids", name)
    }
}

/// Hands id and e-mail of each user of a list to `each`.
fn each(list: &Path, mut each: impl FnMut(&str, &str)) -> Result<(), Failure> {
    let broken = |error: csv::Error| Failure::disk("read", list, &error.into());
    let mut reader = csv::Reader::from_path(list).map_err(broken)?;
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(broken)? {
        each(record.get(0).unwrap_or_default(), record.get(1).unwrap_or_default());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn users_are_found_by_e_mail_and_id_and_what_is_near_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("users.csv");
        let rows = "user_id,email\nauth0|1,ada@x.example\nauth0|2,Twin@x.example\n\
                    sms|3,twin@x.example\nauth0|4,\nauth0|5,adam.smith@x.example\n";
        std::fs::File::create(&list).unwrap().write_all(rows.as_bytes()).unwrap();
        let asked = [
            (WhoField::Email, "ADA@x.example"),
            (WhoField::Email, "twin@x.example"),
            (WhoField::Email, "adam.smyth@x.example"),
            (WhoField::Email, "zoe@x.example"),
            (WhoField::UserId, "auth0|4"),
            (WhoField::UserId, "auth0|9"),
        ];
        let mut wanted = BTreeMap::<WhoField, HashSet<String>>::new();
        for (field, key) in asked {
            wanted.entry(field).or_default().insert(field.key(key));
        }
        let people = People::of(&wanted).found(&list).unwrap();
        assert_eq!(people.certain(), ["auth0|1", "auth0|4"]);
        let told: Vec<String> = asked
            .iter()
            .map(|(field, key)| match people.find(*field, key) {
                Ok(place) => people.get(place).name().to_owned(),
                Err((code, message)) => format!("{code}: {message}"),
            })
            .collect();
        insta::assert_snapshot!(told.join("\n"), @"
        ada@x.example
        user_ambiguous: 2 users have the e-mail `twin@x.example`; give one of the ids `auth0|2`, `sms|3`
        user_not_found: no user has the e-mail `adam.smyth@x.example`; nearest: `adam.smith@x.example`
        user_not_found: no user has the e-mail `zoe@x.example`
        auth0|4
        user_not_found: no user has the id `auth0|9`
        ");
    }
}
