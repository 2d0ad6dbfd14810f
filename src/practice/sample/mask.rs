//! What tells of people, replaced by made-up values of the same form.
//!
//! Letters become letters, digits digits, and blanks and signs stay, so lengths and shapes are
//! those of the org. The same value is replaced by the same one everywhere in a sample; how is
//! decided by a key that is made for the sample and kept nowhere, so nobody can try out values.

use std::collections::HashSet;

use crate::practice::objects::{Field, Kind, Object};

/// What decides by what a value is replaced.
#[derive(Debug, Clone)]
pub struct Key([u8; 32]);

/// Tries to find a value for a unique field that no other record has.
const TRIES: u32 = 64;

/// Characters that tell two e-mail addresses apart which look alike otherwise.
const TAG: usize = 8;

impl Key {
    /// A key that nobody knows.
    pub fn of_chance() -> Result<Self, aws_lc_rs::error::Unspecified> {
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key)?;
        Ok(Self(key))
    }

    /// Bytes that look like chance and are always the same for a value and a try.
    fn stream(&self, value: &str, attempt: u32) -> Stream {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&attempt.to_le_bytes());
        hasher.update(value.as_bytes());
        Stream { reader: hasher.finalize_xof() }
    }
}

struct Stream {
    reader: blake3::OutputReader,
}

impl Stream {
    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let mut bytes = [0; 4];
        self.reader.fill(&mut bytes);
        let number = usize::try_from(u32::from_le_bytes(bytes)).unwrap_or_default();
        from.get(number % from.len().max(1)).copied()
    }
}

/// What is done with the values of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Keep,
    /// Finds records, and so is kept, though it may tell of a person.
    KeepKey,
    Letters,
    Email,
    Phone,
    Url,
    /// First and last name, as these are now.
    FullName,
    /// Where somebody is, to the meter.
    Clear,
}

/// How the values of one object are replaced.
pub(super) struct Masks<'a> {
    key: &'a Key,
    object: &'static Object,
    rules: Vec<Rule>,
    /// What unique fields have been given, by place.
    given: Vec<HashSet<String>>,
}

impl<'a> Masks<'a> {
    pub(super) fn new(key: &'a Key, object: &'static Object) -> Self {
        let rules = object.fields.iter().map(|field| rule(object, field)).collect();
        let given = object.fields.iter().map(|_| HashSet::new()).collect();
        Self { key, object, rules, given }
    }

    /// Replaces values of a record; returns how many. `places` are the fields of the cells.
    pub(super) fn apply(&mut self, places: &[usize], cells: &mut [String]) -> u64 {
        let mut masked = 0;
        for (place, cell) in places.iter().zip(cells.iter_mut()) {
            let rule = self.rules[*place];
            if cell.is_empty() || matches!(rule, Rule::Keep | Rule::KeepKey | Rule::FullName) {
                continue;
            }
            *cell = if rule == Rule::Clear { String::new() } else { self.other(*place, cell) };
            masked += 1;
        }
        self.full_name(places, cells);
        masked
    }

    /// Fields that find records and are copied as they are.
    pub(super) fn as_they_are(&self, places: &[usize]) -> Vec<String> {
        let kept = places.iter().filter(|place| self.rules[**place] == Rule::KeepKey);
        kept.map(|place| self.object.fields[*place].name.to_owned()).collect()
    }

    fn other(&mut self, place: usize, value: &str) -> String {
        let field = &self.object.fields[place];
        for attempt in 0..TRIES {
            let mut other = match self.rules[place] {
                Rule::Email => email(self.key, value, attempt, field.length),
                Rule::Phone => phone(self.key, value, attempt),
                Rule::Url => url(self.key, value, attempt, field.length),
                _ => letters(self.key, value, attempt),
            };
            if other == value && attempt + 1 < TRIES {
                continue;
            }
            if !field.unique || self.given[place].insert(other.to_lowercase()) {
                return other;
            }
            if attempt + 1 == TRIES {
                // So short that all are taken: then it is numbered.
                let number = self.given[place].len().to_string();
                let room = (field.length as usize).saturating_sub(number.len());
                other = other.chars().take(room).chain(number.chars()).collect();
                self.given[place].insert(other.to_lowercase());
                return other;
            }
        }
        String::new()
    }

    fn full_name(&self, places: &[usize], cells: &mut [String]) {
        let cell_of = |name: &str, cells: &[String]| {
            let place = self.object.position(name)?;
            let at = places.iter().position(|other| *other == place)?;
            Some(cells[at].clone()).filter(|cell| !cell.is_empty())
        };
        let Some(at) = places.iter().position(|place| self.rules[*place] == Rule::FullName) else {
            return;
        };
        let parts = [cell_of("FirstName", cells), cell_of("LastName", cells)];
        cells[at] = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    }
}

