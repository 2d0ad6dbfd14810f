use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::config::mapping::MappingSpec;
use crate::config::plan::Nulls;
use crate::model::failure::Explain;
use crate::model::operation::Operation;
use crate::model::rows::RowMark;
use crate::pipeline::sample;

fn wanted(operation: Operation) -> Wanted {
    let external_id = (operation == Operation::Upsert).then(|| "Ext__c".to_owned());
    let nulls = Nulls::Ignore;
    Wanted { operation, external_id, nulls, conversions: None, passes_over: false }
}

fn cells(header: &str) -> Vec<String> {
    header.split(',').map(str::to_owned).collect()
}

/// Compiles a header, and a mapping if its text is not empty.
fn compiled(header: &str, spec: &str, wanted: &Wanted) -> Result<Mapping, MapError> {
    let spec = (!spec.is_empty()).then(|| MappingSpec::parse(spec, "m.toml").unwrap());
    compile(&cells(header), spec.as_ref(), &sample::schema(), wanted)
}

/// What is sent and from where, what is not, and why; or the refusal and its hints.
fn outcome(header: &str, spec: &str, operation: Operation) -> String {
    match compiled(header, spec, &wanted(operation)) {
        Ok(mapping) => {
            let sent = mapping.sent.iter().map(|sent| format!("{} <- {}", sent.header, sent.from));
            let sent = sent.collect::<Vec<_>>().join("\n");
            let left = mapping.not_sent.join(",");
            format!("{sent}\nnot sent: {left}\n{}", mapping.notices.join("\n"))
        }
        Err(error) => {
            assert_eq!(error.blame().exit_code(), 2);
            let hints = error.hints().into_iter().map(|hint| format!("\nhint: {hint}"));
            format!("{error}{}", hints.collect::<String>())
        }
    }
}

fn slab(header: &str, rows: &[&[&str]]) -> RawSlab {
    let mut raw = RawSlab { table: Table::new(cells(header).len()), ..RawSlab::default() };
    for (index, row) in (1..).zip(rows) {
        row.iter().for_each(|field| raw.table.push_field(field.as_bytes()));
        raw.marks.push(RowMark { row: index, line: index + 1 });
    }
    raw
}

/// The fields of each row joined with `|`, or the fault.
fn mapped(header: &str, spec: &str, wanted: &Wanted, rows: &[&[&str]]) -> Vec<String> {
    let mapping = compiled(header, spec, wanted).unwrap();
    let slab = map(slab(header, rows), &mapping);
    let text = |row: usize| {
        let fields = slab.fields.row(row).map(|field| String::from_utf8_lossy(field).into_owned());
        match slab.failed.iter().find(|(failed, _)| *failed == row) {
            Some((_, fault)) => format!("{}: {}", fault.code, fault.message),
            None => fields.collect::<Vec<_>>().join("|"),
        }
    };
    (0..rows.len()).map(text).collect()
}

/// One value through one list of transforms.
fn transformed(transforms: &str, value: &str) -> String {
    let spec = format!("[fields]\nName = {{ column = \"C\", transforms = [{transforms}] }}\n");
    mapped("C", &spec, &wanted(Operation::Insert), &[&[value]]).remove(0)
}

