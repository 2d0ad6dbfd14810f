//! Allowances: buckets of calls that fill again, with the headers that tell of them.
//!
//! Source: sections 4.1 to 4.3 of the protocol reference. A bucket holds `size` calls and fills at
//! a steady rate, one call after another (drip) or at the top of each second (fixed window).

use http::Method;

use super::switches::{AssignmentsGroup, Plan, Refill, Switches, TokenBucket};

/// Calls that draw on one allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// The one allowance of most plans.
    Global,
    ReadUsers,
    WriteUsers,
    /// Everything else, where a plan has groups.
    Other,
    /// The token endpoint.
    Tokens,
}

impl Group {
    /// The allowance that a call of the Management API draws on; `path` without `/api/v2`.
    pub fn of(method: &Method, path: &[&str], switches: &Switches) -> Self {
        if switches.plan != Plan::Essentials {
            return Self::Global;
        }
        let users = match path {
            ["users"] | ["users", _] => true,
            ["users", _, "permissions" | "roles"] => {
                switches.assignments_group == AssignmentsGroup::Users
            }
            _ => false,
        };
        match (users, *method == Method::GET) {
            (true, true) => Self::ReadUsers,
            (true, false) => Self::WriteUsers,
            (false, _) => Self::Other,
        }
    }

    /// What the 429 says.
    pub fn refusal(self) -> &'static str {
        match self {
            Self::Global | Self::Tokens => "Global limit has been reached",
            Self::ReadUsers => "Global per second users_read group limit has been reached",
            Self::WriteUsers => "Global per second users_write group limit has been reached",
            Self::Other => "Global per second default group limit has been reached",
        }
    }
}

/// What became of a call that asked for its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    pub allowed: bool,
    pub limit: u32,
    pub remaining: u32,
    /// Unix seconds.
    pub reset: i64,
    /// Milliseconds until one call is possible again; 0 when one is.
    pub wait_ms: i64,
}

/// All buckets of a tenant.
#[derive(Debug, Default)]
pub struct Limiter {
    buckets: [Option<Bucket>; 5],
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// In [`PART`]s, so that next to nothing is lost by rounding.
    content: i128,
    filled_ms: i64,
}

/// Size and rate of a bucket.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    size: u32,
    /// Calls in `per_ms` milliseconds.
    calls: u32,
    per_ms: u32,
}

/// Parts of a call that a bucket counts in.
const PART: i128 = 1_000_000_000;

impl Allowance {
    const fn per_minute(size: u32, calls: u32) -> Self {
        Self { size, calls, per_ms: 60_000 }
    }

    const fn per_second(size: u32, calls: u32) -> Self {
        Self { size, calls, per_ms: 1_000 }
    }

    fn of(group: Group, switches: &Switches) -> Option<Self> {
        Some(match (group, switches.plan) {
            (Group::Tokens, _) => match switches.token_bucket {
                TokenBucket::PerSecond => Self::per_second(30, 30),
                TokenBucket::PerDay => Self { size: 100, calls: 1, per_ms: 864_000 },
            },
            (_, Plan::Unlimited) => return None,
            (_, Plan::Free) => Self::per_second(2, 2),
            (Group::ReadUsers, _) => Self::per_minute(40, 500),
            (Group::WriteUsers, _) => Self::per_minute(20, 200),
            (_, Plan::Essentials) => Self::per_minute(10, 150),
            (_, Plan::Enterprise) => Self::per_second(50, 16),
            (_, Plan::EnterpriseNonProduction) => Self::per_second(10, 2),
            (_, Plan::PrivateCloud(rate)) => Self::per_second(rate, rate),
            (_, Plan::Own { burst, per_minute }) => Self::per_minute(burst, per_minute),
        })
    }

    fn full(self) -> i128 {
        i128::from(self.size) * PART
    }

    /// What flows in during so many milliseconds.
    fn inflow(self, ms: i64) -> i128 {
        i128::from(ms) * i128::from(self.calls) * PART / i128::from(self.per_ms.max(1))
    }

    /// Milliseconds until so much has flowed in, rounded up.
    fn time_for(self, parts: i128) -> i64 {
        let rate = i128::from(self.calls.max(1)) * PART;
        let ms = (parts.max(0) * i128::from(self.per_ms) + rate - 1) / rate;
        i64::try_from(ms).unwrap_or(i64::MAX)
    }
}

