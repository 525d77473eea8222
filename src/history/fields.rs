//! What a service is configured with, field by field, and what changed of it. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::diagnostic::Place;
use crate::hash;
use crate::name::ServiceName;
use crate::plan::FieldChange;
use crate::project::{Project, Service, Tree, write_compact};
use crate::text::secret;

/// The fields of a service that its config hash is made of, by their names.
pub type Fields = BTreeMap<String, Value>;

/// Longer values are shown by their beginning.
const LONGEST: usize = 120;

/// The value of a field as it may be kept and shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Value {
    /// Its text: masked where it looks secret, cut where it is long.
    pub shown: String,
    /// A salted digest of the whole, where the text is not the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl Value {
    fn new(key: &str, text: &str, salt: &str) -> Self {
        let masked = secret::masked(key, text);
        let cut = masked.char_indices().nth(LONGEST).map(|(at, _)| at);
        let shown = match cut {
            Some(at) => format!("{}…", &masked[..at]),
            None => masked.into_owned(),
        };
        let digest = (shown != text).then(|| {
            let digest = Sha256::digest(format!("{salt}\0{text}"));
            hex(&digest[..16])
        });
        Self {
            // An empty value is seen, and so is one that ends with a blank.
            shown: match shown.is_empty() || shown.trim() != shown {
                true => format!("\"{shown}\""),
                false => shown,
            },
            digest,
        }
    }
}

/// One field: its name, where it stands in the project, its value.
struct Field {
    name: String,
    path: Vec<String>,
    value: Value,
}

/// The fields of a service as they are remembered.
pub fn fields(service: &Service, salt: &str) -> Fields {
    let fields = flat(service, salt).into_iter();
    fields.map(|field| (field.name, field.value)).collect()
}

/// What of a service is not as it was remembered, by the fields' names.
pub fn changes(
    project: &Project,
    name: &ServiceName,
    service: &Service,
    (then, salt): (&Fields, &str),
) -> Vec<FieldChange> {
    let now = flat(service, salt);
    let mut changes: Vec<FieldChange> = Vec::new();
    for field in &now {
        let old = then.get(&field.name);
        if old != Some(&field.value) {
            changes.push(FieldChange {
                field: field.name.clone(),
                old: old.map(|old| old.shown.clone()),
                new: Some(field.value.shown.clone()),
                place: place(project, name, &field.path),
            });
        }
    }
    let gone = then
        .iter()
        .filter(|(name, _)| !now.iter().any(|field| field.name == **name));
    changes.extend(gone.map(|(name, old)| FieldChange {
        field: name.clone(),
        old: Some(old.shown.clone()),
        new: None,
        place: None,
    }));
    changes.sort_by(|a, b| a.field.cmp(&b.field));
    changes
}

/// Where a field is written, or the nearest thing above it that is.
fn place(project: &Project, name: &ServiceName, path: &[String]) -> Option<Place> {
    let mut whole = vec!["services", name.as_str()];
    whole.extend(path.iter().map(String::as_str));
    // Not the whole service: that says no more than its name.
    while whole.len() > 2 {
        if let Some(place) = project.place(&whole) {
            return Some(place);
        }
        whole.pop();
    }
    None
}

fn flat(service: &Service, salt: &str) -> Vec<Field> {
    let mut out = Vec::new();
    let tree = hash::hashed(service, hash::HashForm::Five);
    walk(&tree, &mut (Vec::new(), Vec::new()), salt, &mut out);
    out
}

