//! Two inputs, made anew each time and always the same, and the stages that take them in.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use crate::config::plan::{Input, Nulls, Source};
use crate::model::failure::Failure;
use crate::model::ids::RecordId;
use crate::model::operation::Operation;
use crate::model::schema::{FieldKind, FieldSchema, LoadSchema, ObjectSchema, PicklistValue};
use crate::pipeline::chunk::{ChunkLimits, Spool};
use crate::pipeline::map::{self, Mapping, Wanted};
use crate::pipeline::read::{self, SlabReader};
use crate::pipeline::validate::{self, Checks};

/// What the rows are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Two ids in a row of 38 bytes: assignments of permission sets.
    Ids,
    /// Twenty columns in about 267 bytes: accounts, with quoted text, letters beyond ASCII, and
    /// line ends and commas inside quotes.
    Wide,
}

/// How far the rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Read,
    Map,
    Validate,
    Chunk,
}

/// What went through.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Through {
    pub rows: u64,
    pub chunks: u64,
}

/// The stages of one load, ready to take the rows in.
pub struct Load {
    reader: SlabReader,
    mapping: Mapping,
    checks: Checks,
    spool: Spool,
}

impl Shape {
    pub const ALL: [Self; 2] = [Self::Ids, Self::Wide];

    pub fn word(self) -> &'static str {
        match self {
            Self::Ids => "ids",
            Self::Wide => "wide",
        }
    }

    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shape| shape.word() == word)
    }

    /// Writes a file of that many rows, and returns how many bytes the rows have.
    pub fn write(self, path: &Path, rows: u64) -> io::Result<u64> {
        let mut out = BufWriter::new(File::create(path)?);
        let columns: Vec<String> = self.fields().into_iter().map(|field| field.name).collect();
        writeln!(out, "{}", columns.join(","))?;
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        let mut bytes = 0;
        let mut line = String::new();
        for row in 0..rows {
            line.clear();
            match self {
                Self::Ids => push_ids(&mut line, &mut dice),
                Self::Wide => push_wide(&mut line, &mut dice, row),
            }
            line.push('\n');
            out.write_all(line.as_bytes())?;
            bytes += line.len() as u64;
        }
        out.flush()?;
        Ok(bytes)
    }

    /// The object that the rows are inserted as, as an org describes it.
    pub fn schema(self) -> LoadSchema {
        let (name, prefix) = match self {
            Self::Ids => ("PermissionSetAssignment", "0Pa"),
            Self::Wide => ("Account", "001"),
        };
        let object = ObjectSchema {
            name: name.to_owned(),
            label: name.to_owned(),
            key_prefix: Some(prefix.to_owned()),
            createable: true,
            updateable: true,
            deletable: true,
            undeletable: true,
            queryable: true,
            custom: false,
            deleted_by_row: false,
            fields: self.fields(),
        };
        let prefixes = [("account", "001"), ("user", "005"), ("permissionset", "0PS")];
        let key_prefixes = prefixes.map(|(object, prefix)| (object.to_owned(), prefix.to_owned()));
        LoadSchema { object, related: [].into(), key_prefixes: key_prefixes.into() }
    }

    fn fields(self) -> Vec<FieldSchema> {
        let list = |name, values: &[&str]| FieldSchema {
            restricted_picklist: true,
            picklist: values
                .iter()
                .map(|value| PicklistValue {
                    value: (*value).to_owned(),
                    label: (*value).to_owned(),
                    active: true,
                })
                .collect(),
            ..field(name, FieldKind::Picklist, 40)
        };
        let reference = |name, to: &str| FieldSchema {
            reference_to: vec![to.to_owned()],
            ..field(name, FieldKind::Reference, 18)
        };
        let required = |field| FieldSchema { nillable: false, ..field };
        match self {
            Self::Ids => vec![
                required(reference("AssigneeId", "User")),
                required(reference("PermissionSetId", "PermissionSet")),
            ],
            Self::Wide => vec![
                required(field("Name", FieldKind::String, 255)),
                field("AccountNumber", FieldKind::String, 40),
                list("Type", &TYPES),
                list("Industry", &INDUSTRIES),
                field("Phone", FieldKind::Phone, 40),
                field("Website", FieldKind::Url, 255),
                FieldSchema {
                    precision: 18,
                    scale: 2,
                    ..field("AnnualRevenue", FieldKind::Currency, 0)
                },
                FieldSchema { digits: 8, ..field("NumberOfEmployees", FieldKind::Int, 0) },
                field("BillingStreet", FieldKind::Textarea, 255),
                field("BillingCity", FieldKind::String, 40),
                field("BillingState", FieldKind::String, 80),
                field("BillingPostalCode", FieldKind::String, 20),
                field("BillingCountry", FieldKind::String, 80),
                field("Description", FieldKind::Textarea, 32_000),
                reference("OwnerId", "User"),
                reference("ParentId", "Account"),
                field("Site", FieldKind::String, 80),
                field("Active__c", FieldKind::Boolean, 0),
                field("Email__c", FieldKind::Email, 80),
                field("LastVisit__c", FieldKind::Date, 0),
            ],
        }
    }
}

