//! From the records that were gathered to those of the practice org: ids of its own, references
//! that lead somewhere, and nothing of people where that is not wanted.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};

use super::About;
use super::gather::{Reference, Sampling, Table, To};
use super::mask::Masks;
use crate::practice::journal::{Journal, Transaction};
use crate::practice::objects::{Field, Kind, Object};
use crate::practice::rules::of_type;
use crate::practice::seed;
use crate::practice::store::{Act, Effect, Rid, Slot, read_datetime};

/// What was taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    pub objects: Vec<Taken>,
}

/// What was taken of one object.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Taken {
    pub object: String,
    pub fields: usize,
    pub records: u64,
    /// Records that had to be left out, as a reference that they must have leads out of the sample.
    pub left_out: u64,
    /// References that were cleared, as they lead out of the sample.
    pub cleared: u64,
    /// References to users, who are not copied: they lead to the administrator.
    pub to_admin: u64,
    /// Values that were replaced, as they tell of people.
    pub masked: u64,
    /// Fields that find records and were copied as they are.
    pub keys_as_they_are: Vec<String>,
}

/// What stands for a reference.
enum Stands {
    For(Rid),
    Admin(Rid),
    Nothing,
}

impl Sampling {
    /// Writes the sample and puts it in its place.
    pub fn finish(mut self) -> io::Result<Report> {
        self.close()?;
        let stays = self.whole();
        let numbers = self.numbers(&stays);
        let records = self.dir.join("sample.new/records.jsonl");
        let mut journal = Journal::open_file(&records, self.catalog, drop)?;
        let mut report = Report::default();
        for nth in 0..self.tables.len() {
            report.objects.push(self.write_table(nth, &numbers, &mut journal)?);
        }
        drop(journal);
        self.write_about(&report)?;
        self.install()?;
        Ok(report)
    }

    /// Which records stay: those whose references that must be there lead to records that stay.
    fn whole(&self) -> Vec<Vec<bool>> {
        let mut stays: Vec<Vec<bool>> =
            self.tables.iter().map(|table| vec![true; table.rows.len()]).collect();
        loop {
            let mut changed = false;
            for (nth, table) in self.tables.iter().enumerate() {
                for (at, row) in table.rows.iter().enumerate() {
                    let lost = |reference: &Reference| {
                        must_lead(table.object, reference) && !self.leads(reference, &stays)
                    };
                    if stays[nth][at] && row.refs.iter().any(lost) {
                        stays[nth][at] = false;
                        changed = true;
                    }
                }
            }
            if !changed {
                return stays;
            }
        }
    }

    fn leads(&self, reference: &Reference, stays: &[Vec<bool>]) -> bool {
        let To::Table(to, id) = reference.to else { return false };
        let to = usize::from(to);
        self.tables[to].row_of(id).is_some_and(|row| stays[to][row as usize])
    }

    /// The number that each record that stays has in the practice org.
    fn numbers(&self, stays: &[Vec<bool>]) -> Vec<Vec<Option<u32>>> {
        let grown = seed::grow(self.catalog, &self.size);
        let of_table = |(table, stays): (&Table, &Vec<bool>)| {
            let mut next = grown.table(table.object).len();
            let number = |stays: &bool| {
                let number = stays.then_some(next);
                next += u32::from(*stays);
                number
            };
            stays.iter().map(number).collect()
        };
        self.tables.iter().zip(stays).map(of_table).collect()
    }

    fn write_table(
        &self,
        nth: usize,
        numbers: &[Vec<Option<u32>>],
        journal: &mut Journal,
    ) -> io::Result<Taken> {
        let table = &self.tables[nth];
        let object = table.object;
        let mut taken = Taken {
            object: object.name().to_owned(),
            fields: object.fields.len(),
            ..Taken::default()
        };
        let mut masks = self.wanted.mask.as_ref().map(|key| Masks::new(key, object));
        let modified = object.position("SystemModstamp");
        let lines = BufReader::new(File::open(self.raw(nth))?).lines();
        for (at, line) in lines.enumerate() {
            let Some(number) = numbers[nth][at] else {
                taken.left_out += 1;
                continue;
            };
            let mut cells: Vec<String> = serde_json::from_str(&line?)?;
            if let Some(masks) = &mut masks {
                taken.masked += masks.apply(&table.places, &mut cells);
            }
            let mut values = Vec::with_capacity(cells.len());
            let mut at_ms = seed::MADE_AT;
            for (place, cell) in table.places.iter().zip(&cells).filter(|(_, c)| !c.is_empty()) {
                let field = &object.fields[*place];
                if Some(*place) == modified {
                    at_ms = read_datetime(cell).unwrap_or(at_ms);
                } else if field.kind != Kind::Reference
                    && let Some(slot) = of_type(field, cell).filter(|slot| worth(slot))
                {
                    values.push((u16::try_from(*place).unwrap_or_default(), slot));
                }
            }
            for reference in &table.rows[at].refs {
                let slot = match self.stands_for(object, reference, numbers) {
                    Stands::For(rid) => Slot::Ref(rid),
                    Stands::Admin(rid) => {
                        taken.to_admin += 1;
                        Slot::Ref(rid)
                    }
                    Stands::Nothing => {
                        taken.cleared += 1;
                        continue;
                    }
                };
                values.push((reference.place, slot));
            }
            let target = Rid::new(object, number);
            let effect = Effect { target, act: Act::Insert, at: at_ms, values };
            let effects = vec![(effect, None)];
            journal.write(&Transaction { rows: 1, effects, ..Transaction::default() })?;
            taken.records += 1;
        }
        if let Some(masks) = &masks {
            taken.keys_as_they_are = masks.as_they_are(&table.places);
        }
        Ok(taken)
    }

    fn stands_for(
        &self,
        object: &Object,
        reference: &Reference,
        numbers: &[Vec<Option<u32>>],
    ) -> Stands {
        if let To::Table(to, id) = reference.to {
            let table = &self.tables[usize::from(to)];
            let number = table.row_of(id).and_then(|row| numbers[usize::from(to)][row as usize]);
            if let Some(number) = number {
                return Stands::For(Rid::new(table.object, number));
            }
        }
        let field = &object.fields[usize::from(reference.place)];
        match self.catalog.find("User").filter(|_| field.refers_to.contains(&"User")) {
            Some(user) => Stands::Admin(Rid::new(user, 0)),
            None => Stands::Nothing,
        }
    }

    fn write_about(&self, report: &Report) -> io::Result<()> {
        let made_up = self.catalog.is_made_up();
        let about = About {
            from: self.wanted.from.clone(),
            org_id: self.wanted.org_id.clone(),
            anonymized: self.wanted.mask.is_some(),
            objects: report.objects.iter().map(|taken| taken.object.clone()).collect(),
            records: report.objects.iter().map(|taken| taken.records).sum(),
            made_up,
        };
        let mut file = File::create(self.dir.join("sample.new/sample.json"))?;
        serde_json::to_writer_pretty(&mut file, &about)?;
        file.write_all(b"\n")
    }
}

/// A boolean that is false needs no place: that is what an empty one reads as.
fn worth(slot: &Slot<'_>) -> bool {
    !matches!(slot, Slot::Bool(false) | Slot::Null)
}

/// Whether a record cannot be without this reference. One to a user always leads somewhere.
fn must_lead(object: &Object, reference: &Reference) -> bool {
    let field: &Field = &object.fields[usize::from(reference.place)];
    !field.nillable && !field.refers_to.contains(&"User")
}
