//! When a grant ends: how that is written in a file, and how the org says it.

use jiff::Timestamp;
use jiff::civil::Date;

/// What a row says of the end of its grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expiry {
    /// Nothing: what there is stays as it is.
    Unsaid,
    /// It never ends.
    Never,
    At(Timestamp),
}

impl Expiry {
    /// Reads a cell: blank, `never`, a date (to the end of that day in UTC) or a time in ISO 8601.
    pub fn read(cell: &str) -> Option<Self> {
        let cell = cell.trim();
        if cell.is_empty() {
            return Some(Self::Unsaid);
        }
        if cell.eq_ignore_ascii_case("never") {
            return Some(Self::Never);
        }
        if cell.len() == 10 {
            let end = cell.parse::<Date>().ok()?.at(23, 59, 59, 0);
            return Some(Self::At(end.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()));
        }
        cell.parse::<Timestamp>().ok().map(Self::At)
    }
}

/// What the org says: a time, or nothing where the grant does not end.
pub(super) fn of_org(cell: &str) -> Option<Timestamp> {
    cell.parse::<Timestamp>().ok()
}

/// A time as the org takes it; parts of a second are dropped.
pub(super) fn written(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

/// Whether both are the same second.
pub(super) fn is_same(one: Option<Timestamp>, other: Option<Timestamp>) -> bool {
    one.map(Timestamp::as_second) == other.map(Timestamp::as_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_read() {
        for (cell, wanted) in [
            ("", Some("unsaid")),
            ("  ", Some("unsaid")),
            ("Never", Some("never")),
            ("2027-01-31", Some("2027-01-31T23:59:59.000Z")),
            (" 2027-01-31T10:00:00Z", Some("2027-01-31T10:00:00.000Z")),
            ("2027-01-31T10:00:00+02:00", Some("2027-01-31T08:00:00.000Z")),
            ("2027-02-30", None),
            ("31.01.2027", None),
            ("tomorrow", None),
        ] {
            let read = Expiry::read(cell).map(|expiry| match expiry {
                Expiry::Unsaid => "unsaid".to_owned(),
                Expiry::Never => "never".to_owned(),
                Expiry::At(time) => written(time),
            });
            assert_eq!(read.as_deref(), wanted, "{cell}");
        }
    }

    #[test]
    fn the_org_writes_the_same_second_differently() {
        let ours = of_org("2027-01-31T23:59:59Z");
        assert!(is_same(ours, of_org("2027-01-31T23:59:59.000Z")));
        assert!(!is_same(ours, None) && is_same(None, of_org("")));
    }
}
