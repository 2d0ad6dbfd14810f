//! Bulk ingest and describe: every call, and what each answer is taken for.

use super::*;

fn spec(operation: Operation, external_id: Option<&str>) -> JobSpec {
    let object = ObjectName::parse("Contact").unwrap();
    JobSpec {
        object,
        operation,
        external_id: external_id.map(str::to_owned),
        verify_after: false,
        assignment_rule: None,
    }
}

fn info(state: &str) -> Canned {
    Canned::json(
        200,
        &format!(
            r#"{{"id":"{JOB}","state":"{state}","object":"Contact","apiVersion":62.0,
                "contentUrl":"https://evil.example/batches"}}"#
        ),
    )
}

#[tokio::test(start_paused = true)]
async fn one_job_from_create_to_results() {
    let dir = tempfile::tempdir().unwrap();
    let body = dir.path().join("body.csv");
    io::Write::write_all(&mut std::fs::File::create(&body).unwrap(), b"Ext__c\nK-1\n").unwrap();
    let limits = "api-usage=18/15000; per-app-api-usage=1/2(appName=x)";
    let done = format!(
        r#"{{"id":"{JOB}","state":"JobComplete","numberRecordsProcessed":1,"numberRecordsFailed":0}}"#
    );
    let results = "\"sf__Id\",\"sf__Created\",Ext__c\n\"0038c00000Vt7YsAAJ\",\"true\",\"K-1\"\n";
    let (org, wire) = signed_in([
        info("Open"),
        Canned::new(201, ""),
        info("UploadComplete"),
        Canned::json(200, &done).with("sforce-limit-info", limits),
        Canned::csv(results),
    ])
    .await;
    let job = org.reserve(&spec(Operation::Upsert, Some("Ext__c"))).await;
    assert_eq!(job, Outcome::Done(self::job()));
    let job = self::job();
    assert_eq!(org.stage(&job, &body, 11).await, Outcome::Done(()));
    assert_eq!(org.commit(&job).await, Outcome::Done(()));
    let Outcome::Done(status) = org.ask(&job).await else { panic!() };
    assert_eq!((status.state, status.processed), (JobState::JobComplete, Some(1)));
    let to = dir.path().join("success.csv");
    let bytes = org.download(&job, ResultFile::Successful, &to).await;
    assert_eq!(bytes, Outcome::Done(results.len() as u64));
    assert_eq!(std::fs::read_to_string(&to).unwrap(), results);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    let usage = org.usage();
    assert_eq!((usage.calls, usage.retries), (6, 0));
    assert_eq!((usage.org_used, usage.org_allowed), (Some(18), Some(15_000)));
    assert_eq!(
        asked(&wire),
        [
            "POST …/jobs/ingest",
            "PUT …/jobs/ingest/7508c00000Qk3TbAAJ/batches",
            "PATCH …/jobs/ingest/7508c00000Qk3TbAAJ",
            "GET …/jobs/ingest/7508c00000Qk3TbAAJ",
            "GET …/jobs/ingest/7508c00000Qk3TbAAJ/successfulResults",
        ]
    );
    let asked = wire.asked();
    assert_eq!(
        asked[1].body,
        r#"{"object":"Contact","operation":"upsert","contentType":"CSV","columnDelimiter":"COMMA","lineEnding":"LF","externalIdFieldName":"Ext__c"}"#
    );
    assert_eq!(asked[2].headers["content-type"], "text/csv; charset=UTF-8");
    assert_eq!(asked[2].body, "Ext__c\nK-1\n");
    assert_eq!(asked[3].body, r#"{"state":"UploadComplete"}"#);
    assert_eq!(asked[5].headers["accept"], "text/csv");
}

#[tokio::test(start_paused = true)]
async fn what_an_answer_to_each_call_is_taken_for() {
    use FaultClass::{Access, Gone, Limit, Protocol, Refused, State, Unavailable};
    #[derive(Debug, Clone, Copy)]
    enum Do {
        Reserve,
        Stage,
        Commit,
        Abandon,
    }
    let lost = || Canned::broken(Broken::Lost("reset".to_owned()));
    let multiple = "Found multiple contents for job: <750>, please 'Close'";
    let closing = "Closing already Completed Job not allowed";
    let cases = [
        (Do::Reserve, lost(), "unknown", Some(Unavailable), 1),
        (Do::Reserve, Canned::new(500, ""), "unknown", Some(Unavailable), 1),
        (Do::Reserve, refusal(400, "INVALIDENTITY", "no"), "not done", Some(Refused), 1),
        (Do::Reserve, refusal(400, "FEATURENOTENABLED", "no"), "not done", Some(Access), 1),
        (Do::Reserve, refusal(400, "EXCEEDEDQUOTA", "no"), "not done", Some(Limit), 1),
        (
            Do::Reserve,
            refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
            "not done",
            Some(Limit),
            1,
        ),
        (Do::Reserve, Canned::json(200, r#"{"state":"Open"}"#), "unknown", Some(Protocol), 1),
        (
            Do::Reserve,
            Canned::json(200, r#"{"id":"../../x","state":"Open"}"#),
            "unknown",
            Some(Protocol),
            1,
        ),
        (Do::Reserve, Canned::new(200, "<html>down"), "unknown", Some(Protocol), 1),
        (Do::Stage, lost(), "unknown", Some(Unavailable), 1),
        (Do::Stage, Canned::new(503, "").with("retry-after", "1"), "unknown", Some(Unavailable), 1),
        (Do::Stage, Canned::new(429, ""), "not done", Some(Unavailable), 1),
        (Do::Stage, Canned::new(413, ""), "not done", Some(Refused), 1),
        (Do::Stage, refusal(404, "NOT_FOUND", "no"), "not done", Some(Gone), 1),
        (Do::Stage, refusal(400, "CLIENTINPUTERROR", multiple), "not done", Some(State), 1),
        (Do::Stage, expired(), "not done", Some(Access), 1),
        (Do::Commit, lost(), "unknown", Some(Unavailable), 1),
        (Do::Commit, Canned::new(504, ""), "unknown", Some(Unavailable), 1),
        (Do::Commit, Canned::json(200, "{\"id\":"), "unknown", Some(Protocol), 1),
        (Do::Commit, refusal(400, "INVALIDJOBSTATE", closing), "not done", Some(State), 1),
        (Do::Commit, refusal(404, "NOT_FOUND", "no"), "not done", Some(Gone), 1),
        (Do::Abandon, refusal(404, "NOT_FOUND", "no"), "done", None, 1),
        (Do::Abandon, refusal(400, "INVALIDJOBSTATE", "no"), "not done", Some(State), 1),
        (Do::Abandon, lost(), "unknown", Some(Unavailable), 2),
    ];
    let dir = tempfile::tempdir().unwrap();
    let body = dir.path().join("body.csv");
    std::fs::File::create(&body).unwrap();
    for (what, canned, certainty, class, requests) in cases {
        let (org, wire) = signed_in([canned.clone()]).await;
        let outcome = match what {
            Do::Reserve => match org.reserve(&spec(Operation::Insert, None)).await {
                Outcome::Done(_) => Outcome::Done(()),
                Outcome::NotDone(fault) => Outcome::NotDone(fault),
                Outcome::Unknown(fault) => Outcome::Unknown(fault),
            },
            Do::Stage => org.stage(&job(), &body, 0).await,
            Do::Commit => org.commit(&job()).await,
            Do::Abandon => org.abandon(&job()).await,
        };
        let (word, found) = match outcome {
            Outcome::Done(()) => ("done", None),
            Outcome::NotDone(fault) => ("not done", Some(fault.class)),
            Outcome::Unknown(fault) => ("unknown", Some(fault.class)),
        };
        assert_eq!((word, found), (certainty, class), "{what:?} {canned:?}");
        assert!(asked(&wire).len() >= requests, "{what:?} {canned:?}");
        if !matches!(what, Do::Abandon) {
            assert_eq!(asked(&wire).len(), requests, "{what:?} {canned:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_upload_is_never_sent_twice_not_even_with_a_new_token() {
    let dir = tempfile::tempdir().unwrap();
    let body = dir.path().join("body.csv");
    std::fs::File::create(&body).unwrap();
    let wire = Scripted::new([
        issued(TOKEN, ORIGIN),
        Canned::json(200, VERSIONS),
        expired(),
        issued("00D8c00000Hn2Pq!second", ORIGIN),
        Canned::new(201, ""),
    ]);
    let org = Salesforce::sign_in(wire.client(), with_secret()).await.unwrap();
    let Outcome::NotDone(fault) = org.stage(&job(), &body, 0).await else { panic!() };
    assert_eq!((fault.class, fault.status), (FaultClass::Unavailable, Some(401)));
    assert_eq!(wire.left(), 1, "the upload was repeated");
}

#[tokio::test(start_paused = true)]
async fn a_cut_download_leaves_no_file_of_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let to = dir.path().join("failed.csv");
    let cut = || Canned::csv("Id\n1\n").with("content-length", "100");
    let (org, _) = signed_in((0..5).map(|_| cut())).await;
    let Outcome::Unknown(fault) = org.download(&job(), ResultFile::Failed, &to).await else {
        panic!();
    };
    assert!(fault.message.contains("it ended after 5 of 100 bytes"), "{fault}");
    assert!(!to.exists());
}

#[tokio::test(start_paused = true)]
async fn a_schema_brings_what_relationship_columns_point_to() {
    let object = r#"{"name":"PermissionSetAssignment","keyPrefix":"0Pa","createable":true,
        "fields":[{"name":"AssigneeId","type":"reference","nillable":false,"createable":true,
        "referenceTo":["User"],"relationshipName":"Assignee"},
        {"name":"OwnerId","type":"reference","referenceTo":["Group","User"],
        "relationshipName":"Owner","polymorphicForeignKey":true}]}"#;
    let all = r#"{"sobjects":[{"name":"User","keyPrefix":"005"},{"name":"Odd","keyPrefix":null}]}"#;
    let user = r#"{"name":"User","fields":[{"name":"Username","type":"string","idLookup":true}]}"#;
    let (org, wire) = signed_in([
        Canned::json(200, object),
        Canned::json(200, all),
        Canned::json(200, user),
        refusal(404, "NOT_FOUND", "The requested resource does not exist"),
    ])
    .await;
    let header =
        ["AssigneeId", "assignee.Username", "User:Owner.Username", "Owner.Name", "No.Such"];
    let name = ObjectName::parse("PermissionSetAssignment").unwrap();
    let schema = org.load_schema(&name, &header.map(str::to_owned)).await.unwrap();
    assert_eq!(schema.related.keys().collect::<Vec<_>>(), ["user"]);
    assert_eq!(schema.key_prefixes.get("user").map(String::as_str), Some("005"));
    assert!(schema.object.fields[0].is_required() && schema.object.fields[1].polymorphic);
    assert_eq!(
        asked(&wire)[2..],
        ["GET …/sobjects/User/describe".to_owned(), "GET …/sobjects/Group/describe".to_owned(),]
    );
}

#[tokio::test(start_paused = true)]
async fn an_unknown_object_is_told_with_a_way_out() {
    let (org, _) = signed_in([
        refusal(404, "NOT_FOUND", "no"),
        Canned::json(200, r#"{"sobjects":[{"name":"Contact"},{"name":"Account"}]}"#),
    ])
    .await;
    let fault = org.describe(&ObjectName::parse("Acount").unwrap()).await.unwrap_err();
    assert_eq!(fault.message, "the org has no object `Acount`, or this user may not see it");
    assert_eq!(fault.class, FaultClass::Gone);
    assert_eq!(fault.hints[0], "did you mean `Account`?");
}
