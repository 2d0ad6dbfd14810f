//! The one place that talks to a network: transport, calls, and the whole retry policy.

pub mod client;
pub mod reqwest;
pub mod transport;
