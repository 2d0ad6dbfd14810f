//! The command line, the project file, and what the org lets one do with an object.

use super::{Bench, Try};

fn with_file(line: &str) -> Try {
    Try::new(line).file("a.csv", "Name\nx\n")
}

#[test]
fn a_command_line_that_is_wrong_sends_nothing() {
    let mut bench = Bench::new();
    for (name, line, says) in [
        (
            "a flag with a typo",
            "insert Account a.csv --paralel 3",
            "error: unexpected argument '--paralel' found

  tip: a similar argument exists: '--parallel'

Usage: longshore insert --parallel <N> <OBJECT> <FILE>

For more information, try '--help'.",
        ),
        (
            "a flag of another tool",
            "insert Account a.csv --batch-size 200",
            "error: unexpected argument '--batch-size' found

  tip: to pass '--batch-size' as a value, use '-- --batch-size'

Usage: longshore insert <OBJECT> <FILE>

For more information, try '--help'.",
        ),
        (
            "no job has no bytes",
            "insert Account a.csv --chunk-bytes 0",
            "error: `--chunk-bytes` takes 1 to 100000000, not 0",
        ),
        (
            "more bytes than a job takes",
            "insert Account a.csv --chunk-bytes 100000001",
            "error: `--chunk-bytes` takes 1 to 100000000, not 100000001",
        ),
        (
            "bytes in words",
            "insert Account a.csv --chunk-bytes 10MB",
            "error: invalid value '10MB' for '--chunk-bytes <N>': invalid digit found in string

For more information, try '--help'.",
        ),
        (
            "no rows in a job",
            "insert Account a.csv --chunk-rows 0",
            "error: `--chunk-rows` takes 1 to 1000000, not 0",
        ),
        (
            "no jobs",
            "insert Account a.csv --parallel 0",
            "error: `--parallel` takes 1 to 25, not 0",
        ),
        (
            "a thousand jobs",
            "insert Account a.csv --parallel 1000",
            "error: `--parallel` takes 1 to 25, not 1000",
        ),
        (
            "a limit in letters",
            "insert Account a.csv --limit ten",
            "error: invalid value 'ten' for '--limit <N>': invalid digit found in string

For more information, try '--help'.",
        ),
        (
            "a limit of nothing",
            "insert Account a.csv --limit 0",
            "error: `--limit` takes 1 or more, not 0",
        ),
        (
            "to skip less than nothing",
            "insert Account a.csv --skip -1",
            "error: unexpected argument '-1' found

  tip: to pass '-1' as a value, use '-- -1'

Usage: longshore insert [OPTIONS] [OBJECT] [FILE]

For more information, try '--help'.",
        ),
        (
            "an unknown delimiter",
            "insert Account a.csv --column-delimiter COLON",
            "error: invalid value 'COLON' for '--column-delimiter <NAME>'
  [possible values: COMMA, TAB, PIPE, SEMICOLON, CARET, BACKQUOTE]

For more information, try '--help'.",
        ),
        (
            "an unknown encoding",
            "insert Account a.csv --encoding utf-99",
            "error: `--encoding`: `utf-99` is not an encoding we know

hint: use a WHATWG label such as `utf-8`, `windows-1252` or `shift_jis`",
        ),
        (
            "an unknown policy",
            "insert Account a.csv --on-bad-row ignore",
            "error: invalid value 'ignore' for '--on-bad-row <WHAT>'
  [possible values: reject, stop]

For more information, try '--help'.",
        ),
        (
            "an API that is not there yet",
            "insert Account a.csv --api bulk1",
            "error: invalid value 'bulk1' for '--api <NAME>'
  [possible values: auto, bulk2]

  tip: a similar value exists: 'bulk2'

For more information, try '--help'.",
        ),
        (
            "upsert without a key",
            "upsert Account a.csv",
            "error: the following required arguments were not provided:
  --external-id <FIELD>

Usage: longshore upsert --external-id <FIELD> <OBJECT> <FILE>

For more information, try '--help'.",
        ),
        (
            "a key for an insert",
            "insert Account a.csv --external-id Legacy_Id__c",
            "error: unexpected argument '--external-id' found

  tip: to pass '--external-id' as a value, use '-- --external-id'

Usage: longshore insert <OBJECT> <FILE>

For more information, try '--help'.",
        ),
        (
            "the file twice",
            "insert Account a.csv -f a.csv",
            "error: `a.csv` is one word too many

hint: give object and file once each, as words or as flags",
        ),
        (
            "no file",
            "insert Account",
            "error: no file is given: name it after the object, or with `--file`",
        ),
        (
            "nothing",
            "insert",
            "error: 2 things are wrong with what was asked
  no object is given: name it first, or with `--sobject`
  no file is given: name it after the object, or with `--file`",
        ),
        (
            "file and object exchanged",
            "insert a.csv Account",
            "error: object `a.csv` is not an API name: a letter, then letters, digits and underscores

hint: the object comes first, then the file",
        ),
        (
            "an undelete by key",
            "undelete Account a.csv -i Legacy_Id__c",
            "error: unexpected argument '-i' found

  tip: to pass '-i' as a value, use '-- -i'

Usage: longshore undelete [OPTIONS] [OBJECT] [FILE]

For more information, try '--help'.",
        ),
        (
            "a command with a typo",
            "insrt Account a.csv",
            "error: unrecognized subcommand 'insrt'

  tip: some similar subcommands exist: 'upsert', 'import', 'insert'

Usage: longshore <COMMAND>

For more information, try '--help'.",
        ),
        (
            "a run name that is a path",
            "insert Account a.csv --run-name ../up",
            "error: `--run-name`: `../up` cannot be the name of a folder: a letter or digit, then letters, digits, `-`, `_` and `.`, at most 100",
        ),
        (
            "success.csv over the input",
            "insert Account a.csv --success a.csv",
            "error: `--success` would overwrite the input file `a.csv`",
        ),
        (
            "success.csv over the input, spelled otherwise",
            "insert Account a.csv --success ./a.csv",
            "error: `--success` would overwrite the input file `./a.csv`",
        ),
        (
            "success.csv into a folder that is not there",
            "insert Account a.csv --success no/s.csv",
            "error: `--success no/s.csv` is in a folder that is not there

hint: give the path of a file",
        ),
        (
            "one file for both",
            "insert Account a.csv --success s.csv --error s.csv",
            "error: `--success` and `--error` name the same file",
        ),
        (
            "an org that nobody knows",
            "insert Account a.csv -o producton",
            "error: there is no org `producton`

hint: `-o demo` is a practice org made new for this one command
hint: `-o practice` is a practice org kept under `./.longshore/practice`
hint: `-o demo-auth0` and `-o practice-auth0` are practice tenants of Auth0
hint: a real org comes from `longshore org login ALIAS …`, or from `LONGSHORE_INSTANCE_URL` and what `docs/guide/sign-in.md` tells
hint: `target-org` in `longshore.toml` and `LONGSHORE_TARGET_ORG` name the usual one",
        ),
        (
            "several things at once",
            "insert Account a.csv --parallel 0 --limit 0 -o nobody",
            "error: 3 things are wrong with what was asked
  `--parallel` takes 1 to 25, not 0
  `--limit` takes 1 or more, not 0
  there is no org `nobody`

hint: `-o demo` is a practice org made new for this one command
hint: `-o practice` is a practice org kept under `./.longshore/practice`
hint: `-o demo-auth0` and `-o practice-auth0` are practice tenants of Auth0
hint: a real org comes from `longshore org login ALIAS …`, or from `LONGSHORE_INSTANCE_URL` and what `docs/guide/sign-in.md` tells
hint: `target-org` in `longshore.toml` and `LONGSHORE_TARGET_ORG` name the usual one",
        ),
    ] {
        bench.refused(name, with_file(line), 2, says);
    }
    bench.end(30);
}

