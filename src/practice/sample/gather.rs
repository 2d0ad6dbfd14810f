//! Which records of another org make a sample that is whole, asked for object by object.
//!
//! Children come first, so that what they refer to is known when their parents are asked for. In
//! memory are the ids of the records and of what they refer to; the records wait in files.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::mask::Key;
use super::{dir_of, remove};
use crate::practice::journal;
use crate::practice::objects::{Catalog, Field, Kind, Unreadable, merged};
use crate::practice::org::{SeedSize, gone, kept_size, lock};

/// What is to be copied.
#[derive(Debug)]
pub struct Wanted {
    /// What the org is called, and its id.
    pub from: Option<String>,
    pub org_id: Option<String>,
    /// Describes as the org sent them.
    pub describes: Vec<Value>,
    /// Describes that come on top: objects and fields that the org does not have.
    pub added: Vec<Value>,
    /// Records of each object at most, those that others refer to aside: as many again.
    pub rows: usize,
    /// Replaces what tells of people, where it is given.
    pub mask: Option<Key>,
}

/// Why there is no sample.
#[derive(Debug)]
pub enum Refused {
    /// The practice org has been used: so many effects would be gone.
    Used(u64),
    /// The practice org has rules of its own for the object.
    OurOwn(String),
    Unreadable(Unreadable),
    Disk(io::Error),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Used(effects) => write!(f, "the practice org has been used: {effects} effects"),
            Self::OurOwn(object) => {
                write!(f, "the practice org has rules of its own for `{object}`")
            }
            Self::Unreadable(error) => write!(f, "{error}"),
            Self::Disk(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for Refused {}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

impl From<Unreadable> for Refused {
    fn from(error: Unreadable) -> Self {
        Self::Unreadable(error)
    }
}

/// What is to be asked of the org.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The place of the object, for [`Sampling::take`].
    pub table: usize,
    pub object: String,
    /// API names; the id comes without asking.
    pub fields: Vec<String>,
}

/// A sample in the making.
pub struct Sampling {
    pub(super) dir: PathBuf,
    pub(super) wanted: Wanted,
    pub(super) catalog: &'static Catalog,
    pub(super) size: SeedSize,
    pub(super) tables: Vec<Table>,
    /// Which table an id belongs to, by its first characters in the other org.
    prefixes: HashMap<String, usize>,
    _lock: File,
}

/// The sampled records of one object.
pub(super) struct Table {
    pub(super) object: &'static crate::practice::objects::Object,
    /// Places of the fields that are read, in the order in which they are read.
    pub(super) places: Vec<usize>,
    /// Records and their references, in the order of the file.
    pub(super) rows: Vec<Row>,
    by_id: HashMap<Id, u32>,
    /// Ids that were asked for by those who refer to them, found or not.
    asked: HashSet<Id>,
    file: Option<BufWriter<File>>,
}

/// An id of the other org, of 15 characters.
pub(super) type Id = [u8; 15];

pub(super) struct Row {
    pub(super) refs: Vec<Reference>,
}

/// What a record refers to.
#[derive(Clone, Copy)]
pub(super) struct Reference {
    /// Place in the fields of the object.
    pub(super) place: u16,
    pub(super) to: To,
}

#[derive(Clone, Copy)]
pub(super) enum To {
    /// A record of an object that is sampled.
    Table(u16, Id),
    /// A record of an object that is not.
    Elsewhere,
}

/// Objects of the practice org that stay as they are: whom they belong to and what they permit is
/// made up, and the rules of the practice org know them.
pub const OUR_OWN: [&str; 9] = [
    "Organization",
    "PermissionSet",
    "PermissionSetAssignment",
    "PermissionSetGroup",
    "PermissionSetLicense",
    "PermissionSetLicenseAssign",
    "Profile",
    "User",
    "UserLicense",
];

impl Sampling {
    /// Makes place for a sample in the practice org under `dir`.
    pub fn begin(dir: &Path, wanted: Wanted) -> Result<Self, Refused> {
        fs::create_dir_all(dir)?;
        let lock = lock(dir)?;
        let used = effects_in(dir)?;
        if used > 0 {
            return Err(Refused::Used(used));
        }
        let made_up = wanted.describes.is_empty();
        let describes = whole(&wanted, made_up)?;
        let catalog = Catalog::with(describes.clone(), made_up)?;
        let size = kept_size(dir, &SeedSize::default())?;
        let work = dir.join("sample.new");
        remove(&work)?;
        // What is in it may tell of people.
        private(&work)?;
        private(&work.join("objects"))?;
        private(&work.join("raw"))?;
        for describe in &describes {
            let name = describe["name"].as_str().unwrap_or_default();
            let file = File::create(work.join("objects").join(format!("{name}.json")))?;
            let mut file = BufWriter::new(file);
            serde_json::to_writer(&mut file, describe).map_err(io::Error::from)?;
            file.flush()?;
        }
        let mut sampling = Self {
            dir: dir.to_owned(),
            catalog,
            size,
            tables: Vec::new(),
            prefixes: HashMap::new(),
            _lock: lock,
            wanted,
        };
        sampling.lay_tables()?;
        Ok(sampling)
    }

