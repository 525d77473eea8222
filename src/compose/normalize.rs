//! Phase 9: what the file leaves unsaid is said: the default network, names, the dependencies that
//! links and shared namespaces imply, the values of bare variables.

use std::sync::Arc;

use super::context::Variables;
use super::node::{Map, Node, Span, Value};

/// Fills in a whole tree.
pub fn normalize(tree: &mut Node, project: &str, variables: &Variables) {
    let Some(root) = tree.as_map_mut() else {
        return;
    };
    root.set("name", Node::text(project, Span::default()));
    default_network(root);
    if let Some(services) = root.get_mut("services").and_then(Node::as_map_mut) {
        for entry in services.iter_mut() {
            let at = entry.at;
            if let Some(map) = entry.node.as_map_mut() {
                service(map, at, variables);
            }
        }
    }
    for section in ["networks", "volumes", "configs", "secrets"] {
        let Some(resources) = root.get_mut(section).and_then(Node::as_map_mut) else {
            continue;
        };
        for entry in resources.iter_mut() {
            name_resource(&entry.key, &mut entry.node, project);
        }
    }
}

/// A service that names no network is on `default`, which exists when it is used.
fn default_network(root: &mut Map) {
    let mut used = false;
    let services = root.get_mut("services").and_then(Node::as_map_mut);
    for entry in services.into_iter().flat_map(Map::iter_mut) {
        let at = entry.at;
        let Some(service) = entry.node.as_map() else {
            continue;
        };
        if service.has("provider") || service.has("network_mode") {
            continue;
        }
        match service.get("networks").map(Node::as_map) {
            Some(Some(networks)) if !networks.is_empty() => used |= networks.has("default"),
            _ => {
                used = true;
                if let Some(service) = entry.node.as_map_mut() {
                    let default = Node::new(Value::Null, at);
                    service.set("networks", Node::map([("default".into(), default)], at));
                }
            }
        }
    }
    let has = |root: &Map| {
        root.get("networks")
            .and_then(Node::as_map)
            .is_some_and(|all| all.has("default"))
    };
    if !used || has(root) {
        return;
    }
    if root.get("networks").and_then(Node::as_map).is_none() {
        root.set("networks", Node::map([], Span::default()));
    }
    if let Some(networks) = root.get_mut("networks").and_then(Node::as_map_mut) {
        networks.set("default", Node::default());
    }
}

fn service(service: &mut Map, at: Span, variables: &Variables) {
    if let Some(policy) = service.get_mut("pull_policy")
        && policy.as_text() == Some("if_not_present")
    {
        policy.value = Value::Text("missing".into());
    }
    if let Some(build) = service.get_mut("build") {
        let build_at = build.at;
        if let Some(build) = build.as_map_mut() {
            let absent = |build: &Map, key: &str| build.get(key).is_none_or(Node::is_null);
            if absent(build, "context") {
                build.set("context", Node::text(".", build_at));
            }
            if absent(build, "dockerfile") && absent(build, "dockerfile_inline") {
                build.set("dockerfile", Node::text("Dockerfile", build_at));
            }
            if let Some(args) = build.get_mut("args") {
                inherit(args, variables, Unset::Drop);
            }
        }
    }
    if let Some(environment) = service.get_mut("environment") {
        inherit(environment, variables, Unset::Keep);
    }
    for mount in service
        .get_mut("volumes")
        .and_then(Node::as_list_mut)
        .into_iter()
        .flatten()
    {
        let target = mount.get("target").and_then(Node::as_text);
        let Some(clean) = target.map(crate::text::path::clean) else {
            continue;
        };
        if Some(clean.as_str()) != target
            && let Some(target) = mount.as_map_mut().and_then(|mount| mount.get_mut("target"))
        {
            target.value = Value::Text(clean.into());
        }
    }
    if let Some(image) = service
        .get("image")
        .filter(|image| image.as_text().is_some_and(|i| !i.is_empty()))
        .cloned()
    {
        for hook in service
            .get_mut("pre_start")
            .and_then(Node::as_list_mut)
            .into_iter()
            .flatten()
        {
            if let Some(hook) = hook.as_map_mut() {
                super::canonical::default_to(hook, "image", image.clone());
            }
        }
    }
    implied_dependencies(service, at);
}

