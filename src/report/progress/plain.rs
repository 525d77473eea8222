//! A line for every event, in Docker Compose's words: scripts and test suites look for them. Pure.

use std::time::Duration;

use crate::event::{Event, Resource, Status};

/// What Docker Compose puts before the lines of a dry run.
pub const DRY_RUN: &str = " DRY-RUN MODE - ";

/// The line of an event, without its newline; none for what would only be noise in a log.
pub fn plain(event: &Event, dry_run: bool) -> Option<String> {
    let text = match event {
        Event::Progress {
            resource,
            status,
            text,
            details,
            ..
        } => {
            if matches!(resource, Resource::Layer { .. }) && *status == Status::Working {
                return None;
            }
            let line = match has_state(resource, text) {
                true if details.is_empty() => format!("{resource}  {text}"),
                true => format!("{resource}  {text}: {details}"),
                false => format!("{resource} {text} {details}"),
            };
            let prefix = if dry_run { DRY_RUN } else { "" };
            format!("{prefix} {line}")
        }
        Event::BuildOutput { line, .. } | Event::HookOutput { line, .. } => line.clone(),
        Event::StillWaiting {
            dependent,
            target,
            elapsed,
        } => still_waiting(dependent, target, *elapsed),
        Event::Note(text) => text.clone(),
        Event::HookSaid { .. } | Event::Diagnostic(_) => return None,
    };
    Some(text)
}

/// Whether Compose writes the word in its second column: of services it does so for builds
/// and providers.
fn has_state(resource: &Resource, text: &str) -> bool {
    match resource {
        Resource::Service { .. } => matches!(
            text,
            "Building"
                | "Built"
                | "Creating"
                | "Created"
                | "Removing"
                | "Removed"
                | "Stopping"
                | "Stopped"
        ),
        Resource::Layer { .. } => false,
        _ => true,
    }
}

/// What is said while a gate keeps a service waiting.
pub fn still_waiting(dependent: &str, target: &str, elapsed: Duration) -> String {
    format!(
        "{dependent} is still waiting for {target} ({} s)",
        elapsed.as_secs()
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub fn progress(resource: Resource, status: Status, text: &str) -> Event {
        Event::Progress {
            resource,
            status,
            text: text.into(),
            details: String::new(),
            transfer: None,
        }
    }

    fn db() -> Resource {
        Resource::Service {
            name: "db".into(),
            image: "redis:7".into(),
        }
    }

    #[test]
    fn lines_are_those_of_docker_compose_2_40() {
        let line = |resource, text| plain(&progress(resource, Status::Done, text), false).unwrap();
        let app = || Resource::Container("app-db-1".into());
        assert_eq!(line(app(), "Started"), " Container app-db-1  Started");
        assert_eq!(
            line(Resource::Network("app_default".into()), "Created"),
            " Network app_default  Created"
        );
        assert_eq!(line(db(), "Pulled"), " db Pulled ");
        assert_eq!(line(db(), "Built"), " db  Built");
        assert_eq!(
            plain(&progress(app(), Status::Done, "Created"), true).unwrap(),
            " DRY-RUN MODE -  Container app-db-1  Created"
        );
    }

    #[test]
    fn a_failed_pull_says_why_and_layers_speak_when_they_are_done() {
        let failed = Event::Progress {
            resource: db(),
            status: Status::Error,
            text: "Error".into(),
            details: "pull access denied".into(),
            transfer: None,
        };
        assert_eq!(
            plain(&failed, false).unwrap(),
            " db Error pull access denied"
        );
        let layer = || Resource::Layer {
            image: "redis:7".into(),
            id: "5f70bf18a086".into(),
        };
        let event = progress(layer(), Status::Working, "Downloading");
        assert_eq!(plain(&event, false), None);
        let event = progress(layer(), Status::Done, "Pull complete");
        assert_eq!(
            plain(&event, false).unwrap(),
            " 5f70bf18a086 Pull complete "
        );
    }
}
