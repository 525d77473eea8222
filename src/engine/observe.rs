//! One snapshot of a project: everything that a plan has to know of the engine, in calls that run
//! side by side, and none per object where the lists answer.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use bollard::models::{ContainerSummary, ImageInspect};
use futures_util::StreamExt;
use futures_util::future::try_join_all;

use super::containers::Which;
use super::error::Result;
use super::filters::{Filters, labelled};
use super::streams::Messages;
use super::system::{EngineEvent, EventsSince};
use super::{ApiVersion, Endpoint, Engine};
use crate::name::{ContainerId, ImageId, NetworkId, ServiceName};
use crate::plan::observed::{
    Attachment, Container, Health, Image, Network, Observed, ObservedMount, State, Volume,
};

/// What a snapshot is asked for: a project, and the resources that it names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The project's name.
    pub project: String,
    /// Networks by their names in the engine, external ones too.
    pub networks: BTreeSet<String>,
    /// Volumes by their names in the engine, external ones too.
    pub volumes: BTreeSet<String>,
    /// Images by the references that services use.
    pub images: BTreeSet<String>,
    /// How much of it.
    pub extent: Extent,
}

/// How much a snapshot holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    #[default]
    Everything,
    /// Containers and images, without networks and volumes: their lists are of the whole machine.
    Containers,
}

/// The label that says which project something belongs to.
const PROJECT: &str = "com.docker.compose.project";
const SERVICE: &str = "com.docker.compose.service";
const NUMBER: &str = "com.docker.compose.container-number";
const ONE_OFF: &str = "com.docker.compose.oneoff";

/// The first of Docker's APIs that mounts images; Podman has long done so, whatever API it names.
const IMAGE_MOUNTS: ApiVersion = ApiVersion::new(1, 48);

/// Takes the snapshot: three lists and one inspection per image, all at the same time.
///
/// # Errors
///
/// The first of the engine's errors.
pub async fn observe(engine: &Engine, wanted: &Wanted) -> Result<Observed> {
    let ping = engine.ping().await?;
    let ours = labelled(format!("{PROJECT}={}", wanted.project));
    let all = Filters::new();
    // The unfiltered lists answer for names and for labels in one call each.
    let (containers, networks, volumes, images) = tokio::try_join!(
        engine.list_containers(Which::All, &ours),
        async {
            match wanted.extent {
                Extent::Everything => engine.list_networks(&all).await,
                Extent::Containers => Ok(Vec::new()),
            }
        },
        async {
            match wanted.extent {
                Extent::Everything => engine.list_volumes(&all).await,
                Extent::Containers => Ok(Vec::new()),
            }
        },
        images(engine, wanted.images.iter().cloned()),
    )?;
    let belongs = |labels: &BTreeMap<String, String>| labels.get(PROJECT) == Some(&wanted.project);
    let mut containers: Vec<Container> = containers.into_iter().map(container).collect();
    containers
        .sort_by(|a, b| (&a.service, a.number, &a.name).cmp(&(&b.service, b.number, &b.name)));
    let mut networks: Vec<Network> = networks
        .into_iter()
        .map(|network| Network {
            id: NetworkId::from(network.id.unwrap_or_default()),
            name: network.name.unwrap_or_default(),
            labels: sorted(network.labels),
        })
        .filter(|network| wanted.networks.contains(&network.name) || belongs(&network.labels))
        .collect();
    networks.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    let mut volumes: Vec<Volume> = volumes
        .into_iter()
        .map(|volume| Volume {
            labels: volume.labels.into_iter().collect(),
            name: volume.name,
        })
        .filter(|volume| wanted.volumes.contains(&volume.name) || belongs(&volume.labels))
        .collect();
    volumes.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Observed {
        containers,
        networks,
        volumes,
        images,
        api: (ping.api.major, ping.api.minor),
        mounts_images: ping.podman || ping.api >= IMAGE_MOUNTS,
    })
}

/// Subscribes to what happens to a project's containers. Called before [`observe`], so that nothing
/// between the snapshot and the first event read is lost.
///
/// # Errors
///
/// The engine's.
pub async fn watch_project(engine: &Engine, project: &str) -> Result<Messages<EngineEvent>> {
    let mut filters = labelled(format!("{PROJECT}={project}"));
    filters.insert("type".to_owned(), vec!["container".to_owned()]);
    // The engine answers an instant before it subscribes; its clock is ours where it is local, and
    // what happened since is then told again from its memory.
    let since = matches!(engine.endpoint(), Endpoint::Unix(_)).then(now);
    let which = EventsSince {
        since,
        until: None,
        filters,
    };
    engine.events(&which).await
}

