//! The live-reload loop: file events → change set → plan → execute.

pub mod act;
pub mod archive;
pub mod batch;
mod bind;
mod direct;
pub mod files;
pub mod heart;
pub mod ignore;
pub mod initial;
pub mod inside;
mod lease;
mod look;
pub mod memory;
pub mod news;
pub mod noise;
mod own;
mod owner;
pub mod processes;
pub mod program;
pub mod rule;
pub mod rules;
pub mod seat;
pub mod session;
pub mod source;
mod turn;
