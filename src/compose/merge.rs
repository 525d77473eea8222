//! How a later file, or an extending service, changes what is there.
//!
//! Maps merge, lists append, scalars replace, nothing leaves what is there; the table names what
//! goes by a rule of its own.

use std::sync::{Arc, LazyLock};

use super::context::{Context, Halt, Phase};
use super::node::{Map, Node, Span, Value};
use super::rules::Rules;
use crate::diagnostic::Diagnostic;

/// The rules beside the common one.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// Both become lists of `KEY=value` and are appended.
    Sequence,
    /// Both become lists; what is there already is not added again.
    ExtraHosts,
    /// The later one stands.
    Replace,
    /// A text stands for the context.
    Build,
    /// A list stands for plain dependencies.
    DependsOn,
    /// A list stands for keys with nothing in them.
    Names,
    /// Options merge only for one driver.
    Logging,
    /// Pools merge by their subnet.
    Pools,
}

static RULES: LazyLock<Rules<Rule>> = LazyLock::new(|| {
    Rules::new(&[
        ("networks.*.ipam.config", Rule::Pools),
        ("networks.*.labels", Rule::Sequence),
        ("volumes.*.labels", Rule::Sequence),
        ("services.*.annotations", Rule::Sequence),
        ("services.*.build", Rule::Build),
        ("services.*.build.args", Rule::Sequence),
        ("services.*.build.additional_contexts", Rule::Sequence),
        ("services.*.build.extra_hosts", Rule::ExtraHosts),
        ("services.*.build.labels", Rule::Sequence),
        ("services.*.command", Rule::Replace),
        ("services.*.depends_on", Rule::DependsOn),
        ("services.*.deploy.labels", Rule::Sequence),
        ("services.*.dns", Rule::Sequence),
        ("services.*.dns_opt", Rule::Sequence),
        ("services.*.dns_search", Rule::Sequence),
        ("services.*.entrypoint", Rule::Replace),
        ("services.*.env_file", Rule::Sequence),
        ("services.*.label_file", Rule::Sequence),
        ("services.*.environment", Rule::Sequence),
        ("services.*.extra_hosts", Rule::ExtraHosts),
        ("services.*.healthcheck.test", Rule::Replace),
        ("services.*.labels", Rule::Sequence),
        ("services.*.volumes.*.volume.labels", Rule::Sequence),
        ("services.*.logging", Rule::Logging),
        ("services.*.models", Rule::Names),
        ("services.*.networks", Rule::Names),
        ("services.*.sysctls", Rule::Sequence),
        ("services.*.tmpfs", Rule::Sequence),
        ("services.*.ulimits.*", Rule::Replace),
    ])
});

/// Merges a whole document onto what came before.
pub fn merge_documents(cx: &mut Context<'_>, base: Node, over: Node) -> Phase<Node> {
    Merge {
        cx,
        path: Vec::new(),
    }
    .nodes(base, over, Some(&RULES))
}

/// Merges one entry of a top-level section, such as a service onto the one it extends.
pub fn merge_resource(cx: &mut Context<'_>, section: &str, base: Node, over: Node) -> Phase<Node> {
    let rules = RULES.step(section).and_then(|rules| rules.step("x"));
    let path = vec![section.to_owned(), "*".to_owned()];
    Merge { cx, path }.nodes(base, over, rules)
}

struct Merge<'c, 'r> {
    cx: &'c mut Context<'r>,
    path: Vec<String>,
}

impl Merge<'_, '_> {
    fn nodes(
        &mut self,
        base: Node,
        over: Node,
        rules: Option<&'static Rules<Rule>>,
    ) -> Phase<Node> {
        let Some(rule) = rules.and_then(Rules::rule) else {
            return self.plain(base, over, rules);
        };
        let at = over.at;
        match rule {
            Rule::Sequence => {
                let mut items = into_sequence(base);
                items.extend(into_sequence(over));
                Ok(Node::list(items, at))
            }
            Rule::ExtraHosts => {
                let mut items = into_sequence(base);
                for item in into_sequence(over) {
                    if !items.contains(&item) {
                        items.push(item);
                    }
                }
                Ok(Node::list(items, at))
            }
            Rule::Replace => Ok(over),
            Rule::Build => self.maps(build_map(base), build_map(over), rules),
            Rule::DependsOn => self.maps(names_map(base, true), names_map(over, true), rules),
            Rule::Names => self.maps(names_map(base, false), names_map(over, false), rules),
            Rule::Logging => {
                let driver = |node: &Node| node.get("driver").cloned();
                match (driver(&base), driver(&over)) {
                    (Some(base), Some(over_driver)) if base != over_driver => Ok(over),
                    _ => self.maps(base, over, rules),
                }
            }
            Rule::Pools => self.pools(base, over),
        }
    }

