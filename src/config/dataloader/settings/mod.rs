//! Settings of a process: what the command line, its bean and `config.properties` come to.
//!
//! The command line outranks the bean's `configOverrideMap`, and that outranks
//! `config.properties`. A key that is nowhere is looked for once more with `pilot.` in front. An
//! empty value is none, and hides those of lower rank. Source: Data Loader reference, sections 2.3
//! and 2.9.

mod error;
mod job;
mod keys;
mod sign_in;

use std::collections::BTreeMap;

pub use error::BadSettings;
pub use job::{Action, ApiMode, ExtractKeys, Job, Outputs, SignInKeys};
pub use keys::{Fate, KEYS, KeyRule, Notice, rule};
pub use sign_in::{NoSignIn, default_key_file};

use super::properties::Properties;
use crate::model::wording::shown;

/// Where a value was given, the lowest rank first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    Properties,
    Bean,
    CommandLine,
}

/// All keys that are set, with their values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings {
    values: BTreeMap<String, (String, Origin)>,
}

/// Names only: a value may be a secret.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Settings {
    /// Lays the three places over each other.
    pub fn of(
        command_line: &[(String, String)],
        bean: &[(String, String)],
        properties: &Properties,
    ) -> Self {
        let mut settings = Self::default();
        for entry in &properties.entries {
            settings.set(&entry.key, &entry.value, Origin::Properties);
        }
        for (key, value) in bean {
            settings.set(key, value, Origin::Bean);
        }
        for (key, value) in command_line {
            settings.set(key, value, Origin::CommandLine);
        }
        settings.values.retain(|key, (value, _)| !key.is_empty() && !value.is_empty());
        settings
    }

    fn set(&mut self, key: &str, value: &str, origin: Origin) {
        // A lone tab is a delimiter.
        let value = if value.trim().is_empty() { value.trim_matches(' ') } else { value.trim() };
        self.values.insert(key.trim().to_owned(), (value.to_owned(), origin));
    }

    /// The value of a key of the table, if it is set.
    pub fn get(&self, key: &str) -> Option<&str> {
        debug_assert!(rule(key).is_some(), "`{key}` is not in the table");
        self.find(key).map(|(value, _)| value.as_str())
    }

    /// Where the value of a key was given.
    pub fn origin(&self, key: &str) -> Option<Origin> {
        self.find(key).map(|(_, origin)| *origin)
    }

    fn find(&self, key: &str) -> Option<&(String, Origin)> {
        self.values.get(key).or_else(|| self.values.get(&format!("pilot.{key}")))
    }

    /// A switch: only `true` is on.
    pub fn is_on(&self, key: &str, otherwise: bool) -> bool {
        self.get(key).map_or(otherwise, |value| value == "true")
    }

    /// A whole number from 0 on.
    pub fn number(&self, key: &'static str) -> Result<Option<u64>, BadSettings> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let number = value.parse();
        number.map(Some).map_err(|_| BadSettings::NoNumber { key, value: value.to_owned() })
    }

    /// A key that must be there.
    pub fn demanded(&self, key: &'static str) -> Result<&str, BadSettings> {
        self.get(key).ok_or(BadSettings::Missing { key })
    }

    /// Refuses keys whose meaning cannot be kept, and returns what is to be told of the others.
    pub fn look_through(&self) -> Result<Vec<String>, BadSettings> {
        let (mut notices, mut unknown) = (Vec::new(), Vec::new());
        for (key, (value, _)) in &self.values {
            let Some(rule) = rule(key) else {
                unknown.push(format!("`{}`", shown(key.as_bytes())));
                continue;
            };
            match rule.fate {
                Fate::Refused { unless, why, way } if !value.eq_ignore_ascii_case(unless) => {
                    return Err(BadSettings::Refused { key: key.clone(), why, way });
                }
                Fate::Ignored(Notice::Unless(harmless), why) if value != harmless => {
                    notices.push(format!("`{}` is not looked at: {why}", shown(key.as_bytes())));
                }
                _ => {}
            }
        }
        if !unknown.is_empty() {
            let keys = unknown.join(", ");
            let is = if unknown.len() == 1 { "is" } else { "are" };
            notices.push(format!("{keys} {is} not known and not looked at, as by Data Loader"));
        }
        Ok(notices)
    }
}

#[cfg(test)]
mod tests;
