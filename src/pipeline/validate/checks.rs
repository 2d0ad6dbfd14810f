//! The checks of one load, ready to run over values.

use std::collections::HashSet;
use std::ops::Range;

use super::codes::{
    BAD_BOOLEAN, BAD_DATE, BAD_DATETIME, BAD_EMAIL, BAD_ID, BAD_ID_CHECKSUM, BAD_INT, BAD_NUMBER,
    BAD_TIME, BLANK_ID, BLANK_KEY, CANNOT_CLEAR, FIELD_TOO_LONG, NOT_IN_PICKLIST, NUMBER_TOO_LARGE,
    REQUIRED, ROW_TOO_LONG, TOO_LONG, WRONG_OBJECT,
};
use super::values;
use crate::model::ids::{BadRecordId, RecordId};
use crate::model::limits::{FIELD_CHARS_MAX, ROW_CHARS_MAX};
use crate::model::rows::{Table, ValueFault};
use crate::model::wording::{nearest, shown};

/// What the far side reads as "clear this field". Source: Bulk API CSV rules.
const CLEAR: &[u8] = b"#N/A";

/// Rows whose values are looked at column by column: their text stays near the processor.
const ROWS_AT_ONCE: usize = 256;

/// Digits before the point that any number may have.
const SIMPLE_DIGITS: usize = 300;

/// Picklist values that a message lists.
const VALUES_LISTED: usize = 10;

/// The checks of each column of the body, in order; made by [`super::prepare`].
#[derive(Debug, Clone)]
pub struct Checks {
    pub(super) columns: Vec<Check>,
}

/// What one column's values must be.
#[derive(Debug, Clone)]
pub(super) struct Check {
    /// What a message names: the source column, or the field of a constant.
    pub column: String,
    /// The object's field, for messages about what it takes.
    pub field: String,
    pub blank: Blank,
    /// The field can hold nothing, so `#N/A` is taken.
    pub nillable: bool,
    /// Characters; `usize::MAX` where the org names no bound.
    pub length: usize,
    pub test: Test,
}

/// What an empty value means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blank {
    Fine,
    Required,
    Id,
    Key,
}

#[derive(Debug, Clone)]
pub(super) enum Test {
    /// Nothing but the length.
    Text,
    /// Digits at most; 0 means no bound.
    Int(u32),
    /// Digits before the point at most; `None` means no bound.
    Number(Option<u32>),
    Boolean,
    /// `early` takes years before 1700 too.
    Date {
        early: bool,
    },
    DateTime {
        early: bool,
    },
    Time,
    Email,
    OneOf(Picklist),
    SomeOf(Picklist),
    Id(Prefixes),
}

/// The active values of a restricted picklist.
#[derive(Debug, Clone)]
pub(super) struct Picklist {
    pub exact: HashSet<Box<[u8]>>,
    /// In the org's order, each with its label.
    pub values: Vec<(String, String)>,
}

/// The key prefixes that an id may have.
#[derive(Debug, Clone)]
pub(super) struct Prefixes {
    /// Empty: any, because the org would not tell all of them.
    pub allowed: Vec<[u8; 3]>,
    /// The objects that are allowed, for messages.
    pub objects: Vec<String>,
    /// Every prefix that is known with its object, sorted.
    pub known: std::sync::Arc<[([u8; 3], String)]>,
}

/// A code and the end of a sentence that begins with the column.
type Complaint = (&'static str, String);

impl Checks {
    /// Lets the org decide about years before 1700, which were asked for by name.
    #[must_use]
    pub fn with_early_years(mut self) -> Self {
        for check in &mut self.columns {
            if let Test::Date { early } | Test::DateTime { early } = &mut check.test {
                *early = true;
            }
        }
        self
    }

    /// The rows with a fault, each with its first one in the order of its columns.
    ///
    /// All values of a column are looked at one after the other, some rows at a time: which check
    /// they take is asked once.
    pub(super) fn faults(&self, fields: &Table) -> Vec<(usize, ValueFault)> {
        let mut found = Vec::new();
        let mut odd = [false; ROWS_AT_ONCE];
        for first in (0..fields.len()).step_by(ROWS_AT_ONCE) {
            let rows = first..fields.len().min(first + ROWS_AT_ONCE);
            let odd = &mut odd[..rows.len()];
            odd.fill(false);
            let columns = self.columns.iter().zip(0..fields.width());
            let longest: usize =
                columns.map(|(check, column)| check.look(fields, column, &rows, odd)).sum();
            if longest > ROW_CHARS_MAX {
                odd.fill(true);
            }
            let odd = rows.zip(odd).filter_map(|(row, odd)| odd.then_some(row));
            found.extend(odd.filter_map(|row| Some((row, self.looked_at(fields, row)?))));
        }
        found
    }

    /// The first fault of a row, with a close look at each value.
    #[inline(never)]
    pub(super) fn looked_at(&self, fields: &Table, row: usize) -> Option<ValueFault> {
        let mut bytes = 0;
        for (check, value) in self.columns.iter().zip(fields.row(row)) {
            bytes += value.len();
            if let Err(complaint) = check.run(value) {
                return Some(check.fault(complaint));
            }
        }
        if bytes <= ROW_CHARS_MAX { None } else { too_long_row(fields, row) }
    }
}

#[cold]
fn too_long_row(fields: &Table, row: usize) -> Option<ValueFault> {
    let characters: usize = fields.row(row).map(values::characters).sum();
    (characters > ROW_CHARS_MAX).then(|| ValueFault {
        column: None,
        code: ROW_TOO_LONG,
        message: format!(
            "the row has {characters} characters to send, a row may have {ROW_CHARS_MAX}"
        ),
    })
}

/// The values of one column in some rows.
struct Column<'a> {
    check: &'a Check,
    table: &'a Table,
    place: usize,
    rows: Range<usize>,
}

