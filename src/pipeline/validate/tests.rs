use insta::assert_snapshot;
use proptest::prelude::*;

use super::*;
use crate::model::failure::Explain;
use crate::model::limits::{FIELD_CHARS_MAX, ROW_CHARS_MAX};
use crate::model::operation::Operation;
use crate::model::rows::{RowMark, Table};
use crate::model::schema::{LoadSchema, SentField};
use crate::pipeline::sample;

/// A sent field of the sample object, or of what a relationship column finds.
fn sent(header: &str, schema: &LoadSchema) -> SentField {
    let from = format!("the {}", header.trim_end_matches("__c"));
    let path = header.rsplit(':').next().unwrap();
    let Some((relationship, key)) = path.split_once('.') else {
        let field = schema.object.field(header).unwrap().clone();
        return SentField { header: header.to_owned(), from, field, related: None };
    };
    let field = schema.object.relationship(relationship).unwrap().clone();
    let to = header.split_once(':').map_or(field.reference_to[0].as_str(), |(to, _)| to);
    let related = schema.related[&to.to_lowercase()].field(key).cloned();
    SentField { header: header.to_owned(), from, field, related }
}

fn prepared(header: &str, operation: Operation) -> Result<Checks, CheckError> {
    prepared_for(header, operation, &sample::schema())
}

fn prepared_for(
    header: &str,
    operation: Operation,
    schema: &LoadSchema,
) -> Result<Checks, CheckError> {
    let sent: Vec<_> = header.split(',').map(|field| sent(field, schema)).collect();
    let key = (operation == Operation::Upsert).then_some("ext__C");
    prepare(&sent, schema, operation, key)
}

fn mapped(rows: &[&[&str]]) -> MappedSlab {
    let mut slab = MappedSlab::default();
    slab.raw.table = Table::new(1);
    slab.fields = Table::new(rows.first().map_or(1, |row| row.len()));
    for (number, row) in (1..).zip(rows) {
        slab.raw.table.push_field(format!("source {number}").as_bytes());
        slab.raw.marks.push(RowMark { row: number, line: number + 1 });
        row.iter().for_each(|field| slab.fields.push_field(field.as_bytes()));
    }
    slab
}

/// The verdict on one value of one field, in an update: empty when it is fine.
fn verdict(field: &str, value: &str) -> String {
    verdict_in(Operation::Update, field, value)
}

fn verdict_in(operation: Operation, field: &str, value: &str) -> String {
    let needs_name = operation == Operation::Insert && field != "Name";
    let header = if needs_name { format!("{field},Name") } else { field.to_owned() };
    let checks = prepared(&header, operation).unwrap();
    let row: &[&str] = if needs_name { &[value, "n"] } else { &[value] };
    let slab = validate(mapped(&[row]), &checks);
    assert_eq!(slab.accepted.len() + slab.rejected.len(), 1);
    match slab.rejected.first() {
        None => String::new(),
        Some(rejected) => {
            assert!(CODES.contains(&rejected.code), "{rejected:?}");
            assert_eq!(*rejected.source[0], *b"source 1");
            format!("{}: {}", rejected.code, rejected.message)
        }
    }
}

/// The verdict as it stands in two columns of `rejected.csv`.
fn told(field: &str, value: &str) -> String {
    told_in(Operation::Update, field, value)
}

fn told_in(operation: Operation, field: &str, value: &str) -> String {
    verdict_in(operation, field, value).replacen(": ", "\n", 1)
}

fn code(field: &str, value: &str) -> String {
    verdict(field, value).split(':').next().unwrap_or_default().to_owned()
}

