//! `dco why`: why a service runs the way it does.

use std::process::ExitCode;

use anyhow::Result;
use bollard::models::ContainerInspectResponse;

use super::Context;
use super::work::{Source, Work, waits};
use crate::convert::{image_name, label};
use crate::engine::Recipes;
use crate::history::History;
use crate::name::{ImageId, ServiceName};
use crate::plan::{Action, Plan, UpPolicy, observed};
use crate::project::Along;
use crate::report::explain::why::{Container, Image, Telling, Why};
use crate::report::{self, Paint};

/// Show why a service runs the way it does
///
/// What its containers were made for and by which command, what they waited for and how long,
/// where their image came from, and whether `up` would change anything now.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:\n  dco why web\n  dco why web --format json")]
pub struct Args {
    /// The service
    #[arg(value_name = "SERVICE")]
    service: String,

    /// Format of the output: text or json
    #[arg(long, default_value = "text", hide_default_value = true, value_parser = ["text", "json"])]
    format: String,
}

/// Puts together what the engine, the history and the plan know.
pub async fn run(args: &Args, cx: &Context) -> Result<ExitCode> {
    let mut project = cx.load_project(std::slice::from_ref(&args.service), Along::Dependencies)?;
    super::foreign::look(cx, &mut project).await?;
    let source = Source::Loaded(Box::new(project));
    let work = Work::open(cx, source, waits(cx, false)).await?;
    let service = ServiceName::from(args.service.as_str());
    let plan = work.plan_up(&mut UpPolicy::default()).await?;
    let history = work.store().map(|store| store.read()).unwrap_or_default();
    let mut containers = Vec::new();
    for container in &work.observed.containers {
        if container.service == service && !container.one_off {
            containers.push(tell(&work, &history, container).await?);
        }
    }
    let place = work.project.place(&["services", &service]);
    let why = Why {
        service: args.service.clone(),
        place: place.map(|place| place.to_string()),
        containers,
        next: next(&plan, &service),
    };
    report::print(&match args.format.as_str() {
        "json" => format!("{}\n", serde_json::to_string_pretty(&why)?),
        _ => why.text(Telling {
            paint: Paint::new(cx.style().stdout_colours),
            now: jiff::Timestamp::now().as_millisecond(),
        }),
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn tell(
    work: &Work<'_>,
    history: &History,
    container: &observed::Container,
) -> Result<Container> {
    let found = work.engine.inspect_container(&container.id).await?;
    let millis = |time: Option<&str>| {
        let time = time?.parse::<jiff::Timestamp>().ok()?;
        // The engine says year 1 for what did not happen.
        Some(time.as_millisecond()).filter(|at| *at > 0)
    };
    let state = found.state.clone().unwrap_or_default();
    let word = state
        .status
        .map_or(String::new(), |status| status.to_string());
    let is_up = matches!(word.as_str(), "running" | "paused" | "restarting");
    let since = match is_up {
        true => millis(state.started_at.as_deref()),
        false => millis(state.finished_at.as_deref()),
    };
    let health = state.health.and_then(|health| health.status);
    let health = health.map(|health| health.to_string());
    let version = container.labels.get(label::VERSION);
    Ok(Container {
        name: container.name.clone(),
        id: container.id.to_string(),
        exit_code: state
            .exit_code
            .filter(|_| word == "exited" || word == "dead"),
        state: word,
        health: health.filter(|health| !health.is_empty() && health != "none"),
        since,
        restarts: found.restart_count.unwrap_or_default(),
        created: container.created.saturating_mul(1000),
        label: version.cloned().unwrap_or_default(),
        made: history.containers.get(container.id.as_str()).cloned(),
        image: image(work, history, container, &found).await,
    })
}

async fn image(
    work: &Work<'_>,
    history: &History,
    container: &observed::Container,
    found: &ContainerInspectResponse,
) -> Image {
    let id = &container.image;
    let service = work.project.services.get(&container.service);
    let reference = found
        .config
        .as_ref()
        .and_then(|config| config.image.clone());
    let reference =
        reference.or_else(|| Some(image_name(&work.project, &container.service, service?)));
    let created = work.engine.inspect_image(id).await.ok();
    let created = created.and_then(|image| image.created?.parse::<jiff::Timestamp>().ok());
    let recipe = work
        .cx
        .state_dir()
        .and_then(|state| Recipes::below(&state).get(&ImageId::from(id.as_str())));
    Image {
        reference: reference.unwrap_or_default(),
        id: id.to_string(),
        created: created.map(|at| at.as_millisecond()).filter(|at| *at > 0),
        origin: history.images.get(id.as_str()).cloned(),
        dockerfile: recipe.map(|recipe| recipe.dockerfile),
    }
}

/// What the plan would do to the service, in words.
fn next(plan: &Plan, service: &ServiceName) -> Vec<String> {
    let mut told = Vec::new();
    for step in &plan.steps {
        let text = match &step.action {
            Action::Build { service: own, .. } if own == service => "build its image".to_owned(),
            Action::Pull { image, services } if services.contains(service) => {
                format!("pull {image}")
            }
            Action::Create { replica, replaces } if replica.service == *service => match replaces {
                Some(_) => format!("replace {}", replica.name),
                None => format!("create {}", replica.name),
            },
            Action::Start {
                container,
                service: own,
            } if own == service && step.cause == crate::plan::Cause::NotRunning => {
                format!("start {}", container.name())
            }
            Action::Remove { container, .. }
                if step.cause == crate::plan::Cause::ScaledDown
                    && stops(plan, container.name(), service) =>
            {
                format!("remove {}", container.name())
            }
            _ => continue,
        };
        told.push(match &step.when {
            crate::plan::When::Always => format!("{text} ({})", step.cause),
            when => format!("{text} ({when})"),
        });
    }
    told
}

/// Whether a container that is removed belongs to the service: its stop says so.
fn stops(plan: &Plan, name: &str, service: &ServiceName) -> bool {
    plan.steps.iter().any(|step| {
        matches!(&step.action, Action::Stop { container, service: own, .. }
            if own == service && container.name() == name)
    })
}
