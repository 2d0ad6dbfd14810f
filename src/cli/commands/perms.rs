//! `perms grant`, `perms revoke`, `perms sync`, `perms report`.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;

use super::{print, tell};
use crate::cli::args::{ChangePerms, Load, Perms, ReportPerms, SyncScope, Who};
use crate::cli::failure;
use crate::cli::org::Choice;
use crate::cli::resolve::{self, Extra, Faults};
use crate::cli::session::{Asking, Session};
use crate::cli::shell::{Shell, Through};
use crate::config::plan::Source;
use crate::config::project::Defaults;
use crate::model::cells::push_line;
use crate::model::failure::{Blame, Failure};
use crate::model::operation::Operation;
use crate::perms::{self, Action, Ended, Preview, REVIEW, Reported, Request, Scope, WhoField};
use crate::pipeline::event::Watch;
use crate::pipeline::settle::ResultWriter;
use crate::report::figures::{count, counted, escape, path};
use crate::target::Target;

/// What a refusal names, before the kind of org is known.
const OBJECT: &str = "PermissionSetAssignment";

/// One of the three changes, as it was asked for.
struct Asked<'a> {
    action: Action,
    change: &'a ChangePerms,
    scope: SyncScope,
    copy_from: Option<&'a str>,
    everything: bool,
    expires: Option<&'a str>,
}

/// Carries out one of the four; the exit code is that of its end.
pub async fn perms(args: &Perms, shell: &Shell) -> Result<u8, Failure> {
    let scope = SyncScope::default();
    let asked = match args {
        Perms::Grant(grant) => Asked {
            action: Action::Grant,
            change: &grant.change,
            scope,
            copy_from: grant.copy_from.as_deref(),
            everything: false,
            expires: grant.expires.as_deref(),
        },
        Perms::Revoke(revoke) => Asked {
            action: Action::Revoke,
            change: &revoke.change,
            scope,
            copy_from: None,
            everything: revoke.everything,
            expires: None,
        },
        Perms::Sync(sync) => Asked {
            action: Action::Sync,
            change: &sync.change,
            scope: sync.scope,
            copy_from: None,
            everything: false,
            expires: sync.expires.as_deref(),
        },
        Perms::Report(args) => {
            let reported = report(args, shell).await;
            return super::super::documented(reported, args.manners.json, shell);
        }
    };
    change(&asked, shell).await
}

async fn change(asked: &Asked<'_>, shell: &Shell) -> Result<u8, Failure> {
    let ChangePerms { manners, progress, .. } = asked.change;
    let session = Session::begin(shell, manners, progress);
    let ended = carried(asked, shell, &session).await;
    let refused = |failure: &Failure| {
        let alias = asked.change.connect.target_org.as_deref().unwrap_or_default();
        let (operation, object) = (asked.action.operation(), OBJECT);
        failure::summary(failure, operation, object, alias, shell)
    };
    let summary = match ended {
        Ok(Ended::Previewed(preview)) => {
            session.close();
            return previewed(*preview, asked, shell);
        }
        Ok(Ended::Carried(summary)) => Ok(*summary),
        Err(failure) => Err(failure),
    };
    let review = summary.as_ref().ok().map(|summary| summary.run_dir.join("out").join(REVIEW));
    let code = session.end(summary, refused)?;
    if let Some(review) = review.filter(|_| !manners.json && !progress.quiet) {
        print(&shell.out, &format!("who has what now: {}\n", path(&review, &shell.dir)))?;
    }
    Ok(code)
}

async fn carried(
    asked: &Asked<'_>,
    shell: &Shell,
    session: &Session<'_>,
) -> Result<Ended, Failure> {
    let defaults = Defaults::read(&shell.dir)?;
    let alias = resolve::target_org(asked.change.connect.target_org.as_deref(), &defaults);
    let choice = Choice::of(alias, &shell.environment);
    let request = request(asked, &defaults);
    let (mut request, choice) = match (request, choice) {
        (Ok(request), Ok(choice)) => (request, choice),
        (Err(Faults(mut faults)), Err(fault)) => {
            faults.push(fault);
            return Err(Faults(faults).into());
        }
        (Err(faults), Ok(_)) => return Err(faults.into()),
        (Ok(_), Err(fault)) => return Err(fault),
    };
    request.passing_org = choice.is_passing();
    session.listen()?;
    let work = async {
        let target = session.connect(choice).await?;
        let input_is_stdin =
            request.input.as_ref().is_some_and(|input| input.source == Source::Stdin);
        let tools = session.tools(Asking { confirm: &asked.change.confirm, input_is_stdin })?;
        Box::pin(perms::carry_out(request, target, choice.alias().to_owned(), tools)).await
    };
    session.within(work).await
}

