//! Whether an image is what its build would make now: which files a Dockerfile takes, and what of
//! it changed since. Pure; the files are read by `engine`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::dockerfile::{Instruction, Stage, stages, stood_on};
use crate::project::Mapping;
use crate::text::dockerignore::Patterns;
use crate::text::path::clean;

/// What an image was built from, as dco remembers it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// The Dockerfile's name, for messages.
    pub dockerfile: String,
    /// The digest of its text.
    pub text: String,
    /// The stage.
    pub target: String,
    /// The digests of the arguments' values, which may be secrets.
    pub args: BTreeMap<String, String>,
    /// The files that its steps take.
    pub files: BTreeMap<String, Mark>,
    /// Dockerfiles beside it that are not built: their edits are told.
    pub others: BTreeMap<String, Mark>,
}

/// One file, as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub modified: i128,
    /// Kind and permissions.
    pub mode: u32,
    /// The digest of its content, or what it links to.
    pub content: String,
}

impl Mark {
    /// Whether it is the same file by what the directory says of it: its content need not be read.
    pub fn looks_like(&self, other: &Self) -> bool {
        (self.size, self.modified, self.mode) == (other.size, other.modified, other.mode)
    }

    fn holds_the_same_as(&self, other: &Self) -> bool {
        (&self.content, self.mode) == (&other.content, other.mode)
    }
}

/// What of a build's input is not what the image was made from; the first thing that differs.
pub fn changed(then: &Recipe, now: &Recipe) -> Option<String> {
    if then.text != now.text || then.dockerfile != now.dockerfile {
        return Some(now.dockerfile.clone());
    }
    if then.target != now.target {
        return Some("target".to_owned());
    }
    if then.args != now.args {
        return Some("args".to_owned());
    }
    let paths: BTreeSet<&String> = then.files.keys().chain(now.files.keys()).collect();
    let differs = |path: &&&String| match (then.files.get(**path), now.files.get(**path)) {
        (Some(then), Some(now)) => !then.holds_the_same_as(now),
        _ => true,
    };
    paths.iter().find(differs).map(|path| (**path).clone())
}

/// A Dockerfile that was edited although it is not the one that is built.
pub fn edited_in_vain(then: &Recipe, now: &Recipe) -> Option<String> {
    let other = now.others.iter().find(|(path, mark)| {
        let before = then.others.get(*path);
        before.is_some_and(|before| !before.holds_the_same_as(mark))
    });
    other.map(|(path, _)| path.clone())
}

/// What one step takes of a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Take {
    /// The named context; none for the main one.
    pub context: Option<String>,
    /// Paths and patterns from the context's root.
    pub sources: Vec<String>,
    /// Where they go in the image that comes out; none where they do not, or nobody knows.
    pub destination: Option<String>,
    /// The commands that run after it in its stage.
    pub used_by: String,
}

/// A folder of this machine that is mounted over a path of the container, both relative to the
/// build's context: see [`Taking::counts`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shadow {
    /// The mounted folder or file, from the context's root; `.` for the root itself.
    pub source: String,
    /// The path in the container.
    pub target: String,
}

/// What the steps of a build take of its contexts.
pub fn takes(
    dockerfile: &str,
    target: &str,
    args: &Mapping,
    named: &BTreeSet<String>,
) -> Vec<Take> {
    let stages = stages(dockerfile, args);
    let indices = stood_on(&stages, target);
    let last = indices.last().copied();
    let mut takes = Vec::new();
    for index in indices {
        for step in 0..stages[index].steps.len() {
            takes.extend(take(&stages[index], step, Some(index) == last, named));
        }
    }
    takes
}

fn take(stage: &Stage, step: usize, is_last: bool, named: &BTreeSet<String>) -> Vec<Take> {
    let context = |from: &Option<String>| match from {
        None => Some(None),
        Some(name) if named.contains(name) => Some(Some(name.clone())),
        // Another stage, or an image.
        Some(_) => None,
    };
    let used_by = || {
        let later = stage.steps[step + 1..].iter();
        let commands = later.filter_map(|step| match step {
            Instruction::Run { command, .. } => Some(command.as_str()),
            Instruction::Copy { .. } => None,
        });
        commands.collect::<Vec<_>>().join("\n")
    };
    match &stage.steps[step] {
        Instruction::Copy {
            from,
            sources,
            destination,
        } => context(from)
            .map(|context| Take {
                context,
                sources: sources.clone(),
                destination: destination.clone().filter(|_| is_last),
                used_by: used_by(),
            })
            .into_iter()
            .collect(),
        Instruction::Run { command, binds } => binds
            .iter()
            .filter_map(|(from, source)| {
                Some(Take {
                    context: context(from)?,
                    sources: vec![source.clone()],
                    destination: None,
                    used_by: command.clone(),
                })
            })
            .collect(),
    }
}

