use super::*;
use crate::cli::args::{Args, Command};
use crate::report::tests::folded;

fn given(words: &[&str]) -> Load {
    let words = ["longshore", "insert"].iter().chain(words);
    match Args::read(words).unwrap().command {
        Command::Insert(insert) => insert.load,
        other => panic!("{other:?}"),
    }
}

/// With all faults in one, as people read them.
fn load_plan(
    operation: Operation,
    load: &Load,
    extra: Extra<'_>,
    defaults: &Defaults,
) -> Result<LoadPlan, Failure> {
    super::load_plan(operation, load, extra, defaults).map_err(Failure::from)
}

fn plan(words: &[&str]) -> Result<LoadPlan, Failure> {
    load_plan(Operation::Insert, &given(words), Extra::default(), &Defaults::default())
}

fn refused(words: &[&str]) -> String {
    let failure = plan(words).unwrap_err();
    assert_eq!(failure.blame, Blame::Request);
    failure.message
}

#[test]
fn what_is_left_out_has_its_default() {
    let plan = plan(&["Account", "a.csv"]).unwrap();
    assert_eq!((plan.object.as_str(), plan.operation), ("Account", Operation::Insert));
    assert_eq!(plan.input.source, Source::File("a.csv".into()));
    assert_eq!((plan.chunk_rows, plan.chunk_bytes, plan.parallel), (250_000, 100_000_000, 8));
    assert_eq!((plan.on_bad_row, plan.nulls), (OnBadRow::Reject, Nulls::Ignore));
    assert_eq!((plan.skip, plan.limit), (0, None));
    assert_eq!(plan.runs_dir, Path::new("longshore-runs"));
    assert_eq!(plan.input.delimiter, None);
}

#[test]
fn every_flag_arrives() {
    let dir = tempfile::tempdir().unwrap();
    let map = dir.path().join("m.toml");
    let mut file = std::fs::File::create(&map).unwrap();
    std::io::Write::write_all(&mut file, b"[fields]\nName = \"Name\"\n").unwrap();
    let words = [
        "-s",
        "Account",
        "-f",
        "-",
        "--map",
        map.to_str().unwrap(),
        "--column-delimiter",
        "tab",
        "--line-ending",
        "crlf",
        "--encoding",
        "windows-1252",
        "--chunk-rows",
        "10",
        "--chunk-bytes",
        "2000",
        "--parallel",
        "25",
        "--api",
        "bulk2",
        "--runs-dir",
        "r",
        "--run-name",
        "first.1",
        "--on-bad-row",
        "stop",
        "--skip",
        "3",
        "--limit",
        "4",
        "--success",
        "s.csv",
        "--error",
        "e.csv",
    ];
    let plan = plan(&words).unwrap_or_else(|failure| panic!("{failure:?}"));
    assert_eq!(plan.input.source, Source::Stdin);
    assert_eq!(plan.input.delimiter, Some(Delimiter::Tab));
    assert_eq!(plan.input.line_ending, Some(LineEnding::CrLf));
    assert_eq!(plan.input.encoding.as_deref(), Some("windows-1252"));
    assert_eq!((plan.chunk_rows, plan.chunk_bytes, plan.parallel), (10, 2_000, 25));
    assert!(plan.mapping.is_some());
    assert_eq!(plan.runs_dir, Path::new("r"));
    assert_eq!(plan.run_name.as_deref(), Some("first.1"));
    assert_eq!((plan.on_bad_row, plan.skip, plan.limit), (OnBadRow::Stop, 3, Some(4)));
    assert_eq!(plan.success_copy.as_deref(), Some(Path::new("s.csv")));
    assert_eq!(plan.error_copy.as_deref(), Some(Path::new("e.csv")));
}

