//! Looking keys up: by lists of them, or by an export of all records where that takes fewer calls.

use std::io;
use std::path::Path;

use csv::ByteRecord;

use super::soql::Soql;
use super::{Salesforce, either, export, query};
use crate::model::limits;
use crate::model::schema::FieldSchema;
use crate::target::{
    ExportQuery, ExportRequest, Fault, FaultClass, KeyQuestion, KeySource, KeyTest, RowSink,
};

/// Bytes of a URL that are not its path: scheme and host.
const ORIGIN_BYTES: usize = 200;

/// Hands the records that a question is about to `sink`.
pub(super) async fn look_up(
    org: &Salesforce,
    question: &KeyQuestion<'_>,
    keys: &mut dyn KeySource,
    work: &Path,
    sink: &mut dyn RowSink,
) -> Result<(), Fault> {
    let mut sink = NoHeader(sink);
    if question.test == KeyTest::BeginsWith {
        return near(org, question, keys, &mut sink).await;
    }
    if lists_are_better(org, question, keys).await? {
        match by_lists(org, question, keys, &mut sink).await {
            // Some fields cannot be filtered by; the export does without, or says what is wrong.
            Err(fault) if fault.class == FaultClass::Refused => {
                tracing::debug!(code = fault.code, "the lists were refused, exporting instead");
            }
            ended => return ended,
        }
    }
    let request = ExportRequest { query: ExportQuery::Soql(all(question)), all: false };
    export::export(org, &request, work, &mut sink).await.map(drop)
}

/// Whether lists of keys take no more calls than an export.
///
/// The far side tells upper from lower case in a field that is case sensitive, so there a list
/// finds less than the question wants.
async fn lists_are_better(
    org: &Salesforce,
    question: &KeyQuestion<'_>,
    keys: &mut dyn KeySource,
) -> Result<bool, Fault> {
    if question.fields.iter().any(|field| field.case_sensitive) {
        return Ok(false);
    }
    let mut lists = Lists::begin(org, question, keys)?;
    let mut calls = 0_u64;
    while lists.next()?.is_some() {
        calls += 1;
    }
    if calls <= limits::LOOKUP_LISTS_FREE {
        return Ok(true);
    }
    let count = Soql::read(&all(question)).map_err(|message| bad_query(&message))?.count;
    match either(query::page(org, &count, false).await) {
        Ok(page) => Ok(page.total_size.is_none_or(|rows| calls <= export_calls(rows))),
        Err(fault) if matches!(fault.class, FaultClass::Access | FaultClass::Limit) => Err(fault),
        Err(_) => Ok(true),
    }
}

/// Calls that an export of so many records takes.
fn export_calls(rows: u64) -> u64 {
    if rows <= limits::REST_QUERY_ROWS_MAX {
        return 2;
    }
    2 + limits::EXPORT_POLLS_GUESS + rows.div_ceil(u64::from(limits::EXPORT_PAGE_ROWS))
}

async fn by_lists(
    org: &Salesforce,
    question: &KeyQuestion<'_>,
    keys: &mut dyn KeySource,
    sink: &mut dyn RowSink,
) -> Result<(), Fault> {
    let mut lists = Lists::begin(org, question, keys)?;
    while let Some(soql) = lists.next()? {
        export::by_rest(org, &soql, sink).await?;
    }
    Ok(())
}

/// One page of records whose values begin with one of a few keys.
async fn near(
    org: &Salesforce,
    question: &KeyQuestion<'_>,
    keys: &mut dyn KeySource,
    sink: &mut dyn RowSink,
) -> Result<(), Fault> {
    let mut lists = Lists::begin(org, question, keys)?;
    match lists.next()? {
        Some(soql) => export::by_rest(org, &soql, sink).await.map(drop),
        None => Ok(()),
    }
}

/// The queries of a question, each with as many keys as a URL holds.
struct Lists<'a> {
    question: &'a KeyQuestion<'a>,
    keys: &'a mut dyn KeySource,
    /// Bytes of a URL without keys.
    bare: usize,
    /// The key that did not fit any more.
    held: Option<String>,
}

impl<'a> Lists<'a> {
    fn begin(
        org: &Salesforce,
        question: &'a KeyQuestion<'a>,
        keys: &'a mut dyn KeySource,
    ) -> Result<Self, Fault> {
        keys.rewind().map_err(|error| unread(&error))?;
        // A key that fits every field, so that each has its clause.
        let bare = query_of(question, &["0".to_owned()]);
        let bare = query::rest_path(org, &bare, false).len() + ORIGIN_BYTES;
        Ok(Self { question, keys, bare, held: None })
    }

