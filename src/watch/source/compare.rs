//! Comparing a tree with what was known of it: where there are no events, or too many of them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::platform::is_limit;
use super::{Changes, Root, Source};
use crate::diagnostic::Diagnostic;

/// How often a tree is compared where there are no events: what an editor's user still takes for
/// live.
const COMPARE_PERIOD: Duration = Duration::from_millis(400);

/// How many times longer than a comparison took the pause after it is at least, so that a large
/// tree takes no more than three per cent of a core.
const COMPARE_SHARE: u32 = 30;

/// Which roots are compared again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compared {
    /// Those on file systems that are written to behind the kernel's back.
    Silent,
    /// All: the kernel's watches are used up.
    All,
}

impl Source {
    /// Gives the kernel's watches back and compares from now on: there are not enough of them, and
    /// other programs (an editor, a bundler) need theirs.
    pub(super) fn compare_all(&mut self, error: &notify::Error) {
        self.watcher = None;
        self.compared = Compared::All;
        self.next_comparison = Some(Instant::now());
        let (what, hint) = match is_limit(error) {
            Some(setting) => (
                "the system's limit of file watches is reached".to_owned(),
                format!("raise it: `sysctl {setting}`"),
            ),
            None => (
                format!("the system gives no file events ({error})"),
                "nothing is lost; it is only slower".to_owned(),
            ),
        };
        self.notes.push(
            Diagnostic::warning(format!("{what}: files are compared twice a second instead"))
                .hint(hint),
        );
    }

    /// Compares what is due, and says when the next comparison is.
    pub(super) fn compare_due(&mut self, changes: &mut Changes) {
        let begun = Instant::now();
        let is_due = |root: &Root| match self.compared {
            Compared::All => true,
            Compared::Silent => self.silent.contains(&root.path),
        };
        let due: Vec<Root> = self
            .roots
            .iter()
            .filter(|root| is_due(root))
            .cloned()
            .collect();
        let mut found = BTreeSet::new();
        for root in &due {
            self.compare(root, &mut found);
        }
        let is_silent = |path: &&PathBuf| self.silent.iter().any(|root| path.starts_with(root));
        changes
            .silent
            .extend(found.iter().filter(is_silent).cloned());
        changes.paths.append(&mut found);
        let pause = COMPARE_PERIOD.max(begun.elapsed() * COMPARE_SHARE);
        self.next_comparison = (!due.is_empty()).then(|| Instant::now() + pause);
    }

    /// Compares a tree with what was known of it.
    pub(super) fn compare(&mut self, root: &Root, changes: &mut BTreeSet<PathBuf>) {
        for path in self.known.gone_below(&root.path) {
            self.folders.remove(&path);
            changes.insert(path);
        }
        if root.path.is_dir() {
            self.register(root, &root.path, Some(changes));
        } else if self.known.is_news(&root.path) {
            changes.insert(root.path.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::known;
    use super::super::tests::root;
    use super::*;

    #[tokio::test]
    async fn after_an_overflow_the_tree_is_compared_with_what_was_known() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().canonicalize().unwrap();
        for name in ["same.py", "written.py", "removed.py"] {
            fs::write(top.join(name), "1").unwrap();
        }
        // Old enough that an equal stamp proves that nothing changed.
        std::thread::sleep(known::SETTLED * 2);
        let mut source = Source::new(vec![root(&top)]);
        fs::write(top.join("written.py"), "22").unwrap();
        fs::remove_file(top.join("removed.py")).unwrap();
        fs::create_dir_all(top.join("new/er")).unwrap();
        fs::write(top.join("new/er/made.py"), "1").unwrap();
        // What the events say does not count here: only what a comparison finds.
        std::thread::sleep(known::SETTLED * 2);
        let mut changes = BTreeSet::new();
        source.compare(&root(&top), &mut changes);
        let expected = [
            "new",
            "new/er",
            "new/er/made.py",
            "removed.py",
            "written.py",
        ];
        assert_eq!(changes, expected.map(|name| top.join(name)).into());
    }
}
