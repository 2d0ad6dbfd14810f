//! The wire between the engine and the org of a scene, with its tricks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody};
use longshore::faults::Guard;
use longshore::http::transport::{Answer, Body, Broken, Pending, Transport};
use tokio::sync::Notify;

use super::dice::Dice;
use super::scene::{Parcel, Scene};
use super::tricks::{Again, Kind, Trick, When};

/// The wire of one process of the engine.
pub struct Wire {
    pub scene: Arc<Scene>,
    pub end: Arc<End>,
}

/// The end of a process: from its death on nothing is heard any more.
pub struct End {
    at: Option<Death>,
    /// What is lost of the files when it dies; `None` is nothing.
    power: Option<u64>,
    /// The files of the run, which may die by themselves.
    files: Guard,
    dying: AtomicBool,
    /// The wish to stop in good order.
    pub stop: Notify,
}

/// When a process is killed.
#[derive(Debug, Clone, Copy)]
pub enum Death {
    /// At a call of the scene, on one side of its effect.
    Call(u64, When),
    /// After so many milliseconds of its life.
    Time(u64),
}

impl End {
    pub fn new(at: Option<Death>, power: Option<u64>, files: Guard) -> Self {
        Self { at, power, files, dying: AtomicBool::new(false), stop: Notify::new() }
    }

    pub fn is_dying(&self) -> bool {
        self.dying.load(Ordering::SeqCst) || self.files.is_dead()
    }

    /// Whether a fault of the files has killed the process.
    pub fn by_files(&self) -> bool {
        self.files.is_dead() && !self.dying.load(Ordering::SeqCst)
    }

    /// Whether it is time, and nobody has said so before; what is not synced may be lost then.
    pub fn begins(&self, now: impl Fn(Death) -> bool) -> bool {
        let begins = self.at.is_some_and(now) && !self.dying.swap(true, Ordering::SeqCst);
        if begins {
            match self.power {
                Some(seed) => self.files.cut_power(seed).unwrap(),
                None => self.files.kill(),
            }
        }
        begins
    }

    /// How often a file was made to fail.
    pub fn file_faults(&self) -> u64 {
        self.files.fired()
    }
}

const KILLED_AFTER: &str = "killed after a call";

impl Transport for Wire {
    fn send(&self, request: Request<Body>) -> Pending<'_, Result<Answer, Broken>> {
        Box::pin(self.pass(request))
    }
}

impl Wire {
    async fn pass(&self, request: Request<Body>) -> Result<Answer, Broken> {
        let scene = &self.scene;
        let parcel = pack(request)?;
        let kind = Kind::of(&parcel.method, parcel.uri.path(), &parcel.body);
        let name = format!("{kind:?} {}", parcel.uri.path());
        let (nth, call) = scene.count(kind, &name);
        if self.end.is_dying() {
            std::future::pending::<()>().await;
        }
        let trick = self.trick(kind, &name, nth);
        let path = parcel.uri.path().trim_start_matches("/services/data/").to_owned();
        scene.tell(format!(
            "{} {path}{}",
            parcel.method,
            trick.map(|trick| format!(" [{}]", trick.name())).unwrap_or_default()
        ));
        let mut dice = Dice::of(scene.seed, &format!("delay {name} {nth}"));
        if self.end.at.is_some_and(|at| matches!(at, Death::Call(n, When::Before) if n == call))
            && dice.chance(50)
        {
            // It has left before the process dies.
            let due = scene.state().now + dice.pick(&[1, 100, 5_000]);
            scene.state().late.push(Parcel { due, ..parcel.clone() });
        }
        self.die_if(call, When::Before).await;
        let there = dice.pick(&[1, 8, 40]);
        tokio::time::sleep(Duration::from_millis(there)).await;
        let told = self.play(trick, parcel, &mut dice).await;
        self.die_if(call, When::After).await;
        tokio::time::sleep(Duration::from_millis(dice.pick(&[1, 8, 40]))).await;
        let heard = match &told {
            Ok(answer) => answer.status().to_string(),
            Err(broken) => broken.to_string(),
        };
        scene.tell(format!("    {kind:?} {nth}: {heard}"));
        told
    }

    async fn die_if(&self, call: u64, when: When) {
        let now = |at| matches!(at, Death::Call(nth, side) if call >= nth && side == when);
        if self.end.begins(now) {
            self.scene.tell(format!("the process is killed {when:?} the effect"));
            self.scene.fired(if when == When::Before {
                "killed before a call"
            } else {
                KILLED_AFTER
            });
        }
        if self.end.is_dying() {
            std::future::pending::<()>().await;
        }
    }

    fn trick(&self, kind: Kind, name: &str, nth: u64) -> Option<Trick> {
        let mut state = self.scene.state();
        if state.now >= state.clears {
            return None;
        }
        let trick = self.scene.weather.trick(kind, &format!("{name} {nth}"))?;
        *state.fired.entry(trick.name().to_owned()).or_default() += 1;
        Some(trick)
    }

