//! The policy of a project: limits that no load from this folder may pass, in `longshore.toml`.
//!
//! ```toml
//! [policy]
//! max_rows = 500000
//! max_failed = "5%"
//! max_delete_share = "10%"
//! api_budget = "50%"
//! allowed_orgs = ["00D8c00000Hn2PqEAJ"]
//! change_window = "Fri 18:00-22:00 Europe/Berlin"
//! ```

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

use super::project::{BadProject, Project};
use super::window::Window;

/// What a project allows; nothing is limited where nothing is said.
#[derive(Debug, Clone, Default, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Rows of a load at most.
    pub max_rows: Option<u64>,
    /// Rows in error past which a run is stopped.
    pub max_failed: Option<MaxFailed>,
    /// The part of an object's records that a load may delete at most.
    pub max_delete_share: Option<Share>,
    /// API calls that a command may make.
    pub api_budget: Option<ApiBudget>,
    /// The ids of the orgs that may be loaded into; 15 or 18 characters, or the host of a tenant.
    pub allowed_orgs: Option<Vec<String>>,
    /// When a production org may be loaded into.
    #[serde(default, deserialize_with = "windows")]
    pub change_window: Vec<Window>,
}

impl Policy {
    /// Reads the policy of the project file in `dir`; nothing is limited when there is none.
    pub fn read(dir: &Path) -> Result<Self, BadProject> {
        Project::read(dir).map(|project| project.policy)
    }

    /// What it says, as `name = value` of a project file, in a fixed order.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let quoted = |text: &str| format!("\"{text}\"");
        let list = |items: Vec<String>| match &*items {
            [one] => one.clone(),
            items => format!("[{}]", items.join(", ")),
        };
        let mut lines = Vec::new();
        if let Some(rows) = self.max_rows {
            lines.push(("max_rows", rows.to_string()));
        }
        if let Some(limit) = self.max_failed {
            let text = limit.to_string();
            let number = matches!(limit, MaxFailed::Rows(_));
            lines.push(("max_failed", if number { text } else { quoted(&text) }));
        }
        if let Some(share) = self.max_delete_share {
            lines.push(("max_delete_share", quoted(&share.to_string())));
        }
        if let Some(budget) = self.api_budget {
            let text = budget.to_string();
            let number = matches!(budget, ApiBudget::Calls(_));
            lines.push(("api_budget", if number { text } else { quoted(&text) }));
        }
        if let Some(orgs) = &self.allowed_orgs {
            let ids: Vec<String> =
                orgs.iter().map(|id| quoted(&id.escape_debug().to_string())).collect();
            lines.push(("allowed_orgs", format!("[{}]", ids.join(", "))));
        }
        if !self.change_window.is_empty() {
            let texts = self.change_window.iter().map(|window| quoted(&window.to_string()));
            lines.push(("change_window", list(texts.collect())));
        }
        lines
    }
}

/// A part of a whole, in millionths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share(u32);

const WHOLE: u32 = 1_000_000;

impl Share {
    /// The share of a whole of a million.
    pub fn millionths(self) -> u32 {
        self.0
    }

    /// Whether `part` is more than this share of `whole`.
    pub fn is_passed_by(self, part: u64, whole: u64) -> bool {
        u128::from(part) * u128::from(WHOLE) > u128::from(whole) * u128::from(self.0)
    }

    /// So much of `whole`, rounded down.
    pub fn of(self, whole: u64) -> u64 {
        let part = u128::from(whole) * u128::from(self.0) / u128::from(WHOLE);
        u64::try_from(part).unwrap_or(whole)
    }
}

impl FromStr for Share {
    type Err = String;

    /// Reads `5%` or `0.25%`.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("`{}` is no percentage such as `5%`", text.escape_debug());
        let number = text.strip_suffix('%').ok_or_else(bad)?.trim_end();
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || whole.len() > 3 || part.len() > 4 {
            return Err(bad());
        }
        let percent: u32 = whole.parse().map_err(|_| bad())?;
        let part: u32 = format!("{part:0<4}").parse().map_err(|_| bad())?;
        let share = percent * 10_000 + part;
        if share > WHOLE { Err(bad()) } else { Ok(Self(share)) }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = format!("{:04}", self.0 % 10_000);
        let part = part.trim_end_matches('0');
        let dot = if part.is_empty() { "" } else { "." };
        write!(f, "{}{dot}{part}%", self.0 / 10_000)
    }
}

/// How many rows may be in error before a run is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MaxFailed {
    Rows(u64),
    /// Of the rows whose fate is known.
    Share(Share),
}

