//! Who has these keys: the far side is asked, or a file is read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::path::Path;

use csv::ByteRecord;

use super::keys::{Key, Keys, Texts, asks, prefix};
use super::near::{Near, listed};
use super::sort::{Sorted, Sorter};
use crate::config::mapping::LookupFrom;
use crate::config::plan::{Input, Source};
use crate::model::failure::{Blame, Failure};
use crate::model::names::ObjectName;
use crate::model::schema::{FieldKind, FieldSchema, ObjectSchema};
use crate::model::wording::{nearest, shown};
use crate::pipeline::answers::KeyPrint;
use crate::pipeline::map::LookupSlot;
use crate::pipeline::read;
use crate::target::{Fault, FaultClass, KeyQuestion, KeySource, KeyTest, RowSink, Target};

/// Bits of the sieve. With a million keys it lets one in twenty others through.
const SIEVE_BITS: usize = 1 << 23;

/// Tells most values that nobody asked for, so that they are not sorted.
pub(super) struct Sieve(Vec<u64>);

impl Sieve {
    pub(super) fn new() -> Self {
        Self(vec![0; SIEVE_BITS / 64])
    }

    pub(super) fn add(&mut self, print: &KeyPrint) {
        for bit in bits(print) {
            self.0[bit / 64] |= 1 << (bit % 64);
        }
    }

    fn may_hold(&self, print: &KeyPrint) -> bool {
        bits(print).into_iter().all(|bit| self.0[bit / 64] & (1 << (bit % 64)) != 0)
    }
}

/// A fingerprint is as good as random, so its parts are.
fn bits(print: &KeyPrint) -> [usize; 2] {
    let part = |at: usize| {
        let bytes = [print[at], print[at + 1], print[at + 2], print[at + 3]];
        u32::from_be_bytes(bytes) as usize % SIEVE_BITS
    };
    [part(0), part(4)]
}

/// Takes values that were found and keeps those that somebody asked for.
pub(super) struct Finds {
    pub(super) sorter: Sorter,
    pub(super) sieve: Sieve,
    folded: String,
}

impl Finds {
    pub(super) fn new(sorter: Sorter, sieve: Sieve) -> Self {
        Self { sorter, sieve, folded: String::new() }
    }

    /// Notes that a key has this value, by the field of that rank.
    fn note(
        &mut self,
        lookup: (usize, &LookupSlot),
        rank: u8,
        key: &str,
        value: &[u8],
    ) -> io::Result<()> {
        let (number, slot) = lookup;
        let print = slot.print(key, &mut self.folded);
        if key.is_empty() || value.is_empty() || !self.sieve.may_hold(&print) {
            return Ok(());
        }
        self.sorter.push(&[&prefix(number, &print)?, &[rank], value])
    }
}

/// The fields that a lookup compares, as the object describes them.
pub(super) fn fields_of(
    slot: &LookupSlot,
    described: &ObjectSchema,
) -> Result<Vec<FieldSchema>, Failure> {
    let LookupFrom::Object { fields, .. } = &slot.lookup.from else { return Ok(Vec::new()) };
    let found = fields.iter().map(|name| {
        let refused =
            |what: String| Failure::new(Blame::Request, format!("{}: {what}", slot.place));
        let object = &described.name;
        let Some(field) = described.field(name) else {
            let near = nearest(name, described.fields.iter().map(|field| field.name.as_str()));
            let failure = refused(format!("`{object}` has no field `{}`", shown(name.as_bytes())));
            return Err(match near {
                Some(near) => failure.hint(format!("did you mean `{near}`?")),
                None => failure.hint(format!("`longshore describe {object}` lists its fields")),
            });
        };
        let field_name = &field.name;
        match field.kind {
            FieldKind::Id | FieldKind::Reference => Err(refused(format!(
                "`{field_name}` of `{object}` is an id, and nothing is looked up by an id"
            ))
            .hint("values that are ids of the object go through as they are")),
            kind if kind.is_text() || kind.is_number() => Ok(field.clone()),
            _ => Err(refused(format!(
                "`{field_name}` of `{object}` is `{}`, and keys are texts or numbers",
                field.type_name
            ))
            .hint("name a field of text or numbers")),
        }
    });
    found.collect()
}

