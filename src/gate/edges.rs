//! From a project to its edges: what the file declares, what it implies, and the gates on each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::directory::Directory;
use super::mentions::{Mention, mentions};
use super::wishes::{Wishes, wishes};
use super::{Because, Condition, Gate, PortTarget, Reach, Strength, hosts};
use crate::diagnostic::{Diagnostic, Place, SourceFile};
use crate::graph::ServiceGraph;
use crate::name::ServiceName;
use crate::project::{self, Duration, Project, Service};

/// How long a target of `x-dco.wait` may take where no `timeout` is given.
const WISHED_LIMIT: Duration = Duration(60_000_000_000);

/// How much is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Waits {
    /// What Compose waits for: declared conditions (`DCO_STRICT=compose`).
    Compose,
    /// That, `x-dco.wait`, and the ports of declared dependencies (`--no-infer`).
    Declared,
    /// That, and what the services' configuration implies.
    #[default]
    Inferred,
}

/// What the inference needs besides the project.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    /// How much is waited for.
    pub waits: Waits,
    /// The text files at a path of the host: the file itself, or those directly in the folder.
    pub files: &'a dyn Fn(&Path) -> Vec<Arc<SourceFile>>,
}

/// One service comes after another.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    /// Who comes after.
    pub dependent: ServiceName,
    /// What it comes after.
    pub dependency: ServiceName,
    /// Whether the file says so.
    pub origin: Origin,
    /// What makes the edge.
    pub because: Because,
    /// What is waited for; none where it is enough that the dependency runs.
    pub gates: Vec<Gate>,
}

/// Whether the file says that there is an edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `depends_on`, a link, a shared namespace or volume.
    Declared(project::Condition),
    /// `x-dco.wait` and nothing else.
    Wished,
    /// The dependent's configuration names the dependency; it never selects or starts a service.
    Inferred,
}

/// All edges of a project, sorted by dependent and dependency.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edges {
    /// The edges.
    pub list: Vec<Edge>,
    /// What is wrong with `x-dco`.
    pub diagnostics: Vec<Diagnostic>,
}

impl Edges {
    /// The edges of one dependent.
    pub fn of(&self, dependent: &ServiceName) -> impl Iterator<Item = &Edge> {
        let first = self
            .list
            .partition_point(|edge| edge.dependent < *dependent);
        self.list[first..]
            .iter()
            .take_while(move |edge| edge.dependent == *dependent)
    }

    /// Adds to the graph what it does not have yet, and leaves out the edges that would close a
    /// cycle: no inferred edge joins services that depend on each other.
    pub fn join(mut self, graph: &mut ServiceGraph) -> Self {
        let added = self
            .list
            .iter()
            .filter(|edge| !matches!(edge.origin, Origin::Declared(_)))
            .map(|edge| (edge.dependent.clone(), edge.dependency.clone()));
        let dropped = graph.add_soft(added.collect::<Vec<_>>());
        self.list.retain(|edge| {
            let pair = (edge.dependent.clone(), edge.dependency.clone());
            matches!(edge.origin, Origin::Declared(_)) || !dropped.contains(&pair)
        });
        self
    }
}

/// Every edge of the project, before those are left out that would close a cycle: see [`Edges::join`].
pub fn edges(project: &Project, reading: &Reading<'_>) -> Edges {
    let directory = Directory::new(project);
    let mut edges = Edges::default();
    let all = wishes(&project.extensions);
    faults(&all, &["x-dco"], project, &mut edges.diagnostics);
    for (name, service) in &project.services {
        let own = wishes(&service.extensions);
        let path = ["services", name.as_str(), "x-dco"];
        faults(&own, &path, project, &mut edges.diagnostics);
        let infer = own.infer.or(all.infer).unwrap_or(true);
        let of = Dependent {
            name,
            service,
            project,
            directory: &directory,
            reading,
            limit: own.limit.or(all.limit),
        };
        let mentions = match infer && reading.waits == Waits::Inferred {
            true => mentions(&of),
            false => Vec::new(),
        };
        let wished = match reading.waits {
            Waits::Compose => Vec::new(),
            _ => of.wished(&own, &mut edges.diagnostics),
        };
        edges.list.extend(of.edges(&mentions, wished));
    }
    edges
}

