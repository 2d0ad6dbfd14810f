//! One number of each side: rows, sums, empty values, records without a parent.

use super::super::decimal::{Decimal, NotDecimal};
use super::fields::Records;
use super::source::{is_blank, walk};
use super::tolerance::rate;
use super::{Surroundings, TOLD, Verdict};
use crate::config::runbook::{CheckSource, Tolerance};
use crate::model::failure::{Blame, Failure};
use crate::model::wording::{count as number, shown};
use crate::target::Target;

/// Rows of the source, and records of the object. A row that cannot be read is a row, but where
/// only some rows count: nobody knows whether it is one of them.
pub(super) async fn count<T: Target>(
    source: &CheckSource,
    (object, filter): (&str, Option<&str>),
    tolerance: &Tolerance,
    around: &Surroundings<'_>,
    target: &T,
) -> Result<Verdict, Failure> {
    let records = Records::of(target, object, filter)?;
    let (passed, name) = walk(source, around, |mut walk| {
        walk.each(None, |_| Ok(()))?;
        Ok(walk.passed)
    })
    .await?;
    let in_doubt = passed.unreadable > 0 && !source.only.is_empty();
    let rows = if in_doubt { passed.rows } else { passed.rows + passed.unreadable };
    let there = records.count().await?;
    let near = tolerance.allows(Decimal::of_count(rows), Decimal::of_count(there));
    Ok(Verdict {
        passed: near && !in_doubt,
        source: rows.to_string(),
        org: there.to_string(),
        tolerance: tolerance.told(),
        differences: passed.told(&name).into_iter().collect(),
    })
}

/// The sum of a column, and of a field. A cell that is no number fails the check.
pub(super) async fn sum<T: Target>(
    (source, column): (&CheckSource, &str),
    (object, field, filter): (&str, &str, Option<&str>),
    tolerance: &Tolerance,
    around: &Surroundings<'_>,
    target: &T,
) -> Result<Verdict, Failure> {
    let records = Records::of(target, object, filter)?;
    let field = records.field(field).await?;
    if !field.kind.is_number() {
        let message = format!("`{}` is a {} and cannot be added", field.name, field.type_name);
        return Err(Failure::new(Blame::Request, message)
            .hint("name a field of numbers, or compare with `count` or `nulls`"));
    }
    let wanted = column.to_owned();
    let ((added, passed), name) = walk(source, around, move |mut walk| {
        let mut added = Added::default();
        walk.each(Some(&wanted), |cell| {
            added.add(cell.value, cell.mark.line);
            Ok(())
        })?;
        Ok((added, walk.passed))
    })
    .await?;
    let there = records.sum(&field).await?;
    let near = tolerance.allows(added.sum, there);
    let mut differences = added.odd;
    if added.odd_cells > differences.len() as u64 {
        differences.push(format!("{} cells are no numbers in all", number(added.odd_cells)));
    }
    differences.extend(passed.told(&name));
    Ok(Verdict {
        passed: near && added.odd_cells == 0 && passed.unreadable == 0,
        source: added.sum.to_string(),
        org: there.to_string(),
        tolerance: tolerance.told(),
        differences,
    })
}

/// A sum on its way.
#[derive(Debug, Default)]
pub(super) struct Added {
    pub sum: Decimal,
    /// Cells that were not added, and what is wrong with the first of them.
    pub odd_cells: u64,
    pub odd: Vec<String>,
}

impl Added {
    pub fn add(&mut self, cell: &[u8], line: u64) {
        if is_blank(cell) {
            return;
        }
        let parsed = std::str::from_utf8(cell).map_or(Err(NotDecimal::No), Decimal::parse);
        let sum = parsed.and_then(|value| self.sum.plus(value).ok_or(NotDecimal::TooLong));
        match sum {
            Ok(sum) => self.sum = sum,
            Err(why) => {
                self.odd_cells += 1;
                if self.odd.len() < TOLD {
                    let what = match why {
                        NotDecimal::No => "is no number",
                        NotDecimal::TooLong => "has too many digits to be added",
                    };
                    self.odd.push(format!("line {line}: `{}` {what}", shown(cell)));
                }
            }
        }
    }
}

/// The part of rows whose cell is empty, and of records whose field is.
pub(super) async fn nulls<T: Target>(
    (source, column): (&CheckSource, &str),
    (object, field, filter): (&str, &str, Option<&str>),
    tolerance: &Tolerance,
    around: &Surroundings<'_>,
    target: &T,
) -> Result<Verdict, Failure> {
    let records = Records::of(target, object, filter)?;
    let field = records.field(field).await?;
    let wanted = column.to_owned();
    let ((blank, passed), name) = walk(source, around, move |mut walk| {
        let mut blank = 0;
        walk.each(Some(&wanted), |cell| {
            blank += u64::from(is_blank(cell.value));
            Ok(())
        })?;
        Ok((blank, walk.passed))
    })
    .await?;
    let (of_source, of_org) = ((blank, passed.rows), records.blanks(&field).await?);
    Ok(Verdict {
        passed: tolerance.allows_rates(of_source, of_org) && passed.unreadable == 0,
        source: rate(of_source),
        org: rate(of_org),
        tolerance: tolerance.told(),
        differences: passed.told(&name).into_iter().collect(),
    })
}

/// Records whose reference is empty.
pub(super) async fn orphans<T: Target>(
    (object, field, filter): (&str, &str, Option<&str>),
    expected: u64,
    tolerance: &Tolerance,
    target: &T,
) -> Result<Verdict, Failure> {
    let records = Records::of(target, object, filter)?;
    let field = records.field(field).await?;
    let (there, _) = records.blanks(&field).await?;
    Ok(Verdict {
        passed: tolerance.allows(Decimal::of_count(expected), Decimal::of_count(there)),
        source: expected.to_string(),
        org: there.to_string(),
        tolerance: tolerance.told(),
        differences: Vec::new(),
    })
}
