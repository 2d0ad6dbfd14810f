//! How a cell of an upload comes back in the result files: written anew from its value, by type.

use super::objects::{Field, Kind, Object};
use super::rules::{self, Target};
use super::store::{read_date, read_datetime, spell_date, spell_datetime};
use super::switches::{ClearEcho, Echo, EmptyEcho, LineEndEcho, NumberEcho, Switches};

/// The text that stands in a result for `cell` in `column`; a cell that is not of the column's type
/// comes back as it was sent.
pub fn echo(
    object: Option<&'static Object>,
    column: &str,
    cell: &str,
    switches: &Switches,
) -> String {
    match (cell, switches.echo_empty, switches.echo_clear) {
        ("", EmptyEcho::Blank, _) | ("#N/A", _, ClearEcho::Blank) => return String::new(),
        ("", EmptyEcho::ClearMark, _) | ("#N/A", _, ClearEcho::Verbatim) => {
            return "#N/A".to_owned();
        }
        _ => {}
    }
    let Some(field) = object.and_then(|object| field_of(object, column)) else {
        return cell.to_owned();
    };
    typed(field, cell, switches).unwrap_or_else(|| cell.to_owned())
}

/// The field whose type the values of a column have.
fn field_of(object: &'static Object, column: &str) -> Option<&'static Field> {
    match rules::resolve(object, column).ok()? {
        Target::Field(place) => object.fields.get(place),
        Target::Related { object, key, .. } => object.fields.get(key),
    }
}

fn typed(field: &Field, cell: &str, switches: &Switches) -> Option<String> {
    let canonical = |echo: Echo| echo == Echo::Canonical;
    match field.kind {
        Kind::Double | Kind::Currency | Kind::Percent => number(cell, switches.echo_numbers),
        Kind::Int => {
            let value: i64 = cell.parse().ok()?;
            (switches.echo_numbers != NumberEcho::Verbatim).then(|| value.to_string())
        }
        Kind::Boolean if canonical(switches.echo_booleans) => {
            let yes = cell == "1" || cell.eq_ignore_ascii_case("true");
            let no = cell == "0" || cell.eq_ignore_ascii_case("false");
            (yes || no).then(|| yes.to_string())
        }
        Kind::Date if canonical(switches.echo_dates) => read_date(cell).map(spell_date),
        Kind::DateTime if canonical(switches.echo_dates) => read_datetime(cell).map(spell_datetime),
        kind if kind.is_text() => Some(text(cell, switches)),
        _ => None,
    }
}

fn text(cell: &str, switches: &Switches) -> String {
    let cell = if switches.echo_trims_text { cell.trim() } else { cell };
    match switches.echo_line_ends {
        LineEndEcho::Verbatim => cell.to_owned(),
        LineEndEcho::Lf => cell.replace("\r\n", "\n").replace('\r', "\n"),
    }
}

fn number(cell: &str, style: NumberEcho) -> Option<String> {
    let value = rules::read_decimal(cell)?;
    match style {
        NumberEcho::JavaDouble => Some(java_double(value)),
        NumberEcho::Plain => Some(value.to_string()),
        NumberEcho::Verbatim => None,
    }
}

/// A double as `Double.toString` of Java writes it: the shortest digits that read back the same, at
/// least one after the point, with an exponent below 0.001 and from 10,000,000 on.
pub fn java_double(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        // `Debug` writes the shortest digits, and `.0` behind a whole number.
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::practice::objects::find;

    #[test]
    fn doubles_as_java_writes_them() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-12.5, "-12.5"),
            (0.1, "0.1"),
            (100.0, "100.0"),
            (0.001, "0.001"),
            (0.000_999, "9.99E-4"),
            (9_999_999.0, "9999999.0"),
            (10_000_000.0, "1.0E7"),
            (12_345_678.9, "1.23456789E7"),
            (912_260_031.0, "9.12260031E8"),
            (912_260_000.0, "9.1226E8"),
            (-912_260_031.0, "-9.12260031E8"),
            (1e21, "1.0E21"),
            (1.5e-10, "1.5E-10"),
            (123_456_789_012_345_680.0, "1.2345678901234568E17"),
            (f64::MAX, "1.7976931348623157E308"),
        ] {
            assert_eq!(java_double(value), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn a_double_is_read_back_as_it_was(value in proptest::num::f64::NORMAL) {
            let text = java_double(value);
            proptest::prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
            proptest::prop_assert!(text.contains('.'));
        }
    }

    #[test]
    fn cells_come_back_by_type() {
        for (object, column, cell, expected) in [
            ("Account", "AnnualRevenue", "912260031", "9.12260031E8"),
            ("Account", "annualrevenue", "100", "100.0"),
            ("Account", "AnnualRevenue", "n/a", "n/a"),
            ("Account", "NumberOfEmployees", "2676", "2676"),
            ("Account", "NumberOfEmployees", "+007", "7"),
            ("Account", "Name", "  007 ", "  007 "),
            ("Account", "Name", "#N/A", ""),
            ("Account", "Name", "", ""),
            ("Account", "Parent.Legacy_Id__c", "007", "007"),
            ("Account", "Nope", "1.0", "1.0"),
            ("Shipment__c", "Is_Fragile__c", "1", "true"),
            ("Shipment__c", "Is_Fragile__c", "FALSE", "false"),
            ("Shipment__c", "Ship_Date__c", "2026-11-22", "2026-11-22"),
            ("Shipment__c", "Ship_Date__c", "22.11.2026", "22.11.2026"),
            (
                "Shipment__c",
                "Delivered_At__c",
                "2026-11-22T13:00:00+01:00",
                "2026-11-22T12:00:00.000Z",
            ),
        ] {
            let echoed = echo(find(object), column, cell, &Switches::default());
            assert_eq!(echoed, expected, "{object}.{column} {cell}");
        }
    }

    #[test]
    fn switches_change_the_spelling() {
        let switches = Switches {
            echo_numbers: NumberEcho::Plain,
            echo_booleans: Echo::Verbatim,
            echo_dates: Echo::Verbatim,
            echo_clear: ClearEcho::Verbatim,
            echo_empty: EmptyEcho::ClearMark,
            echo_line_ends: LineEndEcho::Lf,
            echo_trims_text: true,
            ..Switches::default()
        };
        for (column, cell, expected) in [
            ("Weight_Kg__c", "9.12260031E8", "912260031"),
            ("Is_Fragile__c", "TRUE", "TRUE"),
            ("Delivered_At__c", "2026-11-22T13:00:00+01:00", "2026-11-22T13:00:00+01:00"),
            ("Notes__c", " a\r\nb\rc ", "a\nb\nc"),
            ("Notes__c", "#N/A", "#N/A"),
            ("Notes__c", "", "#N/A"),
        ] {
            assert_eq!(echo(find("Shipment__c"), column, cell, &switches), expected, "{column}");
        }
        let verbatim = Switches { echo_numbers: NumberEcho::Verbatim, ..switches };
        assert_eq!(echo(find("Shipment__c"), "Weight_Kg__c", "1e3", &verbatim), "1e3");
    }
}
