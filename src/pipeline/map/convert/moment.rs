//! Dates and date-times in the forms that Data Loader reads.
//!
//! ```text
//! date    yyyyMMdd  yyyy-MM-dd  yyyy-MM  yyyy  MM/dd/yyyy (or dd/MM/yyyy)
//! time    a blank or `T`, then HH[:mm[:ss[.SSS]]]; behind yyyyMMdd also HHmm[ss]; `T` alone
//! zone    Z  +hhmm  +hh:mm  Z+hhmm  GMT+h:mm  a name; blanks before it
//! last    Mar 9, 2024, 1:02:03 PM
//! ```
//!
//! The whole value must be in one of them, and the calendar is strict: there is no February 30.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::scan::Scan;
use super::{Settings, failed, quoted};
use crate::config::dataloader::conversions::Switch;
use crate::pipeline::map::apply::Complaint;

/// Years past the calendar of this program; the org takes none after 4000.
const YEAR_MAX: u64 = 9999;

/// Years that are written with two or three digits, or should have been written with four.
const SHORT_YEARS: std::ops::Range<u64> = 1..1000;

/// What was read, before it is known whether it is meant so.
#[derive(Debug, Clone, Copy)]
struct Read<'a> {
    form: DateForm,
    year: u64,
    month: u64,
    day: u64,
    clock: Clock,
    /// The digits behind the seconds.
    fraction: &'a str,
    zone: Zone<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DateForm {
    /// A form with all of year, month and day, or year and month.
    Plain,
    /// Digits alone that are not eight.
    Bare,
    /// The month first where the day is to be first.
    MonthFirst,
}

#[derive(Debug, Clone, Copy, Default)]
struct Clock {
    hour: u64,
    minute: u64,
    second: u64,
}

/// Where a time is.
#[derive(Debug, Clone, Copy)]
enum Zone<'a> {
    /// The value does not say.
    None,
    At(Offset),
    /// Letters that a list of Java gives a meaning.
    Named(Offset, &'a str),
}

/// Letters that Java reads as these offsets, in minutes.
const NAMES: [(&str, i32); 22] = [
    ("EST", -300),
    ("EDT", -240),
    ("CST", -360),
    ("CDT", -300),
    ("MST", -420),
    ("MDT", -360),
    ("PST", -480),
    ("PDT", -420),
    ("AKST", -540),
    ("AKDT", -480),
    ("HST", -600),
    ("WET", 0),
    ("WEST", 60),
    ("CET", 60),
    ("CEST", 120),
    ("EET", 120),
    ("EEST", 180),
    ("JST", 540),
    ("AEST", 600),
    ("AEDT", 660),
    ("NZST", 720),
    ("NZDT", 780),
];

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// `yyyy-MM-dd`; a blank value is empty.
pub fn date(settings: &Settings, value: &str) -> Result<String, Complaint> {
    let Some((read, typed)) = understood(settings, value, false)? else {
        return Ok(String::new());
    };
    let Some(offset) = read.zone.offset() else { return Ok(typed.date().to_string()) };
    let moment = offset.to_timestamp(typed).map_err(|_| failed(value, "is no date"))?;
    let there = settings.date_zone.to_datetime(moment).date();
    if there != typed.date() {
        let zone = settings.date_zone.iana_name().unwrap_or("the zone of the load");
        let what = format!("is another day in {zone}");
        settings.danger(Switch::DateShifts, value, &what, &quoted(&there.to_string()))?;
    }
    Ok(there.to_string())
}

/// `yyyy-MM-ddTHH:mm:ss.SSSZ`; a blank value is empty.
pub fn datetime(settings: &Settings, value: &str) -> Result<String, Complaint> {
    let Some((read, typed)) = understood(settings, value, true)? else {
        return Ok(String::new());
    };
    let beyond = |_| failed(value, "is no date-time");
    let moment = match read.zone.offset() {
        Some(offset) => offset.to_timestamp(typed).map_err(beyond)?,
        None => placed(settings, value, typed)?,
    };
    Ok(wire(moment))
}

pub(super) fn wire(moment: jiff::Timestamp) -> String {
    let milliseconds = moment.subsec_millisecond();
    format!("{}.{milliseconds:03}Z", moment.strftime("%Y-%m-%dT%H:%M:%S"))
}

