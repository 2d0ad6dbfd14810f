//! `export`: the rows of a query, or of an object, to a CSV file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use super::{print, tell};
use crate::cli::args::Export;
use crate::cli::org::{self, Choice};
use crate::cli::shell::{Shell, Through};
use crate::cli::{resolve, session, signals};
use crate::config::project::Defaults;
use crate::config::styles::{ExportStyle, ExtractColumns};
use crate::model::failure::{Blame, Failure};
use crate::model::names::ObjectName;
use crate::pipeline::event::Watch;
use crate::pipeline::export::{Destination, Exported, export_as, goes_on};
use crate::pipeline::stop::Stop;
use crate::report::Show;
use crate::report::figures::{bytes, counted, path, time};
use crate::target::{ExportQuery, ExportRequest};

/// Carries out an export.
pub async fn export(args: &Export, shell: &Shell) -> Result<u8, Failure> {
    let show = shell.show(&args.manners, &args.progress);
    let result = exported(args, shell, &show).await;
    show.close();
    let exported = result?;
    let length = (shell.elapsed)();
    if args.manners.json {
        let document = json!({
            "status": "succeeded", "exit_code": 0, "operation": "export", "query": args.what,
            "rows": exported.rows, "bytes": exported.bytes, "file": args.output,
            "seconds": length.as_secs_f64(),
        });
        print(&shell.out, &format!("{document}\n"))?;
    } else if !args.progress.quiet {
        let to_stdout = is_stdout(&args.output);
        let file = if to_stdout { PathBuf::from("standard output") } else { args.output.clone() };
        let (rows, size) = (counted(exported.rows, "row"), bytes(exported.bytes));
        let file = path(&file, &shell.dir);
        // Standard output may be the rows themselves, so this goes to standard error.
        tell(shell, &format!("{rows} ({size}) written to {file} in {}\n", time(length)));
    }
    Ok(0)
}

fn is_stdout(output: &Path) -> bool {
    output == Path::new("-")
}

async fn exported(args: &Export, shell: &Shell, show: &Arc<dyn Show>) -> Result<Exported, Failure> {
    let request = ExportRequest { query: query(args)?, all: args.all };
    let style = style(args)?;
    let defaults = Defaults::read(&shell.dir)?;
    let alias = resolve::target_org(args.connect.target_org.as_deref(), &defaults);
    let choice = Choice::of(alias, &shell.environment)?;
    let stop = Stop::new();
    session::listen(&stop, show)?;
    let watch: Arc<dyn Watch> = Arc::clone(show) as Arc<dyn Watch>;
    let mut stdout = Through(Arc::clone(&shell.out));
    let work = async {
        let target = org::connect(choice, shell, Arc::clone(&watch)).await?;
        let to = if is_stdout(&args.output) {
            Destination::Writer(&mut stdout)
        } else {
            Destination::File(&args.output)
        };
        export_as(&*target, &request, &style, to, &*watch).await
    };
    // Dropping the export is the orderly way to stop it: the file keeps its old content.
    tokio::select! {
        biased;
        done = work => done,
        () = stop.asked() => {
            let failure = signals::interrupted("the export was interrupted");
            Err(match goes_on(&args.output) {
                Some(hint) if !is_stdout(&args.output) => failure.hint(hint),
                _ => failure,
            })
        }
    }
}

/// The columns of `--map`, in our own style.
fn style(args: &Export) -> Result<ExportStyle, Failure> {
    let Some(path) = &args.map else { return Ok(ExportStyle::default()) };
    let is_sdl = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("sdl"));
    if !is_sdl {
        let message =
            format!("the mapping of an export is a `.sdl` file, not `{}`", path.display());
        return Err(Failure::new(Blame::Request, message)
            .hint("our own mapping files are for loads; `--fields` chooses columns"));
    }
    let columns = Some(ExtractColumns::read(path)?);
    Ok(ExportStyle { columns, ..ExportStyle::default() })
}

/// Tells a query from an object and checks the flags that go with either.
fn query(args: &Export) -> Result<ExportQuery, Failure> {
    let refuse = |message: String| Failure::new(Blame::Request, message);
    if args.manners.json && is_stdout(&args.output) {
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
        return Ok(ExportQuery::Soql(text.to_owned()));
    }
    let object = ObjectName::parse(text)
        .map_err(|error| refuse(format!("object {error}")).hint("a query begins with `SELECT`"))?;
    let fields = args.fields.as_deref().map_or(Ok(Vec::new()), fields)?;
    Ok(ExportQuery::Object { object, fields, filter: args.condition.clone() })
}

/// The fields of `--fields`, paths such as `Assignee.Username` included; `all` names none.
fn fields(list: &str) -> Result<Vec<String>, Failure> {
    if list.trim().eq_ignore_ascii_case("all") {
        return Ok(Vec::new());
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
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Manners;
    use crate::report::tests::folded;

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
        let text = "select Id\nfrom Account";
        assert_eq!(query(&args(text, None, None)).unwrap(), ExportQuery::Soql(text.to_owned()));
        let account = ObjectName::parse("Account").unwrap();
        for (list, wanted) in [
            (None, vec![]),
            (Some("ALL"), vec![]),
            (Some("Id, Owner.Name"), vec!["Id".to_owned(), "Owner.Name".to_owned()]),
        ] {
            let filter = Some("Name LIKE 'A%'".to_owned());
            let got = query(&args("Account", list, filter.as_deref())).unwrap();
            let object = account.clone();
            assert_eq!(got, ExportQuery::Object { object, fields: wanted, filter }, "{list:?}");
        }
    }

    #[test]
    fn the_mapping_of_an_export_is_one_of_data_loader() {
        let map = |path: &str| Export { map: Some(path.into()), ..args("Account", None, None) };
        assert_eq!(style(&args("Account", None, None)).unwrap(), ExportStyle::default());
        let failure = style(&map("accounts.toml")).unwrap_err();
        assert_eq!(
            failure.message,
            "the mapping of an export is a `.sdl` file, not `accounts.toml`"
        );
        assert!(style(&map("not-there.SDL")).is_err());
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
            let failure = query(&args).unwrap_err();
            format!("{}; {}", failure.message, failure.hints.join("; "))
        });
        insta::assert_snapshot!(folded(&messages.join("\n")), @"
        `--json` and the rows cannot both go to standard output; name a file for the rows
            ~ with `--output FILE`
        `--fields` goes with an object, not with a query; write it into the query
        `--where` goes with an object, not with a query; write it into the query
        object `Accounts please` is not an API name: a letter, then letters, digits and
            ~ underscores; a query begins with `SELECT`
        `--fields`: `Id;Name` is not an API name: a letter, then letters, digits and
            ~ underscores; separate the fields by commas, or say `all`
        `--fields`: `` is not an API name: a letter, then letters, digits and underscores;
            ~ separate the fields by commas, or say `all`
        ");
    }
}
