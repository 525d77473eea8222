//! Exit codes, in one place.
//!
//! | code | when |
//! |---|---|
//! | 0 | done |
//! | 1 | it failed, or the command line was wrong |
//! | 130 | interrupted |
//! | 141 | the reader of standard output went away |
//! | any | the code of the process that `exec`, `run`, `wait` or `up --exit-code-from` stands for |

use std::fmt;
use std::process::ExitCode;

use crate::diagnostic::{Diagnostic, Diagnostics};

/// Ends the command with a code of its own and without a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// The code of an interrupted command.
    pub fn interrupted() -> Self {
        Self(130)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit status {}", self.0)
    }
}

impl std::error::Error for Exit {}

/// Nobody reads standard output any more: the command ends quietly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StdoutClosed;

impl fmt::Display for StdoutClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads standard output any more")
    }
}

impl std::error::Error for StdoutClosed {}

/// How a failed command ends: its code, and what is said.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ending {
    /// The exit code.
    pub code: u8,
    /// What standard error shows.
    pub says: Vec<Diagnostic>,
}

impl Ending {
    /// Reads an error's whole chain.
    pub fn of(error: &anyhow::Error) -> Self {
        let quiet = |code| Self { code, says: vec![] };
        if let Some(Exit(code)) = error.downcast_ref() {
            return quiet(*code);
        }
        let is_closed = |cause: &(dyn std::error::Error + 'static)| {
            let inner = cause
                .downcast_ref::<std::io::Error>()
                .and_then(|io| io.get_ref());
            cause.is::<StdoutClosed>() || inner.is_some_and(|inner| inner.is::<StdoutClosed>())
        };
        if error.chain().any(is_closed) {
            return quiet(141);
        }
        Self {
            code: 1,
            says: says(error),
        }
    }
}

/// The diagnostics in an error's chain, the outer messages before them; else the chain's text.
fn says(error: &anyhow::Error) -> Vec<Diagnostic> {
    let mut outer = String::new();
    for cause in error.chain() {
        let mut found = if let Some(Diagnostics(all)) = cause.downcast_ref() {
            all.clone()
        } else if let Some(one) = cause.downcast_ref::<Diagnostic>() {
            vec![one.clone()]
        } else if let Some(error) = cause.downcast_ref::<crate::engine::Error>() {
            vec![error.diagnostic()]
        } else {
            outer.push_str(&format!("{cause}: "));
            continue;
        };
        for diagnostic in &mut found {
            diagnostic.message.insert_str(0, &outer);
        }
        return found;
    }
    vec![Diagnostic::error(format!("{error:#}"))]
}

/// Prints an error before it is known how dco speaks, and gives the code.
pub fn exit_code(result: anyhow::Result<()>) -> ExitCode {
    let style = super::Style::default();
    super::Reporter::new(style, "").exit_code(result.map(|()| ExitCode::SUCCESS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    #[test]
    fn a_chain_is_one_line_and_a_diagnostic_keeps_its_hints() {
        let plain = anyhow!("no such file").context("cannot read `a.yaml`");
        let ending = Ending::of(&plain);
        assert_eq!(ending.code, 1);
        assert_eq!(
            ending.says[0].to_string(),
            "error: cannot read `a.yaml`: no such file"
        );
        let diagnostic = Diagnostic::error("port 80 is taken").hint("stop it");
        let error = anyhow::Error::from(diagnostic).context("web");
        let says = Ending::of(&error).says;
        assert_eq!(
            says[0].to_string(),
            "error: web: port 80 is taken\nhint: stop it"
        );
    }

    #[test]
    fn codes_of_their_own_are_quiet() {
        let quiet = |code| Ending { code, says: vec![] };
        assert_eq!(Ending::of(&Exit::interrupted().into()), quiet(130));
        let closed = std::io::Error::new(std::io::ErrorKind::BrokenPipe, StdoutClosed);
        assert_eq!(
            Ending::of(&anyhow::Error::from(closed).context("logs")),
            quiet(141)
        );
        let other = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert_eq!(Ending::of(&other.into()).code, 1);
    }
}
