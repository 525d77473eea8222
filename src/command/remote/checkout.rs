//! A commit of a git repository, checked out once and kept, and the compose file in it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::cache::Cache;
use super::git::{Commits, Git, is_commit};
use crate::compose::{Fetched, GitAddress, NAMES};
use crate::diagnostic::Diagnostic;
use crate::text::path::clean;

/// The local copy of what an address names.
pub(super) async fn fetch(
    git: &Git,
    cache: &Cache,
    known: &Commits,
    address: &GitAddress,
) -> Result<Fetched, Diagnostic> {
    let subdir = address.subdir.as_deref().map(inside).transpose()?;
    let commit = git.commit(address, known).await?;
    if let Some(wanted) = address.commit.as_deref()
        && !commit.starts_with(wanted)
    {
        let message = format!("`{address}` is commit {commit}, and not {wanted}");
        return Err(Diagnostic::error(message).hint("what it names has changed since"));
    }
    let root = cache.entry(&commit);
    if !is_whole(&root) {
        fill(git, cache, &root, address, &commit).await?;
    }
    let file = compose_file(&root, subdir.as_deref(), address)?;
    Ok(Fetched { file, root })
}

/// Whether a commit was checked out here to the end, which is when git writes down its name:
/// Docker Compose, cut off, leaves less.
fn is_whole(root: &Path) -> bool {
    let head = fs::read_to_string(root.join(".git/HEAD"));
    head.is_ok_and(|head| is_commit(head.trim_end()))
}

async fn fill(
    git: &Git,
    cache: &Cache,
    root: &Path,
    address: &GitAddress,
    commit: &str,
) -> Result<(), Diagnostic> {
    let failed = |error: io::Error| {
        let message = format!("cannot keep the files of `{address}`: {error}");
        Diagnostic::error(message)
    };
    let draft = cache.draft().map_err(failed)?;
    let within = |words: &[&str]| {
        let folder = [OsStr::new("-C"), draft.path().as_os_str()];
        let words = words.iter().map(OsStr::new);
        folder
            .into_iter()
            .chain(words)
            .map(OsStr::to_owned)
            .collect::<Vec<OsString>>()
    };
    // Only a git that knows such commits knows the option.
    let init: &[&str] = match commit.len() {
        64 => &["init", "--quiet", "--object-format=sha256"],
        _ => &["init", "--quiet"],
    };
    let repository = &*address.repository;
    let fetch = [
        "fetch",
        "--depth=1",
        "--no-tags",
        "--progress",
        "--",
        repository,
        commit,
    ];
    for words in [
        init,
        &fetch,
        &["checkout", "--progress", "--detach", commit],
    ] {
        git.must(within(words), address).await?;
    }
    draft.keep(root, is_whole).map_err(failed)
}

/// A path below the root, by its text alone.
fn inside(subdir: &str) -> Result<String, Diagnostic> {
    let hint = "name a folder or a file below the repository's root";
    if subdir.starts_with('/') {
        let message = format!("git subdirectory must be relative, got: {subdir}");
        return Err(Diagnostic::error(message).hint(hint));
    }
    match clean(subdir) {
        path if path == ".." || path.starts_with("../") => {
            let message = format!("git subdirectory path traversal detected: {subdir}");
            Err(Diagnostic::error(message).hint(hint))
        }
        path => Ok(path),
    }
}

/// The compose file of a checkout: the one that is named, or that of the folder.
fn compose_file(
    root: &Path,
    subdir: Option<&str>,
    address: &GitAddress,
) -> Result<PathBuf, Diagnostic> {
    let repository = address.shown();
    let place = match subdir {
        None | Some(".") => root.to_owned(),
        Some(subdir) => root.join(subdir),
    };
    let shown = subdir.unwrap_or(".");
    if !place.exists() {
        let message = format!("there is no `{shown}` in `{repository}`");
        let names = entries(place.parent().filter(|dir| dir.is_dir()).unwrap_or(root));
        return Err(Diagnostic::error(message).hint(format!("beside it there are: {names}")));
    }
    let named = |name: &&str| place.join(name);
    let file = match place.is_dir() {
        false => Some(place.clone()),
        true => NAMES.iter().map(named).find(|file| file.is_file()),
    };
    let Some(file) = file else {
        let message = format!("there is no compose file in `{shown}` of `{repository}`");
        let hint = format!(
            "looked for {}; another name is named itself: `#REF:DIR/FILE`",
            NAMES.map(|name| format!("`{name}`")).join(", ")
        );
        return Err(Diagnostic::error(message).hint(hint));
    };
    // A symbolic link of the repository must not lead to a file of this machine.
    let real = |path: &Path| path.canonicalize().ok();
    match real(&file).zip(real(root)) {
        Some((file_there, root_there)) if file_there.starts_with(&root_there) => Ok(file),
        _ => {
            let message = format!("`{shown}` leads out of `{repository}`");
            Err(Diagnostic::error(message).hint("it is a symbolic link: name a file itself"))
        }
    }
}

/// What a folder holds, as it is told.
fn entries(dir: &Path) -> String {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name != ".git").collect();
    names.sort();
    names.truncate(20);
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subdirectory_stays_inside() {
        for (subdir, path) in [("a", "a"), ("./a/../b", "b"), ("a/", "a"), ("..a", "..a")] {
            assert_eq!(inside(subdir), Ok(path.to_owned()));
        }
        for subdir in ["..", "../x", "a/../../x", "/etc"] {
            assert!(inside(subdir).is_err(), "{subdir}");
        }
    }
}