impl Limiter {
    /// Takes one call of the group's allowance; none where the plan has no limit.
    pub fn take(&mut self, group: Group, switches: &Switches, now_ms: i64) -> Option<Taken> {
        let allowance = Allowance::of(group, switches)?;
        let slot = &mut self.buckets[group as usize];
        let bucket = slot.get_or_insert(Bucket { content: allowance.full(), filled_ms: now_ms });
        let others = if group == Group::Tokens { 0 } else { switches.other_calls_per_minute };
        // The plan may have been larger a moment ago.
        bucket.content = bucket.content.min(allowance.full());
        bucket.fill(allowance, switches.refill, others, now_ms);
        let allowed = bucket.content >= PART;
        if allowed {
            bucket.content -= PART;
        }
        Some(bucket.tell(allowance, switches.refill, now_ms, allowed))
    }

    /// Leaves so many calls in every Management API allowance, as if others had made the rest.
    pub fn leave(&mut self, remaining: u64, switches: &Switches, now_ms: i64) {
        for group in [Group::Global, Group::ReadUsers, Group::WriteUsers, Group::Other] {
            let Some(allowance) = Allowance::of(group, switches) else { continue };
            let content = (i128::from(remaining) * PART).min(allowance.full());
            self.buckets[group as usize] = Some(Bucket { content, filled_ms: now_ms });
        }
    }
}

impl Bucket {
    fn fill(&mut self, allowance: Allowance, refill: Refill, others: u32, now_ms: i64) {
        let passed = now_ms - self.filled_ms;
        if passed <= 0 {
            return;
        }
        let granted = match refill {
            Refill::Drip => passed,
            Refill::FixedWindow => window(now_ms) - window(self.filled_ms),
        };
        let others = Allowance::per_minute(0, others).inflow(passed);
        let inflow = allowance.inflow(granted);
        self.content = (self.content + inflow - others).clamp(0, allowance.full());
        self.filled_ms = now_ms;
    }

    fn tell(self, allowance: Allowance, refill: Refill, now_ms: i64, allowed: bool) -> Taken {
        let drip_ms = now_ms.saturating_add(allowance.time_for(allowance.full() - self.content));
        let (reset_ms, next_ms) = match refill {
            Refill::Drip => (drip_ms, now_ms + allowance.time_for(PART - self.content)),
            Refill::FixedWindow => (window(now_ms) + 1_000, window(now_ms) + 1_000),
        };
        Taken {
            allowed,
            limit: allowance.size,
            remaining: u32::try_from(self.content / PART).unwrap_or_default(),
            reset: reset_ms.saturating_add(999).div_euclid(1_000),
            wait_ms: if self.content >= PART { 0 } else { next_ms - now_ms },
        }
    }
}

