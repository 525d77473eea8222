//! `tests/flags.yaml` names for every flag of every command the test that shows its effect; the
//! README's table of compatibility is made from it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Command → flag → what shows it; the flags before the command under `dco`.
type Table = BTreeMap<String, BTreeMap<String, String>>;

fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(at(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn table() -> Table {
    serde_yaml::from_str(&read("tests/flags.yaml")).expect("tests/flags.yaml")
}

fn command_name(name: &str) -> String {
    if name.is_empty() { "dco" } else { name }.to_owned()
}

#[test]
fn the_table_knows_every_flag_that_dco_knows_and_no_other() {
    let table = table();
    let known: BTreeMap<String, BTreeSet<String>> = dco::command::flags()
        .into_iter()
        .map(|(name, flags)| (command_name(name), flags.into_iter().collect()))
        .collect();
    let mut wrong = Vec::new();
    for (command, flags) in &known {
        let listed = table.get(command).cloned().unwrap_or_default();
        for flag in flags {
            if !listed.contains_key(flag) {
                wrong.push(format!("`{command} --{flag}` is not in the table"));
            }
        }
        for (flag, proof) in listed {
            if !flags.contains(&flag) && !proof.starts_with("absent ") {
                wrong.push(format!("`{command} --{flag}` is not in dco"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// The sources of the tests in a folder, by module path.
fn sources(folder: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut due = vec![(at(folder), String::new())];
    while let Some((dir, module)) = due.pop() {
        for entry in fs::read_dir(&dir).expect("a folder").flatten() {
            let path = entry.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let stem = stem.unwrap_or_default();
            let name = match (module.is_empty(), stem) {
                (_, "mod") => module.clone(),
                (true, stem) => stem.to_owned(),
                (false, stem) => format!("{module}::{stem}"),
            };
            if path.is_dir() {
                due.push((path, name));
            } else if let Ok(text) = fs::read_to_string(&path) {
                found.insert(name, text);
            }
        }
    }
    found
}

fn has_test(sources: &BTreeMap<String, String>, name: &str) -> bool {
    let Some((module, test)) = name.rsplit_once("::") else {
        return false;
    };
    let module = module.trim_end_matches("::tests");
    let head = format!("fn {test}()");
    sources.get(module).is_some_and(|text| text.contains(&head))
}

#[derive(serde::Deserialize)]
struct Case {
    of: String,
    run: String,
}

#[test]
fn every_proof_in_the_table_is_there() {
    let mut cases = BTreeSet::new();
    for entry in fs::read_dir(at("tests/parity/invocations"))
        .expect("the cases")
        .flatten()
    {
        let text = fs::read_to_string(entry.path()).expect("a file of cases");
        let read: Vec<Case> = serde_yaml::from_str(&text).expect("cases");
        cases.extend(
            read.into_iter()
                .map(|case| format!("{}: {}", case.of, case.run)),
        );
    }
    let (engine, cli, unit) = (
        sources("tests/engine"),
        sources("tests/cli"),
        sources("src"),
    );
    let table = table();
    let mut lost = Vec::new();
    for (command, flags) in &table {
        for (flag, proof) in flags {
            let (kind, what) = proof.split_once(' ').unwrap_or((proof, ""));
            let holds = match kind {
                "parity" => cases.contains(what),
                "engine" => has_test(&engine, what),
                "cli" => has_test(&cli, what),
                "unit" => has_test(&unit, what),
                "as" => table
                    .get(what)
                    .is_some_and(|other| other.contains_key(flag)),
                "ignored" | "absent" => !what.is_empty(),
                "untested" => true,
                _ => false,
            };
            if !holds {
                lost.push(format!("{command} --{flag}: {proof}"));
            }
        }
    }
    assert_eq!(lost, Vec::<String>::new());
}

const BEGIN: &str =
    "<!-- made from tests/flags.yaml: DCO_WRITE=1 cargo test --test cli flags -->\n";
const END: &str = "<!-- end -->\n";

/// The table of the README.
fn rendered(table: &Table) -> String {
    let mut text = String::from(
        "| command | flags | no test yet | taken, without effect | not there |\n|---|---|---|---|---|\n",
    );
    for (command, flags) in table {
        let of = |wanted: fn(&str) -> bool| {
            let names = flags.iter().filter(|(_, proof)| wanted(proof));
            let names: Vec<String> = names.map(|(flag, _)| format!("`--{flag}`")).collect();
            names.join(" ")
        };
        let works = |proof: &str| {
            let others = ["ignored ", "absent ", "untested"];
            !others.iter().any(|other| proof.starts_with(other))
        };
        text.push_str(&format!(
            "| `{command}` | {} | {} | {} | {} |\n",
            of(works),
            of(|proof| proof == "untested"),
            of(|proof| proof.starts_with("ignored ")),
            of(|proof| proof.starts_with("absent ")),
        ));
    }
    text
}

#[test]
fn the_readme_shows_the_table() {
    let readme = read("README.md");
    let (before, rest) = readme.split_once(BEGIN).expect("where the table begins");
    let (shown, after) = rest.split_once(END).expect("where it ends");
    let wanted = rendered(&table());
    if std::env::var_os("DCO_WRITE").is_some() {
        let text = format!("{before}{BEGIN}{wanted}{END}{after}");
        fs::write(at("README.md"), text).expect("README.md");
        return;
    }
    assert_eq!(shown, wanted, "DCO_WRITE=1 cargo test --test cli flags");
}
