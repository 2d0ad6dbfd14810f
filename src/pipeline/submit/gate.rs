//! Gate: the jobs that one org has at once, of all runs of a command.
//!
//! [`Room`] says how many there may be; the gate lets them in, in the order in which they asked,
//! and knows which of them are at the org and which are still being filled.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::room::{Room, Sign};
use crate::model::limits::{LOCKED_MANY_PER_MILLE, UPLOADS_PARALLEL};
use crate::model::wording::counted;

/// Shared by all who send jobs to one org.
#[derive(Debug)]
pub struct Gate {
    places: Arc<Semaphore>,
    /// Jobs that may be filled side by side.
    filling: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    room: Room,
    /// Jobs that have a place, and those of them that are at the org.
    inside: usize,
    there: usize,
    /// Rows of those at the org.
    rows: u64,
    /// Jobs that wait for a place.
    outside: usize,
    /// Places to be closed, as soon as they are left.
    to_close: usize,
    /// Times that the org has asked to be spared, as far as it was seen.
    spared: u64,
}

/// The right to have a job at the org. It goes with the value.
#[derive(Debug)]
pub struct Pass {
    gate: Arc<Gate>,
    place: Option<OwnedSemaphorePermit>,
    /// The right to fill it; gone when it is filled.
    filling: Option<OwnedSemaphorePermit>,
    /// Its rows, when it is at the org.
    there: Option<u64>,
}

/// Waits outside for as long as the value lives.
struct Outside<'a>(&'a Gate);

impl Gate {
    /// For so many jobs at most.
    pub fn new(most: usize) -> Arc<Self> {
        let room = Room::new(most);
        let (places, filling) = (Semaphore::new(room.jobs()), Semaphore::new(UPLOADS_PARALLEL));
        let state =
            State { room, inside: 0, there: 0, rows: 0, outside: 0, to_close: 0, spared: 0 };
        Arc::new(Self {
            places: Arc::new(places),
            filling: Arc::new(filling),
            state: Mutex::new(state),
        })
    }

    /// Lets a job in that is to be filled; `None` when the run breaks down.
    pub async fn enter(self: &Arc<Self>) -> Option<Pass> {
        let filling = Arc::clone(&self.filling).acquire_owned().await.ok()?;
        let waits = Outside::of(self);
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        drop(waits);
        self.locked().inside += 1;
        let (place, filling) = (Some(place), Some(filling));
        Some(Pass { gate: Arc::clone(self), place, filling, there: None })
    }

    /// Jobs that may be at the org now.
    pub fn jobs(&self) -> usize {
        self.locked().room.jobs()
    }

    /// Whether another job would go if there were room: one waits, and all that have a place are at
    /// the org already.
    pub fn is_pressed(&self) -> bool {
        let state = self.locked();
        state.outside > 0 && state.inside == state.there
    }

    /// Whether there would be more room if the org had begun all that it has.
    pub fn may_grow(&self) -> bool {
        self.locked().room.may_grow()
    }

    /// The org has shown something; tells what a person should know of it.
    pub fn sees(&self, sign: Sign) -> Option<String> {
        let fewer = self.change(|state| state.room.sees(sign, state.inside));
        let why = match sign {
            Sign::Overdue => "they wait there for longer than those before them explain",
            Sign::Spared => "the org asks to be spared",
            Sign::AllBegun | Sign::HalfWait => return None,
        };
        fewer.map(|fewer| format!("{fewer}: {why}"))
    }

    /// The target counts how often it was asked to be spared.
    pub fn counts(&self, spared: u64) -> Option<String> {
        let before = std::mem::replace(&mut self.locked().spared, spared);
        if spared > before { self.sees(Sign::Spared) } else { None }
    }

    /// The results of a job are here; so many of its rows could not lock their records.
    pub fn ended(&self, rows: u64, not_locked: u64) -> Option<String> {
        let fewer = self.change(|state| state.room.ended(rows, not_locked, state.inside));
        let percent = LOCKED_MANY_PER_MILLE / 10;
        let why = format!("more than {percent}% of the last rows could not lock their records");
        fewer.map(|fewer| format!("{fewer}: {why}"))
    }

