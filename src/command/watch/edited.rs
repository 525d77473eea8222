//! A compose file, `.env` or `env_file` that was edited while it is watched: what `up` would change
//! is said in one line, and done where that is asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Result;

use super::Args;
use super::voice::Voice;
use crate::command::Context;
use crate::command::work::{Manner, Source as From, Work, waits};
use crate::name::ServiceName;
use crate::plan::{self, Action, Plan, UpPolicy};
use crate::project::{Along, Project};
use crate::watch::rule::Changed;

/// Reads the project again, says what `up` would do, and does it with `--auto`. None where the
/// files cannot be read as they are: the watch goes on with what it had.
pub(super) async fn take(
    args: &Args,
    cx: &Context,
    voice: &Voice<'_>,
    (project, paths): (&Project, &BTreeSet<PathBuf>),
) -> Option<Project> {
    let changed = Changed(paths, &project.working_dir).to_string();
    let now = match cx.load_project(&args.services, Along::Nothing) {
        Ok(now) => now,
        Err(error) => {
            voice.project(&changed, "not taken: it cannot be read", None);
            voice.fail(&error);
            return None;
        }
    };
    if let Err(error) = apply(args, cx, voice, (&now, &changed)).await {
        voice.project(&changed, "failed", None);
        voice.fail(&error);
    }
    Some(now)
}

async fn apply(
    args: &Args,
    cx: &Context,
    voice: &Voice<'_>,
    (project, changed): (&Project, &str),
) -> Result<()> {
    let begun = Instant::now();
    let source = From::Loaded(Box::new(project.clone()));
    let work = Work::open(cx, source, waits(cx, false)).await?;
    let policy = UpPolicy {
        targets: not_stopped(&work),
        ..UpPolicy::default()
    };
    let plan = work.plan(|world| plan::up(world, &policy))?;
    let summary = summary(&plan);
    if summary.is_empty() {
        voice.project(changed, "nothing to change", None);
        return Ok(());
    }
    if !args.auto {
        let text = format!("`dco up -d` would {summary}");
        voice.project(changed, &text, None);
        return Ok(());
    }
    let done = work.execute(&plan, Manner::default()).await;
    cx.reporter().settle()?;
    done?;
    voice.project(
        changed,
        &format!("applied: {summary}"),
        Some(begun.elapsed()),
    );
    Ok(())
}

/// The services but for those that have containers of which none runs: somebody stopped them, or
/// they are done. None stands for all.
fn not_stopped(work: &Work<'_>) -> BTreeSet<ServiceName> {
    let runs = |name: &ServiceName| {
        let containers = work.observed.containers.iter();
        let mut own = containers.filter(|one| one.service == *name && !one.one_off);
        match own.clone().next() {
            None => true,
            Some(_) => own.any(|one| one.state == plan::observed::State::Running),
        }
    };
    let all = work.project.services.keys();
    let kept: BTreeSet<ServiceName> = all.filter(|name| runs(name)).cloned().collect();
    match kept.len() == work.project.services.len() {
        true => BTreeSet::new(),
        false => kept,
    }
}

/// `recreate web, create redis`: what a plan changes, each service once.
fn summary(plan: &Plan) -> String {
    let mut words: BTreeMap<String, &str> = BTreeMap::new();
    let mut order = Vec::new();
    for step in &plan.steps {
        let (what, word) = match &step.action {
            Action::Create {
                replica,
                replaces: Some(_),
            } => (replica.service.to_string(), "recreate"),
            Action::Create {
                replica,
                replaces: None,
            } => (replica.service.to_string(), "create"),
            Action::Build { service, .. } => (format!("the image of {service}"), "build"),
            Action::Pull { image, .. } => (image.clone(), "pull"),
            Action::CreateNetwork { name, .. } => (format!("network {name}"), "create"),
            Action::CreateVolume { name, .. } => (format!("volume {name}"), "create"),
            Action::RemoveNetwork { name, .. } => (format!("network {name}"), "remove"),
            Action::Start { container, .. } => (container.name().to_owned(), "start"),
            _ => continue,
        };
        let is_start_of_new = word == "start" && words.values().any(|word| *word != "start");
        if !is_start_of_new && !words.contains_key(&what) {
            order.push(what.clone());
            words.insert(what, word);
        }
    }
    let parts = order.iter().map(|what| format!("{} {what}", words[what]));
    parts.collect::<Vec<_>>().join(", ")
}
