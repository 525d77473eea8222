//! A server that opens its port late and says when, in an image that holds nothing else.

use std::process::Command;

use super::Project;

/// Compiles the server and writes the Dockerfile of its image into a project; the image's name.
///
/// # Panics
///
/// Where there is no C compiler that links statically.
pub fn image(project: &Project) -> String {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/late/server.c");
    let built = Command::new("cc")
        .args(["-static", "-O", "-o"])
        .arg(project.path("late"))
        .arg(source)
        .status();
    assert!(
        built.is_ok_and(|status| status.success()),
        "a static C compiler"
    );
    project.write(
        "Dockerfile",
        "FROM scratch\nCOPY late /late\nENTRYPOINT [\"/late\"]\n",
    );
    format!("{}-late", project.name())
}
