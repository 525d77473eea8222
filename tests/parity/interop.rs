//! One project under two tools in turn: whichever comes second finds everything as it wants it,
//! and each can show and end what the other made.

use std::path::Path;

use serde::Deserialize;

use crate::engine::Holding;
use crate::place::Place;
use crate::report::{Case, Report, Verdict};
use crate::tool::{Tool, Tools, words};

#[derive(Deserialize)]
struct Fixture {
    /// The project's folder.
    of: String,
    /// Global options.
    #[serde(default)]
    args: String,
    /// What `up -d` is given besides.
    #[serde(default)]
    up: String,
}

pub fn run(tools: &Tools, filter: &[String]) -> Report {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity");
    let text = std::fs::read_to_string(folder.join("interop.yaml")).unwrap();
    let fixtures: Vec<Fixture> = serde_yaml::from_str(&text).unwrap();
    let cases: Vec<(&Fixture, [&Tool; 2])> = fixtures
        .iter()
        .filter(|fixture| filter.iter().all(|word| fixture.of.contains(word)))
        .flat_map(|fixture| {
            let there = (fixture, [&tools.dco, &tools.peer]);
            let back = (fixture, [&tools.peer, &tools.dco]);
            [there, back]
        })
        .collect();
    Report::of(&["containers"], &cases, |(fixture, [first, second])| {
        let mut found = Vec::new();
        let count = in_turn(&folder, fixture, first, second, &mut found);
        Case {
            name: format!("{}: {}, then {}", fixture.of, first.name, second.name),
            cells: vec![count.to_string()],
            verdict: match found.is_empty() {
                true => Verdict::Equal,
                false => Verdict::Differs(found),
            },
        }
    })
}

/// First makes the project, second and first again find nothing to do, second shows it and ends
/// it. Returns how many containers there were.
fn in_turn(
    folder: &Path,
    fixture: &Fixture,
    first: &Tool,
    second: &Tool,
    found: &mut Vec<String>,
) -> usize {
    let place = Place::new();
    place.copy(&folder.join("projects").join(&fixture.of), "");
    let mut ask = |tool: &Tool, line: &str| {
        let mut args = words(&fixture.args);
        args.extend(words(line));
        let run = tool.run(&place, &args);
        if run.code != 0 {
            let said = run
                .stderr
                .trim()
                .lines()
                .last()
                .unwrap_or_default()
                .to_owned();
            found.push(format!(
                "`{} {line}` ended with {}: {said}",
                tool.name, run.code
            ));
        }
        run.stdout
    };
    let up = format!("up -d {}", fixture.up);
    ask(first, &up);
    let made = Holding::of(&place).ids();
    for tool in [second, first, second] {
        ask(tool, &up);
        let now = Holding::of(&place).ids();
        if now != made {
            let changed = made
                .iter()
                .filter(|(name, id)| now.get(*name) != Some(id))
                .map(|(name, _)| place.unnamed(name))
                .chain(now.keys().filter(|name| !made.contains_key(*name)).cloned());
            let changed: Vec<_> = changed.collect();
            found.push(format!(
                "`{} {up}` changed {}",
                tool.name,
                changed.join(", ")
            ));
            return made.len();
        }
    }
    let listed = |tool: &Tool, ask: &mut dyn FnMut(&Tool, &str) -> String| {
        let mut ids: Vec<_> = ask(tool, "ps -aq --no-trunc")
            .lines()
            .map(str::to_owned)
            .collect();
        ids.sort();
        ids
    };
    let (theirs, ours) = (listed(second, &mut ask), listed(first, &mut ask));
    let differs = theirs != ours || theirs.len() != made.len();
    let mut lines = |tool: &Tool| {
        // How wide the names stand depends on which container speaks first.
        let mut lines: Vec<_> = ask(tool, "logs --no-color")
            .lines()
            .map(|line| match line.split_once('|') {
                Some((name, text)) => format!("{} |{text}", name.trim_end()),
                None => line.to_owned(),
            })
            .collect();
        lines.sort();
        lines
    };
    let logs = [lines(second), lines(first)];
    ask(second, "down -v");
    if differs {
        found.push(format!(
            "`ps -aq`: {} lists {ours:?}, {} {theirs:?}",
            first.name, second.name
        ));
    }
    if logs[0] != logs[1] {
        found.push(format!("`logs`: {:?} against {:?}", logs[0], logs[1]));
    }
    let left = Holding::of(&place);
    if left != Holding::default() {
        let containers = left.containers.keys();
        let names = containers
            .chain(left.networks.keys())
            .chain(left.volumes.keys());
        let names: Vec<_> = names.cloned().collect();
        found.push(format!(
            "`{} down -v` left {}",
            second.name,
            names.join(", ")
        ));
    }
    made.len()
}
