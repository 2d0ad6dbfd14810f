//! A change window: the hours of a week in which something may be done, at a place.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};

/// Days, hours and a place: `Fri 18:00-22:00 Europe/Berlin`.
///
/// Days are `Mon` to `Sun`, single, listed (`Tue,Thu`) or from one to another (`Mon-Thu`), or
/// `daily`. Hours that end before they begin go past midnight, and belong to the day on which they
/// begin. The place is a name of the time zone database, so that summer time is minded.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    text: String,
    /// From Monday on.
    days: [bool; 7],
    /// Minutes of the day; the end may be 1,440.
    from: u16,
    to: u16,
    zone: TimeZone,
}

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MINUTES_OF_A_DAY: u16 = 24 * 60;

impl Window {
    /// Whether it is open then.
    pub fn is_open(&self, at: Timestamp) -> bool {
        let there = self.there(at);
        let minute = minute_of(&there);
        let (today, yesterday) = (self.has(there.weekday()), self.has(there.weekday().previous()));
        if self.from < self.to {
            return today && (self.from..self.to).contains(&minute);
        }
        today && minute >= self.from || yesterday && minute < self.to
    }

    /// When it opens next; `None` at the end of time.
    pub fn next_opening(&self, after: Timestamp) -> Option<Zoned> {
        let there = self.there(after);
        let hour = i8::try_from(self.from / 60).ok()?;
        let minute = i8::try_from(self.from % 60).ok()?;
        let time = Time::new(hour, minute, 0, 0).ok()?;
        (0..=7_i64).find_map(|days| {
            let date = there.date().checked_add(Span::new().days(days)).ok()?;
            let opening = date.to_datetime(time).to_zoned(self.zone.clone()).ok()?;
            (self.has(date.weekday()) && opening.timestamp() > after).then_some(opening)
        })
    }

    /// The time at its place.
    pub fn there(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.zone.clone())
    }

    fn has(&self, day: Weekday) -> bool {
        let place = usize::try_from(day.to_monday_zero_offset()).unwrap_or_default();
        self.days.get(place).copied().unwrap_or_default()
    }
}

impl serde::Serialize for Window {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Window {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Window {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let (Some(days), Some(hours), Some(zone), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(format!(
                "`{}` is no window: days, hours and a place, such as `Fri 18:00-22:00 \
                 Europe/Berlin`",
                text.escape_debug()
            ));
        };
        let (from, to) = hours_of(hours)?;
        Ok(Self {
            text: format!("{days} {hours} {zone}"),
            days: days_of(days)?,
            from,
            to,
            zone: TimeZone::get(zone).map_err(|_| {
                format!(
                    "`{}` is no time zone such as `Europe/Berlin` or `UTC`",
                    zone.escape_debug()
                )
            })?,
        })
    }
}

fn days_of(text: &str) -> Result<[bool; 7], String> {
    if text.eq_ignore_ascii_case("daily") {
        return Ok([true; 7]);
    }
    let day = |word: &str| {
        DAYS.iter().position(|day| day.eq_ignore_ascii_case(word)).ok_or_else(|| {
            format!("`{}` is no day: `Mon` to `Sun`, or `daily`", word.escape_debug())
        })
    };
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        let length = (last + 7 - first) % 7;
        (0..=length).for_each(|step| days[(first + step) % 7] = true);
    }
    Ok(days)
}

fn hours_of(text: &str) -> Result<(u16, u16), String> {
    let bad = || format!("`{}` are no hours such as `18:00-22:00`", text.escape_debug());
    let (from, to) = text.split_once('-').ok_or_else(bad)?;
    let (from, to) = (minutes(from).ok_or_else(bad)?, minutes(to).ok_or_else(bad)?);
    if from == to || from == MINUTES_OF_A_DAY { Err(bad()) } else { Ok((from, to)) }
}

/// Reads `hh:mm`, up to `24:00`.
fn minutes(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u16>().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let all = hours * 60 + minutes;
    (minutes < 60 && all <= MINUTES_OF_A_DAY).then_some(all)
}

