//! The keys that no command has a word for: what each of them was for, and what is so here.

use super::{Fate, Work};

/// A key, `*` standing for any text; what becomes of it when it says something else than Data
/// Loader does without it; and why.
struct Other {
    key: &'static str,
    /// What Data Loader does without it.
    default: &'static str,
    fate: Fate,
    text: &'static str,
}

const fn other(key: &'static str, default: &'static str, fate: Fate, text: &'static str) -> Other {
    Other { key, default, fate, text }
}

const WINDOWS: &str = "it is about Data Loader's own windows";
const INSTALLED: &str = "it is about Data Loader's own installation";
const CALLS: &str = "calls, time limits and retries are longshore's own";
const FOLLOWED: &str = "jobs are followed, and results fetched, in longshore's own way";
const RUNS: &str = "a run keeps what it did: `longshore runs`, `longshore resume`";
const SIGN_IN: &str = "signing in is set by `longshore org login`";
const DATABASE: &str = "it is about databases";
const GONE: &str = "Data Loader itself knows it no more";

const OTHERS: [Other; 66] = [
    other("process.name", "", Fate::NoUse, "a run has a name of its own (`--run-name`)"),
    other("process.thread.name", "", Fate::NoUse, INSTALLED),
    other("run.mode", "", Fate::NoUse, INSTALLED),
    other("salesforce.config.dir", "", Fate::NoUse, INSTALLED),
    other("salesforce.installation.*", "", Fate::NoUse, INSTALLED),
    other("swt.nativelib.inpath", "", Fate::NoUse, INSTALLED),
    other("config.properties.readonly", "", Fate::NoUse, INSTALLED),
    other("salesforce.saveAllSettings", "false", Fate::NoUse, INSTALLED),
    other("salesforce.loader.generatePropsCSV", "", Fate::NoUse, GONE),
    other("loader.hideWelcome", "true", Fate::NoUse, WINDOWS),
    other("loader.ui.*", "", Fate::NoUse, WINDOWS),
    other("loader.cacheSObjectNamesAndFields", "true", Fate::NoUse, WINDOWS),
    other("sfdc.ui.*", "", Fate::NoUse, WINDOWS),
    other("sfdcInternal", "false", Fate::NoUse, WINDOWS),
    other("sfdcInternal.isSessionIdLogin", "false", Fate::NoUse, WINDOWS),
    other("sfdc.sortExtractionFields", "true", Fate::NoUse, WINDOWS),
    other("sfdc.oauth.loginfrombrowser", "", Fate::NoUse, GONE),
    other("sfdc.oauth.*.server", "", Fate::NoUse, GONE),
    other("sfdc.oauth.*", "", Fate::NoUse, SIGN_IN),
    other("sfdc.resetUrlOnLogin", "true", Fate::NoUse, SIGN_IN),
    other(
        "sfdc.enableRetries",
        "true",
        Fate::Changed,
        "Data Loader carries nothing out with it; here the load runs",
    ),
    other(
        "sfdc.maxRetries",
        "3",
        Fate::NoUse,
        "calls that may be made again are, and no row is sent twice",
    ),
    other("sfdc.minRetrySleepSecs", "2", Fate::NoUse, CALLS),
    other("sfdc.timeoutSecs", "540", Fate::NoUse, CALLS),
    other("sfdc.connectionTimeoutSecs", "60", Fate::NoUse, CALLS),
    other("sfdc.noCompression", "false", Fate::NoUse, CALLS),
    other("sfdc.reuseClientConnection", "true", Fate::NoUse, CALLS),
    other("sfdc.useLegacyHttpGet", "false", Fate::NoUse, CALLS),
    other(
        "sfdc.useSysPropsForHttpClient",
        "true",
        Fate::NoUse,
        "there is no Java whose properties could be used",
    ),
    other("sfdc.debugMessages", "false", Fate::Changed, "`-vv` writes a log of the calls"),
    other("sfdc.debugMessagesFile", "", Fate::Changed, "`-vv` writes a log to standard error"),
    other("sfdc.wireOutput", "false", Fate::Changed, "`-vv` writes a log of the calls"),
    other("sfdc.bulkApiCheckStatusInterval", "5000", Fate::NoUse, FOLLOWED),
    other("sfdc.bulkApiZipContent", "false", Fate::Left, "files are not loaded by Bulk API 2.0"),
    other("sfdc.bulkApiSerialMode", "false", Fate::NoUse, FOLLOWED),
    other("process.bulk.cacheDataFromDao", "true", Fate::NoUse, "rows are not kept in memory"),
    other(
        "process.bulk.saveServerLoadAndRawResultsInCSV",
        "false",
        Fate::Changed,
        "what was sent and what came back is always in the run folder",
    ),
    other("loader.bufferUnprocessedBulkQueryResults", "false", Fate::NoUse, FOLLOWED),
    other("sfdc.extractionRequestSize", "500", Fate::NoUse, FOLLOWED),
    other("sfdc.soql.maxlength", "100000", Fate::NoUse, FOLLOWED),
    other("*sfdc.enableBulkQueryPKChunking", "false", Fate::NoUse, FOLLOWED),
    other("*sfdc.bulkQueryPKChunkSize", "100000", Fate::NoUse, FOLLOWED),
    other("*sfdc.bulkQueryChunkStartRow", "", Fate::NoUse, FOLLOWED),
    other("sfdc.updateWithExternalId", "false", Fate::NoUse, "it is off"),
    other("sfdc.deleteWithExternalId", "false", Fate::NoUse, "it is off"),
    other("sfdc.assignmentRule", "", Fate::Left, "assignment rules are not applied"),
    other(
        "sfdc.formatPhoneFields",
        "false",
        Fate::Left,
        "phone numbers are sent as they stand: `digits` and `replace` in the mapping may do",
    ),
    other(
        "datefield.usegmt",
        "false",
        Fate::NoUse,
        "a date is sent as it stands and is never moved by a time zone",
    ),
    other(
        "sfdc.load.preserveWhitespaceInRichText",
        "true",
        Fate::Changed,
        "rich text is sent as it stands",
    ),
    other("sfdx.richtext.regex", "", Fate::NoUse, "rich text is sent as it stands"),
    other(
        "sfdc.load.removeLeadingTrailingWhitepaceInIdLookupField",
        "true",
        Fate::Changed,
        "keys of other records are trimmed where the mapping says `trim`",
    ),
    other(
        "process.keepAccountTeam",
        "false",
        Fate::Left,
        "Bulk API 2.0 cannot be told to keep account teams",
    ),
    other(
        "*sfdc.duplicateRule.*",
        "false",
        Fate::Left,
        "Bulk API 2.0 cannot be told to save what a duplicate rule holds back",
    ),
    other("dataAccess.readBatchSize", "200", Fate::NoUse, "rows are streamed"),
    other("dataAccess.writeBatchSize", "500", Fate::NoUse, DATABASE),
    other("dataAccess.skipTotalCount", "true", Fate::NoUse, "rows are streamed"),
    other("*dataAccess.*Script", "", Fate::NoUse, "Data Loader does not use it either"),
    other("process.enableLastRunOutput", "true", Fate::NoUse, RUNS),
    other("process.lastRunOutputDirectory", "", Fate::NoUse, RUNS),
    other("process.initialLastRunDate", "", Fate::NoUse, DATABASE),
    other("process.lastRunDate", "", Fate::NoUse, DATABASE),
    other("process.lastLoadBatchRow", "", Fate::NoUse, RUNS),
    other("longshore.*", "", Fate::NoUse, "it is read by `longshore process`"),
    other("sfdc.extraction*", "", Fate::NoUse, "only an extract has a use for it"),
    other("loader.query.*", "", Fate::NoUse, "only an extract has a use for it"),
    other("dataAccess.write*", "", Fate::NoUse, "only an extract has a use for it"),
];

