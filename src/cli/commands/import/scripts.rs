//! The files of a process: its mapping, a shell script, a Windows command file.

use super::Made;
use crate::config::dataloader::translate::{Word, batch_line, posix_line};

/// Names and texts of the files.
pub(super) fn files(made: &Made) -> Vec<(String, String)> {
    let job = &made.job;
    if job.command.is_empty() {
        return Vec::new();
    }
    let mapping = job.mapping.as_ref().map(|text| ("toml", mapping(text)));
    let batch = batch_line(&job.command).map(|line| ("cmd", batch(&line)));
    let posix = ("sh", posix(&posix_line(&job.command), &job.command));
    let all = mapping.into_iter().chain([posix]).chain(batch);
    all.map(|(ending, text)| (format!("{}.{ending}", made.stem), text)).collect()
}

fn mapping(text: &str) -> String {
    format!("# Made by `longshore import data-loader`.\n{text}")
}

fn posix(line: &str, words: &[Word]) -> String {
    let beside = words.iter().any(|word| matches!(word, Word::Beside(_)));
    let here = if beside { "here=$(dirname -- \"$0\")\n" } else { "" };
    format!(
        "#!/bin/sh\n\
         # Made by `longshore import data-loader`; import.md says what is different here.\n\
         # Further words are handed on, such as --confirm-org NAME.\n\
         {here}exec {line} \"$@\"\n"
    )
}

fn batch(line: &str) -> String {
    // Command files are read in an old code page unless they say otherwise.
    let page = if line.is_ascii() { "" } else { "chcp 65001 >nul\n" };
    let text = format!(
        "@echo off\n\
         rem Made by longshore import data-loader; import.md says what is different here.\n\
         rem Further words are handed on, such as --confirm-org NAME.\n\
         {page}{line} %*\n\
         exit /b %ERRORLEVEL%\n"
    );
    text.replace('\n', "\r\n")
}
