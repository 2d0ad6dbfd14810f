//! What each transform does to a value.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{CLEAR, TRANSFORM_FAILED, VALUE_NOT_LISTED};
use crate::config::mapping::{BooleanWords, NoMoment, NumberForm, Otherwise, Transform};
use crate::model::ids::RecordId;
use crate::model::wording::shown;

/// A code, and the value with what is wrong with it.
pub type Complaint = (&'static str, String);

/// Changes a value, or says why it cannot be changed.
///
/// The empty value and `#N/A` go through untouched, except where a transform is about them.
pub fn apply<'a>(transform: &Transform, value: Cow<'a, str>) -> Result<Cow<'a, str>, Complaint> {
    if value.as_bytes() == CLEAR {
        return Ok(value);
    }
    let changed: Option<String> = match transform {
        Transform::Default(text) => value.is_empty().then(|| text.clone()),
        Transform::Values { list, otherwise } => listed(list, otherwise, &value)?,
        _ if value.is_empty() => None,
        Transform::Trim => changed_to(&value, value.trim()),
        Transform::CollapseSpaces => {
            Some(value.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|new| *new != value)
        }
        Transform::Upper => Some(value.to_uppercase()),
        Transform::Lower => Some(value.to_lowercase()),
        Transform::Digits => Some(value.chars().filter(char::is_ascii_digit).collect()),
        Transform::NullIf(nulls) => nulls.iter().any(|null| *null == *value).then(String::new),
        Transform::Prefix(text) => Some(format!("{text}{value}")),
        Transform::Suffix(text) => Some(format!("{value}{text}")),
        Transform::Replace { from, to } => {
            value.contains(from.as_str()).then(|| value.replace(from.as_str(), to))
        }
        Transform::Truncate(most) => {
            value.char_indices().nth(*most).map(|(end, _)| value[..end].to_owned())
        }
        Transform::Date(format) => {
            let date = format.read(&value).map(|date| date.to_string());
            Some(date.ok_or_else(|| {
                failed(&value, format!("is no date in the form `{}`", format.as_str()))
            })?)
        }
        Transform::DateTime(format) => match format.read(&value) {
            Ok(moment) => Some(format!(
                "{}.{:03}Z",
                moment.strftime("%Y-%m-%dT%H:%M:%S"),
                moment.subsec_millisecond()
            )),
            Err(NoMoment::Form) => {
                let what = format!("is no moment in the form `{}`", format.as_str());
                return Err(failed(&value, what));
            }
            Err(NoMoment::Clocks) => {
                let what = "is a local time that the zone skips or repeats";
                return Err(failed(&value, what));
            }
        },
        Transform::Number(form) => match plain_number(*form, &value) {
            Some(plain) => Some(plain),
            None => return Err(failed(&value, number_wish(*form))),
        },
        Transform::Boolean(words) => {
            let truth = truth(words, &value).map(|truth| truth.to_string());
            Some(truth.ok_or_else(|| failed(&value, truth_wish(words)))?)
        }
        Transform::Id18 => match RecordId::parse(value.as_bytes()) {
            Ok(id) => Some(id.as_str().to_owned()),
            Err(bad) => return Err(failed(&value, format!("is no id: {bad}"))),
        },
    };
    Ok(changed.map_or(value, Cow::Owned))
}

fn failed(value: &str, what: impl std::fmt::Display) -> Complaint {
    (TRANSFORM_FAILED, format!("`{}` {what}", shown(value.as_bytes())))
}

fn changed_to(value: &str, new: &str) -> Option<String> {
    (new.len() != value.len()).then(|| new.to_owned())
}

fn listed(
    list: &BTreeMap<String, String>,
    otherwise: &Otherwise,
    value: &str,
) -> Result<Option<String>, Complaint> {
    match (list.get(value), otherwise) {
        (Some(to), _) => Ok(Some(to.clone())),
        (None, Otherwise::Keep) => Ok(None),
        (None, _) if value.is_empty() => Ok(None),
        (None, Otherwise::Value(text)) => Ok(Some(text.clone())),
        (None, Otherwise::Error) => {
            let what =
                format!("`{}` is not in the `values` of the mapping", shown(value.as_bytes()));
            Err((VALUE_NOT_LISTED, what))
        }
    }
}

fn truth(words: &BooleanWords, value: &str) -> Option<bool> {
    let is_one_of = |list: &[String]| {
        list.iter().any(|word| {
            word.eq_ignore_ascii_case(value) || word.to_lowercase() == value.to_lowercase()
        })
    };
    if is_one_of(&words.yes) { Some(true) } else { is_one_of(&words.no).then_some(false) }
}

fn truth_wish(words: &BooleanWords) -> String {
    let (yes, no) = (words.yes.join("`, `"), words.no.join("`, `"));
    format!("is neither yes (`{yes}`) nor no (`{no}`)")
}

/// Rewrites a number with plain digits and a point.
///
/// Groups must look like groups (the last has three digits, the others two or three), or `1.23` in
/// a file that groups with points would become 123.
fn plain_number(form: NumberForm, value: &str) -> Option<String> {
    let (sign, rest) = match value.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", value.strip_prefix('+').unwrap_or(value)),
    };
    let (whole, fraction) = match rest.split_once(form.decimal) {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (rest, None),
    };
    let whole = ungrouped(form.group, whole)?;
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match fraction {
        None if all_digits(&whole) => Some(format!("{sign}{whole}")),
        Some(fraction) if all_digits(fraction) && whole.bytes().all(|b| b.is_ascii_digit()) => {
            let whole = if whole.is_empty() { "0" } else { &whole };
            Some(format!("{sign}{whole}.{fraction}"))
        }
        _ => None,
    }
}

fn ungrouped(group: Option<char>, whole: &str) -> Option<String> {
    let Some(sign) = group.filter(|sign| whole.contains(*sign)) else {
        return Some(whole.to_owned());
    };
    let groups: Vec<&str> = whole.split(sign).collect();
    let last = groups.len() - 1;
    let fits = groups.iter().enumerate().all(|(index, digits)| match index {
        0 => (1..=3).contains(&digits.len()),
        _ if index == last => digits.len() == 3,
        _ => (2..=3).contains(&digits.len()),
    });
    fits.then(|| groups.concat())
}

fn number_wish(form: NumberForm) -> String {
    let group = match form.group {
        Some(sign) => {
            format!(" and the group sign `{}`", shown(sign.to_string().as_bytes()))
        }
        None => " and no group sign".to_owned(),
    };
    format!("is no number with the decimal sign `{}`{group}", form.decimal)
}