/// `names` are the words of the field's name, `path` those of its place: they differ where the
/// members of a list are told apart by what they are and not by where they stand.
fn walk(tree: &Tree, at: &mut (Vec<String>, Vec<String>), salt: &str, out: &mut Vec<Field>) {
    let at_networks = at.0.len() == 1 && at.0[0] == "networks";
    let mut below = |name: String, step: String, tree: &Tree, out: &mut Vec<Field>| {
        at.0.push(name);
        at.1.push(step);
        walk(tree, at, salt, out);
        at.0.pop();
        at.1.pop();
    };
    match tree {
        Tree::Map(entries) | Tree::Fields(entries) => {
            for (key, value) in entries {
                // A network without settings says by its name alone that it is attached to.
                let value = match at_networks && *value == Tree::Null {
                    true => &Tree::Text("attached".to_owned()),
                    false => value,
                };
                below(key.to_string(), key.to_string(), value, out);
            }
        }
        Tree::List(items) if items.iter().any(is_struct) => {
            let mut seen: BTreeMap<String, usize> = BTreeMap::new();
            for (index, item) in items.iter().enumerate() {
                let name = identity(item).unwrap_or_else(|| index.to_string());
                let count = seen.entry(name.clone()).or_default();
                *count += 1;
                let name = match *count {
                    1 => name,
                    count => format!("{name}#{count}"),
                };
                below(name, index.to_string(), item, out);
            }
        }
        // `command` and `entrypoint` are always written.
        Tree::Null if at.0.len() < 2 => {}
        leaf => {
            let key = at.0.last().map_or("", String::as_str);
            let value = Value::new(key, &text(leaf), salt);
            out.push(Field {
                name: at.0.join("."),
                path: at.1.clone(),
                value,
            });
        }
    }
}

fn is_struct(tree: &Tree) -> bool {
    matches!(tree, Tree::Map(_) | Tree::Fields(_))
}

/// What tells a member of a list from its neighbours: a mount's target, a port's, a source.
fn identity(tree: &Tree) -> Option<String> {
    let (Tree::Map(entries) | Tree::Fields(entries)) = tree else {
        return None;
    };
    let get = |key: &str| {
        let found = entries.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| text(value))
    };
    let target = get("target").or_else(|| get("source"))?;
    Some(match get("protocol") {
        Some(protocol) => format!("{target}/{protocol}"),
        None => target,
    })
}

/// A value as a person would write it.
fn text(tree: &Tree) -> String {
    if let Tree::Text(text) = tree {
        return text.clone();
    }
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = write_compact(tree, &mut out);
    out
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(json: &str) -> Service {
        serde_json::from_str(json).unwrap()
    }

    fn told(then: &str, now: &str) -> String {
        let then = fields(&service(then), "salt");
        let project = Project::default();
        let changes = changes(&project, &"web".into(), &service(now), (&then, "salt"));
        let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    #[test]
    fn fields_are_told_by_their_names_old_and_new() {
        let then = r#"{"image": "a:1", "command": ["run", "x"], "environment": {"DEBUG": "0", "GONE": ""},
            "volumes": [{"type": "bind", "source": "/a", "target": "/app"}],
            "ports": [{"mode": "ingress", "target": 80, "published": "8080", "protocol": "tcp"}]}"#;
        let now = r#"{"image": "a:2", "command": ["run", "y"], "environment": {"DEBUG": "1", "NEW": "x"},
            "volumes": [{"type": "tmpfs", "target": "/t"}, {"type": "bind", "source": "/b", "target": "/app"}],
            "ports": [{"mode": "ingress", "target": 80, "published": "8081", "protocol": "tcp"}]}"#;
        assert_eq!(
            told(then, now),
            "\
command [\"run\",\"x\"] → [\"run\",\"y\"]
environment.DEBUG 0 → 1
environment.GONE \"\" → nothing
environment.NEW nothing → x
image a:1 → a:2
ports.80/tcp.published 8080 → 8081
volumes./app.source /a → /b
volumes./t.target nothing → /t
volumes./t.type nothing → tmpfs"
        );
        assert_eq!(told(then, then), "");
    }

    #[test]
    fn secrets_are_compared_and_never_kept() {
        let then =
            r#"{"image": "a", "environment": {"DB_PASSWORD": "hunter2", "URL": "x://u:pw@h"}}"#;
        let now =
            r#"{"image": "a", "environment": {"DB_PASSWORD": "hunter3", "URL": "x://u:qw@h"}}"#;
        assert_eq!(
            told(then, now),
            "environment.DB_PASSWORD changed, and is not shown\n\
             environment.URL changed, and is not shown"
        );
        let kept = serde_json::to_string(&fields(&service(then), "salt")).unwrap();
        assert!(!kept.contains("hunter2") && !kept.contains("pw"), "{kept}");
    }

    #[test]
    fn long_values_are_cut_and_still_told_apart() {
        let with = |end: &str| {
            format!(
                r#"{{"image": "a", "command": ["{}{end}"]}}"#,
                "x".repeat(300)
            )
        };
        let told = told(&with("1"), &with("2"));
        assert_eq!(told.lines().count(), 1);
        assert!(told.chars().count() < 300, "{told}");
    }
}
