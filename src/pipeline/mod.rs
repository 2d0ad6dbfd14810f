//! The conveyor: one folder a stage, in the order of the data; [`run`] wires them.
//!
//! A stage never names another stage. What they hand over is in `model` (slabs, chunks) and in
//! [`handover`]; what they tell people is in [`event`].

mod copies;
mod ending;
mod intake;
#[cfg(test)]
mod sample;

pub mod chunk;
pub mod event;
pub mod export;
pub mod handover;
pub mod map;
pub mod read;
pub mod run;
pub mod settle;
pub mod stop;
pub mod submit;
pub mod validate;
