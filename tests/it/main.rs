//! The one integration-test binary: one module a topic, listed here.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod ledger;
mod load;
mod tidy;
mod world;
