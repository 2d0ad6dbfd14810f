//! What became of a folder: a page for people, a screen, a document for programs.

use std::path::Path;

use serde_json::{Value, json};

use super::{Made, Whole};
use crate::cli::table::{Column, table};
use crate::config::dataloader::translate::{Fate, Note, Word, batch_line, posix_line};
use crate::report::figures::escape;
use crate::report::paint::Paint;

/// The fates in the order in which they matter to a reader.
const FATES: [(Fate, &str, &str); 4] = [
    (Fate::Left, "not_carried_over", "Not carried over"),
    (Fate::Changed, "different", "Different here"),
    (Fate::Carried, "carried_over", "Carried over"),
    (Fate::NoUse, "without_effect", "Without effect"),
];

/// What stands in the place of a secret.
const HIDDEN: &str = "(not shown)";

/// What stands in the place of a value that is not there.
const NOT_SET: &str = "(not set)";

/// The report, in Markdown.
pub(super) fn page(whole: &Whole<'_>) -> String {
    let mut page = format!(
        "# {} in longshore\n\nMade by `longshore import data-loader` from a configuration folder \
         of Data Loader. Nothing was sent, and\nthe folder is as it was; \
         `longshore process DIR ID` runs it unchanged.\n\n\
         | process | does | not carried over | different here |\n|---|---|---|---|\n",
        code(&whole.folder.display().to_string())
    );
    for made in whole.made {
        let line = format!(
            "| {} | {} | {} | {} |\n",
            code(&made.id),
            does(made).map_or_else(|| "**no command**".to_owned(), |does| code(&does)),
            of(made, Fate::Left).count(),
            of(made, Fate::Changed).count(),
        );
        page.push_str(&line);
    }
    page.push_str(&steps(whole));
    for made in whole.made {
        section(made, whole.to, &mut page);
    }
    page
}

fn steps(whole: &Whole<'_>) -> String {
    let alias = whole.alias.unwrap_or("ALIAS");
    let named = match whole.alias {
        Some(_) => String::new(),
        None => " The commands name no org: give `--target-org ALIAS` behind them, set \
                 `LONGSHORE_TARGET_ORG`, or import\n   again with `--target-org ALIAS`."
            .to_owned(),
    };
    format!(
        "\n## Before the first run\n\n\
         1. Sign in once, without a password: `longshore org login {alias} --way jwt …` or \
         `--way client-credentials …`.{named}\n\
         2. Read below what is not carried over and what is different.\n\
         3. See what a load would send, and send nothing: put `check` before the object and \
         `--operation` behind it, as in\n   `longshore check Account a.csv --operation upsert`.\n\
         4. A load into a production org wants the org's name, as nobody is there to be asked: \
         `--confirm-org NAME`, and\n   `--confirm-rows N` where records are deleted. Put it behind \
         the script.\n"
    )
}

fn section(made: &Made, to: &Path, page: &mut String) {
    let mut say = |line: &str| page.extend([line, "\n"]);
    say(&format!("\n## {}\n", code(&made.id)));
    if let Some(description) = &made.description {
        say(&format!("> {}\n", plain(description)));
    }
    if made.job.refused.is_empty() {
        let line = shown(made, to);
        let fence = "`".repeat(longest_run(&line).max(2) + 1);
        say(&format!("{fence}sh\n{line}\n{fence}"));
        if batch_line(&made.job.command).is_none() {
            say("\nThere is no command file for Windows: a word with a quote or a line end in it \
                 cannot be said there.");
        }
    } else {
        say("There is no command for it:\n");
        for why in &made.job.refused {
            say(&format!("- {}", plain(why)));
        }
    }
    if let Some(path) = &made.mapping_found {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = code(&name);
        say(&format!("\nThe mapping was read from {name} in the configuration folder."));
    }
    for (fate, _, title) in FATES {
        let mut notes = of(made, fate).peekable();
        if notes.peek().is_some() {
            say(&format!("\n{title}:\n\n| key | value | |\n|---|---|---|"));
        }
        for note in notes {
            let (key, value, note) = (code(&note.key), cell(note), plain(&note.text));
            say(&format!("| {key} | {value} | {note} |"));
        }
    }
}

