//! The container's Config and HostConfig, put together from the parts of the other files.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigCgroupnsModeEnum as CgroupNamespace,
    HostConfigIsolationEnum as Isolation, HostConfigLogConfig, PortBinding, PortMap, RestartPolicy,
    RestartPolicyNameEnum as RestartName,
};

use super::network::Wiring;
use super::{
    Afterwards, ContainerRequest, Role, Stdin, labels, list, map, mounts, resources, text,
};
use crate::diagnostic::Diagnostic;
use crate::project::{Duration, HealthCheck, Service};

/// The container's own configuration.
pub(super) fn config(request: &ContainerRequest<'_>) -> Result<ContainerCreateBody, Diagnostic> {
    let service = request.service;
    let stdin = match request.role {
        Role::OneOff { stdin, .. } => stdin == Stdin::Attached,
        Role::Replica { .. } => false,
    };
    Ok(ContainerCreateBody {
        hostname: text(&service.hostname),
        domainname: text(&service.domainname),
        user: text(&service.user),
        attach_stdin: Some(stdin),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        exposed_ports: list(&exposed(service)),
        tty: Some(service.tty),
        open_stdin: Some(service.stdin_open),
        stdin_once: Some(stdin && service.stdin_open),
        env: list(&environment(request)),
        cmd: service.command.0.clone(),
        entrypoint: service.entrypoint.0.clone(),
        image: Some(super::image_name(
            request.project,
            request.service_name,
            service,
        )),
        healthcheck: match &service.healthcheck {
            Some(check) => Some(health(request, check)?),
            None => None,
        },
        working_dir: text(&service.working_dir),
        network_disabled: (service.network_mode == "disabled").then_some(true),
        labels: Some(labels::container(request)),
        stop_signal: text(&service.stop_signal),
        stop_timeout: service
            .stop_grace_period
            .map(|grace| grace.0 / 1_000_000_000),
        ..ContainerCreateBody::default()
    })
}

/// What the host gives the container.
pub(super) fn host_config(
    request: &ContainerRequest<'_>,
    wiring: &Wiring,
    links: Vec<String>,
) -> Result<HostConfig, Diagnostic> {
    let service = request.service;
    let mounts = mounts::mounts(request)?;
    let security = security(request)?;
    let mut host = HostConfig {
        auto_remove: Some(matches!(
            request.role,
            Role::OneOff {
                afterwards: Afterwards::Remove,
                ..
            }
        )),
        annotations: map(&service.annotations),
        binds: mounts.binds,
        mounts: mounts.mounts,
        cap_add: list(&capabilities(&service.cap_add)),
        cap_drop: list(&capabilities(&service.cap_drop)),
        network_mode: Some(wiring.mode.clone()),
        init: service.init,
        ipc_mode: text(&service.ipc),
        cgroupns_mode: cgroup_namespace(service)?,
        readonly_rootfs: Some(service.read_only),
        restart_policy: restart(request)?,
        shm_size: (service.shm_size.0 != 0).then_some(service.shm_size.0),
        sysctls: map(&service.sysctls),
        port_bindings: Some(bindings(service)),
        volume_driver: text(&service.volume_driver),
        volumes_from: list(&service.volumes_from),
        dns: list(&service.dns),
        dns_options: list(&service.dns_opt),
        dns_search: list(&service.dns_search),
        extra_hosts: Some(service.extra_hosts.entries(":")),
        security_opt: list(&security.options),
        masked_paths: security.unconfined.then(Vec::new),
        readonly_paths: security.unconfined.then(Vec::new),
        storage_opt: map(&service.storage_opt),
        userns_mode: text(&service.userns_mode),
        uts_mode: text(&service.uts),
        privileged: Some(service.privileged),
        pid_mode: text(&service.pid),
        tmpfs: tmpfs(service),
        isolation: isolation(service)?,
        runtime: text(&service.runtime),
        log_config: service.logging.as_ref().map(|logging| HostConfigLogConfig {
            typ: text(&logging.driver),
            config: map(&logging.options),
        }),
        group_add: list(&service.group_add),
        links: list(&links),
        oom_score_adj: (service.oom_score_adj != 0).then_some(service.oom_score_adj),
        ..HostConfig::default()
    };
    resources::fill(service, &mut host);
    Ok(host)
}

