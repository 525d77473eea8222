//! `dco config`: the project as dco understands it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::work::Fingerprints;
use super::{Context, digests};
use crate::compose::{self, Options, Request};
use crate::convert::{Platforms, build_platforms};
use crate::diagnostic::Diagnostic;
use crate::hash;
use crate::name::ServiceName;
use crate::project::{Along, Form, Project, Render, Service, Tree};
use crate::report;

/// Parse, resolve and print the project
#[derive(Debug, Default, clap::Args)]
#[command(
    after_help = "Examples:\n  dco config --format json\n  dco config --services\n  dco config -q && echo fine"
)]
pub struct Args {
    /// Only these services, and what they depend on
    #[arg(value_name = "SERVICE")]
    services_wanted: Vec<String>,

    /// Print the variables that interpolation has
    #[arg(long)]
    environment: bool,

    /// Format of the output: yaml or json
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,

    /// Print the config hash of these services, separated by commas, or of all: `*`
    #[arg(long, value_name = "SERVICES")]
    hash: Option<String>,

    /// Print the images, one per line
    #[arg(long)]
    images: bool,

    /// Print an override file that pins every image to its digest
    #[arg(long)]
    lock_image_digests: bool,

    /// Print the models, one per line
    #[arg(long)]
    models: bool,

    /// Print the networks, one per line
    #[arg(long)]
    networks: bool,

    /// Do not check that services agree with each other
    #[arg(long)]
    no_consistency: bool,

    /// Do not read the files that `env_file` names
    #[arg(long)]
    no_env_resolution: bool,

    /// Do not replace variables
    #[arg(long)]
    no_interpolate: bool,

    /// Do not say what the file leaves unsaid
    #[arg(long)]
    no_normalize: bool,

    /// Do not make paths absolute
    #[arg(long)]
    no_path_resolution: bool,

    /// Write behind each value where it comes from
    #[arg(long)]
    origin: bool,

    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,

    /// Print the profiles, one per line
    #[arg(long)]
    profiles: bool,

    /// Print nothing: only say what is wrong
    #[arg(short, long)]
    quiet: bool,

    /// Pin images to digests
    #[arg(long)]
    resolve_image_digests: bool,

    /// Print the services, one per line
    #[arg(long)]
    services: bool,

    /// Print the variables of the files, with their defaults
    #[arg(long)]
    variables: bool,

    /// Print the volumes, one per line
    #[arg(long)]
    volumes: bool,
}

