//! The guide and the README keep their word: each command in them is run, and prints what they say.
//!
//! A block of the language `console` holds commands (`$ …`) and what they print on either stream;
//! `$ echo $?` is the exit code of the command before, and a command without it must end with 0. A
//! block whose info string has a second word, such as `csv requests.csv`, is that file. Run ids,
//! lengths of time, rates and numbers of calls are not compared; `…` stands for any rest of a line,
//! and alone on a line for any lines. `BLESS=1 cargo test documents` writes what was printed into
//! the pages where it differs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use longshore::practice::mischief::Rule;

use crate::world::World;

/// Where the pages say that a practice org is served.
const SERVED: &str = "http://127.0.0.1:8790";

/// How the README starts the program before it is installed.
const FROM_SOURCE: &str = "cargo run --release -- ";

#[test]
fn what_the_first_load_page_says_is_what_happens() {
    check("docs/guide/first-load.md");
}

#[test]
fn what_the_practice_org_page_says_is_what_happens() {
    check("docs/guide/practice-org.md");
}

#[test]
fn what_the_page_on_assigning_permission_sets_says_is_what_happens() {
    check("docs/guide/assign-permission-sets.md");
}

#[test]
fn what_the_page_on_removing_assignments_says_is_what_happens() {
    check("docs/guide/remove-assignments.md");
}

#[test]
fn what_the_page_on_permissions_by_names_says_is_what_happens() {
    check("docs/guide/permissions.md");
}

#[test]
fn what_the_page_on_profile_permissions_says_is_what_happens() {
    check("docs/guide/profile-permission.md");
}

#[test]
fn what_the_page_on_interrupted_loads_says_is_what_happens() {
    check("docs/guide/interrupted-loads.md");
}

#[test]
fn what_the_page_on_plans_and_guards_says_is_what_happens() {
    check("docs/guide/check-plan-apply.md");
}

#[test]
fn what_the_page_on_undo_says_is_what_happens() {
    check("docs/guide/undo.md");
}

#[test]
fn what_the_sign_in_page_says_is_what_happens() {
    check("docs/guide/sign-in.md");
}

#[test]
fn what_the_page_on_duplicates_says_is_what_happens() {
    check("docs/guide/duplicates.md");
}

#[test]
fn what_the_page_on_auth0_says_is_what_happens() {
    check("docs/guide/auth0-removals.md");
}

#[test]
fn what_the_page_on_lookups_says_is_what_happens() {
    check("docs/guide/lookups.md");
}

#[test]
fn what_the_page_on_runbooks_says_is_what_happens() {
    check("docs/guide/migration-runbook.md");
}

#[test]
fn what_the_page_on_data_loader_says_is_what_happens() {
    check("docs/guide/from-data-loader.md");
}

#[test]
fn what_the_readme_says_is_what_happens() {
    check("README.md");
}

#[test]
fn no_page_of_the_guide_is_left_out_of_the_tests_or_the_index() {
    let this = std::fs::read_to_string(root().join("tests/it/documents.rs")).unwrap();
    let index = std::fs::read_to_string(root().join("docs/guide/README.md")).unwrap();
    for entry in std::fs::read_dir(root().join("docs/guide")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name != "README.md" {
            assert!(this.contains(&format!("check(\"docs/guide/{name}\")")), "{name} is not run");
            assert!(index.contains(&format!("]({name})")), "{name} is not in the index");
        }
    }
}

#[test]
fn the_readme_has_exactly_two_set_up_commands_each_in_its_own_block() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let set_up = text.split("## Set up").nth(1).unwrap().split("\n## ").next().unwrap();
    let blocks: Vec<Vec<String>> = blocks(set_up)
        .into_iter()
        .filter(|block| block.language == "sh")
        .map(|block| block.lines)
        .collect();
    assert_eq!(
        blocks,
        [
            ["cargo run --release -- insert PermissionSetAssignment \
              fixtures/quickstart/assignments.csv -o demo"],
            ["cargo test"]
        ]
    );
}

/// A fenced block of a page.
struct Block {
    language: String,
    file: Option<String>,
    /// Index of the first line inside, in the page.
    start: usize,
    lines: Vec<String>,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if inside => inside = false,
            Some(info) => {
                let mut words = info.split_whitespace().map(str::to_owned);
                let language = words.next().unwrap_or_default();
                let lines = Vec::new();
                blocks.push(Block { language, file: words.next(), start: index + 1, lines });
                inside = true;
            }
            None if inside => blocks.last_mut().unwrap().lines.push(line.to_owned()),
            None => {}
        }
    }
    blocks
}

