//! Submit: chunks become jobs at the far side, each started at most once.
//!
//! [`machine`] decides, without I/O, and [`answers`] says what an outcome means to it;
//! [`resume`] puts it where an earlier process left it; [`driver`] does what it says; [`poll`]
//! asks how running jobs fare; `turns` says whose turn it is; [`gate`] lets as many jobs into the
//! org as there is [`room`] for, which its `locks` make smaller; [`left`] looks at jobs that were
//! given up; [`results`] brings the results to disk and sees that they are whole. The explorer in
//! `explore/` searches the protocol under every placement of a few faults.

pub mod answers;
pub mod driver;
pub mod gate;
mod left;
mod locks;
pub mod machine;
pub mod poll;
pub mod results;
pub mod resume;
pub mod room;
mod turns;

#[cfg(test)]
mod explore;
