//! `${name}` and `${name:stand-in}` in values: from property files, else from the environment.

use std::collections::BTreeMap;
use std::path::Path;

use super::xml::Element;
use super::{BadBeans, Text, beside, value_of};
use crate::config::dataloader::properties::Properties;

/// How deep a stand-in may hold placeholders of its own.
const DEPTH_MAX: usize = 8;

/// What the placeholders of a configuration stand for.
#[derive(Debug, Default)]
pub(super) struct Placeholders {
    values: BTreeMap<String, String>,
}

impl Placeholders {
    /// Takes a bean that names property files, or properties of its own.
    pub(super) fn take(&mut self, bean: &Element, path: &Path) -> Result<(), BadBeans> {
        for property in &bean.children {
            match (property.name.as_str(), property.attribute("name")) {
                ("property", Some("location")) => {
                    let location = value_of(property, path)?.text;
                    self.add_files(path, &location, property)?;
                }
                ("property", Some("locations")) => self.take_list(property, path)?,
                ("property", Some("properties")) => {
                    for prop in property.children.iter().flat_map(|props| &props.children) {
                        let key = prop.demanded("key", path)?.to_owned();
                        self.values.insert(key, prop.text.trim().to_owned());
                    }
                }
                // How Spring goes about the rest; what is missing is refused here in any case.
                ("description", _)
                | (
                    "property",
                    Some(
                        "systemPropertiesMode"
                        | "systemPropertiesModeName"
                        | "searchSystemEnvironment"
                        | "ignoreResourceNotFound"
                        | "ignoreUnresolvablePlaceholders"
                        | "order"
                        | "fileEncoding",
                    ),
                ) => {}
                (_, name) => {
                    let name = name.unwrap_or(&property.name);
                    return Err(property.refused(path, format!("`{name}` is not known here")));
                }
            }
        }
        Ok(())
    }

    fn take_list(&mut self, property: &Element, path: &Path) -> Result<(), BadBeans> {
        if let Some(list) = property.child("list").or_else(|| property.child("array")) {
            for value in &list.children {
                self.add_files(path, &value.text, value)?;
            }
            return Ok(());
        }
        let locations = value_of(property, path)?.text;
        self.add_files(path, &locations, property)
    }

    /// Reads property files, given with commas between them; a later one beats an earlier one.
    pub(super) fn add_files(
        &mut self,
        path: &Path,
        locations: &str,
        element: &Element,
    ) -> Result<(), BadBeans> {
        for location in locations.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let file = beside(path, location, element)?;
            let bytes = std::fs::read(&file)
                .map_err(|error| BadBeans::Unreadable { path: file.clone(), error })?;
            let read = Properties::parse(&bytes).map_err(|error| {
                element.refused(path, format!("`{}` cannot be read: {error}", file.display()))
            })?;
            self.values.extend(read.entries.into_iter().map(|entry| (entry.key, entry.value)));
        }
        Ok(())
    }

    /// Looks up in the environment what `texts` name and no file gives, so that it is read once.
    pub(super) fn fill_from(
        &mut self,
        environment: &dyn Fn(&str) -> Option<String>,
        texts: &[Text],
    ) {
        let mut texts: Vec<String> = texts.iter().map(|text| text.text.clone()).collect();
        while let Some(text) = texts.pop() {
            for (name, stand_in) in names(&text) {
                texts.extend(stand_in.map(str::to_owned));
                if let (false, Some(value)) = (self.values.contains_key(name), environment(name)) {
                    self.values.insert(name.to_owned(), value);
                }
            }
        }
    }

    /// The text with its placeholders filled in; one without a value is a fault.
    pub(super) fn fill(&self, text: &Text) -> Result<String, BadBeans> {
        if text.text.contains("#{") {
            let what = "an expression `#{…}` cannot be worked out here".to_owned();
            return Err(BadBeans::Refused { place: text.place.clone(), what });
        }
        self.fill_text(&text.text, text, 0)
    }

    fn fill_text(&self, written: &str, whole: &Text, depth: usize) -> Result<String, BadBeans> {
        let mut filled = String::new();
        let mut rest = written;
        while let Some((before, name, stand_in, after)) = first(rest) {
            filled.push_str(before);
            match (self.values.get(name), stand_in) {
                (Some(value), _) if depth < DEPTH_MAX => {
                    filled.push_str(&self.fill_text(value, whole, depth + 1)?);
                }
                (None, Some(stand_in)) if depth < DEPTH_MAX => {
                    filled.push_str(&self.fill_text(stand_in, whole, depth + 1)?);
                }
                _ => {
                    let (name, place) = (name.to_owned(), whole.place.clone());
                    return Err(BadBeans::NoValue { name, place });
                }
            }
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// The first placeholder: what stands before it, its name, its stand-in, what comes after.
fn first(text: &str) -> Option<(&str, &str, Option<&str>, &str)> {
    let begin = text.find("${")?;
    let inner = &text[begin + 2..];
    let mut open = 0_usize;
    let bytes = inner.as_bytes();
    let end = (0..bytes.len()).find(|at| {
        if bytes[*at..].starts_with(b"${") {
            open += 1;
        }
        let closes = bytes[*at] == b'}';
        let ends = closes && open == 0;
        if closes && open > 0 {
            open -= 1;
        }
        ends
    })?;
    let (name, stand_in) = match inner[..end].split_once(':') {
        Some((name, stand_in)) => (name, Some(stand_in)),
        None => (&inner[..end], None),
    };
    Some((&text[..begin], name, stand_in, &inner[end + 1..]))
}

fn names(text: &str) -> Vec<(&str, Option<&str>)> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, name, stand_in, after)) = first(rest) {
        names.push((name, stand_in));
        rest = after;
    }
    names
}
