//! Compose files of other machines: where the loader meets an address, what fetches it is asked,
//! and the local copy read like any other file.

use std::fmt;
use std::path::PathBuf;

use super::address::{Address, NoAddress};
use super::context::{Context, Phase};
use super::node::Span;
use crate::diagnostic::Diagnostic;
use crate::text::secret::without_credentials;

/// The local copy of what an address names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The compose file.
    pub file: PathBuf,
    /// The folder of everything that came along: a checkout, or the files of an artifact.
    pub root: PathBuf,
}

/// Brings what addresses name to this machine.
pub trait Remotes: fmt::Debug + Send + Sync {
    /// The local copy of what an address names; the same one whenever it is asked.
    ///
    /// # Errors
    /// Why there is none, with what to do about it. Whoever asks knows the place.
    fn fetch(&self, address: &Address) -> Result<Fetched, Diagnostic>;
}

/// Whether a path leads to another machine.
pub fn is_remote(path: &str) -> bool {
    Address::parse(path).is_some()
}

/// The local copy of what a path names, where that is an address; the load ends where it cannot be
/// fetched.
pub fn fetch(cx: &mut Context<'_>, path: &str, at: Span) -> Phase<Option<Fetched>> {
    let fetched = match (Address::parse(path), &cx.request.remotes) {
        (None, _) => return Ok(None),
        (Some(Err(error)), _) => Err(unusable(&error, path)),
        (Some(Ok(address)), Some(remotes)) => remotes.fetch(&address),
        (Some(Ok(address)), None) => Err(Diagnostic::error(format!(
            "compose files of other machines are not fetched here: `{address}`"
        ))),
    };
    match fetched {
        Ok(fetched) => Ok(Some(fetched)),
        Err(error) => {
            let place = cx.place(at);
            cx.halt(error.at(place))
        }
    }
}

fn unusable(error: &NoAddress, path: &str) -> Diagnostic {
    let path = without_credentials(path);
    match error {
        NoAddress::Page => {
            Diagnostic::error(format!("compose files are not read from the web: `{path}`"))
                .hint(format!("`curl -LO {path}`, and name the local file"))
        }
        NoAddress::Options(why) => {
            Diagnostic::error(format!("`{path}` is no address of a repository: {why}"))
                .hint("write `REPOSITORY#REF:DIR`, or `REPOSITORY?ref=REF&subdir=DIR`")
        }
    }
}
