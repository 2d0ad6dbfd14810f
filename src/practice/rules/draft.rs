//! A record as it would be if the row went through.

use crate::practice::objects::Object;
use crate::practice::store::{Rid, Slot, Store};

/// The values of a row over those of the record that it changes, if there is one.
pub(super) struct Draft<'a> {
    pub object: &'static Object,
    pub record: Option<Rid>,
    /// By place; the last one counts.
    pub values: &'a mut Vec<(usize, Slot<'static>)>,
}

impl Draft<'_> {
    /// The value that the row itself gives.
    pub(super) fn given(&self, place: usize) -> Option<&Slot<'static>> {
        self.values.iter().rev().find(|(at, _)| *at == place).map(|(_, slot)| slot)
    }

    pub(super) fn is_given(&self, field: &str) -> bool {
        self.object.position(field).is_some_and(|place| self.given(place).is_some())
    }

    pub(super) fn get<'s>(&'s self, store: &'s Store, field: &str) -> Slot<'s> {
        let Some(place) = self.object.position(field) else { return Slot::Null };
        match (self.given(place), self.record) {
            (Some(slot), _) => slot.clone(),
            (None, Some(record)) => store.get(record, place),
            (None, None) => Slot::Null,
        }
    }

    pub(super) fn reference(&self, store: &Store, field: &str) -> Option<Rid> {
        match self.get(store, field) {
            Slot::Ref(rid) => Some(rid),
            _ => None,
        }
    }

    pub(super) fn text(&self, store: &Store, field: &str) -> Option<String> {
        match self.get(store, field) {
            Slot::Text(text) => Some(text.into_owned()),
            _ => None,
        }
    }

    pub(super) fn put(&mut self, field: &str, slot: Slot<'static>) {
        if let Some(place) = self.object.position(field) {
            self.values.retain(|(at, _)| *at != place);
            self.values.push((place, slot));
        }
    }
}
