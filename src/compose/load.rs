//! The phases in their order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::context::{Context, Phase, Variables};
use super::decode::{self, decode};
use super::document::{Loader, Road, Scope};
use super::model::SECRET_CONTENT;
use super::node::{Entry, Map, Node, Span, Value};
use super::origins::LoadedOrigins;
use super::rules::Rules;
use super::{Request, consistency, discover, environment, normalize, substitute, unique, volumes};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::project::{Form, NameOrigin, Project, Provenance};

/// Loads a project: every file merged, its services turned on and off by profiles, checked. The
/// files that services name with `env_file` are read later, by [`super::resolve_files`].
///
/// # Errors
/// Everything that is wrong, as far as it can be told at once.
pub fn load(request: &Request) -> Result<Project, Diagnostics> {
    let mut cx = Context::new(request);
    match project(&mut cx) {
        Ok(project) => Ok(project),
        Err(_) => Err(cx.into_errors()),
    }
}

/// A loaded tree, before it becomes a project.
#[derive(Debug)]
pub struct Tree {
    /// The tree.
    pub root: Node,
    /// The project's name.
    pub name: String,
    /// What was odd while loading.
    pub warnings: Vec<Diagnostic>,
    /// Whether what the file leaves unsaid is said.
    normalized: bool,
}

/// Loads the tree only: what `config --no-interpolate` prints.
///
/// # Errors
/// As [`load`].
pub fn load_tree(request: &Request) -> Result<Tree, Diagnostics> {
    let mut cx = Context::new(request);
    match tree(&mut cx) {
        Ok(loaded) => Ok(Tree {
            root: loaded.tree,
            name: loaded.name,
            warnings: cx.warnings,
            normalized: request.options.normalize,
        }),
        Err(_) => Err(cx.into_errors()),
    }
}

/// Finds the project's name only: `-p` or `COMPOSE_PROJECT_NAME` without reading a compose file,
/// else the `name:` of one or its folder's name, without loading it further.
///
/// # Errors
/// A name that is none, no compose file, or one that is not YAML.
pub fn load_name(request: &Request) -> Result<String, Diagnostics> {
    let mut cx = Context::new(request);
    let found = start(&mut cx).and_then(|(files, scope)| {
        if let Some((name, _)) = asked_name(&mut cx, &scope.variables)? {
            return Ok(name);
        }
        let files = files.map_or_else(|| discover::files(&mut cx, &scope.variables), Ok)?;
        let mut loader = Loader::new(&mut cx);
        name(&mut loader, &files, &scope).map(|(name, _)| name)
    });
    found.map_err(|_| cx.into_errors())
}

/// A name as a project can bear it: lower case, of letters, digits, `-` and `_`, which cannot stand
/// at its start.
pub fn normalize_name(name: &str) -> String {
    let kept = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let name: String = name.to_lowercase().chars().filter(kept).collect();
    name.trim_start_matches(['-', '_']).to_owned()
}

impl Tree {
    /// What is printed: everything but the content of secrets.
    ///
    /// An empty list is printed as Docker Compose prints what it has not interpolated.
    pub fn printable(&self, form: Form) -> crate::project::Tree {
        let mut root = self.root.clone();
        let secrets = root.as_map_mut().and_then(|root| root.get_mut("secrets"));
        for secret in secrets
            .and_then(Node::as_map_mut)
            .into_iter()
            .flat_map(Map::iter_mut)
        {
            if let Some(secret) = secret.node.as_map_mut() {
                secret.remove(SECRET_CONTENT);
            }
        }
        let mut tree = to_tree(&root, form, Some(unique::indexes()));
        if self.normalized && form == Form::Json {
            resolved_lists_are_null(&mut tree);
        }
        tree
    }

    /// The names of the services.
    pub fn service_names(&self) -> Vec<String> {
        let services = self.root.get("services").and_then(Node::as_map);
        let services = services.into_iter().flat_map(Map::iter);
        services.map(|entry| entry.key.to_string()).collect()
    }

    /// Shows every text in it to a function.
    pub fn each_text(&self, mut see: impl FnMut(&str)) {
        visit(&self.root, &mut see);
    }
}

fn visit(node: &Node, see: &mut impl FnMut(&str)) {
    match &node.value {
        Value::Text(text) => see(text),
        Value::List(items) => items.iter().for_each(|item| visit(item, see)),
        Value::Map(map) => map.iter().for_each(|entry| visit(&entry.node, see)),
        _ => {}
    }
}

/// Where bare variables have been looked up, an empty list has become `null` in Docker Compose.
fn resolved_lists_are_null(tree: &mut crate::project::Tree) {
    use crate::project::Tree;
    fn get<'t>(tree: &'t mut Tree, key: &str) -> Option<&'t mut Tree> {
        match tree {
            Tree::Map(map) => map
                .iter_mut()
                .find(|(name, _)| name == key)
                .map(|(_, it)| it),
            _ => None,
        }
    }
    let Some(Tree::Map(services)) = get(tree, "services") else {
        return;
    };
    for (_, service) in services {
        for path in [&["environment"][..], &["build", "args"]] {
            let list = path
                .iter()
                .try_fold(&mut *service, |part, key| get(part, key));
            if let Some(list) = list.filter(|list| **list == Tree::List(Vec::new())) {
                *list = Tree::Null;
            }
        }
    }
}

