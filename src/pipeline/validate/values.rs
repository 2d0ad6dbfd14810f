//! The forms of values, byte by byte: what the far side reads as a number, a date or an address.

use crate::model::sixteen::Sixteen;

/// Years that a date may have. Source: the range of the platform's dates, 1700 to 4000.
const YEARS: std::ops::RangeInclusive<u32> = 1700..=4000;

/// What a decimal text is worth knowing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// Digits before the point, the exponent worked in.
    Whole(u32),
    /// Beyond what a double holds.
    TooLarge,
    No,
}

/// Reads a number: digits with a point, sign and exponent, and nothing else.
pub fn number(value: &[u8]) -> Number {
    let rest = without_sign(value);
    let (mantissa, exponent) = match memchr::memchr2(b'e', b'E', rest) {
        Some(at) => (&rest[..at], exponent(&rest[at + 1..])),
        None => (rest, Some(0)),
    };
    let (whole, fraction) = match memchr::memchr(b'.', mantissa) {
        Some(at) => (&mantissa[..at], &mantissa[at + 1..]),
        None => (mantissa, &mantissa[..0]),
    };
    let Some(exponent) = exponent else {
        return Number::No;
    };
    let empty = whole.is_empty() && fraction.is_empty();
    if empty || !all_digits(whole) || !all_digits(fraction) {
        return Number::No;
    }
    let leading = whole.iter().take_while(|digit| **digit == b'0').count();
    let significant = whole.len() - leading;
    let before_point = if significant > 0 {
        i64::try_from(significant).unwrap_or(i64::MAX)
    } else {
        let zeros = fraction.iter().take_while(|digit| **digit == b'0').count();
        if zeros == fraction.len() {
            return Number::Whole(0);
        }
        -i64::try_from(zeros).unwrap_or(i64::MAX)
    };
    let digits = before_point.saturating_add(exponent).max(0);
    // 1.797…e308 is the largest double: 309 digits.
    if digits > 309 || (digits == 309 && !is_finite(value)) {
        return Number::TooLarge;
    }
    u32::try_from(digits).map_or(Number::TooLarge, Number::Whole)
}

fn is_finite(value: &[u8]) -> bool {
    let parsed = std::str::from_utf8(value).ok().and_then(|text| text.parse::<f64>().ok());
    parsed.is_some_and(f64::is_finite)
}

/// The digits after the `e`; a huge one is cut to a huge one.
fn exponent(text: &[u8]) -> Option<i64> {
    let digits = without_sign(text);
    if digits.is_empty() || !all_digits(digits) {
        return None;
    }
    let cut = 1_000_000_i64;
    let worth = digits.iter().fold(0, |worth: i64, digit| {
        worth.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(cut)
    });
    Some(if text[0] == b'-' { -worth } else { worth })
}

/// Reads a whole number of 32 bits, and how many digits it has.
pub fn whole(value: &[u8]) -> Option<(i32, u32)> {
    let text = std::str::from_utf8(value).ok()?;
    let worth: i32 = text.parse().ok()?;
    Some((worth, worth.unsigned_abs().checked_ilog10().unwrap_or(0) + 1))
}

/// Whether a value is a whole number of any size.
pub fn is_whole(value: &[u8]) -> bool {
    let digits = without_sign(value);
    !digits.is_empty() && all_digits(digits)
}

/// Whether a value is a whole number of so many digits at most: the quick way to most.
#[inline]
pub fn is_simple_whole(value: &[u8], digits: usize) -> bool {
    let value = value.strip_prefix(b"-").unwrap_or(value);
    !value.is_empty() && value.len() <= digits && all_digits(value)
}

/// Whether a value is a number of digits and perhaps a point, so many digits before the point at
/// most: the quick way to most.
#[inline]
pub fn is_simple_number(value: &[u8], digits: usize) -> bool {
    let value = value.strip_prefix(b"-").unwrap_or(value);
    let whole = value.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let has_fraction = match &value[whole..] {
        [] => true,
        [b'.', fraction @ ..] => all_digits(fraction),
        _ => false,
    };
    (1..=digits).contains(&whole) && has_fraction
}

/// Whether a value is true or false as the far side reads it.
#[inline]
pub fn is_boolean(value: &[u8]) -> bool {
    matches!(value, b"0" | b"1")
        || value.eq_ignore_ascii_case(b"true")
        || value.eq_ignore_ascii_case(b"false")
}

/// `yyyy-MM-dd`, a day that exists.
pub fn is_date(value: &[u8]) -> bool {
    is_date_in(&YEARS, value)
}

/// The same in the years before, which some orgs are said to take.
pub fn is_early_date(value: &[u8]) -> bool {
    is_date_in(&(1..=*YEARS.start()), value)
}

fn is_date_in(years: &std::ops::RangeInclusive<u32>, value: &[u8]) -> bool {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = value else {
        return false;
    };
    let (Some(century), Some(year), Some(month), Some(day)) =
        (pair(*y1, *y2), pair(*y3, *y4), pair(*m1, *m2), pair(*d1, *d2))
    else {
        return false;
    };
    let year = century * 100 + year;
    years.contains(&year) && (1..=days_in(year, month)).contains(&day)
}

