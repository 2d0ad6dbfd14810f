//! The files of `fixtures/dataloader/sdl/`, an oddity each, and mappings written and read back.

use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::model::failure::Explain;

/// What a file comes to, in a form that is easily held in a file.
fn told(bytes: &[u8]) -> String {
    let mut text = String::new();
    match parse(bytes, "m.sdl") {
        Ok(spec) => {
            assert_eq!((spec.dialect, spec.unmapped), (Dialect::DataLoader, Unmapped::Ignore));
            assert_eq!(spec.digest, Digest::of(bytes));
            for Rule { target, source, transforms, place, lookup: _ } in &spec.rules {
                let source = match source {
                    RuleSource::Constant(text) => format!("constant {text:?}"),
                    RuleSource::Column(column) => format!("column {column:?}"),
                    RuleSource::Columns { columns, separator, keep_empty: true } => {
                        assert_eq!(separator, ", ");
                        format!("columns {columns:?}")
                    }
                    other @ RuleSource::Columns { .. } => panic!("{other:?}"),
                };
                let trim = match &transforms[..] {
                    [] => "",
                    [Transform::Trim] => ", trimmed",
                    other => panic!("{other:?}"),
                };
                writeln!(text, "{}: {target} = {source}{trim}", place.line).unwrap();
            }
        }
        Err(error) => {
            writeln!(text, "error: {error}").unwrap();
            error.hints().iter().for_each(|hint| writeln!(text, "hint: {hint}").unwrap());
        }
    }
    text
}

#[test]
fn each_file_comes_to_what_is_expected_of_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dataloader/sdl");
    let expected = std::fs::read_to_string(folder.join("expected.txt")).unwrap();
    let mut cases = 0;
    let mut wrong = String::new();
    for case in expected.split("== ").skip(1) {
        let (file, says) = case.split_once('\n').unwrap();
        let told = told(&std::fs::read(folder.join(file)).unwrap());
        if told.trim_end() != says.trim_end() {
            write!(wrong, "== {file}\n{told}\n").unwrap();
        }
        cases += 1;
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    let files = std::fs::read_dir(&folder).unwrap();
    let files = files.filter(|file| {
        file.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "sdl")
    });
    assert_eq!(files.count(), cases, "a file without an expectation, or the reverse");
    assert!(cases >= 40, "{cases} files");
}

fn column() -> impl Strategy<Value = String> {
    let odd = "[A-Za-z0-9:=#!\\\\\"\u{e4}\u{20ac}\u{1f4e6} .-]{1,8}";
    odd.prop_map(|text| format!("x{}", text.trim_end()))
}

fn says() -> impl Strategy<Value = RuleSource> {
    let columns = prop::collection::vec(column(), 2..4);
    prop_oneof![
        any::<String>().prop_map(RuleSource::Constant),
        column().prop_map(RuleSource::Column),
        columns.prop_map(|columns| RuleSource::Columns {
            columns,
            separator: ", ".to_owned(),
            keep_empty: true
        }),
    ]
}

fn target() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[A-Z][a-z_]{1,6}",
        1 => "[A-Z][a-z_]{1,6}\\.[A-Z][a-z_]{1,6}",
        1 => "[A-Z][a-z_]{1,6}:[A-Z][a-z_]{1,6}\\.[A-Z][a-z_]{1,6}",
    ]
}

/// Rules without their places, in the order of their fields: a source has one line.
fn bare(rules: &[Rule]) -> Vec<(String, RuleSource, Vec<Transform>)> {
    let bare = rules
        .iter()
        .map(|rule| (rule.target.clone(), rule.source.clone(), rule.transforms.clone()));
    let mut bare: Vec<_> = bare.collect();
    bare.sort_by(|one, other| one.0.cmp(&other.0));
    bare
}

proptest! {
    /// The oracle is the mapping itself.
    #[test]
    fn what_is_written_is_read_back(
        fields in prop::collection::btree_map(target(), says(), 1..8),
    ) {
        let rule = |(target, source): (String, RuleSource)| {
            let is_constant = matches!(source, RuleSource::Constant(_));
            let trims = target.contains('.') && !is_constant;
            let transforms = if trims { vec![Transform::Trim] } else { Vec::new() };
            Rule { target, source, transforms, lookup: None, place: Place { line: 1, column: 1 } }
        };
        // Fields that differ in case only are one field.
        let mut seen = std::collections::BTreeSet::new();
        let fields = fields.into_iter().filter(|(name, _)| seen.insert(name.to_lowercase()));
        let spec = MappingSpec {
            name: "m.sdl".to_owned(),
            digest: Digest::of(b""),
            rules: fields.map(rule).collect(),
            unmapped: Unmapped::Ignore,
            dialect: Dialect::DataLoader,
            missing: Missing::Refuse,
        };
        let text = write(&spec).unwrap();
        prop_assert!(text.is_ascii());
        let read = parse(text.as_bytes(), "m.sdl").map_err(|error| format!("{error}\n{text}"));
        prop_assert_eq!(read.map(|read| bare(&read.rules)), Ok(bare(&spec.rules)));
    }

    #[test]
    fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(spec) = parse(&bytes, "m.sdl")
            && let Ok(text) = write(&spec)
        {
            let again = parse(text.as_bytes(), "m.sdl").unwrap();
            prop_assert_eq!(bare(&again.rules), bare(&spec.rules));
        }
    }
}

#[test]
fn what_data_loader_cannot_say_is_not_written() {
    for (line, says) in [
        (
            r#"A = { columns = ["x", "y"] }"#,
            "`A` cannot stand in a mapping of Data Loader: it joins columns with `, ` and keeps the empty ones",
        ),
        (
            r#"A = { column = "x", transforms = ["upper"] }"#,
            "`A` cannot stand in a mapping of Data Loader: there are no transforms there",
        ),
        (
            r#""P.A" = "x""#,
            "`P.A` cannot stand in a mapping of Data Loader: a key of another record is trimmed there, and nothing else is done to it",
        ),
        (
            r#"A = "x, y""#,
            "`A` cannot stand in a mapping of Data Loader: a column with a comma, or with blanks around it, cannot be named there",
        ),
        (
            r#"A = '"x"'"#,
            "`A` cannot stand in a mapping of Data Loader: a column in quotes would be a constant there",
        ),
        (
            r#""A-B" = "x""#,
            "`A-B` cannot stand in a mapping of Data Loader: the name of the field is none there",
        ),
    ] {
        let spec = MappingSpec::parse(&format!("[fields]\n{line}\n"), "m.toml").unwrap();
        assert_eq!(write(&spec).unwrap_err().to_string(), says, "{line}");
    }
}
