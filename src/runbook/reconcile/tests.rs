//! Each check's own arithmetic against a naive oracle, over files as the reader reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;

use proptest::prelude::*;

use super::repeats::{Keys, compare};
use super::sampled::draw;
use super::source::{Walk, is_blank};
use super::totals::Added;
use super::*;
use crate::config::plan::Source as From;
use crate::model::schema::{FieldKind, FieldSchema};
use crate::pipeline::lookup::sort::Sorted;

fn source(folder: &Path, text: &str) -> Source {
    let path = folder.join("rows.csv");
    std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
    let input =
        Input { source: From::File(path), delimiter: None, line_ending: None, encoding: None };
    Source { name: "rows.csv".to_owned(), input }
}

fn walk(folder: &Path, text: &str, only: &[(&str, &str)]) -> Result<Walk, Failure> {
    let only: BTreeMap<String, String> =
        only.iter().map(|(column, text)| ((*column).to_owned(), (*text).to_owned())).collect();
    Walk::open(&source(folder, text), &only, &Stop::new())
}

fn field(kind: FieldKind, case_sensitive: bool) -> FieldSchema {
    FieldSchema {
        name: "Key__c".to_owned(),
        label: String::new(),
        kind,
        type_name: String::new(),
        length: 0,
        digits: 0,
        precision: 0,
        scale: 0,
        createable: true,
        updateable: true,
        nillable: true,
        defaulted_on_create: false,
        calculated: false,
        auto_number: false,
        html: false,
        external_id: false,
        id_lookup: false,
        unique: false,
        case_sensitive,
        restricted_picklist: false,
        picklist: Vec::new(),
        reference_to: Vec::new(),
        relationship_name: None,
        polymorphic: false,
    }
}

#[test]
fn rows_that_count_are_walked_and_others_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let text = "Stage,Amount\nWon,1\nLost,2\nwon,3\nWon,4,5\nWon,\n";
    let mut all = walk(folder.path(), text, &[]).unwrap();
    let mut lines = Vec::new();
    all.each(Some("amount"), |cell| {
        lines.push((cell.mark.line, String::from_utf8_lossy(cell.value).into_owned()));
        Ok(())
    })
    .unwrap();
    let line = |line, value: &str| (line, value.to_owned());
    assert_eq!(lines, [line(2, "1"), line(3, "2"), line(4, "3"), line(6, "")]);
    assert_eq!((all.passed.rows, all.passed.unreadable), (4, 1));
    let told = all.passed.told("rows.csv").unwrap();
    assert!(told.starts_with("1 row of `rows.csv` cannot be read; the first: "), "{told}");
    assert!(told.contains("rows.csv:5:"), "{told}");
    let mut won = walk(folder.path(), text, &[("Stage", "Won")]).unwrap();
    won.each(None, |_| Ok(())).unwrap();
    assert_eq!(won.passed.rows, 2);
    let wrong = walk(folder.path(), text, &[("Stag", "Won")]).err().unwrap();
    assert_eq!(wrong.message, "`rows.csv` has no column `Stag`");
    assert_eq!(wrong.hints, ["did you mean `Stage`?"]);
    let stop = Stop::new();
    stop.ask();
    let mut walk = Walk::open(&source(folder.path(), text), &BTreeMap::new(), &stop).unwrap();
    assert_eq!(
        walk.each(None, |_| Ok(())).unwrap_err().blame,
        crate::model::failure::Blame::Interrupted
    );
}

#[test]
fn cells_that_are_no_numbers_are_told() {
    let mut added = Added::default();
    for (line, cell) in ["1.10", "", "#N/A", " ", "2,5", "1e40", "-0.1"].iter().enumerate() {
        added.add(cell.as_bytes(), line as u64 + 2);
    }
    assert_eq!((added.sum.to_string(), added.odd_cells), ("1".to_owned(), 2));
    let told = ["line 6: `2,5` is no number", "line 7: `1e40` has too many digits to be added"];
    assert_eq!(added.odd, told);
}

/// Keys of both sides, compared by sorting.
fn repeated(field: &FieldSchema, sides: [&[String]; 2]) -> ([u64; 2], u64, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let sort = |name, values: &[String]| -> Sorted {
        let mut keys = Keys::new(folder.path(), name, field);
        for value in values {
            keys.push(value.as_bytes()).unwrap();
        }
        keys.finish().unwrap()
    };
    let (source, org) = (sort("source", sides[0]), sort("org", sides[1]));
    let found = compare(&source, &org).unwrap();
    (found.repeated, found.differ, found.told)
}

