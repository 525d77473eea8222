//! `load()`: from compose files to a project, phase by phase, in the order they run.
//!
//! discover → parse → interpolate → include → extends → merge → shape → canonical → model
//! (defaults, checks, paths) → normalize → decode → profiles → consistency. The first phases work
//! on a tree whose every node knows where it was written ([`node`]); the project keeps that tree
//! and can be asked for the place and the origin of any value.

mod address;
mod aside;
mod bundle;
mod canonical;
mod check_shape;
mod consistency;
mod context;
mod decode;
mod discover;
mod document;
pub mod dotenv;
pub mod emit;
mod environment;
pub mod explain;
mod extends;
mod include;
pub mod interpolate;
mod load;
mod merge;
mod model;
pub mod node;
mod normalize;
mod origins;
mod parse;
mod paths;
pub mod ports;
mod project_name;
#[cfg(test)]
mod properties;
mod read;
mod references;
mod remote;
mod rules;
mod scalar;
pub mod schema;
mod sections;
mod service_files;
pub mod shape;
mod sources;
mod substitute;
mod swallowed;
mod uninterpolated;
mod unique;
pub mod volumes;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub use address::{Address, GitAddress};
pub use bundle::{Beside, Mention, Mentions, mentions};
pub use consistency::container_names;
pub use discover::{NAMES, listed};
pub use environment::switches;
pub use load::{load, load_name, load_tree};
pub use project_name::normalize_name;
pub use read::Disk;
pub use remote::{Fetched, Remotes, is_remote};
pub use service_files::{drop_label_files, resolve_files, resolve_labels};
pub use uninterpolated::Tree;

/// What to load, and what with.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `-f`, in order; `-` is standard input.
    pub files: Vec<String>,
    /// `--project-directory`.
    pub project_directory: Option<String>,
    /// `-p`.
    pub project_name: Option<String>,
    /// `--profile`.
    pub profiles: Vec<String>,
    /// `--env-file`.
    pub env_files: Vec<String>,
    /// The working directory.
    pub cwd: PathBuf,
    /// The process's environment.
    pub environment: BTreeMap<String, String>,
    /// Where the files are read.
    pub disk: Disk,
    /// What fetches files of other machines; without it they are refused.
    pub remotes: Option<Arc<dyn Remotes>>,
    /// Which phases run.
    pub options: Options,
}

/// Which phases run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Variables are replaced.
    pub interpolate: bool,
    /// What the file leaves unsaid is said.
    pub normalize: bool,
    /// Relative paths become absolute.
    pub resolve_paths: bool,
    /// What services say has to agree.
    pub consistency: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            interpolate: true,
            normalize: true,
            resolve_paths: true,
            consistency: true,
        }
    }
}
