//! Volumes, configs, secrets: which go out as `Binds` and which as `Mounts`; volume creation.
//!
//! Compose says what it can in the old `Binds` form, which creates a missing host path, and the
//! rest in `Mounts`: whatever needs an option that `Binds` does not have.

use std::collections::BTreeMap;

use bollard::models::{
    Mount as EngineMount, MountBindOptions, MountBindOptionsPropagationEnum as Propagation,
    MountImageOptions, MountTmpfsOptions, MountType as EngineMountType, MountVolumeOptions,
    VolumeCreateRequest,
};

use super::{ContainerRequest, Stamp, label, labels, list, map, text};
use crate::diagnostic::Diagnostic;
use crate::project::{BindOptions, Mount, MountType, Project, Service, Volume, VolumeOptions};

use super::files::{self, Kind};

/// An anonymous volume of a container that is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The volume's name: 64 hex digits.
    pub volume: String,
    /// Where it is mounted.
    pub destination: String,
}

/// The mounts of a host config.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Mounts {
    /// `source:target:options`.
    pub binds: Option<Vec<String>>,
    /// What `Binds` cannot say.
    pub mounts: Option<Vec<EngineMount>>,
}

/// The request to create the volume of this key.
pub fn volume(project: &Project, key: &str, volume: &Volume, stamp: &Stamp) -> VolumeCreateRequest {
    VolumeCreateRequest {
        name: text(&volume.name),
        driver: text(&volume.driver),
        driver_opts: map(&volume.driver_opts),
        labels: Some(labels::resource(
            &volume.labels,
            project,
            (label::VOLUME, key),
            stamp,
        )),
        cluster_volume_spec: None,
    }
}

/// All mounts of a container, one for each target: what the service says wins over what is
/// carried over, and over secrets and configs.
pub(super) fn mounts(request: &ContainerRequest<'_>) -> Result<Mounts, Diagnostic> {
    let (project, service) = (request.project, request.service);
    let mut by_target: BTreeMap<String, Entry<'_>> = BTreeMap::new();
    let carried = carried(request);
    for mount in &service.volumes {
        let is_carried = |old: &&Carried| old.destination == mount.target;
        if mount.source.is_empty() && carried.iter().any(is_carried) {
            continue;
        }
        let entry = from_service(request, mount)?;
        by_target.insert(mount.target.clone(), entry);
    }
    for old in carried {
        let mount = inherited(old, service);
        by_target
            .entry(old.destination.clone())
            .or_insert_with(|| Entry::Mount(Box::new(mount)));
    }
    for kind in [Kind::Secret, Kind::Config] {
        for (target, source) in files::bound(project, service, kind)? {
            let bind = match kind {
                Kind::Secret => Some(MountBindOptions::default()),
                Kind::Config => None,
            };
            by_target
                .entry(target.clone())
                .or_insert_with(|| Entry::Mount(Box::new(file(source, target, bind))));
        }
    }
    let (mut binds, mut mounts) = (Vec::new(), Vec::new());
    for entry in by_target.into_values() {
        match entry {
            Entry::Bind { source, mount } => binds.push(bind_text(&source, mount)),
            Entry::Mount(mount) => mounts.push(*mount),
        }
    }
    Ok(Mounts {
        binds: list(&binds),
        mounts: list(&mounts),
    })
}

/// How one mount goes out.
enum Entry<'a> {
    Bind { source: String, mount: &'a Mount },
    Mount(Box<EngineMount>),
}

/// The anonymous volumes that the new container takes over: those where the image declares a
/// volume, and those where the service mounts one without a name. A named one that the file does
/// not mount any more is left behind, which Compose carries on.
fn carried<'a>(request: &ContainerRequest<'a>) -> Vec<&'a Carried> {
    let declared = request.image.map_or(&[][..], |image| image.volumes);
    let old = request.replaces.and_then(|old| old.volumes).unwrap_or(&[]);
    old.iter()
        .filter(|old| is_anonymous(&old.volume))
        .filter(|old| {
            declared.contains(&old.destination)
                || unnamed(request.service, &old.destination).is_some()
        })
        .collect()
}

/// The engine's names for volumes that were given none: 64 hex digits.
fn is_anonymous(volume: &str) -> bool {
    volume.len() == 64 && volume.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The service's own mount of a volume without a name at this place.
fn unnamed<'a>(service: &'a Service, target: &str) -> Option<&'a Mount> {
    let mut volumes = service.volumes.iter();
    volumes.find(|mount| mount.source.is_empty() && mount.target == target)
}

fn inherited(old: &Carried, service: &Service) -> EngineMount {
    let declared = unnamed(service, &old.destination);
    EngineMount {
        typ: Some(EngineMountType::VOLUME),
        source: Some(old.volume.clone()),
        target: Some(old.destination.clone()),
        read_only: Some(declared.is_some_and(|mount| mount.read_only)),
        ..EngineMount::default()
    }
}

