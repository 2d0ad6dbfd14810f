//! `process-conf.xml`: the processes that a configuration folder knows.
//!
//! It is a file of Spring beans. Read of it is what people use: `property` with a `map`, values as
//! attributes and as children, `parent` with `merge`, `${placeholders}` with property files,
//! `import`. Anything else that would change what a process does is refused with its place, and
//! never passed over. The network is not used, and a DTD is not loaded. Source: Data Loader
//! reference, section 2.6.

mod error;
mod placeholders;
mod xml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use error::BadBeans;

use placeholders::Placeholders;
use xml::Element;

/// Files that one configuration may import.
const FILES_MAX: usize = 64;

/// How deep a bean's parents may go.
const PARENTS_MAX: usize = 32;

/// The property of a process that holds its settings.
const SETTINGS: &str = "configOverrideMap";

/// All beans of a configuration.
#[derive(Debug, Default)]
pub struct Beans {
    beans: BTreeMap<String, Bean>,
    placeholders: Placeholders,
}

/// A place in a file: its name, line and column, both counted from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    pub file: PathBuf,
    pub line: usize,
    pub column: usize,
}

/// A process: what it is called and what it sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// By this it is found.
    pub id: String,
    /// By this its files are called; Data Loader demands it.
    pub name: String,
    /// Keys and values, placeholders filled in, in the order of the file, parents first.
    pub settings: Vec<(String, String)>,
    pub description: Option<String>,
}

#[derive(Debug, Clone, Default)]
struct Bean {
    place: Place,
    parent: Option<String>,
    is_abstract: bool,
    description: Option<String>,
    name: Option<Text>,
    settings: Option<Settings>,
}

#[derive(Debug, Clone)]
struct Settings {
    /// What the parent sets stays.
    merge: bool,
    entries: Vec<(String, Text)>,
}

/// A value as it is written, with its place for messages about placeholders.
#[derive(Debug, Clone)]
struct Text {
    text: String,
    place: Place,
}

impl Beans {
    /// Reads a file and all that it imports; `environment` knows the values of placeholders that
    /// no property file gives.
    pub fn read(
        path: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, BadBeans> {
        let mut beans = Self::default();
        let mut files = Vec::new();
        beans.take_file(path, &mut files)?;
        let texts = beans.texts();
        beans.placeholders.fill_from(environment, &texts);
        Ok(beans)
    }

    /// The ids of the processes, sorted; beans that stand only for others to build on left out.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        let whole = self.beans.iter().filter(|(_, bean)| !bean.is_abstract);
        whole.map(|(id, _)| id.as_str())
    }

    /// One process with all that it inherits.
    pub fn process(&self, id: &str) -> Result<Process, BadBeans> {
        let Some(bean) = self.beans.get(id) else {
            let ids = self.ids().map(str::to_owned).collect();
            return Err(BadBeans::NoSuchBean { id: id.to_owned(), ids });
        };
        if bean.is_abstract {
            return Err(BadBeans::Abstract { id: id.to_owned(), place: bean.place.clone() });
        }
        let (mut name, mut settings, mut description) = (None, Vec::new(), None);
        for bean in self.line_of(id)? {
            name = bean.name.as_ref().or(name);
            description = bean.description.as_ref().or(description);
            if let Some(own) = &bean.settings {
                if !own.merge {
                    settings.clear();
                }
                for (key, value) in &own.entries {
                    settings.retain(|(other, _): &(&String, &Text)| *other != key);
                    settings.push((key, value));
                }
            }
        }
        let name =
            name.ok_or_else(|| BadBeans::NoName { id: id.to_owned(), place: bean.place.clone() })?;
        let filled = |text: &Text| self.placeholders.fill(text);
        Ok(Process {
            id: id.to_owned(),
            name: filled(name)?,
            settings: settings
                .into_iter()
                .map(|(key, value)| Ok((key.clone(), filled(value)?)))
                .collect::<Result<_, BadBeans>>()?,
            description: description.cloned(),
        })
    }

    /// A bean with its parents, the farthest first.
    fn line_of(&self, id: &str) -> Result<Vec<&Bean>, BadBeans> {
        let mut line = Vec::new();
        let mut next = Some(id);
        while let Some(id) = next {
            let bean = self.beans.get(id);
            let (Some(bean), true) = (bean, line.len() < PARENTS_MAX) else {
                let place = line.last().map(|bean: &&Bean| bean.place.clone()).unwrap_or_default();
                let id = id.to_owned();
                return Err(match bean {
                    Some(_) => BadBeans::ParentsInACircle { id, place },
                    None => BadBeans::NoSuchParent { id, place },
                });
            };
            line.push(bean);
            next = bean.parent.as_deref();
        }
        line.reverse();
        Ok(line)
    }

    fn take_file(&mut self, path: &Path, files: &mut Vec<PathBuf>) -> Result<(), BadBeans> {
        if files.iter().any(|file| file == path) {
            return Ok(());
        }
        if files.len() == FILES_MAX {
            return Err(BadBeans::TooManyFiles { path: path.to_owned() });
        }
        files.push(path.to_owned());
        let root = xml::read(path)?;
        if root.name != "beans" {
            return Err(root.refused(path, format!("the root is `{}` and not `beans`", root.name)));
        }
        for element in &root.children {
            self.take_top(element, path, files)?;
        }
        Ok(())
    }

