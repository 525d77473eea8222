//! What is copied before the first change: what is newer than the image, for rules that ask for it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::act::{self, Life, Member};
use super::memory::Memory;
use super::rule::reaction;
use super::rules::{Rules, Wanted};
use super::source::Root;
use crate::engine::Engine;
use crate::project::{Project, Trigger};

/// Copies what is newer than the image into each container of the services that ask for it.
///
/// # Errors
/// The first container that could not take it.
pub async fn sync(
    engine: &Engine,
    project: &Project,
    memory: &std::cell::RefCell<Memory>,
) -> Result<()> {
    for (name, service) in &project.services {
        let triggers = service.develop.iter().flat_map(|develop| &develop.watch);
        if !triggers.clone().any(is_asked) {
            continue;
        }
        let mut wanted = project.clone();
        wanted.services.retain(|other, _| other == name);
        for service in wanted.services.values_mut() {
            if let Some(develop) = &mut service.develop {
                develop.watch.retain(is_asked);
            }
        }
        let rules = Rules::of(&wanted, Wanted::Declared, &|_| Vec::new())?;
        for member in act::members(engine, &project.name, name).await? {
            if member.life != Life::Running {
                continue;
            }
            let created = image_created(engine, &member).await?;
            let paths = newer(&rules.roots, created);
            let changed = reaction(&rules.rules, name, &paths).sync;
            let synced = act::sync(engine, &[&member], changed.clone()).await;
            if let Some((_, error)) = synced.failed.into_iter().next() {
                return Err(error.context("the first sync failed"));
            }
            memory.borrow_mut().of(name).synced.extend(changed);
            memory.borrow_mut().of(name).current.insert(member.id);
        }
    }
    Ok(())
}

fn is_asked(trigger: &Trigger) -> bool {
    let is_asked = trigger.initial_sync
        || trigger.extensions.get("x-initialSync") == Some(&serde_json::Value::Bool(true));
    is_asked && trigger.action.starts_with("sync")
}

/// When the image was made that a container stands on.
async fn image_created(engine: &Engine, member: &Member) -> Result<Option<jiff::Timestamp>> {
    let image = engine.inspect_container(&member.id).await?.image;
    let image = image.unwrap_or_default();
    let found = engine.inspect_image(&image).await;
    let created = found
        .with_context(|| format!("the image of {}", member.name))?
        .created;
    Ok(created.and_then(|text| text.parse().ok()))
}

/// The files at or below roots that were modified since; all of them where that is not known.
fn newer(roots: &[Root], since: Option<jiff::Timestamp>) -> BTreeSet<PathBuf> {
    let is_newer = |path: &Path| {
        let found = path.symlink_metadata().ok();
        let modified = found.and_then(|found| found.modified().ok());
        let modified = modified.and_then(|time| jiff::Timestamp::try_from(time).ok());
        since.is_none() || modified >= since
    };
    roots
        .iter()
        .flat_map(|root| below(root, &is_newer))
        .collect()
}

/// The files at or below a root that are wanted.
fn below(root: &Root, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![root.path.clone()];
    while let Some(path) = pending.pop() {
        let Ok(kind) = path.symlink_metadata() else {
            continue;
        };
        if !kind.is_dir() {
            found.extend(Some(path).filter(|path| wanted(path)));
        } else if path == root.path || !(root.prune)(&path) {
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            pending.extend(entries.map(|entry| entry.path()));
        }
    }
    found
}
