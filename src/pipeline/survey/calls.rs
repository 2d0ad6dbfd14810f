//! What a load costs in API calls, as arithmetic.

use crate::pipeline::budget::{Cost, Room};
use crate::target::ApiUsage;

/// Calls of a load, and batches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    /// Made before the first row: sign-in, version, org, user, describes, lookups, limits, and
    /// those that look for unchanged rows.
    pub before: u64,
    /// Those of them that look for unchanged rows.
    pub look: u64,
    /// For all jobs together, about; an Auth0 tenant has calls for users instead, at most these.
    pub for_jobs: u64,
    /// Batches of Bulk API that the jobs come to; 0 where there are none.
    pub batches: u64,
    /// Left of the org's day now, and its allowance; `None` where the org does not say.
    pub left: Option<(u64, u64)>,
    /// What the budget leaves for the jobs.
    pub room: Room,
}

impl Calls {
    /// What jobs of this cost make of it; `begun` is what a load has used when its first job is
    /// made, and `usage` what the survey has, which may have looked further.
    pub fn of(jobs: Cost, begun: ApiUsage, usage: ApiUsage, room: Room) -> Self {
        let left = usage.org_used.zip(usage.org_allowed);
        Self {
            before: begun.calls,
            look: 0,
            for_jobs: jobs.calls(),
            batches: jobs.batches,
            left: left.map(|(used, allowed)| (allowed.saturating_sub(used), allowed)),
            room,
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

    /// Whether the budget has not so many, so that the run would pause.
    pub fn are_too_many(&self) -> bool {
        self.room.calls.is_some_and(|room| self.for_jobs > room)
            || self.room.batches.is_some_and(|room| self.batches > room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_and_what_of_it_may_be_used() {
        let jobs = Cost { to_begin: 12, to_end: 16, batches: 4 };
        for (used, room, left, too_many) in [
            (Some((50, 100)), (Some(30), Some(4)), Some((50, 100)), false),
            (Some((50, 100)), (Some(28), None), Some((50, 100)), false),
            (Some((50, 100)), (Some(27), None), Some((50, 100)), true),
            (Some((50, 100)), (Some(30), Some(3)), Some((50, 100)), true),
            (Some((101, 100)), (Some(0), None), Some((0, 100)), true),
            (None, (None, None), None, false),
        ] {
            let usage = ApiUsage {
                calls: 5,
                retries: 0,
                spared: 0,
                org_used: used.map(|used| used.0),
                org_allowed: used.map(|used| used.1),
            };
            let room = Room { calls: room.0, batches: room.1 };
            let calls = Calls::of(jobs, usage, ApiUsage { calls: 9, ..usage }, room);
            assert_eq!((calls.all(), calls.left), (33, left), "{used:?}");
            assert_eq!(calls.are_too_many(), too_many, "{used:?} {room:?}");
        }
    }
}
