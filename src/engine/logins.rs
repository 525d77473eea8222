//! Who is logged in to which registry: docker's `config.json` with its helpers, else podman's
//! `auth.json`. Secrets are handed to the engine and shown to nobody.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use serde_json::{Value, json};

use super::config::{DockerConfig, Lookup};
use crate::text::reference::{DEFAULT_DOMAIN, Reference};

/// Docker Hub, as docker's configuration calls it.
const HUB: &str = "https://index.docker.io/v1/";
/// Docker Hub, as the registries' own protocol calls it.
const HUB_REGISTRY: &str = "registry-1.docker.io";

/// What a registry wants to see.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// A name and its password.
    Password {
        /// The name.
        user: String,
        /// The password.
        secret: String,
    },
    /// A token that stands for both.
    Token(String),
}

/// Never the secret.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { user, .. } => write!(f, "Password({user})"),
            Self::Token(_) => f.write_str("Token"),
        }
    }
}

impl Login {
    fn document(&self, server: &str) -> Value {
        match self {
            Self::Password { user, secret } => {
                json!({"username": user, "password": secret, "serveraddress": server})
            }
            Self::Token(token) => json!({"identitytoken": token, "serveraddress": server}),
        }
    }
}

/// What is known of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Somebody is logged in.
    Login(Login),
    /// Nobody is.
    Nobody,
    /// A helper or a file that should know failed; its words hold no secret.
    Trouble(String),
}

/// The logins of this user. A registry is looked up once.
#[derive(Default)]
pub struct Logins {
    files: Vec<PathBuf>,
    known: Mutex<BTreeMap<String, Known>>,
}

