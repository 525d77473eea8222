//! Where the engine is: `--host`, `DOCKER_HOST`, docker contexts, the well-known sockets.
//!
//! Reads the environment and docker's files, never touches a socket: a command that needs no
//! engine costs nothing here. The order is the docker CLI's.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::config::{DockerConfig, Lookup};
use super::error::{Error, Result};

/// What the command line says about the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// `-H`, `--host`.
    pub host: Option<String>,
    /// `--context`.
    pub context: Option<String>,
    /// `--tls` and its kin.
    pub tls: TlsFlags,
}

/// What the command line says about encryption; it beats the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFlags {
    /// `--tls`.
    pub enabled: bool,
    /// `--tlsverify`.
    pub verify: bool,
    /// `--tlscacert`.
    pub ca: Option<PathBuf>,
    /// `--tlscert`.
    pub certificate: Option<PathBuf>,
    /// `--tlskey`.
    pub key: Option<PathBuf>,
}

/// The address of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A socket on this machine.
    Unix(PathBuf),
    /// A port somewhere, plain or in TLS.
    Tcp {
        /// Name or address.
        host: String,
        /// Its port.
        port: u16,
        /// What the paths of all calls begin with; mostly empty.
        base: String,
        /// How it is encrypted; none for a plain connection.
        tls: Option<Tls>,
    },
    /// The docker CLI of another machine, over ssh.
    Ssh {
        /// Who logs in; none for what ssh's own configuration says.
        user: Option<String>,
        /// Where.
        host: String,
        /// The port; none for what ssh's own configuration says.
        port: Option<u16>,
    },
}

/// The material of an encrypted connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Who signs the engine's certificate; none for the system's authorities.
    pub ca: Option<PathBuf>,
    /// Our certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// Whether the engine has to prove who it is.
    pub verify: Verify,
}

/// Whether the engine's certificate is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    /// It is.
    #[default]
    Peer,
    /// It is not (`DOCKER_TLS` without `DOCKER_TLS_VERIFY`, `SkipTLSVerify` of a context).
    Nothing,
}

/// As `DOCKER_HOST` would give it.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp {
                host, port, base, ..
            } if host.contains(':') => write!(f, "tcp://[{host}]:{port}{base}"),
            Self::Tcp {
                host, port, base, ..
            } => write!(f, "tcp://{host}:{port}{base}"),
            Self::Ssh { user, host, port } => {
                f.write_str("ssh://")?;
                if let Some(user) = user {
                    write!(f, "{user}@")?;
                }
                f.write_str(host)?;
                match port {
                    Some(port) => write!(f, ":{port}"),
                    None => Ok(()),
                }
            }
        }
    }
}

/// The variable's value, where it is set and not empty.
fn set(env: Lookup<'_>, name: &str) -> Option<String> {
    env(name).filter(|value| !value.is_empty())
}

impl Endpoint {
    /// Finds the engine as the docker CLI does: `--context`, `--host`, `DOCKER_HOST`,
    /// `DOCKER_CONTEXT`, the configuration's current context, the well-known sockets.
    ///
    /// # Errors
    ///
    /// An address that cannot be read, a context that is not there, TLS files that are missing.
    pub fn resolve(selection: &Selection, config: &DockerConfig, env: Lookup<'_>) -> Result<Self> {
        if selection.host.is_some() && selection.context.is_some() {
            return Err(Error::address(
                "conflicting options: cannot specify both --host and --context",
            ));
        }
        let host = selection.host.clone().or_else(|| set(env, "DOCKER_HOST"));
        let context = match (&selection.context, &host) {
            (Some(context), _) => Some(context.clone()),
            (None, Some(_)) => None,
            (None, None) => {
                set(env, "DOCKER_CONTEXT").or_else(|| config.file.current_context.clone())
            }
        };
        match (context.filter(|name| name != "default"), host) {
            (Some(context), _) => from_context(&context, config),
            (None, Some(host)) => Self::parse(&host, chosen_tls(&selection.tls, config, env)),
            (None, None) => Ok(Self::Unix(well_known_socket(env))),
        }
    }

