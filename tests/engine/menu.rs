//! The keys of an attached `up`, on a terminal; and where it says what.

use crate::support::{PATIENCE, Project, Terminal, until};

/// A service that speaks, and takes files.
fn project(subject: &str) -> Project {
    Project::new(subject).file("src/page", "one\n").file(
        "compose.yaml",
        "\
services:
  web:
    image: busybox
    init: true
    command: [sh, -c, 'while :; do echo tick; sleep 1; done']
    develop:
      watch:
        - path: ./src
          target: /app
          action: sync
  quiet:
    image: busybox
    init: true
    command: [sh, -c, 'echo hush; sleep 600']
",
    )
}

/// `up` in a shell that says how it left the terminal.
fn up(project: &Project, args: &str) -> Terminal {
    let dco = env!("CARGO_BIN_EXE_dco");
    let script =
        format!("trap : INT; {dco} up {args}; echo code $?; stty -a | grep -o -- '-*icanon'");
    let mut command = project.program("sh".as_ref(), &["-c", &script]);
    command.env("TERM", "xterm-256color");
    Terminal::spawn(command)
}

fn page(project: &Project) -> String {
    let args = ["exec", "-T", "web", "cat", "/app/page"];
    project.dco(&args).stdout
}

#[test]
fn keys_turn_the_watch_on_and_off_and_detach() {
    let project = project("menu");
    let mut terminal = up(&project, "");
    terminal.expect("Enable Watch");
    terminal.expect("Detach");
    // Said above the line, which is drawn again below.
    terminal.expect("tick");
    terminal.expect("Enable Watch");
    terminal.send("w");
    terminal.expect("Watch enabled");
    terminal.expect("Disable Watch");
    project.write("src/page", "two\n");
    until(PATIENCE, "the saved file", || {
        (page(&project) == "two\n").then_some(())
    });
    terminal.send("w");
    terminal.expect("Watch disabled");
    terminal.expect("Enable Watch");
    terminal.send("d");
    terminal.expect("detached: the containers run on");
    terminal.expect("code 0");
    let (_, rest) = terminal.end();
    assert_eq!(rest.trim(), "icanon");
    assert_eq!(project.inspect("web")["State"]["Running"], true);
}

#[test]
fn ctrl_c_takes_the_line_away_and_stops_everything() {
    let project = project("menuend");
    let mut terminal = up(&project, "--watch");
    terminal.expect("Disable Watch");
    terminal.expect("tick");
    terminal.interrupt();
    terminal.expect("Gracefully Stopping");
    let rest = terminal.expect("code 130");
    assert!(!rest.contains("Detach"), "{rest}");
    let (_, rest) = terminal.end();
    assert_eq!(rest.trim(), "icanon");
    assert_eq!(project.inspect("web")["State"]["Running"], false);
}

/// The variable that makes it panic is in builds for tests only.
#[cfg(debug_assertions)]
#[test]
fn a_panic_gives_the_terminal_back_and_says_how_to_report_it() {
    let project = project("panic");
    project.dco(&["up", "-d", "web"]).ok();
    for args in ["up", "exec web cat"] {
        let dco = env!("CARGO_BIN_EXE_dco");
        let script = format!(
            "before=$(stty -g); DCO_TEST_PANIC=1 {dco} {args}; echo code $?; \
             [ \"$before\" = \"$(stty -g)\" ] && echo as before"
        );
        let mut command = project.program("sh".as_ref(), &["-c", &script]);
        command.env("TERM", "xterm-256color");
        let mut terminal = Terminal::spawn(command);
        let said = terminal.expect("code 101");
        let (_, rest) = terminal.end();
        assert_eq!(rest.trim(), "as before", "{args}: {said}");
        let told = said.find("`DCO_TEST_PANIC` asks for it").expect(&said);
        let hint = "hint: report it with the lines above, what you ran, and what `dco version`";
        assert!(said[told..].contains(hint), "{args}: {said}");
        let cursor = |sign| said.rfind(sign);
        let (hidden, shown) = (cursor("\x1b[?25l"), cursor("\x1b[?25h"));
        assert!(shown.is_some() && shown > hidden, "{args}: {said}");
    }
}

