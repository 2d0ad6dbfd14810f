//! The command line: arguments, one file for each command, how failures look, exit codes.

pub mod args;
pub mod browser;
pub mod commands;
pub mod failure;
pub mod inprocess;
pub mod log;
pub mod org;
#[cfg(test)]
mod reference;
pub mod resolve;
pub mod salesforce_cli;
pub mod session;
pub mod shell;
pub mod signals;
pub mod survey;
pub mod table;
pub mod web_login;

use std::ffi::OsString;

use args::{Args, Color, Command};
use commands::load::Asked;
use shell::Shell;

use crate::faults;
use crate::model::failure::{Blame, Failure};
use crate::model::limits::STEPS_PARALLEL;
use crate::model::operation::Operation;
use crate::report::say;

/// Reads the command line. `Err` is an exit code: the help was asked for and has been given, or the
/// usage is wrong and that has been said.
pub fn parse<I, T>(words: I, shell: &Shell) -> Result<Args, u8>
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
    let json = words.iter().any(|word| word == "--json");
    let is_process = args::is_process(&words);
    Args::read(words).map_err(|error| match answer(&error, json, shell) {
        0 => 0,
        // Data Loader's own.
        _ if is_process => commands::process::BAD_USAGE,
        code => code,
    })
}

/// Installs the log that the command asks for.
pub fn install_log(args: &Args, shell: &Shell) {
    if let Some(manners) = args.manners() {
        log::install(manners, shell);
    }
}

/// Carries out the command and returns the exit code; what went wrong has been said.
pub fn run(args: &Args, shell: &Shell) -> u8 {
    match carry_out(args, shell) {
        Ok(code) => code,
        Err(failure) => {
            let color = args.manners().map_or(Color::Auto, |manners| manners.color);
            commands::tell(shell, &failure::text(&failure, shell.err_paint(color)));
            failure.blame.exit_code()
        }
    }
}

fn carry_out(args: &Args, shell: &Shell) -> Result<u8, Failure> {
    faults::order(shell.environment.get(faults::VARIABLE))
        .map_err(|error| Failure::new(Blame::Request, error.to_string()))?;
    match &args.command {
        Command::Completions { shell: kind } => {
            return commands::completions::completions(*kind, shell);
        }
        Command::Man => return commands::completions::man(shell),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(blocking_threads(&args.command))
        .enable_all()
        .build();
    let runtime = runtime
        .map_err(|error| Failure::new(Blame::Run, format!("cannot start threads: {error}")))?;
    let result = runtime.block_on(async {
        signals::outlive_file_limits();
        dispatch(&args.command, shell).await
    });
    // Whatever still runs after an interruption must not hold up the end.
    runtime.shutdown_background();
    result
}

/// Every thread brings an arena of its own; intake and settle hold one each for long, of each load
/// that runs beside others.
fn blocking_threads(command: &Command) -> usize {
    match command {
        Command::Run(_) | Command::Resume(_) => 6 + 2 * STEPS_PARALLEL,
        _ => 6,
    }
}

async fn dispatch(command: &Command, shell: &Shell) -> Result<u8, Failure> {
    use commands::{
        apply, check, describe, export, import, load, objects, org, perms, plan, practice, process,
        report, resume, retry, run, runs, undo, verify,
    };
    match command {
        Command::Insert(args) => load::load(&args.into(), shell).await,
        Command::Update(args) => load::load(&args.into(), shell).await,
        Command::Upsert(args) => load::load(&args.into(), shell).await,
        Command::Delete(args) => load::load(&Asked::delete(args, Operation::Delete), shell).await,
        Command::HardDelete(args) => {
            load::load(&Asked::delete(args, Operation::HardDelete), shell).await
        }
        Command::Undelete(args) => load::load(&args.into(), shell).await,
        Command::Check(args) => {
            documented(check::check(args, shell).await, args.load.manners.json, shell)
        }
        Command::Plan(args) => {
            documented(plan::plan(args, shell).await, args.manners().json, shell)
        }
        Command::Apply(args) => apply::apply(args, shell).await,
        Command::Run(args) => run::run(args, shell).await,
        Command::Resume(args) => resume::resume(args, shell).await,
        Command::Retry(args) => retry::retry(args, shell).await,
        Command::Undo(args) => documented(undo::undo(args, shell).await, args.manners.json, shell),
        Command::Perms(args) => perms::perms(args, shell).await,
        Command::Export(args) => {
            documented(export::export(args, shell).await, args.manners.json, shell)
        }
        Command::Process(args) => process::process(args, shell).await,
        Command::Import(args) => {
            documented(import::import(args, shell), args.manners().json, shell)
        }
        Command::Objects(args) => {
            documented(objects::objects(args, shell).await, args.manners.json, shell)
        }
        Command::Describe(args) => {
            documented(describe::describe(args, shell).await, args.manners.json, shell)
        }
        Command::Verify(args) => documented(verify::verify(args, shell), args.manners.json, shell),
        Command::Report(args) => documented(report::report(args, shell), args.manners.json, shell),
        Command::Diff(args) => documented(report::diff(args, shell), args.manners.json, shell),
        Command::Runs(args) => documented(runs::runs(args, shell), args.manners().json, shell),
        Command::Org(args) => documented(org::org(args, shell).await, args.manners().json, shell),
        Command::Practice(args) => practice::practice(args, shell).await,
        Command::Completions { .. } | Command::Man => Ok(0),
    }
}

/// With `--json` a failure is a document too.
fn documented(result: Result<u8, Failure>, json: bool, shell: &Shell) -> Result<u8, Failure> {
    if let (Err(failure), true) = (&result, json) {
        commands::print(&shell.out, &failure::document(failure))?;
    }
    result
}

/// Gives help, or says what is wrong with the usage; returns the exit code.
fn answer(error: &clap::Error, json: bool, shell: &Shell) -> u8 {
    let help = !error.use_stderr();
    let (sink, paint) = if help {
        (&shell.out, shell.out_paint(Color::Auto))
    } else {
        (&shell.err, shell.err_paint(Color::Auto))
    };
    let text = error.render();
    let text = if paint.on { text.ansi().to_string() } else { text.to_string() };
    let code = if help { 0 } else { Blame::Request.exit_code() };
    let said = say(sink, &text);
    if json && !help {
        let message = error.render().to_string();
        let first = message.lines().next().unwrap_or_default();
        let first = first.strip_prefix("error: ").unwrap_or(first);
        let failure =
            Failure::new(Blame::Request, first).hint("`longshore --help` shows the usage");
        return commands::print(&shell.out, &failure::document(&failure))
            .map_or_else(|failure| failure.blame.exit_code(), |()| code);
    }
    said.map_or(Blame::Disk.exit_code(), |()| code)
}

#[cfg(test)]
mod tests;
