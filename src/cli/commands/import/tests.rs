//! Folders imported into a folder of their own.

use super::*;
use crate::cli::args::Manners;
use crate::cli::shell::tests::{Told, shell};
use crate::report::tests::text_of;

fn file(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut file = std::fs::File::create(path).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}

fn args(json: bool) -> Import {
    Import::DataLoader(ImportDataLoader {
        dir: "conf".into(),
        manners: Manners { json, ..Manners::default() },
        ..ImportDataLoader::default()
    })
}

/// A folder with a load, an extract, and a process that cannot be read.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    file(
        dir.path(),
        "conf/process-conf.xml",
        r#"<!DOCTYPE beans PUBLIC "-//SPRING//DTD BEAN//EN" "http://www.springframework.org/dtd/spring-beans.dtd">
<beans>
  <bean id="nightly contacts" class="com.salesforce.dataloader.process.ProcessRunner" singleton="false">
    <description>Contacts of the | shop</description>
    <property name="name" value="contacts"/>
    <property name="configOverrideMap"><map>
      <entry key="process.operation" value="upsert"/>
      <entry key="sfdc.entity" value="Contact"/>
      <entry key="sfdc.externalIdField" value="Key__c"/>
      <entry key="sfdc.username" value="robot@example.org"/>
      <entry key="sfdc.password" value="f4174ad8e2cd7938"/>
      <entry key="process.mappingFile" value="c:\conf\Contacts.sdl"/>
      <entry key="dataAccess.type" value="csvRead"/>
      <entry key="dataAccess.name" value="c:\data\contacts of today.csv"/>
    </map></property>
  </bean>
  <bean id="accounts" class="com.salesforce.dataloader.process.ProcessRunner" scope="prototype">
    <property name="name" value="accounts"/>
    <property name="configOverrideMap"><map>
      <entry key="process.operation" value="extract"/>
      <entry key="sfdc.extractionSOQL" value="SELECT Id FROM Account WHERE Name LIKE 'A%'"/>
      <entry key="dataAccess.type" value="csvWrite"/>
      <entry key="dataAccess.name" value="accounts.csv"/>
    </map></property>
  </bean>
  <bean id="broken" class="com.salesforce.dataloader.process.ProcessRunner">
    <property name="configOverrideMap"><map/></property>
  </bean>
</beans>
"#,
    );
    file(dir.path(), "conf/Contacts.sdl", "Family\\ name=LastName\n\"web\"=LeadSource\n");
    file(dir.path(), "conf/config.properties", "sfdc.timeoutSecs=600\nsfdc.proxyPassword=00ff\n");
    dir
}

fn imported(dir: &Path, args: &Import) -> (Result<u8, Failure>, String) {
    let (world, Told { out, .. }) = shell(dir, &[]);
    let code = import(args, &world);
    (code, text_of(&out))
}

fn text(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join("conf/longshore").join(name)).unwrap()
}

