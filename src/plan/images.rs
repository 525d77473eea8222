//! The pulls and builds of a plan: which images are missing, due or asked for.

use std::collections::{BTreeMap, BTreeSet};

use super::builder::Builder;
use super::observed::Container;
use super::request::{BuildPolicy, PullPolicy, UpPolicy, World};
use super::{Action, Cause, Renewal, StepId, When};
use crate::convert::{Platforms, build_platforms, image_name};
use crate::diagnostic::Diagnostic;
use crate::name::ServiceName;
use crate::project::{MountType, Service};

/// What a plan does for its images.
#[derive(Debug, Default)]
pub(super) struct Images {
    /// The steps after which a service's image is there.
    pub(super) of: BTreeMap<ServiceName, Vec<StepId>>,
    /// The steps after which the images are there that a service mounts, by the images.
    pub(super) mounted: BTreeMap<ServiceName, BTreeMap<String, StepId>>,
    /// The step after which every image is there; none where nothing is pulled or built.
    pub(super) ready: Option<StepId>,
}

impl Images {
    /// The pulls and builds that may have a container of a service made anew.
    pub(super) fn renewals(
        &self,
        world: &World<'_>,
        (name, service): (&ServiceName, &Service),
        container: &Container,
    ) -> Vec<Renewal> {
        let own = self.of.get(name).and_then(|steps| steps.last());
        let own = own.map(|step| Renewal {
            step: *step,
            image: image_name(world.project, name, service),
            was: container.image.clone(),
        });
        let mounted = self.mounted.get(name).into_iter().flatten();
        let mounted = mounted.filter_map(|(image, step)| {
            Some(Renewal {
                step: *step,
                image: image.clone(),
                was: world.observed.images.get(image)?.id.clone()?,
            })
        });
        own.into_iter().chain(mounted).collect()
    }

    fn is_mounted_by(&mut self, service: ServiceName, image: &str, step: StepId) {
        let mounted = self.mounted.entry(service).or_default();
        mounted.insert(image.to_owned(), step);
    }
}

/// Adds the pulls and builds.
///
/// # Errors
/// A `pull_policy` that is none.
pub(super) fn add(
    steps: &mut Builder,
    world: &World<'_>,
    policy: &UpPolicy,
) -> Result<Images, Diagnostic> {
    let mut images = Images::default();
    let mut ends = Vec::new();
    let mut pulled: BTreeMap<String, StepId> = BTreeMap::new();
    for (image, pull) in pulls(world, policy)? {
        let action = Action::Pull {
            image: image.clone(),
            services: pull.services.union(&pull.mounted_by).cloned().collect(),
        };
        let id = steps.step(action, pull.cause).add();
        for service in pull.services {
            images.of.insert(service, vec![id]);
        }
        for service in pull.mounted_by {
            images.is_mounted_by(service, &image, id);
        }
        if !pull.or_build {
            ends.push(id);
        }
        pulled.insert(image, id);
    }
    let builds = builds(world, policy, &pulled)?;
    for name in build_order(world, policy, &builds) {
        let Some(service) = world.project.any_service(&name) else {
            continue;
        };
        let image = image_name(world.project, &name, service);
        let instead_of = pulled.get(&image).copied();
        let bases = built_before(world, policy, &name).into_iter();
        let bases = bases.filter_map(|other| images.of.get(&other));
        let after: Vec<StepId> = bases.flatten().copied().collect();
        let when = instead_of.map_or(When::Always, |pull| When::Failed(vec![pull]));
        let action = Action::Build {
            service: name.clone(),
            image: image.clone(),
        };
        let cause = builds[&name].clone();
        let id = steps.step(action, cause).after(after).when(when).add();
        for user in who_mounts(world, &image) {
            images.is_mounted_by(user.clone(), &image, id);
        }
        for user in users_of_built(world, &name) {
            images.of.insert(user, vec![id]);
        }
        images.of.insert(name, vec![id]);
        ends.push(id);
    }
    images.ready = match ends.as_slice() {
        [] => None,
        [only] => Some(*only),
        _ => Some(
            steps
                .step(Action::ImagesReady, Cause::Requested)
                .after(ends)
                .add(),
        ),
    };
    Ok(images)
}

