//! Exports: what every user holds. The users come from an export job, which is the only complete
//! list of them; then one paced call for each.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _, Seek as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use csv::ByteRecord;
use flate2::read::MultiGzDecoder;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use serde_json::json;
use url::{Host, Url};

use super::jobs::kind_of;
use super::session::{ApiPath, PAGES_END};
use super::users::{self, Holdings, Item, Kind};
use super::wire::{UserExport, UserListed};
use super::{Names, Tenant, schema};
use crate::http::call::{Accept, Call};
use crate::http::client::Reply;
use crate::target::trouble::{failed, nonsense};
use crate::target::{ExportDone, ExportQuery, ExportRequest, Fault, FaultClass, RowSink};

/// Users whose holdings are asked for at once; the limiter decides how many calls are in flight.
const AT_ONCE: usize = 48;

/// Between two questions about the export job.
const POLL_MIN: Duration = Duration::from_millis(500);
const POLL_MAX: Duration = Duration::from_secs(10);

/// Columns, in their order.
const OF_PERMISSIONS: [&str; 6] =
    ["user_id", "email", "resource_server_identifier", "permission_name", "direct", "roles"];
const OF_ROLES: [&str; 4] = ["user_id", "email", "role", "role_name"];

type Looked = (UserListed, Result<Holdings, Fault>);

/// Writes a row for each permission or role of each user, users in the order of the tenant's list.
pub(super) async fn export(
    tenant: &Arc<Tenant>,
    request: &ExportRequest,
    work: &Path,
    sink: &mut dyn RowSink,
) -> Result<ExportDone, Fault> {
    let (kind, columns) = asked_for(request)?;
    tenant.session.needs(scopes(kind))?;
    let names = match kind {
        Kind::Permission => None,
        Kind::Role => Some(tenant.roles().await?),
    };
    let list = work.join("users");
    fetch_list(tenant, &list).await?;
    let mut users = open_list(&list).map_err(|error| local(&error))?;
    let mut out = Out { sink, columns, rows: 0 };
    out.header()?;
    let mut looking: FuturesOrdered<BoxFuture<'static, Looked>> = FuturesOrdered::new();
    let mut line = String::new();
    let mut more = true;
    loop {
        while more && looking.len() < AT_ONCE {
            line.clear();
            more = users.read_line(&mut line).map_err(|error| local(&error))? > 0;
            if line.trim().is_empty() {
                continue;
            }
            let user: UserListed = serde_json::from_str(&line).map_err(|error| {
                nonsense(
                    tenant.session.client(),
                    &format!("the tenant's list of users is not as agreed: {error}"),
                )
            })?;
            looking.push_back(Box::pin(look(Arc::clone(tenant), kind, user)));
        }
        let Some((user, held)) = looking.next().await else { break };
        match held {
            Ok(held) if held.whole => out.user(&user, &held, names)?,
            Ok(_) => return Err(too_many(&user.user_id)),
            // Somebody deleted the user since the list was made.
            Err(fault) if fault.class == FaultClass::Gone => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(ExportDone { rows: out.rows })
}

async fn look(tenant: Arc<Tenant>, kind: Kind, user: UserListed) -> Looked {
    let held = users::holdings(&tenant.session, kind, &user.user_id).await;
    (user, held)
}

fn scopes(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Permission => &["read:users"],
        Kind::Role => &["read:users", "read:roles"],
    }
}

/// What rows, and which of their columns.
fn asked_for(request: &ExportRequest) -> Result<(Kind, Vec<&'static str>), Fault> {
    let ExportQuery::Object { object, fields, filter } = &request.query else {
        return Err(refusal("an Auth0 tenant takes no SOQL")
            .hint("`export UserPermission` and `export UserRole` write all that users hold"));
    };
    let kind = kind_of(object.as_str()).ok_or_else(|| schema::no_object(object))?;
    if filter.is_some() || request.all {
        let flag = if request.all { "--all" } else { "--where" };
        return Err(refusal(&format!("`{flag}` has no meaning for an Auth0 tenant"))
            .hint("leave it out, and choose rows from the file"));
    }
    let all: &[&'static str] = match kind {
        Kind::Permission => &OF_PERMISSIONS,
        Kind::Role => &OF_ROLES,
    };
    if fields.is_empty() {
        return Ok((kind, all.to_vec()));
    }
    let find = |field: &String| {
        all.iter().copied().find(|column| column.eq_ignore_ascii_case(field)).ok_or_else(|| {
            refusal(&format!("an export of `{object}` has no field `{}`", field.escape_debug()))
                .hint(format!("it has `{}`", all.join("`, `")))
        })
    };
    let columns = fields.iter().map(find).collect::<Result<_, _>>()?;
    Ok((kind, columns))
}

/// Has the tenant list all its users, and brings the list to disk.
///
/// A search would end after 1,000 users and may lag behind. Source: `POST /jobs/users-exports`
/// (reference page on Auth0, 2.6).
async fn fetch_list(tenant: &Tenant, to: &Path) -> Result<(), Fault> {
    let session = &tenant.session;
    let body = json!({ "format": "json", "fields": [{ "name": "user_id" }, { "name": "email" }] });
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
        Reply::Done(_) => Ok(()),
        Reply::Stale(got) | Reply::Refused(got, _) => {
            Err(super::errors::refused(client, doing, &host, &got))
        }
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
fn open_list(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
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

struct Out<'a> {
    sink: &'a mut dyn RowSink,
    columns: Vec<&'static str>,
    rows: u64,
}

impl Out<'_> {
    fn header(&mut self) -> Result<(), Fault> {
        let header = ByteRecord::from(self.columns.clone());
        self.sink.header(&header).map_err(|error| local(&error))
    }

    fn user(
        &mut self,
        user: &UserListed,
        holdings: &Holdings,
        names: Option<&Names>,
    ) -> Result<(), Fault> {
        for held in &holdings.held {
            let roles = held.roles.join(";");
            let cell = |column: &&'static str| -> &str {
                match (*column, &held.item) {
                    ("user_id", _) => &user.user_id,
                    ("email", _) => user.email.as_deref().unwrap_or_default(),
                    ("direct", _) if held.direct => "true",
                    ("direct", _) => "false",
                    ("roles", _) => &roles,
                    ("permission_name", Item::Permission { permission_name, .. }) => {
                        permission_name
                    }
                    (_, Item::Permission { resource_server_identifier, .. }) => {
                        resource_server_identifier
                    }
                    ("role", Item::Role { role_id }) => role_id,
                    (_, Item::Role { role_id }) => {
                        names.map_or(role_id.as_str(), |names| names.role_name(role_id))
                    }
                }
            };
            let row = ByteRecord::from(self.columns.iter().map(cell).collect::<Vec<&str>>());
            self.sink.row(&row).map_err(|error| local(&error))?;
            self.rows += 1;
        }
        Ok(())
    }
}

fn too_many(user: &str) -> Fault {
    let shown = crate::model::wording::shown(user.as_bytes());
    refusal(&format!("`{shown}` holds more than the {PAGES_END} that the tenant lists"))
        .hint("take that user's roles away, or look it up by `effective-permissions`")
}

fn refusal(message: &str) -> Fault {
    Fault {
        class: FaultClass::Refused,
        status: None,
        code: "NO_SUCH_EXPORT".to_owned(),
        message: message.to_owned(),
        hints: Vec::new(),
    }
}

fn local(error: &io::Error) -> Fault {
    Fault {
        class: FaultClass::Disk,
        code: "LOCAL_FILE".to_owned(),
        ..refusal(&format!("cannot pass the exported rows on: {error}"))
    }
}

impl Fault {
    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}
