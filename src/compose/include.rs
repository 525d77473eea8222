//! Phase 3: included files are loaded as models of their own and their resources taken over.

use std::path::PathBuf;
use std::sync::Arc;

use super::context::Phase;
use super::document::{Loader, Scope, reset};
use super::environment;
use super::extends::relative_dir;
use super::merge;
use super::node::{Map, Node, Span};
use super::remote;
use super::sources::{display_path, join};
use crate::diagnostic::Diagnostic;
use crate::text::nearest::nearest;

/// The sections that an included file adds to.
const SECTIONS: [&str; 6] = [
    "services", "volumes", "networks", "secrets", "configs", "models",
];

/// One entry of `include:`.
struct Entry {
    at: Span,
    paths: Vec<Node>,
    project_directory: Option<Node>,
    env_files: Vec<Node>,
}

impl Loader<'_, '_> {
    /// Loads what a document includes and takes it over; on a clash the document's own values go
    /// on top.
    pub fn include(
        &mut self,
        root: &mut Node,
        scope: &Scope,
        resets: &[Vec<Arc<str>>],
    ) -> Phase<()> {
        let Some(list) = root.get("include").cloned() else {
            return Ok(());
        };
        if list.is_null() {
            if let Some(root) = root.as_map_mut() {
                root.remove("include");
            }
            return Ok(());
        }
        let Some(items) = list.as_list() else {
            let error = Diagnostic::error(format!("`include` must be a list, not {}", list.kind()))
                .at(self.cx.place(list.at))
                .hint(match list.as_text() {
                    Some(path) => format!("a list of one: `[{path}]`"),
                    None => "a list of paths, or of mappings with a `path`".to_owned(),
                });
            return self.cx.halt(error);
        };
        for item in items {
            let entry = self.entry(item)?;
            let imported = self.included(&entry, scope)?;
            self.take_over(root, imported, resets)?;
        }
        if let Some(root) = root.as_map_mut() {
            root.remove("include");
        }
        Ok(())
    }

    fn entry(&mut self, item: &Node) -> Phase<Entry> {
        let mut entry = Entry {
            at: item.at,
            paths: Vec::new(),
            project_directory: None,
            env_files: Vec::new(),
        };
        let texts = |node: &Node| match node.as_list() {
            Some(items) => items.to_vec(),
            None => vec![node.clone()],
        };
        if item.as_text().is_some() {
            entry.paths.push(item.clone());
        } else if let Some(map) = item.as_map() {
            for field in map.iter() {
                match &*field.key {
                    "path" => entry.paths = texts(&field.node),
                    "project_directory" => entry.project_directory = Some(field.node.clone()),
                    "env_file" => entry.env_files = texts(&field.node),
                    key if key.starts_with("x-") => {}
                    key => {
                        // Docker Compose passes over it without a word.
                        let known = ["path", "project_directory", "env_file"];
                        let message = format!("an include has no key `{key}`: it has no effect");
                        let mut warning = Diagnostic::warning(message).at(self.cx.place(field.at));
                        let meant = nearest(key, known);
                        warning
                            .hints
                            .extend(meant.map(|known| format!("did you mean `{known}`?")));
                        self.cx.warnings.push(warning);
                    }
                }
            }
        }
        if entry.paths.is_empty() || entry.paths.iter().any(|path| path.as_text().is_none()) {
            let error = Diagnostic::error("an include must be a path, or have a `path`")
                .at(self.cx.place(item.at));
            return self.cx.halt(error);
        }
        Ok(entry)
    }

