//! One model: several files merged, defaults added, values checked, paths made absolute.

use std::path::PathBuf;

use super::aside::set_aside;
use super::canonical::default_to;
use super::context::{Context, Phase, Variables};
use super::document::{Loader, Scope, nothing};
use super::node::{Map, Node, Value};
use super::paths;
use crate::diagnostic::Diagnostic;

impl Loader<'_, '_> {
    /// Loads a set of files as one model, not yet normalised.
    pub fn model(&mut self, files: &[PathBuf], scope: &Scope) -> Phase<Node> {
        let mut tree = nothing();
        for file in files {
            tree = self.file(file, scope, tree)?;
        }
        defaults(&mut tree);
        validate(self.cx, &tree);
        set_aside(self.cx, &mut tree)?;
        // What is included is always seen from the folder of the file that includes it.
        if self.cx.request.options.resolve_paths || !scope.included.is_empty() {
            let base = paths::Base::new(&scope.dir, &scope.disk, &self.cx.request.environment);
            paths::resolve(&mut tree, &base);
        }
        inherit_variables(&mut tree, &scope.variables);
        Ok(tree)
    }
}

/// The key below which a secret's content waits; it passes for an extension, and is never printed.
pub const SECRET_CONTENT: &str = "x-#value";

/// The values of a section that are maps, to change.
fn each_mut<'n>(tree: &'n mut Node, section: &str) -> impl Iterator<Item = &'n mut Node> {
    let section = tree.as_map_mut().and_then(|tree| tree.get_mut(section));
    let section = section.and_then(Node::as_map_mut);
    section
        .into_iter()
        .flat_map(Map::iter_mut)
        .map(|entry| &mut entry.node)
}

/// The items of a list below a service.
fn items_mut<'n>(service: &'n mut Node, key: &str) -> impl Iterator<Item = &'n mut Node> {
    // A shared service is copied only where the key is there.
    let list = match service.get(key) {
        Some(_) => service
            .as_map_mut()
            .and_then(|service| service.get_mut(key)),
        None => None,
    };
    list.and_then(Node::as_list_mut).into_iter().flatten()
}

/// Adds what the long forms leave out.
fn defaults(tree: &mut Node) {
    for service in each_mut(tree, "services") {
        let Some(map) = service.as_map() else {
            continue;
        };
        if map
            .get("build")
            .and_then(Node::as_map)
            .is_some_and(|build| !build.has("context"))
        {
            let build = service.as_map_mut().and_then(|map| map.get_mut("build"));
            if let Some(build) = build {
                let at = build.at;
                if let Some(build) = build.as_map_mut() {
                    build.set("context", Node::text(".", at));
                }
            }
        }
        for secret in items_mut(service, "secrets") {
            let source = secret
                .get("source")
                .map_or("<nil>".to_owned(), |source| source.value.to_string());
            let at = secret.at;
            if let Some(secret) = secret.as_map_mut() {
                default_to(
                    secret,
                    "target",
                    Node::text(format!("/run/secrets/{source}"), at),
                );
            }
        }
        for port in items_mut(service, "ports") {
            let at = port.at;
            let complete = port
                .as_map()
                .is_none_or(|port| port.has("protocol") && port.has("mode"));
            if let (false, Some(port)) = (complete, port.as_map_mut()) {
                default_to(port, "protocol", Node::text("tcp", at));
                default_to(port, "mode", Node::text("ingress", at));
            }
        }
        for device in items_mut(service, "gpus") {
            all_devices(device);
        }
        if let Some(devices) = reserved_devices(service) {
            devices.iter_mut().for_each(all_devices);
        }
    }
}

fn reserved_devices(service: &mut Node) -> Option<&mut Vec<Node>> {
    service.at_path(&["deploy", "resources", "reservations", "devices"])?;
    let mut node = service;
    for key in ["deploy", "resources", "reservations", "devices"] {
        node = node.as_map_mut()?.get_mut(key)?;
    }
    node.as_list_mut()
}

fn all_devices(device: &mut Node) {
    let at = device.at;
    if let Some(device) = device.as_map_mut()
        && !device.has("count")
        && !device.has("device_ids")
    {
        device.set("count", Node::text("all", at));
    }
}

/// Notes what the shape cannot know.
fn validate(cx: &mut Context<'_>, tree: &Node) {
    let section = |name: &str| {
        tree.get(name)
            .and_then(Node::as_map)
            .into_iter()
            .flat_map(Map::iter)
    };
    for entry in section("volumes") {
        external_volume(cx, &entry.key, &entry.node);
    }
    for entry in section("configs") {
        file_object(
            cx,
            &format!("configs.{}", entry.key),
            &entry.node,
            &["file", "environment", "content"],
        );
    }
    for entry in section("secrets") {
        file_object(
            cx,
            &format!("secrets.{}", entry.key),
            &entry.node,
            &["file", "environment"],
        );
    }
    for entry in section("services") {
        service(cx, &entry.key, &entry.node);
    }
}

