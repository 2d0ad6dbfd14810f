//! Runbooks that are refused: each file of `fixtures/runbooks/bad` with what is told of it.

use std::fmt::Write;

use super::*;
use crate::model::failure::Failure;

pub(super) fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/runbooks")
}

/// The runbooks of a folder, in order.
pub(super) fn runbooks(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    files.sort();
    files
}

/// What `# --parameter name=value` in the lines of the file gives.
fn parameters(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("# --parameter "));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Reads a fixture, named as if it were given from its own folder.
pub(super) fn read(path: &Path) -> Result<Runbook, RunbookFaults> {
    let text = fs::read_to_string(path).unwrap();
    let folder = fs::canonicalize(path.parent().unwrap()).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    Runbook::parse(&text, name, &folder, &parameters(&text))
}

fn told(path: &Path) -> String {
    let Err(faults) = read(path) else { return "nothing is wrong\n".to_owned() };
    assert!(!faults.faults.is_empty());
    let failure = Failure::from(faults);
    assert_eq!(failure.blame.exit_code(), 2);
    let mut told = format!("{failure}\n");
    for hint in &failure.hints {
        writeln!(told, "hint: {hint}").unwrap();
    }
    told
}

#[test]
fn every_bad_runbook_is_refused_with_its_place() {
    let files = runbooks(&fixtures().join("bad"));
    assert!(files.len() >= 30, "{}", files.len());
    let mut wrong = String::new();
    for path in files {
        let told = told(&path);
        let beside = path.with_extension("stderr");
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        if told != expected {
            let name = beside.file_name().unwrap().display();
            write!(wrong, "=== {name}\n{told}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "not as expected:\n{wrong}=== end");
}

/// Those that only an org can refuse are read, so that a test can run them.
#[test]
fn runbooks_that_an_org_refuses_are_well_formed() {
    for path in runbooks(&fixtures().join("bad/org")) {
        if let Err(faults) = read(&path) {
            panic!("{}: {faults}", path.display());
        }
    }
}

#[test]
fn many_faults_are_told_in_part() {
    let dir = folder();
    let mut text = WHOLE.to_owned();
    for number in 0..30 {
        let _ =
            write!(text, "\n[[steps]]\nid = \"{number} x\"\ncheckpoint = {{ message = \"m\" }}\n");
    }
    let faults = parse(&text, dir.path(), &[("when", "x")]).unwrap_err();
    assert_eq!((faults.faults.len(), faults.more), (FAULTS_MAX, 10));
    let told = faults.to_string();
    assert!(told.starts_with("the runbook has 30 faults\ncrm.toml:"), "{told}");
    assert!(told.ends_with("\nand 10 more"), "{told}");
}

#[test]
fn files_that_are_no_runbooks() {
    let dir = folder();
    let read = |name: &str| {
        let path = dir.path().join(name);
        let faults = Runbook::read(&path, &[]).unwrap_err().to_string();
        faults.replace(&dir.path().display().to_string(), "DIR")
    };
    let mut file = fs::File::create(dir.path().join("latin.toml")).unwrap();
    std::io::Write::write_all(&mut file, b"runbook = \"\xe9\"").unwrap();
    assert_eq!(read("latin.toml"), "DIR/latin.toml: is not UTF-8 text");
    assert_eq!(read("in"), "DIR/in: is not a file");
    assert!(read("none.toml").starts_with("DIR/none.toml: cannot be read: "));
}

/// A path is taken from the folder of the file, wherever the command is started.
#[test]
fn paths_are_taken_from_the_folder_of_the_file() {
    let dir = folder();
    let path = dir.path().join("crm.toml");
    let mut file = fs::File::create(&path).unwrap();
    std::io::Write::write_all(&mut file, WHOLE.as_bytes()).unwrap();
    let runbook = Runbook::read(&path, &given(&[("when", "x")])).unwrap();
    assert_eq!(runbook.folder, fs::canonicalize(dir.path()).unwrap());
    assert_eq!(runbook.digest, Digest::of(WHOLE.as_bytes()));
    assert_eq!(runbook.parameters["owner"], "migration@acme.example");
    let outside = WHOLE.replace("version = 1", "version = 1\nallow_paths_outside = true");
    let absolute = format!("\"{}\"", dir.path().join("in/people.csv").display());
    let outside = outside.replace("\"in/people.csv\"", &absolute);
    parse(&outside, &dir.path().join("maps"), &[("when", "x")]).unwrap_err();
    parse(&outside, dir.path(), &[("when", "x")]).unwrap();
}

/// However a file is cut and twisted: it is read, or each fault has a place in it.
#[test]
fn what_is_not_read_has_a_place() {
    let dir = folder();
    let lines: Vec<&str> = WHOLE.lines().collect();
    let mut refused = 0;
    for (at, line) in lines.iter().enumerate() {
        let value = |value: &str| match line.split_once(" = ") {
            Some((key, _)) => format!("{key} = {value}"),
            None => String::new(),
        };
        let half: String = line.chars().take(line.chars().count() / 2).collect();
        let twists = [
            "\"\"",
            "7",
            "-7.5",
            "nan",
            "true",
            "[]",
            "{}",
            "[[]]",
            "2027-01-16",
            "99999999999999999999",
        ];
        let others = twists.iter().map(|text| value(text)).chain([String::new(), half]);
        for other in others {
            let mut changed = lines.clone();
            changed[at] = &other;
            let Err(faults) = parse(&changed.join("\n"), dir.path(), &[("when", "x")]) else {
                continue;
            };
            refused += 1;
            for fault in &faults.faults {
                let place = fault.place.unwrap_or_else(|| panic!("line {}: {fault}", at + 1));
                assert!(place.line <= lines.len() + 1, "line {}: {fault}", at + 1);
            }
        }
    }
    assert!(refused > 200, "{refused}");
}
