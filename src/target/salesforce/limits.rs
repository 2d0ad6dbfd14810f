//! What the org says of its daily allowance.

use std::sync::Mutex;

use serde_json::Value;

use super::session::Request;
use super::{Salesforce, either};
use crate::http::client::Got;
use crate::target::{Fault, Limits};

/// What the org allows, by `GET /limits`; one call. Source: REST API, limits; whoever may not view
/// the setup of the org is refused.
pub(super) async fn ask(org: &Salesforce) -> Result<Limits, Fault> {
    let request = Request::get("ask for the org's limits", format!("{}/limits", org.base));
    Ok(limits(&either(org.session.fetch(&request).await)?))
}

fn limits(said: &Value) -> Limits {
    let entry = |name: &str| {
        let of = |member: &str| said[name][member].as_u64();
        of("Remaining").zip(of("Max"))
    };
    Limits { calls: entry("DailyApiRequests"), batches: entry("DailyBulkApiBatches") }
}

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
    use super::*;

    #[test]
    fn limits_are_read_where_the_org_says_them() {
        let said = serde_json::json!({
            "DailyApiRequests": {"Max": 100_000, "Remaining": 99_999},
            "DailyBulkApiBatches": {"Max": 15_000, "Remaining": 14_000, "Extra": {}},
            "PermissionSets": {"Max": 1_500},
        });
        let expected = Limits { calls: Some((99_999, 100_000)), batches: Some((14_000, 15_000)) };
        assert_eq!(limits(&said), expected);
        let strange = serde_json::json!({"DailyApiRequests": {"Max": 9}, "DailyBulkApiBatches": 3});
        assert_eq!(limits(&strange), Limits::default());
    }

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
