//! Broken projects: what each `up -d` says, whole; and healthy ones, of which it says nothing.
//!
//! A case is a folder of `tests/fixtures/broken`: the project's files, and `card`, which is the exit
//! code and all that dco has to say beside its progress. In the files `@FREE@` is a port that
//! nobody has, `@HELD@` one that the test holds, `@REGISTRY@` a registry that has nothing.
//! `BLESS=1` writes what dco says now; read it before it is committed.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use regex::Regex;

use crate::support::Project;
use crate::support::capability::{Capability, needs};

/// As many projects are brought up at once: most of the time they wait.
const AT_ONCE: usize = 4;

fn cases(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(folder);
    let entries = fs::read_dir(&folder).unwrap();
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// Does something for every case, a few at a time; what it gives, in the cases' order.
fn each<T: Send>(cases: &[PathBuf], work: impl Fn(&Path) -> T + Sync) -> Vec<T> {
    let next = Mutex::new(cases.iter().enumerate());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let taken = next.lock().unwrap().next();
                    let Some((index, case)) = taken else { break };
                    let result = work(case);
                    done.lock().unwrap().push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// The words that stand for something of this run.
struct Stage {
    words: Vec<(&'static str, String)>,
    _held: TcpListener,
}

impl Stage {
    fn set() -> Self {
        let held = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port().to_string();
        let words = vec![
            ("@HELD@", port(&held)),
            ("@REGISTRY@", format!("127.0.0.1:{}", registry())),
        ];
        Self { words, _held: held }
    }

    /// The same for one case, with a port that nobody has.
    fn of_one(&self) -> Vec<(&'static str, String)> {
        let free = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = free.local_addr().unwrap().port().to_string();
        let mut words = self.words.clone();
        words.push(("@FREE@", port));
        words
    }
}

type Words = [(&'static str, String)];

fn fill(words: &Words, text: &str) -> String {
    let fill = |text: String, (word, value): &(&str, String)| text.replace(word, value);
    words.iter().fold(text.to_owned(), fill)
}

/// What was said, without what is another each time, and without the progress.
fn plain(words: &Words, project: &Project, said: &str) -> String {
    let mut text = said.replace(project.name(), "PROJECT");
    for (word, value) in words {
        text = text.replace(value, word);
    }
    for (pattern, with) in [
        (r"(?m)^ [A-Za-z].*\n", ""),
        (r"after \d+\.\d s", "after TIME"),
        (r"process \d+ \(`[^`]*`\)", "process PID (`PROGRAM`)"),
        (r"`kill \d+`", "`kill PID`"),
        (r"\b(172|192|10)\.\d+\.\d+\.\d+\b", "IP"),
        (r"(again and again \()\d+ ", "${1}N "),
        // The engine's words are its own, and others in each version.
        (
            r"(?m)^( +engine:\n)(?:          +.*\n)+",
            "$1           WORDS\n",
        ),
        (r"(?m)(cannot pull `[^`]*`): .*$", "$1: WORDS"),
    ] {
        let pattern = Regex::new(pattern).unwrap();
        text = pattern.replace_all(&text, with).into_owned();
    }
    text
}

/// A registry on this machine that has no image, and wants a login for private ones.
fn registry() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut request = [0; 4096];
            let Ok(count) = stream.read(&mut request) else {
                continue;
            };
            let request = String::from_utf8_lossy(&request[..count]).into_owned();
            let (status, body) = match request.split(' ').nth(1).unwrap_or_default() {
                "/v2/" => ("200 OK", "{}"),
                path if path.contains("private") => (
                    "401 Unauthorized",
                    r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#,
                ),
                _ => (
                    "404 Not Found",
                    r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#,
                ),
            };
            let length = body.len();
            // The engine may have given up already.
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    port
}

/// Copies a case's files with their modes, the words in them filled in.
fn copy(from: &Path, project: &Project, into: &str, words: &Words) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let inside = format!("{into}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            copy(&path, project, &format!("{inside}/"), words);
        } else if inside == "compose.yaml" {
            project.write(&inside, &fill(words, &fs::read_to_string(&path).unwrap()));
        } else if inside != "card" {
            project.write(&inside, "");
            fs::copy(&path, project.path(&inside)).unwrap();
        }
    }
}

/// Whether a case needs an engine that runs healthchecks.
fn has_healthcheck(case: &Path) -> bool {
    let text = fs::read_to_string(case.join("compose.yaml")).unwrap();
    text.contains("healthcheck:")
}

#[test]
fn every_broken_project_gives_its_rule_its_place_and_its_mend() {
    if !needs(Capability::Here) {
        return;
    }
    let (_, mut others) = parted("broken");
    others.retain(|case| !case.ends_with(OUT_OF_MEMORY));
    all_give_their_cards(others);
}

const OUT_OF_MEMORY: &str = "out-of-memory";

#[test]
fn a_project_that_runs_out_of_memory_is_told_so() {
    if !needs(Capability::OutOfMemory) {
        return;
    }
    let mut cases = cases("broken");
    cases.retain(|case| case.ends_with(OUT_OF_MEMORY));
    assert_eq!(cases.len(), 1);
    all_give_their_cards(cases);
}

#[test]
fn a_broken_project_with_a_healthcheck_gives_its_rule_too() {
    let (with, _) = parted("broken");
    all_give_their_cards(with);
}

/// The cases of a folder, those with a healthcheck and the others.
fn parted(folder: &str) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let cases = cases(folder);
    assert!(cases.len() >= 20, "{} cases", cases.len());
    cases.into_iter().partition(|case| has_healthcheck(case))
}

#[track_caller]
fn all_give_their_cards(mut cases: Vec<PathBuf>) {
    let bless = std::env::var_os("BLESS").is_some();
    let only = std::env::var("CASE").unwrap_or_default();
    cases.retain(|case| case.to_string_lossy().contains(&only));
    let stage = Stage::set();
    let wrong = each(&cases, |case| {
        let project = Project::new("broken").env("DCO_GATE_TIMEOUT", "2s");
        let words = stage.of_one();
        copy(case, &project, "", &words);
        let up = project.dco(&["up", "-d", "--quiet-build"]);
        let said = format!("exit {}\n{}", up.code, plain(&words, &project, &up.stderr));
        if bless {
            fs::write(case.join("card"), &said).unwrap();
        }
        let expected = fs::read_to_string(case.join("card")).unwrap_or_default();
        let name = case.file_name().unwrap().to_string_lossy();
        (said != expected).then(|| format!("{name} says\n{said}\ninstead of\n{expected}"))
    });
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_healthy_project_gives_no_card() {
    let (_, others) = parted("healthy");
    none_gives_a_card(&others);
}

#[test]
fn a_healthy_project_with_a_healthcheck_gives_none_either() {
    let (with, _) = parted("healthy");
    none_gives_a_card(&with);
}

#[track_caller]
fn none_gives_a_card(cases: &[PathBuf]) {
    let wrong = each(cases, |case| {
        let project = Project::new("healthy");
        copy(case, &project, "", &[]);
        let up = project.dco(&["up", "-d"]);
        let said = plain(&[], &project, &up.stderr);
        let notes = |line: &&str| !line.contains(" waits for ");
        let said: Vec<&str> = said.lines().filter(notes).collect();
        let name = case.file_name().unwrap().to_string_lossy();
        let well = up.code == 0 && said.is_empty();
        (!well).then(|| format!("{name} ends with {} and says\n{}", up.code, said.join("\n")))
    });
    let wrong: Vec<String> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