#[test]
fn good_values_pass() {
    let contact_owner = sample::id("005", 7);
    let queue = sample::id("00G", 7);
    let account = sample::id("001", 7);
    for (field, values) in [
        ("Name", &["x", " ", "ä", "#N/A?"][..]),
        ("Note__c", &["", "#N/A", "a\nb"]),
        ("Ext__c", &["äöüäöüäöüäöüäöüäöüäö"]),
        ("Weight__c", &["0", "-1.5", "+1", ".5", "5.", "1e3", "123456", "999999.999", "1.5E-3"]),
        ("Weight__c", &["0.00001e10", "0001234567e-1", "000000000001", "0e999", "#N/A", ""]),
        ("Price__c", &["9999999999999999", "12.345678901234567890"]),
        ("Pieces__c", &["0", "-12345678", "+5", "00000000012"]),
        ("Fragile__c", &["true", "false", "1", "0", "TRUE", "False", ""]),
        ("Due__c", &["2026-12-31", "2024-02-29", "2000-02-29", "1700-01-01", "4000-12-31"]),
        (
            "At__c",
            &[
                "2026-12-31T23:59:59Z",
                "2026-12-31T23:59:59.1Z",
                "2026-12-31T23:59:59.000+02:00",
                "2026-12-31T23:59:59.000-0330",
            ],
        ),
        ("Slot__c", &["23:59:59", "00:00:00.000Z", "12:30:00Z"]),
        ("Mode__c", &["Air", "AIR", "übersee", "#N/A", ""]),
        ("Tags__c", &["cold", "cold;heavy", "COLD; heavy", ";", ""]),
        ("Email__c", &["a@b.org", "first.last+tag@sub.example.co", "jürgen@münchen.de", ""]),
        ("Account__c", &[account.as_str(), &account[..15], "#N/A", ""]),
        ("OwnerId", &[contact_owner.as_str(), queue.as_str()]),
        ("Account__r.Ext__c", &["anything", "", "#N/A"]),
    ] {
        for value in values {
            assert_eq!(verdict(field, value), "", "{field} {value:?}");
        }
    }
}

#[test]
fn bad_values_are_refused_with_their_code() {
    let account = sample::id("001", 7);
    let flipped = account.replace('c', "C");
    let contact = sample::id("003", 7);
    for (field, expected, values) in [
        ("Ext__c", "too_long", &["äöüäöüäöüäöüäöüäöüäöx"][..]),
        ("Account__r.Ext__c", "too_long", &["123456789012345678901"]),
        ("Weight__c", "bad_number", &["1.234,56", "NaN", "inf", " 5", "5 ", "1,5", "0x1F", "e5"]),
        ("Weight__c", "bad_number", &[".", "-", "1e", "1e+", "1.2.3", "--1", "١", "1_000", "1f"]),
        ("Weight__c", "number_too_large", &["1234567", "1e400", "1e6", "0.1e7", "-1234567.5"]),
        ("Price__c", "number_too_large", &["12345678901234567", "1e99999999999999999999"]),
        ("Pieces__c", "bad_int", &["1.0", "1e3", " 1", "one", "-", "1,000"]),
        ("Pieces__c", "number_too_large", &["123456789", "2147483648", "-99999999999999999999"]),
        ("Fragile__c", "bad_boolean", &["yes", "2", "t", " true"]),
        ("Fragile__c", "cannot_clear", &["#N/A"]),
        (
            "Due__c",
            "bad_date",
            &["31/02/2026", "02/03/2026", "2026-02-30", "2026-13-01", "0026-01-01"],
        ),
        ("Due__c", "bad_date", &["2026-1-1", "2026-01-01Z", "2026-01-01T00:00:00Z", "2023-02-29"]),
        (
            "Due__c",
            "bad_date",
            &["1900-02-29", "2026-04-31", "2026-01-00", "1699-12-31", "4001-01-01"],
        ),
        ("At__c", "bad_datetime", &["2026-12-31T23:59:59", "2026-12-31", "2026-12-31 23:59:59Z"]),
        ("At__c", "bad_datetime", &["2026-12-31T24:00:00Z", "2026-12-31T23:60:00Z", "x"]),
        ("At__c", "bad_datetime", &["2026-12-31T23:59:59.Z", "2026-12-31T23:59:59+2", "äöüäöü"]),
        ("At__c", "bad_datetime", &["2026-02-30T00:00:00Z", "2026-12-31T23:59:59+15:00"]),
        ("Slot__c", "bad_time", &["9:30", "24:00:00", "12:00", "12:00:00+01:00"]),
        ("Mode__c", "not_in_picklist", &["Mule", "Rail", "by Air", "Air;Sea", " Air"]),
        ("Tags__c", "not_in_picklist", &["warm", "cold;warm", "cold,heavy"]),
        ("Email__c", "bad_email", &["a", "a@b", "@b.org", "a@", "a@b..org", "a@.org", "a b@c.org"]),
        ("Email__c", "bad_email", &["a@b.org.", "a@@b.org", "a@b.org;c@d.org", "<a@b.org>"]),
        ("Account__c", "bad_id", &["001", "00155000 1QdQWa", "Acme", "001550000äQdQWa"]),
        ("Account__c", "bad_id_checksum", &[flipped.as_str()]),
        ("Account__c", "wrong_object", &[contact.as_str(), "a018c0000000007"]),
        ("OwnerId", "wrong_object", &[contact.as_str()]),
        ("OwnerId", "cannot_clear", &["#N/A"]),
        ("Id", "wrong_object", &[account.as_str()]),
        ("Id", "blank_id", &["", " ", "#N/A"]),
    ] {
        for value in values {
            assert_eq!(code(field, value), expected, "{field} {value:?}");
        }
    }
}