fn external_volume(cx: &mut Context<'_>, name: &str, node: &Node) {
    let Some(volume) = node.as_map() else { return };
    let Some(external) = volume
        .get("external")
        .filter(|node| node.value == Value::Bool(true))
    else {
        return;
    };
    for entry in volume.iter() {
        if matches!(&*entry.key, "name" | "external") || entry.key.starts_with("x-") {
            continue;
        }
        let error = Diagnostic::error(format!(
            "volume `{name}` is external and cannot have `{}`",
            entry.key
        ))
        .at(cx.place(entry.at))
        .also(cx.place(external.at), "external")
        .hint("what is external exists already: take one of the two out");
        cx.errors.push(error);
    }
}

fn file_object(cx: &mut Context<'_>, path: &str, node: &Node, keys: &[&str]) {
    let Some(map) = node.as_map() else { return };
    let names: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    let given: Vec<_> = keys.iter().filter_map(|key| map.entry(key)).collect();
    match given[..] {
        [] if map.has("driver") || map.has("external") => {}
        [] => cx.error(
            format!("`{path}` must have one of {}", names.join(", ")),
            node.at,
        ),
        [_] => {}
        [first, second, ..] => {
            let error = Diagnostic::error(format!(
                "`{path}` can have only one of {}",
                names.join(", ")
            ))
            .at(cx.place(second.at))
            .also(cx.place(first.at), "the other one");
            cx.errors.push(error);
        }
    }
}

fn service(cx: &mut Context<'_>, name: &str, node: &Node) {
    let list = |path: &[&str]| {
        node.at_path(path)
            .and_then(Node::as_list)
            .unwrap_or_default()
    };
    for port in list(&["ports"]) {
        let Some(ip) = port.get("host_ip") else {
            continue;
        };
        let address = ip.as_text().unwrap_or_default();
        if address.parse::<std::net::IpAddr>().is_err() {
            cx.error(format!("`{address}` is no IP address"), ip.at);
        }
    }
    for rule in list(&["develop", "watch"]) {
        if let Some(path) = rule.get("path").filter(|path| path.as_text() == Some("")) {
            cx.error(format!("service `{name}` watches an empty path"), path.at);
        }
    }
    let reserved = list(&["deploy", "resources", "reservations", "devices"]);
    for device in reserved.iter().chain(list(&["gpus"])) {
        let Some(map) = device.as_map() else { continue };
        if let (Some(count), Some(ids)) = (map.entry("count"), map.entry("device_ids")) {
            let error = Diagnostic::error("`count` and `device_ids` exclude each other")
                .at(cx.place(ids.at))
                .also(cx.place(count.at), "the other one");
            cx.errors.push(error);
        }
    }
    for mount in list(&["volumes"]) {
        let bind = mount.get("type").and_then(Node::as_text) == Some("bind");
        if bind && mount.get("source").is_none() && cx.request.options.resolve_paths {
            cx.error("a bind mount needs a `source`", mount.at);
        }
    }
    for item in list(&["environment"])
        .iter()
        .chain(list(&["build", "args"]))
    {
        let text = item.as_text().unwrap_or_default();
        let key = text.split_once('=').map_or(text, |(key, _)| key);
        if key.ends_with(char::is_whitespace) {
            let error = Diagnostic::error(format!("the variable `{key}` ends with a blank"))
                .at(cx.place(item.at))
                .hint(format!("write `{}=…`", key.trim_end()));
            cx.errors.push(error);
        }
    }
}

/// Gives a bare `KEY` of a list its value, and configs and secrets that of their variable.
fn inherit_variables(tree: &mut Node, variables: &Variables) {
    for service in each_mut(tree, "services") {
        let bare = |node: &Node| {
            let text = node.as_text();
            text.and_then(|key| variables.get(key))
                .map(|(value, _)| value)
        };
        let environment = service
            .get("environment")
            .and_then(Node::as_list)
            .unwrap_or_default();
        if !environment.iter().any(|item| bare(item).is_some()) {
            continue;
        }
        for item in items_mut(service, "environment") {
            if let (Some(value), Some(key)) = (bare(item), item.as_text()) {
                item.value = Value::Text(format!("{key}={value}").into());
            }
        }
    }
    for (section, content) in [("configs", "content"), ("secrets", SECRET_CONTENT)] {
        for object in each_mut(tree, section) {
            let name = object.get("environment").and_then(Node::as_text);
            let Some((value, _)) = name.and_then(|name| variables.get(name)) else {
                continue;
            };
            let at = object.at;
            if let Some(object) = object.as_map_mut() {
                object.set(content, Node::text(value.as_str(), at));
            }
        }
    }
}