/// The top of the second that a time lies in.
fn window(ms: i64) -> i64 {
    ms - ms.rem_euclid(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_700_000_000_000;

    fn with(plan: Plan, refill: Refill) -> Switches {
        Switches { plan, refill, ..Switches::default() }
    }

    /// Calls as often as it can for so many seconds; how many were allowed.
    fn allowed(switches: &Switches, seconds: i64) -> usize {
        let mut limiter = Limiter::default();
        (0..seconds * 200)
            .filter(|step| limiter.take(Group::Global, switches, START + step * 5).unwrap().allowed)
            .count()
    }

    #[test]
    fn a_burst_and_then_the_steady_rate_section_4_1() {
        for (plan, refill, expected) in [
            (Plan::Enterprise, Refill::Drip, 50 + 16 * 60),
            (Plan::Enterprise, Refill::FixedWindow, 50 + 16 * 59),
            (Plan::Free, Refill::Drip, 2 + 2 * 60),
            (Plan::PrivateCloud(100), Refill::FixedWindow, 100 * 60),
            (Plan::Own { burst: 3, per_minute: 150 }, Refill::Drip, 3 + 150),
        ] {
            let counted = allowed(&with(plan, refill), 60);
            assert!(counted.abs_diff(expected) <= 1, "{plan:?} {refill:?}: {counted} {expected}");
        }
    }

    #[test]
    fn reset_is_when_the_bucket_is_full_again_section_4_2() {
        let plan = Plan::Own { burst: 10, per_minute: 100 };
        let (switches, mut limiter) = (with(plan, Refill::Drip), Limiter::default());
        // The recorded pairs of the reference: remaining, and the seconds from date to reset.
        let told: Vec<(u32, i64)> = (0..9)
            .map(|_| limiter.take(Group::Global, &switches, START).unwrap())
            .map(|taken| (taken.remaining, taken.reset - START / 1_000))
            .collect();
        for pair in [(9, 1), (8, 2), (6, 3), (4, 4), (2, 5), (1, 6)] {
            assert!(told.contains(&pair), "{pair:?} {told:?}");
        }
        limiter.take(Group::Global, &switches, START).unwrap();
        let refused = limiter.take(Group::Global, &switches, START).unwrap();
        assert_eq!((refused.allowed, refused.remaining, refused.wait_ms), (false, 0, 600));
    }

    #[test]
    fn the_token_endpoint_gives_one_in_864_s_section_4_2() {
        let switches = Switches { token_bucket: TokenBucket::PerDay, ..Switches::default() };
        let mut limiter = Limiter::default();
        let taken = (0..3).map(|_| limiter.take(Group::Tokens, &switches, START).unwrap());
        let last = taken.last().unwrap();
        assert_eq!((last.limit, last.remaining, last.reset - START / 1_000), (100, 97, 2_592));
    }

    #[test]
    fn a_fixed_window_gives_nothing_before_its_edge_section_4_2() {
        let switches = with(Plan::Free, Refill::FixedWindow);
        let mut limiter = Limiter::default();
        let mut at = |ms| limiter.take(Group::Global, &switches, START + ms).unwrap();
        assert!(at(300).allowed && at(300).allowed);
        let refused = at(999);
        assert_eq!(
            (refused.allowed, refused.reset, refused.wait_ms),
            (false, START / 1_000 + 1, 1)
        );
        assert!(at(1_000).allowed && at(1_000).allowed && !at(1_001).allowed);
    }

    #[test]
    fn groups_are_apart_on_essentials_section_4_1() {
        let switches = with(Plan::Essentials, Refill::Drip);
        let other = Switches { assignments_group: AssignmentsGroup::Users, ..switches.clone() };
        let of = |method, path: &[&str], switches| Group::of(&method, path, switches);
        for (method, path, group) in [
            (Method::GET, &["users"][..], Group::ReadUsers),
            (Method::PATCH, &["users", "auth0|a"], Group::WriteUsers),
            (Method::DELETE, &["users", "auth0|a", "permissions"], Group::Other),
            (Method::GET, &["users-by-email"], Group::Other),
            (Method::POST, &["roles", "rol_1", "users"], Group::Other),
        ] {
            assert_eq!(of(method, path, &switches), group, "{path:?}");
        }
        let path = ["users", "auth0|a", "permissions"];
        assert_eq!(of(Method::DELETE, &path, &other), Group::WriteUsers);
        let global = with(Plan::Enterprise, Refill::Drip);
        assert_eq!(of(Method::GET, &["users"], &global), Group::Global);
        let mut limiter = Limiter::default();
        let limits = [Group::ReadUsers, Group::WriteUsers, Group::Other]
            .map(|group| limiter.take(group, &switches, START).unwrap().limit);
        assert_eq!(limits, [40, 20, 10]);
    }

    #[test]
    fn others_draw_on_the_same_allowance_section_4_1() {
        let mut switches = with(Plan::Enterprise, Refill::Drip);
        switches.other_calls_per_minute = 8 * 60;
        assert!(allowed(&switches, 60).abs_diff(50 + 8 * 60) <= 1);
        let mut limiter = Limiter::default();
        limiter.leave(1, &switches, START);
        let mut take = || limiter.take(Group::Global, &switches, START).unwrap().allowed;
        assert_eq!([take(), take()], [true, false]);
    }

    #[test]
    fn a_smaller_plan_counts_at_once() {
        let mut limiter = Limiter::default();
        let large = with(Plan::Enterprise, Refill::Drip);
        limiter.take(Group::Global, &large, START).unwrap();
        let small = with(Plan::Free, Refill::Drip);
        let taken = limiter.take(Group::Global, &small, START).unwrap();
        assert_eq!((taken.limit, taken.remaining), (2, 1));
    }

    #[test]
    fn no_plan_no_limit() {
        let switches = with(Plan::Unlimited, Refill::Drip);
        assert_eq!(Limiter::default().take(Group::Global, &switches, START), None);
    }
}
