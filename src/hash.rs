//! Compose's config hash: the label by which `up` sees that a container no longer fits its file.
//!
//! It is the SHA-256 of the JSON that Go makes of the model, without what may change while the
//! container stays. The forms differ by version; dco writes one and accepts every one it knows.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::project::{Form, Mount, Network, Render, Service, Tree, Volume, write_compact};

/// Which versions of Docker Compose a hash is equal to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HashForm {
    /// 2.x: `bind.create_host_path` is hashed where it is true.
    Two,
    /// 5.x: `bind.create_host_path` is hashed where it is false.
    #[default]
    Five,
}

impl HashForm {
    /// Every form that is known, the newest first.
    pub const ALL: [Self; 2] = [Self::Five, Self::Two];

    /// The form of a version of Docker Compose, such as `2.40.3` or `v5.5.0`.
    pub fn of_version(version: &str) -> Self {
        match version.trim_start_matches('v').split('.').next() {
            Some("1" | "2") => Self::Two,
            _ => Self::Five,
        }
    }
}

/// Reads `DCO_COMPOSE_HASH`: `2` or `5`.
impl FromStr for HashForm {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "2" => Ok(Self::Two),
            "5" => Ok(Self::Five),
            _ => Err(format!("`{text}` is not a form of the config hash: 2 or 5")),
        }
    }
}

/// A config hash: 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConfigHash(pub String);

impl fmt::Display for ConfigHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The hash of a service, as it is when its containers are created: environment resolved, files
/// folded in, references to other services' containers replaced.
pub fn service(service: &Service, form: HashForm) -> ConfigHash {
    hash(&hashed(service, form))
}

/// What the hash of a service is made of.
pub fn hashed(service: &Service, form: HashForm) -> Tree {
    let mut tree = service.render(Form::Json);
    let fields = fields_of(&mut tree);
    fields.retain(|(key, _)| {
        !matches!(
            key.as_ref(),
            "build" | "pull_policy" | "scale" | "depends_on" | "profiles"
        )
    });
    if let Some(deploy) = field(fields, "deploy") {
        fields_of(deploy).retain(|(key, _)| key != "replicas");
    }
    if form == HashForm::Five
        && let Some(Tree::List(mounts)) = field(fields, "volumes")
    {
        for (mount, tree) in service.volumes.iter().zip(mounts) {
            opt_out_of_host_path(mount, tree);
        }
    }
    tree
}

/// The hash of a network.
pub fn network(network: &Network) -> ConfigHash {
    hash(&network.render(Form::Json))
}

/// The hash of a volume.
pub fn volume(volume: &Volume) -> ConfigHash {
    let mut volume = volume.clone();
    if volume.driver.is_empty() {
        volume.driver = "local".to_owned();
    }
    hash(&volume.render(Form::Json))
}

/// Whether a recorded hash is one that any known Compose would give the service.
///
/// Where none is recorded, nothing is known and nothing is held against the container.
pub fn service_matches(described: &Service, recorded: &str) -> bool {
    recorded.is_empty()
        || HashForm::ALL
            .iter()
            .any(|&form| service(described, form).0 == recorded)
}

/// Compose 5 leaves `create_host_path` out where it holds, and says so where it does not.
fn opt_out_of_host_path(mount: &Mount, tree: &mut Tree) {
    let Some(options) = &mount.bind else { return };
    let Some(bind) = field(fields_of(tree), "bind") else {
        return;
    };
    let bind = fields_of(bind);
    bind.retain(|(key, _)| key != "create_host_path");
    if !options.create_host_path.holds() {
        let at = bind.iter().position(|(key, _)| key == "recursive");
        let at = at.unwrap_or(bind.len());
        bind.insert(at, ("create_host_path".into(), Tree::Bool(false)));
    }
}

type Fields = Vec<(std::borrow::Cow<'static, str>, Tree)>;

fn fields_of(tree: &mut Tree) -> &mut Fields {
    match tree {
        Tree::Fields(fields) | Tree::Map(fields) => fields,
        _ => unreachable!("structs of the model are rendered as fields"),
    }
}

fn field<'f>(fields: &'f mut Fields, key: &str) -> Option<&'f mut Tree> {
    fields
        .iter_mut()
        .find(|(name, _)| name == key)
        .map(|(_, tree)| tree)
}

