//! A small Salesforce and a small Auth0 on this machine, for learning, rehearsal and tests.
//!
//! They are written from the vendors' documents and share no code with the client; their audit
//! logs are the oracle of the tests.

mod application;
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
pub mod sample;
pub mod seed;
mod serve;
#[cfg(test)]
mod socket_tests;
pub mod soql;
pub mod store;
pub mod switches;
pub mod tenant;
mod tls;
mod wire;

pub use application::{Application, TokenRefusal};
pub use jobs::{LocksHeld, LocksTold};
pub use mischief::Mischief;
pub use org::{Org, SeedSize};
pub use serve::{Body, BoxedError, Dropped, Pace, Practice, serve};
pub use tenant::{Tenant, TenantSize};
pub use tls::Tls;
pub use wire::{CLIENT_ID, CLIENT_SECRET, PASSWORD};
