//! Where a copy comes from and where it goes: the rules of `docker cp`, which a trailing slash or
//! `/.` changes. Asks the local file system what lies there; copies nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::text::path::clean;

/// One end of a copy, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Side {
    /// `SERVICE:PATH`.
    Service(String, String),
    /// A path here; `-` is standard input or output.
    Here(String),
}

impl Side {
    /// Reads an argument: what begins with `/` or `.` is a path here, colon or not.
    pub fn parse(text: &str) -> Self {
        match text.split_once(':') {
            Some((service, path))
                if !text.starts_with('/') && !service.starts_with('.') && !service.is_empty() =>
            {
                Self::Service(service.to_owned(), path.to_owned())
            }
            _ => Self::Here(text.to_owned()),
        }
    }
}

/// What lies at one end of a copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct End {
    /// The path; a trailing slash or `/.` is kept.
    pub path: String,
    /// Whether anything lies there, and whether that is a directory.
    pub found: Found,
    /// What the copy is called, where links were followed to another name.
    pub called: Option<String>,
}

/// What lies at a path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Found {
    /// Nothing.
    #[default]
    Nothing,
    /// A directory.
    Directory,
    /// Something else.
    File,
}

impl Found {
    /// What a directory or another thing is.
    pub fn of(is_directory: bool) -> Self {
        match is_directory {
            true => Self::Directory,
            false => Self::File,
        }
    }
}

/// What a copy does: the directory that is written to, and how the top of the tree is called there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The directory.
    pub directory: String,
    /// The name of the top; `.` for the directory itself.
    pub top: String,
}

/// Decides by what lies at both ends.
///
/// # Errors
/// A directory onto a file, or a file into a directory that is not there.
pub fn route(source: &End, destination: &End) -> Result<Route> {
    let own = match &source.called {
        Some(name) => name.clone(),
        None => split(&source.path).1,
    };
    let (parent, base) = split(&destination.path);
    let (directory, top) = match (destination.found, source.found) {
        (Found::Directory, _) => (destination.path.clone(), own),
        (Found::File, Found::Directory) => bail!("cannot copy directory"),
        (Found::Nothing, from) if from != Found::Directory && is_directory(&destination.path) => {
            bail!("no such directory")
        }
        _ => (parent, base),
    };
    // The root is called `/`, and what lies below it has no further name before it.
    let top = match top.as_str() {
        "/" => ".".to_owned(),
        _ => top,
    };
    Ok(Route { directory, top })
}

/// Whether a path says itself that it is a directory.
fn is_directory(path: &str) -> bool {
    path.ends_with('/') || base(path) == "."
}

/// Go's `filepath.Base`: the last name, whatever slashes follow it.
pub fn base(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    match (path, trimmed) {
        ("", _) => ".",
        (_, "") => "/",
        _ => trimmed.rsplit('/').next().unwrap_or(trimmed),
    }
}

/// Directory and name of a path; a trailing `/.` is a name.
pub fn split(path: &str) -> (String, String) {
    let cleaned = clean(path);
    if base(path) == "." {
        return (cleaned, ".".to_owned());
    }
    let name = base(&cleaned).to_owned();
    let directory = match cleaned.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((directory, _)) => directory,
        None => ".",
    };
    (directory.to_owned(), name)
}

/// Puts a name in a link's place.
pub fn beside(path: &str, link_target: &str) -> String {
    match link_target.starts_with('/') {
        true => link_target.to_owned(),
        false => clean(&format!("{}/{link_target}", split(path).0)),
    }
}

/// A path with the ending of another: `/.` or `/`.
fn with_ending(path: String, original: &str) -> String {
    let mut path = path;
    if base(original) == "." && base(&path) != "." {
        if !path.ends_with('/') {
            path.push('/');
        }
        path.push('.');
    }
    if original.ends_with('/') && !path.ends_with('/') {
        path.push('/');
    }
    path
}

/// What a followed link leads to, with the ending of the link's own path, and the name that the
/// copy keeps.
pub fn followed(path: &str, target: &str) -> (String, Option<String>) {
    let target = with_ending(target.to_owned(), path);
    let called = (base(path) != base(&target)).then(|| base(path).to_owned());
    (target, called)
}

/// A local path from the root on, ending as it was written.
pub fn absolute(path: &str, cwd: &Path) -> String {
    let whole = match path.starts_with('/') {
        true => clean(path),
        false => clean(&format!("{}/{path}", cwd.display())),
    };
    with_ending(whole, path)
}

/// What is copied from here. The directory of the path is resolved, its last name only where links
/// are followed or a slash behind it asks for it.
///
/// # Errors
/// Nothing lies there.
pub fn source(path: &str, follow: Follow) -> Result<End> {
    let lost = || format!("cannot read `{path}`");
    let resolve = |path: &str| -> io::Result<String> {
        Ok(fs::canonicalize(path)?.to_string_lossy().into_owned())
    };
    let (path, called) = match follow {
        Follow::Links => followed(path, &resolve(path).with_context(lost)?),
        Follow::Nothing => {
            let at = path.rfind('/').map_or(0, |at| at + 1);
            let (directory, name) = path.split_at(at);
            let directory = resolve(directory).with_context(lost)?;
            let resolved = format!("{}/{name}", directory.trim_end_matches('/'));
            let called = (path.ends_with('/') && base(path) != base(&resolved))
                .then(|| base(path).to_owned());
            (resolved, called)
        }
    };
    let found = fs::symlink_metadata(&path).with_context(lost)?;
    Ok(End {
        found: Found::of(found.is_dir()),
        path,
        called,
    })
}

