//! The conveyor: one folder a stage, in the order of the data; [`run`] wires them.

pub mod chunk;
pub mod event;
pub mod handover;
pub mod read;
pub mod settle;
pub mod stop;
pub mod submit;
