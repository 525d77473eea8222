//! A project remembered from the labels of what the engine holds, where no file is read.

use super::Observed;
use crate::convert::label;
use crate::name::ServiceName;
use crate::project::{
    Always, Condition, Dependency, NameOrigin, Network, Project, Service, Volume,
};

/// The project of this name as its containers, networks and volumes tell it.
pub fn recall(name: &str, observed: &Observed) -> Project {
    let mut project = Project {
        name: name.to_owned(),
        name_origin: NameOrigin::Asked,
        ..Project::default()
    };
    for container in observed.containers.iter().filter(|one| !one.one_off) {
        let service = project
            .services
            .entry(container.service.clone())
            .or_default();
        service.image.clone_from(&container.image_name);
        service.scale = Some(service.scale.unwrap_or(0) + 1);
        let depends_on = container.labels.get(label::DEPENDS_ON);
        read_dependencies(depends_on.map_or("", String::as_str), service);
    }
    let known: Vec<ServiceName> = project.services.keys().cloned().collect();
    for service in project.services.values_mut() {
        service.depends_on.retain(|other, _| known.contains(other));
    }
    for network in &observed.networks {
        if let Some(key) = key_of(&network.labels, name, label::NETWORK) {
            let network = Network {
                name: network.name.clone(),
                ..Network::default()
            };
            project.networks.insert(key, network);
        }
    }
    for volume in &observed.volumes {
        if let Some(key) = key_of(&volume.labels, name, label::VOLUME) {
            let volume = Volume {
                name: volume.name.clone(),
                ..Volume::default()
            };
            project.volumes.insert(key, volume);
        }
    }
    project
}

fn key_of(
    labels: &std::collections::BTreeMap<String, String>,
    project: &str,
    key: &str,
) -> Option<String> {
    let ours = labels
        .get(label::PROJECT)
        .is_some_and(|name| name == project);
    labels.get(key).filter(|_| ours).cloned()
}

/// Reads `db:service_healthy:false,cache:service_started:true`.
fn read_dependencies(text: &str, service: &mut Service) {
    for entry in text.split(',').filter(|entry| !entry.is_empty()) {
        let mut words = entry.split(':');
        let name = words.next().unwrap_or_default();
        let condition = match words.next() {
            Some("service_healthy") => Condition::Healthy,
            Some("service_completed_successfully") => Condition::CompletedSuccessfully,
            _ => Condition::Started,
        };
        let dependency = Dependency {
            condition,
            restart: words.next() == Some("true"),
            required: Always(true),
            ..Dependency::default()
        };
        service.depends_on.insert(name.into(), dependency);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_back_from_their_label() {
        let mut service = Service::default();
        read_dependencies(
            "db:service_healthy:true,cache:service_started:false",
            &mut service,
        );
        let db = &service.depends_on["db"];
        assert_eq!((db.condition, db.restart), (Condition::Healthy, true));
        assert_eq!(service.depends_on["cache"].condition, Condition::Started);
        read_dependencies("", &mut service);
        assert_eq!(service.depends_on.len(), 2);
    }
}
