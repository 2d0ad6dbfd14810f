//! Extracts: the query, its file, and the keys that only extracts have.

use super::{Fate, Word, Work};

impl Work<'_> {
    pub(super) fn extract(&mut self, all: bool) {
        self.words.push(Word::text("export"));
        self.note(Fate::Carried, "process.operation", "`longshore export`");
        self.data_access("csvWrite");
        self.query();
        if let Some(file) = self.demanded("dataAccess.name") {
            self.words.extend([Word::text("--output"), Word::text(file)]);
            self.note(Fate::Carried, "dataAccess.name", format!("`--output {file}`"));
        }
        if all {
            self.words.push(Word::text("--all"));
            self.note(Fate::Carried, "process.operation", "`--all`, deleted rows as well");
        }
        if self.take("sfdc.entity").is_some() {
            self.note(Fate::NoUse, "sfdc.entity", "the query names the object");
        }
        self.map_of_extract();
        self.form();
        self.encoding_of_extract();
    }

    fn query(&mut self) {
        const KEY: &str = "sfdc.extractionSOQL";
        let Some(query) = self.demanded(KEY) else { return };
        if query.contains("({") {
            let why = "values of a CSV file cannot be put into a query here: export without the \
                       condition, or load the keys into a field of the org and ask for that";
            return self.refuse(KEY, why);
        }
        self.words.push(Word::Text(one_line(query)));
        self.note(Fate::Carried, KEY, "the query");
    }

    fn map_of_extract(&mut self) {
        const KEY: &str = "process.mappingFile";
        if self.take(KEY).is_some() {
            let text = "columns are called as the query names them, and all of them are written";
            self.note(Fate::Left, KEY, text);
        }
    }

    /// How the file looks.
    fn form(&mut self) {
        if self.take("sfdc.extraction.outputByteOrderMark") == Some("false") {
            self.note(Fate::Carried, "sfdc.extraction.outputByteOrderMark", "there is none");
        } else {
            let text = "the file has no byte order mark";
            self.note(Fate::Changed, "sfdc.extraction.outputByteOrderMark", text);
        }
        let text = "values are in quotes only where they must be, and headers are spelled as the \
                    org spells its fields";
        self.note(Fate::Changed, "quotes", text);
        if self.take("sfdc.extraction.allCapsHeaders") == Some("true") {
            let text = "headers are as the query names them";
            self.note(Fate::Left, "sfdc.extraction.allCapsHeaders", text);
        }
        if self.take("loader.query.delimiter").is_some_and(|sign| !sign.starts_with(',')) {
            self.note(Fate::Left, "loader.query.delimiter", "columns are separated by commas");
        }
        if self.take("loader.query.limitOutputToQueryFields") == Some("false") {
            let text = "only what the query names is written";
            self.note(Fate::Left, "loader.query.limitOutputToQueryFields", text);
        }
        if self.take("loader.query.includeBinaryData") == Some("true") {
            let text = "pictures in rich texts stay links";
            self.note(Fate::Left, "loader.query.includeBinaryData", text);
        }
        if self.take("process.enableExtractStatusOutput") == Some("true") {
            let text = "there is no file with the state of each row: a query answers with all \
                        rows, or the export fails";
            self.note(Fate::Left, "process.enableExtractStatusOutput", text);
        }
        for key in ["process.outputSuccess", "process.outputError", "process.statusOutputDirectory"]
        {
            if self.take(key).is_some() {
                let text = "an export has no result files";
                self.note(Fate::NoUse, key, text);
            }
        }
    }

    fn encoding_of_extract(&mut self) {
        let utf8 = self.take("dataAccess.writeUTF8") == Some("true");
        let charset = self.take("dataAccess.writeCharset");
        if utf8 {
            self.note(Fate::Carried, "dataAccess.writeUTF8", "UTF-8 is what is written here");
        }
        match charset {
            Some(charset) if charset.eq_ignore_ascii_case("UTF-8") || utf8 => {
                let text = "UTF-8 is what is written here";
                self.note(Fate::NoUse, "dataAccess.writeCharset", text);
            }
            Some(_) => self.note(Fate::Left, "dataAccess.writeCharset", "the file is UTF-8"),
            None if !utf8 => {
                let text = "the file is UTF-8; Data Loader writes what its Java takes for the \
                            computer's own";
                self.note(Fate::Changed, "dataAccess.writeUTF8", text);
            }
            None => {}
        }
    }
}

/// A query on one line: line ends outside of quotes are blanks to the org as well.
fn one_line(query: &str) -> String {
    let mut quoted = false;
    let mut escaped = false;
    let plain = query.chars().map(|character| {
        let is_escaped = escaped;
        escaped = character == '\\' && !is_escaped;
        if character == '\'' && !is_escaped {
            quoted = !quoted;
        }
        if !quoted && matches!(character, '\n' | '\r' | '\t') { ' ' } else { character }
    });
    plain.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_go_where_they_mean_nothing() {
        for (query, line) in [
            ("SELECT Id\nFROM A", "SELECT Id FROM A"),
            ("SELECT Id FROM A WHERE B = 'x\ny'\n", "SELECT Id FROM A WHERE B = 'x\ny' "),
            ("a = 'it\\'s\n' AND\nb", "a = 'it\\'s\n' AND b"),
            ("a = 'x\\\\' AND\nb", "a = 'x\\\\' AND b"),
        ] {
            assert_eq!(one_line(query), line);
        }
    }
}
