//! The live-reload loop: file events → change set → plan → execute.

pub mod archive;
pub mod batch;
pub mod noise;
pub mod program;
pub mod rule;
pub mod source;
