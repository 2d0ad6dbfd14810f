//! What a seed loads: some rows of some kind in one to four jobs, and how to tell each row again.

use std::path::{Path, PathBuf};

use longshore::config::plan::{
    CopyStyle, Input, LoadPlan, MappingManner, Nulls, OnBadRow, OnDuplicate, Source,
};
use longshore::model::limits::CHUNK_BYTES_MAX;
use longshore::model::names::ObjectName;
use longshore::model::operation::Operation;
use longshore::practice::Org;
use longshore::practice::org::{Cell, Change, Verb};

use super::dice::Dice;

/// Jobs at most; up to so many chunks the intake never waits for a job to end.
const JOBS_MAX: u64 = 4;

/// A load of a seed.
pub struct Load {
    pub operation: Operation,
    pub object: &'static str,
    /// The column, and the field of an effect, that says which row it is.
    pub mark: &'static str,
    pub rows: Vec<Row>,
    header: String,
    chunk_rows: u64,
    parallel: u64,
    on_bad_row: OnBadRow,
    in_lanes: bool,
}

/// A row of the file.
pub struct Row {
    /// Alike in rows that are alike in all that is sent.
    pub mark: String,
    pub line: String,
}

impl Load {
    /// Rolls a load; what it updates or deletes is put into the org first.
    pub fn roll(seed: u64, org: &Org) -> Self {
        let mut dice = Dice::of(seed, "load");
        let rows = dice.roll(5, 31);
        let jobs = dice.roll(1, JOBS_MAX + 1);
        let existing = Existing::plant(org);
        let kind = dice.roll(0, 5);
        let (operation, object, mark, header) = match kind {
            0 => (Operation::Insert, "Account", "Name", ACCOUNT),
            1 => (Operation::Insert, "Shipment__c", "Name", SHIPMENT),
            2 => (Operation::Update, "Account", "Site", "Id,Site,NumberOfEmployees,Ticket"),
            3 => (Operation::Upsert, "Account", "Site", "Legacy_Id__c,Name,Site,Ticket"),
            _ => (Operation::Delete, "Account", "Id", "Id,Ticket"),
        };
        let mut load = Self {
            operation,
            object,
            mark,
            rows: Vec::new(),
            header: header.to_owned(),
            chunk_rows: rows.div_ceil(jobs),
            parallel: dice.roll(1, 4),
            on_bad_row: OnBadRow::Reject,
            in_lanes: seed.is_multiple_of(3),
        };
        for number in 1..=rows {
            let (mut mark, mut cells) = match kind {
                0 => account(&mut dice, number, &existing),
                1 => shipment(&mut dice, number),
                2 => update(&mut dice, number, &existing),
                3 => upsert(&mut dice, number),
                _ => delete(&mut dice, number, &existing),
            };
            // Now and then a row stands in the file twice, but for what is not sent.
            if let Some(last) = load.rows.last().filter(|_| dice.chance(8)) {
                mark.clone_from(&last.mark);
                last.line.rsplit_once(',').unwrap().0.clone_into(&mut cells);
            }
            load.rows.push(Row { mark, line: format!("{cells},T-{number}") });
        }
        load
    }

    /// Writes the file and says what to do with it, in the run `name`.
    pub fn plan(&self, folder: &Path, name: &str) -> LoadPlan {
        let path = folder.join("input.csv");
        let mut text = format!("{}\n", self.header);
        for row in &self.rows {
            text.push_str(&row.line);
            text.push('\n');
        }
        write(&path, text.as_bytes());
        LoadPlan {
            operation: self.operation,
            object: ObjectName::parse(self.object).unwrap(),
            external_id: (self.operation == Operation::Upsert).then(|| "Legacy_Id__c".to_owned()),
            input: Input {
                source: Source::File(path),
                delimiter: None,
                line_ending: None,
                encoding: None,
            },
            mapping: None,
            assignment_rule: None,
            mapping_manner: MappingManner::Own,
            chunk_rows: u32::try_from(self.chunk_rows).unwrap(),
            chunk_bytes: CHUNK_BYTES_MAX,
            parallel: usize::try_from(self.parallel).unwrap(),
            on_bad_row: self.on_bad_row,
            nulls: Nulls::Ignore,
            skip: 0,
            limit: None,
            runs_dir: folder.join("runs"),
            run_name: Some(name.to_owned()),
            success_copy: None,
            error_copy: None,
            copy_style: CopyStyle::Own,
            conversions: None,
            state_dir: None,
            // The files repeat keys on purpose; all rows are sent, and in their order.
            on_duplicate: Some(OnDuplicate::Separate),
            skip_unchanged: false,
            verify_after: false,
            // The first column differs in every row, so that each goes into any lane.
            group_by: self.header.split(',').next().map(str::to_owned).filter(|_| self.in_lanes),
            lanes: None,
            rounds: 0,
            max_failed: None,
            passing_org: false,
            retry_of: None,
            undo_of: None,
            before_images: false,
        }
    }