fn faults(wishes: &Wishes, path: &[&str], project: &Project, into: &mut Vec<Diagnostic>) {
    for (key, message) in &wishes.faults {
        let mut path = path.to_vec();
        path.push(key);
        into.push(Diagnostic::error(message.clone()).at(project.place(&path)));
    }
}

/// One service whose dependencies are looked for.
pub(super) struct Dependent<'a> {
    pub(super) name: &'a ServiceName,
    pub(super) service: &'a Service,
    pub(super) project: &'a Project,
    pub(super) directory: &'a Directory<'a>,
    pub(super) reading: &'a Reading<'a>,
    limit: Option<Duration>,
}

impl<'a> Dependent<'a> {
    /// Where a value of this service is written.
    pub(super) fn place(&self, path: &[&str]) -> Option<Place> {
        let mut whole = vec!["services", self.name.as_str()];
        whole.extend(path);
        self.project.place(&whole)
    }

    fn edges(&self, mentions: &[Mention<'a>], wished: Vec<(&'a ServiceName, Gate)>) -> Vec<Edge> {
        let declared = self.declared();
        let inferred = mentions
            .iter()
            .map(|mention| mention.dependency)
            .filter(|dependency| !self.same_image(dependency));
        let all: BTreeSet<&ServiceName> = declared
            .keys()
            .copied()
            .chain(inferred)
            .chain(wished.iter().map(|(dependency, _)| *dependency))
            .filter(|dependency| *dependency != self.name)
            .collect();
        let mut edges = Vec::new();
        for dependency in all {
            let named: Vec<&Mention<'a>> = mentions
                .iter()
                .filter(|mention| mention.dependency == dependency)
                .collect();
            let mut gates: Vec<Gate> = wished
                .iter()
                .filter(|(to, _)| *to == dependency)
                .map(|(_, gate)| gate.clone())
                .collect();
            let (origin, because) = match declared.get(dependency) {
                Some((condition, because)) => (Origin::Declared(*condition), because.clone()),
                None => match strongest(&named) {
                    Some(mention) => (Origin::Inferred, mention.because.clone()),
                    None => (Origin::Wished, gates[0].because.clone()),
                },
            };
            gates.extend(self.gates(dependency, origin, &because, &named));
            edges.push(Edge {
                dependent: self.name.clone(),
                dependency: dependency.clone(),
                origin,
                because,
                gates,
            });
        }
        edges
    }

