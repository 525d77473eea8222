//! What every phase shares: the files, the places of variables, and what there is to say.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::Request;
use super::interpolate::Budget;
use super::node::Span;
use super::sources::Sources;
use crate::diagnostic::{Diagnostic, Diagnostics, Place};

/// The variables that a file is read with, each with the place it was set at (file 0: the shell).
pub type Variables = BTreeMap<String, (String, Span)>;

/// What the values of a project may grow to by their variables.
const LARGEST: usize = 64 << 20;

/// The resources that something is wrong with: what else is found there may only follow from it.
#[derive(Debug, Default)]
pub struct Faulty(BTreeSet<(&'static str, Arc<str>)>);

impl Faulty {
    /// Notes that something is wrong with a resource of a section.
    pub fn add(&mut self, section: &'static str, name: &Arc<str>) {
        self.0.insert((section, Arc::clone(name)));
    }

    /// Whether something is wrong with a resource of a section.
    pub fn has(&self, section: &'static str, name: &str) -> bool {
        !self.0.is_empty() && self.0.contains(&(section, name.into()))
    }
}

/// The state of one load.
pub struct Context<'r> {
    /// What was asked.
    pub request: &'r Request,
    /// The files read so far.
    pub sources: Sources,
    /// What relative paths of the main files start from.
    pub working_dir: PathBuf,
    /// The addresses that were included.
    pub remote_includes: Vec<String>,
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
            remote_includes: Vec::new(),
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
        let mut errors = fold(errors);
        let more = errors.len().saturating_sub(TOLD);
        errors.truncate(TOLD);
        if more > 0 {
            let text = format!("mistakes that are told once these are mended: {more}");
            errors.push(Diagnostic::error(text));
        }
        Err(Diagnostics(errors))
    }
}

/// How many mistakes are told: nobody mends more of them at a time.
const TOLD: usize = 100;

/// How many of those that share a mistake are named.
const NAMED: usize = 3;

/// Each mistake once: lines that several services share, by an anchor or `extends`, are told for
/// the first of them, which says for which others they count, too.
fn fold(errors: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut told: Vec<(Diagnostic, Vec<String>)> = Vec::new();
    for error in errors {
        let here = |(first, _): &&mut (Diagnostic, _)| first.places == error.places;
        let same = told.iter_mut().rev().take_while(here).find(|(first, _)| {
            let (a, b) = (about(&first.message), about(&error.message));
            first.hints == error.hints && a.1 == b.1
        });
        match (same, about(&error.message).0) {
            (None, _) => told.push((error, Vec::new())),
            (Some((first, others)), Some(path)) => {
                if about(&first.message).0 != Some(path) {
                    others.push(format!("`{path}`"));
                }
            }
            (Some(_), None) => {}
        }
    }
    let one = |(mut error, mut others): (Diagnostic, Vec<String>)| {
        let more = others.len().saturating_sub(NAMED);
        others.truncate(NAMED);
        if more > 0 {
            others.push(format!("{more} more"));
        }
        if let Some(last) = others.pop() {
            let names = match others.is_empty() {
                true => last,
                false => format!("{} and {last}", others.join(", ")),
            };
            error
                .hints
                .push(format!("these lines count for {names}, too"));
        }
        error
    };
    told.into_iter().map(one).collect()
}

/// The path that a message begins with, and the rest.
fn about(message: &str) -> (Option<&str>, &str) {
    let split = message.strip_prefix('`').and_then(|it| it.split_once('`'));
    match split {
        Some((path, rest)) if path.contains('.') => (Some(path), rest),
        _ => (None, message),
    }
}
