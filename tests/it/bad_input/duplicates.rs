//! Duplicates: rows with the same key, refused or dealt with as asked, before anything is sent.

use super::{Bench, Try};

impl Bench {
    /// The load is done with this exit code and the notice `notice: …` of the duplicates is this.
    fn noticed(&mut self, name: &str, tried: Try, code: i32, says: &str) {
        let ran = tried.run(&self.world);
        let told = self.plain(&ran.stderr);
        let notices = told.lines().filter(|line| line.contains("same key"));
        let notices: Vec<&str> = notices.collect();
        if notices.join("\n") != says || ran.code != code {
            self.wrong.push(format!("@@ {name}\n{told}\n@@ exit {}\n", ran.code));
        }
        self.cases += 1;
    }
}

/// `sf__` columns are those of an earlier error file, and not in the list.
fn keys(bytes: &str) -> Try {
    Try::new("upsert Account k.csv -i Legacy_Id__c").file("k.csv", bytes)
}

const V02: &str = "Legacy_Id__c,Name,sf__Error
dup-1,one,x
dup-2,two,x
DUP-1,three,x
,no key,x
dup-3,four,x
\"dup-2\",\"a
b\",x
Dup-1,five,x
";

#[test]
fn rows_with_the_same_key_are_refused_before_anything_is_sent() {
    let mut bench = Bench::new();
    let ids = bench.ids("SELECT Id FROM Account LIMIT 3");
    let (first, second) = (&ids[0], &ids[1]);
    let fifteen = &first[..15];
    let with = |line: &str, rows: String| Try::new(line).file("u.csv", rows);
    let hints = |rows: &str| {
        format!(
            "\n\nhint: nothing was sent; all these rows are in `longshore-runs/n-duplicates.csv`\n\
             hint: `--on-duplicate keep-first` or `keep-last` sends one row of each key, and the \
             others are in rejected.csv\n\
             hint: `--on-duplicate separate` sends all of them in the order of the file, one job \
             at a time{rows}"
        )
    };
    let v01 = format!(
        "error: 2 rows of `u.csv` have the same key (`Id`); which of them would win is left to \
         chance\n  `{first}`: rows 1, 3 (lines 2, 4){}",
        hints("")
    );
    let rows = || format!("Id,Site\n{first},a\n{second},b\n{fifteen},c\n");
    for line in ["update Account u.csv", "delete Account u.csv", "hard-delete Account u.csv"] {
        let tried = with(line, rows()).arg("--run-name").arg("n");
        bench.refused(&format!("V01 {line}"), tried, 2, &v01);
    }
    bench.refused(
        "V02 keys of another case",
        keys(V02).arg("--run-name").arg("n"),
        2,
        &format!(
            "error: 5 rows of `k.csv` share 2 keys (`Legacy_Id__c`); which of them would win is \
             left to chance\n  `dup-1`: rows 1, 3, 7 (lines 2, 4, 9)\n  `dup-2`: rows 2, 6 \
             (lines 3, 7){}",
            hints("")
        ),
    );
    assert_eq!(
        bench.world.read("longshore-runs/n-duplicates.csv"),
        "Legacy_Id__c,Name,longshore__key,longshore__first_row,longshore__line,longshore__row
dup-1,one,dup-1,1,2,1
dup-2,two,dup-2,2,3,2
DUP-1,three,DUP-1,1,4,3
dup-2,\"a
b\",dup-2,2,7,6
Dup-1,five,Dup-1,1,9,7
"
    );
    assert!(!bench.world.path("longshore-runs/n").exists(), "no run was made");
    let many: Vec<String> = (0..24).map(|row| format!("k-{},row {row}\n", row % 12)).collect();
    let many = many.concat();
    let told = {
        let tried = keys(&format!("Legacy_Id__c,Name\n{many}")).arg("--run-name").arg("n");
        tried.run(&bench.world).expect(2).stderr
    };
    assert!(told.contains("24 rows of `k.csv` share 12 keys"), "{told}");
    assert!(told.contains("  `k-9`: rows 10, 22 (lines 11, 23)\n  …\n"), "{told}");
    bench.refused(
        "stdin with a policy",
        Try::new("update Account - --on-duplicate keep-last").stdin(rows()),
        2,
        "error: `--on-duplicate keep-last` reads the rows twice, and standard input is read but once

hint: write the rows to a file first, and name the file
hint: or leave the option out: duplicates are not looked for then",
    );
    let close = format!("Id,Site\n{}", format!("{first},x\n").repeat(101));
    bench.refused(
        "too many jobs",
        with("update Account u.csv --on-duplicate separate", close),
        2,
        "error: 100 rows have the same key (`Id`) as a row before, so close to it that 101 jobs \
         were needed; `--on-duplicate separate` makes 100 at most

hint: sort the file so that the first rows of all keys come first, then the second rows
hint: or use `--on-duplicate keep-last`: of each key, the last row is sent",
    );
    bench.refused(
        "a word that is no policy",
        with("update Account u.csv", rows()).with("LONGSHORE_ON_DUPLICATE", Some("merge")),
        2,
        "error: invalid value 'merge' for '--on-duplicate <WHAT>'
  [possible values: refuse, keep-first, keep-last, separate]

For more information, try '--help'.",
    );
    bench.end(7);
}