#[test]
fn a_folder_comes_to_commands_mappings_and_a_report() {
    let dir = folder();
    let (code, screen) = imported(dir.path(), &args(false));
    assert_eq!(code.unwrap(), NOT_ALL);
    insta::assert_snapshot!(screen, @"
        process           does            not carried over  different here
        accounts          export                         1               3
        broken            no command                     0               0
        nightly contacts  upsert Contact                 2               7

        broken: conf/process-conf.xml:26:3: the process `broken` has no property `name`

        files
          conf/longshore/accounts.sh
          conf/longshore/accounts.cmd
          conf/longshore/nightly_contacts.toml
          conf/longshore/nightly_contacts.sh
          conf/longshore/nightly_contacts.cmd
          conf/longshore/import.md

        hint: `conf/longshore/import.md` says of each key what became of it
        hint: the commands name no org: `--target-org ALIAS` behind them, or `LONGSHORE_TARGET_ORG`
        ");
    insta::assert_snapshot!(text(dir.path(), "nightly_contacts.toml"), @r#"
        # Made by `longshore import data-loader`.
        [fields]
        LastName = "Family name"
        LeadSource = { constant = "web" }
        "#);
    insta::assert_snapshot!(text(dir.path(), "nightly_contacts.sh"), @r#"
        #!/bin/sh
        # Made by `longshore import data-loader`; import.md says what is different here.
        # Further words are handed on, such as --confirm-org NAME.
        here=$(dirname -- "$0")
        exec longshore upsert Contact 'c:\data\contacts of today.csv' --map "$here"/nightly_contacts.toml --external-id Key__c "$@"
        "#);
    insta::assert_snapshot!(text(dir.path(), "nightly_contacts.cmd").replace('\r', "␍"), @r#"
        @echo off␍
        rem Made by longshore import data-loader; import.md says what is different here.␍
        rem Further words are handed on, such as --confirm-org NAME.␍
        longshore upsert Contact "c:\data\contacts of today.csv" --map "%~dp0nightly_contacts.toml" --external-id Key__c %*␍
        exit /b %ERRORLEVEL%␍
        "#);
    insta::assert_snapshot!(text(dir.path(), "accounts.sh"), @r#"
        #!/bin/sh
        # Made by `longshore import data-loader`; import.md says what is different here.
        # Further words are handed on, such as --confirm-org NAME.
        exec longshore export 'SELECT Id FROM Account WHERE Name LIKE '\''A%'\''' --output accounts.csv "$@"
        "#);
    insta::assert_snapshot!(text(dir.path(), "accounts.cmd"), @r#"
        @echo off
        rem Made by longshore import data-loader; import.md says what is different here.
        rem Further words are handed on, such as --confirm-org NAME.
        longshore export "SELECT Id FROM Account WHERE Name LIKE 'A%%'" --output accounts.csv %*
        exit /b %ERRORLEVEL%
        "#);
    insta::assert_snapshot!(text(dir.path(), "import.md"), @r"
        # `conf` in longshore

        Made by `longshore import data-loader` from a configuration folder of Data Loader. Nothing was sent, and
        the folder is as it was.

        | process | does | not carried over | different here |
        |---|---|---|---|
        | `accounts` | `export` | 1 | 3 |
        | `broken` | **no command** | 0 | 0 |
        | `nightly contacts` | `upsert Contact` | 2 | 7 |

        ## Before the first run

        1. Sign in once, without a password: `longshore org login ALIAS --way jwt …` or `--way client-credentials …`. The commands name no org: give `--target-org ALIAS` behind them, set `LONGSHORE_TARGET_ORG`, or import
           again with `--target-org ALIAS`.
        2. Read below what is not carried over and what is different.
        3. See what a load would send, and send nothing: put `check` before the object and `--operation` behind it, as in
           `longshore check Account a.csv --operation upsert`.
        4. A load into a production org wants the org's name, as nobody is there to be asked: `--confirm-org NAME`, and
           `--confirm-rows N` where records are deleted. Put it behind the script.

        ## `accounts`

        ```sh
        longshore export 'SELECT Id FROM Account WHERE Name LIKE '\''A%'\''' --output accounts.csv
        ```

        Not carried over:

        | key | value | |
        |---|---|---|
        | `sfdc.proxyPassword` | (not shown) | a proxy is taken from the environment: `HTTPS_PROXY` |

        Different here:

        | key | value | |
        |---|---|---|
        | `sfdc.extraction.outputByteOrderMark` | (not set) | the file has no byte order mark |
        | `quotes` |  | values are in quotes only where they must be, and headers are spelled as the org spells its fields |
        | `dataAccess.writeUTF8` | (not set) | the file is UTF-8; Data Loader writes what its Java takes for the computer's own |

        Carried over:

        | key | value | |
        |---|---|---|
        | `process.operation` | `extract` | `longshore export` |
        | `dataAccess.type` | `csvWrite` | a CSV file |
        | `sfdc.extractionSOQL` | `SELECT Id FROM Account WHERE Name LIKE 'A%'` | the query |
        | `dataAccess.name` | `accounts.csv` | `--output accounts.csv` |

        Without effect:

        | key | value | |
        |---|---|---|
        | `sfdc.timeoutSecs` | `600` | Data Loader does not keep it either |

        ## `broken`

        There is no command for it:

        - conf/process-conf.xml:26:3: the process `broken` has no property `name`

        ## `nightly contacts`

        > Contacts of the \| shop

        ```sh
        longshore upsert Contact 'c:\data\contacts of today.csv' --map conf/longshore/nightly_contacts.toml --external-id Key__c
        ```

        The mapping was read from `Contacts.sdl` in the configuration folder.

        Not carried over:

        | key | value | |
        |---|---|---|
        | `sfdc.password` | (not shown) | no password is carried over, and none is decrypted: sign in with a key or a client secret, by `longshore org login` |
        | `sfdc.proxyPassword` | (not shown) | a proxy is taken from the environment: `HTTPS_PROXY` |

        Different here:

        | key | value | |
        |---|---|---|
        | `process.mappingFile` | `c:\conf\Contacts.sdl` | a column of the mapping that the file does not have refuses the load; Data Loader passes over it |
        | `dataAccess.readUTF8` | (not set) | UTF-8 is read here; Data Loader reads what its Java takes for the computer's own: add `--encoding windows-1252` if the file is such a one |
        | `process.batchMode.exitWithErrorOnFailedRows` | (not set) | the exit code is 3 when rows failed, always |
        | `sfdc.truncateFields` | (not set) | a text that is too long rejects its row; Data Loader lets the org cut it off: add a `truncate` to its column in the mapping |
        | `conversion` |  | values are sent as they stand, or as the mapping's `transforms` make them: `3/9/2026`, `yes` and `1,5` are not converted |
        | `#N/A` |  | it clears a field here; Data Loader stores this very text, without a Bulk API |
        | `sfdc.username` | `robot@example.org` | who signs in: `--target-org` or `LONGSHORE_TARGET_ORG` says it |

        Carried over:

        | key | value | |
        |---|---|---|
        | `process.operation` | `upsert` | `longshore upsert` |
        | `dataAccess.type` | `csvRead` | a CSV file |
        | `sfdc.entity` | `Contact` | the object |
        | `dataAccess.name` | `c:\data\contacts of today.csv` | the file |
        | `process.mappingFile` | `c:\conf\Contacts.sdl` | `nightly_contacts.toml`, which is read as the same rules |
        | `sfdc.externalIdField` | `Key__c` | `--external-id Key__c` |

        Without effect:

        | key | value | |
        |---|---|---|
        | `sfdc.timeoutSecs` | `600` | Data Loader does not keep it either |
        ");
}

#[test]
fn no_secret_is_written_or_told() {
    let dir = folder();
    let (_, document) = imported(dir.path(), &args(true));
    let mut all = document;
    for entry in std::fs::read_dir(dir.path().join("conf/longshore")).unwrap() {
        all += &std::fs::read_to_string(entry.unwrap().path()).unwrap();
    }
    assert!(all.contains("sfdc.password") && all.contains("sfdc.proxyPassword"));
    assert!(!all.contains("f4174ad8e2cd7938") && !all.contains("00ff"), "{all}");
}

#[test]
fn the_document_says_what_the_page_says() {
    let dir = folder();
    let (code, document) = imported(dir.path(), &args(true));
    assert_eq!(code.unwrap(), NOT_ALL);
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert_eq!((&document["status"], &document["exit_code"]), (&"partial".into(), &3.into()));
    let processes = document["processes"].as_array().unwrap();
    let ids: Vec<_> = processes.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["accounts", "broken", "nightly contacts"]);
    assert_eq!(processes[0]["command"][1], "export");
    assert_eq!(processes[1]["command"].as_array().unwrap().len(), 0);
    assert_eq!(processes[2]["mapping"], "conf/longshore/nightly_contacts.toml");
    let password = &processes[2]["keys"].as_array().unwrap().iter();
    let mut password = password.clone().filter(|key| key["key"] == "sfdc.password");
    let password = password.next().unwrap();
    assert_eq!((&password["value"], &password["fate"]), (&().into(), &"not_carried_over".into()));
    assert_eq!(document["files"].as_array().unwrap().len(), 6);
}

#[test]
fn files_are_written_over_only_when_told() {
    let dir = folder();
    imported(dir.path(), &args(false)).0.unwrap();
    file(dir.path(), "conf/longshore/accounts.sh", "mine\n");
    let failure = imported(dir.path(), &args(false)).0.unwrap_err();
    assert_eq!(failure.blame, Blame::Request);
    assert!(failure.message.ends_with("is already there"), "{}", failure.message);
    assert_eq!(text(dir.path(), "accounts.sh"), "mine\n");
    let Import::DataLoader(mut again) = args(false);
    again.overwrite = true;
    imported(dir.path(), &Import::DataLoader(again)).0.unwrap();
    assert!(text(dir.path(), "accounts.sh").starts_with("#!/bin/sh\n"));
}

#[test]
fn one_process_may_be_asked_for() {
    let dir = folder();
    let Import::DataLoader(mut one) = args(false);
    one.process = vec!["accounts".to_owned()];
    one.target_org = Some("acme".to_owned());
    assert_eq!(imported(dir.path(), &Import::DataLoader(one.clone())).0.unwrap(), 0);
    assert!(text(dir.path(), "accounts.sh").contains(" --target-org acme "));
    assert!(!dir.path().join("conf/longshore/nightly_contacts.sh").exists());
    one.process = vec!["acounts".to_owned()];
    let failure = imported(dir.path(), &Import::DataLoader(one)).0.unwrap_err();
    assert_eq!(failure.message, "there is no process `acounts`");
}

#[test]
fn a_folder_that_is_none_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let failure = imported(dir.path(), &args(false)).0.unwrap_err();
    assert_eq!(failure.message, "`conf` has neither `process-conf.xml` nor `config.properties`");
    file(dir.path(), "conf/config.properties", "process.name=alone\nsfdc.entity=Account\n");
    let (code, screen) = imported(dir.path(), &args(false));
    assert_eq!(code.unwrap(), NOT_ALL);
    assert!(screen.contains("alone: `dataAccess.type`: it is not set"), "{screen}");
}

#[test]
fn each_command_is_one_that_longshore_takes() {
    let dir = folder();
    let (_, document) = imported(dir.path(), &args(true));
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let mut commands = 0;
    for process in document["processes"].as_array().unwrap() {
        let words = process["command"].as_array().unwrap().iter();
        let words: Vec<&str> = words.map(|word| word.as_str().unwrap()).collect();
        if !words.is_empty() {
            crate::cli::args::Args::read(&words).unwrap_or_else(|error| panic!("{error}"));
            commands += 1;
        }
    }
    assert_eq!(commands, 2);
}

#[test]
fn names_of_files_are_plain_and_each_is_there_once() {
    let mut stems = BTreeSet::new();
    for (id, name) in [
        ("a b", "a_b"),
        ("A_B", "A_B-2"),
        ("../x", "_x"),
        ("", ALONE),
        ("Zoë", "Zoë"),
        ("a/b", "a_b-3"),
    ] {
        assert_eq!(stem(id, &mut stems), name, "{id}");
    }
}
