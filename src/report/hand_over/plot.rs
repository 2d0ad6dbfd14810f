//! Bars as inline SVG; their labels are text beside them, so that they can be read on any width.

use std::fmt::Write;

use crate::model::verdict::Counts;

/// The part of a bar that is seen at the least, in percent, when it is not nothing.
const PART_MIN: f64 = 0.7;

/// Bars one below the other, of one scale.
pub(super) struct Plot {
    pub caption: &'static str,
    /// What the colors mean, where there are several.
    pub legend: Vec<(&'static str, &'static str)>,
    pub bars: Vec<Bar>,
}

/// One bar.
pub(super) struct Bar {
    pub label: String,
    /// Class of the color, and the width in percent of the whole.
    pub parts: Vec<(&'static str, f64)>,
    /// The number or numbers, in words.
    pub told: String,
}

/// The verdicts in the order of a bar: class of the color, and the word.
pub(super) const VERDICTS: [(&str, &str); 5] = [
    ("success", "success"),
    ("error", "error"),
    ("rejected", "rejected"),
    ("unprocessed", "unprocessed"),
    ("unknown", "unknown"),
];

/// Rows by verdict as parts of a whole bar.
pub(super) fn shares(rows: &Counts) -> Vec<(&'static str, f64)> {
    let numbers = [rows.success, rows.error, rows.rejected, rows.unprocessed, rows.unknown];
    let whole: f64 = numbers.iter().map(|number| as_float(*number)).sum();
    let seen = VERDICTS.iter().zip(numbers).filter(|(_, number)| *number > 0);
    let widths: Vec<(&str, f64)> = seen
        .map(|((class, _), number)| (*class, (as_float(number) / whole * 100.0).max(PART_MIN)))
        .collect();
    // What was widened is taken off the widest.
    let over = widths.iter().map(|(_, width)| width).sum::<f64>() - 100.0;
    let widest = widths.iter().map(|(_, width)| *width).fold(0.0, f64::max);
    let mut taken = false;
    let narrowed = widths.into_iter().map(|(class, width)| {
        if over > 0.0 && !taken && width >= widest {
            taken = true;
            return (class, width - over);
        }
        (class, width)
    });
    narrowed.collect()
}

/// Lengths as parts of the longest.
pub(super) fn lengths(values: &[f64]) -> Vec<f64> {
    let longest = values.iter().copied().fold(0.0, f64::max);
    let part = |value: f64| if longest > 0.0 { value / longest * 100.0 } else { 0.0 };
    values.iter().map(|value| if *value > 0.0 { part(*value).max(PART_MIN) } else { 0.0 }).collect()
}

/// The picture of one bar; it says nothing that is not beside it in words.
pub(super) fn svg(bar: &Bar) -> String {
    let mut text = String::from(
        "<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" \
         aria-hidden=\"true\"><rect class=\"rail\" x=\"0\" y=\"0\" width=\"100\" height=\"10\" />",
    );
    let mut x = 0.0;
    for (class, width) in &bar.parts {
        write!(
            text,
            "<rect class=\"{class}\" x=\"{x:.2}\" y=\"0\" width=\"{width:.2}\" height=\"10\" />"
        )
        .unwrap_or_default();
        x += width;
    }
    text.push_str("</svg>");
    text
}

#[expect(clippy::cast_precision_loss, reason = "a width on paper")]
pub(super) fn as_float(number: u64) -> f64 {
    number as f64
}