/// Files by which programs install what a project needs: a command after they were copied may read
/// them without naming them.
const MANIFESTS: [&str; 27] = [
    "Cargo.lock",
    "Cargo.toml",
    "Gemfile",
    "Gemfile.lock",
    "Makefile",
    "Pipfile",
    "Pipfile.lock",
    "build.gradle",
    "bun.lockb",
    "composer.json",
    "composer.lock",
    "constraints.txt",
    "deno.lock",
    "go.mod",
    "go.sum",
    "mix.exs",
    "mix.lock",
    "package-lock.json",
    "package.json",
    "pnpm-lock.yaml",
    "poetry.lock",
    "pom.xml",
    "pyproject.toml",
    "requirements.txt",
    "setup.cfg",
    "setup.py",
    "yarn.lock",
];

/// What a step takes, made ready to be asked for many files.
pub struct Taking<'a> {
    take: &'a Take,
    sources: Vec<Brought>,
}

/// One source of a step.
struct Brought {
    /// From the context's root, cleaned.
    root: String,
    /// What it stands for, where it is a pattern.
    pattern: Option<Patterns>,
}

impl Brought {
    fn new(source: &str) -> Self {
        let root = clean(source.trim_start_matches('/'));
        let pattern = match root.contains(['*', '?', '[', '\\']) {
            true => Patterns::new([root.as_str()]).ok(),
            false => None,
        };
        Self { root, pattern }
    }

    fn brings(&self, path: &str) -> bool {
        match &self.pattern {
            Some(pattern) => pattern.matches(path),
            None => below(&self.root, path).is_some(),
        }
    }
}

impl<'a> Taking<'a> {
    /// Makes a step's sources ready.
    pub fn new(take: &'a Take) -> Self {
        let sources = take.sources.iter();
        Self {
            sources: sources.map(|source| Brought::new(source)).collect(),
            take,
        }
    }

    /// Whether an edit of a file of the context changes what the container shows or what the build
    /// made: not where a mount puts that same file over its copy, and no later command read it; nor
    /// what version control keeps for itself, unless the step names it.
    pub fn counts(&self, path: &str, shadows: &[Shadow]) -> bool {
        let mut sources = self.sources.iter();
        let Some(source) = sources.find(|source| source.brings(path)) else {
            return false;
        };
        if is_bookkeeping(path) && !is_bookkeeping(&source.root) {
            return false;
        }
        let Some(inside) = self.inside(source, path) else {
            return true;
        };
        let shadowed = shadows.iter().any(|shadow| {
            let rest = below(&shadow.target, &inside);
            rest.is_some_and(|rest| joined(&shadow.source, rest) == path)
        });
        !shadowed || self.is_read_later(source, path)
    }

    /// The path in the container.
    fn inside(&self, source: &Brought, path: &str) -> Option<String> {
        let destination = self.take.destination.as_deref()?;
        let root = &source.root;
        let name = path.rsplit('/').next().unwrap_or(path);
        let rest = match source.pattern {
            // What a pattern matches goes by its own name, where it is a file.
            Some(_) => name,
            None if root == path => match destination.ends_with('/') || self.sources.len() > 1 {
                true => name,
                false => "",
            },
            // The content of a folder is copied, not the folder.
            None => below(root, path)?,
        };
        Some(joined(&clean(destination), rest))
    }

    /// Whether a command after the step may have read the file.
    fn is_read_later(&self, source: &Brought, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let used_by = &self.take.used_by;
        !used_by.is_empty()
            && (source.root == path || MANIFESTS.contains(&name) || used_by.contains(name))
    }
}

/// The folders in which version control keeps its own: they change without the source.
fn is_bookkeeping(path: &str) -> bool {
    path.split('/')
        .any(|part| matches!(part, ".git" | ".hg" | ".svn"))
}

/// The rest of a path below a folder; the folder itself gives the empty rest.
fn below<'a>(folder: &str, path: &'a str) -> Option<&'a str> {
    if folder == "." {
        return Some(path);
    }
    let rest = path.strip_prefix(folder.trim_end_matches('/'))?;
    match rest.strip_prefix('/') {
        Some(rest) => Some(rest),
        None => rest.is_empty().then_some(""),
    }
}

