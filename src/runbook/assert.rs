//! Assertions: questions to the org whose answers must keep to a bound.

use std::cmp::Ordering;

use super::decimal::Decimal;
use super::question::one_value;
use super::reconcile::located;
use crate::config::runbook::{Assertion, Bound};
use crate::model::failure::Failure;
use crate::model::wording::shown;
use crate::pipeline::event::SummaryCheck;
use crate::target::Target;

/// What stands for no value.
const EMPTY: &str = "(empty)";

/// Asks each question and holds its answer against its bound; `file` is the runbook's name.
///
/// `Err` where a question has no answer: the org refuses it, or there is not one value.
pub async fn assert<T: Target>(
    assertions: &[Assertion],
    file: &str,
    target: &T,
) -> Result<Vec<SummaryCheck>, Failure> {
    let mut checks = Vec::new();
    for assertion in assertions {
        let value = one_value(target, &assertion.soql).await;
        let value = value.map_err(|failure| located(failure, file, assertion.place, None))?;
        checks.push(assertion.check(&value));
    }
    Ok(checks)
}

impl Assertion {
    fn check(&self, value: &str) -> SummaryCheck {
        let passed = self.bound.holds(value);
        let number = Decimal::parse(value);
        // A sum comes as a double: `1.83E6`.
        let told = match number {
            Ok(number) if value.contains(['.', 'E', 'e']) => number.to_string(),
            _ if value.is_empty() => EMPTY.to_owned(),
            _ => value.to_owned(),
        };
        let mut differences = Vec::new();
        if number.is_err() && !matches!(self.bound, Bound::Equals(_)) {
            let value = shown(value.as_bytes());
            differences.push(match value.as_str() {
                "" => "the answer is empty, and no number".to_owned(),
                value => format!("`{value}` is no number that can be held against a bound"),
            });
        }
        SummaryCheck {
            name: self.soql.clone(),
            kind: "assert".to_owned(),
            passed,
            source: self.bound.told(),
            org: told,
            tolerance: String::new(),
            differences,
        }
    }
}

impl Bound {
    fn holds(&self, value: &str) -> bool {
        let number = Decimal::parse(value).ok();
        let is = |bound: &f64, allowed: Ordering| {
            let ordering = number.zip(Decimal::of_double(*bound));
            let ordering = ordering.and_then(|(number, bound)| number.compare(bound));
            ordering.is_some_and(|found| found == allowed || found == Ordering::Equal)
        };
        match self {
            Self::Equals(text) => {
                let numbers = number.zip(Decimal::parse(text).ok());
                let same = |(one, other): (Decimal, Decimal)| one.compare(other);
                text == value || numbers.and_then(same) == Some(Ordering::Equal)
            }
            Self::AtLeast(least) => is(least, Ordering::Greater),
            Self::AtMost(most) => is(most, Ordering::Less),
            Self::Between(least, most) => is(least, Ordering::Greater) && is(most, Ordering::Less),
        }
    }

    /// The bound in words: `at least 5`.
    fn told(&self) -> String {
        match self {
            Self::Equals(text) if text.is_empty() => EMPTY.to_owned(),
            Self::Equals(text) => text.clone(),
            Self::AtLeast(least) => format!("at least {least}"),
            Self::AtMost(most) => format!("at most {most}"),
            Self::Between(least, most) => format!("from {least} to {most}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_held_against_bounds() {
        let equals = |text: &str| Bound::Equals(text.to_owned());
        for (bound, value, holds) in [
            (equals("5"), "5", true),
            (equals("5"), "5.0", true),
            (equals("5"), "05x", false),
            (equals("Active"), "Active", true),
            (equals("Active"), "active", false),
            (equals(""), "", true),
            (equals("0"), "", false),
            (Bound::AtLeast(0.1), "0.1", true),
            (Bound::AtLeast(0.1), "0.09999999999999999999", false),
            (Bound::AtMost(1e6), "1000000", true),
            (Bound::AtMost(1e6), "1.0000001E6", false),
            (Bound::AtMost(1e6), "", false),
            (Bound::AtMost(1e6), "few", false),
            (Bound::Between(-1.0, 1.0), "-1", true),
            (Bound::Between(-1.0, 1.0), "1.5", false),
            (Bound::AtLeast(f64::NAN), "1", false),
        ] {
            assert_eq!(bound.holds(value), holds, "{bound:?} {value}");
        }
    }
}
