//! What can go wrong between dco and the engine, as data: which socket, which call, and the cause.

use std::error::Error as StdError;
use std::io;

use crate::diagnostic::{Diagnostic, Kind};

/// The result of a call to the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failed call to the engine.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answers at the engine's address.
    #[error("cannot connect to the Docker daemon at {endpoint}")]
    Unreachable {
        /// The address, as `DOCKER_HOST` would give it.
        endpoint: String,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The engine refused a call; the text is its own.
    #[error("{message}")]
    Api {
        /// The HTTP status.
        status: u16,
        /// What the engine said.
        message: String,
    },
    /// The connection broke during a call.
    #[error("the engine's connection broke during `{call}`")]
    Broken {
        /// Method and path.
        call: String,
        /// What the transport said.
        #[source]
        cause: Box<dyn StdError + Send + Sync>,
    },
    /// The engine answered something that is not what its API promises.
    #[error("the engine's answer to `{call}` cannot be understood")]
    Unexpected {
        /// Method and path.
        call: String,
        /// What the decoder said.
        #[source]
        cause: Box<dyn StdError + Send + Sync>,
    },
    /// An operation that reports as it goes (pull, push, build) ended with this error; the text is
    /// the engine's own.
    #[error("{0}")]
    Failed(String),
    /// The engine's address cannot be used: a bad `DOCKER_HOST`, an unknown context, missing TLS files.
    #[error("{message}")]
    Address {
        /// What is wrong with it.
        message: String,
        /// What to do.
        hint: Option<String>,
        /// What the system said, where it is a matter of a file.
        #[source]
        cause: Option<io::Error>,
    },
}

impl Error {
    /// An address that cannot be used.
    pub(super) fn address(message: impl Into<String>) -> Self {
        Self::Address {
            message: message.into(),
            hint: None,
            cause: None,
        }
    }

    /// The HTTP status of a refusal by the engine.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Api { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// The thing the call was about is not there.
    pub fn is_not_found(&self) -> bool {
        match self {
            Self::Api { status: 404, .. } => true,
            // Podman says so of an exec whose container has gone meanwhile.
            Self::Api {
                status: 500,
                message,
            } => message.contains("no such container"),
            _ => false,
        }
    }

    /// The thing is in another state than the call needs, is in use, or its name is taken.
    pub fn is_conflict(&self) -> bool {
        self.status() == Some(409)
    }

    /// The text for the user, with its cause and what to do about it.
    pub fn diagnostic(&self) -> Diagnostic {
        let mut message = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let text = plain(error);
            if !message.contains(&text) {
                message.push_str(": ");
                message.push_str(&text);
            }
            cause = error.source();
        }
        let mut diagnostic = Diagnostic::error(message);
        if matches!(self, Self::Unreachable { .. } | Self::Broken { .. }) {
            diagnostic.kind = Kind::EngineLost;
        }
        match self.hint() {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        }
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unreachable { endpoint, cause } => unreachable_hint(endpoint, cause),
            Self::Address { hint, .. } => hint.clone(),
            Self::Broken { .. } => Some("is the docker daemon still running?".to_owned()),
            _ => None,
        }
    }
}

/// What helps against each way in which nobody answers.
fn unreachable_hint(endpoint: &str, cause: &io::Error) -> Option<String> {
    use io::ErrorKind::{ConnectionRefused, NotFound, PermissionDenied};
    let local = endpoint.starts_with("unix://");
    Some(match cause.kind() {
        PermissionDenied if local => {
            "join the socket's group, then log in again: `sudo usermod -aG docker $USER`".to_owned()
        }
        NotFound | ConnectionRefused if local => {
            "is the docker daemon running? start it, for example with `sudo systemctl start docker`, \
             or name another engine in DOCKER_HOST"
                .to_owned()
        }
        _ if endpoint.starts_with("ssh://") => {
            "`ssh` to that host has to work without questions, and `docker version` there".to_owned()
        }
        _ => "is the docker daemon running there? DOCKER_HOST and `docker context ls` say which \
              engine is meant"
            .to_owned(),
    })
}

/// The text of an error, without the number that the system's errors end with.
fn plain(error: &(dyn StdError + 'static)) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(at) => {
            let (words, _) = text.split_at(at);
            let mut chars = words.chars();
            chars
                .next()
                .map(|first| first.to_lowercase().chain(chars).collect())
                .unwrap_or_default()
        }
        None => text,
    }
}

impl From<bollard::errors::Error> for Error {
    fn from(error: bollard::errors::Error) -> Self {
        use bollard::errors::Error as B;
        match error {
            B::DockerResponseServerError {
                status_code,
                message,
            } => Self::Api {
                status: status_code,
                message: message.trim_end().to_owned(),
            },
            // Our own transport hands its errors through bollard in this wrapping.
            B::IOError { err } => match err.downcast::<Self>() {
                Ok(ours) => ours,
                Err(err) => Self::Broken {
                    call: "request".to_owned(),
                    cause: Box::new(err),
                },
            },
            B::JsonDataError { .. } | B::JsonSerdeError { .. } => Self::Unexpected {
                call: "request".to_owned(),
                cause: Box::new(error),
            },
            B::DockerStreamError { error } => Self::Failed(error),
            other => Self::Broken {
                call: "request".to_owned(),
                cause: Box::new(other),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable(kind: io::ErrorKind, endpoint: &str) -> String {
        Error::Unreachable {
            endpoint: endpoint.to_owned(),
            cause: kind.into(),
        }
        .diagnostic()
        .to_string()
    }

    #[test]
    fn a_socket_that_may_not_be_opened_names_the_group() {
        let cause = io::Error::from_raw_os_error(13);
        let error = Error::Unreachable {
            endpoint: "unix:///var/run/docker.sock".to_owned(),
            cause,
        };
        assert_eq!(
            error.diagnostic().to_string(),
            "\
error: cannot connect to the Docker daemon at unix:///var/run/docker.sock: permission denied
hint: join the socket's group, then log in again: `sudo usermod -aG docker $USER`"
        );
    }

    #[test]
    fn an_absent_daemon_says_how_to_start_it() {
        let text = unreachable(io::ErrorKind::NotFound, "unix:///nowhere.sock");
        assert!(
            text.contains("hint: is the docker daemon running?"),
            "{text}"
        );
        let text = unreachable(io::ErrorKind::ConnectionRefused, "tcp://build:2375");
        assert!(text.contains("DOCKER_HOST"), "{text}");
    }

    #[test]
    fn an_error_of_ours_comes_back_through_bollard_unchanged() {
        let ours = Error::Unreachable {
            endpoint: "unix:///x".to_owned(),
            cause: io::ErrorKind::NotFound.into(),
        };
        let through = bollard::errors::Error::IOError {
            err: io::Error::other(ours),
        };
        assert!(matches!(Error::from(through), Error::Unreachable { .. }));
    }
}
