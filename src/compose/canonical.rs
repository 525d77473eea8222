//! Phase 8: every short form becomes the long one.

use std::sync::{Arc, LazyLock};

use super::context::Context;
use super::merge::plain_dependency;
use super::node::{Map, Node, Span, Value};
use super::ports;
use super::rules::Rules;
use super::volumes;
use crate::diagnostic::Diagnostic;
use crate::project::{Form, Render, Tree};

/// What a value becomes.
#[derive(Clone, Copy, Debug)]
enum Rule {
    FileGrant,
    Text,
    KeyValue,
    DependsOn,
    EnvFile,
    List,
    Extends,
    Gpus,
    Names,
    Mount,
    Device,
    Ports,
    Build,
    Ssh,
    External,
    Dns,
    Ulimit,
}

static RULES: LazyLock<Rules<Rule>> = LazyLock::new(|| {
    Rules::new(&[
        ("services.*.build", Rule::Build),
        ("services.*.build.secrets.*", Rule::FileGrant),
        ("services.*.build.provenance", Rule::Text),
        ("services.*.build.sbom", Rule::Text),
        ("services.*.build.additional_contexts", Rule::KeyValue),
        ("services.*.build.ssh", Rule::Ssh),
        ("services.*.depends_on", Rule::DependsOn),
        ("services.*.env_file", Rule::EnvFile),
        ("services.*.label_file", Rule::List),
        ("services.*.extends", Rule::Extends),
        ("services.*.gpus", Rule::Gpus),
        ("services.*.networks", Rule::Names),
        ("services.*.models", Rule::Names),
        ("services.*.volumes.*", Rule::Mount),
        ("services.*.dns", Rule::Dns),
        ("services.*.devices.*", Rule::Device),
        ("services.*.secrets.*", Rule::FileGrant),
        ("services.*.configs.*", Rule::FileGrant),
        ("services.*.ports", Rule::Ports),
        ("services.*.ulimits.*", Rule::Ulimit),
        ("services.*.build.ulimits.*", Rule::Ulimit),
        ("services.*.develop.watch.*.ignore", Rule::List),
        ("services.*.develop.watch.*.include", Rule::List),
        ("volumes.*", Rule::External),
        ("networks.*", Rule::External),
        ("secrets.*", Rule::External),
        ("configs.*", Rule::External),
    ])
});

/// Whether a short form that cannot be read is an error or left for what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is an error.
    Refuse,
    /// It stays: its variables were not replaced.
    Keep,
}

/// Turns every short form of a document into the long one.
pub fn canonical(cx: &mut Context<'_>, root: &mut Node, unreadable: Unreadable) {
    let mut walk = Walk {
        cx,
        unreadable,
        path: Vec::new(),
    };
    walk.node(root, &RULES);
}

struct Walk<'c, 'r> {
    cx: &'c mut Context<'r>,
    unreadable: Unreadable,
    path: Vec<String>,
}

impl Walk<'_, '_> {
    fn node(&mut self, node: &mut Node, rules: &'static Rules<Rule>) {
        if let Some(rule) = rules.rule() {
            self.apply(node, rule);
        }
        match &node.value {
            Value::Map(map) => {
                let concerned = map.iter().any(|entry| rules.step(&entry.key).is_some());
                if let (true, Some(map)) = (concerned, node.as_map_mut()) {
                    for entry in map.iter_mut() {
                        if let Some(rules) = rules.step(&entry.key) {
                            self.path.push(entry.key.to_string());
                            self.node(&mut entry.node, rules);
                            self.path.pop();
                        }
                    }
                }
            }
            Value::List(items) if !items.is_empty() => {
                if let (Some(rules), Some(items)) = (rules.item(), node.as_list_mut()) {
                    for (index, item) in items.iter_mut().enumerate() {
                        self.path.push(index.to_string());
                        self.node(item, rules);
                        self.path.pop();
                    }
                }
            }
            _ => {}
        }
    }

