//! Exports: REST for small results and for what Bulk refuses, Bulk API 2.0 query for the rest.
//!
//! Both ways hand on the same rows: columns in the order of the SELECT, relationship fields as
//! `Assignee.Username`, an empty cell for null, `true` and `false`, datetimes ending in `Z`.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::time::Duration;

use csv::ByteRecord;
use serde_json::{Map, Value};
use tokio::time::Instant;

use super::soql::{Column, Columns, Soql};
use super::{Salesforce, describe, either, errors, query, wire};
use crate::model::ids::JobId;
use crate::model::limits;
use crate::model::schema::{FieldKind, ObjectSchema};
use crate::target::{ExportDone, ExportQuery, ExportRequest, Fault, FaultClass, JobState, RowSink};

/// Hands the rows of a query to `sink`; pages on their way lie in `work`.
pub(super) async fn export(
    org: &Salesforce,
    request: &ExportRequest,
    work: &Path,
    sink: &mut dyn RowSink,
) -> Result<ExportDone, Fault> {
    let text = match &request.query {
        ExportQuery::Soql(text) => text.clone(),
        ExportQuery::Object { object, fields, filter } => {
            let described = describe::object(org, object.as_str()).await?;
            compose(&described, fields, filter.as_deref())?
        }
        ExportQuery::Holdings { object, .. } => {
            let message = format!("what users hold of `{object}` is asked for by SOQL");
            return Err(refusal("NO_SUCH_EXPORT", &message));
        }
    };
    let soql = Soql::read(&text).map_err(|message| refusal("BAD_QUERY", &message))?;
    let mut export = Export { org, soql: &soql, all: request.all, rows: 0 };
    let fits_url =
        query::rest_path(org, &soql.text, request.all).len() + 200 < limits::URL_BYTES_MAX;
    if soql.rest_only {
        if !fits_url {
            let message =
                "this query is too long for the REST API, and the Bulk API refuses its kind";
            return Err(refusal("QUERY_TOO_LONG", message));
        }
        return export.by_rest(sink).await;
    }
    if fits_url && export.is_small().await? {
        match export.by_rest(sink).await {
            Err(fault) if fault.code == errors::TOO_LONG && export.rows == 0 => (),
            ended => return ended,
        }
    }
    match query::start(org, &soql.text, request.all).await {
        Ok(job) => export.by_bulk(&job, work, sink).await,
        Err(fault) if fits_url && is_refused_by_bulk(&fault) => export.by_rest(sink).await,
        Err(fault) => Err(fault),
    }
}

/// Hands the rows of a query to `sink` by REST, whatever their number.
pub(super) async fn by_rest(
    org: &Salesforce,
    text: &str,
    sink: &mut dyn RowSink,
) -> Result<ExportDone, Fault> {
    let soql = Soql::read(text).map_err(|message| refusal("BAD_QUERY", &message))?;
    Export { org, soql: &soql, all: false, rows: 0 }.by_rest(sink).await
}

struct Export<'a> {
    org: &'a Salesforce,
    soql: &'a Soql,
    all: bool,
    rows: u64,
}

