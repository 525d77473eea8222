//! `load()`: the phases from files to a project, in the order they run. Pure but for reading files.

pub mod dotenv;
pub mod interpolate;
pub mod ports;
pub mod volumes;
