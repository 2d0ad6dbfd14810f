//! Identifiers: records, jobs and runs.

use std::fmt;

/// A Salesforce record id in its 18-character form.
///
/// The last three characters are a checksum over the case of the first fifteen, so an id that was
/// lower-cased by a spreadsheet is caught here and not by the org. Source: the algorithm of the
/// Salesforce id, verified on recorded ids (tests below).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordId([u8; 18]);

/// Why a text is no record id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRecordId {
    #[error("an id has 15 or 18 characters, this one has {0}")]
    Length(usize),
    #[error("an id has only letters and digits")]
    Character,
    #[error("the checksum of this id is wrong: expected it to end in `{expected}`")]
    Checksum { expected: String },
}

impl RecordId {
    /// Reads a 15- or 18-character id; the checksum of an 18-character id must be right.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadRecordId> {
        if bytes.len() != 15 && bytes.len() != 18 {
            return Err(BadRecordId::Length(bytes.len()));
        }
        if !bytes.iter().all(u8::is_ascii_alphanumeric) {
            return Err(BadRecordId::Character);
        }
        let mut id = [0; 18];
        id[..15].copy_from_slice(&bytes[..15]);
        for (group, slot) in (0..3).zip(15..) {
            let upper = (0..5).filter(|bit| bytes[group * 5 + bit].is_ascii_uppercase());
            let mask: usize = upper.map(|bit| 1 << bit).sum();
            id[slot] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[mask];
        }
        if bytes.len() == 18 && !bytes[15..].eq_ignore_ascii_case(&id[15..]) {
            let expected = String::from_utf8_lossy(&id[15..]).into_owned();
            return Err(BadRecordId::Checksum { expected });
        }
        Ok(Self(id))
    }

    /// The 18-character form.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The 18 characters as bytes.
    pub fn as_bytes(&self) -> &[u8; 18] {
        &self.0
    }

    /// The first three characters, which tell the object.
    pub fn key_prefix(&self) -> &str {
        &self.as_str()[..3]
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordId({})", self.as_str())
    }
}

/// The id of a job at the far side: letters and digits only, so it can stand in a URL path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId(String);

/// A text that is no job id and must not get into a URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a job id")]
pub struct BadJobId(String);

impl JobId {
    pub fn parse(text: &str) -> Result<Self, BadJobId> {
        let fits =
            (15..=18).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadJobId(text.escape_debug().to_string()))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for JobId {
    type Error = BadJobId;
    fn try_from(text: String) -> Result<Self, BadJobId> {
        Self::parse(&text)
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> Self {
        id.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of a run: its start in UTC and a few random characters, so names sort by time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// Makes an id such as `20261122-170949-k3f9`.
    pub fn new(started: jiff::Timestamp, random: u32) -> Self {
        const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let mut tail = String::new();
        for position in 0..4 {
            let index = (random >> (position * 5)) & 31;
            tail.push(char::from(ALPHABET[index as usize]));
        }
        Self(format!("{}-{tail}", started.strftime("%Y%m%d-%H%M%S")))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_of_recorded_ids() {
        for (fifteen, tail) in [
            ("0015500001QdQWa", "AAN"),
            ("750P0000006HoSQ", "IA0"),
            ("751P0000007qkh8", "IAA"),
            ("005ak000005hvjJ", "AAQ"),
            ("750ak000009E1YX", "AA0"),
        ] {
            let id = RecordId::parse(fifteen.as_bytes()).unwrap();
            assert_eq!(id.as_str(), format!("{fifteen}{tail}"));
            assert_eq!(RecordId::parse(id.as_str().as_bytes()), Ok(id));
        }
    }

    #[test]
    fn an_id_that_lost_its_case_is_refused() {
        let lower = "0015500001qdqwaAAN";
        assert!(matches!(RecordId::parse(lower.as_bytes()), Err(BadRecordId::Checksum { .. })));
    }

    #[test]
    fn a_job_id_cannot_leave_its_path_segment() {
        for bad in ["", "750", "../../../../etc/pass", "7508c00000Qk3Tb/AJ", "7508c00000Qk3TbAAJ2"]
        {
            assert!(JobId::parse(bad).is_err(), "{bad}");
        }
        assert!(JobId::parse("7508c00000Qk3TbAAJ").is_ok());
    }
}
