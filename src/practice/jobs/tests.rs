use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::super::mischief::{Fault, Rule};
use super::super::rig::{DATA, INGEST, QUERY, Rig, account_rows, accounts, small};
use super::super::serve::Pace;
use super::super::switches::{
    HeaderEcho, LineEndingCheck, ResultStyle, RunningResults, SecondPut, Switches,
};
use super::super::{Org, Practice};

#[tokio::test]
async fn a_job_from_create_to_results() {
    let rig = Rig::new();
    let created = rig.call("POST", INGEST, &accounts("insert").to_string()).await.json();
    let id = created["id"].as_str().unwrap();
    assert!(id.starts_with("750") && id.len() == 18);
    assert_eq!(created["state"], "Open");
    let url = created["contentUrl"].as_str().unwrap();
    assert_eq!(url, format!("services/data/v62.0/jobs/ingest/{id}/batches"));

    let csv = "Name,Legacy_Id__c,AnnualRevenue\nAcme,K-1,912260031\n,K-2,\n\"A \"\"b\"\"\",K-3,5\n";
    let put = rig.call("PUT", &format!("/{url}"), csv).await;
    assert_eq!((put.status.as_u16(), put.body.len()), (201, 0));
    assert_eq!(rig.patch(id, "UploadComplete").await.json()["state"], "UploadComplete");

    let info = rig.ended(INGEST, id).await;
    assert_eq!(info["state"], "JobComplete");
    assert_eq!(info["numberRecordsProcessed"], 3);
    assert_eq!(info["numberRecordsFailed"], 1);
    let [success, failed, unprocessed] = rig.results(id).await;
    assert_eq!(success[0], "\"sf__Id\",\"sf__Created\",Name,Legacy_Id__c,AnnualRevenue");
    assert_eq!(failed[0], "\"sf__Id\",\"sf__Error\",Name,Legacy_Id__c,AnnualRevenue");
    assert_eq!(unprocessed, ["Name,Legacy_Id__c,AnnualRevenue"]);
    let rest: BTreeSet<&str> =
        success[1..].iter().map(|line| line.split_once(',').unwrap().1).collect();
    let expected = BTreeSet::from([
        "\"true\",\"Acme\",\"K-1\",\"9.12260031E8\"",
        "\"true\",\"A \"\"b\"\"\",\"K-3\",\"5.0\"",
    ]);
    assert_eq!(rest, expected);
    assert_eq!(failed.len(), 2);
    let error = "\"\",\"REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --\"";
    assert!(failed[1].starts_with(error), "{}", failed[1]);
    assert_eq!(rig.practice.org().audit().len(), 2);
}