/// Whether a link is copied, or what it leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// The link.
    Nothing,
    /// What it leads to.
    Links,
}

/// How many links are followed in a row, as `docker cp` has it.
const LINKS: usize = 10;

/// Where a copy goes here: a link leads on, even to what is not there yet; the directory above has
/// to be there.
///
/// # Errors
/// It is not, or links lead in a circle.
pub fn destination(path: &str) -> Result<End> {
    let mut at = path.to_owned();
    for _ in 0..=LINKS {
        let found = match fs::symlink_metadata(&at) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return absent(at);
            }
            found => found.with_context(|| format!("cannot write `{path}`"))?,
        };
        if !found.is_symlink() {
            return Ok(End {
                path: at,
                found: Found::of(found.is_dir()),
                called: None,
            });
        }
        let target: PathBuf = fs::read_link(&at)?;
        at = beside(&at, &target.to_string_lossy());
    }
    bail!("too many symlinks in {path}")
}

fn absent(path: String) -> Result<End> {
    let (parent, _) = split(&path);
    let above = fs::metadata(&parent)
        .with_context(|| format!("cannot write `{path}`: no directory `{parent}`"))?;
    if !above.is_dir() {
        bail!("cannot write `{path}`: `{parent}` is not a directory");
    }
    Ok(End {
        path,
        ..End::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use Found::{Directory, File, Nothing};

    #[test]
    fn a_path_here_begins_with_a_slash_or_a_dot_or_has_no_colon() {
        let here = |text: &str| Side::Here(text.to_owned());
        for text in ["/a:b", "./a:b", "../a:b", "a", "-", ".:x", ":x"] {
            assert_eq!(Side::parse(text), here(text), "{text}");
        }
        assert_eq!(
            Side::parse("web:/a:b"),
            Side::Service("web".into(), "/a:b".into())
        );
        assert_eq!(
            Side::parse("web:a"),
            Side::Service("web".into(), "a".into())
        );
    }

    #[test]
    fn a_trailing_dot_is_a_name_and_a_trailing_slash_is_none() {
        for (path, directory, name) in [
            ("/a/b", "/a", "b"),
            ("/a/b/", "/a", "b"),
            ("/a/b/.", "/a/b", "."),
            ("/a", "/", "a"),
            ("/", "/", "/"),
            ("a", ".", "a"),
            (".", ".", "."),
        ] {
            assert_eq!(split(path), (directory.into(), name.into()), "{path}");
        }
        assert_eq!(absolute("a/../b/.", Path::new("/w")), "/w/b/.");
        assert_eq!(absolute("b/", Path::new("/w")), "/w/b/");
        assert_eq!(absolute("/", Path::new("/w")), "/");
    }

    fn way(source: (&str, Found), destination: (&str, Found)) -> String {
        let end = |(path, found): (&str, Found)| End {
            path: path.into(),
            found,
            called: None,
        };
        match route(&end(source), &end(destination)) {
            Ok(route) => format!("{} in {}", route.top, route.directory),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_lies_at_both_ends_decides_where_a_copy_goes() {
        for (source, destination, route) in [
            (("/s/a", File), ("/d", Directory), "a in /d"),
            (("/s/a", File), ("/d/b", Nothing), "b in /d"),
            (("/s/a", File), ("/d/b", File), "b in /d"),
            (("/s/a", File), ("/d/b/", Nothing), "no such directory"),
            (("/s/a", File), ("/d/b/.", Nothing), "no such directory"),
            (("/s", Directory), ("/d", Directory), "s in /d"),
            (("/s/.", Directory), ("/d", Directory), ". in /d"),
            (("/s", Directory), ("/d/n", Nothing), "n in /d"),
            (("/s/.", Directory), ("/d/n", Nothing), "n in /d"),
            (("/s/", Directory), ("/d/n/", Nothing), "n in /d"),
            (("/s", Directory), ("/d/f", File), "cannot copy directory"),
            (("/", Directory), ("/d", Directory), ". in /d"),
        ] {
            assert_eq!(
                way(source, destination),
                route,
                "{source:?} to {destination:?}"
            );
        }
    }

    #[test]
    fn a_followed_link_keeps_its_name() {
        assert_eq!(
            followed("/a/link", "/b/real"),
            ("/b/real".into(), Some("link".into()))
        );
        assert_eq!(followed("/a/link/.", "/b/real"), ("/b/real/.".into(), None));
    }

    #[test]
    fn a_slash_behind_a_link_asks_for_what_it_leads_to() {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(folder.path()).unwrap();
        let at = |name: &str| format!("{}/{name}", root.display());
        fs::create_dir(at("real")).unwrap();
        std::os::unix::fs::symlink("real", at("link")).unwrap();
        let link = source(&at("link"), Follow::Nothing).unwrap();
        assert_eq!((link.path, link.found), (at("link"), File));
        let slash = source(&at("link/"), Follow::Nothing).unwrap();
        assert_eq!((slash.path, slash.found), (at("real/"), Directory));
        assert_eq!(slash.called.as_deref(), Some("link"));
        let followed = source(&at("link"), Follow::Links).unwrap();
        assert_eq!(
            (followed.path, followed.called),
            (at("real"), Some("link".into()))
        );
        assert_eq!(destination(&at("link")).unwrap().path, at("real"));
        std::os::unix::fs::symlink("round", at("round")).unwrap();
        let error = destination(&at("round")).unwrap_err().to_string();
        assert_eq!(error, format!("too many symlinks in {}", at("round")));
    }
}