    fn next(&mut self) -> Result<Option<String>, Fault> {
        let (mut taken, mut bytes) = (Vec::new(), self.bare);
        loop {
            let mut key = self.held.take().unwrap_or_default();
            if key.is_empty() && !self.keys.next(&mut key).map_err(|error| unread(&error))? {
                break;
            }
            let too_long = key.chars().count() > limits::LOOKUP_KEY_CHARS_MAX;
            let more: usize = self.question.fields.iter().map(|field| self.cost(field, &key)).sum();
            if key.is_empty() || too_long || more == 0 {
                continue;
            }
            if !taken.is_empty() && bytes + more > limits::URL_BYTES_MAX {
                self.held = Some(key);
                break;
            }
            bytes += more;
            taken.push(key);
        }
        Ok((!taken.is_empty()).then(|| query_of(self.question, &taken)))
    }

    /// Bytes that one more key takes in a URL, for one field.
    fn cost(&self, field: &FieldSchema, key: &str) -> usize {
        let test = self.question.test;
        let Some(literal) = literal(field, key, test) else { return 0 };
        let around = match test {
            KeyTest::Equals => ",".to_owned(),
            KeyTest::BeginsWith => format!("{} LIKE  OR ", field.name),
        };
        query::encoded(&literal).len() + query::encoded(&around).len()
    }
}

fn query_of(question: &KeyQuestion<'_>, keys: &[String]) -> String {
    let mut tests = Vec::new();
    for field in question.fields {
        let literals: Vec<String> =
            keys.iter().filter_map(|key| literal(field, key, question.test)).collect();
        match question.test {
            _ if literals.is_empty() => {}
            KeyTest::Equals => tests.push(format!("{} IN ({})", field.name, literals.join(","))),
            KeyTest::BeginsWith => {
                tests.extend(literals.iter().map(|text| format!("{} LIKE {text}", field.name)));
            }
        }
    }
    let filter = question.filter.map(|filter| format!("({filter}) AND ")).unwrap_or_default();
    let page = match question.test {
        KeyTest::Equals => String::new(),
        KeyTest::BeginsWith => format!(" LIMIT {}", limits::REST_QUERY_ROWS_MAX),
    };
    format!("{} WHERE {filter}({}){page}", select(question), tests.join(" OR "))
}

/// The query for all records that the filter lets through.
fn all(question: &KeyQuestion<'_>) -> String {
    let filter = question.filter.map(|filter| format!(" WHERE {filter}")).unwrap_or_default();
    format!("{}{filter}", select(question))
}

fn select(question: &KeyQuestion<'_>) -> String {
    let fields = question.fields.iter().map(|field| field.name.as_str());
    let fields: Vec<&str> = std::iter::once("Id").chain(fields).collect();
    format!("SELECT {} FROM {}", fields.join(", "), question.object)
}

/// A key as SOQL writes it; `None` if no value of the field can be it.
fn literal(field: &FieldSchema, key: &str, test: KeyTest) -> Option<String> {
    match (field.kind.is_number(), test) {
        (false, _) => Some(quoted(key, test)),
        (true, KeyTest::Equals) => is_plain_number(key).then(|| key.to_owned()),
        (true, KeyTest::BeginsWith) => None,
    }
}

/// Digits, as few as a number of the far side has, and perhaps a point among them.
fn is_plain_number(key: &str) -> bool {
    let digits = |text: &str| {
        (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let bare = key.strip_prefix('-').unwrap_or(key);
    match bare.split_once('.') {
        Some((whole, part)) => digits(whole) && digits(part),
        None => digits(bare),
    }
}

/// A text of SOQL. Source: SOQL reference, quoted string escape sequences; `%` and `_` have a
/// meaning in `LIKE` only.
fn quoted(key: &str, test: KeyTest) -> String {
    let mut text = String::with_capacity(key.len() + 3);
    text.push('\'');
    for character in key.chars() {
        match character {
            '\'' => text.push_str("\\'"),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '%' | '_' if test == KeyTest::BeginsWith => text.extend(['\\', character]),
            other => text.push(other),
        }
    }
    text.push_str(if test == KeyTest::BeginsWith { "%'" } else { "'" });
    text
}

/// Passes rows on and keeps headers back.
struct NoHeader<'a>(&'a mut dyn RowSink);

impl RowSink for NoHeader<'_> {
    fn header(&mut self, _: &ByteRecord) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: &ByteRecord) -> io::Result<()> {
        self.0.row(row)
    }
}

fn bad_query(message: &str) -> Fault {
    Fault {
        class: FaultClass::Refused,
        status: None,
        code: "BAD_QUERY".to_owned(),
        message: message.to_owned(),
        hints: Vec::new(),
    }
}

fn unread(error: &io::Error) -> Fault {
    export::unwritten(error)
}
