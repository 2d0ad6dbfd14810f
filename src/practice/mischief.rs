//! Faults on purpose: a script that says which request meets which fault, and when.
//!
//! A [`Rule`] names a request by method and path (`*` stands for any run of characters) and by how
//! many such requests have been seen. Rules can be added in the process or, for a practice org that
//! is served, as JSON by `POST /practice/mischief`.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// One fault and the requests that meet it.
///
/// ```json
/// {"method":"PATCH","path":"*/jobs/ingest/*","nth":1,"times":1,
///  "fault":{"kind":"lose_answer","effect":true}}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The method, or `*`.
    #[serde(default = "any")]
    pub method: String,
    /// The path without its query, slashes collapsed; `*` matches any characters, slashes too.
    pub path: String,
    /// The first matching request that is hit, counted from 1.
    #[serde(default = "one")]
    pub nth: u64,
    /// How many matching requests are hit from there on; 0 means all of them.
    #[serde(default = "one")]
    pub times: u64,
    pub fault: Fault,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The connection breaks without an answer, before the request had its effect or after.
    LoseAnswer { effect: bool },
    /// The upload breaks after so many bytes of the body.
    BreakUpload { bytes: u64 },
    /// The request waits before anything else happens.
    Delay { ms: u64 },
    /// Another answer than the true one, without the effect or (`effect`) after it.
    Answer {
        status: u16,
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
        #[serde(default)]
        body: BodyKind,
        /// Seconds for a `Retry-After` header.
        #[serde(default)]
        retry_after: Option<u64>,
        #[serde(default)]
        effect: bool,
    },
    /// A maintenance page with status 200, without the effect.
    HtmlOk,
    /// The answer's body ends after so many bytes.
    Truncate { bytes: u64, length: Length },
    /// The job fails after so many rows; those before stay committed. It belongs to the job in the
    /// path or, on a create, to the job created; the same goes for the next four.
    FailJob { after_rows: u64, message: String },
    /// The job is aborted by someone else after so many rows.
    AbortJob { after_rows: u64 },
    /// Every `every`-th row is committed but left out of the results, as past the daily allowance.
    DropResults { every: u64 },
    /// Every `every`-th row of the upload fails with `UNABLE_TO_LOCK_ROW`.
    LockRows { every: u64 },
    /// Every `every`-th row of the upload fails with `REQUEST_RUNNING_TOO_LONG`.
    TireRows { every: u64 },
    /// The job's results come in the order of the upload, which the service does not promise.
    KeepOrder,
    /// So many calls remain of the daily allowance.
    SpendAllowance { remaining: u64 },
    /// All access tokens expire before the request is looked at.
    ExpireSessions,
    /// The job in the path has been deleted by someone else.
    VanishJob,
}

/// How the body of a made-up answer looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyKind {
    #[default]
    Json,
    Html,
    Empty,
}

/// What a truncated answer says about its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Length {
    /// The full length is promised and the connection breaks.
    Lying,
    /// No length is promised and the body ends as if it were complete.
    Missing,
}

/// Faults that stay with a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    pub fail_after: Option<(u64, String)>,
    pub abort_after: Option<u64>,
    pub drop_every: Option<u64>,
    pub lock_every: Option<u64>,
    #[serde(default)]
    pub tire_every: Option<u64>,
    pub keep_order: bool,
}

impl Trouble {
    /// Takes up the fault if it is one that stays with a job.
    pub(super) fn take(&mut self, fault: &Fault) {
        match fault {
            Fault::FailJob { after_rows, message } => {
                self.fail_after = Some((*after_rows, message.clone()));
            }
            Fault::AbortJob { after_rows } => self.abort_after = Some(*after_rows),
            Fault::DropResults { every } => self.drop_every = Some((*every).max(1)),
            Fault::LockRows { every } => self.lock_every = Some((*every).max(1)),
            Fault::TireRows { every } => self.tire_every = Some((*every).max(1)),
            Fault::KeepOrder => self.keep_order = true,
            _ => {}
        }
    }
}