#[test]
fn what_is_required_depends_on_the_operation() {
    for (operation, field, value, expected) in [
        (Operation::Insert, "Name", "", "required"),
        (Operation::Insert, "Name", " \t", "required"),
        (Operation::Insert, "Name", "#N/A", "required"),
        (Operation::Insert, "Fragile__c", "", ""),
        (Operation::Insert, "Ext__c", "", ""),
        (Operation::Update, "Name", "", ""),
        (Operation::Update, "Name", "#N/A", "cannot_clear"),
        (Operation::Upsert, "Name", "", ""),
        (Operation::Upsert, "Name", "#N/A", "cannot_clear"),
        (Operation::Upsert, "Ext__c", "", "blank_key"),
        (Operation::Upsert, "Ext__c", " ", "blank_key"),
        (Operation::Upsert, "Ext__c", "#N/A", "blank_key"),
        (Operation::Delete, "Id", "", "blank_id"),
    ] {
        let verdict = verdict_in(operation, field, value);
        let code = verdict.split(':').next().unwrap_or_default();
        assert_eq!(code, expected, "{operation} {field} {value:?}");
    }
}

#[test]
fn a_message_says_column_value_and_what_was_expected() {
    let account = sample::id("001", 7);
    let contact = sample::id("003", 7);
    assert_snapshot!(
        told("Ext__c", "123456789012345678901"),
        @"
        too_long
        `the Ext`: `123456789012345678901` has 21 characters, `Ext__c` takes 20
        "
    );
    assert_snapshot!(
        told("Ext__c", &format!("\u{1b}{}", "ä".repeat(60))).replace("äääää", "5"),
        @r"
        too_long
        `the Ext`: `\u{1b}5555555ääää…` has 61 characters, `Ext__c` takes 20
        "
    );
    assert_snapshot!(
        told("Weight__c", "1.234,56"),
        @"
        bad_number
        `the Weight`: `1.234,56`, expected a number as `1234.56`
        "
    );
    assert_snapshot!(
        told("Weight__c", "1234567"),
        @"
        number_too_large
        `the Weight`: `1234567` has 7 digits before the point, at most 6 fit
        "
    );
    assert_snapshot!(
        told("Weight__c", "1e400"),
        @"
        number_too_large
        `the Weight`: `1e400` is beyond what a number holds
        "
    );
    assert_snapshot!(
        told("Pieces__c", "1.0"),
        @"
        bad_int
        `the Pieces`: `1.0`, expected a whole number as `1234`
        "
    );
    assert_snapshot!(
        told("Pieces__c", "123456789"),
        @"
        number_too_large
        `the Pieces`: `123456789` has 9 digits, at most 8 fit
        "
    );
    assert_snapshot!(
        told("Pieces__c", "9999999999"),
        @"
        number_too_large
        `the Pieces`: `9999999999` does not fit in 32 bits
        "
    );
    assert_snapshot!(
        told("Fragile__c", "ja"),
        @"
        bad_boolean
        `the Fragile`: `ja`, expected `true`, `false`, `1` or `0`
        "
    );
    assert_snapshot!(
        told("Fragile__c", "#N/A"),
        @"
        cannot_clear
        `the Fragile`: `#N/A`, but `Fragile__c` cannot be empty
        "
    );
    assert_snapshot!(
        told("Due__c", "31/02/2026"),
        @"
        bad_date
        `the Due`: `31/02/2026`, expected a day as `yyyy-MM-dd`, from 1700 to 4000
        "
    );
    assert_snapshot!(
        told("At__c", "2026-12-31T23:59:59"),
        @"
        bad_datetime
        `the At`: `2026-12-31T23:59:59` has no zone, expected `Z` or an offset as `+02:00` behind
        "
    );
    assert_snapshot!(
        told("At__c", "yesterday"),
        @"
        bad_datetime
        `the At`: `yesterday`, expected a moment as `yyyy-MM-ddTHH:mm:ss.SSSZ`
        "
    );
    assert_snapshot!(
        told("Slot__c", "9:30"),
        @"
        bad_time
        `the Slot`: `9:30`, expected a time as `HH:mm:ss.SSSZ`
        "
    );
    assert_snapshot!(
        told("Mode__c", "Rail"),
        @"
        not_in_picklist
        `the Mode`: `Rail` is none of `Air`, `Sea`, `Übersee`
        "
    );
    assert_snapshot!(
        told("Mode__c", "by air"),
        @"
        not_in_picklist
        `the Mode`: `by air` is the label of `Air`, which is the value to send
        "
    );
    assert_snapshot!(
        told("Email__c", "a@b"),
        @"
        bad_email
        `the Email`: `a@b`, expected an address as `a@b.org`
        "
    );
    assert_snapshot!(
        told("Account__c", "Acme"),
        @"
        bad_id
        `the Account`: `Acme` is no id: an id has 15 or 18 characters, this one has 4
        "
    );
    assert_snapshot!(
        told("Account__c", "0015500001qdqwaAAN"),
        @"
        bad_id_checksum
        `the Account`: `0015500001qdqwaAAN` has lost its case, it was `0015500001QdQWaAAN`
        "
    );
    assert_snapshot!(
        told("Account__c", "0015500001QdQWaZZZ"),
        @"
        bad_id_checksum
        `the Account`: `0015500001QdQWaZZZ` is no id: its checksum is wrong
        "
    );
    assert_snapshot!(
        told("Account__c", &contact),
        @"
        wrong_object
        `the Account`: `0038c0000000007AAA` is an id of `contact`, `Account__c` takes `Account`
        "
    );
    assert_snapshot!(
        told("OwnerId", &account),
        @"
        wrong_object
        `the OwnerId`: `0018c0000000007AAA` is an id of `Account`, `OwnerId` takes `Group` or `User`
        "
    );
    assert_snapshot!(
        told("Account__c", "zzz8c0000000007"),
        @"
        wrong_object
        `the Account`: `zzz8c0000000007` begins with `zzz`, `Account__c` takes `Account`
        "
    );
    assert_snapshot!(
        told("Id", ""),
        @"
        blank_id
        `the Id`: blank, but each row needs its record id
        "
    );
    assert_snapshot!(
        told_in(Operation::Insert, "Name", ""),
        @"
        required
        `the Name`: blank, but `Name` is required
        "
    );
    assert_snapshot!(
        told_in(Operation::Insert, "Name", "#N/A"),
        @"
        required
        `the Name`: `#N/A`, but `Name` is required
        "
    );
    assert_snapshot!(
        told_in(Operation::Upsert, "Ext__c", ""),
        @"
        blank_key
        `the Ext`: blank, but `Ext__c` is the key of the upsert
        "
    );
}

