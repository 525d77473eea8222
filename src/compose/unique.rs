//! What occurs twice in a list that is to hold it once: the later one takes the earlier one's place.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::node::{Node, Value};
use super::rules::Rules;
use super::volumes;

/// What makes two items the same.
#[derive(Clone, Copy, Debug)]
pub enum Index {
    /// The text before `=`.
    Key,
    /// The mount's target.
    Mount,
    /// The device's target.
    Device,
    /// The target of a config or secret, below this folder by default.
    File(&'static str),
    /// The value.
    Value,
    /// The file's path.
    Path,
    /// Address, published and target port, protocol.
    Port,
}

/// A table of lists, or a part of one.
pub type Indexes = Rules<Index>;

static INDEXES: LazyLock<Indexes> = LazyLock::new(|| {
    Rules::new(&[
        ("networks.*.labels", Index::Key),
        ("networks.*.ipam.options", Index::Key),
        ("services.*.annotations", Index::Key),
        ("services.*.build.args", Index::Key),
        ("services.*.build.additional_contexts", Index::Key),
        ("services.*.build.tags", Index::Key),
        ("services.*.build.labels", Index::Key),
        ("services.*.cap_add", Index::Key),
        ("services.*.cap_drop", Index::Key),
        ("services.*.devices", Index::Device),
        ("services.*.configs", Index::File("")),
        ("services.*.deploy.labels", Index::Key),
        ("services.*.dns", Index::Key),
        ("services.*.dns_opt", Index::Key),
        ("services.*.dns_search", Index::Key),
        ("services.*.environment", Index::Key),
        ("services.*.env_file", Index::Path),
        ("services.*.expose", Index::Value),
        ("services.*.labels", Index::Key),
        ("services.*.links", Index::Key),
        ("services.*.networks.*.aliases", Index::Key),
        ("services.*.networks.*.link_local_ips", Index::Key),
        ("services.*.ports", Index::Port),
        ("services.*.profiles", Index::Key),
        ("services.*.secrets", Index::File("/run/secrets")),
        ("services.*.sysctls", Index::Key),
        ("services.*.tmpfs", Index::Key),
        ("services.*.volumes", Index::Mount),
    ])
});

/// Which lists hold a value once.
pub fn indexes() -> &'static Indexes {
    &INDEXES
}

/// Lets the later of two equal items take the earlier one's place, all over a tree.
pub fn enforce(root: &mut Node) {
    walk(root, &INDEXES);
}

fn walk(node: &mut Node, rules: &Rules<Index>) {
    match &node.value {
        Value::Map(map) => {
            let concerned = map.iter().any(|entry| rules.step(&entry.key).is_some());
            if let (true, Some(map)) = (concerned, node.as_map_mut()) {
                for entry in map.iter_mut() {
                    if let Some(rules) = rules.step(&entry.key) {
                        walk(&mut entry.node, rules);
                    }
                }
            }
        }
        Value::List(items) => {
            let Some(index) = rules.rule() else { return };
            let mut places: HashMap<Cow<'_, str>, usize> = HashMap::with_capacity(items.len());
            let mut kept: Vec<usize> = Vec::with_capacity(items.len());
            for (at, item) in items.iter().enumerate() {
                // What has no key is for the validation to refuse.
                let Some(key) = key_of(item, index) else {
                    return;
                };
                match places.get(&key) {
                    Some(place) => kept[*place] = at,
                    None => {
                        places.insert(key, kept.len());
                        kept.push(at);
                    }
                }
            }
            if kept.len() < items.len() {
                let items: Vec<Node> = kept.iter().map(|at| items[*at].clone()).collect();
                *node = Node::list(items, node.at);
            }
        }
        _ => {}
    }
}

fn key_of(item: &Node, index: Index) -> Option<Cow<'_, str>> {
    let text = item.as_text();
    let field = |key: &str| item.get(key).and_then(Node::as_text).map(Cow::Borrowed);
    match index {
        Index::Key => text.map(|text| text.split_once('=').map_or(text, |(key, _)| key).into()),
        Index::Value => match &item.value {
            Value::Text(text) => Some(Cow::Borrowed(text)),
            Value::Int(number) => Some(number.to_string().into()),
            _ => None,
        },
        Index::Path => text.map(Cow::Borrowed).or_else(|| field("path")),
        Index::Mount => match text {
            Some(text) => Some(volumes::parse(text).ok()?.mount.target.into()),
            None => field("target"),
        },
        Index::Device => match text {
            Some(text) => {
                let mut parts = text.split(':');
                let first = parts.next()?;
                Some(parts.next().unwrap_or(first).into())
            }
            None => field("target"),
        },
        Index::File(folder) => match text {
            Some(source) => Some(format!("{folder}/{source}").into()),
            None => field("target").or_else(|| {
                let source = item
                    .get("source")
                    .map_or("", |source| source.as_text().unwrap_or_default());
                Some(format!("{folder}/{source}").into())
            }),
        },
        Index::Port => port_key(item),
    }
}

fn port_key(item: &Node) -> Option<Cow<'_, str>> {
    match &item.value {
        Value::Text(text) => Some(Cow::Borrowed(text)),
        Value::Int(port) => Some(port.to_string().into()),
        Value::Map(port) => {
            // A number and the text of it count as two values, and nothing as a third.
            let part = |key: &str, default: &str| match port.get(key).map(|node| &node.value) {
                Some(Value::Text(text)) => text.to_string(),
                Some(value) => format!("{value} as a number"),
                None => default.to_owned(),
            };
            let target = &port.get("target")?.value;
            let address = part("host_ip", "0.0.0.0");
            let published = part("published", "nothing");
            let protocol = part("protocol", "tcp");
            Some(format!("{address}:{published}:{target}/{protocol}").into())
        }
        _ => None,
    }
}
