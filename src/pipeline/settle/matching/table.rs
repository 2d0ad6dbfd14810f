//! A table from key to row: open addressing, 16 bytes a row for keys and 8 for slots.

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
        self.slots.clear();
        self.slots.resize(slots, 0);
        self.mask = slots - 1;
        self.shared.clear();
        self.shared.resize(rows.div_ceil(64).max(1), 0);
    }

    /// Adds the next row.
    pub fn push(&mut self, key: u128) {
        let row = u32::try_from(self.keys.len()).expect("a chunk has at most a million rows");
        self.keys.push(key);
        match self.slot_of(key) {
            Ok(first) => {
                self.mark_shared(first);
                self.mark_shared(row);
            }
            Err(empty) => self.slots[empty] = row + 1,
        }
    }

    /// Who has this key.
    pub fn find(&self, key: u128) -> Found {
        match self.slot_of(key) {
            Ok(row) if self.is_shared(row) => Found::Several,
            Ok(row) => Found::One(row),
            Err(_) => Found::Nothing,
        }
    }

    /// Whether another row has the same key.
    pub fn is_shared(&self, row: u32) -> bool {
        self.shared[row as usize / 64] >> (row % 64) & 1 == 1
    }

    fn mark_shared(&mut self, row: u32) {
        self.shared[row as usize / 64] |= 1 << (row % 64);
    }

    /// The first row with this key, or the empty slot where it would stand.
    fn slot_of(&self, key: u128) -> Result<u32, usize> {
        let mut slot = key as usize & self.mask;
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
        assert_eq!(table.find(0), Found::One(0));
        assert_eq!(table.find(16), Found::Several);
        assert_eq!(table.find(7), Found::One(2));
        assert_eq!(table.find(1 << 100), Found::One(4));
        assert_eq!(table.find(32), Found::Nothing);
        assert!(table.is_shared(1) && table.is_shared(3) && !table.is_shared(2));
    }
}
