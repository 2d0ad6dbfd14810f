//! Runbooks: a data migration as one file of steps.

pub mod assert;
mod decimal;
mod question;
pub mod reconcile;