    fn included(&mut self, entry: &Entry, scope: &Scope) -> Phase<Node> {
        let included = &scope.included[..];
        let root = scope.root.to_string_lossy().into_owned();
        let full = |path: &str| match path.starts_with('/') {
            true => path.to_owned(),
            false => join(&root, path),
        };
        let mut files = Vec::new();
        for path in &entry.paths {
            let file = self.included_file(path)?;
            let full = || PathBuf::from(full(path.as_text().unwrap_or_default()));
            files.push((file.clone().unwrap_or_else(full), path.at, file.is_some()));
        }
        let Some((main, main_at, is_fetched)) = files.first().cloned() else {
            return Ok(super::document::nothing());
        };
        if included.contains(&main) {
            return self.include_circle(included, &main, entry.at);
        }
        let asked = entry
            .project_directory
            .as_ref()
            .and_then(Node::as_text)
            .filter(|dir| !dir.is_empty());
        let (dir, project) = match asked {
            None => {
                let parent = main.parent().map(|dir| dir.to_string_lossy().into_owned());
                (
                    main.to_string_lossy().into_owned(),
                    parent.unwrap_or_default(),
                )
            }
            Some(dir) => (dir.to_owned(), full(dir)),
        };
        // What was fetched lies nowhere near the file that includes it.
        let dir = match is_fetched || asked.is_some_and(|dir| dir.starts_with('/')) {
            true => project.clone(),
            false => relative_dir(&dir, &scope.root),
        };
        let env_files = self.env_files(entry, &project, &full)?;
        let variables = environment::with_files(self.cx, &scope.variables, &env_files)?;
        let inner = Scope {
            dir,
            disk: scope.root.clone(),
            root: PathBuf::from(project),
            variables: Arc::new(variables),
            road: scope.road,
            included: scope.included.clone(),
        };
        for (file, at, _) in &files {
            self.parse(file, Some(if file == &main { main_at } else { *at }))?;
        }
        let paths: Vec<PathBuf> = files.into_iter().map(|(path, ..)| path).collect();
        self.model(&paths, &inner)
    }

    /// The local copy of an included file of another machine.
    fn included_file(&mut self, path: &Node) -> Phase<Option<PathBuf>> {
        let text = path.as_text().unwrap_or_default();
        let Some(fetched) = remote::fetch(self.cx, text, path.at)? else {
            return Ok(None);
        };
        let all = &mut self.cx.remote_includes;
        if !all.iter().any(|known| known == text) {
            all.push(text.to_owned());
        }
        Ok(Some(fetched.file))
    }

    fn env_files(
        &mut self,
        entry: &Entry,
        project: &str,
        full: &dyn Fn(&str) -> String,
    ) -> Phase<Vec<(PathBuf, Span)>> {
        if entry.env_files.is_empty() {
            let own = PathBuf::from(join(project, ".env"));
            return Ok(match self.cx.request.disk.has(&own) {
                true => vec![(own, Span::default())],
                false => Vec::new(),
            });
        }
        let named = entry.env_files.iter();
        Ok(named
            .filter_map(|file| Some((PathBuf::from(full(file.as_text()?)), file.at)))
            .collect())
    }

    fn take_over(
        &mut self,
        root: &mut Node,
        imported: Node,
        resets: &[Vec<Arc<str>>],
    ) -> Phase<()> {
        for section in SECTIONS {
            let Some(from) = imported.get(section).and_then(Node::as_map) else {
                continue;
            };
            let Some(model) = root.as_map_mut() else {
                return Ok(());
            };
            if model.get(section).is_none_or(Node::is_null) {
                model.set(section, Node::map([], imported.at));
            }
            let Some(mut into) = model.get(section).and_then(Node::as_map).cloned() else {
                // The shape has it.
                continue;
            };
            for entry in from.iter() {
                let Some(own) = into.get(&entry.key).cloned() else {
                    into.set(&entry.key, entry.node.clone());
                    continue;
                };
                if own == entry.node {
                    continue;
                }
                let named = Node::map([(Arc::clone(&entry.key), entry.node.clone())], entry.at);
                let mut source = Node::map([(section.into(), named)], entry.at);
                reset(&mut source, resets);
                let merged = match source.at_path(&[section, &entry.key]).cloned() {
                    Some(base) => merge::merge_resource(self.cx, section, base, own)?,
                    None => own,
                };
                into.set(&entry.key, merged);
            }
            if let Some(node) = root
                .as_map_mut()
                .and_then(|root: &mut Map| root.get_mut(section))
            {
                let at = node.at;
                *node = Node::new(super::node::Value::Map(Arc::new(into)), at);
            }
        }
        Ok(())
    }

    fn include_circle<T>(&mut self, included: &[PathBuf], again: &PathBuf, at: Span) -> Phase<T> {
        let start = included
            .iter()
            .position(|path| path == again)
            .unwrap_or_default();
        let names: Vec<String> = included[start..]
            .iter()
            .chain([again])
            .map(|path| format!("`{}`", display_path(path, &self.cx.request.cwd)))
            .collect();
        let error = Diagnostic::error(format!(
            "files include each other in a circle: {}",
            names.join(" → ")
        ))
        .at(self.cx.place(at))
        .hint("move what both need into a third file");
        self.cx.halt(error)
    }
}
