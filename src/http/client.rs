//! STAND-IN for the client engineer's file of this name: only the signatures count.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::transport::Transport;

/// Tells the time of day.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Is told why and how long a call is going to wait.
pub type Waiting = Arc<dyn Fn(&str, Duration) + Send + Sync>;

/// What a client must be given.
#[derive(Clone)]
pub struct Settings {
    pub seed: u64,
    pub clock: Clock,
    pub waiting: Waiting,
}

impl Settings {
    pub fn new(seed: u64, clock: Clock) -> Self {
        Self { seed, clock, waiting: Arc::new(|_, _| ()) }
    }
}

/// The way to one org.
#[derive(Clone)]
pub struct Client {
    pub transport: Arc<dyn Transport>,
}

impl Client {
    pub fn new(transport: Arc<dyn Transport>, _settings: Settings) -> Self {
        Self { transport }
    }
}
