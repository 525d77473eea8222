//! What the engine holds of a project, and its removal, by docker's own client.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::place::Place;
use crate::tool::docker;

/// What the engine holds of a project, as `docker inspect` says it, by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Holding {
    pub containers: BTreeMap<String, Value>,
    pub networks: BTreeMap<String, Value>,
    pub volumes: BTreeMap<String, Value>,
}

const PROJECT: &str = "com.docker.compose.project";

impl Holding {
    /// Looks.
    pub fn of(place: &Place) -> Self {
        Self {
            containers: inspect("container", &container_ids(place)),
            networks: inspect("network", &labelled("network", place)),
            volumes: inspect("volume", &labelled("volume", place)),
        }
    }

    /// The containers' ids by name.
    pub fn ids(&self) -> BTreeMap<String, String> {
        let id = |value: &Value| value["Id"].as_str().unwrap_or_default().to_owned();
        self.containers
            .iter()
            .map(|(name, value)| (name.clone(), id(value)))
            .collect()
    }
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// The containers whose project lives below the place, whatever the project is called, and those
/// of the project's name.
fn container_ids(place: &Place) -> Vec<String> {
    let format = format!("{{{{.ID}}}}\t{{{{.Label \"{PROJECT}\"}}}}");
    let format = format!("{format}\t{{{{.Label \"{PROJECT}.working_dir\"}}}}");
    let all = docker(&[
        "ps",
        "-a",
        "--no-trunc",
        "--filter",
        "label=com.docker.compose.project",
        "--format",
        &format,
    ]);
    let root = place.root.display().to_string();
    let ours = |line: &&str| {
        let mut fields = line.split('\t').skip(1);
        fields
            .next()
            .is_some_and(|project| project.starts_with(&place.id))
            || fields.next().is_some_and(|dir| dir.starts_with(&root))
    };
    let id = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
    all.stdout.lines().filter(ours).map(id).collect()
}

/// The networks or volumes whose project's name starts with the place's.
fn labelled(kind: &str, place: &Place) -> Vec<String> {
    let name = match kind {
        "network" => "{{.ID}}",
        _ => "{{.Name}}",
    };
    let format = format!("{name}\t{{{{.Label \"{PROJECT}\"}}}}");
    let filter = format!("label={PROJECT}");
    let all = docker(&[kind, "ls", "--filter", &filter, "--format", &format]);
    all.stdout
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(_, project)| project.starts_with(&place.id))
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn inspect(kind: &str, names: &[String]) -> BTreeMap<String, Value> {
    if names.is_empty() {
        return BTreeMap::new();
    }
    let mut args = vec![kind, "inspect"];
    args.extend(names.iter().map(String::as_str));
    let values: Vec<Value> = serde_json::from_str(&docker(&args).stdout).unwrap_or_default();
    values
        .into_iter()
        .map(|value| {
            let name = value["Name"].as_str().unwrap_or_default();
            (name.trim_start_matches('/').to_owned(), value)
        })
        .collect()
}

/// Removes everything that the engine holds of a place's projects.
pub fn clear(place: &Place) {
    let ids = container_ids(place);
    if !ids.is_empty() {
        // By force and all at once, Docker 20.10 loses endpoints: stop first.
        remove(&["container", "kill"], &running(&ids));
        remove(&["container", "rm", "-f", "-v"], &ids);
    }
    remove(&["network", "rm"], &labelled("network", place));
    remove(&["volume", "rm", "-f"], &labelled("volume", place));
    let reference = format!("reference={}*", place.id);
    let images = docker(&[
        "image",
        "ls",
        "--filter",
        &reference,
        "--format",
        "{{.Repository}}:{{.Tag}}",
    ]);
    let images: BTreeSet<_> = lines(&images.stdout).into_iter().collect();
    remove(
        &["image", "rm", "-f"],
        &images.into_iter().collect::<Vec<_>>(),
    );
}

fn running(ids: &[String]) -> Vec<String> {
    let running: BTreeSet<_> = lines(&docker(&["ps", "-q", "--no-trunc"]).stdout)
        .into_iter()
        .collect();
    ids.iter()
        .filter(|id| running.contains(*id))
        .cloned()
        .collect()
}

fn remove(how: &[&str], names: &[String]) {
    if names.is_empty() {
        return;
    }
    let mut args = how.to_vec();
    args.extend(names.iter().map(String::as_str));
    docker(&args);
}