#[test]
fn headers_match_without_case_and_the_rest_is_reported() {
    let header =
        "NAME,ext__C,account__r.ext__c,User:Owner.Username,sf__Id,LONGSHORE__row,Shoe size";
    assert_snapshot!(outcome(header, "", Operation::Insert), @"
    Name <- NAME
    Ext__c <- ext__C
    Account__r.Ext__c <- account__r.ext__c
    User:Owner.Username <- User:Owner.Username
    not sent: Shoe size
    not sent: `Shoe size` is no field of `Shipment__c`
    ");
}

#[test]
fn a_field_that_has_its_column_is_not_proposed_for_another() {
    assert_snapshot!(outcome("Names,Weight__c", "", Operation::Insert), @"
    Weight__c <- Weight__c
    not sent: Names
    not sent: `Names` is no field of `Shipment__c` (did you mean `Name`?)
    ");
    assert_snapshot!(outcome("Names,Name", "", Operation::Insert), @"
    Name <- Name
    not sent: Names
    not sent: `Names` is no field of `Shipment__c`
    ");
}

#[test]
fn an_export_can_be_loaded_again_as_it_is() {
    let header = "Id,Name,CreatedDate,Total__c,Number__c,Account__r.Name,Closed__c,Weight__c";
    assert_snapshot!(outcome(header, "", Operation::Insert), @"
    Name <- Name
    Weight__c <- Weight__c
    not sent: Id,CreatedDate,Total__c,Number__c,Account__r.Name,Closed__c
    not sent: `Id` is given by the org, an insert cannot set it
    not sent: `CreatedDate`, `Closed__c`: each cannot be set by an insert of this user
    not sent: `Total__c` is calculated by the org
    not sent: `Number__c` is numbered by the org
    not sent: `Account__r.Name` cannot be filled: `Name` is no key of `Account`
    ");
    assert_snapshot!(outcome(header, "", Operation::Update), @"
    Id <- Id
    Name <- Name
    Weight__c <- Weight__c
    not sent: CreatedDate,Total__c,Number__c,Account__r.Name,Closed__c
    not sent: `CreatedDate`, `Closed__c`: each cannot be set by an update of this user
    not sent: `Total__c` is calculated by the org
    not sent: `Number__c` is numbered by the org
    not sent: `Account__r.Name` cannot be filled: `Name` is no key of `Account`
    ");
    assert_snapshot!(outcome("Id,Ext__c,Name", "", Operation::Upsert), @"
    Ext__c <- Ext__c
    Name <- Name
    not sent: Id
    not sent: `Id` cannot be set beside the key of an upsert
    ");
}

#[test]
fn a_delete_sends_the_id_and_nothing_else() {
    for operation in [Operation::Delete, Operation::HardDelete, Operation::Undelete] {
        let mapping = compiled("Name,ID,What,Owner.Username", "", &wanted(operation)).unwrap();
        assert_eq!(mapping.sent.len(), 1);
        assert_eq!(mapping.sent[0].header, "Id");
        assert_eq!(mapping.not_sent, ["Name", "What", "Owner.Username"]);
    }
    assert_snapshot!(outcome("Name,Id,What", "", Operation::Delete), @"
    Id <- Id
    not sent: Name,What
    not sent: `Name`, `What`: each is not needed, delete takes only `Id`
    ");
    let spec = "[fields]\nId = \"Key\"\nName = \"Title\"\nExt__c = { constant = \"x\" }";
    assert_snapshot!(outcome("Title,Key,More", spec, Operation::Delete), @"
    Id <- Key
    not sent: Title,More
    not sent: `Title` is not needed, delete takes only `Id`
    not sent: `More` is not named by the mapping
    ");
}

#[test]
fn a_header_that_cannot_be_meant_is_refused() {
    assert_snapshot!(outcome("Shipment Nam,Wieght", "", Operation::Insert), @"
    no column of the file is a field of `Shipment__c`: `Shipment Nam`, `Wieght`
    hint: for `Shipment Nam` did you mean `Name`?
    hint: for `Wieght` did you mean `Weight__c`?
    hint: `longshore describe Shipment__c` lists the fields; `--map` renames columns
    ");
    assert_snapshot!(outcome("Name;Ext__c;Weight__c", "", Operation::Insert), @"
    no column of the file is a field of `Shipment__c`: `Name;Ext__c;Weight__c`
    hint: the file may be delimited otherwise: `--column-delimiter SEMICOLON`
    ");
    assert_snapshot!(outcome("Id;Name", "", Operation::Delete), @"
    no column of the file is a field of `Shipment__c`: `Id;Name`
    hint: the file may be delimited otherwise: `--column-delimiter SEMICOLON`
    ");
    assert_snapshot!(outcome("Foo,Bar", "", Operation::Insert), @"
    no column of the file is a field of `Shipment__c`: `Foo`, `Bar`
    hint: `longshore describe Shipment__c` lists the fields; `--map` renames columns
    ");
    assert_snapshot!(outcome("Name,NAME", "", Operation::Insert), @"
    the field `Name` gets its value twice: from `Name` and from `NAME`
    hint: take one of the columns out of the file, or say in a mapping (`--map`) which one counts
    ");
    assert_snapshot!(outcome("Name,Account__c,Account__r.Ext__c", "", Operation::Insert), @"
    the field `Account__c` gets its value twice: from `Account__c` and from `Account__r.Ext__c`
    hint: take one of the columns out of the file, or say in a mapping (`--map`) which one counts
    ");
    assert_snapshot!(outcome("Name,Owner.Username", "", Operation::Insert), @"
    `Owner.Username` must name the object that it means
    hint: write `User:Owner.Username`
    ");
    assert_snapshot!(outcome("Name,Account:Account__r.Ext__c", "", Operation::Insert), @"
    `Account:Account__r.Ext__c` names an object although the relationship has only one
    hint: write `Account__r.Ext__c`
    ");
    assert_snapshot!(outcome("Name,Lead:Owner.Username", "", Operation::Insert), @"
    `Lead:Owner.Username` cannot refer to `Lead`
    hint: it can refer to `Group`, `User`
    ");
}

#[test]
fn a_load_without_its_key_is_refused() {
    assert_snapshot!(outcome("Record ID,Name", "", Operation::Update), @"
    update needs the record id `Id`, and no column of the file gives it
    hint: rename the column `Record ID` to `Id`, or map it with `--map`
    ");
    assert_snapshot!(outcome("Shipment Id,Name", "", Operation::Delete), @"
    delete needs the record id `Id`, and no column of the file gives it
    hint: rename the column `Shipment Id` to `Id`, or map it with `--map`
    ");
    assert_snapshot!(outcome("Name", "", Operation::Update), @"
    update needs the record id `Id`, and no column of the file gives it
    hint: add a column `Id`, or map one to it with `--map`
    ");
    assert_snapshot!(outcome("Name,External Key", "", Operation::Upsert), @"
    upsert needs its key `Ext__c`, and no column of the file gives it
    hint: rename the column `External Key` to `Ext__c`, or map it with `--map`
    ");
    assert_snapshot!(outcome("Name", "[fields]\nName = \"Name\"", Operation::Upsert), @"
    upsert needs its key `Ext__c`, and no line of the mapping gives it
    hint: add a line for `Ext__c` to the mapping
    ");
    assert_snapshot!(outcome("Id,CreatedDate", "", Operation::Update), @"
    an update that sends only `Id` changes nothing
    hint: give a column for each field that is to change
    hint: not sent: `CreatedDate` cannot be set by an update of this user
    ");
}

#[test]
fn a_key_that_is_none_is_refused() {
    let by = |key: Option<&str>| {
        let wanted = Wanted { external_id: key.map(str::to_owned), ..wanted(Operation::Upsert) };
        let error = compiled("Name", "", &wanted).unwrap_err();
        format!("{error}\nhint: {}", error.hints().join("; "))
    };
    assert_snapshot!(by(Some("name")), @"
    an upsert cannot go by `Name` of `Shipment__c`: it is no key
    hint: external ids and lookup keys are `Id`, `Ext__c`
    ");
    assert_snapshot!(by(Some("Nope__c")), @"
    an upsert cannot go by `Nope__c` of `Shipment__c`: there is no such field
    hint: external ids and lookup keys are `Id`, `Ext__c`
    ");
    assert_snapshot!(by(None), @"
    upsert needs an external id field
    hint: name it with `--external-id FIELD`
    ");
}

#[test]
fn a_mapping_must_be_right_in_all_that_it_names() {
    let outcome = |header: &str, lines: &str| {
        outcome(header, &format!("[fields]\n{lines}"), Operation::Insert)
    };
    assert_snapshot!(outcome("A,B", "Name = \"A\"\nExt__c = \"B\""), @"
    Name <- A
    Ext__c <- B
    not sent:
    ");
    assert_snapshot!(outcome("Title", "Name = \"Titel\""), @"
    m.toml:2:1: the file has no column `Titel`
    hint: did you mean `Title`?
    ");
    assert_snapshot!(outcome("x,y", "Name = \"Titel\""), @"
    m.toml:2:1: the file has no column `Titel`
    hint: its columns are `x`, `y`
    ");
    assert_snapshot!(outcome("A", "Nmae = \"A\""), @"
    m.toml:2:1: `Nmae` is no field of `Shipment__c`
    hint: did you mean `Name`?
    ");
    assert_snapshot!(outcome("A", "\"External Key\" = \"A\""), @"
    m.toml:2:1: `External Key` is no field of `Shipment__c`
    hint: it is the label of `Ext__c`; use the API name
    ");
    assert_snapshot!(outcome("A", "Whatever = \"A\""), @"
    m.toml:2:1: `Whatever` is no field of `Shipment__c`
    hint: `longshore describe Shipment__c` lists its fields
    ");
    assert_snapshot!(outcome("A,B", "Name = \"A\"\nname = \"B\""), @"
    m.toml:2:1 and m.toml:3:1: the field `Name` gets its value twice: from `A` and from `B`
    hint: keep one of them
    ");
    assert_snapshot!(outcome("A", "Closed__c = \"A\""), @"
    m.toml:2:1: `Closed__c` cannot be set by an insert of this user
    hint: unless it is a system field, the user needs edit access to `Closed__c`
    ");
    assert_snapshot!(outcome("A", "Total__c = \"A\""), @"
    m.toml:2:1: `Total__c` is calculated by the org
    hint: take it out of the mapping
    ");
    assert_snapshot!(outcome("A", "Number__c = \"A\""), @"
    m.toml:2:1: `Number__c` is numbered by the org
    hint: take it out of the mapping
    ");
    assert_snapshot!(outcome("A", "Id = \"A\""), @"
    m.toml:2:1: `Id` is given by the org, an insert cannot set it
    hint: take it out of the mapping
    ");
    assert_snapshot!(outcome("sf__Id,A", "Name = \"sf__Id\""), @"
    m.toml:2:1: `sf__Id` is a result column of an earlier run and is never sent
    hint: rename the column in the file if its values are to be sent
    ");
    assert_snapshot!(outcome("A", "\"Acount__r.Ext__c\" = \"A\""), @"
    m.toml:2:1: `Acount__r.Ext__c` cannot be filled: `Acount__r` is no relationship of `Shipment__c`
    hint: did you mean `Account__r`?
    ");
    assert_snapshot!(outcome("A", "\"Account__r.Name\" = \"A\""), @"
    m.toml:2:1: `Account__r.Name` cannot be filled: `Name` is no key of `Account`
    hint: external ids and lookup keys of `Account` are `Id`, `Ext__c`
    ");
    assert_snapshot!(outcome("A", "\"Account__r.Exct__c\" = \"A\""), @"
    m.toml:2:1: `Account__r.Exct__c` cannot be filled: `Account` has no field `Exct__c`
    hint: did you mean `Ext__c`?
    ");
    assert_snapshot!(outcome("A", "\"Account__r.Owner.Username\" = \"A\""), @"
    m.toml:2:1: `Account__r.Owner.Username` goes over more than one relationship
    hint: the form is `Relationship.Field`, such as `Account.Number__c`
    ");
    assert_snapshot!(outcome("A,B,C", "Name = \"A\"\n[options]\nunmapped = \"refuse\""), @r#"
    m.toml: the mapping does not name `B`, `C`, and `unmapped` is `refuse`
    hint: map them, take them out of the file, or set `unmapped = "ignore"`
    "#);
}

#[test]
fn a_lookup_of_a_step_is_refused_outside_of_a_runbook() {
    let spec = "[fields]\nName = { column = \"C\", lookup = { step = \"accounts\", key = \"K\" } }";
    let told = outcome("C", spec, Operation::Insert);
    let start = "m.toml:2:1: the lookup takes Ids of the step `accounts` of a runbook\nhint: ";
    assert!(told.starts_with(start), "{told}");
}

#[test]
fn an_object_that_was_not_described_is_named() {
    let mut schema = sample::schema();
    schema.related.remove("account");
    let spec = MappingSpec::parse("[fields]\n\"Account__r.Ext__c\" = \"A\"", "m.toml").unwrap();
    let header = cells("A");
    let error = compile(&header, Some(&spec), &schema, &wanted(Operation::Insert)).unwrap_err();
    assert_snapshot!(
        error,
        @"m.toml:2:1: `Account__r.Ext__c` refers to `Account`, which this user cannot see"
    );
}

#[test]
fn an_upsert_may_set_what_each_new_record_needs() {
    let mut schema = sample::schema();
    let name = schema.object.fields.iter_mut().find(|field| field.name == "Name").unwrap();
    name.updateable = false;
    let header = cells("Ext__c,Name");
    let mapping = compile(&header, None, &schema, &wanted(Operation::Upsert)).unwrap();
    assert_eq!(mapping.sent.len(), 2);
    let error = compile(&header, None, &schema, &wanted(Operation::Update)).unwrap_err();
    assert!(matches!(error, MapError::NoKey { .. }));
}

#[test]
fn values_come_from_columns_constants_and_joins() {
    let spec = r#"
[fields]
Name = { columns = ["first", "Last"], separator = ", " }
Note__c = { columns = ["First", "Last"], separator = ", ", keep_empty = true }
Ext__c = "First"
Closed__c = "Last"
Slot__c = { constant = "a\r\nb" }
"#
    .replace("Closed__c", "Email__c");
    let rows: &[&[&str]] = &[&["Ann", "Lee"], &["", "Lee"], &["Ann", ""], &["", ""]];
    let got = mapped("First,Last", &spec, &wanted(Operation::Insert), rows);
    assert_eq!(
        got,
        [
            "Ann, Lee|Ann, Lee|Ann|Lee|a\nb",
            "Lee|, Lee||Lee|a\nb",
            "Ann|Ann, |Ann||a\nb",
            "|, |||a\nb",
        ]
    );
}

#[test]
fn empty_cells_clear_only_where_that_was_asked_for() {
    let with = |operation, nulls| Wanted { nulls, ..wanted(operation) };
    let rows: &[&[&str]] = &[&["", "", ""]];
    for (wanted, expected) in [
        (with(Operation::Update, Nulls::Ignore), "||"),
        (with(Operation::Update, Nulls::Clear), "|#N/A|#N/A"),
        (with(Operation::Upsert, Nulls::Clear), "#N/A|"),
    ] {
        let got = mapped("Id,Name,Ext__c", "", &wanted, rows);
        assert_eq!(got, [expected], "{wanted:?}");
    }
    let insert = with(Operation::Insert, Nulls::Clear);
    assert_eq!(mapped("Weight__c,Name,Ext__c", "", &insert, rows), ["||"]);
}

#[test]
fn spreadsheet_truths_are_sent_small_and_only_in_truth_fields() {
    let rows: &[&[&str]] = &[&["TRUE", "TRUE"], &["False", "False"], &["1", "1"], &["ja", "ja"]];
    let got = mapped("Fragile__c,Name", "", &wanted(Operation::Insert), rows);
    assert_eq!(got, ["true|TRUE", "false|False", "1|1", "ja|ja"]);
}

#[test]
fn line_ends_inside_values_become_line_feeds() {
    for (value, expected) in
        [("a\r\nb", "a\nb"), ("a\rb", "a\nb"), ("\r\r\n", "\n\n"), ("a\nb", "a\nb"), ("\r", "\n")]
    {
        let got = mapped("Name", "", &wanted(Operation::Insert), &[&[value]]);
        assert_eq!(got, [expected], "{value:?}");
    }
}

#[test]
fn each_transform_does_what_its_name_says() {
    for (transforms, value, expected) in [
        ("\"trim\"", " \u{a0}a b\t", "a b"),
        ("\"collapse_spaces\"", "  a \t b\n", "a b"),
        ("\"upper\"", "straße", "STRASSE"),
        ("\"lower\"", "ÅSA", "åsa"),
        ("\"digits\"", "+49 (30) 12-34", "49301234"),
        ("{ null_if = [\"-\", \"n/a\"] }", "n/a", ""),
        ("{ null_if = \"-\" }", "--", "--"),
        ("{ default = \"x\" }", "", "x"),
        ("{ default = \"x\" }", "y", "y"),
        ("{ prefix = \"C-\" }", "1", "C-1"),
        ("{ prefix = \"C-\" }", "", ""),
        ("{ suffix = \"!\" }", "1", "1!"),
        ("{ replace = { from = \"/\", to = \"-\" } }", "a/b/c", "a-b-c"),
        ("{ truncate = 3 }", "äöüß", "äöü"),
        ("{ truncate = 3 }", "äö", "äö"),
        ("{ values = { A = \"Hot\" } }", "A", "Hot"),
        ("{ values = { \"\" = \"None\" } }", "", "None"),
        ("{ values = { A = \"Hot\" } }", "", ""),
        ("{ values = { A = \"Hot\" }, otherwise = \"keep\" }", "B", "B"),
        ("{ values = { A = \"Hot\" }, otherwise = { value = \"-\" } }", "B", "-"),
        ("{ date = \"%d/%m/%Y\" }", "31/12/2026", "2026-12-31"),
        ("{ date = \"%d/%m/%Y\" }", "1/2/2026", "2026-02-01"),
        ("{ date = \"%d.%m.%y\" }", "01.02.26", "2026-02-01"),
        (
            "{ datetime = { format = \"%d.%m.%Y %H:%M\", zone = \"+02:00\" } }",
            "01.02.2026 00:30",
            "2026-01-31T22:30:00.000Z",
        ),
        (
            "{ datetime = { format = \"%FT%H:%M:%S%.f%:z\" } }",
            "2026-02-01T10:00:00.25-03:30",
            "2026-02-01T13:30:00.250Z",
        ),
        (
            "{ datetime = { format = \"%F\", zone = \"Z\" } }",
            "2026-02-01",
            "2026-02-01T00:00:00.000Z",
        ),
        ("{ number = { decimal = \",\", group = \".\" } }", "-1.234.567,80", "-1234567.80"),
        ("{ number = { decimal = \",\" } }", ",5", "0.5"),
        ("{ number = { group = \"'\" } }", "1'000.5", "1000.5"),
        ("{ number = { group = \",\" } }", "12,34,567", "1234567"),
        ("\"boolean\"", "Yes", "true"),
        ("\"boolean\"", "off", "false"),
        ("{ boolean = { true = \"jå\", false = \"nej\" } }", "JÅ", "true"),
        ("\"id18\"", "0015500001QdQWa", "0015500001QdQWaAAN"),
        ("\"trim\", { null_if = \"-\" }, { default = \"x\" }", " - ", "x"),
        ("{ prefix = \"x\" }", "#N/A", "#N/A"),
    ] {
        assert_eq!(transformed(transforms, value), expected, "{transforms} of {value:?}");
    }
}

#[test]
fn a_value_that_cannot_be_transformed_fails_its_row() {
    let clock = "{ datetime = { format = \"%F %H:%M\", zone = \"CET-1CEST,M3.5.0,M10.5.0/3\" } }";
    assert_snapshot!(
        transformed("{ date = \"%d/%m/%Y\" }", "31/02/2026"),
        @"transform_failed: `C`: `31/02/2026` is no date in the form `%d/%m/%Y`"
    );
    assert_snapshot!(
        transformed("{ date = \"%d/%m/%Y\" }", "12/31/2026"),
        @"transform_failed: `C`: `12/31/2026` is no date in the form `%d/%m/%Y`"
    );
    assert_snapshot!(
        transformed("{ date = \"%d/%m/%Y\" }", "1/2/2026 \u{1b}[0m"),
        @r"transform_failed: `C`: `1/2/2026 \u{1b}[0m` is no date in the form `%d/%m/%Y`"
    );
    assert_snapshot!(
        transformed(clock, "2026-03-29 02:30"),
        @"transform_failed: `C`: `2026-03-29 02:30` is a local time that the zone skips or repeats"
    );
    assert_snapshot!(
        transformed(clock, "2026-10-25 02:30"),
        @"transform_failed: `C`: `2026-10-25 02:30` is a local time that the zone skips or repeats"
    );
    assert_snapshot!(
        transformed("{ number = { decimal = \",\", group = \".\" } }", "1.23"),
        @"
        transform_failed: `C`: `1.23` is no number with the decimal sign `,` and the group sign `.`
        "
    );
    assert_snapshot!(
        transformed("{ number = { decimal = \",\" } }", "1.234,5"),
        @"transform_failed: `C`: `1.234,5` is no number with the decimal sign `,` and no group sign"
    );
    assert_snapshot!(
        transformed("{ boolean = { true = \"ja\", false = \"nej\" } }", "yes"),
        @"transform_failed: `C`: `yes` is neither yes (`ja`) nor no (`nej`)"
    );
    assert_snapshot!(
        transformed("\"id18\"", "Acme"),
        @"transform_failed: `C`: `Acme` is no id: an id has 15 or 18 characters, this one has 4"
    );
    assert_snapshot!(
        transformed("{ values = { A = \"B\" } }", "a"),
        @"value_not_listed: `C`: `a` is not in the `values` of the mapping"
    );
}

#[test]
fn a_row_fails_with_its_first_fault_and_the_others_go_on_in_order() {
    let spec = "[fields]\nName = { column = \"A\", transforms = [{ values = { x = \"X\" } }] }\n\
                Ext__c = { column = \"B\", transforms = [{ date = \"%F\" }] }";
    let mapping = compiled("A,B", spec, &wanted(Operation::Insert)).unwrap();
    let mut raw = RawSlab { table: Table::new(2), ..RawSlab::default() };
    for row in 0..3000_u64 {
        let bad = row % 1000 == 7;
        raw.table.push_field(if bad { b"?" } else { b"x" });
        raw.table.push_field(if bad { b"?" } else { b"2026-01-01" });
        raw.marks.push(RowMark { row: row + 1, line: row + 2 });
    }
    let slab = map(raw, &mapping);
    assert_eq!(slab.fields.len(), 3000);
    assert_eq!(slab.raw.table.len(), 3000);
    let failed: Vec<_> = slab.failed.iter().map(|(row, fault)| (*row, fault.code)).collect();
    assert_eq!(failed, [7, 1007, 2007].map(|row| (row, VALUE_NOT_LISTED)));
    assert_eq!(slab.failed[0].1.column.as_deref(), Some("A"));
    assert_eq!(slab.fields.row(2999).collect::<Vec<_>>(), [&b"X"[..], b"2026-01-01"]);
}

#[test]
fn the_codes_are_those_of_the_manual() {
    let manual = include_str!("../../../docs/reference/codes.md");
    let section = manual.split("\n## ").find(|part| part.starts_with("Map")).unwrap();
    let listed = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    assert_eq!(listed.collect::<Vec<_>>(), CODES);
}

/// Each row of the manual's table of transforms is carried out.
#[test]
fn the_examples_of_the_manual_hold() {
    let manual = include_str!("../../../docs/reference/mapping.md");
    let mut seen = Vec::new();
    for line in manual.lines().filter(|line| line.starts_with("| `") && line.contains("→")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let (written, example) = (cells[0].trim_matches('`'), cells[2]);
        let (value, result) = example.split_once('→').unwrap();
        let quoted = |text: &str| text.trim().trim_matches('`').trim_matches('"').to_owned();
        let (value, result) = (quoted(value), quoted(result));
        let got = transformed(written, &value);
        assert_eq!(got, result, "{line}");
        seen.push(written);
    }
    for name in crate::config::mapping::TRANSFORM_NAMES {
        let there = seen
            .iter()
            .any(|written| written.trim_start_matches(['{', ' ', '"']).starts_with(name));
        assert!(there, "`{name}` has no example in the manual");
    }
}

#[test]
fn the_mappings_of_the_fixtures_compile() {
    let good = include_str!("../../../fixtures/mapping/shipments.toml");
    let header = "No,First,Last,Customer,Sales rep,Delivery,Pieces,Price,Fragile,By,Remarks";
    let outcome = outcome(header, good, Operation::Upsert);
    assert_snapshot!(outcome, @"
    Ext__c <- No
    Name <- First, Last
    Account__r.Ext__c <- Customer
    User:Owner.Username <- Sales rep
    At__c <- Delivery
    Pieces__c <- Pieces
    Price__c <- Price
    Fragile__c <- Fragile
    Mode__c <- By
    Tags__c <- constant
    not sent: Remarks
    not sent: `Remarks` is not named by the mapping
    ");
}

#[test]
fn an_assignment_list_reads_as_its_fixture_says() {
    let text = include_str!("../../../fixtures/mapping/assignments.toml");
    let spec = MappingSpec::parse(text, "assignments.toml").unwrap();
    assert_eq!(spec.targets(), ["AssigneeId", "PermissionSetId", "ExpirationDate"]);
    // The sample object has other fields; the sources are what this test is about.
    let text = text.replace("AssigneeId", "Name").replace("PermissionSetId", "Ext__c");
    let text = text.replace("ExpirationDate", "At__c");
    let rows: &[&[&str]] = &[&[" 0015500001QdQWa", "31/12/2026"], &["0015500001QdQWa", "never"]];
    let got = mapped("User Id,Until", &text, &wanted(Operation::Insert), rows);
    assert_eq!(
        got,
        [
            "0015500001QdQWaAAN|0PS8c00000Nf6GmGAJ|2026-12-31T00:00:00.000Z",
            "0015500001QdQWaAAN|0PS8c00000Nf6GmGAJ|",
        ]
    );
}

#[test]
fn a_mapping_of_data_loader_is_understood_as_it_means_it() {
    let header = ["First", "Last", "Size"].map(str::to_owned);
    let mapped = |line: &str| {
        let spec = crate::config::dataloader::sdl::parse(line.as_bytes(), "m.sdl").unwrap();
        let schema = sample::schema();
        compile(&header, Some(&spec), &schema, &wanted(Operation::Insert)).map(|mapping| {
            let mut raw = RawSlab { table: Table::new(3), ..RawSlab::default() };
            for cell in ["a ", "", "7"] {
                raw.table.push_field(cell.as_bytes());
            }
            raw.marks.push(RowMark { row: 1, line: 2 });
            let header = mapping.sent[0].header.clone();
            let fields = map(raw, &mapping).fields;
            format!("{header}|{}", String::from_utf8_lossy(fields.field(0, 0)))
        })
    };
    for (line, says) in [
        ("First,Last=Name", "Name|a , "),
        ("Last,First=Note__c", "Note__c|, a "),
        ("Size,First=Pieces__c", "Pieces__c|7"),
        ("First=Account__r:Account-Ext__c", "Account__r.Ext__c|a"),
        ("First=account__R:aCCount-eXt__c", "Account__r.Ext__c|a"),
        ("First=Account__r:Ext__c", "Account__r.Ext__c|a"),
        ("First=Owner:User-Username", "User:Owner.Username|a"),
    ] {
        assert_eq!(mapped(line).map_err(|error| error.to_string()), Ok(says.to_owned()), "{line}");
    }
    for (line, says) in [
        (
            "First=Account__r:User-Username",
            "m.sdl:1:1: `User:Account__r.Username` cannot refer to `User`",
        ),
        // The first of the objects is meant, and a group has no user name.
        (
            "First=Owner:Username",
            "m.sdl:1:1: `Owner.Username` cannot be filled: `Group` has no field `Username`",
        ),
        ("First=Shipment Name", "m.sdl:1:1: `Shipment Name` is no field of `Shipment__c`"),
    ] {
        assert_eq!(mapped(line).unwrap_err().to_string(), says, "{line}");
    }
}

proptest! {
    #[test]
    fn an_identity_mapping_returns_the_source_bytes(
        rows in prop::collection::vec(("[^\r]{0,12}", "[^\r]{0,12}"), 0..40)
    ) {
        let mapping = compiled("Name,Ext__c", "", &wanted(Operation::Insert)).unwrap();
        let mut raw = RawSlab { table: Table::new(2), ..RawSlab::default() };
        for (index, (a, b)) in (1..).zip(&rows) {
            raw.table.push_field(a.as_bytes());
            raw.table.push_field(b.as_bytes());
            raw.marks.push(RowMark { row: index, line: index });
        }
        let slab = map(raw, &mapping);
        prop_assert_eq!(&slab.fields, &slab.raw.table);
        prop_assert!(slab.failed.is_empty());
    }

    #[test]
    fn line_ends_become_what_a_text_editor_makes_of_them(value in "[a\r\n]{0,12}") {
        let got = mapped("Name", "", &wanted(Operation::Insert), &[&[&value]]);
        prop_assert_eq!(&got[0], &value.replace("\r\n", "\n").replace('\r', "\n"));
    }

    #[test]
    fn a_plain_number_is_worth_what_was_written(
        whole in 0_u32..100_000_000, fraction in 0_u32..100, negative: bool
    ) {
        let plain = format!("{}{whole}.{fraction:02}", if negative { "-" } else { "" });
        let digits = whole.to_string();
        let groups: Vec<&str> =
            digits.as_bytes().rchunks(3).rev().map(|g| std::str::from_utf8(g).unwrap()).collect();
        let sign = if negative { "-" } else { "" };
        let written = format!("{sign}{},{fraction:02}", groups.join("."));
        let form = "{ number = { decimal = \",\", group = \".\" } }";
        prop_assert_eq!(transformed(form, &written), plain);
    }
}

#[test]
fn a_line_without_a_column_is_passed_over_where_data_loader_does_so() {
    let lenient = |operation| Wanted { passes_over: true, ..wanted(operation) };
    let spec = "[fields]\nName = \"NAME\"\nExt__c = \"Gone\"\n";
    let mapping = compiled("NAME,Other", spec, &lenient(Operation::Insert)).unwrap();
    assert_eq!(mapping.sent.len(), 1);
    assert_snapshot!(mapping.notices.join("\n"), @"
    not sent: `Other` is not named by the mapping
    passed over: the mapping names `Gone`, and the file has no such column
    ");
    let none = compiled("Other", spec, &lenient(Operation::Insert)).unwrap_err();
    assert!(matches!(none, MapError::NothingMatches { .. }), "{none:?}");
    let key = compiled("NAME", spec, &lenient(Operation::Upsert)).unwrap_err();
    assert!(matches!(key, MapError::NoKey { .. }), "{key:?}");
    assert!(compiled("NAME,Other", spec, &wanted(Operation::Insert)).is_err());
}
