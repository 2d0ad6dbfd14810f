//! Keys: 128-bit fingerprints of a row or a result line, in two forms of strictness.
//!
//! The far side re-serializes values by type (`912260031` comes back as `9.12260031E8`), so text is
//! compared as it is and typed values in a canonical form. 128 bits make a false pair less likely
//! than 10⁻²⁵ in a job of a million rows.

use unicode_normalization::UnicodeNormalization;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::model::ids::RecordId;
use crate::model::schema::{FieldKind, SentField};

/// How strictly values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Text as it is, typed values in canonical form.
    Canonical,
    /// Besides: line ends alike, ends trimmed, `#N/A` like blank, Unicode composed, case ignored in
    /// truths and picklists. What is one in canonical form is one here too.
    Relaxed,
}

/// Which columns make the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// Those that should tell one row from another: the Id, the external id, or all text columns.
    Primary,
    All,
}

/// One column of the body.
#[derive(Debug, Clone)]
struct Column {
    kind: FieldKind,
    primary: bool,
}

/// Makes keys for the columns of one load.
#[derive(Debug, Clone)]
pub struct Keys {
    columns: Vec<Column>,
    seed: u64,
    /// What a key is the fingerprint of, and what is left of longer ones behind it.
    scratch: Vec<u8>,
}

/// Bytes of an id and what stands behind it.
const ID_BYTES: usize = 19;

/// Between two values of a key; no UTF-8 text holds this byte.
const BETWEEN: u8 = 0xFF;
/// For a column that the results do not have.
const ABSENT: u8 = 0xFE;

impl Keys {
    /// `key_column` is the one column that identifies a row, if the operation has one; else all
    /// text columns do, or all columns when none is text.
    pub fn new(fields: &[SentField], key_column: Option<usize>, seed: u64) -> Self {
        let has_text = fields.iter().any(|field| field.value_field().kind.is_text());
        let columns = fields
            .iter()
            .enumerate()
            .map(|(index, field)| {
                let kind = field.value_field().kind;
                let primary = match key_column {
                    Some(key) => index == key,
                    None => kind.is_text() || !has_text,
                };
                Column { kind, primary }
            })
            .collect();
        Self { columns, seed, scratch: Vec::new() }
    }

    /// The key of a record; `cell(index)` gives the cell of a body column, `None` where it has
    /// none.
    pub fn of<'a>(
        &mut self,
        which: Columns,
        form: Form,
        cell: impl Fn(usize) -> Option<&'a [u8]>,
    ) -> u128 {
        let mut end = 0;
        for (index, column) in self.columns.iter().enumerate() {
            if which == Columns::Primary && !column.primary {
                continue;
            }
            let value = cell(index);
            // Most keys are ids; these are put where they belong without a call.
            if form == Form::Canonical
                && matches!(column.kind, FieldKind::Id | FieldKind::Reference)
                && let Some(id) = value.and_then(spelled_out)
            {
                if self.scratch.len() < end + ID_BYTES {
                    self.scratch.resize(end + 8 * ID_BYTES, 0);
                }
                if let Some(to) = self.scratch[end..].first_chunk_mut::<ID_BYTES>() {
                    to[..18].copy_from_slice(id);
                    to[18] = BETWEEN;
                }
                end += ID_BYTES;
                continue;
            }
            self.scratch.truncate(end);
            match value {
                Some(value) => push_form(&mut self.scratch, value, column.kind, form),
                None => self.scratch.push(ABSENT),
            }
            self.scratch.push(BETWEEN);
            end = self.scratch.len();
        }
        xxh3_128_with_seed(&self.scratch[..end], self.seed)
    }
}

/// Whether two cells are one value for the far side, however they are spelled.
pub fn is_same(kind: FieldKind, one: &[u8], other: &[u8]) -> bool {
    let form = |value: &[u8]| {
        let mut out = Vec::new();
        push_form(&mut out, value, kind, Form::Relaxed);
        out
    };
    one == other || form(one) == form(other)
}

