//! Mapping files, and headers that are relationship columns: refused with the place in the file.

use super::{Bench, Try};

/// An insert of Accounts from the columns `Customer` and `City`.
fn mapped(toml: &str) -> Try {
    Try::new("insert Account a.csv -m map.toml")
        .file("a.csv", "Customer,City,Phone\nx,y,z\n")
        .file("map.toml", toml)
}

#[test]
fn a_mapping_that_is_wrong_sends_nothing() {
    let mut bench = Bench::new();
    for (name, toml, says) in [
        (
            "M01 a column that is not there",
            "[fields]\nName = \"Custommer\"\n",
            "error: map.toml:2:1: the file has no column `Custommer`

hint: did you mean `Customer`?",
        ),
        (
            "M02 a field that is not there",
            "[fields]\nName = \"Customer\"\nBilingCity = \"City\"\n",
            "error: map.toml:3:1: `BilingCity` is no field of `Account`

hint: did you mean `BillingCity`?",
        ),
        (
            "M03 one field twice",
            "[fields]\nName = \"Customer\"\nname = \"City\"\n",
            "error: map.toml:2:1 and map.toml:3:1: the field `Name` gets its value twice: from `Customer` and from `City`

hint: keep one of them",
        ),
        (
            "M03 the same key twice",
            "[fields]\nName = \"Customer\"\nName = \"City\"\n",
            "error: map.toml:3:1: `Name` is there a second time

hint: keep one of them",
        ),
        (
            "M04 a label",
            "[fields]\nName = \"Customer\"\n\"Billing City\" = \"City\"\n",
            "error: map.toml:3:1: `Billing City` is no field of `Account`

hint: it is the label of `BillingCity`; use the API name",
        ),
        (
            "M07 a path without quotes",
            "[fields]\nParent.Legacy_Id__c = \"City\"\n",
            r#"error: map.toml:2:1: `Legacy_Id__c` is no key of the field `Parent`

hint: a relationship field is written in quotes: `"Parent.Legacy_Id__c"`"#,
        ),
        (
            "M07 no such relationship",
            "[fields]\nName = \"Customer\"\n\"Parnt.Legacy_Id__c\" = \"City\"\n",
            "error: map.toml:3:1: `Parnt.Legacy_Id__c` cannot be filled: `Parnt` is no relationship of `Account`

hint: did you mean `Parent`?",
        ),
        (
            "M07 not a key",
            "[fields]\nName = \"Customer\"\n\"Parent.Name\" = \"City\"\n",
            "error: map.toml:3:1: `Parent.Name` cannot be filled: `Name` is no key of `Account`

hint: external ids and lookup keys of `Account` are `Id`, `Legacy_Id__c`",
        ),
        (
            "M08 a constant without quotes",
            "[fields]\nName = { constant = Customer }\n",
            "error: map.toml:2:21: string values must be quoted, expected literal string",
        ),
        (
            "M08 a column without quotes",
            "[fields]\nName = Customer\n",
            "error: map.toml:2:8: string values must be quoted, expected literal string",
        ),
        (
            "M09 a key with a typo",
            "[fields]\nName = { colum = \"Customer\" }\n",
            "error: map.toml:2:10: unknown key `colum`

hint: did you mean `column`?",
        ),
        (
            "M09 a table with a typo",
            "[field]\nName = \"Customer\"\n",
            "error: map.toml:1:2: unknown section `field`

hint: did you mean `fields`?",
        ),
        (
            "M09 an option with a typo",
            "[fields]\nName = \"Customer\"\n[options]\nunmaped = \"refuse\"\n",
            "error: map.toml:4:1: unknown option `unmaped`

hint: did you mean `unmapped`?",
        ),
        (
            "M09 a transform with a typo",
            "[fields]\nName = { column = \"Customer\", transforms = [\"trimm\"] }\n",
            "error: map.toml:2:45: unknown transform `trimm`

hint: did you mean `trim`?",
        ),
        (
            "M10 a number for a column",
            "[fields]\nName = 12\n",
            r#"error: map.toml:2:8: the source of `Name` must be a column name in quotes or a table, not a whole number

hint: for the same value in each row write `Name = { constant = "…" }`"#,
        ),
        (
            "M10 a text for a truth",
            "[fields]\nName = { columns = [\"Customer\", \"City\"], keep_empty = \"yes\" }\n",
            "error: map.toml:2:55: `keep_empty` takes true or false, not a text",
        ),
        (
            "M10 an option of the wrong kind",
            "[fields]\nName = \"Customer\"\n[options]\nunmapped = true\n",
            "error: map.toml:4:12: expected a text in quotes, not true or false",
        ),
        (
            "M10 a format that holds no date",
            "[fields]\nName = { column = \"Customer\", transforms = [{ date = \"%d/%Y\" }] }\n",
            "error: map.toml:2:54: the format `%d/%Y` does not hold a whole date",
        ),
        (
            "M16 a field that only the org sets",
            "[fields]\nName = \"Customer\"\nCreatedDate = \"City\"\n",
            "error: map.toml:3:1: `CreatedDate` cannot be set by an insert of this user

hint: unless it is a system field, the user needs edit access to `CreatedDate`",
        ),
        (
            "a result column",
            "[fields]\nName = \"sf__Id\"\n",
            "error: map.toml:2:1: `sf__Id` is a result column of an earlier run and is never sent

hint: rename the column in the file if its values are to be sent",
        ),
        (
            "columns left over are refused",
            "[fields]\nName = \"Customer\"\n[options]\nunmapped = \"refuse\"\n",
            r#"error: map.toml: the mapping does not name `City`, `Phone`, and `unmapped` is `refuse`

hint: map them, take them out of the file, or set `unmapped = "ignore"`"#,
        ),
        (
            "nothing at all",
            "",
            r#"error: map.toml:1:1: a mapping needs a section `[fields]`

hint: a line in it looks like `LastName = "Family name"`"#,
        ),
        (
            "no TOML",
            "Name=Customer\n",
            "error: map.toml:1:6: string values must be quoted, expected literal string",
        ),
    ] {
        bench.refused(name, mapped(toml), 2, says);
    }
    bench.end(23);
}

