//! Every example of the Data Loader reference, sections 5.1 to 5.5, as it is by default and as it
//! is when it is allowed.

use proptest::prelude::*;

use super::*;
use crate::model::schema::FieldSchema;
use crate::pipeline::sample;

fn settings(change: impl FnOnce(&mut Conversions)) -> Arc<Settings> {
    let mut given = Conversions { zone: "Europe/Berlin".to_owned(), ..Conversions::default() };
    change(&mut given);
    Arc::new(Settings::new(&given).unwrap())
}

fn allowing(switches: &[Switch]) -> Arc<Settings> {
    settings(|given| given.allow.extend(switches))
}

fn sent(field: FieldSchema) -> SentField {
    SentField { header: field.name.clone(), from: field.name.clone(), field, related: None }
}

fn field(kind: FieldKind) -> FieldSchema {
    sample::field("F__c", kind)
}

fn convert_field(field: FieldSchema, settings: &Arc<Settings>, value: &str) -> String {
    match Convert::of(&sent(field), settings).apply(Cow::Borrowed(value)) {
        Ok(text) => text.into_owned(),
        Err((code, what)) => {
            assert_eq!(code, CONVERSION_FAILED);
            format!("error: {what}")
        }
    }
}

fn convert(kind: FieldKind, settings: &Arc<Settings>, value: &str) -> String {
    convert_field(field(kind), settings, value)
}

#[test]
fn dates_and_times_in_every_form() {
    let plain = settings(|_| {});
    for (value, wanted) in [
        ("20240309 10", "2024-03-09T09:00:00.000Z"),
        ("20240309T1011", "2024-03-09T09:11:00.000Z"),
        ("20240309 101112", "2024-03-09T09:11:12.000Z"),
        ("20240309T10:11", "2024-03-09T09:11:00.000Z"),
        ("20240309 10:11:12", "2024-03-09T09:11:12.000Z"),
        ("20240309T10:11:12.345", "2024-03-09T09:11:12.345Z"),
        ("20240309T", "2024-03-08T23:00:00.000Z"),
        ("20240309", "2024-03-08T23:00:00.000Z"),
        ("2024-03", "2024-02-29T23:00:00.000Z"),
        ("2024-03-09", "2024-03-08T23:00:00.000Z"),
        ("2024-3-9", "2024-03-08T23:00:00.000Z"),
        ("2024-03-09T", "2024-03-08T23:00:00.000Z"),
        ("2024-03-09T10", "2024-03-09T09:00:00.000Z"),
        ("2024-03-09 10:11", "2024-03-09T09:11:00.000Z"),
        ("2024-03-09T10:11:12", "2024-03-09T09:11:12.000Z"),
        ("2024-03-09 10:11:12.345", "2024-03-09T09:11:12.345Z"),
        ("2024-03-09 10:11:12.0", "2024-03-09T09:11:12.000Z"),
        ("  2024-03-09 10:11:12 ", "2024-03-09T09:11:12.000Z"),
        ("2024-03-09  1:2:3", "2024-03-09T00:02:03.000Z"),
        ("3/9/2024", "2024-03-08T23:00:00.000Z"),
        ("03/09/2024 10", "2024-03-09T09:00:00.000Z"),
        (" 3/ 9/2024T10:11:12.345", "2024-03-09T09:11:12.345Z"),
        ("2024-03-09T10:11:12Z", "2024-03-09T10:11:12.000Z"),
        ("2024-03-09T10:11:12z", "2024-03-09T10:11:12.000Z"),
        ("2024-03-09 10:11 Z", "2024-03-09T10:11:00.000Z"),
        ("20240309 1011Z", "2024-03-09T10:11:00.000Z"),
        ("2024-03-09T10:11:12+0800", "2024-03-09T02:11:12.000Z"),
        ("2024-03-09T10:11:12 -0330", "2024-03-09T13:41:12.000Z"),
        ("2024-03-09T10:11:12+08:00", "2024-03-09T02:11:12.000Z"),
        ("2024-03-09T10:11:12 +08:00", "2024-03-09T02:11:12.000Z"),
        ("2024-03-09T10:11:12.000Z-0300", "2024-03-09T13:11:12.000Z"),
        ("2024-03-09 10:11:12GMT", "2024-03-09T10:11:12.000Z"),
        ("2024-03-09 10:11:12 utc", "2024-03-09T10:11:12.000Z"),
        ("2024-03-09 10:11:12 GMT+8:00", "2024-03-09T02:11:12.000Z"),
        ("3/9/2024 +0000", "2024-03-09T00:00:00.000Z"),
        ("2024-03-0300", "2024-03-01T03:00:00.000Z"),
        ("Mar 9, 2024, 1:02:03 PM", "2024-03-09T12:02:03.000Z"),
        ("mar 9, 2024 12:02:03 am", "2024-03-08T23:02:03.000Z"),
        ("", ""),
        ("  ", ""),
    ] {
        assert_eq!(convert(FieldKind::DateTime, &plain, value), wanted, "{value}");
    }
}