    /// Reads an address in `DOCKER_HOST`'s form.
    ///
    /// # Errors
    ///
    /// A scheme that is not known, a host that is missing.
    pub fn parse(text: &str, tls: Option<Tls>) -> Result<Self> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("tcp", text));
        let invalid = |what: &str| Error::Address {
            message: format!("`{text}` is no address of an engine: {what}"),
            hint: Some(
                "`unix:///var/run/docker.sock`, `tcp://host:2375` and `ssh://user@host` are"
                    .to_owned(),
            ),
            cause: None,
        };
        match scheme {
            "unix" if rest.is_empty() => Ok(Self::Unix(DEFAULT_SOCKET.into())),
            "unix" => Ok(Self::Unix(rest.into())),
            "tcp" | "http" | "https" => {
                let tls = match scheme {
                    "http" => None,
                    "https" => Some(tls.unwrap_or_default()),
                    _ => tls,
                };
                let (authority, base) = match rest.find('/') {
                    Some(at) => (&rest[..at], rest[at..].trim_end_matches('/')),
                    None => (rest, ""),
                };
                let (host, port) = split_port(authority).map_err(invalid)?;
                let default = match (scheme, &tls) {
                    ("http", _) => 80,
                    ("https", _) => 443,
                    (_, Some(_)) => 2376,
                    (_, None) => 2375,
                };
                Ok(Self::Tcp {
                    host: if host.is_empty() { "localhost" } else { host }.to_owned(),
                    port: port.unwrap_or(default),
                    base: base.to_owned(),
                    tls,
                })
            }
            "ssh" => {
                let rest = rest.trim_end_matches('/');
                if rest.contains('/') {
                    return Err(invalid("a path has no meaning there"));
                }
                let (user, authority) = match rest.rsplit_once('@') {
                    Some((user, authority)) => (Some(user.to_owned()), authority),
                    None => (None, rest),
                };
                let (host, port) = split_port(authority).map_err(invalid)?;
                if host.is_empty() || host.starts_with('-') {
                    return Err(invalid("the host is missing"));
                }
                Ok(Self::Ssh {
                    user,
                    host: host.to_owned(),
                    port,
                })
            }
            _ => Err(invalid(&format!("`{scheme}://` is not known"))),
        }
    }

    /// Whether the engine may share this machine's files and processes.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Unix(_))
    }
}

/// Where the engine of a machine listens.
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// Splits `host:port`, `[::1]:port`, `host`.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), &'static str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or("a `]` is missing")?;
            (host, rest.strip_prefix(':'))
        }
        None => match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = match port {
        Some(port) => Some(port.parse().map_err(|_| "its port is no number")?),
        None => None,
    };
    Ok((host, port))
}

/// The first of the usual sockets that this user may write to; else the first that is there; else
/// the machine's, so that the message names it.
fn well_known_socket(env: Lookup<'_>) -> PathBuf {
    let mut candidates = vec![PathBuf::from(DEFAULT_SOCKET)];
    if let Some(dir) = set(env, "XDG_RUNTIME_DIR") {
        candidates.push(Path::new(&dir).join("docker.sock"));
    }
    if let Some(home) = set(env, "HOME") {
        candidates.push(Path::new(&home).join(".docker/run/docker.sock"));
    }
    let may_write =
        |path: &&PathBuf| rustix::fs::access(*path, rustix::fs::Access::WRITE_OK).is_ok();
    candidates
        .iter()
        .find(may_write)
        .or_else(|| candidates.iter().find(|path| path.exists()))
        .unwrap_or(&candidates[0])
        .clone()
}