/// Whether a field that holds `held` holds the same after `sent` was sent to it, a blank cell being
/// none that is sent.
///
/// The one comparison of what a load would change. It is stricter than [`is_same`]: what is not for
/// certain the same to the far side is a change, since text is not trimmed there.
pub fn would_keep(kind: FieldKind, held: &[u8], sent: &[u8]) -> bool {
    let form = |value: &[u8]| {
        let mut out = Vec::new();
        match kind {
            FieldKind::Boolean => push_canonical(&mut out, &value.to_ascii_lowercase(), kind),
            _ => push_canonical(&mut out, value, kind),
        }
        out
    };
    match sent {
        b"" => true,
        b"#N/A" => held.is_empty(),
        _ => held == sent || form(held) == form(sent),
    }
}

fn push_form(out: &mut Vec<u8>, value: &[u8], kind: FieldKind, form: Form) {
    match form {
        Form::Canonical => push_canonical(out, value, kind),
        Form::Relaxed => push_relaxed(out, value, kind),
    }
}

fn push_canonical(out: &mut Vec<u8>, value: &[u8], kind: FieldKind) {
    match kind {
        FieldKind::Id | FieldKind::Reference if spelled_out(value).is_some() => {
            out.extend_from_slice(value);
        }
        FieldKind::Id | FieldKind::Reference => match RecordId::parse(value) {
            Ok(id) => out.extend_from_slice(id.as_bytes()),
            Err(_) => out.extend_from_slice(value),
        },
        FieldKind::Int | FieldKind::Double | FieldKind::Currency | FieldKind::Percent => {
            push_number(out, value);
        }
        FieldKind::Boolean => out.extend_from_slice(match value {
            b"1" => b"true",
            b"0" => b"false",
            other => other,
        }),
        FieldKind::DateTime => push_instant(out, value),
        FieldKind::Date => out.extend_from_slice(value.strip_suffix(b"Z").unwrap_or(value)),
        FieldKind::Time => out.extend_from_slice(plain_time(value)),
        FieldKind::MultiPicklist => push_set(out, value),
        _ => out.extend_from_slice(value),
    }
}

/// An id that stands in its canonical form already, or is none: what is checked of 18 characters
/// are the last three, whatever their case, and the canonical form has these in upper case.
#[inline]
fn spelled_out(value: &[u8]) -> Option<&[u8; 18]> {
    let id: &[u8; 18] = value.try_into().ok()?;
    let is_check = |at: usize| matches!(id[at], b'A'..=b'Z' | b'0'..=b'5');
    (is_check(15) & is_check(16) & is_check(17)).then_some(id)
}

/// An IEEE double: what the far side holds, whatever it writes.
fn push_number(out: &mut Vec<u8>, value: &[u8]) {
    let number = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse::<f64>().ok());
    match number {
        Some(number) => out.extend_from_slice(&(number + 0.0).to_bits().to_be_bytes()),
        None => out.extend_from_slice(value),
    }
}

/// An instant: milliseconds since 1970.
fn push_instant(out: &mut Vec<u8>, value: &[u8]) {
    match std::str::from_utf8(value).ok().and_then(parse_instant) {
        Some(instant) => out.extend_from_slice(&instant.as_millisecond().to_be_bytes()),
        None => out.extend_from_slice(value),
    }
}

/// Both spellings of the offset: `+02:00` as ISO has it and `+0200` as the service writes it.
fn parse_instant(text: &str) -> Option<jiff::Timestamp> {
    let iso = text.parse::<jiff::Timestamp>().ok();
    iso.or_else(|| jiff::Timestamp::strptime("%Y-%m-%dT%H:%M:%S%.f%z", text).ok())
}

