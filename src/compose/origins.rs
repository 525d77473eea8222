//! Where the values of a loaded project came from: found on demand in the loader's last tree.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::context::Variables;
use super::interpolate::{self, Taken};
use super::node::{Node, Span, Value};
use super::sources::Sources;
use crate::diagnostic::Place;
use crate::project::{Origin, Origins, VariableOrigin, VariableSource};

/// The last tree, the files, and the variables that each file was read with.
#[derive(Debug)]
pub struct LoadedOrigins {
    /// The normalised tree.
    pub tree: Node,
    /// The files.
    pub sources: Sources,
    /// The variables by file.
    pub variables: BTreeMap<u32, Arc<Variables>>,
}

impl LoadedOrigins {
    /// The value at a path, and the key before it.
    fn find(&self, path: &[&str]) -> Option<(Span, &Node)> {
        let mut found = (self.tree.at, &self.tree);
        for key in path {
            found = match &found.1.value {
                Value::Map(map) => {
                    let entry = map.entry(key)?;
                    (entry.at, &entry.node)
                }
                Value::List(items) => {
                    let node = items.iter().find(|item| is_pair_of(item, key));
                    let node = node.or_else(|| items.get(key.parse::<usize>().ok()?))?;
                    (node.at, node)
                }
                _ => return None,
            };
        }
        Some(found)
    }

    /// Who sets a variable of a file that was read with `known`.
    fn source(&self, name: &str, known: &Variables) -> VariableSource {
        match known.get(name) {
            None => VariableSource::Unset,
            Some((_, at)) => match self.sources.place(*at) {
                Some(place) => VariableSource::File(place),
                None => VariableSource::Shell,
            },
        }
    }

    fn span(&self, path: &[&str]) -> Option<Span> {
        let (key, node) = self.find(path)?;
        // A whole section is pointed at by its key, a scalar by itself.
        let section = matches!(node.value, Value::Map(_) | Value::List(_) | Value::Null);
        match key.file != 0 && (section || node.at.file == 0) {
            true => Some(key),
            false => Some(node.at),
        }
    }
}

/// Whether the file only names the variable: `- KEY` or `KEY:`, and not `KEY: KEY`.
fn is_bare(place: &Place, key: &str) -> bool {
    let text = &place.file.text;
    let before = text.get(..place.range.start).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default().trim_end();
    text.get(place.range.clone()) == Some(key) && !line.ends_with(':')
}

/// Whether an item is `KEY=value`, or the bare `KEY`.
fn is_pair_of(item: &Node, key: &str) -> bool {
    let text = item.as_text().unwrap_or_default();
    text.strip_prefix(key)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
}

impl Origins for LoadedOrigins {
    fn place(&self, path: &[&str]) -> Option<Place> {
        self.sources.place(self.span(path)?)
    }

    fn origin(&self, path: &[&str]) -> Option<Origin> {
        let span = self.span(path)?;
        let place = self.sources.place(span);
        let written = (place.as_ref()).and_then(|place| place.file.text.get(place.range.clone()));
        let mut variables = Vec::new();
        if let (Some(written), Some(known)) = (written, self.variables.get(&span.file)) {
            let lookup = |name: &str| known.get(name).map(|(value, _)| value.as_str());
            let done = interpolate::interpolate(written, &lookup);
            for variable in done.map(|done| done.uses).unwrap_or_default() {
                let source = match variable.taken {
                    Taken::Default => VariableSource::Default,
                    _ => self.source(&variable.name, known),
                };
                let name = variable.name;
                variables.push(VariableOrigin { name, source });
            }
            if let ([_, _, "environment", key], Some(place)) = (path, &place)
                && is_bare(place, key)
            {
                variables.push(VariableOrigin {
                    name: (*key).to_owned(),
                    source: self.source(key, known),
                });
            }
        }
        Some(Origin { place, variables })
    }

    fn key_place(&self, path: &[&str]) -> Option<Place> {
        let (key, node) = self.find(path)?;
        self.sources
            .place(if key.file == 0 { node.at } else { key })
    }
}
