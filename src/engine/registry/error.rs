//! What goes wrong between dco and a registry, as data.

use std::error::Error as StdError;
use std::fmt;

use crate::diagnostic::Diagnostic;

/// Why a registry did not do as asked.
#[derive(Debug)]
pub struct RegistryError {
    /// The HTTP status, where it answered.
    pub status: Option<u16>,
    pub(super) registry: String,
    pub(super) message: String,
    pub(super) cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for RegistryError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cause.as_deref().map(|cause| cause as _)
    }
}

impl RegistryError {
    /// The text for the user; `what` was tried.
    pub fn diagnostic(&self, what: &str) -> Diagnostic {
        let mut message = format!("{what}: {self}");
        let mut cause = self.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = error.source();
        }
        let diagnostic = Diagnostic::error(message);
        match self.status {
            Some(401 | 403) => {
                let registry = &self.registry;
                diagnostic.hint(format!("`docker login {registry}` says who comes"))
            }
            None => diagnostic.hint(
                "is that a registry? one without TLS needs `--insecure-registry`, unless it is on this machine",
            ),
            Some(_) => diagnostic,
        }
    }
}