/// Asks the far side for the records that have the keys of one lookup.
pub(super) async fn in_object<T: Target>(
    target: &T,
    lookup: (usize, &LookupSlot),
    fields: &[FieldSchema],
    keys: &Sorted,
    work: &Path,
    finds: &mut Finds,
) -> Result<(), Failure> {
    let (number, slot) = lookup;
    let keys = Keys::of(keys, Some(number)).map_err(|e| Failure::disk("read in", work, &e))?;
    let mut texts = Texts { keys, key: Key::default() };
    let mut sink = ObjectSink { lookup, fields, finds };
    ask(target, slot, fields, KeyTest::Equals, &mut texts, work, &mut sink).await
}

/// Asks the far side for values that begin as the keys do that were not found.
pub(super) async fn near_in_object<T: Target>(
    target: &T,
    slot: &LookupSlot,
    fields: &[FieldSchema],
    work: &Path,
    near: &mut Near,
) -> Result<(), Failure> {
    let mut beginnings = Beginnings { all: near.beginnings(), next: 0 };
    let mut sink = NearSink { fields, near };
    ask(target, slot, fields, KeyTest::BeginsWith, &mut beginnings, work, &mut sink).await
}

#[expect(clippy::too_many_arguments, reason = "a question and where its answer goes")]
async fn ask<T: Target>(
    target: &T,
    slot: &LookupSlot,
    fields: &[FieldSchema],
    test: KeyTest,
    keys: &mut dyn KeySource,
    work: &Path,
    sink: &mut dyn RowSink,
) -> Result<(), Failure> {
    let LookupFrom::Object { object, filter, .. } = &slot.lookup.from else { return Ok(()) };
    let object = ObjectName::parse(object).map_err(|_| no_object(slot, object))?;
    let question = KeyQuestion { object: &object, fields, filter: filter.as_deref(), test };
    let asked = target.look_up(&question, keys, work, sink).await;
    asked.map_err(|fault| refused(slot, fault))
}

/// The mapping named what the far side refuses.
pub(super) fn refused(slot: &LookupSlot, fault: Fault) -> Failure {
    let of_request = matches!(fault.class, FaultClass::Refused | FaultClass::Gone);
    let mut failure = Failure::from(fault);
    if of_request {
        failure.blame = Blame::Request;
        failure.message = format!("{}: {}", slot.place, failure.message);
    }
    failure
}

pub(super) fn no_object(slot: &LookupSlot, object: &str) -> Failure {
    let what = format!("{}: `{}` is no name of an object", slot.place, shown(object.as_bytes()));
    Failure::new(Blame::Request, what)
}

/// A tenant of Auth0 finds users by itself, and has no other keys.
fn no_objects(slot: &LookupSlot) -> Failure {
    let what = format!("{}: keys cannot be looked up in the objects of Auth0", slot.place);
    Failure::new(Blame::Request, what)
        .hint("look them up in a file: `lookup = { file = \"…\", key = \"…\", value = \"…\" }`")
        .hint("a user may be named by e-mail as it is")
}

/// Describes the objects that are looked in, each once.
pub(super) async fn describe<T: Target>(
    target: &T,
    lookups: &[LookupSlot],
) -> Result<BTreeMap<String, ObjectSchema>, Failure> {
    let mut described = BTreeMap::new();
    let in_object = lookups.iter().find(|slot| asks(&slot.lookup.from));
    if let (Some(slot), "auth0") = (in_object, target.kind()) {
        return Err(no_objects(slot));
    }
    for slot in lookups.iter().filter(|slot| asks(&slot.lookup.from)) {
        let LookupFrom::Object { object, .. } = &slot.lookup.from else { continue };
        if let Entry::Vacant(vacant) = described.entry(object.to_lowercase()) {
            let name = ObjectName::parse(object).map_err(|_| no_object(slot, object))?;
            let schema = target.describe(&name).await.map_err(|fault| refused(slot, fault))?;
            vacant.insert(schema);
        }
    }
    Ok(described)
}

/// Rows of Id and fields.
struct ObjectSink<'a> {
    lookup: (usize, &'a LookupSlot),
    fields: &'a [FieldSchema],
    finds: &'a mut Finds,
}

impl RowSink for ObjectSink<'_> {
    fn header(&mut self, _: &ByteRecord) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: &ByteRecord) -> io::Result<()> {
        let id = row.get(0).unwrap_or_default();
        for (rank, key) in (0_u8..).zip(keys_of(self.fields, row)) {
            self.finds.note(self.lookup, rank, &key, id)?;
        }
        Ok(())
    }
}

