//! The rules of a project: those it declares in `develop.watch`, and those that follow from its
//! bind mounts and its files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::ignore::Ignored;
use super::own::Own;
use super::rule::{Does, Reload, Replace, Rule, Then};
use super::source::Root;
use super::{files, noise};
use crate::diagnostic::Diagnostic;
use crate::name::ServiceName;
use crate::project::{MountType, Project, Service, Trigger};
use crate::text::dockerignore::{BadPattern, Patterns};

/// How long what follows a first change is gathered, unless `x-dco.debounce` says otherwise.
pub const DEBOUNCE: Duration = Duration::from_millis(50);

/// What is watched, and what was said about it.
#[derive(Default)]
pub struct Rules {
    /// The rules, those of a service in the order of its file.
    pub rules: Vec<Rule>,
    /// The files and folders they are about.
    pub roots: Vec<Root>,
    /// What the user should know.
    pub notes: Vec<Diagnostic>,
    /// Services whose changes are gathered for another time than [`DEBOUNCE`].
    pub debounce: BTreeMap<ServiceName, Duration>,
    /// The project's own files: a change of one may mean another plan.
    pub files: BTreeSet<PathBuf>,
    /// Services that keep data in a volume of their image, or in a place known for it.
    pub keeps_data: BTreeSet<ServiceName>,
}

/// Which paths below a rule's own it takes.
struct Filter {
    ignored: Ignored,
    include: Option<Patterns>,
}

/// Which kinds of rules are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// `develop.watch` alone, as Docker Compose has it.
    Declared,
    /// Bind mounts too.
    BindMounts,
}

/// The volumes that a service's image declares, for [`noise::holds_data`].
pub type ImageVolumes<'a> = &'a dyn Fn(&ServiceName) -> Vec<String>;

impl Rules {
    /// All rules of a project's services.
    ///
    /// # Errors
    /// A declared rule that cannot work, with its place.
    pub fn of(
        project: &Project,
        wanted: Wanted,
        volumes: ImageVolumes<'_>,
    ) -> Result<Self, Diagnostic> {
        let mut all = Self::default();
        let data = match wanted {
            Wanted::Declared => BTreeSet::new(),
            Wanted::BindMounts => data(project, volumes),
        };
        for (name, service) in &project.services {
            all.add_declared(project, name, service)?;
            if wanted == Wanted::BindMounts {
                let below = Below {
                    volumes: &volumes(name),
                    data: &data,
                };
                all.add_bind_mounts(project, (name, service), below)?;
            }
        }
        Ok(all)
    }

    /// Watches the project's own files too.
    pub fn add_files(&mut self, files: BTreeSet<PathBuf>) {
        self.roots.extend(files.iter().map(|path| Root {
            path: path.clone(),
            prune: Arc::new(|_| true),
        }));
        self.files = files;
    }