#[test]
fn a_long_list_of_values_is_cut() {
    let mut schema = sample::schema();
    let field = schema.object.fields.iter_mut().find(|field| field.name == "Mode__c").unwrap();
    let value = field.picklist[0].clone();
    field.picklist = (1..=12)
        .map(|number| crate::model::schema::PicklistValue {
            value: number.to_string(),
            ..value.clone()
        })
        .collect();
    let checks = prepared_for("Mode__c", Operation::Update, &schema).unwrap();
    let slab = validate(mapped(&[&["x"]]), &checks);
    assert_snapshot!(
        slab.rejected[0].message,
        @"`the Mode`: `x` is none of `1`, `2`, `3`, `4`, `5`, `6`, `7`, `8`, `9`, `10`, and 2 more"
    );
}

#[test]
fn the_limits_of_the_service_hold_after_mapping_too() {
    let mut schema = sample::schema();
    for field in &mut schema.object.fields {
        field.length = 0;
    }
    let header = "Note__c,Name,Ext__c,Number__c";
    let checks = prepared_for(header, Operation::Update, &schema).unwrap();
    let fits = "ä".repeat(FIELD_CHARS_MAX);
    let over = format!("{fits}x");
    let rest = "ä".repeat(ROW_CHARS_MAX - 3 * FIELD_CHARS_MAX);
    let slab = mapped(&[
        &[&fits, "", "", ""],
        &[&over, "", "", ""],
        &[&fits, &fits, &fits, &rest],
        &[&fits, &fits, &fits, &format!("{rest}x")],
    ]);
    let slab = validate(slab, &checks);
    let codes: Vec<_> = slab.rejected.iter().map(|r| (r.mark.row, r.code)).collect();
    assert_eq!(codes, [(2, "field_too_long"), (4, "row_too_long")]);
    assert_snapshot!(
        slab.rejected[1].message,
        @"the row has 400001 characters to send, a row may have 400000"
    );
}