#[test]
fn one_row_of_each_key_is_kept() {
    let mut bench = Bench::new();
    bench.applied(
        "the first",
        keys(V02).arg("--on-duplicate").arg("keep-first"),
        3,
        "3: Legacy_Id__c: duplicate_row: the same key (`Legacy_Id__c`) as row 1, which is kept
4: Legacy_Id__c: blank_key: `Legacy_Id__c`: blank, but `Legacy_Id__c` is the key of the upsert
6: Legacy_Id__c: duplicate_row: the same key (`Legacy_Id__c`) as row 2, which is kept
7: Legacy_Id__c: duplicate_row: the same key (`Legacy_Id__c`) as row 1, which is kept",
    );
    bench.applied(
        "the last, and stop at bad rows",
        keys(&V02.replace(",no key,x\n", "dup-4,x,x\n"))
            .arg("--on-duplicate=keep-last")
            .arg("--on-bad-row=stop")
            .arg("--yes"),
        4,
        "1: Legacy_Id__c: duplicate_row: the same key (`Legacy_Id__c`) as row 7, which is kept
2: Legacy_Id__c: duplicate_row: the same key (`Legacy_Id__c`) as row 6, which is kept
3: Legacy_Id__c: duplicate_row: the same key (`Legacy_Id__c`) as row 7, which is kept",
    );
    // A row that is rejected is nobody's duplicate: the other one is sent under each policy.
    let rejected = "Legacy_Id__c,Name,AnnualRevenue\nbad-1,one,much\nbad-1,two,7\n";
    for policy in ["refuse", "keep-first", "keep-last", "separate"] {
        bench.applied(
            policy,
            keys(rejected).arg(format!("--on-duplicate={policy}")).arg("--yes"),
            1,
            "1: AnnualRevenue: bad_number: `AnnualRevenue`: `much`, expected a number as `1234.56`",
        );
    }
    // Only the rows that were asked for count.
    let window = keys(V02).arg("--skip=1").arg("--limit=2").arg("--yes");
    bench.applied("a window", window, 2, "");
    // All rows are loaded in the order of the file.
    bench.applied(
        "separate",
        keys(&V02.replace(",no key,x\n", "")).arg("--on-duplicate=separate").arg("--yes"),
        6,
        "",
    );
    let names = bench.ids("SELECT Name FROM Account WHERE Legacy_Id__c LIKE 'dup-%' ORDER BY Name");
    assert_eq!(names, ["a\nb", "five", "four", "x"]);
    bench.end(8);
}

#[test]
fn what_is_done_about_duplicates_is_told() {
    let mut bench = Bench::new();
    let id = bench.ids("SELECT Id FROM Account LIMIT 1").remove(0);
    for (name, tried, code, says) in [
        (
            "keep-first",
            keys(V02).arg("--on-duplicate=keep-first"),
            3,
            "notice: 3 rows have the same key (`Legacy_Id__c`) as another row, which is kept, and are left out: rows 3, 6, 7",
        ),
        (
            "keep-last, one",
            keys("Legacy_Id__c,Name\nk,a\nk,b\n").arg("--on-duplicate=keep-last"),
            3,
            "notice: 1 row has the same key (`Legacy_Id__c`) as another row, which is kept, and is left out: row 1",
        ),
        (
            "separate",
            keys("Legacy_Id__c,Name\nk,a\nl,a\nk,b\nl,b\nk,c\n").arg("--on-duplicate=separate"),
            0,
            "notice: 3 rows have the same key (`Legacy_Id__c`) as a row before and go into a later job, one job at a time: rows 3, 4, 5; at least 3 jobs are made",
        ),
        (
            "standard input",
            Try::new("update Account -").stdin(format!("Id,Site\n{id},a\n{id},a\n")),
            3,
            "notice: rows with the same key (`Id`) are not looked for: standard input is read but once",
        ),
    ] {
        bench.noticed(name, tried, code, says);
    }
    let sets = bench.ids("SELECT Id FROM PermissionSet WHERE IsOwnedByProfile = false LIMIT 1");
    let users = bench.ids("SELECT Id FROM User WHERE IsActive = true LIMIT 1");
    let (set, user) = (&sets[0], &users[0]);
    let assigned = format!("AssigneeId,PermissionSetId\n{user},{set}\n{user},{}\n", &set[..15]);
    let insert = || Try::new("insert PermissionSetAssignment p.csv").file("p.csv", &assigned);
    bench.noticed(
        "assignments are sent",
        insert(),
        3,
        "notice: 1 row has the same key (`AssigneeId`, `PermissionSetId`) as a row before and is sent all the same, as that changes nothing: row 2; `--on-duplicate keep-first` leaves such rows out",
    );
    bench.noticed(
        "assignments are left out",
        insert().arg("--on-duplicate=keep-first").arg("--yes"),
        3,
        "notice: 1 row has the same key (`AssigneeId`, `PermissionSetId`) as another row, which is kept, and is left out: row 2",
    );
    bench.noticed(
        "rows without a key",
        Try::new("insert Account a.csv --on-duplicate keep-last").file("a.csv", "Name\na\na\n"),
        0,
        "",
    );
    let told = Try::new("insert Account a.csv --on-duplicate keep-last --yes").run(&bench.world);
    let says = "notice: `--on-duplicate keep-last` does nothing here: rows of insert `Account` have no key\n";
    assert!(told.stderr.contains(says), "{}", told.stderr);
    bench.end(7);
}
