//! Networks: which one a container is born on, which it joins later, and under what names.

use std::collections::HashMap;

use bollard::models::{
    EndpointIpamConfig, EndpointSettings, Ipam, IpamConfig, NetworkCreateRequest, NetworkingConfig,
};
use serde::Serialize;

use super::{Aliases, ContainerRequest, Role, Stamp, label, labels, list, map, text};
use crate::diagnostic::Diagnostic;
use crate::project::{Mapping, Network, Project, Service, ServiceNetwork};

/// The driver option that names the interface in the container.
const INTERFACE: &str = "com.docker.network.endpoint.ifname";

/// From this API on a container is created on all its networks at once, and a hardware address
/// belongs to an endpoint.
const MANY_ENDPOINTS: (u32, u32) = (1, 44);

/// A network that a container joins after it is created.
#[derive(Clone, Debug, PartialEq)]
pub struct Connect {
    /// The network's name at the engine.
    pub network: String,
    /// Names and addresses there.
    pub endpoint: EndpointSettings,
}

/// The body of a request to create a network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NetworkBody {
    /// What the model of the newest API has.
    #[serde(flatten)]
    pub request: NetworkCreateRequest,
    /// Engines before API 1.44 make a second network of the same name without this.
    #[serde(rename = "CheckDuplicate")]
    pub check_duplicate: bool,
}

/// How a container is wired.
pub(super) struct Wiring {
    /// The network mode of the host config.
    pub mode: String,
    /// The networks it is created on.
    pub networking: Option<NetworkingConfig>,
    /// The networks it joins after.
    pub connect: Vec<Connect>,
    /// The container-wide hardware address.
    pub mac_address: Option<String>,
}

/// The request to create the network of this key.
pub fn network(project: &Project, key: &str, network: &Network, stamp: &Stamp) -> NetworkBody {
    let pools: Vec<IpamConfig> = network
        .ipam
        .config
        .iter()
        .map(|pool| IpamConfig {
            subnet: text(&pool.subnet),
            ip_range: text(&pool.ip_range),
            gateway: text(&pool.gateway),
            auxiliary_addresses: map(&pool.aux_addresses),
        })
        .collect();
    let options = map(&network.ipam.options.0);
    let managed = !network.ipam.driver.is_empty() || !pools.is_empty() || options.is_some();
    let ipam = managed.then(|| Ipam {
        driver: text(&network.ipam.driver),
        config: list(&pools),
        options,
    });
    let labels = labels::resource(&network.labels, project, (label::NETWORK, key), stamp);
    NetworkBody {
        request: NetworkCreateRequest {
            name: network.name.clone(),
            driver: text(&network.driver),
            options: map(&network.driver_opts),
            internal: Some(network.internal),
            attachable: Some(network.attachable),
            enable_ipv4: network.enable_ipv4,
            enable_ipv6: network.enable_ipv6,
            labels: Some(labels),
            ipam,
            ..NetworkCreateRequest::default()
        },
        check_duplicate: true,
    }
}

/// The endpoint of a container on the network of this key: to rebuild a connection that was lost.
pub fn endpoint(
    request: &ContainerRequest<'_>,
    network: &str,
) -> Result<EndpointSettings, Diagnostic> {
    endpoint_of(request, network, &super::reference::links(request))
}

/// Decides how a container is wired.
pub(super) fn wire(request: &ContainerRequest<'_>, links: &[String]) -> Result<Wiring, Diagnostic> {
    let service = request.service;
    let alone = |mode: &str| Wiring {
        mode: mode.to_owned(),
        networking: None,
        connect: Vec::new(),
        mac_address: text(&service.mac_address),
    };
    if !service.network_mode.is_empty() {
        return Ok(alone(&service.network_mode));
    }
    if request.project.networks.is_empty() {
        return Ok(alone("none"));
    }
    let mac_address = mac_address(request)?;
    let mut keys = by_priority(service).into_iter();
    let primary = keys.next().unwrap_or("default");
    let mode = engine_name(request, primary)?;
    let mut endpoints = HashMap::new();
    let mut connect = Vec::new();
    let mut first = endpoint_of(request, primary, links)?;
    if has_many_endpoints(request) {
        let own = text(&service.mac_address);
        first.mac_address = first.mac_address.or(own);
    }
    endpoints.insert(mode.clone(), first);
    for key in keys {
        let network = engine_name(request, key)?;
        let endpoint = endpoint_of(request, key, links)?;
        match has_many_endpoints(request) {
            true => {
                endpoints.insert(network, endpoint);
            }
            false => connect.push(Connect { network, endpoint }),
        }
    }
    Ok(Wiring {
        mode,
        networking: Some(NetworkingConfig {
            endpoints_config: Some(endpoints),
        }),
        connect,
        mac_address,
    })
}