/// One image that is pulled.
struct Pull {
    cause: Cause,
    /// Whose containers are made from it.
    services: BTreeSet<ServiceName>,
    /// Who mounts it.
    mounted_by: BTreeSet<ServiceName>,
    /// Whether a failure is no failure, because a service builds it.
    or_build: bool,
}

impl Pull {
    fn because(cause: Cause) -> Self {
        Self {
            cause,
            services: BTreeSet::new(),
            mounted_by: BTreeSet::new(),
            or_build: false,
        }
    }
}

/// The images to pull, each once however many use it.
fn pulls(world: &World<'_>, policy: &UpPolicy) -> Result<BTreeMap<String, Pull>, Diagnostic> {
    let mut pulls: BTreeMap<String, Pull> = BTreeMap::new();
    for (name, service) in &world.project.services {
        let builds = service.build.is_some() && policy.build != BuildPolicy::Never;
        if service.provider.is_some() {
            continue;
        }
        let image = image_name(world.project, name, service);
        let asked =
            match builds && (service.image.is_empty() || policy.build == BuildPolicy::Always) {
                true => None,
                false => pull_cause(world, policy, (name, service), &image)?,
            };
        if let Some(cause) = asked {
            let is_built = is_built_here(world, &image);
            let pull = pulls.entry(image).or_insert_with(|| Pull::because(cause));
            pull.services.insert(name.clone());
            pull.or_build |= builds || (is_built && policy.build != BuildPolicy::Never);
        }
        for mount in &service.volumes {
            let missing = mount.r#type == MountType::Image
                && !world.observed.images.contains_key(&mount.source)
                && !is_built_here(world, &mount.source);
            if missing {
                pulls
                    .entry(mount.source.clone())
                    .or_insert_with(|| Pull::because(Cause::Missing))
                    .mounted_by
                    .insert(name.clone());
            }
        }
    }
    Ok(pulls)
}

/// The services that mount an image.
fn who_mounts<'w>(world: &World<'w>, image: &str) -> Vec<&'w ServiceName> {
    let mounts = |service: &Service| {
        let mut mounts = service.volumes.iter();
        mounts.any(|mount| mount.r#type == MountType::Image && mount.source == image)
    };
    let services = world.project.services.iter();
    let users = services.filter(|(_, service)| mounts(service));
    users.map(|(name, _)| name).collect()
}

/// The services that use the image which a service builds, and build none themselves.
fn users_of_built(world: &World<'_>, name: &ServiceName) -> Vec<ServiceName> {
    let image = |name, service| image_name(world.project, name, service);
    let built = world.project.services.get(name);
    let built = built.map(|service| image(name, service));
    let others = world.project.services.iter();
    let others = others.filter(|(_, other)| other.build.is_none() && other.provider.is_none());
    others
        .filter(|(other, service)| Some(image(other, service)) == built)
        .map(|(other, _)| other.clone())
        .collect()
}

fn is_built_here(world: &World<'_>, image: &str) -> bool {
    world.project.services.iter().any(|(name, service)| {
        service.build.is_some() && image_name(world.project, name, service) == image
    })
}

/// Why a service's image is pulled, if it is.
fn pull_cause(
    world: &World<'_>,
    policy: &UpPolicy,
    (name, service): (&ServiceName, &Service),
    image: &str,
) -> Result<Option<Cause>, Diagnostic> {
    let (asked, cause) = match policy.pull {
        Some(asked) => (asked, Cause::Requested),
        None => (
            own_policy(name, service)?,
            Cause::Policy(service.pull_policy.clone()),
        ),
    };
    let known = world.observed.images.get(image);
    Ok(match (asked, known) {
        (PullPolicy::Always, _) => Some(cause),
        (PullPolicy::Never | PullPolicy::Build, _) => None,
        (_, None) => Some(Cause::Missing),
        (PullPolicy::After(seconds), Some(known)) => {
            let due = known
                .last_tagged
                .is_none_or(|at| at.saturating_add(seconds) < world.now);
            due.then_some(cause)
        }
        (PullPolicy::Missing, Some(_)) => None,
    })
}

