//! Which paths a rule leaves out: patterns, version control, editors, and what git ignores.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ::ignore::Match;
use ::ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::noise;
use crate::text::dockerignore::{BadPattern, Patterns};

/// What editors leave beside a file while they write it; Docker Compose never syncs these.
const EDITORS: &[&str] = &[
    "**/*___jb_old___",
    "**/*___jb_tmp___",
    "**/.idea/**",
    "**/.#*",
    "**/#*#",
    "**/4913",
    "**/*~",
    "**/.*.swp",
    "**/.*.swx",
    "**/.*.swo",
    "**/.*.swn",
    "**/.*.kate-swp",
    "**/*-go-tmp-umask",
];

/// Version control's own folder, wherever it lies.
const VERSION_CONTROL: &str = ".git";

/// A set of paths to leave out; each part has the folder that its paths are relative to.
#[derive(Clone, Default)]
pub struct Ignored {
    root: PathBuf,
    patterns: Vec<(PathBuf, Patterns)>,
    paths: Vec<PathBuf>,
    noise_below: Option<PathBuf>,
    git: Option<Arc<GitIgnores>>,
}

impl Ignored {
    /// What every `develop.watch` rule leaves out: editors' files and `.git`.
    pub fn by_editors(root: &Path) -> Self {
        let editors = Patterns::new(EDITORS.iter().copied()).unwrap_or_default();
        Self {
            root: root.to_path_buf(),
            patterns: vec![(root.to_path_buf(), editors)],
            ..Self::default()
        }
    }

    /// What a program could not mean by its source: see [`noise`], and what git ignores.
    pub fn noise(root: &Path) -> Self {
        Self {
            noise_below: Some(root.to_path_buf()),
            git: GitIgnores::above(root).map(Arc::new),
            ..Self::by_editors(root)
        }
    }

    /// Adds a path, with all that it holds.
    pub fn and_path(mut self, path: &Path) -> Self {
        self.paths.push(path.to_path_buf());
        self
    }

    /// Adds patterns in the form of `.dockerignore`, relative to `root`.
    ///
    /// # Errors
    /// A pattern that cannot be read.
    pub fn and<'a>(
        mut self,
        root: &Path,
        patterns: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, BadPattern> {
        self.patterns
            .push((root.to_path_buf(), Patterns::new(patterns)?));
        Ok(self)
    }

    /// Adds the `.dockerignore` of a build: the Dockerfile's own, else the context's.
    ///
    /// A `*` in it says that nothing is sent but what is named: for watching, its other patterns
    /// say nothing then, as in Docker Compose.
    ///
    /// # Errors
    /// A pattern that cannot be read.
    pub fn and_dockerignore(self, context: &Path, dockerfile: &str) -> Result<Self, BadPattern> {
        let own = context.join(format!("{dockerfile}.dockerignore"));
        let text = std::fs::read_to_string(own)
            .or_else(|_| std::fs::read_to_string(context.join(".dockerignore")));
        let Ok(text) = text else {
            return Ok(self);
        };
        let lines = || {
            text.trim_start_matches('\u{feff}')
                .lines()
                .map(str::trim)
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
        };
        match lines().any(|line| line == "*") {
            true => self.and(context, lines().filter(|line| line.starts_with('!'))),
            false => self.and(context, lines()),
        }
    }

    /// Whether a path is left out.
    pub fn matches(&self, path: &Path) -> bool {
        let inside = path.strip_prefix(&self.root).unwrap_or(path);
        inside
            .components()
            .any(|part| part.as_os_str() == VERSION_CONTROL)
            || self.paths.iter().any(|own| path.starts_with(own))
            || self.patterns.iter().any(|(root, patterns)| {
                below(path, root).is_some_and(|path| patterns.matches(&path))
            })
            || self
                .noise_below
                .as_ref()
                .is_some_and(|root| path.strip_prefix(root).is_ok_and(noise::is_noise))
            || self.git.as_ref().is_some_and(|git| git.matches(path))
    }

    /// Whether a folder is left out with all that it holds, so that it need not be watched.
    pub fn prunes(&self, folder: &Path) -> bool {
        let name = folder.file_name().unwrap_or_default();
        name == VERSION_CONTROL
            || self.paths.iter().any(|own| folder.starts_with(own))
            || self.patterns.iter().any(|(root, patterns)| {
                below(folder, root).is_some_and(|folder| {
                    patterns.matches(&folder) && !patterns.may_take_back_below(&folder)
                })
            })
            || (self.noise_below.is_some() && name.to_str().is_some_and(noise::is_noisy_folder))
            || self.git.as_ref().is_some_and(|git| git.matches(folder))
    }
}

/// A path relative to a folder above it, as patterns take it; none for the folder itself.
fn below(path: &Path, root: &Path) -> Option<String> {
    let rest = path.strip_prefix(root).ok()?.to_str()?;
    (!rest.is_empty()).then(|| rest.to_owned())
}

/// The `.gitignore` files of a work tree, each read when a path below it is first asked for.
pub struct GitIgnores {
    top: PathBuf,
    files: Mutex<HashMap<PathBuf, Option<Arc<Gitignore>>>>,
}

impl GitIgnores {
    /// Those of the work tree that a folder lies in; none outside of one.
    fn above(folder: &Path) -> Option<Self> {
        let top = folder
            .ancestors()
            .find(|ancestor| ancestor.join(VERSION_CONTROL).exists())?;
        Some(Self {
            top: top.to_path_buf(),
            files: Mutex::default(),
        })
    }

