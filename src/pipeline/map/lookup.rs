//! A value by way of a key: which lookup fills a slot, and what its answers make of a key.

use std::sync::Arc;

use super::apply::Complaint;
use super::error::MapError;
use super::resolve::Resolved;
use super::{CLEAR, LOOKUP_AMBIGUOUS, LOOKUP_MISSING, Mapping};
use crate::config::mapping::{Fallback, Lookup, LookupFrom};
use crate::model::failure::Failure;
use crate::model::ids::RecordId;
use crate::model::rows::Table;
use crate::model::schema::{FieldKind, LoadSchema};
use crate::model::wording::shown;
use crate::pipeline::answers::{Answers, Found, KeyPrint, print_of};

/// A lookup that fills a field.
#[derive(Debug, Clone)]
pub struct LookupSlot {
    pub lookup: Lookup,
    /// The header cell of the field that it fills.
    pub field: String,
    /// The line of the mapping, for messages.
    pub place: String,
    /// How ids of the object begin; `None` for a file, where an id is a key like any other: it may
    /// be one of another org.
    prefix: Option<String>,
    answers: Option<Arc<Answers>>,
}

/// What a key comes to.
#[derive(Debug, PartialEq, Eq)]
pub enum LookedUp<'a> {
    Value(&'a [u8]),
    /// The field is sent empty.
    Skip,
}

/// Room that is used again for each key.
#[derive(Debug, Default)]
pub struct Room {
    folded: String,
    block: Vec<u8>,
    id: Vec<u8>,
}

impl LookupSlot {
    /// Checks that what the lookup gives can stand in the field.
    pub(super) fn new(
        lookup: &Lookup,
        place: &str,
        filled: &Resolved,
        schema: &LoadSchema,
    ) -> Result<Self, MapError> {
        let field = &filled.field;
        if filled.related.is_some() {
            return Err(MapError::LookupTwice {
                place: place.to_owned(),
                name: filled.header.clone(),
                field: field.name.clone(),
            });
        }
        if let LookupFrom::Step { step, .. } = &lookup.from {
            let (place, step) = (place.to_owned(), step.clone());
            return Err(MapError::LookupStep { place, step });
        }
        let mut prefix = None;
        if let LookupFrom::Object { object, .. } = &lookup.from {
            let allowed = match field.kind {
                FieldKind::Id => std::slice::from_ref(&schema.object.name),
                _ => &field.reference_to,
            };
            let fits = allowed.is_empty() || allowed.iter().any(|o| o.eq_ignore_ascii_case(object));
            if !fits {
                return Err(MapError::LookupObject {
                    place: place.to_owned(),
                    field: field.name.clone(),
                    object: object.clone(),
                    allowed: allowed.to_vec(),
                });
            }
            prefix = schema.key_prefixes.get(&object.to_lowercase()).cloned();
        }
        Ok(Self {
            lookup: lookup.clone(),
            field: filled.header.clone(),
            place: place.to_owned(),
            prefix,
            answers: None,
        })
    }

    /// The id that a key is itself: of 18 characters, with the right beginning and checksum.
    ///
    /// One of 15 has no checksum, and an account number may look like it; it counts only where
    /// nothing is found by it.
    pub fn is_id(&self, key: &str, length: usize) -> Option<RecordId> {
        let prefix = self.prefix.as_deref()?;
        if key.len() != length || !key.starts_with(prefix) {
            return None;
        }
        RecordId::parse(key.as_bytes()).ok()
    }

    /// The fingerprint by which the answers know a key.
    pub fn print(&self, key: &str, folded: &mut String) -> KeyPrint {
        print_of(key, self.lookup.case, folded)
    }

