//! What the loader says of files that are wrong: the whole of it, for every kind of mistake.
//!
//! A case is a folder of `tests/fixtures/errors`: the files, `args` (one per line, `config -q`
//! where there is none), `environment` (`NAME=value` lines), and `stderr`, which is what dco has to
//! say. `BLESS=1` writes what it says now; read it before it is committed.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::Project;

/// A refusal may take no longer than this above what it has to wait for.
const PROMPT: Duration = Duration::from_secs(1);

const WEB: &str = "services:\n  web:\n    image: nginx\n";

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/errors");
    let entries = fs::read_dir(&folder).unwrap();
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn lines(case: &Path, name: &str) -> Option<Vec<String>> {
    let text = fs::read_to_string(case.join(name)).ok()?;
    Some(text.lines().map(str::to_owned).collect())
}

/// What dco says in a copy of the case's files.
fn says(case: &Path) -> String {
    let mut project = Project::offline("errors");
    for entry in fs::read_dir(case).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !["args", "environment", "stderr"].contains(&name.as_str()) {
            fs::write(project.path(&name), fs::read(case.join(&name)).unwrap()).unwrap();
        }
    }
    for line in lines(case, "environment").unwrap_or_default() {
        let (key, value) = line.split_once('=').unwrap();
        project = project.env(key, value);
    }
    let args = lines(case, "args").unwrap_or_else(|| vec!["config".into(), "-q".into()]);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = project.dco(&args).exits(1);
    assert_eq!(done.stdout, "", "{}", case.display());
    let dir = project.dir().display().to_string();
    done.stderr.replace(&dir, "/project")
}

#[test]
fn every_mistake_is_told_with_its_place_and_its_mend() {
    let bless = std::env::var_os("BLESS").is_some();
    let cases = cases();
    let mut wrong = Vec::new();
    for case in &cases {
        let said = says(case);
        if bless {
            fs::write(case.join("stderr"), &said).unwrap();
        }
        let expected = fs::read_to_string(case.join("stderr")).unwrap_or_default();
        if said != expected {
            let name = case.file_name().unwrap().to_string_lossy();
            wrong.push(format!("{name} says\n{said}\ninstead of\n{expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases.len() >= 100, "{} cases", cases.len());
}

/// Runs `dco -f FILE config -q` below a limit of 200 MB; its errors, and how long it took.
fn bounded(project: &Project, file: &str) -> (String, Duration) {
    let program = env!("CARGO_BIN_EXE_dco");
    let script = format!("ulimit -v 200000; exec '{program}' -f '{file}' config -q </dev/null");
    let start = Instant::now();
    let command = project.program("bash".as_ref(), &["-c", &script]);
    let done = project.finish(command, "").exits(1);
    (done.stderr, start.elapsed())
}

#[test]
fn a_file_that_is_too_large_is_refused_without_reading_it() {
    let project = Project::offline("large").file("compose.yaml", WEB);
    let file = fs::OpenOptions::new()
        .write(true)
        .open(project.path("compose.yaml"))
        .unwrap();
    file.set_len((64 << 20) + 1).unwrap();
    let (said, took) = bounded(&project, "compose.yaml");
    assert_eq!(
        said,
        "error: cannot read `compose.yaml`: it is larger than 64 MiB\n"
    );
    assert!(took < PROMPT * 2, "{took:?}");
}

#[test]
fn a_file_nested_without_end_is_refused() {
    let deep = format!("{}{}\n", "[".repeat(20_000), "]".repeat(20_000));
    let project = Project::offline("deep").file("compose.yaml", &deep);
    let (said, took) = bounded(&project, "compose.yaml");
    assert!(said.starts_with("error: not valid YAML: "), "{said}");
    assert!(said.len() < 2_000, "{} bytes", said.len());
    assert!(took < PROMPT * 2, "{took:?}");
}

#[test]
fn a_pipe_that_says_nothing_is_not_waited_for() {
    let project = Project::offline("silent");
    let made = Command::new("mkfifo").arg(project.path("pipe")).status();
    assert!(made.unwrap().success());
    // Somebody holds it open, and writes nothing.
    let holder = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(project.path("pipe"))
        .unwrap();
    let (said, took) = bounded(&project, "pipe");
    drop(holder);
    assert_eq!(
        said,
        "error: cannot read `pipe`: the pipe has yielded nothing for a second\n\
         hint: does the command that writes to it end?\n"
    );
    assert!(took < Duration::from_secs(1) + PROMPT * 2, "{took:?}");
}

#[test]
fn a_pipe_that_yields_slowly_is_read_to_its_end() {
    let project = Project::offline("slow");
    let program = env!("CARGO_BIN_EXE_dco");
    let script = format!(
        "'{program}' -f <(printf 'services:\\n'; sleep 0.3; printf '  web:\\n    image: x\\n') config --services"
    );
    let command = project.program("bash".as_ref(), &["-c", &script]);
    assert_eq!(project.finish(command, "").ok().stdout, "web\n");
}

#[test]
fn standard_input_is_a_file_like_any_other() {
    let project = Project::offline("stdin");
    let mut child = project
        .command(&["-f", "-", "config", "--images"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(WEB.as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "nginx\n");
    let wrong = project.dco_with_input(
        &["-f", "-", "config", "-q"],
        "services:\n  web:\n    imag: x\n",
    );
    assert!(
        wrong.stderr.contains(" --> <stdin>:3:5\n"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn files_are_found_by_name_by_variable_and_in_the_folders_above() {
    let project = Project::offline("found")
        .file("compose.yml", "services: {a: {image: x}}\n")
        .file("compose.override.yml", "services: {b: {image: x}}\n")
        .file("other.yaml", "services: {c: {image: x}}\n")
        .file("deep/er/readme.txt", "\n");
    let services = |command: Command| project.finish(command, "").ok().stdout;
    let args = ["config", "--services"];
    assert_eq!(services(project.command(&args)), "a\nb\n");
    let mut below = project.command(&args);
    below.current_dir(project.path("deep/er"));
    assert_eq!(services(below), "a\nb\n");
    let mut named = project.command(&args);
    named
        .env("COMPOSE_FILE", "compose.yml,other.yaml")
        .env("COMPOSE_PATH_SEPARATOR", ",");
    assert_eq!(services(named), "a\nc\n");
}

#[test]
fn the_version_of_a_file_is_nothing_to_speak_of() {
    let project = Project::offline("quiet").file("compose.yaml", &format!("version: '3.8'\n{WEB}"));
    let done = project.dco(&["config"]).ok();
    assert_eq!(done.stderr, "");
    assert!(!done.stdout.contains("version"), "{}", done.stdout);
}
