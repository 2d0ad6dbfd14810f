//! The conveyor: one folder a stage, in the order of the data; [`run`] wires them.
//!
//! A stage never names another stage. What they hand over is in `model` (slabs, chunks) and in
//! [`handover`]; what they tell people is in [`event`].

pub mod again;
mod begin;
mod copies;
mod deferred;
pub mod ending;
mod feed;
mod intake;
mod lanes;
pub mod manifest;
mod rounds;
mod row_list;
#[cfg(test)]
mod sample;
mod strays;
mod styled;

pub mod answers;
pub mod assent;
pub mod budget;
pub mod chunk;
pub mod duplicates;
pub mod earlier;
pub mod event;
pub mod export;
pub mod guards;
pub mod handover;
pub mod images;
pub mod lookup;
pub mod map;
pub mod parent;
pub mod read;
pub mod resume;
pub mod retry;
pub mod run;
pub mod settle;
pub mod source_rows;
pub mod stop;
pub mod submit;
pub mod survey;
pub mod threads;
pub mod unchanged;
pub mod undo;
pub mod validate;
