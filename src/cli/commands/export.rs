//! `export`: the rows of a query, or of an object, to a CSV file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use super::{load, print, tell};
use crate::cli::args::Export;
use crate::cli::org::{self, Choice};
use crate::cli::shell::Shell;
use crate::cli::{resolve, signals};
use crate::config::project::Defaults;
use crate::model::failure::{Blame, Failure};
use crate::model::names::ObjectName;
use crate::model::schema::{FieldKind, FieldSchema, ObjectSchema};
use crate::pipeline::event::Watch;
use crate::pipeline::export::{ExportPlan, Exported, Output, export as run};
use crate::pipeline::stop::Stop;
use crate::report::Show;
use crate::report::figures::{bytes, counted, path, time};
use crate::target::Target;

/// What is to be exported.
#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Query(String),
    Object { name: ObjectName, fields: Fields, condition: Option<String> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Fields {
    All,
    Named(Vec<String>),
}

/// Carries out an export.
pub async fn export(args: &Export, shell: &Shell) -> Result<u8, Failure> {
    let show = shell.show(&args.manners, &args.progress);
    let result = exported(args, shell, &show).await;
    show.close();
    let (soql, exported) = result?;
    let to_stdout = args.output == Path::new("-");
    let length = (shell.elapsed)();
    if args.manners.json {
        let document = json!({
            "status": "succeeded", "exit_code": 0, "operation": "export", "soql": soql,
            "rows": exported.rows, "bytes": exported.bytes, "file": args.output,
            "seconds": length.as_secs_f64(),
        });
        print(&shell.out, &format!("{document}\n"))?;
    } else if !args.progress.quiet {
        let file = if to_stdout { PathBuf::from("standard output") } else { args.output.clone() };
        let (rows, size) = (counted(exported.rows, "row"), bytes(exported.bytes));
        let file = path(&file, &shell.dir);
        tell(shell, &format!("{rows} ({size}) written to {file} in {}\n", time(length)));
    }
    Ok(0)
}

async fn exported(
    args: &Export,
    shell: &Shell,
    show: &Arc<dyn Show>,
) -> Result<(String, Exported), Failure> {
    let what = what(args)?;
    let defaults = Defaults::read(&shell.dir)?;
    let alias = resolve::target_org(args.connect.target_org.as_deref(), &defaults);
    let choice = Choice::of(alias, &shell.environment)?;
    let output = if args.output == Path::new("-") {
        Output::Writer(Arc::clone(&shell.out))
    } else {
        Output::File(args.output.clone())
    };
    let stop = Stop::new();
    load::listen(&stop, show)?;
    let watch: Arc<dyn Watch> = Arc::clone(show) as Arc<dyn Watch>;
    let work = async {
        let soql_of_target = async {
            let target = org::connect(choice, shell, Arc::clone(&watch)).await?;
            let soql = soql(&what, &*target).await?;
            Ok::<_, Failure>((target, soql))
        };
        let (target, soql) = tokio::select! {
            ready = soql_of_target => ready?,
            () = stop.asked() => return Err(signals::interrupted()),
        };
        let plan = ExportPlan { soql, all: args.all };
        let exported = run(&plan, &*target, output, &*watch, &stop).await?;
        Ok((plan.soql, exported))
    };
    signals::within(&stop, work).await
}

/// Tells a query from an object and checks the flags that go with either.
fn what(args: &Export) -> Result<What, Failure> {
    let refuse = |message: String| Failure::new(Blame::Request, message);
    if args.manners.json && args.output == Path::new("-") {
        return Err(refuse("`--json` and the rows cannot both go to standard output".to_owned())
            .hint("name a file for the rows with `--output FILE`"));
    }
    let text = args.what.trim();
    let first = text.split_whitespace().next().unwrap_or_default();
    if first.eq_ignore_ascii_case("SELECT") {
        for (flag, given) in
            [("--fields", args.fields.is_some()), ("--where", args.condition.is_some())]
        {
            if given {
                let message = format!("`{flag}` goes with an object, not with a query");
                return Err(refuse(message).hint("write it into the query"));
            }
        }
        return Ok(What::Query(text.to_owned()));
    }
    let name = ObjectName::parse(text)
        .map_err(|error| refuse(format!("object {error}")).hint("a query begins with `SELECT`"))?;
    let fields = args.fields.as_deref().map_or(Ok(Fields::All), named)?;
    Ok(What::Object { name, fields, condition: args.condition.clone() })
}

/// The fields of `--fields`; a path such as `Assignee.Username` is one.
fn named(list: &str) -> Result<Fields, Failure> {
    if list.trim().eq_ignore_ascii_case("all") {
        return Ok(Fields::All);
    }
    let names: Vec<String> = list.split(',').map(|name| name.trim().to_owned()).collect();
    for name in &names {
        for part in name.split('.') {
            ObjectName::parse(part).map_err(|error| {
                Failure::new(Blame::Request, format!("`--fields`: {error}"))
                    .hint("separate the fields by commas, or say `all`")
            })?;
        }
    }
    Ok(Fields::Named(names))
}

async fn soql<T: Target>(what: &What, target: &T) -> Result<String, Failure> {
    match what {
        What::Query(soql) => Ok(soql.clone()),
        What::Object { name, fields: Fields::Named(fields), condition } => {
            Ok(select(fields, name.as_str(), condition.as_deref()))
        }
        What::Object { name, fields: Fields::All, condition } => {
            let schema = target.describe(name).await?;
            Ok(select(&all_fields(&schema), &schema.name, condition.as_deref()))
        }
    }
}

fn select(fields: &[String], object: &str, condition: Option<&str>) -> String {
    let fields = fields.join(", ");
    let condition = condition.map(|text| format!(" WHERE {text}")).unwrap_or_default();
    format!("SELECT {fields} FROM {object}{condition}")
}

/// Every field that a CSV can hold: compound fields come in their parts anyway, and the Bulk API has
/// no base64.
fn all_fields(schema: &ObjectSchema) -> Vec<String> {
    let fits = |field: &&FieldSchema| {
        field.kind != FieldKind::Base64
            && !matches!(field.type_name.as_str(), "address" | "location" | "complexvalue")
    };
    schema.fields.iter().filter(fits).map(|field| field.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Manners;
    use crate::cli::commands::describe::tests::sample;

    fn args(what: &str, fields: Option<&str>, condition: Option<&str>) -> Export {
        Export {
            what: what.to_owned(),
            fields: fields.map(str::to_owned),
            condition: condition.map(str::to_owned),
            output: "x.csv".into(),
            ..Export::default()
        }
    }

    #[test]
    fn a_query_is_told_from_an_object() {
        let query = "select Id\nfrom Account";
        assert_eq!(what(&args(query, None, None)).unwrap(), What::Query(query.to_owned()));
        let object = what(&args("Account", Some("Id, Owner.Name"), Some("Name LIKE 'A%'")));
        let What::Object { name, fields: Fields::Named(fields), condition } = object.unwrap()
        else {
            panic!("an object with fields")
        };
        assert_eq!(
            select(&fields, name.as_str(), condition.as_deref()),
            "SELECT Id, Owner.Name FROM Account WHERE Name LIKE 'A%'"
        );
    }

    #[test]
    fn all_fields_are_those_that_fit_a_cell() {
        assert_eq!(all_fields(&sample()), ["Id", "AccountId", "Status__c"]);
    }

    #[test]
    fn faults() {
        let json = Export {
            output: "-".into(),
            manners: Manners { json: true, ..Manners::default() },
            ..args("Account", None, None)
        };
        let cases = [
            json,
            args("SELECT Id FROM Account", Some("all"), None),
            args("SELECT Id FROM Account", None, Some("x")),
            args("Accounts please", None, None),
            args("Account", Some("Id;Name"), None),
            args("Account", Some("Id,"), None),
        ];
        let messages = cases.map(|args| {
            let failure = what(&args).unwrap_err();
            format!("{}; {}", failure.message, failure.hints.join("; "))
        });
        insta::assert_snapshot!(messages.join("\n"), @"
        `--json` and the rows cannot both go to standard output; name a file for the rows with `--output FILE`
        `--fields` goes with an object, not with a query; write it into the query
        `--where` goes with an object, not with a query; write it into the query
        object `Accounts please` is not an API name: a letter, then letters, digits and underscores; a query begins with `SELECT`
        `--fields`: `Id;Name` is not an API name: a letter, then letters, digits and underscores; separate the fields by commas, or say `all`
        `--fields`: `` is not an API name: a letter, then letters, digits and underscores; separate the fields by commas, or say `all`
        ");
    }
}
