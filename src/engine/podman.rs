//! Podman's answers in Docker's words. Pure.

use serde_json::Value;

/// Mends a container of a list.
pub(super) fn listed(container: &mut Value) {
    if let Some(state) = container.get_mut("State") {
        mend_state(state);
    }
    let ports = container.get_mut("Ports").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten() {
        if !port["PublicPort"].is_null() && port["IP"].as_str().is_none_or(str::is_empty) {
            port["IP"] = ALL.into();
        }
    }
}

/// Mends what is said of one container.
pub(super) fn inspected(container: &mut Value) {
    if let Some(state) = container.pointer_mut("/State/Status") {
        mend_state(state);
    }
    let ports = container.pointer_mut("/NetworkSettings/Ports");
    let bindings = ports.and_then(Value::as_object_mut).into_iter().flatten();
    for binding in bindings.filter_map(|(_, all)| all.as_array_mut()).flatten() {
        if binding["HostIp"] == "" {
            binding["HostIp"] = ALL.into();
        }
    }
    mend_network_mode(container);
    mend_environment(container);
}

/// The address of a port that is published on all of them, which Podman leaves out.
const ALL: &str = "0.0.0.0";

/// Podman has a word of its own for a container that ends and one that has ended.
fn mend_state(word: &mut Value) {
    if word == "stopped" {
        *word = "exited".into();
    }
}

/// Every network is `bridge` to Podman; Docker names the one that the container was made with.
fn mend_network_mode(container: &mut Value) {
    let networks = container.pointer("/NetworkSettings/Networks");
    let mut names = networks.and_then(Value::as_object).into_iter().flatten();
    let first = names.next().map(|(name, _)| name.clone());
    let mode = container.pointer_mut("/HostConfig/NetworkMode");
    if let (Some(mode), Some(first)) = (mode, first.filter(|name| name != "podman"))
        && mode == "bridge"
    {
        *mode = first.into();
    }
}

/// Podman adds variables of its own, which nobody asked for.
fn mend_environment(container: &mut Value) {
    let id = container["Id"].as_str().unwrap_or_default();
    let host = id.get(..12).unwrap_or_default();
    let added = [
        "container=podman".to_owned(),
        "TERM=xterm".to_owned(),
        "HOME=/root".to_owned(),
        format!("HOSTNAME={host}"),
    ];
    let environment = container.pointer_mut("/Config/Env");
    if let Some(all) = environment.and_then(Value::as_array_mut) {
        all.retain(|one| !added.iter().any(|added| one == added.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn states_and_ports_of_a_list_are_said_in_dockers_words() {
        let mended = |mut container: Value| {
            listed(&mut container);
            container
        };
        assert_eq!(
            mended(json!({"State": "stopped"})),
            json!({"State": "exited"})
        );
        assert_eq!(
            mended(json!({"State": "running", "Ports": [
                {"PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"},
                {"PrivatePort": 81},
            ]})),
            json!({"State": "running", "Ports": [
                {"PrivatePort": 80, "PublicPort": 8080, "Type": "tcp", "IP": "0.0.0.0"},
                {"PrivatePort": 81},
            ]})
        );
    }

    #[test]
    fn what_is_said_of_one_container_is_what_docker_would_say() {
        let mut container = json!({
            "Id": "0123456789abcdef",
            "State": {"Status": "stopped", "ExitCode": 3},
            "Config": {"Env": [
                "A=1", "TERM=xterm", "container=podman", "HOME=/root", "HOSTNAME=0123456789ab",
            ]},
            "HostConfig": {"NetworkMode": "bridge"},
            "NetworkSettings": {
                "Networks": {"app_default": {}},
                "Ports": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}], "81/tcp": null},
            },
        });
        inspected(&mut container);
        assert_eq!(
            container,
            json!({
                "Id": "0123456789abcdef",
                "State": {"Status": "exited", "ExitCode": 3},
                "Config": {"Env": ["A=1"]},
                "HostConfig": {"NetworkMode": "app_default"},
                "NetworkSettings": {
                    "Networks": {"app_default": {}},
                    "Ports": {
                        "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}],
                        "81/tcp": null,
                    },
                },
            })
        );
    }
}
