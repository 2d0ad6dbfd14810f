//! The reference pages: two are written from the code, one is checked against it.
//!
//! A test that finds a page out of date writes it anew and fails, so that running it twice is all
//! the upkeep there is.

use std::fmt::Write;
use std::path::Path;

use super::args;
use crate::config::dataloader::settings::{Fate, KEYS, Notice};
use crate::model::failure::Blame;
use crate::report::exit::{EXIT_CODES, meaning};

/// Compares a page with what it should be; writes it and fails when they differ.
fn keep(name: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference").join(name);
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    if there != wanted {
        let mut file = std::fs::File::create(&path).unwrap();
        std::io::Write::write_all(&mut file, wanted.as_bytes()).unwrap();
        panic!("docs/reference/{name} was out of date; it has been written anew, run again");
    }
}

#[test]
fn the_page_of_the_command_line_is_up_to_date() {
    keep("cli.md", &command_line());
}

#[test]
fn the_page_of_the_exit_codes_is_up_to_date() {
    keep("exit-codes.md", &exit_codes());
}

#[test]
fn the_page_of_data_loaders_keys_is_up_to_date() {
    keep("data-loader-keys.md", &data_loader_keys());
}

#[test]
fn every_blame_has_an_exit_code_with_a_meaning() {
    for blame in BLAMES {
        assert_ne!(meaning(blame.exit_code()), "unknown", "{blame:?}");
    }
}

#[test]
fn the_page_of_the_summary_names_every_member_and_every_event() {
    let page = include_str!("../../docs/reference/summary.md");
    let summary = crate::report::summary::tests::partial();
    let mut names = Vec::new();
    collect(&serde_json::to_value(&summary).unwrap(), &mut names);
    names.extend(["failure", "hints"].map(str::to_owned));
    let events = [
        "started",
        "notice",
        "mapped",
        "read",
        "input_ended",
        "job_started",
        "job_progress",
        "job_ended",
        "settled",
        "calls",
        "waiting",
        "exported",
        "ended",
    ];
    let statuses = ["succeeded", "partial", "unknown", "failed", "interrupted", "refused"];
    for name in names.iter().map(String::as_str).chain(events).chain(statuses) {
        assert!(page.contains(&format!("`{name}`")), "`{name}` is not in summary.md");
    }
}

fn collect(value: &serde_json::Value, names: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, value) in members {
                names.push(name.clone());
                collect(value, names);
            }
        }
        serde_json::Value::Array(values) => {
            for value in values {
                collect(value, names);
            }
        }
        _ => {}
    }
}

const BLAMES: [Blame; 10] = [
    Blame::Run,
    Blame::Request,
    Blame::Access,
    Blame::Accounting,
    Blame::Guard,
    Blame::Held,
    Blame::Ledger,
    Blame::Disk,
    Blame::Service,
    Blame::Interrupted,
];

fn data_loader_keys() -> String {
    let mut page = String::from(
        "# The keys of Data Loader\n\n\
         What `longshore process` does with each key of a bean, of `config.properties` and of the \
         command line. This page\nis written from `src/config/dataloader/settings/keys.rs` by a \
         test.\n\n\
         - **honored**: it means here what it means there.\n\
         - **translated**: it comes to the same by another way.\n\
         - **ignored**: it is not looked at, for the reason given; *told* means that a notice says \
         so where the value would\n  have changed something.\n\
         - **refused**: the process stops with exit code 1, unless the value is the one given.\n\
         - **ours**: Data Loader passes over it, so one folder serves both.\n\n\
         A key that is not here is told and not looked at. Any key may be written with `pilot.` in \
         front. An empty value is\nnone.\n",
    );
    for (part, rules) in KEYS {
        writeln!(page, "\n## {part}\n\n| key | default | here | how |\n|---|---|---|---|").unwrap();
        for rule in rules {
            let (fate, how) = match rule.fate {
                Fate::Honored(how) => ("honored", how.to_owned()),
                Fate::Translated(how) => ("translated", how.to_owned()),
                Fate::Ignored(Notice::Never, why) => ("ignored", why.to_owned()),
                Fate::Ignored(Notice::Unless(_), why) => ("ignored, told", why.to_owned()),
                Fate::Refused { unless, why, way } => {
                    ("refused", format!("unless `{unless}`: {why}; {way}"))
                }
                Fate::Ours(how) => ("ours", how.to_owned()),
            };
            let code = |text: &str| match text {
                "" => String::new(),
                text => format!("`{text}`"),
            };
            let (name, default) = (rule.name, code(rule.default));
            let how = how.replace('|', "\\|");
            writeln!(page, "| `{name}` | {default} | {fate} | {how} |").unwrap();
        }
    }
    page
}

