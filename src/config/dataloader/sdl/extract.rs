//! `.sdl` of an extract: a line is `field = header`, or `"constant" = header`.
//!
//! Only fields with a line are written, in the order of the query; constants follow. Source: the
//! Data Loader reference, section 3.4.

use std::path::Path;

use super::{Reading, constant};
use crate::config::mapping::{MappingError, read_file};
use crate::config::styles::{ExtractColumns, ExtractFrom, ExtractLine};

impl ExtractColumns {
    /// Reads a `.sdl` file.
    pub fn read(path: &Path) -> Result<Self, MappingError> {
        let (name, bytes) = read_file(path)?;
        Self::parse(&bytes, &name)
    }

    /// Reads the bytes of one; `name` stands in messages.
    pub fn parse(bytes: &[u8], name: &str) -> Result<Self, MappingError> {
        let read = Reading { name };
        let mut lines = Vec::new();
        for entry in read.entries(bytes)? {
            let header = entry.value.trim();
            if entry.key.trim().is_empty() || header.is_empty() {
                continue;
            }
            let from = match constant(&entry.key) {
                Some(text) => ExtractFrom::Constant(text.to_owned()),
                None => ExtractFrom::Field(entry.key.trim().to_owned()),
            };
            lines.push(ExtractLine { from, header: header.to_owned(), line: entry.line });
        }
        if lines.is_empty() {
            let hint = "a line in it looks like `Name=Account\\ name`".to_owned();
            return Err(read.refuse(1, "no line gives a field to a column".to_owned(), vec![hint]));
        }
        Ok(Self { name: name.to_owned(), lines })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_constants() {
        let bytes = b"# Mapping values\nOwner.name = Owner's name\n\"x y\"=no\nName\\ = Name\n\"K\"=Const\nPhone=\n=F\nName=Last\n";
        let read = ExtractColumns::parse(bytes, "e.sdl").unwrap();
        let lines: Vec<String> = read
            .lines
            .iter()
            .map(|line| format!("{} {:?} {}", line.line, line.from, line.header))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
    2 Field("Owner.name") Owner's name
    3 Field("\"x") y"=no
    4 Field("Name") Name
    5 Constant("K") Const
    8 Field("Name") Last
    "#);
    }

    #[test]
    fn a_file_without_a_line_is_refused() {
        for bytes in [&b""[..], b"# only a comment\n", b"Phone=\n", "N\u{e4}me=\u{e4}".as_bytes()] {
            assert!(ExtractColumns::parse(bytes, "e.sdl").is_err());
        }
    }
}
