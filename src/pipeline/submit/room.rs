//! Room: how many jobs the org may have at once, by what it shows of itself.
//!
//! A job more while the org begins every job at once, so that it never waits for us; a job less
//! while half of them wait there, since they only stand before those of others; and half as many on
//! trouble: rows that could not lock their records, a service that asks to be spared, a job that
//! waits for longer than those of ours before it explain. Nothing here knows time or the network.
//! Source: `docs/decisions/0029-concurrency.md`.

use crate::model::limits::{
    JOBS_PARALLEL_START, JOBS_UNTIL_TRIED_AGAIN, LOCKED_FEW_PER_MILLE, LOCKED_FEW_ROWS,
    LOCKED_MANY_PER_MILLE,
};

/// How many jobs may be at the org, and why not more. Never less than one.
#[derive(Debug, Clone)]
pub struct Room {
    jobs: usize,
    most: usize,
    locks: Locks,
    barred: Option<Barred>,
    /// Times that there was trouble at all.
    troubles: u32,
    /// Jobs under way when the number was halved; until they have ended they tell of before.
    of_before: usize,
}

/// What the org has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It has begun all jobs that it has, and another one could go.
    AllBegun,
    /// Half of the jobs that it has have not begun.
    HalfWait,
    /// A job has waited twice as long as ours before it took, or more.
    Overdue,
    /// It has asked to be spared (429, 503).
    Spared,
}

/// A number of jobs that made trouble.
#[derive(Debug, Clone, Copy)]
struct Barred {
    jobs: usize,
    /// Jobs that must end before it is tried again.
    until: u64,
}

/// Rows of the last jobs, those that could not lock their records among them; older jobs count for
/// less and less.
#[derive(Debug, Clone, Copy, Default)]
struct Locks {
    rows: u64,
    failed: u64,
}

impl Room {
    /// Room for the first two jobs, and for so many at most.
    pub fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            jobs: JOBS_PARALLEL_START.min(most),
            most,
            locks: Locks::default(),
            barred: None,
            troubles: 0,
            of_before: 0,
        }
    }

    /// Jobs that may be at the org now.
    pub fn jobs(&self) -> usize {
        self.jobs
    }

    /// Whether it would be larger if the org showed that it has nothing to do.
    pub fn may_grow(&self) -> bool {
        let barred = self.barred.is_some_and(|barred| self.jobs + 1 >= barred.jobs);
        self.jobs < self.most
            && self.of_before == 0
            && !barred
            && !self.locks.reach(LOCKED_FEW_PER_MILLE)
    }

    /// The org has shown something, with so many jobs there.
    pub fn sees(&mut self, sign: Sign, under_way: usize) {
        match sign {
            Sign::AllBegun if self.may_grow() => self.jobs += 1,
            Sign::HalfWait if self.jobs > JOBS_PARALLEL_START => self.jobs -= 1,
            Sign::Overdue | Sign::Spared => self.halve(under_way),
            Sign::AllBegun | Sign::HalfWait => {}
        }
    }

    /// A job has ended; of its rows, so many could not lock their records. Others are under way.
    pub fn ended(&mut self, rows: u64, not_locked: u64, under_way: usize) {
        if let Some(barred) = &mut self.barred {
            barred.until = barred.until.saturating_sub(1);
            if barred.until == 0 {
                self.barred = None;
            }
        }
        if self.of_before > 0 {
            self.of_before -= 1;
            return;
        }
        self.locks.add(rows, not_locked);
        if self.locks.exceed(LOCKED_MANY_PER_MILLE) {
            self.halve(under_way);
        }
    }

    /// What made trouble is not tried again soon. Once, until what is under way has ended.
    fn halve(&mut self, under_way: usize) {
        if self.of_before > 0 {
            return;
        }
        let until = JOBS_UNTIL_TRIED_AGAIN << self.troubles.min(16);
        self.barred = Some(Barred { jobs: self.jobs.max(2), until });
        self.troubles += 1;
        self.jobs = (self.jobs / 2).max(1);
        self.of_before = under_way;
        self.locks = Locks::default();
    }
}

impl Locks {
    fn add(&mut self, rows: u64, failed: u64) {
        self.rows = self.rows / 2 + rows;
        self.failed = self.failed / 2 + failed.min(rows);
    }

    fn reach(self, per_mille: u64) -> bool {
        self.failed > 0 && self.failed * 1_000 >= self.rows * per_mille
    }

