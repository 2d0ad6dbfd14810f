//! A small XML tree with places: enough for a file of beans.

use std::path::Path;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::{BadBeans, Place, Text};

/// Bytes of a file; Data Loader's largest known ones have some 100,000.
const BYTES_MAX: u64 = 4 << 20;

/// Elements within elements.
const DEPTH_MAX: usize = 64;

/// An element with all that is in it; comments are left out.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    attributes: Vec<(String, String)>,
    pub(super) children: Vec<Self>,
    /// The text in it, that of children left out.
    pub(super) text: String,
    line: usize,
    column: usize,
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| &**value)
    }

    pub(super) fn demanded(&self, name: &str, path: &Path) -> Result<&str, BadBeans> {
        self.attribute(name).ok_or_else(|| self.refused(path, format!("it has no `{name}`")))
    }

    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    pub(super) fn place(&self, path: &Path) -> Place {
        Place { file: path.to_owned(), line: self.line, column: self.column }
    }

    pub(super) fn text_of(&self, text: &str, path: &Path) -> Text {
        Text { text: text.to_owned(), place: self.place(path) }
    }

    pub(super) fn refused(&self, path: &Path, what: impl Into<String>) -> BadBeans {
        BadBeans::Refused { place: self.place(path), what: what.into() }
    }
}

/// Reads a file and returns its root.
pub(super) fn read(path: &Path) -> Result<Element, BadBeans> {
    let unreadable = |error| BadBeans::Unreadable { path: path.to_owned(), error };
    let about = std::fs::metadata(path).map_err(unreadable)?;
    if !about.is_file() {
        return Err(unreadable(std::io::Error::other("it is not a file")));
    }
    if about.len() > BYTES_MAX {
        let (path, bytes) = (path.to_owned(), about.len());
        return Err(BadBeans::TooLarge { path, bytes, max: BYTES_MAX });
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    parse(&text_of(&bytes), path)
}

/// The text of a file: UTF-8, UTF-16 by its BOM, or what its first line says.
fn text_of(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(200)];
    let said = head.split(|byte| *byte == b'>').next().map(String::from_utf8_lossy);
    let label = said.as_deref().and_then(|line| {
        let (_, rest) = line.split_once("encoding=")?;
        let quote = rest.chars().next()?;
        Some(rest[1..].split(quote).next()?.to_owned())
    });
    let encoding = label.and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes()));
    let (text, _, _) = encoding.unwrap_or(encoding_rs::UTF_8).decode(bytes);
    text.into_owned()
}

fn parse(text: &str, path: &Path) -> Result<Element, BadBeans> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let refused = |at: usize, what: String| {
            let (line, column) = line_and_column(text, at);
            BadBeans::Refused { place: Place { file: path.to_owned(), line, column }, what }
        };
        let event = reader.read_event().map_err(|error| {
            let at = usize::try_from(reader.error_position()).unwrap_or(usize::MAX);
            refused(at, format!("it is not well-formed XML: {error}"))
        })?;
        let ended = match event {
            Event::Start(start) => {
                let element = element(&start, text, at).map_err(|what| refused(at, what))?;
                open.push(element);
                if open.len() > DEPTH_MAX {
                    return Err(refused(at, format!("elements nest deeper than {DEPTH_MAX}")));
                }
                continue;
            }
            Event::Empty(start) => element(&start, text, at).map_err(|what| refused(at, what))?,
            Event::End(_) => match open.pop() {
                Some(element) => element,
                None => return Err(refused(at, "an element ends that did not begin".to_owned())),
            },
            Event::Text(words) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&words.xml10_content());
                }
                continue;
            }
            Event::CData(words) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&words.xml10_content());
                }
                continue;
            }
            Event::GeneralRef(entity) => {
                let text = entity_text(&entity).map_err(|what| refused(at, what))?;
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
                continue;
            }
            Event::Eof if open.is_empty() => {
                return root.ok_or_else(|| refused(at, "it has no element".to_owned()));
            }
            Event::Eof => {
                let name = open.last().map(|element| element.name.clone()).unwrap_or_default();
                return Err(refused(at, format!("`{name}` does not end")));
            }
            Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_) => continue,
        };
        match open.last_mut() {
            Some(parent) => parent.children.push(ended),
            None if root.is_none() => root = Some(ended),
            None => return Err(refused(at, "there are two roots".to_owned())),
        }
    }
}

/// An element as it begins. Attributes keep white space as it is but for line ends.
fn element(start: &BytesStart<'_>, text: &str, at: usize) -> Result<Element, String> {
    let (line, column) = line_and_column(text, at);
    let name = start.name().as_ref().to_owned();
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| format!("it is not well-formed XML: {error}"))?;
        let key = attribute.key.as_ref().to_owned();
        let value = attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map_err(|error| format!("`{key}` cannot be read: {error}"))?;
        attributes.push((key, value.into_owned()));
    }
    Ok(Element { name, attributes, line, column, ..Element::default() })
}

fn entity_text(entity: &BytesRef<'_>) -> Result<String, String> {
    let name: &str = entity;
    match entity.resolve_char_ref() {
        Ok(Some(character)) => Ok(character.to_string()),
        Ok(None) => resolve_predefined_entity(name)
            .map(str::to_owned)
            .ok_or_else(|| format!("the entity `&{name};` is not known; a DTD is not loaded")),
        Err(error) => Err(format!("`&{name};` is no character: {error}")),
    }
}

/// Line and column of a byte, both counted from 1, the column in characters.
fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}
