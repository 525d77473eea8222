//! The tree as `config --no-interpolate` prints it: merged, and not yet a project.

use super::model::SECRET_CONTENT;
use super::node::{Entry, Map, Node, Value};
use super::rules::Rules;
use super::unique;
use crate::diagnostic::Diagnostic;
use crate::project::Form;

/// A loaded tree, before it becomes a project.
#[derive(Debug)]
pub struct Tree {
    /// The tree.
    pub(super) root: Node,
    /// The project's name.
    pub name: String,
    /// What was odd while loading.
    pub warnings: Vec<Diagnostic>,
    /// Whether what the file leaves unsaid is said.
    pub(super) normalized: bool,
}

impl Tree {
    /// What is printed: everything but the content of secrets.
    ///
    /// An empty list is printed as Docker Compose prints what it has not interpolated.
    pub fn printable(&self, form: Form) -> crate::project::Tree {
        let mut root = self.root.clone();
        let secrets = root.as_map_mut().and_then(|root| root.get_mut("secrets"));
        for secret in secrets
            .and_then(Node::as_map_mut)
            .into_iter()
            .flat_map(Map::iter_mut)
        {
            if let Some(secret) = secret.node.as_map_mut() {
                secret.remove(SECRET_CONTENT);
            }
        }
        let mut tree = to_tree(&root, form, Some(unique::indexes()));
        if self.normalized && form == Form::Json {
            resolved_lists_are_null(&mut tree);
        }
        tree
    }

    /// The names of the services.
    pub fn service_names(&self) -> Vec<String> {
        let services = self.root.get("services").and_then(Node::as_map);
        let services = services.into_iter().flat_map(Map::iter);
        services.map(|entry| entry.key.to_string()).collect()
    }

    /// Shows every text in it to a function.
    pub fn each_text(&self, mut see: impl FnMut(&str)) {
        visit(&self.root, &mut see);
    }
}

fn visit(node: &Node, see: &mut impl FnMut(&str)) {
    match &node.value {
        Value::Text(text) => see(text),
        Value::List(items) => items.iter().for_each(|item| visit(item, see)),
        Value::Map(map) => map.iter().for_each(|entry| visit(&entry.node, see)),
        _ => {}
    }
}

/// Where bare variables have been looked up, an empty list has become `null` in Docker Compose.
fn resolved_lists_are_null(tree: &mut crate::project::Tree) {
    use crate::project::Tree;
    fn get<'t>(tree: &'t mut Tree, key: &str) -> Option<&'t mut Tree> {
        match tree {
            Tree::Map(map) => map
                .iter_mut()
                .find(|(name, _)| name == key)
                .map(|(_, it)| it),
            _ => None,
        }
    }
    let Some(Tree::Map(services)) = get(tree, "services") else {
        return;
    };
    for (_, service) in services {
        for path in [&["environment"][..], &["build", "args"]] {
            let list = path
                .iter()
                .try_fold(&mut *service, |part, key| get(part, key));
            if let Some(list) = list.filter(|list| **list == Tree::List(Vec::new())) {
                *list = Tree::Null;
            }
        }
    }
}

/// A part of the tree as it is printed. In JSON an empty list is `null`, unless it is one of
/// those (`indexes`) that hold nothing twice.
pub(super) fn to_tree(
    node: &Node,
    form: Form,
    indexes: Option<&unique::Indexes>,
) -> crate::project::Tree {
    use crate::project::Tree;
    match &node.value {
        Value::Null => Tree::Null,
        Value::Bool(value) => Tree::Bool(*value),
        Value::Int(value) => Tree::Int(*value),
        Value::Uint(value) => Tree::Uint(*value),
        Value::Float(value) => Tree::Float(*value),
        Value::Text(text) | Value::Time(text) => Tree::Text(text.to_string()),
        Value::List(items)
            if items.is_empty()
                && form == Form::Json
                && indexes.and_then(Rules::rule).is_none() =>
        {
            Tree::Null
        }
        Value::List(items) => {
            let indexes = indexes.and_then(Rules::item);
            let items = items.iter().map(|item| to_tree(item, form, indexes));
            Tree::List(items.collect())
        }
        Value::Map(map) => {
            let entry = |entry: &Entry| {
                let indexes = indexes.and_then(|indexes| indexes.step(&entry.key));
                let value = to_tree(&entry.node, form, indexes);
                (entry.key.to_string().into(), value)
            };
            Tree::Map(map.iter().map(entry).collect())
        }
    }
}
