mod properties;

use insta::assert_snapshot;

use super::*;
use crate::model::failure::Explain;

/// The message and the hints of a refusal, as a person sees them.
fn refusal(text: &str) -> String {
    let error = MappingSpec::parse(text, "m.toml").expect_err("the mapping is refused");
    assert_eq!(error.blame().exit_code(), 2);
    let hints = error.hints().into_iter().map(|hint| format!("\nhint: {hint}"));
    format!("{error}{}", hints.collect::<String>())
}

fn one_rule(line: &str) -> Rule {
    let spec = MappingSpec::parse(&format!("[fields]\n{line}\n"), "m.toml").unwrap();
    spec.rules.into_iter().next().unwrap()
}

#[test]
fn a_whole_mapping_is_read_in_file_order() {
    let spec = MappingSpec::parse(
        r#"
[fields]
PermissionSetId = { constant = "0PS000000000001" }
AssigneeId = "User Id"
Name = { columns = ["First", "Last"], separator = ", ", keep_empty = true }
"Owner.Username" = { column = "Login", transforms = ["trim", "lower"] }

[options]
unmapped = "refuse"
"#,
        "m.toml",
    )
    .unwrap();
    assert_eq!(spec.targets(), ["PermissionSetId", "AssigneeId", "Name", "Owner.Username"]);
    assert_eq!(spec.unmapped, Unmapped::Refuse);
    assert_eq!(spec.rules[0].source, RuleSource::Constant("0PS000000000001".to_owned()));
    assert_eq!(spec.rules[1].source, RuleSource::Column("User Id".to_owned()));
    assert_eq!(
        spec.rules[2].source,
        RuleSource::Columns {
            columns: vec!["First".to_owned(), "Last".to_owned()],
            separator: ", ".to_owned(),
            keep_empty: true,
        }
    );
    assert_eq!(spec.rules[3].transforms, [Transform::Trim, Transform::Lower]);
    assert_eq!(spec.rules[3].place, Place { line: 6, column: 1 });
}

#[test]
fn what_is_not_said_has_its_default() {
    let spec = MappingSpec::parse("[fields]\nA = { columns = [\"B\"] }", "m.toml").unwrap();
    assert_eq!(spec.unmapped, Unmapped::Ignore);
    let RuleSource::Columns { separator, keep_empty, .. } = &spec.rules[0].source else {
        panic!("not joined: {spec:?}");
    };
    assert_eq!((separator.as_str(), *keep_empty), (" ", false));
}

#[test]
fn a_rule_without_its_column_may_be_passed_over() {
    for (option, missing) in [
        ("", Missing::Refuse),
        ("[options]\nmissing = \"refuse\"", Missing::Refuse),
        ("[options]\nmissing = \"ignore\"", Missing::Ignore),
    ] {
        let spec = MappingSpec::parse(&format!("[fields]\nA = \"B\"\n{option}\n"), "m.toml");
        assert_eq!(spec.unwrap().missing, missing, "{option}");
    }
}

#[test]
fn a_mapping_may_speak_as_data_loader_does() {
    for (option, dialect) in [
        ("", Dialect::Ours),
        ("[options]\ndialect = \"longshore\"", Dialect::Ours),
        ("[options]\ndialect = \"data-loader\"", Dialect::DataLoader),
    ] {
        let spec = MappingSpec::parse(&format!("[fields]\nA = \"B\"\n{option}\n"), "m.toml");
        assert_eq!(spec.unwrap().dialect, dialect, "{option}");
    }
}

#[test]
fn constants_may_be_texts_whole_numbers_and_truths() {
    for (line, expected) in [
        ("A = { constant = \"\" }", ""),
        ("A = { constant = \"1.10\" }", "1.10"),
        ("A = { constant = 12 }", "12"),
        ("A = { constant = true }", "true"),
    ] {
        assert_eq!(one_rule(line).source, RuleSource::Constant(expected.to_owned()), "{line}");
    }
}

