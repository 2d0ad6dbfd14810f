//! A process as its settings make it: checked words, numbers and paths, nothing opened.

use std::path::PathBuf;

use super::{BadSettings, Settings};
use crate::config::dataloader::arguments::BEAN_KEY;
use crate::config::dataloader::conversions::{
    ALLOW_KEY, Conversions, Switch, name_of_system_zone, zone_named,
};
use crate::config::plan::Delimiter;
use crate::config::styles::TextStyle;
use crate::model::operation::Operation;

/// What a process is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Load(Operation),
    /// `all` includes what is deleted and archived.
    Extract {
        all: bool,
    },
}

/// Which API Data Loader would have used; here it decides what empty cells mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiMode {
    Soap,
    Bulk,
    Bulk2,
}

/// A process, ready to be looked at more closely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub action: Action,
    pub api: ApiMode,
    /// The object; an extract needs none.
    pub object: Option<String>,
    /// `dataAccess.name`: the file that is read or written.
    pub data: PathBuf,
    pub mapping: Option<PathBuf>,
    pub external_id: Option<String>,
    pub query: Option<String>,
    /// Rows left out at the beginning.
    pub skip: u64,
    /// Empty cells empty their fields.
    pub clears_nulls: bool,
    /// `None`: the one of the header.
    pub delimiter: Option<Delimiter>,
    /// A WHATWG label; `None`: UTF-8, or what a BOM says.
    pub encoding: Option<String>,
    /// An id of 15 or 18 characters.
    pub assignment_rule: Option<String>,
    pub conversions: Conversions,
    /// How result files and extracts are written.
    pub text: TextStyle,
    pub extract: ExtractKeys,
    pub outputs: Outputs,
    /// Failed rows are exit code 4 instead of 0.
    pub failed_rows_fail: bool,
    pub sign_in: SignInKeys,
    pub api_version: Option<String>,
}

/// What the settings say about the form of an extract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtractKeys {
    pub delimiter: u8,
    pub all_caps: bool,
    /// Columns of the query that the mapping does not name follow the others.
    pub keep_unmapped: bool,
}

/// Where results go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outputs {
    pub success: Option<PathBuf>,
    pub error: Option<PathBuf>,
    /// `process.statusOutputDirectory`.
    pub folder: Option<PathBuf>,
    /// `24` instead of `12` hours in the names of files.
    pub whole_day: bool,
    /// Status files of an extract.
    pub of_extract: bool,
    /// What the files of this process are called by.
    pub prefix: String,
    pub last_run: bool,
    pub last_run_folder: Option<PathBuf>,
}

/// What the settings say about signing in; secrets are as encrypted as they are there.
#[derive(Clone, PartialEq, Eq)]
pub struct SignInKeys {
    /// `longshore.targetOrg`.
    pub alias: Option<String>,
    /// `sfdc.endpoint`, else that of the environment.
    pub endpoint: String,
    /// The org's own address, where one is given.
    pub instance: Option<String>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub token: Option<String>,
    pub key_file: Option<PathBuf>,
}

impl std::fmt::Debug for SignInKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { alias, endpoint, username, .. } = self;
        let mut shown = f.debug_struct("SignInKeys");
        shown.field("alias", alias).field("endpoint", endpoint).field("username", username);
        shown.finish_non_exhaustive()
    }
}

impl Job {
    /// Checks the settings of a process.
    pub fn of(settings: &Settings) -> Result<Self, BadSettings> {
        if let Some(mode) = settings.get("run.mode")
            && !mode.eq_ignore_ascii_case("batch")
        {
            return Err(BadSettings::NoMode { value: mode.to_owned() });
        }
        let action = action(settings.get("process.operation").unwrap_or("insert"))?;
        check_type(settings, action)?;
        let data = settings.demanded("dataAccess.name")?.into();
        let object = settings.get("sfdc.entity").map(str::to_owned);
        let (mut external_id, mut query) = (None, None);
        match action {
            Action::Load(operation) => {
                settings.demanded("sfdc.entity")?;
                if operation == Operation::Upsert {
                    external_id = Some(settings.demanded("sfdc.externalIdField")?.to_owned());
                }
            }
            Action::Extract { .. } => {
                query = Some(settings.demanded("sfdc.extractionSOQL")?.to_owned());
            }
        }
        let api = api(settings);
        if action == Action::Load(Operation::HardDelete) && api == ApiMode::Soap {
            return Err(BadSettings::NotInBulk);
        }
        let path = |key| settings.get(key).map(PathBuf::from);
        Ok(Self {
            action,
            api,
            object,
            data,
            mapping: path("process.mappingFile"),
            external_id,
            query,
            skip: settings.number("process.loadRowToStartAt")?.unwrap_or(0),
            clears_nulls: api == ApiMode::Soap && settings.is_on("sfdc.insertNulls", false),
            delimiter: delimiter(settings)?,
            encoding: encoding(settings)?,
            assignment_rule: assignment_rule(settings, action),
            conversions: conversions(settings, api)?,
            text: text(settings)?,
            extract: extract(settings)?,
            outputs: outputs(settings, action),
            failed_rows_fail: settings.is_on("process.batchMode.exitWithErrorOnFailedRows", false),
            sign_in: sign_in(settings),
            api_version: settings.get("salesforce.api.version").map(str::to_owned),
        })
    }
}