fn cell(note: &Note) -> String {
    match &note.value {
        Some(value) => code(value),
        None if note.is_set => HIDDEN.to_owned(),
        None if note.key.contains('.') => NOT_SET.to_owned(),
        // Something that Data Loader does without a key for it.
        None => String::new(),
    }
}

/// Text in a code span that ends where it should, within a table too.
fn code(text: &str) -> String {
    let text = escape(text).replace('|', "\\|");
    let fence = "`".repeat(longest_run(&text) + 1);
    let pad =
        if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

fn plain(text: &str) -> String {
    escape(&text.split_whitespace().collect::<Vec<_>>().join(" ")).replace('|', "\\|")
}

/// Backquotes in a row, at most.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// What people see at once.
pub(super) fn screen(whole: &Whole<'_>, paint: Paint) -> String {
    let columns = [
        Column::Left("process"),
        Column::Left("does"),
        Column::Right("not carried over"),
        Column::Right("different here"),
    ];
    let row = |made: &Made| {
        vec![
            made.id.clone(),
            does(made).unwrap_or_else(|| "no command".to_owned()),
            of(made, Fate::Left).count().to_string(),
            of(made, Fate::Changed).count().to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = whole.made.iter().map(row).collect();
    let mut text = table(&columns, &rows, paint);
    let mut say = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    for made in whole.made {
        for why in &made.job.refused {
            say(format!("\n{}: {}", escape(&made.id), escape(why)));
        }
    }
    say("\nfiles".to_owned());
    for file in whole.files {
        say(format!("  {}", escape(&whole.to.join(file).display().to_string())));
    }
    let report = whole.to.join(super::REPORT);
    say(format!(
        "\nhint: `{}` says of each key what became of it",
        escape(&report.display().to_string())
    ));
    if whole.alias.is_none() {
        let hint = "hint: the commands name no org: `--target-org ALIAS` behind them, or \
                    `LONGSHORE_TARGET_ORG`";
        say(hint.to_owned());
    }
    text
}

/// One document for programs.
pub(super) fn document(whole: &Whole<'_>, code: u8) -> String {
    let file = |name: &String| whole.to.join(name).display().to_string();
    let document = json!({
        "status": if code == 0 { "succeeded" } else { "partial" },
        "exit_code": code,
        "folder": whole.folder,
        "to": whole.to,
        "files": whole.files.iter().map(file).collect::<Vec<_>>(),
        "processes": whole.made.iter().map(|made| process(made, whole.to)).collect::<Vec<_>>(),
    });
    format!("{document}\n")
}

fn process(made: &Made, to: &Path) -> Value {
    let word = |word: &Word| match word {
        Word::Text(text) => text.clone(),
        Word::Beside(name) => to.join(name).display().to_string(),
    };
    let note = |note: &Note| {
        let fate = FATES.iter().find(|(fate, ..)| *fate == note.fate);
        json!({
            "key": note.key, "value": note.value, "set": note.is_set, "note": note.text,
            "fate": fate.map(|(_, name, _)| *name),
        })
    };
    json!({
        "id": made.id,
        "command": made.job.command.iter().map(word).collect::<Vec<_>>(),
        "refused": made.job.refused,
        "mapping": made.job.mapping.as_ref().map(|_| to.join(format!("{}.toml", made.stem))),
        "keys": made.job.notes.iter().map(note).collect::<Vec<_>>(),
    })
}

fn of(made: &Made, fate: Fate) -> impl Iterator<Item = &Note> {
    made.job.notes.iter().filter(move |note| note.fate == fate)
}

/// The command, with the mapping file where it lies as seen from here.
fn shown(made: &Made, to: &Path) -> String {
    let word = |word: &Word| match word {
        Word::Text(text) => Word::text(text),
        Word::Beside(name) => Word::text(&to.join(name).display().to_string()),
    };
    posix_line(&made.job.command.iter().map(word).collect::<Vec<_>>())
}

/// The operation and what it is about, such as `upsert Contact`.
fn does(made: &Made) -> Option<String> {
    let text = |at: usize| match made.job.command.get(at) {
        Some(Word::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    let (operation, object) = (text(1)?, text(2)?);
    Some(match operation {
        "export" => "export".to_owned(),
        _ => format!("{operation} {object}"),
    })
}
