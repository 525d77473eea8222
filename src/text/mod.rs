//! Text helpers that know nothing of compose: sizes, durations, words, matching names.

pub mod duration;
pub mod path;
pub mod shellwords;
pub mod size;
