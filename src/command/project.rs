//! Which project is meant: loaded whole for the verbs that work on it, or no more than its name.

use std::path::PathBuf;

use anyhow::Result;

use super::Context;
<<<<<<< HEAD

impl Context {
    /// The project's name: `-p`, `COMPOSE_PROJECT_NAME`, else that of the directory.
=======
use crate::compose::{self, Request};
use crate::project::{Along, Project};

impl Context {
    /// What the global flags and the environment say about which project it is.
    ///
    /// # Errors
    ///
    /// The working directory is gone.
    pub fn request(&self) -> Result<Request> {
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        let directory = self.globals.project_directory.as_ref();
        let directory = directory.or(self.globals.workdir.as_ref());
        Ok(Request {
            files: self.globals.file.clone(),
            project_directory: directory.map(text),
            project_name: self.globals.project_name.clone(),
            profiles: self.globals.profile.clone(),
            env_files: self.globals.env_file.clone(),
            cwd: std::env::current_dir()?,
            environment: self.env.all().clone(),
            options: compose::Options::default(),
        })
    }

    /// Loads a project, shows what was odd, and keeps the services that are named with what comes
    /// along with them; the files that they name with `env_file` are not read yet.
>>>>>>> d62050b (command: load the project for every verb, or its name without loading it)
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the files, and a service that there is not.
    pub fn load_with(
        &self,
        request: &Request,
        services: &[String],
        along: Along,
    ) -> Result<Project> {
        let project = compose::load(request)?;
        for warning in &project.warnings {
            self.reporter().show(warning);
        }
        let project = project.select(services, along)?;
        Ok(match self.globals.all_resources {
            true => project,
            false => project.without_unused(),
        })
    }

    /// Loads the project as `up` and its like want it: the services that are named with what comes
    /// along with them, environment complete.
    ///
    /// # Errors
    ///
    /// As [`Context::load_with`], and an env file that is missing or malformed.
    pub fn load(&self, services: &[String], along: Along) -> Result<Project> {
        let request = self.request()?;
        let mut project = self.load_with(&request, services, along)?;
        compose::resolve_files(&mut project, &request.cwd)?;
        Ok(project)
    }

    /// The project where it has to be read, and its name: with `-p` and without `-f` no file is.
    ///
    /// Where the files cannot be loaded, `COMPOSE_PROJECT_NAME` is enough.
    ///
    /// # Errors
    ///
    /// As [`Context::load_with`].
    pub fn project_or_name(&self) -> Result<(Option<Project>, String)> {
        if let (Some(name), []) = (&self.globals.project_name, &self.globals.file[..]) {
            return Ok((None, name.clone()));
        }
        match (
            self.load_with(&self.request()?, &[], Along::Dependencies),
            self.env.get("COMPOSE_PROJECT_NAME"),
        ) {
            (Ok(project), _) => {
                let name = project.name.clone();
                Ok((Some(project), name))
            }
            (Err(_), Some(name)) => Ok((None, name.to_owned())),
            (Err(error), None) => Err(error),
        }
    }

    /// The project's name: `-p`, `COMPOSE_PROJECT_NAME`, else the `name:` of its file or that of
    /// its folder; the files are read no further than that.
    ///
    /// # Errors
    ///
    /// No compose file, one that is not YAML, or a name that is none.
    pub fn project_name(&self) -> Result<String> {
        Ok(compose::load_name(&self.request()?)?)
    }
}
