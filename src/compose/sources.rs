//! The files of one load: what they hold, and how a span becomes a place.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::node::Span;
use crate::diagnostic::{Place, SourceFile};
use crate::text::path::clean;

/// Every file that a load has read, by number; number 0 is nowhere.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<Arc<SourceFile>>,
}

impl Sources {
    /// Takes a file in and gives it its number.
    pub fn add(&mut self, path: String, text: String) -> u32 {
        self.files.push(Arc::new(SourceFile { path, text }));
        u32::try_from(self.files.len()).unwrap_or_default()
    }

    /// A file by its number.
    pub fn file(&self, number: u32) -> Option<&Arc<SourceFile>> {
        self.files.get((number as usize).checked_sub(1)?)
    }

    /// The number of a file.
    pub fn number(&self, file: &Arc<SourceFile>) -> Option<u32> {
        let index = self.files.iter().position(|own| Arc::ptr_eq(own, file))?;
        u32::try_from(index + 1).ok()
    }

    /// The place that a span stands for; none for what no file holds.
    pub fn place(&self, span: Span) -> Option<Place> {
        Some(Place {
            file: Arc::clone(self.file(span.file)?),
            range: span.start as usize..span.end as usize,
        })
    }
}

/// A path as messages call it: relative to the working directory where it lies below it.
pub fn display_path(path: &Path, cwd: &Path) -> String {
    match path.strip_prefix(cwd).unwrap_or(path) {
        here if here.as_os_str().is_empty() => ".".to_owned(),
        path => path.display().to_string(),
    }
}

/// `base/path` with `.` and `..` taken out of it, as Go's `filepath.Join` does; an absolute `path`
/// is put below `base` like any other.
pub fn join(base: &str, path: &str) -> String {
    match (base.is_empty(), path.is_empty()) {
        (true, true) => String::new(),
        (true, false) => clean(path),
        (false, true) => clean(base),
        (false, false) => clean(&format!("{base}/{path}")),
    }
}

/// `path` seen from the working directory, cleaned.
pub fn absolute(cwd: &Path, path: &str) -> PathBuf {
    match path.starts_with('/') {
        true => clean(path).into(),
        false => join(&cwd.to_string_lossy(), path).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_as_go_joins_them() {
        assert_eq!(join("/srv/app", "../x"), "/srv/x");
        assert_eq!(join("sub", "/etc"), "sub/etc");
    }
}
