//! The users themselves: all of them by an export job, or those that a search finds.
//!
//! A search ends after 1,000 users, by whatever pages they are asked for. So no second page is ever
//! asked for: each question is for the first page of those who were made after the last one that
//! was seen. Source: reference page on Auth0, fact 8 and 2.4.

use std::collections::HashSet;
use std::path::Path;

use csv::ByteRecord;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Tenant;
use super::super::schema::USER_FIELDS;
use super::super::session::{ApiPath, Session};
use super::{list, local, no_field};
use crate::model::names::ObjectName;
use crate::target::trouble::nonsense;
use crate::target::{Fault, RowSink};

/// Users of one answer. Source: the most that the service gives.
const PAGE: usize = 100;

/// Objects of which `--fields` may name a part, as in `app_metadata.plan`.
const OPEN: [&str; 2] = ["app_metadata", "user_metadata"];

/// A column of the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    name: String,
    /// Where the value stands in a user, such as `identities[0].connection`.
    path: String,
}

/// The columns that were asked for, or all.
pub(super) fn columns(object: &ObjectName, fields: &[String]) -> Result<Vec<Column>, Fault> {
    let column = |name: &str, path: &str| Column { name: name.to_owned(), path: path.to_owned() };
    if fields.is_empty() {
        return Ok(USER_FIELDS.iter().map(|field| column(field.name, field.path)).collect());
    }
    let find = |asked: &String| {
        let mut known = USER_FIELDS.iter();
        if let Some(known) = known.find(|known| known.name.eq_ignore_ascii_case(asked)) {
            return Ok(column(known.name, known.path));
        }
        match asked.split_once('.') {
            Some((root, _)) if OPEN.contains(&root) => Ok(column(asked, asked)),
            _ => {
                let all: Vec<&str> = USER_FIELDS.iter().map(|field| field.name).collect();
                Err(no_field(object, asked, &all))
            }
        }
    };
    fields.iter().map(find).collect()
}

/// Writes a row for each user; the number of rows.
pub(super) async fn export(
    tenant: &Tenant,
    columns: &[Column],
    filter: Option<&str>,
    work: &Path,
    sink: &mut dyn RowSink,
) -> Result<u64, Fault> {
    tenant.session.needs(&["read:users"])?;
    let filter = filter.map(str::trim).filter(|filter| !filter.is_empty());
    let header = ByteRecord::from(columns.iter().map(|one| one.name.as_str()).collect::<Vec<_>>());
    sink.header(&header).map_err(|error| local(&error))?;
    match filter {
        None => by_job(tenant, columns, work, sink).await,
        Some(filter) => {
            let mut search = Search::new(&tenant.session, filter, columns, sink);
            search.all().await?;
            let Search { rows, calls, .. } = search;
            sink.note(&format!(
                "found by a search, which may lag some seconds behind, in {calls} calls; from one \
                 to the next by `created_at`, as a search ends after 1,000 users"
            ));
            Ok(rows)
        }
    }
}

async fn by_job(
    tenant: &Tenant,
    columns: &[Column],
    work: &Path,
    sink: &mut dyn RowSink,
) -> Result<u64, Fault> {
    // Names with dots may or may not become objects in the list, so they get plain ones.
    let plain = |column: &Column| column.path.bytes().all(|b| b == b'_' || b.is_ascii_lowercase());
    let names: Vec<String> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| if plain(column) { column.path.clone() } else { format!("c{at}") })
        .collect();
    let fields: Vec<Value> = columns
        .iter()
        .zip(&names)
        .map(|(column, name)| {
            if plain(column) {
                json!({ "name": name })
            } else {
                json!({ "name": column.path, "export_as": name })
            }
        })
        .collect();
    let path = work.join("users");
    list::fetch(tenant, &fields, &path).await?;
    let mut users = list::open(&path).map_err(|error| local(&error))?;
    let (mut line, mut rows) = (String::new(), 0);
    while users.read_line(&mut line).map_err(|error| local(&error))? > 0 {
        if !line.trim().is_empty() {
            let user: Value = serde_json::from_str(&line).map_err(|error| {
                let what = format!("the tenant's list of users is not as agreed: {error}");
                nonsense(tenant.session.client(), &what)
            })?;
            let cells: Vec<String> = names.iter().map(|name| cell(user.get(name))).collect();
            sink.row(&ByteRecord::from(cells)).map_err(|error| local(&error))?;
            rows += 1;
        }
        line.clear();
    }
    sink.note("all users, as an export job of the tenant lists them");
    Ok(rows)
}

/// A search under way.
struct Search<'a> {
    session: &'a Session,
    filter: &'a str,
    columns: &'a [Column],
    /// Members of a user that are needed.
    members: String,
    sink: &'a mut dyn RowSink,
    rows: u64,
    calls: u64,
}

