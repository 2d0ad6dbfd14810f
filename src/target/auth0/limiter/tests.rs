//! The limiter against simulated tenants, in virtual time.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "some thousands at most, none below zero"
)]

use std::collections::BinaryHeap;

use super::*;

/// How a simulated bucket gets its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Model {
    /// One by one; the reset is the second in which it is full.
    Drip,
    /// All of a second at its top; the reset is the next one.
    Window,
}

/// A bucket of the far side. Source: reference page on Auth0, 4.2.
struct Tenant {
    model: Model,
    size: f64,
    rate: f64,
    content: f64,
    at: f64,
    taken: u64,
    refused: u64,
}

impl Tenant {
    fn new(model: Model, size: f64, rate: f64) -> Self {
        Self { model, size, rate, content: size, at: 0.0, taken: 0, refused: 0 }
    }

    fn refill(&mut self, now: f64) {
        let passed = match self.model {
            Model::Drip => now - self.at,
            Model::Window => now.floor() - self.at.floor(),
        };
        self.content = self.rate.mul_add(passed, self.content).min(self.size);
        self.at = now;
    }

    fn serve(&mut self, now: f64) -> (u16, Reading) {
        self.refill(now);
        let status = if self.content >= 1.0 {
            self.content -= 1.0;
            self.taken += 1;
            200
        } else {
            self.refused += 1;
            429
        };
        let reset = match self.model {
            Model::Drip => (now + (self.size - self.content) / self.rate).ceil(),
            Model::Window => now.floor() + 1.0,
        };
        let reset_in = Duration::from_secs_f64((reset - now.floor()).max(0.0));
        let (limit, remaining) = (self.size as u32, self.content.max(0.0) as u32);
        (status, Reading { limit, remaining, reset_in })
    }
}

/// A call on its way: its ticket, what it was answered once it was served, and when that arrives.
type OnTheWay = (Ticket, Option<(u16, Reading)>, u64);

/// An answer on its way, soonest first.
#[derive(PartialEq, Eq)]
struct Coming(std::cmp::Reverse<(u64, u64)>);

