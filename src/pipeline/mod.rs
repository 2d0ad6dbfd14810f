//! The conveyor: one folder a stage, in the order of the data; [`run`] wires them.

pub mod event;
pub mod map;
pub mod validate;

#[cfg(test)]
mod sample;
