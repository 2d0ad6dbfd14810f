//! STAND-IN for the client engineer's file of this name: only the signatures count.

use std::path::Path;

use super::transport::{Answer, Body, Broken, Pending, Transport};
use crate::model::failure::{Blame, Explain};

/// How long to wait for what.
#[derive(Debug, Clone, Default)]
pub struct Patience {}

/// Why there is no transport.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up TLS: {0}")]
pub struct BadTransport(String);

impl Explain for BadTransport {
    fn blame(&self) -> Blame {
        Blame::Request
    }
}

/// The network.
#[derive(Debug)]
pub struct Reqwest {}

impl Reqwest {
    pub fn new(_patience: Patience, _ca_file: Option<&Path>) -> Result<Self, BadTransport> {
        Ok(Self {})
    }
}

impl Transport for Reqwest {
    fn send(&self, _request: http::Request<Body>) -> Pending<'_, Result<Answer, Broken>> {
        Box::pin(async { Err(Broken::NotSent("there is no network yet".to_owned())) })
    }
}
