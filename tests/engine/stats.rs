//! `stats`: once in every format, live on a terminal and in a pipe.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::exec::{project, web};
use crate::support::Terminal;

#[test]
fn once_it_prints_a_table_json_or_a_template() {
    let project = project("stats");
    let id = web(&project, "busybox");
    let done = project.dco(&["stats", "--no-stream"]).ok();
    let (head, row) = done.stdout.split_once('\n').expect("two lines");
    assert!(head.starts_with("CONTAINER ID   NAME "), "{head}");
    assert!(row.starts_with(&id[..12]), "{row}");
    // Just begun, it may still be charged for the runtime that made way for it.
    assert!(row.contains("iB / "), "{row}");

    let json = [
        "stats",
        "--no-stream",
        "--no-trunc",
        "--format",
        "json",
        "web",
    ];
    let done = project.dco(&json).ok();
    let row: serde_json::Value = serde_json::from_str(&done.stdout).expect("JSON");
    assert_eq!(row["ID"], id.as_str());
    assert_eq!(row["Name"], format!("{}-web-1", project.name()));
    let keys: Vec<_> = row.as_object().expect("an object").keys().collect();
    let all = "BlockIO CPUPerc Container ID MemPerc MemUsage Name NetIO PIDs";
    assert_eq!(keys, all.split(' ').collect::<Vec<_>>());

    project.dco(&["kill"]).ok();
    let names = ["stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}"];
    assert_eq!(project.dco(&names).ok().stdout, "");
    let all = [
        "stats",
        "-a",
        "--no-stream",
        "--format",
        "{{.Name}} {{.PIDs}}",
    ];
    let done = project.dco(&all).ok();
    assert_eq!(done.stdout, format!("{}-web-1 0\n", project.name()));
    let other = ["stats", "-a", "--no-stream", "--format", "json", "other"];
    assert_eq!(project.dco(&other).ok().stdout, "");
}

#[test]
fn live_it_is_drawn_in_place_and_follows_what_starts() {
    let project = project("stats");
    let mut terminal = Terminal::spawn(project.command(&["stats"]));
    terminal.expect("\x1b[2J\x1b[HCONTAINER ID");
    web(&project, "busybox");
    terminal.expect(format!("{}-web-1", project.name()).as_str());
    terminal.expect("\x1b[J\x1b[HCONTAINER ID");
    terminal.interrupt();
    assert_eq!(terminal.end().0, 130);
}

#[test]
fn in_a_pipe_it_goes_on_without_control_characters_and_ends_with_its_reader() {
    let project = project("stats");
    web(&project, "busybox");
    let mut command = project.command(&["stats", "--format", "json"]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("dco");
    let mut out = BufReader::new(child.stdout.take().expect("its output"));
    for _ in 0..2 {
        let mut line = String::new();
        out.read_line(&mut line).expect("a line");
        serde_json::from_str::<serde_json::Value>(&line).expect("JSON");
    }
    drop(out);
    let status = child.wait().expect("its end");
    assert_eq!(status.code(), Some(141), "as if by SIGPIPE");
}
