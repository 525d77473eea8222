//! `export`: to a pipe, to a file, and where there is nothing to export.

use std::os::unix::fs::PermissionsExt;

use super::exec::{project, web};
use crate::support::Project;

/// What `tar` finds in the file.
fn listed(project: &Project, tar: &str) -> Vec<String> {
    let tar = project.program("tar".as_ref(), &["-tf", tar]);
    let listed = project.finish(tar, "").ok().stdout;
    listed.lines().map(str::to_owned).collect()
}

#[test]
fn a_pipe_and_a_file_get_every_file_of_the_container() {
    let project = project("export");
    web(&project, "busybox");
    project.dco(&["exec", "-T", "web", "touch", "/new"]).ok();
    let done = project.dco(&["export", "-o", "web.tar", "web"]).ok();
    assert!(done.stderr.contains("Exported"), "{}", done.stderr);
    assert_eq!(done.stdout, "");
    let files = listed(&project, "web.tar");
    assert!(files.contains(&"new".to_owned()), "{files:?}");
    let metadata = std::fs::metadata(project.path("web.tar")).expect("the file");
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);

    let piped = std::fs::File::create(project.path("piped.tar")).expect("a file");
    let mut command = project.command(&["export", "web"]);
    command.stdout(piped).stderr(std::process::Stdio::null());
    let status = command.status().expect("its end");
    assert!(status.success());
    assert_eq!(listed(&project, "piped.tar"), files);
}

#[test]
fn what_cannot_be_written_or_does_not_run_fails() {
    let project = project("export");
    let done = project.dco(&["export", "-o", "web.tar", "web"]).exits(1);
    let said = "error: service \"web\" is not running\n";
    assert!(done.stderr.starts_with(said), "{}", done.stderr);
    assert!(!project.path("web.tar").exists());
    web(&project, "busybox");
    let done = project.dco(&["export", "-o", "no/web.tar", "web"]).exits(1);
    assert!(
        done.stderr.contains("cannot write `no/web.tar`"),
        "{}",
        done.stderr
    );
    let done = project.dco(&["export", "-o", ".", "web"]).exits(1);
    assert!(
        done.stderr.contains("cannot write `.`: it is a directory"),
        "{}",
        done.stderr
    );
}
