//! Where the variables of a service come from: who wins, and who is hidden behind the winner.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::dotenv::{self, Entry};
use super::read;
use super::sources::{absolute, display_path};
use crate::diagnostic::{Diagnostic, Place, SourceFile};
use crate::name::ServiceName;
use crate::project::{EnvFile, Origin, Project, VariableOrigin, VariableSource};

/// One variable of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Its name.
    pub key: String,
    /// Everything that gives it a value: the winner first, then who would win without it.
    pub sources: Vec<Given>,
}

/// A value, and what gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The value; none where the file only names the variable and nobody sets it.
    pub value: Option<String>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Explains the environment of a service, sorted by name.
///
/// `project` is as [`super::load`] returns it: its `env_file`s are read here.
///
/// # Errors
/// An environment file that cannot be read.
pub fn explain(
    project: &Project,
    service: &ServiceName,
    cwd: &Path,
) -> Result<Vec<Explained>, Diagnostic> {
    let mut variables: BTreeMap<String, Vec<Given>> = BTreeMap::new();
    let Some(described) = project.services.get(service) else {
        return Ok(Vec::new());
    };
    let own = &described.environment;
    let outside = |key: &str| project.environment.get(key).map(String::as_str);
    let mut values: BTreeMap<String, String> = own
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), value.clone()?)))
        .collect();
    let mut lines: BTreeMap<String, Place> = BTreeMap::new();
    for file in &described.env_file {
        let outer = |key: &str| outside(key).or_else(|| own.get(key)?.as_deref());
        let earlier = |key: &str| values.get(key).map(String::as_str);
        let (source, entries) = entries(file, cwd, &outer, &earlier)?;
        for entry in entries {
            values.insert(entry.key.clone(), entry.value.clone());
            let given = Given {
                origin: written(&source, &entry, &lines, outside),
                value: Some(entry.value),
            };
            let place = given.origin.place.clone();
            lines.extend(place.map(|place| (entry.key.clone(), place)));
            variables.entry(entry.key).or_default().push(given);
        }
    }
    for (key, value) in own {
        let origin = project.origin(&["services", service, "environment", key]);
        let origin = origin.unwrap_or_default();
        let value = (value.clone()).or_else(|| project.environment.get(key).cloned());
        let given = Given { value, origin };
        variables.entry(key.clone()).or_default().push(given);
    }
    let explained = variables.into_iter().map(|(key, mut sources)| {
        sources.reverse();
        Explained { key, sources }
    });
    Ok(explained.collect())
}

fn entries<'e>(
    file: &EnvFile,
    cwd: &Path,
    outer: &dyn Fn(&str) -> Option<&'e str>,
    earlier: &dyn Fn(&str) -> Option<&'e str>,
) -> Result<(Arc<SourceFile>, Vec<Entry>), Diagnostic> {
    let path = display_path(Path::new(&file.path), cwd);
    let text = match read::text(&absolute(cwd, &file.path)) {
        Ok(text) => text,
        Err(read::Error::System(error))
            if error.kind() == std::io::ErrorKind::NotFound && !file.required.0 =>
        {
            String::new()
        }
        Err(error) => {
            let message = format!("cannot read the env file `{path}`: {error}");
            return Err(Diagnostic::error(message));
        }
    };
    let entries = match file.format.as_str() {
        "raw" => dotenv::parse_raw(&text, outer),
        _ => dotenv::parse(&text, outer, earlier),
    };
    let source = Arc::new(SourceFile { path, text });
    match entries {
        Ok(entries) => Ok((source, entries)),
        Err(error) => Err(Diagnostic::error(error.kind.to_string()).at(Place {
            range: error.at,
            file: source,
        })),
    }
}

/// The origin of a line of an environment file.
pub(super) fn written<'e>(
    file: &Arc<SourceFile>,
    entry: &Entry,
    lines: &BTreeMap<String, Place>,
    outside: impl Fn(&str) -> Option<&'e str>,
) -> Origin {
    use super::interpolate::Taken;
    let variables = match &entry.origin {
        dotenv::Origin::Inherited => vec![(&entry.key, Taken::Value)],
        dotenv::Origin::Written(uses) => uses.iter().map(|one| (&one.name, one.taken)).collect(),
    };
    let variables = variables.into_iter().map(|(name, taken)| VariableOrigin {
        name: name.clone(),
        source: match taken {
            Taken::Default => VariableSource::Default,
            Taken::Unset | Taken::Nothing => VariableSource::Unset,
            _ if outside(name).is_some() => VariableSource::Shell,
            // What the environment does not have was set by a line above or a file before.
            _ => (lines.get(name).cloned()).map_or(VariableSource::Unset, VariableSource::File),
        },
    });
    Origin {
        place: Some(Place {
            file: Arc::clone(file),
            range: entry.at.clone(),
        }),
        variables: variables.collect(),
    }
}
