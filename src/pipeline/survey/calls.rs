//! What a load costs in API calls, as arithmetic.

use super::Jobs;
use crate::pipeline::budget::{FOR_A_USER, TO_ASK, TO_BEGIN, TO_FETCH};
use crate::target::ApiUsage;

/// Calls of a load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// Made before the first row: sign-in, version, org, user, describes, lookups, and those that
    /// look for unchanged rows.
    pub before: u64,
    /// Those of them that look for unchanged rows.
    pub look: u64,
    /// For all jobs together, about; an Auth0 tenant has calls for users instead, at most these.
    pub for_jobs: u64,
    /// Left of the org's day now, and its allowance; `None` where the org does not say.
    pub left: Option<(u64, u64)>,
}

impl Calls {
    /// What these jobs will cost; `begun` is what a load has used when its first job is made, and
    /// `usage` what the survey has, which may have looked further.
    pub fn of(kind: &str, jobs: &Jobs, begun: ApiUsage, usage: ApiUsage) -> Self {
        let for_jobs = if kind == "auth0" {
            jobs.rows * FOR_A_USER
        } else {
            jobs.count * (TO_BEGIN + TO_ASK + TO_FETCH)
        };
        let left = usage.org_used.zip(usage.org_allowed);
        Self {
            before: begun.calls,
            look: 0,
            for_jobs,
            left: left.map(|(used, allowed)| (allowed.saturating_sub(used), allowed)),
        }
    }

    /// The same with so many calls that look for unchanged rows, which are made already.
    #[must_use]
    pub fn with_look(self, look: u64) -> Self {
        Self { look, ..self }
    }

    /// All of them, about.
    pub fn all(&self) -> u64 {
        self.before + self.for_jobs
    }

    /// Whether the org has not so many left today.
    pub fn are_too_many(&self) -> bool {
        self.left.is_some_and(|(left, _)| self.all() > left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_by_kind_and_what_is_left() {
        let jobs = Jobs { count: 4, rows: 1_000, ..Jobs::default() };
        for (kind, used, all, too_many) in [
            ("salesforce", Some((50, 100)), 33, false),
            ("salesforce", Some((68, 100)), 33, true),
            ("salesforce", Some((101, 100)), 33, true),
            ("salesforce", None, 33, false),
            ("auth0", None, 3_005, false),
        ] {
            let usage = ApiUsage {
                calls: 5,
                retries: 0,
                spared: 0,
                org_used: used.map(|used| used.0),
                org_allowed: used.map(|used| used.1),
            };
            let calls = Calls::of(kind, &jobs, usage, ApiUsage { calls: 9, ..usage });
            assert_eq!((calls.all(), calls.are_too_many()), (all, too_many), "{kind} {used:?}");
        }
    }
}
