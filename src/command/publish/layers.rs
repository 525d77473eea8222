//! What is published: the compose files, each with the files it takes things from, named anew so
//! that they lie beside each other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::command::artifact::{COMPOSE_FILE, ENV_FILE};
use crate::compose::{self, Beside, interpolate};
use crate::engine::digest;
use crate::project::{Mapping, Project};

/// One file of the artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// What it is.
    pub kind: &'static str,
    /// What it is called there.
    pub name: String,
    /// Whether only other files take something from it.
    pub extended: bool,
    /// What it holds.
    pub bytes: Bytes,
}

impl Layer {
    /// A compose file.
    pub fn compose_file(name: &str, text: String) -> Self {
        Self {
            kind: COMPOSE_FILE,
            name: name.to_owned(),
            extended: false,
            bytes: text.into(),
        }
    }

    /// Its descriptor, which holds the content too.
    pub fn descriptor(&self, version: &str) -> Value {
        let key = match self.kind {
            ENV_FILE => "com.docker.compose.envfile",
            _ => "com.docker.compose.file",
        };
        let mut notes = BTreeMap::from([
            (key, self.name.as_str()),
            ("com.docker.compose.version", version),
        ]);
        if self.extended {
            notes.insert("com.docker.compose.extends", "true");
        }
        json!({
            "mediaType": self.kind,
            "digest": digest(&self.bytes),
            "size": self.bytes.len(),
            "annotations": notes,
            "data": STANDARD.encode(&self.bytes),
        })
    }
}

/// Whether the values of environments go along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// They do, and so do the files that hold them.
    Along,
    /// They stay here.
    Here,
}

/// A file that goes along, and what it is called there.
#[derive(Default)]
struct Beyond {
    extends: BTreeMap<PathBuf, String>,
    env_files: BTreeMap<PathBuf, String>,
}

/// The layers of a project: its files in their order, what they extend, their env files.
pub fn layers(project: &Project, environment: Environment) -> Result<Vec<Layer>> {
    let mut beyond = Beyond::default();
    let mut layers = Vec::new();
    for file in &project.compose_files {
        let path = project.working_dir.join(file);
        let text = rewritten(&path, project, &project.working_dir, &mut beyond)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        layers.push(Layer::compose_file(&name, text));
    }
    let mut done: BTreeMap<PathBuf, String> = BTreeMap::new();
    while let Some((path, name)) = beyond.extends.pop_first() {
        if done.contains_key(&path) {
            continue;
        }
        let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        let text = rewritten(&path, project, &folder, &mut beyond)?;
        layers.push(Layer {
            extended: true,
            ..Layer::compose_file(&name, text)
        });
        done.insert(path, name);
    }
    if environment == Environment::Along {
        for (path, name) in &beyond.env_files {
            // One that need not be there is not there.
            let Ok(bytes) = std::fs::read(path) else {
                continue;
            };
            layers.push(Layer {
                kind: ENV_FILE,
                name: name.clone(),
                extended: false,
                bytes: bytes.into(),
            });
        }
    }
    Ok(layers)
}

/// A file's text with the names that the files beside it get.
fn rewritten(path: &Path, project: &Project, folder: &Path, beyond: &mut Beyond) -> Result<String> {
    let shown = path.display().to_string();
    let mut text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read `{shown}`"))?;
    let mentions = compose::mentions(&shown, &text)?;
    for mention in mentions.files.iter().rev() {
        let there = folder.join(resolved(&mention.path, &project.environment));
        let there: PathBuf = crate::text::path::clean(&there.to_string_lossy()).into();
        let name = match mention.what {
            Beside::EnvFile => {
                let name = format!("{}.env", hex(&there));
                beyond.env_files.insert(there, name.clone());
                name
            }
            // What is not here lies on another machine, and stays there.
            Beside::Extends if compose::is_remote(&mention.path) || !there.exists() => continue,
            Beside::Extends => {
                let name = format!("{}.yaml", hex(&there));
                beyond.extends.insert(there, name.clone());
                name
            }
        };
        text.replace_range(mention.at.clone(), &name);
    }
    Ok(text)
}

/// A path with its variables replaced; one that cannot be is left, and then not found.
pub fn resolved(path: &str, environment: &Mapping) -> String {
    let lookup = |name: &str| environment.get(name).map(String::as_str);
    match interpolate::interpolate(path, &lookup) {
        Ok(done) => done.text.into_owned(),
        Err(_) => path.to_owned(),
    }
}

fn hex(path: &Path) -> String {
    let digest = Sha256::digest(path.to_string_lossy().as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_anew_where_they_lie_beside_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "compose.yaml",
            "services:\n  web: {extends: {file: sub/base.yaml, service: x}, env_file: ['${NAME}.env']}\n",
        );
        write(
            "sub/base.yaml",
            "services:\n  x: {image: a, env_file: deep.env} # kept\n",
        );
        write("app.env", "A=1\n");
        write("sub/deep.env", "B=2\n");
        let project = Project {
            working_dir: dir.path().to_owned(),
            compose_files: vec!["compose.yaml".to_owned()],
            environment: [("NAME".to_owned(), "app".to_owned())].into(),
            ..Project::default()
        };
        let name = |path: &str, ext: &str| format!("{}.{ext}", hex(&dir.path().join(path)));
        let base = name("sub/base.yaml", "yaml");
        let (app, deep) = (name("app.env", "env"), name("sub/deep.env", "env"));
        let made = layers(&project, Environment::Along).unwrap();
        let mut shown: Vec<(String, String)> = made
            .iter()
            .map(|it| {
                (
                    it.name.clone(),
                    String::from_utf8_lossy(&it.bytes).into_owned(),
                )
            })
            .collect();
        shown[2..].sort_by(|a, b| a.1.cmp(&b.1));
        assert_eq!(
            shown,
            [
                (
                    "compose.yaml".to_owned(),
                    format!(
                        "services:\n  web: {{extends: {{file: {base}, service: x}}, env_file: [{app}]}}\n"
                    )
                ),
                (
                    base.clone(),
                    format!("services:\n  x: {{image: a, env_file: {deep}}} # kept\n")
                ),
                (app, "A=1\n".to_owned()),
                (deep, "B=2\n".to_owned()),
            ]
        );
        let here = layers(&project, Environment::Here).unwrap();
        assert_eq!(here.len(), 2);
        assert_eq!(
            here[1].descriptor("2.40.3")["annotations"],
            json!({
                "com.docker.compose.file": base,
                "com.docker.compose.version": "2.40.3",
                "com.docker.compose.extends": "true",
            })
        );
    }
}