    /// Changes the room, and opens or closes places by it; tells when they are fewer.
    fn change(&self, by: impl FnOnce(&mut State)) -> Option<String> {
        let mut state = self.locked();
        let before = state.room.jobs();
        by(&mut state);
        let now = state.room.jobs();
        if now != before {
            tracing::info!(before, now, "jobs at once");
        }
        if now >= before {
            let kept = (now - before).min(state.to_close);
            state.to_close -= kept;
            self.places.add_permits(now - before - kept);
            return None;
        }
        state.to_close += before - now - self.places.forget_permits(before - now);
        Some(format!("{} at once instead of {before}", counted(now as u64, "job")))
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// The job is filled and started; returns the rows of the jobs that were there before it.
    pub fn is_there(&mut self, rows: u64) -> u64 {
        self.filling = None;
        let mut state = self.gate.locked();
        if self.there.replace(rows).is_none() {
            state.there += 1;
            state.rows += rows;
        }
        state.rows - rows
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut state = self.gate.locked();
        state.inside -= 1;
        if let Some(rows) = self.there {
            state.there -= 1;
            state.rows -= rows;
        }
        if state.to_close > 0
            && let Some(place) = self.place.take()
        {
            state.to_close -= 1;
            place.forget();
        }
    }
}

impl<'a> Outside<'a> {
    fn of(gate: &'a Gate) -> Self {
        gate.locked().outside += 1;
        Self(gate)
    }
}

impl Drop for Outside<'_> {
    fn drop(&mut self) {
        self.0.locked().outside -= 1;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    /// Jobs that get in now.
    fn enter(gate: &Arc<Gate>, passes: &mut Vec<Pass>) {
        // Nobody else fills a job meanwhile.
        while let Some(Some(mut pass)) = gate.enter().now_or_never() {
            pass.is_there(10);
            passes.push(pass);
        }
    }

    #[tokio::test]
    async fn as_many_jobs_get_in_as_there_is_room_for() {
        let gate = Gate::new(8);
        let mut passes = Vec::new();
        enter(&gate, &mut passes);
        assert_eq!((passes.len(), gate.jobs()), (2, 2));
        for _ in 0..6 {
            assert_eq!(gate.sees(Sign::AllBegun), None);
        }
        enter(&gate, &mut passes);
        assert_eq!(passes.len(), 8);
        let told = gate.sees(Sign::Overdue).unwrap();
        let why = "they wait there for longer than those before them explain";
        assert_eq!(told, format!("4 jobs at once instead of 8: {why}"));
        // Four leave before another one gets in.
        passes.truncate(4);
        enter(&gate, &mut passes);
        assert_eq!(passes.len(), 4);
        passes.truncate(3);
        enter(&gate, &mut passes);
        assert_eq!(passes.len(), 4);
        // Places that were to be closed stay open.
        for _ in 0..8 {
            gate.ended(10, 0);
        }
        assert!(gate.ended(1_000, 30).is_some_and(|told| told.starts_with("2 jobs at once")));
        for _ in 0..4 {
            gate.ended(1_000, 0);
        }
        gate.sees(Sign::AllBegun);
        assert_eq!(gate.jobs(), 3);
        passes.truncate(3);
        enter(&gate, &mut passes);
        passes.truncate(2);
        enter(&gate, &mut passes);
        assert_eq!(passes.len(), 3);
        assert_eq!(gate.counts(0), None);
        assert!(gate.counts(2).is_some_and(|told| told.ends_with("the org asks to be spared")));
        assert_eq!(gate.counts(2), None);
    }

    #[tokio::test(start_paused = true)]
    async fn two_jobs_are_filled_side_by_side_and_one_that_waits_is_known() {
        let gate = Gate::new(8);
        (0..3).for_each(|_| drop(gate.sees(Sign::AllBegun)));
        let mut first = gate.enter().await.unwrap();
        let second = gate.enter().await.unwrap();
        assert!(gate.enter().now_or_never().is_none(), "two are being filled");
        assert_eq!(first.is_there(100), 0);
        let mut third = gate.enter().await.unwrap();
        assert_eq!(third.is_there(50), 100);
        assert_eq!(third.is_there(50), 100, "it is there once");
        assert!(!gate.is_pressed());
        let mut fourth = gate.enter().await.unwrap();
        fourth.is_there(1);
        let mut fifth = gate.enter().await.unwrap();
        fifth.is_there(1);
        drop(second);
        let mut sixth = gate.enter().await.unwrap();
        let waiting = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.enter().await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert!(!gate.is_pressed(), "one is not there yet");
        sixth.is_there(1);
        assert!(gate.is_pressed());
        drop(first);
        waiting.await.unwrap().unwrap();
        assert!(!gate.is_pressed());
    }
}
