//! Phase 2: variables are replaced in every value, and texts where a number or a truth value is
//! wanted become one.

use std::sync::{Arc, LazyLock};

use super::context::{Context, Variables};
use super::interpolate::{self, ErrorKind, Taken};
use super::node::{Node, Span, Value};
use super::rules::Rules;
use super::swallowed;
use crate::diagnostic::Diagnostic;

/// What a text becomes at a path.
#[derive(Clone, Copy, Debug)]
enum Cast {
    Int,
    Float,
    Bool,
}

static CASTS: LazyLock<Rules<Cast>> = LazyLock::new(|| {
    use Cast::{Bool, Float, Int};
    Rules::new(&[
        ("services.*.cpu_count", Int),
        ("services.*.cpu_percent", Float),
        ("services.*.cpu_period", Int),
        ("services.*.cpu_quota", Int),
        ("services.*.cpu_rt_period", Int),
        ("services.*.cpu_rt_runtime", Int),
        ("services.*.cpus", Float),
        ("services.*.cpu_shares", Int),
        ("services.*.depends_on.*.required", Bool),
        ("services.*.depends_on.*.restart", Bool),
        ("services.*.init", Bool),
        ("services.*.deploy.replicas", Int),
        ("services.*.deploy.update_config.parallelism", Int),
        ("services.*.deploy.update_config.max_failure_ratio", Float),
        ("services.*.deploy.rollback_config.parallelism", Int),
        ("services.*.deploy.rollback_config.max_failure_ratio", Float),
        ("services.*.deploy.restart_policy.max_attempts", Int),
        ("services.*.deploy.placement.max_replicas_per_node", Int),
        ("services.*.healthcheck.retries", Int),
        ("services.*.healthcheck.disable", Bool),
        ("services.*.oom_kill_disable", Bool),
        ("services.*.oom_score_adj", Int),
        ("services.*.pids_limit", Int),
        ("services.*.ports.*.target", Int),
        ("services.*.privileged", Bool),
        ("services.*.read_only", Bool),
        ("services.*.scale", Int),
        ("services.*.stdin_open", Bool),
        ("services.*.tty", Bool),
        ("services.*.ulimits.*", Int),
        ("services.*.ulimits.*.hard", Int),
        ("services.*.ulimits.*.soft", Int),
        ("services.*.volumes.*.read_only", Bool),
        ("services.*.volumes.*.volume.nocopy", Bool),
        ("networks.*.external", Bool),
        ("networks.*.internal", Bool),
        ("networks.*.attachable", Bool),
        ("networks.*.enable_ipv4", Bool),
        ("networks.*.enable_ipv6", Bool),
        ("volumes.*.external", Bool),
        ("secrets.*.external", Bool),
        ("configs.*.external", Bool),
    ])
});

/// Replaces the variables of a document and casts what the table names.
pub fn substitute(cx: &mut Context<'_>, root: &mut Node, variables: &Variables) {
    let mut path = Vec::new();
    walk(cx, root, variables, Some(&CASTS), &mut path);
}

fn walk(
    cx: &mut Context<'_>,
    node: &mut Node,
    variables: &Variables,
    casts: Option<&'static Rules<Cast>>,
    path: &mut Vec<String>,
) {
    match &node.value {
        Value::Text(text) => {
            let cast = casts.and_then(Rules::rule);
            if cast.is_none() && !text.contains('$') {
                return;
            }
            let text = Arc::clone(text);
            if let Some(value) = replace(cx, &text, node.at, variables, path) {
                node.value = match cast {
                    Some(cast) => match cast_text(cx, &value, cast, node.at) {
                        Ok(value) => value,
                        Err(wanted) => {
                            let path = path.join(".");
                            let message = format!("`{path}` must be {wanted}, not `{value}`");
                            let error = Diagnostic::error(message).at(cx.place(node.at));
                            let error = with_variables(cx, error, &text, variables);
                            cx.errors.push(error);
                            return;
                        }
                    },
                    None => Value::Text(value.into()),
                };
            }
        }
        Value::List(items) => {
            let casts = casts.and_then(Rules::item);
            if !needs_walk(items.iter(), casts) {
                return;
            }
            if let Some(items) = node.as_list_mut() {
                for (index, item) in items.iter_mut().enumerate() {
                    path.push(index.to_string());
                    walk(cx, item, variables, casts, path);
                    path.pop();
                }
            }
        }
        Value::Map(map) => {
            if casts.is_none() && !needs_walk(map.iter().map(|entry| &entry.node), None) {
                return;
            }
            if let Some(map) = node.as_map_mut() {
                for entry in map.iter_mut() {
                    path.push(entry.key.to_string());
                    let casts = casts.and_then(|casts| casts.step(&entry.key));
                    walk(cx, &mut entry.node, variables, casts, path);
                    path.pop();
                }
            }
        }
        _ => {}
    }
}

/// Whether anything in these nodes can change: what cannot stays shared.
fn needs_walk<'n>(mut nodes: impl Iterator<Item = &'n Node>, casts: Option<&Rules<Cast>>) -> bool {
    casts.is_some()
        || nodes.any(|node| match &node.value {
            Value::Text(text) => text.contains('$'),
            Value::List(_) | Value::Map(_) => true,
            _ => false,
        })
}