/// `10:00:00.000Z` and `10:00:00` are one time of day.
fn plain_time(value: &[u8]) -> &[u8] {
    let value = value.strip_suffix(b"Z").unwrap_or(value);
    value.strip_suffix(b".000").unwrap_or(value)
}

/// A set of values joined with `;`, in an order of its own.
fn push_set(out: &mut Vec<u8>, value: &[u8]) {
    let mut parts: Vec<&[u8]> = value.split(|byte| *byte == b';').collect();
    parts.sort_unstable();
    parts.dedup();
    for part in parts.into_iter().filter(|part| !part.is_empty()) {
        out.extend_from_slice(part);
        out.push(b';');
    }
}

fn push_relaxed(out: &mut Vec<u8>, value: &[u8], kind: FieldKind) {
    let Ok(text) = std::str::from_utf8(value) else {
        out.extend_from_slice(value);
        return;
    };
    let text = text.trim();
    if text == "#N/A" {
        return;
    }
    let unified = text.replace("\r\n", "\n").replace('\r', "\n");
    let composed: String = unified.nfc().collect();
    if matches!(kind, FieldKind::Boolean | FieldKind::MultiPicklist | FieldKind::Other) {
        push_canonical(out, composed.to_ascii_lowercase().as_bytes(), kind);
    } else {
        push_canonical(out, composed.as_bytes(), kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(value: &str, kind: FieldKind, form: Form) -> Vec<u8> {
        let mut out = Vec::new();
        push_form(&mut out, value.as_bytes(), kind, form);
        out
    }

    #[test]
    fn values_that_the_service_spells_in_its_own_way_are_one() {
        for (sent, echoed, kind) in [
            ("912260031", "9.12260031E8", FieldKind::Currency),
            ("0.10", "0.1", FieldKind::Double),
            ("-0", "0.0", FieldKind::Double),
            ("1", "true", FieldKind::Boolean),
            ("2026-11-20T09:00:01Z", "2026-11-20T09:00:01.000+0000", FieldKind::DateTime),
            ("2026-11-20T11:00:01+02:00", "2026-11-20T09:00:01.000Z", FieldKind::DateTime),
            ("2026-11-20", "2026-11-20Z", FieldKind::Date),
            ("10:00:00Z", "10:00:00.000Z", FieldKind::Time),
            ("b;a", "a;b", FieldKind::MultiPicklist),
            ("0015500001QdQWa", "0015500001QdQWaAAN", FieldKind::Reference),
        ] {
            assert_eq!(
                canonical(sent, kind, Form::Canonical),
                canonical(echoed, kind, Form::Canonical),
                "{sent} and {echoed}"
            );
        }
    }

    #[test]
    fn what_would_change_a_field_is_told_from_what_would_not() {
        use FieldKind::{
            Boolean, Currency, Date, DateTime, Double, Int, MultiPicklist, Other, Picklist,
            Reference, String, Textarea, Time,
        };
        for (kind, held, sent, kept) in [
            (String, "a", "a", true),
            (String, "a", "A", false),
            (String, "a", "a ", false),
            (String, "a", "", true),
            (String, "a", "#N/A", false),
            (String, "", "#N/A", true),
            (String, "", "a", false),
            (String, "\u{e9}", "e\u{301}", false),
            (Textarea, "a\nb", "a\r\nb", false),
            (Picklist, "Cold", "cold", false),
            (MultiPicklist, "cold;heavy", "heavy;cold", true),
            (MultiPicklist, "cold;heavy", "cold", false),
            (MultiPicklist, "cold", "Cold", false),
            (Reference, "0015500001QdQWaAAN", "0015500001QdQWa", true),
            (Reference, "0015500001QdQWaAAN", "0015500001QdQWb", false),
            (Boolean, "true", "TRUE", true),
            (Boolean, "false", "0", true),
            (Boolean, "false", "1", false),
            (Int, "7", "7.0", true),
            (Double, "10.5", "10.50", true),
            (Double, "0.0", "-0", true),
            (Double, "", "0", false),
            (Double, "10.5", "10.51", false),
            (Currency, "1000.0", "1e3", true),
            (DateTime, "2026-11-22T22:00:00.000Z", "2026-11-22T23:00:00+01:00", true),
            (DateTime, "2026-11-22T22:00:00.000+0000", "2026-11-22T22:00:00Z", true),
            (DateTime, "2026-11-22T22:00:00.000Z", "2026-11-22T22:00:01Z", false),
            (Date, "2026-11-22", "2026-11-22", true),
            (Date, "2026-11-22", "2026-11-23", false),
            (Time, "10:00:00.000Z", "10:00:00", true),
            (Time, "10:00:00.000Z", "10:00:01", false),
            (Other, "x", "X", false),
        ] {
            let found = would_keep(kind, held.as_bytes(), sent.as_bytes());
            assert_eq!(found, kept, "{kind:?} {held:?} {sent:?}");
        }
    }

    #[test]
    fn text_is_relaxed_only_when_asked() {
        for (sent, echoed) in
            [("a\r\nb", "a\nb"), (" x ", "x"), ("#N/A", ""), ("e\u{301}", "\u{e9}")]
        {
            let kind = FieldKind::String;
            assert_ne!(
                canonical(sent, kind, Form::Canonical),
                canonical(echoed, kind, Form::Canonical)
            );
            assert_eq!(
                canonical(sent, kind, Form::Relaxed),
                canonical(echoed, kind, Form::Relaxed)
            );
        }
    }

    /// The relaxed form was the stricter one for ids, dates, times and sets, so a row with one
    /// trimmed cell and one of these stayed unknown.
    #[test]
    fn what_is_one_in_canonical_form_is_one_when_relaxed() {
        for (sent, echoed, kind) in [
            ("0015500001QdQWa", "0015500001QdQWaAAN", FieldKind::Reference),
            ("0015500001QdQWa", "0015500001QdQWaAAN", FieldKind::Id),
            ("2026-11-20", "2026-11-20Z", FieldKind::Date),
            ("10:00:00", "10:00:00.000Z", FieldKind::Time),
            ("2026-11-20T09:00:01Z", "2026-11-20T09:00:01.000+0000", FieldKind::DateTime),
            ("#N/A", "", FieldKind::MultiPicklist),
            ("TRUE", "true", FieldKind::Boolean),
            ("1E5", "100000.0", FieldKind::Double),
        ] {
            assert_eq!(
                canonical(sent, kind, Form::Relaxed),
                canonical(echoed, kind, Form::Relaxed),
                "{sent} and {echoed}"
            );
        }
    }

    #[test]
    fn values_that_differ_stay_apart() {
        for (one, other, kind) in [
            ("", "0", FieldKind::Double),
            ("", "false", FieldKind::Boolean),
            ("1", "1.0", FieldKind::String),
            ("001550000000001", "001550000000002", FieldKind::Reference),
        ] {
            for form in [Form::Canonical, Form::Relaxed] {
                assert_ne!(
                    canonical(one, kind, form),
                    canonical(other, kind, form),
                    "{one} {other}"
                );
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn an_id_that_is_spelled_out_is_what_parsing_makes_of_it(
            text in "[0-9A-Za-z-]{15}[A-Z0-9a-c]{3}",
            follows in proptest::bool::ANY,
        ) {
            let own = RecordId::parse(&text.as_bytes()[..15]).ok().filter(|_| follows);
            let text = own.map_or(text, |id| id.to_string());
            let parsed = RecordId::parse(text.as_bytes());
            let wanted = parsed.map_or(text.as_bytes().to_vec(), |id| id.as_bytes().to_vec());
            for kind in [FieldKind::Id, FieldKind::Reference] {
                proptest::prop_assert_eq!(canonical(&text, kind, Form::Canonical), wanted.clone());
            }
        }
    }
}
