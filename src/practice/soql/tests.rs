use super::*;
use crate::practice::org::SeedSize;
use crate::practice::seed;

const NOON: i64 = 1_795_348_800_000;

thread_local! {
    static STORE: Store = seed::grow(crate::practice::objects::Catalog::built_in(), &SeedSize { users: 300, permission_sets: 40 });
}

fn rows(soql: &str) -> Vec<Vec<Value>> {
    STORE.with(|store| {
        let found = find(store, soql, QueryScope::Live, NOON).unwrap_or_else(|e| panic!("{e}"));
        found.numbers.iter().map(|number| read(store, &found, *number)).collect()
    })
}

fn count(soql: &str) -> usize {
    rows(soql).len()
}

fn texts(soql: &str) -> Vec<String> {
    let text = |row: Vec<Value>| match &row[0] {
        Value::Text(text) => text.clone(),
        other => format!("{other:?}"),
    };
    rows(soql).into_iter().map(text).collect()
}

fn refused(soql: &str) -> String {
    STORE.with(|store| find(store, soql, QueryScope::Live, NOON).unwrap_err().to_string())
}

#[test]
fn columns_are_spelled_as_described_whatever_is_written() {
    STORE.with(|store| {
        let soql = "select id, assignee.USERNAME, PermissionSet.License.Id, a.assigneeid \
                    FROM permissionsetassignment a";
        let found = find(store, soql, QueryScope::Live, NOON).unwrap();
        let names: Vec<&str> = found.columns.iter().map(|column| &*column.name).collect();
        let expected = ["Id", "Assignee.Username", "PermissionSet.License.Id", "AssigneeId"];
        assert_eq!(names, expected);
    });
}

#[test]
fn conditions_select_what_they_say() {
    let all = count("SELECT Id FROM Account");
    assert_eq!(all, 200);
    let of = |filter: &str| count(&format!("SELECT Id FROM Account WHERE {filter}"));
    // Each line: two ways to say the same.
    for (one, other) in [
        ("Legacy_Id__c = 'a-00001'", "Legacy_Id__c LIKE 'A-00001'"),
        ("Legacy_Id__c < 'A-00100'", "Legacy_Id__c LIKE 'A-000__'"),
        ("NOT Legacy_Id__c >= 'A-00100'", "Legacy_Id__c LIKE '%-000%'"),
        ("Type = 'Partner' OR Type = 'Other'", "Type IN ('Partner', 'other')"),
        ("Type != 'Partner'", "Type NOT IN ('Partner')"),
        ("Type = 'Partner' AND (Rating = null OR Rating = 'Hot')", "Type = 'Partner'"),
        (
            "NumberOfEmployees >= 100 AND NumberOfEmployees <= 999",
            "(NumberOfEmployees > 99) AND (NOT (NumberOfEmployees > 999))",
        ),
        ("Rating = null", "Name != null"),
        ("IsDeleted = false", "Name LIKE '%'"),
        ("Owner.Username = 'admin@practice.example'", "CreatedDate = 2026-01-05T08:00:00Z"),
        ("CreatedDate < TODAY", "CreatedDate < 2026-01-05T09:00:00.000+00:00"),
        ("AnnualRevenue > 1.5e8", "NOT (AnnualRevenue <= 150000000)"),
        ("ParentId = '0015500001QdQWaAAN'", "Name = 'no such'"),
        (
            "Id IN (SELECT AccountId FROM Contact)",
            "Id IN (SELECT AccountId FROM Contact WHERE LastName != null)",
        ),
    ] {
        assert_eq!(of(one), of(other), "{one} | {other}");
        let trivial = of(one) == 0 || of(one) == all;
        let may = ["Rating", "IsDeleted", "Owner", "CreatedDate", "ParentId", "Id IN"];
        assert!(!trivial || may.iter().any(|start| one.starts_with(start)), "{one}: {}", of(one));
    }
}