/// One answer of a search.
#[derive(Deserialize)]
struct Page {
    users: Vec<Value>,
    total: u64,
}

impl<'a> Search<'a> {
    fn new(
        session: &'a Session,
        filter: &'a str,
        columns: &'a [Column],
        sink: &'a mut dyn RowSink,
    ) -> Self {
        let roots =
            columns.iter().map(|column| column.path.split(['.', '[']).next().unwrap_or_default());
        let mut members: Vec<&str> = ["user_id", "created_at"].into_iter().chain(roots).collect();
        members.sort_unstable();
        members.dedup();
        let members = members.join(",");
        Self { session, filter, columns, members, sink, rows: 0, calls: 0 }
    }

    /// All that is found, by the time of creation.
    async fn all(&mut self) -> Result<(), Fault> {
        // The first question is the user's own words, so that the tenant refuses what is no query
        // before it is put into parentheses.
        let mut question = self.filter.to_owned();
        let mut since = String::new();
        // Those made at `since`, who are found once more.
        let mut seen: HashSet<String> = HashSet::new();
        loop {
            let page = self.ask(&question, "created_at:1").await?;
            let (found, before) = (page.users.len(), since.clone());
            for user in &page.users {
                let (id, made) = (self.text(user, "user_id")?, self.text(user, "created_at")?);
                if made < since {
                    return Err(self.odd("its users do not come by `created_at`"));
                }
                if made > since {
                    seen.clear();
                    since = made;
                }
                if seen.insert(id) {
                    self.row(user)?;
                }
            }
            if found < PAGE {
                return self.whole(found, page.total);
            }
            question = if since == before {
                // A whole page was made at one moment, and there may be more.
                self.of_moment(&since, &seen).await?;
                self.with(&format!("created_at:{{{} TO *]", quoted(&since)))
            } else {
                self.with(&format!("created_at:[{} TO *]", quoted(&since)))
            };
        }
    }

    /// Those made at one moment and not seen yet, by their ids.
    async fn of_moment(&mut self, made: &str, seen: &HashSet<String>) -> Result<(), Fault> {
        let moment = format!("created_at:[{0} TO {0}]", quoted(made));
        let mut last = String::new();
        loop {
            let question = match last.as_str() {
                "" => self.with(&moment),
                last => self.with(&format!("{moment} AND user_id:{{{} TO *]", quoted(last))),
            };
            let page = self.ask(&question, "user_id:1").await?;
            for user in &page.users {
                let id = self.text(user, "user_id")?;
                if id <= last {
                    return Err(self.odd("its users do not come by `user_id`"));
                }
                if !seen.contains(&id) {
                    self.row(user)?;
                }
                last = id;
            }
            if page.users.len() < PAGE {
                return self.whole(page.users.len(), page.total);
            }
        }
    }

    fn with(&self, more: &str) -> String {
        format!("({}) AND {more}", self.filter)
    }

    async fn ask(&mut self, question: &str, sort: &str) -> Result<Page, Fault> {
        let size = PAGE.to_string();
        let path = ApiPath::of(&["users"])?.with(&[
            ("q", question),
            ("sort", sort),
            ("page", "0"),
            ("per_page", &size),
            ("include_totals", "true"),
            ("fields", &self.members),
            ("include_fields", "true"),
            ("search_engine", "v3"),
        ]);
        self.calls += 1;
        self.session.get("search for users", &path).await
    }

    fn row(&mut self, user: &Value) -> Result<(), Fault> {
        let cells = self.columns.iter().map(|column| cell(find(user, &column.path)));
        let row = ByteRecord::from(cells.collect::<Vec<_>>());
        self.sink.row(&row).map_err(|error| local(&error))?;
        self.rows += 1;
        Ok(())
    }

    /// A short page is the last one; never is anything cut off in silence.
    fn whole(&self, found: usize, total: u64) -> Result<(), Fault> {
        if total > found as u64 {
            let text = format!("it gives {found} of {total} users and no more");
            return Err(self.odd(&text));
        }
        Ok(())
    }

    fn text(&self, user: &Value, member: &str) -> Result<String, Fault> {
        let found = user.get(member).and_then(Value::as_str).map(str::to_owned);
        found.ok_or_else(|| self.odd(&format!("a user has no `{member}`")))
    }

    fn odd(&self, text: &str) -> Fault {
        let text = format!("the tenant's search for users is not as agreed: {text}");
        let mut fault = nonsense(self.session.client(), &text);
        fault.hints.push("`export User` without `--where` writes all users".to_owned());
        fault
    }
}

/// The value at a path such as `identities[0].connection`.
fn find<'a>(user: &'a Value, path: &str) -> Option<&'a Value> {
    let plain = path.replace('[', ".").replace(']', "");
    plain.split('.').try_fold(user, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

/// Texts as they are, objects and lists as JSON.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A bound of a range, in quotes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