/// A part of the tree as it is printed. In JSON an empty list is `null`, unless it is one of
/// those (`indexes`) that hold nothing twice.
pub(super) fn to_tree(
    node: &Node,
    form: Form,
    indexes: Option<&unique::Indexes>,
) -> crate::project::Tree {
    use crate::project::Tree;
    match &node.value {
        Value::Null => Tree::Null,
        Value::Bool(value) => Tree::Bool(*value),
        Value::Int(value) => Tree::Int(*value),
        Value::Uint(value) => Tree::Uint(*value),
        Value::Float(value) => Tree::Float(*value),
        Value::Text(text) | Value::Time(text) => Tree::Text(text.to_string()),
        Value::List(items)
            if items.is_empty()
                && form == Form::Json
                && indexes.and_then(Rules::rule).is_none() =>
        {
            Tree::Null
        }
        Value::List(items) => {
            let indexes = indexes.and_then(Rules::item);
            let items = items.iter().map(|item| to_tree(item, form, indexes));
            Tree::List(items.collect())
        }
        Value::Map(map) => {
            let entry = |entry: &Entry| {
                let indexes = indexes.and_then(|indexes| indexes.step(&entry.key));
                let value = to_tree(&entry.node, form, indexes);
                (entry.key.to_string().into(), value)
            };
            Tree::Map(map.iter().map(entry).collect())
        }
    }
}

struct Loaded {
    tree: Node,
    name: String,
    origin: NameOrigin,
    files: Vec<PathBuf>,
    scope: Scope,
}

