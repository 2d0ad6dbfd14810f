//! Settings for what the vendor's documents leave open.
//!
//! Each field is one open question about the real service. The default is what is best documented
//! or has been seen most; a client must be right under every setting.

use std::collections::BTreeMap;
use std::time::Duration;

/// How cells come back in the result files, and other facts that nobody has written down.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Switches {
    /// Currency, double and percent cells in results.
    pub echo_numbers: NumberEcho,
    /// Boolean cells in results.
    pub echo_booleans: Echo,
    /// Date and datetime cells in results.
    pub echo_dates: Echo,
    /// What stands in a result where `#N/A` was sent.
    pub echo_clear: ClearEcho,
    /// What stands in a result where nothing was sent.
    pub echo_empty: EmptyEcho,
    /// What stands in a result where a text cell had a line end.
    pub echo_line_ends: LineEndEcho,
    /// Whether blanks around a text are kept in results.
    pub echo_trims_text: bool,
    /// Line ends of the result files.
    pub result_line_ending: ResultStyle,
    /// Delimiter of the result files.
    pub result_delimiter: ResultStyle,
    /// How the uploaded header comes back behind the two `sf__` columns.
    pub header_echo: HeaderEcho,
    /// What stands between several fields in `sf__Error`.
    pub error_field_separator: String,
    /// Whether `sf__Id` of a failed update repeats an id that names no record.
    pub failed_rows_repeat_bad_ids: bool,
    /// Where a second upload to one job is refused.
    pub second_put: SecondPut,
    /// How strictly line ends of an upload are compared with the job's.
    pub line_ending_check: LineEndingCheck,
    /// What is answered for the results of a job that still runs.
    pub running_results: RunningResults,
    /// Whether a permission set can not be given to an inactive user.
    pub inactive_assignee: bool,
    /// The message of `LICENSE_LIMIT_EXCEEDED` for a permission set licence; `{license}` stands for
    /// its label.
    pub license_text: String,
    /// Whether SOAP `login()` is switched on; in new orgs it is not.
    pub soap_login: bool,
    /// What must stand behind the password of SOAP `login()`.
    pub security_token: String,
    /// Whether SOAP `login()` says that the password has expired.
    pub password_expired: bool,
    /// API calls of a day. Source of the default: an Enterprise org's base allowance.
    pub calls_a_day: u64,
    /// Internal Bulk API batches of a day. Source of the default: Bulk API limits.
    pub batches_a_day: u64,
    /// Whether transactions lock the parents of their rows, and how.
    pub row_locks: RowLocks,
}

/// Row locks: transactions that run at the same time and share a parent wait for each other.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct RowLocks {
    pub on: bool,
    /// Fields whose records are locked, by object; an object that is not named has the usual ones.
    pub fields: BTreeMap<String, Vec<String>>,
    /// How long a transaction waits for its parents, in milliseconds. Widely reported: 10 s.
    pub wait_ms: u64,
    /// How long a transaction of 200 rows lasts, in milliseconds.
    pub transaction_ms: u64,
    /// Batches of 10,000 rows of one job, and jobs, that run at the same time.
    pub workers: usize,
    /// How many times faster than the two times say everything goes; for tests.
    pub time_scale: u64,
}

/// Fields whose records are locked where nothing else is said: parents of master-detail look, and
/// users that get permissions.
const LOCKED: [&str; 3] = ["AccountId", "Account__c", "AssigneeId"];

impl Default for RowLocks {
    fn default() -> Self {
        Self {
            on: false,
            fields: BTreeMap::new(),
            wait_ms: 10_000,
            transaction_ms: 4_000,
            workers: 8,
            time_scale: 1,
        }
    }
}

impl RowLocks {
    /// The fields of an object whose records are locked.
    pub fn fields_of(&self, object: &str) -> Vec<&str> {
        let own = self.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(object));
        own.map_or_else(|| LOCKED.to_vec(), |(_, own)| own.iter().map(String::as_str).collect())
    }

    /// How long a transaction waits for its parents here.
    pub fn wait(&self) -> Duration {
        self.scaled(self.wait_ms)
    }

    /// How long a transaction lasts here.
    pub fn transaction(&self) -> Duration {
        self.scaled(self.transaction_ms)
    }

    fn scaled(&self, ms: u64) -> Duration {
        Duration::from_micros(ms.saturating_mul(1_000) / self.time_scale.max(1))
    }
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            echo_numbers: NumberEcho::default(),
            echo_booleans: Echo::default(),
            echo_dates: Echo::default(),
            echo_clear: ClearEcho::default(),
            echo_empty: EmptyEcho::default(),
            echo_line_ends: LineEndEcho::default(),
            echo_trims_text: false,
            result_line_ending: ResultStyle::default(),
            result_delimiter: ResultStyle::default(),
            header_echo: HeaderEcho::default(),
            error_field_separator: ",".to_owned(),
            failed_rows_repeat_bad_ids: true,
            second_put: SecondPut::default(),
            line_ending_check: LineEndingCheck::default(),
            running_results: RunningResults::default(),
            inactive_assignee: true,
            license_text: "no licenses are left: {license}".to_owned(),
            soap_login: true,
            security_token: String::new(),
            password_expired: false,
            calls_a_day: 100_000,
            batches_a_day: 15_000,
            row_locks: RowLocks::default(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NumberEcho {
    /// As Java writes a double: `9.12260031E8`.
    #[default]
    JavaDouble,
    /// Shortest decimal without an exponent: `912260031`.
    Plain,
    Verbatim,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Echo {
    /// As the service itself would write the value.
    #[default]
    Canonical,
    Verbatim,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ClearEcho {
    #[default]
    Blank,
    Verbatim,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EmptyEcho {
    #[default]
    Blank,
    /// `#N/A`.
    ClearMark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LineEndEcho {
    #[default]
    Verbatim,
    /// CRLF and CR become LF.
    Lf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResultStyle {
    /// As the job was created.
    #[default]
    AsTheJob,
    /// LF, or comma, whatever the job says.
    Fixed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HeaderEcho {
    #[default]
    Verbatim,
    /// Every name in quotes.
    Quoted,
    /// Names without quotes, spelled as the describe spells them.
    Canonical,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SecondPut {
    #[default]
    AtPut,
    AtPatch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LineEndingCheck {
    /// Every line end counts, also inside quoted cells.
    RawBytes,
    /// Line ends inside quoted cells are data.
    #[default]
    OutsideQuotes,
    Off,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RunningResults {
    #[default]
    Refused,
    Partial,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_name_only_what_it_changes() {
        let read: Switches =
            serde_json::from_str(r#"{"echoNumbers":"plain","rowLocks":{"on":true}}"#).unwrap();
        let expected = Switches {
            echo_numbers: NumberEcho::Plain,
            row_locks: RowLocks { on: true, ..RowLocks::default() },
            ..Switches::default()
        };
        assert_eq!(read, expected);
    }
}
