//! Phase 10: the sections of the tree become the parts of the project.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::{Context, Phase};
use super::decode::{self, decode};
use super::model::SECRET_CONTENT;
use super::node::{Entry, Map, Node, Span};
use crate::diagnostic::Diagnostic;
use crate::project::Project;

/// Reads every section of a tree into a project.
///
/// # Errors
/// Everything that cannot be what its attribute takes.
pub fn read(cx: &mut Context<'_>, tree: &Node, project: &mut Project) -> Phase<()> {
    for entry in tree.as_map().into_iter().flat_map(Map::iter) {
        match &*entry.key {
            "services" => project.services = section(cx, entry),
            "networks" => project.networks = section(cx, entry),
            "volumes" => project.volumes = section(cx, entry),
            "secrets" => project.secrets = section(cx, entry),
            "configs" => project.configs = section(cx, entry),
            "models" => project.models = section(cx, entry),
            key if key.starts_with("x-") => match decode(&entry.node) {
                Ok(value) => drop(project.extensions.0.insert(key.to_owned(), value)),
                Err(error) => cx.errors.push(wrong(cx, key, error, entry.at)),
            },
            _ => {}
        }
    }
    for secret in project.secrets.values_mut() {
        if let Some(serde_json::Value::String(content)) = secret.extensions.0.remove(SECRET_CONTENT)
        {
            secret.content = content;
        }
    }
    cx.barrier()
}

/// Decodes the entries of a section; what is wrong with one does not hide what is wrong with
/// another.
fn section<K, T>(cx: &mut Context<'_>, section: &Entry) -> BTreeMap<K, T>
where
    K: for<'k> From<&'k str> + Ord,
    T: for<'de> serde::Deserialize<'de>,
{
    let mut all = BTreeMap::new();
    for entry in section.node.as_map().into_iter().flat_map(Map::iter) {
        match decode(&entry.node) {
            Ok(value) => {
                all.insert(K::from(&entry.key), value);
            }
            Err(error) => {
                let path = format!("{}.{}", section.key, entry.key);
                undecodable::<T>(cx, entry, &path, error);
            }
        }
    }
    all
}

/// Notes every attribute of a resource that cannot be decoded, not only the first.
fn undecodable<T>(cx: &mut Context<'_>, resource: &Entry, path: &str, first: decode::Error)
where
    T: for<'de> serde::Deserialize<'de>,
{
    let before = cx.errors.len();
    for entry in resource.node.as_map().into_iter().flat_map(Map::iter) {
        let alone = [(Arc::clone(&entry.key), entry.node.clone())];
        if let Err(error) = decode::decode::<T>(&Node::map(alone, resource.node.at)) {
            let path = format!("{path}.{}", entry.key);
            cx.errors.push(wrong(cx, &path, error, entry.at));
        }
    }
    if cx.errors.len() == before {
        cx.errors.push(wrong(cx, path, first, resource.at));
    }
}

fn wrong(cx: &Context<'_>, path: &str, error: decode::Error, at: Span) -> Diagnostic {
    let message = format!("`{path}`: {}", error.message);
    let diagnostic = Diagnostic::error(message).at(cx.place(error.at.unwrap_or(at)));
    match error.message.rsplit_once(" is not a ") {
        Some((_, "size")) => diagnostic.hint("a number with a unit: `512m`, `2g`"),
        Some((_, "duration")) => diagnostic.hint("a number with a unit: `500ms`, `10s`, `1m30s`"),
        _ => diagnostic,
    }
}