/// A text with its variables replaced; `None` where that fails, which is noted.
fn replace(
    cx: &mut Context<'_>,
    text: &str,
    at: Span,
    variables: &Variables,
    path: &[String],
) -> Option<String> {
    if cx.budget.is_spent() {
        return None;
    }
    let budget = &cx.budget;
    let lookup = |name: &str| Some(budget.take(&variables.get(name)?.0));
    match interpolate::interpolate(text, &lookup) {
        Ok(_) if cx.budget.is_spent() => {
            cx.error("the values of the project grow to more than 64 MiB", at);
            None
        }
        Ok(done) => {
            for variable in &done.uses {
                if variable.taken == Taken::Unset && cx.unset.insert(variable.name.clone()) {
                    let at = cx.place(within(cx, at, text, &variable.at));
                    let secret = swallowed::in_yaml(path, text, variable, at.as_ref());
                    cx.warnings.push(secret.unwrap_or_else(|| {
                        let name = &variable.name;
                        Diagnostic::warning(format!(
                            "the variable `{name}` is not set: a blank string stands for it"
                        ))
                        .at(at)
                        .hint(format!("set it, or give it a default: ${{{name}:-…}}"))
                    }));
                }
            }
            Some(done.text.into_owned())
        }
        Err(errors) => {
            for error in errors {
                let place = cx.place(within(cx, at, text, &error.at));
                let diagnostic = match &error.kind {
                    ErrorKind::Malformed => Diagnostic::error(format!(
                        "invalid interpolation format for `{}`",
                        path.join(".")
                    ))
                    .at(place)
                    .hint(mend(text.get(error.at.clone()).unwrap_or_default())),
                    ErrorKind::Required { name, .. } => Diagnostic::error(error.kind.to_string())
                        .at(place)
                        .hint(format!("set it in the shell, or in `.env`: {name}=…")),
                    kind => Diagnostic::error(kind.to_string()).at(place),
                };
                cx.errors.push(diagnostic);
            }
            None
        }
    }
}

/// The mend of an expression that is none.
fn mend(expression: &str) -> String {
    match expression.strip_prefix("${") {
        Some(rest) if !rest.contains('}') => "the `{` is not closed: `${NAME}`".to_owned(),
        Some(_) => "a variable is written `${NAME}`, with a name of letters, digits and `_`; \
                    a `$` that stands for itself `$$`"
            .to_owned(),
        None => "a `$` that stands for itself is written `$$`".to_owned(),
    }
}

/// An error with the places of the variables that a text holds.
fn with_variables(
    cx: &Context<'_>,
    mut error: Diagnostic,
    text: &str,
    variables: &Variables,
) -> Diagnostic {
    let lookup = |name: &str| variables.get(name).map(|(value, _)| value.as_str());
    let uses = interpolate::interpolate(text, &lookup).map(|done| done.uses);
    for variable in uses.unwrap_or_default() {
        let name = &variable.name;
        error = match (variable.taken, variables.get(name)) {
            (Taken::Value, Some((_, at))) if at.file != 0 => {
                error.also(cx.place(*at), format!("`{name}` is set here"))
            }
            (Taken::Value, Some(_)) => error.hint(format!("`{name}` is set in the shell")),
            (Taken::Unset, _) => error.hint(format!("`{name}` is not set")),
            _ => error,
        };
    }
    error
}

/// The span of a part of a text, where the file holds the text as it is; else that of the whole.
fn within(cx: &Context<'_>, at: Span, text: &str, part: &std::ops::Range<usize>) -> Span {
    let written = (cx.sources.file(at.file))
        .and_then(|file| file.text.get(at.start as usize..at.end as usize))
        .and_then(|written| written.find(text));
    match (written, u32::try_from(part.start), u32::try_from(part.end)) {
        (Some(shift), Ok(start), Ok(end)) => {
            let base = at.start + u32::try_from(shift).unwrap_or_default();
            Span {
                file: at.file,
                start: base + start,
                end: base + end,
            }
        }
        _ => at,
    }
}

fn cast_text(
    cx: &mut Context<'_>,
    text: &str,
    cast: Cast,
    at: Span,
) -> Result<Value, &'static str> {
    match cast {
        Cast::Int => text.parse().map(Value::Int).map_err(|_| "an integer"),
        Cast::Float => text.parse().map(Value::Float).map_err(|_| "a number"),
        Cast::Bool => truth(cx, text, at).map(Value::Bool).ok_or("a boolean"),
    }
}

/// A truth value, of which YAML 1.1's words are taken with a warning.
pub fn truth(cx: &mut Context<'_>, text: &str, at: Span) -> Option<bool> {
    let value = match text.to_ascii_lowercase().as_str() {
        "true" => return Some(true),
        "false" => return Some(false),
        "y" | "yes" | "on" => true,
        "n" | "no" | "off" => false,
        _ => return None,
    };
    let warning = Diagnostic::warning(format!("`{text}` is no boolean of YAML 1.2"))
        .at(cx.place(at))
        .hint(format!("write `{value}`"));
    if !cx.warnings.contains(&warning) {
        cx.warnings.push(warning);
    }
    Some(value)
}
