//! Whose images a build takes: those that `additional_contexts` name, and those on which the
//! Dockerfile stands or from which it copies. Pure; the Dockerfile is read by `engine`.

use std::collections::{BTreeMap, BTreeSet};

use super::dockerfile::{Instruction, stages, stood_on};
use crate::convert::{ImageBuild, Source, image_name};
use crate::name::ServiceName;
use crate::project::{Project, Service};
use crate::text::reference::Reference;

/// The services whose images each service's build takes.
pub type Bases = BTreeMap<ServiceName, BTreeSet<ServiceName>>;

/// The services that make what a build takes; its own image, by whichever service, is none of them.
///
/// Where the Dockerfile cannot be read, or names an image by what only the builder knows, the
/// services that are built and stand under `depends_on` are taken for them.
pub fn bases(
    project: &Project,
    build: &ImageBuild,
    dockerfile: Option<&str>,
) -> BTreeSet<ServiceName> {
    let own: BTreeSet<String> = build.tags.iter().filter_map(|tag| full(tag)).collect();
    let mut taken = images_of_contexts(build);
    let mut is_guess = dockerfile.is_none();
    for name in dockerfile.into_iter().flat_map(|text| images(text, build)) {
        is_guess |= name.contains('$');
        taken.extend(full(&name));
    }
    let guessed: BTreeSet<&ServiceName> = match (is_guess, project.any_service(&build.service)) {
        (true, Some(service)) => service.depends_on.keys().collect(),
        _ => BTreeSet::new(),
    };
    let all = project.services.iter().chain(&project.disabled_services);
    let all = all.filter(|(_, service)| service.build.is_some());
    all.filter(|(name, service)| {
        let makes = makes(project, name, service);
        makes.is_disjoint(&own) && (!makes.is_disjoint(&taken) || guessed.contains(name))
    })
    .map(|(name, _)| name.clone())
    .collect()
}

/// The names under which a service's image comes out of its build.
fn makes(project: &Project, name: &ServiceName, service: &Service) -> BTreeSet<String> {
    let tags = service.build.iter().flat_map(|build| &build.tags).cloned();
    let names = std::iter::once(image_name(project, name, service)).chain(tags);
    names.filter_map(|name| full(&name)).collect()
}

/// An image's name in full: one name however it is written.
fn full(name: &str) -> Option<String> {
    let reference = Reference::parse(name).ok()?;
    Some(reference.with_default_tag().to_string())
}

fn images_of_contexts(build: &ImageBuild) -> BTreeSet<String> {
    let contexts = build.contexts.values().filter_map(|source| match source {
        Source::Remote(url) => url.strip_prefix("docker-image://"),
        Source::Folder(_) => None,
    });
    contexts.filter_map(full).collect()
}

/// The images that a Dockerfile names; neither its own stages nor named contexts are images.
fn images(text: &str, build: &ImageBuild) -> BTreeSet<String> {
    let stages = stages(text, &build.args);
    let mut images = BTreeSet::new();
    for index in stood_on(&stages, &build.target) {
        let (before, stage) = (&stages[..index], &stages[index]);
        let is_stage = |name: &str| {
            before.iter().any(|stage| stage.answers_to(name))
                || name.parse().is_ok_and(|number: usize| number < index)
        };
        let from = stage.steps.iter().flat_map(Instruction::stages);
        let names = from.chain([stage.base.as_str()]);
        let names = names.filter(|name| !is_stage(name) && *name != "scratch");
        let names = names.filter(|name| !build.contexts.contains_key(*name));
        images.extend(names.map(str::to_owned));
    }
    images
}

