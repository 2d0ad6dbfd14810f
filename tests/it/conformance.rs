//! What every far side promises the pipeline, asked of each kind with the same questions.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use longshore::http::client::{Client, Settings};
use longshore::http::reqwest::{Patience, Reqwest};
use longshore::model::ids::JobId;
use longshore::model::names::ObjectName;
use longshore::model::operation::Operation;
use longshore::model::schema::FieldSchema;
use longshore::model::secret::Secret;
use longshore::model::sign_in::{Grant, SignIn};
use longshore::practice::org::{Cell, Change, Verb};
use longshore::practice::{CLIENT_ID, CLIENT_SECRET, Tenant, TenantSize};
use longshore::target::auth0::Auth0;
use longshore::target::salesforce::Salesforce;
use longshore::target::{
    ExportQuery, ExportRequest, FaultClass, JobSpec, JobState, JobStatus, Outcome, ResultFile,
    RowSink, Target,
};

use crate::world::World;

/// A far side with something to load into it.
struct Bench<T> {
    target: Arc<T>,
    world: World,
    kind: &'static str,
    object: &'static str,
    operation: Operation,
    /// A body of three rows, the last of which is refused.
    body: String,
    /// Effects at the far side so far.
    effects: fn(&World) -> u64,
    /// What has rows already.
    exported: &'static str,
}

