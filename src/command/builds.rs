//! What the verbs that build have in common: who builds, with what, and what is remembered of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::Context;
use super::work::{Fingerprints, proxies};
use crate::convert::{
    self, Bake, BuildOptions, BuildSurroundings, Builder, ImageBuild, Output, Stamp, image_build,
    image_name, proxy_variables,
};
use crate::diagnostic::Diagnostic;
use crate::engine::{
    BindMount, BuildFailure, BuildForm, BuildJob, BuildNumbers, Engine, Error, Recipes, recipe,
    steps,
};
use crate::event::{Event, Events};
use crate::name::{ImageId, ServiceName};
use crate::plan::Observed;
use crate::plan::bases::{Bases, acyclic, bases};
use crate::plan::fresh::{Recipe, changed, edited_in_vain};
use crate::project::{Along, Mapping, MountType, Project};
use crate::report::ProgressMode;

/// Builds the images of a project's services.
pub(super) struct Builds<'a> {
    engine: &'a Engine,
    project: &'a Project,
    events: Events,
    options: BuildOptions,
    by: Builder,
    proxy: Mapping,
    stamp: Stamp,
    numbers: BuildNumbers,
    form: BuildForm,
    recipes: Option<Recipes>,
    /// Whether the builder's output is gone from the screen when a build ends.
    output_vanishes: bool,
}

/// As many of the builder's last lines are told where a build fails and its output is gone.
const LAST_LINES: usize = 20;

impl<'a> Builds<'a> {
    /// Asks the engine who builds there.
    ///
    /// # Errors
    /// Nobody answers.
    pub(super) async fn open(
        cx: &Context,
        engine: &'a Engine,
        project: &'a Project,
        options: BuildOptions,
    ) -> anyhow::Result<Self> {
        let by = engine.builder(cx.env.get("DOCKER_BUILDKIT")).await?;
        Ok(Self {
            form: match (cx.style().progress, by) {
                (ProgressMode::Json, Builder::BuildKit) => BuildForm::Raw,
                _ => BuildForm::Plain,
            },
            by,
            proxy: proxy_variables(&proxies(cx), &engine.endpoint().to_string()),
            stamp: Fingerprints::choose(cx)?.version(),
            recipes: cx.state_dir().map(|state| Recipes::below(&state)),
            events: cx.events(),
            numbers: BuildNumbers::default(),
            output_vanishes: cx.style().progress == ProgressMode::Tty,
            engine,
            project,
            options,
        })
    }

    /// The same, without a word of the builder's.
    pub(super) fn quietly(mut self) -> Self {
        self.events = Events::new(drop);
        self
    }

    /// The bake file of the project's builds.
    pub(super) fn bake(&self, wanted: &[ServiceName], output: Output) -> Result<Bake, Diagnostic> {
        let around = BuildSurroundings {
            options: &self.options,
            // Bake knows no other.
            builder: Builder::BuildKit,
            proxy: &self.proxy,
            stamp: &self.stamp,
        };
        // What they depend on stands in the file too, though it is not built.
        let names: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        let project = self.project.clone().select(&names, Along::Dependencies)?;
        convert::bake(&project, wanted, &around, output)
    }

    /// The name that a service's image gets.
    pub(super) fn image(&self, name: &ServiceName) -> String {
        match self.project.any_service(name) {
            Some(service) => image_name(self.project, name, service),
            None => name.to_string(),
        }
    }

    /// What the builder is asked for a service.
    pub(super) fn request(&self, name: &ServiceName) -> Result<Option<ImageBuild>, BuildFailure> {
        self.request_with(name, &self.options)
    }

    fn request_with(
        &self,
        name: &ServiceName,
        options: &BuildOptions,
    ) -> Result<Option<ImageBuild>, BuildFailure> {
        let around = BuildSurroundings {
            options,
            builder: self.by,
            proxy: &self.proxy,
            stamp: &self.stamp,
        };
        Ok(image_build(self.project, name, &around)?)
    }

    /// Builds the image of a service, says what the builder says, and remembers from what.
    pub(super) async fn build(&self, name: &ServiceName) -> Result<ImageId, BuildFailure> {
        let Some(build) = self.request(name)? else {
            return Err(crate::diagnostic::Diagnostic::error(format!(
                "service `{name}` has no `build`"
            ))
            .into());
        };
        // Read before the build: what is saved meanwhile makes the image stale, not fresh. As the
        // file has it: what `--build-arg` made is no stale image for a command without it.
        let as_written = self.request_with(name, &BuildOptions::default())?;
        let taken = as_written.and_then(|build| self.recipe(name, &build, None));
        let last: Mutex<VecDeque<String>> = Mutex::default();
        let say = |line: String| {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            last.push_back(console::strip_ansi_codes(&line).into_owned());
            if last.len() > LAST_LINES {
                last.pop_front();
            }
            drop(last);
            self.events.emit(match self.form {
                BuildForm::Plain => Event::BuildOutput {
                    service: name.clone(),
                    line,
                },
                BuildForm::Raw => Event::BuildStatus(line),
            });
        };
        let job = BuildJob {
            build: &build,
            numbers: &self.numbers,
            form: self.form,
            say: &say,
        };
        let built = self.engine.build_image(&job, self.by).await;
        let image = built.map_err(|failure| match failure {
            BuildFailure::Build {
                service,
                message,
                code,
                spot,
                ..
            } if self.output_vanishes => BuildFailure::Build {
                service,
                message,
                code,
                spot,
                output: last.into_inner().unwrap_or_default().into(),
            },
            other => other,
        })?;
        if let (Some(recipes), Some(taken)) = (&self.recipes, taken) {
            // Memory lost is a rebuild missed, and no reason to fail.
            if let Err(error) = recipes.put(&image, &taken) {
                tracing::warn!(target: "dco::build", %error, "the build is not remembered");
            }
        }
        Ok(image)
    }

