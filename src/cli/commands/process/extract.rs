//! The extracts of `process`.

use std::cell::Cell;

use super::ending::{DONE, Ended, OPERATION, Stopped};
use super::files;
use super::folder::Folder;
use super::sign_in::Way;
use crate::cli::args::Process;
use crate::cli::commands::print;
use crate::cli::session::Session;
use crate::cli::shell::Shell;
use crate::cli::signals;
use crate::model::failure::{Blame, Failure};
use crate::pipeline::event::Event;
use crate::pipeline::export::{Destination, Exported, export, goes_on};
use crate::report::figures::{bytes, counted, path, time};
use crate::target::{ExportQuery, ExportRequest};

/// Writes the rows of the process's query to its file.
pub async fn extract(
    folder: &Folder,
    all: bool,
    args: &Process,
    shell: &Shell,
    session: &Session<'_>,
) -> Result<Ended, Stopped> {
    if args.resume {
        let message = "an extract is gone on with by itself, and `--resume` is for loads";
        return Err(Failure::new(Blame::Request, message).hint("leave it out").into());
    }
    let request = ExportRequest { query: query(folder)?, all };
    if let Some(key) = unkept(folder) {
        let message = format!("`{key}` is not kept by an extract yet");
        return Err(Failure::new(Blame::Request, message).into());
    }
    let output = shell.dir.join(&folder.job.data);
    let way = Way::of(folder, args, shell)?;
    session.listen()?;
    let (watch, speaks) = (session.watch(), Cell::new(false));
    let work = async {
        let target = way.connect(session).await?;
        speaks.set(true);
        export(&*target, &request, Destination::File(&output), &*watch).await
    };
    let exported = tokio::select! {
        biased;
        done = work => done,
        () = session.stop().asked() => {
            let failure = signals::interrupted("the extract was interrupted");
            Err(match goes_on(&output) {
                Some(hint) => failure.hint(hint),
                None => failure,
            })
        }
    };
    let exported = match exported {
        Ok(exported) => exported,
        Err(failure) if speaks.get() => return Err(Stopped::of_operation(failure)),
        Err(failure) => return Err(failure.into()),
    };
    if let Err(failure) = files::write_last_run(folder, &shell.dir, (shell.now)(), None) {
        session.see(&Event::Notice { message: failure.message });
    }
    tell(folder, &request, exported, args, shell)?;
    Ok(Ended { summary: None, code: DONE })
}

/// A key that says something of the file's form that is not done.
fn unkept(folder: &Folder) -> Option<&'static str> {
    let job = &folder.job;
    [
        ("process.mappingFile", job.mapping.is_some()),
        ("process.enableExtractStatusOutput", job.outputs.of_extract),
        ("loader.query.delimiter", job.extract.delimiter != b','),
        ("sfdc.extraction.allCapsHeaders", job.extract.all_caps),
        ("dataAccess.writeCharset", job.text.charset != "utf-8"),
    ]
    .into_iter()
    .find_map(|(key, set)| set.then_some(key))
}

/// The query; what it wants of files is told before anybody signs in.
fn query(folder: &Folder) -> Result<ExportQuery, Stopped> {
    let text = folder.job.query.as_deref().unwrap_or_default();
    if text.contains("({'") || text.contains("( {'") {
        let message = "`sfdc.extractionSOQL` takes the values of its `IN` from a file, which is \
                       not offered here";
        let failure = Failure::new(Blame::Request, message).hint(
            "write the values into the query, or load them into a field of the org and ask for it",
        );
        return Err(Stopped::new(failure, OPERATION));
    }
    Ok(ExportQuery::Soql(text.to_owned()))
}

fn tell(
    folder: &Folder,
    request: &ExportRequest,
    exported: Exported,
    args: &Process,
    shell: &Shell,
) -> Result<(), Failure> {
    let (length, file) = ((shell.elapsed)(), shell.dir.join(&folder.job.data));
    if args.manners.json {
        let ExportQuery::Soql(query) = &request.query else { return Ok(()) };
        let document = serde_json::json!({
            "status": "succeeded", "exit_code": DONE, "operation": folder.job.action.word(),
            "query": query, "rows": exported.rows, "bytes": exported.bytes, "file": file,
            "seconds": length.as_secs_f64(),
        });
        return print(&shell.out, &format!("{document}\n"));
    }
    if args.progress.quiet {
        return Ok(());
    }
    let (rows, size) = (counted(exported.rows, "row"), bytes(exported.bytes));
    let file = path(&file, &shell.dir);
    print(&shell.out, &format!("{rows} ({size}) written to {file} in {}\n", time(length)))
}
