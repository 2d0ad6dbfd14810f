//! Exports by either way: same rows, whole pages, and no step off the org.

use super::*;

/// Keeps what it gets as lines of `a|b`.
#[derive(Default)]
pub(super) struct Lines(pub(super) Vec<String>);

impl Lines {
    fn keep(&mut self, record: &ByteRecord) {
        let cells: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
        self.0.push(cells.join("|"));
    }
}

impl RowSink for Lines {
    fn header(&mut self, header: &ByteRecord) -> io::Result<()> {
        self.keep(header);
        Ok(())
    }
    fn row(&mut self, row: &ByteRecord) -> io::Result<()> {
        self.keep(row);
        Ok(())
    }
}

pub(super) fn soql(text: &str) -> ExportRequest {
    ExportRequest { query: ExportQuery::Soql(text.to_owned()), all: false }
}

pub(super) fn counted(rows: u64) -> Canned {
    Canned::json(200, &format!(r#"{{"totalSize":{rows},"done":true,"records":[]}}"#))
}

fn query_job(state: &str) -> Canned {
    Canned::json(200, &format!(r#"{{"id":"{JOB}","state":"{state}","operation":"query"}}"#))
}

fn page(body: &str, rows: &str, locator: &str) -> Canned {
    Canned::csv(body).with("sforce-numberofrecords", rows).with("sforce-locator", locator)
}

async fn run(
    request: &ExportRequest,
    script: Vec<Canned>,
) -> (Result<ExportDone, Fault>, Vec<String>, Vec<String>) {
    let work = tempfile::tempdir().unwrap();
    let (org, wire) = signed_in(script).await;
    let mut sink = Lines::default();
    let ended = org.export(request, work.path(), &mut sink).await;
    assert_eq!(wire.left(), 0, "{ended:?} {:?}", asked(&wire));
    (ended, sink.0, asked(&wire))
}

#[tokio::test(start_paused = true)]
async fn a_small_result_comes_by_rest_with_relationships_flattened() {
    let first = r#"{"totalSize":3,"done":false,
        "nextRecordsUrl":"/services/data/v62.0/query/01g8c00000Qk3TbAAJ-2000","records":[
        {"attributes":{"type":"X"},"Id":"1","Assignee":null,"IsActive":true,"Amount":1.5},
        {"attributes":{"type":"X"},"Id":"2","Assignee":{"attributes":{},"Username":"jo, \"x\""},
         "IsActive":false,"Amount":null}]}"#;
    let second = r#"{"totalSize":3,"done":true,"records":[
        {"Id":"3","Assignee":{"Username":"é\n"},"IsActive":true,"Amount":12}]}"#;
    let (ended, lines, asked) = run(
        &soql("SELECT id, assignee.username, IsActive, Amount FROM PermissionSetAssignment"),
        vec![counted(3), Canned::json(200, first), Canned::json(200, second)],
    )
    .await;
    assert_eq!(ended, Ok(ExportDone { rows: 3 }));
    assert_eq!(
        lines,
        [
            "Id|Assignee.Username|IsActive|Amount",
            "1||true|1.5",
            "2|jo, \"x\"|false|",
            "3|é\n|true|12"
        ]
    );
    assert_eq!(asked[0], "GET …/query?q=SELECT+COUNT%28%29+FROM+PermissionSetAssignment");
    assert_eq!(asked[2], "GET …/query/01g8c00000Qk3TbAAJ-2000");
}

#[tokio::test(start_paused = true)]
async fn a_big_result_comes_by_bulk_and_a_cut_page_is_read_again() {
    let header = "\"Id\",\"Assignee.Username\"\n";
    let one = format!("{header}\"1\",\"a\"\n\"2\",\"b\nc\"\n");
    let (ended, lines, asked) = run(
        &soql("SELECT Id, Assignee.Username FROM PermissionSetAssignment"),
        vec![
            counted(9_000),
            query_job("UploadComplete"),
            query_job("Paused"),
            query_job("JobComplete"),
            page(&format!("{header}\"1\",\"a\"\n"), "2", "MTAw+/"),
            page(&one[..one.len() - 4], "2", "MTAw+/"),
            page(&one, "2", "MTAw+/"),
            page(&format!("{header}\"3\",\"\"\n"), "1", "null"),
        ],
    )
    .await;
    assert_eq!(ended, Ok(ExportDone { rows: 3 }));
    assert_eq!(lines, ["Id|Assignee.Username", "1|a", "2|b\nc", "3|"]);
    let results = format!("GET …/jobs/query/{JOB}/results?maxRecords=100000");
    assert_eq!(asked[4..7], [results.clone(), results.clone(), results.clone()]);
    assert_eq!(asked[7], format!("{results}&locator=MTAw%2B%2F"));
}

#[tokio::test(start_paused = true)]
async fn a_page_that_stays_cut_ends_the_export() {
    let cut = || page("\"Id\"\n\"1\"\n", "2", "null");
    let script = vec![counted(9_000), query_job("UploadComplete"), query_job("JobComplete")];
    let script = script.into_iter().chain((0..4).map(|_| cut())).collect();
    let (ended, lines, _) = run(&soql("SELECT Id FROM User"), script).await;
    let fault = ended.unwrap_err();
    assert!(fault.message.contains("was cut 4 times: it has 1 rows"), "{fault}");
    assert!(lines.is_empty());
}

#[tokio::test(start_paused = true)]
async fn pages_in_a_circle_end() {
    let again = || page("\"Id\"\n\"1\"\n", "1", "AAA");
    let script = vec![
        counted(9_000),
        query_job("UploadComplete"),
        query_job("JobComplete"),
        again(),
        again(),
    ];
    let (ended, _, _) = run(&soql("SELECT Id FROM User"), script).await;
    assert!(ended.unwrap_err().message.contains("leads in a circle"));
}

#[tokio::test(start_paused = true)]
async fn a_next_page_on_another_host_is_refused() {
    for address in [
        "https://evil.example/services/data/v62.0/query/01g",
        "//evil.example/services/data/v62.0/query/01g",
        "http://acme.my.salesforce.com/services/data/v62.0/query/01g",
        "/setup/services/x",
    ] {
        let first = format!(
            r#"{{"totalSize":2,"done":false,"nextRecordsUrl":"{address}","records":[{{"Id":"1"}}]}}"#
        );
        let script = vec![Canned::json(200, &first)];
        let (ended, _, asked) = run(&soql("SELECT Id FROM User LIMIT 2"), script).await;
        let fault = ended.unwrap_err();
        assert_eq!(fault.class, FaultClass::Protocol, "{fault}");
        assert!(fault.message.contains("we do not go there"), "{fault}");
        assert_eq!(asked.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_bulk_refuses_goes_by_rest() {
    let count = Canned::json(200, r#"{"totalSize":2500,"done":true,"records":[]}"#);
    let (_, lines, asked) = run(&soql("SELECT COUNT() FROM User"), vec![count]).await;
    assert_eq!(lines, ["COUNT()", "2500"]);
    assert_eq!(asked, ["GET …/query?q=SELECT+COUNT%28%29+FROM+User"]);

    let grouped = r#"{"totalSize":1,"done":true,"records":[{"attributes":{"type":"AggregateResult"},
        "expr0":4,"big":7.5,"Name":"Jo"}]}"#;
    let text = "SELECT COUNT(Id), MAX(Amount) big, Owner.Name FROM Opportunity GROUP BY Owner.Name";
    let (_, lines, _) = run(&soql(text), vec![Canned::json(200, grouped)]).await;
    assert_eq!(lines, ["expr0|big|Name", "4|7.5|Jo"]);

    let text = "SELECT Id FROM Odd";
    let rows = r#"{"totalSize":5000,"done":true,"records":[{"Id":"1"}]}"#;
    for refused in [
        refusal(400, "INVALIDENTITY", "Entity 'Odd' is not supported by the Bulk API."),
        refusal(400, "API_ERROR", "Selecting compound data not supported in Bulk Query"),
    ] {
        let script = vec![counted(5_000), refused, Canned::json(200, rows)];
        let (ended, lines, _) = run(&soql(text), script).await;
        assert_eq!(ended, Ok(ExportDone { rows: 1 }));
        assert_eq!(lines, ["Id", "1"]);
    }
}

#[tokio::test(start_paused = true)]
async fn datetimes_end_in_z_and_texts_keep_their_characters() {
    let record = r#"{"totalSize":2,"done":true,"records":[
        {"Id":"1","CreatedDate":"2026-11-20T09:00:01.000+0000","Note__c":"2026-11-20T09:00:01.000+0000"},
        {"Id":"2","CreatedDate":"2026-11-21T09:00:01.000+0000","Note__c":"x"}]}"#;
    let described = r#"{"name":"Case","fields":[{"name":"CreatedDate","type":"datetime"},
        {"name":"Note__c","type":"string"}]}"#;
    let (_, lines, asked) = run(
        &soql("SELECT Id, CreatedDate, Note__c FROM Case LIMIT 9"),
        vec![Canned::json(200, record), Canned::json(200, described)],
    )
    .await;
    assert_eq!(
        lines,
        [
            "Id|CreatedDate|Note__c",
            "1|2026-11-20T09:00:01.000Z|2026-11-20T09:00:01.000+0000",
            "2|2026-11-21T09:00:01.000Z|x"
        ]
    );
    assert_eq!(asked.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_object_is_exported_by_its_fields() {
    let described = r#"{"name":"Account","fields":[{"name":"Id","type":"id"},
        {"name":"Name","type":"string"},{"name":"BillingAddress","type":"address"},
        {"name":"Body","type":"base64"},
        {"name":"OwnerId","type":"reference","relationshipName":"Owner","referenceTo":["User"]}]}"#;
    let object = ObjectName::parse("account").unwrap();
    for (fields, filter, all, query) in [
        (&[][..], None, false, "GET …/query?q=SELECT+Id%2C+Name%2C+OwnerId+FROM+Account"),
        (
            &["name", "Owner.Username"],
            Some("Name != 'x'"),
            true,
            "GET …/queryAll?q=SELECT+Name%2C+Owner.Username+FROM+Account+WHERE+Name+%21%3D+%27x%27",
        ),
    ] {
        let fields: Vec<_> = fields.iter().map(|field| (*field).to_owned()).collect();
        let filter = filter.map(str::to_owned);
        let query_asked = ExportQuery::Object { object: object.clone(), fields, filter };
        let request = ExportRequest { query: query_asked, all };
        let script = vec![Canned::json(200, described), counted(0), counted(0)];
        let (ended, _, asked) = run(&request, script).await;
        assert_eq!(ended, Ok(ExportDone { rows: 0 }));
        assert_eq!(asked[2], query);
    }
    let fields = vec!["Nmae".to_owned()];
    let request =
        ExportRequest { query: ExportQuery::Object { object, fields, filter: None }, all: false };
    let (ended, _, _) = run(&request, vec![Canned::json(200, described)]).await;
    assert_eq!(ended.unwrap_err().message, "`Account` has no field `Nmae`");
}

#[tokio::test(start_paused = true)]
async fn a_failed_query_says_why() {
    let failed = format!(r#"{{"id":"{JOB}","state":"Failed","errorMessage":"Retried 15 times"}}"#);
    for (script, message) in [
        (
            vec![counted(9_000), query_job("UploadComplete"), Canned::json(200, &failed)],
            format!("query `{JOB}` failed: Retried 15 times"),
        ),
        (
            vec![counted(9_000), refusal(400, "MALFORMED_QUERY", "\\n  ^\\nunexpected token")],
            "cannot start the query: `acme.my.salesforce.com` says: ^ unexpected token \
             (`MALFORMED_QUERY`, status 400)"
                .to_owned(),
        ),
    ] {
        let (ended, lines, _) = run(&soql("SELECT Id FROM User"), script).await;
        assert_eq!(ended.unwrap_err().message, message);
        assert!(lines.is_empty());
    }
}