    /// What the file declares: `depends_on`, links, shared namespaces, volumes taken over.
    fn declared(&self) -> BTreeMap<&'a ServiceName, (project::Condition, Because)> {
        let service = self.service;
        let shared = [
            ("network_mode", &service.network_mode),
            ("ipc", &service.ipc),
            ("pid", &service.pid),
        ];
        let shared = shared
            .into_iter()
            .filter_map(|(key, value)| Some((key, value.strip_prefix("service:")?)));
        let links = service
            .links
            .iter()
            .map(|link| ("links", link.split_once(':').map_or(&**link, |(to, _)| to)));
        let volumes = service
            .volumes_from
            .iter()
            .filter(|from| !from.starts_with("container:"))
            .map(|from| {
                (
                    "volumes_from",
                    from.split_once(':').map_or(&**from, |(to, _)| to),
                )
            });
        let mut declared = BTreeMap::new();
        for (key, dependency) in shared.chain(links).chain(volumes) {
            if let Some((name, _)) = self.project.services.get_key_value(dependency) {
                let because = Because {
                    what: key.to_owned(),
                    place: self.place(&[key]),
                };
                declared.insert(name, (project::Condition::Started, because));
            }
        }
        for (dependency, how) in &service.depends_on {
            let Some((name, _)) = self.project.services.get_key_value(dependency) else {
                continue;
            };
            // The loader writes links and the like into `depends_on`: those keep their own place.
            let place = self.place(&["depends_on", dependency]);
            if declared.contains_key(name) && place.is_none() {
                continue;
            }
            let because = Because {
                what: "depends_on".to_owned(),
                place,
            };
            declared.insert(name, (how.condition, because));
        }
        declared
    }

    fn gates(
        &self,
        dependency: &'a ServiceName,
        origin: Origin,
        because: &Because,
        named: &[&Mention<'a>],
    ) -> Vec<Gate> {
        let gate = |condition, strength, because: &Because| Gate {
            dependency: dependency.clone(),
            condition,
            strength,
            reach: self.reach(dependency),
            limit: self.limit,
            because: because.clone(),
        };
        let declared = self.service.depends_on.get(dependency);
        let strength = match declared.is_none_or(|how| how.required.0) {
            true => Strength::Declared,
            false => Strength::Optional,
        };
        match origin {
            Origin::Declared(project::Condition::Healthy) => {
                return vec![gate(Condition::Healthy, strength, because)];
            }
            Origin::Declared(project::Condition::CompletedSuccessfully) => {
                return vec![gate(Condition::Completed, strength, because)];
            }
            Origin::Wished => return Vec::new(),
            Origin::Declared(project::Condition::Started) | Origin::Inferred => {}
        }
        let Some(other) = self.project.services.get(dependency) else {
            return Vec::new();
        };
        if self.reading.waits == Waits::Compose || other.provider.is_some() {
            return Vec::new();
        }
        let mut gates: Vec<Gate> = Vec::new();
        for mention in named.iter().filter(|mention| !mention.ports.is_empty()) {
            let condition = Condition::Listening(mention.ports.clone());
            if gates.iter().all(|known| known.condition != condition) {
                gates.push(gate(condition, Strength::Soft, &mention.because));
            }
        }
        if gates.is_empty() {
            let unnamed = self.unnamed(dependency, other);
            gates.extend(unnamed.map(|condition| gate(condition, Strength::Soft, because)));
        }
        gates
    }

    /// What is waited for where the dependent names no port.
    fn unnamed(&self, dependency: &'a ServiceName, other: &Service) -> Option<Condition> {
        // What shares a namespace serves its owner's ports: to wait for them would be to wait for itself.
        if self.reach(dependency) == Reach::Namespace || !other.network_mode.is_empty() {
            return None;
        }
        let ports = targets(other);
        match ports.is_empty() {
            false => Some(Condition::Listening(ports)),
            true => overrides_nothing(other).then_some(Condition::ListeningOnExposed),
        }
    }

    fn reach(&self, dependency: &'a ServiceName) -> Reach {
        match self.directory.namespace(self.name) == self.directory.namespace(dependency) {
            true => Reach::Namespace,
            false => Reach::Network,
        }
    }

    /// Whether both run the same image: the same reference, or the same build.
    fn same_image(&self, other: &ServiceName) -> bool {
        let (a, Some(b)) = (self.service, self.project.services.get(other)) else {
            return false;
        };
        match (&a.build, &b.build) {
            (Some(a), Some(b)) => {
                (
                    &a.context,
                    &a.dockerfile,
                    &a.dockerfile_inline,
                    &a.target,
                    &a.args,
                ) == (
                    &b.context,
                    &b.dockerfile,
                    &b.dockerfile_inline,
                    &b.target,
                    &b.args,
                )
            }
            _ => !a.image.is_empty() && a.image == b.image,
        }
    }

    fn wished(&self, own: &Wishes, faults: &mut Vec<Diagnostic>) -> Vec<(&'a ServiceName, Gate)> {
        let mut gates = Vec::new();
        for (index, target) in own.wait.iter().enumerate() {
            let index = index.to_string();
            let place = self.place(&["x-dco", "wait", &index]);
            let because = Because {
                what: "x-dco.wait".to_owned(),
                place: place.clone(),
            };
            let found: Vec<_> = hosts::addresses(target)
                .into_iter()
                .chain(hosts::bare(target))
                .flat_map(|named| {
                    let to = self.directory.resolve(self.name, &named.host);
                    to.into_iter().map(move |name| (name, named.clone()))
                })
                .collect();
            if found.is_empty() {
                let message = format!(
                    "`{}` waits for `{target}`, which names no service that it can reach",
                    self.name
                );
                let hint = "`x-dco.wait` takes a service, `service:port` or a URL such as `http://service:8000/health`";
                faults.push(Diagnostic::error(message).at(place).hint(hint));
            }
            for (dependency, named) in found {
                let condition = self.wished_condition(dependency, target, &named);
                let gate = Gate {
                    dependency: dependency.clone(),
                    condition,
                    strength: Strength::Declared,
                    reach: self.reach(dependency),
                    limit: self.limit.or(Some(WISHED_LIMIT)),
                    because: because.clone(),
                };
                gates.push((dependency, gate));
            }
        }
        gates
    }

    fn wished_condition(
        &self,
        dependency: &ServiceName,
        target: &str,
        named: &hosts::Named,
    ) -> Condition {
        if matches!(named.scheme.as_deref(), Some("http" | "https")) {
            return Condition::Http(target.to_owned());
        }
        let other = &self.project.services[dependency];
        let ports = super::mentions::named_ports(named, None, other);
        if !ports.is_empty() {
            return Condition::Listening(ports);
        }
        let checked = other.healthcheck.as_ref().is_some_and(|check| {
            !check.disable && check.test.first().is_some_and(|test| test != "NONE")
        });
        match (checked, targets(other)) {
            (true, _) => Condition::Healthy,
            (false, ports) if !ports.is_empty() => Condition::Listening(ports),
            (false, _) => Condition::ListeningOnExposed,
        }
    }
}