#[test]
fn each_transform_is_read() {
    let words = |list: &[&str]| list.iter().copied().map(str::to_owned).collect::<Vec<_>>();
    let list = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
    };
    let cases = [
        ("\"trim\"", Transform::Trim),
        ("\"collapse_spaces\"", Transform::CollapseSpaces),
        ("\"upper\"", Transform::Upper),
        ("\"lower\"", Transform::Lower),
        ("\"digits\"", Transform::Digits),
        ("{ null_if = \"-\" }", Transform::NullIf(words(&["-"]))),
        ("{ null_if = [\"-\", \"n/a\"] }", Transform::NullIf(words(&["-", "n/a"]))),
        ("{ default = \"x\" }", Transform::Default("x".to_owned())),
        ("{ prefix = \"x\" }", Transform::Prefix("x".to_owned())),
        ("{ suffix = \"x\" }", Transform::Suffix("x".to_owned())),
        (
            "{ replace = { from = \"a\", to = \"\" } }",
            Transform::Replace { from: "a".to_owned(), to: String::new() },
        ),
        ("{ truncate = 3 }", Transform::Truncate(3)),
        (
            "{ values = { B = \"2\", A = \"1\" }, otherwise = { value = \"0\" } }",
            Transform::Values {
                list: list(&[("B", "2"), ("A", "1")]),
                otherwise: Otherwise::Value("0".to_owned()),
            },
        ),
        (
            "{ values = { A = \"1\" }, otherwise = \"keep\" }",
            Transform::Values { list: list(&[("A", "1")]), otherwise: Otherwise::Keep },
        ),
        (
            "{ values = { A = \"1\" } }",
            Transform::Values { list: list(&[("A", "1")]), otherwise: Otherwise::Error },
        ),
        ("{ date = \"%d/%m/%Y\" }", Transform::Date(DateFormat::new("%d/%m/%Y").unwrap())),
        (
            "{ datetime = { format = \"%d.%m.%Y %H:%M\", zone = \"+02:00\" } }",
            Transform::DateTime(DateTimeFormat::new("%d.%m.%Y %H:%M", Some("+02:00")).unwrap()),
        ),
        (
            "{ number = { decimal = \",\", group = \".\" } }",
            Transform::Number(NumberForm { decimal: ',', group: Some('.') }),
        ),
        ("{ number = {} }", Transform::Number(NumberForm { decimal: '.', group: None })),
        ("\"boolean\"", Transform::Boolean(BooleanWords::default())),
        (
            "{ boolean = { true = \"ja\", false = [\"nein\", \"nie\"] } }",
            Transform::Boolean(BooleanWords { yes: words(&["ja"]), no: words(&["nein", "nie"]) }),
        ),
        ("\"id18\"", Transform::Id18),
    ];
    for (text, expected) in &cases {
        let line = format!("A = {{ column = \"B\", transforms = [{text}] }}");
        assert_eq!(one_rule(&line).transforms, std::slice::from_ref(expected), "{text}");
    }
    for name in TRANSFORM_NAMES {
        assert!(cases.iter().any(|(text, _)| text.contains(name)), "{name} has no case");
    }
}

#[test]
fn a_form_that_cannot_work_is_refused() {
    for format in ["%d/%m", "%Y-%d", "%m/%m/%Y", "%Y", "today", "%Q", "%d/%m/%Y %"] {
        assert!(DateFormat::new(format).is_err(), "{format}");
    }
    for format in ["%d/%m/%Y", "%Y-%m-%d", "%d.%m.%y", "%d %b %Y", "%Y%m%d", "%F"] {
        assert!(DateFormat::new(format).is_ok(), "{format}");
    }
    for (format, zone) in [
        ("%F %H:%M", None),
        ("%F %H:%M %z", Some("UTC")),
        ("%F %I:%M", Some("UTC")),
        ("%H:%M", Some("UTC")),
        ("%F %H:%M", Some("Mars/Olympus")),
    ] {
        assert!(DateTimeFormat::new(format, zone).is_err(), "{format} {zone:?}");
    }
    for (format, zone) in [
        ("%F %H:%M", Some("UTC")),
        ("%F", Some("-0330")),
        ("%F %I:%M %p", Some("Z")),
        ("%FT%H:%M:%S%:z", None),
        ("%s", None),
    ] {
        assert!(DateTimeFormat::new(format, zone).is_ok(), "{format} {zone:?}");
    }
}

