//! How Data Loader turns the cells of a file into values, as far as its settings decide it.
//!
//! The rules themselves are carried out at the map stage, by the described type of each field;
//! `docs/reference/data-loader-conversions.md` lists them. Source of all facts: the Data Loader
//! reference, section 5.

#[cfg(test)]
mod page;
mod switches;
mod zone;

use std::collections::BTreeSet;

pub use switches::{ALLOW_KEY, Switch, UnknownSwitch};
pub use zone::{UnknownZone, name_of_system_zone, zone_named};

/// The conversions of a load, as they stand in its manifest.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Conversions {
    /// Where times without a zone of their own are (`sfdc.timezone`): a name that [`zone_named`]
    /// knows. A folder that names none means [`name_of_system_zone`], found out once, so that a
    /// run that is gone on with elsewhere converts as it began.
    pub zone: String,
    /// `3/9/2024` is in September (`process.useEuropeanDates`).
    pub european_dates: bool,
    /// Dates without a time are those of GMT (`datefield.usegmt`).
    pub gmt_dates: bool,
    /// An empty cell clears its field (`sfdc.insertNulls`). Without effect where `bulk` is set, as
    /// there; `LoadPlan::nulls` stays as it is.
    pub insert_nulls: bool,
    /// The folder asks for a Bulk API (`sfdc.useBulkApi`, `sfdc.useBulkV2Api`): `#N/A` clears a
    /// field, and is no text.
    pub bulk: bool,
    /// White space is taken off keys (`sfdc.load.removeLeadingTrailingWhitepaceInIdLookupField`).
    pub trim_keys: bool,
    /// Line breaks and blanks of rich text become HTML (`sfdc.load.preserveWhitespaceInRichText`).
    pub keep_rich_text_space: bool,
    /// Ten digits become `(ddd) ddd-dddd` (`sfdc.formatPhoneFields`, for users of the United States
    /// and Canada).
    pub format_phones: bool,
    /// Text that is too long is cut (`sfdc.truncateFields`), where [`Switch::Truncate`] allows it.
    pub truncate: bool,
    /// What is carried out although it may damage data (`longshore.allow`).
    pub allow: BTreeSet<Switch>,
}

impl Default for Conversions {
    /// Data Loader's own defaults, in UTC and with nothing dangerous allowed.
    fn default() -> Self {
        Self {
            zone: "UTC".to_owned(),
            european_dates: false,
            gmt_dates: false,
            insert_nulls: false,
            bulk: false,
            trim_keys: true,
            keep_rich_text_space: true,
            format_phones: false,
            truncate: true,
            allow: BTreeSet::new(),
        }
    }
}

impl Conversions {
    pub fn allows(&self, switch: Switch) -> bool {
        self.allow.contains(&switch)
    }
}
