//! The mapping file as it is written.

/// (skeleton; the mapping helper fills this)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingSpec {}
