//! `dco pull`: brings the images of services here, each once.

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use futures_util::StreamExt;
use futures_util::stream;

use super::Context;
use super::image_run::ImageRun;
use super::work::Quiet;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::engine::Engine;
use crate::event::{Event, Events, Resource, Status};
use crate::execute::{Carrier, platform};
use crate::name::ServiceName;
use crate::project::{Along, Project, Service};
use crate::report;
use crate::text::reference::Reference;

/// Pull the images of services
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  dco pull db\n  dco pull --policy missing --ignore-buildable")]
pub struct Args {
    /// Leave out images that can be built
    #[arg(long)]
    ignore_buildable: bool,

    /// Pull what can be pulled, and do not fail for the others
    #[arg(long)]
    ignore_pull_failures: bool,

    /// Also the services that these depend on
    #[arg(long)]
    include_deps: bool,

    /// When to pull, instead of as the file says: missing or always
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,

    /// No progress of layers
    #[arg(short, long)]
    quiet: bool,

    #[arg(long, hide = true)]
    parallel: bool,

    #[arg(long, hide = true)]
    no_parallel: bool,

    /// Only these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// Sorts the services, then pulls what is left of them side by side.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    args.warn_of_the_past(cx);
    let project = args.project(cx)?;
    let engine = cx.engine()?;
    let quiet = Quiet {
        pulls: args.quiet,
        builds: false,
    };
    let events = quiet.hush(cx.events());
    let wanted = wanted(&project, args, (&engine, &events)).await?;
    if cx.globals.dry_run {
        let lines = wanted.iter().map(|(name, service)| {
            let image = &service.image;
            format!("pull {image}  (for {name})\n")
        });
        report::print(&lines.collect::<String>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let carrier = Carrier {
        engine: &engine,
        events: &events,
    };
    let run = ImageRun::begin("pull");
    let how = (&carrier, args, cx.at_once()?);
    let failed = pull((&project, &run), &wanted, how).await?;
    run.remember(cx, &engine, &project.name);
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    cx.reporter().settle()?;
    let buildable = failed.keys().filter(|name| wanted[*name].build.is_some());
    let buildable: Vec<&str> = buildable.map(|name| name.as_str()).collect();
    if !buildable.is_empty() {
        let program = cx.identity.program();
        cx.reporter().show(&Diagnostic::warning(format!(
            "Some service image(s) must be built from source by running:\n    {program} build {}",
            buildable.join(" ")
        )));
    }
    match args.ignore_pull_failures {
        true => Ok(ExitCode::SUCCESS),
        false => Err(Diagnostics(failed.into_values().collect()).into()),
    }
}

impl Args {
    /// The services that are meant, with the policy that is asked for.
    fn project(&self, cx: &Context) -> Result<Project> {
        let mut project = cx
            .load_model()?
            .select(&self.services, Along::Dependencies)?;
        if !self.include_deps {
            project = project.select(&self.services, Along::Nothing)?;
        }
        if let Some(policy) = self.policy.as_ref().filter(|policy| !policy.is_empty()) {
            for service in project.services.values_mut() {
                service.pull_policy.clone_from(policy);
            }
        }
        Ok(project)
    }

    /// Says of options that they do nothing any more.
    fn warn_of_the_past(&self, cx: &Context) {
        for (given, name) in [
            (self.no_parallel, "--no-parallel"),
            (self.parallel, "--parallel"),
        ] {
            if given {
                cx.reporter().show(&Diagnostic::warning(format!(
                    "option '{name}' is DEPRECATED and will be ignored."
                )));
            }
        }
    }
}

/// The services whose images are pulled, the first of those that share one; of the others is said
/// why they are not.
async fn wanted<'p>(
    project: &'p Project,
    args: &Args,
    (engine, events): (&Engine, &Events),
) -> Result<BTreeMap<&'p ServiceName, &'p Service>> {
    let mut by_image: BTreeMap<&str, &ServiceName> = BTreeMap::new();
    let mut wanted = BTreeMap::new();
    for (name, service) in &project.services {
        let image = service.image.as_str();
        let why = if image.is_empty() {
            Some("Skipped - No image to be pulled".to_owned())
        } else if matches!(service.pull_policy.as_str(), "never" | "build") {
            Some("Skipped".to_owned())
        } else if may_be_here(service) && is_here(engine, image).await? {
            Some("Skipped - Image is already present locally".to_owned())
        } else if service.build.is_some() && args.ignore_buildable {
            Some("Skipped - Image can be built".to_owned())
        } else {
            let first = by_image.get(image);
            first.map(|first| format!("Skipped - Image is already being pulled by {first}"))
        };
        match why {
            Some(why) => say(events, (name, service), (Status::Done, &why, "")),
            None => {
                by_image.insert(image, name);
                wanted.insert(name, service);
            }
        }
    }
    Ok(wanted)
}

/// Whether an image that is here need not be pulled: `latest` may be another by now.
fn may_be_here(service: &Service) -> bool {
    let missing = matches!(service.pull_policy.as_str(), "missing" | "if_not_present");
    missing
        && Reference::parse(&service.image).is_ok_and(|reference| {
            reference.digest.is_some()
                || reference.with_default_tag().tag.as_deref() != Some("latest")
        })
}

async fn is_here(engine: &Engine, image: &str) -> Result<bool> {
    match engine.inspect_image(image).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Pulls side by side, and gives back what failed. What can neither be pulled nor built ends the
/// other pulls, unless failures are ignored.
async fn pull<'p>(
    (project, run): (&Project, &ImageRun),
    wanted: &BTreeMap<&'p ServiceName, &'p Service>,
    (carrier, args, at_once): (&Carrier<'_>, &Args, Option<usize>),
) -> Result<BTreeMap<&'p ServiceName, Diagnostic>> {
    let mut left = wanted.clone();
    let mut pulls = Vec::new();
    for (&name, &service) in wanted {
        let platform = platform(project, service);
        pulls.push(async move {
            say(
                carrier.events,
                (name, service),
                (Status::Working, "Pulling", ""),
            );
            let since = run.elapsed();
            let result = carrier.pull(&service.image, platform).await;
            let id = match result {
                Ok(()) => carrier.id(&service.image).await,
                Err(_) => None,
            };
            run.ended(name, since, (&service.image, id.as_ref()));
            (name, result)
        });
    }
    let mut pulls = stream::iter(pulls).buffer_unordered(at_once.unwrap_or(usize::MAX));
    let mut failed = BTreeMap::new();
    while let Some((name, result)) = pulls.next().await {
        let service = wanted[name];
        left.remove(name);
        let Err(diagnostic) = result else {
            say(
                carrier.events,
                (name, service),
                (Status::Done, "Pulled", ""),
            );
            continue;
        };
        let (status, text) = match service.build {
            Some(_) => (Status::Warning, "Warning"),
            None => (Status::Error, "Error"),
        };
        let details = diagnostic.message.clone();
        say(carrier.events, (name, service), (status, text, &details));
        failed.insert(name, diagnostic);
        if status == Status::Error && !args.ignore_pull_failures {
            for (name, service) in left {
                let interrupted = (Status::Warning, "", "Interrupted");
                say(carrier.events, (name, service), interrupted);
            }
            break;
        }
    }
    Ok(failed)
}

/// Says what becomes of a service's image.
fn say(
    events: &Events,
    (name, service): (&ServiceName, &Service),
    (status, text, details): (Status, &str, &str),
) {
    events.emit(Event::Progress {
        resource: Resource::Service {
            name: name.clone(),
            image: service.image.clone(),
        },
        status,
        text: text.to_owned(),
        details: details.to_owned(),
        transfer: None,
    });
}