/// The moment at which the clocks of the load's zone showed a time.
fn placed(settings: &Settings, value: &str, typed: DateTime) -> Result<jiff::Timestamp, Complaint> {
    let zone: &TimeZone = &settings.zone;
    let name = zone.iana_name().unwrap_or("the zone of the load");
    let ambiguous = zone.to_ambiguous_timestamp(typed);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } => {}
        AmbiguousOffset::Gap { .. } => {
            let what = format!("is a time that the clocks of {name} skip");
            return Err(failed(value, &what));
        }
        AmbiguousOffset::Fold { after, .. } => {
            let later = after.to_timestamp(typed).map(wire).unwrap_or_default();
            let later = quoted(&later);
            let what = format!("is a time that the clocks of {name} show twice");
            settings.danger(Switch::RepeatedHours, value, &what, &later)?;
        }
    }
    ambiguous.later().map_err(|_| failed(value, "is no date-time"))
}

/// What a value says, if it is safe or allowed to take it so; nothing for a blank one.
fn understood<'a>(
    settings: &Settings,
    value: &'a str,
    timed: bool,
) -> Result<Option<(Read<'a>, DateTime)>, Complaint> {
    let noun = if timed { "date-time" } else { "date" };
    let text = value.trim_matches(|c: char| c <= ' ');
    if text.is_empty() {
        return Ok(None);
    }
    let read = read(text, settings.given.european_dates);
    let Some(read) = read else {
        return Err(failed(value, &format!("is no {noun} in a form of Data Loader")));
    };
    if read.year > YEAR_MAX {
        let what = format!("is the year {} to Data Loader, which no org takes", read.year);
        return Err(failed(value, &what));
    }
    let typed = read.typed().ok_or_else(|| failed(value, &format!("is no {noun}")))?;
    let becomes = quoted(&typed.date().to_string());
    if read.form == DateForm::Bare {
        settings.danger(Switch::BareNumbers, value, "is a bare number", &becomes)?;
    }
    if read.form == DateForm::MonthFirst {
        let what = "has no month of that number, with the day first";
        settings.danger(Switch::UsDates, value, what, &becomes)?;
    }
    if SHORT_YEARS.contains(&read.year) {
        settings.danger(Switch::ShortYears, value, "has no year of four digits", &becomes)?;
    }
    if timed && !is_milliseconds(read.fraction) {
        let becomes = format!("{} milliseconds", read.fraction.trim_start_matches('0'));
        let what = "has no fraction of three digits";
        settings.danger(Switch::ShortFractions, value, what, &becomes)?;
    }
    if let Zone::Named(offset, name) = read.zone {
        let what = format!("names its zone `{name}`, which may be another");
        let becomes = quoted(&offset.to_timestamp(typed).map(wire).unwrap_or_default());
        settings.danger(Switch::ZoneNames, value, &what, &becomes)?;
    }
    Ok(Some((read, typed)))
}

/// Whether a fraction says the same to Data Loader as to everybody else.
fn is_milliseconds(fraction: &str) -> bool {
    fraction.len() == 3 || fraction.bytes().all(|digit| digit == b'0')
}

impl Read<'_> {
    /// The date and time, if there is such a one.
    fn typed(&self) -> Option<DateTime> {
        let small = |number: u64| i8::try_from(number).ok();
        let date = Date::new(
            i16::try_from(self.year).ok().filter(|year| *year > 0)?,
            small(self.month)?,
            small(self.day)?,
        );
        let milliseconds: i32 = match self.fraction {
            "" => 0,
            digits => digits.parse().ok().filter(|count| *count < 1000)?,
        };
        let Clock { hour, minute, second } = self.clock;
        let time =
            Time::new(small(hour)?, small(minute)?, small(second)?, milliseconds * 1_000_000);
        Some(date.ok()?.to_datetime(time.ok()?))
    }
}

impl Zone<'_> {
    fn offset(self) -> Option<Offset> {
        match self {
            Self::None => None,
            Self::At(offset) | Self::Named(offset, _) => Some(offset),
        }
    }
}