/// `yyyy-MM-ddTHH:mm:ss`, a fraction if there is one, and `Z` or an offset.
pub fn is_datetime(value: &[u8]) -> bool {
    let Some((date, rest)) = value.split_at_checked(10) else {
        return false;
    };
    let Some(rest) = rest.strip_prefix(b"T").and_then(after_time) else {
        return false;
    };
    is_date(date) && is_zone(rest)
}

/// The same on an [early date](is_early_date).
pub fn is_early_datetime(value: &[u8]) -> bool {
    let Some((date, rest)) = value.split_at_checked(10) else {
        return false;
    };
    is_early_date(date) && rest.strip_prefix(b"T").and_then(after_time).is_some_and(is_zone)
}

/// Whether only the zone is missing.
pub fn is_local_datetime(value: &[u8]) -> bool {
    let Some((date, rest)) = value.split_at_checked(10) else {
        return false;
    };
    is_date(date) && rest.strip_prefix(b"T").and_then(after_time).is_some_and(<[u8]>::is_empty)
}

/// `HH:mm:ss`, a fraction if there is one, and perhaps `Z`.
pub fn is_time(value: &[u8]) -> bool {
    after_time(value).is_some_and(|rest| matches!(rest, b"" | b"Z"))
}

/// What follows a time of day.
fn after_time(value: &[u8]) -> Option<&[u8]> {
    let [h1, h2, b':', m1, m2, b':', s1, s2, rest @ ..] = value else {
        return None;
    };
    let fits = pair(*h1, *h2)? < 24 && pair(*m1, *m2)? < 60 && pair(*s1, *s2)? < 60;
    if !fits {
        return None;
    }
    let Some(fraction) = rest.strip_prefix(b".") else {
        return Some(rest);
    };
    let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (1..=9).contains(&digits).then(|| &fraction[digits..])
}

fn is_zone(value: &[u8]) -> bool {
    match value {
        b"Z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] | [b'+' | b'-', h1, h2, m1, m2] => {
            pair(*h1, *h2).is_some_and(|hours| hours <= 14)
                && pair(*m1, *m2).is_some_and(|minutes| minutes < 60)
        }
        _ => false,
    }
}

/// Whether a value looks like `someone@example.org`; more than that only the mail itself can tell.
pub fn is_email(value: &[u8]) -> bool {
    // All bytes are looked at without a way out on the first: most addresses are good.
    let kinds: u64 = value.iter().map(|byte| u64::from(IN_EMAIL[usize::from(*byte)])).sum();
    if kinds != u64::from(AT) {
        return false;
    }
    let at = value.iter().position(|byte| *byte == b'@').unwrap_or_default();
    let (local, domain) = (&value[..at], &value[at + 1..]);
    let twice = domain.windows(2).any(|pair| pair == b"..");
    let is_inside = !domain.starts_with(b".") && !domain.ends_with(b".");
    !local.is_empty() && domain.contains(&b'.') && is_inside && !twice
}

/// What an address has one of.
const AT: u32 = 1;

/// What an address has none of.
const BAD: u32 = u32::MAX;

/// What each byte is to an address; nothing, most of all.
const IN_EMAIL: [u32; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 255")]
        let character = byte as u8;
        kinds[byte] = match character {
            b'@' => AT,
            b',' | b';' | b':' | b'<' | b'>' | b'(' | b')' | b'[' | b']' | b'\\' | b'"' => BAD,
            _ if character.is_ascii_whitespace() || character.is_ascii_control() => BAD,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};

/// Whether a value is an id of 15 or 18 characters with the right checksum in capitals.
///
/// The quick way to most ids: what it does not know (a checksum in small letters, say) it denies,
/// and `RecordId::parse` decides. Ids are most of what a loader sees, so sixteen bytes are looked
/// at at once.
#[inline]
pub fn is_id(value: &[u8]) -> bool {
    if let (Some(head), Some(tail)) = (value.first_chunk(), value.get(15..18))
        && value.len() == 18
    {
        let Some(capitals) = capitals(head) else { return false };
        let check = [capitals, capitals >> 5, capitals >> 10].map(|five| ID_CHECK[five & 31]);
        // A checksum that is as it should be has no other characters than an id may have.
        return tail == check;
    }
    value.len() == 15 && {
        let mut head = [b'0'; 16];
        head[..15].copy_from_slice(value);
        capitals(&head).is_some()
    }
}

/// Which of sixteen bytes are capitals, as bits; `None` unless all are letters or digits.
#[inline]
fn capitals(bytes: &[u8; 16]) -> Option<usize> {
    let bytes = Sixteen::of(bytes);
    let known = bytes.with(0x20).lie(b'a', b'z').or(bytes.lie(b'0', b'9'));
    (known.bits() == u16::MAX).then(|| usize::from(bytes.lie(b'A', b'Z').bits()))
}

/// The characters of an id's checksum, by which of five letters are capitals.
const ID_CHECK: [u8; 32] = *b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// Characters of a UTF-8 text.
pub fn characters(value: &[u8]) -> usize {
    value.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

fn without_sign(value: &[u8]) -> &[u8] {
    match value {
        [b'+' | b'-', rest @ ..] => rest,
        _ => value,
    }
}

fn all_digits(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_digit)
}

fn pair(tens: u8, ones: u8) -> Option<u32> {
    let both = tens.is_ascii_digit() && ones.is_ascii_digit();
    both.then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
}

fn days_in(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        1..=12 => 31,
        _ => 0,
    }
}