    fn apply(&mut self, node: &mut Node, rule: Rule) {
        let at = node.at;
        match (rule, &node.value) {
            (Rule::Build, Value::Text(_)) => wrap(node, "context"),
            (Rule::Extends, Value::Text(_)) => wrap(node, "service"),
            (Rule::FileGrant, Value::Text(_)) => wrap(node, "source"),
            (Rule::Text, Value::Text(_)) => {}
            (Rule::Text, value) => node.value = Value::Text(value.to_string().into()),
            (Rule::List | Rule::Dns, Value::Text(_)) => *node = Node::list(vec![node.clone()], at),
            (Rule::KeyValue, Value::List(_)) => self.key_values(node),
            (Rule::DependsOn, Value::List(_) | Value::Map(_)) => dependencies(node),
            (Rule::EnvFile, Value::Text(_) | Value::List(_)) => self.env_files(node),
            // In a whole document its shape has it; a file that is only extended has no other check.
            (Rule::EnvFile, _) => {
                let (path, kind) = (self.path.join("."), node.kind());
                let message = format!("`{path}` must be a string or a list, not {kind}");
                self.cx.error(message, at);
            }
            (Rule::Gpus, Value::Text(_)) => {
                let all = Node::map([("count".into(), Node::text("all", at))], at);
                *node = Node::list(vec![all], at);
            }
            (Rule::Names, Value::List(names)) => {
                let entries = names.iter().filter_map(|name| {
                    Some((Arc::from(name.as_text()?), Node::new(Value::Null, name.at)))
                });
                *node = Node::map(entries, at);
            }
            (Rule::Mount, Value::Text(text)) => {
                let read = volumes::parse(text);
                match read {
                    Ok(short) => *node = from_tree(&short.mount.render(Form::Yaml), at),
                    Err(error) => self.refuse(error.to_string(), at, None),
                }
            }
            (Rule::Device, Value::Text(text)) => match device(text, at) {
                Some(device) => *node = device,
                None => {
                    let hint = "use the long form: `source`, `target`, `permissions`";
                    let message = format!("`{text}` has too many parts for a device");
                    self.refuse(message, at, Some(hint.to_owned()));
                }
            },
            (Rule::Ports, Value::List(_)) => self.ports(node),
            (Rule::Ssh, Value::List(_)) => self.ssh(node),
            (Rule::External, Value::Map(_)) => self.external(node),
            (Rule::Ulimit, Value::Text(text)) => {
                let path = self.path.join(".");
                let message = format!("`{path}` must be an integer, not `{text}`");
                self.cx.error(message, at);
            }
            _ => {}
        }
        if let (Rule::Dns, Some(items)) = (rule, node.as_list_mut()) {
            items.retain(|item| item.as_text() != Some("") && !item.is_null());
        }
    }

    fn refuse(&mut self, message: String, at: Span, hint: Option<String>) {
        if self.unreadable == Unreadable::Keep {
            return;
        }
        let mut error = Diagnostic::error(format!("`{}`: {message}", self.path.join(".")))
            .at(self.cx.place(at));
        error.hints.extend(hint);
        self.cx.errors.push(error);
    }

    fn env_files(&mut self, node: &mut Node) {
        if node.as_text().is_some() {
            let at = node.at;
            *node = Node::list(vec![std::mem::take(node)], at);
        }
        for (index, item) in node.as_list_mut().into_iter().flatten().enumerate() {
            if item.as_text().is_some() {
                wrap(item, "path");
            }
            let at = item.at;
            let Some(file) = item.as_map_mut() else {
                continue;
            };
            default_to(file, "required", Node::bool(true, at));
            if !file.has("path") {
                let path = self.path.join(".");
                let message = format!("`{path}.{index}` lacks `path`");
                self.cx.error(message, at);
            }
        }
    }

    /// `KEY=value` texts as a map; left as they are where one has no value.
    fn key_values(&mut self, node: &mut Node) {
        let items = node.as_list().unwrap_or_default();
        let mut entries: Vec<(Arc<str>, Node)> = Vec::with_capacity(items.len());
        for item in items {
            let Some(text) = item.as_text() else { return };
            let Some((key, value)) = text.split_once('=') else {
                return self.refuse(format!("`{text}` is not `KEY=value`"), item.at, None);
            };
            entries.push((key.into(), Node::text(value, item.at)));
        }
        *node = Node::map(entries, node.at);
    }

    fn ports(&mut self, node: &mut Node) {
        let items = node.as_list().unwrap_or_default();
        if items.iter().all(|item| item.as_map().is_some()) {
            return;
        }
        let mut long = Vec::with_capacity(items.len());
        for item in items {
            let text = match &item.value {
                Value::Map(_) => {
                    long.push(item.clone());
                    continue;
                }
                Value::Text(text) => text.to_string(),
                value => value.to_string(),
            };
            match ports::parse(&text) {
                Ok(ports) => {
                    long.extend(
                        ports
                            .iter()
                            .map(|port| from_tree(&port.render(Form::Yaml), item.at)),
                    );
                }
                Err(_) if self.unreadable == Unreadable::Keep => return,
                Err(error) => self.refuse(error.to_string(), item.at, None),
            }
        }
        *node = Node::list(long, node.at);
    }