fn own_policy(name: &ServiceName, service: &Service) -> Result<PullPolicy, Diagnostic> {
    PullPolicy::parse(&service.pull_policy).ok_or_else(|| {
        Diagnostic::error(format!(
            "service `{name}` has the pull policy `{}`, which is none",
            service.pull_policy
        ))
        .hint("use `always`, `missing`, `never`, `build`, `daily`, `weekly` or `every_<duration>`")
    })
}

/// The services to build, and why.
fn builds(
    world: &World<'_>,
    policy: &UpPolicy,
    pulled: &BTreeMap<String, StepId>,
) -> Result<BTreeMap<ServiceName, Cause>, Diagnostic> {
    let mut builds = BTreeMap::new();
    if policy.build == BuildPolicy::Never {
        return Ok(builds);
    }
    for (name, service) in &world.project.services {
        if service.build.is_none() || service.provider.is_some() {
            continue;
        }
        // Refused before anything is touched, built or not.
        build_platforms(world.project, name, Platforms::ToRun)?;
        let image = image_name(world.project, name, service);
        let by_policy = match policy.pull {
            Some(asked) => asked == PullPolicy::Build,
            None => own_policy(name, service)? == PullPolicy::Build,
        };
        let cause = if policy.build == BuildPolicy::Always {
            Cause::Requested
        } else if by_policy {
            Cause::Policy("build".into())
        } else if pulled.contains_key(&image) || !world.observed.images.contains_key(&image) {
            Cause::Missing
        } else if let Some(input) = policy.stale.get(name) {
            Cause::BuildInputChanged {
                input: input.clone(),
            }
        } else {
            continue;
        };
        builds.insert(name.clone(), cause);
    }
    add_bases(world, policy, &mut builds);
    Ok(builds)
}

/// Adds the services beyond the plan's whose images its builds take: those that are missing, and
/// with `--build` those that are named as contexts.
fn add_bases(world: &World<'_>, policy: &UpPolicy, builds: &mut BTreeMap<ServiceName, Cause>) {
    let mut due: Vec<ServiceName> = builds.keys().cloned().collect();
    while let Some(name) = due.pop() {
        let contexts: BTreeSet<ServiceName> = contexts(world, &name).collect();
        for base in built_before(world, policy, &name) {
            let Some(service) = world.project.disabled_services.get(&base) else {
                continue;
            };
            let cause = match service.build {
                Some(_) if policy.absent_bases.contains(&base) => Cause::Missing,
                Some(_) if policy.build == BuildPolicy::Always && contexts.contains(&base) => {
                    Cause::Requested
                }
                _ => continue,
            };
            if builds.insert(base.clone(), cause).is_none() {
                due.push(base);
            }
        }
    }
}

/// The services to build, each after those whose images it takes.
fn build_order(
    world: &World<'_>,
    policy: &UpPolicy,
    builds: &BTreeMap<ServiceName, Cause>,
) -> Vec<ServiceName> {
    fn visit(
        (world, policy): (&World<'_>, &UpPolicy),
        name: &ServiceName,
        (seen, order): (&mut BTreeSet<ServiceName>, &mut Vec<ServiceName>),
    ) {
        if !seen.insert(name.clone()) {
            return;
        }
        for other in built_before(world, policy, name) {
            visit((world, policy), &other, (seen, order));
        }
        order.push(name.clone());
    }
    let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
    for name in world.project.services.keys() {
        visit((world, policy), name, (&mut seen, &mut order));
    }
    order.retain(|name| builds.contains_key(name));
    order
}

/// The services whose images a build takes.
fn built_before(world: &World<'_>, policy: &UpPolicy, name: &ServiceName) -> BTreeSet<ServiceName> {
    let known = policy.bases.get(name).into_iter().flatten().cloned();
    known.chain(contexts(world, name)).collect()
}

/// The services whose images a build takes as contexts.
fn contexts(world: &World<'_>, name: &ServiceName) -> impl Iterator<Item = ServiceName> {
    let service = world.project.any_service(name);
    let build = service.and_then(|service| service.build.as_ref());
    let contexts = build
        .into_iter()
        .flat_map(|build| build.additional_contexts.values());
    contexts.filter_map(|context| context.strip_prefix("service:").map(ServiceName::from))
}
