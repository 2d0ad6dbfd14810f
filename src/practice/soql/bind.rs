//! From the names in a query to fields.

use super::lex::Token;
use super::pointed;
use crate::practice::objects::{self, Object};
use crate::practice::org::SoqlError;
use crate::practice::store::{Rid, Slot, Store};

/// The most relationships in one path, as the service has it.
const FARTHEST: usize = 5;

/// A field, and the way to it.
#[derive(Debug, Clone)]
pub struct Bound {
    /// In canonical spelling, such as `Assignee.Username`.
    pub name: String,
    /// Places of the references to follow.
    hops: Vec<usize>,
    pub(super) object: &'static Object,
    pub(super) place: usize,
}

impl Bound {
    /// Null when a reference on the way is.
    pub fn get<'s>(&self, store: &'s Store, record: Rid) -> Slot<'s> {
        let mut record = record;
        for hop in &self.hops {
            match store.get(record, *hop) {
                Slot::Ref(next) => record = next,
                _ => return Slot::Null,
            }
        }
        store.get(record, self.place)
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
        for part in parts {
            let hop = object.relationship(part).filter(|_| hops.len() < FARTHEST);
            let hop = hop.ok_or_else(|| self.no_relationship(token, part))?;
            let field = &object.fields[hop];
            let next = field.refers_to.iter().rev().find_map(|name| objects::find(name));
            object = next.ok_or_else(|| self.no_relationship(token, part))?;
            hops.push(hop);
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
