//! Every key of Data Loader, and what becomes of it here.
//!
//! `docs/reference/data-loader-keys.md` is written from this table. Source of names and defaults:
//! Data Loader reference, section 2.9.

/// A key, or a family of keys: `*` stands for any letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRule {
    pub name: &'static str,
    /// Data Loader's default; empty where it has none.
    pub default: &'static str,
    pub fate: Fate,
}

/// What becomes of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It means here what it means there.
    Honored(&'static str),
    /// It comes to the same by another way.
    Translated(&'static str),
    /// It is not looked at; a notice tells it where a value would have changed something.
    Ignored(Notice, &'static str),
    /// The process stops, unless the value is this one.
    Refused { unless: &'static str, why: &'static str, way: &'static str },
    /// A key of ours, which Data Loader passes over.
    Ours(&'static str),
}

/// When an ignored key is worth a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    Never,
    /// Unless the value is this one.
    Unless(&'static str),
}

use Fate::{Honored, Ignored, Ours, Refused, Translated};
use Notice::{Never, Unless};

const fn key(name: &'static str, default: &'static str, fate: Fate) -> KeyRule {
    KeyRule { name, default, fate }
}

/// Keys by the parts of the reference, in its order.
pub const KEYS: [(&str, &[KeyRule]); 9] = [
    ("Command line", &COMMAND_LINE),
    ("General and windows", &GENERAL),
    ("CSV", &CSV),
    ("Connection", &CONNECTION),
    ("OAuth", &OAUTH),
    ("API", &API),
    ("Operation", &OPERATION),
    ("Data source and results", &DATA),
    ("Only here", &OURS),
];

const WINDOWS: Fate = Ignored(Never, "of its windows");
const UNUSED: Fate = Ignored(Never, "of its own HTTP client");

const COMMAND_LINE: [KeyRule; 7] = [
    key(
        "run.mode",
        "ui",
        Honored("`batch` and `encrypt`; `ui` and `install` are refused: there is no window here"),
    ),
    key("salesforce.config.dir", "configs", Honored("the first word says the same")),
    key("salesforce.installation.*", "", Ignored(Never, "there is nothing to install")),
    key(
        "sfdc.system.proxyHost",
        "",
        Ignored(Unless(""), "proxies come from `HTTPS_PROXY` in the environment"),
    ),
    key(
        "sfdc.system.proxyPort",
        "",
        Ignored(Never, "proxies come from `HTTPS_PROXY` in the environment"),
    ),
    key("swt.nativelib.inpath", "", WINDOWS),
    key("process.thread.name", "", Ignored(Never, "a name inside Java")),
];

const GENERAL: [KeyRule; 10] = [
    key(
        "salesforce.saveAllSettings",
        "false",
        Ignored(Never, "`config.properties` is never written here"),
    ),
    key(
        "config.properties.readonly",
        "",
        Ignored(Never, "`config.properties` is never written here"),
    ),
    key("loader.hideWelcome", "true", WINDOWS),
    key("loader.ui.showUpgrade", "true", WINDOWS),
    key("loader.cacheSObjectNamesAndFields", "true", WINDOWS),
    key("sfdc.ui.*", "", WINDOWS),
    key("sfdc.sortExtractionFields", "true", WINDOWS),
    key("sfdcInternal", "false", WINDOWS),
    key("sfdcInternal.*", "", WINDOWS),
    key(
        "salesforce.loader.generatePropsCSV",
        "",
        Ignored(Never, "gone from Data Loader too; this list is on this page"),
    ),
];

const CSV: [KeyRule; 11] = [
    key(
        "loader.csvComma",
        "true",
        Translated(
            "one delimiter for a file: the one that is on, or the one of the header where several \
             are",
        ),
    ),
    key("loader.csvTab", "true", Translated("see `loader.csvComma`")),
    key("loader.csvOther", "false", Translated("see `loader.csvComma`")),
    key(
        "loader.csvOtherValue",
        "",
        Translated("`,`, tab, `|`, `;`, `^` and `` ` `` are known; another one is refused"),
    ),
    key("loader.query.delimiter", ",", Honored("the first character counts")),
    key("dataAccess.readUTF8", "false", Honored("without it, UTF-8 or what a BOM says")),
    key("dataAccess.writeUTF8", "false", Honored("outranks `dataAccess.writeCharset`")),
    key(
        "dataAccess.readCharset",
        "",
        Honored("without it, UTF-8 or what a BOM says; never the code page of the machine"),
    ),
    key("dataAccess.writeCharset", "", Honored("without it, UTF-8")),
    key("sfdc.extraction.allCapsHeaders", "false", Honored("")),
    key("sfdc.extraction.outputByteOrderMark", "true", Honored("")),
];

const CONNECTION: [KeyRule; 24] = [
    key("sfdc.username", "", Honored("with `sfdc.password`")),
    key(
        "sfdc.password",
        "",
        Honored("encrypted; by SOAP login, which Salesforce retires with Summer '27"),
    ),
    key("sfdc.endpoint", "", Honored("with `test.salesforce.com` in it, the sandbox")),
    key("sfdc.endpoint.Production", "https://login.salesforce.com/", Honored("")),
    key("sfdc.endpoint.Sandbox", "https://test.salesforce.com/", Honored("")),
    key(
        "sfdc.proxyHost",
        "",
        Ignored(Unless(""), "proxies come from `HTTPS_PROXY` in the environment"),
    ),
    key("sfdc.proxyPort", "", Ignored(Never, "see `sfdc.proxyHost`")),
    key("sfdc.proxyUsername", "", Ignored(Never, "see `sfdc.proxyHost`")),
    key("sfdc.proxyPassword", "", Ignored(Never, "see `sfdc.proxyHost`")),
    key("sfdc.proxyNtlmDomain", "", Ignored(Never, "see `sfdc.proxyHost`")),
    key("sfdc.timeoutSecs", "540", Ignored(Never, "Data Loader does not keep it either")),
    key("sfdc.connectionTimeoutSecs", "60", Ignored(Never, "Data Loader does not keep it either")),
    key("sfdc.noCompression", "false", UNUSED),
    key(
        "sfdc.enableRetries",
        "true",
        Ignored(Never, "only calls that cannot do anything twice are repeated, and those always"),
    ),
    key("sfdc.maxRetries", "3", Ignored(Never, "see `sfdc.enableRetries`")),
    key("sfdc.minRetrySleepSecs", "2", Ignored(Never, "see `sfdc.enableRetries`")),
    key("sfdc.debugMessages", "false", Ignored(Never, "`-vv` logs calls, without secrets")),
    key("sfdc.debugMessagesFile", "", Ignored(Never, "see `sfdc.debugMessages`")),
    key("sfdc.wireOutput", "false", Ignored(Never, "see `sfdc.debugMessages`")),
    key("sfdc.resetUrlOnLogin", "true", Ignored(Never, "the address of the login's answer counts")),
    key("sfdc.reuseClientConnection", "true", UNUSED),
    key("sfdc.useSysPropsForHttpClient", "true", UNUSED),
    key("sfdc.useLegacyHttpGet", "false", UNUSED),
    key("salesforce.api.version", "", Honored("without it, the newest that both sides know")),
];

const BROWSER: Fate = Ignored(Never, "of its sign-in by a browser; `longshore org login` has one");

const OAUTH: [KeyRule; 13] = [
    key("sfdc.oauth.environments", "Production,Sandbox", WINDOWS),
    key(
        "sfdc.oauth.environment",
        "Production",
        Honored("which `sfdc.endpoint.…` counts where `sfdc.endpoint` is not given"),
    ),
    key("sfdc.oauth.accesstoken", "", Honored("encrypted, with the org's own address as endpoint")),
    key("sfdc.oauth.refreshtoken", "", Ignored(Never, "Data Loader stores it and never uses it")),
    key(
        "salesforce.oauth.instanceURL",
        "",
        Honored("the org's own address, for a token without `sfdc.endpoint`"),
    ),
    key("sfdc.oauth.pkce.port", "7171", BROWSER),
    key("sfdc.oauth.timeout.seconds", "60", BROWSER),
    key("sfdc.oauth.useExternalClientApp", "", BROWSER),
    key("sfdc.oauth.loginfrombrowser", "", BROWSER),
    key("sfdc.oauth.*.partner.clientid", "DataLoaderPartnerUI/", BROWSER),
    key("sfdc.oauth.*.bulk.clientid", "DataLoaderBulkUI/", BROWSER),
    key("sfdc.oauth.*.server", "", BROWSER),
    // Secrets, redirect addresses and External Client Apps of its environments.
    key("sfdc.oauth.*.*", "", BROWSER),
];

const BULK_2: &str = "SOAP, Bulk API and Bulk API 2.0 are all Bulk API 2.0 here; it only decides \
                      what an empty cell means (`sfdc.insertNulls`)";

const API: [KeyRule; 13] = [
    key("sfdc.useBulkApi", "false", Translated(BULK_2)),
    key("sfdc.useBulkV2Api", "false", Translated(BULK_2)),
    key(
        "sfdc.bulkApiSerialMode",
        "false",
        Ignored(Unless("false"), "Bulk API 2.0 has no serial mode"),
    ),
    key(
        "sfdc.bulkApiZipContent",
        "false",
        Ignored(Unless("false"), "Bulk API 2.0 takes no files, and fields of files are refused"),
    ),
    key("sfdc.bulkApiCheckStatusInterval", "5000", Ignored(Never, "the wait grows with the job")),
    key(
        "process.bulk.saveServerLoadAndRawResultsInCSV",
        "false",
        Ignored(Never, "raw results are kept in `raw/` of the run in any case"),
    ),
    key("process.bulk.cacheDataFromDao", "true", Ignored(Never, "memory does not grow here")),
    key(
        "loader.bufferUnprocessedBulkQueryResults",
        "false",
        Ignored(Never, "memory does not grow here"),
    ),
    key(
        "sfdc.updateWithExternalId",
        "false",
        Refused {
            unless: "false",
            why: "Bulk API 2.0 updates by Id only",
            way: "look the Id up (`lookup` in a mapping of ours), or upsert",
        },
    ),
    key(
        "sfdc.deleteWithExternalId",
        "false",
        Refused {
            unless: "false",
            why: "Bulk API 2.0 deletes by Id only",
            way: "look the Id up (`lookup` in a mapping of ours)",
        },
    ),
    key("sfdc.enableBulkQueryPKChunking", "false", Ignored(Never, "the server chunks by itself")),
    key("sfdc.bulkQueryPKChunkSize", "100000", Ignored(Never, "the server chunks by itself")),
    key("sfdc.bulkQueryChunkStartRow", "", Ignored(Never, "the server chunks by itself")),
];

const OPERATION: [KeyRule; 29] = [
    key("process.name", "", Honored("the second word says the same")),
    key("process.operation", "insert", Honored("")),
    key("process.mappingFile", "", Honored("a load without it is refused: it would send nothing")),
    key("sfdc.entity", "", Honored("")),
    key("sfdc.externalIdField", "", Honored("")),
    key("sfdc.loadBatchSize", "200", Ignored(Never, "the server cuts jobs into batches itself")),
    key(
        "sfdc.assignmentRule",
        "",
        Honored("for insert, update and upsert, when it is an id of 15 or 18 characters"),
    ),
    key(
        "sfdc.insertNulls",
        "false",
        Honored("with SOAP only, as there: the bulk APIs take no notice of it"),
    ),
    key(
        "sfdc.truncateFields",
        "true",
        Honored("a value that is too long is rejected; `longshore.allow=truncate` lets it be cut"),
    ),
    key("sfdc.formatPhoneFields", "false", Honored("")),
    key("sfdc.timezone", "", Honored("without it, the zone of the machine")),
    key("process.useEuropeanDates", "false", Honored("")),
    key("datefield.usegmt", "false", Honored("")),
    key("sfdc.load.preserveWhitespaceInRichText", "true", Honored("")),
    key("sfdc.load.removeLeadingTrailingWhitepaceInIdLookupField", "true", Honored("")),
    key("sfdx.richtext.regex", "", Ignored(Unless(""), "what is HTML is found out in another way")),
    key(
        "process.keepAccountTeam",
        "false",
        Refused {
            unless: "false",
            why: "Bulk API 2.0 cannot keep account teams when an owner changes",
            way: "update `OwnerId` with Data Loader, or leave the key out if teams may go",
        },
    ),
    key(
        "sfdc.duplicateRule.allowSave",
        "false",
        Ignored(
            Unless("false"),
            "Bulk API 2.0 has no such header; such rows are in the error file",
        ),
    ),
    key("sfdc.duplicateRule.includeRecordDetails", "false", Ignored(Never, "as above")),
    key("sfdc.duplicateRule.runAsCurrentUser", "false", Ignored(Never, "as above")),
    key("process.loadRowToStartAt", "0", Translated("`--skip`")),
    key("sfdc.extractionSOQL", "", Honored("")),
    key("sfdc.extractionRequestSize", "500", Ignored(Never, "the server chooses the pages")),
    key("sfdc.soql.maxlength", "100000", Ignored(Never, "a query is sent as it is")),
    key("loader.query.limitOutputToQueryFields", "true", Honored("")),
    key(
        "loader.query.includeBinaryData",
        "false",
        Refused {
            unless: "false",
            why: "images of rich text cannot be written into an extract here",
            way: "leave it out; the column then holds the text with references to the images",
        },
    ),
    key("process.lastRunDate", "", Honored("kept in the lastRun file")),
    key("process.lastLoadBatchRow", "", Honored("kept in the lastRun file")),
    key("process.initialLastRunDate", "", Ignored(Never, "only a query of a database can use it")),
];

const DATA: [KeyRule; 16] = [
    key("dataAccess.type", "", Honored("`csvRead` and `csvWrite`; databases are refused")),
    key("dataAccess.name", "", Honored("")),
    key("dataAccess.readBatchSize", "200", Ignored(Never, "memory does not grow here")),
    key("dataAccess.writeBatchSize", "500", Ignored(Never, "memory does not grow here")),
    key("dataAccess.skipTotalCount", "true", Ignored(Never, "rows are not counted beforehand")),
    key("dataAccess.read.preProcessorScript", "", Ignored(Never, "Data Loader has no use for it")),
    key(
        "dataAccess.write.postProcessorScript",
        "",
        Ignored(Never, "Data Loader has no use for it"),
    ),
    key("process.statusOutputDirectory", "", Honored("")),
    key("process.outputSuccess", "", Honored("")),
    key("process.outputError", "", Honored("rows that were never sent go to a file beside it")),
    key("process.enableExtractStatusOutput", "false", Honored("")),
    key("process.batchMode.exitWithErrorOnFailedRows", "false", Honored("")),
    key("process.enableLastRunOutput", "true", Honored("")),
    key("process.lastRunOutputDirectory", "", Honored("without it, the configuration folder")),
    key(
        "process.encryptionKeyFile",
        "",
        Honored("without it, `.dataloader/dataLoader.key` below the home folder"),
    ),
    key("process.description", "", Ignored(Never, "for people")),
];

const OURS: [KeyRule; 3] = [
    key(
        "longshore.targetOrg",
        "",
        Ours("the org by its alias, in place of user name and password; `-o` outranks it"),
    ),
    key(
        "longshore.allow",
        "",
        Ours("conversions that are refused otherwise, see data-loader-conversions.md"),
    ),
    key(
        "longshore.clock",
        "12",
        Ours("`24` in names of result files, so that 3 am and 3 pm differ"),
    ),
];

/// The rule of a key, its `pilot.` form included.
pub fn rule(name: &str) -> Option<&'static KeyRule> {
    let name = name.strip_prefix("pilot.").unwrap_or(name);
    let rules = || KEYS.iter().flat_map(|(_, rules)| rules.iter());
    rules().find(|rule| rule.name == name).or_else(|| rules().find(|rule| rule.covers(name)))
}

impl KeyRule {
    /// Whether a family has this key in it.
    fn covers(&self, name: &str) -> bool {
        let mut parts = self.name.split('*');
        let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else {
            return false;
        };
        let parts: Vec<&str> = parts.collect();
        for (at, part) in parts.iter().enumerate() {
            let is_last = at + 1 == parts.len();
            rest = match rest.find(part) {
                Some(_) if is_last => return rest.ends_with(part) && rest.len() > part.len(),
                Some(0) | None => return false,
                Some(begin) => &rest[begin + part.len()..],
            };
        }
        rest.is_empty()
    }
}
