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
pub const NAMES: [&str; 4] = [
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

/// The files of a project, and the folders that follow from them.
#[derive(Clone, Debug)]
pub struct Files {
    /// In the order in which they are merged; `-` is standard input.
    pub paths: Vec<PathBuf>,
    /// Where `.env` lies, and what the project is named after.
    pub home: PathBuf,
    /// What relative paths start from: with files of another machine the folder of the first of
    /// them, whatever else is said, as in Docker Compose.
    pub base: PathBuf,
}

/// The folder that `--project-directory` names.
fn project_directory(request: &Request) -> Option<PathBuf> {
    let dir = request.project_directory.as_deref();
    let dir = dir.filter(|dir| !dir.is_empty())?;
    Some(absolute(&request.cwd, dir))
}

/// Finds files, and fetches those of other machines.
fn located(cx: &mut Context<'_>, names: &[String]) -> Phase<Files> {
    let request = cx.request;
    let mut home = project_directory(request);
    let mut base = None;
    let mut paths = Vec::new();
    for name in names {
        if name == "-" {
            paths.push(PathBuf::from(name));
            continue;
        }
        let parent = |path: &PathBuf| path.parent().map(Path::to_owned);
        let path = match remote::fetch(cx, name, Span::default())? {
            Some(fetched) => {
                base = base.or_else(|| parent(&fetched.file));
                // What was fetched has no `.env` for who fetches it.
                home.get_or_insert_with(|| request.cwd.clone());
                fetched.file
            }
            None => {
                let path = absolute(&request.cwd, name);
                home = home.or_else(|| parent(&path));
                path
            }
        };
        paths.push(path);
    }
    let home = home.unwrap_or_else(|| request.cwd.clone());
    let base = base.unwrap_or_else(|| home.clone());
    Ok(Files { paths, home, base })
}

/// The files that `-f` names.
pub fn asked(cx: &mut Context<'_>) -> Phase<Files> {
    located(cx, &cx.request.files)
}

/// The files of the project: those of `-f`, else of `COMPOSE_FILE`, else those of the nearest
/// folder upwards that holds one.
pub fn files(cx: &mut Context<'_>, asked: Files, variables: &Variables) -> Phase<Files> {
    if !asked.paths.is_empty() {
        return Ok(asked);
    }
    let value = |key: &str| variables.get(key).map(|(value, _)| value.as_str());
    if let Some(list) = value("COMPOSE_FILE") {
        let list = listed(list, value("COMPOSE_PATH_SEPARATOR"));
        return from_variable(cx, &list);
    }
    let paths = nearest_files(cx, &asked.home)?;
    let beside = paths.first().and_then(|file| file.parent());
    let home = match (project_directory(cx.request), beside) {
        (None, Some(dir)) => dir.to_owned(),
        _ => asked.home,
    };
    Ok(Files {
        paths,
        base: home.clone(),
        home,
    })
}

/// The compose file of a folder or of the nearest above it, and the one that is put on top.
fn nearest_files(cx: &mut Context<'_>, start: &Path) -> Phase<Vec<PathBuf>> {
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

fn from_variable(cx: &mut Context<'_>, list: &[String]) -> Phase<Files> {
    let files = located(cx, list)?;
    let is_missing = |(_, path): &(&String, &PathBuf)| path.as_os_str() != "-" && !path.exists();
    match list.iter().zip(&files.paths).find(is_missing) {
        None => Ok(files),
        Some((name, _)) => {
            let error = Diagnostic::error(format!("`COMPOSE_FILE` names `{name}`: no such file"))
                .hint("correct the variable in the shell or in `.env`");
            cx.halt(error)
        }
    }
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
