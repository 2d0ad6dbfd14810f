//! The one integration-test binary: one module a topic, listed here.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod auth0;
mod bad_input;
mod budget;
mod canary;
mod conformance;
mod corpus;
mod dataloader_folders;
mod disk_faults;
mod documents;
mod door;
mod faults;
mod guards;
mod hand_over;
mod kills;
mod lanes;
mod ledger;
mod load;
mod lookups;
mod memory;
mod network;
mod org;
mod perms;
mod plan;
mod procedures;
mod process;
mod production;
mod reconcile;
mod resume;
mod runbook;
mod runbook_bad;
mod runbook_crm;
mod runbook_offboarding;
mod secrets;
mod seed;
#[cfg(target_os = "linux")]
mod simulate;
mod soap;
mod tidy;
mod tls;
mod unchanged;
mod undelete;
mod undo;
mod web_login;
mod world;
mod yard;