#[test]
fn order_limit_and_offset() {
    let names = texts("SELECT Name FROM Profile ORDER BY Name DESC NULLS LAST LIMIT 3 OFFSET 1");
    assert_eq!(names, ["Standard User", "Standard Platform User", "Sales Operations"]);
    let first = rows("SELECT LicenseId, Name FROM PermissionSet ORDER BY LicenseId, Name LIMIT 1");
    assert_eq!(first[0][0], Value::Null);
    let last = "SELECT LicenseId FROM PermissionSet ORDER BY LicenseId ASC NULLS LAST LIMIT 1";
    assert_ne!(rows(last)[0][0], Value::Null);
    let two = rows("SELECT Type, Name FROM Account ORDER BY Type, Name DESC");
    let text = |value: &Value| format!("{value:?}").to_lowercase();
    let sorted = two.windows(2).all(|pair| {
        let types = text(&pair[0][0]).cmp(&text(&pair[1][0]));
        types == Ordering::Less
            || (types == Ordering::Equal && text(&pair[0][1]) >= text(&pair[1][1]))
    });
    assert!(sorted);
}

#[test]
fn counts() {
    STORE.with(|store| {
        let shape = |soql| find(store, soql, QueryScope::Live, NOON).unwrap();
        let plain = shape("SELECT COUNT() FROM User WHERE IsActive = true");
        assert_eq!(plain.answer, Shape::Count);
        assert!(plain.numbers.len() > 250 && plain.numbers.len() < 300);
        let aggregate = shape("SELECT count(LicenseId) licensed FROM PermissionSet");
        let expected = Shape::Aggregate(vec![("licensed".to_owned(), Value::Int(5))]);
        assert_eq!(aggregate.answer, expected);
    });
}

/// Held against what the same records come to when they are read.
#[test]
fn aggregates() {
    let of = |soql: &str| {
        STORE.with(|store| match find(store, soql, QueryScope::Live, NOON).unwrap().answer {
            Shape::Aggregate(values) => values,
            other => panic!("{other:?}"),
        })
    };
    let revenue: Vec<f64> = rows("SELECT AnnualRevenue FROM Account WHERE AnnualRevenue != null")
        .into_iter()
        .map(|row| match row[0] {
            Value::Double(value) => value,
            ref other => panic!("{other:?}"),
        })
        .collect();
    assert!(revenue.len() > 10);
    let in_cents = |value: &f64| format!("{value:.2}").replace('.', "").parse::<i64>().unwrap();
    let cents: i64 = revenue.iter().map(in_cents).sum();
    let sum: f64 = format!("{}.{:02}", cents / 100, cents % 100).parse().unwrap();
    let counted = |values: usize| i64::try_from(values).unwrap();
    let values = of("SELECT SUM(AnnualRevenue), MIN(AnnualRevenue) low, MAX(AnnualRevenue), \
                     AVG(AnnualRevenue), COUNT(AnnualRevenue), COUNT_DISTINCT(Id) ids \
                     FROM Account");
    let names: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["expr0", "low", "expr1", "expr2", "expr3", "ids"]);
    let least = revenue.iter().copied().fold(f64::INFINITY, f64::min);
    let most = revenue.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let expected = [
        Value::Double(sum),
        Value::Double(least),
        Value::Double(most),
        Value::Double(sum / f64::from(u32::try_from(revenue.len()).unwrap())),
        Value::Int(counted(revenue.len())),
        Value::Int(counted(count("SELECT Id FROM Account"))),
    ];
    for ((name, value), expected) in values.iter().zip(expected) {
        assert_eq!(*value, expected, "{name}");
    }
    let none = of("SELECT SUM(AnnualRevenue), MAX(Name), COUNT(Id) FROM Account WHERE Id = null");
    let none: Vec<Value> = none.into_iter().map(|(_, value)| value).collect();
    assert_eq!(none, [Value::Null, Value::Null, Value::Int(0)]);
    let names = texts("SELECT Name FROM Profile ORDER BY Name DESC LIMIT 1");
    let last = of("SELECT MAX(Name) FROM Profile");
    assert_eq!(last[0].1, Value::Text(names[0].clone()));
    let summed = of("SELECT SUM(NumberOfEmployees) FROM Account");
    assert!(matches!(summed[0].1, Value::Int(sum) if sum > 0), "{summed:?}");
}

