//! What names another service: shared namespaces, volumes and links, resolved to its containers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{ContainerRequest, Role};
use crate::diagnostic::Diagnostic;
use crate::name::{ContainerId, ServiceName};
use crate::project::Service;

/// A container of a service, to be named in another's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its id.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
}

/// The containers that the services have by now, one-offs left out.
pub type Peers = BTreeMap<ServiceName, Vec<Peer>>;

/// Replaces every `service:x` of a service by the container it means, as Compose does before it
/// hashes: the one of the service that comes first by name.
///
/// # Errors
/// A service that has no container.
pub fn resolve<'a>(service: &'a Service, peers: &Peers) -> Result<Cow<'a, Service>, Diagnostic> {
    let refers = |mode: &str| mode.starts_with("service:");
    let shares = [&service.network_mode, &service.ipc, &service.pid];
    if service.volumes_from.is_empty() && !shares.iter().any(|mode| refers(mode)) {
        return Ok(Cow::Borrowed(service));
    }
    let mut resolved = service.clone();
    for entry in &mut resolved.volumes_from {
        *entry = volumes_from(entry, peers)?;
    }
    for (mode, what) in [
        (&mut resolved.network_mode, "network namespace"),
        (&mut resolved.ipc, "IPC namespace"),
        (&mut resolved.pid, "PID namespace"),
    ] {
        if let Some(name) = mode.strip_prefix("service:") {
            *mode = format!("container:{}", first(name, peers, what)?);
        }
    }
    Ok(Cow::Owned(resolved))
}

/// Compose drops a `:ro` or `:rw` at the end here, and the hash knows that.
fn volumes_from(entry: &str, peers: &Peers) -> Result<String, Diagnostic> {
    let mut words = entry.split(':');
    let name = words.next().unwrap_or_default();
    match (name, words.next()) {
        ("container", Some(container)) => Ok(container.to_owned()),
        _ => first(name, peers, "volume").map(|id| id.to_string()),
    }
}

fn first<'a>(name: &str, peers: &'a Peers, what: &str) -> Result<&'a ContainerId, Diagnostic> {
    peers
        .get(name)
        .and_then(|containers| containers.iter().min_by(|a, b| a.name.cmp(&b.name)))
        .map(|peer| &peer.id)
        .ok_or_else(|| {
            Diagnostic::error(format!(
                "cannot share {what} with service {name}: container missing"
            ))
            .hint(format!("`up {name}` makes one"))
        })
}

/// The `links` and `external_links` of a service as the engine takes them: `container:alias`.
pub(super) fn links(request: &ContainerRequest<'_>) -> Vec<String> {
    let (project, naming) = (&request.project.name, request.project.naming);
    let mut links = Vec::new();
    let mut link = |container: &str, alias: &str| links.push(format!("{container}:{alias}"));
    let peers = |name: &str| request.peers.get(name).map_or(&[][..], Vec::as_slice);
    for entry in &request.service.links {
        let (name, alias) = entry.split_once(':').unwrap_or((entry, entry));
        // Compose numbers these aliases by the container that holds the link, −1 in a one-off.
        let number = match request.role {
            Role::Replica { number } => number.to_string(),
            Role::OneOff { .. } => "-1".to_owned(),
        };
        for peer in peers(name) {
            link(&peer.name, alias);
            link(&peer.name, &naming.join(&[name, &number]));
            link(&peer.name, &naming.join(&[project, name, &number]));
        }
    }
    for entry in &request.service.external_links {
        let (container, alias) = entry.split_once(':').unwrap_or((entry, entry));
        link(container, alias);
    }
    links
}