impl Export<'_> {
    /// Whether the result fits one REST page. A count that fails proves nothing: then it is not.
    async fn is_small(&self) -> Result<bool, Fault> {
        if self.soql.limit.is_some_and(|limit| limit <= limits::REST_QUERY_ROWS_MAX) {
            return Ok(true);
        }
        match either(query::page(self.org, &self.soql.count, self.all).await) {
            Ok(page) => Ok(page.total_size.is_some_and(|rows| rows <= limits::REST_QUERY_ROWS_MAX)),
            Err(fault) if matches!(fault.class, FaultClass::Access | FaultClass::Limit) => {
                Err(fault)
            }
            Err(_) => Ok(false),
        }
    }

    async fn by_rest(&mut self, sink: &mut dyn RowSink) -> Result<ExportDone, Fault> {
        let mut page = either(query::page(self.org, &self.soql.text, self.all).await)?;
        let columns = match &self.soql.columns {
            Columns::Count(header) => return self.one_number(header, &page, sink),
            Columns::Found => found(&page.records),
            Columns::Named(columns) => canonical(columns, &page.records),
        };
        let header: ByteRecord = columns.iter().map(|column| column.header.as_str()).collect();
        sink.header(&header).map_err(|error| unwritten(&error))?;
        let mut kinds = Kinds::new(self.org, &self.soql.from, columns.len());
        loop {
            for record in &page.records {
                let mut row = ByteRecord::new();
                for (index, column) in columns.iter().enumerate() {
                    let cell = cell(value_at(record, &column.path));
                    let cell = kinds.respell(index, column, cell).await?;
                    row.push_field(cell.as_bytes());
                }
                sink.row(&row).map_err(|error| unwritten(&error))?;
                self.rows += 1;
            }
            let Some(next) = &page.next_records_url else { break };
            page = query::next_page(self.org, next).await?;
        }
        Ok(ExportDone { rows: self.rows })
    }

    fn one_number(
        &mut self,
        header: &str,
        page: &wire::Page,
        sink: &mut dyn RowSink,
    ) -> Result<ExportDone, Fault> {
        let Some(count) = page.total_size else {
            let text = "the answer to a count has no `totalSize`";
            return Err(errors::nonsense(self.org.session.client(), text));
        };
        let count = count.to_string();
        let written = sink
            .header(&ByteRecord::from(vec![header]))
            .and_then(|()| sink.row(&ByteRecord::from(vec![count])));
        written.map_err(|error| unwritten(&error))?;
        self.rows = 1;
        Ok(ExportDone { rows: 1 })
    }

    async fn by_bulk(
        &mut self,
        job: &JobId,
        work: &Path,
        sink: &mut dyn RowSink,
    ) -> Result<ExportDone, Fault> {
        self.finished(job).await?;
        let mut locator: Option<String> = None;
        let mut seen = HashSet::new();
        let mut header = None;
        let file = work.join("page.csv");
        loop {
            let next = self.page(job, locator.as_deref(), &file, &mut header, sink).await?;
            let Some(next) = next else { break };
            if !seen.insert(next.clone()) {
                let text = format!("query `{job}` leads in a circle: its pages repeat");
                return Err(errors::nonsense(self.org.session.client(), &text));
            }
            locator = Some(next);
        }
        let removed = tokio::fs::remove_file(&file).await;
        if let Err(error) = removed {
            tracing::debug!(%error, "the last page stays in the work directory");
        }
        Ok(ExportDone { rows: self.rows })
    }

    /// Waits for the job, asking less often the longer it takes.
    async fn finished(&self, job: &JobId) -> Result<(), Fault> {
        let start = Instant::now();
        loop {
            let status = query::ask(self.org, job).await?;
            let reason = status.message.unwrap_or_else(|| "no reason is given".to_owned());
            match status.state {
                JobState::JobComplete => return Ok(()),
                JobState::Failed => {
                    let text = format!("query `{job}` failed: {}", errors::shown(&reason));
                    return Err(refusal("QUERY_FAILED", &text));
                }
                JobState::Aborted => {
                    let text = format!("query `{job}` was aborted by somebody else");
                    return Err(refusal("QUERY_ABORTED", &text));
                }
                JobState::Open | JobState::UploadComplete | JobState::InProgress => (),
            }
            let (least, most) = (limits::POLL_MIN_MS, limits::POLL_MAX_MS);
            let wait = (start.elapsed() / 10)
                .clamp(Duration::from_millis(least), Duration::from_millis(most));
            tokio::time::sleep(wait).await;
        }
    }

    /// Downloads one page until it is whole, then hands its rows on; gives the next locator.
    async fn page(
        &mut self,
        job: &JobId,
        locator: Option<&str>,
        file: &Path,
        header: &mut Option<ByteRecord>,
        sink: &mut dyn RowSink,
    ) -> Result<Option<String>, Fault> {
        let mut short = String::new();
        for _ in 0..limits::DOWNLOADS_MAX {
            let page = query::results(self.org, job, locator, file).await?;
            match count(file) {
                Ok(counted) if page.rows.is_none_or(|rows| rows == counted) => {
                    self.hand_on(file, header, sink)?;
                    return Ok(page.next);
                }
                Ok(counted) => {
                    let (rows, bytes) = (page.rows.unwrap_or(0), page.bytes);
                    short =
                        format!("it has {counted} rows in {bytes} bytes and should have {rows}");
                }
                Err(bad) => short = bad,
            }
            tracing::warn!(job = job.as_str(), short, "a page is not whole, reading it again");
        }
        let host = self.org.session.host();
        let times = limits::DOWNLOADS_MAX;
        let text = format!("a page of query `{job}` from `{host}` was cut {times} times: {short}");
        Err(errors::nonsense(self.org.session.client(), &text))
    }

    fn hand_on(
        &mut self,
        file: &Path,
        header: &mut Option<ByteRecord>,
        sink: &mut dyn RowSink,
    ) -> Result<(), Fault> {
        let mut reader = reader(file).map_err(|error| unwritten(&error))?;
        let found = reader.byte_headers().map_err(|error| unwritten(&error.into()))?.clone();
        match header {
            None => {
                sink.header(&found).map_err(|error| unwritten(&error))?;
                *header = Some(found);
            }
            // A page without rows may have no header either.
            Some(first) if *first != found && !found.is_empty() => {
                let text = "two pages of one query have different columns";
                return Err(errors::nonsense(self.org.session.client(), text));
            }
            Some(_) => (),
        }
        let mut row = ByteRecord::new();
        while reader.read_byte_record(&mut row).map_err(|error| unwritten(&error.into()))? {
            sink.row(&row).map_err(|error| unwritten(&error))?;
            self.rows += 1;
        }
        Ok(())
    }
}

