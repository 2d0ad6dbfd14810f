//! The rules of a `.sdl` file as a mapping file of ours.

use std::collections::BTreeSet;

pub use crate::config::mapping::GivenTwice;
use crate::config::mapping::{self, Dialect, MappingSpec, Missing, Rule, RuleSource};

/// The text of a mapping file that says what a `.sdl` file says; the oracle of its tests is that
/// both are read as the same rules.
///
/// # Errors
///
/// A field that gets its value from two columns: Data Loader takes the one that the file has.
pub fn toml(spec: &MappingSpec) -> Result<String, GivenTwice> {
    let mut seen = BTreeSet::new();
    let twice = spec.rules.iter().find(|rule| !seen.insert(rule.target.to_lowercase()));
    if let Some(rule) = twice {
        return Err(GivenTwice { field: rule.target.clone() });
    }
    // What makes no difference is not said.
    let mut spec = spec.clone();
    spec.missing = if names_columns(&spec) { Missing::Ignore } else { Missing::Refuse };
    if !spec.rules.iter().any(depends_on_dialect) {
        spec.dialect = Dialect::Ours;
    }
    mapping::write(&spec)
}

/// Whether a column can be missing at all.
pub(super) fn names_columns(spec: &MappingSpec) -> bool {
    spec.rules.iter().any(|rule| !matches!(rule.source, RuleSource::Constant(_)))
}

/// Whether a rule means something else where our own mappings are read.
pub(super) fn depends_on_dialect(rule: &Rule) -> bool {
    let joins = matches!(&rule.source, RuleSource::Columns { .. });
    joins || rule.target.contains(['.', ':'])
}
