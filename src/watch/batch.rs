//! When changes go out: at once after a quiet time, gathered while they keep coming. Pure: the
//! clock is a parameter.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long after its last write the first change after a quiet time goes out. Long enough for an
/// editor's write and rename to be one, short enough not to be felt.
pub const FIRST: Duration = Duration::from_millis(3);

/// How long at the most changes are gathered while they never stop.
pub const LONGEST: Duration = Duration::from_millis(500);

/// Paths that changed, gathered until they are due.
#[derive(Debug)]
pub struct Batch {
    debounce: Duration,
    paths: BTreeSet<PathBuf>,
    first: Option<Instant>,
    last: Option<Instant>,
    sent: Option<Instant>,
}

impl Batch {
    /// An empty batch; what follows a first change is gathered until nothing came for `debounce`.
    pub fn new(debounce: Duration) -> Self {
        Self {
            debounce,
            paths: BTreeSet::new(),
            first: None,
            last: None,
            sent: None,
        }
    }

    /// Adds a changed path.
    pub fn add(&mut self, path: PathBuf, now: Instant) {
        self.first.get_or_insert(now);
        self.last = Some(now);
        self.paths.insert(path);
    }

    /// When what is gathered is to go out; none where nothing is.
    pub fn due(&self) -> Option<Instant> {
        let (first, last) = (self.first?, self.last?);
        let was_quiet = self
            .sent
            .is_none_or(|sent| first.duration_since(sent) > self.debounce);
        let wait = if was_quiet { FIRST } else { self.debounce };
        Some((last + wait).min(first + LONGEST))
    }

    /// The gathered paths, where they are due.
    pub fn take(&mut self, now: Instant) -> Option<BTreeSet<PathBuf>> {
        if self.due()? > now {
            return None;
        }
        self.first = None;
        self.last = None;
        self.sent = Some(now);
        Some(std::mem::take(&mut self.paths))
    }

    /// Says that a reaction ended now: what comes soon after belongs to the same burst.
    pub fn reacted(&mut self, now: Instant) {
        self.sent = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_first_change_after_a_quiet_time_goes_out_at_once() {
        let start = Instant::now();
        let mut batch = Batch::new(50 * MS);
        assert_eq!(batch.due(), None);
        batch.add("a".into(), start);
        assert_eq!(batch.due(), Some(start + FIRST));
        assert_eq!(batch.take(start + 2 * MS), None);
        assert_eq!(batch.take(start + FIRST).unwrap().len(), 1);
    }

    #[test]
    fn what_follows_is_gathered_until_it_is_quiet() {
        let start = Instant::now();
        let mut batch = Batch::new(50 * MS);
        batch.add("a".into(), start);
        batch.take(start + FIRST).unwrap();
        batch.add("b".into(), start + 10 * MS);
        batch.add("c".into(), start + 40 * MS);
        assert_eq!(batch.due(), Some(start + 90 * MS));
        assert_eq!(batch.take(start + 90 * MS).unwrap().len(), 2);
    }

    #[test]
    fn a_constant_writer_does_not_starve_the_reaction() {
        let start = Instant::now();
        let mut batch = Batch::new(50 * MS);
        for step in 0..200 {
            batch.add("a".into(), start + step * 3 * MS);
        }
        assert_eq!(batch.due(), Some(start + LONGEST));
    }
}
