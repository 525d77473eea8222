//! Takes out of an inspection and of a text what no two runs have in common: ids, times, addresses
//! that the engine chose, the order of what is a set.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use crate::engine::Holding;
use crate::place::Place;

/// Members that never agree, by the last words of their pointer.
const VOLATILE: &[&str] = &[
    "/Created",
    "/CreatedAt",
    "/ExecIDs",
    "/GraphDriver",
    "/HostnamePath",
    "/HostsPath",
    "/Id",
    "/LogPath",
    "/Mountpoint",
    "/NetworkSettings/Ports",
    "/NetworkSettings/SandboxID",
    "/NetworkSettings/SandboxKey",
    "/EndpointID",
    "/NetworkID",
    "/ResolvConfPath",
    "/State/Error",
    "/State/FinishedAt",
    "/State/Health",
    "/State/Pid",
    "/State/StartedAt",
];

/// Members that the engine chooses once a container runs.
const CHOSEN: &[&str] = &[
    "/Gateway",
    "/GlobalIPv6Address",
    "/GlobalIPv6PrefixLen",
    "/IPAddress",
    "/IPPrefixLen",
    "/IPv6Gateway",
    "/NetworkSettings/MacAddress",
];

/// Lists whose order means nothing.
const SETS: &[&str] = &[
    "/Config/Env",
    "/HostConfig/Binds",
    "/HostConfig/DeviceRequests",
    "/HostConfig/ExtraHosts",
    "/HostConfig/Links",
    "/HostConfig/Mounts",
    "/HostConfig/Ulimits",
    "/Mounts",
    "/Links",
];

/// What the engine holds, in a form that can be compared: one document.
pub fn holding(place: &Place, holding: &Holding) -> Value {
    let names = Names::of(holding);
    let mut document = Map::new();
    for (kind, members) in [
        ("container", &holding.containers),
        ("network", &holding.networks),
        ("volume", &holding.volumes),
    ] {
        for (name, value) in members {
            let running = value["State"]["Running"] == Value::Bool(true);
            let mut value = value.clone();
            clean(&mut value, "", running);
            if names_a_container(&value["HostConfig"]) {
                value["Config"]["Labels"]["com.docker.compose.config-hash"] = Value::Null;
            }
            if kind == "network" {
                clean_network(place, &mut value);
            }
            rename(&mut value, &|text| place.unnamed(&names.apply(text)));
            document.insert(
                format!("{kind} {}", place.unnamed(&names.apply(name))),
                value,
            );
        }
    }
    Value::Object(document)
}

/// Whether another container's id is part of the configuration, and so of its hash.
fn names_a_container(host: &Value) -> bool {
    let shares = |key: &str| {
        let mode = host[key].as_str().unwrap_or_default();
        mode.starts_with("container:")
    };
    shares("NetworkMode")
        || shares("IpcMode")
        || shares("PidMode")
        || !host["VolumesFrom"].is_null()
}

/// The ids that a holding knows, with words for them.
struct Names(BTreeMap<String, String>);

impl Names {
    fn of(holding: &Holding) -> Self {
        let mut names = BTreeMap::new();
        for (name, id) in holding.ids() {
            names.insert(id, format!("<id of {name}>"));
        }
        for (name, network) in &holding.networks {
            let id = network["Id"].as_str().unwrap_or_default().to_owned();
            names.insert(id, format!("<id of {name}>"));
        }
        Self(names)
    }

    fn apply(&self, text: &str) -> String {
        static HEX: LazyLock<Regex> =
            LazyLock::new(|| Regex::new("\\b[0-9a-f]{12,64}\\b").unwrap());
        let word = |found: &regex::Captures<'_>| {
            let hex = &found[0];
            let known = |(id, name): (&String, &String)| id.starts_with(hex).then(|| name.clone());
            self.0
                .iter()
                .find_map(known)
                .unwrap_or_else(|| hex.to_owned())
        };
        HEX.replace_all(text, word).into_owned()
    }
}

fn clean(value: &mut Value, pointer: &str, running: bool) {
    let ends = |list: &[&str]| list.iter().any(|end| pointer.ends_with(end));
    match value {
        Value::Object(members) => {
            let anonymous = members.get("Type").and_then(Value::as_str) == Some("volume")
                && members
                    .get("Name")
                    .and_then(Value::as_str)
                    .is_some_and(is_id);
            let carried = members
                .get("Source")
                .and_then(Value::as_str)
                .is_some_and(is_id);
            for (key, member) in members.iter_mut() {
                let pointer = format!("{pointer}/{key}");
                let drop = VOLATILE.iter().any(|end| pointer.ends_with(end))
                    || running && CHOSEN.iter().any(|end| pointer.ends_with(end))
                    || running && pointer.contains("/Networks/") && key == "MacAddress"
                    || anonymous && (key == "Name" || key == "Source")
                    || carried && key == "Source"
                    || key == "com.docker.compose.slug";
                match drop {
                    true => *member = Value::Null,
                    false => clean(member, &pointer, running),
                }
            }
            // Compose writes this one in the order of a hash table.
            if let Some(Value::String(text)) = members.get_mut("com.docker.compose.depends_on") {
                let mut entries: Vec<_> = text.split(',').collect();
                entries.sort_unstable();
                *text = entries.join(",");
            }
            members.retain(|key, _| !key.starts_with("dco.") && !key.starts_with("dev.dco."));
        }
        Value::Array(members) => {
            for member in members.iter_mut() {
                clean(member, pointer, running);
            }
            if ends(SETS) {
                members.sort_by_key(Value::to_string);
            }
        }
        _ => {}
    }
}

