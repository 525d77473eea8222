//! Where values come from: the question that messages, `why` and `env` ask.

use std::fmt;
use std::sync::Arc;

use crate::diagnostic::Place;

/// Where a value came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Where it was written; none for what the loader itself adds.
    pub place: Option<Place>,
    /// The variables that it was made of.
    pub variables: Vec<VariableOrigin>,
}

/// One variable of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariableOrigin {
    /// Its name.
    pub name: String,
    /// Where its value came from.
    pub source: VariableSource,
}

/// Where a variable's value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariableSource {
    /// The environment that dco was started with, or the loader itself (`COMPOSE_PROJECT_NAME`).
    Shell,
    /// A line of `.env` or of another environment file.
    File(Place),
    /// The default in the expression.
    Default,
    /// Nowhere: it is not set.
    Unset,
}

/// `shell`, `.env:3`, `default`, `unset`.
impl fmt::Display for VariableSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shell => f.write_str("shell"),
            Self::File(place) => place.fmt(f),
            Self::Default => f.write_str("default"),
            Self::Unset => f.write_str("unset"),
        }
    }
}

/// `compose.yaml:12, TAG from .env:3`; `default` where nothing was written.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.place.is_none() && self.variables.is_empty() {
            return f.write_str("default");
        }
        let mut gap = "";
        if let Some(place) = &self.place {
            place.fmt(f)?;
            gap = ", ";
        }
        for variable in &self.variables {
            let name = &variable.name;
            match &variable.source {
                VariableSource::Default => write!(f, "{gap}default of {name}")?,
                VariableSource::Unset => write!(f, "{gap}{name} is not set")?,
                source => write!(f, "{gap}{name} from {source}")?,
            }
            gap = ", ";
        }
        Ok(())
    }
}

/// Who can say where the values of a project came from: the loader's last tree.
pub trait Origins: fmt::Debug + Send + Sync {
    /// Where the value at a path was written.
    fn place(&self, path: &[&str]) -> Option<Place>;
    /// Where the value at a path came from.
    fn origin(&self, path: &[&str]) -> Option<Origin>;
    /// Where the key at the end of a path was written.
    fn key_place(&self, path: &[&str]) -> Option<Place> {
        self.place(path)
    }
}

/// The origins of a loaded project; a project put together by hand has none.
#[derive(Clone, Debug, Default)]
pub struct Provenance(pub Option<Arc<dyn Origins>>);

/// Two projects are the same wherever they were written.
impl PartialEq for Provenance {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}