/// Reads the beginning of a text; European dates have the day first.
type Form = fn(&str, bool) -> Option<(Read<'_>, Scan<'_>)>;

/// The first form that the whole of a text is in: all forms without a zone, then all with one.
fn read(text: &str, european: bool) -> Option<Read<'_>> {
    let (bare, greenwich) = match text.strip_suffix(['z', 'Z']) {
        Some(bare) => (bare.trim_end_matches([' ', '\t']), true),
        None => (text, false),
    };
    let forms: [Form; 5] = [basic, year_and_month, year, extended, slashes];
    let read = |with_zone: bool| {
        forms.iter().find_map(|form| {
            let (mut read, mut scan) = form(bare, european)?;
            if with_zone {
                read.zone = zone(&mut scan)?;
            }
            // A date that is none may be one in a later form: `2024-0300` is the year, at -03:00.
            (scan.is_done() && (read.year > YEAR_MAX || read.typed().is_some())).then_some(read)
        })
    };
    let found = read(false).map(|found| {
        let zone = if greenwich { Zone::At(Offset::UTC) } else { Zone::None };
        Read { zone, ..found }
    });
    let found = found.or_else(|| read(true));
    let found = found.or_else(|| if greenwich { None } else { spelled(text) });
    found.or_else(|| if european && !greenwich { month_first(text) } else { None })
}

fn plain(form: DateForm, year: u64, month: u64, day: u64) -> Read<'static> {
    let clock = Clock::default();
    Read { form, year, month, day, clock, fraction: "", zone: Zone::None }
}

/// `yyyyMMdd`, with or without a time.
fn basic(text: &str, _: bool) -> Option<(Read<'_>, Scan<'_>)> {
    let mut scan = Scan::new(text);
    let digits = scan.digits()?;
    let bare = scan.is_done() || !scan.rest.starts_with(['T', ' ']);
    let form = match digits.len() {
        8 => DateForm::Plain,
        7 if bare => DateForm::Bare,
        _ => return None,
    };
    let part = |from: usize, to: usize| digits[from..to].parse::<u64>().ok();
    let mut read = plain(form, part(0, 4)?, part(4, 6)?, part(6, digits.len())?);
    let before = scan;
    let mut run = scan;
    if run.take(" ") || run.take("T") {
        run.blanks();
        if let Some(clock) = run.digits().filter(|digits| matches!(digits.len(), 4 | 6)) {
            let part = |from: usize| clock.get(from..from + 2).map_or(Some(0), |d| d.parse().ok());
            read.clock = Clock { hour: part(0)?, minute: part(2)?, second: part(4)? };
            return Some((read, run));
        }
    }
    scan = before;
    time(&mut read, &mut scan, true)?;
    Some((read, scan))
}

/// `yyyy-MM`.
fn year_and_month(text: &str, _: bool) -> Option<(Read<'_>, Scan<'_>)> {
    let mut scan = Scan::new(text);
    let year = scan.number()?;
    let month = scan.take("-").then(|| scan.number()).flatten()?;
    Some((plain(DateForm::Plain, year, month, 1), scan))
}

/// A year, or whatever number it is.
fn year(text: &str, _: bool) -> Option<(Read<'_>, Scan<'_>)> {
    let mut scan = Scan::new(text);
    let year = scan.digits().filter(|digits| digits.len() < 10)?.parse().ok()?;
    Some((plain(DateForm::Bare, year, 1, 1), scan))
}

/// `yyyy-MM-dd`, with or without a time.
fn extended(text: &str, _: bool) -> Option<(Read<'_>, Scan<'_>)> {
    let mut scan = Scan::new(text);
    let (year, month, day) = three(&mut scan, "-")?;
    let mut read = plain(DateForm::Plain, year, month, day);
    time(&mut read, &mut scan, true)?;
    Some((read, scan))
}

/// `MM/dd/yyyy`, or `dd/MM/yyyy`, with or without a time.
fn slashes(text: &str, european: bool) -> Option<(Read<'_>, Scan<'_>)> {
    let mut scan = Scan::new(text);
    let (first, second, year) = three(&mut scan, "/")?;
    let (month, day) = if european { (second, first) } else { (first, second) };
    let mut read = plain(DateForm::Plain, year, month, day);
    time(&mut read, &mut scan, false)?;
    Some((read, scan))
}

