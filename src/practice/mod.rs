//! A small Salesforce on this machine, for learning, rehearsal and tests.
//!
//! It is written from the vendor's documents and shares no code with the client; its audit log is the
//! oracle of the tests.

pub mod audit;
pub mod org;
pub mod switches;
