//! From the names in a query to fields.

use super::lex::Token;
use super::pointed;
use crate::practice::objects::Object;
use crate::practice::org::SoqlError;
use crate::practice::store::{Rid, Slot, Store};

/// The most relationships in one path, as the service has it.
const FARTHEST: usize = 5;

/// A field, and the way to it.
#[derive(Debug, Clone)]
pub struct Bound {
    /// In canonical spelling, such as `Assignee.Username`.
    pub name: String,
    /// The references to follow.
    hops: Vec<Step>,
    pub(super) object: &'static Object,
    pub(super) place: usize,
}

impl Bound {
    /// Null when a reference on the way is.
    pub fn get<'s>(&self, store: &'s Store, record: Rid) -> Slot<'s> {
        let mut record = record;
        for hop in &self.hops {
            match hop.of(store, record) {
                Slot::Ref(next) => record = next,
                _ => return Slot::Null,
            }
        }
        Step { object: self.object, place: self.place }.of(store, record)
    }
}

/// A field of an object.
#[derive(Debug, Clone, Copy)]
struct Step {
    object: &'static Object,
    place: usize,
}

impl Step {
    /// Where several objects can stand behind a reference, the record may be of another one than
    /// was thought: then its field of the same name counts, if it has one.
    fn of<'s>(&self, store: &'s Store, record: Rid) -> Slot<'s> {
        let there = record.object();
        if there.index == self.object.index {
            return store.get(record, self.place);
        }
        let same = there.position(self.object.fields[self.place].name);
        same.map_or(Slot::Null, |place| store.get(record, place))
    }
}

pub(super) struct Names<'a> {
    pub object: &'static Object,
    pub alias: Option<&'a str>,
    pub soql: &'a str,
}

impl Names<'_> {
    pub(super) fn bind(&self, token: &Token) -> Result<Bound, SoqlError> {
        let mut parts: Vec<&str> = token.text.split('.').collect();
        let itself = |part: &str| {
            part.eq_ignore_ascii_case(self.object.name())
                || self.alias.is_some_and(|alias| alias.eq_ignore_ascii_case(part))
        };
        if parts.len() > 1 && itself(parts[0]) && self.object.relationship(parts[0]).is_none() {
            parts.remove(0);
        }
        let last = parts.pop().unwrap_or_default();
        let (mut object, mut hops, mut name) = (self.object, Vec::new(), String::new());
        for (nth, part) in parts.iter().enumerate() {
            let place = object.relationship(part).filter(|_| hops.len() < FARTHEST);
            let place = place.ok_or_else(|| self.no_relationship(token, part))?;
            hops.push(Step { object, place });
            let field = &object.fields[place];
            let after = parts.get(nth + 1);
            let has = |next: &&'static Object| match after {
                Some(relationship) => next.relationship(relationship).is_some(),
                None => next.position(last).is_some(),
            };
            let next =
                || field.refers_to.iter().rev().filter_map(|name| object.catalog().find(name));
            let found = next().find(has).or_else(|| next().next());
            object = found.ok_or_else(|| self.no_relationship(token, part))?;
            name = format!("{name}{}.", field.relationship);
        }
        let place = object.position(last).ok_or_else(|| self.no_column(token, object, last))?;
        name.push_str(object.fields[place].name);
        Ok(Bound { name, hops, object, place })
    }

    fn no_column(&self, token: &Token, object: &Object, column: &str) -> SoqlError {
        let message = format!(
            "No such column '{column}' on entity '{}'. If you are attempting to use a custom \
             field, be sure to append the '__c' after the custom field name. Please reference your \
             WSDL or the describe call for the appropriate names.",
            object.name()
        );
        pointed("INVALID_FIELD", self.soql, token.at, &message)
    }

    fn no_relationship(&self, token: &Token, part: &str) -> SoqlError {
        let message = format!(
            "Didn't understand relationship '{part}' in field path. If you are attempting to use a \
             custom relationship, be sure to append the '__r' after the custom relationship name. \
             Please reference your WSDL or the describe call for the appropriate names."
        );
        pointed("INVALID_FIELD", self.soql, token.at, &message)
    }
}
