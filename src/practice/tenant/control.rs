//! `/practice/tenant/*`: how a test or a person steers a tenant that runs elsewhere.
//!
//! These paths are ours, not the vendor's; they are served on loopback only and need no sign-in.
//! Mischief and the clock are those of the practice org: `/practice/mischief`, `/practice/clock`.
//!
//! | call | does |
//! |---|---|
//! | `GET /practice/tenant/audit?since=n` | the effects after number n, at most 10,000 |
//! | `GET /practice/tenant/requests?since=n` | the requests after number n |
//! | `GET /practice/tenant/switches` | the settings |
//! | `PUT /practice/tenant/switches` | settings from now on; what is not named is as by default |

use serde_json::{Value, json};

use super::reply::{Outcome, Refusal, Reply};
use super::switches::Switches;
use super::wire::Call;

const ENTRIES_MAX: usize = 10_000;

pub(super) fn route(call: &Call<'_>) -> Outcome {
    let path: Vec<&str> = call.segments.iter().skip(2).map(String::as_str).collect();
    match (call.method.as_str(), path.as_slice()) {
        ("GET", ["audit"]) => {
            let audit = call.tenant.audit();
            let entries = audit.some_since(since(call)?, ENTRIES_MAX);
            Ok(Reply::ok(json!({"length": audit.len(), "entries": entries})))
        }
        ("GET", ["requests"]) => {
            let skip = usize::try_from(since(call)?).unwrap_or(usize::MAX);
            let all = call.tenant.audit().requests();
            let requests: Vec<Value> = all.iter().skip(skip).map(|one| json!(one)).collect();
            Ok(Reply::ok(json!({"length": all.len(), "requests": requests})))
        }
        ("GET", ["switches"]) => Ok(Reply::ok(json!(*call.switches))),
        ("PUT", ["switches"]) => {
            let bad =
                |error: serde_json::Error| Refusal::new(400, "bad_switches", error.to_string());
            let switches: Switches = serde_json::from_slice(&call.body).map_err(bad)?;
            call.tenant.set_switches(switches);
            Ok(Reply::no_content())
        }
        _ => Err(Refusal::no_route()),
    }
}

fn since(call: &Call<'_>) -> Result<u64, Refusal> {
    let text = call.param("since").unwrap_or("0");
    text.parse().map_err(|_| Refusal::new(400, "bad_since", "`since` is not a number"))
}
