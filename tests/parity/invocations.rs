//! One invocation through both tools on the same project: what it prints, how it ends, what the
//! engine holds after it.
//!
//! `invocations/*.yaml` are lists; a project is a folder of `projects/`. A case:
//!
//! ```yaml
//! - run: ps --services       # the words, after the tool's name
//!   of: two                  # the project's folder
//!   after: [up -d]           # what the same tool runs first; `!` before a word of the shell
//!   env: {KEY: value}
//!   stdin: text
//!   then: [find out]         # lines of the shell that look at what the run left
//!   sort: true               # the order of the lines means nothing
//!   only: [code, engine]     # what is compared; else stdout, code and engine
//!   meant: why               # dco is another on purpose
//! ```

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::engine::Holding;
use crate::normal;
use crate::place::Place;
use crate::report::{Case, Report, Verdict};
use crate::tool::{Tool, Tools, words};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Invocation {
    run: String,
    of: String,
    #[serde(default)]
    after: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, String>,
    #[serde(default)]
    stdin: String,
    #[serde(default)]
    then: Vec<String>,
    #[serde(default)]
    sort: bool,
    #[serde(default = "everything")]
    only: Vec<String>,
    meant: Option<String>,
}

fn everything() -> Vec<String> {
    ["stdout", "code", "engine"].map(str::to_owned).to_vec()
}

struct Outcome {
    stdout: String,
    stderr: String,
    code: i32,
    engine: serde_json::Value,
}

pub fn run(tools: &Tools, filter: &[String]) -> Report {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity");
    let mut files: Vec<_> = std::fs::read_dir(folder.join("invocations"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    // `@flags` means the cases of `flags.yaml`.
    let (chosen, filter): (Vec<&str>, Vec<&str>) = filter
        .iter()
        .map(String::as_str)
        .partition(|word| word.starts_with('@'));
    let is_chosen = |file: &Path| {
        let stem = file.file_stem().and_then(|stem| stem.to_str());
        chosen.is_empty() || chosen.iter().any(|word| Some(&word[1..]) == stem)
    };
    files.retain(|file| is_chosen(file));
    let mut cases: Vec<Invocation> = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let read: Vec<Invocation> = serde_yaml::from_str(&text)
            .unwrap_or_else(|cause| panic!("{}: {cause}", file.display()));
        cases.extend(read);
    }
    cases.retain(|case| filter.iter().all(|word| name(case).contains(word)));
    Report::of(&["compared"], &cases, |case| Case {
        name: name(case),
        cells: vec![case.only.join(", ")],
        verdict: judge(tools, &folder, case),
    })
}

fn name(case: &Invocation) -> String {
    let after = match case.after.is_empty() {
        true => String::new(),
        false => format!(" after {}", case.after.join(", ")),
    };
    format!("{}: {}{after}", case.of, case.run)
}

fn judge(tools: &Tools, folder: &Path, case: &Invocation) -> Verdict {
    let mut place = Place::new();
    place.env = case.env.clone();
    let dco = outcome(&tools.dco, &place, folder, case);
    place.clear();
    let peer = outcome(&tools.peer, &place, folder, case);
    let (dco, peer) = match (dco, peer) {
        (Ok(dco), Ok(peer)) => (dco, peer),
        (Err(cause), _) | (_, Err(cause)) => return Verdict::Differs(vec![cause]),
    };
    let compares = |what: &str| case.only.iter().any(|only| only == what);
    let mut found = Vec::new();
    if compares("code") && dco.code != peer.code {
        let last = |text: &str| text.trim().lines().last().unwrap_or_default().to_owned();
        let (ours, theirs) = (last(&dco.stderr), last(&peer.stderr));
        found.push(format!(
            "code: dco {} ({ours}), peer {} ({theirs})",
            dco.code, peer.code
        ));
    }
    if compares("stdout") && dco.stdout != peer.stdout {
        found.push(format!(
            "stdout: dco {:?}\n           peer {:?}",
            dco.stdout, peer.stdout
        ));
    }
    if compares("engine") {
        found.extend(normal::differences(&dco.engine, &peer.engine));
    }
    match (&case.meant, found.is_empty()) {
        (_, true) => Verdict::Equal,
        (Some(why), false) => Verdict::Meant(why.clone()),
        (None, false) => Verdict::Differs(found),
    }
}

fn outcome(
    tool: &Tool,
    place: &Place,
    folder: &Path,
    case: &Invocation,
) -> Result<Outcome, String> {
    let _ = std::fs::remove_dir_all(&place.dir);
    place.copy(&folder.join("projects").join(&case.of), "");
    for line in &case.after {
        prepare(tool, place, line)?;
    }
    let before = Holding::of(place);
    let run = tool.run_with(place, &words(&place.named(&case.run)), &case.stdin);
    let after = Holding::of(place);
    let mut text = run.stdout;
    for line in &case.then {
        text.push_str(&look(place, line));
    }
    let mut stdout = normal::text(place, &[&before, &after], &text);
    if case.sort {
        let mut lines: Vec<_> = stdout.lines().collect();
        lines.sort_unstable();
        stdout = lines.join("\n");
    }
    Ok(Outcome {
        stdout,
        stderr: run.stderr,
        code: run.code,
        engine: normal::holding(place, &after),
    })
}

/// What a line of the shell prints, errors too.
fn look(place: &Place, line: &str) -> String {
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{}", place.named(line))])
        .current_dir(&place.dir)
        .output();
    let output = output.unwrap_or_else(|cause| panic!("parity: {line}: {cause}"));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs what has to be there first: the tool's own words, or after `!` a line of the shell.
fn prepare(tool: &Tool, place: &Place, line: &str) -> Result<(), String> {
    let line = place.named(line);
    if let Some(shell) = line.strip_prefix('!') {
        let output = Command::new("sh")
            .args(["-c", shell])
            .current_dir(&place.dir)
            .output();
        return match output {
            Ok(output) if output.status.success() => Ok(()),
            _ => Err(format!("`{shell}` failed")),
        };
    }
    let run = tool.run(place, &words(&line));
    match run.code {
        0 => Ok(()),
        code => Err(format!(
            "{}: `{line}` ended with {code}: {}",
            tool.name,
            run.stderr.trim()
        )),
    }
}
