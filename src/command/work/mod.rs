//! What the verbs that change something have in common: load, observe, plan, execute, report.

mod doing;
mod fingerprints;
mod identity;
mod inspected;
mod load;
mod machine;
mod manner;
mod memory;
mod outside;
mod plugin;
mod rest;
mod saying;
mod switches;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;

pub(super) use fingerprints::{Fingerprints, manners, wording};
pub(super) use load::Source;
use machine::registries;
pub(super) use machine::{proxies, text_files};
pub(super) use manner::{HookSayings, Manner, Quiet};
pub(super) use plugin::plugin_folders;
use rest::Sign;
pub(super) use rest::look_again;
pub(super) use switches::{grace, is_strict, soft_limit, waits};

use super::Context;
use super::builds::Builds;
use crate::convert::{BuildOptions, Peer, Peers, api_socket, image_name};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::engine::probe::Prober;
use crate::engine::{Engine, Extent, Wanted, images, observe, since_1970, watch_project};
use crate::execute::{Autopsy, Report};
use crate::gate::{Edges, Reading, Waits, edges};
use crate::graph::ServiceGraph;
use crate::name::ServiceName;
use crate::plan::{self, BuildPolicy, Observed, Plan, UpPolicy, World};
use crate::project::{MountType, Project};

/// A project, what the engine holds of it, and who does the work.
pub(super) struct Work<'c> {
    pub(super) cx: &'c Context,
    pub(super) engine: Engine,
    pub(super) project: Project,
    pub(super) graph: ServiceGraph,
    pub(super) edges: Edges,
    pub(super) observed: Observed,
    pub(super) prober: Option<Prober>,
    prints: Fingerprints,
    waits: Waits,
    /// When this look was begun, if an earlier command was killed.
    left_behind: Option<Duration>,
}

/// How much of what the engine holds a verb looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// All that a plan may ask for, and what happens from now on.
    Everything,
    /// What a restart of containers that are there asks for: no networks, no volumes.
    ToRestart,
    /// What is there to be ended: no images, no events.
    ToEnd,
}

impl<'c> Work<'c> {
    /// Takes a project and looks at what the engine holds of it.
    pub(super) async fn open(cx: &'c Context, source: Source, waits: Waits) -> Result<Self> {
        Self::look(cx, &cx.engine()?, source, (waits, Look::Everything)).await
    }

    /// The same for a restart, over connections that are there already.
    pub(super) async fn open_to_restart(
        cx: &'c Context,
        engine: &Engine,
        source: Source,
        waits: Waits,
    ) -> Result<Self> {
        Self::look(cx, engine, source, (waits, Look::ToRestart)).await
    }

    /// The same for a verb that only stops and removes: it needs fewer calls.
    pub(super) async fn open_to_end(cx: &'c Context, source: Source) -> Result<Self> {
        let look = (Waits::Compose, Look::ToEnd);
        Self::look(cx, &cx.engine()?, source, look).await
    }

    async fn look(
        cx: &'c Context,
        engine: &Engine,
        source: Source,
        (waits, look): (Waits, Look),
    ) -> Result<Self> {
        let mut wanted = match &source {
            Source::Loaded(project) => wanted(project),
            Source::Name(name) => Wanted {
                project: name.clone(),
                ..Wanted::default()
            },
        };
        match look {
            Look::Everything => {}
            Look::ToRestart => wanted.extent = Extent::Containers,
            Look::ToEnd => wanted.images.clear(),
        }
        // Subscribed before the snapshot is taken, so that nothing between the two is lost.
        let gates = waits > Waits::Compose || matches!(source, Source::Loaded(_));
        let prober = match gates && look != Look::ToEnd {
            true => Some(Prober::new(
                engine,
                watch_project(engine, &wanted.project).await?,
            )),
            false => None,
        };
        let left = look != Look::ToEnd && Sign::is_left_behind(cx, &wanted.project);
        let left_behind = left.then(since_1970);
        let mut observed = match &source {
            Source::Loaded(project) if left => {
                rest::observe_at_rest(cx, engine, (project, &wanted)).await?
            }
            _ => observe(engine, &wanted).await?,
        };
        let project = match source {
            Source::Loaded(mut project) => {
                let credentials = registries(engine, &project).await;
                api_socket(&mut project, &credentials);
                *project
            }
            Source::Name(name) => {
                let project = plan::recall(&name, &observed);
                if look == Look::Everything {
                    observed.images = images(engine, wanted_images(&project)).await?;
                }
                project
            }
        };
        let (graph, mut edges) = edges_of(&project, waits)?;
        outside::add_running(&mut edges, &project, &observed, waits);
        Ok(Self {
            prints: Fingerprints::choose(cx)?,
            waits,
            cx,
            engine: engine.clone(),
            project,
            graph,
            edges,
            observed,
            prober,
            left_behind,
        })
    }