/// Links, shared namespaces and `volumes_from` are dependencies too.
fn implied_dependencies(service: &mut Map, at: Span) {
    let mut implied: Vec<(String, bool, Span)> = Vec::new();
    let texts = |key: &str| {
        let items = service.get(key).and_then(Node::as_list).unwrap_or_default();
        items
            .iter()
            .filter_map(|item| Some((item.as_text()?, item.at)))
    };
    for (link, at) in texts("links") {
        let name = match link.split(':').collect::<Vec<_>>()[..] {
            [name, _] => name,
            _ => link,
        };
        implied.push((name.to_owned(), true, at));
    }
    for key in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        let Some(node) = service.get(key) else {
            continue;
        };
        if let Some(name) = node
            .as_text()
            .and_then(|text| text.strip_prefix("service:"))
        {
            implied.push((name.to_owned(), true, node.at));
        }
    }
    for (source, at) in texts("volumes_from") {
        if !source.starts_with("container:") {
            let name = source.split(':').next().unwrap_or_default();
            implied.push((name.to_owned(), false, at));
        }
    }
    if implied.is_empty() {
        return;
    }
    if service.get("depends_on").and_then(Node::as_map).is_none() {
        service.set("depends_on", Node::map([], at));
    }
    let dependencies = service.get_mut("depends_on").and_then(Node::as_map_mut);
    let Some(dependencies) = dependencies else {
        return;
    };
    for (name, restart, at) in implied {
        if dependencies.has(&name) {
            continue;
        }
        let fields = [
            ("condition".into(), Node::text("service_started", at)),
            ("required".into(), Node::bool(true, at)),
            ("restart".into(), Node::bool(restart, at)),
        ];
        dependencies.set(&name, Node::map(fields, at));
    }
}

/// What happens to a bare variable that is not set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unset {
    Keep,
    Drop,
}

/// Gives the bare keys of a list or a map their values.
fn inherit(node: &mut Node, variables: &Variables, unset: Unset) {
    let value = |key: &str| variables.get(key).map(|(value, _)| value.as_str());
    match &node.value {
        Value::List(items) => {
            let bare = |item: &Node| item.as_text().is_some_and(|text| !text.contains('='));
            if !items.iter().any(bare) {
                return;
            }
            let mut items = items.to_vec();
            items.retain_mut(|item| {
                let Some(key) = item.as_text().filter(|text| !text.contains('=')) else {
                    return true;
                };
                match value(key) {
                    Some(value) => {
                        item.value = Value::Text(format!("{key}={value}").into());
                        true
                    }
                    None => unset == Unset::Keep,
                }
            });
            node.value = Value::List(Arc::new(items));
        }
        Value::Map(map) if map.iter().any(|entry| entry.node.is_null()) => {
            let Some(map) = node.as_map_mut() else { return };
            for entry in map.iter_mut().filter(|entry| entry.node.is_null()) {
                if let Some(value) = value(&entry.key) {
                    // What the file only names stands where the name does.
                    entry.node = Node::text(value, entry.at);
                }
            }
            if unset == Unset::Drop {
                map.retain(|entry| !entry.node.is_null());
            }
        }
        _ => {}
    }
}

/// A resource without a name is called after its key, and after the project where it is its own.
fn name_resource(key: &str, node: &mut Node, project: &str) {
    if node.is_null() {
        node.value = Value::Map(Arc::new(Map::default()));
    }
    let at = node.at;
    let Some(resource) = node.as_map_mut() else {
        return;
    };
    if resource.get("name").is_some_and(|name| !name.is_null()) {
        return;
    }
    let external = resource
        .get("external")
        .is_some_and(|external| match &external.value {
            Value::Bool(external) => *external,
            Value::Text(text) => matches!(&**text, "1" | "t" | "T" | "true" | "TRUE" | "True"),
            _ => false,
        });
    let name = match external {
        true => key.to_owned(),
        false => format!("{project}_{key}"),
    };
    resource.set("name", Node::text(name, at));
}
