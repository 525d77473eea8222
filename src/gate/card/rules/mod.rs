//! The table of rules: from what is known of a failed container to what is wrong and how to mend it.
//!
//! | module | what its rules are about |
//! |---|---|
//! | [`program`] | what is executed: the command, its file, its interpreter, its machine |
//! | [`host`] | what the host gives: ports, mounts, memory, room on the disk |
//! | [`network`] | who is called, and who listens where |
//! | [`texts`] | rules that are nothing but a text of the log or of the engine |

mod host;
mod network;
mod program;
#[cfg(test)]
pub(super) mod tests;
mod texts;

use regex::Regex;

use super::{Facts, Fate, Finding};

type Rule = fn(&Facts<'_>) -> Option<Finding>;

/// The rules, the surest first: the first that matches explains the failure.
const RULES: &[Rule] = &[
    program::one_string_command,
    program::windows_line_ends,
    program::interpreter_missing,
    program::first_line_missing,
    program::architecture,
    program::not_executable,
    program::healthcheck_not_found,
    program::command_not_found,
    host::mount_is_a_folder,
    host::port_taken,
    host::out_of_memory,
    host::disk_full,
    texts::relation_missing,
    texts::by_text,
    network::name_unknown,
    network::loopback_only,
    network::calls_itself,
    network::connection_refused,
    network::other_port,
];

/// The finding of the first rule that matches.
pub fn explain(facts: &Facts<'_>) -> Option<Finding> {
    RULES.iter().find_map(|rule| rule(facts))
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern of this folder is well formed")
}

/// Every line that says something: the engine's error, then the log, the newest first.
fn lines<'f>(facts: &'f Facts<'_>) -> impl Iterator<Item = &'f str> {
    let log = facts.log.iter().rev().map(String::as_str);
    facts.error.lines().chain(log).chain(facts.health.lines())
}

/// The lines of a process that could not be executed.
fn failed_to_run<'f>(facts: &'f Facts<'_>) -> impl Iterator<Item = &'f str> {
    let code = match facts.fate {
        Fate::Exited { code, .. } => code,
        _ => 0,
    };
    // Other exits say such things of the programs that they called, not of themselves; but some
    // runtimes say in the container's log that they could not execute its program, and end with 1.
    let counts = facts.fate == Fate::NotStarted || matches!(code, 126 | 127);
    lines(facts).filter(move |line| {
        counts || line.starts_with("exec ") || line.contains("exec user process caused")
    })
}

fn has(line: &str, needle: &str) -> bool {
    line.to_ascii_lowercase().contains(needle)
}
