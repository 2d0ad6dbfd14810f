//! Exports of users: the only complete list of them. Source: section 2.6.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};

use super::super::super::serve::random_text;
use super::super::payload::{closed, full_text, object, text, wrong_type};
use super::super::reply::{Outcome, Refusal, Reply};
use super::super::store::{CONNECTIONS, Connection, Store, User};
use super::super::wire::Call;
use super::{Job, Stage, Work};

/// Where the files lie. The service keeps them with another host, and so do we: by the other name
/// of this machine.
pub(in super::super) const DOWNLOADS: &str = "/practice-exports";

/// Seconds that a link is good for.
const LINK_S: i64 = 60;

/// Fields of an export as CSV at most.
const CSV_FIELDS_MAX: usize = 30;

/// The fields of an export that names none.
const USUAL: [&str; 8] = [
    "user_id",
    "email",
    "name",
    "nickname",
    "created_at",
    "updated_at",
    "email_verified",
    "identities[0].connection",
];

/// What an export was asked for.
pub(super) struct Asked {
    csv: bool,
    limit: Option<u64>,
    /// Path in the user, and the name in the file.
    fields: Vec<(String, String)>,
    shown: Map<String, Value>,
}

pub(in super::super) fn create(call: &Call<'_>) -> Outcome {
    let body = if call.body.is_empty() { Map::new() } else { object(call)? };
    closed(&body, &["connection_id", "format", "limit", "fields"], "")?;
    let connection = body.get("connection_id").map(find_connection).transpose()?;
    let asked = read(&body)?;
    let job = Job {
        made_ms: call.now,
        connection,
        work: Work::Export { asked, file: Bytes::new(), secret: random_text(32) },
        failure: None,
        over: false,
    };
    let mut state = call.tenant.state();
    let shown = |id: &str, job: &Job| job.show(id, &call.switches, call.now);
    let id = state.jobs.put(job);
    Ok(Reply::ok(shown(&id, state.jobs.find(&id)?)))
}

fn find_connection(value: &Value) -> Result<&'static Connection, Refusal> {
    let id = full_text(value, "connection_id")?;
    let text = "The connection does not exist.";
    let known = CONNECTIONS.iter().find(|known| known.id == id);
    known.ok_or_else(|| Refusal::new(400, "inexistent_connection", text))
}

fn read(body: &Map<String, Value>) -> Result<Asked, Refusal> {
    let csv = match body.get("format").and_then(Value::as_str) {
        None | Some("csv") => true,
        Some("json") => false,
        Some(other) => {
            let text = format!("'No enum match for: {other}' on property format");
            return Err(Refusal::payload(&text));
        }
    };
    let limit = match body.get("limit") {
        None => None,
        Some(value) => {
            let fault = || Refusal::payload(&wrong_type("integer", value));
            Some(value.as_u64().ok_or_else(fault)?)
        }
    };
    let mut fields = Vec::new();
    for (place, item) in
        body.get("fields").and_then(Value::as_array).into_iter().flatten().enumerate()
    {
        let path = format!("fields[{place}].");
        let members =
            item.as_object().ok_or_else(|| Refusal::payload(&wrong_type("object", item)))?;
        closed(members, &["name", "export_as"], &path)?;
        let name = text(members, "name", &path)?;
        let shown = members.get("export_as").and_then(Value::as_str).unwrap_or(name);
        fields.push((name.to_owned(), shown.to_owned()));
    }
    if csv && fields.len() > CSV_FIELDS_MAX {
        let text = format!("'Array is too long ({}), maximum {CSV_FIELDS_MAX}'", fields.len());
        return Err(Refusal::payload(&format!("{text} on property fields")));
    }
    if fields.is_empty() {
        fields = USUAL.map(|name| (name.to_owned(), name.to_owned())).into();
    }
    let mut shown = body.clone();
    shown.shift_remove("connection_id");
    shown.insert("format".to_owned(), json!(if csv { "csv" } else { "json" }));
    Ok(Asked { csv, limit, fields, shown })
}

impl Asked {
    pub(super) fn show(&self, shown: &mut Value) {
        for (name, value) in &self.shown {
            shown[name.as_str()] = value.clone();
        }
    }

