//! STAND-IN for the lead's file of this name: only the signature counts.

use std::sync::Arc;

pub use super::stop::Stop;

use super::event::{Summary, Watch};
use crate::config::plan::LoadPlan;
use crate::model::failure::{Blame, Failure};
use crate::target::Target;

/// Where time and chance of a run come from.
#[derive(Debug, Clone, Copy)]
pub struct Seed {
    pub started: jiff::Timestamp,
    pub random: u32,
}

/// Carries out a load.
pub async fn load<T: Target>(
    _plan: LoadPlan,
    target: Arc<T>,
    _alias: String,
    _watch: Arc<dyn Watch>,
    _stop: Stop,
    _seed: Seed,
) -> Result<Summary, Failure> {
    target.facts().await?;
    Err(Failure::new(Blame::Run, "the pipeline is not there yet"))
}
