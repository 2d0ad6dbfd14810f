//! Every mapping that can be said is read as it was said. The oracle is the mapping itself, written
//! down as TOML by a few lines that know nothing of the parser.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

/// A TOML text in quotes, with everything escaped that is not a plain letter or digit.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        if character.is_ascii_alphanumeric() {
            out.push(character);
        } else {
            let _ = write!(out, "\\U{:08X}", u32::from(character));
        }
    }
    out + "\""
}

fn list(texts: &[String]) -> String {
    let items: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("[{}]", items.join(", "))
}

fn written(transform: &Transform) -> String {
    match transform {
        Transform::Trim => "\"trim\"".to_owned(),
        Transform::Upper => "'upper'".to_owned(),
        Transform::NullIf(texts) => format!("{{ null_if = {} }}", list(texts)),
        Transform::Default(text) => format!("{{ default = {} }}", quoted(text)),
        Transform::Prefix(text) => format!("{{ prefix = {} }}", quoted(text)),
        Transform::Replace { from, to } => {
            format!("{{ replace = {{ to = {}, from = {} }} }}", quoted(to), quoted(from))
        }
        Transform::Truncate(count) => format!("{{ truncate = {count} }}"),
        Transform::Values { list, otherwise } => {
            let pairs = list.iter().map(|(from, to)| format!("{} = {}", quoted(from), quoted(to)));
            let otherwise = match otherwise {
                Otherwise::Error => "\"error\"".to_owned(),
                Otherwise::Keep => "\"keep\"".to_owned(),
                Otherwise::Value(text) => format!("{{ value = {} }}", quoted(text)),
            };
            let pairs: Vec<String> = pairs.collect();
            format!("{{ values = {{ {} }}, otherwise = {otherwise} }}", pairs.join(", "))
        }
        Transform::Number(NumberForm { decimal, group }) => {
            let group = group.map(|sign| format!(", group = {}", quoted(&sign.to_string())));
            let decimal = quoted(&decimal.to_string());
            format!("{{ number = {{ decimal = {decimal}{} }} }}", group.unwrap_or_default())
        }
        other => unreachable!("{other:?} is not made here"),
    }
}

fn written_rule(rule: &Rule) -> String {
    let transforms: Vec<String> = rule.transforms.iter().map(written).collect();
    let transforms = match &transforms[..] {
        [] => String::new(),
        some => format!(", transforms = [{}]", some.join(", ")),
    };
    let target = quoted(&rule.target);
    let lookup = rule.lookup.as_ref().map(written_lookup).unwrap_or_default();
    let transforms = transforms + &lookup;
    match &rule.source {
        RuleSource::Constant(text) => {
            format!("{target} = {{ constant = {}{lookup} }}", quoted(text))
        }
        RuleSource::Column(column) if transforms.is_empty() => {
            format!("{target} = {}", quoted(column))
        }
        RuleSource::Column(column) => {
            format!("{target} = {{ column = {}{transforms} }}", quoted(column))
        }
        RuleSource::Columns { columns, separator, keep_empty } => format!(
            "{target} = {{ separator = {}, columns = {}, keep_empty = {keep_empty}{transforms} }}",
            quoted(separator),
            list(columns)
        ),
    }
}

fn written_lookup(lookup: &Lookup) -> String {
    let from = match &lookup.from {
        LookupFrom::Object { object, fields, filter } => {
            let filter = filter.as_ref().map(|text| format!(", where = {}", quoted(text)));
            let (object, filter) = (quoted(object), filter.unwrap_or_default());
            format!("object = {object}, match = {}{filter}", list(fields))
        }
        LookupFrom::File { path, key, value } => {
            let path = quoted(path.to_str().unwrap());
            format!("file = {path}, key = {}, value = {}", quoted(key), quoted(value))
        }
        LookupFrom::Step { step, key } => {
            format!("step = {}, key = {}", quoted(step), quoted(key))
        }
    };
    let case = if lookup.case == LetterCase::Exact { ", case = \"exact\"" } else { "" };
    let fallback = |fallback: &Fallback| match fallback {
        Fallback::Error => "\"error\"".to_owned(),
        Fallback::Reject => "\"reject\"".to_owned(),
        Fallback::Skip => "\"skip\"".to_owned(),
        Fallback::Default(text) => format!("{{ default = {} }}", quoted(text)),
    };
    let (missing, many) = (fallback(&lookup.on_missing), fallback(&lookup.on_many));
    format!(", lookup = {{ {from}{case}, on_missing = {missing}, on_many = {many} }}")
}

fn lookup() -> impl Strategy<Value = Option<Lookup>> {
    let fallback = || {
        prop_oneof![
            Just(Fallback::Error),
            Just(Fallback::Reject),
            Just(Fallback::Skip),
            text().prop_map(Fallback::Default)
        ]
    };
    let fields = prop::collection::btree_set("[A-Z]{1,5}", 1..4);
    let from = prop_oneof![
        (name(), fields, prop::option::of(name())).prop_map(|(object, fields, filter)| {
            LookupFrom::Object { object, fields: fields.into_iter().collect(), filter }
        }),
        ("[a-z]{1,8}", name(), name()).prop_map(|(path, key, value)| LookupFrom::File {
            path: path.into(),
            key,
            value
        }),
        (name(), name()).prop_map(|(step, key)| LookupFrom::Step { step, key }),
    ];
    let case = prop::sample::select(vec![LetterCase::Ignore, LetterCase::Exact]);
    prop::option::of(
        (from, case, fallback(), fallback()).prop_map(|(from, case, on_missing, on_many)| Lookup {
            from,
            case,
            on_missing,
            on_many,
        }),
    )
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[A-Za-z_.]{0,8}", 1 => any::<String>(), 1 => "[ \"'\\\\\n\t#=]{0,4}"]
}