/// Prints the project, or the part of it that is asked for.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    warn_of_unused_names(args, cx);
    let text = match part(args) {
        Some(part) => part(args, cx)?,
        None if args.no_interpolate => tree(args, cx)?,
        None => project(args, cx).await?,
    };
    match &args.output {
        _ if args.quiet => {}
        Some(path) if part(args).is_none() => std::fs::write(path, text)?,
        _ => report::print(&text)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Says that names on the command line choose nothing of what is printed.
fn warn_of_unused_names(args: &Args, cx: &Context) {
    let flag = match (args.variables, args.no_interpolate) {
        _ if args.services_wanted.is_empty() => return,
        (true, _) => "--variables",
        (false, true) if part(args).is_none() => "--no-interpolate",
        _ => return,
    };
    cx.reporter().show(&Diagnostic::warning(format!(
        "service filtering is not applied when {flag} is set"
    )));
}

type Part = fn(&Args, &Context) -> Result<String>;

/// What the flags ask for instead of the whole; the first of several counts.
fn part(args: &Args) -> Option<Part> {
    let parts: [(bool, Part); 9] = [
        (args.services, services),
        (args.volumes, |args, cx| {
            keys(args, cx, |project| {
                project.volumes.keys().cloned().collect()
            })
        }),
        (args.networks, |args, cx| {
            keys(args, cx, |project| {
                project.networks.keys().cloned().collect()
            })
        }),
        (args.models, models),
        (args.hash.is_some(), hashes),
        (args.profiles, profiles),
        (args.images, images),
        (args.variables, variables),
        (args.environment, environment),
    ];
    parts
        .iter()
        .find(|(asked, _)| *asked)
        .map(|(_, part)| *part)
}

fn request(args: &Args, cx: &Context) -> Result<Request> {
    let mut request = cx.load_request()?;
    request.options = Options {
        interpolate: !args.no_interpolate,
        normalize: !args.no_normalize && !cx.globals.compatibility,
        resolve_paths: !args.no_path_resolution,
        consistency: !args.no_consistency,
    };
    Ok(request)
}

/// The project with the services that are asked for, its env files unread.
fn load(args: &Args, cx: &Context, names: &[String]) -> Result<Project> {
    let project = cx
        .load_with(&request(args, cx)?)?
        .select(names, Along::Dependencies)?;
    Ok(match cx.globals.all_resources {
        true => project,
        false => project.without_unused(),
    })
}

async fn project(args: &Args, cx: &Context) -> Result<String> {
    let mut project = load(args, cx, &args.services_wanted)?;
    let cwd = cx.load_request()?.cwd;
    match args.no_env_resolution {
        true => compose::resolve_labels(&mut project, &cwd)?,
        false => compose::resolve_files(&mut project, &cwd)?,
    }
    compose::drop_label_files(&mut project);
    if !args.no_consistency {
        compose::container_names(&project)?;
    }
    if args.resolve_image_digests || args.lock_image_digests {
        digests::resolve(&mut project, &cx.engine()?).await?;
    }
    if args.lock_image_digests {
        project = digests::only_images(project);
    }
    let text = match args.format.as_deref() {
        // What nobody sees is not written either.
        None | Some("yaml" | "json") if args.quiet => return Ok(String::new()),
        None | Some("yaml") if args.origin => {
            let note = |path: &[&str]| {
                let origin = project.origin(path);
                Some(origin.unwrap_or_default().to_string())
            };
            compose::emit::annotated(&project.render(Form::Yaml), &note)
        }
        None | Some("yaml") => compose::emit::yaml(&project.render(Form::Yaml)),
        Some("json") => crate::project::json(&project.render(Form::Json)),
        Some(other) => bail!("unsupported format `{other}`: it is `yaml` or `json`"),
    };
    Ok(text.replace('$', "$$"))
}

/// The tree with its variables in it.
fn tree(args: &Args, cx: &Context) -> Result<String> {
    let tree = load_tree(args, cx)?;
    Ok(match args.format.as_deref() {
        None | Some("yaml") => compose::emit::yaml(&tree.printable(Form::Yaml)),
        Some("json") => crate::project::json(&tree.printable(Form::Json)),
        Some(other) => bail!("unsupported format `{other}`: it is `yaml` or `json`"),
    })
}

fn load_tree(args: &Args, cx: &Context) -> Result<compose::Tree> {
    let mut request = request(args, cx)?;
    request.options.interpolate = false;
    let tree = compose::load_tree(&request)?;
    for warning in &tree.warnings {
        cx.reporter().show(warning);
    }
    Ok(tree)
}

fn lines<T: std::fmt::Display>(lines: impl IntoIterator<Item = T>) -> String {
    lines.into_iter().map(|line| format!("{line}\n")).collect()
}

fn services(args: &Args, cx: &Context) -> Result<String> {
    if args.no_interpolate {
        return Ok(lines(load_tree(args, cx)?.service_names()));
    }
    Ok(lines(load(args, cx, &[])?.services.keys()))
}

fn keys(args: &Args, cx: &Context, keys: fn(&Project) -> Vec<String>) -> Result<String> {
    Ok(lines(keys(&load(args, cx, &[])?)))
}

fn models(args: &Args, cx: &Context) -> Result<String> {
    let project = load(args, cx, &[])?;
    let models = project.models.values().map(|model| &model.model);
    Ok(lines(models.filter(|model| !model.is_empty())))
}

fn hashes(args: &Args, cx: &Context) -> Result<String> {
    let names: Vec<String> = match args.hash.as_deref().unwrap_or("*") {
        "*" => Vec::new(),
        list => list.split(',').map(str::to_owned).collect(),
    };
    let form = Fingerprints::choose(cx)?.form();
    let mut project = load(args, cx, &[])?.select(&names, Along::Nothing)?;
    let cwd = cx.load_request()?.cwd;
    // The label of a container counts its env files; Compose 2 forgets them here.
    match form {
        hash::HashForm::Five if !args.no_env_resolution => {
            compose::resolve_files(&mut project, &cwd)?;
        }
        _ => compose::resolve_labels(&mut project, &cwd)?,
    }
    compose::drop_label_files(&mut project);
    fix_platforms(&mut project)?;
    let names: BTreeSet<&str> = project.services.keys().map(|name| &**name).collect();
    let mut text = String::new();
    for name in names {
        let Some(service) = project.services.get(name) else {
            return Err(Diagnostic::error(format!("no such service: {name}")).into());
        };
        text.push_str(&format!("{name} {}\n", hash::service(service, form)));
    }
    Ok(text)
}

/// Fixes the platform of what is built, as Docker Compose does before it hashes.
fn fix_platforms(project: &mut Project) -> Result<(), Diagnostic> {
    let default = project.environment.get("DOCKER_DEFAULT_PLATFORM").cloned();
    let built = project.services.iter();
    let built = built.filter(|(_, service)| service.build.is_some());
    for name in built.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
        build_platforms(project, &name, Platforms::ToRun)?;
        if let (Some(service), Some(default)) = (project.services.get_mut(&name), &default)
            && service.platform.is_empty()
        {
            service.platform.clone_from(default);
        }
    }
    Ok(())
}

