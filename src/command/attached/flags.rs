//! What an attached `up` is asked to show, and how it is asked to end.

use anyhow::{Result, bail};

use super::{Ending, Heed};
use crate::command::Context;
use crate::name::ServiceName;
use crate::project::Project;
use crate::report::log::LogStyle;

/// What an attached `up` shows, and how it ends.
#[derive(Debug, Default, clap::Args)]
pub(in crate::command) struct Flags {
    /// Stop everything as soon as a container ends
    #[arg(long, conflicts_with = "detach")]
    abort_on_container_exit: bool,

    /// Stop everything as soon as a container fails
    #[arg(long, conflicts_with_all = ["detach", "abort_on_container_exit"])]
    abort_on_container_failure: bool,

    /// Show the logs of these services only
    #[arg(long, value_name = "SERVICE", conflicts_with = "detach")]
    attach: Vec<String>,

    /// Show the logs of dependencies too
    #[arg(long, conflicts_with_all = ["detach", "attach"])]
    attach_dependencies: bool,

    /// Exit with the code of this service's container; stops everything when one ends
    #[arg(long, value_name = "SERVICE", conflicts_with = "detach")]
    exit_code_from: Option<String>,

    /// Do not show the logs of these services
    #[arg(long, value_name = "SERVICE")]
    no_attach: Vec<String>,

    /// Show logs without colours
    #[arg(long)]
    no_color: bool,

    /// Show logs without the containers' names
    #[arg(long)]
    no_log_prefix: bool,

    /// Keys at the terminal: w turns the watch on and off, d detaches (default: true, or COMPOSE_MENU)
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(in crate::command) menu: Option<bool>,

    /// Show when each line was said
    #[arg(long)]
    pub(in crate::command) timestamps: bool,
}

impl Flags {
    /// Refuses to show the logs of what is not brought up.
    pub(in crate::command) fn check(&self, project: &Project) -> Result<()> {
        let is_unknown = |name: &&str| !project.services.contains_key(*name);
        let named = self.attach.iter().map(String::as_str);
        let unknown: Vec<&str> = named.filter(is_unknown).collect();
        match unknown.is_empty() {
            true => Ok(()),
            false => bail!(
                "cannot attach to services not included in up: {}",
                unknown.join(", ")
            ),
        }
    }

    /// What is shown of a service: of one of the `services` that were named at least how it ends.
    pub(in crate::command) fn heeds(
        &self,
        project: &Project,
        services: &[String],
        name: &str,
    ) -> Option<Heed> {
        let wants = |name: &str| self.wants(project, services, name);
        let none_is_wanted = || !project.services.keys().any(|one| wants(one));
        match wants(name) || none_is_wanted() {
            true => Some(Heed::Log),
            false => is_among(services, name).then_some(Heed::End),
        }
    }

    /// Whether a service's logs are asked for: those that are named, else all.
    fn wants(&self, project: &Project, services: &[String], name: &str) -> bool {
        let wanted = match self.attach.is_empty() {
            false => is_among(&self.attach, name),
            true => {
                let own = project.services.get(name);
                let all = services.is_empty() || self.attach_dependencies;
                own.is_some_and(|own| own.attach != Some(false))
                    && (all || is_among(services, name))
            }
        };
        wanted && !is_among(&self.no_attach, name)
    }

    /// How lines look.
    pub(in crate::command) fn style(&self, cx: &Context) -> LogStyle {
        LogStyle {
            colours: cx.style().stdout_colours && !self.no_color,
            prefixes: !self.no_log_prefix,
        }
    }

    /// What the end of one container means.
    pub(in crate::command) fn ending(&self) -> Ending {
        let from = self.exit_code_from.as_deref().map(ServiceName::from);
        match (from, self.abort_on_container_exit) {
            _ if self.abort_on_container_failure => Ending::FirstFailure,
            (Some(service), _) => Ending::First(Some(service)),
            (None, true) => Ending::First(None),
            (None, false) => Ending::Last,
        }
    }
}

fn is_among(names: &[String], name: &str) -> bool {
    names.iter().any(|one| one == name)
}