fn sign_in(world: &World) -> (Arc<Reqwest>, Settings, SignIn) {
    let wire = Arc::new(Reqwest::new(Patience::default(), None).unwrap());
    let now: jiff::Timestamp = "2026-11-20T09:00:00Z".parse().unwrap();
    let sign_in = SignIn {
        instance_url: url::Url::parse(world.origin()).unwrap(),
        login_url: None,
        grant: Grant::ClientCredentials {
            client_id: CLIENT_ID.to_owned(),
            client_secret: Secret::new(CLIENT_SECRET.to_owned()),
        },
        api_version: None,
    };
    (wire, Settings::new(1, Arc::new(move || now)), sign_in)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn salesforce_keeps_the_promises() {
    let world = World::new();
    let (wire, settings, sign_in) = sign_in(&world);
    // What is served must not end inside.
    let _world = runtime().block_on(async move {
        let target = Salesforce::sign_in(Client::new(wire, settings), sign_in).await.unwrap();
        let bench = Bench {
            target: Arc::new(target),
            world,
            kind: "salesforce",
            object: "Account",
            operation: Operation::Insert,
            body: format!("Name\nPort One\nPort Two\n{}\n", "x".repeat(300)),
            effects: |world| world.practice().org().audit().len(),
            exported: "User",
        };
        bench.ask().await;
        bench.world
    });
}

/// Undelete has no jobs at the far side: its calls are made here, and look the same from outside.
#[test]
fn salesforce_keeps_the_promises_where_it_has_no_jobs() {
    let world = World::new();
    let org = world.practice().org();
    let change = |verb: Verb, column: &str, cells: &[&str]| {
        let rows: Vec<Vec<Cell>> =
            cells.iter().map(|cell| vec![Cell::Text((*cell).to_owned())]).collect();
        let columns = [column.to_owned()];
        let change = Change { object: "Account", verb, job: None, columns: &columns, rows: &rows };
        org.apply(&change).into_iter().map(|done| done.id).collect::<Vec<_>>()
    };
    let ids = change(Verb::Insert, "Name", &["Port One", "Port Two"]);
    change(Verb::Delete, "Id", &[&ids[0], &ids[1]]);
    let body = format!("Id\n{}\n{}\n0018c00000zzzzz\n", ids[0], ids[1]);
    let (wire, settings, sign_in) = sign_in(&world);
    // What is served must not end inside.
    let _world = runtime().block_on(async move {
        let target = Salesforce::sign_in(Client::new(wire, settings), sign_in).await.unwrap();
        let bench = Bench {
            target: Arc::new(target),
            world,
            kind: "salesforce",
            object: "Account",
            operation: Operation::Undelete,
            body,
            effects: |world| world.practice().org().audit().len(),
            exported: "User",
        };
        bench.ask().await;
        bench.world
    });
}

#[test]
fn auth0_keeps_the_promises() {
    let tenant = Tenant::new(&TenantSize { users: 5, permissions_each: Some(2) });
    let world = World::with_tenant(tenant);
    let people = world.practice().tenant().unwrap().people();
    let body = format!(
        "user_id,role\n{},Vacant\n{},Vacant\nauth0|nobody,Vacant\n",
        people[0].id, people[1].id
    );
    let (wire, settings, sign_in) = sign_in(&world);
    // What is served must not end inside.
    let _world = runtime().block_on(async move {
        let bench = Bench {
            target: Arc::new(Auth0::sign_in(wire, settings, sign_in).await.unwrap()),
            world,
            kind: "auth0",
            object: "UserRole",
            operation: Operation::Insert,
            body,
            effects: |world| world.practice().tenant().unwrap().audit().len(),
            exported: "UserRole",
        };
        bench.ask().await;
        bench.world
    });
}

impl<T: Target> Bench<T> {
    async fn ask(&self) {
        self.who_and_what().await;
        self.nothing_runs_before_the_commit().await;
        self.what_is_given_up_never_runs().await;
        self.a_job_runs_once_and_tells_of_each_row().await;
        self.what_is_not_there_is_told_as_gone().await;
        self.an_export_has_its_header_first().await;
    }

    async fn who_and_what(&self) {
        assert_eq!(self.target.kind(), self.kind);
        let facts = self.target.facts().await.unwrap();
        assert!(!facts.id.is_empty() && !facts.user_id.is_empty());
        assert_eq!(facts.origin, self.world.origin());
        let objects = self.target.objects().await.unwrap();
        assert!(objects.iter().any(|object| object.name == self.object));
        let described = self.target.describe(&name(&self.object.to_lowercase())).await.unwrap();
        assert_eq!(described.name, self.object);
        let header: Vec<String> =
            self.body.lines().next().unwrap().split(',').map(str::to_owned).collect();
        let schema = self.target.load_schema(&name(self.object), &header).await.unwrap();
        for column in &header {
            let field = schema.object.field(column);
            let sent = |field: &FieldSchema| field.createable || self.operation.sends_only_id();
            assert!(field.is_some_and(sent), "{column}");
        }
        assert!(schema.object.createable && schema.object.deletable);
        assert!(self.target.usage().calls > 0);
    }

    async fn nothing_runs_before_the_commit(&self) {
        let before = (self.effects)(&self.world);
        let (first, second) = (self.reserve().await, self.reserve().await);
        assert_ne!(first, second);
        assert_eq!(self.state(&first).await, JobState::Open);
        let (body, bytes) = self.body_file();
        assert_eq!(self.target.stage(&first, &body, bytes).await, Outcome::Done(()));
        assert_eq!(self.state(&first).await, JobState::Open);
        let nowhere = self.world.path("nowhere.csv");
        let staged = self.target.stage(&second, &nowhere, bytes).await;
        assert!(!matches!(staged, Outcome::Done(())), "{staged:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!((self.effects)(&self.world), before);
    }

    async fn what_is_given_up_never_runs(&self) {
        let before = (self.effects)(&self.world);
        let job = self.staged().await;
        assert_eq!(self.target.abandon(&job).await, Outcome::Done(()));
        assert_eq!(self.target.abandon(&stranger()).await, Outcome::Done(()));
        let committed = self.target.commit(&job).await;
        assert!(!matches!(committed, Outcome::Done(())), "{committed:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!((self.effects)(&self.world), before);
    }

    async fn a_job_runs_once_and_tells_of_each_row(&self) {
        let before = (self.effects)(&self.world);
        let job = self.staged().await;
        // A process before this one may have filled it; telling so changes nothing.
        let (body, _) = self.body_file();
        self.target.adopt(&self.spec(), &job, &body, false);
        assert_eq!(self.state(&job).await, JobState::Open);
        assert_eq!(self.target.commit(&job).await, Outcome::Done(()));
        // Whatever a second commit says, it starts nothing once more.
        let _said = self.target.commit(&job).await;
        let status = self.end(&job).await;
        assert_eq!(status.state, JobState::JobComplete);
        assert_eq!((status.processed, status.failed), (Some(3), Some(1)));
        let _said = self.target.commit(&job).await;
        assert_eq!((self.effects)(&self.world), before + 2);
        let abandoned = self.target.abandon(&job).await;
        assert!(!matches!(abandoned, Outcome::Done(())), "{abandoned:?}");
        let good = self.results(&job, ResultFile::Successful).await;
        let bad = self.results(&job, ResultFile::Failed).await;
        let rest = self.results(&job, ResultFile::Unprocessed).await;
        assert_eq!((good.len(), bad.len(), rest.len()), (3, 2, 1));
        let own: Vec<&str> = self.body.lines().next().unwrap().split(',').collect();
        for (table, second) in [(&good, "sf__Created"), (&bad, "sf__Error")] {
            assert_eq!(table[0][..2], ["sf__Id", second]);
            assert_eq!(table[0][2..2 + own.len()], own);
        }
        let echoed = |row: &Vec<String>| row[2..2 + own.len()].join(",");
        let mut echoes: Vec<String> = good[1..].iter().chain(&bad[1..]).map(echoed).collect();
        let mut sent: Vec<&str> = self.body.lines().skip(1).collect();
        echoes.sort();
        sent.sort_unstable();
        assert_eq!(echoes, sent);
        assert!(good[1..].iter().all(|row| !row[0].is_empty()));
        let (code, _) = bad[1][1].split_once(':').unwrap();
        assert!(code.contains('_'), "{code}");
    }

    async fn what_is_not_there_is_told_as_gone(&self) {
        let Outcome::NotDone(fault) = self.target.ask(&stranger()).await else { panic!() };
        assert_eq!(fault.class, FaultClass::Gone);
        let fault = self.target.describe(&name("Nonesuch")).await.unwrap_err();
        assert_eq!(fault.class, FaultClass::Gone);
        assert!(!fault.hints.is_empty());
    }

    async fn an_export_has_its_header_first(&self) {
        let work = self.world.path("work");
        std::fs::create_dir(&work).unwrap();
        let query =
            ExportQuery::Object { object: name(self.exported), fields: Vec::new(), filter: None };
        let mut sink = Sink::default();
        let request = ExportRequest { query, all: false };
        let done = self.target.export(&request, &work, &mut sink).await.unwrap();
        assert!(done.rows > 0 && sink.header == 1);
        assert_eq!(done.rows, sink.rows);
    }

    fn spec(&self) -> JobSpec {
        let (object, operation) = (name(self.object), self.operation);
        JobSpec { object, operation, external_id: None, verify_after: false }
    }

    /// A body of its own for each job, as each chunk has one.
    fn body_file(&self) -> (PathBuf, u64) {
        (self.world.file("sent/000001.csv", &self.body), self.body.len() as u64)
    }

    async fn reserve(&self) -> JobId {
        match self.target.reserve(&self.spec()).await {
            Outcome::Done(job) => job,
            other => panic!("{other:?}"),
        }
    }

    async fn staged(&self) -> JobId {
        let job = self.reserve().await;
        let (body, bytes) = self.body_file();
        assert_eq!(self.target.stage(&job, &body, bytes).await, Outcome::Done(()));
        job
    }

    async fn state(&self, job: &JobId) -> JobState {
        match self.target.ask(job).await {
            Outcome::Done(status) => status.state,
            other => panic!("{other:?}"),
        }
    }

    async fn end(&self, job: &JobId) -> JobStatus {
        loop {
            match self.target.ask(job).await {
                Outcome::Done(status) if status.state.is_terminal() => return status,
                Outcome::Done(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                other => panic!("{other:?}"),
            }
        }
    }

    /// A result file, its header included.
    async fn results(&self, job: &JobId, which: ResultFile) -> Vec<Vec<String>> {
        let to = self.world.path("result.csv");
        std::fs::File::create(&to).unwrap().write_all(b"of before").unwrap();
        let Outcome::Done(bytes) = self.target.download(job, which, &to).await else { panic!() };
        assert_eq!(std::fs::metadata(&to).unwrap().len(), bytes);
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_path(&to).unwrap();
        let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect());
        rows.collect()
    }
}

#[derive(Default)]
struct Sink {
    header: u64,
    rows: u64,
}

impl RowSink for Sink {
    fn header(&mut self, _: &csv::ByteRecord) -> std::io::Result<()> {
        assert_eq!(self.rows, 0);
        self.header += 1;
        Ok(())
    }

    fn row(&mut self, _: &csv::ByteRecord) -> std::io::Result<()> {
        self.rows += 1;
        Ok(())
    }
}

fn name(text: &str) -> ObjectName {
    ObjectName::parse(text).unwrap()
}

fn stranger() -> JobId {
    JobId::parse("7508c00000Qk3TbAAJ").unwrap()
}