    async fn play(
        &self,
        trick: Option<Trick>,
        parcel: Parcel,
        dice: &mut Dice,
    ) -> Result<Answer, Broken> {
        let scene = &self.scene;
        let lost = || Err(Broken::Lost("the connection was reset".to_owned()));
        let later = |ms: u64| {
            let mut state = scene.state();
            let due = state.now + ms;
            state.late.push(Parcel { due, ..parcel.clone() });
        };
        match trick {
            None => Ok(whole(scene.bend(&parcel, scene.deliver(&parcel).await))),
            Some(Trick::Unreachable) => Err(Broken::NotSent("connection refused".to_owned())),
            Some(Trick::LostBefore) => lost(),
            Some(Trick::LostAfter) => {
                scene.deliver(&parcel).await;
                if scene.lies(&parcel) {
                    Ok(made_up(400, "CLIENTINPUTERROR", Again::Unsaid))
                } else {
                    lost()
                }
            }
            Some(Trick::Late(ms)) => {
                later(ms);
                lost()
            }
            Some(Trick::Twice) => {
                scene.deliver(&parcel).await;
                Ok(whole(scene.deliver(&parcel).await))
            }
            Some(Trick::Echo(ms)) => {
                later(ms);
                Ok(whole(scene.deliver(&parcel).await))
            }
            Some(Trick::Cut) => Ok(cut(scene.deliver(&parcel).await, dice, true)),
            Some(Trick::Short) => {
                scene.shortened(&parcel);
                Ok(cut(scene.deliver(&parcel).await, dice, false))
            }
            Some(Trick::Stale) => Ok(made_up(401, "INVALID_SESSION_ID", Again::Unsaid)),
            Some(Trick::Busy(again)) => Ok(made_up(429, "TOO_MANY_REQUESTS", again)),
            Some(Trick::UsedUp) => Ok(made_up(403, "REQUEST_LIMIT_EXCEEDED", Again::Unsaid)),
            Some(Trick::Sick(status, when, again)) => {
                if when == When::After {
                    scene.deliver(&parcel).await;
                }
                Ok(made_up(status, "SERVER_UNAVAILABLE", again))
            }
            Some(Trick::Page(when)) => {
                if when == When::After {
                    scene.deliver(&parcel).await;
                }
                Ok(page())
            }
            Some(Trick::Slow(ms)) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok(whole(scene.deliver(&parcel).await))
            }
            Some(Trick::Lag) => Ok(whole(lagging(scene.deliver(&parcel).await))),
        }
    }
}

/// A request with its body in memory, fit to arrive more than once.
fn pack(request: Request<Body>) -> Result<Parcel, Broken> {
    let (mut head, body) = request.into_parts();
    let body = match body {
        Body::Empty => Bytes::new(),
        Body::Bytes(bytes) => bytes,
        Body::File { path, .. } => {
            std::fs::read(&path).map_err(|error| Broken::Local(error.to_string()))?.into()
        }
    };
    head.headers.remove(http::header::ACCEPT_ENCODING);
    head.headers.insert(http::header::HOST, http::HeaderValue::from_static("localhost"));
    head.headers.insert(http::header::CONTENT_LENGTH, body.len().into());
    Ok(Parcel {
        due: 0,
        name: "engine",
        method: head.method,
        uri: head.uri,
        headers: head.headers,
        body,
    })
}

fn whole(answer: Response<Bytes>) -> Answer {
    answer.map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync())
}

/// The first part of an answer; it `breaks`, or it ends as if there were no more.
fn cut(answer: Response<Bytes>, dice: &mut Dice, breaks: bool) -> Answer {
    let (mut head, body) = answer.into_parts();
    let length = usize::try_from(dice.roll(0, body.len() as u64)).unwrap();
    let mut frames = vec![Ok(Frame::data(body.slice(..length)))];
    if breaks {
        frames.push(Err(Broken::Lost("the connection was reset".to_owned())));
    } else {
        head.headers.remove(http::header::CONTENT_LENGTH);
    }
    let body = StreamBody::new(futures_util::stream::iter(frames));
    Response::from_parts(head, BodyExt::boxed_unsync(body))
}

fn made_up(status: u16, code: &str, again: Again) -> Answer {
    let message = match status {
        403 => "TotalRequests Limit exceeded.",
        400 => "Found multiple contents for job",
        _ => "made up",
    };
    let body = serde_json::json!([{"errorCode": code, "message": message}]).to_string();
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    let headers = answer.headers_mut();
    put(headers, "content-type", "application/json");
    match again {
        Again::Unsaid => {}
        Again::Seconds(seconds) => put(headers, "retry-after", &seconds.to_string()),
        Again::Date(seconds) => {
            put(headers, "date", "Fri, 20 Nov 2026 09:00:00 GMT");
            put(headers, "retry-after", &format!("Fri, 20 Nov 2026 09:00:{seconds:02} GMT"));
        }
    }
    whole(answer)
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    headers.insert(name, value.parse().unwrap());
}

fn page() -> Answer {
    let mut answer = Response::new(Bytes::from_static(b"<!DOCTYPE html><html>Be back soon</html>"));
    put(answer.headers_mut(), "content-type", "text/html; charset=UTF-8");
    whole(answer)
}

/// A job whose counters stand where they stood before its last rows.
fn lagging(answer: Response<Bytes>) -> Response<Bytes> {
    let (mut head, body) = answer.into_parts();
    let Ok(mut job) = serde_json::from_slice::<serde_json::Value>(&body) else {
        return Response::from_parts(head, body);
    };
    for counter in ["numberRecordsProcessed", "numberRecordsFailed"] {
        if job.get(counter).is_some() {
            job[counter] = 0.into();
        }
    }
    head.headers.remove(http::header::CONTENT_LENGTH);
    Response::from_parts(head, Bytes::from(job.to_string()))
}
