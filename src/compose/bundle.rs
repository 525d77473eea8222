//! What a compose file takes from files beside it, and where it names them: what goes along when
//! the file goes elsewhere.

use std::ops::Range;

use super::node::{Map, Node, Span};
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

/// Every file that a compose file names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mentions {
    /// Those of services, in the order of the text.
    pub files: Vec<Mention>,
    /// Those that are included.
    pub includes: Vec<String>,
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
    env_file:
      - plain.env # a word
      - {path: './x/${NAME}.env', required: false}
    extends: {service: one}
";
        let found = mentions("compose.yaml", text).unwrap();
        assert_eq!(found.includes, ["a.yaml", "b.yaml", "c.yaml"]);
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