/// A signal that asks a container to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// When it was sent, since 1970.
    pub at: Duration,
    /// Whether the container ended since.
    pub ended: bool,
}

/// The containers that were sent a signal to end since then and were not started again, by what
/// the engine remembers: a command that was killed leaves stops under way. None where its clock is another machine's.
///
/// # Errors
///
/// The engine's.
pub async fn endings(
    engine: &Engine,
    project: &str,
    since: Duration,
) -> Result<BTreeMap<ContainerId, Ending>> {
    /// HUP, USR1 and USR2 ask for something else; 37 is systemd's.
    const SIGNALS: [&str; 6] = ["2", "3", "9", "15", "28", "37"];
    let mut endings = BTreeMap::new();
    if !matches!(engine.endpoint(), Endpoint::Unix(_)) {
        return Ok(endings);
    }
    let mut filters = labelled(format!("{PROJECT}={project}"));
    filters.insert("type".to_owned(), vec!["container".to_owned()]);
    filters.insert(
        "event".to_owned(),
        vec!["kill".to_owned(), "die".to_owned()],
    );
    let which = EventsSince {
        since: Some(stamp(since)),
        until: Some(now()),
        filters,
    };
    let mut events = engine.events(&which).await?;
    while let Some(event) = events.next().await {
        let event = event?;
        let id = ContainerId::from(event.actor.id.as_str());
        let asked = |signal| SIGNALS.contains(&signal);
        match event.action.as_str() {
            "start" => drop(endings.remove(&id)),
            "die" => {
                let known = endings.entry(id);
                known.and_modify(|one: &mut Ending| one.ended = true);
            }
            _ if event.attribute("signal").is_some_and(asked) => {
                let at = Duration::from_nanos(event.time_nano.unsigned_abs());
                endings.entry(id).or_insert(Ending { at, ended: false });
            }
            _ => {}
        }
    }
    Ok(endings)
}

/// The time by this machine's clock.
pub fn since_1970() -> Duration {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap_or_default()
}

/// Now, as the engine takes it.
fn now() -> String {
    stamp(since_1970())
}

/// Seconds and nanoseconds.
fn stamp(time: Duration) -> String {
    format!("{}.{:09}", time.as_secs(), time.subsec_nanos())
}

/// The images of these names, as far as the engine has them.
///
/// # Errors
///
/// The first of the engine's errors.
pub async fn images(
    engine: &Engine,
    names: impl IntoIterator<Item = String>,
) -> Result<BTreeMap<String, Image>> {
    let found = names
        .into_iter()
        .map(async |name| find_image(engine, &name).await);
    let found = try_join_all(found).await?;
    Ok(found.into_iter().flatten().collect())
}

/// The images that were built for a project and still have a name: their first names, each with the
/// service that its label names.
///
/// # Errors
///
/// The engine's.
pub async fn built_for(engine: &Engine, project: &str) -> Result<BTreeMap<String, ServiceName>> {
    let mut by = labelled(format!("{PROJECT}={project}"));
    by.insert("dangling".to_owned(), vec!["false".to_owned()]);
    let found = engine.list_images(&by).await?.into_iter();
    let named = found.filter_map(|image| {
        let service = image.labels.get(SERVICE).map_or("", String::as_str);
        Some((image.repo_tags.into_iter().next()?, service.into()))
    });
    Ok(named.collect())
}

