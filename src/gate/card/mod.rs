//! The failure card: what is known of a container that failed, and the rule that explains it. Pure.
//!
//! | module | what lives there |
//! |---|---|
//! | [`rules`] | the table: from what is known to what is wrong and how to mend it |
//! | this one | the facts, the exit codes, and the card's text |

pub mod rules;

use std::fmt::Write as _;
use std::time::Duration;

use super::verdict::Answer;
use super::{Because, Gate, PortTarget};
use crate::diagnostic::{Diagnostic, Place};
use crate::name::ServiceName;
use crate::project::Project;

/// What is known of a container that failed, at the instant that it did.
#[derive(Clone, Debug, Default)]
pub struct Facts<'a> {
    /// The project, for places.
    pub project: Option<&'a Project>,
    /// The service.
    pub service: Option<&'a ServiceName>,
    /// The container's name.
    pub container: &'a str,
    /// What became of it.
    pub fate: Fate,
    /// How long it ran, or has been waited for.
    pub after: Duration,
    /// The engine's own words, where a call failed or the start did.
    pub error: &'a str,
    /// What the engine executed: entrypoint and command.
    pub argv: &'a [String],
    /// The last lines of its log, the newest last.
    pub log: &'a [String],
    /// The last output of its healthcheck.
    pub health: &'a str,
    /// The first line of the file that the engine executed, with its carriage return if it has one.
    pub first_line: Option<&'a str>,
    /// The ports that it listens on for others.
    pub listens: &'a [PortTarget],
    /// The ports that it listens on inside itself only.
    pub loopback: &'a [PortTarget],
    /// The ports that others expect it on.
    pub wanted: &'a [PortTarget],
    /// What it depends on, and how that stood.
    pub dependencies: &'a [Neighbour],
    /// The port that it wants and another one has.
    pub taken_port: Option<&'a TakenPort>,
    /// What of the project takes room on the disk, and how many bytes, the largest first.
    pub room: &'a [(String, u64)],
}

/// A port of the host that is taken, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenPort {
    /// Its number.
    pub number: u16,
    /// Who has it, for a sentence; none where nobody can be seen.
    pub by: Option<String>,
    /// What to do about it.
    pub mend: String,
}

/// What became of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// It could not be created or started.
    #[default]
    NotStarted,
    /// It ended.
    Exited {
        /// The exit code.
        code: i64,
        /// The kernel ended it for want of memory.
        out_of_memory: bool,
        /// How often the engine has restarted it.
        restarts: u64,
    },
    /// Its healthcheck gave up.
    Unhealthy,
    /// It runs, and does not listen where it should.
    Silent,
    /// It runs just now, after it ended several times.
    Restarting {
        /// How often the engine has restarted it.
        restarts: u64,
    },
}

/// A dependency, and how it stood when its dependent failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// The service.
    pub service: ServiceName,
    /// `running`, `listening`, `exited (1)`.
    pub state: String,
    /// The gate that was waited for, where there was one.
    pub gate: Option<Gate>,
    /// Whether it was open.
    pub answer: Answer,
}

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's name, for tests and for searching.
    pub rule: &'static str,
    /// What is wrong.
    pub what: String,
    /// Where it is written.
    pub place: Option<Place>,
    /// What to do.
    pub fix: String,
}

/// As many lines of a log are shown.
pub const LOG_LINES: usize = 10;

impl Facts<'_> {
    /// Where a value of the failed service is written.
    fn place(&self, path: &[&str]) -> Option<Place> {
        let mut whole = vec!["services", self.service?.as_str()];
        whole.extend(path);
        self.project?.place(&whole)
    }

    fn name(&self) -> &str {
        self.service.map_or(self.container, |name| name.as_str())
    }

    /// What happened, in one line: `service `web` exited with 127 after 0.4 s: command not found`.
    fn headline(&self) -> String {
        let name = self.name();
        let after = format!("{:.1} s", self.after.as_secs_f64());
        match &self.fate {
            Fate::NotStarted => format!("service `{name}` could not be started"),
            Fate::Unhealthy => format!("service `{name}` is unhealthy after {after}"),
            Fate::Silent => format!(
                "service `{name}` does not listen on port {} yet, after {after}",
                ports(self.wanted)
            ),
            Fate::Restarting { restarts } => {
                let times = match restarts {
                    1 => "once".to_owned(),
                    times => format!("{times} times"),
                };
                format!("service `{name}` ends and is started again, {times} so far")
            }
            Fate::Exited {
                code,
                out_of_memory,
                restarts,
            } => {
                let meaning = meaning(*code, *out_of_memory)
                    .map_or(String::new(), |meaning| format!(": {meaning}"));
                match restarts {
                    0 => format!("service `{name}` exited with {code} after {after}{meaning}"),
                    times => format!(
                        "service `{name}` exits with {code} again and again ({times} restarts){meaning}"
                    ),
                }
            }
        }
    }
}

