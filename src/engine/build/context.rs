//! The files of a build's context, in the order in which builders expect them: a folder, then what
//! it holds, by the bytes of their names.

use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};

use crate::text::dockerignore::Patterns;
use crate::text::path::clean;

/// Which files of a folder are taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    /// What stays behind.
    pub(super) excludes: Patterns,
    /// What is asked for; none for everything.
    pub(super) includes: Option<Patterns>,
}

/// One file, folder or link.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// From the context's root, with `/` between its parts.
    pub(super) path: String,
    /// On this machine.
    pub(super) on_disk: PathBuf,
    /// Its own attributes; a link is not followed.
    pub(super) metadata: Metadata,
}

/// Lists what a selection takes of a folder. A folder that is left out is still listed where
/// something below it is taken.
///
/// # Errors
/// A folder that cannot be read; the error names it.
pub(super) fn list(root: &Path, selection: &Selection) -> io::Result<Vec<Found>> {
    let mut walk = Walk {
        selection,
        above: Vec::new(),
        taken: Vec::new(),
    };
    walk.folder(root, "")?;
    Ok(walk.taken)
}

struct Walk<'a> {
    selection: &'a Selection,
    /// The folders above that are not taken yet, because they are left out themselves.
    above: Vec<Found>,
    taken: Vec<Found>,
}

impl Walk<'_> {
    fn folder(&mut self, on_disk: &Path, folder: &str) -> io::Result<()> {
        let mut names = std::fs::read_dir(on_disk)
            .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect())
            .map_err(|error| named(error, on_disk))?;
        let names: &mut Vec<std::ffi::OsString> = &mut names;
        names.sort();
        for name in names {
            let on_disk = on_disk.join(&*name);
            let name = name
                .to_str()
                .ok_or_else(|| named(io::Error::other("its name is no UTF-8"), &on_disk))?;
            let path = match folder {
                "" => name.to_owned(),
                folder => format!("{folder}/{name}"),
            };
            let metadata = match std::fs::symlink_metadata(&on_disk) {
                Ok(metadata) => metadata,
                // It went away since its folder was read.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(named(error, &on_disk)),
            };
            self.entry(Found {
                path,
                on_disk,
                metadata,
            })?;
        }
        Ok(())
    }

    fn entry(&mut self, found: Found) -> io::Result<()> {
        let Selection { excludes, includes } = self.selection;
        let excluded = excludes.matches(&found.path);
        let asked = includes
            .as_ref()
            .is_none_or(|patterns| patterns.matches(&found.path));
        let taken = asked && !excluded;
        if !found.metadata.is_dir() {
            if taken {
                self.taken.append(&mut self.above);
                self.taken.push(found);
            }
            return Ok(());
        }
        let may_hold_asked = asked
            || includes
                .as_ref()
                .is_some_and(|patterns| patterns.may_match_below(&found.path));
        let may_hold_kept = !excluded || excludes.may_take_back_below(&found.path);
        if !(may_hold_asked && may_hold_kept) {
            return Ok(());
        }
        let (on_disk, path) = (found.on_disk.clone(), found.path.clone());
        self.above.push(found);
        if taken {
            self.taken.append(&mut self.above);
        }
        self.folder(&on_disk, &path)?;
        // Taken by now, or nothing below it was.
        self.above.pop_if(|last| last.path == path);
        Ok(())
    }
}

