mod properties;

use proptest::prelude::*;

use super::*;
use crate::model::cells::push_line;
use crate::model::schema::{FieldKind, FieldSchema, SentField};

fn field(name: &str, kind: FieldKind) -> SentField {
    let field = FieldSchema {
        name: name.to_owned(),
        label: name.to_owned(),
        kind,
        type_name: String::new(),
        length: 255,
        digits: 0,
        precision: 18,
        scale: 2,
        createable: true,
        updateable: true,
        nillable: true,
        defaulted_on_create: false,
        calculated: false,
        html: false,
        auto_number: false,
        external_id: false,
        id_lookup: false,
        unique: false,
        case_sensitive: false,
        restricted_picklist: false,
        picklist: Vec::new(),
        reference_to: Vec::new(),
        relationship_name: None,
        polymorphic: false,
    };
    SentField { header: name.to_owned(), from: name.to_owned(), field, related: None }
}

/// A job in a folder: body rows, and result lines `(file, id or error, cells)`.
struct Case {
    folder: tempfile::TempDir,
    fields: Vec<SentField>,
    key_column: Option<usize>,
    rows: u32,
    files: Vec<(ResultFile, PathBuf)>,
}

fn id_of(number: usize) -> String {
    let fifteen = format!("001550000{number:06}");
    crate::model::ids::RecordId::parse(fifteen.as_bytes()).unwrap().to_string()
}

impl Case {
    fn new(columns: &[(&str, FieldKind)], key: Option<usize>, rows: &[Vec<String>]) -> Self {
        let case = Self {
            folder: tempfile::tempdir().unwrap(),
            fields: columns.iter().map(|(name, kind)| field(name, *kind)).collect(),
            key_column: key,
            rows: u32::try_from(rows.len()).unwrap(),
            files: Vec::new(),
        };
        let mut body = Vec::new();
        push_line(&mut body, columns.iter().map(|(name, _)| name.as_bytes()));
        for row in rows {
            push_line(&mut body, row.iter().map(String::as_bytes));
        }
        crate::ledger::write_whole(&case.folder.path().join("body.csv"), &body).unwrap();
        case
    }

    fn results(mut self, which: ResultFile, lines: &[Vec<String>]) -> Self {
        let own: &[&str] = match which {
            ResultFile::Successful => &["sf__Id", "sf__Created"],
            ResultFile::Failed => &["sf__Id", "sf__Error"],
            ResultFile::Unprocessed => &[],
        };
        let mut text = Vec::new();
        let names = self.fields.iter().map(|field| field.header.as_bytes());
        push_line(&mut text, own.iter().map(|name| name.as_bytes()).chain(names));
        for line in lines {
            push_line(&mut text, line.iter().map(String::as_bytes));
        }
        let path = self.folder.path().join(format!("{which:?}.csv"));
        crate::ledger::write_whole(&path, &text).unwrap();
        self.files.push((which, path));
        self
    }

    fn matched(&self) -> Matched {
        let sent: Vec<String> = self.fields.iter().map(|field| field.header.clone()).collect();
        let keys = Keys::new(&self.fields, self.key_column, 7);
        let body = self.folder.path().join("body.csv");
        let primary = if self.key_column.is_some() { MatchKind::Key } else { MatchKind::Text };
        let job = Job { body: &body, rows: self.rows, files: &self.files, sent: &sent, primary };
        let mut matcher = Matcher::new(keys);
        matcher.match_results(&job).unwrap();
        matcher.matched
    }
}

fn strings(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

fn success(id: usize, cells: &[&str]) -> Vec<String> {
    let mut line = vec![id_of(id), "true".to_owned()];
    line.extend(strings(cells));
    line
}

fn words(matched: &Matched) -> Vec<String> {
    matched
        .outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Unmatched => "unmatched".to_owned(),
            Outcome::Contradiction => "contradiction".to_owned(),
            Outcome::Unprocessed => "unprocessed".to_owned(),
            Outcome::Error { how, .. } => format!("error {}", how.word()),
            Outcome::SuccessAt { how, .. } => format!("success told in its line {}", how.word()),
            Outcome::SuccessWithoutId { how, .. } => format!("success without id {}", how.word()),
            Outcome::Success { id, how, .. } => {
                let number: usize = String::from_utf8_lossy(&id[9..15]).parse().unwrap();
                format!("success {number} {}", how.word())
            }
        })
        .collect()
}

