//! From a project to its edges: what the file declares, what it implies, and the gates on each.

use std::path::Path;
use std::sync::Arc;

use super::dependent::Dependent;
use super::directory::Directory;
use super::mentions::mentions;
use super::wishes::{Wishes, wishes};
use super::{Because, Gate};
use crate::diagnostic::{Diagnostic, SourceFile};
use crate::graph::ServiceGraph;
use crate::name::ServiceName;
use crate::project::{self, Project};

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
    pub fn of<'e>(&'e self, dependent: &ServiceName) -> impl Iterator<Item = &'e Edge> + use<'e> {
        let dependent = dependent.clone();
        let first = self.list.partition_point(|edge| edge.dependent < dependent);
        self.list[first..]
            .iter()
            .take_while(move |edge| edge.dependent == dependent)
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
    edges_from(project, reading, |_| true)
}

/// The same for some of the project's services as dependents.
pub fn edges_from(
    project: &Project,
    reading: &Reading<'_>,
    is_meant: impl Fn(&ServiceName) -> bool,
) -> Edges {
    let directory = Directory::new(project);
    let mut edges = Edges::default();
    let all = wishes(&project.extensions);
    faults(&all, &["x-dco"], project, &mut edges.diagnostics);
    for (name, service) in project.services.iter().filter(|(name, _)| is_meant(name)) {
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::gate::Strength;
    use crate::project::Service;

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
    fn no_port_is_waited_for_at_a_service_whose_command_listens_nowhere() {
        assert_eq!(
            of("
            dev: {image: x, command: [sleep, infinity], expose: ['8000']}
            pause: {image: x, command: [sleep, infinity], expose: ['8000']}
            app: {image: y, network_mode: 'service:pause'}
            web: {image: z, depends_on: {dev: {condition: service_started}}, environment: {URL: 'http://pause:8000'}}"),
            "\
app -> pause by network_mode: \n\
web -> dev by depends_on: \n\
web -> pause by URL: soft port 8000 (URL)\n"
        );
    }

    #[test]
    fn a_schemes_port_gives_way_to_what_the_service_says_and_a_published_one_to_its_target() {
        assert_eq!(
            of("
            api: {build: {context: /api}, expose: ['3000']}
            bare: {build: {context: /bare}}
            db: {image: postgres, ports: [{target: 5432, published: '5433'}]}
            lost: {image: x, command: [run]}
            web: {environment: {API: 'http://api', BARE: 'http://bare', DB: 'postgres://db:5433/x', LOST: 'http://lost:'}}"),
            "\
web -> api by API: soft port 3000 (API)
web -> bare by BARE: soft port 80 (BARE)
web -> db by DB: soft port 5432 (DB)
web -> lost by LOST: \n"
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
