//! The tests of the tenant: each quirk by the section of the protocol reference that tells of it.

mod documents;
mod grants;
mod jobs;
mod kept;
mod mischief;
mod model;
mod pace;
mod roles;
mod sign_in;
mod users;

use serde_json::{Value, json};

use super::super::clock::Clock;
use super::super::rig::{Heard, Rig};
use super::super::{Org, Practice, SeedSize};
use super::audit::Effect;
use super::switches::{Plan, Switches};
use super::token::SCOPES;
use super::{Person, Tenant, TenantSize};

/// The time of the tests' clock, which stands still: 2026-11-20T09:00:00Z.
const NOW: i64 = 1_795_165_200_000;

const SHIPPING: &str = "https://shipping.example/api";
const BILLING: &str = "https://billing.example/";

/// A tenant with 60 users and no limits, signed in with all scopes.
fn desk() -> Desk {
    switched(Switches::default())
}

fn switched(mut switches: Switches) -> Desk {
    switches.plan = Plan::Unlimited;
    sized(60, switches)
}

fn sized(users: u32, switches: Switches) -> Desk {
    let tenant = Tenant::new(&TenantSize { users, ..TenantSize::default() });
    Desk::of(tenant.with_switches(switches))
}

struct Desk {
    rig: Rig,
}

impl Desk {
    fn of(tenant: Tenant) -> Self {
        let org = Org::new(&SeedSize { users: 1, permission_sets: 1 });
        let practice = Practice::of(org, Some(tenant), Clock::of(|| NOW)).unwrap();
        let token = practice.issue_tenant_token(SCOPES).unwrap();
        Self { rig: Rig { practice, token } }
    }

    fn tenant(&self) -> &Tenant {
        self.rig.practice.tenant().unwrap()
    }

    fn pass(&self, ms: i64) {
        self.rig.practice.clock().advance_ms(ms);
    }

    /// A signed-in call below `/api/v2`.
    async fn call(&self, method: &str, path: &str, body: Value) -> Heard {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.rig.call(method, &format!("/api/v2{path}"), &body).await
    }

    async fn get(&self, path: &str) -> Heard {
        self.call("GET", path, Value::Null).await
    }

    fn person(&self, fits: impl Fn(&Person) -> bool) -> Person {
        self.tenant().people().into_iter().find(fits).unwrap()
    }

    /// A user of the database with direct permissions.
    fn usual(&self) -> Person {
        self.person(|person| {
            person.id.starts_with("auth0|") && self.tenant().permissions_of(&person.id).len() > 2
        })
    }

    /// The effects so far, as JSON without number and time.
    fn effects(&self) -> Vec<Effect> {
        self.tenant().audit().entries_since(0).into_iter().map(|entry| entry.effect).collect()
    }
}

/// `404 inexistent_user`, or the status alone.
fn said(heard: &Heard) -> String {
    let body: Value = serde_json::from_slice(&heard.body).unwrap_or_default();
    let code = body["errorCode"].as_str().unwrap_or_default();
    format!("{} {code}", heard.status.as_u16()).trim_end().to_owned()
}

fn message(heard: &Heard) -> String {
    heard.json()["message"].as_str().unwrap_or_default().to_owned()
}

/// Percent-encodes all but the unreserved characters. Source: section 2.
fn encode(segment: &str) -> String {
    use std::fmt::Write;
    segment.bytes().fold(String::new(), |mut all, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            all.push(char::from(byte));
        } else {
            write!(all, "%{byte:02X}").unwrap();
        }
        all
    })
}

fn user_path(id: &str, rest: &str) -> String {
    format!("/users/{}{rest}", encode(id))
}

fn pair(api: &str, name: &str) -> Value {
    json!({"resource_server_identifier": api, "permission_name": name})
}

fn pairs(list: &[(&str, &str)]) -> Value {
    let pair = |(api, name): &(&str, &str)| pair(api, name);
    json!({"permissions": list.iter().map(pair).collect::<Vec<_>>()})
}

fn as_pairs(list: &[(String, String)]) -> Vec<(&str, &str)> {
    list.iter().map(|(api, name)| (api.as_str(), name.as_str())).collect()
}
