//! Which project is meant, for verbs that need no more than its name.

use anyhow::Result;

use super::Context;

impl Context {
    /// The project's name: `-p`, `COMPOSE_PROJECT_NAME`, else that of the directory.
    ///
    /// # Errors
    ///
    /// None is left of the directory's name.
    pub fn project_name(&self) -> Result<String> {
        let given = self.globals.project_name.as_deref();
        if let Some(name) = given.or_else(|| self.env.get("COMPOSE_PROJECT_NAME")) {
            return Ok(name.to_lowercase());
        }
        let directory = std::env::current_dir()?;
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        let name: String = name
            .to_lowercase()
            .chars()
            .filter(|c| matches!(c, 'a'..='z' | '0'..='9' | '-' | '_'))
            .collect();
        match name.trim_start_matches(['-', '_']) {
            "" => anyhow::bail!("project name must not be empty"),
            name => Ok(name.to_owned()),
        }
    }
}
