//! What the options of `run` change of the service.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};

use super::super::Context;
use super::super::shape::pull_policy;
use super::super::work::Quiet;
use crate::compose::{dotenv, ports, volumes};
use crate::diagnostic::Diagnostic;
use crate::name::ServiceName;
use crate::plan::{BuildPolicy, Orphans, UpPolicy};
use crate::project::{MountType, Project, Service};
use crate::text::{path, shellwords};

/// What is another than the file says.
#[derive(Debug, Default, clap::Args)]
pub struct Change {
    /// Add a capability
    #[arg(long, value_name = "CAPABILITY")]
    cap_add: Vec<String>,

    /// Take a capability away
    #[arg(long, value_name = "CAPABILITY")]
    cap_drop: Vec<String>,

    /// Run this instead of the image's entrypoint
    #[arg(long, value_name = "COMMAND")]
    entrypoint: Option<String>,

    /// Set a variable; without a value, take it from the project's environment
    #[arg(short, long, value_name = "KEY=VALUE")]
    env: Vec<String>,

    /// Set the variables of a file
    #[arg(long, value_name = "FILE")]
    env_from_file: Vec<String>,

    /// Add a label, or set another value
    #[arg(short, long, alias = "labels", value_name = "KEY=VALUE")]
    label: Vec<String>,

    /// Publish a port
    #[arg(short, long, value_name = "PORT", conflicts_with = "service_ports")]
    publish: Vec<String>,

    /// Publish the service's ports
    #[arg(short = 'P', long)]
    service_ports: bool,

    /// Run as this user
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,

    /// Mount a folder or a volume
    #[arg(short, long, alias = "volumes", value_name = "SOURCE:TARGET")]
    volume: Vec<String>,

    /// Run in this directory of the container
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
}

/// What is done about images and about other containers first.
#[derive(Debug, Default, clap::Args)]
pub struct Images {
    /// Build images first
    #[arg(long)]
    build: bool,

    /// When to pull images: always, missing, never or build
    #[arg(long, value_name = "POLICY")]
    pull: Option<String>,

    /// Build without showing progress
    #[arg(long)]
    quiet_build: bool,

    /// Pull without showing progress
    #[arg(long)]
    quiet_pull: bool,

    /// Remove containers whose service is not in the file
    #[arg(long)]
    remove_orphans: bool,
}

impl Images {
    /// What of it is not shown.
    pub fn quiet(&self) -> Quiet {
        Quiet {
            pulls: self.quiet_pull,
            builds: self.quiet_build,
        }
    }

    /// The same as a policy of `up`.
    pub fn policy(&self, cx: &Context) -> Result<UpPolicy> {
        if self.remove_orphans && cx.env.is_on("COMPOSE_IGNORE_ORPHANS") {
            bail!("cannot combine COMPOSE_IGNORE_ORPHANS and --remove-orphans");
        }
        Ok(UpPolicy {
            build: match self.build {
                true => BuildPolicy::Always,
                false => BuildPolicy::IfNeeded,
            },
            pull: self.pull.as_deref().map(pull_policy).transpose()?.flatten(),
            orphans: match self.remove_orphans {
                true => Orphans::Remove,
                false => Orphans::Keep,
            },
            ..UpPolicy::default()
        })
    }
}

impl Change {
    /// Changes the service of the project; `command` is what is run, empty for its own.
    ///
    /// # Errors
    /// An option that cannot be read.
    pub fn apply(
        &self,
        project: &mut Project,
        name: &ServiceName,
        command: &[String],
    ) -> Result<()> {
        let environment = self.environment(&project.environment)?;
        let Some(service) = project.services.get_mut(name) else {
            bail!("no such service: {name}");
        };
        let variables = environment.into_iter();
        let variables = variables.map(|(key, value)| (key, Some(value)));
        service.environment.extend(variables);
        self.process(service, command)?;
        self.capabilities(service);
        self.surroundings(service)?;
        for text in &self.label {
            let Some((key, value)) = text.split_once('=') else {
                bail!("label must be set as KEY=VALUE");
            };
            service.labels.insert(key.to_owned(), value.to_owned());
        }
        service.scale = Some(1);
        service.restart = String::new();
        if let Some(deploy) = &mut service.deploy {
            deploy.replicas = deploy.replicas.map(|_| 1);
            deploy.restart_policy = None;
        }
        Ok(())
    }

    fn process(&self, service: &mut Service, command: &[String]) -> Result<()> {
        if let Some(text) = &self.entrypoint {
            let words = shellwords::split(text).map_err(|error| {
                Diagnostic::error(format!(
                    "--entrypoint: `{}` is never closed in `{text}`",
                    error.opener
                ))
            })?;
            service.entrypoint.0 = Some(words.words);
            service.command.0 = Some(Vec::new());
        }
        if !command.is_empty() {
            service.command.0 = Some(command.to_vec());
        }
        if let Some(user) = self.user.as_ref().filter(|user| !user.is_empty()) {
            service.user.clone_from(user);
        }
        if let Some(dir) = self.workdir.as_ref().filter(|dir| !dir.is_empty()) {
            service.working_dir.clone_from(dir);
        }
        Ok(())
    }