#[tokio::test]
async fn each_call_has_its_own_set_of_members() {
    let rig = Rig::new();
    let members = json!({"object": "account", "operation": "upsert",
        "externalIdFieldName": "legacy_id__C", "columnDelimiter": "PIPE", "lineEnding": "CRLF"});
    let names =
        |value: &Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    let created = rig.call("POST", INGEST, &members.to_string()).await.json();
    let id = created["id"].as_str().unwrap().to_owned();
    let base = "id operation object createdById createdDate systemModstamp state \
                externalIdFieldName concurrencyMode contentType apiVersion";
    let list = |more: &str| -> Vec<String> {
        format!("{base} {more}").split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(names(&created), list("contentUrl lineEnding columnDelimiter"));
    assert_eq!(created["apiVersion"].to_string(), "62.0");
    assert_eq!(created["object"], "Account");
    assert_eq!(created["externalIdFieldName"], "Legacy_Id__c");
    let times = "jobType retries totalProcessingTime apiActiveProcessingTime apexProcessingTime";
    let open = rig.get(&format!("{INGEST}/{id}")).await.json();
    assert_eq!(names(&open), list(&format!("contentUrl lineEnding columnDelimiter {times}")));
    let patched = rig.patch(&id, "UploadComplete").await.json();
    assert_eq!(names(&patched), list(""));
    let done = rig.ended(INGEST, &id).await;
    let counts = "numberRecordsProcessed numberRecordsFailed";
    let expected = format!("lineEnding columnDelimiter jobType {counts} {}", &times[8..]);
    assert_eq!(names(&done), list(&expected));
}

#[tokio::test]
async fn creating_a_job_is_refused_for() {
    let rig = Rig::new();
    for (members, verdict, message) in [
        (json!({"object": "Account", "operation": "Insert"}), "INVALIDJOB", "Unable to parse Job"),
        (json!({"object": "Account"}), "INVALIDJOB", "Unable to parse Job"),
        (
            json!({"object": "Acount", "operation": "insert"}),
            "INVALIDJOB",
            "Unable to find object: Acount",
        ),
        (
            json!({"object": "Account", "operation": "insert", "nonsense": 1}),
            "INVALIDJOB",
            "Unable to parse Job",
        ),
        (
            json!({"object": "Account", "operation": "insert", "lineEnding": "CR"}),
            "INVALIDJOB",
            "Unable to parse Job",
        ),
        (
            json!({"object": "Account", "operation": "insert", "columnDelimiter": ","}),
            "INVALIDJOB",
            "Unable to parse Job",
        ),
        (
            json!({"object": "Account", "operation": "insert", "contentType": "XML"}),
            "INVALIDJOB",
            "Unable to parse Job",
        ),
        (
            json!({"object": "Account", "operation": "upsert"}),
            "INVALIDJOB",
            "External ID was blank for Account. An External ID must be specified for upsert.",
        ),
        (
            json!({"object": "Account", "operation": "upsert", "externalIdFieldName": "Name"}),
            "INVALIDJOB",
            "Field name provided, Name does not match an External ID for Account",
        ),
        (json!([]), "INVALIDJOB", "Unable to parse Job"),
    ] {
        let heard = rig.call("POST", INGEST, &members.to_string()).await;
        assert_eq!(heard.verdict(), format!("400 {verdict}"), "{members}");
        assert_eq!(heard.json()[0]["message"], message, "{members}");
    }
    assert_eq!(rig.call("POST", INGEST, "{").await.verdict(), "400 JSON_PARSER_ERROR");
    assert!(rig.get(INGEST).await.json()["records"].as_array().unwrap().is_empty());
}

/// A job brought into a state, by its id.
async fn job_in(rig: &Rig, state: &str) -> String {
    rig.practice.set_pace(Pace::default());
    let csv = account_rows(0, 1_000);
    match state {
        "Open" => {
            let id = rig.create(&accounts("insert")).await;
            rig.call("PUT", &format!("{INGEST}/{id}/batches"), "Name\nA\n").await;
            id
        }
        "JobComplete" => {
            let id = rig.submit(&accounts("insert"), "Name\nA\n").await;
            assert_eq!(rig.ended(INGEST, &id).await["state"], state);
            id
        }
        "Failed" => {
            let id = rig.submit(&accounts("insert"), "Nope\nA\n").await;
            assert_eq!(rig.ended(INGEST, &id).await["state"], state);
            id
        }
        "Aborted" => {
            let id = rig.create(&accounts("insert")).await;
            assert_eq!(rig.patch(&id, state).await.json()["state"], state);
            id
        }
        "UploadComplete" => {
            let queued = Duration::from_mins(1);
            rig.practice.set_pace(Pace { queued, transaction: Duration::ZERO });
            rig.submit(&accounts("insert"), &csv).await
        }
        _ => {
            let transaction = Duration::from_millis(300);
            rig.practice.set_pace(Pace { queued: Duration::ZERO, transaction });
            let id = rig.submit(&accounts("insert"), &csv).await;
            loop {
                let info = rig.get(&format!("{INGEST}/{id}")).await.json();
                if info["state"] == "InProgress" && info["numberRecordsProcessed"] != 0 {
                    return id;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

#[tokio::test]
async fn every_call_in_every_state() {
    let states = ["Open", "UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted"];
    let state_error = "400 INVALIDJOBSTATE";
    let delete_error = "400 API_ERROR";
    let table: [(&str, [&str; 6]); 7] = [
        (
            "PUT",
            [
                "400 CLIENTINPUTERROR",
                state_error,
                state_error,
                state_error,
                state_error,
                state_error,
            ],
        ),
        ("CLOSE", ["200", state_error, state_error, state_error, state_error, state_error]),
        ("ABORT", ["200", "200", "200", state_error, state_error, state_error]),
        ("OTHER", [state_error; 6]),
        ("GET", ["200"; 6]),
        ("RESULTS", [state_error, state_error, state_error, "200", "200", "200"]),
        ("DELETE", [delete_error, "204", delete_error, "204", "204", "204"]),
    ];
    for (position, state) in states.iter().enumerate() {
        for (call, expected) in &table {
            let rig = Rig::new();
            let id = job_in(&rig, state).await;
            let path = format!("{INGEST}/{id}");
            let heard = act(&rig, &path, &id, call).await;
            assert_eq!(heard, expected[position], "{call} in {state}");
        }
    }
    let rig = Rig::new();
    let id = job_in(&rig, "Aborted").await;
    rig.call("DELETE", &format!("{INGEST}/{id}"), "").await;
    for (call, _) in table {
        let heard = act(&rig, &format!("{INGEST}/{id}"), &id, call).await;
        assert_eq!(heard, "404 NOT_FOUND", "{call}");
    }
}

async fn act(rig: &Rig, path: &str, id: &str, call: &str) -> String {
    let heard = match call {
        "PUT" => rig.call("PUT", &format!("{path}/batches"), "Name\nB\n").await,
        "CLOSE" => rig.patch(id, "UploadComplete").await,
        "ABORT" => rig.patch(id, "Aborted").await,
        "OTHER" => rig.patch(id, "JobComplete").await,
        "GET" => rig.get(path).await,
        "RESULTS" => rig.get(&format!("{path}/successfulResults")).await,
        _ => rig.call("DELETE", path, "").await,
    };
    heard.verdict()
}

#[tokio::test]
async fn the_texts_of_wrong_states() {
    let rig = Rig::new();
    let id = job_in(&rig, "JobComplete").await;
    for (state, text) in [
        ("Aborted", "Aborting already Completed Job not allowed"),
        ("UploadComplete", "Closing already Completed Job not allowed"),
    ] {
        assert_eq!(rig.patch(&id, state).await.json()[0]["message"], text);
    }
    let id = job_in(&rig, "Open").await;
    let second = rig.call("PUT", &format!("{INGEST}/{id}/batches"), "Name\nB\n").await.json();
    let text = second[0]["message"].as_str().unwrap();
    assert!(text.starts_with(&format!("Found multiple contents for job: <{id}>")), "{text}");
}

#[tokio::test]
async fn a_second_upload_may_be_refused_at_the_close() {
    let switches = Switches { second_put: SecondPut::AtPatch, ..Switches::default() };
    let rig = Rig::switched(switches);
    let id = job_in(&rig, "Open").await;
    let second = rig.call("PUT", &format!("{INGEST}/{id}/batches"), "Name\nB\n").await;
    assert_eq!(second.status, 201);
    assert_eq!(rig.patch(&id, "UploadComplete").await.verdict(), "400 CLIENTINPUTERROR");
    assert_eq!(rig.practice.org().audit().len(), 0);
}

#[tokio::test]
async fn whole_jobs_fail_for() {
    let rig = Rig::new();
    let big_header = format!("Name{}\nA\n", ",Name".repeat(8_000));
    for (operation, crlf, csv, message) in [
        ("insert", false, "Name,Foo__c\nA,b\n", "InvalidBatch : Field name not found : Foo__c"),
        ("insert", false, "Name;Site\nA;b\n", "InvalidBatch : Field name not found : Name;Site"),
        (
            "insert",
            false,
            "Name,CreatedDate\nA,b\n",
            "InvalidBatch : Field name not found : CreatedDate",
        ),
        (
            "insert",
            false,
            "Name\r\nA\r\n",
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is \
             LF",
        ),
        (
            "insert",
            true,
            "Name\nA\n",
            "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is \
             CRLF",
        ),
        (
            "delete",
            false,
            "Id,Name\n001,A\n",
            "InvalidBatch : The 'delete' batch must contain only ids",
        ),
        (
            "insert",
            false,
            "Name\nA\"b\n",
            "InvalidBatch : Failed to parse CSV. Found unescaped quote. A value with quote should \
             be within a quote",
        ),
        (
            "insert",
            false,
            "\u{feff}\"Name\"\nA\n",
            "InvalidBatch : Failed to parse CSV. Found unescaped quote. A value with quote should \
             be within a quote",
        ),
        (
            "insert",
            false,
            "\u{feff}Name\nA\n",
            "InvalidBatch : Field name not found : \u{feff}Name",
        ),
        ("insert", false, "Name\n", "InvalidBatch : Records not found"),
        ("insert", false, "Name,NAME\nA,B\n", "InvalidBatch : Field name given twice : NAME"),
        ("insert", false, &big_header, "InvalidBatch : CSV header exceeds 32000 characters"),
    ] {
        let members = json!({"object": "Account", "operation": operation,
            "lineEnding": if crlf { "CRLF" } else { "LF" }});
        let id = rig.submit(&members, csv).await;
        let info = rig.ended(INGEST, &id).await;
        assert_eq!((&info["state"], &info["errorMessage"]), (&json!("Failed"), &json!(message)));
        assert_eq!(info["numberRecordsProcessed"], 0);
        let [success, failed, unprocessed] = rig.results(&id).await;
        assert_eq!((success.len(), failed.len()), (1, 1), "{csv:.80}");
        assert_eq!(unprocessed.len(), csv.lines().count(), "{csv:.80}");
    }
    assert_eq!(rig.practice.org().audit().len(), 0);
}

#[tokio::test]
async fn a_job_without_an_upload_completes_with_nothing() {
    let rig = Rig::new();
    let id = rig.create(&accounts("insert")).await;
    rig.patch(&id, "UploadComplete").await;
    let info = rig.ended(INGEST, &id).await;
    assert_eq!(
        (&info["state"], &info["numberRecordsProcessed"]),
        (&json!("JobComplete"), &json!(0))
    );
    assert_eq!(rig.results(&id).await, [const { Vec::<String>::new() }; 3]);
}

#[tokio::test]
async fn a_ragged_row_fails_with_its_cells_blank() {
    let rig = Rig::new();
    let id = rig.submit(&accounts("insert"), "Name,Site\nA\nB,x\n").await;
    rig.ended(INGEST, &id).await;
    let [success, failed, _] = rig.results(&id).await;
    assert_eq!(success.len(), 2);
    let error = "INVALID_FIELD:Number of fields in header is different from the row. \
                 header = 2 row = 1:--";
    assert_eq!(failed[1], format!("\"\",\"{error}\",\"\",\"\""));
}

#[tokio::test]
async fn line_ends_inside_of_cells_are_checked_by_switch() {
    for (check, state) in [
        (LineEndingCheck::OutsideQuotes, "JobComplete"),
        (LineEndingCheck::RawBytes, "Failed"),
        (LineEndingCheck::Off, "JobComplete"),
    ] {
        let rig = Rig::switched(Switches { line_ending_check: check, ..Switches::default() });
        let id = rig.submit(&accounts("insert"), "Name,Description\nA,\"x\r\ny\"\n").await;
        assert_eq!(rig.ended(INGEST, &id).await["state"], state, "{check:?}");
    }
}

#[tokio::test]
async fn result_files_follow_the_job_and_the_switches() {
    let members = json!({"object": "Account", "operation": "insert",
        "columnDelimiter": "TAB", "lineEnding": "CRLF"});
    for (style, echo, expected) in [
        (
            ResultStyle::AsTheJob,
            HeaderEcho::Verbatim,
            "\"sf__Id\"\t\"sf__Error\"\tNAME\tsite\r\n\"\"\t\"R",
        ),
        (
            ResultStyle::Fixed,
            HeaderEcho::Quoted,
            "\"sf__Id\",\"sf__Error\",\"NAME\",\"site\"\n\"\",\"R",
        ),
        (ResultStyle::Fixed, HeaderEcho::Canonical, "\"sf__Id\",\"sf__Error\",Name,Site\n\"\",\"R"),
    ] {
        let rig = Rig::switched(Switches {
            result_delimiter: style,
            result_line_ending: style,
            header_echo: echo,
            ..Switches::default()
        });
        let id = rig.submit(&members, "NAME\tsite\r\n\tx\r\n").await;
        rig.ended(INGEST, &id).await;
        let failed = rig.get(&format!("{INGEST}/{id}/failedResults")).await.text();
        assert!(failed.starts_with(expected), "{failed:?}");
    }
}

/// The second column behind our own two: names are unique in these tests.
fn names(lines: &[String], column: usize) -> Vec<String> {
    lines[1..].iter().map(|line| line.split(',').nth(column).unwrap().to_owned()).collect()
}

#[tokio::test]
async fn results_are_shuffled_unless_told_otherwise_and_complete_either_way() {
    for keep in [false, true] {
        let rig = Rig::new();
        if keep {
            let path = "*/jobs/ingest".to_owned();
            rig.practice.mischief().add(Rule {
                method: "POST".to_owned(),
                path,
                nth: 1,
                times: 0,
                fault: Fault::KeepOrder,
            });
        }
        let id = rig.submit(&accounts("insert"), &account_rows(0, 10_450)).await;
        assert_eq!(rig.ended(INGEST, &id).await["numberRecordsProcessed"], 10_450);
        let [success, _, _] = rig.results(&id).await;
        let got = names(&success, 2);
        let sent: Vec<String> = (0..10_450).map(|number| format!("\"Acme {number}\"")).collect();
        assert_eq!(got == sent, keep);
        assert_eq!(got.iter().collect::<BTreeSet<_>>(), sent.iter().collect::<BTreeSet<_>>());
    }
}

#[tokio::test]
async fn a_job_with_trouble_accounts_for_every_row() {
    let message = "InternalServerError : Retried more than 20 times";
    for (fault, state, expected) in [
        (Fault::FailJob { after_rows: 450, message: message.to_owned() }, "Failed", (450, 0, 550)),
        (Fault::AbortJob { after_rows: 130 }, "Aborted", (130, 0, 870)),
        (Fault::LockRows { every: 10 }, "JobComplete", (900, 100, 0)),
        (Fault::TireRows { every: 5 }, "JobComplete", (800, 200, 0)),
        (Fault::DropResults { every: 4 }, "JobComplete", (750, 0, 0)),
    ] {
        let rig = Rig::new();
        rig.practice.mischief().add(Rule {
            method: "PATCH".to_owned(),
            path: "*/jobs/ingest/*".to_owned(),
            nth: 1,
            times: 1,
            fault: fault.clone(),
        });
        let id = rig.submit(&accounts("insert"), &account_rows(0, 1_000)).await;
        let info = rig.ended(INGEST, &id).await;
        assert_eq!(info["state"], state, "{fault:?}");
        let [success, failed, unprocessed] = rig.results(&id).await;
        let counts = (success.len() - 1, failed.len() - 1, unprocessed.len() - 1);
        assert_eq!(counts, expected, "{fault:?}");
        let effects = rig.practice.org().audit().len();
        let dropped = if matches!(fault, Fault::DropResults { .. }) { 250 } else { 0 };
        assert_eq!(effects, (expected.0 + dropped) as u64, "{fault:?}");
        if state == "Failed" {
            assert_eq!(info["errorMessage"], message);
        }
    }
}

#[tokio::test]
async fn an_abort_keeps_what_is_committed_and_names_the_rest() {
    let rig = Rig::new();
    let id = job_in(&rig, "InProgress").await;
    let aborted = rig.patch(&id, "Aborted").await.json();
    assert_eq!(aborted["state"], "Aborted");
    let [success, failed, unprocessed] = rig.results(&id).await;
    let done = success.len() - 1;
    assert!((200..1_000).contains(&done), "{done}");
    assert_eq!((failed.len() - 1, done + unprocessed.len() - 1), (0, 1_000));
    assert_eq!(rig.practice.org().audit().len(), done as u64);
}

#[tokio::test]
async fn a_running_job_shows_results_only_by_switch() {
    for (running, verdict) in
        [(RunningResults::Refused, "400 INVALIDJOBSTATE"), (RunningResults::Partial, "200")]
    {
        let rig = Rig::switched(Switches { running_results: running, ..Switches::default() });
        let id = job_in(&rig, "InProgress").await;
        let heard = rig.get(&format!("{INGEST}/{id}/successfulResults")).await;
        assert_eq!(heard.verdict(), verdict);
    }
}

#[tokio::test]
async fn a_job_open_for_a_day_takes_nothing_more() {
    let rig = Rig::new();
    let id = rig.create(&accounts("insert")).await;
    rig.practice.clock().advance_ms(86_400_001);
    let rig = Rig { token: rig.practice.issue_token(), practice: rig.practice };
    let path = format!("{INGEST}/{id}");
    assert_eq!(act(&rig, &path, &id, "PUT").await, "400 INVALIDJOBSTATE");
    assert_eq!(act(&rig, &path, &id, "CLOSE").await, "400 INVALIDJOBSTATE");
    assert_eq!(act(&rig, &path, &id, "ABORT").await, "200");
    rig.practice.clock().advance_ms(7 * 86_400_001);
    let rig = Rig { token: rig.practice.issue_token(), practice: rig.practice };
    assert_eq!(act(&rig, &path, &id, "GET").await, "404 NOT_FOUND");
}

#[tokio::test]
async fn a_multipart_create_starts_at_once() {
    let rig = Rig::new();
    let body = "--B\r\nContent-Type: application/json\r\nContent-Disposition: form-data; \
                name=\"job\"\r\n\r\n{\"object\":\"Account\",\"operation\":\"insert\"}\r\n--B\r\n\
                Content-Type: text/csv\r\nContent-Disposition: form-data; name=\"content\"; \
                filename=\"content\"\r\n\r\nName\nA\nB\n\r\n--B--\r\n";
    let bearer = format!("Bearer {}", rig.token);
    let headers =
        [("authorization", bearer.as_str()), ("content-type", "multipart/form-data; boundary=B")];
    let created = rig.send("POST", INGEST, &headers, body).await.json();
    assert_eq!(created["state"], "UploadComplete");
    let info = rig.ended(INGEST, created["id"].as_str().unwrap()).await;
    assert_eq!(info["numberRecordsProcessed"], 2);
}

#[tokio::test]
async fn the_list_has_all_jobs_a_thousand_a_page() {
    let rig = Rig::new();
    for _ in 0..1_003 {
        rig.create(&accounts("insert")).await;
    }
    let first = rig.get(&format!("{INGEST}?jobType=V2Ingest")).await.json();
    assert_eq!(
        (first["records"].as_array().unwrap().len(), &first["done"]),
        (1_000, &json!(false))
    );
    let second = rig.get(first["nextRecordsUrl"].as_str().unwrap()).await.json();
    assert_eq!((second["records"].as_array().unwrap().len(), &second["done"]), (3, &json!(true)));
    assert_eq!(second["nextRecordsUrl"], Value::Null);
    let none = rig.get(&format!("{INGEST}?jobType=Classic")).await.json();
    assert!(none["records"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_kept_org_goes_on_where_it_was_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let csv = account_rows(0, 10_700);
    let mut rig = Rig::of(Org::open(dir.path(), &small()).unwrap());
    let transaction = Duration::from_millis(4);
    rig.practice.set_pace(Pace { queued: Duration::ZERO, transaction });
    let id = rig.submit(&accounts("insert"), &csv).await;
    let (mut stops, mut seen) = (0, 0);
    let info = loop {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let info = rig.get(&format!("{INGEST}/{id}")).await.json();
        if info["state"] == "JobComplete" {
            break info;
        }
        let processed = info["numberRecordsProcessed"].as_u64().unwrap();
        if processed < seen + 2_500 {
            continue;
        }
        seen = processed;
        let progress = rig.practice.job_folder(&id).join("progress");
        drop(rig);
        stops += 1;
        forget_last_line(&progress);
        rig = Rig::of(Org::open(dir.path(), &small()).unwrap());
        rig.practice.set_pace(Pace { queued: Duration::ZERO, transaction });
    };
    assert!(stops >= 2, "{stops}");
    assert_eq!(info["numberRecordsProcessed"], 10_700);
    let [success, failed, unprocessed] = rig.results(&id).await;
    let got: BTreeSet<String> = names(&success, 2).into_iter().collect();
    assert_eq!((got.len(), success.len() - 1), (10_700, 10_700));
    assert_eq!((failed.len(), unprocessed.len()), (1, 1));
    assert_eq!(rig.practice.org().audit().len(), 10_700);
}

/// As if the process had been killed between the org's journal and our own note of it.
fn forget_last_line(path: &Path) {
    let text = fs::read(path).unwrap();
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let Some((_, rest)) = lines.split_last() else { return };
    File::create(path).unwrap().write_all(&rest.concat()).unwrap();
}

#[tokio::test]
async fn a_jobs_files_go_with_an_org_in_memory() {
    let rig = Rig::new();
    let id = job_in(&rig, "JobComplete").await;
    let folder = rig.practice.job_folder(&id);
    assert!(folder.exists());
    drop(rig);
    assert!(!folder.exists());
}

fn query_job(soql: &str) -> Value {
    json!({"operation": "query", "query": soql})
}

#[tokio::test]
async fn a_query_job_gives_pages_by_locator() {
    let rig = Rig::new();
    let id = rig.submit(&accounts("insert"), &account_rows(0, 2_500)).await;
    rig.ended(INGEST, &id).await;
    let soql = "SELECT Id, Name, AnnualRevenue, CreatedDate FROM Account WHERE Name LIKE 'Acme %'";
    let created = rig.call("POST", QUERY, &query_job(soql).to_string()).await.json();
    assert_eq!(
        (&created["state"], &created["object"]),
        (&json!("UploadComplete"), &json!("Account"))
    );
    assert!(created.get("jobType").is_none());
    let id = created["id"].as_str().unwrap();
    let info = rig.ended(QUERY, id).await;
    assert_eq!(
        (&info["numberRecordsProcessed"], &info["jobType"]),
        (&json!(2_500), &json!("V2Query"))
    );

    let (mut locator, mut rows, mut pages) = (String::new(), Vec::new(), 0);
    while locator != "null" {
        let url = format!("{QUERY}/{id}/results?maxRecords=1200&locator={locator}");
        let page = rig.get(&url).await;
        let lines: Vec<String> = page.text().lines().map(str::to_owned).collect();
        assert_eq!(lines[0], "\"Id\",\"Name\",\"AnnualRevenue\",\"CreatedDate\"");
        assert_eq!(page.header("sforce-numberofrecords"), (lines.len() - 1).to_string());
        assert_eq!(page.header("content-length"), page.body.len().to_string());
        rows.extend_from_slice(&lines[1..]);
        locator = page.header("sforce-locator").to_owned();
        pages += 1;
    }
    assert_eq!((pages, rows.iter().collect::<BTreeSet<_>>().len(), rows.len()), (3, 2_500, 2_500));
    let listed = rig.get(&format!("{QUERY}/{id}/resultPages")).await.json();
    assert_eq!((&listed["done"], &listed["nextRecordsUrl"]), (&json!(true), &Value::Null));
    let url = listed["resultPages"][0]["resultUrl"].as_str().unwrap();
    assert_eq!(rig.get(url).await.text().lines().count(), 2_501);
    let other = url.replace("v62.0", "v61.0");
    assert_eq!(rig.get(&other).await.status, 409);
}

#[tokio::test]
async fn query_jobs_are_refused_or_ended() {
    let rig = Rig::new();
    for (soql, verdict) in [
        ("SELECT Nope FROM Account", "400 INVALID_FIELD"),
        ("SELECT Id FROM Acount", "400 INVALID_TYPE"),
        ("SELECT FROM Account", "400 MALFORMED_QUERY"),
        ("SELECT COUNT() FROM Account", "400 API_ERROR"),
        ("SELECT Id FROM Account OFFSET 5", "400 API_ERROR"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "400 API_ERROR"),
        ("SELECT Name FROM Account GROUP BY Name", "400 API_ERROR"),
    ] {
        let heard = rig.call("POST", QUERY, &query_job(soql).to_string()).await;
        assert_eq!(heard.verdict(), verdict, "{soql}: {}", heard.text());
    }
    let queued = Duration::from_mins(1);
    rig.practice.set_pace(Pace { queued, transaction: Duration::ZERO });
    let body = query_job("SELECT Id FROM User").to_string();
    let created = rig.call("POST", QUERY, &body).await.json();
    let path = format!("{QUERY}/{}", created["id"].as_str().unwrap());
    assert_eq!(rig.call("DELETE", &path, "").await.verdict(), "400 API_ERROR");
    assert_eq!(rig.get(&format!("{path}/results")).await.verdict(), "400 INVALIDJOBSTATE");
    let abort = json!({"state": "Aborted"}).to_string();
    assert_eq!(rig.call("PATCH", &path, &abort).await.json()["state"], "Aborted");
    assert_eq!(rig.call("PATCH", &path, &abort).await.verdict(), "400 INVALIDJOBSTATE");
    assert_eq!(rig.call("DELETE", &path, "").await.verdict(), "204");
    assert_eq!(rig.get(&path).await.verdict(), "404 NOT_FOUND");
}

#[tokio::test]
async fn an_empty_query_result_has_its_header() {
    let rig = Rig::new();
    let body = query_job("SELECT Id FROM Account WHERE Name = 'nobody'").to_string();
    let created = rig.call("POST", QUERY, &body).await.json();
    let id = created["id"].as_str().unwrap();
    rig.ended(QUERY, id).await;
    let page = rig.get(&format!("{QUERY}/{id}/results")).await;
    assert_eq!(page.text(), "\"Id\"\n");
    assert_eq!(
        (page.header("sforce-locator"), page.header("sforce-numberofrecords")),
        ("null", "0")
    );
}

#[tokio::test]
async fn an_upsert_tells_what_it_created() {
    let rig = Rig::new();
    let members = json!({"object": "Account", "operation": "upsert",
        "externalIdFieldName": "Legacy_Id__c"});
    let first = rig.submit(&accounts("insert"), &account_rows(0, 2)).await;
    rig.ended(INGEST, &first).await;
    let id = rig.submit(&members, &account_rows(1, 2)).await;
    rig.ended(INGEST, &id).await;
    let [success, _, _] = rig.results(&id).await;
    let got: BTreeSet<(String, String)> =
        names(&success, 3).into_iter().zip(names(&success, 1)).collect();
    let expected = BTreeSet::from([("\"K-1\"", "\"false\""), ("\"K-2\"", "\"true\"")]);
    assert_eq!(got, expected.into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect());
}

#[tokio::test]
async fn a_delete_job_empties_what_it_names() {
    let rig = Rig::new();
    let first = rig.submit(&accounts("insert"), &account_rows(0, 3)).await;
    rig.ended(INGEST, &first).await;
    let [success, _, _] = rig.results(&first).await;
    let ids: Vec<String> = names(&success, 0).iter().map(|id| id.replace('"', "")).collect();
    let csv = format!("id\n{}\n{}\n001000000000000AAA\n", ids[0], ids[1]);
    let id = rig.submit(&accounts("delete"), &csv).await;
    let info = rig.ended(INGEST, &id).await;
    assert_eq!(
        (&info["numberRecordsProcessed"], &info["numberRecordsFailed"]),
        (&json!(3), &json!(1))
    );
    let count = rig.get(&format!("{DATA}/limits/recordCount?sObjects=Account,Nope")).await.json();
    let left = rig.get(&format!("{DATA}/query?q=SELECT+COUNT()+FROM+Account")).await.json();
    assert_eq!(count["sObjects"][0]["count"], left["totalSize"]);
}

#[test]
fn a_practice_org_can_be_opened_without_a_runtime() {
    let practice = Practice::new(Org::new(&small())).unwrap();
    assert!(practice.issue_token().contains('!'));
}
