//! The typed model of a compose project, after every phase of the loader.
//!
//! Field names and their order are those of the Compose specification as Docker Compose prints
//! and hashes them: the order of declaration here is the order of `config`'s output and part of
//! the config hash. A field that Compose leaves out when empty is left out by [`Blank`].

mod blank;
mod build;
mod deploy;
mod resource;
mod scalar;
mod service;

pub use blank::Blank;
pub use build::*;
pub use deploy::*;
pub use resource::*;
pub use scalar::*;
pub use service::*;

/// Declares structs of the model: every field may be absent and is left out when blank.
macro_rules! model {
    ($($(#[$meta:meta])* pub struct $name:ident { $($(#[$field_meta:meta])* $field:ident: $ty:ty,)* })*) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        pub struct $name {$(
            $(#[$field_meta])*
            #[serde(default, skip_serializing_if = "crate::project::Blank::is_blank")]
            pub $field: $ty,
        )*}
    )*};
}
pub(crate) use model;
