//! The folders of `fixtures/dataloader/folders/`: each has an oddity, and `expected.txt` says what
//! becomes of it, to the byte.
//!
//! A folder is imported (`import data-loader`), and the command that comes of it is run against a
//! practice org; what was applied there is told from its audit log. `BLESS=1 cargo test
//! dataloader_folders` writes what came of a folder into it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use longshore::practice::audit::Entry;
use longshore::practice::org::Value;
use longshore::practice::{Org, SeedSize};

use crate::world::{Ran, World, fixture};

/// At least so many folders; issue 6 asks for them.
const FOLDERS_MIN: usize = 30;

/// `case.toml` of a folder: how Data Loader is started with it.
#[derive(serde::Deserialize)]
struct Case {
    /// The oddity, for people.
    #[serde(rename = "about")]
    _about: String,
    /// The words behind `process.bat`.
    process: String,
    /// Whether the folder itself is to sign in, and the environment says nothing of that.
    #[serde(default)]
    signs_in: bool,
    /// Variables; `(the org)` stands for the address of the practice org.
    #[serde(default)]
    environment: BTreeMap<String, String>,
}

#[test]
fn folders_of_the_first_quarter_come_to_what_is_expected() {
    check(0);
}

#[test]
fn folders_of_the_second_quarter_come_to_what_is_expected() {
    check(1);
}

#[test]
fn folders_of_the_third_quarter_come_to_what_is_expected() {
    check(2);
}

#[test]
fn folders_of_the_last_quarter_come_to_what_is_expected() {
    check(3);
}

#[test]
fn there_are_folders_enough_and_each_has_a_name_of_its_own() {
    let folders = folders();
    assert!(folders.len() >= FOLDERS_MIN, "{}", folders.len());
    let names: BTreeSet<&str> = folders.iter().map(|path| name(path)).collect();
    let oddities: BTreeSet<&str> = names.iter().filter_map(|name| name.get(3..)).collect();
    assert_eq!(oddities.len(), folders.len(), "two folders have one name");
}

