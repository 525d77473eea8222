//! Compose files of registries: what `-f oci://…` names is fetched, kept by its digest, and read
//! from there like any other file.

mod consent;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use bytes::Bytes;
use serde_json::Value;

pub(super) use self::consent::agree;
use super::Context;
use super::publish::{COMPOSE_FILE, EMPTY_PROJECT, ENV_FILE, INDEX, PROJECT};
use crate::compose;
use crate::engine::{Manifest, Registry, Trust};
use crate::text::reference::Reference;

/// How such an address begins.
const SCHEME: &str = "oci://";
/// What Docker Compose's own tests set for a registry without TLS.
const INSECURE: &str = "__TEST__INSECURE__REGISTRY__";

/// Where the files of addresses lie, by the addresses.
pub type Fetched = BTreeMap<String, String>;

/// Whether registries need not prove who they are.
pub(super) fn trust(cx: &Context, insecure: bool) -> Trust {
    match insecure || cx.env.get(INSECURE).is_some() {
        true => Trust::Anyone,
        false => Trust::Proven,
    }
}

/// The project's files as the command line names them, else `COMPOSE_FILE`.
pub(super) fn named(cx: &Context) -> Vec<String> {
    match cx.env.get("COMPOSE_FILE") {
        Some(list) if cx.globals.file.is_empty() => {
            compose::listed(list, cx.env.get("COMPOSE_PATH_SEPARATOR"))
        }
        _ => cx.globals.file.clone(),
    }
}

/// Fetches what the command line or `COMPOSE_FILE` names.
pub(super) async fn fetch(cx: &Context) -> Result<()> {
    let mut fetched = Fetched::new();
    for file in named(cx) {
        if let Some(reference) = file.strip_prefix(SCHEME) {
            let path = fetch_one(cx, reference).await?;
            fetched.insert(file, path.display().to_string());
        }
    }
    if !fetched.is_empty() {
        // Once for each command.
        let _ = cx.fetched.set(fetched);
    }
    Ok(())
}

async fn fetch_one(cx: &Context, name: &str) -> Result<PathBuf> {
    let reference = Reference::parse(name).map_err(|error| anyhow!("`{SCHEME}{name}`: {error}"))?;
    let reference = reference.with_default_tag();
    let wanted = reference.digest.clone().or(reference.tag.clone());
    let shown = reference.to_string();
    let failed = format!("failed to pull OCI resource \"{shown}\"");
    let insecure = cx.globals.insecure_registry.contains(&reference.domain);
    let registry = Registry::of(reference, cx.engine()?.logins(), trust(cx, insecure));
    let found = registry.manifest(&wanted.unwrap_or_default()).await;
    let mut manifest = found.map_err(|error| error.diagnostic(&failed))?;
    let folder = cache(cx)?.join(manifest.digest.trim_start_matches("sha256:"));
    let path = folder.join("compose.yaml");
    if path.exists() {
        return Ok(path);
    }
    if manifest.kind == INDEX {
        let digest = project_of(&manifest, &shown)?;
        let found = registry.manifest(&digest).await;
        manifest = found.map_err(|error| error.diagnostic(&failed))?;
    }
    let files = files(&registry, &manifest, &shown).await?;
    // Whole or not at all: the next command takes what is there.
    let parent = cache(cx)?;
    fs::create_dir_all(&parent)?;
    let half = parent.join(format!("half-{}", std::process::id()));
    let _ = fs::remove_dir_all(&half);
    fs::create_dir(&half)?;
    for (name, bytes) in &files {
        fs::File::create(half.join(name))?.write_all(bytes)?;
    }
    match fs::rename(&half, &folder) {
        Err(_) if path.exists() => drop(fs::remove_dir_all(&half)),
        renamed => renamed?,
    }
    Ok(path)
}

/// `$XDG_CACHE_HOME/dco/oci`, by default below `~/.cache`.
fn cache(cx: &Context) -> Result<PathBuf> {
    let base = cx.env.get("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(cx.env.get("HOME")?).join(".cache"));
    let base = base.or_else(home);
    Ok(base
        .context("neither XDG_CACHE_HOME nor HOME is set")?
        .join("dco/oci"))
}

/// The project's manifest among those of an application.
fn project_of(index: &Manifest, shown: &str) -> Result<String> {
    let document = index.document();
    let manifests = document["manifests"].as_array().into_iter().flatten();
    let mut projects = manifests.filter(|it| it["artifactType"] == PROJECT);
    match projects.next().and_then(|it| it["digest"].as_str()) {
        Some(digest) => Ok(digest.to_owned()),
        None => bail!("OCI index {shown} doesn't refer to compose artifacts"),
    }
}

/// The files of an artifact, by their names; compose files follow each other in one.
async fn files(
    registry: &Registry,
    manifest: &Manifest,
    shown: &str,
) -> Result<BTreeMap<String, Vec<u8>>> {
    let document = manifest.document();
    let kind = document["artifactType"].as_str().unwrap_or_default();
    let is_project = match kind {
        "" => document["config"]["mediaType"] == EMPTY_PROJECT,
        kind => kind == PROJECT,
    };
    if !is_project {
        bail!("{shown} is not a compose project OCI artifact, but {kind}");
    }
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for layer in document["layers"].as_array().into_iter().flatten() {
        let note = |key: &str| layer["annotations"][key].as_str();
        let extended = note("com.docker.compose.extends").is_some();
        let name = match layer["mediaType"].as_str().unwrap_or_default() {
            COMPOSE_FILE if extended => plain(note("com.docker.compose.file"))?,
            COMPOSE_FILE => "compose.yaml".to_owned(),
            ENV_FILE => plain(note("com.docker.compose.envfile"))?,
            _ => continue,
        };
        let bytes = blob(registry, layer).await?;
        let file = files.entry(name).or_default();
        if !file.is_empty() {
            file.extend_from_slice(b"\n---\n");
        }
        file.extend_from_slice(&bytes);
    }
    Ok(files)
}

async fn blob(registry: &Registry, layer: &Value) -> Result<Bytes> {
    let digest = layer["digest"].as_str().unwrap_or_default();
    let bytes = registry.blob(digest).await;
    Ok(bytes.map_err(|error| error.diagnostic("failed to pull OCI resource"))?)
}

/// A file's name that leads nowhere else.
fn plain(name: Option<&str>) -> Result<String> {
    let name = name.unwrap_or_default();
    let sound = !matches!(name, "" | "." | "..") && !name.contains(['/', '\\']);
    match sound && Path::new(name).file_name().is_some() {
        true => Ok(name.to_owned()),
        false => bail!("invalid OCI artifact"),
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
}
