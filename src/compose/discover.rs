//! Phase 0: which files make up the project, and where its folder is.

use std::path::{Path, PathBuf};

use super::Request;
use super::context::{Context, Phase, Variables};
use super::node::Span;
use super::remote;
use super::sources::{absolute, display_path};
use crate::diagnostic::Diagnostic;
use crate::text::nearest::nearest;

/// The names of a compose file, the preferred first.
const NAMES: [&str; 4] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];

/// The names of the file that is put on top of it.
const OVERRIDES: [&str; 4] = [
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// The folder that relative paths and `.env` start from, as far as the files are known.
pub fn working_dir(request: &Request, files: &[PathBuf]) -> PathBuf {
    if let Some(dir) = request
        .project_directory
        .as_deref()
        .filter(|dir| !dir.is_empty())
    {
        return absolute(&request.cwd, dir);
    }
    let first = files.iter().find(|file| file.as_os_str() != "-");
    match first.and_then(|file| file.parent()) {
        Some(dir) => dir.to_owned(),
        None => request.cwd.clone(),
    }
}

/// The files that `-f` names.
pub fn asked(request: &Request) -> Vec<PathBuf> {
    let full = |file: &String| match file.as_str() {
        "-" => PathBuf::from("-"),
        file => absolute(&request.cwd, file),
    };
    request.files.iter().map(full).collect()
}

/// The files of the project: those of `-f`, else of `COMPOSE_FILE`, else those of the nearest
/// folder upwards that holds one.
pub fn files(cx: &mut Context<'_>, variables: &Variables) -> Phase<Vec<PathBuf>> {
    let request = cx.request;
    for file in &request.files {
        remote::refuse(cx, file, Span::default())?;
    }
    let asked = asked(request);
    if !asked.is_empty() {
        return Ok(asked);
    }
    let value = |key: &str| variables.get(key).map(|(value, _)| value.as_str());
    if let Some(list) = value("COMPOSE_FILE") {
        let list = listed(list, value("COMPOSE_PATH_SEPARATOR"));
        return from_variable(cx, &list);
    }
    let start = working_dir(request, &[]);
    for dir in start.ancestors() {
        let candidates = existing(dir, &NAMES);
        let Some(winner) = candidates.first().cloned() else {
            continue;
        };
        choose(cx, "compose files", &candidates);
        let overrides = existing(dir, &OVERRIDES);
        choose(cx, "override files", &overrides);
        return Ok([winner]
            .into_iter()
            .chain(overrides.into_iter().next())
            .collect());
    }
    let mut error = Diagnostic::error(format!(
        "no compose file in `{}` or in a folder above it",
        start.display()
    ));
    error = error.hint(format!("name one with `-f`, or create `{}`", NAMES[0]));
    cx.halt(error)
}

/// The files of `COMPOSE_FILE`. An address has colons of its own: unless something else separates,
/// it is the whole list.
pub fn listed(list: &str, separator: Option<&str>) -> Vec<String> {
    match separator.filter(|separator| !separator.is_empty()) {
        Some(separator) => list.split(separator).map(str::to_owned).collect(),
        None if remote::is_remote(list) => vec![list.to_owned()],
        None => list.split(':').map(str::to_owned).collect(),
    }
}

fn from_variable(cx: &mut Context<'_>, list: &[String]) -> Phase<Vec<PathBuf>> {
    let mut files = Vec::new();
    for file in list {
        remote::refuse(cx, file, Span::default())?;
        let full = match file.as_str() {
            "-" => PathBuf::from("-"),
            file => absolute(&cx.request.cwd, file),
        };
        if file != "-" && !full.exists() {
            let error = Diagnostic::error(format!("`COMPOSE_FILE` names `{file}`: no such file"))
                .hint("correct the variable in the shell or in `.env`");
            return cx.halt(error);
        }
        files.push(full);
    }
    Ok(files)
}

fn existing(dir: &Path, names: &[&str]) -> Vec<PathBuf> {
    let paths = names.iter().map(|name| dir.join(name));
    paths.filter(|path| path.exists()).collect()
}

fn choose(cx: &mut Context<'_>, what: &str, candidates: &[PathBuf]) {
    if let [winner, _, ..] = candidates {
        let shown = |path: &PathBuf| format!("`{}`", display_path(path, &cx.request.cwd));
        let names: Vec<String> = candidates.iter().map(shown).collect();
        let message = format!(
            "several {what}: {}; {} is taken",
            names.join(", "),
            shown(winner)
        );
        cx.warnings.push(Diagnostic::warning(message));
    }
}

/// What to do about a file that is not there.
pub fn nearby(path: &Path, cwd: &Path) -> Option<String> {
    let dir = path.parent()?;
    if !dir.is_dir() {
        return Some(format!("there is no folder `{}`", display_path(dir, cwd)));
    }
    let name = path.file_name()?.to_str()?;
    let others: Vec<String> = std::fs::read_dir(dir)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|other| other.ends_with(".yml") || other.ends_with(".yaml"))
        .collect();
    let near = nearest(name, others.iter().map(String::as_str))?;
    let near = display_path(&dir.join(near), cwd);
    Some(format!("did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_no_list_unless_something_else_separates() {
        assert_eq!(listed("a.yaml:b.yaml", None), ["a.yaml", "b.yaml"]);
        let address = "oci://localhost:5000/app:1";
        assert_eq!(listed(address, Some("")), [address]);
        let both = format!("{address};b.yaml");
        assert_eq!(listed(&both, Some(";")), [address, "b.yaml"]);
    }
}
