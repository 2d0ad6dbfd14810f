//! The whole way of a key, held against a map in memory.

use std::collections::BTreeMap;
use std::io;

use csv::ByteRecord;
use proptest::prelude::*;

use super::*;
use crate::config::plan::{CopyStyle, Input, MappingManner, Nulls, OnBadRow};
use crate::model::ids::JobId;
use crate::model::names::ObjectName;
use crate::model::operation::Operation;
use crate::model::schema::{LoadSchema, ObjectSchema, OrgFacts};
use crate::pipeline::map::{self, Wanted};
use crate::pipeline::{read, sample};
use crate::target::{
    ApiUsage, Fault, FaultClass, JobSpec, JobStatus, KeyQuestion, KeySource, KeyTest, Outcome,
    ResultFile, RowSink,
};

/// Id, name and external key of an account.
type Record = (String, String, String);

/// An org that has these accounts, and hands over more of them than it was asked for.
struct Accounts(Vec<Record>);

fn no<T>() -> Result<T, Fault> {
    let (class, message) = (FaultClass::Refused, "not here".to_owned());
    Err(Fault { class, status: None, code: "TEST".to_owned(), message, hints: Vec::new() })
}

fn not_done<T>() -> Outcome<T> {
    Outcome::NotDone(no::<T>().err().unwrap())
}

impl Target for Accounts {
    fn kind(&self) -> &'static str {
        "accounts"
    }

    async fn describe(&self, object: &ObjectName) -> Result<ObjectSchema, Fault> {
        let related = sample::schema().related;
        related.get(&object.as_str().to_lowercase()).cloned().map_or_else(no, Ok)
    }

    async fn look_up(
        &self,
        question: &KeyQuestion<'_>,
        keys: &mut dyn KeySource,
        work: &Path,
        sink: &mut dyn RowSink,
    ) -> Result<(), Fault> {
        assert!(work.is_dir());
        let (mut key, mut before) = (String::new(), BTreeMap::new());
        keys.rewind().unwrap();
        while keys.next(&mut key).unwrap() {
            let times = before.insert(key.clone(), ());
            assert!(question.test == KeyTest::BeginsWith || times.is_none(), "{key} asked twice");
        }
        // Each of them twice, in two orders.
        for (id, name, key) in self.0.iter().chain(self.0.iter().rev()) {
            let cells = question.fields.iter().map(|field| match field.name.as_str() {
                "Name" => name,
                _ => key,
            });
            let row: Vec<&String> = std::iter::once(id).chain(cells).collect();
            sink.row(&ByteRecord::from(row)).unwrap();
        }
        Ok(())
    }

    async fn facts(&self) -> Result<OrgFacts, Fault> {
        no()
    }
    async fn objects(&self) -> Result<Vec<ObjectSchema>, Fault> {
        no()
    }
    async fn load_schema(&self, _: &ObjectName, _: &[String]) -> Result<LoadSchema, Fault> {
        no()
    }
    async fn reserve(&self, _: &JobSpec) -> Outcome<JobId> {
        not_done()
    }
    async fn stage(&self, _: &JobId, _: &Path, _: u64) -> Outcome<()> {
        not_done()
    }
    async fn commit(&self, _: &JobId) -> Outcome<()> {
        not_done()
    }
    async fn ask(&self, _: &JobId) -> Outcome<JobStatus> {
        not_done()
    }
    async fn abandon(&self, _: &JobId) -> Outcome<()> {
        not_done()
    }
    async fn download(&self, _: &JobId, _: ResultFile, _: &Path) -> Outcome<u64> {
        not_done()
    }
    fn usage(&self) -> ApiUsage {
        ApiUsage::default()
    }
}

/// A folder with an input, its plan and its mapping.
struct Case {
    folder: tempfile::TempDir,
    plan: LoadPlan,
    mapping: Mapping,
    places: Places,
}

fn write(path: &Path, text: &str) {
    io::Write::write_all(&mut std::fs::File::create(path).unwrap(), text.as_bytes()).unwrap();
}

fn written_csv(header: &str, rows: &[&[&str]]) -> String {
    let mut out = format!("{header}\n").into_bytes();
    for row in rows {
        crate::model::cells::push_line(&mut out, row.iter().map(|cell| cell.as_bytes()));
    }
    String::from_utf8(out).unwrap()
}