/// The services whose builds take a service's image, directly or not.
pub fn standing_on<'b>(bases: &'b Bases, service: &ServiceName) -> BTreeSet<&'b ServiceName> {
    let mut found: BTreeSet<&ServiceName> = BTreeSet::new();
    loop {
        let stands = |own: &BTreeSet<ServiceName>| {
            own.contains(service) || own.iter().any(|base| found.contains(base))
        };
        let more: Vec<&ServiceName> = bases
            .iter()
            .filter(|(name, own)| !found.contains(name) && stands(own))
            .map(|(name, _)| name)
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// Leaves out what would make a build wait for itself: of a circle, the edge that closes it.
pub fn acyclic(bases: &Bases) -> Bases {
    fn visit<'b>(
        name: &'b ServiceName,
        bases: &'b Bases,
        (open, kept): (&mut BTreeSet<&'b ServiceName>, &mut Bases),
    ) {
        if kept.contains_key(name) {
            return;
        }
        open.insert(name);
        let mut own = BTreeSet::new();
        for other in bases.get(name).into_iter().flatten() {
            if !open.contains(other) {
                visit(other, bases, (open, kept));
                own.insert(other.clone());
            }
        }
        open.remove(name);
        kept.insert(name.clone(), own);
    }
    let mut kept = Bases::new();
    for name in bases.keys() {
        visit(name, bases, (&mut BTreeSet::new(), &mut kept));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::convert::{BuildOptions, BuildSurroundings, Builder, Stamp, image_build};
    use crate::project::{Build, Mapping};

    fn built(image: &str, build: Build) -> Service {
        Service {
            image: image.into(),
            build: Some(Box::new(build)),
            ..Service::default()
        }
    }

    /// The services whose images `web` takes, in a project of three more that are built.
    fn of_web(build: Build, dockerfile: Option<&str>) -> String {
        let mut web = built("", build);
        web.depends_on.insert("tools".into(), Default::default());
        web.depends_on.insert("db".into(), Default::default());
        let tagged = Build {
            tags: vec!["extra:2".into()],
            ..Build::default()
        };
        let project = Project {
            name: "app".into(),
            working_dir: "/src".into(),
            services: [
                ("web".into(), web),
                ("base".into(), built("base", Build::default())),
                ("tools".into(), built("", tagged)),
                ("db".into(), Service::default()),
                ("twin".into(), built("app-web", Build::default())),
            ]
            .into(),
            disabled_services: [("off".into(), built("host.io/off:1", Build::default()))].into(),
            ..Project::default()
        };
        let around = BuildSurroundings {
            options: &BuildOptions::default(),
            builder: Builder::BuildKit,
            proxy: &Mapping::new(),
            stamp: &Stamp::default(),
        };
        let build = image_build(&project, &"web".into(), &around).unwrap();
        let bases = bases(&project, &build.unwrap(), dockerfile);
        let names: Vec<&str> = bases.iter().map(|name| &**name).collect();
        names.join(" ")
    }

    fn by_dockerfile(text: &str) -> String {
        of_web(Build::default(), Some(text))
    }

    #[test]
    fn a_dockerfile_stands_on_images_and_copies_from_them() {
        assert_eq!(by_dockerfile("FROM base\n"), "base");
        assert_eq!(
            by_dockerfile("FROM docker.io/library/base:latest\n"),
            "base"
        );
        assert_eq!(by_dockerfile("FROM base:2\n"), "");
        assert_eq!(by_dockerfile("FROM app-tools AS x\nFROM x\n"), "tools");
        assert_eq!(
            by_dockerfile("FROM alpine\nCOPY --from=extra:2 /a /a\n"),
            "tools"
        );
        assert_eq!(
            by_dockerfile("FROM alpine\nRUN --mount=type=bind,from=host.io/off:1,source=/a x\n"),
            "off"
        );
        assert_eq!(by_dockerfile("ARG B=base\nFROM ${B}\n"), "base");
    }

    #[test]
    fn stages_named_contexts_and_what_is_not_built_are_no_bases() {
        assert_eq!(by_dockerfile("FROM alpine AS base\nFROM base\n"), "");
        assert_eq!(by_dockerfile("FROM base AS unused\nFROM alpine\n"), "");
        assert_eq!(by_dockerfile("FROM app-db\n"), "");
        let named = Build {
            additional_contexts: [("base".to_owned(), "./folder".to_owned())].into(),
            ..Build::default()
        };
        assert_eq!(of_web(named, Some("FROM base\n")), "");
    }

    #[test]
    fn contexts_name_services_and_images() {
        let build = Build {
            additional_contexts: [
                ("a".to_owned(), "service:tools".to_owned()),
                ("b".to_owned(), "docker-image://base".to_owned()),
            ]
            .into(),
            ..Build::default()
        };
        assert_eq!(of_web(build, Some("FROM alpine\n")), "base tools");
    }

    #[test]
    fn what_makes_the_same_image_is_no_base_of_it() {
        assert_eq!(by_dockerfile("FROM app-web\n"), "");
    }

    #[test]
    fn what_cannot_be_told_is_taken_from_depends_on() {
        assert_eq!(of_web(Build::default(), None), "tools");
        assert_eq!(by_dockerfile("ARG B\nFROM $B\n"), "tools");
    }

    #[test]
    fn the_edge_that_closes_a_circle_is_left_out() {
        let edges = |name: &str, others: &[&str]| {
            let others = others.iter().map(|other| ServiceName::from(*other));
            (ServiceName::from(name), others.collect::<BTreeSet<_>>())
        };
        let bases = [
            edges("a", &["b"]),
            edges("b", &["c"]),
            edges("c", &["a", "d"]),
        ];
        let kept = acyclic(&bases.into());
        let expected = [
            edges("a", &["b"]),
            edges("b", &["c"]),
            edges("c", &["d"]),
            edges("d", &[]),
        ];
        assert_eq!(kept, expected.into());
    }

    #[test]
    fn what_stands_on_an_image_is_found_through_others() {
        let bases: Bases = [
            ("web", &["app"][..]),
            ("app", &["base"]),
            ("job", &["base", "tools"]),
            ("tools", &[]),
        ]
        .map(|(name, own)| (name.into(), own.iter().map(|&base| base.into()).collect()))
        .into();
        let found = |name: &str| {
            let found = standing_on(&bases, &name.into());
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(found("base"), ["app", "job", "web"]);
        assert_eq!(found("tools"), ["job"]);
        assert_eq!(found("web"), Vec::<String>::new());
    }
}
