//! Artifacts of registries that hold compose files, as `publish` puts them there.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use tokio::time::timeout;

use super::super::artifact::{COMPOSE_FILE, EMPTY_PROJECT, ENV_FILE, INDEX, PROJECT};
use super::SILENCE;
use super::cache::Cache;
use crate::compose::Fetched;
use crate::diagnostic::Diagnostic;
use crate::engine::{Logins, Manifest, Registry, RegistryError, Trust};
use crate::text::reference::Reference;

/// What stands between the compose files of an artifact.
const BETWEEN: &[u8] = b"\n---\n";

/// Fetches artifacts.
pub(super) struct Artifacts<'a> {
    pub(super) logins: Arc<Logins>,
    /// Whether the registry of a domain has to prove who it is.
    pub(super) trust: &'a dyn Fn(&str) -> Trust,
    pub(super) cache: Cache,
}

/// A piece of a file.
struct Piece {
    digest: String,
    size: u64,
    /// Whether it begins with what stands between files.
    follows: bool,
}

/// The files of an artifact, by their names, each with its pieces.
type Files = BTreeMap<String, Vec<Piece>>;

impl Artifacts<'_> {
    /// The local copy of what a reference names.
    pub(super) async fn fetch(&self, name: &str) -> Result<Fetched, Diagnostic> {
        let reference = Reference::parse(name)
            .map_err(|error| Diagnostic::error(format!("`oci://{name}`: {error}")))?;
        let reference = reference.with_default_tag();
        let wanted = reference.digest.clone().or(reference.tag.clone());
        let shown = reference.to_string();
        let trust = (self.trust)(&reference.domain);
        let source = Source {
            registry: Registry::of(reference, &self.logins, trust),
            shown,
        };
        let mut manifest = source.manifest(&wanted.unwrap_or_default()).await?;
        let root = self
            .cache
            .entry(manifest.digest.trim_start_matches("sha256:"));
        if manifest.kind == INDEX {
            manifest = source.manifest(&source.project_of(&manifest)?).await?;
        }
        let files = source.files(&manifest)?;
        if !is_whole(&root, &files) {
            self.fill(&source, &root, &files).await?;
        }
        let file = root.join("compose.yaml");
        Ok(Fetched { file, root })
    }

    async fn fill(&self, source: &Source, root: &Path, files: &Files) -> Result<(), Diagnostic> {
        let shown = &source.shown;
        let failed =
            |error| Diagnostic::error(format!("cannot keep the files of {shown}: {error}"));
        let draft = self.cache.draft().map_err(failed)?;
        for (name, pieces) in files {
            let mut text = Vec::new();
            for piece in pieces {
                if piece.follows {
                    text.extend_from_slice(BETWEEN);
                }
                text.extend_from_slice(&source.blob(&piece.digest).await?);
            }
            fs::write(draft.path().join(name), text).map_err(failed)?;
        }
        draft
            .keep(root, |folder| is_whole(folder, files))
            .map_err(failed)
    }
}

/// Whether a folder holds every file in its full length: Docker Compose, cut off, leaves less.
fn is_whole(folder: &Path, files: &Files) -> bool {
    files.iter().all(|(name, pieces)| {
        let length = |piece: &Piece| match piece.follows {
            true => piece.size + BETWEEN.len() as u64,
            false => piece.size,
        };
        let wanted = pieces.iter().map(length).sum::<u64>();
        fs::metadata(folder.join(name)).is_ok_and(|file| file.len() == wanted)
    })
}

/// An artifact in its registry.
struct Source {
    registry: Registry,
    /// Its reference, as it is shown.
    shown: String,
}

impl Source {
    async fn manifest(&self, name: &str) -> Result<Manifest, Diagnostic> {
        self.in_time(self.registry.manifest(name)).await
    }

    async fn blob(&self, digest: &str) -> Result<Bytes, Diagnostic> {
        self.in_time(self.registry.blob(digest)).await
    }

