//! A project and what the engine holds of it, built in a few words.

use std::collections::BTreeMap;

use crate::convert::{Peer, Peers, label, resolve};
use crate::gate::{self, Because, Condition, Edges, Gate, Origin, PortTarget, Reach, Strength};
use crate::graph::ServiceGraph;
use crate::name::ServiceName;
use crate::plan::observed::{self, Attachment, Container, Image, Observed, ObservedMount, State};
use crate::plan::{Hashes, UpPolicy, World, container_name};
use crate::project::{Dependency, Mount, MountType, Network, Project, Service, Volume};

pub(super) struct Stage {
    pub(super) project: Project,
    pub(super) observed: Observed,
    pub(super) policy: UpPolicy,
    edges: Vec<gate::Edge>,
}

struct Texts;

/// In these tests the hash of a thing is the thing's own text.
impl Hashes for Texts {
    fn service(&self, _: &ServiceName, service: &Service, label: &str) -> bool {
        hash_of(service) == label
    }
    fn network(&self, network: &Network, label: &str) -> bool {
        serde_json::to_string(network).unwrap() == label
    }
    fn volume(&self, volume: &Volume, label: &str) -> bool {
        serde_json::to_string(volume).unwrap() == label
    }
}

fn hash_of(service: &Service) -> String {
    let mut service = service.clone();
    service.scale = None;
    service.build = None;
    service.depends_on.clear();
    serde_json::to_string(&service).unwrap()
}

/// Twelve hex digits that say whose id it is, and what follows.
fn id_of(name: &str) -> String {
    let mut digits: String = name
        .bytes()
        .rev()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    digits.truncate(12);
    format!("{digits:0<12}{name}")
}

/// A project `app` with these services, each of its own image and on the default network.
pub(super) fn stage(services: &[&str]) -> Stage {
    let mut stage = Stage {
        project: Project {
            name: "app".into(),
            ..Project::default()
        },
        observed: Observed::default(),
        policy: UpPolicy::default(),
        edges: Vec::new(),
    };
    stage
        .project
        .networks
        .insert("default".into(), network("app_default"));
    for name in services {
        let service = Service {
            image: (*name).to_owned(),
            networks: BTreeMap::from([("default".into(), None)]),
            ..Service::default()
        };
        stage.project.services.insert((*name).into(), service);
        stage.image(name);
    }
    stage
}

/// The same, each built here: its image has no name of its own and does not exist yet.
pub(super) fn stage_of_built(services: &[&str]) -> Stage {
    let mut stage = stage(services);
    for service in stage.project.services.values_mut() {
        service.image.clear();
        service.build = Some(Box::default());
    }
    stage
}

fn network(name: &str) -> Network {
    Network {
        name: name.into(),
        ..Network::default()
    }
}

impl Stage {
    pub(super) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Lets a service's build take another's image as a context.
    pub(super) fn takes_as_context(&mut self, name: &str, other: &str) {
        let build = self.service(name).build.get_or_insert_default();
        let contexts = &mut build.additional_contexts;
        contexts.insert(other.into(), format!("service:{other}"));
    }

    pub(super) fn service(&mut self, name: &str) -> &mut Service {
        self.project.services.get_mut(name).unwrap()
    }

    /// Lets a service depend on another.
    pub(super) fn depends(&mut self, name: &str, on: &str) -> &mut Dependency {
        let service = self.service(name);
        service.depends_on.entry(on.into()).or_default()
    }

    /// Puts a declared gate on a dependency.
    pub(super) fn gate(&mut self, name: &str, on: &str, condition: Condition) {
        let because = Because {
            what: "depends_on".into(),
            place: None,
        };
        let declared = self.depends(name, on).condition;
        self.edge(
            name,
            on,
            Origin::Declared(declared),
            (condition, Strength::Declared, because),
        );
    }

    /// Lets a service be configured with another's address.
    pub(super) fn mentions(&mut self, name: &str, on: &str, port: u16) {
        let because = Because {
            what: format!("{}_HOST", on.to_uppercase()),
            place: None,
        };
        let condition = Condition::Listening(vec![PortTarget::tcp(port)]);
        self.edge(
            name,
            on,
            Origin::Inferred,
            (condition, Strength::Soft, because),
        );
    }

    fn edge(
        &mut self,
        name: &str,
        on: &str,
        origin: Origin,
        (condition, strength, because): (Condition, Strength, Because),
    ) {
        self.edges.push(gate::Edge {
            dependent: name.into(),
            dependency: on.into(),
            origin,
            because: because.clone(),
            gates: vec![Gate {
                dependency: on.into(),
                condition,
                strength,
                reach: Reach::default(),
                limit: None,
                because,
            }],
        });
    }