fn minute_of(there: &Zoned) -> u16 {
    let minutes = i32::from(there.hour()) * 60 + i32::from(there.minute());
    u16::try_from(minutes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn open_and_closed() {
        // 2026-11-27 is a Friday; Berlin is one hour ahead of UTC then, two in summer.
        for (window, time, open) in [
            ("Fri 18:00-22:00 Europe/Berlin", "2026-11-27T16:59:59Z", false),
            ("Fri 18:00-22:00 Europe/Berlin", "2026-11-27T17:00:00Z", true),
            ("Fri 18:00-22:00 Europe/Berlin", "2026-11-27T20:59:59Z", true),
            ("Fri 18:00-22:00 Europe/Berlin", "2026-11-27T21:00:00Z", false),
            ("Fri 18:00-22:00 Europe/Berlin", "2026-11-26T18:00:00Z", false),
            ("Fri 18:00-22:00 Europe/Berlin", "2026-07-03T16:00:00Z", true),
            ("fri 22:00-02:00 UTC", "2026-11-27T23:00:00Z", true),
            ("Fri 22:00-02:00 UTC", "2026-11-28T01:59:00Z", true),
            ("Fri 22:00-02:00 UTC", "2026-11-27T01:00:00Z", false),
            ("Sun 22:00-02:00 UTC", "2026-11-23T01:00:00Z", true),
            ("Sat-Mon 00:00-24:00 UTC", "2026-11-23T12:00:00Z", true),
            ("Sat-Mon 00:00-24:00 UTC", "2026-11-24T00:00:00Z", false),
            ("Tue,Thu 10:00-11:00 UTC", "2026-11-26T10:30:00Z", true),
            ("Tue,Thu 10:00-11:00 UTC", "2026-11-25T10:30:00Z", false),
            ("daily 09:00-17:00 America/New_York", "2026-11-25T14:00:00Z", true),
        ] {
            let window: Window = window.parse().unwrap();
            assert_eq!(window.is_open(at(time)), open, "{window} {time}");
        }
    }

    #[test]
    fn the_next_opening() {
        for (window, now, opening) in [
            ("Fri 18:00-22:00 Europe/Berlin", "2026-11-22T23:00:00Z", "2026-11-27T17:00:00Z"),
            ("Fri 18:00-22:00 Europe/Berlin", "2026-11-27T17:00:00Z", "2026-12-04T17:00:00Z"),
            ("daily 09:00-17:00 UTC", "2026-11-27T08:00:00Z", "2026-11-27T09:00:00Z"),
        ] {
            let window: Window = window.parse().unwrap();
            let next = window.next_opening(at(now)).unwrap();
            assert_eq!(next.timestamp(), at(opening), "{window} {now}");
        }
    }

    #[test]
    fn what_is_no_window() {
        let told = [
            "Fri 18:00-22:00",
            "Fri 18:00-22:00 Europe/Berlin now",
            "Friday 18:00-22:00 UTC",
            "Fri 18-22 UTC",
            "Fri 18:00-18:00 UTC",
            "Fri 24:00-02:00 UTC",
            "Fri 18:60-22:00 UTC",
            "Fri 18:00-22:00 Europe/Atlantis",
        ]
        .map(|text| text.parse::<Window>().unwrap_err());
        insta::assert_snapshot!(told.join("\n"), @"
        `Fri 18:00-22:00` is no window: days, hours and a place, such as `Fri 18:00-22:00 Europe/Berlin`
        `Fri 18:00-22:00 Europe/Berlin now` is no window: days, hours and a place, such as `Fri 18:00-22:00 Europe/Berlin`
        `Friday` is no day: `Mon` to `Sun`, or `daily`
        `18-22` are no hours such as `18:00-22:00`
        `18:00-18:00` are no hours such as `18:00-22:00`
        `24:00-02:00` are no hours such as `18:00-22:00`
        `18:60-22:00` are no hours such as `18:00-22:00`
        `Europe/Atlantis` is no time zone such as `Europe/Berlin` or `UTC`
        ");
    }
}
