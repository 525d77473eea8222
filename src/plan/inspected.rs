//! How a container differs from what would be made now, told by the engine's own description of
//! it: for containers whose making nobody here remembers. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::FieldChange;
use super::observed::Image;
use crate::diagnostic::Place;
use crate::text::secret;

/// A container that is there, and the request that would make it now.
#[derive(Clone, Copy)]
pub struct Compared<'a> {
    /// The body of the request.
    pub wanted: &'a Value,
    /// The names of the networks that it would be attached to.
    pub networks: &'a BTreeSet<String>,
    /// What the engine says of the container.
    pub found: &'a Value,
    /// The image it would be made from, which brings defaults along.
    pub image: &'a Image,
    /// Where a value of the service is written.
    pub place: &'a dyn Fn(&[&str]) -> Option<Place>,
}

/// Fields that are one value in both: the name in the file, and the request's pointer.
/// What the request leaves out says nothing: the image or the engine may have set it.
const PLAIN: &[(&str, &str)] = &[
    ("cap_add", "/HostConfig/CapAdd"),
    ("cap_drop", "/HostConfig/CapDrop"),
    ("cpu_shares", "/HostConfig/CpuShares"),
    ("cpus", "/HostConfig/NanoCpus"),
    ("devices", "/HostConfig/Devices"),
    ("dns", "/HostConfig/Dns"),
    ("dns_search", "/HostConfig/DnsSearch"),
    ("domainname", "/Domainname"),
    ("extra_hosts", "/HostConfig/ExtraHosts"),
    ("group_add", "/HostConfig/GroupAdd"),
    ("healthcheck", "/Healthcheck"),
    ("hostname", "/Hostname"),
    ("init", "/HostConfig/Init"),
    ("ipc", "/HostConfig/IpcMode"),
    ("logging.driver", "/HostConfig/LogConfig/Type"),
    ("logging.options", "/HostConfig/LogConfig/Config"),
    ("mem_limit", "/HostConfig/Memory"),
    ("network_mode", "/HostConfig/NetworkMode"),
    ("pid", "/HostConfig/PidMode"),
    ("security_opt", "/HostConfig/SecurityOpt"),
    ("shm_size", "/HostConfig/ShmSize"),
    ("stop_grace_period", "/StopTimeout"),
    ("stop_signal", "/StopSignal"),
    ("sysctls", "/HostConfig/Sysctls"),
    ("tmpfs", "/HostConfig/Tmpfs"),
    ("user", "/User"),
    ("working_dir", "/WorkingDir"),
];

/// The same where nothing but the file sets it, so that what is left out was taken away.
const OWN: &[(&str, &str)] = &[
    ("privileged", "/HostConfig/Privileged"),
    ("read_only", "/HostConfig/ReadonlyRootfs"),
    ("restart", "/HostConfig/RestartPolicy/Name"),
    ("stdin_open", "/OpenStdin"),
    ("tty", "/Tty"),
];

/// The fields that differ, sorted by name; those that only Compose's labels show are not seen.
pub fn changes(compared: &Compared<'_>) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    for (field, pointer) in PLAIN {
        let (old, new) = compared.both(pointer);
        if new.is_some() {
            changes.extend(compared.one(field, old, new));
        }
    }
    let (old, new) = compared.both("/Image");
    if old.map(bare_name) != new.map(bare_name) {
        changes.extend(compared.one("image", old, new));
    }
    for (field, pointer) in OWN {
        let (old, new) = compared.both(pointer);
        let set = |value: &&Value| **value != "no";
        changes.extend(compared.one(field, old.filter(set), new.filter(set)));
    }
    let image = compared.image;
    for (field, key, default) in [
        ("command", "Cmd", &image.command),
        ("entrypoint", "Entrypoint", &image.entrypoint),
    ] {
        let default = Value::from(default.clone());
        let new = filled(compared.wanted, &format!("/{key}")).unwrap_or(&default);
        let old = filled(compared.found, &format!("/Config/{key}"));
        changes.extend(compared.one(field, old, filled(new, "")));
    }
    changes.extend(compared.maps("environment", compared.environments()));
    changes.extend(compared.maps("labels", compared.labels()));
    changes.extend(compared.maps("networks", compared.attached()));
    changes.extend(compared.maps("ports", compared.ports()));
    changes.extend(compared.maps("volumes", compared.volumes()));
    changes.sort_by(|a, b| a.field.cmp(&b.field));
    changes
}

