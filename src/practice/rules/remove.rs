//! Delete, hard delete and undelete.

use super::{Desk, access, fault};
use crate::practice::org::RowError;
use crate::practice::store::{Act, Life, Rid, Slot};

impl Desk<'_> {
    /// Takes a live record away: into the recycle bin where there is one, or for good.
    pub(super) fn delete(&mut self, nth: usize, record: Rid, hard: bool) -> Result<(), RowError> {
        access::before_delete(self.store, record)?;
        let bin = record.object().soft_deletes() && !hard;
        let act = if bin { Act::Delete } else { Act::HardDelete };
        let effect = self.effect(record, act, Vec::new());
        self.perform(effect, Some(nth));
        Ok(())
    }

    pub(super) fn undelete(&mut self, nth: usize, record: Rid) -> Result<(), RowError> {
        match self.store.life(record) {
            Life::Binned => {}
            Life::Live => {
                let message = "entity is not in the recycle bin";
                return Err(fault::fault("UNDELETE_FAILED", message, &[]));
            }
            Life::Gone => return Err(fault::deleted()),
        }
        self.keys_are_free(record)?;
        let effect = self.effect(record, Act::Undelete, Vec::new());
        self.perform(effect, Some(nth));
        Ok(())
    }

    fn keys_are_free(&self, record: Rid) -> Result<(), RowError> {
        let object = record.object();
        let fields = object.fields.iter().enumerate();
        for (place, field) in fields.filter(|(_, field)| field.unique) {
            if let Slot::Text(text) = self.store.get(record, place)
                && let Some(number) = self.store.table(object).having(place, &text).first()
            {
                return Err(fault::taken(field, Rid::new(object, *number)));
            }
        }
        Ok(())
    }
}
