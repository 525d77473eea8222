//! The project and its top-level resources: networks, volumes, secrets, configs, models.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{
    Extensions, Form, Mapping, Origin, Provenance, Render, Service, Tree, model, serialize_as_json,
};
use crate::diagnostic::{Diagnostic, Place};
use crate::name::ServiceName;

/// A compose project, loaded.
///
/// Printed by `config`, planned by `up`. Maps are sorted by key, as Compose sorts them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Project {
    /// The project's name, already normalised.
    pub name: String,
    /// How containers and images are named.
    pub naming: Naming,
    /// Where the name came from; a derived one is guarded against another checkout.
    pub name_origin: NameOrigin,
    /// What relative paths start from.
    pub working_dir: PathBuf,
    /// Where `.env` lies, and what the project is named after: elsewhere only where the files were
    /// fetched from another machine.
    pub home: PathBuf,
    /// The files, in the order they were merged.
    pub compose_files: Vec<String>,
    /// The addresses of other machines that are included, in the order they were met.
    pub remote_includes: Vec<String>,
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
    /// What was odd while loading.
    pub warnings: Vec<Diagnostic>,
    /// Where each value was written; asked through [`Project::place`] and [`Project::origin`].
    pub provenance: Provenance,
}

impl Project {
    /// Where a value was written: `&["services", "web", "environment", "DB_HOST"]`, list items by
    /// their index or, in lists of `KEY=value`, by their key.
    pub fn place(&self, path: &[&str]) -> Option<Place> {
        self.provenance.0.as_ref()?.place(path)
    }

    /// Where the last key of a path was written.
    pub fn key_place(&self, path: &[&str]) -> Option<Place> {
        self.provenance.0.as_ref()?.key_place(path)
    }

    /// Where a value came from: its place, and the variables in it with theirs.
    pub fn origin(&self, path: &[&str]) -> Option<Origin> {
        self.provenance.0.as_ref()?.origin(path)
    }
}

/// What stands between the parts of a container's or image's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// `app-web-1`.
    #[default]
    Dashes,
    /// `app_web_1`: docker-compose v1's, with `--compatibility`.
    Underscores,
}

impl Naming {
    /// Joins the parts of a name.
    pub fn join(self, parts: &[&str]) -> String {
        parts.join(match self {
            Self::Dashes => "-",
            Self::Underscores => "_",
        })
    }
}

/// Options that Docker Compose 2.40 reads over: neither its output nor its hashes hold them.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
#[serde(transparent)]
pub struct Unprinted(pub Mapping);

impl Render for Unprinted {
    fn hidden(&self, _form: Form) -> bool {
        true
    }

    fn render(&self, form: Form) -> Tree {
        self.0.render(form)
    }
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
        extensions: Extensions,
    }

    /// Address management of a network.
    pub struct Ipam {
        driver: String,
        config: Vec<IpamPool>,
        options: Unprinted,
        extensions: Extensions,
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
        extensions: Extensions,
    }

    /// One entry of `secrets:` or `configs:`; what must not be printed of it is left out by [`Project`].
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
        extensions: Extensions,
    }

    /// One entry of `models:`.
    pub struct Model {
        name: String,
        model: String,
        context_size: i64,
        runtime_flags: Vec<String>,
        extensions: Extensions,
    }
}

impl Render for Project {
    fn hidden(&self, _form: Form) -> bool {
        false
    }

    /// What `config` prints: a secret's content never, a config's only where the file holds it,
    /// models in YAML only.
    fn render(&self, form: Form) -> Tree {
        let secrets = self.secrets.iter().map(|(key, secret)| {
            let content = String::new();
            (
                key.clone(),
                FileObject {
                    content,
                    ..secret.clone()
                },
            )
        });
        let configs = self.configs.iter().map(|(key, config)| {
            let mut config = config.clone();
            if !config.environment.is_empty() {
                config.content.clear();
            }
            (key.clone(), config)
        });
        let mut fields = Vec::new();
        self.name.put("name", form, &mut fields);
        fields.push(("services".into(), self.services.render(form)));
        self.networks.put("networks", form, &mut fields);
        self.volumes.put("volumes", form, &mut fields);
        secrets
            .collect::<BTreeMap<_, _>>()
            .put("secrets", form, &mut fields);
        configs
            .collect::<BTreeMap<_, _>>()
            .put("configs", form, &mut fields);
        match form {
            Form::Yaml => {
                self.models.put("models", form, &mut fields);
                self.extensions.put("extensions", form, &mut fields);
                Tree::Fields(fields)
            }
            Form::Json => {
                for (key, value) in self.extensions.iter() {
                    fields.push((key.clone().into(), value.render(form)));
                }
                fields.sort_by(|(a, _), (b, _)| a.cmp(b));
                Tree::Map(fields)
            }
        }
    }
}

serialize_as_json!(Project);