async fn find_image(engine: &Engine, reference: &str) -> Result<Option<(String, Image)>> {
    match engine.inspect_image(reference).await {
        Ok(found) => Ok(Some((reference.to_owned(), image(found)))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// What a plan asks of an image.
pub fn image(found: ImageInspect) -> Image {
    let config = found.config.unwrap_or_default();
    let tagged = found.metadata.and_then(|it| it.last_tag_time);
    let tagged = tagged.and_then(|time| time.parse::<jiff::Timestamp>().ok());
    Image {
        id: found.id.map(ImageId::from),
        exposed: config.exposed_ports.unwrap_or_default(),
        volumes: config.volumes.unwrap_or_default(),
        entrypoint: config.entrypoint.unwrap_or_default(),
        command: config.cmd.unwrap_or_default(),
        environment: config.env.unwrap_or_default(),
        // An image that was never tagged here says year 1.
        last_tagged: tagged.map(|at| at.as_second()).filter(|at| *at > 0),
        labels: sorted(config.labels),
    }
}

/// What a plan asks of a container, out of the list.
pub fn container(found: ContainerSummary) -> Container {
    let labels = sorted(found.labels);
    let label = |name: &str| labels.get(name).map_or("", String::as_str);
    let status = found.status.unwrap_or_default();
    let networks = found.network_settings.and_then(|it| it.networks);
    let mut networks: Vec<Attachment> = networks
        .unwrap_or_default()
        .into_iter()
        .map(|(name, endpoint)| {
            let id = endpoint.network_id.unwrap_or_default();
            // Podman gives the name for the id: that is none.
            let id = NetworkId::from(if id == name { String::new() } else { id });
            Attachment { name, id }
        })
        .collect();
    networks.sort_by(|a, b| a.name.cmp(&b.name));
    let mut mounts: Vec<ObservedMount> = found
        .mounts
        .unwrap_or_default()
        .into_iter()
        .map(|mount| ObservedMount {
            kind: mount.typ.unwrap_or_default(),
            name: mount.name.unwrap_or_default(),
            source: mount.source.unwrap_or_default(),
            destination: mount.destination.unwrap_or_default(),
        })
        .collect();
    mounts.sort_by(|a, b| a.destination.cmp(&b.destination));
    // Names of links come as `/other/alias`.
    let names = found.names.unwrap_or_default();
    let host_config = found.host_config.unwrap_or_default();
    let name = names
        .iter()
        .map(|name| name.trim_start_matches('/'))
        .find(|name| !name.contains('/'));
    Container {
        id: ContainerId::from(found.id.unwrap_or_default()),
        name: name.unwrap_or_default().to_owned(),
        service: ServiceName::from(label(SERVICE)),
        number: label(NUMBER).parse().ok(),
        one_off: label(ONE_OFF) == "True",
        state: state(found.state.map(|state| state.to_string()).as_deref()),
        exit_code: exit_code(&status),
        health: health(&status),
        image: ImageId::from(found.image_id.unwrap_or_default()),
        image_name: found.image.unwrap_or_default(),
        network_mode: host_config.network_mode.unwrap_or_default(),
        networks,
        mounts,
        created: found.created.unwrap_or_default(),
        labels,
    }
}

/// The engine's word for a state; one that runs out (`stopping`) still runs.
fn state(word: Option<&str>) -> State {
    match word.unwrap_or_default() {
        "running" | "stopping" => State::Running,
        "paused" => State::Paused,
        "restarting" => State::Restarting,
        "removing" => State::Removing,
        "exited" => State::Exited,
        "dead" => State::Dead,
        _ => State::Created,
    }
}

/// The exit code in `Exited (137) 2 minutes ago` or `Restarting (1) 5 seconds ago`.
pub fn exit_code(status: &str) -> Option<i64> {
    let rest = status
        .strip_prefix("Exited (")
        .or_else(|| status.strip_prefix("Restarting ("))?;
    rest.split_once(')')?.0.parse().ok()
}

/// The health in `Up 2 hours (healthy)` or `Up 3 seconds (health: starting)`.
pub fn health(status: &str) -> Option<Health> {
    let (_, rest) = status.rsplit_once('(')?;
    match rest.trim_end_matches(')') {
        "healthy" => Some(Health::Healthy),
        "unhealthy" => Some(Health::Unhealthy),
        "health: starting" | "starting" => Some(Health::Starting),
        _ => None,
    }
}

fn sorted(labels: Option<HashMap<String, String>>) -> BTreeMap<String, String> {
    labels.unwrap_or_default().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_status_text_holds_exit_code_and_health() {
        assert_eq!(exit_code("Exited (137) 2 minutes ago"), Some(137));
        assert_eq!(exit_code("Restarting (1) Less than a second ago"), Some(1));
        assert_eq!(exit_code("Up 2 hours"), None);
        assert_eq!(health("Up 2 hours (healthy)"), Some(Health::Healthy));
        assert_eq!(
            health("Up 1 second (health: starting)"),
            Some(Health::Starting)
        );
        assert_eq!(health("Up 2 hours (unhealthy)"), Some(Health::Unhealthy));
        assert_eq!(health("Up 5 minutes (Paused)"), None);
        assert_eq!(health("Exited (0) 5 minutes ago"), None);
    }

    #[test]
    fn a_container_bears_its_own_name_and_not_a_links() {
        let found = ContainerSummary {
            names: Some(vec!["/app-web-1/db".to_owned(), "/app-db-1".to_owned()]),
            ..ContainerSummary::default()
        };
        assert_eq!(container(found).name, "app-db-1");
    }
}