impl Case {
    fn new(keys: &[String], toml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("in.csv");
        let rows: Vec<[&str; 2]> = keys.iter().map(|key| ["x", key.as_str()]).collect();
        let rows: Vec<&[&str]> = rows.iter().map(|row| &row[..]).collect();
        write(&input, &written_csv("Name,Customer", &rows));
        let spec_name = folder.path().join("m.toml").display().to_string();
        let spec = MappingSpec::parse(toml, &spec_name).unwrap();
        let header = ["Name", "Customer"].map(str::to_owned);
        let wanted = Wanted {
            operation: Operation::Insert,
            external_id: None,
            nulls: Nulls::Clear,
            conversions: None,
            passes_over: false,
        };
        let mapping = map::compile(&header, Some(&spec), &sample::schema(), &wanted).unwrap();
        let tables = folder.path().join("lookups");
        std::fs::create_dir(&tables).unwrap();
        let places = Places { tables, list: folder.path().join("list.csv") };
        Self { plan: plan(input, spec, folder.path()), folder, mapping, places }
    }

    async fn resolve(&mut self, target: &Accounts) -> Result<Resolution, Failure> {
        let stop = Stop::new();
        resolve_lookups(&self.plan, target, &mut self.mapping, &self.places, &stop).await
    }

    /// What each row sends, or the code of its fault.
    fn mapped(&self, mapping: &Mapping) -> Vec<String> {
        let mut reader = read::open(&self.plan.input).unwrap();
        let mut mapped = Vec::new();
        while let Some(slab) = reader.next_slab().unwrap() {
            let slab = map::map(slab, mapping);
            for row in 0..slab.fields.len() {
                let fault = slab.failed.iter().find(|(failed, _)| *failed == row);
                let cell = || String::from_utf8(slab.fields.field(row, 0).to_vec()).unwrap();
                mapped.push(fault.map_or_else(cell, |(_, fault)| fault.code.to_owned()));
            }
        }
        mapped
    }
}

fn plan(input: PathBuf, spec: MappingSpec, runs_dir: &Path) -> LoadPlan {
    LoadPlan {
        operation: Operation::Insert,
        object: ObjectName::parse("Shipment__c").unwrap(),
        external_id: None,
        input: Input {
            source: Source::File(input),
            delimiter: None,
            line_ending: None,
            encoding: None,
        },
        mapping: Some(spec),
        assignment_rule: None,
        mapping_manner: MappingManner::Own,
        chunk_rows: 1_000,
        chunk_bytes: 1_000_000,
        parallel: 1,
        on_duplicate: None,
        before_images: false,
        skip_unchanged: false,
        undo_of: None,
        on_bad_row: OnBadRow::Reject,
        nulls: Nulls::Clear,
        skip: 0,
        limit: None,
        runs_dir: runs_dir.to_owned(),
        run_name: None,
        success_copy: None,
        error_copy: None,
        copy_style: CopyStyle::Own,
        conversions: None,
        state_dir: None,
        retry_of: None,
        verify_after: false,
        passing_org: true,
        group_by: None,
        lanes: None,
        rounds: 0,
        max_failed: None,
    }
}