#[test]
fn every_fault_is_refused_by_name() {
    let long = "a".repeat(101);
    let cases: [&[&str]; 21] = [
        &[],
        &["Account"],
        &["-f", "a.csv"],
        &["Account", ""],
        &["a.csv", "Account"],
        &["Account", "a.csv", "-s", "Contact"],
        &["../x", "a.csv"],
        &["Account", "a.csv", "--chunk-rows", "0"],
        &["Account", "a.csv", "--chunk-rows", "1000001"],
        &["Account", "a.csv", "--chunk-bytes", "100000001"],
        &["Account", "a.csv", "--parallel", "0"],
        &["Account", "a.csv", "--parallel", "26"],
        &["Account", "a.csv", "--limit", "0"],
        &["Account", "a.csv", "--encoding", "utf-9"],
        &["Account", "a.csv", "--run-name", "../x"],
        &["Account", "a.csv", "--run-name", ".x"],
        &["Account", "a.csv", "--run-name", ""],
        &["Account", "a.csv", "--run-name", &long],
        &["Account", "a.csv", "--success", "x.csv", "--error", "x.csv"],
        &["Account", "a.csv", "--error", "a.csv"],
        &["Account", "a.csv", "--parallel", "0", "--limit", "0"],
    ];
    let refused = |words: &&[&str]| refused(words).replace(&long, "a × 101");
    let messages: Vec<String> = cases.iter().map(refused).collect();
    insta::assert_snapshot!(folded(&messages.join("\n")), @"
    2 things are wrong with what was asked
    no object is given: name it first, or with `--sobject`
    no file is given: name it after the object, or with `--file`
    no file is given: name it after the object, or with `--file`
    no object is given: name it first, or with `--sobject`
    no file is given: name it after the object, or with `--file`
    object `a.csv` is not an API name: a letter, then letters, digits and underscores
    `a.csv` is one word too many
    object `../x` is not an API name: a letter, then letters, digits and underscores
    `--chunk-rows` takes 1 to 1000000, not 0
    `--chunk-rows` takes 1 to 1000000, not 1000001
    `--chunk-bytes` takes 1 to 100000000, not 100000001
    `--parallel` takes 1 to 25, not 0
    `--parallel` takes 1 to 25, not 26
    `--limit` takes 1 or more, not 0
    `--encoding`: `utf-9` is not an encoding we know
    `--run-name`: `../x` cannot be the name of a folder: a letter or digit, then
        ~ letters, digits, `-`, `_` and `.`, at most 100
    `--run-name`: `.x` cannot be the name of a folder: a letter or digit, then letters,
        ~ digits, `-`, `_` and `.`, at most 100
    `--run-name`: `` cannot be the name of a folder: a letter or digit, then letters,
        ~ digits, `-`, `_` and `.`, at most 100
    `--run-name`: `a × 101` cannot be the name of a folder: a letter or digit, then
        ~ letters, digits, `-`, `_` and `.`, at most 100
    `--success` and `--error` name the same file
    `--error` would overwrite the input file `a.csv`
    2 things are wrong with what was asked
    `--parallel` takes 1 to 25, not 0
    `--limit` takes 1 or more, not 0
    ");
}

#[test]
fn a_mapping_file_must_be_there_and_must_not_be_overwritten() {
    let map = ["Account", "a.csv", "--map", "no-such-map.toml"];
    assert!(refused(&map).contains("no-such-map.toml"));
    let message = refused(&[&map[..], &["--success", "no-such-map.toml"]].concat());
    assert!(message.starts_with("2 things are wrong with what was asked\n"), "{message}");
    assert!(message.contains("`--success` would overwrite the mapping file"), "{message}");
}

#[test]
fn the_way_out_of_swapped_words_is_told() {
    let failure = plan(&["a.csv", "Account"]).unwrap_err();
    assert_eq!(failure.hints, ["the object comes first, then the file"]);
}

#[test]
fn words_fill_what_no_flag_gives() {
    for words in [
        &["Account", "a.csv"][..],
        &["-s", "Account", "a.csv"],
        &["-f", "a.csv", "Account"],
        &["-f", "a.csv", "-s", "Account"],
    ] {
        let plan = plan(words).unwrap();
        assert_eq!(plan.object.as_str(), "Account", "{words:?}");
        assert_eq!(plan.input.source, Source::File("a.csv".into()), "{words:?}");
    }
}

#[test]
fn the_project_file_ranks_below_flags_and_above_defaults() {
    let defaults = Defaults {
        parallel: Some(7),
        chunk_rows: Some(500),
        column_delimiter: Some("semicolon".to_owned()),
        on_bad_row: Some("stop".to_owned()),
        nulls: Some("clear".to_owned()),
        runs_dir: Some("elsewhere".into()),
        target_org: Some("practice".to_owned()),
        ..Defaults::default()
    };
    let load = given(&["Account", "a.csv", "--parallel", "3", "--on-bad-row", "reject"]);
    let plan = load_plan(Operation::Update, &load, Extra::default(), &defaults).unwrap();
    assert_eq!((plan.parallel, plan.chunk_rows), (3, 500));
    assert_eq!(plan.input.delimiter, Some(Delimiter::Semicolon));
    assert_eq!((plan.on_bad_row, plan.nulls), (OnBadRow::Reject, Nulls::Clear));
    assert_eq!(plan.runs_dir, Path::new("elsewhere"));
    assert_eq!(target_org(Some("demo"), &defaults), Some("demo"));
    assert_eq!(target_org(None, &defaults), Some("practice"));
    let insert = load_plan(Operation::Insert, &load, Extra::default(), &defaults).unwrap();
    assert_eq!(insert.nulls, Nulls::Ignore);
}

#[test]
fn faults_of_the_project_file_name_it() {
    let defaults = Defaults {
        parallel: Some(99),
        api: Some("soap".to_owned()),
        encoding: Some("x".to_owned()),
        ..Defaults::default()
    };
    let load = given(&["Account", "a.csv"]);
    let failure = load_plan(Operation::Insert, &load, Extra::default(), &defaults).unwrap_err();
    insta::assert_snapshot!(failure.message, @"
    3 things are wrong with what was asked
    `parallel` in `longshore.toml` takes 1 to 25, not 99
    `api` in `longshore.toml` takes `auto`, `bulk2`, not `soap`
    `encoding` in `longshore.toml`: `x` is not an encoding we know
    ");
}

#[test]
fn an_external_id_is_a_field_name() {
    let extra = |field| Extra { external_id: Some(field), ..Extra::default() };
    let load = given(&["Account", "a.csv"]);
    let defaults = Defaults::default();
    let plan = load_plan(Operation::Upsert, &load, extra("Legacy_Id__c"), &defaults).unwrap();
    assert_eq!(plan.external_id.as_deref(), Some("Legacy_Id__c"));
    let failure = load_plan(Operation::Upsert, &load, extra("Legacy Id"), &defaults).unwrap_err();
    assert!(failure.message.starts_with("`--external-id`: `Legacy Id` is not an API name"));
}

#[test]
fn every_flag_has_its_environment_variable() {
    fn visit(command: &clap::Command) {
        for arg in command.get_arguments() {
            let (Some(long), id) = (arg.get_long(), arg.get_id()) else { continue };
            // A hidden flag is there to be refused with a word on the way out.
            if matches!(id.as_str(), "help" | "version") || arg.is_hide_set() {
                continue;
            }
            let wanted = format!("LONGSHORE_{}", long.to_uppercase().replace('-', "_"));
            let has = arg.get_env().map(|name| name.to_string_lossy().into_owned());
            assert_eq!(has, Some(wanted), "{} --{long}", command.get_name());
        }
        command.get_subcommands().for_each(visit);
    }
    visit(&args::command());
}

/// What the next test's child prints.
#[test]
#[ignore = "run by `the_environment_ranks_between_flags_and_the_project_file`"]
fn child() {
    let defaults = Defaults { parallel: Some(7), chunk_rows: Some(500), ..Defaults::default() };
    let load = given(&["Account", "b.csv", "--parallel", "3"]);
    match load_plan(Operation::Insert, &load, Extra::default(), &defaults) {
        Ok(plan) => println!(
            "plan: {} {} {} {:?} {} {}",
            plan.object,
            plan.parallel,
            plan.chunk_rows,
            plan.input.source,
            load.manners.json,
            load.manners.verbose
        ),
        Err(failure) => println!("fault: {}", failure.message),
    }
}

#[test]
fn the_environment_ranks_between_flags_and_the_project_file() {
    let run = |variables: &[(&str, &str)]| {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "--nocapture", "cli::resolve::tests::child"])
            .envs(variables.iter().copied())
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let from = text.find("plan: ").or_else(|| text.find("fault: ")).unwrap();
        text[from..].lines().next().unwrap().to_owned()
    };
    let variables = [
        ("LONGSHORE_PARALLEL", "5"),
        ("LONGSHORE_CHUNK_ROWS", "600"),
        ("LONGSHORE_SOBJECT", "Contact"),
        ("LONGSHORE_FILE", "a.csv"),
        ("LONGSHORE_JSON", "yes"),
        ("LONGSHORE_VERBOSE", "2"),
    ];
    assert_eq!(run(&variables), r#"plan: Account 3 600 File("b.csv") true 2"#);
    assert_eq!(
        run(&[("LONGSHORE_CHUNK_ROWS", "0")]),
        "fault: `LONGSHORE_CHUNK_ROWS` takes 1 to 1000000, not 0"
    );
}
