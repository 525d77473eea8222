//! What is asked before a project is published: whether it can be, and whether everything in it is
//! meant to be seen.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use super::findings::{self, Finding};
use super::layers::Environment;
use crate::compose;
use crate::diagnostic::Diagnostic;
use crate::project::{Form, MountType, Project};

/// A refusal of several lines, whose text scripts look for as it is.
pub struct Refusal(pub String);

/// Refuses files that lean on other files of this machine.
pub fn includes(project: &Project) -> Result<()> {
    for file in &project.compose_files {
        let path = project.working_dir.join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let includes = compose::mentions(file, &text)?.includes;
        if includes.iter().any(|path| !compose::is_remote(path)) {
            return Err(
                Diagnostic::error("cannot publish compose file with local includes")
                    .hint(
                        "`dco config -o whole.yaml` writes everything into one file: publish that",
                    )
                    .into(),
            );
        }
    }
    Ok(())
}

/// Refuses services whose image has no name: nobody could pull it.
pub fn only_build(project: &Project) -> Result<(), Diagnostic> {
    let nameless = project.services.iter();
    let nameless = nameless.filter(|(_, it)| it.image.is_empty() && it.build.is_some());
    let list: String = nameless
        .map(|(name, _)| format!("- \"{name}\"\n"))
        .collect();
    match list.as_str() {
        "" => Ok(()),
        list => Err(Diagnostic::error(format!(
            "your Compose stack cannot be published as it only contains a build section for service(s):\n{list}"
        ))
        .hint("name the image with `image:`")),
    }
}

/// The question about paths of this machine; none where there are none.
pub fn bind_mounts(project: &Project) -> Option<String> {
    let mut list = String::new();
    for (name, service) in &project.services {
        for mount in service
            .volumes
            .iter()
            .filter(|it| it.r#type == MountType::Bind)
        {
            let options = if mount.read_only { "ro" } else { "" };
            let _ = writeln!(list, "{name}: {}:{}:{options}", mount.source, mount.target);
        }
    }
    (!list.is_empty()).then(|| {
        format!(
            "you are about to publish bind mounts declaration within your OCI artifact.\n\
             only the bind mount declarations will be added to the OCI artifact (not content)\n\
             please double check that you are not mounting potential user's sensitive directories or data\n\
             {list}Are you ok to publish these bind mount declarations?"
        )
    })
}

/// The question about what looks like a secret; none where nothing does.
pub fn secrets(project: &Project, tree: &compose::Tree) -> Result<Option<String>> {
    let mut found: Vec<Finding> = findings::in_tree(&tree.printable(Form::Yaml));
    let services = project.services.values();
    let env_files = services.flat_map(|it| it.env_file.iter().map(|file| file.path.as_str()));
    let objects = project.configs.values().chain(project.secrets.values());
    let objects = objects.map(|object| object.file.as_str());
    for file in env_files.chain(objects).filter(|file| !file.is_empty()) {
        let bytes = std::fs::read(project.working_dir.join(Path::new(file))).unwrap_or_default();
        if let Ok(text) = String::from_utf8(bytes) {
            found.extend(findings::in_text(&text));
        }
    }
    let list: String = found
        .iter()
        .map(|it| format!("{}\n{:?}: {}\n", it.kind, it.key, it.value))
        .collect();
    Ok((!list.is_empty()).then(|| {
        format!(
            "you are about to publish sensitive data within your OCI artifact.\n\
             please double check that you are not leaking sensitive data\n\
             {list}Are you ok to publish these sensitive data?"
        )
    }))
}

/// The question about environments; an error where they must not go along.
pub fn environments(
    project: &Project,
    environment: Environment,
) -> Result<Option<String>, Refusal> {
    let mut reasons = String::new();
    let mut values: BTreeMap<&str, String> = BTreeMap::new();
    for (name, service) in &project.services {
        if !service.env_file.is_empty() {
            let _ = writeln!(reasons, "service \"{name}\" has env_file declared.");
        }
        if !service.environment.is_empty() || !service.env_file.is_empty() {
            let _ = writeln!(
                reasons,
                "service \"{name}\" has environment variable(s) declared."
            );
            let pairs = service.environment.iter();
            let pair = |(key, value): (&String, &Option<String>)| {
                format!("{key}={}\n", value.as_deref().unwrap_or_default())
            };
            values.insert(name, pairs.map(pair).collect());
        }
    }
    for (name, config) in &project.configs {
        if !config.environment.is_empty() {
            let _ = writeln!(
                reasons,
                "config \"{name}\" is declare as an environment variable."
            );
            values.insert(name, format!("{name}={}\n", config.environment));
        }
    }
    if reasons.is_empty() {
        return Ok(None);
    }
    if environment == Environment::Here {
        return Err(Refusal(format!(
            "error: {reasons}To avoid leaking sensitive data, you must either explicitly allow the sending of environment variables by using the --with-env flag,\n\
             or remove sensitive data from your Compose configuration\n"
        )));
    }
    let list: String = values
        .iter()
        .map(|(name, pairs)| format!("Service/Config  {name}\n{pairs}"))
        .collect();
    Ok(Some(format!(
        "you are about to publish environment variables within your OCI artifact.\n\
         please double check that you are not leaking sensitive data\n\
         {list}Are you ok to publish these environment variables?"
    )))
}
