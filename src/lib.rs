//! dco: a docker-compose-compatible orchestrator for local development environments.
//!
//! # The map
//!
//! A row imports only rows below it, or its own folder. Everything from [`plan`] down is pure:
//! values in, values out; no printing, no clock, no environment, no tokio, no engine client
//! (bollard's request and response *models* are data and allowed).
//!
//! | module | what lives there |
//! |---|---|
//! | [`command`] | one file per verb: its clap arguments and one function that reads top to bottom |
//! | [`report`] | the only place that prints |
//! | [`watch`] | the live-reload loop |
//! | [`history`] | what dco remembers of what it did: runs, causes, waits, fields |
//! | [`execute`] | walks a [`plan::Plan`]: ready steps run, gates wait, outcomes come back |
//! | [`engine`] | the port to the Docker Engine API: connection, calls, streams, one snapshot |
//! | — | *pure below this line* |
//! | [`plan`] | desired + observed → [`plan::Plan`], which prints itself |
//! | [`convert`] | service → engine request bodies |
//! | [`lint`] | what a project says and hardly means |
//! | [`gate`] | which gates a dependency needs; (condition, observation, now) → verdict |
//! | [`compose`] | `load()`: from files to a [`project::Project`], phase by phase |
//! | [`graph`] | services and their edges |
//! | [`hash`] | Compose's config hash |
//! | [`project`] | the typed model |
//! | [`name`], [`event`], [`diagnostic`], [`text`] | names, events, errors with a place, text helpers |

pub mod command;
pub mod compose;
pub mod convert;
pub mod diagnostic;
pub mod engine;
pub mod event;
pub mod execute;
pub mod gate;
pub mod graph;
pub mod hash;
pub mod history;
pub mod lint;
pub mod name;
pub mod plan;
pub mod project;
pub mod report;
pub mod text;
pub mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

/// Runs one invocation of `dco` and returns its exit code.
///
/// `args` are the process's arguments, the program's own name first.
pub fn run(args: Vec<OsString>) -> ExitCode {
    command::main(args)
}
