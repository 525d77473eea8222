//! Which project is meant, for verbs that need no more than its name.

use anyhow::Result;

use super::Context;
use super::work::Source;
use crate::compose;
use crate::project::Project;

impl Context {
    /// The project where it has to be read, and its name: with `-p` and without `-f` no file is.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the files, where they have to be read.
    pub fn named_project(&self) -> Result<(Option<Project>, String)> {
        Ok(match self.project_or_name(&[])? {
            Source::Name(name) => (None, name),
            Source::Loaded(project) => {
                let name = project.name.clone();
                (Some(*project), name)
            }
        })
    }

    /// The project's name: `-p`, `COMPOSE_PROJECT_NAME`, else the `name:` of its file or that of
    /// its folder; the files are read no further than that.
    ///
    /// # Errors
    ///
    /// No compose file, one that is not YAML, or a name that is none.
    pub fn project_name(&self) -> Result<String> {
        Ok(compose::load_name(&self.load_request()?)?)
    }
}