#[test]
fn what_is_no_date_is_an_error_whatever_is_allowed() {
    let all = allowing(&Switch::ALL);
    for value in [
        "2024-03-09 10:11:12.123456",
        "3/9/2024 1:02 PM",
        "2024/03/09",
        "09.03.2024",
        "9-Mar-2024",
        "2024-02-30",
        "2023-02-29",
        "13/12/2024",
        "2024-03-09 24:00",
        "2024-03-09 10:60",
        "2024-03-09 10:11:",
        "2024-03-09 10:11 IST",
        "2024-03-09 10:11+8",
        "2024-03-09x",
        "0000-01-01",
        "20240309101112",
        "Mar 9, 2024, 13:02:03 PM",
        "Foo 9, 2024, 1:02:03 PM",
        "soon",
        "-",
    ] {
        for kind in [FieldKind::Date, FieldKind::DateTime] {
            let made = convert(kind, &all, value);
            assert!(made.starts_with("error: "), "{value}: {made}");
        }
    }
    let year = convert(FieldKind::Date, &all, "12345");
    assert_eq!(year, "error: `12345` is the year 12345 to Data Loader, which no org takes");
}

#[test]
fn dates_without_a_time() {
    let [berlin, los_angeles] = ["Europe/Berlin", "America/Los_Angeles"]
        .map(|zone| settings(|given| given.zone = zone.to_owned()));
    let gmt = settings(|given| {
        given.zone = "America/Los_Angeles".to_owned();
        given.gmt_dates = true;
    });
    for (settings, value, wanted) in [
        (&berlin, "2024-03-09", "2024-03-09"),
        (&berlin, "2024-03-09T23:59:59", "2024-03-09"),
        (&berlin, "2024-03-09T10:11:12.3", "2024-03-09"),
        (&berlin, "2024-03-09T22:59:59Z", "2024-03-09"),
        (&los_angeles, "2024-03-09", "2024-03-09"),
        (&los_angeles, "2024-03-09T10:11:12Z", "2024-03-09"),
        (&gmt, "2024-03-09", "2024-03-09"),
        (&gmt, "2024-03-09T10:11:12+05:30", "2024-03-09"),
        // The clocks there skip midnight, and there is a day all the same.
        (
            &settings(|given| given.zone = "America/Sao_Paulo".to_owned()),
            "2018-11-04",
            "2018-11-04",
        ),
    ] {
        assert_eq!(convert(FieldKind::Date, settings, value), wanted, "{value}");
    }
}

/// A cell with what is made of it by default and when it is allowed.
struct Danger {
    kind: FieldKind,
    value: &'static str,
    switch: Switch,
    becomes: &'static str,
}

const fn danger(
    kind: FieldKind,
    value: &'static str,
    switch: Switch,
    becomes: &'static str,
) -> Danger {
    Danger { kind, value, switch, becomes }
}