#[test]
fn a_reference_that_may_lead_to_two_objects() {
    let of = |column: &str, set: &str| {
        let soql = format!("SELECT License.{column} FROM PermissionSet WHERE Name = '{set}'");
        rows(&soql)[0][0].clone()
    };
    let text = |text: &str| Value::Text(text.to_owned());
    assert_eq!(of("MasterLabel", "Customs_Filing"), text("Customs Filing"));
    assert_eq!(of("MasterLabel", "Contract_Billing"), text("Salesforce"));
    assert_eq!(of("DeveloperName", "Customs_Filing"), text("CustomsFilingPsl"));
    assert_eq!(of("DeveloperName", "Contract_Billing"), Value::Null);
    assert_eq!(of("Name", "Customs_Filing"), Value::Null);
    assert_eq!(of("MasterLabel", "Cargo_Booking"), Value::Null);
    assert_eq!(count("SELECT Id FROM PermissionSet WHERE License.MasterLabel = 'Salesforce'"), 1);
}

#[test]
fn texts_with_escapes() {
    assert_eq!(count(r"SELECT Id FROM Account WHERE Name = 'O\'Brien \\ \n'"), 0);
    assert_eq!(count(r"SELECT Id FROM PermissionSet WHERE Name LIKE 'Cargo\_%'"), 2);
    assert_eq!(count(r"SELECT Id FROM PermissionSet WHERE Label LIKE 'Cargo\_%'"), 0);
    assert_eq!(count("SELECT Id FROM PermissionSet WHERE Name = 'Cargo_Booking'"), 1);
}