/// The cells behind the Id, numbers as a person writes them.
///
/// The far side writes `10017` as `10017.0`, or as `10017`, by the way that it is asked.
fn keys_of<'a>(
    fields: &'a [FieldSchema],
    row: &'a ByteRecord,
) -> impl Iterator<Item = Cow<'a, str>> {
    fields.iter().zip(row.iter().skip(1)).map(|(field, cell)| {
        let text = String::from_utf8_lossy(cell);
        match text.parse::<f64>() {
            Ok(number) if field.kind.is_number() => Cow::Owned(number.to_string()),
            _ => text,
        }
    })
}

struct NearSink<'a> {
    fields: &'a [FieldSchema],
    near: &'a mut Near,
}

impl RowSink for NearSink<'_> {
    fn header(&mut self, _: &ByteRecord) -> io::Result<()> {
        Ok(())
    }

    fn row(&mut self, row: &ByteRecord) -> io::Result<()> {
        for key in keys_of(self.fields, row) {
            self.near.look_at(&key);
        }
        Ok(())
    }
}

struct Beginnings {
    all: Vec<String>,
    next: usize,
}

impl KeySource for Beginnings {
    fn rewind(&mut self) -> io::Result<()> {
        self.next = 0;
        Ok(())
    }

    fn next(&mut self, key: &mut String) -> io::Result<bool> {
        let Some(beginning) = self.all.get(self.next) else { return Ok(false) };
        key.clone_from(beginning);
        self.next += 1;
        Ok(true)
    }
}

/// Reads the lines of a file that have keys of one lookup.
pub(super) fn in_file(lookup: (usize, &LookupSlot), finds: &mut Finds) -> Result<(), Failure> {
    each_line(lookup.1, &mut |key, value| {
        finds.note(lookup, 0, key, value).map_err(|error| {
            Failure::new(Blame::Disk, format!("cannot sort the keys of a lookup: {error}"))
        })
    })
}

/// Reads the lines of a file whose keys are near to some that were not found.
pub(super) fn near_in_file(slot: &LookupSlot, near: &mut Near) -> Result<(), Failure> {
    let beginnings = near.beginnings();
    each_line(slot, &mut |key, _| {
        let lower = key.to_lowercase();
        if beginnings.iter().any(|beginning| lower.starts_with(beginning.as_str())) {
            near.look_at(key);
        }
        Ok(())
    })
}

/// Takes the key and the value of a line.
type TakeLine<'a> = dyn FnMut(&str, &[u8]) -> Result<(), Failure> + 'a;

/// Hands on key and value of each line. A line that cannot be read is a refusal: the key that it
/// may have would be told as missing.
fn each_line(slot: &LookupSlot, take: &mut TakeLine<'_>) -> Result<(), Failure> {
    let LookupFrom::File { path, key, value } = &slot.lookup.from else { return Ok(()) };
    let source = Source::File(path.clone());
    let mut reader =
        read::open(&Input { source, delimiter: None, line_ending: None, encoding: None })
            .map_err(|error| placed(slot, error.into()))?;
    let [key, value] = [key, value].map(|name| column(slot, path, reader.header(), name));
    let (key, value) = (key?, value?);
    while let Some(slab) = reader.next_slab()? {
        if let Some(bad) = slab.rejected.first() {
            let failure = Failure::new(Blame::Request, &bad.message);
            return Err(placed(slot, failure).hint("correct the line; nothing was sent"));
        }
        for row in 0..slab.table.len() {
            let text = String::from_utf8_lossy(slab.table.field(row, key));
            take(&text, slab.table.field(row, value))?;
        }
    }
    Ok(())
}

fn placed(slot: &LookupSlot, mut failure: Failure) -> Failure {
    failure.message = format!("{}: {}", slot.place, failure.message);
    failure
}

fn column(slot: &LookupSlot, path: &Path, header: &[String], name: &str) -> Result<usize, Failure> {
    let lower = name.to_lowercase();
    let exact = header.iter().position(|column| column == name);
    let found = exact.or_else(|| header.iter().position(|column| column.to_lowercase() == lower));
    found.ok_or_else(|| {
        let (place, path, name) = (&slot.place, path.display(), shown(name.as_bytes()));
        let failure =
            Failure::new(Blame::Request, format!("{place}: `{path}` has no column `{name}`"));
        if let Some(near) = nearest(&name, header.iter().map(String::as_str)) {
            return failure.hint(format!("did you mean `{}`?", shown(near.as_bytes())));
        }
        let first: Vec<&String> = header.iter().take(10).collect();
        failure.hint(format!("its first columns are {}", listed(&first)))
    })
}
