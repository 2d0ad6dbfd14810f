//! Loads: what is sent, which files are there, and the exit codes.

use super::Desk;

const ROWS: &str = "Company,Phone,Remark\nAcme,1,a\n,2,b\nBeta,3,c\n";
const MAP: &str = "# accounts\nCompany=Name\nPhone=Phone\nFax\\ number=Fax\n";

#[test]
fn an_insert_runs_from_its_folder() {
    let desk = Desk::new();
    desk.process(ROWS, MAP, &[("sfdc.unheardOf", "x"), ("sfdc.noCompression", "true")]);
    let ran = desk.nightly(&[]).expect(0);
    assert_eq!(desk.names(), ["Acme", "Beta"]);
    assert!(ran.stderr.contains("passed over: the mapping names `Fax number`"), "{}", ran.stderr);
    assert!(ran.stderr.contains("`sfdc.unheardOf` is not known"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("noCompression"), "{}", ran.stderr);
    let good = desk.world.read("good.csv");
    assert!(good.contains("Acme") && good.contains("Beta") && good.contains("Remark"), "{good}");
    let bad = desk.world.read("bad.csv");
    assert!(!bad.contains("Acme"), "{bad}");
    let last = desk.world.read("conf/nightlyAccounts_lastRun.properties");
    assert!(last.contains("process.lastLoadBatchRow=3\n"), "{last}");
    assert!(last.contains("process.lastRunDate=20"), "{last}");
    let runs: Vec<_> = std::fs::read_dir(desk.world.path("longshore-runs")).unwrap().collect();
    let name = runs[0].as_ref().unwrap().file_name();
    assert!(name.to_string_lossy().starts_with("nightlyAccounts-2"), "{name:?}");
}

#[test]
fn exit_codes_are_data_loaders() {
    type Case = (&'static [&'static str], i32, &'static str);
    let desk = Desk::new();
    desk.process(ROWS, MAP, &[]);
    desk.world.file("none.sdl", "Nothing=Name\n");
    desk.world.file("wrong.sdl", "Company=NoField__c\n");
    desk.world.file("empty.csv", "");
    let cases: [Case; 17] = [
        (&[], 1, "no configuration folder is named"),
        (&["nowhere", "nightly"], 1, "there is no configuration folder `nowhere`"),
        (&["conf", "nightlly"], 1, "did you mean `nightly`?"),
        (&["conf", "nightly", "--targt-org", "x"], 1, "--targt-org"),
        (&["conf", "nightly", "run.mode=ui"], 1, "there are no windows here"),
        (&["conf", "nightly", "process.operation=inert"], 1, "is no operation: `inert`"),
        (&["conf", "nightly", "dataAccess.type=databaseRead"], 1, "databases are not read"),
        (&["conf", "nightly", "dataAccess.name=none.csv"], 1, "there is no file `none.csv`"),
        (&["conf", "nightly", "process.keepAccountTeam=true"], 1, "account teams"),
        (&["conf", "nightly", "-o", "nowhere"], 1, "there is no org `nowhere`"),
        (&["conf", "nightly", "process.mappingFile=none"], 3, "there is no mapping file `none`"),
        (&["conf", "nightly", "process.mappingFile="], 2, "no column would be sent"),
        (&["conf", "nightly", "process.mappingFile=none.sdl"], 2, "no column of the file"),
        (&["conf", "nightly", "process.mappingFile=wrong.sdl"], 2, "`NoField__c`"),
        (&["conf", "nightly", "sfdc.entity=Acount"], 2, "Acount"),
        (&["conf", "nightly", "dataAccess.name=empty.csv"], 2, "empty"),
        (&["conf", "process.name=nightly", "sfdc.entity="], 1, "`sfdc.entity` is not set"),
    ];
    for (words, code, message) in cases {
        let ran = desk.run(words);
        assert_eq!(ran.code, code, "{words:?}: {}", ran.stderr);
        assert!(ran.stderr.contains(message), "{words:?}: {}", ran.stderr);
    }
    assert!(desk.effects().is_empty(), "{:?}", desk.effects());
    // Data Loader would send none of its rows.
    desk.world.file("broken.csv", "Company,Phone\nGood,1\n\"Acme,1\n");
    desk.nightly(&["dataAccess.name=broken.csv"]).expect(2);
    assert_eq!(desk.names(), ["Good"]);
    let strict = "process.batchMode.exitWithErrorOnFailedRows=true";
    desk.nightly(&[strict, "-x"]).expect(4);
    assert_eq!(desk.names(), ["Good", "Acme", "Beta"]);
}
