//! How a survey looks, for people and for programs.

use std::fmt::Write;
use std::path::Path;

use serde_json::{Value, json};

use super::table::{Column, table};
use crate::config::plan::LoadPlan;
use crate::model::limits::ROWS_LISTED;
use crate::pipeline::event::ErrorGroup;
use crate::pipeline::guards;
use crate::pipeline::manifest::input_name;
use crate::pipeline::survey::{Calls, Change, Sample, Survey};
use crate::report::figures::{bytes, count, counted, escape, path, shorten};
use crate::report::paint::Paint;

/// Kinds of rejected rows that the screen shows.
const GROUPS_SHOWN: usize = 12;

/// Characters of a message, and of a value, that the screen shows.
const MESSAGE_WIDTH: usize = 160;
const VALUE_WIDTH: usize = 60;

/// 0 when every row would be sent, 3 when some would be rejected.
pub fn exit_code(survey: &Survey) -> u8 {
    if survey.rejected > 0 { 3 } else { 0 }
}

/// A survey, and what is to be said of it.
pub struct Told<'a> {
    /// The command.
    pub word: &'static str,
    pub plan: &'a LoadPlan,
    pub survey: &'a Survey,
    pub alias: &'a str,
}

impl Told<'_> {
    /// For people; ends in a line end.
    pub fn screen(&self, base: &Path, paint: Paint) -> String {
        let parts = [
            self.head(base, paint),
            self.rows(),
            self.groups(paint),
            self.columns(paint),
            self.sample(paint),
            self.differences(paint),
            self.costs(paint),
        ];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("\n")
    }

    fn head(&self, base: &Path, paint: Paint) -> String {
        let (plan, org) = (self.plan, &self.survey.org);
        let kind = match org.sandbox {
            Some(true) => ", sandbox".to_owned(),
            _ if guards::is_production(org) => paint.red(", production"),
            _ => String::new(),
        };
        let input = input_name(&plan.input.source);
        format!(
            "{} of {} {} with {}: nothing was sent\norg `{}` ({}, {}{kind}) as `{}`\n",
            self.word,
            plan.operation,
            escape(plan.object.as_str()),
            path(Path::new(&input), base),
            escape(self.alias),
            escape(&org.name),
            escape(&org.id),
            escape(&org.username),
        )
    }

    fn rows(&self) -> String {
        let survey = self.survey;
        let all = count(survey.rows());
        let width = all.len();
        let jobs = survey.jobs;
        let mut text = format!("  {:<14} {all:>width$}\n", "rows");
        let sent = format!("  {:<14} {:>width$}", "would be sent", count(survey.accepted));
        if jobs.count == 0 {
            writeln!(text, "{sent}").unwrap_or_default();
        } else {
            let most = format!("{} at most", counted(jobs.largest_rows, "row"));
            let most = if jobs.count > 1 { format!(", {most}") } else { String::new() };
            let jobs = format!("in {}, {}{most}", counted(jobs.count, "job"), bytes(jobs.bytes));
            writeln!(text, "{sent}  {jobs}").unwrap_or_default();
        }
        let rejected = format!("  {:<14} {:>width$}", "rejected", count(survey.rejected));
        let why = if survey.rejected > 0 { "  would fail a local check" } else { "" };
        writeln!(text, "{rejected}{why}").unwrap_or_default();
        if self.plan.skip_unchanged {
            let unchanged = format!("  {:<14} {:>width$}", "unchanged", count(survey.unchanged));
            let why = if survey.unchanged > 0 { "  would be left out" } else { "" };
            writeln!(text, "{unchanged}{why}").unwrap_or_default();
        }
        text
    }

    fn groups(&self, paint: Paint) -> String {
        let mut text = String::new();
        for group in self.survey.groups.iter().take(GROUPS_SHOWN) {
            let code = paint.bold(&escape(&group.code));
            writeln!(text, "  {} × {code}, {}", count(group.count), rows_of(group))
                .unwrap_or_default();
            let message = shorten(&escape(&group.message), MESSAGE_WIDTH);
            writeln!(text, "      {message}").unwrap_or_default();
        }
        let more = self.survey.groups.len().saturating_sub(GROUPS_SHOWN);
        if more > 0 {
            writeln!(text, "  and {more} more kinds").unwrap_or_default();
        }
        text
    }

    fn columns(&self, paint: Paint) -> String {
        let columns = [Column::Left("column"), Column::Left("field"), Column::Left("type")];
        let row = |field: &crate::model::schema::SentField| {
            let kind = field.value_field().type_name.clone();
            vec![field.from.clone(), field.header.clone(), kind]
        };
        let rows: Vec<Vec<String>> = self.survey.fields.iter().map(row).collect();
        let mut text = table(&columns, &rows, paint);
        if !self.survey.not_sent.is_empty() {
            let names: Vec<String> =
                self.survey.not_sent.iter().map(|name| format!("`{}`", escape(name))).collect();
            writeln!(text, "not sent: {}", names.join(", ")).unwrap_or_default();
        }
        text
    }

    fn sample(&self, paint: Paint) -> String {
        let mut text = String::new();
        for Sample { row, sent } in &self.survey.sample {
            writeln!(text, "{}", paint.bold(&format!("row {row}"))).unwrap_or_default();
            let width = sent.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
            for (name, value) in sent.iter().filter(|(_, value)| !value.is_empty()) {
                let value = shorten(&escape(value), VALUE_WIDTH);
                writeln!(text, "  {:<width$}  {value}", escape(name)).unwrap_or_default();
            }
        }
        text
    }

    /// What an update or upsert would change.
    fn differences(&self, paint: Paint) -> String {
        let Some(found) = &self.survey.differences else { return String::new() };
        let rows = counted(found.rows, "row");
        if found.rows == 0 {
            return String::new();
        }
        let rows = if found.rows < self.survey.accepted {
            format!("of the first {rows}")
        } else {
            format!("of {rows}")
        };
        let mut text = format!(
            "{rows} {} would change something, {} would change nothing",
            count(found.changed),
            count(found.unchanged)
        );
        if found.missing > 0 {
            write!(text, ", {} whose record is not there", count(found.missing))
                .unwrap_or_default();
        }
        if let Some(new) = found.new {
            write!(text, ", {} would make a new record", count(new)).unwrap_or_default();
        }
        text.push('\n');
        for (field, rows) in &found.fields {
            writeln!(text, "  {}: {}", escape(field), counted(*rows, "row")).unwrap_or_default();
        }
        let columns = ["row", "field", "is now", "would be"].map(Column::Left);
        let cell = |text: &str| {
            if text.is_empty() { "(empty)".to_owned() } else { shorten(text, VALUE_WIDTH) }
        };
        let row = |change: &Change| {
            vec![change.row.to_string(), change.field.clone(), cell(&change.old), cell(&change.new)]
        };
        let rows: Vec<Vec<String>> = found.changes.iter().map(row).collect();
        if !rows.is_empty() {
            text.push_str(&table(&columns, &rows, paint));
        }
        text
    }

    /// Calls, and what will have to be confirmed.
    fn costs(&self, paint: Paint) -> String {
        let calls = &self.survey.calls;
        let look = match calls.look {
            0 => String::new(),
            look => format!(" ({} to look for unchanged rows)", count(look)),
        };
        let mut text = format!(
            "about {}: {} before the first row{look}, {} for {}",
            counted(calls.all(), "API call"),
            count(calls.before),
            count(calls.for_jobs),
            counted(self.survey.jobs.count, "job"),
        );
        if let Some((left, allowed)) = calls.left {
            let left = format!("{} of {} are left today", count(left), count(allowed));
            write!(text, "; {left}").unwrap_or_default();
        }
        text.push_str(&may_be_used(calls, paint));
        for refusal in &self.survey.refusals {
            writeln!(text, "{} {}", paint.yellow("refused now:"), escape(refusal))
                .unwrap_or_default();
        }
        if let Some(flags) = &self.survey.to_confirm {
            writeln!(text, "{} `{flags}`", paint.yellow("to be confirmed with:"))
                .unwrap_or_default();
        }
        let code = exit_code(self.survey);
        if code != 0 {
            writeln!(text, "\nexit code {code}: some rows would not be sent").unwrap_or_default();
        }
        text
    }

    /// For programs; `plan` says where the plan stands, if there is one.
    pub fn document(&self, plan: Value) -> Value {
        let Survey { org, calls, jobs, .. } = self.survey;
        let survey = self.survey;
        let fields = survey.fields.iter();
        let columns: Vec<Value> =
            fields.map(|field| json!({"from": field.from, "to": field.header})).collect();
        let samples = survey.sample.iter().map(|sample| {
            let sent = sample.sent.iter().map(|(name, value)| (name.clone(), json!(value)));
            json!({"row": sample.row, "sent": Value::Object(sent.collect())})
        });
        let mut document = json!({
            "status": if self.word == "plan" { "planned" } else { "checked" },
            "exit_code": exit_code(survey),
            "operation": self.plan.operation.to_string(),
            "object": self.plan.object.to_string(),
            "org": {"id": org.id, "kind": survey.org_kind, "alias": self.alias, "name": org.name,
                "production": guards::is_production(org), "username": org.username},
            "rows": {"input": survey.rows(), "sent": survey.accepted, "rejected": survey.rejected},
            "jobs": jobs,
            "calls": {"before": calls.before, "for_jobs": calls.for_jobs, "all": calls.all(),
                "left": calls.left.map(|left| left.0), "allowed": calls.left.map(|left| left.1),
                "budget": calls.room.calls},
            "batches": {"for_jobs": calls.batches, "budget": calls.room.batches},
            "columns": columns,
            "not_sent": survey.not_sent,
            "rejected": survey.groups,
            "sample": samples.collect::<Vec<Value>>(),
            "differences": survey.differences,
            "refused_now": survey.refusals,
            "to_confirm": survey.to_confirm,
        });
        if self.plan.skip_unchanged {
            document["rows"]["unchanged"] = json!(survey.unchanged);
            document["calls"]["look"] = json!(calls.look);
        }
        if !plan.is_null() {
            document["plan"] = plan;
        }
        document
    }
}

/// What of the org's day the jobs may take, to the end of the line, and what if they take more.
fn may_be_used(calls: &Calls, paint: Paint) -> String {
    let mut text = String::new();
    if let Some(room) = calls.room.calls {
        write!(text, ", {} may be used", count(room)).unwrap_or_default();
    }
    if let Some(room) = calls.room.batches {
        let batches = if calls.batches == 1 { "batch" } else { "batches" };
        let needed = count(calls.batches);
        write!(text, "; {needed} {batches}, {} may be used", count(room)).unwrap_or_default();
    }
    text.push('\n');
    if calls.are_too_many() {
        let pauses = paint.red("the run would pause when its budget is used up;");
        writeln!(text, "{pauses} `--api-budget` with more lets it go on").unwrap_or_default();
    }
    text
}

/// `rows 17, 44, …`.
fn rows_of(group: &ErrorGroup) -> String {
    let listed: Vec<String> = group.rows.iter().take(ROWS_LISTED).map(u64::to_string).collect();
    let shown = u64::try_from(listed.len()).unwrap_or(u64::MAX);
    let noun = if group.count == 1 { "row" } else { "rows" };
    let more = if group.count > shown { ", …" } else { "" };
    format!("{noun} {}{more}", listed.join(", "))
}