fn hash(tree: &Tree) -> ConfigHash {
    struct Hasher(Sha256);
    impl fmt::Write for Hasher {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.update(text.as_bytes());
            Ok(())
        }
    }
    let mut hasher = Hasher(Sha256::new());
    // Writing to a hasher cannot fail.
    let _ = write_compact(tree, &mut hasher);
    let digest = hasher.0.finalize();
    ConfigHash(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &str = r#"{
        "profiles": ["x"], "build": {"context": "/srv", "dockerfile": "Dockerfile"}, "cpus": 0.7,
        "command": ["sh", "-c", "echo <a> & b > c; sleep 1d"],
        "configs": [{"source": "c", "mode": "0440"}],
        "depends_on": {"bare": {"condition": "service_started", "required": true}},
        "deploy": {"mode": "replicated", "replicas": 2, "labels": {"d": "e"},
            "restart_policy": {"condition": "on-failure", "delay": "5s"}},
        "entrypoint": [], "environment": {"A": "1", "B": "<é>", "N": null},
        "extra_hosts": {"b": ["1.2.3.4"], "a": ["::1"]},
        "healthcheck": {"test": ["CMD-SHELL", "true"], "timeout": "90s", "interval": "90s",
            "retries": 3},
        "image": "busybox:latest", "labels": {"a": "<b>", "z": "1"}, "mem_limit": "64m",
        "networks": {"default": null},
        "ports": [
            {"mode": "ingress", "target": 80, "published": "8080", "protocol": "tcp"},
            {"mode": "ingress", "target": 81, "published": "8081", "protocol": "tcp"},
            {"mode": "ingress", "host_ip": "127.0.0.1", "target": 90, "protocol": "udp"}],
        "pull_policy": "always", "scale": 2, "stop_grace_period": "1m30s",
        "ulimits": {"nofile": 10, "nproc": {"soft": 1, "hard": 2}},
        "volumes": [
            {"type": "bind", "source": "/tmp", "target": "/a", "read_only": true,
                "bind": {"create_host_path": true}},
            {"type": "volume", "source": "data", "target": "/b", "volume": {}},
            {"type": "volume", "target": "/c"},
            {"type": "bind", "source": "/tmp", "target": "/d",
                "bind": {"create_host_path": false}}]
    }"#;

    fn described(json: &str) -> Service {
        serde_json::from_str(json).unwrap()
    }

    fn sha256(text: &str) -> String {
        let digest = Sha256::digest(text.as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The hashes are those on containers that Docker Compose 2.40.3 created.
    #[test]
    fn a_service_hashes_to_what_compose_2_writes_on_its_containers() {
        let bare = described(r#"{"image": "busybox", "networks": {"default": null}}"#);
        assert_eq!(
            service(&bare, HashForm::Two).to_string(),
            "2afd7866203dca40993313263173003833e9de9c3ad83f2f59484e32a5605234"
        );
        assert_eq!(
            service(&described(WEB), HashForm::Two).to_string(),
            "afc53d33904e427440b9657bb2b28f6c3fe35b039a78fff7623229e08af17c42"
        );
    }

    #[test]
    fn compose_5_hashes_a_host_path_only_where_it_must_not_be_created() {
        let mounts = described(
            r#"{"image": "a", "volumes": [
                {"type": "bind", "source": "/a", "target": "/a", "bind": {"create_host_path": true}},
                {"type": "bind", "source": "/b", "target": "/b", "bind": {"selinux": "z"}},
                {"type": "bind", "source": "/c", "target": "/c",
                    "bind": {"create_host_path": false, "propagation": "rshared", "recursive": "disabled"}},
                {"type": "tmpfs", "target": "/t"}]}"#,
        );
        let text = r#"{"command":null,"entrypoint":null,"image":"a","volumes":[{"type":"bind","source":"/a","target":"/a","bind":{}},{"type":"bind","source":"/b","target":"/b","bind":{"selinux":"z"}},{"type":"bind","source":"/c","target":"/c","bind":{"propagation":"rshared","create_host_path":false,"recursive":"disabled"}},{"type":"tmpfs","target":"/t"}]}"#;
        assert_eq!(service(&mounts, HashForm::Five).0, sha256(text));
    }

    #[test]
    fn what_may_change_while_a_container_stays_is_not_hashed() {
        let web = described(WEB);
        let mut changed = web.clone();
        changed.build = None;
        changed.pull_policy.clear();
        changed.scale = None;
        changed.depends_on.clear();
        changed.profiles.clear();
        changed.deploy.as_mut().unwrap().replicas = Some(7);
        for form in HashForm::ALL {
            assert_eq!(service(&web, form), service(&changed, form));
            changed.image.push('x');
            assert_ne!(service(&web, form), service(&changed, form));
            changed.image.pop();
        }
    }

    /// The hashes are those on what Docker Compose 2.40.3 created.
    #[test]
    fn networks_and_volumes_hash_to_what_compose_writes_on_them() {
        let default: Network = serde_json::from_str(
            r#"{"name": "lvh_default", "driver": "bridge", "labels": {"a": "b"}}"#,
        )
        .unwrap();
        assert_eq!(
            network(&default).0,
            "a3809907d95fa806b412272f8619d58b8a626577d9eb879b9615d772210f8291"
        );
        let data: Volume =
            serde_json::from_str(r#"{"name": "lvh_data", "labels": {"k": "v"}}"#).unwrap();
        assert_eq!(
            volume(&data).0,
            "541d77ddc8540cfbe26dda47b9b77d22f60761586ee037b654257b606ff83932"
        );
    }

    #[test]
    fn any_known_form_counts_as_up_to_date() {
        let web = described(WEB);
        let [five, two] = HashForm::ALL.map(|form| service(&web, form));
        assert_ne!(five, two);
        assert!(service_matches(&web, &five.0) && service_matches(&web, &two.0));
        assert!(service_matches(&web, ""));
        assert!(!service_matches(&web, &"0".repeat(64)));
    }

    #[test]
    fn a_form_is_chosen_by_name_or_by_version() {
        assert_eq!("2".parse(), Ok(HashForm::Two));
        assert_eq!("5".parse(), Ok(HashForm::Five));
        assert!("3".parse::<HashForm>().is_err());
        assert_eq!(HashForm::of_version("v2.40.3"), HashForm::Two);
        assert_eq!(HashForm::of_version("5.5.0"), HashForm::Five);
    }
}
