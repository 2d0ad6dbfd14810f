//! The words in which the field lists are written.

/// The type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Id,
    Reference,
    Text,
    TextArea,
    Email,
    Phone,
    Url,
    Picklist,
    /// Several values of a picklist, with `;` between them.
    MultiPicklist,
    Boolean,
    Int,
    Double,
    Currency,
    Percent,
    Date,
    DateTime,
    /// A time of the day.
    Time,
    /// An address, a location: put together from other fields, and never a value of its own.
    Compound,
}

impl Kind {
    pub fn is_decimal(self) -> bool {
        matches!(self, Self::Double | Self::Currency | Self::Percent)
    }

    pub fn is_text(self) -> bool {
        matches!(
            self,
            Self::Text
                | Self::TextArea
                | Self::Email
                | Self::Phone
                | Self::Url
                | Self::Picklist
                | Self::MultiPicklist
        )
    }

    /// `type` in a describe.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Reference => "reference",
            Self::Text => "string",
            Self::TextArea => "textarea",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Url => "url",
            Self::Picklist => "picklist",
            Self::MultiPicklist => "multipicklist",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Double => "double",
            Self::Currency => "currency",
            Self::Percent => "percent",
            Self::Date => "date",
            Self::DateTime => "datetime",
            Self::Time => "time",
            Self::Compound => "address",
        }
    }

    /// `soapType` in a describe, also the name of the type in row errors.
    pub fn soap_type(self) -> &'static str {
        match self {
            Self::Id | Self::Reference => "tns:ID",
            Self::Boolean => "xsd:boolean",
            Self::Int => "xsd:int",
            Self::Double | Self::Currency | Self::Percent => "xsd:double",
            Self::Date => "xsd:date",
            Self::DateTime => "xsd:dateTime",
            Self::Time => "xsd:time",
            _ => "xsd:string",
        }
    }
}

/// One field.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub name: &'static str,
    pub label: &'static str,
    pub kind: Kind,
    /// Characters of a text.
    pub length: u32,
    /// Digits of an int.
    pub digits: u32,
    /// All digits, and those after the point, of a decimal.
    pub precision: u32,
    pub scale: u32,
    pub createable: bool,
    pub updateable: bool,
    pub nillable: bool,
    pub auto_number: bool,
    pub external_id: bool,
    pub id_lookup: bool,
    pub unique: bool,
    pub case_sensitive: bool,
    pub restricted: bool,
    pub name_field: bool,
    pub defaulted: bool,
    /// As it would be sent.
    pub default: Option<&'static str>,
    pub picklist: &'static [&'static str],
    pub refers_to: &'static [&'static str],
    pub relationship: &'static str,
    pub cascade_delete: bool,
    /// The compound field that it is a part of.
    pub part_of: &'static str,
}

pub(super) const fn field(
    name: &'static str,
    label: &'static str,
    kind: Kind,
    length: u32,
) -> Field {
    Field {
        name,
        label,
        kind,
        length,
        digits: 0,
        precision: 0,
        scale: 0,
        createable: true,
        updateable: true,
        nillable: true,
        auto_number: false,
        external_id: false,
        id_lookup: false,
        unique: false,
        case_sensitive: false,
        restricted: false,
        name_field: false,
        defaulted: false,
        default: None,
        picklist: &[],
        refers_to: &[],
        relationship: "",
        cascade_delete: false,
        part_of: "",
    }
}

pub(super) const fn text(name: &'static str, label: &'static str, length: u32) -> Field {
    field(name, label, Kind::Text, length)
}

pub(super) const fn area(name: &'static str, label: &'static str, length: u32) -> Field {
    field(name, label, Kind::TextArea, length)
}

pub(super) const fn email(name: &'static str, label: &'static str) -> Field {
    field(name, label, Kind::Email, 80)
}

pub(super) const fn phone(name: &'static str, label: &'static str) -> Field {
    field(name, label, Kind::Phone, 40)
}

pub(super) const fn url(name: &'static str, label: &'static str) -> Field {
    field(name, label, Kind::Url, 255)
}