#[test]
fn refusals_point_at_the_place() {
    // The messages are one line each; broken here for the reader.
    let told = |soql: &str| {
        refused(soql).replace(": \n", ":\n").replace(". ", ".\n").replace(", be", ",\nbe")
    };
    insta::assert_snapshot!(told("SELECT Nope FROM Account"), @r"
    INVALID_FIELD:
    SELECT Nope FROM Account
           ^
    ERROR at Row:1:Column:8
    No such column 'Nope' on entity 'Account'.
    If you are attempting to use a custom field,
    be sure to append the '__c' after the custom field name.
    Please reference your WSDL or the describe call for the appropriate names.
    ");
    insta::assert_snapshot!(told("SELECT Id, Name FROM Accout"), @r"
    INVALID_TYPE:
    Name FROM Accout
              ^
    ERROR at Row:1:Column:22
    sObject type 'Accout' is not supported.
    If you are attempting to use a custom object,
    be sure to append the '__c' after the entity name.
    Please reference your WSDL or the describe call for the appropriate names.
    ");
    insta::assert_snapshot!(told("SELECT Id FORM Account"), @r"
    MALFORMED_QUERY:
    SELECT Id FORM Account
              ^
    ERROR at Row:1:Column:11
    unexpected token: 'FORM'
    ");
    insta::assert_snapshot!(told("SELECT Id\nFROM Account\nWHERE Nme = 'x'"), @r"
    INVALID_FIELD:
    WHERE Nme = 'x'
          ^
    ERROR at Row:3:Column:7
    No such column 'Nme' on entity 'Account'.
    If you are attempting to use a custom field,
    be sure to append the '__c' after the custom field name.
    Please reference your WSDL or the describe call for the appropriate names.
    ");
    insta::assert_snapshot!(told("SELECT Id FROM Contact WHERE Acount.Name = 'x'"), @r"
    INVALID_FIELD:
    Contact WHERE Acount.Name = 'x'
                  ^
    ERROR at Row:1:Column:30
    Didn't understand relationship 'Acount' in field path.
    If you are attempting to use a custom relationship,
    be sure to append the '__r' after the custom relationship name.
    Please reference your WSDL or the describe call for the appropriate names.
    ");
}

#[test]
fn what_is_not_a_query_is_refused() {
    for (soql, message) in [
        ("", "unexpected token: '<EOF>'"),
        ("SELECT", "unexpected token: '<EOF>'"),
        ("SELECT Id, FROM Account", "unexpected token: 'FROM'"),
        ("SELECT Id FROM Account WHERE", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM Account WHERE Name", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM Account WHERE Name = ", "unexpected token: '<EOF>'"),
        (
            "SELECT Id FROM Account WHERE Name = 'x' AND Id = null OR Id = null",
            "unexpected token: 'OR'",
        ),
        ("SELECT Id FROM Account WHERE Name IN ()", "unexpected token: ')'"),
        ("SELECT Id FROM Account GROUP BY Name", "unexpected token: 'GROUP'"),
        ("SELECT Id FROM Account LIMIT ten", "unexpected token: 'ten'"),
        ("SELECT Id FROM Account WHERE Name = 'x", "unexpected token: '<EOF>'"),
        (
            "SELECT Id FROM Account WHERE Name = 5",
            "must be of type string and should be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Account WHERE NumberOfEmployees = '5'",
            "must be of type int and should not be enclosed in quotes",
        ),
        ("SELECT Id FROM Account WHERE Id = 'nonsense'", "invalid ID field: nonsense"),
        ("SELECT Id FROM Account WHERE IsDeleted = 'true'", "must be of type boolean"),
        ("SELECT Id, COUNT(Name) FROM Account", "Field must be grouped or aggregated"),
        ("SELECT COUNT(), SUM(AnnualRevenue) FROM Account", "Field must be grouped or aggregated"),
        ("SELECT SUM() FROM Account", "unexpected token: ')'"),
        ("SELECT SUM(Name) FROM Account", "field Name does not support aggregate operator SUM"),
        (
            "SELECT MAX(IsActive) FROM User",
            "field IsActive does not support aggregate operator MAX",
        ),
        ("SELECT Id FROM Account; DROP", "no viable alternative at character ';'"),
    ] {
        let told = refused(soql);
        assert!(told.ends_with(message) || told.contains(message), "{soql}: {told}");
    }
    let deep = format!(
        "SELECT Id FROM Account WHERE {}Name = 'x'{}",
        "(".repeat(9_000),
        ")".repeat(9_000)
    );
    assert!(refused(&deep).contains("nested too deep"));
    let deep = "SELECT Id FROM User WHERE Id IN (".repeat(5_000);
    assert!(refused(&deep).starts_with("MALFORMED_QUERY"));
}

#[test]
fn features_are_found_by_words_not_by_texts() {
    let told = |soql: &str| {
        let f = features(soql);
        [
            (f.aggregate, 'a'),
            (f.subquery, 's'),
            (f.offset, 'o'),
            (f.group_by, 'g'),
            (f.type_of, 't'),
            (f.limit, 'l'),
            (f.order_by, 'b'),
        ]
        .into_iter()
        .filter_map(|(on, letter)| on.then_some(letter))
        .collect::<String>()
    };
    for (soql, expected) in [
        ("SELECT Id FROM Account", ""),
        ("SELECT COUNT() FROM Account", "a"),
        ("SELECT Name, MAX(Amount) FROM Opportunity GROUP BY Name", "ag"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "s"),
        ("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact LIMIT 1)", ""),
        ("SELECT TYPEOF What WHEN Account THEN Name END FROM Event", "t"),
        ("SELECT Id FROM Account ORDER BY Name LIMIT 5 OFFSET 5", "olb"),
        ("SELECT Id FROM Account WHERE Name = 'GROUP BY x LIMIT 5 OFFSET (SELECT'", ""),
    ] {
        assert_eq!(told(soql), expected, "{soql}");
    }
}

#[test]
fn no_text_breaks_the_parser() {
    let words = "( |\\(|\\)|'|,|=|AND|OR|NOT|IN|Name|Id|null|5|%|é|\\\\|SELECT|FROM){0,12}";
    proptest::proptest!(|(tail in words)| {
        let soql = format!("SELECT Id FROM Account WHERE {tail}");
        let _ = features(&soql);
        STORE.with(|store| drop(find(store, &soql, QueryScope::Live, NOON)));
    });
}

#[test]
fn like_agrees_with_a_slow_oracle() {
    proptest::proptest!(|(pattern in "[ab%_]{0,8}", text in "[ab]{0,10}")| {
        let all: Vec<char> = text.chars().collect();
        let pieces = test::pieces(&pattern);
        proptest::prop_assert_eq!(test::like(&pieces, &all), slow(&pieces, &all));
    });
}

fn slow(pattern: &[test::Piece], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((test::Piece::Many, rest)), tail) => {
            slow(rest, text) || tail.is_some_and(|(_, tail)| slow(pattern, tail))
        }
        (None, Some(_)) | (Some(_), None) => false,
        (Some((test::Piece::One, rest)), Some((_, tail))) => slow(rest, tail),
        (Some((test::Piece::Char(c), rest)), Some((first, tail))) => c == first && slow(rest, tail),
    }
}
