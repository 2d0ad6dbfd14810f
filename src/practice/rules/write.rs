//! Insert and update: what every object has in common.

use super::column::Target;
use super::draft::Draft;
use super::{Desk, Load, access, cell, fault, sales};
use crate::practice::objects::{Field, Kind, Object};
use crate::practice::org::{Cell, RowError};
use crate::practice::store::{Act, Effect, Rid, Slot, read_date};

impl Desk<'_> {
    pub(super) fn insert(
        &mut self,
        load: &Load<'_>,
        nth: usize,
        cells: &[Cell],
    ) -> Result<Rid, RowError> {
        let object = load.object;
        let mut values = self.read_cells(load, cells, None)?;
        fill_defaults(object, &mut values);
        let mut draft = Draft { object, record: None, values: &mut values };
        required(&draft)?;
        sales::complete(self.store, self.now, &mut draft);
        let follows = access::before_insert(self.store, self.switches, &mut draft)?;
        self.unique(&draft)?;
        for (object, values) in follows {
            let effect = self.effect(self.store.next(object), Act::Insert, values);
            self.perform(effect, None);
        }
        let record = self.store.next(object);
        let effect = self.effect(record, Act::Insert, values);
        self.perform(effect, Some(nth));
        Ok(record)
    }

    pub(super) fn update(
        &mut self,
        load: &Load<'_>,
        nth: usize,
        cells: &[Cell],
        record: Rid,
    ) -> Result<(), RowError> {
        let object = load.object;
        let mut values = self.read_cells(load, cells, Some(record))?;
        let mut draft = Draft { object, record: Some(record), values: &mut values };
        required(&draft)?;
        sales::complete(self.store, self.now, &mut draft);
        access::before_update(self.store, &mut draft)?;
        self.unique(&draft)?;
        let effect = self.effect(record, Act::Update, values);
        self.perform(effect, Some(nth));
        Ok(())
    }

    pub(super) fn effect(
        &self,
        target: Rid,
        act: Act,
        values: Vec<(usize, Slot<'static>)>,
    ) -> Effect {
        let narrow = |(place, slot)| (u16::try_from(place).unwrap_or_default(), slot);
        Effect { target, act, at: self.now, values: values.into_iter().map(narrow).collect() }
    }

    /// The values of a row by place, without the one that says which record it is.
    fn read_cells(
        &self,
        load: &Load<'_>,
        cells: &[Cell],
        record: Option<Rid>,
    ) -> Result<Vec<(usize, Slot<'static>)>, RowError> {
        let mut values = Vec::with_capacity(load.object.fields.len().min(cells.len() + 4));
        let mut forbidden = Vec::new();
        for (column, (target, cell)) in load.targets.iter().zip(cells).enumerate() {
            let place = target.place();
            let field = &load.object.fields[place];
            let finds = Some(column) == load.by && (record.is_some() || place == 0);
            if finds || says_nothing(cell) {
                continue;
            }
            if place == 0 && record.is_none() {
                let message = "cannot specify Id in an insert call";
                return Err(fault::fault("INVALID_FIELD_FOR_INSERT_UPDATE", message, &["Id"]));
            }
            if !(if record.is_some() { field.updateable } else { field.createable }) {
                forbidden.push(field.name);
                continue;
            }
            if values.iter().any(|(at, _)| *at == place) {
                return Err(fault::twice(field));
            }
            if let Some(slot) = self.read_cell(target, field, cell, column)? {
                values.push((place, slot));
            }
        }
        if forbidden.is_empty() { Ok(values) } else { Err(fault::read_only(&forbidden)) }
    }

    fn read_cell(
        &self,
        target: &Target,
        field: &Field,
        cell: &Cell,
        column: usize,
    ) -> Result<Option<Slot<'static>>, RowError> {
        let Target::Related { object, key, .. } = target else {
            return cell::read(self.store, field, cell, column);
        };
        let Some(text) = super::text_of(cell) else {
            return Ok((*cell != Cell::Absent).then_some(Slot::Null));
        };
        if *key == 0 {
            return cell::refers(self.store, field, &text).map(|rid| Some(Slot::Ref(rid)));
        }
        match self.found(object, *key, &text)? {
            Some(rid) => Ok(Some(Slot::Ref(rid))),
            None => Err(fault::no_foreign_key(object, &object.fields[*key], &text)),
        }
    }

    fn unique(&self, draft: &Draft<'_>) -> Result<(), RowError> {
        let table = self.store.table(draft.object);
        for (place, slot) in draft.values.iter() {
            let field = &draft.object.fields[*place];
            let (true, Slot::Text(text)) = (field.unique, slot) else { continue };
            let own = draft.record.map(Rid::number);
            let other = table.having(*place, text).iter().find(|number| Some(**number) != own);
            if let Some(number) = other {
                return Err(fault::taken(field, Rid::new(draft.object, *number)));
            }
        }
        Ok(())
    }
}

fn says_nothing(cell: &Cell) -> bool {
    match cell {
        Cell::Absent => true,
        Cell::Text(text) => text.is_empty(),
        _ => false,
    }
}

fn fill_defaults(object: &'static Object, values: &mut Vec<(usize, Slot<'static>)>) {
    for (place, field) in object.fields.iter().enumerate() {
        // A boolean that is false needs no place in the log: that is what an empty one reads as.
        let Some(default) = field.default.filter(|text| *text != "false") else { continue };
        if !values.iter().any(|(at, _)| *at == place) {
            values.push((place, constant(field, default)));
        }
    }
}

fn constant(field: &Field, text: &'static str) -> Slot<'static> {
    match field.kind {
        Kind::Boolean => Slot::Bool(text == "true"),
        Kind::Int => text.parse().map_or(Slot::Null, Slot::Int),
        Kind::Date => read_date(text).map_or(Slot::Null, Slot::Date),
        kind if kind.is_decimal() => text.parse().map_or(Slot::Null, Slot::Double),
        _ => Slot::from(text),
    }
}

/// Fields that must have a value and would not.
fn required(draft: &Draft<'_>) -> Result<(), RowError> {
    let mut missing = Vec::new();
    for (place, field) in draft.object.fields.iter().enumerate() {
        let lacks = match draft.given(place) {
            None => draft.record.is_none() && field.must_be_sent(),
            Some(Slot::Null) => !field.nillable && field.kind != Kind::Boolean && !field.defaulted,
            Some(_) => false,
        };
        if lacks {
            missing.push(field.name);
        }
    }
    if missing.is_empty() { Ok(()) } else { Err(fault::missing(&missing)) }
}
