//! The rows of a chunk, grouped by user.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use super::users::Kind;

/// Whom a row means.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Who {
    Id(String),
    /// As it is spelled.
    Email(String),
    /// The row names nobody.
    Nobody,
}

/// The rows of one user, by their positions in the body.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) who: Who,
    pub(super) rows: Vec<u32>,
    /// Calls that were made for it.
    pub(super) calls: u64,
}

/// A chunk's body in memory: its bytes, and where each row begins.
///
/// Memory: the body, and about 30 bytes a row.
pub(super) struct Rows {
    bytes: Vec<u8>,
    starts: Vec<u32>,
    pub(super) header: ByteRecord,
    columns: Columns,
}

/// Where the columns that mean something stand.
#[derive(Debug, Clone, Copy)]
struct Columns {
    user_id: Option<usize>,
    email: Option<usize>,
    /// API and permission, or the role.
    first: Option<usize>,
    second: Option<usize>,
}

impl Rows {
    pub(super) fn read(body: &Path, kind: Kind) -> io::Result<Self> {
        let bytes = std::fs::read(body)?;
        let mut reader = ReaderBuilder::new().buffer_capacity(64 << 10).from_reader(&bytes[..]);
        let header = reader.byte_headers().map_err(io::Error::other)?.clone();
        let place =
            |name: &str| header.iter().position(|cell| cell.eq_ignore_ascii_case(name.as_bytes()));
        let (first, second) = match kind {
            Kind::Permission => (place("resource_server_identifier"), place("permission_name")),
            Kind::Role => (place("role"), None),
        };
        let columns = Columns { user_id: place("user_id"), email: place("email"), first, second };
        let mut starts = Vec::new();
        let mut record = ByteRecord::new();
        loop {
            let at = reader.position().byte();
            if !reader.read_byte_record(&mut record).map_err(io::Error::other)? {
                break;
            }
            starts.push(u32::try_from(at).map_err(io::Error::other)?);
        }
        drop(reader);
        Ok(Self { bytes, starts, header, columns })
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The cells of a row.
    pub(super) fn row(&self, at: u32) -> ByteRecord {
        let start = self.starts[at as usize] as usize;
        let end = self.starts.get(at as usize + 1).map_or(self.bytes.len(), |end| *end as usize);
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .buffer_capacity(512)
            .from_reader(&self.bytes[start..end]);
        let mut record = ByteRecord::new();
        let _whole = reader.read_byte_record(&mut record).is_ok();
        record
    }

    /// API and permission, or role and nothing.
    pub(super) fn names(&self, record: &ByteRecord) -> (String, String) {
        (text(record, self.columns.first), text(record, self.columns.second))
    }

    /// The rows that are not done yet, by user, in the order of each user's first row.
    pub(super) fn groups(&self, done: &[bool]) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        let mut index: HashMap<Who, usize> = HashMap::new();
        for at in (0..).take(self.len()) {
            if done[at as usize] {
                continue;
            }
            let who = self.who(&self.row(at));
            let group = *index.entry(who.clone()).or_insert_with(|| {
                groups.push(Group { who, rows: Vec::new(), calls: 0 });
                groups.len() - 1
            });
            groups[group].rows.push(at);
        }
        groups
    }

    /// The first of user id and e-mail that is not blank decides.
    fn who(&self, record: &ByteRecord) -> Who {
        let id = text(record, self.columns.user_id);
        if !id.is_empty() {
            return Who::Id(id);
        }
        match text(record, self.columns.email) {
            email if email.is_empty() => Who::Nobody,
            email => Who::Email(email),
        }
    }
}

fn text(record: &ByteRecord, column: Option<usize>) -> String {
    let cell = column.and_then(|column| record.get(column)).unwrap_or_default();
    String::from_utf8_lossy(cell).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_grouped_by_user_and_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("000001.csv");
        let text = "user_id,email,permission_name,resource_server_identifier\n\
                    auth0|a,,read:x,urn:x\n\
                    ,jo@a.example,\"two\nlines\",urn:x\n\
                    auth0|b,ignored@a.example,read:x,\"urn:\"\"x\"\n\
                    auth0|a,,write:x,urn:x\n\
                    ,jo@a.example,read:x,urn:x\n\
                    ,,read:x,urn:x\n";
        let mut file = std::fs::File::create(&path).unwrap();
        io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        let rows = Rows::read(&path, Kind::Permission).unwrap();
        assert_eq!(rows.len(), 6);
        let all: Vec<_> = rows.groups(&[false; 6]).into_iter().map(|g| (g.who, g.rows)).collect();
        let id = |id: &str| Who::Id(id.to_owned());
        let email = || Who::Email("jo@a.example".to_owned());
        assert_eq!(
            all,
            [
                (id("auth0|a"), vec![0, 3]),
                (email(), vec![1, 4]),
                (id("auth0|b"), vec![2]),
                (Who::Nobody, vec![5])
            ]
        );
        let left = rows.groups(&[true, true, true, true, false, true]);
        assert_eq!((left.len(), &left[0].who, &left[0].rows), (1, &email(), &vec![4]));
        assert_eq!(rows.names(&rows.row(1)), ("urn:x".to_owned(), "two\nlines".to_owned()));
        assert_eq!(rows.names(&rows.row(2)), ("urn:\"x".to_owned(), "read:x".to_owned()));
    }
}
