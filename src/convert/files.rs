//! Configs and secrets: those of a file are bound, those of a text or variable are written into
//! the container before it starts.

use std::io;

use crate::diagnostic::Diagnostic;
use crate::name::ServiceName;
use crate::project::{FileObject, FileReference, Project, Service};

/// A file that is written into a container before it starts.
#[derive(Clone, PartialEq, Eq)]
pub struct Injected {
    /// Where, from the container's root.
    pub path: String,
    /// What it holds; may be a secret, so nothing prints it.
    pub content: String,
    /// Its owner.
    pub uid: u64,
    /// Its group.
    pub gid: u64,
    /// Its permission bits.
    pub mode: u32,
}

impl std::fmt::Debug for Injected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            path,
            uid,
            gid,
            mode,
            ..
        } = self;
        write!(f, "{path} ({uid}:{gid}, {mode:04o})")
    }
}

/// Whether it is a config or a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Secret,
    Config,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Config => "config",
        }
    }

    fn granted(self, service: &Service) -> &[FileReference] {
        match self {
            Self::Secret => &service.secrets,
            Self::Config => &service.configs,
        }
    }

    fn defined<'a>(self, project: &'a Project, key: &str) -> Option<&'a FileObject> {
        match self {
            Self::Secret => project.secrets.get(key),
            Self::Config => project.configs.get(key),
        }
    }

    /// Where it lies in the container.
    fn target(self, reference: &FileReference) -> String {
        let base = match self {
            Self::Secret => "/run/secrets/",
            Self::Config => "/",
        };
        match &*reference.target {
            "" => format!("{base}{}", reference.source),
            absolute if is_absolute(absolute) => absolute.to_owned(),
            relative => format!("{base}{relative}"),
        }
    }
}

/// An absolute path of Linux or of Windows.
fn is_absolute(path: &str) -> bool {
    let drive = |path: &str| {
        let mut chars = path.chars();
        chars.next().is_some_and(|c| c.is_ascii_alphabetic())
            && chars.next() == Some(':')
            && chars.next().is_some_and(|c| c == '\\' || c == '/')
    };
    path.starts_with('/') || path.starts_with("\\\\") || drive(path)
}

/// What one config or secret is made of.
enum Origin<'a> {
    File(&'a str),
    Text(&'a str),
}

/// The configs or secrets that are bound from a file: target and source.
pub(super) fn bound(
    project: &Project,
    service: &Service,
    kind: Kind,
) -> Result<Vec<(String, String)>, Diagnostic> {
    let mut bound = Vec::new();
    for reference in kind.granted(service) {
        if let Origin::File(file) = origin(project, reference, kind)? {
            bound.push((kind.target(reference), file.to_owned()));
        }
    }
    Ok(bound)
}

/// The configs and secrets that are written into the container of a service before each start.
///
/// # Errors
/// A variable that is not set, an owner that is no number, a service whose root is read-only.
pub fn files(
    project: &Project,
    name: &ServiceName,
    service: &Service,
) -> Result<Vec<Injected>, Diagnostic> {
    let mut files = Vec::new();
    for kind in [Kind::Secret, Kind::Config] {
        for reference in kind.granted(service) {
            let Origin::Text(content) = origin(project, reference, kind)? else {
                continue;
            };
            if service.read_only {
                return Err(Diagnostic::error(format!(
                    "service `{name}` is `read_only`, so its {} `{}` cannot be written into it",
                    kind.word(),
                    reference.source
                ))
                .hint(format!(
                    "define the {} with `file:`, which is mounted",
                    kind.word()
                )));
            }
            files.push(Injected {
                path: kind.target(reference),
                content: content.to_owned(),
                uid: owner(&reference.uid, reference, kind)?,
                gid: owner(&reference.gid, reference, kind)?,
                mode: reference
                    .mode
                    .map_or(0o444, |mode| u32::try_from(mode.0).unwrap_or(0o444)),
            });
        }
    }
    Ok(files)
}

fn owner(id: &str, reference: &FileReference, kind: Kind) -> Result<u64, Diagnostic> {
    if id.is_empty() {
        return Ok(0);
    }
    id.parse().map_err(|_| {
        Diagnostic::error(format!(
            "`{id}`, an owner of the {} `{}`, is not a number",
            kind.word(),
            reference.source
        ))
        .hint("`uid` and `gid` are numbers: the container's user names are not known outside it")
    })
}

fn origin<'a>(
    project: &'a Project,
    reference: &FileReference,
    kind: Kind,
) -> Result<Origin<'a>, Diagnostic> {
    let key = &reference.source;
    let word = kind.word();
    let object = kind
        .defined(project, key)
        .ok_or_else(|| Diagnostic::error(format!("{word} `{key}` is not defined")))?;
    let unsupported = |what: String| {
        Diagnostic::error(format!("{word} `{key}` {what}, which only swarm has"))
            .hint(format!("define the {word} with `file:` or `environment:`"))
    };
    if object.external {
        return Err(unsupported("is external".into()));
    }
    for (option, value) in [
        ("driver", &object.driver),
        ("template_driver", &object.template_driver),
    ] {
        if !value.is_empty() {
            return Err(unsupported(format!("sets `{option}`")));
        }
    }
    if !object.content.is_empty() {
        return Ok(Origin::Text(&object.content));
    }
    if !object.environment.is_empty() {
        let value = project
            .environment
            .get(&object.environment)
            .ok_or_else(|| {
                Diagnostic::error(format!(
                    "environment variable `{}`, which the {word} `{key}` is made of, is not set",
                    object.environment
                ))
            })?;
        return Ok(Origin::Text(value));
    }
    match object.file.is_empty() {
        true => Ok(Origin::Text("")),
        false => Ok(Origin::File(&object.file)),
    }
}

/// The files as a tar archive for the container's root; `modified` in seconds since 1970.
///
/// # Errors
/// A path that an archive cannot hold.
pub fn archive(files: &[Injected], modified: u64) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(file.content.len() as u64);
        header.set_mode(file.mode);
        header.set_uid(file.uid);
        header.set_gid(file.gid);
        header.set_mtime(modified);
        let path = file.path.trim_start_matches('/');
        archive.append_data(&mut header, path, file.content.as_bytes())?;
    }
    archive.into_inner()
}