impl Column<'_> {
    /// `is_good` is asked about values that are not blank, not `#N/A` and not too long.
    #[inline]
    fn look(self, odd: &mut [bool], is_good: impl Fn(&[u8]) -> bool) -> usize {
        let empty = self.check.blank == Blank::Fine;
        let most = self.check.length.min(FIELD_CHARS_MAX);
        let mut longest = 0;
        for (value, odd) in self.table.column(self.place, self.rows).zip(odd) {
            longest = longest.max(value.len());
            let good = match value {
                [] => empty,
                // Neither white space nor `#` is above that.
                [first, ..] => *first > b'#' && value.len() <= most && is_good(value),
            };
            *odd |= !good;
        }
        longest
    }
}

impl Check {
    #[cold]
    fn fault(&self, (code, what): Complaint) -> ValueFault {
        ValueFault {
            column: Some(self.column.clone()),
            code,
            message: format!("`{}`: {what}", self.column),
        }
    }

    /// The quick way to most good values of a column: notes the rows whose values are not known to
    /// be good, about which [`Self::run`] decides, and returns the bytes of the longest value.
    fn look(&self, table: &Table, column: usize, rows: &Range<usize>, odd: &mut [bool]) -> usize {
        let cells = Column { check: self, table, place: column, rows: rows.clone() };
        match &self.test {
            Test::Text => cells.look(odd, |_| true),
            Test::Boolean => cells.look(odd, values::is_boolean),
            Test::Date { .. } => cells.look(odd, values::is_date),
            Test::DateTime { .. } => cells.look(odd, values::is_datetime),
            Test::Time => cells.look(odd, values::is_time),
            Test::Email => cells.look(odd, values::is_email),
            Test::OneOf(picklist) | Test::SomeOf(picklist) => {
                cells.look(odd, |value| picklist.has(value))
            }
            Test::Int(digits) => {
                // Numbers of nine digits fit in 32 bits.
                let most = if *digits == 0 { 9 } else { 9.min(*digits as usize) };
                cells.look(odd, |value| values::is_simple_whole(value, most))
            }
            Test::Number(digits) => {
                let most = digits.map_or(SIMPLE_DIGITS, |digits| digits as usize);
                cells.look(odd, |value| values::is_simple_number(value, most.min(SIMPLE_DIGITS)))
            }
            Test::Id(prefixes) => match &prefixes.allowed[..] {
                [] => cells.look(odd, values::is_id),
                [only] => cells.look(odd, |id| values::is_id(id) && id.starts_with(only)),
                _ => cells.look(odd, |id| values::is_id(id) && prefixes.take(id)),
            },
        }
    }