/// Checks what was typed; all that is wrong is told at once.
fn request(asked: &Asked<'_>, defaults: &Defaults) -> Result<Request, Faults> {
    let change = asked.change;
    let mut faults = Vec::new();
    let mut fault = |message: &str, hint: &str| {
        faults.push(Failure::new(Blame::Request, message).hint(hint));
    };
    let named = !change.permission_set.is_empty() || !change.permission_set_group.is_empty();
    match (&change.file, &change.condition) {
        (Some(_), Some(_)) => fault("a file and `--where` both say who", "leave one of them out"),
        (None, None) => fault(
            "neither a file nor `--where` says who",
            "`longshore perms grant FILE`, or `--where CONDITION --permission-set NAME`",
        ),
        (None, Some(_)) if !named && asked.copy_from.is_none() && !asked.everything => fault(
            "`--where` says who, and nothing says which permission",
            "name it with `--permission-set NAME`",
        ),
        _ => {}
    }
    if asked.copy_from.is_some() && named {
        fault(
            "`--copy-from` and `--permission-set` both say which permission",
            "leave one of them out",
        );
    }
    if asked.everything && named {
        fault(
            "`--everything` and `--permission-set` both say which permission",
            "leave one of them out",
        );
    }
    // The flags that loads have too are checked as theirs are.
    let load = Load {
        sobject: Some(OBJECT.to_owned()),
        file: change.file.clone().or_else(|| Some("-".to_owned())),
        column_delimiter: change.column_delimiter,
        encoding: change.encoding.clone(),
        runs_dir: change.place.runs_dir.clone(),
        run_name: change.run_name.clone(),
        ..Load::default()
    };
    let plan = resolve::load_plan(Operation::Insert, &load, Extra::default(), defaults);
    let plan = match (plan, faults.is_empty()) {
        (Ok(plan), true) => plan,
        (Ok(_), false) => return Err(Faults(faults)),
        (Err(Faults(more)), _) => {
            faults.extend(more);
            return Err(Faults(faults));
        }
    };
    let matching: Vec<WhoField> = change.matching.iter().copied().map(who).collect();
    Ok(Request {
        action: asked.action,
        scope: match asked.scope {
            SyncScope::ListedPermissions => Scope::ListedPermissions,
            SyncScope::ListedUsers => Scope::ListedUsers,
        },
        input: change.file.is_some().then_some(plan.input),
        condition: change.condition.clone(),
        sets: change.permission_set.clone(),
        groups: change.permission_set_group.clone(),
        copy_from: asked.copy_from.map(str::to_owned),
        everything: asked.everything,
        expires: asked.expires.map(str::to_owned),
        matching: if matching.is_empty() { WhoField::ALL.to_vec() } else { matching },
        runs_dir: plan.runs_dir,
        run_name: plan.run_name,
        review: change.review.clone(),
        dry_run: change.dry_run,
        passing_org: false,
    })
}

fn who(word: Who) -> WhoField {
    match word {
        Who::Username => WhoField::Username,
        Who::Email => WhoField::Email,
        Who::UserId => WhoField::UserId,
        Who::FederationIdentifier => WhoField::FederationIdentifier,
        Who::EmployeeNumber => WhoField::EmployeeNumber,
    }
}

/// Writes who has what; the exit code is 3 when some name in the file means nobody or nothing.
async fn report(args: &ReportPerms, shell: &Shell) -> Result<u8, Failure> {
    let to_stdout = args.output.as_os_str() == "-";
    if args.manners.json && to_stdout {
        let message = "`--json` and the rows cannot both go to standard output";
        return Err(Failure::new(Blame::Request, message)
            .hint("name a file for the rows with `--output FILE`"));
    }
    let session = Session::begin(shell, &args.manners, &args.progress);
    let reported = reported(args, shell, &session, to_stdout).await;
    session.close();
    let reported = reported?;
    let code = if reported.unclear_in_all > 0 { 3 } else { 0 };
    if args.manners.json {
        let document = json!({
            "status": if code == 0 { "succeeded" } else { "partial" }, "exit_code": code,
            "operation": "perms report", "rows": reported.rows, "file": args.output,
            "unclear": reported.unclear_in_all,
        });
        print(&shell.out, &format!("{document}\n"))?;
    } else if !args.progress.quiet {
        for message in &reported.unclear {
            tell(shell, &format!("notice: not reported: {}\n", escape(message)));
        }
        let more = reported.unclear_in_all.saturating_sub(reported.unclear.len() as u64);
        if more > 0 {
            tell(shell, &format!("notice: and {} more\n", count(more)));
        }
        let file =
            if to_stdout { "standard output".into() } else { path(&args.output, &shell.dir) };
        tell(shell, &format!("{} written to {file}\n", counted(reported.rows, "grant")));
    }
    Ok(code)
}