/// Capabilities in the form that Docker's client library sends: `CAP_`, capitals, each once.
fn capabilities(names: &[String]) -> Vec<String> {
    let full = |name: &String| match name.to_uppercase() {
        all if all == "ALL" || all.starts_with("CAP_") => all,
        short => format!("CAP_{short}"),
    };
    let names: BTreeSet<String> = names.iter().map(full).collect();
    names.into_iter().collect()
}

/// The environment, sorted: proxy variables below the service's own. A key without a value takes
/// the image's variable of that name away.
fn environment(request: &ContainerRequest<'_>) -> Vec<String> {
    let proxy = request.surroundings.proxy.iter();
    let mut variables: BTreeMap<&str, Option<&str>> =
        proxy.map(|(key, value)| (&**key, Some(&**value))).collect();
    let own = request.service.environment.iter();
    variables.extend(own.map(|(key, value)| (&**key, value.as_deref())));
    variables
        .into_iter()
        .map(|(key, value)| variable(key, value))
        .collect()
}

/// One variable as the engine takes it.
pub(super) fn variable(key: &str, value: Option<&str>) -> String {
    match value {
        Some(value) => format!("{key}={value}"),
        None => key.to_owned(),
    }
}

/// The ports that the container says it listens on, `port/protocol`.
fn exposed(service: &Service) -> Vec<String> {
    let published = service.ports.iter().map(container_port);
    let ports: BTreeSet<String> = service.expose.iter().cloned().chain(published).collect();
    ports.into_iter().collect()
}

fn container_port(port: &crate::project::Port) -> String {
    format!("{}/{}", port.target, port.protocol)
}

fn bindings(service: &Service) -> PortMap {
    let mut bindings = PortMap::new();
    for port in &service.ports {
        let of_port = bindings.entry(container_port(port)).or_default();
        of_port.get_or_insert_default().push(PortBinding {
            host_ip: Some(port.host_ip.clone()),
            host_port: Some(port.published.clone()),
        });
    }
    bindings
}

fn health(request: &ContainerRequest<'_>, check: &HealthCheck) -> Result<HealthConfig, Diagnostic> {
    let name = &request.service_name;
    if check.start_interval.is_some() && request.surroundings.api < (1, 44) {
        return Err(Diagnostic::error(format!(
            "service `{name}`: can't set healthcheck.start_interval as feature require \
             Docker Engine v25 or later"
        )));
    }
    if check.start_interval.is_some() && check.start_period.is_none() {
        return Err(Diagnostic::error(format!(
            "service `{name}`: healthcheck.start_interval requires healthcheck.start_period to be set"
        ))
        .hint("the interval holds during that time"));
    }
    let nanos = |duration: Option<Duration>| duration.map(|duration| duration.0);
    Ok(HealthConfig {
        test: match check.disable {
            true => Some(vec!["NONE".into()]),
            false => list(&check.test),
        },
        interval: nanos(check.interval),
        timeout: nanos(check.timeout),
        start_period: nanos(check.start_period),
        start_interval: nanos(check.start_interval),
        retries: check
            .retries
            .map(|retries| i64::try_from(retries).unwrap_or(i64::MAX)),
    })
}

/// `tmpfs:` as path → options.
fn tmpfs(service: &Service) -> Option<HashMap<String, String>> {
    let mounts: HashMap<String, String> = service
        .tmpfs
        .iter()
        .map(|entry| entry.split_once(':').unwrap_or((entry, "")))
        .map(|(path, options)| (path.to_owned(), options.to_owned()))
        .collect();
    (!mounts.is_empty()).then_some(mounts)
}

