//! The road of one document: which phase runs after which.
//!
//! parse → interpolate → include → `!reset` of what came before → extends → merge → uniqueness →
//! shape → canonical forms → uniqueness again (ports can turn out to be the same).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use super::aside::set_aside;
use super::canonical::{self, Unreadable};
use super::context::{Context, Halt, Phase, Variables};
use super::node::{Map, Node, Span, Tag, Value};
use super::parse::{self, Document};
use super::sources::display_path;
use super::{check_shape, merge, read, substitute, unique};
use crate::diagnostic::Diagnostic;

/// What a set of files is read with.
#[derive(Clone, Debug)]
pub struct Scope {
    /// What the files' relative paths start from; relative itself for an included file.
    pub dir: String,
    /// Where `dir` is relative to.
    pub disk: PathBuf,
    /// Where files that these files name are looked for.
    pub root: PathBuf,
    /// The variables.
    pub variables: Arc<Variables>,
    /// How much of the road the documents go.
    pub road: Road,
    /// The files that lead here by `include`.
    pub included: Vec<PathBuf>,
}

/// How much of the road a document goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Road {
    /// All of it.
    Whole,
    /// Neither include nor extends nor shape: a file that a service is taken from.
    Raw,
}

/// The documents of a file, and its number.
pub type Parsed = Rc<(u32, Vec<Document>)>;

/// Loads files; each is read and parsed once.
pub struct Loader<'c, 'r> {
    /// The state of the load.
    pub cx: &'c mut Context<'r>,
    parsed: HashMap<PathBuf, Parsed>,
    /// Files that services were taken from, as they came out.
    pub bases: HashMap<(PathBuf, String), super::extends::Base>,
}

impl<'c, 'r> Loader<'c, 'r> {
    /// A loader that has read nothing.
    pub fn new(cx: &'c mut Context<'r>) -> Self {
        Self {
            cx,
            parsed: HashMap::new(),
            bases: HashMap::new(),
        }
    }

    /// Reads and parses a file; `named` is where another file names it.
    pub fn parse(&mut self, path: &Path, named: Option<Span>) -> Phase<Parsed> {
        if let Some(parsed) = self.parsed.get(path) {
            return Ok(Rc::clone(parsed));
        }
        let name = match path.to_str() {
            Some("-") => "<stdin>".to_owned(),
            _ => display_path(path, &self.cx.request.cwd),
        };
        let text = match self.cx.request.disk.text(path) {
            Ok(text) => text,
            Err(error) => {
                let mut diagnostic = Diagnostic::error(format!("cannot read `{name}`: {error}"))
                    .at(named.and_then(|at| self.cx.place(at)));
                if let read::Error::System(_) = error {
                    diagnostic
                        .hints
                        .extend(super::discover::nearby(path, &self.cx.request.cwd));
                }
                diagnostic.hints.extend(error.hint().map(str::to_owned));
                return self.cx.halt(diagnostic);
            }
        };
        let number = self.cx.sources.add(name, text);
        match parse::parse(&self.cx.sources, number) {
            Ok(documents) => {
                let parsed = Rc::new((number, documents));
                self.parsed.insert(path.to_owned(), Rc::clone(&parsed));
                Ok(parsed)
            }
            Err(errors) => {
                self.cx.errors.extend(errors);
                Err(Halt)
            }
        }
    }

    /// Reads and parses files; what is wrong with one does not hide what is wrong with another.
    pub fn parse_all(&mut self, paths: &[PathBuf]) -> Phase<()> {
        for path in paths {
            // What is wrong with it is noted.
            let _ = self.parse(path, None);
        }
        self.cx.barrier()
    }

    /// Merges every document of a file onto what came before.
    pub fn file(&mut self, path: &Path, scope: &Scope, mut so_far: Node) -> Phase<Node> {
        let parsed = self.parse(path, None)?;
        let (number, documents) = &*parsed;
        let variables = Arc::clone(&scope.variables);
        self.cx.variables.insert(*number, variables);
        let mut scope = scope.clone();
        scope.included.push(path.to_owned());
        for document in documents {
            so_far = self.document(document, *number, &scope, so_far)?;
        }
        Ok(so_far)
    }

    fn document(
        &mut self,
        document: &Document,
        number: u32,
        scope: &Scope,
        mut so_far: Node,
    ) -> Phase<Node> {
        let road = scope.road;
        let mut root = document.root.clone();
        if root.as_map().is_none() {
            let error = Diagnostic::error(format!(
                "the top level must be a mapping, not {}",
                root.kind()
            ))
            .at(self.cx.place(first_line(root.at)))
            .hint("a compose file begins with `services:`");
            return self.cx.halt(error);
        }
        if self.cx.request.options.interpolate {
            substitute::substitute(self.cx, &mut root, &scope.variables);
        }
        if road == Road::Whole {
            self.include(&mut root, scope, &document.resets)?;
        }
        reset(&mut so_far, &document.resets);
        if road == Road::Whole {
            self.extend(&mut root, number, scope, &document.resets)?;
        }
        let whole = root.at;
        let mut merged = merge::merge_documents(self.cx, so_far, root)?;
        merged.at = whole;
        unique::enforce(&mut merged);
        if road == Road::Whole {
            check_shape::check(self.cx, &merged);
            set_aside(self.cx, &mut merged)?;
            // It has meant nothing since the specification has one version.
            if let Some(map) = merged.as_map_mut() {
                map.remove("version");
            }
        }
        let unreadable = match self.cx.request.options.interpolate {
            true => Unreadable::Refuse,
            false => Unreadable::Keep,
        };
        canonical::canonical(self.cx, &mut merged, unreadable);
        set_aside(self.cx, &mut merged)?;
        unique::enforce(&mut merged);
        Ok(merged)
    }
}

/// An empty place at the start of a span: a whole file is nothing to point at.
fn first_line(at: Span) -> Span {
    Span {
        end: at.start,
        ..at
    }
}

/// Takes the paths that `!reset` and `!override` name out of a tree.
pub fn reset(tree: &mut Node, paths: &[Vec<Arc<str>>]) {
    for path in paths {
        let Some((last, parents)) = path.split_last() else {
            continue;
        };
        let parent = parents.iter().try_fold(&mut *tree, |node, key| {
            // A shared map is copied only where the key is there.
            node.get(key)?;
            node.as_map_mut()?.get_mut(key)
        });
        if let Some(map) = parent.and_then(Node::as_map_mut) {
            map.remove(last);
        }
    }
}

/// An empty document.
pub fn nothing() -> Node {
    Node {
        value: Value::Map(Arc::new(Map::default())),
        at: Span::default(),
        tag: Tag::None,
    }
}