fn profiles(args: &Args, cx: &Context) -> Result<String> {
    let project = load(args, cx, &args.services_wanted)?;
    let all = project
        .services
        .values()
        .chain(project.disabled_services.values());
    let names: BTreeSet<&String> = all.flat_map(|service| &service.profiles).collect();
    Ok(lines(names))
}

fn images(args: &Args, cx: &Context) -> Result<String> {
    let project = load(args, cx, &args.services_wanted)?;
    let image = |(name, service): (&ServiceName, &Service)| match service.image.is_empty() {
        true => project.naming.join(&[&project.name, name]),
        false => service.image.clone(),
    };
    Ok(lines(project.services.iter().map(image)))
}

fn environment(args: &Args, cx: &Context) -> Result<String> {
    let project = load(args, cx, &args.services_wanted)?;
    let mut all: Vec<String> = project
        .environment
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    all.sort();
    Ok(lines(all))
}

/// What is indented by two, as Docker Compose indents here.
fn indent_by_four(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let depth = line.len() - line.trim_start_matches(' ').len();
        format!("{:depth$}{line}\n", "")
    });
    lines.collect()
}

/// The variables of the files as a table, or as JSON or YAML.
fn variables(args: &Args, cx: &Context) -> Result<String> {
    let mut variables = BTreeMap::new();
    load_tree(args, cx)?.each_text(|text| compose::interpolate::variables(text, &mut variables));
    match args.format.as_deref() {
        Some(format @ ("json" | "yaml")) => {
            let entries = variables.iter().map(|(name, variable)| {
                let fields = [
                    ("Name", name.clone()),
                    ("DefaultValue", variable.default.clone()),
                    ("PresenceValue", variable.alternate.clone()),
                ];
                let mut fields: Vec<_> = fields
                    .into_iter()
                    .map(|(key, value)| (key.into(), Tree::Text(value)))
                    .collect();
                fields.push(("Required".into(), Tree::Bool(variable.required)));
                let key = |key: std::borrow::Cow<'static, str>| match format {
                    "yaml" => key.to_lowercase().into(),
                    _ => key,
                };
                let fields = fields.into_iter().map(|(name, value)| (key(name), value));
                (name.clone().into(), Tree::Fields(fields.collect()))
            });
            let tree = Tree::Map(entries.collect());
            Ok(match format {
                "yaml" => indent_by_four(&compose::emit::yaml(&tree)),
                _ => indent_by_four(&crate::project::json(&tree)) + "\n",
            })
        }
        _ => {
            let rows = variables.into_iter().map(|(name, variable)| {
                vec![
                    name,
                    variable.required.to_string(),
                    variable.default,
                    variable.alternate,
                ]
            });
            let headers = ["NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE"];
            Ok(report::table::section(&headers, rows))
        }
    }
}
