//! Touches of our own, whose events are no news.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::known::Stamp;

/// How long the echo of a touch of our own may take to arrive.
const ECHO: Duration = Duration::from_secs(2);

/// The touches of our own whose events are still to come.
#[derive(Clone, Debug, Default)]
pub struct Echoes(Arc<Mutex<BTreeMap<PathBuf, Touch>>>);

/// What a path was like when it was touched, and when that was.
type Touch = (Option<Stamp>, Instant);

impl Echoes {
    /// Says that a path is about to be touched: an event of it that brings nothing new is ours.
    pub fn expect(&self, path: &Path) {
        let mut touched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        touched.retain(|_, (_, when)| when.elapsed() < ECHO);
        touched.insert(path.to_path_buf(), (Stamp::of(path), Instant::now()));
    }

    /// Whether an event of a path, as it is now, is the echo of a touch.
    pub(super) fn holds(&self, path: &Path) -> bool {
        let touched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        touched
            .get(path)
            .is_some_and(|(stamp, when)| when.elapsed() < ECHO && *stamp == Stamp::of(path))
    }
}