/// Every fourth folder, so that the quarters take equally long side by side.
fn check(quarter: usize) {
    let mut wrong = String::new();
    for folder in folders().into_iter().skip(quarter).step_by(4) {
        let told = told(&folder);
        let path = folder.join("expected.txt");
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        if told == expected {
            continue;
        }
        if std::env::var_os("BLESS").is_some() {
            let mut file = std::fs::File::create(&path).unwrap();
            std::io::Write::write_all(&mut file, told.as_bytes()).unwrap();
        } else {
            let name = name(&folder);
            writeln!(wrong, "=== {name} expects\n{expected}\n=== {name} comes to\n{told}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

fn folders() -> Vec<PathBuf> {
    let all = std::fs::read_dir(fixture("dataloader/folders")).unwrap();
    let mut folders: Vec<PathBuf> = all.map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    folders
}

fn name(folder: &Path) -> &str {
    folder.file_name().unwrap().to_str().unwrap()
}

/// A copy of the folder beside a practice org.
fn world(folder: &Path) -> World {
    let world = World::of(Org::new(&SeedSize { users: 1, permission_sets: 1 }));
    for path in files_under(folder) {
        let inside = path.strip_prefix(folder).unwrap().to_str().unwrap();
        if !["case.toml", "expected.txt"].contains(&inside) {
            world.file(inside, std::fs::read(&path).unwrap());
        }
    }
    std::fs::create_dir_all(world.path("out")).unwrap();
    world
}

/// All that a folder comes to.
fn told(folder: &Path) -> String {
    let case: Case =
        toml::from_str(&std::fs::read_to_string(folder.join("case.toml")).unwrap()).unwrap();
    let mut text = String::new();
    let processed = processed(folder, &case, &mut text);
    imported(folder, &case, &processed, &mut text);
    text
}

/// What `process` comes to: what it says, what the org applied, what it writes; returns what was
/// applied.
fn processed(folder: &Path, case: &Case, text: &mut String) -> String {
    let world = world(folder);
    let before: BTreeSet<PathBuf> = files_under(&world.path("")).into_iter().collect();
    let mut words = vec!["process"];
    words.extend(case.process.split_whitespace());
    let ran = run(&world, &words, case);
    writeln!(text, "$ longshore {}\nexit code {}", words.join(" "), ran.code).unwrap();
    for line in ran.stderr.lines() {
        if ["notice: ", "error: ", "hint: "].iter().any(|word| line.starts_with(word)) {
            writeln!(text, "{}", masked(&world, line)).unwrap();
        }
    }
    let mut changed = String::new();
    applied(&world, &mut changed);
    text.push_str(&changed);
    for path in files_under(&world.path("")) {
        let name = path.strip_prefix(world.path("")).unwrap().to_str().unwrap();
        // A run has a folder with much in it that other tests look at.
        if !before.contains(&path) && !name.contains("longshore-runs/") {
            file(&path, name, text);
        }
    }
    changed
}

/// What `import` comes to, and the command that it makes.
fn imported(folder: &Path, case: &Case, processed: &str, text: &mut String) {
    let world = world(folder);
    let ran = run(&world, &["import", "data-loader", "conf", "--json"], case);
    writeln!(text, "$ longshore import data-loader conf\nexit code {}", ran.code).unwrap();
    let document: serde_json::Value = serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", ran.stdout, ran.stderr));
    let none = Vec::new();
    for process in document["processes"].as_array().unwrap_or(&none) {
        let refused = process["refused"].as_array().unwrap();
        for why in refused {
            writeln!(text, "refused: {}", masked(&world, why.as_str().unwrap())).unwrap();
        }
        if refused.is_empty() {
            let script = script(&world, process["id"].as_str().unwrap());
            let line = script.lines().last().unwrap();
            writeln!(text, "{}", line.trim_end_matches(" \"$@\"")).unwrap();
        }
        for fate in ["not_carried_over", "different", "without_effect"] {
            let keys = process["keys"].as_array().unwrap().iter();
            // What is said of every load is told once, in the tests of the command.
            let keys = keys.filter(|key| key["fate"] == fate && key["set"] == true);
            let keys: BTreeSet<&str> = keys.map(|key| key["key"].as_str().unwrap()).collect();
            let keys: Vec<&str> = keys.into_iter().collect();
            if !keys.is_empty() {
                writeln!(text, "{}: {}", fate.replace('_', " "), keys.join(", ")).unwrap();
            }
        }
        if let Some(mapping) = process["mapping"].as_str() {
            let mapping = world.read(mapping);
            text.push_str(mapping.split_once('\n').unwrap().1);
        }
    }
    if let Some(failure) = document["failure"]["message"].as_str() {
        writeln!(text, "error: {failure}").unwrap();
    }
    let asked = id_of(&case.process);
    let asked = document["processes"].as_array().unwrap().iter().find(|one| one["id"] == *asked);
    if let Some(process) = asked.filter(|one| one["refused"].as_array().unwrap().is_empty()) {
        carried_out(&world, process, processed, text);
    }
}

/// The bean that is asked for; without one, `import` calls `config.properties` so.
fn id_of(words: &str) -> String {
    let words: Vec<&str> = words.split_whitespace().collect();
    let named = words.iter().find_map(|word| word.strip_prefix("process.name="));
    let second = words.get(1).filter(|word| !word.contains('='));
    named.or(second.copied()).unwrap_or("config").to_owned()
}

fn script(world: &World, id: &str) -> String {
    world.read(&format!("conf/longshore/{id}.sh"))
}

/// Runs the command of an import; what it changed is told where it is not what `process` changed.
fn carried_out(world: &World, process: &serde_json::Value, processed: &str, text: &mut String) {
    let name = format!("conf/longshore/{}.sh", process["id"].as_str().unwrap());
    #[expect(clippy::disallowed_methods, reason = "the shell must find `dirname`")]
    let path = std::env::var("PATH").unwrap_or_default();
    let binary = Path::new(env!("CARGO_BIN_EXE_longshore")).parent().unwrap();
    let like = world.command(&[]);
    let mut command = Command::new("sh");
    command.arg(&name).current_dir(world.path("")).env_clear();
    for (key, value) in like.get_envs() {
        command.env(key, value.unwrap());
    }
    command.env("PATH", format!("{}:{path}", binary.display()));
    let ran = Ran::of(&command.output().unwrap());
    writeln!(text, "$ sh {name}\nexit code {}", ran.code).unwrap();
    let mut changed = String::new();
    applied(world, &mut changed);
    if changed == processed && !changed.is_empty() {
        text.push_str("the org: as above\n");
    } else {
        text.push_str(&changed);
    }
    // What a load says of its rows is told elsewhere; why there is none belongs here.
    for line in ran.stderr.lines().filter(|line| line.starts_with("error: ")) {
        writeln!(text, "{}", masked(world, line)).unwrap();
    }
    if ran.code == 0 && process["command"][1] == "export" {
        file(&world.path("out/accounts.csv"), "out/accounts.csv", text);
    }
}

fn run(world: &World, words: &[&str], case: &Case) -> Ran {
    let mut command = world.command(words);
    if case.signs_in {
        for name in ["LONGSHORE_INSTANCE_URL", "LONGSHORE_CLIENT_ID", "LONGSHORE_CLIENT_SECRET"] {
            command.env_remove(name);
        }
    }
    for (name, value) in &case.environment {
        command.env(name, value.replace("(the org)", world.origin()));
    }
    Ran::of(&command.output().unwrap())
}

/// The audit log of the org, a line for each effect.
fn applied(world: &World, text: &mut String) {
    for Entry { object, verb, id, fields, .. } in world.practice().org().audit().entries_since(0) {
        let fields = fields.iter().map(|(field, value)| format!("{field}={}", plain(value)));
        let fields: Vec<String> = fields.collect();
        let id = if verb == "insert" { "" } else { &id };
        let line = format!("the org: {verb} {object} {id} {}", fields.join(", "));
        let line: Vec<&str> = line.split_whitespace().collect();
        writeln!(text, "{}", line.join(" ")).unwrap();
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "(null)".to_owned(),
        Value::Text(text) | Value::Date(text) => text.replace('\n', "<LF>"),
        Value::Int(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Bool(yes) => yes.to_string(),
        Value::DateTime(moment) => moment.to_string(),
    }
}

/// A file to the byte, with what cannot be seen made visible.
fn file(path: &Path, name: &str, text: &mut String) {
    let bytes = std::fs::read(path).unwrap();
    let content = String::from_utf8_lossy(&bytes);
    let content = masked_moments(&content);
    let name = masked_stamp(name);
    let content = content.replace('\u{feff}', "<BOM>").replace('\r', "<CR>").replace('\t', "<TAB>");
    write!(text, "== {name}\n{content}").unwrap();
    if !content.ends_with('\n') {
        text.push_str("<END>\n");
    }
}

/// A line without what differs from run to run.
fn masked(world: &World, line: &str) -> String {
    let folder = format!("{}/", world.path("").display()).replace("//", "/");
    line.replace(&folder, "").replace(world.origin(), "ORG")
}

/// The name of a file whose name holds the time.
fn masked_stamp(name: &str) -> String {
    let is_digit = |c: char| c.is_ascii_digit();
    match name.trim_end_matches(|c| c != '.').trim_end_matches('.').rfind(|c| !is_digit(c)) {
        Some(at) if name.len() - at > ".csv".len() + 12 => format!("{}TIME.csv", &name[..=at]),
        _ => name.to_owned(),
    }
}

/// A file of properties without the moments in it.
fn masked_moments(content: &str) -> String {
    let mut masked = String::new();
    for line in content.split_inclusive('\n') {
        match line.split_once("lastRunDate=") {
            Some((key, _)) => writeln!(masked, "{key}lastRunDate=TIME").unwrap(),
            None => masked.push_str(line),
        }
    }
    masked
}

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    files
}