/// A command and what the page says that it prints; `place` is the lines of that in the page.
struct Step {
    command: String,
    says: Vec<String>,
    place: std::ops::Range<usize>,
}

/// The commands of a block, or of a block and the one after it.
fn steps(block: &Block, next: Option<&Block>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    match block.language.as_str() {
        "console" => {
            for (index, line) in block.lines.iter().enumerate() {
                let at = block.start + index + 1;
                if let Some(command) = line.strip_prefix("$ ") {
                    let command = command.to_owned();
                    steps.push(Step { command, says: Vec::new(), place: at..at });
                } else {
                    let step = steps.last_mut().expect("a block begins with a command");
                    step.says.push(line.clone());
                    step.place.end = at;
                }
            }
        }
        "sh" => {
            let command = block.lines[0].strip_prefix(FROM_SOURCE);
            let says = next.filter(|next| next.language == "text");
            if let (Some(command), Some(says)) = (command, says) {
                steps.push(Step {
                    command: format!("longshore {command}"),
                    says: says.lines.clone(),
                    place: says.start..says.start + says.lines.len(),
                });
            }
        }
        _ => {}
    }
    steps
}

/// Follows a page from its first line to its last, in a folder that has only the fixtures.
fn check(page: &str) {
    let text = std::fs::read_to_string(root().join(page)).unwrap();
    let mut reader = Follower::new();
    let mut printed: Vec<(std::ops::Range<usize>, Vec<String>)> = Vec::new();
    let mut faults = String::new();
    let blocks = blocks(&text);
    for (index, block) in blocks.iter().enumerate() {
        if let Some(file) = &block.file {
            reader.world.file(file, block.lines.join("\n") + "\n");
        }
        reader.make_mischief(block);
        let steps = steps(block, blocks.get(index + 1));
        for (number, step) in steps.iter().enumerate() {
            let got = reader.run(&step.command);
            let tells_code = steps.get(number + 1).is_some_and(|next| next.command == "echo $?");
            let command = &step.command;
            assert!(
                reader.code == 0 || tells_code || block.language == "sh",
                "{page}: `{command}` ended with {}, and the page does not say so:\n{}",
                reader.code,
                got.join("\n")
            );
            if !agree(&step.says, &got) {
                let (says, got) = (step.says.join("\n"), got.join("\n"));
                writeln!(faults, "$ {command}\n--- says\n{says}\n--- prints\n{got}\n").unwrap();
                printed.push((step.place.clone(), got.lines().map(str::to_owned).collect()));
            }
        }
    }
    if std::env::var_os("BLESS").is_some() {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        for (place, got) in printed.into_iter().rev() {
            lines.splice(place, got);
        }
        let mut file = std::fs::File::create(root().join(page)).unwrap();
        std::io::Write::write_all(&mut file, (lines.join("\n") + "\n").as_bytes()).unwrap();
    } else {
        assert!(faults.is_empty(), "{page} does not say what happens:\n\n{faults}");
    }
}

/// Somebody who types what a page says.
struct Follower {
    world: World,
    exports: BTreeMap<String, String>,
    code: i32,
}

impl Follower {
    fn new() -> Self {
        let world = World::new();
        std::os::unix::fs::symlink(root().join("fixtures"), world.path("fixtures")).unwrap();
        Self { world, exports: BTreeMap::new(), code: 0 }
    }