fn reader(file: &Path) -> io::Result<csv::Reader<std::fs::File>> {
    let file = std::fs::File::open(file)?;
    Ok(csv::ReaderBuilder::new().buffer_capacity(256 << 10).from_reader(file))
}

/// Rows of a page; why it is no whole page otherwise. A ragged row is the mark of a cut, and so is
/// an end in the middle of a line: every line of the service ends with a line feed or a quote.
fn count(file: &Path) -> Result<u64, String> {
    let text = |error: io::Error| error.to_string();
    let mut reader = reader(file).map_err(text)?;
    let mut row = ByteRecord::new();
    let mut rows = 0;
    while reader.read_byte_record(&mut row).map_err(|error| error.to_string())? {
        rows += 1;
    }
    match last_byte(file).map_err(text)? {
        None | Some(b'\n' | b'\r' | b'"') => Ok(rows),
        Some(_) => Err("it ends in the middle of a line".to_owned()),
    }
}

fn last_byte(file: &Path) -> io::Result<Option<u8>> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = std::fs::File::open(file)?;
    if file.metadata()?.len() == 0 {
        return Ok(None);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut byte = [0];
    file.read_exact(&mut byte)?;
    Ok(Some(byte[0]))
}

/// The query for whole objects: the given fields, or all that fit a cell.
fn compose(
    object: &ObjectSchema,
    fields: &[String],
    filter: Option<&str>,
) -> Result<String, Fault> {
    let mut names: Vec<&str> = Vec::new();
    for field in fields {
        let first = field.split('.').next().unwrap_or_default();
        let known = if field.contains('.') {
            object.relationship(first).is_some()
        } else {
            object.field(field).is_some()
        };
        if !known {
            let message = format!("`{}` has no field `{}`", object.name, field.escape_debug());
            let mut fault = refusal("UNKNOWN_FIELD", &message);
            fault.hints = vec![format!("`longshore describe {}` lists its fields", object.name)];
            return Err(fault);
        }
        names.push(object.field(field).map_or(field, |field| &field.name));
    }
    if names.is_empty() {
        let fits = |kind| !matches!(kind, FieldKind::Base64 | FieldKind::Other);
        names = object.fields.iter().filter(|f| fits(f.kind)).map(|f| f.name.as_str()).collect();
    }
    let filter = filter.map(|filter| format!(" WHERE {filter}")).unwrap_or_default();
    Ok(format!("SELECT {} FROM {}{filter}", names.join(", "), object.name))
}

/// Whether the Bulk API refuses what the REST API may still do.
fn is_refused_by_bulk(fault: &Fault) -> bool {
    let texts =
        ["not supported in Bulk Query", "not supported by the Bulk API", "does not support query"];
    fault.code == "INVALIDENTITY"
        || fault.code == "FEATURENOTENABLED"
        || texts.iter().any(|text| fault.message.contains(text))
}

fn refusal(code: &str, message: &str) -> Fault {
    Fault {
        class: FaultClass::Refused,
        status: None,
        code: code.to_owned(),
        message: message.to_owned(),
        hints: Vec::new(),
    }
}

pub(super) fn unwritten(error: &io::Error) -> Fault {
    Fault {
        class: FaultClass::Disk,
        status: None,
        code: "LOCAL_FILE".to_owned(),
        message: format!("cannot pass the exported rows on: {error}"),
        hints: Vec::new(),
    }
}