#[test]
fn rows_are_sorted_into_two_and_keep_their_order() {
    let checks = prepared("Name,Ext__c,Weight__c", Operation::Insert).unwrap();
    let good: &[&str] = &["n", "e", "1"];
    let mut slab = mapped(&[good, &["", "e", "x"], good, &["n", "e", "x"], good]);
    // Row 3 of the file could not be read; row 5 could not be mapped.
    for (mark, row) in slab.raw.marks.iter_mut().zip([1, 2, 4, 5, 6]) {
        mark.row = row;
    }
    let mark = RowMark { row: 3, line: 4 };
    let unread = Rejected {
        mark,
        column: None,
        code: "ragged_row",
        message: String::new(),
        source: Vec::new(),
    };
    slab.raw.rejected.push(unread);
    let fault = ValueFault { column: None, code: "transform_failed", message: String::new() };
    slab.failed.push((3, fault));
    let slab = validate(slab, &checks);
    assert_eq!(slab.accepted, [0, 2, 4]);
    let rejected: Vec<_> = slab.rejected.iter().map(|r| (r.mark.row, r.code)).collect();
    assert_eq!(rejected, [(2, "required"), (3, "ragged_row"), (5, "transform_failed")]);
    assert_eq!(slab.rejected[0].column.as_deref(), Some("the Name"));
    assert!(slab.raw.rejected.is_empty());
}

#[test]
fn a_slab_of_many_rows_is_checked_in_order() {
    let checks = prepared("Weight__c", Operation::Update).unwrap();
    let rows: Vec<&[&str]> =
        (0..4096).map(|row| if row % 1000 == 999 { &["x"][..] } else { &["1"] }).collect();
    let slab = validate(mapped(&rows), &checks);
    let rejected: Vec<_> = slab.rejected.iter().map(|r| r.mark.row).collect();
    assert_eq!(rejected, [1000, 2000, 3000, 4000]);
    assert_eq!(slab.accepted.len(), 4092);
    assert!(slab.accepted.is_sorted());
}

