//! Explain: where each value of a load came from.

use clap::ValueEnum;
use serde_json::{Value, json};

use super::{Extra, takes_nulls};
use crate::cli::args::Load;
use crate::cli::table::{Column, table};
use crate::config::plan::RUNS_DIR;
use crate::config::project::{FILE_NAME, Project};
use crate::model::limits;
use crate::model::operation::Operation;
use crate::pipeline::duplicates::{Unasked, unasked};
use crate::report::paint::Paint;

/// One value and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    pub name: &'static str,
    pub value: String,
    pub origin: String,
}

impl Setting {
    pub fn json(&self) -> Value {
        json!({"value": self.value, "from": self.origin})
    }
}

/// Every value of a load, in the order of the help.
pub fn settings(
    operation: Operation,
    load: &Load,
    extra: Extra<'_>,
    project: &Project,
) -> Vec<Setting> {
    let file = &project.defaults;
    let of = Origins { load };
    let shown = |path: &Option<std::path::PathBuf>| path.as_ref().map(|p| p.display().to_string());
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    let (object, input) = of.words();
    let on_duplicate = of.on_duplicate(operation, &object.value, file.on_duplicate.clone());
    let mut all = vec![
        object,
        input,
        of.value("target-org", load.connect.target_org.clone(), file.target_org.clone(), "env"),
        of.value("map", shown(&load.map), None, "headers are field names"),
        of.value("skip", number(load.skip), None, "0"),
        of.value("limit", number(load.limit), None, "all"),
        of.value("on-bad-row", word(load.on_bad_row), file.on_bad_row.clone(), "reject"),
        on_duplicate,
        of.value(
            "column-delimiter",
            word(load.column_delimiter),
            file.column_delimiter.clone(),
            "found out",
        ),
        of.value("line-ending", word(load.line_ending), file.line_ending.clone(), "found out"),
        of.value(
            "encoding",
            load.encoding.clone(),
            file.encoding.clone(),
            "utf-8, or what a BOM says",
        ),
        of.value(
            "chunk-rows",
            number(load.chunk_rows),
            number(file.chunk_rows),
            &limits::CHUNK_ROWS_DEFAULT.to_string(),
        ),
        of.value(
            "chunk-bytes",
            number(load.chunk_bytes),
            number(file.chunk_bytes),
            &limits::CHUNK_BYTES_MAX.to_string(),
        ),
        of.value(
            "parallel",
            number(load.parallel),
            number(file.parallel),
            &limits::JOBS_PARALLEL_DEFAULT.to_string(),
        ),
        of.value("api", word(load.api), file.api.clone(), "auto"),
        of.value(
            "group-by",
            load.group_by.clone(),
            file.group_by.clone(),
            "a parent that rows share",
        ),
        of.value("runs-dir", shown(&load.runs_dir), shown(&file.runs_dir), RUNS_DIR),
        of.value("run-name", load.run_name.clone(), None, "from the time"),
        of.value("success", shown(&load.success), None, "no copy"),
        of.value("error", shown(&load.error), None, "no copy"),
        of.value("verify-after", load.verify_after.then(|| "true".to_owned()), None, "false"),
        of.value(
            "max-failed",
            load.confirm.max_failed.map(|limit| limit.to_string()),
            project.policy.max_failed.map(|limit| limit.to_string()),
            "no limit",
        ),
        of.value(
            "api-budget",
            load.confirm.api_budget.map(|budget| budget.to_string()),
            project.policy.api_budget.map(|budget| budget.to_string()),
            "all but 20% of a day",
        ),
    ];
    if takes_nulls(operation) {
        all.push(of.value("nulls", word(extra.nulls), file.nulls.clone(), "ignore"));
        let given = extra.skip_unchanged.then(|| "true".to_owned());
        all.push(of.value("skip-unchanged", given, None, "false"));
    }
    if !matches!(operation, Operation::Insert | Operation::Undelete) {
        let deletes = matches!(operation, Operation::Delete | Operation::HardDelete);
        let otherwise = if deletes { "on" } else { "off" };
        let in_file = file.before_images.clone();
        all.push(of.value("before-images", word(extra.before_images), in_file, otherwise));
    }
    if let Some(field) = extra.external_id {
        all.push(of.value("external-id", Some(field.to_owned()), None, ""));
    }
    all
}

