//! Progress on standard error, in one of four forms.

mod json;
mod live;
mod plain;
mod tree;

pub(super) use json::json;
pub(super) use live::{Live, Stream};
pub use plain::Wording;
pub(super) use plain::plain;
use tree::{Size, Tree};
