//! The extracts of `process`.

use std::cell::Cell;

use super::ending::{DONE, Ended, OPERATION, Stopped};
use super::files::{self, Results};
use super::folder::Folder;
use super::load;
use super::sign_in::Way;
use crate::cli::args::Process;
use crate::cli::commands::print;
use crate::cli::session::Session;
use crate::cli::shell::Shell;
use crate::cli::signals;
use crate::config::styles::{ExportStyle, ExtractColumns, ExtractStatus};
use crate::model::failure::{Blame, Failure};
use crate::pipeline::event::Event;
use crate::pipeline::export::{Destination, Exported, export_as};
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
        let message = "an extract is made anew, and `--resume` is for loads";
        return Err(Failure::new(Blame::Request, message).hint("leave it out").into());
    }
    let request = ExportRequest { query: query(folder)?, all };
    let style = style(folder, shell)?;
    let output = shell.dir.join(&folder.job.data);
    let way = Way::of(folder, args, shell)?;
    session.listen()?;
    let (watch, speaks) = (session.watch(), Cell::new(false));
    let work = async {
        let target = way.connect(session).await?;
        speaks.set(true);
        export_as(&*target, &request, &style, Destination::File(&output), &*watch).await
    };
    let exported = tokio::select! {
        biased;
        done = work => done,
        () = session.stop().asked() => {
            Err(signals::interrupted("the extract was interrupted, and its file is as it was"))
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

/// The form of the file, as the settings have it.
fn style(folder: &Folder, shell: &Shell) -> Result<ExportStyle, Stopped> {
    let job = &folder.job;
    let columns = match &job.mapping {
        Some(named) => {
            let path = load::mapping_file(named, shell)?;
            let columns = ExtractColumns::read(&path);
            Some(columns.map_err(|error| Stopped::new(error.into(), OPERATION))?)
        }
        None => None,
    };
    let status = if job.outputs.of_extract {
        Results::make_folder(folder, &shell.dir)?;
        let Results { success, error, .. } = Results::of(folder, &shell.dir, (shell.now)());
        Some(ExtractStatus { success, error })
    } else {
        None
    };
    Ok(ExportStyle {
        text: job.text.clone(),
        delimiter: job.extract.delimiter,
        all_caps: job.extract.all_caps,
        columns,
        keep_unmapped: job.extract.keep_unmapped,
        status,
        ..ExportStyle::data_loader()
    })
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
