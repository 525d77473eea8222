//! `build:` how a service's image is made.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Environment, Extensions, ExtraHosts, FileReference, Form, Mapping, Render, Tree, Ulimit,
    UnitBytes, model, serialize_as_json,
};

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
        #[serde(deserialize_with = "ssh_keys")]
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
        extensions: Extensions,
    }
}

/// An SSH agent socket or key that the build may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SshKey {
    /// The name the Dockerfile uses; `default` for the agent.
    pub id: String,
    /// A socket or key file; empty for the agent in `SSH_AUTH_SOCK`.
    pub path: String,
}

impl Render for SshKey {
    fn hidden(&self, _form: Form) -> bool {
        false
    }

    fn render(&self, _form: Form) -> Tree {
        Tree::Text(match self.path.is_empty() {
            true => self.id.clone(),
            false => format!("{}: {}", self.id, self.path),
        })
    }
}

serialize_as_json!(SshKey);

/// For serde: keys by their name, as the canonical form holds them.
fn ssh_keys<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<SshKey>, D::Error> {
    let keys = BTreeMap::<String, Option<String>>::deserialize(deserializer)?;
    Ok(keys
        .into_iter()
        .map(|(id, path)| SshKey {
            id,
            path: path.unwrap_or_default(),
        })
        .collect())
}