pub(super) const fn pick(
    name: &'static str,
    label: &'static str,
    picklist: &'static [&'static str],
) -> Field {
    Field { picklist, ..field(name, label, Kind::Picklist, 255) }
}

pub(super) const fn flag(name: &'static str, label: &'static str) -> Field {
    Field { nillable: false, ..field(name, label, Kind::Boolean, 0).or("false") }
}

pub(super) const fn int(name: &'static str, label: &'static str, digits: u32) -> Field {
    Field { digits, ..field(name, label, Kind::Int, 0) }
}

pub(super) const fn decimal(
    name: &'static str,
    label: &'static str,
    kind: Kind,
    (precision, scale): (u32, u32),
) -> Field {
    Field { precision, scale, ..field(name, label, kind, 0) }
}

pub(super) const fn date(name: &'static str, label: &'static str) -> Field {
    field(name, label, Kind::Date, 0)
}

pub(super) const fn datetime(name: &'static str, label: &'static str) -> Field {
    field(name, label, Kind::DateTime, 0)
}

pub(super) const fn lookup(
    name: &'static str,
    label: &'static str,
    refers_to: &'static [&'static str],
    relationship: &'static str,
) -> Field {
    Field { refers_to, relationship, ..field(name, label, Kind::Reference, 18) }
}

impl Field {
    pub(super) const fn required(self) -> Self {
        Self { nillable: false, ..self }
    }
    pub(super) const fn or(self, default: &'static str) -> Self {
        Self { default: Some(default), defaulted: true, ..self }
    }
    /// Filled by the service when left out, with something that is no constant.
    pub(super) const fn filled(self) -> Self {
        Self { defaulted: true, nillable: false, ..self }
    }
    pub(super) const fn read_only(self) -> Self {
        Self { createable: false, updateable: false, ..self }
    }
    pub(super) const fn create_only(self) -> Self {
        Self { updateable: false, ..self }
    }
    pub(super) const fn update_only(self) -> Self {
        Self { createable: false, ..self }
    }
    pub(super) const fn counted(self) -> Self {
        Self { auto_number: true, ..self.filled().read_only() }
    }
    pub(super) const fn external_id(self) -> Self {
        Self { external_id: true, id_lookup: true, unique: true, ..self }
    }
    pub(super) const fn id_lookup(self) -> Self {
        Self { id_lookup: true, ..self }
    }
    pub(super) const fn unique(self) -> Self {
        Self { unique: true, id_lookup: true, ..self }
    }
    pub(super) const fn restricted(self) -> Self {
        Self { restricted: true, ..self }
    }
    pub(super) const fn named(self) -> Self {
        Self { name_field: true, ..self }
    }
    pub(super) const fn part_of(self, part_of: &'static str) -> Self {
        Self { part_of, ..self }
    }

    pub fn is_custom(&self) -> bool {
        self.name.ends_with("__c")
    }

    /// More than one object may stand here.
    pub fn polymorphic(&self) -> bool {
        self.refers_to.len() > 1
    }

    /// Whether an insert must supply it.
    pub fn must_be_sent(&self) -> bool {
        !self.nillable && !self.defaulted && self.createable
    }

    /// Whether an upsert or a relationship column may find records by it.
    pub fn is_key(&self) -> bool {
        self.external_id || self.id_lookup
    }
}

pub(super) const fn record_id(label: &'static str) -> Field {
    Field {
        nillable: false,
        defaulted: true,
        id_lookup: true,
        ..field("Id", label, Kind::Id, 18).read_only()
    }
}

pub(super) const CREATED_AND_MODIFIED: [Field; 4] = [
    datetime("CreatedDate", "Created Date").filled().read_only(),
    lookup("CreatedById", "Created By ID", &["User"], "CreatedBy").filled().read_only(),
    datetime("LastModifiedDate", "Last Modified Date").filled().read_only(),
    lookup("LastModifiedById", "Last Modified By ID", &["User"], "LastModifiedBy")
        .filled()
        .read_only(),
];

pub(super) const MODSTAMP: Field =
    datetime("SystemModstamp", "System Modstamp").filled().read_only();

pub(super) const IS_DELETED: Field = flag("IsDeleted", "Deleted").read_only();
