//! One value of one record.

use std::borrow::Cow;

use crate::practice::ids;
use crate::practice::objects::{Catalog, Object};
use crate::practice::org::Value;

/// Which record: its object and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Rid(u64);

impl Rid {
    pub fn new(object: &Object, number: u32) -> Self {
        // One more than the index, so that no record is 0.
        let object_bits = (u64::from(object.index) + 1) << 32;
        Self(u64::from(object.catalog().number()) << 48 | object_bits | u64::from(number))
    }

    pub fn object(self) -> &'static Object {
        let index = usize::try_from(self.0 >> 32 & 0xFFFF).unwrap_or(1).saturating_sub(1);
        &catalog_of(self.0).all()[index]
    }

    pub fn number(self) -> u32 {
        u32::try_from(self.0 & 0xFFFF_FFFF).unwrap_or(u32::MAX)
    }

    /// As 18 characters.
    pub fn spell(self) -> String {
        ids::spell(self.object().prefix(), self.number())
    }

    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// `None` for 0 and for objects that are not there.
    pub fn from_bits(bits: u64) -> Option<Self> {
        let index = usize::try_from(bits >> 32 & 0xFFFF).ok()?.checked_sub(1)?;
        (index < catalog_of(bits).all().len()).then_some(Self(bits))
    }

    /// The record that a well-formed id of an org with these objects names, whether it exists or
    /// not.
    pub fn parse(catalog: &Catalog, text: &str) -> Option<Self> {
        match ids::parse(text) {
            ids::Parsed::Id(prefix, Some(number)) => {
                catalog.of_prefix(&prefix).map(|object| Self::new(object, number))
            }
            _ => None,
        }
    }
}

fn catalog_of(bits: u64) -> &'static Catalog {
    Catalog::of_number(u16::try_from(bits >> 48).unwrap_or_default())
}

/// A stored value, borrowed from its column or owned.
#[derive(Debug, Clone, PartialEq)]
pub enum Slot<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Cow<'a, str>),
    /// Days since 1970-01-01.
    Date(i32),
    /// Milliseconds since the epoch.
    DateTime(i64),
    Ref(Rid),
}

impl Slot<'_> {
    pub fn into_owned(self) -> Slot<'static> {
        match self {
            Self::Null => Slot::Null,
            Self::Bool(value) => Slot::Bool(value),
            Self::Int(value) => Slot::Int(value),
            Self::Double(value) => Slot::Double(value),
            Self::Text(text) => Slot::Text(Cow::Owned(text.into_owned())),
            Self::Date(days) => Slot::Date(days),
            Self::DateTime(ms) => Slot::DateTime(ms),
            Self::Ref(rid) => Slot::Ref(rid),
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Double(value) => Value::Double(*value),
            Self::Text(text) => Value::Text(text.to_string()),
            Self::Date(days) => Value::Date(spell_date(*days)),
            Self::DateTime(ms) => Value::DateTime(*ms),
            Self::Ref(rid) => Value::Text(rid.spell()),
        }
    }
}

impl From<&str> for Slot<'static> {
    fn from(text: &str) -> Self {
        Self::Text(Cow::Owned(text.to_owned()))
    }
}

impl From<String> for Slot<'static> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

/// `yyyy-MM-dd`.
pub fn spell_date(days: i32) -> String {
    let epoch = jiff::civil::date(1970, 1, 1);
    let day = epoch.checked_add(jiff::Span::new().days(days));
    day.unwrap_or(epoch).to_string()
}

/// Reads `yyyy-MM-dd`, four digits of year.
pub fn read_date(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    let shaped = bytes.len() == 10 && bytes[4] == b'-' && bytes[7] == b'-';
    let number = |range: std::ops::Range<usize>| {
        let part = text.get(range)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<i16>().ok())?
    };
    if !shaped {
        return None;
    }
    let month = i8::try_from(number(5..7)?).ok()?;
    let day = i8::try_from(number(8..10)?).ok()?;
    let date = jiff::civil::Date::new(number(0..4)?, month, day).ok()?;
    let span = date.since(jiff::civil::date(1970, 1, 1)).ok()?;
    Some(span.get_days())
}

