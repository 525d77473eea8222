//! Which container a verb means: `SERVICE` and `--index`.

use anyhow::Result;

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::engine::{Engine, Which, container, labelled};
use crate::plan::observed::Container;

/// One container of a service, as the command line names it.
pub struct Wanted<'a> {
    /// The project.
    pub project: &'a str,
    /// The service.
    pub service: &'a str,
    /// `--index`; 0 for the first there is.
    pub index: u32,
    /// Whether one that does not run will do.
    pub which: Which,
}

/// The containers that Compose counts as a service's, one-offs last, else by number.
///
/// # Errors
///
/// The engine's.
pub async fn of_service(engine: &Engine, wanted: &Wanted<'_>) -> Result<Vec<Container>> {
    let mut filters = labelled(format!("com.docker.compose.project={}", wanted.project));
    let labels = filters.entry("label".to_owned()).or_default();
    labels.push(format!("com.docker.compose.service={}", wanted.service));
    labels.push("com.docker.compose.config-hash".to_owned());
    if wanted.index > 0 {
        labels.push(format!(
            "com.docker.compose.container-number={}",
            wanted.index
        ));
    }
    let found = engine.list_containers(wanted.which, &filters).await?;
    let mut found: Vec<Container> = found.into_iter().map(container).collect();
    found.sort_by_key(|one| (one.one_off, one.number));
    Ok(found)
}

/// The first of them.
///
/// # Errors
///
/// There is none, in Compose's words; the hint says what there is.
pub async fn first(engine: &Engine, wanted: &Wanted<'_>, cx: &Context) -> Result<Container> {
    let found = of_service(engine, wanted).await?;
    match found.into_iter().next() {
        Some(first) => Ok(first),
        None => Err(absent(engine, wanted, cx).await?.into()),
    }
}

/// The first running container of a service of the project at hand, or the one of that number.
///
/// # Errors
///
/// There is none.
pub async fn running(cx: &Context, service: &str, index: u32) -> Result<(Engine, Container)> {
    let engine = cx.engine()?;
    let wanted = Wanted {
        project: &cx.project_name()?,
        service,
        index,
        which: Which::Running,
    };
    let container = first(&engine, &wanted, cx).await?;
    Ok((engine, container))
}

/// Says that a service has no container, and which services have.
async fn absent(engine: &Engine, wanted: &Wanted<'_>, cx: &Context) -> Result<Diagnostic> {
    let mut message = format!("service \"{}\" is not running", wanted.service);
    if wanted.index > 0 {
        message.push_str(&format!(" container #{}", wanted.index));
    }
    let project = labelled(format!("com.docker.compose.project={}", wanted.project));
    let others = engine.list_containers(Which::Running, &project).await?;
    let mut running: Vec<String> = others
        .into_iter()
        .map(|found| container(found).service.to_string())
        .collect();
    running.sort();
    running.dedup();
    let program = cx.identity.program();
    let hint = match running.as_slice() {
        [] => format!(
            "nothing of project `{}` runs; `{program} up -d` starts it",
            wanted.project
        ),
        _ if running.iter().any(|name| name == wanted.service) => {
            format!("`{program} ps {}` shows its containers", wanted.service)
        }
        running => format!("running are {}", running.join(", ")),
    };
    Ok(Diagnostic::error(message).hint(hint))
}
