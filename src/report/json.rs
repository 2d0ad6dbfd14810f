//! One JSON object a line for each event, for programs (`--log-format json`).

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::figures::time_of_calls;
use super::{Elapsed, Show, Sink, mention};
use crate::pipeline::event::{Event, Watch};

/// Writes every event as a line of JSON. The members are described in `docs/reference/summary.md`.
pub struct Json {
    sink: Sink,
    elapsed: Elapsed,
    closed: AtomicBool,
}

impl Json {
    pub fn new(sink: Sink, elapsed: Elapsed) -> Self {
        Self { sink, elapsed, closed: AtomicBool::new(false) }
    }
}

impl Watch for Json {
    fn see(&self, event: &Event) {
        if self.closed.load(Ordering::Relaxed) {
            return;
        }
        let milliseconds = (self.elapsed)().as_millis();
        let mut line = json!({ "event": name(event), "ms": u64::try_from(milliseconds).ok() });
        if let (Value::Object(line), Value::Object(members)) = (&mut line, members(event)) {
            line.extend(members);
        }
        mention(&self.sink, &format!("{line}\n"));
    }
}

impl Show for Json {
    fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

/// The word for an event.
fn name(event: &Event) -> &'static str {
    match event {
        Event::Started { .. } => "started",
        Event::Notice { .. } => "notice",
        Event::Mapped { .. } => "mapped",
        Event::Read { .. } => "read",
        Event::Unchanged { .. } => "unchanged",
        Event::InputEnded { .. } => "input_ended",
        Event::JobStarted { .. } => "job_started",
        Event::JobProgress { .. } => "job_progress",
        Event::JobEnded { .. } => "job_ended",
        Event::Settled { .. } => "settled",
        Event::Calls { .. } => "calls",
        Event::Pace { .. } => "pace",
        Event::Waiting { .. } => "waiting",
        Event::Exported { .. } => "exported",
        Event::Ended { .. } => "ended",
    }
}

fn members(event: &Event) -> Value {
    match event {
        Event::Started { run, run_dir, operation, object, org, alias, input } => json!({
            "run": run, "run_dir": run_dir, "operation": operation.word(), "object": object,
            "org": org, "alias": alias, "input": input,
        }),
        Event::Notice { message } => json!({ "message": message }),
        Event::Mapped { sent, not_sent } => {
            let pair = |(column, field): &(String, String)| json!({ "from": column, "to": field });
            json!({ "sent": sent.iter().map(pair).collect::<Vec<_>>(), "not_sent": not_sent })
        }
        Event::Read { rows, rejected, bytes, bytes_total } => json!({
            "rows": rows, "rejected": rejected, "bytes": bytes, "bytes_total": bytes_total,
        }),
        Event::Unchanged { rows } => json!({ "rows": rows }),
        Event::InputEnded { rows, rejected } => json!({ "rows": rows, "rejected": rejected }),
        Event::JobStarted { chunk, job, rows, bytes } => {
            json!({ "chunk": chunk, "job": job, "rows": rows, "bytes": bytes })
        }
        Event::JobProgress { chunk, job, processed, failed } => {
            json!({ "chunk": chunk, "job": job, "processed": processed, "failed": failed })
        }
        Event::JobEnded { chunk, job, state, message } => {
            json!({ "chunk": chunk, "job": job, "state": state, "message": message })
        }
        Event::Settled { chunk, counts, deferred: 0 } => json!({ "chunk": chunk, "rows": counts }),
        Event::Settled { chunk, counts, deferred } => {
            json!({ "chunk": chunk, "rows": counts, "deferred": deferred })
        }
        Event::Calls { calls, retries, left } => {
            json!({ "calls": calls, "retries": retries, "left": left })
        }
        Event::Pace { calls_left, rows_left, per_second } => json!({
            "calls_left": calls_left, "rows_left": rows_left, "per_second": per_second,
            "seconds_left": time_of_calls(*calls_left, *per_second).map(|left| left.as_secs()),
        }),
        Event::Waiting { reason, seconds } => json!({ "reason": reason, "seconds": seconds }),
        Event::Exported { rows, bytes } => json!({ "rows": rows, "bytes": bytes }),
        Event::Ended { summary } => json!({ "summary": summary }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::{clock, folded, memory, text_of};
    use std::time::Duration;

    #[test]
    fn each_event_is_one_line_of_json() {
        let (sink, kept) = memory();
        let (elapsed, now) = clock();
        let json = Json::new(sink, elapsed);
        json.see(&crate::report::milestone::tests::started());
        *now.lock().unwrap() = Duration::from_millis(1500);
        json.see(&Event::Notice { message: "a\nb".to_owned() });
        json.see(&Event::Mapped {
            sent: vec![("User Id".to_owned(), "AssigneeId".to_owned())],
            not_sent: vec!["Name".to_owned()],
        });
        for event in &crate::report::tally::tests::half_way() {
            json.see(event);
        }
        json.see(&Event::Ended { summary: Box::new(crate::report::summary::tests::partial()) });
        json.close();
        json.see(&Event::Notice { message: "too late".to_owned() });
        let text = text_of(&kept);
        for line in text.lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            assert!(value["event"].is_string() && value["ms"].is_u64(), "{line}");
        }
        let head: Vec<&str> = text.lines().take(8).collect();
        insta::assert_snapshot!(folded(&head.join("\n")), @r#"
        {"event":"started","ms":0,"run":"19700101-000000-haaa",
            ~ "run_dir":"/srv/ada/longshore-runs/19700101-000000-haaa","operation":"insert",
            ~ "object":"PermissionSetAssignment","org":{"id":"00D000000000001EAA",
            ~ "name":"Practice Org","user_id":"005000000000001AAA",
            ~ "username":"admin@practice.example","sandbox":true,
            ~ "origin":"http://localhost"},"alias":"practice","input":"assignments.csv"}
        {"event":"notice","ms":1500,"message":"a\nb"}
        {"event":"mapped","ms":1500,"sent":[{"from":"User Id","to":"AssigneeId"}],
            ~ "not_sent":["Name"]}
        {"event":"read","ms":1500,"rows":1200,"rejected":5,"bytes":60000,
            ~ "bytes_total":150000}
        {"event":"job_started","ms":1500,"chunk":1,"job":"7508c00000Qk3TbAAJ","rows":1000,
            ~ "bytes":50000}
        {"event":"job_started","ms":1500,"chunk":2,"job":"7508c00000Qk3TbAAK","rows":1000,
            ~ "bytes":50000}
        {"event":"job_progress","ms":1500,"chunk":1,"job":"7508c00000Qk3TbAAJ",
            ~ "processed":600,"failed":4}
        {"event":"job_ended","ms":1500,"chunk":1,"job":"7508c00000Qk3TbAAJ",
            ~ "state":"JobComplete","message":null}
        "#);
        assert!(text.contains(r#"{"event":"ended","ms":1500,"summary":{"run":"#));
        assert!(!text.contains("too late"));
    }
}