fn joined(folder: &str, rest: &str) -> String {
    match (folder, rest) {
        (".", rest) => rest.to_owned(),
        (folder, "") => folder.to_owned(),
        ("/", rest) => format!("/{rest}"),
        (folder, rest) => format!("{folder}/{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(dockerfile: &str) -> Vec<Take> {
        takes(dockerfile, "", &Mapping::new(), &BTreeSet::new())
    }

    fn counts(dockerfile: &str, path: &str) -> bool {
        let mounted = [Shadow {
            source: ".".into(),
            target: "/app".into(),
        }];
        let takes = all(dockerfile);
        takes
            .iter()
            .any(|take| Taking::new(take).counts(path, &mounted))
    }

    #[test]
    fn what_is_mounted_over_its_own_copy_does_not_count_unless_a_command_read_it() {
        let django = "FROM python:3\nWORKDIR /app\nCOPY requirements.txt /app/\n\
                      RUN pip install -r requirements.txt\nCOPY . .\n";
        assert!(counts(django, "requirements.txt"));
        assert!(!counts(django, "app/views.py"));
        assert!(!counts(django, "manage.py"));
        let all_at_once = "FROM python:3\nCOPY . /app\nRUN pip install -r /app/deps/base.txt\n";
        assert!(counts(all_at_once, "deps/base.txt"));
        assert!(!counts(all_at_once, "views.py"));
        let node = "FROM node\nWORKDIR /app\nCOPY . .\nRUN npm ci\n";
        assert!(counts(node, "package.json"));
        assert!(!counts(node, "src/index.js"));
    }

    #[test]
    fn what_is_not_mounted_at_the_same_place_counts() {
        assert!(counts("FROM a\nCOPY . /srv\n", "views.py"));
        assert!(counts("FROM a\nCOPY sub /app\n", "sub/x"));
        assert!(!counts("FROM a\nCOPY sub /app/sub\n", "sub/x"));
        assert!(counts("FROM a\nCOPY entry.sh /usr/bin/\n", "entry.sh"));
        assert!(!counts("FROM a\nCOPY entry.sh /usr/bin/\n", "other"));
        assert!(counts(
            "FROM a AS b\nCOPY . /app\nFROM a\nCOPY --from=b /app /app\n",
            "x"
        ));
    }

    #[test]
    fn what_version_control_keeps_for_itself_counts_only_where_it_is_named() {
        assert!(!counts("FROM a\nCOPY . /srv\n", ".git/index"));
        assert!(counts("FROM a\nCOPY . /srv\n", ".gitignore"));
        assert!(counts("FROM a\nCOPY .git/HEAD /srv\n", ".git/HEAD"));
    }

    #[test]
    fn only_the_stages_that_the_target_stands_on_are_looked_at() {
        let text = "FROM a AS base\nCOPY base /\nFROM base AS dev\nCOPY dev /\n\
                    FROM a AS other\nCOPY other /\nFROM dev AS prod\nCOPY --from=other /x /\nCOPY prod /\n";
        let sources = |target: &str| {
            let takes = takes(text, target, &Mapping::new(), &BTreeSet::new());
            let sources = takes.into_iter().flat_map(|take| take.sources);
            sources.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(sources("dev"), "base dev");
        assert_eq!(sources("DEV"), "base dev");
        assert_eq!(sources("2"), "other");
        assert_eq!(sources(""), "base dev other prod");
        assert_eq!(sources("nowhere"), "");
    }

    #[test]
    fn bind_mounts_of_run_are_taken_and_named_contexts_told_apart() {
        let text = "FROM a\nRUN --mount=type=bind,source=go.mod,target=go.mod go build\n\
                    RUN --mount=type=bind,from=docs,src=/x,dst=/x true\n\
                    RUN --mount=type=bind,from=stage,src=y,dst=/y true\n\
                    RUN --mount=type=cache,target=/c --mount=type=bind,target=/all make\n";
        let named = BTreeSet::from(["docs".to_owned()]);
        let takes = takes(text, "", &Mapping::new(), &named);
        let told: Vec<_> = takes
            .iter()
            .map(|take| (take.context.as_deref(), take.sources.join(" ")))
            .collect();
        assert_eq!(
            told,
            [
                (None, "go.mod".to_owned()),
                (Some("docs"), "/x".to_owned()),
                (None, ".".to_owned())
            ]
        );
    }

    #[test]
    fn the_first_thing_that_differs_is_named() {
        let mark = |content: &str, modified| Mark {
            size: 1,
            modified,
            mode: 0o644,
            content: content.into(),
        };
        let then = Recipe {
            dockerfile: "Dockerfile".into(),
            text: "t".into(),
            files: [
                ("a".to_owned(), mark("1", 1)),
                ("b".to_owned(), mark("2", 2)),
            ]
            .into(),
            others: [("Dockerfile.prod".to_owned(), mark("p", 1))].into(),
            ..Recipe::default()
        };
        assert_eq!(changed(&then, &then.clone()), None);
        let mut now = then.clone();
        now.files.insert("a".into(), mark("1", 99));
        assert_eq!(changed(&then, &now), None, "touched, not changed");
        now.files.insert("b".into(), mark("x", 2));
        assert_eq!(changed(&then, &now).as_deref(), Some("b"));
        now.args.insert("A".into(), "digest".into());
        assert_eq!(changed(&then, &now).as_deref(), Some("args"));
        now.text = "other".into();
        assert_eq!(changed(&then, &now).as_deref(), Some("Dockerfile"));
        let mut new_file = then.clone();
        new_file.files.insert("c".into(), mark("", 1));
        assert_eq!(changed(&then, &new_file).as_deref(), Some("c"));
        assert_eq!(edited_in_vain(&then, &new_file), None);
        new_file
            .others
            .insert("Dockerfile.prod".into(), mark("q", 2));
        assert_eq!(
            edited_in_vain(&then, &new_file).as_deref(),
            Some("Dockerfile.prod")
        );
    }
}