    /// Whether git ignores a path: the file nearest to it that has an opinion decides.
    fn matches(&self, path: &Path) -> bool {
        let is_folder = path.is_dir();
        for folder in path
            .ancestors()
            .skip(1)
            .take_while(|folder| folder.starts_with(&self.top))
        {
            let Some(file) = self.file(folder) else {
                continue;
            };
            match file.matched_path_or_any_parents(path, is_folder) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => {}
            }
        }
        false
    }

    fn file(&self, folder: &Path) -> Option<Arc<Gitignore>> {
        let mut files = self
            .files
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(known) = files.get(folder) {
            return known.clone();
        }
        let own = folder.join(VERSION_CONTROL).join("info/exclude");
        let paths: Vec<PathBuf> = [own, folder.join(".gitignore")]
            .into_iter()
            .filter(|path| path.is_file())
            .collect();
        let read = (!paths.is_empty()).then(|| {
            let mut builder = GitignoreBuilder::new(folder);
            for path in paths {
                // A line that cannot be read ignores nothing, as in git.
                let _ = builder.add(path);
            }
            builder.build().ok().map(Arc::new)
        });
        let read = read.flatten();
        files.insert(folder.to_path_buf(), read.clone());
        read
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn git_editors_and_own_patterns_are_left_out_of_a_sync_and_what_git_ignores_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join(".git")).unwrap();
        fs::write(root.join(".gitignore"), "dist/\n").unwrap();
        let ignored = Ignored::by_editors(root)
            .and(root, ["node_modules/", "*.tmp", "!keep.tmp"])
            .unwrap();
        let matches = |path: &str| ignored.matches(&root.join(path));
        assert!(matches(".git/index") && matches("sub/.git/index"));
        assert!(matches("app/.views.py.swp") && matches("a/views.py~"));
        assert!(matches("node_modules/x/y.js") && matches("a.tmp"));
        assert!(!matches("keep.tmp") && !matches("dist/app.js") && !matches(".gitignore"));
        assert!(ignored.prunes(&root.join("node_modules")) && !ignored.prunes(&root.join("dist")));
    }

    /// Docker Compose takes a `*` of `ignore` for nothing at all.
    #[test]
    fn a_star_leaves_all_out_but_what_is_taken_back() {
        let root = Path::new("/src");
        let all = Ignored::default().and(root, ["*"]).unwrap();
        assert!(all.matches(&root.join("a.py")) && all.matches(&root.join("sub/deep/b.py")));
        assert!(all.prunes(&root.join("sub")) && !all.matches(root));
        let some = Ignored::default().and(root, ["*", "!sub/*.py"]).unwrap();
        assert!(some.matches(&root.join("a.py")) && some.matches(&root.join("sub/b.txt")));
        assert!(!some.matches(&root.join("sub/b.py")) && !some.prunes(&root.join("sub")));
    }

    #[test]
    fn patterns_are_those_of_a_dockerignore() {
        let root = Path::new("/src");
        for (pattern, ignored, kept) in [
            ("*.tmp", "a.tmp", "sub/a.tmp"),
            ("**/*.tmp", "sub/a.tmp", "a.tmp.py"),
            ("cache", "cache/x/y", "sub/cache"),
            ("/cache/", "cache/x", "cached"),
            ("sub/?.py", "sub/a.py", "sub/ab.py"),
            ("sub/[a-c].py", "sub/b.py", "sub/d.py"),
            ("./a.py", "a.py", "sub/a.py"),
            ("sub/../a.py", "a.py", "sub/a.py"),
        ] {
            let only = Ignored::default().and(root, [pattern]).unwrap();
            assert!(only.matches(&root.join(ignored)), "{pattern}: {ignored}");
            assert!(!only.matches(&root.join(kept)), "{pattern}: {kept}");
        }
    }

    #[test]
    fn what_git_ignores_is_noise_to_a_bind_mount() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("app/dist")).unwrap();
        fs::create_dir(root.join(".git")).unwrap();
        fs::write(root.join(".gitignore"), "dist/\n*.gen.py\n").unwrap();
        fs::write(root.join("app/.gitignore"), "!kept.gen.py\n/local\n").unwrap();
        let ignored = Ignored::noise(&root.join("app"));
        let matches = |path: &str| ignored.matches(&root.join("app").join(path));
        assert!(
            matches("dist/app.js")
                && matches("a.gen.py")
                && matches("local")
                && matches("__pycache__/a.pyc")
        );
        assert!(!matches("kept.gen.py") && !matches("sub/local") && !matches("views.py"));
    }

    #[test]
    fn a_dockerignore_that_names_what_is_sent_ignores_nothing_here() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".dockerignore"), "# all\n*\n!src\n").unwrap();
        let ignored = Ignored::default()
            .and_dockerignore(folder.path(), "Dockerfile")
            .unwrap();
        assert!(!ignored.matches(&folder.path().join("other/a.py")));
        fs::write(folder.path().join("Dockerfile.dockerignore"), "other\n").unwrap();
        let ignored = Ignored::default()
            .and_dockerignore(folder.path(), "Dockerfile")
            .unwrap();
        assert!(ignored.matches(&folder.path().join("other/a.py")));
    }
}