const NAME_AND_AMOUNT: [(&str, FieldKind); 2] =
    [("Name", FieldKind::String), ("Amount", FieldKind::Currency)];

#[test]
fn shuffled_and_respelled_results_find_their_rows() {
    let rows = [strings(&["a", "912260031"]), strings(&["b", "1.50"]), strings(&["c", ""])];
    let case = Case::new(&NAME_AND_AMOUNT, None, &rows)
        .results(
            ResultFile::Successful,
            &[success(3, &["c", ""]), success(1, &["a", "9.12260031E8"])],
        )
        .results(ResultFile::Failed, &[strings(&["", "X:y:--", "b", "1.5"])]);
    assert_eq!(words(&case.matched()), ["success 1 text", "error text", "success 3 text"]);
}

#[test]
fn rows_with_equal_text_are_told_apart_by_their_typed_columns() {
    let rows = [strings(&["a", "1"]), strings(&["a", "2"]), strings(&["a", "2.0"])];
    let case = Case::new(&NAME_AND_AMOUNT, None, &rows)
        .results(ResultFile::Successful, &[success(9, &["a", "2.0"]), success(1, &["a", "1.0"])])
        .results(ResultFile::Failed, &[strings(&["", "X:y:--", "a", "2.0"])]);
    assert_eq!(words(&case.matched()), ["success 1 typed", "success 9 group", "error group"]);
}

#[test]
fn spelling_is_relaxed_only_for_what_is_left_over() {
    let rows = [strings(&["x ", "1"]), strings(&["x", "1"]), strings(&["l1\r\nl2", "2"])];
    let case = Case::new(&NAME_AND_AMOUNT, None, &rows).results(
        ResultFile::Successful,
        &[success(3, &["l1\nl2", "2.0"]), success(2, &["x", "1.0"]), success(1, &["x ", "1.0"])],
    );
    assert_eq!(words(&case.matched()), ["success 1 text", "success 2 text", "success 3 typed"]);
}

#[test]
fn rows_that_only_become_equal_when_relaxed_are_not_paired_by_guess() {
    let rows = [strings(&[" x", "1"]), strings(&["x ", "1"])];
    let case = Case::new(&NAME_AND_AMOUNT, None, &rows)
        .results(ResultFile::Successful, &[success(1, &["x", "1"])])
        .results(ResultFile::Failed, &[strings(&["", "X:y:--", "x", "1"])]);
    let matched = case.matched();
    assert_eq!(words(&matched), ["unmatched", "unmatched"]);
    assert_eq!(matched.left_over.len(), 2);
}

#[test]
fn when_all_that_is_left_says_the_same_the_verdict_is_certain_and_the_id_is_not() {
    let rows = [strings(&["a", "1"]), strings(&["b", "2"])];
    let case = Case::new(&NAME_AND_AMOUNT, None, &rows)
        .results(ResultFile::Successful, &[success(1, &["", ""]), success(2, &["", ""])]);
    assert_eq!(words(&case.matched()), ["success without id count", "success without id count"]);
}

#[test]
fn a_line_for_a_row_that_was_never_sent_is_left_over() {
    let rows = [strings(&["a", "1"])];
    let case = Case::new(&NAME_AND_AMOUNT, None, &rows)
        .results(ResultFile::Successful, &[success(1, &["a", "1"]), success(2, &["z", "9"])]);
    let matched = case.matched();
    assert_eq!(words(&matched), ["success 1 text"]);
    assert_eq!(matched.left_over.len(), 1);
}

