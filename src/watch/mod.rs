//! The live-reload loop: file events → change set → plan → execute.

pub mod act;
pub mod archive;
pub mod batch;
pub mod ignore;
pub mod inside;
pub mod noise;
pub mod program;
pub mod rule;
pub mod rules;
pub mod seat;
pub mod session;
pub mod source;