    /// The mark in the cells of a body, a result file or an effect.
    pub fn mark_of(&self, cell: &str) -> String {
        if self.mark == "Id" { short(cell) } else { cell.to_owned() }
    }
}

/// Ids of 15 and of 18 characters are alike in the first 15.
fn short(id: &str) -> String {
    id.get(..15).unwrap_or(id).to_owned()
}

pub fn write(path: &PathBuf, bytes: &[u8]) {
    std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), bytes).unwrap();
}

/// Records that were there before.
struct Existing {
    ids: Vec<String>,
    /// The Id of a record that is gone.
    gone: String,
}

impl Existing {
    fn plant(org: &Org) -> Self {
        let columns = ["Name", "Legacy_Id__c"].map(str::to_owned);
        let text = |text: String| Cell::Text(text);
        let rows: Vec<Vec<Cell>> =
            (0..40).map(|n| vec![text(format!("Old {n}")), text(format!("L-{n}"))]).collect();
        let made = org.apply(&Change {
            object: "Account",
            verb: Verb::Insert,
            job: None,
            columns: &columns,
            rows: &rows,
        });
        let mut ids: Vec<String> = made.into_iter().map(|row| row.id).collect();
        let gone = ids.pop().unwrap();
        let rows = [vec![text(gone.clone())]];
        let columns = ["Id".to_owned()];
        let verb = Verb::Delete;
        let change = Change { object: "Account", verb, job: None, columns: &columns, rows: &rows };
        assert!(org.apply(&change)[0].error.is_none());
        Self { ids, gone }
    }

    fn id(&self, number: u64) -> &str {
        &self.ids[usize::try_from(number).unwrap()]
    }
}

const ACCOUNT: &str =
    "Name,AnnualRevenue,NumberOfEmployees,Description,ParentId,Legacy_Id__c,Ticket";
const SHIPMENT: &str =
    "Name,Weight_Kg__c,Declared_Value__c,Is_Fragile__c,Ship_Date__c,Notes__c,Ticket";

/// A tenth of the rows is rejected here, a tenth refused there.
fn account(dice: &mut Dice, number: u64, existing: &Existing) -> (String, String) {
    let mark = format!("Mill {number}");
    let staff = if dice.chance(10) { "many".to_owned() } else { number.to_string() };
    let parent = match dice.roll(0, 10) {
        0 => existing.gone.as_str(),
        1 => existing.id(number),
        _ => "",
    };
    let key = match dice.roll(0, 10) {
        0 => format!("L-{number}"), // There already.
        1 => "N-1".to_owned(),
        _ => String::new(),
    };
    let note = dice.pick(&["", "plain", "\"a, \"\"b\"\"\"", "\"two\nlines\"", " blanks "]);
    let line = format!("{mark},{}00000,{staff},{note},{parent},{key}", dice.roll(1, 99_999));
    (mark, line)
}

fn shipment(dice: &mut Dice, number: u64) -> (String, String) {
    let mark = format!("Box {number}");
    let weight = dice.pick(&["1", "2.50", "912260.5", "heavy", "0.125"]);
    let fragile = dice.pick(&["true", "FALSE", "1", "0", ""]);
    let day = dice.pick(&["2026-11-20", "2026-01-05", ""]);
    let note = dice.pick(&["", "#N/A", "\"x\r\ny\"", "zwölf 😀"]);
    let line = format!("{mark},{weight},{}.5,{fragile},{day},{note}", dice.roll(1, 999));
    (mark, line)
}

fn update(dice: &mut Dice, number: u64, existing: &Existing) -> (String, String) {
    let mark = format!("s-{number}");
    let id = match dice.roll(0, 12) {
        0 => existing.gone.as_str(),
        1 => "",
        2 => existing.id(1),
        3 => &existing.id(number)[..15],
        _ => existing.id(number),
    };
    let staff = if dice.chance(10) { "many".to_owned() } else { number.to_string() };
    let line = format!("{id},{mark},{staff}");
    (mark, line)
}

fn upsert(dice: &mut Dice, number: u64) -> (String, String) {
    let mark = format!("s-{number}");
    let key = match dice.roll(0, 10) {
        0 => "L-1".to_owned(),
        1 => String::new(),
        2..5 => format!("L-{number}"),
        _ => format!("N-{number}"),
    };
    let name = if dice.chance(5) { "x".repeat(300) } else { format!("New {number}") };
    let line = format!("{key},{name},{mark}");
    (mark, line)
}

fn delete(dice: &mut Dice, number: u64, existing: &Existing) -> (String, String) {
    let id = match dice.roll(0, 12) {
        0 => existing.gone.as_str(),
        1 => "001",
        2 => existing.id(1),
        3 => &existing.id(number)[..15],
        _ => existing.id(number),
    };
    (short(id), id.to_owned())
}