#[test]
fn what_the_org_does_not_have_or_allow_is_refused() {
    let mut bench = Bench::new();
    for (name, line, csv, code, says) in [
        (
            "no such object",
            "insert Acount a.csv",
            "Name\nx\n",
            2,
            "error: the org has no object `Acount`, or this user may not see it

hint: did you mean `Account`?
hint: `longshore objects` lists those that this user can see",
        ),
        (
            "no such object, and none near",
            "insert Zebra__c a.csv",
            "Name\nx\n",
            2,
            "error: the org has no object `Zebra__c`, or this user may not see it

hint: `longshore objects` lists those that this user can see
hint: names are API names: custom ones end in `__c`, packaged ones begin with a namespace",
        ),
        (
            "cannot be created",
            "insert Organization a.csv",
            "Name\nx\n",
            2,
            "error: this user cannot create `Organization`

hint: ask for the right; `longshore describe Organization` shows what there is",
        ),
        (
            "cannot be changed",
            "update PermissionSetLicense a.csv",
            "Id,MasterLabel\n0PL8c00000ZgV6fGAF,x\n",
            2,
            "error: this user cannot update `PermissionSetLicense`

hint: ask for the right; `longshore describe PermissionSetLicense` shows what there is",
        ),
        (
            "cannot be deleted",
            "delete User a.csv",
            "Id\n0058c00000ZgV6fAAF\n",
            2,
            "error: this user cannot delete `User`

hint: ask for the right; `longshore describe User` shows what there is",
        ),
        (
            "cannot be deleted for good",
            "hard-delete User a.csv",
            "Id\n0058c00000ZgV6fAAF\n",
            2,
            "error: this user cannot delete `User`

hint: ask for the right; `longshore describe User` shows what there is",
        ),
        (
            "a key that is none",
            "upsert Account a.csv -i Name",
            "Name\nx\n",
            2,
            "error: an upsert cannot go by `Name` of `Account`: it is no key

hint: external ids and lookup keys are `Id`, `Legacy_Id__c`",
        ),
        (
            "a key that is not there",
            "upsert Account a.csv -i Legcy_Id__c",
            "Name\nx\n",
            2,
            "error: an upsert cannot go by `Legcy_Id__c` of `Account`: there is no such field

hint: external ids and lookup keys are `Id`, `Legacy_Id__c`",
        ),
        (
            "an object of an object that has no key",
            "upsert Profile a.csv -i Name",
            "Name\nx\n",
            2,
            "error: this user cannot create `Profile`

hint: ask for the right; `longshore describe Profile` shows what there is",
        ),
    ] {
        bench.refused(name, Try::new(line).file("a.csv", csv), code, says);
    }
    bench.end(9);
}