/// An image's name without what an engine adds to it: Podman says `localhost/web:latest` for `web`.
fn bare_name(image: &Value) -> &str {
    let name = image.as_str().unwrap_or_default();
    let name = name.strip_suffix(":latest").unwrap_or(name);
    let added = ["docker.io/library/", "docker.io/", "localhost/"];
    let bare = added.iter().find_map(|added| name.strip_prefix(added));
    bare.unwrap_or(name)
}

type Texts = BTreeMap<String, String>;

impl Compared<'_> {
    /// What the engine and the request say at a pointer of the request; the engine keeps what is
    /// not the host's below `Config`.
    fn both(&self, pointer: &str) -> (Option<&Value>, Option<&Value>) {
        let found = match pointer.starts_with("/HostConfig/") {
            true => filled(self.found, pointer),
            false => filled(self.found, &format!("/Config{pointer}")),
        };
        (found, filled(self.wanted, pointer))
    }

    fn one(&self, field: &str, old: Option<&Value>, new: Option<&Value>) -> Option<FieldChange> {
        let path: Vec<&str> = field.split('.').collect();
        let differs = old != new;
        differs.then(|| FieldChange {
            field: field.to_owned(),
            old: old.map(text),
            new: new.map(text),
            place: new.and_then(|_| self.placed(&path)),
        })
    }

    /// The nearest place above a path that is written somewhere.
    fn placed(&self, path: &[&str]) -> Option<Place> {
        (1..=path.len())
            .rev()
            .find_map(|end| (self.place)(&path[..end]))
    }

    fn maps(&self, field: &str, (old, new): (Texts, Texts)) -> Vec<FieldChange> {
        let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let differing = keys
            .into_iter()
            .filter(|key| old.get(*key) != new.get(*key));
        let shown = |key: &str, value: Option<&String>| {
            value.map(|value| match value.is_empty() {
                true => "\"\"".to_owned(),
                false => secret::masked(key, value).into_owned(),
            })
        };
        differing
            .map(|key| FieldChange {
                field: format!("{field}.{key}"),
                old: shown(key, old.get(key)),
                new: shown(key, new.get(key)),
                place: new.get(key).and_then(|_| self.placed(&[field, key])),
            })
            .collect()
    }

    /// Without what the image brings along, on either side.
    fn environments(&self) -> (Texts, Texts) {
        let new = pairs(strings(self.wanted, "/Env"));
        let image = pairs(self.image.environment.iter().map(String::as_str));
        let mut old = pairs(strings(self.found, "/Config/Env"));
        old.retain(|key, value| new.contains_key(key) || image.get(key) != Some(value));
        (old, new)
    }

    fn labels(&self) -> (Texts, Texts) {
        let own = |value: &Value, pointer: &str| {
            let mut labels = texts(value, pointer);
            labels.retain(|key, _| !key.starts_with("com.docker.compose."));
            labels
        };
        let new = own(self.wanted, "/Labels");
        let mut old = own(self.found, "/Config/Labels");
        old.retain(|key, value| new.contains_key(key) || self.image.labels.get(key) != Some(value));
        (old, new)
    }

    fn attached(&self) -> (Texts, Texts) {
        let attached = |name: &String| (name.clone(), "attached".to_owned());
        let old = object(self.found, "/NetworkSettings/Networks");
        let old = old.map(|(name, _)| attached(name)).collect();
        let new: Texts = self.networks.iter().map(attached).collect();
        match new.is_empty() {
            // Another network mode, which is told as such.
            true => (Texts::new(), new),
            false => (old, new),
        }
    }

    fn ports(&self) -> (Texts, Texts) {
        let read = |value: &Value| {
            let ports = object(value, "/HostConfig/PortBindings").map(|(port, bindings)| {
                let bindings = bindings.as_array().map_or(&[][..], Vec::as_slice);
                let hosts = bindings.iter().map(|binding| {
                    let of = |key: &str| binding[key].as_str().unwrap_or_default();
                    match of("HostIp") {
                        "" => of("HostPort").to_owned(),
                        ip => format!("{ip}:{}", of("HostPort")),
                    }
                });
                (port.clone(), hosts.collect::<Vec<_>>().join(", "))
            });
            ports.collect::<Texts>()
        };
        (read(self.found), read(self.wanted))
    }

    fn volumes(&self) -> (Texts, Texts) {
        let new = mounts(self.wanted);
        let mut old = mounts(self.found);
        // Anonymous volumes that were carried over look like named ones.
        let anonymous: BTreeSet<&String> = object(self.wanted, "/Volumes")
            .map(|(target, _)| target)
            .chain(&self.image.volumes)
            .collect();
        old.retain(|target, _| new.contains_key(target) || !anonymous.contains(target));
        (old, new)
    }
}

