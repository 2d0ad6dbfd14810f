//! Values: each kind of field and what it does not take; the far side never sees such a row.

use super::{Bench, Try};

fn shipments(bytes: impl AsRef<[u8]>) -> Try {
    Try::new("insert Shipment__c s.csv").file("s.csv", bytes)
}

#[test]
fn a_value_of_the_wrong_form_rejects_its_row_only() {
    let mut bench = Bench::new();
    for (name, field, good, bad, told) in [
        (
            "V08 dates",
            "Ship_Date__c",
            "2026-12-31",
            &["31/02/2026", "2026-02-30", "02/03/2026"][..],
            "2: Ship_Date__c: bad_date: `Ship_Date__c`: `31/02/2026`, expected a day as `yyyy-MM-dd`, from 1700 to 4000
3: Ship_Date__c: bad_date: `Ship_Date__c`: `2026-02-30`, expected a day as `yyyy-MM-dd`, from 1700 to 4000
4: Ship_Date__c: bad_date: `Ship_Date__c`: `02/03/2026`, expected a day as `yyyy-MM-dd`, from 1700 to 4000",
        ),
        (
            "V09 times without zone",
            "Delivered_At__c",
            "2026-12-31T10:00:00Z",
            &["2026-12-31T10:00:00", "yesterday"],
            "2: Delivered_At__c: bad_datetime: `Delivered_At__c`: `2026-12-31T10:00:00` has no zone, expected `Z` or an offset as `+02:00` behind
3: Delivered_At__c: bad_datetime: `Delivered_At__c`: `yesterday`, expected a moment as `yyyy-MM-ddTHH:mm:ss.SSSZ`",
        ),
        (
            "V10 numbers",
            "Weight_Kg__c",
            "12.5",
            &["1.234,56", "NaN", "1e400", "abc", "12345678"],
            "2: Weight_Kg__c: bad_number: `Weight_Kg__c`: `1.234,56`, expected a number as `1234.56`
3: Weight_Kg__c: bad_number: `Weight_Kg__c`: `NaN`, expected a number as `1234.56`
4: Weight_Kg__c: number_too_large: `Weight_Kg__c`: `1e400` is beyond what a number holds
5: Weight_Kg__c: bad_number: `Weight_Kg__c`: `abc`, expected a number as `1234.56`
6: Weight_Kg__c: number_too_large: `Weight_Kg__c`: `12345678` has 8 digits before the point, at most 7 fit",
        ),
        (
            "V10 whole numbers",
            "Containers__c",
            "7",
            &["12345678901234567890"],
            "2: Containers__c: number_too_large: `Containers__c`: `12345678901234567890` has 20 digits before the point, at most 6 fit",
        ),
        (
            "V12 picklist",
            "Status__c",
            "Booked",
            &["Sunk", "Booked;Lost"],
            "2: Status__c: not_in_picklist: `Status__c`: `Sunk` is none of `Booked`, `Loaded`, `At Sea`, `Landed`, `Delivered`, `Lost`
3: Status__c: not_in_picklist: `Status__c`: `Booked;Lost` is none of `Booked`, `Loaded`, `At Sea`, `Landed`, `Delivered`, `Lost`",
        ),
        (
            "V13 too long",
            "Name",
            "short",
            &[
                "long long long long long long long long long long long long long long long long long",
            ],
            "2: Name: too_long: `Name`: `long long long long long long long long …` has 84 characters, `Name` takes 80",
        ),
        (
            "V14 e-mail",
            "Notify__c",
            "a@example.org",
            &["nobody", "a@b@c", "a b@example.org"],
            "2: Notify__c: bad_email: `Notify__c`: `nobody`, expected an address as `a@b.org`
3: Notify__c: bad_email: `Notify__c`: `a@b@c`, expected an address as `a@b.org`
4: Notify__c: bad_email: `Notify__c`: `a b@example.org`, expected an address as `a@b.org`",
        ),
        (
            "truth",
            "Is_Fragile__c",
            "TRUE",
            &["maybe", "2"],
            "2: Is_Fragile__c: bad_boolean: `Is_Fragile__c`: `maybe`, expected `true`, `false`, `1` or `0`
3: Is_Fragile__c: bad_boolean: `Is_Fragile__c`: `2`, expected `true`, `false`, `1` or `0`",
        ),
    ] {
        let rows = format!("\"{}\"\n", bad.join("\"\n\""));
        bench.applied(name, shipments(format!("{field}\n{good}\n{rows}{good}\n")), 2, told);
    }
    bench.end(8);
}

