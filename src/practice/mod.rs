//! A small Salesforce on this machine, for learning, rehearsal and tests.
//!
//! It is written from the vendor's documents and shares no code with the client; its audit log is
//! the oracle of the tests.

pub mod audit;
pub mod echo;
pub mod ids;
pub mod journal;
pub mod objects;
pub mod org;
#[cfg(test)]
mod org_tests;
pub mod rules;
pub mod seed;
pub mod soql;
pub mod store;
pub mod switches;
