//! What holds for every echo that the far side may give, with an oracle that knows which row each
//! line came from.
//!
//! Values come from tables that say which spellings are one value and what the far side may make of
//! them; nothing here asks the matcher's own keys.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// A spelling of a value: `same` is one for all spellings of one typed value, `near` also for those
/// that differ only in line ends, blanks at the ends, `#N/A` or composition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Spelling {
    sent: &'static str,
    same: u8,
    near: u8,
    /// What the far side may answer, by its manner; [`Manner::faithful`] answers as sent.
    typed: &'static str,
    relaxed: &'static str,
}

const fn is(
    sent: &'static str,
    same: u8,
    near: u8,
    typed: &'static str,
    relaxed: &'static str,
) -> Spelling {
    Spelling { sent, same, near, typed, relaxed }
}

const TEXT: [Spelling; 14] = [
    is("a", 0, 0, "a", "a"),
    is("a", 0, 0, "a", "a"),
    is(" a", 1, 0, " a", "a"),
    is("a ", 2, 0, "a ", "a"),
    is("A", 3, 1, "A", "A"),
    is("b", 4, 2, "b", "b"),
    is("l1\r\nl2", 5, 3, "l1\r\nl2", "l1\nl2"),
    is("l1\nl2", 6, 3, "l1\nl2", "l1\nl2"),
    is("#N/A", 7, 4, "#N/A", ""),
    is("", 8, 4, "", ""),
    is("e\u{301}", 9, 5, "e\u{301}", "\u{e9}"),
    is("\u{e9}", 10, 5, "\u{e9}", "\u{e9}"),
    is("say \"x\", y", 11, 6, "say \"x\", y", "say \"x\", y"),
    is("912260031", 12, 7, "912260031", "912260031"),
];

const NUMBER: [Spelling; 12] = [
    is("912260031", 0, 0, "9.12260031E8", "9.12260031E8"),
    is("912260032", 1, 1, "9.12260032E8", "9.12260032E8"),
    is("1", 2, 2, "1.0", "1.0"),
    is("1.0", 2, 2, "1", "1"),
    is("0.10", 3, 3, "0.1", "0.1"),
    is("0.1", 3, 3, "1.0E-1", "1.0E-1"),
    is("-0", 4, 4, "0.0", "0.0"),
    is("0", 4, 4, "0.0", "0.0"),
    is("", 5, 5, "", ""),
    is("#N/A", 6, 5, "#N/A", ""),
    is("-17.5", 7, 6, "-17.50", "-17.50"),
    is(" 3", 8, 7, "3.0", "3.0"),
];

const DATE: [Spelling; 4] = [
    is("2026-11-20", 0, 0, "2026-11-20Z", "2026-11-20Z"),
    is("2026-11-21", 1, 1, "2026-11-21", "2026-11-21"),
    is("", 2, 2, "", ""),
    is("#N/A", 3, 2, "#N/A", ""),
];

const MOMENT: [Spelling; 6] = [
    is("2026-11-20T09:00:01Z", 0, 0, "2026-11-20T09:00:01.000Z", "2026-11-20T09:00:01.000+0000"),
    is("2026-11-20T11:00:01+02:00", 0, 0, "2026-11-20T09:00:01.000+0000", "2026-11-20T09:00:01Z"),
    is("2026-11-20T09:00:01.000+0000", 0, 0, "2026-11-20T09:00:01Z", "2026-11-20T09:00:01.000Z"),
    is("2026-11-20T09:00:02Z", 1, 1, "2026-11-20T09:00:02.000Z", "2026-11-20T09:00:02.000+0000"),
    is("", 2, 2, "", ""),
    is("#N/A", 3, 2, "#N/A", ""),
];

const TIME: [Spelling; 3] = [
    is("10:00:00Z", 0, 0, "10:00:00.000Z", "10:00:00.000Z"),
    is("10:00:00.500Z", 1, 1, "10:00:00.500Z", "10:00:00.500Z"),
    is("", 2, 2, "", ""),
];

const TRUTH: [Spelling; 5] = [
    is("true", 0, 0, "true", "true"),
    is("1", 0, 0, "true", "true"),
    is("false", 1, 1, "false", "false"),
    is("0", 1, 1, "false", "false"),
    is("TRUE", 2, 0, "TRUE", "true"),
];

const TAGS: [Spelling; 5] = [
    is("red;blue", 0, 0, "blue;red", "blue;red"),
    is("blue;red", 0, 0, "red;blue", "blue;red"),
    is("red", 1, 1, "red", "red"),
    is("", 2, 2, "", ""),
    is("#N/A", 3, 2, "#N/A", ""),
];