#[test]
fn a_project_file_that_is_wrong_sends_nothing() {
    let mut bench = Bench::new();
    for (name, toml, says) in [
        (
            "M09 a flag with a typo",
            "[defaults]\nparalel = 3\n",
            "error: longshore.toml:2:1: unknown field `paralel`, expected one of `target-org`, `column-delimiter`, `line-ending`, `encoding`, `chunk-rows`, `chunk-bytes`, `parallel`, `api`, `group-by`, `runs-dir`, `on-bad-row`, `on-duplicate`, `nulls`, `before-images`

hint: `docs/reference/cli.md` lists what `longshore.toml` may say",
        ),
        (
            "M09 another table",
            "[default]\nparallel = 3\n",
            "error: longshore.toml:1:2: unknown field `default`, expected `defaults` or `policy`

hint: `docs/reference/cli.md` lists what `longshore.toml` may say",
        ),
        (
            "M10 a text for a number",
            "[defaults]\nparallel = \"3\"\n",
            r#"error: longshore.toml:2:12: invalid type: string "3", expected u64

hint: `docs/reference/cli.md` lists what `longshore.toml` may say"#,
        ),
        (
            "M10 a number out of bounds",
            "[defaults]\nparallel = 300\n",
            "error: `parallel` in `longshore.toml` takes 1 to 25, not 300",
        ),
        (
            "M10 a word that is none",
            "[defaults]\non-bad-row = \"skip\"\n",
            "error: `on-bad-row` in `longshore.toml` takes `reject`, `stop`, not `skip`",
        ),
        (
            "no TOML either",
            "parallel: 3\n",
            "error: longshore.toml:1:11: key with no value, expected `=`

hint: `docs/reference/cli.md` lists what `longshore.toml` may say",
        ),
        (
            "M11 a secret",
            "[defaults]\nclient-secret = \"hunter2\"\n",
            "error: longshore.toml:2:1: unknown field `client-secret`, expected one of `target-org`, `column-delimiter`, `line-ending`, `encoding`, `chunk-rows`, `chunk-bytes`, `parallel`, `api`, `group-by`, `runs-dir`, `on-bad-row`, `on-duplicate`, `nulls`, `before-images`

hint: `docs/reference/cli.md` lists what `longshore.toml` may say",
        ),
    ] {
        let tried = with_file("insert Account a.csv").file("longshore.toml", toml);
        bench.refused(name, tried, 2, says);
    }
    bench.end(7);
}
