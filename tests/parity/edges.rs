//! What dco infers of real compose files: every edge, beside the list that people have read.
//!
//! `tests/fixtures/inferred-edges.txt` has a line for each: the verdict (`right`, or why a wrong one
//! is kept), the case, the edge, what is waited for, and what it was inferred from. The files lie
//! beside this repository, or where `CORPUS` says; without them there is nothing to compare. `BLESS=1` writes the list
//! anew, with `unread` where a line is new.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::report::{Case, Report, Verdict};
use crate::tool::Tools;

/// The verdict of a line that nobody has read.
const UNREAD: &str = "unread";

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The list by case: each line's verdict.
fn read(list: &str) -> BTreeMap<&str, BTreeMap<&str, &str>> {
    let mut cases: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for line in list.lines().filter(|line| !line.starts_with('#')) {
        let mut parts = line.splitn(3, " | ");
        let (Some(verdict), Some(case), Some(edge)) = (parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        cases.entry(case).or_default().insert(edge, verdict);
    }
    cases
}

/// The inferred edges of one case; none where its files are refused.
fn inferred(program: &Path, corpus: &Path, case: &str) -> Vec<String> {
    let Some((repository, files)) = case.split_once(' ') else {
        return Vec::new();
    };
    let mut files = files.split(',');
    let first = corpus
        .join(repository.replace('/', "+"))
        .join(files.next().unwrap_or_default());
    let folder = first.parent().unwrap_or(corpus);
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear().env("HOME", "/root");
    command.arg("-f").arg(&first);
    for file in files {
        command.arg("-f").arg(folder.join(file));
    }
    command.args(["--project-name", "corpus", "graph", "--format", "json"]);
    let output = command.output().expect("dco runs");
    let graph: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let mut edges = Vec::new();
    for service in graph["services"].as_array().into_iter().flatten() {
        for edge in service["depends_on"].as_array().into_iter().flatten() {
            if edge["origin"] != "inferred" {
                continue;
            }
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let targets: Vec<String> = edge["waits_for"]
                .as_array()
                .into_iter()
                .flatten()
                .map(text)
                .collect();
            edges.push(format!(
                "{} -> {} | {} | {}",
                text(&service["name"]),
                text(&edge["service"]),
                targets.join(", "),
                // A file's place is another one on each machine.
                text(&edge["because"])
                    .split(", /")
                    .next()
                    .unwrap_or_default(),
            ));
        }
    }
    edges
}

pub fn run(tools: &Tools, filter: &[String]) -> Report {
    let program = tools.dco.program();
    let tar = std::env::var_os("CORPUS")
        .map_or_else(|| here("../shared/corpus/corpus.tar.zst"), PathBuf::from);
    if !tar.exists() {
        println!("edges: no files at {}: nothing to compare", tar.display());
        return Report::default();
    }
    let unpacked = tempfile::tempdir().expect("a folder");
    let done = Command::new("tar")
        .arg("--zstd")
        .arg("-xf")
        .arg(&tar)
        .arg("-C")
        .arg(unpacked.path())
        .status();
    assert!(done.is_ok_and(|status| status.success()), "tar and zstd");
    let names = std::fs::read_to_string(unpacked.path().join("cases.txt")).expect("its cases");
    let cases: Vec<&str> = names
        .lines()
        .filter(|case| filter.iter().all(|word| case.contains(word.as_str())))
        .collect();
    let path = here("tests/fixtures/inferred-edges.txt");
    let list = std::fs::read_to_string(&path).unwrap_or_default();
    let known = read(&list);
    let corpus = unpacked.path().join("corpus");
    let none = BTreeMap::new();
    let report = Report::of(&["edges"], &cases, |case| {
        let found = inferred(program, &corpus, case);
        let known = known.get(*case).unwrap_or(&none);
        let mut wrong = Vec::new();
        for edge in &found {
            match known.get(edge.as_str()) {
                None => wrong.push(format!("not in the list: {edge}")),
                Some(&UNREAD) => wrong.push(format!("nobody has read: {edge}")),
                Some(_) => {}
            }
        }
        let gone = known
            .keys()
            .filter(|edge| !found.iter().any(|one| one == *edge));
        wrong.extend(gone.map(|edge| format!("not inferred any more: {edge}")));
        Case {
            name: (*case).to_owned(),
            verdict: match wrong.is_empty() {
                true => Verdict::Equal,
                false => Verdict::Differs(wrong),
            },
            cells: vec![found.join("\n")],
        }
    });
    if std::env::var_os("BLESS").is_some() {
        bless(&path, &known, &report);
    }
    report
}

fn bless(path: &Path, known: &BTreeMap<&str, BTreeMap<&str, &str>>, report: &Report) {
    let mut text = String::from(
        "# What dco infers of real compose files, read by people: verdict | case | edge | what is waited for | from\n",
    );
    for case in &report.cases {
        for edge in case.cells[0].lines() {
            let known = known.get(case.name.as_str());
            let verdict = known.and_then(|edges| edges.get(edge)).unwrap_or(&UNREAD);
            text.push_str(&format!("{verdict} | {} | {edge}\n", case.name));
        }
    }
    std::fs::write(path, text).expect("the list");
}