    /// Runs a command and gives the lines that it printed on either stream, in their order.
    fn run(&mut self, command: &str) -> Vec<String> {
        if command == "echo $?" {
            return vec![std::mem::take(&mut self.code).to_string()];
        }
        let command = command.replace(SERVED, self.world.origin());
        if let Some((name, value)) =
            command.strip_prefix("export ").and_then(|it| it.split_once('='))
        {
            self.exports.insert(name.to_owned(), value.to_owned());
            return Vec::new();
        }
        if let Some(names) = command.strip_prefix("unset ") {
            names.split(' ').for_each(|name| drop(self.exports.remove(name)));
            return Vec::new();
        }
        let binary = Path::new(env!("CARGO_BIN_EXE_longshore"));
        #[expect(clippy::disallowed_methods, reason = "the shell must find `head` and its like")]
        let path = std::env::var("PATH").unwrap_or_default();
        let browser = command.contains(" --web").then(|| self.browse());
        let (mut reader, writer) = std::io::pipe().unwrap();
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &command])
            .current_dir(self.world.path(""))
            .env_clear()
            .env("PATH", format!("{}:{path}", binary.parent().unwrap().display()))
            .env("TMPDIR", self.world.path(""))
            .env("LONGSHORE_STATE_DIR", self.world.path("state"))
            // Lines of progress come by the clock, and no page can know when.
            .env("LONGSHORE_NO_PROGRESS", "true")
            .env("BROWSER", self.world.path("bin/browser"))
            .env("LONGSHORE_CALLBACK_PORT", "0")
            .envs(&self.exports)
            .stdin(Stdio::null())
            .stdout(writer.try_clone().unwrap())
            .stderr(writer);
        let mut child = shell.spawn().unwrap();
        // It holds the writing end; as long as it lives, reading would not come to an end.
        drop(shell);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        self.code = child.wait().unwrap().code().unwrap_or(-1);
        if let Some(browser) = browser {
            browser.join().unwrap();
        }
        text.replace(self.world.origin(), SERVED).lines().map(str::to_owned).collect()
    }

    /// Plays the person in front of the browser that the next command opens.
    #[cfg(unix)]
    fn browse(&self) -> std::thread::JoinHandle<()> {
        use std::os::unix::fs::PermissionsExt as _;
        let script = "#!/bin/sh\necho \"$1\" > address.part\nmv address.part address\n";
        let program = self.world.file("bin/browser", script);
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let address = self.world.path("address");
        std::thread::spawn(move || {
            let (_keep, never) = std::sync::mpsc::sync_channel::<()>(0);
            for _ in 0..4_000 {
                if let Ok(text) = std::fs::read_to_string(&address) {
                    std::fs::remove_file(&address).unwrap();
                    let back = crate::web_login::get(text.trim()).1.unwrap();
                    crate::web_login::get(&back);
                    return;
                }
                let _waited = never.recv_timeout(std::time::Duration::from_millis(5)).is_err();
            }
        })
    }

    /// Does what a `curl` to `/practice/mischief` would do, as not every machine has one.
    fn make_mischief(&self, block: &Block) {
        let text = block.lines.join("\n");
        if block.language == "sh" && text.contains("/practice/mischief") {
            let rule = text.split('\'').nth(1).unwrap();
            let rule: Rule = serde_json::from_str(rule).unwrap();
            self.world.practice().mischief().add(rule);
        }
    }
}

/// Whether what a page says is what was printed.
fn agree(says: &[String], printed: &[String]) -> bool {
    match says {
        [] => printed.is_empty(),
        [any, rest @ ..] if any == "…" => {
            (0..=printed.len()).any(|skipped| agree(rest, &printed[skipped..]))
        }
        [line, rest @ ..] => printed.split_first().is_some_and(|(first, others)| {
            let (line, first) = (masked(line), masked(first));
            let same = match line.strip_suffix('…') {
                Some(beginning) => first.starts_with(beginning),
                None => line == first,
            };
            same && agree(rest, others)
        }),
    }
}

/// A line without what differs from run to run.
fn masked(line: &str) -> String {
    let words: Vec<&str> = line.trim_end().split(' ').collect();
    let is_number = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let masked = words.iter().enumerate().map(|(index, word)| {
        let unit = words.get(index + 1).copied().unwrap_or_default();
        if is_number(word) && matches!(unit, "s" | "rows/s" | "API") {
            return "#".to_owned();
        }
        word.split('/')
            .map(|part| if is_run_id(part.trim_matches('`')) { "RUN" } else { part })
            .collect::<Vec<_>>()
            .join("/")
    });
    masked.collect::<Vec<_>>().join(" ")
}

/// Such as `20261122-170949-k3f9`.
fn is_run_id(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let digits =
        |text: &str, count| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    matches!(parts[..], [day, time, tail] if digits(day, 8) && digits(time, 6) && tail.len() == 4)
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn what_differs_from_run_to_run_is_not_compared_and_all_else_is() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    for (says, prints, same) in [
        ("0.4 s · 11 rows/s · 1 job", "12 s · 2.5 rows/s · 1 job", true),
        ("0.4 s · 11 rows/s · 1 job", "12 s · 2.5 rows/s · 2 jobs", false),
        ("r/20261122-170949-k3f9/out", "r/20270101-000000-aaaa/out", true),
        ("a\n…\nd", "a\nb\nc\nd", true),
        ("a\n…\nd", "a\nb\nc", false),
        ("rows 1, …", "rows 1, 2", true),
        ("rows 1, …", "rows 2, 2", false),
        ("a", "a\nb", false),
    ] {
        assert_eq!(agree(&lines(says), &lines(prints)), same, "{says:?} {prints:?}");
    }
}
