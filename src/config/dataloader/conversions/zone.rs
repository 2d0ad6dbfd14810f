//! Time zones by the names that a folder of Data Loader gives them.

use jiff::tz::{Offset, TimeZone};

use crate::model::wording::shown;

/// No time zone of that name. Java takes GMT then, in silence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is no time zone that is known here: name one such as `Europe/Berlin`, or an offset such \
     as `GMT+02:00`",
    shown(name.as_bytes())
)]
pub struct UnknownZone {
    pub name: String,
}

/// Names of Java that are not in the time zone database, or mean a fixed offset there.
const JAVA_NAMES: [(&str, &str); 25] = [
    ("ACT", "Australia/Darwin"),
    ("AET", "Australia/Sydney"),
    ("AGT", "America/Argentina/Buenos_Aires"),
    ("ART", "Africa/Cairo"),
    ("AST", "America/Anchorage"),
    ("BET", "America/Sao_Paulo"),
    ("BST", "Asia/Dhaka"),
    ("CAT", "Africa/Harare"),
    ("CNT", "America/St_Johns"),
    ("CST", "America/Chicago"),
    ("CTT", "Asia/Shanghai"),
    ("EAT", "Africa/Addis_Ababa"),
    ("ECT", "Europe/Paris"),
    ("IET", "America/Indiana/Indianapolis"),
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("MIT", "Pacific/Apia"),
    ("NET", "Asia/Yerevan"),
    ("NST", "Pacific/Auckland"),
    ("PLT", "Asia/Karachi"),
    ("PNT", "America/Phoenix"),
    ("PRT", "America/Puerto_Rico"),
    ("PST", "America/Los_Angeles"),
    ("SST", "Pacific/Guadalcanal"),
    ("VST", "Asia/Ho_Chi_Minh"),
];

/// The zone of a name: of the time zone database, one of Java's three letters, or `GMT+02:00`.
pub fn zone_named(name: &str) -> Result<TimeZone, UnknownZone> {
    let name = name.trim();
    if ["UTC", "GMT", "UT", "Z"].iter().any(|zero| zero.eq_ignore_ascii_case(name)) {
        return Ok(TimeZone::UTC);
    }
    let java = JAVA_NAMES.iter().find(|(java, _)| *java == name).map(|(_, zone)| *zone);
    if let Some(zone) = java.and_then(|zone| TimeZone::get(zone).ok()) {
        return Ok(zone);
    }
    if let Some(offset) = offset_named(name) {
        return Ok(TimeZone::fixed(offset));
    }
    TimeZone::get(name).map_err(|_| UnknownZone { name: name.to_owned() })
}

/// The name of this machine's zone, by which it is found again on another one.
pub fn name_of_system_zone() -> Result<String, UnknownZone> {
    let zone = TimeZone::system();
    let fixed = || zone.to_fixed_offset().ok().map(|offset| format!("GMT{offset}"));
    let name = zone.iana_name().map(str::to_owned).or_else(fixed);
    name.ok_or_else(|| UnknownZone { name: "the zone of this machine".to_owned() })
}

/// Reads `GMT+02:00`, `UTC-3`, `GMT+0530`, `+02:00` or `-08`.
fn offset_named(name: &str) -> Option<Offset> {
    let rest = name.strip_prefix("GMT").or_else(|| name.strip_prefix("UTC")).unwrap_or(name);
    let (sign, digits) = match rest.as_bytes().first()? {
        b'+' => ('+', &rest[1..]),
        b'-' => ('-', &rest[1..]),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some((hours, minutes)) if minutes.len() == 2 => (hours, minutes),
        Some(_) => return None,
        None if digits.len() <= 2 => (digits, "00"),
        None => digits.split_at_checked(digits.len() - 2)?,
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let seconds = (hours * 60 + minutes) * 60;
    if hours > 23 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(if sign == '-' { -seconds } else { seconds }).ok()
}

fn number(digits: &str) -> Option<i32> {
    let good = (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| good)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let at = "2024-07-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap();
        for (name, seconds) in [
            ("UTC", 0),
            ("gmt", 0),
            ("Europe/Berlin", 7200),
            ("America/Los_Angeles", -25_200),
            ("PST", -25_200),
            ("IST", 19_800),
            ("GMT+02:00", 7200),
            ("GMT-3", -10_800),
            ("GMT+0530", 19_800),
            ("UTC+1", 3600),
            ("-08:00", -28_800),
            (" Asia/Tokyo ", 32_400),
        ] {
            let zone = zone_named(name).unwrap();
            assert_eq!(zone.to_offset(at).seconds(), seconds, "{name}");
        }
        for name in ["", "Berlin", "GMT+25:00", "GMT+1:2", "GMT+", "+", "-é1"] {
            let error = zone_named(name).unwrap_err();
            assert_eq!(error.name, name);
        }
        let message = zone_named("Bärlin").unwrap_err().to_string();
        insta::assert_snapshot!(message, @"`Bärlin` is no time zone that is known here: name one such as `Europe/Berlin`, or an offset such as `GMT+02:00`");
    }

    #[test]
    fn the_zone_of_this_machine_has_a_name_that_is_known() {
        let name = name_of_system_zone().unwrap();
        assert!(zone_named(&name).is_ok(), "{name}");
    }
}