impl Load {
    /// Opens the file; chunks go to `folder`, or nowhere without one.
    pub fn open(shape: Shape, file: &Path, folder: Option<&Path>) -> Result<Self, Failure> {
        let source = Source::File(file.to_owned());
        let input = Input { source, delimiter: None, line_ending: None, encoding: None };
        let reader = read::open(&input)?;
        let wanted = Wanted {
            operation: Operation::Insert,
            external_id: None,
            nulls: Nulls::Ignore,
            conversions: None,
            passes_over: false,
        };
        let schema = shape.schema();
        let mapping = map::compile(reader.header(), None, &schema, &wanted)?;
        let checks = validate::prepare(&mapping.sent, &schema, Operation::Insert, None)?;
        let header: Vec<String> = mapping.sent.iter().map(|sent| sent.header.clone()).collect();
        let limits = ChunkLimits { rows: 250_000, bytes: 100_000_000 };
        let spool = match folder {
            Some(folder) => Spool::new(folder, &header, limits),
            None => Spool::dry(&header, limits),
        };
        Ok(Self { reader, mapping, checks, spool })
    }

    /// Takes all rows as far as `last`. Every row is good; a bad one is a fault of the bench.
    pub fn run(mut self, last: Stage) -> Result<Through, Failure> {
        let mut through = Through::default();
        while let Some(slab) = self.reader.next_slab()? {
            assert!(slab.rejected.is_empty(), "{:?}", slab.rejected[0]);
            through.rows += slab.table.len() as u64;
            if last == Stage::Read {
                continue;
            }
            let mapped = map::map(slab, &self.mapping);
            if last == Stage::Map {
                continue;
            }
            let mut checked = validate::validate(mapped, &self.checks);
            assert!(checked.rejected.is_empty(), "{:?}", checked.rejected[0]);
            if last == Stage::Chunk {
                self.spool.set_apart(&mut checked);
                through.chunks += self.spool.take(&checked)?.len() as u64;
            }
        }
        through.chunks += self.spool.close()?.len() as u64;
        Ok(through)
    }
}

fn field(name: &str, kind: FieldKind, length: u32) -> FieldSchema {
    FieldSchema {
        name: name.to_owned(),
        label: name.to_owned(),
        kind,
        type_name: format!("{kind:?}").to_lowercase(),
        length,
        digits: 0,
        precision: 0,
        scale: 0,
        createable: true,
        updateable: true,
        nillable: true,
        defaulted_on_create: false,
        calculated: false,
        auto_number: false,
        html: false,
        external_id: false,
        id_lookup: false,
        unique: false,
        case_sensitive: false,
        restricted_picklist: false,
        picklist: Vec::new(),
        reference_to: Vec::new(),
        relationship_name: None,
        polymorphic: false,
    }
}

/// Numbers without rhyme that are the same each time (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 11) % end as u64).unwrap_or_default()
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }

    fn id(&mut self, prefix: &str) -> String {
        const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut id = format!("{prefix}Dn00000");
        while id.len() < 15 {
            id.push(char::from(LETTERS[self.below(LETTERS.len())]));
        }
        RecordId::parse(id.as_bytes()).map_or(id, |id| id.as_str().to_owned())
    }
}

const TYPES: [&str; 4] = ["Customer", "Prospect", "Partner", "Other"];
const INDUSTRIES: [&str; 5] = ["Banking", "Energy", "Education", "Retail", "Utilities"];
const NAMES: [&str; 8] = [
    "Northwind Traders",
    "\"Adler, Söhne & Co\"",
    "Öresund Logistik",
    "Blue Harbor Foods",
    "\"Kowalski, Nowak i Wspólnicy\"",
    "Acme Rail",
    "\"The \"\"Old\"\" Mill, Ltd\"",
    "Tanaka 商店",
];
const STREETS: [&str; 5] = [
    "12 High Street",
    "\"Gewerbestraße 7\nHinterhof\"",
    "\"Rua do Ouro, 118\"",
    "4501 W Industrial Blvd",
    "\"Nybrogatan 3\n2 tr\"",
];
const CITIES: [&str; 6] = ["Berlin", "Göteborg", "Łódź", "Austin", "São Paulo", "Lyon"];
const STATES: [&str; 4] = ["BE", "TX", "", "SP"];
const COUNTRIES: [&str; 5] = ["Germany", "Sweden", "Poland", "United States", "Brazil"];
const TEXTS: [&str; 6] = [
    "Met at the fair in spring",
    "\"Wants a quote, by mail, before June\"",
    "\"First line of the note\nand a second, with a comma\"",
    "Renewal is due in autumn",
    "\"Asked for the \"\"gold\"\" plan; prefers calls\"",
    "",
];

fn push_ids(line: &mut String, dice: &mut Dice) {
    line.push_str(&dice.id("005"));
    line.push(',');
    line.push_str(&dice.id("0PS"));
}

fn push_wide(line: &mut String, dice: &mut Dice, row: u64) {
    let cells = [
        dice.pick(&NAMES).to_owned(),
        format!("ACC-{row:07}"),
        dice.pick(&TYPES).to_owned(),
        dice.pick(&INDUSTRIES).to_owned(),
        format!("+49 30 {:07}", dice.below(10_000_000)),
        format!("https://www.site-{}.example", dice.below(100_000)),
        format!("{}.{:02}", dice.below(10_000_000), dice.below(100)),
        dice.below(50_000).to_string(),
        dice.pick(&STREETS).to_owned(),
        dice.pick(&CITIES).to_owned(),
        dice.pick(&STATES).to_owned(),
        format!("{:05}", dice.below(100_000)),
        dice.pick(&COUNTRIES).to_owned(),
        dice.pick(&TEXTS).to_owned(),
        dice.id("005"),
        if dice.below(2) == 0 { String::new() } else { dice.id("001") },
        "Main".to_owned(),
        dice.pick(&["true", "false"]).to_owned(),
        format!("office.{}@site.example", dice.below(100_000)),
        format!("2025-{:02}-{:02}", 1 + dice.below(12), 1 + dice.below(28)),
    ];
    line.push_str(&cells.join(","));
}
