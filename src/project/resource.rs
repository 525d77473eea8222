//! The project and its top-level resources: networks, volumes, secrets, configs, models.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Blank, Extensions, Mapping, Service, model};
use crate::name::ServiceName;

/// A compose project, loaded.
///
/// Printed by `config`, planned by `up`. Maps are sorted by key, as Compose sorts them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Project {
    /// The project's name, already normalised.
    pub name: String,
    /// Where the name came from; a derived one is guarded against another checkout.
    pub name_origin: NameOrigin,
    /// What relative paths start from.
    pub working_dir: PathBuf,
    /// The files, in the order they were merged.
    pub compose_files: Vec<String>,
    /// The files named by `--env-file`, for the container label.
    pub env_files: Vec<String>,
    /// Services that are on.
    pub services: BTreeMap<ServiceName, Service>,
    /// Services whose profiles are off, or that were not selected.
    pub disabled_services: BTreeMap<ServiceName, Service>,
    /// Networks by key.
    pub networks: BTreeMap<String, Network>,
    /// Volumes by key.
    pub volumes: BTreeMap<String, Volume>,
    /// Secrets by key.
    pub secrets: BTreeMap<String, FileObject>,
    /// Configs by key.
    pub configs: BTreeMap<String, FileObject>,
    /// Models by key.
    pub models: BTreeMap<String, Model>,
    /// Top-level `x-*` keys.
    pub extensions: Extensions,
    /// The variables that the project was loaded with: the shell's, then `.env`'s.
    pub environment: Mapping,
    /// The active profiles.
    pub profiles: Vec<String>,
}

/// Where a project's name came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NameOrigin {
    /// `-p` or `COMPOSE_PROJECT_NAME`.
    Asked,
    /// `name:` in a file.
    File,
    /// The directory's name.
    #[default]
    Directory,
}

model! {
    /// One entry of `networks:`.
    pub struct Network {
        name: String,
        driver: String,
        driver_opts: Mapping,
        ipam: Ipam,
        external: bool,
        internal: bool,
        attachable: bool,
        labels: Mapping,
        enable_ipv4: Option<bool>,
        enable_ipv6: Option<bool>,
        #[serde(skip_serializing)]
        extensions: Extensions,
    }

    /// Address management of a network.
    pub struct Ipam {
        driver: String,
        config: Vec<IpamPool>,
    }

    /// One pool of addresses.
    pub struct IpamPool {
        subnet: String,
        gateway: String,
        ip_range: String,
        aux_addresses: Mapping,
    }

    /// One entry of `volumes:`.
    pub struct Volume {
        name: String,
        driver: String,
        driver_opts: Mapping,
        external: bool,
        labels: Mapping,
        #[serde(skip_serializing)]
        extensions: Extensions,
    }

    /// One entry of `secrets:` or `configs:`; `content` of a secret is never printed.
    pub struct FileObject {
        name: String,
        file: String,
        environment: String,
        content: String,
        external: bool,
        labels: Mapping,
        driver: String,
        driver_opts: Mapping,
        template_driver: String,
        #[serde(skip_serializing)]
        extensions: Extensions,
    }

    /// One entry of `models:`.
    pub struct Model {
        name: String,
        model: String,
        context_size: i64,
        runtime_flags: Vec<String>,
    }
}

impl Blank for Ipam {
    fn is_blank(&self) -> bool {
        false
    }
}
