//! The wire at the pace of the limiter: it holds requests back and shows it every answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Request};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::limiter::{CameBack, Limiter, Reading, Ticket};
use crate::http::backoff::{http_date, retry_after};
use crate::http::client::Clock;
use crate::http::transport::{Answer, Body, Broken, Pending, Transport};

/// A look at the limiter at least so often while answers are due; they may change what it says.
const LOOK: Duration = Duration::from_millis(250);

/// A transport that sends each request once, when the limiter lets it.
pub(super) struct Paced {
    wire: Arc<dyn Transport>,
    limiter: Mutex<Limiter>,
    changed: Notify,
    start: Instant,
    clock: Clock,
}

impl Paced {
    pub(super) fn new(wire: Arc<dyn Transport>, clock: Clock) -> Self {
        let limiter = Mutex::new(Limiter::new());
        Self { wire, limiter, changed: Notify::new(), start: Instant::now(), clock }
    }

    /// Whether the tenant limits calls.
    pub(super) fn is_limited(&self) -> bool {
        self.with(|limiter, _| limiter.is_limited())
    }

    /// Calls a second that can be kept up, as far as that is known.
    pub(super) fn per_second(&self) -> Option<f64> {
        self.with(|limiter, _| limiter.per_second())
    }

    async fn turn(&self, class: &str) -> Held<'_> {
        loop {
            let wait = match self.with(|limiter, now| limiter.take(class, now)) {
                Ok(ticket) => return Held { paced: self, ticket, back: CameBack::default() },
                Err(wait) => wait.min(LOOK),
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.changed.notified() => {}
            }
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Limiter, Duration) -> T) -> T {
        let now = self.start.elapsed();
        act(&mut self.limiter.lock().unwrap_or_else(PoisonError::into_inner), now)
    }
}

impl Transport for Paced {
    fn send(&self, request: Request<Body>) -> Pending<'_, Result<Answer, Broken>> {
        Box::pin(async move {
            // Token endpoints have limits of their own, and a token is asked for once in hours.
            let Some(class) = class_of(&request) else { return self.wire.send(request).await };
            let mut held = self.turn(&class).await;
            let answer = self.wire.send(request).await;
            held.back = came_back(&answer, &self.clock);
            answer
        })
    }
}

/// A call that may be sent; dropped, it tells the limiter how it came back.
struct Held<'a> {
    paced: &'a Paced,
    ticket: Ticket,
    back: CameBack,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let (ticket, back) = (&self.ticket, self.back);
        self.paced.with(|limiter, now| limiter.answered(ticket, now, back));
        self.paced.changed.notify_waiters();
    }
}

/// Method and path without ids: calls of one class share a limit.
fn class_of(request: &Request<Body>) -> Option<String> {
    let path = request.uri().path().strip_prefix("/api/v2/")?;
    let parts = path.split('/').enumerate();
    let parts: Vec<&str> = parts.map(|(at, part)| if at % 2 == 1 { "*" } else { part }).collect();
    Some(format!("{} {}", request.method(), parts.join("/")))
}

fn came_back(answer: &Result<Answer, Broken>, clock: &Clock) -> CameBack {
    let Ok(answer) = answer else { return CameBack::default() };
    let headers = answer.headers();
    CameBack {
        status: Some(answer.status().as_u16()),
        reading: reading(headers, clock),
        retry_after: retry_after(headers, clock()),
    }
}

/// What the headers say. The reset is a Unix second by the far side's clock, so it is compared with
/// the `Date` of the same answer. Source: reference page on Auth0, 4.2.
fn reading(headers: &HeaderMap, clock: &Clock) -> Option<Reading> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
    let limit = number("x-ratelimit-limit").filter(|limit| *limit > 0)?;
    let remaining = number("x-ratelimit-remaining")?.clamp(0, limit);
    let date = headers.get(http::header::DATE).and_then(|date| http_date(date.to_str().ok()?));
    let now = date.unwrap_or_else(|| clock()).as_second();
    let reset = number("x-ratelimit-reset").map_or(0, |reset| (reset - now).clamp(0, 3_600));
    Some(Reading {
        limit: u32::try_from(limit).ok()?,
        remaining: u32::try_from(remaining).ok()?,
        reset_in: Duration::from_secs(u64::try_from(reset).unwrap_or(0)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_one_kind_are_one_class() {
        for (method, url, class) in [
            (
                "GET",
                "https://t.example/api/v2/users/auth0%7Ca/permissions?page=0",
                Some("GET users/*/permissions"),
            ),
            (
                "DELETE",
                "https://t.example/api/v2/users/auth0%7Cb/permissions",
                Some("DELETE users/*/permissions"),
            ),
            ("GET", "https://t.example/api/v2/users-by-email?email=a", Some("GET users-by-email")),
            ("POST", "https://t.example/oauth/token", None),
        ] {
            let request = Request::builder().method(method).uri(url).body(Body::Empty).unwrap();
            assert_eq!(class_of(&request).as_deref(), class, "{url}");
        }
    }

    #[test]
    fn the_reset_is_measured_by_the_clock_of_the_far_side() {
        let ours: jiff::Timestamp = "2026-11-20T11:00:00Z".parse().unwrap();
        let clock: Clock = Arc::new(move || ours);
        let theirs = "Fri, 20 Nov 2026 09:00:00 GMT";
        let at = |seconds: i64| (1_795_165_200 + seconds).to_string();
        for (limit, remaining, reset, date, expected) in [
            ("50", "49", at(1), Some(theirs), Some((50, 49, 1))),
            ("10", "-1", at(6), Some(theirs), Some((10, 0, 6))),
            ("10", "3", at(-5), Some(theirs), Some((10, 3, 0))),
            ("10", "3", at(7_205), None, Some((10, 3, 5))),
            ("10", "3", "soon".to_owned(), Some(theirs), Some((10, 3, 0))),
            ("0", "3", at(1), Some(theirs), None),
            ("many", "3", at(1), Some(theirs), None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("X-RateLimit-Limit", limit.parse().unwrap());
            headers.insert("X-RateLimit-Remaining", remaining.parse().unwrap());
            headers.insert("X-RateLimit-Reset", reset.parse().unwrap());
            if let Some(date) = date {
                headers.insert("date", date.parse().unwrap());
            }
            let reading = reading(&headers, &clock);
            let got = reading.map(|r| (r.limit, r.remaining, r.reset_in.as_secs()));
            assert_eq!(got, expected, "{limit} {remaining} {reset}");
        }
    }
}