    /// The engine has this image.
    pub(super) fn image(&mut self, name: &str) {
        let image = Image {
            id: Some(format!("sha256:{name}").as_str().into()),
            ..Image::default()
        };
        self.observed.images.insert(name.into(), image);
    }

    /// Lets a service mount a named volume.
    pub(super) fn mounts(&mut self, name: &str, volume: &str, target: &str) {
        self.service(name).volumes.push(Mount {
            r#type: MountType::Volume,
            source: volume.into(),
            target: target.into(),
            ..Mount::default()
        });
        let declared = Volume {
            name: format!("app_{volume}"),
            ..Volume::default()
        };
        self.project.volumes.insert(volume.into(), declared);
    }

    /// The engine holds every network and volume as the file asks for them.
    pub(super) fn resources(&mut self) {
        for (key, network) in &self.project.networks {
            let labels = [
                (label::PROJECT, "app".to_owned()),
                (label::NETWORK, key.clone()),
                (label::CONFIG_HASH, serde_json::to_string(network).unwrap()),
            ];
            self.observed.networks.push(observed::Network {
                id: format!("id of {}", network.name).into(),
                name: network.name.clone(),
                labels: labels.map(|(key, value)| (key.to_owned(), value)).into(),
            });
        }
        for volume in self.project.volumes.values() {
            let labels = [
                (label::PROJECT, "app".to_owned()),
                (label::CONFIG_HASH, serde_json::to_string(volume).unwrap()),
            ];
            self.observed.volumes.push(observed::Volume {
                name: volume.name.clone(),
                labels: labels.map(|(key, value)| (key.to_owned(), value)).into(),
            });
        }
    }

    /// Adds a container of a service as the file asks for it now, in this state.
    pub(super) fn container(&mut self, name: &str, number: u32, state: State) -> &mut Container {
        let key = ServiceName::from(name);
        let service = &self.project.services[name];
        let peers: Peers = self
            .observed
            .containers
            .iter()
            .map(|one| {
                let peer = Peer {
                    id: one.id.clone(),
                    name: one.name.clone(),
                };
                (one.service.clone(), vec![peer])
            })
            .collect();
        let resolved = resolve(service, &peers).expect("what it shares is there");
        let labels = [
            (label::CONFIG_HASH, hash_of(&resolved)),
            (label::IMAGE, format!("sha256:{name}")),
            (label::VERSION, "2.40.3".to_owned()),
        ];
        let networks = service.networks.keys().map(|key| {
            let name = self.project.networks[key].name.clone();
            Attachment {
                id: format!("id of {name}").into(),
                name,
            }
        });
        let mounts = service.volumes.iter().map(|mount| ObservedMount {
            kind: "volume".into(),
            name: format!("app_{}", mount.source),
            source: String::new(),
            destination: mount.target.clone(),
        });
        let name = container_name(&self.project, &key, service, number);
        let networks: Vec<Attachment> = networks.collect();
        let first = networks.first().map(|network| network.name.clone());
        let container = Container {
            id: id_of(&name).into(),
            service: key,
            number: Some(number),
            one_off: false,
            state,
            exit_code: None,
            health: None,
            image: format!("sha256:{}", service.image).into(),
            image_name: String::new(),
            labels: labels.map(|(key, value)| (key.to_owned(), value)).into(),
            network_mode: first.unwrap_or_default(),
            networks,
            mounts: mounts.collect(),
            created: 0,
            name,
        };
        self.observed.containers.push(container);
        self.observed.containers.last_mut().unwrap()
    }

    /// Everything is there and runs.
    pub(super) fn running(mut self) -> Self {
        self.resources();
        let graph = ServiceGraph::new(&self.project).unwrap();
        for name in graph.order() {
            for number in 1..=crate::plan::scale(&self.project.services[&name]) {
                self.container(&name, number, State::Running);
            }
        }
        self
    }

    pub(super) fn world<T>(&self, plan: impl FnOnce(&World<'_>) -> T) -> T {
        let mut graph = ServiceGraph::new(&self.project).unwrap();
        let edges = Edges {
            list: self.edges.clone(),
            diagnostics: Vec::new(),
        };
        let edges = edges.join(&mut graph);
        plan(&World {
            project: &self.project,
            graph: &graph,
            observed: &self.observed,
            edges: &edges,
            hashes: &Texts,
            now: 1_000_000,
        })
    }

    /// The text of the plan for `up`.
    pub(super) fn up(&self) -> String {
        self.world(|world| match crate::plan::up(world, &self.policy) {
            Ok(plan) => plan.to_string(),
            Err(diagnostic) => diagnostic.to_string(),
        })
    }
}
