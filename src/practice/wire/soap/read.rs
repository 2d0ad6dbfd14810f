//! A SOAP request as the few facts that the org wants of it.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// What a call asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    /// The session of its header.
    pub(super) session: Option<String>,
    /// Its name, such as `login`.
    pub(super) call: String,
    /// The elements right below it, in their order, by local name.
    pub(super) fields: Vec<(String, String)>,
}

impl Asked {
    /// Reads an envelope, or says why it is none.
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8".to_owned())?;
        let mut reader = Reader::from_str(text);
        let mut asked = Self::default();
        let mut path: Vec<String> = Vec::new();
        let mut words = String::new();
        loop {
            match reader.read_event().map_err(|error| error.to_string())? {
                Event::Start(start) => {
                    path.push(start.local_name().as_ref().to_owned());
                    asked.name(&path);
                    words.clear();
                }
                Event::Empty(start) => {
                    path.push(start.local_name().as_ref().to_owned());
                    asked.name(&path);
                    asked.take(&path, "");
                    path.pop();
                }
                Event::End(_) => {
                    asked.take(&path, &words);
                    words.clear();
                    path.pop();
                }
                Event::Text(part) => words.push_str(&part.xml10_content()),
                Event::CData(part) => words.push_str(&part.xml10_content()),
                Event::GeneralRef(entity) => {
                    let name: &str = &entity;
                    match entity.resolve_char_ref() {
                        Ok(Some(c)) => words.push(c),
                        Ok(None) => words.push_str(
                            resolve_predefined_entity(name)
                                .ok_or_else(|| format!("`&{name};` is not known"))?,
                        ),
                        Err(error) => return Err(error.to_string()),
                    }
                }
                Event::Eof if path.is_empty() && !asked.call.is_empty() => return Ok(asked),
                Event::Eof => return Err("there is no call in it".to_owned()),
                Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_) => {}
            }
        }
    }

    /// The first field of that name.
    pub(super) fn field(&self, name: &str) -> &str {
        let mut found = self.fields.iter().filter(|(key, _)| key == name);
        found.next().map_or("", |(_, value)| value.as_str())
    }

    fn name(&mut self, path: &[String]) {
        if let [envelope, body, call] = path
            && envelope == "Envelope"
            && body == "Body"
        {
            self.call.clone_from(call);
        }
    }

    fn take(&mut self, path: &[String], text: &str) {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["Envelope", "Header", "SessionHeader", "sessionId"] => {
                self.session = Some(text.trim().to_owned());
            }
            ["Envelope", "Body", _, field] => {
                self.fields.push(((*field).to_owned(), text.to_owned()));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_read_whatever_its_prefixes() {
        let text = "<?xml version=\"1.0\"?><e:Envelope xmlns:e=\"x\"><e:Header><u:SessionHeader>\
                    <u:sessionId>\n 00D!x </u:sessionId></u:SessionHeader></e:Header><e:Body>\
                    <u:undelete><u:ids>1</u:ids><u:ids>a&amp;&#98;</u:ids><n/></u:undelete>\
                    </e:Body></e:Envelope>";
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected = Asked {
            session: Some("00D!x".to_owned()),
            call: "undelete".to_owned(),
            fields: vec![field("ids", "1"), field("ids", "a&b"), field("n", "")],
        };
        assert_eq!(Asked::read(text.as_bytes()), Ok(expected));
        for bad in ["", "{}", "<a>", "<Envelope><Body></Body></Envelope>", "<a>&x;</a>"] {
            assert!(Asked::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
