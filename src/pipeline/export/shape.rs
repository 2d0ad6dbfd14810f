//! Rows in the style of Data Loader: which columns, what they are called, how they are written; and
//! its status files of an extract.
//!
//! Source: the Data Loader reference, sections 3.4 and 4.5.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use csv::ByteRecord;

use crate::config::dataloader::soql;
use crate::config::styles::{ExportStyle, ExtractColumns, ExtractFrom, Headers};
use crate::faults::{self, File};
use crate::ledger::sync_folder;
use crate::model::failure::{Blame, Failure};
use crate::pipeline::styled::Styled;
use crate::target::ExportQuery;

/// What the STATUS column of an extract says of every row.
const STATUS: &[u8] = b"Item queried and written successfully";

/// Turns the rows of a target into lines.
pub(super) struct Shape {
    style: ExportStyle,
    styled: Styled,
    /// The columns of the query as they are typed; empty where that is not wanted or not known.
    typed: Vec<soql::Typed>,
    columns: Vec<Column>,
    /// Where the record's id is.
    id: Option<usize>,
    status: Option<Status>,
    /// Something that a person should know.
    notices: Vec<String>,
}

/// A column of the output.
struct Column {
    header: String,
    from: Content,
}

enum Content {
    Cell(usize),
    Constant(String),
}

impl Shape {
    /// Refuses a query that Data Loader would refuse, and a style that cannot be written.
    pub(super) fn new(style: &ExportStyle, query: &ExportQuery) -> Result<Self, Failure> {
        let styled = Styled::new(&style.text, style.delimiter, style.quote_all)?;
        let typed = match (query, style.headers) {
            (ExportQuery::Soql(text), Headers::AsTyped) => soql::columns(text)
                .map_err(|error| Failure::new(Blame::Request, error.to_string()))?,
            _ => Vec::new(),
        };
        let shape = Self {
            style: style.clone(),
            styled,
            typed,
            columns: Vec::new(),
            id: None,
            status: None,
            notices: Vec::new(),
        };
        if let (Some(mapped), false) = (&style.columns, shape.typed.is_empty()) {
            let headers: Vec<String> =
                shape.typed.iter().map(|typed| typed.header.clone()).collect();
            mapped_columns(mapped, &headers, style.keep_unmapped)?;
        }
        Ok(shape)
    }

    /// The mark of the encoding and the header line; `found` is the target's header.
    pub(super) fn begin(&mut self, found: &ByteRecord, out: &mut Vec<u8>) -> Result<(), Failure> {
        let found: Vec<String> =
            found.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
        self.id = found.iter().position(|name| name.eq_ignore_ascii_case("Id"));
        let named = self.named(&found);
        let headers: Vec<String> = named.iter().map(|(header, _)| header.clone()).collect();
        self.columns = match &self.style.columns {
            None => named
                .into_iter()
                .map(|(header, at)| Column { header, from: Content::Cell(at) })
                .collect(),
            Some(mapped) => {
                let (columns, without) =
                    mapped_columns(mapped, &headers, self.style.keep_unmapped)?;
                self.notices.extend(without);
                let place = |from| match from {
                    Content::Cell(at) => Content::Cell(named.get(at).map_or(at, |(_, at)| *at)),
                    constant @ Content::Constant(_) => constant,
                };
                let column = |column: Column| Column { from: place(column.from), ..column };
                columns.into_iter().map(column).collect()
            }
        };
        if self.style.all_caps {
            for column in &mut self.columns {
                column.header = column.header.to_uppercase();
            }
        }
        out.extend_from_slice(self.styled.mark());
        let headers: Vec<String> = self.columns.iter().map(|c| c.header.clone()).collect();
        self.styled.push_line(out, headers.iter().map(String::as_bytes));
        if let Some(files) = &self.style.status {
            self.status = Some(Status::begin(&files.success, &files.error, &self.style, &headers)?);
        }
        Ok(())
    }

