//! The project's name: asked for, written, or the folder's.

use std::path::Path;

use super::context::{Context, Phase, Variables};
use super::discover::Files;
use super::document::Loader;
use super::node::{Node, Span};
use super::substitute;
use crate::diagnostic::Diagnostic;
use crate::project::NameOrigin;

/// A name as a project can bear it: lower case, of letters, digits, `-` and `_`, which cannot stand
/// at its start.
pub fn normalize_name(name: &str) -> String {
    let kept = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let name: String = name.to_lowercase().chars().filter(kept).collect();
    name.trim_start_matches(['-', '_']).to_owned()
}

/// The name that `-p` or `COMPOSE_PROJECT_NAME` asks for.
///
/// # Errors
/// One that is none.
pub fn asked(cx: &mut Context<'_>, variables: &Variables) -> Phase<Option<(String, NameOrigin)>> {
    let option = cx
        .request
        .project_name
        .as_deref()
        .filter(|name| !name.is_empty());
    let variable = variables.get("COMPOSE_PROJECT_NAME");
    let variable = variable.filter(|(name, _)| !name.is_empty());
    let (name, at) = match (option, variable) {
        (Some(name), _) => (name, Span::default()),
        (None, Some((name, at))) => (name.as_str(), *at),
        (None, None) => return Ok(None),
    };
    let normal = normalize_name(name);
    if normal == name {
        return Ok(Some((normal, NameOrigin::Asked)));
    }
    let mut error = Diagnostic::error(format!("`{name}` is no name for a project"))
        .at(cx.place(at))
        .hint("a name holds lower-case letters, digits, `-` and `_`, and begins with a letter or digit");
    if !normal.is_empty() {
        error = error.hint(format!("`{normal}` is one"));
    }
    cx.halt(error)
}

/// The project's name and where it came from.
///
/// # Errors
/// A file that cannot be read, or a name that none can have.
pub fn find(
    loader: &mut Loader<'_, '_>,
    files: &Files,
    variables: &Variables,
) -> Phase<(String, NameOrigin)> {
    if let Some(asked) = asked(loader.cx, variables)? {
        return Ok(asked);
    }
    let mut written: Option<Node> = None;
    for file in &files.paths {
        let parsed = loader.parse(file, None)?;
        for document in &parsed.1 {
            let name = document.root.get("name").filter(|name| !name.is_null());
            written = name
                .filter(|name| name.as_text() != Some(""))
                .cloned()
                .or(written);
        }
    }
    let cx = &mut *loader.cx;
    if let Some(mut node) = written {
        if cx.request.options.interpolate {
            substitute::substitute(cx, &mut node, variables);
            cx.barrier()?;
        }
        let name = node.value.to_string();
        let name = match cx.request.options.normalize {
            true => normalize_name(&name),
            false => name,
        };
        return Ok((name, NameOrigin::File));
    }
    let dir = &files.home;
    let base = dir
        .file_name()
        .map(|base| base.to_string_lossy().into_owned())
        .unwrap_or_default();
    let real = dir.canonicalize().ok();
    let real = real
        .as_deref()
        .and_then(Path::file_name)
        .map(|real| real.to_string_lossy());
    if real.is_some_and(|real| real != base.as_str()) {
        let message = format!(
            "the project's folder is a symbolic link: the project is named after the link, `{base}`"
        );
        cx.warnings
            .push(Diagnostic::warning(message).hint("name it with `name:` or `-p`"));
    }
    Ok((normalize_name(&base), NameOrigin::Directory))
}