#[test]
fn a_mapping_file_that_cannot_be_read_sends_nothing() {
    let mut bench = Bench::new();
    let map = |name: &str| Try::new("insert Account a.csv -m").arg(name).file("a.csv", "Name\nx\n");
    std::fs::create_dir(bench.world.path("folder.toml")).unwrap();
    bench.refused(
        "no such mapping",
        map("none.toml"),
        2,
        "error: cannot read the mapping `none.toml`: No such file or directory (os error 2)

hint: check the path given with `--map`",
    );
    bench.refused(
        "a folder for a mapping",
        map("folder.toml"),
        2,
        "error: the mapping `folder.toml` is not a file

hint: `--map` names a TOML file; `docs/reference/mapping.md` shows one",
    );
    #[cfg(unix)]
    {
        let pipe = bench.world.path("pipe.toml");
        std::process::Command::new("mkfifo").arg(pipe).status().unwrap();
        bench.refused(
            "a pipe for a mapping",
            map("pipe.toml"),
            2,
            "error: the mapping `pipe.toml` is not a file

hint: `--map` names a TOML file; `docs/reference/mapping.md` shows one",
        );
        bench.refused(
            "a device without end",
            map("/dev/zero"),
            2,
            "error: the mapping `/dev/zero` is not a file

hint: `--map` names a TOML file; `docs/reference/mapping.md` shows one",
        );
    }
    bench.refused(
        "not UTF-8",
        map("m.toml").file("m.toml", b"[fields]\nName = \"M\xfcller\"\n"),
        2,
        "error: the mapping `m.toml` is not UTF-8 text

hint: save it as UTF-8",
    );
    let sdl = map("m.sdl").file("m.sdl", "#Mapping values\nCompany Name=Name\n");
    bench.refused(
        "a Data Loader mapping with a blank in a column",
        sdl,
        2,
        r"error: m.sdl:2:1: `Name=Name` is no field

hint: the column ends at the first blank, colon or equals sign: `Company`; write `\ `, `\:` or `\=` where they belong to its name",
    );
    let sdl = map("m.sdl").file("m.sdl", "#Mapping values\nName=Name\nNone=Site\n");
    let told = sdl.run(&bench.world).expect(2).stderr;
    assert!(told.starts_with("error: m.sdl:3:1: the file has no column `None`\n"), "{told}");
    let huge = map("huge.toml").file("huge.toml", "#".repeat(5_000_000));
    bench.refused(
        "far too large",
        huge,
        2,
        "error: the mapping `huge.toml` has 5000000 bytes, at most 4194304 are read

hint: `--map` names a TOML file; `docs/reference/mapping.md` shows one",
    );
    bench.end(7);
}