fn name() -> impl Strategy<Value = String> {
    (text(), "[A-Za-z]").prop_map(|(text, letter)| text + &letter)
}

fn transform() -> impl Strategy<Value = Transform> {
    let otherwise = prop_oneof![
        Just(Otherwise::Error),
        Just(Otherwise::Keep),
        text().prop_map(Otherwise::Value)
    ];
    prop_oneof![
        Just(Transform::Trim),
        Just(Transform::Upper),
        prop::collection::vec(text(), 1..3).prop_map(Transform::NullIf),
        text().prop_map(Transform::Default),
        text().prop_map(Transform::Prefix),
        (name(), text()).prop_map(|(from, to)| Transform::Replace { from, to }),
        (1_usize..9_999).prop_map(Transform::Truncate),
        (prop::collection::btree_map(text(), text(), 1..4), otherwise)
            .prop_map(|(list, otherwise)| Transform::Values { list, otherwise }),
        prop::sample::select(vec![('.', None), (',', Some('.')), ('.', Some(' '))])
            .prop_map(|(decimal, group)| Transform::Number(NumberForm { decimal, group })),
    ]
}

/// Those that the few lines above do not write, too.
fn any_transform() -> impl Strategy<Value = Transform> {
    let dates = vec!["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y"];
    let date = |format: &str| Transform::Date(DateFormat::new(format).unwrap());
    let zones = vec!["UTC", "Europe/Berlin", "+02:00", "CET-1CEST,M3.5.0,M10.5.0/3"];
    let moment = |zone: &str| {
        Transform::DateTime(DateTimeFormat::new("%d.%m.%Y %H:%M", Some(zone)).unwrap())
    };
    let words = |yes: &[&str], no: &[&str]| {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Transform::Boolean(BooleanWords { yes: owned(yes), no: owned(no) })
    };
    let others = vec![
        Transform::CollapseSpaces,
        Transform::Lower,
        Transform::Digits,
        Transform::Id18,
        Transform::Boolean(BooleanWords::default()),
        words(&["ja", "\"da\""], &["nein"]),
        Transform::DateTime(DateTimeFormat::new("%Y-%m-%dT%H:%M:%S%:z", None).unwrap()),
    ];
    prop_oneof![
        4 => transform(),
        2 => prop::sample::select(others),
        1 => text().prop_map(Transform::Suffix),
        1 => prop::sample::select(dates).prop_map(date),
        1 => prop::sample::select(zones).prop_map(moment),
    ]
}

/// What a rule says, without its field, its lookup and its place.
type Says = (RuleSource, Vec<Transform>);

fn says(transform: impl Strategy<Value = Transform> + Clone) -> impl Strategy<Value = Says> {
    let transforms = || prop::collection::vec(transform.clone(), 0..4);
    prop_oneof![
        text().prop_map(|text| (RuleSource::Constant(text), Vec::new())),
        (name(), transforms()).prop_map(|(column, list)| (RuleSource::Column(column), list)),
        (prop::collection::vec(name(), 1..4), text(), any::<bool>(), transforms()).prop_map(
            |(columns, separator, keep_empty, list)| {
                (RuleSource::Columns { columns, separator, keep_empty }, list)
            }
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::default())]

    #[test]
    fn what_a_mapping_says_is_what_is_read(
        fields in prop::collection::btree_map(name(), (says(transform().boxed()), lookup()), 1..6),
        refuse in any::<bool>(),
        gap in 0_usize..3,
        ending in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let mut toml = format!("[fields]{ending}");
        let mut rules = Vec::new();
        let fields: BTreeMap<String, (Says, Option<Lookup>)> = fields;
        for (target, ((source, transforms), lookup)) in fields {
            toml += &format!("# a note{ending}").repeat(gap);
            let line = toml.matches('\n').count() + 1;
            let place = Place { line, column: 3 };
            let rule = Rule { target, source, transforms, lookup, place };
            let _ = write!(toml, "  {}{ending}", written_rule(&rule));
            rules.push(rule);
        }
        let unmapped = if refuse { Unmapped::Refuse } else { Unmapped::Ignore };
        let word = if refuse { "refuse" } else { "ignore" };
        let _ = write!(toml, "[options]{ending}unmapped = \"{word}\"");
        let digest = Digest::of(toml.as_bytes());
        let said = MappingSpec { name: "m.toml".to_owned(), digest, rules, unmapped, dialect: Dialect::Ours, missing: Missing::Refuse };
        let read = MappingSpec::parse(&toml, "m.toml");
        prop_assert_eq!(read.map_err(|error| format!("{error}\n{toml}")), Ok(said));
    }

    #[test]
    fn what_is_written_is_read_as_the_same_mapping(
        fields in prop::collection::btree_map(
            name(), (says(any_transform().boxed()), lookup()), 1..6),
        (refuse, ignore, theirs) in any::<(bool, bool, bool)>(),
    ) {
        let place = Place { line: 1, column: 1 };
        let rules = fields.into_iter().map(|(target, ((source, transforms), lookup))| {
            Rule { target, source, transforms, lookup, place }
        });
        let mut said = MappingSpec {
            name: "m.toml".to_owned(),
            digest: Digest::of(b""),
            rules: rules.collect(),
            unmapped: if refuse { Unmapped::Refuse } else { Unmapped::Ignore },
            dialect: if theirs { Dialect::DataLoader } else { Dialect::Ours },
            missing: if ignore { Missing::Ignore } else { Missing::Refuse },
        };
        let text = write(&said).unwrap();
        let read = MappingSpec::parse(&text, "m.toml");
        let mut read = read.map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        read.rules.iter_mut().for_each(|rule| rule.place = place);
        said.digest = read.digest;
        prop_assert_eq!(read, said);
    }
}