    /// Whether there is nothing to watch.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    fn add_declared(
        &mut self,
        project: &Project,
        name: &ServiceName,
        service: &Service,
    ) -> Result<(), Diagnostic> {
        let triggers = service.develop.iter().flat_map(|develop| &develop.watch);
        for (index, trigger) in triggers.enumerate() {
            let at = index.to_string();
            let place = project.place(&["services", name, "develop", "watch", &at]);
            let wrong = |message: String| Diagnostic::error(message).at(place.clone());
            let does = declared(trigger, name, service).map_err(wrong)?;
            let path = real(Path::new(&trigger.path));
            let does = into_folder(does, &path);
            if matches!(
                does,
                Does::Sync {
                    then: Then::Nothing | Then::Restart,
                    ..
                }
            ) && is_bind_mounted(&path, service)
            {
                self.notes.push(
                    Diagnostic::warning(format!("`{}` is bind-mounted: a change is in the container already, and is not copied", trigger.path))
                        .at(place.clone())
                        .hint("remove the mount, or the rule"),
                );
                continue;
            }
            let bad = |error: BadPattern| wrong(error.to_string());
            let ignored = Ignored::by_editors(&path)
                .and(&path, trigger.ignore.iter().map(String::as_str))
                .map_err(bad)?;
            let ignored = match &service.build {
                Some(build) => ignored
                    .and_dockerignore(Path::new(&build.context), &build.dockerfile)
                    .map_err(bad)?,
                None => ignored,
            };
            let include = matcher(&trigger.include).map_err(bad)?;
            self.add(name, path, Filter { ignored, include }, does);
        }
        Ok(())
    }

    fn add(&mut self, service: &ServiceName, path: PathBuf, filter: Filter, does: Does) {
        let Filter { ignored, include } = filter;
        let ignored = Arc::new(ignored);
        let (prunes, top) = (Arc::clone(&ignored), path.clone());
        self.roots.push(Root {
            path: path.clone(),
            prune: Arc::new(move |folder| prunes.prunes(folder)),
        });
        self.rules.push(Rule {
            service: service.clone(),
            path,
            include: Arc::new(move |path| {
                include
                    .as_ref()
                    .is_none_or(|patterns| is_matched(patterns, &top, path))
            }),
            ignore: Arc::new(move |path| ignored.matches(path)),
            does,
        });
    }

    fn add_bind_mounts(
        &mut self,
        project: &Project,
        (name, service): (&ServiceName, &Service),
        Below { volumes, data }: Below<'_>,
    ) -> Result<(), Diagnostic> {
        let place = || project.place(&["services", name, "x-dco"]);
        let wrong = |message: String| Diagnostic::error(message).at(place());
        let own = Own::of(service).map_err(wrong)?;
        if let Some(debounce) = own.debounce {
            self.debounce.insert(name.clone(), debounce);
        }
        let declared: Vec<PathBuf> = service
            .develop
            .iter()
            .flat_map(|develop| &develop.watch)
            .map(|trigger| real(Path::new(&trigger.path)))
            .collect();
        let binds = || {
            let mounts = service.volumes.iter();
            mounts.filter(|mount| mount.r#type == MountType::Bind)
        };
        let is_data = |target: &str| noise::holds_data(Path::new(target), &[]);
        if !volumes.is_empty() || service.volumes.iter().any(|mount| is_data(&mount.target)) {
            self.keeps_data.insert(name.clone());
        }
        let mut has_source = false;
        for mount in binds() {
            let (source, target) = (real(Path::new(&mount.source)), PathBuf::from(&mount.target));
            let is_asked = own.reload != Reload::Infer;
            if noise::holds_data(&target, volumes)
                || !(is_asked || is_source(&source, &project.working_dir))
                || declared.iter().any(|path| source.starts_with(path))
            {
                continue;
            }
            has_source = true;
            let bad = |error: BadPattern| wrong(error.to_string());
            let ignored = self
                .ignored_below(&source, project, service, &own)
                .map_err(bad)?;
            let mut ignored = ignored;
            // What `develop.watch` cares for, it alone cares for; and what a database writes there
            // is no source of the folder's around it either.
            let others = declared.iter().chain(data);
            for path in others.filter(|path| path.starts_with(&source)) {
                ignored = ignored.and_path(path);
            }
            let include = matcher(&own.on).map_err(bad)?;
            let does = Does::Reload {
                target,
                how: own.reload.clone(),
            };
            self.add(name, source, Filter { ignored, include }, does);
        }
        if has_source {
            let copied = files::of_image(service);
            let is_declared = |path: &PathBuf| declared.iter().any(|one| path.starts_with(one));
            for path in copied.into_iter().filter(|path| !is_declared(path)) {
                let filter = Filter {
                    ignored: Ignored::default(),
                    include: None,
                };
                self.add(name, path, filter, Does::Rebuild(Replace::IfChanged));
            }
        }
        Ok(())
    }

    /// What below a mounted folder no reload ever looks at.
    fn ignored_below(
        &self,
        source: &Path,
        project: &Project,
        service: &Service,
        own: &Own,
    ) -> Result<Ignored, BadPattern> {
        let mut ignored = Ignored::noise(source);
        for root in [source, &project.working_dir] {
            ignored = ignored.and(root, own.ignore.iter().map(String::as_str))?;
        }
        for file in &project.compose_files {
            ignored = ignored.and_path(&real(Path::new(file)));
        }
        let Some(build) = &service.build else {
            return Ok(ignored);
        };
        let context = Path::new(&build.context);
        for file in [&build.dockerfile, ".dockerignore"] {
            ignored = ignored.and_path(&real(&context.join(file)));
        }
        ignored.and_dockerignore(context, &build.dockerfile)
    }
}

