//! `build:` how a service's image is made.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use super::{Environment, ExtraHosts, FileReference, Mapping, Ulimit, UnitBytes, model};

model! {
    /// One `build:` section.
    pub struct Build {
        context: String,
        dockerfile: String,
        dockerfile_inline: String,
        entitlements: Vec<String>,
        args: Environment,
        provenance: String,
        sbom: String,
        ssh: Vec<SshKey>,
        labels: Mapping,
        cache_from: Vec<String>,
        cache_to: Vec<String>,
        no_cache: bool,
        no_cache_filter: Vec<String>,
        additional_contexts: Mapping,
        pull: bool,
        extra_hosts: ExtraHosts,
        isolation: String,
        network: String,
        target: String,
        secrets: Vec<FileReference>,
        shm_size: UnitBytes,
        tags: Vec<String>,
        ulimits: BTreeMap<String, Ulimit>,
        platforms: Vec<String>,
        privileged: bool,
    }
}

/// An SSH agent socket or key that the build may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct SshKey {
    /// The name the Dockerfile uses; `default` for the agent.
    pub id: String,
    /// A socket or key file; empty for the agent in `SSH_AUTH_SOCK`.
    #[serde(default)]
    pub path: String,
}

impl Serialize for SshKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.path.is_empty() {
            return serializer.serialize_str(&self.id);
        }
        serializer.collect_str(&format_args!("{}: {}", self.id, self.path))
    }
}