    async fn in_time<T>(
        &self,
        asked: impl Future<Output = Result<T, RegistryError>>,
    ) -> Result<T, Diagnostic> {
        let failed = format!("failed to pull OCI resource \"{}\"", self.shown);
        match timeout(SILENCE, asked).await {
            Ok(answer) => answer.map_err(|error| error.diagnostic(&failed)),
            Err(_) => {
                let (host, limit) = (self.registry.host(), SILENCE.as_secs());
                let message = format!("{failed}: no answer from {host} in {limit} s");
                Err(Diagnostic::error(message))
            }
        }
    }

    /// The project's manifest among those of an application.
    fn project_of(&self, index: &Manifest) -> Result<String, Diagnostic> {
        let document = index.document();
        let manifests = document["manifests"].as_array().into_iter().flatten();
        let mut projects = manifests.filter(|it| it["artifactType"] == PROJECT);
        let found = projects.next().and_then(|it| it["digest"].as_str());
        found.map(str::to_owned).ok_or_else(|| {
            let shown = &self.shown;
            Diagnostic::error(format!(
                "OCI index {shown} doesn't refer to compose artifacts"
            ))
        })
    }

    /// The files that a manifest lists; compose files follow each other in one.
    fn files(&self, manifest: &Manifest) -> Result<Files, Diagnostic> {
        let document = manifest.document();
        let kind = document["artifactType"].as_str().unwrap_or_default();
        let is_project = match kind {
            "" => document["config"]["mediaType"] == EMPTY_PROJECT,
            kind => kind == PROJECT,
        };
        if !is_project {
            let shown = &self.shown;
            return Err(Diagnostic::error(format!(
                "{shown} is not a compose project OCI artifact, but {kind}"
            )));
        }
        let mut files = Files::new();
        let layers = document["layers"].as_array().into_iter().flatten();
        for (index, layer) in layers.enumerate() {
            let note = |key: &str| layer["annotations"][key].as_str();
            let file = note("com.docker.compose.file");
            let is_extended = note("com.docker.compose.extends").is_some();
            let (name, follows) = match layer["mediaType"].as_str().unwrap_or_default() {
                COMPOSE_FILE if is_extended => (plain(file)?, index > 0),
                COMPOSE_FILE => ("compose.yaml".to_owned(), index > 0 && file.is_some()),
                ENV_FILE => (plain(note("com.docker.compose.envfile"))?, false),
                _ => continue,
            };
            files.entry(name).or_default().push(piece(layer, follows));
        }
        Ok(files)
    }
}

fn piece(layer: &Value, follows: bool) -> Piece {
    Piece {
        digest: layer["digest"].as_str().unwrap_or_default().to_owned(),
        size: layer["size"].as_u64().unwrap_or_default(),
        follows,
    }
}

/// A file's name that leads nowhere else.
fn plain(name: Option<&str>) -> Result<String, Diagnostic> {
    let name = name.unwrap_or_default();
    let sound = !matches!(name, "" | "." | "..") && !name.contains(['/', '\\']);
    match sound && Path::new(name).file_name().is_some() {
        true => Ok(name.to_owned()),
        false => Err(Diagnostic::error("invalid OCI artifact")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_elsewhere_is_none() {
        assert!(plain(Some("a.env")).is_ok());
        for name in ["", ".", "..", "../x", "/etc/passwd", "a/b", "a\\b"] {
            assert!(plain(Some(name)).is_err(), "{name}");
        }
        assert!(plain(None).is_err());
    }

    #[test]
    fn a_folder_is_whole_when_every_file_has_its_length() {
        let piece = |size, follows| Piece {
            digest: String::new(),
            size,
            follows,
        };
        let files = Files::from([
            ("a".to_owned(), vec![piece(2, false), piece(1, true)]),
            ("b".to_owned(), vec![piece(1, false)]),
        ]);
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("a", "12\n---\n3");
        assert!(!is_whole(folder.path(), &files));
        write("b", "");
        assert!(!is_whole(folder.path(), &files));
        write("b", "1");
        assert!(is_whole(folder.path(), &files));
    }
}
