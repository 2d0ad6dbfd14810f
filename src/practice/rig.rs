//! What the tests of the practice org's wire share: a small org, and calls that read as sentences.

use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};

use super::serve::{Body, Dropped, Practice};
use super::switches::Switches;
use super::{Org, SeedSize};

pub(super) const DATA: &str = "/services/data/v62.0";
pub(super) const INGEST: &str = "/services/data/v62.0/jobs/ingest";
pub(super) const QUERY: &str = "/services/data/v62.0/jobs/query";

pub(super) struct Rig {
    pub(super) practice: Practice,
    pub(super) token: String,
}

/// An answer that has been read to its end, or as far as it came.
pub(super) struct Heard {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// The body broke off.
    pub(super) broken: bool,
    pub(super) dropped: bool,
}

impl Heard {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// `400 INVALIDJOBSTATE`, or the status alone.
    pub(super) fn verdict(&self) -> String {
        let parsed: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let code = parsed[0]["errorCode"].as_str().unwrap_or_default();
        format!("{} {code}", self.status.as_u16()).trim_end().to_owned()
    }
}

pub(super) fn small() -> SeedSize {
    SeedSize { users: 30, permission_sets: 5 }
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::of(Org::new(&small()))
    }

    pub(super) fn switched(switches: Switches) -> Self {
        Self::of(Org::new(&small()).with_switches(switches))
    }

    pub(super) fn of(org: Org) -> Self {
        let practice = Practice::new(org).unwrap();
        let token = practice.issue_token();
        Self { practice, token }
    }

    /// A signed-in call.
    pub(super) async fn call(&self, method: &str, path: &str, body: &str) -> Heard {
        let bearer = format!("Bearer {}", self.token);
        self.send(method, path, &[("authorization", &bearer)], body).await
    }

    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Heard {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Full::new(Bytes::from(body.to_owned()));
        let body: Body = body.map_err(|never| match never {}).boxed_unsync();
        let answer = self.practice.call(request.body(body).unwrap()).await;
        let dropped = answer.extensions().get::<Dropped>().is_some();
        let (parts, mut body) = answer.into_parts();
        let (mut bytes, mut broken) = (Vec::new(), false);
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else {
                broken = true;
                break;
            };
            bytes.extend_from_slice(&frame.into_data().unwrap_or_default());
        }
        Heard { status: parts.status, headers: parts.headers, body: bytes, broken, dropped }
    }

    pub(super) async fn get(&self, path: &str) -> Heard {
        self.call("GET", path, "").await
    }

    /// Creates an ingest job; its id.
    #[track_caller]
    pub(super) fn create<'a>(&'a self, members: &Value) -> impl Future<Output = String> + use<'a> {
        let body = members.to_string();
        async move {
            let created = self.call("POST", INGEST, &body).await;
            assert_eq!(created.status, 200, "{}", created.text());
            created.json()["id"].as_str().unwrap().to_owned()
        }
    }

    /// Creates, uploads and closes; the id.
    pub(super) async fn submit(&self, members: &Value, csv: &str) -> String {
        let id = self.create(members).await;
        let put = self.call("PUT", &format!("{INGEST}/{id}/batches"), csv).await;
        assert_eq!((put.status.as_u16(), put.text().as_str()), (201, ""));
        let closed = self.patch(&id, "UploadComplete").await;
        assert_eq!(closed.status, 200, "{}", closed.text());
        id
    }

    pub(super) async fn patch(&self, id: &str, state: &str) -> Heard {
        self.call("PATCH", &format!("{INGEST}/{id}"), &json!({"state": state}).to_string()).await
    }

    /// Polls until the job is over; its last info.
    pub(super) async fn ended(&self, base: &str, id: &str) -> Value {
        for _ in 0..2_000 {
            let info = self.get(&format!("{base}/{id}")).await.json();
            let state = info["state"].as_str().unwrap();
            if ["JobComplete", "Failed", "Aborted"].contains(&state) {
                return info;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the job does not end");
    }

    /// The lines of the three result files.
    pub(super) async fn results(&self, id: &str) -> [Vec<String>; 3] {
        let mut all = [const { Vec::new() }; 3];
        let names = ["successfulResults", "failedResults/", "unprocessedrecords"];
        for (slot, name) in all.iter_mut().zip(names) {
            let heard = self.get(&format!("{INGEST}/{id}/{name}")).await;
            assert_eq!(heard.status, 200, "{}", heard.text());
            assert_eq!(heard.header("content-type"), "text/csv; charset=UTF-8");
            *slot = heard.text().lines().map(str::to_owned).collect();
        }
        all
    }
}

/// Members of a create call for accounts.
pub(super) fn accounts(operation: &str) -> Value {
    json!({"object": "Account", "operation": operation})
}

/// So many accounts, the first numbered `from`.
pub(super) fn account_rows(from: usize, count: usize) -> String {
    let mut csv = String::from("Name,Legacy_Id__c\n");
    for number in from..from + count {
        writeln!(csv, "Acme {number},K-{number}").unwrap();
    }
    csv
}
