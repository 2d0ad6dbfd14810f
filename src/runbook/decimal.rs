//! Decimal numbers that are added and compared exactly, as money must be.

use std::cmp::Ordering;
use std::fmt;

/// A decimal number: up to 38 digits, with a point somewhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Decimal {
    units: i128,
    /// Digits behind the point.
    scale: u32,
}

/// Why a text is no such number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotDecimal {
    /// It is no number at all.
    No,
    /// It has more digits than can be added exactly.
    TooLong,
}

/// Digits behind the point, or noughts before it, at most.
const SCALE_MAX: i64 = 37;

impl Decimal {
    /// Reads digits with a point, sign and exponent, and nothing else: the numbers that a load
    /// accepts.
    pub fn parse(text: &str) -> Result<Self, NotDecimal> {
        let (negative, rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !digits(whole) || !digits(fraction) {
            return Err(NotDecimal::No);
        }
        let all = format!("{whole}{fraction}");
        let significant = all.trim_end_matches('0');
        let dropped = i64::try_from(all.len() - significant.len()).unwrap_or(i64::MAX);
        let significant = significant.trim_start_matches('0');
        if significant.is_empty() {
            return Ok(Self::default());
        }
        let behind = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
        let scale = behind - dropped - exponent;
        let units: i128 = significant.parse().map_err(|_| NotDecimal::TooLong)?;
        let units = if negative { -units } else { units };
        if !(-SCALE_MAX..=SCALE_MAX).contains(&scale) {
            return Err(NotDecimal::TooLong);
        }
        let places = u32::try_from(scale.unsigned_abs()).unwrap_or(u32::MAX);
        if scale >= 0 {
            return Ok(Self { units, scale: places });
        }
        let raised = power(places).and_then(|power| units.checked_mul(power));
        raised.map(|units| Self { units, scale: 0 }).ok_or(NotDecimal::TooLong)
    }

    /// The number that a double is written as; `None` for what is none, or too long.
    pub fn of_double(number: f64) -> Option<Self> {
        Self::parse(&number.to_string()).ok()
    }

    pub fn of_count(number: u64) -> Self {
        Self { units: i128::from(number), scale: 0 }
    }

    /// The sum; `None` where it has too many digits.
    pub fn plus(self, other: Self) -> Option<Self> {
        let (left, right, scale) = self.aligned(other)?;
        Some(Self { units: left.checked_add(right)?, scale })
    }

    /// How far the two are apart; `None` where that has too many digits.
    pub fn apart(self, other: Self) -> Option<Self> {
        let difference = self.plus(Self { units: other.units.checked_neg()?, ..other })?;
        Some(Self { units: difference.units.checked_abs()?, ..difference })
    }

    /// So many millionths of the number, without its sign.
    pub fn millionths(self, count: u32) -> Option<Self> {
        let units = self.units.checked_abs()?.checked_mul(i128::from(count))?;
        Some(Self { units, scale: self.scale + 6 }.shortest())
    }

    pub fn times(self, count: u64) -> Option<Self> {
        Some(Self { units: self.units.checked_mul(i128::from(count))?, ..self })
    }

    /// Which is the larger; `None` where that takes too many digits.
    pub fn compare(self, other: Self) -> Option<Ordering> {
        match self.units.signum().cmp(&other.units.signum()) {
            Ordering::Equal => {}
            decided => return Some(decided),
        }
        let (left, right, _) = self.shortest().aligned(other.shortest())?;
        Some(left.cmp(&right))
    }

    /// Whether both are the same double: all that an org that answers in doubles can tell.
    pub fn is_same_double(self, other: Self) -> bool {
        let double = |number: Self| number.to_string().parse::<f64>().ok();
        double(self).is_some_and(|one| double(other) == Some(one))
    }

    /// Both with as many digits behind the point, and how many those are.
    fn aligned(self, other: Self) -> Option<(i128, i128, u32)> {
        let scale = self.scale.max(other.scale);
        let raised = |number: Self| number.units.checked_mul(power(scale - number.scale)?);
        Some((raised(self)?, raised(other)?, scale))
    }

    fn shortest(mut self) -> Self {
        while self.scale > 0 && self.units % 10 == 0 {
            self.units /= 10;
            self.scale -= 1;
        }
        self
    }
}

impl fmt::Display for Decimal {
    /// All digits, none of them a nought at the end behind the point.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { units, scale } = self.shortest();
        let scale = scale as usize;
        let digits = format!("{:0>width$}", units.unsigned_abs(), width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let sign = if units < 0 { "-" } else { "" };
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

fn power(places: u32) -> Option<i128> {
    10_i128.checked_pow(places)
}

/// The number behind an `e`; a huge one is cut to a huge one.
fn exponent_of(text: &str) -> Result<i64, NotDecimal> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NotDecimal::No);
    }
    let worth: i64 = digits.parse().unwrap_or(i64::MAX).min(1_000_000);
    Ok(if text.starts_with('-') { -worth } else { worth })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn texts_are_read_and_written() {
        for (text, expected) in [
            ("0", "0"),
            ("-0.00", "0"),
            ("007", "7"),
            ("+1.50", "1.5"),
            ("-.5", "-0.5"),
            ("5.", "5"),
            ("1.2345678912E8", "123456789.12"),
            ("12e-3", "0.012"),
            ("0e999999999999", "0"),
            ("100000000000000000000.01", "100000000000000000000.01"),
            ("1E20", "100000000000000000000"),
            ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
        ] {
            assert_eq!(decimal(text).to_string(), expected, "{text}");
        }
        for (text, why) in [
            ("", NotDecimal::No),
            (".", NotDecimal::No),
            ("1,5", NotDecimal::No),
            (" 1", NotDecimal::No),
            ("1e", NotDecimal::No),
            ("--1", NotDecimal::No),
            ("NaN", NotDecimal::No),
            ("١", NotDecimal::No),
            ("1e39", NotDecimal::TooLong),
            ("1e-38", NotDecimal::TooLong),
            ("1000000000000000000000000000000000000001", NotDecimal::TooLong),
        ] {
            assert_eq!(Decimal::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn comparisons_are_exact_and_doubles_are_told() {
        assert_eq!(decimal("0.3").compare(decimal("0.30000000000000004")), Some(Ordering::Less));
        assert_eq!(decimal("-1").compare(decimal("1e37")), Some(Ordering::Less));
        assert_eq!(decimal("1e37").compare(decimal("1e-37")), None);
        assert!(decimal("12345678901234567.89").is_same_double(decimal("12345678901234568")));
        assert!(!decimal("1234567.89").is_same_double(decimal("1234567.88")));
        assert_eq!(decimal("10").apart(decimal("-2.5")).unwrap().to_string(), "12.5");
        assert_eq!(decimal("-200").millionths(1_500).unwrap().to_string(), "0.3");
        assert_eq!(Decimal::of_double(0.01), Some(decimal("0.01")));
        assert_eq!(Decimal::of_double(f64::NAN), None);
    }

    proptest! {
        /// The oracle adds whole numbers of a billionth.
        #[test]
        fn sums_are_those_of_whole_numbers(
            numbers in prop::collection::vec((-1_000_000_000_i64..1_000_000_000, 0_u32..=9), 0..40)
        ) {
            let mut sum = Decimal::default();
            let mut oracle = 0_i128;
            for (units, scale) in numbers {
                let sign = if units < 0 { "-" } else { "" };
                let digits = format!("{:010}", units.unsigned_abs());
                let (whole, fraction) = digits.split_at(digits.len() - scale as usize);
                let text = match scale {
                    0 => format!("{sign}{whole}"),
                    _ => format!("{sign}{whole}.{fraction}"),
                };
                sum = sum.plus(decimal(&text)).unwrap();
                oracle += i128::from(units) * 10_i128.pow(9 - scale);
            }
            let told = decimal(&format!("{oracle}e-9"));
            prop_assert_eq!(sum.compare(told), Some(Ordering::Equal));
            prop_assert_eq!(sum.to_string(), told.to_string());
        }
    }
}
