//! What a compose file takes from files beside it, and where it names them: what goes along when
//! the file goes elsewhere.

use std::ops::Range;

use super::node::{Map, Node, Span, Value};
use super::parse;
use super::sources::Sources;
use crate::diagnostic::Diagnostics;

/// What a file is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beside {
    /// The environment of a service.
    EnvFile,
    /// What a service extends.
    Extends,
}

/// Where a file is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// What it is taken for.
    pub what: Beside,
    /// Its path as it is written, variables and all.
    pub path: String,
    /// The bytes of the path, quotes included.
    pub at: Range<usize>,
}

/// What a service's environment is said to be, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variables {
    /// Whose.
    pub service: String,
    /// Whether a file holds more of them.
    pub env_file: bool,
    /// Those with a value.
    pub values: Vec<(String, String)>,
}

/// Every file that a compose file names, and what it says itself that others may not know.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    /// Those of services, in the order of the text.
    pub files: Vec<Mention>,
    /// Those that are included.
    pub includes: Vec<String>,
    /// The environments of services.
    pub variables: Vec<Variables>,
    /// The contents of configs that stand in the file, by the configs' names.
    pub contents: Vec<(String, String)>,
}

/// Finds what a compose file names.
///
/// # Errors
/// A text that is no YAML.
pub fn mentions(name: &str, text: &str) -> Result<Mentions, Diagnostics> {
    let mut sources = Sources::default();
    let number = sources.add(name.to_owned(), text.to_owned());
    let documents = parse::parse(&sources, number).map_err(Diagnostics)?;
    let mut found = Mentions::default();
    for document in &documents {
        for include in document.root.get("include").map(items).unwrap_or_default() {
            let paths = include.get("path").unwrap_or(include);
            found
                .includes
                .extend(items(paths).iter().filter_map(|path| text_of(path)));
        }
        let services = document.root.get("services").and_then(Node::as_map);
        for entry in services.into_iter().flat_map(Map::iter) {
            let service = &entry.node;
            for file in service.get("env_file").map(items).unwrap_or_default() {
                found.add(Beside::EnvFile, file.get("path").unwrap_or(file));
            }
            if let Some(file) = service.get("extends").and_then(|it| it.get("file")) {
                found.add(Beside::Extends, file);
            }
            found.variables.push(Variables {
                service: entry.key.to_string(),
                env_file: service.get("env_file").is_some(),
                values: service.get("environment").map(pairs).unwrap_or_default(),
            });
        }
        let configs = document.root.get("configs").and_then(Node::as_map);
        for entry in configs.into_iter().flat_map(Map::iter) {
            if let Some(text) = entry.node.get("content").and_then(text_of) {
                found.contents.push((entry.key.to_string(), text));
            }
        }
    }
    found.files.sort_by_key(|mention| mention.at.start);
    Ok(found)
}

impl Mentions {
    fn add(&mut self, what: Beside, node: &Node) {
        let Span { start, end, .. } = node.at;
        self.files.extend(text_of(node).map(|path| Mention {
            what,
            path,
            at: start as usize..end as usize,
        }));
    }
}

/// A list's items, or the one thing that stands there instead.
fn items(node: &Node) -> Vec<&Node> {
    match node.as_list() {
        Some(items) => items.iter().collect(),
        None => vec![node],
    }
}

/// The variables that have a value, of a map or of a list of `KEY=value`.
fn pairs(node: &Node) -> Vec<(String, String)> {
    let of_list = node.as_list().into_iter().flatten().filter_map(|item| {
        let (key, value) = item.as_text()?.split_once('=')?;
        Some((key.to_owned(), value.to_owned()))
    });
    let of_map = node.as_map().into_iter().flat_map(Map::iter);
    let of_map = of_map.filter_map(|entry| {
        let value = match &entry.node.value {
            Value::Int(number) => number.to_string(),
            Value::Uint(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            _ => text_of(&entry.node)?,
        };
        Some((entry.key.to_string(), value))
    });
    of_list.chain(of_map).collect()
}

fn text_of(node: &Node) -> Option<String> {
    node.as_text().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found_with_its_place() {
        let text = "\
include: [a.yaml, {path: [b.yaml, c.yaml]}]
services:
  one: {env_file: '.env', extends: {file: \"base.yaml\", service: x}}
  two:
    environment: {TOKEN: abc, PIN: 1234, HERE: }
    env_file:
      - plain.env # a word
      - {path: './x/${NAME}.env', required: false}
    extends: {service: one}
  three: {environment: ['KEY=a=b', HERE]}
configs: {app: {content: text}, other: {file: x}}
";
        let found = mentions("compose.yaml", text).unwrap();
        assert_eq!(found.includes, ["a.yaml", "b.yaml", "c.yaml"]);
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let variables: Vec<_> = found
            .variables
            .iter()
            .map(|it| (it.service.as_str(), it.env_file, it.values.clone()))
            .collect();
        assert_eq!(
            variables,
            [
                ("one", true, vec![]),
                ("three", false, vec![pair("KEY", "a=b")]),
                ("two", true, vec![pair("PIN", "1234"), pair("TOKEN", "abc")]),
            ]
        );
        assert_eq!(found.contents, [pair("app", "text")]);
        let files: Vec<_> = found
            .files
            .iter()
            .map(|it| (it.what, it.path.as_str(), &text[it.at.clone()]))
            .collect();
        assert_eq!(
            files,
            [
                (Beside::EnvFile, ".env", "'.env'"),
                (Beside::Extends, "base.yaml", "\"base.yaml\""),
                (Beside::EnvFile, "plain.env", "plain.env"),
                (Beside::EnvFile, "./x/${NAME}.env", "'./x/${NAME}.env'"),
            ]
        );
    }
}
