//! The house rules as tests: who may name whom, where crates may be named, sizes, words, links.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Which module may name which others; a new entry needs a page in `docs/decisions/`.
const MAY_NAME: [(&str, &[&str]); 14] = [
    ("model", &[]),
    ("faults", &[]),
    ("config", &["model", "faults"]),
    ("http", &["model", "faults"]),
    ("ledger", &["model", "faults"]),
    ("target", &["model", "faults", "http"]),
    ("pipeline", &["model", "faults", "config", "target", "ledger"]),
    ("perms", &["model", "faults", "config", "target", "ledger", "pipeline"]),
    ("runbook", &["model", "faults", "config", "target", "ledger", "pipeline", "perms"]),
    ("account", &["model", "ledger", "pipeline"]),
    ("report", &["model", "pipeline", "account"]),
    ("practice", &["model"]),
    (
        "cli",
        &[
            "model", "faults", "config", "http", "ledger", "target", "pipeline", "perms",
            "runbook", "account", "report", "practice", "web",
        ],
    ),
    ("web", &["model", "config", "ledger", "pipeline", "report", "practice"]),
];

/// The sign-in with a browser: chance and a digest.
const WEB: &str = "src/target/salesforce/web.rs";
const WEB_TESTS: &str = "src/target/salesforce/tests/web.rs";

/// Crates that may be named only below these paths.
const FENCES: [(&str, &[&str]); 13] = [
    ("aws_lc_rs", &["src/config/dataloader/", "src/practice/", WEB, WEB_TESTS]),
    (
        "quick_xml",
        &[
            "src/config/dataloader/",
            "src/target/salesforce/soap/",
            "src/practice/wire/soap/",
            "src/report/hand_over/tests.rs",
        ],
    ),
    ("reqwest", &["src/http/"]),
    ("safe_arch", &["src/model/sixteen.rs"]),
    ("governor", &["src/http/"]),
    ("indicatif", &["src/report/"]),
    ("clap", &["src/cli/"]),
    ("clap_complete", &["src/cli/"]),
    ("clap_mangen", &["src/cli/"]),
    ("axum", &["src/practice/", "src/web/"]),
    ("hyper", &["src/practice/", "src/web/"]),
    ("rcgen", &["src/practice/", "src/web/"]),
    ("tokio_rustls", &["src/practice/", "src/web/"]),
];

/// The stages, in the order of the data.
const STAGES: [&str; 6] = ["read", "map", "validate", "chunk", "submit", "settle"];

/// Stages that know nothing of tokio.
const SYNCHRONOUS: [&str; 4] = ["read", "map", "validate", "chunk"];

/// Names that say nothing.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "helpers", "common", "manager", "handler"];

const LINES_MAX: usize = 800;
const COLUMNS_MAX: usize = 100;

/// Crates that must not be in the lock file, and why.
const BANNED: [(&str, &str); 6] = [
    ("openssl-sys", "rustls is the one TLS"),
    ("serde_yaml", "deprecated"),
    ("rsa", "RUSTSEC-2023-0071"),
    ("chrono", "jiff is the one calendar"),
    ("anyhow", "slips past blame and hints"),
    ("native-tls", "rustls is the one TLS"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files_under(folder: &str, extension: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<(String, String)> {
    files_under("src", "rs")
}

/// The code of a file without its comments, so that prose may name what code may not.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.split("//").next().unwrap_or_default()))
}

/// The paths behind every `crate::` of a file, `crate::{a, b}` included.
fn crate_paths(text: &str) -> BTreeSet<String> {
    let bare = code(text).map(|(_, line)| line).collect::<Vec<_>>().join("\n");
    let mut paths = BTreeSet::new();
    for (at, _) in bare.match_indices("crate::") {
        let rest = &bare[at + "crate::".len()..];
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut name = String::new();
            for c in list.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        paths.insert(std::mem::take(&mut name).trim().to_owned());
                    }
                    c if depth == 0 => name.push(c),
                    _ => {}
                }
            }
            paths.insert(name.trim().to_owned());
        } else {
            let path: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':')
                .collect();
            paths.insert(path);
        }
    }
    paths.remove("");
    paths
}

