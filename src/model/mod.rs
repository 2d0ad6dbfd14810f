//! Nouns without I/O; every other module may name them.

pub mod cells;
pub mod chunk;
pub mod failure;
pub mod ids;
pub mod limits;
pub mod names;
pub mod operation;
pub mod records;
pub mod row_error;
pub mod rows;
pub mod schema;
pub mod secret;
pub mod sign_in;
pub mod sixteen;
pub mod table;
pub mod verdict;
pub mod wording;
