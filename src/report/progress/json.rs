//! A JSON object for every event, in Docker Compose's form. Pure.

use serde_json::{Map, Value};

use super::plain::still_waiting;
use crate::diagnostic::{Diagnostic, Severity};
use crate::event::{Event, Resource, Status, Transfer};

/// The object of an event, on one line, without its newline.
///
/// Progress has the fields of Docker Compose 5: id, parent_id, status, text, details, current,
/// total, percent; what is empty or 0 is left out.
pub fn json(event: &Event, dry_run: bool) -> String {
    let mut fields = Map::new();
    if dry_run {
        fields.insert("dry-run".into(), true.into());
    }
    let mut put = |key: &str, value: Value| {
        if !matches!(&value, Value::String(text) if text.is_empty()) && value != 0 {
            fields.insert(key.into(), value);
        }
    };
    match event {
        Event::Progress {
            resource,
            status,
            text,
            details,
            transfer,
        } => {
            put("id", resource.to_string().into());
            if let Resource::Layer { image, .. } = resource {
                put("parent_id", image.clone().into());
            }
            put("status", word(*status).into());
            put("text", text.clone().into());
            put("details", details.clone().into());
            if let Some(Transfer { current, total }) = transfer {
                put("current", (*current).into());
                put("total", (*total).into());
                let percent = (current * 100).checked_div(*total).unwrap_or(0).min(100);
                put("percent", percent.into());
            }
        }
        Event::BuildOutput { service, line } | Event::HookOutput { service, line } => {
            put("parent_id", service.to_string().into());
            put("text", line.clone().into());
        }
        Event::HookSaid { container, line } => {
            put("parent_id", container.clone().into());
            put("text", line.clone().into());
        }
        Event::StillWaiting {
            dependent,
            target,
            elapsed,
        } => {
            put("id", dependent.to_string().into());
            put("status", word(Status::Working).into());
            put("text", still_waiting(dependent, target, *elapsed).into());
        }
        Event::Note(text) => put("text", text.clone().into()),
        Event::Diagnostic(diagnostic) => return failure(diagnostic),
        Event::BuildStatus(line) => return line.clone(),
    }
    Value::Object(fields).to_string()
}

/// The object of an error, as Docker Compose ends in this mode; warnings are named as such.
pub fn failure(diagnostic: &Diagnostic) -> String {
    let mut text = diagnostic.message.clone();
    for hint in &diagnostic.hints {
        text.push_str("\nhint: ");
        text.push_str(hint);
    }
    let kind = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let fields = [
        (kind.to_owned(), true.into()),
        ("message".to_owned(), text.into()),
    ];
    Value::Object(Map::from_iter(fields)).to_string()
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Working => "Working",
        Status::Done => "Done",
        Status::Warning => "Warning",
        Status::Error => "Error",
    }
}

#[cfg(test)]
mod tests {
    use super::super::plain::tests::progress;
    use super::*;

    #[test]
    fn objects_have_composes_fields_and_leave_out_what_is_empty() {
        let event = progress(
            Resource::Container("a-db-1".into()),
            Status::Done,
            "Started",
        );
        assert_eq!(
            json(&event, false),
            r#"{"id":"Container a-db-1","status":"Done","text":"Started"}"#
        );
        let layer = Event::Progress {
            resource: Resource::Layer {
                image: "redis".into(),
                id: "5f70".into(),
            },
            status: Status::Working,
            text: "Downloading".into(),
            details: String::new(),
            transfer: Some(Transfer {
                current: 5,
                total: 10,
            }),
        };
        assert_eq!(
            json(&layer, true),
            r#"{"dry-run":true,"id":"5f70","parent_id":"redis","status":"Working","text":"Downloading","current":5,"total":10,"percent":50}"#
        );
    }

    #[test]
    fn an_error_is_an_object_too() {
        assert_eq!(
            failure(&Diagnostic::error("port 80 is taken").hint("stop it")),
            r#"{"error":true,"message":"port 80 is taken\nhint: stop it"}"#
        );
    }
}
