//! `process`: a process of Data Loader, run from its configuration folder as it is.
//!
//! The words, the files and the exit codes are Data Loader's; what sends the rows is ours.

mod encrypt;
mod ending;
mod files;
mod folder;
mod load;
mod sign_in;
mod unattended;

use super::{print, tell};
use crate::cli::args::Process;
use crate::cli::failure;
use crate::cli::session::Session;
use crate::cli::shell::Shell;
use crate::config::dataloader::settings::Action;
use crate::model::failure::{Blame, Failure};
use crate::pipeline::event::Event;
use crate::report::summary;

use ending::Stopped;
use folder::Folder;

/// The exit code of a command line that cannot be used.
pub const BAD_USAGE: u8 = ending::CLIENT;

const USAGE: &str = "longshore process CONFDIR [PROCESS] [KEY=VALUE]…";

/// Runs a process and returns an exit code of Data Loader; what went wrong has been said.
pub async fn process(args: &Process, shell: &Shell) -> Result<u8, Failure> {
    let result = if is_encryption(args) {
        encrypt::encrypt(args, shell).map(|()| ending::DONE).map_err(Stopped::from)
    } else {
        Box::pin(run(args, shell)).await
    };
    Ok(result.unwrap_or_else(|stopped| {
        let paint = shell.err_paint(args.manners.color);
        tell(shell, &failure::text(&stopped.failure, paint));
        stopped.code
    }))
}

fn is_encryption(args: &Process) -> bool {
    args.encrypt || args.words.iter().any(|word| word == "run.mode=encrypt")
}

async fn run(args: &Process, shell: &Shell) -> Result<u8, Stopped> {
    let mut session = Session::begin(shell, &args.manners, &args.progress);
    let folder = Folder::open(args, shell);
    let result = match &folder {
        Ok(folder) => {
            for notice in &folder.notices {
                session.see(&Event::Notice { message: notice.clone() });
            }
            carry_out(folder, args, shell, &mut session).await
        }
        Err(stopped) => Err(stopped.again()),
    };
    session.close();
    match result {
        Ok(ended) => {
            if let Some(summary) = &ended.summary {
                session.tell(summary)?;
            }
            Ok(ended.code)
        }
        Err(stopped) => {
            if args.manners.json {
                let folder = folder.as_ref().ok();
                let (word, object) = folder.map_or(("process", ""), |folder| {
                    let job = &folder.job;
                    (job.action.word(), job.object.as_deref().unwrap_or_default())
                });
                let alias = args.connect.target_org.as_deref().unwrap_or_default();
                let mut told = failure::summary(&stopped.failure, word, object, alias, shell);
                told.exit_code = stopped.code;
                print(&shell.out, &summary::document(&told))?;
            }
            Err(stopped)
        }
    }
}

async fn carry_out(
    folder: &Folder,
    args: &Process,
    shell: &Shell,
    session: &mut Session<'_>,
) -> Result<ending::Ended, Stopped> {
    match folder.job.action {
        Action::Load(operation) => {
            Box::pin(load::load(folder, operation, args, shell, session)).await
        }
        Action::Extract { .. } => {
            let message = "extracts are not offered by `process` yet";
            Err(Failure::new(Blame::Request, message)
                .hint("`longshore export \"SELECT …\" --output FILE` writes one")
                .into())
        }
    }
}