impl Action {
    /// The word of `process.operation`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Load(Operation::Insert) => "insert",
            Self::Load(Operation::Update) => "update",
            Self::Load(Operation::Upsert) => "upsert",
            Self::Load(Operation::Delete) => "delete",
            Self::Load(Operation::HardDelete) => "hard_delete",
            Self::Load(Operation::Undelete) => "undelete",
            Self::Extract { all: false } => "extract",
            Self::Extract { all: true } => "extract_all",
        }
    }

    const ALL: [Self; 8] = [
        Self::Load(Operation::Insert),
        Self::Load(Operation::Update),
        Self::Load(Operation::Upsert),
        Self::Load(Operation::Delete),
        Self::Load(Operation::HardDelete),
        Self::Load(Operation::Undelete),
        Self::Extract { all: false },
        Self::Extract { all: true },
    ];
}

fn action(word: &str) -> Result<Action, BadSettings> {
    let found = Action::ALL.into_iter().find(|action| word.eq_ignore_ascii_case(action.word()));
    found.ok_or_else(|| BadSettings::NoOperation { value: word.to_owned() })
}

fn check_type(settings: &Settings, action: Action) -> Result<(), BadSettings> {
    let value = settings.demanded("dataAccess.type")?;
    let wanted = if matches!(action, Action::Load(_)) { "csvRead" } else { "csvWrite" };
    if value.eq_ignore_ascii_case(wanted) {
        return Ok(());
    }
    let value = value.to_owned();
    Err(if value.to_ascii_lowercase().starts_with("database") {
        BadSettings::Database { value }
    } else {
        BadSettings::WrongType { value, operation: action.word().to_owned(), wanted }
    })
}

fn api(settings: &Settings) -> ApiMode {
    if settings.is_on("sfdc.useBulkV2Api", false) {
        ApiMode::Bulk2
    } else if settings.is_on("sfdc.useBulkApi", false) {
        ApiMode::Bulk
    } else {
        ApiMode::Soap
    }
}

/// All delimiters that are on cut at once there. Here it is one: that which is on alone, or the one
/// that the header has.
fn delimiter(settings: &Settings) -> Result<Option<Delimiter>, BadSettings> {
    let mut on = String::new();
    if settings.is_on("loader.csvComma", true) {
        on.push(',');
    }
    if settings.is_on("loader.csvTab", true) {
        on.push('\t');
    }
    // A lone blank is trimmed away with the value, and no delimiter here anyway.
    let other = settings.get("loader.csvOtherValue");
    if let (true, Some(other)) = (settings.is_on("loader.csvOther", false), other) {
        on.push_str(other);
    }
    let known = |character: char| {
        let is = |delimiter: &Delimiter| char::from(delimiter.byte()) == character;
        Delimiter::ALL.into_iter().find(is)
    };
    let known: Option<Vec<Delimiter>> = on.chars().map(known).collect();
    match known.as_deref() {
        None => Err(BadSettings::NoDelimiter { value: other.unwrap_or_default().to_owned() }),
        Some([]) => Err(BadSettings::NoDelimiterOn),
        Some([one]) => Ok(Some(*one)),
        Some(_) => Ok(None),
    }
}

fn encoding(settings: &Settings) -> Result<Option<String>, BadSettings> {
    if settings.is_on("dataAccess.readUTF8", false) {
        return Ok(Some("utf-8".to_owned()));
    }
    charset(settings, "dataAccess.readCharset")
}

/// The WHATWG name of the encoding that a key names.
fn charset(settings: &Settings, key: &'static str) -> Result<Option<String>, BadSettings> {
    let Some(label) = settings.get(key) else { return Ok(None) };
    match encoding_rs::Encoding::for_label(label.as_bytes()) {
        None => Err(BadSettings::NoCharset { key, value: label.to_owned() }),
        Some(encoding) => Ok(Some(encoding.name().to_ascii_lowercase())),
    }
}