    /// Whose images each build takes; none of them waits for itself.
    pub(super) fn bases(&self) -> Bases {
        let project = self.project;
        let all = project.services.iter().chain(&project.disabled_services);
        let built: Vec<&ServiceName> = all
            .filter(|(_, service)| service.build.is_some())
            .map(|(name, _)| name)
            .collect();
        if built.len() < 2 {
            return Bases::new();
        }
        let of = |name: &ServiceName| {
            // What is wrong with the request is told where it is made.
            let build = self.request(name).ok()??;
            Some(bases(project, &build, steps(&build).as_deref()))
        };
        let all = built.into_iter();
        acyclic(
            &all.filter_map(|name| Some((name.clone(), of(name)?)))
                .collect(),
        )
    }

    /// The services among those that these builds take images of, directly or not, which have none.
    ///
    /// # Errors
    /// The engine's.
    pub(super) async fn absent(
        &self,
        bases: &Bases,
        built: impl IntoIterator<Item = &ServiceName>,
    ) -> Result<BTreeSet<ServiceName>, Error> {
        let mut absent = BTreeSet::new();
        let mut due: Vec<&ServiceName> = built.into_iter().collect();
        let mut seen: BTreeSet<&ServiceName> = due.iter().copied().collect();
        while let Some(name) = due.pop() {
            for base in bases.get(name).into_iter().flatten() {
                let Some(service) = self.project.any_service(base).filter(|_| seen.insert(base))
                else {
                    continue;
                };
                due.push(base);
                let image = image_name(self.project, base, service);
                match self.engine.inspect_image(&image).await {
                    Ok(_) => {}
                    Err(error) if error.is_not_found() => {
                        absent.insert(base.clone());
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(absent)
    }

    /// The services whose images are not what a build would make now, each with what changed. An
    /// image that dco did not build here is fresh.
    pub(super) fn stale(
        &self,
        observed: &Observed,
        bases: &Bases,
    ) -> BTreeMap<ServiceName, String> {
        let mut stale = BTreeMap::new();
        let mut fresh = BTreeSet::new();
        let mut edited = None;
        let mut quiet = false;
        let is_off = |extensions: &crate::project::Extensions| {
            let own = extensions.get("x-dco");
            own.is_some_and(|own| own["fresh"] == false)
        };
        for (name, service) in &self.project.services {
            if is_off(&self.project.extensions) || is_off(&service.extensions) {
                continue;
            }
            let image = image_name(self.project, name, service);
            let known = observed.images.get(&image).and_then(|image| {
                let recipes = self.recipes.as_ref()?;
                recipes.get(image.id.as_ref()?)
            });
            let (Some(known), Ok(Some(build))) = (known, self.request(name)) else {
                continue;
            };
            let Some(now) = self.recipe(name, &build, Some(&known)) else {
                continue;
            };
            match changed(&known, &now) {
                Some(input) => {
                    stale.insert(name.clone(), input);
                    quiet = true;
                }
                None => {
                    fresh.insert(name);
                    edited = edited.or(edited_in_vain(&known, &now).map(|it| (it, now)));
                }
            }
        }
        // An image that stands on one that is built anew is built anew itself.
        while let Some((name, base)) = fresh.iter().find_map(|name| {
            let mut bases = bases.get(*name)?.iter();
            Some((*name, bases.find(|base| stale.contains_key(*base))?))
        }) {
            fresh.remove(name);
            stale.insert(name.clone(), format!("image of {base}"));
        }
        if let (Some((edited, now)), false) = (edited, quiet) {
            self.events.emit(Event::Note(format!(
                "`{edited}` changed, and every service builds `{}`",
                now.dockerfile
            )));
        }
        stale
    }

    /// What a build of the service would take now; none where that cannot be told.
    fn recipe(
        &self,
        name: &ServiceName,
        build: &ImageBuild,
        known: Option<&Recipe>,
    ) -> Option<Recipe> {
        let service = self.project.services.get(name)?;
        let binds = service.volumes.iter();
        let binds = binds.filter(|mount| mount.r#type == MountType::Bind);
        let mounts: Vec<BindMount> = binds
            .map(|mount| BindMount {
                source: self.project.working_dir.join(Path::new(&mount.source)),
                target: mount.target.clone(),
            })
            .collect();
        // What cannot be read will be named by the build.
        recipe(build, &mounts, known).ok().flatten()
    }
}
