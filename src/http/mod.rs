//! The one place that talks to a network: transport, calls, and the whole retry policy.
//!
//! A [`call::Call`] says whether it may be repeated; [`judge`] decides what its answer means;
//! [`client::Client`] does what the judge says, at the pace of [`pace`] and [`backoff`].

pub mod backoff;
mod body;
pub mod call;
pub mod client;
pub mod judge;
pub mod pace;
pub mod redact;
pub mod reqwest;
pub mod transport;

#[cfg(test)]
pub mod scripted;