fn exit_codes() -> String {
    let mut page = String::from(
        "# Exit codes\n\n\
         What scripts may rely on. This page is written from `src/report/exit.rs` by a test.\n\n\
         | code | means |\n|---|---|\n",
    );
    for (code, text) in EXIT_CODES {
        writeln!(page, "| {code} | {text} |").unwrap();
    }
    page.push_str(
        "\nA load that ends with 3 did what it could: the rows that succeeded are in the org, and \
         the others are\nin `error.csv`, `rejected.csv` and `unprocessed.csv` with the reason. It \
         is not 0, so that a script that\nlooks at nothing else does not go on as if all were \
         well.\n\nWith 2 nothing was sent. With 5 look into `unknown.csv` before loading anything \
         again;\n`diff` ends with 5 when two runs differ in more than \
         their times, so that a script that expects none stops. After 130\nand 75, and after whatever else has cut a load off (1, 4, 9, a kill), \
         `longshore resume` goes on with it. A\ncertificate that is not trusted is 4 and not 75: \
         waiting does not help.\n",
    );
    page
}

fn command_line() -> String {
    let mut root = args::command();
    root.build();
    let mut page = String::from(
        "# The command line\n\n\
         This page is written from the definition of the command line by a test \
         (`src/cli/reference.rs`).\n\n\
         A value comes from the flag, else from its environment variable, else from \
         `longshore.toml`, else it has its\ndefault. Secrets are never flags: see *Sign-in* at \
         the end.\n",
    );
    for command in root.get_subcommands().filter(|command| command.get_name() != "help") {
        describe(command, "longshore", &mut page);
    }
    page.push_str(PROJECT_FILE);
    page.push_str(SIGN_IN);
    page
}

fn describe(command: &clap::Command, parent: &str, page: &mut String) {
    let name = format!("{parent} {}", command.get_name());
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    writeln!(page, "\n## {name}\n\n{about}.").unwrap();
    if command.has_subcommands() {
        for command in command.get_subcommands().filter(|command| command.get_name() != "help") {
            describe(command, &name, page);
        }
        return;
    }
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    writeln!(page, "\n```console\n{usage}\n```").unwrap();
    let shown: Vec<&clap::Arg> = command
        .get_arguments()
        .filter(|arg| !matches!(arg.get_id().as_str(), "help" | "version") && !arg.is_hide_set())
        .collect();
    if shown.is_empty() {
        return;
    }
    page.push_str("\n| argument | environment | meaning |\n|---|---|---|\n");
    for arg in shown {
        row(arg, page);
    }
    if let Some(after) = command.get_after_help() {
        let after = after.to_string();
        let (head, rest) = after.split_once(':').unwrap_or(("example", &after));
        let lines: Vec<&str> = rest.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        writeln!(page, "\n{head}:\n\n```console\n{}\n```", lines.join("\n")).unwrap();
    }
}

