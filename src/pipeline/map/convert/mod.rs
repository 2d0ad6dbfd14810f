//! Data Loader's conversions: what a cell becomes, by the described type of its field.
//!
//! What it does to the damage of data is refused with the value that it would have made, unless a
//! [`Switch`] allows it. Source of all rules: the Data Loader reference, section 5.

mod moment;
mod number;
mod scan;
mod text;

use std::borrow::Cow;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::CLEAR;
use super::apply::Complaint;
use crate::config::dataloader::conversions::zone_named;
use crate::config::dataloader::conversions::{ALLOW_KEY, Conversions, Switch, UnknownZone};
use crate::model::schema::{FieldKind, SentField};
use crate::model::wording::shown;

/// The code of a row with a value that Data Loader cannot convert, or should not have.
pub const CONVERSION_FAILED: &str = "conversion_failed";

/// The conversion of one field's values.
#[derive(Debug, Clone)]
pub struct Convert {
    to: To,
    settings: Arc<Settings>,
}

/// The settings of a load with what they name at hand.
#[derive(Debug)]
pub struct Settings {
    given: Conversions,
    /// Where times are, and where dates are.
    zone: TimeZone,
    date_zone: TimeZone,
}

/// What a value becomes.
#[derive(Debug, Clone)]
enum To {
    Date,
    DateTime,
    Int,
    /// A number that finds records.
    KeyNumber,
    /// A number that is sent as it is typed.
    Typed,
    Boolean,
    Text(text::Form),
}

impl Settings {
    pub fn new(given: &Conversions) -> Result<Self, UnknownZone> {
        let zone = zone_named(&given.zone)?;
        let date_zone = if given.gmt_dates { TimeZone::UTC } else { zone.clone() };
        Ok(Self { given: given.clone(), zone, date_zone })
    }

    /// Whether an empty cell clears its field.
    pub fn clears(&self) -> bool {
        self.given.insert_nulls && !self.given.bulk
    }
}

impl Convert {
    pub fn of(sent: &SentField, settings: &Arc<Settings>) -> Self {
        let field = sent.value_field();
        let to = match field.kind {
            FieldKind::Date => To::Date,
            FieldKind::DateTime => To::DateTime,
            FieldKind::Int => To::Int,
            FieldKind::Double if field.is_key() => To::KeyNumber,
            FieldKind::Double | FieldKind::Currency | FieldKind::Percent => To::Typed,
            FieldKind::Boolean => To::Boolean,
            _ => To::Text(text::Form::of(sent, &settings.given)),
        };
        Self { to, settings: Arc::clone(settings) }
    }

    /// What is sent for a value; or why its row is rejected.
    ///
    /// An empty value stays empty.
    pub fn apply<'a>(&self, value: Cow<'a, str>) -> Result<Cow<'a, str>, Complaint> {
        if value.is_empty() {
            return Ok(value);
        }
        if value.as_bytes() == CLEAR {
            return self.clear(value);
        }
        let settings = &*self.settings;
        match &self.to {
            To::Date => moment::date(settings, &value).map(Cow::Owned),
            To::DateTime => moment::datetime(settings, &value).map(Cow::Owned),
            To::Int => number::int(settings, &value).map(Cow::Owned),
            To::KeyNumber => number::key(settings, &value).map(Cow::Owned),
            To::Typed => Ok(value),
            To::Boolean => truth(&value).map(Cow::Borrowed),
            To::Text(form) => form.apply(settings, value),
        }
    }

    /// `#N/A`: "clear the field" to a Bulk API, and four letters to the others.
    fn clear<'a>(&self, value: Cow<'a, str>) -> Result<Cow<'a, str>, Complaint> {
        let settings = &*self.settings;
        match (&self.to, settings.given.bulk) {
            (To::Date | To::DateTime | To::Text(_) | To::Typed, true) => Ok(value),
            (To::Text(_), false) if settings.given.allows(Switch::NaClears) => Ok(value),
            (To::Text(_), false) => {
                let name = Switch::NaClears.name();
                let what = "is a text to Data Loader and clears the field in Bulk API 2.0";
                Err(failed(&value, &format!("{what}, which `{ALLOW_KEY}={name}` allows")))
            }
            (To::Date | To::DateTime, false) => Err(failed(&value, "is no date")),
            (To::Boolean, _) => Err(failed(&value, WORDS)),
            (To::Int | To::KeyNumber | To::Typed, _) => Err(failed(&value, "is no number")),
        }
    }
}

impl Settings {
    /// Goes on where the conversion is allowed, or tells what Data Loader would have made: a value
    /// in [quotes](quoted), or other words.
    fn danger(
        &self,
        switch: Switch,
        value: &str,
        what: &str,
        becomes: &str,
    ) -> Result<(), Complaint> {
        if self.given.allows(switch) {
            return Ok(());
        }
        let name = switch.name();
        let what =
            format!("{what}; Data Loader makes {becomes} of it, which `{ALLOW_KEY}={name}` allows");
        Err(failed(value, &what))
    }
}

/// A value in a message.
fn quoted(value: &str) -> String {
    format!("`{}`", shown(value.as_bytes()))
}

/// What is wrong with a value.
fn failed(value: &str, what: &str) -> Complaint {
    (CONVERSION_FAILED, format!("`{}` {what}", shown(value.as_bytes())))
}

const WORDS: &str = "is neither yes (`yes`, `y`, `true`, `on`, `1`) nor no (`no`, `n`, `false`, \
                     `off`, `0`)";

fn truth(value: &str) -> Result<&'static str, Complaint> {
    let word = value.trim().to_ascii_lowercase();
    match &*word {
        "yes" | "y" | "true" | "on" | "1" => Ok("true"),
        "no" | "n" | "false" | "off" | "0" => Ok("false"),
        _ => Err(failed(value, WORDS)),
    }
}

#[cfg(test)]
mod tests;