    /// What a key that is not blank comes to; or why the row is rejected.
    pub(super) fn answer<'a>(
        &'a self,
        key: &str,
        room: &'a mut Room,
    ) -> Result<LookedUp<'a>, Complaint> {
        if let Some(id) = self.is_id(key, 18) {
            room.id = id.as_bytes().to_vec();
            return Ok(LookedUp::Value(&room.id));
        }
        let print = self.print(key, &mut room.folded);
        let answer = self.answers.as_ref().and_then(|it| it.find(&print, &mut room.block));
        let (found, text) = answer.map_or((Found::Missing, &b""[..]), |it| (it.found, it.text));
        let (fallback, code) = match found {
            Found::One => return Ok(LookedUp::Value(text)),
            Found::Missing => (&self.lookup.on_missing, LOOKUP_MISSING),
            Found::Many => (&self.lookup.on_many, LOOKUP_AMBIGUOUS),
        };
        match fallback {
            Fallback::Error | Fallback::Reject => Err((code, self.complaint(key, found, text))),
            Fallback::Skip => Ok(LookedUp::Skip),
            Fallback::Default(value) => Ok(LookedUp::Value(value.as_bytes())),
        }
    }

    /// What is wrong with a key, with the nearest keys or the records that it finds.
    pub fn complaint(&self, key: &str, found: Found, text: &[u8]) -> String {
        let text = String::from_utf8_lossy(text);
        let key = shown(key.as_bytes());
        let (none, one) = match &self.lookup.from {
            LookupFrom::Object { object, fields, filter } => {
                let fields = fields.join("` or `");
                let filter = filter.as_ref().map(|filter| format!(" where {filter}"));
                let filter = filter.unwrap_or_default();
                (
                    format!("no `{object}`{filter} has `{key}` as its `{fields}`"),
                    format!("`{key}` is the `{fields}` of more than one `{object}`{filter}"),
                )
            }
            LookupFrom::File { path, key: column, .. } => {
                let (path, column) = (path.display(), shown(column.as_bytes()));
                (
                    format!("no line of `{path}` has `{key}` as its `{column}`"),
                    format!("`{key}` is the `{column}` of different lines of `{path}`"),
                )
            }
            LookupFrom::Step { step, key: column } => {
                let column = shown(column.as_bytes());
                (
                    format!("no row of the step `{step}` has `{key}` as its `{column}`"),
                    format!("`{key}` is the `{column}` of different rows of the step `{step}`"),
                )
            }
        };
        match found {
            Found::Many => format!("{one}: {text}"),
            _ if text.is_empty() => none,
            _ => format!("{none}; nearest: {text}"),
        }
    }
}

impl Mapping {
    /// The lookups, in the order of the fields that they fill.
    pub fn lookups(&self) -> impl Iterator<Item = &LookupSlot> {
        self.slots.iter().filter_map(|slot| slot.lookup.as_ref())
    }

    /// Gives each lookup its answers, in the order of [`Self::lookups`].
    pub fn attach(&mut self, answers: impl IntoIterator<Item = Arc<Answers>>) {
        let lookups = self.slots.iter_mut().filter_map(|slot| slot.lookup.as_mut());
        for (lookup, answers) in lookups.zip(answers) {
            lookup.answers = Some(answers);
        }
    }

    /// Why answers could not be read, if so: then nothing that was mapped since then counts.
    pub fn trouble(&self) -> Option<Failure> {
        self.lookups().find_map(|lookup| lookup.answers.as_ref()?.trouble())
    }

    /// The keys of a row that must be looked up, with the number of their lookup.
    ///
    /// A value that a transform refuses is no key; its row will be rejected.
    pub fn each_key<E>(
        &self,
        source: &Table,
        row: usize,
        mut take: impl FnMut(usize, &LookupSlot, &str) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut scratch = Vec::new();
        let slots = self.slots.iter().filter(|slot| slot.lookup.is_some());
        for (number, slot) in slots.enumerate() {
            let Some(lookup) = &slot.lookup else { continue };
            let value = slot.raw_value(source, row, &mut scratch);
            let Ok(key) = slot.transformed(value) else { continue };
            let blank = key.is_empty() || key.as_bytes() == CLEAR;
            if !blank && lookup.is_id(&key, 18).is_none() {
                take(number, lookup, &key)?;
            }
        }
        Ok(())
    }
}
