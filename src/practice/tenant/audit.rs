//! What has happened to the tenant, written independently of what it answers.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Requests that are remembered; the oldest go first.
const REQUESTS_KEPT: usize = 500_000;

/// One change of the tenant's data. What changes nothing is no effect, whatever was answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "object")]
pub enum Effect {
    /// A direct assignment; `api` is the identifier of the resource server.
    UserPermission {
        verb: Change,
        user: String,
        api: String,
        permission: String,
    },
    /// `role` is the id.
    UserRole {
        verb: Change,
        user: String,
        role: String,
    },
    RolePermission {
        verb: Change,
        role: String,
        api: String,
        permission: String,
    },
    /// The values that were written, root members of the user.
    User {
        verb: Act,
        user: String,
        fields: Map<String, Value>,
    },
    Role {
        verb: Act,
        role: String,
        fields: Map<String, Value>,
    },
    /// `fields.scopes` is the whole list after the change.
    ResourceServer {
        verb: Act,
        api: String,
        fields: Map<String, Value>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Change {
    Add,
    Remove,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Act {
    Create,
    Update,
    Delete,
}

/// An effect as it is told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Runs from 1 without gaps.
    pub number: u64,
    /// Milliseconds since 1970 in UTC; the effects of one call share it.
    pub at_ms: i64,
    #[serde(flatten)]
    pub effect: Effect,
}

/// A request that was served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Request {
    pub at_ms: i64,
    pub method: String,
    /// As it was sent, still percent-encoded, without the query.
    pub path: String,
    /// What was answered; 0 when the answer was lost on purpose.
    pub status: u16,
}

/// The log of every effect and every request. The oracle of the tests.
#[derive(Default)]
pub struct Audit {
    effects: Mutex<Vec<(i64, Effect)>>,
    requests: Mutex<VecDeque<Request>>,
}

impl Audit {
    /// Effects so far; the seed has none.
    pub fn len(&self) -> u64 {
        self.effects().len() as u64
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The effects after number `n`, oldest first.
    pub fn entries_since(&self, n: u64) -> Vec<Entry> {
        self.some_since(n, usize::MAX)
    }

    /// At most `count` effects after number `n`, oldest first.
    pub(super) fn some_since(&self, n: u64, count: usize) -> Vec<Entry> {
        let skip = usize::try_from(n).unwrap_or(usize::MAX);
        let entry = |(number, (at_ms, effect)): (u64, &(i64, Effect))| Entry {
            number,
            at_ms: *at_ms,
            effect: effect.clone(),
        };
        (n + 1..).zip(self.effects().iter().skip(skip)).take(count).map(entry).collect()
    }

    /// The last 500,000 requests, oldest first; those of the token endpoint too.
    pub fn requests(&self) -> Vec<Request> {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.iter().cloned().collect()
    }

    pub(super) fn record(&self, at_ms: i64, effect: Effect) {
        self.effects().push((at_ms, effect));
    }

    pub(super) fn request(&self, request: Request) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if requests.len() == REQUESTS_KEPT {
            requests.pop_front();
        }
        requests.push_back(request);
    }

    fn effects(&self) -> MutexGuard<'_, Vec<(i64, Effect)>> {
        self.effects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_numbered_from_1_and_spelled_flat() {
        let audit = Audit::default();
        for user in ["auth0|a", "auth0|b"] {
            let (user, role) = (user.to_owned(), "rol_1".to_owned());
            audit.record(7, Effect::UserRole { verb: Change::Remove, user, role });
        }
        let [entry] = &audit.entries_since(1)[..] else { panic!("one entry") };
        insta::assert_snapshot!(
            serde_json::to_string(entry).unwrap(),
            @r#"{"number":2,"at_ms":7,"object":"UserRole","verb":"remove","user":"auth0|b","role":"rol_1"}"#
        );
        assert_eq!((audit.len(), audit.entries_since(2)), (2, vec![]));
    }
}