#[test]
fn a_header_that_maps_to_nothing_or_to_two_things_sends_nothing() {
    let mut bench = Bench::new();
    for (name, line, csv, says) in [
        (
            "M02 no column matches",
            "insert Account",
            "Nme,Phon\nx,y\n",
            "error: no column of the file is a field of `Account`: `Nme`, `Phon`

hint: for `Nme` did you mean `Name`?
hint: for `Phon` did you mean `Phone`?
hint: `longshore describe Account` lists the fields; `--map` renames columns",
        ),
        (
            "M04 labels",
            "insert Account",
            "Account Name,Account Phone\nx,y\n",
            "error: no column of the file is a field of `Account`: `Account Name`, `Account Phone`

hint: for `Account Name` did you mean `Name`?
hint: for `Account Phone` did you mean `Phone`?
hint: `longshore describe Account` lists the fields; `--map` renames columns",
        ),
        (
            "C20 another delimiter",
            "insert Account --column-delimiter TAB",
            "\"Name,Phone\"\n\"x,y\"\n",
            "error: no column of the file is a field of `Account`: `Name,Phone`

hint: the file may be delimited otherwise: `--column-delimiter COMMA`",
        ),
        (
            "an update without Id",
            "update Account",
            "Name\nx\n",
            "error: update needs the record id `Id`, and no column of the file gives it

hint: add a column `Id`, or map one to it with `--map`",
        ),
        (
            "an update of nothing but Id",
            "update Account",
            "Id,CreatedDate\n0018c00000ZgV6fAAF,x\n",
            "error: an update that sends only `Id` changes nothing

hint: give a column for each field that is to change
hint: not sent: `CreatedDate` cannot be set by an update of this user",
        ),
        (
            "a delete without Id",
            "delete Account",
            "ID Number,Name\n1,x\n",
            "error: delete needs the record id `Id`, and no column of the file gives it

hint: add a column `Id`, or map one to it with `--map`",
        ),
        (
            "an upsert without its key",
            "upsert Account -i Legacy_Id__c",
            "Name\nx\n",
            "error: upsert needs its key `Legacy_Id__c`, and no column of the file gives it

hint: add a column `Legacy_Id__c`, or map one to it with `--map`",
        ),
        (
            "M03 one field by id and by key",
            "insert Contact",
            "LastName,AccountId,Account.Legacy_Id__c\nx,,A-00001\n",
            "error: the field `AccountId` gets its value twice: from `AccountId` and from `Account.Legacy_Id__c`

hint: take one of the columns out of the file, or say in a mapping (`--map`) which one counts",
        ),
        (
            "M07 no object is named",
            "insert Case",
            "Subject,Owner.Username\nx,y\n",
            "error: `Owner.Username` must name the object that it means

hint: write `User:Owner.Username`",
        ),
        (
            "M07 a wrong object is named",
            "insert Contact",
            "LastName,User:Account.Legacy_Id__c\nx,y\n",
            "error: `User:Account.Legacy_Id__c` names an object although the relationship has only one

hint: write `Account.Legacy_Id__c`",
        ),
    ] {
        bench.refused(name, Try::new(line).arg("--file").arg("h.csv").file("h.csv", csv), 2, says);
    }
    bench.end(10);
}

/// What Data Loader makes of its mapping, in the org.
#[test]
fn a_mapping_of_data_loader_is_loaded_as_it_does() {
    let mut bench = Bench::new();
    let sdl = "#Mapping values\nFirst,Last=LastName\nFirst\\ Again,Size=Department\n\
               Key=Account\\:Account-Legacy_Id__c\n\"of\\ old\"=Title\nBorn,Last=Birthdate\nFax=\n";
    let csv = "First,Last,First Again,Size,Key,Born,Fax\n\
               Cy,,a,b, A-00001 ,2000-01-31,1\nDa,Dee,,d,a-00002,1999-12-31,2\n";
    let load = Try::new("insert Contact c.csv --map m.sdl").file("c.csv", csv).file("m.sdl", sdl);
    bench.applied("a load by .sdl", load, 2, "");
    let told = "SELECT LastName FROM Contact WHERE Title = 'of old' AND Account.Legacy_Id__c LIKE \
                'A-0000%' AND Birthdate < 2001-01-01 ORDER BY LastName";
    assert_eq!(bench.ids(told), ["Cy, ", "Da, Dee"]);
    let told = "SELECT Department FROM Contact WHERE Title = 'of old' ORDER BY LastName";
    assert_eq!(bench.ids(told), ["a, b", ", d"]);
    bench.end(1);
}
