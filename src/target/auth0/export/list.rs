//! The list of all users, made by a job of the tenant: the only complete one there is.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use serde_json::{Value, json};
use url::{Host, Url};

use super::super::Tenant;
use super::super::errors::refused;
use super::super::session::ApiPath;
use super::super::wire::UserExport;
use crate::http::call::{Accept, Call};
use crate::http::client::Reply;
use crate::target::Fault;
use crate::target::trouble::{failed, nonsense};

/// Between two questions about the export job.
const POLL_MIN: Duration = Duration::from_millis(500);
const POLL_MAX: Duration = Duration::from_secs(10);

/// Has the tenant list all its users, and brings the list to disk; `fields` as the job takes them.
///
/// A search would end after 1,000 users and may lag behind. Source: `POST /jobs/users-exports`
/// (reference page on Auth0, 2.6).
pub(super) async fn fetch(tenant: &Tenant, fields: &[Value], to: &Path) -> Result<(), Fault> {
    let session = &tenant.session;
    let body = json!({ "format": "json", "fields": fields });
    let path = ApiPath::of(&["jobs", "users-exports"])?;
    let doing = "have the users listed";
    // A lost answer costs a job that nobody asks about.
    let mut job: UserExport = session.post(doing, &path, &body).await?;
    let mut pause = POLL_MIN;
    loop {
        match (job.status.as_str(), &job.location) {
            ("completed", Some(location)) => {
                // The link is good for a minute only, so it is used at once.
                return download(tenant, location, to).await;
            }
            ("pending" | "processing" | "completed", _) => {}
            (other, _) => {
                let text = format!("the tenant could not list its users: the job is `{other}`");
                return Err(nonsense(session.client(), &text));
            }
        }
        tokio::time::sleep(pause).await;
        pause = pause.mul_f64(1.5).min(POLL_MAX);
        job = session.get(doing, &ApiPath::of(&["jobs", &job.id])?).await?;
    }
}

/// Brings the list to disk. Its host is not the tenant's, so it never gets the token.
async fn download(tenant: &Tenant, location: &str, to: &Path) -> Result<(), Fault> {
    let session = &tenant.session;
    let client = session.client();
    let url = Url::parse(location)
        .map_err(|_| nonsense(client, "the address of the list of users is no address"))?;
    // A tenant on this machine has its list on this machine, too.
    let local = session.origin().scheme() == "http" && is_loopback(&url);
    if url.scheme() != "https" && !local {
        let host = url.host_str().unwrap_or_default();
        let text = format!("the list of users is at `{host}` without TLS; it was not fetched");
        return Err(nonsense(client, &text));
    }
    let host = url.host_str().unwrap_or_default().to_owned();
    let doing = "download the list of users";
    match client.download(&Call::get(url, Accept::Anything), to).await {
        // An export may be gone on with after a power cut, and then has this list or none.
        Reply::Done(_) => {
            let synced = File::open(to).and_then(|file| file.sync_all());
            synced.map_err(|error| super::local(&error))
        }
        Reply::Stale(got) | Reply::Refused(got, _) => Err(refused(client, doing, &host, &got)),
        Reply::Failed(trouble, _) => Err(failed(client, doing, &host, &trouble)),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The list, a line a user, unpacked if need be.
pub(super) fn open(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let mut file = File::open(path)?;
    let mut start = [0; 2];
    let length = file.read(&mut start)?;
    file.rewind()?;
    Ok(if length == 2 && start == [0x1f, 0x8b] {
        Box::new(BufReader::new(MultiGzDecoder::new(BufReader::new(file))))
    } else {
        Box::new(BufReader::new(file))
    })
}

/// Writes a list of users who are known by their ids, in the form of the tenant's.
pub(super) fn write(path: &Path, users: &[String]) -> io::Result<()> {
    let mut file = io::BufWriter::new(File::create(path)?);
    for user in users {
        writeln!(file, "{}", json!({ "user_id": user }))?;
    }
    file.into_inner()?.sync_all()
}

/// The number of users in a list.
pub(super) fn count(path: &Path) -> io::Result<u64> {
    let (mut list, mut line, mut users) = (open(path)?, Vec::new(), 0);
    while list.read_until(b'\n', &mut line)? > 0 {
        users += u64::from(!line.trim_ascii().is_empty());
        line.clear();
    }
    Ok(users)
}
