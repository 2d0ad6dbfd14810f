//! The conveyor: one folder a stage, in the order of the data; [`run`] wires them.

pub mod event;
pub mod export;
pub mod run;
pub mod stop;
