//! The records: one table an object, one typed column a field.
//!
//! A column costs nothing until something is put into it, and a million assignments cost tens of
//! megabytes. Nothing is checked here; [`super::rules`] decides, [`Store::perform`] does.

mod column;
mod slot;

use std::collections::HashMap;

pub use column::Column;
pub use slot::{Rid, Slot, read_date, read_datetime, spell_date, spell_datetime};

use super::objects::{Catalog, Field, Kind, Object};

/// What is done to one record. The only way that data changes, live and at replay.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    pub target: Rid,
    pub act: Act,
    /// Milliseconds since the epoch.
    pub at: i64,
    /// By place in [`Object::fields`].
    pub values: Vec<(u16, Slot<'static>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Insert,
    Update,
    Delete,
    HardDelete,
    Undelete,
}

impl Act {
    pub fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::HardDelete => "hardDelete",
            Self::Undelete => "undelete",
        }
    }

    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Insert, Self::Update, Self::Delete, Self::HardDelete, Self::Undelete]
            .into_iter()
            .find(|act| act.name() == name)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    Live,
    /// In the recycle bin.
    Binned,
    /// Gone for good, or never there.
    Gone,
}

/// All records of all objects.
pub struct Store {
    catalog: &'static Catalog,
    tables: Vec<Table>,
}

impl Store {
    pub fn empty(catalog: &'static Catalog) -> Self {
        Self { catalog, tables: catalog.all().iter().map(Table::new).collect() }
    }

    /// The objects whose records it holds.
    pub fn catalog(&self) -> &'static Catalog {
        self.catalog
    }

    pub fn table(&self, object: &Object) -> &Table {
        &self.tables[usize::from(object.index)]
    }

    /// The table of an object that the catalog is known to have.
    pub fn named(&self, object: &str) -> &Table {
        let index = self.catalog.find(object).map_or(0, |object| object.index);
        &self.tables[usize::from(index)]
    }

    pub fn life(&self, record: Rid) -> Life {
        self.table(record.object()).life(record.number())
    }

    pub fn get(&self, record: Rid, place: usize) -> Slot<'_> {
        self.table(record.object()).get(record.number(), place)
    }

    /// The id that the next insert into this object gets.
    pub fn next(&self, object: &'static Object) -> Rid {
        Rid::new(object, self.table(object).len())
    }

    /// Does it, and everything that follows from it without being said: keys, stamps, seat counts.
    pub fn perform(&mut self, effect: &Effect) {
        self.count_seats(effect.target, -1);
        let index = usize::from(effect.target.object().index);
        self.tables[index].perform(effect);
        self.count_seats(effect.target, 1);
    }

    /// Keeps `UsedLicenses` of what a record takes a seat of.
    fn count_seats(&mut self, record: Rid, change: i64) {
        let object = record.object();
        let seat = match object.name() {
            "User" => self.license_of_user(record),
            "PermissionSetLicenseAssign" if self.life(record) == Life::Live => {
                self.reference(record, "PermissionSetLicenseId")
            }
            _ => None,
        };
        if let Some(license) = seat {
            let table = &mut self.tables[usize::from(license.object().index)];
            let Some(place) = table.object.position("UsedLicenses") else { return };
            let Slot::Int(used) = table.get(license.number(), place) else { return };
            table.columns[place].put(license.number(), Slot::Int(used + change));
        }
    }

    /// The user license whose seat an active user takes.
    pub fn license_of_user(&self, user: Rid) -> Option<Rid> {
        let active =
            self.life(user) == Life::Live && self.by_name(user, "IsActive") == Slot::Bool(true);
        let profile = self.reference(user, "ProfileId").filter(|_| active)?;
        self.reference(profile, "UserLicenseId")
    }

    pub fn by_name(&self, record: Rid, field: &str) -> Slot<'_> {
        match record.object().position(field) {
            Some(place) => self.get(record, place),
            None => Slot::Null,
        }
    }

    pub fn reference(&self, record: Rid, field: &str) -> Option<Rid> {
        match self.by_name(record, field) {
            Slot::Ref(rid) => Some(rid),
            _ => None,
        }
    }
}