/// `MM/dd/yyyy` where the day should be first: the last of all forms, and without a time.
///
/// A year of two digits counts from the day on which it is read, so there is none.
fn month_first(text: &str) -> Option<Read<'_>> {
    let mut scan = Scan::new(text);
    let (month, day, year) = three(&mut scan, "/")?;
    let read = plain(DateForm::MonthFirst, year, month, day);
    (scan.is_done() && year > 99 && read.typed().is_some()).then_some(read)
}

/// `Mar 9, 2024, 1:02:03 PM`, as Java writes a date-time in English.
fn spelled(text: &str) -> Option<Read<'_>> {
    let mut scan = Scan::new(text);
    let name = scan.letters()?.to_ascii_lowercase();
    let month = MONTHS.iter().position(|month| *month == name)? as u64 + 1;
    let day = scan.number()?;
    let year = scan.take(",").then(|| scan.number()).flatten()?;
    let _one_comma = scan.take(",");
    let (hour, minute, second) = three(&mut scan, ":")?;
    let half = scan.rest.trim_start().to_ascii_lowercase();
    let late = match &*half {
        "am" => 0,
        "pm" => 12,
        _ => return None,
    };
    if !(1..=12).contains(&hour) {
        return None;
    }
    let clock = Clock { hour: hour % 12 + late, minute, second };
    let read = Read { clock, ..plain(DateForm::Plain, year, month, day) };
    read.typed().is_some().then_some(read)
}

fn three(scan: &mut Scan<'_>, between: &str) -> Option<(u64, u64, u64)> {
    let first = scan.number()?;
    let second = scan.take(between).then(|| scan.number()).flatten()?;
    let third = scan.take(between).then(|| scan.number()).flatten()?;
    Some((first, second, third))
}

/// A blank or `T` with a time behind it, if they are there.
fn time<'a>(read: &mut Read<'a>, scan: &mut Scan<'a>, alone: bool) -> Option<()> {
    let before = *scan;
    let letter = scan.take("T");
    if !letter && !scan.take(" ") {
        return Some(());
    }
    let Some(hour) = scan.number() else {
        if letter && alone {
            scan.rest = &before.rest[1..];
        } else {
            *scan = before;
        }
        return Some(());
    };
    read.clock.hour = hour;
    if !scan.take(":") {
        return Some(());
    }
    read.clock.minute = scan.number()?;
    if !scan.take(":") {
        return Some(());
    }
    read.clock.second = scan.number()?;
    if scan.take(".") {
        scan.blanks();
        read.fraction = scan.digits()?;
    }
    Some(())
}

/// The zone that comes next.
fn zone<'a>(scan: &mut Scan<'a>) -> Option<Zone<'a>> {
    scan.blanks();
    let mut signed = *scan;
    let _literal = signed.take("Z") || signed.take("z");
    signed.blanks();
    if let Some(offset) = offset(&mut signed, false) {
        *scan = signed;
        return Some(Zone::At(offset));
    }
    let name = scan.letters()?;
    if ["GMT", "UTC", "UT"].iter().any(|zero| zero.eq_ignore_ascii_case(name)) {
        let offset = if scan.is_done() { Offset::UTC } else { offset(scan, true)? };
        return Some(Zone::At(offset));
    }
    let (_, minutes) = NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(Zone::Named(Offset::from_seconds(minutes * 60).ok()?, name))
}

/// `+hhmm` or `+hh:mm`; `short` also takes `+h:mm`.
fn offset(scan: &mut Scan<'_>, short: bool) -> Option<Offset> {
    let sign = if scan.take("+") { 1 } else { -i32::from(scan.take("-")) };
    let digits = scan.digits()?;
    let (hours, minutes) = match digits.len() {
        4 => digits.split_at(2),
        2 if scan.take(":") => (digits, scan.digits()?),
        1 if short && scan.take(":") => (digits, scan.digits()?),
        _ => return None,
    };
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let fits = sign != 0 && hours < 24 && minutes < 60;
    Offset::from_seconds(sign * (hours * 60 + minutes) * 60).ok().filter(|_| fits)
}