/// For people: a table.
pub fn screen(settings: &[Setting], paint: Paint) -> String {
    let columns = [Column::Left("value of"), Column::Left("is"), Column::Left("from")];
    let row = |s: &Setting| vec![s.name.to_owned(), s.value.clone(), s.origin.clone()];
    table(&columns, &settings.iter().map(row).collect::<Vec<_>>(), paint)
}

struct Origins<'a> {
    load: &'a Load,
}

impl Origins<'_> {
    /// Flag before environment before project file before default.
    fn value(
        &self,
        name: &'static str,
        given: Option<String>,
        in_file: Option<String>,
        otherwise: &str,
    ) -> Setting {
        let (value, origin) = match (given, in_file) {
            (Some(value), _) => (value, self.given(name)),
            (None, Some(value)) => (value, FILE_NAME.to_owned()),
            (None, None) => (otherwise.to_owned(), "default".to_owned()),
        };
        Setting { name, value, origin }
    }

    /// Where nothing is said, what holds follows from the operation and the object.
    fn on_duplicate(&self, operation: Operation, object: &str, in_file: Option<String>) -> Setting {
        let unasked = unasked(operation, object);
        let otherwise = match unasked {
            Unasked::Refuse => "refuse",
            Unasked::Send => "send",
            Unasked::NoKey => "none: rows have no key",
        };
        let given = word(self.load.on_duplicate);
        let is_said = given.is_some() || in_file.is_some();
        let mut setting = self.value("on-duplicate", given, in_file, otherwise);
        if is_said && unasked == Unasked::NoKey {
            setting.value.push_str(", of no effect: rows have no key");
        }
        setting
    }

    fn given(&self, name: &str) -> String {
        let id = name.replace('-', "_");
        if self.load.from_environment.contains(&id) {
            format!("environment, LONGSHORE_{}", id.to_uppercase())
        } else {
            format!("flag, --{name}")
        }
    }

    /// Object and file, which may be words that stand by themselves.
    fn words(&self) -> (Setting, Setting) {
        let load = self.load;
        let words = load.words();
        let one_is_file = words.len() == 1 && load.sobject.is_some();
        let (object, file) = match (&*words, one_is_file) {
            ([file], true) => (None, Some(*file)),
            ([object, file, ..], _) => (Some(*object), Some(*file)),
            ([object], false) => (Some(*object), None),
            ([], _) => (None, None),
        };
        let setting = |name, word: Option<&str>, flag: &Option<String>| match (word, flag) {
            (Some(word), _) => Setting { name, value: word.to_owned(), origin: "typed".to_owned() },
            (None, flag) => self.value(name, flag.clone(), None, "not given"),
        };
        (setting("sobject", object, &load.sobject), setting("file", file, &load.file))
    }
}

fn word<T: ValueEnum>(value: Option<T>) -> Option<String> {
    Some(value?.to_possible_value()?.get_name().to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::args::Args;

    /// Flags that say how a load is told, or answer questions, and give it no value.
    const OF_MANNERS: [&str; 13] = [
        "first_word",
        "second_word",
        "yes",
        "confirm_org",
        "confirm_rows",
        "json",
        "log_format",
        "verbose",
        "color",
        "quiet",
        "no_progress",
        "output",
        "explain",
    ];

    #[test]
    fn no_flag_of_a_load_is_left_unexplained() {
        let extra = Extra { external_id: Some("Ext__c"), ..Extra::default() };
        let project = Project::default();
        let told = settings(Operation::Upsert, &Load::default(), extra, &project);
        let command = Args::command();
        let plan = command.find_subcommand("plan").and_then(|plan| plan.find_subcommand("upsert"));
        let flags = plan.unwrap().get_arguments().map(|arg| arg.get_id().as_str().to_owned());
        let unexplained: Vec<String> = flags
            .filter(|id| !OF_MANNERS.contains(&id.as_str()))
            .filter(|id| !told.iter().any(|setting| setting.name.replace('-', "_") == *id))
            .collect();
        assert!(unexplained.is_empty(), "{unexplained:?}");
    }
}