const PARENT: [Spelling; 4] = [
    is("0015500001QdQWa", 0, 0, "0015500001QdQWaAAN", "0015500001QdQWaAAN"),
    is("0015500001QdQWaAAN", 0, 0, "0015500001QdQWaAAN", "0015500001QdQWa"),
    is("0015500001QdQWb", 1, 1, "0015500001QdQWbAAN", "0015500001QdQWbAAN"),
    is("", 2, 2, "", ""),
];

/// A column: its name, its kind and the values that stand in it.
type Column = (&'static str, FieldKind, &'static [Spelling]);

const COLUMNS: [Column; 8] = [
    ("Name", FieldKind::String, &TEXT),
    ("Amount", FieldKind::Currency, &NUMBER),
    ("ParentId", FieldKind::Reference, &PARENT),
    ("Due", FieldKind::Date, &DATE),
    ("At", FieldKind::DateTime, &MOMENT),
    ("Opens", FieldKind::Time, &TIME),
    ("Active", FieldKind::Boolean, &TRUTH),
    ("Tags", FieldKind::MultiPicklist, &TAGS),
];

/// How the far side spells its answers; the same for all lines of one job, column by column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Faithful,
    Typed,
    Relaxed,
}

impl Manner {
    fn of(self, spelling: &Spelling) -> &'static str {
        match self {
            Self::Faithful => spelling.sent,
            Self::Typed => spelling.typed,
            Self::Relaxed => spelling.relaxed,
        }
    }
}

/// A load and what the far side made of it.
#[derive(Debug, Clone)]
struct World {
    columns: Vec<Column>,
    /// The Id or external id stands before the columns.
    key: Option<FieldKind>,
    rows: Vec<Vec<Spelling>>,
    /// 0 success, 1 error, 2 unprocessed.
    fates: Vec<u8>,
    manners: Vec<Manner>,
    /// The rows in the order of their lines.
    order: Vec<usize>,
    dropped: BTreeSet<usize>,
    /// Lines of rows that were never sent, by their fate.
    strange: Vec<u8>,
    /// The answers hold columns in another order, and lack this one.
    missing: Option<usize>,
}

fn world() -> impl Strategy<Value = World> {
    let columns = prop::sample::subsequence(COLUMNS[1..].to_vec(), 0..4).prop_map(|mut columns| {
        columns.insert(0, COLUMNS[0]);
        columns
    });
    let manner = prop::sample::select(vec![Manner::Faithful, Manner::Typed, Manner::Relaxed]);
    let key = prop::sample::select(vec![None, None, Some(FieldKind::Id), Some(FieldKind::String)]);
    let rows = prop_oneof![3 => 1_usize..8, 1 => 8_usize..60];
    (columns, key, rows).prop_flat_map(move |(columns, key, count)| {
        let row: Vec<_> =
            columns.iter().map(|(.., values)| prop::sample::select(values.to_vec())).collect();
        let narrow = prop_oneof![2 => Just(3_u8), 1 => Just(1)];
        (
            prop::collection::vec(row, count),
            narrow.prop_flat_map(move |fates| prop::collection::vec(0..fates, count)),
            prop::collection::vec(manner.clone(), columns.len()),
            Just((0..count).collect::<Vec<_>>()).prop_shuffle(),
            prop::collection::btree_set(0..count, 0..4),
            prop::collection::vec(0_u8..3, 0..3),
            prop::option::weighted(0.1, 0..columns.len()),
        )
            .prop_map(move |(rows, fates, manners, order, dropped, strange, missing)| {
                World {
                    columns: columns.clone(),
                    key,
                    rows,
                    fates,
                    manners,
                    order,
                    dropped,
                    strange,
                    missing,
                }
            })
    })
}

impl World {
    /// Nothing is lost or added.
    fn whole(mut self) -> Self {
        (self.dropped, self.strange, self.missing) = (BTreeSet::new(), Vec::new(), None);
        self
    }

    fn key_of(&self, row: usize, echoed: bool) -> Option<String> {
        let number = |row| format!("0015500001{row:05}");
        Some(match self.key? {
            FieldKind::Id if echoed || row.is_multiple_of(2) => {
                crate::model::ids::RecordId::parse(number(row).as_bytes()).unwrap().to_string()
            }
            FieldKind::Id => number(row),
            _ => format!("key-{row}"),
        })
    }

