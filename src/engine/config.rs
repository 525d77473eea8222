//! Docker's own configuration file: what dco honours of `~/.docker/config.json`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// The environment, as far as docker's own settings go; a function, so that tests have their own.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Docker's configuration and where it lies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DockerConfig {
    /// `$DOCKER_CONFIG`, else `~/.docker`.
    pub dir: PathBuf,
    /// What its `config.json` says.
    pub file: ConfigFile,
    /// Why the file could not be read, where it is there and could not.
    pub problem: Option<String>,
}

/// The keys of `config.json` that dco honours.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ConfigFile {
    /// Where plugins are looked for first.
    pub cli_plugins_extra_dirs: Vec<String>,
    /// The context that `docker context use` chose.
    pub current_context: Option<String>,
    /// The keys that leave a container's terminal.
    pub detach_keys: Option<String>,
    /// The format of `ps`.
    pub ps_format: Option<String>,
    /// The format of `stats`.
    pub stats_format: Option<String>,
    /// Proxies given to containers and builds, by engine address or `default`.
    pub proxies: BTreeMap<String, Proxy>,
}

/// The proxies of one engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Proxy {
    /// `HTTP_PROXY`.
    pub http_proxy: String,
    /// `HTTPS_PROXY`.
    pub https_proxy: String,
    /// `NO_PROXY`.
    pub no_proxy: String,
    /// `FTP_PROXY`.
    pub ftp_proxy: String,
    /// `ALL_PROXY`.
    pub all_proxy: String,
}

impl DockerConfig {
    /// Reads the file; one that is missing is empty, one that is broken is empty with a problem, as
    /// the docker CLI has it.
    pub fn load(env: Lookup<'_>) -> Self {
        let value = |name: &str| env(name).filter(|value| !value.is_empty());
        let dir = match (value("DOCKER_CONFIG"), value("HOME")) {
            (Some(dir), _) => PathBuf::from(dir),
            (None, Some(home)) => PathBuf::from(home).join(".docker"),
            (None, None) => PathBuf::from(".docker"),
        };
        let path = dir.join("config.json");
        let read = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| error.to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(ConfigFile::default()),
            Err(error) => Err(error.to_string()),
        };
        let (file, problem) = match read {
            Ok(file) => (file, None),
            Err(why) => (
                ConfigFile::default(),
                Some(format!("{} cannot be read: {why}", path.display())),
            ),
        };
        Self { dir, file, problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_is_empty_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), "{").unwrap();
        let path = dir.path().display().to_string();
        let config = DockerConfig::load(&|name| (name == "DOCKER_CONFIG").then(|| path.clone()));
        assert_eq!(config.file, ConfigFile::default());
        assert!(
            config
                .problem
                .unwrap()
                .contains("config.json cannot be read")
        );
    }

    #[test]
    fn the_keys_that_dco_knows_are_read_and_others_ignored() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(
            dir.path().join("config.json"),
            r#"{"auths":{},"currentContext":"far","detachKeys":"ctrl-x","proxies":{"default":{"httpProxy":"http://p"}}}"#,
        )
        .unwrap();
        let path = dir.path().display().to_string();
        let config = DockerConfig::load(&|name| (name == "DOCKER_CONFIG").then(|| path.clone()));
        assert_eq!(config.problem, None);
        assert_eq!(config.file.current_context.as_deref(), Some("far"));
        assert_eq!(config.file.detach_keys.as_deref(), Some("ctrl-x"));
        assert_eq!(config.file.proxies["default"].http_proxy, "http://p");
    }
}