fn module_of(file: &str) -> Option<&str> {
    let rest = file.strip_prefix("src/")?;
    rest.split_once('/').map(|(module, _)| module)
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn modules_name_only_whom_they_may() {
    let table: BTreeMap<&str, &[&str]> = MAY_NAME.into_iter().collect();
    let mut faults = Vec::new();
    for (file, text) in sources() {
        let Some(module) = module_of(&file) else { continue };
        let Some(allowed) = table.get(module) else {
            faults.push(format!("{file}: module `{module}` is not in the table"));
            continue;
        };
        for path in crate_paths(&text) {
            let named = path.split("::").next().unwrap_or_default();
            if named != module && !allowed.contains(&named) {
                faults.push(format!("{file}: `{module}` may not name `{path}`"));
            }
            let tells = ["report", "account"].contains(&module);
            if tells && named == "pipeline" && !path.starts_with("pipeline::event") {
                faults.push(format!("{file}: `{module}` may name `pipeline::event` only"));
            }
            if module == "pipeline" && path.starts_with("target::salesforce") {
                faults.push(format!("{file}: `pipeline` knows the trait, not the far side"));
            }
        }
    }
    report(&faults);
}

#[test]
fn a_stage_never_names_another_stage() {
    let mut faults = Vec::new();
    for (file, text) in sources() {
        let Some(stage) = STAGES.iter().find(|stage| {
            let inside = format!("src/pipeline/{stage}");
            file.starts_with(&format!("{inside}/")) || file == format!("{inside}.rs")
        }) else {
            continue;
        };
        for other in STAGES.iter().filter(|other| other != &stage) {
            for (line, code) in code(&text) {
                let by_crate = code.contains(&format!("pipeline::{other}"));
                let by_parent = code.contains(&format!("super::super::{other}"))
                    || file == format!("src/pipeline/{stage}/mod.rs")
                        && code.contains(&format!("super::{other}"));
                if by_crate || by_parent {
                    faults.push(format!("{file}:{line}: stage `{stage}` names stage `{other}`"));
                }
            }
        }
    }
    report(&faults);
}

#[test]
fn crates_stay_behind_their_fences() {
    let mut faults = Vec::new();
    for (file, text) in sources() {
        for (line, code) in code(&text) {
            for (name, places) in FENCES {
                let named = code.contains(&format!("{name}::"))
                    && !code.contains(&format!("_{name}::"))
                    && !code.contains(&format!("::{name}::"));
                if named && !places.iter().any(|place| file.starts_with(place)) {
                    faults.push(format!("{file}:{line}: `{name}` may not be named here"));
                }
            }
            let synchronous =
                SYNCHRONOUS.iter().any(|stage| file.starts_with(&format!("src/pipeline/{stage}")));
            if synchronous && code.contains("tokio") {
                faults.push(format!("{file}:{line}: this stage knows nothing of tokio"));
            }
        }
    }
    report(&faults);
}

/// What changes a disk, and the modules that a run's changes are made in; past the fault points
/// nothing is changed there. Export writes no run, and the history lies outside of all runs.
#[test]
fn what_a_run_changes_on_disk_passes_the_fault_points() {
    const CHANGES: [&str; 7] = [
        "fs::rename",
        "fs::remove_",
        "fs::copy",
        "File::create",
        "fs::create_dir",
        ".open(",
        "File::open(folder)",
    ];
    const MADE_IN: [&str; 9] = [
        "src/ledger/",
        "src/pipeline/",
        "src/perms/",
        "src/runbook/",
        "src/target/salesforce/bulk2.rs",
        "src/target/salesforce/undelete/",
        "src/target/auth0/jobs.rs",
        "src/target/auth0/journal.rs",
        "src/http/body.rs",
    ];
    let mut faults = Vec::new();
    for (file, text) in sources() {
        let of_run = MADE_IN.iter().any(|place| file.starts_with(place));
        let outside = ["/export/", "/tests", "ledger/history.rs"];
        if !of_run || outside.iter().any(|part| file.contains(part)) {
            continue;
        }
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
        let lines: Vec<(usize, &str)> = code(&text).collect();
        for pair in lines.windows(3) {
            let (line, code) = pair[2];
            let above = &pair[..2];
            let passed = code.contains("faults::")
                || above.iter().any(|(_, code)| code.contains("faults::point("));
            if !passed && CHANGES.iter().any(|change| code.contains(change)) {
                faults.push(format!("{file}:{line}: {}", code.trim()));
            }
        }
    }
    report(&faults);
}

#[test]
fn fault_points_are_for_tests_only() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    let features = manifest["features"].as_table().unwrap();
    assert!(!features.contains_key("default"), "{features:?}");
    let others: Vec<_> = features.keys().filter(|name| *name != "faults").collect();
    assert!(others.is_empty(), "a feature that might turn the points on: {others:?}");
    assert!(!manifest["dependencies"].as_table().unwrap().contains_key("longshore"));
    assert!(manifest["dev-dependencies"].as_table().unwrap().contains_key("longshore"));
}

