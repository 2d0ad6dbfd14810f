//! Parse, install the log, run, exit code; no logic.

use std::process::ExitCode;

use longshore::cli;
use longshore::cli::shell::Shell;

fn main() -> ExitCode {
    let shell = Shell::of_process();
    let code = match cli::parse(std::env::args_os(), &shell) {
        Ok(args) => {
            cli::install_log(&args, &shell);
            cli::run(&args, &shell)
        }
        Err(code) => code,
    };
    ExitCode::from(code)
}
