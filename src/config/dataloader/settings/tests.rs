use std::path::Path;

use super::*;
use crate::config::dataloader::conversions::Switch;
use crate::config::plan::Delimiter;
use crate::model::failure::Explain;
use crate::model::operation::Operation;

/// The text `x`, as Data Loader encrypts it.
const TOKEN: &str = "e9652067dbde5d3244973e0a4198cdce88e42a2f52bd915138de33577205fbdb";

type Pair = (&'static str, &'static str);

fn pairs(pairs: &[Pair]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn settings(given: &[Pair]) -> Settings {
    let usual = [
        ("sfdc.entity", "Account"),
        ("dataAccess.type", "csvRead"),
        ("dataAccess.name", "a.csv"),
        ("sfdc.timezone", "UTC"),
    ];
    Settings::of(&pairs(given), &pairs(&usual), &Properties::default())
}

fn job(given: &[Pair]) -> Result<Job, BadSettings> {
    Job::of(&settings(given))
}

#[test]
fn the_command_line_outranks_the_bean_and_the_bean_the_file() {
    let file = Properties::parse(
        b"sfdc.entity=File\nprocess.operation=delete\nsfdc.timezone=UTC\npilot.sfdc.assignmentRule=x\n\
          sfdc.username=\nloader.csvOtherValue=\\t\n",
    )
    .unwrap();
    let bean =
        pairs(&[("sfdc.entity", "Bean"), ("process.operation", ""), ("dataAccess.type", "b")]);
    let line = pairs(&[("sfdc.entity", "Line"), ("dataAccess.type", "")]);
    let settings = Settings::of(&line, &bean, &file);
    for (key, value, origin) in [
        ("sfdc.entity", Some("Line"), Some(Origin::CommandLine)),
        ("process.operation", None, None),
        ("dataAccess.type", None, None),
        ("sfdc.timezone", Some("UTC"), Some(Origin::Properties)),
        ("sfdc.assignmentRule", Some("x"), Some(Origin::Properties)),
        ("sfdc.username", None, None),
        ("loader.csvOtherValue", Some("\t"), Some(Origin::Properties)),
    ] {
        assert_eq!((settings.get(key), settings.origin(key)), (value, origin), "{key}");
    }
    assert!(!format!("{settings:?}").contains("Line"));
}

#[test]
fn only_true_is_true() {
    for (value, on) in [("true", true), ("TRUE", false), ("1", false), ("yes", false)] {
        assert_eq!(settings(&[("sfdc.insertNulls", value)]).is_on("sfdc.insertNulls", true), on);
    }
    assert!(settings(&[]).is_on("sfdc.insertNulls", true));
}

#[test]
fn every_key_is_in_the_table_once_and_families_are_found() {
    let names = || KEYS.iter().flat_map(|(_, rules)| rules.iter().map(|rule| rule.name));
    for name in names() {
        assert_eq!(names().filter(|other| *other == name).count(), 1, "{name}");
    }
    for (key, rule) in [
        ("sfdc.ui.wizard.width", Some("sfdc.ui.*")),
        ("sfdc.ui.dialog.LoadWizard.height", Some("sfdc.ui.*")),
        ("sfdc.ui.", None),
        ("sfdc.oauth.Sandbox.partner.clientid", Some("sfdc.oauth.*.partner.clientid")),
        ("sfdc.oauth.Sandbox.eca.clientsecret", Some("sfdc.oauth.*.*")),
        ("sfdc.oauth.Production.server", Some("sfdc.oauth.*.server")),
        ("sfdc.oauth.x", None),
        ("pilot.sfdc.duplicateRule.allowSave", Some("sfdc.duplicateRule.allowSave")),
        ("salesforce.installation.shortcut.desktop", Some("salesforce.installation.*")),
        ("sfdc.entity", Some("sfdc.entity")),
        ("sfdc.entities", None),
    ] {
        assert_eq!(keys::rule(key).map(|rule| rule.name), rule, "{key}");
    }
}

#[test]
fn what_is_not_kept_is_told_where_it_would_change_something() {
    for (given, told) in [
        (&[("sfdc.bulkApiSerialMode", "true")][..], &["has no serial mode"][..]),
        (&[("sfdc.bulkApiSerialMode", "false"), ("sfdc.maxRetries", "9")], &[]),
        (&[("sfdc.proxyHost", "proxy"), ("sfdc.proxyPort", "1")], &["`HTTPS_PROXY`"]),
        (&[("a.b", "c"), ("d", "e")], &["`a.b`, `d` are not known"]),
        (&[("process.keepAccountTeam", "false")], &[]),
        (&[("longshore.targetOrg", "acme")], &[]),
    ] {
        let notices = settings(given).look_through().unwrap();
        assert_eq!(notices.len(), told.len(), "{given:?}: {notices:?}");
        for (notice, told) in notices.iter().zip(told) {
            assert!(notice.contains(told), "{notice}");
        }
    }
    for (key, value) in [
        ("process.keepAccountTeam", "true"),
        ("sfdc.updateWithExternalId", "true"),
        ("pilot.sfdc.deleteWithExternalId", "true"),
        ("loader.query.includeBinaryData", "true"),
    ] {
        assert!(settings(&[(key, value)]).look_through().is_err(), "{key}");
    }
}

#[test]
fn words_and_numbers_of_a_job() {
    for (word, action) in [
        ("Insert", Action::Load(Operation::Insert)),
        ("UPDATE", Action::Load(Operation::Update)),
        ("undelete", Action::Load(Operation::Undelete)),
    ] {
        assert_eq!(job(&[("process.operation", word)]).unwrap().action, action, "{word}");
    }
    let bulk = [("process.operation", "hard_delete"), ("sfdc.useBulkApi", "true")];
    assert_eq!(job(&bulk).unwrap().action, Action::Load(Operation::HardDelete));
    let extract = [
        ("process.operation", "extract_all"),
        ("dataAccess.type", "CSVWRITE"),
        ("sfdc.extractionSOQL", "Select Id From Account"),
        ("loader.query.delimiter", ";x"),
        ("dataAccess.writeCharset", "ISO-8859-1"),
        ("sfdc.extraction.outputByteOrderMark", "false"),
    ];
    let extract = job(&extract).unwrap();
    assert_eq!(extract.action, Action::Extract { all: true });
    assert_eq!(extract.extract.delimiter, b';');
    assert_eq!((&*extract.text.charset, extract.text.byte_order_mark), ("windows-1252", false));
    let usual = job(&[]).unwrap();
    assert_eq!((usual.action, usual.api), (Action::Load(Operation::Insert), ApiMode::Soap));
    assert_eq!((&*usual.text.charset, usual.text.byte_order_mark), ("utf-8", true));
    assert_eq!(usual.outputs.prefix, "Accountinsert");
    let other = job(&[
        ("process.loadRowToStartAt", "7"),
        ("longshore.allow", "int-prefix"),
        ("process.useEuropeanDates", "true"),
        ("process.name", "nightly"),
        ("dataAccess.readCharset", "Cp1252"),
    ]);
    let other = other.unwrap();
    assert_eq!(other.skip, 7);
    assert!(other.conversions.european_dates && other.conversions.allows(Switch::IntPrefix));
    assert_eq!(other.outputs.prefix, "nightly");
    assert_eq!(other.encoding.as_deref(), Some("windows-1252"));
}

#[test]
fn the_api_decides_what_empty_cells_mean() {
    for (given, api, clears) in [
        (&[("sfdc.insertNulls", "true")][..], ApiMode::Soap, true),
        (&[("sfdc.insertNulls", "true"), ("sfdc.useBulkApi", "true")], ApiMode::Bulk, false),
        (&[("sfdc.useBulkApi", "true"), ("sfdc.useBulkV2Api", "true")], ApiMode::Bulk2, false),
        (&[("sfdc.useBulkApi", "TRUE")], ApiMode::Soap, false),
    ] {
        let job = job(given).unwrap();
        assert_eq!((job.api, job.clears_nulls), (api, clears), "{given:?}");
        assert_eq!(job.conversions.bulk, api != ApiMode::Soap);
    }
}

#[test]
fn one_delimiter_is_found_or_chosen() {
    const NO_COMMA: Pair = ("loader.csvComma", "false");
    const NO_TAB: Pair = ("loader.csvTab", "false");
    const OTHER: Pair = ("loader.csvOther", "true");
    for (given, delimiter) in [
        (&[][..], Ok(None)),
        (&[NO_TAB], Ok(Some(Delimiter::Comma))),
        (&[NO_COMMA], Ok(Some(Delimiter::Tab))),
        (&[NO_COMMA, NO_TAB, OTHER, ("loader.csvOtherValue", ";")], Ok(Some(Delimiter::Semicolon))),
        (&[NO_TAB, OTHER, ("loader.csvOtherValue", "|")], Ok(None)),
        (&[("loader.csvOtherValue", "!")], Ok(None)),
        (
            &[OTHER, ("loader.csvOtherValue", "!")],
            Err(BadSettings::NoDelimiter { value: "!".to_owned() }),
        ),
        (&[NO_COMMA, NO_TAB], Err(BadSettings::NoDelimiterOn)),
    ] {
        assert_eq!(job(given).map(|job| job.delimiter), delimiter, "{given:?}");
    }
}

#[test]
fn refusals_name_the_key_and_the_way_out() {
    let cases: [&[Pair]; 16] = [
        &[("sfdc.entity", "")],
        &[("dataAccess.type", "")],
        &[("dataAccess.type", "databaseRead")],
        &[("dataAccess.type", "csvWrite")],
        &[("process.operation", "remove")],
        &[("process.operation", "hard_delete")],
        &[("process.operation", "upsert")],
        &[("process.operation", "extract"), ("dataAccess.type", "csvWrite")],
        &[("process.loadRowToStartAt", "many")],
        &[("run.mode", "ui")],
        &[("dataAccess.readCharset", "klingon")],
        &[("loader.csvOther", "true"), ("loader.csvOtherValue", "!")],
        &[("loader.query.delimiter", "\"")],
        &[("longshore.allow", "int-prefixes")],
        &[("sfdc.timezone", "Berlin")],
        &[("process.keepAccountTeam", "true")],
    ];
    let told = cases.map(|given| {
        let settings = settings(given);
        let error = settings.look_through().and_then(|_| Job::of(&settings)).unwrap_err();
        let hints = error.hints().into_iter().map(|hint| format!("\n  {hint}"));
        format!("{error}{}", hints.collect::<String>())
    });
    insta::assert_snapshot!(told.join("\n"), @r#"
    `sfdc.entity` is not set
      set it in the bean, in `config.properties`, or behind the command: `sfdc.entity=…`
    `dataAccess.type` is not set
      set it in the bean, in `config.properties`, or behind the command: `dataAccess.type=…`
    `dataAccess.type` is `databaseRead`, and databases are not read or written here
      let the database write a CSV file, and name it with `dataAccess.name`
    `dataAccess.type` is `csvWrite`, and `insert` wants `csvRead`
      set `dataAccess.type` to `csvRead`
    `process.operation` is no operation: `remove`
      `insert`, `update`, `upsert`, `delete`, `hard_delete`, `undelete`, `extract` or `extract_all`
    `hard_delete` goes by a Bulk API, and neither `sfdc.useBulkV2Api` nor `sfdc.useBulkApi` is on
      with Data Loader this process never ran; if the records are to be gone past the recycle bin, set `sfdc.useBulkV2Api` to `true`
    `sfdc.externalIdField` is not set
      set it in the bean, in `config.properties`, or behind the command: `sfdc.externalIdField=…`
    `sfdc.extractionSOQL` is not set
      set it in the bean, in `config.properties`, or behind the command: `sfdc.extractionSOQL=…`
    `process.loadRowToStartAt` is no whole number: `many`
    `run.mode` is `ui`, and there are no windows here
      leave it out, or say `run.mode=batch`
    `dataAccess.readCharset` is no encoding we know: `klingon`
      use a label such as `UTF-8`, `windows-1252` or `ISO-8859-1`
    `loader.csvOtherValue` is `!`, which cannot delimit a file here
      `,`, tab, `|`, `;`, `^` and `` ` `` can, one of them in a file
    `loader.query.delimiter` is `\"`, which delimits nothing
    `longshore.allow`: `int-prefixes` is none of the conversions that can be allowed
      did you mean `int-prefix`?
    `sfdc.timezone`: `Berlin` is no time zone that is known here: name one such as `Europe/Berlin`, or an offset such as `GMT+02:00`
    `process.keepAccountTeam` is set, and it cannot be kept here: Bulk API 2.0 cannot keep account teams when an owner changes
      update `OwnerId` with Data Loader, or leave the key out if teams may go
    "#);
}

#[test]
fn the_endpoint_and_its_token() {
    let key_folder = tempfile::tempdir().unwrap();
    let path = key_folder.path().join("my.key");
    let mut file = std::fs::File::create(&path).unwrap();
    std::io::Write::write_all(&mut file, b"380db410e8b11fa9").unwrap();
    let with = |given: &[Pair]| {
        let mut keys = job(given).unwrap().sign_in;
        keys.key_file.get_or_insert(path.clone());
        keys
    };
    for (given, endpoint) in [
        (&[][..], "https://login.salesforce.com/"),
        (&[("sfdc.oauth.environment", "Sandbox")], "https://test.salesforce.com/"),
        (
            &[("sfdc.endpoint.Production", "https://a.my.salesforce.com")],
            "https://a.my.salesforce.com",
        ),
        (&[("sfdc.endpoint", "https://b.my.salesforce.com")], "https://b.my.salesforce.com"),
    ] {
        assert_eq!(with(given).endpoint, endpoint, "{given:?}");
    }
    let signed = |given: &[Pair]| with(given).sign_in(Some("64"), None);
    let token = ("sfdc.oauth.accesstoken", TOKEN);
    let good =
        signed(&[token, ("sfdc.endpoint", "https://a.my.salesforce.com/services/Soap/u/64.0")]);
    let good = good.unwrap();
    assert_eq!(good.instance_url.as_str(), "https://a.my.salesforce.com/");
    assert_eq!(good.api_version.as_deref(), Some("64.0"));
    assert_eq!(good.grant.secrets()[0].reveal(), "x");
    let user = [("sfdc.username", "ada@acme.example"), ("sfdc.password", TOKEN)];
    let good = signed(&user).unwrap();
    assert_eq!(good.instance_url.as_str(), "https://login.salesforce.com/");
    assert_eq!((good.grant.word(), good.grant.secrets()[0].reveal()), ("SOAP login", "x"));
    let told: Vec<String> = [
        signed(&[token]),
        signed(&[token, ("sfdc.endpoint", "https://login.salesforce.com")]),
        signed(&[token, ("sfdc.endpoint", "http://a.my.salesforce.com")]),
        signed(&[
            ("sfdc.oauth.accesstoken", "in clear"),
            ("sfdc.endpoint", "https://a.my.salesforce.com"),
        ]),
        signed(&[("sfdc.username", "ada@acme.example")]),
        job(&[token, ("sfdc.endpoint", "https://a.my.salesforce.com")])
            .unwrap()
            .sign_in
            .sign_in(None, Some(Path::new("nowhere"))),
    ]
    .into_iter()
    .map(|result| result.unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    `sfdc.oauth.accesstoken` is set, and `sfdc.endpoint` does not name its org
    `sfdc.oauth.accesstoken` is set, and `sfdc.endpoint` does not name its org
    `sfdc.endpoint` is plain `http` to `a.my.salesforce.com`, a token would travel in the clear
    cannot decrypt `sfdc.oauth.accesstoken`: it is no encrypted value: it has characters that are no hexadecimal digits
    the process says nothing that signs in without a person
    cannot decrypt `sfdc.oauth.accesstoken`: cannot read the key file `nowhere/.dataloader/dataLoader.key`: No such file or directory (os error 2)
    ");
    assert!(!format!("{:?}", with(&[token])).contains(TOKEN));
}
