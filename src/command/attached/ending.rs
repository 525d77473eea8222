//! What the end of one container means for the others, and for the command's exit code.

use crate::name::ServiceName;

/// What the end of one container means for the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::command) enum Ending {
    /// Nothing: it ends when all have ended.
    #[default]
    Last,
    /// The first to end ends all, with its code or that of this service.
    First(Option<ServiceName>),
    /// The first to fail ends all.
    FirstFailure,
}

/// Whether a container that ended starts again by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    Yes,
    No,
}

impl Ending {
    pub(super) fn ends_all(&self, status: i64, again: Again) -> bool {
        again == Again::No
            && match self {
                Self::Last => false,
                Self::First(_) => true,
                Self::FirstFailure => status != 0,
            }
    }

    /// The command's exit code, where this container decides it.
    pub(super) fn code(&self, service: &ServiceName, status: i64, again: Again) -> Option<u8> {
        let decides = match self {
            Self::First(Some(wanted)) => wanted == service,
            _ => self.ends_all(status, again),
        };
        (decides && again == Again::No).then(|| u8::try_from(status & 0xff).unwrap_or(1))
    }
}

/// Whether an exit code is that of a program that is done, or was told to end.
pub(super) fn is_by_will(status: i64) -> bool {
    matches!(status, 0 | 130 | 137 | 143)
}