/// `--tlsverify`, `--tls`, `DOCKER_TLS_VERIFY`, `DOCKER_TLS` and `DOCKER_CERT_PATH`.
fn chosen_tls(flags: &TlsFlags, config: &DockerConfig, env: Lookup<'_>) -> Option<Tls> {
    let verify = flags.verify || (!flags.enabled && set(env, "DOCKER_TLS_VERIFY").is_some());
    let enabled = verify || flags.enabled || set(env, "DOCKER_TLS").is_some();
    if !enabled {
        return None;
    }
    let dir = set(env, "DOCKER_CERT_PATH").map_or_else(|| config.dir.clone(), PathBuf::from);
    let verify = match verify {
        true => Verify::Peer,
        false => Verify::Nothing,
    };
    let found = tls_in(&dir, verify);
    Some(Tls {
        ca: flags.ca.clone().or(found.ca),
        identity: flags
            .certificate
            .clone()
            .zip(flags.key.clone())
            .or(found.identity),
        verify,
    })
}

/// The material that a directory holds.
fn tls_in(dir: &Path, verify: Verify) -> Tls {
    let there = |name: &str| Some(dir.join(name)).filter(|path| path.exists());
    Tls {
        ca: there("ca.pem"),
        identity: there("cert.pem").zip(there("key.pem")),
        verify,
    }
}

/// What dco reads of a context's `meta.json`.
#[derive(Deserialize)]
struct Meta {
    #[serde(rename = "Endpoints", default)]
    endpoints: std::collections::BTreeMap<String, MetaEndpoint>,
}

/// One endpoint of a context.
#[derive(Deserialize)]
struct MetaEndpoint {
    #[serde(rename = "Host", default)]
    host: String,
    #[serde(rename = "SkipTLSVerify", default)]
    skip_tls_verify: bool,
}