    fn capabilities(&self, service: &mut Service) {
        if !self.cap_add.is_empty() {
            service.cap_add.extend(self.cap_add.iter().cloned());
            service.cap_drop.retain(|one| !self.cap_add.contains(one));
        }
        if !self.cap_drop.is_empty() {
            service.cap_drop.extend(self.cap_drop.iter().cloned());
            service.cap_add.retain(|one| !self.cap_drop.contains(one));
        }
    }

    /// Ports and mounts.
    fn surroundings(&self, service: &mut Service) -> Result<()> {
        if !self.service_ports {
            service.ports.clear();
        }
        for text in &self.publish {
            let read = ports::parse(text).map_err(|error| {
                Diagnostic::error(format!("cannot publish the port `{text}`: {error}"))
                    .hint("write `8080:80`, `127.0.0.1:8080:80` or `80/udp`")
            })?;
            service.ports.extend(read);
        }
        let cwd = std::env::current_dir()?;
        for text in &self.volume {
            let read = volumes::parse(text).map_err(|error| {
                Diagnostic::error(format!("cannot mount `{text}`: {error}"))
                    .hint("write `./folder:/target`, `volume:/target` or `/target`")
            })?;
            let mut mount = read.mount;
            if mount.r#type == MountType::Bind {
                let source = cwd.join(&mount.source).display().to_string();
                mount.source = path::clean(&source);
            }
            service.volumes.retain(|other| other.target != mount.target);
            service.volumes.push(mount);
        }
        Ok(())
    }

    /// `-e`, then what the files say besides.
    fn environment(&self, project: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
        let mut all = BTreeMap::new();
        for text in &self.env {
            match text.split_once('=') {
                Some((key, value)) => {
                    all.insert(key.to_owned(), value.to_owned());
                }
                // One that is not set is passed over.
                None => all.extend(project.get_key_value(text).map(owned)),
            }
        }
        for file in &self.env_from_file {
            let text = std::fs::read_to_string(Path::new(file)).map_err(|error| {
                Diagnostic::error(format!("cannot read the env file `{file}`: {error}"))
            })?;
            let given = all.clone();
            let outer = |key: &str| given.get(key).map(String::as_str);
            let entries = dotenv::parse(&text, &outer, &|_| None).map_err(|error| {
                Diagnostic::error(format!("cannot read the env file `{file}`: {}", error.kind))
            })?;
            for entry in entries {
                if !given.contains_key(&entry.key) {
                    all.insert(entry.key, entry.value);
                }
            }
        }
        Ok(all)
    }
}

fn owned((key, value): (&String, &String)) -> (String, String) {
    (key.clone(), value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(change: &Change, service: Service, command: &[&str]) -> Service {
        let name = ServiceName::from("web");
        let mut project = Project::default();
        project.services.insert(name.clone(), service);
        project.environment.insert("HERE".into(), "here".into());
        let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
        change.apply(&mut project, &name, &command).unwrap();
        project.services.remove(&name).unwrap()
    }

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn an_entrypoint_takes_the_command_away_unless_one_is_given() {
        let change = Change {
            entrypoint: Some("sh -c 'a b'".into()),
            ..Change::default()
        };
        let mut service = Service::default();
        service.command.0 = Some(words("serve"));
        let bare = applied(&change, service.clone(), &[]);
        assert_eq!(
            bare.entrypoint.0,
            Some(vec!["sh".into(), "-c".into(), "a b".into()])
        );
        assert_eq!(bare.command.0, Some(Vec::new()));
        assert_eq!(
            applied(&change, service, &["x"]).command.0,
            Some(words("x"))
        );
    }

    #[test]
    fn ports_go_unless_asked_for_and_a_later_mount_wins() {
        let mut service = Service {
            ports: ports::parse("8080:80").unwrap(),
            volumes: vec![volumes::parse("data:/data").unwrap().mount],
            restart: "always".into(),
            cap_drop: words("NET_ADMIN"),
            ..Service::default()
        };
        let change = Change {
            publish: words("9000:90"),
            volume: words("/srv:/data"),
            cap_add: words("NET_ADMIN"),
            env: words("A=b HERE NOWHERE"),
            ..Change::default()
        };
        let run = applied(&change, service.clone(), &[]);
        assert_eq!(run.ports, ports::parse("9000:90").unwrap());
        assert_eq!(run.volumes.len(), 1);
        assert_eq!(run.volumes[0].source, "/srv");
        assert_eq!((run.restart.as_str(), run.cap_drop.len()), ("", 0));
        let environment: Vec<_> = run.environment.into_iter().collect();
        assert_eq!(
            environment,
            [
                ("A".to_owned(), Some("b".to_owned())),
                ("HERE".to_owned(), Some("here".to_owned()))
            ]
        );
        service.volumes.clear();
        let own = Change {
            service_ports: true,
            ..Change::default()
        };
        assert_eq!(applied(&own, service, &[]).ports.len(), 1);
    }
}