/// The mention that explains an edge: the first that names a port, else the first.
fn strongest<'m, 'a>(named: &[&'m Mention<'a>]) -> Option<&'m Mention<'a>> {
    named
        .iter()
        .find(|mention| !mention.ports.is_empty())
        .or(named.first())
        .copied()
}

/// The container ports of `ports` and `expose`; sorted.
pub(super) fn targets(service: &Service) -> Vec<PortTarget> {
    let published = service.ports.iter().filter_map(|port| {
        let protocol = match port.protocol.as_str() {
            "" => "tcp",
            other => other,
        };
        PortTarget::parse(&format!("{}/{protocol}", port.target))
    });
    let exposed = service.expose.iter().flat_map(|text| range(text));
    let all: BTreeSet<PortTarget> = published.chain(exposed).collect();
    all.into_iter().collect()
}

/// `3000-3002/tcp` → its ports.
fn range(text: &str) -> Vec<PortTarget> {
    let (numbers, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
    let (Ok(first), Ok(last)) = (first.parse::<u16>(), last.parse::<u16>()) else {
        return Vec::new();
    };
    (first..=last)
        .filter_map(|number| PortTarget::parse(&format!("{number}/{protocol}")))
        .collect()
}

/// Whether the image's own command runs, so that its EXPOSE says what it listens on.
fn overrides_nothing(service: &Service) -> bool {
    let absent = |command: &project::ShellCommand| command.words().is_none();
    absent(&service.command) && absent(&service.entrypoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(services: &str) -> Project {
        let services: BTreeMap<ServiceName, Service> = serde_yaml::from_str(services).unwrap();
        Project {
            services,
            ..Project::default()
        }
    }

    fn nginx(text: &'static str) -> impl Fn(&Path) -> Vec<Arc<SourceFile>> {
        move |path| {
            vec![Arc::new(SourceFile {
                path: path.display().to_string(),
                text: text.to_owned(),
            })]
        }
    }

    /// One line an edge: `web -> db depends_on: soft port 5432 (DB_HOST)`.
    fn shown(edges: &Edges) -> String {
        let mut lines = Vec::new();
        for edge in &edges.list {
            let gates: Vec<String> = edge
                .gates
                .iter()
                .map(|gate| {
                    let strength = match gate.strength {
                        Strength::Soft => "soft",
                        Strength::Optional => "optional",
                        Strength::Declared => "declared",
                    };
                    format!("{strength} {} ({})", gate.condition, gate.because)
                })
                .collect();
            lines.push(format!(
                "{} -> {} by {}: {}\n",
                edge.dependent,
                edge.dependency,
                edge.because,
                gates.join(", ")
            ));
        }
        lines.concat()
    }

    fn of(services: &str) -> String {
        with(services, Waits::Inferred)
    }

    fn with(services: &str, waits: Waits) -> String {
        let project = project(services);
        let files = |_: &Path| Vec::new();
        let reading = Reading {
            waits,
            files: &files,
        };
        let mut graph = ServiceGraph::new(&project).unwrap();
        shown(&edges(&project, &reading).join(&mut graph))
    }

    #[test]
    fn host_and_port_variables_make_an_edge_with_its_port() {
        let django = "
            db: {image: postgres}
            django: {environment: {DJANGO_DB_HOST: db, DJANGO_DB_PORT: '5433', DJANGO_DB_NAME: db}}";
        assert_eq!(
            of(django),
            "django -> db by DJANGO_DB_HOST: soft port 5433 (DJANGO_DB_HOST)\n"
        );
        assert_eq!(with(django, Waits::Declared), "");
    }

    #[test]
    fn without_a_named_port_the_services_own_ports_or_its_images_are_waited_for() {
        assert_eq!(
            of("
            a: {image: x, ports: [{target: 80}, {target: 8125, protocol: udp}], expose: ['90-91']}
            b: {image: y}
            c: {image: z, command: [run]}
            web: {environment: {A_HOST: a, B_HOST: b, C_HOST: c}}"),
            "\
web -> a by A_HOST: soft port 80 or 90 or 91 or 8125/udp (A_HOST)
web -> b by B_HOST: soft port of its image (B_HOST)
web -> c by C_HOST: \n"
        );
    }

    #[test]
    fn a_schemes_port_gives_way_to_what_the_service_says_and_a_published_one_to_its_target() {
        assert_eq!(
            of("
            api: {build: {context: /api}, expose: ['3000']}
            bare: {build: {context: /bare}}
            db: {image: postgres, ports: [{target: 5432, published: '5433'}]}
            web: {environment: {API: 'http://api', BARE: 'http://bare', DB: 'postgres://db:5433/x'}}"),
            "\
web -> api by API: soft port 3000 (API)
web -> bare by BARE: soft port 80 (BARE)
web -> db by DB: soft port 5432 (DB)\n"
        );
    }

    #[test]
    fn declared_conditions_stand_and_plain_ones_get_a_soft_port() {
        let all = "
            db: {image: postgres}
            init: {image: init}
            cache: {image: redis, expose: ['6379']}
            web:
              environment: {DB: 'postgres://db/x'}
              depends_on:
                db: {condition: service_healthy, required: true}
                init: {condition: service_completed_successfully, required: true}
                cache: {condition: service_started, required: true}
                gone: {condition: service_started, required: false}";
        assert_eq!(
            of(all),
            "\
web -> cache by depends_on: soft port 6379 (depends_on)
web -> db by depends_on: declared healthy (depends_on)
web -> init by depends_on: declared completed (depends_on)\n"
        );
        assert_eq!(
            with(all, Waits::Compose),
            "\
web -> cache by depends_on: \nweb -> db by depends_on: declared healthy (depends_on)
web -> init by depends_on: declared completed (depends_on)\n"
        );
    }

    #[test]
    fn the_traps_of_real_files_are_no_edges() {
        assert_eq!(
            of("
            gitlab: {image: gitlab}
            mariadb: {image: mariadb}
            squid: {image: squid}
            app: {image: app}
            web:
              environment:
                DB_USER: gitlab
                DB_VENDOR: mariadb
                DB_PASSWORD: gitlab:9090
                NO_PROXY: localhost,squid,app
                no_proxy: app:80
                DJANGO_ALLOWED_HOSTS: web app
                CORS_ORIGIN: http://app:3000
                NEXT_PUBLIC_API_URL: http://app:3000
                OAUTH_CALLBACK_URL: http://app/cb
                FRONTEND_URL: http://app
                KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://app:9092
                APP_IMAGE: app:8080
                EXTERNAL: http://localhost:80
                MARIADB_VERSION: mariadb:11"),
            ""
        );
    }

    #[test]
    fn an_ensemble_is_no_cycle_and_services_of_one_image_do_not_wait_for_each_other() {
        assert_eq!(
            of("
            zoo1: {image: 'zookeeper:3', environment: {ZOO_SERVERS: 'server.1=zoo1:2888:3888 server.2=zoo2:2888:3888'}}
            zoo2: {image: 'zookeeper:3', environment: {ZOO_SERVERS: 'server.1=zoo1:2888:3888 server.2=zoo2:2888:3888'}}
            kafka1: {image: kafka, environment: {PEERS: 'kafka2:9092', KAFKA_ZOOKEEPER_CONNECT: 'zoo1:2181,zoo2:2181'}}
            kafka2: {image: kafka2, environment: {PEERS: 'kafka1:9092'}}
            web: {build: {context: /app}, image: web}
            celery: {build: {context: /app}, environment: {WEB_URL: 'http://web:8000'}}"),
            "\
kafka1 -> zoo1 by KAFKA_ZOOKEEPER_CONNECT: soft port 2181 (KAFKA_ZOOKEEPER_CONNECT)
kafka1 -> zoo2 by KAFKA_ZOOKEEPER_CONNECT: soft port 2181 (KAFKA_ZOOKEEPER_CONNECT)\n"
        );
    }

    #[test]
    fn an_inferred_edge_against_a_declared_one_is_dropped() {
        assert_eq!(
            of("
            api: {environment: {SITE_URL: 'http://ui:3000'}}
            ui: {expose: ['3000'], depends_on: {api: {condition: service_started}}}"),
            "ui -> api by depends_on: \n".replace(
                "by depends_on: ",
                "by depends_on: soft port of its image (depends_on)"
            )
        );
    }

    #[test]
    fn udp_and_several_ports_of_one_service_are_told_apart() {
        assert_eq!(
            of("
            statsd: {image: statsd, command: [x]}
            rabbit: {image: rabbitmq, ports: [{target: 5672}, {target: 15672}]}
            web:
              environment:
                STATSD_HOST: statsd
                STATSD_PORT: '8125'
                BROKER: amqp://u:p@rabbit//
                ADMIN: http://rabbit:15672/"),
            "\
web -> rabbit by ADMIN: soft port 15672 (ADMIN), soft port 5672 (BROKER)
web -> statsd by STATSD_HOST: soft port 8125 or 8125/udp (STATSD_HOST)\n"
        );
    }

    #[test]
    fn only_names_on_a_shared_network_are_heard() {
        assert_eq!(
            of("
            db: {image: a, networks: {back: {aliases: [database]}}}
            far: {image: b, networks: {far: null}}
            host: {image: c, network_mode: host}
            named: {image: d, container_name: the-cache, networks: {back: null}}
            web:
              networks: {back: null}
              extra_hosts: {pinned: ['10.0.0.1']}
              environment: {A_HOST: database, B_HOST: far, C_HOST: host, D_HOST: the-cache, E_HOST: pinned}
            pinned: {image: e, networks: {back: null}}
            off: {network_mode: none, environment: {A_HOST: database}}"),
            "\
web -> db by A_HOST: soft port of its image (A_HOST)
web -> named by D_HOST: soft port of its image (D_HOST)\n"
        );
    }

    #[test]
    fn a_shared_namespace_has_no_port_gate_of_its_own() {
        assert_eq!(
            of("
            vpn: {image: vpn, container_name: tunnel, ports: [{target: 8080}]}
            torrent: {network_mode: 'service:vpn', depends_on: {vpn: {condition: service_started}}}
            radarr: {network_mode: 'container:tunnel', depends_on: {vpn: {condition: service_started}}}
            web: {environment: {T_URL: 'http://vpn:8080'}}"),
            "\
radarr -> vpn by depends_on: 
torrent -> vpn by network_mode: 
web -> vpn by T_URL: soft port 8080 (T_URL)\n"
        );
    }

    #[test]
    fn links_and_volumes_are_declared_and_a_links_alias_is_a_name() {
        assert_eq!(
            of("
            db: {image: postgres, networks: {}}
            data: {image: data, command: ['true']}
            web: {links: ['db:pg'], volumes_from: ['data:ro'], environment: {PG: 'postgres://pg/x'}}"),
            "\
web -> data by volumes_from: 
web -> db by links: soft port 5432 (PG)\n"
        );
    }

    #[test]
    fn commands_that_wait_and_mounted_nginx_files_make_edges() {
        let project = project(
            "
            api: {image: api, expose: ['3000']}
            db: {image: postgres}
            app: {image: app, command: [./wait-for-it.sh, 'db:5432', --, app]}
            proxy: {image: nginx, volumes: [{type: bind, source: /p/nginx.conf, target: /etc/nginx/nginx.conf}]}",
        );
        let files = nginx("server {\n  location / { proxy_pass http://api:3000; }\n}\n");
        let reading = Reading {
            waits: Waits::Inferred,
            files: &files,
        };
        assert_eq!(
            shown(&edges(&project, &reading)),
            "\
app -> db by wait-for-it in command: soft port 5432 (wait-for-it in command)
proxy -> api by proxy_pass, /p/nginx.conf:2: soft port 3000 (proxy_pass, /p/nginx.conf:2)\n"
        );
    }

    #[test]
    fn x_dco_turns_inference_off_and_waits_strictly() {
        assert_eq!(
            of("
            db: {image: postgres, healthcheck: {test: [CMD, 'true']}}
            api: {image: api, expose: ['8000']}
            quiet: {environment: {DB_HOST: db}, extensions: {x-dco: {infer: false}}}
            web: {extensions: {x-dco: {wait: [db, 'api', 'db:5432', 'http://api:8000/health']}}}"),
            "\
web -> api by x-dco.wait: declared port 8000 (x-dco.wait), declared http://api:8000/health (x-dco.wait)
web -> db by x-dco.wait: declared healthy (x-dco.wait), declared port 5432 (x-dco.wait)\n"
        );
    }

    #[test]
    fn a_wish_for_an_unknown_service_is_an_error() {
        let project = project("web: {extensions: {x-dco: {wait: ['dbb:5432']}}}");
        let files = |_: &Path| Vec::new();
        let reading = Reading {
            waits: Waits::Inferred,
            files: &files,
        };
        assert_eq!(
            edges(&project, &reading).diagnostics[0].to_string(),
            "error: `web` waits for `dbb:5432`, which names no service that it can reach\n\
             hint: `x-dco.wait` takes a service, `service:port` or a URL such as `http://service:8000/health`"
        );
    }
}