fn named(error: io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// What has to be sent so that `paths` can be copied: those, and what the links on the way lead
/// to. None for everything.
pub(super) fn follow(root: &Path, paths: &[String]) -> io::Result<Option<Patterns>> {
    let mut patterns = Vec::new();
    for path in paths {
        let path = clean(path.trim_start_matches('/'));
        if path == "." || path.starts_with("..") {
            return Ok(None);
        }
        follow_one(root, String::new(), &path, &mut patterns);
    }
    let patterns = patterns.iter().map(String::as_str);
    Patterns::new(patterns).map(Some).map_err(io::Error::other)
}

/// No chain of links is longer; the system's own limit is 40.
const LONGEST_CHAIN: usize = 255;

/// Adds the pattern of `rest` below `above`, which holds no link any more.
fn follow_one(root: &Path, above: String, rest: &str, patterns: &mut Vec<String>) {
    if patterns.len() > LONGEST_CHAIN * LONGEST_CHAIN {
        return;
    }
    let (name, below) = match rest.split_once('/') {
        Some((name, below)) => (name, Some(below)),
        None => (rest, None),
    };
    let joined = |name: &str| match above.as_str() {
        "" => name.to_owned(),
        above => format!("{above}/{name}"),
    };
    if name.contains(['*', '?', '[', '\\']) {
        patterns.push(joined(rest));
        for link in links_matching(root, &above, name) {
            follow_one(root, above.clone(), &with(&link, below), patterns);
        }
        return;
    }
    let here = joined(name);
    match std::fs::read_link(root.join(&here)) {
        Ok(target) if !patterns.contains(&here) => {
            patterns.push(here);
            let target = match target.strip_prefix("/") {
                Ok(target) => target.to_string_lossy().into_owned(),
                Err(_) => joined(&target.to_string_lossy()),
            };
            // A link out of the context ends at its root, as in a container.
            let target = clean(&format!("/{target}"));
            follow_one(
                root,
                String::new(),
                &with(target.trim_start_matches('/'), below),
                patterns,
            );
        }
        _ => match below {
            Some(below) => follow_one(root, here, below, patterns),
            None => patterns.push(here),
        },
    }
}

fn with(name: &str, below: Option<&str>) -> String {
    match below {
        Some(below) => format!("{name}/{below}"),
        None => name.to_owned(),
    }
}

fn links_matching(root: &Path, folder: &str, pattern: &str) -> Vec<String> {
    let (Ok(pattern), Ok(entries)) = (
        Patterns::new([pattern]),
        std::fs::read_dir(root.join(folder)),
    ) else {
        return Vec::new();
    };
    let links = entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
    links
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| pattern.matches(name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(paths: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for path in paths {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        root
    }

    fn listed(root: &Path, ignore: &str, paths: Option<&[&str]>) -> String {
        let includes = paths.and_then(|paths| {
            let paths: Vec<String> = paths.iter().map(|&path| path.to_owned()).collect();
            follow(root, &paths).unwrap()
        });
        let selection = Selection {
            excludes: Patterns::read(ignore).unwrap(),
            includes,
        };
        let found = list(root, &selection).unwrap();
        let paths = found.into_iter().map(|found| found.path);
        paths.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_folder_comes_before_what_it_holds_and_names_in_the_order_of_their_bytes() {
        let root = tree(&["b", "a/z", "a/B", "a.txt", "Z"]);
        assert_eq!(listed(root.path(), "", None), "Z a a/B a/z a.txt b");
    }

    #[test]
    fn a_folder_that_is_left_out_is_listed_only_for_what_is_taken_back_below_it() {
        let root = tree(&["keep", "out/x", "out/in/y", "gone/z"]);
        assert_eq!(
            listed(root.path(), "out\ngone\n!out/in/y", None),
            "keep out out/in out/in/y"
        );
    }

    #[test]
    fn only_what_is_asked_for_is_listed_with_the_folders_above_it() {
        let root = tree(&[
            "requirements.txt",
            "src/a.py",
            "src/b.txt",
            "node_modules/x",
        ]);
        let paths: &[&str] = &["requirements.txt", "src/*.py"];
        assert_eq!(
            listed(root.path(), "", Some(paths)),
            "requirements.txt src src/a.py"
        );
        assert_eq!(
            listed(root.path(), "", Some(&["/src"])),
            "src src/a.py src/b.txt"
        );
        assert_eq!(
            listed(root.path(), "node_modules", Some(&["."])),
            "requirements.txt src src/a.py src/b.txt"
        );
    }

    #[test]
    fn what_a_link_leads_to_comes_along() {
        let root = tree(&["real/file", "real/other", "x"]);
        std::os::unix::fs::symlink("real", root.path().join("link")).unwrap();
        std::os::unix::fs::symlink("/x", root.path().join("l2")).unwrap();
        std::os::unix::fs::symlink("loop", root.path().join("loop")).unwrap();
        let asked = |path: &str| listed(root.path(), "", Some(&[path]));
        assert_eq!(asked("link/file"), "link real real/file");
        assert_eq!(asked("l?"), "l2 x");
        assert_eq!(asked("loop"), "loop");
    }
}
