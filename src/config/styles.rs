//! In which style files are written for others: the copies of result files, and exports.

use std::path::PathBuf;

/// How the copies of the result files are written (`LoadPlan::success_copy`, `error_copy`).
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum CopyStyle {
    /// As the files of the run folder are.
    #[default]
    Own,
    /// With the columns, texts and quotes of Data Loader.
    DataLoader(DataLoaderCopies),
}

/// What can be chosen for copies in Data Loader's style.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct DataLoaderCopies {
    pub text: TextStyle,
    /// Errors of the org have their code in front, and their fields on a line of their own: what
    /// Data Loader writes where a Bulk API is asked for.
    pub codes: bool,
    /// Where the rows go that have neither success nor error: never sent, not touched, or of an
    /// outcome that nobody knows. Without it they are in the run folder only.
    pub unsent_copy: Option<PathBuf>,
}

impl Default for DataLoaderCopies {
    fn default() -> Self {
        Self { text: TextStyle::data_loader(), codes: false, unsent_copy: None }
    }
}

/// How text becomes the bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TextStyle {
    /// A WHATWG encoding label.
    pub charset: String,
    /// Whether the file begins with a mark of its encoding; without effect outside Unicode.
    pub byte_order_mark: bool,
    /// Lines end with CR LF instead of LF; line breaks within values stay.
    pub crlf: bool,
}

impl Default for TextStyle {
    fn default() -> Self {
        Self { charset: "utf-8".to_owned(), byte_order_mark: false, crlf: false }
    }
}

impl TextStyle {
    /// Data Loader's default: UTF-8 with a byte order mark and the line ends of the platform.
    pub fn data_loader() -> Self {
        Self { byte_order_mark: true, crlf: cfg!(windows), ..Self::default() }
    }
}

/// How the rows of an export are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportStyle {
    pub text: TextStyle,
    /// ASCII, and neither a quote nor a line break.
    pub delimiter: u8,
    /// Quotes around each value and header, empty ones included.
    pub quote_all: bool,
    pub headers: Headers,
    /// Headers in upper case, after all else.
    pub all_caps: bool,
    /// Which columns there are and what they are called; read from a `.sdl` by
    /// [`ExtractColumns::read`].
    pub columns: Option<ExtractColumns>,
    /// With `columns`: columns of the query that have no line follow the others.
    pub keep_unmapped: bool,
    /// Data Loader's status files of an extract.
    pub status: Option<ExtractStatus>,
}

impl Default for ExportStyle {
    /// Comma, quotes where they are needed, the org's header.
    fn default() -> Self {
        Self {
            text: TextStyle::default(),
            delimiter: b',',
            quote_all: false,
            headers: Headers::Org,
            all_caps: false,
            columns: None,
            keep_unmapped: false,
            status: None,
        }
    }
}

impl ExportStyle {
    /// Data Loader's defaults.
    pub fn data_loader() -> Self {
        Self {
            text: TextStyle::data_loader(),
            quote_all: true,
            headers: Headers::AsTyped,
            ..Self::default()
        }
    }
}

/// Where the header of an export comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Headers {
    /// As the org spells its fields.
    #[default]
    Org,
    /// As the query spells them.
    AsTyped,
}

/// The lines of a `.sdl` of an extract: field or constant, and the header of its column.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtractColumns {
    /// The file's name, for messages.
    pub name: String,
    pub lines: Vec<ExtractLine>,
}

/// One column of an extract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractLine {
    pub from: ExtractFrom,
    pub header: String,
    /// The line of the file, from 1.
    pub line: usize,
}

/// What a column of an extract holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExtractFrom {
    /// A field of the query, as a path such as `Owner.Name`; case does not count.
    Field(String),
    Constant(String),
}

/// The status files of an extract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtractStatus {
    pub success: PathBuf,
    pub error: PathBuf,
}
