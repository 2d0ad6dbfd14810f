//! What was asked, turned into a checked plan.

pub mod dataloader;
pub mod document;
pub mod environment;
pub mod mapping;
pub mod plan;
pub mod policy;
pub mod profiles;
pub mod project;
pub mod runbook;
pub mod styles;
pub mod window;
