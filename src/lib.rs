//! longshore loads and unloads an org: CSV streams through a pipeline into Salesforce jobs, and
//! every row is accounted for.
//!
//! This page is the map. Data flows from left to right:
//!
//! ```text
//! file ─ read ─▶ RawSlab ─ map ─▶ MappedSlab ─ validate ─▶ CheckedSlab ─ chunk ─▶ Chunk (spooled)
//!                                                               └▶ rejected
//! Chunk ─ submit ─▶ stage ▶ commit ▶ await ▶ results (raw, on disk) ─ settle ─▶ success/error/…
//! files
//! ```
//!
//! The modules form rings; a module names only those of the rings inside it, and `tests/it/tidy.rs`
//! holds the table.
//!
//! | ring | module | what it is for |
//! |---|---|---|
//! | 0 | [`model`] | nouns without I/O: ids, rows, chunks, verdicts, schemas, limits, secrets |
//! | 0 | [`faults`] | every change on disk, so that tests can make the n-th one fail |
//! | 1 | [`config`] | what was asked, turned into a checked plan; the environment; mapping files |
//! | 1 | [`http`] | the one place that talks to a network, and the whole retry policy |
//! | 1 | [`ledger`] | what has happened, durably, one line a fact |
//! | 1 | [`target`] | the far side: Salesforce and Auth0 |
//! | 2 | [`pipeline`] | the conveyor; [`pipeline::run`] reads like the sentence above |
//! | 2 | [`perms`] | permissions by names: what to change is decided, then carried out as loads |
//! | 2 | [`runbook`] | a migration as one file of steps: carried out, reconciled |
//! | 2 | [`account`] | what is known of a run, from its folder alone |
//! | 2 | [`report`] | events for people: bars, plain lines, JSON, the last screen; the hand-over |
//! | 3 | [`practice`] | a small Salesforce on this machine, for learning, rehearsal and tests |
//! | 3 | [`cli`] | arguments, commands, failures and exit codes |
//!
//! Read next: [`pipeline::run`], then one stage.

pub mod account;
pub mod cli;
pub mod config;
pub mod faults;
pub mod http;
pub mod ledger;
pub mod model;
pub mod perms;
pub mod pipeline;
pub mod practice;
pub mod report;
pub mod runbook;
pub mod target;
