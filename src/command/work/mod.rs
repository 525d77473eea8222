//! What the verbs that change something have in common: load, observe, plan, execute, report.

mod fingerprints;
mod identity;
mod inspected;
mod load;
mod memory;
mod outside;
mod plugin;
mod rest;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use futures_util::future::LocalBoxFuture;

pub(super) use fingerprints::{Fingerprints, wording};
pub(super) use load::Source;
pub(super) use plugin::plugin_folders;
use rest::Sign;
pub(super) use rest::look_again;

use super::Context;
use super::builds::Builds;
use super::readiness::{self, Readiness};
use crate::convert::{
    BuildOptions, Peer, Peers, Surroundings, api_socket, image_name, proxy_variables,
};
use crate::diagnostic::{Diagnostic, Diagnostics, SourceFile};
use crate::engine::probe::Prober;
use crate::engine::{Engine, Extent, Wanted, observe, since_1970, watch_project};
use crate::event::{Event, Events, Resource, Status};
use crate::execute::{Autopsy, Checks, Cleanup, Interrupts, OneOff, Report, Site, Tools, execute};
use crate::gate::{Edges, Origin, Reading, Waits, edges, verdict::SOFT_LIMIT};
use crate::graph::ServiceGraph;
use crate::history::Run;
use crate::name::ServiceName;
use crate::plan::{self, Anonymous, BuildPolicy, Observed, Plan, UpPolicy, World};
use crate::project::{Mapping, MountType, Project};

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

/// How a plan is done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Manner<'m> {
    /// What becomes of anonymous volumes.
    pub(super) anonymous: Anonymous,
    /// What becomes of what was created in vain.
    pub(super) cleanup: Cleanup,
    /// What is not shown.
    pub(super) quiet: Quiet,
    /// The container of `run`, where there is one.
    pub(super) one_off: Option<&'m OneOff>,
    /// As which command it is remembered; none for the one that was called.
    pub(super) verb: Option<&'static str>,
    /// Who shows what hooks say inside containers; nobody does without.
    pub(super) hooks: Option<&'m HookSayings>,
}

/// Lines of hooks on their way to whoever shows logs: a container's name, and the line.
pub(super) type HookSayings = tokio::sync::mpsc::UnboundedSender<(String, String)>;

impl Manner<'_> {
    /// The events, without what is not shown and with hooks' words to who shows those.
    fn events(&self, events: Events) -> Events {
        let events = self.quiet.hush(events);
        let hooks = self.hooks.cloned();
        Events::new(move |event| match (event, &hooks) {
            (Event::HookSaid { container, line }, Some(hooks)) => {
                // Whoever listened is gone, and nobody reads it any more.
                let _ = hooks.send((container, line));
            }
            (Event::HookSaid { .. }, None) => {}
            (event, _) => events.emit(event),
        })
    }
}

/// What of the engine's progress is not shown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Quiet {
    /// The layers of pulls.
    pub(super) pulls: bool,
    /// What builders say.
    pub(super) builds: bool,
}

impl Quiet {
    /// The events, without those.
    pub(super) fn hush(self, events: Events) -> Events {
        Events::new(move |event| {
            let hushed = match &event {
                Event::Progress { resource, .. } => {
                    self.pulls && matches!(resource, Resource::Layer { .. })
                }
                Event::BuildOutput { .. } => self.builds,
                _ => false,
            };
            if !hushed {
                events.emit(event);
            }
        })
    }
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
        let observed = match &source {
            Source::Loaded(project) if left => {
                rest::observe_at_rest(cx, engine, (project, &wanted)).await?
            }
            _ => observe(engine, &wanted).await?,
        };
        let project = match source {
            Source::Loaded(mut project) => {
                api_socket(&mut project, &registries(cx));
                *project
            }
            Source::Name(name) => plan::recall(&name, &observed),
        };
        let (graph, edges) = edges_of(&project, waits)?;
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

    /// Keeps a project that only has its directory's name from taking over another's containers.
    fn guard(&self) -> Result<()> {
        let adopts = self.cx.globals.adopt || self.cx.env.is_on("DCO_ADOPT");
        match identity::home(&self.project, &self.observed) {
            _ if is_strict(self.cx) => {}
            identity::Home::Here => {}
            identity::Home::Elsewhere(there) if !adopts => {
                return Err(identity::refusal(&self.project, &there).into());
            }
            identity::Home::Elsewhere(there) | identity::Home::Moved(there) => {
                self.cx.events().emit(Event::Note(format!(
                    "project `{}` was made in `{}`, and is taken over here",
                    self.project.name,
                    there.display()
                )));
            }
        }
        Ok(())
    }

