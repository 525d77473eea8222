//! Where a service's configuration names another service: its environment, its command, its mounts.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::dependent::{Dependent, targets};
use super::hosts::{self, Form, Named};
use super::{Because, PortTarget, Protocol, nginx, table, waiters};
use crate::diagnostic::{Place, SourceFile};
use crate::name::ServiceName;
use crate::project::{MountType, Service};

/// One place where a service names another one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mention<'a> {
    /// The service that is named.
    pub(super) dependency: &'a ServiceName,
    /// The port that is named with it, of which any one will do; empty where none is.
    pub(super) ports: Vec<PortTarget>,
    /// Where.
    pub(super) because: Because,
}

/// Every mention of another service, in the order: environment, entrypoint, command, mounts.
pub(super) fn mentions<'a>(of: &Dependent<'a>) -> Vec<Mention<'a>> {
    let mut found = environment(of);
    found.extend(commands(of));
    found.extend(mounted(of));
    found
}

fn environment<'a>(of: &Dependent<'a>) -> Vec<Mention<'a>> {
    let variables = &of.service.environment;
    let normal: BTreeMap<String, &str> = variables
        .iter()
        .filter_map(|(key, value)| Some((table::normal_key(key), value.as_deref()?)))
        .collect();
    let mut found = Vec::new();
    for (key, value) in variables {
        let Some(value) = value.as_deref().map(str::trim) else {
            continue;
        };
        let normal_key = table::normal_key(key);
        if value.is_empty() || table::never(&normal_key) {
            continue;
        }
        let beside = paired_port(&normal_key, &normal);
        for named in named_by(&normal_key, value) {
            for dependency in of.directory.resolve(of.name, &named.host) {
                if dependency == of.name {
                    continue;
                }
                let because = Because {
                    what: key.clone(),
                    place: of.place(&["environment", key]),
                };
                let other = &of.project.services[dependency];
                found.push(Mention {
                    dependency,
                    ports: named_ports(&named, beside, other),
                    because,
                });
            }
        }
    }
    found
}

/// The hosts that one variable names.
fn named_by(key: &str, value: &str) -> Vec<Named> {
    let mut found = hosts::addresses(value);
    if !table::holds_addresses(key) {
        found.retain(|named| named.form != Form::Address);
    }
    if found.is_empty() && table::holds_hosts(key) {
        found = hosts::bare(value);
    }
    found
}

/// The port that stands beside a host's variable: `DJANGO_DB_PORT` for `DJANGO_DB_HOST`.
fn paired_port(key: &str, variables: &BTreeMap<String, &str>) -> Option<u16> {
    table::port_keys(key).iter().find_map(|port| {
        let value = variables.get(port)?.trim();
        let number = value.rsplit(':').next().unwrap_or(value);
        number.parse().ok().filter(|port| *port != 0)
    })
}

/// The ports that a mention means on the service that it names.
///
/// A number that is only the published side of a port stands for the container's side, and a
/// port that only its scheme implies gives way to what the service itself says it listens on.
pub(super) fn named_ports(named: &Named, beside: Option<u16>, other: &Service) -> Vec<PortTarget> {
    let declared = targets(other);
    let scheme = named.scheme.as_deref();
    let Some(number) = named.port.or(beside) else {
        let implied = scheme.and_then(table::scheme_port);
        return implied
            .filter(|port| declared.is_empty() || declared.contains(port))
            .into_iter()
            .collect();
    };
    let of_number = |number: u16| -> Vec<PortTarget> {
        declared
            .iter()
            .copied()
            .filter(|port| port.number == number)
            .collect()
    };
    let own = of_number(number);
    let either = table::EITHER_TRANSPORT.contains(&number);
    if !own.is_empty() && !either {
        return own;
    }
    let published = other
        .ports
        .iter()
        .find(|port| port.published == number.to_string());
    if let Some(inside) = published.and_then(|port| u16::try_from(port.target).ok()) {
        return of_number(inside);
    }
    match scheme.and_then(table::scheme_protocol) {
        Some(Protocol::Udp) => vec![PortTarget::udp(number)],
        _ if either => {
            vec![PortTarget::tcp(number), PortTarget::udp(number)]
        }
        _ => vec![PortTarget::tcp(number)],
    }
}

fn commands<'a>(of: &Dependent<'a>) -> Vec<Mention<'a>> {
    let mut found = Vec::new();
    for (key, command) in [
        ("entrypoint", &of.service.entrypoint),
        ("command", &of.service.command),
    ] {
        for (program, named) in waiters::awaited(command.words().unwrap_or_default()) {
            let because = Because {
                what: format!("{program} in {key}"),
                place: of.place(&[key]),
            };
            found.extend(named_mention(of, &named, &because));
        }
    }
    found
}

fn named_mention<'a>(of: &Dependent<'a>, named: &Named, because: &Because) -> Vec<Mention<'a>> {
    of.directory
        .resolve(of.name, &named.host)
        .into_iter()
        .filter(|dependency| *dependency != of.name)
        .map(|dependency| Mention {
            dependency,
            ports: named_ports(named, None, &of.project.services[dependency]),
            because: because.clone(),
        })
        .collect()
}

/// What a mounted nginx configuration passes requests to.
fn mounted<'a>(of: &Dependent<'a>) -> Vec<Mention<'a>> {
    let mut found = Vec::new();
    for (file, shown) in configurations(of) {
        for passed in nginx::passed(&file.text) {
            let because = Because {
                what: passed.directive,
                place: shown.then(|| Place {
                    file: Arc::clone(&file),
                    range: passed.range,
                }),
            };
            found.extend(named_mention(of, &passed.named, &because));
        }
    }
    found
}

/// The nginx configurations among a service's mounts and configs, and whether they are files of
/// their own.
fn configurations(of: &Dependent<'_>) -> Vec<(Arc<SourceFile>, bool)> {
    let read = |path: &str| {
        (of.reading.files)(Path::new(path))
            .into_iter()
            .map(|file| (file, true))
    };
    let image = &of.service.image;
    let mut found = Vec::new();
    for mount in &of.service.volumes {
        if mount.r#type == MountType::Bind && is_nginx(&mount.target, image) {
            found.extend(read(&mount.source));
        }
    }
    for config in &of.service.configs {
        let Some(object) = of.project.configs.get(&config.source) else {
            continue;
        };
        if !is_nginx(&config.target, image) {
            continue;
        }
        if !object.file.is_empty() {
            found.extend(read(&object.file));
        } else if !object.content.is_empty() {
            let text = object.content.clone();
            let path = config.source.clone();
            found.push((Arc::new(SourceFile { path, text }), false));
        }
    }
    found
}

fn is_nginx(target: &str, image: &str) -> bool {
    let configuration = target.ends_with(".conf") || target.ends_with(".template");
    target.starts_with("/etc/nginx")
        || configuration && (image.contains("nginx") || image.contains("openresty"))
}
