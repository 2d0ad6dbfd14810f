//! The objects of the practice org and their fields, as a loader needs to know them.
//!
//! Names, types, lengths and flags follow the vendor's object reference; objects with hundreds of
//! fields are cut down to those that loads touch.

mod access;
mod catalog;
mod describe;
mod field;
mod read;
mod sales;

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

pub use catalog::Catalog;
pub use field::{Field, Kind};
pub use read::{Unreadable, merged};

/// What can be done with an object, and what it is called.
#[derive(Debug)]
pub struct Definition {
    pub name: &'static str,
    pub label: &'static str,
    pub plural: &'static str,
    pub prefix: &'static str,
    pub verbs: Verbs,
    pub stamps: Stamps,
    pub fields: &'static [Field],
}

/// Which changes an object takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbs {
    /// Only read.
    None,
    /// Updated, neither made nor deleted.
    Update,
    /// Made and updated, never deleted.
    InsertUpdate,
    /// All, and a delete is for good.
    Hard,
    /// All, and a delete goes to the recycle bin.
    Soft,
}

/// Which system fields an object has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamps {
    /// `SystemModstamp` only.
    Modstamp,
    /// Created, modified and `SystemModstamp`.
    Full,
}

/// An object with all its fields.
#[derive(Debug)]
pub struct Object {
    /// The number of its catalog, and its place there.
    catalog: u16,
    pub index: u16,
    pub definition: &'static Definition,
    /// `Id` first, then the system fields, then its own.
    pub fields: Vec<Field>,
    by_name: HashMap<String, usize>,
    by_relationship: HashMap<String, usize>,
    /// The describe that it was read from, if it is not one of our own.
    sent: Option<Arc<Value>>,
}

impl Object {
    pub fn name(&self) -> &'static str {
        self.definition.name
    }

    /// The objects that it stands among.
    pub fn catalog(&self) -> &'static Catalog {
        Catalog::of_number(self.catalog)
    }

    pub fn prefix(&self) -> &'static str {
        self.definition.prefix
    }

    pub fn soft_deletes(&self) -> bool {
        self.definition.verbs == Verbs::Soft
    }

    pub fn can_insert(&self) -> bool {
        !matches!(self.definition.verbs, Verbs::None | Verbs::Update)
    }

    pub fn can_update(&self) -> bool {
        self.definition.verbs != Verbs::None
    }

    pub fn can_delete(&self) -> bool {
        matches!(self.definition.verbs, Verbs::Hard | Verbs::Soft)
    }

    /// Place of the field of that name, case ignored.
    pub fn position(&self, name: &str) -> Option<usize> {
        if let Some(position) = self.by_name.get(name) {
            return Some(*position);
        }
        self.fields.iter().position(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// Place of the reference behind a relationship name such as `Account` or `Account__r`.
    pub fn relationship(&self, name: &str) -> Option<usize> {
        if let Some(position) = self.by_relationship.get(name) {
            return Some(*position);
        }
        self.fields.iter().position(|field| {
            !field.relationship.is_empty() && field.relationship.eq_ignore_ascii_case(name)
        })
    }
}

/// All built-in objects, in the order of their names.
#[cfg(test)]
pub fn all() -> &'static [Object] {
    Catalog::built_in().all()
}

/// The built-in object of that name, case ignored.
#[cfg(test)]
pub fn find(name: &str) -> Option<&'static Object> {
    Catalog::built_in().find(name)
}

fn build(
    (catalog, index): (u16, usize),
    definition: &'static Definition,
    fields: Vec<Field>,
    sent: Option<Arc<Value>>,
) -> Object {
    let names = fields.iter().enumerate();
    let by_name = names.clone().map(|(place, field)| (field.name.to_owned(), place)).collect();
    let by_relationship = names
        .filter(|(_, field)| !field.relationship.is_empty())
        .map(|(place, field)| (field.relationship.to_owned(), place))
        .collect();
    let index = u16::try_from(index).unwrap_or(u16::MAX);
    Object { catalog, index, definition, fields, by_name, by_relationship, sent }
}

/// `Id`, the system fields and its own.
fn fields_of(definition: &Definition) -> Vec<Field> {
    let mut fields = vec![field::record_id(definition.label)];
    if definition.stamps == Stamps::Full {
        fields.extend(field::CREATED_AND_MODIFIED);
    }
    fields.push(field::MODSTAMP);
    if definition.verbs == Verbs::Soft {
        fields.push(field::IS_DELETED);
    }
    fields.extend_from_slice(definition.fields);
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_object_is_whole() {
        let mut prefixes = HashSet::new();
        for object in all() {
            assert_eq!(object.prefix().len(), 3, "{}", object.name());
            assert!(prefixes.insert(object.prefix()), "{} shares a prefix", object.name());
            let mut names = HashSet::new();
            for field in &object.fields {
                assert!(names.insert(field.name), "{}.{} is twice", object.name(), field.name);
                assert_eq!(field.kind == Kind::Reference, !field.refers_to.is_empty());
                assert!(!field.restricted || !field.picklist.is_empty(), "{}", field.name);
            }
            let name_fields = object.fields.iter().filter(|field| field.name_field).count();
            assert!(name_fields <= 1, "{}", object.name());
        }
    }

    #[test]
    fn names_are_found_in_any_case() {
        let object = find("permissionsetassignment").unwrap();
        assert_eq!(object.name(), "PermissionSetAssignment");
        assert_eq!(object.position("ASSIGNEEID"), object.position("AssigneeId"));
        assert_eq!(object.relationship("assignee"), object.position("AssigneeId"));
        assert_eq!(Catalog::built_in().of_prefix(b"0PS").unwrap().name(), "PermissionSet");
        assert!(find("Accout").is_none());
    }
}
