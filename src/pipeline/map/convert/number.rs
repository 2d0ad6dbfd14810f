//! Numbers as Java's number formats and `Double` read them.

use super::scan::Scan;
use super::{Settings, failed, quoted};
use crate::config::dataloader::conversions::Switch;
use crate::pipeline::map::apply::Complaint;

/// Exponents past this are no whole numbers of 32 bits, whatever stands before them.
const EXPONENT_MAX: i32 = 30;

/// Digits that a double keeps, whatever they are.
const DIGITS_KEPT: usize = 15;

/// The beginning of a text that a number format of English takes for a number.
struct Prefix<'a> {
    negative: bool,
    /// All digits, without signs between groups.
    digits: String,
    /// How many of them stand behind the point.
    scale: i32,
    groups_fit: bool,
    /// `.000`, where somebody else writes thousands with a point.
    three_zeros: bool,
    rest: &'a str,
}

/// A whole number of 32 bits, in plain digits.
pub fn int(settings: &Settings, value: &str) -> Result<String, Complaint> {
    let Some(prefix) = prefix(value) else { return Err(failed(value, "is no whole number")) };
    let (whole, is_exact) = prefix.whole();
    let made = prefix.int(&whole, is_exact).to_string();
    let becomes = quoted(&made);
    if !prefix.rest.trim().is_empty() {
        settings.danger(Switch::IntPrefix, value, "goes on behind the number", &becomes)?;
    }
    if !prefix.groups_fit {
        let what = "has a comma that is not between thousands";
        settings.danger(Switch::IntGroups, value, what, &becomes)?;
    }
    if !is_exact || prefix.three_zeros {
        settings.danger(Switch::IntFraction, value, "is no whole number", &becomes)?;
    }
    let signed = format!("{}{whole}", if prefix.negative { "-" } else { "" });
    if signed.parse::<i32>().is_err() {
        let what = "does not fit a whole number of 32 bits";
        settings.danger(Switch::IntOverflow, value, what, &becomes)?;
    }
    Ok(made)
}

fn prefix(value: &str) -> Option<Prefix<'_>> {
    let mut scan = Scan::new(value);
    let negative = scan.take("-");
    let mut groups: Vec<&str> = Vec::new();
    if let Some(first) = scan.digits() {
        groups.push(first);
    }
    while let Some(next) = followed(&mut scan, ",") {
        groups.push(next);
    }
    let mut digits = groups.concat();
    let fraction = followed(&mut scan, ".");
    if fraction.is_none() && !digits.is_empty() {
        let _point = scan.take(".");
    }
    let fraction = fraction.unwrap_or_default();
    digits.push_str(fraction);
    if digits.is_empty() {
        return None;
    }
    let mut scale = i32::try_from(fraction.len()).ok()?;
    let mut exponent = scan;
    if exponent.take("E") {
        let below = exponent.take("-");
        if let Some(power) = exponent.digits() {
            let power: i32 = power.parse().ok().filter(|power| *power <= EXPONENT_MAX)?;
            scale += if below { power } else { -power };
            scan = exponent;
        }
    }
    let three_zeros = fraction == "000" && groups.len() == 1 && scale == 3;
    Some(Prefix { negative, digits, scale, groups_fit: fit(&groups), three_zeros, rest: scan.rest })
}

/// The digits behind a sign, if both come next.
fn followed<'a>(scan: &mut Scan<'a>, sign: &str) -> Option<&'a str> {
    let mut ahead = *scan;
    let digits = ahead.take(sign).then(|| ahead.digits()).flatten()?;
    *scan = ahead;
    Some(digits)
}

/// Whether digits are grouped by thousands, if at all.
fn fit(groups: &[&str]) -> bool {
    let Some((first, others)) = groups.split_first() else { return true };
    others.is_empty() || first.len() <= 3 && others.iter().all(|group| group.len() == 3)
}

