//! Programs that a test needs and that may not be installed here.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The path of a program; fetched from Debian's packages where it is missing.
///
/// # Panics
///
/// When it is not there and cannot be fetched: a test that needs it fails.
#[track_caller]
pub fn program(path: &str, packages: &[&str]) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/debian-program");
    let found = Command::new(script).arg(path).args(packages).output();
    let found = found.expect("scripts/debian-program");
    let said = String::from_utf8_lossy(&found.stderr);
    assert!(found.status.success(), "{said}");
    PathBuf::from(String::from_utf8_lossy(&found.stdout).trim())
}