    /// Does a plan, says how it went, and fails where it did.
    pub(super) async fn execute(&self, plan: &Plan, manner: Manner<'_>) -> Result<Report> {
        self.guard()?;
        let mut interrupts = Interrupts::listen()?;
        for (name, state) in &plan.unchanged {
            self.say_unchanged(name, state);
        }
        let proxy = self.proxy();
        let builds = Builds::open(
            self.cx,
            &self.engine,
            &self.project,
            BuildOptions::default(),
        );
        let builds = match manner.quiet.builds {
            true => builds.await?.quietly(),
            false => builds.await?,
        };
        let builds = &builds;
        let build = |service| -> LocalBoxFuture<'_, _> {
            Box::pin(async move {
                let built = builds.build(&service).await;
                built.map(drop).map_err(|failure| failure.diagnostic())
            })
        };
        let site = Site::new(
            Tools {
                engine: &self.engine,
                project: &self.project,
                edges: &self.edges,
                observed: &self.observed,
                checks: match is_strict(self.cx) {
                    true => Checks::Off,
                    false => Checks::Before,
                },
                events: manner.events(self.cx.events()),
                stamps: &self.prints,
                surroundings: self.surroundings(&proxy),
                anonymous: manner.anonymous,
                cleanup: manner.cleanup,
                build: &build,
                one_off: manner.one_off,
                prober: self.prober.as_ref(),
                at_once: self.cx.at_once()?,
                soft_limit: soft_limit(self.cx),
            },
            plan::peers(&self.project, &self.observed),
        );
        let began = jiff::Timestamp::now().as_millisecond();
        let sign = match plan.is_empty() && self.left_behind.is_none() {
            true => None,
            false => Sign::raise(self.cx, &self.project.name),
        };
        let report = execute(plan, &site, &mut interrupts).await;
        let verb = manner.verb.unwrap_or(&self.cx.verb);
        self.remember(Run::of(verb, began, plan, &report), plan, &report);
        let ready = readiness::of_plan(plan, &report);
        Readiness::of(self.cx, &self.project.name).remember(ready);
        if report.interrupts > 0 {
            if let Some(sign) = sign.filter(|_| report.interrupts == 1) {
                sign.lower();
            }
            self.cx.reporter().settle()?;
            return Err(crate::report::Exit::interrupted().into());
        }
        if report.succeeded() {
            self.check_unchanged(plan).await?;
        }
        if let Some(sign) = sign.filter(|_| !report.has_lost_the_engine()) {
            sign.lower();
        }
        match report.succeeded() {
            true => Ok(report),
            false => {
                let mut diagnostics = report.diagnostics(plan);
                diagnostics.extend(self.cards(plan, &report).await);
                Err(Diagnostics(diagnostics).into())
            }
        }
    }

    /// The proxies that new containers are told of.
    fn proxy(&self) -> Mapping {
        proxy_variables(&proxies(self.cx), &self.engine.endpoint().to_string())
    }

    /// What is the same for every container.
    fn surroundings<'p>(&self, proxy: &'p Mapping) -> Surroundings<'p> {
        Surroundings {
            api: self.observed.api,
            proxy,
            read: &|path: &str| std::fs::read_to_string(path),
        }
    }

    /// What is known of the dependencies that kept others from starting.
    async fn cards(&self, plan: &Plan, report: &Report) -> Vec<Diagnostic> {
        let peers = self.peers(report);
        let autopsy = self.autopsy(&peers);
        let mut told = BTreeSet::new();
        let mut cards = Vec::new();
        for (step, _) in report.failures() {
            let plan::Action::Await(gate) = &plan.steps[step.0 as usize - 1].action else {
                continue;
            };
            for peer in peers.get(&gate.dependency).into_iter().flatten() {
                if told.insert(peer.id.clone()) {
                    cards.extend(autopsy.ended(&gate.dependency, &peer.id).await);
                }
            }
        }
        cards
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

    fn say_unchanged(&self, name: &str, state: &str) {
        self.cx.events().emit(Event::Progress {
            resource: Resource::Container(name.to_owned()),
            status: Status::Done,
            text: state.to_owned(),
            details: String::new(),
            transfer: None,
        });
    }

    /// Says once why what is there is built or made anew, and what waits for what, as far as the
    /// command line and the file do not say it themselves.
    pub(super) fn say_reasons(&self, plan: &Plan) {
        if !is_strict(self.cx) {
            for reason in plan.reasons() {
                self.cx.events().emit(Event::Note(reason));
            }
        }
        self.say_edges(plan);
        self.say_left_out(plan);
    }

    fn say_edges(&self, plan: &Plan) {
        for edge in &self.edges.list {
            let waits = plan.steps.iter().any(|step| match &step.action {
                plan::Action::Await(gate) => edge.gates.contains(gate),
                _ => false,
            });
            if edge.origin == Origin::Inferred && waits {
                let targets: Vec<String> = edge.gates.iter().map(|gate| gate.target()).collect();
                self.cx.events().emit(Event::Note(format!(
                    "{} waits for {}, from {}",
                    edge.dependent,
                    targets.join(", "),
                    edge.because
                )));
            }
        }
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

/// The registries' credentials of the Docker client's configuration, as a `config.json` for
/// services with `use_api_socket`; those that a helper keeps stay with it.
fn registries(cx: &Context) -> String {
    let path = cx.docker_config().dir.join("config.json");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let config: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let auths = config.get("auths").cloned();
    let auths = auths.unwrap_or_else(|| serde_json::json!({}));
    serde_json::json!({ "auths": auths }).to_string()
}

/// The proxies of docker's configuration, in the form of its file.
pub(super) fn proxies(cx: &Context) -> serde_json::Value {
    let config = cx.docker_config();
    let proxies = config.file.proxies.iter().map(|(host, proxy)| {
        let proxy = serde_json::json!({
            "httpProxy": proxy.http_proxy,
            "httpsProxy": proxy.https_proxy,
            "noProxy": proxy.no_proxy,
            "ftpProxy": proxy.ftp_proxy,
            "allProxy": proxy.all_proxy,
        });
        (host.clone(), proxy)
    });
    serde_json::json!({ "proxies": proxies.collect::<serde_json::Map<_, _>>() })
}

/// What has to be looked up for a project.
fn wanted(project: &Project) -> Wanted {
    let services = project.services.iter();
    let images = services
        .clone()
        .map(|(name, service)| image_name(project, name, service));
    let mounted = services.flat_map(|(_, service)| {
        let images = service.volumes.iter();
        let images = images.filter(|mount| mount.r#type == MountType::Image);
        images.map(|mount| mount.source.clone())
    });
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
        images: images.chain(mounted).collect(),
        extent: Extent::Everything,
    }
}

/// How much is waited for: less with `--no-infer` and `DCO_INFER=0`, least as Compose does.
pub(super) fn waits(cx: &Context, no_infer: bool) -> Waits {
    if is_strict(cx) {
        return Waits::Compose;
    }
    match no_infer || cx.env.get("DCO_INFER") == Some("0") {
        true => Waits::Declared,
        false => Waits::Inferred,
    }
}

/// Whether dco is to do what Compose does and no more.
pub(super) fn is_strict(cx: &Context) -> bool {
    cx.env.get("DCO_STRICT") == Some("compose")
}

/// How long a soft gate waits: 30 s, or `DCO_GATE_TIMEOUT`.
pub(super) fn soft_limit(cx: &Context) -> Duration {
    let asked = cx.env.get("DCO_GATE_TIMEOUT");
    let nanos = asked.and_then(|text| {
        let plain = text
            .parse::<i64>()
            .ok()
            .map(|seconds| seconds * 1_000_000_000);
        plain.or_else(|| crate::text::duration::parse(text).ok())
    });
    nanos.map_or(SOFT_LIMIT, |nanos| {
        Duration::from_nanos(nanos.max(0).unsigned_abs())
    })
}

/// `--timeout` in seconds.
///
/// # Errors
/// A number that is too small.
pub(super) fn grace(seconds: Option<i64>) -> Result<Option<Duration>> {
    match seconds {
        None => Ok(None),
        Some(seconds) if seconds >= 0 => Ok(Some(Duration::from_secs(seconds.unsigned_abs()))),
        Some(seconds) => bail!("`{seconds}` is no time to wait for a container to stop"),
    }
}

/// The text files at a path of the host: the file itself, or those directly in the folder.
pub(in crate::command) fn text_files(path: &Path) -> Vec<Arc<SourceFile>> {
    /// A configuration is not longer than this.
    const LONGEST: u64 = 256 * 1024;
    let one = |path: &Path| {
        let meta = std::fs::metadata(path).ok()?;
        if !meta.is_file() || meta.len() > LONGEST {
            return None;
        }
        Some(Arc::new(SourceFile {
            path: path.display().to_string(),
            text: std::fs::read_to_string(path).ok()?,
        }))
    };
    if path.is_file() {
        return one(path).into_iter().collect();
    }
    let Ok(entries) = std::fs::read_dir(path) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().filter_map(|path| one(path)).collect()
}