#[test]
fn a_load_that_cannot_succeed_in_any_row_is_refused() {
    let refusal = |header: &str, operation, change: fn(&mut LoadSchema)| {
        let mut schema = sample::schema();
        change(&mut schema);
        let error = prepared_for(header, operation, &schema).unwrap_err();
        assert_eq!(error.blame().exit_code(), 2);
        format!("{error}\nhint: {}", error.hints().join("; "))
    };
    let same: fn(&mut LoadSchema) = |_| {};
    assert_snapshot!(refusal("Ext__c", Operation::Insert, same), @r#"
    an insert of `Shipment__c` needs `Name`, and no column gives it
    hint: add a column, or a constant in a mapping: `Name = { constant = "…" }`
    "#);
    assert_snapshot!(
        refusal("Ext__c", Operation::Insert, |schema| {
            for field in &mut schema.object.fields {
                field.nillable = field.nillable && field.name != "Account__c";
            }
        }),
        @r#"
        an insert of `Shipment__c` needs `Name`, `Account__c`, and no column gives them
        hint: add a column, or a constant in a mapping: `Name = { constant = "…" }`
        "#
    );
    assert_snapshot!(refusal("Name,Body__c", Operation::Insert, same), @"
    the field `Body__c` holds binary data, which a bulk load cannot carry
    hint: leave the column out
    ");
    assert_snapshot!(refusal("Name", Operation::Insert, |s| s.object.createable = false), @"
    this user cannot create `Shipment__c`
    hint: ask for the right; `longshore describe Shipment__c` shows what there is
    ");
    assert_snapshot!(refusal("Id,Name", Operation::Update, |s| s.object.updateable = false), @"
    this user cannot update `Shipment__c`
    hint: ask for the right; `longshore describe Shipment__c` shows what there is
    ");
    assert_snapshot!(refusal("Ext__c", Operation::Upsert, |s| s.object.updateable = false), @"
    this user cannot update `Shipment__c`
    hint: ask for the right; `longshore describe Shipment__c` shows what there is
    ");
    assert_snapshot!(refusal("Ext__c", Operation::Upsert, |s| s.object.createable = false), @"
    this user cannot create `Shipment__c`
    hint: ask for the right; `longshore describe Shipment__c` shows what there is
    ");
    assert_snapshot!(refusal("Id", Operation::Delete, |s| s.object.deletable = false), @"
    this user cannot delete `Shipment__c`
    hint: ask for the right; `longshore describe Shipment__c` shows what there is
    ");
    assert_snapshot!(refusal("Id", Operation::HardDelete, |s| s.object.deletable = false), @"
    this user cannot delete `Shipment__c`
    hint: ask for the right; `longshore describe Shipment__c` shows what there is
    ");
    assert_snapshot!(refusal("Id", Operation::Undelete, |s| s.object.undeletable = false), @"
    this user cannot undelete `Shipment__c`
    hint: ask for the right; `longshore describe Shipment__c` shows what there is
    ");
}

#[test]
fn a_relationship_column_gives_what_is_required() {
    let mut schema = sample::schema();
    for field in &mut schema.object.fields {
        field.nillable = field.nillable && field.name != "Account__c";
    }
    let checks = prepared_for("Name,Account__r.Ext__c", Operation::Insert, &schema).unwrap();
    let slab = validate(mapped(&[&["n", "key"], &["n", ""]]), &checks);
    assert_eq!(slab.accepted, [0]);
    assert_snapshot!(
        slab.rejected[0].message,
        @"`the Account__r.Ext`: blank, but `Account__r.Ext__c` is required"
    );
}

#[test]
fn a_prefix_that_the_org_would_not_tell_is_not_checked() {
    let mut schema = sample::schema();
    schema.key_prefixes.remove("group");
    let checks = prepared_for("OwnerId", Operation::Update, &schema).unwrap();
    let slab = validate(mapped(&[&[&sample::id("003", 1)]]), &checks);
    assert_eq!(slab.accepted, [0]);
}

#[test]
fn the_codes_are_those_of_the_manual() {
    let manual = include_str!("../../../docs/reference/codes.md");
    let section = |name: &str| {
        let part = manual.split("\n## ").find(|part| part.starts_with(name)).unwrap();
        let codes = part.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        codes.collect::<Vec<_>>()
    };
    assert_eq!(section("Validate"), CODES);
    // `read` has these; a stage does not name another, so they are written out here.
    assert_eq!(
        section("Read"),
        [
            "unclosed_quote",
            "inside_open_quote",
            "text_after_quote",
            "ragged_row",
            "field_too_long",
            "row_too_long",
            "nul_byte",
            "bad_utf8",
            "blank_row",
        ]
    );
}

#[test]
fn early_years_are_taken_where_they_are_asked_for() {
    let checks = || prepared("Due__c,At__c", Operation::Update).unwrap();
    let early = checks().with_early_years();
    for (day, exists) in [
        ("0024-03-09", true),
        ("1699-12-31", true),
        ("0000-01-01", false),
        ("4001-01-01", false),
        ("0024-02-30", false),
    ] {
        let moment = format!("{day}T10:00:00.000Z");
        for row in [[day, ""], ["", &moment]] {
            let slab = validate(mapped(&[&row]), &early);
            assert_eq!(slab.rejected.is_empty(), exists, "{row:?}");
            assert!(!validate(mapped(&[&row]), &checks()).rejected.is_empty(), "{row:?}");
        }
    }
}

/// Values of many kinds, good ones and others.
fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(String::new()),
        1 => prop::sample::select(vec!["#N/A", " ", "#", "true", "FALSE", "0", "maybe"])
            .prop_map(str::to_owned),
        2 => prop::sample::select(vec!["2025-02-28", "2025-02-30", "2025-01-01T10:00:00Z", "10:00:00Z"])
            .prop_map(str::to_owned),
        2 => "-?[0-9]{1,9}([.][0-9]{0,3})?|[+][0-9]{8,11}|1e[0-9]{1,3}",
        2 => "(001|005|0PS)[a-zA-Z0-9]{12}".prop_map(|id| {
            crate::model::ids::RecordId::parse(id.as_bytes()).unwrap().as_str().to_owned()
        }),
        1 => "[a-z]{1,3}@[a-z.]{1,5}",
        1 => "[a-z é]{0,30}",
        1 => prop::sample::select(vec!["Air", "Sea", "sea", "cold", "cold;heavy"])
            .prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn an_id_with_a_flipped_case_is_never_accepted(
        tail in "[a-zA-Z0-9]{12}", flips in prop::collection::vec(any::<bool>(), 15)
    ) {
        let id = crate::model::ids::RecordId::parse(format!("001{tail}").as_bytes()).unwrap();
        prop_assert_eq!(verdict("Account__c", id.as_str()), "");
        let mut flipped = id.as_str().as_bytes().to_vec();
        for (byte, flip) in flipped.iter_mut().zip(flips) {
            if flip {
                *byte ^= if byte.is_ascii_alphabetic() { 0x20 } else { 0 };
            }
        }
        let flipped = String::from_utf8(flipped).unwrap();
        if flipped != id.as_str() {
            prop_assert_ne!(verdict("Account__c", &flipped), "");
        }
    }

    #[test]
    fn the_quick_look_at_an_id_agrees_with_the_thorough_one(
        text in "[a-zA-Z0-9]{15}([A-Z0-5]{3})?|[a-c]{5}[A-C]{5}[1-3]{5}AA[A-F]|.{14,18}"
    ) {
        let parsed = crate::model::ids::RecordId::parse(text.as_bytes());
        let canonical = parsed.clone().is_ok_and(|id| id.as_str().starts_with(&text));
        prop_assert_eq!(values::is_id(text.as_bytes()), canonical, "{}", text);
        if let Ok(id) = parsed {
            prop_assert!(values::is_id(id.as_bytes()));
        }
    }

    #[test]
    fn the_quick_look_at_columns_agrees_with_the_thorough_one_at_rows(
        rows in prop::collection::vec(prop::collection::vec(any_value(), 14), 0..9),
        filler in 0_usize..600,
    ) {
        let header = "Name,Ext__c,Account__c,Weight__c,Pieces__c,Fragile__c,Due__c,At__c,Slot__c,\
                      Mode__c,Tags__c,Email__c,Note__c,Price__c";
        let checks = prepared(header, Operation::Update).unwrap();
        let width = checks.columns.len();
        let mut fields = Table::new(width);
        for row in rows.iter().flat_map(|row| std::iter::repeat_n(row, 1 + filler / 9)) {
            row[..width].iter().for_each(|value| fields.push_field(value.as_bytes()));
        }
        let slow = (0..fields.len()).filter_map(|row| Some((row, checks.looked_at(&fields, row)?)));
        prop_assert_eq!(checks.faults(&fields), slow.collect::<Vec<_>>());
    }

    #[test]
    fn the_quick_look_at_a_number_knows_only_numbers(text in "-?[0-9.]{0,12}|.{0,4}", most in 1..12) {
        let most = u32::try_from(most).unwrap();
        if values::is_simple_number(text.as_bytes(), most as usize) {
            let number = values::number(text.as_bytes());
            prop_assert!(matches!(number, values::Number::Whole(digits) if digits <= most));
        }
        if values::is_simple_whole(text.as_bytes(), most.min(9) as usize) {
            let whole = values::whole(text.as_bytes());
            prop_assert!(whole.is_some_and(|(_, digits)| digits <= most), "{}", text);
        }
    }

    #[test]
    fn an_address_has_one_at_and_a_domain_with_dots_inside(text in "[a.@é ]{0,8}|[a-c.@]{1,9}|.{0,4}") {
        let bad = |byte: u8| {
            byte.is_ascii_whitespace() || byte.is_ascii_control() || b",;:<>()[]\\\"".contains(&byte)
        };
        let is_address = match text.split('@').collect::<Vec<_>>()[..] {
            [local, domain] => {
                let labels: Vec<&str> = domain.split('.').collect();
                let dotted = labels.len() > 1 && labels.iter().all(|label| !label.is_empty());
                !local.is_empty() && dotted && !text.bytes().any(bad)
            }
            _ => false,
        };
        prop_assert_eq!(values::is_email(text.as_bytes()), is_address, "{}", text);
    }

    #[test]
    fn a_number_that_is_accepted_is_a_finite_number(text in
            "[-+]?[0-9]{0,4}[.]?[0-9]{0,3}([eE][-+]?[0-9]{0,4})?|.{0,6}"
    ) {
        for field in ["Weight__c", "Pieces__c"] {
            if !text.is_empty() && text != "#N/A" && verdict(field, &text).is_empty() {
                let worth: f64 = text.parse().unwrap();
                prop_assert!(worth.is_finite());
                prop_assert!(worth.abs() < 1e8, "{} fits", text);
            }
        }
    }

    #[test]
    fn every_number_that_fits_is_accepted(worth in -999_999.0_f64..999_999.0) {
        prop_assert_eq!(verdict("Weight__c", &worth.to_string()), "");
        prop_assert_eq!(verdict("Weight__c", &format!("{worth:e}")), "");
    }

    #[test]
    fn days_are_those_of_the_calendar(year in 1690_i16..4010, month in 0_i8..14, day in 0_i8..33) {
        let date = jiff::civil::Date::new(year, month, day);
        let exists = date.is_ok() && (1700..=4000).contains(&year);
        let text = format!("{year:04}-{month:02}-{day:02}");
        prop_assert_eq!(verdict("Due__c", &text).is_empty(), exists, "{}", text);
        let moment = format!("{text}T00:00:00Z");
        prop_assert_eq!(verdict("At__c", &moment).is_empty(), exists, "{}", moment);
    }
}
