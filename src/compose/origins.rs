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
                let set_at = known.get(&variable.name).map(|(_, at)| *at);
                let source = match (variable.taken, set_at) {
                    (Taken::Default, _) => VariableSource::Default,
                    (_, None) => VariableSource::Unset,
                    (_, Some(at)) => match self.sources.place(at) {
                        Some(place) => VariableSource::File(place),
                        None => VariableSource::Shell,
                    },
                };
                let name = variable.name;
                variables.push(VariableOrigin { name, source });
            }
        }
        Some(Origin { place, variables })
    }
}
