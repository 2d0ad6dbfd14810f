//! Exports: the users, and what every user holds.

mod by_role;
mod holdings;
mod list;
mod people;

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::jobs::kind_of;
use super::users::Kind;
use super::{Tenant, schema};
use crate::model::names::ObjectName;
use crate::target::{ExportDone, ExportQuery, ExportRequest, Fault, FaultClass, RowSink};

/// Writes the rows of one object.
pub(super) async fn export(
    tenant: &Arc<Tenant>,
    request: &ExportRequest,
    work: &Path,
    sink: &mut dyn RowSink,
) -> Result<ExportDone, Fault> {
    let (object, fields, filter) = match &request.query {
        ExportQuery::Object { object, fields, filter } => (object, fields, filter),
        ExportQuery::Holdings { object, of } => {
            let kind = kind_of(object.as_str()).ok_or_else(|| schema::no_object(object))?;
            let columns = holdings::columns(kind).to_vec();
            let rows = holdings::export(tenant, kind, Some(of), columns, work, sink).await?;
            return Ok(ExportDone { rows });
        }
        ExportQuery::Soql(_) => {
            return Err(refusal("an Auth0 tenant takes no SOQL").hint(
                "`export User`, `export UserPermission` and `export UserRole` write all there is",
            ));
        }
    };
    if request.all {
        return Err(refusal("`--all` has no meaning for an Auth0 tenant").hint("leave it out"));
    }
    if schema::is_user(object) {
        let columns = people::columns(object, fields)?;
        let rows = people::export(tenant, &columns, filter.as_deref(), work, sink).await?;
        return Ok(ExportDone { rows });
    }
    let kind = kind_of(object.as_str()).ok_or_else(|| schema::no_object(object))?;
    if filter.is_some() {
        let message = format!("`--where` has no meaning for `{object}`");
        return Err(refusal(&message).hint("leave it out, and choose rows from the file"));
    }
    let columns = some_of(object, fields, kind)?;
    let rows = holdings::export(tenant, kind, None, columns, work, sink).await?;
    Ok(ExportDone { rows })
}

/// What every user holds takes a call for each of them; all else is quick.
pub(super) fn resumes(request: &ExportRequest) -> bool {
    match &request.query {
        ExportQuery::Object { object, .. } | ExportQuery::Holdings { object, .. } => {
            kind_of(object.as_str()).is_some()
        }
        ExportQuery::Soql(_) => false,
    }
}

/// The columns that were asked for, or all.
fn some_of(object: &ObjectName, fields: &[String], kind: Kind) -> Result<Vec<&'static str>, Fault> {
    let all = holdings::columns(kind);
    if fields.is_empty() {
        return Ok(all.to_vec());
    }
    let find = |field: &String| {
        let mut known = all.iter().copied();
        let known = known.find(|column| column.eq_ignore_ascii_case(field));
        known.ok_or_else(|| no_field(object, field, all))
    };
    fields.iter().map(find).collect()
}

fn no_field(object: &ObjectName, field: &str, all: &[&str]) -> Fault {
    refusal(&format!("an export of `{object}` has no field `{}`", field.escape_debug()))
        .hint(format!("it has `{}`", all.join("`, `")))
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
