//! The binary where no engine is needed: one module per subject.

#[path = "../support/mod.rs"]
mod support;

mod completions;
mod config;
mod errors;
mod explain;
mod flags;
mod harness;
mod hashes;
mod manual;
mod model;
mod origin;
mod remote;
mod usage;
mod warnings;
