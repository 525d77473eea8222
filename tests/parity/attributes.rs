//! Every attribute of the file: what `up --no-start` (or `up`) leaves at the engine, dco's beside the
//! peer's, member by member.
//!
//! One file per attribute in `attributes/`; its folder `files/` is copied beside it, and docker has
//! the plugins of its folder `plugins/`. `x-parity` at
//! the top says what is special: `run` (words instead of `up --no-start`), `args` (global options),
//! `env`, `read` (files of the container `web` that are compared), `docker_config` (whether the
//! client's configuration names proxies), `meant` (why dco is another on purpose) with `members`
//! (where).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::engine::Holding;
use crate::normal;
use crate::place::Place;
use crate::report::{Case, Report, Verdict};
use crate::tool::{Run, Tool, Tools, docker, words};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Special {
    run: Option<String>,
    args: String,
    env: BTreeMap<String, String>,
    read: Vec<String>,
    docker_config: bool,
    meant: Option<String>,
    members: Vec<String>,
}

#[derive(Default, Deserialize)]
struct File {
    #[serde(rename = "x-parity", default)]
    special: Special,
}

/// What one tool made of a fixture.
struct Outcome {
    run: Run,
    holding: Value,
    read: BTreeMap<String, String>,
}

const COLUMNS: &[&str] = &["where it shows", "members compared"];

pub fn run(tools: &Tools, filter: &[String]) -> Report {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/attributes");
    let mut fixtures: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .filter(|path| filter.iter().all(|word| name(path).contains(word)))
        .collect();
    fixtures.sort();
    let (_, plain, _) = fixture(tools, &folder.join("image.yaml"));
    Report::of(COLUMNS, &fixtures, |path| {
        let (dco, peer, special) = fixture(tools, path);
        Case {
            name: name(path),
            cells: vec![
                shows(&plain, &peer),
                normal::leaves(&peer.holding).len().to_string(),
            ],
            verdict: judge(&dco, &peer, &special),
        }
    })
}

fn name(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn fixture(tools: &Tools, path: &Path) -> (Outcome, Outcome, Special) {
    let text = std::fs::read_to_string(path).unwrap();
    let file: File =
        serde_yaml::from_str(&text).unwrap_or_else(|cause| panic!("{}: {cause}", path.display()));
    let special = file.special;
    let mut place = Place::new();
    place.env = special.env.clone();
    if special.docker_config {
        let proxies = r#"{"proxies": {"default": {"httpProxy": "http://proxy.example:3128", "noProxy": "localhost"}}}"#;
        std::fs::write(place.root.join("docker/config.json"), proxies).unwrap();
    }
    place.plugins(&path.with_file_name("plugins"));
    let dco = outcome(&tools.dco, &place, &text, path, &special);
    place.clear();
    let peer = outcome(&tools.peer, &place, &text, path, &special);
    (dco, peer, special)
}

fn outcome(tool: &Tool, place: &Place, text: &str, path: &Path, special: &Special) -> Outcome {
    let _ = std::fs::remove_dir_all(&place.dir);
    std::fs::create_dir_all(&place.dir).unwrap();
    place.copy(&path.with_file_name("files"), "files");
    place.write("compose.yaml", text);
    let mut args = words(&special.args);
    args.extend(words(special.run.as_deref().unwrap_or("up --no-start")));
    let run = tool.run(place, &args);
    let holding = Holding::of(place);
    let web = holding
        .containers
        .iter()
        .find(|(_, value)| value["Config"]["Labels"]["com.docker.compose.service"] == "web");
    let read = special
        .read
        .iter()
        .map(|path| {
            let show = format!("ls -ln {path} | cut -d' ' -f1,3,4; cat {path}");
            let web = web.map_or("absent", |(name, _)| name);
            (
                path.clone(),
                docker(&["exec", web, "sh", "-c", &show]).stdout,
            )
        })
        .collect();
    Outcome {
        run,
        holding: normal::holding(place, &holding),
        read,
    }
}

fn judge(dco: &Outcome, peer: &Outcome, special: &Special) -> Verdict {
    let mut found = Vec::new();
    let failed = |run: &Run| run.code != 0;
    if failed(&dco.run) != failed(&peer.run) {
        let last = |run: &Run| {
            run.stderr
                .trim()
                .lines()
                .last()
                .unwrap_or_default()
                .to_owned()
        };
        found.push(format!(
            "exit: dco {} ({}), peer {} ({})",
            dco.run.code,
            last(&dco.run),
            peer.run.code,
            last(&peer.run)
        ));
    }
    // What is left behind by a refusal is no attribute.
    if !failed(&dco.run) && !failed(&peer.run) {
        found.extend(normal::differences(&dco.holding, &peer.holding));
    }
    for (path, text) in &peer.read {
        if dco.read.get(path) != Some(text) {
            found.push(format!(
                "{path}: dco {:?}, peer {text:?}",
                dco.read.get(path)
            ));
        }
    }
    let is_meant = |line: &String| special.members.iter().any(|member| line.contains(member));
    match (&special.meant, found.is_empty()) {
        (_, true) => Verdict::Equal,
        (Some(why), false) if found.iter().all(is_meant) => Verdict::Meant(why.clone()),
        _ => Verdict::Differs(found),
    }
}

/// Where the attribute shows at the engine, against the plain service; hashes aside.
fn shows(plain: &Outcome, peer: &Outcome) -> String {
    if peer.run.code != 0 {
        let said = peer.run.stderr.trim().lines().last().unwrap_or_default();
        return format!("refused: {said}");
    }
    let (before, after) = (&plain.holding, normal::leaves(&peer.holding));
    let known = normal::leaves(before);
    let mut places = BTreeSet::new();
    for (pointer, value) in &after {
        let mut words = pointer.split('/').skip(1);
        let Some(object) = words.next() else { continue };
        if before.get(object).is_none() {
            places.insert(format!("`{object}`"));
        } else if known.get(pointer) != Some(value) && !pointer.contains("config-hash") {
            let member: Vec<_> = words
                .take(2)
                .filter(|word| word.parse::<u32>().is_err())
                .collect();
            places.insert(member.join("."));
        }
    }
    match places.is_empty() {
        true => "nowhere".to_owned(),
        false => places.into_iter().collect::<Vec<_>>().join(", "),
    }
}
