//! The JSON of the far side. Read leniently: members are optional, numbers may be text.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::model::schema::{FieldKind, FieldSchema, ObjectSchema, PicklistValue};
use crate::target::{JobSpec, JobState, JobStatus, SeenJob};

/// A job of ingest or query. Source: all members but `id` and `state` come and go by call and
/// state.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobInfo {
    pub(super) id: String,
    pub(super) state: String,
    #[serde(default, deserialize_with = "number")]
    number_records_processed: Option<u64>,
    #[serde(default, deserialize_with = "number")]
    number_records_failed: Option<u64>,
    error_message: Option<String>,
}

impl JobInfo {
    /// A state that we do not know counts as running: it is asked about again.
    pub(super) fn status(self) -> JobStatus {
        let state = match self.state.as_str() {
            "Open" => JobState::Open,
            "UploadComplete" => JobState::UploadComplete,
            "InProgress" => JobState::InProgress,
            "JobComplete" => JobState::JobComplete,
            "Failed" => JobState::Failed,
            "Aborted" => JobState::Aborted,
            other => {
                tracing::warn!(job = self.id, state = other, "unknown job state, asking again");
                JobState::InProgress
            }
        };
        JobStatus {
            state,
            processed: self.number_records_processed,
            failed: self.number_records_failed,
            message: self.error_message.filter(|text| !text.is_empty()),
        }
    }
}

/// One page of the list of jobs.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobPage {
    pub(super) records: Vec<ListedJob>,
    pub(super) next_records_url: Option<String>,
}

/// A job in the list; other tools' jobs are in it too, of whatever shape.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedJob {
    #[serde(flatten)]
    info: JobInfo,
    #[serde(default)]
    operation: String,
    #[serde(default)]
    object: String,
    #[serde(default)]
    created_by_id: String,
    #[serde(default)]
    created_date: String,
}

impl ListedJob {
    /// The job as seen, if it is one of this object and operation that the user has made since
    /// then. A date that cannot be read counts as now: the job is rather looked at than missed.
    pub(super) fn seen(self, spec: &JobSpec, user_id: &str, since: Timestamp) -> Option<SeenJob> {
        let alike = self.object.eq_ignore_ascii_case(spec.object.as_str())
            && spec.operation.bulk_word() == Some(self.operation.as_str());
        // Ids come with 15 or 18 characters.
        let by_user = self.created_by_id.get(..15) == user_id.get(..15);
        let created = moment(&self.created_date).unwrap_or(Timestamp::MAX);
        let id = self.info.id.clone();
        let state = self.info.status().state;
        (alike && by_user && created >= since).then_some(SeenJob { id, state, created })
    }
}

/// `2026-11-22T18:00:00.000+0000`, an offset without a colon, or RFC 3339.
fn moment(text: &str) -> Option<Timestamp> {
    let spelled = |format| Timestamp::strptime(format, text).ok();
    text.parse().ok().or_else(|| spelled("%Y-%m-%dT%H:%M:%S%.f%z"))
}

/// A count that may come as number or text; anything else, negative ones too, is no count.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Number(number) => number.as_u64().or_else(|| {
            let float = number.as_f64().filter(|float| float.fract() == 0.0 && *float >= 0.0)?;
            format!("{float:.0}").parse().ok()
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    })
}

/// `null` counts as absent.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
pub(super) struct Global {
    pub(super) sobjects: Vec<Object>,
}

/// An object, in the global list or in its own describe.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object {
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    label: String,
    key_prefix: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    createable: bool,
    #[serde(default, deserialize_with = "or_default")]
    updateable: bool,
    #[serde(default, deserialize_with = "or_default")]
    deletable: bool,
    #[serde(default, deserialize_with = "or_default")]
    undeletable: bool,
    #[serde(default, deserialize_with = "or_default")]
    queryable: bool,
    #[serde(default, deserialize_with = "or_default")]
    custom: bool,
    #[serde(default, deserialize_with = "or_default")]
    fields: Vec<Field>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Field {
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    label: String,
    #[serde(rename = "type", default, deserialize_with = "or_default")]
    kind: String,
    #[serde(default, deserialize_with = "number")]
    length: Option<u64>,
    #[serde(default, deserialize_with = "number")]
    digits: Option<u64>,
    #[serde(default, deserialize_with = "number")]
    precision: Option<u64>,
    #[serde(default, deserialize_with = "number")]
    scale: Option<u64>,
    #[serde(default, deserialize_with = "or_default")]
    createable: bool,
    #[serde(default, deserialize_with = "or_default")]
    updateable: bool,
    #[serde(default = "yes")]
    nillable: bool,
    #[serde(default, deserialize_with = "or_default")]
    defaulted_on_create: bool,
    #[serde(default, deserialize_with = "or_default")]
    calculated: bool,
    #[serde(default, deserialize_with = "or_default")]
    html_formatted: bool,
    #[serde(default, deserialize_with = "or_default")]
    auto_number: bool,
    #[serde(default, deserialize_with = "or_default")]
    external_id: bool,
    #[serde(default, deserialize_with = "or_default")]
    id_lookup: bool,
    #[serde(default, deserialize_with = "or_default")]
    unique: bool,
    #[serde(default, deserialize_with = "or_default")]
    case_sensitive: bool,
    #[serde(default, deserialize_with = "or_default")]
    restricted_picklist: bool,
    #[serde(default, deserialize_with = "or_default")]
    picklist_values: Vec<Picklist>,
    #[serde(default, deserialize_with = "or_default")]
    reference_to: Vec<String>,
    relationship_name: Option<String>,
    #[serde(default, deserialize_with = "or_default")]
    polymorphic_foreign_key: bool,
}

