//! What is wrong is set aside with the attribute it is in, so that the phases after it can tell
//! what else is wrong.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::context::{Context, Halt, Phase};
use super::node::{Entry, Map, Node, Span, Value};
use super::sources::Sources;
use crate::diagnostic::Diagnostic;

/// The sections whose resources can lose an attribute and still be looked at.
const SECTIONS: [&str; 6] = [
    "services", "networks", "volumes", "secrets", "configs", "models",
];

/// Sets the errors noted so far aside, and takes what they are about out of the tree.
///
/// # Errors
/// [`Halt`] where an error is about more than attributes of resources: what follows from it cannot
/// be told from what is wrong by itself.
pub fn set_aside(cx: &mut Context<'_>, tree: &mut Node) -> Phase<()> {
    if cx.errors.is_empty() {
        return Ok(());
    }
    let mut marks = Marks::of(&cx.errors, &cx.sources).ok_or(Halt)?;
    let Some(root) = tree.as_map_mut() else {
        return Err(Halt);
    };
    for section in SECTIONS {
        let resources = root.get_mut(section).and_then(Node::as_map_mut);
        for resource in resources.into_iter().flat_map(Map::iter_mut) {
            if marks.cut(resource) {
                cx.faulty.add(section, &resource.key);
            }
        }
    }
    if marks.met.len() < marks.starts.len() {
        return Err(Halt);
    }
    cx.aside.append(&mut cx.errors);
    Ok(())
}

/// Where the errors begin, by file and byte.
struct Marks {
    starts: BTreeSet<(u32, u32)>,
    met: BTreeSet<(u32, u32)>,
}

impl Marks {
    /// None where an error has no place.
    fn of(errors: &[Diagnostic], sources: &Sources) -> Option<Self> {
        let start = |error: &Diagnostic| {
            let place = &error.places.first()?.0;
            let start = u32::try_from(place.range.start).ok()?;
            Some((sources.number(&place.file)?, start))
        };
        Some(Self {
            starts: errors.iter().map(start).collect::<Option<_>>()?,
            met: BTreeSet::new(),
        })
    }

    /// Takes the attributes that hold an error out of a resource; whether there was one.
    fn cut(&mut self, resource: &mut Entry) -> bool {
        let mut faulty = self.meets(resource.at);
        match resource.node.as_map() {
            Some(attributes) => {
                let cut: BTreeSet<Arc<str>> = attributes
                    .iter()
                    .filter(|entry| self.meets(entry.at) | self.inside(&entry.node))
                    .map(|entry| Arc::clone(&entry.key))
                    .collect();
                faulty |= !cut.is_empty();
                if let (false, Some(map)) = (cut.is_empty(), resource.node.as_map_mut()) {
                    map.retain(|entry| !cut.contains(&entry.key));
                }
            }
            None => {
                faulty |= self.inside(&resource.node);
                if faulty {
                    resource.node.value = Value::Map(Arc::default());
                }
            }
        }
        faulty
    }

    /// Whether an error begins in a stretch.
    fn meets(&mut self, at: Span) -> bool {
        let end = at.end.max(at.start + 1);
        let within: Vec<(u32, u32)> = self
            .starts
            .range((at.file, at.start)..(at.file, end))
            .copied()
            .collect();
        self.met.extend(&within);
        !within.is_empty()
    }

    /// Whether an error begins in a value, or in one that was merged into it from elsewhere.
    fn inside(&mut self, node: &Node) -> bool {
        let mut found = self.meets(node.at);
        match &node.value {
            Value::List(items) => {
                for item in items.iter() {
                    found |= self.inside(item);
                }
            }
            Value::Map(map) => {
                for entry in map.iter() {
                    found |= self.meets(entry.at) | self.inside(&entry.node);
                }
            }
            _ => {}
        }
        found
    }
}
