//! How far two numbers may be apart.

use std::cmp::Ordering;

use super::super::decimal::Decimal;
use crate::config::runbook::Tolerance;

impl Tolerance {
    /// Whether the org's number is near enough to the source's; the wider of two limits counts.
    ///
    /// An org answers in doubles, so a sum of more digits than those hold is the same as far as
    /// anybody can tell.
    pub(super) fn allows(&self, source: Decimal, org: Decimal) -> bool {
        let within = |limit: Decimal| {
            let apart = source.apart(org)?;
            Some(apart.compare(limit)? != Ordering::Greater)
        };
        let share = self.share.and_then(|share| source.millionths(share.millionths()));
        source.is_same_double(org)
            || Decimal::of_double(self.absolute).and_then(within) == Some(true)
            || share.and_then(within) == Some(true)
    }

    /// Whether two rates, each a part and its whole, are near enough; here the limits are percents
    /// of all rows: 0.5 or `0.5%`.
    pub(super) fn allows_rates(&self, source: (u64, u64), org: (u64, u64)) -> bool {
        // Both rates on one denominator, in hundreds; the rate of nothing is nought.
        let scaled = |(part, _): (u64, u64), whole: u64| {
            Decimal::of_count(part).times(whole.max(1)).and_then(|rate| rate.times(100))
        };
        let (left, right) = (scaled(source, org.1), scaled(org, source.1));
        let Some(apart) = left.zip(right).and_then(|(left, right)| left.apart(right)) else {
            return false;
        };
        let percent =
            self.share.and_then(|share| Decimal::of_count(100).millionths(share.millionths()));
        let limits = [Decimal::of_double(self.absolute), percent];
        limits.into_iter().flatten().any(|limit| {
            let limit = limit.times(source.1.max(1)).and_then(|l| l.times(org.1.max(1)));
            limit.and_then(|limit| apart.compare(limit)).is_some_and(|is| is != Ordering::Greater)
        })
    }

    /// The limits in words; blank where the numbers must be the same.
    pub(super) fn told(&self) -> String {
        let absolute = (self.absolute != 0.0).then(|| self.absolute.to_string());
        let share = self.share.map(|share| share.to_string());
        absolute.into_iter().chain(share).collect::<Vec<_>>().join(" or ")
    }
}

/// `12.5% (25 of 200)`.
pub(super) fn rate((part, whole): (u64, u64)) -> String {
    // Rounded to the hundredth of a percent; the numbers behind it are exact.
    let hundredths =
        (u128::from(part) * 20_000 + u128::from(whole.max(1))) / (2 * u128::from(whole.max(1)));
    let percent = format!("{}.{:02}", hundredths / 100, hundredths % 100);
    let percent = percent.trim_end_matches('0').trim_end_matches('.');
    format!("{percent}% ({part} of {whole})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::policy::Share;

    fn tolerance(absolute: f64, share: Option<&str>) -> Tolerance {
        Tolerance { absolute, share: share.map(|text| text.parse::<Share>().unwrap()) }
    }

    #[test]
    fn the_wider_limit_counts() {
        for (absolute, share, source, org, allowed) in [
            (0.0, None, "5", "5.0", true),
            (0.0, None, "5", "5.000001", false),
            (0.01, None, "1234567.89", "1234567.88", true),
            (0.01, None, "1234567.89", "1234567.879", false),
            (0.0, Some("0.1%"), "200000", "199800", true),
            (0.0, Some("0.1%"), "200000", "199799", false),
            (0.0, Some("0.1%"), "-200000", "-200200", true),
            (5.0, Some("0.1%"), "100", "105", true),
            (5.0, Some("10%"), "100", "109", true),
            (0.0, Some("100%"), "0", "1", false),
            (0.0, None, "12345678901234567.89", "12345678901234568", true),
        ] {
            let of = |text| Decimal::parse(text).unwrap();
            let told = tolerance(absolute, share).allows(of(source), of(org));
            assert_eq!(told, allowed, "{absolute} {share:?} {source} {org}");
        }
        for (absolute, share, source, org, allowed) in [
            (0.0, None, (1, 3), (2, 6), true),
            (0.0, None, (1, 3), (333, 1_000), false),
            (0.04, None, (1, 3), (333, 1_000), true),
            (0.0, Some("0.04%"), (1, 3), (333, 1_000), true),
            (0.0, Some("0.03%"), (1, 3), (333, 1_000), false),
            (0.0, None, (0, 0), (0, 7), true),
            (0.0, Some("1%"), (0, 0), (1, 7), false),
        ] {
            let told = tolerance(absolute, share).allows_rates(source, org);
            assert_eq!(told, allowed, "{absolute} {share:?} {source:?} {org:?}");
        }
    }

    #[test]
    fn limits_and_rates_are_told() {
        assert_eq!(tolerance(0.0, None).told(), "");
        assert_eq!(tolerance(2.5, Some("0.1%")).told(), "2.5 or 0.1%");
        assert_eq!(rate((25, 200)), "12.5% (25 of 200)");
        assert_eq!(rate((1, 3)), "33.33% (1 of 3)");
        assert_eq!(rate((0, 0)), "0% (0 of 0)");
        assert_eq!(rate((7, 7)), "100% (7 of 7)");
    }
}