    /// A table for each object that the other org described, in the order in which they are asked
    /// for: those that nobody refers to first.
    fn lay_tables(&mut self) -> Result<(), Refused> {
        let given = std::mem::take(&mut self.wanted.describes);
        let name = |describe: &Value| describe["name"].as_str().unwrap_or_default().to_owned();
        let mut objects: Vec<_> = given
            .iter()
            .filter_map(|describe| Some((self.catalog.find(&name(describe))?, describe)))
            .collect();
        while !objects.is_empty() {
            let alone = |object: &crate::practice::objects::Object| {
                let refers = |field: &Field| field.refers_to.contains(&object.name());
                !objects.iter().any(|(other, _)| {
                    other.name() != object.name() && other.fields.iter().any(refers)
                })
            };
            // In a circle nobody is first; the closing questions find what is missing then.
            let next = objects.iter().position(|(object, _)| alone(object)).unwrap_or(0);
            let (object, describe) = objects.remove(next);
            let number = self.tables.len();
            if let Some(prefix) = describe["keyPrefix"].as_str() {
                self.prefixes.insert(prefix.to_owned(), number);
            }
            let file = File::create(self.raw(number))?;
            self.tables.push(Table {
                object,
                places: places_of(object, describe),
                rows: Vec::new(),
                by_id: HashMap::new(),
                asked: HashSet::new(),
                file: Some(BufWriter::new(file)),
            });
        }
        Ok(())
    }

    /// Where the records of a table wait.
    pub(super) fn raw(&self, table: usize) -> PathBuf {
        self.dir.join("sample.new/raw").join(format!("{table}.jsonl"))
    }

    /// Objects and fields to ask for, in their order.
    pub fn questions(&self) -> Vec<Question> {
        let question = |(table, kept): (usize, &Table)| Question {
            table,
            object: kept.object.name().to_owned(),
            fields: kept.places.iter().map(|at| kept.object.fields[*at].name.to_owned()).collect(),
        };
        self.tables.iter().enumerate().map(question).collect()
    }

    /// Records of this table that are still wanted.
    pub fn room(&self, table: usize) -> usize {
        self.wanted.rows.saturating_sub(self.tables[table].rows.len())
    }

    /// Whether the record is in the sample.
    pub fn has(&self, table: usize, id: &str) -> bool {
        canonical(id).is_some_and(|id| self.tables[table].by_id.contains_key(&id))
    }

    /// Ids of records of this table that others refer to and that were not asked for, as many as
    /// there is room for; they count as asked for from now on.
    pub fn missing(&mut self, table: usize) -> Vec<String> {
        let mut room = (2 * self.wanted.rows).saturating_sub(self.tables[table].rows.len());
        let number = u16::try_from(table).unwrap_or(u16::MAX);
        let mut missing = Vec::new();
        let mut asked = std::mem::take(&mut self.tables[table].asked);
        let known = &self.tables[table].by_id;
        let refs = self.tables.iter().flat_map(|table| &table.rows).flat_map(|row| &row.refs);
        for reference in refs {
            let To::Table(to, id) = reference.to else { continue };
            if to != number || room == 0 || known.contains_key(&id) || asked.contains(&id) {
                continue;
            }
            asked.insert(id);
            missing.push(String::from_utf8_lossy(&id).into_owned());
            room -= 1;
        }
        self.tables[table].asked = asked;
        missing
    }

    /// Takes a record into the sample: its id, and a cell for each field of the question, empty
    /// where it has no value. One that is there already stays as it is.
    pub fn take(&mut self, table: usize, id: &str, cells: &[String]) -> io::Result<()> {
        let Some(own) = canonical(id) else { return Ok(()) };
        if self.tables[table].by_id.contains_key(&own) {
            return Ok(());
        }
        let mut refs = Vec::new();
        for (place, cell) in self.tables[table].places.iter().zip(cells) {
            let field = &self.tables[table].object.fields[*place];
            if let (Kind::Reference, Some(id)) = (field.kind, canonical(cell)) {
                let to = match self.prefixes.get(&cell[..3]).map(|to| u16::try_from(*to)) {
                    Some(Ok(to)) => To::Table(to, id),
                    _ => To::Elsewhere,
                };
                refs.push(Reference { place: u16::try_from(*place).unwrap_or_default(), to });
            }
        }
        let kept = &mut self.tables[table];
        kept.by_id.insert(own, u32::try_from(kept.rows.len()).unwrap_or(u32::MAX));
        kept.rows.push(Row { refs });
        if let Some(file) = &mut kept.file {
            serde_json::to_writer(&mut *file, cells)?;
            file.write_all(b"\n")?;
        }
        Ok(())
    }

