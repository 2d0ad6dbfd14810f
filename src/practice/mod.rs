//! A small Salesforce on this machine, for learning, rehearsal and tests.
//!
//! It is written from the vendor's documents and shares no code with the client; its audit log is
//! the oracle of the tests.

pub mod audit;
pub mod clock;
pub mod echo;
#[cfg(test)]
mod fixture_tests;
pub mod ids;
mod jobs;
pub mod journal;
pub mod mischief;
pub mod objects;
pub mod org;
#[cfg(test)]
mod org_tests;
#[cfg(test)]
mod rig;
pub mod rules;
pub mod seed;
mod serve;
#[cfg(test)]
mod socket_tests;
pub mod soql;
pub mod store;
pub mod switches;
mod tls;
mod wire;

pub use mischief::Mischief;
pub use org::{Org, SeedSize};
pub use serve::{Body, BoxedError, Dropped, Pace, Practice, serve};
pub use tls::Tls;
pub use wire::{CLIENT_ID, CLIENT_SECRET, PASSWORD};
