//! `dco push`: the images of services that are built here, to their registries, side by side.

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::Result;
use futures_util::StreamExt;
use futures_util::stream;

use super::Context;
use super::work::Quiet;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::engine::Engine;
use crate::event::{Event, Events, Resource, Status};
use crate::execute::Carrier;
use crate::name::ServiceName;
use crate::project::{Along, Project};
use crate::report;

/// Push the images of services
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  dco push web\n  dco push --ignore-push-failures --include-deps web"
)]
pub struct Args {
    /// Push what can be pushed, and do not fail for the others
    #[arg(long)]
    ignore_push_failures: bool,

    /// Also the services that these depend on
    #[arg(long)]
    include_deps: bool,

    /// No progress
    #[arg(short, long)]
    quiet: bool,

    /// Only these services
    #[arg(value_name = "SERVICE")]
    services: Vec<String>,
}

/// An image's name, and the service that it is built for.
type Pushed<'p> = (&'p ServiceName, &'p str);

/// Pushes every name of every image that the file builds.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let project = args.project(cx)?;
    if args.quiet {
        cx.reporter().hush();
    }
    let quiet = Quiet {
        pulls: args.quiet,
        builds: false,
    };
    let events = quiet.hush(cx.events());
    let wanted = wanted(&project, &events);
    if cx.globals.dry_run {
        let lines = wanted
            .iter()
            .map(|(name, image)| format!("push {image}  (for {name})\n"));
        report::print(&lines.collect::<String>())?;
        return Ok(ExitCode::SUCCESS);
    }
    if wanted.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let engine = cx.engine()?;
    let carrier = Carrier {
        engine: &engine,
        events: &events,
    };
    let how = (args.ignore_push_failures, cx.at_once()?);
    let failed = push(&wanted, &carrier, how).await;
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    cx.reporter().settle()?;
    if !args.ignore_push_failures {
        return Err(Diagnostics(failed).into());
    }
    for mut diagnostic in failed {
        diagnostic.severity = crate::diagnostic::Severity::Warning;
        cx.reporter().show(&diagnostic);
    }
    Ok(ExitCode::SUCCESS)
}

/// Pushes what was built just now.
pub(super) async fn built(
    project: &Project,
    engine: &Engine,
    (quiet, cx): (bool, &Context),
) -> Result<ExitCode> {
    let events = match quiet {
        true => Events::new(drop),
        false => cx.events(),
    };
    let wanted = wanted(project, &Events::new(drop));
    let carrier = Carrier {
        engine,
        events: &events,
    };
    let failed = push(&wanted, &carrier, (false, cx.at_once()?)).await;
    match failed.is_empty() {
        true => Ok(ExitCode::SUCCESS),
        false => {
            cx.reporter().settle()?;
            Err(Diagnostics(failed).into())
        }
    }
}

/// Pushes what a project that is published is built from; what cannot be pushed is told.
pub(super) async fn along(project: &Project, engine: &Engine, cx: &Context) -> Result<()> {
    let events = cx.events();
    let carrier = Carrier {
        engine,
        events: &events,
    };
    let failed = push(&wanted(project, &events), &carrier, (true, cx.at_once()?)).await;
    for mut diagnostic in failed {
        diagnostic.severity = crate::diagnostic::Severity::Warning;
        cx.reporter().show(&diagnostic);
    }
    Ok(())
}

impl Args {
    /// The services that are meant.
    fn project(&self, cx: &Context) -> Result<Project> {
        let project = cx
            .load_model()?
            .select(&self.services, Along::Dependencies)?;
        Ok(match self.include_deps {
            true => project,
            false => project.select(&self.services, Along::Nothing)?,
        })
    }
}

/// What is pushed, each name once; of the services without is said that they are passed over.
fn wanted<'p>(project: &'p Project, events: &Events) -> Vec<Pushed<'p>> {
    let mut told = BTreeSet::new();
    let mut wanted = Vec::new();
    for (name, service) in &project.services {
        let Some(build) = service.build.as_ref().filter(|_| !service.image.is_empty()) else {
            say(
                events,
                (name, &service.image),
                (Status::Done, "Skipped", ""),
            );
            continue;
        };
        for image in std::iter::once(&service.image).chain(&build.tags) {
            if told.insert(image) {
                wanted.push((name, image.as_str()));
            }
        }
    }
    wanted
}

/// Pushes side by side, and gives back what failed; unless failures are ignored the first ends the
/// others.
async fn push(
    wanted: &[Pushed<'_>],
    carrier: &Carrier<'_>,
    (ignore, at_once): (bool, Option<usize>),
) -> Vec<Diagnostic> {
    // The names of one image share its layers: the second finds them there.
    let images = wanted.chunk_by(|one, next| one.0 == next.0);
    let pushes: Vec<_> = images
        .map(|names| {
            stream::iter(names).then(move |&one| async move {
                say(carrier.events, one, (Status::Working, "Pushing", ""));
                (one, carrier.push(one.1).await)
            })
        })
        .map(Box::pin)
        .collect();
    let pushes = stream::iter(pushes).flatten_unordered(at_once);
    let mut pushes = std::pin::pin!(pushes);
    let mut failed = Vec::new();
    while let Some((one, result)) = pushes.next().await {
        match result {
            Ok(()) => say(carrier.events, one, (Status::Done, "Pushed", "")),
            Err(diagnostic) => {
                let (status, text) = match ignore {
                    true => (Status::Warning, "Warning"),
                    false => (Status::Error, "Error"),
                };
                say(carrier.events, one, (status, text, &diagnostic.message));
                failed.push(diagnostic);
                if !ignore {
                    break;
                }
            }
        }
    }
    failed
}

/// Says what becomes of a service's image.
fn say(events: &Events, (name, image): Pushed<'_>, (status, text, details): (Status, &str, &str)) {
    events.emit(Event::Progress {
        resource: Resource::Service {
            name: name.clone(),
            image: image.to_owned(),
        },
        status,
        text: text.to_owned(),
        details: details.to_owned(),
        transfer: None,
    });
}
