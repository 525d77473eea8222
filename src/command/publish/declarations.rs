//! What Compose 5 asks about before a project is published: env files, values under names of
//! secrets, and contents of configs, as the files that go along have them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::findings::{is_suspicious, is_written_out};
use super::layers::{Environment, resolved};
use crate::compose::{self, Beside, Mentions};
use crate::project::Project;

/// What one service gives away.
#[derive(Debug, Default)]
struct Given {
    env_file: bool,
    names: BTreeSet<String>,
}

/// What the files of a project give away.
#[derive(Debug, Default)]
pub struct Declarations {
    services: BTreeMap<String, Given>,
    configs: BTreeSet<String>,
}

impl Declarations {
    /// Looks through the files that go along, those that services extend too.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of(project: &Project) -> Result<Self> {
        let mut found = Self::default();
        let files = project.compose_files.iter();
        let mut due: VecDeque<(PathBuf, PathBuf)> = files
            .map(|file| {
                let path = project.working_dir.join(file);
                (path, project.working_dir.clone())
            })
            .collect();
        let mut seen = BTreeSet::new();
        while let Some((path, folder)) = due.pop_front() {
            if !seen.insert(path.clone()) {
                continue;
            }
            let text = std::fs::read_to_string(&path)?;
            let mentions = compose::mentions(&path.display().to_string(), &text)?;
            let extended = mentions.files.iter();
            let extended = extended
                .filter(|it| it.what == Beside::Extends && !compose::is_remote(&it.path))
                .map(|it| folder.join(resolved(&it.path, &project.environment)))
                .filter(|path| path.exists());
            due.extend(extended.map(|path| {
                let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
                (path, folder)
            }));
            found.add(mentions);
        }
        Ok(found)
    }

    fn add(&mut self, mentions: Mentions) {
        for variables in mentions.variables {
            let secret =
                |(name, value): &(String, String)| is_suspicious(name) && is_written_out(value);
            let secrets = variables.values.into_iter().filter(secret);
            let names: Vec<String> = secrets.map(|(name, _)| name).collect();
            if variables.env_file || !names.is_empty() {
                let given = self.services.entry(variables.service).or_default();
                given.env_file |= variables.env_file;
                given.names.extend(names);
            }
        }
        let contents = mentions.contents.into_iter();
        let written_out = contents.filter(|(_, text)| is_written_out(text));
        self.configs.extend(written_out.map(|(name, _)| name));
    }

    /// The question about environments; none where there is nothing to ask, or all of it is meant
    /// to go along.
    pub fn environments(&self, environment: Environment) -> Option<String> {
        if environment == Environment::Along || self.services.is_empty() {
            return None;
        }
        let mut list = String::new();
        for (service, given) in &self.services {
            if given.env_file {
                let _ = writeln!(list, "  service {service:?}: env_file declared");
            }
            if !given.names.is_empty() {
                let names: Vec<String> =
                    given.names.iter().map(|name| format!("{name:?}")).collect();
                let _ = writeln!(
                    list,
                    "  service {service:?}: literal value for {}",
                    names.join(", ")
                );
            }
        }
        Some(format!(
            "you are about to publish env-related declarations within your OCI artifact.\n\
             env_file paths and literal values for sensitive-looking keys are embedded as-is in the published YAML;\n\
             interpolated values like \"${{VAR}}\" are kept symbolic and have already been excluded.\n\
             {list}Use --with-env to silence this prompt and always publish env declarations.\n\
             Are you ok to publish these env declarations?"
        ))
    }

    /// The question about configs; none where there is nothing to ask.
    pub fn configs(&self) -> Option<String> {
        let names = self.configs.iter();
        let list: String = names.map(|name| format!("  config {name:?}\n")).collect();
        (!list.is_empty()).then(|| {
            format!(
                "you are about to publish literal inline config content within your OCI artifact.\n\
                 {list}Are you ok to publish these config contents?"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_files_is_asked_about_and_variables_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let base = "services:\n  base: {environment: [TOKEN=abc, PLAIN=abc]}\n";
        std::fs::write(dir.path().join("base.yaml"), base).unwrap();
        let file = "services:
  web:
    extends: {file: base.yaml, service: base}
    environment: {DB_PASSWORD: '${DB}', API_KEY: $$abc}
    env_file: a.env
configs: {a: {content: text}, b: {content: '${TEXT}'}}
";
        std::fs::write(dir.path().join("compose.yaml"), file).unwrap();
        let project = Project {
            working_dir: dir.path().to_owned(),
            compose_files: vec!["compose.yaml".to_owned()],
            ..Project::default()
        };
        let found = Declarations::of(&project).unwrap();
        assert_eq!(found.environments(Environment::Along), None);
        let question = found.environments(Environment::Here).unwrap();
        let lines: Vec<&str> = question.lines().filter(|it| it.starts_with(' ')).collect();
        assert_eq!(
            lines,
            [
                "  service \"base\": literal value for \"TOKEN\"",
                "  service \"web\": env_file declared",
                "  service \"web\": literal value for \"API_KEY\"",
            ]
        );
        let configs = found.configs().unwrap();
        assert!(configs.contains("  config \"a\"\nAre"), "{configs}");
    }
}