/// What is known of the places below which a service's mounts lie.
#[derive(Clone, Copy)]
struct Below<'a> {
    /// The volumes that its image declares.
    volumes: &'a [String],
    /// The folders of the host that hold data of any service.
    data: &'a BTreeSet<PathBuf>,
}

/// The folders of the host in which services keep data.
fn data(project: &Project, volumes: ImageVolumes<'_>) -> BTreeSet<PathBuf> {
    let each = project.services.iter().flat_map(|(name, service)| {
        let volumes = volumes(name);
        let mounts = service.volumes.iter();
        let held = mounts.filter(move |mount| {
            mount.r#type == MountType::Bind && noise::holds_data(Path::new(&mount.target), &volumes)
        });
        held.map(|mount| real(Path::new(&mount.source)))
    });
    each.collect()
}

/// A file whose target ends in a slash goes into that folder.
fn into_folder(does: Does, path: &Path) -> Does {
    match (does, path.file_name()) {
        (Does::Sync { target, then }, Some(name))
            if path.is_file() && target.as_os_str().as_encoded_bytes().ends_with(b"/") =>
        {
            Does::Sync {
                target: target.join(name),
                then,
            }
        }
        (does, _) => does,
    }
}

/// What a rule of `develop.watch` does.
fn declared(trigger: &Trigger, name: &ServiceName, service: &Service) -> Result<Does, String> {
    let sync = |then| match trigger.target.is_empty() {
        true => Err(format!(
            "`{}` of service `{name}` needs a `target`",
            trigger.action
        )),
        false => Ok(Does::Sync {
            target: PathBuf::from(&trigger.target),
            then,
        }),
    };
    match trigger.action.as_str() {
        "sync" => sync(Then::Nothing),
        "sync+restart" => sync(Then::Restart),
        "sync+exec" if trigger.exec.command.words().is_none_or(<[_]>::is_empty) => Err(format!(
            "can't watch with action \"sync+exec\" on service `{name}` without a command"
        )),
        "sync+exec" => sync(Then::Exec(trigger.exec.clone())),
        "restart" => Ok(Does::Restart),
        "rebuild" if service.build.is_none() => Err(format!(
            "can't watch service \"{name}\" with action rebuild without a build context"
        )),
        "rebuild" => Ok(Does::Rebuild(Replace::Always)),
        other => Err(format!("`{other}` is no action of `develop.watch`")),
    }
}

/// Patterns; none for everything.
fn matcher(patterns: &[String]) -> Result<Option<Patterns>, BadPattern> {
    match patterns.is_empty() {
        true => Ok(None),
        false => Patterns::new(patterns.iter().map(String::as_str)).map(Some),
    }
}

fn is_matched(patterns: &Patterns, root: &Path, path: &Path) -> bool {
    let rest = path.strip_prefix(root).ok().and_then(Path::to_str);
    rest.is_some_and(|rest| rest.is_empty() || patterns.matches(rest))
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

fn is_bind_mounted(path: &Path, service: &Service) -> bool {
    let mut binds = service
        .volumes
        .iter()
        .filter(|mount| mount.r#type == MountType::Bind);
    binds.any(|mount| path.starts_with(real(Path::new(&mount.source))))
}

/// Whether a mounted path is the project's own source: it lies in its folder, or in the work tree
/// that its folder lies in. A mounted home, socket or device is not.
fn is_source(source: &Path, working_dir: &Path) -> bool {
    let working_dir = real(working_dir);
    let top = working_dir
        .ancestors()
        .find(|ancestor| ancestor.join(".git").exists());
    let is_kind = source.is_dir() || source.is_file();
    is_kind && source.starts_with(top.unwrap_or(&working_dir))
}