impl MaxFailed {
    /// Whether so many rows in error, of so many whose fate is known, are too many.
    pub fn is_passed_by(self, errors: u64, known: u64) -> bool {
        match self {
            Self::Rows(rows) => errors > rows,
            Self::Share(share) => share.is_passed_by(errors, known),
        }
    }
}

impl FromStr for MaxFailed {
    type Err = String;

    /// Reads `100` or `5%`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.ends_with('%') {
            return text.parse().map(Self::Share);
        }
        text.parse().map(Self::Rows).map_err(|_| {
            format!("`{}` is neither a number of rows nor a percentage", text.escape_debug())
        })
    }
}

impl fmt::Display for MaxFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(rows) => write!(f, "{rows}"),
            Self::Share(share) => write!(f, "{share}"),
        }
    }
}

impl Serialize for MaxFailed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Rows(rows) => serializer.serialize_u64(*rows),
            Self::Share(share) => serializer.collect_str(share),
        }
    }
}

impl<'de> Deserialize<'de> for MaxFailed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number_or_share =
            NumberOrShare { of: "rows", number: MaxFailed::Rows, share: MaxFailed::Share };
        deserializer.deserialize_any(number_or_share)
    }
}

/// How many calls of the org's interface may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiBudget {
    Calls(u64),
    /// Of what the org has left when the run begins.
    Share(Share),
}

impl FromStr for ApiBudget {
    type Err = String;

    /// Reads `5000` or `50%`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.ends_with('%') {
            return text.parse().map(Self::Share);
        }
        text.parse().map(Self::Calls).map_err(|_| {
            format!("`{}` is neither a number of calls nor a percentage", text.escape_debug())
        })
    }
}

impl fmt::Display for ApiBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Calls(calls) => write!(f, "{calls}"),
            Self::Share(share) => write!(f, "{share}"),
        }
    }
}

impl Serialize for ApiBudget {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Calls(calls) => serializer.serialize_u64(*calls),
            Self::Share(share) => serializer.collect_str(share),
        }
    }
}

impl<'de> Deserialize<'de> for ApiBudget {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number_or_share =
            NumberOrShare { of: "calls", number: ApiBudget::Calls, share: ApiBudget::Share };
        deserializer.deserialize_any(number_or_share)
    }
}

/// Reads a bound that is a number, or a part of something.
struct NumberOrShare<T> {
    /// What is counted.
    of: &'static str,
    number: fn(u64) -> T,
    share: fn(Share) -> T,
}

impl<T> Visitor<'_> for NumberOrShare<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number of {} or a percentage such as \"5%\"", self.of)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        Ok((self.number)(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        let wrong = |_| E::invalid_value(de::Unexpected::Signed(number), &self);
        u64::try_from(number).map(self.number).map_err(wrong)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map(self.share).map_err(E::custom)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// One window, or a list of them.