/// What a map in memory makes of a key.
fn oracle(key: &str, records: &[Record], fields: &[usize], exact: bool) -> String {
    let fold = |text: &str| if exact { text.to_owned() } else { text.to_lowercase() };
    if key.is_empty() {
        return String::new();
    }
    for field in fields {
        let of = |record: &Record| if *field == 0 { record.1.clone() } else { record.2.clone() };
        let hits = records.iter().filter(|record| fold(&of(record)) == fold(key));
        let mut ids: Vec<&str> = hits.map(|record| record.0.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        match ids[..] {
            [] => {}
            [id] => return id.to_owned(),
            _ => return "lookup_ambiguous".to_owned(),
        }
    }
    "lookup_missing".to_owned()
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let record = ("[abAB]{0,3}", "[aBé]{0,2}");
    prop::collection::vec(record, 0..25).prop_map(|texts| {
        let id = |serial: usize| sample::id("001", u32::try_from(serial).unwrap());
        let records = texts.into_iter().enumerate();
        records.map(|(serial, (name, key))| (id(serial), name, key)).collect()
    })
}

const FIELDS: [(&str, &[usize]); 4] = [
    ("Name", &[0]),
    ("Ext__c", &[1]),
    ("Name\", \"Ext__c", &[0, 1]),
    ("Ext__c\", \"Name", &[1, 0]),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_row_gets_what_a_map_in_memory_gives(
        records in records(),
        keys in prop::collection::vec("[abABéc]{0,3}", 1..60),
        fields in prop::sample::select(FIELDS.to_vec()),
        exact in any::<bool>(),
        from_file in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let case_word = if exact { "exact" } else { "ignore" };
        let (names, mut ranks) = fields;
        let mut lookup = format!("object = \"Account\", match = [\"{names}\"]");
        if from_file {
            lookup = "file = \"accounts.csv\", key = \"NAME\", value = \"Id\"".to_owned();
            ranks = &[0];
        }
        let toml = format!(
            "[fields]\nAccount__c = {{ column = \"Customer\", lookup = {{ {lookup}, \
             case = \"{case_word}\" }} }}\n"
        );
        let mut case = Case::new(&keys, &toml);
        let lines: Vec<[&str; 2]> =
            records.iter().map(|(id, name, _)| [id.as_str(), name.as_str()]).collect();
        let lines: Vec<&[&str]> = lines.iter().map(|line| &line[..]).collect();
        write(&case.folder.path().join("accounts.csv"), &written_csv("Id,Name", &lines));
        let target = Accounts(records.clone());
        let resolution = runtime.block_on(case.resolve(&target)).unwrap();
        let wanted: Vec<String> =
            keys.iter().map(|key| oracle(key, &records, ranks, exact)).collect();
        prop_assert_eq!(&case.mapped(&case.mapping), &wanted);

        // The numbers are those of the different keys.
        let fold = |key: &String| if exact { key.clone() } else { key.to_lowercase() };
        let distinct: BTreeMap<String, &String> =
            keys.iter().zip(&wanted).filter(|(key, _)| !key.is_empty())
                .map(|(key, cell)| (fold(key), cell)).collect();
        let of = |code: &str| distinct.values().filter(|cell| **cell == code).count() as u64;
        let resolved = &resolution.lookups[0];
        prop_assert_eq!(resolved.distinct, distinct.len() as u64);
        prop_assert_eq!(resolved.missing, of("lookup_missing"));
        prop_assert_eq!(resolved.many, of("lookup_ambiguous"));
        prop_assert_eq!(resolved.found, resolved.distinct - resolved.missing - resolved.many);
        prop_assert_eq!(case.places.list.exists(), resolved.missing + resolved.many > 0);

        // Whoever opens the tables later has the same answers.
        let mut later = case.mapping.clone();
        reopen(case.folder.path(), &resolution.tables, &mut later).unwrap();
        prop_assert_eq!(case.mapped(&later), wanted);
        prop_assert_eq!(std::fs::read_dir(&case.places.tables).unwrap().count(), 1);
    }
}

fn accounts() -> Accounts {
    let id = |serial| sample::id("001", serial);
    let record = |serial, name: &str, key: &str| (id(serial), name.to_owned(), key.to_owned());
    Accounts(vec![
        record(1, "Acme", "A-1"),
        record(2, "Acme Ltd", "A-2"),
        record(3, "Twin", "A-3"),
        record(4, "Twin", "A-4"),
        record(5, "001500000100000", "A-5"),
    ])
}

fn toml(more: &str) -> String {
    format!(
        "[fields]\nAccount__c = {{ column = \"Customer\", lookup = {{ object = \"Account\", match \
         = \"Name\"{more} }} }}\n"
    )
}

fn texts(keys: &[&str]) -> Vec<String> {
    keys.iter().copied().map(str::to_owned).collect()
}

#[tokio::test]
async fn ids_go_through_and_every_fallback_does_what_it_says() {
    let long = sample::id("001", 77);
    let (contact, short) = (sample::id("003", 1), &long[..15]);
    let cased = crate::model::ids::RecordId::parse(b"0018c00000ABCDE").unwrap();
    let lower = cased.as_str().to_lowercase();
    let keys = texts(&[
        "acme",
        &long,
        short,
        "001500000100000",
        &contact,
        &lower,
        "",
        "#N/A",
        "Twin",
        "No",
    ]);
    let one = sample::id("001", 1);
    let five = sample::id("001", 5);
    let (missing, many) = ("lookup_missing", "lookup_ambiguous");
    // With `--nulls clear` and an insert an empty cell stays empty.
    let usual = |missing: &str, many: &str| {
        let ends = [&one[..], &long, &long, &five, missing, missing, "", "#N/A", many, missing];
        texts(&ends)
    };
    for (more, wanted) in [
        ("", usual(missing, many)),
        (", on_missing = \"skip\"", usual("", many)),
        (", on_many = \"skip\"", usual(missing, "")),
        (", on_missing = { default = \"d\" }, on_many = { default = \"e\" }", usual("d", "e")),
    ] {
        let mut case = Case::new(&keys, &toml(more));
        let resolution = case.resolve(&accounts()).await.unwrap();
        assert_eq!(case.mapped(&case.mapping), wanted, "{more}");
        assert!(resolution.refusal().is_none());
    }
}

#[tokio::test]
async fn what_has_no_answer_is_told_with_what_is_near() {
    let keys = texts(&["Acmee", "Twin", "Acme", "acmee", "Twin"]);
    let mut case = Case::new(&keys, &toml(", on_missing = \"error\""));
    let resolution = case.resolve(&accounts()).await.unwrap();
    insta::assert_snapshot!(resolution.notices()[..3].join("\n"), @r"
    `Account__c`: 3 keys looked up in `Account`: 1 found, 1 missing (2 rows refused), 1 ambiguous (2 rows rejected)
    `Account__c`, row 1: no `Account` has `Acmee` as its `Name`; nearest: `Acme`
    `Account__c`, row 2: `Twin` is the `Name` of more than one `Account`: `0018c0000000003AAA`, `0018c0000000004AAA`
    ");
    let refusal = resolution.refusal().unwrap();
    assert_eq!(refusal.blame, Blame::Request);
    insta::assert_snapshot!(format!("{refusal}\n{}", refusal.causes.join("\n")), @r"
    `Account__c` cannot be filled: 3 keys looked up in `Account`: 1 found, 1 missing (2 rows refused), 1 ambiguous (2 rows rejected)
    row 1: no `Account` has `Acmee` as its `Name`; nearest: `Acme`
    row 2: `Twin` is the `Name` of more than one `Account`: `0018c0000000003AAA`, `0018c0000000004AAA`
    ");
    let list = std::fs::read_to_string(&case.places.list).unwrap();
    insta::assert_snapshot!(list, @r"
    field,key,rows,first_row,verdict,candidates
    Account__c,Acmee,2,1,missing,Acme
    Account__c,Twin,2,2,ambiguous,0018c0000000003AAA; 0018c0000000004AAA
    ");
}

#[tokio::test]
async fn only_rows_that_are_taken_are_looked_up() {
    let keys = texts(&["One", "Acme", "Twin", "Two"]);
    let mut case = Case::new(&keys, &toml(""));
    case.plan.skip = 1;
    case.plan.limit = Some(2);
    let resolution = case.resolve(&accounts()).await.unwrap();
    let resolved = &resolution.lookups[0];
    assert_eq!((resolved.distinct, resolved.found, resolved.many), (2, 1, 1));
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_its_place() {
    let lookup = |lookup: &str| {
        format!("[fields]\nAccount__c = {{ column = \"Customer\", lookup = {{ {lookup} }} }}\n")
    };
    for (text, says, hint) in [
        ("object = \"Account\", match = \"Nam\"", "`Account` has no field `Nam`", "`Name`?"),
        ("object = \"Account\", match = \"Id\"", "`Id` of `Account` is an id", "go through"),
        ("file = \"no.csv\", key = \"a\", value = \"b\"", "no.csv", ""),
        ("file = \"in.csv\", key = \"a\", value = \"b\"", "has no column `a`", "`Name`"),
        ("file = \"bad.csv\", key = \"a\", value = \"b\"", "bad.csv:3", "correct the line"),
    ] {
        let mut case = Case::new(&texts(&["x"]), &lookup(text));
        write(&case.folder.path().join("bad.csv"), "a,b\n1,2\n3\n");
        let failure = case.resolve(&accounts()).await.unwrap_err();
        assert_eq!(failure.blame, Blame::Request, "{text}");
        assert!(failure.message.contains("m.toml:2:1: "), "{}", failure.message);
        assert!(failure.message.contains(says), "{}", failure.message);
        assert!(failure.hints.join("\n").contains(hint), "{:?}", failure.hints);
    }
}

#[tokio::test]
async fn a_table_that_was_changed_is_no_answer() {
    let mut case = Case::new(&texts(&["Acme", "Twin"]), &toml(""));
    let resolution = case.resolve(&accounts()).await.unwrap();
    let table = case.places.tables.join("1.table");
    let mut bytes = std::fs::read(&table).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    io::Write::write_all(&mut std::fs::File::create(&table).unwrap(), &bytes).unwrap();
    let mut mapping = case.mapping.clone();
    let failure = reopen(case.folder.path(), &resolution.tables, &mut mapping).unwrap_err();
    assert_eq!(failure.blame, Blame::Ledger);
    assert!(failure.message.contains("not what they were"), "{failure}");
    std::fs::remove_file(&table).unwrap();
    let failure = reopen(case.folder.path(), &resolution.tables, &mut mapping).unwrap_err();
    assert!(failure.message.contains("cannot be read"), "{failure}");
    let failure = reopen(case.folder.path(), &[], &mut mapping).unwrap_err();
    assert!(failure.message.contains("answers of 0 lookups, and needs 1"), "{failure}");
}

#[tokio::test]
async fn the_wish_to_stop_ends_the_questions() {
    let mut case = Case::new(&texts(&["Acme"]), &toml(""));
    let stop = Stop::new();
    stop.ask();
    let (plan, places) = (case.plan.clone(), case.places.clone());
    let ended = resolve_lookups(&plan, &accounts(), &mut case.mapping, &places, &stop).await;
    assert_eq!(ended.unwrap_err().blame, Blame::Interrupted);
    assert_eq!(std::fs::read_dir(&case.places.tables).unwrap().count(), 0, "nothing is left");
}
