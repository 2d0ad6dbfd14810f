//! Undelete: what is asked in which order, and what an answer is worth.

use std::time::Duration;

use super::super::soap::xml::Element;
use super::*;

const IDS: [&str; 2] = ["0018c00000ZgV6fAAF", "0018c00000zzzzzAAA"];

fn fixture(name: &str) -> String {
    let path = format!("{}/fixtures/soap/{name}.xml", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

fn tree(text: &str) -> Element {
    Element::read(text.as_bytes()).unwrap()
}

fn xml(text: String) -> Canned {
    Canned::new(200, text).with("content-type", "text/xml;charset=UTF-8")
}

/// What the org says of the records: whether each is deleted, and its stamp.
fn look(records: &[(&str, bool, &str)]) -> Canned {
    let one = |(id, deleted, stamp): &(&str, bool, &str)| {
        format!(r#"{{"Id":"{id}","IsDeleted":{deleted},"SystemModstamp":"{stamp}"}}"#)
    };
    let records: Vec<String> = records.iter().map(one).collect();
    let (count, records) = (records.len(), records.join(","));
    Canned::json(200, &format!(r#"{{"totalSize":{count},"done":true,"records":[{records}]}}"#))
}

/// The answer to an undelete of one record each.
fn restored(ids: &[&str]) -> Canned {
    let result = |id: &&str| format!("<result><id>{id}</id><success>true</success></result>");
    let results: String = ids.iter().map(result).collect();
    let body = format!("<b:Body><undeleteResponse>{results}</undeleteResponse></b:Body>");
    xml(format!("<b:Envelope xmlns:b=\"x\">{body}</b:Envelope>"))
}

fn refused(code: &str) -> Canned {
    let fault = format!("<faultcode>sf:{code}</faultcode><faultstring>{code}: no</faultstring>");
    Canned::new(
        500,
        format!(
            "<b:Envelope xmlns:b=\"x\"><b:Body><b:Fault>{fault}</b:Fault></b:Body></b:Envelope>"
        ),
    )
}

/// What came of a job of both records, the rows of its result files, and what was asked.
async fn undelete(script: Vec<Canned>) -> (Result<(), Fault>, Vec<String>, Vec<String>) {
    let wire = Scripted::new([Canned::json(200, VERSIONS)].into_iter().chain(script));
    let token = Grant::Token(Secret::new("00DPr0000000001!AQ.EXAMPLE".to_owned()));
    let org = Salesforce::sign_in(wire.client(), with_grant(token)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let body = folder.path().join("000001.csv");
    let text = format!("Id\n{}\n", IDS.join("\n"));
    io::Write::write_all(&mut std::fs::File::create(&body).unwrap(), text.as_bytes()).unwrap();
    let object = ObjectName::parse("Account").unwrap();
    let (operation, external_id) = (Operation::Undelete, None);
    let spec = JobSpec { object, operation, external_id, verify_after: false };
    let Outcome::Done(job) = org.reserve(&spec).await else { panic!() };
    assert_eq!(org.stage(&job, &body, text.len() as u64).await, Outcome::Done(()));
    assert_eq!(wire.asked().len(), 1, "nothing is asked before the commit");
    assert_eq!(org.commit(&job).await, Outcome::Done(()));
    let ended = loop {
        match org.ask(&job).await {
            Outcome::Done(status) if status.state.is_terminal() => break Ok(()),
            Outcome::Done(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            Outcome::NotDone(fault) | Outcome::Unknown(fault) => break Err(fault),
        }
    };
    let mut rows = Vec::new();
    for which in [ResultFile::Successful, ResultFile::Failed] {
        let to = folder.path().join("out.csv");
        if ended.is_ok() {
            assert!(matches!(org.download(&job, which, &to).await, Outcome::Done(_)));
            let text = std::fs::read_to_string(&to).unwrap();
            rows.extend(text.lines().skip(1).map(str::to_owned));
        }
    }
    let all = wire.asked();
    let asked = all[1..].iter().map(|one| {
        let path = one.path.split('?').next().unwrap().rsplit('/').next().unwrap();
        format!("{path} {}", one.body.matches("<ids>").count())
    });
    let asked = asked.collect();
    if let Some(call) = all.get(2).filter(|call| call.body.contains(IDS[1])) {
        assert_eq!(call.line(), "POST /services/Soap/u/62.0");
        assert_eq!(call.headers["soapaction"], "undelete");
        assert_eq!(tree(&call.body), tree(&fixture("undelete-request")));
    }
    (ended, rows, asked)
}

#[tokio::test(start_paused = true)]
async fn the_client_asks_and_understands_what_the_fixtures_say() {
    let wire = Scripted::new([xml(fixture("login-answer")), Canned::json(200, VERSIONS)]);
    let grant = Grant::Password {
        username: "admin@practice.example".to_owned(),
        password: Secret::new("practice".to_owned()),
    };
    let here = Url::parse("http://localhost:8080").unwrap();
    let sign_in = SignIn { instance_url: here, ..with_grant(grant) };
    Salesforce::sign_in(wire.client(), sign_in).await.unwrap();
    assert_eq!(tree(&wire.asked()[0].body), tree(&fixture("login-request")));
    let token = &wire.asked()[1].headers["authorization"];
    assert_eq!(token, "Bearer 00DPr0000000001!AQ.EXAMPLE");

    let binned = look(&[(IDS[0], true, "2026")]);
    let (ended, rows, asked) = undelete(vec![binned, xml(fixture("undelete-answer"))]).await;
    assert_eq!((ended, asked), (Ok(()), vec!["queryAll 0".to_owned(), "62.0 2".to_owned()]));
    let bad = format!("{0},INVALID_CROSS_REFERENCE_KEY:invalid cross reference id: --,{0}", IDS[1]);
    assert_eq!(rows, [format!("{0},restored,{0}", IDS[0]), bad]);
}

#[tokio::test(start_paused = true)]
async fn after_an_answer_of_no_use_the_org_is_asked_and_only_the_rest_is_sent() {
    let both = || look(&[(IDS[0], true, "1"), (IDS[1], true, "1")]);
    let half = look(&[(IDS[0], false, "2"), (IDS[1], true, "1")]);
    for useless in [
        restored(&[IDS[1], IDS[0]]),
        restored(&[IDS[0]]),
        Canned::new(200, "<html>login</html>"),
        Canned::broken(Broken::Lost("reset".to_owned())),
        refused("UNKNOWN_EXCEPTION"),
    ] {
        let script = vec![both(), useless, half.clone(), restored(&[IDS[1]])];
        let (ended, rows, asked) = undelete(script).await;
        assert_eq!(ended, Ok(()));
        assert_eq!(rows, [format!("{0},found,{0}", IDS[0]), format!("{0},restored,{0}", IDS[1])]);
        assert_eq!(asked, ["queryAll 0", "62.0 2", "queryAll 0", "62.0 1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_arrives_late_is_found_by_one_more_look() {
    let both = look(&[(IDS[0], true, "1"), (IDS[1], true, "1")]);
    let error = "<errors><message>x</message><statusCode>UNDELETE_FAILED</statusCode></errors>";
    let result =
        |id: &str| format!("<result>{error}<id>{id}</id><success>false</success></result>");
    let results = format!("{}{}", result(IDS[0]), result(IDS[1]));
    let body = format!("<b:Body><undeleteResponse>{results}</undeleteResponse></b:Body>");
    let refused = xml(format!("<b:Envelope xmlns:b=\"x\">{body}</b:Envelope>"));
    let lost = Canned::broken(Broken::Lost("reset".to_owned()));
    let half = look(&[(IDS[0], false, "2"), (IDS[1], true, "1")]);
    let (ended, rows, _) = undelete(vec![both.clone(), lost, both, refused, half]).await;
    assert_eq!(ended, Ok(()));
    let bad = format!("{0},UNDELETE_FAILED:x: --,{0}", IDS[1]);
    assert_eq!(rows, [format!("{0},found,{0}", IDS[0]), bad]);
}

#[tokio::test(start_paused = true)]
async fn what_time_does_not_heal_ends_at_once_and_what_may_after_a_while() {
    let both = || look(&[(IDS[0], true, "1"), (IDS[1], true, "1")]);
    for (code, class) in [
        ("API_DISABLED_FOR_ORG", FaultClass::Access),
        ("REQUEST_LIMIT_EXCEEDED", FaultClass::Limit),
        ("INVALID_SESSION_ID", FaultClass::Access),
    ] {
        let (ended, _, asked) = undelete(vec![both(), refused(code)]).await;
        let fault = ended.unwrap_err();
        assert_eq!((fault.class, fault.code.as_str()), (class, code));
        assert_eq!(asked, ["queryAll 0", "62.0 2"]);
    }
    // The script is at its end, so every further call is lost.
    let (ended, _, asked) = undelete(vec![both()]).await;
    let fault = ended.unwrap_err();
    assert!(fault.message.starts_with("nothing has succeeded for 15 minutes"), "{fault}");
    assert_eq!((fault.class, asked[1].as_str()), (FaultClass::Limit, "62.0 2"));
    let calls = asked.iter().filter(|one| one.starts_with("62.0")).count();
    assert_eq!(calls, 1, "without a look there is no second call");
}