#[test]
fn a_row_claimed_by_two_lines_is_a_contradiction() {
    let rows = [strings(&["a", "1"]), strings(&["b", "1"])];
    let case = Case::new(&NAME_AND_AMOUNT, None, &rows)
        .results(ResultFile::Successful, &[success(1, &["a", "1"])])
        .results(ResultFile::Failed, &[strings(&["", "X:y:--", "a", "1"])]);
    assert_eq!(words(&case.matched()), ["contradiction", "unmatched"]);
}

/// The lines of both rows read like that of the first, and its other columns were not asked.
#[test]
fn rows_that_two_lines_claim_by_text_are_told_apart_by_the_other_columns() {
    let rows = [strings(&["x", "1"]), strings(&["x ", "2"])];
    let case = Case::new(&NAME_AND_AMOUNT, None, &rows)
        .results(ResultFile::Successful, &[success(1, &["x", "1.0"])])
        .results(ResultFile::Failed, &[strings(&["", "X:y:--", "x", "2.0"])]);
    assert_eq!(words(&case.matched()), ["success 1 typed", "error typed"]);
}

/// The line of the second row comes back trimmed and passed for the lost line of the first.
#[test]
fn a_row_whose_line_is_lost_does_not_get_that_of_a_row_nearly_like_it() {
    let rows = [strings(&["x", "1"]), strings(&["x ", "1"]), strings(&["z", "1"])];
    let lines = [success(2, &["x", "1.0"]), success(3, &["z", "1.0"])];
    let case = Case::new(&NAME_AND_AMOUNT, None, &rows).results(ResultFile::Successful, &lines);
    let matched = case.matched();
    assert_eq!(words(&matched), ["unmatched", "unmatched", "success 3 text"]);
    assert_eq!(matched.left_over.len(), 1);
}

/// Found by the fuzz target `results_match`: the same by a column that is not text.
#[test]
fn a_row_whose_line_is_lost_does_not_get_that_of_a_row_with_nearly_its_values() {
    let rows = [strings(&["x", "#N/A"]), strings(&["x", ""]), strings(&["x", "1"])];
    let lines = [success(1, &["x", ""]), success(3, &["x", "1.0"])];
    let case = Case::new(&NAME_AND_AMOUNT, None, &rows).results(ResultFile::Successful, &lines);
    assert_eq!(words(&case.matched()), ["unmatched", "unmatched", "success 3 typed"]);
}

/// A line of nobody's made up the number of lines that the rows left over should have.
#[test]
fn nothing_is_counted_beside_a_contradiction() {
    let columns = [("Id", FieldKind::Id), ("Name", FieldKind::String)];
    let rows = [strings(&[&id_of(1), "a"]), strings(&[&id_of(2), "b"])];
    let lines = [
        success(1, &[&id_of(1), "a"]),
        success(1, &[&id_of(1), "a"]),
        success(7, &[&id_of(7), "z"]),
    ];
    let case = Case::new(&columns, Some(0), &rows).results(ResultFile::Successful, &lines);
    let matched = case.matched();
    assert_eq!(words(&matched), ["contradiction", "unmatched"]);
    assert_eq!(matched.left_over.len(), 3, "the lines that contradict each other are kept too");
}

/// Both rows hold one parent, in 15 and in 18 characters, and their text comes back trimmed.
#[test]
fn rows_that_are_one_in_canonical_form_are_a_group_when_relaxed_too() {
    let columns = [("Name", FieldKind::String), ("ParentId", FieldKind::Reference)];
    let (short, long) = ("0015500001QdQWa", "0015500001QdQWaAAN");
    let rows = [strings(&[" x", short]), strings(&[" x", long])];
    let case = Case::new(&columns, None, &rows)
        .results(ResultFile::Successful, &[success(1, &["x", long]), success(2, &["x", long])]);
    assert_eq!(words(&case.matched()), ["success 1 group", "success 2 group"]);
}

