//! Processes made into commands, and mappings that are read as the same rules.

use std::fmt::Write as _;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::config::dataloader::sdl;
use crate::config::mapping::{Dialect, Missing, RuleSource, Transform};

fn source(settings: &[(&str, &str)]) -> Source {
    let setting = |(key, value): &(&str, &str)| Setting {
        key: (*key).to_owned(),
        value: (*value).to_owned(),
        of_bean: true,
    };
    Source { id: "nightly".to_owned(), settings: settings.iter().map(setting).collect() }
}

/// The command or the refusal, and each note on a line.
fn told(settings: &[(&str, &str)], mapped: &Mapped) -> String {
    let job = translate(&source(settings), mapped, None);
    let mut text = if job.refused.is_empty() {
        format!("{}\n", posix_line(&job.command))
    } else {
        format!("refused: {}\n", job.refused.join("; "))
    };
    for note in job.notes {
        let value = note.value.map(|value| format!("={value}")).unwrap_or_default();
        writeln!(text, "{:?} {}{value}: {}", note.fate, note.key, note.text).unwrap();
    }
    text
}

/// Only what follows the command word.
fn command(settings: &[(&str, &str)]) -> String {
    let mut all = vec![
        ("sfdc.entity", "Contact"),
        ("dataAccess.type", "csvRead"),
        ("dataAccess.name", "a.csv"),
    ];
    all.retain(|(key, _)| !settings.iter().any(|(other, _)| other == key));
    all.extend(settings);
    told(&all, &Mapped::No).lines().next().unwrap().to_owned()
}

