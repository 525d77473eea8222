//! `logs` from the engine's own files: the same as the engine sends, without asking it.

use serde_json::{Value, json};

use super::exec::container;
use super::logs::{project, shell, until_ended};
use crate::support::capability::{Capability, needs};
use crate::support::proxy::Recorder;
use crate::support::tcp::Tcp;
use crate::support::{Project, engine};

/// Lines of every kind: of both outputs, empty ones, longer than the engine's pieces, no text at
/// all, and a last one without its newline.
const SCRIPT: &str = r#"
echo one; echo err >&2; echo
head -c 40000 /dev/zero | tr '\0' x; echo end
printf '\377\376\t<b>&"\\ \303\251 \342\200\250\r\n\001\000\n\033[31mred\033[0m\n'
for i in 1 2 3 4 5 6 7 8 9; do echo "line $i"; done
printf unfinished
"#;

/// The same engine by two ways.
struct Ways {
    here: Recorder,
    elsewhere: Tcp,
}

impl Ways {
    fn to(project: &Project) -> Self {
        Self {
            here: Recorder::listen(project),
            elsewhere: Tcp::start(),
        }
    }

    /// What `dco logs` prints on a socket of this machine, which has to be what it prints where the
    /// engine sends it; beside it, whether the engine was asked for the log.
    #[track_caller]
    fn shown(&self, project: &Project, args: &[&str]) -> (String, bool) {
        let run = |host: &str| {
            let mut command = project.command(&["logs"]);
            command.args(args).env("DOCKER_HOST", host);
            project.finish(command, "").ok()
        };
        self.here.take();
        let (here, elsewhere) = (run(&self.here.host()), run(&self.elsewhere.host()));
        assert_eq!(here.stdout, elsewhere.stdout, "{args:?}");
        assert_eq!((here.stderr.as_str(), elsewhere.stderr.as_str()), ("", ""));
        let asked = self.here.take().iter().any(|call| call.ends_with("/logs"));
        (here.stdout, asked)
    }
}

#[test]
fn a_log_from_its_file_is_what_the_engine_sends() {
    if !needs(Capability::LogFiles) {
        return;
    }
    let project = project("logs");
    let id = shell(&project, "a", SCRIPT);
    let body = json!({"Image": "busybox", "Tty": true, "Cmd": ["sh", "-c", SCRIPT]});
    container(&project, "b", body);
    shell(&project, "bb", "true");
    until_ended(&project, "a");
    let again = engine::call("POST", &format!("/containers/{id}/start"));
    assert_eq!(again.status, 204);
    for service in ["a", "b", "bb"] {
        until_ended(&project, service);
    }
    let ways = Ways::to(&project);
    for service in ["a", "b", "bb"] {
        let (all, _) = ways.shown(&project, &["-t", "--no-log-prefix", service]);
        let times: Vec<&str> = all.lines().filter_map(|it| it.split(' ').next()).collect();
        let time = |at: usize| *times.get(at).unwrap_or(&"2024-01-01T00:00:00.5Z");
        let (early, late) = (time(5), time(times.len().saturating_sub(4)));
        let ranges: [&[&str]; 14] = [
            &[],
            &["--json"],
            &["--grep", "e"],
            &["--tail", "0"],
            &["--tail", "1", "-t"],
            &["--tail", "7"],
            &["--tail", "1000"],
            &["--since", early, "-t"],
            &["--until", late, "-t"],
            &["--since", early, "--until", late],
            &["--tail", "8", "--since", late],
            &["--tail", "20", "--until", early],
            &["--since", "0", "--until", "0"],
            &["--since", "1h", "--until", "30m"],
        ];
        for range in ranges {
            let (_, asked) = ways.shown(&project, &[range, &[service]].concat());
            assert!(!asked, "{range:?} of {service}");
        }
    }
}

#[test]
fn what_no_file_tells_is_asked_of_the_engine() {
    if !needs(Capability::LogFiles) {
        return;
    }
    let project = project("logs");
    let log = |service: &str, driver: &str, options: Value| {
        let script = "for i in $(seq 100); do echo line $i; done";
        let body = json!({
            "Image": "busybox", "Cmd": ["sh", "-c", script],
            "Log": driver, "LogOptions": options,
        });
        container(&project, service, body);
        until_ended(&project, service);
    };
    log(
        "a",
        "json-file",
        json!({"tag": "x", "labels": "com.docker.compose.service"}),
    );
    log("b", "local", json!({}));
    log("bb", "json-file", json!({"max-size": "4k"}));
    log(
        "late",
        "json-file",
        json!({"max-size": "4k", "max-file": "9"}),
    );
    let ways = Ways::to(&project);
    let lines = |from: usize| -> String {
        (from..=100)
            .map(|number| format!("line {number}\n"))
            .collect()
    };
    for (service, tail, from, by_engine) in [
        ("a", "all", 1, false),
        ("a", "5", 96, false),
        ("b", "all", 1, true),
        ("b", "5", 96, true),
        ("bb", "1", 100, true),
        ("late", "all", 1, true),
        ("late", "90", 11, true),
        ("late", "1", 100, false),
    ] {
        let args = ["--no-log-prefix", "--tail", tail, service];
        let expected = (lines(from), by_engine);
        assert_eq!(ways.shown(&project, &args), expected, "{args:?}");
    }
}

/// The engine ends such a log before the first of them, without a word.
#[test]
fn what_a_full_disk_left_of_an_entry_is_told_and_the_rest_is_shown() {
    if !needs(Capability::LogFiles) || !needs(Capability::Here) {
        return;
    }
    let project = project("logs");
    let id = shell(&project, "a", "for i in 1 2 3 4; do echo line $i; done");
    until_ended(&project, "a");
    let path = engine::get(&format!("/containers/{id}/json"))["LogPath"].clone();
    let path = path.as_str().expect("its log");
    let log = std::fs::read_to_string(path).expect("its entries");
    let mut entries: Vec<&str> = log.lines().collect();
    entries[1] = &entries[1][..15];
    std::fs::write(path, entries.join("\n") + "\n").expect("a torn entry");
    let done = project.dco(&["logs", "--no-log-prefix"]).ok();
    assert_eq!(done.stdout, "line 1\nline 3\nline 4\n");
    let told = format!(
        "warning: 1 entry of the log of `{}-a-1` cannot be read and is left out\n\
         hint: a full disk or a power cut leaves such: {path}\n",
        project.name()
    );
    assert_eq!(done.stderr, told);
    // None of what is asked for.
    let done = project
        .dco(&["logs", "--no-log-prefix", "--tail", "2"])
        .ok();
    assert_eq!(
        (done.stdout.as_str(), done.stderr.as_str()),
        ("line 3\nline 4\n", "")
    );
}