fn text(settings: &Settings) -> Result<TextStyle, BadSettings> {
    let own = TextStyle::data_loader();
    let forced = settings.is_on("dataAccess.writeUTF8", false);
    let charset = if forced { None } else { charset(settings, "dataAccess.writeCharset")? };
    let byte_order_mark = settings.is_on("sfdc.extraction.outputByteOrderMark", true);
    Ok(TextStyle { charset: charset.unwrap_or(own.charset), byte_order_mark, ..own })
}

fn extract(settings: &Settings) -> Result<ExtractKeys, BadSettings> {
    let given = settings.get("loader.query.delimiter").and_then(|text| text.chars().next());
    let delimiter = given.unwrap_or(',');
    let good = |character: &char| character.is_ascii() && !matches!(character, '"' | '\r' | '\n');
    let byte = Some(delimiter).filter(good).and_then(|character| u8::try_from(character).ok());
    Ok(ExtractKeys {
        delimiter: byte.ok_or(BadSettings::NoOutputDelimiter { value: delimiter })?,
        all_caps: settings.is_on("sfdc.extraction.allCapsHeaders", false),
        keep_unmapped: !settings.is_on("loader.query.limitOutputToQueryFields", true),
    })
}

fn conversions(settings: &Settings, api: ApiMode) -> Result<Conversions, BadSettings> {
    let on = |key, otherwise| settings.is_on(key, otherwise);
    let zone = match settings.get("sfdc.timezone") {
        Some(zone) => zone_named(zone).map(|_| zone.to_owned()),
        None => name_of_system_zone(),
    };
    let allow = Switch::parse(settings.get(ALLOW_KEY).unwrap_or_default());
    Ok(Conversions {
        zone: zone.map_err(BadSettings::NoZone)?,
        european_dates: on("process.useEuropeanDates", false),
        gmt_dates: on("datefield.usegmt", false),
        insert_nulls: on("sfdc.insertNulls", false),
        bulk: api != ApiMode::Soap,
        trim_keys: on("sfdc.load.removeLeadingTrailingWhitepaceInIdLookupField", true),
        keep_rich_text_space: on("sfdc.load.preserveWhitespaceInRichText", true),
        format_phones: on("sfdc.formatPhoneFields", false),
        truncate: on("sfdc.truncateFields", true),
        allow: allow.map_err(BadSettings::NoSwitch)?,
    })
}

/// The id of a rule, where Data Loader would send it.
fn assignment_rule(settings: &Settings, action: Action) -> Option<String> {
    let rule = settings.get("sfdc.assignmentRule")?;
    let takes =
        matches!(action, Action::Load(Operation::Insert | Operation::Update | Operation::Upsert));
    (takes && matches!(rule.len(), 15 | 18)).then(|| rule.to_owned())
}

fn outputs(settings: &Settings, action: Action) -> Outputs {
    let path = |key| settings.get(key).map(PathBuf::from);
    let unnamed = || {
        let entity = settings.get("sfdc.entity").unwrap_or_default();
        format!("{entity}{}", action.word())
    };
    let prefix = settings.get(BEAN_KEY).map_or_else(unnamed, str::to_owned);
    Outputs {
        success: path("process.outputSuccess"),
        error: path("process.outputError"),
        folder: path("process.statusOutputDirectory"),
        whole_day: settings.get("longshore.clock") == Some("24"),
        of_extract: settings.is_on("process.enableExtractStatusOutput", false),
        prefix,
        last_run: settings.is_on("process.enableLastRunOutput", true),
        last_run_folder: path("process.lastRunOutputDirectory"),
    }
}

fn sign_in(settings: &Settings) -> SignInKeys {
    let text = |key| settings.get(key).map(str::to_owned);
    let production = settings.get("sfdc.endpoint.Production");
    let sandbox = settings.get("sfdc.endpoint.Sandbox").unwrap_or("https://test.salesforce.com/");
    let given = settings.get("sfdc.endpoint");
    let is_sandbox = settings
        .get("sfdc.oauth.environment")
        .is_some_and(|environment| environment.eq_ignore_ascii_case("Sandbox"));
    let of_environment =
        if is_sandbox { sandbox } else { production.unwrap_or("https://login.salesforce.com/") };
    SignInKeys {
        alias: text("longshore.targetOrg"),
        endpoint: given.unwrap_or(of_environment).to_owned(),
        instance: given.map(str::to_owned).or_else(|| text("salesforce.oauth.instanceURL")),
        username: text("sfdc.username"),
        password: text("sfdc.password"),
        token: text("sfdc.oauth.accesstoken"),
        key_file: settings.get("process.encryptionKeyFile").map(PathBuf::from),
    }
}