    /// The file, compressed.
    pub(super) fn run(
        &self,
        store: &Store,
        connection: Option<&'static Connection>,
    ) -> Result<Bytes, Refusal> {
        let broken = |error: std::io::Error| Refusal::new(500, "", format!("export: {error}"));
        let mut out = GzEncoder::new(Vec::new(), Compression::fast());
        if self.csv {
            let names: Vec<String> = self.fields.iter().map(|(_, name)| quote(name)).collect();
            writeln!(out, "{}", names.join(",")).map_err(broken)?;
        }
        let limit = self.limit.and_then(|limit| usize::try_from(limit).ok());
        let users = store
            .users
            .iter()
            .filter(|user| user.gone_ms.is_none())
            .filter(|user| connection.is_none_or(|wanted| wanted == user.profile.connection()))
            .take(limit.unwrap_or(usize::MAX));
        for user in users {
            writeln!(out, "{}", self.line(user)).map_err(broken)?;
        }
        Ok(out.finish().map_err(broken)?.into())
    }

    fn line(&self, user: &User) -> String {
        let mut shown = None;
        let mut value = |path: &str| {
            let found = user.profile.member(&user.id, path).or_else(|| {
                let shown = shown.get_or_insert_with(|| user.show());
                shown.pointer(&pointer(path)).cloned()
            });
            found.filter(|value| !value.is_null())
        };
        if self.csv {
            let cell = |(path, _): &(String, String)| match value(path) {
                None => String::new(),
                // An apostrophe goes before every text, so that no spreadsheet takes it for more.
                Some(Value::String(text)) => quote(&format!("'{text}")),
                Some(Value::Bool(value)) => value.to_string(),
                Some(Value::Number(value)) => value.to_string(),
                Some(other) => quote(&format!("'{other}")),
            };
            return self.fields.iter().map(cell).collect::<Vec<_>>().join(",");
        }
        let member =
            |(path, name): &(String, String)| value(path).map(|value| (name.clone(), value));
        Value::Object(self.fields.iter().filter_map(member).collect()).to_string()
    }
}

/// `identities[0].connection` as a JSON pointer.
fn pointer(path: &str) -> String {
    let plain = path.replace('[', ".").replace(']', "");
    plain.split('.').fold(String::new(), |all, step| all + "/" + step)
}

fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// A fresh link to the file of a job.
pub(super) fn link(call: &Call<'_>, id: &str, asked: &Asked, secret: &str) -> String {
    let expires = call.now / 1_000 + LINK_S;
    let kind = if asked.csv { "csv" } else { "json" };
    let origin = other_name(&call.origin);
    let signature = sign(id, expires, secret);
    format!("{origin}{DOWNLOADS}/{id}/practice.{kind}.gz?Expires={expires}&Signature={signature}")
}

fn sign(id: &str, expires: i64, secret: &str) -> String {
    blake3::hash(format!("{id} {expires} {secret}").as_bytes()).to_hex()[..40].to_owned()
}

/// `localhost` for `127.0.0.1` and the other way round.
fn other_name(origin: &str) -> String {
    if origin.contains("://localhost") {
        origin.replacen("://localhost", "://127.0.0.1", 1)
    } else {
        let (scheme, host) = origin.split_once("://").unwrap_or(("http", origin));
        let port = host.rsplit_once(':').map(|(_, port)| format!(":{port}"));
        let port = port.filter(|port| port[1..].bytes().all(|byte| byte.is_ascii_digit()));
        format!("{scheme}://localhost{}", port.unwrap_or_default())
    }
}

/// The file, from the host of the files: no `Authorization` header may come with it.
pub(in super::super) fn download(call: &Call<'_>, id: &str, file: &str) -> Reply {
    if call.header("authorization").is_some() {
        return storage_error(400, "InvalidArgument", "Only one auth mechanism allowed");
    }
    let state = call.tenant.state();
    let Ok(job) = state.jobs.find(id) else {
        return storage_error(404, "NoSuchKey", "The specified key does not exist.");
    };
    let Work::Export { file: bytes, secret, asked } = &job.work else {
        return storage_error(404, "NoSuchKey", "The specified key does not exist.");
    };
    let expires: i64 = call.param("Expires").and_then(|text| text.parse().ok()).unwrap_or_default();
    if call.param("Signature") != Some(sign(id, expires, secret).as_str()) {
        let text = "The request signature we calculated does not match";
        return storage_error(403, "SignatureDoesNotMatch", text);
    }
    let over = job.stage(&call.switches, call.now) == Stage::Completed;
    if expires * 1_000 <= call.now || !over {
        return storage_error(403, "AccessDenied", "Request has expired");
    }
    let kind = if asked.csv { "csv" } else { "json" };
    if file != format!("practice.{kind}.gz") {
        return storage_error(404, "NoSuchKey", "The specified key does not exist.");
    }
    Reply::bytes("application/gzip", bytes.clone())
}

/// As a store of objects words it: XML.
fn storage_error(status: u16, code: &str, message: &str) -> Reply {
    let text = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let mut reply = Reply::bytes("application/xml", text);
    reply.status = status;
    reply
}