/// `80 or 443`.
fn ports(ports: &[PortTarget]) -> String {
    let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
    ports.join(" or ")
}

/// What an exit code says by itself.
pub fn meaning(code: i64, out_of_memory: bool) -> Option<&'static str> {
    match code {
        _ if out_of_memory => Some("out of memory"),
        125 => Some("the engine could not run it"),
        126 => Some("the command cannot be executed"),
        127 => Some("command not found"),
        130 => Some("interrupted (SIGINT)"),
        134 => Some("aborted (SIGABRT)"),
        137 => Some("killed (SIGKILL)"),
        139 => Some("crashed (SIGSEGV)"),
        143 => Some("terminated (SIGTERM)"),
        _ => None,
    }
}

/// The card: what failed, what it said, how its dependencies stood, what is wrong, what to do.
pub fn card(facts: &Facts<'_>) -> Diagnostic {
    written(facts, rules::explain(facts))
}

/// The card of a call that the engine refused; none where no rule explains the refusal.
pub fn refusal(facts: &Facts<'_>) -> Option<Diagnostic> {
    let finding = rules::explain(facts)?;
    Some(written(facts, Some(finding)))
}

fn written(facts: &Facts<'_>, finding: Option<Finding>) -> Diagnostic {
    let mut message = facts.headline();
    let mut section = |title: &str, lines: &mut dyn Iterator<Item = &str>| {
        let mut lines = lines.filter(|line| !line.trim().is_empty()).peekable();
        if lines.peek().is_some() {
            let _ = write!(message, "\n  {title}:");
        }
        for line in lines {
            let _ = write!(message, "\n    {}", line.trim_end());
        }
    };
    section("engine", &mut facts.error.lines());
    section("healthcheck", &mut facts.health.lines());
    let skipped = facts.log.len().saturating_sub(LOG_LINES);
    section("log", &mut facts.log[skipped..].iter().map(String::as_str));
    let neighbours: Vec<String> = facts
        .dependencies
        .iter()
        .map(|one| format!("{}: {}", one.service, one.state))
        .collect();
    section("depends on", &mut neighbours.iter().map(String::as_str));
    let card = Diagnostic::error(message);
    match finding {
        None => card,
        Some(finding) => {
            let what = format!("{} [{}]", finding.what, finding.rule);
            card.also(finding.place, "").hint(what).hint(finding.fix)
        }
    }
}

/// What a gate's edge is called in a finding.
fn shown(because: &Because) -> String {
    because.to_string()
}

#[cfg(test)]
mod tests {
    use super::rules::tests::{exited, with_facts};
    use super::*;

    #[test]
    fn a_card_says_what_failed_what_it_said_and_what_to_do() {
        let log = "Traceback\nconnection to server at \"db\" (172.18.0.2), port 5432 failed: Connection refused";
        assert_eq!(
            with_facts(exited(1), ["", log], &[], |facts| card(facts).to_string()),
            "\
error: service `web` exited with 1 after 0.3 s
         log:
           Traceback
           connection to server at \"db\" (172.18.0.2), port 5432 failed: Connection refused
         depends on:
           db: running
hint: it was refused by `db:5432`, which it does not wait for [connection-refused]
hint: add `x-dco: {wait: [\"db:5432\"]}` to `web`"
        );
    }

    #[test]
    fn exit_codes_are_decoded() {
        assert_eq!(meaning(127, false), Some("command not found"));
        assert_eq!(meaning(137, true), Some("out of memory"));
        assert_eq!(meaning(137, false), Some("killed (SIGKILL)"));
        assert_eq!(meaning(1, false), None);
    }
}