const DANGERS: [Danger; 27] = [
    danger(FieldKind::Date, "3/9/24", Switch::ShortYears, "0024-03-09"),
    danger(FieldKind::DateTime, "24-03-09 10:00Z", Switch::ShortYears, "0024-03-09T10:00:00.000Z"),
    danger(FieldKind::Date, "2024", Switch::BareNumbers, "2024-01-01"),
    danger(FieldKind::Date, "2024039", Switch::BareNumbers, "2024-03-09"),
    danger(FieldKind::Date, "2024-0300", Switch::BareNumbers, "2024-01-01"),
    danger(
        FieldKind::DateTime,
        "2024-03-09T10:11:12.3",
        Switch::ShortFractions,
        "2024-03-09T09:11:12.003Z",
    ),
    danger(
        FieldKind::DateTime,
        "2024-03-09T10:11:12.0005",
        Switch::ShortFractions,
        "2024-03-09T09:11:12.005Z",
    ),
    danger(
        FieldKind::DateTime,
        "2024-10-27 02:30",
        Switch::RepeatedHours,
        "2024-10-27T01:30:00.000Z",
    ),
    danger(
        FieldKind::DateTime,
        "2024-03-09 10:11 CST",
        Switch::ZoneNames,
        "2024-03-09T16:11:00.000Z",
    ),
    danger(FieldKind::Date, "2024-03-09T23:11:12Z", Switch::DateShifts, "2024-03-10"),
    danger(FieldKind::Int, "12abc", Switch::IntPrefix, "12"),
    danger(FieldKind::Int, "1e3", Switch::IntPrefix, "1"),
    danger(FieldKind::Int, "7-", Switch::IntPrefix, "7"),
    danger(FieldKind::Int, "3.7", Switch::IntFraction, "3"),
    danger(FieldKind::Int, "-3.7", Switch::IntFraction, "-3"),
    danger(FieldKind::Int, ".5", Switch::IntFraction, "0"),
    danger(FieldKind::Int, "25.000", Switch::IntFraction, "25"),
    danger(FieldKind::Int, "3,7", Switch::IntGroups, "37"),
    danger(FieldKind::Int, "2500,000", Switch::IntGroups, "2500000"),
    danger(FieldKind::Int, "99999999999", Switch::IntOverflow, "1215752191"),
    danger(FieldKind::Int, "99999999999999999999", Switch::IntOverflow, "2147483647"),
    danger(FieldKind::Int, "-2147483649", Switch::IntOverflow, "2147483647"),
    danger(FieldKind::Double, "1d", Switch::JavaDoubles, "1"),
    danger(FieldKind::Double, "0x1.8p3", Switch::JavaDoubles, "12"),
    danger(FieldKind::Double, "NaN", Switch::JavaDoubles, "NaN"),
    danger(FieldKind::Double, "12345678901234567891", Switch::JavaDoubles, "12345678901234567000"),
    danger(FieldKind::String, "#N/A", Switch::NaClears, "#N/A"),
];

/// A field of that type; numbers are keys.
fn field_of(kind: FieldKind) -> FieldSchema {
    FieldSchema { external_id: kind == FieldKind::Double, ..field(kind) }
}

#[test]
fn what_is_dangerous_is_an_error_unless_it_is_allowed() {
    let none = settings(|_| {});
    for Danger { kind, value, switch, becomes } in &DANGERS {
        let refused = convert_field(field_of(*kind), &none, value);
        assert!(refused.starts_with(&format!("error: `{value}` ")), "{value}: {refused}");
        let key = format!("`longshore.allow={}` allows", switch.name());
        assert!(refused.ends_with(&key), "{value}: {refused}");
        let allowed = convert_field(field_of(*kind), &allowing(&[*switch]), value);
        assert_eq!(allowed, *becomes, "{value}");
        let others: Vec<Switch> = Switch::ALL.into_iter().filter(|other| other != switch).collect();
        let others = convert_field(field_of(*kind), &allowing(&others), value);
        assert_eq!(others, refused, "{value}");
    }
}

