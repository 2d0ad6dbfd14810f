//! The closed set of transforms: what each one is told, and whether that can work.

use std::collections::BTreeMap;

use jiff::civil::DateTime;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::{Offset, TimeZone};

/// The names of all transforms, as they are written.
pub const TRANSFORM_NAMES: [&str; 17] = [
    "trim",
    "collapse_spaces",
    "upper",
    "lower",
    "digits",
    "null_if",
    "default",
    "prefix",
    "suffix",
    "replace",
    "truncate",
    "values",
    "date",
    "datetime",
    "number",
    "boolean",
    "id18",
];

/// One change to a value.
///
/// An empty value stays empty through all of them but `default`, and `values` if it lists the empty
/// text. `#N/A`, the far side's word for "clear this field", is left alone by all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transform {
    /// Takes white space (any of Unicode) off both ends.
    Trim,
    /// Makes one space of each run of white space, and trims.
    CollapseSpaces,
    Upper,
    Lower,
    /// Keeps the digits 0 to 9 and drops the rest.
    Digits,
    /// Makes these values empty.
    NullIf(Vec<String>),
    /// Stands in for an empty value.
    Default(String),
    Prefix(String),
    Suffix(String),
    Replace {
        from: String,
        to: String,
    },
    /// Keeps the first characters, so many at most.
    Truncate(usize),
    /// Replaces whole values.
    Values {
        list: BTreeMap<String, String>,
        otherwise: Otherwise,
    },
    /// To `yyyy-MM-dd`.
    Date(DateFormat),
    /// To `yyyy-MM-ddTHH:mm:ss.SSSZ`.
    DateTime(DateTimeFormat),
    /// To plain digits with a point.
    Number(NumberForm),
    /// To `true` or `false`.
    Boolean(BooleanWords),
    /// To the 18-character id.
    Id18,
}

/// What becomes of a value that `values` does not list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Otherwise {
    /// The row is rejected.
    Error,
    Keep,
    Value(String),
}

/// A strptime format that is known to hold a whole date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateFormat(String);

/// A strptime format that is known to hold a whole date, and how its time is placed on the globe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateTimeFormat {
    format: String,
    /// `None` when the text itself carries an offset.
    zone: Option<TimeZone>,
    /// The zone as it was written.
    zone_name: Option<String>,
}

/// Why a text is no moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoMoment {
    /// It is not written in the format.
    Form,
    /// The clocks of the zone never showed it, or showed it twice.
    Clocks,
}

/// How a number is written; each sign is one character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberForm {
    pub decimal: char,
    pub group: Option<char>,
}

/// The words for yes and no, compared without case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BooleanWords {
    pub yes: Vec<String>,
    pub no: Vec<String>,
}

impl Default for BooleanWords {
    /// Data Loader's list, so files that it took are taken here.
    fn default() -> Self {
        let list = |words: [&str; 5]| words.map(str::to_owned).to_vec();
        Self {
            yes: list(["true", "yes", "y", "on", "1"]),
            no: list(["false", "no", "n", "off", "0"]),
        }
    }
}

/// A moment that tells day from month, and hour from minute and second.
const SAMPLE: DateTime = jiff::civil::datetime(2026, 11, 22, 13, 14, 15, 0);

impl DateFormat {
    /// Checks a format by writing a date with it and reading that back.
    pub fn new(format: &str) -> Result<Self, String> {
        let written = jiff::fmt::strtime::format(format, SAMPLE.date());
        let read = written.map_err(|error| error.to_string())?;
        let parsed = BrokenDownTime::parse(format, &read).and_then(|broken| broken.to_date());
        match parsed {
            Ok(date) if date == SAMPLE.date() => Ok(Self(format.to_owned())),
            _ => Err(format!("the format `{format}` does not hold a whole date")),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads a date that is written in this format.
    pub fn read(&self, text: &str) -> Option<jiff::civil::Date> {
        BrokenDownTime::parse(&self.0, text).ok()?.to_date().ok()
    }
}

impl DateTimeFormat {
    /// Checks a format and its zone; exactly one of them must say where on the globe it is.
    ///
    /// A zone is `UTC`, an offset such as `+02:00`, a name such as `Europe/Berlin` if this machine
    /// has a time zone database, or a POSIX rule such as `CET-1CEST,M3.5.0,M10.5.0/3`.
    pub fn new(format: &str, zone: Option<&str>) -> Result<Self, String> {
        let sample = SAMPLE.to_zoned(TimeZone::UTC).map_err(|error| error.to_string())?;
        let written = jiff::fmt::strtime::format(format, &sample);
        let read = written.map_err(|error| error.to_string())?;
        let broken = BrokenDownTime::parse(format, &read).map_err(|error| error.to_string())?;
        let (has_offset, back) = match broken.timestamp() {
            Some(moment) => (true, Ok(Offset::UTC.to_datetime(moment))),
            None => (broken.offset().is_some(), broken.to_datetime()),
        };
        let whole = back.is_ok_and(|back| {
            back.date() == SAMPLE.date() && (back.hour() == 13 || back.hour() == 0)
        });
        if !whole {
            return Err(format!("the format `{format}` does not hold a whole date and hour"));
        }
        match (has_offset, zone) {
            (true, None) => Ok(Self { format: format.to_owned(), zone: None, zone_name: None }),
            (false, Some(zone)) => {
                let zone_name = Some(zone.to_owned());
                let zone = Some(zone_named(zone)?);
                Ok(Self { format: format.to_owned(), zone, zone_name })
            }
            (true, Some(_)) => {
                Err(format!("the format `{format}` has an offset already, so `zone` has no use"))
            }
            (false, None) => {
                Err(format!("the format `{format}` has no offset, so `zone` must say where it is"))
            }
        }
    }

    pub fn as_str(&self) -> &str {
        &self.format
    }

    /// The zone as it was written; `None` when the text itself carries an offset.
    pub fn zone_name(&self) -> Option<&str> {
        self.zone_name.as_deref()
    }

    /// Reads a moment.
    ///
    /// A local time that the clocks skip or show twice is an error: a guess could be an hour off.
    pub fn read(&self, text: &str) -> Result<jiff::Timestamp, NoMoment> {
        let broken = BrokenDownTime::parse(&self.format, text).map_err(|_| NoMoment::Form)?;
        let Some(zone) = &self.zone else {
            return broken.to_timestamp().map_err(|_| NoMoment::Form);
        };
        let local = broken.to_datetime().map_err(|_| NoMoment::Form)?;
        let ambiguous = zone.to_ambiguous_timestamp(local);
        ambiguous.unambiguous().map_err(|_| NoMoment::Clocks)
    }
}

fn zone_named(name: &str) -> Result<TimeZone, String> {
    if name.eq_ignore_ascii_case("UTC") || name == "Z" {
        return Ok(TimeZone::UTC);
    }
    if let Some(offset) = offset_named(name) {
        return Ok(TimeZone::fixed(offset));
    }
    let known = TimeZone::get(name).ok();
    let rule = || name.contains(',').then(|| TimeZone::posix(name).ok()).flatten();
    known.or_else(rule).ok_or_else(|| {
        format!(
            "`{name}` is no time zone that this machine knows: give `UTC`, an offset such as \
             `+02:00`, or a POSIX rule such as `CET-1CEST,M3.5.0,M10.5.0/3`"
        )
    })
}

/// Reads `+02:00` or `-0330`.
fn offset_named(name: &str) -> Option<Offset> {
    let broken = BrokenDownTime::parse("%:z", name);
    broken.or_else(|_| BrokenDownTime::parse("%z", name)).ok()?.offset()
}
