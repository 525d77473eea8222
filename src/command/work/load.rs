//! Which project a verb is about: loaded from files, or remembered by its name alone.

use std::sync::Arc;

use anyhow::{Result, bail};

use super::super::Context;
use super::super::remote::Remotes;
use crate::compose::{self, Request};
use crate::project::{Along, Naming, Project};

/// A project, or its name where no file is read.
pub(crate) enum Source {
    /// From files.
    Loaded(Box<Project>),
    /// By its name; the labels of what the engine holds tell the rest.
    Name(String),
}

impl Context {
    /// What the command line and the environment say about the project's files.
    pub fn load_request(&self) -> Result<Request> {
        let globals = &self.globals;
        let directory = globals.project_directory.as_ref();
        let directory = match (directory, &globals.workdir) {
            (Some(_), Some(_)) => bail!(
                "cannot specify DEPRECATED \"--workdir\" and \"--project-directory\". Please use only \"--project-directory\" instead"
            ),
            (directory, old) => directory.or(old.as_ref()),
        };
        Ok(Request {
            files: globals.file.clone(),
            project_directory: directory.map(|path| path.display().to_string()),
            project_name: globals.project_name.clone(),
            profiles: globals.profile.clone(),
            env_files: globals.env_file.clone(),
            cwd: std::env::current_dir()?,
            environment: self.env.all().clone(),
            disk: compose::Disk::Real,
            remotes: Some(Arc::<Remotes>::clone(self.remotes())),
            options: compose::Options::default(),
        })
    }

    /// Loads the project, keeps the services that are named and what comes along with them, and
    /// reads the files that they name.
    pub fn load_project(&self, names: &[String], along: Along) -> Result<Project> {
        self.narrow(self.load_model()?, names, along)
    }

    /// The same of a project that is loaded already.
    pub fn narrow(&self, model: Project, names: &[String], along: Along) -> Result<Project> {
        let first = match along {
            Along::Nothing => Along::Dependencies,
            along => along,
        };
        let mut project = model.select(names, first)?;
        if !self.globals.all_resources {
            project = project.without_unused();
        }
        if along == Along::Nothing {
            // What dependencies use is made all the same, as in Docker Compose: it is the project's.
            project = project.select(names, along)?;
        }
        let shown = project.warnings.len();
        compose::resolve_files(&mut project, &std::env::current_dir()?)?;
        for warning in &project.warnings[shown..] {
            self.reporter().show(warning);
        }
        Ok(project)
    }

    /// Loads the project as its files tell it, and shows what is odd in them.
    pub fn load_model(&self) -> Result<Project> {
        self.load_with(&self.load_request()?)
    }

    /// Loads a project as it is asked for, and shows what is odd in it.
    pub fn load_with(&self, request: &Request) -> Result<Project> {
        let mut project = compose::load(request)?;
        let asked = self.env.get("COMPOSE_COMPATIBILITY");
        if self.globals.compatibility || asked.is_some_and(|value| value.parse() == Ok(true)) {
            project.naming = Naming::Underscores;
        }
        for warning in &project.warnings {
            self.reporter().show(warning);
        }
        Ok(project)
    }

    /// The project's files, or with `-p` and no `-f` its name alone; also where the files are of no
    /// use and the environment names the project. The profiles of services that are named are on.
    pub(crate) fn project_or_name(&self, services: &[String]) -> Result<Source> {
        let globals = &self.globals;
        let files = !globals.file.is_empty() || self.env.get("COMPOSE_FILE").is_some();
        if let Some(name) = globals.project_name.as_ref().filter(|_| !files) {
            return Ok(Source::Name(name.to_lowercase()));
        }
        let loaded = self.load_model();
        match loaded.and_then(|project| Ok(project.with_enabled(services)?)) {
            Ok(project) => Ok(Source::Loaded(Box::new(project))),
            Err(error) => match self.env.get("COMPOSE_PROJECT_NAME") {
                Some(name) => Ok(Source::Name(name.to_lowercase())),
                None => Err(error),
            },
        }
    }
}
