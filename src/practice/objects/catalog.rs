//! The objects of one org, and the catalogs of all orgs of this process.

use std::sync::{Arc, LazyLock, OnceLock, PoisonError, RwLock};

use serde_json::Value;

use super::{Definition, Object, Unreadable, access, build, describe, fields_of, read, sales};

/// The API version in the links of describes.
const VERSION: &str = "66.0";

/// The objects of an org, by name, in the order of their names.
///
/// Catalogs live as long as the process, so that a record can name its object in a few bits; orgs
/// with the same objects share one.
#[derive(Debug)]
pub struct Catalog {
    number: u16,
    objects: Vec<Object>,
    /// Whether accounts and what hangs on them are ours.
    made_up: bool,
    /// Objects never change, so each is described once.
    described: Vec<OnceLock<Arc<Value>>>,
}

static BUILT_IN: LazyLock<Catalog> = LazyLock::new(|| {
    let own = access::OBJECTS.iter().chain(sales::OBJECTS);
    Catalog::new(0, true, own.map(|own| (own, None)).collect())
});

/// Those beside the built-in one; the first has the number 1.
static OTHERS: RwLock<Vec<&'static Catalog>> = RwLock::new(Vec::new());

type Described = (&'static Definition, Option<(Vec<super::Field>, Arc<Value>)>);

impl Catalog {
    /// The objects of a practice org that was not seeded from another org.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// The objects of `describes`, as the REST API sends them, beside our own: those for users and
    /// permissions, and with `made_up` accounts and what hangs on them. One of ours with the name
    /// of one that is given gives way.
    pub fn with(describes: Vec<Value>, made_up: bool) -> Result<&'static Self, Unreadable> {
        if describes.is_empty() && made_up {
            return Ok(Self::built_in());
        }
        let mut others = OTHERS.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = others.iter().find(|other| other.is_of(&describes, made_up)) {
            return Ok(same);
        }
        let number = u16::try_from(others.len() + 1)
            .map_err(|_| Unreadable::new("too many different orgs in one process"))?;
        let sales: &[Definition] = if made_up { sales::OBJECTS } else { &[] };
        let given = |own: &&Definition| {
            let has = |value: &Value| value["name"].as_str() == Some(own.name);
            !describes.iter().any(has)
        };
        let own = access::OBJECTS.iter().chain(sales).filter(given);
        let mut objects: Vec<Described> = own.map(|own| (own, None)).collect();
        for describe in describes {
            let (definition, fields) = read::object(&describe)?;
            objects.push((definition, Some((fields, Arc::new(describe)))));
        }
        let made: &'static Self = Box::leak(Box::new(Self::new(number, made_up, objects)));
        others.push(made);
        Ok(made)
    }

    fn new(number: u16, made_up: bool, mut definitions: Vec<Described>) -> Self {
        definitions.sort_by_key(|(definition, _)| definition.name);
        let described = definitions.iter().map(|_| OnceLock::new()).collect();
        let objects = definitions.into_iter().enumerate().map(|(index, (definition, given))| {
            let place = (number, index);
            match given {
                None => build(place, definition, fields_of(definition), None),
                Some((fields, sent)) => build(place, definition, fields, Some(sent)),
            }
        });
        Self { number, objects: objects.collect(), made_up, described }
    }

    fn is_of(&self, describes: &[Value], made_up: bool) -> bool {
        let sent = || self.objects.iter().filter_map(|object| object.sent.as_deref());
        self.made_up == made_up
            && sent().count() == describes.len()
            && describes.iter().all(|describe| sent().any(|sent| sent == describe))
    }

    /// The catalog that objects and records tell by its number.
    pub fn of_number(number: u16) -> &'static Self {
        let Some(nth) = usize::from(number).checked_sub(1) else { return &BUILT_IN };
        let others = OTHERS.read().unwrap_or_else(PoisonError::into_inner);
        others.get(nth).copied().unwrap_or(&BUILT_IN)
    }

    pub fn number(&self) -> u16 {
        self.number
    }

    /// Whether accounts and what hangs on them are ours.
    pub fn is_made_up(&self) -> bool {
        self.made_up
    }

    /// All objects, in the order of their names.
    pub fn all(&self) -> &[Object] {
        &self.objects
    }

    /// The object of that name, case ignored.
    pub fn find(&self, name: &str) -> Option<&Object> {
        self.objects.iter().find(|object| object.name().eq_ignore_ascii_case(name))
    }

    /// The object whose ids start like this.
    pub fn of_prefix(&self, prefix: &[u8]) -> Option<&Object> {
        self.objects.iter().find(|object| object.prefix().as_bytes() == prefix)
    }

    /// The body of `GET /sobjects/X/describe`.
    pub fn describe(&self, object: &Object) -> Arc<Value> {
        let made = || match &object.sent {
            Some(sent) => Arc::clone(sent),
            None => Arc::new(describe::describe(self, object, VERSION)),
        };
        self.described
            .get(usize::from(object.index))
            .map_or_else(made, |known| Arc::clone(known.get_or_init(made)))
    }

    /// The body of `GET /sobjects`.
    pub fn describe_global(&self) -> Value {
        describe::describe_global(self, VERSION)
    }
}