#[test]
fn a_load_is_told_key_by_key() {
    let bytes = b"Family\\ name=LastName\nCustomer=Account:Account-Key__c\n";
    let spec = sdl::parse(bytes, "c.sdl").unwrap();
    let mapped = Mapped::Read { spec, file: "nightly.toml".to_owned() };
    let settings = [
        ("process.operation", "Upsert"),
        ("sfdc.entity", "Contact"),
        ("dataAccess.type", "csvread"),
        ("dataAccess.name", "c:\\data\\contact.csv"),
        ("process.mappingFile", "c:\\conf\\contact.sdl"),
        ("sfdc.externalIdField", "Key__c"),
        ("sfdc.endpoint", "https://test.salesforce.com"),
        ("sfdc.username", "robot@example.org"),
        ("sfdc.password", "0123"),
        ("sfdc.insertNulls", "true"),
        ("process.outputError", "c:\\out\\err.csv"),
        ("sfdc.timeoutSecs", "600"),
        ("sfdc.assignmentRule", "01Q000000000001"),
        ("my.token", "hidden"),
    ];
    insta::assert_snapshot!(told(&settings, &mapped), @r#"
        longshore upsert Contact 'c:\data\contact.csv' --map "$here"/nightly.toml --external-id Key__c --nulls clear --error 'c:\out\err.csv'
        Carried process.operation=Upsert: `longshore upsert`
        Carried dataAccess.type=csvread: a CSV file
        Carried sfdc.entity=Contact: the object
        Carried dataAccess.name=c:\data\contact.csv: the file
        Carried process.mappingFile=c:\conf\contact.sdl: `nightly.toml`, which is read as the same rules
        Carried process.mappingFile=c:\conf\contact.sdl: `dialect = "data-loader"` keeps what it says of relationships and joined columns
        Carried sfdc.externalIdField=Key__c: `--external-id Key__c`
        Carried sfdc.insertNulls=true: `--nulls clear`
        Changed process.mappingFile=c:\conf\contact.sdl: a column of the mapping that the file does not have refuses the load; Data Loader passes over it
        Changed dataAccess.readUTF8: UTF-8 is read here; Data Loader reads what its Java takes for the computer's own: add `--encoding windows-1252` if the file is such a one
        Changed process.outputError=c:\out\err.csv: `--error c:\out\err.csv`; the columns are ours (`sf__Id` and others at the end)
        Changed process.batchMode.exitWithErrorOnFailedRows: the exit code is 3 when rows failed, always
        Changed sfdc.truncateFields: a text that is too long rejects its row; Data Loader lets the org cut it off: add a `truncate` to its column in the mapping
        Changed conversion: values are sent as they stand, or as the mapping's `transforms` make them: `3/9/2026`, `yes` and `1,5` are not converted
        Changed #N/A: it clears a field here; Data Loader stores this very text, without a Bulk API
        Changed sfdc.endpoint=https://test.salesforce.com: which org it is: `--target-org` or `LONGSHORE_TARGET_ORG` says it; a sandbox is meant
        Changed sfdc.username=robot@example.org: who signs in: `--target-org` or `LONGSHORE_TARGET_ORG` says it
        Left sfdc.password: no password is carried over, and none is decrypted: sign in with a key or a client secret, by `longshore org login`
        Left sfdc.assignmentRule=01Q000000000001: only `longshore process` does so
        NoUse sfdc.timeoutSecs=600: Data Loader does not keep it either
        NoUse my.token: Data Loader does not know it, and takes no notice of it
        "#);
}

#[test]
fn flags_follow_the_keys() {
    for (settings, line) in [
        (&[][..], "longshore insert Contact a.csv"),
        (&[("process.operation", "DELETE")], "longshore delete Contact a.csv"),
        (&[("process.operation", "undelete")], "longshore undelete Contact a.csv"),
        (
            &[("process.operation", "hard_delete"), ("sfdc.useBulkApi", "true")],
            "longshore hard-delete Contact a.csv",
        ),
        (
            &[("process.operation", "update"), ("sfdc.insertNulls", "true")],
            "longshore update Contact a.csv --nulls clear",
        ),
        (
            &[
                ("process.operation", "update"),
                ("sfdc.insertNulls", "true"),
                ("sfdc.useBulkV2Api", "true"),
            ],
            "longshore update Contact a.csv",
        ),
        (&[("sfdc.insertNulls", "true")], "longshore insert Contact a.csv"),
        (&[("process.loadRowToStartAt", "7")], "longshore insert Contact a.csv --skip 7"),
        (&[("pilot.process.loadRowToStartAt", "7")], "longshore insert Contact a.csv --skip 7"),
        (&[("longshore.targetOrg", "acme")], "longshore insert Contact a.csv --target-org acme"),
        (
            &[("process.keepAccountTeam", "true")],
            "refused: `process.keepAccountTeam`: Bulk API 2.0 cannot keep account teams when an \
             owner changes; update `OwnerId` with Data Loader, or leave the key out if teams may go",
        ),
        (&[("process.loadRowToStartAt", "0")], "longshore insert Contact a.csv"),
        (&[("loader.csvComma", "false")], "longshore insert Contact a.csv --column-delimiter TAB"),
        (&[("loader.csvTab", "false")], "longshore insert Contact a.csv --column-delimiter COMMA"),
        (
            &[("loader.csvOther", "true"), ("loader.csvOtherValue", ";")],
            "longshore insert Contact a.csv --column-delimiter SEMICOLON",
        ),
        (
            &[("loader.csvOther", "false"), ("loader.csvOtherValue", ";")],
            "longshore insert Contact a.csv",
        ),
        (
            &[("loader.csvOther", "true"), ("loader.csvOtherValue", "!")],
            "refused: `loader.csvOther`: a file with this delimiter cannot be read here",
        ),
        (
            &[("dataAccess.readCharset", "windows-1252")],
            "longshore insert Contact a.csv --encoding windows-1252",
        ),
        (
            &[("dataAccess.readCharset", "windows-1252"), ("dataAccess.readUTF8", "true")],
            "longshore insert Contact a.csv",
        ),
        (&[("sfdc.bulkApiSerialMode", "true")], "longshore insert Contact a.csv --parallel 1"),
        (
            &[("process.statusOutputDirectory", "st")],
            "longshore insert Contact a.csv --runs-dir st",
        ),
        (
            &[("sfdc.entity", ""), ("dataAccess.name", " ")],
            "refused: `sfdc.entity`: it is not set, and nothing can be done without it; \
             `dataAccess.name`: it is not set, and nothing can be done without it",
        ),
        (
            &[("dataAccess.type", "csvWrite")],
            "refused: `dataAccess.type`: the operation wants `csvRead`, in Data Loader too",
        ),
        (
            &[("process.operation", "merge")],
            "refused: `process.operation`: it is no operation of Data Loader",
        ),
        (
            &[
                ("process.operation", "extract_all"),
                ("dataAccess.type", "csvWrite"),
                ("sfdc.extractionSOQL", "Select Id\nFrom Account Where Name = 'A B'"),
            ],
            "longshore export 'Select Id From Account Where Name = '\\''A B'\\''' --output a.csv \
             --all",
        ),
    ] {
        assert_eq!(command(settings), line, "{settings:?}");
    }
}

#[test]
fn an_extract_is_told_key_by_key() {
    let settings = [
        ("process.operation", "extract"),
        ("sfdc.entity", "Account"),
        ("dataAccess.type", "csvWrite"),
        ("dataAccess.name", "out.csv"),
        ("sfdc.extractionSOQL", "SELECT Id, Name FROM Account"),
        ("sfdc.extraction.allCapsHeaders", "true"),
        ("loader.query.delimiter", ";"),
        ("sfdc.extractionRequestSize", "2000"),
        ("sfdc.loadBatchSize", "200"),
        ("process.outputSuccess", "ok.csv"),
    ];
    insta::assert_snapshot!(told(&settings, &Mapped::No), @"
        longshore export 'SELECT Id, Name FROM Account' --output out.csv
        Carried process.operation=extract: `longshore export`
        Carried dataAccess.type=csvWrite: a CSV file
        Carried sfdc.extractionSOQL=SELECT Id, Name FROM Account: the query
        Carried dataAccess.name=out.csv: `--output out.csv`
        Changed sfdc.extraction.outputByteOrderMark: the file has no byte order mark
        Changed quotes: values are in quotes only where they must be, and headers are spelled as the org spells its fields
        Changed dataAccess.writeUTF8: the file is UTF-8; Data Loader writes what its Java takes for the computer's own
        Left sfdc.extraction.allCapsHeaders=true: headers are as the query names them
        Left loader.query.delimiter=;: columns are separated by commas
        NoUse sfdc.entity=Account: the query names the object
        NoUse process.outputSuccess=ok.csv: an export has no result files
        NoUse sfdc.extractionRequestSize=2000: the server chooses the pages
        NoUse sfdc.loadBatchSize=200: Data Loader does so without it
        ");
}

#[test]
fn what_is_written_twice_is_refused() {
    let spec = sdl::parse(b"A=Name\nB=name\n", "m.sdl").unwrap();
    let mapped = Mapped::Read { spec, file: "nightly.toml".to_owned() };
    let settings =
        [("sfdc.entity", "Contact"), ("dataAccess.type", "csvRead"), ("dataAccess.name", "a.csv")];
    let job = translate(&source(&settings), &mapped, None);
    assert_eq!(
        job.refused,
        [
            "`process.mappingFile`: `name` gets its value from two columns: keep the line whose column the file has"
        ]
    );
    assert!(job.command.is_empty() && job.mapping.is_none());
}

/// All that a rule says but for its place.
fn bare(spec: &MappingSpec) -> Vec<(&str, &RuleSource, &[Transform])> {
    spec.rules.iter().map(|rule| (&*rule.target, &rule.source, &*rule.transforms)).collect()
}

/// Whether both files are read as the same rules, in the same words where words matter.
fn is_the_same(spec: &MappingSpec, text: &str) {
    let read = MappingSpec::parse(text, "m.toml").unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(bare(&read), bare(spec), "{text}");
    assert_eq!(read.unmapped, spec.unmapped);
    let ignores = mapping::names_columns(spec);
    assert_eq!(read.missing == Missing::Ignore, ignores, "as `process` reads it: {text}");
    let matters = spec.rules.iter().any(mapping::depends_on_dialect);
    let dialect = if matters { spec.dialect } else { Dialect::Ours };
    assert_eq!(read.dialect, dialect, "{text}");
}

#[test]
fn each_mapping_of_the_corpus_is_read_as_the_same_rules() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dataloader/sdl");
    let mut same = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let Ok(spec) = sdl::parse(&bytes, "m.sdl") else { continue };
        if let Ok(text) = toml(&spec) {
            is_the_same(&spec, &text);
            same += 1;
        }
    }
    assert!(same >= 30, "{same} mappings");
}

proptest! {
    #[test]
    fn a_mapping_that_is_written_is_read_as_the_same_rules(bytes in ".{0,80}", more in ".{0,80}") {
        let entries = [("a".to_owned() + &bytes, "A".to_owned()), (more, "B, C:D".to_owned())];
        let entry = |(at, (key, value)): (usize, (String, String))| {
            crate::config::dataloader::properties::Entry { key, value, line: at + 1 }
        };
        let entries = entries.into_iter().enumerate().map(entry).collect();
        let written = crate::config::dataloader::properties::Properties { entries }.write();
        if let Ok(spec) = sdl::parse(written.as_bytes(), "m.sdl") {
            is_the_same(&spec, &toml(&spec).unwrap());
        }
    }
}