/// The engine of a docker context: `contexts/meta/<digest of its name>/meta.json`.
fn from_context(name: &str, config: &DockerConfig) -> Result<Endpoint> {
    let digest: String = Sha256::digest(name.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let contexts = config.dir.join("contexts");
    let path = contexts.join("meta").join(&digest).join("meta.json");
    let text = std::fs::read_to_string(&path).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::NotFound => Error::Address {
            message: format!("docker context `{name}` is not defined"),
            hint: Some(format!(
                "`docker context ls` lists them; dco looked for {}",
                path.display()
            )),
            cause: None,
        },
        _ => Error::Address {
            message: format!(
                "docker context `{name}` cannot be read from {}",
                path.display()
            ),
            hint: None,
            cause: Some(cause),
        },
    })?;
    let meta: Meta = serde_json::from_str(&text).map_err(|cause| Error::Address {
        message: format!(
            "docker context `{name}`: {} is no valid JSON",
            path.display()
        ),
        hint: None,
        cause: Some(cause.into()),
    })?;
    let endpoint = meta
        .endpoints
        .get("docker")
        .filter(|endpoint| !endpoint.host.is_empty())
        .ok_or_else(|| Error::address(format!("docker context `{name}` names no docker engine")))?;
    let dir = contexts.join("tls").join(&digest).join("docker");
    let verify = match endpoint.skip_tls_verify {
        true => Verify::Nothing,
        false => Verify::Peer,
    };
    let tls = (dir.is_dir() || endpoint.skip_tls_verify).then(|| tls_in(&dir, verify));
    Endpoint::parse(&endpoint.host, tls)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        match Endpoint::parse(text, None) {
            Ok(endpoint) => endpoint.to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn every_form_of_docker_host_is_read() {
        assert_eq!(parsed("unix:///run/x.sock"), "unix:///run/x.sock");
        assert_eq!(parsed("unix://"), "unix:///var/run/docker.sock");
        assert_eq!(parsed("tcp://build"), "tcp://build:2375");
        assert_eq!(parsed("tcp://build:99/base/"), "tcp://build:99/base");
        assert_eq!(parsed("tcp://[::1]:99"), "tcp://[::1]:99");
        assert_eq!(parsed("http://build"), "tcp://build:80");
        assert_eq!(parsed("build:99"), "tcp://build:99");
        assert_eq!(parsed("ssh://me@build:2222"), "ssh://me@build:2222");
        assert_eq!(parsed("ssh://build"), "ssh://build");
        assert_eq!(
            parsed("carrier://pigeon"),
            "`carrier://pigeon` is no address of an engine: `carrier://` is not known"
        );
        assert_eq!(
            parsed("tcp://build:many"),
            "`tcp://build:many` is no address of an engine: its port is no number"
        );
        // A host that ssh would take for an option.
        assert!(Endpoint::parse("ssh://-oProxyCommand=x", None).is_err());
    }

    fn config_with_context(name: &str, meta: &str) -> (tempfile::TempDir, DockerConfig) {
        let dir = tempfile::tempdir().unwrap();
        let digest: String = Sha256::digest(name.as_bytes())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let at = dir.path().join("contexts/meta").join(&digest);
        std::fs::create_dir_all(&at).unwrap();
        std::fs::write(at.join("meta.json"), meta).unwrap();
        let tls = dir.path().join("contexts/tls").join(&digest).join("docker");
        std::fs::create_dir_all(&tls).unwrap();
        for file in ["ca.pem", "cert.pem", "key.pem"] {
            std::fs::write(tls.join(file), "").unwrap();
        }
        let config = DockerConfig {
            dir: dir.path().to_owned(),
            ..DockerConfig::default()
        };
        (dir, config)
    }

    #[test]
    fn a_context_gives_its_host_and_its_tls_material() {
        let (_dir, mut config) = config_with_context(
            "far",
            r#"{"Name":"far","Metadata":{},"Endpoints":{"docker":{"Host":"tcp://far:2376","SkipTLSVerify":false}}}"#,
        );
        let none = |_: &str| None;
        let chosen = Selection {
            context: Some("far".to_owned()),
            ..Selection::default()
        };
        let Endpoint::Tcp { host, tls, .. } = Endpoint::resolve(&chosen, &config, &none).unwrap()
        else {
            panic!("not tcp");
        };
        assert_eq!(host, "far");
        let tls = tls.unwrap();
        assert!(tls.ca.unwrap().ends_with("docker/ca.pem"));
        assert_eq!(tls.verify, Verify::Peer);

        config.file.current_context = Some("far".to_owned());
        let current = Endpoint::resolve(&Selection::default(), &config, &none).unwrap();
        assert_eq!(current.to_string(), "tcp://far:2376");

        // DOCKER_HOST beats the current context, as docker's own order has it.
        let host = |name: &str| (name == "DOCKER_HOST").then(|| "unix:///y".to_owned());
        let endpoint = Endpoint::resolve(&Selection::default(), &config, &host).unwrap();
        assert_eq!(endpoint.to_string(), "unix:///y");
    }

    #[test]
    fn an_unknown_context_is_named() {
        let (_dir, config) = config_with_context("far", "{}");
        let context = |name: &str| (name == "DOCKER_CONTEXT").then(|| "near".to_owned());
        let error = Endpoint::resolve(&Selection::default(), &config, &context).unwrap_err();
        assert_eq!(error.to_string(), "docker context `near` is not defined");
        assert!(error.hint().unwrap().contains("docker context ls"));
    }

    #[test]
    fn tls_of_the_environment_is_taken_only_where_it_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), "").unwrap();
        let path = dir.path().display().to_string();
        let env = move |name: &str| match name {
            "DOCKER_HOST" => Some("tcp://far".to_owned()),
            "DOCKER_TLS_VERIFY" => Some("1".to_owned()),
            "DOCKER_CERT_PATH" => Some(path.clone()),
            _ => None,
        };
        let config = DockerConfig::default();
        let endpoint = Endpoint::resolve(&Selection::default(), &config, &env).unwrap();
        let Endpoint::Tcp { port, tls, .. } = endpoint else {
            panic!("not tcp");
        };
        assert_eq!(port, 2376);
        assert!(tls.unwrap().ca.is_some());
    }
}