type ByKey = HashMap<Box<str>, Vec<u32>>;

/// The records of one object.
pub struct Table {
    pub object: &'static Object,
    lives: Vec<Life>,
    columns: Vec<Column>,
    /// For each key field: its place, and the records by folded value.
    keys: Vec<(usize, ByKey)>,
    /// For assignments: the record by who and what.
    pairs: HashMap<(Rid, Rid), u32>,
    pair_of: Option<Pair>,
    stamps: Stamped,
}

/// The places of the two references that make an assignment unique.
struct Pair {
    who: usize,
    what: usize,
    /// Stands for `what` when it is not null.
    instead: Option<usize>,
}

#[derive(Default)]
struct Stamped {
    created: Option<usize>,
    modified: Option<usize>,
    modstamp: Option<usize>,
    deleted: Option<usize>,
    /// Who made and who changed a record.
    by: [Option<usize>; 2],
}

impl Table {
    fn new(object: &'static Object) -> Self {
        let keyed = |field: &Field| {
            (field.kind.is_text() || field.kind.is_decimal()) && (field.is_key() || field.unique)
        };
        let keys = object.fields.iter().enumerate().filter(|(_, field)| keyed(field));
        let stamps = Stamped {
            created: object.position("CreatedDate"),
            modified: object.position("LastModifiedDate"),
            modstamp: object.position("SystemModstamp"),
            deleted: object.position("IsDeleted"),
            by: ["CreatedById", "LastModifiedById"].map(|name| object.position(name)),
        };
        Self {
            object,
            lives: Vec::new(),
            columns: object.fields.iter().map(|field| Column::of(field.kind)).collect(),
            keys: keys.map(|(place, _)| (place, HashMap::new())).collect(),
            pairs: HashMap::new(),
            pair_of: Pair::of(object),
            stamps,
        }
    }

    /// Records ever made.
    pub fn len(&self) -> u32 {
        u32::try_from(self.lives.len()).unwrap_or(u32::MAX)
    }

    pub fn is_empty(&self) -> bool {
        self.lives.is_empty()
    }

    pub fn life(&self, number: u32) -> Life {
        self.lives.get(number as usize).copied().unwrap_or(Life::Gone)
    }

