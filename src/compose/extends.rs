//! Phase 4: a service that extends another becomes the other with its own values on top.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::context::Phase;
use super::document::{Loader, Road, Scope, nothing, reset};
use super::merge;
use super::node::{Map, Node, Span};
use super::paths;
use super::remote;
use super::sources::{display_path, join};
use crate::diagnostic::Diagnostic;
use crate::text::nearest::nearest;

/// A file that services are taken from.
#[derive(Clone, Debug)]
pub struct Base {
    /// Its number.
    number: u32,
    /// Its services, with their own `extends` still to be followed.
    services: Map,
    /// What its `!reset` and `!override` take out.
    resets: Vec<Vec<Arc<str>>>,
}

/// One step on the way from a service to what it extends.
#[derive(Clone, Debug)]
struct Step {
    file: u32,
    service: String,
    at: Span,
}

impl Loader<'_, '_> {
    /// Follows every `extends` of a document.
    pub fn extend(
        &mut self,
        root: &mut Node,
        number: u32,
        scope: &Scope,
        resets: &[Vec<Arc<str>>],
    ) -> Phase<()> {
        let Some(services) = root.get("services").and_then(Node::as_map) else {
            return Ok(());
        };
        let extending: Vec<Arc<str>> = services
            .iter()
            .filter(|entry| entry.node.get("extends").is_some())
            .map(|entry| Arc::clone(&entry.key))
            .collect();
        if extending.is_empty() {
            return Ok(());
        }
        let mut base = Base {
            number,
            services: services.clone(),
            resets: resets.to_vec(),
        };
        for name in extending {
            self.follow(&name, &mut base, scope, &mut Vec::new())?;
        }
        let services = root.as_map_mut().and_then(|root| root.get_mut("services"));
        if let Some(services) = services.and_then(Node::as_map_mut) {
            *services = base.services;
        }
        Ok(())
    }

    /// Follows the `extends` of one service, and of what it extends, and remembers the outcome.
    fn follow(
        &mut self,
        name: &str,
        from: &mut Base,
        scope: &Scope,
        way: &mut Vec<Step>,
    ) -> Phase<Node> {
        let Some(service) = from.services.get(name).cloned() else {
            return Ok(Node::default());
        };
        let Some(extends) = service.get("extends").cloned() else {
            return Ok(service);
        };
        let (wanted, file) = match (extends.as_text(), extends.as_map()) {
            (Some(wanted), _) => (wanted.to_owned(), None),
            (None, Some(map)) => {
                let file = map.get("file").filter(|file| !file.is_null()).cloned();
                match map.get("service").and_then(Node::as_text) {
                    Some(wanted) => (wanted.to_owned(), file),
                    // The shape has it.
                    None => return Ok(service),
                }
            }
            _ => return Ok(service),
        };
        let step = Step {
            file: from.number,
            service: name.to_owned(),
            at: extends.at,
        };
        if way
            .iter()
            .any(|past| past.file == step.file && past.service == step.service)
        {
            return self.extends_circle(way, &step);
        }
        way.push(step);
        let base = match &file {
            None => {
                if !from.services.has(&wanted) {
                    return self.missing(name, &wanted, from, extends.at);
                }
                self.follow(&wanted, from, scope, way)?
            }
            Some(file) => {
                if file.as_text().is_none() {
                    return Ok(service);
                }
                let mut other = self.base(file, scope, name, &wanted)?;
                if !other.services.has(&wanted) {
                    return self.missing(name, &wanted, &other, extends.at);
                }
                self.follow(&wanted, &mut other, scope, way)?
            }
        };
        way.pop();
        if base.is_null() {
            return Ok(service);
        }
        let mut source = Node::map(
            [(
                "services".into(),
                Node::map([(name.into(), base)], service.at),
            )],
            service.at,
        );
        reset(&mut source, &from.resets);
        let base = source
            .at_path(&["services", name])
            .cloned()
            .unwrap_or_default();
        let mut merged = merge::merge_resource(self.cx, "services", base, service)?;
        if let Some(map) = merged.as_map_mut() {
            map.remove("extends");
        }
        from.services.set(name, merged.clone());
        Ok(merged)
    }