    /// The columns with the header that they have by the style, and their place in the record:
    /// those of the query in its order where they are known, else the target's.
    fn named(&self, found: &[String]) -> Vec<(String, usize)> {
        if self.typed.len() != found.len() {
            return found.iter().cloned().zip(0..).collect();
        }
        let mut free: Vec<bool> = vec![true; found.len()];
        let mut places = Vec::new();
        for typed in &self.typed {
            let same = |at: &usize| free[*at] && found[*at].eq_ignore_ascii_case(&typed.header);
            let place = (0..found.len()).find(same);
            if let Some(place) = place {
                free[place] = false;
            }
            places.push(place);
        }
        // What has no name in common (`a.Name` of an alias, a function) is in the same order.
        let mut left = (0..found.len()).filter(|at| free[*at]);
        let places = places.into_iter().map(|place| place.or_else(|| left.next()));
        let headers = self.typed.iter().map(|typed| typed.header.clone());
        headers.zip(places).filter_map(|(header, place)| Some((header, place?))).collect()
    }

    pub(super) fn row(&mut self, record: &ByteRecord, out: &mut Vec<u8>) -> Result<(), Failure> {
        let cells = || {
            self.columns.iter().map(|column| match &column.from {
                Content::Cell(at) => record.get(*at).unwrap_or_default(),
                Content::Constant(text) => text.as_bytes(),
            })
        };
        self.styled.push_line(out, cells());
        if let Some(status) = &mut self.status {
            let id = self.id.and_then(|at| record.get(at)).unwrap_or_default();
            status.success(&mut self.styled, id, cells().collect())?;
        }
        Ok(())
    }

    pub(super) fn notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// Gives the status files their names.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.status.take().map_or(Ok(()), Status::finish)
    }
}

/// The columns that a `.sdl` names, in the order of the query, and what it names in vain.
fn mapped_columns(
    mapped: &ExtractColumns,
    headers: &[String],
    keep_unmapped: bool,
) -> Result<(Vec<Column>, Option<String>), Failure> {
    let line_of = |name: &str| {
        mapped.lines.iter().find(|line| {
            matches!(&line.from, ExtractFrom::Field(field) if field.eq_ignore_ascii_case(name))
        })
    };
    let mut columns = Vec::new();
    for (at, name) in headers.iter().enumerate() {
        if let Some(line) = line_of(name) {
            columns.push(Column { header: line.header.clone(), from: Content::Cell(at) });
        }
    }
    if columns.is_empty() {
        let message = format!("no line of `{}` names a column of the query", mapped.name);
        let listed = headers.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        return Err(Failure::new(Blame::Request, message)
            .hint(format!("its columns are {listed}; a line is `field=header`")));
    }
    for line in &mapped.lines {
        if let ExtractFrom::Constant(text) = &line.from {
            let header = line.header.clone();
            columns.push(Column { header, from: Content::Constant(text.clone()) });
        }
    }
    if keep_unmapped {
        for (at, name) in headers.iter().enumerate().filter(|(_, name)| line_of(name).is_none()) {
            columns.push(Column { header: name.clone(), from: Content::Cell(at) });
        }
    }
    let is_in_vain = |field: &&String| !headers.iter().any(|name| name.eq_ignore_ascii_case(field));
    let fields = mapped.lines.iter().filter_map(|line| match &line.from {
        ExtractFrom::Field(field) => Some(field),
        ExtractFrom::Constant(_) => None,
    });
    let vain: Vec<String> = fields.filter(is_in_vain).map(|field| format!("`{field}`")).collect();
    let notice = (!vain.is_empty())
        .then(|| format!("{}: not in the query: {}", mapped.name, vain.join(", ")));
    Ok((columns, notice))
}

/// The status files, written beside their names.
struct Status {
    success: StatusFile,
    error: StatusFile,
    /// The output columns of the success file that are called ID, and STATUS.
    shares: [Vec<usize>; 2],
    id_first: bool,
    bytes: Vec<u8>,
}