/// The script in force.
#[derive(Debug, Default)]
pub struct Mischief {
    rules: Mutex<Vec<Armed>>,
}

#[derive(Debug)]
struct Armed {
    rule: Rule,
    seen: u64,
    fired: u64,
}

impl Mischief {
    /// Adds a rule; it counts requests from now on.
    pub fn add(&self, rule: Rule) {
        self.rules().push(Armed { rule, seen: 0, fired: 0 });
    }

    /// Forgets all rules and their counts.
    pub fn clear(&self) {
        self.rules().clear();
    }

    /// The rules in the order they were added, each with how often it has struck.
    pub fn fired(&self) -> Vec<(Rule, u64)> {
        self.rules().iter().map(|armed| (armed.rule.clone(), armed.fired)).collect()
    }

    /// The faults that this request meets.
    pub(super) fn strike(&self, method: &str, path: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        for armed in self.rules().iter_mut() {
            let rule = &armed.rule;
            let hit = (rule.method == "*" || rule.method.eq_ignore_ascii_case(method))
                && glob(rule.path.as_bytes(), path.as_bytes());
            if !hit {
                continue;
            }
            armed.seen += 1;
            let first = rule.nth.max(1);
            if armed.seen >= first && (rule.times == 0 || armed.seen < first + rule.times) {
                armed.fired += 1;
                faults.push(rule.fault.clone());
            }
        }
        faults
    }

    fn rules(&self) -> MutexGuard<'_, Vec<Armed>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn any() -> String {
    "*".to_owned()
}

fn one() -> u64 {
    1
}

/// Whether the pattern covers the whole text; case does not matter.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skip| glob(rest, &text[skip..])),
        Some((first, rest)) => text
            .split_first()
            .is_some_and(|(byte, tail)| byte.eq_ignore_ascii_case(first) && glob(rest, tail)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(nth: u64, times: u64) -> Rule {
        let fault = Fault::LoseAnswer { effect: true };
        Rule { method: "PATCH".to_owned(), path: "*/ingest/*".to_owned(), nth, times, fault }
    }

    #[test]
    fn a_rule_strikes_from_its_nth_match_on_and_so_many_times() {
        for (nth, times, expected) in [
            (1, 1, [true, false, false, false]),
            (2, 2, [false, true, true, false]),
            (3, 0, [false, false, true, true]),
        ] {
            let mischief = Mischief::default();
            mischief.add(rule(nth, times));
            let struck = expected.map(|_| {
                assert!(mischief.strike("GET", "/jobs/ingest/750").is_empty());
                assert!(mischief.strike("PATCH", "/jobs/query/750").is_empty());
                !mischief.strike("PATCH", "/jobs/ingest/750").is_empty()
            });
            assert_eq!(struck, expected, "{nth} {times}");
            let fired = expected.iter().filter(|hit| **hit).count() as u64;
            assert_eq!(mischief.fired(), vec![(rule(nth, times), fired)]);
        }
    }

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("/a/*/c", "/a/b/b/c", true),
            ("/a/*/c", "/a/c", false),
            ("*RESULTS", "/x/failedResults", true),
            ("/a", "/a/b", false),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_rule_is_written_as_json() {
        let text = r#"{"path":"*","fault":{"kind":"answer","status":503,"body":"html"}}"#;
        let rule: Rule = serde_json::from_str(text).unwrap();
        let back: Rule = serde_json::from_str(&serde_json::to_string(&rule).unwrap()).unwrap();
        assert_eq!((rule.nth, rule.times, &rule.method[..]), (1, 1, "*"));
        assert_eq!(back, rule);
        for bad in [r#"{"path":"*"}"#, r#"{"path":"*","fault":{"kind":"nonsense"}}"#] {
            assert!(serde_json::from_str::<Rule>(bad).is_err());
        }
    }
}