impl Logins {
    /// Those of docker's configuration and of podman's.
    pub fn of(config: &DockerConfig, env: Lookup<'_>) -> Self {
        let value = |name: &str| {
            env(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let podman = [
            value("REGISTRY_AUTH_FILE"),
            value("XDG_RUNTIME_DIR").map(|dir| dir.join("containers/auth.json")),
            value("HOME").map(|dir| dir.join(".config/containers/auth.json")),
        ];
        let docker = config.dir.join("config.json");
        Self {
            files: std::iter::once(docker)
                .chain(podman.into_iter().flatten())
                .collect(),
            known: Mutex::default(),
        }
    }

    /// What is known of a registry: `ghcr.io`, or Docker Hub by any of its names.
    pub async fn of_registry(self: &Arc<Self>, registry: &str) -> Known {
        let server = server_of(registry).to_owned();
        if let Some(known) = self.remembered(&server) {
            return known;
        }
        let logins = Arc::clone(self);
        // A helper is another program, and may take its time.
        let looked_up = tokio::task::spawn_blocking(move || {
            let known = logins.look_up(&server);
            let mut all = logins.known.lock().unwrap_or_else(PoisonError::into_inner);
            all.insert(server, known.clone());
            known
        });
        looked_up.await.unwrap_or(Known::Nobody)
    }

    fn remembered(&self, server: &str) -> Option<Known> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(server).cloned()
    }

    /// The header for the registry of an image: JSON in base64 of the URL alphabet.
    pub async fn header(self: &Arc<Self>, image: &str) -> Option<String> {
        let registry = Reference::parse(image).ok()?.domain;
        match self.of_registry(&registry).await {
            Known::Login(login) => {
                let document = login.document(server_of(&registry)).to_string();
                Some(URL_SAFE.encode(document))
            }
            Known::Nobody | Known::Trouble(_) => None,
        }
    }

    /// Every registry that somebody is logged in to, for the engine's first builder.
    pub async fn all(self: &Arc<Self>) -> serde_json::Map<String, Value> {
        let mut all = serde_json::Map::new();
        let mut servers = Vec::new();
        for path in &self.files {
            let text = fs::read(path).unwrap_or_default();
            let config: Value = serde_json::from_slice(&text).unwrap_or_default();
            for key in ["auths", "credHelpers"] {
                let entries = config[key].as_object();
                servers.extend(entries.into_iter().flat_map(|map| map.keys().cloned()));
            }
        }
        for server in servers {
            if let Known::Login(login) = self.of_registry(&server).await {
                all.insert(server.clone(), login.document(&server));
            }
        }
        all
    }

    fn look_up(&self, server: &str) -> Known {
        for path in &self.files {
            match in_file(path, server) {
                Known::Nobody => {}
                known => return known,
            }
        }
        Known::Nobody
    }
}

/// How docker's configuration calls a registry.
fn server_of(registry: &str) -> &str {
    match registry {
        DEFAULT_DOMAIN | HUB_REGISTRY | "index.docker.io" => HUB,
        other => other,
    }
}

/// The registry's host, whichever way an entry writes it.
fn host_of(server: &str) -> &str {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    rest.split('/').next().unwrap_or(rest)
}

/// What one file, or the helper that it names, knows of a registry.
fn in_file(path: &Path, server: &str) -> Known {
    let Ok(text) = fs::read(path) else {
        return Known::Nobody;
    };
    let config: Value = match serde_json::from_slice(&text) {
        Ok(config) => config,
        Err(error) => {
            let at = (error.line(), error.column());
            let shown = path.display();
            return Known::Trouble(format!("{shown}:{}:{} is no JSON", at.0, at.1));
        }
    };
    // The entry may be written with a scheme and a path.
    let entries = [
        config["credHelpers"].as_object(),
        config["auths"].as_object(),
    ];
    let keys = entries.into_iter().flatten().flat_map(|map| map.keys());
    let keys: Vec<&str> = keys.map(String::as_str).collect();
    let own = keys.iter().find(|key| **key == server);
    let alike = || keys.iter().find(|key| host_of(key) == host_of(server));
    let name = own.or_else(alike).copied().unwrap_or(server);
    // `docker login` with a store leaves an empty entry behind.
    let mut config = config.clone();
    if let Some(auths) = config["auths"].as_object_mut() {
        auths.retain(|_, entry| {
            let said = |key| entry[key].as_str().is_some_and(|text| !text.is_empty());
            ["auth", "identitytoken", "username"].into_iter().any(said)
        });
    }
    match get_credential_from_reader(config.to_string().as_bytes(), name) {
        // Helpers say that a token is no password by this name.
        Ok(DockerCredential::UsernamePassword(user, secret)) if user == "<token>" => {
            Known::Login(Login::Token(secret))
        }
        Ok(DockerCredential::UsernamePassword(user, secret)) => Known::Login(Login::Password {
            user,
            // Old clients padded it.
            secret: secret.trim_end_matches('\0').to_owned(),
        }),
        Ok(DockerCredential::IdentityToken(token)) => Known::Login(Login::Token(token)),
        Err(error) => trouble(&error, name),
    }
}

/// What a failed look-up means. What a helper prints is not repeated: it may be a secret.
fn trouble(error: &CredentialRetrievalError, server: &str) -> Known {
    use CredentialRetrievalError as E;
    Known::Trouble(match error {
        E::NoCredentialConfigured | E::ConfigNotFound | E::ConfigReadError => return Known::Nobody,
        E::HelperFailure { stdout, stderr, .. }
            if stdout.contains("credentials not found")
                || stderr.contains("credentials not found") =>
        {
            return Known::Nobody;
        }
        E::HelperFailure { helper, .. } => {
            format!("the credential helper `docker-credential-{helper}` failed for {server}")
        }
        E::HelperCommunicationError => {
            format!("the credential helper for {server} cannot be run")
        }
        E::MalformedHelperResponse => {
            format!("the credential helper for {server} answered nonsense")
        }
        E::CredentialDecodingError => {
            format!("the `auth` of {server} is no base64 of `user:password`")
        }
        E::CredentialMismatchError => {
            format!("the `auth` of {server} is not its `username` and `password`")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logins(config: &str, podman: &str) -> (tempfile::TempDir, Arc<Logins>) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("config.json"), config).unwrap();
        fs::write(folder.path().join("auth.json"), podman).unwrap();
        let docker = DockerConfig {
            dir: folder.path().to_owned(),
            ..DockerConfig::default()
        };
        let podman = folder.path().join("auth.json").display().to_string();
        let env = |name: &str| (name == "REGISTRY_AUTH_FILE").then(|| podman.clone());
        let logins = Arc::new(Logins::of(&docker, &env));
        (folder, logins)
    }

    fn known(config: &str, registry: &str) -> Known {
        let (_folder, logins) = logins(config, "{}");
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(logins.of_registry(registry))
    }

    fn password(user: &str, secret: &str) -> Known {
        Known::Login(Login::Password {
            user: user.into(),
            secret: secret.into(),
        })
    }

    /// `me:p?>~\0` and `me:hub`.
    const PADDED: &str = "bWU6cD8+fgA=";
    const HUB_AUTH: &str = "bWU6aHVi";

    #[test]
    fn an_entry_is_found_however_it_is_written_and_loses_its_padding() {
        for key in ["r.example:5000", "https://r.example:5000/v2/"] {
            let config = format!(r#"{{"auths": {{"{key}": {{"auth": "{PADDED}"}}}}}}"#);
            assert_eq!(known(&config, "r.example:5000"), password("me", "p?>~"));
            assert_eq!(known(&config, "r.example"), Known::Nobody);
        }
        let config = format!(r#"{{"auths": {{"{HUB}": {{"auth": "{HUB_AUTH}"}}}}}}"#);
        for name in ["docker.io", "registry-1.docker.io", HUB] {
            assert_eq!(known(&config, name), password("me", "hub"), "{name}");
        }
        let config = r#"{"auths": {"r": {"identitytoken": "t"}}}"#;
        assert_eq!(known(config, "r"), Known::Login(Login::Token("t".into())));
    }

    #[test]
    fn what_is_no_login_is_nobody_and_what_is_broken_is_said_without_the_secret() {
        assert_eq!(known("{}", "r"), Known::Nobody);
        assert_eq!(known(r#"{"auths": {"r": {}}}"#, "r"), Known::Nobody);
        let Known::Trouble(text) = known(r#"{"auths": {"r": {"auth": "c2VjcmV0"}}}"#, "r") else {
            panic!("`secret` has no colon")
        };
        assert_eq!(text, "the `auth` of r is no base64 of `user:password`");
        let config = r#"{"credHelpers": {"r": "dco-no-such-helper"}}"#;
        let said = "the credential helper for r cannot be run".to_owned();
        assert_eq!(known(config, "r"), Known::Trouble(said));
    }

    #[test]
    fn the_header_is_in_the_url_alphabet_and_podmans_file_is_asked_too() {
        let config = format!(r#"{{"auths": {{"r.example": {{"auth": "{PADDED}"}}}}}}"#);
        let podman = r#"{"auths": {"p.example": {"auth": "bWU6aHVi"}}}"#;
        let (_folder, logins) = logins(&config, podman);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let header = |image: &str| runtime.block_on(logins.header(image));
        let told = header("r.example/app:1").unwrap();
        assert!(!told.contains(['+', '/']), "{told}");
        assert_eq!(
            String::from_utf8(URL_SAFE.decode(told).unwrap()).unwrap(),
            r#"{"username":"me","password":"p?>~","serveraddress":"r.example"}"#
        );
        assert!(header("p.example/app").is_some());
        assert_eq!(header("busybox"), None);
        let all = runtime.block_on(logins.all());
        assert_eq!(all.keys().collect::<Vec<_>>(), ["r.example", "p.example"]);
        assert!(
            !format!("{:?}", runtime.block_on(logins.of_registry("p.example"))).contains("hub")
        );
    }
}