#[test]
fn an_id_that_cannot_be_right_is_never_sent() {
    let mut bench = Bench::new();
    let accounts = bench.ids("SELECT Id FROM Account LIMIT 3");
    let contact = bench.ids("SELECT Id FROM Contact LIMIT 1").remove(0);
    let (first, second, third) = (&accounts[0], &accounts[1], &accounts[2]);
    let fifteen = &third[..15];
    let lost = first.to_lowercase();
    let update = |rows: String| Try::new("update Account u.csv").file("u.csv", rows);
    bench.applied("V03 15 characters", update(format!("Id,Site\n{fifteen},v03\n")), 1, "");
    let v04 = update(format!("Id,Site\n{lost},v04\n{second},v04\n"));
    bench.applied("V04 letters that lost their case", v04, 1, "1: Id: bad_id_checksum: `Id`: `0018c00000zgv6faaf` has lost its case, it was `0018c00000ZgV6fAAF`");
    let v05 = update(format!("Id,Site\n{contact},v05\n{second},v05b\n"));
    bench.applied("V05 of another object", v05, 1, "1: Id: wrong_object: `Id`: `0038c00000ZgV6fAAF` is an id of `contact`, `Id` takes `Account`");
    let v06 = update(format!("Id,Site\n,v06\n   ,v06\n{second},v06b\n"));
    bench.applied(
        "V06 no id",
        v06,
        1,
        "1: Id: blank_id: `Id`: blank, but each row needs its record id
2: Id: blank_id: `Id`: blank, but each row needs its record id",
    );
    let short = update(format!("Id,Site\n001,x\n{first}x,x\n{second},v06c\n"));
    bench.applied("V04 no id at all", short, 1, "1: Id: bad_id: `Id`: `001` is no id: an id has 15 or 18 characters, this one has 3
2: Id: bad_id: `Id`: `0018c00000ZgV6fAAFx` is no id: an id has 15 or 18 characters, this one has 19");
    let delete = Try::new("delete Account d.csv");
    let delete = delete.file("d.csv", format!("Id\n{contact}\n\"\"\n{first}\n"));
    bench.applied("V05 a delete of another object", delete, 1, "1: Id: wrong_object: `Id`: `0038c00000ZgV6fAAF` is an id of `contact`, `Id` takes `Account`
2: Id: blank_id: `Id`: blank, but each row needs its record id");
    let lookup = Try::new("insert Contact c.csv");
    let lookup = lookup.file("c.csv", format!("LastName,AccountId\nv05,{contact}\nv05,{second}\n"));
    bench.applied("V05 in a lookup", lookup, 1, "1: AccountId: wrong_object: `AccountId`: `0038c00000ZgV6fAAF` is an id of `Contact`, `AccountId` takes `Account`");
    bench.end(7);
}

#[test]
fn keys_and_required_fields_are_asked_for() {
    let mut bench = Bench::new();
    let upsert = Try::new("upsert Account k.csv -i Legacy_Id__c");
    let v07 = upsert.file("k.csv", "Legacy_Id__c,Name\n,v07\n#N/A,v07\nA-90001,v07\n");
    bench.applied("V07 no key", v07, 1, "1: Legacy_Id__c: blank_key: `Legacy_Id__c`: blank, but `Legacy_Id__c` is the key of the upsert
2: Legacy_Id__c: blank_key: `Legacy_Id__c`: `#N/A`, but `Legacy_Id__c` is the key of the upsert");
    let blank = Try::new("insert Opportunity o.csv").file(
        "o.csv",
        "Name,StageName,CloseDate\nv17,,2026-12-31\n,Proposal,2026-12-31\nv17,Proposal,2026-12-31\n",
    );
    bench.applied(
        "V17 a required value is blank",
        blank,
        1,
        "1: StageName: required: `StageName`: blank, but `StageName` is required
2: Name: required: `Name`: blank, but `Name` is required",
    );
    let missing = Try::new("insert Opportunity o.csv").file("o.csv", "Name\nv17\n");
    bench.refused("V17 a required field is missing", missing, 2, r#"error: an insert of `Opportunity` needs `StageName`, `CloseDate`, and no column gives them

hint: add a column, or a constant in a mapping: `StageName = { constant = "…" }`"#);
    let clear = Try::new("update Account c.csv");
    let id = bench.ids("SELECT Id FROM Account LIMIT 1").remove(0);
    let clear = clear.file("c.csv", format!("Id,Name,Site\n{id},#N/A,x\n{id},named,#N/A\n"));
    bench.applied(
        "C24 #N/A where a value must be",
        clear,
        1,
        "1: Name: cannot_clear: `Name`: `#N/A`, but `Name` cannot be empty",
    );
    let parent = Try::new("insert Contact p.csv");
    let parent = parent.file("p.csv", "LastName,Account.Legacy_Id__c\nv15,A-NONE\nv15,A-00001\n");
    bench.applied("V15 a parent that is not there", parent, 1, "1: error: INVALID_FIELD:Foreign key external ID: A-NONE not found for field Legacy_Id__c in entity Account:--");
    let closed = Try::new("insert Case c.csv").file("c.csv", "Subject,IsClosed\nv16,true\n");
    bench.applied("V16 a closed column without mapping", closed, 1, "");
    bench.end(6);
}