    fn run(&self, value: &[u8]) -> Result<(), Complaint> {
        if value.is_empty() {
            return self.blank();
        }
        if value == CLEAR {
            return self.cleared();
        }
        // Bytes are never fewer than characters, so most values need no counting.
        if value.len() > self.length.min(FIELD_CHARS_MAX) {
            self.length(value)?;
        }
        if self.blank != Blank::Fine && value.iter().all(u8::is_ascii_whitespace) {
            return self.blank();
        }
        match &self.test {
            Test::Text => Ok(()),
            Test::Id(prefixes) => self.id(value, prefixes),
            Test::Int(digits) => int(value, *digits),
            Test::Number(digits) => number(value, *digits),
            Test::Boolean => wish(
                values::is_boolean(value),
                BAD_BOOLEAN,
                value,
                "expected `true`, `false`, `1` or `0`",
            ),
            Test::Date { early } => wish(
                values::is_date(value) || *early && values::is_early_date(value),
                BAD_DATE,
                value,
                "expected a day as `yyyy-MM-dd`, from 1700 to 4000",
            ),
            Test::DateTime { early: true } if values::is_early_datetime(value) => Ok(()),
            Test::DateTime { .. } => datetime(value),
            Test::Time => {
                wish(values::is_time(value), BAD_TIME, value, "expected a time as `HH:mm:ss.SSSZ`")
            }
            Test::Email => {
                wish(values::is_email(value), BAD_EMAIL, value, "expected an address as `a@b.org`")
            }
            Test::OneOf(picklist) => picklist.check(value),
            Test::SomeOf(picklist) => value
                .split(|byte| *byte == b';')
                .map(<[u8]>::trim_ascii)
                .filter(|part| !part.is_empty())
                .try_for_each(|part| picklist.check(part)),
        }
    }

    fn blank(&self) -> Result<(), Complaint> {
        match self.blank {
            Blank::Fine => Ok(()),
            Blank::Required => Err((REQUIRED, format!("blank, but `{}` is required", self.field))),
            Blank::Id => Err((BLANK_ID, "blank, but each row needs its record id".to_owned())),
            Blank::Key => {
                let what = format!("blank, but `{}` is the key of the upsert", self.field);
                Err((BLANK_KEY, what))
            }
        }
    }

    fn cleared(&self) -> Result<(), Complaint> {
        match self.blank {
            Blank::Fine if self.nillable => Ok(()),
            Blank::Fine => {
                Err((CANNOT_CLEAR, format!("`#N/A`, but `{}` cannot be empty", self.field)))
            }
            _ => self.blank().map_err(|(code, what)| (code, what.replace("blank", "`#N/A`"))),
        }
    }

    #[cold]
    fn length(&self, value: &[u8]) -> Result<(), Complaint> {
        let characters = values::characters(value);
        if characters > self.length {
            let what = format!(
                "`{}` has {characters} characters, `{}` takes {}",
                shown(value),
                self.field,
                self.length
            );
            return Err((TOO_LONG, what));
        }
        if characters > FIELD_CHARS_MAX {
            let what = format!(
                "`{}` has {characters} characters, a field may have {FIELD_CHARS_MAX}",
                shown(value)
            );
            return Err((FIELD_TOO_LONG, what));
        }
        Ok(())
    }

    fn id(&self, value: &[u8], prefixes: &Prefixes) -> Result<(), Complaint> {
        if !values::is_id(value) {
            RecordId::parse(value).map_err(|bad| bad_id(value, &bad))?;
        }
        let prefix = &value[..3];
        if prefixes.take(value) {
            return Ok(());
        }
        self.wrong_object(value, prefix, prefixes)
    }

    #[cold]
    fn wrong_object(
        &self,
        value: &[u8],
        prefix: &[u8],
        prefixes: &Prefixes,
    ) -> Result<(), Complaint> {
        let is = match prefixes.known.binary_search_by(|(known, _)| known[..].cmp(prefix)) {
            Ok(at) => format!("is an id of `{}`", prefixes.known[at].1),
            Err(_) => format!("begins with `{}`", shown(prefix)),
        };
        let takes = prefixes.objects.join("` or `");
        Err((WRONG_OBJECT, format!("`{}` {is}, `{}` takes `{takes}`", shown(value), self.field)))
    }
}

#[cold]
fn bad_id(value: &[u8], bad: &BadRecordId) -> Complaint {
    let shown = shown(value);
    match (bad, with_case_restored(value)) {
        (BadRecordId::Checksum { .. }, Some(id)) => {
            (BAD_ID_CHECKSUM, format!("`{shown}` has lost its case, it was `{id}`"))
        }
        (BadRecordId::Checksum { .. }, None) => {
            (BAD_ID_CHECKSUM, format!("`{shown}` is no id: its checksum is wrong"))
        }
        _ => (BAD_ID, format!("`{shown}` is no id: {bad}")),
    }
}

/// The id that the last three characters of an 18-character id describe: each of them holds, as a
/// number of five bits, which letters of its five are capitals.
fn with_case_restored(value: &[u8]) -> Option<RecordId> {
    let (fifteen, tail) = value.split_at_checked(15)?;
    let mut restored = fifteen.to_ascii_lowercase();
    for (group, check) in restored.chunks_mut(5).zip(tail) {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
        let mask = alphabet.iter().position(|one| *one == check.to_ascii_uppercase())?;
        for (bit, byte) in group.iter_mut().enumerate() {
            if mask >> bit & 1 == 1 {
                byte.make_ascii_uppercase();
            }
        }
    }
    restored.extend_from_slice(tail);
    RecordId::parse(&restored).ok()
}

