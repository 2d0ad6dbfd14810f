//! Settings of a tenant: its plan, and what the vendor's documents leave open.
//!
//! Each switch is one open question about the real service (section 8 of the protocol reference, or
//! a fact that it marks as remembered only). The default is what is best documented or has been
//! seen most; a client must be right under every setting.

use serde::{Deserialize, Serialize};

/// The plan of the tenant and the open questions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Switches {
    /// How many calls the tenant may make.
    pub plan: Plan,
    /// How an allowance fills again.
    pub refill: Refill,
    /// Calls a minute that others make on the same allowance: log-ins, Actions, other tools.
    pub other_calls_per_minute: u32,
    /// Whether a 429 of the Management API says when to come back.
    pub retry_after: RetryAfter,
    /// The allowance that `/users/{id}/permissions` and `/users/{id}/roles` draw on where a plan
    /// has several.
    pub assignments_group: AssignmentsGroup,
    /// Seconds that an access token is good for.
    pub token_lifetime_s: u32,
    /// How the token endpoint's own allowance looks.
    pub token_bucket: TokenBucket,
    /// Tokens that a client may get in an hour; none means that there is no quota.
    pub tokens_per_hour: Option<u32>,
    /// Whether one of the scopes that a call names is enough.
    pub scopes: Scopes,
    /// Removing a permission of an API that is not there.
    pub delete_unknown_api: Absent,
    /// Deleting a user who is not there.
    pub delete_absent_user: Absent,
    /// Assigning a permission or a role that is held already.
    pub repeated_assignment: Repeated,
    /// A role id that names no role, in `POST /users/{id}/roles` and `DELETE /users/{id}/roles`.
    pub unknown_role: UnknownRole,
    /// Items of one call at most: permissions, roles, users of a role.
    pub permissions_max: Option<usize>,
    pub roles_max: Option<usize>,
    pub members_max: Option<usize>,
    /// The same item twice in one call.
    pub duplicate_items: Strictness,
    /// Whether what stands before a bad item is done all the same.
    pub partial_writes: bool,
    /// What `DELETE /roles/{id}/permissions` answers.
    pub role_permissions_delete: Done,
    /// A page that begins before record 1,000 and ends behind it.
    pub page_across_cap: PageAcrossCap,
    /// A query parameter that a GET does not know.
    pub unknown_query: Strictness,
    /// Whether a last page that is not full still names a next one, which is empty.
    pub empty_last_page: bool,
    /// A `|` in a path that is not percent-encoded.
    pub raw_pipe: Strictness,
    /// Whether `statusCode` in the body of an error is a text.
    pub status_code_text: bool,
    /// Milliseconds until a change is found by a search.
    pub search_lag_ms: i64,
    /// Milliseconds that a job is pending, and processing after that.
    pub job_pending_ms: i64,
    pub job_processing_ms: i64,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            plan: Plan::default(),
            refill: Refill::default(),
            other_calls_per_minute: 0,
            retry_after: RetryAfter::default(),
            assignments_group: AssignmentsGroup::default(),
            token_lifetime_s: 86_400,
            token_bucket: TokenBucket::default(),
            tokens_per_hour: None,
            scopes: Scopes::default(),
            delete_unknown_api: Absent::default(),
            delete_absent_user: Absent::default(),
            repeated_assignment: Repeated::default(),
            unknown_role: UnknownRole::default(),
            permissions_max: None,
            roles_max: None,
            members_max: None,
            duplicate_items: Strictness::Accepted,
            partial_writes: false,
            role_permissions_delete: Done::default(),
            page_across_cap: PageAcrossCap::default(),
            unknown_query: Strictness::Refused,
            empty_last_page: false,
            raw_pipe: Strictness::Accepted,
            status_code_text: false,
            search_lag_ms: 1_000,
            job_pending_ms: 200,
            job_processing_ms: 300,
        }
    }
}

/// The allowances of section 4.1 of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Plan {
    /// No limit and no rate headers.
    Unlimited,
    /// 2 at once, 2 a second.
    Free,
    /// Groups: reading users 40 and 500 a minute, writing users 20 and 200, the rest 10 and 150.
    Essentials,
    /// 50 at once, 16 a second.
    #[default]
    Enterprise,
    /// 10 at once, 2 a second.
    EnterpriseNonProduction,
    /// As many at once as a second; sold with 20, 50, 250, 750, 1500, 3000 and 5000.
    PrivateCloud(u32),
    /// Anything else: calls at once, and calls a minute after that.
    #[serde(rename_all = "camelCase")]
    Own { burst: u32, per_minute: u32 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Refill {
    /// One call after another; the reset time is when the allowance is full again.
    #[default]
    Drip,
    /// At the top of each second; the reset time is the next one.
    FixedWindow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RetryAfter {
    #[default]
    Never,
    Seconds,
    Date,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AssignmentsGroup {
    #[default]
    Other,
    Users,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TokenBucket {
    /// 30 at once and a second.
    #[default]
    PerSecond,
    /// 100 at once and one more each 864 s.
    PerDay,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Scopes {
    #[default]
    Any,
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Absent {
    #[default]
    NoContent,
    NotFound,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Repeated {
    #[default]
    Accepted,
    Conflict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum UnknownRole {
    /// 404 without an error code.
    #[default]
    NotFound,
    /// 400 `invalid_body`, as on invitations.
    InvalidBody,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Strictness {
    Accepted,
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Done {
    #[default]
    NoContent,
    /// 200 with `{}`, as the vendor's reference says.
    Ok,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PageAcrossCap {
    #[default]
    Refused,
    /// The page ends with record 1,000.
    Cut,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_name_only_what_it_changes() {
        let text = r#"{"plan":{"own":{"burst":5,"perMinute":60}},"refill":"fixedWindow"}"#;
        let read: Switches = serde_json::from_str(text).unwrap();
        let plan = Plan::Own { burst: 5, per_minute: 60 };
        let expected = Switches { plan, refill: Refill::FixedWindow, ..Switches::default() };
        assert_eq!(read, expected);
        for bad in [r#"{"plan":"gold"}"#, r#"{"pace":1}"#] {
            assert!(serde_json::from_str::<Switches>(bad).is_err(), "{bad}");
        }
    }
}
