//! Objects and fields as an org describes them.

use std::collections::BTreeMap;

use super::operation::Operation;

/// The type of a field, as a loader needs to tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldKind {
    Id,
    Reference,
    String,
    Textarea,
    Email,
    Phone,
    Url,
    Picklist,
    MultiPicklist,
    Combobox,
    EncryptedString,
    Boolean,
    Int,
    Double,
    Currency,
    Percent,
    Date,
    DateTime,
    Time,
    Base64,
    /// Anything else (address, location, complexvalue, anyType and what the future brings).
    Other,
}

impl FieldKind {
    /// Whether the far side keeps the characters as they are, so that results can be matched on it.
    pub fn is_text(self) -> bool {
        matches!(
            self,
            Self::Id
                | Self::Reference
                | Self::String
                | Self::Textarea
                | Self::Email
                | Self::Phone
                | Self::Url
                | Self::Picklist
                | Self::Combobox
                | Self::EncryptedString
        )
    }

    pub fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Currency | Self::Percent)
    }
}

/// One value of a picklist.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PicklistValue {
    pub value: String,
    pub label: String,
    pub active: bool,
}

/// A field of an object.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FieldSchema {
    pub name: String,
    pub label: String,
    pub kind: FieldKind,
    /// The far side's own word for the type, such as `multipicklist`.
    pub type_name: String,
    /// Characters, for text; 0 where it has no meaning.
    pub length: u32,
    /// Digits of an int; 0 where it has no meaning.
    pub digits: u32,
    /// All digits, and those after the point, of a number.
    pub precision: u32,
    pub scale: u32,
    pub createable: bool,
    pub updateable: bool,
    pub nillable: bool,
    pub defaulted_on_create: bool,
    pub calculated: bool,
    pub auto_number: bool,
    /// The text is HTML.
    #[serde(default)]
    pub html: bool,
    pub external_id: bool,
    pub id_lookup: bool,
    pub unique: bool,
    pub case_sensitive: bool,
    pub restricted_picklist: bool,
    pub picklist: Vec<PicklistValue>,
    /// Objects that a reference may point to.
    pub reference_to: Vec<String>,
    pub relationship_name: Option<String>,
    pub polymorphic: bool,
}

impl FieldSchema {
    /// Whether an insert must supply it.
    pub fn is_required(&self) -> bool {
        !self.nillable && !self.defaulted_on_create && self.createable
    }

    /// Whether an upsert or a relationship column may use it as a key.
    pub fn is_key(&self) -> bool {
        self.external_id || self.id_lookup || self.kind == FieldKind::Id
    }
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ObjectSchema {
    pub name: String,
    pub label: String,
    pub key_prefix: Option<String>,
    pub createable: bool,
    pub updateable: bool,
    pub deletable: bool,
    pub undeletable: bool,
    pub queryable: bool,
    pub custom: bool,
    /// Whether a delete names what it deletes by a row of fields, as an insert does, and not by a
    /// record id.
    #[serde(default)]
    pub deleted_by_row: bool,
    /// Empty in a list of objects; filled by a describe.
    pub fields: Vec<FieldSchema>,
}

impl ObjectSchema {
    /// The field of that API name, case ignored.
    pub fn field(&self, name: &str) -> Option<&FieldSchema> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }

    /// Whether every row of the operation must carry the Id of an existing record.
    pub fn needs_id(&self, operation: Operation) -> bool {
        let by_row = self.deleted_by_row && operation == Operation::Delete;
        operation.needs_id() && !by_row
    }

    /// Whether the operation carries the Id and nothing else.
    pub fn sends_only_id(&self, operation: Operation) -> bool {
        operation.sends_only_id() && self.needs_id(operation)
    }

    /// Whether the operation must carry all that a record needs.
    pub fn sends_whole_rows(&self, operation: Operation) -> bool {
        operation == Operation::Insert
            || operation == Operation::Delete && !self.needs_id(operation)
    }

    /// The reference field behind a relationship name such as `Assignee` or `Parent__r`.
    pub fn relationship(&self, name: &str) -> Option<&FieldSchema> {
        self.fields.iter().find(|field| {
            field.relationship_name.as_deref().is_some_and(|r| r.eq_ignore_ascii_case(name))
        })
    }
}

/// What `validate` needs to know of an org to check a load of one object offline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadSchema {
    pub object: ObjectSchema,
    /// Describes of objects that relationship columns point to, by lower-case name.
    pub related: BTreeMap<String, ObjectSchema>,
    /// Key prefix of every object, by lower-case object name.
    pub key_prefixes: BTreeMap<String, String>,
}

/// Which org this is, as far as a person needs to be told.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OrgFacts {
    pub id: String,
    pub name: String,
    pub user_id: String,
    pub username: String,
    /// `None` when the org would not say.
    pub sandbox: Option<bool>,
    /// Scheme, host and port.
    pub origin: String,
}

/// A column of the body that is sent: what it is called there, where it comes from, and what the
/// org says about it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SentField {
    /// The header cell of the body, such as `AssigneeId`, `Account.Ext__c` or
    /// `User:Owner.Username`.
    pub header: String,
    /// The source column or columns, for messages; `constant` where there is none.
    pub from: String,
    /// The field of the object itself: for a relationship column the reference that it fills.
    pub field: FieldSchema,
    /// For a relationship column: the field of the related object whose value is given.
    pub related: Option<FieldSchema>,
}

impl SentField {
    /// The field whose type the values have.
    pub fn value_field(&self) -> &FieldSchema {
        self.related.as_ref().unwrap_or(&self.field)
    }
}