impl Prefix<'_> {
    /// The digits before the point, and whether nothing but zeros stands behind it.
    fn whole(&self) -> (String, bool) {
        let Ok(scale) = usize::try_from(self.scale) else {
            let zeros = "0".repeat(self.scale.unsigned_abs() as usize);
            return (format!("{}{zeros}", self.digits), true);
        };
        let cut = self.digits.len().saturating_sub(scale);
        let (whole, fraction) = self.digits.split_at(cut);
        let whole = if whole.is_empty() { "0" } else { whole };
        (whole.to_owned(), fraction.bytes().all(|digit| digit == b'0'))
    }

    /// What Java's `intValue` gives: the lower 32 bits of a whole number of 64 bits, and the
    /// nearest int of any other.
    #[expect(clippy::cast_possible_truncation, reason = "as there, which the caller has allowed")]
    fn int(&self, whole: &str, is_exact: bool) -> i32 {
        let sign = if self.negative { "-" } else { "" };
        let signed = format!("{sign}{whole}");
        match signed.parse::<i64>() {
            Ok(number) if is_exact => number as i32,
            _ => signed.parse::<f64>().unwrap_or_default() as i32,
        }
    }
}

/// A number that finds records: what is typed where a double says the same.
pub fn key(settings: &Settings, value: &str) -> Result<String, Complaint> {
    let text = value.trim_matches(|c: char| c <= ' ');
    let Some((number, is_plain)) = double(text) else {
        return Err(failed(value, "is no number"));
    };
    if is_plain && keeps_all(text, number) {
        return Ok(text.to_owned());
    }
    let what = if is_plain {
        "has more digits than Data Loader keeps"
    } else {
        "is no number but to Java"
    };
    settings.danger(Switch::JavaDoubles, value, what, &quoted(&java(number)))?;
    Ok(format!("{number}"))
}

/// What Java's `Double.valueOf` reads, and whether it is written as everybody writes it.
fn double(text: &str) -> Option<(f64, bool)> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match unsigned {
        "NaN" => return Some((f64::NAN, false)),
        "Infinity" => return Some((sign * f64::INFINITY, false)),
        _ => {}
    }
    let bare = unsigned.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(unsigned);
    if let Some(hex) = bare.strip_prefix("0x").or_else(|| bare.strip_prefix("0X")) {
        // A final letter may be a digit there, but an exponent must follow the digits.
        return hexadecimal(hex).map(|number| (sign * number, false));
    }
    let is_decimal = |text: &str| {
        let allowed = |byte: u8| byte.is_ascii_digit() || b".eE+-".contains(&byte);
        text.bytes().all(allowed) && !text.starts_with(['+', '-'])
    };
    let number: f64 = is_decimal(bare).then(|| bare.parse().ok()).flatten()?;
    Some((sign * number, bare.len() == unsigned.len() && number.is_finite()))
}

/// `1.8p3`, without its `0x`.
fn hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut number = 0.0;
    for digit in whole.chars().chain(fraction.chars()) {
        number = number * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let shift = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    Some(number * 2f64.powi(exponent.parse::<i32>().ok()?.checked_sub(shift)?))
}

/// Whether a double tells a decimal text from all others of so many digits.
fn keeps_all(text: &str, number: f64) -> bool {
    let typed = significant(text);
    typed.len() <= DIGITS_KEPT || typed == significant(&format!("{number:e}"))
}

/// The digits of a decimal text without zeros at either end.
fn significant(text: &str) -> String {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    digits.trim_matches('0').to_owned()
}

/// A double as Java prints it.
pub(super) fn java(number: f64) -> String {
    if !number.is_finite() {
        let names = if number > 0.0 { "Infinity" } else { "-Infinity" };
        return if number.is_nan() { "NaN" } else { names }.to_owned();
    }
    if number == 0.0 || (1e-3..1e7).contains(&number.abs()) {
        return format!("{number:?}");
    }
    let text = format!("{number:E}");
    let (mantissa, exponent) = text.split_once('E').unwrap_or((&text, "0"));
    let point = if mantissa.contains('.') { "" } else { ".0" };
    format!("{mantissa}{point}E{exponent}")
}
