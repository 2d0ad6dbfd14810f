//! Jobs: the calls of one user, and what each answer is taken for.

use super::*;

mod by_role;

struct Load {
    tenant: Auth0,
    wire: Arc<Scripted>,
    _folder: tempfile::TempDir,
    body: PathBuf,
    spec: JobSpec,
}

const HEADER: &str = "user_id,email,resource_server_identifier,permission_name\n";

impl Load {
    async fn new(
        operation: Operation,
        rows: &str,
        script: impl IntoIterator<Item = Canned>,
    ) -> Self {
        Self::of("UserPermission", operation, &format!("{HEADER}{rows}"), script).await
    }

    async fn of(
        object: &str,
        operation: Operation,
        text: &str,
        script: impl IntoIterator<Item = Canned>,
    ) -> Self {
        let (tenant, wire) = signed_in(script).await;
        let folder = tempfile::tempdir().unwrap();
        let body = folder.path().join("000001.csv");
        let mut file = std::fs::File::create(&body).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let object = ObjectName::parse(object).unwrap();
        let spec = JobSpec {
            object,
            operation,
            external_id: None,
            verify_after: false,
            assignment_rule: None,
        };
        Self { tenant, wire, _folder: folder, body, spec }
    }

    /// From the reservation to the end; what the two result files say, without their headers.
    async fn run(&self) -> Result<[String; 2], Fault> {
        let Outcome::Done(job) = self.tenant.reserve(&self.spec).await else { panic!() };
        let bytes = std::fs::metadata(&self.body).unwrap().len();
        assert_eq!(self.tenant.stage(&job, &self.body, bytes).await, Outcome::Done(()));
        let Outcome::Done(status) = self.tenant.ask(&job).await else { panic!() };
        assert_eq!(status.state, JobState::Open);
        assert!(self.wire.asked().is_empty(), "something was called before the commit");
        assert_eq!(self.tenant.commit(&job).await, Outcome::Done(()));
        self.end(&job).await
    }