fn has_many_endpoints(request: &ContainerRequest<'_>) -> bool {
    request.surroundings.api >= MANY_ENDPOINTS
}

/// The keys of a service's networks: the highest priority first, then by name.
fn by_priority(service: &Service) -> Vec<&str> {
    let mut keys: Vec<(i64, &str)> = service
        .networks
        .iter()
        .map(|(key, place)| (place.as_ref().map_or(0, |place| -place.priority), &**key))
        .collect();
    keys.sort_unstable();
    keys.into_iter().map(|(_, key)| key).collect()
}

fn engine_name(request: &ContainerRequest<'_>, key: &str) -> Result<String, Diagnostic> {
    let network = request.project.networks.get(key);
    network.map(|network| network.name.clone()).ok_or_else(|| {
        Diagnostic::error(format!(
            "service `{}` is on the network `{key}`, which is not defined",
            request.service_name
        ))
    })
}

fn endpoint_of(
    request: &ContainerRequest<'_>,
    key: &str,
    links: &[String],
) -> Result<EndpointSettings, Diagnostic> {
    let place = request.service.networks.get(key).and_then(Option::as_ref);
    let mut settings = EndpointSettings {
        aliases: Some(aliases(request, place)),
        links: list(links),
        ..EndpointSettings::default()
    };
    let Some(place) = place else {
        return Ok(settings);
    };
    settings.ipam_config = Some(EndpointIpamConfig {
        ipv4_address: text(&place.ipv4_address),
        ipv6_address: text(&place.ipv6_address),
        link_local_ips: list(&place.link_local_ips),
    });
    // Both are the engine's to fill in; Compose says them, and a container that never ran shows it.
    settings.ip_address = text(&place.ipv4_address);
    settings.ipv6_gateway = text(&place.ipv6_address);
    settings.mac_address = text(&place.mac_address);
    settings.driver_opts = map(&driver_options(request, place)?);
    settings.gw_priority = (place.gw_priority != 0).then_some(place.gw_priority);
    Ok(settings)
}

/// The names a container answers to on a network: its own, then the service's.
fn aliases(request: &ContainerRequest<'_>, place: Option<&ServiceNetwork>) -> Vec<String> {
    let mut names = vec![request.container_name.to_owned()];
    let own_only = matches!(
        request.role,
        Role::OneOff {
            aliases: Aliases::Own,
            ..
        }
    );
    if !own_only {
        names.push(request.service_name.to_string());
        names.extend(place.iter().flat_map(|place| place.aliases.iter().cloned()));
    }
    names
}

fn driver_options(
    request: &ContainerRequest<'_>,
    place: &ServiceNetwork,
) -> Result<Mapping, Diagnostic> {
    let mut options = place.driver_opts.clone();
    if !place.interface_name.is_empty() {
        if request.surroundings.api < (1, 49) {
            return Err(Diagnostic::error(format!(
                "service `{}` sets `interface_name`, which this engine does not have",
                request.service_name
            ))
            .hint("`interface_name` needs Docker Engine 28.1 or later"));
        }
        options.insert(INTERFACE.into(), place.interface_name.clone());
    }
    Ok(options)
}

/// The container-wide hardware address, where the engine is old enough to want one.
fn mac_address(request: &ContainerRequest<'_>) -> Result<Option<String>, Diagnostic> {
    let service = request.service;
    let of = |key: &str| {
        let place = service.networks.get(key).and_then(Option::as_ref);
        place.map_or("", |place| &*place.mac_address)
    };
    let keys = by_priority(service);
    let primary = keys.first().copied().unwrap_or("default");
    let (own, there) = (&*service.mac_address, of(primary));
    if !own.is_empty() && !there.is_empty() && own != there {
        return Err(Diagnostic::error(format!(
            "service `{}` has two hardware addresses: `mac_address: {own}`, and {there} on its \
             first network `{primary}`",
            request.service_name
        ))
        .hint("remove one, or make them the same"));
    }
    if has_many_endpoints(request) {
        return Ok(None);
    }
    let with_address: Vec<&str> = keys.into_iter().filter(|key| !of(key).is_empty()).collect();
    if with_address.len() > 1 {
        return Err(Diagnostic::error(format!(
            "service `{}` has hardware addresses on several networks (`{}`), which this engine \
             cannot give",
            request.service_name,
            with_address.join("`, `")
        ))
        .hint("a hardware address for each network needs Docker Engine 25 or later"));
    }
    Ok(text(there).or_else(|| text(own)))
}
