//! What comes from outside the project and is the same for every container of a command.

use std::collections::BTreeMap;
use std::io;

use serde_json::Value;

use crate::project::{FileObject, FileReference, Mapping, Mount, MountType, Project};

/// What is the same for every container of a command.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The engine's API version.
    pub api: (u32, u32),
    /// Whether the engine mounts images.
    pub mounts_images: bool,
    /// Proxy variables of the Docker client's configuration: see [`proxy_variables`].
    pub proxy: &'a Mapping,
    /// Reads a file that a body carries inside itself (a seccomp profile).
    pub read: &'a (dyn Fn(&str) -> io::Result<String> + Sync),
}

/// The proxy variables that the Docker client's `config.json` gives every container, in both
/// spellings; those of `host` (the engine's address), else those of `default`.
pub fn proxy_variables(config: &Value, host: &str) -> Mapping {
    let proxies = &config["proxies"];
    let chosen = proxies.get(host).unwrap_or(&proxies["default"]);
    let mut variables = BTreeMap::new();
    for (key, name) in [
        ("httpProxy", "HTTP_PROXY"),
        ("httpsProxy", "HTTPS_PROXY"),
        ("noProxy", "NO_PROXY"),
        ("ftpProxy", "FTP_PROXY"),
        ("allProxy", "ALL_PROXY"),
    ] {
        if let Some(value) = chosen[key].as_str().filter(|value| !value.is_empty()) {
            variables.insert(name.to_owned(), value.to_owned());
            variables.insert(name.to_lowercase(), value.to_owned());
        }
    }
    variables
}

/// The key of the config that carries the credentials of services with `use_api_socket`.
const API_SOCKET: &str = "#apisocket";

/// Gives the services with `use_api_socket` the engine's socket, and a Docker configuration that
/// holds `credentials` (the text of a `config.json`) where they set no `DOCKER_CONFIG` themselves.
///
/// Compose does this before it hashes; so must who plans.
pub fn api_socket(project: &mut Project, credentials: &str) {
    let mut used = false;
    for service in project.services.values_mut() {
        if !service.use_api_socket {
            continue;
        }
        used = true;
        service.volumes.push(Mount {
            r#type: MountType::Bind,
            source: "/var/run/docker.sock".into(),
            target: "/var/run/docker.sock".into(),
            ..Mount::default()
        });
        service
            .environment
            .entry("DOCKER_CONFIG".into())
            .or_insert_with(|| Some("/run/secrets/docker".into()));
        service.configs.push(FileReference {
            source: API_SOCKET.into(),
            target: "/run/secrets/docker/config.json".into(),
            ..FileReference::default()
        });
    }
    if used {
        project.configs.insert(
            API_SOCKET.into(),
            FileObject {
                content: credentials.to_owned(),
                ..FileObject::default()
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_of_the_engine_s_address_win_over_the_default_ones() {
        let config = serde_json::json!({"proxies": {
            "default": {"httpProxy": "http://a:1", "noProxy": "localhost"},
            "tcp://b:2375": {"httpsProxy": "http://b:2", "allProxy": ""}
        }});
        let pairs = |host: &str| {
            proxy_variables(&config, host)
                .into_iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(
            pairs("unix:///var/run/docker.sock"),
            "HTTP_PROXY=http://a:1 NO_PROXY=localhost http_proxy=http://a:1 no_proxy=localhost"
        );
        assert_eq!(
            pairs("tcp://b:2375"),
            "HTTPS_PROXY=http://b:2 https_proxy=http://b:2"
        );
        assert!(proxy_variables(&Value::Null, "x").is_empty());
    }
}