impl Status {
    fn begin(
        success: &Path,
        error: &Path,
        style: &ExportStyle,
        headers: &[String],
    ) -> Result<Self, Failure> {
        let mut styled = Styled::new(&style.text, b',', true)?;
        let mut success = StatusFile::begin(success)?;
        let mut error = StatusFile::begin(error)?;
        let id_first = headers.first().is_some_and(|header| header == "ID");
        let mut bytes = styled.mark().to_vec();
        let before = (!id_first).then_some("ID");
        let names = headers.iter().map(String::as_str);
        let line: Vec<&str> = before.into_iter().chain(names.clone()).chain(["STATUS"]).collect();
        styled.push_line(&mut bytes, line.iter().map(|name| name.as_bytes()));
        success.write(&bytes)?;
        bytes.clear();
        bytes.extend_from_slice(styled.mark());
        styled.push_line(&mut bytes, names.chain(["ERROR"]).map(str::as_bytes));
        error.write(&bytes)?;
        let called = |name: &str| {
            let same = |(_, header): &(usize, &String)| header.eq_ignore_ascii_case(name);
            headers.iter().enumerate().filter(same).map(|(at, _)| at).collect()
        };
        let shares = [called("ID"), called("STATUS")];
        Ok(Self { success, error, shares, id_first, bytes })
    }

    fn success<'a>(
        &mut self,
        styled: &mut Styled,
        id: &'a [u8],
        mut cells: Vec<&'a [u8]>,
    ) -> Result<(), Failure> {
        for (places, text) in self.shares.iter().zip([id, STATUS]) {
            for at in places {
                cells[*at] = text;
            }
        }
        let before = (!self.id_first).then_some(id);
        self.bytes.clear();
        // Status files have commas and quotes, whatever the output has.
        let line = before.into_iter().chain(cells).chain([STATUS]);
        styled.push_status(&mut self.bytes, line);
        self.success.write(&self.bytes)
    }

    fn finish(self) -> Result<(), Failure> {
        self.success.finish()?;
        self.error.finish()
    }
}

struct StatusFile {
    path: PathBuf,
    beside: PathBuf,
    file: BufWriter<File>,
}