#[test]
fn refusals_name_the_place_and_the_way_out() {
    assert_snapshot!(refusal("[fields"), @"m.toml:1:8: unclosed table, expected `]`");
    assert_snapshot!(refusal("[feilds]\nA = \"B\""), @"
    m.toml:1:2: unknown section `feilds`
    hint: did you mean `fields`?
    ");
    assert_snapshot!(refusal(""), @r#"
    m.toml:1:1: a mapping needs a section `[fields]`
    hint: a line in it looks like `LastName = "Family name"`
    "#);
    assert_snapshot!(refusal("[fields]"), @"m.toml:1:2: the section `[fields]` names no field");
    assert_snapshot!(refusal("[fields]\nA = \"B\"\nA = \"C\""), @"
    m.toml:3:1: `A` is there a second time
    hint: keep one of them
    ");
    assert_snapshot!(refusal("[fields]\nOwner.Username = \"Login\""), @r#"
    m.toml:2:1: `Username` is no key of the field `Owner`
    hint: a relationship field is written in quotes: `"Owner.Username"`
    "#);
    assert_snapshot!(
        refusal("[fields]\nName = Acme"),
        @"m.toml:2:8: string values must be quoted, expected literal string"
    );
    assert_snapshot!(refusal("[fields]\nName = 12"), @r#"
    m.toml:2:8: the source of `Name` must be a column name in quotes or a table, not a whole number
    hint: for the same value in each row write `Name = { constant = "…" }`
    "#);
    assert_snapshot!(refusal("[fields]\nName = \"\""), @"m.toml:2:8: a column has no name");
    assert_snapshot!(refusal("[fields]\nA = { colum = \"B\" }"), @"
    m.toml:2:7: unknown key `colum`
    hint: did you mean `column`?
    ");
    assert_snapshot!(
        refusal("[fields]\nA = { separator = \"-\" }"),
        @"m.toml:2:5: `A` needs one of `column`, `columns`, `constant`; it has none"
    );
    assert_snapshot!(
        refusal("[fields]\nA = { column = \"B\", constant = \"C\" }"),
        @"
        m.toml:2:5: `A` needs one of `column`, `columns`, `constant`; it has `column` and `constant`
        "
    );
    assert_snapshot!(
        refusal("[fields]\nA = { column = \"B\", separator = \"C\" }"),
        @"m.toml:2:21: `separator` has no use beside `column`"
    );
    assert_snapshot!(
        refusal("[fields]\nA = { constant = \"B\", transforms = [\"trim\"] }"),
        @"m.toml:2:23: `transforms` has no use beside `constant`"
    );
    assert_snapshot!(
        refusal("[fields]\nA = { constant = 1.10 }"),
        @"m.toml:2:18: `constant` takes a text in quotes, not a number"
    );
    assert_snapshot!(
        refusal("[fields]\nA = { columns = [] }"),
        @"m.toml:2:17: `columns` names no column"
    );
    assert_snapshot!(refusal("[options]\nunmaped = \"ignore\"\n[fields]\nA = \"B\""), @"
    m.toml:2:1: unknown option `unmaped`
    hint: did you mean `unmapped`?
    ");
    assert_snapshot!(
        refusal("[fields]\nA = \"B\"\n[options]\nunmapped = \"drop\""),
        @"m.toml:4:12: `unmapped` is `ignore` or `refuse`, not `drop`"
    );
    assert_snapshot!(
        refusal("[fields]\nA = \"B\"\n[options]\nmissing = true"),
        @"m.toml:4:11: expected a text in quotes, not true or false"
    );
    assert_snapshot!(
        refusal("[fields]\nA = \"B\"\n[options]\nmissing = \"skip\""),
        @"m.toml:4:11: `missing` is `refuse` or `ignore`, not `skip`"
    );
    assert_snapshot!(
        refusal("[fields]\nA = \"B\"\n[options]\ndialect = \"sdl\""),
        @"m.toml:4:11: `dialect` is `longshore` or `data-loader`, not `sdl`"
    );
}

#[test]
fn a_lookup_is_read_with_its_defaults() {
    let rule =
        one_rule("A = { constant = \"x\", lookup = { object = \"User\", match = \"Username\" } }");
    let fields = vec!["Username".to_owned()];
    let from = LookupFrom::Object { object: "User".to_owned(), fields, filter: None };
    let (on_missing, on_many) = (Fallback::Reject, Fallback::Reject);
    let case = LetterCase::Ignore;
    assert_eq!(rule.lookup, Some(Lookup { from, case, on_missing, on_many }));
    // A file lies beside the mapping.
    let text = "[fields]\nA = { column = \"x\", lookup = { file = \"ids.csv\", key = \"k\", \
                value = \"v\" } }";
    let spec = MappingSpec::parse(text, "maps/m.toml").unwrap();
    assert!(spec.looks_up());
    let lookup = spec.rules[0].lookup.as_ref().unwrap();
    assert!(matches!(&lookup.from, LookupFrom::File { path, .. } if path == "maps/ids.csv"));
}

#[test]
fn refusals_of_lookups_name_the_place_and_the_way_out() {
    let refusal =
        |lookup: &str| refusal(&format!("[fields]\nA = {{ column = \"B\", lookup = {lookup} }}"));
    assert_snapshot!(refusal("\"User\""), @r#"m.toml:2:30: expected a table such as `{ … }`, not a text"#);
    assert_snapshot!(refusal("{ match = \"Name\" }"), @r#"m.toml:2:30: a lookup needs `object`, `file` or `step`, and has none of them"#);
    assert_snapshot!(refusal("{ object = \"User\" }"), @r#"
    m.toml:2:30: `match` is missing
    hint: such as `match = "Name"`; a key is compared with it in `User`
    "#);
    assert_snapshot!(refusal("{ object = \"User\", file = \"a\" }"), @r#"m.toml:2:49: a lookup has `object` or `file`, not both"#);
    assert_snapshot!(refusal("{ object = \"\", match = \"a\" }"), @r#"m.toml:2:41: `object` is empty"#);
    assert_snapshot!(refusal("{ object = \"User\", mach = \"Name\" }"), @r#"
    m.toml:2:49: unknown key `mach`
    hint: did you mean `match`?
    "#);
    assert_snapshot!(refusal("{ object = \"User\", match = [] }"), @r#"m.toml:2:57: `match` takes a text in quotes or a list of them, not a list"#);
    assert_snapshot!(refusal("{ object = \"User\", match = [\"Name\", \"name\"] }"), @r#"m.toml:2:57: `match` names `name` twice"#);
    assert_snapshot!(refusal("{ object = \"User\", match = \"Name\", key = \"a\" }"), @r#"m.toml:2:65: `key` has no use beside `object`"#);
    assert_snapshot!(refusal("{ file = \"a\", match = \"Name\" }"), @r#"m.toml:2:44: `match` has no use beside `file`"#);
    assert_snapshot!(refusal("{ file = \"a\", key = \"k\" }"), @r#"m.toml:2:30: `value` is missing"#);
    assert_snapshot!(refusal("{ step = \"a\" }"), @r#"m.toml:2:30: `key` is missing"#);
    assert_snapshot!(refusal("{ step = \"a\", key = \"k\", value = \"v\" }"), @r#"m.toml:2:55: `value` has no use beside `step`"#);
    let with = |more: &str| refusal(&format!("{{ object = \"U\", match = \"N\", {more} }}"));
    assert_snapshot!(with("case = \"lower\""), @r#"m.toml:2:66: `case` is `ignore` or `exact`, not `lower`"#);
    assert_snapshot!(with("where = \" \""), @r#"m.toml:2:67: `where` is empty"#);
    assert_snapshot!(with("on_missing = \"fail\""), @r#"m.toml:2:72: `on_missing` is `error`, `reject`, `skip` or `{ default = "…" }`, not `fail`"#);
    assert_snapshot!(with("on_many = true"), @r#"m.toml:2:69: `on_many` is `error`, `reject`, `skip` or `{ default = "…" }`, not true or false"#);
    assert_snapshot!(with("on_many = { value = \"x\" }"), @r#"
    m.toml:2:71: unknown key `value`
    hint: known here: `default`
    "#);
}

#[test]
fn refusals_of_transforms_name_the_place_and_the_way_out() {
    let refusal =
        |list: &str| refusal(&format!("[fields]\nA = {{ column = \"B\", transforms = {list} }}"));
    assert_snapshot!(
        refusal("\"trim\""),
        @"m.toml:2:34: `transforms` takes a list in brackets, not a text"
    );
    assert_snapshot!(refusal("[\"trimm\"]"), @"
    m.toml:2:35: unknown transform `trimm`
    hint: did you mean `trim`?
    ");
    assert_snapshot!(refusal("[\"truncate\"]"), @"
    m.toml:2:35: the transform `truncate` must be told something
    hint: write it as `{ truncate = … }`
    ");
    assert_snapshot!(refusal("[{ upper = true }]"), @r#"
    m.toml:2:37: the transform `upper` takes nothing
    hint: write it as `"upper"`
    "#);
    assert_snapshot!(
        refusal("[{ prefix = \"a\", suffix = \"b\" }]"),
        @"m.toml:2:35: a transform has one name here, not 2"
    );
    assert_snapshot!(
        refusal("[{ truncate = 0 }]"),
        @"m.toml:2:48: `truncate` takes a number of characters, at least 1"
    );
    assert_snapshot!(
        refusal("[{ date = \"%d/%m\" }]"),
        @"m.toml:2:44: the format `%d/%m` does not hold a whole date"
    );
    assert_snapshot!(
        refusal("[{ datetime = { format = \"%F %H:%M\" } }]"),
        @"m.toml:2:48: the format `%F %H:%M` has no offset, so `zone` must say where it is"
    );
    assert_snapshot!(
        refusal("[{ number = { decimal = \",\", group = \",\" } }]"),
        @"m.toml:2:46: `decimal` and `group` are the same sign"
    );
    assert_snapshot!(
        refusal("[{ number = { decimal = \"comma\" } }]"),
        @"m.toml:2:58: a sign of a number is one character, no letter, digit, `+` or `-`"
    );
    assert_snapshot!(
        refusal("[{ boolean = { true = \"ja\" } }]"),
        @"m.toml:2:47: `boolean` needs the list `false`"
    );
    assert_snapshot!(
        refusal("[{ boolean = { true = \"ja\", false = \"JA\" } }]"),
        @"m.toml:2:47: `ja` is both true and false"
    );
    assert_snapshot!(
        refusal("[{ values = { A = \"B\" }, otherwise = \"skip\" }]"),
        @r#"m.toml:2:71: `otherwise` is `"error"`, `"keep"` or `{ value = "…" }`"#
    );
    assert_snapshot!(
        refusal("[{ replace = { from = \"\", to = \"x\" } }]"),
        @"m.toml:2:47: `from` of `replace` is empty"
    );
    assert_snapshot!(refusal("[{ replace = { from = \"a\" } }]"), @"m.toml:2:47: `to` is missing");
}

#[test]
fn a_file_is_read_and_its_absence_explained() {
    let folder = tempfile::tempdir().unwrap();
    let missing = MappingSpec::read(&folder.path().join("none.toml")).unwrap_err();
    assert!(matches!(missing, MappingError::Unreadable { .. }), "{missing}");
    let latin = folder.path().join("latin.toml");
    fs_write(&latin, b"[fields]\nName = \"Stra\xdfe\"");
    let latin = MappingSpec::read(&latin).unwrap_err();
    assert!(matches!(latin, MappingError::NotText { .. }), "{latin}");
    let bom = folder.path().join("bom.toml");
    fs_write(&bom, b"\xef\xbb\xbf[fields]\nName = \"B\"");
    assert_eq!(MappingSpec::read(&bom).unwrap().targets(), ["Name"]);
}

fn fs_write(path: &Path, bytes: &[u8]) {
    use std::io::Write as _;
    std::fs::File::create(path).unwrap().write_all(bytes).unwrap();
}