/// A file of the host, mounted read-only.
fn file(source: String, target: String, bind_options: Option<MountBindOptions>) -> EngineMount {
    EngineMount {
        typ: Some(EngineMountType::BIND),
        source: Some(source),
        target: Some(target),
        read_only: Some(true),
        bind_options,
        ..EngineMount::default()
    }
}

fn from_service<'a>(
    request: &ContainerRequest<'_>,
    mount: &'a Mount,
) -> Result<Entry<'a>, Diagnostic> {
    let named = request.project.volumes.get(&mount.source);
    let source = match (mount.r#type, named) {
        (MountType::Volume, Some(volume)) => volume.name.clone(),
        _ => mount.source.clone(),
    };
    let plain = match mount.r#type {
        MountType::Bind => mount.bind.as_ref().is_none_or(bind_is_plain),
        MountType::Volume => named.is_some() && mount.volume.as_ref().is_none_or(volume_is_plain),
        _ => false,
    };
    if plain {
        return Ok(Entry::Bind { source, mount });
    }
    if mount.r#type == MountType::Image && !request.surroundings.mounts_images {
        return Err(Diagnostic::error(format!(
            "service `{}` mounts the image `{source}` at `{}`, which this engine cannot do",
            request.service_name, mount.target
        ))
        .hint("mounts of type `image` need Docker Engine 28 or later"));
    }
    full(mount, &source).map(|mount| Entry::Mount(Box::new(mount)))
}

/// Whether the old form says it all: without the mount API a missing host path is created.
fn bind_is_plain(bind: &BindOptions) -> bool {
    bind.create_host_path.holds() && bind.propagation.is_empty() && bind.recursive.is_empty()
}

fn volume_is_plain(volume: &VolumeOptions) -> bool {
    volume.labels.is_empty() && volume.subpath.is_empty() && !volume.nocopy
}

fn bind_text(source: &str, mount: &Mount) -> String {
    let mut options = vec![match mount.read_only {
        true => "ro",
        false => "rw",
    }];
    if let Some(bind) = &mount.bind {
        options.extend(
            [&*bind.selinux, &*bind.propagation]
                .iter()
                .filter(|o| !o.is_empty()),
        );
    }
    format!("{source}:{}:{}", mount.target, options.join(","))
}

fn full(mount: &Mount, source: &str) -> Result<EngineMount, Diagnostic> {
    let mut out = EngineMount {
        typ: Some(engine_type(mount.r#type)),
        source: text(source),
        target: text(&mount.target),
        read_only: Some(mount.read_only),
        consistency: text(&mount.consistency),
        ..EngineMount::default()
    };
    match mount.r#type {
        MountType::Bind => {
            out.bind_options = mount.bind.as_ref().map(bind_options).transpose()?;
        }
        MountType::Volume => {
            out.volume_options = mount.volume.as_ref().map(|volume| MountVolumeOptions {
                no_copy: Some(volume.nocopy),
                labels: map(&volume.labels),
                subpath: text(&volume.subpath),
                driver_config: None,
            });
        }
        MountType::Tmpfs => {
            out.tmpfs_options = mount.tmpfs.as_ref().map(|tmpfs| MountTmpfsOptions {
                size_bytes: (tmpfs.size.0 != 0).then_some(tmpfs.size.0),
                mode: (tmpfs.mode != 0).then_some(i64::from(tmpfs.mode)),
                options: None,
            });
        }
        MountType::Image => {
            out.image_options = mount.image.as_ref().map(|image| MountImageOptions {
                subpath: text(&image.subpath),
            });
        }
        MountType::Cluster | MountType::Npipe => {}
    }
    Ok(out)
}

fn bind_options(bind: &BindOptions) -> Result<MountBindOptions, Diagnostic> {
    let propagation = match bind.propagation.is_empty() {
        true => None,
        false => Some(bind.propagation.parse::<Propagation>().map_err(|_| {
            Diagnostic::error(format!(
                "`{}` is not a propagation of bind mounts",
                bind.propagation
            ))
            .hint("one of `private`, `rprivate`, `shared`, `rshared`, `slave`, `rslave`")
        })?),
    };
    let is = |mode: &str| (bind.recursive == mode).then_some(true);
    Ok(MountBindOptions {
        propagation,
        create_mountpoint: bind.create_host_path.holds().then_some(true),
        non_recursive: is("disabled"),
        read_only_non_recursive: is("writable"),
        read_only_force_recursive: is("readonly"),
    })
}

fn engine_type(kind: MountType) -> EngineMountType {
    match kind {
        MountType::Bind => EngineMountType::BIND,
        MountType::Volume => EngineMountType::VOLUME,
        MountType::Tmpfs => EngineMountType::TMPFS,
        MountType::Cluster => EngineMountType::CLUSTER,
        MountType::Npipe => EngineMountType::NPIPE,
        MountType::Image => EngineMountType::IMAGE,
    }
}
