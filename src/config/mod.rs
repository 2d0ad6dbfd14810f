//! What was asked, turned into a checked plan.

pub mod environment;
pub mod mapping;
mod mapping_standin;
pub mod plan;
pub mod project;
