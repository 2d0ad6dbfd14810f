//! What is under the final name, whatever happens.

use std::sync::Mutex;

use super::*;
use crate::model::ids::JobId;
use crate::model::names::ObjectName;
use crate::model::schema::{LoadSchema, ObjectSchema, OrgFacts};
use crate::target::{
    ApiUsage, ExportDone, Fault, FaultClass, JobSpec, JobStatus, Outcome, ResultFile,
};

/// Gives `rows` rows, then ends as told. Everything else is out of its reach.
struct Given {
    rows: u64,
    then: Option<FaultClass>,
    hang: bool,
}

fn fault(class: FaultClass) -> Fault {
    let message = "cannot go on".to_owned();
    Fault { class, status: None, code: "TEST".to_owned(), message, hints: Vec::new() }
}

impl Target for Given {
    fn kind(&self) -> &'static str {
        "given"
    }

    async fn export(
        &self,
        _: &ExportRequest,
        work: &Path,
        sink: &mut dyn RowSink,
    ) -> Result<ExportDone, Fault> {
        assert!(work.is_dir());
        let lost = |_| fault(FaultClass::Disk);
        sink.header(&ByteRecord::from(vec!["Id", "Owner.Name"])).map_err(lost)?;
        for row in 0..self.rows {
            let id = row.to_string();
            let name = if row == 1 { "O, \"B\"" } else { "" };
            sink.row(&ByteRecord::from(vec![id.as_str(), name])).map_err(lost)?;
        }
        if self.hang {
            std::future::pending::<()>().await;
        }
        self.then.map_or(Ok(ExportDone { rows: self.rows }), |class| Err(fault(class)))
    }

    async fn facts(&self) -> Result<OrgFacts, Fault> {
        Err(fault(FaultClass::Refused))
    }
    async fn objects(&self) -> Result<Vec<ObjectSchema>, Fault> {
        Err(fault(FaultClass::Refused))
    }
    async fn describe(&self, _: &ObjectName) -> Result<ObjectSchema, Fault> {
        Err(fault(FaultClass::Refused))
    }
    async fn load_schema(&self, _: &ObjectName, _: &[String]) -> Result<LoadSchema, Fault> {
        Err(fault(FaultClass::Refused))
    }
    async fn reserve(&self, _: &JobSpec) -> Outcome<JobId> {
        Outcome::NotDone(fault(FaultClass::Refused))
    }
    async fn stage(&self, _: &JobId, _: &Path, _: u64) -> Outcome<()> {
        Outcome::NotDone(fault(FaultClass::Refused))
    }
    async fn commit(&self, _: &JobId) -> Outcome<()> {
        Outcome::NotDone(fault(FaultClass::Refused))
    }
    async fn ask(&self, _: &JobId) -> Outcome<JobStatus> {
        Outcome::NotDone(fault(FaultClass::Refused))
    }
    async fn abandon(&self, _: &JobId) -> Outcome<()> {
        Outcome::NotDone(fault(FaultClass::Refused))
    }
    async fn download(&self, _: &JobId, _: ResultFile, _: &Path) -> Outcome<u64> {
        Outcome::NotDone(fault(FaultClass::Refused))
    }
    fn usage(&self) -> ApiUsage {
        ApiUsage::default()
    }
}

#[derive(Default)]
struct Seen(Mutex<Vec<(u64, u64)>>);

impl Watch for Seen {
    fn see(&self, event: &Event) {
        if let Event::Exported { rows, bytes } = event {
            self.0.lock().unwrap().push((*rows, *bytes));
        }
    }
}

fn request() -> ExportRequest {
    ExportRequest { query: ExportQuery::Soql("SELECT Id FROM User".to_owned()), all: false }
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn put(path: &Path, text: &str) {
    std::fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[tokio::test]
async fn a_whole_export_gets_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users.csv");
    let seen = Seen::default();
    let target = Given { rows: 3, then: None, hang: false };
    let done = export(&target, &request(), Destination::File(&path), &seen).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, "Id,Owner.Name\n0,\n1,\"O, \"\"B\"\"\"\n2,\n");
    assert_eq!(done, Exported { rows: 3, bytes: text.len() as u64 });
    assert_eq!(names(dir.path()), ["users.csv"]);
    assert_eq!(*seen.0.lock().unwrap(), [(3, text.len() as u64)]);
}

#[tokio::test]
async fn a_failed_export_leaves_the_old_file_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users.csv");
    put(&path, "old");
    let target = Given { rows: 5_000, then: Some(FaultClass::Unavailable), hang: false };
    let failure = export(&target, &request(), Destination::File(&path), &Seen::default()).await;
    assert_eq!(failure.unwrap_err().blame, Blame::Service);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(names(dir.path()), ["users.csv"]);
}

#[tokio::test]
async fn an_interrupted_export_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users.csv");
    let target = Given { rows: 10, then: None, hang: true };
    let (request, seen) = (request(), Seen::default());
    let export = export(&target, &request, Destination::File(&path), &seen);
    let stopped = tokio::time::timeout(Duration::from_millis(20), export).await;
    assert!(stopped.is_err());
    assert!(names(dir.path()).is_empty());
}

/// Takes so many bytes, then breaks as told.
struct Breaks(usize, io::ErrorKind);

impl Write for Breaks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or_else(|| io::Error::from(self.1))?;
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_reader_that_goes_away_is_no_failure_but_a_full_disk_is() {
    let target = Given { rows: 200_000, then: None, hang: false };
    let mut pipe = Breaks(400_000, io::ErrorKind::BrokenPipe);
    let to = Destination::Writer(&mut pipe);
    let done = export(&target, &request(), to, &Seen::default()).await.unwrap();
    assert!(done.rows < 200_000, "{done:?}");
    let mut disk = Breaks(400_000, io::ErrorKind::StorageFull);
    let to = Destination::Writer(&mut disk);
    let failure = export(&target, &request(), to, &Seen::default()).await.unwrap_err();
    assert_eq!(failure.blame, Blame::Disk);
}

#[cfg(unix)]
#[tokio::test]
async fn a_link_is_followed_and_the_file_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().join("real.csv");
    let link = dir.path().join("link.csv");
    put(&real, "old");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let target = Given { rows: 1, then: None, hang: false };
    export(&target, &request(), Destination::File(&link), &Seen::default()).await.unwrap();
    assert!(link.is_symlink());
    assert_eq!(std::fs::read_to_string(&real).unwrap(), "Id,Owner.Name\n0,\n");
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
    let device = Destination::File(Path::new("/dev/null"));
    export(&target, &request(), device, &Seen::default()).await.unwrap();
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_found_before_the_first_call() {
    let dir = tempfile::tempdir().unwrap();
    let target = Given { rows: 1, then: Some(FaultClass::Access), hang: false };
    for (path, blame) in [
        (dir.path().join("no/such/users.csv"), Blame::Disk),
        (dir.path().to_owned(), Blame::Request),
    ] {
        let to = Destination::File(&path);
        let failure = export(&target, &request(), to, &Seen::default()).await.unwrap_err();
        assert_eq!(failure.blame, blame, "{failure}");
    }
}
