//! The conversions that may damage data: off by default, each with a name to allow it by.

use crate::model::wording::{nearest, shown};

/// The key that allows some of them, in any place where Data Loader's keys may stand; names are
/// separated by commas. Data Loader passes over keys that it does not know.
pub const ALLOW_KEY: &str = "longshore.allow";

/// A conversion of Data Loader that rejects the row here, unless it is allowed by name.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Switch {
    ShortYears,
    BareNumbers,
    UsDates,
    ShortFractions,
    RepeatedHours,
    ZoneNames,
    DateShifts,
    IntPrefix,
    IntFraction,
    IntGroups,
    IntOverflow,
    JavaDoubles,
    NaClears,
    Truncate,
}

/// Not the name of a switch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is none of the conversions that can be allowed", shown(name.as_bytes()))]
pub struct UnknownSwitch {
    pub name: String,
    pub near: Option<&'static str>,
}

/// What a switch is about, for the reference page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct About {
    /// The type of the fields.
    pub fields: &'static str,
    /// A cell, and what Data Loader makes of it.
    pub cell: &'static str,
    pub becomes: &'static str,
    /// Why it is refused.
    pub danger: &'static str,
}

impl Switch {
    pub const ALL: [Self; 14] = [
        Self::ShortYears,
        Self::BareNumbers,
        Self::UsDates,
        Self::ShortFractions,
        Self::RepeatedHours,
        Self::ZoneNames,
        Self::DateShifts,
        Self::IntPrefix,
        Self::IntFraction,
        Self::IntGroups,
        Self::IntOverflow,
        Self::JavaDoubles,
        Self::NaClears,
        Self::Truncate,
    ];

    /// The word of [`ALLOW_KEY`].
    pub fn name(self) -> &'static str {
        match self {
            Self::ShortYears => "short-years",
            Self::BareNumbers => "bare-numbers",
            Self::UsDates => "us-dates",
            Self::ShortFractions => "short-fractions",
            Self::RepeatedHours => "repeated-hours",
            Self::ZoneNames => "zone-names",
            Self::DateShifts => "date-shifts",
            Self::IntPrefix => "int-prefix",
            Self::IntFraction => "int-fraction",
            Self::IntGroups => "int-groups",
            Self::IntOverflow => "int-overflow",
            Self::JavaDoubles => "java-doubles",
            Self::NaClears => "na-clears",
            Self::Truncate => "truncate",
        }
    }

    /// Reads the value of [`ALLOW_KEY`]: names with commas between them, blanks around them.
    pub fn parse(list: &str) -> Result<std::collections::BTreeSet<Self>, UnknownSwitch> {
        let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(Self::named).collect()
    }

    fn named(name: &str) -> Result<Self, UnknownSwitch> {
        let found = Self::ALL.into_iter().find(|switch| switch.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| UnknownSwitch {
            name: name.to_owned(),
            near: nearest(name, Self::ALL.map(Self::name)),
        })
    }

    pub fn about(self) -> About {
        match self {
            Self::ShortYears => About {
                fields: "date, date-time",
                cell: "3/9/24",
                becomes: "0024-03-09",
                danger: "the year 24 is not the year 2024",
            },
            Self::BareNumbers => About {
                fields: "date, date-time",
                cell: "2024",
                becomes: "2024-01-01",
                danger: "a number alone may be anything: a year, a count, a day of Excel",
            },
            Self::UsDates => About {
                fields: "date, date-time",
                cell: "12/13/2024",
                becomes: "2024-12-13, with European dates",
                danger: "rows of one file are read with the day first or the month first, as it \
                         happens to fit",
            },
            Self::ShortFractions => About {
                fields: "date-time",
                cell: "2024-03-09T10:11:12.3",
                becomes: "2024-03-09T10:11:12.003Z",
                danger: "three tenths of a second become three thousandths",
            },
            Self::RepeatedHours => About {
                fields: "date-time",
                cell: "2024-10-27 02:30, in Europe/Berlin",
                becomes: "2024-10-27T01:30:00.000Z",
                danger: "the clocks showed this time twice; it may be an hour earlier",
            },
            Self::ZoneNames => About {
                fields: "date, date-time",
                cell: "2024-03-09 10:11 CST",
                becomes: "2024-03-09T16:11:00.000Z",
                danger: "the same letters name several zones",
            },
            Self::DateShifts => About {
                fields: "date",
                cell: "2024-03-09T10:11:12+05:30, in America/Los_Angeles",
                becomes: "2024-03-08",
                danger: "the date that is written is not the date that is stored",
            },
            Self::IntPrefix => About {
                fields: "int",
                cell: "12abc",
                becomes: "12",
                danger: "what stands behind the number is lost",
            },
            Self::IntFraction => About {
                fields: "int",
                cell: "3.7",
                becomes: "3",
                danger: "the fraction is lost, and `25.000` may have meant 25,000",
            },
            Self::IntGroups => About {
                fields: "int",
                cell: "3,7",
                becomes: "37",
                danger: "a decimal comma is read as a sign between thousands",
            },
            Self::IntOverflow => About {
                fields: "int",
                cell: "99999999999",
                becomes: "1215752191",
                danger: "a number that does not fit becomes another number",
            },
            Self::JavaDoubles => About {
                fields: "number that is an external id",
                cell: "1d",
                becomes: "1.0",
                danger: "notations of Java are no numbers elsewhere, and digits past the 16th are \
                         lost",
            },
            Self::NaClears => About {
                fields: "text, without a Bulk API",
                cell: "#N/A",
                becomes: "the text `#N/A`",
                danger: "Bulk API 2.0 reads it as: clear the field; allowed, the field is cleared",
            },
            Self::Truncate => About {
                fields: "text",
                cell: "a text longer than the field",
                becomes: "its beginning",
                danger: "the rest is lost without a word",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for switch in Switch::ALL {
            assert_eq!(Switch::parse(switch.name()), Ok([switch].into()), "{switch:?}");
            let json = serde_json::to_value(switch).unwrap();
            assert_eq!(json, switch.name(), "{switch:?}");
        }
        let two = Switch::parse(" Int-Prefix ,, short-years,").unwrap();
        assert_eq!(two, [Switch::IntPrefix, Switch::ShortYears].into());
        assert!(Switch::parse("").unwrap().is_empty());
    }

    #[test]
    fn a_name_that_is_none_is_refused_with_the_nearest() {
        let error = Switch::parse("int-prefix, short-year").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`short-year` is none of the conversions that can be allowed"
        );
        assert_eq!(error.near, Some("short-years"));
    }
}
