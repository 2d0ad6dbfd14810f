//! STAND-IN for `MappingSpec::read` of the mapping engineer: delete this file at the merge.

use std::path::Path;

use super::mapping::MappingSpec;
use crate::model::failure::{Blame, Explain};

#[derive(Debug, thiserror::Error)]
#[error("cannot read `{0}`: {1}")]
pub struct MappingError(String, std::io::Error);

impl Explain for MappingError {
    fn blame(&self) -> Blame {
        Blame::Request
    }
}

impl MappingSpec {
    pub fn read(path: &Path) -> Result<Self, MappingError> {
        let fault = |error| MappingError(path.display().to_string(), error);
        std::fs::read(path).map(|_| Self {}).map_err(fault)
    }
}
