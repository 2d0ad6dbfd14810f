//! The XML of SOAP answers as a small tree, and text that may stand in XML.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};

/// Elements within elements; the deepest answer that we read has 8.
const DEPTH_MAX: usize = 32;

/// An element without its prefix and attributes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::target::salesforce) struct Element {
    pub(in crate::target::salesforce) name: String,
    /// The text in it, that of children left out, blanks around it too.
    pub(in crate::target::salesforce) text: String,
    pub(in crate::target::salesforce) children: Vec<Self>,
}

impl Element {
    /// Reads a document; `None` when it is no XML, not all of it, or nests too deep.
    pub(in crate::target::salesforce) fn read(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::from_str(std::str::from_utf8(body).ok()?);
        let mut open: Vec<Self> = Vec::new();
        loop {
            let ended = match reader.read_event().ok()? {
                Event::Start(start) => {
                    let name = start.local_name().as_ref().to_owned();
                    open.push(Self { name, ..Self::default() });
                    if open.len() > DEPTH_MAX {
                        return None;
                    }
                    continue;
                }
                Event::Empty(start) => {
                    Self { name: start.local_name().as_ref().to_owned(), ..Self::default() }
                }
                Event::End(_) => {
                    let mut ended = open.pop()?;
                    ended.text = ended.text.trim().to_owned();
                    ended
                }
                Event::Text(words) => {
                    add(&mut open, &words.xml10_content());
                    continue;
                }
                Event::CData(words) => {
                    add(&mut open, &words.xml10_content());
                    continue;
                }
                Event::GeneralRef(entity) => {
                    let text = entity_text(&entity)?;
                    add(&mut open, &text);
                    continue;
                }
                Event::Eof => return None,
                Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_) => continue,
            };
            match open.last_mut() {
                Some(parent) => parent.children.push(ended),
                // The root is closed: what may follow it says nothing.
                None => return Some(ended),
            }
        }
    }

    /// The first child of that name.
    pub(in crate::target::salesforce) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The element at the end of a path of first children.
    pub(in crate::target::salesforce) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |element, name| element.child(name))
    }

    /// The text of a child that has some.
    pub(in crate::target::salesforce) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str()).filter(|text| !text.is_empty())
    }

    /// The first element of that name in it, at any depth.
    pub(in crate::target::salesforce) fn anywhere(&self, name: &str) -> Option<&Self> {
        if self.name == name {
            return Some(self);
        }
        self.children.iter().find_map(|child| child.anywhere(name))
    }
}

fn add(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn entity_text(entity: &BytesRef<'_>) -> Option<String> {
    let name: &str = entity;
    match entity.resolve_char_ref().ok()? {
        Some(character) => Some(character.to_string()),
        None => resolve_predefined_entity(name).map(str::to_owned),
    }
}

/// The text as it stands in XML; `None` when it has a character that XML 1.0 cannot carry.
pub(in crate::target::salesforce) fn escaped(text: &str) -> Option<Cow<'_, str>> {
    let carried = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    text.chars().all(carried).then(|| quick_xml::escape::escape(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_without_prefixes() {
        let text = "<?xml version=\"1.0\"?><s:Envelope xmlns:s=\"x\"><s:Body><a:r k=\"1\"><id> x \
                    </id><e/><t>a &lt;&#65;&gt;<![CDATA[&amp;]]></t></a:r></s:Body></s:Envelope>\n";
        let root = Element::read(text.as_bytes()).unwrap();
        let result = root.at(&["Body", "r"]).unwrap();
        assert_eq!(root.name, "Envelope");
        assert_eq!(result.text_of("id"), Some("x"));
        assert_eq!(result.text_of("t"), Some("a <A>&amp;"));
        assert_eq!(result.text_of("e"), None);
        assert!(result.child("e").is_some());
        assert_eq!(root.anywhere("id").unwrap().text, "x");
    }

    #[test]
    fn what_is_not_whole_is_nothing() {
        let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
        for text in ["", "x", "<a>", "<a><b></a>", "<a>&unknown;</a>", "{\"a\":1}", &deep] {
            assert_eq!(Element::read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn text_in_xml_reads_back_as_it_was() {
        for text in ["p<a>&'\"]]>", "plain", "ü\u{10ffff}\t\r\n.", "a\r"] {
            let document = format!("<a>{}.</a>", escaped(text).unwrap());
            let read = Element::read(document.as_bytes()).unwrap().text;
            assert_eq!(read, format!("{text}."), "{document}");
        }
        for text in ["\u{0}", "a\u{1b}", "\u{fffe}"] {
            assert_eq!(escaped(text), None);
        }
    }
}