#[test]
fn a_flag_or_a_variable_turns_the_keys_off() {
    for (args, variable) in [("--menu=false", "true"), ("", "0")] {
        let project = project("nomenu").env("COMPOSE_MENU", variable);
        let mut terminal = up(&project, args);
        let shown = terminal.expect("tick");
        terminal.send("d");
        let more = terminal.expect("tick");
        assert!(!(shown + &more).contains("Watch"), "{more}");
        terminal.interrupt();
        terminal.expect("code 130");
        terminal.end();
    }
}

#[test]
fn logs_are_those_that_are_asked_for_and_all_where_none_is_left() {
    let project = Project::new("attachto").file(
        "compose.yaml",
        "\
services:
  web: {image: busybox, command: [sh, -c, 'sleep 0.2; echo said; sleep 0.3']}
  quiet: {image: busybox, command: [sh, -c, 'sleep 0.2; echo hush; sleep 0.3']}
",
    );
    let said = |args: &[&str]| project.dco(&[&["up"], args].concat()).ok().stdout;
    let one = said(&["--no-attach", "quiet"]);
    assert!(one.starts_with("Attaching to web-1\n"), "{one}");
    assert!(
        one.contains("web-1  | said\n") && !one.contains("hush"),
        "{one}"
    );
    // One that is not followed may still run.
    project.dco(&["down"]).ok();
    let none = said(&["--no-attach", "quiet", "--no-attach", "web"]);
    assert!(none.starts_with("Attaching to quiet-1, web-1\n"), "{none}");
    assert!(none.contains("said") && none.contains("hush"), "{none}");
    project.dco(&["down"]).ok();
    let unknown = project.dco(&["up", "--attach", "nobody"]).exits(1);
    assert_eq!(
        unknown.stderr,
        "error: cannot attach to services not included in up: nobody\n"
    );
    assert!(project.containers().is_empty());
}

#[test]
fn what_was_named_ends_an_up_whether_its_log_is_shown_or_not() {
    let project = Project::new("attachend").file(
        "compose.yaml",
        "\
services:
  web: {image: busybox, init: true, depends_on: [once], command: [sh, -c, 'sleep 1; echo hush; exit 3']}
  quiet: {image: busybox, command: [sh, -c, 'echo said']}
  once: {image: busybox, command: ['true']}
",
    );
    let up = |args: &[&str], code: i32| {
        let done = project.dco(&[&["up"], args].concat()).exits(code);
        project.dco(&["down"]).ok();
        done.stdout.replace("\r\u{1b}[K", "")
    };
    let last = up(&["--no-attach", "web", "web", "quiet"], 0);
    assert_eq!(
        last,
        "\
Attaching to quiet-1
quiet-1  | said
quiet-1 exited with code 0
web-1 exited with code 3
"
    );
    let failed = up(
        &[
            "--no-attach",
            "web",
            "--abort-on-container-failure",
            "web",
            "quiet",
        ],
        3,
    );
    assert_eq!(failed, last);
    // What was not named ends nothing, though its log is shown.
    let shown = up(
        &["--attach-dependencies", "--abort-on-container-exit", "web"],
        3,
    );
    assert!(
        shown.ends_with("web-1   | hush\nweb-1 exited with code 3\n"),
        "{shown}"
    );
    assert!(shown.contains("once-1 exited with code 0\n"), "{shown}");
}

#[test]
fn progress_goes_to_standard_output_where_it_is_asked_for() {
    let project = project("status");
    let done = project.dco(&["up", "-d", "web"]).ok();
    assert_eq!(done.stdout, "");
    assert!(done.stderr.contains("-web-1  Started\n"), "{}", done.stderr);
    let project = project.env("COMPOSE_STATUS_STDOUT", "1");
    let done = project.dco(&["stop"]).ok();
    assert!(done.stdout.contains("-web-1  Stopped\n"), "{}", done.stdout);
    assert_eq!(done.stderr, "");
    let done = project.dco(&["start", "nobody"]).exits(1);
    assert!(done.stderr.starts_with("error: "), "{}", done.stderr);
}