    /// Ends the files of the records.
    pub(super) fn close(&mut self) -> io::Result<()> {
        for table in &mut self.tables {
            if let Some(mut file) = table.file.take() {
                file.flush()?;
            }
        }
        Ok(())
    }

    /// Gives up: nothing of it stays, and the practice org is as it was.
    pub fn abandon(self) -> io::Result<()> {
        remove(&self.dir.join("sample.new"))
    }

    /// Puts the finished sample in its place, all at once.
    pub(super) fn install(&self) -> io::Result<()> {
        let (new, old) = (self.dir.join("sample.new"), self.dir.join("sample.old"));
        remove(&new.join("raw"))?;
        remove(&old)?;
        match fs::rename(dir_of(&self.dir), &old) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::rename(new, dir_of(&self.dir))?;
        // An empty journal of the org as it was says nothing about the org as it is.
        gone(fs::remove_file(journal::path_in(&self.dir)))?;
        gone(fs::remove_dir_all(self.dir.join("jobs")))?;
        remove(&old)
    }
}

impl Table {
    /// The place of a record among those of its table.
    pub(super) fn row_of(&self, id: Id) -> Option<u32> {
        self.by_id.get(&id).copied()
    }
}

/// Makes a folder that only its owner can look into.
fn private(dir: &Path) -> io::Result<()> {
    std::os::unix::fs::DirBuilderExt::mode(&mut fs::DirBuilder::new(), 0o700).create(dir)
}

/// The first 15 characters of an id.
fn canonical(id: &str) -> Option<Id> {
    let fits = matches!(id.len(), 15 | 18) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    id.as_bytes().get(..15).filter(|_| fits)?.try_into().ok()
}

/// The fields whose values make a record: all that hold one, but for those that say themselves.
fn places_of(object: &crate::practice::objects::Object, describe: &Value) -> Vec<usize> {
    let sent = describe["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of_org = |name: &str| sent.iter().find(|field| field["name"] == name);
    let fields = object.fields.iter().enumerate();
    let holds = |(place, field): &(usize, &Field)| {
        let Some(sent) = of_org(field.name) else { return false };
        let worked_out = field.name == "IsDeleted" || field.name == "LastModifiedDate";
        let large = sent["type"] == "base64" || sent["type"] == "anyType";
        *place > 0 && field.kind != Kind::Compound && !worked_out && !large
    };
    fields.filter(holds).map(|(place, _)| place).collect()
}

/// The describes of the org with what is added to them, each with a prefix of its own.
fn whole(wanted: &Wanted, made_up: bool) -> Result<Vec<Value>, Refused> {
    let own = Catalog::with(Vec::new(), made_up)?;
    let mut taken: Vec<String> = own.all().iter().map(|own| own.prefix().to_owned()).collect();
    let mut whole: Vec<Value> = Vec::new();
    for (given, is_added) in wanted
        .describes
        .iter()
        .map(|given| (given, false))
        .chain(wanted.added.iter().map(|given| (given, true)))
    {
        let name = given["name"].as_str().unwrap_or_default();
        let same = |describe: &Value| {
            describe["name"].as_str().is_some_and(|known| known.eq_ignore_ascii_case(name))
        };
        if !is_added && OUR_OWN.iter().any(|own| own.eq_ignore_ascii_case(name)) {
            return Err(Refused::OurOwn(name.to_owned()));
        }
        let known = own.find(name);
        if let Some(at) = whole.iter().position(same) {
            let prefix = whole[at]["keyPrefix"].as_str().unwrap_or_default().to_owned();
            whole[at] = merged(Some(&whole[at]), given, &prefix)?;
        } else if let Some(known) = known {
            // Of ours a describe that is added changes only what it says; that of an org all.
            let base = is_added.then(|| own.describe(known));
            whole.push(merged(base.as_deref(), given, known.prefix())?);
        } else {
            let prefix = free_prefix(given["keyPrefix"].as_str(), &taken);
            whole.push(merged(None, given, &prefix)?);
            taken.push(prefix);
        }
    }
    Ok(whole)
}

/// The prefix that is asked for, or another where it is taken.
fn free_prefix(asked: Option<&str>, taken: &[String]) -> String {
    let free = |prefix: &String| !taken.contains(prefix);
    let asked = asked.filter(|prefix| prefix.len() == 3).map(str::to_owned).filter(free);
    let others = (0..1_296_u32).map(|nth| {
        let digit = |nth: u32| char::from_digit(nth % 36, 36).unwrap_or('0');
        format!("z{}{}", digit(nth / 36), digit(nth))
    });
    asked.or_else(|| others.into_iter().find(free)).unwrap_or_else(|| "zzz".to_owned())
}

/// Effects in the journal under `dir`: lines but for those that end a transaction.
fn effects_in(dir: &Path) -> io::Result<u64> {
    let file = match File::open(journal::path_in(dir)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut effects = 0;
    for line in io::BufRead::split(io::BufReader::new(file), b'\n') {
        effects += u64::from(line?.starts_with(br#"{"at""#));
    }
    Ok(effects)
}
