//! From the text of a cell to a value of its field's type.

use serde_json::Value as Json;

use super::fault::fault;
use crate::practice::ids;
use crate::practice::objects::{Field, Kind};
use crate::practice::org::{Cell, RowError};
use crate::practice::store::{Life, Rid, Slot, Store, read_date, read_datetime};

/// Reads a cell; `None` when it says nothing about the field. `column` counts from 0.
pub(super) fn read(
    store: &Store,
    field: &Field,
    cell: &Cell,
    column: usize,
) -> Result<Option<Slot<'static>>, RowError> {
    let value = match cell {
        Cell::Absent => return Ok(None),
        Cell::Clear | Cell::Json(Json::Null) => return Ok(Some(Slot::Null)),
        Cell::Text(text) if text.is_empty() => return Ok(None),
        Cell::Json(Json::String(text)) if text.is_empty() => return Ok(Some(Slot::Null)),
        Cell::Text(text) => {
            of_text(field, text).ok_or_else(|| undeserializable(field, text, column))?
        }
        Cell::Json(json) => of_json(field, json).ok_or_else(|| unparsable(field, json))?,
    };
    check(store, field, &value).map(Some)
}

/// A value that an org has already, whatever its length and its place in a picklist; `None` where
/// it is not of the field's type. References are not read.
pub fn of_type(field: &Field, text: &str) -> Option<Slot<'static>> {
    match of_text(field, text)? {
        Raw::Slot(slot) => Some(slot),
        Raw::Text(text) => Some(Slot::from(text)),
        Raw::Owned(text) => Some(Slot::from(text)),
    }
}

/// A value of the right type that is not yet known to fit.
enum Raw<'a> {
    Slot(Slot<'static>),
    Text(&'a str),
    Owned(String),
}

fn of_text<'a>(field: &Field, text: &'a str) -> Option<Raw<'a>> {
    Some(Raw::Slot(match field.kind {
        Kind::Boolean => Slot::Bool(read_boolean(text)?),
        Kind::Int => Slot::Int(read_int(text)?),
        kind if kind.is_decimal() => Slot::Double(read_decimal(text)?),
        Kind::Date => Slot::Date(read_date(text)?),
        // A date alone stands for its midnight in UTC.
        Kind::DateTime => Slot::DateTime(
            read_datetime(text)
                .or_else(|| read_date(text).map(|days| i64::from(days) * 86_400_000))?,
        ),
        Kind::Time => Slot::from(is_time(text).then_some(text)?),
        Kind::Compound => return None,
        _ => return Some(Raw::Text(text)),
    }))
}

fn of_json<'a>(field: &Field, json: &'a Json) -> Option<Raw<'a>> {
    Some(match (field.kind, json) {
        (_, Json::String(text)) => return of_text(field, text),
        (Kind::Boolean, Json::Bool(value)) => Raw::Slot(Slot::Bool(*value)),
        (Kind::Int, Json::Number(number)) => Raw::Slot(Slot::Int(number.as_i64()?)),
        (kind, Json::Number(number)) if kind.is_decimal() => {
            Raw::Slot(Slot::Double(number.as_f64()?))
        }
        (kind, Json::Number(_) | Json::Bool(_)) if kind.is_text() => Raw::Owned(json.to_string()),
        _ => return None,
    })
}

/// `HH:mm:ss`, with or without a fraction and a `Z`.
fn is_time(text: &str) -> bool {
    read_datetime(&format!("1970-01-01T{}Z", text.trim_end_matches('Z'))).is_some()
}

