//! What users of a tenant hold, asked for in as few calls as there can be; what that costs is said
//! before.
//!
//! A role has a list of its members, a hundred a call. A permission of an API has none, so each
//! user is asked. Source: reference page on Auth0, facts 1 and 8, 2.1 and 2.3.

use std::path::Path;

use super::super::preview::count;
use super::super::query::{Passing, answers};
use super::names::{Item, PERMISSIONS, ROLES};
use crate::faults;
use crate::model::failure::{Blame, Failure};
use crate::model::names::ObjectName;
use crate::pipeline::event::{Event, Watch};
use crate::pipeline::export::{Destination, export};
use crate::target::{ExportQuery, ExportRequest, Holders, Target};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Permissions,
    Roles,
}

/// Whose permissions or roles; without `of`, those of all users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub kind: Kind,
    pub of: Option<Holders>,
}

/// Something that a user holds.
pub(super) struct Holding<'a> {
    pub user_id: &'a str,
    /// Blank where the user was asked for by id.
    pub email: &'a str,
    pub item: Item,
    /// Given to the user itself.
    pub direct: bool,
    /// Roles that give it besides, separated by semicolons.
    pub roles: &'a str,
}

impl Question {
    /// What the file is called in which the answer lies.
    pub fn place(&self) -> &'static str {
        match self.kind {
            Kind::Permissions => "permissions",
            Kind::Roles => "roles",
        }
    }

    /// Says what it costs and asks. With a `place`, the answer lies in that file meanwhile, and
    /// what was interrupted goes on when the same is asked with the same place.
    pub async fn ask<T: Target>(
        &self,
        target: &T,
        place: Option<&Path>,
        watch: &dyn Watch,
        mut each: impl FnMut(&Holding<'_>) -> Result<(), Failure> + Send,
    ) -> Result<(), Failure> {
        let users = match &self.of {
            None => {
                let object = object("User")?;
                target.count_records(&object).await.map_err(Failure::from)?
            }
            Some(_) => None,
        };
        watch.see(&Event::Notice { message: self.cost(users) });
        let request = self.request()?;
        let Some(path) = place else {
            return answers(target, &request, Some(watch), |cells| self.hand(cells, &mut each))
                .await;
        };
        export(target, &request, Destination::File(path), &Passing { watch, notices: true })
            .await?;
        let broken = |error: csv::Error| Failure::disk("read", path, &error.into());
        let mut reader = csv::Reader::from_path(path).map_err(broken)?;
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record).map_err(broken)? {
            self.hand(&record.iter().collect::<Vec<_>>(), &mut each)?;
        }
        faults::remove_file(path).map_err(|error| Failure::disk("remove", path, &error))
    }

    /// Calls that it takes, in words.
    fn cost(&self, users: Option<u64>) -> String {
        let kind = self.place();
        match (&self.of, self.kind, users) {
            (Some(Holders::Users(ids)), ..) => {
                let users = many(ids.len() as u64, "user");
                let is = if ids.len() == 1 { "is" } else { "are" };
                format!("{users} {is} asked about one by one, a call for the {kind} of each")
            }
            (Some(Holders::OfRoles(ids)), ..) => {
                let roles = many(ids.len() as u64, "role");
                format!("who has {roles} is asked for by the lists of members, a hundred a call")
            }
            (None, Kind::Roles, _) => "who has roles is asked for by the lists of members, or \
                                       user by user where these are fewer calls"
                .to_owned(),
            (None, Kind::Permissions, users) => {
                let calls =
                    users.map_or_else(String::new, |users| format!(": {}", many(users, "call")));
                format!(
                    "no list of a tenant says who holds a permission, so each user is asked{calls}, \
                     as fast as the tenant allows"
                )
            }
        }
    }

    fn request(&self) -> Result<ExportRequest, Failure> {
        let object = object(match self.kind {
            Kind::Permissions => PERMISSIONS,
            Kind::Roles => ROLES,
        })?;
        let query = match &self.of {
            Some(of) => ExportQuery::Holdings { object, of: of.clone() },
            None => ExportQuery::Object { object, fields: Vec::new(), filter: None },
        };
        Ok(ExportRequest { query, all: false })
    }

    fn hand(
        &self,
        cells: &[&str],
        each: &mut impl FnMut(&Holding<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let cell = |at: usize| cells.get(at).copied().unwrap_or_default();
        let (item, direct, roles) = match self.kind {
            Kind::Permissions => (Item::permission(cell(2), cell(3)), cell(4) == "true", cell(5)),
            Kind::Roles => (Item::role(cell(2), cell(3)), true, ""),
        };
        each(&Holding { user_id: cell(0), email: cell(1), item, direct, roles })
    }
}

fn object(name: &str) -> Result<ObjectName, Failure> {
    ObjectName::parse(name).map_err(|error| Failure::new(Blame::Run, error.to_string()))
}

fn many(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", count(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_of_each_question_is_told() {
        let ids = |number: usize| vec!["x".to_owned(); number];
        let told = [
            (Kind::Permissions, None, Some(20_000)),
            (Kind::Permissions, None, None),
            (Kind::Roles, None, Some(20_000)),
            (Kind::Roles, Some(Holders::OfRoles(ids(1))), None),
            (Kind::Permissions, Some(Holders::Users(ids(1_200))), None),
            (Kind::Roles, Some(Holders::Users(ids(1))), None),
        ]
        .map(|(kind, of, users)| Question { kind, of }.cost(users));
        insta::assert_snapshot!(told.join("\n"), @"
        no list of a tenant says who holds a permission, so each user is asked: 20,000 calls, as fast as the tenant allows
        no list of a tenant says who holds a permission, so each user is asked, as fast as the tenant allows
        who has roles is asked for by the lists of members, or user by user where these are fewer calls
        who has 1 role is asked for by the lists of members, a hundred a call
        1,200 users are asked about one by one, a call for the permissions of each
        1 user is asked about one by one, a call for the roles of each
        ");
    }
}
