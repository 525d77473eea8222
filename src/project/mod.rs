//! The typed model of a compose project, after every phase of the loader.
//!
//! Field names and their order are those of the Compose specification as Docker Compose prints
//! and hashes them: the order of declaration here is the order of `config`'s output and part of
//! the config hash. What is left out when it is empty, and in which form, is [`Render`]'s matter.

mod build;
mod deploy;
mod json;
mod provenance;
mod render;
mod resource;
mod scalar;
mod select;
mod service;

pub use build::*;
pub use deploy::*;
pub use json::{json, write_compact};
pub use provenance::*;
pub use render::{Form, Render, Tree};
pub(crate) use render::{model, serialize_as_json};
pub use resource::*;
pub use scalar::*;
pub use select::{Along, Unused};
pub use service::*;
