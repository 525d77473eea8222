//! The containers of a project, as the verbs that list them see them.

use std::collections::HashMap;

use anyhow::{Result, anyhow};
use bollard::models::{ContainerSummary, PortSummary};

use super::Context;
use super::target::{self, Wanted};
use crate::engine::{Engine, Filters, Which, labelled};

/// The labels that Compose gives its containers.
pub mod label {
    /// The project.
    pub const PROJECT: &str = "com.docker.compose.project";
    /// The service.
    pub const SERVICE: &str = "com.docker.compose.service";
    /// The number among the service's containers.
    pub const NUMBER: &str = "com.docker.compose.container-number";
    /// `True` for what `run` made.
    pub const ONE_OFF: &str = "com.docker.compose.oneoff";
    /// The hash of the configuration; every container of Compose has it.
    pub const CONFIG_HASH: &str = "com.docker.compose.config-hash";
    /// The files the project was loaded from.
    pub const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
}

/// Whether what `run` made is among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OneOffs {
    /// It is.
    With,
    /// It is not.
    Without,
}

/// Which containers of a project.
#[derive(Clone, Copy, Debug)]
pub struct Selection<'a> {
    /// The project's name.
    pub project: &'a str,
    /// Running ones, or all.
    pub which: Which,
    /// With or without those of `run`.
    pub one_offs: OneOffs,
    /// Only those of these services; all where empty.
    pub services: &'a [String],
}

/// Lists containers, sorted by name.
///
/// # Errors
///
/// The engine's.
pub async fn list(engine: &Engine, wanted: Selection<'_>) -> Result<Vec<ContainerSummary>> {
    let mut filters = labelled(format!(
        "{}={}",
        label::PROJECT,
        wanted.project.to_lowercase()
    ));
    let labels = filters.entry("label".to_owned()).or_default();
    labels.push(label::CONFIG_HASH.to_owned());
    if wanted.one_offs == OneOffs::Without {
        labels.push(format!("{}=False", label::ONE_OFF));
    }
    if let [service] = wanted.services {
        labels.push(format!("{}={service}", label::SERVICE));
    }
    let mut found = engine.list_containers(wanted.which, &filters).await?;
    let is_wanted = |container: &ContainerSummary| {
        let service = container.label(label::SERVICE);
        wanted.services.is_empty() || wanted.services.iter().any(|wanted| wanted == service)
    };
    found.retain(is_wanted);
    found.sort_by_cached_key(Facts::canonical_name);
    Ok(found)
}

/// The running container that is meant, the first of several.
///
/// # Errors
///
/// The engine's, and that there is none.
pub async fn one(engine: &Engine, wanted: &Wanted<'_>, cx: &Context) -> Result<ContainerSummary> {
    let id = target::first(engine, wanted, cx).await?.id;
    let filters = Filters::from([("id".to_owned(), vec![id.to_string()])]);
    let found = engine.list_containers(Which::All, &filters).await?;
    let gone = || anyhow!("container {id} is gone");
    found.into_iter().next().ok_or_else(gone)
}

/// What is asked of a listed container again and again.
pub trait Facts {
    /// The value of a label; empty where it has none.
    fn label(&self, name: &str) -> &str;
    /// Its name, without those that links gave it.
    fn canonical_name(&self) -> String;
    /// Its whole id.
    fn id(&self) -> &str;
    /// The engine's word for its state.
    fn state_word(&self) -> String;
    /// Its ports, sorted.
    fn sorted_ports(&self) -> Vec<PortSummary>;
}

impl Facts for ContainerSummary {
    fn label(&self, name: &str) -> &str {
        let labels: Option<&HashMap<String, String>> = self.labels.as_ref();
        labels
            .and_then(|labels| labels.get(name))
            .map_or("", String::as_str)
    }

    fn canonical_name(&self) -> String {
        let names = self.names.as_deref().unwrap_or_default();
        let own = names.iter().find(|name| name.rfind('/') == Some(0));
        let name = own.or(names.first()).map_or("", String::as_str);
        name.trim_start_matches('/').to_owned()
    }

    fn id(&self) -> &str {
        self.id.as_deref().unwrap_or_default()
    }

    fn state_word(&self) -> String {
        self.state
            .map(|state| state.to_string())
            .unwrap_or_default()
    }

    fn sorted_ports(&self) -> Vec<PortSummary> {
        let mut ports = self.ports.clone().unwrap_or_default();
        let protocol = |port: &PortSummary| port.typ.map(|kind| kind.to_string());
        ports.sort_by_cached_key(|port| {
            (
                port.private_port,
                port.ip.clone(),
                port.public_port,
                protocol(port),
            )
        });
        ports
    }
}
