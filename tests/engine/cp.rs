//! `cp`: tars through standard input and output unchanged, and what goes wrong says so by name.
//! What lands where is compared with Docker Compose by `tests/parity/invocations/copy.yaml`.

use std::fs::{self, File};
use std::process::Stdio;

use super::exec::{project, web};

#[test]
fn a_tar_goes_in_and_out_through_pipes_unchanged() {
    let project = project("cp");
    web(&project, "busybox");
    // Every byte there is, more than any buffer holds.
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|i| (i * 7 / 3) as u8).collect();
    fs::write(project.path("data.bin"), &bytes).expect("a file");
    let tar = project.program("tar".as_ref(), &["-cf", "in.tar", "data.bin"]);
    project.finish(tar, "").ok();

    let input = File::open(project.path("in.tar")).expect("the tar");
    let mut command = project.command(&["cp", "-", "web:/tmp"]);
    let status = command.stdin(input).stderr(Stdio::null()).status();
    assert!(status.expect("its end").success());

    let output = File::create(project.path("out.tar")).expect("a file");
    let mut command = project.command(&["cp", "web:/tmp/data.bin", "-"]);
    let status = command.stdout(output).stderr(Stdio::null()).status();
    assert!(status.expect("its end").success());
    fs::remove_file(project.path("data.bin")).expect("it is there");
    let tar = project.program("tar".as_ref(), &["-xf", "out.tar"]);
    project.finish(tar, "").ok();
    assert!(fs::read(project.path("data.bin")).expect("it is back") == bytes);
}

#[test]
fn what_cannot_be_copied_is_said_by_name_and_leaves_nothing_behind() {
    let project = project("cp").file("a.txt", "a");
    web(&project, "busybox");
    let container = format!("{}-web-1", project.name());
    for (args, said) in [
        (
            ["web:/nothing", "out"],
            format!(
                "cannot copy web:/nothing to out: could not find the file /nothing in container {container}"
            ),
        ),
        (
            ["a.txt", "web:/no/where"],
            format!(
                "cannot copy a.txt to web:/no/where: could not find the directory /no in container {container}"
            ),
        ),
        (
            ["lost", "web:/tmp"],
            "cannot copy lost to web:/tmp: cannot read".to_owned(),
        ),
        (
            ["a.txt", "other:/tmp"],
            "no container found for service \"other\"".to_owned(),
        ),
        (
            ["web:/tmp", "other:/tmp"],
            "copying between services is not supported".to_owned(),
        ),
    ] {
        let done = project.dco(&["cp", args[0], args[1]]).exits(1);
        assert!(done.stderr.contains(&said), "{}", done.stderr);
    }
    assert!(!project.path("out").exists());
}