/// Keys that a load has and an extract does not.
const OF_LOADS: [&str; 18] = [
    "sfdc.externalIdField",
    "sfdc.insertNulls",
    "sfdc.truncateFields",
    "sfdc.loadBatchSize",
    "sfdc.timezone",
    "sfdc.useBulkApi",
    "sfdc.useBulkV2Api",
    "process.useEuropeanDates",
    "process.loadRowToStartAt",
    "process.batchMode.exitWithErrorOnFailedRows",
    "process.enableExtractStatusOutput",
    "loader.csvComma",
    "loader.csvTab",
    "loader.csvOther",
    "loader.csvOtherValue",
    "dataAccess.readUTF8",
    "dataAccess.readCharset",
    "process.mappingFile",
];

impl<'a> Work<'a> {
    /// The fate of each key that nobody has asked for.
    pub(super) fn others(&mut self) {
        let source: &'a super::Source = self.source;
        for setting in &source.settings {
            let value = setting.value.trim();
            if value.is_empty() || self.seen.contains(setting.key.as_str()) {
                continue;
            }
            let (fate, text) = fate_of(&setting.key, value);
            self.note(fate, &setting.key, text);
        }
    }
}

fn fate_of(key: &str, value: &str) -> (Fate, &'static str) {
    let bare = key.strip_prefix(super::PILOT).unwrap_or(key);
    if let Some(known) = OTHERS.iter().find(|known| is_like(known.key, bare)) {
        return if value == known.default {
            (Fate::NoUse, "Data Loader does so without it")
        } else {
            (known.fate, known.text)
        };
    }
    if OF_LOADS.contains(&bare) {
        return (Fate::NoUse, "it says nothing about this process");
    }
    (Fate::NoUse, "Data Loader does not know it, and takes no notice of it")
}

/// Whether a name is of a form in which `*` stands for any text.
fn is_like(form: &str, name: &str) -> bool {
    let parts: Vec<&str> = form.split('*').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return form == name };
    if middle.is_empty() && parts.len() == 1 {
        return form == name;
    }
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (form, name, like) in [
            ("a.b", "a.b", true),
            ("a.b", "a.bc", false),
            ("a.*", "a.b.c", true),
            ("a.*", "b.a.x", false),
            ("a.*.server", "a.Production.server", true),
            ("a.*.server", "a.Production.id", false),
            ("*a.*Script", "pilot.a.read.preScript", true),
            ("*a.*Script", "a.Scripts", false),
        ] {
            assert_eq!(is_like(form, name), like, "{form} {name}");
        }
    }

    #[test]
    fn a_key_has_the_fate_of_the_first_form_that_it_is_like() {
        for (key, value, fate, text) in [
            ("sfdc.oauth.Production.server", "x", Fate::NoUse, GONE),
            ("sfdc.oauth.Production.partner.clientid", "x", Fate::NoUse, SIGN_IN),
            ("sfdc.timeoutSecs", "540", Fate::NoUse, "Data Loader does so without it"),
            ("sfdc.timeoutSecs", "60", Fate::NoUse, CALLS),
            (
                "pilot.sfdc.duplicateRule.allowSave",
                "true",
                Fate::Left,
                "Bulk API 2.0 cannot be told to save what a duplicate rule holds back",
            ),
            (
                "my.own.key",
                "x",
                Fate::NoUse,
                "Data Loader does not know it, and takes no notice of it",
            ),
        ] {
            assert_eq!(fate_of(key, value), (fate, text), "{key}={value}");
        }
    }
}
