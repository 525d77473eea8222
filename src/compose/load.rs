//! The phases in their order.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::aside::set_aside;
use super::context::{Context, Phase, Variables};
use super::discover::Files;
use super::document::{Loader, Road, Scope};
use super::node::{Map, Node, Span};
use super::origins::LoadedOrigins;
use super::uninterpolated::Tree;
use super::{
    Request, consistency, discover, environment, normalize, project_name, sections, volumes,
};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::project::{NameOrigin, Project, Provenance};

/// Loads a project: every file merged, its services turned on and off by profiles, checked. The
/// files that services name with `env_file` are read later, by [`super::resolve_files`].
///
/// # Errors
/// Everything that is wrong, as far as it can be told at once.
pub fn load(request: &Request) -> Result<Project, Diagnostics> {
    let mut cx = Context::new(request);
    let outcome = project(&mut cx);
    cx.conclude(outcome)
}

/// Loads the tree only: what `config --no-interpolate` prints.
///
/// # Errors
/// As [`load`].
pub fn load_tree(request: &Request) -> Result<Tree, Diagnostics> {
    let mut cx = Context::new(request);
    let outcome = tree(&mut cx).map(|loaded| Tree {
        root: loaded.tree,
        name: loaded.name,
        warnings: std::mem::take(&mut cx.warnings),
        normalized: request.options.normalize,
    });
    cx.conclude(outcome)
}

/// Finds the project's name only: `-p` or `COMPOSE_PROJECT_NAME` without reading a compose file,
/// else the `name:` of one or its folder's name, without loading it further.
///
/// # Errors
/// A name that is none, no compose file, or one that is not YAML.
pub fn load_name(request: &Request) -> Result<String, Diagnostics> {
    let mut cx = Context::new(request);
    let found = start(&mut cx).and_then(|(asked, variables)| {
        if let Some((name, _)) = project_name::asked(&mut cx, &variables)? {
            return Ok(name);
        }
        let files = discover::files(&mut cx, asked, &variables)?;
        let mut loader = Loader::new(&mut cx);
        project_name::find(&mut loader, &files, &variables).map(|(name, _)| name)
    });
    cx.conclude(found)
}

struct Loaded {
    tree: Node,
    name: String,
    origin: NameOrigin,
    files: Files,
    scope: Scope,
}

/// The shell's variables and those of the environment files that are known before the compose
/// files are; and the compose files that are asked for.
fn start(cx: &mut Context<'_>) -> Phase<(Files, Variables)> {
    let shell = environment::shell(cx);
    let asked = discover::asked(cx)?;
    let env_files = environment::project_files(cx, &asked.home)?;
    let variables = environment::with_files(cx, &shell, &env_files)?;
    Ok((asked, variables))
}

fn scope(dir: &Path, variables: Variables) -> Scope {
    Scope {
        dir: dir.to_string_lossy().into_owned(),
        disk: dir.to_owned(),
        root: dir.to_owned(),
        variables: Arc::new(variables),
        road: Road::Whole,
        included: Vec::new(),
    }
}

fn tree(cx: &mut Context<'_>) -> Phase<Loaded> {
    let (asked, mut variables) = start(cx)?;
    let early = asked.home.clone();
    let files = discover::files(cx, asked, &variables)?;
    cx.working_dir = files.base.clone();
    if files.home != early {
        let env_files = environment::project_files(cx, &files.home)?;
        variables = environment::with_files(cx, &variables, &env_files)?;
    }
    let mut loader = Loader::new(cx);
    loader.parse_all(&files.paths)?;
    let (name, origin) = project_name::find(&mut loader, &files, &variables)?;
    let mut scope = scope(&files.base, variables);
    let nowhere = Span::default();
    if !loader.cx.request.options.interpolate {
        // What is not interpolated takes nothing from the environment either.
        scope.variables = Arc::default();
    }
    Arc::make_mut(&mut scope.variables)
        .insert("COMPOSE_PROJECT_NAME".to_owned(), (name.clone(), nowhere));
    let mut tree = loader.model(&files.paths, &scope)?;
    if tree.as_map().is_none_or(Map::is_empty) {
        let shown = files
            .paths
            .first()
            .map(|file| super::sources::display_path(file, &cx.request.cwd));
        let error = Diagnostic::error(format!("`{}` is empty", shown.unwrap_or_default()))
            .hint("a compose file begins with `services:`");
        return cx.halt(error);
    }
    if name.is_empty() {
        let error = Diagnostic::error("the project has no name")
            .hint("its folder's name holds no letter or digit: name it with `-p` or `name:`");
        return cx.halt(error);
    }
    if cx.request.options.normalize {
        normalize::normalize(&mut tree, &name, &scope.variables);
    }
    Ok(Loaded {
        tree,
        name,
        origin,
        files,
        scope,
    })
}

fn plain(variables: &Variables) -> BTreeMap<String, String> {
    let variables = variables.iter();
    variables
        .map(|(key, (value, _))| (key.clone(), value.clone()))
        .collect()
}

fn project(cx: &mut Context<'_>) -> Phase<Project> {
    let mut loaded = tree(cx)?;
    if let Some(root) = loaded.tree.as_map_mut() {
        root.remove("name");
    }
    let mut project = Project {
        name: loaded.name,
        name_origin: loaded.origin,
        working_dir: cx.working_dir.clone(),
        home: loaded.files.home,
        compose_files: loaded
            .files
            .paths
            .iter()
            .map(|file| file.to_string_lossy().into_owned())
            .collect(),
        remote_includes: std::mem::take(&mut cx.remote_includes),
        env_files: environment::asked(cx)
            .iter()
            .map(|file| cx.request.cwd.join(file).to_string_lossy().into_owned())
            .collect(),
        environment: plain(&loaded.scope.variables),
        ..Project::default()
    };
    if sections::read(cx, &loaded.tree, &mut project).is_err() {
        set_aside(cx, &mut loaded.tree)?;
        sections::read(cx, &loaded.tree, &mut project)?;
    }
    project.provenance = Provenance(Some(Arc::new(LoadedOrigins {
        tree: loaded.tree,
        sources: std::mem::take(&mut cx.sources),
        variables: std::mem::take(&mut cx.variables),
    })));
    let convert = project.environment.get("COMPOSE_CONVERT_WINDOWS_PATHS");
    if convert.is_some_and(|word| matches!(&*word.trim().to_lowercase(), "1" | "t" | "true")) {
        let mounts = project.services.values_mut();
        for mount in mounts.flat_map(|service| &mut service.volumes) {
            if let Some(path) = volumes::from_windows(&mount.source) {
                mount.source = path;
            }
        }
    }
    let profiles = profiles(cx.request, &project.environment);
    project = project.with_profiles(profiles);
    if cx.request.options.consistency {
        cx.errors.extend(consistency::check(&project, &cx.faulty));
        cx.barrier()?;
        for service in project.services.values_mut() {
            if let (Some(scale), Some(deploy)) = (service.scale, &mut service.deploy) {
                deploy.replicas = Some(scale);
            }
        }
    }
    project.warnings = std::mem::take(&mut cx.warnings);
    Ok(project)
}

/// The active profiles: `--profile`, else `COMPOSE_PROFILES`.
fn profiles(request: &Request, environment: &BTreeMap<String, String>) -> Vec<String> {
    if !request.profiles.is_empty() {
        return request.profiles.clone();
    }
    let listed = environment.get("COMPOSE_PROFILES").map(String::as_str);
    let listed = listed.unwrap_or_default().split(',').map(str::trim);
    listed
        .filter(|profile| !profile.is_empty())
        .map(str::to_owned)
        .collect()
}
