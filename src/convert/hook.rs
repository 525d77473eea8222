//! `pre_start`: a container of its own that runs before the service's, with its volumes and on its
//! networks.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{ContainerCreateBody, EndpointSettings, HostConfig, NetworkingConfig};

use super::network::{self, Connect};
use super::{ContainerBody, ContainerRequest, NewContainer, label, platform, text};
use crate::diagnostic::Diagnostic;
use crate::name::ContainerId;
use crate::project::Hook;

/// Converts a `pre_start` hook into the request for its container, which the engine names and
/// removes when it ends.
///
/// It takes the volumes of `container` and joins the service's networks, but, unlike Compose's,
/// answers to none of the service's names there and takes none of its addresses: whoever looks
/// the service up meanwhile finds nobody instead of the hook.
///
/// # Errors
/// A hook that wants to run once per replica, and a network that is not defined.
pub fn pre_start(
    request: &ContainerRequest<'_>,
    hook: &Hook,
    container: &ContainerId,
) -> Result<NewContainer, Diagnostic> {
    let (project, service) = (request.project, request.service);
    if hook.per_replica {
        return Err(Diagnostic::error(format!(
            "service `{}` has a `pre_start` hook with `per_replica: true`, which is not supported",
            request.service_name
        ))
        .hint("remove `per_replica`: the hook runs once, before the first replica starts"));
    }
    let image = text(&hook.image)
        .unwrap_or_else(|| super::image_name(project, request.service_name, service));
    let labels = [
        (label::PROJECT, project.name.clone()),
        (label::SERVICE, request.service_name.to_string()),
        (label::VERSION, request.stamp.version.clone()),
    ];
    let (mode, networking, connect) = networks(request)?;
    let config = ContainerCreateBody {
        image: Some(image),
        cmd: hook.command.0.clone(),
        user: text(&hook.user),
        working_dir: text(&hook.working_dir),
        env: super::list(&environment(request, hook)),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        labels: Some(labels.map(|(key, value)| (key.to_owned(), value)).into()),
        host_config: Some(HostConfig {
            auto_remove: Some(true),
            privileged: Some(hook.privileged),
            volumes_from: Some(vec![container.to_string()]),
            network_mode: Some(mode),
            ..HostConfig::default()
        }),
        networking_config: networking,
        ..ContainerCreateBody::default()
    };
    Ok(NewContainer {
        name: String::new(),
        platform: platform(project, service),
        body: ContainerBody {
            config,
            mac_address: None,
        },
        connect,
    })
}

/// The service's variables, and the hook's own over them.
fn environment(request: &ContainerRequest<'_>, hook: &Hook) -> Vec<String> {
    let own = hook.environment.iter();
    let variables: BTreeMap<_, _> = request.service.environment.iter().chain(own).collect();
    variables
        .into_iter()
        .map(|(key, value)| super::host::variable(key, value.as_deref()))
        .collect()
}

type Networks = (String, Option<NetworkingConfig>, Vec<Connect>);

fn networks(request: &ContainerRequest<'_>) -> Result<Networks, Diagnostic> {
    let wiring = network::wire(request, &[])?;
    let bare = |endpoints: HashMap<String, EndpointSettings>| {
        let names = endpoints.into_keys();
        names.map(|name| (name, EndpointSettings::default()))
    };
    let networking = wiring.networking.map(|networking| NetworkingConfig {
        endpoints_config: networking.endpoints_config.map(|all| bare(all).collect()),
    });
    let later = wiring.connect.into_iter().map(|connect| Connect {
        network: connect.network,
        endpoint: EndpointSettings::default(),
    });
    Ok((wiring.mode, networking, later.collect()))
}