async fn reported(
    args: &ReportPerms,
    shell: &Shell,
    session: &Session<'_>,
    to_stdout: bool,
) -> Result<Reported, Failure> {
    let defaults = Defaults::read(&shell.dir)?;
    let alias = resolve::target_org(args.connect.target_org.as_deref(), &defaults);
    let choice = Choice::of(alias, &shell.environment)?;
    let load = Load {
        sobject: Some(OBJECT.to_owned()),
        file: args.file.clone().or_else(|| Some("-".to_owned())),
        ..Load::default()
    };
    let plan = resolve::load_plan(Operation::Insert, &load, Extra::default(), &defaults)?;
    let input = args.file.is_some().then_some(plan.input);
    session.listen()?;
    let work = async {
        let target = session.connect(choice).await?;
        let (columns, watch) = (perms::report_columns(target.kind()), session.watch());
        if to_stdout {
            let mut out = Through(Arc::clone(&shell.out));
            let mut line = Vec::new();
            push_line(&mut line, columns.iter().map(|name| name.as_bytes()));
            pass_on(&mut out, &line)?;
            return perms::report(
                &*target,
                input.as_ref(),
                (None, &*watch as &dyn Watch),
                |cells| {
                    line.clear();
                    push_line(&mut line, cells.iter().map(|cell| cell.as_bytes()));
                    pass_on(&mut out, &line)
                },
            )
            .await;
        }
        let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        let (folder, name) = place_of(&args.output)?;
        let mut file = ResultWriter::begin(folder, name, &columns, &[])?;
        let place = (Some(args.output.as_path()), &*watch as &dyn Watch);
        let reported = perms::report(&*target, input.as_ref(), place, |cells| {
            file.push(cells.iter().map(|cell| cell.as_bytes()))
        })
        .await?;
        file.finish()?;
        Ok(reported)
    };
    session.within(Box::pin(work)).await
}

/// A reader that went away is no error.
fn pass_on(out: &mut Through, line: &[u8]) -> Result<(), Failure> {
    match std::io::Write::write_all(out, line) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            let message = format!("cannot write to standard output: {error}");
            Err(Failure::new(Blame::Disk, message))
        }
        _ => Ok(()),
    }
}

/// Folder and name of a file that is to be written.
fn place_of(output: &Path) -> Result<(&Path, &str), Failure> {
    let folder = match output.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let name = output.file_name().and_then(|name| name.to_str());
    name.filter(|_| folder.is_dir() && !output.is_dir()).map(|name| (folder, name)).ok_or_else(
        || {
            let message = format!("`--output {}` is not the path of a file", output.display());
            Failure::new(Blame::Request, message).hint("name a file in a folder there is")
        },
    )
}

/// What would happen; the exit code is 3 when some rows would not be carried out.
fn previewed(preview: Preview, asked: &Asked<'_>, shell: &Shell) -> Result<u8, Failure> {
    let code = if preview.rejected() > 0 { 3 } else { 0 };
    let line = preview.line(asked.action);
    let numbers = preview.counts();
    let groups = preview.into_groups();
    if asked.change.manners.json {
        let document = json!({
            "status": "succeeded", "exit_code": code, "operation": asked.action.operation(),
            "dry_run": true, "preview": numbers, "errors": groups,
        });
        print(&shell.out, &format!("{document}\n"))?;
        return Ok(code);
    }
    let mut text = format!("{line}\n");
    for group in &groups {
        let rows: Vec<String> = group.rows.iter().map(u64::to_string).collect();
        let more = if group.count > group.rows.len() as u64 { ", …" } else { "" };
        let noun = if group.count == 1 { "row" } else { "rows" };
        let (code, rows) = (escape(&group.code), rows.join(", "));
        writeln!(text, "  {} × {code}, {noun} {rows}{more}", count(group.count))
            .unwrap_or_default();
        writeln!(text, "      {}", escape(&group.message)).unwrap_or_default();
    }
    text.push_str("nothing was sent: this is what would happen\n");
    print(&shell.out, &text)?;
    Ok(code)
}