    /// Hands the desired and the observed state to a planning function.
    pub(super) fn plan<T>(&self, plan: impl FnOnce(&World<'_>) -> T) -> T {
        plan(&World {
            project: &self.project,
            graph: &self.graph,
            observed: &self.observed,
            edges: &self.edges,
            hashes: &memory::Memory::of(self),
            now: jiff::Timestamp::now().as_second(),
        })
    }

    /// Plans `up` in any of its forms: with what changed of the builds' input, and with the fields
    /// that differ wherever a container is replaced.
    pub(super) async fn plan_up(&self, policy: &mut UpPolicy) -> Result<Plan> {
        let mut services = self.project.services.values();
        if policy.build != BuildPolicy::Never && services.any(|service| service.build.is_some()) {
            self.look_at_builds(policy).await?;
        }
        let mut plan = self.plan(|world| plan::up(world, policy))?;
        self.name_fields(&mut plan).await;
        Ok(plan)
    }

    /// Reads what the builds stand on, and which images have to be built anew.
    async fn look_at_builds(&self, policy: &mut UpPolicy) -> Result<()> {
        let options = BuildOptions::default();
        let builds = Builds::open(self.cx, &self.engine, &self.project, options).await?;
        policy.bases = builds.bases();
        let built = self.project.services.keys();
        policy.absent_bases = builds.absent(&policy.bases, built).await?;
        if policy.build == BuildPolicy::IfNeeded && !is_strict(self.cx) {
            policy.stale = builds.stale(&self.observed, &policy.bases);
        }
        Ok(())
    }

    /// The services that are named, each of which has to be in the file.
    ///
    /// # Errors
    /// One that is not.
    pub(super) fn named(&self, names: &[String]) -> Result<BTreeSet<ServiceName>> {
        let known = &self.project.services;
        for name in names {
            if !known.contains_key(name.as_str()) {
                let nearest = crate::text::nearest::nearest(name, known.keys().map(|key| &**key));
                let error = Diagnostic::error(format!("no such service: {name}"));
                let error = match nearest {
                    Some(other) => error.hint(format!("did you mean `{other}`?")),
                    None => error,
                };
                return Err(error.into());
            }
        }
        Ok(names
            .iter()
            .map(|name| ServiceName::from(name.as_str()))
            .collect())
    }

    /// The same for a verb that leaves alone what is not there; none where nothing is left of what
    /// was named. Of a project without files nobody knows which services it has.
    pub(super) fn named_or_gone(&self, names: &[String]) -> Result<Option<BTreeSet<ServiceName>>> {
        if !self.project.compose_files.is_empty() {
            return self.named(names).map(Some);
        }
        let known = &self.project.services;
        let (there, gone): (Vec<_>, Vec<_>) =
            (names.iter().cloned()).partition(|name| known.contains_key(name.as_str()));
        for name in &gone {
            let warning = Diagnostic::warning(format!("no such service: {name}"));
            self.cx.reporter().show(&warning);
        }
        let nothing = there.is_empty() && !gone.is_empty();
        Ok((!nothing).then(|| there.into_iter().map(ServiceName::from).collect()))
    }

    /// What cards are written from.
    pub(super) fn autopsy<'w>(&'w self, peers: &'w Peers) -> Autopsy<'w> {
        Autopsy {
            engine: &self.engine,
            project: &self.project,
            edges: &self.edges,
            prober: self.prober.as_ref(),
            peers,
        }
    }

    /// The containers that the services have after a plan was done.
    pub(super) fn peers(&self, report: &Report) -> Peers {
        let mut peers = plan::peers(&self.project, &self.observed);
        peers.retain(|name, _| self.project.services.contains_key(name));
        for one in &report.started {
            let own = peers.entry(one.service.clone()).or_default();
            own.retain(|peer| peer.name != one.name);
            own.push(Peer {
                id: one.id.clone(),
                name: one.name.clone(),
            });
        }
        peers
    }
}

/// The services of a project in their order, and what stands between them.
///
/// # Errors
/// A cycle, or what is wrong with `x-dco`.
pub(super) fn edges_of(project: &Project, waits: Waits) -> Result<(ServiceGraph, Edges)> {
    let mut graph = ServiceGraph::new(project)?;
    let reading = Reading {
        waits,
        files: &text_files,
    };
    let edges = edges(project, &reading).join(&mut graph);
    match edges.diagnostics.is_empty() {
        true => Ok((graph, edges)),
        false => Err(Diagnostics(edges.diagnostics).into()),
    }
}

/// What has to be looked up for a project.
fn wanted(project: &Project) -> Wanted {
    Wanted {
        project: project.name.clone(),
        networks: project
            .networks
            .values()
            .map(|one| one.name.clone())
            .collect(),
        volumes: project
            .volumes
            .values()
            .map(|one| one.name.clone())
            .collect(),
        images: wanted_images(project),
        extent: Extent::Everything,
    }
}

/// The images that services are made from or mount.
fn wanted_images(project: &Project) -> BTreeSet<String> {
    let services = project.services.iter();
    let images = services
        .clone()
        .map(|(name, service)| image_name(project, name, service));
    let mounted = services.flat_map(|(_, service)| {
        let images = service.volumes.iter();
        let images = images.filter(|mount| mount.r#type == MountType::Image);
        images.map(|mount| mount.source.clone())
    });
    images.chain(mounted).collect()
}
