//! What the process was started with: its variables, and which of its streams are terminals.

use std::collections::BTreeMap;
use std::io::IsTerminal;

/// The variables of the process, as far as they are text, and what the user prefers where they
/// say nothing.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// Compose's own switches from the project's `.env`.
    pub(super) project: BTreeMap<String, String>,
    /// What the user prefers on this machine.
    pub(super) preferred: BTreeMap<&'static str, String>,
}

impl Environment {
    /// Of this process.
    pub(super) fn of_process() -> Self {
        let text = |(key, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((key.into_string().ok()?, value.into_string().ok()?))
        };
        std::env::vars_os().filter_map(text).collect()
    }

    /// A variable that is set and not empty, else what the project's `.env` says, else what the
    /// user prefers.
    pub fn get(&self, name: &str) -> Option<&str> {
        let project = || match self.variables.contains_key(name) {
            true => None,
            false => self.project.get(name),
        };
        let set = self.variables.get(name).or_else(project);
        let set = set.filter(|value| !value.is_empty());
        set.or_else(|| self.preferred.get(name)).map(String::as_str)
    }

    /// Whether a variable says yes, in the words that Docker Compose takes.
    pub fn is_on(&self, name: &str) -> bool {
        let value = self
            .get(name)
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        matches!(value.as_str(), "1" | "t" | "true" | "y" | "yes")
    }

    /// Every variable of the process, as compose files see them.
    pub fn all(&self) -> &BTreeMap<String, String> {
        &self.variables
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(variables: T) -> Self {
        Self {
            variables: variables.into_iter().collect(),
            ..Self::default()
        }
    }
}

/// Which of the standard streams are terminals.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terminal {
    /// Standard input.
    pub stdin: bool,
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
}

impl Terminal {
    /// Of this process.
    pub(super) fn of_process() -> Self {
        Self {
            stdin: std::io::stdin().is_terminal(),
            stdout: std::io::stdout().is_terminal(),
            stderr: std::io::stderr().is_terminal(),
        }
    }
}
