//! The flags before the verb: Docker Compose's own, and those of the docker CLI that it hoists.

use std::path::PathBuf;

/// What was said before the verb.
///
/// Only `--dry-run` may also stand after it, as in Docker Compose.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Globals {
    /// Take over containers that another directory of the same name made
    #[arg(long, global = true, help_heading = "Safety")]
    pub adopt: bool,

    /// Include all resources, even those not used by services
    #[arg(long)]
    pub all_resources: bool,

    /// When to print ANSI control characters: never, always or auto
    #[arg(long, value_name = "WHEN")]
    pub ansi: Option<String>,

    /// Name containers as docker-compose v1 did
    #[arg(long)]
    pub compatibility: bool,

    /// Show what would be done, and do nothing
    #[arg(long, global = true)]
    pub dry_run: bool,

    /// Read variables from this file instead of `.env`
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<String>,

    /// Compose file; several are merged in this order, `-` is standard input
    #[arg(short, long, value_name = "FILE")]
    pub file: Vec<String>,

    /// How much may run at the same time, -1 for no limit
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub parallel: Option<i64>,

    /// Turn a profile on
    #[arg(long, value_name = "NAME")]
    pub profile: Vec<String>,

    /// How progress is shown: auto, tty, plain, json or quiet
    #[arg(long, value_name = "MODE")]
    pub progress: Option<String>,

    /// Directory that relative paths start from (default: that of the first compose file)
    #[arg(long, value_name = "DIR")]
    pub project_directory: Option<PathBuf>,

    /// Project name
    #[arg(short, long, value_name = "NAME")]
    pub project_name: Option<String>,

    /// Engine to talk to, such as unix:///var/run/docker.sock, tcp://… or ssh://…
    #[arg(short = 'H', long, value_name = "URL", help_heading = "Engine")]
    pub host: Vec<String>,

    /// Docker context to use
    #[arg(short = 'c', long, value_name = "NAME", help_heading = "Engine")]
    pub context: Option<String>,

    /// Use TLS
    #[arg(long, help_heading = "Engine")]
    pub tls: bool,

    /// Use TLS and verify the engine
    #[arg(long, help_heading = "Engine")]
    pub tlsverify: bool,

    /// Trust only certificates signed by this CA
    #[arg(long, value_name = "FILE", help_heading = "Engine")]
    pub tlscacert: Option<PathBuf>,

    /// TLS certificate
    #[arg(long, value_name = "FILE", help_heading = "Engine")]
    pub tlscert: Option<PathBuf>,

    /// TLS key
    #[arg(long, value_name = "FILE", help_heading = "Engine")]
    pub tlskey: Option<PathBuf>,

    /// Directory of the docker CLI's configuration
    #[arg(long, value_name = "DIR", help_heading = "Engine")]
    pub config: Option<PathBuf>,

    /// Log what dco does to standard error
    #[arg(short = 'D', long, alias = "verbose")]
    pub debug: bool,

    /// Least level to log: debug, info, warn, error or fatal
    #[arg(short = 'l', long, value_name = "LEVEL", hide = true)]
    pub log_level: Option<String>,

    /// Show the version
    #[arg(short = 'v', long, hide = true)]
    pub version: bool,

    /// Deprecated spelling of `--ansi never`
    #[arg(long, hide = true)]
    pub no_ansi: bool,

    /// Deprecated spelling of `--project-directory`
    #[arg(long, hide = true)]
    pub workdir: Option<PathBuf>,

    /// Registries that may be spoken to without TLS
    #[arg(long, hide = true)]
    pub insecure_registry: Vec<String>,
}
