//! A plan's text: one line a step, the same for the same plan.

use std::fmt;

use super::{Action, Cause, FieldChange, HookKind, Plan, Step, StepId, When};

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

/// `#5 await db port 5432  (DJANGO_DB_HOST, compose.yaml:14)  after #4`.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.action)?;
        match &self.when {
            When::Always => write!(f, "  ({})", self.cause)?,
            when => write!(f, "  ({when})")?,
        }
        if !self.after.is_empty() {
            write!(f, "  after {}", Steps(&self.after))?;
        }
        Ok(())
    }
}

struct Steps<'a>(&'a [StepId]);

impl fmt::Display for Steps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        joined(f, " ", self.0)
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always => f.write_str("always"),
            Self::ImageChanged(_) => f.write_str("if its image changed"),
            Self::Done(step) => write!(f, "if {step}"),
            Self::NotDone(step) => write!(f, "unless {step}"),
            Self::Failed(steps) => write!(f, "if {} fails", Steps(steps)),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pull { image, .. } => write!(f, "pull {image}"),
            Self::Build { service, .. } => write!(f, "build {service}"),
            Self::CreateNetwork { name, .. } => write!(f, "create network {name}"),
            Self::RemoveNetwork { name, .. } => write!(f, "remove network {name}"),
            Self::Connect {
                container, network, ..
            } => write!(f, "connect {} to {network}", container.name()),
            Self::Disconnect { container, network } => {
                write!(f, "disconnect {} from {network}", container.name())
            }
            Self::CreateVolume { name, .. } => write!(f, "create volume {name}"),
            Self::RemoveVolume { name } => write!(f, "remove volume {name}"),
            Self::RemoveImage { image } => write!(f, "remove image {image}"),
            Self::Create { replica, replaces } => {
                write!(f, "create {}", replica.created_name(replaces.as_ref()))
            }
            Self::Start { container, .. } => write!(f, "start {}", container.name()),
            Self::Stop { container, .. } => write!(f, "stop {}", container.name()),
            Self::Restart { container, .. } => write!(f, "restart {}", container.name()),
            Self::Remove { container, .. } => write!(f, "remove {}", container.name()),
            Self::Rename { container, to } => write!(f, "rename {} to {to}", container.name()),
            Self::Kill { container, signal } => {
                write!(f, "send {signal} to {}", container.name())
            }
            Self::Pause { container } => write!(f, "pause {}", container.name()),
            Self::Unpause { container } => write!(f, "unpause {}", container.name()),
            Self::ImagesReady => f.write_str("images ready"),
            Self::Await(gate) => write!(f, "await {gate}"),
            Self::PreStart { service, index, .. } => {
                write!(f, "run pre_start hook {} of {service}", index + 1)
            }
            Self::Hook {
                container,
                kind,
                index,
                ..
            } => write!(f, "run {kind} hook {} in {}", index + 1, container.name()),
        }
    }
}

impl fmt::Display for HookKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PostStart => "post_start",
            Self::PreStop => "pre_stop",
        })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::NotRunning => f.write_str("not running"),
            Self::Requested => f.write_str("requested"),
            Self::Forced => f.write_str("forced"),
            Self::ConfigChanged(fields) => {
                f.write_str("config changed")?;
                if !fields.is_empty() {
                    f.write_str(": ")?;
                    joined(f, "; ", fields)?;
                }
                Ok(())
            }
            Self::ConfigChangedUnknown { made_by } => {
                write!(f, "config changed, fields unknown: made by {made_by}")
            }
            Self::ImageChanged => f.write_str("image changed"),
            Self::BuildInputChanged { input } => write!(f, "{input} changed"),
            Self::Policy(policy) => write!(f, "pull_policy {policy}"),
            Self::NetworkMissing(network) => write!(f, "not on network {network}"),
            Self::NetworkRenamed(network) => write!(f, "network {network} has another name"),
            Self::MountMissing(volume) => write!(f, "volume {volume} not mounted"),
            Self::ResourceRebuilt(what) => write!(f, "{what} is rebuilt"),
            Self::Cascade(service) => write!(f, "{service} is replaced"),
            Self::ScaledDown => f.write_str("scaled down"),
            Self::Orphan => f.write_str("orphan"),
            Self::Leftover => f.write_str("left by an interrupted command"),
            Self::Replaced => f.write_str("replaced"),
            Self::Rollback => f.write_str("rollback"),
            Self::Hook => f.write_str("hook"),
            Self::Edge(because) => because.fmt(f),
        }
    }
}

/// `environment.DEBUG: 0 → 1 (compose.yaml:7)`.
impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".into());
        match self.old == self.new {
            // Both are masked.
            true => write!(f, "{} changed, and is not shown", self.field)?,
            false => write!(
                f,
                "{} {} → {}",
                self.field,
                shown(&self.old),
                shown(&self.new)
            )?,
        }
        match &self.place {
            Some(place) => write!(f, " ({place})"),
            None => Ok(()),
        }
    }
}

fn joined<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    separator: &str,
    items: &[T],
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}