    async fn end(&self, job: &JobId) -> Result<[String; 2], Fault> {
        loop {
            match self.tenant.ask(job).await {
                Outcome::Done(status) if status.state == JobState::JobComplete => break,
                Outcome::Done(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                Outcome::NotDone(fault) | Outcome::Unknown(fault) => return Err(fault),
            }
        }
        let mut said = Vec::new();
        for which in [ResultFile::Successful, ResultFile::Failed] {
            let to = self.body.with_extension("got");
            assert!(matches!(self.tenant.download(job, which, &to).await, Outcome::Done(_)));
            let text = std::fs::read_to_string(&to).unwrap();
            said.push(text.split_once('\n').unwrap().1.to_owned());
        }
        Ok(said.try_into().unwrap())
    }

    fn lines(&self) -> Vec<String> {
        self.wire.lines().iter().map(|line| line.replace("/api/v2", "…")).collect()
    }
}

const GET: &str = "GET …/users/auth0%7Ca/permissions?page=0&per_page=100&include_totals=true";
const DELETE: &str = "DELETE …/users/auth0%7Ca/permissions";
const APIS: &str = "GET …/resource-servers?page=0&per_page=100&include_totals=true";

fn rows(names: &[&str]) -> String {
    names.iter().flat_map(|name| ["auth0|a,,urn:ledger,", name, "\n"]).collect()
}

#[tokio::test(start_paused = true)]
async fn one_call_takes_away_what_a_user_holds_directly() {
    let script = [
        apis(),
        held(&[("read:a", &["DIRECT", "Clerk"]), ("read:b", &["Clerk", "Lead"])]),
        Canned::new(204, ""),
    ];
    let load = Load::new(Operation::Delete, &rows(&["read:a", "read:b", "read:a"]), script).await;
    let [good, bad] = load.run().await.unwrap();
    assert_eq!(
        good,
        "auth0|a,removed; still effective through role Clerk,auth0|a,,urn:ledger,read:a,0\n\
         auth0|a,\"absent; still effective through roles Clerk, Lead\",auth0|a,,urn:ledger,read:b,1\n\
         auth0|a,removed; still effective through role Clerk,auth0|a,,urn:ledger,read:a,2\n"
    );
    assert_eq!(bad, "");
    assert_eq!(load.lines(), [APIS, GET, DELETE]);
    assert_eq!(
        load.wire.asked()[2].body,
        r#"{"permissions":[{"resource_server_identifier":"urn:ledger","permission_name":"read:a"}]}"#
    );
    let image = std::fs::read_to_string(load.body.with_file_name("000001.before.jsonl")).unwrap();
    assert_eq!(
        image,
        "{\"user_id\":\"auth0|a\",\"asked\":[{\"resource_server_identifier\":\"urn:ledger\",\
         \"permission_name\":\"read:a\"},{\"resource_server_identifier\":\"urn:ledger\",\
         \"permission_name\":\"read:b\"}],\"held\":[{\"resource_server_identifier\":\"urn:ledger\",\
         \"permission_name\":\"read:a\",\"direct\":true,\"roles\":[\"Clerk\"]},\
         {\"resource_server_identifier\":\"urn:ledger\",\"permission_name\":\"read:b\",\
         \"direct\":false,\"roles\":[\"Clerk\",\"Lead\"]}]}\n"
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_is_called_for_what_is_so_already() {
    for (operation, holds, word) in [
        (Operation::Delete, &[][..], "absent"),
        (Operation::Insert, &[("read:a", &["DIRECT"][..])][..], "unchanged"),
    ] {
        let load = Load::new(operation, &rows(&["read:a"]), [apis(), held(holds)]).await;
        let [good, _] = load.run().await.unwrap();
        assert_eq!(good, format!("auth0|a,{word},auth0|a,,urn:ledger,read:a,0\n"));
        assert_eq!(load.lines(), [APIS, GET]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_answer_to_each_call_is_taken_for() {
    let lost = || Canned::broken(Broken::Lost("reset".to_owned()));
    let has = || held(&[("read:a", &["DIRECT"])]);
    let gone = || refusal(404, "inexistent_user", "The user does not exist.");
    let page = || Canned::new(502, "<html>bad gateway</html>");
    let fine = || Canned::new(204, "");
    // Answers after the list of APIs; then the row's result, or the class of the job's fault.
    let cases: [(Vec<Canned>, Result<&str, FaultClass>); 10] = [
        (vec![has(), lost(), fine()], Ok("removed")),
        (vec![has(), page(), fine()], Ok("removed")),
        (vec![page(), has(), Canned::new(429, "").with("retry-after", "1"), fine()], Ok("removed")),
        // The last of many lost answers was not: what the user held before tells.
        (vec![has(), lost(), lost(), lost(), lost(), lost(), held(&[])], Ok("removed")),
        (vec![gone()], Ok("user_not_found")),
        (vec![has(), gone()], Ok("user_not_found")),
        (vec![refusal(400, "invalid_uri", "user-id")], Ok("user_id_invalid")),
        (vec![has(), refusal(400, "invalid_body", "no")], Ok("refused_by_tenant")),
        (vec![has(), refusal(403, "insufficient_scope", "x")], Err(FaultClass::Access)),
        (vec![has(), Canned::json(401, "{}")], Err(FaultClass::Access)),
    ];
    for (script, expected) in cases {
        let script = [apis()].into_iter().chain(script);
        let load = Load::new(Operation::Delete, &rows(&["read:a"]), script).await;
        let got = load.run().await;
        match (got, expected) {
            (Ok([good, bad]), Ok(word)) => {
                let line = if good.is_empty() { &bad } else { &good };
                let second = line.split(',').nth(1).unwrap().trim_start_matches('"');
                assert_eq!(second.split(':').next(), Some(word), "{line}");
            }
            (Err(fault), Err(class)) => assert_eq!(fault.class, class),
            (got, expected) => panic!("{got:?}, expected {expected:?}"),
        }
        assert_eq!(load.wire.left(), 0, "{:?}", load.lines());
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_call_of_many_items_is_made_item_by_item() {
    let no = || refusal(404, "inexistent_resource_server_permission", "not there");
    let script = [apis(), held(&[]), no(), no(), Canned::json(201, "{}")];
    let load = Load::new(Operation::Insert, &rows(&["read:a", "read:b"]), script).await;
    let [good, bad] = load.run().await.unwrap();
    assert_eq!(good, "auth0|a,added,auth0|a,,urn:ledger,read:b,1\n");
    assert!(bad.starts_with("auth0|a,permission_not_found:"), "{bad}");
    assert_eq!(load.lines().len(), 5);
}

/// An earlier process changed the user and ended before it could write that down.
#[tokio::test(start_paused = true)]
async fn a_job_of_an_earlier_process_goes_on_with_what_is_not_written() {
    let more = rows(&["read:a"]) + "auth0|b,,urn:ledger,read:b\n";
    let script = [apis(), held(&[("read:a", &["DIRECT"])])];
    let load = Load::new(Operation::Delete, &more, script).await;
    let files = journal::Paths::of(&load.body);
    let write = |path: &PathBuf, text: &str| {
        std::fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    };
    let header = HEADER.trim_end();
    write(
        &files.successful,
        &format!(
            "sf__Id,sf__Created,{header},longshore__position\n\
             auth0|b,removed,auth0|b,,urn:ledger,read:b,1\nauth0|a,rem"
        ),
    );
    let item = r#"{"resource_server_identifier":"urn:ledger","permission_name":"read:a"}"#;
    let image = format!(
        "{{\"user_id\":\"auth0|a\",\"asked\":[{item}],\"held\":[{},\"direct\":true,\"roles\":[]}}]}}\n",
        item.trim_end_matches('}')
    );
    write(&files.before, &image);
    let job = JobId::parse("callsk3f9mz7qa2bc").unwrap();
    assert!(
        matches!(load.tenant.ask(&job).await, Outcome::NotDone(fault) if fault.class == FaultClass::Gone)
    );
    // Found not started, it is open; started, it goes on by itself.
    load.tenant.adopt(&load.spec, &job, &load.body, false);
    let Outcome::Done(status) = load.tenant.ask(&job).await else { panic!() };
    assert_eq!(status.state, JobState::Open);
    assert_eq!(load.tenant.abandon(&job).await, Outcome::Done(()));
    load.wire.add(Canned::new(204, ""));
    load.tenant.adopt(&load.spec, &job, &load.body, true);
    let [good, bad] = load.end(&job).await.unwrap();
    assert_eq!(
        good,
        "auth0|b,removed,auth0|b,,urn:ledger,read:b,1\n\
         auth0|a,removed,auth0|a,,urn:ledger,read:a,0\n"
    );
    assert_eq!(bad, "");
    assert_eq!(load.lines(), [APIS, GET, DELETE]);
    assert!(matches!(load.tenant.abandon(&job).await, Outcome::NotDone(_)), "it was started");
}

#[tokio::test(start_paused = true)]
async fn after_long_trouble_the_job_waits_for_another_process() {
    let load = Load::new(Operation::Delete, &rows(&["read:a"]), [apis()]).await;
    let fault = load.run().await.unwrap_err();
    assert_eq!(fault.class, FaultClass::Limit);
    assert!(fault.message.starts_with("nothing has succeeded for 15 minutes: "), "{fault}");
}

#[tokio::test(start_paused = true)]
async fn other_loads_are_refused() {
    let (tenant, wire) = signed_in([]).await;
    for (object, operation) in [
        ("UserPermission", Operation::Update),
        ("UserRole", Operation::HardDelete),
        ("User", Operation::Delete),
    ] {
        let object = ObjectName::parse(object).unwrap();
        let spec = JobSpec {
            object,
            operation,
            external_id: None,
            verify_after: false,
            assignment_rule: None,
        };
        let Outcome::NotDone(fault) = tenant.reserve(&spec).await else { panic!() };
        assert_eq!(fault.class, FaultClass::Refused);
    }
    assert!(wire.asked().is_empty());
}