    fn take_top(
        &mut self,
        element: &Element,
        path: &Path,
        files: &mut Vec<PathBuf>,
    ) -> Result<(), BadBeans> {
        match element.name.as_str() {
            "bean" => self.take_bean(element, path),
            "import" => {
                let resource = element.demanded("resource", path)?;
                self.take_file(&beside(path, resource, element)?, files)
            }
            "context:property-placeholder" => {
                let location = element.demanded("location", path)?;
                self.placeholders.add_files(path, location, element)
            }
            "alias" => {
                let (name, alias) =
                    (element.demanded("name", path)?, element.demanded("alias", path)?);
                let bean = Bean {
                    place: element.place(path),
                    parent: Some(name.to_owned()),
                    ..Bean::default()
                };
                self.beans.insert(alias.to_owned(), bean);
                Ok(())
            }
            "description" => Ok(()),
            other => Err(element.refused(path, format!("`{other}` is not known here"))),
        }
    }

    fn take_bean(&mut self, element: &Element, path: &Path) -> Result<(), BadBeans> {
        let class = element.attribute("class").unwrap_or_default();
        let last = class.rsplit('.').next().unwrap_or_default();
        if matches!(last, "PropertyPlaceholderConfigurer" | "PropertySourcesPlaceholderConfigurer")
        {
            return self.placeholders.take(element, path);
        }
        let is_process = last == "ProcessRunner" || class.is_empty();
        let Some(id) = element.attribute("id").or_else(|| element.attribute("name")) else {
            return if is_process { Err(element.refused(path, "it has no `id`")) } else { Ok(()) };
        };
        // Beans of other classes, such as data sources, do no harm as long as nobody asks for them.
        let bean = if is_process { bean_of(element, path)? } else { return Ok(()) };
        if self.beans.insert(id.to_owned(), bean).is_some() {
            return Err(element.refused(path, format!("there are two beans `{id}`")));
        }
        Ok(())
    }

    fn texts(&self) -> Vec<Text> {
        let names = self.beans.values().filter_map(|bean| bean.name.clone());
        let settings = self.beans.values().filter_map(|bean| bean.settings.as_ref());
        let values = settings.flat_map(|settings| &settings.entries);
        names.chain(values.map(|(_, text)| text.clone())).collect()
    }
}

fn bean_of(element: &Element, path: &Path) -> Result<Bean, BadBeans> {
    let mut bean = Bean {
        place: element.place(path),
        parent: element.attribute("parent").map(str::to_owned),
        is_abstract: element.attribute("abstract") == Some("true"),
        description: None,
        name: element.attribute("p:name").map(|text| element.text_of(text, path)),
        settings: None,
    };
    for child in &element.children {
        match (child.name.as_str(), child.attribute("name")) {
            ("description", _) => bean.description = Some(child.text.trim().to_owned()),
            ("property", Some("name")) => bean.name = Some(value_of(child, path)?),
            ("property", Some(SETTINGS)) => bean.settings = Some(settings_of(child, path)?),
            ("property", Some(other)) => {
                return Err(child.refused(path, format!("a process has no property `{other}`")));
            }
            (other, _) => {
                return Err(child.refused(path, format!("`{other}` is not known in a bean")));
            }
        }
    }
    Ok(bean)
}

fn settings_of(property: &Element, path: &Path) -> Result<Settings, BadBeans> {
    let [map] = property.children.as_slice() else {
        return Err(property.refused(path, format!("`{SETTINGS}` wants one `map`")));
    };
    let entry = match map.name.as_str() {
        "map" => "entry",
        "props" => "prop",
        other => {
            return Err(map.refused(path, format!("`{SETTINGS}` wants a `map`, not `{other}`")));
        }
    };
    let mut entries = Vec::new();
    for child in &map.children {
        if child.name != entry {
            return Err(child.refused(path, format!("`{}` is not known in a map", child.name)));
        }
        let key = match (child.attribute("key"), child.child("key")) {
            (Some(key), None) => key.to_owned(),
            (None, Some(key)) => value_of(key, path)?.text,
            _ => return Err(child.refused(path, "it wants one `key`")),
        };
        let value =
            if entry == "prop" { child.text_of(&child.text, path) } else { value_of(child, path)? };
        entries.push((key, value));
    }
    Ok(Settings { merge: map.attribute("merge") == Some("true"), entries })
}

/// The value of a property, an entry or a key: an attribute, a child `value`, or `null`.
fn value_of(element: &Element, path: &Path) -> Result<Text, BadBeans> {
    let children: Vec<&Element> =
        element.children.iter().filter(|child| child.name != "key").collect();
    match (element.attribute("value"), children.as_slice()) {
        (Some(value), []) => Ok(element.text_of(value, path)),
        (None, [value]) if value.name == "value" && value.children.is_empty() => {
            Ok(value.text_of(&value.text, path))
        }
        (None, [null]) if null.name == "null" => Ok(null.text_of("", path)),
        (None, [other]) => {
            let message = format!("a value of the form `{}` cannot be read", other.name);
            Err(other.refused(path, message))
        }
        _ => Err(element.refused(path, "it wants one value")),
    }
}

/// The file that a resource names, as seen from the file that names it.
fn beside(path: &Path, resource: &str, element: &Element) -> Result<PathBuf, BadBeans> {
    let name = resource.strip_prefix("file:").unwrap_or(resource);
    if let Some((scheme, _)) = name.split_once(':').filter(|(scheme, _)| scheme.len() > 1) {
        let message = format!("`{scheme}:` cannot be read here; name a file beside this one");
        return Err(element.refused(path, message));
    }
    let name = name.replace('\\', "/");
    let folder = path.parent().unwrap_or(Path::new(""));
    Ok(folder.join(name))
}

#[cfg(test)]
mod tests;
