//! How dco speaks: with colours or not, and in which form progress is shown.

/// When ANSI control characters are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ansi {
    /// Never.
    Never,
    /// Always.
    Always,
    /// On a terminal.
    #[default]
    Auto,
}

/// In which form progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProgressMode {
    /// A live tree.
    Tty,
    /// A line for every event, in Docker Compose's words.
    #[default]
    Plain,
    /// A JSON object for every event.
    Json,
    /// Not at all.
    Quiet,
}

/// Where progress goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Standard error.
    #[default]
    Stderr,
    /// Standard output, as `COMPOSE_STATUS_STDOUT` asks.
    Stdout,
}

/// How dco speaks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// What was asked for.
    pub ansi: Ansi,
    /// Colours on standard output.
    pub stdout_colours: bool,
    /// Colours on standard error.
    pub stderr_colours: bool,
    /// Progress.
    pub progress: ProgressMode,
    /// Where progress goes.
    pub status: Status,
    /// Whether what is shown is not done.
    pub dry_run: bool,
    /// What to warn about once it is known how.
    pub warnings: Vec<String>,
}
