//! The values of one field, for all records of a table.

use super::slot::{Rid, Slot};
use crate::practice::objects::Kind;

/// Typed and dense; a null is a value that the type does not otherwise take.
pub enum Column {
    Bool(Vec<u8>),
    Int(Vec<i64>),
    Double(Vec<f64>),
    Text(Vec<Option<Box<str>>>),
    Date(Vec<i32>),
    DateTime(Vec<i64>),
    Ref(Vec<u64>),
}

const NO_BOOL: u8 = 2;

impl Column {
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Id | Kind::Reference => Self::Ref(Vec::new()),
            Kind::Boolean => Self::Bool(Vec::new()),
            Kind::Int => Self::Int(Vec::new()),
            Kind::Double | Kind::Currency | Kind::Percent => Self::Double(Vec::new()),
            Kind::Date => Self::Date(Vec::new()),
            Kind::DateTime => Self::DateTime(Vec::new()),
            _ => Self::Text(Vec::new()),
        }
    }

    pub fn get(&self, number: u32) -> Slot<'_> {
        let at = number as usize;
        let slot = match self {
            Self::Bool(all) => all.get(at).filter(|v| **v != NO_BOOL).map(|v| Slot::Bool(*v == 1)),
            Self::Int(all) => all.get(at).filter(|v| **v != i64::MIN).map(|v| Slot::Int(*v)),
            Self::Double(all) => all.get(at).filter(|v| !v.is_nan()).map(|v| Slot::Double(*v)),
            Self::Text(all) => {
                all.get(at).and_then(Option::as_deref).map(|text| Slot::Text(text.into()))
            }
            Self::Date(all) => all.get(at).filter(|v| **v != i32::MIN).map(|v| Slot::Date(*v)),
            Self::DateTime(all) => {
                all.get(at).filter(|v| **v != i64::MIN).map(|v| Slot::DateTime(*v))
            }
            Self::Ref(all) => all.get(at).and_then(|bits| Rid::from_bits(*bits)).map(Slot::Ref),
        };
        slot.unwrap_or(Slot::Null)
    }

    /// Puts a value of this column's type; one of another type counts as null.
    pub fn put(&mut self, number: u32, slot: Slot<'static>) {
        let at = number as usize;
        match (self, slot) {
            (Self::Bool(all), Slot::Bool(value)) => set(all, at, u8::from(value), &NO_BOOL),
            (Self::Int(all), Slot::Int(value)) | (Self::DateTime(all), Slot::DateTime(value)) => {
                set(all, at, value, &i64::MIN);
            }
            (Self::Double(all), Slot::Double(value)) => set(all, at, value, &f64::NAN),
            (Self::Text(all), Slot::Text(text)) => set(all, at, Some(text.into()), &None),
            (Self::Date(all), Slot::Date(days)) => set(all, at, days, &i32::MIN),
            (Self::Ref(all), Slot::Ref(rid)) => set(all, at, rid.to_bits(), &0),
            (column, _) => column.clear(at),
        }
    }

    fn clear(&mut self, at: usize) {
        match self {
            Self::Bool(all) => clear(all, at, NO_BOOL),
            Self::Int(all) | Self::DateTime(all) => clear(all, at, i64::MIN),
            Self::Double(all) => clear(all, at, f64::NAN),
            Self::Text(all) => clear(all, at, None),
            Self::Date(all) => clear(all, at, i32::MIN),
            Self::Ref(all) => clear(all, at, 0),
        }
    }
}

fn set<T: Clone>(all: &mut Vec<T>, at: usize, value: T, null: &T) {
    if at == all.len() {
        all.push(value);
        return;
    }
    if at > all.len() {
        all.resize(at + 1, null.clone());
    }
    all[at] = value;
}

fn clear<T>(all: &mut [T], at: usize, null: T) {
    if let Some(slot) = all.get_mut(at) {
        *slot = null;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_remembers_gaps_as_nulls() {
        for (kind, value) in [
            (Kind::Boolean, Slot::Bool(false)),
            (Kind::Int, Slot::Int(0)),
            (Kind::Currency, Slot::Double(-0.5)),
            (Kind::Text, Slot::from("")),
            (Kind::Date, Slot::Date(-1)),
            (Kind::DateTime, Slot::DateTime(0)),
        ] {
            let mut column = Column::of(kind);
            column.put(3, value.clone());
            column.put(9, Slot::Null);
            assert_eq!(column.get(3), value);
            assert_eq!((column.get(2), column.get(9)), (Slot::Null, Slot::Null));
            column.put(3, Slot::Null);
            assert_eq!(column.get(3), Slot::Null);
        }
    }
}