impl Ord for Coming {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Coming {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

struct Figures {
    taken: u64,
    refused: u64,
    most_in_flight: usize,
    least: f64,
    per_second: Option<f64>,
}

/// Calls as fast as the limiter lets them, for so many seconds; others take a token every so many
/// milliseconds.
fn simulate(
    tenant: &mut Tenant,
    seconds: u64,
    latency_ms: [u64; 2],
    others: Option<u64>,
) -> Figures {
    let mut limiter = Limiter::new();
    let mut coming: BinaryHeap<Coming> = BinaryHeap::new();
    let mut waiting: BTreeMap<u64, OnTheWay> = BTreeMap::new();
    let (mut number, mut random, mut most) = (0_u64, 7_u64, 0);
    let mut least = f64::MAX;
    for ms in 0..seconds * 1_000 {
        let now = Duration::from_millis(ms);
        let clock = now.as_secs_f64();
        if others.is_some_and(|every| ms % every == 0) {
            tenant.refill(clock);
            tenant.content = (tenant.content - 1.0).max(0.0);
        }
        while coming.peek().is_some_and(|next| next.0.0.0 <= ms) {
            let Coming(std::cmp::Reverse((_, which))) = coming.pop().unwrap();
            let (ticket, served, back_at) = waiting.remove(&which).unwrap();
            match served {
                None => {
                    let served = tenant.serve(clock);
                    least = least.min(tenant.content);
                    coming.push(Coming(std::cmp::Reverse((back_at, which))));
                    waiting.insert(which, (ticket, Some(served), back_at));
                }
                Some((status, reading)) => {
                    let (status, reading) = (Some(status), Some(reading));
                    let back = CameBack { status, reading, retry_after: None };
                    limiter.answered(&ticket, now, back);
                }
            }
        }
        while let Ok(ticket) = limiter.take("x", now) {
            number += 1;
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let length = latency_ms[0] + (random >> 33) % (latency_ms[1] - latency_ms[0] + 1);
            coming.push(Coming(std::cmp::Reverse((ms + length / 2, number))));
            waiting.insert(number, (ticket, None, ms + length.max(2)));
            most = most.max(waiting.len());
        }
    }
    assert_eq!(limiter.refused(), tenant.refused, "a refusal was not seen");
    let (taken, refused, per_second) = (tenant.taken, tenant.refused, limiter.per_second());
    Figures { taken, refused, most_in_flight: most, least, per_second }
}

#[test]
fn nearly_all_of_the_allowance_is_used_and_hardly_a_call_refused() {
    for (model, size, rate, latency) in [
        (Model::Drip, 50.0, 16.0, [120, 500]),
        (Model::Window, 50.0, 16.0, [120, 500]),
        (Model::Drip, 50.0, 16.0, [5, 20]),
        (Model::Window, 50.0, 16.0, [5, 20]),
        (Model::Drip, 10.0, 2.0, [120, 500]),
        (Model::Window, 10.0, 2.0, [120, 500]),
        (Model::Drip, 10.0, 2.5, [120, 500]),
        (Model::Drip, 250.0, 250.0, [120, 500]),
        (Model::Drip, 2.0, 2.0, [120, 500]),
        (Model::Window, 2.0, 2.0, [120, 500]),
    ] {
        let mut tenant = Tenant::new(model, size, rate);
        let seconds = 600;
        let figures = simulate(&mut tenant, seconds, latency, None);
        let allowed = rate * seconds as f64;
        let used = figures.taken as f64 / allowed;
        let refused = figures.refused as f64 / figures.taken as f64;
        let told = format!(
            "{model:?} {size} {rate}/s {latency:?}: {used:.3} used, {refused:.4} refused, {} in \
             flight, least {:.1}",
            figures.most_in_flight, figures.least
        );
        // With a bucket of two there is hardly room to learn in.
        let (least, most) = if size > 2.0 { (0.95, 0.005) } else { (0.7, 0.005) };
        assert!(used >= least, "{told}");
        assert!(refused <= most, "{told}");
    }
}

/// What was saved up goes out in the first seconds, and is not taken for what can be kept up.
#[test]
fn the_rate_that_is_told_is_the_one_that_lasts() {
    for (model, latency) in
        [(Model::Drip, [120, 500]), (Model::Window, [5, 20]), (Model::Drip, [5, 20])]
    {
        let told = |seconds| {
            let mut tenant = Tenant::new(model, 50.0, 16.0);
            simulate(&mut tenant, seconds, latency, None).per_second
        };
        assert_eq!(told(2), None);
        for (seconds, off) in [(6, 5.0), (10, 4.0), (60, 2.0), (600, 2.0)] {
            let told = told(seconds).unwrap();
            assert!((told - 16.0).abs() <= off, "{told} after {seconds} s, {model:?}");
        }
    }
}

#[test]
fn others_find_their_share() {
    for model in [Model::Drip, Model::Window] {
        let mut tenant = Tenant::new(model, 50.0, 16.0);
        let figures = simulate(&mut tenant, 300, [120, 500], Some(125));
        let used = figures.taken as f64 / (8.0 * 300.0);
        assert!((0.9..1.06).contains(&used), "{model:?}: {used}");
        assert!(figures.refused as f64 <= 0.005 * figures.taken as f64, "{model:?}");
        assert!(figures.least >= 1.0, "{model:?}: {}", figures.least);
    }
}

#[test]
fn a_refusal_stops_everybody_for_as_long_as_was_asked() {
    let reading = Reading { limit: 50, remaining: 0, reset_in: Duration::from_secs(3) };
    for (retry_after, reset_s, frozen_ms) in
        [(Some(7), 3, 7_000..7_800), (None, 0, 250..300), (None, 1, 400..500)]
    {
        let mut limiter = Limiter::new();
        let now = Duration::from_secs(1);
        let first = limiter.take("x", now).unwrap();
        let reading = Some(Reading { reset_in: Duration::from_secs(reset_s), ..reading });
        let retry_after = retry_after.map(Duration::from_secs);
        limiter.answered(&first, now, CameBack { status: Some(429), reading, retry_after });
        let wait = limiter.take("another", now).unwrap_err();
        assert!(frozen_ms.contains(&wait.as_millis()), "{wait:?}");
    }
}

#[test]
fn trouble_narrows_the_window_and_success_widens_it() {
    let mut limiter = Limiter::new();
    let plain = |status| CameBack { status, reading: None, retry_after: None };
    let mut now = Duration::ZERO;
    for _ in 0..100 {
        let ticket = limiter.take("x", now).unwrap();
        now += Duration::from_millis(200);
        limiter.answered(&ticket, now, plain(Some(204)));
    }
    let wide = limiter.window;
    assert!(wide > 4.0, "{wide}");
    for status in [Some(502), None, Some(503), None] {
        let ticket = limiter.take("x", now).unwrap();
        limiter.answered(&ticket, now, plain(status));
    }
    assert!(limiter.window < wide / 3.0, "{}", limiter.window);
    let ticket = limiter.take("x", now).unwrap();
    limiter.answered(&ticket, now, CameBack::default());
    assert!(limiter.take("x", now).is_ok(), "one call may always go");
}