#[test]
fn a_refusal_shows_the_value_and_what_would_have_become_of_it() {
    let none = settings(|_| {});
    let one_of_each = |switch| DANGERS.iter().find(move |danger| danger.switch == switch);
    let lines: Vec<String> = Switch::ALL
        .into_iter()
        .filter_map(one_of_each)
        .map(|danger| convert_field(field_of(danger.kind), &none, danger.value))
        .collect();
    let lines = lines.join("\n").replace("; Data", ";\n    Data");
    insta::assert_snapshot!(lines, @"
    error: `3/9/24` has no year of four digits;
        Data Loader makes `0024-03-09` of it, which `longshore.allow=short-years` allows
    error: `2024` is a bare number;
        Data Loader makes `2024-01-01` of it, which `longshore.allow=bare-numbers` allows
    error: `2024-03-09T10:11:12.3` has no fraction of three digits;
        Data Loader makes 3 milliseconds of it, which `longshore.allow=short-fractions` allows
    error: `2024-10-27 02:30` is a time that the clocks of Europe/Berlin show twice;
        Data Loader makes `2024-10-27T01:30:00.000Z` of it, which `longshore.allow=repeated-hours` allows
    error: `2024-03-09 10:11 CST` names its zone `CST`, which may be another;
        Data Loader makes `2024-03-09T16:11:00.000Z` of it, which `longshore.allow=zone-names` allows
    error: `2024-03-09T23:11:12Z` is another day in Europe/Berlin;
        Data Loader makes `2024-03-10` of it, which `longshore.allow=date-shifts` allows
    error: `12abc` goes on behind the number;
        Data Loader makes `12` of it, which `longshore.allow=int-prefix` allows
    error: `3.7` is no whole number;
        Data Loader makes `3` of it, which `longshore.allow=int-fraction` allows
    error: `3,7` has a comma that is not between thousands;
        Data Loader makes `37` of it, which `longshore.allow=int-groups` allows
    error: `99999999999` does not fit a whole number of 32 bits;
        Data Loader makes `1215752191` of it, which `longshore.allow=int-overflow` allows
    error: `1d` is no number but to Java;
        Data Loader makes `1.0` of it, which `longshore.allow=java-doubles` allows
    error: `#N/A` is a text to Data Loader and clears the field in Bulk API 2.0, which `longshore.allow=na-clears` allows
    ");
}

#[test]
fn european_dates() {
    let european = settings(|given| given.european_dates = true);
    let fallback = settings(|given| {
        given.european_dates = true;
        given.allow.insert(Switch::UsDates);
    });
    let convert = |settings, value| convert(FieldKind::Date, settings, value);
    assert_eq!(convert(&european, "3/9/2024 10:11"), "2024-09-03");
    assert_eq!(convert(&european, "13/12/2024"), "2024-12-13");
    insta::assert_snapshot!(convert(&european, "12/13/2024"), @"error: `12/13/2024` has no month of that number, with the day first; Data Loader makes `2024-12-13` of it, which `longshore.allow=us-dates` allows");
    assert_eq!(convert(&fallback, "12/13/2024"), "2024-12-13");
    for value in ["12/13/2024 10:11", "12/13/24", "13/13/2024"] {
        assert!(convert(&fallback, value).starts_with("error: "), "{value}");
    }
}

#[test]
fn a_time_that_the_clocks_skip_is_an_error_whatever_is_allowed() {
    let all = allowing(&Switch::ALL);
    let made = convert(FieldKind::DateTime, &all, "2024-03-31 02:30");
    assert_eq!(made, "error: `2024-03-31 02:30` is a time that the clocks of Europe/Berlin skip");
}

#[test]
fn whole_numbers() {
    let none = settings(|_| {});
    for (value, wanted) in [
        ("25,000", "25000"),
        ("1,234,567", "1234567"),
        ("5", "5"),
        ("-5", "-5"),
        ("-0", "0"),
        ("007", "7"),
        ("5 ", "5"),
        ("5.", "5"),
        ("5.0", "5"),
        ("1E3", "1000"),
        ("1.5E1", "15"),
        ("2147483647", "2147483647"),
        ("-2147483648", "-2147483648"),
        ("", ""),
    ] {
        assert_eq!(convert(FieldKind::Int, &none, value), wanted, "{value}");
    }
    let all = allowing(&Switch::ALL);
    for value in [" 5", "+5", "abc", "-", ",", ".", "#N/A", "1E999"] {
        let made = convert(FieldKind::Int, &all, value);
        assert!(made.starts_with("error: "), "{value}: {made}");
    }
}

#[test]
fn other_numbers() {
    let none = settings(|_| {});
    for kind in [FieldKind::Double, FieldKind::Currency, FieldKind::Percent] {
        for value in ["1,5", "12.30", "1d", "12345678901234567891"] {
            assert_eq!(convert(kind, &none, value), value, "sent as typed");
        }
    }
    let key = |settings, value| convert_field(field_of(FieldKind::Double), settings, value);
    for (value, wanted) in [
        ("12345678", "12345678"),
        (" 1.50 ", "1.50"),
        ("1e5", "1e5"),
        ("+5", "+5"),
        (".5", ".5"),
        ("1.2345678901234567", "1.2345678901234567"),
        ("100000000000000000000", "100000000000000000000"),
    ] {
        assert_eq!(key(&none, value), wanted, "{value}");
    }
    let all = allowing(&Switch::ALL);
    for value in ["1,5", "--1", "1e", "inf", "nan", "0x", "0x1", "1_000", "abc", "#N/A"] {
        assert!(key(&all, value).starts_with("error: "), "{value}");
    }
}

#[test]
fn doubles_as_java_prints_them() {
    for (number, text) in [
        (1.0, "1.0"),
        (12_345_678.0, "1.2345678E7"),
        (9_999_999.0, "9999999.0"),
        (10_000_000.0, "1.0E7"),
        (0.001, "0.001"),
        (0.000_1, "1.0E-4"),
        (-1.5e20, "-1.5E20"),
        (0.0, "0.0"),
        (f64::NEG_INFINITY, "-Infinity"),
    ] {
        assert_eq!(number::java(number), text);
    }
}

#[test]
fn booleans() {
    let none = settings(|_| {});
    for value in ["yes", "Y", "TRUE", "on", "1", " true "] {
        assert_eq!(convert(FieldKind::Boolean, &none, value), "true", "{value}");
    }
    for value in ["no", "N", "False", "off", "0"] {
        assert_eq!(convert(FieldKind::Boolean, &none, value), "false", "{value}");
    }
    for value in ["maybe", "2", " ", "ja", "#N/A"] {
        assert!(convert(FieldKind::Boolean, &none, value).starts_with("error: "), "{value}");
    }
    insta::assert_snapshot!(convert(FieldKind::Boolean, &none, "ja"), @"error: `ja` is neither yes (`yes`, `y`, `true`, `on`, `1`) nor no (`no`, `n`, `false`, `off`, `0`)");
}

#[test]
fn the_mark_that_clears_a_field() {
    let bulk = settings(|given| given.bulk = true);
    let soap = allowing(&Switch::ALL);
    for (kind, in_bulk) in [
        (FieldKind::String, true),
        (FieldKind::Reference, true),
        (FieldKind::Date, true),
        (FieldKind::DateTime, true),
        (FieldKind::Currency, true),
        (FieldKind::Int, false),
        (FieldKind::Boolean, false),
    ] {
        assert_eq!(convert(kind, &bulk, "#N/A") == "#N/A", in_bulk, "{kind:?}");
        let is_text = matches!(kind, FieldKind::String | FieldKind::Reference);
        assert_eq!(convert(kind, &soap, "#N/A") == "#N/A", is_text, "{kind:?}");
    }
    let key = convert_field(field_of(FieldKind::Double), &bulk, "#N/A");
    assert_eq!(key, "error: `#N/A` is no number");
    assert_eq!(convert(FieldKind::String, &soap, "#n/a"), "#n/a");
}

#[test]
fn texts() {
    let none = settings(|_| {});
    let text = |value| convert(FieldKind::String, &none, value);
    assert_eq!(text("a\u{1}b\u{FFFF}c\td\ne"), "abc\td\ne", "what XML cannot hold is dropped");
    assert_eq!(text("\u{1F600} kept"), "\u{1F600} kept", "Data Loader drops it");
    assert_eq!(text("  as it is "), "  as it is ");
    let key = FieldSchema { id_lookup: true, ..field(FieldKind::Email) };
    assert_eq!(convert_field(key.clone(), &none, "\u{A0} a@b.c\u{3000}"), "a@b.c");
    let kept = settings(|given| given.trim_keys = false);
    assert_eq!(convert_field(key, &kept, " a@b.c "), " a@b.c ");
}

#[test]
fn phones() {
    let phones = settings(|given| given.format_phones = true);
    for (value, wanted) in [
        ("4155551212", "(415) 555-1212"),
        ("14155551212", "(415) 555-1212"),
        ("24155551212", "24155551212"),
        ("415-555-1212", "415-555-1212"),
        ("415555121é", "415555121é"),
        ("415555121", "415555121"),
    ] {
        assert_eq!(convert(FieldKind::Phone, &phones, value), wanted);
        assert_eq!(convert(FieldKind::String, &phones, value), value);
        assert_eq!(convert(FieldKind::Phone, &settings(|_| {}), value), value);
    }
}

#[test]
fn texts_that_are_too_long() {
    let short = |kind| FieldSchema { length: 3, ..field(kind) };
    let none = settings(|_| {});
    let allowed = allowing(&[Switch::Truncate]);
    insta::assert_snapshot!(convert_field(short(FieldKind::String), &none, "äöüß"), @"error: `äöüß` is longer than the 3 characters of the field; Data Loader makes its first 3 characters of it, which `longshore.allow=truncate` allows");
    assert_eq!(convert_field(short(FieldKind::String), &allowed, "äöüß"), "äöü");
    assert_eq!(convert_field(short(FieldKind::String), &none, "äöü"), "äöü");
    let key = FieldSchema { external_id: true, ..short(FieldKind::String) };
    assert_eq!(convert_field(key, &allowed, "four"), "four", "the org refuses it");
    assert_eq!(convert_field(short(FieldKind::Url), &allowed, "four"), "four");
    let off = settings(|given| given.truncate = false);
    assert_eq!(convert_field(short(FieldKind::String), &off, "four"), "four");
}

#[test]
fn rich_text() {
    let html = || FieldSchema { html: true, ..field(FieldKind::Textarea) };
    let none = settings(|_| {});
    for (value, wanted) in [
        ("one\r\ntwo\nthree", "one<br/>two<br/>three"),
        ("<p>one</p>\n<p>two</p>", "<p>one</p> <p>two</p>"),
        ("    a  ", "&nbsp;&nbsp;&nbsp;&nbsp;a&nbsp;&nbsp;"),
        ("a b", "a b"),
        ("a &nbsp;b", "a&nbsp;&nbsp;b"),
        ("<b class=\"x  y\">a  b</b>", "<b class=\"x  y\">a&nbsp;&nbsp;b</b>"),
        ("<b title='>'>x</b>", "<b title='>'>x</b>"),
        ("1 < 2 & 3 > 2", "1 &lt; 2 &amp; 3 &gt; 2"),
        ("say \"hi\"", "say &quot;hi&quot;"),
        ("&lt;b&gt; &amp; &#38; &#x26;", "&lt;b&gt; &amp; &#38; &#x26;"),
        ("&; &#; &#x; &é;", "&amp;; &amp;#; &amp;#x; &amp;é;"),
        ("<0 or", "&lt;0 or"),
        ("< /div>", "&lt; /div&gt;"),
        ("<div ", "&lt;div "),
        ("<span style=\"x>y</span", "&lt;span style=&quot;x&gt;y&lt;/span"),
        ("é", "é"),
        ("<br/>", "<br/>"),
    ] {
        assert_eq!(convert_field(html(), &none, value), wanted, "{value}");
    }
    let off = settings(|given| given.keep_rich_text_space = false);
    assert_eq!(convert_field(html(), &off, "a\n  <b"), "a\n  <b");
}

#[test]
fn insert_nulls_clears_without_a_bulk_api_only() {
    for (insert_nulls, bulk, clears) in
        [(true, false, true), (true, true, false), (false, false, false)]
    {
        let settings = settings(|given| {
            given.insert_nulls = insert_nulls;
            given.bulk = bulk;
        });
        assert_eq!(settings.clears(), clears);
    }
}

#[test]
fn a_zone_must_be_known() {
    let given = Conversions { zone: "Mars/Olympus".to_owned(), ..Conversions::default() };
    assert_eq!(Settings::new(&given).unwrap_err().name, "Mars/Olympus");
}

/// Writes a moment in a form, as the clocks of its zone show it.
type Write = fn(&jiff::Zoned) -> String;

/// The forms that hold a whole moment, and what of it they leave out: nothing, milliseconds,
/// seconds, minutes.
const FORMS: [(Write, i64); 16] = [
    (|z| z.strftime("%Y%m%d %H%M%S").to_string(), 1000),
    (|z| z.strftime("%Y%m%dT%H%M").to_string(), 60_000),
    (|z| z.strftime("%Y%m%d %H:%M:%S.%3f").to_string(), 1),
    (|z| z.strftime("%Y%m%dT%H:%M:%S").to_string(), 1000),
    (|z| z.strftime("%Y-%m-%dT%H:%M:%S.%3f").to_string(), 1),
    (|z| z.strftime("%Y-%m-%d %H:%M:%S").to_string(), 1000),
    (|z| z.strftime("%Y-%m-%d %H:%M").to_string(), 60_000),
    (|z| z.strftime("%m/%d/%Y %H:%M:%S.%3f").to_string(), 1),
    (|z| z.strftime("%-m/%-d/%YT%-H:%-M:%-S").to_string(), 1000),
    (|z| z.strftime("%Y-%m-%dT%H:%M:%S.%3f%z").to_string(), 1),
    (|z| z.strftime("%Y-%m-%dT%H:%M:%S.%3f %:z").to_string(), 1),
    (|z| z.strftime("%Y-%m-%dT%H:%M:%S.%3fZ%z").to_string(), 1),
    (|z| z.strftime("%m/%d/%Y %H:%M:%S GMT%:z").to_string(), 1000),
    (|z| z.with_time_zone(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string(), 1),
    (|z| z.with_time_zone(TimeZone::UTC).strftime("%Y%m%d %H%M%S GMT").to_string(), 1000),
    (|z| z.strftime("%b %-d, %Y, %-I:%M:%S %p").to_string(), 1000),
];

proptest! {
    /// Whatever form a moment is written in, it is read back as the same moment.
    #[test]
    fn a_moment_comes_back_from_every_form(
        // 1900 to 2100: before, offsets had seconds, which no form can hold.
        seconds in -2_208_988_800_i64..4_102_444_800,
        milliseconds in 0_i64..1000,
        zone in prop::sample::select(vec!["Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata", "GMT-03:30"]),
    ) {
        let settings = settings(|given| {
            given.zone = zone.to_owned();
            given.allow.insert(Switch::RepeatedHours);
        });
        let moment = jiff::Timestamp::from_millisecond(seconds * 1000 + milliseconds).unwrap();
        let there = moment.to_zoned(settings.zone.clone());
        let whole_minutes = there.offset().seconds() % 60 == 0;
        // The first of two times that look alike is read as the second.
        let is_second = settings.zone.to_ambiguous_timestamp(there.datetime()).later().unwrap() == moment;
        prop_assume!(whole_minutes && is_second);
        for (write, rounded) in FORMS {
            let text = write(&there);
            let wanted = moment.as_millisecond().div_euclid(rounded) * rounded;
            let wanted = moment::wire(jiff::Timestamp::from_millisecond(wanted).unwrap());
            prop_assert_eq!(convert(FieldKind::DateTime, &settings, &text), wanted, "{}", text);
            // A date alone is the day that the clocks there show.
            let day = convert(FieldKind::Date, &settings, &there.strftime("%m/%d/%Y").to_string());
            prop_assert_eq!(day, there.date().to_string());
        }
    }

    /// No text breaks a conversion, whatever is allowed.
    #[test]
    fn any_text_converts_or_not(value in "\\PC{0,20}|[-0-9./: TZ+eExdp,]{0,24}") {
        let all = allowing(&Switch::ALL);
        for kind in [FieldKind::Date, FieldKind::DateTime, FieldKind::Int, FieldKind::Boolean] {
            let _made = convert(kind, &all, &value);
        }
        let _made = convert_field(field_of(FieldKind::Double), &all, &value);
        let html = FieldSchema { html: true, ..field(FieldKind::Textarea) };
        let _made = convert_field(html, &all, &value);
    }

    /// An int that is allowed always fits.
    #[test]
    fn an_int_is_an_int(value in "-?[0-9,]{1,30}(\\.[0-9]{0,5})?(E-?[0-9]{1,2})?[a-z]{0,2}") {
        let made = convert(FieldKind::Int, &allowing(&Switch::ALL), &value);
        prop_assert!(made.starts_with("error: ") || made.parse::<i32>().is_ok(), "{}", made);
    }
}