/// The shell's variables and those of the environment files that are known before the compose
/// files are; with the compose files, where they are known already.
fn start(cx: &mut Context<'_>) -> Phase<(Option<Vec<PathBuf>>, Scope)> {
    let shell = environment::shell(cx);
    let asked = discover::asked(cx.request);
    let dir = discover::working_dir(cx.request, &asked);
    let env_files = environment::project_files(cx, &dir)?;
    let variables = environment::with_files(cx, &shell, &env_files)?;
    let files = (!asked.is_empty()).then_some(asked);
    Ok((files, scope(&dir, variables)))
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
    let (_, early) = start(cx)?;
    let files = discover::files(cx, &early.variables)?;
    let dir = discover::working_dir(cx.request, &files);
    cx.working_dir = dir.clone();
    let variables = match dir == early.disk {
        true => Arc::unwrap_or_clone(early.variables),
        false => {
            let env_files = environment::project_files(cx, &dir)?;
            environment::with_files(cx, &early.variables, &env_files)?
        }
    };
    let mut scope = scope(&dir, variables);
    let mut loader = Loader::new(cx);
    for file in &files {
        loader.parse(file, None)?;
    }
    let (name, origin) = name(&mut loader, &files, &scope)?;
    let nowhere = Span::default();
    if !loader.cx.request.options.interpolate {
        // What is not interpolated takes nothing from the environment either.
        scope.variables = Arc::default();
    }
    Arc::make_mut(&mut scope.variables)
        .insert("COMPOSE_PROJECT_NAME".to_owned(), (name.clone(), nowhere));
    let mut tree = loader.model(&files, &scope)?;
    if tree.as_map().is_none_or(Map::is_empty) {
        let shown = files
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

/// The name that `-p` or `COMPOSE_PROJECT_NAME` asks for.
fn asked_name(cx: &mut Context<'_>, variables: &Variables) -> Phase<Option<(String, NameOrigin)>> {
    let option = cx
        .request
        .project_name
        .as_deref()
        .filter(|name| !name.is_empty());
    let variable = variables.get("COMPOSE_PROJECT_NAME");
    let variable = variable.filter(|(name, _)| !name.is_empty());
    let (name, at) = match (option, variable) {
        (Some(name), _) => (name, Span::default()),
        (None, Some((name, at))) => (name.as_str(), *at),
        (None, None) => return Ok(None),
    };
    let normal = normalize_name(name);
    if normal == name {
        return Ok(Some((normal, NameOrigin::Asked)));
    }
    let mut error = Diagnostic::error(format!("`{name}` is no name for a project"))
        .at(cx.place(at))
        .hint("a name holds lower-case letters, digits, `-` and `_`, and begins with a letter or digit");
    if !normal.is_empty() {
        error = error.hint(format!("`{normal}` is one"));
    }
    cx.halt(error)
}

/// The project's name and where it came from.
fn name(
    loader: &mut Loader<'_, '_>,
    files: &[PathBuf],
    scope: &Scope,
) -> Phase<(String, NameOrigin)> {
    if let Some(asked) = asked_name(loader.cx, &scope.variables)? {
        return Ok(asked);
    }
    let mut written: Option<Node> = None;
    for file in files {
        let parsed = loader.parse(file, None)?;
        for document in &parsed.1 {
            let name = document.root.get("name").filter(|name| !name.is_null());
            written = name
                .filter(|name| name.as_text() != Some(""))
                .cloned()
                .or(written);
        }
    }
    let cx = &mut *loader.cx;
    if let Some(mut node) = written {
        if cx.request.options.interpolate {
            substitute::substitute(cx, &mut node, &scope.variables);
            cx.barrier()?;
        }
        let name = node.value.to_string();
        let name = match cx.request.options.normalize {
            true => normalize_name(&name),
            false => name,
        };
        return Ok((name, NameOrigin::File));
    }
    let dir = discover::working_dir(cx.request, files);
    let base = dir
        .file_name()
        .map(|base| base.to_string_lossy().into_owned())
        .unwrap_or_default();
    let real = dir.canonicalize().ok();
    let real = real
        .as_deref()
        .and_then(Path::file_name)
        .map(|real| real.to_string_lossy());
    if real.is_some_and(|real| real != base.as_str()) {
        let message = format!(
            "the project's folder is a symbolic link: the project is named after the link, `{base}`"
        );
        cx.warnings
            .push(Diagnostic::warning(message).hint("name it with `name:` or `-p`"));
    }
    Ok((normalize_name(&base), NameOrigin::Directory))
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
        compose_files: loaded
            .files
            .iter()
            .map(|file| file.to_string_lossy().into_owned())
            .collect(),
        env_files: environment::asked(cx)
            .iter()
            .map(|file| cx.request.cwd.join(file).to_string_lossy().into_owned())
            .collect(),
        environment: plain(&loaded.scope.variables),
        ..Project::default()
    };
    let root = loaded.tree.as_map().cloned().unwrap_or_default();
    for entry in root.iter() {
        match &*entry.key {
            "services" => project.services = section(cx, entry),
            "networks" => project.networks = section(cx, entry),
            "volumes" => project.volumes = section(cx, entry),
            "secrets" => project.secrets = section(cx, entry),
            "configs" => project.configs = section(cx, entry),
            "models" => project.models = section(cx, entry),
            key if key.starts_with("x-") => match decode(&entry.node) {
                Ok(value) => drop(project.extensions.0.insert(key.to_owned(), value)),
                Err(error) => cx.errors.push(wrong(cx, key, error, entry.at)),
            },
            _ => {}
        }
    }
    for secret in project.secrets.values_mut() {
        if let Some(serde_json::Value::String(content)) = secret.extensions.0.remove(SECRET_CONTENT)
        {
            secret.content = content;
        }
    }
    cx.barrier()?;
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
        cx.errors.extend(consistency::check(&project));
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

/// Decodes the entries of a section; what is wrong with one does not hide what is wrong with
/// another.
fn section<K, T>(cx: &mut Context<'_>, section: &Entry) -> BTreeMap<K, T>
where
    K: for<'k> From<&'k str> + Ord,
    T: for<'de> serde::Deserialize<'de>,
{
    let mut all = BTreeMap::new();
    for entry in section.node.as_map().into_iter().flat_map(Map::iter) {
        match decode(&entry.node) {
            Ok(value) => {
                all.insert(K::from(&entry.key), value);
            }
            Err(error) => {
                let path = format!("{}.{}", section.key, entry.key);
                undecodable::<T>(cx, entry, &path, error);
            }
        }
    }
    all
}

/// Notes every attribute of a resource that cannot be decoded, not only the first.
fn undecodable<T>(cx: &mut Context<'_>, resource: &Entry, path: &str, first: decode::Error)
where
    T: for<'de> serde::Deserialize<'de>,
{
    let before = cx.errors.len();
    for entry in resource.node.as_map().into_iter().flat_map(Map::iter) {
        let alone = [(Arc::clone(&entry.key), entry.node.clone())];
        if let Err(error) = decode::decode::<T>(&Node::map(alone, resource.node.at)) {
            let path = format!("{path}.{}", entry.key);
            cx.errors.push(wrong(cx, &path, error, entry.at));
        }
    }
    if cx.errors.len() == before {
        cx.errors.push(wrong(cx, path, first, resource.at));
    }
}

fn wrong(cx: &Context<'_>, path: &str, error: decode::Error, at: Span) -> Diagnostic {
    let message = format!("`{path}`: {}", error.message);
    let diagnostic = Diagnostic::error(message).at(cx.place(error.at.unwrap_or(at)));
    match error.message.rsplit_once(" is not a ") {
        Some((_, "size")) => diagnostic.hint("a number with a unit: `512m`, `2g`"),
        Some((_, "duration")) => diagnostic.hint("a number with a unit: `500ms`, `10s`, `1m30s`"),
        _ => diagnostic,
    }
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