/// The columns with names spelled as the org spells them, as far as the records show it.
fn canonical(columns: &[Column], records: &[Map<String, Value>]) -> Vec<Column> {
    let spell = |column: &Column| {
        let found = records.iter().find_map(|record| spelled(record, &column.path));
        found.map_or_else(|| column.clone(), |path| Column { header: path.join("."), path })
    };
    columns.iter().map(spell).collect()
}

fn spelled(record: &Map<String, Value>, path: &[String]) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    let (name, value) = entry(record, first)?;
    let mut spelling = vec![name.clone()];
    if !rest.is_empty() {
        spelling.extend(spelled(value.as_object()?, rest)?);
    }
    Some(spelling)
}

/// The columns of `FIELDS(…)`: the plain values of the first record.
fn found(records: &[Map<String, Value>]) -> Vec<Column> {
    let names = records.first().into_iter().flat_map(Map::iter);
    names
        .filter(|(_, value)| !value.is_object() && !value.is_array())
        .map(|(name, _)| Column { header: name.clone(), path: vec![name.clone()] })
        .collect()
}

fn entry<'a>(record: &'a Map<String, Value>, name: &str) -> Option<(&'a String, &'a Value)> {
    record
        .get_key_value(name)
        .or_else(|| record.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)))
}

fn value_at<'a>(record: &'a Map<String, Value>, path: &[String]) -> &'a Value {
    let Some((first, rest)) = path.split_first() else { return &Value::Null };
    match entry(record, first) {
        Some((_, value)) if rest.is_empty() => value,
        Some((_, Value::Object(inner))) => value_at(inner, rest),
        _ => &Value::Null,
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

/// REST writes datetimes with `+0000` and Bulk with `Z`. A text field may hold such characters as
/// well and must keep them, so the describe is asked, once for a column that needs it.
struct Kinds<'a> {
    org: &'a Salesforce,
    from: &'a str,
    /// Whether a column is a datetime, where that was asked.
    known: Vec<Option<bool>>,
    described: Vec<ObjectSchema>,
}

impl<'a> Kinds<'a> {
    fn new(org: &'a Salesforce, from: &'a str, columns: usize) -> Self {
        Self { org, from, known: vec![None; columns], described: Vec::new() }
    }

    async fn respell(
        &mut self,
        index: usize,
        column: &Column,
        mut cell: String,
    ) -> Result<String, Fault> {
        if !is_rest_datetime(&cell) {
            return Ok(cell);
        }
        let is_datetime = match self.known[index] {
            Some(known) => known,
            None => self.ask(&column.path).await?,
        };
        self.known[index] = Some(is_datetime);
        if is_datetime {
            cell.truncate(cell.len() - "+0000".len());
            cell.push('Z');
        }
        Ok(cell)
    }

    /// Follows the relationships; where they branch or cannot be seen, the text is left alone.
    async fn ask(&mut self, path: &[String]) -> Result<bool, Fault> {
        let mut object = self.from.to_owned();
        let (field, way) = path.split_last().map_or(("", path), |(last, way)| (last.as_str(), way));
        for step in way {
            let Some(schema) = self.describe(&object).await? else { return Ok(false) };
            let targets = schema.relationship(step).map(|field| field.reference_to.as_slice());
            let Some([target]) = targets else { return Ok(false) };
            object.clone_from(target);
        }
        let schema = self.describe(&object).await?;
        let field = schema.and_then(|schema| schema.field(field));
        Ok(field.is_some_and(|field| field.kind == FieldKind::DateTime))
    }

    async fn describe(&mut self, name: &str) -> Result<Option<&ObjectSchema>, Fault> {
        let is = |schema: &ObjectSchema| schema.name.eq_ignore_ascii_case(name);
        if !self.described.iter().any(is) {
            match describe::object(self.org, name).await {
                Ok(schema) => self.described.push(schema),
                Err(fault) if fault.class == FaultClass::Gone => return Ok(None),
                Err(fault) => return Err(fault),
            }
        }
        Ok(self.described.iter().find(|schema| is(schema)))
    }
}

/// `2026-11-20T09:00:01.000+0000`.
fn is_rest_datetime(text: &str) -> bool {
    let form = b"dddd-dd-ddTdd:dd:dd.ddd+0000";
    text.len() == form.len()
        && text.bytes().zip(form).all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            form => byte == *form,
        })
}