/// The addresses of a network that the file does not name are the engine's choice, and the
/// containers on it say so themselves.
fn clean_network(place: &Place, network: &mut Value) {
    network["Containers"] = Value::Null;
    let file = std::fs::read_to_string(place.dir.join("compose.yaml")).unwrap_or_default();
    let pools = network["IPAM"]["Config"].as_array_mut();
    for pool in pools.into_iter().flatten() {
        let written = pool["Subnet"]
            .as_str()
            .is_some_and(|subnet| file.contains(subnet));
        if !written {
            *pool = Value::String("chosen by the engine".into());
        }
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn rename(value: &mut Value, renamed: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = renamed(text),
        Value::Array(members) => members
            .iter_mut()
            .for_each(|member| rename(member, renamed)),
        Value::Object(members) => {
            let old = std::mem::take(members);
            for (key, mut member) in old {
                rename(&mut member, renamed);
                members.insert(renamed(&key), member);
            }
        }
        _ => {}
    }
}

/// The leaves of a document by pointer.
pub fn leaves(value: &Value) -> BTreeMap<String, Value> {
    fn walk(value: &Value, pointer: String, leaves: &mut BTreeMap<String, Value>) {
        match value {
            Value::Object(members) if !members.is_empty() => {
                for (key, member) in members {
                    walk(
                        member,
                        format!("{pointer}/{}", key.replace('/', "~1")),
                        leaves,
                    );
                }
            }
            Value::Array(members) if !members.is_empty() => {
                for (index, member) in members.iter().enumerate() {
                    walk(member, format!("{pointer}/{index}"), leaves);
                }
            }
            _ => {
                leaves.insert(pointer, value.clone());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(value, String::new(), &mut found);
    found
}

/// Where two documents differ: `pointer: dco's value, peer's value`.
pub fn differences(dco: &Value, peer: &Value) -> Vec<String> {
    let (ours, theirs) = (leaves(dco), leaves(peer));
    let show = |value: Option<&Value>| value.map_or("absent".to_owned(), Value::to_string);
    let keys: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    // A whole object that only one of them has is one difference.
    let objects = |document: &Value| -> std::collections::BTreeSet<String> {
        let members = document.as_object().into_iter().flatten();
        members.map(|(key, _)| key.clone()).collect()
    };
    let (have, want) = (objects(dco), objects(peer));
    let only = have
        .difference(&want)
        .map(|object| format!("{object}: only dco has it"))
        .chain(
            want.difference(&have)
                .map(|object| format!("{object}: only the peer has it")),
        );
    let of_both = |key: &&&String| {
        let object = key.split('/').nth(1).unwrap_or_default();
        have.contains(object) && want.contains(object)
    };
    let within = keys
        .iter()
        .filter(of_both)
        .filter(|key| ours.get(**key) != theirs.get(**key))
        .map(|key| {
            format!(
                "{key}: dco {}, peer {}",
                show(ours.get(*key)),
                show(theirs.get(*key))
            )
        });
    only.chain(within).collect()
}

/// A text that a tool printed, in a form that can be compared.
pub fn text(place: &Place, holding: &[&Holding], text: &str) -> String {
    static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        [
            ("\x1b\\[[0-9;?]*[A-Za-z]", ""),
            (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?[+-]\d\d:?\d\d)?( ?[A-Z]{3,4})?Z?", "<time>"),
            (r"(About an? |Less than an? )?(\d+ )?(second|minute|hour|day|week|month|year)s?( ago)?\b", "<span>"),
            (r"\b\d+\.\d+\.\d+\.\d+:(3276[8-9]|327[7-9]\d|32[89]\d\d|3[3-9]\d{3}|[45]\d{4}|60\d{3})\b", "<address>:<port>"),
            (r"\b(172|192\.168|10)(\.\d+){2,3}\b", "<address>"),
            (r"(?m)^(\S+) +\| ", "$1 | "),
            (r"(?m)^[0-9a-f]{12}$", "<id>"),
            (r"\b[0-9a-f]{12,15}…", "<id>…"),
            (r#""PublishedPort":(3276[8-9]|327[7-9]\d|32[89]\d\d|3[3-9]\d{3}|[45]\d{4}|60\d{3})\b"#, "\"PublishedPort\":<port>"),
            (r"  +", "  "),
            (r"(?m)[ \t]+$", ""),
        ]
        .into_iter()
        .map(|(pattern, word)| (Regex::new(pattern).unwrap(), word))
        .collect()
    });
    let mut text = text.to_owned();
    for holding in holding {
        text = Names::of(holding).apply(&text);
    }
    text = place.unnamed(&text);
    for (pattern, word) in RULES.iter() {
        text = pattern.replace_all(&text, *word).into_owned();
    }
    sorted_members(&text)
}

/// The peer writes these members of its JSON in the order of a hash table.
fn sorted_members(text: &str) -> String {
    static LISTS: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#""(Labels|Networks|Mounts)":"([^"]*)""#).unwrap());
    let sort = |found: &regex::Captures<'_>| {
        let mut entries: Vec<_> = found[2].split(',').collect();
        entries.sort_unstable();
        format!("\"{}\":\"{}\"", &found[1], entries.join(","))
    };
    LISTS.replace_all(text, sort).into_owned()
}