fn wish(fits: bool, code: &'static str, value: &[u8], expected: &str) -> Result<(), Complaint> {
    if fits { Ok(()) } else { Err((code, format!("`{}`, {expected}", shown(value)))) }
}

fn int(value: &[u8], digits: u32) -> Result<(), Complaint> {
    match values::whole(value) {
        Some((_, given)) if digits > 0 && given > digits => {
            let what = format!("`{}` has {given} digits, at most {digits} fit", shown(value));
            Err((NUMBER_TOO_LARGE, what))
        }
        Some(_) => Ok(()),
        None if values::is_whole(value) => {
            let what = format!("`{}` does not fit in 32 bits", shown(value));
            Err((NUMBER_TOO_LARGE, what))
        }
        None => Err((BAD_INT, format!("`{}`, expected a whole number as `1234`", shown(value)))),
    }
}

fn number(value: &[u8], most: Option<u32>) -> Result<(), Complaint> {
    match (values::number(value), most) {
        (values::Number::Whole(digits), Some(most)) if digits > most => {
            let what = format!(
                "`{}` has {digits} digits before the point, at most {most} fit",
                shown(value)
            );
            Err((NUMBER_TOO_LARGE, what))
        }
        (values::Number::Whole(_), _) => Ok(()),
        (values::Number::TooLarge, _) => {
            Err((NUMBER_TOO_LARGE, format!("`{}` is beyond what a number holds", shown(value))))
        }
        (values::Number::No, _) => {
            Err((BAD_NUMBER, format!("`{}`, expected a number as `1234.56`", shown(value))))
        }
    }
}

fn datetime(value: &[u8]) -> Result<(), Complaint> {
    if values::is_datetime(value) {
        return Ok(());
    }
    let shown = shown(value);
    let what = if values::is_local_datetime(value) {
        format!("`{shown}` has no zone, expected `Z` or an offset as `+02:00` behind")
    } else {
        format!("`{shown}`, expected a moment as `yyyy-MM-ddTHH:mm:ss.SSSZ`")
    };
    Err((BAD_DATETIME, what))
}

impl Prefixes {
    /// Whether an id of this beginning is one of theirs.
    fn take(&self, id: &[u8]) -> bool {
        let known = |prefix| self.allowed.contains(prefix);
        self.allowed.is_empty() || id.first_chunk().is_some_and(known)
    }
}

/// Values among which looking at each is quicker than hashing.
const PICKLIST_SHORT: usize = 12;

impl Picklist {
    /// Whether it is one of the values, to the letter.
    fn has(&self, value: &[u8]) -> bool {
        if self.values.len() > PICKLIST_SHORT {
            return self.exact.contains(value);
        }
        self.values.iter().any(|(known, _)| known.as_bytes() == value)
    }

    /// The org compares without case and stores its own spelling, so any case will do.
    fn check(&self, value: &[u8]) -> Result<(), Complaint> {
        if self.has(value) { Ok(()) } else { self.check_slowly(value) }
    }

    #[cold]
    fn check_slowly(&self, value: &[u8]) -> Result<(), Complaint> {
        let text = String::from_utf8_lossy(value);
        let lower = text.to_lowercase();
        if self.values.iter().any(|(known, _)| known.to_lowercase() == lower) {
            return Ok(());
        }
        let value = shown(value);
        if let Some((known, _)) =
            self.values.iter().find(|(_, label)| label.to_lowercase() == lower)
        {
            let what = format!("`{value}` is the label of `{known}`, which is the value to send");
            return Err((NOT_IN_PICKLIST, what));
        }
        let names = self.values.iter().map(|(known, _)| known.as_str());
        // One wrong letter of two makes nothing alike.
        let near = nearest(&text, names).filter(|_| text.chars().count() > 2);
        if let Some(near) = near {
            let count = self.values.len();
            let what = format!("`{value}` is none of the {count} values, did you mean `{near}`?");
            return Err((NOT_IN_PICKLIST, what));
        }
        let mut list: Vec<String> =
            self.values.iter().take(VALUES_LISTED).map(|(known, _)| format!("`{known}`")).collect();
        if self.values.len() > VALUES_LISTED {
            list.push(format!("and {} more", self.values.len() - VALUES_LISTED));
        }
        Err((NOT_IN_PICKLIST, format!("`{value}` is none of {}", list.join(", "))))
    }
}
