//! What the org says of its daily allowance.

use std::sync::Mutex;

use crate::http::client::Got;

/// The last word of the org on its allowance of calls.
#[derive(Debug, Default)]
pub(super) struct Allowance(Mutex<Option<(u64, u64)>>);

impl Allowance {
    /// Looks for `Sforce-Limit-Info` in an answer.
    pub(super) fn note(&self, got: &Got) {
        if let Some(usage) = got.header("sforce-limit-info").and_then(api_usage) {
            *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(usage);
        }
    }

    /// Used and allowed in the org's rolling day.
    pub(super) fn last(&self) -> Option<(u64, u64)> {
        *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Reads `api-usage=10018/100000; per-app-api-usage=17/250(appName=x)`.
fn api_usage(text: &str) -> Option<(u64, u64)> {
    let part = text.split([';', ',']).find_map(|part| part.trim().strip_prefix("api-usage="))?;
    let (used, allowed) = part.split_once('/')?;
    Some((used.trim().parse().ok()?, allowed.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::api_usage;

    #[test]
    fn limit_info() {
        for (text, usage) in [
            ("api-usage=10018/100000", Some((10_018, 100_000))),
            ("api-usage=1/15000; per-app-api-usage=17/250(appName=my-app)", Some((1, 15_000))),
            ("per-app-api-usage=17/250(appName=x); api-usage=2/3", Some((2, 3))),
            ("api-usage=-1/5", None),
            ("api-usage=1", None),
            ("", None),
        ] {
            assert_eq!(api_usage(text), usage, "{text}");
        }
    }
}
