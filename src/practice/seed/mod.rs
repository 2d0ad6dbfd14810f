//! The data of a new org: always the same for the same size.

mod access;
mod sales;

use super::objects::Catalog;
use super::org::SeedSize;
use super::store::{Act, Effect, Rid, Slot, Store};

/// When everything in the seed was made: 2026-01-05T08:00:00Z.
pub const MADE_AT: i64 = 1_767_600_000_000;

/// The login of the administrator, who is user 0.
pub const ADMIN: &str = "admin@practice.example";

/// A store with the data of a new org.
///
/// One that has other objects than ours for accounts and what hangs on them has none of these.
pub fn grow(catalog: &'static Catalog, size: &SeedSize) -> Store {
    let mut bed = planted(catalog, size);
    if catalog.is_made_up() {
        sales::plant(&mut bed);
    }
    bed.store
}

/// The same without accounts and what hangs on them.
pub fn grow_access(size: &SeedSize) -> Store {
    planted(Catalog::built_in(), size).store
}

fn planted(catalog: &'static Catalog, size: &SeedSize) -> Bed {
    let mut bed = Bed { store: Store::empty(catalog), dice: Dice(0x5EED_0F70_1A57_0001) };
    access::plant(&mut bed, size);
    bed
}

struct Bed {
    store: Store,
    dice: Dice,
}

impl Bed {
    /// Puts in a record; unknown field names are mistakes of the seed and caught by its tests.
    fn put(&mut self, object: &str, values: &[(&str, Slot<'static>)]) -> Rid {
        let catalog = self.store.catalog();
        let object = catalog.find(object).unwrap_or(&catalog.all()[0]);
        let target = self.store.next(object);
        let mut placed = Vec::with_capacity(values.len());
        for (field, slot) in values {
            let place = object.position(field);
            debug_assert!(place.is_some(), "{}.{field}", object.name());
            placed.extend(place.and_then(|p| u16::try_from(p).ok()).map(|p| (p, slot.clone())));
        }
        self.store.perform(&Effect { target, act: Act::Insert, at: MADE_AT, values: placed });
        target
    }
}

/// Numbers that look random and are the same each time (xorshift).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let high = usize::try_from(self.0 >> 33).unwrap_or_default();
        high % sides.max(1)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len())]
    }
}

const FIRST_NAMES: &[&str] = &[
    "Ada", "Amara", "Anton", "Aoife", "Astrid", "Bela", "Bruno", "Carla", "Chidi", "Clara",
    "Dario", "Daria", "Elif", "Emil", "Esther", "Farid", "Femi", "Frida", "Gita", "Greta", "Hana",
    "Hugo", "Ines", "Ivo", "Jana", "Jonas", "Kaito", "Kirsten", "Lars", "Leila", "Lena", "Luca",
    "Maja", "Malik", "Marta", "Mateo", "Mila", "Nadia", "Nils", "Nora", "Olga", "Omar", "Otto",
    "Paula", "Pedro", "Priya", "Ravi", "Rosa", "Ruth", "Samir", "Sara", "Sofia", "Sven", "Tara",
    "Tomas", "Uma", "Vera", "Viktor", "Yara", "Zeno",
];

const LAST_NAMES: &[&str] = &[
    "Abara",
    "Andersen",
    "Bakker",
    "Barros",
    "Bauer",
    "Brook",
    "Castro",
    "Chen",
    "Costa",
    "Dahl",
    "Duarte",
    "Eklund",
    "Farah",
    "Ferrari",
    "Fischer",
    "Garnier",
    "Grant",
    "Haas",
    "Hale",
    "Hansen",
    "Ibarra",
    "Ito",
    "Jansen",
    "Kamau",
    "Kaplan",
    "Keller",
    "Kovacs",
    "Kumar",
    "Larsen",
    "Lindqvist",
    "Lopez",
    "Marsh",
    "Mendes",
    "Meyer",
    "Mori",
    "Moreau",
    "Nakata",
    "Nolan",
    "Novak",
    "Oduya",
    "Okafor",
    "Olsen",
    "Orsini",
    "Park",
    "Pereira",
    "Quinn",
    "Rahman",
    "Reyes",
    "Rossi",
    "Sato",
    "Schmid",
    "Silva",
    "Stone",
    "Tanaka",
    "Thorne",
    "Vance",
    "Vega",
    "Weber",
    "Wood",
    "Yilmaz",
];

#[cfg(test)]
mod tests;
