//! Files that mean more than themselves: those that the project is read from, and those that an
//! image is built from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::plan::fresh::takes;
use crate::project::{Project, Service};

/// Files that say what has to be installed: an image that copies one has to be built anew.
const DEPENDENCIES: &[&str] = &[
    "requirements*.txt",
    "constraints*.txt",
    "Pipfile",
    "Pipfile.lock",
    "pyproject.toml",
    "poetry.lock",
    "uv.lock",
    "pdm.lock",
    "setup.py",
    "setup.cfg",
    "environment.yml",
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "bun.lockb",
    "deno.json",
    "deno.lock",
    "Gemfile",
    "Gemfile.lock",
    "*.gemspec",
    "composer.json",
    "composer.lock",
    "go.mod",
    "go.sum",
    "Cargo.toml",
    "Cargo.lock",
    "mix.exs",
    "mix.lock",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "*.csproj",
    "packages.lock.json",
];

/// The files that a project is read from: compose files, `.env`, the services' `env_file`s.
///
/// `project` is as its files tell it: before the services' files were read into it.
pub fn of_project(project: &Project) -> BTreeSet<PathBuf> {
    let below = |path: &str| project.working_dir.join(path);
    let own = project.compose_files.iter().chain(&project.env_files);
    let mut files: BTreeSet<PathBuf> = own.map(|path| below(path)).collect();
    if project.env_files.is_empty() {
        files.insert(below(".env"));
    }
    for (name, service) in &project.services {
        files.extend(service.env_file.iter().map(|file| below(&file.path)));
        // What was included or extended was written elsewhere.
        for key in [
            "",
            "image",
            "build",
            "command",
            "environment",
            "volumes",
            "ports",
        ] {
            let path = ["services", name.as_str(), key];
            let path = &path[..if key.is_empty() { 2 } else { 3 }];
            let place = project.place(path);
            files.extend(place.map(|place| below(&place.file.path)));
        }
    }
    let real = |path: PathBuf| path.canonicalize().unwrap_or(path);
    let kept = files.into_iter().map(real);
    kept.filter(|path| path.is_file() || path.ends_with(".env"))
        .collect()
}

/// The Dockerfile of a service, and the files that say what is installed and that it copies.
pub fn of_image(service: &Service) -> BTreeSet<PathBuf> {
    let Some(build) = &service.build else {
        return BTreeSet::new();
    };
    let context = Path::new(&build.context);
    let dockerfile = context.join(match build.dockerfile.as_str() {
        "" => "Dockerfile",
        path => path,
    });
    let is_inline = !build.dockerfile_inline.is_empty();
    let text = match is_inline {
        true => Ok(build.dockerfile_inline.clone()),
        false => std::fs::read_to_string(&dockerfile),
    };
    // A context that is a URL has no files here.
    let Ok(text) = text else {
        return BTreeSet::new();
    };
    let named = build.additional_contexts.keys().cloned().collect();
    let args = build.args.iter();
    let args = args.filter_map(|(key, value)| Some((key.clone(), value.clone()?)));
    let takes = takes(&text, &build.target, &args.collect(), &named);
    let sources = takes.iter().filter(|take| take.context.is_none());
    let mut files: BTreeSet<PathBuf> = sources
        .flat_map(|take| &take.sources)
        .flat_map(|source| dependencies(&context.join(source.trim_start_matches('/'))))
        .collect();
    if !is_inline {
        files.insert(dockerfile);
    }
    let real = |path: PathBuf| path.canonicalize().unwrap_or(path);
    files.into_iter().map(real).collect()
}

/// The dependency files at a path, directly in it, or that it is a pattern for.
fn dependencies(path: &Path) -> Vec<PathBuf> {
    let folder = match path.is_dir() {
        true => path,
        false => path.parent().unwrap_or(path),
    };
    let is_meant = |name: &str| match path.is_dir() {
        true => true,
        false => path
            .file_name()
            .and_then(|pattern| pattern.to_str())
            .is_some_and(|pattern| is_like(pattern, name)),
    };
    let is_dependency = |name: &str| DEPENDENCIES.iter().any(|one| is_like(one, name));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_str();
            name.is_some_and(|name| is_dependency(name) && is_meant(name))
        })
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect()
}

/// Whether a name is matched by a pattern with at most one `*`.
fn is_like(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => {
            name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::project::Build;

    #[test]
    fn the_dockerfile_and_the_dependency_files_that_it_copies_make_an_image() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        for (name, text) in [
            (
                "Dockerfile",
                "FROM python:3\nCOPY requirements*.txt /app/\nCOPY web /web\nCOPY app.py /\n",
            ),
            ("requirements.txt", ""),
            ("requirements-dev.txt", ""),
            ("package.json", "{}"),
            ("app.py", ""),
            ("web/package.json", "{}"),
            ("web/index.js", ""),
        ] {
            fs::create_dir_all(top.join(name).parent().unwrap()).unwrap();
            fs::write(top.join(name), text).unwrap();
        }
        let service = Service {
            build: Some(Box::new(Build {
                context: top.display().to_string(),
                dockerfile: "Dockerfile".into(),
                ..Build::default()
            })),
            ..Service::default()
        };
        let expected = [
            "Dockerfile",
            "requirements-dev.txt",
            "requirements.txt",
            "web/package.json",
        ];
        assert_eq!(
            of_image(&service),
            expected.map(|name| top.join(name)).into()
        );
    }
}