fn windows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Window>, D::Error> {
    struct Either;
    impl<'de> Visitor<'de> for Either {
        type Value = Vec<Window>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a window such as \"Fri 18:00-22:00 Europe/Berlin\", or a list of them")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<Window>, E> {
            text.parse().map(|window| vec![window]).map_err(E::custom)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<Window>, A::Error> {
            let mut windows = Vec::new();
            while let Some(text) = items.next_element::<String>()? {
                windows.push(text.parse().map_err(de::Error::custom)?);
            }
            if windows.is_empty() {
                return Err(de::Error::custom("a list without a window never lets a load through"));
            }
            Ok(windows)
        }
    }
    deserializer.deserialize_any(Either)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::project::FILE_NAME;

    fn read(text: &str) -> Result<Policy, String> {
        let project = Project::parse(text, Path::new(FILE_NAME));
        project.map(|project| project.policy).map_err(|error| error.to_string())
    }

    #[test]
    fn a_policy_is_read_whole_and_told_as_it_was_written() {
        let text = "[policy]\nmax_rows = 500000\nmax_failed = \"2.5%\"\n\
            max_delete_share = \"10%\"\napi_budget = \"50%\"\nallowed_orgs = [\"00D8c00000Hn2PqEAJ\"]\n\
            change_window = \"Fri 18:00-22:00 Europe/Berlin\"\n";
        let policy = read(text).unwrap();
        let told: Vec<String> =
            policy.lines().iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
        assert_eq!(format!("[policy]\n{}", told.concat()), text);
        let rows = read("[policy]\nmax_failed = 7\n").unwrap();
        assert_eq!(rows.lines(), [("max_failed", "7".to_owned())]);
        let calls = read("[policy]\napi_budget = 900\n").unwrap();
        assert_eq!(calls.lines(), [("api_budget", "900".to_owned())]);
        assert_eq!(read("").unwrap(), Policy::default());
        assert_eq!(Policy::default().lines(), []);
    }

    #[test]
    fn faults_are_told_with_their_place() {
        let texts = [
            "[policy]\nmax-rows = 4\n",
            "[policy]\nmax_rows = \"many\"\n",
            "[policy]\nmax_rows = -4\n",
            "[policy]\nmax_failed = 5.5\n",
            "[policy]\nmax_failed = -1\n",
            "[policy]\nmax_failed = \"5\"\n",
            "[policy]\nmax_delete_share = \"101%\"\n",
            "[policy]\napi_budget = -1\n",
            "[policy]\napi_budget = \"all\"\n",
            "[policy]\nallowed_orgs = \"00D\"\n",
            "[policy]\nchange_window = []\n",
            "[policy]\nmax_rows = 1\nchange_window = [\"Fri 18:00-22:00\"]\n",
        ];
        let told = texts.map(|text| read(text).unwrap_err().replace("one of ", "one of\n    "));
        insta::assert_snapshot!(told.join("\n"), @r#"
        longshore.toml:2:1: unknown field `max-rows`, expected one of
            `max_rows`, `max_failed`, `max_delete_share`, `api_budget`, `allowed_orgs`, `change_window`
        longshore.toml:2:12: invalid type: string "many", expected u64
        longshore.toml:2:12: invalid value: integer `-4`, expected u64
        longshore.toml:2:14: invalid type: floating point `5.5`, expected a number of rows or a percentage such as "5%"
        longshore.toml:2:14: invalid value: integer `-1`, expected a number of rows or a percentage such as "5%"
        longshore.toml:2:14: `5` is no percentage such as `5%`
        longshore.toml:2:20: `101%` is no percentage such as `5%`
        longshore.toml:2:14: invalid value: integer `-1`, expected a number of calls or a percentage such as "5%"
        longshore.toml:2:14: `all` is no percentage such as `5%`
        longshore.toml:2:16: invalid type: string "00D", expected a sequence
        longshore.toml:2:17: a list without a window never lets a load through
        longshore.toml:3:17: `Fri 18:00-22:00` is no window: days, hours and a place, such as `Fri 18:00-22:00 Europe/Berlin`
        "#);
    }

    #[test]
    fn shares() {
        for (text, shown, passes, stays) in [
            ("5%", "5%", (6, 100), (5, 100)),
            ("0.5%", "0.5%", (6, 1_000), (5, 1_000)),
            ("0%", "0%", (1, 1_000_000), (0, 1)),
            ("12.3400%", "12.34%", (1_235, 10_000), (1_234, 10_000)),
            ("100%", "100%", (2, 1), (u64::MAX, u64::MAX)),
        ] {
            let share: Share = text.parse().unwrap();
            assert_eq!(share.to_string(), shown);
            assert!(share.is_passed_by(passes.0, passes.1), "{text}");
            assert!(!share.is_passed_by(stays.0, stays.1), "{text}");
        }
        for (text, whole, part) in
            [("50%", 7, 3), ("0%", 9, 0), ("100%", u64::MAX, u64::MAX), ("12.5%", 16, 2)]
        {
            assert_eq!(text.parse::<Share>().unwrap().of(whole), part, "{text} of {whole}");
        }
        for text in ["5", "%", "-5%", "5.%", ".5%", "5,0%", "1e1%", "100.0001%", "0.00001%"] {
            assert!(text.parse::<Share>().is_err(), "{text}");
        }
    }

    #[test]
    fn rows_in_error() {
        for (text, errors, known, passed) in [
            ("0", 0, 9, false),
            ("0", 1, 9, true),
            ("10", 10, 10, false),
            ("10", 11, 1_000_000, true),
            ("10%", 10, 100, false),
            ("10%", 11, 100, true),
        ] {
            let limit: MaxFailed = text.parse().unwrap();
            assert_eq!(limit.is_passed_by(errors, known), passed, "{text} {errors}");
            let json = serde_json::to_string(&limit).unwrap();
            assert_eq!(serde_json::from_str::<MaxFailed>(&json).unwrap(), limit, "{json}");
        }
        assert_eq!(
            "many".parse::<MaxFailed>().unwrap_err(),
            "`many` is neither a number of rows nor a percentage"
        );
    }
}
