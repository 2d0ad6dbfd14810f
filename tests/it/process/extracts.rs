//! Extracts, into files.

use super::Desk;

#[test]
fn an_extract_writes_its_file() {
    let desk = Desk::new();
    desk.process("Company\nAcme\nBeta\n", "Company=Name\n", &[]);
    desk.nightly(&[]).expect(0);
    let gone = desk.effects()[0].id.clone();
    let delete = [("process.operation", "delete")];
    desk.process(&format!("ID\n{gone}\n"), "ID=Id\n", &delete);
    desk.nightly(&[]).expect(0);
    for (word, names) in [("extract", &["Beta"][..]), ("extract_all", &["Acme", "Beta"])] {
        desk.process(
            "",
            "",
            &[
                ("process.operation", word),
                ("process.mappingFile", ""),
                ("dataAccess.type", "csvWrite"),
                ("dataAccess.name", "out.csv"),
                (
                    "sfdc.extractionSOQL",
                    "Select Id, Name FROM Account WHERE Name IN ('Acme', 'Beta') ORDER BY Name",
                ),
            ],
        );
        desk.nightly(&[]).expect(0);
        let rows = desk.world.read("out.csv");
        let rows: Vec<&str> = rows.lines().skip(1).collect();
        assert_eq!(rows.len(), names.len(), "{word}: {rows:?}");
        for (row, name) in rows.iter().zip(names) {
            assert!(row.contains(name), "{word}: {rows:?}");
        }
        let last = desk.world.read("conf/nightlyAccounts_lastRun.properties");
        assert!(last.contains("process.lastRunDate="), "{last}");
    }
    let bad = "sfdc.extractionSOQL=Select Nonsense__c From Account";
    desk.nightly(&[bad]).expect(2);
    let in_file = "sfdc.extractionSOQL=Select Id From Account Where Name IN ({'a.csv'},{Name})";
    let ran = desk.nightly(&[in_file]).expect(2);
    assert!(ran.stderr.contains("`IN` from a file"), "{}", ran.stderr);
    desk.nightly(&["dataAccess.name=no/such/folder.csv"]).expect(1);
}