    fn case(&self) -> Case {
        let mut columns: Vec<(&str, FieldKind)> =
            self.columns.iter().map(|(name, kind, _)| (*name, *kind)).collect();
        if let Some(kind) = self.key {
            columns.insert(0, ("Key__c", kind));
        }
        let rows: Vec<Vec<String>> = (0..self.rows.len())
            .map(|row| {
                let cells = self.rows[row].iter().map(|cell| cell.sent.to_owned());
                self.key_of(row, false).into_iter().chain(cells).collect()
            })
            .collect();
        let mut case = Case::new(&columns, self.key.map(|_| 0), &rows);
        for (fate, which) in
            [ResultFile::Successful, ResultFile::Failed, ResultFile::Unprocessed].iter().enumerate()
        {
            case = case.results(*which, &self.lines(u8::try_from(fate).unwrap()));
        }
        case
    }

    /// The lines of one result file. What the far side says of row `n` has `n` in its id, and in
    /// its error text.
    fn lines(&self, fate: u8) -> Vec<Vec<String>> {
        let own = |number: usize| match fate {
            0 => vec![id_of(number), number.is_multiple_of(2).to_string()],
            1 => vec![String::new(), format!("E:{number}:--")],
            _ => Vec::new(),
        };
        let mine = |row: &&usize| self.fates[**row] == fate && !self.dropped.contains(*row);
        let mut lines: Vec<Vec<String>> = self
            .order
            .iter()
            .filter(mine)
            .map(|row| {
                let echo = self.rows[*row].iter().zip(&self.manners);
                let cells = echo.enumerate().map(|(column, (cell, manner))| {
                    let missing = self.missing == Some(column);
                    if missing { String::new() } else { manner.of(cell).to_owned() }
                });
                own(*row).into_iter().chain(self.key_of(*row, true)).chain(cells).collect()
            })
            .collect();
        for (index, _) in self.strange.iter().enumerate().filter(|(_, of)| **of == fate) {
            let number = 900_000 + index;
            let key = self.key.map(|_| format!("strange-{index}"));
            let cells = self.columns.iter().map(|_| format!("strange {index}"));
            let line = own(number).into_iter().chain(key).chain(cells).collect();
            lines.insert(lines.len() / 2, line);
        }
        lines
    }

    /// Rows that were sent alike to the letter, or as typed values that are the same.
    fn same(&self, one: usize, other: usize) -> bool {
        let same = |row: usize| self.rows[row].iter().map(|cell| cell.same).collect::<Vec<_>>();
        one == other || self.key.is_none() && same(one) == same(other)
    }

    /// Rows that the far side may answer alike, though they were not sent so.
    fn near(&self, row: usize) -> Vec<u8> {
        self.rows[row].iter().map(|cell| cell.near).collect()
    }

    /// Whether a line that is lost could be this row's own: it is, or it belongs to a row that is
    /// the same, or to one whose text is nearly the same and not quite.
    fn is_doubtful(&self, row: usize) -> bool {
        let text = |row: usize, value: fn(&Spelling) -> u8| -> Vec<u8> {
            let cells = self.columns.iter().zip(&self.rows[row]);
            cells.filter(|((_, kind, _), _)| kind.is_text()).map(|(_, cell)| value(cell)).collect()
        };
        let near = |other: &usize| {
            self.key.is_none() && text(*other, |cell| cell.near) == text(row, |cell| cell.near)
        };
        let nears: Vec<usize> = (0..self.rows.len()).filter(near).collect();
        let mixed = nears.iter().any(|r| text(*r, |cell| cell.same) != text(row, |cell| cell.same));
        self.dropped.contains(&row)
            || nears.iter().any(|r| self.dropped.contains(r) && (mixed || self.same(*r, row)))
    }

    /// Rows without a row that is near to them and not the same.
    fn clear(&self) -> BTreeSet<usize> {
        let mut near: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
        for row in 0..self.rows.len() {
            near.entry(self.near(row)).or_default().push(row);
        }
        let alike = |rows: &Vec<usize>| rows.iter().all(|row| self.same(*row, rows[0]));
        let clear = near.into_values().filter(|rows| self.key.is_some() || alike(rows));
        clear.flatten().collect()
    }
}

/// The row that a verdict came from, if it says so.
fn origin(outcome: &Outcome, case: &Case) -> Option<usize> {
    match outcome {
        Outcome::Success { id, .. } => Some(String::from_utf8_lossy(&id[9..15]).parse().unwrap()),
        Outcome::Error { at, .. } => {
            let sent: Vec<String> = case.fields.iter().map(|f| f.header.clone()).collect();
            let mut lines = Lines::open(&case.files, &sent).unwrap();
            let line = lines.read(*at).unwrap();
            let text = String::from_utf8_lossy(line.error()).into_owned();
            Some(text.split(':').nth(1).unwrap().parse().unwrap())
        }
        _ => None,
    }
}

