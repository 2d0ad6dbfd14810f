//! Loads: the command word, its file, its mapping, and the keys that only loads have.

use super::mapping::{depends_on_dialect, names_columns, toml};
use super::{Fate, Mapped, Word, Work};

/// Delimiters that we can be told, by the character that Data Loader is told.
const DELIMITERS: [(char, &str); 6] = [
    (',', "COMMA"),
    ('\t', "TAB"),
    ('|', "PIPE"),
    (';', "SEMICOLON"),
    ('^', "CARET"),
    ('`', "BACKQUOTE"),
];

impl Work<'_> {
    pub(super) fn load(&mut self, word: &str, mapped: &Mapped) {
        self.words.push(Word::text(word));
        self.note(Fate::Carried, "process.operation", format!("`longshore {word}`"));
        self.data_access("csvRead");
        if let Some(object) = self.demanded("sfdc.entity") {
            self.words.push(Word::text(object));
            self.note(Fate::Carried, "sfdc.entity", "the object");
        }
        if let Some(file) = self.demanded("dataAccess.name") {
            self.words.push(Word::text(file));
            self.note(Fate::Carried, "dataAccess.name", "the file");
        }
        self.is_sent_in_bulk(word);
        self.map(mapped);
        self.key(word);
        self.nulls(word);
        self.rows();
        self.delimiter();
        self.encoding();
        self.results();
        self.values();
    }

    /// The API, and what a batch is.
    fn is_sent_in_bulk(&mut self, word: &str) {
        let bulk = self.is_on("sfdc.useBulkApi") || self.is_on("sfdc.useBulkV2Api");
        if word == "hard-delete" && !bulk {
            let text = "Data Loader never carried this out: it wants `sfdc.useBulkApi`; here \
                        the records are gone, past the recycle bin";
            self.note(Fate::Changed, "process.operation", text);
        }
        if word == "undelete" {
            for key in ["sfdc.useBulkV2Api", "sfdc.useBulkApi", "sfdc.loadBatchSize"] {
                if self.take(key).is_some() {
                    self.note(Fate::NoUse, key, "records are restored by SOAP, there as here");
                }
            }
            return;
        }
        if self.take("sfdc.useBulkV2Api").is_some() {
            self.note(Fate::Carried, "sfdc.useBulkV2Api", "Bulk API 2.0 carries the rows");
        }
        if self.take("sfdc.useBulkApi").is_some() {
            let text = "Bulk API 2.0 carries the rows, whatever was chosen";
            self.note(Fate::Changed, "sfdc.useBulkApi", text);
        }
        if self.is_on("sfdc.bulkApiSerialMode") {
            self.words.extend([Word::text("--parallel"), Word::text("1")]);
            let text = "`--parallel 1`: one job at once; within a job the org still works in \
                        parallel";
            self.note(Fate::Changed, "sfdc.bulkApiSerialMode", text);
        }
        if self.take("sfdc.loadBatchSize").is_some() {
            let text = "a job takes up to 250,000 rows (`--chunk-rows`), and the org cuts it into \
                        batches itself";
            self.note(Fate::Changed, "sfdc.loadBatchSize", text);
        }
        for key in ["sfdc.updateWithExternalId", "sfdc.deleteWithExternalId"] {
            if self.is_on(key) {
                let why = "records are updated and deleted by their Id here: look it up with a \
                           `lookup` in the mapping";
                self.refuse(key, why);
            }
        }
    }

    fn map(&mut self, mapped: &Mapped) {
        const KEY: &str = "process.mappingFile";
        match mapped {
            Mapped::No => {
                let text = "no mapping is named: headers are matched to field names, where Data \
                            Loader sends empty records";
                self.note(Fate::Changed, KEY, text);
            }
            Mapped::Bad(why) => self.refuse(KEY, why.clone()),
            Mapped::Read { spec, file } => match toml(spec) {
                Ok(text) => {
                    self.mapping = Some(text);
                    self.words.extend([Word::text("--map"), Word::Beside(file.clone())]);
                    let text = format!("`{file}`, which is read as the same rules");
                    self.note(Fate::Carried, KEY, text);
                    self.map_differs(spec);
                }
                Err(twice) => {
                    let hint = "keep the line whose column the file has";
                    self.refuse(KEY, format!("{twice}: {hint}"));
                }
            },
        }
    }

    fn map_differs(&mut self, spec: &crate::config::mapping::MappingSpec) {
        const KEY: &str = "process.mappingFile";
        if names_columns(spec) {
            let text = "`missing = \"ignore\"`: a line whose column the file does not have is \
                        passed over, and a notice says so";
            self.note(Fate::Carried, KEY, text);
        }
        if spec.rules.iter().any(depends_on_dialect) {
            let text = "`dialect = \"data-loader\"` keeps what it says of relationships and joined \
                        columns";
            self.note(Fate::Carried, KEY, text);
        }
    }

    fn key(&mut self, word: &str) {
        const KEY: &str = "sfdc.externalIdField";
        if word == "upsert" {
            if let Some(field) = self.demanded(KEY) {
                self.flag(KEY, "--external-id", field);
            }
        } else if self.take(KEY).is_some() {
            self.note(Fate::NoUse, KEY, "only an upsert has a key");
        }
    }

    fn nulls(&mut self, word: &str) {
        const KEY: &str = "sfdc.insertNulls";
        let bulk = self.is_on("sfdc.useBulkApi") || self.is_on("sfdc.useBulkV2Api");
        if self.take(KEY) != Some("true") {
            return;
        }
        match word {
            _ if bulk => {
                let text = "Data Loader takes no notice of it with a Bulk API: an empty cell \
                            leaves the field alone, here too";
                self.note(Fate::NoUse, KEY, text);
            }
            "update" | "upsert" => self.flag(KEY, "--nulls", "clear"),
            "insert" => {
                let text = "an empty cell of a new record gets the default of its field; write \
                            `#N/A` where it is to be empty";
                self.note(Fate::Left, KEY, text);
            }
            _ => self.note(Fate::NoUse, KEY, "only Ids are sent"),
        }
    }

    fn rows(&mut self) {
        const KEY: &str = "process.loadRowToStartAt";
        let Some(value) = self.take(KEY) else { return };
        match value.parse::<u64>() {
            Ok(0) => self.note(Fate::NoUse, KEY, "all rows"),
            Ok(_) => {
                self.flag(KEY, "--skip", value);
                if !self.source.setting(KEY).is_some_and(|setting| setting.of_bean) {
                    let text = "it stands in `config.properties`, where it may have been left \
                                behind by an earlier load";
                    self.note(Fate::Changed, KEY, text);
                }
            }
            Err(_) => self.refuse(KEY, "it is no number of rows"),
        }
    }

    /// Data Loader splits at each of several characters at once; we split at one.
    fn delimiter(&mut self) {
        let on = |key: &str| self.source.get(key).is_none_or(|value| value == "true");
        let (comma, tab) = (on("loader.csvComma"), on("loader.csvTab"));
        let other = self.is_on("loader.csvOther");
        // Not trimmed: the delimiter may be white space.
        let others = self.source.setting("loader.csvOtherValue").filter(|_| other);
        let others = others.map(|setting| setting.value.clone()).unwrap_or_default();
        let mut all: Vec<char> = others.chars().collect();
        all.extend(comma.then_some(','));
        all.extend(tab.then_some('\t'));
        let keys = ["loader.csvOther", "loader.csvOtherValue", "loader.csvComma", "loader.csvTab"];
        let set: Vec<&str> = keys.into_iter().filter(|key| self.take(key).is_some()).collect();
        let first = all.first().copied();
        let known = first.and_then(|first| DELIMITERS.iter().find(|(sign, _)| *sign == first));
        let Some(key) = set.first().copied() else { return };
        let (fate, text) = match (known, all.len()) {
            (_, 0) => (Fate::Left, "no delimiter is left; it is found out here".to_owned()),
            (None, _) => {
                self.refuse(key, "a file with this delimiter cannot be read here");
                return;
            }
            (Some((_, name)), 1) => {
                self.words.extend([Word::text("--column-delimiter"), Word::text(name)]);
                (Fate::Carried, format!("`--column-delimiter {name}`"))
            }
            (Some((_, name)), _) if !others.is_empty() => {
                self.words.extend([Word::text("--column-delimiter"), Word::text(name)]);
                let text = "; Data Loader splits at commas or tabs as well";
                (Fate::Changed, format!("`--column-delimiter {name}`{text}"))
            }
            _ => (Fate::Changed, "comma or tab, found out from the header".to_owned()),
        };
        for key in set {
            self.note(fate, key, text.clone());
        }
    }

    fn encoding(&mut self) {
        if self.take("dataAccess.readUTF8") == Some("true") {
            self.note(Fate::Carried, "dataAccess.readUTF8", "UTF-8 is what is read here");
            if self.take("dataAccess.readCharset").is_some() {
                self.note(Fate::NoUse, "dataAccess.readCharset", "`dataAccess.readUTF8` beats it");
            }
        } else if let Some(charset) = self.take("dataAccess.readCharset") {
            self.flag("dataAccess.readCharset", "--encoding", charset);
        } else {
            let text = "UTF-8 is read here; Data Loader reads what its Java takes for the \
                        computer's own: add `--encoding windows-1252` if the file is such a one";
            self.note(Fate::Changed, "dataAccess.readUTF8", text);
        }
    }

    fn results(&mut self) {
        const DIRECTORY: &str = "process.statusOutputDirectory";
        for (key, flag) in
            [("process.outputSuccess", "--success"), ("process.outputError", "--error")]
        {
            if let Some(file) = self.take(key) {
                self.words.extend([Word::text(flag), Word::text(file)]);
                let text = format!(
                    "`{flag} {file}`; the columns are ours (`sf__Id` and others at the end)"
                );
                self.note(Fate::Changed, key, text);
            }
        }
        if let Some(folder) = self.take(DIRECTORY) {
            self.words.extend([Word::text("--runs-dir"), Word::text(folder)]);
            let text = format!("`--runs-dir {folder}`: a folder for each run, with its files");
            self.note(Fate::Changed, DIRECTORY, text);
        }
        let text = "the exit code is 3 when rows failed, always";
        self.note(Fate::Changed, "process.batchMode.exitWithErrorOnFailedRows", text);
    }

    /// What Data Loader does to values on their way.
    fn values(&mut self) {
        if self.take("process.useEuropeanDates") == Some("true") {
            let text = "dates are sent as they stand: add `transforms = [{ date = \"%d/%m/%Y\" }]` \
                        to the date columns of the mapping";
            self.note(Fate::Left, "process.useEuropeanDates", text);
        }
        if self.take("sfdc.timezone").is_some() {
            let text = "a time is sent as it stands: add a `datetime` with this `zone` to its \
                        column in the mapping";
            self.note(Fate::Left, "sfdc.timezone", text);
        }
        if self.take("sfdc.truncateFields") == Some("false") {
            self.note(Fate::Carried, "sfdc.truncateFields", "a text that is too long is refused");
        } else {
            let text = "a text that is too long rejects its row; Data Loader lets the org cut it \
                        off: add a `truncate` to its column in the mapping";
            self.note(Fate::Changed, "sfdc.truncateFields", text);
        }
        let text = "values are sent as they stand, or as the mapping's `transforms` make them: \
                    `3/9/2026`, `yes` and `1,5` are not converted";
        self.note(Fate::Changed, "conversion", text);
        if !self.is_on("sfdc.useBulkApi") && !self.is_on("sfdc.useBulkV2Api") {
            let text = "it clears a field here; Data Loader stores this very text, without a Bulk \
                        API";
            self.note(Fate::Changed, "#N/A", text);
        }
    }
}
