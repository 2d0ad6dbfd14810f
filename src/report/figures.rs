//! Numbers, times and foreign text, as people read them.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

pub use crate::model::wording::{count, counted};

/// Bytes in decimal units, three digits: `512 B`, `1.23 MB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if number < 1_000 {
        return format!("{number} B");
    }
    let mut value = as_float(number) / 1e3;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1e3;
        unit += 1;
    }
    let places = if value < 9.995 { 2 } else { usize::from(value < 99.95) };
    format!("{value:.places$} {}", UNITS[unit])
}

/// A length of time, as coarse as it is long: `0.4 s`, `12 s`, `2 min 05 s`, `3 h 07 min`.
pub fn time(length: Duration) -> String {
    let seconds = length.as_secs_f64();
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = length.as_secs() + u64::from(length.subsec_millis() >= 500);
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// How long calls take at so many a second; nothing before that is known.
pub fn time_of_calls(calls: u64, per_second: Option<f64>) -> Option<Duration> {
    let per_second = per_second.filter(|rate| *rate > 0.0)?;
    Duration::try_from_secs_f64(as_float(calls) / per_second).ok()
}

/// Rows a second; one decimal where it matters.
pub fn rate(rows: u64, during: Duration) -> String {
    let per_second = as_float(rows) / during.as_secs_f64().max(0.001);
    if per_second < 9.95 {
        format!("{per_second:.1} rows/s")
    } else {
        format!("{} rows/s", count(rounded(per_second)))
    }
}

/// A part of a whole in whole percent; 100 only when nothing is missing.
pub fn percent(part: u64, whole: u64) -> u64 {
    if part >= whole {
        return 100;
    }
    let percent = u128::from(part) * 100 / u128::from(whole);
    u64::try_from(percent).unwrap_or(100)
}

/// Foreign text made harmless for a terminal: control characters and those that turn the direction
/// of the text are shown as escapes, line ends as well.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            _ if is_unsafe(character) => {
                write!(safe, "\\u{{{:x}}}", u32::from(character)).unwrap_or_default();
            }
            _ => safe.push(character),
        }
    }
    safe
}

/// Like [`escape`], but line ends stay and the lines after the first are set in by `indent`, so
/// that no foreign line can pass for one of ours.
pub fn escape_lines(text: &str, indent: usize) -> String {
    let lines: Vec<String> = text.lines().map(escape).collect();
    lines.join(&format!("\n{}", " ".repeat(indent)))
}

fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}'
            | '\u{feff}')
}

/// At most `width` characters, an ellipsis standing for what was cut.
pub fn shorten(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// The path as seen from `base`: relative where it lies below it, whole otherwise.
pub fn path(path: &Path, base: &Path) -> String {
    let shown = path.strip_prefix(base).unwrap_or(path);
    let shown = shown.strip_prefix(".").unwrap_or(shown);
    escape(&shown.display().to_string())
}

#[expect(clippy::cast_precision_loss, reason = "shown to three digits")]
fn as_float(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate, not negative")]
fn rounded(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_get_separators() {
        for (number, text) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (31_200, "31,200"), (1_234_567, "1,234,567")]
        {
            assert_eq!(count(number), text);
        }
        assert_eq!(counted(1, "row"), "1 row");
        assert_eq!(counted(0, "row"), "0 rows");
    }

    #[test]
    fn bytes_get_units() {
        for (number, text) in [
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (99_960, "100 kB"),
            (999_600, "1.00 MB"),
            (12_345_678, "12.3 MB"),
            (7_000_000_000_000_000, "7000 TB"),
        ] {
            assert_eq!(bytes(number), text);
        }
    }

    #[test]
    fn times_are_as_coarse_as_they_are_long() {
        for (milliseconds, text) in [
            (0, "0.0 s"),
            (9_940, "9.9 s"),
            (9_960, "10 s"),
            (59_400, "59 s"),
            (59_600, "1 min 00 s"),
            (125_000, "2 min 05 s"),
            (11_220_000, "3 h 07 min"),
        ] {
            assert_eq!(time(Duration::from_millis(milliseconds)), text);
        }
    }

    #[test]
    fn a_hundred_percent_is_all() {
        assert_eq!(percent(999_999, 1_000_000), 99);
        assert_eq!(percent(1, 1), 100);
        assert_eq!(percent(0, 0), 100);
        assert_eq!(percent(u64::MAX - 1, u64::MAX), 99);
    }

    #[test]
    fn a_rate_survives_a_start() {
        assert_eq!(rate(0, Duration::ZERO), "0.0 rows/s");
        assert_eq!(rate(1_700, Duration::from_secs(2)), "850 rows/s");
    }

    #[test]
    fn foreign_text_cannot_drive_the_terminal() {
        assert_eq!(escape("a\x1b[2Jb\r\n\u{202e}c\u{9b}"), r"a\u{1b}[2Jb\r\n\u{202e}c\u{9b}");
        assert_eq!(escape("Müller × …"), "Müller × …");
        assert_eq!(escape_lines("SELECT\nerror: no\x07", 2), "SELECT\n  error: no\\u{7}");
    }

    #[test]
    fn long_text_is_cut_with_a_mark() {
        assert_eq!(shorten("abcdef", 6), "abcdef");
        assert_eq!(shorten("abc def", 5), "abc…");
    }

    #[test]
    fn paths_are_told_from_where_one_stands() {
        let base = Path::new("/srv/ada");
        assert_eq!(path(Path::new("/srv/ada/runs/x.csv"), base), "runs/x.csv");
        assert_eq!(path(Path::new("./runs/x.csv"), base), "runs/x.csv");
        assert_eq!(path(Path::new("/tmp/x.csv"), base), "/tmp/x.csv");
    }
}
