//! Aggregate functions: one row of numbers over all records of a query.
//!
//! No `GROUP BY`. Which types a function takes follows the table "support for field types in
//! aggregate functions" of the SOQL guide.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::bind::Bound;
use super::parse::Function;
use super::test;
use crate::practice::objects::Kind;
use crate::practice::org::Value;
use crate::practice::store::{Rid, Slot, Store};

impl Function {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Count => "COUNT",
            Self::CountDistinct => "COUNT_DISTINCT",
            Self::Sum => "SUM",
            Self::Avg => "AVG",
            Self::Min => "MIN",
            Self::Max => "MAX",
        }
    }

    /// Whether the service lets it work on such a field.
    pub(super) fn takes(self, kind: Kind) -> bool {
        match self {
            Self::Sum | Self::Avg => kind == Kind::Int || kind.is_decimal(),
            _ => kind != Kind::Boolean,
        }
    }

    /// What it comes to; empty values do not count, and of none the answer is null or nought.
    pub(super) fn of(
        self,
        store: &Store,
        field: &Bound,
        records: impl Iterator<Item = Rid>,
    ) -> Value {
        let slots = records.map(|record| field.get(store, record)).filter(|slot| !slot.is_null());
        match self {
            Self::Count => count(slots.count()),
            Self::CountDistinct => {
                let distinct: HashSet<String> = slots.map(|slot| test::key(&slot)).collect();
                count(distinct.len())
            }
            Self::Min => extreme(slots, Ordering::Less),
            Self::Max => extreme(slots, Ordering::Greater),
            Self::Sum | Self::Avg => {
                let is_int = field.object.fields[field.place].kind == Kind::Int;
                let (mut sum, mut values) = (Sum::default(), 0_u32);
                for slot in slots {
                    sum.add(&slot);
                    values += 1;
                }
                match (self, values) {
                    (_, 0) => Value::Null,
                    (Self::Avg, _) => Value::Double(sum.worth() / f64::from(values)),
                    (_, _) if is_int => Value::Int(i64::try_from(sum.units).unwrap_or(i64::MAX)),
                    (_, _) => Value::Double(sum.worth()),
                }
            }
        }
    }
}

fn count(records: usize) -> Value {
    Value::Int(i64::try_from(records).unwrap_or(i64::MAX))
}

fn extreme<'a>(slots: impl Iterator<Item = Slot<'a>>, wanted: Ordering) -> Value {
    let best = slots.reduce(
        |best, slot| {
            if test::compare(&slot, &best) == Some(wanted) { slot } else { best }
        },
    );
    best.map_or(Value::Null, |slot| slot.to_value())
}

/// The service adds decimals and not doubles: 0.1 ten times is 1.
#[derive(Default)]
struct Sum {
    units: i128,
    /// Digits behind the point.
    scale: u32,
    /// For what is too large to be added as digits.
    rough: Option<f64>,
}

impl Sum {
    fn add(&mut self, slot: &Slot<'_>) {
        let (text, worth) = match slot {
            #[expect(clippy::cast_precision_loss, reason = "whole numbers have 32 bits here")]
            Slot::Int(value) => (value.to_string(), *value as f64),
            // The shortest text that is this double, without an exponent.
            Slot::Double(value) => (value.to_string(), *value),
            _ => return,
        };
        if let Some(rough) = &mut self.rough {
            *rough += worth;
        } else if self.add_digits(&text).is_none() {
            self.rough = Some(self.worth() + worth);
        }
    }

    fn add_digits(&mut self, text: &str) -> Option<()> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let scale = u32::try_from(fraction.len()).ok()?;
        let units: i128 = format!("{whole}{fraction}").parse().ok()?;
        let common = scale.max(self.scale);
        let raised =
            |units: i128, scale: u32| units.checked_mul(10_i128.checked_pow(common - scale)?);
        let sum = raised(self.units, self.scale)?.checked_add(raised(units, scale)?)?;
        (self.units, self.scale) = (sum, common);
        Some(())
    }

    fn worth(&self) -> f64 {
        let exact = || format!("{}e-{}", self.units, self.scale).parse().unwrap_or(f64::NAN);
        self.rough.unwrap_or_else(exact)
    }
}