    fn plain(
        &mut self,
        base: Node,
        over: Node,
        rules: Option<&'static Rules<Rule>>,
    ) -> Phase<Node> {
        if over.is_null() {
            return Ok(base);
        }
        match (&base.value, &over.value) {
            (Value::Map(_), Value::Map(_)) => self.maps(base, over, rules),
            (Value::List(_), Value::List(_)) => {
                let mut base = base;
                if let (Some(items), Some(more)) = (base.as_list_mut(), over.as_list()) {
                    items.extend_from_slice(more);
                }
                base.at = over.at;
                Ok(base)
            }
            (Value::Map(_) | Value::List(_), _) => self.clash(&base, &over),
            _ => Ok(over),
        }
    }

    fn clash<T>(&mut self, base: &Node, over: &Node) -> Phase<T> {
        let path = self.path.join(".");
        let error = Diagnostic::error(format!(
            "cannot override `{path}`: {} cannot replace {}",
            over.kind(),
            base.kind()
        ))
        .at(self.cx.place(over.at))
        .also(self.cx.place(base.at), "what it would replace");
        self.cx.halt(error)
    }

    /// Merges two maps; nothing counts as an empty one.
    fn maps(&mut self, base: Node, over: Node, rules: Option<&'static Rules<Rule>>) -> Phase<Node> {
        if over.is_null() {
            return Ok(base);
        }
        if base.is_null() {
            return Ok(over);
        }
        let (Value::Map(mut into), Value::Map(from)) = (base.value.clone(), over.value.clone())
        else {
            return self.clash(&base, &over);
        };
        drop(base);
        let merged = Arc::make_mut(&mut into);
        let mut added = Vec::new();
        for entry in Arc::unwrap_or_clone(from).into_entries() {
            match merged.get_mut(&entry.key) {
                None => added.push(entry),
                Some(node) => {
                    self.path.push(entry.key.to_string());
                    let rules = rules.and_then(|rules| rules.step(&entry.key));
                    *node = self.nodes(std::mem::take(node), entry.node, rules)?;
                    self.path.pop();
                }
            }
        }
        if !added.is_empty() {
            let mut entries = std::mem::take(merged).into_entries();
            entries.extend(added);
            *merged = Map::from_entries(entries).map_err(|_| Halt)?;
        }
        Ok(Node::new(Value::Map(into), over.at))
    }

    /// Address pools: those of one subnet merge, the others stand beside each other.
    fn pools(&mut self, base: Node, over: Node) -> Phase<Node> {
        let (Some(originals), Some(overrides)) = (base.as_list(), over.as_list()) else {
            return self.clash(&base, &over);
        };
        let subnet = |node: &Node| node.get("subnet").cloned();
        let mut pools: Vec<Node> = Vec::new();
        for original in originals {
            let mut right = names_map(original.clone(), false);
            for left in overrides {
                let left = names_map(left.clone(), false);
                let known = pools.iter().any(|pool| subnet(pool) == subnet(&left));
                if subnet(&left) != subnet(&right) && !known {
                    pools.push(left);
                    continue;
                }
                right = self.maps(right, left, None)?;
                match pools.iter_mut().find(|pool| subnet(pool) == subnet(&right)) {
                    Some(pool) => *pool = right.clone(),
                    None => pools.push(right.clone()),
                }
            }
        }
        Ok(Node::list(pools, over.at))
    }
}

/// A list as it is, a text as its only item, a map as sorted `KEY=value` texts.
fn into_sequence(node: Node) -> Vec<Node> {
    match node.value {
        Value::List(items) => Arc::unwrap_or_clone(items),
        Value::Text(_) => vec![node],
        Value::Map(map) => {
            let mut items = Vec::with_capacity(map.len());
            for entry in map.iter() {
                let at = spread(entry.at, entry.node.at);
                match &entry.node.value {
                    Value::Null => items.push(Node::text(Arc::clone(&entry.key), at)),
                    Value::List(values) => {
                        for value in values.iter() {
                            items.push(Node::text(format!("{}={}", entry.key, value.value), at));
                        }
                    }
                    value => items.push(Node::text(format!("{}={value}", entry.key), at)),
                }
            }
            items.sort_by(|a, b| a.as_text().cmp(&b.as_text()));
            items
        }
        _ => Vec::new(),
    }
}

/// The span from a key to the end of its value.
fn spread(key: Span, value: Span) -> Span {
    match key.file == value.file && value.end >= key.start {
        true => Span {
            end: value.end,
            ..key
        },
        false => value,
    }
}

fn build_map(node: Node) -> Node {
    match node.value {
        Value::Text(_) => {
            let at = node.at;
            Node::map([("context".into(), node)], at)
        }
        _ => node,
    }
}

/// A list of names as a map; with `dependencies`, of plain dependencies.
fn names_map(node: Node, dependencies: bool) -> Node {
    let Some(names) = node.as_list() else {
        return node;
    };
    let entries = names.iter().filter_map(|name| {
        let value = match dependencies {
            true => plain_dependency(name.at),
            false => Node::new(Value::Null, name.at),
        };
        Some((Arc::from(name.as_text()?), value))
    });
    Node::map(entries, node.at)
}

/// What a name in `depends_on` stands for.
pub fn plain_dependency(at: Span) -> Node {
    Node::map(
        [
            ("condition".into(), Node::text("service_started", at)),
            ("required".into(), Node::bool(true, at)),
        ],
        at,
    )
}