/// `true`, `false`, `1` or `0`, as XML Schema has it.
fn read_boolean(text: &str) -> Option<bool> {
    match text {
        "1" => Some(true),
        "0" => Some(false),
        _ if text.eq_ignore_ascii_case("true") => Some(true),
        _ if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn read_int(text: &str) -> Option<i64> {
    let value: i32 = text.parse().ok()?;
    Some(i64::from(value))
}

/// A decimal, plain or with an exponent; no separators, no names such as `NaN`.
pub fn read_decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let value: f64 = text.parse().ok().filter(|_| plain)?;
    value.is_finite().then_some(value)
}

fn undeserializable(field: &Field, text: &str, column: usize) -> RowError {
    let kind = field.kind.soap_type();
    let message = format!(
        "Failed to deserialize field at col {column}. Due to, '{text}' is not a valid value for \
         the type {kind}"
    );
    fault("INVALID_FIELD", message, &[field.name])
}

fn unparsable(field: &Field, json: &Json) -> RowError {
    let token = match json {
        Json::String(_) => "VALUE_STRING",
        Json::Number(number) if number.is_f64() => "VALUE_NUMBER_FLOAT",
        Json::Number(_) => "VALUE_NUMBER_INT",
        Json::Bool(true) => "VALUE_TRUE",
        Json::Bool(false) => "VALUE_FALSE",
        Json::Array(_) => "START_ARRAY",
        _ => "START_OBJECT",
    };
    let kind = field.kind.soap_type().split(':').nth(1).unwrap_or_default();
    let text = json.as_str().map_or_else(|| json.to_string(), str::to_owned);
    let message = format!(
        "Cannot deserialize instance of {kind} from {token} value {text} or request may be \
         missing a required field"
    );
    fault("JSON_PARSER_ERROR", message, &[])
}

fn check(store: &Store, field: &Field, raw: &Raw<'_>) -> Result<Slot<'static>, RowError> {
    let text = match raw {
        Raw::Slot(slot) => return fits(field, slot.clone()),
        Raw::Text(text) => *text,
        Raw::Owned(text) => text,
    };
    match field.kind {
        Kind::Reference | Kind::Id => refers(store, field, text).map(Slot::Ref),
        _ => spelled(field, text),
    }
}

fn fits(field: &Field, slot: Slot<'static>) -> Result<Slot<'static>, RowError> {
    let out_of_range = |shown: String| {
        let message =
            format!("{}: value outside of valid range on numeric field: {shown}", field.label);
        fault("NUMBER_OUTSIDE_VALID_RANGE", message, &[field.name])
    };
    match slot {
        Slot::Int(value)
            if field.digits > 0 && value.unsigned_abs() >= 10_u64.pow(field.digits) =>
        {
            Err(out_of_range(value.to_string()))
        }
        Slot::Double(value) if value.abs() >= power_of_ten(field.precision - field.scale) => {
            Err(out_of_range(value.to_string()))
        }
        Slot::Double(value) => Ok(Slot::Double(cut(value, field.scale))),
        other => Ok(other),
    }
}

fn power_of_ten(exponent: u32) -> f64 {
    10_f64.powi(i32::try_from(exponent).unwrap_or(i32::MAX))
}

/// Cuts the digits after the first `scale` ones, without rounding up.
fn cut(value: f64, scale: u32) -> f64 {
    // By text, for 0.29 * 100 is less than 29.
    let text = value.to_string();
    match text.split_once('.') {
        Some((whole, tail)) if tail.len() > scale as usize => {
            format!("{whole}.{}", &tail[..scale as usize]).parse().unwrap_or(value)
        }
        _ => value,
    }
}

fn spelled(field: &Field, text: &str) -> Result<Slot<'static>, RowError> {
    let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    if length > field.length {
        let (label, most) = (field.label, field.length);
        let message = format!("{label}: data value too large: {text} (max length={most})");
        return Err(fault("STRING_TOO_LONG", message, &[field.name]));
    }
    let listed = |text: &str| field.picklist.iter().any(|value| value.eq_ignore_ascii_case(text));
    let all_listed = || match field.kind {
        Kind::MultiPicklist => text.split(';').all(|part| listed(part.trim())),
        _ => listed(text),
    };
    if field.restricted && !all_listed() {
        let message = format!("bad value for restricted picklist field: {text}");
        return Err(fault("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, &[field.name]));
    }
    if field.kind == Kind::Email && !is_email(text) {
        let message = format!("{}: invalid email address: {text}", field.label);
        return Err(fault("INVALID_EMAIL_ADDRESS", message, &[field.name]));
    }
    Ok(Slot::from(text))
}

fn is_email(text: &str) -> bool {
    let Some((name, host)) = text.split_once('@') else { return false };
    let odd = |c: char| c.is_whitespace() || matches!(c, '@' | ',' | ';' | '<' | '>' | '"');
    !name.is_empty()
        && !host.is_empty()
        && !text.contains(odd_but_at(odd))
        && !host.contains('@')
        && host.contains('.')
        && !host.starts_with('.')
        && !host.ends_with('.')
}

fn odd_but_at(odd: impl Fn(char) -> bool) -> impl FnMut(char) -> bool {
    move |c| c != '@' && odd(c)
}

/// The live record that a reference may point to.
pub(super) fn refers(store: &Store, field: &Field, text: &str) -> Result<Rid, RowError> {
    let wrong = |code: &str| {
        let message = format!("{}: id value of incorrect type: {text}", field.label);
        Err(fault(code, message, &[field.name]))
    };
    let (prefix, number) = match ids::parse(text) {
        ids::Parsed::Malformed => return wrong("MALFORMED_ID"),
        ids::Parsed::Id(prefix, number) => (prefix, number),
    };
    let Some(object) = store.catalog().of_prefix(&prefix) else {
        return wrong("FIELD_INTEGRITY_EXCEPTION");
    };
    if field.kind == Kind::Reference && !field.refers_to.contains(&object.name()) {
        return wrong("FIELD_INTEGRITY_EXCEPTION");
    }
    let table = store.table(object);
    match number.filter(|number| *number < table.len()) {
        None => Err(super::fault::no_record()),
        Some(number) if table.life(number) == Life::Live => Ok(Rid::new(object, number)),
        Some(_) => Err(super::fault::deleted()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::practice::objects::{Catalog, find};

    fn read_in(object: &str, name: &str, cell: &Cell) -> Result<Option<Slot<'static>>, String> {
        let object = find(object).unwrap();
        let field = &object.fields[object.position(name).unwrap()];
        read(&Store::empty(Catalog::built_in()), field, cell, 3)
            .map_err(|error| format!("{}:{}:{}", error.code, error.message, error.fields.join(",")))
    }

    fn text(object: &str, name: &str, text: &str) -> Result<Option<Slot<'static>>, String> {
        read_in(object, name, &Cell::Text(text.to_owned()))
    }

    #[test]
    fn values_that_fit() {
        for (object, name, cell, slot) in [
            ("Account", "Name", " Acme ", Slot::from(" Acme ")),
            ("Account", "NumberOfEmployees", "-12", Slot::Int(-12)),
            ("Account", "AnnualRevenue", "912260031", Slot::Double(912_260_031.0)),
            ("Account", "AnnualRevenue", "9.1226E8", Slot::Double(912_260_000.0)),
            ("Account", "AnnualRevenue", "7.99", Slot::Double(7.0)),
            ("Shipment__c", "Weight_Kg__c", "0.2999", Slot::Double(0.299)),
            ("Shipment__c", "Declared_Value__c", "-0.299", Slot::Double(-0.29)),
            ("Shipment__c", "Is_Fragile__c", "1", Slot::Bool(true)),
            ("Shipment__c", "Is_Fragile__c", "False", Slot::Bool(false)),
            ("Shipment__c", "Ship_Date__c", "1970-01-02", Slot::Date(1)),
            ("Shipment__c", "Delivered_At__c", "1970-01-01T00:00:01Z", Slot::DateTime(1_000)),
            ("Shipment__c", "Status__c", "At Sea", Slot::from("At Sea")),
            ("Account", "Industry", "Beekeeping", Slot::from("Beekeeping")),
        ] {
            assert_eq!(text(object, name, cell), Ok(Some(slot)), "{object}.{name} {cell}");
        }
    }

    #[test]
    fn values_that_do_not() {
        let long = "x".repeat(41);
        for (object, name, cell, error) in [
            (
                "Opportunity",
                "CloseDate",
                "not-a-date",
                "INVALID_FIELD:Failed to deserialize field at col 3. Due to, 'not-a-date' is not a \
              valid value for the type xsd:date:CloseDate",
            ),
            (
                "Account",
                "NumberOfEmployees",
                "12.5",
                "INVALID_FIELD:Failed to deserialize field at col 3. Due to, '12.5' is not a valid \
              value for the type xsd:int:NumberOfEmployees",
            ),
            (
                "Account",
                "AnnualRevenue",
                "1,000",
                "INVALID_FIELD:Failed to deserialize field at col 3. Due to, '1,000' is not a \
                 valid \
              value for the type xsd:double:AnnualRevenue",
            ),
            (
                "Shipment__c",
                "Is_Fragile__c",
                "yes",
                "INVALID_FIELD:Failed to deserialize field at col 3. Due to, 'yes' is not a valid \
              value for the type xsd:boolean:Is_Fragile__c",
            ),
            (
                "Account",
                "NumberOfEmployees",
                "123456789",
                "NUMBER_OUTSIDE_VALID_RANGE:Employees: value outside of valid range on numeric \
                 field: \
              123456789:NumberOfEmployees",
            ),
            (
                "Shipment__c",
                "Load_Share__c",
                "1000",
                "NUMBER_OUTSIDE_VALID_RANGE:Load Share: value outside of valid range on numeric \
                 field: \
              1000:Load_Share__c",
            ),
            (
                "Account",
                "Legacy_Id__c",
                &long,
                "STRING_TOO_LONG:Legacy Id: data value too large: \
              xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx (max length=40):Legacy_Id__c",
            ),
            (
                "Shipment__c",
                "Status__c",
                "Sunk",
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:bad value for restricted picklist field: \
              Sunk:Status__c",
            ),
            (
                "Contact",
                "Email",
                "ada at example",
                "INVALID_EMAIL_ADDRESS:Email: invalid email address: ada at example:Email",
            ),
            (
                "Contact",
                "AccountId",
                "nonsense",
                "MALFORMED_ID:Account ID: id value of incorrect type: nonsense:AccountId",
            ),
            (
                "Contact",
                "AccountId",
                "005ak000005hvjJAAQ",
                "FIELD_INTEGRITY_EXCEPTION:Account ID: id value of incorrect type: \
              005ak000005hvjJAAQ:AccountId",
            ),
            (
                "Contact",
                "AccountId",
                "0015500001QdQWaAAN",
                "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:",
            ),
        ] {
            assert_eq!(text(object, name, cell), Err(error.to_owned()), "{object}.{name}");
        }
    }

    #[test]
    fn json_cells() {
        for (name, json, slot) in [
            ("AnnualRevenue", Json::from(12), Some(Slot::Double(12.0))),
            ("Name", Json::from(""), Some(Slot::Null)),
            ("Name", Json::Null, Some(Slot::Null)),
            ("Name", Json::from(12), Some(Slot::from("12"))),
        ] {
            assert_eq!(read_in("Account", name, &Cell::Json(json)), Ok(slot), "{name}");
        }
        let error = read_in("Account", "NumberOfEmployees", &Cell::Json(Json::from("x")));
        assert_eq!(
            error.unwrap_err(),
            "JSON_PARSER_ERROR:Cannot deserialize instance of int from VALUE_STRING value x or \
             request may be missing a required field:"
        );
    }

    #[test]
    fn nothing_sent_says_nothing_and_a_clear_says_null() {
        assert_eq!(text("Account", "Name", ""), Ok(None));
        assert_eq!(read_in("Account", "Name", &Cell::Absent), Ok(None));
        assert_eq!(read_in("Account", "Name", &Cell::Clear), Ok(Some(Slot::Null)));
    }
}
