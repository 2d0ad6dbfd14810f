//! How a failure looks, for people and for programs.

use std::fmt::Write;

use serde_json::json;

use super::shell::Shell;
use crate::model::failure::{Blame, Failure};
use crate::model::verdict::Counts;
use crate::pipeline::event::{
    Status, Summary, SummaryApi, SummaryFailure, SummaryFiles, SummaryOrg,
};
use crate::report::figures::escape_lines;
use crate::report::paint::Paint;

/// `error: …`, the causes, a blank line, and a `hint: …` for each way out.
pub fn text(failure: &Failure, paint: Paint) -> String {
    let mut text = format!("{} {}\n", paint.red("error:"), escape_lines(&failure.message, 2));
    for cause in &failure.causes {
        writeln!(text, "  because {}", escape_lines(cause, 4)).unwrap_or_default();
    }
    if !failure.hints.is_empty() {
        text.push('\n');
    }
    for hint in &failure.hints {
        writeln!(text, "{} {}", paint.cyan("hint:"), escape_lines(hint, 2)).unwrap_or_default();
    }
    text
}

/// A failure that a person may pass, as a question.
pub fn question(doubt: &Failure, prompt: &str, paint: Paint) -> String {
    let told = text(doubt, Paint::PLAIN);
    let told = told.strip_prefix("error:").unwrap_or(&told);
    format!("{}{told}{prompt}", paint.yellow("warning:"))
}

/// How a run ended that has no summary of its own.
fn status(failure: &Failure) -> Status {
    match failure.blame {
        Blame::Interrupted => Status::Interrupted,
        _ => Status::Refused,
    }
}

/// The members that a failure adds to a document.
fn members(failure: &Failure) -> SummaryFailure {
    SummaryFailure { message: failure.message.clone(), hints: failure.hints.clone() }
}

/// The document of a command that did not get as far as having one of its own.
pub fn document(failure: &Failure) -> String {
    let document = json!({
        "status": status(failure), "exit_code": failure.blame.exit_code(),
        "failure": members(failure),
    });
    format!("{document}\n")
}

/// The summary of a load that was refused before there was a run.
pub fn summary(
    failure: &Failure,
    operation: &str,
    object: &str,
    alias: &str,
    shell: &Shell,
) -> Summary {
    Summary {
        run: String::new(),
        run_dir: "".into(),
        status: status(failure),
        exit_code: failure.blame.exit_code(),
        operation: operation.to_owned(),
        object: object.to_owned(),
        org: SummaryOrg { alias: alias.to_owned(), ..SummaryOrg::default() },
        rows: Counts::default(),
        jobs: Vec::new(),
        errors: Vec::new(),
        api: SummaryApi::default(),
        seconds: (shell.elapsed)().as_secs_f64(),
        files: SummaryFiles::default(),
        preview: None,
        steps: Vec::new(),
        resume: None,
        failure: Some(members(failure)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::folded;

    fn sample() -> Failure {
        Failure::new(Blame::Request, "accounts.csv:3:7: the quote is never closed\nerror: fake")
            .cause("line 3 has \u{1b}[31m in it")
            .hint("close the quote, or double it")
            .hint("or skip the row with `--skip`")
    }

    #[test]
    fn people_read_the_error_its_causes_and_the_ways_out() {
        insta::assert_snapshot!(text(&sample(), Paint::PLAIN), @r#"
        error: accounts.csv:3:7: the quote is never closed
          error: fake
          because line 3 has \u{1b}[31m in it

        hint: close the quote, or double it
        hint: or skip the row with `--skip`
        "#);
        let short = text(&Failure::new(Blame::Run, "no"), Paint { on: true });
        assert_eq!(short, "\u{1b}[1;31merror:\u{1b}[0m no\n");
    }

    #[test]
    fn programs_read_a_document() {
        insta::assert_snapshot!(folded(&document(&sample())), @r#"
        {"status":"refused","exit_code":2,"failure":{"message":"accounts.csv:3:7: the quote
            ~ is never closed\nerror: fake","hints":["close the quote, or double it","or
            ~ skip the row with `--skip`"]}}
        "#);
        let stopped = Failure::new(Blame::Interrupted, "stopped");
        assert!(document(&stopped).starts_with(r#"{"status":"interrupted","exit_code":130"#));
    }
}