#[test]
fn an_update_is_matched_by_its_id_in_either_length() {
    let columns = [("Id", FieldKind::Id), ("Name", FieldKind::String)];
    let rows = [
        strings(&[&id_of(1)[..15], "same"]),
        strings(&[&id_of(2), "same"]),
        strings(&[&id_of(3), "same"]),
    ];
    let case = Case::new(&columns, Some(0), &rows)
        .results(ResultFile::Failed, &[strings(&["", "X:y:--", &id_of(2), "same"])])
        .results(
            ResultFile::Successful,
            &[success(3, &[&id_of(3), "same"]), success(1, &[&id_of(1), "same"])],
        );
    assert_eq!(words(&case.matched()), ["success 1 key", "error key", "success 3 key"]);
}

/// How the far side may spell a value in its answer, the documented re-serialization included.
fn echo(cells: &[String], mode: u8) -> Vec<String> {
    let number = match (mode, cells[1].parse::<f64>()) {
        (1, Ok(number)) => format!("{number:?}"),
        (2, Ok(number)) => format!("{number:e}").replace('e', "E"),
        _ => cells[1].clone(),
    };
    let text = if mode == 3 { cells[0].replace("\r\n", "\n") } else { cells[0].clone() };
    vec![text, number]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The oracle knows which row every line came from. A row may end unmatched, but a row that is
    /// matched has the verdict of its own line, or of a line of a row equal to it.
    #[test]
    fn no_row_ever_gets_the_verdict_of_another(
        rows in prop::collection::vec(("[a-c]{0,2}(\r\n)?", prop::option::of(0_u32..4)), 1..40),
        fates in prop::collection::vec(0_u8..3, 40),
        mode in 0_u8..4,
        shuffle in any::<u64>(),
    ) {
        let rows: Vec<Vec<String>> = rows
            .into_iter()
            .map(|(text, number)| vec![text, number.map(|n| n.to_string()).unwrap_or_default()])
            .collect();
        let mut order: Vec<usize> = (0..rows.len()).collect();
        let mut state = shuffle | 1;
        for place in (1..order.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            order.swap(place, usize::try_from(state >> 33).unwrap() % (place + 1));
        }
        let lines = |fate: u8, own: &dyn Fn(usize) -> Vec<String>| -> Vec<Vec<String>> {
            let mine = order.iter().filter(|row| fates[**row] == fate);
            mine.map(|row| [own(*row), echo(&rows[*row], mode)].concat()).collect()
        };
        let case = Case::new(&NAME_AND_AMOUNT, None, &rows)
            .results(
                ResultFile::Successful,
                &lines(0, &|row| vec![id_of(row), "true".to_owned()]),
            )
            .results(ResultFile::Failed, &lines(1, &|row| vec![String::new(), format!("E:{row}:--")]))
            .results(ResultFile::Unprocessed, &lines(2, &|_| Vec::new()));
        let matched = case.matched();
        let relaxed = |row: usize| -> Vec<String> {
            rows[row].iter().map(|cell| cell.trim().to_owned()).collect()
        };
        let mut ids = HashSet::new();
        for (row, outcome) in matched.outcomes.iter().enumerate() {
            match outcome {
                Outcome::Success { id, how, .. } => {
                    prop_assert!(ids.insert(id), "an id is given once");
                    let from: usize = String::from_utf8_lossy(&id[9..15]).parse().unwrap();
                    prop_assert_eq!(fates[from], 0);
                    if how == MatchKind::Group {
                        prop_assert_eq!(relaxed(from), relaxed(row));
                    } else {
                        prop_assert_eq!(&rows[from], &rows[row]);
                    }
                }
                Outcome::Error { .. }
                | Outcome::Unprocessed
                | Outcome::SuccessAt { .. }
                | Outcome::SuccessWithoutId { .. } => {
                    let fate = match outcome {
                        Outcome::Error { .. } => 1,
                        Outcome::Unprocessed => 2,
                        _ => 0,
                    };
                    let fits = |other: usize| {
                        fates[other] == fate && relaxed(other) == relaxed(row)
                    };
                    prop_assert!(fates[row] == fate || (0..rows.len()).any(fits));
                }
                Outcome::Contradiction => prop_assert!(false, "no two lines are of one row here"),
                Outcome::Unmatched => prop_assert!(mode == 3, "only lost line ends are hard"),
            }
        }
    }
}
