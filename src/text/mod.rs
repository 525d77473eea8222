//! Text helpers that know nothing of compose: sizes, durations, words, matching names.

pub mod dockerignore;
pub mod duration;
pub mod float;
pub mod moment;
pub mod nearest;
pub mod path;
pub mod percent;
pub mod reference;
pub mod secret;
pub mod shellwords;
pub mod size;