#[test]
fn keys_are_one_as_the_org_has_them() {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let (source, org) = (texts(&["a", "A", "b", "", "c", "c", "c"]), texts(&["a", "b", "b", "d"]));
    let (counts, differ, mut told) = repeated(&field(FieldKind::String, false), [&source, &org]);
    told.sort();
    assert_eq!((counts, differ), ([2, 1], 3));
    assert_eq!(
        told,
        [
            "`A` stands 2 times in the source and once in the org",
            "`b` stands once in the source and 2 times in the org",
            "`c` stands 3 times in the source and not in the org",
        ]
    );
    let (counts, ..) = repeated(&field(FieldKind::String, true), [&source, &org]);
    assert_eq!(counts, [1, 1]);
    let numbers = texts(&["7", "7.0", "70"]);
    assert_eq!(repeated(&field(FieldKind::Double, false), [&numbers, &[]]).0, [1, 0]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The oracle keeps all in memory, in whole cents and in sets.
    #[test]
    fn numbers_are_those_of_a_naive_oracle(
        rows in prop::collection::vec((0_u8..12, -100_000_i64..100_000, any::<bool>()), 0..80),
        org in prop::collection::vec(0_u8..12, 0..80),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut text = "Key,Amount,Kind\n".to_owned();
        for (key, cents, kept) in &rows {
            let sign = if *cents < 0 { "-" } else { "" };
            let cents = cents.unsigned_abs();
            let amount = match cents {
                0 => String::new(),
                _ => format!("{sign}{}.{:02}", cents / 100, cents % 100),
            };
            let key = if *key == 0 { String::new() } else { format!("K-{key}") };
            writeln!(text, "{key},{amount},{kept}").unwrap();
        }
        let mut walk = walk(folder.path(), &text, &[("Kind", "true")]).unwrap();
        let (mut added, mut blank) = (Added::default(), 0);
        walk.each(Some("Amount"), |cell| {
            added.add(cell.value, cell.mark.line);
            blank += u64::from(is_blank(cell.value));
            Ok(())
        }).unwrap();
        let kept: Vec<_> = rows.iter().filter(|row| row.2).collect();
        let cents: i64 = kept.iter().map(|row| row.1).sum();
        prop_assert_eq!(walk.passed.rows, kept.len() as u64);
        prop_assert_eq!(blank, kept.iter().filter(|row| row.1 == 0).count() as u64);
        let told = super::super::decimal::Decimal::parse(&format!("{cents}e-2")).unwrap();
        prop_assert_eq!(added.sum.to_string(), told.to_string());
        prop_assert_eq!(added.odd_cells, 0);

        let spelled = |keys: &mut dyn Iterator<Item = u8>| -> Vec<String> {
            keys.map(|key| if key == 0 { String::new() } else { format!("K-{key}") }).collect()
        };
        let sides = [spelled(&mut rows.iter().map(|row| row.0)), spelled(&mut org.iter().copied())];
        let times = |side: &[String], key: &str| side.iter().filter(|it| *it == key).count();
        let keys: BTreeSet<&String> = sides.iter().flatten().filter(|key| !key.is_empty()).collect();
        let of = |side: &[String]| keys.iter().filter(|key| times(side, key) > 1).count() as u64;
        let differ = keys.iter().filter(|key| {
            let (one, other) = (times(&sides[0], key), times(&sides[1], key));
            one.max(other) > 1 && one != other
        });
        let (counts, differing, told) =
            repeated(&field(FieldKind::String, false), [&sides[0], &sides[1]]);
        prop_assert_eq!(counts, [of(&sides[0]), of(&sides[1])]);
        prop_assert_eq!(differing, differ.count() as u64);
        prop_assert_eq!(told.len() as u64, differing.min(TOLD as u64));
    }
}

/// Every row is drawn about as often as any other, the same rows from the same seed.
#[test]
fn rows_are_drawn_by_chance_and_again_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<String> = (0..50).map(|row| row.to_string()).collect();
    let text = format!("Name\n{}\n", rows.join("\n"));
    let drawn = |rows, seed| draw(walk(folder.path(), &text, &[]).unwrap(), rows, seed).unwrap();
    assert_eq!(drawn(10, 7), drawn(10, 7));
    assert_ne!(drawn(10, 7), drawn(10, 8));
    assert_eq!(drawn(99, 7), (1..=50).collect::<Vec<u64>>());
    assert_eq!(drawn(0, 7), [0; 0]);
    let mut times = [0_u32; 51];
    for seed in 0..120 {
        let rows = drawn(10, seed);
        assert!(rows.len() == 10 && rows.windows(2).all(|pair| pair[0] < pair[1]), "{rows:?}");
        for row in rows {
            times[usize::try_from(row).unwrap()] += 1;
        }
    }
    // 24 expected, 4.4 one standard deviation.
    assert!(times[1..].iter().all(|times| (4..=48).contains(times)), "{times:?}");
}
