//! What has happened to the org, written independently of what it answers.

use super::org::Value;

/// The log of every effect and every request.
#[derive(Default)]
pub struct Audit {}

/// One effect on one record.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Runs from 1 without gaps.
    pub number: u64,
    pub object: &'static str,
    /// `insert`, `update`, `delete`, `hardDelete` or `undelete`.
    pub verb: &'static str,
    pub id: String,
    pub job: Option<String>,
    /// The values that were applied, by field.
    pub fields: Vec<(&'static str, Value)>,
}

/// A request that was served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub path: String,
}

impl Audit {
    /// Effects so far.
    pub fn len(&self) -> u64 {
        0
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The effects after number `n`.
    pub fn entries_since(&self, _n: u64) -> Vec<Entry> {
        Vec::new()
    }
    /// Notes a request.
    pub fn request(&self, _method: &str, _path: &str) {}
    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        Vec::new()
    }
}