    pub fn get(&self, number: u32, place: usize) -> Slot<'_> {
        if place == 0 {
            return Slot::Ref(Rid::new(self.object, number));
        }
        if self.stamps.deleted == Some(place) {
            return Slot::Bool(self.life(number) != Life::Live);
        }
        let slot = self.columns[place].get(number);
        match (slot, self.object.fields[place].kind) {
            // A boolean is never null.
            (Slot::Null, Kind::Boolean) => Slot::Bool(false),
            // Everything is done by the administrator, who is user 0.
            (Slot::Null, Kind::Reference) if self.stamps.by.contains(&Some(place)) => {
                let user = self.object.catalog().find("User");
                user.map_or(Slot::Null, |user| Slot::Ref(Rid::new(user, 0)))
            }
            (slot, _) => slot,
        }
    }

    /// The records that are not gone whose key field at `place` has this value.
    pub fn having(&self, place: usize, value: &str) -> &[u32] {
        let field = &self.object.fields[place];
        let key = fold(field, value);
        let map = self.keys.iter().find(|(at, _)| *at == place);
        map.and_then(|(_, map)| map.get(&*key)).map_or(&[], Vec::as_slice)
    }

    /// The assignment of `what` to `who`.
    pub fn pair(&self, who: Rid, what: Rid) -> Option<u32> {
        self.pairs.get(&(who, what)).copied()
    }

    /// Numbers of the records, oldest first.
    pub fn numbers(&self, binned: bool) -> impl Iterator<Item = u32> + '_ {
        let wanted = move |life: Life| life == Life::Live || (binned && life == Life::Binned);
        (0..self.len()).filter(move |number| wanted(self.life(*number)))
    }

    fn perform(&mut self, effect: &Effect) {
        let number = effect.target.number();
        self.forget_keys(number);
        match effect.act {
            Act::Insert => {
                // A replayed log may leave numbers out: those of rows that were taken back.
                self.lives.resize(number as usize + 1, Life::Gone);
                self.lives[number as usize] = Life::Live;
                if let Some(place) = self.stamps.created {
                    self.columns[place].put(number, Slot::DateTime(effect.at));
                }
            }
            Act::Update => {}
            Act::Delete => self.set_life(number, Life::Binned),
            Act::HardDelete => self.set_life(number, Life::Gone),
            Act::Undelete => self.set_life(number, Life::Live),
        }
        for (place, slot) in &effect.values {
            self.columns[usize::from(*place)].put(number, slot.clone());
        }
        for place in [self.stamps.modified, self.stamps.modstamp].into_iter().flatten() {
            self.columns[place].put(number, Slot::DateTime(effect.at));
        }
        self.learn_keys(number);
    }

    fn set_life(&mut self, number: u32, life: Life) {
        if let Some(slot) = self.lives.get_mut(number as usize) {
            *slot = life;
        }
    }

    fn forget_keys(&mut self, number: u32) {
        if self.life(number) == Life::Gone {
            return;
        }
        for (place, map) in &mut self.keys {
            let slot = self.columns[*place].get(number);
            if let Some(key) = key_of(&self.object.fields[*place], &slot)
                && let Some(numbers) = map.get_mut(&*key)
            {
                numbers.retain(|other| *other != number);
                if numbers.is_empty() {
                    map.remove(&*key);
                }
            }
        }
        if let Some(pair) = self.pair_at(number) {
            self.pairs.remove(&pair);
        }
    }

    fn learn_keys(&mut self, number: u32) {
        // A record in the recycle bin keeps its key for itself, but is not found by it.
        if self.life(number) != Life::Live {
            return;
        }
        for (place, map) in &mut self.keys {
            let slot = self.columns[*place].get(number);
            if let Some(key) = key_of(&self.object.fields[*place], &slot) {
                map.entry(key).or_default().push(number);
            }
        }
        if let Some(pair) = self.pair_at(number) {
            self.pairs.insert(pair, number);
        }
    }

    fn pair_at(&self, number: u32) -> Option<(Rid, Rid)> {
        let pair = self.pair_of.as_ref()?;
        let reference = |place: usize| match self.columns[place].get(number) {
            Slot::Ref(rid) => Some(rid),
            _ => None,
        };
        let instead = pair.instead.and_then(reference);
        Some((reference(pair.who)?, instead.or_else(|| reference(pair.what))?))
    }
}

impl Pair {
    fn of(object: &Object) -> Option<Self> {
        let what = match object.name() {
            "PermissionSetAssignment" => "PermissionSetId",
            "PermissionSetLicenseAssign" => "PermissionSetLicenseId",
            _ => return None,
        };
        Some(Self {
            who: object.position("AssigneeId")?,
            what: object.position(what)?,
            instead: object.position("PermissionSetGroupId"),
        })
    }
}

/// The key that a value is, if it is one.
fn key_of(field: &Field, slot: &Slot<'_>) -> Option<Box<str>> {
    match slot {
        Slot::Text(text) => Some(fold(field, text)),
        Slot::Double(number) => Some(number.to_string().into()),
        _ => None,
    }
}

/// Keys are compared without case, but for fields that are case-sensitive; numbers as numbers.
fn fold(field: &Field, value: &str) -> Box<str> {
    if field.kind.is_decimal() {
        let number: Result<f64, _> = value.trim().parse();
        return number.map_or_else(|_| value.into(), |number| number.to_string().into());
    }
    if field.case_sensitive { value.into() } else { value.to_lowercase().into() }
}
