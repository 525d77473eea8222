//! What a project says and hardly means: misspelt variables, credentials that do not fit.
//!
//! Everything here loads, hashes and runs as it is written; it is only pointed at. Values of
//! secrets are compared and never shown, and neither are the lines that hold them. Pure.

mod credentials;
mod names;
mod servers;

use std::fmt;

use crate::diagnostic::Diagnostic;
use crate::gate::Edges;
use crate::name::ServiceName;
use crate::project::Project;

/// One thing that is odd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The services that it is about.
    pub services: Vec<ServiceName>,
    /// What it is.
    pub warning: Diagnostic,
}

/// Everything that is odd about a project whose env files are read, in the order of its services.
pub fn lint(project: &Project, edges: &Edges) -> Vec<Finding> {
    let mut findings = names::misspelt(project);
    findings.extend(credentials::unfit(project, edges));
    findings
}

/// A variable of a service, as messages call it: `KEY` (compose.yaml:8).
struct Named<'a> {
    project: &'a Project,
    service: &'a ServiceName,
    key: &'a str,
}

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = ["services", self.service, "environment", self.key];
        match self
            .project
            .origin(&path)
            .filter(|origin| origin.place.is_some())
        {
            Some(origin) => write!(f, "`{}` ({origin})", self.key),
            None => write!(f, "`{}`", self.key),
        }
    }
}
