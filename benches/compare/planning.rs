//! How long the decisions take, inside the process: a thousand services against a thousand
//! containers, with nobody to compare with but the processor's clock.

use std::collections::BTreeMap;
use std::time::Duration;

use dco::compose::{self, Options, Request};
use dco::convert::label;
use dco::gate::{Edges, Reading, Waits, edges};
use dco::graph::ServiceGraph;
use dco::hash::{self, HashForm};
use dco::name::ServiceName;
use dco::plan::observed::{Attachment, Container, Image, Network as ObservedNetwork, State};
use dco::plan::{self, Hashes, Observed, Plan, Recreate, UpPolicy, World};
use dco::project::{Network, Project, Service, Volume};

use crate::figures::median;
use crate::{Row, Unit};

/// A plan of a thousand services may take this many milliseconds.
const MOST: f64 = 30.0;

struct Compared;

impl Hashes for Compared {
    fn service(&self, _: &ServiceName, service: &Service, label: &str) -> bool {
        hash::service_matches(service, label)
    }
    fn network(&self, network: &Network, label: &str) -> bool {
        hash::network(network).0 == label
    }
    fn volume(&self, volume: &Volume, label: &str) -> bool {
        hash::volume(volume).0 == label
    }
}

/// A row for each kind of plan, of the file's services against as many containers.
pub fn rows(name: &str, text: &str, runs: usize) -> Vec<Row> {
    let project = load(text);
    let (graph, edges) = graph(&project);
    let there = observed(&project);
    let nothing = Observed {
        images: there.images.clone(),
        ..Observed::default()
    };
    let policy = UpPolicy::default();
    let forced = UpPolicy {
        recreate: Recreate::Force,
        recreate_dependencies: Recreate::Force,
        ..UpPolicy::default()
    };
    let world = |observed| World {
        project: &project,
        graph: &graph,
        observed,
        edges: &edges,
        hashes: &Compared,
        now: 0,
    };
    let up = |observed, policy: &UpPolicy| match plan::up(&world(observed), policy) {
        Ok(plan) => plan,
        Err(error) => panic!("{error}"),
    };
    let count = project.services.len();
    let row = |kind: &str, steps: usize, plan: &dyn Fn() -> Plan| {
        assert!(plan().steps.len() >= steps, "{kind}");
        timed(&format!("{name}: {kind}"), runs, &|| drop(plan()))
    };
    vec![
        timed(&format!("{name}: order and edges"), runs, &|| {
            drop(self::graph(&project));
        }),
        row("nothing to do", 0, &|| {
            let plan = up(&there, &policy);
            assert_eq!(plan.steps.len(), 0, "{plan}");
            plan
        }),
        row("from nothing", 2 * count, &|| up(&nothing, &policy)),
        row("all replaced", 5 * count, &|| up(&there, &forced)),
        row("down", 2 * count, &|| {
            plan::down(&world(&there), &plan::DownPolicy::default())
        }),
    ]
}

fn timed(name: &str, runs: usize, job: &dyn Fn()) -> Row {
    let mut times = Vec::new();
    for _ in 0..runs {
        let begun = processor_time();
        job();
        times.push((processor_time() - begun).as_secs_f64() * 1e3);
    }
    let time = median(times);
    Row {
        name: name.to_owned(),
        unit: Unit::Time,
        rounds: runs,
        medians: [time, None, None, None],
        ratios: [None, None],
        target: Some((
            format!("≤ {MOST} ms"),
            time.is_some_and(|time| time <= MOST),
        )),
    }
}

/// What this thread has computed so far: what else the machine does is no part of it.
fn processor_time() -> Duration {
    // SAFETY: an all-zero timespec is a valid value, and the pointer outlives the call.
    let time = unsafe {
        let mut time: libc::timespec = std::mem::zeroed();
        let done = libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time);
        assert_eq!(done, 0, "clock_gettime");
        time
    };
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(time.tv_sec.unsigned_abs(), nanos)
}

fn load(text: &str) -> Project {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("docker-compose.yml"), text).expect("a compose file");
    let request = Request {
        files: Vec::new(),
        project_directory: None,
        project_name: Some("bench".to_owned()),
        profiles: Vec::new(),
        env_files: Vec::new(),
        cwd: folder.path().to_owned(),
        environment: BTreeMap::new(),
        options: Options::default(),
        disk: compose::Disk::Real,
        remotes: None,
    };
    compose::load(&request).unwrap_or_else(|error| panic!("{error}"))
}

fn graph(project: &Project) -> (ServiceGraph, Edges) {
    let mut graph = ServiceGraph::new(project).unwrap_or_else(|error| panic!("{error}"));
    let reading = Reading {
        waits: Waits::Inferred,
        files: &|_| Vec::new(),
    };
    let edges = edges(project, &reading).join(&mut graph);
    (graph, edges)
}

/// A running container for each service, as the file asks for it.
fn observed(project: &Project) -> Observed {
    let networks: Vec<ObservedNetwork> = project
        .networks
        .iter()
        .map(|(key, network)| ObservedNetwork {
            id: key.as_str().into(),
            name: network.name.clone(),
            labels: BTreeMap::from([
                (label::PROJECT.to_owned(), project.name.to_string()),
                (label::NETWORK.to_owned(), key.clone()),
                (label::CONFIG_HASH.to_owned(), hash::network(network).0),
            ]),
        })
        .collect();
    let attachments = |service: &Service| {
        let keys = service.networks.keys();
        keys.map(|key| Attachment {
            name: project.networks[key].name.clone(),
            id: key.as_str().into(),
        })
        .collect()
    };
    let containers = project.services.iter().map(|(name, service)| Container {
        id: format!("{name:0>64}").into(),
        name: format!("{}-{name}-1", project.name),
        service: name.clone(),
        number: Some(1),
        one_off: false,
        state: State::Running,
        exit_code: None,
        health: None,
        image: "sha256:1".into(),
        image_name: String::new(),
        labels: BTreeMap::from([
            (label::PROJECT.to_owned(), project.name.to_string()),
            (
                label::CONFIG_HASH.to_owned(),
                hash::service(service, HashForm::Five).0,
            ),
            (label::IMAGE.to_owned(), "sha256:1".to_owned()),
        ]),
        network_mode: String::new(),
        networks: attachments(service),
        mounts: Vec::new(),
        created: 0,
    });
    let image = Image {
        id: Some("sha256:1".into()),
        ..Image::default()
    };
    Observed {
        containers: containers.collect(),
        networks,
        images: BTreeMap::from([("busybox".to_owned(), image)]),
        api: (1, 41),
        ..Observed::default()
    }
}