fn fate(outcome: &Outcome) -> Option<u8> {
    match outcome {
        Outcome::Success { .. } | Outcome::SuccessAt { .. } | Outcome::SuccessWithoutId { .. } => {
            Some(0)
        }
        Outcome::Error { .. } => Some(1),
        Outcome::Unprocessed => Some(2),
        Outcome::Unmatched | Outcome::Contradiction => None,
    }
}

fn how(outcome: &Outcome) -> Option<MatchKind> {
    match outcome {
        Outcome::Success { how, .. }
        | Outcome::SuccessAt { how, .. }
        | Outcome::SuccessWithoutId { how, .. }
        | Outcome::Error { how, .. } => Some(*how),
        _ => None,
    }
}

/// Every verdict is that of the row's own line, or of a row that is the same; then the match says
/// so. Each line is used once.
fn check_verdicts(world: &World, case: &Case, matched: &Matched) -> Result<(), TestCaseError> {
    let mut used = BTreeSet::new();
    for (row, outcome) in matched.outcomes.iter().enumerate() {
        let Some(fate) = fate(&outcome) else { continue };
        let group = matches!(how(&outcome), Some(MatchKind::Group | MatchKind::Count));
        if let Some(from) = origin(&outcome, case) {
            prop_assert!(used.insert((fate, from)), "line {} is used twice", from);
            if how(&outcome) == Some(MatchKind::Count) {
                prop_assert_eq!(world.fates[row], fate);
            } else {
                prop_assert!(from < world.rows.len(), "row {} has a strange line", row);
                prop_assert!(world.same(from, row), "row {} has the line of {}", row, from);
                prop_assert!(from == row || group, "row {} is no group", row);
            }
        } else {
            let alike = |other: usize| world.same(other, row) && world.fates[other] == fate;
            prop_assert!((0..world.rows.len()).any(alike), "row {} has the fate of none", row);
        }
    }
    let lines: usize = (0..3).map(|fate| world.lines(fate).len()).sum();
    let known = matched.outcomes.iter().filter(|outcome| fate(outcome).is_some()).count();
    prop_assert_eq!(known + matched.left_over.len(), lines, "each line is used or left over");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::default())]

    /// With a whole answer in a spelling that the ladder knows, only rows that the answer itself
    /// cannot tell apart may stay unknown.
    #[test]
    fn a_whole_answer_gives_every_row_that_can_be_told_apart_its_own_verdict(world in world()) {
        let world = world.whole();
        let case = world.case();
        let matched = case.matched();
        check_verdicts(&world, &case, &matched)?;
        for row in world.clear() {
            let outcome = &matched.outcomes.get(row).unwrap();
            prop_assert!(fate(outcome).is_some(), "row {} is {:?}", row, outcome);
            prop_assert!(how(outcome) != Some(MatchKind::Count), "row {} has a line of its own", row);
        }
    }

    /// Lines for rows that were never sent take nothing from the rows that were.
    #[test]
    fn strange_lines_change_no_verdict(world in world()) {
        let strange = World { dropped: BTreeSet::new(), missing: None, ..world };
        let case = strange.case();
        let matched = case.matched();
        check_verdicts(&strange, &case, &matched)?;
        for row in strange.clear() {
            prop_assert!(fate(&matched.outcomes.get(row).unwrap()).is_some());
        }
    }

    /// Without their lines rows are unknown; the others keep their verdicts.
    #[test]
    fn rows_without_a_line_are_unknown_and_cost_no_other(world in world()) {
        let short = World { strange: Vec::new(), missing: None, ..world };
        let case = short.case();
        let matched = case.matched();
        check_verdicts(&short, &case, &matched)?;
        let unknown = matched.outcomes.iter().filter(|o| fate(o).is_none()).count();
        prop_assert!(unknown >= short.dropped.len());
        for row in short.clear() {
            if !short.is_doubtful(row) {
                prop_assert!(fate(&matched.outcomes.get(row).unwrap()).is_some(), "row {}", row);
            }
        }
    }

    /// A column that comes back empty is a spelling that nobody knows: less is known, never wrong.
    #[test]
    fn an_empty_column_leads_to_no_wrong_verdict(world in world()) {
        let empty = World { dropped: BTreeSet::new(), strange: Vec::new(), ..world };
        let case = empty.case();
        check_verdicts(&empty, &case, &case.matched())?;
    }
}