    fn ssh(&mut self, node: &mut Node) {
        let items = node.as_list().unwrap_or_default();
        let mut entries: Vec<(Arc<str>, Node)> = Vec::with_capacity(items.len());
        for item in items {
            let Some(text) = item.as_text() else { return };
            match text.split_once('=') {
                Some((id, path)) => entries.push((id.into(), Node::text(path, item.at))),
                None if text == "default" => {
                    entries.push((text.into(), Node::new(Value::Null, item.at)));
                }
                None => {
                    let hint = Some(format!("write `default`, or `{text}=<path of the key>`"));
                    return self.refuse(format!("`{text}` names no key"), item.at, hint);
                }
            }
        }
        *node = Node::map(entries, node.at);
    }

    /// `external: {name: x}` becomes `external: true` and `name: x`.
    fn external(&mut self, node: &mut Node) {
        let Some(external) = node
            .get("external")
            .filter(|external| external.as_map().is_some())
            .cloned()
        else {
            return;
        };
        let outer = node.get("name").cloned();
        let Some(map) = node.as_map_mut() else { return };
        map.set("external", Node::bool(true, external.at));
        let Some(name) = external.get("name") else {
            return;
        };
        if outer.is_none() {
            map.set("name", name.clone());
        }
        let path = self.path.join(".");
        match outer {
            Some(outer) if outer != *name => {
                let error =
                    Diagnostic::error(format!("`{path}`: `name` and `external.name` differ"))
                        .at(self.cx.place(outer.at))
                        .also(self.cx.place(name.at), "the older form")
                        .hint("keep `name` and write `external: true`");
                self.cx.errors.push(error);
            }
            _ => {
                let warning = Diagnostic::warning(format!("`{path}.external.name` is deprecated"))
                    .at(self.cx.place(name.at))
                    .hint("write `name` and `external: true`");
                self.cx.warnings.push(warning);
            }
        }
    }
}

/// Puts a value below a key of a new map.
fn wrap(node: &mut Node, key: &str) {
    let at = node.at;
    *node = Node::map([(key.into(), std::mem::take(node))], at);
}

fn dependencies(node: &mut Node) {
    if let Some(names) = node.as_list() {
        let entries = names
            .iter()
            .filter_map(|name| Some((Arc::from(name.as_text()?), plain_dependency(name.at))));
        *node = Node::map(entries, node.at);
        return;
    }
    let complete = |map: &Map| map.has("condition") && map.has("required");
    let done = |node: &Node| node.as_map().is_none_or(complete);
    if node
        .as_map()
        .is_some_and(|map| map.iter().all(|entry| done(&entry.node)))
    {
        return;
    }
    for entry in node.as_map_mut().into_iter().flat_map(Map::iter_mut) {
        let at = entry.at;
        if let Some(dependency) = entry.node.as_map_mut() {
            default_to(dependency, "condition", Node::text("service_started", at));
            default_to(dependency, "required", Node::bool(true, at));
        }
    }
}

/// Sets a key that is not there.
pub fn default_to(map: &mut Map, key: &str, node: Node) {
    if !map.has(key) {
        map.set(key, node);
    }
}

fn device(text: &str, at: Span) -> Option<Node> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, permissions) = match parts[..] {
        [source] => (source, source, "rwm"),
        [source, target] => (source, target, "rwm"),
        [source, target, permissions] => (source, target, permissions),
        _ => return None,
    };
    let target = if target.is_empty() { source } else { target };
    let text = |text: &str| Node::text(text, at);
    Some(Node::map(
        [
            ("permissions".into(), text(permissions)),
            ("source".into(), text(source)),
            ("target".into(), text(target)),
        ],
        at,
    ))
}

/// A part of the model as a node.
fn from_tree(tree: &Tree, at: Span) -> Node {
    let value = match tree {
        Tree::Null => Value::Null,
        Tree::Bool(value) => Value::Bool(*value),
        Tree::Int(value) => Value::Int(*value),
        Tree::Uint(value) => Value::Uint(*value),
        Tree::Float32(value) => Value::Float(f64::from(*value)),
        Tree::Float(value) => Value::Float(*value),
        Tree::Text(text) => Value::Text(text.as_str().into()),
        Tree::List(items) => {
            return Node::list(items.iter().map(|item| from_tree(item, at)).collect(), at);
        }
        Tree::Map(entries) | Tree::Fields(entries) => {
            let entries = entries.iter();
            return Node::map(
                entries.map(|(key, value)| ((**key).into(), from_tree(value, at))),
                at,
            );
        }
    };
    Node::new(value, at)
}