fn rule(object: &Object, field: &Field) -> Rule {
    let part_of_address = field.part_of.ends_with("Address");
    match field.kind {
        Kind::Email => Rule::Email,
        Kind::Phone => Rule::Phone,
        Kind::Url => Rule::Url,
        Kind::Double if part_of_address => Rule::Clear,
        Kind::Text | Kind::TextArea if field.auto_number => Rule::Keep,
        Kind::Text | Kind::TextArea if field.external_id => Rule::KeepKey,
        Kind::Text if field.name == "Username" => Rule::Email,
        Kind::Text if part_of_address && is_region(field.name) => Rule::Keep,
        Kind::Text if field.name_field && is_put_together(object, field) => Rule::FullName,
        Kind::Text | Kind::TextArea => Rule::Letters,
        _ => Rule::Keep,
    }
}

/// Whole countries and states tell of nobody.
fn is_region(name: &str) -> bool {
    ["Country", "State", "CountryCode", "StateCode"].iter().any(|end| name.ends_with(end))
}

fn is_put_together(object: &Object, field: &Field) -> bool {
    !field.createable && object.position("LastName").is_some()
}

/// Letters for letters, digits for digits; what is neither stays.
fn letters(key: &Key, value: &str, attempt: u32) -> String {
    let mut stream = key.stream(value, attempt);
    value.chars().map(|character| like(character, &mut stream)).collect()
}

/// Another character of the same kind.
fn like(character: char, stream: &mut Stream) -> char {
    const VOWELS: [char; 5] = ['a', 'e', 'i', 'o', 'u'];
    const CONSONANTS: [char; 16] =
        ['b', 'd', 'f', 'g', 'h', 'j', 'k', 'l', 'm', 'n', 'p', 'r', 's', 't', 'v', 'z'];
    const ACCENTED: [char; 10] = ['á', 'é', 'í', 'ó', 'ú', 'ä', 'ö', 'ü', 'ñ', 'ç'];
    const CYRILLIC: [char; 12] = ['а', 'в', 'д', 'е', 'и', 'к', 'л', 'м', 'н', 'о', 'р', 'т'];
    const OTHER: [char; 10] = ['山', '川', '田', '中', '村', '林', '石', '金', '水', '木'];
    let small = character.to_lowercase().next().unwrap_or(character);
    let other = match small {
        '0'..='9' => stream.pick(&['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']),
        'a' | 'e' | 'i' | 'o' | 'u' => stream.pick(&VOWELS),
        'a'..='z' => stream.pick(&CONSONANTS),
        '\u{400}'..='\u{4ff}' => stream.pick(&CYRILLIC),
        other if !other.is_alphanumeric() => None,
        other if other.len_utf8() < 3 => stream.pick(&ACCENTED),
        _ => stream.pick(&OTHER),
    };
    let Some(other) = other else { return character };
    if character.is_uppercase() { other.to_uppercase().next().unwrap_or(other) } else { other }
}

/// A name like that before the `@`, at a host that cannot be.
fn email(key: &Key, value: &str, attempt: u32, length: u32) -> String {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    const HOST: &str = "@mail.example";
    let Some((name, _)) = value.split_once('@') else { return letters(key, value, attempt) };
    let folded = value.to_lowercase();
    let mut stream = key.stream(&folded, attempt);
    let tag: String = (0..TAG).filter_map(|_| stream.pick(DIGITS)).map(char::from).collect();
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '.' };
    let room = (length as usize).saturating_sub(HOST.len() + TAG + 1);
    let name: String =
        name.to_lowercase().chars().take(room).map(|c| plain(like(c, &mut stream))).collect();
    format!("{name}.{tag}{HOST}")
}

/// Other digits, but for those of the country.
fn phone(key: &Key, value: &str, attempt: u32) -> String {
    let mut stream = key.stream(value, attempt);
    let country = if value.starts_with('+') { 3 } else { 0 };
    let chars = value.chars().enumerate();
    chars.map(|(at, c)| if at < country { c } else { like(c, &mut stream) }).collect()
}

/// The same scheme, and a host that cannot be.
fn url(key: &Key, value: &str, attempt: u32, length: u32) -> String {
    let (scheme, rest) = match value.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), value),
    };
    let mut stream = key.stream(rest, attempt);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let name = host.trim_start_matches("www.").split('.').next().unwrap_or_default();
    let name: String = name.chars().map(|c| like(c, &mut stream)).collect();
    let whole = format!("{scheme}{name}.example");
    whole.chars().take(length as usize).collect()
}