/// `restart`, or what `deploy.restart_policy` says over it; a one-off is never restarted.
fn restart(request: &ContainerRequest<'_>) -> Result<Option<RestartPolicy>, Diagnostic> {
    let service = request.service;
    if matches!(request.role, Role::OneOff { .. }) {
        return Ok(None);
    }
    let deployed = service
        .deploy
        .as_ref()
        .and_then(|deploy| deploy.restart_policy.as_ref());
    let (condition, attempts) = match deployed {
        Some(policy) => {
            let attempts = policy.max_attempts.unwrap_or(0);
            (
                &*policy.condition,
                i64::try_from(attempts).unwrap_or(i64::MAX),
            )
        }
        None if service.restart.is_empty() => return Ok(None),
        None => {
            let (name, attempts) = service
                .restart
                .split_once(':')
                .unwrap_or((&service.restart, ""));
            (name, attempts.parse().unwrap_or(0))
        }
    };
    let name = match condition {
        "" => RestartName::EMPTY,
        "none" | "no" => RestartName::NO,
        "on-failure" => RestartName::ON_FAILURE,
        "unless-stopped" => RestartName::UNLESS_STOPPED,
        "any" | "always" => RestartName::ALWAYS,
        other => {
            return Err(unknown(request, "restart policy", other)
                .hint("one of `no`, `always`, `unless-stopped`, `on-failure[:attempts]`"));
        }
    };
    Ok(Some(RestartPolicy {
        name: Some(name),
        maximum_retry_count: Some(attempts),
    }))
}

fn unknown(request: &ContainerRequest<'_>, what: &str, value: &str) -> Diagnostic {
    Diagnostic::error(format!(
        "service `{}` has the {what} `{value}`, which does not exist",
        request.service_name
    ))
}

fn cgroup_namespace(service: &Service) -> Result<Option<CgroupNamespace>, Diagnostic> {
    match &*service.cgroup {
        "" => Ok(None),
        "host" => Ok(Some(CgroupNamespace::HOST)),
        "private" => Ok(Some(CgroupNamespace::PRIVATE)),
        other => Err(
            Diagnostic::error(format!("`{other}` is not a cgroup namespace"))
                .hint("one of `host`, `private`"),
        ),
    }
}

fn isolation(service: &Service) -> Result<Option<Isolation>, Diagnostic> {
    match service.isolation.is_empty() {
        true => Ok(None),
        false => service.isolation.parse().map(Some).map_err(|_| {
            Diagnostic::error(format!("`{}` is not an isolation", service.isolation))
                .hint("one of `default`, `process`, `hyperv`")
        }),
    }
}

/// `security_opt`, with the profile that a file holds put in its place.
struct Security {
    options: Vec<String>,
    /// Whether no path of `/proc` and `/sys` is masked or read-only.
    unconfined: bool,
}

fn security(request: &ContainerRequest<'_>) -> Result<Security, Diagnostic> {
    let mut security = Security {
        options: Vec::new(),
        unconfined: false,
    };
    for option in &request.service.security_opt {
        if option == "systempaths=unconfined" {
            security.unconfined = true;
            continue;
        }
        let pair = option.split_once('=').or_else(|| option.split_once(':'));
        match pair {
            None if option != "no-new-privileges" => {
                return Err(unknown(request, "security option", option)
                    .hint("security options are `key=value`, or `no-new-privileges`"));
            }
            Some(("seccomp", profile)) if profile != "unconfined" && profile != "builtin" => {
                security.options.push(seccomp(request, profile)?);
            }
            _ => security.options.push(option.clone()),
        }
    }
    Ok(security)
}

fn seccomp(request: &ContainerRequest<'_>, profile: &str) -> Result<String, Diagnostic> {
    let path = request
        .project
        .working_dir
        .join(profile)
        .display()
        .to_string();
    let fail = |cause: String| {
        Diagnostic::error(format!(
            "cannot use the seccomp profile `{profile}` of service `{}`: {cause}",
            request.service_name
        ))
    };
    let text = (request.surroundings.read)(&path).map_err(|cause| fail(cause.to_string()))?;
    let json: serde_json::Value =
        serde_json::from_str(&text).map_err(|cause| fail(cause.to_string()))?;
    Ok(format!("seccomp={json}"))
}