    /// The services of another file, their paths as seen from this one's folder.
    fn base(&mut self, file: &Node, scope: &Scope, name: &str, wanted: &str) -> Phase<Base> {
        let (path, at) = (file.as_text().unwrap_or_default(), file.at);
        let (full, dir) = match remote::fetch(self.cx, path, at)? {
            // Of a repository that is its root, wherever in it the file lies: as Docker Compose.
            Some(fetched) => (fetched.file, fetched.root.to_string_lossy().into_owned()),
            None => {
                let full = match path.starts_with('/') {
                    true => path.to_owned(),
                    false => join(&scope.root.to_string_lossy(), path),
                };
                (PathBuf::from(full), relative_dir(path, &scope.root))
            }
        };
        let key = (full.clone(), dir.clone());
        if let Some(base) = self.bases.get(&key) {
            return Ok(base.clone());
        }
        let parsed = self.parse(&full, Some(at))?;
        let (number, documents) = &*parsed;
        let raw = Scope {
            road: Road::Raw,
            ..scope.clone()
        };
        let mut tree = self.file(&full, &raw, nothing())?;
        if tree.get("services").and_then(Node::as_map).is_none() {
            let shown = display_path(&full, &self.cx.request.cwd);
            let error = Diagnostic::error(format!(
                "service `{name}` cannot extend `{wanted}`: `{shown}` has no services"
            ))
            .at(self.cx.place(at));
            return self.cx.halt(error);
        }
        let home = paths::Base::new(&dir, &scope.root, &self.cx.request.environment);
        paths::resolve(&mut tree, &home);
        let base = Base {
            number: *number,
            services: tree
                .get("services")
                .and_then(Node::as_map)
                .cloned()
                .unwrap_or_default(),
            resets: documents
                .last()
                .map(|document| document.resets.clone())
                .unwrap_or_default(),
        };
        self.bases.insert(key, base.clone());
        Ok(base)
    }

    fn missing<T>(&mut self, name: &str, wanted: &str, base: &Base, at: Span) -> Phase<T> {
        let (file, services) = (base.number, &base.services);
        let file = self
            .cx
            .sources
            .file(file)
            .map_or(String::new(), |file| file.path.clone());
        let mut error = Diagnostic::error(format!(
            "service `{name}` extends `{wanted}`, which is not defined in `{file}`"
        ))
        .at(self.cx.place(at));
        let names = services.iter().map(|entry| &*entry.key);
        if let Some(near) = nearest(wanted, names.filter(|other| *other != name)) {
            error = error.hint(format!("did you mean `{near}`?"));
        }
        self.cx.halt(error)
    }

    fn extends_circle<T>(&mut self, way: &[Step], again: &Step) -> Phase<T> {
        let start = way
            .iter()
            .position(|past| past.file == again.file && past.service == again.service)
            .unwrap_or_default();
        let names: Vec<String> = way[start..]
            .iter()
            .chain([again])
            .map(|step| format!("`{}`", step.service))
            .collect();
        let mut error = Diagnostic::error(format!(
            "services extend each other in a circle: {}",
            names.join(" → ")
        ));
        for (index, step) in way[start..].iter().enumerate() {
            let place = self.cx.place(step.at);
            error = match index {
                0 => error.at(place),
                _ => error.also(place, "then here"),
            };
        }
        self.cx.halt(error.hint("take one of these `extends` out"))
    }
}

/// The folder of a file that is named from `root`, seen from there.
pub fn relative_dir(path: &str, root: &Path) -> String {
    let full = |path: &str| match path.starts_with('/') {
        true => PathBuf::from(crate::text::path::clean(path)),
        false => PathBuf::from(join(&root.to_string_lossy(), path)),
    };
    let mut dir = full(path);
    if !dir.is_dir() {
        let parent = match path.rsplit_once('/') {
            Some(("", _)) => "/",
            Some((parent, _)) => parent,
            None => ".",
        };
        dir = full(parent);
    }
    relative_to(&dir, root)
}

/// A cleaned absolute path, seen from another.
fn relative_to(path: &Path, root: &Path) -> String {
    let mut ours = path.components().peekable();
    let mut theirs = root.components().peekable();
    while let (Some(a), Some(b)) = (ours.peek(), theirs.peek()) {
        if a != b {
            break;
        }
        ours.next();
        theirs.next();
    }
    let mut parts: Vec<String> = theirs.map(|_| "..".to_owned()).collect();
    parts.extend(ours.map(|part| part.as_os_str().to_string_lossy().into_owned()));
    match parts.is_empty() {
        true => ".".to_owned(),
        false => parts.join("/"),
    }
}
