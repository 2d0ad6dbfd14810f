//! A table from key to row: open addressing, 16 bytes a row for keys and 8 for slots.
//!
//! A look-up touches places far apart in memory, and waits for each. So keys come in groups: first
//! all slots of a group are read, then all keys that they name, and the processor fetches what does
//! not depend on each other at the same time.

use std::hint::black_box;

/// Keys that are looked up or added together. Source: performance.md, section 4.
pub const GROUP: usize = 64;

/// Which row has a key, and whether it is the only one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    Nothing,
    One(u32),
    /// Several rows share the key.
    Several,
}

/// Rows by key. Rows are numbered from 0 in the order of [`KeyTable::push`].
///
/// One table serves job after job: what it holds is taken once and stays, so that memory does not
/// depend on how many jobs there were.
#[derive(Default)]
pub struct KeyTable {
    keys: Vec<u128>,
    /// Rows from here on are not in the slots yet.
    slotted: usize,
    /// Row + 1, or 0 for an empty slot.
    slots: Vec<u32>,
    mask: usize,
    /// One bit a row: another row has the same key.
    shared: Vec<u64>,
}

impl KeyTable {
    /// Empties the table and makes room for `rows` rows.
    pub fn clear_for(&mut self, rows: usize) {
        let slots = (rows * 2).next_power_of_two().max(16);
        self.keys.clear();
        self.keys.reserve_exact(rows);
        self.slotted = 0;
        self.slots.clear();
        self.slots.resize(slots, 0);
        self.mask = slots - 1;
        self.shared.clear();
        self.shared.resize(rows.div_ceil(64).max(1), 0);
    }

    /// Adds the next row; [`Self::settle`] follows the last one.
    #[inline]
    pub fn push(&mut self, key: u128) {
        self.keys.push(key);
        if self.keys.len() - self.slotted == GROUP {
            self.settle();
        }
    }

    /// Gives all rows that were added their slots.
    pub fn settle(&mut self) {
        let group = self.slotted..self.keys.len();
        let touched = self.keys[group.clone()].iter().map(|key| self.slots[self.place(*key)]);
        black_box(touched.fold(0, u32::wrapping_add));
        for at in group {
            let row = u32::try_from(at).expect("a chunk has at most a million rows");
            match self.slot_of(self.keys[at]) {
                Ok(first) => {
                    self.mark_shared(first);
                    self.mark_shared(row);
                }
                Err(empty) => self.slots[empty] = row + 1,
            }
        }
        self.slotted = self.keys.len();
    }

    /// Who has this key.
    pub fn find(&self, key: u128) -> Found {
        match self.slot_of(key) {
            Ok(row) if self.is_shared(row) => Found::Several,
            Ok(row) => Found::One(row),
            Err(_) => Found::Nothing,
        }
    }

    /// Who has each of these keys, at most [`GROUP`].
    pub fn find_all(&self, keys: &[u128], found: &mut Vec<Found>) {
        let mut rows = [0_u32; GROUP];
        for (row, key) in rows.iter_mut().zip(keys) {
            *row = self.slots[self.place(*key)];
        }
        let mut hits = [false; GROUP];
        for ((hit, row), key) in hits.iter_mut().zip(rows).zip(keys) {
            // An empty slot says 0, and the row before the first one is no key's.
            let own = self.keys.get((row as usize).wrapping_sub(1));
            *hit = own == Some(key);
        }
        found.clear();
        found.extend(keys.iter().zip(rows.into_iter().zip(hits)).map(|(key, (row, hit))| {
            if !hit {
                self.find(*key)
            } else if self.is_shared(row - 1) {
                Found::Several
            } else {
                Found::One(row - 1)
            }
        }));
    }

    /// Whether another row has the same key.
    pub fn is_shared(&self, row: u32) -> bool {
        self.shared[row as usize / 64] >> (row % 64) & 1 == 1
    }

    fn mark_shared(&mut self, row: u32) {
        self.shared[row as usize / 64] |= 1 << (row % 64);
    }

    /// The slot where the search for a key begins.
    #[inline]
    fn place(&self, key: u128) -> usize {
        key as usize & self.mask
    }

    /// The first row with this key, or the empty slot where it would stand.
    #[inline]
    fn slot_of(&self, key: u128) -> Result<u32, usize> {
        let mut slot = self.place(key);
        loop {
            match self.slots[slot] {
                0 => return Err(slot),
                taken if self.keys[taken as usize - 1] == key => return Ok(taken - 1),
                _ => slot = (slot + 1) & self.mask,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_find_their_rows() {
        let mut table = KeyTable::default();
        table.clear_for(5);
        // 16 and 0 share the low bits, so they meet in one slot.
        for key in [0, 16, 7, 16, 1 << 100] {
            table.push(key);
        }
        table.settle();
        assert_eq!(table.find(0), Found::One(0));
        assert_eq!(table.find(16), Found::Several);
        assert_eq!(table.find(7), Found::One(2));
        assert_eq!(table.find(1 << 100), Found::One(4));
        assert_eq!(table.find(32), Found::Nothing);
        assert!(table.is_shared(1) && table.is_shared(3) && !table.is_shared(2));
    }

    #[test]
    fn many_keys_are_found_as_one_is() {
        let mut table = KeyTable::default();
        let key = |number: u128| number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 3;
        for rows in [0, 1, GROUP, GROUP + 1, 5 * GROUP - 1] {
            table.clear_for(rows);
            // Every seventh row is like the one before.
            for row in 0..rows {
                table.push(key(if row % 7 == 6 { row - 1 } else { row } as u128));
            }
            table.settle();
            let keys: Vec<u128> = (0..rows as u128 + 20).map(key).collect();
            let mut found = Vec::new();
            for group in keys.chunks(GROUP) {
                table.find_all(group, &mut found);
                let alone: Vec<Found> = group.iter().map(|key| table.find(*key)).collect();
                assert_eq!(found, alone, "{rows} rows");
            }
        }
    }
}