#[derive(Debug, Deserialize)]
struct Picklist {
    #[serde(default, deserialize_with = "or_default")]
    value: String,
    #[serde(default, deserialize_with = "or_default")]
    label: String,
    #[serde(default = "yes")]
    active: bool,
}

impl From<Object> for ObjectSchema {
    fn from(object: Object) -> Self {
        Self {
            name: object.name,
            label: object.label,
            key_prefix: object.key_prefix,
            createable: object.createable,
            updateable: object.updateable,
            deletable: object.deletable,
            undeletable: object.undeletable,
            queryable: object.queryable,
            custom: object.custom,
            deleted_by_row: false,
            fields: object.fields.into_iter().map(FieldSchema::from).collect(),
        }
    }
}

impl From<Field> for FieldSchema {
    fn from(field: Field) -> Self {
        let small = |number: Option<u64>| u32::try_from(number.unwrap_or(0)).unwrap_or(u32::MAX);
        Self {
            kind: kind(&field.kind),
            name: field.name,
            label: field.label,
            type_name: field.kind,
            length: small(field.length),
            digits: small(field.digits),
            precision: small(field.precision),
            scale: small(field.scale),
            createable: field.createable,
            updateable: field.updateable,
            nillable: field.nillable,
            defaulted_on_create: field.defaulted_on_create,
            calculated: field.calculated,
            html: field.html_formatted,
            auto_number: field.auto_number,
            external_id: field.external_id,
            id_lookup: field.id_lookup,
            unique: field.unique,
            case_sensitive: field.case_sensitive,
            restricted_picklist: field.restricted_picklist,
            picklist: field.picklist_values.into_iter().map(PicklistValue::from).collect(),
            polymorphic: field.polymorphic_foreign_key || field.reference_to.len() > 1,
            reference_to: field.reference_to,
            relationship_name: field.relationship_name,
        }
    }
}

impl From<Picklist> for PicklistValue {
    fn from(picklist: Picklist) -> Self {
        Self { value: picklist.value, label: picklist.label, active: picklist.active }
    }
}

fn kind(word: &str) -> FieldKind {
    match word {
        "id" => FieldKind::Id,
        "reference" => FieldKind::Reference,
        "string" => FieldKind::String,
        "textarea" => FieldKind::Textarea,
        "email" => FieldKind::Email,
        "phone" => FieldKind::Phone,
        "url" => FieldKind::Url,
        "picklist" => FieldKind::Picklist,
        "multipicklist" => FieldKind::MultiPicklist,
        "combobox" => FieldKind::Combobox,
        "encryptedstring" => FieldKind::EncryptedString,
        "boolean" => FieldKind::Boolean,
        "int" | "long" => FieldKind::Int,
        "double" => FieldKind::Double,
        "currency" => FieldKind::Currency,
        "percent" => FieldKind::Percent,
        "date" => FieldKind::Date,
        "datetime" => FieldKind::DateTime,
        "time" => FieldKind::Time,
        "base64" => FieldKind::Base64,
        _ => FieldKind::Other,
    }
}

/// A page of a REST query.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    #[serde(default, deserialize_with = "number")]
    pub(super) total_size: Option<u64>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) records: Vec<serde_json::Map<String, Value>>,
    pub(super) next_records_url: Option<String>,
}

/// Who we are, as far as the scope of the token tells.
#[derive(Debug, Default, Deserialize)]
pub(super) struct UserInfo {
    pub(super) user_id: Option<String>,
    pub(super) organization_id: Option<String>,
    pub(super) preferred_username: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_info_is_read_leniently() {
        let status = |json: &str| serde_json::from_str::<JobInfo>(json).map(JobInfo::status);
        let running = |processed, failed| JobStatus {
            state: JobState::InProgress,
            processed,
            failed,
            message: None,
        };
        for (rest, expected) in [
            (r#""state":"InProgress""#, running(None, None)),
            (
                r#""state":"InProgress","numberRecordsProcessed":"12","numberRecordsFailed":3.0"#,
                running(Some(12), Some(3)),
            ),
            (
                r#""state":"Paused","numberRecordsProcessed":-4,"numberRecordsFailed":null"#,
                running(None, None),
            ),
            (
                r#""state":"InProgress","numberRecordsProcessed":99999999999999999999999,
                   "apiVersion":67.0,"new":{"a":[1]}"#,
                running(None, None),
            ),
            (
                r#""state":"Failed","errorMessage":"InvalidBatch : Field name not found : X""#,
                JobStatus {
                    state: JobState::Failed,
                    processed: None,
                    failed: None,
                    message: Some("InvalidBatch : Field name not found : X".to_owned()),
                },
            ),
        ] {
            let json = format!(r#"{{"id":"7508c00000Qk3TbAAJ",{rest}}}"#);
            assert_eq!(status(&json).unwrap(), expected, "{json}");
        }
        assert!(status(r#"{"state":"Open"}"#).is_err());
    }
}