    /// Of more than a few rows.
    fn exceed(self, per_mille: u64) -> bool {
        self.rows >= LOCKED_FEW_ROWS && self.failed * 1_000 > self.rows * per_mille
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::Sign::{AllBegun, HalfWait, Overdue, Spared};
    use super::*;

    /// What happens to a room.
    #[derive(Clone, Copy)]
    enum Step {
        Sees(Sign, usize),
        Ended(u64, u64, usize),
    }
    use Step::{Ended, Sees};

    fn jobs_after(most: usize, steps: &[(Step, usize)]) -> Vec<usize> {
        let mut room = Room::new(most);
        let mut all = Vec::new();
        for (step, times) in steps {
            for _ in 0..*times {
                match *step {
                    Sees(sign, under_way) => room.sees(sign, under_way),
                    Ended(rows, not_locked, under_way) => room.ended(rows, not_locked, under_way),
                }
            }
            all.push(room.jobs());
        }
        all
    }

    #[test]
    fn the_number_of_jobs_follows_what_the_org_shows() {
        let good = Ended(10_000, 0, 0);
        for (what, most, steps, jobs) in [
            ("up to the most", 8, &[(Sees(AllBegun, 2), 9)][..], &[8][..]),
            ("never above what was asked for", 1, &[(Sees(AllBegun, 1), 3)], &[1]),
            ("half of them wait", 8, &[(Sees(AllBegun, 2), 6), (Sees(HalfWait, 8), 9)], &[8, 2]),
            (
                "others need the org; what was begun before tells nothing of it",
                8,
                &[
                    (Sees(AllBegun, 2), 6),
                    (Sees(Overdue, 8), 3),
                    (Sees(AllBegun, 4), 3),
                    (good, 7),
                    (Sees(AllBegun, 4), 1),
                    (good, 1),
                    (Sees(AllBegun, 4), 9),
                ],
                &[8, 4, 4, 4, 4, 4, 7],
            ),
            ("a few rows tell nothing", 8, &[(Ended(499, 499, 1), 9)], &[2]),
            ("it is never none", 8, &[(Sees(Spared, 0), 9)], &[1]),
            (
                "few locks stop the growth, many halve",
                8,
                &[
                    (Sees(AllBegun, 2), 2),
                    (Ended(10_000, 51, 3), 1),
                    (Sees(AllBegun, 4), 5),
                    (Ended(10_000, 400, 3), 1),
                    (Ended(10_000, 9_000, 2), 3),
                    (Ended(10_000, 9_000, 1), 1),
                ],
                &[4, 4, 4, 2, 2, 1],
            ),
            (
                "what made trouble is tried again after sixteen jobs",
                3,
                &[
                    (Sees(AllBegun, 2), 1),
                    (Sees(Spared, 0), 1),
                    (Sees(AllBegun, 1), 5),
                    (good, 15),
                    (Sees(AllBegun, 2), 5),
                    (good, 1),
                    (Sees(AllBegun, 2), 5),
                ],
                &[3, 1, 2, 2, 2, 2, 3],
            ),
        ] {
            assert_eq!(jobs_after(most, steps), jobs, "{what}");
        }
    }

    /// An org that works on so many jobs at a time, the others in their order.
    struct Plant {
        capacity: usize,
        /// Ends of the jobs that have begun, in ms.
        begun: Vec<u64>,
        waiting: VecDeque<u64>,
        now: u64,
        dice: u64,
    }

    impl Plant {
        fn roll(&mut self, from: u64, to: u64) -> u64 {
            self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            from + (self.dice >> 33) % (to - from)
        }

        fn begin(&mut self) {
            while self.begun.len() < self.capacity
                && let Some(length) = self.waiting.pop_front()
            {
                self.begun.push(self.now + length);
            }
        }

        /// A job ends, others take its place, and the room sees what the poller would.
        fn step(&mut self, room: &mut Room) {
            let first = (0..self.begun.len()).min_by_key(|place| self.begun[*place]);
            if let Some(first) = first {
                self.now = self.begun.swap_remove(first);
                room.ended(10_000, 0, self.begun.len() + self.waiting.len());
            }
            self.begin();
            while self.begun.len() + self.waiting.len() < room.jobs() {
                let length = self.roll(8_000, 12_000);
                self.waiting.push_back(length);
                self.begin();
            }
            let there = self.begun.len() + self.waiting.len();
            if there > room.jobs() {
                return;
            }
            if self.waiting.is_empty() {
                room.sees(AllBegun, there);
            } else if self.begun.len() <= there / 2 && room.jobs() > JOBS_PARALLEL_START + 1 {
                room.sees(HalfWait, there);
            }
        }
    }

    proptest! {
        /// After a step of the org's capacity to a quarter or to four times as much the number has
        /// settled within twenty jobs: from then on it stays within 30 % of its mean, keeps the org
        /// busy, and no more than half of the jobs wait.
        #[test]
        fn it_settles_within_twenty_jobs_of_a_change(
            capacities in prop::sample::select(vec![[1, 4, 1], [2, 8, 2], [4, 1, 4], [8, 2, 8]]),
            seed in any::<u64>(),
        ) {
            let mut room = Room::new(8);
            let (begun, waiting) = (Vec::new(), VecDeque::new());
            let mut plant = Plant { capacity: 1, begun, waiting, now: 0, dice: seed };
            for capacity in capacities {
                plant.capacity = capacity;
                (0..20).for_each(|_| plant.step(&mut room));
                let mut seen = Vec::new();
                for _ in 0..60 {
                    plant.step(&mut room);
                    seen.push(u32::try_from(room.jobs()).unwrap());
                }
                let mean = f64::from(seen.iter().sum::<u32>()) / 60.0;
                for jobs in seen {
                    prop_assert!((f64::from(jobs) - mean).abs() <= 0.3 * mean, "{capacity}: {jobs}");
                    prop_assert!(jobs as usize >= capacity.min(8), "{capacity}: {jobs}");
                    prop_assert!(jobs as usize <= 2 * capacity + 1, "{capacity}: {jobs}");
                }
            }
        }

        /// Whatever happens it stays within its bounds, and changes by one or to the half.
        #[test]
        fn it_stays_within_its_bounds(
            most in 1_usize..26,
            steps in prop::collection::vec((0_u8..5, 0_u64..20_000, 0_u64..2_000, 0_usize..9), 0..80),
        ) {
            let mut room = Room::new(most);
            for (what, rows, not_locked, under_way) in steps {
                let before = room.jobs();
                match what {
                    0 => room.sees(AllBegun, under_way),
                    1 => room.sees(HalfWait, under_way),
                    2 => room.sees(Overdue, under_way),
                    3 => room.sees(Spared, under_way),
                    _ => room.ended(rows, not_locked, under_way),
                }
                let now = room.jobs();
                prop_assert!((1..=most).contains(&now));
                let half = (before / 2).max(1);
                prop_assert!(now == before || now == before + 1 || now + 1 == before || now == half);
            }
        }
    }
}