fn row(arg: &clap::Arg, page: &mut String) {
    let value = arg.get_value_names().map(|names| names.join(" ")).unwrap_or_default();
    let takes = arg.get_action().takes_values();
    let name = match (arg.get_short(), arg.get_long()) {
        (Some(short), Some(long)) => format!("-{short}, --{long}"),
        (None, Some(long)) => format!("--{long}"),
        (Some(short), None) => format!("-{short}"),
        _ => String::new(),
    };
    let name = match (name.is_empty(), takes) {
        (true, _) => value,
        (false, true) => format!("{name} {value}"),
        (false, false) => name,
    };
    let variable = arg.get_env().map(|name| format!("`{}`", name.to_string_lossy()));
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let mut meaning = help.replace('\n', " ").replace('|', "\\|");
    let values: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|_| takes)
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !values.is_empty() {
        write!(meaning, "; one of {}", values.join(", ")).unwrap();
    }
    if let Some(default) = arg.get_default_values().first().filter(|_| takes) {
        write!(meaning, " [default: {}]", default.to_string_lossy()).unwrap();
    }
    let name = name.replace('|', "\\|");
    writeln!(page, "| `{name}` | {} | {meaning} |", variable.unwrap_or_default()).unwrap();
}

const PROJECT_FILE: &str = "\n## The project file\n\n\
    `longshore.toml` in the working directory holds defaults; its keys are flags without the \
    dashes. An unknown key\nis refused.\n\n```toml\n[defaults]\ntarget-org = \"practice\"\n\
    column-delimiter = \"COMMA\"\nline-ending = \"LF\"\nencoding = \"utf-8\"\n\
    chunk-rows = 250000\nchunk-bytes = 100000000\nparallel = 8\napi = \"auto\"\n\
    group-by = \"none\"\nruns-dir = \"longshore-runs\"\non-bad-row = \"reject\"\non-duplicate = \"refuse\"\n\
    nulls = \"ignore\"\nbefore-images = \"on\"\n```\n\n\
    Its policy limits what may be loaded from this folder. What passes a limit is refused before \
    anything is sent\n(exit code 6); `max_failed` stops a run, `api_budget` pauses it (exit code \
    75), and `resume` goes on with it.\n`change_window` (one, or a list) is for production \
    orgs; the others are for every org.\n\n\
    ```toml\n[policy]\nmax_rows = 500000\nmax_failed = \"5%\"\nmax_delete_share = \"10%\"\n\
    api_budget = \"50%\"\n\
    allowed_orgs = [\"00D8c00000Hn2PqEAJ\"]\n\
    change_window = \"Fri 18:00-22:00 Europe/Berlin\"\n```\n";

const SIGN_IN: &str = "\n## Sign-in\n\n\
    `-o env`, or no `-o` at all, signs in with what the environment says: \
    `LONGSHORE_INSTANCE_URL` and one of\n\n\
    | way | variables |\n|---|---|\n\
    | access token | `LONGSHORE_ACCESS_TOKEN` |\n\
    | client credentials | `LONGSHORE_CLIENT_ID`, `LONGSHORE_CLIENT_SECRET` |\n\
    | JWT bearer | `LONGSHORE_CLIENT_ID`, `LONGSHORE_USERNAME`, `LONGSHORE_JWT_KEY_FILE` |\n\
    | refresh token | `LONGSHORE_CLIENT_ID`, `LONGSHORE_REFRESH_TOKEN` |\n\n\
    `LONGSHORE_LOGIN_URL` is where tokens are asked for, if not at the instance. \
    `LONGSHORE_CA_FILE` names\ncertificates (PEM) to trust besides those of the system. \
    `NO_COLOR`, `TERM=dumb` and `CI` are respected.\n";

/// The project file shown on the page is one that can be read, and says all there is to say.
#[test]
fn the_project_file_of_the_page_is_a_good_one() {
    let blocks = PROJECT_FILE.split("```toml\n").skip(1);
    let text: Vec<&str> = blocks.filter_map(|block| block.split("```").next()).collect();
    let text = text.concat();
    let project =
        crate::config::project::Project::parse(&text, Path::new("longshore.toml")).unwrap();
    let policy = project.policy.lines();
    assert_eq!(policy.len(), 6, "{policy:?}");
    assert!(!format!("{:?}", project.defaults).contains("None"), "{:?}", project.defaults);
}