#[test]
fn files_are_short_and_lines_too() {
    let mut faults = Vec::new();
    for (file, text) in sources().into_iter().chain(files_under("tests", "rs")) {
        let lines = text.lines().count();
        if lines > LINES_MAX {
            faults.push(format!("{file}: {lines} lines, at most {LINES_MAX}"));
        }
        for (index, line) in text.lines().enumerate() {
            // Code is rustfmt's business; it leaves comments and long literals alone.
            let comment = line.trim_start().starts_with("//") && !line.contains("://");
            if comment && !line.contains('|') && line.chars().count() > COLUMNS_MAX {
                faults.push(format!("{file}:{}: more than {COLUMNS_MAX} columns", index + 1));
            }
        }
    }
    report(&faults);
}

#[test]
fn names_say_something() {
    let mut faults = Vec::new();
    for (file, text) in sources() {
        let stem = Path::new(&file).file_stem().unwrap().to_str().unwrap().to_owned();
        if EMPTY_NAMES.contains(&stem.as_str()) {
            faults.push(format!("{file}: a name that says nothing"));
        }
        for (line, code) in code(&text) {
            if code.contains("todo!(") || code.contains("unimplemented!(") {
                faults.push(format!("{file}:{line}: unfinished"));
            }
        }
    }
    report(&faults);
}

#[test]
fn banned_crates_are_not_in_the_lock_file() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let faults: Vec<String> = BANNED
        .iter()
        .filter(|(name, _)| lock.contains(&format!("name = \"{name}\"\n")))
        .map(|(name, why)| format!("{name}: {why}"))
        .collect();
    report(&faults);
}

#[test]
fn every_test_file_is_listed() {
    let listed = std::fs::read_to_string(root().join("tests/it/main.rs")).unwrap();
    let faults: Vec<String> = files_under("tests/it", "rs")
        .into_iter()
        .filter_map(|(file, _)| {
            let name = file.strip_prefix("tests/it/")?.strip_suffix(".rs")?.to_owned();
            let missing = name != "main" && !name.contains('/');
            (missing && !listed.contains(&format!("mod {name};"))).then_some(file)
        })
        .collect();
    report(&faults);
}

#[test]
fn links_in_the_documents_lead_somewhere() {
    let mut faults = Vec::new();
    let mut documents = files_under("docs", "md");
    for top in ["README.md", "CHANGELOG.md"] {
        documents.push((top.to_owned(), std::fs::read_to_string(root().join(top)).unwrap()));
    }
    for folder in ["fixtures", "benches"] {
        documents.extend(files_under(folder, "md"));
    }
    for (file, text) in documents {
        let folder: PathBuf = root().join(&file).parent().unwrap().to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            let outside = link.contains("://") || path.is_empty() || path.contains(' ');
            if !outside && !folder.join(path).exists() {
                faults.push(format!("{file}: `{link}` leads nowhere"));
            }
        }
    }
    report(&faults);
}

#[test]
fn no_path_of_one_machine_is_written_down() {
    let mut faults = Vec::new();
    let homes = [["/ro", "ot/"].concat(), ["/wo", "rk/"].concat(), ["/ho", "me/"].concat()];
    let texts = sources()
        .into_iter()
        .chain(files_under("docs", "md"))
        .chain(files_under("tests", "rs"))
        .chain(files_under("benches", "md"));
    for (file, text) in texts {
        for (index, line) in text.lines().enumerate() {
            if homes.iter().any(|home| line.contains(home.as_str())) {
                faults.push(format!("{file}:{}: {line}", index + 1));
            }
        }
    }
    report(&faults);
}
