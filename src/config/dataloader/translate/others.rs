//! The keys that no command has a word for: what the table of all keys says of them, and where a
//! command of ours does otherwise than `process`.

use super::{Fate, Work};
use crate::config::dataloader::settings::{self, Notice, rule};

/// Keys of which there is something else to say than that `process` honors them.
const OTHERWISE: [(&str, &str); 14] = [
    ("process.name", "a run has a name of its own (`--run-name`)"),
    ("run.mode", "it is about Data Loader's own installation"),
    ("salesforce.config.dir", "it is about Data Loader's own installation"),
    ("process.enableLastRunOutput", "a run keeps what it did: `longshore runs`"),
    ("process.lastRunOutputDirectory", "a run keeps what it did: `longshore runs`"),
    ("process.lastRunDate", "a run keeps what it did: `longshore runs`"),
    ("process.lastLoadBatchRow", "a run keeps what it did: `longshore runs`"),
    ("sfdc.oauth.environment", "the alias says which org it is"),
    ("sfdc.sortExtractionFields", "it is about Data Loader's own windows"),
    ("datefield.usegmt", "a date is sent as it stands, and no time zone moves it"),
    ("sfdc.load.preserveWhitespaceInRichText", "rich text is sent as it stands"),
    (
        "sfdc.load.removeLeadingTrailingWhitepaceInIdLookupField",
        "keys of other records are trimmed where the mapping says `trim`",
    ),
    ("longshore.clock", "result files are in the run folder, which has the time in its name"),
    ("dataAccess.writeUTF8", "results are UTF-8"),
];

/// Beginnings of keys that say nothing about a load.
const OF_EXTRACTS: [&str; 3] = ["sfdc.extraction", "loader.query.", "process.enableExtractStatus"];

/// Keys that say nothing about an extract.
const OF_LOADS: [&str; 20] = [
    "sfdc.externalIdField",
    "sfdc.insertNulls",
    "sfdc.truncateFields",
    "sfdc.formatPhoneFields",
    "sfdc.assignmentRule",
    "sfdc.timezone",
    "sfdc.useBulkApi",
    "sfdc.useBulkV2Api",
    "sfdc.bulkApiSerialMode",
    "sfdc.bulkApiZipContent",
    "sfdc.updateWithExternalId",
    "process.keepAccountTeam",
    "process.useEuropeanDates",
    "process.loadRowToStartAt",
    "process.batchMode.exitWithErrorOnFailedRows",
    "loader.csvComma",
    "loader.csvTab",
    "loader.csvOther",
    "loader.csvOtherValue",
    "dataAccess.readUTF8",
];

impl<'a> Work<'a> {
    /// The fate of each key that nobody has asked for.
    pub(super) fn others(&mut self) {
        let source: &'a super::Source = self.source;
        for setting in &source.settings {
            let (key, value) = (setting.key.as_str(), setting.value.trim());
            if value.is_empty() || self.seen.contains(key) {
                continue;
            }
            match fate_of(key, value, source.is_extract()) {
                Ok((fate, text)) => self.note(fate, key, text),
                Err(why) => self.refuse(key, why),
            }
        }
    }
}

/// What becomes of a key; an `Err` says why there can be no command.
fn fate_of(key: &str, value: &str, is_extract: bool) -> Result<(Fate, String), String> {
    let bare = key.strip_prefix(super::PILOT).unwrap_or(key);
    let no_use = |text: &str| Ok((Fate::NoUse, text.to_owned()));
    let Some(rule) = rule(bare) else {
        return no_use("Data Loader does not know it, and takes no notice of it");
    };
    if value == rule.default {
        return no_use("Data Loader does so without it");
    }
    let is_of_other = if is_extract {
        OF_LOADS.contains(&bare)
    } else {
        OF_EXTRACTS.iter().any(|beginning| bare.starts_with(beginning))
    };
    if is_of_other {
        return no_use("it says nothing about this process");
    }
    if let Some((_, text)) = OTHERWISE.iter().find(|(name, _)| *name == bare) {
        return no_use(text);
    }
    match rule.fate {
        settings::Fate::Honored(_) | settings::Fate::Translated(_) => {
            Ok((Fate::Left, "only `longshore process` does so".to_owned()))
        }
        settings::Fate::Ignored(Notice::Unless(harmless), why) if value != harmless => {
            Ok((Fate::Left, why.to_owned()))
        }
        settings::Fate::Refused { unless, why, way } if !value.eq_ignore_ascii_case(unless) => {
            Err(format!("{why}; {way}"))
        }
        settings::Fate::Ignored(_, why) | settings::Fate::Refused { why, .. } => no_use(why),
        settings::Fate::Ours(_) => Ok((Fate::Left, "only `longshore process` does so".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_fate_that_the_table_of_all_keys_gives_it() {
        for (key, value, fate) in [
            ("sfdc.oauth.Production.server", "x", Some(Fate::NoUse)),
            ("sfdc.timeoutSecs", "540", Some(Fate::NoUse)),
            ("sfdc.timeoutSecs", "60", Some(Fate::NoUse)),
            ("sfdc.assignmentRule", "01Q000000000001", Some(Fate::Left)),
            ("sfdc.formatPhoneFields", "true", Some(Fate::Left)),
            ("pilot.sfdc.duplicateRule.allowSave", "true", Some(Fate::Left)),
            ("pilot.sfdc.duplicateRule.allowSave", "false", Some(Fate::NoUse)),
            ("sfdc.bulkApiZipContent", "true", Some(Fate::Left)),
            ("process.keepAccountTeam", "true", None),
            ("process.keepAccountTeam", "false", Some(Fate::NoUse)),
            ("longshore.allow", "truncate", Some(Fate::Left)),
            ("sfdc.extraction.allCapsHeaders", "true", Some(Fate::NoUse)),
            ("my.own.key", "x", Some(Fate::NoUse)),
        ] {
            let told = fate_of(key, value, false);
            assert_eq!(told.as_ref().ok().map(|(fate, _)| *fate), fate, "{key}={value}: {told:?}");
        }
        assert_eq!(fate_of("sfdc.assignmentRule", "x", true).unwrap().0, Fate::NoUse);
    }
}