/// Reads `yyyy-MM-ddTHH:mm:ss[.SSS](Z|+HH:mm|+HHmm)` into milliseconds since the epoch.
pub fn read_datetime(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let days = i64::from(read_date(text.get(..10)?)?);
    if bytes.get(10) != Some(&b'T') || bytes.len() < 20 {
        return None;
    }
    let two = |at: usize| {
        let part = text.get(at..at + 2)?;
        part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<i64>().ok())?
    };
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    let shaped = bytes[13] == b':' && bytes[16] == b':';
    if !shaped || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut rest = text.get(19..)?;
    let mut milli = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=9).contains(&digits) {
            return None;
        }
        let padded = format!("{:0<3}", &fraction[..digits]);
        milli = padded[..3].parse().ok()?;
        rest = &fraction[digits..];
    }
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - read_offset(rest)?;
    Some(seconds * 1_000 + milli)
}

/// Seconds east of Greenwich.
fn read_offset(text: &str) -> Option<i64> {
    if text == "Z" {
        return Some(0);
    }
    let sign = match text.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = match text.len() {
        5 => text[1..].to_owned(),
        6 if text.as_bytes()[3] == b':' => format!("{}{}", &text[1..3], &text[4..]),
        _ => return None,
    };
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i64 = digits.parse().ok()?;
    let (hours, minutes) = (number / 100, number % 100);
    (hours <= 14 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// `yyyy-MM-ddTHH:mm:ss.SSSZ`.
pub fn spell_datetime(ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        for (text, days) in
            [("1970-01-01", Some(0)), ("2024-02-29", Some(19_782)), ("1969-12-31", Some(-1))]
        {
            assert_eq!(read_date(text), days, "{text}");
            assert_eq!(days.map(spell_date).as_deref(), Some(text));
        }
        for bad in ["2023-02-29", "11/22/2026", "2026-1-02", "2026-13-01", "", "2026-+1-01"] {
            assert_eq!(read_date(bad), None, "{bad}");
        }
    }

    #[test]
    fn datetimes() {
        let noon = 1_795_348_800_000;
        for (text, ms) in [
            ("2026-11-22T12:00:00Z", Some(noon)),
            ("2026-11-22T12:00:00.000Z", Some(noon)),
            ("2026-11-22T12:00:00.25Z", Some(noon + 250)),
            ("2026-11-22T13:30:00.000+01:30", Some(noon)),
            ("2026-11-22T07:00:00-0500", Some(noon)),
            ("2026-11-22 12:00:00Z", None),
            ("2026-11-22T12:00:00", None),
            ("2026-11-22T25:00:00Z", None),
            ("2026-11-22", None),
        ] {
            assert_eq!(read_datetime(text), ms, "{text}");
        }
        assert_eq!(spell_datetime(noon + 7), "2026-11-22T12:00:00.007Z");
    }

    proptest::proptest! {
        #[test]
        fn what_is_spelled_is_read_back(ms in -62_135_596_800_000_i64..253_402_300_800_000) {
            proptest::prop_assert_eq!(read_datetime(&spell_datetime(ms)), Some(ms));
            let days = i32::try_from(ms.div_euclid(86_400_000)).unwrap();
            proptest::prop_assert_eq!(read_date(&spell_date(days)), Some(days));
        }

        #[test]
        fn no_text_breaks_the_readers(text in "[-0-9T:.Z+é ]{0,30}") {
            let _ = (read_date(&text), read_datetime(&text));
        }
    }

    #[test]
    fn a_record_is_its_id() {
        let catalog = Catalog::built_in();
        let user = catalog.find("User").unwrap();
        let rid = Rid::new(user, 41);
        assert_eq!(Rid::parse(catalog, &rid.spell()), Some(rid));
        assert_eq!(Rid::from_bits(rid.to_bits()), Some(rid));
        assert_eq!(Rid::from_bits(0), None);
        assert_eq!((rid.object().name(), rid.number()), ("User", 41));
    }
}
