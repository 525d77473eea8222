//! How a watch speaks: one line a reaction, and in a pipe Docker Compose's own lines before it.

use console::Style;

use crate::command::Context;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::project::Project;
use crate::watch::news::{Did, Line, News};

/// In whose company a watch speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// `dco watch`.
    Alone,
    /// `up --watch`: between the lines of logs.
    BesideLogs,
    /// In the log of a watcher that stays.
    Log,
}

/// Where a line is about no service.
const PROJECT: &str = "project";

/// Who tells.
pub(super) struct Voice<'c> {
    cx: &'c Context,
    manner: Manner,
    /// The width of the longest service's name.
    width: usize,
}

impl<'c> Voice<'c> {
    pub(super) fn new(cx: &'c Context, manner: Manner, project: &Project) -> Self {
        let names = project.services.keys().map(|name| name.len());
        Self {
            cx,
            manner,
            width: names.chain([PROJECT.len()]).max().unwrap_or_default(),
        }
    }

    /// Says a line of its own.
    pub(super) fn say(&self, text: &str) {
        let mark = match self.manner {
            Manner::BesideLogs => self.style().green().apply_to("⦿ ").to_string(),
            Manner::Alone | Manner::Log => String::new(),
        };
        let line = format!("{mark}{text}\n");
        // A reader that is gone has stopped looking; the watch itself goes on.
        let _ = self.cx.reporter().write_out(line.as_bytes());
    }

    /// Says what went wrong with the watch itself.
    pub(super) fn fail(&self, error: &anyhow::Error) {
        self.cx.reporter().fail(error);
    }

    /// Tells what a reaction came to.
    pub(super) fn tell(&self, news: News) {
        match news {
            News::Note(note) => self.cx.reporter().show(&note),
            News::Batch { paths, took } if self.cx.globals.debug => {
                self.cx.reporter().show(&Diagnostic::note(format!(
                    "batch complete: duration[{took:?}] count[{paths}]"
                )));
            }
            News::Batch { .. } => {}
            News::Rebuilding(service) if self.speaks_compose() => self.say(&format!(
                "Rebuilding service(s) [\"{service}\"] after changes were detected..."
            )),
            // On a terminal the progress of the build says it.
            News::Rebuilding(_) => {}
            News::Said(service, line) => {
                let service = format!("{service:<width$}", width = self.width);
                let head = self
                    .style()
                    .dim()
                    .apply_to(format!("          {service} │"));
                self.say(&format!("{head} {line}"));
            }
            News::Line(line) => {
                if self.speaks_compose() {
                    for line in compose_lines(&line) {
                        self.say(&line);
                    }
                }
                self.say(&self.line(&line));
                if let Some(error) = line.error.filter(has_parts) {
                    self.fail(&error);
                }
            }
        }
    }

    /// Whether a script may read this, and look for the words of Docker Compose.
    fn speaks_compose(&self) -> bool {
        self.manner != Manner::Log && !self.cx.terminal.stdout
    }

    /// Says what a change of the project's own files came to.
    pub(super) fn project(&self, changed: &str, did: &str, took: Option<std::time::Duration>) {
        let style = self.style();
        let took = took.map_or(String::new(), |took| format!("  {}", duration(took)));
        self.say(&format!(
            "{}  {}  {changed} {} {did}{}",
            style.clone().dim().apply_to(now()),
            style
                .clone()
                .bold()
                .apply_to(format!("{PROJECT:<width$}", width = self.width)),
            style.clone().dim().apply_to("→"),
            style.dim().apply_to(took),
        ));
    }

    /// The time, the service, what changed, what was done, how long it took.
    fn line(&self, line: &Line) -> String {
        let style = self.style();
        let is_left = matches!(line.did.as_slice(), [Did::Left(_)]);
        let deeds = line.deeds();
        let deeds = match (&line.error, is_left) {
            (Some(_), _) if deeds.is_empty() => String::new(),
            (Some(_), _) => format!("{deeds}, then "),
            (None, true) => style.clone().yellow().apply_to(deeds).to_string(),
            (None, false) => style.clone().green().apply_to(deeds).to_string(),
        };
        let error = line.error.as_ref().map_or(String::new(), |error| {
            let said = match has_parts(error) {
                true => "failed".to_owned(),
                false => format!("failed: {error:#}"),
            };
            style.clone().red().apply_to(said).to_string()
        });
        let took = match is_left {
            true => String::new(),
            false => format!("  {}", duration(line.took)),
        };
        format!(
            "{}  {}  {} {} {deeds}{error}{}",
            style.clone().dim().apply_to(now()),
            style
                .clone()
                .cyan()
                .apply_to(format!("{:<width$}", line.service, width = self.width)),
            line.changed,
            style.clone().dim().apply_to("→"),
            style.dim().apply_to(took),
        )
    }

    fn style(&self) -> Style {
        Style::new().force_styling(self.cx.style().stdout_colours)
    }
}

/// Whether an error has lines of its own: places, hints.
fn has_parts(error: &anyhow::Error) -> bool {
    error.is::<Diagnostics>() || error.is::<Diagnostic>()
}

fn now() -> String {
    jiff::Zoned::now().strftime("%H:%M:%S").to_string()
}

/// `12 ms`, `1.4 s`.
fn duration(took: std::time::Duration) -> String {
    match took.as_millis() {
        millis @ ..1000 => format!("{millis} ms"),
        _ => format!("{:.1} s", took.as_secs_f64()),
    }
}

/// What Docker Compose says of the same, for scripts that look for it.
fn compose_lines(line: &Line) -> Vec<String> {
    let service = &line.service;
    let of = |did: &Did| match did {
        Did::Rebuilt => Some(format!("service(s) [\"{service}\"] successfully built")),
        Did::Synced(_) => Some(format!(
            "Syncing service \"{service}\" after {} changes were detected",
            line.paths
        )),
        Did::Restarted(_) => Some(format!("service(s) [\"{service}\"] restarted")),
        _ => None,
    };
    line.did.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn scripts_find_the_lines_of_docker_compose() {
        let line = Line {
            service: "web".into(),
            changed: "a.py".into(),
            paths: 2,
            did: vec![
                Did::Rebuilt,
                Did::Synced(1),
                Did::Restarted(None),
                Did::Ran("sh".into()),
            ],
            took: Duration::from_millis(12),
            error: None,
        };
        assert_eq!(
            compose_lines(&line),
            [
                "service(s) [\"web\"] successfully built",
                "Syncing service \"web\" after 2 changes were detected",
                "service(s) [\"web\"] restarted",
            ]
        );
    }

    #[test]
    fn times_are_short() {
        assert_eq!(duration(Duration::from_millis(12)), "12 ms");
        assert_eq!(duration(Duration::from_millis(1449)), "1.4 s");
    }
}
