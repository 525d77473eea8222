//! What every phase shares: the files, the places of variables, and what there is to say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::Request;
use super::aside::Faulty;
use super::interpolate::Budget;
use super::node::Span;
use super::sources::Sources;
use crate::diagnostic::{Diagnostic, Diagnostics, Place};

/// The variables that a file is read with, each with the place it was set at (file 0: the shell).
pub type Variables = BTreeMap<String, (String, Span)>;

/// What the values of a project may grow to by their variables.
const LARGEST: usize = 64 << 20;

/// The state of one load.
pub struct Context<'r> {
    /// What was asked.
    pub request: &'r Request,
    /// The files read so far.
    pub sources: Sources,
    /// What relative paths of the main files start from.
    pub working_dir: PathBuf,
    /// The variables that each file was read with, by its number.
    pub variables: BTreeMap<u32, Arc<Variables>>,
    /// What is wrong, found since [`super::aside::set_aside`] was called last.
    pub errors: Vec<Diagnostic>,
    /// What is wrong and no longer in the tree.
    pub aside: Vec<Diagnostic>,
    /// The resources that something was taken from.
    pub faulty: Faulty,
    /// What is odd.
    pub warnings: Vec<Diagnostic>,
    /// What variables may still add.
    pub budget: Budget,
    /// Variables already warned of.
    pub unset: BTreeSet<String>,
}

/// Ends a phase early; what is wrong stands in [`Context::errors`].
#[derive(Clone, Copy, Debug)]
pub struct Halt;

/// The result of a phase that can end early.
pub type Phase<T> = Result<T, Halt>;

impl<'r> Context<'r> {
    /// The state before anything is read.
    pub fn new(request: &'r Request) -> Self {
        Self {
            request,
            sources: Sources::default(),
            working_dir: PathBuf::new(),
            variables: BTreeMap::new(),
            errors: Vec::new(),
            aside: Vec::new(),
            faulty: Faulty::default(),
            warnings: Vec::new(),
            budget: Budget::new(LARGEST),
            unset: BTreeSet::new(),
        }
    }

    /// The place of a span.
    pub fn place(&self, at: Span) -> Option<Place> {
        self.sources.place(at)
    }

    /// Notes an error and goes on.
    pub fn error(&mut self, message: impl Into<String>, at: Span) {
        let error = Diagnostic::error(message).at(self.place(at));
        self.errors.push(error);
    }

    /// Notes an error and ends the phase.
    pub fn halt<T>(&mut self, error: Diagnostic) -> Phase<T> {
        self.errors.push(error);
        Err(Halt)
    }

    /// Ends the phase where an error was noted.
    pub fn barrier(&self) -> Phase<()> {
        match self.errors.is_empty() {
            true => Ok(()),
            false => Err(Halt),
        }
    }

    /// What came of a load, unless something was wrong on the way.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the places, each once.
    pub fn conclude<T>(self, outcome: Phase<T>) -> Result<T, Diagnostics> {
        let mut errors = self.aside;
        errors.extend(self.errors);
        match outcome {
            Ok(value) if errors.is_empty() => return Ok(value),
            _ => {}
        }
        let order = |diagnostic: &Diagnostic| {
            let place = &diagnostic.places.first()?.0;
            Some((place.file.path.clone(), place.range.start))
        };
        errors.sort_by_cached_key(order);
        errors.dedup();
        Err(Diagnostics(errors))
    }
}
