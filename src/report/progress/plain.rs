//! A line for every event, in Docker Compose's words: scripts and test suites look for them. Pure.

use std::time::Duration;

use crate::event::{Event, Resource, Status};

/// What Docker Compose puts before the lines of a dry run.
pub const DRY_RUN: &str = " DRY-RUN MODE - ";

/// Whose lines are written: they differ in their blanks, and in what they call images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wording {
    /// Those of Docker Compose 2.
    #[default]
    Two,
    /// Those of Docker Compose 5.
    Five,
}

/// The line of an event, without its newline; none for what would only be noise in a log.
pub fn plain(event: &Event, wording: Wording, dry_run: bool) -> Option<String> {
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
                _ if wording == Wording::Five => {
                    // What 2 says in one text is 5's text and its details.
                    let text = text.replacen("Skipped - ", "Skipped ", 1);
                    format!("{} {text} {details}", name_of_five(resource, &text))
                }
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
        Event::BuildStatus(_) | Event::HookSaid { .. } | Event::Diagnostic(_) => return None,
    };
    Some(text)
}

/// Compose 5 speaks of the image where the service only stands for it, not for a provider.
fn name_of_five(resource: &Resource, text: &str) -> String {
    match resource {
        Resource::Service { image, .. } if !image.is_empty() && !is_of_providers(text) => {
            format!("Image {image}")
        }
        other => other.to_string(),
    }
}

fn is_of_providers(text: &str) -> bool {
    matches!(
        text,
        "Creating" | "Created" | "Removing" | "Removed" | "Stopping" | "Stopped"
    )
}

/// Whether Compose 2 writes the word in its second column: of services it does so for builds
/// and providers.
fn has_state(resource: &Resource, text: &str) -> bool {
    match resource {
        Resource::Service { .. } => matches!(text, "Building" | "Built") || is_of_providers(text),
        Resource::Layer { .. } | Resource::Artifact(_) => false,
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
        let line = |resource, text| {
            plain(&progress(resource, Status::Done, text), Wording::Two, false).unwrap()
        };
        let app = || Resource::Container("app-db-1".into());
        assert_eq!(line(app(), "Started"), " Container app-db-1  Started");
        assert_eq!(
            line(Resource::Network("app_default".into()), "Created"),
            " Network app_default  Created"
        );
        assert_eq!(line(db(), "Pulled"), " db Pulled ");
        assert_eq!(line(db(), "Built"), " db  Built");
        assert_eq!(
            plain(
                &progress(app(), Status::Done, "Created"),
                Wording::Two,
                true
            )
            .unwrap(),
            " DRY-RUN MODE -  Container app-db-1  Created"
        );
    }

    #[test]
    fn lines_are_those_of_docker_compose_5_where_that_is_asked_for() {
        let line = |resource, text| {
            let event = progress(resource, Status::Done, text);
            plain(&event, Wording::Five, false).unwrap()
        };
        let app = Resource::Container("app-db-1".into());
        assert_eq!(line(app, "Started"), " Container app-db-1 Started ");
        assert_eq!(line(db(), "Pulled"), " Image redis:7 Pulled ");
        assert_eq!(line(db(), "Built"), " Image redis:7 Built ");
        assert_eq!(line(db(), "Created"), " db Created ");
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
            plain(&failed, Wording::Two, false).unwrap(),
            " db Error pull access denied"
        );
        let layer = || Resource::Layer {
            image: "redis:7".into(),
            id: "5f70bf18a086".into(),
        };
        let event = progress(layer(), Status::Working, "Downloading");
        assert_eq!(plain(&event, Wording::Two, false), None);
        let event = progress(layer(), Status::Done, "Pull complete");
        assert_eq!(
            plain(&event, Wording::Two, false).unwrap(),
            " 5f70bf18a086 Pull complete "
        );
    }
}