impl StatusFile {
    fn begin(path: &Path) -> Result<Self, Failure> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".part");
        let beside = PathBuf::from(beside);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        let file = faults::open(&options, &beside)
            .map_err(|error| Failure::disk("create", &beside, &error))?;
        Ok(Self { path: path.to_owned(), beside, file: BufWriter::new(file) })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.file.write_all(bytes);
        written.map_err(|error| Failure::disk("write", &self.beside, &error))
    }

    fn finish(mut self) -> Result<(), Failure> {
        let whole: io::Result<()> = self
            .file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all())
            .and_then(|()| faults::rename(&self.beside, &self.path))
            .and_then(|()| sync_folder(&self.path));
        whole.map_err(|error| Failure::disk("write", &self.path, &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::styles::{ExtractStatus, TextStyle};

    /// What is written for a query with these cells, the mark shown as `<BOM>`.
    fn written(style: &ExportStyle, query: &str, found: &[&str], rows: &[&[&str]]) -> String {
        let text = TextStyle { crlf: false, ..style.text.clone() };
        let style = ExportStyle { text, ..style.clone() };
        let mut shape = Shape::new(&style, &ExportQuery::Soql(query.to_owned())).unwrap();
        let mut out = Vec::new();
        shape.begin(&ByteRecord::from(found), &mut out).unwrap();
        for row in rows {
            shape.row(&ByteRecord::from(*row), &mut out).unwrap();
        }
        let notices = shape.notices().join("\n");
        shape.finish().unwrap();
        String::from_utf8(out).unwrap().replace('\u{FEFF}', "<BOM>") + &notices
    }

    fn mapped(text: &str) -> ExportStyle {
        let columns = Some(ExtractColumns::parse(text.as_bytes(), "e.sdl").unwrap());
        ExportStyle { columns, ..ExportStyle::data_loader() }
    }

    #[test]
    fn headers_as_typed_and_every_cell_in_quotes() {
        let style = ExportStyle::data_loader();
        let row: &[&str] = &["001", "say \"hi\"", ""];
        let query = "Select id, Name,Phone from Account";
        insta::assert_snapshot!(written(&style, query, &["Id", "Name", "Phone"], &[row]), @r#"
    <BOM>"id","Name","Phone"
    "001","say ""hi""",""
    "#);
        // The org may answer in another order than it was asked in.
        let row: &[&str] = &["0", "001", "n"];
        insta::assert_snapshot!(written(&style, query, &["Phone", "Id", "Name"], &[row]), @r#"
        <BOM>"id","Name","Phone"
        "001","n","0"
        "#);
        let query = "select a.Name, count(Id) total, max(b) from A a";
        let row: &[&str] = &["n", "2", "3"];
        insta::assert_snapshot!(written(&style, query, &["Name", "total", "expr0"], &[row]), @r#"
        <BOM>"a.Name","total","max(b)"
        "n","2","3"
        "#);
    }

    #[test]
    fn delimiter_capitals_and_line_ends() {
        let style = ExportStyle {
            delimiter: b';',
            all_caps: true,
            text: TextStyle::default(),
            ..ExportStyle::data_loader()
        };
        let query = "select Id, Owner.Name from Account";
        insta::assert_snapshot!(written(&style, query, &["Id", "Owner.Name"], &[&["1", "a;b"]]), @r#"
    "ID";"OWNER.NAME"
    "1";"a;b"
    "#);
    }

    #[test]
    fn a_mapping_chooses_columns_and_names_them() {
        let style = mapped("owner.name = Owner's name\n\"K\"=Const\nid=Key\nFax=F\n");
        let query = "select Phone, Owner.Name, Id from Account";
        let found = ["Phone", "Owner.Name", "Id"];
        let rows: &[&[&str]] = &[&["1", "2", "3"]];
        insta::assert_snapshot!(written(&style, query, &found, rows), @r#"
    <BOM>"Owner's name","Key","Const"
    "2","3","K"
    e.sdl: not in the query: `Fax`
    "#);
        let all = ExportStyle { keep_unmapped: true, ..style };
        insta::assert_snapshot!(written(&all, query, &found, rows), @r#"
        <BOM>"Owner's name","Key","Const","Phone"
        "2","3","K","1"
        e.sdl: not in the query: `Fax`
        "#);
    }

    #[test]
    fn what_fits_no_query_is_refused_before_it_is_asked() {
        let soql = |query: &str| ExportQuery::Soql(query.to_owned());
        for (style, query) in [
            (ExportStyle::data_loader(), "select Id, (select Id from Contacts) from Account"),
            (mapped("Fax=F\n"), "select Id from Account"),
        ] {
            let Err(failure) = Shape::new(&style, &soql(query)) else { panic!("{query}") };
            assert_eq!(failure.blame, Blame::Request, "{query}");
        }
    }

    #[test]
    fn status_files_name_every_row() {
        let folder = tempfile::tempdir().unwrap();
        let [success, error] = ["s", "e"].map(|name| folder.path().join(name));
        let style = ExportStyle {
            delimiter: b'|',
            status: Some(ExtractStatus { success: success.clone(), error: error.clone() }),
            ..mapped("Name=N\nId=id\nStatus=Status\n")
        };
        let query = "select Name, Id, Status from Case";
        let rows: &[&[&str]] = &[&["a", "500", "New"], &["b,", "501", ""]];
        written(&style, query, &["Name", "Id", "Status"], rows);
        let read = |path| std::fs::read_to_string(path).unwrap().replace('\u{FEFF}', "<BOM>");
        insta::assert_snapshot!(read(success), @r#"
    <BOM>"ID","N","id","Status","STATUS"
    "500","a","500","Item queried and written successfully","Item queried and written successfully"
    "501","b,","501","Item queried and written successfully","Item queried and written successfully"
    "#);
        insta::assert_snapshot!(read(error), @r#"<BOM>"N","id","Status","ERROR""#);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