/// The mounts by their targets: the source, and what of the mode is not usual.
fn mounts(value: &Value) -> Texts {
    let binds = strings(value, "/HostConfig/Binds").filter_map(|bind| {
        let mut words = bind.splitn(3, ':');
        let (source, target) = (words.next()?, words.next()?);
        let mode = words.next().filter(|mode| *mode != "rw");
        let mode = mode.map_or(String::new(), |mode| format!(":{mode}"));
        Some((target.to_owned(), format!("{source}{mode}")))
    });
    let list = value
        .pointer("/HostConfig/Mounts")
        .and_then(Value::as_array);
    let mounts = list.into_iter().flatten().filter_map(|mount| {
        let target = mount["Target"].as_str()?;
        let source = mount["Source"].as_str().filter(|source| !source.is_empty());
        let source = source.or(mount["Type"].as_str()).unwrap_or_default();
        let mode = match mount["ReadOnly"].as_bool() {
            Some(true) => ":ro",
            _ => "",
        };
        Some((target.to_owned(), format!("{source}{mode}")))
    });
    binds.chain(mounts).collect()
}

/// What a pointer leads to, unless it says nothing.
fn filled<'v>(value: &'v Value, pointer: &str) -> Option<&'v Value> {
    value.pointer(pointer).filter(|value| match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_i64() != Some(0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
    })
}

fn text(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    secret::without_credentials(&text).into_owned()
}

fn strings<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = &'v str> {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str)
}

fn object<'v>(value: &'v Value, pointer: &str) -> impl Iterator<Item = (&'v String, &'v Value)> {
    let map = value.pointer(pointer).and_then(Value::as_object);
    map.into_iter().flatten()
}

fn texts(value: &Value, pointer: &str) -> Texts {
    let entries = object(value, pointer);
    entries
        .map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}

fn pairs<'v>(variables: impl Iterator<Item = &'v str>) -> Texts {
    variables
        .map(|variable| {
            let (key, value) = variable.split_once('=').unwrap_or((variable, ""));
            (key.to_owned(), value.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_from_the_engines_word_is_told_and_the_images_own_is_not() {
        let wanted = json!({
            "Image": "web:2", "Cmd": ["serve"], "User": "",
            "Env": ["DEBUG=1", "DB_PASSWORD=new"],
            "Labels": {"com.docker.compose.service": "web", "team": "a"},
            "Volumes": {"/anonymous": {}},
            "HostConfig": {
                "Binds": ["/src:/app:rw"], "NetworkMode": "app_default",
                "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8081"}]},
                "RestartPolicy": {"Name": ""}, "Privileged": false,
            },
        });
        let found = json!({
            "Config": {
                "Image": "web:1", "Cmd": ["serve"], "User": "app", "Entrypoint": ["/entry"],
                "Env": ["DEBUG=0", "DB_PASSWORD=old", "PATH=/bin", "GONE=1"],
                "Labels": {"com.docker.compose.service": "web", "team": "a", "maintainer": "x"},
            },
            "HostConfig": {
                "Binds": ["/src:/app:rw"], "NetworkMode": "app_default",
                "Mounts": [{"Type": "volume", "Source": "abc", "Target": "/anonymous"}],
                "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]},
                "RestartPolicy": {"Name": "always"}, "Privileged": false,
            },
            "NetworkSettings": {"Networks": {"app_default": {}, "app_old": {}}},
        });
        let image = Image {
            entrypoint: vec!["/entry".into()],
            environment: vec!["PATH=/bin".into()],
            labels: [("maintainer".to_owned(), "x".to_owned())].into(),
            ..Image::default()
        };
        let changes = changes(&Compared {
            wanted: &wanted,
            networks: &["app_default".to_owned()].into(),
            found: &found,
            image: &image,
            place: &|_| None,
        });
        let lines: Vec<String> = changes.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines.join("\n"),
            "\
environment.DB_PASSWORD changed, and is not shown
environment.DEBUG 0 → 1
environment.GONE 1 → nothing
image web:1 → web:2
networks.app_old attached → nothing
ports.80/tcp 8080 → 8081
restart always → nothing"
        );
    }
}
